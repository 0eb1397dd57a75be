"""CallbackReceiver: accepts the outcomes of runs in this process and hands each to the run that waits for it.

Rules of this file:

1. A pending run claims its ids here, before or after its callback arrives. A callback is given to one claim, once;
   after an outcome without its output, the claim stays for a callback that brings it. A receiver may be used from any
   thread, and calls no other code while it holds its lock.
2. Signing secrets are in memory only, unless the keyring is requested; no repr, log or table has them.
3. `PublicEndpoint` never promises more than is known. A hub that requires a login of every caller is no public
   endpoint. A token that would open it stays out of the URL, which goes to the service and into its logs.
4. The self-test signs with a secret of the receiver's own, sends no data, and calls only the receiver's own addresses.

Facts: under JupyterHub (Binder is one) the server is at ``JUPYTERHUB_SERVICE_PREFIX``, and jupyter-server-proxy serves
a port of the machine at ``{prefix}proxy/{port}/`` to users who are logged in (its documentation, "Accessing Arbitrary
Ports"). No variable of a kernel has the public name of the host before JupyterHub 5, which sets
``JUPYTERHUB_PUBLIC_URL``.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets as random_secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from fh_notebook.client.callbacks.delivery import MAX_BODY_BYTES, DeliveryApp, DeliveryCounts, SigningSecrets
from fh_notebook.contract.callbacks import ids_of, is_outcome
from fh_notebook.contract.run import Run
from fh_notebook.contract.signing import KnownForms, RequestScheme
from fh_notebook.contract.wire import parse_event
from fh_notebook.core import arguments, event_loop
from fh_notebook.core.config.urls import EVERYWHERE, is_loopback, reachable_host
from fh_notebook.core.event_loop import on_loop
from fh_notebook.core.redaction import Secret, error_text, log
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import with_partial_repr
from fh_notebook.core.text.messages import Message, option
from fh_notebook.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fh_notebook.client.callbacks.server import ReceiverServer

MAX_UNCLAIMED: Final = 10_000

MAX_UNCLAIMED_BYTES: Final = 64 * 1024 * 1024
"""Of bodies. The oldest are dropped first."""

MAX_ENDED: Final = 100_000
"""Ids of runs that have ended, so that a repeated delivery is recognised."""

MAX_WITHOUT_OUTPUT: Final = 1_000
"""Ids of runs that have ended without their output, and take it from a later callback. Each holds its run."""


Take = Callable[[Run], None]

TakeOutput = Callable[[Run], bool]
"""Takes a callback that comes after the end of its run; returns whether it brought what was missing."""


class RunWaiters:
    """The claims of one receiver: who waits for which run.

    Parameters
    ----------
    tally : DeliveryCounts
        The counts to update.
    """

    def __init__(self, tally: DeliveryCounts) -> None:
        self._tally = tally
        self._lock = threading.Lock()
        self._takers: dict[str, Take] = {}
        self._unclaimed: OrderedDict[str, tuple[Run, int]] = OrderedDict()
        self._unclaimed_bytes = 0
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._without_output: OrderedDict[str, TakeOutput] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of ids of stored callbacks that nobody has claimed."""
        return len(self._unclaimed)

    def claim(self, ids: Iterable[str], take: Take) -> None:
        """Have `take` called with each callback of a run; at once with those that have arrived already."""
        runs: list[Run] = []
        with self._lock:
            for id_ in ids:
                if (unclaimed := self._unclaimed.pop(id_, None)) is not None:
                    self._unclaimed_bytes -= unclaimed[1]
                    if all(unclaimed[0] is not run for run in runs):  # a callback with two ids is stored under both
                        runs.append(unclaimed[0])
                self._takers[id_] = take
        for run in runs:
            self.hand(run)

    def disclaim(self, ids: Iterable[str], *, ended: bool, take_output: TakeOutput | None = None) -> None:
        """End the wait for a run; when it has `ended`, a further delivery for it counts as repeated.

        With `take_output` its output is missing: a further delivery is passed there first.
        """
        with self._lock:
            for name in ids:
                self._takers.pop(name, None)
                if ended:
                    self._ended[name] = None
                    self._without_output.pop(name, None)
                if take_output is not None:
                    self._without_output[name] = take_output
            while len(self._without_output) > MAX_WITHOUT_OUTPUT:
                self._without_output.popitem(last=False)
            while len(self._ended) > MAX_ENDED:
                self._ended.popitem(last=False)

    def hand(self, run: Run, size: int = 0) -> None:
        """Pass a callback of `size` bytes to the claim of its run, now or later."""
        ids = ids_of(run)
        with self._lock:
            take = next((self._takers[name] for name in ids if name in self._takers), None)
            take_output = next((self._without_output[name] for name in ids if name in self._without_output), None)
            if take is None and take_output is None:
                self._keep(run, ids, size)
        if take is not None:
            take(run)
        elif take_output is not None and not take_output(run):
            self._tally.repeated += 1

    def _keep(self, run: Run, ids: tuple[str, ...], size: int) -> None:
        """Store a callback until it is claimed. The lock is held."""
        if any(name in self._ended for name in ids):
            self._tally.repeated += 1
            return
        if any(name in self._unclaimed and is_outcome(self._unclaimed[name][0]) for name in ids):
            self._tally.repeated += 1  # the first outcome counts, and a status "running" after it does not
            return
        self._tally.unclaimed += 1
        for name in ids:
            before = self._unclaimed.pop(name, None)
            self._unclaimed_bytes += size - (before[1] if before else 0)
            self._unclaimed[name] = (run, size)
        while len(self._unclaimed) > MAX_UNCLAIMED or self._unclaimed_bytes > MAX_UNCLAIMED_BYTES:
            _, (_, size_dropped) = self._unclaimed.popitem(last=False)
            self._unclaimed_bytes -= size_dropped
            self._tally.dropped += 1


# --- the address of a receiver

MIN_PATH: Final = 16
"""Characters of the last part of an address, when the user gives it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicEndpoint:
    """The address of a receiver, and who reaches it."""

    base: str
    """The address of the receiver's root, as callers are given it; without a slash at its end."""
    outside: bool
    """Whether callers beyond this machine are meant to reach it: the user gave a public URL."""
    browser: str = ""
    """The address for the user's own browser, where a Jupyter proxy gives it one."""
    told: str
    """The same in words."""


def check_path(path: str) -> str:
    """Return the last part of a receiver's address."""
    if not isinstance(path, str) or len(path) < MIN_PATH or not path.replace("-", "").replace("_", "").isalnum():
        raise SettingsError(
            f"path must be at least {MIN_PATH} letters, digits, - and _, and hard to guess; leave it out, and save"
            " receiver.path to use it again"
        )
    if not path.isascii():
        raise SettingsError("path has non-ASCII characters; leave it out, and save receiver.path to use it again")
    return path


def check_public_url(url: str) -> str:
    """Return a public URL without a slash at its end.

    Examples
    --------
    >>> check_public_url("https://hooks.example.com/fh/")
    'https://hooks.example.com/fh'
    """
    try:
        parts = urlsplit(str(url).strip())
        host, _ = parts.hostname, parts.port
    except ValueError as exc:
        raise SettingsError(Message("{} is not an address ({})", (option("public_url"), str(exc)))) from None
    if parts.scheme not in ("http", "https") or not host:
        raise SettingsError(
            Message("{} is not an http(s) address; give what the tunnel shows, https://...", (option("public_url"),))
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingsError(
            Message(
                "{} has a user, a query or a fragment; give the plain address, since it is sent to the service",
                (option("public_url"),),
            )
        )
    return parts.geturl().rstrip("/")


def endpoint_of(*, host: str, port: int, public_url: str | None, environment: Mapping[str, str]) -> PublicEndpoint:
    """Return who reaches a receiver that listens at `host` and `port`.

    Examples
    --------
    >>> print(endpoint_of(host="127.0.0.1", port=8787, public_url=None, environment={}).told)
    Only programs on this machine can reach it. For Fetch Hive, give public_url= (a tunnel, a reverse proxy); otherwise runs are waited for by polling.
    """  # noqa: E501 - what is printed is one line
    local = f"http://{reachable_host(host)}:{port}"
    if public_url is not None:
        is_local = is_loopback(urlsplit(public_url).hostname or "")
        message = (
            f"{public_url} is this machine's own address: no other machine can reach it."
            if is_local
            else f"Callers reach it at {public_url}, as given; receiver.self_test() checks that."
        )
        return PublicEndpoint(base=public_url, outside=not is_local, told=message)
    hint = "For Fetch Hive, give public_url= (a tunnel, a reverse proxy)"
    if prefix := environment.get("JUPYTERHUB_SERVICE_PREFIX"):
        return _endpoint_behind_hub(local, port, prefix, environment, hint)
    listening = "this machine" if host in EVERYWHERE else host
    who = (
        "Only programs on this machine can reach it."
        if is_loopback(host)
        else f"Anyone who can reach {listening} can reach it."
    )
    return PublicEndpoint(base=local, outside=False, told=f"{who} {hint}; otherwise runs are waited for by polling.")


def _endpoint_behind_hub(
    local: str, port: int, prefix: str, environment: Mapping[str, str], hint: str
) -> PublicEndpoint:
    public_host = environment.get("JUPYTERHUB_PUBLIC_URL", "").rstrip("/")
    server = public_host or f"(your notebook's address){prefix.rstrip('/')}"
    hub = "Binder" if environment.get("BINDER_SERVICE_HOST") or environment.get("BINDER_LAUNCH_HOST") else "JupyterHub"
    has_proxy = find_spec("jupyter_server_proxy") is not None
    browser = f"{server}/proxy/{port}" if has_proxy else ""
    proxy = f"your own browser sees it at {browser}" if has_proxy else "jupyter-server-proxy is not installed here"
    message = (
        f"This notebook runs behind {hub}: {proxy}, but {hub} asks every caller to log in, so Fetch Hive cannot "
        f"reach it. {hint}; otherwise runs are waited for by polling."
    )
    return PublicEndpoint(base=local, outside=False, browser=browser, told=message)


# --- the receiver


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """The result of a receiver's self-test."""

    local: bool
    """A signed delivery to its own address was received, and a forged one was refused."""
    public: bool | None
    """The same by the public URL; ``None``: it has none."""
    told: str
    """In words, with what to do."""

    @property
    def ok(self) -> bool:
        """Whether every test passed."""
        return self.local and self.public is not False

    def __str__(self) -> str:
        return self.told


@arguments.public
@with_partial_repr
class CallbackReceiver:
    """A small HTTP server in this process that receives the callbacks of runs, verifies them, and passes them on.

    It listens from :meth:`start` (or the first use of :attr:`url`) to :meth:`stop`, on the background loop, at one
    address that cannot be guessed. A delivery without a right signature is answered 401, counted, and never parsed.

    Parameters
    ----------
    host : str
        Where to listen; only this machine reaches the default.
    port : int
        0 takes a free one.
    public_url : str, optional
        The address under which the service reaches the receiver: that of a tunnel or a reverse proxy which passes on
        to ``http://host:port``, with or without the public URL's own path.
    secrets : str, Secret or iterable of them, optional
        The deployments' signing secrets (the "Signing secret" of the snippet dialog); several while one is replaced.
        Those that the service tells with its answers are learned by themselves.
    path : str, optional
        The last part of the address: give the same again to receive at the same URL after a restart. A random one by
        default.
    scheme : RequestScheme, optional
        How deliveries are signed; by default in any form that is known, that which ``fh.probe`` has observed first.
    keyring : bool
        Keep learned secrets in the system's keyring, and find them there again in a new kernel.
    max_body_bytes : int
        A larger delivery is answered 413 and not read to its end.

    Raises
    ------
    SettingsError
        An argument that cannot be used.

    Examples
    --------
    >>> with CallbackReceiver() as receiver:
    ...     receiver.url.startswith("http://127.0.0.1:"), receiver.reach.outside
    (True, False)
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        public_url: str | None = None,
        secrets: str | Secret | Iterable[str | Secret] = (),
        path: str | None = None,
        scheme: RequestScheme | None = None,
        keyring: bool = False,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        # First the attributes of the repr: a traceback that shows values shows it, too, when an argument is refused.
        self.tally = DeliveryCounts()
        """What was counted since it was made."""
        self._server: ReceiverServer | None = None
        self._pid = 0
        self._secrets = SigningSecrets(secrets, keyring=keyring)
        del secrets  # a traceback's frame must not have them as texts
        arguments.check(CallbackReceiver.__init__, locals())
        self._secrets.check()
        self._host, self._port = host, port
        self._public_url = None if public_url is None else check_public_url(public_url)
        self._name = check_path(path) if path is not None else random_secrets.token_urlsafe(32)
        self.scheme: RequestScheme = KnownForms() if scheme is None else scheme
        """How deliveries are signed."""
        self._max_body_bytes = max_body_bytes
        self.claims = RunWaiters(self.tally)
        self._start_lock: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None
        self._app: Any = None

    # --- listening

    @property
    def running(self) -> bool:
        """Whether it listens, in this process."""
        return self._server is not None and self._pid == os.getpid()

    def start(self) -> CallbackReceiver:
        """Start to listen, and return when callbacks can arrive. A receiver that already listens is left unchanged.

        Raises
        ------
        SettingsError
            The port is taken, or the address cannot be listened at.
        """
        if not self.running:
            event_loop.ThreadRunner().run(self._start())
        return self

    async def astart(self) -> CallbackReceiver:
        """Await :meth:`start`."""
        if not self.running:
            await event_loop.bridge(self._start())
        return self

    def stop(self) -> None:
        """Stop listening; callbacks in progress get one second. It can be started again, at the same URL."""
        if self.running:
            event_loop.ThreadRunner().run(self._stop())

    async def astop(self) -> None:
        """Await :meth:`stop`."""
        if self.running:
            await event_loop.bridge(self._stop())

    async def _start(self) -> None:
        """Listen, on the background loop; of several callers at once, one does it."""
        loop = asyncio.get_running_loop()
        if self._start_lock is None or self._start_lock[0] is not loop:
            self._start_lock = loop, asyncio.Lock()
        async with self._start_lock[1]:
            if not self.running:
                await self._listen()

    async def _listen(self) -> None:
        await asyncio.to_thread(_import_server)  # some 0.3 s, in which the loop goes on with other work
        from fh_notebook.client.callbacks.server import BACKLOG, ReceiverServer
        from fh_notebook.core.asgi import listen

        sock = listen(self._host, self._port, to="receive at", backlog=BACKLOG)
        self._port = sock.getsockname()[1]
        self._app = DeliveryApp(
            paths=self._paths,
            scheme=self.scheme,
            secrets=self._secrets,
            take=self._take,
            tally=self.tally,
            max_body_bytes=self._max_body_bytes,
        )
        server = ReceiverServer(self._app)
        await server.begin(sock)
        self._server, self._pid = server, os.getpid()

    async def _stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.end()

    def __enter__(self) -> CallbackReceiver:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    async def __aenter__(self) -> CallbackReceiver:
        return await self.astart()

    async def __aexit__(self, *exc: object) -> None:
        await self.astop()

    # --- addresses

    @property
    def port(self) -> int:
        """The port that it listens on; before the start, the requested port."""
        return self._port

    @property
    def path(self) -> str:
        """The last part of the address, which cannot be guessed: keep it to receive at the same URL again."""
        return self._name

    @property
    def reach(self) -> PublicEndpoint:
        """The callers that can reach it, and the address that they use; ``reach.told`` says it in words."""
        return self.start().reach_now

    @property
    def url(self) -> str:
        """The callback URL that the service is given."""
        return self.start().url_now

    @property
    def local_url(self) -> str:
        """The address on this machine."""
        return self.start().local_url_now

    # The same without a start or a wait, for a receiver that listens: for callers on a loop.

    @property
    def reach_now(self) -> PublicEndpoint:
        """As :attr:`reach`."""
        return endpoint_of(host=self._host, port=self._port, public_url=self._public_url, environment=os.environ)

    @property
    def url_now(self) -> str:
        """As :attr:`url`."""
        return f"{self.reach_now.base}/{self._name}"

    @property
    def local_url_now(self) -> str:
        """As :attr:`local_url`."""
        endpoint = endpoint_of(host=self._host, port=self._port, public_url=None, environment={})
        return f"{endpoint.base}/{self._name}"

    @property
    def has_public_url(self) -> bool:
        """Whether it was given a public URL."""
        return self._public_url is not None

    def _paths(self) -> tuple[str, ...]:
        path = f"/{self._name}"
        if self._public_url is None:
            return (path,)
        return (path, urlsplit(self._public_url).path + path)  # a proxy may pass its own path on

    # --- secrets

    def learn(self, secret: Secret | None, name: str = "") -> None:
        """Add a signing secret of the service; with ``keyring=True`` it is saved in the keyring under `name`.

        Parameters
        ----------
        secret : Secret or None
            ``None``: it told none.
        name : str
            Of the deployment, with its workspace.
        """
        self._secrets.learn(secret, name)

    def recall(self, name: str) -> bool:
        """Add the signing secret that the keyring has under `name`, and return whether it has one."""
        return self._secrets.recall(name)

    # --- runs that are waited for

    @asynccontextmanager
    async def expecting(self) -> AsyncIterator[None]:
        """Mark a call as in progress: a callback that arrives before its answer waits for the secret in that answer."""
        loop, app = event_loop.background().loop, self._app
        on_loop(loop, app.call_out)
        try:
            yield
        finally:
            on_loop(loop, app.call_answered)

    def claim(self, ids: Iterable[str], take: Take) -> None:
        """Register `take`, to be called with each delivery for a run; at once with those that have already arrived.

        Parameters
        ----------
        ids : iterable of str
            Its request id and run id.
        take : function of Run
            Must return at once. Called on the background loop, or at once in the caller's thread.
        """
        self.claims.claim(ids, take)

    def disclaim(self, ids: Iterable[str], *, ended: bool) -> None:
        """Stop waiting for a run; when it has `ended`, further deliveries for it are recognised as repeated."""
        self.claims.disclaim(ids, ended=ended)

    def _take(self, body: bytes) -> None:
        """Take a verified body: on the background loop, after its answer."""
        try:
            run = parse_event(body)
            if not ids_of(run):
                log.info("a verified callback names no run; it was ignored")
                return
            self.claims.hand(run, len(body))
        except Exception:  # a defect in this package must not end the server's task
            log.warning("a callback could not be processed", exc_info=True)

    # --- trying it

    async def _test(self, timeout_s: float) -> SelfTest:
        with self._secrets.testing() as secret:
            return await _run_self_test(self, secret, timeout_s=timeout_s)

    def self_test(self, *, timeout_s: float = 10.0) -> SelfTest:
        """Send the receiver a signed delivery, and a forged one, at its own address and at the public one.

        Returns
        -------
        SelfTest
            Whether each came, what the forged one was answered, and in words what that means.
        """
        arguments.check(CallbackReceiver.self_test, locals())
        self.start()
        return event_loop.run(event_loop.bridge(self._test(timeout_s)))

    async def aself_test(self, *, timeout_s: float = 10.0) -> SelfTest:
        """Await :meth:`self_test`."""
        arguments.check(CallbackReceiver.aself_test, locals())
        await self.astart()
        return await event_loop.bridge(self._test(timeout_s))

    # --- shown

    def __repr__(self) -> str:
        address = f"{self.reach_now.base}/…" if self.running else "not running"
        return f"CallbackReceiver({address}, {self.tally})"

    def _repr_html_(self) -> str:
        message = self.reach_now.told if self.running else "It is not running; start it: receiver.start()."
        return html.el(
            "div",
            html.STYLE,
            html.el("div", html.el("strong", "Callback receiver"), " ", html.el("span", repr(self)), cls="fh-head"),
            html.el("div", message, cls="fh-dim"),
            cls="fh",
        )


def _import_server() -> None:
    from fh_notebook.client.callbacks import server  # noqa: F401 - only imported


async def _run_self_test(receiver: CallbackReceiver, secret: Secret, *, timeout_s: float) -> SelfTest:
    """Send deliveries to a receiver that listens, signed with `own`, by both of its addresses."""
    local_problem = await _try_address(receiver, secret, receiver.local_url_now, timeout_s, trust_env=False)
    sentences = [
        f"On this machine it works: {receiver.tally}." if not local_problem else f"On this machine: {local_problem}."
    ]
    public: bool | None = None
    if receiver.has_public_url:
        problem = await _try_address(receiver, secret, receiver.url_now, timeout_s, trust_env=True)
        public = not problem
        if problem:
            sentences.append(
                f"By the public URL: {problem}. Check that the tunnel runs, and that it forwards to this port."
            )
        else:
            sentences.append("By the public URL it works, as seen from here.")
    sentences.append(receiver.reach_now.told)
    return SelfTest(local=not local_problem, public=public, told=" ".join(sentences))


async def _try_address(
    receiver: CallbackReceiver, secret: Secret, url: str, timeout_s: float, *, trust_env: bool
) -> str:
    """Send a signed and a forged delivery to `url`; return what went wrong, or an empty text."""
    import httpx

    if not hasattr(receiver.scheme, "signed_headers"):  # a user's own scheme, written before that method was required
        return "nothing was tried, because its scheme has no signed_headers()"
    name = f"self_test_{random_secrets.token_hex(16)}"
    body = json.dumps({"event_type": "fh_notebook.self_test", "request_id": name, "run_status": "completed"}).encode()
    delivered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(run: Run) -> None:
        if not delivered.done():
            delivered.set_result(None)

    receiver.claim([name], take)
    try:
        async with asyncio.timeout(timeout_s), httpx.AsyncClient(trust_env=trust_env) as http:
            signed = await http.post(url, content=body, headers=_signed_headers(receiver, body, secret))
            if signed.status_code != 200:
                return f"a signed delivery was answered {signed.status_code}"
            await delivered
            forged = await http.post(url, content=body, headers=_signed_headers(receiver, body + b" ", secret))
            return "" if forged.status_code == 401 else f"a forged delivery was answered {forged.status_code}"
    except TimeoutError:
        return f"nothing arrived within {timeout_s:g} s"
    except (httpx.HTTPError, httpx.InvalidURL, ImportError, ValueError) as exc:  # the last two: an odd proxy
        return f"it could not be reached ({error_text(exc)})"
    finally:
        receiver.disclaim([name], ended=True)


def _signed_headers(receiver: CallbackReceiver, body: bytes, secret: Secret) -> dict[str, str]:
    headers: dict[str, str] = receiver.scheme.signed_headers(body, secret, now_s=time.time())
    return headers
