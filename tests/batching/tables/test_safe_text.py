"""A model's text as the cell of a spreadsheet."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.batching.tables.safe_text import (
    EXCEL_CELL,
    SafeTextCounter,
    cleaned,
    cut,
    neutralised,
    neutralised_inside,
)

PAYLOADS = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://x.test?a="&A1)',
    "+1+1",
    "-1+1",
    "-2+3+cmd|' /C calc'!D2",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\tharmless",
    "\r=1+1",
    "\n=1+1",
    " =1+1",
    "\u00a0\u3000=1+1",
    "\u200b\ufeff=1+1",
    "\x00=1+1",
    '"=1+1',
    "'=1+1",
    "“=1+1”",
    "＝1+1",
    "＋1+1",
    "－1+1",
    "＠SUM(1)",
    "\u22121+1",
    "- an item of a list",
    "--",
    "-1,5+cmd",
    "+49 170 123",
]


@pytest.mark.parametrize("text", PAYLOADS)
def test_what_might_begin_a_formula_has_an_apostrophe_before_it(text: str) -> None:
    """OWASP's list, also behind blanks, quotes and what cannot be seen, and in full width; nothing of it is lost."""
    clean = cleaned(text)
    assert neutralised(clean) == f"'{clean}"


@pytest.mark.parametrize(
    "text", ["", "fine", "5", "-5", "+5", "-.5", "-2.5e-3", "1=1", "a+b", "a@b.test", "x\t=1", "(=1)", "*bold*", "😀"]
)
def test_numbers_and_other_texts_stay_as_they_are(text: str) -> None:
    """A number that is written as text is no formula, whatever its sign."""
    assert neutralised(text) == text


@given(st.text())
def test_no_text_begins_a_formula_afterwards(text: str) -> None:
    """Whatever it is: without blanks and quotes before it, it begins with none of the signs; or it is a number."""
    safe = neutralised(cleaned(text))
    if not safe.startswith("'"):
        bare = safe.strip("\"'").lstrip()
        assert bare[:1] not in tuple("=@＝＠+-＋－") or not bare or re.fullmatch(r"[+-][\d.eE+-]+", bare, re.ASCII)
        assert safe[:1] not in ("\t", "\r", "\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("late;=cmd|' /C calc'!A0", "late;'=cmd|' /C calc'!A0"),
        ('late; "=1', "late;' \"=1"),
        ("a\t@SUM(1)", "a\t'@SUM(1)"),
        ("a\n-2+cmd|' /C calc'!A0", "a\n'-2+cmd|' /C calc'!A0"),
        ("a\r\n+SUM(A1)", "a\r\n'+SUM(A1)"),
        ("a;;=1;=2", "a;;'=1;'=2"),
        ("Reasons:\n- late (a day)\n- broken\n+ 5", "Reasons:\n- late (a day)\n- broken\n+ 5"),
        ("mail a@b.test; or -5", "mail a@b.test; or -5"),
        ("Thanks,@bob", "Thanks,@bob"),
    ],
)
def test_a_cell_that_begins_inside_of_a_text_for_another_country_is_no_formula_either(text: str, expected: str) -> None:
    """Behind a semicolon, a tab or a line end; the items of a list and a comma, which the file quotes, stay."""
    assert neutralised_inside(text) == expected


def test_in_a_file_of_tabs_the_comma_is_the_other_separator() -> None:
    """As the semicolon is."""
    assert neutralised_inside("a,=1;=2\t=3", "\t") == "a,'=1;'=2\t=3"


@pytest.mark.parametrize("piece", ["\n", " ", ";", "'", "-", "\n-a", "|", ";-|", "a(", "\n" + "a" * 50, "\u200b"])
def test_a_hostile_text_costs_time_in_its_length_only(piece: str) -> None:
    """Eight times the text takes about eight times as long, not sixty-four times: nothing here is quadratic."""

    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        best = float("inf")
        for _ in range(3):
            began = time.thread_time()
            neutralised_inside(neutralised(cleaned(text)))
            best = min(best, time.thread_time() - began)
        return best

    assert seconds(400_000) < 30 * seconds(50_000) + 0.01


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x00\x08\x0b\x1b[31mb", "a[31mb"),
        ("tab\tline\r\nend", "tab\tline\r\nend"),
        ("\ud83d", "\ufffd"),
        ("\ufffe\uffffx", "x"),
        ("😀é", "😀é"),
    ],
)
def test_what_no_workbook_can_hold_is_gone(text: str, expected: str) -> None:
    """Control characters but tab and line ends; half characters become the replacement character."""
    assert cleaned(text) == expected


@given(st.text(), st.integers(min_value=2, max_value=40))
def test_a_cut_text_fits_in_utf_16_and_has_no_half_character(text: str, most: int) -> None:
    """Excel counts UTF-16 units; what fits stays whole, what was cut ends with an ellipsis."""
    short = cut(text, most)
    assert len(short.encode("utf-16-le")) // 2 <= most
    if len(text.encode("utf-16-le")) // 2 <= most:
        assert short == text
    else:
        assert short.endswith("…")
        assert text.startswith(short[:-1])


def test_an_emoji_counts_twice_in_a_cell() -> None:
    """20,000 of them are more than a cell of Excel holds."""
    care = SafeTextCounter(most=EXCEL_CELL)
    assert len(care.of("😀" * 20_000, 7, "output").encode("utf-16-le")) // 2 <= EXCEL_CELL
    assert (care.cut, care.places) == (1, {"cut": ["row 7 'output'"]})


def test_the_first_few_places_are_named_and_all_are_counted() -> None:
    """Each place once: the variants of a row have the same source columns."""
    care = SafeTextCounter()
    for row in ("a", "a", "b", "c\n" * 50, "d", "e"):
        care.of("=1\x00", row, "text")
    assert (care.neutralised, care.cleaned, care.cut) == (6, 6, 0)
    named = care.places["neutralised"]
    assert named[:2] == ["row 'a' 'text'", "row 'b' 'text'"]
    assert len(named) == 3
    assert all(place.isprintable() and len(place) < 60 for place in named)
