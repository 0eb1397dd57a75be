"""Approvals in JupyterLab: decided by mouse and by keyboard, and what stays in the file."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from fh_notebook.local import LocalHive, ask_human
from tests.browser.form_page import cut_off
from tests.lab import Lab

pytestmark = pytest.mark.browser

FOCUS_IS_INSIDE = "document.querySelector('.fh-approvals').contains(document.activeElement)"
KEY = "fhk_0123456789abcdef"
SETUP = """%load_ext fh_notebook
import fh_notebook as fh
fh.configure(base_url={url!r}, api_key='fhk_' + '0123456789abcdef', workspace_id="ws_local")
client = fh.Client()
for amount in (1, 2):
    _ = client.invoke("refund", variant="v", inputs={{"amount": amount}})
"""


@pytest.mark.long
def test_a_tool_is_allowed_by_a_click_and_denied_by_a_key(lab: Lab) -> None:
    """Wide and narrow, light and dark; the focus stays in the table when a button is gone."""
    hive = LocalHive(api_key=KEY)

    @hive.workflow("refund", variant="v", tools={"payments": "ask"})
    def refund(amount: int) -> str:
        question, given = f"Refund {amount} EUR to <b>Ada</b>?", {"amount": amount, "why": "The parcel is late."}
        return "paid" if ask_human(question, tool="payments", tool_arguments=given).approved else "refused"

    with hive.serve() as server:
        lab.open(SETUP.format(url=server.url), "client.approvals()")
        lab.run(0)
        here = lab.run(1)
        expect(here.get_by_role("button", name="Allow once: payments")).to_have_count(2)
        expect(here).to_contain_text("to <b>Ada</b>?")
        for look in lab.looks(height=1_000):
            assert cut_off(here.locator(".fh-approvals"), "button") == [], look
            lab.screenshot(f"approvals-{look}")
        here.get_by_role("button", name="Allow once: payments").first.click()
        expect(here.locator(".fh-decided-0")).to_have_text("Allowed once.")
        lab.page.wait_for_function(FOCUS_IS_INSIDE, timeout=20_000)
        here.get_by_role("button", name="Allow once: payments").focus()
        lab.page.keyboard.press("Tab")
        expect(here.get_by_role("button", name="Deny: payments")).to_be_focused(timeout=20_000)
        lab.page.keyboard.press("Enter")
        expect(here.locator(".fh-decided-1")).to_have_text("Denied.")
        expect(here.get_by_role("status")).to_contain_text("Denied. Refund 2")
        assert hive.wait_idle()
        assert [call.output for call in hive.calls] == ["paid", "refused"]
        lab.save()
    assert lab.errors == []
    assert lab.external == []
    assert "Refund 1 EUR" in (lab.server.root / lab.name).read_text()


LONG_IDS = """%load_ext fh_notebook
from fh_notebook.client.approvals import ToolApproval, ToolApprovals
asked = {"amount": 1029.9, "currency": "EUR", "iban": "DE02120300000000202051", "reference": "C-2041"}
ToolApprovals([ToolApproval(id="taa_6bca47970352f380", status="pending", run_id="run_c94cd0be2131848ba80964a0cf6c74ad",
                            summary="Transfer 1,029.90 EUR to Ada for claim C-2041?", tool="payments", arguments=asked)])
"""


@pytest.mark.long
def test_long_ids_do_not_cut_the_arguments_off(lab: Lab) -> None:
    """At no width: what a person decides about is read without scrolling."""
    lab.open(LONG_IDS)
    here = lab.run(0)
    expect(here.get_by_role("button", name="Allow once: payments")).to_be_visible()
    table = here.locator(".fh-approvals .fh-table")
    for look in lab.looks(height=1_000):
        assert table.evaluate("e => e.scrollWidth - e.clientWidth") <= 1, look
