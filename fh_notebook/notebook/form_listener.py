"""`FormObserver`: whoever shows what is typed and chosen in a form.

Rule of this file: an observer may be told on any thread, and returns at once; what it does not care for, it leaves as
it is. What is sent and comes is told to a `SubmitObserver`.
"""

from __future__ import annotations

from collections.abc import Sequence

from fh_notebook.problems import Problem

__all__ = ["FormObserver"]


class FormObserver:
    """Whoever shows a form: told of what happens, on whatever thread; must return at once."""

    def changed(self) -> None:
        """Several values, or the choice of variants, have changed by a program: the fields are to be shown anew."""

    def edited(self) -> None:
        """A field has changed, which shows it already, or a person has chosen other variants."""

    def refused(self, problems: Sequence[Problem]) -> None:
        """Run was pressed, and nothing was sent."""

    def grown(self) -> None:
        """The deployment has other variables or variants now."""

    def collected(self) -> None:
        """Inputs were added to the dataset."""
