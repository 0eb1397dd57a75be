"""Several scorers in one: what they make of true, false, missing and errors."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.contract.run import Run

RUN = Run(status="completed", output="billing")


def _gives(value: Any) -> Any:
    return fh.score.scorer(lambda run: value, name=str(value))


@pytest.mark.parametrize(
    ("parts", "all_of", "any_of"),
    [
        # S. C. Kleene's strong logic: the truth tables of section 64.
        ([True, True], True, True),
        ([True, False], False, True),
        ([False, False], False, False),
        ([True, None], None, True),
        ([False, None], False, None),
        ([None, None], None, None),
        ([1, 0.0], False, True),
    ],
)
def test_all_of_and_any_of_leave_open_only_what_is_open(parts: list[Any], all_of: Any, any_of: Any) -> None:
    """A missing part counts only where it decides."""
    made = [_gives(part) for part in parts]
    assert fh.score.all_of(*made)(RUN) is all_of
    assert fh.score.any_of(*made)(RUN) is any_of


def test_not_turns_yes_and_no_around_and_leaves_missing_missing() -> None:
    """Also of a column."""
    assert [fh.score.not_(_gives(x))(RUN) for x in (True, False, None)] == [False, True, None]
    assert fh.score.not_("rude")(RUN, {"rude": False}) is True


@pytest.mark.parametrize("make", [fh.score.all_of, fh.score.any_of, fh.score.not_])
def test_what_is_neither_true_nor_false_cannot_be_put_together(make: Any) -> None:
    """And an error of a part is an error of the whole."""
    with pytest.raises(fh.InputError, match=r"\b0\.5\b"):
        make(_gives(0.5))(RUN)
    cmp = fh.compare(_table(), score=make(lambda run: 1 / 0))
    assert cmp.summary()["missing"].tolist() == [2]
    assert cmp.score_errors()["error"].tolist() == ["ZeroDivisionError: division by zero"] * 2


def _table(**more: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(
        {"row": [0, 1], "variant": "a", "output": ["billing", "x"], "expected_output": "billing", **more}
    )


def test_weighted_is_the_mean_by_weight_with_its_parts_beside_it() -> None:
    """By name; equal names are numbered."""
    rated = fh.score.weighted((fh.score.exact(), 3), fh.score.length(at_most=3), quick=("fast", 0))
    assert rated.name == "weighted(exact(): 3, length(at_most=3): 1, quick: 0)"
    cmp = fh.compare(_table(fast=[1, 0]), score=rated)
    assert cmp.parts()[["score", "exact()", "length(at_most=3)", "quick"]].values.tolist() == [
        [0.75, 1.0, 0.0, 1.0],
        [0.25, 0.0, 1.0, 0.0],
    ]
    twice = fh.score.weighted(_gives(1), _gives(1))(RUN)
    assert twice == {"1 1": 1.0, "1 2": 1.0, "score": 1.0}


def test_parts_may_come_in_a_list_or_in_a_mapping_to_weights() -> None:
    """As one has them."""
    parts = [(fh.score.exact(), 3), (fh.score.json_valid(), 1)]
    for made in (fh.score.weighted(*parts), fh.score.weighted(parts), fh.score.weighted(dict(parts))):
        assert made(RUN, {"expected_output": "billing"})["score"] == 0.75
    assert fh.score.all_of([_gives(True), _gives(False)])(RUN) is False


def test_a_weighted_mean_with_a_missing_part_is_missing() -> None:
    """A mean of what is left would be of another kind; a weight of 0 only shows."""
    assert fh.score.weighted(_gives(1), _gives(None))(RUN)["score"] is None
    assert fh.score.weighted(_gives(1), (_gives(None), 0))(RUN)["score"] == 1.0
    with pytest.raises(fh.InputError, match="'x'"):
        fh.score.weighted(_gives(1), _gives("x"))(RUN)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: fh.score.all_of(), "^all_of "),
        (lambda: fh.score.weighted(), "^weighted "),
        (lambda: fh.score.weighted((fh.score.exact(), -1)), r"\[-1\].* 0\b"),
        (lambda: fh.score.weighted((fh.score.exact(), 0)), r"\[0\]"),
        (lambda: fh.score.weighted((fh.score.exact(), 1, 2)), r"^weighted .*\[a Scorer, 1, 2\]"),
        (lambda: fh.score.weighted((fh.score.exact(), True)), r"\[True\]"),
        (lambda: fh.score.any_of(3), "^any_of .* 3$"),
        (lambda: fh.compare(_table(), score=fh.score.not_("rud")), "'rud'"),
    ],
)
def test_what_cannot_be_put_together_raises_at_once(make: Any, said: str) -> None:
    """Before anything is scored."""
    with pytest.raises(fh.InputError, match=said):
        make()


def test_async_parts_are_awaited_in_a_comparison_and_refused_for_a_single_run() -> None:
    """And combined ones can be combined."""

    async def long(run: Run) -> bool:
        return len(run.text) > 3

    both = fh.score.not_(fh.score.all_of(long, fh.score.exact()))
    assert both.name == "not_(all_of(long, exact()))"
    cmp = fh.compare(_table(), score=both)
    assert cmp.summary()["mean"].tolist() == [0.5]
    with pytest.raises(fh.InputError, match=r"^all_of\(long, exact\(\)\) .* not_\(all_of\(.*fh\.compare\("):
        both(RUN, {"expected_output": "x"})


def test_lower_is_better_only_where_it_is_so_of_all_parts() -> None:
    """As with seconds."""
    assert fh.score.weighted(fh.score.latency()).lower_is_better
    assert not fh.score.weighted(fh.score.latency(), fh.score.exact()).lower_is_better
    assert not math.isnan(fh.score.weighted(fh.score.exact())(RUN, {"expected_output": "x"})["score"])
