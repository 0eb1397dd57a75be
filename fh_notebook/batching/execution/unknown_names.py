"""Deployments and variants that the service does not have, as its answers show. Pure.

Rule of this file: a name that the service does not know costs a few calls and no row. An answer whose code says that
the deployment or the variant is unknown settles it. Any other "not found" (a 404 mostly) may be about something that
the inputs of its row name, such as the id of a document; so it settles it only where the first `TRIED` answers of that
variant all say so, or fewer where there are no more rows. Until then those jobs are kept back; they have failed once
another answer shows that the name is known, and are pending once it is settled that the name is not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from fh_notebook.batching.model import BatchStopped, Job
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.retry import Absence
from fh_notebook.contract.run import Run, with_action
from fh_notebook.core.config.urls import LOCAL
from fh_notebook.core.text.formatting import in_words, listed, nearest, one_line, short
from fh_notebook.core.text.messages import RUN_AGAIN, Message

UNKNOWN_NAME: Final = "unknown_name"
"""The reason of a stop by an unknown name."""

TRIED: Final = 3
"""Answers that must all be "not found" before a name is taken to be unknown: one bad id in the first row, or two, is
no misspelt name; and 3 of 50 calls a day are few."""

NAMES_SHOWN: Final = 8
"""Known names in one message."""

Name = tuple[str, str]
"""A deployment and a variant."""


@dataclass(slots=True)
class _NameEvidence:
    """What the answers say of one name."""

    absent: int = 0
    """Answers that say "not found", with no other one before them."""
    last: Run | None = None
    """The last one of them."""
    is_known: bool = False
    is_certain: bool = False
    """Whether an answer's code said so of the name itself."""


@dataclass(slots=True)
class NameEvidence:
    """The evidence on every name that is called; one object for all engines that share it, in one event loop."""

    variants: int
    """How many names are called."""
    is_shared: bool = False
    """Whether other engines go on gathering evidence when one has ended."""
    unknown: set[Name] = field(default_factory=set)
    """Those of which it is settled that the service does not know them."""
    _of: defaultdict[Name, _NameEvidence] = field(default_factory=lambda: defaultdict(_NameEvidence))

    @property
    def none_left(self) -> bool:
        """Whether the service knows none of the names."""
        return 0 < self.variants <= len(self.unknown)

    def is_known(self, name: Name) -> bool:
        """Whether an answer has shown that the service knows `name`."""
        evidence = self._of.get(name)
        return evidence is not None and evidence.is_known

    def is_certain(self, name: Name) -> bool:
        """Whether the service said in a code that it does not know `name`."""
        evidence = self._of.get(name)
        return evidence is not None and evidence.is_certain

    def may_try(self, name: Name, *, out: int) -> bool:
        """Whether one more call of `name` may go out, with `out` of them out: in doubt, only as many as settle it."""
        evidence = self._of.get(name)
        return evidence is None or evidence.is_known or not evidence.absent or evidence.absent + out < TRIED

    def note_known(self, name: Name) -> None:
        """Note an answer of a deployment and variant that are there."""
        evidence = self._of[name]
        evidence.is_known = name not in self.unknown

    def note_absent(self, name: Name, run: Run, absence: Absence) -> bool:
        """Note an answer that says "not found"; return whether its job is to be kept back."""
        evidence = self._of[name]
        if evidence.is_known and absence is not Absence.OF_THE_NAME:
            return False
        evidence.absent, evidence.last = evidence.absent + 1, run
        evidence.is_certain |= absence is Absence.OF_THE_NAME
        if evidence.is_certain or evidence.absent >= TRIED:
            self.unknown.add(name)
        evidence.is_known &= name not in self.unknown
        return True

    def settle(self, name: Name) -> None:
        """Take a name in doubt to be unknown: no more answers will come."""
        evidence = self._of[name]
        if not evidence.is_known:
            self.unknown.add(name)

    def absences(self, name: Name) -> tuple[int, Run | None]:
        """Return how many answers said that `name` is not there, and the last one."""
        evidence = self._of.get(name)
        return (evidence.absent, evidence.last) if evidence is not None else (0, None)


def name_of(job: Job) -> Name:
    """Return which deployment and variant a job calls."""
    return job.deployment, job.variant


def unknown_name(rows_of: Mapping[Name, Sequence[Any]], names: NameEvidence, *, hint: str) -> BatchStopped:
    """Return the stop of variants that the service does not know; their jobs are pending.

    Examples
    --------
    >>> no, names = Run(status="failed", status_code=404, error="Variant not found"), NameEvidence(variants=1)
    >>> for _ in range(TRIED):
    ...     kept_back = names.note_absent(("triage", "kewords"), no, Absence.SOMETHING)
    >>> found = {("triage", "kewords"): [0, 1, 2]}
    >>> told = unknown_name(found, names, hint="did you mean 'keywords'?")
    >>> told.reason, told.message.split("; ")[0]
    ('unknown_name', 'the service does not have triage/kewords (404, Variant not found, in each of 3 answers)')
    """
    evidence = [names.absences(name) for name in rows_of]
    answers, run = sum(number for number, _ in evidence), evidence[-1][1]
    code = str(run.status_code) if run is not None and run.status_code else ""
    error = with_action(one_line(run.error or "").rstrip("."), run.client_action) if run is not None else ""
    reply = ", ".join(filter(None, (code, error, f"in each of {answers:,} answers" if answers > 1 else "")))
    rows = list(dict.fromkeys(row for at_fault in rows_of.values() for row in at_fault))[:TRIED]
    with suppress(TypeError):  # numbers and texts have no order
        rows.sort()
    noun = f"{'row' if len(rows) == 1 else 'rows'} {in_words([short(row) for row in rows], 'and')}"
    or_rows = f" (or the inputs of {noun}, if they name something that does not exist)" if rows else ""
    names_text = in_words(["/".join(short(part)[1:-1] for part in name) for name in rows_of], "or")
    origin = run.origin if run is not None else ""
    service = "the local hive" if origin == LOCAL else origin or "the service"
    then = f"{hint} The" if hint.endswith("?") else f"{hint}; the" if hint else "the"
    return BatchStopped(
        reason=UNKNOWN_NAME,
        detail=f"{service} does not have {names_text} ({reply})",
        resume=Message(
            "{} rows are pending; correct the name{} and {}, or, once the service has it: {resume}",
            (then, or_rows, RUN_AGAIN),
        ),
        run=run,
    )


def hint_of(known: Mapping[str, Deployment], name: Name) -> str:
    """Return which names are known here, and the one that was most likely meant.

    Examples
    --------
    >>> known = {"triage": Deployment("triage", variants=["keywords", "nearest"])}
    >>> hint_of(known, ("triage", "kewords"))
    "'triage' has the variants 'keywords' and 'nearest' here; did you mean 'keywords'?"
    >>> hint_of(known, ("traige", "keywords"))
    "the only deployment known here is 'triage'; did you mean that?"
    >>> hint_of(known, ("triage", "nearest"))
    'it is declared here; check whether the service has it'
    """
    deployment, variant = name
    names = list(known)
    if deployment not in known:
        if not names:
            return ""
        if len(names) == 1:
            only = f"the only deployment known here is {short(names[0])}"
            return f"{only}; did you mean that?" if nearest(deployment, names) else only
        return f"the deployments known here are {_listed_names(names)}{_suggestion(deployment, names)}"
    variants = known[deployment].variants
    if not variants:
        return ""
    if variant in variants:
        return "it is declared here; check whether the service has it"
    if len(variants) == 1:
        return f"{short(deployment)} has only the variant {short(variants[0])} here"
    return f"{short(deployment)} has the variants {_listed_names(variants)} here{_suggestion(variant, variants)}"


def _listed_names(names: Sequence[str]) -> str:
    more = len(names) - NAMES_SHOWN
    return f"{listed(names[:NAMES_SHOWN], ',')} and {more:,} more" if more > 0 else listed(names, "and")


def _suggestion(name: str, names: Sequence[str]) -> str:
    close = nearest(name, names)
    return f"; did you mean {short(close)}?" if close is not None else ""
