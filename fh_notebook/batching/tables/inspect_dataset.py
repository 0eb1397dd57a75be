"""`fh.read_inspect`: a dataset of Inspect (inspect_ai) as rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any, Final

import pandas as pd

from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.batching.tables.rows import EXPECTED, first_problems, frame_of_records, metadata_columns
from fh_notebook.core import arguments
from fh_notebook.core.text.formatting import in_words, short, type_text
from fh_notebook.core.text.messages import counted
from fh_notebook.core.values import is_iterable
from fh_notebook.errors import InputError
from fh_notebook.session import session


@arguments.public
def read_inspect(dataset: str | PathLike[str] | Iterable[Any]) -> pd.DataFrame:
    """Read a dataset of Inspect (``inspect_ai``) as rows for ``fh.batch``.

    Columns: ``input`` (a text, or a list of messages as JSON, with ``role``, ``content``, and whatever else they have:
    images, tool calls), ``choices`` where there are some, ``expected_output``, which is the target (a text, or a list
    of texts of which one is right), and ``metadata.<name>``. The ids of the samples are the index, where all have one.
    Nothing is made of a sample's ``files``, ``setup`` and ``sandbox``; one line says of how many.

    Parameters
    ----------
    dataset : path, or list of samples
        A ``.csv``, ``.json`` or ``.jsonl`` file with the fields ``input``, ``target``, ``choices``, ``id`` and
        ``metadata``; or what ``inspect_ai.dataset.json_dataset(...)`` and its like return.

    Raises
    ------
    InputError
        It cannot be read, or a sample has no input; all problems together.

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
    given: tuple[Any, ...]
    if isinstance(dataset, str | PathLike):
        where, given = str(dataset), read_rows(dataset).records
    elif is_iterable(dataset) and not isinstance(dataset, Mapping | bytes | pd.DataFrame):
        where, given = "dataset", tuple(dataset)
    else:
        raise InputError(f"dataset is {type_text(dataset)}; give the path of a file, or a list of samples")
    samples = [_fields(sample) for sample in given]
    read = enumerate(zip(given, samples, strict=True))
    if problems := [f"sample {n}: {text}" for n, (sample, fields) in read for text in _problems(sample, fields)]:
        raise InputError(first_problems(problems), where=where)
    _tell_left_out(samples)
    records = [_record(sample) for sample in samples]
    columns = dict.fromkeys(name for record in records for name in record)
    rows = frame_of_records(records, columns)
    ids = [sample["id"] for sample in samples]
    if ids and all(value is not None for value in ids):
        rows.index = pd.Index(ids)
    return rows


_NOT_READ: Final = ("files", "setup", "sandbox")
"""What a sample asks of the place where it runs."""

_FIELDS: Final = ("input", "target", "choices", "id", "metadata", *_NOT_READ)


def _fields(sample: Any) -> dict[str, Any]:
    """Return the fields of a sample; of anything else, none has a value."""
    held = sample if isinstance(sample, Mapping) else {name: getattr(sample, name, None) for name in _FIELDS}
    fields = {name: held.get(name) for name in _FIELDS}
    if isinstance(fields["input"], list):
        fields["input"] = [_message(message) for message in fields["input"]]
    return fields


_DRAWN: Final = {"id", "source"}
"""Of a message: set anew each time that a dataset is read, by which the same inputs would be others."""


def _message(message: Any) -> Any:
    """Return a chat message as JSON, with all that it has."""
    dump: Callable[..., Any] | None = getattr(message, "model_dump", None)  # a dict, out of a file, has none
    return message if dump is None else dump(mode="json", exclude_none=True, exclude=_DRAWN)


def _problems(sample: Any, fields: Mapping[str, Any]) -> Iterator[str]:
    if not fields["input"]:
        yield f"{short(sample)} has no input; give samples of Inspect, or dicts with an input"
    if fields["choices"] is not None and not is_iterable(fields["choices"]):
        yield f"choices is {short(fields['choices'])}; give a list"
    if _metadata(fields["metadata"]) is None:
        yield f"metadata is {short(fields['metadata'])}; give an object"


def _tell_left_out(samples: Sequence[Mapping[str, Any]]) -> None:
    counts = {name: sum(bool(sample[name]) for sample in samples) for name in _NOT_READ}
    if left_out := [f"{name} of {counted(count, 'sample')}" for name, count in counts.items() if count]:
        session.tell_once(f"Left out of the dataset, because rows cannot hold it: {in_words(left_out, 'and')}.")


def _record(sample: Mapping[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = {"input": sample["input"]}
    if choices := sample["choices"]:
        record["choices"] = _split(choices) if isinstance(choices, str) else list(choices)
    target = sample["target"]
    if target not in (None, "", []):
        record[EXPECTED] = [str(t) for t in target] if isinstance(target, list | tuple) else str(target)
    return record | metadata_columns(_metadata(sample["metadata"]) or {})


def _split(choices: str) -> list[str]:
    """Return the choices of a CSV, as Inspect reads them: between commas, or between blanks where there are none."""
    return [part.strip() for part in choices.split(",")] if "," in choices else choices.split()


def _metadata(given: Any) -> Mapping[str, Any] | None:
    """Return the metadata of a sample, which a CSV has as JSON text; ``None`` where it is no object."""
    value = {} if given is None else given
    if isinstance(given, str):
        try:
            value = json.loads(given) if given.strip() else {}
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, Mapping) else None
