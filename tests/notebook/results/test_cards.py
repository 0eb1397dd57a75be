"""Runs beside each other: folded, capped, and with a text twin."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.contract.output import OutputOptions
from fh_notebook.notebook.results.answer_card import answer_parts
from fh_notebook.notebook.results.cards import PAGE_CAP, SideBySide
from fh_notebook.notebook.results.served_outputs import ServedOutputs
from fh_notebook.notebook.results.state import CallState

LINES = "\n".join(f"line {i}" for i in range(1, 201))


def text_of(page: str) -> str:
    """Return a piece of HTML without its tags."""
    return re.sub(r"<[^>]*>", "", page)


def _run(output: object = LINES, **more: object) -> fh.Run:
    return fh.Run(**{"status": "completed", "deployment": "d", "variant": "v", "output": output, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("show", [None, "text", "markdown", "json", "table"])
def test_every_form_folds_a_long_output_in_html_and_in_text(show: str | None) -> None:
    """And says where all of it is."""
    shown = SideBySide([_run()], show=show)
    assert "<summary>… 180 more lines</summary>" in shown._repr_html_()
    assert "<details" in shown._repr_html_()
    assert "… 180 more lines; run.text" in repr(shown)
    assert len(repr(shown).splitlines()) <= 23


def test_several_runs_say_that_the_frame_has_all() -> None:
    """Because the result of several is a frame."""
    assert re.search(r"… 180 [^;]*; (?!run\.text).*\boutput\b", repr(SideBySide([_run(), _run()])))


def test_a_long_error_is_folded_too() -> None:
    """A service's traceback is as long as an output."""
    failed = _run(None, status="failed", error=LINES, error_code="internal")
    for shown in (SideBySide([failed]), SideBySide([failed], show="text"), failed):
        assert "<summary>… 180 more lines</summary>" in shown._repr_html_()
    assert "… 180 more lines; run.error" in repr(SideBySide([failed]))
    assert len(repr(failed)) < 300


def test_json_is_indented_in_html_and_in_text_and_a_fence_is_no_hindrance() -> None:
    """``--show json`` of a text that is JSON."""
    shown = SideBySide([_run('```json\n{"a": [1, 2]}\n```')], show="json")
    pretty = json.dumps({"a": [1, 2]}, indent=2)
    page = shown._repr_html_()
    assert '<div class="fh-as fh-as-json">' in page
    assert '<div class="fh-as fh-as-text" hidden="">' in page
    assert [line.strip() for line in pretty.splitlines()] == [line.strip() for line in repr(shown).splitlines()[1:]]


def test_many_runs_are_folded_and_capped() -> None:
    """Twelve are open, a hundred are there, and the page stays light."""
    shown = SideBySide([_run("x" * 50_000, variant=f"v{number}") for number in range(1_000)])
    page = shown._repr_html_()
    assert "<summary>… 988 more runs</summary>" in page
    assert re.search(r"\b900 \w+ ", page)
    assert page.count('class="fh-card"') == 100
    assert len(page) < 700_000
    assert re.search(r"… 988 \w+ runs; .*$", repr(shown))
    assert len(repr(shown)) < 30_000


def test_the_repeats_of_a_variant_share_its_card() -> None:
    """The first is open as that of a form is, the others are folded behind it, and the other variants are compared to it."""
    page = SideBySide([_run("one"), _run("two"), _run("three", variant="w"), _run("one", variant="w")])._repr_html_()
    assert re.findall(r"<summary>(Repeat.*?)</summary>", page) == ["Repeat 2 of 2: completed"] * 2
    assert page.count('class="fh-card"') == 4
    assert [text_of(fact) for fact in re.findall(r'fh-fact"[^>]*>(.*?)</span>', page)] == [
        "baseline", "≠ differs from v", "= same as v",
    ]  # fmt: skip


def test_each_card_says_how_its_output_compares_to_the_first_one_as_a_form_does() -> None:
    """One that differs has the view of that, marked by tags that every page draws; users of an app are told nothing."""
    outputs = {"v": "at one", "w": {"n": 1}, "x": "at two", "y": "at one"}
    runs = [_run(output, variant=variant) for variant, output in outputs.items()]
    page = SideBySide(runs, served=ServedOutputs())._repr_html_()
    facts = [text_of(fact) for fact in re.findall(r'fh-fact"[^>]*>(.*?)</span>', page)]
    assert [facts[0], *facts[2:]] == ["baseline", "≠ differs from v", "= same as v"]
    assert re.search(r"\bv \(.*\bJSON\)$", facts[1])
    assert page.count('class="fh-as fh-as-differences"') == page.count("<span>Differences</span>") == 1
    assert re.search(r"<del[^>]*>one</del><span></span><ins[^>]*>two</ins>", page)
    assert ">baseline<" not in SideBySide(runs, is_app=True)._repr_html_()


@pytest.mark.parametrize("served", [{}, {"served": ServedOutputs(), "is_served": False}])
def test_a_cell_that_runs_and_a_page_that_nobody_serves_compare_no_texts(served: dict[str, Any]) -> None:
    """Each state of a running cell would compare all answers again; the heads say what differs nevertheless."""
    page = SideBySide([_run("at one"), _run("at two", variant="w")], **served)._repr_html_()
    assert "differs from" in page
    assert 'class="fh-as fh-as-differences"' not in page
    assert "<ins" not in page


def test_two_texts_that_share_hardly_any_words_have_no_marks() -> None:
    """All of both would be marked, which tells nothing; the head says that they differ."""
    runs = [
        _run("出荷が遅れています。申し訳ありません。"),
        _run("نعتذر عن التأخير", variant="w"),
        _run("Sorry", variant="x"),
    ]
    page = SideBySide(runs, served=ServedOutputs())._repr_html_()
    assert page.count("differs from") == 2
    assert "<ins" not in page
    assert "<span>Differences</span>" not in page


def test_a_saved_page_of_long_texts_that_differ_everywhere_keeps_its_size() -> None:
    """Marks and differences count as what they are in the page: with all of them it was five times as large."""
    words = [f"w{number}" for number in range(2_000)]
    outputs = [" ".join(f"x{n}" if n % 5 == at % 5 else word for n, word in enumerate(words)) for at in range(12)]
    runs = [_run(output, variant=f"v{at}") for at, output in enumerate(outputs)]
    page = SideBySide(runs, served=ServedOutputs())._repr_html_()
    assert page.count("<span>Differences</span>") == 9  # of 12, two have the first one's text
    assert len(page) < PAGE_CAP + 100_000


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ({"a": math.nan}, {"a": float("nan")}, "="),
        ('{"a": NaN}', '{"a":NaN}', "="),
        ('{"a":1}', {"a": 1}, "="),
        ({"a": 1}, {"a": 1.0}, "="),
        ({"a": True}, {"a": 1}, "≠"),
        ("a", "a ", "≠"),
    ],
)
def test_the_head_says_of_json_what_the_view_of_differences_says(first: object, second: object, said: str) -> None:
    """Of values, not of how they are written: a missing number is another one's like, and true is not 1."""
    page = SideBySide([_run(first), _run(second, variant="w")], served=ServedOutputs())._repr_html_()
    assert re.findall(r'fh-fact"[^>]*>(.)(?= \w+ \w+ <bdi>)', page) == [said]
    assert ('class="fh-as fh-as-differences"' in page) == (said == "≠")


def test_buttons_have_their_places_before_anything_serves_them() -> None:
    """Of a cell that runs: nothing is laid out anew when they come."""
    served = ServedOutputs()
    for is_served in (False, True):
        page = SideBySide([_run("hi"), _run("ho", variant="w")], served=served, is_served=is_served).page()
        assert page.count('class="fh-copy"') == 2
        assert ('fh-unserved">' in page, "visibility:hidden" in page) == (not is_served, not is_served)


def test_a_card_that_waits_and_one_that_was_answered_have_the_same_head() -> None:
    """One card alone has the deployment's name; of several the variant's with its colour, whatever has come of them."""
    run = _run("hi", variant="a")
    for calls in ([CallState(variant="a")], [CallState(variant="a", state="answered", run=run)], [run]):
        assert "<bdi>d</bdi></strong>, variant <strong><bdi>a</bdi>" in SideBySide(calls, deployment="d").page()
        both = SideBySide([*calls, CallState(variant="b")], deployment="d", line="1 of 2 completed").page()
        assert ", variant " not in both
        assert both.count("fh-swatch") == 3  # one is in the style
        assert '<div class="fh-dim fh-line">1 of 2 completed</div>' in both


@pytest.mark.parametrize(
    ("output", "is_said"),
    [
        ("one two three four five six seven eight nine", True),
        ("one two three four five six", False),  # it has only less
        ("one two three  four five six seven eight", False),  # another blank
        ("one two three four five six seven eight nine" + "\nsame" * 200, True),
        ("one two three four five six seven eight" + "\nsame" * 200 + " more", False),  # the mark is folded
    ],
)
def test_what_an_underline_means_is_said_only_beside_one(output: str, is_said: bool) -> None:
    """A reader would look for it."""
    first = "one two three four five six seven eight" + ("\nsame" * 200 if "same" in output else "")
    parts = answer_parts(_run(output, variant="b"), _run(first, variant="a"), OutputOptions(whole="run.text has all"))
    text = "".join(filter(None, parts)).partition('class="fh-as fh-as-text"')[2].partition('class="fh-as ')[0]
    assert ('class="fh-dim fh-said"' in text) == is_said
