"""Code export of a form over rows: a ``%%fetchhive`` cell with ``--over``, or Python with `fh.batch`. Pure.

Rule of this file: what is written sends what the form sends. A constant is written as itself, a default too (who reads
the cell later may not have the declaration), and a secret has a name in its place, as in every copy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fh_notebook.contract.snippet.writer import python_literal
from fh_notebook.errors import InputError
from fh_notebook.notebook.cell.template import row_of
from fh_notebook.notebook.forms.code_export import SecretPlaceholder, body_of, line_of, prompt_lines, with_placeholders
from fh_notebook.notebook.forms.model.row_mapping import RowMapping, SourceKind

__all__ = ["as_cell_over", "as_python_over"]


def as_cell_over(
    mapping: RowMapping, variants: Sequence[str], *, rows: str, repeats: int = 1, delivery: str = "direct"
) -> str:
    """Return the ``%%fetchhive`` cell of a form over rows; `rows` is the name of the variable that has them.

    Raises
    ------
    InputError
        A name cannot stand in a cell.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> mapping = RowMapping(fh.Deployment("triage"), [{"body": "Late."}], {"tone": "calm"})
    >>> print(as_cell_over(mapping, ["a"], rows="tickets"))
    %%fetchhive triage -v a --over tickets
    body: "{{ row.body }}"
    tone: calm
    """
    deployment = mapping.deployment
    columns = {name: SecretPlaceholder(f"fhcolumn{n}x") for n, name in enumerate(_by_column(mapping))}
    held = _in_order(mapping, {**with_placeholders(deployment, _constants(mapping), taken={rows}), **columns})
    body = body_of(deployment, held)
    for name, hole in columns.items():
        expression = json.dumps(_row_of(mapping.sources[name].column))[1:-1]
        body = body.replace(f"{{{{ {hole.name} }}}}", f"{{{{ {expression} }}}}")
    line = line_of(deployment.name, variants, repeats, "", delivery)
    return f"{line} --over {rows}\n{body}"


def as_python_over(
    mapping: RowMapping, variants: Sequence[str], *, rows: str, repeats: int = 1, delivery: str = "direct"
) -> str:
    """Return the Python code of a form over rows; `rows` is the name of the variable that has them.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> mapping = RowMapping(fh.Deployment("triage"), [{"body": "Late."}], {"tone": "calm"})
    >>> print(as_python_over(mapping, ["a"], rows="tickets"))
    import fh_notebook as fh
    <BLANKLINE>
    inputs = {
        'body': 'body',
        'tone': fh.const('calm'),
    }
    batch = fh.batch(tickets, 'triage', variants=['a'], inputs=inputs)
    """
    constants = with_placeholders(mapping.deployment, _constants(mapping), taken={rows})
    held: dict[str, Any] = {name: _Const(value) for name, value in constants.items()}
    held.update({name: mapping.sources[name].column for name in _by_column(mapping)})
    more = [f"repeats={repeats}"] if repeats > 1 else []
    more += [f"delivery={delivery!r}"] if delivery != "direct" else []
    unwanted = [name for name in mapping.rows.columns if _is_left_out(mapping, name)]
    source = f"{rows}.drop(columns={unwanted!r})" if unwanted else rows
    call = [source, repr(mapping.deployment.name), f"variants={list(variants)!r}", "inputs=inputs", *more]
    lines = [*prompt_lines(constants), f"inputs = {python_literal(_in_order(mapping, held))}"]
    lines += [f"batch = fh.batch({', '.join(call)})"]
    return "\n".join(lines)


class _Const:
    """A constant, as Python writes it."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __repr__(self) -> str:
        return f"fh.const({self._value!r})"


def _by_column(mapping: RowMapping) -> list[str]:
    return [name for name, source in mapping.sources.items() if source.kind is SourceKind.COLUMN]


def _constants(mapping: RowMapping) -> dict[str, Any]:
    """What is the same in every row, defaults too."""
    found: dict[str, Any] = {}
    for name, source in mapping.sources.items():
        schema = mapping.schema_of(name)
        if source.kind is SourceKind.CONSTANT:
            found[name] = source.value
        elif source.kind is SourceKind.NOTHING and isinstance(schema, Mapping) and "default" in schema:
            found[name] = schema["default"]
    return found


def _is_left_out(mapping: RowMapping, column: str) -> bool:
    """Whether a variable is not sent, though a column has its name: the batch would take that."""
    source = mapping.sources.get(column)
    return source is not None and source.kind is SourceKind.NOTHING and column not in _constants(mapping)


def _in_order(mapping: RowMapping, held: Mapping[str, Any]) -> dict[str, Any]:
    return {name: held[name] for name in mapping.sources if name in held}


def _row_of(column: str) -> str:
    if "{" in column or "}" in column:
        raise InputError(f"the column {column!r} cannot be named in a cell; copy it as Python")
    return row_of(column)
