"""Sources of a comparison: a batch, a table, a list, or several by name (before and after), read as scored runs.

All sources give the same kind of lines. A table whose score is a numeric column is read as whole columns, without an
object for each line.

**Before and after**, ``fh.compare({"monday": b1, "today": b2})``: a live variant can change without notice, so the same
variant on two dates is compared as two variants. What would make this comparison wrong (the same answers twice, other
inputs in a row) is reported. The number of a row is its position in a table and does not identify its inputs: where the
same inputs have other positions, rows are paired by their inputs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from fh_notebook.batching.batch import Batch
from fh_notebook.batching.tables.frames import ATTRS, PENDING, RESERVED, OutputKeys, frame_of_runs
from fh_notebook.batching.tables.row_sources import is_columns, is_table, read_frame
from fh_notebook.batching.tables.rows import EXPECTED, distinct_labels
from fh_notebook.batching.tables.values import object_series
from fh_notebook.comparing.data import ScoredRuns
from fh_notebook.comparing.masks import find_hidden
from fh_notebook.comparing.scorers.observations import MISSING, Observation, Observations, read_observations
from fh_notebook.comparing.scorers.runner import (
    LOWER_IS_BETTER,
    KeptScores,
    Score,
    check_names,
    column_score,
    score_runs,
)
from fh_notebook.comparing.stats.clusters import clusters_of
from fh_notebook.comparing.verdicts.verdict import span_note
from fh_notebook.contract.run import Run
from fh_notebook.core import arguments
from fh_notebook.core.json_values import canonical_json
from fh_notebook.core.text.formatting import listed, short
from fh_notebook.core.text.messages import counted
from fh_notebook.core.values import ColumnName
from fh_notebook.errors import InputError


def read_source(source: Any, *, score: Score, pair_on: str, fresh: bool = False) -> ScoredRuns:
    """Read a batch, a DataFrame, or a list of runs or of records; `fresh` ignores stored scores."""
    source, pair_on = as_table(source), arguments.column_text(pair_on)
    if isinstance(source, pd.DataFrame) and (plain := _read_columns(source, score, pair_on)) is not None:
        return plain
    observations = read_observations(source, pair_on=pair_on)
    scored, keys = score_observations(observations, score, fresh=fresh), OutputKeys()
    if isinstance(source, Batch):  # a table has its own columns
        keys.of(observations.outputs)
    notes = (f"{keys.note[0].upper()}{keys.note[1:]}.",) if keys.note else ()
    return replace(scored, about=describe_source(source), notes=notes)


def as_frames(source: Any) -> Any:
    """Return a source with each table of another library, dict of columns or file in it as a DataFrame, read once."""
    if isinstance(source, Mapping) and not is_columns(source, but=Run):
        return {name: _as_frame(part) for name, part in source.items()}
    return _as_frame(source)


def _as_frame(source: Any) -> Any:
    if isinstance(source, Batch | pd.DataFrame):
        return source
    if isinstance(source, str) and not Path(source).suffix and not Path(source).exists():
        name = short(source)
        cure = f"to compare a saved batch, give fh.open_batch({name})"
        raise InputError(f"batch_or_frame is {name}, which names no file of rows; {cure}")
    if isinstance(source, str | PathLike):
        frame = read_frame(source)
        return _with_types(frame) if TEXT_FILES.intersection(map(str.lower, Path(source).suffixes)) else frame
    is_dict_of_columns = isinstance(source, Mapping) and is_columns(source, but=Run)
    return read_frame(source) if is_dict_of_columns or is_table(source) else source


TEXT_FILES: Final = frozenset({".csv", ".tsv"})
"""Endings of files in which every value is a text."""

TEXTS_OF_RUNS: Final = frozenset(
    ("variant", "deployment", "status", "output", "error", "error_code", "client_action", "request_id", "run_id")
)
"""Columns of a saved batch that are texts, whatever they say."""

_BOOLEANS: Final = ({"True": True, "False": False}, {"true": True, "false": False})


def _with_types(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of texts in which each column that was written from numbers, or from yes and no, has these again.

    An output is written as JSON (``false``), a column as pandas writes it (``False``; ``4.0`` beside a missing value):
    as texts, what is right would be wrong. A column stays as it is where one of its texts would be written in another
    way, as a number with a leading zero, or a version such as 1.10.
    """
    typed = {name: _typed(frame[name]) for name in frame.columns if name not in TEXTS_OF_RUNS}
    return frame.assign(**typed)


def _typed(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column with its own types.

    Examples
    --------
    >>> [_typed(pd.Series(texts)).tolist() for texts in (["True", "False"], ["4", "12"], ["0.5", None], ["007", "7"])]
    [[True, False], [4, 12], [0.5, nan], ['007', '7']]
    """
    texts = column.dropna()
    if not len(texts) or not all(isinstance(text, str) for text in texts):
        return column
    for words in _BOOLEANS:
        if texts.isin(words).all():
            values = column.map(words)
            return values.astype("bool") if len(texts) == len(column) else values.astype(object)
    numbers = [_number(text) for text in texts]
    if any(number is None for number in numbers):
        return column
    exact = all(isinstance(number, float) or abs(number) <= MOST_EXACT for number in numbers if number is not None)
    return pd.to_numeric(column) if exact else column


MOST_EXACT: Final = 2**53
"""Up to here every whole number is a float, too, as the ones of a column with a missing value are."""


def _number(text: str) -> float | int | None:
    """Return the number that is written so, and in no other way; ``None`` where there is none."""
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if str(number) == text and math.isfinite(number):
            return number
    return None


def as_table(source: Any) -> Any:
    """Return a list of runs or of records as a DataFrame, and anything else as it is."""
    if not isinstance(source, list | tuple):
        return source
    if not source:
        raise InputError("the list is empty; give runs or records to compare")
    if all(isinstance(item, Run) for item in source):
        return frame_of_runs(source)
    if all(isinstance(item, Mapping) for item in source):
        return _frame_of_records(source)
    if all(isinstance(item, Batch | pd.DataFrame) for item in source):
        raise InputError('give several batches a name each: fh.compare({"monday": b1, "today": b2})')
    if all(isinstance(item, str) for item in source):
        names = [f"{short(name)}: fh.open_batch({short(name)})" for name in source[:2]]
        more = ", ..." if len(source) > len(names) else ""
        raise InputError(f"names are not batches; open them: fh.compare({{{', '.join(names)}{more}}})")
    raise InputError("a list to compare holds runs, or records with 'row', 'variant' and a score")


def _frame_of_records(records: Sequence[Mapping[Any, Any]]) -> pd.DataFrame:
    """Return records as a frame. Texts stay Python's: Arrow refuses half a character, which a model may answer."""
    columns: dict[str, pd.Series[Any]] = {}
    for name in dict.fromkeys(name for record in records for name in record):
        values = [record.get(name) for record in records]
        are_numbers = all(value is None or isinstance(value, bool | int | float | np.number) for value in values)
        # pandas would make one kind of 1 and 1.0, which may be the labels of two rows.
        is_plain = are_numbers and distinct_labels(values) == values
        columns[str(name)] = pd.Series(values) if is_plain else object_series(values)
    return pd.DataFrame(columns)


def describe_source(source: Any) -> dict[str, Any]:
    """Return the provenance of a batch or a table."""
    if isinstance(source, Batch):
        source = next(source.iter_frames(1))
    return dict(source.attrs.get(ATTRS, {})) if isinstance(source, pd.DataFrame) else {}


def score_observations(
    observations: Sequence[Observation],
    score: Score,
    *,
    fresh: bool = False,
    kept: KeptScores | None = None,
    check: bool = True,
) -> ScoredRuns:
    """Score runs by their columns; with `kept`, only those that changed."""
    runs = Observations.of(observations)
    if check and len(runs):
        check_names(score, runs.names)
    lines, scorer = score_runs(runs, score, fresh=fresh, kept=kept)
    rows, keys = (runs.cells(name, None) for name in ("row", "key"))
    lines["cluster"] = clusters_of(runs.pairs, variants=runs.variants, rows=rows, keys=keys)
    lines["error"] = object_series(runs.errors)
    lines["client_action"] = object_series(runs.cells("client_action", None))
    begun = object_series(runs.started_at)
    lines["started_at"] = pd.to_datetime(begun, utc=True, errors="coerce", format="ISO8601")
    lines["request_id"] = object_series(runs.request_ids)
    lines["charged"] = np.array([_is_charged(runs, place) for place in range(len(runs))], dtype=bool)
    cells = runs.cells(EXPECTED, MISSING) if EXPECTED in runs.names else []
    expected = {pair: cell for pair, cell in zip(runs.pairs, cells, strict=False) if cell is not MISSING}
    # Of a row in several batches, the correction that applies in one of them is shown.
    corrected = sorted(runs.corrections.items(), key=lambda item: item[1].applied is not None)
    expected |= {runs.pairs[place]: standing.applied.expected for place, standing in corrected if standing.applied}
    known_names = frozenset(runs.names)

    def column(name: str) -> pd.Series[Any] | None:
        return object_series(runs.cells(name, None)) if name in known_names else None

    def read_cells(name: str, places: Sequence[int]) -> list[Any]:
        return [runs[index].row.get(name) for index in places]

    return ScoredRuns(
        lines=lines, scorer=scorer, column=column, names=runs.names, expected=expected or None,
        secret=cache(lambda: find_hidden(runs, runs.names)), observations=runs, read_cells=read_cells,
        corrections={runs.pairs[place]: standing for place, standing in corrected},
    )  # fmt: skip


def _is_charged(runs: Observations, place: int) -> bool:
    """Whether a call may have cost money; of most, the status says so."""
    status = runs.statuses[place]
    if status == "failed":
        return runs[place].answer.may_have_run
    return status != PENDING


# --- a table of numbers


def _read_columns(frame: pd.DataFrame, score: Score, pair_on: str) -> ScoredRuns | None:
    """Read a table as whole columns; ``None`` where lines must be looked at one by one."""
    column_by_name = {str(name): name for name in frame.columns}  # a column may be called 5
    score = column_score(score, column_by_name)
    needed = (score, pair_on, "variant")
    if (
        not isinstance(score, str)
        or len(column_by_name) < len(frame.columns)
        or not all(name in column_by_name for name in needed)
    ):
        return None
    numbers, pairs, variants = frame[column_by_name[score]], frame[column_by_name[pair_on]], frame["variant"]
    if not _are_numbers(numbers) or not _can_pair(pairs) or variants.isna().any():
        return None
    scores = numbers.to_numpy(dtype="float64", na_value=np.nan)
    if np.isinf(scores).any():
        return None
    n = len(frame)
    status = _texts(frame, "status", n).fillna("completed").replace("", "completed")
    done = (status == "completed").to_numpy()
    lines = pd.DataFrame(
        {
            "pair": object_series(distinct_labels(pairs.tolist())),
            "variant": object_series([str(v) for v in variants]),
            "status": status.reset_index(drop=True),
            "output": _texts(frame, "output", n),
            "seconds": np.where(done, _seconds(frame), np.nan),
            "score": np.where(done, scores, np.nan),
            "score_error": object_series([None] * n),
            "error": _texts(frame, "error", n),
            "client_action": _texts(frame, "client_action", n),
            "started_at": _start_times(frame),
            "request_id": _texts(frame, "request_id", n),
            "charged": (status != "failed").to_numpy(dtype=bool),
        }
    )  # fmt: skip
    rows, keys = (frame[name].tolist() if name in frame.columns else None for name in ("row", "key"))
    lines["cluster"] = clusters_of(lines["pair"], variants=lines["variant"], rows=rows, keys=keys)
    lines.attrs["lower_is_better"] = score in LOWER_IS_BETTER
    expected = None
    if EXPECTED in frame:
        expected = dict(zip(lines["pair"], _none_for_missing(frame[EXPECTED]), strict=True))

    def column(name: str) -> pd.Series[Any] | None:
        return object_series(_none_for_missing(frame[column_by_name[name]])) if name in column_by_name else None

    def read_cells(name: str, places: Sequence[int]) -> list[Any]:
        return (
            _none_for_missing(frame[column_by_name[name]].iloc[list(places)])
            if name in column_by_name
            else [None] * len(places)
        )

    about = dict(frame.attrs.get(ATTRS, {}))
    return ScoredRuns(
        lines=lines,
        scorer=score,
        column=column,
        names=tuple(column_by_name),
        expected=expected,
        about=about,
        read_cells=read_cells,
    )


def _are_numbers(column: pd.Series[Any]) -> bool:
    dtype = column.dtype
    return bool(pd.api.types.is_numeric_dtype(dtype)) and not pd.api.types.is_complex_dtype(dtype)


def _can_pair(column: pd.Series[Any]) -> bool:
    if column.isna().any():
        return False
    return pd.api.types.infer_dtype(column) in ("string", "integer", "boolean", "floating", "mixed-integer-float")


def _none_for_missing(column: pd.Series[Any]) -> list[Any]:
    return column.astype(object).where(column.notna(), None).tolist()


def _texts(frame: pd.DataFrame, name: str, n: int) -> pd.Series[Any]:
    return object_series(_none_for_missing(frame[name]) if name in frame.columns else [None] * n)


def _seconds(frame: pd.DataFrame) -> Any:
    if "elapsed_s" not in frame.columns or not _are_numbers(frame["elapsed_s"]):
        return np.nan
    seconds = frame["elapsed_s"].to_numpy(dtype="float64", na_value=np.nan)
    return np.where(seconds == 0, np.nan, seconds)


def _start_times(frame: pd.DataFrame) -> Any:
    started_at = frame["started_at"] if "started_at" in frame.columns else pd.Series([None] * len(frame), dtype=object)
    return pd.to_datetime(started_at, utc=True, errors="coerce", format="ISO8601").reset_index(drop=True)


def read_named_sources(
    sources: Mapping[Any, Any], *, score: Score, pair_on: ColumnName, fresh: bool = False
) -> ScoredRuns:
    """Read several batches or tables by name; the same variant is compared under every two names.

    The variants are labelled by the names where each name has one variant, else ``variant (name)``.
    """
    column = arguments.column_text(pair_on)
    if len(sources) < 2:
        raise InputError(f"{len(sources)} given; give at least two, by name: {{'before': ..., 'after': ...}}")
    if len({str(name) for name in sources}) < len(sources):
        raise InputError(f"two of the names are identical: {listed([*map(str, sources)], 'and')}; give each its own")
    tables = {str(name): as_table(source) for name, source in sources.items()}
    observations_by_name: dict[str, Sequence[Observation]] = {
        name: read_observations(source, pair_on=column) for name, source in tables.items()
    }
    notes_of_pairing = _pair_by_inputs(observations_by_name, score) if column == "row" else []
    variants_by_name = {
        name: list(dict.fromkeys(o.variant for o in part)) for name, part in observations_by_name.items()
    }
    is_single_variant = all(len(variants) == 1 for variants in variants_by_name.values())
    labelled = {
        name: [replace(o, variant=_variant_label(name, o.variant, is_single_variant)) for o in part]
        for name, part in observations_by_name.items()
    }
    variant_pairs = _pairs_to_compare(variants_by_name, is_single_variant)
    runs = score_observations([o for part in labelled.values() for o in part], score, fresh=fresh)
    notes = [
        *notes_of_pairing,
        *_other_variants_note(variants_by_name, is_single_variant),
        *_same_answers_notes(runs.lines, variant_pairs),
    ]
    other_inputs_notes, other_inputs_count = _other_inputs_notes(observations_by_name, score)
    notes += other_inputs_notes
    caution = f"With other inputs on {counted(other_inputs_count, 'row')}" if other_inputs_count else ""
    for name in labelled:
        is_of_name = runs.lines["variant"].isin(
            [_variant_label(name, v, is_single_variant) for v in variants_by_name[name]]
        )
        notes += [note] if (note := span_note(runs.lines["started_at"][is_of_name], f"The answers of {name}")) else []

    about = {"compared": {name: describe_source(source) for name, source in tables.items()}}
    return replace(runs, notes=tuple(notes), about=about, caution=caution, variant_pairs=tuple(variant_pairs))


def _variant_label(name: str, variant: str, is_single_variant: bool) -> str:
    return name if is_single_variant else f"{variant} ({name})"


def _pairs_to_compare(variants_by_name: Mapping[str, list[str]], is_single_variant: bool) -> list[tuple[str, str]]:
    if is_single_variant:
        return list(combinations(variants_by_name, 2))
    variant_pairs = [
        (_variant_label(first, variant, is_single_variant), _variant_label(second, variant, is_single_variant))
        for first, second in combinations(variants_by_name, 2)
        for variant in variants_by_name[first]
        if variant in variants_by_name[second]
    ]
    if not variant_pairs:
        variants_text = "; ".join(
            f"{name} has {listed(variants, 'and')}" for name, variants in variants_by_name.items()
        )
        raise InputError(f"no variant is in two of them ({variants_text}); before and after compares the same variant")
    return variant_pairs


def _other_variants_note(variants_by_name: Mapping[str, list[str]], is_single_variant: bool) -> list[str]:
    if not is_single_variant or len({variants[0] for variants in variants_by_name.values()}) == 1:
        return []
    return [
        "These are not the same variant: "
        + ", ".join(f"{name} ran {v[0]}" for name, v in variants_by_name.items())
        + "."
    ]


def _same_answers_notes(lines: pd.DataFrame, variant_pairs: list[tuple[str, str]]) -> list[str]:
    """Return a note for every two names that have runs in common: these runs were reused, not called again."""
    notes = []
    ids = {v: set(part.dropna()) for v, part in lines.groupby("variant")["request_id"]}
    for first, second in variant_pairs:
        if same := ids.get(first, set()) & ids.get(second, set()):
            notes.append(
                f"{counted(len(same), 'answer')} of {second} {'is' if len(same) == 1 else 'are'} reused from "
                f"{first}: call again with fh.batch(..., fresh=True), or the two cannot differ there."
            )
    return notes


def _pair_by_inputs(observations_by_name: dict[str, Sequence[Observation]], score: Score) -> list[str]:
    """Pair the rows of all names with those of the first by their inputs, where this pairs more rows.

    The k-th row with some inputs is paired with the k-th row with the same inputs. Other rows stay unpaired.
    """
    (first, *other_names), notes = observations_by_name, []
    before = _inputs_by_pair(observations_by_name[first], observations_by_name, score)
    for name in other_names:
        after = _inputs_by_pair(observations_by_name[name], observations_by_name, score)
        paired: dict[Any, Any] = {pair: pair for pair, inputs in after.items() if before.get(pair) == inputs}
        same_row_count = len(paired)
        unpaired_by_inputs: dict[str, list[Any]] = {}
        for pair in reversed([pair for pair in before if pair not in paired]):
            unpaired_by_inputs.setdefault(before[pair], []).append(pair)
        for pair, inputs in after.items():
            if pair not in paired and unpaired_by_inputs.get(inputs):
                paired[pair] = unpaired_by_inputs[inputs].pop()
        if (moved_count := len(paired) - same_row_count) <= 0:
            continue
        unpaired_labels = {pair: f"{pair} ({name})" for pair in after if pair not in paired and pair in before}
        observations_by_name[name] = [
            replace(o, pair=paired.get(o.pair, unpaired_labels.get(o.pair, o.pair))) for o in observations_by_name[name]
        ]
        notes.append(
            f"{counted(moved_count, 'row')} of {name} {'has' if moved_count == 1 else 'have'} another position "
            f"than the same inputs in {first}, so rows are paired by their inputs and not by position."
        )
    return notes


def _inputs_by_pair(
    observations: Sequence[Observation], observations_by_name: Mapping[str, Sequence[Observation]], score: Score
) -> dict[Any, str]:
    """Return the inputs of each row as a text: the row columns that all names have; empty without such a column."""
    shared = set.intersection(
        *(set(_row_columns(part[0], score)) if part else set() for part in observations_by_name.values())
    )
    try:
        return {
            o.pair: canonical_json({k: v for k, v in _row_columns(o, score).items() if k in shared})
            for o in observations
            if shared
        }
    except (TypeError, ValueError):
        return {}


def _other_inputs_notes(
    observations_by_name: Mapping[str, Sequence[Observation]], score: Score
) -> tuple[list[str], int]:
    """Return notes on rows whose inputs differ between names, and their largest number; a score column is no input."""
    (first, *other_names), notes, largest_count = observations_by_name, [], 0
    before = {o.pair: _row_columns(o, score) for o in observations_by_name[first]}
    for name in other_names:
        after = {o.pair: _row_columns(o, score) for o in observations_by_name[name]}
        changed_rows = [pair for pair in after if pair in before and _inputs_differ(before[pair], after[pair])]
        largest_count = max(largest_count, len(changed_rows))
        if changed_rows:
            notes.append(
                f"On {counted(len(changed_rows), 'row')} the inputs of {first} and {name} are not the same (the first: "
                f"{changed_rows[0]}); pair_on= names another column to pair by."
            )
    return notes, largest_count


def _row_columns(observation: Observation, score: Score) -> dict[str, Any]:
    row = observation.row
    score = column_score(score, row)
    excluded = {*RESERVED, EXPECTED, *([score] if isinstance(score, str) else [])}
    return {k: v for k, v in row.items() if k not in excluded and not k.startswith("out.")}


def _inputs_differ(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    shared = a.keys() & b.keys()
    try:
        return any(canonical_json(a[name]) != canonical_json(b[name]) for name in shared)
    except (TypeError, ValueError):
        return False
