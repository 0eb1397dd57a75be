"""`Plan`: the variants of a batch, its name, the number of its calls, their cost and duration. Pure.

A variant of a batch (`BatchVariant`) is identified by its label, which is the column ``variant`` of every table. With
one deployment the label is the variant's name; with several it is ``deployment/variant``. Nothing is called, read or
stored here, and a number that is not known is shown as unknown.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from fh_notebook.batching.model import Job
from fh_notebook.batching.progress.state import NOT_SENT
from fh_notebook.batching.progress.unknown_outcomes import DECIDE, UnknownOutcomes
from fh_notebook.batching.tables.rows import TABLE_FACTOR, Factors
from fh_notebook.contract.deployment import Deployment
from fh_notebook.core import arguments
from fh_notebook.core.json_values import canonical_json
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import duration, listed, moment_text, nearest, short
from fh_notebook.core.text.messages import PYTHON, Audience, Message, Phrase, agreeing, counted
from fh_notebook.errors import InputError


@dataclass(frozen=True, slots=True)
class BatchTarget:
    """A deployment with what its Start variables take; variants of the same target are sent the same inputs."""

    deployment: Deployment
    inputs: Mapping[str, Any] | None
    """As ``batch(inputs=...)`` takes it."""
    own: bool = False
    """Whether the variant gave `inputs` itself, rather than the batch for all."""


@dataclass(frozen=True, slots=True)
class BatchVariant:
    """One way through the service that every row takes."""

    label: str
    variant: str
    target: BatchTarget

    @property
    def deployment(self) -> str:
        """The deployment's name."""
        return self.target.deployment.name

    @property
    def record(self) -> list[str]:
        """What the store has of it: label, deployment, variant."""
        return [self.label, self.deployment, self.variant]


def read_variants(
    variants: Any,
    deployment: Deployment,
    inputs: Mapping[str, Any] | None,
    *,
    find: Callable[[str], Deployment],
) -> tuple[BatchVariant, ...]:
    """Return the variants that ``batch(variants=...)`` means, each once."""
    arguments.check_one("variants", variants, "str | Iterable[Any] | None")
    requested = deployment.variants if variants is None else [variants] if isinstance(variants, str) else list(variants)
    if isinstance(variants, tuple) and _is_pair(variants) and not _are_variants(variants, deployment):
        requested = [variants]
    if not requested:
        if variants is None:
            give = Phrase("variants=[...]", "--variant", cell="-v or --variant")
            raise InputError(Message("no variant is known; give {}", (give,)), where=deployment.name)
        names = listed(deployment.variants) or "the name of one"
        all_of_them = " (without variants=, all are called)" if deployment.variants else ""
        raise InputError(f"variants is empty; give {names}{all_of_them}", where=deployment.name)
    targets: list[BatchTarget] = [BatchTarget(deployment, inputs)]
    pairs: list[tuple[BatchTarget, str]] = []
    problems: list[str] = []
    for entry in requested:
        target, variant, problem = _read_variant(entry, targets, inputs, find)
        if problem:
            problems.append(problem)
        elif not any(t is target and v == variant for t, v in pairs):
            pairs.append((target, variant))
    if problems:
        raise InputError(list(dict.fromkeys(problems)), where=deployment.name)
    return _labelled(pairs)


def _is_pair(value: Sequence[Any]) -> bool:
    return len(value) in (2, 3) and isinstance(value[-1], Mapping if len(value) == 3 else str)


def _are_variants(names: Sequence[Any], deployment: Deployment) -> bool:
    """``variants=("a", "b")``: two variants, or a deployment with its variant? By what is known of them."""
    texts = all(isinstance(name, str) for name in names)
    return texts and (not deployment.variants or all(name in deployment.variants for name in names))


def _read_variant(
    entry: Any, targets: list[BatchTarget], inputs: Mapping[str, Any] | None, find: Callable[[str], Deployment]
) -> tuple[BatchTarget, str, str]:
    """Return the target and variant of one variant, or a problem."""
    target, variant = targets[0], entry
    if isinstance(entry, tuple | list):
        if not (_is_pair(entry) and isinstance(entry[0], str | Deployment)):
            return target, "", f"{short(entry)} is not a variant; give its name, (deployment, variant) or (..., inputs)"
        name, variant = entry[0], entry[1]
        deployment = name if isinstance(name, Deployment) else find(name)
        target = BatchTarget(deployment, entry[2], own=True) if len(entry) == 3 else BatchTarget(deployment, inputs)
        same_target = next((t for t in targets if _is_same_target(t, target)), None)
        if same_target is None:
            targets.append(target)
        target = same_target or target
    if not isinstance(variant, str) or not variant.strip():
        return target, "", f"the name of a variant must be a string, not {short(variant)}"
    return target, variant, _no_such_variant(variant, target.deployment)


def _is_same_target(one: BatchTarget, other: BatchTarget) -> bool:
    """Mappings by identity: they may hold what cannot be compared, such as arrays."""
    return one.deployment == other.deployment and one.inputs is other.inputs


def _no_such_variant(variant: str, deployment: Deployment) -> str:
    if not deployment.variants or variant in deployment.variants:
        return ""
    close = nearest(variant, deployment.variants)
    suggestion = f"did you mean {close!r}?" if close else f"the variants are {listed(deployment.variants, 'and')}"
    return f"the variant {short(variant)} does not exist; {suggestion}"


def _labelled(pairs: Iterable[tuple[BatchTarget, str]]) -> tuple[BatchVariant, ...]:
    pairs = list(pairs)
    several = len({target.deployment.name for target, _ in pairs}) > 1
    batch_variants: list[BatchVariant] = []
    for target, variant in pairs:
        label = plain = f"{target.deployment.name}/{variant}" if several else variant
        number = 1
        while any(earlier.label == label for earlier in batch_variants):  # the same variant with another mapping
            number += 1
            label = f"{plain} #{number}"
        batch_variants.append(BatchVariant(label, variant, target))
    return tuple(batch_variants)


REUSE_STORE: Final = Phrase(
    " and are called again: reuse='store' reuses these answers without a call",
    command=" and are called again: --reuse store reuses these answers without a call",
    cell="",
)
"""What to do about answers of other batches."""

NOT_TWICE: Final = Phrase(
    ": reuse='store' does not call them again",
    command=": --reuse store does not call them again",
    cell=": decide them first, or they may act twice",
)
"""What to do about rows whose runs wait for a decision in other batches."""

_COPIES: Final = "copies them"

COPIES: Final = Phrase(_COPIES, command=_COPIES, cell=f"{_COPIES}, and %fetchhive login offers to do it")
"""What a command does about answers under another key."""

NOT_SAVED: Final = (
    "calls are counted against the daily cap only until this process ends, since store=None saves no counts"
)

NAMES_WORKSPACE: Final = "first makes them reusable, if both keys belong to one workspace"
"""What a command does that lets this key use them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What calls cost, and how many of a day are left."""

    price_per_call: float | None = None
    """In the user's own currency (``configure(price_per_call=)``)."""
    daily_cap: int | None = None
    """Calls a day (``configure(daily_cap=)``)."""
    used_today: int = 0
    """Requests since 00:00 UTC, of every kernel that keeps its answers in the same store."""
    is_saved: bool = True
    """Whether there is such a store; without one (``store=None``) each process counts its own requests."""

    @property
    def left_today(self) -> int | None:
        """How many calls the cap leaves today; ``None`` without a cap."""
        return None if self.daily_cap is None else max(0, self.daily_cap - self.used_today)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherKey:
    """What another workspace of the same host has answered: perhaps the same one, under an earlier key."""

    workspace: str
    rows: int
    """Rows that are to be called, all of whose calls have a completed answer there."""
    command: str
    """The call that joins it with this workspace, or that has this key use it."""
    copies: bool = True
    """Whether that command copies the answers."""


CALL_S: Final = 60.0
"""How long a call may take of which nothing is known: where even so many of them take less than half of the time that
there is, the limit is not worth a word."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a batch is going to do.

    Examples
    --------
    >>> print(Plan(name="x", deployment="triage", variants=("a", "b"), rows=40, repeats=1, jobs=80, calls=80))
    triage: 40 rows x 2 variants = 80 jobs; 80 calls
    """

    name: str
    deployment: str
    variants: tuple[str, ...]
    rows: int | None
    """How many rows are planned; ``None`` where they come one by one and nobody knows."""
    repeats: int
    row_factors: Factors = ()
    """Of rows that are a product (``fh.grid``): its factors, each with the number of its values."""
    jobs: int
    """Rows x variants x repeats; so far, where the rows are not known."""
    note: str = ""
    """What a person should know of how the rows were read."""
    answered: int = 0
    """Jobs that are finished already: completed or failed."""
    answered_at: datetime | None = None
    """When the newest of those answers came, UTC."""
    unknown: int = 0
    """Jobs that may have run before, and are not called again by themselves; without those that wait."""
    not_ended: int = 0
    """Of these, those whose runs the service took, and that can be looked up by an id."""
    waiting: int = 0
    """Jobs whose runs wait for a decision."""
    decide: Phrase = DECIDE
    """What to do about these."""
    elsewhere: int = 0
    """Jobs that are called although other batches or single runs have answered them."""
    elsewhere_in: tuple[str, ...] = ()
    """The names of those batches; empty of single runs."""
    waiting_elsewhere: int = 0
    """Jobs that are called although their runs wait for a decision in other batches or single runs."""
    waiting_in: tuple[str, ...] = ()
    """The names of those batches; empty of single runs."""
    other_key: OtherKey | None = None
    """Of a table that has to be called: what another workspace of this host has answered of it."""
    forgotten: int = 0
    """Jobs that are called again since their answers were forgotten (``fh.forget``, ``retention_days``)."""
    doubled: int = 0
    """Jobs that are the same as another one, and share its call."""
    invalid: int = 0
    """Jobs whose inputs do not fit, and that are not called."""
    audience: Audience = PYTHON
    """Who reads it."""
    calls: int = 0
    """How many calls are left; so far, where the rows are not known."""
    rejoined: int = 0
    """Of the calls: those that were submitted before, and whose runs are waited for again at no further call."""
    rejoined_waiting: int = 0
    """Of these: those whose runs wait for a decision."""
    uploads: int = 0
    """How many files are uploaded before the calls that need them. Each counts against the daily cap."""
    look_ups_per_call: int = 0
    """How many look-ups wait for the answer to a call (``delivery="poll"``): at least, where it is not known how long
    such calls take. Each counts against the daily cap."""
    saves_look_ups: bool = False
    """Whether more are made only as far as the cap leaves requests that no call needs for its own one."""
    seconds: float | None = None
    """How long they will take, by how long such calls took before; ``None`` where that is not known."""
    max_calls: int | None = None
    """The ceiling, from ``max_calls`` or ``max_cost``."""
    max_seconds: float | None = None
    """No call is started later, in seconds from the start."""
    ends_at: datetime | None = None
    """When that is, UTC."""
    budget: Budget = Budget()

    @property
    def deployments(self) -> list[str]:
        """The names of the deployments, which `deployment` has in one text."""
        return self.deployment.split(" and ")

    @property
    def cost(self) -> float | None:
        """What the calls will cost at ``price_per_call``; ``None`` where no price is known."""
        price = self.budget.price_per_call
        return None if price is None else price * self.most_calls

    @property
    def most_calls(self) -> int:
        """How many calls the ceiling lets through."""
        return self._new_calls if self.max_calls is None else min(self._new_calls, self.max_calls)

    @property
    def _new_calls(self) -> int:
        return self.calls - self.rejoined

    def __str__(self) -> str:
        return self._text(self._calls())

    @property
    def when_over(self) -> str:
        """The plan once its calls are over: without the forecast of their time."""
        return self._text(self._calls(has_time=False), be="were")

    def _text(self, calls: str, *, be: str = "are") -> str:
        calls = f"each 1,000 {be} checked and looked up before their first call" if self.rows is None else calls
        return "; ".join([self.head, *self._stored_parts(), calls, *self._ceilings()])

    @property
    def to_do(self) -> str:
        """What a start would do, as a verb and its object, for where all that has come of the jobs is shown already."""
        calls = f"make {self._calls()}" if self.calls or self.rejoined else "call nothing"
        waiting = [f"{self.waiting:,} {agreeing(self.waiting, 'wait')} for a decision"] if self.waiting else []
        return "; ".join([calls, *waiting, *(self._ceilings() if self.calls else [])])

    @property
    def factors(self) -> str:
        """What the jobs are made of: ``300 rows x 3 variants``; empty where a row is one job."""
        parts = self._rows() if self.row_factors or (self.rows is not None and self.rows > 1) else []
        counts = {"variant": len(self.variants), "repeat": self.repeats}
        parts += [counted(number, noun) for noun, number in counts.items() if number > 1]
        is_product = len(self.variants) * self.repeats > 1 or len(self.row_factors) > 1
        return " x ".join(parts) if is_product else ""

    def _rows(self) -> list[str]:
        """Return the number of rows in words; of a product that of each factor."""
        if self.rows is None:
            return ["rows: unknown"]
        factors = self.row_factors or ((TABLE_FACTOR, self.rows),)
        return [counted(count, "row") if name == TABLE_FACTOR else f"{count:,} {name}" for name, count in factors]

    @property
    def head(self) -> str:
        """What is called: ``support-triage: 300 rows x 3 variants = 900 jobs``."""
        factors = [*map(html.printable, self._rows()), counted(len(self.variants), "variant")]
        factors += [counted(self.repeats, "repeat")] if self.repeats > 1 else []
        jobs = "" if self.rows is None else f" = {counted(self.jobs, 'job')}"
        return f"{html.printable(self.deployment)}: {' x '.join(factors)}{jobs}"

    def _answered(self) -> list[str]:
        return [f"{self.answered:,} of {self.jobs:,} finished{_day_text(self.answered_at)}"] if self.answered else []

    def _stored_parts(self) -> list[str]:
        parts = self._answered()
        if self.unknown:
            kinds = UnknownOutcomes(lost=self.unknown - self.not_ended, not_ended=self.not_ended)
            parts.append(f"{self.unknown:,} outcome unknown ({kinds.text(self.audience)})")
        if self.waiting:
            wait = agreeing(self.waiting, "wait")
            parts.append(f"{self.waiting:,} {wait} for a decision ({self.decide.text(self.audience)})")
        if self.forgotten:
            again = f"{self.forgotten:,} {'is' if self.forgotten == 1 else 'are'} called again"
            parts.append(
                f"{again}, since {'its answer was' if self.forgotten == 1 else 'their answers were'} forgotten"
            )
        parts += [f"{self.doubled:,} the same as another"] if self.doubled else []
        parts += [f"{self.invalid:,} {NOT_SENT}"] if self.invalid else []
        if self.elsewhere:
            these = "the others" if self.answered else "these"
            were = f"{self.elsewhere:,} of {these} {agreeing(self.elsewhere, 'were')} answered before"
            in_places = f" in {places}" if (places := _places(self.elsewhere_in)) else ""
            parts.append(f"{were}{in_places}{REUSE_STORE.text(self.audience)}")
        if self.waiting_elsewhere:
            parts.append(self._waiting_elsewhere())
        if (other := self.other_key) is not None:
            were = f"{other.rows:,} of {counted(self.rows or other.rows, 'row')} {'was' if other.rows == 1 else 'were'}"
            hint = COPIES.text(self.audience) if other.copies else NAMES_WORKSPACE
            parts.append(f"{were} answered under another key of this host: {other.command} {hint}")
        return parts

    def _waiting_elsewhere(self) -> str:
        wait = f"{self.waiting_elsewhere:,} of these {agreeing(self.waiting_elsewhere, 'wait')} for a decision"
        return f"{wait} in {_places(self.waiting_in)}{NOT_TWICE.text(self.audience)}"

    def _calls(self, *, has_time: bool = True) -> str:
        calls = self._new_calls
        text = counted(calls, "call")
        if calls and self.seconds is not None and has_time:
            text += f", about {duration(self.seconds)}"
        if calls and self.cost is not None:
            text += f", {money(self.cost)} at {money(self.budget.price_per_call or 0.0)} a call"
        if self.rejoined:
            text += f"; {self.rejoined:,} submitted before {agreeing(self.rejoined, 'are')} waited for again"
            text += f", {self.rejoined_waiting:,} of them for a decision" if self.rejoined_waiting else ""
        if self.uploads:
            text += f"; {counted(self.uploads, 'upload')} of files, which count against the daily cap as calls do"
        if look_ups := self.calls * self.look_ups_per_call:
            qualifier = "at least" if self._look_ups_are_least else "about"
            text += f"; {qualifier} {counted(look_ups, 'look-up')}, which count against the daily cap as calls do"
        return text

    @property
    def _look_ups_are_least(self) -> bool:
        return self.saves_look_ups or self.seconds is None

    def _ceilings(self) -> list[str]:
        parts = []
        if self.max_calls is not None and (self.rows is None or self.max_calls < self._new_calls):
            parts.append(f"at most {counted(self.max_calls, 'call')}")
        parts += [self._time_limit(self.max_seconds)] if self.max_seconds is not None and self._may_be_late else []
        if self.budget.daily_cap is not None:
            parts.append(self._cap(self.budget.daily_cap))
            parts += [] if self.budget.is_saved else [NOT_SAVED]
        return parts

    @property
    def _may_be_late(self) -> bool:
        """Whether the calls may take so long that `max_seconds` leaves some of them pending."""
        likely_s = self.seconds if self.seconds is not None else CALL_S * self._new_calls
        return self.max_seconds is not None and (self.rows is None or 2 * likely_s > self.max_seconds)

    def _time_limit(self, seconds: float) -> str:
        """Say after which time no call is started; of a long one, such as what is left of a day, until what o'clock."""
        if self.ends_at is None or seconds < 3600:
            return f"no call starts after the first {duration(seconds, exact=True)}"
        return f"no call starts after {self.ends_at + timedelta(seconds=30):%H:%M} UTC, in {duration(seconds)}"

    def _cap(self, cap: int) -> str:
        """Say how many calls were made today before these, and what that leaves of these."""
        used = self.budget.used_today
        left = max(cap - used - self.uploads, 0)
        used_text = f"daily cap of {counted(cap, 'call')}: {f'{used:,}' if left else 'all'} used before"
        possible = calls_within(max(left - self.rejoined * self.look_ups_per_call, 0), self.look_ups_per_call)
        if self.rows is None or possible >= self.most_calls:
            return f"{used_text}, {left or 'none'} left until 00:00 UTC"
        most = "at most " if possible and self.look_ups_per_call and self._look_ups_are_least else ""
        return f"{used_text}, so {most}{possible or 'none'} of these can be made before 00:00 UTC"


def _places(names: Sequence[str]) -> str:
    """Say in which batches something is, and whether in single runs, which have no name."""
    batches = [name for name in names if name]
    noun = "batch" if len(batches) == 1 else "batches"
    places = [f"{noun} {html.printable(listed(batches, 'and'))}"] if batches else []
    return " and ".join([*places, *(["single runs"] if "" in names else [])])


def calls_within(left: int, look_ups_per_call: int) -> int:
    """Return how many calls a daily cap leaves, each with its look-ups; one where it leaves less than they all need.

    Examples
    --------
    >>> [calls_within(left, 1) for left in (50, 3, 1, 0)]
    [25, 1, 1, 0]
    """
    return max(left // (1 + look_ups_per_call), min(left, 1))


def _day_text(when: datetime | None) -> str:
    """Say when, where that is known."""
    return f" on {moment_text(when)}" if when is not None else ""


def money(amount: float) -> str:
    """Return an amount in whatever currency the price is in: two digits behind the point, more for small ones.

    Examples
    --------
    >>> money(12.5), money(0.004), money(0)
    ('12.50', '0.004', '0.00')
    """
    if amount and not 0.1 <= amount < 1e15:
        return f"{amount:.2g}"
    return f"{amount:,.2f}"


NAME_DIGITS: Final = 12


def name_of(deployment: str, batch_variants: Iterable[BatchVariant], jobs: Iterable[Job]) -> str:
    """Return the name of an unnamed batch: the hash of what is asked, so that an identical cell goes on.

    The keys are sorted: the same rows in another order are the same batch.
    """
    return hashed_name(deployment, [variant.label for variant in batch_variants], (job.key for job in jobs))


def hashed_name(deployment: str, labels: Sequence[str], keys: Iterable[str]) -> str:
    """Return the name of an unnamed batch of its parts: the labels of its variants and the keys of its jobs."""
    parts = [deployment, list(labels), sorted(set(keys))]
    return f"{deployment}-{sha256(canonical_json(parts).encode()).hexdigest()[:NAME_DIGITS]}"


def pilot(by_row: list[list[Job]], *, first: int | None, sample: int | None, seed: str) -> list[list[Job]]:
    """Return the jobs of the first rows, or of as many taken at random: the same ones for the same batch."""
    if first is not None:
        return by_row[:first]
    if sample is None or sample >= len(by_row):
        return by_row
    # Seeded by the name: the same cell takes the same rows, and repays nothing.
    places = random.Random(seed).sample(range(len(by_row)), sample)  # noqa: S311 - chooses rows, guards nothing
    return [by_row[i] for i in sorted(places)]
