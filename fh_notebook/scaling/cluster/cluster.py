"""`Cluster`: submit partitions to the workers of a Dask cluster, from the notebook.

It keeps no state beyond a round: whatever is lost with a scheduler (slots, permits, results), the next round creates
again. `check_cluster` calls nothing, and each of its errors says what to do.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fh_notebook.batching.model import BatchStopped
from fh_notebook.core.config.urls import hostname, is_loopback
from fh_notebook.core.rate import Rate
from fh_notebook.core.text.formatting import type_text
from fh_notebook.errors import SettingsError
from fh_notebook.scaling.cluster.limits import PermitFeeder, drain_permits, leases_of, lower_leases
from fh_notebook.scaling.cluster.runner import ClusterLost, MessageHandler
from fh_notebook.scaling.protocol import BatchSpec, PartitionResult, PartitionSurvey, PartitionTask, encode_stop
from fh_notebook.scaling.storage.files import check_folder
from fh_notebook.scaling.survey import survey
from fh_notebook.scaling.worker.credentials import key_receiver, send_key
from fh_notebook.scaling.worker.dask_budget import ENDED, host_of, name_of
from fh_notebook.scaling.worker.partition import run_partition
from fh_notebook.session import session

if TYPE_CHECKING:
    from fh_notebook.client.clients import Client


def check_cluster(dask: Any, client: Client) -> None:
    """Raise where workers cannot reach the service; say it once where the key would travel in the clear."""
    if isinstance(dask, str):
        raise SettingsError(f"dask is a string; give distributed.Client({dask!r}), or None for threads here")
    if not hasattr(dask, "scheduler") or not hasattr(dask, "register_plugin"):
        raise SettingsError(f"dask is {type_text(dask)}; give a distributed.Client, or None for threads here")
    if dask.asynchronous:
        raise SettingsError(
            "dask is an asynchronous client; give distributed.Client(address), without asynchronous=True"
        )
    if dask.status != "running":
        raise SettingsError("the Dask client is closed; make a new one, and run the cell again with dask=...")
    connection = client.aclient.connection
    if connection.open_transport is not None:
        raise SettingsError(
            "workers cannot reach a hive inside this process; serve it (hive.serve()) and give a client of its "
            "url, or leave dask= out"
        )
    address = str(dask.scheduler.address if dask.scheduler is not None else "")
    if not address.startswith(("tls://", "wss://", "inproc://")) and not is_loopback(hostname(address)):
        session.tell_once(
            f"The cluster at {address} is not encrypted (TLS): a worker that has no API key of its own gets yours "
            "unencrypted. Set FETCH_HIVE_API_KEY where the workers run, or use TLS."
        )


STOP_WAIT_S: Final = 5.0
"""So long the end of a round waits at most for a stop that is still on its way to the scheduler."""


class Cluster:
    """The workers of a Dask cluster.

    Parameters
    ----------
    dask : distributed.Client
        The user's own.
    client : Client
        Whose key the workers need.
    """

    def __init__(self, dask: Any, client: Client) -> None:
        self._dask = dask
        self._client = client
        self._spec: BatchSpec | None = None
        self._futures: list[Any] = []
        self._feeding: threading.Event = threading.Event()
        self._telling = threading.Lock()
        self._stopping: threading.Thread | None = None
        self._numbers: list[int] = []
        self._begun: set[int] = set()
        self._is_shared = False
        self._is_stopped = self._is_paused = False
        self.leases: int | None = None
        check_cluster(dask, client)

    # --- looking

    async def survey(self, partitions: Sequence[Any], spec: BatchSpec) -> list[PartitionSurvey]:
        """Look at every partition, on the workers."""
        import dask

        await asyncio.to_thread(self._dask.register_plugin, key_receiver())
        tasks = [dask.delayed(_survey, pure=False)(p, spec, n) for n, p in enumerate(partitions)]
        try:
            futures = self._dask.compute(tasks)
            return [await self._result(future) for future in futures]
        finally:
            tasks.clear()

    # --- a round

    def begin(
        self,
        spec: BatchSpec,
        on_message: MessageHandler,
        *,
        calls: int | None,
        spent: BatchStopped | None,
        rate: Rate | None,
    ) -> None:
        """Begin a round; what the workers share is made with the first of its partitions. Returns at once."""
        self.leases = self._leases(spec.max_concurrency)
        self._spec = replace(spec, leases=self.leases)
        self._loop, self._on_message = asyncio.get_running_loop(), on_message
        self._is_shared = False
        self._is_stopped = self._is_paused = False
        self._stopping = None
        self._permit_options: dict[str, Any] = {"calls": calls, "spent": spent, "rate": rate}

    def _leases(self, number: int | None) -> int:
        """Return the leases of a round within the lowest ceiling: that of the batch, the client, or ``configure``."""
        ceiling = min((most for most in (number, self._client.limiter.most) if most is not None), default=None)
        return leases_of(ceiling, self._client.limiter.learned)

    async def _share(self, spec: BatchSpec) -> None:
        from distributed import Event, Queue, Semaphore, Variable

        dask = self._dask

        def make() -> None:
            dask.register_plugin(key_receiver())
            self._stop = Event(name_of(spec.run, "stop"), client=dask)
            self._why = Variable(name_of(spec.run, "why"), client=dask)
            self._pause = Event(name_of(spec.run, "pause"), client=dask)
            places = name_of(spec.run, "places")
            self._places = Semaphore(spec.leases, places, scheduler_rpc=dask.scheduler, loop=dask.loop)
            self._places.register()
            self._permits = Queue(name_of(spec.run, "permits"), client=dask) if spec.metered else None
            dask.subscribe_topic(name_of(spec.run, "events"), self._handle_event)

        await asyncio.to_thread(make)
        self._is_shared = True
        self._feeding = threading.Event()
        if self._permits is not None:
            feeder = PermitFeeder(self._dask, self._permits, self._feeding, **self._permit_options)
            threading.Thread(target=feeder.feed, daemon=True, name="fh-permits").start()

    def run(self, partitions: Sequence[Any], tasks: Sequence[PartitionTask]) -> list[asyncio.Future[PartitionResult]]:
        """Run partitions on the workers."""
        spec = self._spec
        assert spec is not None, "call begin() before run()"  # noqa: S101 - a defect of ours
        submission: asyncio.Future[list[Any]] = asyncio.ensure_future(self._submit(spec, partitions, tasks))

        async def one(index: int) -> PartitionResult:
            futures = await asyncio.shield(submission)
            done: PartitionResult = await self._result(futures[index])
            return done

        return [asyncio.ensure_future(one(index)) for index in range(len(tasks))]

    async def _submit(self, spec: BatchSpec, partitions: Sequence[Any], tasks: Sequence[PartitionTask]) -> list[Any]:
        import dask

        await self._share(spec)
        if self._is_paused:
            await asyncio.to_thread(self._tell_pause)
        if self._is_stopped:  # while all that was made: nothing is handed out
            raise ClusterLost("stopped before it began")
        self._numbers = [task.number for task in tasks]
        results = [
            dask.delayed(_run, pure=False)(p, spec, task, dask_key_name=f"fetchhive-{spec.run}-{task.number}")
            for p, task in zip(partitions, tasks, strict=True)
        ]
        self._futures = await asyncio.to_thread(self._dask.compute, results)
        return self._futures

    async def _result(self, future: Any) -> Any:
        """Await one result, without a thread that waits for it."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def wake(_: Any) -> None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(ended.set)

        future.add_done_callback(wake)
        await ended.wait()
        if future.status in ("cancelled", "lost"):
            raise ClusterLost(future.status)
        try:
            return await asyncio.to_thread(future.result)
        except SettingsError:
            raise
        except Exception as exc:
            if type(exc).__name__ in ("FutureCancelledError", "CancelledError", "CommClosedError"):
                raise ClusterLost(type(exc).__name__) from None
            raise

    def stop(self, stopped: BatchStopped) -> None:
        """Stop all partitions; those that have not begun are taken back."""
        self._is_stopped = True
        if self._spec is None or not self._is_shared:
            return

        def tell() -> None:
            with suppress(Exception):  # the scheduler has gone: there is nobody to tell
                self._why.set(json.dumps(encode_stop(stopped)))
                self._stop.set()
                pairs = zip(self._numbers, self._futures, strict=False)
                waiting = [f for number, f in pairs if number not in self._begun and not f.done()]
                self._dask.cancel([f for f in waiting if f.status == "pending"], force=False)

        self._feeding.set()
        self._stopping = threading.Thread(target=tell, daemon=True)
        self._stopping.start()

    def note_begun(self, number: int) -> None:
        """Note that a partition is being called: it is not taken back, but comes in with what it has."""
        self._begun.add(number)

    def pause(self, paused: bool) -> None:
        """Pause them all, or have them go on."""
        self._is_paused = paused
        if self._spec is not None and self._is_shared:
            threading.Thread(target=_call_quietly, args=(self._tell_pause,), daemon=True).start()

    def _tell_pause(self) -> None:
        with self._telling:  # one after the other, by what holds then: of two clicks the last one counts
            (self._pause.set if self._is_paused else self._pause.clear)()

    def retune(self, max_concurrency: int | None) -> bool:
        """Return whether another ceiling of calls at once takes another round: leases are fixed for one."""
        return self._spec is not None and self._leases(max_concurrency) != self.leases

    def lower(self) -> bool:
        """Have fewer leases from the next round on, and fewer calls of this process; return whether there can be."""
        if self.leases is None or self.leases == 1:
            return False
        self._client.limiter.taught(lower_leases(self.leases))
        return True

    async def end(self) -> int | None:
        """End the round: workers close what they hold, and the scheduler forgets it."""
        spec, self._spec = self._spec, None
        is_shared, self._is_shared = self._is_shared, False
        self._futures, self._begun = [], set()
        if spec is None or not is_shared:
            return None
        self._feeding.set()
        return await asyncio.to_thread(self._end, spec)

    def _end(self, spec: BatchSpec) -> int | None:
        left: int | None = None
        if self._stopping is not None:  # else its reason could come after that of the end, which nobody would hear
            self._stopping.join(STOP_WAIT_S)
        if self._dask.status != "running":
            return None
        with suppress(Exception):  # the scheduler has gone, and all of it with it
            # First: who has not stopped yet, since it did not come in, must not find places that were set free.
            self._why.set(json.dumps(encode_stop(BatchStopped(reason=ENDED, detail=""))))
            self._stop.set()
            if self._permits is not None:
                left = drain_permits(self._permits)
                self._permits.close()
            self._dask.unsubscribe_topic(name_of(spec.run, "events"))
            self._dask.run_on_scheduler(_forget_topic, name_of(spec.run, "events"))
            self._dask.run_on_scheduler(_close_places, name_of(spec.run, "places"))
            self._places.close()
        return left

    # --- what comes from the workers

    def _handle_event(self, event: Any) -> None:
        _, message = event
        if message.get("kind") == "key":
            args = (self._dask, message["worker"], self._client.workspace, self._client.aclient.connection.key)
            threading.Thread(target=_call_quietly, args=(send_key, *args), daemon=True).start()
            return
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._on_message, message)


def _call_quietly(call: Callable[..., object], *arguments: Any) -> None:
    with suppress(Exception):
        call(*arguments)


def _survey(frame: Any, spec: BatchSpec, number: int) -> PartitionSurvey:
    check_folder(spec)
    return survey(frame, spec, number)


def _run(frame: Any, spec: BatchSpec, task: PartitionTask) -> PartitionResult:
    return run_partition(frame, spec, task, host_of)


def _forget_topic(topic: str, dask_scheduler: Any = None) -> None:
    """Have the scheduler forget the events of a round: they hold answers where somebody hears every event."""
    for events in (getattr(dask_scheduler, "events", None), getattr(dask_scheduler, "_broker", None)):
        topics: Any = getattr(events, "_topics", events)
        if hasattr(topics, "pop"):
            topics.pop(topic, None)


def _close_places(name: str, dask_scheduler: Any = None) -> None:
    # In one step: places that are set free first would be taken by who has not heard of the end yet. The scheduler
    # would warn of what is held or waited for at the end, which here is as it should be.
    semaphores = dask_scheduler.extensions["semaphores"]
    if name in semaphores.max_leases:
        semaphores.leases[name].clear()
        semaphores.metrics["pending"].pop(name, None)
        semaphores.close(name)
