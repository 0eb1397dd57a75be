"""Corrections of expected outputs: check and make one, list those of a comparison, write the corrected table.

Rule of this file: a correction is saved beside the table, never in it, so the original is never lost. Which one applies
to a row says :mod:`fh_notebook.batching.tables.expected_overlay`. (``cmp.corrected()`` is something else: a judge's
scores corrected by labels of people, see :mod:`fh_notebook.comparing.rating.labels`.)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final
from uuid import uuid4

import pandas as pd

from fh_notebook.batching.export.columns import text_of
from fh_notebook.batching.export.export import checked_target, replacing, suffix_of
from fh_notebook.batching.tables.expected_overlay import canonical_expected, text_of_expected
from fh_notebook.batching.tables.rows import EXPECTED, label_from
from fh_notebook.batching.tables.values import object_series
from fh_notebook.comparing.data import ComparisonData, ScoredRuns
from fh_notebook.comparing.scorers.observations import JobCells, Observation
from fh_notebook.core import hooks
from fh_notebook.core.json_values import json_problems, jsonable
from fh_notebook.core.optional_deps import ensure_installed
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import listed, short
from fh_notebook.core.values import ColumnName
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.store.codec import encode_json
from fh_notebook.store.tables.corrections import TICK_S, CorrectionRow

NOTE_CAP: Final = 2_000
"""Characters of a note."""
EXPECTED_CAP: Final = 100_000
"""Characters of a corrected expected output, as JSON: scorers read no more."""


FORM_CAP: Final = 20_000
"""Characters of an expected output that a page edits."""


def _can_correct(data: ComparisonData) -> bool:
    """Return whether expected outputs can be corrected: the runs are those of a batch whose table has them."""
    is_scored = not data.rated and data.label_grid is None
    return is_scored and data.runs.expected is not None and _are_of_batch(data.runs)


def _are_of_batch(runs: ScoredRuns) -> bool:
    return runs.observations is not None and any(runs.observations.workspaces)


def planned_corrections(
    runs: ScoredRuns, row: Any, expected: Any, *, note: str, author: str, now: datetime
) -> list[CorrectionRow]:
    """Return what is to be stored so that a row's expected output is corrected, one for each of its inputs."""
    if len(note) > NOTE_CAP:
        raise InputError(f"note has {len(note):,} characters; give at most {NOTE_CAP:,}")
    expected_json = _checked_json(expected)
    label = label_from(row)
    known = runs.observations
    observations = [] if known is None else [known[place] for place, pair in enumerate(known.pairs) if pair == label]
    if not observations and label not in set(runs.lines["pair"]):
        raise InputError(f"the row {short(row)} does not exist; cmp.wide() lists all rows")
    keyed = [(key, o) for o in observations if EXPECTED in o.row and (key := o.inputs_key) is not None]
    if not keyed:
        raise InputError(_why_not(runs))
    by_value = {(key, canonical_expected(o.table_expected)): o.corrections.applied for key, o in keyed}
    if len({key.inputs for key, _ in by_value}) > 1 and len({replaced for _, replaced in by_value}) > 1:
        raise InputError(
            f"{short(row)} stands for several rows, whose tables expect different outputs; compare without pair_on= "
            "to correct one of them"
        )
    # The table's own value takes a correction back, and is no correction of other tables, which say something else.
    takes_back = any(current and replaced == expected_json for (_, replaced), current in by_value.items())
    written = [
        CorrectionRow(
            workspace=key.workspace, deployment=key.deployment, inputs=key.inputs, uid=uuid4().hex, replaced=replaced,
            expected=expected_json, note=note.strip(), author=author,
            # Newer than the one in its place, which may come out of a file, from another clock.
            corrected_at=max(now.timestamp(), current.corrected_at.timestamp() + TICK_S if current else 0.0),
        )
        for (key, replaced), current in by_value.items()
        if (current is not None and replaced == expected_json if takes_back else replaced != expected_json)
    ]  # fmt: skip
    if not written:
        raise InputError(
            f"the table already expects {short(expected)} for the row {short(row)}, so there is nothing to correct"
        )
    return written


def _why_not(runs: ScoredRuns) -> str:
    if runs.expected is None:
        return f"the table has no column {EXPECTED}, so there is nothing to correct; add it, and run the batch again"
    if _are_of_batch(runs):
        return "the inputs of this row are not valid, so it has no answer, and its correction cannot be saved"
    return (
        "a correction belongs to the inputs of a batch, and these are the rows of a table; "
        f"change its column {EXPECTED}, and compare it again"
    )


def _checked_json(expected: Any) -> str:
    if problems := json_problems(jsonable(expected)):
        raise InputError(f"expected cannot be saved: {problems[0].message}; give a string, a number, a list or a dict")
    text = canonical_expected(expected)
    if len(text) > EXPECTED_CAP:
        raise InputError(f"expected has {len(text):,} characters as JSON; give at most {EXPECTED_CAP:,}")
    return text


# --- a page that corrects


def _is_editable(text: str) -> bool:
    """Whether a field of a page shows a text and gives it back as it is: without half and control characters."""
    return html.printable(text) == text


class ExpectedEditor:
    """Edits the expected outputs of a comparison for a page.

    Parameters
    ----------
    data : callable
        Returns the compared runs of this moment.
    correct : callable
        Corrects the expected output of a row: ``Comparison.correct``.
    subscribe : callable
        Takes a method that is called after each correction, wherever it was made: ``ScoreSet.subscribe``.
    is_offered : bool, optional
        Whether pages offer corrections; by default not in an app, whose visitors are other people than its author.
    """

    def __init__(
        self,
        data: Callable[[], ComparisonData],
        correct: Callable[..., object],
        subscribe: Callable[[Callable[[], object]], object],
        *,
        is_offered: bool | None = None,
    ) -> None:
        self._data = data
        self._correct = correct
        self._is_offered = is_offered
        self.subscribe = subscribe

    @property
    def data(self) -> ComparisonData:
        """The compared runs of this moment."""
        return self._data()

    @property
    def can_correct(self) -> bool:
        """Whether the page corrects: that is offered, and the runs have expected outputs that can be corrected."""
        is_offered = not hooks.frontend().is_app() if self._is_offered is None else self._is_offered
        return is_offered and _can_correct(self.data)

    def text(self, row: Any) -> str | None:
        """Return the text of a row's expected output, as corrected, which a page shows.

        ``None`` where that is none which could be corrected, is too long, or holds a secret.
        """
        runs = self.data.runs
        expected = None if runs.expected is None else runs.expected.get(row)
        text = text_of_expected(expected)
        is_whole = len(text) <= FORM_CAP and runs.secret().masks().value(row, expected) == expected
        return text if is_whole and _can_correct(self.data) else None

    def values(self, row: Any) -> dict[str, Any] | None:
        """Return what a page edits of a row: the ``text`` of its expected output, and whether it ``is_corrected``.

        ``None`` where the page does not correct it, or a field of it would change the text.
        """
        text = self.text(row)
        if text is None or not self.can_correct or not _is_editable(text):
            return None
        return {"text": text, "is_corrected": self.data.runs.correction_of(row) is not None}

    def submit(self, row: Any, message: Mapping[str, Any], *, author: str | None = None) -> None:
        """Correct a row as a page says: its text and note, or with ``restore`` the table's own value."""
        if not self.can_correct:
            raise InputError("corrections are turned off in this view; show it with corrections=True")
        runs = self.data.runs
        correction = runs.correction_of(row)
        table_value = correction.replaced if correction is not None else (runs.expected or {}).get(row)
        if message.get("restore") is True:
            self._correct(row, expected=table_value, author=author)
        else:
            text, current = str(message.get("expected", "")), (runs.expected or {}).get(row)
            # A value that was left as it is stays of its kind, whatever the table's own is.
            is_same = text == text_of_expected(current)
            expected = current if is_same else expected_of_text(text, table_value)
            self._correct(row, expected=expected, note=str(message.get("note", "")), author=author)


def expected_of_text(text: str, table_value: Any) -> Any:
    """Return the expected output that an edited text means: of the kind of the table's value.

    Examples
    --------
    >>> expected_of_text("12", "billing"), expected_of_text("12", 7), expected_of_text('{"a": 1}', {"a": 2})
    ('12', 12, {'a': 1})
    """
    if table_value is None:
        return text or None  # nothing is expected of the row, as long as nothing is typed
    if isinstance(table_value, str):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        example = short(text_of_expected(table_value))
        raise InputError(f"expected is not JSON, but the table's value is; write it like {example}") from None


def corrections_frame(runs: ScoredRuns, pair_on: ColumnName) -> pd.DataFrame:
    """Return the corrections of the rows of a comparison (see ``Comparison.corrections``)."""
    first: dict[Any, Observation] = {}
    observations = runs.observations
    for observation in () if observations is None else map(observations.__getitem__, sorted(observations.corrections)):
        kept = first.setdefault(observation.pair, observation)
        if kept.corrections.applied is None and observation.corrections.applied is not None:
            first[observation.pair] = observation
    lines = [(o, o.corrections.applied or o.corrections.outdated) for o in first.values()]
    known = [(o, correction) for o, correction in lines if correction is not None]
    return pd.DataFrame(
        {
            pair_on: object_series([o.pair for o, _ in known]),
            "replaced": object_series([correction.replaced for _, correction in known]),
            "expected": object_series([correction.expected for _, correction in known]),
            "note": object_series([correction.note for _, correction in known]),
            "author": object_series([correction.author for _, correction in known]),
            "corrected_at": pd.to_datetime(pd.Series([c.corrected_at for _, c in known], dtype="object"), utc=True),
            "applies": pd.Series([o.corrections.applied is not None for o, _ in known], dtype=bool),
            "table_says": object_series([o.table_expected for o, _ in known]),
        }
    )


# --- the corrected table as a file


def write_corrected(runs: ScoredRuns, path: Any) -> Path:
    """Write the table of a batch with its corrections to a new file (see ``Comparison.write_corrected``)."""
    target = checked_target(path, CORRECTED_SUFFIXES)
    suffix = suffix_of(target)
    if suffix == ".parquet":
        ensure_installed("pyarrow", "Parquet files need")
    if target.exists():
        raise SettingsError(f"{target} already exists, and was not changed; give the name of a new file")
    table = _table_of(runs)
    if suffix in _WITHOUT_LABELS and not isinstance(table.index, pd.RangeIndex):
        raise SettingsError(
            f"the rows have labels of their own, such as {short(table.index[0])}, which {suffix} cannot hold; "
            "write .csv, .tsv or .parquet"
        )
    with replacing(target) as file:
        _WRITERS[suffix](table, file)
    return target


def _table_of(runs: ScoredRuns) -> pd.DataFrame:
    rows: dict[Any, JobCells] = {}
    for observation in runs.observations or ():
        if isinstance(observation.row, JobCells):
            rows.setdefault(observation.row.job.position, observation.row)
    if not rows:
        raise InputError(
            "this comparison has no table of a batch to write; write a frame by its own method: frame.to_csv(...)"
        )
    if "compared" in runs.about:
        names = [*runs.about["compared"]]
        raise InputError(f"{listed(names, 'and')} have several tables; compare one batch, and write its table")
    ordered = [rows[position] for position in sorted(rows)]
    columns = dict.fromkeys(name for row in ordered for name in row.source)
    table = pd.DataFrame({name: object_series([row.source.get(name) for row in ordered]) for name in columns})
    labels = [row.job.row for row in ordered]
    if labels != [*range(len(labels))]:
        table.index = pd.Index(labels)
    return table


def _write_csv(separator: str) -> Callable[[pd.DataFrame, BinaryIO], None]:
    def write(table: pd.DataFrame, file: BinaryIO) -> None:
        cells = table.map(lambda value: text_of_expected(value) if isinstance(value, list | dict) else value)
        has_labels = not isinstance(table.index, pd.RangeIndex)
        text = cells.to_csv(None, sep=separator, index=has_labels, lineterminator="\n")
        file.write(text.encode("utf-8", "replace"))

    return write


def _records(table: pd.DataFrame) -> Iterator[str]:
    return (encode_json(record) for record in table.to_dict("records"))


def _write_json(table: pd.DataFrame, file: BinaryIO) -> None:
    file.write(f"[{','.join(_records(table))}]\n".encode())


def _write_jsonl(table: pd.DataFrame, file: BinaryIO) -> None:
    file.writelines(f"{line}\n".encode() for line in _records(table))


def _write_parquet(table: pd.DataFrame, file: BinaryIO) -> None:
    columns = {name: object_series(parquet_column(table[name].tolist())) for name in table}
    written = pd.DataFrame(columns).set_axis(table.index, axis=0)
    if not isinstance(table.index, pd.RangeIndex):
        written.index = pd.Index(parquet_column(table.index.tolist()))
    written.to_parquet(file)


def parquet_column(values: list[Any]) -> list[Any]:
    """Return values that a column of Parquet gives back as they are; of several kinds, as text, JSON where none is."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        column = pa.array(values)
        if column.to_pylist() == values:
            parquet.write_table(pa.table({"": column}), pa.BufferOutputStream())  # Parquet has no empty object
            return values
    except (pa.ArrowException, ValueError, TypeError, OverflowError):  # half a character is a ValueError
        pass
    return [None if value is None else text_of(value).encode("utf-8", "replace").decode() for value in values]


_WRITERS: Final[dict[str, Callable[[pd.DataFrame, BinaryIO], None]]] = {
    ".csv": _write_csv(","),
    ".tsv": _write_csv("\t"),
    ".jsonl": _write_jsonl,
    ".json": _write_json,
    ".parquet": _write_parquet,
}
CORRECTED_SUFFIXES: Final = tuple(_WRITERS)
_WITHOUT_LABELS: Final = (".json", ".jsonl")
"""What is read as a list of records, in which rows are named by their places."""
