"""The service's error catalogue: cached, fetched at an error, and waited for by every error, for a moment."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import fh_notebook as fh
from fh_notebook.batching.rendering import error_groups
from fh_notebook.client import error_catalog
from fh_notebook.client.error_catalog import MOST_DAYS, ErrorCatalogCache, read_error_catalog
from fh_notebook.core import event_loop
from tests.client.callbacks.senders import KEY, PATIENCE_S, SECRET, Held, deliver, event, signed, until

URL = "https://api.test/v1"
FROZEN = {"code": "quota_frozen", "status": 422, "client_action": "Thaw the quota.", "message": "x"}


class Service:
    """A service that refuses calls, and has a catalogue; it notes what it was asked for."""

    def __init__(self, code: str, codes: Callable[[], httpx.Response], status: int = 422) -> None:
        self.codes, self.status = codes, status
        self.body: dict[str, str] = {"error": "It is frozen.", "error_code": code}
        self.asked: list[tuple[str, str | None]] = []
        self.locales: set[str | None] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.url.path, request.headers.get("authorization")))
        if request.url.path == "/v1/error_codes":
            self.locales.add(request.url.params.get("locale"))
            return self.codes()
        return httpx.Response(self.status, json=self.body)

    @property
    def fetched(self) -> int:
        return [path for path, _ in self.asked].count("/v1/error_codes")

    def client(self, cache: ErrorCatalogCache, url: str = URL) -> fh.Client:
        made = fh.AsyncClient(api_key=KEY, base_url=url, transport=httpx.MockTransport(self))
        return fh.Client.over(fh.AsyncClient.over(replace(made.connection, error_catalog=cache)))


def _good() -> httpx.Response:
    return httpx.Response(200, json={"locale": "en", "codes": [FROZEN]})


def _broken() -> httpx.Response:
    raise httpx.ConnectError("no network")


def test_a_new_code_has_the_catalogue_fetched_and_its_error_has_the_advice(tmp_path: Path) -> None:
    """Once, without the key; the file is found by the next process."""
    service, path = Service("quota_frozen", _good), tmp_path / "codes.json"
    cache = ErrorCatalogCache(URL, lambda: path)
    with service.client(cache) as client:
        runs = [client.invoke("d", variant="v") for _ in range(2)]
        assert [(run.error, run.client_action) for run in runs] == [("It is frozen.", "Thaw the quota.")] * 2
        run = runs[0]
        assert all("Thaw the quota." in shown for shown in (run._repr_html_(), repr(run), run.summary()))
        assert fh.Run.from_dict(run.to_dict()) == run
        [group] = error_groups([(0, "a", run), (1, "b", replace(run, client_action=None))])
        assert (group.jobs, group.error, "Thaw the quota." in group.words) == (2, "It is frozen.", True)
    assert service.fetched == 1
    assert ("/v1/error_codes", None) in service.asked
    until(path.exists)
    again = ErrorCatalogCache(URL, lambda: path)
    assert again.actions() == {"quota_frozen": "Thaw the quota."}
    assert again.is_of_today
    assert ErrorCatalogCache("https://other.test/v1", lambda: path).actions() == {}


def test_it_is_fetched_on_the_loop_of_the_call() -> None:
    """A transport that the user gave is one object for all loops, and its connections belong to the first one."""
    loops = set[asyncio.AbstractEventLoop]()

    async def main() -> None:
        fetched = asyncio.Event()
        here = asyncio.get_running_loop()
        service = Service("quota_frozen", _good)

        class Transport(httpx.MockTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                loops.add(asyncio.get_running_loop())
                if request.url.path == "/v1/error_codes":
                    here.call_soon_threadsafe(fetched.set)
                return await super().handle_async_request(request)

        client = fh.AsyncClient(api_key=KEY, base_url=URL, transport=Transport(service))
        connection = replace(client.connection, error_catalog=ErrorCatalogCache(URL))
        async with fh.AsyncClient.over(connection) as client:
            await client.invoke("d", variant="v")
            await asyncio.wait_for(fetched.wait(), PATIENCE_S)
        assert loops == {here}

    asyncio.run(main())


class Silent(httpx.MockTransport):
    """A service that says when it is asked for its catalogue, and answers that when it is told to."""

    def __init__(self) -> None:
        super().__init__(Service("quota_frozen", _good))
        self.asked = threading.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/error_codes":
            self._loop, self._answers = asyncio.get_running_loop(), asyncio.Event()
            self.asked.set()
            await self._answers.wait()
        return await super().handle_async_request(request)

    def answer(self) -> None:
        self._loop.call_soon_threadsafe(self._answers.set)


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_an_error_waits_for_a_moment_only(monkeypatch: pytest.MonkeyPatch, is_cancelled: bool) -> None:
    """Its slot is free meanwhile; whoever stops then has the answer stored."""
    monkeypatch.setattr(error_catalog, "WAIT_S", PATIENCE_S if is_cancelled else 0.0)
    kept = list[fh.Run]()

    async def keep(run: fh.Run, secrets: object) -> None:
        kept.append(run)

    async def main() -> None:
        silent = Silent()
        made = fh.AsyncClient(api_key=KEY, base_url=URL, transport=silent)
        connection = replace(made.connection, error_catalog=ErrorCatalogCache(URL), keep=keep)
        async with fh.AsyncClient.over(connection) as client:
            call = asyncio.ensure_future(client.invoke("d", variant="v"))
            if is_cancelled:
                assert await asyncio.to_thread(silent.asked.wait, PATIENCE_S)
                assert client.limiter.in_flight == 0
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
            else:
                assert (await asyncio.wait_for(call, PATIENCE_S)).client_action is None

    asyncio.run(main())
    assert [(run.status, run.error) for run in kept] == [("failed", "It is frozen.")]


def test_an_error_waits_for_a_fetch_of_another_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another client of the same service, too."""
    monkeypatch.setattr(error_catalog, "WAIT_S", PATIENCE_S)
    cache, silent = ErrorCatalogCache(URL), Silent()

    async def other() -> fh.Run:
        refused = fh.Run(status="failed", status_code=422, error="It is frozen.", error_code="quota_frozen")
        waiting = asyncio.ensure_future(cache.explained(refused, fetch=None))
        await asyncio.sleep(0)
        assert not waiting.done()
        silent.answer()
        return await waiting

    made = fh.AsyncClient(api_key=KEY, base_url=URL, transport=silent)
    client = fh.AsyncClient.over(replace(made.connection, error_catalog=cache))
    with ThreadPoolExecutor() as threads:
        first = threads.submit(lambda: fh.Client.over(client).invoke("d", variant="v"))
        assert silent.asked.wait(PATIENCE_S)
        runs = [asyncio.run(other()), first.result(PATIENCE_S)]
    assert [run.client_action for run in runs] == ["Thaw the quota."] * 2


def test_the_first_rows_of_a_batch_have_it() -> None:
    """All of those that are refused while it is fetched."""
    service = Service("quota_frozen", _good)
    with service.client(ErrorCatalogCache(URL)) as client:
        batch = fh.batch({"text": list("abcd")}, "d", variants="v", client=client, progress=False)
        assert list(batch.frame["client_action"]) == ["Thaw the quota."] * 4
    assert service.fetched == 1


def test_a_batch_that_is_stopped_meanwhile_has_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends at once."""
    monkeypatch.setattr(error_catalog, "WAIT_S", PATIENCE_S)
    silent = Silent()
    made = fh.AsyncClient(api_key=KEY, base_url=URL, transport=silent)
    connection = replace(made.connection, error_catalog=ErrorCatalogCache(URL))
    with fh.Client.over(fh.AsyncClient.over(connection)) as client:
        batch = fh.batch({"text": ["a"]}, "d", variants="v", client=client, progress=False, wait=False)
        assert silent.asked.wait(PATIENCE_S)
        batch.cancel().wait()
        assert batch.frame[["status", "error"]].values.tolist() == [["failed", "It is frozen."]]
        silent.answer()


def test_a_refused_key_waits_for_it_too() -> None:
    """It is raised, and no run."""
    with (
        Service("quota_frozen", _good, status=403).client(ErrorCatalogCache(URL)) as client,
        pytest.raises(fh.AuthError, match=r"It is frozen \(Fetch Hive: Thaw the quota\)"),
    ):
        client.invoke("d", variant="v")


@pytest.mark.parametrize("codes", [_broken, lambda: httpx.Response(500), lambda: httpx.Response(200, text="a page")])
def test_without_a_catalogue_errors_are_what_they_are(codes: Callable[[], httpx.Response]) -> None:
    """It is asked for once a day, however many errors there are."""
    service = Service("quota_frozen", codes)
    with service.client(ErrorCatalogCache(URL)) as client:
        errors = {client.invoke("d", variant="v").error for _ in range(3)}
        until(lambda: service.fetched)
    assert errors == {"It is frozen."}
    assert service.fetched == 1


def test_a_service_on_this_machine_is_not_asked() -> None:
    """As a rule it is a local hive; what is saved for it is shown."""
    service, near = Service("quota_frozen", _good), "http://127.0.0.1:9/v1"
    cache = ErrorCatalogCache(near)
    with service.client(cache, near) as client:
        assert client.invoke("d", variant="v").client_action is None
        cache.keep(json.dumps({"codes": [FROZEN]}).encode())
        assert client.invoke("d", variant="v").client_action == "Thaw the quota."
    assert service.fetched == 0


def test_what_to_do_is_in_an_error_that_is_raised_too() -> None:
    """A refused key is an exception, and no run."""
    cache = ErrorCatalogCache(URL)
    cache.keep(json.dumps({"codes": [FROZEN]}).encode())
    with (
        Service("quota_frozen", _good, status=403).client(cache) as client,
        pytest.raises(fh.AuthError, match=r"It is frozen \(Fetch Hive: Thaw the quota\)"),
    ):
        client.invoke("d", variant="v")


def test_a_documented_code_has_it_fetched_too() -> None:
    """Its text is the service's own; the fetch has no key, is counted nowhere, and asks for English."""
    action = {"code": "model_deprecated", "client_action": "Choose another."}
    service = Service("model_deprecated", lambda: httpx.Response(200, json={"codes": [action]}))
    cache, counted = ErrorCatalogCache(URL), list[str]()
    client = service.client(cache)
    connection = replace(client.aclient.connection, count=lambda kind, n, at=None: counted.append(kind))
    with fh.Client.over(fh.AsyncClient.over(connection)) as client:
        assert [client.invoke("d", variant="v").client_action for _ in range(2)] == ["Choose another."] * 2
    assert service.fetched == 1
    assert ("/v1/error_codes", None) in service.asked
    assert service.locales == {"en"}
    assert counted == ["invoke", "invoke"]


FAILED = {"request_id": "req_1", "status": "failed", "error": "It is frozen.", "error_code": "quota_frozen"}
"""A run that failed, in an answer that is no error."""


def _with_frozen(client: fh.Client) -> fh.Client:
    """Return a client whose catalogue is cached."""
    cache = ErrorCatalogCache(URL)
    cache.keep(json.dumps({"codes": [FROZEN]}).encode())
    return fh.Client.over(fh.AsyncClient.over(replace(client.aclient.connection, error_catalog=cache)))


def test_a_failed_run_has_it_however_its_outcome_comes() -> None:
    """In the answer to a call (status 200), to a look-up, of a run and of a refusal, and in a callback."""
    held, body = Held(), json.dumps(FAILED).encode()
    refusal: Any = {"error": "It is frozen.", "error_code": "quota_frozen"}
    with _with_frozen(held.hive.client()) as client, fh.CallbackReceiver(secrets=SECRET) as receiver:
        held.hive.fail_next(status=200, body=body)
        runs = [client.invoke("held", variant="v", inputs={"text": "a"})]
        held.hive.fail_next(status=200, body=body, on="retrieve")
        runs.append(client.retrieve("req_1"))
        held.hive.fail_next(status=422, body=json.dumps(refusal).encode(), on="retrieve")
        runs.append(client.retrieve("req_1"))
        for where in ({"data": refusal}, {"data": {}, **refusal}):
            pending = client.submit("held", variant="v", inputs={"text": "a"}, callback=receiver)
            failed = event(pending.request_id or "", event_type="workflow.failed", **where)
            assert deliver(receiver, failed, signed(failed)) == 200
            runs.append(pending.wait())
        held.let_go(2)
    assert [(run.status, run.client_action) for run in runs] == [
        (status, "Thaw the quota.") for status in ("failed", "failed", "unknown", "failed", "failed")
    ]


def test_a_callback_has_the_catalogue_fetched_too() -> None:
    """Its outcome waits for it, on the background loop."""
    service = Service("", _good, status=202)
    service.body = {"request_id": "req_1", "status": "queued"}
    cache = ErrorCatalogCache(URL)
    failed = event("req_1", event_type="workflow.failed", data={"error": "It is frozen.", "error_code": "quota_frozen"})
    public = "https://hooks.example.com"
    with service.client(cache) as client, fh.CallbackReceiver(secrets=SECRET, public_url=public) as receiver:
        pending = client.submit("d", variant="v", callback=receiver)
        assert deliver(receiver, failed, signed(failed)) == 200
        assert pending.wait().client_action == "Thaw the quota."
    assert service.fetched == 1


def test_what_to_do_is_in_the_error_of_another_request_too() -> None:
    """Such as an upload that is refused."""
    cache = ErrorCatalogCache(URL)
    cache.keep(json.dumps({"codes": [FROZEN]}).encode())
    with (
        Service("quota_frozen", _good).client(cache) as client,
        pytest.raises(fh.errors.CallError, match=r"It is frozen \(Fetch Hive: Thaw the quota\); "),
    ):
        client.approvals(workspace_id="ws")


def test_an_old_catalogue_is_fetched_again() -> None:
    """It says what it has until then; where it does not come, it is asked for on the next day, too."""
    today = [datetime(2026, 11, 1, tzinfo=UTC)]
    cache = ErrorCatalogCache(URL, now=lambda: today[0])
    cache.keep(json.dumps({"codes": [FROZEN]}).encode())
    run = fh.Run(status="failed", status_code=422, error_code="quota_frozen")
    days_fetched = [(MOST_DAYS, False), (MOST_DAYS + 1, True), (MOST_DAYS + 1, False), (MOST_DAYS + 2, True)]
    for days, is_fetched in days_fetched:
        today[0] = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=days)
        assert cache.should_fetch(run) == is_fetched
    assert cache.actions() == {"quota_frozen": "Thaw the quota."}


def test_processes_share_what_came_of_a_fetch(tmp_path: Path) -> None:
    """What one has fetched, another that has read the file before does not fetch; nor what did not come."""
    path, run = tmp_path / "codes.json", fh.Run(status="failed", status_code=422, error_code="quota_frozen")
    first, second, third = (ErrorCatalogCache(URL, lambda: path) for _ in range(3))
    assert second.actions() == third.actions() == {}
    first.keep(b"")
    assert not second.should_fetch(run)
    first.keep(json.dumps({"codes": [FROZEN]}).encode())
    assert not third.should_fetch(run)
    assert third.actions() == {"quota_frozen": "Thaw the quota."}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_asks_for_what_its_parent_was_fetching() -> None:
    """And is not held up by a lock that another thread of the parent held."""
    cache, run = ErrorCatalogCache(URL), fh.Run(status="failed", status_code=422, error_code="quota_frozen")
    assert cache.should_fetch(run)
    with cache._lock:
        child = os.fork()
        if child == 0:
            os._exit(10 + cache.should_fetch(run) if not cache._lock.locked() else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 11
    assert not cache.should_fetch(run)


def test_a_cache_asks_again_on_the_next_day(tmp_path: Path) -> None:
    """In UTC; a file that says something else is as if there were none."""
    today = [datetime(2026, 11, 29, 23, tzinfo=UTC)]
    path = tmp_path / "codes.json"
    path.write_text("[1, 2")
    cache = ErrorCatalogCache(URL, lambda: path, now=lambda: today[0])
    run = fh.Run(status="failed", status_code=422, error_code="new")
    assert [cache.should_fetch(run) for _ in range(2)] == [True, False]
    today[0] = datetime(2026, 11, 30, 1, tzinfo=UTC)
    assert cache.should_fetch(run)
    path.write_text(json.dumps({URL: {"fetched_on": 3, "actions": {"a": 4, "b": "do"}}}))
    assert ErrorCatalogCache(URL, lambda: path).actions() == {"b": "do"}


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"codes": 3}', b'{"codes": [null, 3, {}, {"code": 3}, {"code": "a", "client_action": []}]}'],
)
def test_any_catalogue_is_read(body: bytes) -> None:
    """What is no row is left out."""
    assert read_error_catalog(body) == {}


def test_an_action_is_one_line_without_keys() -> None:
    """It comes from outside."""
    body: Any = {"codes": [{"code": "a", "client_action": f"Use\n{KEY} " + "x" * 1000}]}
    (action,) = read_error_catalog(json.dumps(body).encode()).values()
    assert KEY not in action
    assert "\n" not in action
    assert len(action) <= 301


def test_the_local_hive_serves_one() -> None:
    """Of each code it has; asked for once a day."""
    hive = fh.local.LocalHive()
    client = hive.client()
    count = event_loop.run(client.aclient.known_error_codes())
    assert count > 20
    assert event_loop.run(client.aclient.known_error_codes()) == count
    assert client.aclient.connection.error_catalog.actions()["model_deprecated"]
