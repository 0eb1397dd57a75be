"""Cancel button and other controls of running work: when they are displayed, and how clicks reach a busy kernel.

Rule of this file: it appears only after :data:`DELAY_S`, only where a person sits before a page, and nothing of it
stays in the saved notebook. All but the click itself happens on the loop's thread: kernels with subshells handle clicks
on a thread of their own.

Facts, by kernel:

1. ipykernel 6 hears a click when the cell has ended: no button, but the line.
2. ipykernel 7 has subshells, over which JupyterLab sends clicks: they are heard at once.
3. From 7.4 a comm notes over which shell it was used last, which is the busy one that runs the cell, and has clicks
   follow. `enable_clicks` takes that note away.
4. ipykernel 6 puts a display under the cell that runs when it is made, and not under the one that it was made for. An
   update goes to its display. So where a cell does not wait, the place is taken at once, and filled in a while.
5. A page that was reloaded hears no update of a display that was made before, and hears those of widgets. So what goes
   on is shown in the widgets, and a display beside them, which they hide by a style, is what is seen where they are
   not: in the saved file, and in a page that was reloaded while a cell runs, which has no widgets before its end,
   because JupyterLab waits for the kernel's first word; there Stop works.
6. Voila makes its page when all cells have run, with what their outputs are then, and hears of widgets alone after
   that. So there what goes on has its widgets at once, before its cell has ended. It runs the cells as a program does,
   and says so in the environment of its kernels.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from typing import Any, Final, Protocol
from uuid import uuid4

from fh_notebook.core.text import html
from fh_notebook.notebook.shell import (
    WIDGET_VIEW,
    enable_clicks,
    new_handle,
    no_lost_widget,
    running_kernel,
    widget_view,
)
from fh_notebook.notebook.ui.display import leave_when_closed

DELAY_S: Final = 1.0
"""What takes less is over before anybody could click; and ipywidgets is not imported for it."""

AS_HTML: Final = "0 20px 0 0"
"""The padding that a page gives to HTML (``.jp-RenderedHTMLCommon``): blocks of widgets end where those of HTML do."""

USE_STOP: Final = "Running. To cancel, use Stop (the square in the toolbar)."

AFTER_RELOAD: Final = (
    "After a reload, new results are shown when the cell has ended: until then JupyterLab shows nothing new from "
    "a busy kernel."
)
"""What is said beside the last state of a cell that blocks, where its widgets are not (fact 5)."""

ENDED: Final = (
    "The cell has ended. Its output went to the page that was open before; answers that arrived are saved: see _, "
    "or fh.history()."
)
"""What a page says that was reloaded while the cell ran."""

_left: Final[deque[Any]] = deque(maxlen=4)
"""Widgets whose work has ended, kept for pages that were reloaded."""

_NOTHING: Final = {"text/plain": ""}
"""What is left of the display. An empty bundle would be shorter, but nbconvert warns of one."""


class CancelMethod(Enum):
    """How a person can end what is running."""

    BUTTON = "button"
    STOP = "stop"
    NONE = "none"
    """Nobody is there: a terminal (Ctrl-C is known there), or a notebook that a program runs."""


def cancel_method(kernel: Any, *, blocks: bool = True) -> CancelMethod:
    """Return how what runs in `kernel` can be cancelled."""
    if not has_person(kernel):
        return CancelMethod.NONE
    return CancelMethod.BUTTON if not blocks or _has_subshells(kernel) else CancelMethod.STOP


def _has_subshells(kernel: Any) -> bool:
    facts = getattr(kernel, "kernel_info", None) or {}
    return "kernel subshells" in facts.get("supported_features", ())


def has_person(kernel: Any) -> bool | None:
    """Whether somebody sits before a page of `kernel`: what runs was sent from one that can ask, or by a click there.

    nbclient, nbconvert and papermill say that they cannot ask, and so does Voila, whose page a person sees. ``None``
    where nobody can know: there is no kernel, or it is another one than ipykernel, which may keep what it was sent
    elsewhere, or nowhere.
    """
    if kernel is not None and is_app():
        return True
    with suppress(Exception):
        parent = kernel.get_parent("shell")
        if parent.get("header", {}).get("msg_type") == "comm_msg":
            return True
        return bool(parent["content"]["allow_stdin"])
    return None


def is_app() -> bool:
    """Whether the kernel is that of an app, which Voila serves (fact 6)."""
    return "VOILA_PREHEAT" in os.environ


def import_widgets() -> None:
    """Import what widgets need, which takes some 0.2 s: to be done on a thread before a loop makes any."""
    import fh_notebook.notebook.ui.page_widget  # noqa: F401 - only imported, and ipywidgets with it


class HostDisplay(Protocol):
    """A display above an offer: what an offer repeats in its widgets, because they go on after the page is reloaded."""

    def page(self) -> str:
        """Return it as it is now, as HTML; nothing where what can be clicked shows it."""
        ...

    def below(self) -> str:
        """Return what of it stands below what can be clicked, as HTML; mostly nothing."""
        ...

    def stand_in(self, dom_class: str, text: str) -> None:
        """Be what is seen where the widgets are not: take the class that they hide, and say `text`."""
        ...


OnLoopHandler = Callable[[Callable[..., object]], Callable[..., None]]
"""Returns a handler that returns at once, and does on the loop's thread what it was given."""


class ClickControls(Protocol):
    """What can be clicked."""

    text: str
    """What is shown in place of widgets, where there are none."""

    def make(self, on_loop: OnLoopHandler) -> Any:
        """Return the widget with all that can be clicked; called once, on the loop. Handlers go through `on_loop`."""
        ...

    def follow(self) -> None:
        """Show what has changed meanwhile; called after :meth:`make`."""
        ...


class WidgetPlace:
    """Widgets under one cell, what goes on above what can be clicked; and the display beside them that stands in.

    Parameters
    ----------
    above : HostDisplay, optional
        The display of what goes on.
    act : callable, optional
        Told the name of what was clicked in the HTML (``data-act``), on the thread that hears it.
    attach : callable, optional
        Puts the box of widgets into others, such as those of a form, in place of a cell's output. There everything is
        shown in widgets from the beginning, and nothing stands in for them.
    """

    def __init__(
        self,
        above: HostDisplay | None = None,
        *,
        act: Callable[[str], object] | None = None,
        attach: Callable[[Any], object] | None = None,
    ) -> None:
        self._above = above
        self._act = act
        self._attach = attach
        self._handle: Any = None
        self._line: Any = None
        """The display that stands in for widgets, where nothing is above."""
        self._box: Any = None
        self._bar: Any = None
        self._after: Any = None
        self._keys: Any = None
        self._kept: tuple[Any, ...] = ()
        """The box of what stays below all others, once there is one."""
        self._hiding = ""

    @property
    def is_placed(self) -> bool:
        """Whether there are widgets, which hide what is above."""
        return self._bar is not None or self._attach is not None

    @property
    def has_box(self) -> bool:
        """Whether its box of widgets is in the page."""
        return self._box is not None

    def reserve(self) -> None:
        """Take the place now, to be filled later (fact 4)."""
        if self._handle is None and self._attach is None:
            self._display(_NOTHING)

    def say(self, text: str) -> None:
        """Show a text where there are no widgets."""
        self._display(_line_bundle(text))

    def put(self, widgets: Sequence[Any], *, text: str) -> None:
        """Show `widgets` below what goes on; where they are not known, `text` in their place."""
        if self._box is None:
            self._make_box(widgets, text)
        else:
            self._box.children = (self._bar, *widgets, self._after, *self._kept, self._keys)
            if self._above is not None:
                self._above.stand_in(self._dom_class, text)
        enable_clicks(self._keys)

    def keep_below(self, widget: Any) -> None:
        """Show a widget below the others, whatever is put there, until it is closed."""
        from ipywidgets import VBox

        if not self._kept:
            self._kept = (VBox(),)
            if self._box is None:
                self._make_box([], "")
            else:
                self._box.children = (*self._box.children[:-1], *self._kept, self._keys)
        (kept,) = self._kept
        kept.children = (*kept.children, widget)
        leave_when_closed(widget, kept)
        enable_clicks(self._keys)

    def _make_box(self, widgets: Sequence[Any], text: str) -> None:
        from ipywidgets import HTML, Layout, VBox

        from fh_notebook.notebook.ui.page_widget import OwnKeys, own_keys

        self._dom_class = f"fh-in-widgets-{uuid4().hex[:8]}"
        # A wide table scrolls in its own width: the front end lets what is in the bar be as wide as it likes.
        fits = ":is(.fh-live,.fh-after)>.widget-html-content{width:100%;min-width:0;max-width:100%}"
        self._hiding = f"<style>.{self._dom_class}{{display:none}}{fits}</style>"
        self._bar = HTML(layout=Layout(width="100%", margin="0"))
        self._bar.add_class("fh-live")
        self._after = HTML(layout=Layout(width="100%", margin="0"))
        self._after.add_class("fh-after")
        self._show(*((self._above.page(), self._above.below()) if self._above is not None else ("", "")))
        self._keys = OwnKeys(self._act, layout=Layout(display="none"), _dom_classes=("fh-keys",))
        self._box = own_keys(VBox([self._bar, *widgets, self._after, *self._kept]), self._keys)
        self._box.add_class("fh-block")
        if self._attach is not None:
            self._attach(self._box)
            return
        self._box.layout.padding = AS_HTML
        # Without the text: where the widgets are not known, what stands in has it.
        self._display({"text/plain": "", WIDGET_VIEW: widget_view(self._box)})
        if self._above is not None:
            self._above.stand_in(self._dom_class, text)
        else:
            self._line = new_handle()
            self._line.display(_line_bundle(text, self._dom_class), raw=True)

    def show_part(self, dom_class: str, *, focus: str = "") -> None:
        """Have the page scroll until the part with this class is in sight, and give the focus to that with another."""
        if self._keys is not None:
            self._keys.show(dom_class)
            if focus:
                self._keys.go_to([focus])
            enable_clicks(self._keys)

    def take_back(self) -> None:
        """Show nothing below what goes on; the place is kept."""
        if self._box is not None:
            self.put([], text="")
        elif self._handle is not None:
            self._handle.update(_NOTHING, raw=True)

    def show(self, page: str, below: str = "") -> None:
        """Show what goes on, as it is now; also after the end. `below` stands below what can be clicked."""
        if self._bar is None and self._attach is not None:
            self._make_box([], "")
        elif self._bar is not None:
            self._show(page, below)

    def _show(self, page: str, below: str) -> None:
        self._bar.value = f"{self._hiding}{page}"
        self._after.value = below
        self._after.layout.display = None if below else "none"

    def leave(self) -> None:
        """Empty the displays, and take away what can be clicked; a page that was reloaded sees the end (fact 5)."""
        if self._box is not None:
            clicked_on = [child for child in self._box.children[1:-1] if child is not self._after]
            self._box.children = (self._bar, self._after, self._keys)
            for child in clicked_on:
                _close(child)
            self.show(self._above.page() if self._above is not None else str(end_note()))
        if self._box is not None and self._attach is None:
            if len(_left) == _left.maxlen:
                _close(_left[0])
            _left.append(self._box)
        for handle in (self._handle, self._line):
            if handle is not None:
                handle.update(_NOTHING, raw=True)
        self._handle = self._line = self._box = None
        self._kept = ()

    def _display(self, data: Mapping[str, Any]) -> None:
        if self._handle is not None:
            self._handle.update(data, raw=True)
            return
        self._handle = new_handle()
        self._handle.display(data, raw=True)


class ControlDisplay:
    """Something to click, from its beginning to its end; both on the loop that does the work.

    Parameters
    ----------
    controls : ClickControls
        What can be clicked.
    blocks : bool
        Whether a cell waits for the work.
    above : HostDisplay, optional
        The display of what goes on.
    place : WidgetPlace, optional
        Where it is shown, if that outlives the work.
    """

    def __init__(
        self,
        controls: ClickControls,
        *,
        blocks: bool = True,
        above: HostDisplay | None = None,
        place: WidgetPlace | None = None,
    ) -> None:
        self._controls = controls
        self._blocks = blocks
        self._outlives = place is not None
        self._place = place if place is not None else WidgetPlace(above)
        self._timer: asyncio.Task[None] | None = None
        self._widget: Any = None

    def begin(self) -> None:
        """Make the offer, in a while, in the cell that this was called for."""
        kernel = running_kernel()
        way = cancel_method(kernel, blocks=self._blocks)
        if way is not CancelMethod.NONE and is_app():
            import_widgets()
            self._put(CancelMethod.BUTTON)
        elif way is not CancelMethod.NONE:
            if not (self._blocks or _has_subshells(kernel)):
                self._place.reserve()
            # A task has the context of its maker, in which ipykernel finds the cell that an output belongs to.
            self._timer = asyncio.get_running_loop().create_task(self._offer(way))

    def follow(self) -> None:
        """Show what has changed meanwhile."""
        if self._widget is not None:
            self._controls.follow()

    @property
    def has_bar(self) -> bool:
        """Whether what is above is shown in the widgets, which hide it."""
        return self._place.is_placed

    def show(self, page: str) -> None:
        """Show what goes on, as it is now; also after the end."""
        self._place.show(page)

    def end(self) -> None:
        """Take the offer away again, and its place with it, unless that outlives the work."""
        if self._timer is not None:
            self._timer.cancel()
        if self._outlives:
            self._place.take_back()
            if self._widget is not None:
                _close(self._widget)
        else:
            self._place.leave()
        self._timer = self._widget = None

    async def _offer(self, way: CancelMethod) -> None:
        await asyncio.sleep(DELAY_S)
        if way is CancelMethod.BUTTON:
            await asyncio.to_thread(import_widgets)  # some 0.2 s, in which answers go on to come in
        self._put(way)

    def _put(self, way: CancelMethod) -> None:
        if way is CancelMethod.BUTTON:
            self._widget = self._controls.make(self._on_loop)
            text = f"{self._controls.text} {AFTER_RELOAD}" if self._blocks else self._controls.text
            self._place.put([self._widget], text=text)
        else:
            self._place.say(self._controls.text)

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


class CancelButton:
    """The button that ends the work.

    Parameters
    ----------
    cancel : callable
        Ends the work. Called on the loop's thread.
    """

    text = USE_STOP

    def __init__(self, cancel: Callable[[], object]) -> None:
        self._cancel = cancel

    def make(self, on_loop: OnLoopHandler) -> Any:
        from ipywidgets import Button, Layout

        layout = Layout(width="auto", min_width="72px", margin="2px 6px 2px 0", align_self="flex-start")
        button = Button(
            description="Cancel", tooltip="Cancel the calls. Answers that arrived are saved.", layout=layout
        )
        button.on_click(on_loop(self._clicked))
        button.add_class("fh-cancel").add_class("fh-ends")
        enable_clicks(button)
        return button

    def follow(self) -> None:
        """Nothing about it changes."""

    def _clicked(self, button: Any) -> None:
        button.disabled = True
        button.description = "Cancelling…"
        self._cancel()


def end_note() -> html.Html:
    """Return what is said below the last state of a cell, to a page that was reloaded while the cell ran."""
    return _dim(ENDED)


def _line_bundle(text: str, dom_class: str = "") -> Mapping[str, Any]:
    """Return a line of text; with the class by which widgets hide it."""
    hide = no_lost_widget(dom_class) if dom_class else None
    return {"text/plain": text, "text/html": str(html.el("div", hide, _dim(text), cls=dom_class))}


def _dim(text: str) -> html.Html:
    return html.el("div", html.STYLE, html.el("span", text, cls="fh-dim"), cls="fh")


def _close(widget: Any) -> None:
    """Close a widget with its children, and what each of them is made of."""
    for child in getattr(widget, "children", ()):
        _close(child)
    for part in (widget.layout, getattr(widget, "style", None), widget):
        if part is not None:
            part.close()
