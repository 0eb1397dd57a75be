"""The statistics of a comparison beside those of `evalstats`, which somebody else has written.

Where both use the same rule the numbers are equal; where the rules differ, they differ by no more than the rules do.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fh_notebook as fh

with warnings.catch_warnings():  # of what it imports
    warnings.simplefilter("ignore")
    import evalstats

DRAWS = 20_000


def _frame(scores: Any) -> pd.DataFrame:
    """Return scores, variants x rows or variants x rows x repeats, as a table."""
    scores = np.asarray(scores, dtype="float64")
    scores = scores[:, :, None] if scores.ndim == 2 else scores
    return pd.DataFrame(
        [
            {"row": row, "variant": f"v{variant}", "s": scores[variant, row, repeat]}
            for variant, row, repeat in np.ndindex(*scores.shape)
        ]
    )


def _yes_no(rows: int, *shares: float, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    hard = rng.random(rows)
    return np.array([np.where(rng.random(rows) < 0.6, hard, rng.random(rows)) < share for share in shares], dtype=float)


@pytest.mark.parametrize("rows", [30, 100, 1_000])
def test_differences_of_shares_are_tangos(rows: int) -> None:
    """The same difference; the interval here is corrected by an eighth of a row, so it is a little wider at each end."""
    scores = _yes_no(rows, 0.7, 0.8)
    pair = fh.compare(_frame(scores), score="s").pairs().iloc[0]
    theirs = evalstats.pairwise_differences(scores, 1, 0, method="tango", rng=np.random.default_rng(0))
    assert pair["difference"] == pytest.approx(theirs.point_diff)
    assert theirs.ci_low - 1 / rows <= pair["ci_low"] <= theirs.ci_low
    assert theirs.ci_high <= pair["ci_high"] <= theirs.ci_high + 1 / rows
    assert theirs.p_value <= pair["p"], "the exact test is at least as large as its mid-p"


def test_differences_of_few_numbers_are_students() -> None:
    """Of fewer than 40 rows, to the last digit."""
    scores = np.random.default_rng(1).normal([[0.0], [0.4]], 1.0, size=(2, 30))
    pair = fh.compare(_frame(scores), score="s").pairs().iloc[0]
    theirs = evalstats.pairwise_differences(scores, 1, 0, method="t_interval", rng=np.random.default_rng(0))
    assert pair[["difference", "ci_low", "ci_high"]].tolist() == pytest.approx(
        [theirs.point_diff, theirs.ci_low, theirs.ci_high]
    )


def test_the_probability_of_being_best_is_that_of_ranks() -> None:
    """Both draw rows; 2,000 samples here, more there."""
    scores = np.random.default_rng(2).normal([[0.0], [0.1], [0.3], [0.35]], 1.0, size=(4, 80))
    found = fh.compare(_frame(scores), score="s").best().set_index("variant")["probability"]
    theirs = evalstats.bootstrap_ranks(
        scores, [f"v{n}" for n in range(4)], n_bootstrap=DRAWS, method="bootstrap", rng=np.random.default_rng(0)
    )
    assert [found[label] for label in theirs.labels] == pytest.approx(theirs.p_best.tolist(), abs=0.03)


def test_variances_within_rows_are_the_same() -> None:
    """Of repeats: what one row's scores vary by, whatever they do between rows."""
    rng = np.random.default_rng(3)
    scores = rng.normal(size=(2, 60, 1)) + rng.normal(0, 0.5, size=(2, 60, 5))
    found = fh.compare(_frame(scores), score="s").repeats().frame.set_index("variant")
    theirs = evalstats.seed_variance_decomposition(scores, ["v0", "v1"])
    assert found["variance_within"].tolist() == pytest.approx(np.asarray(theirs.seed_var).tolist())


def test_a_corrected_judge_is_prediction_powered_inference() -> None:
    """The same estimate where the judge is used as much, and truth and estimates lie in each other's intervals."""
    rng = np.random.default_rng(4)
    truth = rng.random(500) < 0.7
    judge = np.where(truth, rng.random(500) < 0.95, rng.random(500) < 0.3).astype(float)
    labelled = rng.choice(500, 100, replace=False)
    human = np.full(500, np.nan)
    human[labelled] = truth[labelled]
    labels = pd.DataFrame({"row": labelled, "variant": "v0", "label": truth[labelled]})
    line = fh.compare(_frame([judge]), score="s").corrected(labels).summary().iloc[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that labels are to be drawn by chance, as they are
        theirs = evalstats.judge_debias_mean_ci(judge, human, rng=0)
    assert line["mean"] == pytest.approx(theirs.mean, abs=0.02)
    assert theirs.ci_low <= line["mean"] <= theirs.ci_high
    assert line["ci_low"] <= theirs.mean <= line["ci_high"]
    assert line["ci_low"] <= truth.mean() <= line["ci_high"]


def test_whoever_is_dominated_there_is_not_in_the_pareto_set() -> None:
    """There only beyond chance; here by the figures."""
    rng = np.random.default_rng(5)
    seconds = rng.gamma(9.0, [[0.05], [0.1], [0.3]], size=(3, 200))
    scores = _yes_no(200, 0.6, 0.9, 0.7)
    frame = _frame(scores).assign(elapsed_s=seconds.ravel(), status="completed")
    found = fh.compare(frame, score="s").tradeoff().set_index("variant")["pareto"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = evalstats.tradeoff(
            frame, factor="variant", item_col="row", primary_metric="s", secondary_metric={"elapsed_s": "min"},
            n_bootstrap=500, rng=np.random.default_rng(0),
        )  # fmt: skip
    assert theirs.status == {"v0": "frontier", "v1": "frontier", "v2": "dominated"}
    assert {label: theirs.status[label] == "frontier" for label in found.index} == found.to_dict()
