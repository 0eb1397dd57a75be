"""`RowMapping`: which Start variable takes which column or constant of the rows of a batch form.

Pure but for the plan.

Rule of this file: what is previewed is made by the very mapper that the batch uses, so that a row looks here as it is
sent. A constant that was typed is text, and is read as declared; one that a program gave keeps its kind.

A variable that takes the content of a file takes the files that a column names, where that column has texts that are
no content: what is sent is each file's address, as of ``fh.file(column=...)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from fh_notebook.batching import api
from fh_notebook.batching.options import BatchOptions
from fh_notebook.batching.planning.mapping import (
    LeftOut,
    const,
    hidden_columns,
    is_no_content,
    read_mapping,
    with_shown_labels,
)
from fh_notebook.batching.planning.plan import Plan
from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.batching.tables.rows import Rows
from fh_notebook.client.uploads import FileColumn, file_named
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.schema.coercion import coerce
from fh_notebook.contract.schema.file_texts import file_encoding_of
from fh_notebook.contract.secrets import Secrets, hidden, mask_inputs
from fh_notebook.core.redaction import MASK
from fh_notebook.core.text.formatting import one_line, path_text
from fh_notebook.core.text.messages import CELL
from fh_notebook.core.text.problems import Problem
from fh_notebook.core.values import UNSET
from fh_notebook.errors import InputError
from fh_notebook.session import session

if TYPE_CHECKING:
    from fh_notebook.client.clients import Client

PREVIEWED: Final = 3
"""Rows that are shown as they would be sent."""

LOOKED_AT: Final = 100
"""Rows that tell whether a column has the content of files, or their paths."""

VALUE_CAP: Final = 80
"""Characters of one value in a preview."""

TO_FILL: Final = "choose its column, or give a constant"


class SourceKind(Enum):
    """Where a variable's value is from."""

    COLUMN = "column"
    FILES = "files"
    """The file that a column names, as of ``fh.file(column=...)``."""
    CONSTANT = "constant"
    NOTHING = "nothing"
    """It is not sent, unless as its declared default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableSource:
    """What one Start variable takes."""

    kind: SourceKind
    column: str = ""
    value: Any = None
    """Of a constant, as it is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The first rows as they would be sent."""

    labels: tuple[Any, ...] = ()
    inputs: tuple[Mapping[str, Any], ...] = ()
    """One a row, secrets masked."""
    problems: tuple[Problem, ...] = ()
    """What does not fit: of the mapping itself, else of these rows."""


class RowMapping:
    """Which Start variable takes what of a row.

    Parameters
    ----------
    deployment : Deployment
        Whose variables; where none is declared, each plain column is one.
    rows : object
        As :func:`fh_notebook.batch` takes them.
    values : mapping, optional
        Constants; ``fh.file(column=...)`` is the file that a column names in each row.

    Raises
    ------
    InputError
        The rows cannot be read.

    Examples
    --------
    >>> from fh_notebook.contract.schema.variables import integer, text
    >>> dep = Deployment("brief", variants=["a"], inputs={"topic": text(), "words": integer(default=100)})
    >>> mapping = RowMapping(dep, [{"subject": "AI"}, {"subject": "tea"}])
    >>> print(*mapping.preview().problems)
    topic: is required; choose its column, or give a constant
    >>> mapping.take_column("topic", "subject")
    >>> mapping.preview().inputs
    ({'topic': 'AI', 'words': 100}, {'topic': 'tea', 'words': 100})
    """

    def __init__(self, deployment: Deployment, rows: Any, values: Mapping[str, Any] | None = None) -> None:
        self.deployment = deployment
        self.rows: Rows = read_rows(rows, deployment)
        self._secrets = Secrets.of(deployment.inputs)
        self._sources = {name: self._first_source(name, values or {}) for name in self._names(values or {})}

    def _names(self, values: Mapping[str, Any]) -> list[str]:
        declared = self.deployment.variable_names or self.rows.plain_columns
        return list(dict.fromkeys([*declared, *values]))

    def _first_source(self, name: str, values: Mapping[str, Any]) -> VariableSource:
        if name in values:
            return self._constant(name, values[name])
        if name in self.rows.columns:
            return self._of_column(name, name)
        return VariableSource(kind=SourceKind.NOTHING)

    @property
    def sources(self) -> dict[str, VariableSource]:
        """What each variable takes, by its name."""
        return dict(self._sources)

    @property
    def columns(self) -> dict[str, str]:
        """The columns whose values are taken, by variable."""
        return {name: source.column for name, source in self._sources.items() if source.kind is SourceKind.COLUMN}

    @property
    def file_columns(self) -> dict[str, str]:
        """The columns whose files are taken, by variable."""
        return {name: source.column for name, source in self._sources.items() if source.kind is SourceKind.FILES}

    @property
    def constants(self) -> dict[str, Any]:
        """The values that are the same in every row, by variable; declared defaults too."""
        values: dict[str, Any] = {}
        for name, source in self._sources.items():
            schema = self.schema_of(name)
            if source.kind is SourceKind.CONSTANT:
                values[name] = source.value
            elif source.kind is SourceKind.NOTHING and isinstance(schema, Mapping) and "default" in schema:
                values[name] = schema["default"]
        return values

    def schema_of(self, name: str) -> Any:
        """Return the declared JSON Schema of a variable, ``{}`` where there is none."""
        return self.deployment.inputs.get("properties", {}).get(name, {})

    def is_required(self, name: str) -> bool:
        """Whether a call without it is refused."""
        return name in self.deployment.inputs.get("required", ())

    def is_secret(self, name: str) -> bool:
        """Whether its value is never shown."""
        return self._secrets.cover([name])

    def is_file(self, name: str) -> bool:
        """Whether it takes the content of a file."""
        return file_encoding_of(self.schema_of(name), self.deployment.inputs) is not None

    def take_column(self, name: str, column: str) -> None:
        """Have a variable take a column's value, or the files that it names, where its texts are no content of one."""
        self._sources[name] = self._of_column(name, column)

    def take_files(self, name: str, column: str) -> None:
        """Have a variable take the file that a column names in each row."""
        self._sources[name] = VariableSource(kind=SourceKind.FILES, column=column)

    def _of_column(self, name: str, column: str) -> VariableSource:
        encoding = file_encoding_of(self.schema_of(name), self.deployment.inputs)
        texts = (record.get(column) for record in islice(self.rows.records, LOOKED_AT if encoding else 0))
        names_files = any(isinstance(text, str) and is_no_content(text, encoding or "") for text in texts)
        return VariableSource(kind=SourceKind.FILES if names_files else SourceKind.COLUMN, column=column)

    def take_typed(self, name: str, typed: str) -> None:
        """Have a variable take what a person typed, in every row."""
        self.take_value(name, coerce(typed, self.schema_of(name), self.deployment.inputs))

    def take_value(self, name: str, value: Any) -> None:
        """Have a variable take a value of a program's, in every row; ``UNSET`` leaves it out."""
        self._sources[name] = self._constant(name, value)

    def _constant(self, name: str, value: Any) -> VariableSource:
        if value is UNSET:
            return VariableSource(kind=SourceKind.NOTHING)
        if isinstance(value, FileColumn):
            return VariableSource(kind=SourceKind.FILES, column=value.column)
        return VariableSource(kind=SourceKind.CONSTANT, value=hidden(value) if self.is_secret(name) else value)

    def take_nothing(self, name: str) -> None:
        """Leave a variable out."""
        self._sources[name] = VariableSource(kind=SourceKind.NOTHING)

    def take_past(self, values: Mapping[str, Any]) -> None:
        """Take as constants what an earlier call sent, for the variables that take no column."""
        for name, value in values.items():
            if name in self._sources and not self._sources[name].column:
                self.take_value(name, value)

    def moved_to(self, deployment: Deployment) -> None:
        """Go on with a deployment that has grown: new variables are there, and what was chosen stays."""
        self.deployment = deployment
        self._secrets = Secrets.of(deployment.inputs)
        self._sources = {
            name: self._sources[name] if name in self._sources else self._first_source(name, {})
            for name in dict.fromkeys([*deployment.variable_names, *self._sources])
        }

    def inputs(self) -> dict[str, Any]:
        """Return the mapping as :func:`fh_notebook.batch` takes it."""
        return {name: _as_input(name, source) for name, source in self._sources.items()}

    def source_text(self, name: str) -> str:
        """Return in words what a variable takes.

        Examples
        --------
        >>> mapping = RowMapping(Deployment("d"), [{"a": 1}], {"b": "calm"})
        >>> mapping.source_text("a"), mapping.source_text("b")
        ("column 'a'", "'calm' in every row")
        >>> pin = {"type": "string", "format": "password", "default": "1234"}
        >>> secret = Deployment("d", inputs={"type": "object", "properties": {"pin": pin}})
        >>> RowMapping(secret, [{"a": 1}]).source_text("pin")
        'not taken from a row; the default *** is sent'
        """
        source, schema = self._sources[name], self.schema_of(name)
        if source.kind is SourceKind.COLUMN:
            return f"column {source.column!r}"
        if source.kind is SourceKind.FILES:
            return f"the files named in column {source.column!r}, by the addresses of their uploads"
        if source.kind is SourceKind.CONSTANT:
            return f"{self._value_text(name, source.value)} in every row"
        if not isinstance(schema, Mapping) or "default" not in schema:
            return "not sent"
        return f"not taken from a row; the default {self._value_text(name, schema['default'])} is sent"

    def _value_text(self, name: str, value: Any) -> str:
        if self.is_secret(name):
            return MASK
        named = file_named(value)
        return str(named) if named is not None else one_line(repr(value), VALUE_CAP)

    def preview(self) -> Preview:
        """Return the first rows as they would be sent."""
        if missing := [name for name, source in self._sources.items() if self._is_missing(name, source)]:
            problem = Problem((), "required", message="is required", hint=TO_FILL)
            return Preview(problems=tuple(replace(problem, path=(name,)) for name in missing))
        try:
            mapper = read_mapping(self.inputs(), self.rows, self.deployment)
        except InputError as exc:
            return Preview(problems=exc.problems)
        shown = with_shown_labels(self.rows, hidden_columns(mapper, self.rows))
        labels, previewed, problems = shown.labels[:PREVIEWED], [], []
        for label, record in zip(labels, self.rows.records, strict=False):
            inputs, row_problems = mapper.inputs_of(record)
            previewed.append(mask_inputs(inputs, self._secrets))
            row_problems = row_problems or mapper.problems_of(inputs)
            problems += [replace(problem, rows=(label,)) for problem in row_problems]
        return Preview(labels=labels, inputs=tuple(previewed), problems=tuple(problems))

    def _is_missing(self, name: str, source: VariableSource) -> bool:
        schema = self.schema_of(name)
        has_default = isinstance(schema, Mapping) and "default" in schema
        return source.kind is SourceKind.NOTHING and self.is_required(name) and not has_default


def _as_input(name: str, source: VariableSource) -> Any:
    if source.kind is SourceKind.COLUMN:
        return source.column
    if source.kind is SourceKind.FILES:
        return FileColumn(source.column)
    return const(source.value) if source.kind is SourceKind.CONSTANT else LeftOut(frozenset({name}))


class SourceField:
    """What one Start variable of a form over rows takes, for a program.

    Parameters
    ----------
    mapping : RowMapping
        Of which it is a part.
    name : str
        The variable.
    changed : callable
        Called after something was assigned.
    """

    def __init__(self, mapping: RowMapping, name: str, changed: Callable[[], object]) -> None:
        self._mapping, self.name, self._changed = mapping, name, changed

    @property
    def column(self) -> str | None:
        """The column whose value, or whose file, it takes; ``None`` where it takes none. A name can be assigned."""
        return self._mapping.sources[self.name].column or None

    @column.setter
    def column(self, name: str) -> None:
        self._mapping.take_column(self.name, name)
        self._changed()

    @property
    def value(self) -> Any:
        """The constant of every row, ``fh.UNSET`` where it is none; of files, ``fh.file(column=...)``.

        Any value can be assigned, this one too.
        """
        source = self._mapping.sources[self.name]
        if source.kind is SourceKind.FILES:
            return FileColumn(source.column)
        return source.value if source.kind is SourceKind.CONSTANT else UNSET

    @value.setter
    def value(self, value: Any) -> None:
        self._mapping.take_value(self.name, value)
        self._changed()

    def __repr__(self) -> str:
        return f"<{path_text([self.name])}: {self._mapping.sources[self.name].kind.value}>"


def batch_plan(mapping: RowMapping, client: Client, *, variants: Sequence[str], repeats: int = 1) -> Plan:
    """Return what a batch would do: every row is checked, and looked up in the store; nothing is called or saved.

    As ``fh.batch(..., dry_run=True)``, but that ``fh.last_batch()`` stays what it was: nobody has asked for a batch.
    """
    options = BatchOptions(
        variants=list(variants), inputs=mapping.inputs(), repeats=repeats, progress=False, dry_run=True
    )
    store = session.store()
    prepared = api.prepare_batch(mapping.rows, mapping.deployment, options, client=client, store=store, audience=CELL)
    return prepared.batch.plan()
