"""Rows x variants x repeats -> jobs with stable keys."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.batching.planning.plan import Budget, Plan
from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.core.text.messages import CELL
from fh_notebook.errors import InputError, SettingsError
from tests.batching.planning.plans import Planned, make_plan
from tests.problems import rules
from tests.told import facts, numbers_in, tells

DEP = fh.Deployment("triage", variants=["a", "b"], inputs={"text": fh.text(), "n": fh.integer(default=1)})


def _plan(source: Any, deployment: fh.Deployment = DEP, **options: Any) -> Planned:
    return make_plan(read_rows(source), deployment, **{"workspace": "w", **options})


def test_the_variants_of_a_row_are_next_to_each_other() -> None:
    """A batch that stops leaves complete pairs."""
    plan = _plan([{"text": "x"}, {"text": "y"}], repeats=2)
    assert [(job.row, job.repeat, job.variant) for job in plan.jobs] == [
        (row, repeat, variant) for row in (0, 1) for repeat in (1, 2) for variant in ("a", "b")
    ]
    assert plan.calls == 8


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(st.lists(texts, max_size=12), st.integers(1, 3), st.sampled_from([["a"], ["a", "b"], ["b", "a"]]))
def test_every_row_has_every_variant_and_repeat_once(rows: list[str], repeats: int, variants: list[str]) -> None:
    """The product, no more and no less; equal jobs have equal keys, and only they."""
    plan = _plan([{"text": t} for t in rows], repeats=repeats, variants=variants)
    places = [(job.row, job.variant, job.repeat) for job in plan.jobs]
    assert len(places) == len(set(places)) == len(rows) * repeats * len(variants)
    asked = {(job.inputs["text"], job.variant, job.repeat): job.key for job in plan.jobs}
    assert all(job.key == asked[job.inputs["text"], job.variant, job.repeat] for job in plan.jobs)
    assert len(set(asked.values())) == len(asked) == plan.calls
    assert plan.doubled == len(plan.jobs) - len(asked)


@given(st.lists(texts, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_an_unnamed_batch_has_the_same_name_whatever_the_order_of_rows(rows: list[str], rng: Any) -> None:
    """So that the same cell goes on, and a shuffled frame too."""
    shuffled = list(rows)
    rng.shuffle(shuffled)
    assert _plan([{"text": t} for t in rows]).name == _plan([{"text": t} for t in shuffled]).name


@pytest.mark.parametrize(
    "other",
    [
        {"variants": ["a"]},
        {"variants": ["b", "a"]},
        {"repeats": 2},
        {"workspace": "w2"},
        {"inputs": {"n": 2}},
        {"deployment": fh.Deployment("triage-2", variants=["a", "b"])},
        {"source": [{"text": "x"}]},
    ],
)
def test_another_question_is_another_batch(other: dict[str, Any]) -> None:
    """Whatever changes a key or the comparison changes the name."""
    usual: dict[str, Any] = {"source": [{"text": "x"}, {"text": "y"}], "deployment": DEP}
    assert _plan(**usual).name != _plan(**{**usual, **other}).name


@pytest.mark.parametrize("same", [{"metadata": {"who": "me"}}, {"first": 1}, {"sample": 1}])
def test_metadata_and_a_pilot_do_not_change_the_name(same: dict[str, Any]) -> None:
    """The same cell without `first` goes on where the pilot ended."""
    rows = [{"text": "x"}, {"text": "y"}]
    assert _plan(rows).name == _plan(rows, **same).name
    assert {job.key for job in _plan(rows, **same).jobs} <= {job.key for job in _plan(rows).jobs}


def test_a_pilot_takes_the_first_rows_or_the_same_sample_each_time() -> None:
    """With labels of the source, in its order."""
    rows = [{"text": str(i)} for i in range(100)]
    assert [job.row for job in _plan(rows, first=2, variants="a").jobs] == [0, 1]
    random.seed(1)
    once = [job.row for job in _plan(rows, sample=10, variants="a").jobs]
    random.seed(2)
    assert [job.row for job in _plan(rows, sample=10, variants="a").jobs] == once == sorted(set(once))
    assert len(once) == 10
    assert once != list(range(10))
    assert len(_plan(rows, sample=1000, variants="a").jobs) == 100


def test_every_problem_of_every_row_is_told_at_once_with_its_row() -> None:
    """Equal problems are told once, with the rows that have them."""
    frame = pd.DataFrame({"text": ["x", None, "z", None], "n": [1, 2, "many", 4]}, index=["p", "q", "r", "s"])
    with pytest.raises(InputError) as caught:
        _plan(frame)
    assert [(p.path, p.keyword, p.rows) for p in caught.value.problems] == [
        (("text",), "required", ("q", "s")),
        (("n",), "type", ("r",)),
    ]
    assert tells(caught.value.problems[1].value, "'many'")


def test_a_thousand_problems_are_not_a_thousand_lines() -> None:
    """The message says how many more there are."""

    def broken(row: dict[str, Any]) -> str:
        if row["k"]:
            raise ValueError(row["k"])
        return "x"

    with pytest.raises(InputError) as caught:
        _plan([{"k": i} for i in range(1001)], inputs={"text": broken})
    assert len(caught.value.problems) == 31
    assert "970" in caught.value.problems[-1].message
    assert "on_invalid='skip'" in caught.value.problems[-1].hint


def test_problems_that_differ_in_the_value_only_are_one_line() -> None:
    """A column of numbers for a text is one mistake; and where every row has it, leaving rows out is no cure."""
    with pytest.raises(InputError) as caught:
        _plan([{"text": i} for i in range(1000)])
    [problem] = caught.value.problems
    assert (len(problem.rows), problem.path, problem.keyword) == (1000, ("text",), "type")
    assert problem.value == "0, 1, 2, …"
    with pytest.raises(InputError) as caught:
        _plan([{"text": "x", "n": n} for n in ("a", "b", 3)])
    [problem] = caught.value.problems
    assert (problem.rows, problem.path, problem.keyword) == ((0, 1), ("n",), "type")
    assert tells(problem.value, "'a'", "'b'")
    assert "on_invalid='skip'" in problem.hint
    with pytest.raises(InputError, match="^((?!on_invalid).)*$"):
        _plan([{"text": "x", "n": n} for n in ("a", "b", 3)], audience=CELL)


def test_a_thousand_rows_with_the_same_problem_are_one_line() -> None:
    """With the first of them, and how many more."""
    with pytest.raises(InputError, match=facts("0", "1", "2", "3", "4", "995")) as caught:
        _plan([{"text": 7}] * 1000)
    [problem] = caught.value.problems
    assert (len(problem.rows), problem.path, problem.keyword, problem.value) == (1000, ("text",), "type", "7")


def test_rows_whose_inputs_do_not_fit_can_be_kept_aside() -> None:
    """They have no key, so they are never called; their problems stay with them."""
    plan = _plan([{"text": "x"}, {"text": 3}], on_invalid="skip")
    assert [(job.row, bool(job.key), rules(job.problems)) for job in plan.jobs] == [
        (0, True, []),
        (0, True, []),
        (1, False, ["text: type"]),
        (1, False, ["text: type"]),
    ]
    assert (plan.calls, plan.invalid) == (2, 2)


def test_metadata_columns_and_stamps_go_with_every_call() -> None:
    """By them a run is found in the service's logs; the user's own stay beside."""
    frame = pd.DataFrame({"text": ["x"], "metadata.lang": ["en"], "metadata.none": [None]}, index=["row 9"])
    [job] = _plan(frame, metadata={"who": "me", "lang": "de"}, variants="a").jobs
    request = job.request("triage-1")
    assert request.metadata == {
        "who": "me",
        "lang": "en",
        "fh_batch": "triage-1",
        "fh_row": "row 9",
        "fh_variant": "a",
        "fh_repeat": 1,
        "fh_job": job.key,
    }
    assert request.inputs == {"text": "x", "n": 1}
    assert (request.deployment, request.variant) == ("triage", "a")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"source": [{"text": "x", "metadata.deep": {"a": 1}}]}, ("metadata.deep",)),
        ({"metadata": {"deep": [1]}}, ("metadata.deep",)),
        ({"source": [{"text": "x", "n": {1, 2}}]}, ("JSON",)),
        ({"source": [{"text": "x"}], "deployment": fh.Deployment("bare")}, ("bare",)),
        ({"variants": []}, ("variants",)),
        ({"variants": ["a", ""]}, ("''",)),
        ({"variants": ["a", "B "]}, ("'B '",)),
        (
            {"variants": "nearst", "deployment": fh.Deployment("d", variants=["nearest", "x"])},
            ("'nearest'",),
        ),
        ({"variants": "quite another"}, ("'a'", "'b'")),
    ],
)
def test_what_cannot_be_sent_is_told_before_any_call(options: dict[str, Any], said: str) -> None:
    """Nested metadata would be refused by the service; a set has no JSON form."""
    with pytest.raises(InputError) as caught:
        _plan(**{"source": [{"text": "x"}], **options})
    assert tells(str(caught.value), *said)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"repeats": 0}, "repeats is 0"),
        ({"repeats": True}, "repeats is True"),
        ({"first": -1}, "first is -1"),
        ({"first": 1, "sample": 1}, "not both"),
        ({"on_invalid": "ignore"}, "'raise' or 'skip'"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(options: dict[str, Any], said: str) -> None:
    """With what to give instead."""
    with pytest.raises(SettingsError, match=said):
        _plan([{"text": "x"}], **options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "triage: 3 rows x 2 variants = 6 jobs; 6 calls"),
        ({"repeats": 2, "variants": "a"}, "triage: 3 rows x 1 variant x 2 repeats = 6 jobs; 6 calls"),
        ({"first": 1, "variants": "a"}, "triage: 1 row x 1 variant = 1 job; 1 call"),
    ],
)
def test_a_plan_says_what_it_will_do(options: dict[str, Any], said: str) -> None:
    """Rows x variants x repeats, and the calls that leaves."""
    assert str(_plan([{"text": "x"}, {"text": "y"}, {"text": "z"}], **options)) == said


def test_a_plan_says_what_is_answered_already() -> None:
    """And when, in UTC."""
    plan = _plan([{"text": "x"}, {"text": "x"}, {"text": 1}], variants="a", on_invalid="skip").plan
    when = datetime(2026, 11, 24, 22, 10, tzinfo=UTC)
    known = replace(plan, answered=1, answered_at=when, unknown=1, calls=0)
    at = "2026-11-24 22:10 UTC"
    assert tells(known, "triage", "3 rows", "1 variant", "3 jobs", at, "retry_unknown=True", "0 calls")
    before, _, rest = str(known).partition(at)
    assert tells(before, "1 of 3")
    assert numbers_in(rest) == ["1", "1", "1", "0"], "unknown, the same as another, not sent, calls"


def _of(**facts: Any) -> str:
    usual: dict[str, Any] = {"name": "n", "deployment": "d", "variants": ("a", "b"), "rows": 40, "repeats": 1}
    return str(Plan(**{**usual, "jobs": 80, "calls": 80, **facts})).partition("; ")[2]


PLANS: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({}, ("80 calls",)),
    ({"seconds": 150.0}, ("80 calls", "2 min 30 s")),
    ({"budget": Budget(price_per_call=0.05)}, ("80 calls", "4.00", "0.05")),
    ({"budget": Budget(price_per_call=0.05), "max_calls": 10}, ("80 calls", "0.50", "0.05", "10 calls")),
    ({"max_calls": 100}, ("80 calls",)),
    ({"max_seconds": 60.0}, ("80 calls", "60 s")),
    (
        {"max_seconds": 64_320.0, "seconds": 50_000.0, "ends_at": datetime(2026, 12, 1, 23, 59, 59, tzinfo=UTC)},
        ("80 calls", "13 h 50 min", "00:00 UTC", "17 h 50 min"),
    ),
    ({"max_seconds": 64_320.0, "seconds": 1.0}, ("80 calls", "1 s")),
    ({"max_seconds": 64_320.0, "calls": 3}, ("3 calls",)),
    (
        {"budget": Budget(daily_cap=50, used_today=37)},
        ("80 calls", "50 calls", "37", "13", "00:00 UTC"),
    ),
    ({"look_ups_per_call": 1}, ("80 calls", "80 look-ups")),
    (
        {"look_ups_per_call": 2, "seconds": 150.0, "budget": Budget(daily_cap=50, used_today=37)},
        ("80 calls", "2 min 30 s", "160 look-ups", "50 calls", "37", "4", "00:00 UTC"),
    ),
    (
        {
            "rejoined": 78,
            "look_ups_per_call": 1,
            "saves_look_ups": True,
            "seconds": 150.0,
            "budget": Budget(daily_cap=87, used_today=7, price_per_call=0.5),
        },
        ("2 calls", "2 min 30 s", "1.00", "0.50", "78", "80 look-ups", "87 calls", "7", "1", "00:00 UTC"),
    ),
    ({"calls": 0, "answered": 80, "seconds": 3.0}, ("80 of 80", "0 calls")),
    ({"rows": None, "jobs": 0, "calls": 0}, ("1,000",)),
    (
        {"rows": None, "jobs": 0, "calls": 0, "max_calls": 9},
        ("1,000", "9 calls"),
    ),
]


@pytest.mark.parametrize(("known", "said"), PLANS)
def test_a_plan_says_time_money_and_ceilings(known: dict[str, Any], said: tuple[str, ...]) -> None:
    """What is not known is not said; a ceiling that is not reached is none."""
    assert tells(_of(**known), *said)


def test_a_plan_of_an_iterator_does_not_guess_its_rows() -> None:
    """Nobody knows them before they were read."""
    assert str(Plan(name="n", deployment="d", variants=("a",), rows=None, repeats=1, jobs=0)).startswith(
        "d: rows: unknown x 1 variant;"
    )


def test_a_budget_never_leaves_less_than_nothing() -> None:
    """Another program may have used more than the cap that was configured."""
    assert [Budget(daily_cap=50, used_today=used).left_today for used in (0, 37, 50, 80)] == [50, 13, 0, 0]
    assert Budget().left_today is None


def test_a_deployment_without_named_variants_takes_any() -> None:
    """Nothing is known that could be wrong."""
    assert _plan([{"text": "x"}], fh.Deployment("bare"), variants=["x", "y"]).plan.variants == ("x", "y")


def test_a_secret_is_masked_wherever_a_job_is_kept_or_shown() -> None:
    """The request has it, and so has the key; nothing else."""
    dep = fh.Deployment("d", variants="v", inputs={"text": fh.text(), "token": fh.text(secret=True)})
    one, other = (_plan([{"text": "x", "token": token}], dep).jobs[0] for token in ("s3cret", "other"))
    assert one.shown_inputs == other.shown_inputs == {"text": "x", "token": "***"}
    assert one.request("b").inputs["token"] == "s3cret"
    assert one.key != other.key


def test_a_plan_that_is_over_forecasts_no_time() -> None:
    """The rest of it stays as it was."""
    plan = Plan(
        name="n", deployment="d", variants=("a",), rows=20, repeats=1, jobs=20, calls=20, seconds=42.0, max_calls=10
    )
    assert plan.when_over == str(plan).replace(", about 40 s", "") != str(plan)
    assert numbers_in(plan.when_over) == ["20", "1", "20", "20", "10"]
