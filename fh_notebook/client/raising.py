"""The errors that a person can act on, for an answer after which no call makes sense.

Rule of this file: nothing has run, and the error says so; the service's own words are in it, in one line.
"""

from __future__ import annotations

from typing import Any, NoReturn

from fh_notebook.contract.retry import Decision
from fh_notebook.contract.run import Run, one_line
from fh_notebook.errors import AuthError, ConnectFailed, LimitReached

__all__ = ["raise_for"]


def raise_for(run: Run, decision: Decision) -> NoReturn:
    """Raise the error that a person can act on, for an answer after which no call makes sense.

    Raises
    ------
    AuthError, ConnectFailed, LimitReached
        By the reason of `decision`.
    """
    facts: dict[str, Any] = {
        "status_code": run.status_code,
        "error_code": run.error_code,
        "request_id": run.request_id,
        "may_have_run": False,
    }
    said = one_line(run.error or "").rstrip(".")
    if decision.reason == "auth" and run.status_code == 401:
        raise AuthError(f"{run.origin} refused the key: {said}. Check it in your workspace's settings", **facts)
    if decision.reason == "auth":
        raise AuthError(f"{run.origin} does not allow this: {said}", **facts)
    if decision.reason == "daily_cap":
        raise LimitReached(f"the daily cap of calls is used up ({said}); it is renewed at 00:00 UTC", **facts)
    if decision.reason == "credits":
        raise LimitReached(f"the workspace's credits are used up: {said}", **facts)
    raise ConnectFailed(f"{run.origin} was not reached in {run.attempts} attempts: {said}", **facts)
