"""Ways of a kernel to cancel. What the button does is in ``kernel/test_legs.py`` and in the browser."""

from __future__ import annotations

from typing import Any

import pytest
from ipywidgets import HTML, VBox

from fh_notebook.notebook.ui.buttons import CancelButton, CancelMethod, ControlDisplay, WidgetPlace, cancel_method


class SomeKernel:
    """What is asked of a kernel."""

    def __init__(self, features: list[str] | None, allow_stdin: bool) -> None:
        self.kernel_info = {} if features is None else {"supported_features": features}
        self._allow_stdin = allow_stdin

    def get_parent(self, channel: str) -> dict[str, Any]:
        return {"content": {"allow_stdin": self._allow_stdin}}


class ForeignKernel:
    """A kernel of somebody else's, which has none of it."""


@pytest.mark.parametrize(
    ("kernel", "blocks", "way"),
    [
        (None, True, CancelMethod.NONE),  # a terminal, a script
        (SomeKernel(["kernel subshells"], allow_stdin=False), True, CancelMethod.NONE),  # nbclient
        (SomeKernel(["kernel subshells"], allow_stdin=False), False, CancelMethod.NONE),
        (SomeKernel(["kernel subshells", "debugger"], allow_stdin=True), True, CancelMethod.BUTTON),
        (SomeKernel(["debugger"], allow_stdin=True), True, CancelMethod.STOP),
        (SomeKernel(None, allow_stdin=True), True, CancelMethod.STOP),  # ipykernel 6
        (SomeKernel(None, allow_stdin=True), False, CancelMethod.BUTTON),
        (ForeignKernel(), True, CancelMethod.NONE),
    ],
)
def test_the_way_to_cancel(kernel: Any, blocks: bool, way: CancelMethod) -> None:
    """The whole table: who sent the cell, what the kernel can, and whether a cell waits."""
    assert cancel_method(kernel, blocks=blocks) is way


def test_without_a_kernel_an_offer_is_nothing() -> None:
    """In a script it neither needs a loop nor imports anything."""
    offer = ControlDisplay(CancelButton(lambda: None))
    offer.begin()
    offer.end()
    offer.end()


def test_cancel_is_as_wide_as_the_buttons_of_a_batch() -> None:
    """As wide as its word, and where these begin: a box of widgets gives one that is alone all of its width."""
    layout = CancelButton(lambda: None).make(lambda call: call).layout
    assert (layout.width, layout.min_width, layout.align_self) == ("auto", "72px", "flex-start")


def test_what_is_kept_below_leaves_the_box_when_it_is_closed() -> None:
    """What is put there afterwards is shown beside the others, and the box has a state to be sent."""
    boxes: list[VBox] = []
    place = WidgetPlace(attach=boxes.append)
    first, second = HTML("first"), HTML("second")
    place.put([HTML("before")], text="")
    place.keep_below(first)
    place.keep_below(second)
    first.close()
    place.put([HTML("after")], text="")
    (box,) = boxes

    def texts(widget: Any) -> list[str]:
        widget.get_state()
        below = [text for child in getattr(widget, "children", ()) for text in texts(child)]
        return [widget.value, *below] if isinstance(widget, HTML) else below

    assert [text for text in texts(box) if text and "<style>" not in text] == ["after", "second"]
