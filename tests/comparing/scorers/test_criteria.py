"""Criteria of ready scorers: what makes an output right, or what the score measures."""

from __future__ import annotations

import re

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.comparing.scorers.base import Scorer
from tests.notebook.hostile import Page

READY = {
    "exact": fh.score.exact(),
    "exact of a column": fh.score.exact("label"),
    "contains": fh.score.contains(),
    "regex": fh.score.regex("a+"),
    "whole": fh.score.regex("a+", whole=True),
    "json_valid": fh.score.json_valid(),
    "json_schema": fh.score.json_schema({"type": "object"}),
    "json_path": fh.score.json_path("a", equals=1),
    "json_fields": fh.score.json_fields(),
    "number": fh.score.number(0.1),
    "latency": fh.score.latency(),
    "quick": fh.score.latency(1.0),
    "length": fh.score.length(),
    "short": fh.score.length(at_most=3),
    "similarity": fh.score.similarity(),
}


@pytest.mark.parametrize("name", READY)
def test_every_ready_scorer_says_what_it_looks_at(name: str) -> None:
    """In words that begin with what the number is; the version, by which scores are kept, does not hang on them."""
    scorer = READY[name]
    assert re.match(r"\w+ = \w", scorer.criterion)
    assert scorer.version is None or scorer.criterion not in scorer.version


def test_scorers_of_different_options_say_so() -> None:
    """Each of them its own."""
    assert len({scorer.criterion for scorer in READY.values()}) == len(READY)


def test_a_comparison_says_it_in_its_page_text_plot_and_settings() -> None:
    """And nothing where the scorer says nothing."""
    frame = pd.DataFrame(
        {"row": [*range(8)] * 2, "variant": ["a"] * 8 + ["b"] * 8, "output": "x", "expected_output": ["x", "y"] * 8}
    )
    cmp = fh.compare(frame)
    said = fh.score.exact().criterion
    assert said in Page(cmp._repr_html_()).text
    assert said in repr(cmp)
    assert said.replace("_", "") in cmp.plot("scores").axes[0].get_xlabel().replace("_", "")
    other = fh.compare(frame, score=lambda run: len(run.text))
    assert " = " not in repr(other)
    assert isinstance(fh.score.exact(), Scorer)
