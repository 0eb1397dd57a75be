"""Pause of the collector of cycles: for one thread, for several at once, and after an error."""

from __future__ import annotations

import gc
from threading import Barrier, Thread

import pytest

from fh_notebook.batching.planning import collector


def test_the_last_of_several_pauses_ends_it() -> None:
    """Two threads pause at once: while one still does, nothing is collected; afterwards it is as before."""
    both, first_ended, seen = Barrier(2), Barrier(2), []

    def ends_first() -> None:
        with collector.paused():
            both.wait(10)
        first_ended.wait(10)

    thread = Thread(target=ends_first)
    thread.start()
    with collector.paused():
        both.wait(10)
        first_ended.wait(10)
        seen.append(gc.isenabled())
    thread.join(10)
    assert seen == [False]
    assert gc.isenabled()


def test_it_ends_with_an_error() -> None:
    with pytest.raises(ValueError, match="no"), collector.paused():
        raise ValueError("no")
    assert gc.isenabled()


def test_who_switched_it_off_has_it_off_afterwards() -> None:
    gc.disable()
    try:
        with collector.paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
