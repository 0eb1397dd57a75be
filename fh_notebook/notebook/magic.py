"""``%%fetchhive``: a cell whose body is the inputs of a deployment.

Rule of this file: it hands on. The line is read in `line`, the body in `body` and `cell`, calls are made in `sending`;
an error that is ours leaves as one line (it is raised outside the `except` block, or IPython would show its context).
"""

from __future__ import annotations

from typing import Any

from IPython.core.magic import Magics, cell_magic, magics_class, no_var_expand

from fh_notebook import session
from fh_notebook.client.blocking import Client
from fh_notebook.errors import FetchHiveError, InputError
from fh_notebook.notebook import sending
from fh_notebook.notebook.cell import CellCall, read_cell
from fh_notebook.notebook.json_values import as_json
from fh_notebook.notebook.line import HelpShown, LineOptions, read_line
from fh_notebook.notebook.notices import notice
from fh_notebook.notebook.over import run_over
from fh_notebook.notebook.panel import Stopped

__all__ = ["FetchHiveMagics"]


@magics_class
class FetchHiveMagics(Magics):
    """The magics of this package, for one shell."""

    @no_var_expand
    @cell_magic
    def fetchhive(self, line: str, cell: str) -> Any:
        """Run a Fetch Hive deployment with the inputs in the cell's body.

        ::

            %%fetchhive [NAME] [-v VARIANT]... [--all-variants] [--out VAR] [--metadata NAME=VALUE]... [--over FRAME]
                        [--repeats N] [--max-calls N] [--score exact:COLUMN] [--show text|markdown|json|table]
                        [--dry-run]

        The body is a YAML or JSON mapping of inputs, or a pasted Code Snippet (its host and key are not used: calls go
        where the client is configured). ``{{ expression }}`` takes the value of a notebook expression with its type.
        With one text variable, a body that is not a mapping is that text. ``--over`` runs the body once for each row.
        The result is in VAR and in ``_``: a ``Run``, or a DataFrame when there are several.

        Examples
        --------
        ::

            %%fetchhive support-triage -v keywords -v nearest --out runs
            ticket: |
              Parcel is late and the tracking page is empty.

            %%fetchhive support-triage --all-variants --over tickets --score exact:expected_output
            ticket: "{{ row.ticket }}"
        """
        trouble: FetchHiveError | Stopped
        try:
            return self._run_cell(read_line(line), cell)
        except HelpShown:
            return None
        except (FetchHiveError, Stopped) as ours:
            trouble = ours
        trouble.__context__ = None  # kept as __cause__ where there is one; a context would be shown in full
        raise trouble

    def _run_cell(self, options: LineOptions, cell: str) -> Any:
        client = session.client_for(None)
        if options.over is not None:
            return self._run_over(options, cell, client)
        call = read_cell(
            cell,
            name=options.name,
            variants=options.variants,
            all_variants=options.all_variants,
            metadata=options.metadata,
            find=client.aclient.connection.find_deployment,
            evaluate=self._evaluate,
        )
        requests = call.requests(options.repeats)
        if options.max_calls is not None and len(requests) > options.max_calls:
            raise InputError(
                f"{len(requests)} calls are more than --max-calls {options.max_calls}", where=options.name or ""
            )
        _tell(call)
        if options.dry_run:
            print(sending.dry_run_text(client, requests))  # noqa: T201 - a cell's output
            return None
        sent = sending.send_all(client, requests)
        if sent.result is not None:
            self._bind(options.out, sent.result)
        sent.show(options.show)
        sent.raise_trouble()
        if sent.shows_itself(options.show):
            return sent.result
        self._remember(sent.result)
        return None

    def _run_over(self, options: LineOptions, cell: str, client: Client) -> Any:
        batch = run_over(options, cell, client, self._user_names())
        if batch is None:
            return None
        frame = batch.frame
        self._bind(options.out, frame)
        self._remember(frame)
        return None

    def _user_names(self) -> dict[str, Any]:
        names: dict[str, Any] = self.shell.user_ns  # type: ignore[union-attr]  # a magic always has its shell
        return names

    def _evaluate(self, source: str) -> Any:
        """Return the value of a notebook expression as JSON's kinds; the user's own code, in the user's own names."""
        return as_json(eval(source, self._user_names()), source)  # noqa: S307 - it is the user's cell

    def _bind(self, out: str | None, result: Any) -> None:
        if out:
            self._user_names()[out] = result

    def _remember(self, result: Any) -> None:
        """Let ``_`` and ``Out[n]`` be `result`, whose display has already been shown in a better form."""
        update = getattr(self.shell.displayhook, "update_user_ns", None)  # type: ignore[union-attr]
        if update is not None:
            update(result)


def _tell(call: CellCall) -> None:
    if call.key_was_dropped:
        notice("The snippet's key was not used, and is better not kept in a cell: set FETCH_HIVE_API_KEY instead.")
    if call.ignored:
        notice(f"Not sent, because no workflow call is known to take it: {', '.join(call.ignored)}.")
