"""Wire codec: request to bytes, response and callback event to Run; an invalid body also becomes a Run.

Rule of this file: it has the meaning of each kind of response. The parts of a body are read in
:mod:`fh_notebook.contract.response`, the one place for what is UNKNOWN of the service's bodies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fh_notebook.contract.callbacks import needs_callback, noting_missing_output
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.response import (
    Response,
    error_of,
    ids_of_body,
    known_status,
    output_of,
    parse,
    secret_of,
    status_of,
    text_of_page,
)
from fh_notebook.contract.retry import NOT_FOUND_STATUSES, may_have_run
from fh_notebook.contract.run import STATUSES, Run
from fh_notebook.contract.secrets import mask_body
from fh_notebook.core import arguments
from fh_notebook.core.json_values import json_encoder
from fh_notebook.core.redaction import redact
from fh_notebook.core.text.html import printable

PLACEHOLDERS: Final = frozenset({"YOUR_DEPLOYMENT_NAME", "YOUR_VARIANT_NAME"})
"""The names in a Code Snippet that is not filled in (CONTRACT section 9)."""

BY_CALLBACK: Final = "run it by callback delivery: hive.submit(...), or %%fetchhive ... --delivery callback"
"""The hint after a direct call of a workflow that needs callback delivery."""

BROKEN_TEXTS: Final = {
    "connect": "the service could not be reached; nothing was sent",
    "tls": "no secure connection could be made; nothing was sent",
    "proxy": "the proxy refused the connection; nothing was sent",
    "write": "the connection broke while the request was sent; the workflow may have run",
    "read_timeout": "no answer arrived in time; the workflow may still be running",
    "reset": "the connection broke before an answer arrived; the workflow may have run",
    "cut": "the answer was cut off; the workflow has probably run",
    "too_large": "the answer is larger than max_response_bytes; it was discarded",
}
"""The error message of each way of breaking off; the keys are those of ``Response.broke``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """The result of one attempt: the response, for `retry.decide`, and the run decoded from it."""

    response: Response
    run: Run


def encode_request(request: InvokeRequest) -> bytes:
    """Return the bytes of `request`, UTF-8."""
    return _encode(request.body()).encode()


_encode: Final = json_encoder(allow_nan=False)


def encode_trigger(request: InvokeRequest) -> bytes:
    """Return the body of a webhook trigger (CONTRACT section 6); the URL names the deployment."""
    body = request.body()
    fields: dict[str, Any] = {name: body[name] for name in ("inputs", "metadata") if name in body}
    return _encode({**fields, "async": {"callback_url": request.callback_url}}).encode()


def decode_answer(
    response: Response,
    request: InvokeRequest,
    *,
    started_at: datetime | None = None,
    origin: str = "",
    attempts: int = 1,
) -> Run:
    """Decode `response` into a `Run`."""
    call: dict[str, Any] = {
        "deployment": request.deployment,
        "variant": request.variant,
        "inputs": request.inputs,
        "metadata": dict(request.metadata or {}),
        "origin": origin,
        "started_at": started_at,
        "elapsed_s": response.elapsed_s,
        "attempts": attempts,
        "status_code": response.status_code,
    }
    if response.status_code is None:
        return _broken_run(response, call)
    body = parse(response.body)
    call |= ids_of_body(body, response.headers)
    if 200 <= response.status_code < 300:
        return _answered_run(response.status_code, body, call)
    return _refused_run(response, body, request, call)


def _broken_run(response: Response, call: dict[str, Any]) -> Run:
    broke = response.broke or "reset"
    detail = f" ({printable(redact(response.detail))[:300]})" if response.detail else ""
    return Run(
        status="unknown" if may_have_run(response) else "failed",
        error=f"{BROKEN_TEXTS.get(broke, broke)}{detail}",
        error_code="response_too_large" if broke == "too_large" else broke,
        **call,
    )


def _answered_run(status_code: int, body: Any, call: dict[str, Any]) -> Run:
    """Return the run of a 2xx: the call succeeded, whatever the status of the run."""
    if not isinstance(body, dict):
        content = "an empty body" if body in ("", None) else "something that is not a JSON object"
        return Run(
            status="unknown",
            error=f"the service answered {status_code} with {content}; the workflow may have run",
            error_code="empty_body" if body in ("", None) else "not_json",
            raw=mask_body(body),
            **call,
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
        **call,
    )


def _refused_run(response: Response, body: Any, request: InvokeRequest, call: dict[str, Any]) -> Run:
    status_code = response.status_code or 0
    message, code = error_of(body)
    message = message or text_of_page(response, body)
    if status_code in NOT_FOUND_STATUSES and PLACEHOLDERS & {request.deployment, request.variant}:
        message += (
            "; YOUR_DEPLOYMENT_NAME and YOUR_VARIANT_NAME are placeholders of the snippet: replace them "
            "with your own names"
        )
    if not request.by_callback and needs_callback(response):
        message = f"{message.rstrip('.')}; {BY_CALLBACK}"
    if 300 <= status_code < 400:
        message = (
            f"the service answered {status_code}, a redirect, which is not followed with an API key; check base_url"
        )
    return Run(
        status="unknown" if may_have_run(response) else "failed",
        error=message,
        error_code=code or f"http_{status_code}",
        raw=mask_body(body),
        **call,
    )


def decode_retrieved(response: Response, *, request_id: str, origin: str = "") -> Run:
    """Decode the response of ``GET .../requests/{id}`` or ``.../workflow_runs/{id}`` into a run (CONTRACT section 3).

    A failed look-up has no information about the run itself: the run is ``unknown`` then, with the reason as its error.
    """
    call: dict[str, Any] = {"origin": origin, "status_code": response.status_code}
    body = parse(response.body)
    if response.status_code is None or not 200 <= response.status_code < 300 or not isinstance(body, dict):
        message, code = error_of(body)
        broke = BROKEN_TEXTS.get(response.broke or "", "")
        text = message or (text_of_page(response, body) if response.status_code else broke or "no answer arrived")
        wrapped = code or response.broke or f"http_{response.status_code}"
        return Run(status="unknown", request_id=request_id, error=text, error_code=wrapped, raw=mask_body(body), **call)
    for wrapper in ("request", "workflow_run"):
        if isinstance(body.get(wrapper), dict):
            body = body[wrapper]
    status = status_of(body, response.status_code)
    message, code = error_of(body, failed=status == "failed")
    ids = ids_of_body(body, {})
    metadata = body.get("user_metadata") or body.get("metadata")
    run = Run(
        status=status,
        output=output_of(body),
        error=message,
        error_code=code,
        request_id=ids["request_id"] or request_id,
        run_id=ids["run_id"] or _requested_run_id(body),
        started_at=_instant(body.get("started_at")),
        elapsed_s=_seconds_between(body),
        inputs=body["start_inputs"] if isinstance(body.get("start_inputs"), dict) else {},
        metadata=dict(metadata) if isinstance(metadata, dict) else {},
        raw=mask_body(body),
        **call,
    )
    return noting_missing_output(run)


def _requested_run_id(body: Mapping[str, Any]) -> str | None:
    """Return the id of the workflow run that a request was for: the request's own id is another one."""
    is_run = "run" in str(body.get("requestable_type") or "").lower()
    return ids_of_body({"run_id": body.get("requestable_id")}, {})["run_id"] if is_run else None


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


@arguments.public
def parse_event(body: bytes) -> Run:
    """Decode the body of a callback into a run. Verify its signature first.

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
        reason = "the callback's body is not a JSON object"
        return Run(status="unknown", error=reason, error_code="not_json", raw=mask_body(event))
    data = event.get("data")
    inner = data if isinstance(data, dict) else {}
    suffix = known_status(str(event.get("event_type") or "").rpartition(".")[2])
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
