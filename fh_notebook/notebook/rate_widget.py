"""The widget of a rating: a plain ES module, and no trait of its own. Imported when one is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget

__all__ = ["RateWidget"]


class RateWidget(anywidget.AnyWidget):
    """Everything that is told goes in messages; widget state, which a notebook may save, has the module alone."""

    # As text: of a path, anywidget would watch the file, with a thread, when its debugging mode is on.
    _esm = Path(__file__).with_name("rate.js").read_text("utf-8")

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Return the data alone, as ipywidgets does; anywidget adds its metadata, which are empty."""
        made: Any = super()._repr_mimebundle_(**kwargs)
        return made[0] if isinstance(made, tuple) else made
