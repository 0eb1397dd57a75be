"""Sources of keys: every source with a real package of its own, in the one order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from keyring import get_keyring, set_keyring
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring

import fh_notebook as fh
from fh_notebook.core.config import credentials, resolution, settings
from fh_notebook.core.config.urls import DEFAULT_BASE_URL
from fh_notebook.core.redaction import Secret
from fh_notebook.errors import SettingsError
from fh_notebook.session import session
from tests import environment
from tests.told import facts, tells

SOURCES = ["argument", "configure", "environment", "keyring", "dotenv", "colab", "kaggle"]
"""From the strongest to the weakest."""

BACKEND = """
import os
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring

class Held(KeyringBackend):
    priority = 9
    held = {("fh_notebook", "api.fetchhive.com"): os.environ.get("TEST_KEYRING")}
    def get_password(self, service, user): return self.held.get((service, user)) or None
    def set_password(self, service, user, password): self.held[service, user] = password
    def delete_password(self, service, user): del self.held[service, user]
"""
COLAB = """
import os

class SecretNotFoundError(Exception): pass
class NotebookAccessError(Exception): pass

def get(name):
    found = os.environ.get("TEST_COLAB")
    if found == "denied": raise NotebookAccessError(f"Notebook does not have access to secret {name}")
    if not found: raise SecretNotFoundError(f"Secret {name} does not exist.")
    return found if name == "FETCH_HIVE_API_KEY" else "wrong"
"""
KAGGLE = """
import os

class BackendError(Exception): pass

class UserSecretsClient:
    def get_secret(self, name):
        if name != "FETCH_HIVE_API_KEY" or not os.environ.get("TEST_KAGGLE"): raise BackendError("none")
        return os.environ["TEST_KAGGLE"]
"""
FIND = """
import json, os, sys
import fh_notebook as fh
from fh_notebook.core.config import settings, resolution as precedence
given = json.loads(sys.argv[1])
if "dotenv" in given: fh.configure(dotenv=True)
if "configure" in given: fh.configure(api_key=given["configure"])
key, source, hints = precedence.find_key(given.get("argument"))
print(json.dumps([key.reveal() if key else None, source, hints, "FETCH_HIVE_API_KEY" in os.environ]))
"""


@pytest.fixture
def hosted(tmp_path: Path) -> Path:
    """A folder with real packages in the place of keyring's backend, Colab's and Kaggle's."""
    folder = tmp_path / "hosted"
    (folder / "google" / "colab").mkdir(parents=True)
    (folder / "google" / "colab" / "__init__.py").write_text("")
    (folder / "google" / "colab" / "userdata.py").write_text(COLAB)
    (folder / "kaggle_secrets.py").write_text(KAGGLE)
    (folder / "held_keyring.py").write_text(BACKEND)
    return folder


def _find(hosted: Path, given: dict[str, str]) -> tuple[str | None, str, list[str], bool]:
    """Ask a fresh process in which the sources in `given` have these keys."""
    work = hosted / "work" / "deep"
    work.mkdir(parents=True, exist_ok=True)
    (hosted / "work" / ".env").write_text(f"FETCH_HIVE_API_KEY='{given.get('dotenv', '')}'\n")
    variables = {
        "PYTHON_KEYRING_BACKEND": "held_keyring.Held",
        "TEST_KEYRING": given.get("keyring", ""),
        "TEST_COLAB": given.get("colab", ""),
        "TEST_KAGGLE": given.get("kaggle", ""),
        "FETCH_HIVE_API_KEY": given.get("environment", ""),
    }
    env = environment.for_process(hosted, **variables)
    env["PYTHONPATH"] = f"{hosted}:{env['PYTHONPATH']}" if sys.platform != "win32" else f"{hosted};{env['PYTHONPATH']}"
    done = subprocess.run(
        [sys.executable, "-c", FIND, json.dumps(given)], env=env, cwd=work, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    key, source, hints, is_set = json.loads(done.stdout)
    return key, source, hints, is_set


TOLD = {
    "argument": "argument",
    "configure": "configure()",
    "environment": "FETCH_HIVE_API_KEY",
    "keyring": "keyring",
    "dotenv": ".env",
    "colab": "Colab",
    "kaggle": "Kaggle",
}


@pytest.mark.parametrize("strongest", range(len(SOURCES)))
def test_each_source_counts_before_those_behind_it(hosted: Path, strongest: int) -> None:
    """With a key in this source and in all behind it, this one's is taken, and it is named."""
    given = {name: f"fhk_from_{name}" for name in SOURCES[strongest:]}
    key, source, _, _ = _find(hosted, given)
    assert (key, tells(source, TOLD[SOURCES[strongest]])) == (f"fhk_from_{SOURCES[strongest]}", True)


@pytest.mark.parametrize("only", SOURCES[3:])
def test_each_source_alone_gives_the_key(hosted: Path, only: str) -> None:
    """Empty sources before it are passed over; nothing is put into the environment."""
    key, source, hints, is_set = _find(hosted, {only: f"fhk_from_{only}"})
    assert (key, tells(source, TOLD[only]), hints) == (f"fhk_from_{only}", True, [])
    assert is_set  # empty, as the test has set it
    assert _find(hosted, {}) == (None, "", [], True)


def test_the_order_is_the_list_in_the_docstring() -> None:
    """One numbered list, in the order of the truth table."""
    words = ["argument", "configure", "environment", "keyring", ".env", "Colab", "Kaggle", "local hive"]
    text = resolution.__doc__ or ""
    places = [text.find(word) for word in words]
    assert -1 not in places
    assert places == sorted(places)


def test_a_colab_secret_that_is_not_for_this_notebook_is_hinted_at(hosted: Path) -> None:
    """It is no key, and the person is told which switch to turn."""
    key, source, hints, _ = _find(hosted, {"colab": "denied"})
    assert (key, source) == (None, "")
    assert len(hints) == 1
    assert tells(hints[0], "Colab", "FETCH_HIVE_API_KEY")
    key, source, hints, _ = _find(hosted, {"colab": "denied", "kaggle": "fhk_from_kaggle"})
    assert (key, tells(source, TOLD["kaggle"]), len(hints)) == ("fhk_from_kaggle", True, 1)


def test_a_source_that_breaks_at_its_import_has_no_key(hosted: Path) -> None:
    """Colab's and Kaggle's packages can be installed elsewhere, and break there in ways of their own."""
    (hosted / "google" / "colab" / "userdata.py").write_text("raise RuntimeError('no frontend')")
    key, source, hints, _ = _find(hosted, {"kaggle": "fhk_from_kaggle"})
    assert (key, tells(source, TOLD["kaggle"]), hints) == ("fhk_from_kaggle", True, [])
    (hosted / "kaggle_secrets.py").write_text("raise KeyError('KAGGLE_USER_SECRETS_TOKEN')")
    assert _find(hosted, {}) == (None, "", [], True)


def test_the_notice_without_a_key_has_the_hint_and_every_cure(hosted: Path) -> None:
    """Whoever has a key in Colab, switched off for the notebook, is told so where it matters: at the first call."""
    code = "import fh_notebook as fh\nfh.Client()"
    env = environment.for_process(hosted, TEST_COLAB="denied")
    env["PYTHONPATH"] = os.pathsep.join([str(hosted), env["PYTHONPATH"]])
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=hosted, capture_output=True, text=True, timeout=60)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    for words in ("Colab", credentials.LOGIN_HINT):
        assert said.count(words) == 1, said
    assert "FETCH_HIVE_API_KEY" in said.partition(credentials.LOGIN_HINT)[2]


def test_an_address_without_a_key_is_told_with_every_cure() -> None:
    """The error is as helpful as the notice."""
    fh.configure(base_url="https://hive.example/v1")
    with pytest.raises(SettingsError, match=facts("hive.example", credentials.LOGIN_HINT, "FETCH_HIVE_API_KEY")):
        fh.Client()


def test_a_quoted_key_is_refused() -> None:
    """Copied with its quotes, it would only be refused by the service later."""
    with pytest.raises(SettingsError, match=facts("configure(api_key=...)")):
        fh.configure(api_key='"fhk_0123456789"')


# --- .env


def test_a_dotenv_file_is_found_upward_and_read_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opt-in; a dollar is a character; address and workspace id count, behind the environment's; False forgets all."""
    lines = ["FETCH_HIVE_API_KEY=fhk_a$HOME${PATH}", "FETCH_HIVE_BASE_URL=http://127.0.0.1:9/v1/", "OTHER=x"]
    (tmp_path / ".env").write_text("\ufeff" + "\n".join([*lines, "FETCH_HIVE_WORKSPACE_ID= ws_9 "]), "utf-8")
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert resolution.find_key() == resolution.ResolvedKey()
    fh.configure(dotenv=True)
    key, source, _ = resolution.find_key()
    assert (key and key.reveal(), source) == ("fhk_a$HOME${PATH}", ".env")
    assert resolution.find_base_url() == ("http://127.0.0.1:9/v1", True)
    assert (resolution.find_workspace_id(), resolution.find_workspace_id("own")) == ("ws_9", "own")
    assert "fhk_a" not in repr(settings.current())
    monkeypatch.setenv("FETCH_HIVE_BASE_URL", "http://127.0.0.1:8/v1")
    monkeypatch.setenv("FETCH_HIVE_WORKSPACE_ID", "ws_8")
    assert (resolution.find_base_url(), resolution.find_workspace_id()) == (("http://127.0.0.1:8/v1", True), "ws_8")
    monkeypatch.delenv("FETCH_HIVE_BASE_URL")
    monkeypatch.delenv("FETCH_HIVE_WORKSPACE_ID")
    fh.configure(dotenv=False)
    assert resolution.find_workspace_id() is None
    assert resolution.find_key() == resolution.ResolvedKey()
    assert resolution.find_base_url() == (DEFAULT_BASE_URL, False)


@pytest.mark.parametrize(
    ("content", "choice", "told"),
    [
        (None, True, ("dotenv=True", ".env")),
        (None, "no.env", ("no.env",)),
        (None, ".", ("dotenv", "'.'")),
        ("OTHER=1", True, ("FETCH_HIVE_API_KEY",)),
        ("FETCH_HIVE_API_KEY='two words'", True, (".env",)),
        ("FETCH_HIVE_BASE_URL=http://x/v1", True, ("https",)),
        (b"FETCH_HIVE_API_KEY=\xff", True, ("UTF-8",)),
        (None, 3, ("dotenv", "3")),
    ],
)
def test_a_dotenv_file_that_cannot_serve_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | bytes | None, choice: object, told: tuple[str, ...]
) -> None:
    """At configure(), in one line; nothing is changed then."""
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / ".env").write_bytes(content.encode() if isinstance(content, str) else content)
    before = settings.current()
    with pytest.raises(SettingsError, match=facts(*told)) as caught:
        fh.configure(dotenv=choice, timeout=3)  # type: ignore[arg-type]
    assert "two words" not in str(caught.value)
    assert settings.current() is before


def test_a_dotenv_file_may_have_the_workspace_id_alone(tmp_path: Path) -> None:
    """The key is then of another source; an empty id is unset."""
    file = tmp_path / "x.env"
    for text, expected in (("ws_9", "ws_9"), ("", None)):
        file.write_text(f"FETCH_HIVE_WORKSPACE_ID={text}\n")
        fh.configure(dotenv=file)
        assert (
            fh.Client(base_url="http://127.0.0.1:9/v1", api_key="fhk_0123456789").aclient.connection.find_workspace_id()
            == expected
        )


def test_a_placeholder_in_dotenv_is_unset(tmp_path: Path) -> None:
    """A copied example file is no error."""
    (tmp_path / "x.env").write_text("FETCH_HIVE_API_KEY=YOUR_API_KEY\n")
    fh.configure(dotenv=tmp_path / "x.env")
    assert resolution.find_key() == resolution.ResolvedKey()


def test_a_missing_package_is_told_with_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without python-dotenv, dotenv= says what to install."""
    (tmp_path / ".env").write_text("FETCH_HIVE_API_KEY=fhk_0123456789\n")
    monkeypatch.setitem(sys.modules, "dotenv", None)
    with pytest.raises(SettingsError, match=facts("'fh-notebook[keyring]'")):
        fh.configure(dotenv=tmp_path / ".env")


# --- login


def test_a_login_goes_to_its_own_service_only() -> None:
    """A key that was given for one service is not sent to another; configure() takes its place."""
    key = Secret("fhk_0123456789")
    settings.log_in(key, base_url=DEFAULT_BASE_URL, source="%fetchhive login")
    assert resolution.find_key() == (key, "%fetchhive login", ())
    assert resolution.find_key(base_url="https://other.example/v1") == resolution.ResolvedKey()
    fh.configure(api_key="fhk_another_one")
    found, source, _ = resolution.find_key()
    assert (found and found.reveal(), source) == ("fhk_another_one", "configure()")
    assert settings.log_out(DEFAULT_BASE_URL)
    assert resolution.find_key() == resolution.ResolvedKey()
    assert not settings.log_out(DEFAULT_BASE_URL)


def test_a_logout_leaves_the_login_at_another_service() -> None:
    """Of a key that goes there, nothing was said."""
    key = Secret("fhk_0123456789")
    settings.log_in(key, base_url=DEFAULT_BASE_URL, source="%fetchhive login")
    assert not settings.log_out("https://other.example/v1")
    assert resolution.find_key().key == key


def test_what_has_to_be_asked_can_be_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What this process has in hand, and what was read from .env before, is found without asking; nothing is asked."""
    (tmp_path / ".env").write_text("FETCH_HIVE_API_KEY=fhk_of_dotenv\n")
    with held_keyring() as held:
        assert resolution.find_key(asking=False) == resolution.ResolvedKey()
        fh.configure(dotenv=tmp_path / ".env")
        assert resolution.find_key(asking=False).source == ".env"
        monkeypatch.setenv("FETCH_HIVE_API_KEY", "fhk_of_the_environment")
        assert resolution.find_key(asking=False).source == "FETCH_HIVE_API_KEY"
        assert held.asked == 0


def test_a_keyring_that_waits_for_the_person_holds_up_nobody_else() -> None:
    """The store is open to a batch meanwhile; of two clients that are made at once, both callers get the first."""
    with held_keyring() as held, ThreadPoolExecutor(3) as threads:
        held.may_answer.clear()
        try:
            clients = [threads.submit(session.client_for) for _ in range(2)]
            assert held.is_asked.acquire(timeout=20)
            assert held.is_asked.acquire(timeout=20)
            assert threads.submit(session.store).result(timeout=20) is not None
        finally:
            held.may_answer.set()
        first, second = (client.result(timeout=20) for client in clients)
        assert first is second is session.client_for()
        assert first.aclient.connection.key_source == "keyring"


class _Held(KeyringBackend):
    """A keyring with one key, which counts how often it is asked and may be made to wait."""

    priority = 9  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.is_asked = threading.Semaphore(0)
        self.may_answer = threading.Event()
        self.may_answer.set()

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        self.is_asked.release()
        assert self.may_answer.wait(30)
        return "fhk_of_the_keyring"

    def set_password(self, service: str, username: str, password: str) -> None:
        raise AssertionError("nothing was to be kept")


@contextmanager
def held_keyring() -> Iterator[_Held]:
    """Put a keyring that holds a key in place of the system's."""
    before, held = get_keyring(), _Held()
    set_keyring(held)
    try:
        yield held
    finally:
        set_keyring(before)


def test_a_logout_opens_no_source_that_was_closed_on_purpose(monkeypatch: pytest.MonkeyPatch) -> None:
    """configure(api_key=None) means none; a logout after it does not bring the environment's back."""
    monkeypatch.setenv("FETCH_HIVE_API_KEY", "fhk_0123456789")
    fh.configure(api_key=None)
    settings.log_out(DEFAULT_BASE_URL)
    assert resolution.find_key() == resolution.ResolvedKey()


def test_check_names_the_source_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Good and bad, each with where the key came from, so that the person knows where to look; or
    that there is none.
    """
    hive = fh.local.LocalHive(api_key="fhk_0123456789")
    with hive.serve() as server:
        found = _checked(server.url)
        assert found.status == "bad"
        assert tells(found.detail, server.url.split("/")[2])
        monkeypatch.setenv("FETCH_HIVE_API_KEY", "fhk_0123456789")
        found = _checked(server.url)
        assert (found.status, "(FETCH_HIVE_API_KEY)" in found.detail) == ("good", True)
        settings.log_in(Secret("fhk_wrong_one"), base_url=server.url, source="%fetchhive login")
        found = _checked(server.url)
        assert (found.status, "(%fetchhive login)" in found.detail) == ("bad", True)
    assert _checked(server.url).status == "unreachable"


def _checked(url: str) -> Any:
    with fh.Client(base_url=url) as client:
        return client.check()


def test_nothing_is_kept_where_the_keyring_keeps_nothing() -> None:
    """The null keyring takes everything and keeps nothing: the answer says so, and nothing raises."""
    is_saved, why = credentials.store_in_keyring("api.fetchhive.com", Secret("fhk_0123456789"))
    assert (is_saved, bool(why)) == (False, True)
    assert not credentials.delete_from_keyring("api.fetchhive.com")


def test_a_missing_keyring_package_is_told_with_the_extra_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """``%fetchhive login`` keeps the key in the kernel only, and says this."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    told = credentials.store_in_keyring("api.fetchhive.com", Secret("fhk_0123456789"))
    assert (told[0], tells(told[1], "'fh-notebook[keyring]'")) == (False, True)


def test_a_machine_without_a_keyring_is_told_so() -> None:
    """As on most servers: not by the name of keyring's error."""
    before = get_keyring()
    set_keyring(NoKeyring())
    try:
        told = credentials.store_in_keyring("api.fetchhive.com", Secret("fhk_0123456789"))
    finally:
        set_keyring(before)
    assert (told[0], "NoKeyring" in told[1], bool(told[1])) == (False, False, True)
