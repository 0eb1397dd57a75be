"""A comparison that people rate: kept as it is pressed, blind in the page, and what comes of it."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from scipy.stats import binomtest

import fh_notebook as fh
from fh_notebook.comparing.rating.human_ratings import result_sentences
from fh_notebook.comparing.rating.questions import PAIR, Item
from fh_notebook.errors import InputError
from fh_notebook.session import session
from fh_notebook.store.store import Store
from tests.comparing.rating.page import Page, compared, rate_by
from tests.comparing.scorers.test_judge import Court
from tests.notebook.hostile import Page as OutputPage
from tests.told import numbers_in


def _store() -> Store:
    store = session.store()
    assert store is not None
    return store


def _scored(cmp: fh.Comparison, item: Item) -> str:
    """What somebody says who thinks as the score does."""
    scores = cmp.data.lines["score"].tolist()
    assert item.line_b is not None
    return "a" if scores[item.line_a] > scores[item.line_b] else "b"


def test_a_key_is_in_the_store_before_the_page_is_told_so() -> None:
    """With who, what, how it was shown and how long it took; a message that comes twice is one rating."""
    cmp = compared()
    page = Page(cmp.rate(rater="anna"))
    events = [page.event(0, "1"), page.event(1, "tie")]
    for _ in range(2):
        (said,) = page.send(kind="events", message=7, events=events)
        assert (said["kind"], said["message"], said["counts"]) == ("ack", 7, {"total": 12, "left": 10, "skipped": 0})
    kept = _store().ratings.of_batch()
    assert [(x.rater, x.kind, x.a, x.b, x.seconds) for x in kept] == [("anna", "pair", "larkspur", "foxglove", 1.5)] * 2
    assert kept[0].choice == kept[0].shown[0]
    assert kept[1].choice == "tie"


def test_the_page_is_told_texts_and_numbers_and_no_name_before_the_end() -> None:
    """Not of a column that differs between the variants either; the result is told when nothing is left."""
    cmp = compared(3, author=lambda row, n: f"by number {n}")
    page = Page(cmp.rate(rater="anna"))
    (state,) = page.send(kind="hello")
    assert state["items"][0]["about"] == [["ticket", f"Ticket {page.rater.session.items[0].row}"]]
    assert page.send(kind="result") == []
    page.press((0, "1"), (1, "2"))
    assert page.send(kind="result") == []
    told = json.dumps(page.told) + repr(page.rater) + page.rater._page()
    assert not any(name in told for name in ("larkspur", "foxglove", "by number"))
    page.press((2, "tie"))
    (result,) = page.send(kind="result")
    assert "larkspur" in result["lines"][0]
    assert "preferred" in result["lines"][0]


def test_the_count_of_the_choices_is_told_first() -> None:
    """At the end of a rating, and of the ratings as a table: who was preferred how often, then how sure that is."""
    cmp = compared(6)
    rate_by(cmp, "anna", lambda item: {0: "tie", 1: "a", 2: "a"}.get(item.row, "b"))
    page = Page(cmp.rate(rater="anna"))
    (result,) = page.send(kind="result")
    counts = "foxglove preferred 3 times, larkspur 2 times, 1 tie"
    assert result["lines"][0] == f"{counts}."
    assert numbers_in(result["lines"][1]) == ["58", "6", "95", "21", "90", "3", "1", "2", "1"]  # won, tied, lost, p
    assert result["lines"][1].startswith("foxglove")
    assert repr(cmp.ratings()).startswith(f"{counts}\n")
    assert f'<strong dir="ltr">{counts}</strong>' in cmp.ratings()._repr_html_()


def test_columns_may_be_named_by_what_stands_behind_the_dot() -> None:
    """As in `slice`; one that is not there is told with the nearest name."""
    lines = [{"row": row, "variant": name, "output": f"{name} {row}", "metadata.case": f"case {row}", "other": row}
             for row in range(2) for name in ("x", "y")]  # fmt: skip
    cmp = fh.compare(pd.DataFrame(lines))
    (state,) = Page(cmp.rate(rater="anna", show=["case"])).send(kind="hello")
    assert [name for item in state["items"] for name, _ in item["about"]] == ["metadata.case"] * 2
    with pytest.raises(InputError, match="'cas' .*'case'"):
        cmp.rate(rater="anna", show=["cas"])


def test_an_item_is_the_same_whichever_of_its_lines_comes_first() -> None:
    """Also where a column says something on one of them only: it is of that run, and no part of the question."""
    lines = pd.DataFrame({"row": 0, "variant": ["x", "y"], "output": ["one", "two"], "judged": [0.5, None]})
    there, back = (fh.compare(frame).rate(rater="anna").session.items for frame in (lines, lines[::-1]))
    assert [item.id for item in there] == [item.id for item in back]


def test_another_kernel_goes_on_and_somebody_else_begins() -> None:
    """What was rated is not asked again; the last ratings can be taken back there."""
    page = Page(compared().rate(rater="anna"))
    page.press(*((n, "1") for n in range(5)))
    session.reset()
    again = Page(compared().rate(rater="anna"))
    (state,) = again.send(kind="hello")
    assert (state["left"], [card["n"] for card in state["items"]]) == (7, list(range(5, 12)))
    last = state["past"][-1]
    (said,) = again.send(kind="events", message=1, events=[again.event(last["item"]["n"], "undo", of=last["uid"])])
    assert said["counts"]["left"] == 8
    assert compared().rate(rater="anna").session.left == 8
    assert compared().rate(rater="ben").session.left == 12
    assert [x.undone_at is None for x in _store().ratings.of_batch()].count(False) == 1, "kept, as taken back"


def test_an_output_that_changed_is_another_question() -> None:
    """A rating is of what was read."""
    rate_by(compared(), "anna", lambda item: "a")
    assert compared().rate(rater="anna").session.left == 0
    frame = compared().data.lines
    other = frame.assign(row=frame["pair"], ticket="x", output=frame["output"].str.replace("answer 3", "reply 3"), s=0)
    assert fh.compare(other[["row", "variant", "output", "s"]], score="s").rate(rater="anna").session.left == 12


def test_pairs_of_the_same_text_are_not_asked_and_rows_and_pairs_can_be_chosen() -> None:
    """Three variants are three pairs a row; the same rows for everybody."""
    cmp = compared(10, ("a", "b", "c"), output=lambda row, n: "same" if row < 4 and n < 2 else f"{row} {n}")
    assert cmp.rate(rater="x").session.total == 26
    assert cmp.rate(("b", "a"), rater="x").session.total == 6
    some = [sorted({i.row for i in cmp.rate(rater=who, rows=3, scale=5).session.items}) for who in ("x", "y")]
    assert some[0] == some[1]
    assert len(some[0]) == 3
    assert {i.row for i in cmp.rate(rater="x", rows=[7, 9]).session.items} == {7, 9}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"pair": ("larkspur", "foxglov")}, " 'foxglove'"), ({"pair": "larkspur"}, "pair is 'larkspur'"),
        ({"pair": ("larkspur", "larkspur")}, "pair is"), ({"rater": ""}, "rater is"), ({"rater": "x" * 61}, "60"),
        ({"rows": 0}, r"rows is 0\b.* 1\b"), ({"rows": "3"}, "rows is '3'"), ({"rows": [99]}, " row 99$"),
        ({"show": ["tickt"]}, " 'ticket'"), ({"show": "ticket"}, " is 'ticket'; "),
        ({"scale": 5, "labels": ["a", "b"]}, "scale= .*labels="),
    ],
)  # fmt: skip
def test_a_slip_is_one_line_with_the_cure(options: dict[str, Any], told: str) -> None:
    """Before anything is shown."""
    with pytest.raises(InputError, match=told):
        compared().rate(**options)


def test_nothing_to_rate_says_why() -> None:
    """One variant, equal outputs, nothing completed; and nobody who has rated."""
    one = pd.DataFrame({"row": [0, 1], "variant": "a", "output": "x", "s": 1})
    same = pd.DataFrame({"row": [0, 0], "variant": ["a", "b"], "output": "x", "s": 1})
    told = set()
    for ask in (fh.compare(one, score="s").rate, fh.compare(same, score="s").rate, compared().rated):
        with pytest.raises(InputError) as caught:
            ask()
        told.add(str(caught.value))
    assert len(told) == 3
    assert "cmp.rate()" in str(caught.value)


def test_a_rated_comparison_has_the_win_rate_its_interval_and_the_sign_test() -> None:
    """Of two variants by what was said of these two, raters of a row averaged."""
    cmp = compared(40)
    rate_by(cmp, "anna", lambda item: "b" if item.row < 27 else "tie" if item.row < 30 else "a")
    (line,) = cmp.rated().pairs().to_dict("records")
    assert (line["wins"], line["ties"], line["losses"], line["test"]) == (27, 3, 10, "sign")
    assert line["p"] == pytest.approx(binomtest(27, 37).pvalue)
    assert line["win_rate"] == pytest.approx((27 + 1.5) / 40)
    assert line["win_low"] < line["win_rate"] < line["win_high"]
    assert numbers_in(cmp.rated().verdict) == ["27", "10", "3"]
    assert cmp.rated().verdict.startswith("foxglove ")
    assert "sign test" in cmp.rated()._repr_html_()
    assert "Rated blind by anna (40 pairs)." in cmp.rated().notes
    rate_by(cmp, "ben", lambda item: "a")
    (line,) = cmp.rated().pairs().to_dict("records")
    assert (line["wins"], line["ties"], line["losses"]) == (0, 27, 13)
    (line,) = cmp.rated(rater="anna").pairs().to_dict("records")
    assert line["wins"] == 27
    with pytest.raises(InputError, match=r"cmp\.rated\("):
        cmp.rated().rescore()
    rate_by(cmp, "ben", lambda item: "3", scale=5)
    on_scale = cmp.rated(scale=5)
    with pytest.raises(InputError, match=r"cmp\.rated\("):
        on_scale.rescore()
    assert on_scale.summary()["mean"].tolist() == [3, 3]


def test_what_was_said_of_a_table_is_found_whatever_scores_it() -> None:
    """By another column, by none, and of the rated comparison itself, which does not agree with itself."""
    lines = [
        {"row": row, "variant": name, "ticket": f"Ticket {row}", "output": f"{name} {row}", "s": n, "t": 1 - n}
        for row in range(4) for n, name in enumerate("ab")
    ]  # fmt: skip
    frame = pd.DataFrame(lines)
    cmp = fh.compare(frame, score="s")
    rate_by(cmp, "anna", lambda item: "b")
    for other in (fh.compare(frame), fh.compare(frame, score="t"), cmp.rated()):
        assert len(other.ratings().frame) == 4
    assert "s" not in cmp.rated().diff(0).inputs
    assert cmp.rated().agreement().frame.empty
    assert cmp.rated().diff(0).parts[0].b.score == 1.0


def test_three_variants_are_compared_by_what_was_said_of_each_two() -> None:
    """In a circle, each beats the next, and no mean of all hides it."""
    cmp = compared(12, ("a", "b", "c"))
    beats = {("a", "b"): "a", ("b", "c"): "a", ("a", "c"): "b"}
    rate_by(cmp, "anna", lambda item: beats[item.a, item.b])
    table = cmp.rated().pairs().set_index(["a", "b"])["win_rate"]
    assert table.to_dict() == {("a", "b"): 0.0, ("a", "c"): 1.0, ("b", "c"): 0.0}
    assert cmp.rated().summary()["mean"].tolist() == [0.5, 0.5, 0.5]


def test_a_scale_and_labels_are_scores() -> None:
    """Numbers are averaged; of a label its share."""
    cmp = compared(8)
    rate_by(cmp, "anna", lambda item: "5" if item.a == "foxglove" else "2", scale=5)
    assert cmp.rated().summary()["mean"].tolist() == [2.0, 5.0], "the only question that was asked"
    rate_by(cmp, "anna", lambda item: "1" if item.a == "foxglove" else "2", labels=["good", "bad"])
    assert cmp.rated(labels=["good", "bad"]).summary()["mean"].tolist() == [0.0, 1.0]
    assert cmp.rated(labels=["good", "bad"], label="bad").summary()["mean"].tolist() == [1.0, 0.0]
    with pytest.raises(InputError, match="'godo'"):
        cmp.rated(labels=["good", "bad"], label="godo")
    with pytest.raises(InputError, match="'good or bad'.* scale= .*labels="):
        cmp.rated()
    assert cmp.ratings().frame["kind"].unique().tolist() == ["scale 5", 'labels ["good", "bad"]']


def test_agreement_of_people_and_of_a_scorer_with_them() -> None:
    """Two by Cohen's kappa, three by Fleiss' too; the scorer against their majority."""
    cmp = compared(60)
    rate_by(cmp, "anna", lambda item: _scored(cmp, item))
    assert numbers_in(cmp.agreement())[:3] == ["100", "60", "1.00"]
    rate_by(cmp, "ben", lambda item: _scored(cmp, item) if item.row % 4 else "tie")
    assert cmp.agreement().frame["method"].tolist() == ["cohen", "cohen"]
    rate_by(cmp, "clara", lambda item: _scored(cmp, item) if item.row % 6 else "a")
    table = cmp.agreement().frame
    assert table["method"].tolist() == ["cohen", "cohen", "cohen", "fleiss", "cohen"]
    assert table["agree"].iloc[0] == pytest.approx(0.75)
    assert "anna, ben and clara" in str(cmp.agreement())
    assert "anna, ben and clara" in cmp.agreement()._repr_html_()
    cmp.add_score(fh.score.length(), name="letters")
    assert cmp.agreement().frame["who"].tolist()[-2:] == ["s", "letters"]


def test_three_people_on_a_scale_or_on_unequal_items_are_compared_by_krippendorffs_alpha() -> None:
    """Fleiss' kappa knows no order and takes only what all have rated; alpha has a column of its own."""
    cmp = compared(12)
    for place, rater in enumerate(("anna", "ben", "clara")):
        rate_by(cmp, rater, lambda item, place=place: "skip" if item.row % 3 == place else _scored(cmp, item))
    table = cmp.agreement().frame
    assert table["method"].tolist() == ["cohen", "cohen", "cohen", "fleiss", "krippendorff", "cohen"]
    assert list(table.columns)[-2:] == ["method", "alpha"]
    fleiss, alpha = table.iloc[3], table.iloc[4]
    assert (fleiss["n"], alpha["n"], alpha["agree"], alpha["alpha"]) == (0, 12, 1.0, 1.0)
    assert math.isnan(alpha["kappa"])
    assert table["alpha"].drop(4).isna().all()
    said = "Krippendorff's alpha of anna, ben and clara 1.00 (95 % interval "
    assert said in str(cmp.agreement())
    (line,) = (line for line in str(cmp.agreement()).splitlines() if said in line)
    assert [n for n in numbers_in(line) if n in ("12", "100")] == ["12", "100"]
    assert "Krippendorff&#x27;s alpha" in cmp.agreement()._repr_html_()
    for rater, shift in (("anna", 0), ("ben", 1), ("clara", 0)):
        rate_by(cmp, rater, lambda item, shift=shift: str(1 + (item.row + shift) % 5), scale=5)
    table = cmp.agreement(scale=5).frame
    assert table["method"].tolist()[3:5] == ["fleiss", "krippendorff, ordinal"]
    assert table["n"].tolist()[3:5] == [24, 24]
    assert table["kappa"].iloc[3] < table["alpha"].iloc[4], "to be off by one is not to be wrong"


def test_a_judge_of_two_at_a_time_is_asked_for_its_verdict_on_the_two() -> None:
    """Not for its mean over all others; on a scale people are taken by the higher number."""
    cmp = compared(6, ("a", "b", "c"))
    frame = cmp.data.lines.copy()
    frame["parts"] = [{f"vs {other}": 1.0 for other in "abc"} if v == "a" else {} for v in frame["variant"]]
    frame.attrs = {}
    from fh_notebook.comparing.rating.agreement import preferences_of_scores

    assert preferences_of_scores(frame, [(0, 1), (0, 2)]) == {(0, 1): "a", (0, 2): "a"}
    rate_by(cmp, "anna", lambda item: "3" if _is_best(cmp, item) else "1", scale=3)
    assert numbers_in(cmp.agreement())[:3] == ["100", "18", "1.00"]
    rate_by(cmp, "ben", lambda item: "2", scale=3)
    assert cmp.agreement().frame["method"].tolist() == ["cohen, weighted", "cohen"]


def _is_best(cmp: fh.Comparison, item: Item) -> bool:
    return bool(cmp.data.lines["score"].iloc[item.line_a])


def test_ratings_are_a_table_that_is_written_to_a_file(tmp_path: Path) -> None:
    """With what was taken back and skipped, which does not count; a formula in a name is none in a spreadsheet."""
    cmp = compared(4)
    rate_by(cmp, "=anna()", lambda item: "b" if item.row else "skip")
    page = Page(cmp.rate(rater="ben"))
    page.press((0, "1"))
    page.send(kind="events", message=2, events=[page.event(0, "undo", of=f"{page.client}-1")])
    table = cmp.ratings().frame
    assert table["counts"].tolist().count(True) == 3
    assert table["undone"].tolist().count(True) == 1
    assert set(table.loc[table["counts"], "preferred"]) == {"foxglove"}
    [counted] = [line for line in repr(cmp.ratings()).splitlines() if "(=anna() 3)" in line]
    assert numbers_in(counted) == ["3", "3", "2"]
    cmp.ratings().to_csv(tmp_path / "r.csv")
    assert "'=anna()" in (tmp_path / "r.csv").read_text("utf-8-sig")
    cmp.ratings().to_parquet(tmp_path / "r.parquet")
    assert pd.read_parquet(tmp_path / "r.parquet")["choice"].tolist() == table["choice"].tolist()
    assert cmp.ratings(rater="ben").frame["rater"].tolist() == ["ben"]
    assert list(fh.compare(pd.DataFrame({"row": [0], "variant": "a", "s": 1}), score="s").ratings().frame) == list(
        table
    )


def test_without_a_store_ratings_last_as_long_as_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """And it is said."""
    fh.configure(store=None)
    cmp = compared(4)
    rate_by(cmp, "anna", lambda item: "a")
    assert cmp.rated().pairs()["losses"].tolist() == [4]
    assert Page(cmp.rate(rater="anna")).send(kind="hello")[0]["kept"] is False


def test_ratings_are_found_where_their_page_keeps_them_when_the_store_has_moved(tmp_path: Path) -> None:
    """A page writes to the store that it began with, and what it said is saved counts in this comparison."""
    cmp = compared(4)
    page = Page(cmp.rate(rater="anna"))
    page.press((0, "1"))
    fh.configure(store=tmp_path / "elsewhere.sqlite3")
    assert page.press((1, "2"))[0]["counts"]["left"] == 2
    Page(cmp.rate(rater="ben")).press((0, "1"))
    assert cmp.ratings().frame.groupby("rater").size().to_dict() == {"anna": 2, "ben": 1}
    assert len(cmp.rated(rater="anna").ratings().frame) == 3


def test_what_a_question_has_no_answer_for_counts_for_nothing() -> None:
    """It may stand in somebody else's file; the others still agree."""
    cmp = compared(3)
    for rater in ("anna", "ben", "eve"):
        Page(cmp.rate(rater=rater, scale=5)).press((0, "1"), (1, "4"), (2, "4"))
    strange = [replace(line, uid=f"{line.uid}-x", rater="zoe", choice="12") for line in cmp.ratings(rater="eve").lines]
    _store().ratings.merge(strange).result()
    assert "zoe" in cmp.ratings().frame["rater"].tolist()
    assert "zoe" not in str(cmp.agreement(scale=5))
    assert "zoe" not in cmp.rated(scale=5).notes[0]


def test_two_that_are_level_are_told_so() -> None:
    """Nobody is preferred on half of the rows."""
    cmp = compared(2)
    rate_by(cmp, "anna", lambda item: "a" if item.row else "b")
    (told,) = result_sentences(cmp.rated(rater="anna").data, PAIR)
    assert told.startswith("foxglove and larkspur ")
    assert numbers_in(told)[:2] == ["50", "2"]


def test_a_hostile_or_broken_message_ends_nothing() -> None:
    """It is no rating, and the next one is."""
    page = Page(compared().rate(rater="anna"))
    for content in (
        {"kind": "events"},
        {"kind": "events", "events": "x"},
        {"kind": "__class__"},
        {"kind": "more", "cursor": -3},
    ):
        page.send(**content)
    page.rater.receive("nonsense", page.told.append).finished.wait(30)
    page.rater.receive({"client": 3}, page.told.append).finished.wait(30)
    assert page.press((0, "1"))[0]["counts"]["left"] == 11


def test_a_store_that_fails_is_told_and_the_key_counts_when_it_is_sent_again(tmp_path: Path) -> None:
    """The page keeps what was not acknowledged."""
    page = Page(compared().rate(rater="anna"))
    good, page.rater._store = page.rater._store, Store(tmp_path)
    events = [page.event(0, "1")]
    (said,) = page.send(kind="events", message=1, events=events)
    assert said["kind"] == "problem"
    assert "fh.configure(store=" in said["text"]
    assert page.rater.session.rated == 0
    page.rater._store = good
    assert page.send(kind="events", message=2, events=events)[0]["counts"]["left"] == 11


def test_long_outputs_are_cut_and_sent_a_few_at_a_time() -> None:
    """What is hostile is text; what is invisible is shown."""
    cmp = compared(30, output=lambda row, n: f"{row}{n}\u202e\x00<script>" + "x" * 30_000)
    page = Page(cmp.rate(rater="anna"))
    (state,) = page.send(kind="hello")
    assert len(state["items"]) < 10
    assert len(state["items"][0]["views"][0]) < 30_000
    assert "\\u202e\\x00&lt;script&gt;" in state["items"][0]["views"][0]
    seen, cursor = len(state["items"]), state["cursor"]
    while cursor is not None:
        (more,) = page.send(kind="more", cursor=cursor)
        seen, cursor = seen + len(more["items"]), more["cursor"]
    assert seen == 30


def test_an_output_is_drawn_beside_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of a huge one takes a while, and the loop that makes the calls goes on meanwhile."""
    page = Page(compared(3, output=lambda row, n: f"# answer {row}{n}").rate(rater="anna"))
    loops: list[object] = []

    def parse(*_: Any) -> list[Any]:
        loops.append(asyncio._get_running_loop())
        return []

    monkeypatch.setattr("markdown_it.MarkdownIt.parse", parse)
    page.send(kind="hello")
    page.send(kind="more", cursor=0)
    page.send(kind="output", key="0-1", form="markdown")
    assert len(loops) == 6 + 6 + 1
    assert {*loops} == {None}


def test_files_are_rated_without_their_names_and_hosts() -> None:
    """Which may tell whose they are; all of an output is sent when the page asks for it, without them too."""

    def output(row: int, n: int) -> dict[str, Any]:
        url = f"https://variant-{n}.example/{n}.png"
        return {"label": f"answer {row}{n}", "assets": [{"file_url": url, "file_name": f"variant-{n}.png"}]}

    page = Page(compared(3, output=output).rate(rater="anna"))
    (state,) = page.send(kind="hello")
    item = state["items"][0]
    for view in item["views"]:
        seen = OutputPage(view).text
        assert "Picture 1" in seen
        assert "variant-" not in seen
        assert "href" not in view
    (answer,) = page.send(kind="output", key=f"{item['n']}-1")
    assert "answer" in answer["text"]
    assert "variant-" not in answer["text"]
    for key in (f"{item['n']}-2", "9-0", "x-0", "", None):
        (answer,) = page.send(kind="output", key=key)
        assert answer["text"] == ""


def test_the_caller_words_the_question_and_a_reference_is_named_so() -> None:
    """Ratings by any wording count together; without a wording the page asks which is better for these inputs."""
    cmp = compared(2, expected_output=lambda row, n: f"should be {row}")
    (asked,) = Page(cmp.rate(rater="anna", question="  Which letter would you send? ")).send(kind="hello")
    (default,) = Page(cmp.rate(rater="anna")).send(kind="hello")
    assert asked["question"] == "Which letter would you send?"
    assert default["question"] == PAIR.wording != asked["question"]
    assert asked["fingerprint"] == default["fingerprint"]
    assert asked["blind"] != Page(cmp.rate(rater="anna", scale=5)).send(kind="hello")[0]["blind"]
    assert [name for name, _ in asked["items"][0]["about"]] == ["ticket", "expected output"]


@pytest.mark.parametrize("question", ["", "  ", "x" * 201])
def test_a_question_of_no_words_or_too_many_is_refused(question: str) -> None:
    """It is a line above the outputs."""
    with pytest.raises(InputError, match=r" is '.*\b200\b"):
        compared(2).rate(question=question)


def test_widget_state_which_a_notebook_may_save_has_neither_outputs_nor_names() -> None:
    """Only the module, which is the same for everybody; what a page is told goes in messages."""
    from fh_notebook.notebook.rater import RateWidget

    page = Page(compared().rate(rater="anna"))
    page.send(kind="hello")
    widget = page.rater._make_widget()
    state = json.dumps(widget.get_state(), default=str)
    assert isinstance(widget, RateWidget)
    assert set(widget.get_state()) - set(RateWidget().get_state()) == set()
    assert not any(word in state for word in ("larkspur", "foxglove", "answer 3", "Ticket 3", "anna"))
    assert "import " not in state.replace("important", ""), "the module is whole: it loads nothing"
    widget.close()


def test_a_judge_is_told_how_far_it_agrees_with_people() -> None:
    """A real judge of pairs, against what a person said of the same pairs."""
    court = Court()
    cmp = fh.compare(court.batch(20, variants=["plain", "polite", "rude"]), score=court.judge("versus", pairwise=True))
    polite = {("plain", "polite"): "b", ("plain", "rude"): "tie", ("polite", "rude"): "a"}
    rate_by(cmp, "anna", lambda item: polite[item.a, item.b] if item.row % 2 or item.b != "polite" else "a")
    (line,) = cmp.agreement().frame.to_dict("records")
    assert (line["n"], round(line["agree"], 2), line["others"]) == (60, 0.83, "people")
    assert numbers_in(cmp.agreement())[:2] == ["83", "60"]
    assert 0.7 <= line["kappa"] < 0.8
