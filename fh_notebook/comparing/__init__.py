"""Which is better: scores of runs, compared between variants on the same rows.

::

    scorers.py      ready scorers, public as ``fh.score``; by kind in scorer_*.py
    scorer_base.py  what a scorer is, and what its answer means
    scorer_run.py   many runs through one scorer: kept scores, async ones, several in one
    scorer_version.py, scorer_state.py   whether a user's function is still the same
    judge.py        another deployment as judge: judge_calls.py asks, judge_answers.py reads, judge_pairs.py weighs
    scoring.py      runs and rows -> scores; a scorer that raises gives a missing score, never zero
    scoring_source.py, scoring_many.py, scoring_again.py   where runs come from, several scores, and scoring again
    intervals.py    confidence intervals (pure)
    tables.py       scores -> summary and one line a row
    verdict.py      one sentence that claims no more than the numbers
    comparison.py   `compare` and `Comparison`
"""
