"""`ScaledComparison`: `fh.compare` over partitions. Rows are scored where they are; only sums reach the notebook.

With few rows, each number is that of a table in memory, except for the order in which a bootstrap draws. With more than
`EXACT_ROWS`, intervals come from the Poisson bootstrap and ranks are tested from counted differences, and the table
says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from fh_notebook.batching.batch import Batch
from fh_notebook.batching.rendering import frame_text
from fh_notebook.batching.tables.expected_overlay import Overlay
from fh_notebook.batching.tables.rows import EXPECTED
from fh_notebook.comparing.data import check_failed, check_zero
from fh_notebook.comparing.report.display import STYLE, SummaryData, summary_cells, summary_html, title_of
from fh_notebook.comparing.scorers.runner import pinned
from fh_notebook.comparing.sources import read_source
from fh_notebook.comparing.stats.clusters import connected_pairs, distinct_text, note_of, question_hashes
from fh_notebook.comparing.stats.hypothesis_tests import FEWEST_PAIRS, FLIPPED_TO, mcnemar_exact, p_permutation
from fh_notebook.comparing.stats.intervals import (
    MANY_ROWS,
    Interval,
    ScoreRange,
    blaker_interval,
    interval_of_mean,
    interval_of_share,
    interval_of_share_difference,
)
from fh_notebook.comparing.stats.pairs import Pair, compare_variants, correct_for_tests, pairs_table
from fh_notebook.comparing.stats.summary import SummaryLine, summary_table
from fh_notebook.comparing.verdicts.best import best_groups
from fh_notebook.comparing.verdicts.verdict import failed_note, span_note, verdict, winner
from fh_notebook.core.config import settings
from fh_notebook.core.text import html
from fh_notebook.core.text.html import colours_of
from fh_notebook.core.text.messages import counted
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.scaling.sums import PairSum, Sums, ValueCounts, VariantSum, poisson_interval, sums_of, wilcoxon_of
from fh_notebook.session import session

EXACT_ROWS: Final = MANY_ROWS
"""Up to so many rows the scores themselves are added up."""
FAN_IN: Final = 16
"""Sums that are added in one task."""
_SCORES: Final = {"pair": "object", "variant": "object", "status": "object", "score": "float64"}
"""The columns of `ScaledComparison.scores`."""
_LABEL: Final = "fh_cluster"
"""A column for the time of a shuffle."""


def compare(source: Any, *, score: Any, pair_on: str, failed: str) -> ScaledComparison:
    """Return the comparison of a batch over partitions, or of a ``dask.dataframe``."""
    check_failed(failed)
    is_batch = isinstance(source, Batch)
    frame = source.frame if is_batch else source
    for needed in (pair_on, "variant"):
        if needed not in frame.columns:
            raise InputError(f"the column {needed!r} is missing; compare needs it")
    if not (is_batch and pair_on == "row"):
        frame = _with_whole_rows(frame, pair_on)
    frame = _with_whole_clusters(frame, pair_on)
    score = pinned(score)
    sums = _total_sums(frame, score, pair_on, failed)
    check_zero(failed, sums.scorer, lower=sums.lower)
    note = _uncorrected_note(source) if is_batch else ""
    known = session.known_variants(source.plan().deployments) if is_batch else ()
    return ScaledComparison(sums, frame, score=score, pair_on=pair_on, failed=failed, note=note, known=known)


def _uncorrected_note(batch: Batch) -> str:
    """Return the note that corrections are left out; empty where there are none of the deployment.

    A correction is found by the hash of a row's inputs, and the files of the partitions have no inputs of their own.
    """
    if batch.plan().deployment not in Overlay.read(batch.workspace, None).deployments:
        return ""
    return f"Corrections of {EXPECTED} are left out: a batch over partitions is scored by the values of its table."


def _with_whole_rows(frame: Any, pair_on: str) -> Any:
    """Return the frame with all lines of a row in one partition: shuffled, where that is not so."""
    import dask

    marks = [dask.delayed(_marks)(part, pair_on) for part in frame.to_delayed()]
    row_hashes = dask.compute(*marks)
    total = sum(len(mark) for mark in row_hashes)
    return frame if len(np.unique(np.concatenate(row_hashes))) == total else frame.shuffle(pair_on)


def _with_whole_clusters(frame: Any, pair_on: str) -> Any:
    """Return the frame with rows that ask the same in one partition: shuffled, where that is not so.

    What is asked in several partitions is found first; then all pairs that are tied to it come together.
    """
    if "key" not in frame.columns:
        return frame
    import dask

    parts = frame[list(dict.fromkeys((pair_on, "variant", "key")))].to_delayed()
    calls = dask.compute(*(dask.delayed(_distinct_calls)(part, pair_on) for part in parts))
    distinct, times = np.unique(np.concatenate(calls), return_counts=True)
    shared = distinct[times > 1]
    if not len(shared):
        return frame
    tied = dask.compute(*(dask.delayed(_tied)(part, pair_on, shared) for part in parts))
    lines, of_lines = (np.concatenate(of) for of in zip(*tied, strict=True))
    pairs, first = np.unique(lines, return_index=True)
    together = _TiedPairs(pairs, connected_pairs(lines, of_lines)[first])
    meta = frame._meta.assign(**{_LABEL: np.zeros(0, dtype=np.uint64)})
    return frame.map_partitions(_labelled, pair_on, together, meta=meta).shuffle(_LABEL).drop(columns=_LABEL)


class _TiedPairs(NamedTuple):
    """The pairs that are tied over partitions."""

    pairs: Any
    """Sorted, by their numbers."""
    tied: Any
    """A number for each that those have which are tied to it."""


def _of(part: pd.DataFrame, pair_on: str) -> Any:
    return question_hashes(part[pair_on].tolist(), part["variant"].astype(str), part["key"])


def _distinct_calls(part: pd.DataFrame, pair_on: str) -> Any:
    _, calls = _of(part, pair_on)
    return np.unique(calls[calls != 0])


def _tied(part: pd.DataFrame, pair_on: str, shared: Any) -> Any:
    """Return the lines, as numbers, of the pairs of a partition that are tied to what others ask as well."""
    pairs, calls = _of(part, pair_on)
    tied = connected_pairs(pairs, calls)
    touched = np.isin(tied, tied[np.isin(calls, shared)])
    return pairs[touched], calls[touched]


def _labelled(part: pd.DataFrame, pair_on: str, together: _TiedPairs) -> pd.DataFrame:
    pairs, calls = _of(part, pair_on)
    index = np.searchsorted(together.pairs, pairs).clip(max=len(together.pairs) - 1)
    # What is tied in this partition only stays together, too.
    tied = np.where(together.pairs[index] == pairs, together.tied[index], connected_pairs(pairs, calls))
    return part.assign(**{_LABEL: tied})


def _marks(part: pd.DataFrame, pair_on: str) -> Any:
    return np.unique(pd.util.hash_array(part[pair_on].astype(object).to_numpy()))


def _total_sums(frame: Any, score: Any, pair_on: str, failed: str) -> Sums:
    import dask

    parts = [dask.delayed(_sums, pure=False)(part, score, pair_on, failed) for part in frame.to_delayed()]
    while len(parts) > 1:
        parts = [dask.delayed(_plus, pure=False)(parts[i : i + FAN_IN]) for i in range(0, len(parts), FAN_IN)]
    (total,) = dask.compute(*parts)
    sums: Sums = total
    return sums


def _sums(part: pd.DataFrame, score: Any, pair_on: str, failed: str) -> Sums:
    if not len(part):
        return Sums()
    scored = read_source(_with_parts(part, score), score=score, pair_on=pair_on)
    lines = scored.lines
    if failed == "zero" and scored.scorer:
        lines = lines.assign(score=lines["score"].where(lines["status"] != "failed", 0.0))
    lower = bool(scored.lines.attrs.get("lower_is_better", False))
    return sums_of(lines, scorer=scored.scorer, lower=lower, few=EXACT_ROWS)


def _with_parts(part: pd.DataFrame, score: Any) -> pd.DataFrame:
    """Return the lines with the column ``out.<name>`` that is the score: the lazy frame has none of them."""
    if not isinstance(score, str) or not score.startswith("out.") or score in part.columns or "output" not in part:
        return part
    name = score.removeprefix("out.")
    values = [o.get(name) if isinstance(o, dict) else None for o in part["output"]]
    return part.assign(**{score: pd.Series(values, index=part.index, dtype="object").infer_objects()})


def _plus(parts: Sequence[Sums]) -> Sums:
    total = parts[0]
    for more in parts[1:]:
        total = total.plus(more, EXACT_ROWS)
    return total


class ScaledComparison:
    """What :func:`fh_notebook.compare` found over partitions.

    Attributes
    ----------
    scorer : str
        What scored; empty when nothing did.
    variants : list of str
        In the order in which they first appear.
    failed : str
        What a failed run counts as.
    """

    def __init__(
        self,
        sums: Sums,
        frame: Any,
        *,
        score: Any,
        pair_on: str,
        failed: str,
        note: str = "",
        known: Sequence[str] = (),
    ) -> None:
        self._note = note
        self._known = known
        self.scorer = sums.scorer
        self.variants = list(sums.variants)
        self.failed = failed
        self.pair_on = pair_on
        self._sums = sums
        self._lines = frame
        self._score = score

    def scores(self) -> Any:
        """Return a lazy ``dask.dataframe`` of ``pair``, ``variant``, ``status`` and ``score``, one line a run."""
        return self._lines.map_partitions(_scores, self._score, self.pair_on, meta=_no_scores())

    def summary(self) -> pd.DataFrame:
        """Return one line a variant, as ``Comparison.summary``; medians and seconds to a part in 2,000 or so."""
        return summary_table(self._summary_lines, price=settings.current().price_per_call)

    @cached_property
    def _summary_lines(self) -> list[SummaryLine]:
        return [_summary_line(name, total, self._sums.within) for name, total in self._sums.variants.items()]

    def pairs(self) -> pd.DataFrame:
        """Return one line for every two variants, as ``Comparison.pairs``."""
        return pairs_table(self._pairs)

    @cached_property
    def _pairs(self) -> list[Pair]:
        yes_no, within = all(total.yes_no for total in self._sums.variants.values()), self._sums.within
        results = [
            _pair(a, b, s, yes_no=yes_no, lower=self._sums.lower, within=within)
            for (a, b), s in self._sums.pairs.items()
        ]
        return correct_for_tests(results)

    @property
    def verdict(self) -> str:
        """What can be said of the variants, in one sentence."""
        said = verdict(
            self._summary_lines, self._pairs, scorer=self.scorer, lower=self._sums.lower, is_share=self._yes_no
        )
        return html.Sentence(said, self.variants)

    @property
    def notes(self) -> list[str]:
        """What must be said beside the numbers."""
        variants = self._sums.variants.values()
        alike = note_of(self._row_count, self._distinct_count)
        notes = [note for note in (alike, *self._sums.notes, self._note) if note]
        if self.scorer and (failed := sum(v.failed for v in variants)):
            notes.append(failed_note(failed, self.failed))
        if errors := sum(v.errors for v in variants):
            notes.append(
                f"{counted(errors, 'score')} {'is' if errors == 1 else 'are'} missing because of an error of the "
                "scorer."
            )
        moments = [m for m in (self._sums.first_at, self._sums.last_at) if m is not None]
        span = span_note(pd.Series(moments)) if moments else ""
        return [*notes, *([span] if span else [])]

    @property
    def _row_count(self) -> int:
        return max((total.copies for total in self._sums.variants.values()), default=0)

    @property
    def _distinct_count(self) -> int:
        return max((total.rows for total in self._sums.variants.values()), default=0)

    def report(self, *_: Any, **__: Any) -> Any:
        """Refuse: it is made of rows, of which there are too many."""
        raise SettingsError(
            "this needs single rows, and they are in many partitions; compare some of them: "
            "fh.compare(batch.frame.partitions[0].compute(), ...)"
        )

    wide = disagreements = slice = diff = browse = plot = report
    long = __arrow_c_stream__ = parts = score_errors = classes = repeats = report
    correct = corrections = write_corrected = report
    rate = rated = ratings = agreement = label = corrected = report
    to_mlflow = to_inspect = judge_errors = labels_needed = report
    leaderboard = best = tradeoff = power = assert_better = assert_not_worse = is_equivalent = report
    add_score = rescore = by = report

    @property
    def _yes_no(self) -> bool:
        return all(total.yes_no for total in self._sums.variants.values())

    def _summary_data(self) -> SummaryData:
        """Return what the table of the summary is made of: best first, else by failures, then seconds."""
        table, sums = self.summary(), self._sums.variants
        table["rows"] = [line.rows for line in self._summary_lines]
        runs = {name: self._count_runs(total) for name, total in sums.items()}
        order = [table["mean"] if self._sums.lower else -table["mean"], table["failed"] / table["variant"].map(runs)]
        best_first = np.lexsort([table["p50_s"], *reversed(order)])
        return SummaryData(
            summary=table.iloc[best_first].reset_index(drop=True),
            colours=colours_of(self.variants, self._known),
            winner=winner(self._summary_lines, self._pairs),
            yes_no=bool(self.scorer) and self._yes_no,
            is_scored=bool(self.scorer),
            lower=self._sums.lower,
            runs=runs,
            groups=best_groups(self._summary_lines, self._pairs) if self.scorer else {},
            completed={name: total.seconds.n for name, total in sums.items()},
        )

    def _count_runs(self, total: VariantSum) -> int:
        """Return the runs of a variant; failed ones that count as 0 are among those with a score."""
        is_counted = self.failed == "zero" and bool(self.scorer)
        return total.scored + total.missing + (0 if is_counted else total.failed)

    def _head(self) -> str:
        return title_of(self.variants, distinct_text(self._row_count, self._distinct_count), self.scorer)

    def __repr__(self) -> str:
        facts = self._summary_data()
        heads, lines = summary_cells(facts)
        table = frame_text(pd.DataFrame(lines, columns=heads), heads)
        return "\n".join(
            [self.verdict, f"Comparison of {self._head()}", table, *filter(None, [facts.best_set]), *self.notes]
        )

    def _repr_html_(self) -> str:
        notes = [html.sentence("li", note, self.variants) for note in self.notes]
        return html.el(
            "div",
            html.STYLE,
            STYLE,
            html.sentence("div", self.verdict, self.variants, cls="fh-say"),
            html.el("div", f"Comparison of {self._head()}", cls="fh-about fh-dim"),
            summary_html(self._summary_data()),
            html.el("ul", *notes, cls="fh-notes fh-dim") if notes else None,
            cls="fh",
        )


def _scores(part: pd.DataFrame, score: Any, pair_on: str) -> pd.DataFrame:
    if not len(part):
        return _no_scores()
    return read_source(_with_parts(part, score), score=score, pair_on=pair_on).lines[list(_SCORES)]


def _no_scores() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in _SCORES.items()})


# --- from sums to numbers


def _summary_line(name: str, total: VariantSum, within: ScoreRange) -> SummaryLine:
    bounds = _interval_of(total, within)
    return SummaryLine(
        variant=name, n=total.scored, missing=total.missing, failed=total.failed, charged=total.charged,
        mean=total.total / total.rows if total.rows else math.nan, ci_low=bounds.low, ci_high=bounds.high,
        median=total.means.quantile(0.5), p50_s=total.seconds.quantile(0.5), p95_s=total.seconds.quantile(0.95),
        interval=bounds.rule, rows=total.rows,
    )  # fmt: skip


def _interval_of(total: VariantSum, within: ScoreRange) -> Interval:
    if total.rows <= EXACT_ROWS:
        means = total.means.expanded()
        return interval_of_share(means, total.lines) if total.yes_no else interval_of_mean(means, within=within)
    if not total.yes_no:
        return Interval(*poisson_interval(total.means), "poisson")
    if total.lines <= total.rows:
        return Interval(*blaker_interval(total.total, total.rows), "blaker")
    share = min(max(total.total / total.rows, 0.0), 1.0)
    variance = max(0.0, total.squares / total.rows - share * share) / (total.rows - 1)
    trials = min(max(share * (1 - share) / variance, total.rows), total.lines) if variance > 0 else float(total.rows)
    return Interval(*blaker_interval(share * trials, trials), "blaker, clustered")


def _pair(a: str, b: str, total: PairSum, *, yes_no: bool, lower: bool, within: ScoreRange) -> Pair:
    if total.few is not None:
        behind = (total.rows, total.lines)
        return compare_variants(a, b, *total.few, yes_no=yes_no, behind=behind, lower=lower, within=within)
    n, differences = total.n, total.differences
    difference = (total.total_b - total.total_a) / n
    bounds = Interval(*poisson_interval(differences), "poisson")
    if yes_no:
        bounds = interval_of_share_difference(differences.values, total.lines, counts=differences.counts)
    ranked, effect = wilcoxon_of(
        ValueCounts(-differences.values[::-1], differences.counts[::-1]) if lower else differences
    )
    is_binary = yes_no and bool(np.isin(differences.values, (-1.0, 0.0, 1.0)).all())
    # The sum of flipped differences is normal to many digits here (as in `paired.p_permutation`).
    spread = total.squares - n * difference * difference
    flipped = math.erfc(abs(difference) * n / math.sqrt(2 * total.squares)) if total.squares else 1.0
    moved = ValueCounts(differences.values[differences.values != 0], differences.counts[differences.values != 0])
    if moved.n <= FLIPPED_TO:
        flipped = p_permutation(moved.expanded())
    return Pair(
        a=a, b=b, n=n, mean_a=total.total_a / n, mean_b=total.total_b / n, difference=difference, ci_low=bounds.low,
        ci_high=bounds.high, wins=total.wins, ties=n - total.wins - total.losses, losses=total.losses,
        test="none" if n < FEWEST_PAIRS else "mcnemar_exact" if is_binary else "wilcoxon",
        p=mcnemar_exact(total.wins, total.losses) if is_binary else ranked, effect=effect,
        p_permutation=mcnemar_exact(total.wins, total.losses) if is_binary else flipped, interval=bounds.rule,
        spread=math.sqrt(max(0.0, spread) / (n - 1)) if n > 1 else math.nan, rows=total.rows, lower=lower,
        is_share=yes_no,
    )  # fmt: skip
