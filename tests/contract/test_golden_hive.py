"""The hive is pinned to the golden exchanges: over a socket, by the standard library's client and the whole body."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import http.client
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from fh_notebook.local import LocalHive, aask_human
from tests.contract import golden_files
from tests.local.hives import KEY, Receiver, in_process

SEED_OUTPUT = (
    "enterprises are moving from experimentation to operational systems with stricter evaluation, governance, and "
    "tooling requirements."
)


class Stage:
    """A hive on a socket that has the workflows of the documentation, a receiver, and what placeholders stand for."""

    def __init__(self, setup: dict[str, Any], hive: LocalHive, port: int, receiver: Receiver) -> None:
        self.setup, self.hive, self.port, self.receiver = setup, hive, port, receiver
        endpoint = hive.webhook("echo", "plain")
        self.bound = {
            "<key>": KEY,
            "<receiver>": receiver.url,
            "<endpoint>": endpoint.endpoint_id,
            "<variant_id>": endpoint.variant_id,
            "<endpoint_secret>": endpoint.secret.reveal(),
        }

    def exchange(self, request: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        """Send a request as it is written; return status, headers and body."""
        asked = golden_files.filled(request, self.bound)
        body = golden_files.body_bytes(asked["body"])
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as line:
            line.request(asked["method"], asked["path"], body, asked["headers"])
            answer = line.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, json.loads(answer.read())

    def before(self) -> None:
        """Make the exchanges that come first, and bind what they brought."""
        for name in self.setup.get("after", []):
            earlier = golden_files.load(name)
            status, _, body = self.exchange(earlier["request"])
            assert status == earlier["response"]["status"], body
            assert golden_files.differences(earlier["response"]["body"], body, self.bound) == []
        if "fail" in self.setup:
            self.hive.fail_next(**self.setup["fail"])
        if "<run_id>" not in self.bound and self.hive.calls:
            self.bound["<run_id>"] = self.hive.calls[-1].run_id  # the docs' spelling names it only when asked


@contextlib.contextmanager
def staged(setup: dict[str, Any]) -> Iterator[Stage]:
    hive = LocalHive(api_key=KEY, spelling=setup.get("spelling", "docs"), **setup.get("options", {}))
    begun, go = threading.Event(), threading.Event()

    @hive.workflow("YOUR_DEPLOYMENT_NAME", variant="YOUR_VARIANT_NAME")
    async def brief(topic: str) -> str:
        return f"{topic}: {SEED_OUTPUT}"

    @hive.workflow("echo", variant="plain")
    async def plain(text: str, tags: list[str] | None = None) -> str:
        return text

    @hive.workflow("echo", variant="broken")
    async def broken(text: str) -> str:
        raise RuntimeError("cannot")

    bee = hive.asset("bee.png", b"\x89PNG\r\n\x1a\n", "image/png")

    @hive.workflow("paint", variant="live")
    async def paint(prompt: str) -> Any:
        return {"settings": {"prompt": prompt}, "assets": [bee]}

    @hive.workflow("refund", variant="plain", tools={"payments": "ask"})
    async def refund(amount: int) -> str:
        question, arguments = f"Refund {amount}?", {"amount": amount}
        decision = await aask_human(question, tool="payments", tool_arguments=arguments, timeout_s=3600)
        return "paid" if decision.approved else "refused"

    @hive.workflow("holder", variant="plain")
    def holder() -> None:
        begun.set()
        assert go.wait(10)

    with Receiver() as receiver, hive, hive.serve() as server:
        stage = Stage(setup, hive, server.port, receiver)
        if setup.get("held"):
            body = {
                "deployment": "holder",
                "variant": "plain",
                "async": {"enabled": True, "callback_url": receiver.url},
            }
            headers = {"Authorization": f"Bearer {KEY}"}
            stage.exchange({"method": "POST", "path": "/v1/workflow/invoke", "headers": headers, "body": body})
            assert begun.wait(10)
        try:
            stage.before()
            yield stage
        finally:
            go.set()
            assert hive.wait_idle()


ALL = {name: golden_files.load(name) for name in golden_files.names()}
ASKED = [name for name, e in ALL.items() if "sent_by" not in e]
SENT = [name for name, e in ALL.items() if e.get("sent_by") == "service"]


@pytest.mark.parametrize("name", ASKED)
def test_the_hive_answers_as_the_golden_file_says(name: str) -> None:
    """Status, the headers that matter, and every field of the body, none more."""
    exchange = ALL[name]
    expected = exchange["response"]
    with staged(exchange.get("hive", {})) as stage:
        status, headers, body = stage.exchange(exchange["request"])
        assert golden_files.differences(expected["body"], body, stage.bound) == []
        assert status == expected["status"]
        assert {k: headers.get(k) for k in expected["headers"]} == expected["headers"]


@pytest.mark.parametrize("name", SENT)
def test_the_hive_sends_callbacks_as_the_golden_file_says(name: str) -> None:
    """Method, path, headers and every field of the body; signed over the raw bytes."""
    exchange = ALL[name]
    call = {**ALL["sync_docs"]["request"], "body": exchange["hive"]["start"]}
    with staged(exchange["hive"]) as stage:
        stage.exchange(call)
        got = stage.receiver.next()
        secret = stage.hive.webhook_secret("echo").reveal()
        signed = hmac.new(secret.encode(), got.body, hashlib.sha256).hexdigest()
        bound = {**stage.bound, "<signature>": signed}
        expected = golden_files.filled(exchange["request"], bound)
        assert golden_files.differences(expected["body"], got.json, bound) == []
        assert got.path == urlsplit(expected["path"]).path
        assert {k: got.headers.get(k.lower()) for k in expected["headers"]} == expected["headers"]
        assert bound.get("<request_id>", stage.hive.calls[0].request_id) == stage.hive.calls[0].request_id


def test_every_file_says_its_name_and_its_source() -> None:
    """And has the fields of the format, no others."""
    assert len(ALL) >= 30
    for name, exchange in ALL.items():
        assert exchange["name"] == name
        assert re.match(r"(seed|CONTRACT \d|issue [A-Z]|ours)", exchange["source"])
        assert exchange.keys() <= {"name", "source", "request", "response", "hive", "sent_by"}
        assert set(exchange["request"]) == {"method", "path", "headers", "body"}
        assert set(exchange["response"]) == {"status", "headers", "body"}


def test_the_seeds_example_is_answered_in_the_seeds_words() -> None:
    """The request of the vendor's page, as it stands there."""
    seed = next((Path(__file__).parents[3] / "shared" / "seeds").glob("*.txt"), None)
    if seed is None:
        pytest.skip("the seed is not beside the repository")
    page = seed.read_text(encoding="utf-8")
    blocks = [json.loads(b) for b in re.findall(r"--data-raw '(.*?)'", page, re.DOTALL)]
    sync, by_callback = blocks
    assert ALL["sync_docs"]["request"]["body"] == sync
    by_callback["async"]["callback_url"] = "<receiver>"
    assert ALL["async_running_docs"]["request"]["body"] == by_callback
    output = re.search(r'"output": "(.*?)"', page)
    assert output is not None
    assert ALL["sync_docs"]["response"]["body"]["output"] == output[1]


def test_the_same_in_process() -> None:
    """The transport in process gives the very bytes of the socket, but for ids."""

    async def ask(hive: LocalHive) -> Any:
        async with in_process(hive) as client:
            return (await client.post("/workflow/invoke", json=ALL["sync_docs"]["request"]["body"])).json()

    with staged({}) as stage:
        body = asyncio.run(ask(stage.hive))
        assert golden_files.differences(ALL["sync_docs"]["response"]["body"], body, stage.bound) == []
