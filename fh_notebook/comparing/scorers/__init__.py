"""Scorers: functions from a run and its row to a score. `registry.py` has the list of `fh.score`."""
