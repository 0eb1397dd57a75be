"""Archive (.fhb): one batch with its answers in a file of its own, and the checks of such a file from elsewhere.

Rules of this file:

1. What does not fit raises ``ValueError`` or ``TypeError``; whoever opened the file says it in words.
2. The file is a store with one batch in it: its jobs, rows, answers, scores and ratings, as they may be shown (a
   password's value is in no store, so in no such file), and nothing else. What is read is a stranger's: it is opened
   to be read only, must have our tables and no other thing (no view, no trigger but our own, so nothing of it can
   run), is looked at within bounds of size and time, every value by its type and every JSON text by parsing it, and
   only then copied, value by value, into a store in memory.
"""

from __future__ import annotations

import json
import math
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

from fh_notebook.contract.run import Run
from fh_notebook.errors import InputError
from fh_notebook.store.codec import explained
from fh_notebook.store.database import APPLICATION_ID, MIGRATIONS, make_single, migrate, open_connection
from fh_notebook.store.store import Store
from fh_notebook.store.tables import answers, batches, ratings, scores
from fh_notebook.store.tables.answers import AnswerRow, StoredAnswer, row_of_run
from fh_notebook.store.tables.batches import BatchRecord, JobRow, StoredRow
from fh_notebook.store.tables.ratings import RatingRow
from fh_notebook.store.tables.scores import ScoreRow
from fh_notebook.store.writer import IN_MEMORY

__all__ = [
    "BYTES_MAX",
    "ArchiveContents",
    "check_answer",
    "check_record",
    "check_score",
    "parsed",
    "read_batch",
    "read_ratings",
    "write_batch",
]


def check_record(record: BatchRecord) -> None:
    """Raise unless a record is of a batch that can be planned."""
    plan, arms = record.plan, record.plan.get("arms")
    parsed(json.dumps(dict(plan)), dict)
    if not isinstance(arms, list) or not arms or len(arms) > 10_000:
        raise ValueError("no arms")
    for arm in arms:
        if not isinstance(arm, list) or len(arm) != 3 or not all(isinstance(name, str) for name in arm):
            raise ValueError("an arm is a label, a deployment and a variant")
    for name in ("rows", "repeats"):
        value = plan.get(name)
        if value is not None and (type(value) is not int or not 0 <= value < 2**31):
            raise ValueError(f"{name} is no number")
    if plan.get("reuse", "batch") not in ("batch", "store", None):
        raise ValueError("answers are taken of nothing that is known")
    for name in plan.get("columns") or ():
        if not isinstance(name, str):
            raise TypeError("a column is named by a text")
    for name in plan.get("index") or ():
        if not isinstance(name, str | int | float | None):
            raise TypeError("a level of an index is named by a text or a number")


def check_answer(answer: StoredAnswer, record: BatchRecord) -> None:
    """Raise unless an answer is a run of the batch, and can be read."""
    told = parsed(answer.json, dict)
    try:
        run = Run.from_dict(told)
    except InputError as exc:  # which names a field, and not the file
        raise ValueError("a run of something else") from exc
    for value in (run.deployment, run.variant, run.error, run.error_code, run.request_id):
        if value is not None and not isinstance(value, str):
            raise TypeError("a run of something else")
    if answer.batch != record.id or run.status != answer.status or not isinstance(run.status, str):
        raise ValueError("an answer of another batch")
    if not math.isfinite(run.elapsed_s):
        raise ValueError("a run without end")
    # What everything later reads of it, read once here.
    _ = (run.text, run.summary(), run.may_have_run, run.attempts + 0, run.to_dict())


def check_score(line: scores.ScoreRow) -> None:
    """Raise unless a line is a score."""
    if line.score is not None and math.isinf(line.score):
        raise ValueError("a score without end")
    if line.parts is not None:
        parsed(line.parts, object)


def parsed(text: str, kind: type) -> Any:
    """Return the JSON value of a text, which must be of a kind."""
    value = json.loads(text)
    if not isinstance(value, kind):
        raise TypeError(f"no {kind.__name__}")
    if "\\ud" in text.lower():  # half a character, which no table takes, is a `ValueError` here
        json.dumps(value, ensure_ascii=False).encode()
    return value


BYTES_MAX: Final = 1 << 30
"""Of a file: it is held in memory."""

VALUE_MAX: Final = 64 << 20
"""Bytes of one value: more than any answer that the client reads."""

LOOK_S: Final = 60.0
"""How long one statement may take on a stranger's file."""

WINDOW: Final = 500

FIRST_WITH_RATINGS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveContents:
    """What was handed over."""

    record: BatchRecord
    answers: int
    ratings: int


# --- writing


def write_batch(
    store: Store, path: Path, record: BatchRecord, lines: Iterable[int], said: Iterable[RatingRow]
) -> ArchiveContents:
    """Write one batch of a store to a new file.

    Parameters
    ----------
    store : Store
        Where the batch is kept.
    path : Path
        The file, which is not there yet.
    record : BatchRecord
        The batch.
    lines : iterable of int
        The answers that stand for its jobs, of whatever batch they are.
    said : iterable of RatingRow
        What people said of its outputs.

    Raises
    ------
    StoreError
        It cannot be written.
    """
    with Store(path).closing() as made:
        own = made.batches.keep(replace(record, id=0, plan={**record.plan, "reuse": "batch"})).result()
        for window in store.jobs.windows(record.id):
            its_rows = list(store.rows.at(record.id, {job.position for job in window}).values())
            made.database.put(partial(_put_plan, batch=own, window=window, found=its_rows)).result()
        wanted, count = iter(lines), 0
        while part := list(islice(wanted, WINDOW)):
            found = store.answers.by_ids(part)
            lines_of_scores = store.scores.lines_of(part)
            _put_answers(made, record, own, [found[number] for number in sorted(found)], lines_of_scores)
            count += len(found)
        told = list(said)
        made.ratings.merge(told).result()
    with explained(path):
        make_single(path)
    return ArchiveContents(record=record, answers=count, ratings=len(told))


def _put_plan(connection: sqlite3.Connection, batch: int, window: Sequence[JobRow], found: Sequence[StoredRow]) -> None:
    batches.write_rows(connection, batch, found)
    batches.write_jobs(connection, batch, window)


def _put_answers(
    made: Store, record: BatchRecord, own: int, found: Sequence[StoredAnswer], kept: Sequence[tuple[int, str, ScoreRow]]
) -> None:
    """Write answers as the batch's own, and their scores under their new numbers."""
    lines = [_line(answer, record, own) for answer in found]
    by_answer: dict[int, list[tuple[str, ScoreRow]]] = {}
    for number, scorer, line in kept:
        by_answer.setdefault(number, []).append((scorer, line))

    def write(connection: sqlite3.Connection) -> None:
        numbers = answers.append_all(connection, lines)
        for answer, number in zip(found, numbers, strict=True):
            for scorer, line in by_answer.get(answer.id, ()):
                own_line = ScoreRow(number, line.of, line.score, line.parts)
                scores.write_scores(connection, scorer, [own_line], now=answer.kept_at.timestamp())

    made.database.put(write).result()


def _line(answer: StoredAnswer, record: BatchRecord, own: int) -> AnswerRow:
    run = answer.run
    return replace(
        row_of_run(run, key=answer.key, workspace=record.workspace, batch=own, kept_at=answer.kept_at),
        run=answer.json,
    )


# --- reading


def read_batch(path: Path, *, now: Callable[[], float] = time.monotonic) -> tuple[Store, ArchiveContents]:
    """Return a store in memory with what is in a stranger's file, and what that is.

    Raises
    ------
    InputError
        It is no such file, is too large, or holds what no such file holds; with the reason.
    """
    with _opened(path, now) as there:
        found = [*batches.every(there)]
        if len(found) != 1:
            raise _not_one(path, f"it holds {len(found)} batches, and such a file holds one")
        (record,) = found
        check_record(record)
        store = Store.in_memory()
        try:
            mine = replace(record, id=store.batches.keep(replace(record, id=0)).result())
            count = _copy(there, store, record, mine.id)
            said = list(_ratings_in(there))
            store.ratings.merge(said).result()
        except BaseException:
            store.close()
            raise
        return store, ArchiveContents(record=mine, answers=count, ratings=len(said))


def read_ratings(path: Path, *, now: Callable[[], float] = time.monotonic) -> list[RatingRow]:
    """Return the ratings in somebody's file: a handed over batch, or a copy of a whole store.

    Raises
    ------
    InputError
        It is no such file.
    """
    with _opened(path, now) as there:
        return list(_ratings_in(there))


@contextmanager
def _opened(path: Path, now: Callable[[], float]) -> Iterator[sqlite3.Connection]:
    """Open a file of a stranger to be read; whatever goes wrong in it is one clear line."""
    trouble = ""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise _not_one(path, f"it is larger than {BYTES_MAX >> 20:,} MB")
        with path.open("rb") as file:
            if file.read(16) != b"SQLite format 3\x00":
                raise _not_one(path, "it is something else")
        is_over = _deadline(now)
        with closing(_connected(path, is_over)) as there, closing(_migrated(there, path, is_over)) as today:
            yield today
        return
    except InputError as exc:
        trouble = str(exc)
    except OSError as exc:
        trouble = f"{path} cannot be read: {exc.strerror or exc}"
    except sqlite3.OperationalError as exc:
        slow = exc.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT
        trouble = str(_not_one(path, f"looking at it takes longer than {LOOK_S:.0f} s" if slow else str(exc)))
    except (sqlite3.Error, ValueError, TypeError, KeyError, RecursionError, OverflowError) as exc:
        trouble = str(_not_one(path, f"what is in it cannot be read ({type(exc).__name__})"))
    raise InputError(trouble)


def _migrated(there: sqlite3.Connection, path: Path, is_over: Callable[[], int]) -> sqlite3.Connection:
    """Return a copy in memory of a file whose tables were checked, brought to the present version."""
    _check_tables(there, path)
    today = sqlite3.connect(":memory:", isolation_level=None)
    try:
        there.backup(today)
        migrate(today, path)
        _bound(today, is_over)
    except BaseException:
        today.close()
        raise
    return today


def _connected(path: Path, is_over: Callable[[], int]) -> sqlite3.Connection:
    # immutable: no log and no lock of a stranger's is looked at, and nothing is made beside the file.
    there = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
    _bound(there, is_over)
    return there


def _deadline(now: Callable[[], float]) -> Callable[[], int]:
    """Return what says whether looking at a file has taken too long."""
    until = now() + LOOK_S
    return lambda: int(now() > until)


def _bound(there: sqlite3.Connection, is_over: Callable[[], int]) -> None:
    """Bound what a statement on a stranger's values may take, and let none of them write."""
    there.set_progress_handler(is_over, 50_000)
    there.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_MAX)
    there.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "query_only=ON", "mmap_size=0"):
        there.execute(f"PRAGMA {pragma}")


def _check_tables(there: sqlite3.Connection, path: Path) -> None:
    """Raise unless the file has our tables, indices and triggers, each as we make it, and nothing else."""
    owner = int(there.execute("PRAGMA application_id").fetchone()[0])
    version = int(there.execute("PRAGMA user_version").fetchone()[0])
    if owner != APPLICATION_ID:
        raise _not_one(path, "it is the SQLite file of another program")
    if version > len(MIGRATIONS):
        raise InputError(
            f"{path.name} was written by a newer fh_notebook (its version is {version}, this one reads up to "
            f"{len(MIGRATIONS)}); upgrade with pip install -U fh-notebook"
        )
    if version < FIRST_WITH_RATINGS:
        raise _not_one(path, "it was written before there were ratings")
    with closing(open_connection(IN_MEMORY, migrations=MIGRATIONS[:version])) as ours:
        if _schema_of(there) != _schema_of(ours):
            raise _not_one(path, "its tables are not those of such a file")
    if (found := there.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise _not_one(path, f"it is damaged ({' '.join(str(found).split())[:100]})")


def _schema_of(connection: sqlite3.Connection) -> set[tuple[str, str, str]]:
    found = connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_schema LIMIT 200")
    return {(kind, name, sql) for kind, name, sql in found if name != "sqlite_stat1"}


def _not_one(path: Path, why: str) -> InputError:
    return InputError(f"{path.name} is no batch that batch.to_fhb() wrote: {why}; nothing of it was used")


# --- what is in it, value by value


def _copy(there: sqlite3.Connection, store: Store, record: BatchRecord, own: int) -> int:
    after = (-1, 0, 0)
    arms = len(record.plan["arms"])
    while window := list(batches.jobs_of_batch(there, record.id, after=after, limit=WINDOW)):
        for job in window:
            if not 0 <= job.arm < arms or job.position < 0:
                raise ValueError("a job of no arm")
            parsed(job.inputs, dict), parsed(job.metadata, dict), parsed(job.problems, list)
        found = list(batches.rows_at(there, record.id, {job.position for job in window}))
        for row in found:
            parsed(row.record, dict), parsed(row.label, object)
        store.database.put(partial(_put_plan, batch=own, window=window, found=found)).result()
        after = (window[-1].position, window[-1].repeat, window[-1].arm)
    number = count = 0
    while part := list(answers.behind(there, number, WINDOW)):
        for answer in part:
            check_answer(answer, record)
        kept = list(scores.lines_of(there, [answer.id for answer in part]))
        for _, _, score in kept:
            check_score(score)
        _put_answers(store, record, own, part, kept)
        number, count = part[-1].id, count + len(part)
    return count


def _ratings_in(there: sqlite3.Connection) -> Iterator[RatingRow]:
    for line in ratings.of_batch(there, None, None):
        texts = (line.uid, line.rater, line.kind, line.item, line.a, line.b or "", line.shown, line.choice)
        if any(len(text) > 10_000 for text in texts) or not all(map(math.isfinite, (line.seconds, line.rated_at))):
            raise ValueError("a rating that nobody gave")
        parsed(line.row, object)
        yield line
