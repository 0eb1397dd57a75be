"""Differences between the outputs of a row: words of texts, paths of JSON values."""
