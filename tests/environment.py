"""The environment that a test, and every process that it starts, may see: no key, no keyring, no file of the user's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import fh_notebook

# Whatever would send a call to the real service, through somebody's proxy, or into somebody's files.
UNWANTED: Final = (
    "FETCH_HIVE_API_KEY",
    "FETCH_HIVE_BASE_URL",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "COLUMNS",
    "NO_COLOR",
    "FORCE_COLOR",
    "MPLBACKEND",
    "VIRTUAL_ENV",  # IPython warns, and uv installs elsewhere, where another environment is active
    "PYTEST_ADDOPTS",  # a pytest that a test starts has options of its own
)


ABSENT: Final = Path(__file__).parent / "absent"
"""Modules that take the place of packages which are left out."""


def store_of(folder: Path) -> Path:
    """Return the store of a process that is kept inside `folder`."""
    return Path(settings(folder)["FH_NOTEBOOK_STORE"])


def settings(folder: Path) -> dict[str, str]:
    """Return the variables that keep a test inside `folder`, and pip from compiling what nobody imports."""
    return {
        "FH_NOTEBOOK_STORE": str(folder / "store.sqlite3"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_CONFIG_DIR": str(folder / "jupyter-config"),
        "JUPYTER_DATA_DIR": str(folder / "jupyter-data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "jupyter-runtime"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "MPLCONFIGDIR": str(folder / "matplotlib"),
        # Python compiles what is imported, a small part of what pip installs. (It reads its "no" the other way round.)
        "PIP_NO_COMPILE": "0",
    }


def unwanted(environment: Mapping[str, str]) -> list[str]:
    """Return the names in `environment` that a test must not see, in either case (proxies are read in both)."""
    return [
        name for name in environment if name.upper() in UNWANTED or name.startswith(("FH_NOTEBOOK_", "FETCH_HIVE_"))
    ]


def for_process(folder: Path, **more: str) -> dict[str, str]:
    """Return the whole environment of a process that a test starts: this one's, kept inside `folder`.

    The process imports the very ``fh_notebook`` that this one imports, installed or not.
    """
    environment = {name: value for name, value in os.environ.items() if name not in unwanted(os.environ)}
    source = str(Path(fh_notebook.__file__).parents[1])
    path = os.pathsep.join(p for p in (source, str(ABSENT), environment.get("PYTHONPATH", "")) if p)
    return {**environment, **settings(folder), "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", **more}
