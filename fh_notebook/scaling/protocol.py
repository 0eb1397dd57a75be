"""Messages between the notebook and the workers: specifications, tasks, results and events that can be pickled.

They never contain a key, and secret inputs are masked: messages lie in the task graph, in the memory of the scheduler
and in spilled files.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from fh_notebook.batching.model import BatchStopped, Event
from fh_notebook.batching.planning.plan import BatchVariant
from fh_notebook.contract.run import Run
from fh_notebook.core.text.messages import RUN_AGAIN, Message, Phrase, Readable
from fh_notebook.core.text.problems import Problem

PREFIX_BYTES: Final = 8
"""Of each key, by which equal jobs of different partitions are found: two of 10 million different ones meet by chance
once in 300,000 such batches, and then one call is made a little later, and none twice."""


HASH_BYTES: Final = 8
"""Of what a row is sent: of a million rows and a million others two look equal by chance once in 10 million tables."""


@dataclass(frozen=True, kw_only=True)
class BatchSpec:
    """What is the same for every partition of one round."""

    run: str
    """A random name of the round: of its files, places, permits and events."""
    name: str
    """The batch's."""
    workspace: str
    """With the key's fingerprint (48 bits of SHA-256), by which a worker knows whether it has the right key."""
    is_named: bool = False
    """Whether the person named the workspace: then it says nothing of the key."""
    batch_variants: tuple[BatchVariant, ...] = field(repr=False)
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
    """A random name of the batch object, where what was saved before it does not count in any of its rounds."""
    fresh: bool = False
    """Whether what was saved before this round does not count."""
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
    reports_events: bool = False
    """Whether every event is reported, rather than only the counts."""
    settled: tuple[str, ...] = ()
    """The rounds of which this one is the rest: what has an outcome in them is not called again, whatever it is."""
    leases: int = 1
    """Calls that may be out at once over all workers of this round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionTask:
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
class PartitionSurvey:
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
    """Of each row, `HASH_BYTES` for each target of the variants: a hash of what it is sent, as it may be shown."""
    invalid: int = 0
    problems: tuple[Message | Problem, ...] = ()
    """What does not fit, for people."""
    first: Any = None
    last: Any = None
    ordered: bool = False
    """Whether its labels grow, so that first and last say whether they are others' too."""
    label: Any = 0
    """One label, for its kind."""
    secret_labels: bool = False
    """Whether a label repeats the value of a secret Start variable: then rows are named by their positions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionResult:
    """What came of a partition."""

    number: int
    attempt: str
    path: str = ""
    """Of its part; empty where there is no outcome to keep."""
    jobs: int = 0
    done: int = 0
    failed: int = 0
    unknown: int = 0
    waiting: int = 0
    """Of the unknown ones, those whose runs wait for a decision."""
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


def encode_event(event: Event) -> bytes:
    """Return an event as bytes."""
    if not isinstance(event, BatchStopped):
        event = replace(event, job=replace(event.job, inputs=dict(event.job.shown_inputs), inputs_json="", sealed=True))
    return pickle.dumps(event)


def decode_event(encoded: bytes) -> Event:
    """Return the event again; it came from a worker of the user's own cluster."""
    event: Event = pickle.loads(encoded)  # noqa: S301 - the cluster runs the user's code as it is
    return event


def cluster_lost_stop() -> BatchStopped:
    """Return the stop of a batch whose scheduler has gone."""
    return BatchStopped(
        reason="cluster",
        detail=(
            "the Dask scheduler was lost or restarted; merged answers are saved, and the others are on the "
            "workers' disks"
        ),
        resume=Message(
            "with a client that is connected: {resume}{}", (Phrase(f", or {RUN_AGAIN}", command="", cell=""),)
        ),
    )


def encode_stop(stopped: BatchStopped) -> dict[str, Any]:
    """Return a stop as JSON values; the answer behind it by its words."""
    run = stopped.run
    answer = None
    if run is not None:
        answer = {"status": run.status, "status_code": run.status_code, "error": run.error,
                "error_code": run.error_code, "request_id": run.request_id,
                "client_action": run.client_action}  # fmt: skip
    return {
        "reason": stopped.reason,
        "detail": _encode_text(stopped.detail),
        "resume": _encode_text(stopped.resume),
        "run": answer,
    }


def _encode_text(text: str | Readable) -> Any:
    """Return a text as a JSON value: of its type, and what it is made of."""
    if isinstance(text, Message):
        return {"template": text.template, "values": [_encode_text(value) for value in text.values]}
    return {"python": str(text), "command": text.command, "cell": text.cell} if isinstance(text, Phrase) else str(text)


def _decode_text(encoded: Any) -> str:
    """Return the text that :func:`_encode_text` told."""
    if isinstance(encoded, str):
        return encoded
    if "template" in encoded:
        return Message(encoded["template"], tuple(map(_decode_text, encoded["values"])))
    return Phrase(**encoded)


def decode_stop(encoded: Mapping[str, Any]) -> BatchStopped:
    """Return the stop that :func:`encode_stop` told.

    Examples
    --------
    >>> decode_stop(encode_stop(BatchStopped(reason="max_calls", detail="enough"))).reason
    'max_calls'
    """
    answer = encoded.get("run")
    return BatchStopped(
        reason=encoded["reason"],
        detail=_decode_text(encoded["detail"]),
        resume=_decode_text(encoded["resume"]),
        run=Run(**answer) if answer else None,
    )
