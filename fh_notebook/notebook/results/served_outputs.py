"""Displays of outputs as plain HTML, with a hidden widget beside them that serves their buttons.

The HTML is what the notebook saves, and what other pages show. Its buttons are seen only while the widget is in the
page (``outputs.js``): where no kernel answers, nothing can be clicked in vain.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from fh_notebook.contract.output import ShownOutput
from fh_notebook.core.text import html
from fh_notebook.notebook.shell import WIDGET_VIEW, new_handle, running_kernel, widget_view
from fh_notebook.notebook.ui.buttons import has_person
from fh_notebook.notebook.ui.display import new_prefix

SERVED: Final = 100
"""Displays whose buttons are heard, the newest: their outputs are kept for that."""

SERVED_SIZE: Final = 100_000_000
"""Characters of the outputs of these displays together; the newest is heard, whatever its size."""


_PLACES: Final = (
    ".fh-unserved .fh .fh-o[data-output] button{display:inline-block;visibility:hidden}"
    ".fh-unserved .fh .fh-o[data-output]>.fh-o-bar{display:flex!important}"
)
"""Of buttons that nothing serves yet."""


@dataclass(frozen=True, slots=True, eq=False)
class _Served:
    """A display whose buttons are heard."""

    widget: Any
    outputs: ServedOutputs
    cell: str
    """The id of the notebook's cell that it is below; empty where that is not known."""
    execution: str
    """The id of the message by which the cell was run."""

    def close(self) -> None:
        self.widget.layout.close()
        self.widget.close()


_served: Final[deque[_Served]] = deque()
_lock: Final = Lock()
"""Answers come on the loop's thread, cells run on another."""


def _remember(new: _Served) -> None:
    """Note a display; those are left that the same cell had before it was run again."""
    with _lock:
        left = [one for one in _served if new.cell and one.cell == new.cell and one.execution != new.execution]
        for one in left:
            _served.remove(one)
        _served.append(new)
    for one in left:
        one.close()
    _leave_too_many()


def _leave_too_many() -> None:
    """Leave the oldest displays of too many, or of too large ones: their answers may have come later."""
    left = []
    with _lock:
        size = sum(one.outputs.size for one in _served)
        while len(_served) > SERVED or (size > SERVED_SIZE and len(_served) > 1):
            left.append(_served.popleft())
            size -= left[-1].outputs.size
    for one in left:
        one.close()


def _size_of(output: Any, most: int) -> int:
    """Return about how many characters an output has, at most about `most`."""
    size, rest = 0, [output]
    while rest and size < most:
        value = rest.pop()
        if isinstance(value, Mapping):
            size += sum(len(str(name)) for name in value)
            rest += value.values()
        elif isinstance(value, list):
            rest += value
        size += len(value) if isinstance(value, str) else A_VALUE
    return size


A_VALUE: Final = 50
"""Characters that take the memory of a number, of a list or of a mapping."""


def _running_cell() -> tuple[str, str]:
    """Return the ids of the cell that runs, as the page tells it, and of the message by which it does."""
    parent: Mapping[str, Any] = getattr(running_kernel(), "get_parent", dict)()
    cell, message = parent.get("metadata", {}).get("cellId"), parent.get("header", {}).get("msg_id")
    return str(cell or ""), str(message or "")


class ServedOutputs:
    """The outputs of one display.

    It holds nothing else: what waits for an answer, and whatever that holds, is not kept for buttons.

    Parameters
    ----------
    outputs : sequence of ShownOutput
        What the views of their numbers are of, as far as it is known.
    """

    def __init__(self, outputs: Sequence[ShownOutput] = ()) -> None:
        self.prefix: Final = new_prefix()
        """What the key of each view begins with; the number of its output follows."""
        self.put(outputs)

    def put(self, outputs: Iterable[ShownOutput]) -> None:
        """Have these outputs served in place of those before, as when answers have come. From any thread."""
        self._outputs = tuple(outputs)
        self.size = sum(_size_of(shown.output, SERVED_SIZE) for shown in self._outputs)
        """About how many characters they have."""
        _leave_too_many()

    def page(self, page: html.Html, *, is_served: bool = True) -> html.Html:
        """Return the display's HTML, with a style by which nothing is said of the widget where that is lost.

        Before it `is_served`, the buttons have their places and are not seen, so that nothing moves when they come.
        """
        dom_class = f"fh-served-{self.prefix[:-1]}"
        lost = ".jp-OutputArea-output:not(:has(*)):not(.jp-RenderedHTMLCommon)"
        child = ".jp-OutputArea-child"
        after, before = f"{child}:has(.{dom_class})~{child}", f"{child}:has(+{child} .{dom_class})"
        hide = f"{after} {lost},{before} {lost}{{display:none}}"
        if is_served:
            return html.el("div", html.el("style", html.Html(hide)), page, cls=dom_class)
        return html.el("div", html.el("style", html.Html(f"{hide}{_PLACES}")), page, cls=f"{dom_class} fh-unserved")

    def widget(self) -> Any:
        """Return the widget that serves them."""
        from fh_notebook.notebook.ui.output_actions import output_actions

        return output_actions(self.prefix, self._of_key)

    def serve(self) -> None:
        """Put the widget under the running cell, beside the display."""
        widget = self.widget()
        new_handle().display({"text/plain": "", WIDGET_VIEW: widget_view(widget)}, raw=True)
        _remember(_Served(widget, self, *_running_cell()))

    def _of_key(self, key: str) -> ShownOutput | None:
        return self._outputs[int(key)] if key.isdecimal() and int(key) < len(self._outputs) else None


def served_outputs(outputs: Sequence[ShownOutput] = ()) -> ServedOutputs | None:
    """Return what serves the outputs of a display; ``None`` where nobody sits before a page."""
    return ServedOutputs(outputs) if has_person(running_kernel()) else None


def outputs_bundle(page: Callable[[str], html.Html], outputs: Sequence[ShownOutput]) -> dict[str, str]:
    """Return a page with views of outputs by media type, and put what serves it under the running cell.

    It is empty where nobody could click. The page itself is left to IPython, which shows it where it is wanted:
    ``display(x, display_id=True)`` and the update of it.

    Whoever asks IPython for the representation of an object (``user_expressions``, glue) has the widget under the cell
    as well. ``_ipython_display_`` is asked by the same ``DisplayFormatter.format``, and would leave the caller nothing.
    """
    served = served_outputs(outputs)
    if served is None:
        return {}
    served.serve()
    return {"text/html": str(served.page(page(served.prefix)))}
