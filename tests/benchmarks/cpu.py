"""CPU that the client spends on a call, beside the same jobs by the vendor's SDK and by httpx alone.

Rule of this file: each contestant is a cell of a fresh kernel of its own against the same service; CPU is the whole
process's, user and system, of all its threads, between two lines of that cell. Only ours keeps its answers.

httpx has two lines. A client that has not called yet, given many requests at once, opens a connection for each of them
and closes it again; one that holds a connection already keeps a hundred. The first is what a user's cell does, the
second is the harder one to compare with.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from tests.benchmarks.measuring import medians, notebook, table
from tests.benchmarks.service import Service, service

JOBS: Final = 1_000
DELAY_S: Final = 0.05
AT_ONCE: Final = 100

OURS: Final = """
hive = fh.Client(base_url=url, api_key=KEY)

def go(texts):
    rows = [{"ticket": text} for text in texts]
    batch = fh.batch(rows, "triage", variants="v", client=hive, max_concurrency=at_once)
    assert batch.counts.done == len(rows) and not batch.counts.reused, batch.counts
"""

SDK: Final = """
from concurrent.futures import ThreadPoolExecutor
from fetch_hive_sdk import FetchHive

sdk = FetchHive(api_key=KEY, base_url=url)

def call(text):
    return sdk.invoke_workflow(deployment="triage", variant="v", inputs={"ticket": text})

def go(texts):
    with ThreadPoolExecutor(32) as threads:
        assert all(answer["output"] for answer in threads.map(call, texts))
"""

HTTPX: Final = """
import httpx

http = httpx.AsyncClient(headers={"Authorization": f"Bearer {KEY}"}, timeout=600)

async def call(text):
    asked = {"deployment": "triage", "variant": "v", "inputs": {"ticket": text}}
    return (await http.post(f"{url}/workflow/invoke", json=asked)).json()

async def go(texts):
    assert all(answer["output"] for answer in await asyncio.gather(*map(call, texts)))
"""

CELL: Final = """
texts = tickets(jobs + before)
if before and (rest := go(texts[jobs:])):  # one call, which makes the imports, the SSL context and a connection
    await rest
began, cpu = time.perf_counter(), time.process_time()
if rest := go(texts[:jobs]):
    await rest
tell(cpu_s=time.process_time() - cpu, makespan_s=time.perf_counter() - began)
"""

CONTESTANTS: Final = (
    (f"fh_notebook {version('fh-notebook')}, {AT_ONCE} in progress, store on", OURS, 1),
    (f"vendor's SDK {version('fetch-hive-sdk')}, 32 threads", SDK, 1),
    (f"one `httpx.AsyncClient` of {version('httpx')}, gather", HTTPX, 0),
    ("the same after a first call", HTTPX, 1),
)
"""Name, program, calls before the measured ones."""


def measure(served: Service, program: str, before: int) -> dict[str, Any]:
    """Run one contestant once, in a fresh kernel."""
    served.reset()
    with notebook() as cell:
        facts = cell(program + CELL, url=served.url, jobs=JOBS, at_once=AT_ONCE, before=before)
    assert served.calls() == JOBS + before, f"{served.calls()} calls"
    return facts


def main(*, repeats: int = 3) -> None:
    taken: dict[str, list[dict[str, Any]]] = {name: [] for name, _, _ in CONTESTANTS}
    with service(delay_s=DELAY_S) as served:
        for _ in range(repeats):
            for name, program, before in CONTESTANTS:
                taken[name].append(measure(served, program, before))
    middles = {name: medians(samples) for name, samples in taken.items()}
    ours = next(iter(middles.values()))
    head = (f"{JOBS:,} x {1000 * DELAY_S:g} ms", "CPU a call", "of theirs, ours is", "makespan s")
    table(head, [_line(name, middle, ours) for name, middle in middles.items()])


def _line(name: str, middle: dict[str, float], ours: dict[str, float]) -> tuple[object, ...]:
    return (
        name,
        f"{1e6 * middle['cpu_s'] / JOBS:,.0f} µs",
        "" if middle is ours else f"**{ours['cpu_s'] / middle['cpu_s']:.2f}**",
        f"{middle['makespan_s']:.2f}",
    )
