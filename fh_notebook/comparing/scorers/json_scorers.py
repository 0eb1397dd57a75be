"""Scorers of JSON outputs: `json_valid`, `json_schema`, `json_path`, `json_fields`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fh_notebook.comparing.scorers.base import (
    MAX_PARTS,
    Answer,
    Scorer,
    expected_in,
    expecting_scorer_text,
    ready_scorer,
    scorer_text,
)
from fh_notebook.comparing.scorers.combined import Combined
from fh_notebook.comparing.scorers.function import scorer_of
from fh_notebook.comparing.scorers.output_values import (
    NOTHING,
    is_equal,
    is_same,
    parse_path,
    parse_query,
    part_of,
    select,
)
from fh_notebook.contract.run import Run, json_of
from fh_notebook.contract.schema.build import to_schema
from fh_notebook.contract.schema.validation import Checker, fits, schema_problems
from fh_notebook.core import arguments
from fh_notebook.core.json_values import json_problems, jsonable
from fh_notebook.core.text.formatting import short
from fh_notebook.core.values import UNSET, ColumnName
from fh_notebook.errors import InputError


@arguments.public
def json_valid() -> Scorer:
    """Return a scorer that checks whether the output is JSON: an object, a list, or a text that parses.

    Examples
    --------
    >>> [json_valid()(Run(status="completed", output=text), {}) for text in ('{"a": 1}', "a")]
    [True, False]
    """

    def score(run: Answer, row: Mapping[str, Any]) -> bool:
        try:
            value = _json_value(run)
        except (ValueError, RecursionError):
            return False
        # Python reads NaN and Infinity, which JSON has not; a text without these words holds neither.
        is_suspect = isinstance(run.output, str) and ("NaN" in run.output or "Infinity" in run.output)
        return not (is_suspect and json_problems(value))

    return ready_scorer("json_valid()", score, reads=None, criterion="right = the output is JSON")


@arguments.public
def json_schema(schema: Any, *, path: str | None = None) -> Scorer:
    """Return a scorer that checks whether the output fits a JSON Schema.

    An output of text is read as JSON, also from inside a code fence. Patterns in the schema are
    those of JSON Schema (ECMA 262), and none of them can hang the notebook.

    Parameters
    ----------
    schema : mapping, or class with ``model_json_schema``
        A JSON Schema of whatever kind; a pydantic model; or names of fields with ``fh.text()`` and its like.
    path : str, optional
        A path into the output, such as ``items[0]``.

    Raises
    ------
    InputError
        The schema, a pattern in it, or the path cannot be read.

    Examples
    --------
    >>> rule = json_schema({"type": "object", "required": ["label"]})
    >>> [rule(Run(status="completed", output=text)) for text in ('{"label": "x"}', "{}", "x")]
    [True, False, False]
    """
    arguments.check(json_schema, locals(), but={"path"})
    steps = parse_path(path)
    if not isinstance(schema, Mapping | bool | type):
        raise InputError(f"schema is {short(schema)}; give a JSON Schema, or a model that has one")
    rules = _schema(schema)
    if problems := schema_problems(rules):
        raise InputError(f"the schema cannot be used: {'; '.join(map(str, problems[:3]))}")
    if unusable := Checker.of(rules).error:
        raise InputError(f"the schema cannot be used: {unusable}")

    def score(run: Answer, row: Mapping[str, Any]) -> bool:
        value = _json_value_at(run, steps)
        return value is not NOTHING and fits(rules, value)

    name = scorer_text("json_schema", rules, path=(path, None))
    return ready_scorer(name, score, reads=None, rules=rules, path=path, criterion="right = fits the schema")


def _schema(schema: Any) -> dict[str, Any]:
    if isinstance(schema, Mapping) and not _is_declaration(schema):
        return dict(schema)
    return to_schema(schema)


def _is_declaration(schema: Mapping[str, Any]) -> bool:
    """Whether it is names of fields, and not a schema: a schema has no values with a schema of their own."""
    return bool(schema) and all(hasattr(value, "schema") for value in schema.values())


def _json_value(run: Answer) -> Any:
    """Return the output as a JSON value."""
    if run.output is None:
        raise ValueError("the run has no output")
    return json_of(run.output)


def _json_value_at(run: Answer, steps: tuple[str | int, ...]) -> Any:
    try:
        return part_of(run.output, steps) if steps else _json_value(run)
    except (ValueError, RecursionError):
        return NOTHING


@arguments.public
def json_path(path: str, *, equals: Any = UNSET, expected: ColumnName | None = None) -> Scorer:
    """Return a scorer that checks what a path finds in the output: any value, or the given one.

    Of several values that it finds, one is enough. ``null`` is found only by ``equals=None``. At most 100,000 values of
    one output are looked at; an output that has more has a missing score that says so.

    Parameters
    ----------
    path : str
        ``label``, ``items[0].name``, ``$.items[*].name``, ``$..price``, ``$['a name'][-1]``: names, places, ``*`` and
        ``..`` of RFC 9535 (JSONPath); there are no filters.
    equals : JSON value, optional
        What it must find.
    expected : str, optional
        The column of the row that holds what it must find, in place of `equals`.

    Raises
    ------
    InputError
        The path cannot be read, or both are given.

    Examples
    --------
    >>> run = Run(status="completed", output={"items": [{"name": "a"}, {"name": "b"}]})
    >>> json_path("$.items[*].name")(run), json_path("$.items[*].name", equals="c")(run)
    (True, False)
    """
    arguments.check(json_path, locals(), but={"path"})
    expected = arguments.column_text(expected)
    equals = equals if equals is UNSET else jsonable(equals)
    if equals is not UNSET and (problems := json_problems(equals, ("equals",))):
        raise InputError(problems)
    if equals is not UNSET and expected is not None:
        raise InputError("json_path takes equals= or expected=, not both")
    query = parse_query(path)

    def score(run: Answer, row: Mapping[str, Any]) -> bool | None:
        expected_value = expected_in(row, expected) if expected is not None else equals
        if expected is not None and expected_value is None:
            return None
        value = _json_value_at(run, ())
        values = [] if value is NOTHING else select(query, value)
        if expected_value is UNSET:
            return any(part is not None for part in values)
        same = is_same if expected is not None else is_equal
        return any(same(part, expected_value) for part in values)

    equal = ("nothing given" if equals is UNSET else equals, "nothing given")
    name = scorer_text("json_path", path, equals=equal, expected=(expected, None))
    equals_option = [] if equals is UNSET else [equals]
    wanted = f"equals {expected}" if expected is not None else "exists" if equals is UNSET else "has the given value"
    criterion = f"right = a part at the path {wanted}"
    return ready_scorer(name, score, reads=expected, path=path, equals=equals_option, criterion=criterion)


@arguments.public
def json_fields(
    expected: ColumnName = "expected_output",
    *,
    path: str | None = None,
    fields: Sequence[str] | None = None,
    compare: Mapping[str, Any] | None = None,
) -> Scorer:
    """Return a scorer that compares fields with an expected object: the share of right fields, and each as a part.

    A field that is not there is wrong. Fields that nobody expects do not count.

    Parameters
    ----------
    expected : str
        The column of the row that holds the object, or its JSON text.
    path : str, optional
        A path into the output, to the object that is compared.
    fields : list of str, optional
        Which fields; all that the row expects by default.
    compare : mapping of field to scorer, optional
        How some are compared, such as ``{"total": fh.score.number(0.01)}``: the scorer gets a run whose output is the
        field, and a row whose ``expected_output`` is what is expected of it. The others must be equal.

    Raises
    ------
    InputError
        The path or the fields cannot be read.

    Examples
    --------
    >>> run = Run(status="completed", output={"label": "billing", "urgent": False})
    >>> json_fields()(run, {"expected_output": {"label": "billing", "urgent": True}})
    {'label': True, 'urgent': False, 'score': 0.5}
    """
    arguments.check(json_fields, locals(), but={"path"})
    expected = arguments.column_text(expected)
    steps = parse_path(path)
    if fields is not None and not isinstance(fields, str):
        fields = list(fields)  # an array has no truth value, and an iterator ends
    if isinstance(fields, str) or fields == []:
        raise InputError(f"fields is {short(fields)}; give a list of names")
    field_scorers = {name: _field_scorer(name, field_scorer) for name, field_scorer in (compare or {}).items()}

    def score(run: Answer, row: Mapping[str, Any]) -> dict[str, Any] | None:
        expected_object = _expected_object(expected_in(row, expected), expected)
        if expected_object is None:
            return None
        names = list(expected_object) if fields is None else [name for name in fields if name in expected_object]
        if not names:
            return None
        if len(names) >= MAX_PARTS:
            raise InputError(
                f"{len(names):,} fields are expected; at most {MAX_PARTS:,} are supported: give fields=[...]"
            )
        value = _json_value_at(run, steps)
        there = value if isinstance(value, Mapping) else {}
        results = {
            str(n): _score_field(there.get(n, NOTHING), expected_object[n], field_scorers.get(n), run) for n in names
        }
        scores_of_fields = [float(v) for v in results.values() if v is not None]
        # A field of the name "score" is a part like the others, and is told under another name.
        named_parts = {("score_" if name == "score" else name): value for name, value in results.items()}
        return {**named_parts, "score": sum(scores_of_fields) / len(scores_of_fields) if scores_of_fields else None}

    name = expecting_scorer_text(
        "json_fields",
        expected,
        path=(path, None),
        fields=(fields, None),
        compare=({n: w.name for n, w in field_scorers.items()}, {}),
    )
    versions = {n: getattr(w, "version", None) for n, w in field_scorers.items()}
    criterion = f"score = share of the fields of {expected} that are right"
    field_scorer = ready_scorer(
        name, score, reads=expected, path=path, fields=fields, compare=versions, criterion=criterion
    )
    are_ready = all(getattr(w, "columns", None) is not None and versions[n] for n, w in field_scorers.items())
    return (
        field_scorer if are_ready else replace(field_scorer, version=None)
    )  # a function of your own may read more than its field


def _field_scorer(name: str, function: Any) -> Any:
    if not callable(function):
        raise InputError(f"compare[{name!r}] is not a scorer; give one of fh.score, or a function")
    field_scorer = function if isinstance(function, Scorer | Combined) else scorer_of(function)
    if field_scorer.is_async:
        raise InputError(f"compare[{name!r}] is async; give a plain function")
    return field_scorer


def _expected_object(cell: Any, column: str) -> Mapping[str, Any] | None:
    if isinstance(cell, str):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            raise InputError(f"the column {short(column)} holds {short(cell)}, which is not a JSON object") from None
    if cell is None:
        return None
    if not isinstance(cell, Mapping):
        raise InputError(f"the column {short(column)} holds {short(cell)}, which is not an object")
    return cell


def _score_field(value: Any, expected_value: Any, field_scorer: Any, run: Answer) -> Any:
    if value is NOTHING:
        return False
    if field_scorer is None:
        return is_equal(value, expected_value)
    return field_scorer(_run_of_field(run, value), {"expected_output": expected_value})


def _run_of_field(run: Answer, value: Any) -> Run:
    return Run(status=run.status, output=value, elapsed_s=run.elapsed_s, variant=run.variant)
