"""Viewers of the progress of a batch: a person before a page, a program, or nobody knows."""

from __future__ import annotations

from typing import Any

import pytest

from fh_notebook.notebook.progress.batch_block import progress_of_batch
from fh_notebook.notebook.ui.buttons import has_person


class SomeKernel:
    """What is asked of a kernel: the message that it is at work on."""

    def __init__(self, kind: str, **content: Any) -> None:
        self._parent = {"header": {"msg_type": kind}, "content": content}

    def get_parent(self, channel: str) -> dict[str, Any]:
        assert channel == "shell"
        return self._parent


class BrokenKernel:
    """A kernel that keeps what it was sent elsewhere."""

    def get_parent(self, channel: str) -> dict[str, Any]:
        raise KeyError(channel)


@pytest.mark.parametrize(
    ("kernel", "there"),
    [
        (SomeKernel("execute_request", allow_stdin=True), True),  # JupyterLab, Notebook, VS Code
        (SomeKernel("execute_request", allow_stdin=False), False),  # nbclient, nbconvert, papermill
        (SomeKernel("comm_msg", comm_id="x"), True),  # a click on a widget
        (SomeKernel("execute_request"), None),
        (BrokenKernel(), None),
        (object(), None),
        (None, None),
    ],
)
def test_whether_somebody_is_there(kernel: Any, there: bool | None) -> None:
    """Said by the cell's own message; a click is a person's; and nothing is guessed."""
    assert has_person(kernel) is there


def test_without_a_kernel_there_is_no_live_display() -> None:
    """A program and a terminal have lines of text."""
    assert progress_of_batch(None) is None  # type: ignore[arg-type]  # it is not looked at
