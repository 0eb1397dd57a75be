"""`multipleOf` is about decimals, wherever it is checked."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.contract.schema.build import to_schema
from fh_notebook.contract.schema.validation import fits, problems
from tests.problems import rules
from tests.told import tells

CENTS: dict[str, Any] = {"type": "number", "multipleOf": 0.01}


def test_every_amount_of_cents_is_a_multiple_of_a_cent() -> None:
    """By the check before a call, and by that of any value: in binary, 11,426 of 100,000 would be refused."""
    schema = to_schema({"amounts": fh.array(CENTS)})
    amounts = [cents / 100 for cents in range(400_000, 500_000, 7)]
    assert problems(schema, {"amounts": amounts}) == []
    assert all(fits(CENTS, amount) for amount in amounts)


@pytest.mark.parametrize(
    ("number", "of", "is_one"),
    [
        (0.7, 0.1, True),
        (4232.53, 0.01, True),
        (-0.3, 0.1, True),
        (0.75, 0.1, False),
        (1e-300, 1e-308, True),
        (1e308, 0.1, True),
        (10**400, 0.5, True),
        (10**400 + 1, 2, False),
        (3, 1.5, True),
        (4, 1.5, False),
    ],
)
def test_what_is_a_multiple(number: float, of: float, is_one: bool) -> None:
    """The same by the check before a call and by that of any value."""
    says = {"type": "number", "multipleOf": of}
    told = problems(to_schema({"n": says}), {"n": number})
    assert (not told, fits(says, number)) == (is_one, is_one)


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6), st.integers(0, 6))
def test_decimals_are_multiples_as_on_paper(count: int, digits: int, places: int) -> None:
    """For each product of a whole number with a decimal that a float can spell."""
    step = Decimal(digits).scaleb(-places)
    product = count * step
    if Decimal(repr(float(product))) == product:
        assert fits({"multipleOf": float(step)}, float(product))


def test_the_number_of_a_variable_can_have_a_rule_and_a_step() -> None:
    """``multiple_of`` refuses, ``step`` does not; both are kept in the catalogue's words."""
    ruled = fh.Deployment("d", inputs={"n": fh.number(multiple_of=0.1), "m": fh.integer(step=10)})
    assert ruled.problems({"n": 0.7, "m": 3}) == []
    [problem] = ruled.problems({"n": 0.75, "m": 3})
    assert tells(problem, "n", "0.75", "0.1")
    assert ruled.inputs["properties"] == {
        "n": {"type": "number", "multipleOf": 0.1},
        "m": {"type": "integer", "step": 10},
    }


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_number_of_json_is_told_without_a_word_of_a_multiple_that_raises(number: float) -> None:
    """The check comes to its end."""
    told = problems(to_schema({"n": CENTS}), {"n": number})
    assert rules(told) == ["n: json"]
