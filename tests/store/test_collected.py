"""Garbage collection: what is collected ends by itself, and nobody waits for it, as the thread may hold any lock."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

from fh_notebook.contract.run import Run
from fh_notebook.store.store import Store
from tests import environment


def test_a_store_that_nobody_holds_commits_what_was_put(tmp_path: Path) -> None:
    """Collected without a close, its writer still writes all, and ends."""
    path = tmp_path / "answers.sqlite3"
    store = Store(path)
    for number in range(200):
        store.answers.keep(Run(status="completed", output=number), "w")
    writer = store.database.connect().writer
    del store
    gc.collect()
    writer.close()  # waits for the thread only
    with Store(path).closing() as again:
        assert len(again.answers.single_runs(limit=500)) == 200


def test_a_store_and_a_hive_are_collected_by_a_thread_that_holds_the_import_lock(tmp_path: Path) -> None:
    """The writer and the hive's loop may just need that lock: waiting for them there would be for ever."""
    script = """
import _imp, gc, sys, fh_notebook as fh
from fh_notebook.contract.run import Run
from fh_notebook.store.store import Store
hive = fh.local.LocalHive()
@hive.workflow("echo", variant="plain")
def plain(text: str) -> str:
    return text
with hive.client() as client:
    client.invoke("echo", variant="plain", inputs={"text": "x"}, callback_url="http://127.0.0.1:9/")
store = Store(sys.argv[1])
def slow_import(connection):
    import this_module_does_not_exist
try:
    store.database.put(slow_import).result()
except ImportError:
    pass
_imp.acquire_lock()
try:
    store.database.put(slow_import)
    del hive, client, plain, store
    gc.collect()
finally:
    _imp.release_lock()
print("alive")
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "s.sqlite3")],
        capture_output=True, text=True, timeout=60, env=environment.for_process(tmp_path),
    )  # fmt: skip
    assert done.stdout == "alive\n", done.stderr
