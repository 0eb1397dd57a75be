"""Verdict and notes of a comparison: sentences that claim no more than the numbers.

"Beats" needs a significant test after Holm's correction, and an interval of the difference that agrees with it;
anything less is "not clear yet", with the number of rows that are missing. A note, one line each, states what was left
out, counted differently, or may have changed in the meantime.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import numpy as np
import pandas as pd

from fh_notebook.batching.tables.rows import EXPECTED
from fh_notebook.comparing.data import ComparisonData, ScoredRuns
from fh_notebook.comparing.stats.best import beaten_by
from fh_notebook.comparing.stats.classes import ConfusionRows
from fh_notebook.comparing.stats.clusters import distinct_text, note_of
from fh_notebook.comparing.stats.hypothesis_tests import FEWEST_PAIRS
from fh_notebook.comparing.stats.number_format import (
    about,
    difference_size,
    difference_text,
    p_text,
    percents,
    points,
    share_head,
    share_text,
)
from fh_notebook.comparing.stats.pairs import ALPHA, CORRECTED, Pair, rows_needed, tested_in
from fh_notebook.comparing.stats.summary import SummaryLine
from fh_notebook.contract.output import json_value
from fh_notebook.core.text.formatting import CHOICES_CAP, figures, in_words, short
from fh_notebook.core.text.messages import PYTHON, Audience, Phrase, counted

LONG: Final = timedelta(hours=24)
"""If answers span more than a day, an editor may have changed a variant in between."""


_SCORE_ERRORS: Final = Phrase(": cmp.score_errors()", command="")
"""Hint to the errors of a scorer."""


_CORRECTIONS: Final = Phrase(" (cmp.corrections())", command="")
"""Hint to the list of corrections."""


def notes_of(data: ComparisonData, audience: Audience = PYTHON) -> tuple[str, ...]:
    """Return the notes of a comparison, worded for `audience`."""
    lines = data.lines
    notes = [note_of(data.row_count, data.distinct_count), *data.runs.notes]
    notes += lines.attrs.get("notes", ())  # by the scorer itself, such as a judge's bias
    if data.scorer and (failed_count := int((lines["status"] == "failed").sum())):
        notes.append(failed_note(failed_count, data.failed, audience))
    notes += [
        _missing_note(lines, data.scorer, audience),
        _objects_note(data),
        _corrections_note(data.runs, audience),
        span_note(lines["started_at"]),
        macro_note(data),  # the foot note of a heading
    ]
    return tuple(note for note in notes if note)


def failed_note(count: int, failed: str, audience: Audience = PYTHON) -> str:
    """Return the note on `count` failed runs: what they count as."""
    runs, is_one = counted(count, "failed run"), count == 1
    if failed == "zero":
        return f"{runs} {'counts' if is_one else 'count'} as 0 (failed='zero')."
    hint = Phrase(f" To count {'it' if is_one else 'them'} as 0: fh.compare(..., failed='zero').", command="")
    return f"{runs} {'is' if is_one else 'are'} left out.{hint.text(audience)}"


def _missing_note(lines: pd.DataFrame, scorer: str, audience: Audience) -> str:
    if not scorer:
        return ""
    lacking = lines[lines["score"].isna() & (lines["status"] != "failed")]
    if lacking.empty:
        return ""
    errors = int(lacking["score_error"].notna().sum())
    status_counts = lacking[lacking["score_error"].isna()]["status"].value_counts()
    reasons = [(errors, f"by an error of the scorer{_SCORE_ERRORS.text(audience)}")] if errors else []
    status_texts = {
        "completed": "because there is nothing to score by",
        "unknown": "because the outcome of the call is unknown: it may have run",
        "pending": "because the call was not sent",
    }
    reasons += [(number, status_texts.get(str(status), str(status))) for status, number in status_counts.items()]
    missing = f"{counted(len(lacking), 'score')} {'is' if len(lacking) == 1 else 'are'} missing"
    if len(reasons) == 1:
        return f"{missing} {reasons[0][1]}."
    return f"{missing} ({'; '.join(f'{number:,} {reason}' for number, reason in reasons)})."


FEW_OF_LABEL: Final = 5
"""With fewer rows of a label, one answer moves its F1 by a fifth or more, and macro F1 with it."""


MACRO_MARK: Final = " *"
"""Behind what a note that begins with it is of."""


def macro_note(data: ComparisonData) -> str:
    """Return the note on macro F1: what it is, which labels have few rows, and that corrections move it."""
    if not (class_rows := data.class_rows):
        return ""
    few, corrected = _few_rows_text(class_rows), data.runs.correction_counts[0]
    moved = ", so that one corrected row may move it more than the share that is right" if corrected else ""
    what = "the mean over the labels of F1 (the harmonic mean of precision and recall)"
    return f"{MACRO_MARK.strip()} Macro F1: {what}; each label has the same weight, however few its rows{few}{moved}."


def _few_rows_text(class_rows: Mapping[str, ConfusionRows]) -> str:
    """Return which labels have few rows; empty where no label, or every one, has few."""
    labels = next(iter(class_rows.values())).labels
    counts = np.max([rows.table.sum(axis=1) for rows in class_rows.values()], axis=0)
    few = {label: int(count) for label, count in zip(labels, counts, strict=True) if 0 < count < FEW_OF_LABEL}
    if not few or len(few) == len(labels):
        return ""
    shown = [f"{short(label)} has {counted(count, 'row')}" for label, count in [*few.items()][:CHOICES_CAP]]
    more = [counted(len(few) - len(shown), "more label")] if len(few) > len(shown) else []
    return f" ({in_words([*shown, *more], 'and')})"


def _objects_note(data: ComparisonData) -> str:
    """Return the note on JSON objects that are compared as a whole, where none of them is right."""
    scores = data.lines["score"].dropna()
    if not data.scorer.startswith("exact(") or data.runs.scored_path or scores.empty or scores.max() > 0:
        return ""
    answers = [json_value(output) for output in data.lines.loc[scores.index, "output"]]
    if not all(isinstance(answer, Mapping) for answer in answers):
        return ""
    key = next((short(key) for answer in answers for key in answer), "'label'")
    return f"All outputs are JSON objects and none is right as a whole; to score one field: fh.score.exact(path={key})."


def _corrections_note(runs: ScoredRuns, audience: Audience) -> str:
    """Return the note on how many corrections of expected outputs apply, and how many no longer do."""
    applied, outdated = runs.correction_counts
    if not applied and not outdated:
        return ""
    of = f"of {EXPECTED}"
    parts = [f"{counted(applied, 'correction')} {of} {'applies' if applied == 1 else 'apply'}"] if applied else []
    if outdated:
        count = f"{outdated:,}" if applied else f"{counted(outdated, 'correction')} {of}"
        parts.append(f"{count} no longer {'applies' if outdated == 1 else 'apply'}, since the table has another value")
    return f"{'; '.join(parts)}{_CORRECTIONS.text(audience)}."


def span_note(moments: pd.Series[Any], of: str = "The answers") -> str:
    """Return the note on answers that span a long time; empty where they do not."""
    times = moments.dropna()
    if times.empty or (last := times.max()) - (first := times.min()) <= LONG:
        return ""
    days = (last - first) / timedelta(days=1)
    return (
        f"{of} were taken over {days:.1f} days ({first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC): a"
        " live variant may have changed in that time."
    )


MANY_TIMES: Final = 1_000
"""A difference that needs this many times the rows is not worth looking for."""


def verdict_of(data: ComparisonData) -> str:
    """Return the verdict of a comparison in one sentence."""
    sentence = verdict(
        data.summary_lines,
        data.pairs,
        scorer=data.scorer,
        error=next(filter(None, data.lines["score_error"].tolist()), ""),
        dated=data.variant_pairs is not None,
        lower=data.lower,
        completed="completed" in data.lines["status"].tolist(),
        is_share=data.is_share,
        preferred=data.preferences is not None,
    )
    return f"{data.runs.caution}: {sentence}" if data.runs.caution else sentence


def verdict(
    summary: Sequence[SummaryLine],
    pairs: Sequence[Pair],
    *,
    scorer: str,
    error: str = "",
    dated: bool = False,
    lower: bool = False,
    completed: bool = True,
    is_share: bool = False,
    preferred: bool = False,
) -> str:
    """Return the result in one sentence, with few terms of statistics; every surface shows the same."""
    if not scorer and completed:
        return (
            "No score: expected_output is missing and score= was not given, so only failures and seconds are compared."
        )
    scored_lines = _best_first(summary, lower)
    if not scored_lines and not completed:
        return "No run has completed, so there is nothing to compare."
    if not scored_lines:
        return f"No run could be scored by {scorer}{f': {error}' if error else ''}."
    names = [line.variant for line in scored_lines]
    if len(names) == 1:
        runs = counted(scored_lines[0].n, "run")
        others = [line.variant for line in summary if line.variant != names[0]]
        lacking = f"{in_words(others, 'and')} {'has' if len(others) == 1 else 'have'} no score" if others else ""
        mean = scored_lines[0].mean
        sentence = f"{names[0]} scores {_means_format(summary)(mean)} by {scorer} on {runs}"
        if is_share:
            share = percents(scored_lines[0].n)(mean)
            sentence = f"{names[0]} is {share_head(lower=lower)} on {share} of {runs} by {scorer}"
        return f"{sentence}; {lacking or 'there is none to compare with'}."
    if dated:
        return " ".join(of_pair(_better_last(pair), pairs) for pair in pairs)
    told = _plain_result(summary, pairs, lower=lower, preferred=preferred)
    best = _pair_of_best(names, pairs)
    if told and (preferred or best is None or winner(summary, pairs) == best.b):
        return told
    if best is None:
        return f"{names[0]} scores best by {scorer}; no two variants have a row in common."
    of_best = [pair for pair in pairs if best.b in (pair.a, pair.b) and best.a not in (pair.a, pair.b)]
    beaten = [turned.a for pair in of_best if (turned := pair if pair.b == best.b else pair.turned()).is_better()]
    verb = "is better than" if told else "beats"
    more = f" {best.b} {verb} {in_words(beaten, 'and')}." if beaten else ""
    return f"{told or of_pair(best, pairs)}{more}"


def _better_last(pair: Pair) -> Pair:
    """Return the pair with the better mean as `b`."""
    return pair.turned() if pair.lead <= 0 else pair


def _pair_of_best(names: Sequence[str], pairs: Sequence[Pair]) -> Pair | None:
    """Return the pair of the two best means that were compared with each other, the better one as `b`."""
    rank = {name: index for index, name in enumerate(names)}
    ranked_pairs = [pair for pair in pairs if pair.a in rank and pair.b in rank]
    best = min(ranked_pairs, key=lambda pair: sorted((rank[pair.a], rank[pair.b])), default=None)
    return None if best is None else _better_last(best)


def _best_first(summary: Sequence[SummaryLine], lower: bool) -> list[SummaryLine]:
    """Return the lines that have a score, the best mean first."""
    return sorted((line for line in summary if line.n), key=lambda line: line.mean if lower else -line.mean)


# --- the result in plain words


def winner(summary: Sequence[SummaryLine], pairs: Sequence[Pair]) -> str | None:
    """Return the variant that beats every other scored one; ``None`` where none does.

    It is alone in the set that cannot be told apart from the best, see :mod:`fh_notebook.comparing.stats.best`.
    """
    scored = [line.variant for line in summary if line.n]
    beaten = beaten_by(scored, pairs)
    return next(
        (name for name in scored if len(scored) > 1 and all(name in beaten[x] for x in scored if x != name)), None
    )


def _plain_result(summary: Sequence[SummaryLine], pairs: Sequence[Pair], *, lower: bool, preferred: bool) -> str:
    """Return the result in one sentence without terms of statistics; empty where it takes those to say it.

    The number of a variant is the one of the table, over the rows where it has a score. A difference is of the rows
    where both have one: where these are others, the sentence counts both.
    """
    if preferred:
        return " ".join(map(_preferred_text, pairs))
    names = [line.variant for line in _best_first(summary, lower)]
    best = _pair_of_best(names, pairs)
    if best is None or best.n < FEWEST_PAIRS or best.lead <= 0:
        return ""
    is_decided = best.is_better()
    if not is_decided and best.p_holm < ALPHA:  # test and mean do not say the same
        return ""
    low, high, gap = _lead_texts(best, pairs)
    size, shared = _mean_text(best, summary, lower=lower)
    means = f" ({_shares_of_both(best)})" if shared and best.is_share else ""
    ahead = f"{gap} (95 % interval {low} to {high}) {'less than' if lower else 'ahead of'} {best.a}{shared}{means}"
    if not is_decided:
        return (
            f"{best.b} is ahead, but that may be chance: {size}, {ahead}; there are "
            f"{_lacking_text(best, pairs, ALPHA)}."
        )
    if len(names) == 2:
        return f"{best.b} is better: {size}, {ahead}."
    return f"{best.b} is {'best' if winner(summary, pairs) == best.b else f'better than {best.a}'}: {size}, {ahead}."


def _mean_text(best: Pair, summary: Sequence[SummaryLine], *, lower: bool) -> tuple[str, str]:
    """Return the mean of `b` with its rows, and which rows the difference is of where these are others."""
    line = next(line for line in summary if line.variant == best.b)
    share = percents(max(line.rows for line in summary))  # as in the table

    def average(mean: float) -> str:
        return f"{_means_format(summary)(mean)} on average"

    if best.test == CORRECTED:
        mean = f"{share_head(lower=lower)} on {share(best.mean_b)}" if best.is_share else average(best.mean_b)
        return f"{mean}, corrected by the labels of {counted(best.n, 'row')}", ""
    unit = "distinct row" if best.rows > best.n else "row"
    rows, right = counted(line.rows, unit), f"{share_head(lower=lower)} on"
    if {line.rows for line in summary if line.variant in (best.a, best.b)} == {best.n}:
        return (f"{right} {share(line.mean)} of {rows}" if best.is_share else f"{average(line.mean)} over {rows}"), ""
    shared = f" on the {counted(best.n, unit)} where both have a score"
    if not best.is_share:
        return f"{average(line.mean)} over {rows}", shared
    if line.rows != line.n:  # of repeats it is a share of no number of rows
        return f"{right} {share(line.mean)} of {rows}", shared
    return f"{right} {share_text(share, line.mean, line.rows)}", shared


def _shares_of_both(pair: Pair) -> str:
    """Return what a difference is of, since the shares of the table are of other rows, so that it can be checked."""
    for digits in (0, 1):
        b, a = (round(100 * mean, digits) for mean in (pair.mean_b, pair.mean_a))
        if points(round(abs(b - a) / 100, 3)) == points(abs(pair.difference)):
            break
    return f"{b:.{digits}f} % against {a:.{digits}f} %"


def _means_format(summary: Sequence[SummaryLine]) -> Callable[[float], str]:
    """Return the format of means that are scores: that of their column and its intervals in the summary."""
    return figures([x for line in summary for x in (line.mean, line.ci_low, line.ci_high)])


def _lead_texts(pair: Pair, pairs: Sequence[Pair]) -> tuple[str, str, str]:
    """Return the ends of the interval of a lead, and the lead with its unit, as in the table of the pairs."""
    if pair.is_share:
        low, high = (difference_size(end, share=True) for end in _ends_of_lead(pair))
        return low, high, difference_text(pair.lead, share=True)
    text = figures([x for each in (pair, *pairs) for x in (each.ci_low, each.ci_high, each.difference)])
    low, high = map(text, _ends_of_lead(pair))
    return low, high, text(pair.lead)


def _ends_of_lead(pair: Pair) -> tuple[float, float]:
    """Return the ends of the interval of :attr:`Pair.lead`."""
    return (0.0 - pair.ci_high, 0.0 - pair.ci_low) if pair.lower else (pair.ci_low, pair.ci_high)


def _preferred_text(pair: Pair) -> str:
    first, second = _better_last(pair).b, _better_last(pair).a
    wins, losses = (pair.wins, pair.losses) if first == pair.b else (pair.losses, pair.wins)
    on = f"{first} preferred on {counted(wins, 'row')}, {second} on {losses:,}, {counted(pair.ties, 'tie')}"
    return f"{on}." if pair.is_better() or pair.turned().is_better() else f"{on}: which is better is not clear yet."


def winner_of(data: ComparisonData) -> str | None:
    """Return the variant of a comparison that is better than every other one; ``None`` where none is."""
    if data.variant_pairs is not None or data.runs.caution or not data.scorer:
        return None
    return winner(data.summary_lines, data.pairs)


def of_pair(pair: Pair, pairs: Sequence[Pair], *, alpha: float = ALPHA) -> str:
    """Return the verdict on `pair`, whose `b` is ahead, as one of `pairs`."""
    a, b = pair.a, pair.b
    rows = rows_text(pair)
    if pair.n < FEWEST_PAIRS:
        have = "has" if pair.n == pair.rows == 1 else "have"
        comma = "," if pair.n < pair.rows else ""
        return (
            f"Not enough to tell: {rows}{comma} {have} a score of both {b} and {a}; "
            f"fewer than {FEWEST_PAIRS} pairs are not tested, so which is better is not clear yet."
        )
    if pair.wins == pair.losses == 0 and pair.test != CORRECTED:  # a few labels that tie say less of all rows
        return f"{b} and {a} score the same on each of the {rows} where both have a score."
    low, high = _ends_of_lead(pair)
    from_, to, lead = _lead_texts(pair, pairs)
    interval = f"95 % interval {from_} to {to}"
    p = f"{p_text(pair.p_holm)}{after_holm(pairs)}"
    facts = f"{interval}, {p}, {rows}{', lower is better' if pair.lower else ''}"
    if pair.is_better(alpha):
        return f"{b} beats {a} by {lead} ({facts})."
    if pair.p_holm < alpha:
        wins = f"wins {pair.wins:,} and loses {pair.losses:,}"
        # An `alpha` above 5 % can find what the interval, of 95 % in any case, does not.
        agree = pair.wins > pair.losses and low <= 0 <= high
        why = "the 95 % interval includes 0" if agree else "test and mean disagree"
        return (
            f"{b} and {a} cannot be ranked: {b} {wins} of {rows}, and its mean is ahead by {lead} "
            f"({interval}, {p}): {why}, so which is better is not clear yet."
        )
    lacking = _lacking_text(pair, pairs, alpha)
    if pair.lead == 0:
        return f"{b} and {a} have the same mean ({facts}), so which is better is not clear yet; there are {lacking}."
    ahead = f"{b} is ahead of {a} by {lead} ({facts})"
    return f"{ahead}, but which is better is not clear yet; there are {lacking}."


def rows_text(pair: Pair) -> str:
    """Return how many rows a pair is of, in words; where labels correct it, the labelled ones."""
    if pair.test == CORRECTED:
        return counted(pair.n, "labelled row")
    return distinct_text(max(pair.rows, pair.n), pair.n)


def unit_of(pair: Pair) -> str:
    """Return what more of would tell: ``rows``, or ``labels`` where they correct the pair."""
    return "labels" if pair.test == CORRECTED else "rows"


def _lacking_text(pair: Pair, pairs: Sequence[Pair], alpha: float) -> str:
    share = alpha / max(1, tested_in(pairs))
    more = max(0.0, rows_needed(pair, alpha=share) - pair.n)
    lacking = f"not enough {unit_of(pair)} to tell"
    if not math.isfinite(more) or more > MANY_TIMES * pair.n:
        return f"{lacking}, and at this difference even very many would hardly be enough"
    if more < 1:
        return f"{lacking}: about as many as now should be enough at this difference, but this sample was unlucky"
    return f"{lacking}: about {about(more):,} more at this difference"


def after_holm(pairs: Sequence[Pair]) -> str:
    """Return the words after a p value of one of `pairs`: the p of a single pair is not corrected."""
    return " after Holm" if tested_in(pairs) > 1 else ""
