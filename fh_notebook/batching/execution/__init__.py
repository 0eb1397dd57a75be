"""Execution: the calls of one start of a batch. It does not import a client."""
