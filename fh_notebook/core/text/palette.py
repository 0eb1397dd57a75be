"""Colours of what is compared: one for each variant, the same in every table, plot and page.

A colour goes by the variant's place in the plan, so it stays when a table is sorted or filtered. It is never the only
sign: the name stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fh_notebook.core.text import html

__all__ = ["PALETTE", "colours_of", "swatch"]

PALETTE: Final = ("#2e86ab", "#d1603d", "#3f9142", "#9467bd", "#a8801a", "#d0528f", "#1f9d78", "#8f6a4e")
"""Each is 3 to 1 and more on white, on JupyterLab's black and on its grey (WCAG 2.2 asks it of graphics); the first two
are told apart by everybody who tells colours apart at all. A ninth variant has the first colour again."""


def colours_of(variants: Sequence[str]) -> dict[str, str]:
    """Return the colour of each variant, by its name; `variants` are in the order of the plan.

    Examples
    --------
    >>> colours_of(["baseline", "few-shot"])["few-shot"]
    '#d1603d'
    """
    return {variant: PALETTE[index % len(PALETTE)] for index, variant in enumerate(variants)}


def swatch(colour: str) -> html.Html:
    """Return a small square in a colour, with the gap behind it, to stand before the name of its variant.

    It is drawn by attributes: the policy of a report refuses styles in place.
    """
    square = html.el("rect", width=10, height=10, rx=2, fill=colour)
    return html.el("svg", square, cls="fh-swatch", width=16, height=10, aria_hidden="true")
