"""Hints for runs that did not complete, by error code. Pure.

Rule of this file: codes decide, never texts, which the service writes in the user's language. Where nothing sure can be
said, nothing is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from fh_notebook.contract.callbacks import was_refused_directly
from fh_notebook.contract.run import Run

__all__ = ["HINTS", "app_run", "hint_for"]

HINTS: Final = {
    # CONTRACT section 2
    "insufficient_hosted_llm_credits": "buy credits in Fetch Hive, then run again",
    "account_credit_cap_reached": "raise the account's credit cap in Fetch Hive, then run again",
    "api_rate_limit_exceeded": "the daily cap resets at midnight UTC",
    "too_many_requests": "the model's provider is busy; run again in a minute",
    "workflow_step_limit_reached": "the workflow has more steps than the plan allows",
    "workspace_limit_reached": "the plan's limit is reached; see its page in Fetch Hive",
    "asset_storage_limit_reached": "delete files in Fetch Hive, or take a larger plan",
    "model_deprecated": "choose another model in the workflow",
    "personal_model_missing_credentials": "add the model's credentials in Fetch Hive",
    "personal_model_invalid_credentials": "correct the model's credentials in Fetch Hive",
    "vision_not_supported": "choose a model that takes pictures, or leave the picture out",
    "iteration_limit_exceeded": "raise the iteration limit in the workflow, or ask for less at once",
    "validation_error": "correct the inputs, then run again",
    "not_found": "check the names of deployment and variant; fh.deployments() lists those that are known here",
    # ours
    "connect": "check the network, and with %fetchhive use where calls go; then run again",
    "proxy": "check the proxy's address and its rights; then run again",
    "tls": "check the address, and whose certificate answers there; then run again",
    "read_timeout": "give it longer with fh.configure(timeout=...), in seconds",
    "response_too_large": "allow more with fh.configure(max_response_bytes=...)",
}
"""What to do, by ``Run.error_code``."""

LOOK_FIRST: Final = "look for it in the service's logs before you run it again: that is a second call"


def hint_for(run: Run) -> str:
    """Return what to do about a run that did not complete, in one line; an empty text where that is not known.

    Examples
    --------
    >>> hint_for(Run(status="failed", error="Kein Guthaben", error_code="insufficient_hosted_llm_credits"))
    'buy credits in Fetch Hive, then run again'
    >>> hint_for(Run(status="unknown", error="no answer came in time", error_code="read_timeout")).count(";")
    1
    >>> hint_for(Run(status="completed", output="hi"))
    ''
    """
    if run.ok:
        return ""
    if was_refused_directly(run):
        return 'it answers later only: switch "Deliver by callback" on, and run again'
    hint = HINTS.get(run.error_code or "", "")
    if run.status != "unknown":
        return hint
    return "; ".join(filter(None, (LOOK_FIRST, hint)))


BUSY: Final = "The service is busy. Try again in a minute."
UNAVAILABLE: Final = "This did not work. Try again, or tell the person who gave you this page."
MAY_HAVE_RUN: Final = "No answer came, but the work may be done. Ask the person who gave you this page."
_BUSY_STATUSES: Final = (429, 503)


def app_run(run: Run) -> Run:
    """Return a run as the users of an app see it: without ids, codes, hints, and errors that are about the service.

    Examples
    --------
    >>> app_run(Run(status="failed", error="the key fhk_*** is refused", status_code=401, request_id="req_1")).error
    'This did not work. Try again, or tell the person who gave you this page.'
    """
    error = None
    if run.status == "unknown":
        error = MAY_HAVE_RUN
    elif not run.ok or run.error:
        error = BUSY if run.status_code in _BUSY_STATUSES else UNAVAILABLE
    return replace(run, error=error, error_code=None, request_id=None, run_id=None, attempts=1, raw=None)
