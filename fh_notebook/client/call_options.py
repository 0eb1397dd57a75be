"""The keywords of one call, defined once for `Client`, `AsyncClient`, ``fh.invoke`` and ``submit``.

Rule of this file: a new keyword is a field here, and its use in `AsyncClient.request`. Signatures, completion, checks
and the reference follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

__all__ = ["CallOptions", "InvokeOptions"]


class CallOptions(TypedDict, total=False):
    """What every call takes beside the deployment."""

    variant: str | None
    """Which variant; left out only when the deployment has a single one."""
    inputs: Mapping[str, Any] | None
    """The Start variables; those with a default may be left out."""
    metadata: Mapping[str, Any] | None
    """Flat values for the service's logs."""
    user: str | None
    """An opaque id of the caller, for the service's audit."""
    tool_approval: str | None
    """``policy`` or ``auto_approve``, as the service takes it."""


class InvokeOptions(CallOptions, total=False):
    """What `invoke` takes: `submit` chooses the callback URL itself."""

    callback_url: str | None
    """Deliver the answer there; the call returns at once, ``running`` or ``queued``."""
