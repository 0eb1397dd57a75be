"""`cmp.best()`: which variants may be the best one, in agreement with the verdict, and how a comparison shows it."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.comparing.comparison import Comparison
from fh_notebook.comparing.stats.intervals import intervals_of_means
from fh_notebook.comparing.verdicts.best import best_set_text
from fh_notebook.comparing.verdicts.verdict import winner_of
from fh_notebook.errors import InputError
from tests.comparing.frames import scores, tall
from tests.told import numbers_in


def _three(n: int = 200, seed: int = 0) -> Comparison:
    """Return a comparison of two good variants and a bad one."""
    rng = np.random.default_rng(seed)
    shares = {"bad": 0.4, "good": 0.85, "better": 0.88}
    return fh.compare(tall({name: (rng.random(n) < share).astype(float) for name, share in shares.items()}), score="s")


def test_the_leaderboard_has_the_variants_that_may_be_the_best_first() -> None:
    """With mean and interval of the summary, the group of each, and who beats it."""
    cmp = _three()
    table = cmp.best()
    assert table["variant"].tolist() == ["better", "good", "bad"]
    assert table["may_be_best"].tolist() == [True, True, False]
    assert table["group"].tolist() == [1, 1, 2]
    assert table["beaten_by"].tolist()[:2] == ["", ""]
    assert set(table["beaten_by"][2].split(", ")) == {"better", "good"}
    assert table["probability"].sum() == pytest.approx(1)
    summary = cmp.summary().set_index("variant").loc[table["variant"]]
    for name in ("mean", "ci_low", "ci_high"):
        assert table[name].tolist() == summary[name].tolist()


@pytest.mark.parametrize("seed", range(12))
def test_it_agrees_with_the_verdict(seed: int) -> None:
    """A variant is called the best only where it is alone in its group, and whoever is beaten is behind."""
    cmp = fh.compare(scores(seed, 50, a=0.0, b=0.3, c=0.5, d=0.5 + seed / 10), score="s")
    table = cmp.best().set_index("variant")
    best = winner_of(cmp.data)
    if best is not None:
        assert table.index[table["may_be_best"]].tolist() == [best]
    beats = cmp.leaderboard().set_index("variant")["beats"]
    for loser, winners in table["beaten_by"].items():
        assert all(loser in beats[winner].split(", ") for winner in winners.split(", ") if winner)
    assert (best is not None) == (table["may_be_best"].sum() == 1 and (table["beaten_by"] != "").sum() == 3)


def test_a_smaller_alpha_leaves_out_fewer() -> None:
    """And a larger one no fewer."""
    cmp = fh.compare(scores(1, 40, a=0.0, b=0.5, c=0.9), score="s")
    sizes = [cmp.best(alpha=alpha)["may_be_best"].sum() for alpha in (1e-6, 0.05, 0.5)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 3


def test_seconds_are_compared_by_their_means() -> None:
    """Fewer are better."""
    rng = np.random.default_rng(2)
    frame = pd.concat([
        pd.DataFrame({"row": range(60), "variant": name, "s": 1.0, "elapsed_s": rng.gamma(4, slow / 4, 60)})
        for name, slow in {"slow": 6.0, "quick": 1.0, "fast": 1.02}.items()
    ])  # fmt: skip
    table = fh.compare(frame, score="s").best(value="seconds").set_index("variant")
    assert table["may_be_best"].to_dict() == {"quick": True, "fast": True, "slow": False}
    quick = frame["elapsed_s"][frame["variant"] == "quick"]
    assert table.loc["quick", "mean"] == pytest.approx(quick.mean())
    assert table.loc["quick", "ci_low"] == pytest.approx(intervals_of_means([quick.to_numpy()])[0].low, rel=0.02)


def test_repeats_are_drawn_with_their_row() -> None:
    """Twenty runs of each of 8 rows say no more than the 8 rows."""
    frame = tall({"a": [1.0] * 5 + [0.0] * 3, "b": [0.0] * 2 + [1.0] * 5 + [0.0]})
    repeated = pd.concat([frame.assign(repeat=k) for k in range(20)], ignore_index=True)
    once, often = (fh.compare(part, score="s").best()["probability"].tolist() for part in (frame, repeated))
    assert once == often


def test_variants_without_a_score_are_left_out() -> None:
    """They have no mean, so nothing is said of them."""
    frame = tall({"a": [1.0] * 9, "b": [0.0] * 9})
    frame = pd.concat([frame, pd.DataFrame({"row": range(9), "variant": "c", "s": np.nan})], ignore_index=True)
    assert fh.compare(frame, score="s").best()["variant"].tolist() == ["a", "b"]


def test_what_cannot_be_ranked_says_so() -> None:
    """Without a score, without seconds, and with an alpha that is none."""
    frame = tall({"a": [1.0] * 9, "b": [0.0] * 9})
    with pytest.raises(InputError, match="score="):
        fh.compare(frame.drop(columns="s").assign(output="x")).best()
    with pytest.raises(InputError) as untimed:
        fh.compare(frame, score="s").best(value="seconds")
    assert not re.search("score|alpha", str(untimed.value)), "neither is at fault: nothing was measured"
    fh.compare(frame.assign(elapsed_s=1.0, status="completed"), score="s").best(value="seconds")
    with pytest.raises(InputError, match="alpha"):
        fh.compare(frame, score="s").best(alpha=2)


def test_corrected_comparisons_rank_the_corrected_means() -> None:
    """Their means and pairs are those of the labels."""
    rng = np.random.default_rng(3)
    right = {name: rng.random(300) < share for name, share in {"a": 0.9, "b": 0.5, "c": 0.88}.items()}
    judged = {name: np.where(rng.random(300) < 0.9, yes, ~yes).astype(float) for name, yes in right.items()}
    labels = tall({name: yes[:80].astype(float) for name, yes in right.items()}).rename(columns={"s": "label"})
    corrected = fh.compare(tall(judged), score="s").corrected(labels)
    table = corrected.best().set_index("variant")
    assert table["group"].to_dict() == {"a": 1, "b": 2, "c": 1}
    assert table["mean"].to_dict() == corrected.summary().set_index("variant")["mean"].to_dict()
    assert table.loc["b", "probability"] < 0.01


def test_a_comparison_shows_the_set_below_its_summary() -> None:
    """As a rule under the last of them and in words, in HTML, text and reports; of two variants there is none."""
    cmp = _three()
    page, text = cmp._repr_html_(), repr(cmp)
    assert page.count('class="fh-ruled"') == 1
    ruled = page[page.index('class="fh-ruled"') :]
    assert ruled.index("good") < ruled.index("bad")
    said = best_set_text({"better": 1, "good": 1, "bad": 2})
    assert re.match("better and good .*; bad ", said)
    assert said in text
    assert said.partition(";")[0] in page
    two = fh.compare(scores(1, 40, a=0.0, b=0.1), score="s")
    assert "fh-ruled" not in two._repr_html_().split("</style>")[-1]
    assert best_set_text({"b": 1, "a": 1}) == ""


def test_the_words_of_the_set() -> None:
    """Nothing of one that is alone, and another sentence where all may be the best."""
    assert best_set_text({"a": 1, "b": 2, "c": 3}) == ""
    assert best_set_text({"a": 1, "b": 1}) == ""
    assert numbers_in(best_set_text({"a": 1, "b": 1, "c": 1})) == ["3"]


def test_it_shows_itself() -> None:
    """Shares in percent, and names escaped."""
    frame = tall({"<b>": [1.0] * 30, "c": [0.0] * 29 + [1.0]})
    table = fh.compare(frame, score="s").best()
    assert "100 %" in repr(table)
    page = table._repr_html_()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page.split("</style>")[-1]


def test_a_very_small_alpha_leaves_nobody_out() -> None:
    """Its limit is as far as numbers reach."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"row": [*range(60)] * 3, "variant": ["a"] * 60 + ["b"] * 60 + ["c"] * 60})
    frame["s"] = rng.normal(size=180) + np.repeat([0.0, 0.3, 0.6], 60)
    assert fh.compare(frame, score="s").best(alpha=1e-300)["may_be_best"].all()
