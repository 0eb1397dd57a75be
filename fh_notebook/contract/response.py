"""Response of the service: status, headers and body of one HTTP exchange, and a tolerant reader of each known body.

Rule of this file: each part of a body whose form is UNKNOWN is read in exactly one function here, so that one line
fixes it once somebody knows. Nothing raises, whatever the body is. A JSON object is a `dict`: a check for `Mapping`
takes as long as reading the body.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from fh_notebook.core.redaction import Secret, redact, shared_secret
from fh_notebook.core.text.html import printable

Meaning = Literal["unknown_name", "other_limit"]
"""What one service was observed to mean by a refusal that the contract leaves open: that the deployment or the variant
is not known, or that the limit is not the subscription's cap on calls at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """The result of one HTTP exchange: a status, headers and a body, or how the connection broke off.

    Both are data: :func:`fh_notebook.contract.retry.decide` judges them by one table.
    """

    status_code: int | None = None
    """The HTTP status; ``None`` when no complete response came."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names."""
    body: bytes = b""
    elapsed_s: float = 0.0
    """From just before sending to the last byte; waiting for a slot is not in it."""
    broke: str | None = None
    """How it broke off: a key of ``wire.BROKEN_TEXTS``, or ``cancelled`` or ``unforeseen`` (this side)."""
    detail: str = ""
    """The transport's message, redacted."""
    sent: bool = True
    """Whether any byte of the request may have reached the service."""
    meaning: Meaning | None = None
    """As `fh.probe` has observed it of this service; ``None``: nothing is known, and the table of `decide` is all."""


def status_of(body: Mapping[str, Any], status_code: int) -> str:
    """Return the status in the body; without one, the status that a 2xx implies.

    The service's ``pending`` is ``queued``: it has taken the run. In tables ``pending`` is a job that was not called.
    """
    for name in ("run_status", "status"):
        status = body.get(name)
        if isinstance(status, str) and status.strip():
            return known_status(status.strip())
    if body.get("error"):
        return "failed"
    if "output" in body:
        return "completed"
    return "queued" if status_code == 202 else "unknown"


def known_status(word: str) -> str:
    """Return a status by our word for it; one that is not known as it is.

    Examples
    --------
    >>> known_status("pending"), known_status("running"), known_status("paused")
    ('queued', 'running', 'paused')
    """
    return "queued" if word == "pending" else without_surrogates(word)


def _with_data(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return a body and, where it has one, the object in its `data`."""
    data = body.get("data")
    return (body, data) if isinstance(data, dict) else (body,)


def output_of(body: Mapping[str, Any]) -> Any:
    """Return the output from any known body (CONTRACT sections 1, 3 and 6); UNKNOWN whether `data` ever has it."""
    data = body.get("data")
    data_fields = data if isinstance(data, dict) else {}
    for part, name in ((data_fields, "output"), (body, "output"), (data_fields, "response"), (body, "output_content")):
        if part.get(name) is not None:
            return part[name]
    return data if isinstance(data, str) and data else None


def code_of(body: Mapping[str, Any]) -> str | None:
    """Return the stable code of an error body: ``error_code``, or ``code`` in older ones, also inside ``error``."""
    inner = body.get("error")
    for part in (body, inner) if isinstance(inner, dict) else (body,):
        for name in ("error_code", "code"):
            value = part.get(name)
            if isinstance(value, str) and value:
                return redact(value)
    return None


def error_of(body: Any, *, failed: bool = True) -> tuple[str | None, str | None]:
    """Return the error message and its stable code, from both generations of bodies and from callback events.

    For a run that did not fail, a `message` is only a remark; an `error` always is an error.
    """
    if not isinstance(body, dict):
        return None, None
    data = body.get("data")
    code = code_of(body) or (code_of(data) if failed and isinstance(data, dict) else None)
    names = ("message", "error", "error_message") if failed else ("error", "error_message")
    for part in _with_data(body):
        for name in names:
            value = part.get(name)
            if isinstance(value, dict):
                value = value.get("message") or value.get("error") or json.dumps(value, ensure_ascii=False)
            if isinstance(value, str) and value.strip():
                return redact(value.strip()), code
    return None, code


def ids_of_body(body: Any, headers: Mapping[str, str]) -> dict[str, str | None]:
    """Return the ids from the body, also inside `data`; a request id from the headers when the body has none.

    Keys are masked: an id that echoes one cannot be looked up anyway.
    """
    parts = _with_data(body) if isinstance(body, dict) else ()

    def find(name: str) -> str | None:
        for part in parts:
            value = part.get(name)
            if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
                return redact(without_surrogates(str(value)))
        return None

    request_id = find("request_id") or redact(headers.get("x-request-id") or "") or None
    return {"request_id": request_id, "run_id": find("run_id")}


_TITLE: Final = re.compile(r"<title[^>]{0,100}>([^<]{1,1000})", re.IGNORECASE)


def text_of_page(response: Response, body: Any) -> str:
    """Describe an error response without a message: an HTML page of a proxy, an empty body, other text."""
    name = f"HTTP {response.status_code}"
    # The service answers in JSON also where it does not have something: what answers so is at another address.
    hint = "; check base_url" if response.status_code in (404, 405) else ""
    if body in ("", None):
        return f"{name} with an empty body{hint}"
    if isinstance(body, str):
        title = _TITLE.search(body[:20_000])
        if title:
            return f"{name} with a web page instead of JSON: {_excerpt(title[1])!r}{hint}"
        return f"{name} with text instead of JSON: {_excerpt(body[:1_000])!r}{hint}"
    return f"{name} without a message"


def _excerpt(text: str) -> str:
    # Redacted before it is cut: half of a key does not look like one.
    return printable(redact(" ".join(text.split()))[:200])


def parse(body: bytes) -> Any:
    """Return the JSON value of `body`; else its text; an empty body is an empty text."""
    try:
        return _decode(body.decode(json.detect_encoding(body), "surrogatepass"))  # as `json.loads` reads bytes
    except (ValueError, RecursionError):
        text = body.decode("utf-8", "replace").strip()
    try:
        return _decode_tolerantly(text)
    except (ValueError, RecursionError):
        return text


def object_of(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object that `body` is, read as tolerantly as a run is; an empty one when it is none."""
    value = parse(body)
    return value if isinstance(value, dict) else {}


def _int_or_text(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits


# Made once: `json.loads` makes a decoder at each call that has options.
_decode: Final = json.JSONDecoder(
    parse_constant=str
).decode  # NaN and Infinity are not JSON: kept as the words they are
# A paid answer is not lost because of one broken byte, or of a number that is too long for Python (4,300 digits by
# default), which stays a text.
_decode_tolerantly: Final = json.JSONDecoder(parse_constant=str, parse_int=_int_or_text).decode


def secret_of(body: Mapping[str, Any]) -> Secret | None:
    """Return the signing secret, at the top or in `data`."""
    for part in _with_data(body):
        value = part.get("webhook_secret")
        if isinstance(value, str) and value:
            return shared_secret(value)
    return None


def without_surrogates(text: str) -> str:
    """Return a text without lone surrogates, which no file and no terminal accepts."""
    return text.encode("utf-8", "replace").decode()


def text_in(fields: Mapping[str, Any], *names: str) -> str | None:
    """Return the first of these fields that is a text that is not empty, or a whole number, as a text."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return without_surrogates(str(value))
    return None
