"""A matplotlib figure that shows itself in a notebook: inline SVG in the page's own colour of text, with words for it.

Rule of this file: no background, and one ink. In a page the ink is `currentColor`, so that the figure reads in every
theme; in a file (``figure.savefig``) it is a grey that reads on white and on black. Nothing of pyplot is touched: no
window opens, no figure is kept alive, and ``%matplotlib inline`` shows nothing twice.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure, FigureBase

from fh_notebook import html
from fh_notebook.comparing.plots import BETTER, GREY, INK, WORSE

__all__ = ["BETTER", "GREY", "INK", "WORSE", "Panel", "Plot", "inline"]

_RC: Final[dict[str, Any]] = {
    "svg.fonttype": "path",  # the same in every browser, and no style that a content policy would refuse
    "svg.hashsalt": "fh_notebook",  # the same figure is the same bytes: a saved notebook does not change by itself
    "font.size": 9.5,
    "font.family": "DejaVu Sans",
    "axes.edgecolor": INK, "axes.labelcolor": INK, "axes.titlecolor": INK, "text.color": INK,
    "xtick.color": INK, "ytick.color": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False,
    "ytick.left": False, "axes.formatter.useoffset": False,
}  # fmt: skip


class Panel:
    """One plot of a figure: what draws it, and what it says in words."""

    def __init__(self, draw: Callable[[Axes], None], *, title: str, alt: str, rows: int) -> None:
        self.draw = draw
        self.title = title
        self.alt = alt
        self.rows = rows
        """Lines of it: its height."""

    @property
    def height(self) -> float:
        """Inches."""
        return 0.85 + 0.34 * max(self.rows, 2)


class Plot(Figure):  # type: ignore[misc]  # mypy follows no import of matplotlib (see pyproject.toml)
    """The figure of a comparison: a matplotlib ``Figure`` that shows itself, with ``alt``, what it shows in words."""

    def __init__(self, panels: Sequence[Panel], *, columns: int = 2) -> None:
        self.panels = list(panels)
        self.alt = " ".join(panel.alt for panel in panels)
        columns = min(columns, len(panels))
        lines = [self.panels[i : i + columns] for i in range(0, len(panels), columns)]
        heights = [max(panel.height for panel in line) for line in lines]
        with mpl.rc_context(_RC):
            super().__init__(figsize=(5.2 * columns, sum(heights)), layout="constrained")
            parts = self.subfigures(len(lines), columns, height_ratios=heights, squeeze=False)
            for part, panel in zip(parts.flat, self.panels, strict=False):
                _drawn(part, panel)
            _bare(self)

    def _repr_html_(self) -> str:
        """Each panel is a picture of its own, so that they stand beside each other where there is room."""
        # The words are seen where the picture is not: a notebook that is not trusted loses pictures and style sheets.
        cards = [
            html.el("div", inline(panel), html.el("p", panel.alt, cls="fh-alt"), cls="fh-plot") for panel in self.panels
        ]
        return html.el("div", html.STYLE, PLOT_STYLE, html.el("div", *cards, cls="fh-plots"), cls="fh")

    def __repr__(self) -> str:
        return f"Plot: {self.alt}"


PLOT_STYLE: Final = html.Html(
    "<style>.fh-plots{display:grid;gap:10px 28px;align-items:start;"
    "grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr))}"
    ".fh-alt{display:none}"
    ".fh-plot{max-width:460px;min-width:0}.fh-plot svg{width:100%;height:auto;display:block}</style>"
)


def _drawn(figure: FigureBase, panel: Panel) -> None:
    """Draw a panel. Its title begins over the names: beside long ones the axes alone are too narrow for it."""
    figure.suptitle(panel.title, x=0.01, ha="left", fontsize=10.5, fontweight="bold")
    panel.draw(figure.add_subplot())


def _bare(figure: Figure) -> None:
    """Take every background away."""
    for part in (figure, *figure.subfigs):
        part.patch.set_alpha(0)
    for axes in figure.axes:
        axes.patch.set_alpha(0)


def inline(panel: Panel) -> html.Html:
    """Return one panel as inline SVG, for a page."""
    with mpl.rc_context(_RC):
        figure = Figure(figsize=(5.2, panel.height), layout="constrained")
        _drawn(figure, panel)
        _bare(figure)
        return _svg_of(figure, panel.alt)


_STYLE: Final = re.compile(r' style="([^"]*)"')
_PROLOGUE: Final = re.compile(
    r"^.*?(?=<svg)|<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>|<!--.*?-->", re.DOTALL
)
_SIZE: Final = re.compile(r'<svg[^>]*?viewBox="([^"]*)"[^>]*>')


def _svg_of(figure: Figure, alt: str) -> html.Html:
    """Return a figure as inline SVG: its ink is the page's, its styles are attributes, its words are in it.

    A style sheet inside of an SVG that is in a page holds for all of the page, and a strict content policy refuses
    styles in place: so there is neither. Texts are outlines, so no text of a user's or a model's comes in as markup.
    """
    file = io.StringIO()
    with mpl.rc_context(_RC):
        FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None})
    body = _PROLOGUE.sub("", file.getvalue())
    body = _STYLE.sub(_as_attributes, body).replace(INK, "currentColor")
    label = html.el("b", title=alt)[len("<b title=") : -len("></b>")]  # quoted and escaped
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    head = rf'<svg {spaces} viewBox="\1" role="img" aria-label={_literal(label)}>'
    return html.Html(_SIZE.sub(head, body, count=1).strip())


def _literal(text: str) -> str:
    """As the replacement of a pattern, in which a backslash has a meaning."""
    return text.replace("\\", r"\\")


def _as_attributes(found: re.Match[str]) -> str:
    pairs = (part.partition(":") for part in found[1].split(";") if part.strip())
    return "".join(f' {name.strip()}="{value.strip()}"' for name, _, value in pairs)
