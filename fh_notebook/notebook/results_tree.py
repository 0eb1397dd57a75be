"""A JSON value as a tree that opens and closes without JavaScript.

Rule of this file: names, texts, levels and the number of nodes are capped; what is left out says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from fh_notebook import html
from fh_notebook.plural import counted

__all__ = ["TREE_STYLE", "tree_of"]

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
        return html.el("div", self._named(name), self._leaf(value), cls="fh-leaf")

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
        head = html.el("summary", self._named(name), count)
        return html.el("details", head, html.el("div", *inside), open="" if is_open else None)

    def _named(self, name: str | None) -> html.Html | None:
        if name is None:
            return None
        self._left -= len(name)
        return html.el("span", html.clip(name, NAME_SHOWN), ": ", cls="fh-name", dir=html.direction(name))

    def _leaf(self, value: Any) -> html.Html:
        if isinstance(value, str):
            kept = value[: min(TEXT_SHOWN, max(self._left, 0))]
            self._left -= len(kept)
            more = f" … ({counted(len(value) - len(kept), 'more character')})" if len(kept) < len(value) else ""
            self.cut = self.cut or bool(more)
            # In its quotes, so that a text of digits is no number; its line breaks as they are.
            return html.join(
                [html.el("span", f'"{kept}"', dir=html.direction(kept)), html.el("span", more, cls="fh-dim")]
            )
        said = json.dumps(value, ensure_ascii=False, default=str)
        self._left -= len(said)
        return html.el("span", said if len(said) <= TEXT_SHOWN else f"{said[:TEXT_SHOWN]}…", cls="fh-value")
