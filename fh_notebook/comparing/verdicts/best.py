"""The best variants of a comparison: a leaderboard in groups that can be distinguished, and a sentence on the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final

import pandas as pd

from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.stats.best import BestLine, beaten_by, groups_of, parts_of, probabilities_of_best
from fh_notebook.comparing.stats.grid import Grid
from fh_notebook.comparing.stats.intervals import intervals_of_means
from fh_notebook.comparing.stats.number_format import count_text, interval_text, percents, seconds_format, share_head
from fh_notebook.comparing.stats.pairs import Pair, all_pairs, check_chances
from fh_notebook.comparing.stats.summary import SummaryLine
from fh_notebook.comparing.verdicts.gates import VALUES
from fh_notebook.comparing.verdicts.verdict import verdict_of
from fh_notebook.core import arguments
from fh_notebook.core.text.formatting import figures, in_words
from fh_notebook.core.text.messages import counted
from fh_notebook.core.text.shown_frame import ShownFrame
from fh_notebook.errors import InputError

FEWEST_GROUPED: Final = 3
"""Variants from which the groups say more than the verdict on the two."""


def best_groups(summary: Sequence[SummaryLine], pairs: Sequence[Pair]) -> dict[str, int]:
    """Return the group of each scored variant, by the summary and all pairs."""
    return groups_of(beaten_by([line.variant for line in summary if line.n], pairs))


def best_groups_of(data: ComparisonData) -> dict[str, int]:
    """Return the group of each scored variant of a comparison; empty where only some pairs are compared."""
    if data.variant_pairs is not None or not data.scorer:
        return {}
    return best_groups(data.summary_lines, data.pairs)


def best_set_text(groups: Mapping[str, int]) -> str:
    """Return which variants cannot be told apart from the best, of three or more; empty where it is one alone.

    Examples
    --------
    >>> best_set_text({"a": 1, "b": 1, "c": 2})
    'a and b cannot be distinguished from the best; c is behind.'
    >>> best_set_text({"a": 1, "b": 2, "c": 2})
    ''
    """
    first = [variant for variant, group in groups.items() if group == 1]
    others = [variant for variant in groups if groups[variant] > 1]
    if len(groups) < FEWEST_GROUPED or len(first) < 2:
        return ""
    if not others:
        return f"None of the {counted(len(first), 'variant')} can be distinguished from the best."
    behind = f"{in_words(others, 'and')} {'is' if len(others) == 1 else 'are'} behind"
    return f"{in_words(first, 'and')} cannot be distinguished from the best; {behind}."


def best_frame(data: ComparisonData, *, alpha: float, value: str) -> ShownFrame:
    """Return one line a variant, by groups, the best mean of each first (see ``Comparison.best``)."""
    check_chances(alpha=alpha)
    arguments.check_one_of("value", value, VALUES)
    if data.variant_pairs is not None and len(data.variants) > 2:
        raise InputError("with several dates, each variant is compared with itself, so none of them is the best of all")
    if value == "score" and not data.scorer:
        raise InputError(verdict_of(data))
    lines = _of_scores(data) if value == "score" else _of_seconds(data)
    if not lines:
        raise InputError("no run has a measured time" if value == "seconds" else verdict_of(data))
    lower = data.lower or value == "seconds"
    grid, human = (data.grid, data.label_grid) if value == "score" else (data.seconds_grid, None)
    pairs: Sequence[Pair] = data.pairs if value == "score" else all_pairs(grid, lower=True)
    beaten = beaten_by([line.variant for line in lines], pairs, alpha=alpha)
    group = groups_of(beaten)
    places = [grid.variants.index(line.variant) for line in lines]
    probabilities = probabilities_of_best([part[:, places] for part in parts_of(grid, human)], lower=lower)
    lines = [
        replace(
            line, probability=float(probability), group=group[line.variant], may_be_best=group[line.variant] == 1,
            beaten_by=beaten[line.variant],
        )
        for line, probability in zip(lines, probabilities, strict=True)
    ]  # fmt: skip
    lines.sort(key=lambda line: (line.group, line.mean if lower else -line.mean))
    share = share_head(lower=data.lower) if data.is_share and value == "score" else ""
    return _shown(lines, share=share, seconds=value == "seconds")


def _line(variant: str, rows: int, mean: float, low: float, high: float) -> BestLine:
    return BestLine(
        variant=variant, rows=rows, mean=mean, ci_low=low, ci_high=high, probability=float("nan"), may_be_best=True,
        group=1, beaten_by=(),
    )  # fmt: skip


def _of_scores(data: ComparisonData) -> list[BestLine]:
    return [
        _line(line.variant, line.rows, line.mean, line.ci_low, line.ci_high) for line in data.summary_lines if line.n
    ]


def _of_seconds(data: ComparisonData) -> list[BestLine]:
    grid: Grid = data.seconds_grid
    timed = {variant: values for variant in grid.variants if len(values := grid.of_variant(variant))}
    intervals = intervals_of_means([*timed.values()], within=[grid.within] * len(timed))
    return [
        _line(variant, len(values), float(values.mean()), interval.low, interval.high)
        for (variant, values), interval in zip(timed.items(), intervals, strict=True)
    ]


def _shown(lines: Sequence[BestLine], *, share: str, seconds: bool) -> ShownFrame:
    names = [field.name for field in fields(BestLine)]
    table = pd.DataFrame({name: pd.Series([getattr(line, name) for line in lines]) for name in names})
    table["beaten_by"] = [", ".join(line.beaten_by) for line in lines]

    def cells(frame: pd.DataFrame) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        numbers = [*frame["mean"], *frame["ci_low"], *frame["ci_high"]]
        rows = int(frame["rows"].max())
        text = percents(rows) if share else seconds_format(numbers) if seconds else figures(numbers)
        heads = ["group", "variant", "rows", share if share else "mean s" if seconds else "mean",
                 "95 % interval", "chance of being best", "beaten by"]  # fmt: skip
        shown = [
            [
                str(line["group"]),
                line["variant"],
                count_text(line["rows"]),
                text(line["mean"]),
                interval_text(text, line["ci_low"], line["ci_high"]),
                percents(0)(line["probability"]),
                line["beaten_by"],
            ]
            for line in frame.to_dict("records")
        ]
        return heads, shown

    return ShownFrame.of(table, cells)
