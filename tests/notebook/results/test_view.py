"""The results of a submit as widgets, without a page: what is shown when, and what is not."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ipywidgets import HTML, Dropdown, Widget

import fh_notebook as fh
from fh_notebook.core import event_loop
from fh_notebook.core.text.html import colours_of
from fh_notebook.notebook.results.cards import SideBySide
from fh_notebook.notebook.results.state import CallState, SubmitState
from fh_notebook.notebook.results.view import ResultsView
from fh_notebook.notebook.ui.output_actions import COPY_CAP, whole_output
from tests.notebook.hostile import EVIL, INVISIBLE, OUTPUTS, Page, dangers
from tests.told import tells

PASSWORD = "correct-horse-battery"


def _run(output: Any = "hello there", variant: str = "a", **more: Any) -> fh.Run:
    known = {"status": "completed", "deployment": "triage", "request_id": "req_1", "elapsed_s": 1.5}
    return fh.Run(**{**known, "output": output, "variant": variant, **more})


class Time:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _inside(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _inside(child)


def _all(view: ResultsView, kind: type) -> list[Any]:
    return [widget for widget in _inside(view.widget) if isinstance(widget, kind)]


def _columns(view: ResultsView) -> list[Any]:
    return [widget for widget in _inside(view.widget) if "fh-column" in getattr(widget, "_dom_classes", ())]


def _text(widget: Any) -> str:
    """What a person reads of a widget."""
    return "\n".join(Page(part.value).text for part in _inside(widget) if isinstance(part, HTML))


def _one(widget: Any, kind: type) -> Any:
    [found] = [part for part in _inside(widget) if isinstance(part, kind)]
    return found


def test_nothing_is_made_before_the_first_submit() -> None:
    """A form of 50 fields has no time for it."""
    made: list[Widget] = []
    Widget.on_widget_constructed(made.append)
    try:
        view = ResultsView()
    finally:
        Widget.on_widget_constructed(None)
    assert view.widget.children == ()
    assert (view.runs, view.over) == ((), True)
    assert len(made) <= 5  # the box, the line, and what they look like


def test_a_column_a_variant_from_waiting_to_its_answer() -> None:
    """Badge, variant, seconds, request id and output, each in its own column."""
    view = ResultsView()
    submit = view.begin(["a", "b"])
    assert [_text(column).split() for column in _columns(view)] == [["waiting", "a"], ["waiting", "b"]]
    view.started(1, submit=submit)
    assert "running b" in _text(_columns(view)[1])
    view.show(1, _run("good bye", "b"), submit=submit)
    first, second = _columns(view)
    assert "waiting" in _text(first)
    for part in ("completed", "b", "1.50 s", "req_1", "good bye"):
        assert part in _text(second)
    assert not view.over
    view.show(0, _run(), submit=submit)
    assert view.over
    assert [run.output for run in view.runs] == ["hello there", "good bye"]
    assert "2 of 2 completed" in _text(view.widget)


def test_the_columns_and_cards_of_several_variants_have_the_colours_of_their_plots() -> None:
    """Waiting, running and answered, in the order of the variants; one alone has none, which would say nothing."""

    def colours(page: str) -> list[str]:
        return re.findall(r'fill="(#\w+)"', page)

    view = ResultsView()
    view.begin(["a", "b"])
    expected = [*colours_of(["a", "b"]).values()]
    assert [colours(column.children[0].value) for column in _columns(view)] == [[colour] for colour in expected]
    view.started(1)
    view.show(0, _run(variant="a"))
    assert [colours(column.children[0].value) for column in _columns(view)] == [[colour] for colour in expected]
    assert colours(SideBySide([_run(variant="a"), _run(variant="b")])._repr_html_()) == expected
    view.begin(["b"])
    assert colours(_columns(view)[0].children[0].value) == colours(SideBySide([_run()])._repr_html_()) == []


def test_a_late_answer_to_an_older_submit_is_dropped() -> None:
    """And a late stop, too; what belongs to the present one counts."""
    view = ResultsView()
    old = view.begin(["a"])
    new = view.begin(["a"])
    view.show(0, _run("old"), submit=old)
    view.started(0, submit=old)
    view.stopped("old stop", submit=old)
    assert (view.runs, view.over) == ((), False)
    assert "old" not in _text(view.widget)
    view.show(0, _run("new"), submit=new)
    assert [run.output for run in view.runs] == ["new"]


def test_what_ended_without_an_answer_is_one_line_with_the_cure() -> None:
    """A wrong key in one column, a stop of all others."""
    view = ResultsView()
    view.begin(["a", "b", "c", "d"], sent=3)
    view.show(0, _run())
    view.show(1, _run(None, "b", status="failed", error="the key was refused;\nset FETCH_HIVE_API_KEY"))
    view.stopped("cancelled:\n1 of 4 answers arrived before")
    columns = [_text(column) for column in _columns(view)]
    assert "failed b" in columns[1]
    assert "the key was refused;" in columns[1]
    assert "cancelled c" in columns[2]
    assert columns[2].strip() != "cancelled c"
    assert "not sent d" in columns[3], "one that waited for its turn has cost nothing"
    assert tells(_text(view.widget), "1 of 4 completed", "1 failed", "1 cancelled", "1 not sent")
    assert re.search(r"cancelled: 1 of 4 ", _text(view.widget))
    assert len(view.runs) == 2
    view.begin(["a"])
    view.stopped("cancelled early", was_sent=False)
    assert "not sent a" in _text(view.widget)


def test_an_answer_after_a_cancel_is_shown() -> None:
    """It is paid for."""
    view = ResultsView()
    submit = view.begin(["a"])
    view.stopped()
    view.show(0, _run("late, but here"), submit=submit)
    assert "late, but here" in _text(view.widget)


def test_later_columns_say_whether_they_differ_from_the_first_whatever_came_first() -> None:
    """Also when the first variant answers last."""
    view = ResultsView()
    view.begin(["a", "b", "c"])
    view.show(2, _run("hello you", "c"))
    view.show(1, _run("hello there", "b"))
    assert "differs" not in _text(view.widget)
    view.show(0, _run("hello there", "a"))
    columns = _columns(view)
    assert "differs" not in _text(columns[0])
    assert "= same" in _text(columns[1])
    assert "≠ differs" in _text(columns[2])
    assert '<ins title="only here">you</ins>' in "".join(
        part.value for part in _inside(columns[2]) if isinstance(part, HTML)
    )


def _page_asks(view: ResultsView, **content: Any) -> list[dict[str, Any]]:
    """Have the page's script say something, and return what the kernel answers."""
    actions = view.widget.children[-1]
    answers: list[dict[str, Any]] = []
    actions.send = lambda content: answers.append(content)
    actions._handle_custom_msg({**content, "key": f"{actions.prefix}{content['key']}"}, [])
    return answers


def _shown_form(view: ResultsView) -> str:
    """Return the form that the only column shows at first; empty where there is no choice."""
    found = re.search(r'value="(\w+)" checked', _columns(view)[0].children[-1].value)
    return found[1] if found else ""


def test_the_form_is_chosen_by_a_switch_and_stays_for_the_next_submit() -> None:
    """The best one by default; an output that has not the chosen one is shown at its best."""
    view = ResultsView()
    view.begin(["a"])
    view.show(0, _run([{"label": "billing"}]))
    assert _shown_form(view) == "table"
    assert _page_asks(view, ask="form", key="0", form="json") == []
    _page_asks(view, ask="form", key="0", form="<b>")  # no form at all
    _page_asks(view, ask="form", key="9", form="json")  # no column
    for output, form in (("# Title\n\n*words*", "markdown"), ([{"label": "delivery"}], "json"), ("plain", "")):
        view.begin(["a"])
        view.show(0, _run(output))
        assert _shown_form(view) == form


def test_repeats_are_looked_at_one_at_a_time() -> None:
    """A dropdown says how each ended; others are compared to the repeat of the first that is looked at."""
    view = ResultsView()
    view.begin(["a", "b"], repeats=2)
    for index, (output, variant) in enumerate([("one", "a"), ("two", "a"), ("two", "b"), ("three", "b")]):
        view.show(index, _run(output, variant))
    first, second = _columns(view)
    assert "≠ differs" in _text(second)
    chooser = _one(first, Dropdown)
    assert [label for label, _ in chooser.options] == ["1 of 2: completed", "2 of 2: completed"]
    chooser.value = 1
    assert "two" in _text(first)
    assert "= same" in _text(second)
    assert "4 of 4 completed" in _text(view.widget)


def test_a_long_output_is_sent_for_copy_only_when_it_is_asked_for() -> None:
    """All of it, up to a cap, which is stated; a short one is in the page already."""
    text = "a line of many\n" * 10_000
    view = ResultsView()
    view.begin(["a", "b"])
    view.show(0, _run(text))
    view.show(1, _run("x" * (COPY_CAP + 1), "b"))
    assert sum(len(part.value) for part in _all(view, HTML)) < 80_000
    assert _page_asks(view, ask="all", id=3, key="0") == [{"id": 3, "text": text, "left": ""}]
    [cut] = _page_asks(view, ask="all", id=4, key="1")
    assert len(cut["text"]) == COPY_CAP
    assert f" {COPY_CAP:,} " in cut["left"]
    assert _page_asks(view, ask="all", id=5, key="9") == [{"id": 5, "text": "", "left": ""}]
    view.begin(["a"])
    view.show(0, _run("half a \ud800 character"))
    [half] = _page_asks(view, ask="all", id=6, key="0")
    assert half["text"] == "half a ? character"


def test_a_picture_is_a_button_that_says_who_is_asked() -> None:
    """Nothing is fetched by itself."""
    assets = [{"file_url": f"https://files.example/{n}.png", "file_name": f"{n}.png"} for n in range(2)]
    view = ResultsView()
    view.begin(["a"])
    view.show(0, _run({"assets": assets}))
    page = "".join(part.value for part in _all(view, HTML))
    assert page.count(">Show picture from files.example (") == 2
    assert "<img" not in page


@pytest.mark.parametrize("number", range(len(OUTPUTS)))
def test_hostile_outputs_are_inert_in_every_widget_and_in_both_twins(number: int) -> None:
    """Also where they stand in names, errors and ids."""
    view, names = ResultsView(), [EVIL, "b", INVISIBLE]
    view.begin(names)
    view.show(0, _run(OUTPUTS[number], EVIL))
    view.show(1, _run(OUTPUTS[number - 1], "b", status=EVIL, error=EVIL + INVISIBLE, error_code=EVIL, request_id=EVIL))
    view.stopped(EVIL + INVISIBLE)
    for part in _all(view, HTML):
        assert dangers(part.value) == []
    calls = [CallState(variant=name, run=run) for name, run in zip(names, view.runs, strict=False)]
    last = SideBySide(calls, deployment=EVIL, line=EVIL)
    assert dangers(last.page()) == []
    assert all(sign == "\n" or sign.isprintable() for sign in str(last))


def test_what_is_sent_for_many_long_outputs_is_capped() -> None:
    """20 results of 100 KB are no more on the page than a few; more variants than can be looked at are told."""
    view = ResultsView()
    names = [f"v{n}" for n in range(50)]
    view.begin(names)
    for index, name in enumerate(names):
        view.show(index, _run("words of an output " * 6_000 + name, name))
    assert sum(len(part.value) for part in _all(view, HTML)) < 700_000
    assert len(_columns(view)) == 40
    assert re.search(r"10 \D*; form\.frame ", _text(view.widget))
    assert len(view.runs) == 50
    view = ResultsView(is_app=True)
    view.begin(names)
    assert re.search(r"10 \w+ \w+ not ", _text(view.widget))
    assert "form.frame" not in _text(view.widget)


def test_a_file_of_a_local_hive_is_told_of_without_a_hive_in_an_app() -> None:
    """In the column, and in what Show all puts in its place."""

    def pages(*, is_app: bool) -> list[str]:
        view = ResultsView(is_app=is_app)
        view.begin(["a"])
        view.show(0, _run({"assets": [{"file_url": "http://local/x.png", "file_name": "x.png"}] * 30}))
        shown = view._shown_of("0")
        assert shown is not None
        return [_text(view.widget), whole_output(shown, "files", key="k")["html"]]

    for page, usual in zip(pages(is_app=True), pages(is_app=False), strict=True):
        assert "hive" not in page
        assert len(page) < len(usual)


def test_columns_are_used_again() -> None:
    """A submit after a submit makes no new widgets, so a page does not fill up."""
    view = ResultsView()
    view.begin(["a", "b"])
    for _ in range(2):
        view.show(0, _run("one"))
        view.show(1, _run("two", "b"))
        view.begin(["a", "b"])
    before = {widget.model_id for widget in _inside(view.widget)}
    view.begin(["c", "b"])
    assert {widget.model_id for widget in _inside(view.widget)} <= before
    assert "waiting c" in " ".join(_text(view.widget).split())


def test_time_ticks_at_most_five_times_a_second() -> None:
    """However often it is asked for; and it stops with the last answer."""
    clock = Time()
    view = ResultsView(clock=clock)
    view.begin(["a"])
    said: list[str] = []
    line = view.widget.children[1]
    line.observe(lambda change: said.append(Page(change["new"]).text), "value")
    for _ in range(100):
        clock.now += 0.02
        view.tick()
    assert 8 <= len(said) <= 10
    assert said[-1].startswith(("Running 1.8 s", "Running 2.0 s"))
    clock.now += 100
    view.show(0, _run())
    assert tells(said[-1], "1 of 1", "102 s")
    clock.now += 5
    view.tick()
    assert tells(said[-1], "1 of 1", "102 s")


def test_line_and_columns_say_the_same_time_from_the_first_moment_on() -> None:
    """Also where a call was sent before there was a widget, and after the answer of another one."""
    clock = Time()
    view = ResultsView(clock=clock)
    view.begin(["a", "b", "c"], ago_s=2.0)
    view.started(0, began_s=0.0)
    view.started(1, began_s=0.5)
    view.started(2)

    def said() -> list[str]:
        heads = [_text(column.children[0]).split()[2:] for column in _columns(view)]
        return [view.widget.children[1].value.partition("Running ")[2].partition(":")[0], *map(" ".join, heads)]

    assert said() == ["2.0 s", "2.0 s", "1.5 s", "0.0 s"]
    clock.now += 0.1
    view.show(0, _run())
    assert said() == ["2.1 s", "1.50 s", "1.6 s", "0.1 s"]
    view.show(2, _run())
    assert said() == ["2.1 s", "1.50 s baseline", "1.6 s", "1.50 s = same as a"]


def _until(happened: Callable[[], bool], view: ResultsView) -> None:
    """Wait for a change of the line until `happened`."""
    changed = threading.Event()
    line = view.widget.children[1]
    line.observe(lambda _: changed.set(), "value")
    while not happened():
        changed.clear()
        assert happened() or changed.wait(10)


@pytest.mark.long
def test_time_ticks_by_itself_on_the_background_loop_without_a_thread() -> None:
    """And no timer is left when all is over."""
    clock = Time()
    view = ResultsView(clock=clock)
    event_loop.run(_nothing())  # the loop's own thread is there
    before = set(threading.enumerate())
    view.begin(["a"])
    clock.now += 7
    _until(lambda: "Running 7.0 s" in view.widget.children[1].value, view)
    assert set(threading.enumerate()) <= before
    view.show(0, _run())
    assert event_loop.run(_timers_of(view)) == 0


@pytest.mark.long
def test_a_page_that_has_gone_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """And the clock ends."""
    from fh_notebook.notebook.results.view import TickTimer

    ticks: list[int] = []
    told = threading.Event()

    def tick() -> bool:
        ticks.append(1)
        told.set()
        raise OSError("the socket is closed")

    clock = TickTimer(tick)
    clock.start()
    assert told.wait(10)
    event_loop.run(_timers_of_clock(clock))
    assert len(ticks) == 1
    assert "the socket is closed" in caplog.text


async def _nothing() -> None:
    pass


async def _timers_of(view: ResultsView) -> int:
    return await _timers_of_clock(view._clock)


async def _timers_of_clock(clock: Any) -> int:
    """How many timers there are of a clock, after the beat in which the clock notices the end."""
    import asyncio

    from fh_notebook.notebook.results.view import BEAT_S

    here = asyncio.get_running_loop()
    ended: asyncio.Future[int] = here.create_future()

    def count() -> None:
        timers = here._scheduled  # type: ignore[attr-defined]
        ended.set_result(sum(getattr(t._callback, "__self__", None) is clock for t in timers))

    here.call_later(BEAT_S, count)  # behind the clock's own, which was set before
    return await ended


def test_answers_may_come_on_any_thread_while_a_person_clicks() -> None:
    """Everything arrives, and nothing is torn."""
    view = ResultsView()
    names = [f"v{n}" for n in range(8)]
    view.begin(names, repeats=3)
    troubles: list[BaseException] = []

    def answer(indices: range) -> None:
        try:
            for index in indices:
                view.show(index, _run([{"n": index}], names[index // 3]))
                view.tick()
        except BaseException as trouble:
            troubles.append(trouble)

    threads = [threading.Thread(target=answer, args=(range(start, 24, 4),)) for start in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        _page_asks(view, ask="form", key="3", form="json")
        for chooser in _all(view, Dropdown):
            chooser.value = (chooser.value + 1) % 3
    for thread in threads:
        thread.join()
    assert troubles == []
    assert [run.output[0]["n"] for run in view.runs] == list(range(24))
    assert "24 of 24 completed" in _text(view.widget)


def test_the_twins_have_the_last_state_without_widgets() -> None:
    """For nbconvert and GitHub, and for a terminal; long outputs say where all is."""
    submit = SubmitState(["a", "b", "c"])
    submit.answer(0, _run("first line\n" + "more\n" * 100))
    submit.answer(1, _run(None, "b", status="failed", error="the key was refused; set FETCH_HIVE_API_KEY"))
    last = SideBySide(submit.calls, whole="form.frame has more", deployment="triage", line=submit.line(1.0))
    page, text = last.page(), str(last)
    for part in ("first line", "the key was refused; set FETCH_HIVE_API_KEY", "waiting", "completed"):
        assert part in text
        assert part in Page(page).text
    assert "form.frame" in text
    assert "<details" in page
    assert last._repr_html_() == page
    assert "triage/b: failed" in text
    submit.stop()
    last = SideBySide(submit.calls, whole="form.frame has more", deployment="triage", line=submit.line(1.0))
    assert "triage/c: not sent" in str(last)
    assert "1 of 3 completed, 1 failed, 1 not sent" in str(last)


def test_the_twins_say_how_long_a_call_has_been_out() -> None:
    """As the line does; what came says how long it took, and what waits says nothing."""
    submit = SubmitState(["a", "b", "c"])
    submit.begin(0, 0.0)
    submit.begin(1, 0.0)
    submit.answer(1, _run(variant="b"))
    last = SideBySide(submit.calls, deployment="triage", line=submit.line(0.0), now_s=0.0)
    heads = re.findall(r'<div class="fh-head".*?</div>', last.page())
    assert [" ".join(Page(head).text.split()) for head in heads] == [
        "running a 0.0 s", "completed b 1.50 s", "waiting c",
    ]  # fmt: skip
    assert re.findall(r"triage/.*", str(last)) == [
        "triage/a: running, 0.0 s", "triage/b: completed, 1.50 s", "triage/c: waiting",
    ]  # fmt: skip


def test_a_secret_input_is_in_nothing_that_is_shown() -> None:
    """Not in a widget, and not in a twin: inputs are not shown at all."""
    view = ResultsView()
    view.begin(["a"])
    view.show(0, _run("fine", inputs={"token": PASSWORD}))
    [answer] = _page_asks(view, ask="all", id=1, key="0")
    last = SideBySide([CallState(variant="a", run=run) for run in view.runs], deployment="triage")
    shown = repr(answer) + repr([widget.get_state() for widget in _inside(view.widget)]) + last.page() + str(last)
    assert "fine" in shown
    assert PASSWORD not in shown


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.0 s"), (9.94, "9.9 s"), (10, "10 s"), (119.4, "119 s"), (120, "2 min"), (3_725, "1 h 2 min 5 s")],
)
def test_time_is_said_as_a_person_reads_it(seconds: float, said: str) -> None:
    """Tenths at first, then seconds, then minutes."""
    assert SubmitState(["a"]).line(seconds) == f"Running {said}: 0 of 1 completed"
