"""Error catalogue of the service: what to do about each error code, held in memory and in a file beside the store.

Rules of this file:

1. What is cached is shown. An error whose code is not in the cache, or that finds the cache older than
   :data:`MOST_DAYS`, has the catalogue fetched, once a day at most. The error of a direct call waits for it,
   :data:`WAIT_S` at most and when its slot is free, so that it has the advice, too. A row of a batch holds its slot
   until it is saved, and so does not wait; nor do a look-up and a callback. Their first errors have no advice, unless
   ``fh-notebook doctor --check`` has fetched it before.
2. Every error is asked for the same way, by `AsyncClient.explained`: a refusal, a failed run in an answer with status
   200, a look-up, a callback.
3. A service on this machine is not asked: as a rule it is a local hive, whose errors are this package's own texts, and
   whose record of requests is for the user's. What is cached for it is shown.
4. What goes wrong (no network, another body, a file that cannot be written) is as if there were no catalogue; a row
   that cannot be read is left out. ``GET /v1/error_codes`` needs no key, and so counts against no daily cap
   (CONTRACT section 10).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from fh_notebook.contract.response import object_of
from fh_notebook.contract.run import Run, one_line
from fh_notebook.core.files import atomic_file
from fh_notebook.core.redaction import redact
from fh_notebook.core.values import utc_now

__all__ = [
    "ADDRESS",
    "FETCH_TIMEOUT_S",
    "MOST_DAYS",
    "WAIT_S",
    "ErrorCatalogCache",
    "code_to_ask_for",
    "read_error_catalog",
    "with_client_action",
]

FETCH_TIMEOUT_S: Final = 5.0

WAIT_S: Final = 2.0
"""How long the error of a direct call waits for a fetch, from its beginning."""

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
            is_known = code in self._loaded() and not self._is_old()
            if is_known or self._asked_on == self._today():
                return False
            self._asked_on = self._today()
            return True

    def _is_old(self) -> bool:
        try:
            return (self._now().date() - date.fromisoformat(self._fetched_on)).days > MOST_DAYS
        except ValueError:  # it is not said when it was fetched
            return True

    @property
    def was_asked_today(self) -> bool:
        """Whether the service was asked on this day (UTC), by this process or another one."""
        with self._lock:
            self._loaded()
            return self._asked_on == self._today()

    def keep(self, body: bytes) -> int:
        """Take a fetched catalogue, and return how many codes it has an action for; an empty one replaces none."""
        actions = read_error_catalog(body)
        with self._lock:
            self._asked_on = self._today()
            if actions:
                self._actions, self._fetched_on = actions, self._asked_on
        if actions:
            with suppress(OSError, ValueError):  # outside of the lock, for which an error of a call would wait
                self._write()
        return len(actions)

    def _today(self) -> str:
        return self._now().date().isoformat()

    def _loaded(self) -> Mapping[str, str]:
        if self._actions is None:
            entry = self._read().get(self._base_url)
            values = entry if isinstance(entry, Mapping) else {}
            codes, fetched_on = values.get("actions"), values.get("fetched_on")
            self._actions = actions_of(codes) if isinstance(codes, Mapping) else {}
            self._fetched_on = fetched_on if isinstance(fetched_on, str) else ""
            self._asked_on = self._asked_on or self._fetched_on
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
        entries = {**self._read(), self._base_url: {"fetched_on": self._fetched_on, "actions": self._actions}}
        with atomic_file(path, tidy=False) as part:
            with open(part.create(), "w", encoding="utf-8") as file:
                json.dump(entries, file, indent=1)
            part.put(private=True)
