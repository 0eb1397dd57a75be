"""One answer to a row against another: `Versus`, the parts of what ``cmp.diff(row)`` gives.

Rule of this file: values only; `diff_show.py` has the row and how it is shown. Texts are compared by words, objects
and lists by paths. What did not complete is not compared: its status says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fh_notebook.comparing.diff import LIMIT, Difference, compare_runs
from fh_notebook.comparing.diff_json import Changes, changes_of
from fh_notebook.contract.run import Run

__all__ = ["Answer", "Versus", "versus"]

PARSED_AT_MOST: Final = 1_000_000
"""Characters of a text that is tried as JSON: some 20 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one variant said to a row."""

    variant: str
    status: str = "completed"
    output: Any = None
    error: str | None = None
    score: float = float("nan")
    seconds: float = float("nan")
    answers: int = 1
    """How many runs of the row there are; with repeats, this is the first completed one."""

    @property
    def ok(self) -> bool:
        """Whether there is an output to be compared."""
        return self.status == "completed"

    @property
    def run(self) -> Run:
        """The answer as a run."""
        return Run(status=self.status, output=self.output, error=self.error, variant=self.variant)


@dataclass(frozen=True, slots=True, kw_only=True)
class Versus:
    """One answer compared to another: ``words`` for texts, ``changes`` for JSON, neither where one did not complete."""

    a: Answer
    b: Answer
    words: Difference | None = None
    changes: Changes | None = None

    @property
    def same(self) -> bool:
        """Whether nothing differs, white space aside; what was not compared is not the same."""
        found = self.changes if self.changes is not None else self.words
        return found is not None and found.same

    def __str__(self) -> str:
        """Return what is different in one line."""
        found = self.changes if self.changes is not None else self.words
        if found is not None:
            return str(found)
        missing = self.b if not self.b.ok else self.a
        return f"not compared: {missing.variant} {STATES.get(missing.status, f'is {missing.status}')}"


STATES: Final = {"failed": "failed", "pending": "is pending", "unknown": "may have run", "missing": "has no run"}


def versus(a: Answer, b: Answer, *, limit: int = LIMIT) -> Versus:
    """Compare answer `b` to answer `a`; `limit` is how many characters of texts are compared.

    Examples
    --------
    >>> first, second = Answer(variant="a", output={"label": "late"}), Answer(variant="b", output='{"label": "lost"}')
    >>> versus(first, second).changes.listed
    (Change(kind='changed', path='label', before='late', after='lost'),)
    >>> print(versus(Answer(variant="a", output="It is late."), Answer(variant="b", output="It is lost.")))
    differs: 1 word only here, 1 word only there
    """
    if not (a.ok and b.ok):
        return Versus(a=a, b=b)
    one, two = _json_of(a), _json_of(b)
    if isinstance(one, Mapping | list) and isinstance(two, Mapping | list):
        return Versus(a=a, b=b, changes=changes_of(one, two))
    return Versus(a=a, b=b, words=compare_runs(b.run, a.run, limit=limit))


def _json_of(answer: Answer) -> Any:
    output = answer.output
    if isinstance(output, str):
        if len(output) > PARSED_AT_MOST or output.lstrip()[:1] not in ("{", "[", "`"):
            return None
        try:
            return answer.run.json()
        except (ValueError, RecursionError):
            return None
    return output
