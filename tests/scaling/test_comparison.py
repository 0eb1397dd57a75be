"""`fh.compare` over partitions: the numbers of a table in memory, from sums."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.comparing.sources import read_source
from fh_notebook.comparing.stats.hypothesis_tests import rank_biserial, wilcoxon
from fh_notebook.comparing.stats.intervals import normal_interval
from fh_notebook.scaling.sums import MAX_VALUES, ValueCounts, poisson_interval, sums_of, wilcoxon_of
from tests.scaling.counting import Counting, texts

dask = pytest.importorskip("dask.dataframe")
pytest.importorskip("distributed")
pytest.importorskip("pyarrow")

DRAWN = ["ci_low", "ci_high", "interval"]


def _runs(rows: int, *, yes_no: bool, repeats: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(rows)
    n = rows * repeats
    score = (rng.random(2 * n) < np.tile([0.5, 0.56], n)) if yes_no else rng.normal(size=2 * n) + np.tile([0, 0.1], n)
    return pd.DataFrame(
        {
            "row": np.repeat(np.arange(rows), 2 * repeats),
            "variant": ["a", "b"] * n,
            "score": score.astype("float64"),
            "elapsed_s": rng.gamma(2.0, size=2 * n),
        }
    )


@pytest.mark.parametrize("yes_no", [True, False])
@pytest.mark.parametrize(("rows", "repeats"), [(30, 1), (400, 3), (7_000, 1), (6_000, 2)])
def test_every_number_is_that_of_one_table(rows: int, repeats: int, yes_no: bool) -> None:
    """Counts, means, wins, tests; and intervals within a tenth of their width, which the bootstrap draws anew."""
    frame = _runs(rows, yes_no=yes_no, repeats=repeats)
    one = fh.compare(frame, score="score")
    many = fh.compare(dask.from_pandas(frame, npartitions=5), score="score")
    for ours, theirs in ((many.summary(), one.summary()), (many.pairs(), one.pairs())):
        drawn = [c for c in DRAWN if c in ours]
        pd.testing.assert_frame_equal(ours.drop(columns=drawn), theirs.drop(columns=drawn), rtol=2e-3, atol=1e-9)
        width = (theirs["ci_high"] - theirs["ci_low"]).to_numpy()
        for limit in ("ci_low", "ci_high"):
            assert (np.abs(ours[limit] - theirs[limit]).to_numpy() <= 0.12 * width).all()
    assert many.scorer == one.scorer == "score"
    assert many.variants == ["a", "b"]
    assert "variants on" in repr(many)
    assert many.verdict.split(" (")[0] == one.verdict.split(" (")[0]


@pytest.mark.parametrize("failed", ["drop", "zero"])
def test_what_is_missing_is_counted_beside_what_failed(failed: Any) -> None:
    """As of one table, also where failed runs have a score of 0: a run without a score is not one of them."""
    score = [1.0, np.nan, np.nan, 0.5, np.nan, 1.0, 0.0, np.nan]
    status = ["completed", "completed", "failed", "completed", "failed", "completed", "completed", "completed"]
    frame = pd.DataFrame({"row": range(8), "variant": "a", "score": score, "status": status})
    one, many = (fh.compare(x, score="score", failed=failed) for x in (frame, dask.from_pandas(frame, npartitions=2)))
    assert many.summary()["missing"].tolist() == one.summary()["missing"].tolist() == [2]
    assert many.summary()["n"].tolist() == one.summary()["n"].tolist()


def test_what_differs_by_the_noise_of_binary_fractions_is_a_tie() -> None:
    """As in a table in memory: 0.3 and 0.1 + 0.2 are the same score, and nobody wins."""
    frame = pd.DataFrame({"row": [0, 0, 1, 1], "variant": ["a", "b"] * 2, "score": [0.3, 0.1 + 0.2, 0.5, 0.7]})
    lines = read_source(frame, score="score", pair_on="row").lines
    pair = sums_of(lines, scorer="score", lower=False, few=0).pairs["a", "b"]
    assert (pair.n, pair.wins, pair.losses) == (2, 1, 0)
    assert pair.differences.values.tolist() == [0.0, 0.2]


@pytest.mark.long
def test_a_lazy_batch_is_compared_by_any_scorer() -> None:
    """By what is expected, a function, or a name inside of the outputs; failures are counted."""
    counting = Counting()
    frame = texts(40).assign(expected_output=[f"T{i}" for i in range(40)])
    frame.loc[5, "text"] = "bad five"
    batch = fh.batch(
        dask.from_pandas(frame, npartitions=4), "shout", variants=["loud", "parts"],
        client=counting.hive.client(), progress=False,
    )  # fmt: skip
    before = counting.calls
    exact = fh.compare(batch).summary().set_index("variant")
    assert exact.loc["loud", ["n", "failed", "mean"]].tolist() == [39, 1, 1.0]
    assert exact.loc["parts", "mean"] == 0.0
    zero = fh.compare(batch, failed="zero").summary().set_index("variant")
    assert zero.loc["loud", "mean"] == pytest.approx(39 / 40)
    length = fh.compare(batch, score="out.length").summary().set_index("variant")
    assert length.loc["parts", "mean"] == pytest.approx(frame["text"].str.len().mean())
    own = fh.compare(batch, score=lambda run, row: len(row["text"]) % 2 == 0)
    lines = own.scores().compute()
    assert (len(lines), lines["score"].notna().sum()) == (80, 79)
    assert any(note.startswith("1 ") for note in own.notes), "how many runs have failed"
    assert counting.calls == before
    before_it = fh.compare(batch).notes
    alone = fh.batch(frame[:1], "shout", variants=["loud"], client=counting.hive.client(), progress=False)
    fh.compare(alone).correct(0, expected="another")
    (note,) = set(fh.compare(batch).notes) - set(before_it)
    assert "expected_output" in note
    for refused in (
        own.report,
        own.long,
        own.__arrow_c_stream__,
        own.correct,
        own.corrections,
        own.to_mlflow,
        own.to_inspect,
        own.best,
        own.assert_not_worse,
    ):
        with pytest.raises(fh.SettingsError, match="partitions"):
            refused("x")


def test_the_version_of_a_function_is_read_once_for_all_partitions(capsys: pytest.CaptureFixture[str]) -> None:
    """A worker does not have its source. What has none is told in one line, by the notebook."""
    frame = pd.DataFrame({"row": range(8), "variant": "a", "output": list("abcdefgh")})
    many = dask.from_pandas(frame, npartitions=4)
    first, seen = ["a", "b"], []

    def right(run: fh.Run) -> bool:
        seen.append(run.output)
        return run.output in first

    for version, calls in (("1", 8), ("1", 8), (None, 16)):
        score = right if version is None else fh.score.scorer(right, version=version)
        assert fh.compare(many, score=score).summary()["mean"].tolist() == [0.25]
        assert len(seen) == calls
    (line,) = capsys.readouterr().err.splitlines()
    assert re.match(r"[^:]* 'right' [^:]*: .* first, a list\.", line)


def test_rows_that_are_cut_apart_are_brought_together() -> None:
    """Runs of one row in different partitions are shuffled into one, and paired."""
    frame = _runs(100, yes_no=True).sample(frac=1.0, random_state=1).reset_index(drop=True)
    one, many = (fh.compare(x, score="score") for x in (frame, dask.from_pandas(frame, npartitions=4)))
    assert sorted(many.variants) == sorted(one.variants)
    ours, theirs = many.pairs().iloc[0], one.pairs().iloc[0]
    assert ours["n"] == 100
    assert {ours["wins"], ours["losses"]} == {theirs["wins"], theirs["losses"]}


@given(values=st.lists(st.integers(-6, 6), min_size=60, max_size=200), cut=st.integers(1, 59))
def test_adding_counts_is_counting_all(values: list[int], cut: int) -> None:
    """In any parts: the same counts, quantiles, ranks and effects as of the whole."""
    whole = np.array(values, dtype="float64")
    added = ValueCounts.of(whole[:cut]).plus(ValueCounts.of(whole[cut:]))
    assert added.expanded().tolist() == sorted(whole.tolist())
    for q in (0.0, 0.25, 0.5, 0.95, 1.0):
        assert added.quantile(q) == pytest.approx(float(np.quantile(whole, q)))
    p, effect = wilcoxon_of(added)
    assert effect == pytest.approx(rank_biserial(whole))
    if np.count_nonzero(whole) > 50:
        assert p == pytest.approx(wilcoxon(whole), rel=1e-9)


def test_many_different_values_are_rounded_and_their_quantiles_hold() -> None:
    """A part in 4,000 at the worst, and never more than so many counted values."""
    values = np.random.default_rng(7).lognormal(size=200_000)
    counted = ValueCounts.of(values)
    assert len(counted.values) <= 4 * MAX_VALUES
    assert counted.n == len(values)
    for q in (0.05, 0.5, 0.95):
        assert counted.quantile(q) == pytest.approx(float(np.quantile(values, q)), rel=5e-4)


def test_the_poisson_bootstrap_finds_the_interval_of_the_central_limit() -> None:
    """Of many rows both say the same, to a tenth of the width."""
    values = np.random.default_rng(3).normal(size=50_000)
    ours, theirs = poisson_interval(ValueCounts.of(values)), normal_interval(values)
    width = theirs[1] - theirs[0]
    assert all(abs(a - b) < 0.1 * width for a, b in zip(ours, theirs, strict=True))


def test_a_frame_without_what_is_needed_is_told() -> None:
    """As for a table in memory."""
    frame: Any = dask.from_pandas(pd.DataFrame({"row": [1], "score": [1.0]}), npartitions=1)
    with pytest.raises(fh.InputError, match="variant"):
        fh.compare(frame, score="score")


def test_rows_that_ask_the_same_are_one_wherever_they_are() -> None:
    """Five questions, twelve times each, over four partitions: five rows, as of one table, and it is said."""
    counting = Counting()
    frame = pd.concat([texts(5)] * 12, ignore_index=True).assign(expected_output="T0")
    batch = fh.batch(
        dask.from_pandas(frame, npartitions=4), "shout", variants=["loud", "parts"],
        client=counting.hive.client(), progress=False,
    )  # fmt: skip
    many = fh.compare(batch)
    assert many.pairs()["n"].tolist() == [5]
    assert "2 variants on 60 rows, 5 distinct" in repr(many)
    assert many.notes[0].startswith("60 rows, 5 distinct: ")


@pytest.mark.parametrize("lacking", [0.0, 0.1])
def test_copies_with_repeats_are_one_row_however_the_lines_lie(lacking: float) -> None:
    """Six copies of five questions, three times each, over partitions in any order, also where lines were left out:
    the clusters, tests and intervals of the same lines in memory."""
    rng = np.random.default_rng(8)
    lines = [
        {"row": row, "variant": variant, "key": f"{row % 5}{variant}{time}".ljust(64, "0"), "score": float(score)}
        for row in range(30)
        for variant in "ab"
        for time, score in enumerate(np.random.default_rng([row % 5, ord(variant)]).random(3) < 0.6)
    ]
    whole = pd.DataFrame(lines).sample(frac=1 - lacking, random_state=rng.integers(100)).reset_index(drop=True)
    one = fh.compare(whole, score="score")
    many: Any = fh.compare(dask.from_pandas(whole, npartitions=5, sort=False), score="score")
    assert one.pairs()["n"].tolist() == [5]
    pair, same = (_turned(cmp.pairs()).iloc[0] for cmp in (one, many))
    for column in ("n", "wins", "losses", "ci_low", "ci_high", "mean_a", "mean_b"):
        assert pair[column] == pytest.approx(same[column]), column
    assert many.notes[0].split(":")[0] == one.notes[0].split(":")[0]


def _turned(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return a table of one pair with `a` as the first: the order of variants is that of their first lines."""
    line = pairs.iloc[0].to_dict()
    if line["a"] == "b":
        line |= {"a": "a", "b": "b", "mean_a": line["mean_b"], "mean_b": line["mean_a"]}
        line |= {"wins": line["losses"], "losses": line["wins"], "ci_low": -line["ci_high"], "ci_high": -line["ci_low"]}
    return pd.DataFrame([line])


@pytest.mark.parametrize("failed", ["drop", "zero"])
@pytest.mark.parametrize("is_scored", [True, False])
def test_its_table_is_drawn_as_that_of_one_table(failed: str, is_scored: bool) -> None:
    """The same cells, best first: shares of how many rows, intervals, failures of how many runs, the winner marked."""
    frame = _runs(300, yes_no=True).assign(status="completed")
    frame.loc[frame["variant"] == "b", "score"] = 1.0
    frame.loc[frame.index % 50 == 0, ["status", "score"]] = ["failed", np.nan]
    given = {"score": "score"} if is_scored else {}
    frame = frame if is_scored else frame.drop(columns="score")
    parts = dask.from_pandas(frame, npartitions=3)
    one, many = fh.compare(frame, failed=failed, **given), fh.compare(parts, failed=failed, **given)
    table = re.compile(r"<table.*?</table>")
    times = re.compile(r"<td[^>]*>\d\.\d\d\d</td>")  # medians of partitions are near those of all
    ours, theirs = (times.sub("", table.search(shown._repr_html_())[0]) for shown in (many, one))  # type: ignore[index]
    assert ours == theirs
    assert ("best" in ours) is is_scored
