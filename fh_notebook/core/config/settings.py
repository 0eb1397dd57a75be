"""Settings of this process: :func:`configure` and ``%fetchhive login``.

Rule of this file: it holds and checks, and looks nowhere else; what counts of it beside the environment and the keyring
is decided in `resolution`. A key is never written anywhere unasked, neither to a file nor to ``os.environ``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from fh_notebook.core import arguments
from fh_notebook.core.config import credentials
from fh_notebook.core.config.credentials import usable_key
from fh_notebook.core.config.urls import check_base_url, origin
from fh_notebook.core.redaction import Secret, as_secret
from fh_notebook.core.text.formatting import type_text
from fh_notebook.core.text.messages import Message, option
from fh_notebook.core.values import UNSET, Unset, Whole, plain_number
from fh_notebook.errors import FetchHiveError, SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The key that ``%fetchhive login`` was given. It goes to the service that it was given for, and to no other."""

    key: Secret
    origin: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What :func:`configure` holds. Fields that are ``UNSET`` are left to the environment and the defaults."""

    api_key: Secret | Unset | None = UNSET
    login: Login | None = None
    logins: int = 0
    """How often a login or a logout happened: a client that was made before is the session's own no more."""
    dotenv: credentials.DotEnv | None = None
    base_url: str | Unset = UNSET
    workspace: str | Unset = UNSET
    """A name for the workspace that goes into the keys of saved answers, in place of the API key's fingerprint."""
    workspace_id: str | None = None
    """The service's own id of the workspace; it is no part of any key of saved answers."""
    store: Path | Unset | None = UNSET
    timeout_s: float = 120.0
    """The official SDKs' timeout; the service's own limit for a call is unknown."""
    max_response_bytes: int = 64 * 1024 * 1024
    max_concurrency: int | None = None
    daily_cap: int | None = None
    price_per_call: float | None = None
    retention_days: float | None = None
    loop: Literal["thread", "nested"] = "thread"
    tracebacks: Literal["short", "full"] = "short"


_current = Settings()

listeners: Final[list[Callable[[Settings, Settings], None]]] = []
"""Called after each change, with the settings before and after it."""


def current() -> Settings:
    """Return the settings of this process."""
    return _current


@arguments.public
def configure(
    *,
    api_key: str | Secret | Unset | None = UNSET,
    base_url: str | Unset = UNSET,
    workspace: str | Unset = UNSET,
    workspace_id: str | Unset | None = UNSET,
    store: str | Path | Unset | None = UNSET,
    timeout: float | Unset = UNSET,
    max_response_bytes: Whole | Unset = UNSET,
    max_concurrency: int | Unset | None = UNSET,
    loop: Literal["thread", "nested"] | Unset = UNSET,
    tracebacks: Literal["short", "full"] | Unset = UNSET,
    dotenv: bool | str | Path | Unset = UNSET,
    daily_cap: int | Unset | None = UNSET,
    price_per_call: float | Unset | None = UNSET,
    retention_days: float | Unset | None = UNSET,
) -> None:
    """Set the defaults of every later call of this process. Settings that are not given do not change.

    Parameters
    ----------
    api_key : str or None
        The API key, in memory only. ``None`` forgets it.
    base_url : str
        The service's address, ending in ``/v1``, or ``"local"`` for the hive inside this process.
    workspace : str
        A name for the workspace in the keys of saved answers; an empty one is the key's own. Recommended: with a name,
        a new key of the same workspace finds the answers that the old one has paid for. Without one, and for answers
        from before there was a name, :func:`fh_notebook.store.join` copies them.
    workspace_id : str or None
        The service's own id of the workspace, which approvals of tools (`Client.approvals`) and uploads need
        (`Client.upload`, :func:`fh_notebook.file`): no endpoint of the service tells it. It has nothing to do with
        `workspace`, which is a name of yours. ``None`` forgets it.
    store : path or None
        The SQLite file of saved answers; ``None`` saves nothing. The one before is closed, unless a batch that is saved
        in it still runs; what was made with it opens it again when it is read.
    timeout : float
        Seconds that one call may take; 120 by default.
    max_response_bytes : int
        The largest answer that is taken, 64 MiB by default; a larger one is a failed run.
    max_concurrency : int or None
        A ceiling: at most this many calls at once in each workspace, whatever makes them; ``None``: as many as the
        service admits.
    loop : {"thread", "nested"}
        Where blocking calls run: on a background thread, or on the kernel's own loop.
    tracebacks : {"short", "full"}
        How errors of this package show in a notebook.
    dotenv : bool or path
        ``True`` reads ``FETCH_HIVE_API_KEY``, ``FETCH_HIVE_BASE_URL`` and ``FETCH_HIVE_WORKSPACE_ID`` from the nearest
        file ``.env``, from the working folder upward, now; a path names the file; ``False`` forgets what was read.
        Needs python-dotenv. Nothing is put into ``os.environ``.
    daily_cap : int or None
        How many calls your subscription allows a day, which the service does not tell before it refuses one: batches
        say how many are used, and stop there. Requests are counted in the store, by all processes that use it; with
        ``store=None`` they are counted until this process ends, and another process counts by itself.
    price_per_call : float or None
        What one call costs, in your own currency: plans say what a batch will cost, and ``max_cost=`` bounds it.
    retention_days : float or None
        Answers that are older are removed from the store when it is opened; ``None`` keeps them.

    Raises
    ------
    SettingsError
        A value that cannot be used; nothing is changed then.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> fh.configure(timeout=30, tracebacks="short")
    """
    global _current
    api_key = as_secret(api_key)  # first: no frame of an error has the key in it
    arguments.check(configure, locals())
    changed: dict[str, Any] = {}
    if api_key is not UNSET:
        # An empty text or a placeholder is unset, as everywhere; only None forgets.
        key = usable_key(api_key, "configure(api_key=...)")
        changed["api_key"] = UNSET if key is None and api_key is not None else key
        changed["login"] = None
    if base_url is not UNSET:
        changed["base_url"] = check_base_url(base_url)
    if store is not UNSET:
        if not isinstance(store, str | os.PathLike | None):
            raise SettingsError(f"store is {type_text(store)}; give a path, or None to save nothing")
        changed["store"] = Path(store).expanduser() if store is not None else None
    if workspace is not UNSET:
        if not isinstance(workspace, str):  # str(None) would be another workspace, whose answers are paid for again
            raise SettingsError(f"workspace is {type_text(workspace)}; give a string, or '' for the API key's own")
        if "#" in workspace:
            raise SettingsError(
                f"workspace is {workspace!r}; give a name without '#', which separates it from the host"
            )
        changed["workspace"] = workspace
    if workspace_id is not UNSET:
        changed["workspace_id"] = (workspace_id or "").strip() or None
    if timeout is not UNSET:
        changed["timeout_s"] = positive(timeout, "timeout")
    if max_response_bytes is not UNSET:
        changed["max_response_bytes"] = int(positive(max_response_bytes, "max_response_bytes"))
    if max_concurrency is not UNSET:
        changed["max_concurrency"] = None if max_concurrency is None else whole(max_concurrency, "max_concurrency")
    if daily_cap is not UNSET:
        changed["daily_cap"] = None if daily_cap is None else whole(daily_cap, "daily_cap")
    if price_per_call is not UNSET:
        changed["price_per_call"] = None if price_per_call is None else positive(price_per_call, "price_per_call")
    if retention_days is not UNSET:
        changed["retention_days"] = None if retention_days is None else positive(retention_days, "retention_days")
    if loop is not UNSET:
        changed["loop"] = _check_choice(loop, ("thread", "nested"), "loop")
    if tracebacks is not UNSET:
        changed["tracebacks"] = _check_choice(tracebacks, ("short", "full"), "tracebacks")
    if dotenv is not UNSET:
        changed["dotenv"] = _checked_dotenv(dotenv)
    _use(replace(_current, **changed))


def reset() -> None:
    """Forget everything that :func:`configure` was told."""
    _use(Settings())


def _use(settings: Settings) -> None:
    global _current
    FetchHiveError.show_full_traceback = settings.tracebacks == "full"
    before, _current = _current, settings
    for listener in listeners:
        listener(before, settings)


def positive(value: Any, name: str) -> float:
    """Return a number above 0."""
    value = plain_number(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise SettingsError(Message("{} is {}; give a number above 0", (option(name), repr(value))))
    return float(value)


def whole(value: Any, name: str) -> int:
    """Return a whole number of at least 1."""
    value = plain_number(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SettingsError(Message("{} is {}; give a whole number, at least 1, or None", (option(name), repr(value))))
    return value


def _check_choice(value: Any, known: tuple[str, ...], name: str) -> str:
    if value not in known:
        raise SettingsError(f"{name} is {value!r}; give {' or '.join(map(repr, known))}")
    return str(value)


def _checked_dotenv(choice: bool | str | Path) -> credentials.DotEnv | None:
    dotenv = credentials.read_dotenv(choice)
    if dotenv is None or dotenv.base_url is None:
        return dotenv
    return replace(dotenv, base_url=check_base_url(dotenv.base_url))


def log_in(key: Secret, *, base_url: str, source: str) -> None:
    """Use `key` for the service at `base_url` from now on, in this kernel."""
    login = Login(key=key, origin=origin(base_url), source=source)
    _use(replace(_current, api_key=UNSET, login=login, logins=_current.logins + 1))


def log_out(base_url: str) -> bool:
    """Forget the key that goes to `base_url`, of :func:`configure` or :func:`log_in`, and say whether there was one.

    A login at another service is none of it, and stays.
    """
    login = _current.login
    is_logged_in = login is not None and login.origin == origin(base_url)
    had_key = is_logged_in or bool(_current.api_key)
    # A key that was forgotten on purpose (None) stays so: a logout opens no other source.
    key = None if _current.api_key is None else UNSET
    _use(replace(_current, api_key=key, login=None if is_logged_in else login, logins=_current.logins + 1))
    return had_key
