"""Expected outputs that are corrected on the page of `cmp.browse()`: what it sends, and what comes of it."""

from __future__ import annotations

import gc
import re
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.notebook.browser.browser import Browser
from tests.comparing.test_corrections import TABLE, Triage, means
from tests.notebook.hostile import dangers
from tests.notebook.paced_hive import PacedHive

PATIENCE_S = 30.0


class Page:
    """A page of a browser: it sends what a page sends, and waits until that is shown."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.number = 0

    def send(self, **said: Any) -> dict[str, Any]:
        """Send a message, and return the page that answers it."""
        self.number += 1
        self.browser.widget  # noqa: B018 (a page is only there once it is made)
        self.browser._receive({"number": self.number, **said})
        return self.shown(lambda page: page["heard"] >= self.number)

    def shown(self, is_meant: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the page as soon as it is the one that is meant."""
        came = threading.Event()
        widget = self.browser.widget

        def look(_: Any = None) -> None:
            if is_meant(widget.page):
                came.set()

        widget.observe(look, "page")
        look()
        assert came.wait(PATIENCE_S)
        widget.unobserve(look, "page")
        page: dict[str, Any] = widget.page
        return page

    def told(self, number: int) -> list[dict[str, Any]]:
        """Return what the page was told of the correction with this number."""
        page: dict[str, Any] = self.browser.widget.page
        return [correction for correction in page["corrections"] if correction["number"] == number]

    def correct(self, row: int, **values: Any) -> str:
        """Send a correction, and return why it was not made."""
        self.send(correct={"row": row, **values})
        self.shown(lambda _: bool(self.told(self.number)))
        return str(self.told(self.number)[0]["problem"])


@pytest.fixture
def triage() -> Triage:
    return Triage()


def test_a_correction_of_the_page_is_one_of_the_comparison(triage: Triage) -> None:
    """Its rows are scored and marked on the page and in the comparison; the saved page says the same, escaped."""
    cmp = fh.compare(triage.run())
    browser = cmp.browse()
    page = Page(browser)
    opened = page.send(view={"open": 0})["open"]
    assert opened["form"] == {"text": "other", "is_corrected": False}
    assert page.correct(0, expected="billing", note="a <b>charge</b>") == ""
    assert means(cmp) == {"good": 1.0, "bad": 0.0}
    shown = browser.widget.page
    assert [row["corrected"] for row in shown["rows"]] == ["corrected from other", "", "corrected from other", ""]
    assert [row["cells"][0]["right"] for row in shown["rows"]] == [True] * 4
    assert shown["open"]["form"] == {"text": "billing", "is_corrected": True}
    assert shown["open"]["story"].startswith("from other by ")
    assert shown["open"]["story"].endswith(": a <b>charge</b>")
    assert dangers(browser._repr_html_()) == []
    for saved in (browser._repr_html_(), repr(browser)):
        assert "corrected from other" in saved
    assert browser.widget.head["can_correct"]

    assert page.correct(0, restore=True) == ""
    assert (cmp.corrections().empty, browser.widget.page["rows"][0]["corrected"]) == (True, "")


def test_a_column_of_the_users_named_corrected_is_no_correction(triage: Triage) -> None:
    """It is shown among the row's own columns, and is not in the text of the page."""
    browser = fh.compare(triage.run([{**row, "corrected": "by hand"} for row in TABLE])).browse(columns=[])
    opened = Page(browser).send(view={"open": 0})["open"]
    assert (opened["story"], ["corrected", "by hand", 0] in opened["own"]) == ("", True)
    assert "corrected" not in repr(browser)


def test_what_cannot_be_corrected_is_told_beside_the_form(triage: Triage) -> None:
    """In one line, and nothing changes; a row that is not there, and a message of another kind, are no correction."""
    cmp = fh.compare(triage.run())
    page = Page(cmp.browse())
    page.send(view={"open": 0})
    assert "'other'" in page.correct(0, expected="other")
    assert "3,000" in page.correct(0, expected="x", note="x" * 3_000)
    for row in (99, -1, True, None, "0"):
        told = page.send(correct={"row": row, "expected": "x"})["corrections"]
        assert page.number not in [correction["number"] for correction in told]
    assert page.number not in [correction["number"] for correction in page.send(correct="x")["corrections"]]
    assert cmp.corrections().empty


def test_values_that_are_no_text_are_edited_as_json(triage: Triage) -> None:
    """And must be JSON again."""
    rows = [{"text": "Refund", "expected_output": {"label": "other", "urgent": True}}]
    cmp = fh.compare(triage.run(rows), score=fh.score.json_valid())
    page = Page(cmp.browse())
    assert page.send(view={"open": 0})["open"]["form"]["text"] == '{"label": "other", "urgent": true}'
    assert re.search(r"\bJSON", page.correct(0, expected="billing"))
    assert page.correct(0, expected='{"label": "billing"}') == ""
    assert cmp.wide()["expected_output"].tolist() == [{"label": "billing"}]


def test_a_form_is_only_where_a_correction_can_be_kept(triage: Triage) -> None:
    """Not of ratings, of a table without such a column, of a secret, or of a text that a field would change."""
    rows = [
        {"text": "a", "token": "correct-horse", "expected_output": "it is correct-horse"},
        {"text": "b", "expected_output": "x" * 20_001},
        {"text": "c", "expected_output": "a\x07bell"},
        {"text": "d", "expected_output": "two\nlines"},
    ]
    page = Page(fh.compare(triage.run(rows)).browse())
    forms = [page.send(view={"open": row})["open"]["form"] for row in range(4)]
    assert forms == [None, None, None, {"text": "two\nlines", "is_corrected": False}]
    bare = fh.compare(triage.run([{"text": "x"}], name="bare")).browse()
    assert Page(bare).send(view={"open": 0})["open"]["form"] is None
    assert not bare.widget.head["can_correct"]


def test_a_correction_while_a_batch_runs_keeps_the_answers_that_came(paced_hive: PacedHive) -> None:
    """The page has read more than the comparison; it reads again, and has both."""
    rows = [{"text": name, "expected_output": "x"} for name in "ab"]
    batch = fh.batch(rows, "paced", variants=["v"], client=paced_hive.client(), wait=False, progress=False)
    cmp = fh.compare(batch)
    page = Page(cmp.browse())
    paced_hive.ended.set()
    batch.wait()
    page.browser.refresh()
    page.send(view={"open": 1})
    assert page.correct(1, expected="said b") == ""
    rows_shown = page.browser.widget.page["rows"]
    assert [(row["cells"][0]["text"], row["cells"][0]["right"]) for row in rows_shown] == [
        ("said a", False),
        ("said b", True),
    ]


def test_a_judge_is_asked_once_for_a_correction_of_the_page(triage: Triage) -> None:
    """The page takes over what the comparison was told."""
    judge = fh.score.judge("grade", variant="v", client=triage.client, progress=False)
    cmp = fh.compare(triage.run(TABLE[:2]), score=judge)
    page = Page(cmp.browse())
    page.send(view={"open": 0})
    triage.asked.clear()
    assert page.correct(0, expected="billing") == ""
    assert triage.asked == ["billing", "billing"]
    assert [cell["score"] for cell in page.browser.widget.page["rows"][0]["cells"]] == ["✓ right", "✗ wrong"]


def test_other_pages_of_the_comparison_have_a_correction_at_once(triage: Triage) -> None:
    """Wherever it was made: on a page, or in a cell; a page that nobody has any more is not held."""
    cmp = fh.compare(triage.run())
    page, other = Page(cmp.browse()), Page(cmp.browse())
    for one in (page, other):
        one.send(view={"open": 0})
    gone = weakref.ref(cmp.browse()._live)
    gc.collect()
    assert gone() is None
    assert page.correct(0, expected="billing") == ""
    marks = ["corrected from other", "", "corrected from other", ""]
    shown = other.shown(lambda page: bool(page["rows"][0]["corrected"]))
    assert [row["corrected"] for row in shown["rows"]] == marks
    assert [row["cells"][0]["right"] for row in shown["rows"]] == [True] * 4
    cmp.correct(0, expected="other")
    for one in (page, other):
        one.shown(lambda page: not page["rows"][0]["corrected"])


def test_the_page_is_served_while_a_judge_is_asked_again(triage: Triage) -> None:
    """Two corrections come one after the other; what a person looks at meanwhile is shown."""
    judge = fh.score.judge("grade", variant="v", client=triage.client, progress=False)
    page = Page(fh.compare(triage.run(), score=judge).browse())
    page.send(view={"open": 0})
    triage.answers.clear()
    page.send(correct={"row": 0, "expected": "billing"})
    first = page.number
    page.send(correct={"row": 3, "expected": "refund"})
    assert page.send(view={"open": 1})["open"]["row"] == 1
    assert page.told(first) == page.told(first + 1) == []
    triage.answers.set()
    shown = page.shown(lambda _: bool(page.told(first + 1)))
    assert [told["problem"] for told in shown["corrections"]] == ["", ""]
    assert [bool(row["corrected"]) for row in shown["rows"]] == [True, False, True, True]


def test_an_app_offers_its_visitors_no_corrections(triage: Triage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless its author says so; a message that asks for one all the same is refused."""
    cmp = fh.compare(triage.run())
    assert not cmp.browse(corrections=False).widget.head["can_correct"]
    monkeypatch.setenv("VOILA_PREHEAT", "False")
    page = Page(cmp.browse())
    assert page.send(view={"open": 0})["open"]["form"] is None
    assert not page.browser.widget.head["can_correct"]
    assert "corrections=True" in page.correct(0, expected="billing")
    assert cmp.corrections().empty
    offered = Page(cmp.browse(corrections=True))
    assert offered.browser.widget.head["can_correct"]
    assert offered.correct(0, expected="billing") == ""
