"""Kernels that end while runs are out: real ones, killed. Nothing is lost, nothing is submitted twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.client.callbacks.receiver import CallbackReceiver
from tests.client.callbacks.senders import KEY, Held
from tests.kernel import Kernel
from tests.ports import free_port

SUBMIT = """
import fh_notebook as fh
hive = fh.Client(base_url={url!r}, api_key={key!r})
receiver = fh.CallbackReceiver(port={port}, path={path!r}).start()
runs = [hive.submit("held", variant="v", inputs={{"text": t}}, callback=receiver) for t in ("a", "b", "c")]
print("submitted", [r.status for r in runs])
"""

REATTACH = """
import json
import fh_notebook as fh
hive = fh.Client(base_url={url!r}, api_key={key!r})
before = fh.pending()
receiver = {receiver}
runs = fh.reattach(client=hive, receiver=receiver)
print("attached", len(runs))
"""

NO_POLLING = """
from fh_notebook.client import polling
polling.FIRST_S = polling.FIRST_BESIDE_RECEIVER_S = 3600.0
"""
"""Where a machine is busy, a look-up can come between the end of a run and its callback."""

WAIT = """
came = [r.wait(timeout_s=30) for r in runs]
print(json.dumps({"waits_in": before["waits_in"].tolist(), "outputs": [r.output for r in came],
    "by": [r.came_by for r in runs], "left": len(fh.pending()), "again": len(fh.reattach(client=hive)),
    "kept": [k.run.output for k in fh_session.store().answers.single_runs()]}))
"""


def _end_and_go_on(folder: Path, receiver: str) -> dict[str, Any]:
    """Submit three runs in a kernel, kill it, go on in another one, and return what that told."""
    port, path = free_port(), CallbackReceiver().path
    held = Held(api_key=KEY, callback_backoff_s=(0.05,) * 200)
    with held.hive, held.hive.serve() as server:
        names = {"url": server.url, "key": KEY, "port": port, "path": path}
        with Kernel(folder) as first:
            assert "submitted" in first.run(SUBMIT.format(**names))
            first.process.kill()
            first.process.wait()
        held.let_go(3)
        with Kernel(folder) as second:
            second.run("from fh_notebook.session import session as fh_session")
            told = second.run(REATTACH.format(**names, receiver=receiver.format(**names)))
            assert "attached 3" in told, told
            told = second.run(WAIT)
        facts: dict[str, Any] = json.loads(told.splitlines()[-1])
        facts["calls"] = len(held.hive.calls)
    return facts


@pytest.mark.long
def test_after_a_kill_another_kernel_waits_by_polling(tmp_path: Path) -> None:
    """Nobody waited any more; the outcomes are had, kept, and the runs are pending no more."""
    facts = _end_and_go_on(tmp_path, "None")
    assert facts["waits_in"] == ["nobody"] * 3
    assert facts["outputs"] == ["A", "B", "C"]
    assert facts["by"] == ["polling"] * 3
    assert sorted(facts["kept"]) == ["A", "B", "C"]
    assert (facts["left"], facts["again"], facts["calls"]) == (0, 0, 3)


@pytest.mark.long
def test_after_a_kill_a_receiver_at_the_same_url_takes_the_callbacks(tmp_path: Path) -> None:
    """The service tries again meanwhile; the secret was told in the dialog."""
    held_secret = "fh.CallbackReceiver(port={port}, path={path!r}, secrets=SECRET)"
    port, path = free_port(), CallbackReceiver().path
    held = Held(api_key=KEY, callback_backoff_s=(0.05,) * 400)
    secret = held.hive.rotate_webhook_secret("held", "whsec_from_the_dialog")
    with held.hive, held.hive.serve() as server:
        names = {"url": server.url, "key": KEY, "port": port, "path": path}
        with Kernel(tmp_path) as first:
            assert "submitted" in first.run(SUBMIT.format(**names))
            first.process.kill()
            first.process.wait()
        with Kernel(tmp_path) as second:
            second.run(f"from fh_notebook.session import session as fh_session\nSECRET = {secret.reveal()!r}")
            second.run(NO_POLLING)
            told = second.run(REATTACH.format(**names, receiver=held_secret.format(**names)))
            assert "attached 3" in told, told
            held.let_go(3)
            facts = json.loads(second.run(WAIT).splitlines()[-1])
    assert facts["outputs"] == ["A", "B", "C"]
    assert facts["by"] == ["callback"] * 3
    assert (facts["left"], len(held.hive.calls)) == (0, 3)


def test_a_run_that_another_kernel_waits_for_is_left_to_it(tmp_path: Path) -> None:
    """While it lives; this process's own, too."""
    held = Held(api_key=KEY)
    with held.hive.serve() as server, Kernel(tmp_path) as other:
        names = {"url": server.url, "key": KEY, "port": 0, "path": CallbackReceiver().path}
        assert "submitted" in other.run(SUBMIT.format(**names))
        fh.configure(store=tmp_path / "store.sqlite3")
        with fh.Client(base_url=server.url, api_key=KEY) as client:
            mine = client.submit("held", variant="v", inputs={"text": "mine"})
            assert sorted(fh.pending()["waits_in"]) == ["another kernel"] * 3 + ["this kernel"]
            assert fh.reattach(client=client) == []
            held.let_go(4)
            assert mine.wait(20).output == "MINE"
        assert "['A', 'B', 'C']" in other.run("print(sorted(r.wait(20).output for r in runs))")


def test_a_display_changes_in_its_own_cell_when_the_outcome_comes(tmp_path: Path) -> None:
    """Whatever cell runs by then; as HTML and as text."""
    held = Held(api_key=KEY)
    with held.hive.serve() as server, Kernel(tmp_path) as kernel:
        names = {"url": server.url, "key": KEY, "port": 0, "path": CallbackReceiver().path}
        kernel.run(SUBMIT.format(**names))
        shown = kernel.send("runs[0]")
        kernel.wait(shown)
        assert "running" in kernel.shown(shown)[0]["text/html"]
        held.let_go(3)
        kernel.run("_ = [r.wait(20) for r in runs]")
        kernel.wait_until(
            lambda: "completed" in kernel.shown(shown)[0]["text/html"] and "output=A" in kernel.shown(shown)[0]["text/plain"],
            "the outcome in the display",
        )  # fmt: skip


def test_an_interrupted_wait_ends_the_cell_and_not_the_run(tmp_path: Path) -> None:
    """Stop: one line; the next cell has the outcome."""
    held = Held(api_key=KEY)
    with held.hive.serve() as server, Kernel(tmp_path) as kernel:
        names = {"url": server.url, "key": KEY, "port": 0, "path": CallbackReceiver().path}
        kernel.run(SUBMIT.format(**names))
        waiting = kernel.send("print('waiting', flush=True)\nruns[0].wait()")
        kernel.wait_for_text(waiting, "waiting")
        kernel.interrupt()
        kernel.wait(waiting)
        assert kernel.reply(waiting)["status"] == "error"
        held.let_go(3)
        assert "A" in kernel.run("print(runs[0].wait(20).output)")
