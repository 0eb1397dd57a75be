"""``%%fetchhive``: a cell whose body is the inputs of a deployment.

Rule of this file: the line is read with the shell's own quoting, everything is checked before anything is sent, and an
error that is ours leaves as one line (it is raised outside the `except` block, or IPython would show its context too).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import keyword
import shlex
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, magics_class, no_var_expand
from IPython.display import display

from fh_notebook import loop, session
from fh_notebook.client.blocking import Client
from fh_notebook.contract.models import InvokeRequest
from fh_notebook.contract.run import Run
from fh_notebook.contract.wire import request_body
from fh_notebook.errors import FetchHiveError
from fh_notebook.notebook.cell import CellCall, read_cell
from fh_notebook.notebook.notices import notice
from fh_notebook.notebook.panel import SideBySide, Stopped

__all__ = ["FetchHiveMagics"]

_EXAMPLES: Final = """\
the body is a YAML or JSON mapping of inputs, or a pasted Code Snippet:

  %%fetchhive support-triage -v keywords -v nearest --out runs
  ticket: |
    Parcel is late and the tracking page is empty.

the result is in VAR and in _ : a Run, or a DataFrame when there are several variants."""


class _LineParser(argparse.ArgumentParser):
    """argparse for a magic's line: errors are IPython's UsageError, which is one line and stops Run All."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"%%fetchhive: {message}. See %%fetchhive --help")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise _HelpShown


class _HelpShown(Exception):
    """``--help`` was asked for and printed."""


def _variable(name: str) -> str:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise argparse.ArgumentTypeError(f"{name!r} is not a name that a variable can have")
    return name


def _parser() -> argparse.ArgumentParser:
    parser = _LineParser(
        prog="%%fetchhive",
        description="Run a Fetch Hive deployment with the inputs in the cell's body.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="the deployment; a snippet in the body names it itself")
    parser.add_argument(
        "-v",
        "--variant",
        action="append",
        default=[],
        dest="variants",
        metavar="VARIANT",
        help="a variant to run; say it several times to see variants side by side",
    )
    parser.add_argument("--out", type=_variable, metavar="VAR", help="the notebook variable that takes the result")
    parser.add_argument("--dry-run", action="store_true", help="show the calls that would be made, and make none")
    return parser


@magics_class
class FetchHiveMagics(Magics):
    """The magics of this package, for one shell."""

    @no_var_expand
    @cell_magic
    def fetchhive(self, line: str, cell: str) -> Any:
        """Run a Fetch Hive deployment with the inputs in the cell's body.

        ``%%fetchhive [NAME] [-v VARIANT]... [--out VAR] [--dry-run]``

        The body is a YAML or JSON mapping of inputs, or a pasted Code Snippet (its host and key are not used: calls go
        where the client is configured). The result is in VAR and in ``_``: a ``Run``, or a DataFrame when there are
        several variants.

        Examples
        --------
        ::

            %%fetchhive support-triage -v keywords -v nearest --out runs
            ticket: |
              Parcel is late and the tracking page is empty.
        """
        trouble: FetchHiveError | Stopped
        try:
            return self._run_cell(line, cell)
        except _HelpShown:
            return None
        except (FetchHiveError, Stopped) as ours:
            trouble = ours
        trouble.__context__ = None  # kept as __cause__ where there is one; a context would be shown in full
        raise trouble

    def _run_cell(self, line: str, cell: str) -> Any:
        options = _read_line(line)
        client = session.client_for(None)
        call = read_cell(
            cell,
            name=options.name,
            variants=tuple(options.variants),
            find=client.aclient.connection.find_deployment,
        )
        requests = call.requests()
        if call.key_was_dropped:
            notice("The snippet's key was not used, and is better not kept in a cell: set FETCH_HIVE_API_KEY instead.")
        if call.ignored:
            notice(f"Not sent, because no workflow call is known to take it: {', '.join(call.ignored)}.")
        if options.dry_run:
            print(_dry_run_text(client, requests))  # noqa: T201 - a cell's output
            return None
        return self._send(client, call, requests, options.out)

    def _send(self, client: Client, call: CellCall, requests: Sequence[InvokeRequest], out: str | None) -> Any:
        """Make the calls, all at once within the gate, and bind what came, also when it was interrupted."""
        came: dict[int, Run] = {}
        interrupted = False
        errors: list[BaseException] = []
        try:
            errors = loop.run(_send_all(client, requests, came))
        except KeyboardInterrupt:
            interrupted = True
        runs = [came[i] for i in sorted(came)]
        result: Any = runs[0] if len(requests) == 1 and runs else _frame(runs) if runs else None
        if out and runs:
            self.shell.user_ns[out] = result  # type: ignore[union-attr]  # a magic always has its shell
        if interrupted:
            _show_several(runs)
            raise Stopped(_stopped_text(len(requests), len(runs)))
        if errors:
            _show_several(runs)
            raise errors[0]
        if len(requests) == 1:
            return result
        _show_several(runs)
        self._remember(result)
        return None

    def _remember(self, result: Any) -> None:
        """Let ``_`` and ``Out[n]`` be `result`, whose display has already been shown in a better form."""
        update = getattr(self.shell.displayhook, "update_user_ns", None)  # type: ignore[union-attr]
        if update is not None:
            update(result)


def _read_line(line: str) -> argparse.Namespace:
    trouble = ""
    words: list[str] = []
    try:
        words = shlex.split(line)
    except ValueError as broken:
        trouble = str(broken)
    if trouble:
        raise UsageError(f"%%fetchhive: the line cannot be read ({trouble}); quotes come in pairs")
    return _parser().parse_args(words)


async def _send_all(client: Client, requests: Sequence[InvokeRequest], came: dict[int, Run]) -> list[BaseException]:
    """Send every request; put the runs into `came` as they come, and return the errors."""

    async def send(index: int, request: InvokeRequest) -> None:
        came[index] = await client.aclient.send(request)

    done = await asyncio.gather(*(send(i, r) for i, r in enumerate(requests)), return_exceptions=True)
    return [error for error in done if error is not None]


def _frame(runs: Sequence[Run]) -> Any:
    from fh_notebook.batching.frames import frame_of_runs

    return frame_of_runs(runs)


def _show_several(runs: Sequence[Run]) -> None:
    if runs:
        display(SideBySide(runs))  # type: ignore[no-untyped-call]  # IPython's display has no types


def _stopped_text(asked: int, came: int) -> str:
    left = asked - came
    calls = "the call" if left == 1 else f"{left} calls"
    kept = f"; {came} of {asked} answers came before and are kept" if came else ""
    return f"{calls} in flight may have run at the service all the same{kept}"


def _dry_run_text(client: Client, requests: Sequence[InvokeRequest]) -> str:
    """Say how many calls a cell would make, and show each one, the key masked."""
    here = client.aclient.connection
    calls = "1 call" if len(requests) == 1 else f"{len(requests)} calls"
    parts = [f"Dry run: {calls} to {client.origin}, none made."]
    for request in requests:
        body = json.dumps(request_body(request), ensure_ascii=False, indent=2)
        parts.append(f"POST {here.base_url}/workflow/invoke\nAuthorization: Bearer {here.key}\n{body}")
    return "\n\n".join(parts)
