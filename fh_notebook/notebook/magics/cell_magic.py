"""Run one ``%%fetchhive`` cell: read it, send its requests, show its calls while they run, and bind the result.

The display of the calls (`LiveAnswers`) is HTML at first. After a second, and where clicks are heard, a results view
with a Cancel button takes its place (:class:`~fh_notebook.notebook.ui.buttons.ControlDisplay`): what a person opens in
one column stays when another changes, and a reloaded page goes on. When the calls have ended, HTML is left, which the
notebook saves. It runs on the loop that sends the calls; where nobody sits before a page, nothing is displayed before
the end.

An error of ours is raised outside the `except` block, because IPython would show its context, too. In a cell that
contains a key, no traceback repeats the cell.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Final

from IPython.core.error import UsageError
from IPython.display import display

from fh_notebook.client.clients import Client
from fh_notebook.contract.catalog.deployments import UnknownDeployment
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.run import Run
from fh_notebook.contract.secrets import Secrets, mask_inputs
from fh_notebook.core import event_loop
from fh_notebook.core.config import credentials
from fh_notebook.core.config.urls import LOCAL
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import listed, short
from fh_notebook.core.text.messages import CELL
from fh_notebook.errors import FetchHiveError, InputError
from fh_notebook.notebook.cell.options import HelpShown, LineOptions, read_line
from fh_notebook.notebook.cell.request import CellRequest, read_cell, request_text, with_delivery
from fh_notebook.notebook.cell.template import value_of
from fh_notebook.notebook.commands.registry import COMMANDS, refuse_key
from fh_notebook.notebook.magics import pending_results
from fh_notebook.notebook.magics.over_rows import run_over, show_where
from fh_notebook.notebook.results.cards import SideBySide
from fh_notebook.notebook.results.served_outputs import ServedOutputs, served_outputs
from fh_notebook.notebook.results.state import SubmitState, columns_of, run_of_error
from fh_notebook.notebook.shell import (
    Masked,
    Stopped,
    holds_key,
    masked_if_shown,
    new_handle,
    no_lost_widget,
    notice,
    running_kernel,
)
from fh_notebook.notebook.ui.buttons import USE_STOP, CancelButton, ControlDisplay, OnLoopHandler, end_note, has_person
from fh_notebook.session import session


@dataclass(frozen=True, slots=True)
class CellResult:
    """What came of a cell's calls."""

    live: LiveAnswers
    runs: tuple[Run, ...]
    calls: int
    result: Any
    """The `Run` of a cell with one call, else the frame of all; ``None`` when nothing came."""
    error: BaseException | None = None

    def shows_itself(self, show: str | None) -> bool:
        """Whether the result's own display is the one that is wanted."""
        return self.calls == 1 and show is None

    def show(self, show: str | None, out: str | None) -> None:
        """Show the runs, unless the cell's value does it or there are none; those that end later are followed.

        `out` is the variable that has them.
        """
        if not self.runs or (self.error is None and self.shows_itself(show)):
            self.live.leave(None)
            return
        if (later := pending_results.ending_later(self.runs)) is not None:
            self.live.leave(None)
            pending_results.show(later, show)
            return
        served = self.live.served or served_outputs()
        where = f"; the answers are in the variable {out} (a DataFrame)" if out else ""
        line = f"{self.live.line()}{where}" if self.calls > 1 else ""
        shown = SideBySide(self.runs, show=show, served=served, line=line)
        if not self.live.leave(shown):
            display(shown)  # type: ignore[no-untyped-call]  # IPython's display has no types
        if served is not None:
            served.serve()

    def raise_error(self) -> None:
        """Raise what ended the calls early, if anything did."""
        if self.error is not None:
            raise self.error


def send_all(client: Client, requests: Sequence[InvokeRequest]) -> CellResult:
    """Send every request, all at once within the limiter, and return what came, also when Stop or Cancel ended it."""
    came: dict[int, Run] = {}
    failure: BaseException | None = None
    interrupted = False
    live = LiveAnswers(requests)
    try:
        errors = event_loop.run(_send_all(client, requests, came, live))
        failure = errors[0] if errors else None
        for more in {str(error) for error in errors[1:]} - {str(failure)}:
            notice(f"Also: {more}")
    except (KeyboardInterrupt, asyncio.CancelledError):
        interrupted = True
    if interrupted:
        failure = Stopped(_stopped_text(len(requests), len(came)))
    runs = tuple(came[i] for i in sorted(came))
    return CellResult(live, runs, len(requests), _result(requests, came), failure)


async def _send_all(
    client: Client, requests: Sequence[InvokeRequest], came: dict[int, Run], live: LiveAnswers
) -> list[BaseException]:
    """Send every request; put the runs into `came` and on the page as they come, and return the errors."""

    async def send(index: int, request: InvokeRequest) -> None:
        try:
            came[index] = await client.aclient.send(request, on_attempt=lambda: live.started(index))
        except Exception as exc:  # raised below the answers; its own place says what became of it
            live.answered(index, run_of_error(exc, request))
            raise
        live.answered(index, came[index])

    this = asyncio.current_task()
    live.begin(this.cancel if this is not None else lambda: None)
    try:
        done = await asyncio.gather(*(send(i, r) for i, r in enumerate(requests)), return_exceptions=True)
    finally:
        live.end()
    return [error for error in done if error is not None]


def _result(requests: Sequence[InvokeRequest], came: Mapping[int, Run]) -> Any:
    """The run, or the frame of several, which shows their inputs: secrets masked."""
    if not came or len(requests) == 1:
        return came.get(0)
    from fh_notebook.batching.tables.frames import frame_of_runs

    return frame_of_runs(
        [replace(came[i], inputs=mask_inputs(came[i].inputs, requests[i].secrets)) for i in sorted(came)]
    )


def _stopped_text(calls_made: int, came: int) -> str:
    """Return what became of the calls of a cell that was stopped.

    Examples
    --------
    >>> _stopped_text(2, 1)
    'the call in progress may have run at the service; 1 of 2 answers arrived before and are saved'
    >>> _stopped_text(2, 2)
    'every answer had arrived, and is saved'
    """
    left = calls_made - came
    if not left:
        return "every answer had arrived, and is saved"
    calls = "the call" if left == 1 else f"{left} calls"
    answers = f"; {came} of {calls_made} answers arrived before and are saved" if came else ""
    return f"{calls} in progress may have run at the service{answers}"


def dry_run_text(
    client: Client, requests: Sequence[InvokeRequest], deployment: Deployment, delivery: str = "direct"
) -> str:
    """Say how many calls a cell would make, and show each one: the key and secret inputs masked, long values cut."""
    connection = client.aclient.connection
    calls = "1 call" if len(requests) == 1 else f"{len(requests):,} calls"
    parts = [f"Dry run: {calls} to {client.origin}, none made."]
    secrets = Secrets.of(deployment.inputs)
    of_variant = Counter(request.variant for request in requests)  # the repeats of a variant are the same request
    different = list({request.variant: request for request in requests}.values())
    for request in different[:REQUESTS_SHOWN]:
        times = f"{of_variant[request.variant]} times:\n" if of_variant[request.variant] > 1 else ""
        parts.append(
            times
            + request_text(connection.base_url, connection.key, with_delivery(request, delivery, connection), secrets)
        )
    if left := [str(request.variant) for request in different[REQUESTS_SHOWN:]]:
        parts.append(f"and the same for {', '.join(left)}.")
    return "\n\n".join(parts)


REQUESTS_SHOWN: Final = 5
"""Requests that a dry run shows: those of further variants differ in the variant's name only."""


def run_magic(shell: Any, line: str, cell: str) -> Any:
    """Run a cell in `shell` and return what its value is."""
    error: BaseException
    try:
        return _CellRun(shell).run(read_line(line), cell)
    except HelpShown:
        return None
    except UsageError:
        raise  # one line, of IPython's own
    except (FetchHiveError, Stopped) as exc:
        if isinstance(exc, FetchHiveError):
            exc.audience = CELL
        error = masked_if_shown(exc, cell)
    except (Exception, KeyboardInterrupt) as exc:
        if not holds_key(cell):
            raise
        error = Masked(exc)
    error.__context__ = None  # kept as __cause__ where there is one; a context would be shown in full
    raise error


class _CellRun:
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
        call, requests = self._read_call(options, cell, client)
        _show_notes(call)
        if options.dry_run:
            print(dry_run_text(client, requests, call.deployment, options.delivery))  # noqa: T201 - a cell's output
            return None
        return self._send(options, requests, client)

    def _read_call(self, options: LineOptions, cell: str, client: Client) -> tuple[CellRequest, list[InvokeRequest]]:
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
        session.note_variants(call.deployment)
        if not options.dry_run:
            check_there(call.deployment.name, client)
        calls = len(call.variants) * options.repeats  # before they are made: it may be a number that nobody meant
        if options.max_calls is not None and calls > options.max_calls:
            raise InputError(f"{calls} calls would exceed --max-calls {options.max_calls}", where=options.name or "")
        requests = call.requests(options.repeats)
        return call, requests

    def _send(self, options: LineOptions, requests: list[InvokeRequest], client: Client) -> Any:
        """Make the calls; bind what comes, show it, and return what is the cell's value."""
        if options.delivery != "direct":
            submitted = pending_results.submit_all(client, requests, options.delivery)
            self._bind(options.out, submitted)
            return submitted  # as the cell's value it shows itself, and what comes of it
        result = send_all(client, requests)
        if result.result is not None:
            self._bind(options.out, result.result)
        result.show(options.show, options.out)
        if result.error is None and result.shows_itself(options.show):
            return result.result
        if result.result is not None:
            self._remember(result.result)  # also what came before a stop
        result.raise_error()
        return None

    def _run_over(self, options: LineOptions, cell: str, client: Client) -> Any:
        if options.name is not None and not options.dry_run:
            check_there(options.name, client)
        done = run_over(options, cell, client, self._user_names())
        if done is None:
            return None
        batch = done.batch if options.race else done
        result = done if options.race else batch.frame
        self._bind(options.out, result)
        show_where(options)
        self._remember(result)
        if batch.stopped is not None and batch.stopped.reason == "cancelled":
            raise Stopped(batch.stopped.message)  # by a person: the cells behind it must not go on paying
        return None

    def _check_name(self, name: str, client: Client) -> None:
        """Refuse what is no name of a deployment, but the way to one in Python."""
        if name.startswith(("$", "{")) and name not in client.aclient.connection.known_deployments():
            raise InputError(f"{name}: the line is not evaluated; write the deployment's name itself")
        variable = self._user_names().get(name)
        if not isinstance(variable, Deployment) or variable.name == name:
            return
        if name not in client.aclient.connection.known_deployments():
            raise InputError(
                f"{name} is a variable of this notebook; its deployment is {variable.name!r}: write that name"
            )

    def _check_command(self, options: LineOptions, cell: str, client: Client) -> None:
        """Refuse a command that was written as a cell: ``%%fetchhive login`` is no deployment without a variant."""
        name = options.name or ""
        if name not in COMMANDS or options.variants or client.aclient.connection.find_deployment(name) is not None:
            return
        if name == "login":
            refuse_key(cell, "%%fetchhive login")
        raise UsageError(f"%%fetchhive: {name} is a command; write it as a line, with one %: %fetchhive {name}")

    def _check_out(self, out: str | None) -> None:
        """Refuse to put a result in the place of a module, such as ``fh`` or ``pd``."""
        if out is not None and isinstance(self._user_names().get(out), ModuleType):
            raise InputError(f"--out {out} would replace the module {out}; name another variable")

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
    """Refuse a deployment that a hive in this process has not, where nobody else declares it: all it has is known."""
    connection = client.aclient.connection
    with suppress(UnknownDeployment):  # near to a known name, and out of a snippet: unknown all the same
        if client.origin != LOCAL or connection.find_deployment(name) is not None:
            return
    names = listed(list(connection.known_deployments()), "and") or "none"
    raise InputError(
        f"the local hive in this process has no deployment {short(name)}; its deployments are: {names}. To call "
        "Fetch Hive itself: %fetchhive use live"
    )


KEY_IN_CELL: Final = (
    "The pasted snippet contains an API key. It was not used, but it is in this cell, and so in the saved "
    f"notebook and in IPython's history: delete it from the cell; {credentials.LOGIN_HINT}."
)


def _show_notes(call: CellRequest) -> None:
    if call.key_was_dropped:
        notice(KEY_IN_CELL)
    if call.ignored:
        notice(f"Not sent, because no workflow call is known to take it: {', '.join(call.ignored)}.")
    for warning in call.warnings:
        notice(warning)


SOON_S: Final = 0.3
"""A single call that takes less leaves no empty output before its value."""


class LiveAnswers:
    """The display of one cell's calls, and what can be clicked under it.

    Parameters
    ----------
    requests : sequence of InvokeRequest
        Those of a variant lie next to each other.
    """

    text = USE_STOP

    def __init__(self, requests: Sequence[InvokeRequest]) -> None:
        variants = columns_of(str(request.variant or request.deployment) for request in requests)
        self._deployment = requests[0].deployment if requests else ""
        self._submit = SubmitState(variants, len(requests) // max(len(variants), 1))
        self._cancel: Callable[[], object] = lambda: None
        self._began = time.monotonic()
        self._ended = 0.0
        self._handle: Any = None
        self._timer: asyncio.TimerHandle | None = None
        self._results: Any = None
        self.served: ServedOutputs | None = None
        """What serves the buttons of the answers, once they have all come."""
        self._control_display = ControlDisplay(self, above=self)

    # --- call by call

    def begin(self, cancel: Callable[[], object]) -> None:
        """Show that every call waits, and in a while a button that calls `cancel`."""
        self._cancel = cancel
        if running_kernel() is not None and has_person(running_kernel()) is not False:
            if len(self._submit.calls) > 1:
                self._show()
            else:
                # With the context of this call, in which ipykernel finds the cell that an output belongs to.
                self._timer = asyncio.get_running_loop().call_later(SOON_S, self._show)
        self._control_display.begin()

    def _show(self) -> None:
        self.served = served_outputs()
        self._handle = new_handle()
        self._handle.display(self._state())

    def started(self, index: int) -> None:
        """Show that a call was sent."""
        self._submit.begin(index, time.monotonic() - self._began)
        if self._results is not None:
            self._results.started(index, began_s=self._submit.calls[index].began_s)
        else:
            self._update()

    def answered(self, index: int, run: Run) -> None:
        """Show what came of a call."""
        self._submit.answer(index, run)
        if self._results is not None:
            self._results.show(index, run)
        else:
            self._update()

    def end(self) -> None:
        """Take away what can be clicked."""
        self._ended = time.monotonic()
        results, self._results = self._results, None
        if self._timer is not None:
            self._timer.cancel()
        if not self._submit.over:
            self._submit.stop()
        if results is not None:
            results.stopped()
        self._control_display.end()

    def leave(self, shown: Any) -> bool:
        """Leave `shown` on the page, or nothing for ``None``; return whether there is a place for it."""
        if self._handle is None:
            return False
        if shown is None:
            self._handle.update({"text/plain": ""}, raw=True)
        else:
            self._handle.update(shown)
        return True

    @property
    def _is_one(self) -> bool:
        """Whether it is one call: then its head says all that a line above it would."""
        return len(self._submit.calls) == 1

    def line(self) -> str:
        """Return how far the calls are, in one line."""
        return self._submit.line((self._ended or time.monotonic()) - self._began)

    def _state(self) -> SideBySide:
        return SideBySide(
            self._submit.calls,
            deployment=self._deployment,
            line="" if self._is_one else self.line(),
            now_s=time.monotonic() - self._began,
            whole="the cell's result has everything",
            served=self.served,
            is_served=False,
        )

    def _update(self) -> None:
        if self._handle is not None:
            self._handle.update(self._state())

    # --- the display above what can be clicked, which the widgets hide: they show the same

    def page(self) -> str:
        """Return how the calls are, as HTML, or how they ended; nothing while the results view shows it."""
        if self._results is not None:
            return ""
        return f"{self._state().page()}{end_note() if self._submit.over else ''}"

    def below(self) -> str:
        """Return nothing: all of it is above."""
        return ""

    def stand_in(self, dom_class: str, text: str) -> None:
        """Be what is seen where the widgets are not."""
        if self._handle is not None:
            self._handle.update(StaticCalls(self._state(), dom_class, text))

    # --- what can be clicked

    def make(self, on_loop: OnLoopHandler) -> Any:
        """Return the results view with Cancel below it."""
        from ipywidgets import HTML, VBox

        from fh_notebook.notebook.results.view import ResultsView

        submit = self._submit
        self._results = ResultsView(
            line=HTML() if self._is_one else None, deployment=self._deployment if self._is_one else ""
        )
        known = session.known_variants([self._deployment])
        self._results.begin(submit.variants, submit.repeats, known=known, ago_s=time.monotonic() - self._began)
        for index, call in enumerate(submit.calls):
            if call.run is not None:
                self._results.show(index, call.run)
            elif call.state == "running":
                self._results.started(index, began_s=call.began_s)
        return VBox([self._results.widget, CancelButton(self._cancel).make(on_loop)])

    def follow(self) -> None:
        """Nothing: each answer is shown when it comes."""


class StaticCalls:
    """The calls of a cell where its widgets are not, as they were when those were made."""

    def __init__(self, state: SideBySide, dom_class: str, text: str) -> None:
        self._state, self._dom_class, self._text = state, dom_class, text

    def __repr__(self) -> str:
        return f"{self._state}\n{self._text}"

    def _repr_html_(self) -> str:
        note = html.el("div", html.el("span", self._text, cls="fh-dim"), cls="fh")
        return html.el("div", no_lost_widget(self._dom_class), self._state.page(), note, cls=self._dom_class)
