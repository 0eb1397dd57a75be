"""Sources of a key, an address and the store."""

from __future__ import annotations

import copy
import logging
import pickle
import sys
import types
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.core.config import resolution, settings
from fh_notebook.core.config.urls import check_base_url
from fh_notebook.core.redaction import Secret, log, redact
from fh_notebook.errors import SettingsError
from tests.told import facts

KEY = "fhk_" + "k" * 20


@pytest.fixture
def keyring_with(monkeypatch: pytest.MonkeyPatch):
    """A keyring that holds one password, in place of the system's."""

    def install(password: str | None, *, broken: bool = False) -> None:
        module = types.ModuleType("keyring")

        def get_password(service: str, user: str) -> str | None:
            if broken:
                raise RuntimeError("locked")
            return password if (service, user) == ("fh_notebook", "api.fetchhive.com") else None

        module.get_password = get_password  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "keyring", module)

    return install


def test_the_order_is_argument_configure_environment_keyring_nothing(
    monkeypatch: pytest.MonkeyPatch, keyring_with
) -> None:
    """Each source is taken only when those above it have no key."""
    keyring_with("fhk_from_keyring")
    monkeypatch.setenv("FETCH_HIVE_API_KEY", "fhk_from_env")
    fh.configure(api_key="fhk_from_configure")
    assert _found("fhk_argument") == ("fhk_argument", "argument")
    assert _found() == ("fhk_from_configure", "configure()")
    settings.reset()
    assert _found() == ("fhk_from_env", "FETCH_HIVE_API_KEY")
    monkeypatch.setenv("FETCH_HIVE_API_KEY", "")
    assert _found() == ("fhk_from_keyring", "keyring")
    keyring_with(None)
    assert _found() == (None, "")
    keyring_with("x", broken=True)
    assert _found() == (None, "")


def test_a_key_that_was_forgotten_on_purpose_is_not_looked_for_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """configure(api_key=None) means none, not "look further"."""
    monkeypatch.setenv("FETCH_HIVE_API_KEY", KEY)
    fh.configure(api_key=None)
    assert _found() == (None, "")


def _found(argument: str | None = None) -> tuple[str | None, str]:
    key, source, _ = resolution.find_key(argument)
    return key.reveal() if key else None, source


@pytest.mark.parametrize("placeholder", ["", "  ", "YOUR_API_KEY", None])
def test_a_placeholder_is_no_key(placeholder: str | None) -> None:
    """What a snippet says in place of a key is always unset."""
    assert _found(placeholder) == (None, "")


@pytest.mark.parametrize("broken", ["two words", "fhk_ü", "fhk_\nx", 3])
def test_a_key_that_cannot_be_one_is_refused_without_showing_it(broken: object) -> None:
    """It would be a header that no server takes; the message does not repeat it."""
    with pytest.raises(SettingsError) as caught:
        resolution.find_key(broken)  # type: ignore[arg-type]
    assert str(broken) not in str(caught.value) or broken == 3


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://api.fetchhive.com/v1/", "https://api.fetchhive.com/v1"),
        ("http://localhost:8000/v1", "http://localhost:8000/v1"),
        ("http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1"),
        ("http://[::1]:1/v1", "http://[::1]:1/v1"),
        ("local", "local"),
    ],
)
def test_addresses_that_are_taken(url: str, kept: str) -> None:
    """https anywhere, http to this machine, and the hive in this process."""
    assert check_base_url(url) == kept


@pytest.mark.parametrize(
    "url",
    [
        "http://api.fetchhive.com/v1",
        "http://127.0.0.1.example.com/v1",
        "http://localhost.example.com/v1",
        "http://10.0.0.1/v1",
        "ftp://x/v1",
        "api.fetchhive.com/v1",
        "https:///v1",
        "https://user:pw@host/v1",
        "https://host/v1?key=1",
        "https://host:port/v1",
        "https://host",
        "https://host/v2",
        "http://127.0.0.1:8000",
        "https://[::1/v1",
        "api[.fetchhive.com/v1",
        "",
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    """A key must not travel in the clear, and a typing error must not become a call."""
    with pytest.raises(SettingsError):
        check_base_url(url)


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": 0},
        {"timeout": "soon"},
        {"timeout": True},
        {"max_concurrency": 0},
        {"max_concurrency": 0.5},
        {"max_response_bytes": -1},
        {"loop": "kernel"},
        {"workspace": None},
        {"workspace": "a#b"},
        {"tracebacks": "long"},
        {"base_url": "http://x/v1"},
    ],
)
def test_configure_refuses_what_cannot_be_and_changes_nothing(wrong: dict[str, object]) -> None:
    """All or nothing: a call with one bad value leaves every setting as it was."""
    before = settings.current()
    with pytest.raises(SettingsError):
        fh.configure(**{"workspace": "other", **wrong})  # type: ignore[arg-type]
    assert settings.current() is before


def test_the_store_is_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """configure() before the environment before the platform's folder; None keeps nothing."""
    monkeypatch.delenv("FH_NOTEBOOK_STORE")
    default = resolution.store_path()
    assert default is not None
    assert default.name == "answers.sqlite3"
    monkeypatch.setenv("FH_NOTEBOOK_STORE", str(tmp_path / "env.sqlite3"))
    assert resolution.store_path() == tmp_path / "env.sqlite3"
    fh.configure(store=tmp_path / "here.sqlite3")
    assert resolution.store_path() == tmp_path / "here.sqlite3"
    fh.configure(store=None)
    assert resolution.store_path() is None


def test_a_secret_never_shows_itself() -> None:
    """Not in a repr, a format, a container, an f-string or a pickle; equality works, and a text is not equal."""
    secret = Secret(KEY)
    shown = f"{secret} {secret!r} {[secret]} {secret:>30} {vars(fh.Run) and secret!s}"
    assert KEY not in shown
    assert KEY.encode() not in pickle.dumps(secret)
    assert secret == Secret(f" {KEY} ")
    assert secret != KEY
    assert secret.reveal() == KEY


def test_the_log_is_redacted(caplog: pytest.LogCaptureFixture) -> None:
    """A record with a key in it, of whichever shape, leaves without it."""
    secret = Secret("a-key-of-no-known-shape")
    with caplog.at_level(logging.DEBUG, logger="fh_notebook"):
        log.warning("sent %s with Bearer abc.def and fhk_123456 and ?secret=s3", secret.reveal())
    assert "no-known-shape" not in caplog.text
    assert "abc.def" not in caplog.text
    assert "fhk_123456" not in caplog.text
    assert "s3" not in caplog.text
    assert "***" in caplog.text


def test_a_logged_traceback_is_redacted_too(caplog: pytest.LogCaptureFixture) -> None:
    """`exc_info` is text in the end, and every room's logger is this one."""
    with caplog.at_level(logging.DEBUG, logger="fh_notebook"):
        try:
            raise ValueError("refused fhk_123456")
        except ValueError:
            log.exception("it broke")
    assert "ValueError: refused fhk_***" in caplog.text
    assert "fhk_123456" not in caplog.text
    room = Path(fh.__file__).parent
    loggers = [f for f in room.rglob("*.py") if "getLogger(" in f.read_text("utf-8")]
    assert loggers == [room / "core" / "redaction.py"]


@pytest.mark.parametrize(
    "url",
    [
        "https://bee:hunter2@host/v1",
        "bee:hunter2@host/v1",
        "https://bee:hunter2@[::1/v1",
        "https:/bee:hunter2@host/v1",
        "https:///bee:hunter2@host/v1",
        "https://bee:a/hunter2@host/v1",
    ],
)
def test_a_password_in_an_address_is_not_repeated(url: str) -> None:
    """Whatever else is wrong with the address."""
    with pytest.raises(SettingsError, match=facts("base_url", "api_key")) as caught:
        check_base_url(url)
    assert "hunter2" not in str(caught.value)


def test_a_secret_that_begins_as_another_does_is_masked_to_its_end() -> None:
    """Whichever of the two came first."""
    secrets = [Secret("tokens-are-long"), Secret("tokens-are-longer"), Secret("tokens-are")]
    assert [redact(f"<{secret.reveal()}>") for secret in secrets] == ["<***>"] * 3


@given(st.text())
def test_redacting_never_raises_and_leaves_no_known_secret(text: str) -> None:
    """Any text around a living secret."""
    secret = Secret("a-key-of-no-known-shape")
    assert secret.reveal() not in redact(f"{text}{secret.reveal()}{text}")


def test_every_object_of_a_secret_keeps_it_known() -> None:
    """Two equal secrets: when one is gone, the text is still masked for the other; copies are the secret itself."""
    one, two = Secret("abcdefgh-x"), Secret("abcdefgh-x")
    del one
    assert redact("say abcdefgh-x") == "say ***"
    assert copy.deepcopy(two).reveal() == copy.copy(two).reveal() == "abcdefgh-x"
    assert not pickle.loads(pickle.dumps(two))  # what comes back from a file is no key at all
