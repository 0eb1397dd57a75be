"""``--over FRAME``: the body once for each row, as a batch (so: a plan, a store, limits, resume).

Rule of this file: a cell of a table is text as a body is, so what ``{{ row.column }}`` takes out of a table is read as
declared; every other expression keeps its type, as do the rows of a list of dicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from IPython.display import display

from fh_notebook.client.blocking import Client
from fh_notebook.contract.coerce import coerced
from fh_notebook.contract.models import Deployment
from fh_notebook.contract.snippet import looks_like_snippet
from fh_notebook.contract.spell import nearest
from fh_notebook.errors import InputError
from fh_notebook.notebook.body import read_inputs
from fh_notebook.notebook.cell import chosen
from fh_notebook.notebook.dry_run import request_text
from fh_notebook.notebook.json_values import as_json
from fh_notebook.notebook.line import LineOptions
from fh_notebook.notebook.notices import notice
from fh_notebook.notebook.template import Template, doubtful

if TYPE_CHECKING:
    from fh_notebook.batching.batch import Batch

__all__ = ["Row", "dry_run_text", "run_over"]


class Row:
    """One row in a cell's expressions: ``row.ticket``, or ``row["a name with blanks"]``.

    It has no method of its own that could hide a column called like it.
    """

    __slots__ = ("__columns", "__record")

    def __init__(self, record: Mapping[str, Any], columns: Sequence[str]) -> None:
        self.__record = record
        self.__columns = columns

    def __getattr__(self, name: str) -> Any:
        return self[name]

    def __getitem__(self, name: str) -> Any:
        if name in self.__columns:
            return self.__record.get(name)  # an empty cell is null
        raise InputError(no_column(name, self.__columns))


def run_over(options: LineOptions, body: str, client: Client, names: Mapping[str, Any]) -> Any:
    """Run the `body` once for each row of the frame that the line names, and return the batch.

    Returns
    -------
    Batch or None
        ``None`` after ``--dry-run``, which shows the plan.

    Raises
    ------
    InputError
        No such variable, no deployment, or a row that does not fit.
    """
    from fh_notebook.batching.rows import read_rows
    from fh_notebook.batching.start import batch

    if not options.name:
        raise InputError("--over needs the deployment's name on the line")
    if options.over is None or options.over not in names:
        raise InputError(f"--over {options.over}: there is no variable of this name", where=options.name)
    deployment = client.aclient.connection.find_deployment(options.name) or Deployment(options.name)
    if looks_like_snippet(body):
        raise InputError("--over takes a mapping of inputs with {{ row.column }}, not a snippet", where=options.name)
    rows = read_rows(names[options.over])
    columns = rows.columns
    if options.score and options.score not in columns:
        raise InputError(f"--score: {no_column(options.score, columns)}", where=options.name)
    template = Template(body)
    parts = coerced(read_inputs(template, deployment), deployment.inputs)
    for warning in doubtful(body):
        notice(warning)
    schema = deployment.inputs if rows.tabular else {}
    inputs = {variable: _of_row(template, {variable: part}, names, columns, schema) for variable, part in parts.items()}
    done = batch(
        rows,
        deployment,
        variants=list(deployment.variants if options.all_variants else chosen(deployment, options.variants)),
        inputs=inputs or None,
        repeats=options.repeats,
        metadata=options.metadata or None,
        max_calls=0 if options.dry_run else options.max_calls,
        client=client,
        progress=not options.dry_run,
    )
    if options.dry_run:
        print(dry_run_text(client, done))  # noqa: T201 - a cell's output
        return None
    _show(done, options)
    return done


def no_column(name: str, columns: Sequence[str]) -> str:
    """Say that there is no such column, with the nearest one."""
    close = nearest(name, columns)
    return f"there is no column {name!r}; " + (
        f"did you mean {close!r}?" if close else f"the columns are {', '.join(columns)}"
    )


def dry_run_text(client: Client, done: Batch) -> str:
    """Say what a batch would call, and show the request of its first row, the key and secret inputs masked."""
    here = client.aclient.connection
    parts = [f"Dry run: {done.plan()}; none made."]
    first = next((job for job, _, _ in done.entries() if not job.problems), None)
    if first is not None:
        request = request_text(here.base_url, here.key, first.request(done.name), first.secrets)
        parts.append(f"The first of them, row {first.row}:\n{request}")
    return "\n\n".join(parts)


def _of_row(
    template: Template,
    part: dict[str, Any],
    names: Mapping[str, Any],
    columns: Sequence[str],
    schema: Mapping[str, Any],
) -> Any:
    """The function of a row that fills one variable's part of the body."""
    (variable,) = part
    is_of_row = template.mentions("row", part)

    def fill(record: dict[str, Any]) -> Any:
        here = {**names, "row": Row(record, columns)}  # one namespace: a generator in an expression sees only globals
        filled = template.fill(part, lambda source: as_json(eval(source, here), source))  # noqa: S307 - the user's cell
        return (coerced(filled, schema) if is_of_row else filled)[variable]

    return fill


def _show(done: Any, options: LineOptions) -> None:
    if options.score:
        from fh_notebook.comparing.comparison import compare
        from fh_notebook.comparing.scorers import exact

        display(compare(done, score=exact(options.score)))  # type: ignore[no-untyped-call]  # IPython has no types
    else:
        display(done)  # type: ignore[no-untyped-call]
