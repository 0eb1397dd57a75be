"""Batches: the rows of a table through one or several variants, without wasting a call or losing an answer."""
