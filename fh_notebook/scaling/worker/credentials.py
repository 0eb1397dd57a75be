"""Credentials of a worker: a key of its own environment or keyring, or a key that the notebook sends to it.

The key is in no task, graph, log or spilled file. A worker without a key asks for it; the notebook then sends it to
this worker alone, in a message that the scheduler forwards without reading or storing it. It goes over the connections
of the cluster, which should use TLS.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

from fh_notebook.client.clients import AsyncClient, Client
from fh_notebook.core.config import resolution
from fh_notebook.core.redaction import MASK, Secret
from fh_notebook.errors import SettingsError
from fh_notebook.scaling.protocol import BatchSpec
from fh_notebook.session import session

KEY_OPERATION: Final = "fh_notebook_key"
"""The name of the message."""
PLUGIN_NAME: Final = "fh-notebook"
KEY_WAIT_S: Final = 30.0
"""How long a worker waits for a key that it has asked for."""

_keys: dict[str, Secret] = {}
_key_received = threading.Condition()


class KeyMessage:
    """A key on its way: pickled for one message, and never shown."""

    __slots__ = ("_key",)

    def __init__(self, key: str) -> None:
        self._key = Secret(key)

    @property
    def key(self) -> Secret:
        return self._key

    def __repr__(self) -> str:
        return MASK

    def __reduce__(self) -> tuple[type[KeyMessage], tuple[str]]:
        return (KeyMessage, (self._key.reveal(),))


def receive_key(workspace: str, handed: KeyMessage) -> str:
    """Take a key in: what a worker does with the message."""
    with _key_received:
        _keys[workspace] = handed.key
        _key_received.notify_all()
    return "ok"


def key_receiver() -> Any:
    """Return the worker's plugin that takes in keys. It has no key: the scheduler keeps it."""
    from distributed import WorkerPlugin

    class KeyReceiver(WorkerPlugin):  # type: ignore[misc,unused-ignore]  # untyped where Dask is missing
        name = PLUGIN_NAME
        idempotent = True

        def setup(self, worker: Any) -> None:

            worker.handlers[KEY_OPERATION] = receive_key
            ignore_interrupts()

    return KeyReceiver()


def ignore_interrupts() -> None:
    """Ignore SIGINT in a process that a nanny has started: the notebook itself tells workers when to stop.

    Jupyter's Stop, and Ctrl+C in a terminal, go to the whole process group: the workers of a ``LocalCluster`` would die
    of it at once, with the calls that they have out, and the cluster with them.
    """
    started_by_a_nanny = multiprocessing.parent_process() is not None
    if started_by_a_nanny and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def send_key(client: Any, worker: str, workspace: str, key: Secret) -> None:
    """Send the key of a workspace to one worker."""
    from distributed.protocol import to_serialize

    message = {"op": KEY_OPERATION, "workspace": workspace, "handed": to_serialize(KeyMessage(key.reveal()))}
    client.sync(client.scheduler.broadcast, msg=message, workers=[worker])


def client_of(spec: BatchSpec, limiter: Any, *, request_key: Callable[[], None]) -> Client:
    """Return a client with this worker's own key of the workspace, or one that was handed over."""
    key = _own_key(spec) or _received_key(spec, request_key)
    base = session.connection(api_key=key, base_url=spec.base_url, timeout=spec.timeout_s, verify=spec.verify)
    connection = replace(
        base,
        limiter=limiter,
        workspace=spec.workspace,
        max_response_bytes=spec.max_response_bytes,
        pending_registry=lambda: None,
    )
    return Client.over(AsyncClient.over(connection))


def _own_key(spec: BatchSpec) -> Secret | None:
    """The key that this worker has itself, where it is that of the workspace."""
    key = resolution.find_key(base_url=spec.base_url).key
    if key is None:
        return None
    return key if spec.is_named or _fingerprint(key) == spec.workspace.rpartition("#")[2] else None


def _fingerprint(key: Secret) -> str:
    return sha256(key.reveal().encode()).hexdigest()[:12]


def _received_key(spec: BatchSpec, request_key: Callable[[], None]) -> Secret:
    with _key_received:
        if spec.workspace in _keys:
            return _keys[spec.workspace]
        request_key()
        if not _key_received.wait_for(lambda: spec.workspace in _keys, KEY_WAIT_S):
            raise SettingsError(
                "a worker has no key of this workspace, and none arrived from the notebook; set "
                "FETCH_HIVE_API_KEY where the workers run"
            )
        return _keys[spec.workspace]
