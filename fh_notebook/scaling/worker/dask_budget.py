"""`DaskBudget`: the worker's side of one budget that all workers share through the Dask scheduler.

A call costs no message. A slot (`distributed.Semaphore`) is held for many calls; permits (`distributed.Queue`) arrive
in blocks, unless a rate limits each call; workers wait for the stop, an `Event`, and read its reason from a `Variable`.
The lease of the semaphore returns the slots of a dead worker; its permits are lost.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final

from fh_notebook.batching.model import BatchStopped
from fh_notebook.core import event_loop
from fh_notebook.core.adaptive_limit import BOUND
from fh_notebook.core.redaction import log
from fh_notebook.scaling.protocol import BatchSpec, decode_stop, encode_stop
from fh_notebook.scaling.storage.files import check_folder, scratch
from fh_notebook.scaling.worker import credentials
from fh_notebook.scaling.worker.host import Host, close_host, open_host
from fh_notebook.scaling.worker.limiter import SharedLimiter
from fh_notebook.session.limiter import ConcurrencyLimiter

ENDED: Final = "ended"
"""The reason of the stop at the end of every round: workers close what they hold."""
LOWERED: Final = "lowered"
"""The reason of the stop of a round after which another one has fewer leases."""
OVER_CAP: Final = "over_cap"
"""The kind of the message that a call was refused since too many were out."""
WAIT_S: Final = 0.5
"""So long one question to the scheduler waits for a place or a permit: a cancel is heard after it."""
POLL_S: Final = 1.0
"""So often a worker looks whether the batch is paused, and waits anew for the stop."""

REASON_S: Final = 10
"""So long the reason of a stop may take to be there: it is set before the stop is."""


def name_of(run: str, purpose: str) -> str:
    """Return the name of one of the round's shared things."""
    return f"fh-{run}-{purpose}"


class DaskBudget:
    """The budget of one worker process.

    Parameters
    ----------
    spec : BatchSpec
        Of the round.
    worker, client : distributed.Worker, distributed.Client
        Of this process.
    """

    def __init__(self, spec: BatchSpec, worker: Any, client: Any) -> None:
        from distributed import Queue, Semaphore

        self._places = Semaphore(
            spec.leases, name_of(spec.run, "places"), scheduler_rpc=worker.scheduler, loop=worker.loop
        )
        self._permits = Queue(name_of(spec.run, "permits"), client=client) if spec.metered else None
        self._left = 0
        self._one = asyncio.Lock()
        self._spent: BatchStopped | None = None

    async def take_place(self) -> None:
        """Wait for a lease of the semaphore."""
        while True:
            acquired = asyncio.ensure_future(asyncio.to_thread(self._places.acquire, WAIT_S))
            try:
                if await asyncio.shield(acquired):
                    return
            except asyncio.CancelledError:
                acquired.add_done_callback(self._give_what_came)
                raise

    def _give_what_came(self, acquired: asyncio.Future[bool]) -> None:
        if not acquired.cancelled() and acquired.exception() is None and acquired.result():
            self.give_place()

    def give_place(self) -> None:
        """Give the lease back, without waiting for the scheduler."""
        asyncio.get_running_loop().run_in_executor(None, self._release)

    def _release(self) -> None:
        with suppress(Exception):  # the scheduler has gone, or the lease: it comes back by its timeout
            self._places.release()

    async def permit(self) -> BatchStopped | None:
        """Take a permit, of which a block is fetched when there is none."""
        if self._permits is None:
            return None
        async with self._one:
            while self._left == 0 and self._spent is None:
                await self._fetch()
            if self._left:
                self._left -= 1
                return None
            return self._spent

    async def _fetch(self) -> None:
        fetched = asyncio.ensure_future(asyncio.to_thread(self._get))
        try:
            got = await asyncio.shield(fetched)
        except asyncio.CancelledError:
            fetched.add_done_callback(self._put_what_came)
            raise
        if isinstance(got, int):
            self._left += got
        elif got is not None:  # the notice that no more will come; others must see it, too
            self._spent = decode_stop(got)
            await asyncio.to_thread(self._put, got)

    def _put_what_came(self, fetched: asyncio.Future[Any]) -> None:
        if not fetched.cancelled() and fetched.exception() is None and fetched.result() is not None:
            asyncio.get_running_loop().run_in_executor(None, self._put, fetched.result())

    def _get(self) -> Any:
        assert self._permits is not None  # noqa: S101 - `permit` has looked
        try:
            return json.loads(self._permits.get(timeout=WAIT_S))
        except TimeoutError:  # asyncio's is the same
            return None

    def _put(self, value: Any) -> None:
        with suppress(Exception):  # the round has ended meanwhile
            assert self._permits is not None  # noqa: S101 - as above: what is put came out of it
            self._permits.put(json.dumps(value), timeout=5)

    def refund(self) -> None:
        """Take a permit back: nothing was sent."""
        if self._permits is not None:
            self._left += 1

    async def give_back(self) -> None:
        """Put the permits that are left where others find them."""
        if self._left and self._permits is not None:
            left, self._left = self._left, 0
            await asyncio.to_thread(self._put, left)

    def end(self) -> None:
        """Refresh no lease any more: the scheduler would tell of each one that it does not know after the end."""
        callback = getattr(self._places, "refresh_callback", None)
        if callback is not None:
            self._places.loop.add_callback(callback.stop)


def host_of(spec: BatchSpec) -> Host:
    """Return the host of a round in this worker process, made by the first partition."""
    return open_host(spec.run, lambda: _make_host(spec))


def _make_host(spec: BatchSpec) -> Host:
    from distributed import Event, Variable, get_client, get_worker

    worker, client = get_worker(), get_client()
    check_folder(spec)
    topic = name_of(spec.run, "events")
    stop_event, reason = (
        Event(name_of(spec.run, "stop"), client=client),
        Variable(name_of(spec.run, "why"), client=client),
    )

    def report(message: dict[str, Any]) -> None:
        with suppress(Exception):  # a count that is not told is no reason to stop paid work
            worker.log_event(topic, message)

    def spread(stopped: BatchStopped) -> None:
        threading.Thread(target=_spread, args=(stop_event, reason, stopped), daemon=True).start()

    budget = _on_loop(spec, worker, client)
    host = Host(spec.run, budget, report=report, spread=spread, folder=scratch(), variants=len(spec.batch_variants))
    limiter = SharedLimiter(
        ConcurrencyLimiter(BOUND, adapts=False),  # the places are the limit
        budget,
        host.met,
        stopped=lambda: host.stopped is not None,
        shares=True,
        over_cap=lambda: report({"kind": OVER_CAP}),
    )
    if stop_event.is_set():  # the round was stopped, or has ended, before anything began here
        host.stopped = decode_stop(json.loads(reason.get(timeout=REASON_S)))
    pause = Event(name_of(spec.run, "pause"), client=client)
    host.paused = bool(pause.is_set())  # likewise: who begins while all rest calls nothing
    host.client = credentials.client_of(
        spec, limiter, request_key=lambda: report({"kind": "key", "worker": worker.address})
    )
    watch = threading.Thread(target=_watch, args=(host, stop_event, reason, pause), daemon=True, name="fh-watch")
    watch.start()
    return host


def _on_loop(spec: BatchSpec, worker: Any, client: Any) -> DaskBudget:
    """Make the budget; its lock belongs to the background loop."""
    result: Future[DaskBudget] = Future()

    def make() -> None:
        try:
            result.set_result(DaskBudget(spec, worker, client))
        except BaseException as exc:
            result.set_exception(exc)

    event_loop.background().loop.call_soon_threadsafe(make)
    return result.result(timeout=30)


def _spread(stop_event: Any, reason: Any, stopped: BatchStopped) -> None:
    with suppress(Exception):  # the notebook hears of it all the same, and tells the others
        reason.set(json.dumps(encode_stop(stopped)))
        stop_event.set()


def _watch(host: Host, stop_event: Any, reason: Any, pause: Any) -> None:
    """Wait for the stop, and look for a pause, until the round ends or the scheduler has gone."""
    paused = host.paused
    try:
        while True:
            if stop_event.wait(timeout=POLL_S):
                stopped = decode_stop(json.loads(reason.get(timeout=REASON_S)))
                host.in_loop(host.halt, stopped)
                if stopped.reason == ENDED:
                    return
                # The end is still to come; it is another reason of the same event.
                time.sleep(POLL_S)
            if (now := bool(pause.is_set())) != paused:
                paused = now
                host.in_loop(host.pause, paused)
    except Exception as exc:
        log.debug("a worker has lost its scheduler: %s", type(exc).__name__)
        lost = BatchStopped(reason="cancelled", detail="the scheduler was lost")
        host.in_loop(host.halt, lost)
    finally:
        close_host(host.run)
