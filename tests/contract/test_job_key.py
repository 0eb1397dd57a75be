"""The key of a job: what makes two calls the same call."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.contract.job_key import job_key

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
inputs = st.dictionaries(texts, values, max_size=5)


@given(inputs, st.randoms(use_true_random=False))
def test_the_order_of_inputs_is_not_in_the_key(given_inputs: dict[str, Any], rng: Any) -> None:
    """However a cell orders its inputs, it asks the same thing."""
    items = list(given_inputs.items())
    rng.shuffle(items)
    assert job_key("w", "d", "v", given_inputs) == job_key("w", "d", "v", dict(items))


@given(inputs, inputs)
def test_different_inputs_have_different_keys(a: dict[str, Any], b: dict[str, Any]) -> None:
    """Two keys are equal only when what would be sent is equal, 1 and true and 1.0 being three things."""
    if repr(a) == repr(b):
        assert job_key("w", "d", "v", a) == job_key("w", "d", "v", b)
    elif a != b:
        assert job_key("w", "d", "v", a) != job_key("w", "d", "v", b)


@pytest.mark.parametrize(
    "other",
    [
        ("w2", "d", "v", {"x": 1}, 1),
        ("w", "d2", "v", {"x": 1}, 1),
        ("w", "d", "v2", {"x": 1}, 1),
        ("w", "d", None, {"x": 1}, 1),
        ("w", "d", "v", {"x": 2}, 1),
        ("w", "d", "v", {"x": True}, 1),
        ("w", "d", "v", {"x": "1"}, 1),
        ("w", "d", "v", {"x": 1}, 2),
        ("w", "d", "v", {}, 1),
    ],
)
def test_everything_that_can_change_an_answer_is_in_the_key(other: tuple[Any, ...]) -> None:
    """Workspace, deployment, variant, inputs with their kinds, and which repeat it is."""
    assert job_key(*other) != job_key("w", "d", "v", {"x": 1}, 1)


def test_the_spelling_of_a_key_never_changes() -> None:
    """Answers of every version are found again: this very key is in people's files."""
    key = job_key("api.fetchhive.com#3c469e9d6c58", "support-triage", "nearest", {"ticket": "Où est-il ?", "n": 1})
    spelt = '["api.fetchhive.com#3c469e9d6c58","support-triage","nearest",{"n":1,"ticket":"Où est-il ?"},1]'
    assert key == sha256(spelt.encode()).hexdigest()
    assert key == "10bd304a022b21d0faaa04529a0a7dc46771bb2c89e6aa995f184cf2888f61bc"
