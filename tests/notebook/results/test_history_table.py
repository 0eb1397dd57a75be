"""The table of earlier calls in a real kernel: buttons that show what is stored, and what stays in the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fh_notebook.local import LocalHive
from tests.kernel import Kernel

KEY = "fhk_0123456789abcdef"
SETUP = """
%load_ext fh_notebook
import fh_notebook as fh
client = fh.Client()
for text in ("first <b>", "second"):
    run = client.invoke("echo", variant="plain", inputs={"text": text})
many = fh.batch([{"text": "in a batch"}], "echo", variants="plain", name="many", progress=False)
"""
OPEN = "fh-history-below"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One with two calls and a batch."""
    hive = LocalHive(api_key=KEY)

    @hive.workflow("echo", variant="plain")
    def plain(text: str) -> dict[str, Any]:
        return {"said": text, "times": [1, 2]}

    with (
        hive.serve() as server,
        Kernel(tmp_path_factory.mktemp("history"), FETCH_HIVE_BASE_URL=server.url, FETCH_HIVE_API_KEY=KEY) as kernel,
    ):
        assert kernel.run(SETUP) == ""
        yield kernel
        assert "Traceback" not in kernel.log


def _show(kernel: Kernel, code: str = "%fetchhive history") -> str:
    cell = kernel.send(code, person=True)
    kernel.wait(cell)
    return cell


def _click(kernel: Kernel, act: str) -> None:
    """Click a button of the newest table as its page does."""
    box = kernel.widgets()[kernel.widget("fh-history")]
    keys = box["children"][-1].removeprefix("IPY_MODEL_")
    kernel.wait(kernel.comm(keys, {"method": "custom", "content": {"act": act}}))


def _below(kernel: Kernel) -> str:
    """Return all HTML below the newest table."""
    states = kernel.widgets()
    pending, pages = [kernel.widget(OPEN)], []
    while pending:
        state = states.get(pending.pop(), {})
        pages.append(str(state.get("value", "")))
        pending += [child.removeprefix("IPY_MODEL_") for child in state.get("children", ())]
    return "".join(pages)


def _table(kernel: Kernel) -> str:
    states = kernel.widgets()
    box = states[kernel.widget("fh-history")]
    return str(states[box["children"][0].removeprefix("IPY_MODEL_")]["value"])


def test_a_button_of_each_line_shows_what_is_stored(kernel: Kernel) -> None:
    """Inputs and the answer in all its forms, a batch as its own page; one at a time, and it can be closed."""
    cell = _show(kernel)
    assert [set(data) for data in kernel.shown(cell)] == [
        {"application/vnd.jupyter.widget-view+json", "text/plain"},
        {"text/html", "text/plain"},
    ]
    table = _table(kernel)
    assert [table.count(f'data-act="open {number}"') for number in range(4)] == [1, 1, 1, 0]
    _click(kernel, "open 2")
    kernel.wait_until(lambda: "first &lt;b&gt;" in _below(kernel), "the first call")
    page = _below(kernel)
    assert "<b>" not in page.replace("&lt;b&gt;", "")
    assert all(form in page for form in ("<span>JSON</span>", "<span>Table</span>", "<summary>Inputs</summary>"))
    _click(kernel, "open 1")
    kernel.wait_until(lambda: "second" in _below(kernel), "the second call")
    assert "first &lt;b&gt;" not in _below(kernel)
    _click(kernel, "open 0")
    kernel.wait_until(lambda: "many" in _below(kernel) and "1 completed" in _below(kernel), "the batch")
    _click(kernel, "close")
    kernel.wait_until(lambda: not kernel.widgets()[kernel.widget(OPEN)]["children"], "nothing below")
    for act in ("open 9", "open x", "drop 1"):  # a page may send anything
        _click(kernel, act)
    assert kernel.widgets()[kernel.widget(OPEN)]["children"] == []


def test_the_file_has_the_table_and_the_code_that_opens_a_line(kernel: Kernel) -> None:
    """Without buttons; the value of the cell is the frame, and a program's kernel has no widget."""
    _, static = kernel.shown(_show(kernel, "fh.history()"))
    for kind in ("text/html", "text/plain"):
        said = static[kind].replace("<wbr>", "")
        assert "fh.form(" in said
        assert "fh.open_batch(" in said
    assert "<button" not in static["text/html"]
    assert kernel.run("type(_).__name__, len(_)") == "('ShownFrame', 3)"
    cell = kernel.send("%fetchhive history")
    kernel.wait(cell)
    (only,) = kernel.shown(cell)
    assert "application/vnd.jupyter.widget-view+json" not in only


def test_what_was_forgotten_meanwhile_is_said(kernel: Kernel) -> None:
    """One line below, with what to do."""
    _show(kernel, "%fetchhive history echo")
    kernel.run("fh.forget(deployment='echo')")
    _click(kernel, "open 2")
    kernel.wait_until(lambda: 'role="alert"' in _below(kernel), "that it is gone")
