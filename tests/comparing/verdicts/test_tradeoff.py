"""`cmp.tradeoff()`: score beside median seconds or mean cost, with intervals, and the Pareto set; and its plot."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.comparing.plots.matplotlib_plots import spread_places
from fh_notebook.comparing.stats.intervals import interval_of_mean
from fh_notebook.errors import InputError

SPEEDS = {"good": (0.95, 4.0), "quick": (0.5, 1.0), "bad": (0.4, 5.0), "middle": (0.75, 2.0)}


def _frame(n: int = 60, repeats: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    parts = []
    for name, (share, slow) in SPEEDS.items():
        right = np.repeat(rng.random(n) < share, repeats)
        slowness = np.repeat(rng.gamma(4, slow / 4, n), repeats) * rng.uniform(0.9, 1.1, n * repeats)
        parts.append(
            pd.DataFrame({
                "row": np.repeat(range(n), repeats), "variant": name, "s": right.astype(float),
                "output": "x", "elapsed_s": slowness, "eur": slowness / 100,
            })
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_the_pareto_set_is_what_no_other_variant_is_better_than() -> None:
    """In both score and seconds; the best score stands first."""
    cmp = fh.compare(_frame(), score="s")
    table = cmp.tradeoff().set_index("variant")
    assert table.index.tolist() == ["good", "middle", "quick", "bad"]
    assert table["pareto"].to_dict() == {"good": True, "middle": True, "quick": True, "bad": False}
    summary = cmp.summary().set_index("variant").loc[table.index]
    assert table["score"].tolist() == summary["mean"].tolist()
    assert table["seconds"].tolist() == pytest.approx(summary["p50_s"].tolist())
    assert ((table["seconds_low"] < table["seconds"]) & (table["seconds"] < table["seconds_high"])).all()


def test_of_equal_variants_all_are_in_the_set_and_of_equal_scores_the_fastest() -> None:
    """A tie in both is no reason to leave one out."""
    frame = pd.DataFrame(
        {"row": [0] * 4, "variant": list("abcd"), "s": [1.0, 1, 1, 0], "elapsed_s": [2.0, 2.0, 3.0, 2.0]}
    )
    table = fh.compare(frame, score="s").tradeoff().set_index("variant")
    assert table["pareto"].to_dict() == {"a": True, "b": True, "c": False, "d": False}


def test_costs_are_means_of_rows_by_a_column_or_a_function() -> None:
    """With the interval of means; repeats of a row are averaged first."""
    frame = _frame(repeats=2)
    cmp = fh.compare(frame, score="s")
    table = cmp.tradeoff(cost="eur").set_index("variant")
    of_rows = frame[frame["variant"] == "good"].groupby("row")["eur"].mean().to_numpy()
    assert table.loc["good", "cost"] == pytest.approx(of_rows.mean())
    expected = interval_of_mean(of_rows)
    assert table.loc["good", "cost_low"] == pytest.approx(expected.low, rel=0.02)
    assert table.loc["good", "cost_high"] == pytest.approx(expected.high, rel=0.02)
    prices = {"good": 3.0, "quick": 1.0, "bad": 1.0, "middle": None}
    by_run = fh.compare(frame, score=fh.score.length()).tradeoff(cost=lambda run: prices[run.variant])
    assert by_run.set_index("variant")["cost"].to_dict() == pytest.approx({"good": 3.0, "quick": 1.0, "bad": 1.0})


@pytest.mark.parametrize(
    ("cost", "message"),
    [
        ("euro", "'euro' .*cost=.* 'eur'"),
        ("output", "cost .*'x'"),
        (lambda run: 1.0, "^cost "),
        (3, "column 3|3 .*cost="),
    ],
)
def test_a_cost_that_cannot_be_used_is_told(cost: Any, message: str) -> None:
    """In one line, with what would do."""
    with pytest.raises(InputError, match=message):
        fh.compare(_frame(8), score="s").tradeoff(cost=cost)


def test_what_cannot_be_traded_is_told() -> None:
    """Without a score, without seconds."""
    with pytest.raises(InputError, match="score="):
        fh.compare(pd.DataFrame({"row": [0], "variant": "a", "output": "x"})).tradeoff()
    scored = fh.compare(pd.DataFrame({"row": [0], "variant": "a", "s": 1.0}), score="s")
    with pytest.raises(InputError) as untimed:
        scored.tradeoff()
    assert not re.search("score|cost", str(untimed.value)), "neither is at fault: nothing was measured"
    assert len(fh.compare(_frame(), score="s").tradeoff()), "where it was"


def test_it_shows_itself() -> None:
    """Shares in percent, and which variants are in the set."""
    text = repr(fh.compare(_frame(), score="s").tradeoff())
    assert "Pareto set" in text
    assert " %" in text


# --- the plot


def test_the_plot_has_a_point_with_two_intervals_for_each_variant() -> None:
    """In the variant's colour, named at the right, in the order of the scores; none covers another name."""
    cmp = fh.compare(_frame(), score="s")
    figure = cmp.plot("tradeoff")
    (axes,) = figure.axes
    table = cmp.tradeoff().set_index("variant")
    points = {tuple(line.get_xydata()[0]): line.get_color() for line in axes.lines if line.get_marker() == "o"}
    assert set(points) == {(line.seconds, line.score) for line in table.itertuples()}
    assert len(set(points.values())) == len(SPEEDS)
    assert "good" in figure.alt
    assert figure.alt.count("Pareto set") == 3
    figure.savefig("/dev/null", format="png")
    boxes = sorted((text.get_window_extent() for text in axes.texts), key=lambda box: box.y0)
    assert len(boxes) == len(SPEEDS)
    assert all(lower.y1 <= upper.y0 for lower, upper in pairwise(boxes))


def test_labels_of_equal_points_do_not_overlap() -> None:
    """Of eight variants with the same score and seconds."""
    frame = pd.DataFrame([
        {"row": row, "variant": f"v{k}", "s": row % 2, "elapsed_s": 1.0 + row / 10} for row in range(9) for k in range(8)
    ])  # fmt: skip
    figure = fh.compare(frame, score="s").plot("tradeoff")
    figure.savefig("/dev/null", format="png")
    boxes = sorted((text.get_window_extent() for text in figure.axes[0].texts), key=lambda box: box.y0)
    assert len(boxes) == 8
    assert all(lower.y1 <= upper.y0 for lower, upper in pairwise(boxes))


def test_the_title_states_the_result() -> None:
    """Which one has the best score and which is fastest; with costs which is cheapest."""
    cmp = fh.compare(_frame(), score="s")
    title = cmp.plot("tradeoff").panels[0].title
    assert re.match(r"3 of 4 [^:]*: good ", title)
    two = _frame()[lambda frame: frame["variant"].isin(["good", "quick"])]
    assert re.fullmatch("good [^,]*, quick [^,]*", fh.compare(two, score="s").plot("tradeoff").panels[0].title)
    one = _frame()[lambda frame: frame["variant"].isin(["quick", "bad"])]
    title = fh.compare(one, score="s").plot("tradeoff", cost="eur").panels[0].title
    assert title.startswith("quick ")
    assert "bad" not in title


def test_a_cost_belongs_to_the_trade_off() -> None:
    """Another plot has none; without a kind the trade-off is not drawn."""
    cmp = fh.compare(_frame(), score="s")
    with pytest.raises(InputError, match="tradeoff"):
        cmp.plot("scores", cost="eur")
    assert len(cmp.plot().axes) == 4


@pytest.mark.parametrize("targets", [[0.5] * 5, [0.0, 0.0, 1.0], [0.9, 0.1, 0.95, 0.92], [0.4]])
def test_places_are_apart_in_their_order_and_inside(targets: list[float]) -> None:
    """With the gap that was asked for."""
    places = spread_places(targets, 0.15)
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in places)
    ordered = sorted(places)
    assert all(above - below >= 0.15 - 1e-9 for below, above in pairwise(ordered))
    for first, second in pairwise(targets):
        if first != second:
            assert (places[targets.index(first)] < places[targets.index(second)]) == (first < second)
