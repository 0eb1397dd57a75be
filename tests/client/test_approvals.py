"""Approvals of tools: listing, deciding, and their display, against the hive and against answers of other shapes."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

import fh_notebook as fh
from fh_notebook.client import polling
from fh_notebook.client.approvals import ToolApproval, ToolApprovals
from fh_notebook.core import event_loop
from fh_notebook.local import LocalHive, ask_human
from fh_notebook.session import session
from fh_notebook.store.database import Database
from tests.client.callbacks.senders import PATIENCE_S, until
from tests.raw_server import hangs_up, says, serving
from tests.told import facts, tells

KEY = "fhk_0123456789abcdef"
PASSWORD = "correct-horse-battery"


def tool_hive() -> LocalHive:
    """A hive whose ``refund`` asks before it pays."""
    hive = LocalHive(api_key=KEY, workspace_id="ws 1")

    @hive.workflow("refund", variant="v", tools={"payments": "ask"})
    def refund(amount: int, token: str = "none") -> str:
        question = f"Refund {amount}?"
        allowed = ask_human(question, tool="payments", tool_arguments={"amount": amount, "with": token}).approved
        return "paid" if allowed else "refused"

    return hive


@pytest.fixture(params=["in process", "socket"])
def client(request: pytest.FixtureRequest) -> Iterator[fh.Client]:
    """A client of the hive over both ways; over the socket the workspace's id is configured."""
    hive = tool_hive()
    if request.param == "in process":
        with hive.client() as made:
            yield made
    else:
        fh.configure(workspace_id="ws 1")
        with hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY) as made:
            yield made


def waiting(client: fh.Client, n: int) -> ToolApprovals:
    """Return the approvals, once there are `n`."""
    until(lambda: len(client.approvals()) == n)
    return client.approvals()


def test_a_pending_run_lists_its_own_and_says_what_to_type(client: fh.Client) -> None:
    """In its card and its text, while it waits and not after."""
    pending, other = (client.submit("refund", variant="v", inputs={"amount": n}) for n in (1, 2))
    waiting(client, 2)
    assert pending.refresh().status == "awaiting_approval"
    hint = "pending.approvals()"
    assert hint in repr(pending)
    assert hint in pending._repr_html_()
    (approval,) = pending.approvals()
    assert approval.summary == "Refund 1?"
    approval.decide("allow_once")
    assert pending.wait(20).output == "paid"
    assert hint not in repr(pending) + pending._repr_html_()
    other.approvals()[0].decide("deny")
    assert other.wait(20).output == "refused"


def test_a_pending_run_lists_its_own_of_a_service_that_ignores_the_filter() -> None:
    """What belongs to another run of the workspace is not decided for it. One request tells."""
    lists: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(200, json={"request_id": "req_1", "run_status": "awaiting_approval"})
        lists.append(str(request.url))
        entries = [{"id": f"a{n}", "request_id": f"req_{n}", "status": "pending"} for n in (1, 2)]
        return httpx.Response(200, json={"data": entries})

    fh.configure(workspace_id="ws 1")
    transport = httpx.MockTransport(answer)
    with fh.Client(api_key=KEY, base_url="https://api.test/v1", transport=transport) as client:
        pending = client.submit("refund", variant="v", poll=False)
        assert [approval.id for approval in pending.approvals()] == ["a1"]
        assert ["request_id=req_1" in url for url in lists] == [True]  # the list of all may have many pages
        pending.cancel_waiting()


def test_a_run_is_looked_up_soon_after_a_decision_in_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its look-ups may be an hour apart, since it waited for a person."""
    decided = threading.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        path, waits = request.url.path, {"request_id": "req_1", "run_status": "awaiting_approval"}
        if path.endswith("/decide"):
            decided.set()
            return httpx.Response(200, json={"status": "approved"})
        if path.endswith("/tool_action_approvals"):
            return httpx.Response(200, json=[{"id": "a1", "request_id": "req_1", "status": "pending"}])
        return httpx.Response(200, json={"status": "completed", "output": "paid"} if decided.is_set() else waits)

    fh.configure(workspace_id="ws 1")
    monkeypatch.setattr(polling, "FIRST_S", 3_600.0)
    with fh.Client(api_key=KEY, base_url="https://api.test/v1", transport=httpx.MockTransport(answer)) as client:
        pending = client.submit("refund", variant="v")
        (approval,) = client.approvals()
        monkeypatch.setattr(polling, "FIRST_S", 0.01)
        approval.decide("allow_once")
        assert pending.wait(PATIENCE_S).output == "paid"


def test_a_decision_that_reached_nobody_has_no_run_looked_up() -> None:
    """One that may have arrived has."""
    decisions = iter([httpx.ConnectError("no route"), httpx.Response(500, json={"error": "x"})])

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json=[{"id": "a1", "request_id": "req_1", "status": "pending"}])
        if isinstance(said := next(decisions), Exception):
            raise said
        return said

    told: list[str] = []
    with fh.Client(api_key=KEY, base_url="https://api.test/v1", transport=httpx.MockTransport(answer)) as client:
        (listed,) = client.approvals(workspace_id="ws 1")
        approval = replace(listed, _on_decision=lambda: told.append("sent"))
        with pytest.raises(fh.ConnectFailed):
            approval.decide("deny")
        assert told == []
        with pytest.raises(fh.CallError):
            approval.decide("deny")
        assert told == ["sent"]


@pytest.mark.parametrize(("decision", "output"), [("allow_once", "paid"), ("deny", "refused")])
def test_what_waits_is_listed_and_decided(client: fh.Client, decision: Any, output: str) -> None:
    """With tool, arguments, ids and votes; after the decision the run goes on, and nothing waits."""
    pending = client.submit("refund", variant="v", inputs={"amount": 120})
    (approval,) = waiting(client, 1)
    assert (approval.status, approval.tool, approval.summary) == ("pending", "payments", "Refund 120?")
    assert (approval.arguments, approval.expires_at) == ({"amount": 120, "with": "none"}, None)
    assert (approval.votes, approval.votes_required, approval.workspace_id) == (0, 1, "ws 1")
    assert approval.run_id is not None
    assert [a.id for a in client.approvals(run_id=approval.run_id)] == [approval.id]
    assert [a.id for a in client.approvals(request_id=pending.request_id)] == [approval.id]
    assert len(client.approvals(run_id="run_other")) == len(client.approvals(agent_id="a")) == 0
    after = approval.decide(decision)
    assert (after.id, after.votes) == (approval.id, 1)
    assert pending.wait(20).output == output
    assert len(client.approvals()) == 0
    assert [a.id for a in client.approvals(status=after.status)] == [approval.id]


def test_a_second_decision_is_a_conflict(client: fh.Client) -> None:
    """It was decided already: that is said once, and nothing may have run."""
    client.submit("refund", variant="v", inputs={"amount": 1})
    (approval,) = waiting(client, 1)
    approval.decide("deny")
    with pytest.raises(fh.CallError) as caught:
        approval.decide("allow_once")
    assert (caught.value.status_code, caught.value.may_have_run) == (409, False)
    assert tells(caught.value, "client.approvals()")


def test_another_workspace_and_another_decision_are_refused(client: fh.Client) -> None:
    """404 names the workspace id; a decision that is none is refused before anything is sent."""
    with pytest.raises(fh.CallError, match="ws_other") as caught:
        client.approvals(workspace_id="ws_other")
    assert caught.value.status_code == 404
    with pytest.raises(fh.InputError, match="allow_once"):
        ToolApproval(id="a").decide("always_allow")  # type: ignore[arg-type]
    with pytest.raises(fh.SettingsError, match=r"client\.approvals"):
        ToolApproval(id="a").decide("deny")


def test_the_async_client_is_awaited() -> None:
    """List and decision, in the caller's loop."""
    hive = tool_hive()

    async def main() -> Any:
        with hive.serve() as server:
            async with fh.AsyncClient(base_url=server.url, api_key=KEY) as client:
                pending = await client.submit("refund", variant="v", inputs={"amount": 3})
                await asyncio.to_thread(hive.wait_approval)
                (approval,) = await client.approvals(workspace_id="ws 1")
                await approval.adecide("allow_once")
                return await pending.outcome(20)

    assert asyncio.run(main()).output == "paid"


def test_without_a_workspace_id_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line names the places; the order is the argument of the call, the client's, configure, environment."""
    connection = fh.Client(base_url="http://127.0.0.1:9/v1", api_key=KEY).aclient.connection
    with pytest.raises(fh.SettingsError, match=r"configure\(workspace_id=.*FETCH_HIVE_WORKSPACE_ID"):
        fh.Client(base_url="http://127.0.0.1:9/v1", api_key=KEY).approvals()
    monkeypatch.setenv("FETCH_HIVE_WORKSPACE_ID", "from env")
    assert connection.find_workspace_id() == "from env"
    fh.configure(workspace_id=" from configure ")
    assert connection.find_workspace_id() == "from configure"
    fh.configure(workspace_id=None)
    monkeypatch.setenv("FETCH_HIVE_WORKSPACE_ID", "")
    assert connection.find_workspace_id() is None


def test_one_approval_is_asked_for_by_its_id(client: fh.Client) -> None:
    """Whatever its status, which the list of what waits does not have any more; an unknown id is 404 in words."""
    client.submit("refund", variant="v", inputs={"amount": 120})
    approval = waiting(client, 1)[0]
    assert client.approval(approval.id) == approval
    decided = client.approval(approval.id).decide("allow_once")
    assert client.approval(approval.id).status == decided.status == "allowed"
    with pytest.raises(fh.CallError, match=facts("approval_id")) as missing:
        client.approval("taa_nobody")
    assert missing.value.status_code == 404
    with pytest.raises(fh.InputError, match="approval_id"):
        client.approval("")


def test_a_client_has_a_workspace_id_of_its_own(tmp_path: Path) -> None:
    """For approvals and uploads, before the configured one and after that of the call; also of a local hive."""
    asked: list[str] = []

    def service(request: httpx.Request) -> httpx.Response:
        asked.append(re.sub(r"^/v1/public/workspaces/([^/]+).*", r"\1", request.url.path))
        asset = {"file_url": "https://files.test/a", "file_name": "a.txt"}
        return httpx.Response(200, json={"tool_action_approvals": [], "asset": asset})

    (file := tmp_path / "a.txt").write_text("a")
    fh.configure(workspace_id="configured")
    where: dict[str, Any] = {"api_key": KEY, "base_url": "http://127.0.0.1:9/v1"}
    with fh.Client(workspace_id=" own ", transport=httpx.MockTransport(service), **where) as client:
        client.approvals()
        client.upload(file)
        client.invoke("d", variant="v", inputs={"document": fh.file(file)})
        client.approvals(workspace_id="of-the-call")
    assert asked == ["own", "own", "own", "/v1/workflow/invoke", "of-the-call"]
    for made in (fh.Client(workspace_id="", **where), fh.Client(**where)):
        assert made.aclient.connection.find_workspace_id() == "configured"
    local = fh.Client(base_url="local", workspace_id="own")
    assert local.aclient.connection.find_workspace_id() == "own"


def test_passwords_of_direct_calls_are_masked_too(client: fh.Client) -> None:
    """Also by another client of the process: an approval does not tell whose run it is."""
    refund = fh.Deployment("refund", inputs={"amount": fh.integer(), "token": fh.text(secret=True)})
    run = client.invoke(refund, variant="v", inputs={"amount": 7, "token": "direct-battery-staple"})
    assert run.status == "awaiting_approval"
    found = waiting(client, 1)
    assert "direct-battery-staple" not in f"{found!r} {found._repr_html_()} {found.frame.to_csv()}"
    found[0].decide("deny")


def test_the_display_escapes_and_masks(client: fh.Client) -> None:
    """Model output is text in it, keys and passwords are masked; the value itself is as it came."""
    refund = fh.Deployment("refund", inputs={"amount": fh.integer(), "token": fh.text(secret=True)})
    pending = client.submit(refund, variant="v", inputs={"amount": 7, "token": PASSWORD})
    found = waiting(client, 1)
    assert found[0].arguments["with"] == PASSWORD
    frame = found.frame
    assert pending.waiting
    for text in (found._repr_html_(), repr(found), found[0]._repr_html_(), repr(found[0]), frame.to_csv()):
        assert PASSWORD not in text
        assert "Refund 7?" in text
    assert list(frame["tool"]) == ["payments"]
    hostile = ToolApproval(id="a", summary="<img src=x onerror=alert(1)>", arguments={"<b>": f"\x1b {KEY}"})
    shown = ToolApprovals([hostile])
    page = shown._repr_html_()
    assert "<img" not in page
    assert "<b>" not in page
    assert '<bdi class="fh-unbroken">a</bdi>' in page  # an id does not break over lines
    for text in (page, repr(shown), shown.frame.to_csv()):
        assert KEY not in text
    assert "\x1b" not in page + repr(shown)
    assert "No approvals" in ToolApprovals()._repr_html_()


def _asked(*scripts: Any) -> tuple[ToolApprovals, list[str]]:
    with serving(*scripts) as server:
        found = fh.Client(base_url=server.url, api_key=KEY).approvals(workspace_id="ws/1")
        return found, [request.split(b"\r\n")[0].decode() for request in server.requests]


def _body(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize("name", ["tool_action_approvals", "approvals", "data", "items", "results"])
@pytest.mark.parametrize("place", ["top", "meta", "pagination"])
def test_all_pages_are_read_whatever_holds_the_cursor(name: str, place: str) -> None:
    """Until there is no further cursor; what comes twice is listed once."""
    cursor = {"next_cursor": "c 2"} if place == "top" else {place: {"next_cursor": "c 2"}}
    pages = [{name: [{"id": 1}, {"id": "b"}], **cursor}, {name: [{"id": "b"}, {"id": "c"}], "next_cursor": None}]
    found, lines = _asked(*(says(200, _body(page)) for page in pages))
    assert [a.id for a in found] == ["1", "b", "c"]
    path = "GET /v1/public/workspaces/ws%2F1/tool_action_approvals?status=pending"
    assert lines == [f"{path} HTTP/1.1", f"{path}&cursor=c+2 HTTP/1.1"]


def test_each_page_is_told_before_it_is_asked_for() -> None:
    """Also of a list that fails; whoever is told can end it."""
    pages: list[int] = []

    async def before_page() -> None:
        pages.append(1)
        if len(pages) == 3:
            raise fh.LimitReached("enough")

    scripts = [says(200, _body({"data": [{"id": n}], "next_cursor": f"c{n}"})) for n in range(3)]
    with serving(*scripts) as server, fh.Client(base_url=server.url, api_key=KEY) as client:
        work = client.aclient.list_approvals({"status": "pending"}, workspace_id="w", before_page=before_page)
        with pytest.raises(fh.LimitReached, match="enough"):
            event_loop.run(work)
        assert len(server.requests) == 2


def test_an_odd_entry_is_read_as_far_as_it_goes() -> None:
    """Missing and mistyped fields are empty; a page that brings nothing new ends the list, whatever its cursor is."""
    odd = {"id": "a", "expires_at": "soon", "approval_votes": 2, "approvals_required": "2", "arguments": "text"}
    page = {"data": [odd, "no object"], "cursor": "same"}
    found, lines = _asked(says(200, _body(page)), says(200, _body({**page, "cursor": "another"})))
    (approval,) = found
    assert (approval.expires_at, approval.votes, approval.votes_required) == (None, 2, None)
    assert (approval.arguments, approval.summary, len(lines)) == ("text", "", 2)
    good = {"id": "a", "expires_at": "2026-11-29T10:00:00+02:00"}
    assert _asked(says(200, _body([good])))[0][0].expires_at == datetime(2026, 11, 29, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, fh.AuthError), (403, fh.AuthError), (404, fh.CallError), (422, fh.CallError), (500, fh.CallError)],
)
def test_a_refused_list_is_an_error(status: int, kind: type[fh.CallError]) -> None:
    """By status and code; the service's message is in it."""
    with pytest.raises(kind) as caught:
        _asked(says(status, _body({"message": "no <way>", "error_code": "some_code"})))
    assert (caught.value.status_code, caught.value.error_code) == (status, "some_code")
    assert "no <way>" in str(caught.value)


def test_an_answer_without_a_list_is_not_taken_for_an_empty_one() -> None:
    """Nothing is known of what waits then."""
    told = set()
    for body in (b"{}", b"<html>", b""):
        with pytest.raises(fh.CallError) as caught:
            _asked(says(200, body))
        told.add((type(caught.value), caught.value.status_code, str(caught.value)))
    assert len(told) == 1
    assert (type(caught.value), caught.value.status_code) == (fh.CallError, None)
    with pytest.raises(fh.ConnectFailed):
        fh.Client(base_url="http://127.0.0.1:9/v1", api_key=KEY).approvals(workspace_id="w")


def _decided(script: Any, decision: Any = "allow_once") -> tuple[ToolApproval, bytes]:
    listed = says(200, _body({"data": [{"id": "a/1", "summary": "Refund?", "status": "pending"}]}))
    with serving(listed, script) as server:
        (approval,) = fh.Client(base_url=server.url, api_key=KEY).approvals(workspace_id="w")
        try:
            return approval.decide(decision), server.requests[1]
        finally:
            assert len(server.requests) == 2


def test_the_id_of_an_approval_stays_whatever_the_answer_to_its_decision_says() -> None:
    """A further vote goes to the same one."""
    approval, _ = _decided(says(200, _body({"id": "of the vote", "status": "pending"})))
    assert (approval.id, approval.status) == ("a/1", "pending")


@pytest.mark.parametrize("wrapper", ["", "tool_action_approval", "approval", "data", "nothing"])
def test_a_decision_is_one_post_and_its_answer_is_read_tolerantly(wrapper: str) -> None:
    """Also where the answer has no approval: then it is what was listed."""
    after = {"id": "a/1", "status": "approved"}
    body = after if not wrapper else {"message": "ok"} if wrapper == "nothing" else {wrapper: after}
    approval, sent = _decided(says(200, _body(body)))
    assert (approval.id, approval.summary) == ("a/1", "Refund?")
    assert approval.status == ("" if wrapper == "nothing" else "approved")  # whether it still waits is not said
    head, _, content = sent.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/public/workspaces/w/tool_action_approvals/a%2F1/decide HTTP/1.1\r\n")
    assert b"\r\ncontent-type: application/json" in head.lower()
    assert json.loads(content) == {"decision": "allow_once"}


def test_a_decision_is_never_repeated_and_says_whether_it_may_have_arrived() -> None:
    """422 in words; a broken connection may have brought it."""
    with pytest.raises(fh.CallError) as refused:
        _decided(says(422, _body({"error": "A destructive action"})))
    assert (refused.value.status_code, refused.value.may_have_run) == (422, False)
    with pytest.raises(fh.CallError) as broken:
        _decided(hangs_up)
    assert broken.value.may_have_run


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+14:00", "2026-11-29T10:00:00", 1e300, ["x"], ""])
def test_a_hostile_time_is_none_or_utc(value: object) -> None:
    """It keeps nobody from the list, and can be compared with the time of now."""
    ((approval,), _) = _asked(says(200, _body([{"id": "a", "expires_at": value}])))
    assert approval.expires_at is None or approval.expires_at < datetime.now(UTC)


def test_entries_without_an_id_are_all_listed_and_not_decided() -> None:
    """UNKNOWN how the service names the field."""
    found, _ = _asked(says(200, _body([{"summary": "x"}, {"summary": "y"}, {"approval_id": "b"}])))
    assert [approval.id for approval in found] == ["", "", "b"]
    with pytest.raises(fh.SettingsError, match=facts("Fetch Hive")):
        found[0].decide("deny")


def test_a_limit_is_the_size_of_a_page_and_no_further_one_is_asked_for(client: fh.Client) -> None:
    """Each page is a request; a list without a limit has all."""
    runs = [client.submit("refund", variant="v", inputs={"amount": n}) for n in range(3)]
    until(lambda: len(client.approvals()) == 3)
    assert [len(client.approvals(limit=n)) for n in (1, 2, 5)] == [1, 2, 3]
    with pytest.raises(fh.InputError, match=facts("limit", "0")):
        client.approvals(limit=0)
    for run in runs:
        run.cancel_waiting()
    pages = [{"data": [{"id": n}], "next_cursor": f"c{n}"} for n in range(3)]
    with serving(*(says(200, _body(page)) for page in pages)) as server:
        found = fh.Client(base_url=server.url, api_key=KEY).approvals(workspace_id="w", limit=2)
    assert ([approval.id for approval in found], len(server.requests)) == (["0", "1"], 2)
    assert b"limit=2" in server.requests[1].splitlines()[0]


def test_the_cursor_of_the_page_itself_is_not_followed() -> None:
    """Each page is a request."""
    assert len(_asked(says(200, _body({"data": [], "next_cursor": None, "cursor": "c 0"})))[1]) == 1


def test_what_a_decision_does_not_repeat_stays_as_it_came() -> None:
    """The values themselves; what is kept of the service's body is masked."""
    listed = {"id": "a", "summary": "Call?", "arguments": {"webhook_secret": "x"}}
    with serving(says(200, _body([listed])), says(200, _body({"id": "a", "status": "approved"}))) as server:
        (approval,) = fh.Client(base_url=server.url, api_key=KEY).approvals(workspace_id="w")
        assert approval.decide("allow_once").arguments == {"webhook_secret": "x"}


def test_a_card_says_that_the_workspace_id_is_missing() -> None:
    """Beside the code to type."""
    hive = tool_hive()
    with hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY) as client:
        pending = client.submit("refund", variant="v", inputs={"amount": 1})
        hive.wait_approval()
        assert pending.refresh().status == "awaiting_approval"
        assert "fh.configure(workspace_id=...)" in repr(pending)
        assert "fh.configure(workspace_id=...)" in pending._repr_html_()
        fh.configure(workspace_id="ws 1")
        assert "fh.configure(workspace_id=...)" not in repr(pending)
        pending.cancel_waiting()


@pytest.mark.parametrize("delivery", ["direct", "callback"])
def test_a_batch_lists_its_own_runs(client: fh.Client, delivery: str) -> None:
    """Another run of the workspace is left out; the answers are taken afterwards."""
    other = client.submit("refund", variant="v", inputs={"amount": 99})
    rows = [{"amount": n} for n in (1, 2)]
    batch = fh.batch(
        rows, "refund", variants="v", client=client, name="waits", delivery=delivery, wait=False, progress=False
    )
    until(lambda: len(batch.approvals()) == 2)
    assert sorted(a.arguments["amount"] for a in batch.approvals()) == [1, 2]
    for approval in batch.approvals():
        approval.decide("allow_once")
    batch.wait()
    if delivery == "direct":
        until(lambda: batch.resolve_unknown() is not None and not batch.counts.unknown)
    assert batch.frame["output"].tolist() == ["paid", "paid"]
    assert len(batch.approvals()) == 0
    other.cancel_waiting()


@pytest.mark.long
def test_a_batch_that_is_opened_again_knows_which_runs_wait() -> None:
    """The store has it of each run once a look-up has told it; `batch.approvals()` asks about all that have no outcome."""
    hive, go = tool_hive(), threading.Event()

    @hive.workflow("refund", variant="slow")
    def slow(amount: int) -> str:
        assert go.wait(PATIENCE_S)
        return "paid"

    with hive.client() as client:
        options: dict[str, Any] = {"name": "waits", "variants": ["slow", "v"], "client": client, "progress": False}
        batch = fh.batch([{"amount": 1}], "refund", delivery="poll", wait=False, **options)
        waiting(client, 1)
        store = session.store()
        assert store is not None
        rows = store.pending
        until(lambda: sorted(row.status == "awaiting_approval" for row in rows.every()) == [False, True])
        batch.cancel()
        batch.wait()
        work = fh.open_batch("waits", client=client)._control.work
        (waits,) = work.unfinished_runs(known_to_wait=True)
        assert waits.first == hive.approvals[0].request_id
        first, _ = work.unfinished_runs()
        assert first == waits
        go.set()
        resumed = fh.open_batch("waits", client=client).resume(wait=False)
        until(lambda: len(resumed.approvals()) == 1)
        resumed.approvals()[0].decide("allow_once")
        resumed.wait()
        assert resumed.frame["output"].tolist() == ["paid", "paid"]
        assert len(fh.pending()) == 0


def test_a_batch_reads_its_store_outside_of_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that waits on that loop would wait for the disk."""
    hive = tool_hive()
    with hive.client() as client:
        fh.batch([{"amount": 1}], "refund", variants="v", client=client, name="waits", progress=False)
        batch = fh.open_batch("waits", client=client)
        threads: list[threading.Thread] = []
        read = Database.read

        def noting(database: Database, function: Any) -> Any:
            threads.append(threading.current_thread())
            return read(database, function)

        monkeypatch.setattr(Database, "read", noting)
        assert len(batch.approvals()) == 1
        assert event_loop.background().thread not in threads
        assert threading.current_thread() in threads
        batch.approvals()[0].decide("deny")


@pytest.mark.parametrize("refused", [0, 1])
def test_a_batch_asks_for_as_many_runs_as_the_list_needs(refused: int, capsys: pytest.CaptureFixture[str]) -> None:
    """The service names its runs by ids that are not known here; where one cannot be asked for, that is told."""
    numbers = itertools.count()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            ids = {"request_id": f"req_{next(numbers)}", "run_status": "awaiting_approval"}
            return httpx.Response(200, json=ids)
        wanted = request.url.params.get("request_id")
        if refused and wanted == "req_7":
            return httpx.Response(500, json={"message": "no"})
        entries = [{"id": f"a{n}", "run_id": f"other_{n}"} for n in range(8) if wanted in (None, f"req_{n}")]
        return httpx.Response(200, json={"data": entries})

    transport = httpx.MockTransport(answer)
    fh.configure(workspace_id="ws 1")
    with fh.Client(api_key=KEY, base_url="https://api.test/v1", transport=transport) as client:
        options: dict[str, Any] = {"variants": "v", "client": client, "progress": False, "max_concurrency": 1}
        batch = fh.batch([{"amount": n} for n in range(8)], "refund", **options)
        assert batch.counts.unknown == 8
        for _ in range(2):
            capsys.readouterr()
            assert sorted(approval.id for approval in batch.approvals()) == [f"a{n}" for n in range(8 - refused)]
            assert bool(capsys.readouterr().err) == bool(refused)
