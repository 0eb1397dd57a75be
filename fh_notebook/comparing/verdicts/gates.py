"""Gates for CI: whether a variant is better than another one, no worse by more than a margin, or equivalent.

`Margin` is the paired difference of two variants with its interval, and how it lies to the margin. "No worse" is a
claim that must be shown: the interval of the difference has to lie above the margin (a non-inferiority test, whose
one-sided level is half of `alpha`). Where the rows are too few, that is not shown, and it is not shown either that the
variant is worse; the two are told apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Final

from fh_notebook.comparing.data import ComparisonData, no_variant
from fh_notebook.comparing.stats.grid import Grid
from fh_notebook.comparing.stats.number_format import (
    about,
    difference_unit,
    figure,
    percent,
    seconds,
)
from fh_notebook.comparing.stats.pairs import Pair, check_chances, compare_variants, corrected_pairs
from fh_notebook.comparing.verdicts.verdict import MANY_TIMES, of_pair, rows_text, unit_of, verdict_of
from fh_notebook.core import arguments
from fh_notebook.errors import GateFailed, InputError

VALUES: Final = ("score", "seconds")
"""What may be compared by a gate: the score of the comparison, or the seconds of completed runs."""


class GateOutcome(Enum):
    """How the interval of a difference lies to the margin."""

    NOT_WORSE = "not worse"
    """The whole interval is above the margin."""
    WORSE = "worse"
    """The whole interval is below the margin."""
    UNCLEAR = "unclear"
    """The margin is in the interval: there are too few rows to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """The difference of a variant to another one, and the margin that it must not exceed.

    Everything is stated in the direction of the better value: a positive lead is a better variant, also of seconds.
    """

    variant: str
    than: str
    value: str
    """``score`` or ``seconds``."""
    by: float
    """The margin, in the unit of the value."""
    alpha: float
    pair: Pair
    """The comparison, `than` before `variant`, with its two-sided interval of level ``1 - alpha``."""

    @property
    def lead(self) -> float:
        """How far the variant is ahead on average."""
        return self.pair.lead

    @property
    def lead_low(self) -> float:
        """The lower limit of the interval of the lead."""
        return -self.pair.ci_high if self.pair.lower else self.pair.ci_low

    @property
    def lead_high(self) -> float:
        """The upper limit of the interval of the lead."""
        return -self.pair.ci_low if self.pair.lower else self.pair.ci_high

    @property
    def outcome(self) -> GateOutcome:
        """How the interval lies to the margin."""
        if self.lead_low > -self.by:
            return GateOutcome.NOT_WORSE
        return GateOutcome.WORSE if self.lead_high < -self.by else GateOutcome.UNCLEAR

    @property
    def is_equivalent(self) -> bool:
        """Whether the whole interval is inside of the margin, to both sides."""
        return self.lead_low > -self.by and self.lead_high < self.by

    @property
    def rows_more(self) -> float:
        """How many rows more would tell, if the difference stayed as it is; infinite where none would."""
        room = self.lead + self.by
        reach = self.lead - self.lead_low if room > 0 else self.lead_high - self.lead
        if not (self.pair.n and room):
            return math.inf
        return max(0.0, self.pair.n * ((reach / room) ** 2 - 1))

    def __str__(self) -> str:
        """Return the outcome as a sentence: the answer, how certain it is, and what is missing."""
        than = f"{self.than}{f' by more than {self._margin}' if self.by else ''}"
        match self.outcome:
            case GateOutcome.NOT_WORSE:
                return f"{self.variant} is no worse than {than}: {self._facts()}."
            case GateOutcome.WORSE:
                return f"{self.variant} is worse than {than}: {self._facts()}."
            case GateOutcome.UNCLEAR:
                return f"Whether {self.variant} is worse than {than} is not clear: {self._facts()}{self._lacking()}."

    def _facts(self) -> str:
        if not self.pair.n:
            what = "a score" if self.value == "score" else "the seconds"
            return f"no row has {what} of both"
        low, high = (self._size(limit) for limit in (self.lead_low, self.lead_high))
        interval = f"{percent(1 - self.alpha)} interval of the lead {low} to {high}{self._unit(high)}"
        return f"{self._lead_text()} ({interval}, {rows_text(self.pair)})"

    def _lead_text(self) -> str:
        if self.lead == 0:
            return "both have the same mean"
        words = ("faster", "slower") if self.value == "seconds" else ("ahead", "behind")
        size = self._size(abs(self.lead))
        return f"it is {size}{self._unit(size)} {words[self.lead < 0]}"

    def _lacking(self) -> str:
        if not self.pair.n:
            return ""
        what = unit_of(self.pair)
        if self.rows_more > MANY_TIMES * self.pair.n:
            return (
                f"; there are not enough {what} to tell, and at this difference even very many would hardly be enough"
            )
        return f"; about {about(max(self.rows_more, 1)):,} more {what} would be enough at this difference"

    @property
    def _margin(self) -> str:
        """The margin as it was given, in the unit of the differences."""
        size = f"{100 * self.by if self.pair.is_share else self.by:g}"
        return f"{size}{self._unit(size)}"

    def _size(self, difference: float) -> str:
        """Return a difference without its unit."""
        if self.value == "seconds":
            return seconds(difference)
        return f"{100 * difference:.1f}" if self.pair.is_share else figure(difference)

    def _unit(self, size: str) -> str:
        return " s" if self.value == "seconds" else difference_unit(size, share=self.pair.is_share)


def margin_of(
    data: ComparisonData, variant: str, *, than: str, by: float, alpha: float, value: str = "score"
) -> Margin:
    """Return the difference of two variants and how it lies to the margin `by`."""
    check_chances(alpha=alpha)
    arguments.check_one_of("value", value, VALUES)
    if not (isinstance(by, int | float) and not isinstance(by, bool) and math.isfinite(by) and by >= 0):
        raise InputError("by= must be a number, at least 0, in the unit of the value: 0.02 for a score from 0 to 1")
    _check_pair(data, variant, than)
    if value == "score" and not data.scorer:
        raise InputError(verdict_of(data))
    if value == "score" and data.is_share and by >= 1:
        raise InputError(
            f"by is {by:g}: a share of right rows is never more than 1 behind another; give 0.02 for 2 points"
        )
    if value == "score":
        pair = _pair_of_scores(data, than, variant, 1 - alpha)
    else:
        pair = _pair_of_grid(data.seconds_grid, than, variant, 1 - alpha, lower=True)
    return Margin(variant=variant, than=than, value=value, by=float(by), alpha=alpha, pair=pair)


def _check_variants(data: ComparisonData, *names: str) -> None:
    for name in names:
        if name not in data.variants:
            raise InputError(no_variant(name, data.variants))


def _not_compared(a: str, b: str) -> str:
    return f"{a!r} and {b!r} were not compared with each other"


def _check_pair(data: ComparisonData, variant: str, than: str) -> None:
    _check_variants(data, variant, than)
    known = data.variant_pairs
    if variant == than or (known is not None and not {(variant, than), (than, variant)} & set(known)):
        raise InputError(_not_compared(variant, than))


def _pair_of_scores(data: ComparisonData, a: str, b: str, level: float) -> Pair:
    if data.label_grid is not None:
        return corrected_pairs(data.grid, data.label_grid, [(a, b)], lower=data.lower, level=level)[0]
    if (preferences := data.preferences) is not None:
        if (share := preferences.get((a, b))) is None:
            if (turned := preferences.get((b, a))) is None:
                raise InputError(_not_compared(a, b))
            share = 1.0 - turned
        return compare_variants(
            a, b, 1.0 - share, share, yes_no=data.grid.yes_no, tests=False, within=data.grid.within, level=level
        )
    return _pair_of_grid(data.grid, a, b, level, lower=data.lower)


def _pair_of_grid(grid: Grid, a: str, b: str, level: float, *, lower: bool) -> Pair:
    return compare_variants(
        a, b, *grid.shared(a, b), yes_no=grid.yes_no, behind=grid.behind(a, b), tests=False, lower=lower,
        within=grid.within, level=level,
    )  # fmt: skip


def assert_not_worse(data: ComparisonData, variant: str, *, than: str, by: float, alpha: float, value: str) -> None:
    """Raise unless it is shown that `variant` is no worse (see ``Comparison.assert_not_worse``)."""
    __tracebackhide__ = True
    margin = margin_of(data, variant, than=than, by=by, alpha=alpha, value=value)
    if margin.outcome is not GateOutcome.NOT_WORSE:
        raise GateFailed(str(margin))


def is_equivalent(data: ComparisonData, a: str, b: str, *, by: float, alpha: float, value: str) -> bool:
    """Return whether two variants differ by less than `by` (see ``Comparison.is_equivalent``)."""
    return margin_of(data, a, than=b, by=by, alpha=alpha, value=value).is_equivalent


def assert_better(data: ComparisonData, variant: str, *, than: str, alpha: float) -> None:
    """Raise unless `variant` is better `than` another one (see ``Comparison.assert_better``)."""
    __tracebackhide__ = True
    check_chances(alpha=alpha)
    _check_variants(data, variant, than)
    if not data.scorer:
        raise InputError(verdict_of(data))
    pairs = data.pairs
    pair = next((p for p in pairs if {p.a, p.b} == {variant, than} and p.a != p.b), None)
    if pair is None:
        raise InputError(_not_compared(variant, than))
    turned = pair if pair.b == variant else pair.turned()
    if not turned.is_better(alpha):
        ahead = turned if turned.lead >= 0 else turned.turned()
        raise GateFailed(
            f"{variant} is not better than {than} (alpha = {alpha:g}): {of_pair(ahead, pairs, alpha=alpha)}"
        )
