"""Observer interface of forms, and the list of the observers of one form.

Rule of this file: an observer is called on any thread, and returns at once; it overrides the methods that it needs.
A `SubmitObserver` is called for what a form of one call sends and receives.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from fh_notebook.core.redaction import log
from fh_notebook.core.text.problems import Problem

if TYPE_CHECKING:
    from fh_notebook.batching.batch import Batch


class FormObserver:
    """Observer of a form: called on any thread, and must return at once."""

    def changed(self) -> None:
        """Several values, or the selection of variants, have changed by a program: the fields are to be shown anew."""

    def edited(self) -> None:
        """A field has changed, which shows it already, or a person has chosen other variants."""

    def refused(self, problems: Sequence[Problem]) -> None:
        """Run was pressed, and nothing was sent."""

    def grown(self) -> None:
        """The deployment has other variables or variants now."""

    def collected(self) -> None:
        """Inputs were added to the dataset."""


class BatchFormObserver(FormObserver):
    """Observer of a form over rows: also called for the batch that it starts."""

    def starting(self) -> None:
        """The rows are being checked, and the batch is begun when all fit."""

    def started(self, batch: Batch) -> None:
        """The batch was begun, by a program or a person; a short one is over already."""

    def failed(self, reason: str) -> None:
        """The batch was not begun: a row does not fit."""


ObserverT = TypeVar("ObserverT", bound=FormObserver)


class Observers(Generic[ObserverT]):
    """The observers of one form."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._observers: tuple[ObserverT, ...] = ()

    def add(self, observer: ObserverT) -> None:
        with self._lock:
            self._observers = (*self._observers, observer)

    def remove(self, observer: ObserverT) -> None:
        """Remove an observer, if it is there."""
        with self._lock:
            self._observers = tuple(other for other in self._observers if other is not observer)

    def notify(self, call: Callable[[ObserverT], None]) -> None:
        """Call every observer; one that raises does not keep the others from being called."""
        for observer in self._observers:
            try:
                call(observer)
            except Exception:
                log.warning("a view of a form could not be updated", exc_info=True)
