"""Base class of the widgets with a script of their own, and the script that keeps keys and focus inside a widget.

Scripts and styles are files of this package, sent as text. Nothing is fetched, and no path is given to anywidget, which
would watch the file on a thread in its debugging mode. This module is imported when a widget is first shown, because
importing anywidget takes some 0.2 s. Where a page cannot load the script of `own_keys`, the widgets beside it work
without it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any, Final

import anywidget
from ipywidgets import HTML, Box, Button, Label, Layout
from traitlets import Bool

from fh_notebook.core.text import html
from fh_notebook.notebook.shell import enable_clicks


def text_of_file(path: str) -> str:
    """Return the text of a script or a style by its path below ``fh_notebook/notebook``."""
    return files("fh_notebook.notebook").joinpath(path).read_text("utf-8")


def script(path: str, *, uses: Sequence[str] = ()) -> str:
    """Return a page's script with what all pages share before it: one module, which needs no bundler."""
    return html.TEXT_SCRIPT + "".join(map(text_of_file, ("ui/page.js", *uses, path)))


class PageWidget(anywidget.AnyWidget):
    """A widget whose page is a script of this package."""

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Return the data alone, as ipywidgets does; anywidget adds metadata, which only Colab needs."""
        data: Any = super()._repr_mimebundle_(**kwargs)
        return data[0] if isinstance(data, tuple) else data


FOCUS: Final = (
    # Important: so is the rule of ipywidgets that takes it away, and the border tells what is wrong.
    ".fh-own-keys :is(input,select,textarea,button):focus-visible"
    "{outline:2px solid var(--jp-brand-color1,currentColor)!important;outline-offset:1px}"
)
"""What has the focus is seen, in every box of widgets."""


WRITTEN_BY_KERNEL: Final = (HTML, Label, Button, Box, Layout)
"""Widgets of which a page changes nothing but what :data:`CHOSEN` names."""
CHOSEN: Final = {"selected_index"}
MOST_TRIES: Final = 8
"""How often a widget's state is sent that goes on to change meanwhile."""


class OwnKeys(PageWidget):
    """Serves the box that it lies in: its keys, its focus, and what is clicked in its HTML.

    A page that is reloaded, and one of Voila, makes the widgets anew from what the kernel says of them at one moment,
    and drops what it is sent until they are there. So it asks once they are, and is sent what the kernel alone writes.

    Parameters
    ----------
    act : callable, optional
        Called with the name (``data-act``) of what was clicked, on the thread that hears it.
    **traits
        Of the widget.
    """

    _esm = script("ui/own_keys.js")
    _css = FOCUS
    # A page is told the first state of a widget before the kernel has its comm, and any later one after that.
    made_anew = Bool().tag(sync=True, to_json=lambda _, widget: widget.comm is not None)
    """In a page: whether it made the widget from a later state than the first."""

    def __init__(self, act: Callable[[str], object] | None = None, **traits: Any) -> None:
        super().__init__(**traits)
        self.box: Any = None
        """What it serves."""
        self._act = act
        self.on_msg(self._hear)

    def _hear(self, _: Any, content: dict[str, Any], __: Any) -> None:
        if "made_anew" in content:
            _send_again(self.box)
            enable_clicks(self)
        elif self._act is not None:
            self._act(str(content.get("act", "")))

    def go_to(self, classes: Sequence[str], *, unless_typing: bool = False) -> None:
        """Have the page scroll to the first field with one of these classes, and give it the focus."""
        self.send({"go": " ".join(classes), "unless_typing": unless_typing})

    def show(self, dom_class: str) -> None:
        """Have the page scroll to the part with this class, unless all that follows it is in sight."""
        self.send({"show": dom_class})


def own_keys(box: Any, keys: OwnKeys | None = None) -> Any:
    """Have `box` keep its keys and its focus, and lay out its texts in their own direction; return it."""
    keys = keys or OwnKeys(layout=Layout(display="none"))
    keys.box = box
    box.add_class("fh-own-keys")
    box.children = (*box.children, keys)
    return box


def _send_again(box: Any) -> None:
    """Send the state of a box and of all in it that a page may have missed; what is typed or chosen is the page's."""
    waiting, seen = [box], set[int]()
    while waiting:
        widget = waiting.pop()
        if widget is None or id(widget) in seen:
            continue
        seen.add(id(widget))
        waiting += [*getattr(widget, "children", ()), getattr(widget, "layout", None)]
        if isinstance(widget, WRITTEN_BY_KERNEL):
            _send_last_state(widget)


def _send_last_state(widget: Any) -> None:
    """Send a widget's state; again where another thread has changed it meanwhile, whose message may have come first."""
    names = {name for name in widget.keys if not name.startswith("_") or name == "_dom_classes"} - CHOSEN
    sent = None
    for _ in range(MOST_TRIES):
        state = widget.get_state(names)
        if state == sent or widget.comm is None:
            break
        widget.send_state(names)
        sent = state
    enable_clicks(widget)
