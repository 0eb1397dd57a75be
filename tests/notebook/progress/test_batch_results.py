"""Buttons of a batch: what they show."""

from __future__ import annotations

import re

import fh_notebook as fh
from fh_notebook.batching.rendering import error_groups
from fh_notebook.notebook.progress.batch_results import error_rows
from tests.batching.hives import Shouting


def test_the_rows_of_an_error_have_the_values_that_were_given() -> None:
    """None is rounded, so two rows that are not the same are told apart; of no row there is an empty table."""
    rows = [{"price": price, "text": "bad"} for price in (12.25, 12.2, 100.004)]
    with Shouting().hive.client() as client:
        batch = fh.batch(rows, "shout", variants="loud", client=client, progress=False)
        nothing = fh.batch(rows[:0], "shout", variants="loud", client=client, progress=False)
    [group] = error_groups((job.row, job.key, outcome.run) for job, outcome, _ in batch.entries() if outcome)
    cells = re.findall("<td[^>]*>(.*?)</td>", str(error_rows(batch, group)))
    assert [cells[0::5], cells[2::5]] == [["0", "1", "2"], ["12.250", "12.200", "100.004"]]
    assert "<td" not in str(error_rows(nothing, group))
