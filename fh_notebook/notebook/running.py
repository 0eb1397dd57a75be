"""What one ``%%fetchhive`` cell does, from its line to its result.

Rule of this file: it hands on. The line is read in `line`, the body in `body` and `cell`, calls are made in `sending`
and `over`; an error that is ours leaves as one line (it is raised outside the `except` block, or IPython would show its
context too), and whatever happens in a cell that holds a key, no traceback repeats the cell.
"""

from __future__ import annotations

from contextlib import suppress
from types import ModuleType
from typing import Any, Final

from IPython.core.error import UsageError

from fh_notebook import keys, session
from fh_notebook.addresses import LOCAL
from fh_notebook.audience import CELL
from fh_notebook.client.blocking import Client
from fh_notebook.contract.catalog import UnknownDeployment
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.models import InvokeRequest
from fh_notebook.contract.spell import listed, short
from fh_notebook.errors import FetchHiveError, InputError
from fh_notebook.notebook import delivering, sending
from fh_notebook.notebook.cell import CellCall, read_cell
from fh_notebook.notebook.commands import COMMANDS, refuse_key
from fh_notebook.notebook.json_values import value_of
from fh_notebook.notebook.line import HelpShown, LineOptions, read_line
from fh_notebook.notebook.masked import Masked, holds_key, masked_if_shown
from fh_notebook.notebook.notices import Stopped, notice
from fh_notebook.notebook.over import run_over

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
        if isinstance(ours, FetchHiveError):
            ours.audience = CELL
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
        if options.name is not None:
            self._check_name(options.name, client)
            self._check_command(options, cell, client)
        self._check_out(options.out)
        if options.over is not None:
            return self._run_over(options, cell, client)
        call, requests = self._read(options, cell, client)
        _tell(call)
        if options.dry_run:
            print(sending.dry_run_text(client, requests, call.deployment, options.delivery))  # noqa: T201 - a cell's output
            return None
        return self._send(options, requests, client)

    def _read(self, options: LineOptions, cell: str, client: Client) -> tuple[CellCall, list[InvokeRequest]]:
        """Return what the cell asks for, and its calls: checked, and no more than the line allows."""
        call = read_cell(
            cell,
            name=options.name,
            variants=options.variants,
            all_variants=options.all_variants,
            metadata=options.metadata,
            find=client.aclient.connection.find_deployment,
            evaluate=self._evaluate,
        )
        if not options.dry_run:
            check_there(call.deployment.name, client)
        asked = len(call.variants) * options.repeats  # before they are made: it may be a number that nobody meant
        if options.max_calls is not None and asked > options.max_calls:
            raise InputError(f"{asked} calls are more than --max-calls {options.max_calls}", where=options.name or "")
        requests = call.requests(options.repeats)
        return call, requests

    def _send(self, options: LineOptions, requests: list[InvokeRequest], client: Client) -> Any:
        """Make the calls; bind what comes, show it, and return what is the cell's value."""
        if options.delivery in ("callback", "poll"):
            return self._submitted(options, delivering.submit_all(client, requests, options.delivery))
        sent = sending.send_all(client, requests)
        if options.delivery == "auto" and sent.trouble is None and delivering.any_refused(sent.runs):
            return self._submitted(options, delivering.submit_refused(client, requests, sent.runs))
        if sent.result is not None:
            self._bind(options.out, sent.result)
        sent.show(options.show)
        if sent.trouble is None and sent.shows_itself(options.show):
            return sent.result
        if sent.result is not None:
            self._remember(sent.result)  # also what came before a stop
        sent.raise_trouble()
        return None

    def _submitted(self, options: LineOptions, result: Any) -> Any:
        """Bind what goes on, and return it: as the cell's value it shows itself, and what comes of it."""
        self._bind(options.out, result)
        return result

    def _run_over(self, options: LineOptions, cell: str, client: Client) -> Any:
        if options.name is not None and not options.dry_run:
            check_there(options.name, client)
        done = run_over(options, cell, client, self._user_names())
        if done is None:
            return None
        batch = done.batch if options.race else done
        result = done if options.race else batch.frame
        self._bind(options.out, result)
        self._remember(result)
        if batch.stopped is not None and batch.stopped.reason == "cancelled":
            raise Stopped(batch.stopped.message)  # by a person: the cells behind it must not go on paying
        return None

    def _check_name(self, name: str, client: Client) -> None:
        """Refuse what is no name of a deployment, but the way to one in Python."""
        if name.startswith(("$", "{")) and name not in client.aclient.connection.known_deployments():
            raise InputError(f"{name}: a line is taken as it stands; write the deployment's name itself")
        made = self._user_names().get(name)
        if isinstance(made, Deployment) and name not in client.aclient.connection.known_deployments():
            raise InputError(f"{name} is a variable of this notebook; its deployment is {made.name!r}: write that name")

    def _check_command(self, options: LineOptions, cell: str, client: Client) -> None:
        """Refuse a command that was written as a cell: ``%%fetchhive login`` is no deployment without a variant."""
        name = options.name or ""
        if name not in COMMANDS or options.variants or client.aclient.connection.find_deployment(name) is not None:
            return
        if name == "login":
            refuse_key(cell, "%%fetchhive login")
        raise UsageError(f"%%fetchhive: {name} is a command, and a line with one %: %fetchhive {name}")

    def _check_out(self, out: str | None) -> None:
        """Refuse to put a result in the place of a module, such as ``fh`` or ``pd``."""
        if out is not None and isinstance(self._user_names().get(out), ModuleType):
            raise InputError(f"--out {out} would take the place of the module {out}; name another variable")

    def _user_names(self) -> dict[str, Any]:
        names: dict[str, Any] = self._shell.user_ns
        return names

    def _evaluate(self, source: str) -> Any:
        return value_of(source, self._user_names())

    def _bind(self, out: str | None, result: Any) -> None:
        if out:
            self._user_names()[out] = result

    def _remember(self, result: Any) -> None:
        """Let ``_`` and ``Out[n]`` be `result`, whose display has already been shown in a better form."""
        update = getattr(self._shell.displayhook, "update_user_ns", None)
        if update is not None:
            update(result)


def check_there(name: str, client: Client) -> None:
    """Refuse a deployment that a hive in this process has not, where nobody else declares it: all it has is known.

    Raises
    ------
    InputError
        With the names that are there.
    """
    here = client.aclient.connection
    with suppress(UnknownDeployment):  # near to a known name, and out of a snippet: unknown all the same
        if client.origin != LOCAL or here.find_deployment(name) is not None:
            return
    names = listed(list(here.known_deployments()), "and") or "none"
    raise InputError(
        f"the local hive in this process has no deployment {short(name)}; known are: {names}. "
        "To call Fetch Hive itself: %fetchhive use live"
    )


KEY_IN_CELL: Final = (
    "The pasted snippet carries a key. It was not used, but it stands in this cell, and so in the saved notebook and "
    f"in IPython's history: take it out of the cell; {keys.LOGIN_CURE}."
)


def _tell(call: CellCall) -> None:
    if call.key_was_dropped:
        notice(KEY_IN_CELL)
    if call.ignored:
        notice(f"Not sent, because no workflow call is known to take it: {', '.join(call.ignored)}.")
    for warning in call.warnings:
        notice(warning)
