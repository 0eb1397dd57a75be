"""Controls of a batch in the background: pause, cancel, and the limit of concurrent calls.

Rule of this file: a handler returns at once, on whatever thread it was called; all that is done, is done on the loop's
thread. The widgets show how the batch is, not what was clicked: the batch may be paused or tuned in a cell as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fh_notebook.batching.progress.state import ProgressSource
from fh_notebook.notebook.shell import enable_clicks
from fh_notebook.notebook.ui.buttons import OnLoopHandler

MOST: Final = 10_000
"""What can be typed; more than any subscription admits."""
STYLE: Final = (
    "<style>"
    # Around it the place of the widgets would cut the ring.
    ".fh-controls.fh-controls.fh-controls .jupyter-button:focus-visible{outline-offset:-2px}"
    ".fh-controls input{border-radius:4px}</style>"
)
PAUSE_WIDTH: Final = "96px"
"""Of Pause and Continue: what is beside it stays where it is."""

IN_CODE: Final = (
    "Running in the background. In a cell: batch.watch() shows it live; "
    "batch.pause(), batch.resume(wait=False), batch.cancel(), batch.max_concurrency = 4"
)


class BatchControls:
    """Buttons and a throttle of one start of a batch that no cell waits for.

    Parameters
    ----------
    batch : ProgressSource
        What is paused, cancelled and tuned.
    changed : callable
        Called on the loop's thread after something was done to the batch.
    has_cancel : bool
        Whether a button to cancel is among them; a form has one of its own.
    has_throttle : bool
        Whether the limit of concurrent calls is among them; to users of an app it is nothing.
    """

    text = IN_CODE

    def __init__(
        self,
        batch: ProgressSource,
        changed: Callable[[], object],
        *,
        has_cancel: bool = True,
        has_throttle: bool = True,
    ) -> None:
        self._has_cancel, self._has_throttle = has_cancel, has_throttle
        self._batch = batch
        self._changed = changed
        self._shown = 0
        """What we put into the box: what it says then is no wish."""

    def follow(self) -> None:
        """Show how the batch is."""
        if self._cancel.disabled:
            return
        batch, number = self._batch, self._batch.max_concurrency
        self._pause.description = "Continue" if batch.paused else "Pause"
        self._pause.tooltip = GO_ON if batch.paused else PAUSE
        self._shown = self._number.value = min(number or batch.limit, MOST)
        self._adapts.value = "automatic until you type a number" if number is None else ""
        self._adapt.layout.display = "none" if number is None else None
        for widget in self._clickable:
            enable_clicks(widget)

    def make(self, on_loop: OnLoopHandler) -> Any:
        """Return the buttons and the throttle in a line."""
        from ipywidgets import HTML, Box, Layout

        self._pause = _button("Pause", PAUSE, "fh-pause", on_loop(self._clicked_pause), least=PAUSE_WIDTH)
        self._cancel = _button("Cancel", CANCEL, "fh-cancel", on_loop(self._clicked_cancel))
        self._cancel.add_class("fh-ends")
        self._adapt = _button("Automatic", ADAPT, "fh-adaptive", on_loop(self._clicked_adapt))
        self._make_throttle(on_loop)
        self._clickable = (self._pause, self._cancel, self._number, self._adapt)
        throttle = Box(
            [self._number, self._adapts, self._adapt],
            layout=Layout(flex_flow="row wrap", align_items="center", overflow="visible"),
        )
        buttons = [self._pause, self._cancel] if self._has_cancel else [self._pause]
        buttons += [throttle] if self._has_throttle else []
        bar = Box(
            [HTML(STYLE, layout=Layout(display="none")), *buttons],
            layout=Layout(
                flex_flow="row wrap", align_items="center", overflow="visible", grid_gap="0 6px", margin="6px 0 0"
            ),
        )
        bar.add_class("fh-controls")
        self.follow()
        return bar

    def _make_throttle(self, on_loop: OnLoopHandler) -> None:
        from ipywidgets import BoundedIntText, Label, Layout

        # On the way to 8 it must not let 30 calls go out: what holds is what the hand is taken from.
        self._number = BoundedIntText(
            value=1,
            min=1,
            max=MOST,
            description="Calls at once",
            tooltip=THROTTLE,
            continuous_update=False,
            style={"description_width": "initial"},
            layout=Layout(width="148px", margin="2px 4px 2px 0"),
        )
        self._adapts = Label(layout=Layout(width="auto", margin="2px 8px 2px 0"))
        self._adapts.add_class("fh-adapts")
        set_limit = on_loop(self._set_limit)

        def changed(change: Any) -> None:
            if change["new"] != self._shown:
                set_limit(change["new"])

        self._number.observe(changed, "value")
        self._number.add_class("fh-at-once")

    def _clicked_pause(self, _: Any) -> None:
        if self._batch.paused:
            self._batch.unpause()
        else:
            self._batch.pause()
        self._finish_click()

    def _clicked_cancel(self, _: Any) -> None:
        for widget in self._clickable:
            widget.disabled = True
        self._cancel.description = "Cancelling…"
        self._batch.cancel()

    def _clicked_adapt(self, _: Any) -> None:
        self._batch.max_concurrency = None
        self._finish_click()

    def _set_limit(self, number: int) -> None:
        self._batch.max_concurrency = number
        self._finish_click()

    def _finish_click(self) -> None:
        self.follow()
        self._changed()


PAUSE: Final = "Start no further call, but wait for the calls in progress"
GO_ON: Final = "Start calls again"
CANCEL: Final = "Cancel the calls. Answers that arrived are saved."
ADAPT: Final = "Adapt to what the service admits"
THROTTLE: Final = "At most this many calls of this batch in progress at once"


def _button(text: str, tooltip: str, dom_class: str, clicked: Callable[[Any], None], *, least: str = "72px") -> Any:
    from ipywidgets import Button, Layout

    button = Button(
        description=text, tooltip=tooltip, layout=Layout(width="auto", min_width=least, margin="2px 6px 2px 0")
    )
    button.on_click(clicked)
    button.add_class(dom_class)
    enable_clicks(button)
    return button
