"""A batch in words and in HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.batching.history.reopen import Merged
from fh_notebook.batching.model import BatchStopped, FailedSelection, JobCounts, error_template
from fh_notebook.batching.planning.plan import Plan
from fh_notebook.batching.rendering import (
    RETRY,
    STATUS_WORDS,
    UNKNOWN_MEANS,
    BatchOverview,
    Offers,
    digest,
    error_groups,
    frame_html,
    frame_text,
    groups_by_code,
    informative_columns,
    progress_sentence,
    retry_code,
)
from fh_notebook.comparing.stats.number_format import ScoreText
from fh_notebook.contract.run import Run
from fh_notebook.contract.wire import BROKEN_TEXTS
from fh_notebook.core.text import html
from fh_notebook.core.text.messages import CELL, PYTHON, Message
from tests.told import tells

SUMMARIES: list[tuple[JobCounts, tuple[str, ...]]] = [
    (JobCounts(planned=4, done=4, calls=4), ("b", "4 of 4", "4 calls")),
    (JobCounts(planned=1, done=1, calls=1), ("b", "1 of 1", "1 call")),
    (JobCounts(planned=80, done=80, reused=62, calls=18), ("b", "80 of 80", "62 reused", "18 calls")),
    (
        JobCounts(planned=9, done=2, failed=3, unknown=1, pending=3, calls=9, refused=2),
        ("b", "2 of 9", "3 failed", "1", "retry_unknown=True", "3 pending", "9 calls", "2 requests"),
    ),
    (JobCounts(planned=4, done=4, calls=6, refused=2), ("b", "4 of 4", "6 calls", "2 requests")),
    (
        JobCounts(planned=3, unknown=3, capped=2, calls=3),
        ("b", "0 of 3", "3", "1", "retry_unknown=True", "2", "batch.resolve_unknown()", "00:00 UTC", "3 calls"),
    ),
    (
        JobCounts(planned=3, unknown=3, not_ended=3, calls=3),
        ("b", "0 of 3", "3", "batch.resolve_unknown()", "3 calls"),
    ),
    (
        JobCounts(planned=3, unknown=3, waiting=2, calls=3),
        ("b", "0 of 3", "1", "retry_unknown=True", "2", "batch.approvals()", "batch.resolve_unknown()", "3 calls"),
    ),
]


@pytest.mark.parametrize(("counts", "said"), SUMMARIES)
def test_the_sentence_says_what_is_not_nothing(counts: JobCounts, said: tuple[str, ...]) -> None:
    """One line, and no number that is of no use."""
    sentence = progress_sentence("b", counts)
    assert (tells(sentence, *said), "\n" in sentence) == (True, False)
    assert progress_sentence("b", counts, doing="paused") == f"{sentence}; paused"
    stopped = BatchStopped(reason="daily_cap", detail="the cap", resume=Message("{resume} then"))
    in_cell = progress_sentence("b", counts, audience=CELL)
    assert in_cell.count("fh.last_batch().") == sentence.count("batch.") + sentence.count("retry_unknown=True")
    assert progress_sentence("b", counts, stopped=stopped) == f"{sentence}. Stopped: the cap; batch.resume() then"
    cell = replace(stopped, audience=replace(PYTHON, resume="do this again"))
    assert (cell.detail, cell.message) == ("the cap", "the cap; do this again then")
    assert BatchStopped(reason="defect", detail="broken").message == "broken"


def test_the_digest_has_the_most_frequent_errors_first_and_says_what_it_leaves_out() -> None:
    """A thousand failures are one line."""
    runs = [Run(status="completed")] * 5
    runs += [Run(status="failed", error="tags\nare missing", error_code="validation_error")] * 900
    runs += [Run(status="failed", error=f"of its own {'i' * i}", error_code="x") for i in range(10)]
    groups = error_groups((row, f"key {row}", run) for row, run in enumerate(runs))
    said = digest(groups)
    assert said.startswith("910 failed: 900 x validation_error 'tags are missing', 1 x x 'of its own'")
    assert said.endswith(", 7 others")
    assert len(said) < 300
    assert (groups[0].jobs, groups[0].calls, [row for row, *_ in groups[0].first]) == (900, 900, [5, 6, 7, 8, 9])
    assert digest(error_groups([(0, "", Run(status="completed"))])) == ""
    assert digest(error_groups([(0, "", Run(status="failed"))])) == "1 failed: 1 x no reason given"


@pytest.mark.parametrize(
    ("line", "template"),
    [
        ("id 123 not found", "id … not found"),
        ("KeyError: 'order'", "KeyError: …"),
        ("no customer “Ann” of «Zürich» or `x`", "no customer … of … or …"),
        ("run 0d9c8f0e-95b4-4d7e-8e0b-0a1b2c3d4e5f is gone", "run … is gone"),
        ("digest 9f86d081884c7d65 differs", "digest … differs"),
        ("after 3.5 s on 2026-12-01 at 06:41", "after … s on … at …"),
        ("the row can't be read, don't retry", "the row can't be read, don't retry"),
        ("HTTP 502", "HTTP 502"),
        ("answered with status 404: no row 7", "answered with status 404: no row …"),
        ("", ""),
    ],
)
def test_what_an_error_names_of_its_row_is_left_out_of_its_template(line: str, template: str) -> None:
    """Quoted values, ids and numbers; a status is the error itself, and an apostrophe is no quote."""
    assert error_template(line) == template
    assert FailedSelection(error=template).has(Run(status="failed", error=line))


def test_errors_that_differ_by_a_value_of_their_row_are_one() -> None:
    """The text has the template, a page one example and how many others there are; the code for Retry means them all."""
    runs = [Run(status="failed", error=f"id {row} not found") for row in range(123, 126)]
    runs += [Run(status="failed", error="no label"), Run(status="failed", error="id x not found")]
    groups = error_groups((row, f"key {row}", run) for row, run in enumerate(runs))
    assert [(group.jobs, group.error, group.others) for group in groups] == [
        (3, "id … not found", 2),
        (1, "no label", 0),
        (1, "id x not found", 0),
    ]
    assert digest(groups).startswith("5 failed: 3 x 'id … not found', 1 x 'no label'")
    [one, *_] = groups_by_code(groups)
    assert one.words == "id 123 not found (and 2 other messages)"
    assert retry_code(one) == 'batch.retry_failed(error="id … not found")'
    assert [FailedSelection(error=one.error).has(run) for run in runs] == [True] * 3 + [False] * 2
    assert [FailedSelection(error="id 124 not found").has(run) for run in runs] == [False, True, False, False, False]


def test_a_connection_that_broke_is_told_once_in_plain_words() -> None:
    """The system's message is in the rows of the error; one that is not of the wire keeps its code."""
    error = f"{BROKEN_TEXTS['reset']} ([Errno 104] Connection reset by peer)"
    [group] = error_groups([(0, "a", Run(status="unknown", error=error, error_code="reset"))])
    assert (group.words, group.first[0][2]) == (BROKEN_TEXTS["reset"], error)
    [group] = error_groups([(0, "a", Run(status="failed", error="start again", error_code="reset"))])
    assert group.words == "start again (reset)"


def test_a_name_out_of_somebodys_file_is_printable() -> None:
    """It tells a terminal nothing."""
    name = "b\x1b[2J\u202e"
    assert progress_sentence(name, JobCounts(planned=1, done=1, calls=1)).startswith("b\\x1b[2J\\u202e: ")
    assert str(Plan(name=name, deployment=name, variants=("v",), rows=1, repeats=1, jobs=1)).startswith("b\\x1b[2J")
    merged = Merged(files=1, new=1, known=0, undone=0, raters=(name,))
    assert "b\\x1b[2J\\u202e" in repr(merged)


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


def test_an_output_in_a_row_is_its_words() -> None:
    """As in every table: no markup, no JSON; of a file its name."""
    outputs = ["# Decision\n\nWe **pay**.", {"label": "late", "days": [1, 2]}, {"assets": [{"file_name": "a.png"}]}]
    shown = frame_html(pd.DataFrame({"output": pd.Series(outputs, dtype=object)}), ["output"])
    assert [part in shown for part in ("Decision: We pay.", "label: late, days: 2 items", ">a.png<")] == [True] * 3
    twin = frame_text(pd.DataFrame({"a.output": pd.Series(outputs, dtype=object)}), ["a.output"])
    assert "label: late, days: 2 items" in twin


def test_a_short_name_of_a_variant_does_not_break_in_a_table() -> None:
    """At its hyphen, where the column is narrow; a long one may."""
    shown = frame_html(
        pd.DataFrame({"variant": ["fine-tuned", "a" * 99], "output": ["a-b", ""]}), ["variant", "output"]
    )
    assert '<bdi class="fh-unbroken">fine-tuned</bdi>' in shown
    assert shown.count("fh-unbroken") == 1


@given(st.lists(st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.booleans(), st.lists(st.none()))))
def test_any_column_can_be_shown(values: list[object]) -> None:
    """A line for each, in both forms."""
    frame = pd.DataFrame({"v": pd.Series(values, dtype=object)})
    assert frame_html(frame, ["v"]).count("<tr>") == (len(values) + 1 if values else 0)
    assert len(frame_text(frame, ["v"]).split("\n")) == len(values) + 1


def _overview(counts: JobCounts, head: pd.DataFrame, runs: Sequence[Run] = ()) -> BatchOverview:
    groups = groups_by_code(error_groups((row, f"key {row}", run) for row, run in enumerate(runs)))
    return BatchOverview(
        name="b",
        summary="",
        counts=counts,
        groups=groups,
        head=head,
        columns=list(head.columns),
        factors="3 rows x 2 variants",
    )


def test_a_column_that_says_nothing_of_the_lines_shown_is_left_out() -> None:
    """No output where all have failed, no "reused: no" on every line; the text and the page leave out the same."""
    head = pd.DataFrame({"row": [0, 1], "output": [None, None], "error": ["late", "lost"], "reused": [False, False]})
    assert informative_columns(head, ["row", "output", "error", "reused"]) == ["row", "error"]
    assert informative_columns(head.assign(reused=[False, True]), ["output", "reused"]) == ["reused"]
    page = _overview(JobCounts(planned=6, failed=6, calls=6), head).rows_html()
    assert re.findall(r"<th [^>]*>([^<]*)<", page) == ["row", "error"]


def test_an_error_is_at_length_where_it_has_a_line_of_its_own() -> None:
    """Its end is what says most; its code stands behind it, and is no button."""
    long = f"the connection broke {'and ' * 40}then: reset by peer"
    runs = [Run(status="unknown", error=long, error_code="reset"), Run(status="failed", error_code="late")]
    failed, unknown = groups_by_code(error_groups((row, "k", run) for row, run in enumerate(runs)))
    assert (failed.words, unknown.words) == ("late", f"{long} (reset)")
    page = _overview(JobCounts(planned=2, failed=1, unknown=1, calls=2), pd.DataFrame(), runs).head_html(
        Offers(retry=True)
    )
    assert long in page
    assert "<code>reset" not in page
    many = [replace(runs[0], error=f"{number} {long}") for number in range(3)]
    [one] = groups_by_code(error_groups((row, "k", run) for row, run in enumerate(many)))
    assert (one.others, one.words.count("2 other messages")) == (2, 1)
    capped = [Run(status="unknown", error="batch.resolve_unknown() looks it up", error_code="look_ups_capped")]
    shown = _overview(JobCounts(planned=1, unknown=1, capped=1, calls=1), pd.DataFrame(), capped).page_html()
    assert ("retry_unknown" in shown, "batch.resolve_unknown()" in shown) == (False, True)
    waits = [Run(status="awaiting_approval", error="it waits for a decision: batch.approvals()")]
    shown = _overview(JobCounts(planned=1, unknown=1, calls=1), pd.DataFrame(), waits).page_html()
    assert ("retry_unknown" in shown, waits[0].error in shown) == (False, True)


@pytest.mark.parametrize(
    ("statuses", "failed", "is_first"),
    [
        (["failed", "unknown"], 4, True),
        (["failed", "completed"], 1, True),
        (["completed", "failed"], 1, False),
        (["completed", "completed"], 3, False),
        (["completed", "completed"], 0, False),
    ],
)
def test_the_caption_says_which_rows_are_shown(statuses: list[str], failed: int, is_first: bool) -> None:
    """Failed ones stand first where the rows are in the store; rows in files are in the plan's order."""
    head = pd.DataFrame({"row": [0, 1], "status": statuses})
    page = str(_overview(JobCounts(planned=10, done=9 - failed, failed=failed), head).page_html())
    caption = page.partition("2 of 9 jobs that ended")[2].partition("<")[0]
    assert bool(caption) == is_first


def test_the_head_says_where_answers_are_from_and_what_is_not_called_again() -> None:
    """Answers of earlier runs, and the failed ones among them; what may have run has one word in chip and error."""
    counts = JobCounts(planned=6, done=2, failed=1, unknown=3, reused=3, reused_failed=1)
    runs = [Run(status="unknown", error="no answer")] * 3
    page = str(_overview(counts, pd.DataFrame({"row": [0], "status": ["failed"]}), runs).page_html())
    assert page.count(f"3 {STATUS_WORDS['unknown']}") == 2
    assert f'title="{UNKNOWN_MEANS}"' in page
    assert re.search(r'<div class="fh-dim">[^<]*\b1\b[^<3]*</div>', page)  # what may have run, its error says
    assert tells(page, "1 of 6 jobs", "3 rows x 2 variants")
    assert html.code(RETRY[0]) in page
    fresh = str(_overview(JobCounts(planned=1, done=1, calls=1), pd.DataFrame({"row": [0]})).page_html())
    assert "Not called again" not in fresh
    assert html.code(RETRY[0]) not in fresh


@pytest.mark.parametrize(
    ("rows", "variants", "repeats", "factors"),
    [
        (300, 3, 1, "300 rows x 3 variants"),
        (300, 1, 2, "300 rows x 2 repeats"),
        (1, 2, 2, "2 variants x 2 repeats"),
        (300, 1, 1, ""),
        (None, 2, 1, "2 variants"),
    ],
)
def test_a_plan_says_what_its_jobs_are_made_of(rows: int | None, variants: int, repeats: int, factors: str) -> None:
    """Nothing where each row is one job."""
    names = tuple("abc"[:variants])
    plan = Plan(
        name="b", deployment="d", variants=names, rows=rows, repeats=repeats, jobs=(rows or 0) * variants * repeats
    )
    assert plan.factors == factors


def test_scores_that_are_all_whole_have_no_decimals() -> None:
    """Right and wrong are 1 and 0, also in a column of one variant."""
    page = frame_html(pd.DataFrame({"a.score": [1.0, 0.0, None], "b.score": [0.5, 1.0, 0.0]}), ["a.score", "b.score"])
    assert re.findall("<td[^>]*>(.*?)</td>", page) == ["1", "0.500", "0", "1.000", "", "0.000"]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([0.0002, 0.0014], ["0.00020", "0.00140"]),
        ([0.75, 0.0002, 0.0], ["0.7500", "0.0002", "0.0000"]),
        ([250.0, 0.31], ["250.0", "0.3"]),
        ([0.75, 0.5, 0.1 + 0.2 - 0.3], ["0.750", "0.500", "0.000"]),
        ([0.75, 3e-8], ["0.75", "3e-08"]),
    ],
)
def test_no_number_of_a_column_is_printed_as_zero_that_is_none(values: list[float], shown: list[str]) -> None:
    """All have one format; what is left over of a sum is zero."""
    page = frame_html(pd.DataFrame({"score": values}), ["score"])
    assert re.findall("<td[^>]*>(.*?)</td>", page) == shown
    text = ScoreText.of(values, yes_no=False)
    assert [text(value) for value in values] == shown


def test_whole_numbers_keep_their_digits_beside_a_gap() -> None:
    """A missing value makes floats of a column: ids, years and large scores are still told apart."""
    frame = pd.DataFrame({"id": [10_000_001, None, 10_000_002], "year": [2024, 2025, None], "huge": [1e300, 2.0, None]})
    page = frame_html(frame, list(frame))
    assert re.findall("<td[^>]*>(.*?)</td>", page) == [
        "10000001",
        "2024",
        "1e+300",
        "",
        "2025",
        "2",
        "10000002",
        "",
        "",
    ]
    text = ScoreText.of([1_234_567.0, 1_234_999.0], yes_no=False)
    assert [text(1_234_567.0), text(1_234_999.0)] == ["1,234,567", "1,234,999"]
