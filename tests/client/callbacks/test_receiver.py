"""The receiver, over real sockets: what it takes, what it refuses, and what it costs whoever floods it."""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import hmac
import json
import socket
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.client.callbacks import delivery, server
from fh_notebook.client.callbacks import receiver as receiver_module
from fh_notebook.client.callbacks.receiver import endpoint_of
from fh_notebook.client.callbacks.server import MAX_CONNECTIONS
from fh_notebook.contract.signing import SignedHeader, sign, verify_signature
from fh_notebook.core import event_loop
from fh_notebook.core.asgi import MAX_HEAD_BYTES
from tests import environment
from tests.client.callbacks.senders import (  # fmt: skip
    PATIENCE_S,
    SECRET,
    Waiting,
    connect,
    deliver,
    event,
    head,
    signed,
    status_of,
    until,
    until_async,
)
from tests.ports import free_port
from tests.told import facts, tells


@pytest.fixture(scope="module")
def shared() -> Iterator[fh.CallbackReceiver]:
    """One receiver for the tests that only deliver: each has ids of its own, and looks at differences of counts."""
    with fh.CallbackReceiver(port=free_port(), secrets=SECRET) as made:  # some tests stop it and start it again
        yield made


@pytest.fixture
def receiver() -> Iterator[fh.CallbackReceiver]:
    with fh.CallbackReceiver(port=free_port(), secrets=SECRET) as made:  # some tests stop it and start it again
        yield made


def _spellings(body: bytes, secret: str) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256)
    return {
        "hex": digest.hexdigest(),
        "prefixed": f"sha256={digest.hexdigest()}",
        "base64": base64.b64encode(digest.digest()).decode(),
    }


@pytest.mark.parametrize("form", ["hex", "prefixed", "base64"])
def test_a_signed_callback_is_taken_in_each_spelling(shared: fh.CallbackReceiver, form: str) -> None:
    """Hex, with ``sha256=``, base64: 200, and whoever waits has the run."""
    waiting = Waiting(shared, f"req_{form}")
    body = event(f"req_{form}", {"label": "billing"})
    assert deliver(shared, body, f"X-Fetch-Hive-Signature: {_spellings(body, SECRET)[form]}") == 200
    assert waiting.wait().output == {"label": "billing"}


def test_a_signature_of_openssl_is_taken(shared: fh.CallbackReceiver) -> None:
    """An independent peer signed it."""
    body = event("req_openssl")
    command = ["openssl", "dgst", "-sha256", "-hmac", SECRET, "-r"]
    spelt = subprocess.run(command, input=body, capture_output=True, check=True, timeout=20).stdout.split()[0].decode()
    waiting = Waiting(shared, "req_openssl")
    assert deliver(shared, body, f"x-fetch-hive-signature: {spelt}") == 200
    assert waiting.wait().ok


GOOD = sign(b"{}", SECRET)


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ("X-Fetch-Hive-Signature: ",),
        (f"X-Fetch-Hive-Signature: {GOOD.upper()}",),
        (f"X-Fetch-Hive-Signature: {GOOD[:-1]}",),
        (f"X-Fetch-Hive-Signature: sha1={GOOD}",),
        (f"X-Fetch-Hive-Signature: {GOOD},{GOOD}",),
        (f"X-Fetch-Hive-Signature: {GOOD}", f"X-Fetch-Hive-Signature: {GOOD}"),
        (f"X-Fetch-Hive-Signature: {sign(b'{}', 'another')}",),
        (f"X-Fetch-Hive-Signature: {sign(b'{ }', SECRET)}",),
        (f"X-Signature: {GOOD}",),
        ("X-Fetch-Hive-Signature: " + "a" * 5000,),
        ("X-Fetch-Hive-Signature: \xff\xfe",),
    ],
)
def test_what_is_not_signed_right_is_refused_and_counted(shared: fh.CallbackReceiver, headers: tuple[str, ...]) -> None:
    """401, in one of two counts, and nothing of it is taken."""
    before = shared.tally.unsigned + shared.tally.forged, shared.tally.verified
    assert deliver(shared, b"{}", *headers) == 401
    assert (shared.tally.unsigned + shared.tally.forged, shared.tally.verified) == (before[0] + 1, before[1])


def test_nothing_of_a_forged_body_is_parsed(shared: fh.CallbackReceiver) -> None:
    """A body that would break a parser which trusts it (nested a hundred thousand deep) is refused by its signature."""
    assert deliver(shared, b"[" * 100_000, f"X-Fetch-Hive-Signature: {GOOD}") == 401


def test_a_signed_body_that_is_no_event_ends_nothing(shared: fh.CallbackReceiver) -> None:
    """It is answered 200, since it was signed, and left out; the next one is taken."""
    for body in (b"", b"[]", b"\xff", b"[" * 100_000, b'{"event_type": "workflow.completed"}', b'{"request_id": []}'):
        assert deliver(shared, body, signed(body)) == 200
    waiting = Waiting(shared, "req_after")
    assert deliver(shared, event("req_after"), signed(event("req_after"))) == 200
    assert waiting.wait().ok


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", None, 405), ("PUT", None, 405), ("DELETE", None, 405), ("POST", "/", 404), ("POST", "/callback", 404),
        ("POST", "/" + "a" * 43, 404), ("GET", "/", 404),
    ],
)  # fmt: skip
def test_only_post_on_the_one_address_is_answered(
    shared: fh.CallbackReceiver, method: str, path: str | None, status: int
) -> None:
    """Another address is 404 whatever the method; a signature opens none."""
    before = shared.tally.elsewhere
    assert deliver(shared, b"{}", f"X-Fetch-Hive-Signature: {GOOD}", method=method, path=path) == status
    assert shared.tally.elsewhere == before + 1


def test_the_address_is_another_one_each_time_and_long_enough() -> None:
    """256 bits: nobody guesses it."""
    paths = {fh.CallbackReceiver().path for _ in range(20)}
    assert len(paths) == 20
    assert min(map(len, paths)) >= 43


def test_secrets_may_be_several_while_one_is_replaced() -> None:
    """Both are taken, a third is not."""
    with fh.CallbackReceiver(secrets=["old secret", "new secret"]) as two:
        body = event("req_1")
        assert [deliver(two, body, signed(body, s)) for s in ("old secret", "new secret", "third")] == [200, 200, 401]


@given(data=st.data())
def test_no_altered_byte_of_body_secret_or_header_verifies(data: st.DataObject) -> None:
    """Whatever single bit is turned."""
    body = data.draw(st.binary(min_size=1, max_size=60))
    secret = data.draw(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30))
    header = data.draw(st.sampled_from(sorted(_spellings(body, secret).values())))
    parts = {"body": body, "secret": secret.encode(), "header": header.encode()}
    assert verify_signature(body, header, secret)
    which = data.draw(st.sampled_from(sorted(parts)))
    at, bit = data.draw(st.integers(0, len(parts[which]) - 1)), data.draw(st.integers(0, 6))
    altered = bytearray(parts[which])
    altered[at] ^= 1 << bit
    parts[which] = bytes(altered)
    # A blank at an end is none of the header (HTTP), but no blank comes into the middle of a spelling.
    assert not verify_signature(parts["body"], parts["header"], parts["secret"].decode("latin-1"))


# --- how requests come


def test_a_chunked_body_is_verified_as_a_whole(shared: fh.CallbackReceiver) -> None:
    """Without a length, in three pieces."""
    body = event("req_chunked")
    waiting = Waiting(shared, "req_chunked")
    with connect(shared) as line:
        line.sendall(head(shared, None, signed(body), "transfer-encoding: chunked"))
        for piece in (body[:5], body[5:20], body[20:]):
            line.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        line.sendall(b"0\r\n\r\n")
        assert status_of(line) == 200
    assert waiting.wait().ok


def test_http_1_0_is_served(shared: fh.CallbackReceiver) -> None:
    """An old proxy may speak it."""
    body = event("req_old")
    waiting = Waiting(shared, "req_old")
    assert deliver(shared, body, signed(body), version="1.0") == 200
    assert waiting.wait().ok


def test_several_deliveries_go_over_one_connection(shared: fh.CallbackReceiver) -> None:
    """A refused one between them does not close it."""
    with connect(shared) as line:
        for number, right in enumerate((True, False, True)):
            body = event(f"req_kept_{number}")
            line.sendall(head(shared, len(body), signed(body if right else b"x")) + body)
            assert status_of(line) == (200 if right else 401)


@pytest.mark.parametrize("how", ["announced", "chunked"])
def test_a_body_over_the_cap_is_refused(how: str) -> None:
    """413: an announced one before it is sent, another as soon as it is too long."""
    with fh.CallbackReceiver(secrets=SECRET, max_body_bytes=10_000) as small, connect(small) as line:
        if how == "announced":
            line.sendall(head(small, 10_001, signed(b"")))
        else:
            piece = b"x" * 8_000
            line.sendall(head(small, None, signed(b""), "transfer-encoding: chunked"))
            line.sendall((b"%x\r\n%b\r\n" % (len(piece), piece)) * 2)
        assert status_of(line) == 413
        assert small.tally.too_large == 1
        body = b"{" + b" " * 9_998 + b"}"
        assert deliver(small, body, signed(body)) == 200


def test_bodies_that_are_being_read_have_a_bound_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred half-sent bodies may not take a gigabyte: one too many is answered 503."""
    monkeypatch.setattr(delivery, "MAX_UNVERIFIED_BYTES", 50_000)
    with fh.CallbackReceiver(secrets=SECRET) as here, ExitStack() as lines:
        first = lines.enter_context(connect(here))
        first.sendall(head(here, 60_000, signed(b"")) + b"x" * 40_000)
        second = lines.enter_context(connect(here))
        second.sendall(head(here, 60_000, signed(b"")) + b"x" * 40_000)
        # Whichever of them comes second is refused, and the other goes on.
        until(lambda: here.tally.overfull == 1)


def test_a_slow_head_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slow-loris: a byte now and then keeps no place for longer than the limit."""
    monkeypatch.setattr(server.ReceiverServer.__init__, "__kwdefaults__", {"head_s": 0.2})
    with fh.CallbackReceiver(secrets=SECRET) as here, connect(here) as line:
        line.sendall(b"POST / HTTP/1.1\r\nhost: x\r\n")
        assert status_of(line) == 0
        with connect(here) as silent:
            assert status_of(silent) == 0


def test_a_slow_body_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """408, counted."""
    monkeypatch.setitem(delivery.DeliveryApp.__init__.__kwdefaults__, "body_s", 0.2)
    with fh.CallbackReceiver(secrets=SECRET) as here, connect(here) as line:
        line.sendall(head(here, 100, signed(b"")) + b"{")
        assert status_of(line) == 408
        assert here.tally.too_slow == 1


def test_a_connection_that_rests_between_requests_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the idle time, and not before its answer."""
    monkeypatch.setattr(server, "IDLE_S", 0.2)
    with fh.CallbackReceiver(secrets=SECRET) as here, connect(here) as line:
        line.sendall(head(here, 2, signed(b"{}")) + b"{}")
        assert status_of(line) == 200
        assert status_of(line) == 0


def test_a_head_without_an_end_is_cut_off(shared: fh.CallbackReceiver) -> None:
    """However fast its bytes come."""
    with connect(shared) as line:
        line.sendall(b"POST / HTTP/1.1\r\n")
        with pytest.raises(OSError):  # noqa: PT012 - which of the sends meets the end is not known
            for _ in range(MAX_HEAD_BYTES):
                line.sendall(b"x-filler: " + b"a" * 500 + b"\r\n")


def test_a_crowd_of_silent_connections_keeps_nobody_out(receiver: fh.CallbackReceiver) -> None:
    """More than there are places for: the one that has been silent for longest makes room."""
    with ExitStack() as crowd:
        for _ in range(MAX_CONNECTIONS + 20):
            crowd.enter_context(connect(receiver)).sendall(b"POST / HTTP/1.1\r\n")
        waiting = Waiting(receiver, "req_good")
        assert deliver(receiver, event("req_good"), signed(event("req_good"))) == 200
        assert waiting.wait().ok
        assert len(receiver._server.connections) <= MAX_CONNECTIONS  # type: ignore[union-attr]


def test_garbage_is_answered_400_and_ends_nothing(shared: fh.CallbackReceiver) -> None:
    """What is no HTTP at all."""
    with connect(shared) as line:
        line.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
        assert status_of(line) in (0, 400)
    assert deliver(shared, b"{}", signed(b"{}")) == 200


# --- what comes when


def test_a_callback_that_comes_before_it_is_claimed_is_kept(receiver: fh.CallbackReceiver) -> None:
    """By either id; and then it is gone."""
    body = event("req_early", run_id="run_early")
    assert deliver(receiver, body, signed(body)) == 200
    until(lambda: receiver.tally.unclaimed == 1)
    assert Waiting(receiver, "run_early").wait().output == "hi"


def test_a_callback_with_two_ids_is_one(receiver: fh.CallbackReceiver) -> None:
    """Claimed by both, it is taken once; and it does not count as its own repetition."""
    body = event("req_both", run_id="run_both")
    taken: list[fh.Run] = []

    def take(run: fh.Run) -> None:
        taken.append(run)
        receiver.disclaim(["req_both", "run_both"], ended=True)

    assert deliver(receiver, body, signed(body)) == 200
    until(lambda: receiver.tally.unclaimed == 1)
    receiver.claim(["req_both", "run_both"], take)
    assert (len(taken), receiver.tally.repeated) == (1, 0)


def test_what_nobody_claims_is_bounded(monkeypatch: pytest.MonkeyPatch, receiver: fh.CallbackReceiver) -> None:
    """The oldest leave first, by number and by size."""
    monkeypatch.setattr(receiver_module, "MAX_UNCLAIMED", 3)
    for number in range(5):
        body = event(f"req_{number}")
        deliver(receiver, body, signed(body))
    until(lambda: receiver.tally.dropped == 2)
    assert not Waiting(receiver, "req_0").runs
    assert Waiting(receiver, "req_4").wait().ok
    monkeypatch.setattr(receiver_module, "MAX_UNCLAIMED_BYTES", 5_000)
    for number in range(4):
        body = event(f"req_big_{number}", "x" * 2_000)
        deliver(receiver, body, signed(body))
    until(lambda: receiver.tally.unclaimed == 9)
    assert not Waiting(receiver, "req_big_0").runs
    assert Waiting(receiver, "req_big_3").wait().ok


def test_a_repeated_delivery_is_answered_and_ignored(receiver: fh.CallbackReceiver) -> None:
    """200 each time, one outcome."""
    waiting = Waiting(receiver, "req_1")
    body = event("req_1")
    assert deliver(receiver, body, signed(body)) == 200
    waiting.wait()
    receiver.disclaim(["req_1"], ended=True)
    for _ in range(3):
        assert deliver(receiver, body, signed(body)) == 200
    until(lambda: receiver.tally.repeated == 3)
    assert len(waiting.runs) == 1


def test_a_delivery_by_an_unknown_secret_is_held_while_an_answer_is_due(receiver: fh.CallbackReceiver) -> None:
    """The answer to the call tells the secret: the callback that was faster is verified then, and taken."""

    async def call(learned: threading.Event) -> None:
        async with receiver.expecting():
            await until_async(lambda: receiver.tally.held)
            receiver.learn(fh.Secret("a new secret"))
        learned.set()

    waiting, learned = Waiting(receiver, "req_fast"), threading.Event()
    job = event_loop.background().submit(call(learned))
    body = event("req_fast")
    assert deliver(receiver, body, signed(body, "a new secret")) == 200
    assert waiting.wait().ok
    assert learned.wait(PATIENCE_S)
    job.result()


def test_a_secret_that_is_learned_during_the_look_is_not_missed() -> None:
    """A call on another loop learns it while the delivery is looked at: when its answer is here, it
    is verified anew.
    """
    known: list[fh.Secret] = []
    taken: list[bytes] = []

    class Learning(SignedHeader):
        """Signs as the service does; the secret is learned at the end of the first look."""

        def accepts_request(self, *given: Any, **more: Any) -> bool:
            is_signed = super().accepts_request(*given, **more)
            known[:] = [fh.Secret("a new secret")]
            return is_signed

    async def deliver_once() -> int:
        tally = delivery.DeliveryCounts()
        window = delivery.DeliveryApp(
            paths=lambda: ("/here",),
            scheme=Learning(),
            secrets=lambda: tuple(known),
            take=taken.append,
            tally=tally,
            hold_s=PATIENCE_S,
        )
        body = event("req_1")
        sent: list[Any] = []
        signature = (b"x-fetch-hive-signature", sign(body, "a new secret").encode())

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        window.call_out()
        scope = {"path": "/here", "method": "POST", "headers": [signature]}
        answering = asyncio.create_task(window(scope, receive, send))
        await until_async(lambda: tally.held)
        window.call_answered()
        await answering
        return int(sent[0]["status"])

    assert asyncio.run(deliver_once()) == 200
    assert taken == [event("req_1")]


def test_a_forged_delivery_while_an_answer_is_due_is_refused_when_it_is_here(receiver: fh.CallbackReceiver) -> None:
    """Held, and 401."""

    async def call() -> None:
        async with receiver.expecting():
            await until_async(lambda: receiver.tally.held)

    event_loop.background().submit(call())
    until(lambda: receiver._app._answers_due == 1)
    assert deliver(receiver, event("req_1"), signed(event("req_1"), "nobody's")) == 401
    assert (receiver.tally.held, receiver.tally.forged) == (1, 1)


def test_it_receives_at_the_same_url_after_it_was_stopped(receiver: fh.CallbackReceiver) -> None:
    """Port and path stay; what was kept stays."""
    before = receiver.url
    receiver.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", receiver.port), timeout=5).close()
    receiver.start()
    assert receiver.url == before
    assert deliver(receiver, b"{}", signed(b"{}")) == 200


def test_of_several_that_start_it_at_once_one_does(receiver: fh.CallbackReceiver) -> None:
    """From threads and from a loop: one server, at one port."""
    receiver.stop()

    async def both() -> None:
        await asyncio.gather(*(receiver.astart() for _ in range(5)))

    crowd = [threading.Thread(target=receiver.start) for _ in range(5)]
    for thread in crowd:
        thread.start()
    asyncio.run(both())
    for thread in crowd:
        thread.join()
    assert receiver.running
    assert receiver.self_test().ok


def test_a_given_path_receives_at_the_url_of_another_kernel() -> None:
    """After a restart: the same port and path."""
    with fh.CallbackReceiver(secrets=SECRET) as first:
        url, port, path = first.url, first.port, first.path
    with fh.CallbackReceiver(secrets=SECRET, port=port, path=path) as second:
        assert second.url == url


@pytest.mark.parametrize("path", ["short", "a/b/c/d/e/f/g/h/i/j", "päth-that-is-long-enough", ""])
def test_a_path_that_can_be_guessed_is_refused(path: str) -> None:
    """Before anything listens."""
    with pytest.raises(fh.SettingsError, match="path"):
        fh.CallbackReceiver(path=path)


def test_a_port_that_is_taken_is_told_with_the_cure(receiver: fh.CallbackReceiver) -> None:
    """In one line."""
    with pytest.raises(fh.SettingsError, match=facts("127.0.0.1", "port=0")):
        fh.CallbackReceiver(port=receiver.port).start()


@pytest.mark.parametrize("given", [None, [None], b"whsec_0123456789", 3, [SECRET, 3]])
def test_a_secret_that_is_no_text_is_refused_with_the_cure(given: Any) -> None:
    """As of an environment variable that is not there."""
    with pytest.raises(fh.SettingsError, match="^secrets .* not (None|a bytes|an int); "):
        fh.CallbackReceiver(secrets=given)


def test_an_empty_secret_is_refused() -> None:
    """Such a signature would prove nothing."""
    with pytest.raises(fh.SettingsError, match=facts("secrets=")):
        fh.CallbackReceiver(secrets=["good", " "])


def test_no_secret_is_shown_anywhere(receiver: fh.CallbackReceiver) -> None:
    """Neither in the repr, nor in HTML, nor in the values of its frames and fields."""
    shown = repr(receiver) + receiver._repr_html_() + repr(vars(receiver))
    assert SECRET not in shown
    assert receiver.path not in repr(receiver) + receiver._repr_html_()


# --- who reaches it


def test_self_test_says_that_it_works_and_who_reaches_it(receiver: fh.CallbackReceiver) -> None:
    """Signed in, forged out; only this machine reaches it."""
    tested = receiver.self_test()
    assert (tested.ok, tested.local, tested.public) == (True, True, None)
    assert (receiver.tally.verified, receiver.tally.forged) == (1, 1)


def test_self_test_tries_the_public_url_with_a_proxys_path() -> None:
    """A proxy that passes its own path on reaches it; one that is not there is told."""
    with fh.CallbackReceiver(secrets=SECRET) as probe:
        port = probe.port
    with fh.CallbackReceiver(port=port, public_url=f"http://127.0.0.1:{port}/user/me/proxy/{port}/") as proxied:
        assert proxied.url == f"http://127.0.0.1:{port}/user/me/proxy/{port}/{proxied.path}"
        assert proxied.self_test().public is True
    with fh.CallbackReceiver(public_url="http://127.0.0.1:9/") as nowhere:
        tested = nowhere.self_test(timeout_s=60)
    assert (tested.local, tested.public, tested.ok) == (True, False, False)
    assert tells(tested.told, "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("public_url", "environment", "outside", "told"),
    [
        (None, {}, False, "public_url="),
        ("https://hooks.example.com", {}, True, "https://hooks.example.com"),
        ("http://localhost:8787", {}, False, "http://localhost:8787"),
        (None, {"JUPYTERHUB_SERVICE_PREFIX": "/user/me/"}, False, "JupyterHub"),
        (None, {"JUPYTERHUB_SERVICE_PREFIX": "/user/me/", "BINDER_LAUNCH_HOST": "x"}, False, "Binder"),
        ("https://t.example", {"JUPYTERHUB_SERVICE_PREFIX": "/user/me/"}, True, "https://t.example"),
    ],
)
def test_reach_is_said_and_never_promised(
    public_url: str | None, environment: dict[str, str], outside: bool, told: str
) -> None:
    """A hub asks callers to log in, so it is no public reach."""
    found = endpoint_of(host="127.0.0.1", port=8787, public_url=public_url, environment=environment)
    assert (found.outside, tells(found.told, told)) == (outside, True)


@pytest.mark.parametrize(
    ("host", "base", "is_open"),
    [
        ("127.0.0.1", "http://127.0.0.1:8787", False),
        ("localhost", "http://localhost:8787", False),
        ("0.0.0.0", "http://127.0.0.1:8787", True),
        ("::", "http://[::1]:8787", True),
        ("192.0.2.7", "http://192.0.2.7:8787", True),
    ],
)
def test_who_reaches_it_is_told_by_where_it_listens(host: str, base: str, is_open: bool) -> None:
    """One that listens at every address of the machine is not said to be reached by this machine alone."""
    found = endpoint_of(host=host, port=8787, public_url=None, environment={})
    here_alone = endpoint_of(host="127.0.0.1", port=8787, public_url=None, environment={}).told
    assert (found.base, found.outside) == (base, False)
    assert (found.told.split(".")[0] != here_alone.split(".")[0]) == is_open
    assert tells(found.told, host) == (host == "192.0.2.7")


@pytest.mark.parametrize(
    ("environment", "browser"),
    [
        ({}, "/user/me/proxy/8787"),
        ({"JUPYTERHUB_PUBLIC_URL": "https://hub.example/user/me/"}, "https://hub.example/user/me/proxy/8787"),
        ({"BINDER_LAUNCH_HOST": "https://mybinder.org/"}, "/user/me/proxy/8787"),
    ],
)
def test_behind_a_hub_the_proxys_address_is_told_and_is_no_public_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], browser: str
) -> None:
    """jupyter-server-proxy serves the port to who is logged in; the service is given no token, and
    this address only.
    """
    (tmp_path / "jupyter_server_proxy.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    token = {"JUPYTERHUB_API_TOKEN": "SECRET", "JPY_API_TOKEN": "SECRET"}
    here = {"JUPYTERHUB_SERVICE_PREFIX": "/user/me/", **token, **environment}
    found = endpoint_of(host="127.0.0.1", port=8787, public_url=None, environment=here)
    assert (found.outside, found.base) == (False, "http://127.0.0.1:8787")
    assert found.browser is not None
    assert found.browser.endswith(browser)
    assert (found.browser in found.told, tells(found.told, "public_url=")) == (True, True)
    assert "SECRET" not in repr(found)


@pytest.mark.parametrize(
    "url", ["hooks.example.com", "ftp://x", "https://u:p@x", "https://x/?token=1", "https://[", ""]
)
def test_a_public_url_that_cannot_be_meant_is_refused(url: str) -> None:
    """And not repeated where it may hold a password."""
    with pytest.raises(fh.SettingsError, match="public_url") as told:
        fh.CallbackReceiver(public_url=url)
    assert "u:p" not in str(told.value)


@pytest.mark.parametrize("size", [10, 100_000])
def test_a_wish_for_http_2_is_ignored_and_the_body_read(shared: fh.CallbackReceiver, size: int) -> None:
    """As Java's client sends it by default; the body comes with the head, or after it."""
    wish = ("Connection: Upgrade, HTTP2-Settings", "UPGRADE : h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")
    for number in range(2):
        body = event(f"req_h2c_{size}_{number}", "x" * size)
        waiting = Waiting(shared, f"req_h2c_{size}_{number}")
        with connect(shared) as line:
            line.sendall(head(shared, len(body), signed(body), *wish) + (body if number else b""))
            line.sendall(b"" if number else body)
            assert status_of(line) == 200
        assert waiting.wait().ok


def test_an_unsigned_body_of_any_size_is_read_to_its_end_and_refused(shared: fh.CallbackReceiver) -> None:
    """401, and the connection goes on: an honest sender sees what is wrong."""
    body = b"x" * 3_000_000
    with connect(shared) as line:
        line.sendall(head(shared, len(body)) + body)
        assert status_of(line) == 401
        line.sendall(head(shared, 2, signed(b"{}")) + b"{}")
        assert status_of(line) == 200


def test_what_is_no_request_writes_nothing_into_a_cell(shared: fh.CallbackReceiver, capfd: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """uvicorn's own warnings would go to standard error, whatever cell runs."""
    with connect(shared) as line:
        line.sendall(b"\x16\x03\x01 no HTTP\r\n\r\n")
        assert status_of(line) in (0, 400)
    assert deliver(shared, b"{}", signed(b"{}"), "Connection: Upgrade", "Upgrade: websocket") == 200
    assert capfd.readouterr() == ("", "")


def test_curl_delivers_a_large_body_that_asks_first(shared: fh.CallbackReceiver, tmp_path: Path) -> None:
    """An independent peer, with ``Expect: 100-continue``, and asking for HTTP/2."""
    body = event("req_curl", "x" * 2_000_000)
    (tmp_path / "body").write_bytes(body)
    waiting = Waiting(shared, "req_curl")
    for version in ("--http1.1", "--http1.0", "--http2"):
        command = [
            "curl", "-sS", "--noproxy", "*", version, "-w", "%{http_code}", "--data-binary", f"@{tmp_path / 'body'}",
            "-H", signed(body), "-H", "Expect: 100-continue", shared.local_url,
        ]  # fmt: skip
        told = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (told.stdout, told.stderr) == ("200", ""), version
    assert waiting.wait().output == "x" * 2_000_000


HOSTILE: dict[str, tuple[bytes, Any]] = {
    "two ids": (b'"request_id": "req_other", "request_id": "%b", "data": {"output": 1}', 1),
    "two outputs": (b'"request_id": "%b", "data": {"output": 1}, "data": {"output": 2}', 2),
    "invalid UTF-8": (b'"request_id": "%b", "data": {"output": "a\xff\xfeb"}', "a\ufffd\ufffdb"),
    "a number of 5,000 digits": (b'"request_id": "%b", "data": {"output": ' + b"9" * 5_000 + b"}", "9" * 5_000),
    "an infinite number": (b'"request_id": "%b", "data": {"output": 1e999999}', float("inf")),
    "half a character": (b'"request_id": "%b", "data": {"output": "\\ud800"}', "\ud800"),
    "a NUL": (b'"request_id": "%b", "data": {"output": "a\\u0000b"}', "a\0b"),
    "an error of odd shape": (b'"request_id": "%b", "data": {"output": 1, "error": [{"a": 1}]}', 1),
    "a status of odd shape": (b'"request_id": "%b", "status": {"a": 1}, "data": {"output": 1}', 1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_signed_body_of_odd_content_is_taken_as_far_as_it_can_be_read(shared: fh.CallbackReceiver, name: str) -> None:
    """The service signs what a model wrote: the answer is paid for, so it is not lost, and it can be shown."""
    body, output = HOSTILE[name]
    request_id = f"req_{name.replace(' ', '_')}"
    body = b'{"event_type": "workflow.completed", ' + body.replace(b"%b", request_id.encode()) + b"}"
    waiting = Waiting(shared, request_id)
    assert deliver(shared, body, signed(body)) == 200
    run = waiting.wait()
    assert (run.status, run.output) == ("completed", output)
    assert repr(run)
    assert run._repr_html_()


@pytest.mark.parametrize("depth", [900, 100_000])
def test_a_signed_body_of_great_depth_ends_nothing(shared: fh.CallbackReceiver, depth: int) -> None:
    """Where it can be read it is taken; else it is left out, and the run is looked up."""
    body = b'{"event_type": "workflow.completed", "request_id": "req_deep", "data": {"output": %b%b}}' % (
        b"[" * depth,
        b"]" * depth,
    )
    assert deliver(shared, body, signed(body)) == 200
    waiting = Waiting(shared, f"req_after_{depth}")
    assert deliver(shared, event(f"req_after_{depth}"), signed(event(f"req_after_{depth}"))) == 200
    assert waiting.wait().ok


def test_running_that_is_delivered_after_the_outcome_is_old_news(receiver: fh.CallbackReceiver) -> None:
    """Out of order, and before anybody claims the run: the outcome stays."""
    late = json.dumps({"event_type": "workflow.running", "request_id": "req_1", "run_status": "running"}).encode()
    for body in (event("req_1"), late, event("req_1", "another")):
        assert deliver(receiver, body, signed(body)) == 200
    until(lambda: receiver.tally.repeated == 2)
    assert Waiting(receiver, "req_1").wait().output == "hi"


def test_self_test_tells_a_proxy_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """In words; this machine's own address is asked without any proxy."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "socks5://127.0.0.1:9" if name == "ALL_PROXY" else "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with fh.CallbackReceiver(public_url="http://hooks.example.com/x") as proxied:
        tested = proxied.self_test(timeout_s=60)
    assert (tested.local, tested.public) == (True, False)
    assert "SOCKS" in tested.told
    assert "Traceback" not in tested.told


# --- a flood


def _flood(receiver: fh.CallbackReceiver, number: int) -> int:
    """Send so many forged deliveries over one connection, as fast as it goes; return how many were refused."""
    body = json.dumps({"request_id": "req_good", "data": {"output": "forged"}}).encode()
    request = head(receiver, len(body), "X-Fetch-Hive-Signature: " + "0" * 64) + body
    refused = 0
    with connect(receiver) as line:
        for _ in range(number):
            line.sendall(request)
            refused += status_of(line) == 401
    return refused


@pytest.mark.parametrize("number", [500, pytest.param(10_000, marks=pytest.mark.long)])
def test_a_flood_of_forged_callbacks_keeps_the_good_one_out_by_nothing(
    receiver: fh.CallbackReceiver, number: int
) -> None:
    """All refused; the good one in the midst of it is taken; what is kept does not grow."""
    waiting = Waiting(receiver, "req_good")
    refused: list[int] = []
    crowd = [threading.Thread(target=lambda: refused.append(_flood(receiver, number // 4))) for _ in range(4)]
    for thread in crowd:
        thread.start()
    until(lambda: receiver.tally.forged > number // 4)
    assert deliver(receiver, event("req_good"), signed(event("req_good"))) == 200
    for thread in crowd:
        thread.join()
    assert waiting.wait().output == "hi"
    assert sum(refused) == number
    assert (receiver.tally.verified, receiver.tally.forged) == (1, number)
    assert not len(receiver.claims)
    assert len(waiting.runs) == 1


def growth_in_a_flood() -> int:
    """Return by how many bytes a process grows while it refuses ten thousand forged deliveries."""
    with fh.CallbackReceiver(secrets=SECRET) as receiver:
        _flood(receiver, 500)
        tracemalloc.start()
        try:
            _flood(receiver, 500)
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
            _flood(receiver, 10_000)
            gc.collect()
            return tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()


@pytest.mark.long
def test_memory_stays_flat_under_a_flood(tmp_path: Path) -> None:
    """Ten thousand forged deliveries leave nothing behind, where each that stayed would be a kilobyte. In a process of
    its own: what others leave is not counted.
    """
    script = "from tests.client.callbacks.test_receiver import growth_in_a_flood; print(growth_in_a_flood())"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment.for_process(tmp_path), cwd=Path(__file__).parents[3],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert int(done.stdout) < 1_000_000  # a busy machine still closes the last connections
