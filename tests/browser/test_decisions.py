"""Buttons where one waits, in JupyterLab: of a pending card, a cell, a form and a batch, by mouse and by keyboard."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, expect
from starlette.types import ASGIApp, Receive, Scope, Send

from fh_notebook.local import LocalHive, ask_human
from fh_notebook.local.http.server import HiveServer
from tests.browser.form_page import cut_off
from tests.client.callbacks.senders import until
from tests.lab import PATIENCE_MS, Lab
from tests.voila import run_voila

pytestmark = pytest.mark.browser

KEY = "fhk_0123456789abcdef"
SETUP = """%load_ext fh_notebook
import fh_notebook as fh
fh.configure(base_url={url!r}, api_key='fhk_' + '0123456789abcdef', workspace_id="ws_local", store="own.sqlite3")
client = fh.Client()
"""
PENDING = "pending = client.submit('refund', variant='v', inputs={'amount': 1}); pending"
CELL = "%%fetchhive refund --variant v --variant w --delivery callback\namount: 2"
RUN = "run = client.invoke('refund', variant='v', inputs={'amount': 1}); run"
DIRECT_CELL = "%%fetchhive refund --variant v --variant w\namount: 2"
DIRECT_FORM = (
    "refund = fh.Deployment('refund', variants=['v'], inputs={'amount': fh.integer()})\n"
    + "form = fh.form(refund, values={'amount': 3}, client=client)\nform"
)
FORM = DIRECT_FORM.removesuffix("form") + "form.delivery = 'callback'\nform"
APPS = [form.replace("client=client", "client=client, app=True") for form in (DIRECT_FORM, FORM)]
BATCH = """batch = fh.batch([{'amount': 4}, {'amount': 5}], 'refund', variants='v', client=client, name='refunds',
                 delivery='callback', wait=False)"""


@pytest.fixture
def hive() -> Iterator[LocalHive]:
    """One whose ``refund`` asks for a tool."""
    hive = LocalHive(api_key=KEY)

    @hive.workflow("refund", variant="v", tools={"payments": "ask"})
    @hive.workflow("refund", variant="w", tools={"payments": "ask"})
    def refund(amount: int) -> str:
        given = {"amount": amount, "to": "Ada Lovelace", "why": "The parcel came a month late."}
        question = f"Refund {amount} EUR to <b>Ada</b>?"
        return "paid" if ask_human(question, tool="payments", tool_arguments=given).approved else "refused"

    yield hive
    hive.close()  # runs that nobody has decided about end


@dataclass
class Requests:
    """An application that notes what is asked for."""

    app: ASGIApp
    paths: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note a path, and hand the request on."""
        self.paths.append(scope.get("path", ""))
        await self.app(scope, receive, send)

    @property
    def lists(self) -> int:
        """How often a list of approvals was asked for."""
        return sum(path.endswith("/tool_action_approvals") for path in self.paths)

    def looked_up_twice(self) -> int:
        """Return how many runs were looked up again: by then a list of what they wait for would have been."""
        looks = Counter(path for path in self.paths if "/public/requests/" in path)
        return sum(count >= 2 for count in looks.values())


@pytest.fixture
def requests(hive: LocalHive) -> Requests:
    """What the hive is asked for."""
    return Requests(hive.app)


@pytest.fixture
def url(requests: Requests) -> Iterator[str]:
    """Where the hive is."""
    with HiveServer(requests, host="127.0.0.1", port=0, keep_alive_s=60.0, has_key=lambda: True) as server:
        yield server.url


def _buttons(here: Locator, number: int) -> Locator:
    """Return the Allow buttons, once there are so many."""
    buttons = here.get_by_role("button", name="Allow once: payments")
    expect(buttons).to_have_count(number)
    return buttons


def _ended(hive: LocalHive, outputs: list[str]) -> None:
    assert hive.wait_idle()
    assert sorted(str(call.output) for call in hive.calls) == sorted(outputs)


def _shown_narrow_and_wide(lab: Lab, here: Locator, name: str) -> None:
    """Nothing is cut off, and the table needs no scrolling."""
    for look in lab.looks(height=1_000, widths=(1600, 800)):
        table = here.locator(".fh-approvals")
        table.scroll_into_view_if_needed()
        assert cut_off(table, "button") == [], look
        scrolls = "found => found.some(e => e.scrollWidth > e.clientWidth + 1)"
        assert not table.locator(".widget-html-content").evaluate_all(scrolls), look
        lab.screenshot(f"decisions-{name}-{look}")


def _decide(here: Locator, name: str, number: int, by: str) -> None:
    """Press the button of a line that is left, and wait until the line says so."""
    button = here.get_by_role("button", name=f"{name}: payments")
    left = button.count()
    if by == "mouse":
        button.nth(number).click()
    elif name == "Allow once":
        button.nth(number).focus()
        here.page.keyboard.press("Enter")
    else:  # Tab leads from Allow to Deny
        here.get_by_role("button", name="Allow once: payments").nth(number).focus()
        here.page.keyboard.press("Tab")
        expect(button.nth(number)).to_be_focused()
        here.page.keyboard.press("Space")
    expect(button).to_have_count(left - 1)


def _decide_both(cell: Locator, hive: LocalHive, *by: str) -> None:
    """Allow one tool and deny the other, and wait until the cell has both outcomes."""
    for name, how in zip(("Allow once", "Deny"), by, strict=True):
        _decide(cell, name, 0, how)
    expect(cell).to_contain_text("refused")
    expect(cell).to_contain_text("paid")
    _ended(hive, ["paid", "refused"])


def assert_order(here: Locator, *parts: str) -> None:
    """Assert that these parts stand below each other."""
    for part in parts:
        expect(here.locator(part).locator("visible=true").first).to_be_visible()
    found = [here.locator(part).locator("visible=true").first.bounding_box() for part in parts]
    boxes = [box for box in found if box is not None]
    assert len(boxes) == len(parts)
    assert all(above["y"] + above["height"] <= below["y"] + 1 for above, below in pairwise(boxes)), boxes


BY = pytest.mark.parametrize("by", ["mouse", "keyboard"])


@pytest.mark.long
@BY
def test_the_run_of_a_card_is_decided_below_it(lab: Lab, hive: LocalHive, url: str, by: str) -> None:
    """While there are buttons, the card says nothing of code to type."""
    lab.open(SETUP.format(url=url), PENDING)
    lab.run(0)
    card = lab.run(1)
    _buttons(card, 1)
    expect(card.get_by_text("to <b>Ada</b>?").locator("visible=true")).to_have_count(1)  # in the table alone
    expect(card.locator(".fh-to-type").locator("visible=true")).to_have_count(0)
    if by == "mouse":
        _shown_narrow_and_wide(lab, card, "card")
    _decide(card, "Allow once", 0, by)
    expect(card).to_contain_text("completed")
    _ended(hive, ["paid"])
    assert lab.external == []


@pytest.mark.long
@BY
def test_the_runs_of_a_cell_are_decided_in_one_table(lab: Lab, hive: LocalHive, url: str, by: str) -> None:
    """Of two variants one is allowed and one denied."""
    lab.open(SETUP.format(url=url), CELL)
    lab.run(0)
    cell = lab.run(1)
    _buttons(cell, 2)
    _decide_both(cell, hive, by, by)


@pytest.mark.long
@BY
def test_the_run_of_a_form_is_decided_in_it(lab: Lab, hive: LocalHive, url: str, by: str) -> None:
    """Below what is waited for."""
    lab.open(SETUP.format(url=url), FORM)
    lab.run(0)
    form = lab.run(1)
    form.locator("button.fh-run").click()
    _buttons(form, 1)
    if by == "mouse":
        _shown_narrow_and_wide(lab, form, "form")
    _decide(form, "Deny", 0, by)
    expect(form.locator(".fh-results")).to_contain_text("refused")
    _ended(hive, ["refused"])


@pytest.mark.long
def test_the_run_of_a_direct_call_is_decided_below_it(lab: Lab, hive: LocalHive, url: str) -> None:
    """The display has the outcome then."""
    lab.open(SETUP.format(url=url), RUN)
    lab.run(0)
    card = lab.run(1)
    _buttons(card, 1)
    _shown_narrow_and_wide(lab, card, "run")
    _decide(card, "Allow once", 0, "keyboard")
    expect(card).to_contain_text("completed")
    lab.screenshot("decisions-run-decided")
    _ended(hive, ["paid"])


@pytest.mark.long
def test_the_runs_of_a_direct_cell_are_decided_in_one_table(lab: Lab, hive: LocalHive, url: str) -> None:
    """Of two variants one is allowed and one denied."""
    lab.open(SETUP.format(url=url), DIRECT_CELL)
    lab.run(0)
    cell = lab.run(1)
    _buttons(cell, 2)
    _shown_narrow_and_wide(lab, cell, "direct-cell")
    _decide_both(cell, hive, "mouse", "keyboard")


@pytest.mark.long
def test_the_direct_run_of_a_form_is_decided_in_it(lab: Lab, hive: LocalHive, url: str) -> None:
    """Without the switch that has answers come later."""
    lab.open(SETUP.format(url=url), DIRECT_FORM)
    lab.run(0)
    form = lab.run(1)
    form.locator("button.fh-run").click()
    _buttons(form, 1)
    _shown_narrow_and_wide(lab, form, "direct-form")
    _decide(form, "Allow once", 0, "mouse")
    expect(form.locator(".fh-results")).to_contain_text("paid")
    _ended(hive, ["paid"])


@pytest.mark.long
@BY
def test_the_runs_of_a_batch_are_decided_in_its_block(lab: Lab, hive: LocalHive, url: str, by: str) -> None:
    """Also after the page was reloaded: the table is among the widgets that it has again."""
    lab.open(SETUP.format(url=url), BATCH)
    lab.run(0)
    batch = lab.run(1)
    _buttons(batch, 2)
    assert_order(batch, ".fh-bar", ".fh-controls", ".fh-approvals")
    if by == "mouse":
        _shown_narrow_and_wide(lab, batch, "batch")
    _decide(batch, "Allow once", 0, by)
    lab.save()
    lab.page.reload(wait_until="domcontentloaded")
    lab.page.locator(".jp-Notebook").wait_for()
    batch = lab.output(1)
    _buttons(batch, 1)
    expect(batch).not_to_contain_text("Error displaying widget")
    _decide(batch, "Deny", 0, by)
    expect(batch).to_contain_text(re.compile("(?<!of )2 completed"))
    _ended(hive, ["paid", "refused"])


STEPS = """hive = fh.local.LocalHive(name="steps")

@hive.workflow("refund", variant="v", human="finance")
def refund(amount: int) -> dict:
    return {"paid": fh.local.ask_human(f"Refund {amount} EUR?").approved} if amount else {"paid": True}

client = hive.client()
asked, paid = (client.submit("refund", variant="v", inputs={"amount": amount}) for amount in (7, 0))
hive.wait_approval()
_ = paid.wait(), asked.refresh()"""


@pytest.mark.long
def test_blocks_of_widgets_end_where_those_of_html_do_and_steps_are_below_the_controls(
    lab: Lab, url: str, hive: LocalHive
) -> None:
    """A card that changes is of widgets, one of a run that has ended is not: their right edges are the same."""

    @hive.workflow("asks", variant="v", human="finance")
    def asks(amount: int) -> str:
        return "paid" if ask_human(f"Refund {amount}?").approved else "refused"

    steps = BATCH.replace("'refund'", "'asks'")
    lab.open(f"{SETUP.format(url=url)}{STEPS}", "asked", "paid", steps.replace("client=client", "client=fh.Client()"))
    lab.run(0)
    cards = [lab.run(number) for number in (1, 2)]
    lab.expect_text(cards[0], "Refund 7 EUR?")
    expect(cards[0].locator(".jupyter-widgets")).not_to_have_count(0)
    expect(cards[1].locator(".jupyter-widgets")).to_have_count(0)
    edges = []
    for card in cards:
        blocks = card.locator(".fh-out, .fh-o").locator("visible=true")
        expect(blocks.first).to_be_visible()
        edges.append(max(blocks.evaluate_all("found => found.map(e => e.getBoundingClientRect().right)")))
    assert abs(edges[0] - edges[1]) < 1
    batch = lab.run(3)
    assert_order(batch, ".fh-bar", ".fh-controls", ".fh-steps")
    lab.screenshot("decisions-steps")


STEPS_HERE = """hive = fh.local.LocalHive()

@hive.workflow("refund", variant="v", human="finance")
def refund(amount: int) -> str:
    return "paid" if fh.local.ask_human(f"Refund {amount}?").approved else "refused"
"""


@pytest.mark.long
@pytest.mark.parametrize("of", ["tool", "step"])
def test_the_focus_goes_from_a_decision_to_the_next_one(lab: Lab, hive: LocalHive, url: str, of: str) -> None:
    """And from the last one to the block, where arrows change nothing; a key that is held decides once."""
    rows = "[{'amount': n} for n in (4, 5, 6)]"
    client = "fh.Client()" if of == "tool" else "hive.client()"
    batch = f"batch = fh.batch({rows}, 'refund', variants='v', client={client}, delivery='poll', wait=False)"
    lab.open(SETUP.format(url=url) + (STEPS_HERE if of == "step" else ""), batch, "batch.max_concurrency")
    lab.run(0)
    block = lab.run(1)
    word = "Allow once" if of == "tool" else "Approve"
    words = block.get_by_role("button", name=f"{word}: ")
    expect(words).to_have_count(3)
    limit = block.locator(".fh-at-once input")
    before = limit.input_value()
    words.first.focus()
    lab.page.keyboard.down("Enter")
    lab.page.keyboard.down("Enter")  # it is held, and repeats
    expect(words).to_have_count(2)
    expect(words.first).to_be_focused()
    lab.page.keyboard.down("Enter")
    lab.page.keyboard.up("Enter")
    lab.page.keyboard.press("ArrowUp")
    expect(words).to_have_count(2)
    expect(words.first).to_be_focused()
    deny = block.get_by_role("button", name="Deny: ")
    for left in (1, 0):
        lab.page.wait_for_timeout(600)  # within half a second it is taken for a double click, and decides nothing
        deny.last.focus()
        lab.page.keyboard.press("Space")
        expect(deny).to_have_count(left)
        lab.page.wait_for_function("document.activeElement.closest('.fh-own-keys') !== null")
        lab.page.keyboard.press("ArrowUp")
        if left:
            expect(deny).to_be_focused()
    assert lab.page.evaluate("document.activeElement.matches('.fh-own-keys')")
    if limit.count():
        assert limit.input_value() == before
    assert lab.errors == []


@pytest.mark.long
@pytest.mark.parametrize("app", APPS, ids=["direct", "callback"])
def test_visitors_of_a_form_that_is_an_app_have_no_buttons(
    lab: Lab, hive: LocalHive, url: str, requests: Requests, app: str
) -> None:
    """The run is waited for all the same, and whoever made the form decides elsewhere: by the only list."""
    lab.open(SETUP.format(url=url), app, "client.approvals()")
    lab.run(0)
    form = lab.run(1)
    form.locator("button.fh-run").click()
    expect(form.locator(".fh-pending")).to_contain_text("waiting for a decision")
    until(lambda: requests.looked_up_twice() == 1)
    assert requests.lists == 0
    maker = lab.run(2)
    _buttons(maker, 1)
    expect(form.get_by_role("button", name="Allow once")).to_have_count(0)
    maker.get_by_role("button", name="Deny: payments").click()
    expect(form.locator(".fh-results")).to_contain_text("refused")
    assert requests.lists == 1


@pytest.mark.long
def test_visitors_of_voila_have_no_buttons(
    browser: Browser, tmp_path: Path, hive: LocalHive, url: str, requests: Requests
) -> None:
    """Neither for a run nor for a pending one, a form or a batch; and no list is asked for."""
    notebook = tmp_path / "app.ipynb"
    cells = [SETUP.format(url=url), RUN, PENDING, FORM, BATCH]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, notebook)
    with run_voila(notebook) as page_url:
        page = browser.new_context(viewport={"width": 1000, "height": 900}).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(page_url)
        page.locator("button.fh-run").click()
        expect(page.locator(".fh-pending")).to_contain_text("waiting for a decision")
        assert len(hive.approvals) == 5  # the run's, the card's, the form's, and two of the batch
        until(lambda: requests.looked_up_twice() == 4)  # the run of the direct call is not looked up
        expect(page.get_by_role("button", name="Allow once")).to_have_count(0)
        assert requests.lists == 0
        page.context.close()
