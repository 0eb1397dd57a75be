"""No key in what the tests leave behind: every file of the folders, unpacked and read as a reader of its kind would.

Rule of this file: every workspace key of the tests begins with ``fhk_``, so whatever does is a finding, in each spelling
in which it could travel; no list of keys can be out of date. Files in which a test itself writes a key are `ALLOWED`, by
name and with the reason. A finding names its place and its spelling, never the key. ``.ci/run`` asks after each tier::

    pytest --basetemp=left && python -m tests.security.left_behind left

A folder that lacks a kind of `KINDS` fails, too: who looks at nothing finds nothing.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import re
import sqlite3
import stat
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatch
from multiprocessing import get_context
from pathlib import Path
from typing import Final

ALLOWED: Final[dict[str, str]] = {
    "*.env": "a test writes a key there, as a person does",
    "history.sqlite*": "IPython keeps what was typed in a cell; these tests type a key, as no person should",
    "snippet_with_a_key.ipynb": "its cell is a pasted Code Snippet with a key",
    "answers_that_say_a_key.sqlite3*": "a workflow answers with a key, and answers are kept as they came",
    "09_connect_to_fetch_hive*.ipynb": "it shows a wrong and a right key of its own local hive",
    "fh_notebook-*.tar.gz": "the source has the tests, and they have these keys",
    "*/repository/*": "a copy of the source, of which a test makes an environment: likewise",
    "fh_notebook-*.whl": "the wheel has that notebook",
}
"""Patterns of file names (of paths, where they have a slash), and why a test itself writes a key there."""

KINDS: Final = (".sqlite3", ".fhb", ".ipynb", ".parquet", ".csv", ".jsonl", ".xlsx", ".html", ".md", ".json", ".log")
"""What a tier must have left, so that there was something to look at."""

UNPACKED: Final = 64 * 1024 * 1024
"""Bytes of a packed file that are looked at: the corpus has some that would never end."""
NESTED: Final = 4
FILES_AT_ONCE: Final = 64
"""Files that a process is given together."""

_WORD: Final = rb"[A-Za-z0-9_]{6,}"
_SPELLINGS: Final[dict[str, tuple[bytes, bytes]]] = {
    "plain": (b"fhk", rb"fhk_" + _WORD),
    "escaped": (b"fhk", rb"(?i:fhk(?:\\+_|\\+u005f|\\+x5f|%5f|&#95;|&#x5f;|&lowbar;))" + _WORD),
    "reversed": (b"_khf", _WORD + rb"_khf"),
    "UTF-16": (b"f\0h\0k\0_", rb"f\0h\0k\0_\0(?:[A-Za-z0-9_]\0){6,}"),
    "URL, each byte": (b"%66%68", rb"(?i:%66%68%6b%5f)(?:%[2-7][0-9a-fA-F]){6,}"),
    "hex": (b"66686", rb"(?i:66686b5f)(?:[3-7][0-9a-fA-F]){6,}"),
}  # fmt: skip
"""A text that is always in it, which is quick to look for, and the whole."""
_BASE64: Final = (
    (b"Zmhr", rb"ZmhrX[w-z0-9+/_-]", 0),
    (b"Zoa1", rb"[GWm2]Zoa1[89]", 1),
    (b"maGtf", rb"[BFJNRVZdhlptx159]maGtf", 2),
)
"""``fhk_`` after none, one or two bytes of a group of three, and how many letters of its group of four stand before it."""


def spellings(raw: bytes) -> list[str]:
    """Return in which spellings a key stands in some bytes."""
    found = [name for name, (sign, whole) in _SPELLINGS.items() if sign in raw and re.search(whole, raw)]
    return [*found, "base64"] if any(map(_plain_in, _decoded(raw))) else found


def _plain_in(raw: bytes) -> bool:
    return re.search(_SPELLINGS["plain"][1], raw) is not None


def _decoded(raw: bytes) -> Iterator[bytes]:
    for sign, whole, before in _BASE64:
        for match in re.finditer(whole, raw) if sign in raw else ():
            letters = b"A" * before + raw[match.start() : match.start() + 64 - before]
            letters = re.findall(rb"[A-Za-z0-9+/_-]*", letters)[0].translate(bytes.maketrans(b"-_", b"+/"))
            yield base64.b64decode(letters[: len(letters) // 4 * 4])


def contents(name: str, raw: bytes, depth: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield a file's bytes, and what is in it for who reads its kind: packed files, tables, databases."""
    yield name, raw
    if depth == NESTED:
        return
    try:
        parts = list(_parts(raw))
    except Exception as damaged:  # the tests leave torn files on purpose, and each library has its errors
        print(f"left behind: {name} is not read as its kind: {type(damaged).__name__}", file=sys.stderr)
        return
    for part, inner in parts:
        yield from contents(f"{name}: {part}" if part else name, inner, depth + 1)


def _parts(raw: bytes) -> Iterator[tuple[str, bytes]]:
    if raw[:2] == b"\x1f\x8b":
        yield "unpacked", zlib.decompressobj(31).decompress(raw, UNPACKED)
    elif raw[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(raw)) as packed:
            for part in packed.namelist():
                with packed.open(part) as inner:
                    yield part, inner.read(UNPACKED)
    elif raw[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(raw)) as packed_files:
            for member in packed_files:
                if inner_file := packed_files.extractfile(member):
                    yield member.name, inner_file.read(UNPACKED)
    elif raw[:4] == b"PAR1":
        yield "its rows", _rows(raw)


def _rows(raw: bytes) -> bytes:
    from pyarrow import parquet

    table = parquet.ParquetFile(io.BytesIO(raw))
    lines = (json.dumps(batch.to_pylist(), default=repr, ensure_ascii=False) for batch in table.iter_batches())
    return "\n".join([repr(table.schema_arrow.metadata), *lines]).encode(errors="replace")


def _database(file: Path) -> bytes:
    """Return every value of an SQLite file, those in its WAL too; a long one lies in pieces in the file's bytes."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        for end in ("", "-wal"):
            if file.with_name(file.name + end).is_file():
                Path(f"{copy}{end}").write_bytes(file.with_name(file.name + end).read_bytes())
        connection = sqlite3.connect(copy)
        try:
            connection.text_factory = bytes
            tables = [
                row[0].decode() for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            ]
            rows = (row for table in tables for row in connection.execute(f'SELECT * FROM "{table}"'))
            return b"\n".join(
                value if isinstance(value, bytes) else repr(value).encode() for row in rows for value in row
            )
        finally:
            connection.close()


def files(places: list[Path]) -> Iterator[Path]:
    """Yield each regular file once; links are not followed."""
    for place in places:
        walked = ((folder, name) for folder, _, names in os.walk(place) for name in sorted(names))
        for file in [place] if place.is_file() else (Path(folder, name) for folder, name in walked):
            if stat.S_ISREG(file.lstat().st_mode):
                yield file


def look(file: Path) -> list[str]:
    """Return where in a file a key stands, and in which spelling, a line each."""
    raw = file.read_bytes()
    parts = list(contents(str(file), raw))
    if raw[:16] == b"SQLite format 3\0":
        try:
            parts.append((f"{file}: its tables", _database(file)))
        except sqlite3.Error as damaged:
            print(f"left behind: {file} is not read as its kind: {damaged}", file=sys.stderr)
    return [f"{name}: {spelling}" for name, part in parts for spelling in spellings(part)]


def _look_at_all(to_read: list[Path]) -> Iterator[list[str]]:
    """Yield what `look` finds in each file, in their order; many files are read by all processors."""
    if len(to_read) <= FILES_AT_ONCE:
        yield from map(look, to_read)
        return
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        yield from pool.map(look, to_read, chunksize=FILES_AT_ONCE)


def main(arguments: list[str] | None = None) -> int:
    """Look at each place; return 1 where a key was found, or where there was too little to look at."""
    reader = argparse.ArgumentParser(description="Look for workspace keys in what the tests left behind.")
    reader.add_argument("places", nargs="+", type=Path, help="folders and files")
    reader.add_argument("--kinds", nargs="*", default=KINDS, help="endings of which at least one file must be there")
    asked = reader.parse_args(arguments)
    found: list[str] = []
    allowed: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    size = 0
    to_read = list(files(asked.places))
    for file, lines in zip(to_read, _look_at_all(to_read), strict=True):
        kinds[file.suffix] += 1
        size += file.stat().st_size
        pattern = next((p for p in ALLOWED if fnmatch(str(file) if "/" in p else file.name, p)), None)
        if lines and pattern:
            allowed[pattern] += 1
        else:
            found += lines
    lacking = [kind for kind in asked.kinds if not kinds[kind]]
    print(
        f"left behind: {kinds.total():,} files, {size / 1e6:,.0f} MB; {len(found)} places with a key",
        *found,
        sep="\n  ",
    )
    print("allowed:", "; ".join(f"{count} of {p} ({ALLOWED[p]})" for p, count in allowed.items()) or "none was needed")
    if lacking:
        print("left behind: there was nothing to look at of the kinds", *lacking)
    return 1 if found or lacking else 0


if __name__ == "__main__":
    sys.exit(main())
