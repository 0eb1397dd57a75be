"""Widgets around the fields of a form: run bar, panels, results, batch progress."""
