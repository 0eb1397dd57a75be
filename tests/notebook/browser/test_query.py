"""Queries of a browser of rows: searched, filtered, sorted, stepped through, in values alone."""

from __future__ import annotations

import gc
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from weakref import ref

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.errors import InputError
from fh_notebook.notebook.browser.page import table_head, table_page
from fh_notebook.notebook.browser.query import RowFinder, TableQuery, checked_query, query_from_message, stepped
from fh_notebook.notebook.browser.static import page_html, page_text
from fh_notebook.notebook.browser.table import BrowserTable, browser_table
from tests.notebook.browser.frames import small
from tests.notebook.hostile import OUTPUTS, dangers
from tests.told import numbers_in


@pytest.fixture(scope="module")
def finder() -> RowFinder:
    return RowFinder(BrowserTable(fh.compare(small(), score="s").data))


def _rows(finder: RowFinder, **view: Any) -> list[int]:
    return [int(row) for row in finder.order(TableQuery(**view))]


@pytest.fixture(scope="module")
def labelled() -> RowFinder:
    expected = ["billing", "billing", "billing", "delivery", "delivery", "delivery"]
    said = {"a": ["billing", "delivery", "x", "delivery", "delivery", "billing"], "b": expected}
    frame = pd.concat(
        pd.DataFrame({"row": range(6), "variant": name, "output": output, "expected_output": expected})
        for name, output in said.items()
    )
    return RowFinder(BrowserTable(fh.compare(frame).data))


def test_an_opened_row_says_as_its_line_does_what_is_right() -> None:
    """They have the same colours."""
    frame = pd.DataFrame(
        [
            {"row": row, "variant": v, "output": said, "expected_output": "x"}
            for row in (0, 1)
            for v, said in ("ax", "by")
        ]
    )
    page = table_page(RowFinder(BrowserTable(fh.compare(frame).data)), TableQuery(open=0), [])
    assert [card["right"] for card in page["open"]["cards"]] == [True, False]
    assert [cell["right"] for cell in page["rows"][0]["cells"]] == [True, False]


def test_a_cell_of_a_confusion_table_is_as_many_rows_as_it_says(labelled: RowFinder) -> None:
    """Of each variant, each expected label and each answered one."""
    head = table_head(labelled.table, [], live=False)
    assert head["labels"] == head["label_ids"] == ["billing", "delivery", "(other)"]
    for variant, table in zip(head["ids"], head["confusions"], strict=True):
        for expected, counts in zip(head["label_ids"], table, strict=False):
            for said, count in zip(head["label_ids"], counts, strict=True):
                view = query_from_message(
                    TableQuery(page=3), {"confusion": [variant, expected, said]},
                    variants=head["ids"], columns=[], labels=labelled.table.labels_expected,
                )  # fmt: skip
                assert view.confusion == (variant, expected, said)
                assert view.page == 0
                assert len(labelled.order(view)) == count
    assert _rows(labelled, confusion=("a", "billing", "(other)")) == [2]
    assert _rows(labelled, confusion=("a", "delivery", "billing")) == [5]


@pytest.mark.parametrize(
    "said", [["a", "billing"], ["nobody", "billing", "billing"], ["a", "(other)", "billing"], 5, "abc"]
)
def test_a_page_that_asks_for_no_cell_is_ignored(labelled: RowFinder, said: Any) -> None:
    """As everything that does not fit."""
    known = {"variants": ["a", "b"], "columns": [], "labels": labelled.table.labels_expected}
    assert query_from_message(TableQuery(), {"confusion": said}, **known).confusion == ()
    with pytest.raises(InputError, match="'billing' and 'delivery'"):
        checked_query(TableQuery(), {"confusion": said}, **known)


def test_without_labels_there_is_no_confusion_table(finder: RowFinder) -> None:
    """And who asks for one is told why."""
    assert table_head(finder.table, [], live=False)["confusions"] == []
    with pytest.raises(InputError):
        checked_query(TableQuery(), {"confusion": ("a", "x", "y")}, variants=["a"], columns=[])


@pytest.mark.parametrize(
    ("view", "rows"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"down": True}, [5, 4, 3, 2, 1, 0]),
        ({"only": "different"}, [1, 2, 3, 4]),
        ({"only": "scores"}, [1, 2, 3, 5]),
        ({"only": "tied"}, [0]),
        ({"only": "failed"}, [2]),
        ({"only": "pending"}, [5]),
        ({"only": "unknown"}, []),
        ({"only": "unscored"}, [2, 4, 5]),
        ({"won": "a"}, [2, 5]),
        ({"won": "b"}, [1]),
        ({"won": "c"}, [3]),
        ({"low": 0.2}, [1, 3, 5]),
        ({"low": 0.4, "low_of": "b"}, [2, 3, 5]),
        ({"where": (("language", "de"),)}, [1, 3, 5]),
        ({"where": (("language", "de"), ("ticket", "Ticket 3: where is it?"))}, [3]),
        ({"where": (("language", "xx"),)}, []),
        ({"search": "REFUND"}, [2]),
        ({"search": "502 from the provider"}, [2]),
        ({"search": "ticket 4"}, [4]),
        ({"search": '"label":"lost"'}, [3]),
        ({"search": "lost", "only": "different", "where": (("language", "de"),)}, [1, 3]),
        ({"search": "  "}, [0, 1, 2, 3, 4, 5]),
        ({"sort": "row", "down": True}, [5, 4, 3, 2, 1, 0]),
        ({"sort": "apart", "down": True}, [1, 5, 3, 2, 0, 4]),
        ({"sort": "score:a"}, [1, 3, 2, 0, 5, 4]),
        ({"sort": "score:a", "down": True}, [0, 5, 2, 3, 1, 4]),
        ({"sort": "seconds:a", "down": True}, [5, 4, 3, 2, 1, 0]),
        ({"sort": "column:language"}, [1, 3, 5, 0, 2, 4]),
    ],
)
def test_a_view_shows_the_rows_that_it_says(finder: RowFinder, view: dict[str, Any], rows: list[int]) -> None:
    """Filters hold all at once; a sort is stable, and what is missing is last either way."""
    assert _rows(finder, **view) == rows


def test_where_less_is_better_a_low_score_is_a_high_one() -> None:
    """The winner is the quickest, and a bound is one from below."""
    finder = RowFinder(BrowserTable(fh.compare(small(), score="elapsed_s").data))
    assert _rows(finder, won="a") == [0, 1, 2, 3]
    assert _rows(finder, low=0.55) == [5]


def test_repeats_are_one_cell() -> None:
    """The first completed one, with the mean of their scores and their number."""
    frame = pd.DataFrame({
        "row": ["x"] * 4, "variant": ["a", "a", "a", "b"], "status": ["failed", *["completed"] * 3],
        "output": [None, "one", "two", "one"], "s": [0.0, 1.0, 0.0, 0.0], "error": ["boom", None, None, None],
    })  # fmt: skip
    answer = BrowserTable(fh.compare(frame, score="s").data).answer(0, 0)
    assert (answer.output, answer.score, answer.answers) == ("one", 0.5, 3)


def test_repeats_are_grouped_the_most_frequent_first() -> None:
    """In the cell and beside the opened answer; a failed run has none. A cell of one run is its answer."""
    outputs = ["other", "billing", "billing", None, "billing", "delivery", "delivery"]
    frame = pd.DataFrame({
        "row": ["x"] * 4 + ["y"] * 3, "variant": ["a"] * 6 + ["b"], "output": outputs,
        "status": ["completed"] * 3 + ["failed"] + ["completed"] * 3,
    })  # fmt: skip
    finder = RowFinder(BrowserTable(fh.compare(frame).data))
    page = table_page(finder, TableQuery(open=0), [])
    assert [[cell["text"] for cell in row["cells"]] for row in page["rows"]] == [
        ["2 x billing, 1 x other", ""], ["1 x billing, 1 x delivery", "delivery"],
    ]  # fmt: skip
    assert re.search(r"\b4 \w+: 2 x billing, 1 x other$", page["open"]["cards"][0]["repeats"])
    assert table_page(finder, TableQuery(open=1), [])["open"]["cards"][1]["repeats"] == ""
    assert "2 x billing, 1 x other" in page_text(table_head(finder.table, [], live=False), page)


def test_a_page_has_only_its_rows_and_the_opened_one(finder: RowFinder) -> None:
    """Texts and numbers; the winner of a row, what differs, the difference to the baseline."""
    page = table_page(finder, TableQuery(size=2, page=1, open=3, baseline="b"), ["ticket"])
    assert (page["found"], page["pages"], page["page"]) == (6, 3, 1)
    assert [(row["label"], row["differs"]) for row in page["rows"]] == [("20", True), ("30", True)]
    assert [cell["status"] for cell in page["rows"][0]["cells"]] == ["", "", "failed"]
    assert page["rows"][0]["cells"][2]["text"] == "502 from the Provider"
    assert [bool(cell["best"]) for cell in page["rows"][1]["cells"]] == [False, False, True]
    opened = page["open"]
    assert (opened["label"], opened["place"], opened["baseline"]) == ("30", 4, 1)
    assert [card["said"] for card in opened["cards"]][:2] == ["same", ""]
    assert numbers_in(opened["cards"][2]["said"]) == ["1"]
    assert opened["cards"][2]["changes"] == [["~", "changed", ["label"], '"late"', '"lost"']]
    assert table_page(finder, TableQuery(size=2, page=99), [])["page"] == 2


def test_what_is_left_out_of_an_opened_output_is_counted_where_it_is_known() -> None:
    """Of a text, how many characters; JSON is not spelt out to be counted, so of it only that there is more."""
    frame = pd.DataFrame({"row": 0, "variant": ["a", "b"], "output": ["x" * 20_500, {"n": list(range(50_000))}]})
    finder = RowFinder(BrowserTable(fh.compare(frame.assign(status="completed")).data))
    page = table_page(finder, TableQuery(open=0), [])
    text, value = (card["view"] for card in page["open"]["cards"])
    assert re.search(r"… \d{3} \w+ ", text)
    assert re.search(r"… \D+", value)
    shown = page_html(table_head(finder.table, [], live=False), page)
    assert text in shown
    assert value in shown


def test_what_was_searched_for_is_marked_in_the_view_of_an_output() -> None:
    """In a text, in the fold of a long one, in JSON and in an error; it is escaped as all of an output."""
    outputs = ["<b>Late</b>", f"{'line' + chr(10)} " * 60 + "late", {"late": ["too late"]}, None]
    frame = pd.DataFrame({"row": 0, "variant": ["a", "b", "c", "d"], "output": outputs})
    frame = frame.assign(status=["completed"] * 3 + ["failed"], error=[None] * 3 + ["late reply"])
    finder = RowFinder(BrowserTable(fh.compare(frame).data))
    page = table_page(finder, TableQuery(open=0, search=" LATE "), [])
    views = [card["view"] for card in page["open"]["cards"]]
    assert "&lt;b&gt;<mark>Late</mark>&lt;/b&gt;" in views[0]
    assert "<mark>late</mark>" in views[1].partition("<details")[2]
    assert "&quot;too <mark>late</mark>&quot;" in views[2]
    assert "<mark>late</mark> reply" in views[3]
    assert "<mark>" not in table_page(finder, TableQuery(open=0), [])["open"]["cards"][0]["view"]


def test_the_values_of_a_column_are_offered_with_their_number(finder: RowFinder) -> None:
    """The most frequent first."""
    values = table_page(finder, TableQuery(facet="language"), [])["values"]
    assert values == [["en", "en", 3], ["de", "de", 3]]
    assert table_page(finder, TableQuery(), [])["values"] == []


def test_the_next_row_is_the_next_of_those_shown(finder: RowFinder) -> None:
    """Its page is turned to; behind the last there is none; what is not shown begins at the first."""
    view = TableQuery(size=2, only="different")
    order = finder.order(view)
    seen = []
    for step in (1, 1, 1, 1, 1, -1):
        view = stepped(view, order, step)
        seen.append((view.open, view.page))
    assert seen == [(1, 0), (2, 0), (3, 1), (4, 1), (4, 1), (3, 1)]
    assert stepped(view, [], 1).open is None


def test_what_a_page_says_and_does_not_fit_is_left_as_it_was() -> None:
    """An old page, or one that was changed, breaks nothing."""
    view = TableQuery(page=2, size=10)
    strange: dict[str, Any] = {
        "search": 3, "only": "evil", "won": ["a"], "low": "1", "low_of": "x", "where": [["language"]], "sort": "score:x",
        "down": 1, "page": -1, "size": 10_000, "open": "1", "baseline": None, "facet": "secret", "evil": True,
    }  # fmt: skip
    assert query_from_message(view, strange, variants=["a"], columns=["language"]) == view
    for name, value in strange.items():
        assert query_from_message(view, {name: value}, variants=["a"], columns=["language"]) == view
    assert query_from_message(view, {"low": float("nan")}, variants=["a"], columns=[]) == view


def test_a_filter_goes_back_to_the_first_page_and_opening_a_row_does_not() -> None:
    """Nobody looks for the rows on page 7 of 1."""
    view = TableQuery(page=2)
    told = {"variants": ["a"], "columns": ["language"]}
    assert query_from_message(view, {"search": "x"}, **told).page == 0
    assert query_from_message(view, {"sort": "row"}, **told).page == 0
    assert query_from_message(view, {"size": 5}, **told).page == 0
    assert query_from_message(view, {"open": 3, "baseline": "a", "facet": "language"}, **told).page == 2
    assert query_from_message(view, {"where": [["language", "de"]]}, **told).where == (("language", "de"),)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"won": "neerest"}, r" is 'neerest'.* 'nearest'\?"),
        ({"serch": "x"}, "'serch'.*'search'"),
        ({"where": {"langage": "de"}}, "'langage'.*'language'"),
        ({"low": "x"}, "'x'"),
        ({"size": 0}, r"\b0\b.*\b1\b.*\b100\b"),
        ({"only": "diferent"}, r" is 'diferent'.* 'different'\?"),
        ({"search": "x" * 600}, r"\b500\b"),
    ],
)
def test_a_slip_in_a_cell_is_one_line_with_the_cure(asked: dict[str, Any], told: str) -> None:
    """What there is, and the nearest of it."""
    with pytest.raises(fh.InputError) as raised:
        checked_query(TableQuery(), asked, variants=["nearest"], columns=["language"])
    assert re.search(told, str(raised.value))


SORTS = ("", "row", "apart", "score:a", "score:b", "seconds:c", "column:language", "column:ticket")


@given(
    st.fixed_dictionaries({
        "search": st.sampled_from(["", "late", "e", "zzz"]), "only": st.sampled_from(["", "different", "tied", "failed"]),
        "won": st.sampled_from(["", "a", "b"]), "low": st.none() | st.floats(0, 1), "sort": st.sampled_from(SORTS),
        "down": st.booleans(), "page": st.integers(0, 9), "size": st.integers(1, 7), "open": st.none() | st.integers(0, 9),
    })
)  # fmt: skip
def test_any_view_is_a_page_that_can_be_sent_and_said(finder: RowFinder, view: dict[str, Any]) -> None:
    """Its rows are those of the order, whichever way it is sorted; it is JSON, HTML and text."""
    page = table_page(finder, TableQuery(**view), ["ticket"])
    order = _rows(finder, **{name: view[name] for name in ("search", "only", "won", "low", "sort", "down")})
    unsorted = _rows(finder, **{name: view[name] for name in ("search", "only", "won", "low")})
    assert sorted(order) == unsorted
    assert [row["row"] for row in page["rows"]] == order[page["page"] * view["size"] :][: view["size"]]
    assert json.loads(json.dumps(page)) == page
    head = table_head(finder.table, ["ticket"], live=False)
    assert json.loads(json.dumps(head)) == head
    said, shown = page_text(head, page), page_html(head, page)
    for row in page["rows"]:
        assert f"row {row['label']} " in said
        assert f'title="row">{row["label"]}</td>' in shown


@pytest.mark.long
def test_a_hundred_rows_of_long_outputs_are_a_small_page() -> None:
    """However long the outputs are, and with one row opened."""
    long = "word " * 20_000
    lines = [(row, f"v{v}", f"{long}{v}") for row in range(100) for v in range(4)]
    finder = RowFinder(BrowserTable(fh.compare(pd.DataFrame(lines, columns=["row", "variant", "output"])).data))
    assert len(json.dumps(table_page(finder, TableQuery(size=100), []))) < 150_000
    assert len(json.dumps(table_page(finder, TableQuery(size=100, open=3), []))) < 300_000


@pytest.mark.parametrize("place", range(len(OUTPUTS)))
def test_hostile_outputs_are_texts_and_can_be_seen(place: int) -> None:
    """No sign that hides or turns another is sent; the plain page has nothing that runs."""
    rows = [
        {"row": "<b>\u202e", "variant": name, "output": output, "<script>": "<img src=x onerror=evil()>"}
        for name, output in (("<script>", OUTPUTS[place]), ("b", OUTPUTS[place - 1]))
    ]
    table = BrowserTable(fh.compare(rows).data)
    head = table_head(table, ["<script>"], live=False)
    page = table_page(RowFinder(table), TableQuery(open=0), ["<script>"])
    html = page_html(head, page)
    assert dangers(html) == []
    sent = json.dumps([{**head, "ids": 0, "own": 0, "column_ids": 0, "sorts": 0}, page], ensure_ascii=False)
    assert not set("\x00\x07\x1b\u202e\u2066") & set(sent)
    assert len(sent) < 300_000
    assert not set("\x00\x07\x1b\u202e\u2066") & set(page_text(head, page))


def test_a_hundred_thousand_rows_are_found_about_as_fast_as_they_are_many() -> None:
    """Ten times the rows are not a hundred times the time, for every filter and sort."""
    import time

    def seconds(rows: int) -> float:
        frame = pd.DataFrame({
            "row": np.repeat(np.arange(rows), 2), "variant": ["a", "b"] * rows,
            "output": [f"label {i % 97}" for i in range(2 * rows)], "s": np.arange(2 * rows) % 7,
        })  # fmt: skip
        finder = RowFinder(BrowserTable(fh.compare(frame, score="s").data))
        began = time.process_time()  # whatever else runs on the machine
        for view in ({"search": "label 96"}, {"only": "different"}, {"won": "a"}, {"sort": "apart"}):
            finder.order(TableQuery(**view))
        return time.process_time() - began

    few, many = (min(seconds(rows) for _ in range(2)) for rows in (2_000, 20_000))
    assert many < 60 * few


def test_what_a_search_needs_is_made_ahead_and_is_the_same() -> None:
    """Unless it is very much: then it waits until somebody searches."""
    table = BrowserTable(fh.compare(small(), score="s").data)
    table.warm()
    assert {"_folded", "different", "winners", "score_range"} <= vars(table).keys()
    assert _rows(RowFinder(table), search="REFUND") == [2]
    large = BrowserTable(
        fh.compare(pd.DataFrame({"row": 0, "variant": ["a", "b"], "output": ["x" * 60_000_000] * 2})).data
    )
    large.warm()
    assert "_texts" not in vars(large)


def test_who_searches_while_a_search_is_made_ready_goes_after_it_and_not_beside_it() -> None:
    """On one interpreter both would take twice as long, and each might make what the other makes."""
    inside, most = [], []

    class Watched(BrowserTable):
        def rows_with(self, text: str) -> Any:
            inside.append(text)
            most.append(len(inside))
            begun.set()
            beside.wait(0.2)  # for the other thread, which must not come
            found = super().rows_with(text)
            inside.pop()
            return found

    begun, beside = threading.Event(), threading.Event()
    table = Watched(fh.compare(small(), score="s").data)
    with ThreadPoolExecutor(1) as other:
        ahead = other.submit(table.warm)
        assert begun.wait(20)
        assert _rows(RowFinder(table), search="REFUND") == [2]
        ahead.result()
    assert most == [1, 1]


def test_browsers_of_one_comparison_look_at_one_table() -> None:
    """It is there as long as one of them is."""
    cmp, other = fh.compare(small(), score="s"), fh.compare(small(), score="s")
    table = browser_table(cmp.data)
    assert browser_table(cmp.data) is table
    assert browser_table(other.data) is not table
    gone = ref(table)
    del table
    gc.collect()
    assert gone() is None


def test_a_comparison_that_is_scored_again_is_looked_at_anew() -> None:
    """Also while a browser of what was scored before is still there."""
    cmp = fh.compare(small(), score="s")
    before = browser_table(cmp.data)
    cmp.rescore("elapsed_s")
    after = browser_table(cmp.data)
    assert after is not before
    assert after.scorer == "elapsed_s"
    np.testing.assert_array_equal(after.scores, after.seconds)
    assert browser_table(cmp.data) is after
