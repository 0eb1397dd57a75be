"""The time in UTC: what every ``now=`` is by default.

Rule of this file: whoever hangs on the time takes it as an argument, so that a test can be at any moment.
"""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["utc_now"]


def utc_now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)
