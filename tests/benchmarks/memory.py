"""Peak memory of a batch over rows from an iterator: flat in their number.

Rule of this file: each size is a kernel of its own, and its peak is what the kernel's system counts (``VmHWM``), not
what Python does. Answers come at once from a transport in the process: a socket would add time, and no memory of ours.
The store is on; the frame is not asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tests.benchmarks.measuring import notebook, table

SIZES: Final = (10_000, 100_000)
FULL: Final = 1_000_000
BAR_MB: Final = 150

IMPORTED: Final = """
from pathlib import Path

def peak_mb():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024

tell(imported_mb=peak_mb())
import httpx

class Instant(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request):
        body = b'{"request_id":"req_0123456789abcdef0123456789abcdef","run_status":"completed","output":"a calm reply"}'
        return httpx.Response(200, headers={"Content-Type": "application/json"}, content=body)

hive = fh.Client(base_url="http://127.0.0.1:9/v1", api_key=KEY, transport=Instant())
fh.batch([{"ticket": "the first of this kernel"}], "triage", variants="v", client=hive)
tell(first_mb=peak_mb())
"""

CELL: Final = """
began, cpu = time.perf_counter(), time.process_time()
rows = ({"ticket": f"ticket {i}: the parcel is late and the tracking page is empty"} for i in range(jobs))
batch = fh.batch(rows, "triage", variants="v", client=hive, max_concurrency=100)
assert batch.counts.done == batch.counts.calls == jobs, batch.counts
tell(makespan_s=time.perf_counter() - began, peak_mb=peak_mb())
"""


def measure(jobs: int) -> dict[str, Any]:
    """Run one size in a fresh kernel."""
    with notebook() as cell:
        return cell(IMPORTED) | cell(CELL, jobs=jobs)


def main(*, jobs: Sequence[int] = SIZES, full: bool = False) -> None:
    sizes = [*jobs, FULL] if full else jobs
    head = ("jobs from an iterator", "**peak over the import**", "bar", "over a first batch of one row", "calls/s")
    table(head, (_line(number, measure(number)) for number in sizes))
    if FULL not in sizes:
        print(f"The bar is for {FULL:,} jobs: --full")


def _line(jobs: int, facts: dict[str, Any]) -> tuple[object, ...]:
    return (
        f"{jobs:,}",
        f"**{facts['peak_mb'] - facts['imported_mb']:.0f} MB**",
        f"{BAR_MB} MB",
        f"{facts['peak_mb'] - facts['first_mb']:.0f} MB",
        f"{jobs / facts['makespan_s']:,.0f}",
    )
