"""A batch in words and in HTML."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.batching.history.reopen import Merged
from fh_notebook.batching.model import JobCounts, Stopped
from fh_notebook.batching.planning.plan import Plan
from fh_notebook.batching.rendering import digest, error_groups, frame_html, frame_text, progress_sentence
from fh_notebook.contract.run import Run
from fh_notebook.core.text.messages import CELL, PYTHON, Message


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (JobCounts(planned=4, done=4, calls=4), "b: 4 of 4 done; 4 calls"),
        (JobCounts(planned=1, done=1, calls=1), "b: 1 of 1 done; 1 call"),
        (JobCounts(planned=80, done=80, reused=62, calls=18), "b: 80 of 80 done; 62 reused, 18 calls"),
        (
            JobCounts(planned=9, done=2, failed=3, unknown=1, pending=3, calls=9, refused=2),
            "b: 2 of 9 done, 3 failed, 1 unknown (may have run; retry_unknown=True calls again), 3 pending; 9 calls, 2 of them refused (429)",
        ),
    ],
)
def test_the_sentence_says_what_is_not_nothing(counts: JobCounts, said: str) -> None:
    """One line, and no number that is of no use."""
    assert progress_sentence("b", counts) == said
    assert progress_sentence("b", counts, doing="paused") == f"{said}; paused"
    stopped = Stopped(reason="daily_cap", detail="the cap", resume=Message("{resume} then"))
    retry = "fh.last_batch().resume(retry_unknown=True) calls again"
    assert progress_sentence("b", counts, audience=CELL) == said.replace("retry_unknown=True calls again", retry)
    assert progress_sentence("b", counts, stopped=stopped) == f"{said}. Stopped: the cap; batch.resume() then"
    cell = replace(stopped, audience=replace(PYTHON, resume="run the cell again"))
    assert (cell.detail, cell.message) == ("the cap", "the cap; run the cell again then")
    assert Stopped(reason="defect", detail="broken").message == "broken"


def test_the_digest_has_the_most_frequent_errors_first_and_says_what_it_leaves_out() -> None:
    """A thousand failures are one line."""
    runs = [Run(status="completed")] * 5
    runs += [Run(status="failed", error="tags\nare missing", error_code="validation_error")] * 900
    runs += [Run(status="failed", error=f"of its own {i}", error_code="x") for i in range(10)]
    groups = error_groups((row, f"key {row}", run) for row, run in enumerate(runs))
    said = digest(groups)
    assert said.startswith("910 failed: 900 x validation_error 'tags are missing', 1 x x 'of its own 0'")
    assert said.endswith(", 7 others")
    assert len(said) < 300
    assert (groups[0].jobs, groups[0].calls, [row for row, *_ in groups[0].first]) == (900, 900, [5, 6, 7, 8, 9])
    assert digest(error_groups([(0, "", Run(status="completed"))])) == ""
    assert digest(error_groups([(0, "", Run(status="failed"))])) == "1 failed: 1 x no reason given"


def test_a_name_out_of_somebodys_file_is_printable() -> None:
    """It tells a terminal nothing."""
    name = "b\x1b[2J\u202e"
    assert progress_sentence(name, JobCounts(planned=1, done=1, calls=1)) == "b\\x1b[2J\\u202e: 1 of 1 done; 1 call"
    assert str(Plan(name=name, deployment=name, variants=("v",), rows=1, repeats=1, jobs=1)).startswith("b\\x1b[2J")
    merged = Merged(files=1, new=1, known=0, undone=0, raters=(name,))
    assert repr(merged) == "1 file by b\\x1b[2J\\u202e: 1 new rating, 0 known already"


HOSTILE = ["<script>alert(1)</script>", "a\nb\x1b[31m", "\u202eevil", '"><img src=x onerror=alert(1)>', "x" * 100_000]


@pytest.mark.parametrize("text", HOSTILE)
def test_model_output_is_text_in_the_html_and_in_its_twin(text: str) -> None:
    """Escaped, on one line, cut: nothing of it runs, and it does not flood a notebook."""
    frame = pd.DataFrame({"output": [text], "n": [1]})
    shown = frame_html(frame, ["output", "n", "not there"])
    assert "<script" not in shown
    assert "<img" not in shown
    assert len(shown) < 1000
    twin = frame_text(frame, ["output", "n", "not there"])
    assert len(twin.splitlines()) == 2
    assert "\x1b" not in twin + shown
    assert "\u202e" not in twin + shown
    assert len(twin) < 300


@given(st.lists(st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.booleans(), st.lists(st.none()))))
def test_any_column_can_be_shown(values: list[object]) -> None:
    """A line for each, in both forms."""
    frame = pd.DataFrame({"v": pd.Series(values, dtype=object)})
    assert frame_html(frame, ["v"]).count("<tr>") == (len(values) + 1 if values else 0)
    assert len(frame_text(frame, ["v"]).split("\n")) == len(values) + 1
