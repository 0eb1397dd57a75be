"""Earlier calls of a deployment, newest first, with their inputs.

Rule of this file: it reads, a bounded number of answers at a time. What is masked in the store comes back as not set:
three stars are never sent as a password.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from typing import Any, Final

from fh_notebook.contract.run import Run
from fh_notebook.core.json_values import inputs_text
from fh_notebook.core.redaction import MASK
from fh_notebook.core.text.formatting import moment_text, one_line
from fh_notebook.store.store import Store
from fh_notebook.store.tables.answers import CallInputs

LIMIT: Final = 50
"""Entries that are offered: more are no help in a form, and `fh.history` has all."""
READ: Final = 4 * LIMIT
"""Answers that are read for them: those of a submit with several variants are one entry."""
LOOK: Final = 60
"""Characters of the inputs in a label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierCall:
    """One earlier submit: neighbouring calls with the same inputs."""

    at: datetime
    """When the last of its answers was saved, UTC."""
    variants: tuple[str, ...]
    statuses: tuple[str, ...]
    """One a call, in the order of the calls."""
    inputs: Mapping[str, Any]
    masked: tuple[str, ...] = ()
    """The variables that were secrets: they are not in `inputs`."""
    ids: tuple[int, ...] = ()
    """Those of the answers in the store, in the order of the calls."""

    def again(self) -> dict[str, Any]:
        """Return the inputs to fill in once more, a copy of their own; what was masked is not among them."""
        copied: dict[str, Any] = json.loads(json.dumps(self.inputs))
        return copied

    def label(self) -> str:
        """Return one line: when it was, variants, how it ended, a look at the inputs."""
        return one_line(" · ".join(filter(None, (moment_text(self.at), self.facts_text()))), 160)

    def facts_text(self) -> str:
        """Return the same without when it was."""
        parts = (one_line(", ".join(self.variants), 40), self.results_text(), self.inputs_text())
        return " · ".join(filter(None, parts))

    def results_text(self) -> str:
        """Return how the calls ended."""
        kinds = [f"{self.statuses.count(kind)} {kind}" for kind in dict.fromkeys(self.statuses)]
        return self.statuses[0] if len(self.statuses) == 1 else ", ".join(kinds)

    def inputs_text(self) -> str:
        """Return the beginning of the inputs."""
        return inputs_text(self.inputs, LOOK)


class EarlierCalls:
    """The earlier calls of one deployment in one workspace.

    Parameters
    ----------
    deployment : str
        The name of the one whose calls they are.
    workspace : str
        Where: ``client.workspace``.
    store : Store or None
        Where answers are saved (``session.store()``); without one there is no history.
    limit : int
        Entries at most.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> store = Store.in_memory()
    >>> run = fh.Run(status="completed", deployment="triage", variant="a", inputs={"ticket": "Late."})
    >>> _ = store.answers.keep(run, "here").result()
    >>> history = EarlierCalls("triage", workspace="here", store=store)
    >>> [(_, past)] = history.options()
    >>> past.again()
    {'ticket': 'Late.'}
    """

    def __init__(
        self,
        deployment: str,
        *,
        workspace: str,
        store: Store | None,
        limit: int = LIMIT,
    ) -> None:
        self._name = deployment
        self._workspace = workspace
        self._store = store
        self._limit = limit
        self._past: tuple[EarlierCall, ...] = ()

    @property
    def past(self) -> tuple[EarlierCall, ...]:
        """What was read last, the newest first."""
        return self._past

    def refresh(self) -> None:
        """Read anew."""
        if self._store is not None:
            calls = self._store.answers.inputs_of(self._workspace, self._name, READ)
            self._past = tuple(islice(_group_calls(calls), self._limit))

    def answers(self, past: EarlierCall) -> list[Run]:
        """Return what came of the calls of an entry, in their order; those that are in the store still."""
        stored = self._store.answers.by_ids(past.ids) if self._store is not None else {}
        return [stored[number].run for number in past.ids if number in stored]

    def options(self) -> list[tuple[str, EarlierCall]]:
        """Read anew, and return each entry with its label."""
        self.refresh()
        return [(past.label(), past) for past in self._past]


def _group_calls(calls: Sequence[CallInputs]) -> Iterator[EarlierCall]:
    """Yield an entry for neighbouring calls with the same inputs; within it, the calls in the order they were made."""
    for inputs_json, group in groupby(calls, key=lambda call: call.json):
        yield _past(json.loads(inputs_json), list(group)[::-1])


def _past(inputs: dict[str, Any], calls: Sequence[CallInputs]) -> EarlierCall:
    masked = tuple(name for name, value in inputs.items() if value == MASK)
    return EarlierCall(
        at=calls[-1].kept_at,
        variants=tuple(dict.fromkeys(call.variant for call in calls if call.variant)),
        statuses=tuple(call.status for call in calls),
        inputs={name: value for name, value in inputs.items() if name not in masked},
        masked=masked,
        ids=tuple(call.id for call in calls),
    )
