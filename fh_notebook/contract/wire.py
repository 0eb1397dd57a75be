"""Wire codec: request to bytes, answer and callback event to Run; invalid bodies become a Run, too, and nothing raises.

Rule of this file: it says what each kind of answer means. Where a body has what is read in
:mod:`fh_notebook.contract.response_body`, the one place for what is UNKNOWN of the service's bodies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fh_notebook.contract.callbacks import needs_callback
from fh_notebook.contract.exchange import Answer, InvokeRequest
from fh_notebook.contract.response_body import (
    error_of,
    ids_of_body,
    output_of,
    parse,
    sayable,
    secret_of,
    status_of,
    text_of_page,
)
from fh_notebook.contract.retry import may_have_run
from fh_notebook.contract.run import STATUSES, Run
from fh_notebook.contract.secrets import mask_body
from fh_notebook.core import arguments
from fh_notebook.core.text.html import printable
from fh_notebook.core.values import redact

__all__ = ["Exchange", "decode_answer", "decode_retrieved", "encode_request", "parse_event"]

PLACEHOLDERS: Final = frozenset({"YOUR_DEPLOYMENT_NAME", "YOUR_VARIANT_NAME"})
"""What a Code Snippet says before somebody fills it in (CONTRACT section 9)."""

BY_CALLBACK: Final = "run it by callback delivery: hive.submit(...), or %%fetchhive ... --delivery callback"
"""The cure of a direct call that was refused because it cannot be one."""

BROKEN_TEXTS: Final = {
    "connect": "the service could not be reached; nothing was sent",
    "tls": "no secure connection could be made; nothing was sent",
    "proxy": "the proxy refused the connection; nothing was sent",
    "write": "the connection broke while the request was being sent; it may have run",
    "read_timeout": "no answer came in time; the workflow may still be running",
    "reset": "the connection broke before an answer came; the workflow may have run",
    "cut": "the answer was cut off; the workflow has probably run",
    "too_large": "the answer is larger than max_response_bytes; it was not kept",
}
"""What each way of breaking off means to a person; the keys are those of ``Answer.broke``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One attempt: the answer as it came, for `retry.decide`, and the run as it reads."""

    answer: Answer
    run: Run


def encode_request(request: InvokeRequest) -> bytes:
    """Return the bytes of `request`, UTF-8."""
    return _spell(request.body()).encode()


# Made once: `json.dumps` makes an encoder at each call that has options.
_spell: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def decode_answer(
    answer: Answer, request: InvokeRequest, *, started_at: datetime | None = None, origin: str = "", attempts: int = 1
) -> Run:
    """Return the `Run` that `answer` tells of.

    Parameters
    ----------
    answer : Answer
        Anything that an exchange can bring: a status with any body, or how it broke off.
    request : InvokeRequest
        What was asked: it becomes part of the run.
    started_at : datetime, optional
        When the exchange began, UTC.
    origin : str
        The host that was asked.
    attempts : int
        How many exchanges there were, this one included.

    Returns
    -------
    Run
        ``completed`` or ``failed`` by the body's own word; ``failed`` for what the service refused; ``unknown`` for
        what may have run (CONTRACT section 2).
    """
    asked: dict[str, Any] = {
        "deployment": request.deployment,
        "variant": request.variant,
        "inputs": request.inputs,
        "metadata": dict(request.metadata or {}),
        "origin": origin,
        "started_at": started_at,
        "elapsed_s": answer.elapsed_s,
        "attempts": attempts,
        "status_code": answer.status_code,
    }
    if answer.status_code is None:
        return _broken_run(answer, asked)
    body = parse(answer.body)
    asked |= ids_of_body(body, answer.headers)
    if 200 <= answer.status_code < 300:
        return _answered_run(answer.status_code, body, asked)
    return _refused_run(answer, body, request, asked)


def _broken_run(answer: Answer, asked: dict[str, Any]) -> Run:
    broke = answer.broke or "reset"
    detail = f" ({printable(redact(answer.detail))[:300]})" if answer.detail else ""
    return Run(
        status="unknown" if may_have_run(answer) else "failed",
        error=f"{BROKEN_TEXTS.get(broke, broke)}{detail}",
        error_code="response_too_large" if broke == "too_large" else broke,
        **asked,
    )


def _answered_run(status_code: int, body: Any, asked: dict[str, Any]) -> Run:
    """A 2xx: the call succeeded, whatever became of the run."""
    if not isinstance(body, dict):
        what = "an empty body" if body in ("", None) else "something that is not a JSON object"
        return Run(
            status="unknown",
            error=f"the service answered {status_code} with {what}; the workflow may have run",
            error_code="empty_body" if body in ("", None) else "not_json",
            raw=mask_body(body),
            **asked,
        )
    status = status_of(body, status_code)
    message, code = error_of(body, failed=status == "failed")
    return Run(
        status=status,
        output=output_of(body),
        error=message or (f"the service answered {status_code} without a status" if status == "unknown" else None),
        error_code=code,
        raw=mask_body(body),
        webhook_secret=secret_of(body),
        **asked,
    )


def _refused_run(answer: Answer, body: Any, request: InvokeRequest, asked: dict[str, Any]) -> Run:
    status_code = answer.status_code or 0
    message, code = error_of(body)
    message = message or text_of_page(answer, body)
    if status_code == 404 and PLACEHOLDERS & {request.deployment, request.variant}:
        message += "; YOUR_DEPLOYMENT_NAME and YOUR_VARIANT_NAME are placeholders of the snippet: put your own names"
    if not request.by_callback and needs_callback(answer):
        message = f"{message.rstrip('.')}; {BY_CALLBACK}"
    if 300 <= status_code < 400:
        message = f"the service answered {status_code}, a redirect; it is not followed with a key: check base_url"
    return Run(
        status="unknown" if may_have_run(answer) else "failed",
        error=message,
        error_code=code or f"http_{status_code}",
        raw=mask_body(body),
        **asked,
    )


def decode_retrieved(answer: Answer, *, request_id: str, origin: str = "") -> Run:
    """Return the run that a ``GET .../requests/{id}`` or ``.../workflow_runs/{id}`` tells of (CONTRACT section 3).

    A look-up that failed says nothing of the run itself: the run is ``unknown`` then, with the reason as its error.
    """
    known: dict[str, Any] = {"origin": origin, "status_code": answer.status_code}
    body = parse(answer.body)
    if answer.status_code is None or not 200 <= answer.status_code < 300 or not isinstance(body, dict):
        message, code = error_of(body)
        broke = BROKEN_TEXTS.get(answer.broke or "", "")
        text = message or (text_of_page(answer, body) if answer.status_code else broke or "no answer came")
        found = code or answer.broke or f"http_{answer.status_code}"
        return Run(status="unknown", request_id=request_id, error=text, error_code=found, raw=mask_body(body), **known)
    for wrapper in ("request", "workflow_run"):
        if isinstance(body.get(wrapper), dict):
            body = body[wrapper]
    status = status_of(body, answer.status_code)
    message, code = error_of(body, failed=status == "failed")
    ids = ids_of_body(body, {})
    metadata = body.get("user_metadata") or body.get("metadata")
    return Run(
        status=status,
        output=output_of(body),
        error=message,
        error_code=code,
        request_id=ids["request_id"] or request_id,
        run_id=ids["run_id"],
        started_at=_instant(body.get("started_at")),
        elapsed_s=_seconds_between(body),
        inputs=body["start_inputs"] if isinstance(body.get("start_inputs"), dict) else {},
        metadata=dict(metadata) if isinstance(metadata, dict) else {},
        raw=mask_body(body),
        **known,
    )


def _instant(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _seconds_between(body: Mapping[str, Any]) -> float:
    begun, ended = _instant(body.get("started_at")), _instant(body.get("ended_at"))
    if begun is None or ended is None or (begun.tzinfo is None) != (ended.tzinfo is None):
        return 0.0
    return max(0.0, (ended - begun).total_seconds())


def parse_event(body: bytes) -> Run:
    """Return the run that the body of a callback tells of. Verify its signature first.

    Parameters
    ----------
    body : bytes
        The raw body of the delivery.

    Returns
    -------
    Run
        Status from the suffix of ``event_type``, else ``run_status`` or ``status``; a body that cannot be read is a
        run of status ``unknown`` with the text in ``raw``.

    Examples
    --------
    >>> parse_event(b'{"event_type": "workflow.completed", "request_id": "req_1", "data": {"output": "hi"}}')
    Run(completed, req_1, output=hi)
    """
    arguments.check(parse_event, locals())
    event = parse(bytes(body))  # a memoryview, which the check takes as bytes, cannot be decoded
    if not isinstance(event, dict):
        said = "the callback's body is not a JSON object"
        return Run(status="unknown", error=said, error_code="not_json", raw=mask_body(event))
    data = event.get("data")
    inner = data if isinstance(data, dict) else {}
    suffix = sayable(str(event.get("event_type") or "").rpartition(".")[2])
    status = suffix if suffix in STATUSES else status_of({**inner, **event}, 200)
    if status == "unknown" and suffix:  # another word for how far it is: a receiver knows some of those that end it
        status = suffix
    message, code = error_of(event, failed=status == "failed")
    ids = ids_of_body(event, {})
    return Run(
        status=status,
        output=output_of(event),
        error=message,
        error_code=code,
        request_id=ids["request_id"],
        run_id=ids["run_id"],
        raw=mask_body(event),
    )
