"""`fh.read_inspect`: a dataset of Inspect (inspect_ai) as rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any

import pandas as pd

from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.batching.tables.rows import EXPECTED, frame_of_records, metadata_columns
from fh_notebook.core import arguments
from fh_notebook.core.text.formatting import short, type_text
from fh_notebook.core.values import is_iterable
from fh_notebook.errors import InputError

__all__ = ["read_inspect"]


def read_inspect(dataset: str | PathLike[str] | Iterable[Any]) -> pd.DataFrame:
    """Read a dataset of Inspect (``inspect_ai``) as rows for ``fh.batch``.

    Columns: ``input`` (a text, or a list of messages with ``role`` and ``content``), ``choices`` where there are some,
    ``expected_output``, which is the target (a text, or a list of texts of which one is right), and
    ``metadata.<name>``. The ids of the samples are the index, where all have one.

    Parameters
    ----------
    dataset : path, or list of samples
        A ``.csv``, ``.json`` or ``.jsonl`` file with the fields ``input``, ``target``, ``choices``, ``id`` and
        ``metadata``; or what ``inspect_ai.dataset.json_dataset(...)`` and its like return.

    Raises
    ------
    InputError
        It cannot be read, or a sample has no input.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "questions.jsonl"
    >>> _ = path.write_text('{"input": "1 + 1", "target": "2", "id": "sum"}')
    >>> read_inspect(path).to_dict("index")
    {'sum': {'input': '1 + 1', 'expected_output': '2'}}
    """
    arguments.check(read_inspect, locals(), but={"dataset"})
    if isinstance(dataset, str | PathLike):
        samples: list[Mapping[str, Any]] = list(read_rows(dataset).records)
    elif is_iterable(dataset) and not isinstance(dataset, Mapping | bytes | pd.DataFrame):
        samples = [_fields(sample, place) for place, sample in enumerate(dataset)]
    else:
        raise InputError(f"dataset is {type_text(dataset)}; give the path of a file, or a list of samples")
    records = [_record(sample, place) for place, sample in enumerate(samples)]
    columns = dict.fromkeys(name for record in records for name in record)
    rows = frame_of_records(records, columns)
    ids = [sample.get("id") for sample in samples]
    if ids and all(value is not None for value in ids):
        rows.index = pd.Index(ids)
    return rows


_FIELDS = ("input", "target", "choices", "id", "metadata")


def _fields(sample: Any, place: int) -> dict[str, Any]:
    if isinstance(sample, Mapping):
        return dict(sample)
    if not hasattr(sample, "input"):
        raise InputError(f"dataset has {short(sample)} at {place}; give samples, or dicts with an input")
    fields = {name: getattr(sample, name, None) for name in _FIELDS}
    if isinstance(fields["input"], list):
        fields["input"] = [_message(message) for message in fields["input"]]
    return fields


def _message(message: Any) -> Any:
    """Return a chat message as JSON: its role and its text."""
    if isinstance(message, Mapping):
        return dict(message)
    return {"role": getattr(message, "role", "user"), "content": getattr(message, "text", "")}


def _record(sample: Mapping[str, Any], place: int) -> dict[str, Any]:
    if not sample.get("input"):
        raise InputError(f"dataset: the sample at {place} has no input")
    record: dict[str, Any] = {"input": sample["input"]}
    if choices := sample.get("choices"):
        record["choices"] = _split(choices) if isinstance(choices, str) else list(choices)
    target = sample.get("target")
    if target not in (None, "", []):
        record[EXPECTED] = [str(t) for t in target] if isinstance(target, list | tuple) else str(target)
    return record | metadata_columns(_metadata(sample.get("metadata"), place))


def _split(choices: str) -> list[str]:
    """Return the choices of a CSV, as Inspect reads them: between commas, or between blanks where there are none."""
    return [part.strip() for part in choices.split(",")] if "," in choices else choices.split()


def _metadata(given: Any, place: int) -> Mapping[str, Any]:
    """Return the metadata of a sample, which a CSV has as JSON text."""
    value = given
    if isinstance(given, str):
        try:
            value = json.loads(given)
        except (ValueError, RecursionError):
            value = None if given.strip() else {}
    if value is None and given is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError(f"dataset: the metadata of the sample at {place} is {short(given)}; give an object")
    return value
