"""Running one workflow: a function in, an outcome out.

Rule of this file: whatever a workflow does, an `Outcome` comes back. Only being cancelled from outside passes through.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fh_notebook.local.assets import with_addresses
from fh_notebook.local.registry import Workflow
from fh_notebook.local.threads import Threads
from fh_notebook.log import log

__all__ = ["INTERRUPTED", "Outcome", "perform"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    status: str
    """``completed`` or ``failed``."""
    output_json: str | None = None
    """The output as JSON text: a snapshot, written the moment the workflow returned."""
    error: str | None = None


INTERRUPTED = Outcome("failed", error="The hive was stopped while the workflow ran.")


async def perform(workflow: Workflow, inputs: Mapping[str, Any], threads: Threads, base_url: str) -> Outcome:
    """Run a workflow: an async one here, a plain one in a thread, so that it never blocks the event loop.

    Parameters
    ----------
    workflow : Workflow
        What runs.
    inputs : mapping
        The Start variables, checked already; they are the function's keyword arguments.
    threads : Threads
        Where plain functions run.
    base_url : str
        What addresses of this hive's assets are completed with.
    """
    if workflow.is_async:
        return await _await(workflow.func, inputs, base_url)
    ended = await threads.run(lambda: _call(workflow.func, inputs, base_url))
    if isinstance(ended, Outcome):
        return ended
    # A plain function that returned a coroutine: a decorator around an async one, say.
    return await _await(lambda: ended, {}, base_url)


def _call(func: Any, inputs: Mapping[str, Any], base_url: str) -> Any:
    try:
        value = func(**inputs)
        return value if inspect.isawaitable(value) else _completed(value, base_url)
    except BaseException as exc:  # SystemExit too: in a thread it would end the thread and nobody would answer
        return _failed(exc)


async def _await(func: Any, inputs: Mapping[str, Any], base_url: str) -> Outcome:
    try:
        return _completed(await func(**inputs), base_url)
    except asyncio.CancelledError as exc:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return _failed(exc)  # the workflow awaited something of its own that was cancelled
    except (Exception, SystemExit) as exc:
        return _failed(exc)


def _completed(value: Any, base_url: str) -> Outcome:
    try:
        text = json.dumps(with_addresses(value, base_url), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as broken:
        return Outcome("failed", error=f"The workflow's output has no JSON form: {broken}")
    return Outcome("completed", output_json=text)


def _failed(exc: BaseException) -> Outcome:
    log.info("a workflow failed", exc_info=exc)
    words = str(exc)
    name = type(exc).__name__
    return Outcome("failed", error=f"{name}: {words}" if words else name)
