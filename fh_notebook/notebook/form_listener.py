"""What whoever shows a form is told of it.

Rule of this file: it may be told on any thread, and returns at once; what it does not care for, it leaves as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from fh_notebook.contract.run import Run

if TYPE_CHECKING:
    from fh_notebook.notebook.form_running import Submission

__all__ = ["Listener", "Watcher"]


class Listener:
    """Whoever shows a form: told of what happens, on whatever thread; must return at once."""

    def changed(self) -> None:
        """Several values, or the choice of variants, have changed by a program: the fields are to be shown anew."""

    def edited(self) -> None:
        """A field has changed, which shows it already, or a person has chosen other variants."""

    def began(self, submission: Submission) -> None:
        """Calls are being made."""

    def came(self, submission: Submission, index: int, run: Run) -> None:
        """An answer has come."""

    def waits(self, submission: Submission, index: int) -> None:
        """The service has taken a call, or says more of it; the answer comes later."""

    def ended(self, submission: Submission) -> None:
        """No more will come."""

    def waited(self) -> None:
        """What is waited for has changed, of the last submit or an older one."""

    def refused(self, problems: Sequence[str]) -> None:
        """Run was pressed, and nothing was sent."""

    def grown(self) -> None:
        """The deployment has other variables or variants now."""

    def collected(self) -> None:
        """Inputs were added to the dataset."""


class Watcher(Protocol):
    """Who shows the newest submit. Called on the thread that submits or on the loop's; must return at once."""

    def began(self, submission: Submission) -> None:
        """It was begun: what was shown before is old."""
        ...

    def came(self, submission: Submission, index: int, run: Run) -> None:
        """An answer has come to the call at place `index`."""
        ...

    def waits(self, submission: Submission, index: int) -> None:
        """The service has taken the call at place `index`, or says more of it; the answer comes later."""
        ...

    def ended(self, submission: Submission) -> None:
        """No more will come."""
        ...

    def waited(self) -> None:
        """What is waited for has changed, of the newest submit or an older one."""
        ...
