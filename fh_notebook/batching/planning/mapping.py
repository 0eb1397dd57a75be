"""Input mapping: which Start variable takes a column, a constant, or the result of a function of the row.

Rule of this file: never guess between a column and a text. In ``inputs={...}``

- a string is the name of a column, and one that names none is an error with the cure (``const("calm")`` is a text);
- a function is called with the row, a dict of its columns;
- anything else (a number, a list, ``const(...)``, ``fh.file("x.pdf")``) is the same for every row.

A declared Start variable that ``inputs`` does not name takes the column of its name where there is one. A deployment
that declares nothing takes every plain column.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import pandas as pd

from fh_notebook.batching.tables.rows import Rows, label_part
from fh_notebook.batching.tables.values import object_series, plain
from fh_notebook.client.uploads import FileColumn, FileInput
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.schema.build import fill_defaults
from fh_notebook.contract.schema.coercion import coerce
from fh_notebook.contract.schema.file_texts import LOOKED_AT, file_encoding_of, may_be_content
from fh_notebook.contract.schema.validation import Checker, problems
from fh_notebook.contract.secrets import Mask, Secrets
from fh_notebook.core.arguments import public
from fh_notebook.core.json_values import is_missing
from fh_notebook.core.redaction import MASK, error_text
from fh_notebook.core.text.formatting import listed, nearest, short
from fh_notebook.core.text.messages import Message, Phrase
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import InputError


@dataclass(frozen=True, slots=True)
class Const:
    """A value that is the same for every row."""

    value: Any

    def __repr__(self) -> str:
        # Integers of 4,300 digits have no repr; what hides itself in its own is not spelt otherwise.
        return f"Const(value={short(self.value) if type(self.value) is int else repr(self.value)})"


@dataclass(frozen=True, slots=True)
class ColumnInput:
    """The value of a column of the row."""

    name: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """No value, whatever column has the variable's name: it is not sent, unless as its declared default."""

    reads: frozenset[str] = frozenset()
    """The columns that would be its own: those of a password are not shown all the same."""


Source = Const | ColumnInput | LeftOut | Callable[[dict[str, Any]], Any]


@public
def const(value: Any) -> Const:
    """Return `value` as the same input for every row; needed for a string, which would otherwise name a column.

    Examples
    --------
    >>> const("calm")
    Const(value='calm')
    """
    return Const(value)


def read_mapping(inputs: Any, rows: Rows, deployment: Deployment, *, others: Iterable[Deployment] = ()) -> InputMapper:
    """Return what every Start variable takes, from ``batch(inputs=...)``."""
    sources: dict[str, Source] = {}
    problems: list[Problem] = []
    for name, value in _items(inputs):
        source = _source(value)
        if (column := _column_of(source)) is not None and column not in rows.columns:
            problems.append(_no_such_column(name, column, rows, is_file=isinstance(source, FileColumn)))
        if problem := _unknown_variable(name, deployment):
            if any(_unknown_variable(name, other) is None for other in others):
                continue
            problems.append(problem)
        sources[name] = source
    for name in _variables_with_columns(inputs, rows, deployment):
        sources.setdefault(name, ColumnInput(name))
    problems += _missing(sources, rows, deployment)
    if problems:
        raise InputError(problems, where=deployment.name)
    return InputMapper(sources=sources, deployment=deployment, tabular=rows.tabular)


def hidden_columns(mapper: InputMapper, rows: Rows) -> frozenset[str]:
    """Return the columns that a secret Start variable takes.

    A function that says which columns it `reads` (a cell's template does) takes those; what another one makes of which
    columns cannot be told, and they stay as they are.
    """
    secrets = Secrets.of(mapper.deployment.inputs)
    columns = (_columns_of(source) for name, source in mapper.sources.items() if secrets.cover([name]))
    return frozenset().union(*columns) & frozenset(rows.columns)


def without_secrets(rows: Rows, hidden: frozenset[str]) -> Rows:
    """Return `rows` as they may be shown and saved: `hidden` columns are masked, and no label repeats one of them."""
    if not hidden:
        return rows
    rows = with_shown_labels(rows, hidden)

    def masked_frame() -> pd.DataFrame:
        frame = rows.frame.copy()
        for column in hidden:
            frame[column] = object_series(value if is_missing(value) else MASK for value in frame[column].tolist())
        return frame

    records = tuple(
        {c: MASK if c in hidden and not is_missing(v) else v for c, v in record.items()} for record in rows.records
    )
    return replace(rows, make_frame=masked_frame, records=records)


def with_shown_labels(rows: Rows, hidden: frozenset[str]) -> Rows:
    """Return `rows` under labels that may be shown: their positions, where a label repeats a hidden cell."""
    if rows.index is None or not labels_repeat(rows.labels, rows, hidden):
        return rows
    note = "labels of rows repeat a password, so rows are named by their position from 0"
    note = "; ".join(filter(None, (rows.note, note)))
    return replace(rows, labels=tuple(range(len(rows))), index=None, note=note)


def labels_repeat(labels: Iterable[Any], rows: Rows, hidden: frozenset[str]) -> bool:
    """Whether the label of a row holds the value of a hidden cell of that row, or what a label shows of it."""
    return any(
        spelling in str(label)
        for label, record in zip(labels, rows.records, strict=True)
        for column in hidden
        if not is_missing(value := record.get(column))
        for spelling in _spellings(value)
    )


def _spellings(value: Any) -> set[str]:
    """Return how a value may stand in a label: whole, a part of it, or cut, as labels of a grid have it."""
    texts = Mask.of(value).texts
    return {str(value), *texts, *(label_part(text).removesuffix("…") for text in (value, *texts))} - {""}


def _columns_of(source: Source) -> Iterable[str]:
    return (source.name,) if isinstance(source, ColumnInput) else getattr(source, "reads", ())


def _items(inputs: Any) -> list[tuple[str, Any]]:
    if inputs is None:
        return []
    if not isinstance(inputs, Mapping):
        raise InputError(f"inputs is {short(inputs)}; give a mapping of Start variables to columns, or None")
    return list(inputs.items())


def _source(value: Any) -> Source:
    if isinstance(value, Const | LeftOut):
        return value
    if isinstance(value, FileInput):  # a text that names no column
        return Const(value)
    if isinstance(value, str):
        return ColumnInput(value)
    return value if callable(value) else Const(value)


def _no_such_column(variable: str, column: str, rows: Rows, *, is_file: bool = False) -> Problem:
    close = nearest(column, rows.columns)
    suggestion = f"did you mean {close!r}?" if close else f"the columns are {listed(rows.columns, 'and') or 'none'}."
    if is_file:
        hint = Message("{} For the same file in all rows, give {}", (suggestion, f"fh.file({short(column)})"))
    else:
        fixed = Phrase(f"fh.const({short(column)})", command=f"--const VARIABLE={short(column)}")
        hint = Message("{} For a fixed text, give {}", (suggestion, fixed))
    return Problem((str(variable),), "column", message=f"the column {short(column)} does not exist", hint=hint)


def _unknown_variable(variable: Any, deployment: Deployment) -> Problem | None:
    """Say that there is no such Start variable, where all of them are declared: before a column is asked for."""
    names = deployment.variable_names
    is_open = deployment.inputs.get("additionalProperties") is not False or "patternProperties" in deployment.inputs
    if is_open or variable in names:
        return None
    close = nearest(variable, names)
    suggestion = f"did you mean {close!r}?" if close else f"the variables are {listed(names, 'and') or 'none'}"
    return Problem((str(variable),), "additionalProperties", message="this variable does not exist", hint=suggestion)


def _variables_with_columns(inputs: Any, rows: Rows, deployment: Deployment) -> list[str]:
    if declared := deployment.variable_names:
        return [name for name in declared if name in rows.columns]
    # Nothing is declared: either the mapping says it all, or every plain column is an input (dataset convention).
    return rows.plain_columns if inputs is None and deployment.inputs.get("additionalProperties") is not False else []


def _missing(sources: Mapping[str, Source], rows: Rows, deployment: Deployment) -> list[Problem]:
    if not len(rows):  # an empty list has no columns, and no row that would miss one
        return []
    properties = deployment.inputs.get("properties", {})
    columns = f"The columns are {listed(rows.columns, 'and') or 'none'}"
    message = "it is required, and no column has its name"
    return [
        Problem(
            (name,),
            "required",
            message=message,
            hint=Message("map it with {}. {}", (_map(name, rows.plain_columns), columns)),
        )
        for name in deployment.inputs.get("required", ())
        if name not in sources and not _has_default(properties.get(name))
    ]


NOT_FILES: Final = "file"
"""The keyword of the problem that a column has texts for a variable that takes the content of a file."""


def _not_files(column: str) -> Problem:
    message = f"column {short(column)} holds texts, not files"
    return Problem((), NOT_FILES, message=message, hint=f"give fh.file(column={short(column)})")


def is_no_content(text: str, encoding: str) -> bool:
    """Whether a text is certainly not the content of a file, nor its address: a path, say."""
    return not may_be_content(text, encoding) or (0 < len(text) <= LOOKED_AT and os.path.isfile(text))


def _map(name: str, columns: Iterable[str] = ()) -> Phrase:
    """Return how a variable is mapped, with the column that was probably meant for it."""
    column = nearest(name, columns)
    return Phrase(
        f"inputs={{{name!r}: {repr(column) if column else '...'}}}",
        command=f"--map {shlex.quote(f'{name}={column}') if column else f'{name}=COLUMN'}",
    )


def _has_default(schema: Any) -> bool:
    return isinstance(schema, Mapping) and "default" in schema


_DEEPER: Final = ("$ref", "$dynamicRef", "properties", "anyOf", "oneOf", "allOf")
"""Keywords behind which a default may lie."""
_READ: Final = frozenset({*_DEEPER, "enum", "const", "format"})
"""Keywords by which a text may be read as something else."""


@dataclass(frozen=True)
class InputMapper:
    """Makes the inputs of a row."""

    sources: Mapping[str, Source]
    deployment: Deployment
    tabular: bool

    @cached_property
    def _defaults(self) -> dict[str, Any] | None:
        """The declared defaults, where all of them are plain values at the top; ``None``: they are to be looked for."""
        declared = self.deployment.inputs.get("properties", {})
        schemas = {name: schema for name, schema in declared.items() if isinstance(schema, Mapping)}
        plain_values = all(isinstance(schema.get("default"), str | int | float | None) for schema in schemas.values())
        if any(keyword in schema for schema in schemas.values() for keyword in _DEEPER) or not plain_values:
            return None
        return {name: schema["default"] for name, schema in schemas.items() if "default" in schema}

    @cached_property
    def _checker(self) -> Checker:
        return Checker.of(self.deployment.inputs)

    @cached_property
    def _plain_texts(self) -> frozenset[str]:
        """The variables that are any text: a cell's text is that text, and nothing is to be read in it."""
        declared = self.deployment.inputs.get("properties", {})
        return frozenset(
            name
            for name, schema in declared.items()
            if isinstance(schema, Mapping) and schema.get("type") == "string" and not _READ.intersection(schema)
        )

    @cached_property
    def _files(self) -> dict[str, str]:
        """The variables that take the content of a file, with its encoding."""
        root = self.deployment.inputs
        found = {name: file_encoding_of(schema, root) for name, schema in root.get("properties", {}).items()}
        return {name: encoding for name, encoding in found.items() if encoding is not None}

    def inputs_of(self, record: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
        """Return the inputs of one row, defaults filled in, unchecked, and what kept them from being made."""
        inputs: dict[str, Any] = {}
        problems: list[Problem] = []
        for name, source in self.sources.items():
            try:
                inputs.update(self._value(name, source, record))
            except InputError as exc:  # ours, from an expression of a cell: it says all
                problems += [self._located(problem.inside((name,))) for problem in exc.problems]
            except Exception as exc:  # a user's function may raise anything
                message = f"its function raised {error_text(exc)}"
                problems.append(Problem((name,), "function", message=message))
        if problems:
            return inputs, problems
        if self._defaults is None:
            return fill_defaults(self.deployment.inputs, inputs), []
        for name, default in self._defaults.items():
            inputs.setdefault(name, default)
        return inputs, []

    def problems_of(self, inputs: Mapping[str, Any]) -> list[Problem]:
        """Return every problem of made inputs, with the column where it is not the variable's own."""
        return [self._located(p) for p in self._checker.problems(inputs)]

    def _value(self, name: str, source: Source, record: dict[str, Any]) -> dict[str, Any]:
        """Return the variable with its value, or nothing where the row has none."""
        if isinstance(source, Const):
            return {name: plain(source.value)}
        if isinstance(source, LeftOut):
            return {}
        schema = self.deployment.inputs.get("properties", {}).get(name)
        if isinstance(source, ColumnInput):
            is_there = source.name in record
            value = record.get(source.name)
            if isinstance(value, str) and (encoding := self._files.get(name)) and is_no_content(value, encoding):
                raise InputError([_not_files(source.name)])
            if self.tabular and not (isinstance(value, str) and name in self._plain_texts):
                value = coerce(value, schema, self.deployment.inputs)
        else:
            is_there, value = True, plain(source(dict(record)))
        if is_missing(value):
            # A null is sent only where it was given and is declared to mean something; else the value is missing.
            return {name: None} if is_there and _takes_null(schema) else {}
        return {name: value}

    def _located(self, problem: Problem) -> Problem:
        """Add the column's name to a problem where it is not the variable's own."""
        column = _column_of(self.sources.get(str(problem.path[0]))) if problem.path else None
        if column is None or problem.is_at((column,)) or problem.keyword == NOT_FILES:
            return problem
        return replace(problem, message=Message("{} (column {})", (problem.message, short(column))))


def _column_of(source: Any) -> str | None:
    """Return the one column that a source takes its value, or its file, from."""
    if isinstance(source, ColumnInput):
        return source.name
    return source.column if isinstance(source, FileColumn) else None


def _takes_null(schema: Any) -> bool:
    if not isinstance(schema, Mapping):
        return False
    return not problems({"type": "object", "properties": {"x": schema}}, {"x": None})
