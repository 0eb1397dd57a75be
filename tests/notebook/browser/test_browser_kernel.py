"""A browser of rows in a real kernel: its page's messages on a subshell, and what stays in the saved notebook."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.kernel import Kernel
from tests.notebook.hostile import dangers

SETUP = (
    "import fh_notebook as fh\nfrom tests.notebook.browser.frames import small\n"
    "import threading, pandas as pd\ncmp = fh.compare(small(), score='s')"
)


class Page:
    """What a page of JupyterLab does to a browser of rows."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self._subshell = kernel.subshell()
        self._number = 0

    def show(self, code: str) -> str:
        cell = self.kernel.send(code, person=True)
        self.kernel.wait(cell)
        return cell

    def say(self, **said: Any) -> str:
        self._number += 1
        content = {"number": self._number, **said}
        return self.kernel.comm(
            self.kernel.widget("fh-browse"), {"method": "custom", "content": content}, subshell=self._subshell
        )

    @property
    def page(self) -> dict[str, Any]:
        page: dict[str, Any] = self.kernel.widgets()[self.kernel.widget("fh-browse")]["page"]
        return page

    def answered(self) -> dict[str, Any]:
        """Wait until what was said last is answered."""
        self.kernel.wait_until(lambda: self.page["heard"] == self._number, "an answer")
        return self.page


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with Kernel(tmp_path_factory.mktemp("browse")) as kernel:
        assert kernel.run(SETUP) == ""
        yield kernel
        assert "Traceback" not in kernel.log


def test_the_first_page_is_there_before_the_widget_and_stays_when_it_is_not(kernel: Kernel) -> None:
    """Plain HTML and text, which follow what is looked at; then the widget, which hides them."""
    page = Page(kernel)
    cell = page.show("browser = cmp.browse(page_size=4)\nbrowser")
    plain, widget = kernel.shown(cell)
    assert set(plain) == {"text/html", "text/plain"}
    assert set(widget) == {"application/vnd.jupyter.widget-view+json", "text/plain"}
    assert " 1 of 2 · 6 rows" in plain["text/plain"]
    assert "Ticket 3: where is it?" in plain["text/html"]
    assert kernel.widgets()[kernel.widget("fh-browse")]["head"]["static"] in plain["text/html"]
    page.say(view={"only": "different", "open": 3})
    page.answered()
    kernel.wait_until(lambda: "differs: 1 changed" in kernel.shown(cell)[0]["text/html"], "what is looked at")
    plain = kernel.shown(cell)[0]
    assert "4 of 6 rows" in plain["text/plain"]
    assert '~ label: "late" → "lost"' in plain["text/plain"]
    assert dangers(plain["text/html"]) == []


def test_a_page_is_answered_by_one_page(kernel: Kernel) -> None:
    """A filter, the next row, and whatever does not fit; a cell sees the same view."""
    page = Page(kernel)
    page.show("browser = cmp.browse(page_size=2)\nbrowser")
    page.say(view={"search": "ticket", "only": "different"})
    assert [row["label"] for row in page.answered()["rows"]] == ["10", "20"]
    page.say(step=1)
    page.answered()
    page.say(step=1)
    assert page.answered()["open"]["label"] == "20"
    for strange in ({"view": 3}, {"view": {"page": "x", "sort": ["evil"]}}, {"step": "far"}, {"step": True}, {}):
        page.say(**strange)
        assert [row["label"] for row in page.answered()["rows"]] == ["10", "20"]
    for key in ({"turn": 1}, {"compare": 1}, {"compare": 1}, {"turn": -1}, {"step": 1}, {"step": 1}, {"step": -1}):
        page.say(**key)  # seven keys, and none waits for the one before
    now = page.answered()
    assert (now["open"]["label"], now["page"], now["open"]["baseline"]) == ("30", 1, 2)
    assert kernel.run("browser.view['search'], browser.view['open'], len(browser.frame)") == "('ticket', 3, 4)"
    kernel.run("browser.show(won='c', only='', search='');")
    kernel.wait_until(lambda: [row["label"] for row in page.page["rows"]] == ["30"], "what a cell asked for")


def test_a_page_is_answered_while_a_cell_runs(kernel: Kernel) -> None:
    """On a subshell's thread, at once."""
    if "kernel subshells" not in kernel.features:
        pytest.skip("this kernel hears a page when the cell has ended")
    page = Page(kernel)
    page.show("browser = cmp.browse()\nbrowser")
    busy = kernel.send(
        "hold = threading.Event()\nprint('busy', flush=True)\nwhile browser.view['only'] != 'tied':\n    hold.wait(0.02)"
    )
    kernel.wait_for_text(busy, "busy")
    page.say(view={"only": "different"})
    assert page.answered()["found"] == 4
    page.say(view={"only": "tied"})
    assert page.answered()["found"] == 1
    kernel.wait(busy)


def test_a_page_of_a_big_table_is_small(kernel: Kernel) -> None:
    """Of 20,000 rows, no more is sent than of the 25 that are shown."""
    kernel.run(
        "big = fh.compare(pd.DataFrame({'row': [*range(20_000)] * 2, 'variant': ['a'] * 20_000 + ['b'] * 20_000,"
        "'output': [f'answer {i}' * 30 for i in range(40_000)]}))"
    )
    before = len(kernel.messages)
    page = Page(kernel)
    page.show("big.browse()")
    page.say(view={"search": "answer 39999"})
    assert page.answered()["found"] == 1
    assert sum(len(repr(message.content)) for message in kernel.messages[before:]) < 300_000
