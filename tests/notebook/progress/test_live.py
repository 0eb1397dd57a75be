"""The progress of a batch in a real kernel: how often it is drawn, what can be clicked, and what stays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kernel import NO_OFFER, Kernel, Message
from tests.notebook.paced_hive import KEY, PacedHive
from tests.told import tells

SETUP = "%load_ext fh_notebook\nimport fh_notebook as fh\nrows = [{'text': str(i)} for i in range(400)]"
BACKGROUND = "b = fh.batch(rows, 'paced', variants='v', max_concurrency=4, wait=False)"


@pytest.fixture
def loaded(paced_hive: PacedHive, tmp_path: Path) -> Iterator[Kernel]:
    """A kernel that calls the hive, with the extension loaded."""
    with (
        paced_hive.serve() as server,
        Kernel(tmp_path, FETCH_HIVE_BASE_URL=server.url, FETCH_HIVE_API_KEY=KEY) as kernel,
    ):
        assert kernel.run(SETUP) == ""
        yield kernel
        paced_hive.ended.set()


def _display_id(message: Message) -> Any:
    return message.content.get("transient", {}).get("display_id")


def _state(kernel: Kernel, dom_class: str) -> dict[str, Any]:
    widget = kernel.widget(dom_class)
    return kernel.widgets()[widget]


def _saved(kernel: Kernel, cell: str) -> str:
    """What a notebook that is saved now has under the cell."""
    return str(kernel.shown(cell))


def _live(kernel: Kernel) -> str:
    """What a page shows, also one that was reloaded: the widget of the progress, once there is one."""
    states = [state for state in kernel.widgets().values() if "fh-live" in state.get("_dom_classes", ())]
    return re.sub("<[^>]*>", " ", states[-1]["value"]) if states else ""


@pytest.mark.long
def test_a_display_is_updated_at_most_five_times_a_second(loaded: Kernel, paced_hive: PacedHive) -> None:
    """However many answers come: one message shows it, a few update it, the last one says how it ended."""
    paced_hive.ended.set()
    cell = loaded.send(
        "import time\nbegan = time.monotonic()\n"
        "b = fh.batch(rows, 'paced', variants='v', max_concurrency=8)\nprint(time.monotonic() - began)",
        person=True,
    )
    loaded.wait(cell)
    first = next(m for m in loaded.outputs(cell) if m.kind == "display_data")
    assert tells(first.text, "0 of 400")
    updates = [
        m for m in loaded.outputs(cell) if m.kind == "update_display_data" and _display_id(m) == _display_id(first)
    ]
    [seconds] = [float(m.text) for m in loaded.outputs(cell) if m.kind == "stream"]
    assert 1 <= len(updates) <= 5 * seconds + 1
    assert tells(updates[-1].text, "400 of 400", "400 calls")
    assert 'aria-valuenow="400"' in updates[-1].content["data"]["text/html"]


@pytest.mark.long
def test_the_first_state_is_there_before_the_first_answer(loaded: Kernel, paced_hive: PacedHive) -> None:
    """Whoever started something sees at once that it runs; and soon after an answer, that it came."""
    cell = loaded.send("b = fh.batch(rows, 'paced', variants='v', max_concurrency=4)", person=True)
    paced_hive.wait_for(4)
    loaded.wait_until(lambda: tells(_saved(loaded, cell), "0 of 400"), "the first state")
    paced_hive.let_go(3)
    loaded.wait_until(lambda: tells(_saved(loaded, cell), "3 of 400", "397 pending", "(4 of"), "3 answers")
    paced_hive.ended.set()
    loaded.wait(cell)


@pytest.mark.long
def test_a_batch_in_the_background_is_paused_and_goes_on(loaded: Kernel, paced_hive: PacedHive) -> None:
    """A click holds the next calls back, and says so; another one starts them; a pause in a cell shows all the same."""
    loaded.send(BACKGROUND, person=True)
    paced_hive.wait_for(4)
    pause, page = loaded.widget("fh-pause"), loaded.subshell()
    loaded.click(pause, subshell=page)
    loaded.wait_until(lambda: "paused" in _live(loaded), "the pause")
    assert _state(loaded, "fh-pause")["description"] == "Continue"
    paced_hive.let_go(4)
    loaded.wait_until(lambda: tells(_live(loaded), "4 of 400"), "the end of what was out")
    assert paced_hive.none_begins()
    loaded.click(pause, subshell=page)
    paced_hive.wait_for(4)
    loaded.wait_until(lambda: "paused" not in _live(loaded), "the end of the pause")
    loaded.run("b.pause()")
    loaded.wait_until(lambda: _state(loaded, "fh-pause")["description"] == "Continue", "a pause by code")
    loaded.run("b.resume(wait=False)")
    loaded.wait_until(lambda: _state(loaded, "fh-pause")["description"] == "Pause", "its end by code")


@pytest.mark.long
def test_a_cell_that_ends_with_a_batch_in_the_background_has_one_block(loaded: Kernel, paced_hive: PacedHive) -> None:
    """The value of the cell is what its block shows: one bar, one Pause button."""
    cell = loaded.send("fh.batch(rows, 'paced', variants='v', wait=False)", person=True)
    paced_hive.wait_for(1)
    loaded.wait(cell)
    loaded.widget("fh-pause")
    loaded.wait(loaded.send("1", person=True))  # what the cell had shown besides is there by now
    pauses = [state for state in loaded.widgets().values() if "fh-pause" in state.get("_dom_classes", ())]
    assert len(pauses) == 1
    page = [shown for shown in loaded.shown(cell) if "fh-progress" in shown.get("text/html", "")]
    assert len(page) == 1


@pytest.mark.long
def test_a_batch_in_the_background_is_throttled_and_adapts_again(loaded: Kernel, paced_hive: PacedHive) -> None:
    """A number that is typed holds at once; without one, the limit is the service's, and is shown."""
    loaded.send("b = fh.batch(rows, 'paced', variants='v', wait=False)", person=True)
    paced_hive.wait_for(1)
    page = loaded.subshell()
    loaded.wait_until(lambda: _state(loaded, "fh-adapts")["value"] != "", "the limit as it is")
    loaded.set(loaded.widget("fh-at-once"), subshell=page, value=7)
    loaded.wait_until(lambda: tells(_live(loaded), "(7 of"), "seven calls at once")
    assert _state(loaded, "fh-adapts")["value"] == ""
    assert loaded.run("b.max_concurrency") == "7"
    loaded.set(loaded.widget("fh-at-once"), subshell=page, value=9)
    loaded.wait_until(lambda: tells(_live(loaded), "(9 of"), "nine, as typed")
    loaded.run("b.max_concurrency = 20")
    loaded.wait_until(lambda: _state(loaded, "fh-at-once")["value"] == 20, "a number by code")
    loaded.click(loaded.widget("fh-adaptive"), subshell=page)
    loaded.wait_until(lambda: _state(loaded, "fh-adapts")["value"] != "", "the way back")
    assert loaded.run("print(b.max_concurrency)") == "None"


@pytest.mark.long
def test_a_cancel_in_the_background_leaves_what_came_of_it(loaded: Kernel, paced_hive: PacedHive) -> None:
    """Nothing of the running batch can be clicked; what can be done next has buttons, and code in the saved file."""
    cell = loaded.send(BACKGROUND, person=True)
    paced_hive.wait_for(4)
    paced_hive.let_go(2)
    loaded.wait_until(lambda: tells(_saved(loaded, cell), "2 of 400"), "two answers")
    loaded.click(loaded.widget("fh-cancel"), subshell=loaded.subshell())
    loaded.wait_until(lambda: "cancelled; " in _saved(loaded, cell), "the end")
    loaded.wait_until(lambda: "cancelled; " in _live(loaded), "the end, in the widgets")
    loaded.wait_until(lambda: "Browse" in _live(loaded), "the buttons of what can be done next")
    loaded.wait_until(
        lambda: "batch.browse()" in _saved(loaded, cell).replace("<wbr>", ""), "the code of what can be done next"
    )
    assert not {"SliderModel", "ButtonModel"} & {state["_model_name"] for state in loaded.widgets().values()}
    progress, controls = loaded.shown(cell)
    assert set(progress) == {"text/plain", "text/html"}
    assert controls["text/plain"] == ""
    assert "fh-bar-unknown" in progress["text/html"]
    assert "data-act" not in progress["text/html"]
    assert "Traceback" not in loaded.log


@pytest.mark.long
def test_a_click_is_heard_while_another_cell_runs(loaded: Kernel, paced_hive: PacedHive) -> None:
    """A batch in the background is there to work beside it: its buttons do not wait for the cell that is busy."""
    if "kernel subshells" not in loaded.features:
        pytest.skip("this kernel hears a click when the cell has ended")
    loaded.send(BACKGROUND, person=True)
    paced_hive.wait_for(4)
    pause = loaded.widget("fh-pause")
    busy = loaded.send("import time\nprint('busy', flush=True)\nwhile not b.paused:\n    time.sleep(0.01)", person=True)
    loaded.wait_for_text(busy, "busy")
    loaded.click(pause, subshell=loaded.subshell())
    loaded.wait(busy)
    assert loaded.reply(busy)["status"] == "ok"


@pytest.mark.long
def test_a_short_batch_in_the_background_has_nothing_to_pause(loaded: Kernel, paced_hive: PacedHive) -> None:
    """What is over before the time for an offer was never offered a button; what came of it has its own."""
    paced_hive.ended.set()
    loaded.run(NO_OFFER)
    cell = loaded.send(f"{BACKGROUND.replace('rows', 'rows[:4]')}\nb.wait()\nNone", person=True)
    loaded.wait(cell)
    loaded.wait_until(lambda: tells(_saved(loaded, cell), "4 of 4"), "the end")
    loaded.widget("fh-below")
    states = [message.content.get("data", {}).get("state", {}) for message in list(loaded.messages)]
    classes = {name for state in states for name in state.get("_dom_classes", ())}
    assert not classes & {"fh-pause", "fh-cancel", "fh-controls"}


@pytest.mark.long
def test_a_batch_that_a_click_began_is_shown_to_the_person(loaded: Kernel, paced_hive: PacedHive) -> None:
    """Whoever clicks sits before a page, although a click does not say so: the display is live, and can be paused."""
    cell = loaded.send(
        "from ipywidgets import Button\nstart = Button()\nstart.add_class('start')\n"
        f"start.on_click(lambda _: globals().update(b={BACKGROUND.removeprefix('b = ')}))",
        person=True,
    )
    loaded.wait(cell)
    click = loaded.click(loaded.widget("start"))
    paced_hive.wait_for(4)
    loaded.widget("fh-pause")
    assert [m for m in loaded.outputs(click) if m.kind == "stream"] == []


def test_where_a_program_runs_the_cell_nothing_can_be_clicked(loaded: Kernel, paced_hive: PacedHive) -> None:
    """Text on standard output: the plan, and how it ended; no display, no widget."""
    paced_hive.ended.set()
    cell = loaded.send("b = fh.batch(rows[:4], 'paced', variants='v', name='night')")
    loaded.wait(cell)
    assert {(m.kind, m.content["name"]) for m in loaded.outputs(cell)} == {("stream", "stdout")}
    plan, end = loaded.text(cell).splitlines()
    assert plan == "paced: 4 rows x 1 variant = 4 jobs; 4 calls"
    assert re.fullmatch(r"night: 4 of 4 \w+; 4 calls", end)
