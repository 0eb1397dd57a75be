"""Scores -> the tables of a comparison.

Rule of this file: whatever is computed over rows is computed from the grid, where a row is one value; and a cell that
is not answered yet differs from nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from fh_notebook.batching.cells import object_series
from fh_notebook.comparing.grid import Grid, without_noise
from fh_notebook.comparing.intervals import NAN, Interval, Numbers, interval_of_share, intervals_of_means
from fh_notebook.comparing.pairs import Pair
from fh_notebook.contract.canonical import canonical_json
from fh_notebook.contract.jsonable import pretty

__all__ = [
    "SUMMARY_COLUMNS",
    "differing_scores",
    "incomplete_rows",
    "leaderboard_table",
    "seconds_of",
    "spelt",
    "summary_table",
    "wide_table",
]

SUMMARY_COLUMNS: Final = (
    "variant",
    "n",
    "missing",
    "failed",
    "mean",
    "ci_low",
    "ci_high",
    "median",
    "p50_s",
    "p95_s",
)
COUNTS: Final = ("n", "missing", "failed")
DEEP_SHOWN: Final = 10_000
"""Characters by which outputs that are nested deeper than Python writes are told apart."""


def summary_table(lines: pd.DataFrame, grid: Grid, *, price: float | None = None) -> pd.DataFrame:
    """Return one line a variant: `SUMMARY_COLUMNS`, and ``cost`` where a call has a price.

    ``attrs["interval"]`` names the rule of each interval, ``attrs["rows"]`` how many rows it is over.
    """
    means = [grid.of_variant(v) for v in grid.variants]
    if grid.yes_no:
        found = [interval_of_share(part, grid.lines_of(v)) for part, v in zip(means, grid.variants, strict=True)]
    else:
        found = intervals_of_means(means, within=[grid.within] * len(means))
    told = [
        (_summary_line(lines[lines["variant"] == v], v, part, interval, price), interval.rule, len(part))
        for v, part, interval in zip(grid.variants, means, found, strict=True)
    ]
    columns = [*SUMMARY_COLUMNS, *(["cost"] if price is not None else [])]
    table = pd.DataFrame([line for line, _, _ in told], columns=columns)
    table = table.astype({**dict.fromkeys(COUNTS, "int64"), **dict.fromkeys(columns[4:], "float64")})
    table.attrs["interval"] = {line["variant"]: rule for line, rule, _ in told}
    table.attrs["rows"] = {line["variant"]: rows for line, _, rows in told}
    return table


def _summary_line(
    lines: pd.DataFrame, variant: str, means: Numbers, found: Interval, price: float | None
) -> dict[str, Any]:
    failed, scored = lines["status"] == "failed", lines["score"].notna()
    p50_s, p95_s = seconds_of(lines["seconds"].to_numpy(dtype="float64"))
    return {
        "variant": variant,
        "n": int(scored.sum()),
        "missing": int((~scored & ~failed).sum()),
        "failed": int(failed.sum()),
        "mean": float(means.mean()) if len(means) else NAN,
        "ci_low": found.low,
        "ci_high": found.high,
        "median": float(np.median(means)) if len(means) else NAN,
        "p50_s": p50_s,
        "p95_s": p95_s,
        "cost": (price or 0.0) * int(lines["charged"].sum()) if "charged" in lines else NAN,
    }


def seconds_of(seconds: Numbers) -> tuple[float, float]:
    """Return the median and the 95th percentile of those that are there."""
    known = seconds[~np.isnan(seconds)]
    if not len(known):
        return NAN, NAN
    p50_s, p95_s = np.quantile(known, [0.5, 0.95])
    return float(p50_s), float(p95_s)


def leaderboard_table(
    summary: pd.DataFrame, lines: pd.DataFrame, pairs: Sequence[Pair], *, lower: bool = False
) -> pd.DataFrame:
    """Return the variants by their means, best first, with everything that is known of each.

    Columns: ``rank``, those of the summary, and ``rows``, ``interval``, ``failure_rate``, ``beats``: the variants that
    it is better than after Holm. Without a score they stand by failures, then seconds.
    """
    table = summary.copy()
    totals = lines["variant"].value_counts()
    table["rows"] = [summary.attrs["rows"][v] for v in table["variant"]]
    table["interval"] = [summary.attrs["interval"][v] for v in table["variant"]]
    table["failure_rate"] = [f / totals[v] for f, v in zip(table["failed"], table["variant"], strict=True)]
    table["beats"] = [", ".join(beaten_by(v, pairs)) for v in table["variant"]]
    by = ["mean", "failure_rate", "p50_s"]
    table = table.sort_values(by, ascending=[lower, True, True], kind="stable").reset_index(drop=True)
    table.insert(0, "rank", range(1, len(table) + 1))
    return table


def beaten_by(variant: str, pairs: Sequence[Pair]) -> list[str]:
    """Return which variants one is better than."""
    turned = [pair if pair.b == variant else pair.turned() for pair in pairs if variant in (pair.a, pair.b)]
    return [pair.a for pair in turned if pair.is_better()]


# --- rows beside each other


def differing_scores(lines: pd.DataFrame, grid: Grid, which: Sequence[tuple[str, str]] | None = None) -> list[Any]:
    """Return the pairs whose scores differ, those that differ most first; with `which`, between these variants."""
    if not len(grid.means):
        return []
    apart = _apart(grid.means) if which is None else np.zeros(len(grid.means))
    for a, b in which or ():
        first, second = (grid.means[:, grid.variants.index(name)] for name in (a, b))
        apart = np.fmax(apart, np.abs(without_noise(second - first, _known(first), _known(second))))
    order = np.argsort(-apart, kind="stable")
    labels = pd.factorize(lines["pair"])[1]
    return [labels[place] for place in order[: int((apart > 0).sum())]]


def _apart(means: Numbers) -> Numbers:
    """Return how far apart the scores of each row are."""
    known = ~np.isnan(means)
    low = np.where(known, means, np.inf).min(axis=1, initial=np.inf)
    high = np.where(known, means, -np.inf).max(axis=1, initial=-np.inf)
    apart = np.zeros(len(means))
    np.subtract(high, low, out=apart, where=known.any(axis=1))
    return without_noise(apart, _known(means))


def _known(values: Numbers) -> Numbers:
    return np.asarray(values[~np.isnan(values)])


def wide_table(
    frame: pd.DataFrame, variants: Sequence[str], *, pair_on: str, expected: dict[Any, Any] | None, has_score: bool
) -> pd.DataFrame:
    """Return one line a row.

    Columns: `pair_on`, ``expected_output`` where there is one, ``outputs_differ``, ``scores_differ`` where there is a
    score, then for every variant ``<variant>.output``, ``.score`` and ``.seconds``. Of repeats: the first output, the
    means of scores and seconds. Outputs differ among completed runs, scores among those that are there.
    """
    pairs = list(dict.fromkeys(frame["pair"]))
    outputs, completed = _outputs(frame, variants)
    scores = Grid.of(frame, variants).means
    seconds = Grid.of(frame.assign(score=frame["seconds"]), variants).means
    columns: dict[str, Any] = {pair_on: _keys(pairs)}
    if expected is not None:
        columns["expected_output"] = object_series([expected.get(pair) for pair in pairs])
    columns["outputs_differ"] = pd.Series(
        [_do_differ(line, done) for line, done in zip(outputs, completed, strict=True)], dtype="bool"
    )
    if has_score:
        columns["scores_differ"] = pd.Series(_apart(scores) > 0, dtype="bool")
    for place, variant in enumerate(variants):
        columns[f"{variant}.output"] = object_series(outputs[:, place])
        if has_score:
            columns[f"{variant}.score"] = pd.Series(scores[:, place])
        columns[f"{variant}.seconds"] = pd.Series(seconds[:, place])
    return pd.DataFrame(columns)


def _keys(pairs: list[Any]) -> pd.Series[Any]:
    try:
        return pd.Series(pairs)
    except UnicodeEncodeError:  # Arrow refuses half a character
        return object_series(pairs)


def _outputs(frame: pd.DataFrame, variants: Sequence[str]) -> tuple[Any, Any]:
    """Return the first output of each row and variant, and whether a run completed there: two arrays of objects."""
    row_of, rows = pd.factorize(frame["pair"])
    place = pd.Index(list(variants)).get_indexer(pd.Index(frame["variant"]))
    done = (frame["status"] == "completed").to_numpy(dtype=bool)
    cells = (row_of * len(variants) + place)[done][::-1]  # backwards: the first one is written last, and stays
    outputs = np.full(len(rows) * len(variants), None, dtype=object)
    outputs[cells] = frame["output"].to_numpy(dtype=object)[done][::-1]
    completed = np.zeros(len(outputs), dtype=bool)
    completed[cells] = True
    shape = (len(rows), len(variants))
    return outputs.reshape(shape), completed.reshape(shape)


def _do_differ(outputs: Sequence[Any], completed: Sequence[bool]) -> bool:
    return len({spelt(output) for output, done in zip(outputs, completed, strict=True) if done}) > 1


def incomplete_rows(frame: pd.DataFrame, variants: Sequence[str], by: Literal["score", "output"]) -> int:
    """Return on how many rows a variant has no score, or no completed run: it failed, is pending, or is not there."""
    known = frame[frame["score"].notna() if by == "score" else frame["status"] == "completed"]
    complete = known.groupby(pd.factorize(known["pair"])[0])["variant"].nunique() == len(variants)
    return frame["pair"].nunique() - int(complete.sum())


def spelt(output: Any) -> str:
    """Return an output as a text to tell outputs apart by; blanks around a text do not count."""
    if isinstance(output, str):
        return f"text {output.strip()}"
    if output is None:
        return ""
    try:
        return canonical_json(output)
    except (TypeError, ValueError):
        return repr(output)
    except RecursionError:  # nested deeper than Python writes: by what it begins with
        return pretty(output, limit=DEEP_SHOWN, sort=True)[0]
