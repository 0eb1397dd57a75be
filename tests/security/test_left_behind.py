"""The look for keys after each tier finds what is planted, in every spelling and every kind of file."""

from __future__ import annotations

import base64
import gzip
import io
import json
import shutil
import sqlite3
import tarfile
import urllib.parse
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.session import session
from tests.security import left_behind
from tests.security.corpus import KEY

SPELT: dict[str, Callable[[str], bytes]] = {
    "plain": lambda key: f"Bearer {key}".encode(),
    "JSON in JSON": lambda key: json.dumps(json.dumps({"key": key})).encode(),
    "Markdown": lambda key: key.replace("_", "\\_").encode(),
    "an address": lambda key: f"https://x/?k={urllib.parse.quote(key, safe='').replace('_', '%5F')}".encode(),
    "every byte of an address": lambda key: "".join(f"%{byte:02X}" for byte in key.encode()).encode(),
    "HTML": lambda key: key.replace("_", "&#95;").encode(),
    "JSON, escaped": lambda key: key.replace("_", "\\u005f").encode(),
    "UTF-16": lambda key: key.encode("utf-16-be"),
    "hex": lambda key: key.encode().hex().upper().encode(),
    "reversed": lambda key: key[::-1].encode(),
    "base64": lambda key: base64.b64encode(key.encode()),
    "base64 of a login": lambda key: base64.b64encode(f"u:{key}".encode()),
    "base64 in an address": lambda key: base64.urlsafe_b64encode(f"?{key}".encode()),
}  # fmt: skip


@pytest.fixture
def planted(tmp_path: Path) -> Iterator[Path]:
    """A folder for what has a key in it; it is gone when the tier is looked through."""
    folder = tmp_path / "planted"
    folder.mkdir()
    yield folder
    session.reset()
    shutil.rmtree(folder)


@pytest.mark.parametrize("spelling", SPELT)
def test_a_key_is_found_in_each_spelling(spelling: str, planted: Path) -> None:
    """Also when it is one of a workspace that no test has named; and its place is told without it."""
    for key in (KEY, "fhk_AnotherOne99"):
        (planted / "log.txt").write_bytes(b"before " + SPELT[spelling](key) + b" after")
        [line] = left_behind.look(planted / "log.txt")
        assert line.startswith(f"{planted / 'log.txt'}: ")
        assert key not in line


@pytest.mark.parametrize(
    "harmless", ["fhk_", "fhk_...", "YOUR_API_KEY", "fhk_ + 'key'", "Zmhr and Zoa1 and maGtf", "_khf"]
)
def test_what_is_no_key_is_not_found(harmless: str, planted: Path) -> None:
    """The beginning alone, and what people write for a key that they do not show."""
    (planted / "log.txt").write_text(f"{harmless} ")
    assert left_behind.look(planted / "log.txt") == []


def _zip(raw: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("inner", raw)
    return file.getvalue()


def _tar(raw: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as packed:
        member = tarfile.TarInfo("inner")
        member.size = len(raw)
        packed.addfile(member, io.BytesIO(raw))
    return file.getvalue()


@pytest.mark.parametrize("packed", [gzip.compress, _zip, _tar, lambda raw: gzip.compress(_zip(raw))])
def test_what_is_packed_is_unpacked(packed: Callable[[bytes], bytes], planted: Path) -> None:
    """An archive, an Excel file, one in the other."""
    (planted / "b.bin").write_bytes(packed(b"x" * 500 + KEY.encode()))
    assert KEY.encode() not in (planted / "b.bin").read_bytes()
    assert left_behind.look(planted / "b.bin")


def test_what_a_batch_wrote_is_read_as_its_kind(planted: Path) -> None:
    """A key in a row is found in every file that a batch makes, and in the store while its answer
    is in the WAL alone.
    """
    fh.configure(store=planted / "store.sqlite3")
    hive = fh.local.LocalHive()
    hive.workflow("echo", variant="plain")(lambda text: text)
    long = f"{'a long answer ' * 2_000}{KEY}{' goes on' * 2_000}"  # over several pages of a database
    batch = fh.batch([{"text": long}], "echo", variants=["plain"], client=hive.client(), progress=False)
    batch.to_parquet(planted / "b.parquet")
    batch.to_csv(planted / "b.csv.gz")
    batch.to_excel(planted / "b.xlsx")
    batch.to_fhb(planted / "b.fhb")
    pd.DataFrame({KEY: [1]}).to_parquet(planted / "named.parquet")
    found = {
        str(Path(line.partition(": ")[0]).name)
        for file in left_behind.files([planted])
        for line in left_behind.look(file)
    }
    assert found >= {"b.parquet", "b.csv.gz", "b.xlsx", "b.fhb", "named.parquet"}
    assert {name for name in found if name.startswith("store.sqlite3")}


def test_what_is_only_in_a_wal_is_found(planted: Path) -> None:
    """A process that was killed leaves it."""
    opened = sqlite3.connect(planted / "kept.sqlite3")
    opened.execute("PRAGMA journal_mode = wal")
    opened.execute("CREATE TABLE t (x)")
    opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    opened.execute("INSERT INTO t VALUES (?)", [KEY])
    opened.commit()
    try:
        assert KEY.encode() not in (planted / "kept.sqlite3").read_bytes()
        assert [line.rpartition(": ")[0] for line in left_behind.look(planted / "kept.sqlite3")] == [
            f"{planted / 'kept.sqlite3'}: its tables"
        ]
        assert left_behind.look(planted / "kept.sqlite3-wal")
    finally:
        opened.close()


def test_a_torn_file_is_looked_at_as_it_lies(planted: Path) -> None:
    """Half an archive, a database of noise: what is plain in it is found, and nothing raises."""
    (planted / "half.zip").write_bytes(b"PK\x03\x04" + KEY.encode())
    (planted / "noise.sqlite3").write_bytes(b"SQLite format 3\0" + KEY.encode() * 50)
    assert all(left_behind.look(file) for file in left_behind.files([planted]))


def test_it_fails_by_its_exit_code(planted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A key fails, a file in which a test writes one does not, and too little to look at fails, too."""
    (planted / "deep" / "er").mkdir(parents=True)
    (planted / "deep" / "er" / ".env").write_text(f"FETCH_HIVE_API_KEY={KEY}\n")
    (planted / "a.log").write_text("nothing\n")
    assert left_behind.main([str(planted), "--kinds", ".log"]) == 0
    assert "1 of *.env" in capsys.readouterr().out
    assert left_behind.main([str(planted), "--kinds", ".log", ".ipynb"]) == 1
    assert "nothing to look at of the kinds .ipynb" in capsys.readouterr().out
    (planted / "a.log").write_text(f"sent {KEY}\n")
    assert left_behind.main([str(planted), "--kinds", ".log"]) == 1
    told = capsys.readouterr().out
    assert f"{planted / 'a.log'}: plain" in told
    assert KEY not in told


def test_every_key_of_the_tests_is_one_that_it_would_find() -> None:
    """Whatever a test gives as a key begins as keys begin; only what must be refused as a key does not."""
    import re

    here = Path(left_behind.__file__).parents[1]
    given = [
        (file.name, key)
        for file in sorted(here.rglob("*.py"))
        for key in re.findall(r"""(?:LocalHive|Client)\([^)\n]*api_key=f?["']([^"']+)""", file.read_text("utf-8"))
    ]
    assert len(given) > 15
    assert [(name, key) for name, key in given if not key.startswith("fhk_")] == []
