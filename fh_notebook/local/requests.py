"""Requests of callers: bodies read into a ParsedRequest, or refused with an error code of the service.

Rules of this file:

1. A code that the service is not known to use is marked ``ours``, so that nobody builds on it. The service's own
   stand in CONTRACT section 2; what is [S] there comes from an official SDK.
2. Pure, and every problem is told before anything runs (CONTRACT section 1). The texts that CONTRACT section 2 lists
   are the service's; the others are ours.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Code:
    """One error code."""

    code: str
    http_status: int
    message: str
    """The message of a refusal without one of its own."""
    ours: bool = False
    """Whether this hive made the code up because the service's is not known."""

    @property
    def client_action(self) -> str:
        """What a caller can do, in words of our own: the service's are in its catalogue."""
        return _ACTIONS.get(self.http_status, "Correct the request.")


_ACTIONS: Final = {
    401: "Check the API key.",
    402: "Add credits, or change the subscription.",
    403: "Ask for the permission, or leave the option out.",
    404: "Check the names and ids.",
    429: "Wait, then try again.",
    500: "Try again later.",
    502: "Try again later.",
    503: "Try again later.",
    504: "Try again later, or use callback delivery.",
}


CODES: Final[tuple[Code, ...]] = (
    Code("api_rate_limit_exceeded", 429, "Daily API rate limit reached"),
    Code("too_many_requests", 429, "The provider is receiving too many requests. Try again later."),
    Code("insufficient_hosted_llm_credits", 402, "You do not have enough hosted LLM credits."),
    Code("account_credit_cap_reached", 422, "Your account has reached its credit cap."),
    Code("workflow_step_limit_reached", 402, "Your subscription's limit of workflow steps is reached."),
    Code("workspace_limit_reached", 402, "Your subscription's limit of workspaces is reached."),
    Code("asset_storage_limit_reached", 402, "Your subscription's asset storage is full."),
    Code("log_range_limit_exceeded", 402, "Your subscription does not keep logs for that long."),
    Code("model_deprecated", 422, "A model of this workflow is deprecated."),
    Code("personal_model_missing_credentials", 422, "A personal model of this workflow has no credentials."),
    Code("personal_model_invalid_credentials", 422, "The credentials of a personal model were refused."),
    Code("vision_not_supported", 422, "A model of this workflow cannot read images."),
    Code("iteration_limit_exceeded", 422, "The workflow reached its limit of iterations."),
    Code("validation_error", 422, "The request is not valid."),
    Code("invalid_tool_approval", 400, "tool_approval must be policy or auto_approve"),
    Code("tool_approval_override_not_permitted", 403, "This key may not override tool approvals."),
    Code("internal_server_error", 500, "Something went wrong. Please try again."),
    # The texts of these three are the service's, the codes are not known.
    Code("unauthorized", 401, "Invalid access.", ours=True),
    Code("not_found", 404, "Request not found", ours=True),
    Code(
        "concurrency_limit_reached",
        429,
        "You've reached your concurrency limit. Try again later or use async mode.",
        ours=True,
    ),
    Code("address_expired", 403, "The address of this file has expired.", ours=True),
    Code("already_decided", 409, "This approval was already decided.", ours=True),
    Code("approval_expired", 409, "This approval has expired.", ours=True),
    Code("async_required", 422, "This workflow has a human-in-the-loop step: use async mode.", ours=True),
    Code("provider_error", 502, "The model's provider answered with an error.", ours=True),
    Code("service_unavailable", 503, "The service is unavailable. Try again later.", ours=True),
    Code("gateway_timeout", 504, "The workflow did not answer in time.", ours=True),
    Code("invalid_json", 400, "The body is not JSON.", ours=True),
    Code("method_not_allowed", 405, "This address does not accept that method.", ours=True),
    Code("request_too_large", 413, "The body is too large.", ours=True),
    Code("unsupported_media_type", 415, "The body must be application/json.", ours=True),
)
"""Every code, the service's first."""


BY_CODE: Final[Mapping[str, Code]] = {c.code: c for c in CODES}


# Where several codes share a status, the one that says least; 429 without a code is the provider's, which every
# client may simply try again.
_USUAL: Final = {402: "insufficient_hosted_llm_credits", 422: "validation_error", 429: "too_many_requests"}


def code_for_status(status: int) -> str:
    """Return the code that this hive uses for an HTTP status when nothing more is known.

    Examples
    --------
    >>> code_for_status(429), code_for_status(503), code_for_status(418)
    ('too_many_requests', 'service_unavailable', 'validation_error')
    """
    if status in _USUAL:
        return _USUAL[status]
    exact = next((c.code for c in CODES if c.http_status == status), None)
    return exact or ("internal_server_error" if status >= 500 else "validation_error")


class Refusal(Exception):
    """An error response: raised at any stage, encoded once, in the app.

    Parameters
    ----------
    code : str
        One of :data:`CODES`.
    message : str, optional
        Its message; the code's by default.
    more : mapping, optional
        Further fields of the body, such as ``limit`` and ``current``.
    headers : mapping, optional
        Further headers, such as ``Retry-After``.
    status : int, optional
        Another HTTP status than the code's. The body has the text alone then, as those of such answers do.

    Examples
    --------
    >>> no = Refusal("not_found", "Variant not found")
    >>> no.status, no.message
    (404, 'Variant not found')
    """

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        more: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        status: int | None = None,
    ) -> None:
        self.code = code
        self.status = BY_CODE[code].http_status if status is None else status
        self.message = message or BY_CODE[code].message
        self.more = dict(more or {})
        self.headers = dict(headers or {})
        super().__init__(f"{self.status} {code}: {self.message}")


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """The parsed body of one call."""

    deployment: str
    variant: str
    inputs: dict[str, Any]
    callback_url: str | None
    """Given: callback delivery."""
    body: bytes
    """The raw body: the record of a run stores it, since the workflow cannot change it."""


def read_invoke(body: bytes, *, may_auto_approve: bool = True) -> ParsedRequest:
    """Parse the body of ``POST /v1/workflow/invoke``."""
    fields = _json_object(body)
    # Older bodies have the name of the deployment in `endpoint` (CONTRACT section 10).
    deployment, variant = fields.get("deployment") or fields.get("endpoint"), fields.get("variant")
    if not deployment or not variant:
        raise Refusal("validation_error", "Missing required field: deployment or variant")
    if not isinstance(deployment, str) or not isinstance(variant, str):
        raise Refusal("validation_error", "deployment and variant must be strings")
    _check_metadata(fields.get("metadata"))
    if not isinstance(fields.get("user"), str | None):
        raise Refusal("validation_error", "user must be a string")
    _check_tool_approval(fields.get("tool_approval"), may_auto_approve=may_auto_approve)
    return ParsedRequest(deployment, variant, _inputs(fields), _callback_url(fields.get("async")), body)


def read_trigger(body: bytes, deployment: str, variant: str) -> ParsedRequest:
    """Parse the body of a webhook trigger, which is always callback delivery (CONTRACT section 6)."""
    fields = _json_object(body)
    _check_metadata(fields.get("metadata"))
    _check_tool_approval(fields.get("tool_approval"), may_auto_approve=False)
    delivery = fields.get("async")
    delivery = (
        {**delivery, "enabled": True}
        if isinstance(delivery, dict)
        else {"enabled": True}
        if delivery is None
        else delivery
    )
    return ParsedRequest(deployment, variant, _inputs(fields), _callback_url(delivery), body)


def read_decision(body: bytes, *, is_destructive: bool) -> bool:
    """Parse the body of a decision about a tool, and return whether it is allowed (CONTRACT section 10)."""
    decision = _json_object(body).get("decision")
    if decision == "allow_for_run" and is_destructive:  # UNKNOWN how the service spells a decision for a whole run
        raise Refusal("validation_error", "A destructive action cannot be allowed for a whole run")
    if decision not in ("allow_once", "deny"):
        raise Refusal("validation_error", "decision must be allow_once or deny")
    return bool(decision == "allow_once")


def read_upload(content_type: str, body: bytes) -> tuple[str, bytes, str]:
    r"""Return name, content and type of the file in a ``multipart/form-data`` body; UNKNOWN how its field is called.

    Examples
    --------
    >>> form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n--b--'
    >>> read_upload("multipart/form-data; boundary=b", form)
    ('a.txt', b'hello', 'application/octet-stream')
    """
    form = Message()
    form["content-type"] = content_type
    boundary = form.get_boundary() or ""
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary.encode(errors="replace")) if boundary else []
    for part in parts[1:]:
        head, blank, content = part.partition(b"\r\n\r\n")
        headers = HeaderParser().parsestr(head.lstrip().decode(errors="replace"))  # names are UTF-8
        if blank and (name := headers.get_filename()):
            kind = headers.get_content_type() if headers["content-type"] else "application/octet-stream"
            return name, content, kind
    raise Refusal("validation_error", "file is required")


def bearer_key(header: str | None) -> str:
    """Return the key of an ``Authorization`` header.

    Examples
    --------
    >>> bearer_key("Bearer fhk_1")
    'fhk_1'
    """
    scheme, _, key = (header or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Refusal("unauthorized")
    return key.strip()


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as exc:
        # ValueError: bad JSON, bad UTF-8, NaN, a whole number of more digits than Python reads.
        raise Refusal("invalid_json", f"The body is not JSON: {exc}") from None
    if not isinstance(fields, dict):
        raise Refusal("validation_error", "The body must be a JSON object")
    return fields


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} has no JSON form")


def _inputs(fields: Mapping[str, Any]) -> dict[str, Any]:
    inputs = fields.get("inputs")
    if inputs is None:
        return {}
    if not isinstance(inputs, dict):
        raise Refusal("validation_error", "inputs must be an object")
    return inputs


def _check_metadata(metadata: Any) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, dict):
        raise Refusal("validation_error", "metadata must be a flat object")
    for key, value in metadata.items():
        if not key:
            raise Refusal("validation_error", "metadata keys must be non-empty strings")
        if not isinstance(value, str | bool | int | float | None) or (isinstance(value, float) and math.isinf(value)):
            raise Refusal("validation_error", f"metadata.{key} must be a string, a number, a boolean or null")


def _check_tool_approval(policy: Any, *, may_auto_approve: bool) -> None:
    if policy not in (None, "policy", "auto_approve"):
        raise Refusal("invalid_tool_approval")
    if policy == "auto_approve" and not may_auto_approve:
        raise Refusal("tool_approval_override_not_permitted")


def _callback_url(delivery: Any) -> str | None:
    if delivery is None:
        return None
    if not isinstance(delivery, dict) or not isinstance(delivery.get("enabled"), bool):
        raise Refusal("validation_error", "async must be an object with enabled, true or false")
    if not delivery["enabled"]:
        return None
    url = delivery.get("callback_url")
    if url is None or url == "":
        raise Refusal("validation_error", "callback_url is required when async is enabled")
    if not isinstance(url, str) or not _is_web_address(url):
        raise Refusal("validation_error", "callback_url must be a valid URL")
    return url


def _is_web_address(url: str) -> bool:
    if any(c.isspace() or not c.isprintable() for c in url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # a port that is no number, a bracket that is not closed
        return False
