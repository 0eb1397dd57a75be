"""Buttons of a batch: what they show."""

from __future__ import annotations

import re

import fh_notebook as fh
from fh_notebook.batching.rendering import error_groups
from fh_notebook.local import LocalHive
from fh_notebook.notebook.progress.batch_results import comparison_page, error_rows
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


def test_users_of_an_app_read_of_no_function_in_a_comparison() -> None:
    """What is left out is told to everybody; how to have it otherwise, to who can call a function."""
    hive = LocalHive()
    hive.workflow("reply", variant="good")(lambda ticket: ticket)
    hive.workflow("reply", variant="bad")(lambda ticket: [][ticket == "late"])
    rows = [{"ticket": "late", "expected_output": "late"}, {"ticket": "lost", "expected_output": "lost"}]
    with hive.client() as client:
        batch = fh.batch(rows, "reply", variants=["good", "bad"], client=client, progress=False)
    pages = {is_app: comparison_page(batch, is_app=is_app).value.replace("<wbr>", "") for is_app in (False, True)}
    left_out = {is_app: re.findall(r">(2 failed [^<]*)<", page) for is_app, page in pages.items()}
    assert [len(lines) for lines in left_out.values()] == [1, 1]
    assert left_out[False][0].startswith(left_out[True][0])
    assert {is_app: "fh.compare" in page for is_app, page in pages.items()} == {False: True, True: False}
