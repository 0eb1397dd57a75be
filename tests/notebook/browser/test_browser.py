"""`cmp.browse()` in a process: what a cell has of it, and a batch that is still running."""

from __future__ import annotations

import re
import threading
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.batching.model import Finished
from fh_notebook.notebook.browser import page
from fh_notebook.notebook.browser.browser import LiveComparison
from fh_notebook.notebook.browser.table import browser_table
from tests.comparing.rating.page import rate_by
from tests.notebook.browser.frames import small
from tests.notebook.hostile import dangers
from tests.notebook.paced_hive import PacedHive

PATIENCE_S = 30.0


def test_a_cell_looks_at_the_rows_as_the_page_does() -> None:
    """`show` filters, sorts and opens; `frame` has what is left, `view` how; text and HTML say the same."""
    browser = fh.compare(small(), score="s").browse(columns=["language"], page_size=10)
    assert browser.frame["row"].tolist() == [0, 10, 20, 30, 40, 50]
    assert browser.show(only="different", sort="apart", down=True, row=30) is browser
    assert browser.frame["row"].tolist() == [10, 30, 20, 40]
    assert (browser.view["only"], browser.view["open"], browser.view["where"]) == ("different", 3, {})
    assert browser.show(where={"language": "de"}).frame["row"].tolist() == [10, 30]
    said, page = repr(browser), browser._repr_html_()
    for text in ("6 rows x 3 variants by s", "2 of 6 rows", "0.900 · best"):
        assert text in said
        assert text in page
    assert '~ label: "late" → "lost"' in said
    assert dangers(page) == []
    assert re.search(r"\b0\b.*\b6\b", repr(browser.show(search="nowhere")))


def test_all_of_an_opened_output_has_the_marks_of_the_search() -> None:
    """As the part had that was shown before."""
    browser, sent = fh.compare(small(), score="s").browse(), list[Any]()
    browser.show(search="late")
    browser._widget = SimpleNamespace(send=sent.append)
    browser._send_output("3-0", "text")
    assert "<mark>late</mark>" in sent[0]["html"]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda cmp: cmp.browse(columns=["langage"]), "'langage'.* 'language'"),
        (lambda cmp: cmp.browse(columns="language"), "'language'.*'language'"),
        (lambda cmp: cmp.browse(page_size=0), r"\bpage_size.*\b0\b.*\b1\b.*\b100\b"),
        (lambda cmp: cmp.browse().show(row=99), "row 99 "),
        (lambda cmp: cmp.browse().show(won="d"), "won is 'd'"),
    ],
)
def test_a_slip_is_told_before_anything_is_shown(call: Any, told: str) -> None:
    """In one line."""
    with pytest.raises(fh.InputError) as raised:
        call(fh.compare(small(), score="s"))
    assert re.search(told, str(raised.value))


def test_a_password_is_neither_shown_nor_found() -> None:
    """Nor offered as a filter; and a column that is no row's own cannot be shown."""
    hive = fh.local.LocalHive()
    dep = fh.Deployment("x", variants=["a", "b"], inputs={"ticket": fh.text(), "pin": fh.text(secret=True)})
    for name in dep.variants:
        hive.workflow("x", variant=name)(lambda ticket, pin: f"about {ticket}")
    batch = fh.batch([{"ticket": "Late.", "pin": "swordfish"}], dep, client=hive.client(), progress=False)
    browser = fh.compare(batch).browse(columns=["pin", "ticket"]).show(row=0, facet="pin")
    assert "swordfish" not in f"{browser!r}{browser._repr_html_()}{browser._page}{browser._head}"
    assert len(browser.show(search="swordfish").frame) == 0
    with pytest.raises(fh.InputError, match="'status'"):
        fh.compare(batch).browse(columns=["status"])


@pytest.mark.long
def test_answers_appear_while_the_batch_is_running() -> None:
    """Without a cell, in the order of the plan; what is filtered stays filtered; in the end it follows no more."""
    hive = PacedHive()
    rows = pd.DataFrame({"text": ["one", "bad two", "three"], "expected_output": ["said one", "x", "said x"]})
    batch = fh.batch(rows, "paced", variants="v", client=hive.client(), progress=False, wait=False, max_concurrency=3)
    try:
        hive.wait_for(3)
        came = threading.Condition()
        browser = fh.compare(batch).browse()
        show = browser._show

        def heard() -> None:
            show()
            with came:
                came.notify_all()

        browser._show = heard  # type: ignore[method-assign]

        def until(text: str) -> None:
            with came:
                assert came.wait_for(lambda: text in repr(browser), PATIENCE_S), (text, repr(browser))

        assert "0 of 3 " in repr(browser)
        browser._live.follow()
        browser.show(only="pending")
        hive.let_go(1)
        until("(): 2 of 3 ")  # whichever of the three ended: one of them fails
        assert len(browser.frame) == 2
        hive.let_go(2)
        until("(): 0 of 3 ")
        batch.wait()
        until("(): 0 of 3 ")
        browser.show(only="")
        assert browser.frame["v.output"].tolist()[0] == "said one"
        assert "[failed]" in repr(browser)
        assert "running" not in repr(browser.refresh())
        assert browser.frame["v.score"].tolist()[0] == 1.0
    finally:
        hive.ended.set()
        batch.wait()


def test_what_the_user_compares_is_left_as_it_was() -> None:
    """The browser reads for itself: the comparison shows what it showed, until it is told to read again."""
    hive = PacedHive()
    batch = fh.batch([{"text": "one"}], "paced", variants="v", client=hive.client(), progress=False, wait=False)
    try:
        hive.wait_for(1)
        cmp = fh.compare(batch)
        browser = cmp.browse()
        hive.let_go(1)
        batch.wait()
        assert browser.refresh().frame["v.output"].tolist() == ["said one"]
        assert batch.browse(columns=["text"]).frame["v.output"].tolist() == ["said one"]
        assert cmp.wide()["v.output"].tolist() == [None]
        assert cmp.add_score(fh.score.length()).wide()["v.output"].tolist() == [None]
        assert cmp.rescore().wide()["v.output"].tolist() == ["said one"]
    finally:
        hive.ended.set()


def test_a_judge_is_not_asked_for_new_answers() -> None:
    """They have no score until `rescore`, which the page says; those that had one keep it."""
    hive = PacedHive()
    asked: list[str] = []

    @hive.workflow("judge", variant="main")
    def judge(**inputs: Any) -> int:
        asked.append(str(inputs))
        return 1

    client = hive.client()
    rows = [{"text": "one"}, {"text": "two"}]
    kept = threading.Event()

    def heard(event: Any) -> None:
        if isinstance(event, Finished):
            kept.set()

    batch = fh.batch(
        rows, "paced", variants="v", client=client, progress=False, wait=False, max_concurrency=3, on_event=heard
    )
    try:
        hive.wait_for(2)
        hive.let_go(1)
        assert kept.wait(PATIENCE_S)
        cmp = fh.compare(
            batch, score=fh.score.judge("judge", variant="main", client=client, progress=False, scale=(0, 1))
        )
        assert len(asked) == 1
        live = LiveComparison(cmp.score_set, lambda found: None)
        assert re.search(r"\bcmp\.rescore\(\)", live.progress_text)
        hive.let_go(1)
        batch.wait()
        live.refresh()
        assert len(asked) == 1
        assert live.data.lines["status"].tolist() == ["completed"] * 2
        assert sorted(live.data.lines["score"].fillna(-1).tolist()) == [-1.0, 1.0]
    finally:
        hive.ended.set()
        batch.wait()


def test_a_live_table_of_ratings_keeps_what_people_said() -> None:
    """Nothing else scores them when the batch is read again."""
    hive = fh.local.LocalHive()
    hive.workflow("shout", variant="v")(lambda text: text.upper())
    rows = [{"text": "one", "expected_output": "ONE"}, {"text": "two", "expected_output": "2"}]
    batch = fh.batch(rows, "shout", variants="v", inputs={"text": "text"}, client=hive.client(), progress=False)
    cmp = fh.compare(batch)
    rate_by(cmp, "anna", lambda item: "4", scale=5)
    live = LiveComparison(cmp.rated(scale=5).score_set, lambda found: None)
    for _ in range(2):
        live.refresh()
        assert (live.data.scorer, live.data.lines["score"].tolist()) == ("ratings", [4, 4])


def test_long_names_that_differ_at_their_ends_are_told_apart() -> None:
    """Above the columns and in the filters, and there is the whole name, too."""
    names = [f"{'support-triage-with-the-prompt-of-' * 2}{month}" for month in ("May", "June")]
    lines = [{"row": 0, "variant": name, "output": name, "s": place} for place, name in enumerate(names)]
    table = browser_table(fh.compare(lines, score="s").data)
    head = page.table_head(table, (), live=False)
    assert head["variants"] == names
    assert head["short"] == ["support-…prompt-of-May", "support-…prompt-of-June"]
    assert all(any(short in label for _, _, label, _ in page._counts(table)) for short in head["short"])
