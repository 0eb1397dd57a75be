"""How near a batch comes to the ideal makespan: jobs x seconds of a call / calls in flight.

Rule of this file: everything that a person waits for counts. A cell of a real kernel calls `fh.batch`, with progress
on and the store on, over a socket; the makespan goes from the cell's first line to the batch in its variable. One batch
of a single row comes before: the imports that the first batch of a kernel makes are told apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tests.benchmarks.measuring import medians, notebook, table
from tests.benchmarks.service import service


@dataclass(frozen=True, slots=True)
class Case:
    """Jobs of one length, so many at once."""

    jobs: int
    delay_s: float
    at_once: int
    bar: float
    aim: float

    @property
    def ideal_s(self) -> float:
        return self.jobs * self.delay_s / self.at_once


CASES: Final = (
    Case(2_000, 0.2, 100, bar=0.93, aim=0.97),
    Case(5_000, 0.2, 500, bar=0.68, aim=0.90),
    Case(1_000, 0.05, 100, bar=0.75, aim=0.90),
)

FIRST: Final = """
import pandas as pd
hive = fh.Client(base_url=url, api_key=KEY)
began = time.perf_counter()
fh.batch([{"ticket": "the first of this kernel"}], "triage", variants="v", client=hive, max_concurrency=at_once)
tell(first_s=time.perf_counter() - began - delay_s)
rows = pd.DataFrame({"ticket": tickets(jobs)})
seen = []
"""

CELL: Final = """
began, cpu = time.perf_counter(), time.process_time()
batch = fh.batch(
    rows, "triage", variants="v", client=hive, max_concurrency=at_once,
    on_event=lambda event: seen.append(time.perf_counter()),
)
ended, cpu = time.perf_counter(), time.process_time() - cpu
assert (batch.counts.done, batch.counts.reused) == (len(rows), 0), batch.counts
tell(makespan_s=ended - began, planning_s=seen[0] - began, ending_s=ended - seen[-1], cpu_s=cpu)
"""


def measure(case: Case) -> dict[str, Any]:
    """Run one case once, in a fresh kernel with a fresh store."""
    with service(delay_s=case.delay_s) as served, notebook() as cell:
        facts = cell(FIRST, url=served.url, at_once=case.at_once, delay_s=case.delay_s, jobs=case.jobs)
        served.reset()
        facts |= cell(CELL)
        assert served.calls() == case.jobs, f"{served.calls()} calls for {case.jobs} jobs"
        return facts


def main(*, repeats: int = 5) -> None:
    taken: dict[Case, list[dict[str, Any]]] = {case: [] for case in CASES}
    for _ in range(repeats):  # interleaved, so that a busy moment hits all of them
        for case, samples in taken.items():
            samples.append(measure(case))
    head = (
        "jobs",
        "ideal s",
        "makespan s",
        "**efficiency**",
        "bar",
        "aim",
        "rows/s",
        "planning",
        "ending",
        "CPU a call",
    )
    table(head, [_line(case, medians(samples)) for case, samples in taken.items()])
    first_s = medians([{"s": sample["first_s"]} for samples in taken.values() for sample in samples])["s"]
    print(f"The first batch of a kernel, of one row, takes {first_s:.2f} s more (imports); it is not in the figures.")


def _line(case: Case, middle: dict[str, float]) -> tuple[object, ...]:
    makespan_s = middle["makespan_s"]
    return (
        f"{case.jobs:,} x {1000 * case.delay_s:g} ms at {case.at_once}",
        f"{case.ideal_s:.2f}",
        f"{makespan_s:.2f}",
        f"**{case.ideal_s / makespan_s:.2f}**",
        f"{case.bar:.2f}",
        f"{case.aim:.2f}",
        f"{case.jobs / makespan_s:,.0f}",
        f"{middle['planning_s'] / makespan_s:.1%}",
        f"{middle['ending_s'] / makespan_s:.1%}",
        f"{1e6 * middle['cpu_s'] / case.jobs:,.0f} µs",
    )
