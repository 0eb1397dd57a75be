"""Displays of a race: text, page, figures, lines in a terminal; and nothing of a name is markup."""

from __future__ import annotations

import io
import re
from html import unescape as html_unescaped
from typing import Any

import numpy as np
import pytest

import fh_notebook as fh
from fh_notebook.comparing.plots.matplotlib_plots import END_SHOWN
from fh_notebook.comparing.plots.panels import OF_PAIR_SHOWN, distinct_names
from fh_notebook.core.text.html import colours_of
from fh_notebook.errors import InputError
from fh_notebook.notebook.progress.race_display import RaceView
from fh_notebook.racing.display import LIMIT_AT, RaceSnapshot, RaceText, evidence_note, notes_of
from fh_notebook.racing.number_format import evidence_text, lead_format
from fh_notebook.racing.plots import LEAST, plot
from fh_notebook.racing.scores import ScoreScale
from fh_notebook.racing.state import RaceState, pairs_table, summary_table
from tests.figures import panels_cut
from tests.notebook.hostile import Page
from tests.racing.overtaken import overtaken
from tests.racing.quiz import Quiz, questions
from tests.told import numbers_in

HOSTILE = "<img src=x onerror=alert(1)>$\\frac$"


def run(quiz: Quiz, **options: Any) -> fh.Race:
    given = {"score": fh.score.exact(), "client": quiz.hive.client(), "progress": False} | options
    return fh.race(questions(60), "quiz", **given)


@pytest.fixture(scope="module")
def quiz() -> Quiz:
    return Quiz({HOSTILE: 0.2, "strong": 0.95, "other": 0.4})


def test_the_page_and_its_text_twin_say_the_same(quiz: Quiz) -> None:
    """The sentence, each variant's standing and evidence, each pair's interval and rows; escaped."""
    race = run(quiz)
    page, text = race._repr_html_(), repr(race)
    words = re.sub(r"<[^>]+>", " ", page.replace("&lt;", "<").replace("&gt;", ">").replace("&#x27;", "'"))
    assert race.verdict in text
    assert "<img" not in page
    for line in race.summary().to_dict("records"):
        end = line["dropped_after"] if line["standing"] == "dropped" else race.rows
        for shown in (words, text):
            assert f"{line['rows']:,} of {end:,}" in shown
        assert line["standing"] in text
    for pair in race.tally.rivals():
        limits = lead_format(race.tally)
        for figure in (f"{pair.wins:,}", f"{pair.n:,}", f"{limits(pair.low)} to {limits(pair.high)}"):
            assert figure in page
            assert figure in text
    for shown in (words, text):
        assert "95 %" in shown
        assert f"{race.calls:,} of 180 calls" in shown


def test_pairs_are_shown_as_those_of_a_comparison_the_better_one_first() -> None:
    """Values are b - a in both tables; both displays have the better variant first, and its lead in points."""
    race = run(Quiz({"weak": 0.2, "strong": 0.95, "mid": 0.6}))
    raced = race.pairs()
    compared = fh.compare(race.batch.resume(), score=fh.score.exact()).pairs()
    assert raced[["a", "b"]].values.tolist() == compared[["a", "b"]].values.tolist()
    assert (raced["difference"] * compared["difference"] > 0).all()
    for frame in (raced, compared):
        head, *lines = [line for line in repr(frame).splitlines() if " − " in line]
        assert head.split()[:3] == ["first", "−", "second"]
        assert "(95 % " in head
        assert sorted(" ".join(line.split()[:3]) for line in lines) == ["mid − weak", "strong − mid", "strong − weak"]
    for number, line in zip(raced["difference"].abs(), repr(raced).splitlines()[1:], strict=True):
        assert f" {100 * number:.1f} " in line or f" {100 * number:.0f} " in line
    assert 'class="fh-pairs"' in raced._repr_html_()


def test_long_names_that_end_differently_are_shown_different() -> None:
    """In both tables, the sentences and the text; and names of two directions stand in one order."""
    names = [f"support-triage-with-a-long-name-that-goes-on-for-eighty-characters-{end}" for end in ("v1", "v2")]
    race = run(Quiz({names[0]: 0.3, names[1]: 0.95, "\N{HEBREW LETTER ALEF}": 0.1}))
    page, text = race._repr_html_(), repr(race)
    for shown in (page, text):
        assert len(set(re.findall(r"support-[\w-]*…[\w-]*v[12]", shown))) == 2
    first = re.findall(
        r'<td[^>]*><span dir="ltr"><bdi[^>]*>(.*?)</bdi> <span[^>]*>− <bdi[^>]*>(.*?)</bdi></span></span>',
        race.pairs()._repr_html_(),
    )
    assert (names[1], names[0]) in first
    assert (names[1], "\N{HEBREW LETTER ALEF}") in first


def test_names_in_the_pairs_of_a_race_are_escaped(quiz: Quiz) -> None:
    """They are no markup."""
    page = run(quiz).pairs()._repr_html_()
    assert "<img" not in page
    assert "&lt;img" in page


def test_the_best_variant_is_first_and_marked_and_a_column_has_one_format(quiz: Quiz) -> None:
    """As in a comparison: shares of yes/no scores with their rows, and as many decimals in each line."""
    race = run(quiz)
    page, text = race._repr_html_(), repr(race)
    cells = [[Page(cell).text for cell in re.findall("<td.*?</td>", line)] for line in re.findall("<tr>.*?</tr>", page)]
    lines = [line for line in cells if len(line) == 6][: len(race.variants)]
    pairs = [line for line in cells if len(line) == 6][len(race.variants) :]
    dropped = sorted(race.dropped, key=race.dropped.__getitem__, reverse=True)
    assert [line[0].split()[0] for line in lines] == ["strong", *(name.split()[0] for name in dropped)]
    assert ["best" in line[0].split() for line in lines] == [True, False, False]
    assert text.count("(best)") == 1
    means = race.summary().set_index("variant")["mean"]
    right = round(means["strong"] * race.rows)
    for shown in (lines[0][5], text):
        assert f"{100 * means['strong']:.0f} % ({right} of {race.rows})" in shown
    for column in (
        [line[2] for line in lines],
        [line[1] for line in pairs],
        [end for line in pairs for end in line[2].split(" to ")],
    ):
        assert len({len(number.partition(".")[2]) for number in column}) == 1, column
    undecided = run(Quiz({"behind": 0.4, "ahead": 0.6}), max_calls=20)
    assert re.search(r"\n(ahead|behind) ", repr(undecided))[1] == undecided.variants[undecided.tally.leader()]  # type: ignore[index]
    assert "(best)" not in repr(undecided)
    scores = run(Quiz({"behind": 0.4, "ahead": 0.6}), score=lambda output, row: 0.5, max_calls=20)
    assert re.search(r"rows scored +mean .*\n.* 0\.500 ", repr(scores))


def test_one_scale_of_evidence_is_shown_and_explained(quiz: Quiz) -> None:
    """The tables have the evidence against each variant and its threshold alone: that of pairs is in `pairs()`."""
    race = run(quiz)
    page, text = race._repr_html_(), repr(race)
    for shown in (page, text):
        assert evidence_note(race.tally) in html_unescaped(shown)
        assert "needed" not in shown
    heads = re.findall(r"<th[^>]* scope=\"col\">(.*?)</th>", page)
    assert sum("evidence" in head for head in heads) == 1
    assert {"evidence", "needed"} <= set(race.pairs().columns)


def test_a_name_with_a_hyphen_stays_in_one_line_in_the_heads_of_a_race() -> None:
    """A browser breaks behind a hyphen where a column is narrow."""
    page = run(Quiz({"fine-tuned": 0.95, "few-shot": 0.2}))._repr_html_()
    heads = [head for head in re.findall("<th.*?</th>", page) if "fine-tuned" in head]
    assert len(heads) == 2
    assert all('class="fh-unbroken">fine-tuned<' in head for head in heads)


def test_a_bar_of_evidence_has_its_threshold_marked(quiz: Quiz) -> None:
    """The bar of a dropped variant reaches the mark, one of who is in ends before it; less than 1 has no length."""
    race = run(quiz)
    page = race._repr_html_()
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%;background-color:#", page)]
    assert page.count(f"left:{LIMIT_AT:g}%") == 1 + len(race.variants)  # the heading's, and a mark in each bar
    lines = [line for line in re.findall("<tr>.*?</tr>", page) if "<td" in line][: len(widths)]
    assert len(widths) == len(race.variants)
    for line, width in zip(lines, widths, strict=True):
        evidence = float(Page(re.findall("<td.*?</td>", line)[2]).text)
        dropped = {name for name in race.dropped if Page(line).text.startswith(name)}
        assert (width >= LIMIT_AT) is bool(dropped)
        assert (width > 0) is (evidence > 1)


def test_calls_beyond_those_of_the_counted_rows_are_explained() -> None:
    """Rows that were sent ahead cost calls that no row of the table has: a note counts them."""
    race = run(Quiz({"weak": 0.3, "strong": 0.95}), lookahead=4)
    counted = sum(race.rows if end is None else end for end in (race.dropped.get(name) for name in race.variants))
    assert race.spent.counted_calls == counted
    more = race.calls - counted
    assert any(note.startswith(f"{more:,} call") for note in race.notes) is (more > 0)


def test_the_figures_draw_and_tell(quiz: Quiz) -> None:
    """Two panels, one alone when asked; their words name everybody, and no name is markup or a formula."""
    race = run(quiz)
    both = race.plot()
    assert len(both.panels) == 2
    assert re.match(r"[^:]*\b20: ", both.alt)
    for name in race.variants:
        assert name in both.alt
    page = both._repr_html_()
    assert page.count("<svg") == 2
    assert "<img" not in page
    assert len(race.plot("intervals").panels) == 1
    with pytest.raises(InputError, match="kind is 'x'; .*'evidence' or 'intervals'"):
        race.plot("x")  # type: ignore[arg-type]
    planned = run(quiz, dry_run=True)
    with pytest.raises(InputError) as nothing:
        planned.plot()
    assert (planned.rows, "kind" in str(nothing.value)) == (0, False)


def test_lines_and_thresholds_of_the_figures_are_labelled_where_they_are(quiz: Quiz) -> None:
    """No legend: each line has its name at its end, the threshold and the line without a lead their words."""
    race = run(quiz)
    evidence, lead = race.plot().axes
    assert evidence.get_legend() is None
    assert lead.get_legend() is None
    colours = colours_of(race.variants)
    texts = {text.get_text(): text for text in (*evidence.texts, *lead.texts)}
    assert "equal" in texts
    assert "dropped at 20" in [label.get_text() for label in evidence.get_yticklabels()]  # on no line
    assert panels_cut(race.plot()) == []
    first = race.tally.rivals()[0]
    name, text = distinct_names(race.variants)[first.a], lead_format(race.tally)
    numbers = re.escape(f"{text(first.lead)} points ({text(first.low)} to {text(first.high)})")
    assert re.fullmatch(rf"strong \w+ {re.escape(name)} by {numbers}", race.plot().panels[1].title)
    for name, shown in distinct_names(race.variants, END_SHOWN).items():
        assert texts[shown].get_color() == colours[name]
        # A line ends where the table has its figure, that of a dropped variant at its cross.
        lines = [line.get_xydata()[-1] for line in evidence.lines if line.get_color() == colours[name]]
        end, figure = race.tally.dropped.get(name, race.rows), race.tally.evidence_at_end(name)
        assert max(y for x, y in lines if x == end) == pytest.approx(max(figure, LEAST))
        assert evidence_text(figure) in Page(race._repr_html_()).text
        assert race.summary().set_index("variant").loc[name, "evidence"] == figure
    assert evidence.get_yscale() == "log"
    assert re.search(r"\(log\b.*\)$", evidence.get_ylabel())
    rivals = race.tally.rivals()
    assert [label.get_text() for label in lead.get_yticklabels()] == [
        distinct_names((pair.a for pair in rivals), OF_PAIR_SHOWN)[pair.a] for pair in rivals
    ]
    for y, pair in enumerate(rivals):  # one line each, with its numbers beside it
        shown = texts[f"{text(pair.lead)} ({text(pair.low)} to {text(pair.high)})"]
        assert shown.get_position()[1] == y
    assert lead.get_xlim()[0] < 0 < lead.get_xlim()[1]


def test_titles_and_sentences_say_where_no_difference_is_found_and_leads_are_points() -> None:
    """In a picture "leads" is said of what is shown alone; of scores that are no yes and no, a lead has no unit."""
    level = run(Quiz({"a": 1.0, "b": 1.0}), max_calls=20)
    evidence, lead = (panel.title for panel in level.plot().panels)
    assert numbers_in(evidence) == ["10"]
    assert re.fullmatch(r"[^:]*: (a and b|b and a) \w+ \w+ \(-\d+\.\d to \d+\.\d\)", lead)
    assert re.search(r"(a and b|b and a) [^:]*, 95 % \w+ -\d+\.\d to \d+\.\d points", level.verdict)
    ahead = run(Quiz({"behind": 0.3, "ahead": 0.8}), max_calls=20)
    pair, name = ahead.tally.rivals()[0], ahead.variants[ahead.tally.leader()]
    assert pair.low <= 0 < pair.lead
    assert re.match(rf"[^:]*: {name} .*\b{pair.a} by ", ahead.plot("intervals").panels[0].title)
    assert re.search(rf": {name} .*\b{pair.a} by {100 * pair.lead:.1f} points \(95 % ", ahead.verdict)
    assert "points" in ahead._repr_html_()
    assert ahead.plot("intervals").axes[0].get_xlim()[0] < -1
    alike = run(Quiz({"a": 1.0, "b": 1.0}), min_difference=0.5)
    assert re.match(r".* 50 points .*\ba and b\b", alike.verdict)
    assert numbers_in(alike.plot("evidence").panels[0].title) == ["50", str(alike.rows)]
    number = run(
        Quiz({"behind": 0.4, "ahead": 0.6}), score=lambda output, row: 0.2 + 0.5 * (output == "yes"), max_calls=20
    )
    assert "points" not in repr(number)


def test_the_lines_of_a_race_do_not_move_while_it_runs() -> None:
    """They have the order of the plan, and the best variant is first once it has ended."""
    pages: list[str] = []
    quiz = Quiz({"weak": 0.3, "strong": 0.95, "other": 0.4})

    def look(event: Any) -> None:
        page = RaceView(race)._repr_html_()
        if race.rows and not race.ending:
            pages.append(page)

    race = run(quiz, dry_run=True, on_event=look)
    race.resume()
    tables = [_names_of(table) for page in pages for table in page.split("</table>")[:2]]
    assert any(tables)
    for names in tables:
        assert names == [name for name in race.variants if name in names]
    assert _names_of(race._repr_html_())[0] == "strong"


def _names_of(table: str) -> list[str]:
    return [Page(cell).text.split()[0] for cell in re.findall("<tr>(<td.*?</td>)", table)]


def test_a_number_has_one_format_while_the_race_runs_and_when_it_has_ended() -> None:
    """Leads, the ends of their intervals, evidence and shares are written with the same decimals row by row."""
    pages: list[str] = []

    def look(event: Any) -> None:
        if race.rows and not race.ending:
            pages.append(race._repr_html_())

    race = run(Quiz({"weak": 0.3, "strong": 0.95, "other": 0.4}), dry_run=True, on_event=look)
    race.resume()
    assert race.winner == "strong"
    decimals: dict[str, set[int]] = {"evidence": set(), "lead": set(), "interval": set()}
    for page in (*pages, race._repr_html_()):
        variants, pairs = (
            [Page(cell).text for cell in re.findall("<td.*?</td>", table)] for table in page.split("</table>")[:2]
        )
        ends = [end for limits in pairs[2::6] for end in limits.split(" to ")]
        for name, texts in {"evidence": variants[2::6], "lead": pairs[1::6], "interval": ends}.items():
            decimals[name] |= {len(text.partition(".")[2]) for text in texts if text}
    assert len(pages) > 5
    assert decimals == {"evidence": {2}, "lead": {1}, "interval": {1}}
    assert re.search(r"\d\.\d points", run(Quiz({"behind": 0.3, "ahead": 0.8}), max_calls=20).verdict)


def test_a_drawing_reads_one_moment_of_the_race() -> None:
    """Rows that are taken while a page is made are not half in it: a snapshot takes no more of them."""
    tally = RaceState(["a", "b"], scale=ScoreScale(), alpha=0.05)
    for _ in range(3):
        tally.take(np.array([0.0, 1.0]))
    moment = tally.snapshot()
    before = (moment.rows, moment.evidence.adjusted.tolist(), len(moment.trail), moment.rivals(), moment.ending)
    while not tally.ending:
        tally.take(np.array([0.0, 1.0]))
    assert tally.path(0, 1)[-1][0] == tally.rows > 3
    after = (moment.rows, moment.evidence.adjusted.tolist(), len(moment.trail), moment.rivals(), moment.ending)
    assert after == before
    assert (moment.racing, moment.dropped, moment.winner) == (("a", "b"), {}, None)
    assert moment.path(0, 1)[-1][0] == 3


def test_tables_and_plots_of_a_running_race_are_of_one_moment() -> None:
    """Asked for from `on_event=` or another thread, while rows are taken: each shows the rows of its beginning."""
    rows, more = [[0.0, 1.0, 1.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]], [[0.0, 1.0, 0.0], [1.0, 1.0, 1.0]] * 20
    before, race = overtaken(rows, ()), run(Quiz({f"v{n}": 0.5 for n in range(3)}), max_calls=6)

    def running() -> fh.Race:
        race.tally = overtaken(rows, more)
        return race

    assert running().summary().equals(summary_table(before))
    pairs = running().pairs()
    assert pairs.equals(pairs_table(before))
    assert " in points" in pairs._repr_html_()
    race.tally.take(np.array([0.5, 0.5, 0.5]))
    assert " in points" in pairs._repr_html_(), "what is shown later is of the same moment"
    for kind in ("evidence", "intervals"):
        drawn = running().plot(kind)
        race.tally.take(np.array([0.5, 0.5, 0.5]))
        race.tally = before
        assert (drawn.alt, drawn._repr_html_()) == (race.plot(kind).alt, race.plot(kind)._repr_html_())


def test_the_plot_says_of_a_rival_that_no_row_has_a_score_of_both() -> None:
    """The figure beside its interval has no number and no gap for one; the other one has its lead."""
    unscored = overtaken([[0.0, 1.0, np.nan], [1.0, 1.0, np.nan]], ())
    figures = [text.get_text() for text in plot(unscored, "intervals").axes[0].texts]
    assert [figure.partition(" (")[0] for figure in figures if figure.endswith(")")] == ["50.0", "no rows"]


def test_the_state_of_a_race_is_read_once_for_each_drawing() -> None:
    """The calls that the page counts are those of its bar, although some are made while it is drawn."""
    race = run(Quiz({"a": 0.5, "b": 0.6}), max_calls=20)

    class Counted:
        taken = 0

        def snapshot(self) -> RaceSnapshot:
            self.taken += 1
            return race.snapshot()

    for last in (False, True):
        counted = Counted()
        RaceView(counted, last=last)
        assert counted.taken == 1


def test_what_is_counted_beside_a_moment_is_of_its_rows() -> None:
    """Calls, reused answers and failed runs are of the rows that its table has, though more have been taken since."""
    quiz = Quiz({"shaky": -0.4, "steady": 1.0})
    fh.batch(questions(20), "quiz", client=quiz.hive.client(), progress=False)
    race = run(quiz, max_calls=20, lookahead=1)

    def said() -> tuple[Any, ...]:
        spent = race.spent
        return spent.counted_calls, spent.reused, race.reused, [n for n in race.notes if "failed run" in n]

    before, moment = said(), race.tally.snapshot()
    race.resume()
    assert race.rows > moment.rows
    assert all(now != then for now, then in zip(said(), before, strict=True))
    race.tally = moment
    assert said() == before


def test_a_line_of_progress_computes_no_intervals() -> None:
    """They are of the tables and notes: a line is drawn often."""
    race = run(Quiz({"a": 0.5, "b": 0.6, "c": 0.5}), max_calls=20)

    class Counted(RaceState):
        asked = 0

        def path(self, i: int, j: int) -> list[tuple[int, float, float]]:
            type(self).asked += 1
            return super().path(i, j)

    race.tally.__class__ = Counted
    assert race.line
    assert Counted.asked == 0
    assert race.pairs().shape[0] == 3
    assert Counted.asked > 0


def test_the_live_view_has_the_plan_the_line_and_in_the_end_the_picture() -> None:
    """While it runs: calls spent and left, evidence against its bar; at its end the sentence and the figures."""
    race = run(Quiz({"a": 0.5, "b": 0.6}), max_calls=20)
    live, last = RaceView(race), RaceView(race, last=True)
    assert numbers_in(race.line)[:2] == ["10", "60"]
    assert race.line.partition("; ")[0] in Page(live._repr_html_()).text
    assert re.search(r"\([^()]* 20\)", Page(live._repr_html_()).text)
    assert 'role="progressbar"' in live._repr_html_()
    assert 'class="fh-plot"' not in live._repr_html_()
    assert last._repr_html_().count('class="fh-plot"') == 2
    assert race.verdict in repr(last)
    assert " 20 calls" in repr(live)


def test_a_terminal_is_told_the_plan_and_the_end() -> None:
    """Lines of text: the plan before the first call, the sentence after the last row."""
    quiz, stream = Quiz({"weak": 0.3, "strong": 0.95}), io.StringIO()
    race = run(quiz, dry_run=True)
    race.show_by(lambda: RaceText(race, stream))
    race.resume()
    first, *_, last = stream.getvalue().splitlines()
    assert numbers_in(first.partition(": ")[2]) == ["60", "120"]
    assert last == f"{race.batch.name}: {race.verdict}"
    assert last.count("strong ") == 1


def test_a_race_that_is_run_on_as_a_batch_shows_a_batch(capsys: pytest.CaptureFixture[str]) -> None:
    """`race.batch.resume()` is a batch's start, with a batch's progress."""
    race = run(Quiz({"weak": 0.3, "strong": 0.95}), progress=True)
    assert race.verdict in capsys.readouterr().err
    race.batch.resume()
    told = capsys.readouterr().err
    assert "120 of 120" in told
    assert race.verdict not in told


@pytest.mark.parametrize(
    ("failed", "rule", "said"),
    [
        (1, "drop", r"1 \w+ run .* 0, .*failed='zero'\."),
        (3, "drop", r"3 \w+ runs .* 0, .*failed='zero'\."),
        (1, "zero", r"1 \w+ run \w+ as 0\."),
        (3, "zero", r"3 \w+ runs \w+ as 0\."),
    ],
)
def test_failed_runs_are_told_as_they_are_many(failed: int, rule: str, said: str) -> None:
    """In one sentence, with the cure."""
    (note,) = notes_of(failed=failed, missing=0, beyond=0, copies=0, rule=rule, error="", bounds=(0, 1))
    assert re.fullmatch(said, note)
