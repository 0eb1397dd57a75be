"""Markdown as plain text."""

from __future__ import annotations

import pytest

from fh_notebook.core.text.markdown import is_cheap, plain_text


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


TABLE = "|a|b|\n|-|-|\n"


@pytest.mark.parametrize(
    ("text", "cheap"),
    [
        (TABLE + "| one | two |\n" * 1_000, True),
        ("Some words of a line, as a person writes them.\n\n" * 1_500, True),
        (TABLE + "||||||||||||||\n" * 3_000, False),
        ("|" * 200 + "\n" + "|-" * 199 + "|\n" + "x\n" * 300, False),
        (("|" * 60 + "\r\n" + "|-" * 59 + "|\r\n" + "x\r\n" * 60 + "\r\n") * 8, False),
        ("#\n" * 45_000, False),
    ],
    ids=["table", "words", "empty cells", "short rows", "short rows of many tables", "empty heads"],
)
def test_what_takes_seconds_is_not_parsed(text: str, cheap: bool) -> None:
    """Of a table each cell counts, also one that a short row leaves out, and each line."""
    assert len(text) < 100_000
    assert is_cheap(text) is cheap
