"""Ready scorers: what they call right, wrong, and not to be told."""

from __future__ import annotations

from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.comparing.scorers.registry import contains, exact, json_valid
from fh_notebook.contract.run import Run


def _run(output: Any) -> Run:
    return Run(status="completed", output=output)


@pytest.mark.parametrize(
    ("output", "expected", "score"),
    [
        ("billing", "billing", True),
        (" billing\n", "billing ", True),
        ("Billing", "billing", False),
        ("billing.", "billing", False),
        ("", "billing", False),
        (None, "billing", False),
        ("billing", None, None),
        (3, 3, True),
        (3, 3.0, True),
        (3, "3", True),
        (3.5, "3.5", True),
        ("3", 3, True),
        (" 3\n", 3.0, True),
        ("3.5", 3.5, True),
        ("3.", 3, False),
        ("three", 3, False),
        ("3", 4, False),
        ("[3]", 3, False),
        ("true", True, True),
        ("True", True, True),
        ("false", True, False),
        ("1", True, False),
        ("true", 1, False),
        (True, 1, False),
        (True, True, True),
        (True, "true", True),
        (1, True, False),
        ({"a": [1, 2.0]}, {"a": [1.0, 2]}, True),
        ({"a": 1}, '{"a": 1}', True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([1, 2], [2, 1], False),
        (["x"], "x", False),
        ({"a": 1}, "a", False),
    ],
)
def test_exact_is_the_same_value(output: Any, expected: Any, score: bool | None) -> None:
    """Blanks around a text do not count, kinds do; nothing expected is no score, and no answer is wrong.

    Where a number, true or false is expected, text is read as JSON: `pandas.read_csv` makes numbers of digits.
    """
    assert exact()(_run(output), {"expected_output": expected}) is score


@pytest.mark.parametrize(
    ("output", "path", "score"),
    [
        ({"label": "x"}, "label", True),
        ('{"label": "x"}', "label", True),
        ('```json\n{"label": "x"}\n```', "label", True),
        ({"a": {"b": [{"c": "x"}]}}, "a.b[0].c", True),
        ([{"c": "x"}], "[0].c", True),
        ({"label": "y"}, "label", False),
        ({"lable": "x"}, "label", False),
        ({"label": None}, "label", False),
        ({"label": ["x"]}, "label[1]", False),
        ({"label": "x"}, "label.x", False),
        ("x", "label", False),
        ("not json {", "label", False),
        (None, "label", False),
        ({"ü b": "x"}, "ü b", True),
    ],
)
def test_a_path_leads_into_the_output(output: Any, path: str, score: bool) -> None:
    """Also into JSON that came as text; an answer that has not that form is not the one that was expected."""
    assert exact(path=path)(_run(output), {"expected_output": "x"}) is score


@pytest.mark.parametrize("path", ["", ".", "a..b", "a[x]", "a[", "a]", "[-1]"])
def test_a_path_that_cannot_be_read_raises_at_once(path: str) -> None:
    """Not as a hundred missing scores."""
    with pytest.raises(fh.InputError, match="path"):
        exact(path=path)


@pytest.mark.parametrize(
    ("output", "expected", "options", "score"),
    [
        ("this is billing.", "billing", {}, True),
        ("this is Billing.", "billing", {}, False),
        ("this is STRASSE.", "straße", {"ignore_case": True}, True),
        ({"why": "billing"}, "billing", {}, True),
        ({"why": "billing", "x": "y"}, "y", {"path": "why"}, False),
        ({"why": "Über"}, "Über", {}, True),
        (None, "billing", {}, False),
        ("x", None, {}, None),
        ("version 3", 3, {}, True),
    ],
)
def test_contains_finds_the_text(output: Any, expected: Any, options: dict[str, Any], score: bool | None) -> None:
    """In the whole output, or at a path of it."""
    assert contains(**options)(_run(output), {"expected_output": expected}) is score


@pytest.mark.parametrize(
    ("output", "score"),
    [
        ({"a": 1}, True),
        ([], True),
        ('{"a": 1}', True),
        ("```\n[1]\n```", True),
        ("a", False),
        ("NaN", False),
        ('{"a": -Infinity}', False),
        ('"no NaN here"', True),
        ("", False),
        (None, False),
    ],
)
def test_json_valid_is_an_object_or_a_text_that_parses(output: Any, score: bool) -> None:
    """A fence around it does not count."""
    assert json_valid()(_run(output), {}) is score


def test_another_column_can_hold_what_is_expected_and_one_that_is_not_there_is_told() -> None:
    """With the nearest name."""
    row = {"label": "x", "text": "t"}
    assert exact("label")(_run("x"), row) is True
    with pytest.raises(fh.InputError, match=r"'labl'.* 'label'\?"):
        exact("labl")(_run("x"), row)


def test_a_scorer_says_what_it_does() -> None:
    """It stands above the table."""
    assert repr(exact()) == "exact()"
    assert repr(exact("label", path="a.b")) == "exact('label', path='a.b')"
    assert repr(json_valid()) == "json_valid()"
    assert fh.score.exact is exact


@pytest.mark.parametrize("path", [3, ["label"], b"label"])
@pytest.mark.parametrize("make", [lambda path: fh.score.exact(path=path), fh.score.json_path])
def test_a_path_that_is_no_text_is_told(make: Any, path: Any) -> None:
    """When the scorer is made, with what a path is like."""
    with pytest.raises(fh.InputError, match=r"path is .*'label' .*'items\[0\]\.name'"):
        make(path)
