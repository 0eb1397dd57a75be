"""`fh.trend`: figures by date of all kept batches of a deployment."""

from __future__ import annotations

import re
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.comparing.stats.intervals import blaker_interval, interval_of_median
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.monitoring.trend import Trend
from tests.figures import panels_cut
from tests.monitoring.kept_days import Answering, rows, shift_answers
from tests.told import tells


@pytest.fixture
def answering() -> Answering:
    return Answering()


def test_calls_are_grouped_by_the_date_of_their_start(answering: Answering) -> None:
    """Two days, two variants: means, failures and their intervals are those of each date alone."""
    client = answering.hive.client()
    fh.batch(rows(20), "quiz", variants=["a", "b"], client=client, name="one", progress=False)
    shift_answers(days=-1)
    answering.wrong |= {("a", number) for number in range(10)}
    answering.failing |= {("b", number) for number in range(4)}
    fh.batch(rows(20), "quiz", variants=["a", "b"], client=client, name="two", progress=False)
    trend = fh.trend("quiz")
    frame = trend.frame
    assert frame["date"].nunique() == 2
    assert frame["variant"].tolist() == ["a", "b"] * 2
    assert frame["score"].tolist() == [1.0, 1.0, 0.5, 1.0]
    assert frame["failed"].tolist() == [0, 0, 0, 4]
    assert frame["failures"].tolist() == [0.0, 0.0, 0.0, 0.2]
    assert frame["calls"].tolist() == [20] * 4
    assert (frame.loc[2, "score_low"], frame.loc[2, "score_high"]) == pytest.approx(blaker_interval(10, 20))
    assert (frame.loc[3, "failures_low"], frame.loc[3, "failures_high"]) == pytest.approx(blaker_interval(4, 20))
    assert (frame["seconds_low"] <= frame["seconds"]).all()
    assert trend.scorer == "exact()"


def test_shares_of_failed_calls_have_one_format(answering: Answering) -> None:
    """Figures, limits and plot: few of a hundred fail, so two of them are not written as the same."""
    answering.failing |= {("b", number) for number in range(4)}
    fh.batch(rows(150), "quiz", variants=["a", "b"], client=answering.hive.client(), progress=False)
    trend = fh.trend("quiz")
    lines = repr(trend).splitlines()[-2:]
    assert [re.findall(r"[\d.]+(?= %)|[\d.]+(?= to)", line)[-3:] for line in lines] == [
        ["0.0", "0.0", "2.4"], ["2.7", "0.9", "6.4"],
    ]  # fmt: skip
    (failures,) = trend.plot("failures").axes
    assert failures.get_xlim()[0] == 0
    (score,) = trend.plot("score").axes
    assert score.get_xlim() == (0, 1)


def test_an_answer_that_was_reused_counts_once_and_on_its_own_date(answering: Answering) -> None:
    """A later batch that takes all answers out of the store adds no call to its own date."""
    client = answering.hive.client()
    fh.batch(rows(5), "quiz", variants="a", client=client, name="one", progress=False)
    shift_answers(days=-3)
    fh.batch(rows(8), "quiz", variants="a", client=client, name="two", reuse="store", progress=False)
    assert fh.trend("quiz").frame["calls"].tolist() == [5, 3]


def test_rows_with_equal_inputs_are_one_row_of_a_date(answering: Answering) -> None:
    """Called twice on one day by two batches: two calls, one row."""
    client = answering.hive.client()
    for name in ("one", "two"):
        fh.batch(rows(6), "quiz", variants="a", client=client, name=name, reuse=None, progress=False)
    frame = fh.trend("quiz").frame
    assert (frame.loc[0, "calls"], frame.loc[0, "rows"], frame.loc[0, "scored"]) == (12, 6, 12)
    assert repr(fh.trend("quiz")).splitlines()[-1].split()[-2:] == ["12", "12"], "calls, and those with a score"


def test_only_the_variants_that_are_asked_for(answering: Answering) -> None:
    """In their order; one that was never called is told with the nearest name, a deployment likewise."""
    fh.batch(rows(3), "quiz", variants=["a", "b"], client=answering.hive.client(), progress=False)
    assert fh.trend("quiz", variants="b").frame["variant"].tolist() == ["b"]
    assert fh.trend("quiz", variants=["b", "a"]).frame["variant"].tolist() == ["b", "a"]
    with pytest.raises(InputError, match="'zebra'.* 'a' and 'b'"):
        fh.trend("quiz", variants="zebra")
    with pytest.raises(InputError, match=" 'quiz'"):
        fh.trend("quizz")


def test_variants_that_are_none_or_twice_are_refused(answering: Answering) -> None:
    """In one line each."""
    fh.batch(rows(3), "quiz", variants="a", client=answering.hive.client(), progress=False)
    with pytest.raises(InputError, match="variants"):
        fh.trend("quiz", variants=[])
    with pytest.raises(InputError, match="'a'"):
        fh.trend("quiz", variants=["a", "a"])


def test_repeats_of_a_row_are_not_independent_seconds(answering: Answering) -> None:
    """Three rows called ten times each, of which each takes its own time: no interval of the median, as of 3 calls."""

    @answering.hive.workflow("slow", variant="s")
    def slow(number: int) -> str:
        time.sleep(0.05 * number)
        return "yes"

    fh.batch(rows(3), "slow", repeats=10, client=answering.hive.client(), progress=False)
    line = fh.trend("slow").frame.iloc[0]
    assert line["calls"] == 30
    assert np.isnan(line["seconds_low"])
    assert np.isnan(line["seconds_high"])


def test_a_variant_of_a_batch_over_several_deployments_is_read(answering: Answering) -> None:
    """Its label there has the deployment in it; here it is the variant."""
    answering.declare("other", "a")
    fh.batch(rows(3), "quiz", variants=["a", ("other", "a")], client=answering.hive.client(), progress=False)
    assert fh.trend("other").frame["variant"].tolist() == ["a"]
    assert fh.trend("other").frame["calls"].tolist() == [3]


def test_without_a_score_there_are_seconds_and_failures(answering: Answering) -> None:
    """No column of expected outputs: no score is shown or drawn."""
    fh.batch([{"number": 1}, {"number": 2}], "quiz", variants="a", client=answering.hive.client(), progress=False)
    trend = fh.trend("quiz")
    assert trend.frame["score"].isna().all()
    assert "score" not in repr(trend).splitlines()[-2]
    assert len(trend.plot().panels) == 2
    with pytest.raises(InputError):
        trend.plot("score")


def test_calls_of_one_date_are_lines_with_their_names(answering: Answering) -> None:
    """There is no course to be drawn: as in a comparison, with the best one first; text and page say so."""
    answering.wrong |= {("a", number) for number in range(10)}
    answering.failing |= {("b", 0)}
    fh.batch(rows(20), "quiz", variants=["a", "b"], client=answering.hive.client(), progress=False)
    trend = fh.trend("quiz")
    figure = trend.plot()
    names = [[label.get_text() for label in axes.get_yticklabels()] for axes in figure.axes]
    assert (names[0], names[2]) == (["b", "a"], ["b", "a"])
    assert [len(axes.get_yticks()) for axes in figure.axes] == [2, 2, 2]
    assert all("95 %" in axes.get_xlabel().replace("\N{NO-BREAK SPACE}", " ") for axes in figure.axes)
    assert panels_cut(figure) == []
    figure.draw_without_rendering()
    ticks = [label.get_text() for axes in (figure.axes[0], figure.axes[2]) for label in axes.get_xticklabels()]
    assert all(re.fullmatch(r"-?[0-9]+(\.[0-9]*[1-9])? %", tick) for tick in ticks)
    one = repr(trend).splitlines()[0]
    assert one in re.sub("<[^>]*>", "", trend._repr_html_()), "that there is one date only"
    shift_answers(days=-1)
    fh.batch(
        rows(20), "quiz", variants=["a", "b"], client=answering.hive.client(), name="two", progress=False, reuse=None
    )
    trend = fh.trend("quiz")
    assert one not in repr(trend)
    assert trend.plot("score").axes[0].get_xlabel() == "date (UTC)"


def test_text_and_page_say_the_same_and_escape_what_others_wrote(answering: Answering) -> None:
    """The sentence first; a hostile name of a variant is text."""
    answering.declare("quiz", "<b>x</b>")
    fh.batch(rows(7), "quiz", variants=["a", "<b>x</b>"], client=answering.hive.client(), progress=False)
    trend = fh.trend("quiz")
    text, page = repr(trend), trend._repr_html_()
    assert text.startswith("quiz, ")
    assert "exact() on " in text.splitlines()[0]
    assert "<b>x</b>" not in page
    assert "&lt;b&gt;x" in page
    assert "<b>x</b>" not in trend.plot()._repr_html_()
    assert re.search(r"<bdi class=\"fh-unbroken\">\(\d+ to 100 %\)</bdi>", page), "an interval is in one line"
    for shown in (text, page, trend.plot("score").alt, trend.plot("score").panels[0].title):
        assert "100 %" in shown  # the share of rows that are right, as everywhere
        assert "1.000" not in shown
    for kind in ("score", "seconds", "failures"):
        assert trend.plot(kind).alt.endswith(".")


@pytest.mark.parametrize(
    ("kind", "values", "title"),
    [
        ("score", {"a": 0.5, "b": 0.9402}, "b .*on 2026-11-30: 0.940"),
        ("score", {"a": 0.5, "b": 0.5}, "[^b].* on 2026-11-30: 0.500"),
        ("score", {"a": 0.9, "b": 0.9, "c": 0.1}, "a and b .*on 2026-11-30: 0.900"),
        ("score", {"a": 0.5, "b": np.nan}, "a on 2026-11-30: 0.500"),
        ("score", {"a": np.nan, "b": np.nan}, "b .*on 2026-11-29: 0.800"),
        ("seconds", {"a": 1.2, "b": 3.0}, "a .*on 2026-11-30: 1.20 s"),
        ("failures", {"a": 0.0, "b": 0.0}, "[^ab].* on 2026-11-30"),
        ("failures", {"a": 0.023, "b": 0.0}, "a .*on 2026-11-30: 2.3 %"),
        ("failures", {"a": 0.2, "b": 0.2, "c": 0.0}, "a and b .*on 2026-11-30: 20 %"),
        ("failures", {"a": 0.004}, "a on 2026-11-30: 0.4 % .*"),
    ],
)
def test_the_title_of_a_plot_states_the_result_of_the_newest_date(
    kind: Any, values: dict[str, float], title: str
) -> None:
    """What the data say: of equal ones all, and nobody is ranked without others."""
    before = {"a": 0.7, "b": 0.8}
    lines = [
        {"date": pd.Timestamp(f"2026-11-{day}", tz="UTC"), "variant": name, kind: value}
        | {f"{kind}_low": value, f"{kind}_high": value}
        for day, figures in ((29, before), (30, values))
        for name, value in figures.items()
    ]
    figure = Trend(pd.DataFrame(lines), deployment="quiz", scorer="exact()", notes=()).plot(kind)
    (panel,) = figure.panels
    assert re.fullmatch(title, panel.title)
    axes = figure.axes[0]  # of one date, what is measured stands below it
    assert (axes.get_ylabel() or axes.get_xlabel().partition(",")[0]) in (
        "score by exact()",
        "median seconds",
        "failed calls",
    )
    assert panels_cut(figure) == []


def test_the_ends_of_an_interval_of_seconds_are_told_apart() -> None:
    """However narrow it is: with as many digits as that takes, in table, sentence and plot."""
    line = {"date": pd.Timestamp("2026-11-30", tz="UTC"), "variant": "a", "calls": 300, "score": np.nan}
    line |= {"seconds": 0.005, "seconds_low": 0.00494, "seconds_high": 0.00506, "failures": 0.0}
    line |= {"failures_low": 0.0, "failures_high": 0.01, "score_low": np.nan, "score_high": np.nan}
    trend = Trend(pd.DataFrame([line]), deployment="quiz", scorer="", notes=())
    assert "0.0050 (0.0049 to 0.0051)" in trend._repr_html_().replace('</bdi> <bdi class="fh-unbroken">', " ")
    assert repr(trend).count("0.0049 to 0.0051") == 2
    assert "0.0050 s" in trend.plot("seconds").alt


def test_the_title_of_a_plot_says_where_the_intervals_of_the_first_two_overlap() -> None:
    """Who is first is not clearly so then; of those that read the same, the next one counts."""
    titles = list[str]()
    for ends in ((0.6, 0.9), (0.4, 0.6)):
        lines = [
            {"date": pd.Timestamp("2026-11-30", tz="UTC"), "variant": name, "score": value}
            | dict(zip(NAMES, limits, strict=True))
            for name, value, limits in (("a", 0.8, (0.7, 0.9)), ("b", 0.8, (0.7, 0.9)), ("c", 0.5, ends))
        ]
        figure = Trend(pd.DataFrame(lines), deployment="quiz", scorer="exact()", notes=()).plot("score")
        assert tells(figure.panels[0].title, "a", "b", "2026-11-30", "0.800")
        titles.append(figure.panels[0].title)
    assert titles[0].startswith(titles[1])
    assert len(titles[0]) > len(titles[1]), "the overlap is told"


NAMES = ("score_low", "score_high")


def test_nothing_kept_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a store, and with an empty one."""
    with pytest.raises(InputError, match="'quiz'"):
        fh.trend("quiz")
    fh.configure(store=None)
    with pytest.raises(SettingsError, match="store=None"):
        fh.trend("quiz")


def test_the_interval_of_a_median_covers_it() -> None:
    """In 95 % of samples and more, of 6 to 60 numbers of a skewed distribution."""
    rng = np.random.default_rng(3)
    for n in (6, 15, 60):
        samples = rng.exponential(size=(2_000, n))
        hits = sum(low <= np.log(2) <= high for low, high, _ in map(interval_of_median, samples))
        assert hits / 2_000 >= 0.94


def test_answers_that_cannot_be_scored_are_told_with_the_first_error(answering: Answering) -> None:
    """A trend of seconds alone would hide that the score is wrong."""
    fh.batch(rows(3), "quiz", variants="a", client=answering.hive.client(), progress=False)

    def breaks(run: fh.Run) -> float:
        raise ValueError("no such field")

    trend = fh.trend("quiz", score=breaks)
    assert tells(trend.notes, "3", "breaks", "ValueError", "no such field")
    assert trend.notes[-1] in repr(trend)
    assert not fh.trend("quiz").notes
