"""Reading what a caller sent: bytes to an `Ask`, or a refusal in the service's own words.

Rule of this file: pure, and every problem is told before anything runs (CONTRACT section 1). The texts that CONTRACT
section 2 lists are the service's; the others are ours.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urlsplit

from fh_notebook.local.codes import Refusal

__all__ = ["Ask", "bearer_key", "read_invoke", "read_trigger"]


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for in one call."""

    deployment: str
    variant: str
    inputs: dict[str, Any]
    callback_url: str | None
    """Given: callback delivery."""
    body: bytes
    """The body as it came: the record of a run keeps this, which nothing that the workflow does can change."""


def read_invoke(body: bytes) -> Ask:
    """Return what the body of ``POST /v1/workflow/invoke`` asks for.

    Raises
    ------
    Refusal
        ``invalid_json``, ``validation_error`` or ``invalid_tool_approval``.
    """
    fields = _json_object(body)
    deployment, variant = fields.get("deployment"), fields.get("variant")
    if not deployment or not variant:
        raise Refusal("validation_error", "Missing required field: deployment or variant")
    if not isinstance(deployment, str) or not isinstance(variant, str):
        raise Refusal("validation_error", "deployment and variant must be strings")
    _check_metadata(fields.get("metadata"))
    if not isinstance(fields.get("user"), str | None):
        raise Refusal("validation_error", "user must be a string")
    if fields.get("tool_approval") not in (None, "policy", "auto_approve"):
        raise Refusal("invalid_tool_approval")
    return Ask(deployment, variant, _inputs(fields), _callback_url(fields.get("async")), body)


def read_trigger(body: bytes, deployment: str, variant: str) -> Ask:
    """Return what the body of a webhook trigger asks for: always callback delivery (CONTRACT section 6).

    Raises
    ------
    Refusal
        ``invalid_json`` or ``validation_error``.
    """
    fields = _json_object(body)
    _check_metadata(fields.get("metadata"))
    asked = fields.get("async")
    asked = {**asked, "enabled": True} if isinstance(asked, dict) else {"enabled": True} if asked is None else asked
    return Ask(deployment, variant, _inputs(fields), _callback_url(asked), body)


def bearer_key(header: str | None) -> str:
    """Return the key of an ``Authorization`` header.

    Raises
    ------
    Refusal
        ``unauthorized``: no header, another scheme, or no key.

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
    except (ValueError, RecursionError) as broken:
        # ValueError: bad JSON, bad UTF-8, NaN, a whole number of more digits than Python reads.
        raise Refusal("invalid_json", f"The body is not JSON: {broken}") from None
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


def _callback_url(asked: Any) -> str | None:
    if asked is None:
        return None
    if not isinstance(asked, dict) or not isinstance(asked.get("enabled"), bool):
        raise Refusal("validation_error", "async must be an object with enabled, true or false")
    if not asked["enabled"]:
        return None
    url = asked.get("callback_url")
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
