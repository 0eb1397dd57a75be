"""Resolution of the API key, the base URL, the workspace id and the store path by one order of precedence.

1. the argument of the call,
2. this kernel: :func:`configure`, or ``%fetchhive login`` (whichever was last),
3. the environment (``FETCH_HIVE_API_KEY``, ``FETCH_HIVE_BASE_URL``, ``FETCH_HIVE_WORKSPACE_ID``,
   ``FH_NOTEBOOK_STORE``; an empty variable is unset),
4. for the key: the system's keyring, when the package ``keyring`` is installed,
5. a ``.env`` file, when ``configure(dotenv=...)`` says so: the key, the address and the workspace id,
6. for the key: the secret ``FETCH_HIVE_API_KEY`` of Google Colab, then that of Kaggle, in their notebooks,
7. else: no key means the local hive, and whoever resolves it says so; the address is the service's own.

Rule of this file: it only decides; `settings` has what was set in this process, and `credentials` reads the sources.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from fh_notebook.core.config import credentials, settings
from fh_notebook.core.config.credentials import KeyLookup, usable_key
from fh_notebook.core.config.urls import DEFAULT_BASE_URL, check_base_url, origin
from fh_notebook.core.redaction import Secret, as_secret
from fh_notebook.core.values import UNSET


class ResolvedKey(NamedTuple):
    """The key to use."""

    key: Secret | None = None
    """``None`` when no source has one."""
    source: str = ""
    """For people: ``argument``, ``keyring``, ..."""
    hints: tuple[str, ...] = ()
    """Why an earlier source could not give its key, and what to do."""


def find_key(
    argument: str | Secret | None = None, *, base_url: str = DEFAULT_BASE_URL, asking: bool = True
) -> ResolvedKey:
    """Return the key to use and where it came from, in the order of this module."""
    argument = as_secret(argument)
    hints: list[str] = []
    for look in look_for_key(argument, base_url=base_url, asking=asking):
        if look.key:
            return ResolvedKey(look.key, look.source, tuple(hints))
        if look.hint:
            hints.append(look.hint)
    return ResolvedKey(hints=tuple(hints))


def look_for_key(
    argument: str | Secret | None = None, *, base_url: str = DEFAULT_BASE_URL, asking: bool = True
) -> Iterator[KeyLookup]:
    """Yield the result of each source, in the order of this module; the first one with a key counts.

    A source is read only when the iterator reaches it. Without `asking`, the sources that may prompt the person or take
    seconds are skipped: the keyring, Colab and Kaggle.
    """
    argument, configured = as_secret(argument), settings.current()
    yield KeyLookup(source="argument", key=usable_key(argument, "the argument api_key"))
    if configured.api_key is not UNSET:
        yield KeyLookup(source="configure()", key=usable_key(configured.api_key, "configure()"))
        if configured.api_key is None:
            return  # a key that was forgotten on purpose is not looked for elsewhere
    if (login := configured.login) and login.origin == origin(base_url):
        yield KeyLookup(source=login.source, key=login.key)
    yield KeyLookup(source=credentials.KEY_NAME, key=usable_key(credentials.from_environment(), credentials.KEY_NAME))
    if asking:
        yield KeyLookup(source="keyring", key=usable_key(credentials.from_keyring(origin(base_url)), "the keyring"))
    if configured.dotenv is not None:
        yield KeyLookup(source=configured.dotenv.path.name, key=configured.dotenv.api_key)
    for hosted in (credentials.from_colab, credentials.from_kaggle) if asking else ():
        look = hosted()
        yield replace(look, key=usable_key(look.key, look.source))


def find_base_url(argument: str | None = None) -> tuple[str, bool]:
    """Return the base URL to use, and whether it was set by the user."""
    configured = settings.current()
    if argument:
        return check_base_url(argument), True
    if configured.base_url is not UNSET:
        return configured.base_url, True
    if from_env := os.environ.get(credentials.ADDRESS_NAME):
        return check_base_url(from_env), True
    if configured.dotenv is not None and configured.dotenv.base_url is not None:
        return configured.dotenv.base_url, True
    return DEFAULT_BASE_URL, False


def find_workspace_id(argument: str | None = None) -> str | None:
    """Return the service's id of the workspace, where the user gave it; `argument`: to the client."""
    configured = settings.current()
    if given := argument or configured.workspace_id or os.environ.get(credentials.WORKSPACE_ID_NAME):
        return given
    return None if configured.dotenv is None else configured.dotenv.workspace_id


def store_path() -> Path | None:
    """Return the file of saved answers; ``None`` saves nothing."""
    configured = settings.current()
    if configured.store is not UNSET:
        return configured.store
    if from_env := os.environ.get("FH_NOTEBOOK_STORE"):
        return Path(from_env).expanduser()
    from platformdirs import user_data_path

    return user_data_path("fh_notebook", appauthor=False) / "answers.sqlite3"
