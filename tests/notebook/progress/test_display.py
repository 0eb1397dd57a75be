"""Progress of a batch in a page: the bar, its words, and the same as text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from fh_notebook.batching.model import JobCounts
from fh_notebook.batching.progress.state import ProgressState
from fh_notebook.contract.callbacks import WaitingSteps
from fh_notebook.notebook.progress.display import ProgressView
from tests.told import numbers_in

PLAN = "triage: 40 rows x 2 variants = 80 jobs; 68 calls"


class Page(HTMLParser):
    """Reads the bar: its attributes, and the width of each part."""

    def __init__(self, view: ProgressView) -> None:
        super().__init__()
        self.bar: dict[str, Any] = {}
        self.widths: dict[str, float] = {}
        self.text = ""
        self.feed(view._repr_html_())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if known.get("role") == "progressbar":
            self.bar = known
        if (kind := known.get("class", "")).startswith("fh-bar-"):
            [width] = re.findall(r"width:([\d.]+)%", known["style"])
            self.widths[kind.removeprefix("fh-bar-")] = float(width)

    def handle_data(self, data: str) -> None:
        self.text += data


def _state(**known: Any) -> ProgressState:
    counts = JobCounts(planned=80, done=38, failed=2, unknown=4, pending=36, reused=12, calls=31)
    return ProgressState(**{"name": "triage-1", "counts": counts, "in_flight": 3, "calls_left": 36, **known})


def test_the_bar_has_a_part_for_each_kind_of_outcome() -> None:
    """As wide as its share of the jobs; what was reused is not shown a second time as done."""
    page = Page(ProgressView(PLAN, _state()))
    assert page.widths == {"reused": 15.0, "completed": 32.5, "failed": 2.5, "unknown": 5.0}


def test_a_batch_is_named_where_the_plan_names_its_deployment() -> None:
    """As when it has ended; a form, which says the plan itself, has its own title."""
    alone, in_form = (Page(ProgressView(plan, _state())).text for plan in (PLAN, ""))
    assert ("triage-1" in alone.split("Batch")[1], "triage-1" in in_form) == (True, False)


def test_what_was_reused_and_failed_is_a_failure_of_the_bar() -> None:
    """And each part is named by what the words around it count: all that is done, whether it was called or reused."""
    counts = JobCounts(planned=20, done=5, failed=5, pending=10, reused=5, reused_failed=5)
    view = ProgressView(PLAN, _state(counts=counts))
    assert Page(view).widths == {"completed": 25.0, "failed": 25.0}
    assert 'title="5 completed by calls"' in view._repr_html_()
    several = ProgressView(PLAN, _state())._repr_html_()
    assert re.findall(r'title="([^"]+)"', several) == [
        "12 completed, reused",
        "26 completed by calls",
        "2 failed",
        "4 outcome unknown",
    ]


def test_the_bar_says_to_those_who_do_not_see_it_what_it_shows() -> None:
    """Its role, name, range, value and words are those of a progress bar."""
    page = Page(ProgressView(PLAN, _state()))
    facts = {name.removeprefix("aria-"): value for name, value in page.bar.items() if name.startswith("aria-")}
    assert facts == {
        "label": "Progress of triage-1",
        "valuemin": "0",
        "valuemax": "80",
        "valuenow": "44",
        "valuetext": _state().nameless,
    }
    assert numbers_in(facts["valuetext"]) == ["38", "80", "2", "4", "36", "3", "12"]


def test_every_word_of_the_line_is_in_the_page_and_in_the_text() -> None:
    """Nothing is said by a colour alone; the plan stands above."""
    state = _state(rate=2.5, remaining_s=14.0, refused="waiting: the service admits 4 at once")
    view = ProgressView(PLAN, state)
    assert repr(view) == f"{PLAN}\n{state}"
    page = Page(view)
    for part in (PLAN, *state.how_far_parts.values(), *state.rest):
        assert part in page.text
    assert len(state.rest) == 3


def test_a_number_and_its_words_are_in_one_line_and_what_waits_is_in_the_bar() -> None:
    """A line breaks between two of them and not within a bracket; a waiting run has its colour before it is answered."""
    page = ProgressView("", _state(in_flight=5, waits=2))._repr_html_()
    parts = re.findall(r'<span style="display:inline-block">(.*?)</span>(?= |</span>)', page)
    said = [re.sub(r"<[^>]*>", "", part).rstrip(",") for part in parts]
    assert [numbers_in(part) for part in said if "(" in part or "2 w" in part] == [["2"], ["34", "3"]]
    assert "fh-bar-waiting" in page


def test_what_a_person_decides_elsewhere_is_listed_below_the_bar_without_buttons() -> None:
    """With the question as it came; it is somebody else's text."""
    steps = WaitingSteps.of(["finance: <b>Refund</b> 7?", "legal: Send?"], origin="api.test")
    page = Page(ProgressView(PLAN, _state(waits=2, steps=steps)))
    assert page.text.endswith(":finance: <b>Refund</b> 7?legal: Send?")
    assert "<button" not in ProgressView(PLAN, _state(waits=2, steps=steps))._repr_html_()


def test_a_step_has_buttons_where_its_run_asks_what_is_shown_and_the_line_of_the_others_has_none() -> None:
    """Of 25 steps 20 are listed; the run of the first asks something else by now, which the page does not show yet."""
    questions = [f"finance: Refund {number}?" for number in range(25)]
    steps = WaitingSteps.of(questions, origin="local", ids=[f"req_{number}" for number in range(25)])
    open_here = {(f"req_{number}", question): f"taa_{number}" for number, question in enumerate(questions)}
    open_here["req_0", "finance: Delete all?"] = open_here.pop(("req_0", questions[0]))
    page = str(steps.list_html(open_here))
    acts = dict(re.findall(r'data-act="step:yes:([^"]*)" aria-label="([^"]*)"', page))
    assert acts == {f"taa_{number}": f"Approve: {questions[number]}" for number in range(1, 20)}
    assert ">5 others<" in page
    assert steps.as_list().endswith("5 others")


def test_the_end_is_the_batchs_own_sentence_beside_a_full_bar() -> None:
    """The colours of the bar are explained in it, each once; without several there is nothing to explain."""
    counts = JobCounts(planned=80, done=78, failed=2, reused=62, calls=18)
    view = ProgressView(
        PLAN, _state(counts=counts), summary="triage-1: 78 of 80 completed, 2 failed; 62 reused, 18 calls"
    )
    page = Page(view)
    assert "triage-1: 78 of 80 completed, 2 failed; 62 reused, 18 calls" in page.text
    assert sum(page.widths.values()) == pytest.approx(100)
    assert page.bar["aria-valuetext"].endswith("62 reused, 18 calls")
    assert view._repr_html_().count('class="fh-swatch"') == 3
    plain = ProgressView(
        PLAN, _state(counts=JobCounts(planned=9, done=9)), summary="triage-1: 9 of 9 completed; 9 calls"
    )
    assert 'class="fh-swatch"' not in plain._repr_html_()


def test_where_nobody_knows_how_much_there_is_the_bar_shows_no_share() -> None:
    """Neither a part nor a value: the rows that have been read are not all; at the end they are."""
    page = Page(ProgressView(PLAN, _state(rows_so_far=40, calls_left=None)))
    assert page.widths == {}
    assert not {"aria-valuenow", "aria-valuemax"} & set(page.bar)
    assert "rows so far: 40" in page.text
    assert Page(ProgressView(PLAN, _state(rows_so_far=40), summary="triage-1: the end")).widths != {}


def test_what_failed_is_seen_however_rare_it_is() -> None:
    """One of a hundred thousand is three pixels."""
    counts = JobCounts(planned=100_000, done=99_999, failed=1)
    assert "min-width:3px" in ProgressView(PLAN, _state(counts=counts))._repr_html_()


def test_a_name_is_text_in_the_page() -> None:
    """Whatever it holds."""
    view = ProgressView("<b>plan</b>", _state(name='"><script>x</script>'), summary="<i>5 failed</i>")
    assert not re.search(r"<script|<b>|<i>", view._repr_html_())


def test_the_colours_hold_where_style_sheets_are_taken_out() -> None:
    """JupyterLab leaves numbers, and not variables, in the styles of a notebook that it does not trust."""
    shown = ProgressView(PLAN, _state())._repr_html_().rpartition("</style>")[2]
    colours = re.findall(r"background-color:([^;\"]+)", shown)
    assert len(colours) == 10  # the track, four parts, and these and the track explained
    assert all(re.fullmatch(r"#[0-9a-f]{6}|rgba\([\d,.]+\)", colour) for colour in colours)
