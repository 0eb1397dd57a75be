"""Inference of Start variables from sample values.

Rule of this file: a guess must not refuse what it cannot know. So an inferred schema is open, requires nothing, says no
bounds and no formats that are checked, and accepts every sample that it was made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from os import PathLike, fspath
from typing import Any, Final

from fh_notebook.core.text.formatting import KIND_OF_TYPE, short
from fh_notebook.errors import InputError

__all__ = ["frame_problem", "infer"]

MAX_DEPTH: Final = 20
"""Deeper than this nobody fills in a form; whatever is there is taken."""

LONG_TEXT: Final = 80
"""A sample text longer than this, or with a line break, gets several lines in a form."""


def infer(samples: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return an open JSON Schema of the inputs of which `samples` are examples.

    Parameters
    ----------
    samples : Mapping or iterable of Mapping
        One example of the inputs, or several.

    Raises
    ------
    InputError
        A sample is not a mapping.

    Examples
    --------
    >>> infer({"topic": "AI", "words": 100, "tags": ["a"]})["properties"]
    {'topic': {'type': 'string'}, 'words': {'type': 'integer'}, 'tags': {'type': 'array', 'items': {'type': 'string'}}}
    >>> infer([{"n": 1}, {"n": 2.5}, {"n": None}])["properties"]
    {'n': {'type': ['number', 'null']}}
    """
    seen = _Seen()
    for sample in [samples] if isinstance(samples, Mapping) else samples:
        if not isinstance(sample, Mapping):
            raise InputError(f"a sample of inputs is a mapping of names to values, not {short(sample)}")
        seen.add(sample)
    return {"type": "object", "properties": seen.properties()}


_READERS: Final = {
    ".csv": "pd.read_csv({})",
    ".tsv": "pd.read_csv({}, sep='\\t')",
    ".parquet": "pd.read_parquet({})",
    ".jsonl": "pd.read_json({}, lines=True)",
    ".json": "pd.read_json({})",
    ".xlsx": "pd.read_excel({})",
}


def frame_problem(frame: Any) -> str | None:
    """Return why `frame` is no DataFrame, with how to make one; ``None`` when it looks like one.

    Examples
    --------
    >>> frame_problem("t.csv")
    "'t.csv' is a file's name and no DataFrame; give pd.read_csv('t.csv')"
    """
    if hasattr(frame, "dtypes") and hasattr(frame, "columns") and not isinstance(frame, type):
        return None
    if isinstance(frame, str | PathLike):
        path = fspath(frame)
        path = path if isinstance(path, str) else path.decode(errors="replace")
        reader = next((r for end, r in _READERS.items() if path.casefold().endswith(end)), None)
        made = f"give {reader.format(short(path, 200))}" if reader else "read it first, as by pd.read_csv"
        return f"{short(path)} is a file's name and no DataFrame; {made}"
    is_rows = isinstance(frame, Mapping | list | tuple)
    return f"{short(frame)} is no DataFrame; {'give pd.DataFrame(...) of it' if is_rows else 'give one'}"


@dataclass(slots=True)
class _Seen:
    """What was seen at one place of the samples."""

    kinds: set[str] = field(default_factory=set)
    names: dict[str, _Seen] = field(default_factory=dict)
    items: _Seen | None = None
    long: bool = False

    def add(self, value: Any, depth: int = 0) -> None:
        self.kinds.add(_kind(value) if depth < MAX_DEPTH else "any")
        if depth >= MAX_DEPTH:
            return
        if isinstance(value, str):
            self.long = self.long or len(value) > LONG_TEXT or "\n" in value
        elif isinstance(value, Mapping):
            for name, item in value.items():
                self.names.setdefault(str(name), _Seen()).add(item, depth + 1)
        elif isinstance(value, list | tuple):
            self.items = self.items or _Seen()
            for item in value:
                self.items.add(item, depth + 1)

    def properties(self) -> dict[str, Any]:
        return {name: seen.schema() for name, seen in self.names.items()}

    def schema(self) -> dict[str, Any]:
        kinds = self.kinds - {"integer"} if "number" in self.kinds else self.kinds
        if "any" in kinds or kinds <= {"null"}:
            return {}  # null alone says only that the variable exists
        # null last: what the variable is when it is something is read first
        named = sorted(kinds, key=lambda kind: (kind == "null", kind))
        schema: dict[str, Any] = {"type": named[0] if len(named) == 1 else named}
        if self.long and kinds <= {"string", "null"}:
            schema["format"] = "textarea"
        if self.names:
            schema["properties"] = self.properties()
        if self.items is not None and (items := self.items.schema()):
            schema["items"] = items
        return schema


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return "object"
    if isinstance(value, list | tuple):
        return "array"
    return next((name for kind, name in KIND_OF_TYPE.items() if isinstance(value, kind)), "any")
