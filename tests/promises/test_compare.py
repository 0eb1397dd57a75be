"""Promises of a comparison: its tables, intervals, tests, verdict and gates, held against other implementations."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import optimize, stats
from sklearn.metrics import precision_recall_fscore_support
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW, ttost_paired
from truescore import ppi_estimate

import fh_notebook as fh
from tests.promises.comparison_frames import answers, compared, hive_of, numbers, outcomes, pair_of, tall
from tests.told import tells

SUMMARY = ["variant", "n", "missing", "failed", "mean", "ci_low", "ci_high", "median", "p50_s", "p95_s"]
PAIRS = [
    "a", "b", "n", "mean_a", "mean_b", "difference", "ci_low", "ci_high", "wins", "ties", "losses", "test", "p",
    "p_holm", "effect", "p_permutation", "interval",
]  # fmt: skip


def with_failures() -> pd.DataFrame:
    """Return ten rows of two variants, of which one run of ``a`` failed and another one has no score."""
    frame = tall({"a": [1.0, 0.0] * 5, "b": [1.0] * 10})
    frame["status"] = "completed"
    frame["elapsed_s"] = np.linspace(1.0, 2.9, 20)
    frame.loc[3, ["status", "s"]] = ["failed", np.nan]
    frame.loc[4, "s"] = np.nan
    return frame


# --- tables


def test_the_summary_has_the_promised_columns_and_counts_what_has_no_score() -> None:
    """Failed and missing runs are counted apart, and neither is taken as zero."""
    table = fh.compare(with_failures(), score="s").summary()
    assert list(table.columns) == SUMMARY
    assert table[["variant", "n", "missing", "failed"]].values.tolist() == [["a", 8, 1, 1], ["b", 10, 0, 0]]
    assert table["mean"].tolist() == [0.5, 1.0]
    assert table["median"].tolist() == [0.5, 1.0]


def test_a_failed_run_counts_as_zero_only_where_it_is_asked_for() -> None:
    """``failed="zero"`` counts the failed run as 0, and leaves the missing score missing."""
    cmp = fh.compare(with_failures(), score="s", failed="zero")
    table = cmp.summary()
    assert table[["n", "missing", "failed"]].values.tolist() == [[9, 1, 1], [10, 0, 0]]
    assert table["mean"].tolist() == pytest.approx([4 / 9, 1.0])
    assert pair_of(cmp)["n"] == 9
    assert pair_of(fh.compare(with_failures(), score="s"))["n"] == 8
    for score, failed in (("elapsed_s", "zero"), ("s", "one")):  # zero seconds would be the best ones
        with pytest.raises(fh.FetchHiveError):
            fh.compare(with_failures(), score=score, failed=failed)


def test_seconds_are_those_of_completed_runs() -> None:
    """The median and the 95th percentile leave out the failed run."""
    frame = with_failures()
    table = fh.compare(frame, score="s").summary().set_index("variant")
    for name in "ab":
        seconds = frame[(frame["variant"] == name) & (frame["status"] == "completed")]["elapsed_s"]
        assert table.loc[name, "p50_s"] == pytest.approx(np.percentile(seconds, 50))
        assert table.loc[name, "p95_s"] == pytest.approx(np.percentile(seconds, 95))


def test_pairs_have_the_promised_columns_and_say_everything_of_the_second() -> None:
    """Wins, losses, difference and effect are those of ``b`` against ``a``, which comes first in the table."""
    cmp = compared({"first": [1, 0, 0, 0, 1, 1, 1, 0], "then": [0, 1, 1, 1, 1, 1, 1, 0]})
    table = cmp.pairs()
    assert list(table.columns) == PAIRS
    line = pair_of(cmp)
    assert [line[name] for name in ("a", "b", "n", "wins", "ties", "losses")] == ["first", "then", 8, 3, 4, 1]
    assert [line[name] for name in ("mean_a", "mean_b", "difference", "effect")] == [0.5, 0.75, 0.25, 0.5]


def test_three_variants_make_three_pairs_in_the_order_of_their_appearance() -> None:
    """Each earlier one is ``a``."""
    cmp = compared(numbers(1, 20, z=0.0, m=0.0, a=0.0))
    assert cmp.variants == ["z", "m", "a"]
    assert cmp.pairs()[["a", "b"]].values.tolist() == [["z", "m"], ["z", "a"], ["m", "a"]]


def test_rows_that_only_one_variant_has_are_in_no_pair() -> None:
    """A pair is of the rows where both have a score."""
    frame = tall({"a": [1.0, 0.0, 1.0, 1.0], "b": [1.0, 1.0, 0.0, 1.0]}).drop(index=[0, 7])
    line = pair_of(fh.compare(frame, score="s"))
    assert [line[name] for name in ("n", "wins", "losses")] == [2, 1, 1]


def test_wide_has_the_variants_side_by_side() -> None:
    """A line a row, with output, score and seconds of each variant, and whether they differ."""
    frame = answers(["x", "y"], ["x", "x"], "a")
    other = answers(["x", "x"], ["x", "x"], "b")
    cmp = fh.compare(pd.concat([frame, other]), score=fh.score.exact())
    wide = cmp.wide()
    assert list(wide.columns) == [
        "row", "expected_output", "outputs_differ", "scores_differ",
        "a.output", "a.score", "a.seconds", "b.output", "b.score", "b.seconds",
    ]  # fmt: skip
    assert wide[["row", "outputs_differ", "scores_differ"]].values.tolist() == [[0, False, False], [1, True, True]]
    assert wide[["a.output", "a.score", "b.output", "b.score"]].values.tolist()[1] == ["y", 0.0, "x", 1.0]


def test_disagreements_are_the_rows_that_differ_in_score_or_in_output() -> None:
    """By score where there is one; ``by="output"`` by what was answered; anything else is refused."""
    frame = pd.concat([answers(["p", "q", "r"], variant="a"), answers(["p", "Q", "s"], variant="b")])
    frame["s"] = [1, 1, 1, 1, 1, 0]
    cmp = fh.compare(frame, score="s")
    assert cmp.disagreements()["row"].tolist() == [2]
    assert cmp.disagreements(by="output")["row"].tolist() == [1, 2]
    with pytest.raises(fh.InputError):
        cmp.disagreements(by="length")  # type: ignore[arg-type]


def test_the_leaderboard_ranks_by_the_mean_and_says_who_is_beaten() -> None:
    """The best is first, ``beats`` holds after Holm's correction only, and the failure rate is a share."""
    board = compared({"low": [0] * 20, "high": [1] * 20, "mid": [0, 1] * 10}).leaderboard()
    assert list(board.columns) == ["rank", *SUMMARY, "rows", "interval", "failure_rate", "beats"]
    assert board[["rank", "variant"]].values.tolist() == [[1, "high"], [2, "mid"], [3, "low"]]
    assert [set(str(beaten).replace(",", " ").split()) for beaten in board["beats"]] == [{"mid", "low"}, {"low"}, set()]
    assert fh.compare(with_failures(), score="s").leaderboard().set_index("variant").loc["a", "failure_rate"] == 0.1


def test_of_seconds_less_is_better_everywhere() -> None:
    """Wins, effect, leaderboard and verdict are those of the faster variant; the difference is that of the numbers."""
    frame = tall({"slow": [2.0] * 12, "fast": [1.0] * 12}).rename(columns={"s": "elapsed_s"})
    cmp = fh.compare(frame, score="elapsed_s")
    line = pair_of(cmp)
    assert [line[name] for name in ("difference", "wins", "losses", "effect")] == [-1.0, 12, 0, 1.0]
    assert cmp.leaderboard()["variant"].tolist() == ["fast", "slow"]
    cmp.assert_better("fast", than="slow")
    with pytest.raises(fh.GateFailed):
        cmp.assert_better("slow", than="fast")


def test_a_slice_is_the_summary_of_each_value() -> None:
    """By one column or by several; the numbers are those of a comparison of these rows alone."""
    language, tone = ["en", "de"] * 10, ["calm"] * 10 + ["brief"] * 10
    frame = tall({"a": [1, 0] * 10, "b": [1] * 15 + [0] * 5}, language=language, tone=tone)
    cmp = fh.compare(frame, score="s")
    table = cmp.slice(by="language")
    assert list(table.columns) == ["language", *SUMMARY]
    for name in ("en", "de"):
        alone = fh.compare(frame[frame["language"] == name], score="s").summary()
        got = table[table["language"] == name].drop(columns="language").reset_index(drop=True)
        pd.testing.assert_frame_equal(got, alone, check_dtype=False)
    both = cmp.slice(by=["language", "tone"])
    assert list(both.columns)[:2] == ["language", "tone"]
    assert len(both) == 8
    assert both["n"].sum() == 40
    with pytest.raises(fh.InputError, match="language"):
        cmp.slice(by="langage")


def test_a_slice_by_a_column_that_the_summary_has_too_keeps_both() -> None:
    """The column of the rows then stands as ``in.<name>``."""
    frame = tall({"a": [1, 0, 1, 0]}, mean=["x", "x", "y", "y"])
    table = fh.compare(frame, score="s").slice(by="mean")
    assert table[["in.mean", "n", "mean"]].values.tolist() == [["x", 2, 0.5], ["y", 2, 0.5]]


def test_scores_and_long_have_every_score_of_every_run() -> None:
    """``add_score`` puts one more beside the first; ``by`` is the comparison by it; missing ones are NaN."""
    frame = pd.concat([answers(["x", "yes"], ["x", "x"], "a"), answers([None, "x"], ["x", None], "b")])
    cmp = fh.compare(frame)
    assert cmp.add_score(fh.score.length(), name="letters") is cmp
    table = cmp.scores()
    assert list(table.columns) == ["row", "variant", "exact()", "letters"]
    # Lines may be in the order of the rows or of the variants.
    table = table.sort_values(["variant", "row"]).reset_index(drop=True)
    assert table["letters"].tolist()[:2] == [1.0, 3.0]
    assert table["exact()"].tolist()[:2] == [1.0, 0.0]
    assert math.isnan(table["exact()"][3])
    long = cmp.long()
    assert list(long.columns) == ["row", "variant", "repeat", "scorer", "score"]
    assert len(long) == 8
    assert pl.DataFrame(cmp).columns == list(long.columns)
    assert (cmp.scorer, cmp.by("letters").scorer) == ("exact()", "letters")
    with pytest.raises(fh.InputError):
        cmp.by("lettres")
    with pytest.raises(fh.InputError):
        cmp.add_score(fh.score.length(), name="letters")


def test_another_score_may_take_the_place_of_the_first() -> None:
    """``rescore`` scores the same runs by another scorer."""
    cmp = fh.compare(answers(["x", "yes"], ["x", "x"]))
    assert cmp.rescore(fh.score.length()).summary()["mean"].tolist() == [2.0]


# --- what can be compared


@pytest.mark.parametrize("kind", ["frame", "records", "columns", "polars", "file"])
def test_rows_may_come_as_any_table_with_row_variant_and_score(kind: str, tmp_path: Path) -> None:
    """A DataFrame, records, a dict of columns, a frame of Polars or a file have the same summary."""
    frame = tall({"a": [1, 0, 1], "b": [1, 1, 0]})
    frame.to_csv(tmp_path / "scores.csv", index=False)
    source = {
        "frame": frame, "records": frame.to_dict("records"), "columns": frame.to_dict("list"),
        "polars": pl.from_pandas(frame), "file": tmp_path / "scores.csv",
    }[kind]  # fmt: skip
    cmp = fh.compare(source, score="s")
    assert cmp.summary()[["variant", "n"]].values.tolist() == [["a", 3], ["b", 3]]
    assert cmp.summary()["mean"].tolist() == pytest.approx([2 / 3, 2 / 3])


@pytest.mark.parametrize(
    ("frame", "options", "named"),
    [
        (pd.DataFrame({"row": [1], "variant": ["a"], "score": [1]}), {"score": "scor"}, "score"),
        (pd.DataFrame({"row": [1], "s": [1]}), {"score": "s"}, "variant"),
        (pd.DataFrame({"case": [1], "variant": ["a"], "s": [1]}), {"score": "s"}, "row"),
        (pd.DataFrame({"row": [1], "variant": ["a"], "s": ["good"]}), {"score": "s"}, "s"),
    ],
)
def test_a_column_that_is_missing_or_no_score_is_one_error_that_names_it(
    frame: pd.DataFrame, options: dict[str, Any], named: str
) -> None:
    """An `InputError`, with the name of the column."""
    with pytest.raises(fh.InputError, match=rf"\b{named}\b"):
        fh.compare(frame, **options).summary()


def test_another_column_may_pair_the_runs() -> None:
    """``pair_on`` names it, and the tables have it in the place of ``row``."""
    frame = tall({"a": [1, 0, 1], "b": [1, 1, 0]}).rename(columns={"row": "case"})
    frame = frame.sample(frac=1, random_state=1)
    cmp = fh.compare(frame, score="s", pair_on="case")
    assert cmp.pair_on == "case"
    assert pair_of(cmp)["n"] == 3
    assert cmp.wide().columns[0] == "case"


def test_without_a_score_expected_outputs_are_compared_exactly_else_only_seconds() -> None:
    """``score=None`` is ``exact()`` where there is an ``expected_output``; else there are no scores."""
    assert fh.compare(answers(["x", "y"], ["x", "x"])).summary()["mean"].tolist() == [0.5]
    plain = fh.compare(answers(["x", "y"]).assign(elapsed_s=[1.0, 3.0], status="completed"))
    assert plain.scorer == ""
    assert plain.summary()[["n", "p50_s"]].values.tolist() == [[0, 2.0]]
    with pytest.raises(fh.InputError):
        plain.assert_better("a", than="a")


def test_the_same_variant_on_two_dates_is_compared_under_their_names() -> None:
    """A mapping of names to batches compares today with Monday, on the rows with the same inputs."""
    hive = hive_of("echo", {"live": lambda text: text})
    later = hive_of("echo", {"live": lambda text: "other"})
    rows = [{"text": f"t{n}", "expected_output": f"t{n}"} for n in range(12)]
    monday = fh.batch(rows, "echo", client=hive.client(), progress=False)
    today = fh.batch(rows[::-1], "echo", client=later.client(), progress=False)
    cmp = fh.compare({"monday": monday, "today": today})
    line = pair_of(cmp)
    assert ("monday" in line["a"], "today" in line["b"]) == (True, True)
    assert [line[name] for name in ("n", "wins", "losses")] == [12, 0, 12]


# --- equal rows, and repeats


def test_rows_with_equal_inputs_are_one_piece_of_evidence() -> None:
    """Eight rows of a batch, six times over, prove no more than eight: the interval and p are those of eight."""
    answer = {"a": lambda text: "no" if text[-1] in "01234" else "yes", "b": lambda text: "yes"}
    rows = [{"text": f"t{n}", "expected_output": "yes"} for n in range(8)]
    found = []
    for times in (1, 6):
        hive = hive_of("quiz", answer)
        cmp = fh.compare(fh.batch(rows * times, "quiz", client=hive.client(), reuse=None, progress=False))
        found.append((pair_of(cmp), cmp.summary()))
    (once, _), (often, summary) = found
    assert summary.attrs["rows"] == {"a": 8, "b": 8}
    for name in ("n", "wins", "losses", "p", "difference"):
        assert often[name] == once[name], name
    assert once["p"] == 2 * 0.5**5
    assert often["ci_high"] - often["ci_low"] == pytest.approx(once["ci_high"] - once["ci_low"], rel=0.05)


def test_repeats_of_a_row_are_averaged_and_are_no_new_rows() -> None:
    """Lines of the same row and variant are one cluster: mean of means, and an interval over rows."""
    once = tall({"a": [1, 0, 1, 0, 1, 0, 1, 1], "b": [1] * 8})
    cmp = fh.compare(pd.concat([once] * 10), score="s")
    table, alone = cmp.summary(), fh.compare(once, score="s").summary()
    assert table["n"].tolist() == [80, 80]
    assert table["mean"].tolist() == alone["mean"].tolist()
    assert table.attrs["rows"] == {"a": 8, "b": 8}
    assert (table["ci_high"] - table["ci_low"] >= 0.98 * (alone["ci_high"] - alone["ci_low"])).all()
    assert pair_of(cmp)["n"] == 8
    assert pair_of(cmp)["p"] == pair_of(fh.compare(once, score="s"))["p"]


def test_repeats_that_differ_give_a_share_of_the_row() -> None:
    """Three answers of which two are right count as two thirds of one row, and a row of one answer as a whole one."""
    frame = pd.DataFrame({"row": [0, 0, 0, 1], "variant": "a", "s": [1, 1, 0, 0]})
    assert fh.compare(frame, score="s").summary()["mean"].tolist() == pytest.approx([1 / 3])


# --- intervals


def blaker(k: int, n: int, p: float) -> float:
    """Return the p of Blaker's exact test of a share, by its definition."""
    ks = np.arange(n + 1)
    tails = np.minimum(stats.binom.cdf(ks, n, p), stats.binom.sf(ks - 1, n, p))
    return float(stats.binom.pmf(ks[tails <= tails[k] * (1 + 1e-9)], n, p).sum())


@pytest.mark.parametrize("n", [1, 7, 25])
def test_the_interval_of_a_share_is_blakers(n: int) -> None:
    """Shares beyond a limit are rejected by the exact test, and those inside are not; the same holds at 0 and n."""
    columns = {f"v{k}": [1] * k + [0] * (n - k) for k in range(n + 1)}
    table = compared(columns).summary() if n > 1 else fh.compare(tall(columns), score="s").summary()
    for k, line in enumerate(table.to_dict("records")):
        low, high = line["ci_low"], line["ci_high"]
        assert 0 <= low < high <= 1
        wide = proportion_confint(k, n, method="beta")
        assert wide[0] - 1e-6 <= low
        assert high <= wide[1] + 1e-6
        for limit, outwards in ((low, -1), (high, 1)):
            if 0 < limit < 1:
                assert blaker(k, n, limit + outwards * 2e-3) < 0.05 or not 0 < limit + outwards * 2e-3 < 1
                assert blaker(k, n, limit - outwards * 1e-6) >= 0.05 - 1e-6
        assert (low == 0, high == 1) == (k == 0, k == n)


def tango(n: int, wins: int, losses: int) -> tuple[float, float]:
    """Return Tango's score interval of a difference of paired shares, without any correction."""

    def z(d: float) -> float:
        a, b, c = 2 * n, -wins - losses + (2 * n - wins + losses) * d, -losses * d * (1 - d)
        q = (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)
        variance = n * (2 * q + d * (1 - d))
        return (wins - losses - n * d) / math.sqrt(variance) if variance > 0 else 0.0

    seen, limit = (wins - losses) / n, stats.norm.isf(0.025)
    low = -1.0 if seen == -1 else optimize.brentq(lambda d: z(d) - limit, -1 + 1e-9, seen - 1e-9)
    high = 1.0 if seen == 1 else optimize.brentq(lambda d: z(d) + limit, seen + 1e-9, 1 - 1e-9)
    return low, high


def test_the_interval_of_a_difference_of_shares_is_tangos_and_covers() -> None:
    """All outcomes of 12 rows: hardly wider than Tango's own, and the truth is inside in 94 % whatever it is."""
    n = 12
    found = {}
    for wins, losses in itertools.product(range(n + 1), repeat=2):
        if wins + losses <= n:
            line = pair_of(compared(outcomes(n, wins, losses)))
            low, high = found[wins, losses] = line["ci_low"], line["ci_high"]
            assert line["interval"] == "tango"
            assert -1 <= low < high <= 1
            theirs = tango(n, wins, losses)
            assert high - low >= theirs[1] - theirs[0] - 1e-6
            assert (low, high) == pytest.approx(theirs, abs=0.05)
    ks = np.array(list(found))
    for win, lose in itertools.product((0.02, 0.1, 0.25, 0.45), repeat=2):
        chances = stats.multinomial.pmf(np.c_[ks, n - ks.sum(1)], n, [win, lose, 1 - win - lose])
        holds = np.array([low <= win - lose <= high for low, high in found.values()])
        assert chances[holds].sum() >= 0.937, (win, lose)


@pytest.mark.parametrize("n", [2, 6, 39])
def test_the_interval_of_few_paired_numbers_is_students(n: int) -> None:
    """As statsmodels has it, below 40 rows."""
    columns = numbers(n, n, a=0.0, b=0.4)
    line = pair_of(compared(columns))
    theirs = DescrStatsW(columns["b"] - columns["a"]).tconfint_mean()
    assert line["interval"] == "t"
    assert (line["ci_low"], line["ci_high"]) == pytest.approx(theirs, abs=1e-9)


def bca(values: np.ndarray) -> tuple[float, float]:
    """Return scipy's interval of a mean."""
    draws = np.random.default_rng(1)
    return tuple(stats.bootstrap((values,), np.mean, method="BCa", n_resamples=9_999, rng=draws).confidence_interval)


def deviations(samples: list[np.ndarray], limits: list[tuple[float, float]]) -> np.ndarray:
    """Return how far limits are from scipy's, in widths of its interval."""
    theirs = np.array([bca(values) for values in samples])
    return (np.array(limits) - theirs) / np.diff(theirs, axis=1)


def test_the_interval_of_more_paired_numbers_is_the_bca_bootstraps() -> None:
    """As scipy has it, up to what the draws leave to chance, of skewed differences."""
    samples, limits = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        columns = {"a": rng.exponential(1.0, 60), "b": rng.exponential(2.0, 60)}
        line = pair_of(compared(columns))
        assert line["interval"] == "bca"
        samples.append(columns["b"] - columns["a"])
        limits.append((line["ci_low"], line["ci_high"]))
    found = deviations(samples, limits)
    assert np.abs(found).max() < 0.07
    assert np.abs(found.mean(axis=0)).max() < 0.03


def test_the_interval_of_very_many_paired_numbers_is_the_normal_one() -> None:
    """Above 5,000 rows."""
    columns = numbers(4, 5_001, a=0.0, b=0.1)
    line = pair_of(compared(columns))
    theirs = DescrStatsW(columns["b"] - columns["a"]).zconfint_mean()
    assert line["interval"] == "normal"
    assert (line["ci_low"], line["ci_high"]) == pytest.approx(theirs, abs=1e-3)


def test_the_interval_of_a_mean_is_the_bca_bootstraps() -> None:
    """As scipy has it from 40 rows on, of skewed scores; below it is wider; it is named for each variant."""
    rng = np.random.default_rng(5)
    samples = [rng.exponential(2.0, 60) for _ in range(5)]
    table = compared({f"v{n}": values for n, values in enumerate(samples)}).summary()
    assert set(table.attrs["interval"].values()) == {"bca"}
    found = deviations(samples, table[["ci_low", "ci_high"]].to_numpy().tolist())
    assert np.abs(found).max() < 0.07
    assert np.abs(found.mean(axis=0)).max() < 0.03
    few = rng.exponential(2.0, 12)
    table = compared({"a": few}).summary()
    assert table.attrs["interval"] == {"a": "bca, widened"}
    assert np.diff(table.loc[0, ["ci_low", "ci_high"]])[0] > 1.05 * np.diff(bca(few))[0]
    many = rng.exponential(2.0, 5_001)
    table = compared({"a": many}).summary()
    assert table.attrs["interval"] == {"a": "bca, analytic"}
    assert table.loc[0, ["ci_low", "ci_high"]].tolist() == pytest.approx(DescrStatsW(many).zconfint_mean(), abs=5e-3)


def test_the_interval_of_a_mean_of_few_numbers_covers() -> None:
    """Of 1,000 samples of 8 skewed scores each, the mean of all is inside in nearly 95 %."""
    rng = np.random.default_rng(11)
    columns = {f"v{n}": rng.beta(2.0, 4.0, 8) for n in range(1_000)}
    table = compared(columns).summary()
    assert 0.92 <= ((table["ci_low"] <= 1 / 3) & (table["ci_high"] >= 1 / 3)).mean() <= 0.985


@pytest.mark.parametrize(
    ("scores", "low", "high"),
    [
        ([0.98, 0.99, 1.0, 1.0, 0.5], 0, 1),
        ([0.9] * 6, 0, 1),
        ([-0.9, -1.0, -0.99, -0.2], -1, 1),
        ([0.01, 0.0, 40.0, 0.0, 2.0], 0, math.inf),
        ([7.0] * 5, 0, math.inf),
        ([-5.0, 3.0, 900.0, 20.0], -math.inf, math.inf),
    ],
)
def test_an_interval_stays_in_the_range_of_the_scores_and_has_a_width(
    scores: list[float], low: float, high: float
) -> None:
    """Scores from 0 to 1, from -1 to 1, from 0 on, or any number; all equal ones are no certainty."""
    line = compared({"a": scores}).summary().iloc[0]
    assert low <= line["ci_low"] < line["ci_high"] <= high
    assert line["ci_low"] <= line["mean"] <= line["ci_high"]
    pair = pair_of(compared({"a": scores, "b": scores[::-1]}))
    assert pair["ci_low"] < pair["ci_high"]
    assert low - high <= pair["ci_low"]
    assert pair["ci_high"] <= high - low


def test_tables_are_the_same_each_time() -> None:
    """All that is drawn by chance has a fixed seed."""
    columns = numbers(8, 60, a=0.0, b=0.3, c=0.1)
    pd.testing.assert_frame_equal(compared(columns).summary(), compared(columns).summary())
    pd.testing.assert_frame_equal(pd.DataFrame(compared(columns).pairs()), pd.DataFrame(compared(columns).pairs()))


# --- tests


@pytest.mark.parametrize(("wins", "losses"), [(6, 0), (5, 1), (9, 2), (3, 3), (0, 0), (2, 17)])
def test_yes_and_no_are_tested_by_mcnemars_exact_test(wins: int, losses: int) -> None:
    """As statsmodels has it, from booleans as well as from 0 and 1."""
    columns = outcomes(25, wins, losses)
    for kind in (int, bool):
        line = pair_of(compared({name: [kind(x) for x in values] for name, values in columns.items()}))
        theirs = mcnemar([[0, wins], [losses, 0]], exact=True).pvalue
        assert (line["test"], line["p"]) == ("mcnemar_exact", pytest.approx(theirs))


@pytest.mark.parametrize("n", [6, 9, 40])
def test_numbers_are_tested_by_wilcoxons_test(n: int) -> None:
    """As scipy has it."""
    columns = numbers(n, n, a=0.0, b=0.8)
    line = pair_of(compared(columns))
    assert (line["test"], line["p"]) == (
        "wilcoxon", pytest.approx(stats.wilcoxon(columns["b"], columns["a"]).pvalue),
    )  # fmt: skip


def test_few_numbers_with_ties_are_tested_exactly() -> None:
    """All patterns of signs of ten differences with ties, counted by scipy."""
    columns = {"a": [1.5] * 10, "b": [2.5, 2.5, 2.5, 0.5, 3.5, 3.5, 1.5, 2.5, 4.5, 2.5]}
    difference = np.array(columns["b"]) - 1.5
    ranks = stats.rankdata(np.abs(difference[difference != 0]))
    signs = np.array(list(itertools.product((0, 1), repeat=len(ranks)))) @ ranks
    seen = ranks[difference[difference != 0] > 0].sum()
    expected = 2 * min((signs >= seen).mean(), (signs <= seen).mean())
    assert pair_of(compared(columns))["p"] == pytest.approx(expected)


def test_below_six_pairs_nothing_is_tested() -> None:
    """No pattern of five rows can be told from chance; six can."""
    for n, test in ((5, "none"), (6, "mcnemar_exact")):
        cmp = compared({"a": [0] * n, "b": [1] * n})
        assert pair_of(cmp)["test"] == test
        assert math.isnan(pair_of(cmp)["p"]) is (test == "none")
    with pytest.raises(fh.GateFailed):
        compared({"a": [0] * 5, "b": [1] * 5}).assert_better("b", than="a")


def test_p_is_corrected_by_holm_for_all_pairs() -> None:
    """As statsmodels has it, over six pairs."""
    table = compared(numbers(3, 30, a=0.0, b=0.3, c=0.6, d=0.65)).pairs()
    assert len(table) == 6
    assert table["p_holm"].tolist() == pytest.approx(multipletests(table["p"], method="holm")[1])
    assert (table["p_holm"] > table["p"]).any()


def test_the_permutation_test_is_scipys() -> None:
    """Counted where the rows are few; of more rows within what random signs leave to chance."""
    for n, within in ((10, 1e-9), (50, 0.012)):
        columns = numbers(n, n, a=0.0, b=0.35)
        theirs = stats.permutation_test(
            (columns["b"] - columns["a"],), np.mean, permutation_type="samples", n_resamples=20_000,
            rng=np.random.default_rng(0),
        ).pvalue  # fmt: skip
        assert pair_of(compared(columns))["p_permutation"] == pytest.approx(theirs, abs=within)


def test_the_effect_is_the_matched_pairs_rank_biserial_correlation() -> None:
    """The share of ranks in favour less that of those against."""
    columns = numbers(6, 25, a=0.0, b=0.5)
    difference = columns["b"] - columns["a"]
    ranks = stats.rankdata(np.abs(difference))
    assert pair_of(compared(columns))["effect"] == pytest.approx((ranks * np.sign(difference)).sum() / ranks.sum())


def test_power_and_rows_needed_are_those_of_statsmodels() -> None:
    """Of numbers, by the t test of the paired differences; the columns are the promised ones."""
    columns = numbers(9, 80, a=0.0, b=0.9)
    difference = columns["b"] - columns["a"]
    table = compared(columns).power()
    assert list(table.columns) == ["a", "b", "n", "difference", "power", "rows_needed", "rows_more", "detectable"]
    line = table.iloc[0]
    effect = abs(difference.mean()) / difference.std(ddof=1)
    assert line["power"] == pytest.approx(TTestPower().power(effect, 80, 0.05), abs=0.01)
    assert line["rows_needed"] == pytest.approx(TTestPower().solve_power(effect, alpha=0.05, power=0.8), rel=0.03)
    assert line["rows_more"] == max(0, line["rows_needed"] - 80)
    twice = compared(columns).power(difference=2 * abs(difference.mean())).iloc[0]
    assert twice["rows_needed"] == pytest.approx(TTestPower().solve_power(2 * effect, alpha=0.05, power=0.8), abs=1)
    few = compared({"a": [0.5, 0.2, 0.1], "b": [0.6, 0.9, 0.1]}).power().iloc[0]
    assert (few["power"], math.isinf(few["detectable"]), few["rows_needed"] >= 6) == (0, True, True)


# --- verdict and gates


def test_a_winner_is_named_where_test_and_interval_agree() -> None:
    """Ten wins and no loss of 20 rows: the verdict names the winner first, and the gate passes one way only."""
    cmp = compared(outcomes(20, 10, 0))
    assert cmp.verdict.startswith("b ")
    assert tells(cmp.verdict, "20", "50")
    cmp.assert_better("b", than="a")
    with pytest.raises(fh.GateFailed) as raised:
        cmp.assert_better("a", than="b")
    assert isinstance(raised.value, AssertionError)
    with pytest.raises(fh.InputError, match="'b'"):
        cmp.assert_better("bb", than="a")


def test_no_winner_is_named_where_the_test_and_the_mean_disagree() -> None:
    """Winning often by little and losing seldom by much is no victory of either, however small p is."""
    lead = np.r_[np.full(35, 0.1), np.full(4, -5.0)] + np.linspace(0, 0.01, 39)
    cmp = compared({"a": np.full(39, 7.5), "b": 7.5 + lead})
    assert pair_of(cmp)["p_holm"] < 0.001
    assert pair_of(cmp)["difference"] < 0
    for names in ("ab", "ba"):
        with pytest.raises(fh.GateFailed):
            cmp.assert_better(names[0], than=names[1])
    assert set(cmp.leaderboard()["beats"]) == {""}
    assert cmp.best()["may_be_best"].all()


def test_no_winner_is_named_that_only_an_uncorrected_test_would_name() -> None:
    """p is below 0.05 for one pair of many, and not after Holm's correction."""
    assert pair_of(compared(outcomes(40, 8, 1)))["p"] < 0.05
    compared(outcomes(40, 8, 1)).assert_better("b", than="a")
    columns = outcomes(40, 8, 1) | {"c": [1] * 40, "d": outcomes(40, 8, 1)["a"]}
    cmp = compared(columns)
    line = cmp.pairs().iloc[0]
    assert line["p"] < 0.05 < line["p_holm"]
    assert line["ci_low"] > 0
    with pytest.raises(fh.GateFailed):
        cmp.assert_better("b", than="a")
    cmp.assert_better("b", than="a", alpha=0.5)


def test_no_worse_is_shown_by_the_lower_limit_of_the_pair() -> None:
    """At the usual level it is that of ``pairs()``, to the last digit, and too few rows do not pass."""
    cmp = compared(outcomes(300, 20, 18))
    limit = pair_of(cmp)["ci_low"]
    assert limit < 0
    cmp.assert_not_worse("b", than="a", by=-limit + 1e-9)
    with pytest.raises(fh.GateFailed):
        cmp.assert_not_worse("b", than="a", by=-limit - 1e-9)
    with pytest.raises(fh.GateFailed):
        compared(outcomes(8, 0, 0)).assert_not_worse("b", than="a", by=0.05)
    for wrong in (-0.1, math.nan):
        with pytest.raises(fh.InputError):
            cmp.assert_not_worse("b", than="a", by=wrong)


@pytest.mark.parametrize("alpha", [0.01, 0.1])
def test_equivalence_is_that_of_two_one_sided_tests(alpha: float) -> None:
    """As statsmodels has them, each at half of alpha."""
    columns = numbers(2, 30, a=0.0, b=0.1)
    cmp = compared(columns)
    found = set()
    for by in (0.1, 0.3, 0.5, 0.7, 0.9, 1.5):
        theirs = ttost_paired(columns["b"], columns["a"], -by, by)[0] < alpha / 2
        assert cmp.is_equivalent("b", "a", by=by, alpha=alpha) == cmp.is_equivalent("a", "b", by=by, alpha=alpha)
        assert cmp.is_equivalent("a", "b", by=by, alpha=alpha) == theirs
        found.add(theirs)
    assert found == {True, False}


def test_a_gate_of_seconds_is_of_the_faster_and_the_slower() -> None:
    """``value="seconds"`` compares the seconds of completed runs, of which fewer are better."""
    rng = np.random.default_rng(1)
    hard = rng.normal(2.0, 0.5, 100)
    frame = tall({"live": np.ones(100), "new": np.ones(100)}).assign(status="completed")
    frame["elapsed_s"] = np.r_[hard, hard + 0.05 + rng.normal(0, 0.1, 100)]
    cmp = fh.compare(frame, score="s")
    cmp.assert_not_worse("new", than="live", by=0.1, value="seconds")
    cmp.assert_not_worse("live", than="new", by=0.0, value="seconds")
    with pytest.raises(fh.GateFailed):
        cmp.assert_not_worse("new", than="live", by=0.01, value="seconds")


# --- a judge corrected by labels


def judged(seed: int, rows: int = 300, favours: float = 0.6) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return scores of a judge that calls so many of the wrong answers of ``b`` right, and the truth of all rows."""
    rng = np.random.default_rng(seed)
    right = rng.random((rows, 2)) < 0.7
    says = right.copy()
    says[:, 1] |= rng.random(rows) < favours
    wide = {"a": says[:, 0] * 1, "b": says[:, 1] * 1}
    return tall(wide), tall({"a": right[:, 0] * 1, "b": right[:, 1] * 1}).rename(columns={"s": "label"})


def test_a_corrected_mean_is_that_of_truescore() -> None:
    """Prediction-powered inference: between the labels alone and the judge corrected in full, as its weight says."""
    scores, truth = judged(3)
    labels = truth[truth["row"] < 60]
    table = fh.compare(scores, score="s").corrected(labels).summary().set_index("variant")
    for name in "ab":
        says = scores[scores["variant"] == name]["s"].to_numpy(float)
        known = labels[labels["variant"] == name]["label"].to_numpy(float)
        theirs = ppi_estimate(says, known, np.arange(60))
        assert table.loc[name, "mean"] == pytest.approx(theirs.point, abs=0.01)
        alone = compared({"x": known}).summary().iloc[0]
        width = table.loc[name, "ci_high"] - table.loc[name, "ci_low"]
        assert width <= alone["ci_high"] - alone["ci_low"] + 1e-9
        assert width == pytest.approx(theirs.high - theirs.low, rel=0.25)


def test_a_corrected_judge_covers_and_an_uncorrected_one_does_not() -> None:
    """Of 120 tables, the true mean of the favoured variant and the true difference are inside in nearly 95 %."""
    inside = np.zeros(3)
    for seed in range(120):
        scores, truth = judged(seed, rows=150)
        cmp = fh.compare(scores, score="s")
        fixed = cmp.corrected(truth[truth["row"] < 40])
        mean, pair, alone = fixed.summary().iloc[1], pair_of(fixed), cmp.summary().iloc[1]
        inside += [
            mean["ci_low"] <= 0.7 <= mean["ci_high"], pair["ci_low"] <= 0 <= pair["ci_high"],
            alone["ci_low"] <= 0.7 <= alone["ci_high"],
        ]  # fmt: skip
        if seed == 0:
            assert (pair["n"], pair["test"]) == (40, "corrected")
    assert inside[0] >= 0.91 * 120
    assert inside[1] >= 0.91 * 120
    assert inside[2] <= 0.2 * 120


def test_errors_of_the_judge_are_counted_and_few_labels_are_refused() -> None:
    """Of ``b`` it calls wrong answers right; nine labels of a variant correct nothing."""
    scores, truth = judged(5)
    cmp = fh.compare(scores, score="s")
    errors = cmp.corrected(truth[truth["row"] < 150]).judge_errors().set_index("variant")
    assert errors.loc["a", ["labels", "agreement", "sensitivity", "specificity", "bias"]].tolist() == [150, 1, 1, 1, 0]
    assert errors.loc["b", "sensitivity"] == 1
    assert 0.25 < errors.loc["b", "specificity"] < 0.55
    assert errors.loc["b", "bias_low"] > 0
    with pytest.raises(fh.InputError):
        cmp.corrected(truth[truth["row"] < 9])
    cmp.corrected(truth[truth["row"] < 10])


# --- labels, repeats, groups and cost


def test_classes_have_the_precision_recall_and_f1_of_scikit_learn() -> None:
    """For each label and their macro average, where ``expected_output`` is one of a few labels."""
    rng = np.random.default_rng(3)
    expected = rng.choice(["x", "y", "z"], 60)
    given = np.where(rng.random(60) < 0.6, expected, rng.choice(["x", "y", "z"], 60))
    classes = fh.compare(answers(given, expected)).classes()
    theirs = precision_recall_fscore_support(expected, given, labels=["x", "y", "z"])
    values = classes.frame.select_dtypes("number").to_numpy()
    for peer in (*theirs[0], *theirs[1], *theirs[2], theirs[2].mean()):
        assert np.isclose(values, peer).any()
    table = classes.confusion("a")
    assert table.loc["x", "y"] == ((expected == "x") & (given == "y")).sum()


def test_repeats_say_how_often_an_answer_is_given_again() -> None:
    """The answers to each row with their counts, and pass@k and pass^k."""
    frame = pd.DataFrame({"row": [0, 0, 0, 1, 1, 1], "variant": "a", "output": list("xxyxxx"), "expected_output": "x"})
    repeats = fh.compare(frame).repeats()
    assert repeats.answers[["row", "answer", "count"]].values.tolist() == [[0, "x", 2], [0, "y", 1], [1, "x", 3]]
    values = repeats.passes.select_dtypes("number").to_numpy()
    assert np.isclose(values, (2 / 3 + 1) / 2).any()  # one answer
    assert np.isclose(values, (1 / 3 + 1) / 2).any()  # two, both right
    with pytest.raises(fh.InputError):
        fh.compare(answers(["x", "y"])).repeats()


def test_the_best_are_those_that_nobody_beats() -> None:
    """Groups agree with the pairs, and the chances of being best sum to 1."""
    table = compared({"a": [1] * 30, "b": [1] * 29 + [0], "c": [1] * 12 + [0] * 18}).best().set_index("variant")
    assert table["may_be_best"].to_dict() == {"a": True, "b": True, "c": False}
    assert table["group"].to_dict() == {"a": 1, "b": 1, "c": 2}
    assert table["probability"].sum() == pytest.approx(1)
    assert table["probability"].idxmax() == "a"


def test_a_variant_is_in_the_pareto_set_unless_another_is_as_good_for_less() -> None:
    """Score beside a cost that a column or a function of the run gives."""
    price = {"a": 3.0, "b": 2.0, "c": 2.0}
    frame = tall({"a": [1, 1], "b": [0, 0], "c": [0, 1]})
    frame["eur"] = frame["variant"].map(price)
    hive = hive_of("quiz", {"a": lambda text: "x", "b": lambda text: "n", "c": lambda text: text})
    rows = [{"text": text, "expected_output": "x"} for text in ("x", "y")]
    batch = fh.batch(rows, "quiz", client=hive.client(), progress=False)
    for cmp, cost in ((fh.compare(frame, score="s"), "eur"), (fh.compare(batch), lambda run: price[run.variant])):
        table = cmp.tradeoff(cost=cost).set_index("variant")
        assert table["pareto"].to_dict() == {"a": True, "b": False, "c": True}
        assert table["cost"].to_dict() == price


def test_with_a_price_the_summary_has_what_the_calls_cost() -> None:
    """``configure(price_per_call=)`` adds the column ``cost``."""
    batch = fh.batch(["x", "y", "z"], "echo", client=hive_of("echo", {"a": str}).client(), progress=False)
    assert "cost" not in fh.compare(batch).summary()
    fh.configure(price_per_call=0.5)
    assert fh.compare(batch).summary()["cost"].tolist() == [1.5]


def test_a_wrong_expected_output_is_corrected_and_scored_again(tmp_path: Path) -> None:
    """The table stays as it is; the correction counts in every later batch with these inputs, and can be taken back."""
    client = hive_of("echo", {"a": lambda text: text}).client()
    rows = [{"text": "x", "expected_output": "X"}, {"text": "y", "expected_output": "y"}]
    batch = fh.batch(rows, "echo", client=client, progress=False)
    cmp = fh.compare(batch).correct(0, expected="x", note="a letter", author="anna")
    assert cmp.summary()["mean"].tolist() == [1.0]
    line = cmp.corrections().iloc[0]
    assert line[["replaced", "expected", "note", "author", "applies"]].tolist() == ["X", "x", "a letter", "anna", True]
    again = fh.batch(rows[:1], "echo", client=client, name="other", progress=False)
    assert fh.compare(again).summary()["mean"].tolist() == [1.0]
    written = pd.read_json(cmp.write_corrected(tmp_path / "rows.jsonl"), lines=True)
    assert written["expected_output"].tolist() == ["x", "y"]
    with pytest.raises(fh.SettingsError):
        cmp.write_corrected(tmp_path / "rows.jsonl")
    assert cmp.correct(0, expected="X").summary()["mean"].tolist() == [0.5]
    with pytest.raises(fh.InputError):
        cmp.correct(7, expected="x")
