"""Masks of a comparison: the value of a password variable is in nothing that is looked at, whoever repeats it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.comparing.masks import HiddenValues
from fh_notebook.local.hive import LocalHive
from tests.comparing.frames import TELL


@pytest.fixture
def batch() -> fh.Batch:
    """Three rows, each with a password of its own, which answers, objects and errors repeat."""
    hive = LocalHive()

    def tell(text: str, token: str) -> Any:
        if text == "t2":
            raise RuntimeError(f"no such user {token}, said the database")
        return {"said": [f"for {token}", {token: 1}]} if text == "t1" else f"{text} for {token}"

    hive.workflow("tell", variant="a")(tell)
    hive.workflow("tell", variant="b")(lambda text, token: f"{text}, surely for {token}")
    rows = [{"text": f"t{i}", "token": f"hunter{i}secret", "note": f"again hunter{i}secret"} for i in range(3)]
    rows = [{**row, "expected_output": row["token"]} for row in rows]
    batch = fh.batch(rows, TELL, client=hive.client(), progress=False)
    assert "hunter0secret" in batch.frame["output"].iloc[0]
    return batch


@pytest.fixture
def cmp(batch: fh.Batch) -> fh.Comparison:
    """How they compare by what was expected."""
    return fh.compare(batch)


@pytest.mark.parametrize("row", [0, 1, 2])
def test_a_difference_masks_a_password(cmp: fh.Comparison, row: int) -> None:
    """In texts, in JSON and its names, in errors, in what was expected, and in the frame."""
    diff = cmp.diff(row)
    said = f"{diff}{diff._repr_html_()}{diff.frame.to_dict()}{diff.parts!r}"
    assert "for ***" in said
    assert "hunter" not in said


def test_a_comparison_masks_a_password(batch: fh.Batch) -> None:
    """In the rows on which variants differ: in outputs, and the column of the password is not there."""
    cmp = fh.compare(batch, score=lambda output: len(str(output)))
    said = f"{cmp}{cmp._repr_html_()}"
    assert "for ***" in said
    assert "token" not in said
    assert "hunter" not in said


def test_a_sentence_that_repeats_what_a_scorer_raised_masks_a_password(batch: fh.Batch) -> None:
    """As a report does; `verdict` itself has what was said."""

    def score(run: fh.Run) -> float:
        raise ValueError(f"cannot read {run.text}")

    cmp = fh.compare(batch, score=score)
    assert "hunter" in cmp.verdict
    said = f"{cmp}{cmp._repr_html_()}"
    assert "cannot read" in said
    assert "hunter" not in said


def test_a_browser_of_rows_masks_a_password_and_does_not_find_it(cmp: fh.Comparison) -> None:
    """On the page, in an opened row, in the values of columns; a search must not be a way to guess it."""
    browser = cmp.browse(columns=["note"])
    for row in range(3):
        browser.show(row=row, facet="note")
        said = f"{browser._now()}{browser}{browser._repr_html_()}"
        assert "again ***" in said
        assert "hunter" not in said
    assert browser.show(search="hunter1").frame.empty
    assert len(browser.show(search="surely for ***").frame) == 3


def test_a_rating_masks_a_password(cmp: fh.Comparison) -> None:
    """In the outputs and in what stands above them."""
    cards = cmp.rate(rater="anna")._cards(0)[0]
    assert len(cards) == 2
    assert "for ***" in str(cards)
    assert "hunter" not in str(cards)


KEY = "fhk_0123456789abcdef"


def test_a_key_that_an_answer_repeats_is_masked_in_all_that_shows_rows() -> None:
    """In texts, in JSON and its names, in errors and columns, of a table too; and a search is no way to guess it."""
    outputs = [f"use {KEY} for it", {"keys": [KEY, {KEY: 1}]}, None]
    lines = [
        {"row": row, "variant": variant, "output": output, "note": f"was {KEY}", "s": row, "expected_output": KEY,
         "status": "failed" if output is None else "completed", "error": f"401 for Bearer {KEY}"}
        for row, output in enumerate(outputs) for variant in ("a", "b")
    ]  # fmt: skip
    lines[1]["output"] = f"or use {KEY}"
    cmp = fh.compare(pd.DataFrame(lines), score="s")
    browser, diffs = cmp.browse(columns=["note"]), [cmp.diff(row) for row in range(3)]
    said = [f"{diff}{diff._repr_html_()}{diff.frame.to_dict()}{diff.parts!r}" for diff in diffs]
    for row in range(3):
        browser.show(row=row, facet="note")
        said.append(f"{browser._now()}{browser}{browser._repr_html_()}")
    said.append(str(cmp.rate(rater="anna")._cards(0)))
    assert all("***" in text and KEY not in text for text in said)
    assert browser.show(search=KEY.removeprefix("fhk_")).frame.empty


def test_passwords_are_known_of_what_was_compared(cmp: fh.Comparison) -> None:
    """Nothing is read again for them: they are masked also when all that was kept is forgotten."""
    fh.forget(everything=True, everywhere=True)
    browser = cmp.browse(columns=["note"]).show(row=1)
    assert "hunter" not in f"{browser}{browser._repr_html_()}{cmp.diff(0)}"
    assert "again ***" in repr(browser)


def test_what_is_nested_too_deep_to_be_masked_part_by_part_is_shown_by_its_beginning() -> None:
    """Without what it hides, and without a traceback; also a list that is in itself."""
    deep: Any = ["hunter2 again"]
    for _ in range(3_000):
        deep = [deep]
    endless: list[Any] = ["hunter2"]
    endless.append(endless)
    for value in (deep, endless):
        shown = HiddenValues(values={7: frozenset({"hunter2"})}).masks().value(7, value)
        assert isinstance(shown, str)
        assert "hunter2" not in shown


def test_a_password_in_such_a_beginning_is_masked_as_json_spells_it_and_never_by_half() -> None:
    """Quotes and backslashes are escaped there, and the cut may fall into one."""
    quoted, long = 'hun"ter\\2', "correct-horse-battery"
    for secret, said in ((quoted, f"it is {quoted}"), (long, "x" * (10_000 - 20) + long)):
        endless: list[Any] = [said]
        endless.append(endless)
        shown = HiddenValues(values={7: frozenset({secret})}).masks().value(7, endless)
        assert "hun" not in shown
        assert "correct" not in shown
