"""Files that mean ill, and files that are made of what means ill: tables, stores, assets, packed answers."""

from __future__ import annotations

import contextlib
import csv
import gzip
import os
import sqlite3
import stat
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

import fh_notebook as fh
from fh_notebook.batching.tables.row_files import MAX_UNPACKED_BYTES
from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.errors import FetchHiveError, InputError, StoreError
from fh_notebook.store.store import Store
from tests.security.corpus import FORMULAS, NAMES, TOUCHED
from tests.security.surfaces import hostile_batch, run_of
from tests.security.watching import watching

RUN = fh.Run(status="completed", output="hi", deployment="d", variant="v", inputs={"x": 1})


# --- what we write


def _is_formula(text: str) -> bool:
    """Whether a spreadsheet would work it out: with what stands before the sign taken off, as spreadsheets do."""
    bare = text.lstrip(' \t\r\n\u00a0\ufeff\u200b\x00"“”')
    return bare[:1] in ("=", "+", "-", "@", "＝", "＋", "－", "＠") and not bare[1:].replace(".", "").isdigit()


def test_no_export_of_hostile_answers_is_worked_out(tmp_path: Path) -> None:
    """Names and values; Excel's cells are texts by their type, without links or connections; CSV's begin no formula."""
    batch = hostile_batch()
    batch.to_csv(tmp_path / "b.csv")
    batch.to_excel(tmp_path / "b.xlsx")
    fh.compare(batch, score=fh.score.exact()).report(tmp_path / "r.xlsx")
    assert [sheet.title for sheet in openpyxl.load_workbook(tmp_path / "b.xlsx")]
    with open(tmp_path / "b.csv", encoding="utf-8-sig", newline="") as file:
        cells = [cell for line in csv.reader(file) for cell in line]
    assert len(cells) > 100
    assert [cell for cell in cells if _is_formula(cell)] == []
    assert sum(formula.strip() in cell for formula in FORMULAS[:6] for cell in cells) >= 6, (
        "nothing of an answer is lost"
    )
    for name in ("b.xlsx", "r.xlsx"):
        with zipfile.ZipFile(tmp_path / name) as book:
            parts = book.namelist()
            sheets = b"".join(book.read(part) for part in parts if "worksheets/" in part)
            related = b"".join(book.read(part) for part in parts if part.endswith(".rels"))
        assert [
            part for part in parts if any(word in part for word in ("external", "connections", "vba", "hyperlink"))
        ] == []
        assert b"<f>" not in sheets
        assert b"<hyperlink" not in sheets
        assert b'TargetMode="External"' not in related
        read = openpyxl.load_workbook(tmp_path / name)
        assert [
            c.coordinate
            for sheet in read
            for line in sheet.iter_rows()
            for c in line
            if c.data_type == "f" or c.hyperlink
        ] == []


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    """A store with one answer."""
    path = tmp_path / "kept" / "answers.sqlite3"
    with Store(path).closing() as made:
        made.answers.keep(RUN, "w").result()
    return path


# --- stores


def _sql(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


PICKLE = f"cos\nsystem\n(S'touch /tmp/{TOUCHED}'\ntR.".encode().hex()
STORES: dict[str, Callable[[Path], object]] = {
    "pickles for runs": lambda p: _sql(p, f"UPDATE answers SET run = CAST(X'{PICKLE}' AS TEXT)"),
    "no JSON": lambda p: _sql(p, "UPDATE answers SET run = '{'"),
    "JSON of another kind": lambda p: _sql(p, "UPDATE answers SET run = '[1, 2]'"),
    "wrong kinds": lambda p: _sql(p, """UPDATE answers SET run = '{"status": 3, "output": {}, "inputs": [], "started_at": {}}'"""),
    "deep JSON": lambda p: _sql(p, f"UPDATE answers SET run = '{'[' * 50_000}'"),
    "a trigger": lambda p: _sql(p, "CREATE TRIGGER hostile AFTER INSERT ON answers BEGIN DELETE FROM answers; END"),
    "a trigger that needs an extension": lambda p: _sql(p, "CREATE TRIGGER hostile AFTER INSERT ON answers BEGIN SELECT load_extension('/tmp/x.so'); END"),
    "a trigger that writes a file": lambda p: _sql(p, f"CREATE TRIGGER hostile AFTER INSERT ON answers BEGIN SELECT writefile('/tmp/{TOUCHED}', 'x'); END"),
    "a view for a table": lambda p: _sql(p, "ALTER TABLE answers RENAME TO kept", "CREATE VIEW answers AS SELECT * FROM kept"),
    "a runaway view": lambda p: _sql(
        p, "DROP TABLE answers", "CREATE VIEW answers AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 100) SELECT x AS id FROM c"),
    "a negative version": lambda p: _sql(p, "PRAGMA user_version = -1"),
    "torn in the middle": lambda p: p.write_bytes(p.read_bytes()[:9000]) if p.stat().st_size > 9000 else None,
    "noise": lambda p: p.write_bytes(p.read_bytes()[:100] + os.urandom(20_000)),
    "a named pipe": lambda p: (p.unlink(), p.mkdir()),
}  # fmt: skip


@pytest.mark.parametrize("name", STORES)
def test_a_hostile_store_is_read_or_refused_in_words(store: Path, name: str, tmp_path: Path) -> None:
    """No pickle is loaded, no extension, no file elsewhere; what cannot be read is an error of ours with the path."""
    STORES[name](store)
    opened = Store(store, busy_timeout_s=1)
    with watching(inside=tmp_path) as seen:
        for use in (
            opened.answers.single_runs,
            opened.batches.every,
            lambda: opened.answers.keep(RUN, "w").result(),
            lambda: list(opened.answers.every()),
        ):
            try:
                use()
            except FetchHiveError as refused:
                assert str(refused)
        with contextlib.suppress(FetchHiveError):
            opened.close()
    assert seen == []
    assert not Path("/tmp", TOUCHED).exists()


@pytest.mark.skipif(os.name == "nt", reason="links and modes are POSIX")
def test_a_store_that_is_a_link_writes_where_it_points_and_nowhere_else(store: Path, tmp_path: Path) -> None:
    """A user may link the store; a link to somebody's other file is refused, and not a byte of it changes."""
    notes = tmp_path / "notes.txt"
    notes.write_bytes(b"somebody's notes\n" * 50)
    link = tmp_path / "link.sqlite3"
    link.symlink_to(notes)
    with pytest.raises(StoreError):
        Store(link).answers.single_runs()
    assert notes.read_bytes() == b"somebody's notes\n" * 50
    again = tmp_path / "again.sqlite3"
    again.symlink_to(store)
    with Store(again).closing() as opened:
        assert [kept.run.output for kept in opened.answers.single_runs()] == ["hi"]
    assert again.is_symlink()
    assert stat.S_IMODE(store.stat().st_mode) == 0o600


# --- packed files and answers


def _bomb(size: int) -> bytes:
    """Return gzip of so many zeros, a block at a time: the same compressed block over and over."""
    block = 4 * 1024 * 1024
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = packer.compress(b"0" * block) + packer.flush(zlib.Z_FULL_FLUSH)
    same = packer.compress(b"0" * block) + packer.flush(zlib.Z_FULL_FLUSH)
    return (
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + first + same * (size // block - 1) + packer.flush() + b"\x00" * 8
    )


def test_a_packed_table_that_grows_past_the_bound_is_refused(tmp_path: Path) -> None:
    """It looks like some hundred kilobytes; the refusal says how large it may be."""
    (tmp_path / "rows.csv.gz").write_bytes(_bomb(MAX_UNPACKED_BYTES + 8 * 1024 * 1024))
    assert (tmp_path / "rows.csv.gz").stat().st_size < MAX_UNPACKED_BYTES / 500
    with pytest.raises(InputError, match="256 MiB"):
        read_rows(tmp_path / "rows.csv.gz")


def test_a_packed_table_is_read_as_before(tmp_path: Path) -> None:
    """Also one of several members, as ``cat a.gz b.gz`` makes them."""
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(b"text\na\n") + gzip.compress(b"b\n"))
    assert [record["text"] for record in read_rows(tmp_path / "rows.csv.gz").records] == ["a", "b"]


class Server:
    """Answers every request with the same bytes, and keeps what it was asked."""

    def __init__(self, answer: Callable[[str], bytes]) -> None:
        import socket

        self._answer = answer
        self.asked: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            with line:
                line.settimeout(20)
                head = b""
                try:
                    while b"\r\n\r\n" not in head:
                        head += line.recv(65536)
                    self.asked.append(head)
                    line.sendall(self._answer(head.split(b" ")[1].decode()))
                except OSError:
                    pass

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()


def _http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize("coding", ["gzip, gzip", "gzip,gzip,gzip", "br", "zstd", "deflate, gzip"])
def test_an_answer_that_is_packed_twice_is_not_unpacked(coding: str, tmp_path: Path) -> None:
    """Neither of a call nor of an asset: it may have run, nothing is kept, and memory is not asked to hold it."""
    with Server(lambda _: _http(gzip.compress(gzip.compress(b"0" * 1000)), f"content-encoding: {coding}")) as server:
        run = fh.Client(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="fhk_x").invoke("d", variant="v")
        assert run.status == "unknown"
        assert " gzip, deflate " in (run.error or "")
        origin = f"127.0.0.1:{server.port}"
        output = {"assets": [{"file_url": f"http://{origin}/a.png"}]}
        asset = fh.Run(status="completed", output=output, origin=origin)
        with pytest.raises(fh.CallError, match="gzip, deflate"):
            asset.save_assets(tmp_path / "assets")
    assert list((tmp_path / "assets").iterdir()) == []


# --- assets


def test_assets_with_hostile_names_stay_in_their_folder(tmp_path: Path) -> None:
    """Each is a new file in the folder, whatever its name; no link is followed, and no key goes along."""
    folder = tmp_path / "assets"
    folder.mkdir()
    outside = tmp_path / "outside"
    outside.write_text("mine")
    (folder / "passwd").symlink_to(outside)
    names = [entry.value for entry in NAMES] + [
        "../../passwd",
        "..\\..\\passwd",
        "/etc/passwd",
        ".bashrc",
        "CON",
        "a/../../b",
        "",
        ".",
        "..",
    ]
    with Server(lambda _: _http(b"content", "set-cookie: a=b")) as server:
        output = {
            "assets": [
                {"file_url": f"http://127.0.0.1:{server.port}/x/..%2f..%2fy", "file_name": name} for name in names
            ]
        }
        fh.configure(api_key="fhk_neverforanasset")
        saved = replace(run_of(output), origin=f"127.0.0.1:{server.port}").save_assets(folder)
    assert len(saved) == len(names)
    assert all(path.parent == folder and path.read_bytes() == b"content" for path in saved)
    assert {path.name for path in tmp_path.iterdir()} >= {"assets", "outside"}
    assert outside.read_text() == "mine"
    assert not Path("/tmp", TOUCHED).exists()
    assert b"fhk_" not in b"".join(server.asked)
    assert b"cookie" not in b"".join(server.asked).lower()


def test_no_redirect_is_followed_with_the_key(tmp_path: Path) -> None:
    """A call's redirect is a failed run; an asset's is looked at first, and goes neither to a file nor to plain http
    elsewhere.
    """
    with Server(lambda _: _http(b"never")) as other:
        places = {
            "call": f"http://127.0.0.1:{other.port}/v1/workflow/invoke",
            "file": "file:///etc/passwd",
            "plain": "http://evil.example/x",
        }

        def answer(path: str) -> bytes:
            place = places.get(path.strip("/"), places["call"])
            return _http(b"", f"location: {place}", status="307 Temporary Redirect")

        with Server(answer) as server:
            run = fh.Client(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="fhk_redirected").invoke(
                "d", variant="v"
            )
            assert run.status in ("failed", "unknown")
            for name, scheme in (("file", "file"), ("plain", "http")):
                asset = fh.Run(
                    status="completed",
                    output={"assets": [{"file_url": f"http://127.0.0.1:{server.port}/{name}"}]},
                    origin=f"127.0.0.1:{server.port}",
                )
                with pytest.raises(fh.CallError, match=rf"\({scheme}:\)"):
                    asset.save_assets(tmp_path)
        assert other.asked == []
    assert list(tmp_path.glob("*passwd*")) == []


@pytest.mark.parametrize("name", STORES)
def test_a_hostile_handed_over_batch_is_opened_or_refused_in_words(name: str, tmp_path: Path) -> None:
    """A ``.fhb`` file is a stranger's store: the same corpus, opened as a person opens it."""
    hive = fh.local.LocalHive()

    @hive.workflow("d", variant="v")
    def shout(text: str) -> str:
        return text.upper()

    file = tmp_path / "theirs.fhb"
    fh.batch([{"text": "a"}], "d", variants=["v"], client=hive.client(), progress=False).to_fhb(file)
    assert repr(fh.open_batch(file))  # what this imports is written as bytecode where it was not yet
    try:
        STORES[name](file)
    except sqlite3.Error:
        pytest.fail(f"the corpus cannot make a .fhb with {name}")
    with watching(inside=tmp_path) as seen:
        try:
            shown = fh.open_batch(file)
            assert repr(shown)
        except FetchHiveError as refused:
            assert str(refused)
    assert seen == []
    assert not Path("/tmp", TOUCHED).exists()
