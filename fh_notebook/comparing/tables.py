"""Scores -> the tables of a comparison.

Rule of this file: repeats of a row are not independent, so they are averaged to one value a row before anything is
computed over rows; and a cell that is not answered yet differs from nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final, Literal

import pandas as pd

from fh_notebook.batching.cells import object_series
from fh_notebook.comparing.intervals import mean_interval, wilson_interval
from fh_notebook.contract.canonical import canonical_json

__all__ = ["SUMMARY_COLUMNS", "incomplete_rows", "is_yes_no", "per_row", "summary_table", "wide_table"]

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


def is_yes_no(scores: pd.Series[Any]) -> bool:
    """Whether all scores are true or false (0 or 1)."""
    return bool(scores.dropna().isin([0.0, 1.0]).all()) and bool(scores.notna().any())


def per_row(lines: pd.DataFrame) -> pd.Series[Any]:
    """Return the mean score of each row of one variant, by pair; rows without a score are left out."""
    known = lines[lines["score"].notna()]
    return known.groupby("pair", sort=False)["score"].mean()


def summary_table(frame: pd.DataFrame, variants: Sequence[str]) -> pd.DataFrame:
    """Return one line a variant: `SUMMARY_COLUMNS`."""
    yes_no = is_yes_no(frame["score"])
    lines = [_summary_line(frame[frame["variant"] == v], v, yes_no) for v in variants]
    table = pd.DataFrame(lines, columns=list(SUMMARY_COLUMNS))
    counts = dict.fromkeys(("n", "missing", "failed"), "int64")
    return table.astype({**counts, **dict.fromkeys(SUMMARY_COLUMNS[4:], "float64")})


def _summary_line(lines: pd.DataFrame, variant: str, yes_no: bool) -> dict[str, Any]:
    means = per_row(lines)
    # Averaged repeats are numbers between 0 and 1, whose variance is at most that of yes and no with the same mean,
    # m (1 - m) (R. Bhatia and C. Davis, "A better bound on the variance", American Mathematical Monthly 107 (2000),
    # 353-357). So Wilson's interval over rows, with the sum of the means as the successes, is too wide if anything.
    values = [float(x) for x in means]
    low, high = wilson_interval(sum(values), len(values)) if yes_no else mean_interval(values)
    failed = lines["status"] == "failed"
    return {
        "variant": variant,
        "n": int(lines["score"].notna().sum()),
        "missing": int((lines["score"].isna() & ~failed).sum()),
        "failed": int(failed.sum()),
        "mean": means.mean(),
        "ci_low": low,
        "ci_high": high,
        "median": means.median(),
        "p50_s": lines["seconds"].quantile(0.5),
        "p95_s": lines["seconds"].quantile(0.95),
    }


def wide_table(
    frame: pd.DataFrame, variants: Sequence[str], *, pair_on: str, expected: dict[Any, Any] | None, has_score: bool
) -> pd.DataFrame:
    """Return one line a row.

    Columns: `pair_on`, ``expected_output`` where there is one, ``outputs_differ``, ``scores_differ`` where there is a
    score, then for every variant ``<variant>.output``, ``.score`` and ``.seconds``. Of repeats: the first output, the
    means of scores and seconds. Outputs differ among completed runs, scores among those that are there.
    """
    pairs = list(dict.fromkeys(frame["pair"]))
    cells = _cells(frame)
    lines = [[cells.get((pair, variant), _NO_CELL) for variant in variants] for pair in pairs]
    columns: dict[str, list[Any]] = {pair_on: pairs}
    if expected is not None:
        columns["expected_output"] = [expected.get(pair) for pair in pairs]
    columns["outputs_differ"] = [len({_spelt(cell.output) for cell in line if cell.completed}) > 1 for line in lines]
    if has_score:
        columns["scores_differ"] = [
            len({cell.score for cell in line if cell.score == cell.score}) > 1 for line in lines
        ]
    for variant, of_variant in zip(variants, zip(*lines, strict=True), strict=False):
        columns[f"{variant}.output"] = [cell.output for cell in of_variant]
        if has_score:
            columns[f"{variant}.score"] = [cell.score for cell in of_variant]
        columns[f"{variant}.seconds"] = [cell.seconds for cell in of_variant]
    return pd.DataFrame({name: _column(name, values) for name, values in columns.items()})


def incomplete_rows(frame: pd.DataFrame, variants: Sequence[str], by: Literal["score", "output"]) -> int:
    """Return on how many rows a variant has no score, or no completed run: it failed, is pending, or is not there."""
    known = frame[frame["score"].notna() if by == "score" else frame["status"] == "completed"]
    complete = known.groupby("pair")["variant"].nunique() == len(variants)
    return frame["pair"].nunique() - int(complete.sum())


@dataclass(frozen=True, slots=True)
class _Cell:
    """What one variant did on one row."""

    completed: bool = False
    output: Any = None
    score: float = float("nan")
    seconds: float = float("nan")


_NO_CELL: Final = _Cell()


def _cells(frame: pd.DataFrame) -> dict[tuple[Any, str], _Cell]:
    outputs: dict[tuple[Any, str], Any] = {}
    scores: dict[tuple[Any, str], list[float]] = {}
    seconds: dict[tuple[Any, str], list[float]] = {}
    columns = ["pair", "variant", "status", "output", "score", "seconds"]
    for pair, variant, status, output, score, elapsed_s in frame[columns].itertuples(index=False, name=None):
        at = (pair, variant)
        if status == "completed" and at not in outputs:
            outputs[at] = output
        scores.setdefault(at, []).extend([score] if score == score else [])
        seconds.setdefault(at, []).extend([elapsed_s] if elapsed_s == elapsed_s else [])
    return {at: _Cell(at in outputs, outputs.get(at), _mean(scores[at]), _mean(seconds[at])) for at in scores}


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else float("nan")


def _column(name: str, values: list[Any]) -> pd.Series[Any]:
    if name.endswith((".output", "expected_output")):
        return object_series(values)
    return pd.Series(values, dtype="bool" if name.endswith("_differ") else None)


def _spelt(output: Any) -> str:
    """Return an output as a text to tell outputs apart by; blanks around a text do not count."""
    if output is None:
        return ""
    try:
        return canonical_json(output.strip() if isinstance(output, str) else output)
    except (TypeError, ValueError):
        return repr(output)
