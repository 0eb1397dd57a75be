"""Isolation of every test and every example: its own store and folders, no key, no proxy, no keyring."""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests import environment

# Read when jupyter_core is first imported; without it, it warns, and warnings are errors.
os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")


@pytest.fixture(scope="session", autouse=True)
def isolated_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep fixtures of a module or a session, which are made before a test's own, away from the user's files."""
    with pytest.MonkeyPatch.context() as patch:
        for name in environment.unwanted(os.environ):
            patch.delenv(name)
        for name, value in environment.settings(tmp_path_factory.mktemp("session")).items():
            patch.setenv(name, value)
        yield


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep the test inside `tmp_path`: its store, its IPython and Jupyter folders; no key, proxy or keyring."""
    for name in environment.unwanted(os.environ):
        monkeypatch.delenv(name)
    for name, value in environment.settings(tmp_path).items():
        monkeypatch.setenv(name, value)
    yield tmp_path
    vars(builtins).pop("_", None)  # a docstring's example leaves it, and IPython then binds no `_` of its own
    if polling := sys.modules.get("fh_notebook.client.polling"):
        _end_look_ups(polling)
    if uploads := sys.modules.get("fh_notebook.client.uploads"):
        # The system may give the next test's hive the same port: a file that this one's has would not be uploaded to it.
        uploads._addresses.clear()
    if session := sys.modules.get("fh_notebook.session.session"):
        session.reset()
    if settings := sys.modules.get("fh_notebook.core.config.settings"):
        settings.reset()


def _end_look_ups(polling: Any) -> None:
    """Forget the runs that the test left waiting: of more than a few, the next test's own are looked up seldom."""
    (loop, poller), polling._of_loop = polling._of_loop or (None, None), None

    def forget() -> None:
        poller._entries.clear()
        poller._changed.set()

    with suppress(RuntimeError):  # it has ended
        if loop is not None:
            loop.call_soon_threadsafe(forget)
