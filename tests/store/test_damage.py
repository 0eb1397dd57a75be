"""A store whose file was damaged: whatever is asked of it, the answer is right or a `StoreError`
that says what to do.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

import fh_notebook as fh
from fh_notebook.errors import StoreError
from fh_notebook.session import session
from fh_notebook.store.tables.pending import PendingRow
from tests.batching.hives import Shouting
from tests.told import tells

ROWS: Final = [{"text": f"t{i}", "expected_output": f"T{i}"} for i in range(8)]
CLIENT: Final = Shouting(name="damage").hive.client()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a batch, failures, single runs, scores, ratings and a run that is waited for, as one file."""
    path = tmp_path_factory.mktemp("whole") / "whole.sqlite3"
    fh.configure(store=path)
    batch = fh.batch(
        [*ROWS, {"text": "bad", "expected_output": ""}], "shout", variants=["loud", "soft"], client=CLIENT,
        progress=False, name="b",
    )  # fmt: skip
    fh.compare(batch, score=fh.score.exact()).summary()
    for text in ("a", "b"):
        CLIENT.invoke("shout", variant="loud", inputs={"text": text})
    store = session.store()
    assert store is not None
    from fh_notebook.core.values import utc_now
    from fh_notebook.store.tables.ratings import RatingRow

    line = PendingRow(
        id="p1", workspace=CLIENT.workspace, key="k", deployment="shout", variant="loud", inputs={"text": "c"},
        submitted_at=utc_now(), request_id="req_1", callback_url="http://127.0.0.1:9/",
    )  # fmt: skip
    store.pending.add([line]).result()
    store.ratings.keep(
        [RatingRow("u1", "anna", "pair", "i", "b", CLIENT.workspace, "0", "loud", "soft", "ab", "a", 1.0, 1.7e9)]
    ).result()
    session.reset()
    with closing(sqlite3.connect(path)) as alone:
        alone.execute("PRAGMA journal_mode=DELETE")
    return path


def _open(tmp_path: Path) -> fh.Batch:
    return fh.open_batch("b", client=CLIENT)


READS: Final[dict[str, Callable[[Path], Any]]] = {
    "history": lambda out: fh.history().to_dict("records"),
    "open": lambda out: repr(_open(out).counts),
    "frame": lambda out: _open(out).frame.to_dict("records"),
    "inputs": lambda out: _open(out).failures.to_dict("records"),
    "repr": lambda out: repr(_open(out)) + _open(out)._repr_html_(),
    "compare": lambda out: fh.compare(_open(out), score=fh.score.exact()).summary().to_dict(),
    "ratings": lambda out: fh.compare(_open(out)).ratings().frame.to_dict("records"),
    "csv": lambda out: _open(out).to_csv(out / "a.csv"),
    "fhb": lambda out: _open(out).to_fhb(out / "a.fhb"),
    "lines": lambda out: fh.store.export(out / "a.jsonl"),
    "copy": lambda out: fh.store.export(out / "a.sqlite3"),
    "pending": lambda out: [repr(run) for run in fh.pending()],
    "from_history": lambda out: fh.Deployment.from_history("shout"),
    "again": lambda out: fh.batch(ROWS, "shout", variants=["loud"], client=CLIENT, progress=False, name="b").counts,
    "resume": lambda out: _open(out).resume().counts,
    "forget": lambda out: fh.forget("b"),
}
"""What reads a store, by its public function."""


def _ask(path: Path, out: Path) -> Iterator[tuple[str, str]]:
    """Ask everything of a store, each of a copy of its own; yield what was told where it is damaged."""
    for name, read in READS.items():
        here = out / name
        here.mkdir()
        copy = here / "copy.sqlite3"
        shutil.copyfile(path, copy)
        fh.configure(store=copy, base_url="local")
        try:
            read(here)
        except StoreError as damage:
            assert str(copy) in str(damage)
            assert "fh.configure(store=" in str(damage)
            yield name, str(damage)
        except fh.InputError as missing:  # the name of the batch is another one, or its answers are not there
            assert "\n" not in str(missing), (name, missing)
            assert any(tells(missing, word) for word in ("b", "shout", "copy.sqlite3")), (name, missing)
            yield name, str(missing)
        except fh.SettingsError as elsewhere:
            assert "\n" not in str(elsewhere), (name, elsewhere)
            yield name, str(elsewhere)
        finally:
            session.reset()


VALUES: Final[list[tuple[str, str, Any]]] = [
    *[("answers", "kept_at", value) for value in (1e300, -1e300, 1e11, -1.0, float("inf"))],
    *[("answers", "run", value) for value in ("", "{", "no JSON", "[]", "null", "3", "{}", '{"status": 3}')],
    ("answers", "run", "[" * 100_000),
    ("answers", "run", '{"status": "completed", "elapsed_s": "long", "inputs": {}}'),
    ("answers", "run", '{"status": "completed", "started_at": "yesterday"}'),
    ("answers", "run", '{"status": "completed", "inputs": [1], "attempts": null}'),
    ("answers", "status", "?"),
    ("answers", "key", ""),
    *[
        ("batches", "plan", value)
        for value in ("", "{", "[]", "null", '{"arms": 3}', '{"arms": [["a"]]}', '{"arms": []}')
    ],
    ("batches", "plan", '{"arms": [["loud", "shout", "loud"]], "rows": "many", "repeats": -1}'),
    ("batches", "plan", '{"arms": [["loud", "shout", "loud"]], "columns": {"a": 1}, "index": 3, "reuse": "?"}'),
    ("batches", "variants", "loud"),
    ("batches", "variants", "3"),
    ("batches", "created_at", 1e300),
    *[("jobs", column, value) for column in ("inputs", "metadata", "problems") for value in ("", "{", "3", '"x"')],
    ("jobs", "key", "another"),
    ("rows", "label", "{"),
    ("rows", "record", "[1]"),
    ("rows", "record", "no JSON"),
    ("scores", "parts", "{"),
    ("pending", "inputs", "["),
    ("pending", "metadata", "3"),
    ("pending", "submitted_at", 1e300),
    ("ratings", "rated_at", 1e300),
    ("ratings", "row", "{"),
]


@pytest.mark.long
@pytest.mark.parametrize(("table", "column", "value"), VALUES, ids=lambda value: str(value)[:40])
def test_a_damaged_value_is_an_error_of_the_store_or_changes_nothing(
    whole: Path, tmp_path: Path, table: str, column: str, value: Any
) -> None:
    """Of every reading function: never an error of Python's own, whatever stands in the place of a value."""
    path = tmp_path / "damaged.sqlite3"
    shutil.copyfile(whole, path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(f"UPDATE {table} SET {column} = ?", (value,)).rowcount > 0
        connection.commit()
    told = dict(_ask(path, tmp_path))
    if column in ("kept_at", "submitted_at", "rated_at", "created_at", "run", "plan") and value not in (
        '{"arms": []}',
    ):
        assert told


@pytest.mark.long
def test_a_value_of_another_kind_is_an_error_of_the_store(whole: Path, tmp_path: Path) -> None:
    """A table that is STRICT when it is written is not when a page of it is overwritten."""
    for number, (table, column, value) in enumerate(
        (t, c, v)
        for t, c in (
            ("answers", "run"),
            ("answers", "kept_at"),
            ("jobs", "inputs"),
            ("rows", "record"),
            ("batches", "plan"),
        )
        for v in (b"\xff\xfe", 5, None)
    ):
        out = tmp_path / str(number)
        out.mkdir()
        path = out / "damaged.sqlite3"
        shutil.copyfile(whole, path)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA writable_schema=ON")
            connection.execute(
                "UPDATE sqlite_schema SET sql = replace(replace(sql, 'STRICT', ''), ' NOT NULL', '') WHERE name = ?",
                (table,),
            )
            connection.commit()
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"UPDATE {table} SET {column} = ?", (value,))
            connection.commit()
        assert dict(_ask(path, out))


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 12))])
def test_pages_that_were_overwritten_are_an_error_of_the_store_or_change_nothing(
    whole: Path, tmp_path: Path, seed: int
) -> None:
    """Bytes flipped, runs of bytes and whole pages overwritten, at places of a seed."""
    rng = random.Random(seed)
    data = bytearray(whole.read_bytes())
    for _ in range(rng.choice((1, 3, 30, 300))):
        at = rng.randrange(100, len(data))
        length = rng.choice((1, 1, 1, 8, 64, 4096))
        for place in range(at, min(len(data), at + length)):
            data[place] = rng.randrange(256)
    path = tmp_path / "damaged.sqlite3"
    path.write_bytes(data)
    for _ in _ask(path, tmp_path):
        pass
