"""Many runs: a table of rows through one or several variants, with no call wasted and no answer lost.

::

    rows.py      frames, lists and files -> plain rows
    cells.py     what a table's cell is as a JSON value
    mapping.py   which Start variable takes what of a row
    plan.py      rows x variants x repeats -> jobs with stable keys (pure)
    events.py    what happens in a batch, as values
    stopping.py  when to stop starting calls (pure)
    engine.py    the calls: given `attempt` and a gate, it knows no client
    ledger.py    a batch's answers and claims in the store
    outcomes.py  what is known of each job, and the counts
    control.py   how one start of a batch runs
    batch.py     `Batch`
    start.py     `batch`, `abatch`
    frames.py    jobs and runs -> tidy DataFrame
    wording.py   a batch in words and in HTML
    progress.py  the text of progress
"""
