"""What a person may do to a batch in the background: pause it, cancel it, and say how many calls may be out at once.

Rule of this file: a handler returns at once, on whatever thread it was called; all that is done, is done on the loop's
thread. The widgets show how the batch is, not what was clicked: the batch may be paused or tuned in a cell as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fh_notebook.batching.snapshot import Snapshot
from fh_notebook.notebook.cancel import Offer, hear_clicks

__all__ = ["BatchControls"]

LEAST_ROOM: Final = 16
"""The slider's end at least: room to move where the limit is still small."""

IN_CODE: Final = (
    "Running in the background. In a cell: "
    "batch.pause(), batch.resume(wait=False), batch.cancel(), batch.max_concurrency = 4"
)


class BatchControls(Offer):
    """Buttons and a throttle of one start of a batch that no cell waits for.

    Parameters
    ----------
    batch : Snapshot
        What is paused, cancelled and tuned.
    changed : callable
        Called on the loop's thread after something was done to the batch.
    """

    def __init__(self, batch: Snapshot, changed: Callable[[], object]) -> None:
        super().__init__(IN_CODE, blocks=False)
        self._batch = batch
        self._changed = changed
        self._shown_number = 0
        """Where the slider was put by us: what it says then is no wish."""

    def follow(self) -> None:
        """Show how the batch is."""
        if self._widget is None or self._cancel.disabled:
            return
        batch, number, limit = self._batch, self._batch.max_concurrency, self._batch.limit
        self._pause.description = "Go on" if batch.paused else "Pause"
        self._pause.tooltip = GO_ON if batch.paused else PAUSE
        # It never shrinks: an end that moves under the hand cannot be aimed at.
        self._throttle.max = max(self._throttle.max, LEAST_ROOM, 2 * limit)
        self._shown_number = min(number or limit, self._throttle.max)
        self._throttle.value = self._shown_number
        self._number.value = f"adaptive: {limit:,}" if number is None else f"{number:,}"
        self._adapt.layout.display = "none" if number is None else None
        for widget in self._clickable:
            hear_clicks(widget)

    def _make(self) -> Any:
        from ipywidgets import Box, Layout

        self._pause = _button("Pause", PAUSE, "fh-pause", self._on_loop(self._clicked_pause))
        self._cancel = _button("Cancel", CANCEL, "fh-cancel", self._on_loop(self._clicked_cancel))
        self._adapt = _button("Adaptive", ADAPT, "fh-adaptive", self._on_loop(self._clicked_adapt))
        self._make_throttle()
        self._clickable = (self._pause, self._cancel, self._throttle, self._adapt)
        throttle = Box(
            [self._throttle, self._number, self._adapt],
            layout=Layout(flex_flow="row wrap", align_items="center", overflow="visible"),
        )
        self._widget = Box(
            [self._pause, self._cancel, throttle],
            layout=Layout(flex_flow="row wrap", align_items="center", overflow="visible", grid_gap="0 6px"),
        )
        self._widget.add_class("fh-controls")
        self.follow()
        return self._widget

    def _make_throttle(self) -> None:
        from ipywidgets import IntSlider, Label, Layout

        self._throttle = IntSlider(
            value=1,
            min=1,
            max=LEAST_ROOM,
            description="At once",
            tooltip=THROTTLE,
            readout=False,
            continuous_update=False,  # on the way to 8 it must not let 30 calls go out
            style={"description_width": "initial"},
            layout=Layout(width="176px", margin="2px 8px 2px 0"),
        )
        self._number = Label(layout=Layout(width="auto", margin="2px 8px 2px 0"))
        self._number.add_class("fh-at-once")
        wished = self._on_loop(self._wished)

        def moved(change: Any) -> None:
            if change["new"] != self._shown_number:
                wished(change["new"])

        self._throttle.observe(moved, "value")
        self._throttle.add_class("fh-throttle")

    def _clicked_pause(self, _: Any) -> None:
        if self._batch.paused:
            self._batch.unpause()
        else:
            self._batch.pause()
        self._done()

    def _clicked_cancel(self, _: Any) -> None:
        for widget in self._clickable:
            widget.disabled = True
        self._cancel.description = "Cancelling…"
        self._batch.cancel()

    def _clicked_adapt(self, _: Any) -> None:
        self._batch.max_concurrency = None
        self._done()

    def _wished(self, number: int) -> None:
        self._batch.max_concurrency = number
        self._done()

    def _done(self) -> None:
        self.follow()
        self._changed()


PAUSE: Final = "Start no further call; what is in flight is waited for"
GO_ON: Final = "Start calls again"
CANCEL: Final = "End the calls. What is finished is kept."
ADAPT: Final = "Follow what the service admits"
THROTTLE: Final = "Calls that may be in flight at once"


def _button(text: str, tooltip: str, dom_class: str, clicked: Callable[[Any], None]) -> Any:
    from ipywidgets import Button, Layout

    button = Button(
        description=text, tooltip=tooltip, layout=Layout(width="auto", min_width="72px", margin="2px 6px 2px 0")
    )
    button.on_click(clicked)
    button.add_class(dom_class)
    return button
