"""Events on their way from a worker to the notebook, as bytes.

Rule of this file: as they may be shown. They pass through the scheduler's memory, so inputs that are secret are masked.
"""

from __future__ import annotations

import pickle
from dataclasses import replace

from fh_notebook.batching.events import Event, Stopped

__all__ = ["event_of", "shown_event"]


def shown_event(event: Event) -> bytes:
    """Return an event as bytes."""
    if not isinstance(event, Stopped):
        event = replace(event, job=replace(event.job, inputs=dict(event.job.shown_inputs), spelt="", sealed=True))
    return pickle.dumps(event)


def event_of(told: bytes) -> Event:
    """Return the event again; it came from a worker of the user's own cluster."""
    event: Event = pickle.loads(told)  # noqa: S301 - the cluster runs the user's code as it is
    return event
