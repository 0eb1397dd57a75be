"""Error catalogue of the service: what to do about each error code, held in memory and in a file beside the store.

Rules of this file:

1. What is cached is shown. An error whose code is not in the cache, or that finds the cache older than
   :data:`MOST_DAYS`, has the catalogue fetched, once a day at most. Each error that the cache has no advice for waits
   while it is fetched, until :data:`WAIT_S` after its beginning: a service that does not answer costs this once a day.
2. Every error is asked for the same way, by `AsyncClient.explained`, before it is stored, shown or raised: a refusal, a
   failed run in an answer with status 200, a row of a batch, a look-up, a callback. Whoever is cancelled meanwhile
   stores the answer without the advice.
3. A service on this machine is not asked: as a rule it is a local hive, whose errors are this package's own texts, and
   whose record of requests is for the user's. What is cached for it is shown.
4. What goes wrong (no network, another body, a file that cannot be written) is as if there were no catalogue; a row
   that cannot be read is left out. ``GET /v1/error_codes`` needs no key, and so counts against no daily cap
   (CONTRACT section 10).
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from weakref import WeakSet

from fh_notebook.contract.response import object_of
from fh_notebook.contract.run import Run
from fh_notebook.core.files import atomic_file
from fh_notebook.core.redaction import redact
from fh_notebook.core.text.formatting import one_line
from fh_notebook.core.values import utc_now

FETCH_TIMEOUT_S: Final = 5.0

WAIT_S: Final = 2.0
"""How long errors wait for a fetch, from its beginning."""

ADDRESS: Final = "/error_codes?locale=en"
"""Its texts are shown beside this package's own, which are English."""

MOST_DAYS: Final = 30
"""A catalogue changes with the service's releases."""

FILE_CAP: Final = 1_000_000
"""Bytes of a file that is read: a catalogue has some dozen codes."""


ACTION_CAP: Final = 300
"""Characters of an action that are kept."""

CODE_CAP: Final = 100
"""Characters of a code; what is longer is none."""
MOST_CODES: Final = 500
"""A catalogue has some dozen."""

_DAYS: Final = ("asked_on", "fetched_on")
"""Fields of the file."""

Fetch = Callable[[], Awaitable[bytes]]
"""Asks the service, and returns the body of its answer."""


def read_error_catalog(body: bytes) -> dict[str, str]:
    """Return the client action of each code that has one.

    Examples
    --------
    >>> read_error_catalog(b'{"codes": [{"code": "model_deprecated", "client_action": "Choose an active model."}, 3]}')
    {'model_deprecated': 'Choose an active model.'}
    >>> read_error_catalog(b"a web page")
    {}
    """
    listed = object_of(body).get("codes")
    rows = [row for row in listed if isinstance(row, Mapping)] if isinstance(listed, list) else []
    return actions_of({row.get("code"): row.get("client_action") for row in rows if isinstance(row.get("code"), str)})


def actions_of(values: Mapping[Any, Any]) -> dict[str, str]:
    """Return the entries of `values` that are a code with an action, each in one line, secrets masked."""
    texts = {c: a for c, a in values.items() if isinstance(c, str) and isinstance(a, str) and a.strip()}
    known = [(code, action) for code, action in texts.items() if len(code) <= CODE_CAP][:MOST_CODES]
    return {code: one_line(redact(action), ACTION_CAP) for code, action in known}


def code_to_ask_for(run: Run) -> str | None:
    """Return the code that the service gave for an error; ``None``: there is none, or it is one of ours.

    Examples
    --------
    >>> code_to_ask_for(Run(status="failed", status_code=422, error_code="quota_frozen"))
    'quota_frozen'
    >>> code_to_ask_for(Run(status="failed", status_code=200, error_code="model_deprecated"))
    'model_deprecated'
    >>> code_to_ask_for(Run(status="failed", status_code=404, error_code="http_404")) is None
    True
    """
    code = run.error_code
    if not code or code.startswith("http_") or run.status_code is None:  # no answer came: the code is ours
        return None
    # In an answer that is no error, the codes of what completed or cannot be read are ours.
    return None if run.status_code < 400 and run.status in ("completed", "unknown") else code


def with_client_action(run: Run, actions: Mapping[str, str]) -> Run:
    """Return a run with what the catalogue says to do about its error code.

    Examples
    --------
    >>> run = Run(status="failed", status_code=422, error="It is frozen.", error_code="quota_frozen")
    >>> with_client_action(run, {"quota_frozen": "Thaw the quota."}).client_action
    'Thaw the quota.'
    """
    action = actions.get(code_to_ask_for(run) or "")
    if not action or action.rstrip(".") in (run.error or ""):
        return run
    return replace(run, client_action=action)


# --- the cache


class ErrorCatalogCache:
    """The catalogue of one service.

    Parameters
    ----------
    base_url : str
        Whose.
    find_path : function
        Returns the file; ``None`` where nothing is kept.
    now : function
        The time in UTC.

    Examples
    --------
    >>> cache = ErrorCatalogCache("https://api.fetchhive.com/v1")
    >>> cache.keep(b'{"codes": [{"code": "quota_frozen", "client_action": "Thaw it."}]}')
    1
    >>> cache.actions()
    {'quota_frozen': 'Thaw it.'}
    """

    def __init__(
        self,
        base_url: str,
        find_path: Callable[[], Path | None] = lambda: None,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._base_url = base_url
        self._find_path = find_path
        self._now = now
        self._lock = threading.Lock()
        self._actions: Mapping[str, str] | None = None
        self._asked_on = ""
        """The day on which it was asked for last, whatever came of it."""
        self._fetched_on = ""
        """The day on which :attr:`_actions` came."""
        self._fetched = Future[None]()
        """Done when the last fetch has ended; errors wait for it on the loops of their calls."""
        self._wait_until = 0.0
        """Until when they do, by the monotonic clock."""
        self._task: asyncio.Task[None] | None = None
        """The last fetch: a loop does not hold its tasks."""
        _caches.add(self)

    def reset_after_fork(self) -> None:
        """Reset it in a child after a fork, where no other thread holds the lock or goes on with a fetch."""
        self._lock = threading.Lock()
        if self._wait_until and not self._fetched.done():
            self._asked_on, self._wait_until = "", 0.0

    async def explained(self, run: Run, fetch: Fetch | None) -> Run:
        """Return a run with what the catalogue says to do about its error; a fetch is waited for."""
        code = code_to_ask_for(run)
        if code is None or run.client_action is not None:
            return run
        if fetch is not None and self.should_fetch(run):
            # On the loop of the call: the connections of a transport that the user gave belong to it.
            self._task = asyncio.get_running_loop().create_task(self._fetch_behind(fetch, self._fetched))
        if code not in self.actions():
            left_s = self._wait_until - time.monotonic()
            if left_s > 0 and not self._fetched.done():
                await asyncio.wait({asyncio.wrap_future(self._fetched)}, timeout=left_s)
        return with_client_action(run, self.actions())

    async def _fetch_behind(self, fetch: Fetch, fetched: Future[None]) -> None:
        try:
            with suppress(Exception):  # no error of the user's: there is no catalogue then
                await self.fetch(fetch)
        finally:
            fetched.set_result(None)

    async def fetch(self, fetch: Fetch) -> int:
        """Fetch the catalogue, and return how many codes it has an action for."""
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_S):
                body = await fetch()
        except Exception:
            await asyncio.to_thread(self.keep, b"")
            raise
        return await asyncio.to_thread(self.keep, body)

    def actions(self) -> Mapping[str, str]:
        """Return the cached action of each code; the file is read once."""
        with self._lock:
            return self._loaded()

    def should_fetch(self, run: Run) -> bool:
        """Whether the catalogue is to be fetched now because of a run; at most once a day the answer is yes."""
        code = code_to_ask_for(run)
        if code is None:
            return False
        with self._lock:
            if self._is_settled(code):
                return False
            self._load()  # another process may have asked meanwhile
            if self._is_settled(code):
                return False
            self._asked_on = self._today()
            self._fetched, self._wait_until = Future(), time.monotonic() + WAIT_S
            return True

    def _is_settled(self, code: str) -> bool:
        """Whether nothing is to be asked about a code today."""
        return (code in self._loaded() and not self._is_old()) or self._asked_on == self._today()

    def _is_old(self) -> bool:
        try:
            return (self._now().date() - date.fromisoformat(self._fetched_on)).days > MOST_DAYS
        except ValueError:  # it is not said when it was fetched
            return True

    @property
    def is_of_today(self) -> bool:
        """Whether it was fetched on this day (UTC), by this process or another one."""
        with self._lock:
            self._loaded()
            return self._fetched_on == self._today()

    def keep(self, body: bytes) -> int:
        """Take a fetched catalogue, and return how many codes it has an action for; an empty one replaces none."""
        actions = read_error_catalog(body)
        with self._lock:
            self._asked_on = self._today()
            if actions:
                self._actions, self._fetched_on = actions, self._asked_on
        with suppress(OSError, ValueError):  # outside of the lock, for which an error of a call would wait
            self._write()
        return len(actions)

    def _today(self) -> str:
        return self._now().date().isoformat()

    def _loaded(self) -> Mapping[str, str]:
        return self._load() if self._actions is None else self._actions

    def _load(self) -> Mapping[str, str]:
        """Take what is newer in the file than here."""
        entry = self._read().get(self._base_url)
        values = entry if isinstance(entry, Mapping) else {}
        asked_on, fetched_on = (x if isinstance(x := values.get(name), str) else "" for name in _DAYS)
        if self._actions is None or fetched_on > self._fetched_on:
            codes = values.get("actions")
            self._actions = actions_of(codes) if isinstance(codes, Mapping) else {}
            self._fetched_on = fetched_on
        self._asked_on = max(self._asked_on, asked_on, fetched_on)  # days are sorted as texts
        return self._actions

    def _read(self) -> dict[str, Any]:
        path = self._find_path()
        if path is None:
            return {}
        with suppress(OSError, ValueError, RecursionError):
            with path.open("rb") as file:
                entries = json.loads(file.read(FILE_CAP))
            return entries if isinstance(entries, dict) else {}
        return {}

    def _write(self) -> None:
        path = self._find_path()
        if path is None or not path.parent.is_dir():
            return
        days = dict(zip(_DAYS, (self._asked_on, self._fetched_on), strict=True))
        entries = {**self._read(), self._base_url: {**days, "actions": self._actions}}
        with atomic_file(path, tidy=False) as part:
            with open(part.create(), "w", encoding="utf-8") as file:
                json.dump(entries, file, indent=1)
            part.put(private=True)


_caches: Final = WeakSet[ErrorCatalogCache]()


def _after_fork() -> None:
    for cache in list(_caches):
        cache.reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
