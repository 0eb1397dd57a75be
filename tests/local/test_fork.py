"""A hive made before ``os.fork``, used in the child: nothing of the parent's runs there, and everything works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import environment

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

# A hive with a workflow that waits where it is told to; `ask` calls it in process, on a loop of its own.
PRELUDE = """
import asyncio, gc, json, os, sys, threading, warnings
import httpx
from fh_notebook.local import LocalHive

warnings.simplefilter("ignore", DeprecationWarning)  # that a process with threads forks is the point

began, go = threading.Semaphore(0), threading.Semaphore(0)
hive = LocalHive(concurrency=1, callback_backoff_s=())

@hive.workflow("d", variant="v")
def v(text: str, wait: bool = False) -> str:
    if wait:
        began.release()
        assert go.acquire(timeout=90)
    return text.upper()

def ask(text, *, fork=False, **more):
    async def send():
        async with httpx.AsyncClient(transport=hive.transport(), base_url="http://local/v1", timeout=90) as http:
            body = {"deployment": "d", "variant": "v", "inputs": {"text": text, "wait": fork}, **more}
            return (await http.post("/workflow/invoke", json=body, headers={"authorization": "Bearer k"})).json()
    return asyncio.run(send())

def by_callback():
    return {"async": {"enabled": True, "callback_url": "http://127.0.0.1:9/"}}

def in_child(check):
    pid = os.fork()
    if pid:
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert status == 0, f"the child ended with {status}"
        return
    try:
        check()
        gc.collect()
        assert hive.in_flight == 0, hive.in_flight
        sys.stderr.flush()
    except BaseException:
        import traceback
        traceback.print_exc()
        os._exit(1)
    os._exit(0)

def check():
    assert (hive.in_flight, hive.counts.running, hive.counts.queued) == (0, 0, 0), hive.counts
    assert hive.wait_idle(90)
    assert ask("child")["output"] == "CHILD"
    assert "request_id" in ask("later", **by_callback())  # an answer of its own, by its own loop
    assert hive.wait_idle(90)
    assert [c.output for c in hive.calls if c.status == "completed"][-2:] == ["CHILD", "LATER"], hive.calls
    assert all(c.status == "completed" for c in hive.calls), hive.calls
    hive.close()

ask("first")  # imports, which would be made in every child
"""

IDLE = """
ask("parent"), ask("parent", **by_callback())
assert hive.wait_idle(90)
assert any(t.name == "fh-hive-workflow" for t in threading.enumerate())  # idle, and counted on
in_child(check)
"""

IN_FLIGHT = """
thread = threading.Thread(target=ask, args=("parent",), kwargs={"fork": True})
thread.start()
assert began.acquire(timeout=90)
assert hive.in_flight == 1
in_child(check)
go.release()
thread.join()
"""

BY_CALLBACK = """
ask("parent", fork=True, **by_callback())
assert began.acquire(timeout=90)
ask("queued", **by_callback())
assert (hive.counts.running, hive.counts.queued) == (1, 1)
in_child(check)
go.release()
"""

LOCKS_HELD = """
runs = hive._service.runs
for held in (runs.lock, runs._threads._lock, runs.loop._lock, runs.callback_sender._lock):
    with held:
        in_child(check)
"""

# What the parent's coroutines leave when the child lets go of them must not be taken for the child's runs.
LEFT_BEHIND = """
async def parent():
    run = asyncio.create_task(hive._service.runs.run(job))
    await asyncio.to_thread(began.acquire, timeout=90)
    coroutine = run.get_coro()
    def close_it():
        try:
            coroutine.close()
        except RuntimeError:
            pass
        check()
    in_child(close_it)
    go.release()
    await run

from fh_notebook.local.requests import read_invoke
ask_ = read_invoke(json.dumps({"deployment": "d", "variant": "v", "inputs": {"text": "x", "wait": True}}).encode())
job, _ = hive._service.runs.admit(ask_, hive._service.registry.find("d", "v"), "http://local")
asyncio.run(parent())
"""

AFTER = """
assert hive.wait_idle(90)
assert ask("again")["output"] == "AGAIN"
print("good")
"""


@pytest.mark.parametrize(
    "story",
    [
        pytest.param(IDLE, id="an idle thread", marks=pytest.mark.long),
        pytest.param(IN_FLIGHT, id="a call in flight"),
        pytest.param(BY_CALLBACK, id="a run for a callback and one in the queue", marks=pytest.mark.long),
        pytest.param(LOCKS_HELD, id="locks held"),
        pytest.param(LEFT_BEHIND, id="left behind", marks=pytest.mark.long),
    ],
)
def test_a_child_begins_with_nothing_running(tmp_path: Path, story: str) -> None:
    """Its calls are answered, its limits count only its own, and the parent goes on unharmed."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + story + AFTER],
        cwd=tmp_path, env=environment.for_process(tmp_path), capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "good\n", "")
