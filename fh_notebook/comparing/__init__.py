"""Which is better: scores of runs, compared between variants on the same rows.

::

    scorers.py      ready scorers, public as ``fh.score``
    scoring.py      runs and rows -> scores; a scorer that raises gives a missing score, never zero
    intervals.py    confidence intervals (pure)
    tables.py       scores -> summary and one line a row
    verdict.py      one sentence that claims no more than the numbers
    comparison.py   `compare` and `Comparison`
"""
