"""Efficiency: ideal makespan (jobs x seconds of a call / calls at once) divided by the makespan of a batch.

Rule of this file: everything that a person waits for counts. A cell of a real kernel calls `fh.batch`, with progress
on and the store on, over a socket; the makespan goes from the cell's first line to the batch in its variable. One batch
of a single row comes before: the imports that the first batch of a kernel makes are told apart.

The first table has a peer in the same run: the same calls by aiohttp, written by hand as fast as it goes (a worker for
each call at once, one session, nothing kept), in a cell of a kernel of its own. The two alternate, so that a busy moment
hits both; their ratio is what can be compared between machines. CPU is the whole process's, user and system, of all its
threads. The service (`service.py`) is the standard library's asyncio in a process of its own.

The second table is of services that refuse what is over a subscription's cap: a batch that knows the cap
(``max_concurrency=cap``), one that knows nothing (``None``), and one that was given a number above it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from tests.benchmarks.measuring import medians, notebook, table
from tests.benchmarks.service import service


@dataclass(frozen=True, slots=True)
class Case:
    """Jobs of one length, so many at once; `aim` is of the peer's efficiency."""

    jobs: int
    delay_s: float
    at_once: int
    aim: float

    @property
    def ideal_s(self) -> float:
        return self.jobs * self.delay_s / self.at_once

    def __str__(self) -> str:
        return f"{self.jobs:,} x {1000 * self.delay_s:g} ms at {self.at_once}"


CASES: Final = (
    Case(2_000, 0.2, 100, aim=0.97),
    Case(1_000, 0.05, 100, aim=0.92),
    Case(5_000, 0.2, 500, aim=0.90),
)

CPU_AIM_US: Final = 280


@dataclass(frozen=True, slots=True)
class CapCase:
    """Calls of one length through a service that admits `cap` at once, by a batch that was given `number`."""

    cap: int
    delay_s: float
    number: int | None

    @property
    def jobs(self) -> int:
        return self.cap * (60 if self.delay_s < 1 else 10)  # 12 s and 20 s, of calls as plans have them

    @property
    def ideal_s(self) -> float:
        return self.jobs * self.delay_s / self.cap

    @property
    def aim(self) -> float:
        """The least efficiency: it costs time to learn the cap."""
        return 1 / 1.02 if self.number == self.cap else 1 / 1.06

    @property
    def most_refused(self) -> int:
        """The most refused calls."""
        if self.number is None:
            return self.cap + 1
        return 0 if self.number == self.cap else self.number + 10


CAPS: Final = (1, 3, 5)
ABOVE: Final = 20
"""A number that is above each of the caps."""

CAP_CASES: Final = tuple(
    CapCase(cap, delay_s, number) for cap, delay_s in product(CAPS, (0.2, 2.0)) for number in (cap, None, ABOVE)
)

OURS: Final = """
import pandas as pd
hive = fh.Client(base_url=url, api_key=KEY)
began = time.perf_counter()
fh.batch([{"ticket": "the first of this kernel"}], "triage", variants="v", client=hive)
tell(first_s=time.perf_counter() - began - delay_s)
rows = pd.DataFrame({"ticket": tickets(jobs)})
seen = []
"""

OURS_CELL: Final = """
began, cpu = time.perf_counter(), time.process_time()
batch = fh.batch(
    rows, "triage", variants="v", client=hive, max_concurrency=at_once,
    on_event=lambda event: seen.append(time.perf_counter()),
)
ended, cpu = time.perf_counter(), time.process_time() - cpu
assert (batch.counts.done, batch.counts.reused) == (len(rows), 0), batch.counts
tell(makespan_s=ended - began, planning_s=seen[0] - began, ending_s=ended - seen[-1], cpu_s=cpu)
"""

PEER: Final = """
import aiohttp

async def go(texts):
    answers, left = [], iter(texts)
    async with aiohttp.ClientSession(
        headers={"Authorization": f"Bearer {KEY}"}, connector=aiohttp.TCPConnector(limit=at_once)
    ) as session:

        async def work():
            for text in left:
                asked = {"deployment": "triage", "variant": "v", "inputs": {"ticket": text}}
                async with session.post(f"{url}/workflow/invoke", json=asked) as response:
                    answers.append(await response.json())

        await asyncio.gather(*(work() for _ in range(at_once)))
    return answers

await go(["the first of this kernel"])
texts = tickets(jobs)
"""

PEER_CELL: Final = """
began, cpu = time.perf_counter(), time.process_time()
answers = await go(texts)
ended, cpu = time.perf_counter(), time.process_time() - cpu
assert len(answers) == jobs and all(answer["run_status"] == "completed" for answer in answers)
tell(makespan_s=ended - began, cpu_s=cpu)
"""


def measure(case: Case | CapCase, before: str, cell: str, *, at_once: int | None, admits: int | None) -> dict[str, Any]:
    """Run one case once, in a fresh kernel with a fresh store; `refused` is what the service says."""
    with service(delay_s=case.delay_s, admits=admits) as served, notebook() as run:
        facts = run(before, url=served.url, at_once=at_once, delay_s=case.delay_s, jobs=case.jobs)
        served.reset()
        facts |= run(cell)
        assert served.calls() == case.jobs, f"{served.calls()} calls for {case.jobs} jobs"
        return {**facts, "refused": served.refused()}


def ours(case: Case | CapCase, *, at_once: int | None, admits: int | None = None) -> dict[str, Any]:
    return measure(case, OURS, OURS_CELL, at_once=at_once, admits=admits)


def peers(case: Case) -> dict[str, Any]:
    return measure(case, PEER, PEER_CELL, at_once=case.at_once, admits=None)


def main(*, repeats: int = 5) -> None:
    taken: dict[Case, list[tuple[dict[str, Any], dict[str, Any]]]] = {case: [] for case in CASES}
    for turn in range(repeats):
        for case, samples in taken.items():
            if turn % 2:
                theirs = peers(case)
                samples.append((ours(case, at_once=case.at_once), theirs))
            else:
                samples.append((ours(case, at_once=case.at_once), peers(case)))
    head = (
        "", "ideal s", "makespan s", "efficiency", "aiohttp's", "**of aiohttp's**", "aim", "planning", "ending",
        "CPU a call", "aim", "aiohttp's",
    )  # fmt: skip
    table(head, [_line(case, samples) for case, samples in taken.items()])
    first_s = medians([{"s": mine["first_s"]} for samples in taken.values() for mine, _ in samples])["s"]
    print(
        f"\nThe first batch of a kernel, of one row, takes {first_s:.2f} s more (imports); it is not in the figures.\n"
    )
    capped: dict[CapCase, list[dict[str, Any]]] = {case: [] for case in CAP_CASES}
    for _ in range(repeats):
        for cap_case, cap_samples in capped.items():
            cap_samples.append(ours(cap_case, at_once=cap_case.number, admits=cap_case.cap))
    cap_head = ("cap", "calls", "max_concurrency", "ideal s", "makespan s", "**efficiency**", "aim", "refused", "most")
    table(cap_head, [_cap_line(cap_case, cap_samples) for cap_case, cap_samples in capped.items()])


def _line(case: Case, samples: list[tuple[dict[str, Any], dict[str, Any]]]) -> tuple[object, ...]:
    mine, theirs = (medians(list(side)) for side in zip(*samples, strict=True))
    ratios = sorted(peer["makespan_s"] / own["makespan_s"] for own, peer in samples)
    makespan_s = mine["makespan_s"]
    return (
        case,
        f"{case.ideal_s:.2f}",
        f"{makespan_s:.2f}",
        f"{case.ideal_s / makespan_s:.3f}",
        f"{case.ideal_s / theirs['makespan_s']:.3f}",
        f"**{ratios[len(ratios) // 2]:.3f}** ({ratios[0]:.3f} to {ratios[-1]:.3f})",
        f"{case.aim:.2f}",
        f"{mine['planning_s'] / makespan_s:.1%}",
        f"{mine['ending_s'] / makespan_s:.1%}",
        f"{1e6 * mine['cpu_s'] / case.jobs:,.0f} µs",
        f"{CPU_AIM_US} µs",
        f"{1e6 * theirs['cpu_s'] / case.jobs:,.0f} µs",
    )


def _cap_line(case: CapCase, samples: list[dict[str, Any]]) -> tuple[object, ...]:
    middle = medians(samples)
    return (
        case.cap,
        f"{case.jobs:,} x {1000 * case.delay_s:,g} ms",
        case.number,
        f"{case.ideal_s:.1f}",
        f"{middle['makespan_s']:.2f}",
        f"**{case.ideal_s / middle['makespan_s']:.3f}**",
        f"{case.aim:.2f}",
        f"{middle['refused']:.0f} (at most {max(sample['refused'] for sample in samples)})",
        case.most_refused,
    )
