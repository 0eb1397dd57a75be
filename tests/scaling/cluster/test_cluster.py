"""A batch on a real cluster of processes: one budget, one stream, and no key anywhere but in the workers' memory."""

from __future__ import annotations

import argparse
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook import cli
from fh_notebook.batching.model import BatchStopped, Finished
from fh_notebook.core import event_loop
from fh_notebook.scaling.cluster.cluster import Cluster
from fh_notebook.scaling.cluster.runner import ClusterLost
from fh_notebook.scaling.protocol import BatchSpec, PartitionTask
from fh_notebook.session import session
from tests.ipython_shell import open_shell
from tests.scaling.counting import KEY, Counting, begun_in_a_pause, cluster, texts, until

dask = pytest.importorskip("dask.dataframe")
pytest.importorskip("distributed")
pytest.importorskip("pyarrow")

# What Dask's own threads say when a cluster of a test ends; ours are held to no warning elsewhere.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dask")


@pytest.fixture(scope="module")
def two(folder: Path) -> Iterator[tuple[Any, Any]]:
    """A cluster whose workers are started as Dask does it by itself."""
    with cluster(2, folder, **{"distributed.worker.multiprocessing-method": "spawn"}) as made:
        yield made


@pytest.mark.long
def test_one_budget_over_all_workers_and_the_key_in_no_place(
    two: tuple[Any, Any], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two workers, 3 at once: never more at the hive; every row as on one machine; the key is in no graph, no state of
    the scheduler, no log and no file, though the workers had none of their own."""
    _, client = two
    counting = Counting(takes_s=0.004)
    frame = texts(60).assign(tag=[[i] for i in range(60)])
    told: list[Any] = []
    with counting.hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY) as service:
        asked: dict[str, Any] = {"variants": ["loud", "parts"], "client": service, "progress": False}
        asked |= {"inputs": {"text": "text"}, "max_concurrency": 3}
        with caplog.at_level(logging.DEBUG):
            batch = fh.batch(frame, "shout", **asked, dask=client, on_event=told.append)
        assert (batch.counts.done, batch.counts.calls, counting.calls) == (120, 120, 120)
        assert counting.most <= 3
        calls = counting.calls
        computed = batch.frame.compute()
        assert counting.calls == calls
        one = fh.batch(frame, "shout", **asked, fresh=True)
    kept = ["row", "variant", "status", "output", "attempts", "key", "text", "tag"]
    pd.testing.assert_frame_equal(
        computed[kept].reset_index(drop=True), one.frame[kept].reset_index(drop=True), check_dtype=False
    )
    finished = [event for event in told if isinstance(event, Finished)]
    assert len(finished) == 120
    assert KEY not in caplog.text
    assert KEY not in "".join(str(lines) for lines in (client.get_worker_logs(), client.get_scheduler_logs()))
    assert _states(client)["length"] > 1_000
    assert not _states(client)["found"]
    assert not [file for file in folder.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()]


def _states(client: Any) -> dict[str, Any]:
    """Look for the key in everything that the scheduler holds, and in the workers' data and tasks."""
    masked = KEY[::-1]  # so that the question itself is no place where it is found

    def scheduler(dask_scheduler: Any = None) -> Any:
        import pickle

        import cloudpickle

        texts_: list[str] = []
        key = masked[::-1]
        found: list[str] = []
        for name, plugin in dask_scheduler.worker_plugins.items():
            texts_.append(f"{name} {plugin}")
            if key.encode() in (plugin if isinstance(plugin, bytes) else pickle.dumps(plugin)):
                found.append(name)
        for task in dask_scheduler.tasks.values():
            texts_.append(f"{task} {task.run_spec!r} {task.annotations}")
            if key.encode() in cloudpickle.dumps(task.run_spec):
                found.append(str(task.key))
        texts_.append(repr(dask_scheduler.get_events()))
        texts_.append(repr(dict(dask_scheduler.extensions["variables"].variables)))
        texts_.append(repr({k: list(q._queue) for k, q in dask_scheduler.extensions["queues"].queues.items()}))
        whole = "".join(texts_)
        return {"length": len(whole), "found": found or key in whole}

    def worker(dask_worker: Any = None) -> bool:
        key = masked[::-1]
        return key in repr(dict(dask_worker.data)) + repr(dask_worker.state.tasks) + repr(dask_worker.plugins)

    state: dict[str, Any] = client.run_on_scheduler(scheduler)
    return {"length": state["length"], "found": state["found"] or any(client.run(worker).values())}


@pytest.mark.long
def test_a_misspelt_name_stops_all_workers(two: tuple[Any, Any]) -> None:
    """After a few calls of each; the rows are pending, and the known variant of two is called to the end."""
    _, client = two
    counting = Counting()
    target = fh.Deployment("shout", inputs={"text": fh.text()})
    with counting.hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY) as service:
        asked: dict[str, Any] = {"client": service, "progress": False, "max_concurrency": 2, "dask": client}
        wrong = fh.batch(texts(60), target, variants="luod", **asked)
        assert (wrong.counts.pending, wrong.counts.failed) == (60, 0)
        assert wrong.counts.calls <= 12
        assert wrong.stopped is not None
        assert wrong.stopped.reason == "unknown_name"
        both = fh.batch(texts(60), target, variants=["loud", "luod"], **asked)
        assert (both.counts.done, both.counts.pending, both.counts.failed) == (60, 60, 0)
        assert both.stopped is not None
        assert " shout/luod" in both.stopped.message


def test_a_ceiling_and_the_command_line(two: tuple[Any, Any], tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    """`fh-notebook batch --dask`: a Parquet file, at most so many calls over all workers, exactly; then the rest."""
    made, _ = two
    counting = Counting()
    data = tmp_path / "rows.parquet"
    texts(40).to_parquet(data)
    monkeypatch.setenv("FETCH_HIVE_API_KEY", KEY)
    with counting.hive.serve() as server:
        words = ["batch", str(data), "-d", "shout", "-v", "loud", "--base-url", server.url]
        words += ["--dask", made.scheduler_address]
        assert _command([*words, "--max-calls", "15"]) == 3
        assert counting.calls == 15
        assert _command([*words, "-o", str(tmp_path / "answers.csv")]) == 0
    assert counting.calls == 40
    assert set(counting.ran.values()) == {1}
    assert len(pd.read_csv(tmp_path / "answers.csv")) == 40
    assert KEY not in "".join(capsys.readouterr())


def _command(words: list[str]) -> int:
    code = cli.main(words)
    assert isinstance(code, int)
    return code


@pytest.mark.long
def test_a_file_that_is_cut_keeps_the_labels_of_its_rows(two: tuple[Any, Any], tmp_path: Path) -> None:
    """Those of its nameless first column, as in one process."""
    frame = texts(6).set_axis([f"r{number}" for number in range(6)], axis=0)
    frame.to_csv(tmp_path / "rows.csv")
    with Counting().hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY) as service:
        asked: dict[str, Any] = {"variants": "loud", "client": service, "progress": False, "inputs": {"text": "text"}}
        batch = fh.batch(tmp_path / "rows.csv", "shout", **asked, dask=two[1])
        assert batch.frame.compute()["row"].tolist() == list(frame.index)


def test_a_hive_in_this_process_and_a_cluster_that_is_not_there_are_told(two: tuple[Any, Any]) -> None:
    """With the cure, before anything is called."""
    _, client = two
    counting = Counting()
    with pytest.raises(fh.SettingsError, match="serve"):
        fh.batch(texts(3), "shout", variants="loud", client=counting.hive.client(), dask=client, progress=False)
    from fh_notebook.cli.batch import connect

    gone = argparse.Namespace(dask="tcp://127.0.0.1:9", data=Path("x.csv"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fh_notebook.cli.batch.WAIT_S", 0.5)
        with pytest.raises(fh.SettingsError, match="tcp://127.0.0.1:9.*--dask"), connect(gone):
            pass
    assert counting.calls == 0


def test_a_stop_while_a_round_is_made_hands_nothing_out(two: tuple[Any, Any], tmp_path: Path) -> None:
    """A Cancel in the first moment, when the scheduler knows of nothing yet: no partition is given to a worker."""
    _, client = two
    counting = Counting()
    with counting.hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY) as service:
        place = Cluster(client, service)
        spec = BatchSpec(
            run="stopped-early", name="x", workspace=service.workspace, batch_variants=(), folder=str(tmp_path)
        )

        async def round_() -> None:
            place.begin(spec, lambda _: None, calls=None, spent=None, rate=None)
            (partition,) = place.run([texts(1)], [PartitionTask(number=0, start=0, rows=1, plan=b"x")])
            place.stop(BatchStopped(reason="cancelled", detail=""))
            with pytest.raises(ClusterLost, match="began"):
                await partition
            assert await place.end() is None

        event_loop.run(round_())

    def left(dask_scheduler: Any = None) -> tuple[list[str], list[str]]:
        tasks = [str(key) for key in dask_scheduler.tasks if "stopped-early" in str(key)]
        return tasks, [name for name in dask_scheduler.extensions["semaphores"].max_leases if "stopped-early" in name]

    assert client.run_on_scheduler(left) == ([], [])


@pytest.mark.long
def test_a_pause_before_the_round_has_begun_holds_on_workers_too(two: tuple[Any, Any]) -> None:
    """A worker looks whether all rest before it calls, and not only a second later."""
    _, client = two
    counting = Counting(takes_s=0.01)
    with counting.hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY) as service:
        asked: dict[str, Any] = {"variants": "loud", "client": service, "progress": False, "dask": client}
        batch = fh.batch(texts(60, "rests"), "shout", **asked, max_concurrency=2, dry_run=True)
        control = begun_in_a_pause(batch)
        until(lambda: (run := control.status.run) is not None and run._runner._begun)
        threading.Event().wait(0.3)  # so long a call that must not be made has to be made
        assert (counting.calls, batch.paused) == (0, True)
        control.unpause()
        batch.wait()
        assert (batch.counts.done, counting.calls) == (60, 60)


@pytest.mark.long
def test_workers_import_the_light_core_only(two: tuple[Any, Any]) -> None:
    """No ipywidgets, IPython or matplotlib in a worker that has called."""
    _, client = two
    counting = Counting()
    with counting.hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY) as service:
        fh.batch(texts(8, "light"), "shout", variants="loud", client=service, dask=client, progress=False)

    def loaded() -> list[str]:
        import sys

        heavy = ("ipywidgets", "IPython", "matplotlib", "starlette", "uvicorn", "jupyterlab")
        assert "fh_notebook.batching.execution.engine" in sys.modules
        return [name for name in heavy if name in sys.modules]

    assert set(map(tuple, client.run(loaded).values())) == {()}


@pytest.mark.long
def test_workers_take_answers_of_a_batch_in_memory_and_it_takes_theirs(two: tuple[Any, Any], tmp_path: Path) -> None:
    """Out of files in the folder that all share: no row is called twice, and only parts are left in it."""
    _, client = two
    counting = Counting()
    with counting.hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY) as service:
        asked: dict[str, Any] = {"variants": "loud", "client": service, "progress": False, "reuse": "store"}
        fh.batch(texts(20), "shout", **asked, name="one")
        batch = fh.batch(texts(30), "shout", **asked, name="two", dask=client, parts=tmp_path)
        assert (batch.counts.done, batch.counts.reused, batch.counts.calls) == (30, 20, 10)
        assert fh.batch(texts(30), "shout", **asked, name="three").counts.calls == 0
    assert set(counting.ran.values()) == {1}
    assert batch.frame.compute()["output"].tolist() == [f"T{i}" for i in range(30)]
    assert all(path.name.startswith("part-") for path in tmp_path.rglob("*.parquet"))


@pytest.mark.long
def test_scores_by_a_function_of_a_cell_are_kept_under_its_version(two: tuple[Any, Any]) -> None:
    """The workers have the function, and not the cell: the version is that of the notebook."""
    frame = pd.DataFrame({"row": range(6), "variant": "a", "output": ["x", "yy"] * 3})
    with open_shell() as shell:
        shell.run_cell("least = 2\ndef score(run): return len(run.text) >= least")
        of_cell = shell.user_ns["score"]
        store = session.store()
        assert store is not None
        path = str(store.path)
        two[1].run(lambda: os.environ.update(FH_NOTEBOOK_STORE=path))
        many = dask.from_pandas(frame, npartitions=2)
        assert fh.compare(many, score=of_cell).summary()["mean"].tolist() == [0.5]
        kept = store.database.read(lambda c: c.execute("SELECT DISTINCT scorer FROM plain_scores").fetchall())
        assert kept == [(fh.score.scorer(of_cell).version,)]
