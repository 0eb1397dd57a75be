"""The limiter against services that admit so many calls at once: refused calls, and time beside an oracle's.

The oracle is the same limiter, with the cap that nobody can know as its ceiling. All in virtual time, with many seeds: a
bar holds when it holds in 19 of 20 of them. Then the real hive.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from statistics import median
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.session.limiter import ConcurrencyLimiter
from tests.batching.hives import Shouting, rows
from tests.limited import Outcome, Service, run_limited

SERVICES: dict[str, dict[str, Any]] = {
    "calls of 200 ms": {},
    "Retry-After: 1": {"retry_after": "1"},
    "calls that hardly differ": {"spread": 0.02},
    "a long way": {"way_s": 0.02, "retry_after": "1"},
    "slots are held until a commit": {"commit_s": 0.005, "retry_after": "1"},
}

LEGS = [
    pytest.param(facts, id=name, marks=() if name == "Retry-After: 1" else pytest.mark.long)
    for name, facts in SERVICES.items()
]
"""The long tables: one service with the others, the rest in the long tier."""


def most(values: list[float]) -> float:
    """Return the value that 19 of 20 do not exceed."""
    return sorted(values)[len(values) * 19 // 20 - (len(values) % 20 == 0)]


def compare(
    admits: Callable[[int], int], oracle: int, jobs: int, seeds: int, *, commit_s: float = 0.0, **facts: Any
) -> tuple[list[Outcome], list[float]]:
    """Return the outcomes, and makespan / best for each."""
    outcomes, slower = [], []
    for seed in range(seeds):
        outcome = run_limited(Service(admits, random.Random(seed), **facts), jobs, commit_s=commit_s)
        best = run_limited(
            Service(admits, random.Random(seed), **facts), jobs, ConcurrencyLimiter(oracle), commit_s=commit_s
        )
        assert best.refused == 0
        outcomes.append(outcome)
        slower.append(outcome.seconds / best.seconds)
    return outcomes, slower


@pytest.mark.parametrize("facts", LEGS)
@pytest.mark.parametrize("cap", [1, 3, 5])
def test_a_small_plan_is_found_for_four_refused_calls_and_a_tenth_of_the_time(cap: int, facts: dict[str, Any]) -> None:
    """100 jobs where 1, 3 or 5 are admitted at once."""
    outcomes, slower = compare(lambda _: cap, cap, 100, 40, **facts)
    assert most([outcome.refused for outcome in outcomes]) <= 4
    assert most(slower) <= 1.1
    assert {outcome.limit for outcome in outcomes} <= {cap, cap + 1}


@pytest.mark.parametrize("cap", [1, 3, 5])
@pytest.mark.parametrize(("call_s", "rounds"), [(0.2, 60), (2.0, 10), (20.0, 4)])
def test_a_small_plan_is_found_before_the_first_answer(cap: int, call_s: float, rounds: int) -> None:
    """Long calls, of which there are few: what a refusal tells is not waited for until an answer comes."""
    outcomes, slower = compare(lambda _: cap, cap, cap * rounds, 20, call_s=call_s, way_s=0.05)
    assert most([outcome.refused for outcome in outcomes]) <= cap + 1
    assert most(slower) <= 1.06


@pytest.mark.long
@pytest.mark.parametrize("facts", LEGS)
def test_a_cap_of_fifty_is_found_for_two_percent_and_an_eighth_of_the_time(facts: dict[str, Any]) -> None:
    """2,000 jobs where 50 are admitted at once."""
    outcomes, slower = compare(lambda _: 50, 50, 2000, 5, **facts)
    assert max(outcome.refused for outcome in outcomes) <= 40
    assert max(slower) <= 1.2
    assert median(slower) <= 1.12
    assert {outcome.limit for outcome in outcomes} <= {49, 50, 51}


@pytest.mark.parametrize("facts", LEGS)
def test_a_cap_that_falls_is_found_again_for_three_percent(facts: dict[str, Any]) -> None:
    """2,400 jobs; after the first thousand 30 are admitted in place of 100. Every job is done."""
    commit_s = facts.get("commit_s", 0.0)
    service_facts = {name: value for name, value in facts.items() if name != "commit_s"}
    for seed in range(5):
        service = Service(lambda answered: 100 if answered < 1000 else 30, random.Random(seed), **service_facts)
        outcome = run_limited(service, 2400, commit_s=commit_s)
        assert outcome.refused <= 72
        assert service.answered == 2400
        assert 27 <= outcome.limit <= 32


def test_a_cap_that_rises_is_used() -> None:
    """A plan that is raised from 10 to 40 in the middle: the jobs take hardly more than they must."""
    service = Service(lambda answered: 10 if answered < 500 else 40, random.Random(1))
    outcome = run_limited(service, 3000)
    assert outcome.limit >= 35
    assert outcome.seconds <= 1.5 * (500 / 10 + 2500 / 40) * 0.2
    assert outcome.refused <= 60


def test_a_service_that_frees_a_place_late_costs_a_few_places_and_not_half() -> None:
    """50 at once, each free 2 ms after its answer went out: the limit ends a little under 50."""
    outcome = run_limited(Service(lambda _: 50, random.Random(1), frees_late_s=0.002), 2000)
    assert 40 <= outcome.limit <= 50
    assert outcome.refused <= 40
    assert outcome.seconds <= 1.25 * 2000 / 50 * 0.2


def test_what_was_learned_is_used_by_the_next_batch() -> None:
    """The second batch of a workspace is as fast as the oracle's, and refused no more than a probe."""
    limiter = ConcurrencyLimiter()
    rng = random.Random(1)
    run_limited(Service(lambda _: 50, rng), 500, limiter)
    assert limiter.limit in (50, 51)
    refused = limiter.refused
    limiter.refused = 0
    second = run_limited(Service(lambda _: 50, rng), 500, limiter)
    assert second.refused <= 2 < refused + 3
    assert second.seconds <= 1.02 * 500 / 50 * 0.2 * 1.1


@pytest.mark.parametrize("facts", LEGS)
def test_a_ceiling_above_the_cap_costs_hardly_more_than_none(facts: dict[str, Any]) -> None:
    """900 jobs, 3 admitted at once, a ceiling of 10: a few refused calls, and the time of an oracle."""
    commit_s = facts.get("commit_s", 0.0)
    service_facts = {name: value for name, value in facts.items() if name != "commit_s"}
    for seed in range(5):
        outcome = run_limited(
            Service(lambda _: 3, random.Random(seed), **service_facts), 900, ConcurrencyLimiter(10), commit_s=commit_s
        )
        best = run_limited(
            Service(lambda _: 3, random.Random(seed), **service_facts), 900, ConcurrencyLimiter(3), commit_s=commit_s
        )
        assert outcome.refused <= 20
        assert outcome.seconds <= 1.1 * best.seconds
        assert outcome.limit in (3, 4)


@pytest.mark.long
@pytest.mark.parametrize("cap", [1, 3])
def test_a_batch_over_the_real_hive_finds_its_plan(cap: int) -> None:
    """The hive's own count of what it refused: a few, and every job ran once.

    The numbers are wider than in virtual time: a machine with other work to do delays a refusal.
    """
    shouting = Shouting(concurrency=cap, latency_s=0.01)
    client = shouting.hive.client()
    batch = fh.batch(rows(100), "shout", variants="loud", client=client, progress=False)
    assert batch.counts.done == 100
    assert batch.counts.refused == shouting.hive.counts.refused <= 20
    assert set(shouting.ran.values()) == {1}
    assert client.limiter.limit <= cap + 2

    again = fh.batch(rows(100), "shout", variants="soft", client=client, progress=False)
    assert again.counts.done == 100
    assert again.counts.refused <= 10
