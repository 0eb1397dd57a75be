"""The head of a column of results, and its errors with what to do about them."""

from __future__ import annotations

import re
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.notebook.results.answer_card import error_element, hint_for, names_first, run_head
from fh_notebook.notebook.results.state import CallState
from tests.notebook.hostile import EVIL, INVISIBLE, OUTPUTS, Page, dangers
from tests.told import tells


def _run(output: Any, **more: Any) -> fh.Run:
    return fh.Run(**{"status": "completed", "output": output, "variant": "v", **more})


@pytest.mark.parametrize("number", range(len(OUTPUTS)))
def test_hostile_words_around_an_output_are_inert(number: int) -> None:
    """Status, error, code, id and variant."""
    run = _run(OUTPUTS[number], status=EVIL, error=EVIL + INVISIBLE, error_code=EVIL, request_id=EVIL, variant=EVIL)
    first = _run("plain words")
    for page in (error_element(run), run_head(CallState(variant=EVIL + INVISIBLE, run=run), first)):
        assert dangers(page) == []


def test_an_error_is_one_line_with_its_code_and_a_long_one_is_folded() -> None:
    """And a run without any says what it is."""
    line = error_element(_run(None, status="failed", error="no credits; buy more", error_code="insufficient_credits"))
    assert Page(line).text == "no credits; buy more (insufficient_credits)"
    assert "<details" in error_element(_run(None, status="failed", error="line\n" * 500))
    assert "running" in Page(error_element(_run(None, status="running"))).text


def test_an_error_comes_with_its_cure_where_there_is_one() -> None:
    """By its code, in whatever language the service speaks; of what may have run, with a warning."""
    german = _run(None, status="failed", error="Kein Guthaben", error_code="insufficient_hosted_llm_credits")
    assert re.search(r"→ \S.*\bFetch Hive\b", Page(error_element(german)).text)
    late = Page(error_element(_run(None, status="unknown", error="late", error_code="read_timeout"))).text
    assert "fh.configure(timeout=...)" in late
    for code, cure in (("connect", "%fetchhive use"), ("not_found", "fh.deployments()")):
        assert cure in Page(error_element(_run(None, status="failed", error="no", error_code=code))).text


NOT_FOUND = {"deployment_not_found": 404, "unknown_variant": 422, "http_404": 404, "record_not_found": 404}
"""Codes of what was not found, with the status of the answer."""


def test_what_was_not_found_is_told_with_what_to_check() -> None:
    """By the code alone: the deployment, the variant, the address, or what the inputs name."""
    hints = {
        code: hint_for(fh.Run(status="failed", error="Nicht da", error_code=code, status_code=status))
        for code, status in NOT_FOUND.items()
    }
    assert len(set(hints.values())) == len(NOT_FOUND)
    assert all(tells(hint, "fh.deployments()") for hint in hints.values())
    assert [code for code, hint in hints.items() if tells(hint, "base_url")] == ["http_404"]
    for code, noun, other in (
        ("deployment_not_found", "deployment", "variant"),
        ("unknown_variant", "variant", "deployment"),
    ):
        assert (tells(hints[code], noun), tells(hints[code], other)) == (True, False), code


def test_a_refusal_without_a_code_has_no_advice_unless_it_is_a_404() -> None:
    """Nothing sure can be said of it."""
    assert hint_for(fh.Run(status="failed", error="no", error_code="http_400", status_code=400)) == ""


def test_every_cure_is_for_a_code_that_is_known() -> None:
    """Of the contract's table, or one of ours."""
    from fh_notebook.contract.wire import BROKEN_TEXTS
    from fh_notebook.local.requests import BY_CODE
    from fh_notebook.notebook.results.answer_card import HINTS

    known = {*BROKEN_TEXTS, *BY_CODE, "response_too_large"}
    assert set(HINTS) <= known


def test_an_output_that_differs_names_what_it_differs_from() -> None:
    """By the first variant's name, as text; that one is marked where others are compared to it."""
    first = fh.Run(status="completed", output="yes", variant="<b>formal")
    for output, sign in (("yes", "="), ("no", "≠")):
        call = CallState(
            variant="other", state="answered", run=fh.Run(status="completed", output=output, variant="other")
        )
        facts = re.findall(r'fh-fact"[^>]*>(.*?)</span>', run_head(call, first))
        assert [fact[0] for fact in facts] == [sign]
        assert "<bdi>&lt;b&gt;formal</bdi>" in facts[0]
    own = CallState(variant="formal", state="answered", run=first)
    assert ["baseline" in run_head(own, None, is_reference=yes) for yes in (True, False)] == [True, False]
    assert "baseline" not in run_head(CallState(variant="formal"), None, is_reference=True)


def test_what_is_not_compared_says_why_and_the_first_one_is_the_baseline_all_the_same() -> None:
    """A card beside names it, so that one is marked; where no head names it, nothing is."""
    letter = fh.Run(status="completed", output="Dear Ann", variant="formal")
    data = fh.Run(status="completed", output={"a": 1}, variant="json")
    [fact] = re.findall(r'fh-fact"[^>]*>(.*?)</span>', run_head(_answered(data), letter))
    assert re.search(r"<bdi>formal</bdi> \(.*\bJSON\)$", fact)
    assert names_first(data, letter)
    assert not names_first(fh.Run(status="failed", error="no", variant="json"), letter)


def _answered(run: fh.Run) -> CallState:
    return CallState(variant=run.variant or "", state="answered", run=run)
