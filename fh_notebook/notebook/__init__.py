"""Everything interactive: magics, forms, results, browser, ratings. The only package with IPython and ipywidgets.

IPython and ipywidgets only here.

Rule of this room: loading registers and does nothing else; what is shown is HTML that is escaped by construction, with
a plain text twin; an error of ours is one line.
"""

from __future__ import annotations

from fh_notebook.notebook.magics.extension import load, unload

__all__ = ["load", "unload"]
