"""Faults on demand, for the next calls: instead of a run, or after it.

Rule of this file: a script of values, no I/O. A fault is met by a call that is good otherwise (key, deployment and
inputs are right), in the order in which such calls arrive; how an answer breaks off on the line is in ``http/app.py``.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from fh_notebook.errors import SettingsError
from fh_notebook.local.requests import BY_CODE, code_for_status

FaultPoint = Literal["invoke", "retrieve"]
"""Which calls: running a workflow (by key or by webhook), or asking for a run."""

HTML_PAGE: Final = "<!doctype html><html><head><title>{status}</title></head><body><h1>{text}</h1></body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The fault of one call. See :meth:`fh_notebook.local.LocalHive.fail_next` for the fields.

    Raises
    ------
    SettingsError
        Two of the fields contradict each other.
    """

    status: int | None = None
    error_code: str | None = None
    message: str | None = None
    slow_body_s: float | None = None
    cut_body: bool = False
    reset: bool = False
    html: bool = False
    legacy: bool = False
    body: bytes | None = None
    content_type: str | None = None
    retry_after: float | str | None = None
    after_running: bool = False
    deployment: str | None = None
    variant: str | None = None
    on: FaultPoint = "invoke"

    def __post_init__(self) -> None:
        problems = []
        if self.status is not None and not 200 <= self.status <= 599:
            problems.append(f"status must be from 200 to 599, not {self.status}")
        if self.reset and (self.cut_body or self.slow_body_s is not None or self._has_answer):
            problems.append("reset sends no answer: combine it only with after_running, deployment, variant and on")
        if self.html and self.body is not None:
            problems.append("html and body both set the body: give one")
        if self.slow_body_s is not None and self.slow_body_s < 0:
            problems.append(f"slow_body_s must be seconds, not {self.slow_body_s}")
        if self.on not in ("invoke", "retrieve"):
            problems.append(f"on must be 'invoke' or 'retrieve', not {self.on!r}")
        if problems:
            raise SettingsError("; ".join(problems))

    @property
    def _has_answer(self) -> bool:
        answer_fields = (self.status, self.error_code, self.message, self.body)
        return self.html or self.legacy or any(x is not None for x in answer_fields)

    @property
    def breaks_line(self) -> bool:
        """Whether the answer does not come whole and at once."""
        return self.reset or self.cut_body or self.slow_body_s is not None

    @property
    def keeps_answer(self) -> bool:
        """Whether the body is the honest one, which is only sent badly."""
        return not self._has_answer and (self.cut_body or self.slow_body_s is not None)

    @property
    def runs(self) -> bool:
        """Whether the workflow runs all the same."""
        return self.after_running or self.keeps_answer

    @property
    def http_status(self) -> int:
        """The status of an answer of its own."""
        if self.status is not None:
            return self.status
        known = BY_CODE.get(self.error_code or "")
        return known.http_status if known else 502 if self.html else 500

    @property
    def headers(self) -> dict[str, str]:
        """The headers of an answer of its own."""
        content_type = self.content_type or ("text/html; charset=utf-8" if self.html else "application/json")
        headers = {"content-type": content_type}
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        return headers

    def answer_body(self, more: Mapping[str, Any]) -> bytes:
        """Return the body of an answer of its own; `more` are the fields that its code brings along."""
        if self.body is not None:
            return self.body
        code = self.error_code or code_for_status(self.http_status)
        known = BY_CODE.get(code)
        text = self.message or (known.message if known else code)
        if self.html:
            return HTML_PAGE.format(status=self.http_status, text=text).encode()
        if self.legacy:
            return json.dumps({"error": text}).encode()
        return json.dumps({"error": text, "message": text, "error_code": code, **more}).encode()

    def meets(self, point: FaultPoint, deployment: str, variant: str) -> bool:
        """Whether this fault is for such a call."""
        return self.on == point and self.deployment in (None, deployment) and self.variant in (None, variant)


@dataclass(slots=True)
class _QueuedFault:
    fault: Fault
    left: int


class FaultScript:
    """The faults that are still to come, first in, first met.

    Examples
    --------
    >>> script = FaultScript()
    >>> script.add(Fault(status=502), 2)
    >>> [script.take("invoke", "d", "v") is not None for _ in range(3)]
    [True, True, False]
    """

    def __init__(self) -> None:
        self._entries: deque[_QueuedFault] = deque()

    def add(self, fault: Fault, n: int) -> None:
        """Add `fault` for the next `n` calls that match it."""
        self._entries.append(_QueuedFault(fault, n))

    def take(self, point: FaultPoint, deployment: str, variant: str) -> Fault | None:
        """Return the fault of this call, and use it up."""
        if not self._entries:
            return None
        entry = next((e for e in self._entries if e.fault.meets(point, deployment, variant)), None)
        if entry is None:
            return None
        entry.left -= 1
        if not entry.left:
            self._entries.remove(entry)
        return entry.fault

    def give_back(self, fault: Fault) -> None:
        """Put back a fault that was taken for a call which was then refused."""
        self._entries.appendleft(_QueuedFault(fault, 1))

    def clear(self) -> None:
        """Remove all faults."""
        self._entries.clear()

    def __len__(self) -> int:
        return sum(e.left for e in self._entries)
