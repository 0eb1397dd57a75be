"""Whether a service is reached and takes the key, read from one look-up that runs nothing.

Rule of this file: the answer is judged by the one table (`contract.retry`); the sentence says where to look.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from fh_notebook.contract.models import Answer
from fh_notebook.contract.retry import Verdict, decide

__all__ = ["WITHOUT_KEY", "Check", "check_of"]

WITHOUT_KEY: Final = "none needed on this machine"
"""The source of a key that there is none of: a service on this machine may want one all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Whether the service is reached and takes the key; nothing was run to find out.

    Examples
    --------
    >>> bool(Check(status="good", detail=""))
    True
    """

    status: str
    """``good``, ``bad`` (the key), ``limited`` (the daily cap) or ``unreachable``."""
    detail: str

    def __bool__(self) -> bool:
        return self.status == "good"

    def __str__(self) -> str:
        return f"{self.status}: {self.detail}" if self.detail else self.status


def check_of(answer: Answer, origin: str, key_source: str) -> Check:
    """Return what the answer to ``GET /public/models`` says.

    Parameters
    ----------
    answer : Answer
        Whatever came.
    origin : str
        The host that was asked.
    key_source : str
        Where the key came from, for the person who has to look there.
    """
    decision = decide(answer)
    if decision.verdict is Verdict.DONE and _is_json(answer.body):
        return Check(status="good", detail=f"{origin} takes the key ({key_source})")
    if decision.reason == "auth" and key_source == WITHOUT_KEY:
        return Check(status="bad", detail=f"{origin} wants a key, and none was found")
    if decision.reason == "auth":
        return Check(status="bad", detail=f"{origin} refused the key ({key_source})")
    if decision.reason == "daily_cap":
        return Check(status="limited", detail="the daily cap is used up; it is renewed at 00:00 UTC")
    if decision.verdict is Verdict.THROTTLED:
        return Check(status="limited", detail=f"{origin} is busy; the key could not be tried now")
    if answer.status_code is not None and answer.status_code >= 500:
        return Check(status="unreachable", detail=f"{origin} answered HTTP {answer.status_code}: try again later")
    if answer.status_code is not None:
        what = "something else than JSON" if decision.verdict is Verdict.DONE else f"HTTP {answer.status_code}"
        return Check(status="unreachable", detail=f"{origin} answered {what}: check base_url, it ends in /v1")
    return Check(
        status="unreachable", detail=f"{origin} did not answer ({answer.detail or answer.broke or 'no answer'})"
    )


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
