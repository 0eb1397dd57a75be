"""Formats of an output: text, Markdown, JSON tree, table, differences; and which fits best. Pure.

An output is hostile and of any size. Only what is shown of it is parsed; what is left out is stated, with where it is.
Nothing of it runs, and nothing is fetched: HTML in Markdown is text, pictures are left as their links, and links other
than http(s) and mailto are text. Names, texts, cells, rows, levels and nodes are capped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

from fh_notebook.comparing.diff.markup import mark_text
from fh_notebook.comparing.diff.text_diff import compare_texts, text_to_compare
from fh_notebook.contract.json_values import pretty
from fh_notebook.contract.run import Run
from fh_notebook.core.text import html
from fh_notebook.core.text.messages import counted

__all__ = [
    "FORMS",
    "TREE_STYLE",
    "DisplayOptions",
    "best_form",
    "forms_of",
    "html_table",
    "markdown",
    "output_element",
    "tree_of",
]


LINES_OPEN: Final = 24

CHARS_OPEN: Final = 2_500
"""What of it is open to the eye, to the end of the block in which it is reached."""

SLACK: Final = 1.2
"""So much more is not folded away."""


def markdown(text: str, *, whole: str = "run.text has all", cap: int = html.TEXT_CAP) -> html.Html:
    r"""Return a model's Markdown as HTML.

    Parameters
    ----------
    text : str
        The Markdown.
    whole : str
        Where all of it is, for a text longer than `cap`.
    cap : int
        Characters of it that are rendered at most.

    Examples
    --------
    >>> markdown("*yes*")
    '<div class="fh-md"><p><em>yes</em></p>\n</div>'
    """
    from markdown_it import MarkdownIt

    # The preset "js-default" has tables and no HTML; its links refuse javascript:, vbscript:, file: and data:.
    reader = MarkdownIt("js-default", {"html": False, "linkify": False}).disable("image")
    source = html.printable(text[:cap])
    env: dict[str, Any] = {}  # the definitions of links, which may stand at the end
    tokens = reader.parse(source, env)
    for token in tokens:
        for part in token.children or ():
            if part.type == "link_open":  # a notebook is not left for it, nor is its address told
                part.attrs.update(target="_blank", rel="noopener noreferrer")
    cut = _fold_index(tokens, source)

    def rendered(part: Sequence[Any]) -> html.Html:
        # The one place outside of `html` that makes one: with html=False the renderer escapes each text of the model's.
        return html.Html(reader.renderer.render(part, reader.options, env))

    left = len(text) - len(text[:cap])
    end = html.el("div", f"… {counted(left, 'more character')}; {whole}", cls="fh-dim") if left else None
    if cut == len(tokens):
        return html.el("div", rendered(tokens), end, cls="fh-md")
    lines = source.count("\n") + 1 - (tokens[cut].map or [0])[0]
    rest = html.el("div", rendered(tokens[cut:]), cls="fh-rest")
    more = (
        f"… {counted(lines, 'more line')}"
        if cut
        else f"{source.lstrip()[:80].splitlines()[0]} … {counted(lines, 'line')}"
    )
    return html.el("div", rendered(tokens[:cut]), html.fold(more, *filter(None, (rest, end))), cls="fh-md")


def _fold_index(tokens: Sequence[Any], text: str) -> int:
    """Return the index of the token with which the fold begins: that of a block on the top level."""
    starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]  # in characters, by line
    if len(starts) - 1 <= LINES_OPEN * SLACK and len(text) <= CHARS_OPEN * SLACK:
        return len(tokens)
    for index, token in enumerate(tokens):
        if token.level == 0 and token.nesting >= 0 and token.map:
            first, last = token.map
            if first >= LINES_OPEN or starts[first] >= CHARS_OPEN:
                return index
            if last > 2 * LINES_OPEN or starts[last] > 2 * CHARS_OPEN:  # one endless block: a list, a code block
                return index
    return len(tokens)


ROWS_OPEN: Final = 20

ROWS_SHOWN: Final = 100

COLUMNS_SHOWN: Final = 20

CELL_CAP: Final = 300
"""What of one output is shown as a table, in rows, columns and characters; the value itself stays whole."""


def html_table(value: Any, *, whole: str = "run.text has all") -> html.Html | None:
    """Return a JSON value as a table; ``None`` for one that has no rows.

    Parameters
    ----------
    value : object
        What :meth:`Run.json` gives.
    whole : str
        Where all of it is, in words.

    Examples
    --------
    >>> "<td>billing</td>" in html_table({"label": "billing"})
    True
    >>> html_table("text") is None
    True
    """
    if isinstance(value, dict):
        entries = list(value.items())[:ROWS_SHOWN]
        return _folded(
            ("name", "value"), [(html.clip(k, CELL_CAP), _cell(v)) for k, v in entries], len(value), 0, whole
        )
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        names = list(dict.fromkeys(name for row in value[:ROWS_SHOWN] for name in row))
        columns = names[:COLUMNS_SHOWN]
        rows = [[_cell(row.get(name, "")) for name in columns] for row in value[:ROWS_SHOWN]]
        return _folded([html.clip(c, CELL_CAP) for c in columns], rows, len(value), len(names) - len(columns), whole)
    return None


def _folded(
    columns: Sequence[str], rows: Sequence[Sequence[str]], total: int, columns_left: int, whole: str
) -> html.Html:
    parts = [html.table(columns, rows[:ROWS_OPEN])]
    if rest := rows[ROWS_OPEN:]:
        parts.append(html.fold(f"… {counted(total - ROWS_OPEN, 'more row')}", html.table(columns, rest)))
    left = [counted(total - len(rows), "more row")] if total > len(rows) else []
    left += [counted(columns_left, "more column")] if columns_left else []
    note = html.el("div", f"{' and '.join(left)} not shown; {whole}", cls="fh-dim") if left else None
    return html.el("div", *parts, note)


def _cell(value: Any) -> str:
    return html.clip(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), CELL_CAP)


NODES: Final = 1_000

DEEP: Final = 20
"""Nodes and levels that are shown at most."""

A_NODE: Final = 20
"""Characters of a cap that a node takes up with its own HTML."""

OPEN_NODES: Final = 40

OPEN_LEVELS: Final = 2
"""What is open to the eye: the levels above, where there are not too many nodes."""

TEXT_SHOWN: Final = 2_000

NAME_SHOWN: Final = 120


TREE_STYLE: Final = (
    ".fh-tree{font-family:var(--jp-code-font-family,monospace);font-size:var(--jp-code-font-size,13px)}"
    ".fh-tree details>div{margin-left:7px;padding-left:11px;border-left:1px solid var(--jp-border-color2,"
    "rgba(128,128,128,.4))}.fh-tree summary{cursor:pointer}.fh-tree summary:focus-visible{outline:2px solid "
    "currentColor}.fh-leaf{overflow-wrap:anywhere;white-space:pre-wrap;padding-left:13px;text-indent:-13px}"
    ".fh-tree details .fh-leaf{padding-left:13px}.fh-name{font-weight:600}.fh-leaf>.fh-dim,.fh-tree summary>.fh-dim"
    "{font-size:.92em}"
)


def tree_of(value: Any, *, whole: str, cap: int = html.TEXT_CAP) -> html.Html:
    """Return a JSON value as a tree.

    Parameters
    ----------
    value : object
        What :meth:`Run.json` gives.
    whole : str
        Where all of it is, in words.
    cap : int
        Characters of its names and texts that are shown at most.

    Examples
    --------
    >>> page = tree_of({"label": "billing", "scores": [1, 2]}, whole="run.text has all")
    >>> page.count("<details"), "billing" in page, "2 items" in page
    (2, True, True)
    """
    tree = _Tree(cap)
    inside = tree.node(None, value, 0)
    end = html.el("div", f"… more is not shown; {whole}", cls="fh-dim") if tree.cut else None
    return html.el("div", inside, end, cls="fh-out fh-tree", dir="auto", style="unicode-bidi:isolate")


class _Tree:
    def __init__(self, cap: int) -> None:
        self._nodes, self._left = min(NODES, max(cap // A_NODE, 1)), cap
        self.cut = False

    def node(self, name: str | None, value: Any, level: int) -> html.Html:
        self._nodes -= 1
        if isinstance(value, dict | list) and value:
            return self._branch(name, value, level)
        return html.el("div", self._name_element(name), self._leaf(value), cls="fh-leaf")

    def _branch(self, name: str | None, value: dict[str, Any] | list[Any], level: int) -> html.Html:
        items: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
        word = "name" if isinstance(value, dict) else "item"
        count = html.el("span", f"{len(value):,} {word}{'s' if len(value) > 1 else ''}", cls="fh-dim")
        inside = []
        for key, item in items:
            if self._nodes <= 0 or self._left <= 0 or level >= DEEP:
                self.cut = True
                inside.append(html.el("div", "…", cls="fh-dim"))
                break
            inside.append(self.node(str(key), item, level + 1))
        is_open = level == 0 or (level < OPEN_LEVELS and len(value) <= OPEN_NODES)
        head = html.el("summary", self._name_element(name), count)
        return html.el("details", head, html.el("div", *inside), open="" if is_open else None)

    def _name_element(self, name: str | None) -> html.Html | None:
        if name is None:
            return None
        self._left -= len(name)
        return html.el("span", html.clip(name, NAME_SHOWN), ": ", cls="fh-name", dir=html.direction(name))

    def _leaf(self, value: Any) -> html.Html:
        if isinstance(value, str):
            text = value[: min(TEXT_SHOWN, max(self._left, 0))]
            self._left -= len(text)
            more = f" … ({counted(len(value) - len(text), 'more character')})" if len(text) < len(value) else ""
            self.cut = self.cut or bool(more)
            # In its quotes, so that a text of digits is no number; its line breaks as they are.
            return html.join(
                [html.el("span", f'"{text}"', dir=html.direction(text)), html.el("span", more, cls="fh-dim")]
            )
        json_text = json.dumps(value, ensure_ascii=False, default=str)
        self._left -= len(json_text)
        return html.el(
            "span", json_text if len(json_text) <= TEXT_SHOWN else f"{json_text[:TEXT_SHOWN]}…", cls="fh-value"
        )


FORMS: Final = {
    "text": "Text",
    "markdown": "Markdown",
    "json": "JSON",
    "table": "Table",
    "images": "Files",
    "differences": "Differences",
}
"""The forms and their names on the toggle, in its order."""


PARSED_AT_MOST: Final = 1_000_000
"""Characters of a text that is tried as JSON: some 20 ms."""

COMPARED: Final = 30_000
"""Characters that are compared for the marks: more than are shown, and some 20 ms."""


_MARKDOWN: Final = re.compile(
    r"^ {0,3}(?:#{1,6} \S|[-*+] \S|\d{1,3}[.)] \S|> ?\S|```|\|.+\|\s*$)"
    r"|\*\*\S[^*\n]*\*\*|\[[^\]\n]+\]\([^)\s]+\)|`[^`\n]+`",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayOptions:
    """How an output is shown."""

    whole: str
    """Where all of it is, in words."""
    cap: int = html.TEXT_CAP
    """Characters of it that are sent to the page at most."""
    first: Run | None = None
    """The run of the first variant, to which it is compared; ``None`` for that one itself."""


def forms_of(run: Run, first: Run | None = None) -> tuple[str, ...]:
    """Return the forms in which the output of `run` can be shown, in the order of the toggle.

    Examples
    --------
    >>> forms_of(Run(status="completed", output="plain")), forms_of(Run(status="completed", output={"a": [1]}))
    (('text',), ('text', 'json', 'table'))
    """
    if run.output is None:
        return ()
    value = _json_of(run)
    can = {"text"}
    if isinstance(run.output, str) and value is None and _MARKDOWN.search(run.output[:20_000]):
        can.add("markdown")
    if isinstance(value, list | dict):
        can.add("json")
        if value and (isinstance(value, dict) or all(isinstance(row, dict) for row in value)):
            can.add("table")
    if run.assets:
        can.add("images")
    if first is not None and first.output is not None and first.output != run.output:
        can.add("differences")
    return tuple(form for form in FORMS if form in can)


def best_form(run: Run, forms: tuple[str, ...]) -> str:
    """Return the form in which an output is read most easily.

    Examples
    --------
    >>> run = Run(status="completed", output=[{"a": 1}, {"a": 2}])
    >>> best_form(run, forms_of(run))
    'table'
    """
    if "images" in forms:
        return "images"
    if "table" in forms and isinstance(_json_of(run), list):
        return "table"
    return next((form for form in ("json", "markdown") if form in forms), "text")


def output_element(run: Run, form: str, look: DisplayOptions) -> html.Html:
    """Return the output of `run` in a form; in one that it has not, as text."""
    value = _json_of(run) if form in ("json", "table") else None
    if form == "json" and isinstance(value, list | dict):
        return tree_of(value, whole=look.whole, cap=look.cap)
    if form == "table" and (table := html_table(value, whole=look.whole)) is not None:
        return table
    if form == "markdown" and isinstance(run.output, str):
        return _separate(markdown(run.output, whole=look.whole, cap=look.cap))
    if form == "differences" and look.first is not None:
        return _differences(run, look.first, look)
    return _text(run, look)


def _text(run: Run, look: DisplayOptions) -> html.Html:
    """The text, with marks where it is another than the first variant's."""
    first = look.first
    if first is not None and isinstance(run.output, str) and isinstance(first.output, str):
        diff = compare_texts(run.output, first.output, limit=COMPARED)
        return mark_text(diff, cap=look.cap, whole=look.whole, both=False)
    text, is_whole = run_text(run, look.cap)
    whole = look.whole if is_whole or len(text) >= look.cap else "run.text has all"
    # Of JSON that is cut nobody has counted the rest: it is not spelt out for that.
    end = None if is_whole else html.el("div", f"… the rest is not shown; {whole}", cls="fh-dim")
    return html.join([html.folded(text, whole=whole, cap=look.cap), *([end] if end else [])])


def run_text(run: Run, limit: int) -> tuple[str, bool]:
    """Return the output as text, at most about `limit` characters where it is JSON, and whether that is all."""
    if run.output is None or isinstance(run.output, str):
        return run.output or "", True
    return pretty(run.output, limit=limit)


def _differences(run: Run, first: Run, look: DisplayOptions) -> html.Html:
    mine, mine_whole = text_to_compare(run)
    other, other_whole = text_to_compare(first)
    diff = compare_texts(mine, other, limit=COMPARED)
    summary = str(diff) if mine_whole and other_whole else f"{diff}; not compared to the end"
    head = html.el("div", summary, cls="fh-dim fh-said")
    return html.el("div", head, mark_text(diff, cap=look.cap, whole=look.whole, both=True))


def _separate(inside: html.Html) -> html.Html:
    """What is written from right to left goes so, and turns nothing around it."""
    return html.el("div", inside, dir="auto", style="unicode-bidi:isolate")


def _json_of(run: Run) -> Any:
    output = run.output
    if isinstance(output, str):
        if len(output) > PARSED_AT_MOST or output.lstrip()[:1] not in ("{", "[", "`"):
            return None
        try:
            return run.json()
        except (ValueError, RecursionError):
            return None
    return dict(output) if isinstance(output, Mapping) else output
