"""Pause of garbage collection: for one thread, for several at once, and after an error."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections import UserList
from collections.abc import Iterator
from threading import Barrier, Event, Thread
from types import FrameType
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.batching.api import plan_table
from fh_notebook.batching.planning import garbage_collection
from fh_notebook.batching.planning.plan import read_variants
from fh_notebook.batching.planning.planner import Planner
from fh_notebook.batching.tables.row_sources import read_rows


def test_the_last_of_several_pauses_ends_it() -> None:
    """Two threads pause at once: while one still does, nothing is collected; afterwards it is as before."""
    both, first_ended, seen = Barrier(2), Barrier(2), []

    def ends_first() -> None:
        with garbage_collection.paused():
            both.wait(10)
        first_ended.wait(10)

    thread = Thread(target=ends_first)
    thread.start()
    with garbage_collection.paused():
        both.wait(10)
        first_ended.wait(10)
        seen.append(gc.isenabled())
    thread.join(10)
    assert seen == [False]
    assert gc.isenabled()


def test_it_ends_with_an_error() -> None:
    with pytest.raises(ValueError, match="no"), garbage_collection.paused():
        raise ValueError("no")
    assert gc.isenabled()


def test_who_switched_it_off_has_it_off_afterwards() -> None:
    gc.disable()
    try:
        with garbage_collection.paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_that_was_forked_in_a_pause_collects() -> None:
    """The thread that paused is not in the child, so nothing would end the pause; and it can pause itself."""
    paused, forked = Event(), Event()

    def pauses() -> None:
        with garbage_collection.paused():
            paused.set()
            forked.wait(10)

    thread = Thread(target=pauses)
    thread.start()
    paused.wait(10)
    with warnings.catch_warnings(action="ignore"):  # Python warns of threads beside a fork
        child = os.fork()
    if not child:
        seen = gc.isenabled()
        with garbage_collection.paused():
            seen = seen and not gc.isenabled()
        os._exit(0 if seen and gc.isenabled() else 1)
    forked.set()
    thread.join(10)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_jobs_of_a_table_are_made_without_collections() -> None:
    """Each of many thousand rows leaves lasting objects, and none that a collection could free."""
    generations: list[int] = []

    def note(phase: str, about: dict[str, int]) -> None:
        generations.append(about["generation"])

    rows, deployment, before = read_rows([{"text": "a"}] * 3_000), fh.Deployment("triage"), gc.get_threshold()
    variants = read_variants("v", deployment, None, find=fh.Deployment)
    planner = Planner(variants, repeats=1, metadata={}, workspace="w")
    gc.set_threshold(1_000, *before[1:])
    gc.callbacks.append(note)
    try:
        plan_table(rows, planner, "triage", name="named")
    finally:
        gc.callbacks.remove(note)
        gc.set_threshold(*before)
    assert len(generations) <= 4, "what begins and ends one collection before, and one after"


def test_functions_and_sequences_of_a_user_run_with_collections() -> None:
    """They may leave much behind that only a collection frees."""
    seen: set[bool] = set()

    def note(value: str) -> str:
        seen.add(gc.isenabled())
        return value

    class Texts(UserList[dict[str, str]]):
        def __iter__(self) -> Iterator[dict[str, str]]:
            return ({"text": note(text)} for text in ("a", "b"))

    client = fh.local.LocalHive().client()
    made = {"text": lambda row: note(row["text"])}
    for rows, inputs in ((Texts([{}, {}]), None), ([{"text": "a"}], made)):
        seen.clear()
        fh.batch(rows, "triage", variants="v", inputs=inputs, client=client, progress=False, dry_run=True)
        assert seen == {True}


def test_an_interrupt_after_it_began_ends_it() -> None:
    """Before the first line of its block."""

    def interrupt(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_name != "begin":
            return None
        if event == "return":
            raise KeyboardInterrupt
        return interrupt

    tracer = sys.gettrace()
    sys.settrace(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt), garbage_collection.paused():
            pass
    finally:
        sys.settrace(tracer)
    assert gc.isenabled()
