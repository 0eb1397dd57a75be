"""How a call of a form is told that ended without an answer: refused, never sent, cancelled. Pure.

Rule of this file: one line, with the cure; whether the call may have run is always said.
"""

from __future__ import annotations

from typing import Any, Final

from fh_notebook.contract.models import InvokeRequest
from fh_notebook.contract.run import Run
from fh_notebook.errors import CallError, FetchHiveError
from fh_notebook.values import error_text

__all__ = ["NOTHING_SENT", "run_of_error", "stopped_text"]

NOTHING_SENT: Final = "cancelled before anything was sent"


def run_of_error(error: Exception, request: InvokeRequest) -> Run:
    """Return what was raised for a call as the failed run that a form shows: one line, with the cure.

    Examples
    --------
    >>> run_of_error(CallError("refused", status_code=401), InvokeRequest(deployment="d", variant="v"))
    Run(failed, d/v, error='refused')
    """
    about: dict[str, Any] = {"error_code": "unforeseen"}
    said = error_text(error)
    if isinstance(error, FetchHiveError):
        said, about = str(error), {}
    if isinstance(error, CallError):
        about = {
            "status_code": error.status_code,
            "error_code": error.error_code,
            "request_id": error.request_id,
            "status": "unknown" if error.may_have_run else "failed",
        }
    named = {"deployment": request.deployment, "variant": request.variant, "inputs": request.inputs}
    return Run(**{"status": "failed", "error": said, **named, **about})


def stopped_text(asked: int, *, came: int, waits: int) -> str:
    """Return what became of the calls of a submit that a person cancelled; `waits` of them the service had taken.

    Examples
    --------
    >>> stopped_text(2, came=1, waits=0)
    'cancelled: the call that was out may have run at the service all the same; 1 of 2 answers came before'
    >>> stopped_text(2, came=0, waits=2)
    'cancelled: 2 runs go on at the service, and fh.reattach() waits for them again'
    """
    said = []
    if left := asked - came - waits:
        calls = "the call that was out may have run" if left == 1 else f"the {left} calls that were out may have run"
        said.append(f"{calls} at the service all the same")
    if waits:
        runs, them = ("1 run goes", "it") if waits == 1 else (f"{waits} runs go", "them")
        said.append(f"{runs} on at the service, and fh.reattach() waits for {them} again")
    if came:
        said.append(f"{came} of {asked} answers came before")
    return f"cancelled: {'; '.join(said)}"
