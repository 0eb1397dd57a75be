"""The sweep: every wrong value for every parameter, and how each call ended."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from fh_notebook.core.config import settings
from tests.misuse.judging import Ending, ending_of
from tests.misuse.targets import Target
from tests.misuse.wrong import VALUES

HANG_S = 30
"""A call that waits for ever is told with its argument, instead of ending the whole run of tests."""


@dataclass(frozen=True)
class Called:
    """One call."""

    target: str
    parameter: str
    value: str
    ending: Ending

    def __str__(self) -> str:
        told = f"{self.target}({self.parameter}=<{self.value}>) {self.ending.what}: {self.ending.message[:200]}"
        return told.encode(errors="backslashreplace").decode()


class Hung(BaseException):
    """A call did not end; no `Exception`, so that nothing takes it for one of the call's own."""


def sweep(targets: Iterable[Target], values: Callable[[int], Iterable[str]]) -> Iterator[Called]:
    """Call every target with wrong values, and yield how each call ended.

    Parameters
    ----------
    targets : iterable of Target
        What is called.
    values : function of a number
        The names of the values that the parameter of this number gets.
    """
    number = 0
    for target in targets:
        for parameter in target.parameters:
            for value in values(number):
                with _bounded(), _empty_folder():
                    ending = _ended(target, parameter, VALUES[value]())
                yield Called(target.name, parameter, value, ending)
                if target.name == "fh.configure":
                    settings.reset()
            number += 1


def _ended(target: Target, parameter: str, value: Any) -> Ending:
    try:
        return ending_of(target, parameter, value)
    except Hung:
        return Ending("hung")


@contextmanager
def _empty_folder() -> Iterator[None]:
    """Work in a folder of one's own: what one call makes there is no file or folder of the next one."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


@contextmanager
def _bounded() -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise Hung

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(HANG_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
