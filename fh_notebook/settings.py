"""Where a key, an address and the store come from. One order for everything:

1. the argument of the call,
2. :func:`configure` in this process,
3. the environment (``FETCH_HIVE_API_KEY``, ``FETCH_HIVE_BASE_URL``, ``FH_NOTEBOOK_STORE``; an empty variable is unset),
4. for the key: the system's keyring, when the package ``keyring`` is installed,
5. else: no key means the local hive, and whoever resolves it says so; the address is the service's own.

Rule of this file: a key is a `Secret` from the first line that touches it. It is never written anywhere by us, neither
to a file nor to ``os.environ``.
"""

from __future__ import annotations

import ipaddress
import logging
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit, urlunsplit

from fh_notebook.errors import FetchHiveError, SettingsError
from fh_notebook.values import UNSET, Secret, Unset, as_secret, redact

__all__ = [
    "DEFAULT_BASE_URL",
    "LOCAL",
    "Settings",
    "check_base_url",
    "configure",
    "current",
    "find_key",
    "log",
    "origin",
]

DEFAULT_BASE_URL: Final = "https://api.fetchhive.com/v1"
"""The official SDKs' default; it includes ``/v1`` (CONTRACT section 7)."""
LOCAL: Final = "local"
"""As a base URL: the hive inside this process."""
KEYRING_SERVICE: Final = "fh_notebook"
UNSET_KEY: Final = "YOUR_API_KEY"
"""What a Code Snippet says in place of a key: always unset."""


class _Redacting(logging.Filter):
    """The second net: no record leaves with a secret in it, whoever wrote it.

    A filter sees only what is logged to its own logger, so every room logs to this one.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


log: Final = logging.getLogger("fh_notebook")
log.addFilter(_Redacting())
log.addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What :func:`configure` holds. Fields that are ``UNSET`` are left to the environment and the defaults."""

    api_key: Secret | Unset | None = UNSET
    base_url: str | Unset = UNSET
    workspace: str | Unset = UNSET
    """A name for the workspace that goes into the keys of kept answers, in place of the API key's fingerprint."""
    store: Path | Unset | None = UNSET
    timeout_s: float = 120.0
    """The official SDKs' timeout; the service's own limit for a call is unknown."""
    max_response_bytes: int = 64 * 1024 * 1024
    max_concurrency: int | None = None
    loop: Literal["thread", "nested"] = "thread"
    tracebacks: Literal["short", "full"] = "short"


_current = Settings()


def current() -> Settings:
    """Return the settings of this process."""
    return _current


def configure(
    *,
    api_key: str | Secret | Unset | None = UNSET,
    base_url: str | Unset = UNSET,
    workspace: str | Unset = UNSET,
    store: str | Path | Unset | None = UNSET,
    timeout: float | Unset = UNSET,
    max_response_bytes: int | Unset = UNSET,
    max_concurrency: int | Unset | None = UNSET,
    loop: Literal["thread", "nested"] | Unset = UNSET,
    tracebacks: Literal["short", "full"] | Unset = UNSET,
) -> None:
    """Set what every later call of this process uses. What is not given stays as it is.

    Parameters
    ----------
    api_key : str or None
        The workspace key, in memory only. ``None`` forgets it.
    base_url : str
        The service's address, ending in ``/v1``, or ``"local"`` for the hive inside this process.
    workspace : str
        A name for the workspace in the keys of kept answers.
    store : path or None
        The SQLite file of kept answers; ``None`` keeps nothing.
    timeout : float
        Seconds that one call may take; 120 by default.
    max_response_bytes : int
        The largest answer that is taken, 64 MiB by default; a larger one is a failed run.
    max_concurrency : int or None
        Exactly this many calls at once; ``None`` adapts to what the service admits.
    loop : {"thread", "nested"}
        Where blocking calls run: on a background thread, or on the kernel's own loop.
    tracebacks : {"short", "full"}
        How errors of this package show in a notebook.

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
    api_key = as_secret(api_key)
    changed: dict[str, Any] = {}
    if api_key is not UNSET:
        # An empty text or a placeholder is unset, as everywhere; only None forgets.
        key = _usable_key(api_key, "configure(api_key=...)")
        changed["api_key"] = UNSET if key is None and api_key is not None else key
    if base_url is not UNSET:
        changed["base_url"] = check_base_url(base_url)
    if store is not UNSET:
        if not isinstance(store, str | os.PathLike | None):
            raise SettingsError(f"store is a {type(store).__name__}; give a path, or None to keep nothing")
        changed["store"] = Path(store).expanduser() if store is not None else None
    if workspace is not UNSET:
        changed["workspace"] = str(workspace)
    if timeout is not UNSET:
        changed["timeout_s"] = positive(timeout, "timeout")
    if max_response_bytes is not UNSET:
        changed["max_response_bytes"] = int(positive(max_response_bytes, "max_response_bytes"))
    if max_concurrency is not UNSET:
        changed["max_concurrency"] = (
            None if max_concurrency is None else int(positive(max_concurrency, "max_concurrency"))
        )
    if loop is not UNSET:
        changed["loop"] = _one_of(loop, ("thread", "nested"), "loop")
    if tracebacks is not UNSET:
        changed["tracebacks"] = _one_of(tracebacks, ("short", "full"), "tracebacks")
    _use(replace(_current, **changed))


def reset() -> None:
    """Forget everything that :func:`configure` was told."""
    _use(Settings())


def _use(settings: Settings) -> None:
    global _current
    FetchHiveError.show_full_traceback = settings.tracebacks == "full"
    _current = settings


def positive(value: Any, name: str) -> float:
    """Return a number above 0 as it is.

    Raises
    ------
    SettingsError
        It is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise SettingsError(f"{name} is {value!r}; give a number above 0")
    return float(value)


def _one_of(value: Any, known: tuple[str, ...], name: str) -> str:
    if value not in known:
        raise SettingsError(f"{name} is {value!r}; give {' or '.join(map(repr, known))}")
    return str(value)


def _usable_key(value: str | Secret | Unset | None, source: str) -> Secret | None:
    """Return the key of one source, or ``None`` when that source has none."""
    if value is None or value is UNSET:
        return None
    if not isinstance(value, str | Secret):
        raise SettingsError(f"the key from {source} is a {type(value).__name__}; give a string")
    key = Secret(value)
    if not key or key.reveal() == UNSET_KEY:
        return None
    if not key.reveal().isascii() or not key.reveal().isprintable() or " " in key.reveal():
        raise SettingsError(f"the key from {source} has a character that no key has; copy it again, without quotes")
    return key


def find_key(argument: str | Secret | None = None, *, base_url: str = DEFAULT_BASE_URL) -> tuple[Secret | None, str]:
    """Return the key to use and where it came from, in the order of this module.

    Returns
    -------
    tuple of (Secret or None, str)
        ``(None, "")`` when no source has a key.

    Raises
    ------
    SettingsError
        A source has a key that no service can have given out.
    """
    argument = as_secret(argument)
    if key := _usable_key(argument, "the argument api_key"):
        return key, "argument"
    if _current.api_key is not UNSET:
        # A key that was forgotten on purpose (None) is not looked for elsewhere.
        key = _usable_key(_current.api_key, "configure()")
        return key, "configure()" if key else ""
    if key := _usable_key(key_in_environment(), "FETCH_HIVE_API_KEY"):
        return key, "FETCH_HIVE_API_KEY"
    if key := _usable_key(_from_keyring(base_url), "the keyring"):
        return key, "keyring"
    return None, ""


def key_in_environment() -> Secret | None:
    """Return what ``FETCH_HIVE_API_KEY`` says, if anything."""
    return as_secret(os.environ.get("FETCH_HIVE_API_KEY")) or None


def _from_keyring(base_url: str) -> Secret | None:
    """Ask the system's keyring. One that is locked, missing or broken is as good as none."""
    try:
        import keyring
    except ImportError:
        return None
    try:
        found = as_secret(keyring.get_password(KEYRING_SERVICE, origin(base_url)))
    except Exception as broken:  # a backend may raise anything of its own
        log.debug("the keyring could not be read: %s", broken)
        return None
    return found or None


def find_base_url(argument: str | None = None) -> tuple[str, bool]:
    """Return the address to use, and whether somebody chose it.

    Raises
    ------
    SettingsError
        The address cannot be used.
    """
    if argument:
        return check_base_url(argument), True
    if _current.base_url is not UNSET:
        return _current.base_url, True
    if from_env := os.environ.get("FETCH_HIVE_BASE_URL"):
        return check_base_url(from_env), True
    return DEFAULT_BASE_URL, False


def check_base_url(url: str) -> str:
    """Return `url` without a trailing slash.

    Raises
    ------
    SettingsError
        Neither ``https``, nor ``http`` to this machine: a key must not travel in the clear.

    Examples
    --------
    >>> check_base_url("https://api.fetchhive.com/v1/")
    'https://api.fetchhive.com/v1'
    """
    url = str(url).strip()
    if url == LOCAL:
        return url
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as broken:
        raise SettingsError(f"base_url {redact(str(url))!r} is not an address ({broken})") from None
    if parts.username or parts.password:
        raise SettingsError("base_url has a user name or password in it; give the key as api_key")
    if parts.scheme not in ("http", "https") or not host:
        raise SettingsError(f"base_url {redact(str(url))!r} is not an address; it begins with https:// and ends in /v1")
    if parts.query or parts.fragment:
        raise SettingsError(f"base_url {redact(str(url))!r} has a query; it ends in /v1")
    if parts.scheme == "http" and not is_loopback(host):
        raise SettingsError(
            f"base_url {url!r} would send the key in the clear; use https:// (http only to this machine)"
        )
    if not parts.path.rstrip("/").endswith("/v1"):
        raise SettingsError(f"base_url {redact(url)!r} does not end in /v1, as the service's addresses do")
    default_port = {"https": ":443", "http": ":80"}[parts.scheme]
    # Written out or not, it is the same workspace.
    return urlunsplit(parts._replace(netloc=parts.netloc.removesuffix(default_port))).rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine by its name or number alone; nothing is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def hostname(base_url: str) -> str:
    """Return the host of an address, without its port."""
    return urlsplit(base_url).hostname or ""


def origin(base_url: str) -> str:
    """Return the host of an address with its port, for people and for keys of kept answers.

    Examples
    --------
    >>> origin("https://api.fetchhive.com/v1")
    'api.fetchhive.com'
    """
    return urlsplit(base_url).netloc.lower() if base_url != LOCAL else LOCAL


def store_path() -> Path | None:
    """Return the file of kept answers; ``None`` keeps nothing."""
    if _current.store is not UNSET:
        return _current.store
    if from_env := os.environ.get("FH_NOTEBOOK_STORE"):
        return Path(from_env).expanduser()
    from platformdirs import user_data_path

    return user_data_path("fh_notebook", appauthor=False) / "answers.sqlite3"
