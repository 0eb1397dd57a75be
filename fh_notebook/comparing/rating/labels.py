"""Labels of people by which a judge's scores are corrected: the question, the labels of a frame, and what they show.

Rows are drawn by chance: rows that look interesting are those on which a judge errs, and labels of those would say that
it errs as often on all. The labels are in the unit of the judge's scores: right and wrong are 1 and 0, the points of a
scale lie evenly between the bounds of the score.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any, Final

import numpy as np
import pandas as pd

from fh_notebook.comparing.data import ComparisonData, no_variant
from fh_notebook.comparing.stats.correction import FEWEST_LABELS, JudgeErrors, correct_mean, judge_errors, labels_needed
from fh_notebook.comparing.stats.grid import Grid
from fh_notebook.comparing.stats.intervals import (
    Numbers,
    interval_of_share_difference,
    intervals_of_differences,
)
from fh_notebook.comparing.stats.number_format import difference_size, difference_text, figure, percent
from fh_notebook.core.text.formatting import in_words, short
from fh_notebook.core.text.messages import counted
from fh_notebook.errors import InputError

ANSWERS: Final = ("right", "wrong")
"""The answers of a label of yes/no scores."""

SCALE: Final = 5
"""Points of a scale for scores that are numbers, where nothing else is asked for."""

_LENGTH_ALPHA: Final = 0.05


def question_of_labels(data: ComparisonData, scale: int | None) -> tuple[int | None, tuple[str, ...] | None]:
    """Return the scale or the answers by which outputs are labelled."""
    check_correctable(data)
    if data.grid.yes_no and scale is None:
        return None, ANSWERS
    return SCALE if scale is None else scale, None


def check_correctable(data: ComparisonData) -> None:
    """Raise where there is no judge's score of single outputs."""
    if data.label_grid is not None:
        raise InputError("this comparison is one of cmp.corrected(); correct the comparison that it was made from")
    if not data.scorer or data.rated or data.preferences is not None:
        raise InputError("labels correct the scores of a judge or of another scorer; compare with score= first")


def labels_of_ratings(data: ComparisonData, rated: ComparisonData, scale: int | None) -> Numbers:
    """Return the label of each run, in the unit of the scores; NaN where there is none."""
    values = rated.runs.lines["score"].to_numpy(dtype="float64")
    if scale is None:
        return values
    low, high = data.runs.lines.attrs.get("bounds") or (1.0, float(scale))
    return np.asarray(low + (values - 1) / (scale - 1) * (high - low))


def labels_of_frame(data: ComparisonData, frame: pd.DataFrame) -> Numbers:
    """Return the label of each run from a frame with the columns ``row``, ``variant`` and ``label``.

    ``row`` may also be called as the column that pairs. Several labels of a run are averaged.
    """
    row = data.pair_on if data.pair_on in frame.columns else "row"
    if missing := [name for name in (row, "variant", "label") if name not in frame.columns]:
        raise InputError(f"labels has no column {short(missing[0])}; it needs 'row', 'variant' and 'label'")
    if unknown := [name for name in frame["variant"].unique() if name not in data.variants]:
        raise InputError(no_variant(unknown[0], data.variants))
    lines = data.runs.lines
    known = set(lines["pair"])
    if strange := [label for label in frame[row] if label not in known]:
        raise InputError(f"labels has the row {short(strange[0])}, which is not in the comparison")
    values = pd.to_numeric(frame["label"], errors="coerce").astype("float64")
    if (bad := values.isna() & frame["label"].notna()).any():
        raise InputError(
            f"the label {short(frame['label'][bad].iloc[0])} is not a number; give true, false or a number"
        )
    means = values.groupby([frame[row], frame["variant"]]).mean()
    places = zip(lines["pair"], lines["variant"], strict=True)
    return np.array([means.get(place, math.nan) for place in places], dtype="float64")


def with_labels(data: ComparisonData, labels: Numbers) -> ComparisonData:
    """Return the comparison with its scores corrected by labels."""
    check_correctable(data)
    lines = data.runs.lines.assign(label=labels)
    if data.failed == "zero":  # people agree that there is no answer
        of_drawn = lines["pair"].isin(lines["pair"][lines["label"].notna()])
        lines.loc[of_drawn & (lines["status"] == "failed"), "label"] = 0.0
    notes = list(lines.attrs.get("notes", ()))
    lines.attrs = {**data.runs.lines.attrs, "notes": notes}
    names = tuple(name for name in data.runs.names if name != data.scorer)  # a column of scores is none of the rows
    runs = replace(data.runs, lines=lines, names=names, scorer=f"{data.scorer}, corrected by labels")
    corrected = replace(data, runs=runs)
    errors = errors_of(corrected)
    if few := [error for error in errors if error.labels < FEWEST_LABELS]:
        raise InputError(
            f"{few[0].variant} has {counted(few[0].labels, 'label')} of rows that are scored; each variant needs "
            f"at least {FEWEST_LABELS}: cmp.label(n=40)"
        )
    notes += [_agreement_note(errors, corrected), *_favoured(corrected), *_length_note(corrected)]
    return corrected


def errors_of(data: ComparisonData) -> list[JudgeErrors]:
    """Return how the judge's scores of each variant compare with the labels."""
    human = _labels_of(data)
    return [judge_errors(data.grid, human, variant) for variant in data.variants]


def _labels_of(data: ComparisonData) -> Grid:
    """Return the labels by which a comparison is corrected."""
    if data.label_grid is None:
        raise InputError("this comparison has no labels; cmp.corrected() has them after cmp.label()")
    return data.label_grid


def errors_table(data: ComparisonData) -> pd.DataFrame:
    """Return :func:`errors_of` as a table, one line a variant."""
    return pd.DataFrame(
        [
            {name: getattr(error, name) for name in JudgeErrors.__dataclass_fields__}
            for error in errors_of(data)
        ]
    )  # fmt: skip


def needed_table(data: ComparisonData, width: float) -> pd.DataFrame:
    """Return about how many labels of each variant make its interval so wide (see ``Comparison.labels_needed``)."""
    if not (math.isfinite(width) and width > 0):
        raise InputError("width must be above 0; it is the width of an interval: for a share, 0.05 is five points")
    human, lines = _labels_of(data), []
    for variant in data.variants:
        rows = correct_mean(data.grid, human, variant)
        present = rows.interval.high - rows.interval.low
        lines.append((variant, rows.labels, present, labels_needed(rows, width)))
    return pd.DataFrame(lines, columns=["variant", "labels", "width", "needed"])


def _agreement_note(errors: list[JudgeErrors], data: ComparisonData) -> str:
    human = _labels_of(data)
    rows = int((~np.isnan(human.means)).any(axis=1).sum())
    is_share = human.yes_no and data.grid.yes_no
    what = "agrees with people on" if is_share else "correlates with people by"
    text = {error.variant: (percent if is_share else figure)(error.agreement) for error in errors}
    of = in_words([f"{share} ({variant})" for variant, share in text.items()], "and")
    return (
        f"Means, differences and tests are corrected by the labels of {counted(rows, 'row')} (prediction-powered "
        f"inference); the judge {what} {of}."
    )


def _favoured(data: ComparisonData) -> Iterator[str]:
    """Yield a warning for each pair of variants of which the judge favours one, beyond chance."""
    human = _labels_of(data)
    errors = data.grid.means - human.means
    for first, second in combinations(range(len(data.variants)), 2):
        gap = errors[:, second] - errors[:, first]
        gap = gap[~np.isnan(gap)]
        if len(gap) < FEWEST_LABELS:
            continue
        is_share = human.yes_no and data.grid.yes_no
        if is_share:
            size = max(1.0, float(np.abs(gap).max()))  # an error of each variant in opposite directions is 2
            interval = interval_of_share_difference(gap / size, len(gap))
            low, high = size * interval.low, size * interval.high
        else:
            low, high, _ = intervals_of_differences([gap])[0]
        if low > 0 or high < 0:
            favoured, other = (second, first) if low > 0 else (first, second)
            low, high = sorted((abs(low), abs(high)))
            yield (
                f"The judge favours {data.variants[favoured]} over {data.variants[other]} by "
                f"{difference_text(abs(gap.mean()), share=is_share)} (95 % interval "
                f"{difference_size(low, share=is_share)} to {difference_size(high, share=is_share)}), which the "
                "correction removes."
            )


def _length_note(data: ComparisonData) -> Iterator[str]:
    """Yield a warning where the judge's error grows or falls with the length of the output, beyond chance."""
    from scipy import special

    lines = data.lines
    error = (lines["score"] - lines["label"]).to_numpy(dtype="float64")
    known = ~np.isnan(error) & lines["output"].notna().to_numpy()
    n = int(known.sum())
    if n < FEWEST_LABELS:
        return
    lengths = lines["output"][known].map(lambda output: len(str(output))).to_numpy(dtype="float64")
    of_error, of_length = (pd.Series(values).rank().to_numpy() for values in (error[known], lengths))
    if of_error.std() == 0 or of_length.std() == 0:
        return
    r = float(np.corrcoef(of_error, of_length)[0, 1])
    t = r * math.sqrt((n - 2) / max(1 - r * r, 1e-12))
    if 2 * float(special.stdtr(n - 2, -abs(t))) < _LENGTH_ALPHA:
        yield (
            f"The judge's scores are too {'high' if r > 0 else 'low'} for long outputs (rank correlation of its error "
            f"with the length {figure(r)} on {counted(n, 'labelled output')})."
        )


def rows_drawn(n: Any) -> int:
    """Return how many rows are to be labelled."""
    if not isinstance(n, int) or isinstance(n, bool) or n < FEWEST_LABELS:
        raise InputError(f"n is {short(n)}; give a number of rows, at least {FEWEST_LABELS}")
    return n
