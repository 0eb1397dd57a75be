"""Callback delivery: what a run costs beside a direct call, how many events a second are verified, and what is lost.

Rule of this file: the local hive runs in a process of its own, and counts what ran there; CPU is that of the notebook's
process alone. Deliveries that are forged, doubled or lost on purpose come from a third process, over real sockets.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.measuring import KEY, medians, notebook, table

RUNS: Final = 1_000
AT_ONCE: Final = 200
LATENCY_S: Final = 0.2
EVENTS: Final = 20_000
FORGED: Final = 10_000

HIVE: Final = """
import json, sys
from collections import Counter
from fh_notebook.local import LocalHive

key, latency_s = sys.argv[1], float(sys.argv[2])
ran = Counter()
hive = LocalHive(api_key=key, latency_s=latency_s, callback_backoff_s=(0.2,) * 50, callback_timeout_s=5.0)

@hive.workflow("shout", variant="v")
async def shout(text: str) -> str:
    ran[text] += 1
    return text.upper()

with hive.serve() as server:
    print(server.url, flush=True)
    for line in sys.stdin:  # each line asks for the figures, and begins them anew
        hive.wait_idle(30)
        print(json.dumps({"ran": ran.total(), "doubled": ran.total() - len(ran)}), flush=True)
        ran.clear()
"""

BATCH: Final = """
hive = fh.Client(base_url=url, api_key=KEY)
rows = [{"text": f"{round_} {i}"} for i in range(runs)]
before = [{"text": f"{round_} before {i}"} for i in range(100)]  # imports, connections, and code that has run hot
first = fh.batch(before, "shout", variants="v", client=hive, delivery=delivery, max_concurrency=at_once, progress=False)
assert first.counts.done == 100, first
began, cpu = time.perf_counter(), time.process_time()
batch = fh.batch(rows, "shout", variants="v", client=hive, delivery=delivery, max_concurrency=at_once, progress=False)
tell(cpu_s=time.process_time() - cpu, makespan_s=time.perf_counter() - began)
right = sum(o == f"{round_} {i}".upper() for i, o in enumerate(batch.frame["output"]))
tell(lost=runs - right, left=len(fh.pending()))
"""

FAULTS: Final = """
import threading
hive = fh.Client(base_url=url, api_key=KEY)
receiver = fh.CallbackReceiver().start()
over = threading.Event()

def trouble():
    while not over.wait(0.15):   # the receiver goes away again and again, and comes back at the same URL
        receiver.stop()
        over.wait(0.1)
        receiver.start()

thread = threading.Thread(target=trouble)
thread.start()
rows = [{"text": f"faults {i}"} for i in range(runs)]
batch = fh.batch(rows, "shout", variants="v", client=hive, delivery="callback", receiver=receiver, max_concurrency=at_once, progress=False)
over.set(); thread.join()
right = sum(o == f"faults {i}".upper() for i, o in enumerate(batch.frame["output"]))
tell(lost=runs - right, left=len(fh.pending()), repeated=receiver.tally.repeated)
"""

RECEIVE: Final = """
receiver = fh.CallbackReceiver(secrets="whsec_of_the_benchmark").start()
tell(port=receiver.port, path=receiver.path)
"""

SEND: Final = """
import hashlib, hmac, json, socket, sys, time

port, path, number, forged, at_once = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), 64

def request(i, secret):
    body = json.dumps({"event_type": "workflow.completed", "request_id": f"req_{i:032x}", "data": {"output": "x" * 200}}).encode()
    spelt = hmac.new(secret, body, hashlib.sha256).hexdigest()
    return f"POST /{path} HTTP/1.1\\r\\nhost: x\\r\\nx-fetch-hive-signature: {spelt}\\r\\ncontent-length: {len(body)}\\r\\n\\r\\n".encode() + body

requests = [request(i, b"whsec_of_the_benchmark") for i in range(number)]
requests += [request(i, b"somebody else's") for i in range(forged)]
lines = [socket.create_connection(("127.0.0.1", port)) for _ in range(at_once)]
statuses = {}
began = time.perf_counter()
for start in range(0, len(requests), at_once):
    part = requests[start:start + at_once]
    for line, one in zip(lines, part):
        line.sendall(one)
    for line, _ in zip(lines, part):
        status = line.recv(65536).split(b" ", 2)[1].decode()
        statuses[status] = statuses.get(status, 0) + 1
seconds = time.perf_counter() - began
took = []
for one in requests[:2_000]:  # one after the other, over one connection: what a single sender sees
    at = time.perf_counter()
    lines[0].sendall(one)
    lines[0].recv(65536)
    took.append(time.perf_counter() - at)
took.sort()
print(json.dumps({"seconds": seconds, "statuses": statuses, "p50_ms": 1e3 * took[len(took) // 2],
                  "p99_ms": 1e3 * took[int(0.99 * len(took))]}))
"""


@contextmanager
def hive(latency_s: float) -> Iterator[Any]:
    """Run the local hive in a process of its own; yield its address and what asks it for its figures."""
    command = [sys.executable, "-c", HIVE, KEY, str(latency_s)]
    folder = Path(__file__).parents[2]
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()

        def figures() -> dict[str, int]:
            process.stdin.write("\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            told: dict[str, int] = json.loads(process.stdout.readline())  # type: ignore[union-attr]
            return told

        try:
            yield url, figures
        finally:
            process.kill()


def batches(repeats: int) -> None:
    """1,000 runs, directly and by callback: CPU a run, what was lost and doubled."""
    taken: dict[str, list[dict[str, Any]]] = {"direct": [], "callback": []}
    with hive(LATENCY_S) as (url, figures):
        for repeat in range(repeats):
            for delivery, samples in taken.items():
                with notebook() as cell:
                    facts = cell(
                        BATCH, url=url, delivery=delivery, runs=RUNS, at_once=AT_ONCE, round_=f"{delivery} {repeat}"
                    )
                samples.append({**facts, **figures()})
        with notebook() as cell:
            broken = {**cell(FAULTS, url=url, runs=RUNS, at_once=AT_ONCE), **figures()}
    middles = {name: medians(samples) for name, samples in taken.items()}
    head = (f"{RUNS:,} runs, {AT_ONCE} in progress", "CPU a run", "makespan s", "lost", "doubled")
    table(
        head,
        [
            (
                name,
                f"{1e6 * middle['cpu_s'] / RUNS:,.0f} µs",
                f"{middle['makespan_s']:.2f}",
                sum(s["lost"] for s in taken[name]),
                sum(s["doubled"] for s in taken[name]),
            )
            for name, middle in middles.items()
        ]
        + [("callback, receiver gone 5 times a second", "", "", broken["lost"], broken["doubled"])],
    )
    print(f"\nCPU by callback / directly: {middles['callback']['cpu_s'] / middles['direct']['cpu_s']:.2f}", flush=True)


def events() -> None:
    """How many signed events a second are taken, beside forged ones."""
    with notebook() as cell:
        where = cell(RECEIVE)

        def send(signed: int, forged: int) -> dict[str, Any]:
            command = [sys.executable, "-c", SEND, str(where["port"]), where["path"], str(signed), str(forged)]
            sent: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
            return sent

        send(1_000, 0)
        good, bad = send(EVENTS, 0), send(0, FORGED)
        told = cell("tell(verified=receiver.tally.verified, forged=receiver.tally.forged, kept=len(receiver.claims))")
    assert good["statuses"] == {"200": EVENTS}, good
    print()
    table(
        ("receiver, 64 connections", "figure"),
        [
            ("events verified a second", f"{EVENTS / good['seconds']:,.0f}"),
            ("answer to a single one, median and 99th percentile", f"{good['p50_ms']:.2f} and {good['p99_ms']:.2f} ms"),
            (f"forged accepted, of {FORGED:,}", bad["statuses"].get("200", 0)),
            ("forged refused a second", f"{FORGED / bad['seconds']:,.0f}"),
            ("verified and unclaimed that are kept (bound: 10,000)", told["kept"]),
        ],
    )


def main(*, repeats: int = 3) -> None:
    batches(repeats)
    events()
