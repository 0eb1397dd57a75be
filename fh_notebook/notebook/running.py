"""What one ``%%fetchhive`` cell does, from its line to its result.

Rule of this file: it hands on. The line is read in `line`, the body in `body` and `cell`, calls are made in `sending`
and `over`; an error that is ours leaves as one line (it is raised outside the `except` block, or IPython would show its
context too), and whatever happens in a cell that holds a key, no traceback repeats the cell.
"""

from __future__ import annotations

from typing import Any, Final

from IPython.core.error import UsageError

from fh_notebook import session
from fh_notebook.client.blocking import Client
from fh_notebook.errors import FetchHiveError, InputError
from fh_notebook.notebook import sending
from fh_notebook.notebook.cell import CellCall, read_cell
from fh_notebook.notebook.json_values import as_json
from fh_notebook.notebook.line import HelpShown, LineOptions, read_line
from fh_notebook.notebook.masked import Masked, holds_key, masked_if_shown
from fh_notebook.notebook.notices import notice
from fh_notebook.notebook.over import run_over
from fh_notebook.notebook.panel import Stopped

__all__ = ["run_magic"]


def run_magic(shell: Any, line: str, cell: str) -> Any:
    """Run a cell in `shell` and return what its value is.

    Raises
    ------
    FetchHiveError, Stopped, UsageError
        Each shows as one line.
    Masked
        Something unexpected, in a cell that holds a key.
    """
    trouble: BaseException
    try:
        return _Cell(shell).run(read_line(line), cell)
    except HelpShown:
        return None
    except UsageError:
        raise  # one line, of IPython's own
    except (FetchHiveError, Stopped) as ours:
        trouble = masked_if_shown(ours, cell)
    except (Exception, KeyboardInterrupt) as unexpected:
        if not holds_key(cell):
            raise
        trouble = Masked(unexpected)
    trouble.__context__ = None  # kept as __cause__ where there is one; a context would be shown in full
    raise trouble


class _Cell:
    """One cell, in one shell."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def run(self, options: LineOptions, cell: str) -> Any:
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
            print(sending.dry_run_text(client, requests, call.deployment))  # noqa: T201 - a cell's output
            return None
        sent = sending.send_all(client, requests)
        if sent.result is not None:
            self._bind(options.out, sent.result)
        sent.show(options.show)
        if sent.trouble is None and sent.shows_itself(options.show):
            return sent.result
        if sent.result is not None:
            self._remember(sent.result)  # also what came before a stop
        sent.raise_trouble()
        return None

    def _run_over(self, options: LineOptions, cell: str, client: Client) -> Any:
        from fh_notebook.batching.stopping import going_on_by

        with going_on_by("run the cell again, or fh.last_batch().resume()"):
            batch = run_over(options, cell, client, self._user_names())
        if batch is None:
            return None
        frame = batch.frame
        self._bind(options.out, frame)
        self._remember(frame)
        return None

    def _user_names(self) -> dict[str, Any]:
        names: dict[str, Any] = self._shell.user_ns
        return names

    def _evaluate(self, source: str) -> Any:
        """Return the value of a notebook expression as JSON's kinds; the user's own code, in the user's own names."""
        return as_json(eval(source, self._user_names()), source)  # noqa: S307 - it is the user's cell

    def _bind(self, out: str | None, result: Any) -> None:
        if out:
            self._user_names()[out] = result

    def _remember(self, result: Any) -> None:
        """Let ``_`` and ``Out[n]`` be `result`, whose display has already been shown in a better form."""
        update = getattr(self._shell.displayhook, "update_user_ns", None)
        if update is not None:
            update(result)


KEY_IN_CELL: Final = (
    "The pasted snippet carries a key. It was not used, but it stands in this cell, and so in the saved notebook and "
    "in IPython's history: take it out of the cell, and set FETCH_HIVE_API_KEY instead."
)


def _tell(call: CellCall) -> None:
    if call.key_was_dropped:
        notice(KEY_IN_CELL)
    if call.ignored:
        notice(f"Not sent, because no workflow call is known to take it: {', '.join(call.ignored)}.")
    for warning in call.warnings:
        notice(warning)
