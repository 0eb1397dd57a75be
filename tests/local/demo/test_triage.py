"""The two ways of telling what a ticket is about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.local.demo.triage import LABELS, NearestExample, by_keywords, fold

EXAMPLES = [
    ("Where is my parcel? It was shipped last week.", "delivery"),
    ("I forgot my password and cannot log in.", "account"),
    ("Ich habe mein Passwort vergessen.", "account"),
    ("荷物がまだ届いていません。", "delivery"),
]


@pytest.mark.parametrize(
    ("ticket", "label", "reason"),
    [
        ("Two INVOICES, one wrong price", "billing", "invoice, price"),
        ("Où est mon COLIS ?", "delivery", "colis"),
        ("Rückgabe? Ich möchte umtauschen", "returns", "umtausch"),
        ("I cannot sign in", "account", "sign in"),
        ("The app shows an error, the parcel is fine", "technical", "app, error"),
        ("app, but first the parcel", "technical", "app"),
        ("parcel, but then the app", "delivery", "parcel"),
        ("the mishap with the label", "other", "no keyword found"),
        ("", "other", "no keyword found"),
    ],
    ids=[
        "two words of a label",
        "accents and capitals do not matter",
        "a word's beginning is enough",
        "a phrase",
        "most words win",
        "of equals the first",
        "of equals the first, again",
        "never inside a word",
        "nothing",
    ],
)
def test_keywords(ticket: str, label: str, reason: str) -> None:
    """The label with the most different keywords wins; of equals the one that is named first; else it is other."""
    verdict = by_keywords(ticket)
    assert (verdict.label, verdict.reason) == (label, reason)


def test_keywords_count_once() -> None:
    """A word that is repeated speaks once: three parcels are not three reasons."""
    verdict = by_keywords("parcel parcel parcel, wrong price on the invoice")
    assert (verdict.label, verdict.confidence) == ("billing", 0.67)


@pytest.mark.parametrize(
    ("ticket", "label"),
    [
        ("my pasword is forgoten", "account"),
        ("wo ist mein passwort", "account"),
        ("when was the parcell shiped", "delivery"),
        ("荷物はどこですか", "delivery"),
    ],
)
def test_nearest_survives_typos_and_needs_no_word_borders(ticket: str, label: str) -> None:
    """Grams of characters find a word with a typo in it, and Japanese, which has no blanks."""
    verdict = NearestExample(EXAMPLES).verdict(ticket)
    assert verdict.label == label
    assert 0 < verdict.confidence <= 1


def test_nearest_finds_an_example_itself() -> None:
    """A text that is an example is nearest to itself."""
    near = NearestExample(EXAMPLES)
    for text, label in EXAMPLES:
        verdict = near.verdict(text)
        assert (verdict.label, verdict.reason) == (label, f"like: {text}")


@pytest.mark.parametrize("ticket", ["", "👎👎👎", "?!", "Ω"], ids=["empty", "emoji", "marks", "nothing in common"])
def test_nearest_refuses_what_it_cannot_compare(ticket: str) -> None:
    """Without a word in common with any example none is nearer than another: that is an error, not a guess."""
    with pytest.raises(ValueError, match="no words to compare"):
        NearestExample(EXAMPLES).verdict(ticket)


@given(st.text())
def test_every_text_gets_a_label_or_an_honest_error(ticket: str) -> None:
    """Whatever is written, the label is one of the six and the confidence a share."""
    verdict = by_keywords(ticket)
    assert verdict.label in LABELS
    assert 0 <= verdict.confidence <= 1
    try:
        nearest = NearestExample(EXAMPLES).verdict(ticket)
    except ValueError as refused:
        assert "no words to compare" in str(refused)
    else:
        assert nearest.label in {"delivery", "account"}
        assert 0 < nearest.confidence <= 1


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    """Folded text stays as it is."""
    assert fold(fold(text)) == fold(text)
