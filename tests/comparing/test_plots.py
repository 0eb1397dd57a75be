"""`cmp.plot()`: what is drawn, what it says in words, and that it reads in both themes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib import font_manager
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import fh_notebook as fh
from fh_notebook.comparing.plots import fonts, matplotlib_plots
from fh_notebook.comparing.plots.panels import distinct_names, distinct_texts
from fh_notebook.core.text.html import PALETTE
from fh_notebook.local import LocalHive
from tests.comparing.frames import scores, tall
from tests.figures import panels_cut
from tests.told import numbers_in


@pytest.fixture(scope="module")
def cmp() -> fh.Comparison:
    frame = scores(a=0.0, b=1.0, c=0.1)
    frame["elapsed_s"] = np.random.default_rng(0).exponential(size=len(frame))
    return fh.compare(frame, score="s")


KINDS = {
    "scores": r"[^:]* 95 % [^:]*: b ",
    "differences": r"[^:]*: b \w+ a \+",
    "wins": r"\w+: b \w+ a ",
    "seconds": r"[^:]*: [abc] \w+ [\d.]+, 95 % ",
}
"""How the alternative text of each begins: what is drawn, then the first of what there is to see."""


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_a_figure_that_says_in_words_what_it_shows(cmp: fh.Comparison, kind: str) -> None:
    """The figures of the table, in the alternative text of the picture."""
    figure = cmp.plot(kind)
    assert isinstance(figure, Figure)
    assert re.match(KINDS[kind], figure.alt)
    shown = figure._repr_html_()
    assert shown.count("<svg") == 1
    assert re.search(f'role="img" aria-label="{KINDS[kind]}', shown)
    assert repr(figure) == f"Plot: {figure.alt}"


def test_seconds_are_drawn_fastest_first() -> None:
    """The best by what a panel is of stands first, as the best by the scores does in the others."""
    frame = scores(a=0.0, b=1.0, c=0.1)
    frame["elapsed_s"] = frame["variant"].map({"a": 2.0, "b": 3.0, "c": 1.0})
    figure = fh.compare(frame, score="s").plot("seconds")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["c", "a", "b"]
    assert re.match("[^:]*: c ", figure.alt)


def test_long_names_that_differ_are_shown_different() -> None:
    """Where they begin alike what differs is shown, and of names that differ nowhere near each other a number."""
    start = "support-triage with the prompt of "
    names = [f"{start}May", f"{start}June", "short", "a" * 60 + "x" + "a" * 60, "a" * 60 + "x" + "a" * 61]
    frame = tall({name: [place + row / 7 for row in range(9)] for place, name in enumerate(names)})
    for kind in KINDS.keys() - {"seconds"}:
        (axes,) = fh.compare(frame, score="s").plot(kind).axes
        shown = [label.get_text() for label in axes.get_yticklabels()]
        assert len(set(shown)) == len(shown) == (len(names) if kind == "scores" else len(names) - 1)
        if kind == "scores":
            assert any("May" in text for text in shown)
            assert any("June" in text for text in shown)


ALIKE = {
    ("May", "June"): "a prompt that begins as the other one does and ends with {}",
    ("May's", "June's"): "{} prompt that ends as the other one does",
    ("0.2", "0.7"): "claude few-shot temperature {} with the rubric",
    ("木", "金"): "お荷物4007は{}曜日に届く予定です。ご不便をおかけして申し訳ございません",
}


@pytest.mark.parametrize("most", [16, 28])
@pytest.mark.parametrize(("words", "text"), ALIKE.items())
def test_a_long_name_shows_the_words_in_which_it_differs(words: tuple[str, str], text: str, most: int) -> None:
    """In the beginning, in the end or between them, with the beginning: it is shortened in its middle."""
    names = [text.format(word) for word in words]
    shown = distinct_texts([*names, "another one altogether, which is as long"], most)
    assert len(set(shown.values())) == 3
    for word, name in zip(words, names, strict=True):
        assert word in shown[name]
        assert shown[name].startswith(name[0])
        assert "…" in shown[name]
        assert len(shown[name]) <= most


@pytest.mark.parametrize(
    "names", [("a", "b"), (*(f"support-triage with prompt v{n} of May" for n in (1, 2, 3)), "c", "d", "e")]
)
def test_nothing_of_a_figure_is_cut_at_its_edge(names: tuple[str, ...]) -> None:
    """Titles and labels take more lines: beside long names an axis is shorter than what it measures."""
    frame = tall({name: [float(row % 7 > place) for row in range(60)] for place, name in enumerate(names)})
    frame["elapsed_s"] = np.random.default_rng(0).exponential(size=len(frame))
    cmp = fh.compare(frame, score="s")
    assert panels_cut(cmp.plot()) == panels_cut(cmp.plot("tradeoff")) == []
    if len(names) > 2:
        axes = next(axes for axes in cmp.plot("differences").axes)
        assert re.search(r"\b15\b.*\(Holm\)$", axes.get_xlabel(), re.DOTALL)


def test_names_that_differ_in_two_places_are_shown_different() -> None:
    """Several groups of them that are short of one place get numbers that are each one's own; none is too long."""
    begin, between = "a-prompt-with-many-examples-", "-and-a-long-rule-for-the-end-of-it-"
    names = [f"{begin}{a}{between}{b}" for a in "ab" for b in "xyz"]
    labels = distinct_names([*names, "short"])
    assert len(set(labels.values())) == 7
    assert max(map(len, labels.values())) <= 28


def test_without_a_kind_all_are_drawn(cmp: fh.Comparison) -> None:
    """Each a picture of its own in a page, all in one in a file."""
    figure = cmp.plot()
    assert figure._repr_html_().count("<svg") == 4
    assert len(figure.axes) == 4
    assert all(cmp.plot(kind).alt in figure.alt for kind in KINDS)


def test_the_figures_are_those_of_the_tables(cmp: fh.Comparison) -> None:
    """Dots at the means, lines along the intervals; the best variant's pairs first, each the better minus the other."""
    (axes,) = cmp.plot("differences").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b − a", "b − c", "a − c"]
    of_table = {(line.b, line.a): line for line in cmp.pairs().itertuples()}
    first, *others = of_table["b", "a"], of_table["c", "b"], of_table["c", "a"]
    dots = [line.get_xydata()[0] for line in axes.lines if line.get_marker() == "o"]
    assert [x for x, _ in dots] == [first.difference, *(-line.difference for line in others)]
    assert [y for _, y in dots] == [0, 1, 2]
    segments = [collection.get_segments()[0][:, 0].tolist() for collection in axes.collections]
    assert segments == [[first.ci_low, first.ci_high], *([-line.ci_high, -line.ci_low] for line in others)]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]


def test_it_has_no_background_and_the_ink_of_the_page(cmp: fh.Comparison) -> None:
    """In a page `currentColor`; no style that would hold for the page or that its policy refuses; valid XML."""
    figure = cmp.plot()
    shown = figure._repr_html_()
    for part in re.findall(r"<svg.*?</svg>", shown, re.DOTALL):
        ElementTree.fromstring(part)
        assert "currentColor" in part
        for absent in ("<style", "style=", "<script", matplotlib_plots.INK, "#ffffff", "#000000", "<image"):
            assert absent not in part, absent
    assert figure.patch.get_alpha() == 0
    assert all(axes.patch.get_alpha() == 0 for axes in figure.axes)


@pytest.mark.parametrize("colour", [matplotlib_plots.INK, *PALETTE])
@pytest.mark.parametrize("paper", ["#ffffff", "#111111", "#212121"])
def test_colours_read_on_white_and_on_black(colour: str, paper: str) -> None:
    """3 to 1 is what WCAG 2.2 asks of figures (success criterion 1.4.11)."""
    assert _contrast(colour, paper) >= 3


def _contrast(first: str, second: str) -> float:
    linear = [[c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(x)] for x in (first, second)]
    low, high = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in linear)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.long
def test_the_same_figure_is_the_same_bytes(cmp: fh.Comparison) -> None:
    """A saved notebook does not change by itself."""
    assert cmp.plot()._repr_html_() == cmp.plot()._repr_html_()


def test_nothing_of_pyplot_is_touched(cmp: fh.Comparison, tmp_path: object) -> None:
    """No figure is kept alive, nothing is shown twice, the user's own settings hold for the user's own figures."""
    before = dict(plt.rcParams)
    cmp.plot().savefig(f"{tmp_path}/plot.png")
    assert plt.get_fignums() == []
    assert dict(plt.rcParams) == before


def test_names_are_text_whatever_they_are() -> None:
    """No markup, no formula of matplotlib's, and cut where they are long."""
    names = ['"><script>alert(1)</script>', r"$\frac{1}{", "x" * 300]
    frame = tall({name: np.random.default_rng(i).normal(size=10) for i, name in enumerate(names)})
    figure = fh.compare(frame, score="s").plot()
    shown = figure._repr_html_()
    assert "<script" not in shown
    assert "&lt;script&gt;alert" in shown
    labels = [label.get_text() for axes in figure.axes for label in axes.get_yticklabels()]
    assert max(map(len, labels)) < 50
    for part in re.findall(r"<svg.*?</svg>", shown, re.DOTALL):
        ElementTree.fromstring(part)


def test_names_of_every_script_are_drawn_without_a_warning() -> None:
    """By a font of the system where it has one; without one a box stands there, and the words have the name."""
    names = ["日本語", "한국어", "🎉"]
    figure = fh.compare(tall({name: np.arange(9.0) + len(name) for name in names}), score="s").plot("scores")
    assert all(name in figure._repr_html_() for name in names)
    installed = set(fonts.OTHER_FONTS) & set(font_manager.fontManager.get_font_names())
    (axes,) = figure.axes
    assert installed <= set(axes.get_yticklabels()[0].get_fontfamily())


def test_a_scorer_and_a_column_of_any_script_are_drawn_without_a_warning() -> None:
    """Their names are in titles and below axes, which are measured before anything is drawn."""
    name = "\N{BRAHMI LETTER KA}\N{BRAHMI LETTER KHA}"
    frame = tall({"a": np.arange(9.0), "b": np.arange(9.0) + 1}).rename(columns={"s": name})
    frame[name * 2] = ["x", "y", "z"] * 6
    cmp = fh.compare(frame, score=name)
    for figure in (cmp.plot(), cmp.plot(by=name * 2)):
        texts = [*(axes.get_xlabel() for axes in figure.axes), *(part.get_suptitle() for part in figure.subfigs)]
        assert any(name in text for text in texts)
        assert figure._repr_html_()


def test_a_text_is_broken_into_lines_as_wide_as_there_is_room() -> None:
    """At its spaces, and at its own line ends; a word that is too long has a line of its own."""

    def lines(text: str, room: float) -> list[str]:
        return matplotlib_plots._in_lines(text, room, size=10).split("\n")

    assert lines("one two", 1000) == ["one two"]
    assert lines("one two", 30) == ["one", "two"]
    assert lines("one two\nthree", 1000) == ["one two", "three"]
    assert lines("a " + "w" * 40 + " b", 60) == ["a", "w" * 40, "b"]
    assert lines("", 10) == [""]
    many = lines("word " * 40, 200)
    widths = [matplotlib_plots._width(line, 10, "normal") for line in many]
    assert max(widths) <= 200
    assert min(widths[:-1]) > 150


def test_names_that_differ_by_signs_without_a_letter_in_the_fonts_are_shown_different() -> None:
    """Emoji, scripts that no font has, signs that are not seen: each has a number then, and the others stay."""
    emoji, lost = ("fast \N{ROCKET}", "fast \N{SNAIL}"), ("\N{BRAHMI LETTER KA}", "\N{BRAHMI LETTER KHA}")
    unseen = ("a\N{VARIATION SELECTOR-16}b", "a\N{ZERO WIDTH JOINER}b")
    names = [*emoji, *lost, *unseen, "日本語", "plain"]
    labels = distinct_names(names)
    assert len(set(labels.values())) == len(names)
    assert [labels[name] for name in lost] == ["□ #1", "□ #2"]
    assert [labels[name] for name in unseen] == ["ab #1", "ab #2"]
    assert labels["plain"] == "plain"
    (axes,) = fh.compare(tall({n: np.arange(9.0) + i for i, n in enumerate(names)}), score="s").plot("scores").axes
    assert len({label.get_text() for label in axes.get_yticklabels()}) == len(names)


def test_what_cannot_be_drawn_says_why(cmp: fh.Comparison) -> None:
    """One line with what there is."""
    frame = scores(a=0.0)
    for kind, said in (
        ("wins", " wins: .*row"),
        ("seconds", " seconds: "),
    ):
        with pytest.raises(fh.InputError, match=said):
            fh.compare(frame, score="s").plot(kind)
    with pytest.raises(
        fh.InputError,
        match="kind is 'bars'; .*'scores', 'differences', 'wins', 'seconds', 'confusion' or 'tradeoff'",
    ):
        cmp.plot("bars")
    with pytest.raises(fh.InputError, match="backend is 'plotly'; .*'matplotlib'"):
        cmp.plot(backend="plotly")
    assert "Score" not in fh.compare(frame, score="s").plot("scores").alt


def test_scores_by_a_column_are_a_panel_for_each_value() -> None:
    """Of the numbers of the slices, on one axis, variants in one order; what a column holds is text."""
    values = ["calm", "$x_{"]
    frame = pd.DataFrame({"row": range(40), "tone": values * 20, "s": np.random.default_rng(1).normal(size=40)})
    frame = pd.concat([frame.assign(variant="a"), frame.assign(variant="b", s=frame["s"] + 1)])
    cmp = fh.compare(frame, score="s")
    figure, table = cmp.plot(by="tone"), cmp.slice(by="tone")
    assert [panel.title.partition(" = ")[2].partition(":")[0] for panel in figure.panels] == ["calm", r"\$x_{"]
    assert all("b 1" in panel.title or "b 0" in panel.title for panel in figure.panels)
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    assert [[label.get_text() for label in axes.get_yticklabels()] for axes in figure.axes] == [["b", "a"]] * 2
    for axes, (_, part) in zip(figure.axes, table.groupby("tone", sort=False), strict=True):
        drawn = sorted(float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() == "o")
        assert drawn == pytest.approx(sorted(part["mean"]))
    assert figure._repr_html_().count("<svg") == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"by": "tome"}, "'tome'"),
        ({"by": "row"}, r"\b80 .*\b24 "),
        ({"by": "of", "kind": "wins"}, r"\bby\b.*'wins'"),
    ],
)
def test_what_cannot_be_drawn_by_a_column_says_why(given: dict[str, Any], said: str) -> None:
    """One line."""
    frame = pd.DataFrame({"row": range(80), "variant": "a", "of": "x", "s": 1.0})
    with pytest.raises(fh.InputError, match=said):
        fh.compare(frame, score="s").plot(**given)
    assert len(fh.compare(frame, score="s").plot(by="of").panels) == 1
    with pytest.raises(fh.InputError):  # without a score, the same call has nothing to draw
        fh.compare(frame.assign(output="x")).plot(by="of")


def test_a_removed_backend_says_what_draws_instead(cmp: fh.Comparison) -> None:
    """``backend="altair"`` raises one line, and is offered nowhere."""
    with pytest.raises(fh.InputError, match="^backend='altair' .* backend=") as raised:
        cmp.plot(backend="altair")
    assert "\n" not in str(raised.value)
    assert "altair" not in (fh.Comparison.plot.__doc__ or "")


def test_a_batch_has_no_plot_of_its_own_any_more() -> None:
    """``batch.plot`` raises one line that says what to use; completion does not offer it, and ``hasattr`` is false."""
    hive = LocalHive()
    hive.workflow("echo", variant="a")(lambda text: text)
    batch = fh.batch([{"text": "x"}], "echo", client=hive.client(), progress=False)
    with pytest.raises(fh.SettingsError, match=r"^batch\.plot .*fh\.compare\(batch\)\.plot\(\)"):
        batch.plot("limits")  # type: ignore[attr-defined]
    assert "plot" not in dir(batch)
    assert not hasattr(batch, "plot")
    with pytest.raises(AttributeError, match="'Batch' object has no attribute 'missing'"):
        batch.missing()  # type: ignore[attr-defined]


def test_titles_say_where_no_difference_is_found() -> None:
    """What reads the same is not ranked, and "significant" is said of what is."""

    def titles(scores: dict[str, list[float]]) -> list[str]:
        lines = [
            {"row": row, "variant": name, "s": score, "elapsed_s": 0.5}
            for name, values in scores.items()
            for row, score in enumerate(values)
        ]
        return [panel.title for panel in fh.compare(pd.DataFrame(lines), score="s").plot().panels]

    alike = titles({"a": [0, 1] * 4, "b": [1, 0] * 4})
    assert [numbers_in(title) for title in (alike[0], alike[1], alike[3])] == [["50"], ["5"], ["0.500"]]
    few = titles({"a": [0, 1], "b": [1, 1], "c": [1, 1]})
    assert few[0].startswith("b and c 100 %")
    assert numbers_in(few[1]) == ["6"]
    some = titles({"a": [1] * 20, "b": [1] * 19 + [0], "c": [0] * 20})
    assert numbers_in(some[1]) == ["2", "3", "5"]
