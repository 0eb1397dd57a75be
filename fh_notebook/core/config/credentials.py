"""Sources of API keys: environment, keyring, ``.env`` file, secrets of Colab and Kaggle.

Rule of this file: a key is a `Secret` from the first line that touches it, and a source that is missing, locked or
broken has no key; at most it has a hint for the person. In which order they are asked stands in
:mod:`fh_notebook.core.config.resolution`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fh_notebook.core.optional_deps import OPTIONAL, ensure_installed
from fh_notebook.core.redaction import Secret, as_secret, log, redact
from fh_notebook.core.text.formatting import type_text, with_article
from fh_notebook.core.values import Unset
from fh_notebook.errors import SettingsError

KEY_NAME: Final = "FETCH_HIVE_API_KEY"
"""The name of the key in the environment, in ``.env``, and among the secrets of Colab and Kaggle."""
WORKSPACE_ID_NAME: Final = "FETCH_HIVE_WORKSPACE_ID"
"""Ours: the official SDKs take the workspace's id as an argument only."""
ADDRESS_NAME: Final = "FETCH_HIVE_BASE_URL"
KEYRING_SERVICE: Final = "fh_notebook"
LOGIN_HINT: Final = "%fetchhive login asks for the API key without showing it"
"""What to do in a notebook that has no key, or has one where it should not be."""
UNSET_KEY: Final = "YOUR_API_KEY"
"""What a Code Snippet says in place of a key: always unset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLookup:
    """The result of looking for the key in one source."""

    source: str
    """For people: ``FETCH_HIVE_API_KEY``, ``keyring``, ..."""
    key: Secret | None = None
    hint: str = ""
    """Why an existing key could not be read, and what to do."""


def usable_key(value: Any, source: str) -> Secret | None:
    """Return the key of one source, or ``None`` when that source has none."""
    if value is None or isinstance(value, Unset):
        return None
    value = as_secret(value)
    if not isinstance(value, Secret):
        raise SettingsError(f"the API key from {source} is {with_article(value.type_name)}; give a string")
    key = value
    if not key or key.reveal() == UNSET_KEY:
        return None
    if not key.reveal().isascii() or not key.reveal().isprintable() or set(" \"'") & set(key.reveal()):
        raise SettingsError(
            f"the API key from {source} has a character that no API key has; copy it again, without quotes"
        )
    return key


def from_environment() -> Secret | None:
    """Return what ``FETCH_HIVE_API_KEY`` says, if anything."""
    return as_secret(os.environ.get(KEY_NAME)) or None


# --- the system's keyring


def from_keyring(origin: str) -> Secret | None:
    """Return the key that the system's keyring has for a service, if any."""
    keyring = _import_or_none(_keyring)
    if keyring is None:
        return None
    return _read_secret(lambda: keyring.get_password(KEYRING_SERVICE, origin), "the keyring")


def _keyring() -> Any:
    import keyring

    return keyring


def _import_or_none(load: Callable[[], Any]) -> Any:
    """Return what `load` imports, or ``None`` where the package is missing or its import raises any error."""
    try:
        return load()
    except ImportError:
        return None
    except Exception as exc:  # google-colab, for one, can be installed where there is no Colab
        log.debug("a source of keys cannot be imported: %s", type(exc).__name__)
        return None


def _read_secret(read: Callable[[], Any], source: str) -> Secret | None:
    """Return the key that `read` gives; ``None`` when the source is locked, missing or raises any error."""
    try:
        return as_secret(read()) or None
    except Exception as exc:
        log.debug("%s could not be read: %s: %s", source, type(exc).__name__, exc)
        return None


def store_in_keyring(origin: str, key: Secret) -> tuple[bool, str]:
    """Put the key of a service into the system's keyring."""
    keyring = _import_or_none(_keyring)
    if keyring is None:
        return False, f"the package keyring is not installed ({OPTIONAL['keyring'].command})"
    try:
        name = str(getattr(keyring.get_keyring(), "name", "") or "keyring")
        if "plaintext" in name.lower():
            return False, f"{name} would write it to a file unencrypted"
        keyring.set_password(KEYRING_SERVICE, origin, key.reveal())
    except Exception as exc:
        if type(exc).__name__ == "NoKeyringError":
            return False, "this machine has no keyring"
        return False, f"the keyring refused it ({redact(type(exc).__name__)})"
    # Read back: a null keyring accepts every key and stores none.
    is_stored = from_keyring(origin) == key
    return is_stored, name if is_stored else "the keyring saves nothing"


def delete_from_keyring(origin: str) -> bool:
    """Delete the key of a service from the system's keyring, and say whether there was one that is gone now."""
    if from_keyring(origin) is None:
        return False
    try:
        _import_or_none(_keyring).delete_password(KEYRING_SERVICE, origin)
    except Exception as exc:
        log.debug("the keyring did not delete the key: %s", type(exc).__name__)
    return from_keyring(origin) is None


# --- a .env file


@dataclass(frozen=True, slots=True, kw_only=True)
class DotEnv:
    """The values of our names in a ``.env`` file. Nothing is put into ``os.environ``."""

    path: Path
    api_key: Secret | None = field(default=None, repr=False)
    base_url: str | None = None
    workspace_id: str | None = None


def read_dotenv(choice: bool | str | os.PathLike[str]) -> DotEnv | None:
    """Return the values of the file that ``configure(dotenv=...)`` names."""
    if choice is False:
        return None
    if choice is True:
        path = _nearest_dotenv()
    elif isinstance(choice, str | os.PathLike):
        path = Path(choice).expanduser().absolute()
    else:
        raise SettingsError(f"dotenv is {type_text(choice)}; give True, a path, or False for none")
    if not path.is_file():
        raise SettingsError(f"dotenv is {str(choice)!r}, which is not a file")
    ensure_installed("dotenv", "dotenv= needs")
    from dotenv import dotenv_values

    error_name = ""
    try:
        # No interpolation: "$" is a character of a secret like any other. A byte order mark is none of the name.
        values = dotenv_values(path, interpolate=False, encoding="utf-8-sig")
        key = as_secret(values.get(KEY_NAME))
        address, workspace_id = ((values.get(name) or "").strip() or None for name in (ADDRESS_NAME, WORKSPACE_ID_NAME))
        names = set(values)
        del values  # the file's other secrets are not ours to hold
    except (OSError, ValueError) as exc:
        error_name = type(exc).__name__
    if error_name:
        raise SettingsError(f"dotenv: {path} cannot be read as UTF-8 text ({error_name})")
    if not names & {KEY_NAME, ADDRESS_NAME, WORKSPACE_ID_NAME}:
        raise SettingsError(f"dotenv: {path} sets neither {KEY_NAME} nor {ADDRESS_NAME} nor {WORKSPACE_ID_NAME}")
    return DotEnv(path=path, api_key=usable_key(key, str(path)), base_url=address, workspace_id=workspace_id)


def _nearest_dotenv() -> Path:
    working_folder = Path.cwd()
    for folder in (working_folder, *working_folder.parents):
        if (folder / ".env").is_file():
            return folder / ".env"
    raise SettingsError(f"dotenv=True found no file .env in {working_folder} or above it; give its path")


# --- the secrets of hosted notebooks


def _colab() -> Any:
    from google.colab import userdata  # type: ignore[import-not-found,unused-ignore]  # only there

    return userdata


def _kaggle() -> Any:
    import kaggle_secrets  # type: ignore[import-not-found,unused-ignore]  # only there

    return kaggle_secrets


def from_colab() -> KeyLookup:
    """Ask Google Colab's secrets, where this is a Colab notebook."""
    source = f"Colab secret {KEY_NAME}"
    userdata = _import_or_none(_colab)
    if userdata is None:
        return KeyLookup(source=source)
    try:
        return KeyLookup(source=source, key=as_secret(userdata.get(KEY_NAME)) or None)
    except Exception as exc:
        # userdata.SecretNotFoundError, userdata.NotebookAccessError, userdata.TimeoutException, by their names: which
        # of them there are depends on Colab's version.
        kind = type(exc).__name__
        log.debug("Colab's secrets gave no key: %s", kind)
    denied = "Access" in kind or "Denied" in kind
    hint = (
        f"Colab has {KEY_NAME}, but not for this notebook: switch on Notebook access in the Secrets pane (the key icon)"
    )
    return KeyLookup(source=source, hint=hint if denied else "")


def from_kaggle() -> KeyLookup:
    """Ask Kaggle's secrets, where this is a Kaggle notebook."""
    source = f"Kaggle secret {KEY_NAME}"
    secrets = _import_or_none(_kaggle)
    if secrets is None:
        return KeyLookup(source=source)
    return KeyLookup(
        source=source, key=_read_secret(lambda: secrets.UserSecretsClient().get_secret(KEY_NAME), "Kaggle's secrets")
    )
