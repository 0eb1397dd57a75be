"""A way to end what blocks a cell: a Cancel button where a click is heard meanwhile, else a line that says "use Stop".

Rule of this file: it appears only after :data:`DELAY_S`, only where a person sits before a page, and nothing of it
stays in the saved notebook. All but the click itself happens on the loop's thread: kernels with subshells handle clicks
on a thread of their own.

Facts, by kernel:

1. ipykernel 6 hears a click when the cell has ended: no button, but the line.
2. ipykernel 7 has subshells, over which JupyterLab sends clicks: they are heard at once.
3. From 7.4 a comm notes over which shell it was used last, which is the busy one that runs the cell, and has clicks
   follow. Taking that note away lets the page's own subshell have them. It is private: should it go, a click waits for
   the end of the cell, and Stop works as ever.
4. ipykernel 6 puts a display under the cell that runs when it is made, and not under the one that it was made for. An
   update goes to its display. So where a cell does not wait, the place is taken at once, and filled in a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum
from typing import Any, Final

from fh_notebook import html
from fh_notebook.notebook.notices import WIDGET_VIEW, new_handle, running_kernel

__all__ = ["DELAY_S", "USE_STOP", "CancelOffer", "Offer", "Way", "has_person", "hear_clicks", "way_to_cancel"]

DELAY_S: Final = 1.0
"""What takes less is over before anybody could click; and ipywidgets is not imported for it."""

USE_STOP: Final = "Running. To cancel, use Stop (the square in the toolbar)."

_NOTHING: Final = {"text/plain": ""}
"""What is left of the display. An empty bundle would be shorter, but nbconvert warns of one."""


class Way(Enum):
    """How a person can end what is running."""

    BUTTON = "button"
    STOP = "stop"
    NONE = "none"
    """Nobody is there: a terminal (Ctrl-C is known there), or a notebook that a program runs."""


def way_to_cancel(kernel: Any, *, blocks: bool = True) -> Way:
    """Return how what runs in `kernel` can be cancelled.

    Parameters
    ----------
    kernel : object
        The shell's kernel; ``None`` where there is none.
    blocks : bool
        Whether a cell waits for it. Otherwise every kernel hears a click.
    """
    if not has_person(kernel):
        return Way.NONE
    return Way.BUTTON if not blocks or _has_subshells(kernel) else Way.STOP


def _has_subshells(kernel: Any) -> bool:
    facts = getattr(kernel, "kernel_info", None) or {}
    return "kernel subshells" in facts.get("supported_features", ())


def has_person(kernel: Any) -> bool | None:
    """Whether somebody sits before a page of `kernel`: what runs was sent from one that can ask, or by a click there.

    nbclient, nbconvert and papermill say that they cannot ask. ``None`` where nobody can know: there is no kernel, or
    it is another one than ipykernel, which may keep what it was sent elsewhere, or nowhere.
    """
    with suppress(Exception):
        parent = kernel.get_parent("shell")
        if parent.get("header", {}).get("msg_type") == "comm_msg":
            return True
        return bool(parent["content"]["allow_stdin"])
    return None


def hear_clicks(widget: Any) -> None:
    """Have the page's own subshell bring the clicks on `widget` (fact 3). Call it after whatever was sent to it."""
    with suppress(AttributeError, TypeError):
        vars(widget.comm).pop("_reply_subshell_id", None)


def _import_widgets() -> None:
    import ipywidgets  # noqa: F401 - only imported


class Offer:
    """Something to click, from its beginning to its end; both on the loop that does the work.

    Parameters
    ----------
    text : str
        What is shown in place of widgets, where there are none.
    blocks : bool
        Whether a cell waits for the work.
    """

    def __init__(self, text: str, *, blocks: bool) -> None:
        self._text = text
        self._blocks = blocks
        self._later: asyncio.Task[None] | None = None
        self._handle: Any = None
        self._widget: Any = None

    def begin(self) -> None:
        """Make the offer, in a while, in the cell that this was called for."""
        kernel = running_kernel()
        way = way_to_cancel(kernel, blocks=self._blocks)
        if way is not Way.NONE:
            if not (self._blocks or _has_subshells(kernel)):
                self._display(_NOTHING)  # fact 4
            # A task has the context of its maker, in which ipykernel finds the cell that an output belongs to.
            self._later = asyncio.get_running_loop().create_task(self._offer(way))

    def follow(self) -> None:
        """Show what has changed meanwhile."""

    def end(self) -> None:
        """Take the offer away again: the display is emptied, and the widgets closed with all that belongs to them."""
        if self._later is not None:
            self._later.cancel()
        if self._widget is not None:
            _close(self._widget)
        if self._handle is not None:
            self._handle.update(_NOTHING, raw=True)
        self._later = self._widget = self._handle = None

    async def _offer(self, way: Way) -> None:
        await asyncio.sleep(DELAY_S)
        if way is Way.BUTTON:
            await asyncio.to_thread(_import_widgets)  # some 0.2 s, in which answers go on to come in
        self._show(way)

    def _show(self, way: Way) -> None:
        line = html.el("div", html.STYLE, html.el("span", self._text, cls="fh-dim"), cls="fh")
        shown = {"text/plain": self._text, "text/html": str(line)}
        if way is Way.BUTTON:
            self._widget = self._make()
            shown[WIDGET_VIEW] = self._widget._repr_mimebundle_()[WIDGET_VIEW]
        self._display(shown)

    def _display(self, shown: Mapping[str, Any]) -> None:
        if self._handle is not None:
            self._handle.update(shown, raw=True)
            return
        self._handle = new_handle()
        self._handle.display(shown, raw=True)

    def _make(self) -> Any:
        """Return the widget with all that can be clicked."""
        raise NotImplementedError

    def _on_loop(self, call: Callable[..., object]) -> Callable[..., None]:
        """Return a handler that returns at once: `call` is called on the loop's thread, unless all is over by then."""
        loop = asyncio.get_running_loop()

        def act(*arguments: Any) -> None:
            if self._widget is not None:
                call(*arguments)

        def handle(*arguments: Any) -> None:
            with suppress(RuntimeError):  # the loop has ended, and the work with it
                loop.call_soon_threadsafe(act, *arguments)

        return handle


class CancelOffer(Offer):
    """One offer to cancel.

    Parameters
    ----------
    cancel : callable
        Ends the work. Called on the loop's thread.
    blocks : bool
        Whether a cell waits for the work.
    """

    def __init__(self, cancel: Callable[[], object], *, blocks: bool = True) -> None:
        super().__init__(USE_STOP, blocks=blocks)
        self._cancel = cancel

    def _make(self) -> Any:
        from ipywidgets import Button

        button = Button(description="Cancel", tooltip="End the calls. What is finished is kept.")
        button.on_click(self._on_loop(self._clicked))
        button.add_class("fh-cancel")
        hear_clicks(button)
        return button

    def _clicked(self, button: Any) -> None:
        button.disabled = True
        button.description = "Cancelling…"
        self._cancel()


def _close(widget: Any) -> None:
    """Close a widget with its children, and what each of them is made of."""
    for child in getattr(widget, "children", ()):
        _close(child)
    for part in (widget.layout, getattr(widget, "style", None), widget):
        if part is not None:
            part.close()
