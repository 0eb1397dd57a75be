"""Buttons where one waits, in a real kernel: under the card of a run, a cell and a batch; and what stays in the file."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from fh_notebook.local import LocalHive, ask_human
from tests.kernel import Kernel

WAIT_S = 30.0
KEY = "fhk_0123456789abcdef"
SETUP = """
%load_ext fh_notebook
import fh_notebook as fh
from fh_notebook.client import polling
polling.FIRST_S = 0.05
client = fh.Client()
fh.configure(workspace_id="ws_local")
"""


GO, NEXT = threading.Event(), threading.Event()
"""End the calls of ``refund`` for 0 and for -1, which ask for nothing."""


@pytest.fixture
def holding() -> Iterator[None]:
    """Hold these calls until a test lets them go, at its end at the latest."""
    GO.clear()
    NEXT.clear()
    yield
    GO.set()
    NEXT.set()


@pytest.fixture(scope="module")
def hive() -> LocalHive:
    """One whose ``refund`` asks for a tool."""
    hive = LocalHive(api_key=KEY)

    @hive.workflow("refund", variant="v", tools={"payments": "ask"})
    @hive.workflow("refund", variant="w", tools={"payments": "ask"})
    def refund(amount: int) -> str:
        if amount <= 0:
            assert (NEXT if amount else GO).wait(WAIT_S)
            return "nothing"
        return "paid" if ask_human(f"<b>Refund</b> {amount}?", tool="payments").approved else "refused"

    return hive


@pytest.fixture(scope="module")
def kernel(hive: LocalHive, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One that reaches the hive."""
    with (
        hive.serve() as server,
        Kernel(tmp_path_factory.mktemp("decisions"), FETCH_HIVE_BASE_URL=server.url, FETCH_HIVE_API_KEY=KEY) as kernel,
    ):
        assert kernel.run(SETUP) == ""
        yield kernel
        assert "Traceback" not in kernel.log


def _tables(kernel: Kernel, amount: int) -> set[str]:
    """Return the widget of each table of approvals that asks for an amount."""
    return {name for name, page in _pages(kernel).items() if f"Refund&lt;/b&gt; {amount}?" in page}


def _page(kernel: Kernel) -> str:
    """Return the newest table of approvals and what is below it; older ones are closed once there are many."""
    return ["", *_pages(kernel).values()][-1]


def _pages(kernel: Kernel) -> dict[str, str]:
    """Return the page of each table of approvals, the newest last."""
    states = kernel.widgets()
    tables = [name for name, state in states.items() if "fh-approvals" in state.get("_dom_classes", ())]
    return {name: _page_of(states, name) for name in tables}


def _page_of(states: dict[str, dict[str, Any]], table: str) -> str:
    pending, pages = [table], []
    while pending:
        state = states.get(pending.pop(), {})
        pages.append(str(state.get("value", "")))
        pending += [child.removeprefix("IPY_MODEL_") for child in state.get("children", ())]
    return "".join(pages)


def _click(kernel: Kernel, act: str) -> None:
    box = kernel.widgets()[kernel.widget("fh-approvals")]
    keys = box["children"][-1].removeprefix("IPY_MODEL_")
    kernel.wait(kernel.comm(keys, {"method": "custom", "content": {"act": act}}))


def _decide_both(kernel: Kernel, cell: str) -> None:
    """Allow the first of two tools and deny the second, and wait until one display of the cell has both outcomes."""
    kernel.wait_until(lambda: 'data-act="deny 1"' in _page(kernel), "two lines", WAIT_S)
    _click(kernel, "allow_once 0")
    _click(kernel, "deny 1")

    def ended() -> bool:
        pages = [shown.get("text/html", "") for shown in kernel.shown(cell)]
        return any("paid" in page and "refused" in page for page in pages)

    kernel.wait_until(ended, "the outcomes", WAIT_S)


def test_the_card_of_a_pending_run_has_buttons_once_it_waits(kernel: Kernel, hive: LocalHive) -> None:
    """Below the card; a click decides, and the card has the outcome."""
    cell = kernel.send("pending = client.submit('refund', variant='v', inputs={'amount': 7}); pending", person=True)
    kernel.wait(cell)
    kernel.wait_until(lambda: "Refund&lt;/b&gt; 7" in _page(kernel), "the tool that waits", WAIT_S)
    page = _page(kernel)
    assert page.count('data-act="allow_once 0"') == 1
    assert "<b>Refund" not in page
    assert "pending.approvals()" in kernel.shown(cell)[0]["text/plain"]
    _click(kernel, "allow_once 0")
    kernel.wait_until(lambda: "Allowed once." in _page(kernel), "the decision", WAIT_S)
    kernel.wait_until(lambda: "paid" in kernel.shown(cell)[0]["text/html"], "the outcome", WAIT_S)


def _of(table: str, run: str) -> str:
    """Return code for the rows of a run: other tests of this kernel have theirs in the table."""
    return f"{table}.query('request_id == @{run}.request_id')"


def test_the_cards_of_a_cell_share_one_table(kernel: Kernel) -> None:
    """Of two variants; one is allowed, the other denied."""
    code = "%%fetchhive refund --variant v --variant w --delivery callback\namount: 8"
    cell = kernel.send(code, person=True)
    kernel.wait(cell)
    _decide_both(kernel, cell)


def test_a_form_lists_what_its_runs_wait_for(kernel: Kernel, hive: LocalHive) -> None:
    """Below what is waited for."""
    kernel.run(
        "form = fh.form(fh.Deployment('refund', variants=['v'], inputs={'amount': fh.integer()}),"
        " values={'amount': 9}, client=client)"
    )
    kernel.wait(kernel.send("form", person=True))
    kernel.run("form.delivery = 'callback'; _ = form.submit()")
    kernel.wait_until(lambda: "Refund&lt;/b&gt; 9" in _page(kernel), "the tool that waits", WAIT_S)
    _click(kernel, "deny 0")
    kernel.wait_until(lambda: not hive.approvals, "the decision", WAIT_S)


def test_the_run_of_a_direct_call_has_buttons_below_its_card(kernel: Kernel, hive: LocalHive) -> None:
    """The card has the outcome then; the run itself stays as the call returned it, and nobody looks it up before."""
    kernel.run("run = client.invoke('refund', variant='v', inputs={'amount': 21})")
    assert kernel.run(f"{_of('fh.pending()', 'run')}['waits_in'].tolist()") == "['nobody']"
    cell = kernel.send("run", person=True)
    kernel.wait(cell)
    kernel.wait_until(lambda: "Refund&lt;/b&gt; 21" in _page(kernel), "the tool that waits", WAIT_S)
    _click(kernel, "allow_once 0")
    kernel.wait_until(lambda: "paid" in kernel.shown(cell)[0]["text/html"], "the outcome", WAIT_S)
    left, kept = f"len({_of('fh.pending()', 'run')})", f"{_of('fh.history()', 'run')}['output'].iloc[0]"
    assert kernel.run(f"run.status, {left}, {kept}") == "('awaiting_approval', 0, 'paid')"
    again = kernel.send("run", person=True)
    kernel.wait(again)
    assert "paid" in kernel.shown(again)[0]["text/html"]


def test_the_runs_of_a_direct_cell_share_one_table(kernel: Kernel) -> None:
    """Its frame has both as the calls returned them."""
    cell = kernel.send("%%fetchhive refund --variant v --variant w --out direct\namount: 22", person=True)
    kernel.wait(cell)
    _decide_both(kernel, cell)
    assert kernel.run("set(direct['status'])") == "{'awaiting_approval'}"


def test_the_run_of_a_direct_cell_has_buttons(kernel: Kernel) -> None:
    """Of one call: its value is the run, and shows itself."""
    cell = kernel.send("%%fetchhive refund --variant v\namount: 23", person=True)
    kernel.wait(cell)
    kernel.wait_until(lambda: "Refund&lt;/b&gt; 23" in _page(kernel), "the tool that waits", WAIT_S)
    _click(kernel, "deny 0")
    kernel.wait_until(
        lambda: any("refused" in shown.get("text/html", "") for shown in kernel.shown(cell)), "the outcome", WAIT_S
    )


def test_a_direct_run_of_a_form_is_waited_for_and_decided_in_it(kernel: Kernel, hive: LocalHive) -> None:
    """The answer is the outcome, as that of a call by callback."""
    kernel.run(
        "direct = fh.form(fh.Deployment('refund', variants=['v'], inputs={'amount': fh.integer()}),"
        " values={'amount': 24}, client=client)"
    )
    kernel.wait(kernel.send("direct", person=True))
    kernel.run("sent = direct.submit()")
    kernel.wait_until(lambda: "Refund&lt;/b&gt; 24" in _page(kernel), "the tool that waits", WAIT_S)
    assert kernel.run("direct.delivery, len(direct.pending)") == "('direct', 1)"
    _click(kernel, "allow_once 0")
    assert kernel.run("direct._core.newest.wait()[0].output") == "'paid'"


def test_a_program_has_the_plain_card_of_a_direct_run(kernel: Kernel) -> None:
    """Where nobody can click, the run is not looked up."""
    cell = kernel.send("plain = client.invoke('refund', variant='v', inputs={'amount': 25}); plain")
    kernel.wait(cell)
    assert "waiting for a decision" in kernel.shown(cell)[0]["text/html"]
    assert kernel.run(f"{_of('fh.pending()', 'plain')}['waits_in'].tolist()") == "['nobody']"
    kernel.run("[approval.decide('deny') for approval in client.approvals(request_id=plain.request_id)]")
    assert kernel.run(f"len({_of('fh.pending()', 'plain')})") == "1"  # nobody looks it up


@pytest.mark.long
def test_a_running_batch_lists_its_own_runs_and_a_reopened_one_too(kernel: Kernel, hive: LocalHive) -> None:
    """Another run of the workspace is on the list of the service, and not of the batch."""
    kernel.run("other = client.submit('refund', variant='v', inputs={'amount': 99})")
    start = (
        "batch = fh.batch([{'amount': n} for n in (11, 12)], 'refund', variants='v', client=client, name='waits',"
        " delivery='callback', wait=False)"
    )
    kernel.wait(kernel.send(start, person=True))
    kernel.wait_until(lambda: _page(kernel).count('data-act="deny') == 2, "two lines", WAIT_S)
    page = _page(kernel)
    assert "Refund&lt;/b&gt; 11" in page
    assert "Refund&lt;/b&gt; 99" not in page
    _click(kernel, "allow_once 0")
    kernel.wait_until(lambda: len(hive.approvals) == 2, "the decision", WAIT_S)
    kernel.run("batch.cancel(); batch.wait()")
    kernel.wait(kernel.send("fh.open_batch('waits', client=client)", person=True))
    kernel.wait_until(
        lambda: "Allowed" not in _page(kernel) and "data-act" in _page(kernel), "the reopened batch", WAIT_S
    )
    assert "Refund&lt;/b&gt; 99" not in _page(kernel)
    assert _page(kernel).count('data-act="deny') == 1


@pytest.mark.usefixtures("holding")
def test_a_running_direct_batch_lists_the_row_that_waits(kernel: Kernel) -> None:
    """The outcome of a decision takes the place of the answer while other rows run."""
    start = (
        "direct = fh.batch([{'amount': 51}, {'amount': 0}], 'refund', variants='v', client=client, name='direct',"
        " wait=False)"
    )
    kernel.wait(kernel.send(start, person=True))
    kernel.wait_until(lambda: "Refund&lt;/b&gt; 51" in _page(kernel), "the tool that waits", WAIT_S)
    assert kernel.run("direct.running") == "True"
    _click(kernel, "allow_once 0")
    kernel.wait_until(lambda: kernel.run("direct.counts.done") == "1", "the outcome", WAIT_S)
    assert kernel.run("direct.running, direct.frame['output'].tolist()[0]") == "(True, 'paid')"
    GO.set()
    kernel.run("direct.wait()")


@pytest.mark.usefixtures("holding")
def test_a_running_batch_lists_them_once_the_workspace_id_is_set(kernel: Kernel) -> None:
    """In another cell; until then its block says that it is missing."""
    kernel.run("fh.configure(workspace_id=None)")
    try:
        start = (
            "rows = [{'amount': n} for n in (53, 0, -1)]\n"
            "named = fh.batch(rows, 'refund', variants='v', client=client, name='named', wait=False)"
        )
        kernel.wait(kernel.send(start, person=True))
        kernel.wait_until(lambda: "workspace_id=" in _page(kernel), "what is missing", WAIT_S)
    finally:
        kernel.run("fh.configure(workspace_id='ws_local')")
    NEXT.set()
    kernel.wait_until(lambda: _tables(kernel, 53), "the tool that waits", WAIT_S)
    assert kernel.run("named.running") == "True"
    _click(kernel, "deny 0")
    kernel.wait_until(lambda: kernel.run("named.counts.done") == "2", "the outcome", WAIT_S)
    GO.set()
    kernel.run("named.wait()")


@pytest.mark.usefixtures("holding")
def test_a_batch_that_hears_no_click_says_how_to_decide(kernel: Kernel) -> None:
    """Its cell blocks a kernel without subshells; the buttons are there once it has ended."""
    kernel.run("from fh_notebook.notebook.progress import batch_block; heard = batch_block.cancel_method")
    kernel.run("batch_block.cancel_method = lambda *_, **__: None")
    try:
        start = "fh.batch([{'amount': 52}, {'amount': 0}], 'refund', variants='v', client=client, name='deaf')"
        cell = kernel.send(start, person=True)
        how = r"\b1 [^<>\\\n]*Fetch Hive[^<>\\\n]*\bStop\b"
        kernel.wait_until(lambda: re.search(how, f"{kernel.shown(cell)}{kernel.widgets()}"), "what to do", WAIT_S)
        assert not _tables(kernel, 52)
    finally:
        GO.set()
        kernel.wait(cell)
        kernel.run("batch_block.cancel_method = heard")
    kernel.wait_until(lambda: _tables(kernel, 52), "the tool that waits", WAIT_S)
    assert not re.search(how, kernel.shown(cell)[0]["text/html"])
    _click(kernel, "deny 0")
    kernel.wait_until(lambda: "batch.resolve_unknown()" in _page(kernel), "what takes the answer", WAIT_S)


@pytest.mark.long
def test_what_waits_already_has_buttons_in_a_block_that_begins_later(kernel: Kernel) -> None:
    """That of the running batch in a second cell, and that of a start which takes up what was submitted before."""
    start = (
        "late = fh.batch([{'amount': 31}], 'refund', variants='v', client=client, name='late', delivery='callback',"
        " wait=False)"
    )
    kernel.wait(kernel.send(start, person=True))
    old = kernel.wait_until(lambda: _tables(kernel, 31), "the tool that waits", WAIT_S)
    kernel.wait(kernel.send("late.watch()", person=True))
    kernel.wait_until(lambda: _tables(kernel, 31) - old, "the table of the second block", WAIT_S)
    kernel.wait_until(lambda: _page(kernel).count('data-act="deny') == 1, "its button", WAIT_S)
    kernel.run("late.cancel(); late.wait()")
    left = "fh.pending().query('batch == \"late\"')['waits_in'].tolist()"
    kernel.wait_until(lambda: kernel.run(left) == "['nobody']", "the run to be taken up", WAIT_S)
    old = _tables(kernel, 31)
    kernel.wait(kernel.send(start, person=True))
    kernel.wait_until(lambda: _tables(kernel, 31) - old, "the table of the second start", WAIT_S)
    kernel.wait_until(lambda: _page(kernel).count('data-act="deny') == 1, "its button", WAIT_S)
    _click(kernel, "deny 0")
    kernel.run("late.wait()")
    assert kernel.run("late.frame['output'].tolist()") == "['refused']"


PROBLEM = """
import httpx
from fh_notebook.contract.callbacks import RunIds
from fh_notebook.notebook.approvals.decisions import Decisions
listed, is_down = [], False
def answer(request):
    if request.method == "POST":
        return httpx.Response(200, json={"id": "a1", "status": "allowed"})
    return httpx.Response(400, json={"error": "not now"}) if is_down else httpx.Response(200, json={"data": listed})
transport = httpx.MockTransport(answer)
lister = fh.Client(api_key="fhk_0123456789abcdef", base_url="https://api.test/v1", transport=transport).aclient
waiting = []
decisions = Decisions(lambda: waiting, place=str)
def wait(number, is_listed):
    if is_listed:
        listed.append({"id": f"a{number}", "status": "pending", "run_id": f"run_{number}"})
    waiting.append(RunIds(None, f"run_{number}"))
    decisions.follow(lister)
"""


@pytest.mark.long
def test_what_came_of_a_decision_stays_when_an_earlier_problem_ends(kernel: Kernel) -> None:
    """A problem that stands there still goes."""
    said = 'role="status">Allowed once.'
    assert kernel.run(f"{PROBLEM}\nwait(1, True)") == ""
    kernel.wait_until(lambda: 'data-act="deny 0"' in _page(kernel), "the tool that waits", WAIT_S)
    for number in (2, 4):
        kernel.run(f"is_down = True; wait({number}, False)")
        kernel.wait_until(lambda: "not now" in _page(kernel), "the problem", WAIT_S)
        if number == 2:
            _click(kernel, "allow_once 0")
            kernel.wait_until(lambda: said in _page(kernel), "the decision", WAIT_S)
        kernel.run(f"is_down = False; wait({number + 1}, True)")
        kernel.wait_until(lambda n=number: f'data-act="deny {n // 2}"' in _page(kernel), "the next tool", WAIT_S)
        kernel.run("import asyncio; fh.core.event_loop.run(asyncio.sleep(0))")  # what showed it has done the rest
        assert (said in _page(kernel), "not now" in _page(kernel)) == (number == 2, False)


CROWD = """
from fh_notebook.client.approvals import ToolApproval
from fh_notebook.notebook.approvals.approvals_table import ApprovalsTable
from fh_notebook.notebook.ui.button_table import TABLES
from ipywidgets.widgets.widget import _instances
def crowd():
    for number in range(TABLES):
        ApprovalsTable([ToolApproval(id=f"c{number}", status="pending")]).table.hold()
crowd()
"""


@pytest.mark.long
def test_many_other_tables_close_those_of_a_form_and_of_a_block_and_not_a_new_one(
    kernel: Kernel, hive: LocalHive
) -> None:
    """A reloaded page has all widgets, and both show what comes afterwards."""
    assert kernel.run(CROWD) == ""
    kernel.run(
        "form = fh.form(fh.Deployment('refund', variants=['v'], inputs={'amount': fh.integer()}),"
        " values={'amount': 41}, client=client)"
    )
    kernel.wait(kernel.send("form", person=True))
    kernel.run("form.delivery = 'callback'; _ = form.submit()")
    kernel.wait_until(lambda: "Refund&lt;/b&gt; 41" in _page(kernel), "the form's tool", WAIT_S)
    start = (
        "many = fh.batch([{'amount': 42}], 'refund', variants='v', client=client, name='many', delivery='callback',"
        " wait=False)"
    )
    kernel.wait(kernel.send(start, person=True))
    kernel.wait_until(lambda: "Refund&lt;/b&gt; 42" in _page(kernel), "the batch's tool", WAIT_S)
    assert kernel.run("crowd()") == ""
    assert kernel.run("len([widget.get_state() for widget in _instances.values()]) > 0") == "True"
    for approval in hive.approvals:
        if approval.question.endswith(("41?", "42?")):
            hive.decide(approval.request_id, False)
    kernel.run("many.wait()")
    kernel.wait_until(
        lambda: any("data-act" in str(state.get("value", "")) and "many" in str(state["value"])
                    for state in kernel.widgets().values() if "fh-live" in state.get("_dom_classes", ())),
        "the block's result", WAIT_S)  # fmt: skip
    kernel.wait_until(lambda: kernel.run("form.run is None") == "False", "the form's answer", WAIT_S)
    assert kernel.run("form.run.output") == "'refused'"
