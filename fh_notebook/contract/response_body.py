"""Response bodies read tolerantly: the status, output, error, ids and secret of each known form.

Rule of this file: each thing that is UNKNOWN of the service's bodies is read in exactly one function here, so that one
line fixes it once somebody knows; nothing raises, whatever comes. An object of JSON is a `dict`: asking for a `Mapping`
takes as long as reading the body.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from fh_notebook.contract.exchange import Answer
from fh_notebook.core.text.html import printable
from fh_notebook.core.values import Secret, redact, shared_secret

__all__ = [
    "code_of",
    "error_of",
    "ids_of_body",
    "object_of",
    "output_of",
    "parse",
    "sayable",
    "secret_of",
    "status_of",
    "text_of_page",
]


def status_of(body: Mapping[str, Any], status_code: int) -> str:
    """The word that the body uses, as it is; else what a 2xx must mean."""
    for name in ("run_status", "status"):
        word = body.get(name)
        if isinstance(word, str) and word.strip():
            return sayable(word.strip())
    if body.get("error"):
        return "failed"
    if "output" in body:
        return "completed"
    return "queued" if status_code == 202 else "unknown"


def output_of(body: Mapping[str, Any]) -> Any:
    """The output wherever a known body has it (CONTRACT sections 1, 3 and 6); UNKNOWN whether `data` ever holds it."""
    data = body.get("data")
    inner = data if isinstance(data, dict) else {}
    for place, name in ((inner, "output"), (body, "output"), (inner, "response"), (body, "output_content")):
        if place.get(name) is not None:
            return place[name]
    return data if isinstance(data, str) and data else None


def code_of(body: Mapping[str, Any]) -> str | None:
    """The stable code of an error body: ``error_code``, or ``code`` in older ones, also inside ``error``."""
    inner = body.get("error")
    for place in (body, inner if isinstance(inner, dict) else {}):
        for name in ("error_code", "code"):
            value = place.get(name)
            if isinstance(value, str) and value:
                return redact(value)
    return None


def error_of(body: Any, *, failed: bool = True) -> tuple[str | None, str | None]:
    """The error's words and its stable code, of both generations of bodies and of callback events.

    Beside a run that did not fail, a `message` is only a remark; an `error` is an error wherever it stands.
    """
    if not isinstance(body, dict):
        return None, None
    code = code_of(body)
    data = body.get("data")
    names = ("message", "error", "error_message") if failed else ("error", "error_message")
    for place in (body, data if isinstance(data, dict) else {}):
        for name in names:
            value = place.get(name)
            if isinstance(value, dict):
                value = value.get("message") or value.get("error") or json.dumps(value, ensure_ascii=False)
            if isinstance(value, str) and value.strip():
                return redact(value.strip()), code
    return None, code


def ids_of_body(body: Any, headers: Mapping[str, str]) -> dict[str, str | None]:
    """Ids from the body, also inside `data`; a request id from the headers when the body has none.

    Keys are masked: a service that echoes one in an id has none that can be asked for.
    """
    places = [body, body.get("data")] if isinstance(body, dict) else []

    def find(name: str) -> str | None:
        for place in places:
            value = place.get(name) if isinstance(place, dict) else None
            if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
                return redact(sayable(str(value)))
        return None

    request_id = find("request_id") or redact(headers.get("x-request-id") or "") or None
    return {"request_id": request_id, "run_id": find("run_id")}


_TITLE: Final = re.compile(r"<title[^>]{0,100}>([^<]{1,1000})", re.IGNORECASE)


def text_of_page(answer: Answer, body: Any) -> str:
    """Say in words what an error answer without words was: an HTML page of a proxy, an empty body, other text."""
    name = f"HTTP {answer.status_code}"
    if body in ("", None):
        return f"{name} with an empty body"
    if isinstance(body, str):
        title = _TITLE.search(body[:20_000])
        if title:
            return f"{name} with a web page in place of JSON: {_shown(title[1])!r}"
        return f"{name} with text in place of JSON: {_shown(body[:1_000])!r}"
    return f"{name} without a message"


def _shown(text: str) -> str:
    # Redacted before it is cut: half of a key does not look like one.
    return printable(redact(" ".join(text.split()))[:200])


def parse(body: bytes) -> Any:
    """Return the JSON value of `body`; else its text; an empty body is an empty text."""
    try:
        return _read(body.decode(json.detect_encoding(body), "surrogatepass"))  # as `json.loads` reads bytes
    except (ValueError, RecursionError):
        text = body.decode("utf-8", "replace").strip()
    try:
        return _read_odd(text)
    except (ValueError, RecursionError):
        return text


def object_of(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object that `body` is, read as tolerantly as a run is; an empty one when it is none."""
    value = parse(body)
    return value if isinstance(value, dict) else {}


def _whole(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits


# Made once: `json.loads` makes a decoder at each call that has options.
_read: Final = json.JSONDecoder(parse_constant=str).decode  # NaN and Infinity are not JSON: kept as the words they are
# An answer that is paid for is not lost over one broken byte, nor over a number that is too long for Python (4,300
# digits by default), which stays the text that it is.
_read_odd: Final = json.JSONDecoder(parse_constant=str, parse_int=_whole).decode


def secret_of(body: Mapping[str, Any]) -> Secret | None:
    """The signing secret, at the top or in `data`."""
    data = body.get("data")
    for place in (body, data if isinstance(data, dict) else {}):
        found = place.get("webhook_secret")
        if isinstance(found, str) and found:
            return shared_secret(found)
    return None


def sayable(text: str) -> str:
    """A word or id without half characters, which no file and no terminal can take."""
    return text.encode("utf-8", "replace").decode()
