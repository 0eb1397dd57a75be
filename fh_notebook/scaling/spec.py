"""What travels between the notebook and the workers: small values that can be pickled.

Rule of this file: never a key. What is in here lies in the task graph, in the scheduler's memory and in spilled files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from fh_notebook.audience import Message
from fh_notebook.batching.arms import Arm
from fh_notebook.problems import Problem

__all__ = ["HASH_BYTES", "PREFIX_BYTES", "Done", "Found", "Spec", "Task"]

PREFIX_BYTES: Final = 8
"""Of each key, by which equal jobs of different partitions are found: two of 10 million different ones meet by chance
once in 300,000 such batches, and then one call is made a little later, and none twice."""


HASH_BYTES: Final = 8
"""Of what a row is sent: of a million rows and a million others two look equal by chance once in 10 million tables."""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What is the same for every partition of one round."""

    run: str
    """A random name of the round: of its files, places, permits and events."""
    name: str
    """The batch's."""
    workspace: str
    """With the key's fingerprint (48 bits of SHA-256), by which a worker knows whether it has the right key."""
    is_named: bool = False
    """Whether the person named the workspace: then it says nothing of the key."""
    arms: tuple[Arm, ...] = field(repr=False)
    repeats: int = 1
    metadata: Mapping[str, Any] = field(default_factory=dict)
    base_url: str = ""
    timeout_s: float = 120.0
    max_response_bytes: int = 64 * 1024 * 1024
    verify: Any = True
    folder: str
    """Where parts lie, as every worker opens it."""
    max_concurrency: int | None = None
    """The ceiling of calls at once over all workers; ``None``: none of the batch's own."""
    metered: bool = False
    """Whether each call needs a permit: there is a ceiling or a rate."""
    stop_at_error: bool = False
    anew: str = ""
    """A random name of the batch object, where what was kept before it does not count in any of its rounds."""
    fresh: bool = False
    """Whether what was kept before this round does not count."""
    call_lost: bool = False
    retry: bool = False
    """Whether it is the failed jobs that are called, and no other ones."""
    error_code: str | None = None
    """Of the failed, which; all of them without it."""
    skip_invalid: bool = False
    labelled: bool = False
    """Whether the frame's index tells rows apart; else a row is named by its place."""
    mine: tuple[str, ...] = ()
    """The rounds of this batch object before this one: what they paid for is not `reused`."""
    tells: bool = False
    """Whether somebody hears every event, and not only the counts."""
    settled: tuple[str, ...] = ()
    """The rounds of which this one is the rest: what has an outcome in them is not called again, whatever it is."""
    leases: int = 1
    """Calls that may be out at once over all workers of this round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One partition of one round."""

    number: int
    start: int
    """The place of its first row among all rows."""
    rows: int
    """How many of its rows are run: all, or those of a pilot."""
    plan: bytes
    asked: bytes = b""
    sources: tuple[str, ...] = ()
    """Parts in which answers to some of its jobs lie."""
    skip: bytes = b""
    """One byte a job: 1 where another partition calls the same job."""
    valid: bool = True
    """Whether all of its inputs were found to fit: they are not checked twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a partition asks for."""

    rows: int
    jobs: int
    plan: bytes
    """SHA-256 of the keys of its jobs, and of its rows."""
    asked: bytes = b""
    """SHA-256 of the keys alone."""
    total: int
    """The sum of all keys: it names the batch, whatever the partitions are."""
    prefixes: bytes = field(repr=False)
    inputs: bytes = field(default=b"", repr=False)
    """Of each row, `HASH_BYTES` for each target of the arms: a hash of what it is sent, as it may be shown."""
    invalid: int = 0
    problems: tuple[Message | Problem, ...] = ()
    """What does not fit, for people."""
    first: Any = None
    last: Any = None
    ordered: bool = False
    """Whether its labels grow, so that first and last say whether they are others' too."""
    label: Any = 0
    """One label, for its kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of a partition."""

    number: int
    attempt: str
    path: str = ""
    """Of its part; empty where there is no outcome to keep."""
    jobs: int = 0
    done: int = 0
    failed: int = 0
    unknown: int = 0
    reused: int = 0
    again: int = 0
    calls: int = 0
    """Requests of the batch object."""
    requests: int = 0
    """Requests that are counted towards the daily cap: those of earlier kernels, too, whose worker was killed."""
    refused: int = 0
    keys: bytes = field(default=b"", repr=False)
    kept_at: datetime | None = None
    cut: int = 0
    """Calls that were out when it was cancelled."""
    stopped: Mapping[str, Any] | None = None
    goes_on: bool = False
    """Whether it holds for some of the variants only, and others are called."""
