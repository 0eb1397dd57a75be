"""Session: the composition root, which connects client, store, local hive and limiter.

Rules of this file:

1. A name is looked up again at each call, since the file may have been edited. A broken file is no error for a caller
   who needs none of it.
2. An answer is paid for: an error while it is stored is shown once, and the answer is returned.
3. The default client of the process is made here. So are the limiters, one per workspace, and the stores, one per file.
   Every run of a client is stored.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from fh_notebook.client.callbacks.receiver import CallbackReceiver
from fh_notebook.client.clients import AsyncClient, Client
from fh_notebook.client.connection import WITHOUT_KEY, Connection
from fh_notebook.client.error_catalog import ErrorCatalogCache
from fh_notebook.client.polling import WorkspaceLookUps
from fh_notebook.client.profile import Profile, profile_from_json, profile_to_json
from fh_notebook.contract.catalog.deployments import LOCAL_SOURCE, Deployments, misspelling_error
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.run import Run
from fh_notebook.contract.secrets import Secrets
from fh_notebook.core import hooks
from fh_notebook.core.arguments import public
from fh_notebook.core.config import credentials, resolution, settings
from fh_notebook.core.config.urls import LOCAL, hostname, is_loopback, origin
from fh_notebook.core.files import KEPT_FILES
from fh_notebook.core.redaction import Secret, as_secret, log, redact
from fh_notebook.core.text.formatting import short, type_text
from fh_notebook.errors import FetchHiveError, SettingsError, StoreError
from fh_notebook.session.limiter import BoundedLimiter, ConcurrencyLimiter
from fh_notebook.store.catalog_file import catalogue
from fh_notebook.version import __version__

if TYPE_CHECKING:
    from fh_notebook.local.hive import LocalHive
    from fh_notebook.store.pending_runs import PendingRuns
    from fh_notebook.store.store import Store


def catalogue_deployments() -> Deployments:
    """Return the deployments of the catalogue's file; none where there is no file."""
    return catalogue()


def hive_deployments(hive: LocalHive) -> Deployments:
    return Deployments((deployment, LOCAL_SOURCE) for deployment in hive.deployments())


def known_deployments(hive: LocalHive) -> Deployments:
    """Return the deployments of a hive, then those of the catalogue."""
    tables = (hive_deployments(hive), catalogue_deployments())
    return Deployments((table[name], table.source_of(name)) for table in tables for name in table)


def deployment_finder(*sources: Callable[[], Deployments]) -> Callable[[str], Deployment | None]:
    """Return a function that looks a name up in one source after the other, each read again at each call.

    A source is read only for names that the sources before it do not have: a broken file is no error for a caller who
    needs none of it.
    """

    def find(name: str) -> Deployment | None:
        deployments = Deployments()
        for load in sources:
            deployments = load()
            if name in deployments:
                return deployments[name]
        if (slip := misspelling_error(name, deployments)) is not None:  # the last source has all that are known
            raise slip
        return None

    return find


def _finder_of_hive(hive: LocalHive) -> Callable[[str], Deployment | None]:
    return deployment_finder(lambda: hive_deployments(hive), lambda: known_deployments(hive))


def find_deployment_at(address: str, name: str) -> Deployment | None:
    """Look a name up as the clients of an address do; none is made, so no key is needed."""
    find = _finder_of_hive(local_hive()) if address == LOCAL else deployment_finder(catalogue_deployments)
    return find(name)


class RunRecorder:
    """Stores the runs of one workspace.

    Parameters
    ----------
    store : function
        Returns the store of the settings at that moment; ``None`` where nothing is stored.
    counts : function
        Returns the store where requests are counted at that moment: with ``store=None``, too.
    find_workspace : function
        Returns the workspace of the runs.
    tell : function of str
        Shows the user a message, once.
    """

    def __init__(
        self,
        store: Callable[[], Store | None],
        counts: Callable[[], Store],
        find_workspace: Callable[[], str],
        tell: Callable[[str], None],
    ) -> None:
        self._store = store
        self._counts = counts
        self._find_workspace = find_workspace
        self._tell = tell
        # Now, not when a call was cut off: an import on another thread at Python's end changes its exit status.
        import fh_notebook.store.store  # noqa: F401 - so that it is there at the first call

    async def keep(self, run: Run, secrets: Secrets) -> None:
        """Store a run that has ended."""
        try:
            store = self._store()
            if store is not None:
                await store.answers.keep(run, self._find_workspace(), secrets=secrets)
                log.debug("saved %s", run.summary())
        except Exception as exc:
            # Any error: the answer is paid for, so it is returned, and the error is shown once.
            self._tell(f"The answer was not saved: {redact(str(exc))}")

    def count(self, kind: Any, requests: int, at: datetime | None = None) -> None:
        """Count requests that are about to be sent, or take back what was counted at a moment; returns at once."""
        try:
            self._counts().requests.count(self._find_workspace(), requests, kind=kind, at=at)
        except StoreError as exc:
            self._tell(f"Requests are not counted against daily_cap: {redact(str(exc))}")

    def left_today(self) -> int | None:
        """Return how many requests the configured daily cap leaves; ``None`` without one, or where none are counted."""
        if (cap := settings.current().daily_cap) is None:
            return None
        try:
            return max(0, cap - self._counts().requests.on_day(self._find_workspace(), datetime.now(UTC)))
        except StoreError:  # it is told where they are counted
            return None

    async def counted(self) -> None:
        """Return when everything that was counted is written."""
        with suppress(StoreError):  # it is told where they are counted
            await self._counts().requests.written()

    def pending_registry(self) -> PendingRuns | None:
        """Return the registry of pending runs; ``None`` without a store, or with one that cannot be opened."""
        from fh_notebook.store.pending_runs import PendingRuns

        try:
            store = self._store()
        except StoreError as exc:
            self._tell(f"Runs that are waited for are not saved: {redact(str(exc))}")
            return None
        return None if store is None else PendingRuns(store, self._find_workspace(), tell=self._tell)


LOCAL_URL: Final = "http://local/v1"
"""The address of a hive in process: nothing listens there, the transport is the hive itself."""

NO_KEY_NEEDED: Final = "local"

_HINTS: Final = f"{credentials.LOGIN_HINT}; or set {credentials.KEY_NAME}, or fh.configure(api_key=...)"


class _State:
    """Objects of this process; new after ``os.fork``, where locks and files are the parent's."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.limiters: dict[str, BoundedLimiter] = {}
        self.look_ups: dict[str, WorkspaceLookUps] = {}
        self.stores: dict[str, Store] = {}
        self.in_memory: WeakSet[Store] = WeakSet()
        """Of batches of which nothing is saved; each ends with its batch."""
        self.memory: Store | None = None
        """Of what people say, and of the requests that are counted, while nothing is saved."""
        self.client: Client | None = None
        self.client_of: object = None
        self.retired: list[Client] = []
        """Of earlier settings: a batch in the background may still use one, so none is closed before `reset`."""
        self.error_catalogs: dict[str, ErrorCatalogCache] = {}
        self.hive: LocalHive | None = None
        self.notices: set[str] = set()
        self.receiver: CallbackReceiver | None = None
        self.variants: dict[str, tuple[str, ...]] = {}
        """Of the deployments that were used, by their names."""
        self.profiles: dict[str, str] = {}
        """Of local hives, by workspace: what one of this process does says nothing of the next one of its name."""


_state = _State()


def _after_fork() -> None:
    global _state
    _state = _State()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def reset() -> None:
    """Close what this process has open and forget it: the store's files and the session's client."""
    global _state
    ended, _state = _state, _State()
    if ended.receiver is not None:
        ended.receiver.stop()
    for client in (ended.client, *ended.retired):
        if client is not None:
            client.close()
    KEPT_FILES.forget_later()
    for opened in ended.stores.values():
        opened.close()
    if ended.memory is not None:
        ended.memory.requests.forget()
        ended.memory.close()


def limiter(workspace: str, max_concurrency: int | None = None) -> BoundedLimiter:
    """Return the limiter of a workspace, within the ceiling of ``configure`` and that of a client."""
    with _state.lock:
        if workspace not in _state.limiters:
            # Without a ceiling of its own it has that of `configure`, at each moment. It is separate from the adaptive
            # limiter for the runs that bypass that one: by callback and by polling.
            adaptive = ConcurrencyLimiter(find_admits=lambda: _probed_concurrency(workspace))
            _state.limiters[workspace] = BoundedLimiter(adaptive, ConcurrencyLimiter(adapts=False))
        shared = _state.limiters[workspace]
    return (
        shared if max_concurrency is None else BoundedLimiter(shared, ConcurrencyLimiter(max_concurrency, adapts=False))
    )


def _look_ups(workspace: str) -> WorkspaceLookUps:
    with _state.lock:
        return _state.look_ups.setdefault(workspace, WorkspaceLookUps())


def profile_of(workspace: str) -> Profile | None:
    """Return what `fh.probe` has observed of a workspace's service; ``None``: nothing is saved. No file is made."""
    if _is_of_hive(workspace):
        return profile_from_json(_state.profiles.get(workspace, ""))
    try:
        if (path := resolution.store_path()) is None:
            return profile_from_json(_state.profiles.get(workspace, ""))
        opened = store() if path.expanduser().exists() else None
        text = None if opened is None else opened.profiles.of_workspace(workspace)
        return None if text is None else profile_from_json(text)
    except Exception as exc:  # whatever it is: a call goes out without a profile, too
        log.debug("the profile was not read: %s", redact(str(exc)))
        return None


async def keep_profile(workspace: str, profile: Profile) -> bool:
    """Keep what was observed of a workspace's service, and return ``False`` where it should be saved and is not.

    That of a local hive, and of any service with ``store=None``, is kept until the process ends.
    """
    text, is_of_hive = profile_to_json(profile), _is_of_hive(workspace)
    if is_of_hive or (opened := store()) is None:
        _state.profiles[workspace] = text
        return is_of_hive
    await opened.profiles.keep(workspace, text)
    return True


def forget_profile(workspace: str | None) -> None:
    """Remove the profile of one workspace, or (``None``) all of them."""
    for kept in [*_state.profiles] if workspace is None else [workspace]:
        _state.profiles.pop(kept, None)
    if (opened := store()) is not None:
        opened.profiles.forget(workspace).result()


def _is_of_hive(workspace: str) -> bool:
    return workspace.partition("#")[0] == LOCAL


def _probed_concurrency(workspace: str) -> int | None:
    profile = None if _is_of_hive(workspace) else profile_of(workspace)
    return None if profile is None else profile.concurrency


def workspaces_in_use() -> list[str]:
    """Return the workspaces that this process has had a client for, also those without an answer."""
    with _state.lock:
        return list(_state.limiters)


def store() -> Store | None:
    """Return the store of saved answers, opened if needed; ``None`` when nothing is to be saved."""
    path = resolution.store_path()
    if path is None:
        return None
    with _state.lock:
        opened = _state.stores.get(str(path))
        # One that was rescued goes on in another file, until there is one at its own place again.
        if opened is None or (opened.rescued_from is not None and opened.rescued_from.exists()):
            from fh_notebook.store.store import Store

            _state.stores[str(path)] = _forget_expired(Store(path))
        return _state.stores[str(path)]


def store_or_memory() -> Store:
    """Return the store of what people say of outputs, and of the requests that are counted.

    With ``store=None`` it is one in memory, until the process ends.
    """
    return store() or _memory()


def _memory() -> Store:
    """Return this process's own store in memory."""
    with _state.lock:
        if _state.memory is None:
            from fh_notebook.store.store import Store

            _state.memory = Store.in_memory()
        return _state.memory


def _close_earlier_stores(before: settings.Settings, now: settings.Settings) -> None:
    """Close the stores of earlier settings that are not in use and would lose nothing."""
    if before.store == now.store:
        return
    current = str(resolution.store_path())
    with _state.lock:
        earlier = [opened for path, opened in _state.stores.items() if path != current]
    for opened in earlier:
        if not opened.is_in_use and not opened.is_lost:
            opened.close()


settings.listeners.append(_close_earlier_stores)


def stores() -> list[Store]:
    """Return the stores that this process has open, also those of earlier settings."""
    with _state.lock:
        return list(_state.stores.values())


def store_in_memory() -> Store:
    """Return a new store for a batch of which nothing is to be saved (``store=None``).

    It ends with the batch. Its requests are counted with those of all others in memory, until the process ends.
    """
    from fh_notebook.store.store import Store

    memory = Store.in_memory()
    _memory().database.connect()  # what is counted ends with the last store in memory that is open
    with _state.lock:
        _state.in_memory.add(memory)
    return memory


def stores_in_memory() -> list[Store]:
    """Return the stores of the batches of this process of which nothing is saved, and which are there still."""
    with _state.lock:
        return list(_state.in_memory)


def _forget_expired(store: Store) -> Store:
    """Forget answers older than ``configure(retention_days=)``, and return the store; once per process and store."""
    days = settings.current().retention_days
    if days is not None:
        from fh_notebook.store.retention import ForgetFilter

        selection = ForgetFilter(before=datetime.now(UTC) - timedelta(days=days))
        if any("parts" in record.plan for record in store.batches.every()):
            hooks.partitions().forget_files(store, selection)
        store.forget(selection)
    return store


def receiver() -> CallbackReceiver:
    """Return this process's own receiver of callbacks, which only this machine reaches; not started yet."""
    with _state.lock:
        if _state.receiver is None:
            _state.receiver = CallbackReceiver()
        return _state.receiver


def tell_once(text: str) -> None:
    """Tell the user something, once in this process."""
    with _state.lock:
        if text in _state.notices:
            return
        _state.notices.add(text)
    hooks.frontend().notice(text)


def connection(
    *,
    api_key: str | Secret | None = None,
    base_url: Any = None,
    timeout: float | None = None,
    transport: Any = None,
    proxy: Any = None,
    verify: Any = True,
    max_concurrency: int | None = None,
    workspace_id: str | None = None,
) -> Connection:
    """Return the connection for a client's arguments; :mod:`fh_notebook.core.config.resolution` has the order."""
    api_key = as_secret(api_key)
    timeout_s = settings.current().timeout_s if timeout is None else settings.positive(timeout, "timeout")
    address, is_chosen = resolution.find_base_url(None if base_url is None else str(base_url))
    key, source, hints = (
        resolution.find_key(api_key, base_url=address) if address != LOCAL else resolution.ResolvedKey()
    )
    if address == LOCAL or (key is None and not is_chosen and transport is None):
        if not is_chosen:
            _tell_of_local_hive(hints)
        return connection_of_hive(
            local_hive(), max_concurrency=max_concurrency, timeout_s=timeout_s, workspace_id=workspace_id
        )
    if key is None:
        host = hostname(address)
        if not is_loopback(host) and transport is None:
            raise SettingsError("; ".join([f"no API key is set for {host}", *hints, _HINTS]))
        key, source = Secret(NO_KEY_NEEDED), WITHOUT_KEY
    current = settings.current()
    host_origin = origin(address)
    workspace = workspace_at(address, key)
    recorder = RunRecorder(store, store_or_memory, lambda: workspace, tell_once)
    return Connection(
        base_url=address,
        key=key,
        key_source=source,
        origin=host_origin,
        workspace=workspace,
        find_profile=lambda: profile_of(workspace),
        find_workspace_id=partial(resolution.find_workspace_id, workspace_id),
        limiter=limiter(workspace, max_concurrency),
        look_ups=_look_ups(workspace),
        timeout_s=timeout_s,
        max_response_bytes=current.max_response_bytes,
        proxy=proxy,
        verify=_check_verify(verify, host_origin),
        open_transport=(lambda: transport) if transport is not None else None,
        error_catalog=_error_catalog(address),
        keep=recorder.keep,
        count=recorder.count,
        left_today=recorder.left_today,
        counted=recorder.counted,
        find_deployment=deployment_finder(catalogue_deployments),
        known_deployments=catalogue_deployments,
        pending_registry=recorder.pending_registry,
        receiver=receiver,
        tell=tell_once,
    )


def _error_catalog(address: str) -> ErrorCatalogCache:
    """Return the error catalogue of a service, one for all clients of this process; its file lies beside the store."""

    def find_path() -> Path | None:
        path = resolution.store_path()
        return None if path is None else path.expanduser().with_name(f"{path.name}.error_codes.json")

    with _state.lock:
        return _state.error_catalogs.setdefault(address, ErrorCatalogCache(address, find_path))


def _check_verify(verify: Any, service: str) -> Any:
    """Return the `verify` of a connection; warn the user where the certificate is not checked."""
    if type(verify).__name__ in ("bool", "bool_"):  # numpy's are another type
        verify = bool(verify)
    if verify is None or verify is True:
        return True
    if verify is False:
        tell_once(
            f"verify=False: the identity of {service} is not checked, so anyone on the network path to it can read"
            " the API key and change the answers; for a service with a certificate of your own give "
            "verify='ca-bundle.pem'"
        )
        return False
    if isinstance(verify, str | os.PathLike) and isinstance(bundle := os.fspath(verify), str) and bundle.strip():
        return bundle
    import ssl

    if isinstance(verify, ssl.SSLContext):
        return verify
    raise SettingsError(
        f"verify is {short(verify)}; give True, False, the path of a CA bundle, or an ssl.SSLContext (None means True)"
    )


def _tell_of_local_hive(hints: Iterable[str]) -> None:
    """Say, once, that the local hive is used since no key was found, and why."""
    sentences = ["No API key was found, so calls go to the local hive in this process, not to Fetch Hive."]
    tell_once(" ".join([*sentences, *(f"{hint}." for hint in hints), f"To connect: {_HINTS}."]))


def workspace_at(address: str, key: Secret | None) -> str:
    """Return the workspace of the clients of an address with a key; for the local hive, that of this process's own."""
    if address == LOCAL:
        hive = local_hive()
        return f"{LOCAL}#{hive.name or hive.instance}"
    return f"{origin(address)}#{_workspace_name(key or Secret(NO_KEY_NEEDED))}"


def _workspace_name(key: Secret) -> str:
    """Return the configured name, else the key's fingerprint: 48 bits of SHA-256, which do not reveal the key."""
    name = settings.current().workspace
    return name if isinstance(name, str) and name else sha256(key.reveal().encode()).hexdigest()[:12]


def connection_of_hive(
    hive: LocalHive,
    *,
    max_concurrency: int | None = None,
    timeout_s: float | None = None,
    workspace_id: str | None = None,
) -> Connection:
    """Return a connection to `hive` in process, with its key; where no `workspace_id` is given, with its own."""

    def find_workspace() -> str:
        return f"{LOCAL}#{hive.name or hive.instance}"

    workspace = find_workspace()
    recorder = RunRecorder(store, store_or_memory, find_workspace, tell_once)
    return Connection(
        base_url=LOCAL_URL,
        key=hive.api_key or Secret(NO_KEY_NEEDED),
        key_source="the local hive",
        origin=LOCAL,
        workspace=workspace,
        find_profile=lambda: profile_of(find_workspace()),
        find_workspace_id=lambda: workspace_id or hive.workspace_id,
        limiter=limiter(workspace, max_concurrency),
        look_ups=_look_ups(workspace),
        timeout_s=timeout_s or settings.current().timeout_s,
        max_response_bytes=settings.current().max_response_bytes,
        open_transport=hive.transport,
        error_catalog=ErrorCatalogCache(LOCAL_URL),
        find_workspace=find_workspace,
        keep=recorder.keep,
        count=recorder.count,
        left_today=recorder.left_today,
        counted=recorder.counted,
        find_deployment=_finder_of_hive(hive),
        known_deployments=lambda: known_deployments(hive),
        pending_registry=recorder.pending_registry,
        receiver=receiver,
        tell=tell_once,
    )


@public
def deployments(client: Client | AsyncClient | None = None) -> Deployments:
    """Return the known deployments: those of the local hive in use, then those of ``fetchhive.yaml``.

    Parameters
    ----------
    client : Client or AsyncClient, optional
        Whose deployments; ``None`` is the session's own client. Where none was made yet, none is made for it: then
        a key that lies in the keyring, or with Colab or Kaggle, is not known yet, and is not asked for.

    Raises
    ------
    InputError
        The catalogue's file cannot be read; every problem is told with its line.
    SettingsError
        The settings name no usable key or address.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> list(fh.deployments(fh.local.demo_hive().client()))
    ['support-triage']
    """
    if client is not None:
        return client_for(client).aclient.connection.known_deployments()
    present = _current_client()
    if present is not None:
        return present.aclient.connection.known_deployments()
    return known_deployments(local_hive()) if _would_be_local() else catalogue_deployments()


def note_variants(deployment: Deployment) -> None:
    """Note which variants a deployment has, and in which order: each is shown in the same colour everywhere."""
    _state.variants[deployment.name] = tuple(deployment.variants)


def known_variants(names: Iterable[str]) -> list[str]:
    """Return the variants of deployments as tables label them, in the order in which the deployments name them.

    They are those of the deployments that this process used, and of the known ones.

    Examples
    --------
    >>> note_variants(Deployment("triage", variants=["a", "b"]))
    >>> note_variants(Deployment("draft", variants=["a"]))
    >>> known_variants(["triage"]), known_variants(["triage", "draft"])
    (['a', 'b'], ['triage/a', 'triage/b', 'draft/a'])
    """
    # Here, since the first call of a process would else wait for all that reads snippets.
    from fh_notebook.contract.snippet.parser import is_placeholder

    wanted = list(dict.fromkeys(names))
    known: Mapping[str, Deployment] = {}
    if not _state.variants.keys() >= set(wanted):
        with suppress(FetchHiveError):  # a broken file is no error for who only looks at what was run
            known = deployments()
    for name in wanted:
        if name not in _state.variants and name in known:
            note_variants(known[name])
    labelled = [(name, v) for name in wanted for v in _state.variants.get(name, ()) if not is_placeholder(v)]
    return [variant if len(wanted) == 1 else f"{name}/{variant}" for name, variant in labelled]


def _would_be_local() -> bool:
    """Whether the session's own client, not made yet, would be of the local hive, by the keys that are at hand.

    A look at the table (or at the names, by Tab) is no reason to make a client, to say where calls would go, or to ask
    a keyring, which may ask the person.
    """
    address, is_chosen = resolution.find_base_url(None)
    return address == LOCAL or (not is_chosen and resolution.find_key(base_url=address, asking=False).key is None)


def find_workspace_id(client: Client | AsyncClient | None = None) -> str | None:
    """Return the service's id of the workspace of a client, ``None``: of the session's own, for which none is made.

    ``None`` is returned where no id is known.
    """
    present = _current_client() if client is None else client_for(client)
    if present is not None:
        return present.aclient.connection.find_workspace_id()
    return local_hive().workspace_id if _would_be_local() else resolution.find_workspace_id()


def own_workspace() -> str | None:
    """Return the workspace of the session's own client, for which none is made; ``None`` where it is not known yet."""
    if (present := _current_client()) is not None:
        return present.aclient.workspace
    if _would_be_local():
        return workspace_at(LOCAL, None)
    address, _ = resolution.find_base_url(None)
    key = resolution.find_key(base_url=address, asking=False).key
    return None if key is None else workspace_at(address, key)


def client_of_hive(hive: LocalHive) -> Client:
    """Return a client of `hive` in process (the hook of ``LocalHive.client()``)."""
    return Client.over(AsyncClient.over(connection_of_hive(hive)))


def local_hive() -> LocalHive:
    """Return this process's own hive, with the demo workflows."""
    with _state.lock:
        if _state.hive is None:
            from fh_notebook.local.demo import demo_hive

            # Named, so that an identical cell in a new kernel finds its answers; the workflows may change by version.
            _state.hive = demo_hive(name=f"demo-{__version__}")
        return _state.hive


def client_for(client: Client | AsyncClient | None = None) -> Client:
    """Return the client to use: the given one, or this process's own by the present settings."""
    if isinstance(client, Client):
        return client
    if isinstance(client, AsyncClient):
        return Client.over(client)
    if client is not None:
        raise SettingsError(f"client is {type_text(client)}; give fh.Client(...), or None for the session's own")
    if (present := _current_client()) is not None:
        return present
    # Made without the lock, which batches need for the store: a keyring may wait for the user. Of two clients made at
    # once the first is used; the other has opened nothing yet, so nothing of it must be closed.
    state, new = _client_settings(), Client()
    with _state.lock:
        if (present := _current_client()) is not None:
            return present
        if _state.client is not None:
            _state.retired.append(_state.client)
        _state.client, _state.client_of = new, state
    return new


def _client_settings() -> object:
    """Return the settings that the session's own client depends on."""
    return settings.current(), credentials.from_environment(), os.environ.get(credentials.ADDRESS_NAME)


def _current_client() -> Client | None:
    """Return the session's own client, if one was made with the current settings."""
    with _state.lock:
        return _state.client if _state.client_of == _client_settings() else None
