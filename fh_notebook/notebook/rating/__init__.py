"""Blind rating of outputs in a notebook."""
