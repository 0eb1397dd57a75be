"""Archive (.fhb): one batch with its answers in a file of its own, and the checks of a file from another source.

Rules of this file:

1. A check raises ``ValueError`` or ``TypeError``; the function that opened the file writes the message.
2. The file is a store with one batch and nothing else: its jobs, rows, answers, scores and ratings, the corrections of
   its inputs, and, in a table that no other store has, the files that its runs made. A password's value is in no
   store, so in no archive.
3. A file that is read comes from a stranger: it is opened read-only, must have exactly the tables, indices and triggers
   of a store (so that none of its code can run), and is read within limits of size and time. Every value is checked by
   its type, every JSON text is parsed, and only then are they copied, value by value, into a store in memory.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final
from uuid import uuid4
from weakref import ref

from fh_notebook.contract.run import Run
from fh_notebook.errors import InputError
from fh_notebook.store.codec import decode_json, encode_json, store_errors
from fh_notebook.store.database import APPLICATION_ID, MIGRATIONS, Database, make_single, migrate, open_connection
from fh_notebook.store.store import Store
from fh_notebook.store.tables import answers, batches, corrections, ratings, scores
from fh_notebook.store.tables.answers import AnswerRow, StoredAnswer, row_of_run
from fh_notebook.store.tables.batches import BatchRecord, JobRow, StoredRow
from fh_notebook.store.tables.corrections import CorrectionRow, hash_of_inputs
from fh_notebook.store.tables.ratings import RatingRow
from fh_notebook.store.tables.scores import ScoreRow
from fh_notebook.store.writer import IN_MEMORY
from fh_notebook.version import __version__


def check_record(record: BatchRecord) -> None:
    """Raise unless the record is one of a batch that can be planned."""
    plan, arms = record.plan, record.plan.get("arms")
    parse_json(json.dumps(dict(plan)), dict)
    if not isinstance(arms, list) or not arms or len(arms) > 10_000:
        raise ValueError("no arms")
    for arm in arms:
        if not isinstance(arm, list) or len(arm) != 3 or not all(isinstance(name, str) for name in arm):
            raise ValueError("an arm must be a label, a deployment and a variant")
    for name in ("rows", "repeats"):
        value = plan.get(name)
        if value is not None and (type(value) is not int or not 0 <= value < 2**31):
            raise ValueError(f"{name} is not a number")
    if plan.get("reuse", "batch") not in ("batch", "store", None):
        raise ValueError("the source of its answers is not known")
    if (files := plan.get(batches.FILES)) is not None and not _is_folder_beside(files):
        raise ValueError("files are in no folder beside the file")
    for name in plan.get("columns") or ():
        if not isinstance(name, str):
            raise TypeError("the name of a column must be a string")
    for name in plan.get("index") or ():
        if not isinstance(name, str | int | float | None):
            raise TypeError("the name of a level of an index must be a string or a number")


def _is_folder_beside(files: Any) -> bool:
    """Whether the record of saved files in a stranger's file names a folder beside that file, and nothing else."""
    name = files.get("folder") if isinstance(files, dict) and len(files) == 1 else None
    return isinstance(name, str) and name not in ("", ".", "..") and len(name) <= 255 and not set(name) & set("/\\:\0")


def check_answer(answer: StoredAnswer, record: BatchRecord) -> dict[str, Any]:
    """Return the values of an answer's run; raise unless it is one of the batch, and can be read."""
    values: dict[str, Any] = parse_json(answer.json, dict)
    try:
        run = Run.from_dict(values)
    except InputError as exc:  # which names a field, and not the file
        raise ValueError("a run of something else") from exc
    for value in (run.deployment, run.variant, run.error, run.error_code, run.request_id):
        if value is not None and not isinstance(value, str):
            raise TypeError("a run of something else")
    if answer.batch != record.id or run.status != answer.status or not isinstance(run.status, str):
        raise ValueError("an answer of another batch")
    if not math.isfinite(run.elapsed_s):
        raise ValueError("a run without end")
    # Everything that later code reads of a run, read once here.
    _ = (run.text, run.summary(), run.may_have_run, run.attempts + 0, run.to_dict())
    return values


def check_score(row: scores.ScoreRow) -> None:
    """Raise unless the row is a score."""
    if row.score is not None and math.isinf(row.score):
        raise ValueError("a score without end")
    if row.parts is not None:
        parse_json(row.parts, object)


def parse_json(text: str, kind: type) -> Any:
    """Return the JSON value of a text, which must be of the type `kind`."""
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
"""How long reading a stranger's file may take."""

WINDOW: Final = 500

FIRST_WITH_RATINGS: Final = 6

FILE_BYTES_MAX: Final = 16 << 20
"""Of one file of a run: pictures and documents. A film is handed over beside the archive."""

FILES_BYTES_MAX: Final = 100 << 20
"""Of all files of an archive: who opens it holds them in memory."""

FILES_MAX: Final = 10_000

_FILES: Final = (
    "CREATE TABLE files (answer INTEGER NOT NULL, number INTEGER NOT NULL, content BLOB NOT NULL,"
    " PRIMARY KEY (answer, number)) STRICT, WITHOUT ROWID"
)
"""Only in archives with files: one without is read by older versions, and a store has none."""

_A_RELEASE: Final = re.compile(r"[0-9][0-9A-Za-z.+]{0,29}")

_RELEASE: Final = "CREATE TABLE release (version TEXT NOT NULL) STRICT"
"""The release that wrote the file, for whoever cannot read it; archives of releases before 0.3.0 do not have it."""

FilesOf = Callable[[Run], Sequence[tuple[int, bytes]]]
"""Returns the files of a run that are saved, by their places in ``Run.assets``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedFile:
    """A file of a run in an archive that is read."""

    run: Run
    number: int
    """Its place in ``Run.assets``."""
    size: int
    read: Callable[[], bytes | None]
    """Returns its content, as long as the archive's batch is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveContents:
    """The content of an archive."""

    record: BatchRecord
    answers: int
    ratings: int
    corrections: int
    files: tuple[ArchivedFile, ...] = ()
    """Of one that was read."""


# --- writing


def write_batch(
    store: Store,
    path: Path,
    record: BatchRecord,
    answer_ids: Iterable[int],
    *,
    person_ratings: Iterable[RatingRow],
    known_corrections: Iterable[CorrectionRow],
    files_of: FilesOf = lambda run: (),
) -> ArchiveContents:
    """Write one batch of a store to a new file."""
    with Store(path).closing() as archive:
        plan = {name: value for name, value in record.plan.items() if name != batches.FILES} | {"reuse": "batch"}
        if _is_folder_beside(beside := {"folder": _name_of_folder(record)}):
            plan[batches.FILES] = beside
        archive.database.put(_put_release).result()
        batch_id = archive.batches.keep(replace(record, id=0, plan=plan)).result()
        corrections_of: dict[tuple[str, str], list[CorrectionRow]] = {}
        for correction in known_corrections:
            corrections_of.setdefault((correction.deployment, correction.inputs), []).append(correction)
        correction_rows: list[CorrectionRow] = []
        for window in store.jobs.windows(record.id):
            for job in window if corrections_of else ():
                with store.decoding():
                    inputs = hash_of_inputs(decode_json(job.inputs, dict, "the inputs of a job"))
                correction_rows += corrections_of.pop((record.plan["arms"][job.arm][1], inputs), ())
            rows = list(store.rows.at(record.id, {job.position for job in window}).values())
            archive.database.put(partial(_put_plan, batch=batch_id, window=window, rows=rows)).result()
        remaining, count = iter(answer_ids), 0
        while part := list(islice(remaining, WINDOW)):
            stored = store.answers.by_ids(part)
            score_rows = store.scores.rows_of(part)
            window_answers = [stored[answer_id] for answer_id in sorted(stored)]
            files = {answer.id: list(files_of(answer.run)) for answer in window_answers}
            _put_answers(archive, record, batch_id, window_answers, score_rows, files)
            count += len(stored)
        rating_rows = list(person_ratings)
        archive.ratings.merge(rating_rows).result()
        archive.corrections.keep(correction_rows).result()
    with store_errors(path):
        make_single(path)
    return ArchiveContents(record=record, answers=count, ratings=len(rating_rows), corrections=len(correction_rows))


def _name_of_folder(record: BatchRecord) -> str:
    """Return the name of the folder with the batch's saved files, which may be handed over beside the archive."""
    files = record.plan.get(batches.FILES) or {}
    return Path(files.get("path") or files.get("folder") or "").name


def _put_release(connection: sqlite3.Connection) -> None:
    connection.execute(_RELEASE)
    connection.execute("INSERT INTO release VALUES (?)", (__version__,))


def _put_plan(connection: sqlite3.Connection, batch: int, window: Sequence[JobRow], rows: Sequence[StoredRow]) -> None:
    batches.write_rows(connection, batch, rows)
    batches.write_jobs(connection, batch, window)


def _put_answers(
    archive: Store,
    record: BatchRecord,
    batch_id: int,
    stored: Sequence[StoredAnswer],
    score_rows: Sequence[tuple[int, str, ScoreRow]],
    files: Mapping[int, Sequence[tuple[int, bytes]]],
) -> list[int]:
    """Write answers as the batch's own, and their scores and files under the new ids, which are returned."""
    rows = [_row_in_archive(answer, record, batch_id) for answer in stored]
    by_answer: dict[int, list[tuple[str, ScoreRow]]] = {}
    for answer_id, scorer, row in score_rows:
        by_answer.setdefault(answer_id, []).append((scorer, row))

    def write(connection: sqlite3.Connection) -> list[int]:
        ids = answers.append_all(connection, rows)
        if any(files.values()) and not _has_files(connection):
            connection.execute(_FILES)
        for answer, new_id in zip(stored, ids, strict=True):
            contents = [(new_id, number, content) for number, content in files.get(answer.id, ())]
            connection.executemany("INSERT INTO files VALUES (?, ?, ?)", contents) if contents else None
            for scorer, row in by_answer.get(answer.id, ()):
                score = ScoreRow(new_id, row.of, row.score, row.parts)
                scores.write_scores(connection, scorer, [score], now=answer.kept_at.timestamp())
        return list(ids)

    return archive.database.put(write).result()


def _row_in_archive(answer: StoredAnswer, record: BatchRecord, batch_id: int) -> AnswerRow:
    run = answer.run
    row = row_of_run(run, key=answer.key, workspace=record.workspace, batch=batch_id, kept_at=answer.kept_at)
    return row._replace(run=answer.json)


# --- reading


def read_batch(path: Path, *, now: Callable[[], float] = time.monotonic) -> tuple[Store, ArchiveContents]:
    """Return a store in memory with the content of a stranger's file, and a summary of the content."""
    with _open_archive(path, now) as source:
        records = [*batches.every(source)]
        if len(records) != 1:
            raise _wrong_file(path, f"it contains {len(records)} batches instead of one")
        (record,) = records
        check_record(record)
        store = Store.in_memory()
        try:
            copied_record = replace(record, id=store.batches.keep(replace(record, id=0)).result())
            count, files = _copy_checked(source, store, record, copied_record.id)
            rating_rows = list(_ratings_in(source))
            store.ratings.merge(rating_rows).result()
            correction_rows = list(_corrections_in(source, record))
            store.corrections.keep(correction_rows).result()
        except BaseException:
            store.close()
            raise
        return store, ArchiveContents(
            record=copied_record,
            answers=count,
            ratings=len(rating_rows),
            corrections=len(correction_rows),
            files=tuple(files),
        )


def read_ratings(path: Path, *, now: Callable[[], float] = time.monotonic) -> list[RatingRow]:
    """Return the ratings in a file: an archive, or a copy of a whole store."""
    with _open_archive(path, now) as source:
        return list(_ratings_in(source))


@contextmanager
def _open_archive(path: Path, now: Callable[[], float]) -> Iterator[sqlite3.Connection]:
    """Open a stranger's file for reading; every error in the block becomes a message of one line."""
    message = ""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise _wrong_file(path, f"it is larger than {BYTES_MAX >> 20:,} MB")
        with path.open("rb") as file:
            if file.read(16) != b"SQLite format 3\x00":
                raise _wrong_file(path, "it has another format")
        is_over = _deadline(now)
        with (
            closing(_connect_read_only(path, is_over)) as source,
            closing(_migrate_copy(source, path, is_over)) as migrated,
        ):
            yield migrated
        return
    except InputError as exc:
        message = str(exc)
    except OSError as exc:
        message = f"{path} cannot be read: {exc.strerror or exc}"
    except sqlite3.OperationalError as exc:
        is_slow = exc.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT
        message = str(_wrong_file(path, f"the check takes longer than {LOOK_S:.0f} s" if is_slow else str(exc)))
    except (sqlite3.Error, ValueError, TypeError, KeyError, RecursionError, OverflowError) as exc:
        message = str(_wrong_file(path, f"its content cannot be read ({type(exc).__name__})"))
    raise InputError(message)


def _migrate_copy(source: sqlite3.Connection, path: Path, is_over: Callable[[], int]) -> sqlite3.Connection:
    """Check the tables of a file, and return a copy in memory, migrated to the current version."""
    _check_tables(source, path)
    migrated = sqlite3.connect(":memory:", isolation_level=None)
    try:
        source.backup(migrated)
        migrate(migrated, path)
        _limit(migrated, is_over)
    except BaseException:
        migrated.close()
        raise
    return migrated


def _connect_read_only(path: Path, is_over: Callable[[], int]) -> sqlite3.Connection:
    # immutable: SQLite reads no log and no lock file, and creates no file beside it.
    source = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
    _limit(source, is_over)
    return source


def _deadline(now: Callable[[], float]) -> Callable[[], int]:
    """Return a function that says whether reading the file has taken too long."""
    until = now() + LOOK_S
    return lambda: int(now() > until)


def _limit(connection: sqlite3.Connection, is_over: Callable[[], int]) -> None:
    """Limit the time and size of statements on a stranger's values, and make the connection read-only."""
    connection.set_progress_handler(is_over, 50_000)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_MAX)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "query_only=ON", "mmap_size=0"):
        connection.execute(f"PRAGMA {pragma}")


def _check_tables(source: sqlite3.Connection, path: Path) -> None:
    """Raise unless the file has exactly the tables, indices and triggers of a store of its version."""
    owner = int(source.execute("PRAGMA application_id").fetchone()[0])
    version = int(source.execute("PRAGMA user_version").fetchone()[0])
    if owner != APPLICATION_ID:
        raise _wrong_file(path, "it is the SQLite file of another program")
    if version > len(MIGRATIONS):
        raise InputError(
            f"{path.name} was written by fh_notebook {_release_of(source) or 'of a newer release'}, and this is "
            f"{__version__}, which cannot read it (format {version}, here up to {len(MIGRATIONS)}); "
            "upgrade with pip install -U fh-notebook"
        )
    if version < FIRST_WITH_RATINGS:
        raise _wrong_file(path, "it was written before there were ratings")
    with closing(open_connection(IN_MEMORY, migrations=MIGRATIONS[:version])) as expected:
        if _schema_of(source) - _OWN_TABLES != _schema_of(expected):
            raise _wrong_file(path, "its tables are not those of a .fhb file")
    if (finding := source.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise _wrong_file(path, f"it is damaged ({' '.join(str(finding).split())[:100]})")


_OWN_TABLES: Final = {("table", "files", _FILES), ("table", "release", _RELEASE)}
"""Tables that archives have and stores do not."""


def _release_of(source: sqlite3.Connection) -> str:
    """Return the release that a stranger's file names, if that is the name of one."""
    with suppress(sqlite3.Error):
        for (version,) in source.execute("SELECT version FROM release LIMIT 1"):
            return version if isinstance(version, str) and _A_RELEASE.fullmatch(version) else ""
    return ""


def _schema_of(connection: sqlite3.Connection) -> set[tuple[str, str, str]]:
    rows = connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_schema LIMIT 200")
    return {(kind, name, sql) for kind, name, sql in rows if name != "sqlite_stat1"}


def _has_files(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'files'").fetchone())


def _wrong_file(path: Path, reason: str) -> InputError:
    return InputError(f"{path.name} is not a batch that batch.to_fhb() wrote: {reason}; nothing from it was used")


# --- the copy, value by value


def _copy_checked(
    source: sqlite3.Connection, store: Store, record: BatchRecord, batch_id: int
) -> tuple[int, list[ArchivedFile]]:
    after = (-1, 0, 0)
    arms = len(record.plan["arms"])
    while window := list(batches.jobs_of_batch(source, record.id, after=after, limit=WINDOW)):
        for job in window:
            if not 0 <= job.arm < arms or job.position < 0:
                raise ValueError("a job that belongs to no variant")
            parse_json(job.inputs, dict), parse_json(job.metadata, dict), parse_json(job.problems, list)
        rows = list(batches.rows_at(source, record.id, {job.position for job in window}))
        for row in rows:
            parse_json(row.record, dict), parse_json(row.label, object)
        store.database.put(partial(_put_plan, batch=batch_id, window=window, rows=rows)).result()
        after = (window[-1].position, window[-1].repeat, window[-1].arm)
    number = count = size = 0
    files: list[ArchivedFile] = []
    has_files, origin = _has_files(source), f"{uuid4().hex}.invalid"
    while page := list(answers.page_after(source, number, WINDOW)):
        # Of a host that does not exist: a service's own addresses may be asked in any network, and the identity of a
        # run finds saved files. Neither may be what a stranger wrote.
        stored = [replace(it, json=encode_json(check_answer(it, record) | {"origin": origin})) for it in page]
        score_rows = list(scores.rows_of(source, [answer.id for answer in stored]))
        for _, _, score in score_rows:
            check_score(score)
        contents = {answer.id: _files_in(source, answer) for answer in stored} if has_files else {}
        ids = _put_answers(store, record, batch_id, stored, score_rows, contents)
        for answer, new_id in zip(stored, ids, strict=True):
            for place, content in contents.get(answer.id, ()):
                read = partial(_file_content, ref(store.database), new_id, place)
                files.append(ArchivedFile(run=answer.run, number=place, size=len(content), read=read))
                size += len(content)
                if size > FILES_BYTES_MAX or len(files) > FILES_MAX:
                    raise ValueError("too many files")
        number, count = stored[-1].id, count + len(stored)
    return count, files


def _files_in(source: sqlite3.Connection, answer: StoredAnswer) -> list[tuple[int, bytes]]:
    """Return the files of an answer, checked: each has its place among those that the run lists."""
    rows = source.execute("SELECT number, content FROM files WHERE answer = ? ORDER BY number", (answer.id,))
    listed, contents = len(answer.run.assets), []
    for number, content in islice(rows, FILES_MAX + 1):
        if type(number) is not int or not 0 <= number < listed or type(content) is not bytes:
            raise ValueError("a file that its run does not list")
        if len(content) > FILE_BYTES_MAX:
            raise ValueError("a file that is too large")
        contents.append((number, content))
    return contents


def _file_content(database: ref[Database], answer: int, number: int) -> bytes | None:
    if (opened := database()) is None:
        return None
    query = "SELECT content FROM files WHERE answer = ? AND number = ?"
    row = opened.read(lambda connection: connection.execute(query, (answer, number)).fetchone())
    return row[0] if row is not None else None


def _ratings_in(source: sqlite3.Connection) -> Iterator[RatingRow]:
    for rating in ratings.of_batch(source, None, None):
        texts = [rating.uid, rating.rater, rating.kind, rating.item, rating.a, rating.b, rating.shown, rating.choice]
        if any(len(text or "") > 10_000 for text in texts) or not all(
            map(math.isfinite, (rating.seconds, rating.rated_at))
        ):
            raise ValueError("a rating without a rater")
        parse_json(rating.row, object)
        yield rating


def _corrections_in(source: sqlite3.Connection, record: BatchRecord) -> Iterator[CorrectionRow]:
    for correction in corrections.every(source):
        texts = (correction.deployment, correction.inputs, correction.uid, correction.note, correction.author)
        if correction.workspace != record.workspace or any(len(text) > 10_000 for text in texts):
            raise ValueError("a correction of something else")
        for text in (correction.replaced, correction.expected):
            parse_json(text, object)
        yield correction
