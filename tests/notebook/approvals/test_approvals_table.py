"""The table of approvals in a real kernel: two buttons a line, one decision each, and what stays in the file."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import fh_notebook as fh
from fh_notebook.client.approvals import ToolApproval, ToolApprovals
from fh_notebook.contract.callbacks import WaitingSteps
from fh_notebook.core.text import html
from fh_notebook.local import LocalHive, ask_human
from fh_notebook.notebook.approvals.approvals_table import SENDING, ApprovalsTable
from fh_notebook.notebook.ui.button_table import TABLES, ButtonTable
from tests.client.callbacks.senders import PATIENCE_S, until
from tests.kernel import Kernel

KEY = "fhk_0123456789abcdef"
SETUP = """
%load_ext fh_notebook
import fh_notebook as fh
client = fh.Client()
fh.configure(workspace_id="ws_local")
runs = [client.invoke("refund", variant="v", inputs={"amount": n}).status for n in (1, 2, 3)]
"""


@pytest.fixture(scope="module")
def hive() -> LocalHive:
    """One whose ``refund`` asks for a tool."""
    hive = LocalHive(api_key=KEY)

    @hive.workflow("refund", variant="v", tools={"payments": "ask"})
    def refund(amount: int) -> str:
        return "paid" if ask_human(f"<b>Refund</b> {amount}?", tool="payments").approved else "refused"

    return hive


@pytest.fixture(scope="module")
def kernel(hive: LocalHive, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One in which three tools wait."""
    folder = tmp_path_factory.mktemp("approvals")
    with (
        hive.serve() as server,
        Kernel(folder, FETCH_HIVE_BASE_URL=server.url, FETCH_HIVE_API_KEY=KEY) as kernel,
    ):
        assert kernel.run(SETUP) == ""
        yield kernel
        assert "Traceback" not in kernel.log


def _show(kernel: Kernel) -> str:
    cell = kernel.send("client.approvals()", person=True)
    kernel.wait(cell)
    return cell


def _click(kernel: Kernel, act: str) -> None:
    box = kernel.widgets()[kernel.widget("fh-approvals")]
    keys = box["children"][-1].removeprefix("IPY_MODEL_")
    kernel.wait(kernel.comm(keys, {"method": "custom", "content": {"act": act}}))


def _page(kernel: Kernel) -> str:
    """Return the newest table and the line below it."""
    states = kernel.widgets()
    pending, pages = [kernel.widget("fh-approvals")], []
    while pending:
        state = states.get(pending.pop(), {})
        pages.append(str(state.get("value", "")))
        pending += [child.removeprefix("IPY_MODEL_") for child in state.get("children", ())]
    return "".join(pages)


@pytest.mark.long
def test_each_line_has_two_buttons_and_sends_one_decision(kernel: Kernel, hive: LocalHive) -> None:
    """Named for a screen reader; the file's table has the code and no button; a conflict is said below."""
    cell = _show(kernel)
    assert [set(data) for data in kernel.shown(cell)] == [
        {"application/vnd.jupyter.widget-view+json", "text/plain"},
        {"text/html", "text/plain"},
    ]
    static = kernel.shown(cell)[1]["text/html"]
    assert "<button" not in static
    assert "approval.decide(" in static
    page = _page(kernel)
    for number in range(3):
        assert page.count(f'data-act="allow_once {number}"') == page.count(f'data-act="deny {number}"') == 1
    assert 'aria-label="Deny: payments' in page
    assert page.count('class="fh-in-line fh-ends fh-decides"') == 3
    assert "<b>" not in page
    assert re.search(r"<strong[^>]*>3 \w", page)
    first, second, third = hive.approvals
    _click(kernel, "allow_once 0")
    _click(kernel, "deny 0")  # of two clicks the first counts
    kernel.wait_until(lambda: 'fh-decided-0">Allowed' in _page(kernel), "the first decision")
    _click(kernel, "deny 1")
    kernel.wait_until(lambda: 'fh-decided-1">Denied' in _page(kernel), "the second decision, and not its sending")
    assert re.search(r"<strong[^>]*>1 \w", _page(kernel))
    assert hive.wait_idle()
    outputs = {call.request_id: call.output for call in hive.calls}
    assert (outputs[first.request_id], outputs[second.request_id]) == ("paid", "refused")
    for act in ("allow_once 9", "deny x", "always 2", "deny"):  # a page may send anything
        _click(kernel, act)
    assert hive.approvals == (third,)
    hive.decide(approve=True)
    _click(kernel, "deny 2")
    kernel.wait_until(lambda: 'role="alert"' in _page(kernel), "the conflict")
    assert "data-act" not in _page(kernel)


def _table(*answers: httpx.Response | Exception) -> ApprovalsTable:
    """Return the table of one approval of a service that answers decisions so, one after the other."""
    left = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"data": [{"id": "a1", "status": "pending", "summary": "Refund?"}]})
        if isinstance(said := next(left), Exception):
            raise said
        return said

    transport = httpx.MockTransport(answer)
    client = fh.Client(api_key=KEY, base_url="https://service.test/v1", transport=transport)
    return ApprovalsTable(client.approvals(workspace_id="ws"))


def _html(widget: Any) -> str:
    return str(getattr(widget, "value", "")) + "".join(map(_html, getattr(widget, "children", ())))


def _after_click(table: ApprovalsTable, act: str) -> str:
    """Click, and return the page once the decision is answered."""
    table.act(act)
    until(lambda: SENDING not in _html(table.table.widget))
    return _html(table.table.widget)


def test_buttons_come_back_where_the_decision_was_certainly_not_taken() -> None:
    """Nobody was reached, the key or the decision was refused: the line below says what to do, and a click decides."""
    table = _table(
        httpx.ConnectError("no route"),
        httpx.Response(403, json={"error": "not yours"}),
        httpx.Response(422, json={"error": "not so"}),
        httpx.Response(200, json={"id": "a1", "status": "allowed"}),
    )
    sent: list[str] = []
    table.on_decision = lambda approval: sent.append(approval.status)
    hints = set()
    for _ in range(3):
        page = _after_click(table, "allow_once 0")
        assert 'data-act="allow_once 0"' in page
        hints.add(page.partition('role="alert"')[2])
    assert len(hints) == 3
    page = _after_click(table, "allow_once 0")
    assert "data-act" not in page
    assert "Allowed once." in page
    until(lambda: "allowed" in sent)
    assert sent == ["pending", "pending", "allowed"]  # the first click reached nobody


def test_buttons_do_not_come_back_where_the_decision_may_have_arrived() -> None:
    """The service broke after it was sent."""
    page = _after_click(_table(httpx.Response(500, json={"error": "broke"})), "deny 0")
    assert "data-act" not in page
    assert "Denied." not in page


@pytest.mark.parametrize(
    ("after", "text"),
    [
        ({"status": "pending", "approvals_required": 2, "approval_votes": [{}]}, r" 1 of 2 \w+\."),
        ({"approvals_required": 3, "approval_votes": 1}, r" 1 of 3 \w+\."),
        ({"status": "pending"}, "fh-decided"),
        ({"status": "allowed", "approvals_required": 2, "approval_votes": [{}, {}]}, r"Allowed once\."),
        ({}, r"Allowed once\."),
    ],
)
def test_one_of_several_votes_is_no_decision(after: dict[str, Any], text: str) -> None:
    """The line says how many there are and how many it needs."""
    page = _after_click(_table(httpx.Response(200, json={"id": "a1", **after})), "allow_once 0")
    assert re.search(text, page)
    assert ("Allowed once." in page) == text.startswith("Allowed once")


def test_a_program_has_the_plain_table(kernel: Kernel) -> None:
    """nbclient and nbconvert: no widget; where nothing waits there is none either."""
    kernel.run("client.invoke('refund', variant='v', inputs={'amount': 4}).status")
    cell = kernel.send("client.approvals()")
    kernel.wait(cell)
    (only,) = kernel.shown(cell)
    assert set(only) == {"text/html", "text/plain"}
    assert "Refund" in only["text/html"]
    kernel.run("for approval in client.approvals(): approval.decide('deny')")
    (only,) = kernel.shown(_show(kernel))
    assert "No approvals" in only["text/html"]


def _approval(id_: str, status: str = "pending", **more: Any) -> ToolApproval:
    return ToolApproval(id=id_, status=status, tool="payments", summary=f"Pay {id_}?", **more)


def _acts(table: ApprovalsTable) -> list[str]:
    return re.findall(r'data-act="([^"]*)"', _html(table.table.widget))


def test_a_line_takes_the_state_in_which_it_is_listed_anew() -> None:
    """Decided elsewhere, gone and there again, with more votes; what is new comes below."""
    table = ApprovalsTable([_approval("a0"), _approval("a1", votes=0, votes_required=2), _approval("a2")])
    table.put([_approval("a0", "expired"), _approval("a1", votes=1, votes_required=2), _approval("a3")])
    assert _acts(table) == ["allow_once 1", "deny 1", "allow_once 3", "deny 3"]
    page = _html(table.table.widget)
    assert "expired" in page
    assert "1 of 2" in page
    assert "0 of 2" not in page
    table.act("allow_once 0")  # it was on its way
    table.put([_approval("a2"), _approval("a3", "allowed")])
    assert _acts(table) == ["allow_once 2", "deny 2"]


def test_steps_that_others_decide_are_below_the_tools_without_buttons() -> None:
    """In the page with buttons, in the file, and as text."""
    steps = WaitingSteps.of(["finance: <b>Refund</b>?"], origin="service.test")
    table = ApprovalsTable([_approval("a0")], steps=steps)
    assert _acts(table) == ["allow_once 0", "deny 0"]
    assert "<div>finance: &lt;b&gt;Refund&lt;/b&gt;?</div>" in _html(table.table.widget)
    listed = ToolApprovals([_approval("a0")], steps=steps)
    assert "<div>finance: &lt;b&gt;Refund&lt;/b&gt;?</div>" in listed._repr_html_()
    assert re.fullmatch(r"0 approvals\n1 .*:\n  finance: <b>Refund</b>\?", repr(listed[:0]))


def test_a_decision_is_newer_than_a_list_and_a_vote_waits_no_more_once_it_is_not_listed() -> None:
    """A list that was on its way brings no buttons back; where nobody knows what came of a decision, it does."""
    table = _table(httpx.Response(200, json={"id": "a1", "status": "allowed"}))
    _after_click(table, "allow_once 0")
    table.put([_approval("a1")])
    assert _acts(table) == []
    table = _table(httpx.Response(200, json={"id": "a1", "status": "pending", "votes": 1, "approvals_required": 2}))
    assert "Allowed once." not in _after_click(table, "allow_once 0")
    table.put([_approval("a1", votes=1, votes_required=3)])
    page = _html(table.table.widget)
    assert ("1 of 3" in page, _acts(table)) == (True, [])
    table.put([])
    assert _html(table.table.widget).partition("fh-decided-0")[2] != page.partition("fh-decided-0")[2]
    table = _table(httpx.Response(500, json={"error": "broke"}))
    _after_click(table, "deny 0")
    table.put([_approval("a1")])
    assert _acts(table) == ["allow_once 0", "deny 0"]


def test_what_is_drawn_last_is_the_newest_state() -> None:
    """Of two threads that draw at once: one is held in the middle of it."""
    is_held, go_on, lines = threading.Event(), threading.Event(), ["first"]

    def live() -> html.Html:
        text = lines[-1]
        if text == "old":
            is_held.set()
            go_on.wait(0.3)  # in vain: the newer one waits for this one
        return html.el("p", text)

    table = ButtonTable(live=live, static=lambda: html.Html(""), text=str, act=print, dom_class="fh-approvals")

    def newer() -> None:
        table.update()
        go_on.set()

    lines.append("old")
    slow, fast = threading.Thread(target=table.update), threading.Thread(target=newer)
    slow.start()
    assert is_held.wait(PATIENCE_S)
    lines.append("new")
    fast.start()
    for thread in (slow, fast):
        thread.join(PATIENCE_S)
    assert "<p>new</p>" in _html(table.widget)


def test_of_too_many_tables_those_without_buttons_are_closed_first() -> None:
    """Then the oldest."""
    tables = [ApprovalsTable([_approval(f"a{n}")]) for n in range(TABLES + 2)]
    for table in tables[:TABLES]:
        table.table.hold()
    tables[5].put([])
    for table in tables[TABLES:]:
        table.table.hold()
    assert [number for number, table in enumerate(tables) if table.table.is_closed] == [0, 5]
    without_buttons = ApprovalsTable([])
    without_buttons.table.hold()
    assert [number for number, table in enumerate(tables) if table.table.is_closed] == [0, 1, 5]
    assert not without_buttons.table.is_closed


def test_what_it_hides_is_hidden_while_there_are_buttons() -> None:
    """Not before there is something to decide, nor after all is decided; a text that names the attribute is none."""
    table = ApprovalsTable([_approval("a0", "allowed", run_id='data-act="deny 0"')], hides=".to-type")
    assert ".to-type" not in _html(table.table.widget)
    table.put([_approval("a1")])
    assert ".to-type{display:none}" in _html(table.table.widget)
    table.put([_approval("a1", "denied")])
    assert ".to-type" not in _html(table.table.widget)
