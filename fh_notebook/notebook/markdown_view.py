"""A model's Markdown as HTML, its end folded away when it is long.

Rule of this file: nothing of the model's runs or is fetched. HTML in it is text, pictures are left as their links, and
links of other kinds than http(s) and mailto are text.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Final

from fh_notebook import html
from fh_notebook.plural import counted

__all__ = ["markdown"]

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
    kept = html.printable(text[:cap])
    env: dict[str, Any] = {}  # the definitions of links, which may stand at the end
    tokens = reader.parse(kept, env)
    for token in tokens:
        for part in token.children or ():
            if part.type == "link_open":  # a notebook is not left for it, nor is its address told
                part.attrs.update(target="_blank", rel="noopener noreferrer")
    cut = _cut(tokens, kept)

    def rendered(part: Sequence[Any]) -> html.Html:
        # The one place outside of `html` that makes one: with html=False the renderer escapes each text of the model's.
        return html.Html(reader.renderer.render(part, reader.options, env))

    left = len(text) - len(text[:cap])
    end = html.el("div", f"… {counted(left, 'more character')}; {whole}", cls="fh-dim") if left else None
    if cut == len(tokens):
        return html.el("div", rendered(tokens), end, cls="fh-md")
    lines = kept.count("\n") + 1 - (tokens[cut].map or [0])[0]
    rest = html.el("div", rendered(tokens[cut:]), cls="fh-rest")
    more = (
        f"… {counted(lines, 'more line')}"
        if cut
        else f"{kept.lstrip()[:80].splitlines()[0]} … {counted(lines, 'line')}"
    )
    return html.el("div", rendered(tokens[:cut]), html.fold(more, *filter(None, (rest, end))), cls="fh-md")


def _cut(tokens: Sequence[Any], text: str) -> int:
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
