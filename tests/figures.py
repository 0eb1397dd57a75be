"""Check of a drawn figure: whether all of it is within its edges."""

from __future__ import annotations

from matplotlib.backends.backend_agg import FigureCanvasAgg

from fh_notebook.comparing.plots.matplotlib_plots import Plot, figure_of

HAIR_INCHES = 0.03
"""What a line's width or a sign's serif may be beyond an edge."""


def panels_cut(plot: Plot) -> list[str]:
    """The titles of the panels of which something is beyond the edge, each in its size in a page."""
    cut = []
    for panel in plot.panels:
        figure = figure_of(panel)
        FigureCanvasAgg(figure).draw()
        seen, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        least, most = min(seen.x0, seen.y0), max(seen.x1 - width, seen.y1 - height)
        if least < -HAIR_INCHES or most > HAIR_INCHES:
            cut.append(panel.title)
    return cut
