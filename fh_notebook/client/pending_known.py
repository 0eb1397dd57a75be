"""What is known of a pending run at each moment: the half of `PendingRun` that is only read.

Rule of this file: nothing is waited for, asked or changed here, so it may be read from any thread.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from fh_notebook.contract.callbacks import waits_for
from fh_notebook.contract.models import InvokeRequest
from fh_notebook.contract.run import Run

if TYPE_CHECKING:
    from fh_notebook.client.receiver import CallbackReceiver

__all__ = ["Known"]


class Known:
    """What is known of a run that goes on at the service."""

    _request: InvokeRequest
    _first: Run
    """The answer to the call itself."""
    _run: Run
    """As far as it is known."""
    _ended: bool
    _receiver: CallbackReceiver | None

    @property
    def status(self) -> str:
        """The run's status as far as it is known: ``queued``, ``running``, ``awaiting_approval``, ``completed``, ..."""
        return self._run.status

    @property
    def done(self) -> bool:
        """Whether the outcome is here."""
        return self._ended and self._run.done

    @property
    def waiting(self) -> bool:
        """Whether the outcome is waited for: not after it came, nor after :meth:`cancel_waiting`."""
        return not self._ended

    @property
    def run(self) -> Run:
        """The run as far as it is known: the outcome, once it is here."""
        return self._run

    @property
    def request_id(self) -> str | None:
        """The service's id of the call."""
        return self._first.request_id

    @property
    def run_id(self) -> str | None:
        """The service's other id, where it gave one."""
        return self._first.run_id

    @property
    def deployment(self) -> str:
        """What runs."""
        return self._request.deployment

    @property
    def variant(self) -> str | None:
        """Which variant of it."""
        return self._request.variant

    @property
    def started_at(self) -> datetime | None:
        """When the call was sent, UTC."""
        return self._first.started_at

    @property
    def callback_url(self) -> str | None:
        """Where the service delivers the outcome."""
        return self._request.callback_url

    @property
    def by_callback(self) -> bool:
        """Whether a receiver of this process takes the callback; else the service is asked."""
        return self._receiver is not None

    @property
    def waits_for(self) -> str:
        """Who a paused run waits for, and what is asked; empty when it waits for nobody, or that is not said."""
        return waits_for(self._run)
