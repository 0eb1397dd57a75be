"""The displays that are heard still: not all of a long day."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest

from fh_notebook.contract.output import OutputOptions, ShownOutput
from fh_notebook.notebook.results import served_outputs
from fh_notebook.notebook.results.served_outputs import ServedOutputs, _remember, _Served, _size_of


def _served(size: int, cell: str = "", execution: str = "") -> tuple[_Served, list[str]]:
    closed: list[str] = []
    widget: Any = SimpleNamespace(layout=SimpleNamespace(close=lambda: None), close=lambda: closed.append("closed"))
    return _Served(widget, ServedOutputs([_shown("x" * size)]), cell, execution), closed


def _shown(output: str) -> ShownOutput:
    return ShownOutput(output, OutputOptions(whole="there is all"))


def test_displays_are_left_by_their_size_and_when_their_cell_is_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest is heard whatever its size; two of one run of a cell are both heard."""
    heard: deque[_Served] = deque()
    monkeypatch.setattr(served_outputs, "_served", heard)
    monkeypatch.setattr(served_outputs, "SERVED_SIZE", 100)
    (old, old_closed), (one, one_closed), (two, two_closed) = (
        _served(60), _served(20, "cell", "first"), _served(20, "cell", "first")
    )  # fmt: skip
    for display in (old, one, two):
        _remember(display)
    assert [*heard] == [old, one, two]
    again, _ = _served(20, "cell", "second")
    _remember(again)
    assert [*heard] == [old, again]
    assert one_closed == two_closed == ["closed"]
    huge, huge_closed = _served(1_000)
    _remember(huge)
    assert ([*heard], old_closed, huge_closed) == ([huge], ["closed"], [])


def test_an_answer_that_comes_later_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """With it the displays are too large together, and the oldest is left."""
    heard: deque[_Served] = deque()
    monkeypatch.setattr(served_outputs, "_served", heard)
    monkeypatch.setattr(served_outputs, "SERVED_SIZE", 100)
    (old, old_closed), (waiting, waiting_closed) = _served(60), _served(0)
    _remember(old)
    _remember(waiting)
    waiting.outputs.put([_shown("x" * 60)])
    assert ([*heard], old_closed, waiting_closed) == ([waiting], ["closed"], [])


def test_the_size_of_an_output_counts_all_that_is_in_it_up_to_a_limit() -> None:
    """Texts, names, values; one that holds itself ends."""
    assert _size_of("x" * 1_000, 10**6) == 1_000
    assert 1_010 < _size_of({"name": ["x" * 1_000, 1, None]}, 10**6) < 1_300
    endless: list[Any] = []
    endless.append(endless)
    assert _size_of(endless, 1_000) < 1_100
