"""Shipped notebooks on pages that take styles, scripts and pictures out of outputs, as those of repositories do."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

from tests.notebooks import shipped

BLOCKS = frozenset(
    [
        "blockquote",
        "br",
        "caption",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
"""Elements that begin on a line of their own, or are a cell."""
GONE = frozenset(["style", "script", "svg", "button", "select", "textarea", "iframe", "object"])
"""Elements that such a page leaves out, with what is in them."""
VOID = frozenset(["br", "wbr", "img", "input", "hr"])
"""Elements that have no end."""


class _Page(HTMLParser):
    """The text that is left of an output. Between two elements in one line is a NUL: nothing that is seen.

    The pieces of a text with marks are one text; a browser strikes out by itself what is deleted from it: "~".
    """

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self._gone = self.marked = 0

    def _mark(self, tag: str, step: int) -> None:
        self._gone += step if tag in GONE else 0
        if not self._gone:
            seen = "\n" if tag in BLOCKS else "" if self.marked else "\0"
            self.text += "~" if tag == "del" else seen

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Attributes (classes, styles, `hidden`) are left out, too."""
        is_marked = self.marked or "fh-marked" in (dict(attrs).get("class") or "").split()
        if is_marked and tag not in VOID:
            self.marked += 1
        self._mark(tag, 1)

    def handle_endtag(self, tag: str) -> None:
        self._mark(tag, -1)
        self.marked -= 1 if self.marked else 0

    def handle_data(self, data: str) -> None:
        self.text += "" if self._gone else data


def test_what_is_left_is_found() -> None:
    """Two chips without a blank are one word; a script is none."""
    page = _Page()
    page.feed("<div><b class='chip'>12</b><i>completed</i><script>hidden()</script></div>")
    assert page.text.replace("\0", "").split() == ["12completed"]
    assert re.search(r"\w\0+\w", page.text)
    marked = _Page()
    marked.feed("<b>x</b><div class='fh-marked'>1<del>2</del><span></span><ins>3</ins></div><b>y</b><i>z</i>")
    assert re.sub("\n", "", marked.text).replace("\0", ".") == ".x.1~2~3.y..z."
    broken = _Page()
    broken.feed("<div class='fh-marked'>a<br>b<wbr>c</div><div class='fh-marked-not'><b>1</b><i>2</i></div>")
    assert re.search(r"1\0+2", broken.text)
    assert broken.marked == 0


@pytest.mark.parametrize("notebook", shipped(), ids=lambda path: path.stem)
def test_every_output_says_something_without_styles(notebook: Path) -> None:
    """No output is empty then, and no two words that stood apart are one."""
    for number, cell in enumerate(nbformat.read(notebook, as_version=4).cells):
        for output in cell.get("outputs", []):
            page = _Page()
            page.feed(output.get("data", {}).get("text/html", "<p>as text</p>"))
            assert page.marked == 0, (number, "a marked text does not end")
            assert re.search(r"\w\w", page.text), (number, "nothing is left")
            assert not re.findall(r".{0,20}\w\0+\w.{0,20}", page.text), number
