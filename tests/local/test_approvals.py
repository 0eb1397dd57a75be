"""A human in the loop, on the local hive: a workflow that pauses until somebody decides."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.contract.run import call_name
from fh_notebook.local import LocalHive, aask_human, ask_human
from tests.client.callbacks.senders import until


def refund_hive(**options: Any) -> LocalHive:
    """A hive whose ``refund`` waits for finance, in a plain and in an async variant; ``free`` waits for nobody."""
    hive = LocalHive(**options)

    @hive.workflow("refund", variant="plain", human="finance")
    def plain(amount: int) -> dict[str, Any]:
        decision = ask_human(f"Refund {amount}?")
        return {"paid": decision.approved, "note": decision.note, "by": decision.by}

    @hive.workflow("refund", variant="async", human="finance")
    async def later(amount: int) -> dict[str, Any]:
        decision = await aask_human(f"Refund {amount}?", who="the boss")
        return {"paid": decision.approved, "note": decision.note, "by": decision.by}

    @hive.workflow("tool", variant="v", human="an operator")
    def tool(text: str) -> bool:
        return ask_human("May it search?", tool="search").approved

    @hive.workflow("free", variant="v")
    def free(text: str) -> str:
        return text.upper()

    @hive.workflow("undeclared", variant="v")
    def undeclared(text: str) -> bool:
        return ask_human("May I?").approved

    return hive


@pytest.mark.parametrize(("variant", "who"), [("plain", "finance"), ("async", "the boss")])
@pytest.mark.parametrize("approve", [True, False])
def test_a_run_pauses_until_it_is_decided(variant: str, who: str, approve: bool) -> None:
    """The pending run says who it waits for and what they are asked, also on a page; the workflow gets the answer."""
    hive = refund_hive()
    pending = hive.client().submit("refund", variant=variant, inputs={"amount": 120})
    asked = hive.wait_approval()
    assert (asked.request_id, asked.waiting_for, asked.question) == (pending.request_id, who, "Refund 120?")
    assert pending.refresh().status == "awaiting_approval"
    assert pending.waits_for == f"{who}: Refund 120?"
    assert f"waits for {who}" in repr(pending)
    shown = str(pending._repr_html_())
    assert shown.index(who) < shown.index("Refund 120?")  # whose question it is
    assert call_name("refund", variant) in shown
    assert hive.calls[0].status == "awaiting_approval"
    hive.decide(pending, approve, note="as agreed", by="Kim")
    run = pending.wait(20)
    assert run.output == {"paid": approve, "note": "as agreed", "by": "Kim"}
    assert hive.approvals == ()


def test_who_a_run_waits_for_is_seen_by_itself() -> None:
    """Beside a receiver too, well before a lost callback is asked for; elsewhere once one of the deployment paused."""
    hive = refund_hive()
    client, seen = hive.client(), threading.Event()
    with fh.CallbackReceiver() as receiver:
        pending = client.submit("refund", variant="plain", inputs={"amount": 120}, callback=receiver)
        pending.on_change(lambda run: seen.set() if run.waits_for else None)
        assert pending.by_callback
        assert seen.wait(20)
        assert pending.polls == 1
        assert client.aclient.connection.pausing == {"refund"}
        hive.decide(pending, approve=True)
        assert pending.wait(20).status == "completed"
        assert pending.came_by == "callback"


def test_a_direct_call_is_refused_before_it_runs() -> None:
    """As the service does: a failed run with a code; nothing is paused, no call of the day is used."""
    hive = refund_hive(daily_cap=5)
    run = hive.client().invoke("refund", variant="plain", inputs={"amount": 1})
    assert (run.status, run.error_code, run.status_code) == ("failed", "async_required", 422)
    assert (hive.approvals, hive.counts.calls) == ((), 0)


def test_a_paused_run_holds_no_slot() -> None:
    """With a cap of 1 others run meanwhile, and it goes on when it is decided."""
    hive = refund_hive(concurrency=1)
    client = hive.client()
    pending = client.submit("refund", variant="plain", inputs={"amount": 1})
    hive.wait_approval()
    assert hive.in_flight == 0
    assert client.invoke("free", variant="v", inputs={"text": "hi"}).output == "HI"
    hive.decide()
    assert pending.wait(20).ok
    assert hive.wait_idle()
    assert hive.in_flight == 0


def test_of_several_one_is_named() -> None:
    """Without a name only where exactly one is paused."""
    hive = refund_hive()
    client = hive.client()
    with pytest.raises(fh.SettingsError, match="paused are: none"):
        hive.decide()
    first, second = (client.submit("refund", variant="plain", inputs={"amount": n}) for n in (1, 2))
    until(lambda: len(hive.approvals) == 2)
    with pytest.raises(fh.SettingsError, match="no run to decide about"):
        hive.decide()
    with pytest.raises(fh.SettingsError, match="req_x is not paused"):
        hive.decide("req_x")
    hive.decide(second, approve=False)
    hive.decide(first.request_id)
    assert (first.wait(20).output["paid"], second.wait(20).output["paid"]) == (True, False)


def test_a_tool_is_approved_by_itself_where_the_call_says_so() -> None:
    """`tool_approval="auto_approve"`; by policy it waits."""
    hive = refund_hive()
    client = hive.client()
    auto = client.submit("tool", variant="v", inputs={"text": "x"}, tool_approval="auto_approve")
    assert auto.wait(20).output is True
    by_policy = client.submit("tool", variant="v", inputs={"text": "x"}, tool_approval="policy")
    assert hive.wait_approval().tool == "search"
    hive.decide(approve=False)
    assert by_policy.wait(20).output is False


def test_only_a_workflow_that_was_declared_so_may_ask() -> None:
    """It fails with the cure; outside of a hive there is nobody to ask."""
    run = refund_hive().client().invoke("undeclared", variant="v", inputs={"text": "x"})
    assert (run.status, "human=" in (run.error or "")) == ("failed", True)
    with pytest.raises(RuntimeError, match="LocalHive"):
        ask_human("Anybody?")
    with pytest.raises(fh.SettingsError, match="human"):
        LocalHive().workflow("d", variant="v", human=" ")(lambda: None)


def test_a_hive_that_stops_lets_a_paused_run_end() -> None:
    """Its thread does not wait for ever."""
    hive = refund_hive()
    hive.client().submit("refund", variant="plain", inputs={"amount": 1}).cancel_waiting()
    hive.wait_approval()
    hive.close()
    assert hive.approvals == ()
    assert hive.calls[0].status == "failed"


def test_the_look_up_over_a_socket_says_who_it_waits_for() -> None:
    """To any client: in `data.approval`, only while it waits."""

    async def look(url: str, request_id: str | None) -> Any:
        import httpx

        async with httpx.AsyncClient(headers={"authorization": "Bearer k"}) as http:
            return json.loads((await http.get(f"{url}/public/requests/{request_id}")).content)

    hive = refund_hive()
    with hive.serve() as server, fh.Client(base_url=server.url) as client:
        pending = client.submit("refund", variant="plain", inputs={"amount": 5})
        hive.wait_approval()
        told = asyncio.run(look(server.url, pending.request_id))
        assert told["data"]["approval"] == {"waiting_for": "finance", "question": "Refund 5?"}
        hive.decide(pending)
        assert pending.wait(20).ok
        assert "approval" not in asyncio.run(look(server.url, pending.request_id))["data"]
