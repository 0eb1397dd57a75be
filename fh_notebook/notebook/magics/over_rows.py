"""``--over FRAME``: run the cell body for each row, as a batch.

Rule of this file: a cell of a table is text as a body is, so what ``{{ row.column }}`` takes out of a table is read as
declared; every other expression keeps its type, as do the rows of a list of dicts. The body is what is sent: a variable
that it does not name is left out, whatever column has its name.
"""

from __future__ import annotations

import ast
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from IPython.display import display

from fh_notebook.batching.options import BatchOptions
from fh_notebook.client.clients import Client
from fh_notebook.client.uploads import FileColumn
from fh_notebook.contract.catalog.writer import scalar
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.schema.coercion import coerce
from fh_notebook.contract.schema.text_variables import text_variables
from fh_notebook.contract.schema.validation import problems
from fh_notebook.contract.snippet.parser import looks_like_snippet
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import nearest
from fh_notebook.core.text.messages import CELL, COMMAND
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import InputError
from fh_notebook.notebook.cell.options import LineOptions
from fh_notebook.notebook.cell.parser import read_inputs, remarks_in
from fh_notebook.notebook.cell.request import chosen_variants, misspelt_names, request_text, with_delivery, with_hint
from fh_notebook.notebook.cell.template import Template, braced, row_of, value_of
from fh_notebook.notebook.shell import notice, row_names
from fh_notebook.notebook.ui.buttons import is_app
from fh_notebook.racing.options import RaceOptions

if TYPE_CHECKING:
    from fh_notebook.batching.batch import Batch
    from fh_notebook.batching.tables.rows import Rows

COLUMNS_TOLD: Final = 20
"""Columns that a message names: more are not read by anybody."""


class Row:
    """One row in a cell's expressions: ``row.ticket``, or ``row["a name with blanks"]``.

    It has no method of its own that could hide a column called like it.
    """

    __slots__ = ("__columns", "__record")

    def __init__(self, record: Mapping[str, Any], columns: Sequence[str]) -> None:
        self.__record = record
        self.__columns = columns

    def __getattr__(self, name: str) -> Any:
        return self[_as_column(name, self.__columns)]

    def __getitem__(self, name: str) -> Any:
        if name in self.__columns:
            return self.__record.get(name)  # an empty cell is null
        raise InputError(no_column(name, self.__columns))


def _as_column(name: str, columns: Sequence[str]) -> str:
    """Return the column that ``row.name`` means: Python folds names (NFKC), as ``µ`` or half-width letters."""
    if name in columns:
        return name
    return next((column for column in columns if unicodedata.normalize("NFKC", column) == name), name)


def run_over(options: LineOptions, body: str, client: Client, names: Mapping[str, Any]) -> Any:
    """Run the `body` once for each row of the frame that the line names, and return the batch."""
    from fh_notebook.batching.api import start_batch

    if not options.name:
        raise InputError("--over needs the deployment's name on the line")
    deployment = client.aclient.connection.find_deployment(options.name) or Deployment(options.name)
    rows = _rows_of(options, names, deployment)
    if looks_like_snippet(body):
        raise InputError("--over takes a mapping of inputs with {{ row.column }}, not a snippet", where=options.name)
    options_given: dict[str, Any] = {
        "inputs": _inputs_of(body, deployment, rows, names) or None,
        "variants": list(
            deployment.variants if options.all_variants else chosen_variants(deployment, options.variants)
        ),
        "metadata": options.metadata or None,
        **options.of_batch,
        "client": client,
        "progress": not options.dry_run,
    }
    if options.race and not options.dry_run:
        from fh_notebook.comparing.scorers.text import exact
        from fh_notebook.racing.api import start_race

        ran = start_race(rows, deployment, RaceOptions.of(score=exact(options.race), **options_given), CELL)
        if not ran.is_shown:  # lines of text have told how it went, and no table
            display(ran)  # type: ignore[no-untyped-call]  # IPython ships some types
        return ran
    done = start_batch(rows, deployment, BatchOptions(**options_given), CELL)
    if options.dry_run:
        print(batch_dry_run_text(client, done, options.delivery))  # noqa: T201 - a cell's output
        return None
    _show(done, options)
    return done


def _rows_of(options: LineOptions, names: Mapping[str, Any], deployment: Deployment) -> Rows:
    """The rows that the line names, which have the columns that it names."""
    from fh_notebook.batching.tables.row_sources import read_rows

    if options.over is None or options.over not in names:
        close = nearest(options.over, (name for name in row_names(names) if not name.startswith("_")))
        hint = f"; did you mean {close!r}?" if close else ""
        raise InputError(f"--over {options.over}: no variable has this name{hint}", where=options.name or "")
    rows = read_rows(names[options.over], deployment)
    for option, column in (("--score", options.score), ("--race", options.race)):
        if column and column not in rows.columns:
            raise InputError(f"{option}: {no_column(column, rows.columns)}", where=options.name or "")
    return rows


def _inputs_of(body: str, deployment: Deployment, rows: Rows, names: Mapping[str, Any]) -> dict[str, Any]:
    """What each Start variable takes of a row: the body is what is sent; of an empty one each takes its column."""
    from fh_notebook.batching.planning.mapping import LeftOut

    template = Template(body)
    template.refuse_doubtful(rows.columns)
    read = read_inputs(template, deployment)
    if slips := misspelt_names(read, deployment):
        raise InputError([template.untoken(str(slip)) for slip in slips], where=deployment.name)
    parts = coerce(read, deployment.inputs)
    if not parts:
        _check_columns(deployment, rows.columns)
        return {}
    if "row" in template.sources_in(parts):
        column = row_of(rows.columns[0]) if rows.columns else "row.column"
        raise InputError(f"{{{{ row }}}} is a whole row; take a column of it, such as {{{{ {column} }}}}")
    if empty := _empty_ones(parts, deployment):
        raise InputError(empty, where=deployment.name)
    for warning in remarks_in(template, deployment):
        notice(warning)
    schema = deployment.inputs if rows.tabular else {}
    texts = text_variables(deployment.inputs)
    inputs: dict[str, Any] = {
        variable: _FromRow(template, {variable: part}, names, rows.columns, schema, is_text=variable in texts)
        for variable, part in parts.items()
    }
    left = {name: LeftOut(frozenset({name})) for name in deployment.variable_names if name not in inputs}
    properties = deployment.inputs.get("properties", {})
    needed = [n for n in deployment.inputs.get("required", []) if n in left and "default" not in properties[n]]
    if needed and not set(inputs) - set(deployment.variable_names):  # a name that is not there is told by the batch
        raise InputError([_not_given(name, rows.columns) for name in needed], where=deployment.name)
    return {**inputs, **left}


def _check_columns(deployment: Deployment, columns: Sequence[str]) -> None:
    """Refuse an empty body where no column has the name of a variable: every row would be a call with nothing in it."""
    names = deployment.variable_names
    if names and columns and not set(names) & set(columns):
        raise InputError(
            (
                f"no column has the name of a Start variable ({', '.join(names[:10])}), so the body must give a value "
                f'for each, such as `{scalar(names[0])}: "{{{{ {row_of(columns[0])} }}}}"`; {_columns_text(columns)}'
            ),
            where=deployment.name,
        )


def _empty_ones(parts: Mapping[str, Any], deployment: Deployment) -> list[Problem]:
    """Say which variables are named in the body and given nothing."""
    found_problems = [
        p for name, part in parts.items() if part is None for p in problems(deployment.inputs, {name: None})
    ]
    return [hinted for problem in found_problems if (hinted := with_hint(problem, {}, deployment)) != problem]


def _not_given(name: str, columns: Sequence[str]) -> Problem:
    spelling = scalar(name)
    hint = f'{spelling}: "{{{{ {row_of(name)} }}}}"' if name in columns else f"{spelling}: value"
    message = "required, but missing from the cell's body"
    return Problem((name,), "required", message=message, hint=f"write `{hint}`")


def no_column(name: str, columns: Sequence[str]) -> str:
    """Say that there is no such column, with the nearest one."""
    close = nearest(name, columns)
    return f"no column is named {name!r}; " + (f"did you mean {close!r}?" if close else _columns_text(columns))


def _columns_text(columns: Sequence[str]) -> str:
    more = f" and {len(columns) - COLUMNS_TOLD:,} more" if len(columns) > COLUMNS_TOLD else ""
    return f"the columns are {', '.join(columns[:COLUMNS_TOLD])}{more}"


def batch_dry_run_text(client: Client, done: Batch, delivery: str = "direct") -> str:
    """Say what a batch would call, and show the request of its first row, the key and secret inputs masked."""
    connection = client.aclient.connection
    parts = [f"Dry run: {done.plan()}; none made."]
    first = next((job for job, _, _ in done.entries() if not job.problems), None)
    if first is not None:
        first_request = with_delivery(first.request(done.name), delivery, connection)
        request = request_text(connection.base_url, connection.key, first_request, first.secrets)
        parts.append(f"The first of them, row {first.row}:\n{request}")
    return "\n\n".join(parts)


class _FromRow:
    """The function of a row that fills one variable's part of the body."""

    def __init__(
        self,
        template: Template,
        part: dict[str, Any],
        names: Mapping[str, Any],
        columns: Sequence[str],
        schema: Mapping[str, Any],
        *,
        is_text: bool,
    ) -> None:
        self._template, self._part, self._names, self._columns = template, part, names, columns
        self._is_text = is_text
        self._schema = schema if template.mentions("row", part) else None
        read = (_columns_of(source, columns) for source in template.sources_in(part))
        self.reads: frozenset[str] = frozenset().union(*read)
        """The columns that it takes its value from: those of a password are not shown."""

    def __call__(self, record: dict[str, Any]) -> Any:
        # One namespace: a generator in an expression sees only globals.
        row = Row(record, self._columns)
        namespace = {**self._names, "row": row}

        def of_row(value: Any) -> Any:
            return value({value.column: row[value.column]}) if isinstance(value, FileColumn) else value

        filled = self._template.fill(self._part, lambda source: value_of(source, namespace, of_row))
        (value,) = (filled if self._schema is None else coerce(filled, self._schema)).values()
        if self._is_text and isinstance(value, bool | int | float):
            raise InputError(self._not_a_text(value))
        return value

    def _not_a_text(self, value: float) -> str:
        """Say so without the row's own value: so it is one sentence for all rows."""
        (part,) = self._part.values()
        if (source := self._template.source_of(part)) is None:
            return f"{value!r} is not a text; put it in quotes"
        kind = "true or false" if isinstance(value, bool) else "a number"
        return f"{braced(source)} is {kind}, not a text; write {braced(f'str({source})')}"


def _columns_of(source: str, columns: Sequence[str]) -> set[str]:
    """The columns that an expression names as ``row.name`` or ``row["name"]``; all where it does more with the row.

    Also that of ``fh.file(column="name")``.
    """
    names: list[str] = []
    of_files: set[str] = set()
    rows = 0
    for node in ast.walk(ast.parse(source, mode="eval")):
        match node:
            case ast.Name(id="row"):
                rows += 1
            case ast.Attribute(value=ast.Name(id="row"), attr=str(name)):
                names.append(_as_column(name, columns))
            case ast.Subscript(value=ast.Name(id="row"), slice=ast.Constant(value=str(name))):
                names.append(name)
            case ast.keyword(arg="column", value=ast.Constant(value=str(name))):
                of_files.add(name)
    return {*names, *of_files} if len(names) == rows else set(columns)


def show_where(options: LineOptions) -> None:
    """Say which variable has what came of it, as a cell without ``--over`` does."""
    if not options.out or is_app():
        return
    what, kind = ("race is", "") if options.race else ("answers are", " (a DataFrame)")
    parts = f"The {what} in the variable ", options.out, f"{kind}."
    page = html.el("div", parts[0], html.el("code", parts[1]), parts[2], cls="fh-dim")
    shown = {"text/html": html.el("div", html.STYLE, page, cls="fh"), "text/plain": "".join(parts)}
    display(shown, raw=True)  # type: ignore[no-untyped-call]  # IPython has no types


def _show(done: Batch, options: LineOptions) -> None:
    if options.score:
        from fh_notebook.comparing.comparison import compare
        from fh_notebook.comparing.report.display import comparison_html, summary_text
        from fh_notebook.comparing.scorers.text import exact

        compared = compare(done, score=exact(options.score))
        if is_app():  # whose visitors call no functions
            page, text = comparison_html(compared.data, COMMAND), summary_text(compared.data, COMMAND)
            display({"text/html": page, "text/plain": text}, raw=True)  # type: ignore[no-untyped-call]  # IPython has no types
        else:
            display(compared)  # type: ignore[no-untyped-call]  # as above
    else:
        display(done)  # type: ignore[no-untyped-call]  # as above
