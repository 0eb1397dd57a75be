"""Markdown as plain text."""

from __future__ import annotations

import pytest

from fh_notebook.core.text.markdown import plain_text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("no marks", "no marks"),
        ("# Decision\n\nWe **pay 12 EUR**.", "Decision\nWe pay 12 EUR."),
        ("| item | paid |\n|---|--:|\n| window | 9 |", "item\npaid\nwindow\n9"),
        ("- one\n- two\n\n> quoted", "one\ntwo\nquoted"),
        ("<b>kept</b> as *text*", "<b>kept</b> as text"),
        ("```\ncode_with_marks\n```", "code_with_marks"),
    ],
)
def test_the_words_stay_and_the_marks_go(text: str, plain: str) -> None:
    """Headings, emphasis, tables, lists, quotations and code; HTML is text."""
    assert plain_text(text) == plain
