"""Rows that ask the same are one piece of evidence, in every interval, test, power computation and plot."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.comparing.stats.clusters import clusters_of
from fh_notebook.comparing.verdicts.verdict import winner_of
from fh_notebook.local.hive import LocalHive
from fh_notebook.racing.power import power as race_power
from tests.benchmarks import coverage
from tests.told import facts, numbers_in

QUESTIONS, COPIES = 5, 12


def _hive(right: dict[str, Any]) -> LocalHive:
    """Variants that answer "yes" to the questions that `right` says."""
    hive = LocalHive()
    for name, is_right in right.items():

        @hive.workflow("quiz", variant=name)
        def answer(number: int, is_right: Any = is_right) -> str:
            return "yes" if is_right(number) else "no"

    return hive


def _batch(rows: list[dict[str, Any]], **right: Any) -> fh.Batch:
    deployment = fh.Deployment("quiz", variants=list(right), inputs={"number": fh.integer()})
    return fh.batch(rows, deployment, client=_hive(right).client(), progress=False)


def _rows(questions: int = QUESTIONS, copies: int = COPIES) -> list[dict[str, Any]]:
    return [{"number": n, "expected_output": "yes"} for _ in range(copies) for n in range(questions)]


@pytest.fixture
def copied() -> fh.Batch:
    return _batch(_rows(), never=lambda n: n < 0, always=lambda n: n >= 0)


@pytest.mark.parametrize("form", ["batch", "frame", "scored frame", "csv"])
def test_copies_of_a_row_count_as_one_and_it_is_said(copied: fh.Batch, form: str, tmp_path: Any) -> None:
    """5 questions, 12 times each, all won: five pairs, no test, no winner; from the batch, its frame, or its file."""
    source: Any = copied if form == "batch" else copied.frame
    score: Any = None
    if form == "csv":
        source.to_csv(tmp_path / "frame.csv", index=False)
        source = pd.read_csv(tmp_path / "frame.csv")
    if form == "scored frame":
        source, score = source.assign(s=(source["output"] == "yes").astype(float)), "s"
    cmp = fh.compare(source, score=score)
    (line,) = cmp.pairs().to_dict("records")
    assert (line["n"], line["wins"], line["test"]) == (5, 5, "none")
    assert cmp.summary()["n"].tolist() == [60, 60]
    assert cmp.leaderboard()["rows"].tolist() == [5, 5]
    assert cmp.summary()["ci_high"].tolist()[0] == pytest.approx(0.5), "Blaker's of 0 of 5, not of 60"
    assert "60 rows, 5 distinct" in cmp.verdict
    assert winner_of(cmp.data) is None
    assert cmp.notes[0].startswith("60 rows, 5 distinct")
    for shown in (repr(cmp), cmp._repr_html_()):
        assert "2 variants on 60 rows, 5 distinct" in shown
    assert cmp.power()["n"].tolist() == [5]
    with pytest.raises(AssertionError, match="60 rows, 5 distinct"):
        cmp.assert_better("always", than="never")
    assert numbers_in(cmp.plot("wins").alt) == ["5", "0", "0"]
    assert len(cmp.wide()) == len(cmp.disagreements()) == 60, "rows are shown as they are"


def test_reports_and_slices_have_the_intervals_of_the_distinct_rows(copied: fh.Batch, tmp_path: Any) -> None:
    """The same ones in every place."""
    cmp = fh.compare(copied)
    page = cmp.report(tmp_path / "report.md").read_text(encoding="utf-8")
    assert "60 rows, 5 distinct" in page
    whole = cmp.slice(by="expected_output")
    assert whole[["ci_low", "ci_high"]].values.tolist() == cmp.summary()[["ci_low", "ci_high"]].values.tolist()


def test_copies_of_repeated_rows_are_no_more_sure() -> None:
    """5 questions, 2 repeats, answers that change from call to call: 12 copies of each have the same intervals."""
    frame = pd.DataFrame(
        [
            (n, variant, repeat, f"{variant}{n % QUESTIONS}{repeat}" + "0" * 61)
            for n in range(QUESTIONS * COPIES)
            for variant, repeat in (("a", 0), ("a", 1), ("b", 0), ("b", 1))
        ],
        columns=["row", "variant", "repeat", "key"],
    )
    # Nearly the same on every question: the effective number of trials is above that of the lines, and cut there.
    right = (frame["variant"] == "b") & ((frame["repeat"] == 0) | (frame["row"] % QUESTIONS == 0))
    frame["s"] = right.astype(float)
    once, copied = (fh.compare(part, score="s") for part in (frame[frame["row"] < QUESTIONS], frame))
    pd.testing.assert_frame_equal(once.pairs(), copied.pairs())
    assert once.pairs()["interval"].tolist() == ["tango, clustered"]
    for limit in ("ci_low", "ci_high"):
        assert once.summary()[limit].tolist() == copied.summary()[limit].tolist()


def test_copies_of_a_pilot_are_no_rows_of_a_plan() -> None:
    """A power computation of races draws from the distinct rows, of which there are too few."""
    pilot = _batch(_rows(), a=lambda n: n % 2, b=lambda n: n % 3)
    with pytest.raises(fh.InputError, match=facts("5 rows", "6")):
        race_power(pilot, races=10)


def test_twice_the_same_table_is_no_more_sure_than_once() -> None:
    """Every figure of 40 rows and of the same rows twice is the same, but the number of runs."""
    right = {"a": lambda n: n % 2 == 0, "b": lambda n: n % 5 > 0}
    once, twice = (fh.compare(_batch(_rows(40, copies), **right)) for copies in (1, 2))
    pd.testing.assert_frame_equal(once.pairs(), twice.pairs())
    columns = ["mean", "ci_low", "ci_high", "median"]
    pd.testing.assert_frame_equal(once.summary()[columns], twice.summary()[columns])
    assert twice.pairs()["interval"].tolist() == ["tango"]


def test_a_frame_from_elsewhere_is_grouped_by_what_pairs_it_alone() -> None:
    """Equal texts in it are rows of their own, and so are those of a column `key` of somebody else's."""
    frame = pd.DataFrame(
        {"row": np.repeat(range(10), 2), "variant": ["a", "b"] * 10, "text": "same", "key": "k", "s": [0, 1] * 10}
    )
    assert fh.compare(frame, score="s").pairs()["n"].tolist() == [10]
    assert fh.compare(frame.assign(case=frame["row"] // 5), score="s", pair_on="case").pairs()["n"].tolist() == [2]


def test_clusters_are_told_by_the_keys_of_what_was_asked() -> None:
    """A row without one of the variants belongs to its copies; a variant that ignores a column ties no rows that others
    tell apart; and rows that are one pair are one cluster with the copies of each."""
    key = {letter: letter * 64 for letter in "abcdef"}

    def of(lines: list[tuple[Any, str, str]], rows: list[Any] | None = None) -> list[int]:
        pairs, variants, keys = zip(*lines, strict=True)
        return clusters_of(pairs, variants=variants, keys=[key[k] for k in keys], rows=rows).tolist()

    assert of([(0, "x", "a"), (0, "y", "b"), (1, "x", "a")]) == [0, 0, 0]
    assert of([(0, "x", "a"), (0, "y", "b"), (1, "x", "a"), (1, "y", "c")]) == [0, 0, 1, 1]
    assert of([(0, "x", "a"), (1, "x", "b"), (2, "x", "a")], rows=[7, 8, 9]) == [0, 1, 0]
    assert of([(0, "x", "a"), (0, "x", "b"), (1, "x", "b"), (2, "x", "c")], rows=[0, 1, 2, 3]) == [0, 0, 0, 1]
    assert clusters_of([3, 3, 4], variants=["x"] * 3, keys=["k", "k", None]).tolist() == [0, 0, 1]


ROWS: list[tuple[list[dict[str, str]], int]] = [
    # What the variants of each row were asked, and how many of the rows are distinct.
    ([{"x": "a", "y": "p"}, {"x": "b", "y": "q"}, {"x": "a", "y": "q"}, {"x": "a", "y": "q"}], 3),
    ([{"x": "a", "y": "p"}, {"x": "a", "y": "p"}, {"x": "a", "y": "q"}, {"x": "a"}, {"x": "a"}], 3),
    ([{"x": "a", "y": "p"}, {"x": "a", "y": "p"}, {"x": "a"}, {"y": "p"}, {"x": "b"}], 2),
    ([{"x": "a", "y": "p", "z": "m"}, {"x": "a", "y": "p"}, {"x": "a"}, {"y": "q", "z": "m"}, {"z": "m"}], 3),
    ([{"x": "a", "y": "p"}, {"x": "ab", "y": "p"}, {"x": "b", "y": "p"}, {"x": "bc", "y": "q"}, {"x": "c"}], 3),
]


@pytest.mark.parametrize(("rows", "distinct"), ROWS)
def test_clusters_do_not_depend_on_the_order_of_the_rows(rows: list[dict[str, str]], distinct: int) -> None:
    """Each order of rows has the same partition: also where arms have inputs of their own, where rows lack variants,
    and where repeats are told by several keys."""
    partitions = set()
    for order in itertools.permutations(range(len(rows))):
        lines = [(n, v, f"{v}{key}" * 32) for n in order for v, keys in rows[n].items() for key in keys]
        pairs, variants, keys = zip(*lines, strict=True)
        found = clusters_of(pairs, variants=variants, keys=keys).tolist()
        members: dict[int, set[int]] = {}
        for cluster, pair in zip(found, pairs, strict=True):
            members.setdefault(cluster, set()).add(pair)
        partitions.add(frozenset(map(frozenset, members.values())))
    assert len(partitions) == 1
    assert len(partitions.pop()) == distinct


def test_arms_with_inputs_of_their_own_have_as_many_distinct_rows_in_any_order() -> None:
    """Two columns, one for each arm; the last two of four rows are equal."""
    hive = LocalHive()
    for name, variant in (("quiz", "a"), ("second", "b")):

        @hive.workflow(name, variant=variant)
        def answer(number: int) -> str:
            return str(number)

    arms = [("quiz", "a", {"number": "one"}), ("second", "b", {"number": "other"})]
    rows = [{"one": one, "other": other} for one, other in ((1, 8), (2, 9), (1, 9), (1, 9))]
    for part in (rows, rows[2:] + rows[:2]):
        batch = fh.batch(part, "quiz", variants=arms, client=hive.client(), progress=False)
        assert "4 rows, 3 distinct" in repr(fh.compare(batch, score=lambda run: float(run.text)))


def test_two_equal_variants_are_not_told_apart_by_copies() -> None:
    """Of 500 comparisons of 5 questions x 12 copies, copies as rows find a difference in half; one row a question in
    none. Races that took copies as rows named a winner in half of 60; now in none."""
    before, after = coverage.copies_told_apart(500)
    assert before > 0.4
    assert after <= 0.05
    before, after = coverage.copies_raced(60)
    assert before > 0.3
    assert after <= 0.05
