"""Effort of a person in the flows around forms and comparisons, by the mouse and by the keyboard, at 1,600 x 1,000.

Rows are run by a form, an earlier call is opened, an expected output is corrected, tools are decided, a race is read.
Rule of this file: each flow begins at the beginning of its output, and its bound is what it took when it was measured.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pytest
from playwright.sync_api import Locator, expect

from fh_notebook.local import LocalHive, ask_human
from tests.browser.effort import Effort
from tests.browser.form_page import wait_until_at_work
from tests.lab import PATIENCE_MS, Lab

pytestmark = [pytest.mark.browser, pytest.mark.long]

KEY: Final = "fhk_0123456789abcdef"
SETUP: Final = """%load_ext fh_notebook
import fh_notebook as fh, pandas as pd
fh.configure(base_url={url!r}, api_key='fhk_' + '0123456789abcdef', workspace_id='ws_local')
client = fh.Client()
rows = [{{'ticket': f'Ticket {{n}}: charged twice', 'expected_output': 'other'}} for n in range(12)]
frame = pd.DataFrame({{'body': [f"{{row['ticket']}} again" for row in rows]}})
triage = fh.Deployment('triage', variants=['good', 'bad'], inputs={{'ticket': fh.text()}})
cmp = fh.compare(fh.batch(rows, triage, name='corrected', progress=False))
for amount in (1, 2):
    _ = client.invoke('refund', variant='v', inputs={{'amount': amount}})
race = fh.race([{{'ticket': f'Question {{n}}', 'expected_output': 'billing'}} for n in range(60)], triage,
               score=fh.score.exact(), name='race', progress=False)
"""


def _rows_are_run(effort: Effort, output: Locator) -> None:
    """A column for the one input, and Run."""
    run = output.get_by_role("button", name=re.compile(r"^\W*Run"))
    effort.choose(output.get_by_label("ticket"), "from column body")
    expect(run).to_have_text(re.compile("Run 12 calls"))
    effort.run(run)
    done = output.locator(".fh-batch-result .fh-completed").first
    expect(done).to_have_text("12 completed")
    effort.look_at(done)


def _an_earlier_call_is_opened(effort: Effort, output: Locator) -> None:
    """The newest batch, which stands first."""
    effort.press_on(output.get_by_role("button", name="Open: ").filter(visible=True).first)
    below = output.locator(".fh-history-below")
    expect(below).to_contain_text("completed")
    effort.look_at(below)


def _an_expected_output_is_corrected(effort: Effort, output: Locator) -> None:
    """The first row is opened and corrected; the table says so."""
    form = output.locator(".fh-correct form")
    if effort.by_keyboard:
        effort.tab_to(output.get_by_role("treegrid"))
        for key in ("Enter", "c"):
            effort.press(key)
            expect(output.locator(".fhb-detail")).to_be_visible()
    else:
        effort.click(output.get_by_role("rowheader").first)
        effort.click(output.get_by_role("button", name="Edit expected output"))
        effort.click(form.get_by_label("Expected output"))
    expect(form.get_by_label("Expected output")).to_be_focused()
    effort.type("billing")
    if effort.by_keyboard:
        effort.press("Enter")
    else:
        effort.click(form.get_by_role("button", name="Save"))
    expect(output.locator(".fhb-corrected").first).to_have_text("corrected from other")
    effort.look_at(output.locator(".fhb-corrected").first)


def _tools_are_decided(effort: Effort, output: Locator) -> None:
    """One is allowed, the other one denied."""
    effort.press_on(output.get_by_role("button", name=re.compile("^Allow once")).first)
    expect(output.locator(".fh-decided-0")).to_have_text("Allowed once.")
    effort.press_on(output.get_by_role("button", name=re.compile("^Deny")).first)
    expect(output.locator(".fh-decided-1")).to_have_text("Denied.")
    effort.look_at(output.locator(".fh-decided-1"))


def _a_race_is_read(effort: Effort, output: Locator) -> None:
    """The sentence and the table are in sight; the last figure is reached by the wheel or by Tab."""
    effort.look_at(output.get_by_text("wins after").first)
    effort.look_at(output.get_by_role("table").first)
    figure = output.locator(".fh-plot").last
    if effort.by_keyboard:
        effort.tab_to(figure)
        expect(figure).to_be_in_viewport(ratio=0.9)
    else:
        effort.look_at(figure)


def _a_batch_is_paused(effort: Effort, output: Locator) -> None:
    """Paused, and continued."""
    effort.press_on(output.locator("button.fh-pause"))
    paused = output.get_by_text("paused").filter(visible=True).first
    expect(paused).to_be_visible()
    effort.look_at(paused)
    effort.press_on(output.get_by_role("button", name="Continue"))
    expect(output.get_by_role("button", name="Pause")).to_be_visible()


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A cell, what is done with what it shows, and what that takes at the most."""

    cell: str
    act: Callable[[Effort, Locator], None]
    begin: Callable[[Locator], None] = lambda output: expect(output.locator("button, svg").first).to_be_visible()
    """Waits until all of it is drawn."""
    clicks: int = 0
    scrolls: int = 0
    keys: int = 0
    """By mouse: what is typed."""
    keys_alone: int
    """Without a mouse."""


FLOWS: Final = {
    "run rows by a form": Flow(
        cell="fh.form(triage, over=frame, variants='good')",
        act=_rows_are_run,
        begin=wait_until_at_work,
        clicks=3,
        keys_alone=3,
    ),
    # The table takes the focus, too, as those of a race do: where it is narrow it scrolls.
    "open an earlier call": Flow(cell="%fetchhive history", act=_an_earlier_call_is_opened, clicks=1, keys_alone=3),
    "correct an expected output": Flow(
        cell="cmp.browse()", act=_an_expected_output_is_corrected, clicks=4, keys=7, keys_alone=18
    ),
    "decide tools": Flow(cell="client.approvals()", act=_tools_are_decided, clicks=2, keys_alone=5),
    "read a race": Flow(cell="display(race, race.plot())", act=_a_race_is_read, keys_alone=4),
    "pause a batch": Flow(
        cell="slow = fh.batch([{'n': n} for n in range(40)], 'slow', variants='v', wait=False, max_concurrency=2)",
        act=_a_batch_is_paused,
        begin=lambda output: output.locator("button.fh-pause").wait_for(),
        clicks=2,
        keys_alone=3,
    ),
}


@pytest.fixture
def hive() -> Iterator[LocalHive]:
    """On a socket, with a tool that is asked about, and two variants of which one is right."""
    hive, let_go = LocalHive(api_key=KEY), threading.Event()
    hive.workflow("slow", variant="v")(lambda n: str(let_go.wait(PATIENCE_MS / 1000)))
    hive.workflow("triage", variant="good")(lambda ticket: "billing")
    hive.workflow("triage", variant="bad")(lambda ticket: "other")

    @hive.workflow("refund", variant="v", tools={"payments": "ask"})
    def refund(amount: int) -> str:
        given = {"amount": amount, "why": "The parcel is late."}
        return "paid" if ask_human(f"Refund {amount} EUR?", tool="payments", tool_arguments=given).approved else "no"

    yield hive
    let_go.set()


@pytest.mark.parametrize("by_keyboard", [False, True], ids=["mouse", "keyboard"])
def test_each_flow_takes_so_many_clicks_scrolls_and_keys(lab: Lab, hive: LocalHive, by_keyboard: bool) -> None:
    """By one hand alone, from the beginning of an output to what it is done for."""
    wrong: list[str] = []
    with hive.serve() as server:
        lab.resize(1600, 1000)
        lab.open(SETUP.format(url=server.url), *(flow.cell for flow in FLOWS.values()))
        lab.run(0)
        for place, (name, flow) in enumerate(FLOWS.items(), 1):
            output = lab.run(place)
            lab.wait_idle()
            flow.begin(output)
            lab.cell(place).evaluate("cell => cell.scrollIntoView()")
            output.evaluate("output => { output.tabIndex = -1; output.focus(); }")
            effort = Effort(lab.page, by_keyboard)
            flow.act(effort, output)
            most = (0, 0, flow.keys_alone) if by_keyboard else (flow.clicks, flow.scrolls, flow.keys)
            taken = (effort.clicks, effort.scrolls, effort.keys)
            print(f"{name}: {effort}")
            wrong += [f"{name}: {effort}; the most is {most}"] * any(a > b for a, b in zip(taken, most, strict=True))
        lab.resize(1200, 1000)
    assert not wrong, "\n".join(wrong)
