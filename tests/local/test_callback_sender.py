"""Callback delivery: started at once, run apart from the caller, signed, tried again, and only where allowed."""

from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import threading
import weakref
from typing import Any

import pytest

from fh_notebook.errors import SettingsError
from fh_notebook.local import Delivery, LocalHive
from fh_notebook.local.callback_sender import may_deliver
from tests.local.hives import KEY, Receiver, Sleeps, ask, by_callback, echo_hive, in_process, no_wait, on_socket


def start(hive: LocalHive, url: str, variant: str = "async", **more: Any) -> dict[str, Any]:
    """Start a run for callback delivery, on a loop that ends at once."""

    async def send() -> dict[str, Any]:
        async with in_process(hive) as http:
            answer = await http.post("/workflow/invoke", json=ask(variant, **by_callback(url), **more))
            assert answer.is_success, answer.text
            return answer.json()

    return asyncio.run(send())


def delivered(hive: LocalHive) -> Delivery:
    assert hive.wait_idle()
    return hive.deliveries[-1]


@pytest.mark.parametrize("variant", ["plain", "async"])
def test_a_run_is_started_at_once_and_delivered_later(variant: str) -> None:
    """The caller's loop is gone by then."""
    hive = echo_hive()
    with Receiver() as receiver:
        answer = start(hive, receiver.url + "?case=7", variant)
        got = receiver.next()
        done = delivered(hive)
    assert set(answer) == {"request_id", "run_status", "webhook_secret"}
    assert answer["run_status"] == "running"
    assert got.path == "/callback?case=7"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"].startswith("fh-notebook-hive/")
    assert got.json == {
        "event_type": "workflow.completed",
        "request_id": answer["request_id"],
        "run_status": "completed",
        "data": {"output": "hi"},
    }
    assert done == Delivery(
        request_id=answer["request_id"],
        url=receiver.url + "?case=7",
        delivered=True,
        attempts=1,
        status_code=200,
        reason="",
    )


def test_a_failed_run_is_delivered_too() -> None:
    """With its error in place of an output."""
    hive = echo_hive()
    with Receiver() as receiver:
        start(hive, receiver.url, "broken")
        got = receiver.next()
        assert hive.wait_idle()
    assert got.json["event_type"] == "workflow.failed"
    assert got.json["data"] == {"error": "RuntimeError: cannot say hi"}


def test_the_sdks_spelling_of_start_and_callback() -> None:
    """202 with `run_id` alone; the callback has the fields of a sync answer."""
    hive = echo_hive(spelling="sdk")
    with Receiver() as receiver, on_socket(hive) as http:
        answer = http.post("/workflow/invoke", json=ask(**by_callback(receiver.url)))
        got = receiver.next()
        assert hive.wait_idle()
    assert answer.status_code == 202
    assert answer.json() == {"run_id": got.json["run_id"], "status": "queued"}
    assert set(got.json) == {"request_id", "run_id", "status", "output", "error"}


@pytest.mark.parametrize("text", ["plain", "Grüße, 日本 \U0001f41d", "half \ud83d"])
@pytest.mark.parametrize("spelling", ["docs", "sdk"])
def test_the_signature_is_what_openssl_makes_of_the_raw_body(text: str, spelling: str) -> None:
    """HMAC-SHA256 with the deployment's secret, lower-case hex, over the bytes as they were sent."""
    hive = echo_hive(spelling=spelling)

    @hive.workflow("echo", variant="say")
    async def say() -> str:
        return text

    with Receiver() as receiver:
        start(hive, receiver.url, "say", inputs={})
        got = receiver.next()
        assert hive.wait_idle()
    secret = hive.webhook_secret("echo").reveal()
    made = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", secret], input=got.body, capture_output=True, check=True
    ).stdout.decode()
    assert got.headers["x-fetch-hive-signature"] == made.split()[-1]


def test_the_secret_is_the_deployments_and_can_be_rotated() -> None:
    """One a deployment, in every async answer, and never another's."""
    hive = echo_hive()
    hive.workflow("other", variant="v")(lambda: 1)
    with Receiver() as receiver:
        first, second = start(hive, receiver.url), start(hive, receiver.url, "plain")
        assert first["webhook_secret"] == second["webhook_secret"] == hive.webhook_secret("echo").reveal()
        assert hive.webhook_secret("other") != hive.webhook_secret("echo")
        rotated = hive.rotate_webhook_secret("echo", "my own secret")
        assert start(hive, receiver.url)["webhook_secret"] == rotated.reveal() == "my own secret"
        assert hive.wait_idle()
    assert hive.rotate_webhook_secret("echo") != rotated
    with pytest.raises(SettingsError, match="'nobody'"):
        hive.webhook_secret("nobody")
    mine = hive.webhook_secret("echo")
    with pytest.raises(SettingsError, match="^secret= "):
        hive.rotate_webhook_secret("echo", " ")
    assert hive.webhook_secret("echo") == mine


@pytest.mark.parametrize(
    ("statuses", "attempts", "arrived", "waited"),
    [
        ((200,), 1, True, []),
        ((204,), 1, True, []),
        ((500, 503, 200), 3, True, [1.0, 5.0]),
        ((404, 200), 2, True, [1.0]),
        ((500,) * 9, 4, False, [1.0, 5.0, 25.0]),
    ],
)
def test_a_callback_is_tried_again_a_bounded_number_of_times(
    statuses: tuple[int, ...], attempts: int, arrived: bool, waited: list[float]
) -> None:
    """Until a 2xx, with growing waits; the very same bytes and signature each time."""
    sleeps = Sleeps()
    hive = echo_hive(sleep=sleeps)
    with Receiver(*statuses) as receiver:
        start(hive, receiver.url)
        done = delivered(hive)
        got = [receiver.next() for _ in range(attempts)]
        assert receiver.requests.empty()
    assert (done.delivered, done.attempts, done.status_code) == (arrived, attempts, statuses[attempts - 1])
    assert done.reason == ("" if arrived else "answered 500")
    assert sleeps.asked == waited
    assert len({(g.body, g.headers["x-fetch-hive-signature"]) for g in got}) == 1


def test_a_long_answer_of_a_receiver_is_left_unread() -> None:
    """It was delivered; what else the receiver has to say costs it its connection, not the hive its memory."""
    hive = echo_hive()
    with Receiver(body=b"x" * 8_000_000) as receiver:
        for _ in range(2):
            start(hive, receiver.url)
            done = delivered(hive)
            assert (done.delivered, done.status_code) == (True, 200)


def test_the_waits_can_be_set() -> None:
    """As many further attempts as there are numbers; none at all is a possibility."""
    sleeps = Sleeps()
    hive = echo_hive(sleep=sleeps, callback_backoff_s=[0.5])
    with Receiver(500, 500, 500) as receiver:
        start(hive, receiver.url)
        assert delivered(hive).attempts == 2
        hive.configure(callback_backoff_s=[])
        start(hive, receiver.url)
        assert delivered(hive).attempts == 1
    assert sleeps.asked == [0.5]


def test_a_redirect_is_not_followed() -> None:
    """Not even to this machine: it could lead to a host that is not allowed."""
    hive = echo_hive(sleep=no_wait)
    with Receiver() as target, Receiver(302, 307, 301, 308, location=target.url) as receiver:
        start(hive, receiver.url)
        done = delivered(hive)
        assert target.requests.empty()
    assert (done.delivered, done.status_code, done.reason) == (False, 308, "answered 308")


def test_nobody_at_the_other_end_is_recorded() -> None:
    """After all attempts, with the reason."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    hive = echo_hive(sleep=no_wait)
    start(hive, f"http://127.0.0.1:{port}/")
    done = delivered(hive)
    assert (done.delivered, done.attempts, done.status_code) == (False, 4, None)
    assert "ConnectError" in done.reason


def test_a_receiver_that_never_answers_is_given_up() -> None:
    """Each attempt has its time."""
    hive = echo_hive(callback_timeout_s=0.05, callback_backoff_s=())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start(hive, f"http://127.0.0.1:{silent.getsockname()[1]}/")
        assert delivered(hive).reason == "no answer within 0.05 s"


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.test/x",
        "https://example.com/callback",
        "http://10.0.0.1:8000/",
        "http://169.254.169.254/latest/meta-data",
        "http://0.0.0.0:1/",
        "http://127.1:1/",
        "http://2130706433:1/",
        "http://localhost.hooks.test/",
        "http://127.0.0.1@hooks.test/",
        "http://127.0.0.1.nip.test/",
        "http://[::ffff:10.0.0.1]/",
        "http://xn--/",
        "http://hooks.test%2f@127.0.0.1.evil.test/",
    ],
)
def test_a_host_that_is_not_allowed_is_never_resolved_nor_connected_to(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call is accepted as any other, and the delivery recorded as not made."""
    asked: list[Any] = []

    def refuse(*args: Any, **kwargs: Any) -> Any:
        asked.append(args)
        raise OSError("a host was resolved or connected to")

    hive = echo_hive(sleep=no_wait)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    answer = start(hive, url)
    done = delivered(hive)
    assert (done.request_id, done.delivered, done.attempts) == (answer["request_id"], False, 0)
    assert done.reason
    assert asked == []
    assert [c.status for c in hive.calls] == ["completed"]


@pytest.mark.parametrize(
    ("host", "may"),
    [
        ("127.0.0.1", True),
        ("127.255.0.9", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("hooks.test", True),
        ("HOOKS.test", True),
        ("a.hooks.test", False),
        ("hooks.test.evil", False),
        ("localhost.evil", False),
        ("192.168.0.1", False),
        ("", False),
    ],
)
def test_who_may_be_delivered_to(host: str, may: bool) -> None:
    """This machine, and hosts allowed by their whole name."""
    assert may_deliver(host, frozenset({"hooks.test"})) is may


def test_an_allowed_host_is_delivered_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name, in either case; the port does not matter."""
    real = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        return real("127.0.0.1" if host in ("hooks.test", b"hooks.test") else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    hive = echo_hive(allow_callbacks=["HOOKS.test"])
    with Receiver() as receiver:
        start(hive, f"http://Hooks.Test:{receiver.port}/x")
        assert receiver.next().headers["host"] == f"hooks.test:{receiver.port}"
        assert delivered(hive).delivered


def test_a_fault_does_not_stop_what_was_started() -> None:
    """The answer to the start is lost, and the run is delivered all the same."""
    hive = echo_hive()
    hive.fail_next(status=502, after_running=True)
    with Receiver() as receiver, on_socket(hive) as http:
        assert http.post("/workflow/invoke", json=ask(**by_callback(receiver.url))).status_code == 502
        assert receiver.next().json["event_type"] == "workflow.completed"
        assert hive.wait_idle()


def test_hundreds_of_callbacks_arrive_each_once() -> None:
    """None lost, none doubled, whatever the order."""
    hive = echo_hive(concurrency=20)
    with Receiver() as receiver, on_socket(hive) as http:
        ids = [
            http.post("/workflow/invoke", json=ask("plain" if i % 2 else "async", **by_callback(receiver.url))).json()
            for i in range(200)
        ]
        assert hive.wait_idle(20)
        got = [receiver.next().json["request_id"] for _ in range(200)]
        assert receiver.requests.empty()
    assert sorted(got) == sorted(i["request_id"] for i in ids)
    assert len(hive.deliveries) == 200
    assert all(d.delivered for d in hive.deliveries)
    assert hive.peak_in_flight <= 20


def test_only_the_last_deliveries_are_kept() -> None:
    """`keep` bounds them as it bounds the runs, also when it is changed while the hive lives."""
    hive = echo_hive(keep=2)
    with Receiver() as receiver:
        ids = [start(hive, receiver.url)["request_id"] for _ in range(4)]
        assert hive.wait_idle()
        assert {d.request_id for d in hive.deliveries} <= set(ids)
        assert len(hive.deliveries) == 2
        last = hive.deliveries[-1]
        hive.configure(keep=1)
        assert hive.deliveries == (last,)
        hive.configure(keep=3)
        for _ in range(4):
            start(hive, receiver.url)
        assert hive.wait_idle()
    assert len(hive.deliveries) == 3


def _endless(hive: LocalHive) -> threading.Event:
    began = threading.Event()

    @hive.workflow("d", variant="v")
    async def forever() -> None:
        began.set()
        await asyncio.Event().wait()

    return began


def _start_endless(hive: LocalHive) -> None:
    async def send() -> None:
        async with in_process(hive) as http:
            await http.post("/workflow/invoke", json=ask("v", {}, "d", **by_callback("http://127.0.0.1:9/")))

    asyncio.run(send())


def test_closing_a_hive_stops_its_runs_and_it_can_be_used_again() -> None:
    """They are recorded as failed, nothing is left waiting, and the next start makes a new loop."""
    with LocalHive(api_key=KEY) as hive:
        began = _endless(hive)
        _start_endless(hive)
        assert began.wait(10)
    assert hive.wait_idle(0)
    assert [c.status for c in hive.calls] == ["failed"]
    hive.workflow("echo", variant="async")(lambda text: text)
    with Receiver() as receiver:
        start(hive, receiver.url)
        assert receiver.next().json["run_status"] == "completed"
        assert delivered(hive).delivered
    hive.close()
    hive.close()


def test_a_hive_that_nobody_holds_ends_its_thread() -> None:
    """Without `close`."""
    before = set(threading.enumerate())
    hive = echo_hive()
    with Receiver() as receiver:
        start(hive, receiver.url)
        receiver.next()
        assert delivered(hive).delivered
    mine = [t for t in set(threading.enumerate()) - before if t.name == "fh-hive"]
    assert len(mine) == 1
    gone = weakref.ref(hive)
    del hive
    gc.collect()
    assert gone() is None
    mine[0].join(timeout=60)
    assert not mine[0].is_alive()
