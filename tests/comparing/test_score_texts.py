"""A score under an output has one text, whichever display shows it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.batching.rendering import frame_text
from fh_notebook.comparing.report.row_filters import ONLY_RIGHT
from fh_notebook.notebook.browser.page import table_page
from fh_notebook.notebook.browser.query import RowFinder, TableQuery
from fh_notebook.notebook.browser.table import browser_table
from tests.notebook.hostile import Page

CASES = {
    "numbers": ([0.75, 3.0], [12.0, 4.5], ["0.8", "3.0"], ["12.0", "4.5"]),
    "whole numbers": ([4.0, 3.0], [5.0, 1.0], ["4", "3"], ["5", "1"]),
    "right and wrong": ([1.0, 0.0], [0.0, 0.0], ["✓ right", "✗ wrong"], ["✗ wrong", "✗ wrong"]),
}


@pytest.mark.parametrize("case", CASES)
def test_all_displays_write_the_scores_of_a_comparison_in_one_format(case: str, tmp_path: Path) -> None:
    """The comparison's rows, a difference, the browser's table and opened row, and the reports."""
    first, second, shown_first, shown_second = CASES[case]
    frame = pd.DataFrame({
        "row": [0, 1] * 2, "variant": ["a", "a", "b", "b"], "s": [*first, *second],
        "output": ["It is late.", "It is lost.", "It is here.", "It is there."], "elapsed_s": 2.214,
    })  # fmt: skip
    cmp = fh.compare(frame, score="s")
    prefix = "" if case == "right and wrong" else "score "
    assert f">{prefix}{shown_first[0]}</span>" in cmp._repr_html_()
    markdown = cmp.report(tmp_path / "x.md").read_text("utf-8")
    assert all(f"({text})" in markdown for text in (shown_first[0], shown_second[0]))

    diff = Page(cmp.diff(0, a="a")._repr_html_()).text
    assert f"{prefix}{shown_first[0]} → {shown_second[0]}" in diff
    assert f"{prefix}{shown_second[0]} · 2.21 s" in diff

    page = table_page(RowFinder(browser_table(cmp.data)), TableQuery(open=0), [])
    assert [[cell["score"] for cell in row["cells"]] for row in page["rows"]] == [
        [*pair] for pair in zip(shown_first, shown_second, strict=True)
    ]
    assert [card["score"] for card in page["open"]["cards"]] == [f"{prefix}{t[0]}" for t in (shown_first, shown_second)]

    best_first = sorted(zip((first, second), (shown_first, shown_second), strict=True), key=lambda pair: -sum(pair[0]))
    report = cmp.report(tmp_path / "x.html").read_text("utf-8")
    rows = json.loads(report.split('id="data">')[1].split("</script>")[0])["rows"]
    assert [run["facts"] for run in rows[0]["runs"]] == [f"{t[0]} · 2.21 s" for _, t in best_first]


def test_a_column_of_inputs_has_one_number_format_in_a_comparison(tmp_path: Path) -> None:
    """In its rows, the browser's table and the report's page; nothing that a person gave is rounded away."""
    lines = [
        {"row": row, "variant": variant, "s": int(variant == "a"), "output": variant, "price": price, "weight": weight}
        for row, (price, weight) in enumerate([(3.5, 2.0), (12.99, 3.0)])
        for variant in "ab"
    ]
    cmp = fh.compare(pd.DataFrame(lines), score="s")
    page = table_page(RowFinder(browser_table(cmp.data)), TableQuery(), ["price", "weight"])
    assert [row["own"] for row in page["rows"]] == [["3.50", "2"], ["12.99", "3"]]
    report = cmp.report(tmp_path / "x.html").read_text("utf-8")
    rows = json.loads(report.split('id="data">')[1].split("</script>")[0])["rows"]
    assert [row["inputs"] for row in rows] == [["3.50", "2"], ["12.99", "3"]]
    assert [text in cmp._repr_html_() for text in (">3.50<", ">2<", ">3.5<")] == [True, True, False]


def test_numbers_that_were_given_are_not_rounded_and_are_found_as_they_are_shown(tmp_path: Path) -> None:
    """With many decimals each has its own; a cell reads the same on each page, and without commas."""
    given = [(52.520008, 1_732_900_000.12345, 1234.5), (52.519171, 1_732_900_000.5, 0.25), (0.1 + 0.2, 5.0, 3.0)]
    shown = [["52.520008", "1732900000.12345", "1234.50"], ["52.519171", "1732900000.5", "0.25"], ["0.3", "5", "3.00"]]
    columns = ["at", "time", "price"]
    lines = [
        {"row": row, "variant": variant, "output": variant, **dict(zip(columns, values, strict=True))}
        for row, values in enumerate(given)
        for variant in "ab"
    ]
    cmp = fh.compare(pd.DataFrame(lines))
    finder = RowFinder(browser_table(cmp.data))
    pages = [table_page(finder, TableQuery(size=1, page=page), columns) for page in range(3)]
    assert [page["rows"][0]["own"] for page in pages] == shown
    for search in ("1234.5", "1234.50", "52.520008"):
        assert [row["own"] for row in table_page(finder, TableQuery(search=search), columns)["rows"]] == shown[:1]
    assert table_page(finder, TableQuery(where=(("price", "1234.5"),)), columns)["found"] == 1
    report = cmp.report(tmp_path / "x.html").read_text("utf-8")
    rows = json.loads(report.split('id="data">')[1].split("</script>")[0])["rows"]
    assert [row["inputs"] for row in rows] == shown
    assert all(f">{text}<" in cmp._repr_html_() for text in (shown[0][0], shown[1][0]))


def test_the_text_of_a_comparison_rounds_nothing_that_was_given() -> None:
    """A row's label, an input and what is expected, beside scores that have three digits."""
    lines = [
        {"row": row, "variant": variant, "s": score, "output": variant, "price": price, "expected_output": expected}
        for row, price, expected in [(0.5, 12.25, 12.31125), (12.25, 100.004, 100.5)]
        for variant, score in (("a", 0.75), ("b", 0.5))
    ]
    text = repr(fh.compare(pd.DataFrame(lines), score="s"))
    rows = [line.split() for line in text.splitlines() if "0.750" in line.split()]
    assert rows[-2:] == [
        ["0.50", "12.250", "12.31125", "a", "0.750", "b", "0.500"],
        ["12.25", "100.004", "100.5", "a", "0.750", "b", "0.500"],
    ]


def test_the_rows_of_a_batch_write_the_numbers_of_a_column_in_one_format() -> None:
    """Inputs of a person's own, too: thousands are not an exponent, and whole numbers have no decimals."""
    frame = pd.DataFrame(
        {"amount": [0.5, 12.25, None], "price": [1234.0, 7.0, 80_000.0], "elapsed_s": [0.001, 2, 12.5]}
    )
    assert [line.split() for line in frame_text(frame, list(frame)).splitlines()] == [
        ["amount", "price", "elapsed_s"], ["0.5", "1234", "0.001"], ["12.2", "7", "2.000"], ["80000", "12.500"],
    ]  # fmt: skip


def test_no_seconds_of_a_column_are_told_longer_than_they_are() -> None:
    """A small one beside a large one has the digits that it needs; zero and less than zero stay what they are."""
    frame = pd.DataFrame({"elapsed_s": [0.0, 0.04, 12.0], "metadata.delay_s": [-3.0, 0.0, 12.5]})
    lines = [line.split() for line in frame_text(frame, list(frame)).splitlines()]
    assert lines[1:] == [["0.00", "-3.0"], ["0.04", "0.0"], ["12.00", "12.5"]]
    whole = frame_text(pd.DataFrame({"elapsed_s": [0.00004, 12.0]}), ["elapsed_s"])
    assert whole.split() == ["elapsed_s", "0.001", "12.000"]


def test_an_answer_is_the_only_right_one_where_no_other_was_right_in_any_repeat() -> None:
    """With repeats the winner of a row is of means: the others may have been right, too."""
    scores = {0: {"a": [1, 1, 0], "b": [0, 0, 1]}, 1: {"a": [1, 1, 1], "b": [0, 0, 0]}}
    frame = pd.DataFrame([
        {"row": row, "variant": variant, "repeat": repeat, "s": float(score), "output": variant}
        for row, of_row in scores.items() for variant, of in of_row.items() for repeat, score in enumerate(of)
    ])  # fmt: skip
    cmp = fh.compare(frame, score="s")
    page = table_page(RowFinder(browser_table(cmp.data)), TableQuery(open=0), [])
    assert [[cell["best"] for cell in row["cells"]] for row in page["rows"]] == [["best", ""], [ONLY_RIGHT, ""]]
    assert [card["best"] for card in page["open"]["cards"]] == ["best", ""]


def test_a_result_that_is_not_clear_names_what_the_best_beats_nevertheless() -> None:
    """Of three: the two best cannot be told apart, and both are far better than the third."""
    right = {"A": lambda row: row % 10 < 9, "B": lambda row: (row + 1) % 10 < 8, "C": lambda row: row % 10 < 1}
    frame = pd.DataFrame([
        {"row": row, "variant": variant, "output": f"{variant}{row}", "s": float(is_right(row))}
        for row in range(40) for variant, is_right in right.items()
    ])  # fmt: skip
    cmp = fh.compare(frame, score="s")
    *_, last = cmp.verdict.removesuffix(".").split(". ")
    assert last.split()[0] == "A"
    assert last.split()[-1] == "C"
