"""The results of a submit in a real kernel: answers from the background, clicks while a cell runs."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.kernel import Kernel

SETUP = """
import asyncio, threading
import fh_notebook as fh
from fh_notebook.core import event_loop as loop
from fh_notebook.notebook.results.view import ResultsView
view = ResultsView()
ready = threading.Event()

async def answer(submit):
    for index, variant in enumerate("ab"):
        run = fh.Run(status="completed", deployment="triage", variant=variant, output=[{"label": variant * 5}],
                     inputs={"token": "correct-horse-battery"}, request_id=f"req_{variant}")
        view.show(index, run, submit=submit)
    ready.set()
"""
BACKGROUND = "loop.background().submit(answer(view.begin(['a', 'b']))); view.widget"
BLOCKING = "print('begun'); held = threading.Event(); held.wait(60)"


def _answer(kernel: Kernel, widget: str, number: int) -> str:
    """Return the text that a widget has sent in answer to a page's question."""
    said: list[dict[str, Any]] = [
        message.content["data"].get("content", {})
        for message in list(kernel.messages)
        if message.kind == "comm_msg" and message.content.get("comm_id") == widget
    ]
    return next((str(content["text"]) for content in said if content.get("id") == number), "")


def _pages(kernel: Kernel) -> str:
    return "".join(str(state.get("value", "")) for state in kernel.widgets().values())


def test_answers_arrive_and_clicks_are_heard_also_while_a_cell_runs(kernel: Kernel) -> None:
    """From the background loop, and over a subshell where the kernel has them; and no input is in any widget."""
    kernel.run(SETUP)
    kernel.run(BACKGROUND)
    kernel.wait_until(lambda: "2 of 2 completed" in _pages(kernel), "the answers")
    for part in ("aaaaa", "bbbbb", "req_a", "≠ differs"):
        assert part in _pages(kernel)

    subshell = kernel.subshell()
    running = kernel.send(BLOCKING) if subshell else None
    if running:
        kernel.wait_for_text(running, "begun")
    actions = next(name for name, state in kernel.widgets().items() if "toClipboard" in state.get("_esm", ""))
    key = f"{kernel.widgets()[actions]['prefix']}1"
    kernel.comm(actions, {"method": "custom", "content": {"ask": "all", "id": 5, "key": key}}, subshell=subshell)
    kernel.wait_until(lambda: '"label": "bbbbb"' in _answer(kernel, actions, 5), "the text to be copied")
    if running:
        assert kernel._idle.get(running) is None
        kernel.interrupt()
        kernel.wait(running)
    assert "correct-horse-battery" not in repr(kernel.widgets())
    assert "correct-horse-battery" in kernel.run("print(view.runs[0].inputs)")
    assert "Traceback" not in kernel.log


UPDATED = """
import pandas as pd
import fh_notebook as fh
runs = [fh.Run(status="completed", output={"said": word}, request_id=word) for word in ("earlier", "later")]
def diff(word):
    answers = [{"row": 0, "variant": v, "output": f"{word} {v}", "status": "completed"} for v in "ab"]
    return fh.compare(pd.DataFrame(answers)).diff(0)
diffs = [diff("earlier"), diff("later")]
"""


@pytest.mark.parametrize("shown", ["runs", "diffs"])
def test_a_run_and_a_difference_can_be_updated_in_their_place(kernel: Kernel, shown: str) -> None:
    """``display(x, display_id=True)`` and ``handle.update``; what is new has buttons that are served."""
    kernel.run(UPDATED)
    first = kernel.send(f"handle = display({shown}[0], display_id=True)", person=True)
    kernel.wait(first)
    second = kernel.send(f"handle.update({shown}[1])", person=True)
    kernel.wait(second)
    [page] = [data["text/html"] for data in kernel.shown(first) if "text/html" in data]
    assert "later" in page
    assert "earlier" not in page
    assert [data for data in kernel.shown(second) if "text/html" in data] == []
    [key, *_] = re.findall('data-output="([^"]+:)', page)
    assert key in [state.get("prefix") for state in kernel.widgets().values()]
