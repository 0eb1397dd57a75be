"""`ComparisonData`: the compared runs as one frozen value, from which tables, sentences, plots and reports are made.

Scoring again makes a new value, so a computed result is never stale. What several functions need (the grid, the pairs,
the summary lines) is computed once, at first use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fh_notebook.batching.model import INVALID_INPUT
from fh_notebook.batching.tables.expected_overlay import Correction, Standing
from fh_notebook.batching.tables.frames import RESERVED
from fh_notebook.batching.tables.rows import EXPECTED
from fh_notebook.comparing.masks import HiddenValues
from fh_notebook.comparing.scorers.label_codes import LabelCodes
from fh_notebook.comparing.scorers.observations import Observations
from fh_notebook.comparing.scorers.output_values import parse_path
from fh_notebook.comparing.stats.classes import MACRO, OTHER, ConfusionRows, confusion_rows, macro_f1
from fh_notebook.comparing.stats.clusters import distinct_text
from fh_notebook.comparing.stats.grid import Grid, are_yes_no
from fh_notebook.comparing.stats.number_format import ScoreText
from fh_notebook.comparing.stats.pairs import Pair, Preferences, all_pairs, corrected_pairs, preferred_pairs
from fh_notebook.comparing.stats.summary import SummaryLine, corrected_lines, summary_lines
from fh_notebook.contract.output import assets_of
from fh_notebook.contract.run import Run
from fh_notebook.core import arguments
from fh_notebook.core.text.formatting import listed, nearest, short
from fh_notebook.core.text.html import colours_of
from fh_notebook.core.values import ColumnName
from fh_notebook.errors import InputError
from fh_notebook.session import session

NOT_SENT: Final = "not sent"
"""What the status of a run is called that was left out by ``on_invalid="skip"``."""

FAILED: Final = ("drop", "zero")
"""The values of ``failed=``."""


def check_failed(failed: Any) -> None:
    """Raise unless ``failed=`` has one of its values."""
    arguments.check_one_of("failed", failed, FAILED)


def check_zero(failed: str, scorer: str, *, lower: bool) -> None:
    """Raise where a failed run would count as the best of all."""
    if failed == "zero" and lower:
        raise InputError(
            f"by {scorer} lower is better, so failed='zero' would make a failed run the best; leave it out"
        )


def counted_lines(runs: ScoredRuns, failed: str) -> pd.DataFrame:
    """Return one line a run with its score as it counts: 0 for a failed one by "zero", unless less is better."""
    lines = runs.lines
    if failed != "zero" or lines.attrs.get("lower_is_better"):
        return lines
    return lines.assign(score=lines["score"].where(lines["status"] != "failed", 0.0))


def no_variant(name: Any, variants: Iterable[Any]) -> str:
    """Return the message for the name of a variant that does not exist, with the nearest name."""
    names = list(variants)
    close = nearest(name, names)
    hint = f"did you mean {close!r}?" if close else f"the variants are {listed(names, 'and')}"
    return f"the variant {short(name)} does not exist; {hint}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRuns:
    """The runs that are compared, with their scores."""

    lines: pd.DataFrame
    """One line a run: pair, cluster, variant, status, output, seconds, score, score_error, error, started_at,
    request_id and charged, which says whether the call may have cost money; a missing score is NaN."""
    scorer: str
    """Its name; empty when there is none."""
    column: Callable[[str], pd.Series[Any] | None]
    """A column of the rows by its name, in the order of `lines`; ``None`` where there is none of that name."""
    names: tuple[str, ...]
    """The names of the columns of the rows."""
    expected: dict[Any, Any] | None = None
    """By the label of the row: its expected output, as corrected."""
    corrections: Mapping[Any, Standing] = field(default_factory=dict)
    """By the label of the row: the corrections of its expected output."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """Provenance, as in ``frame.attrs``."""
    notes: tuple[str, ...] = ()
    """Notes that are shown with the numbers."""
    caution: str = ""
    """A warning that precedes the verdict."""
    variant_pairs: tuple[tuple[str, str], ...] | None = None
    """The pairs of variants that are compared; by default all. With several dates: the same variant on two of them."""
    observations: Observations | None = None
    """The runs, unless a table was read as columns."""
    secret: Callable[[], HiddenValues] = HiddenValues
    """Finds the values of password Start variables; called only for displays of rows."""
    read_cells: Callable[[str, Sequence[int]], list[Any]] | None = None
    """Reads some cells of a column, by its name and their positions in `lines`, where this is faster than `column`."""

    @property
    def is_lower(self) -> bool:
        """Whether a lower score is the better one: the scorer says so."""
        return bool(self.lines.attrs.get("lower_is_better", False))

    @property
    def criterion(self) -> str:
        """What makes an output right, or what the score measures, in words; empty where the scorer does not say."""
        return str(self.lines.attrs.get("criterion", ""))

    @property
    def scored_path(self) -> tuple[str | int, ...]:
        """The part of an output that the scorer reads; empty where it is the whole, or found by a query."""
        try:
            return parse_path(self.lines.attrs.get("path") or None)
        except InputError:
            return ()

    def run_at(self, place: int | None) -> Run | None:
        """Return the run of a line by its position; ``None`` where it is pending, or the line is of a table."""
        return None if self.observations is None or place is None else self.observations[place].run

    def lister_at(self, place: int, output: Any) -> str:
        """Return the identity of the run of a line whose output lists files; empty where it lists none."""
        run = self.run_at(place) if assets_of(output) else None
        return "" if run is None else run.identity

    def column_named(self, by: Any, purpose: str) -> str:
        """Return the whole name of a column of the rows, given by its name or by the part of it behind the dot."""
        column = arguments.column_text(by)
        names = [column, f"metadata.{column}", f"in.{column}"] if isinstance(column, str) else []
        for name in names:
            if name in self.names:
                return name
        close = nearest(by, [*self.names, *(name.partition(".")[2] for name in self.names)])
        hint = f"did you mean {close!r}?" if close else f"the columns are {listed(self.names, 'and')}"
        raise InputError(f"the table has no column {short(by)} {purpose}; {hint}")

    def correction_of(self, row: Any) -> Correction | None:
        """Return the correction that applies to the expected output of a row, by its label; ``None`` without one."""
        standing = self.corrections.get(row)
        return standing.applied if standing is not None else None

    def correction_mark(self, row: Any) -> str:
        """Return the mark of a corrected row, secrets masked; empty of any other row."""
        correction = self.correction_of(row)
        return "" if correction is None else correction.mark(partial(self.secret().masks().value, row))

    def correction_story(self, row: Any) -> str:
        """Return from what a row was corrected, by whom, when and why, secrets masked; empty of any other row."""
        correction = self.correction_of(row)
        return "" if correction is None else correction.story(partial(self.secret().masks().value, row))

    @property
    def correction_counts(self) -> tuple[int, int]:
        """How many corrections apply, and how many no longer do; rows with equal inputs share one."""
        standing = self.corrections.values()
        applied = {s.applied.uid for s in standing if s.applied is not None}
        return len(applied), len({s.outdated.uid for s in standing if s.outdated is not None} - applied)

    def cells(self, name: str, places: Sequence[int]) -> list[Any]:
        """Return the cells of a column at some positions; ``None`` for an empty cell."""
        if self.read_cells is not None:
            return self.read_cells(name, places)
        values = self.column(name)
        return [None] * len(places) if values is None else values.iloc[list(places)].tolist()


@dataclass(frozen=True, kw_only=True, eq=False)
class ComparisonData:
    """The compared runs, with the settings of the comparison.

    Raises
    ------
    InputError
        Lower is better, and failed runs count as 0: a failed run would be the best.
    """

    runs: ScoredRuns
    pair_on: ColumnName
    """The column that identifies the row of each run."""
    failed: str = "drop"
    """What a failed run counts as: ``drop`` or ``zero``."""
    rated: bool = False
    """Whether the scores are ratings by people; ratings are not scored again."""
    preferences: Preferences | None = None
    """The preferences of people, where they are the score: pairs are compared by them."""

    def __post_init__(self) -> None:
        check_zero(self.failed, self.scorer, lower=self.lower)

    @property
    def scorer(self) -> str:
        """The name of the scorer; empty without one."""
        return self.runs.scorer

    @property
    def lower(self) -> bool:
        """Whether a lower score is the better one."""
        return self.runs.is_lower

    @property
    def variant_pairs(self) -> tuple[tuple[str, str], ...] | None:
        """The pairs of variants that are compared; ``None`` for all."""
        return self.runs.variant_pairs

    @cached_property
    def variants(self) -> list[str]:
        """The variants, in the order of the plan, or of their first lines."""
        return list(dict.fromkeys(self.runs.lines["variant"]))

    @cached_property
    def colours(self) -> dict[str, str]:
        """The colour of each variant: the same one wherever the variant is shown."""
        return colours_of(self.variants, session.known_variants(self.runs.about.get("deployments", ())))

    @cached_property
    def lines(self) -> pd.DataFrame:
        """One line a run as :class:`ScoredRuns` has them, with its score as it counts."""
        return counted_lines(self.runs, self.failed) if self.scorer else self.runs.lines

    @property
    def shown_status(self) -> NDArray[Any]:
        """The status of each line, as people read it: of a run whose inputs did not fit "not sent"."""
        status = self.lines["status"].to_numpy(dtype=object, copy=True)
        failed = np.flatnonzero(status == "failed")
        codes = self.runs.cells("error_code", failed.tolist()) if len(failed) else []
        status[failed[[code == INVALID_INPUT for code in codes]]] = NOT_SENT
        return status

    # --- rows

    @cached_property
    def row_count(self) -> int:
        """The number of rows."""
        return int(self.lines["pair"].nunique(dropna=False))

    @cached_property
    def distinct_count(self) -> int:
        """The number of distinct rows: rows with equal inputs count as one."""
        return int(self.lines["cluster"].nunique())

    @property
    def rows_text(self) -> str:
        """The number of rows, and of distinct rows, in words."""
        return distinct_text(self.row_count, self.distinct_count)

    @cached_property
    def row_columns(self) -> list[str]:
        """The columns of the rows that are the user's own, without those whose values must not be shown."""
        excluded = (str(self.pair_on), self.scorer, EXPECTED, *RESERVED)
        names = [name for name in self.runs.names if name not in excluded and not name.startswith("out.")]
        hidden = self.runs.secret().columns if names else frozenset()
        return [name for name in names if name not in hidden]

    @cached_property
    def has_outputs(self) -> bool:
        """Whether any run has an output: a table of numbers has none."""
        return bool(self.lines["output"].notna().any())

    @cached_property
    def answered_at(self) -> dict[tuple[Any, str], int]:
        """The position in `lines` of the run whose output is shown, by row and variant: the first that completed."""
        lines = self.lines[["pair", "variant", "status"]].itertuples(index=False, name=None)
        positions: dict[tuple[Any, str], int] = {}
        for position, (pair, variant, status) in enumerate(lines):
            if status == "completed":
                positions.setdefault((pair, variant), position)
        return positions

    @cached_property
    def leading_columns(self) -> list[str]:
        """The columns of the rows in the order in which a display shows them: what was sent first, metadata last."""
        sent = self.runs.observations[0].sent if self.runs.observations else ()
        return sorted(
            self.row_columns, key=lambda name: (name not in sent and name[:3] != "in.", name.startswith("metadata."))
        )

    @cached_property
    def counted_repeats(self) -> list[int]:
        """The number of each run among those of its row and variant, from 1."""
        groups = [pd.factorize(self.lines[name])[0] for name in ("pair", "variant")]
        return (self.lines.groupby(groups).cumcount() + 1).tolist()

    @cached_property
    def repeats(self) -> list[Any]:
        """The repeat of each run: the column of that name, or counted where a table has none."""
        repeats = self.runs.column("repeat") if "repeat" in self.runs.names else None
        return self.counted_repeats if repeats is None else repeats.tolist()

    # --- labels

    @cached_property
    def label_codes(self) -> LabelCodes:
        """Which label is expected of each line, and which one it says.

        Raises
        ------
        InputError
            There are no expected outputs, or they are no labels.
        """
        codes = LabelCodes.of(
            self.lines, self.runs.expected or {}, path=self.runs.scored_path, counts_failed=self.failed == "zero"
        )
        if taken := {OTHER, MACRO}.intersection(codes.labels):
            raise InputError(
                f"a label is called {taken.pop()!r}, like a row of the tables; rename it in expected_output"
            )
        return codes

    @cached_property
    def class_rows(self) -> dict[str, ConfusionRows]:
        """What each variant says of each row, for displays: empty where answers are no labels."""
        try:
            return self.confusion_rows if self.label_codes.are_answers else {}
        except InputError:
            return {}

    @cached_property
    def confusion_rows(self) -> dict[str, ConfusionRows]:
        """What each variant says of each row, where expected outputs are labels.

        Raises
        ------
        InputError
            There are no expected outputs, or they are no labels.
        """
        codes = self.label_codes
        return confusion_rows(codes.labels, codes.expected, codes.predicted, self.lines, self.variants)

    # --- what is computed of the scores

    @cached_property
    def grid(self) -> Grid:
        """The scores as an array, distinct rows x variants: what every statistic is computed from."""
        return Grid.of(self.lines, self.variants, by="cluster")

    @cached_property
    def grid_of_rows(self) -> Grid:
        """The scores as an array, rows x variants, without joining rows with equal inputs: for displays of rows."""
        return Grid.of(self.lines, self.variants)

    @cached_property
    def winners(self) -> NDArray[np.int64]:
        """The place of the winner of each row of `grid_of_rows`: it alone has the best score, of at least two.

        -1 for a tie, or where fewer than two have a score.
        """
        scores = self.grid_of_rows.means
        if scores.shape[1] < 2:
            return np.full(len(scores), -1)
        scores = -scores if self.lower else scores
        filled = np.where(np.isnan(scores), -np.inf, scores)
        best = filled.max(axis=1)
        alone = ((filled == best[:, None]).sum(axis=1) == 1) & ((~np.isnan(scores)).sum(axis=1) > 1)
        return np.where(alone, filled.argmax(axis=1), -1)

    @cached_property
    def score_text(self) -> ScoreText:
        """The format of every score under an output."""
        return ScoreText.of(self.grid_of_rows.means, yes_no=self.grid_of_rows.yes_no, lower=self.lower)

    @property
    def is_right_or_wrong(self) -> bool:
        """Whether each score says that an output is right or wrong: all are true or false, and true is better."""
        return self._are_yes_no and not self.lower

    @cached_property
    def _are_yes_no(self) -> bool:
        """What `grid` and `grid_of_rows` say, without computing one: a table of rows needs no statistics."""
        return are_yes_no(self.lines["score"].to_numpy(dtype="float64"))

    @cached_property
    def seconds_grid(self) -> Grid:
        """The seconds of completed runs as an array, distinct rows x variants; NaN where nothing was measured."""
        # A new table: the attributes of the lines, such as the bounds of the score, are not those of seconds.
        names = {"cluster": "cluster", "pair": "pair", "variant": "variant", "score": "seconds"}
        timed: pd.DataFrame = pd.DataFrame({name: self.lines[column] for name, column in names.items()})
        return replace(Grid.of(timed, self.variants, by="cluster"), yes_no=False)

    @cached_property
    def label_grid(self) -> Grid | None:
        """The labels of people by which the scores are corrected, with the rows of `grid`; ``None`` without any."""
        if "label" not in self.lines:
            return None
        return Grid.of(self.lines.assign(score=self.lines["label"]), self.variants, by="cluster")

    @property
    def is_share(self) -> bool:
        """Whether a mean is a share of rows: all scores, or the labels that correct them, are true or false."""
        return (self.grid if self.label_grid is None else self.label_grid).yes_no

    @cached_property
    def summary_lines(self) -> list[SummaryLine]:
        """The line of each variant in the summary."""
        lines = summary_lines(self.lines, self.variants)
        if self.label_grid is not None:
            lines = corrected_lines(lines, self.grid, self.label_grid)
        rows = self.class_rows
        return [
            replace(line, macro_f1=macro_f1(rows[line.variant])) if line.variant in rows else line for line in lines
        ]

    @cached_property
    def pairs(self) -> list[Pair]:
        """The pairs of variants with their tests."""
        if self.label_grid is not None:
            return corrected_pairs(self.grid, self.label_grid, self.variant_pairs, lower=self.lower)
        if self.preferences is not None:
            return preferred_pairs(self.preferences, self.grid)
        return all_pairs(self.grid, self.variant_pairs, lower=self.lower)

    @cached_property
    def differing(self) -> list[Any]:
        """The labels of the rows whose scores differ, the largest difference first."""
        labels = pd.factorize(self.lines["pair"])[1]
        return [labels[index] for index in self.grid_of_rows.differing_rows(self.variant_pairs)]
