"""SIGKILL at random instants of a batch, then the same cell in another process: what is lost, repeated, unknown.

Rule of this file: nothing is believed of the process that is killed or of the one that goes on. Calls are counted at
the service, by the job that each is stamped with; what was answered is what the killed process had been told by
`on_event`, written to a file at that moment.

In flight at the kill is what the service had begun and the killed process had not been told: no repeat can be spared
beyond it, and nothing outside of it may be repeated or lost.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests import environment
from tests.benchmarks.measuring import KEY, Cell, notebook, table
from tests.benchmarks.service import Service, service

KILLS: Final = 50
JOBS: Final = 2_000
AT_ONCE: Final = 50
DELAY_S: Final = 0.03
"""Long enough that the client keeps all of them in flight."""
PATIENCE_S: Final = 60.0

PROGRAM: Final = """
import os, sys
import fh_notebook as fh

url, key, jobs, at_once, told = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
out = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def receive(event):
    if type(event).__name__ == "Finished":
        os.write(out, event.job.key.encode() + b"\\n")

rows = [{"ticket": f"t{i}"} for i in range(jobs)]
hive = fh.Client(base_url=url, api_key=key)
print("ready", flush=True)
batch = fh.batch(
    rows, "triage", variants="v", client=hive, max_concurrency=at_once, progress=False, on_event=receive
)
print("done", flush=True)
"""

AGAIN: Final = """
fh.configure(store=store)
hive = fh.Client(base_url=url, api_key=KEY)
rows = [{"ticket": f"t{i}"} for i in range(jobs)]
batch = fh.batch(
    rows, "triage", variants="v", client=hive, max_concurrency=at_once, progress=False, retry_unknown=retry_unknown
)
frame, counts = batch.frame, batch.counts
with open(told) as file:
    answered = set(file.read().split())
reused = set(frame.loc[frame["reused"] & (frame["status"] == "completed"), "key"])
tell(lost=len(answered - reused), done=counts.done, unknown=counts.unknown, pending=counts.pending + counts.failed)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """What one kill cost."""

    told: int
    """Answers that the killed process had been told of."""
    in_flight: int
    """Calls that the service had begun, and of whose answers it had not been told."""
    lost: int
    """Of those answers, how many the next process did not find."""
    repeated: int
    """Calls that the service got for a job that it had had before."""
    done: int
    unknown: int
    pending: int
    """Or failed."""


@contextmanager
def running(folder: Path, served: Service, jobs: int = JOBS, at_once: int = AT_ONCE) -> Iterator[subprocess.Popen[str]]:
    """Start the process that will be killed, with its store in `folder`, and yield it as it begins its batch."""
    given = (served.url, KEY, str(jobs), str(at_once), str(_told(folder)))
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *given], env=environment.for_process(folder), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def _told(folder: Path) -> Path:
    return folder / "told.txt"


def kill(
    cell: Cell, served: Service, folder: Path, *, after_s: float, retry_unknown: bool, jobs: int = JOBS,
    at_once: int = AT_ONCE,
) -> Killed:  # fmt: skip
    """Kill a batch `after_s` after its cell began, go on with it in the kernel of `cell`, and count."""
    served.reset()
    others = served.figures()["connections"]  # of the kernel that goes on, from the last time
    with running(folder, served, jobs, at_once) as process:
        time.sleep(after_s)
        process.kill()
        process.wait()
    begun = _settled(served, others)
    told = len(_told(folder).read_text().split())
    facts = cell(
        AGAIN, url=served.url, store=str(folder / "store.sqlite3"), told=str(_told(folder)), jobs=jobs,
        at_once=at_once, retry_unknown=retry_unknown,
    )  # fmt: skip
    return Killed(told=told, in_flight=begun - told, repeated=served.repeated(), **facts)


def _settled(served: Service, others: int) -> int:
    """Return how many calls the service has begun, once it has read all that a killed process had sent."""
    end = time.monotonic() + PATIENCE_S
    while (figures := served.figures())["connections"] > others:
        assert time.monotonic() < end, "the connections of a killed process stay open"
    return int(figures["calls"])


def whole_s(served: Service, jobs: int = JOBS, at_once: int = AT_ONCE) -> float:
    """Return how long a batch takes that nobody kills."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), served, jobs, at_once) as process:
        began = time.monotonic()
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        return time.monotonic() - began


def measure(kills: int, *, seed: int = 0) -> dict[bool, list[Killed]]:
    """Kill `kills` batches for each way of going on, by whether unknown jobs are called again."""
    rng, found = random.Random(seed), {True: list[Killed](), False: list[Killed]()}
    with service(delay_s=DELAY_S, tally=True) as served, notebook() as cell, tempfile.TemporaryDirectory() as top:
        takes_s = whole_s(served)
        for number in range(kills):
            for retry_unknown, killed in found.items():
                folder = Path(top) / f"{number}-{retry_unknown}"
                folder.mkdir()
                after_s = rng.uniform(0, 0.95 * takes_s)  # later ones often come after the end
                killed.append(kill(cell, served, folder, after_s=after_s, retry_unknown=retry_unknown))
    return found


def main(*, kills: int = KILLS) -> None:
    head = ("then", "kills", "in progress (max)", "**answers lost**", "**repeated (max)**", "repeated (all)",
            "beyond in progress", "unknown (max)", "without outcome")  # fmt: skip
    lines = {True: "`retry_unknown=True`", False: "the default"}
    found = measure(kills)
    table(head, [(lines[retry], *_line(killed)) for retry, killed in found.items()])
    answered = sorted(one.told for killed in found.values() for one in killed)
    print(f"{JOBS:,} jobs, {AT_ONCE} in flight; answered at the kill: {answered[0]:,} to {answered[-1]:,}.")
    print("Bars: 0 lost; repeated at most what was in flight, by default 0; at most 50 unknown; 0 without outcome.")


def _line(killed: list[Killed]) -> tuple[object, ...]:
    return (
        len(killed),
        max(one.in_flight for one in killed),
        f"**{sum(one.lost for one in killed)}**",
        f"**{max(one.repeated for one in killed)}**",
        sum(one.repeated for one in killed),
        sum(max(0, one.repeated - one.in_flight) for one in killed),
        max(one.unknown for one in killed),
        sum(one.pending for one in killed),
    )
