"""Expected outputs that are corrected while rating: blind, kept with the rater's name, and shown at once."""

from __future__ import annotations

import queue
from typing import Any

import pytest

import fh_notebook as fh
from tests.comparing.rating.page import PATIENCE_S, Page
from tests.comparing.test_corrections import TABLE, Triage, means


@pytest.fixture
def cmp() -> fh.Comparison:
    return fh.compare(Triage().run())


def _reference(item: dict[str, Any]) -> str:
    return str(dict(item["about"])["expected output"])


def test_a_rater_corrects_and_goes_on_rating(cmp: fh.Comparison) -> None:
    """All items of the page with these inputs show the corrected value; its author is the rater, and the keys go on."""
    page = Page(cmp.rate(rater="anna"))
    (state,) = page.send(kind="hello")
    items = {item["n"]: item for item in state["items"]}
    rows = {n: page.rater.session.items[n].row for n in items}
    assert {rows[n]: (_reference(item), item["form"]) for n, item in items.items()} == {
        row: (line["expected_output"], {"text": line["expected_output"], "is_corrected": False})
        for row, line in enumerate(TABLE)
        if row in rows.values()
    }
    n = next(n for n, row in rows.items() if row == 0)
    note = "the bad one says so, too"
    (told,) = page.send(kind="correct", n=n, held=[*items], expected="billing", note=note)
    assert (told["kind"], told["problem"]) == ("corrected", "")
    shown = {rows[item["n"]]: _reference(item) for item in told["items"]}
    assert (shown[0], shown[2]) == ("billing (corrected from other)",) * 2
    assert note not in str(told), "it may say whose an output is"
    assert cmp.corrections()[["author", "note"]].drop_duplicates().values.tolist() == [["anna", note]]
    assert means(cmp)["good"] == 1.0
    page.press((n, "1"))
    assert page.rater.session.rated == 1


def test_what_cannot_be_corrected_is_told_to_the_page(cmp: fh.Comparison) -> None:
    """And is no defect: nothing is logged, and the rating stays as it is."""
    page = Page(cmp.rate(rater="anna"))
    page.send(kind="hello")
    n = next(n for n, item in enumerate(page.rater.session.items) if item.row == 0)
    (told,) = page.send(kind="correct", n=n, held=["x", 99, n], expected="other", note="")
    with pytest.raises(fh.InputError) as refused:
        cmp.correct(0, expected="other")
    assert told["problem"] == str(refused.value)
    assert [item["n"] for item in told["items"]] == [n]
    assert page.send(kind="correct", n=99, held=[], expected="x") == []
    assert page.send(kind="correct", n="0", expected="x") == []
    assert cmp.corrections().empty


def test_a_form_is_only_where_the_reference_is_shown_and_can_be_corrected(cmp: fh.Comparison) -> None:
    """Not with other columns, and not of a table."""
    (state,) = Page(cmp.rate(rater="anna", show=["text"])).send(kind="hello")
    assert [item["form"] for item in state["items"]] == [None] * len(state["items"])
    lines = [{"row": 0, "variant": v, "output": v, "expected_output": "x"} for v in "ab"]
    (state,) = Page(fh.compare(lines).rate(rater="anna")).send(kind="hello")
    assert [item["form"] for item in state["items"]] == [None]


def test_keys_count_while_a_judge_is_asked_again() -> None:
    """They are in the store before the correction is told."""
    triage = Triage()
    judge = fh.score.judge("grade", variant="v", client=triage.client, progress=False)
    page = Page(fh.compare(triage.run(), score=judge).rate(rater="anna"))
    page.send(kind="hello")
    n = next(n for n, item in enumerate(page.rater.session.items) if item.row == 0)
    triage.answers.clear()
    told: list[dict[str, Any]] = []
    message = {"client": page.client, "kind": "correct", "n": n, "held": [n], "expected": "billing", "note": ""}
    job = page.rater.receive(message, told.append)
    (ack,) = page.press((n, "1"))
    assert (ack["kind"], page.rater.session.rated, told) == ("ack", 1, [])
    triage.answers.set()
    assert job.finished.wait(PATIENCE_S)
    assert [(message["kind"], message["problem"]) for message in told] == [("corrected", "")]


def test_other_pages_ask_what_their_items_say_after_a_correction(cmp: fh.Comparison) -> None:
    """Wherever it was made; the answer has the items that the page holds."""
    page = Page(cmp.rate(rater="ben"))
    page.send(kind="hello")
    said: queue.Queue[dict[str, Any]] = queue.Queue()
    page.rater._make_widget().send = said.put
    cmp.correct(0, expected="billing")
    assert said.get(timeout=PATIENCE_S) == {"kind": "outdated"}
    n = next(n for n, item in enumerate(page.rater.session.items) if item.row == 0)
    (told,) = page.send(kind="about", held=[n, 99, "x"])
    assert [(item["n"], _reference(item)) for item in told["items"]] == [(n, "billing (corrected from other)")]


def test_a_page_without_corrections_offers_none_and_makes_none(cmp: fh.Comparison) -> None:
    """As in an app, by default."""
    page = Page(cmp.rate(rater="anna", corrections=False))
    (state,) = page.send(kind="hello")
    assert [item["form"] for item in state["items"]] == [None] * len(state["items"])
    (told,) = page.send(kind="correct", n=0, held=[], expected="x")
    assert "corrections=True" in told["problem"]
    assert cmp.corrections().empty
    cmp.correct(0, expected="billing")
    (told,) = page.send(kind="about", held=[*range(len(state["items"]))])
    assert "billing (corrected from other)" in map(_reference, told["items"])
