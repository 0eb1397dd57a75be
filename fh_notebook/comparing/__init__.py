"""Which is better: scores of runs, compared between variants on the same rows.

::

    scorers.py      ready scorers, public as ``fh.score``; by kind in scorer_*.py
    scorer_base.py  what a scorer is, and what its answer means
    scorer_run.py   many runs through one scorer: kept scores, async ones, several in one
    scorer_version.py         the version of a user's function, under which its scores are kept
    judge.py        another deployment as judge: judge_calls.py asks, judge_answers.py reads, judge_pairs.py weighs
    scoring.py      runs and rows -> scores; a scorer that raises gives a missing score, never zero
    scoring_source.py         where runs come from
    score_set.py              the scores of one comparison, the own one and others, and scoring again
    sources.py, dated.py      a batch, a table, a list, or several by name -> one line a run
    grid.py                   scores as an array, rows x variants: what every statistic is computed from (pure)
    clusters.py               which rows ask the same, and are one piece of evidence (pure)
    intervals.py, paired.py   confidence intervals, tests of paired differences (pure)
    blaker.py, tango.py, bootstrap.py   what both are computed by (pure)
    ranges.py                 the range that limits keep to (pure)
    pairs.py, power.py        every pair of variants, and how many rows it would need (pure)
    summary.py                the summary lines, of a table, of slices and of partitions (pure)
    data.py                   `ScoredRuns` and `ComparisonData`: what all that follows is a function of
    tables.py                 data -> summary, pairs, leaderboard, slices, one line a row
    hiding.py                 what nothing shown of it may say: passwords, whoever repeats them
    verdict.py, notes.py      one sentence that claims no more than the numbers, and what must be said beside it
    view.py, figures.py       a comparison as text and HTML; numbers as they are read
    plot*.py                  the same as figures
    diff*.py                  one row's answers against each other: words, JSON, marks
    rating_part.py, rating_*.py, ratings.py   blind rating by people: `HumanRatings`, which a comparison holds
    rated.py                  the data of a comparison by what people said
    agreement.py, kappa.py    how far people agree, with each other and with a judge
    report*.py                one file to be sent to somebody: a page, Markdown, a workbook
    asking.py                 what may be asked of a comparison
    comparison.py             `compare` and `Comparison`, which hands on to all of these
"""
