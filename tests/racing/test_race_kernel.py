"""A race of the shipped triage variants end to end in a real kernel, its calls counted at the hive."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fh_notebook.local import LocalHive, demo_hive
from tests.kernel import Kernel, Message

KEY = "fhk_0123456789abcdef"
SETUP = "%load_ext fh_notebook\nimport fh_notebook as fh\ntickets = fh.local.tickets()"
RACE = "race = fh.race(tickets, 'support-triage', variants=['keywords', 'nearest'], score=fh.score.exact()"
FACTS = "import json; print(json.dumps([race.winner, race.ending, race.rows, race.calls, race.reused]))"


@pytest.fixture
def hive(request: pytest.FixtureRequest) -> LocalHive:
    """The demo hive; a test may have it answer more slowly."""
    return demo_hive(pace=getattr(request, "param", 0.2), api_key=KEY)


@pytest.fixture
def loaded(hive: LocalHive, tmp_path: Path) -> Iterator[Kernel]:
    """A kernel that calls the hive over a socket, with the extension loaded."""
    with hive.serve() as server, Kernel(tmp_path, FETCH_HIVE_BASE_URL=server.url, FETCH_HIVE_API_KEY=KEY) as kernel:
        assert kernel.run(SETUP) == ""
        yield kernel


def _facts(kernel: Kernel) -> list[Any]:
    found: list[Any] = json.loads(kernel.run(FACTS))
    return found


def _display(kernel: Kernel, cell: str) -> list[Message]:
    """The states of the live display, the last one as it stays in the notebook."""
    return [m for m in kernel.outputs(cell) if m.kind in ("display_data", "update_display_data") and "Race " in m.text]


@pytest.mark.long
def test_the_triage_variants_race_in_a_kernel(loaded: Kernel, hive: LocalHive) -> None:
    """The race ends before its rows do, its calls are those of the hive; a cell over the same rows pays for the rest
    only; the last state of the display is a picture with its words, and stays."""
    cell = loaded.send(f"{RACE}, min_difference=0.3)", person=True)
    loaded.wait(cell)
    assert loaded.reply(cell)["status"] == "ok", loaded.text(cell)
    winner, ending, rows, calls, reused = _facts(loaded)
    assert (winner, ending, reused) == (None, "no difference", 0)
    assert calls == hive.counts.calls
    assert 2 * rows <= calls <= 2 * (rows + 8) < 2 * 93
    states = _display(loaded, cell)
    assert re.search(r"\b0 of 93 ", states[0].text)
    assert re.search(r"\([^()]* 20\)", states[0].text)
    last = states[-1]
    assert re.search(r" 30 points .*\bkeywords and nearest\b", last.text)
    page = last.content["data"]["text/html"]
    assert page.count('class="fh-plot"') == 2
    saved = str(loaded.shown(cell))
    assert "<svg" in saved
    assert not re.search(r"\b0 of 93 ", saved)

    over = loaded.send(
        "%%fetchhive support-triage -v keywords -v nearest --over tickets --race exact:expected_output --out race\n"
        'ticket: "{{ row.ticket }}"',
        person=True,
    )
    loaded.wait(over)
    assert loaded.reply(over)["status"] == "ok", loaded.text(over)
    _, ending, again_rows, again_calls, again_reused = _facts(loaded)
    assert again_rows >= rows
    assert ending in ("winner", "budget spent")
    assert again_calls + again_reused >= 2 * again_rows
    assert again_reused >= 2 * rows
    assert calls + again_calls == hive.counts.calls <= 2 * 93
    assert len(_display(loaded, over)) >= 1
    assert "Plot: " in loaded.run("print(repr(race.plot()))")


@pytest.mark.long  # cancelling and going on are in test_race.py; this is the Stop button's way to them
@pytest.mark.parametrize("hive", [1.0], indirect=True)
def test_stop_ends_a_race_that_goes_on_later(loaded: Kernel, hive: LocalHive) -> None:
    """Stop in the middle: the cell ends without an error and says so, and `race.resume()` takes it to its end."""
    cell = loaded.send(f"{RACE}, min_difference=0.3, max_concurrency=2)", person=True)
    loaded.wait_until(lambda: re.search(r"\b[1-9]\d* of 93 ", str(loaded.shown(cell))), "the first rows")
    loaded.interrupt()
    loaded.wait(cell)
    assert loaded.reply(cell)["status"] == "ok", loaded.text(cell)
    _, ending, rows, calls, _ = _facts(loaded)
    assert ending == "interrupted"
    assert 1 <= rows < 41
    assert "Interrupted after " in loaded.text(cell)
    loaded.run("race.resume(retry_unknown=True)")
    _, ending, rows, after, _ = _facts(loaded)
    assert ending == "no difference"
    assert after >= calls
    assert after >= hive.counts.calls >= 2 * rows
