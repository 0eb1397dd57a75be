"""What is done to a hive that lives, by a test or whoever runs it: settings, faults on demand, and looking.

Rule of this file: nothing here is a part of the service's contract; no caller over HTTP can reach it.
"""

from __future__ import annotations

from typing import Any

from fh_notebook import arguments
from fh_notebook.errors import SettingsError
from fh_notebook.local.approvals import Approval, Decision
from fh_notebook.local.book import Call, Counts, view
from fh_notebook.local.callbacks import Delivery
from fh_notebook.local.faults import Fault, Place
from fh_notebook.local.options import Spelling, options_from
from fh_notebook.local.service import Service
from fh_notebook.values import Seconds, Secret, as_secret

__all__ = ["Controls"]


class Controls:
    """The half of a :class:`~fh_notebook.local.LocalHive` that is for its owner alone."""

    _service: Service

    # Settings ----------------------------------------------------------------

    def configure(self, **changes: Any) -> None:
        """Change settings while the hive lives, by the names that the constructor has for them.

        A higher `concurrency` starts calls that wait at once; a lower one lets what runs end.

        Raises
        ------
        SettingsError
            With every problem; nothing is changed then.

        Examples
        --------
        >>> from fh_notebook.local import LocalHive
        >>> hive = LocalHive(concurrency=100)
        >>> hive.configure(concurrency=30, spelling="sdk")
        >>> hive.concurrency
        30
        """
        if "api_key" in changes:
            changes["api_key"] = as_secret(changes["api_key"])
        arguments.check(type(self).__init__, changes)
        self._service.set_options(options_from(changes, self._service.options))

    @property
    def api_key(self) -> Secret | None:
        """The key that callers must send; ``None`` when any will do."""
        return self._service.options.api_key

    @property
    def spelling(self) -> Spelling:
        """Whose spelling the answers have."""
        return self._service.options.spelling

    @property
    def allow_callbacks(self) -> frozenset[str]:
        """The hosts to which callbacks may go beside this machine."""
        return self._service.options.allow_callbacks

    @property
    def concurrency(self) -> int | None:
        """The concurrency cap; can be set."""
        return self._service.options.concurrency

    @concurrency.setter
    def concurrency(self, cap: int | None) -> None:
        self.configure(concurrency=cap)

    @property
    def daily_cap(self) -> int | None:
        """The daily cap; can be set."""
        return self._service.options.daily_cap

    @daily_cap.setter
    def daily_cap(self, cap: int | None) -> None:
        self.configure(daily_cap=cap)

    # Faults ------------------------------------------------------------------

    def fail_next(
        self,
        n: int = 1,
        *,
        status: int | None = None,
        error_code: str | None = None,
        message: str | None = None,
        slow_body_s: float | None = None,
        cut_body: bool = False,
        reset: bool = False,
        html: bool = False,
        legacy: bool = False,
        body: bytes | None = None,
        content_type: str | None = None,
        retry_after: float | str | None = None,
        after_running: bool = False,
        deployment: str | None = None,
        variant: str | None = None,
        on: Place = "invoke",
    ) -> None:
        """Let the next `n` good calls go wrong, over a socket and in process alike.

        A good call has the right key, known names and inputs that fit. Faults are met in the order in which they were
        asked for. A fault before the run takes no slot and no call of the day.

        Parameters
        ----------
        n : int
            How many calls.
        status, error_code, message : optional
            An error answer; what is not given follows from the rest (:mod:`fh_notebook.local.codes`), and with nothing
            given at all it is a 500.
        slow_body_s : float, optional
            The second half of the body comes so many seconds after the first.
        cut_body : bool
            The connection is closed after half of the body that was announced.
        reset : bool
            The connection is reset (TCP RST) instead of an answer.
        html : bool
            The answer is a web page, as of a proxy before the service; its status is 502 unless given.
        legacy : bool
            The body has ``error`` alone, as older ones do.
        body, content_type : optional
            These bytes, whatever they are; the status is 500 unless given.
        retry_after : float or str, optional
            The header ``Retry-After``: seconds, or a date as text.
        after_running : bool
            The workflow runs first, and its answer is lost. A slow or cut body without an answer of its own is the
            run's own one, so the workflow runs then, too.
        deployment, variant : str, optional
            Only calls of these.
        on : {"invoke", "retrieve"}
            Calls that run a workflow (by key or by webhook), or those that ask for a run.

        Raises
        ------
        SettingsError
            With every contradiction.
        """
        arguments.check(Controls.fail_next, locals())
        if not isinstance(n, int) or n < 1:
            raise SettingsError(f"fail_next takes how many calls, at least 1, not {n!r}")
        fault = Fault(
            status=status,
            error_code=error_code,
            message=message,
            slow_body_s=slow_body_s,
            cut_body=cut_body,
            reset=reset,
            html=html,
            legacy=legacy,
            body=body,
            content_type=content_type,
            retry_after=retry_after,
            after_running=after_running,
            deployment=deployment,
            variant=variant,
            on=on,
        )
        with self._service.lock:
            self._service.faults.add(fault, n)

    def clear_faults(self) -> int:
        """Forget the faults that no call has met yet, and return how many they were."""
        with self._service.lock:
            left = len(self._service.faults)
            self._service.faults.clear()
            return left

    # A human in the loop -------------------------------------------------------

    @property
    def approvals(self) -> tuple[Approval, ...]:
        """The runs that are paused until somebody decides, the oldest first."""
        return self._service.approvals.waiting()

    def wait_approval(self, timeout_s: Seconds | None = 10.0) -> Approval:
        """Wait until a run is paused, and return what it asks: of several, the oldest.

        Raises
        ------
        SettingsError
            None was in time.
        """
        arguments.check(Controls.wait_approval, locals())
        found = self._service.wait_approval(timeout_s)
        if not found:
            raise SettingsError(f"no run was paused within {timeout_s} s")
        return found[0]

    def decide(self, request_id: Any = None, approve: bool = True, *, note: str = "", by: str = "") -> Approval:
        """Let a paused run go on, with a yes or a no.

        Parameters
        ----------
        request_id : str or PendingRun, optional
            Which run; the only one that is paused by default.
        approve : bool
            Yes or no; the workflow gets it as ``decision.approved``, with `note` and `by`.

        Raises
        ------
        SettingsError
            No such run is paused.
        """
        arguments.check(Controls.decide, locals())
        named = getattr(request_id, "request_id", request_id)
        arguments.check_one("request_id", named, "str | None")
        return self._service.approvals.decide(named, Decision(approved=bool(approve), note=note, by=by))

    # What happened -----------------------------------------------------------

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls that were let in, the oldest first, as they stand now; the last `keep` finished ones."""
        with self._service.lock:
            return tuple(view(r) for r in self._service.book.records())

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """What became of the callbacks, the oldest first; the last `keep`."""
        return self._service.postman.remembered()

    @property
    def counts(self) -> Counts:
        """What was counted since the hive began."""
        return self._service.counts()

    @property
    def in_flight(self) -> int:
        """Runs that hold a slot now."""
        return self._service.limits.in_flight

    @property
    def peak_in_flight(self) -> int:
        """The most runs that held a slot at once."""
        return self._service.limits.peak_in_flight

    @property
    def refused(self) -> int:
        """Requests that were answered 429."""
        return self._service.book.refused

    def wait_idle(self, timeout_s: Seconds | None = 10.0) -> bool:
        """Wait until nothing runs, is queued or is being delivered; return whether that came about in time."""
        arguments.check(Controls.wait_idle, locals())
        return self._service.wait_idle(timeout_s)
