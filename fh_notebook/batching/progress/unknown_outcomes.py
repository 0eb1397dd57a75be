"""`UnknownOutcomes`: what the calls of unknown outcome are, in numbers, and what to do about each kind.

Whoever tells a person of them takes the words from here: the plan, the line of a batch, its page, its rows, and what
`batch.resolve_unknown()` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from fh_notebook.batching.model import AWAITS_DECISION, LOOK_UPS_CAPPED, NOT_ENDED, JobCounts
from fh_notebook.contract.callbacks import WaitingSteps, step_of
from fh_notebook.contract.run import Run
from fh_notebook.core.text.formatting import one_line
from fh_notebook.core.text.messages import PYTHON, Audience, Message, Phrase, agreeing


def _do(text: str, command: str = "") -> Phrase:
    """Return what to do, with the batch for each ``{0}``; without a `command`, it is the same in Python."""
    in_python = f"{text.format('fh.open_batch(name)')} in Python"
    return Phrase(text.format("batch"), command or in_python, cell=text.format("fh.last_batch()"))


RETRY_ANYWHERE: Final = "{0}.resume(retry_unknown=True)"
RETRY_CODE: Final = _do(RETRY_ANYWHERE, command="--retry-unknown")
"""What calls jobs again that may have run; `RETRY_ANYWHERE` with any code that returns the batch for ``{0}``."""

RETRY_UNKNOWN: Final = Phrase(
    "retry_unknown=True calls again",
    command=f"{RETRY_CODE.command} calls again",
    cell=f"{RETRY_CODE.cell} calls again",
)
"""What to do about jobs that may have run and have no id, so that nobody can be asked about them."""

ASK: Final = _do("{0}.resolve_unknown() asks the service")
"""What to do about those whose runs can be looked up by an id: it costs no call."""

STILL_RUNS: Final = Message("it had not ended when the service was asked; {}", (ASK,))
"""The error of a row whose run was looked up."""

RESOLVE_CAPPED: Final = _do(
    "{0}.resolve_unknown() looks up after 00:00 UTC", command="the same command looks up after 00:00 UTC"
)
"""The same where the daily cap has ended the look-ups."""

DECIDE: Final = _do(
    "{0}.approvals() lists the open decisions, then {0}.resolve_unknown()",
    command="decide it in Fetch Hive, then fh.open_batch(name).resolve_unknown() in Python",
)
"""What to do about jobs whose runs wait for a decision."""

LISTS_DECISIONS: Final = _do("{0}.approvals() lists the open decisions", command="decide in Fetch Hive")
"""The same of those of a batch that runs: their outcomes come by themselves."""

AFTER_STEP: Final = _do("then {0}.resolve_unknown() fetches the outcome")
"""What to do about one whose run waits for a human-in-the-loop step, which nobody decides here."""

AFTER_STEP_OF_WORKERS: Final = _do("then client.retrieve(request_id) returns the outcome")
"""The same for a batch over partitions, whose answers stay in their files as they are."""

DECIDE_OF_WORKERS: Final = _do(
    f"{{0}}.approvals() lists the open decisions, {AFTER_STEP_OF_WORKERS}",
    command=f"decide it in Fetch Hive, {AFTER_STEP_OF_WORKERS.command}",
)
"""What to do about jobs whose runs wait for a decision, in a batch over partitions."""


class WaitHelp(NamedTuple):
    """What to do about a row whose run waits for a decision."""

    tool: Phrase
    step: Phrase


WAIT_HELP: Final = WaitHelp(DECIDE, AFTER_STEP)
HELP_OF_WORKERS: Final = WaitHelp(DECIDE_OF_WORKERS, AFTER_STEP_OF_WORKERS)


def waits_text(run: Run, audience: Audience, decide: WaitHelp = WAIT_HELP) -> str:
    """Return the error of a row whose run waits for a decision: where it is decided, the question, and what to do.

    Examples
    --------
    >>> waits_text(Run(status="awaiting_approval"), PYTHON, WaitHelp(ASK, AFTER_STEP))
    'it waits for a decision: batch.resolve_unknown() asks the service'
    """
    if not (step := step_of(run)):
        return f"it waits for a decision: {decide.tool.text(audience)}"
    where = WaitingSteps.of([step], origin=run.origin).where
    return f"it waits for a decision {where} ({decide.step.text(audience)}): {one_line(step)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownOutcomes:
    """How many calls have an unknown outcome, by what can be done about them.

    Examples
    --------
    >>> print(UnknownOutcomes(lost=1, not_ended=2).text(PYTHON))
    1 may have run: retry_unknown=True calls again; 2 may still run: batch.resolve_unknown() asks the service
    >>> print(UnknownOutcomes(not_ended=2).text(PYTHON))
    may still run; batch.resolve_unknown() asks the service
    """

    lost: int = 0
    """Without an id, or of which the service does not say how they ended."""
    not_ended: int = 0
    """Whose runs the service took, and that can be looked up by an id."""
    capped: int = 0
    """Of these, those whose look-ups the daily cap has ended."""
    waiting: int = 0
    """Those whose runs wait for a decision."""

    @classmethod
    def of(cls, counts: JobCounts) -> UnknownOutcomes:
        """Return those of a batch."""
        known = counts.waiting + counts.capped + counts.not_ended
        return cls(
            lost=counts.unknown - known, not_ended=counts.not_ended, capped=counts.capped, waiting=counts.waiting
        )

    @classmethod
    def by_reason(cls, numbers: Mapping[str, int]) -> UnknownOutcomes:
        """Return as many as `numbers` has of each reason of `open_reason`; those without one are lost."""
        reasons = {"lost": "", "not_ended": NOT_ENDED, "capped": LOOK_UPS_CAPPED, "waiting": AWAITS_DECISION}
        return cls(**{kind: numbers.get(reason, 0) for kind, reason in reasons.items()})

    def parts(self, audience: Audience = PYTHON) -> list[tuple[int, str, str]]:
        """Return of each kind the number, what its calls are, and what to do about them; first the lost ones."""
        kinds = (
            (self.lost, "may have run", RETRY_UNKNOWN),
            (self.not_ended, "may still run", ASK),
            (self.capped, "stopped by the daily cap", RESOLVE_CAPPED),
            (self.waiting, f"{agreeing(self.waiting, 'wait')} for a decision", DECIDE),
        )
        return [(number, what, cure.text(audience)) for number, what, cure in kinds if number]

    def text(self, audience: Audience) -> str:
        """Return what they are and what to do, as it stands behind their number."""
        parts = self.parts(audience)
        if len(parts) == 1:
            return "; ".join(parts[0][1:])
        return "; ".join(f"{number:,} {what}: {cure}" for number, what, cure in parts)
