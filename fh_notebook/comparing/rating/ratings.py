"""`Ratings`: the table of ratings, which of them count, and comparison data computed from them.

For one person and one question, the newest rating that was not undone counts; skipped ones do not.

Two variants are compared by ratings of these two beside each other, never by ratings against a third. Raters of the
same row are averaged first, because they are not independent.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from os import PathLike
from statistics import fmean
from typing import Any, Final

import numpy as np
import pandas as pd

from fh_notebook.batching.export.columns import FrameSource
from fh_notebook.batching.export.export import Exported, to_csv, to_parquet
from fh_notebook.batching.rendering import frame_html, frame_text, one_line
from fh_notebook.batching.tables.frames import ATTRS, INSTANT, TEXT
from fh_notebook.batching.tables.values import object_series
from fh_notebook.comparing.data import ComparisonData, ScoredRuns
from fh_notebook.comparing.rating.questions import TIE, Item, Question, question_named, swap_sides
from fh_notebook.comparing.stats.intervals import NAN
from fh_notebook.core import arguments
from fh_notebook.core.text import html
from fh_notebook.core.text.messages import counted
from fh_notebook.store.tables.ratings import RatingRow

COLUMNS: Final = {
    **dict.fromkeys(("rater", "kind"), TEXT),
    "row": "object",
    **dict.fromkeys(("a", "b", "shown", "choice", "preferred"), TEXT),
    "seconds": "float64",
    "rated_at": INSTANT,
    "undone": "bool",
    "counts": "bool",
    **dict.fromkeys(("batch", "item", "uid"), TEXT),
}
"""The columns of :attr:`Ratings.frame` with their dtypes, which are the same whatever there is."""


SHOWN: Final = ("rater", "row", "a", "b", "shown", "choice", "seconds")

ROWS_SHOWN: Final = 10


CountedRatings = dict[str, dict[str, RatingRow]]
"""What counts of one question: rater -> item -> rating."""


def count_ratings(lines: Sequence[RatingRow], kind: Question) -> CountedRatings:
    """Return the newest rating of each person and item that was not taken back; skipped ones are none.

    Nor is what the question has no answer for: ratings also come out of somebody else's file.
    """
    counted_ratings: CountedRatings = {}
    for line in sorted(lines, key=lambda line: line.rated_at):
        if line.kind == kind.name and line.undone_at is None:
            counted_ratings.setdefault(line.rater, {})[line.item] = line
    counting = {
        rater: {i: x for i, x in of.items() if x.choice in kind.choices} for rater, of in counted_ratings.items()
    }
    return {rater: of for rater, of in counting.items() if of}


def preferred_text(counting: Iterable[RatingRow]) -> str:
    """Return how often each variant was preferred, the most often first; empty where no pairs were rated."""
    pairs = [line for line in counting if line.b is not None]
    chosen = Counter({"a": line.a, "b": line.b}.get(line.choice) for line in pairs)
    names = dict.fromkeys(name for line in pairs for name in (line.a, line.b))
    wins = sorted(((chosen[name], name) for name in names), key=lambda win: -win[0])
    first = [
        f"{one_line(name)} {'preferred ' * (n == 0)}{counted(count, 'time')}" for n, (count, name) in enumerate(wins)
    ]
    return ", ".join([*first, *([counted(ties, "tie")] if (ties := chosen[None]) else [])])


@arguments.public
class Ratings:
    """Ratings of a comparison's outputs. Made by ``cmp.ratings()``.

    Attributes
    ----------
    lines : tuple of RatingRow
        As they are saved, the oldest first, those taken back among them.
    """

    def __init__(self, lines: Sequence[RatingRow], *, labels: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        self.lines = tuple(lines)
        self._labels = labels
        self._about = dict(about)

    @property
    def raters(self) -> list[str]:
        """Whose ratings count, in the order in which they began."""
        counting = self._counting_uids()
        return list(dict.fromkeys(line.rater for line in self.lines if line.uid in counting))

    @property
    def kinds(self) -> list[Question]:
        """The questions that were asked, the first one first."""
        names = dict.fromkeys(line.kind for line in self.lines)
        return [kind for name in names if (kind := question_named(name)) is not None]

    @property
    def frame(self) -> pd.DataFrame:
        """One line a rating.

        Columns: ``rater``; ``kind``: ``pair``, ``scale 5`` or ``labels [...]``; ``row``; the variants ``a, b`` (``b``
        is missing where one output was rated alone); ``shown``: ``ab`` or ``ba``, from left to right; ``choice``:
        ``a``, ``b``, ``tie`` or ``skip``, or the number or label; ``preferred``: the variant that was chosen;
        ``seconds``; ``rated_at``, UTC; ``undone``: it was taken back; ``counts``: it is the newest of this rater and
        outputs, and neither taken back nor skipped; ``batch``, ``item`` (a hash of what was read), ``uid``.
        """
        counting = self._counting_uids()
        records = [self._record(line, line.uid in counting) for line in self.lines]
        columns: dict[str, Any] = {}
        for name, dtype in COLUMNS.items():
            values = [record[name] for record in records]
            if dtype == INSTANT:
                columns[name] = pd.to_datetime(pd.Series(values, dtype="float64"), unit="s", utc=True).astype(INSTANT)
            else:
                columns[name] = object_series(values) if dtype == "object" else pd.Series(values, dtype=dtype)
        frame = pd.DataFrame(columns)
        frame.attrs[ATTRS] = dict(self._about)
        return frame

    def _counting_uids(self) -> set[str]:
        return {x.uid for kind in self.kinds for of in count_ratings(self.lines, kind).values() for x in of.values()}

    def _record(self, line: RatingRow, counts: bool) -> dict[str, Any]:
        preferred = {"a": line.a, "b": line.b, TIE: TIE}.get(line.choice) if line.b is not None else None
        label = self._labels.get(line.item)
        return {
            **asdict(line),
            "row": label if label is not None else _label_of(line.row),
            "preferred": preferred,
            "undone": line.undone_at is not None,
            "counts": counts,
        }

    def to_csv(self, path: str | PathLike[str], *, mark: bool = True) -> Exported:
        """Write :attr:`frame` as CSV that is safe to open in a spreadsheet; return what was written.

        Raises
        ------
        SettingsError
            It cannot be written there.
        """
        arguments.check(Ratings.to_csv, locals())
        return to_csv(FrameSource(self.frame), path, mark=mark)

    def to_parquet(self, path: str | PathLike[str]) -> Exported:
        """Write :attr:`frame` as Parquet; return what was written.

        Raises
        ------
        SettingsError
            It cannot be written there, or pyarrow is not installed.
        """
        arguments.check(Ratings.to_parquet, locals())
        return to_parquet(FrameSource(self.frame), path)

    def __len__(self) -> int:
        return len(self.lines)

    def _result_text(self) -> str:
        counting = self._counting_uids()
        return preferred_text(line for line in self.lines if line.uid in counting)

    def _summary_text(self) -> str:
        counting = self._counting_uids()
        of = Counter(line.rater for line in self.lines if line.uid in counting)
        by = ", ".join(f"{rater} {number:,}" for rater, number in of.items())
        other_count = len(self.lines) - len(counting)
        aside = f"; {other_count:,} skipped, taken back or rated again" if other_count else ""
        return f"{counted(len(counting), 'rating')}{f' ({by})' if by else ''}{aside}"

    def __repr__(self) -> str:
        sentences = (self._result_text(), self._summary_text())
        text = "\n".join(html.printable(sentence) for sentence in sentences if sentence)
        return f"{text}\n{frame_text(self.frame.head(ROWS_SHOWN), SHOWN)}"

    def _repr_html_(self) -> str:
        result, summary = self._result_text(), self._summary_text()
        head = html.el("div", html.sentence("strong", result or summary), cls="fh-head")
        about = html.el("div", summary, cls="fh-dim") if result else None
        return html.el("div", html.STYLE, head, about, frame_html(self.frame.head(ROWS_SHOWN), SHOWN), cls="fh")


def _label_of(row: str) -> Any:
    try:
        return json.loads(row)
    except (ValueError, RecursionError):
        return row


SCORER: Final = "ratings"

_POINTS: Final = {"a": 0.0, "b": 1.0, TIE: 0.5}
"""What `b` of a pair gets."""


def rated_pairs(data: ComparisonData, items: Sequence[Item], ratings: CountedRatings) -> ComparisonData:
    """Return the comparison by which of two outputs people preferred."""
    rows: dict[tuple[str, str], dict[Any, list[float]]] = {}
    points: dict[int, list[float]] = {}
    lines = data.runs.lines
    cluster_of = dict(zip(lines["pair"], lines["cluster"], strict=True))
    for item in items:
        shares = [_POINTS[x.choice if x.a == item.a else swap_sides(x.choice)] for x in _ratings_of_item(ratings, item)]
        if shares and item.b is not None and item.line_b is not None:
            share = fmean(shares)
            rows.setdefault((item.a, item.b), {}).setdefault(cluster_of[item.row], []).append(share)
            points.setdefault(item.line_a, []).append(1 - share)
            points.setdefault(item.line_b, []).append(share)
    runs = _with_scores(data.runs, points, [_raters_note(ratings, "pair")])
    preferences = {pair: np.array([fmean(of) for of in by_row.values()]) for pair, by_row in rows.items()}
    return ComparisonData(runs=runs, pair_on=data.pair_on, rated=True, preferences=preferences)


def rated_alone(
    data: ComparisonData,
    items: Sequence[Item],
    ratings: CountedRatings,
    label: str | None,
    *,
    highest: int | None = None,
) -> ComparisonData:
    """Return the comparison by the numbers that people gave, or by the share of them that gave a label."""
    points: dict[int, list[float]] = {}
    for item in items:
        values = [
            float(x.choice == label) if label is not None else float(x.choice) for x in _ratings_of_item(ratings, item)
        ]
        if values:
            points[item.line_a] = [fmean(values)]
    scorer = SCORER if label is None else f"{SCORER} ({label})"
    runs = _with_scores(data.runs, points, [_raters_note(ratings, "output")], scorer=scorer)
    runs.lines.attrs["bounds"] = None if highest is None else (1.0, float(highest))
    return ComparisonData(runs=runs, pair_on=data.pair_on, rated=True)


def _ratings_of_item(ratings: CountedRatings, item: Item) -> list[RatingRow]:
    return [of[item.id] for of in ratings.values() if item.id in of]


def _raters_note(ratings: CountedRatings, item_name: str) -> str:
    by = ", ".join(f"{rater} ({counted(len(of), item_name)})" for rater, of in ratings.items())
    return f"Rated blind by {by}."


def _with_scores(
    runs: ScoredRuns, points: Mapping[int, Sequence[float]], notes: list[str], *, scorer: str = SCORER
) -> ScoredRuns:
    lines = runs.lines
    scores = [fmean(points[position]) if position in points else NAN for position in range(len(lines))]
    again = lines.drop(columns=["parts"], errors="ignore").assign(
        score=np.array(scores, dtype="float64"), score_error=None
    )
    again.attrs = {"lower_is_better": False, "notes": notes}
    names = tuple(name for name in runs.names if name != runs.scorer)  # a score of before is no column of the row
    return replace(runs, lines=again, scorer=scorer, names=names)
