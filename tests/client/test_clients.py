"""`Client` and `AsyncClient` against the local hive, in process and over a socket."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sniffio

import fh_notebook as fh
from fh_notebook.client.retry_loop import RetryLoop
from fh_notebook.local import LocalHive
from fh_notebook.session import session
from tests import environment
from tests.raw_server import hangs_up, says, serving
from tests.told import facts
from tests.virtual_time import run_virtually

KEY = "fhk_0123456789abcdef"
BODY = b'{"request_id": "req_1", "run_status": "completed", "output": "hi"}'


def _hive(**options: object) -> LocalHive:
    hive = LocalHive(api_key=KEY, **options)  # type: ignore[arg-type]

    @hive.workflow("echo", variant="plain")
    async def plain(text: str, times: int = 1) -> str:  # async: a thread's work does not pass in virtual time
        return text * times

    @hive.workflow("echo", variant="broken")
    def broken(text: str, times: int = 1) -> str:
        raise RuntimeError("cannot")

    return hive


@pytest.fixture(params=["in process", "socket"])
def client(request: pytest.FixtureRequest) -> Iterator[fh.Client]:
    """A client of the same hive, over both ways."""
    hive = _hive()
    if request.param == "in process":
        with hive.client() as made:
            made.hive = hive  # type: ignore[attr-defined]
            yield made
    else:
        with hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY) as made:
            made.hive = hive  # type: ignore[attr-defined]
            yield made


@pytest.mark.parametrize("spelling", ["docs", "sdk"])
def test_a_run_completes_in_either_spelling(spelling: str) -> None:
    """Over a socket: status, output, ids, seconds, when and where."""
    with _hive(spelling=spelling).serve() as server, fh.Client(base_url=server.url, api_key=KEY) as client:
        run = client.invoke("echo", variant="plain", inputs={"text": "hi", "times": 2}, metadata={"case": 42})
    assert (run.status, run.output, run.attempts, run.status_code) == ("completed", "hihi", 1, 200)
    assert (run.deployment, run.variant, run.inputs) == ("echo", "plain", {"text": "hi", "times": 2})
    assert run.metadata == {"case": 42}
    assert (run.request_id or "").startswith("req_")
    assert run.origin.startswith("127.0.0.1:")
    assert 0 < run.elapsed_s < 60
    assert run.started_at is not None


def test_a_failed_run_is_a_value(client: fh.Client) -> None:
    """The workflow raised; the service refused the inputs; the variant does not exist: runs, not exceptions."""
    run = client.invoke("echo", variant="broken", inputs={"text": "x"})
    assert run.status == "failed"
    assert "cannot" in str(run.error)
    run = client.invoke(fh.Deployment("echo"), variant="plain", inputs={"txt": "x"})
    assert (run.status, run.error_code) == ("failed", "validation_error")
    run = client.invoke(fh.Deployment("echo"), variant="nobody", inputs={"text": "x"})
    assert (run.status, run.error_code, run.status_code) == ("failed", "not_found", 404)


def test_async_twins_work_in_ones_own_loop(client: fh.Client) -> None:
    """`await` in somebody's own running loop, many at once."""

    async def main() -> list[fh.Run]:
        runs = [client.ainvoke("echo", variant="plain", inputs={"text": str(i)}) for i in range(10)]
        return await asyncio.gather(*runs)

    assert [run.output for run in asyncio.run(main())] == [str(i) for i in range(10)]


def test_an_async_client_works_in_whatever_loop_awaits_it() -> None:
    """One client, two loops one after the other: each has its own connections."""
    with _hive().serve() as server:
        client = fh.AsyncClient(base_url=server.url, api_key=KEY)

        async def main() -> fh.Run:
            async with client:
                return await client.invoke("echo", variant="plain", inputs={"text": "hi"})

        assert asyncio.run(main()).output == asyncio.run(main()).output == "hi"


def test_a_blocking_call_works_inside_a_running_loop_and_from_many_threads(client: fh.Client) -> None:
    """A sync call in a cell (the kernel's loop runs), and sixteen threads at once."""

    async def cell() -> fh.Run:
        return client.invoke("echo", variant="plain", inputs={"text": "cell"})

    assert asyncio.run(cell()).output == "cell"
    outputs: list[object] = []

    def call(number: int) -> None:
        outputs.append(client.invoke("echo", variant="plain", inputs={"text": str(number)}).output)

    threads = [threading.Thread(target=call, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(map(int, map(str, outputs))) == list(range(16))


def test_a_forked_child_calls_with_connections_of_its_own(tmp_path: Path) -> None:
    """After os.fork both sides go on calling, and both keep their answers; the child waits for no run."""
    with _hive().serve() as server:
        script = f"""
import os, fh_notebook as fh
from fh_notebook.client.pending_run import PendingRun, runs_waited_for
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.session import session
client = fh.Client(base_url={server.url!r}, api_key={KEY!r})
first = fh.Run(status="running", request_id="req_1")
request = InvokeRequest(deployment="echo")
before = PendingRun(client=client.aclient, request=request, first=first, receiver=None, keep=None)
before.begin(poll=True)
assert runs_waited_for(client.workspace) == [before]
def call(text):
    return client.invoke("echo", variant="plain", inputs={{"text": text}}).output
assert call("before") == "before"
pid = os.fork()
if pid == 0:
    ok = not runs_waited_for(client.workspace) and all(call(f"child {{i}}") == f"child {{i}}" for i in range(5))
    session.store().close()
    os._exit(0 if ok else 1)
assert all(call(f"parent {{i}}") == f"parent {{i}}" for i in range(5))
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
print(len(list(session.store().answers.single_runs())))
"""
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script],
            capture_output=True, text=True, timeout=60, env=environment.for_process(tmp_path),
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "11\n"), done.stderr


def test_the_key_decides_and_a_wrong_one_is_told() -> None:
    """401 is AuthError with the cure; nothing has run; check() says the same without running anything."""
    hive = _hive()
    with hive.serve() as server:
        with fh.Client(base_url=server.url, api_key="fhk_wrong_0123456789") as client:
            with pytest.raises(fh.AuthError, match=facts(server.url.split("/")[2])) as caught:
                client.invoke("echo", variant="plain", inputs={"text": "x"})
            assert (caught.value.status_code, caught.value.may_have_run) == (401, False)
            assert client.check().status == "bad"
        with fh.Client(base_url=server.url, api_key=KEY) as client:
            assert client.check()
        with pytest.raises(fh.SettingsError, match=facts("api.example.com", "API key")):
            fh.Client(base_url="https://api.example.com/v1")
    assert [call.status for call in hive.calls if call.status == "completed"] == []


def test_an_unreachable_service_is_told_after_three_attempts() -> None:
    """ConnectFailed, within its 5 s; nothing was sent; check() says unreachable."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    nobody = fh.AsyncClient(base_url="http://127.0.0.1:9/v1", api_key=KEY).connection
    client = fh.AsyncClient.over(nobody, retries=RetryLoop(nobody, sleep=sleep))

    async def main() -> str:
        async with client:
            with pytest.raises(fh.ConnectFailed, match=facts("3")) as caught:
                await client.invoke("echo", variant="plain")
            assert caught.value.may_have_run is False
            return (await client.check()).status

    assert asyncio.run(main()) == "unreachable"
    assert len(waits) == 2


@pytest.mark.parametrize(
    ("scripts", "attempts", "status"),
    [
        ([says(503), says(200, BODY)], 2, "completed"),
        ([says(502, b'{"error_code": "provider_error"}'), says(200, BODY)], 2, "completed"),
        ([says(429, b'{"error": "busy"}'), says(429, b'{"error": "busy"}'), says(200, BODY)], 3, "completed"),
        ([says(503)] * 3, 3, "failed"),
        ([says(500)], 1, "unknown"),
        ([says(502, b"<html>")], 1, "unknown"),
        ([hangs_up], 1, "unknown"),
        ([says(422, b'{"error_code": "validation_error"}')], 1, "failed"),
    ],
)
def test_what_did_not_run_is_called_again_and_what_may_have_run_is_not(
    scripts: list[object], attempts: int, status: str
) -> None:
    """CONTRACT section 2 as a person meets it: the number of requests that the service really saw."""
    spare = [says(200, BODY)]  # would be taken by a call too many
    with serving(*scripts, *spare) as server:  # type: ignore[arg-type]

        async def no_wait(seconds: float) -> None:
            await asyncio.sleep(0)

        connection = fh.AsyncClient(base_url=server.url, api_key=KEY).connection
        client = fh.AsyncClient.over(connection, retries=RetryLoop(connection, sleep=no_wait))

        async def main() -> fh.Run:
            async with client:
                return await client.invoke("d", variant="v")

        run = asyncio.run(main())
        assert len(server.requests) == attempts
    assert (run.attempts, run.status) == (attempts, status)


def test_the_daily_cap_is_told_and_closes_the_limiter() -> None:
    """The first refused call says it; the next makes no request; the same number of runs as the cap."""
    hive = _hive(daily_cap=2)
    with hive.client() as client:
        for _ in range(2):
            assert client.invoke("echo", variant="plain", inputs={"text": "x"}).ok
        with pytest.raises(fh.LimitReached, match="00:00 UTC") as caught:
            client.invoke("echo", variant="plain", inputs={"text": "x"})
        assert caught.value.error_code == "api_rate_limit_exceeded"
        seen = len(hive.calls)
        with pytest.raises(fh.LimitReached, match=facts("client.limiter.reopen()")):
            client.invoke("echo", variant="plain", inputs={"text": "x"})
        assert len(hive.calls) == seen
        client.limiter.reopen()
        with pytest.raises(fh.LimitReached):
            client.invoke("echo", variant="plain", inputs={"text": "x"})


@pytest.mark.long
@pytest.mark.parametrize("cap", [1, 3])
def test_the_limiter_keeps_many_calls_under_a_plans_concurrency_cap(cap: int) -> None:
    """Thirty calls at once against a plan of 1 or 3: all complete, few are refused, in virtual time."""
    hive = _hive(concurrency=cap, latency_s=0.05)
    client = fh.AsyncClient.over(session.connection_of_hive(hive))

    async def main() -> list[fh.Run]:
        async with client:
            calls = [client.invoke("echo", variant="plain", inputs={"text": str(i)}) for i in range(30)]
            return await asyncio.gather(*calls)

    runs = asyncio.run(main())
    assert all(run.ok for run in runs)
    assert hive.peak_in_flight <= cap
    assert client.limiter.refused <= 8


def test_inputs_are_checked_before_any_call() -> None:
    """A hive's own deployments are known by name: a wrong input costs nothing and is told with every problem."""
    hive = _hive()
    with hive.client() as client:
        with pytest.raises(fh.InputError) as caught:
            client.invoke("echo", variant="plain", inputs={"txt": "x", "times": "two"})
        assert len(caught.value.problems) == 3
        with pytest.raises(fh.InputError, match="nested"):
            client.invoke("echo", variant="plain", inputs={"text": "x"}, metadata={"a": {}})
    assert len(hive.calls) == 0


def test_a_run_is_retrieved_by_its_request_id(client: fh.Client) -> None:
    """What became of a call; an unknown id is a run of status unknown."""
    run = client.invoke("echo", variant="plain", inputs={"text": "hi"})
    found = client.retrieve(str(run.request_id))
    assert found.status == "completed"
    assert found.request_id == run.request_id
    lost = client.retrieve("req_/../nobody")
    assert (lost.status, lost.status_code) == ("unknown", 404)


def test_callback_delivery_returns_at_once_with_a_masked_secret(client: fh.Client) -> None:
    """`running` or `queued`, with the signing secret in memory only."""
    run = client.invoke("echo", variant="plain", inputs={"text": "x"}, callback_url="http://127.0.0.1:9/cb")
    assert run.status in ("running", "queued")
    assert run.webhook_secret
    assert run.webhook_secret.reveal() not in repr(run) + str(run.raw) + str(run.to_dict())


def test_every_single_run_is_kept(client: fh.Client) -> None:
    """A cell's answer is paid for: it is in the store before it is returned."""
    client.invoke("echo", variant="plain", inputs={"text": "hi"})
    client.invoke("echo", variant="broken", inputs={"text": "hi"})
    store = session.store()
    assert store is not None
    assert sorted(kept.run.status for kept in store.answers.single_runs()) == ["completed", "failed"]


def test_clients_and_errors_do_not_show_the_key(caplog: pytest.LogCaptureFixture) -> None:
    """In no repr, no variable's repr, no log line of ours."""
    with (
        caplog.at_level(logging.DEBUG),
        _hive().serve() as server,
        fh.Client(base_url=server.url, api_key=KEY) as client,
    ):
        client.invoke("echo", variant="plain", inputs={"text": "hi"})
        shown = repr(client) + repr(vars(client)) + repr(client.aclient) + repr(vars(client.aclient)) + caplog.text
    assert KEY not in shown
    assert "***" in shown
    assert "echo/plain: completed" in caplog.text


def test_a_single_call_that_reaches_nobody_is_taken_back_at_the_moment_that_it_was_counted_at() -> None:
    """It may be another day by then: the ledger is of days."""
    counted: list[tuple[Any, ...]] = []
    refused = fh.AsyncClient(base_url="http://127.0.0.1:9/v1", api_key=KEY).connection

    async def no_sleep(_: float) -> None:
        """Go on at once."""

    counting = replace(refused, count=lambda *told: counted.append(told))
    client = fh.AsyncClient.over(counting, retries=RetryLoop(counting, sleep=no_sleep))

    async def main() -> None:
        async with client:
            with pytest.raises(fh.ConnectFailed):
                await client.invoke("echo", inputs={"text": "hi"})

    asyncio.run(main())
    assert [requests for _, requests, _ in counted] == [1, -1] * 3
    assert [at for *_, at in counted[::2]] == [at for *_, at in counted[1::2]]
    store = session.store()
    assert store is not None
    yesterday = datetime.now(UTC) - timedelta(days=1)
    for requests in (2, -1):
        store.requests.count("w", requests, at=yesterday).result()
    assert (store.requests.on_day("w", yesterday), store.requests.total()) == (1, 1)


def test_assets_are_saved_without_the_key_under_safe_names(tmp_path: Path) -> None:
    """Files of a run: fetched from the service, never outside the folder, never over a file."""
    hive = LocalHive(api_key=KEY)

    @hive.workflow("draw", variant="v")
    def draw() -> dict[str, object]:
        asset = hive.asset("../../evil.png", b"\x89PNG picture", "image/png")
        return {"settings": {}, "assets": [asset, {**asset, "file_name": "evil.png"}]}

    with hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY) as client:
        run = client.invoke("draw", variant="v")
        saved = run.save_assets(tmp_path / "out")
    assert [f.name for f in saved] == ["evil.png", "evil-2.png"]
    assert all(f.parent == tmp_path / "out" and f.read_bytes() == b"\x89PNG picture" for f in saved)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://10.0.0.1/x.png",
        "",
        "ftp://x/y",
        "http://localhost.example/x",
        "http://local/v1/assets/1/x",
    ],
)
def test_assets_at_addresses_that_may_not_be_fetched_are_refused(url: str, tmp_path: Path) -> None:
    """A model may name any address: only https, or this machine, is asked."""
    run = fh.Run(status="completed", output={"assets": [{"file_url": url, "file_name": "x.png"}]})
    with pytest.raises(fh.CallError) as caught:
        run.save_assets(tmp_path / "out")
    assert (type(caught.value), caught.value.status_code, caught.value.may_have_run) == (fh.CallError, None, False)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("links", [True, False])
def test_an_asset_has_its_name_only_once_it_is_whole(
    tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it comes, it is a partial file that the next one removes where its process was killed;
    also without links.
    """
    if not links:
        monkeypatch.setattr(os, "link", _no_links)
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "x.png").write_bytes(b"mine")
    (folder / ".x.png.0badcafe.fh-part-data").write_bytes(b"of a process that was killed")
    seen: list[set[str]] = []

    def answer(connection: socket.socket) -> None:
        says(200, b"wh", declared=5)(connection)
        seen.append({path.name for path in folder.iterdir()})
        connection.sendall(b"ole")

    with serving(answer) as server:
        url = server.url.removesuffix("/v1") + "/x.png"
        output = {"assets": [{"file_url": url, "file_name": "x.png"}]}
        run = fh.Run(status="completed", output=output, origin=server.url.split("/")[2])
        (saved,) = run.save_assets(folder)
    assert saved == folder / "x-2.png"
    assert (saved.read_bytes(), (folder / "x.png").read_bytes()) == (b"whole", b"mine")
    (names,) = seen
    assert "x-2.png" not in names
    assert ".x.png.0badcafe.fh-part-data" not in names
    assert {path.name for path in folder.iterdir()} == {"x.png", "x-2.png"}


def _no_links(*_: object, **__: object) -> None:
    raise OSError(95, "Operation not supported")


def test_an_asset_that_breaks_off_leaves_no_half_file(tmp_path: Path) -> None:
    """Half a picture is an error and no file; the cure is to try again."""
    with serving(says(200, b"half", declared=99)) as server:
        url = server.url.removesuffix("/v1") + "/x.png"
        output, origin = {"assets": [{"file_url": url, "file_name": "x.png"}]}, url.split("/")[2]
        run = fh.Run(status="completed", output=output, origin=origin)
        with pytest.raises(fh.CallError, match=r"x\.png"):
            run.save_assets(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_waiting_for_a_slot_or_a_retry_is_not_elapsed_time() -> None:
    """`elapsed_s` is one exchange: a wait of hours before it is not in it."""
    hive = _hive()
    hive.fail_next(1, status=503, retry_after=4)
    client = fh.AsyncClient.over(session.connection_of_hive(hive))

    async def main() -> fh.Run:
        async with client:
            return await client.invoke("echo", variant="plain", inputs={"text": "x"})

    run, waited = run_virtually(main())
    assert waited >= 4
    assert (run.attempts, run.status) == (2, "completed")
    assert run.elapsed_s < 4


@pytest.mark.parametrize(("driver", "named"), [("trio", "trio"), (None, "asyncio")])
@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.invoke("echo", variant="plain", inputs={"text": "a"}),
        lambda client: client.submit("echo", variant="plain", inputs={"text": "a"}),
        lambda client: client.retrieve("req_1"),
        lambda client: client.check(),
        lambda client: fh.abatch([{"text": "a"}], "echo", variants="plain", client=client, progress=False),
    ],
    ids=["invoke", "submit", "retrieve", "check", "abatch"],
)
def test_what_is_awaited_by_something_else_than_asyncio_says_so(
    call: Callable[[fh.AsyncClient], Coroutine[Any, Any, Any]], driver: str | None, named: str
) -> None:
    """As trio's own loop would drive it, by `send`; nothing is sent and nothing is counted as sent."""
    hive = _hive()
    counted: list[object] = []
    connection = replace(hive.client().aclient.connection, count=lambda *told: counted.append(told))
    before = sniffio.current_async_library_cvar.set(driver)
    try:
        with pytest.raises(fh.SettingsError, match=facts(named, "asyncio.run(...)")):
            call(fh.AsyncClient.over(connection)).send(None)
    finally:
        sniffio.current_async_library_cvar.reset(before)
    assert counted == []
