"""`WaitingSteps`: what runs wait for that nobody decides here: human-in-the-loop steps (CONTRACT section 10).

Rule of this file: the words of a step are somebody else's. They are shortened here, and a display escapes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fh_notebook.contract.callbacks import waits_for, waits_for_tool
from fh_notebook.contract.run import Run
from fh_notebook.core.config.urls import LOCAL, hostname, is_loopback
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import one_line
from fh_notebook.core.text.messages import agreeing, counted

__all__ = ["NO_STEPS", "WaitingSteps", "step_of"]

MOST_IN_A_LINE: Final = 2
MOST_IN_A_LIST: Final = 20


def step_of(run: Run) -> str:
    """Return the person that a run waits for and the question, in one line; empty where it waits for no such step.

    Examples
    --------
    >>> raws = ({"waiting_for": "finance", "question": "Refund?"}, {"question": "Refund?"})
    >>> [step_of(Run(status="awaiting_approval", raw=raw)) for raw in raws]
    ['finance: Refund?', '']
    """
    return "" if waits_for_tool(run) else waits_for(run)


@dataclass(frozen=True, slots=True)
class WaitingSteps:
    """Steps that runs wait for.

    Examples
    --------
    >>> print(WaitingSteps(("finance: Refund 7?", "finance: Refund 8?", "legal: Send it?")))
    3 wait for a decision by e-mail or Telegram (finance: Refund 7?; finance: Refund 8?; 1 other)
    >>> print(WaitingSteps(("finance: Refund 7?",), is_local=True).as_list())
    1 waits for a decision by hive.decide(...):
      finance: Refund 7?
    """

    questions: tuple[str, ...] = ()
    """Of each run: who decides, and the question."""
    is_local: bool = False
    """Whether they are of a local hive."""

    @classmethod
    def of(cls, questions: Iterable[str], *, origin: str) -> WaitingSteps:
        """Return these steps of a service, which is told by its host and port.

        Examples
        --------
        >>> [WaitingSteps.of((), origin=x).is_local for x in ("local", "127.0.0.1:8000", "[::1]:80", "api.test")]
        [True, True, True, False]
        """
        is_local = origin == LOCAL or is_loopback(hostname(f"//{origin}"))
        return cls(tuple(one_line(question) for question in questions), is_local=is_local)

    def __len__(self) -> int:
        return len(self.questions)

    @property
    def where(self) -> str:
        """Where such a decision is made."""
        return "by hive.decide(...)" if self.is_local else "by e-mail or Telegram"

    @property
    def head(self) -> str:
        """How many wait, and where the decision is made."""
        return f"{len(self):,} {agreeing(len(self), 'wait')} for a decision {self.where}"

    def __str__(self) -> str:
        return f"{self.head} ({'; '.join(self.first(MOST_IN_A_LINE))})" if self.questions else ""

    def as_list(self) -> str:
        """Return all in lines of text; of very many the first ones."""
        return "\n  ".join([f"{self.head}:", *self.first(MOST_IN_A_LIST)]) if self.questions else ""

    def list_html(self) -> html.Html | None:
        """Return the same as a part of a page, without buttons; nothing where none waits."""
        if not self.questions:
            return None
        head = html.el("div", f"{self.head}:", cls="fh-dim")
        return html.el("div", head, *(html.el("div", question) for question in self.first()), cls="fh-steps")

    def first(self, most: int = MOST_IN_A_LIST) -> list[str]:
        """Return the first questions, and how many others there are."""
        others = len(self.questions) - most
        return [*self.questions[:most], *([counted(others, "other")] if others > 0 else [])]


NO_STEPS: Final = WaitingSteps()
