"""Races: sequential tests that call only as many rows as the evidence needs to decide which variant is better.

Start with `api.py` (`race`, `arace`) and `race.py` (`Race`). `schedule.py` decides which rows run next, `evidence.py`
what they prove.
"""
