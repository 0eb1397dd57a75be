"""Redaction: what this process holds is masked from the moment it is held."""

from __future__ import annotations

import gc

from fh_notebook.core.redaction import Secret, redact


def test_a_secret_that_was_made_after_the_last_text_is_masked_in_the_next() -> None:
    """The mask is made again when a secret is made."""
    text = "first: correct-horse, second: battery-staple"
    first = Secret("correct-horse")
    assert redact(text) == "first: ***, second: battery-staple"
    second = Secret("battery-staple")
    assert redact(text) == "first: ***, second: ***"
    assert first != second


def test_a_secret_that_is_held_no_more_is_not_looked_for() -> None:
    """The mask holds no secret longer than the process does."""
    secret = Secret("tr0ub4dor-and-3")
    assert redact("it is tr0ub4dor-and-3") == "it is ***"
    del secret
    gc.collect()
    assert redact("it is tr0ub4dor-and-3") == "it is tr0ub4dor-and-3"


def test_of_two_objects_with_one_secret_the_first_that_goes_takes_nothing_with_it() -> None:
    """Each object counts by itself."""
    one, other = Secret("correct-horse"), Secret("correct-horse")
    del one
    gc.collect()
    assert redact("correct-horse") == "***"
    assert other
