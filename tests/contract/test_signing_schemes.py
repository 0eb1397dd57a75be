"""Other ways to sign, each in one place: a signed timestamp, and Standard Webhooks, against its own library."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.contract.signing import TOLERANCE_S, SignedHeader, StandardWebhooks, sign
from fh_notebook.core.config import credentials
from tests.client.callbacks.senders import SECRET, Waiting, deliver, event

NOW_S = 1_795_000_000.0
STANDARD_SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
STAMPED = SignedHeader(timestamp_header="x-fetch-hive-timestamp")


def _stamped(body: bytes, at: str, secret: str = SECRET) -> dict[str, bytes]:
    signature = sign(at.encode() + b"." + body, secret)
    return {"x-fetch-hive-signature": signature.encode(), "x-fetch-hive-timestamp": at.encode()}


@pytest.mark.parametrize(
    ("at", "taken"),
    [
        (str(int(NOW_S)), True),
        (str(int(NOW_S - TOLERANCE_S)), True),
        (str(int(NOW_S + TOLERANCE_S)), True),
        (str(int(NOW_S - TOLERANCE_S - 1)), False),
        (str(int(NOW_S + TOLERANCE_S + 1)), False),
        ("0", False),
        ("-1", False),
        ("", False),
        ("1e9", False),
        ("9" * 30, False),
        ("now", False),
    ],
)
def test_an_old_delivery_is_not_taken_again(at: str, taken: bool) -> None:
    """A timestamp that is signed with the body, within the tolerance on both sides; else nothing."""
    headers = _stamped(b"{}", at)
    assert STAMPED.accepts_request(b"{}", headers, [fh.Secret(SECRET)], now_s=NOW_S) is taken


def test_a_timestamp_that_was_changed_is_not_the_one_that_was_signed() -> None:
    """Nor is a missing one."""
    headers = _stamped(b"{}", str(int(NOW_S)))
    secrets = [fh.Secret(SECRET)]
    changed = {**headers, "x-fetch-hive-timestamp": str(int(NOW_S) + 1).encode()}
    assert not STAMPED.accepts_request(b"{}", changed, secrets, now_s=NOW_S)
    assert not STAMPED.accepts_request(
        b"{}", {k: v for k, v in headers.items() if "time" not in k}, secrets, now_s=NOW_S
    )


def _of_library(body: str, at_s: float, secret: str = STANDARD_SECRET) -> dict[str, bytes]:
    """What the library of the standard signs."""
    when = datetime.fromtimestamp(int(at_s), UTC)
    signature = standardwebhooks.Webhook(secret).sign("msg_1", when, body)
    return {
        "webhook-id": b"msg_1",
        "webhook-timestamp": str(int(at_s)).encode(),
        "webhook-signature": signature.encode(),
    }


@given(body=st.text(max_size=80), key=st.binary(min_size=24, max_size=64))
def test_standard_webhooks_of_its_own_library_are_taken(body: str, key: bytes) -> None:
    """Any body, any secret; and not with another one."""
    secret = "whsec_" + base64.b64encode(key).decode()
    spelt = body.encode("utf-8", "replace").decode()
    headers, scheme = _of_library(spelt, NOW_S, secret), StandardWebhooks()
    assert scheme.accepts_request(spelt.encode(), headers, [fh.Secret(secret)], now_s=NOW_S)
    assert not scheme.accepts_request(spelt.encode() + b" ", headers, [fh.Secret(secret)], now_s=NOW_S)
    assert not scheme.accepts_request(spelt.encode(), headers, [fh.Secret(STANDARD_SECRET + "AAAA")], now_s=NOW_S)


def test_standard_webhooks_in_their_finer_points() -> None:
    """Several signatures in one header while a secret is replaced; an old one, a changed id,
    another version: refused.
    """
    scheme, secrets = StandardWebhooks(), [fh.Secret("not base64!"), fh.Secret(STANDARD_SECRET)]
    good = _of_library("{}", NOW_S)

    def taken(**changed: Any) -> bool:
        return scheme.accepts_request(
            b"{}", {**good, **{k.replace("_", "-"): v for k, v in changed.items()}}, secrets, now_s=NOW_S
        )

    assert taken()
    assert taken(webhook_signature=b"v1,AAAA v1a,BBBB " + good["webhook-signature"])
    assert not taken(webhook_signature=good["webhook-signature"].replace(b"v1,", b"v2,"))
    assert not taken(webhook_id=b"msg_2")
    assert not taken(webhook_id=b"")
    assert not taken(webhook_signature=b"v1,A " * 2_000 + good["webhook-signature"])
    assert not scheme.accepts_request(b"{}", good, secrets, now_s=NOW_S + TOLERANCE_S + 1)
    assert not scheme.accepts_request(b"{}", good, [fh.Secret("whsec_")], now_s=NOW_S)


def test_a_receiver_takes_another_scheme() -> None:
    """One argument; what it needs is asked for before the body is read."""
    with fh.CallbackReceiver(secrets=STANDARD_SECRET, scheme=StandardWebhooks()) as receiver:
        body = event("req_1")
        headers = _of_library(body.decode(), datetime.now(UTC).timestamp())
        spelt = [f"{name}: {value.decode()}" for name, value in headers.items()]
        waiting = Waiting(receiver, "req_1")
        assert deliver(receiver, body, *spelt) == 200
        assert waiting.wait().ok
        assert deliver(receiver, body, *spelt[:2]) == 401
        assert receiver.tally.unsigned == 1
        old = _of_library(body.decode(), datetime.now(UTC).timestamp() - 2 * TOLERANCE_S)
        assert deliver(receiver, body, *(f"{name}: {value.decode()}" for name, value in old.items())) == 401


@pytest.mark.parametrize("scheme", [STAMPED, StandardWebhooks()], ids=["a signed timestamp", "Standard Webhooks"])
def test_a_receiver_tests_itself_in_its_own_scheme(scheme: Any) -> None:
    """What it sends itself is signed as it wants deliveries to be: taken, and refused when it is forged."""
    with fh.CallbackReceiver(scheme=scheme) as receiver:
        assert receiver.self_test().local


def test_a_scheme_that_cannot_sign_is_told() -> None:
    """Nothing is sent, and nothing is said to work."""

    class Verifying:
        """All that a receiver needs for deliveries."""

        needs = STAMPED.needs
        accepts_request = STAMPED.accepts_request

    with fh.CallbackReceiver(scheme=Verifying()) as receiver:  # type: ignore[arg-type]  # that is the case
        tested = receiver.self_test()
        assert receiver.tally.refused == 0
    assert not tested.ok
    assert "signed_headers()" in str(tested)


def test_what_standard_webhooks_sign_their_own_library_takes() -> None:
    """Any body of text; the library knows the time itself."""
    now_s = datetime.now(UTC).timestamp()
    headers = StandardWebhooks().signed_headers(b'{"a": 1}', fh.Secret(STANDARD_SECRET), now_s=now_s)
    assert standardwebhooks.Webhook(STANDARD_SECRET).verify('{"a": 1}', headers) == {"a": 1}


def test_a_learned_secret_is_kept_in_the_keyring_only_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """And found there by the receiver of a new kernel."""
    kept: dict[str, fh.Secret] = {}
    monkeypatch.setattr(credentials, "store_in_keyring", lambda name, key: (not kept.update({name: key}), "a keyring"))
    monkeypatch.setattr(credentials, "from_keyring", kept.get)
    fh.CallbackReceiver().learn(fh.Secret(SECRET), "w/d")
    assert not kept
    fh.CallbackReceiver(keyring=True).learn(fh.Secret(SECRET), "w/d")
    assert list(kept) == ["w/d#signing"]
    later = fh.CallbackReceiver(keyring=True)
    assert later.recall("w/d")
    assert not later.recall("w/other")
    assert later._secrets()[0].reveal() == SECRET


@pytest.mark.parametrize("way", ["told", "found in the keyring"])
def test_learned_secrets_are_bounded_and_the_newest_stay(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often a service tells another one, and however many deployments the keyring has one of."""
    monkeypatch.setattr(credentials, "from_keyring", lambda name: fh.Secret(f"whsec_{name.removesuffix('#signing')}"))
    receiver = fh.CallbackReceiver(secrets=SECRET, keyring=way != "told")
    for number in sorted([*range(200), *range(200)]):
        if way == "told":
            receiver.learn(fh.Secret(f"whsec_{number}"))
        else:
            assert receiver.recall(str(number))
    known = [secret.reveal() for secret in receiver._secrets()]
    assert known[0] == "whsec_199"
    assert SECRET in known
    assert len(known) < 70
