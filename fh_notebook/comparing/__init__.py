"""Comparison of variants: scores of their runs on the same rows, tests, verdict, ratings and reports.

Start with `comparison.py` (`compare`, `Comparison`). `scorers/` turns runs into scores, `sources.py` a batch or a table
into scored runs, and `data.py` has the value from which `stats/`, `tables.py`, `verdicts/`, `plots/`, `diff/`,
`rating/` and `report/` compute.
"""
