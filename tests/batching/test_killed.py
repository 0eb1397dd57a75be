"""Processes that are killed in the middle of a batch, and two kernels on one batch: calls are counted at the hive."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.batching import api
from fh_notebook.batching.model import JobCounts
from fh_notebook.batching.options import BatchOptions
from fh_notebook.session import session
from tests import environment
from tests.batching.hives import KEY, PATIENCE_S, Held, Shouting, rows, until
from tests.store.kept import answers_in

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")

PROGRAM = """
import sys
import fh_notebook as fh

url, name, number, at_once = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
client = fh.Client(base_url=url, api_key="fhk_0123456789abcdef")
batch = fh.batch(
    [{"text": f"t{i}"} for i in range(number)], name, variants=sys.argv[5], client=client, progress=False,
    max_concurrency=at_once,
)
print(batch.counts.done, batch.counts.calls, batch.counts.unknown, batch.counts.reused)
"""


def _kernel(folder: Path, url: str, name: str, number: int, at_once: int, variant: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url, name, str(number), str(at_once), variant],
        env=environment.for_process(folder),
        stdout=subprocess.PIPE,
        text=True,
    )


def _again(url: str, deployment: str, number: int, variant: str, **options: Any) -> fh.Batch:
    with fh.Client(base_url=url, api_key=KEY) as client:
        return fh.batch(rows(number), deployment, variants=variant, client=client, progress=False, **options)


def test_a_kill_loses_no_answer_and_repeats_no_call(tmp_path: Path) -> None:
    """SIGKILL with 4 out: what was answered is reused, what was out is unknown, the rest is called once."""
    with Held().freed() as held, held.hive.serve() as server:
        process = _kernel(tmp_path, server.url, "held", 30, 4, "v")
        held.wait_for(4)
        held.let_go(9)
        out = held.wait_for(9)
        store = session.store()
        assert store is not None
        until(lambda: len(store.answers.single_runs()) == 0 and _kept(store) == 9)
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        assert len(held.ran) == 13
        held.let_go()
        batch = _again(server.url, "held", 30, "v")
        assert batch.counts == JobCounts(planned=30, done=26, unknown=4, reused=9, calls=17)
        assert set(held.ran.values()) == {1}
        lost = batch.frame.loc[batch.frame["status"] == "unknown"]
        assert set(lost["error_code"]) == {"process_ended"}
        assert lost["error"].nunique() == 1
        assert out
        # Only when the user says so, and then only those.
        batch = _again(server.url, "held", 30, "v", retry_unknown=True)
        assert batch.counts == JobCounts(planned=30, done=30, reused=26, calls=4)
        assert held.ran.total() == 34


def _kept(store: Any) -> int:
    return sum(len(answers_in(store, record.name)) for record in store.batches.every())


@pytest.mark.parametrize("answers", [40, *(pytest.param(n, marks=pytest.mark.long) for n in (1, 90))])
def test_a_kill_at_any_time_costs_at_most_what_was_in_flight(tmp_path: Path, answers: int) -> None:
    """Under load, at whatever instant: 0 answers lost, 0 calls repeated, at most 8 unknown."""
    shouting = Shouting(latency_s=0.005)
    with shouting.hive.serve() as server:
        process = _kernel(tmp_path, server.url, "shout", 150, 8, "loud")
        until(lambda: shouting.calls >= answers)
        process.kill()
        process.communicate()
        before = shouting.calls
        batch = _again(server.url, "shout", 150, "loud")
        assert set(shouting.ran.values()) == {1}
        assert batch.counts.pending == 0
        assert batch.counts.done + batch.counts.unknown == 150
        assert batch.counts.unknown <= 8
        # Every call that is neither known as answered nor as lost was made only now.
        assert batch.counts.calls + before >= 150 - batch.counts.unknown
        assert batch.counts.reused >= before - 8


def test_two_kernels_on_one_batch_make_no_call_twice(tmp_path: Path) -> None:
    """Started together: each job is called by one of them, and both have every answer."""
    shouting = Shouting(latency_s=0.01)
    with shouting.hive.serve() as server:
        kernels = [_kernel(tmp_path, server.url, "shout", 60, 3, "loud") for _ in range(2)]
        told = [process.communicate(timeout=PATIENCE_S)[0].split() for process in kernels]
    assert set(shouting.ran.values()) == {1}
    assert shouting.calls == 60
    assert [int(done) for done, *_ in told] == [60, 60]
    assert sum(int(calls) for _, calls, *_ in told) == 60
    assert all(int(calls) + int(reused) == 60 for _, calls, _, reused in told)


def test_what_is_answered_between_the_look_and_the_start_is_not_called() -> None:
    """Two kernels look, one answers, the other starts: it takes the answers that it did not see."""
    shouting = Shouting()
    asked: dict[str, Any] = {"variants": "loud", "name": "both", "client": shouting.hive.client(), "progress": False}
    late, control = api.prepare(rows(5), "shout", BatchOptions(**asked))
    assert late.counts.pending == 5
    assert fh.batch(rows(5), "shout", **asked).counts.calls == 5
    control.start(control.first_windows(), wait=True)
    assert set(shouting.ran.values()) == {1}
    assert late.counts == JobCounts(planned=5, done=5, reused=5)


@pytest.mark.long
def test_what_another_kernel_has_out_is_waited_for_and_becomes_unknown_with_it(tmp_path: Path) -> None:
    """While the other lives its job is its own; killed, the job may have run, and is not called."""
    with Held().freed() as held, held.hive.serve() as server:
        process = _kernel(tmp_path, server.url, "held", 1, 1, "v")
        held.wait_for(1)
        with fh.Client(base_url=server.url, api_key=KEY) as client:
            batch = fh.batch(rows(1), "held", variants="v", client=client, progress=False, wait=False)
            until(lambda: batch.running)
            assert batch.counts == JobCounts(planned=1, pending=1)
            process.kill()
            process.communicate()
            batch.wait()
        assert batch.counts == JobCounts(planned=1, unknown=1)
        assert held.ran.total() == 1


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_child_runs_a_batch_of_its_own() -> None:
    """After `os.fork`: a fresh loop, a fresh connection to the store, and the parent's answers reused."""
    shouting = Shouting()
    with shouting.hive.serve() as server:
        first = _again(server.url, "shout", 5, "loud")
        child = os.fork()
        if child == 0:
            try:
                again = _again(server.url, "shout", 8, "loud", name=first.name)
                assert again.counts == JobCounts(planned=8, done=8, reused=5, calls=3), again.counts
            except BaseException:
                import traceback

                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert _again(server.url, "shout", 8, "loud", name=first.name).counts.reused == 8
