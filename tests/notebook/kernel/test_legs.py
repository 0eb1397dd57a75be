"""The same cells on every ipykernel that people have: Run All, Stop and Cancel.

This interpreter's own ipykernel is the leg of the default tier, with the tests of `ON_EVERY_LEG`. In the long tier it
has all of them. ``FH_KERNEL_PYTHONS`` names the interpreters of more legs, with colons between them (``.ci/kernels``
makes them): the first has every test, and each has those of `ON_EVERY_LEG`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from tests.kernel import NO_OFFER, Kernel
from tests.notebook.slow_hive import KEY, SlowHive
from tests.told import tells

SETUP = "%load_ext fh_notebook\nimport fh_notebook as fh\nrows = [{'text': str(i)} for i in range(4)]"
USE_STOP = "To cancel, use Stop"
ON_EVERY_LEG = (
    "test_five_queued_cells_all_run",
    "test_an_interrupted_batch_keeps_its_finished_rows",
    "test_a_cancel_of_a_blocking_cell",
    "test_a_cancel_of_a_blocking_batch",
)
"""What differs between kernels: a queue, an interrupt, and a click while a cell blocks."""


NAME = (
    "import sys; from importlib.metadata import version as v;"
    ' print(f\'ipykernel-{v("ipykernel")}-ipython-{v("ipython")}-python-{sys.version_info[0]}.{sys.version_info[1]}\')'
)


@cache
def _legs() -> tuple[Any, ...]:
    """Return this interpreter, and then those that are named, each by its versions."""
    more = [python for python in os.environ.get("FH_KERNEL_PYTHONS", "").split(os.pathsep) if python]
    legs = []
    for python in (sys.executable, *more):
        asked = subprocess.run([python, "-c", NAME], capture_output=True, text=True, check=True, timeout=60)
        marks = [pytest.mark.long] if legs else []
        legs.append(pytest.param(python, id=asked.stdout.strip(), marks=marks))
    return tuple(legs)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test its legs."""
    if "leg" in metafunc.fixturenames:
        legs = _legs()
        if metafunc.function.__name__ not in ON_EVERY_LEG:
            legs = tuple(pytest.param(*leg.values, id=leg.id, marks=pytest.mark.long) for leg in legs[:2])
        metafunc.parametrize("leg", legs, indirect=True)


@pytest.fixture
def hive() -> Iterator[SlowHive]:
    """It counts what the kernel calls."""
    hive = SlowHive()
    yield hive
    hive.hold.set()


@pytest.fixture
def leg(request: pytest.FixtureRequest, hive: SlowHive, tmp_path) -> Iterator[Kernel]:
    """A kernel of one leg, with the extension loaded."""
    address = {"FETCH_HIVE_API_KEY": KEY}
    with (
        hive.serve() as server,
        Kernel(tmp_path, python=request.param, FETCH_HIVE_BASE_URL=server.url, **address) as kernel,
    ):
        assert kernel.run(SETUP) == ""
        yield kernel
        hive.hold.set()


def _hears_clicks(kernel: Kernel) -> bool:
    return "kernel subshells" in kernel.features


def _click(kernel: Kernel) -> None:
    """Click Cancel as JupyterLab does: over a subshell, and once it is shown; before, nobody could."""
    button = kernel.widget("fh-cancel")
    shown = "application/vnd.jupyter.widget-view+json"
    kernel.wait_until(lambda: any(shown in m.content.get("data", {}) for m in kernel.messages), "the button's display")
    kernel.click(button, subshell=kernel.subshell())


def _saved_outputs(kernel: Kernel, request: str) -> str:
    """What a notebook that is saved now has under the cell."""
    errors = [m.text for m in kernel.outputs(request) if m.kind in ("error", "stream")]
    return str([*kernel.shown(request), *errors])


def test_five_queued_cells_all_run(leg: Kernel, hive: SlowHive) -> None:
    """Run All: five %%fetchhive cells, queued at once, each run, in their order, and each shows its own answer."""
    cells = leg.run_all(*(f"%%fetchhive echo -v plain --out run{i}\ntext: number {i}" for i in range(5)), person=True)
    leg.wait(cells[-1])
    assert [leg.reply(c)["status"] for c in cells] == ["ok"] * 5
    assert [f"said number {i}" in leg.text(c) for i, c in enumerate(cells)] == [True] * 5
    assert [c.inputs["text"] for c in hive.calls] == [f"number {i}" for i in range(5)]
    assert "Traceback" not in leg.log


def test_an_interrupted_batch_keeps_its_finished_rows(leg: Kernel, hive: SlowHive) -> None:
    """Stop in the middle: what is finished is in the batch and in the store; the next cell runs, and pays only the
    rest.
    """
    cell = leg.send("fh.batch(rows, 'echo', variants=['plain', 'slow'], max_concurrency=2)", person=True)
    hive.wait_for(2)
    leg.wait_until(lambda: "2 of 8" in str(leg.shown(cell)), "the progress of two answers")
    leg.interrupt()
    leg.wait(cell)
    assert "2 of 8 " in leg.text(cell)
    assert leg.run("c = fh.last_batch().counts; (c.done, c.unknown, c.pending)") == "(2, 2, 4)"
    kept = "import os, sqlite3; db = sqlite3.connect(os.environ['FH_NOTEBOOK_STORE'])\n"
    assert (
        leg.run(kept + "db.execute(\"select count(*) from answers where status = 'completed'\").fetchone()") == "(2,)"
    )
    hive.hold.set()
    assert leg.run("c = fh.last_batch().resume().counts; (c.done, c.unknown, c.pending)").endswith("(6, 2, 0)")
    assert len(hive.calls) == 8  # none of the finished two again


def test_a_cancel_of_a_blocking_cell(leg: Kernel, hive: SlowHive) -> None:
    """A click ends the cell as Stop does, in one line, with what came kept; where clicks wait, the cell says to use
    Stop.
    """
    cell = leg.send("%%fetchhive echo -v slow -v plain --out runs\ntext: hi", person=True)
    hive.wait_for(1)
    leg.wait_until(lambda: "said hi" in str(leg.shown(cell)), "the answer that comes before")
    if _hears_clicks(leg):
        _click(leg)
    else:
        leg.wait_for_text(cell, USE_STOP)
        assert leg.widgets() == {}
        leg.interrupt()
    leg.wait(cell)
    assert not hive.hold.is_set()  # the workflow still runs: nothing but the click ended the cell
    [error] = [m for m in leg.outputs(cell) if m.kind == "error"]
    assert re.search(r"\bStopped:", error.text)
    assert " 1 of 2 " in error.text or "1 of 2 " in error.text
    assert len(error.text.splitlines()) == 1
    assert "said hi" in leg.run("runs.output.iloc[0]")
    assert "said again" in leg.run("%%fetchhive echo -v plain\ntext: again")


def test_a_cancel_of_a_blocking_batch(leg: Kernel, hive: SlowHive) -> None:
    """A click returns the batch with its finished rows, and the cell goes on; where clicks wait, the cell says so."""
    cell = leg.send("b = fh.batch(rows, 'echo', variants=['plain', 'slow'], max_concurrency=2)\nb.counts", person=True)
    hive.wait_for(2)
    if _hears_clicks(leg):
        _click(leg)
    else:
        leg.wait_for_text(cell, USE_STOP)
        leg.interrupt()
    leg.wait(cell)
    assert leg.reply(cell)["status"] == "ok"
    assert "planned=8, done=2, failed=0, unknown=2, pending=4" in leg.text(cell)
    told = leg.run("b.stopped.message")
    assert ("cancelled" if _hears_clicks(leg) else "interrupted") in told
    assert "batch.resume()" in told


def test_a_cell_with_over_says_what_its_person_can_do(leg: Kernel, hive: SlowHive) -> None:
    """There is no variable with a batch in it: run the cell again, or take the last batch."""
    cell = leg.send('%%fetchhive echo -v slow --over rows --out frame\ntext: "{{ row.text }}"', person=True)
    hive.wait_for(1)
    leg.interrupt()
    leg.wait(cell)
    assert re.search(r"\bfh\.last_batch\(\).*\bresume\(\)", leg.text(cell))
    assert "batch.resume()" not in leg.text(cell).replace("fh.last_batch().resume()", "")


@pytest.mark.parametrize("ended_by", ["cancel", "stop"])
def test_the_cells_behind_a_stopped_cell_over_rows_do_not_run(leg: Kernel, hive: SlowHive, ended_by: str) -> None:
    """Its reply is an error, so Run All goes on paying for nothing; what came is bound and remembered before."""
    if ended_by == "cancel" and not _hears_clicks(leg):
        pytest.skip("there is no button on this kernel")
    over = '%%fetchhive echo -v plain -v slow --over rows --out kept\ntext: "{{ row.text }}"'
    first, second = leg.run_all(over, "%%fetchhive echo -v plain --out never\ntext: paid", person=True)
    hive.wait_for(1)
    leg.wait_until(lambda: re.search(r"[1-9] of 8", str(leg.shown(first))), "the progress of an answer")
    _click(leg) if ended_by == "cancel" else leg.interrupt()
    leg.wait(first)
    assert (leg.reply(first)["status"], leg.reply(first)["ename"]) == ("error", "Stopped")
    [error] = [m for m in leg.outputs(first) if m.kind == "error"]
    assert error.text.startswith("Stopped: ")
    assert len(error.text.splitlines()) == 1
    assert leg.reply(second)["status"] == "aborted"
    assert "paid" not in [call.inputs["text"] for call in hive.calls]
    assert leg.run("('never' in globals(), kept.output.iloc[0], _ is kept, fh.last_batch().stopped.reason)") == (
        "(False, 'said 0', True, 'cancelled')"
    )


ENDED = {"VBoxModel", "HTMLModel", "HTMLStyleModel", "DescriptionStyleModel", "LayoutModel"}
"""What a text in a box is made of: nothing to click, and no code."""
SERVES = "AnyModel"
"""The widget, with nothing to see, that serves the buttons of an answer (``served_outputs``)."""


def _kinds(leg: Kernel) -> set[str]:
    return {state["_model_name"] for state in leg.widgets().values()}


@pytest.mark.parametrize("ended_by", ["answer", "stop"])
def test_nothing_of_the_offer_to_cancel_stays(leg: Kernel, hive: SlowHive, ended_by: str) -> None:
    """After a long cell, however it ended, no button is there, and no widget and no word of it is in what is saved.

    One block stays, which tells a page that was reloaded meanwhile of the end.
    """
    cell = leg.send("%%fetchhive echo -v slow\ntext: hi", person=True)
    if _hears_clicks(leg):
        leg.widget("fh-cancel")
    leg.wait_for_text(cell, USE_STOP)
    hive.hold.set() if ended_by == "answer" else leg.interrupt()
    leg.wait(cell)
    leg.wait_until(lambda: _kinds(leg) <= {*ENDED, SERVES}, "the end of the button")
    leg.wait_until(lambda: USE_STOP not in _saved_outputs(leg, cell), "the end of the line")
    saved = _saved_outputs(leg, cell)
    assert ("'hi'" in saved or "output=hi" in saved) if ended_by == "answer" else "Stopped" in saved
    shown = [leg.widgets()[v]["_model_name"] for v in re.findall(r"'model_id': '(\w+)'", saved)]
    assert shown == ([SERVES] if ended_by == "answer" else [])


def test_a_click_that_comes_too_late_harms_nothing(leg: Kernel, hive: SlowHive) -> None:
    """It is for a widget that is gone; the next cell runs."""
    if not _hears_clicks(leg):
        pytest.skip("there is no button on this kernel")
    cell = leg.send("%%fetchhive echo -v slow\ntext: hi", person=True)
    button = leg.widget("fh-cancel")
    hive.hold.set()
    leg.wait(cell)
    leg.wait(leg.click(button))
    assert "said next" in leg.run("%%fetchhive echo -v plain\ntext: next")
    assert "Traceback" not in leg.log


def test_without_a_person_there_is_no_offer(leg: Kernel, hive: SlowHive) -> None:
    """A notebook that a program runs (nbclient, papermill) has nothing of it, and ipywidgets is not even imported."""
    cell = leg.send("%%fetchhive echo -v lasting\ntext: hi")
    leg.wait(cell)
    assert "output=lasted 1.5 s" in leg.text(cell)
    assert len(leg.outputs(cell)) == 1
    assert leg.run("import sys; 'ipywidgets' in sys.modules") == "False"


def test_a_short_cell_offers_no_cancel(leg: Kernel) -> None:
    """No flicker before the time for an offer is over: the answer, and the widget that serves its buttons."""
    leg.run(NO_OFFER)
    cell = leg.send("%%fetchhive echo -v plain\ntext: hi", person=True)
    leg.wait(cell)
    assert sorted(m.kind for m in leg.outputs(cell)) == ["display_data", "execute_result"]
    assert _kinds(leg) == {SERVES, "LayoutModel"}


def test_a_batch_in_the_background_can_be_cancelled_on_every_kernel(leg: Kernel, hive: SlowHive) -> None:
    """No cell waits for it, so its button is heard at once, and it goes away with the batch."""
    cell = leg.send(
        "b = fh.batch(rows, 'echo', variants=['plain', 'slow'], max_concurrency=2, wait=False)", person=True
    )
    hive.wait_for(2)
    leg.wait(cell)
    _click(leg)
    leg.wait_until(lambda: tells(leg.shown(cell), "cancelled"), "the end of the batch")
    leg.wait_until(lambda: not {"ButtonModel", "SliderModel"} & _kinds(leg), "the end of the button")
    assert leg.run("(b.running, b.counts.done, b.counts.unknown)") == "(False, 2, 2)"


@pytest.mark.parametrize(
    ("cell", "kind"), [("%%fetchhive echo -v plain", "Run"), ("%%fetchhive echo -v plain -v plain2", "DataFrame")]
)
def test_the_result_is_in_out_and_in_the_variable(leg: Kernel, cell: str, kind: str) -> None:
    """`_`, `Out[n]` by the cell's own number, and --out are the same thing: a Run, or the frame of several."""
    request = leg.send(f"{cell} --out kept\ntext: hi", person=True)
    leg.wait(request)
    number = leg.reply(request)["execution_count"]
    assert leg.run(f"(type(_).__name__, _ is kept, Out[{number}] is kept, _{number} is kept)") == str(
        (kind, True, True, True)
    )


def test_the_frame_of_a_cell_over_rows_is_in_out_too(leg: Kernel) -> None:
    """As of any cell with several calls."""
    request = leg.send('%%fetchhive echo -v plain --over rows --out kept\ntext: "{{ row.text }}"', person=True)
    leg.wait(request)
    number = leg.reply(request)["execution_count"]
    assert leg.run(f"(len(kept), _ is kept, Out[{number}] is kept)") == "(4, True, True)"


def test_what_came_before_a_stop_is_in_out_too(leg: Kernel, hive: SlowHive) -> None:
    """The frame of the answers that came, under the number of the cell that was stopped."""
    leg.run("import logging; logging.basicConfig(); logging.getLogger('fh_notebook').setLevel(logging.DEBUG)")
    request = leg.send("%%fetchhive echo -v plain -v slow --out kept\ntext: hi", person=True)
    hive.wait_for(1)
    leg.wait_for_text(request, "saved echo/plain: completed")
    leg.interrupt()
    leg.wait(request)
    number = leg.reply(request)["execution_count"]
    assert leg.run(f"(len(kept), _ is kept, Out[{number}] is kept)") == "(1, True, True)"


@pytest.mark.parametrize("loop", ["thread", "nested"])
def test_the_async_twins_work_in_a_cell(leg: Kernel, hive: SlowHive, loop: str) -> None:
    """`await fh.ainvoke(...)` and `await fh.abatch(...)` in the kernel's own loop, beside their blocking twins, in
    queued cells.
    """
    leg.run(f"fh.configure(loop={loop!r})\nasked = dict(variant='plain', inputs={{'text': 'hi'}})")
    cells = leg.run_all(
        "(await fh.ainvoke('echo', **asked)).output",
        "import asyncio\n[r.output for r in await asyncio.gather(*(fh.ainvoke('echo', **asked) for _ in range(3)))]",
        "(await fh.abatch(rows, 'echo', variants=['plain'], progress=False)).counts.done",
        "fh.invoke('echo', **asked).output",
        "'the kernel is there'",
    )
    leg.wait(cells[-1])
    assert [leg.text(cell) for cell in cells[:3]] == ["'said hi'", str(["said hi"] * 3), "4"]
    if loop == "nested" and "is refused" in leg.text(cells[3]):
        return  # an ipykernel 7 without nest_asyncio2: tests/core/test_event_loop.py
    assert [leg.text(cell) for cell in cells[3:]] == ["'said hi'", "'the kernel is there'"]


def test_an_awaited_call_can_be_stopped(leg: Kernel, hive: SlowHive) -> None:
    """Stop reaches it, and the next cell runs."""
    cell = leg.send("await fh.ainvoke('echo', variant='slow', inputs={'text': 'hi'})", person=True)
    hive.wait_for(1)
    leg.interrupt()
    leg.wait(cell)
    assert leg.reply(cell)["ename"] in ("KeyboardInterrupt", "CancelledError")
    assert leg.run("fh.invoke('echo', variant='plain', inputs={'text': 'x'}).output") == "'said x'"
