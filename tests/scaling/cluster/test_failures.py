"""Clusters of real processes in hard times: workers that are killed, caps, cancels, a scheduler that goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.batching.model import Finished, Started
from fh_notebook.session import session
from tests.scaling.counting import KEY, PATIENCE_S, Counting, cluster, texts, until
from tests.told import numbers_in, tells

pytest.importorskip("distributed")
pytest.importorskip("pyarrow")

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]


def _client(url: str) -> fh.Client:
    return fh.Client(base_url=url, api_key=KEY)


def test_four_workers_never_have_more_than_six_out(tmp_path: Path, capsys: Any) -> None:
    """`max_concurrency=6` on 4 workers, a hive without a cap: 6 in flight and never more; the efficiency is printed."""
    counting, takes_s, jobs = Counting(takes_s=0.05), 0.05, 600
    with cluster(4, tmp_path) as (_, client), counting.hive.serve() as server, _client(server.url) as service:
        asked: dict[str, Any] = {"variants": "loud", "client": service, "progress": False, "dask": client}
        fh.batch(texts(8, "warm"), "shout", **asked)
        counting.most, before = 0, time.monotonic()
        batch = fh.batch(texts(jobs), "shout", **asked, max_concurrency=6)
        took_s = time.monotonic() - before
    assert batch.counts.done == jobs
    assert counting.most == 6
    first, *_, last = sorted(counting.times[8:])
    ideal_s = jobs * takes_s / 6
    with capsys.disabled():
        print(
            f"\n4 workers, 6 at once, {jobs} calls of {takes_s * 1000:g} ms: at most {counting.most} in progress; "
            f"efficiency {ideal_s / (last - first + takes_s):.0%} while calling, {ideal_s / took_s:.0%} in all"
        )


def test_without_a_number_all_workers_learn_one_limit(tmp_path: Path) -> None:
    """A service that admits 3, four workers: the cap is learned once and for all of them, nothing fails, and no row is
    called twice; the next batch begins with what this one has learned."""
    counting = Counting(takes_s=0.1, concurrency=3)
    with cluster(4, tmp_path) as (_, client), counting.hive.serve() as server, _client(server.url) as service:
        asked: dict[str, Any] = {"variants": "loud", "client": service, "progress": False, "dask": client}
        batch = fh.batch(texts(400), "shout", **asked, wait=False)
        until(lambda: batch.counts.done >= 200)
        assert 2 <= batch._control.status.limit <= 3
        batch.wait()
        assert (batch.counts.done, batch.counts.failed, batch.counts.unknown) == (400, 0, 0)
        assert set(counting.ran.values()) == {1}
        assert counting.most == 3
        assert batch.counts.refused <= 30  # four workers that learn by themselves are refused in each round trip
        again = fh.batch(texts(60, "again"), "shout", **asked)
        assert again.counts.refused <= 6


def test_a_workers_429_lowers_the_total_of_the_next_round(tmp_path: Path) -> None:
    """A ceiling of 10 over two workers, a service that admits 3: few calls are refused, and the next batch begins with
    what was learned, though it asks for 10 again and the service would admit them by then; so does
    one without workers.
    """
    counting = Counting(takes_s=0.05, concurrency=3)
    with cluster(2, tmp_path) as (_, client), counting.hive.serve() as server, _client(server.url) as service:
        asked: dict[str, Any] = {"variants": "loud", "client": service, "progress": False, "max_concurrency": 10}
        batch = fh.batch(texts(200), "shout", **asked, dask=client)
        assert (batch.counts.done, batch.counts.failed) == (200, 0)
        assert set(counting.ran.values()) == {1}
        assert 1 <= batch.counts.refused <= 30
        assert batch.admits is not None
        assert 2 <= batch.admits <= 5
        assert numbers_in(batch.summary())[-1] == str(batch.admits)
        counting.hive.configure(concurrency=None)
        for how in ({"dask": client}, {}):
            counting.most = 0
            again = fh.batch(texts(16, f"again {how}"), "shout", **asked, **how)
            assert again.counts.done == 16
            assert 1 <= counting.most <= 8  # what was learned, and a probe of it: not the 10 that it asks for
            assert again.admits is not None
            assert again.admits < 10  # as it was told before, and what a probe has found since


def test_what_failed_in_a_round_that_was_ended_is_not_called_again(tmp_path: Path) -> None:
    """Every second row fails; the leases are lowered meanwhile, and each row has run once."""
    counting = Counting(takes_s=0.05, concurrency=3)
    rows = pd.DataFrame({"text": [f"{'bad ' if i % 2 else 't'}{i}" for i in range(160)]})
    with cluster(2, tmp_path) as (_, client), counting.hive.serve() as server, _client(server.url) as service:
        asked: dict[str, Any] = {"variants": "loud", "client": service, "progress": False, "max_concurrency": 10}
        batch = fh.batch(rows, "shout", **asked, dask=client)
    assert (batch.counts.done, batch.counts.failed, batch.counts.pending) == (80, 80, 0)
    assert set(counting.ran.values()) == {1}
    assert batch.admits is not None
    assert batch.admits < 10


def test_at_once_takes_another_round_and_is_never_exceeded(tmp_path: Path) -> None:
    """A ceiling of 6 that is set to 2 and then to 4 while calls are out: no more than the ceiling that holds."""
    counting = Counting(takes_s=0.05)
    with cluster(2, tmp_path) as (_, client), counting.hive.serve() as server, _client(server.url) as service:
        asked: dict[str, Any] = {"variants": "loud", "client": service, "progress": False, "max_concurrency": 6}
        batch = fh.batch(texts(400), "shout", **asked, dask=client, wait=False)
        for number in (2, 4):
            until(lambda: counting.now > 1)
            batch.max_concurrency = number
            until(lambda n=number: batch._control.status.limit == n)  # type: ignore[misc]  # bound at once
            counting.most = counting.now
            assert counting.most <= number
            calls = counting.calls
            until(lambda n=calls: counting.calls > n + 20)  # type: ignore[misc]  # likewise
            assert counting.most <= number
        batch.wait()
    assert batch.counts.done == 400
    assert set(counting.ran.values()) == {1}


def test_a_number_of_the_client_holds_over_all_workers(tmp_path: Path) -> None:
    """`fh.Client(max_concurrency=2)` is what the batch has, however many workers there are."""
    counting = Counting(takes_s=0.02)
    with cluster(2, tmp_path) as (_, client), counting.hive.serve() as server:
        with fh.Client(base_url=server.url, api_key=KEY, max_concurrency=2) as service:
            batch = fh.batch(texts(60), "shout", variants="loud", client=service, progress=False, dask=client)
        assert batch.counts.done == 60
        assert counting.most == 2


def test_a_killed_worker_loses_no_answer(tmp_path: Path) -> None:
    """SIGKILL in the middle: what was answered is not called again, what was out is unknown, places come back."""
    counting = Counting(takes_s=0.02)
    with cluster(2, tmp_path) as (_, client), counting.hive.serve() as server, _client(server.url) as service:
        asked: dict[str, Any] = {"variants": "loud", "client": service, "progress": False, "dask": client}
        batch = fh.batch(texts(400), "shout", **asked, max_concurrency=4, wait=False)
        until(lambda: counting.calls >= 60)
        os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
        batch.wait()
        assert set(counting.ran.values()) == {1}
        assert batch.counts.pending == 0
        assert batch.counts.unknown <= 4
        assert batch.counts.done + batch.counts.unknown == 400
        assert batch.counts.calls >= counting.calls  # those of the killed worker, too
        store = session.store()
        assert store is not None
        assert store.requests.on_day(service.workspace, datetime.now(UTC)) >= counting.calls
        assert counting.most <= 8  # a place whose holder has died comes back while its call may still run
        # The unknown ones are called only when somebody says so.
        calls = counting.calls
        batch.resume()
        assert counting.calls == calls
        batch.resume(retry_unknown=True)
        assert batch.counts.done == 400


def test_the_daily_cap_stops_all_workers(tmp_path: Path) -> None:
    """One worker meets it, all stop; nothing is lost, nothing fails, and the rest is called another day."""
    counting = Counting(takes_s=0.01, daily_cap=50)
    with cluster(2, tmp_path) as (_, client), counting.hive.serve() as server, _client(server.url) as service:
        asked: dict[str, Any] = {"variants": "loud", "client": service, "progress": False, "dask": client}
        batch = fh.batch(texts(300), "shout", **asked, max_concurrency=4)
        assert batch.stopped is not None
        assert batch.stopped.reason == "daily_cap"
        assert (batch.counts.done, batch.counts.failed, batch.counts.pending) == (50, 0, 250)
        assert len(batch.frame) == 50
        counting.hive.daily_cap = None
        batch.resume()
        assert (batch.counts.done, counting.calls) == (300, 300)


def test_one_error_too_many_a_deadline_and_a_rate_hold_over_all(tmp_path: Path) -> None:
    """`fail_on_error`, `max_seconds` and `rate` are of the batch, and not of a worker."""
    counting = Counting(takes_s=0.02)
    frame = texts(400)
    frame.loc[::2, "text"] = [f"bad {i}" for i in range(0, 400, 2)]
    with cluster(2, tmp_path) as (_, client), counting.hive.serve() as server, _client(server.url) as service:
        asked: dict[str, Any] = {"variants": "loud", "client": service, "progress": False, "dask": client}
        batch = fh.batch(frame, "shout", **asked, max_concurrency=4, fail_on_error=20)
        assert batch.stopped is not None
        assert batch.stopped.reason == "fail_on_error"
        assert batch.counts.pending > 0
        late = fh.batch(texts(2_000, "late"), "shout", **asked, max_concurrency=2, max_seconds=5)
        assert late.stopped is not None
        assert late.stopped.reason == "max_seconds"
        assert 0 < late.counts.done < 2_000
        counting.times.clear()
        paced = fh.batch(texts(40, "paced"), "shout", **asked, rate=20)
        assert paced.counts.done == 40
        assert max(counting.times) - min(counting.times) >= 39 / 20 - 0.3


def test_pause_cancel_and_interrupt_reach_every_worker(tmp_path: Path) -> None:
    """Paused, no call is started; cancelled, what was out is unknown and what is answered is kept; one stream."""
    counting = Counting(takes_s=0.05)
    told: list[Any] = []
    with cluster(2, tmp_path) as (_, client), counting.hive.serve() as server, _client(server.url) as service:
        asked: dict[str, Any] = {"variants": "loud", "client": service, "progress": False, "dask": client}
        batch = fh.batch(texts(2_000), "shout", **asked, max_concurrency=4, wait=False, on_event=told.append)
        until(lambda: counting.calls >= 20)
        batch.pause()
        until(lambda: batch.in_flight == 0 and counting.now == 0)
        calls = counting.calls
        assert threading.Event().wait(0.5) is False
        assert counting.calls <= calls + 4
        batch._control.unpause()
        until(lambda: counting.calls >= calls + 20)
        held = counting.held = threading.Event()  # so that some are out when it is cancelled
        until(lambda: counting.now == 4)
        batch.cancel()
        batch.wait()
        counting.held = None
        held.set()
        assert batch.stopped is not None
        assert batch.stopped.reason == "cancelled"
        assert batch.counts.done + batch.counts.unknown == counting.calls
        assert batch.counts.unknown == 4
        assert batch.counts.pending == 2_000 - counting.calls
        assert len(batch.frame) == batch.counts.done + batch.counts.unknown
        assert len({e.job.key for e in told if isinstance(e, Started)}) >= batch.counts.done
        assert {e.run.status for e in told if isinstance(e, Finished)} <= {"completed", "unknown"}
        interrupted = fh.batch(texts(2_000, "x"), "shout", **asked, max_concurrency=4, wait=False)
        before = counting.calls
        until(lambda: counting.calls >= before + 10)
        interrupted.cancel()
        interrupted.wait()
        until(lambda: counting.now == 0)
        calls = counting.calls
        assert threading.Event().wait(0.5) is False
        assert counting.calls == calls


@pytest.mark.parametrize("whom", ["this process", "its group"])
def test_an_interrupted_cell_ends_with_what_is_finished(tmp_path: Path, whom: str) -> None:
    """Ctrl+C in the waiting cell: it ends without an error, the workers stop, the rest is pending; also where the
    processes of a LocalCluster hear it themselves, as at Jupyter's Stop and in a terminal."""
    counting = Counting(takes_s=0.05)
    with cluster(2, tmp_path) as (_, client), counting.hive.serve() as server, _client(server.url) as service:
        processes = client.run(os.getpid).values() if whom == "its group" else ()

        def interrupt() -> None:
            until(lambda: counting.calls >= 20)
            for process in processes:
                os.kill(process, signal.SIGINT)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

        threading.Thread(target=interrupt, daemon=True).start()
        batch = fh.batch(
            texts(2_000), "shout", variants="loud", client=service, progress=False, dask=client, max_concurrency=4
        )
        assert batch.stopped is not None
        assert batch.stopped.reason == "cancelled"
        assert batch.counts.done > 0
        assert batch.counts.done + batch.counts.unknown == counting.calls
        batch.resume(wait=False)
        until(lambda: batch.counts.done > 40)
        batch.cancel()
        batch.wait()
        assert set(counting.ran.values()) == {1}


def test_a_scheduler_that_goes_is_told_and_the_batch_goes_on(tmp_path: Path) -> None:
    """A clear line, no answer lost on this machine; with a new cluster the same cell goes on."""
    counting = Counting(takes_s=0.02)
    with counting.hive.serve() as server, _client(server.url) as service:
        asked: dict[str, Any] = {"variants": "loud", "client": service, "progress": False}
        with cluster(2, tmp_path) as (_, client):
            batch = fh.batch(texts(400), "shout", **asked, dask=client, max_concurrency=4, wait=False)
            until(lambda: counting.calls >= 80)
            client.restart(wait_for_workers=True)
            batch.wait()
            assert batch.stopped is not None
            assert batch.stopped.reason == "cluster"
            assert tells(batch.stopped.message, "Dask", "batch.resume()")
            assert batch.counts.pending > 0
        with cluster(2, tmp_path) as (_, client):
            again = fh.batch(texts(400), "shout", **asked, dask=client, max_concurrency=4)
            assert set(counting.ran.values()) == {1}
            assert again.counts.done + again.counts.unknown == 400
            # What was out. Who goes keeps its places, so that who has not gone yet begins nothing in them.
            assert again.counts.unknown <= 4
            assert counting.most <= 4
        with pytest.raises(fh.SettingsError, match="closed"):
            batch.resume()


@contextmanager
def _processes(folder: Path) -> Iterator[tuple[Any, Any]]:
    """Start a scheduler and a worker as processes of their own; give the scheduler's and a client."""
    import dask
    from distributed import Client

    said, started = folder / "scheduler.json", []

    def start(what: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--scheduler-file", str(said), *options]
        with (folder / f"{what}.log").open("wb") as log:
            started.append(subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"TMPDIR": str(folder)}))
        return started[-1]

    try:
        scheduler = start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        until(said.exists)
        start("worker", "--nworkers", "1", "--nthreads", "1", "--no-dashboard", "--local-directory", str(folder))
        with (
            dask.config.set({"distributed.comm.timeouts.connect": "5s"}),
            Client(scheduler_file=str(said), timeout=PATIENCE_S) as client,
        ):
            client.wait_for_workers(1, timeout=PATIENCE_S)
            yield scheduler, client
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_a_scheduler_that_is_killed_is_told_and_another_cluster_goes_on(tmp_path: Path) -> None:
    """The same clear line, and no error of some connection; its worker ends, and what it had is found where it ran."""
    counting = Counting(takes_s=0.02)
    with counting.hive.serve() as server, _client(server.url) as service:
        asked: dict[str, Any] = {"variants": "loud", "client": service, "progress": False, "max_concurrency": 2}
        with _processes(tmp_path) as (scheduler, client):
            batch = fh.batch(texts(200), "shout", **asked, dask=client, wait=False)
            until(lambda: counting.calls >= 40)
            scheduler.kill()
            batch.wait()
            assert batch.stopped is not None
            assert batch.stopped.reason == "cluster"
            assert batch.counts.pending > 0
        with cluster(1, tmp_path) as (_, client):
            again = fh.batch(texts(200), "shout", **asked, dask=client)
        assert set(counting.ran.values()) == {1}
        assert again.counts.done + again.counts.unknown == 200
        assert again.counts.unknown <= 2


MEMORY = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import dask.dataframe, distributed, pandas, pyarrow.parquet

def held():
    return int(next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmRSS")).split()[1])

before, there = held(), set(sys.modules)
import fh_notebook.scaling.cluster.cluster
from fh_notebook.scaling.worker.partition import run_partition
print((held() - before) // 1024)
print([name for name in ("ipywidgets", "IPython", "matplotlib", "scipy", "starlette") if name in set(sys.modules) - there])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read as Linux tells it")
def test_what_is_ours_is_a_small_part_of_a_worker(capsys: Any) -> None:
    """Beside Dask, pandas and pyarrow, which a worker has anyway, our core takes some 6 MB, and nothing heavy."""
    told = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True).stdout
    megabytes, heavy = told.splitlines()
    with capsys.disabled():
        print(f"\na worker's memory grows by {megabytes} MB")
    assert int(megabytes) < 40
    assert heavy == "[]"
