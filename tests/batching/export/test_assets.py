"""Files of runs: kept beside the calls or afterwards, whole, under safe names, and shown in place of their addresses."""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.batching.export.assets import (
    COLUMNS,
    MAX_FILES_PER_RUN,
    AssetKeeper,
    SavedAsset,
    _being_fetched,
    folder_of,
    record_of_files,
)
from fh_notebook.batching.model import Finished, Job
from fh_notebook.batching.tables.frames import COLUMNS as RUN_COLUMNS
from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.comparing.report.html_page import OutputViews
from fh_notebook.contract.output import OutputOptions, output_view
from fh_notebook.core import event_loop
from fh_notebook.core.files import KEPT_FILES, KeptFiles
from fh_notebook.core.text import html
from fh_notebook.local import LocalHive
from fh_notebook.notebook.browser.page import table_page
from fh_notebook.notebook.browser.query import RowFinder, TableQuery
from fh_notebook.notebook.browser.table import BrowserTable
from fh_notebook.scaling.storage.parts import STATUS_CODE, lines_of
from fh_notebook.session import session
from fh_notebook.store.archive import FILE_BYTES_MAX
from fh_notebook.store.writer import IN_MEMORY
from tests.comparing.rating.page import Page
from tests.raw_server import says, serving
from tests.told import facts, tells

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
HOSTILE = (
    "../../evil.png",
    "CON",
    "nul.txt",
    "a\0b.png",
    "x" * 400 + ".png",
    "\u202egnp.exe",
    ".hidden",
    "",
    "b\u00e9e.png",
)


class Painter:
    """A hive whose workflow makes a file of each text; by name, content and type as the test says."""

    def __init__(self, **options: Any) -> None:
        self.hive = LocalHive(**options)
        self.files: dict[str, list[dict[str, Any]]] = {}

        @self.hive.workflow("paint", variant="v")
        def paint(text: str) -> Any:
            files = self.files.get(text) or [self.hive.asset(f"{text}.png", PNG + text.encode(), "image/png")]
            return {"settings": {}, "assets": files}

    def batch(self, texts: list[str], client: fh.Client, **options: Any) -> fh.Batch:
        rows = [{"text": text} for text in texts]
        return fh.batch(rows, "paint", variants=["v"], client=client, progress=False, **options)


@pytest.fixture
def painter() -> Painter:
    return Painter()


@pytest.fixture(params=["in process", "socket"])
def client(request: pytest.FixtureRequest, painter: Painter) -> Iterator[fh.Client]:
    if request.param == "in process":
        with painter.hive.client() as made:
            yield made
    else:
        with painter.hive.serve() as server, fh.Client(base_url=server.url, api_key="fhk_neverforanasset") as made:
            yield made


def _files(folder: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in folder.iterdir())


def test_files_are_kept_while_the_batch_runs(painter: Painter, client: fh.Client, tmp_path: Path) -> None:
    """After the batch they are there, with a line each; what is shown is the file and not its address."""
    folder = tmp_path / "pictures"
    batch = painter.batch(["a", "b"], client, save_assets=folder)
    assets = batch.assets
    assert tuple(assets.columns) == COLUMNS
    assert (list(assets["status"]), list(assets["content_type"])) == (["saved"] * 2, ["image/png"] * 2)
    assert _files(folder) == [PNG + b"a", PNG + b"b"]
    assert [Path(path).read_bytes() for path in assets["path"]] == [PNG + b"a", PNG + b"b"]
    assert list(assets["bytes"]) == [len(PNG) + 1] * 2
    (run, _) = [outcome.run for _, outcome, _ in batch.entries() if outcome]
    shown = run._repr_html_()
    assert "data:image/png;base64," in shown
    assert f'href="{run.assets[0].file_url}"' not in shown
    rows = batch._overview().rows_html("served:")
    assert [base64.b64encode(PNG + name).decode() in rows for name in (b"a", b"b")] == [True, True]


def test_a_second_call_fetches_what_is_missing(painter: Painter, client: fh.Client, tmp_path: Path) -> None:
    """Reused answers too, in another batch object; what is there is not fetched again."""
    painter.batch(["a", "b"], client, name="bees")
    batch = fh.open_batch("bees", client=client)
    assert list(batch.assets["status"]) == ["missing"] * 2
    first = batch.save_assets(tmp_path / "f")
    assert list(first["status"]) == ["saved"] * 2
    one, other = (Path(path) for path in first["path"])
    other.unlink()
    before = one.stat()
    again = painter.batch(["a", "b"], client, name="bees", save_assets=tmp_path / "f")
    assert again.counts.calls == 0
    assert list(again.assets["status"]) == ["saved"] * 2
    assert (one.stat().st_ino, one.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert other.read_bytes() == PNG + b"b"


def test_hostile_names_stay_names(painter: Painter, client: fh.Client, tmp_path: Path) -> None:
    """In the folder, not over one another, of bounded length; equal names are two files."""
    hive = painter.hive
    painter.files["x"] = [hive.asset(name or "n", name.encode(), "image/png") for name in HOSTILE]
    for entry, name in zip(painter.files["x"], HOSTILE, strict=True):
        entry["file_name"] = name
    painter.files["y"] = [hive.asset("same.png", content) for content in (b"1", b"2")]
    folder = tmp_path / "deep" / "f"
    assets = painter.batch(["x", "y"], client, save_assets=folder).assets
    assert set(assets["status"]) == {"saved"}
    paths = [Path(path) for path in assets["path"]]
    assert len(set(paths)) == len(HOSTILE) + 2
    assert all(path.parent == folder and len(path.name.encode()) < 160 for path in paths)
    assert all(not path.name.startswith(".") and "\0" not in path.name and "\u202e" not in path.name for path in paths)
    assert [path.read_bytes() for path in paths] == [*(name.encode() for name in HOSTILE), b"1", b"2"]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["f"]
    assert not any((parent / "evil.png").exists() for parent in (tmp_path, tmp_path.parent))


def test_another_file_under_the_name_is_left(painter: Painter, tmp_path: Path) -> None:
    """A link at the place of a file is neither followed nor replaced."""
    with painter.hive.client() as client:
        batch = painter.batch(["a"], client)
        path = Path(batch.save_assets(tmp_path / "f")["path"][0])
        victim = tmp_path / "victim"
        path.unlink()
        path.symlink_to(victim)
        after = batch.save_assets()
    assert list(after["status"]) == ["failed"]
    assert tells(after["reason"][0], path)
    assert not victim.exists()


@pytest.mark.parametrize(
    ("content", "told", "words"),
    [
        (PNG, "image/png", ""),
        (b"<html>", "image/png", "text/html"),
        (b"plain", "image/png", "image/png"),
        (PNG, "text/plain", "image/png"),
        (b"PK\x03\x04", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", ""),
        (b"plain", "text/plain", ""),
    ],
)
def test_a_type_that_the_bytes_contradict_is_told(content: bytes, told: str, words: str, tmp_path: Path) -> None:
    """The file is kept all the same, and nothing of it is drawn that is no picture."""
    painter = Painter()
    painter.files["x"] = [painter.hive.asset("x.png", content, told)]
    with painter.hive.client() as client:
        (line,) = painter.batch(["x"], client, save_assets=tmp_path).assets.to_dict("records")
    assert (line["status"], words in line["reason"], bool(line["reason"])) == ("saved", True, bool(words))


def test_an_expired_address_is_told_and_not_asked(tmp_path: Path) -> None:
    """With what to do; a file that was kept before stays kept."""
    now = [datetime.now(UTC) - timedelta(hours=2)]
    painter = Painter(clock=lambda: now[0], asset_expiry_s=3_600)
    with painter.hive.client() as client:
        batch = painter.batch(["a"], client)
        (line,) = batch.save_assets(tmp_path / "f").to_dict("records")
    assert (line["status"], line["path"]) == ("expired", None)
    assert tells(line["reason"], tmp_path / "f", "batch.save_assets(folder)")
    assert line["reason"].index("client.retrieve('req_") < line["reason"].index("fresh=True")
    assert list((tmp_path / "f").iterdir()) == []


def test_an_advice_that_cannot_help_is_not_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where all addresses have expired nothing is tried again; where one has failed otherwise, it is."""
    now = [datetime.now(UTC) - timedelta(hours=2)]
    painter = Painter(clock=lambda: now[0], asset_expiry_s=3_600)
    with painter.hive.client() as client:
        painter.batch(["a"], client, save_assets=tmp_path / "f")
    assert tells(capsys.readouterr().err, "1 file", "batch.assets")
    expired = SavedAsset(status="expired")
    keeper = AssetKeeper(tmp_path, lambda: iter([]))
    keeper._failed.update(a=expired, b=SavedAsset(status="failed"))
    assert tells(keeper.shortfall(), "2 files", "batch.assets", "batch.save_assets()")


def test_sizes_are_bounded(painter: Painter, client: fh.Client, tmp_path: Path) -> None:
    """Of one file, and of all; what is over the bound leaves nothing, and a larger bound fetches it."""
    painter.files["a"] = [painter.hive.asset("a.bin", b"x" * 1_000)]
    painter.files["b"] = [painter.hive.asset("b.bin", b"y" * 2_000)]
    batch = painter.batch(["a", "b"], client)
    one = batch.save_assets(tmp_path / "f", max_bytes=1_500)
    assert list(one["status"]) == ["saved", "failed"]
    assert tells(one["reason"][1], "1.5 kB")
    total = batch.save_assets(max_total_bytes=2_500)
    assert list(total["status"]) == ["saved", "failed"]
    assert tells(total["reason"][1], "2.5 kB")
    assert _files(tmp_path / "f") == [b"x" * 1_000]
    assert list(batch.save_assets()["status"]) == ["saved", "saved"]
    for name in ("max_bytes", "max_total_bytes"):
        with pytest.raises(fh.SettingsError, match=name):
            batch.save_assets(**{name: 0})


def test_what_cannot_be_fetched_fails_no_batch(tmp_path: Path) -> None:
    """A private address, another scheme, no address, an address that is not there: each has its reason."""
    painter = Painter()
    urls = ["https://169.254.169.254/latest", "file:///etc/passwd", None, "http://local/v1/assets/nothing/x"]
    painter.files["x"] = [{"file_url": url, "file_name": "x"} for url in urls] + [{"file_url": "https://[x"}]
    with painter.hive.client() as client:
        batch = painter.batch(["x", "ok"], client, save_assets=tmp_path / "f")
    assert batch.counts.done == 2
    assert list(batch.assets["status"]) == ["failed"] * 5 + ["saved"]
    assert all(batch.assets["reason"][:5])
    assert len(_files(tmp_path / "f")) == 1


def test_the_key_is_not_sent(tmp_path: Path) -> None:
    """Neither to the service's own address of a file nor anywhere else."""
    with serving(says(200, PNG)) as server:
        origin = server.url.split("/")[2]
        painter = Painter()
        painter.files["x"] = [{"file_url": f"http://{origin}/x.png", "file_name": "x.png"}]
        with painter.hive.serve() as hive_server:
            client = fh.Client(base_url=hive_server.url, api_key="fhk_neverforanasset")
            assets = painter.batch(["x"], client, save_assets=tmp_path).assets
        # Another port of this machine is not the service's own address: it is not asked at all.
        assert list(assets["status"]) == ["failed"]
        assert server.requests == []


def test_a_report_has_the_kept_file(painter: Painter, tmp_path: Path) -> None:
    """Also of a hive that is gone; no path of this machine is in it."""
    with painter.hive.client() as client:
        batch = painter.batch(["a"], client, save_assets=tmp_path / "kept here")
    (run,) = [outcome.run for _, outcome, _ in batch.entries() if outcome]
    view = OutputViews().of(run.output, lambda: run) or ""
    assert "data:image/png;base64," in view
    assert "kept here" not in view


def test_a_batch_in_the_background_keeps_its_files(painter: Painter, client: fh.Client, tmp_path: Path) -> None:
    """Waiting for the batch waits for them."""
    batch = painter.batch(["a", "b"], client, save_assets=tmp_path / "f", wait=False)
    batch.wait()
    assert list(batch.assets["status"]) == ["saved"] * 2


def test_a_refusal_names_what_to_do(tmp_path: Path) -> None:
    """A 403 of the service's own address: it may have ended. The next call tries again."""
    with serving(says(403, b""), says(200, PNG)) as server:
        origin = server.url.split("/")[2]
        run = fh.Run(
            status="completed",
            request_id="req_1",
            origin=origin,
            output={"assets": [{"file_url": f"http://{origin}/x.png", "file_name": "x.png"}]},
        )
        job = Job(position=0, row=0, deployment="d", variant="v", repeat=1, inputs={}, metadata={})
        keeper = AssetKeeper(tmp_path, lambda: iter([(job, run)]))
        tables = []
        for _ in range(2):
            event_loop.run(keeper.end())
            tables.append(keeper.table().to_dict("records")[0])
    assert [line["status"] for line in tables] == ["failed", "saved"]
    assert "fresh=True" in tables[0]["reason"]
    assert server.url not in tables[0]["reason"], "an address may be all that fetching needs"


def _keeper_of(url: str, folder: Path) -> tuple[AssetKeeper, Job, fh.Run]:
    """Return the keeper of one run with a file at `url`."""
    files = [{"file_url": f"{url}/x.png", "file_name": "x.png"}]
    run = fh.Run(status="completed", request_id="req_1", origin=url.split("/")[2], output={"assets": files})
    job = Job(position=0, row=0, deployment="d", variant="v", repeat=1, inputs={}, metadata={})
    return AssetKeeper(folder, lambda: iter([(job, run)])), job, run


def test_a_file_is_asked_for_once_in_a_start(tmp_path: Path) -> None:
    """One that failed beside the calls is not fetched again after them."""
    with serving(says(403, b""), says(200, PNG)) as server:
        keeper, job, run = _keeper_of(server.url, tmp_path)

        async def start() -> None:
            keeper.note(Finished(job=job, run=run))
            await keeper.end()

        event_loop.run(start())
        assert (len(server.requests), keeper.failures) == (1, 1)
        event_loop.run(start())
        assert (len(server.requests), keeper.failures) == (2, 0)


def test_a_folder_under_the_name_is_left_and_told(tmp_path: Path) -> None:
    """Nothing is fetched: there would be no place for it."""
    with serving(says(200, PNG)) as server:
        keeper, _, _ = _keeper_of(server.url, tmp_path)
        event_loop.run(keeper.end())
        (kept,) = tmp_path.iterdir()
        kept.unlink()
        kept.mkdir()
        event_loop.run(keeper.end())
        assert (len(server.requests), keeper.failures, list(keeper.table()["status"])) == (1, 1, ["failed"])


def test_an_empty_file_is_no_kept_one(tmp_path: Path) -> None:
    """A killed process may leave one where the file system has no links; it is fetched."""
    with serving(says(200, PNG), says(200, PNG), says(200, b"")) as server:
        keeper, _, _ = _keeper_of(server.url, tmp_path)
        event_loop.run(keeper.end())
        (kept,) = tmp_path.iterdir()
        states = []
        for _ in range(2):
            kept.write_bytes(b"")
            states.append(keeper.table()["status"][0])
            event_loop.run(keeper.end())
            states.append(keeper.table()["status"][0])
    assert states == ["missing", "saved", "missing", "failed"]


def test_a_cancel_ends_the_downloads_of_a_batch(tmp_path: Path) -> None:
    """Also after the last call: a file may come byte by byte."""
    asked = threading.Event()

    def trickles(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 X\r\ncontent-length: 1000\r\n\r\n.")
        asked.set()
        connection.recv(1)  # until the client has gone

    with serving(trickles) as server:
        keeper, _, _ = _keeper_of(server.url, tmp_path / "f")
        painter = Painter()
        with painter.hive.client() as client:
            batch = painter.batch(["a"], client, wait=False, dry_run=True)
            batch._control.companion = keeper
            batch._control.start(batch._control.first_windows(), wait=False)
            assert asked.wait(10)
            batch.cancel().wait()
    assert (batch.counts.done, _files(tmp_path / "f")) == (1, [])


def test_files_that_are_not_kept_are_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line after the batch."""
    painter = Painter()
    painter.files["x"] = [{"file_url": "ftp://x/y", "file_name": "x"}]
    with painter.hive.client() as client:
        painter.batch(["x"], client, save_assets=tmp_path / "f")
    assert capsys.readouterr().err.count("batch.assets ") == 1


def test_a_batch_out_of_a_file_knows_the_files_of_a_folder(painter: Painter, tmp_path: Path) -> None:
    """Handed over with the ``.fhb``: nothing is fetched."""
    with painter.hive.client() as client:
        batch = painter.batch(["a"], client, save_assets=tmp_path / "f")
        batch.to_fhb(tmp_path / "b.fhb", files=False)
    os.rename(tmp_path / "f", tmp_path / "moved")
    opened = fh.open_batch(str(tmp_path / "b.fhb"))
    assert list(opened.save_assets(tmp_path / "moved")["status"]) == ["saved"]
    (run,) = [outcome.run for _, outcome, _ in opened.entries() if outcome]
    kept = KEPT_FILES.get(run.assets[0].file_url or "", run.identity)
    assert kept is not None
    assert kept.path.parent == tmp_path / "moved"


def test_a_folder_that_is_none_is_told_before_a_call(painter: Painter, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with painter.hive.client() as client:
        with pytest.raises(fh.SettingsError, match=facts(tmp_path / "file")):
            painter.batch(["a"], client, name="refused", save_assets=tmp_path / "file")
        if sys.platform == "linux":  # no file can be made there, also not by root
            with pytest.raises(fh.SettingsError, match=facts("/proc")):
                painter.batch(["a"], client, name="refused", save_assets="/proc")
        with pytest.raises(fh.InputError, match=facts("'refused'")):
            fh.open_batch("refused", client=client)
        dry = painter.batch(["a"], client, save_assets=tmp_path / "dry", dry_run=True)
    assert dry.counts.calls == painter.hive.counts.calls == 0
    assert not (tmp_path / "dry").exists()


def test_a_start_whose_files_cannot_be_saved_is_refused(painter: Painter, client: fh.Client, tmp_path: Path) -> None:
    """Also one of a batch that was saved with the folder, in another kernel: before it calls anything."""
    batch = painter.batch(["a", "b"], client, name="bees", save_assets=tmp_path / "f", max_calls=1)
    shutil.rmtree(tmp_path / "f")
    (tmp_path / "f").write_text("")
    for held in (batch, fh.open_batch("bees", client=client)):
        with pytest.raises(fh.SettingsError, match=facts(tmp_path / "f")):
            held.resume()
    assert painter.hive.counts.calls == 1


def test_files_that_a_later_start_did_not_save_are_told(
    painter: Painter, client: fh.Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    painter.files["b"] = [{"file_url": "ftp://x/y", "file_name": "y"}]
    batch = painter.batch(["a", "b"], client, save_assets=tmp_path / "f", max_calls=1)
    assert "batch.assets" not in capsys.readouterr().err
    batch.resume()
    assert capsys.readouterr().err.count("batch.assets ") == 1


def test_a_display_makes_no_store_anew_whose_batch_was_opened(painter: Painter, tmp_path: Path) -> None:
    """Its files are found when some run is shown: the folder may have been removed meanwhile."""
    store = tmp_path / "gone" / "store.sqlite3"
    fh.configure(store=store)
    with painter.hive.client() as client:
        painter.batch(["a"], client, name="bees", save_assets=tmp_path / "f")
        fh.open_batch("bees", client=client)
        fh.configure(store=None)
        for opened in session.stores():
            opened.close()
        shutil.rmtree(store.parent)
        client.invoke("paint", variant="v", inputs={"text": "b"})._repr_html_()
    assert not store.parent.exists()


def test_nothing_is_read_for_saved_files_when_the_session_was_reset() -> None:
    """Its stores were closed."""
    found: list[str] = []
    KEPT_FILES.note_later("a batch", lambda: found.append("read"))
    session.reset()
    assert KEPT_FILES.get("https://x.test/a", "run 1") is None
    assert found == []


def test_files_of_reopened_batches_are_found_once_and_by_whoever_asks(tmp_path: Path) -> None:
    """A batch that is opened again and again is read once, and a second thread waits for what the first one finds."""
    kept, begun, found = KeptFiles(), threading.Event(), []
    file = tmp_path / "a.png"
    file.write_bytes(PNG)

    def find() -> None:
        begun.set()
        asked_by_second.wait(10)
        kept.note("https://x.test/a", "run 1", file)
        found.append(1)

    asked_by_second = threading.Event()
    for _ in range(3):
        kept.note_later("a batch", find)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(kept.get, "https://x.test/a", "run 1")
        assert begun.wait(10)
        second = pool.submit(kept.get, "https://x.test/a", "run 1")
        with pytest.raises(TimeoutError):
            second.result(0.05)
        asked_by_second.set()
        assert [asked.result(10) is not None for asked in (first, second)] == [True, True]
    assert found == [1]


@pytest.mark.long
def test_a_killed_download_leaves_no_half_file(tmp_path: Path) -> None:
    """SIGKILL in the middle of a slow file; the next call fetches it whole and tidies up."""
    content = os.urandom(4_000_000)
    hive = LocalHive()

    @hive.workflow("paint", variant="v")
    def paint(text: str) -> Any:
        return {"settings": {}, "assets": [hive.asset(f"{n}.bin", content) for n in range(20)]}

    folder, store = tmp_path / "f", tmp_path / "store.sqlite"
    with hive.serve() as server:
        script = textwrap.dedent(f"""
            import fh_notebook as fh
            fh.configure(store={str(store)!r})
            client = fh.Client(base_url={server.url!r}, api_key="fhk_x")
            batch = fh.batch([{{"text": "a"}}], "paint", variants=["v"], name="bees", client=client, progress=False)
            print("called", flush=True)
            batch.save_assets({str(folder)!r})
        """)
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            deadline = time.monotonic() + 90
            while time.monotonic() < deadline and not (folder.exists() and any(folder.iterdir())):
                time.sleep(0.001)
            process.send_signal(signal.SIGKILL)
        visible = [path for path in folder.iterdir() if not path.name.startswith(".")]
        assert all(path.read_bytes() == content for path in visible)
        fh.configure(store=store)
        with fh.Client(base_url=server.url, api_key="fhk_x") as client:
            batch = fh.open_batch("bees", client=client)
            saved: pd.DataFrame = batch.save_assets(folder)
    assert list(saved["status"]) == ["saved"] * 20
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 20
    digest = hashlib.sha256(content).hexdigest()
    assert {hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names} == {digest}


def test_what_is_there_counts_before_the_first_fetch(painter: Painter, tmp_path: Path) -> None:
    """Also what a later row made: the bound of all files holds for those of an earlier call."""
    painter.files["a"] = [painter.hive.asset("a.bin", b"x" * 1_000)]
    painter.files["b"] = [painter.hive.asset("b.bin", b"y" * 1_000)]
    folder = tmp_path / "f"
    with painter.hive.client() as client:
        batch = painter.batch(["a", "b"], client)
        first, _ = (Path(path) for path in batch.save_assets(folder)["path"])
        first.unlink()
        again = batch.save_assets(max_total_bytes=1_500)
        rerun = painter.batch(["a", "b"], client, name="again", reuse="store", dry_run=True)
        beside = rerun.save_assets(folder, max_total_bytes=1_500)
    assert list(again["status"]) == ["failed", "saved"]
    assert list(beside["status"]) == ["failed", "saved"]
    assert _files(folder) == [b"y" * 1_000]


def test_a_run_that_lists_too_many_files_is_bounded(tmp_path: Path) -> None:
    """No request is made for those behind the bound, and each has its reason."""
    with serving(*[says(200, PNG)] * (MAX_FILES_PER_RUN + 5)) as server:
        files = [{"file_url": f"{server.url}/{n}.png", "file_name": "x.png"} for n in range(MAX_FILES_PER_RUN + 3)]
        run = fh.Run(status="completed", request_id="r", origin=server.url.split("/")[2], output={"assets": files})
        job = Job(position=0, row=0, deployment="d", variant="v", repeat=1, inputs={}, metadata={})
        keeper = AssetKeeper(tmp_path, lambda: iter([(job, run)]))
        event_loop.run(keeper.end())
        assert len(server.requests) == MAX_FILES_PER_RUN
    table = keeper.table()
    assert list(table["status"]) == ["saved"] * MAX_FILES_PER_RUN + ["failed"] * 3
    assert str(MAX_FILES_PER_RUN) in table["reason"].iloc[-1]


def test_a_file_that_says_that_it_is_too_large_is_not_read(tmp_path: Path) -> None:
    """By its length: nothing of it is waited for."""

    def begins(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 X\r\ncontent-length: 1000\r\n\r\n")
        connection.recv(1)  # until the client has gone

    with serving(begins) as server:
        keeper, _, _ = _keeper_of(server.url, tmp_path)
        keeper._max_bytes = 999
        event_loop.run(keeper.end())
    assert list(keeper.table()["status"]) == ["failed"]
    assert tells(keeper.table()["reason"][0], "999 bytes")


def test_two_who_keep_the_same_file_fetch_it_once(tmp_path: Path) -> None:
    """A batch that still keeps its files in the background, and a call that asks for them."""
    asked, told = threading.Event(), threading.Event()

    def waits(connection: socket.socket) -> None:
        asked.set()
        told.wait(10)
        connection.sendall(b"HTTP/1.1 200 X\r\ncontent-length: %d\r\n\r\n" % len(PNG) + PNG)

    with serving(waits, says(200, PNG)) as server:
        first, _, _ = _keeper_of(server.url, tmp_path)
        second, _, _ = _keeper_of(server.url, tmp_path)
        background = event_loop.background().submit(first.end())
        assert asked.wait(10)
        other = threading.Thread(target=lambda: event_loop.run(second.end()))
        other.start()

        async def second_waits() -> None:
            (being_fetched,) = _being_fetched.values()
            while not being_fetched._done_callbacks:  # noqa: ASYNC110 - a future tells nobody that it is waited for
                await asyncio.sleep(0)

        event_loop.run(asyncio.wait_for(second_waits(), 10))
        told.set()
        other.join(10)
        assert background.finished.wait(10)
        assert (len(server.requests), first.failures, second.failures) == (1, 0, 0)
    assert list(second.table()["status"]) == list(first.table()["status"]) == ["saved"]


def test_two_runs_with_one_address_have_each_their_file(tmp_path: Path) -> None:
    """What is shown of a run is what was kept of it; where the run is not known, neither is shown."""
    red, blue = PNG + b"red", PNG + b"blue"
    with serving(says(200, red), says(200, blue)) as server:
        runs = []
        for number in range(2):
            files = [{"file_url": f"{server.url}/latest.png", "file_name": "x.png"}]
            run = fh.Run(
                status="completed", request_id=f"r{number}", origin=server.url.split("/")[2], output={"assets": files}
            )
            job = Job(position=0, row=0, deployment="d", variant="v", repeat=1, inputs={}, metadata={})
            keeper = AssetKeeper(tmp_path, lambda job=job, run=run: iter([(job, run)]))
            event_loop.run(keeper.end())
            runs.append(run)
    shown = [[base64.b64encode(content).decode() in run._repr_html_() for content in (red, blue)] for run in runs]
    assert shown == [[True, False], [False, True]]
    page = str(output_view(runs[0].output, OutputOptions(whole="there")))
    assert "data:image" not in page


def _handed_over(painter: Painter, folder: Path, texts: list[str]) -> Path:
    """Return the `.fhb` of a batch whose files were kept, and are gone from here."""
    with painter.hive.client() as client:
        batch = painter.batch(texts, client, save_assets=folder / "here")
        written = batch.to_fhb(folder / "b.fhb")
    assert (written.files, written.files_left_out) == (len(texts), 0)
    shutil.rmtree(folder / "here")
    return written.path


def test_a_file_that_is_handed_over_has_its_pictures(painter: Painter, tmp_path: Path) -> None:
    """On another machine, when the addresses have ended: shown, in the report, and written to a folder."""
    path = _handed_over(painter, tmp_path, ["a", "b"])
    opened = fh.open_batch(path)
    runs = [outcome.run for _, outcome, _ in opened.entries() if outcome]
    shown = [run._repr_html_() for run in runs]
    for text, page in zip(("a", "b"), shown, strict=True):
        assert base64.b64encode(PNG + text.encode()).decode() in page
        assert "in b.fhb" in page
    fh.compare(opened).report(tmp_path / "r.html")
    assert base64.b64encode(PNG + b"a").decode() in (tmp_path / "r.html").read_text()
    assert "b.fhb" not in (OutputViews().of(runs[0].output, lambda: runs[0]) or "")
    before = opened.assets
    assert (list(before["status"]), list(before["path"]), list(before["content_type"])) == (
        ["saved"] * 2,
        [None] * 2,
        ["image/png"] * 2,
    )
    calls = painter.hive.counts.calls
    after = opened.save_assets(tmp_path / "there")
    assert [Path(name).read_bytes() for name in after["path"]] == [PNG + b"a", PNG + b"b"]
    assert (_files(tmp_path / "there"), painter.hive.counts.calls) == ([PNG + b"a", PNG + b"b"], calls)
    again = opened.to_fhb(tmp_path / "again.fhb")
    assert (again.files, again.files_left_out) == (2, 0)
    assert opened.to_fhb(tmp_path / "without.fhb", files=False).files == 0
    assert fh.merge_ratings(path).files == 1


def test_what_is_written_of_a_file_is_bounded(painter: Painter, tmp_path: Path) -> None:
    """By the bounds of the call, and what is told is not lost."""
    opened = fh.open_batch(_handed_over(painter, tmp_path, ["a", "b"]))
    one = opened.save_assets(tmp_path / "there", max_total_bytes=len(PNG) + 1)
    assert sorted(one["status"]) == ["failed", "saved"]
    assert list(opened.save_assets(max_bytes=5)["status"]).count("failed") == 1
    assert list(opened.save_assets()["status"]) == ["saved"] * 2


def test_what_is_left_out_of_a_file_is_told(painter: Painter, tmp_path: Path) -> None:
    """What is too large, and what was never kept."""
    painter.files["big"] = [painter.hive.asset("big.bin", bytes(FILE_BYTES_MAX + 1))]
    with painter.hive.client() as client:
        batch = painter.batch(["big", "a"], client)
        unkept = batch.to_fhb(tmp_path / "b.fhb")
        batch.save_assets(tmp_path / "f")
        written = batch.to_fhb(tmp_path / "b.fhb")
    assert (unkept.files, unkept.files_left_out, "save_assets" in repr(unkept)) == (0, 2, True)
    assert (written.files, written.files_left_out, "save_assets" in repr(written)) == (1, 1, False)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE files SET number = 7",
        "UPDATE files SET content = zeroblob(17000000)",
        "CREATE VIEW more AS SELECT * FROM files",
        "CREATE TRIGGER t AFTER INSERT ON files BEGIN DELETE FROM files; END",
        "ALTER TABLE files ADD COLUMN other TEXT",
    ],
)
def test_files_that_were_tampered_with_are_refused(painter: Painter, tmp_path: Path, statement: str) -> None:
    """Nothing of such a batch is used."""
    path = _handed_over(painter, tmp_path, ["a"])
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute(statement)
    with pytest.raises(fh.InputError, match=facts("b.fhb", "batch.to_fhb()")):
        fh.open_batch(path)


def test_a_hostile_file_writes_and_runs_nothing(painter: Painter, tmp_path: Path) -> None:
    """A content that is a page is no picture; a name that climbs is a name in the folder."""
    painter.files["x"] = [painter.hive.asset("x.png", b"<html><script>alert(1)</script>", "image/png")]
    painter.files["x"][0]["file_name"] = "../../evil.png"
    path = _handed_over(painter, tmp_path, ["x"])
    opened = fh.open_batch(path)
    (run,) = [outcome.run for _, outcome, _ in opened.entries() if outcome]
    page = run._repr_html_()
    assert ("data:" in page, "<script" in page.replace(str(html.STYLE), "")) == (False, False)
    (line,) = opened.save_assets(tmp_path / "deep" / "there").to_dict("records")
    assert Path(line["path"]).parent == tmp_path / "deep" / "there"
    assert line["content_type"] == "text/html"
    assert not list(tmp_path.parent.rglob("evil.png"))


def test_a_file_of_this_machine_comes_before_one_that_was_handed_over(painter: Painter, tmp_path: Path) -> None:
    """Somebody may have changed it; and what is not kept here is fetched, and not taken from there."""
    with painter.hive.client() as client:
        batch = painter.batch(["a"], client, save_assets=tmp_path / "here")
        path = batch.to_fhb(tmp_path / "b.fhb").path
        with closing(sqlite3.connect(path)) as raw, raw:
            raw.execute("UPDATE files SET content = ?", (PNG + b"other",))
        opened = fh.open_batch(path)
        (run,) = [outcome.run for _, outcome, _ in batch.entries() if outcome]
        assert base64.b64encode(PNG + b"a").decode() in run._repr_html_()
        (line,) = batch.save_assets(tmp_path / "elsewhere").to_dict("records")
    assert Path(line["path"]).read_bytes() == PNG + b"a"
    assert opened.counts.done == 1


def _shown(batch: fh.Batch) -> str:
    """Return the display of the only run of a batch."""
    (run,) = [outcome.run for _, outcome, _ in batch.entries() if outcome]
    return run._repr_html_()


def test_no_private_address_is_asked_for_a_batch_out_of_a_file(painter: Painter, tmp_path: Path) -> None:
    """Whatever service its runs claim to be of: neither when files are saved nor for a report."""
    with serving(says(200, PNG), says(200, PNG)) as server:
        painter.files["x"] = [{"file_url": f"{server.url}/secret.png", "file_name": "x.png", "file_type": "image/png"}]
        with painter.hive.client() as client:
            path = painter.batch(["x"], client).to_fhb(tmp_path / "b.fhb").path
        with closing(sqlite3.connect(path)) as raw, raw:
            raw.execute("UPDATE answers SET run = json_set(run, '$.origin', ?)", (server.url.split("/")[2],))
        opened = fh.open_batch(path)
        assert list(opened.save_assets(tmp_path / "there")["status"]) == ["failed"]
        fh.compare(opened).report(tmp_path / "r.html")
        (run,) = [outcome.run for _, outcome, _ in opened.entries() if outcome]
        with pytest.raises(fh.CallError, match="asset"):
            run.save_assets(tmp_path / "run")
        assert server.requests == []
    assert base64.b64encode(PNG).decode() not in (tmp_path / "r.html").read_text()


def test_rows_of_a_comparison_show_what_was_kept_of_their_runs(painter: Painter, tmp_path: Path) -> None:
    """In a difference, in the browser and to a rater."""
    with painter.hive.client() as client:
        batch = painter.batch(["a", "b"], client, save_assets=tmp_path / "f")
    cmp = fh.compare(batch)
    pictures = [base64.b64encode(PNG + text.encode()).decode() for text in ("a", "b")]
    finder = RowFinder(BrowserTable(cmp.data))
    for row in (0, 1):
        (card,) = table_page(finder, TableQuery(open=row), [])["open"]["cards"]
        for page in (cmp.diff(row)._repr_html_(), str(card["view"])):
            assert [picture in page for picture in pictures] == [row == 0, row == 1]
    (state,) = Page(cmp.rate(rater="anna", scale=5)).send(kind="hello")
    views = [view for item in state["items"] for view in item["views"]]
    assert sorted([picture in view for picture in pictures] for view in views) == [[False, True], [True, False]]


def test_a_file_that_cannot_be_kept_is_not_to_be_kept_first(tmp_path: Path) -> None:
    """What is left out is told with what helps: where the address has ended, nothing does."""
    painter = Painter()
    ended = "2020-01-01T00:00:00Z"
    painter.files["x"] = [{"file_url": "https://x.test/y", "file_url_expires_at": ended, "file_name": "y"}, {}]
    with painter.hive.client() as client:
        written = painter.batch(["x"], client).to_fhb(tmp_path / "b.fhb")
    assert (written.files_left_out, "save_assets" in written.note, "batch.assets" in written.note) == (2, False, True)


def test_a_file_that_is_opened_twice_has_its_pictures_in_each(painter: Painter, tmp_path: Path) -> None:
    """One that is dropped takes none of the other's away; a run that is left of it has its link."""
    path = _handed_over(painter, tmp_path, ["a"])
    first, second = fh.open_batch(path), fh.open_batch(path)
    picture = base64.b64encode(PNG + b"a").decode()
    fh.compare(first).report(tmp_path / "r.html")
    assert picture in (tmp_path / "r.html").read_text()
    (run,) = [outcome.run for _, outcome, _ in second.entries() if outcome]
    place = run.assets[0].file_url or "", run.identity
    assert KEPT_FILES.get(*place) is not None
    del second
    gc.collect()
    assert KEPT_FILES.get(*place) is None
    assert "b.fhb" not in run._repr_html_()
    assert picture in _shown(first)


def test_a_strangers_file_shows_nothing_in_ones_own_batch(painter: Painter, tmp_path: Path) -> None:
    """Its runs may have the ids and the addresses of one's own."""
    other = PNG + b"other"
    with painter.hive.client() as client:
        batch = painter.batch(["a"], client, save_assets=tmp_path / "here")
        path = batch.to_fhb(tmp_path / "b.fhb").path
        shutil.rmtree(tmp_path / "here")
        with closing(sqlite3.connect(path)) as raw, raw:
            raw.execute("UPDATE files SET content = ?", (other,))
        opened = fh.open_batch(path)
        opened.save_assets(tmp_path / "theirs")
        fh.compare(batch).report(tmp_path / "r.html")
        fh.compare(opened).report(tmp_path / "theirs.html")
    pages = [_shown(opened), _shown(batch), (tmp_path / "theirs.html").read_text(), (tmp_path / "r.html").read_text()]
    assert [base64.b64encode(other).decode() in page for page in pages] == [True, False, True, False]


# --- the folder of a batch's files, in another kernel

_ANOTHER_KERNEL = """
import json, sys
import fh_notebook as fh

fh.configure(store=sys.argv[1])
client = fh.Client(base_url=sys.argv[2], api_key="fhk_x")
found = {}
for name in ("b", "c"):
    batch = fh.open_batch(name, client=client)
    pages = [outcome.run._repr_html_() for _, outcome, _ in batch.entries() if outcome]
    fh.compare(batch).report("c.html") if name == "c" else None
    assets = batch.assets
    found[name] = [pages, assets["status"].tolist(), assets["path"].tolist(), batch.save_assets()["status"].tolist()]
print(json.dumps(found))
"""


@pytest.mark.long
def test_another_kernel_finds_the_files_of_a_batch(painter: Painter, tmp_path: Path, monkeypatch: Any) -> None:
    """In another folder, when the service is gone: shown, in the report, and nothing advises to pay again."""
    (tmp_path / "one").mkdir(), (tmp_path / "two").mkdir()
    monkeypatch.chdir(tmp_path / "one")
    fh.configure(store=tmp_path / "store.sqlite3")
    with painter.hive.serve() as server, fh.Client(base_url=server.url, api_key="fhk_x") as client:
        painter.batch(["b"], client, name="b", save_assets="elsewhere")
        painter.batch(["c"], client, name="c").save_assets("elsewhere")
    painter.batch(["b"], client, name="b", dry_run=True)
    command = [sys.executable, "-c", _ANOTHER_KERNEL, str(tmp_path / "store.sqlite3"), server.url]
    done = subprocess.run(command, cwd=tmp_path / "two", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for name, (pages, before, paths, after) in json.loads(done.stdout).items():
        picture = base64.b64encode(PNG + name.encode()).decode()
        assert [picture in page for page in pages] == [True]
        assert (before, after) == (["saved"], ["saved"])
        assert [Path(path).parent for path in paths] == [tmp_path / "one" / "elsewhere"]
    assert [path.name for path in (tmp_path / "two").iterdir()] == ["c.html"]
    assert base64.b64encode(PNG + b"c").decode() in (tmp_path / "two" / "c.html").read_text()


def test_the_folder_of_a_batch_stays_with_it(painter: Painter, tmp_path: Path, monkeypatch: Any) -> None:
    """When its cell runs again without the option, with more rows; and a resume saves the files of its calls."""
    monkeypatch.chdir(tmp_path)
    with painter.hive.client() as client:
        painter.batch(["a"], client, name="b", save_assets="elsewhere", max_calls=1)
        again = painter.batch(["a", "b", "c"], client, name="b", max_calls=1)
        assert list(again.assets["path"].dropna()) == [str(next(Path("elsewhere").iterdir()))]
        opened = fh.open_batch("b", client=client)
        opened.resume()
    assert _files(tmp_path / "elsewhere") == [PNG + b"a", PNG + b"b", PNG + b"c"]
    assert list(opened.assets["status"]) == ["saved"] * 3


def test_a_folder_is_found_where_it_is(tmp_path: Path, monkeypatch: Any) -> None:
    """The absolute one first; a relative one has gone with its project; else the place is told where it was."""
    for name in ("old", "new"):
        (tmp_path / name / "f").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "old")
    store = tmp_path / "stores" / "store.sqlite3"
    record = record_of_files(Path("f"), tmp_path / "old" / "store.sqlite3", is_option=True)
    assert folder_of(record, store) == Path("f")
    monkeypatch.chdir(tmp_path / "new")
    assert folder_of(record, store) == tmp_path / "old" / "f"
    (tmp_path / "old" / "f").rmdir()
    assert folder_of(record, store) == Path("f")
    (tmp_path / "stores" / "f").mkdir(parents=True)
    assert folder_of(record, store) == tmp_path / "stores" / "f"
    (tmp_path / "stores" / "f").rmdir(), (tmp_path / "new" / "f").rmdir()
    assert folder_of(record, store) == tmp_path / "old" / "f"
    assert folder_of({}, store) is folder_of({"folder": "f"}, store) is None


@pytest.mark.parametrize(
    ("folder", "recorded"),
    [("p/s/f", "f"), ("p/s/f/g", "f/g"), ("p/f", "../f"), ("f", None), ("x/p/s/f", None), ("p/s", ".")],
)
def test_a_folder_near_the_store_is_recorded_relative_to_it(tmp_path: Path, folder: str, recorded: str | None) -> None:
    record = record_of_files(tmp_path / folder, tmp_path / "p" / "s" / "store.sqlite3", is_option=False)
    assert record.get("from_store") == recorded
    assert "from_store" not in record_of_files(tmp_path / folder, IN_MEMORY, is_option=False)


@pytest.mark.parametrize("place", ["stores/pictures", "pictures"])
def test_a_store_that_was_copied_with_its_folder_finds_the_files(painter: Painter, tmp_path: Path, place: str) -> None:
    """From any working directory; also those of a later `resume`."""
    here, there = tmp_path / "here", tmp_path / "there"
    fh.configure(store=here / "stores" / "answers.sqlite3")
    with painter.hive.client() as client:
        painter.batch(["a", "b"], client, name="b", save_assets=here / place, max_calls=1)
        session.reset()
        shutil.copytree(here, there)
        shutil.rmtree(here)
        fh.configure(store=there / "stores" / "answers.sqlite3")
        opened = fh.open_batch("b", client=client)
        assert base64.b64encode(PNG + b"a").decode() in _shown(opened)
        opened.resume()
    assert [Path(path).parent for path in opened.assets["path"]] == [there / place] * 2
    assert not here.exists()


def test_a_folder_beside_a_file_is_found(painter: Painter, tmp_path: Path) -> None:
    """Handed over with the ``.fhb``, which says its name and no path of this machine."""
    with painter.hive.client() as client:
        batch = painter.batch(["a"], client, save_assets=tmp_path / "here" / "pictures")
    written = batch.to_fhb(tmp_path / "here" / "b.fhb", files=False)
    assert b"pictures" in written.path.read_bytes()
    assert str(tmp_path / "here").encode() not in written.path.read_bytes()
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    shutil.rmtree(tmp_path / "here")
    opened = fh.open_batch(tmp_path / "there" / "b.fhb")
    assert base64.b64encode(PNG + b"a").decode() in _shown(opened)
    (line,) = opened.assets.to_dict("records")
    assert (line["status"], Path(line["path"]).parent) == ("saved", tmp_path / "there" / "pictures")
    assert fh.open_batch(opened.to_fhb(tmp_path / "again.fhb").path).assets["status"].tolist() == ["saved"]


@pytest.mark.parametrize("folder", ["../there", "/etc", "..", "", "C:x", 1])
def test_a_strangers_file_names_no_other_folder(painter: Painter, tmp_path: Path, folder: Any) -> None:
    path = _handed_over(painter, tmp_path, ["a"])
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE batches SET plan = json_set(plan, '$.files.folder', ?)", (folder,))
    with pytest.raises(fh.InputError, match=facts("b.fhb", "batch.to_fhb()")):
        fh.open_batch(path)


def test_tables_have_the_paths_of_saved_files(painter: Painter, tmp_path: Path, monkeypatch: Any) -> None:
    """Frame, exports and the Excel report; a column of the rows with this name is told apart, none is renamed."""
    monkeypatch.chdir(tmp_path)
    two = [painter.hive.asset(f"{name}.png", PNG + name.encode(), "image/png") for name in "xy"]
    painter.files = {"b": two, "c": []}
    rows = [{"text": text, "saved_files": "mine"} for text in "abc"]
    with painter.hive.client() as client:
        batch = fh.batch(rows, "paint", variants=["v"], client=client, progress=False)
        before = batch.frame
        batch.save_assets("f")
    frame = batch.frame
    assert list(frame.columns) == [*before.columns, "saved_files"]
    assert list(frame["in.saved_files"]) == ["mine"] * 3
    expected = [assets["path"].tolist() for _, assets in batch.assets.groupby("row")]
    assert [paths.splitlines() for paths in frame["saved_files"]] == expected
    assert [len(paths) for paths in expected] == [1, 2, 1]
    batch.to_csv("b.csv"), batch.to_parquet("b.parquet"), batch.to_excel("b.xlsx")
    for read in (pd.read_csv("b.csv"), pd.read_parquet("b.parquet"), pd.read_excel("b.xlsx", engine="openpyxl")):
        assert [paths.splitlines() for paths in read["saved_files"]] == expected
    cmp = fh.compare(batch)
    cmp.report("r.xlsx"), cmp.report("r.html")
    sheet = pd.read_excel("r.xlsx", sheet_name="rows", engine="openpyxl")
    assert [paths.splitlines() for paths in sheet["v.saved_files"]] == expected
    assert expected[0][0] not in Path("r.html").read_text()
    assert "saved_files" not in {*fh.compare(frame).data.row_columns}


def test_a_markdown_report_has_the_paths_of_saved_files(painter: Painter, tmp_path: Path, monkeypatch: Any) -> None:
    """In place of their addresses: as the folder was typed, and of an absolute one no path of this machine."""
    monkeypatch.chdir(tmp_path)
    painter.hive.workflow("paint", variant="w")(
        lambda text: {"settings": {}, "assets": [painter.hive.asset("w.png", PNG, "image/png"), "a text"]}
    )
    rows = [{"text": "a"}, {"text": "b"}]
    with painter.hive.client() as client:
        batches = [
            fh.batch(rows, "paint", variants=["v", "w"], client=client, progress=False, name=name, save_assets=folder)
            for name, folder in (("one", "pics"), ("two", tmp_path / "absolute"))
        ]
    archive = fh.open_batch(batches[0].to_fhb("b.fhb").path)
    for batch, folder in zip(batches, ("pics", "absolute"), strict=True):
        fh.compare(batch).report("r.md")
        text = Path("r.md").read_text()
        names = [Path(path).name for path in batch.assets["path"]]
        assert all(f"{folder}/{name}" in text.replace("\\", "") for name in names)
        assert "file\\_url" not in text
        assert str(tmp_path) not in text
    shutil.rmtree("pics")
    fh.compare(archive).report("r.md")
    assert "a.png in b.fhb" in Path("r.md").read_text()


def test_a_part_has_no_column_that_hangs_on_saved_files(painter: Painter, tmp_path: Path) -> None:
    """All parts of a batch over partitions have the same columns, whatever is saved of the answers that they reuse."""
    with painter.hive.client() as client:
        batch = painter.batch(["a"], client, save_assets=tmp_path / "f")
    pairs = [(job, outcome) for job, outcome, _ in batch.entries()]
    lines = lines_of(pairs, read_rows([{"text": "a"}]))
    assert list(lines.columns) == [*(c.name for c in RUN_COLUMNS), "text", STATUS_CODE]
