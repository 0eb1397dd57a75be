"""A human in the loop, on the local hive: a workflow that pauses until somebody decides."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.contract.run import call_name
from fh_notebook.local import Choice, LocalHive, aask_human, ask_human
from fh_notebook.local.service import decide_here, steps_here
from tests.client.callbacks.senders import PATIENCE_S, until
from tests.told import facts, tells


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
    assert tells(repr(pending), who)
    shown = str(pending._repr_html_())
    assert shown.index(who) < shown.index("Refund 120?")  # whose question it is
    assert call_name("refund", variant) in shown
    assert hive.calls[0].status == "awaiting_approval"
    hive.decide(pending, approve, note="as agreed", by="Kim")
    run = pending.wait(20)
    assert run.output == {"paid": approve, "note": "as agreed", "by": "Kim"}
    assert hive.approvals == ()


@pytest.mark.long
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
    hive.decide(approve=True)
    assert pending.wait(20).ok
    assert hive.wait_idle()
    assert hive.in_flight == 0


def test_a_decision_is_never_taken_for_a_yes() -> None:
    """A run that is named without one stays paused, and the message names what can be given."""
    hive = refund_hive()
    client = hive.client()
    pending = client.submit("tool", variant="v", inputs={"text": "x"}, tool_approval="policy")
    hive.wait_approval()
    for given in ((pending,), (pending.request_id,), (), (pending, None)):
        with pytest.raises(fh.SettingsError, match=facts("approve=True", "approve=False")):
            hive.decide(*given, by="Kim")
    assert len(hive.approvals) == 1
    hive.decide(pending, approve=False)
    assert pending.wait(20).output is False


def test_of_several_one_is_named() -> None:
    """Without a name only where exactly one is paused."""
    hive = refund_hive()
    client = hive.client()
    with pytest.raises(fh.SettingsError, match=r": \w+$") as none_is_paused:  # where the ids of paused runs stand
        hive.decide(approve=True)
    assert "req_" not in str(none_is_paused.value)
    first, second = (client.submit("refund", variant="plain", inputs={"amount": n}) for n in (1, 2))
    until(lambda: len(hive.approvals) == 2)
    with pytest.raises(
        fh.SettingsError, match=f"{first.request_id}, {second.request_id}|{second.request_id}, {first.request_id}"
    ):
        hive.decide(approve=True)
    with pytest.raises(fh.SettingsError, match=facts("req_x", first.request_id, second.request_id)):
        hive.decide("req_x", approve=True)
    hive.decide(second, approve=False)
    hive.decide(first.request_id, approve=True)
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
    with pytest.raises(fh.SettingsError, match=facts("' '")):
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
        hive.decide(pending, approve=True)
        assert pending.wait(20).ok
        assert "approval" not in asyncio.run(look(server.url, pending.request_id))["data"]


def policy_hive(**options: Any) -> LocalHive:
    """A hive whose ``act`` asks for the tool that it is given, by each of the rules."""
    hive = LocalHive(**options)
    rules: Any = {"look": "allow", "pay": "ask", "erase": "destructive", "leak": "deny"}

    @hive.workflow("act", variant="v", tools=rules)
    async def act(tool: str) -> bool:
        return (await aask_human(f"May it {tool}?", tool=tool)).approved

    return hive


@pytest.mark.parametrize("approval", ["policy", "auto_approve"])
@pytest.mark.parametrize(
    ("tool", "by_policy", "by_auto"),
    [("look", True, True), ("pay", None, True), ("erase", None, None), ("leak", False, False)],
)
def test_the_rule_of_a_tool_says_whether_it_waits(
    approval: str, tool: str, by_policy: bool | None, by_auto: bool | None
) -> None:
    """A direct call that waits is answered so, and ends later; destructive tools ask and denied ones are blocked,
    whatever the call says."""
    hive, expected = policy_hive(), by_auto if approval == "auto_approve" else by_policy
    run = hive.client().invoke("act", variant="v", inputs={"tool": tool}, tool_approval=approval)
    if expected is not None:
        assert (run.status, run.output, hive.approvals) == ("completed", expected, ())
        return
    assert (run.status, run.output) == ("awaiting_approval", None)
    (asked,) = hive.client().approvals()
    assert (asked.tool, asked.risk) == (tool, "destructive" if tool == "erase" else "standard")
    asked.decide("allow_once")
    assert hive.wait_idle()
    assert (hive.calls[0].status, hive.calls[0].output) == ("completed", True)


def test_a_tool_must_be_declared_and_its_rule_known() -> None:
    """Each says what to write."""
    run = policy_hive().client().invoke("act", variant="v", inputs={"tool": "fly"})
    assert (run.status, 'tools={"fly": "ask"}' in (run.error or "")) == ("failed", True)
    with pytest.raises(fh.SettingsError, match="'destructive'"):
        LocalHive().workflow("d", variant="v", tools={"a": "always"})(lambda: None)  # type: ignore[dict-item]


def test_a_direct_call_that_waits_ends_while_its_caller_waits_where_it_does_not_pause() -> None:
    """The answer of a workflow with tools that fails at once is its failure."""
    hive = LocalHive()

    @hive.workflow("broken", variant="v", tools={"pay": "ask"})
    def broken() -> None:
        raise RuntimeError("cannot")

    run = hive.client().invoke("broken", variant="v")
    assert (run.status, run.error, hive.in_flight) == ("failed", "RuntimeError: cannot", 0)


class Clock:
    """A hive's clock, moved by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 29, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


async def _never(seconds: float) -> None:
    await asyncio.Event().wait()


def waiting_hive(clock: Clock) -> LocalHive:
    """A hive whose steps wait an hour for an answer, by a clock that stands still."""
    hive = LocalHive(clock=clock, sleep=_never)

    @hive.workflow("step", variant="fail", human="finance")
    def failing(text: str) -> Any:
        return ask_human(text, timeout_s=3600).output

    @hive.workflow("step", variant="continue", human="finance")
    def going_on(text: str) -> Any:
        decision = ask_human(text, timeout_s=3600, on_timeout="continue")
        return {"late": decision.timed_out, "approved": decision.approved, **decision.output}

    @hive.workflow("step", variant="tool", tools={"pay": "ask"})
    def tool(text: str) -> Any:
        return ask_human(text, tool="pay", timeout_s=3600, on_timeout="continue").timed_out

    return hive


@pytest.mark.parametrize("variant", ["fail", "continue", "tool"])
def test_after_its_time_a_step_fails_or_continues(variant: str) -> None:
    """By the hive's clock; not before, and then nobody can decide any more."""
    clock = Clock()
    hive = waiting_hive(clock)
    pending = hive.client().submit("step", variant=variant, inputs={"text": "Well?"})
    assert hive.wait_approval().expires_at == clock.now + timedelta(hours=1)
    clock.now += timedelta(seconds=3599)
    assert len(hive.approvals) == 1
    listed = hive.client().approvals()
    clock.now += timedelta(seconds=1)
    assert hive.approvals == ()
    with pytest.raises(fh.SettingsError, match=facts(pending.request_id)):
        hive.decide(pending, approve=True)
    run = pending.wait(20)
    if variant == "fail":
        assert (run.status, tells(run.error, "NobodyAnswered", "Well?")) == ("failed", True)
    elif variant == "continue":
        assert run.output == {"late": True, "approved": False, "text": "", "choice": None, "raw": ""}
    else:
        assert run.output is True
        assert listed[0].expires_at == clock.now
        assert [a.id for a in hive.client().approvals(status="expired")] == [listed[0].id]
        with pytest.raises(fh.CallError, match="expired"):
            listed[0].decide("deny")


def test_whoever_waits_for_approvals_is_told_of_no_overdue_one() -> None:
    """What ends an approval takes the lock under which is waited."""
    clock = Clock()
    hive = waiting_hive(clock)
    pending = hive.client().submit("step", variant="fail", inputs={"text": "Well?"})
    hive.wait_approval()
    clock.now += timedelta(hours=2)
    with pytest.raises(fh.SettingsError, match=facts("0.01")):
        hive.wait_approval(timeout_s=0.01)
    assert pending.wait(20).status == "failed"


def test_what_has_no_json_is_an_error_of_the_workflow() -> None:
    """And the list of approvals stays readable."""
    hive = LocalHive()

    @hive.workflow("step", variant="v", tools={"t": "ask"})
    def step() -> Any:
        return ask_human("?", tool="t", tool_arguments={"when": datetime(2026, 1, 1)}).approved

    assert hive.client().invoke("step", variant="v", inputs={}).status == "failed"
    assert len(hive.client().approvals()) == 0


def test_a_question_that_is_given_up_is_no_longer_open() -> None:
    """The workflow goes on, holds its slot again, and can ask another one."""
    hive = LocalHive(concurrency=1)

    @hive.workflow("step", variant="v", human="finance")
    async def step() -> Any:
        try:
            async with asyncio.timeout(0.02):
                await aask_human("Now?")
        except TimeoutError:
            return (await aask_human("Later?")).approved

    pending = hive.client().submit("step", variant="v", inputs={})
    until(lambda: [a.question for a in hive.approvals] == ["Later?"])
    hive.decide(pending, approve=True)
    assert pending.wait(20).output is True
    assert hive.counts.running == 0


def test_the_time_ends_by_itself() -> None:
    """With a real clock nobody need look."""
    hive = LocalHive()

    @hive.workflow("step", variant="v", human="finance")
    def step() -> Any:
        return ask_human("Well?", timeout_s=0.02, on_timeout="continue").timed_out

    assert hive.client().submit("step", variant="v").wait(20).output is True


def test_a_timer_that_is_early_by_the_hives_clock_goes_on() -> None:
    """It fires again, until the hive's time has come."""
    now = [datetime(2026, 11, 29, tzinfo=UTC)]
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(min(seconds, 0.01))

    hive = LocalHive(clock=lambda: now[0], sleep=sleep)

    @hive.workflow("step", variant="v", human="finance")
    def step() -> Any:
        return ask_human("Well?", timeout_s=60, on_timeout="continue").timed_out

    pending = hive.client().submit("step", variant="v")
    until(lambda: len(slept) >= 2)
    assert hive.approvals
    now[0] += timedelta(seconds=60)
    assert pending.wait(20).output is True


def test_a_decided_question_leaves_no_timer() -> None:
    """Else it would hold the hive for the hour that the step might have waited."""
    slept: list[asyncio.Task[Any] | None] = []

    async def sleep(seconds: float) -> None:
        slept.append(asyncio.current_task())
        await asyncio.sleep(seconds)

    hive = LocalHive(sleep=sleep)

    @hive.workflow("step", variant="v", human="finance")
    def step() -> bool:
        return ask_human("Well?", timeout_s=3600).approved

    pending = hive.client().submit("step", variant="v")
    hive.wait_approval()
    hive.decide(pending, approve=True)
    assert pending.wait(20).output is True
    until(lambda: slept and all(task is not None and task.done() for task in slept))


def test_of_two_threads_that_ask_at_once_one_asks() -> None:
    """The other one is told, and the question is answered."""
    hive = LocalHive()
    both, is_refused = threading.Barrier(2), threading.Event()

    @hive.workflow("step", variant="v", human="finance")
    async def step() -> list[str]:
        def ask() -> str:
            both.wait(PATIENCE_S)
            try:
                return str(ask_human("Well?").approved)
            except RuntimeError:
                is_refused.set()
                return "refused"

        return sorted(await asyncio.gather(asyncio.to_thread(ask), asyncio.to_thread(ask)))

    pending = hive.client().submit("step", variant="v")
    assert is_refused.wait(PATIENCE_S)
    hive.wait_approval()
    hive.decide(pending, approve=True)
    assert pending.wait(20).output == ["True", "refused"]
    assert hive.counts.running == 0


@pytest.mark.parametrize("spelling", ["docs", "sdk"])
def test_a_direct_call_that_paused_is_not_answered_running(spelling: str) -> None:
    """Also where somebody decides before its answer is written."""
    go = threading.Event()
    hive = LocalHive(spelling=spelling)

    @hive.workflow("pay", variant="v", tools={"payments": "ask"})
    def pay() -> str:
        ask_human("Pay?", tool="payments")
        assert go.wait(PATIENCE_S)
        return "paid"

    decided = threading.Event()

    def decide() -> None:
        hive.wait_approval(timeout_s=PATIENCE_S)
        hive.decide(approve=True)
        decided.set()

    threading.Thread(target=decide).start()
    run = hive.client().invoke("pay", variant="v")
    assert run.status == "awaiting_approval"
    assert decided.wait(PATIENCE_S)
    go.set()
    assert hive.wait_idle()


def test_the_hives_own_rules_and_wait_hold_over_those_of_workflows() -> None:
    """For a tool by its name; a step with a timeout of its own keeps it."""
    hive = LocalHive(tools={"payments": "deny"}, wait_timeout_s=0.02)

    @hive.workflow("pay", variant="v", tools={"payments": "ask", "mail": "ask"})
    def pay(tool: str) -> bool:
        return ask_human("May I?", tool=tool, on_timeout="continue").approved

    client = hive.client()
    assert client.invoke("pay", variant="v", inputs={"tool": "payments"}).output is False
    assert client.submit("pay", variant="v", inputs={"tool": "mail"}).wait(20).output is False
    hive.configure(tools={"payments": "allow"})
    assert client.invoke("pay", variant="v", inputs={"tool": "payments"}).output is True
    for wrong in ({"tools": {"payments": "perhaps"}}, {"wait_timeout_s": -1.0}):
        with pytest.raises(fh.SettingsError, match="payments|wait_timeout_s"):
            LocalHive(**wrong)


def test_a_step_has_choices_or_asks_for_a_text() -> None:
    """Its output has the keys of the service; what is not offered cannot be chosen."""
    hive = LocalHive()
    offered = [Choice(value="b", label="Billing", description="Invoices and refunds"), "other"]

    @hive.workflow("step", variant="choices", human="finance")
    def choices() -> Any:
        return ask_human("Which team?", choices=offered).output

    @hive.workflow("step", variant="text", human="finance")
    def text() -> Any:
        return ask_human("What shall we write?", text=True).output

    client = hive.client()
    pending = client.submit("step", variant="choices")
    assert [c.value for c in hive.wait_approval().choices] == ["b", "other"]
    with pytest.raises(fh.SettingsError, match="'b', 'other'"):
        hive.decide(choice="c")
    with pytest.raises(fh.SettingsError, match="'b' or 'other'"):
        hive.decide(approve=True)
    hive.decide(choice="b")
    chosen = {"value": "b", "label": "Billing", "description": "Invoices and refunds"}
    assert pending.wait(20).output == {"text": "", "choice": chosen, "raw": "b"}
    pending = client.submit("step", variant="text")
    assert hive.wait_approval().wants_text
    hive.decide(text="Dear Kim")
    assert pending.wait(20).output == {"text": "Dear Kim", "choice": None, "raw": "Dear Kim"}
    assert len(client.approvals()) == 0  # a step is no tool: its recipient decides, not a caller


def test_runs_of_schedules_hold_slots_of_the_same_cap() -> None:
    """A caller is refused although it has nothing in flight, until they end."""
    hive = refund_hive(concurrency=2, scheduled_runs=2)
    request = {"text": "hi"}
    client = hive.client()
    answers = [client.aclient.request("free", variant="v", inputs=request)]
    attempt = asyncio.run(client.aclient.attempt(answers[0]))
    assert (attempt.run.status_code, hive.in_flight, hive.refused) == (429, 0, 1)
    pending = client.submit("free", variant="v", inputs=request)
    assert pending.status == "queued"
    hive.configure(scheduled_runs=1)
    assert pending.wait(20).output == "HI"


def test_the_steps_of_this_process_are_read_while_hives_are_made() -> None:
    """As by another thread, in the middle of it: here while Python runs a line of the set that has them."""
    hive = refund_hive()
    hive.client().submit("refund", variant="plain", inputs={"amount": 120})
    approval = hive.wait_approval()
    made: list[LocalHive] = []

    def make_one(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename.endswith("_weakrefset.py"):
            if "itemref" in frame.f_locals and not made:  # it has come to the first of them
                made.append(LocalHive())
            return make_one
        return None

    tracer = sys.gettrace()
    sys.settrace(make_one)
    try:
        steps = steps_here()
    finally:
        sys.settrace(tracer)
    assert made
    assert approval in steps
    assert decide_here(approval.id, approve=True)
    assert not decide_here(approval.id, approve=True)
