"""Runs that are waited for, in JupyterLab: their cards change by themselves, and say who a paused run waits for."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.form_page import cut_off
from tests.lab import Lab

pytestmark = pytest.mark.browser

SETUP = """
import fh_notebook as fh
import threading
go = threading.Event()
hive = fh.local.LocalHive(name="pending", concurrency=1)

@hive.workflow("refund", variant="v1", human="finance")
def refund(amount: int, note: str = "") -> dict:
    decision = fh.local.ask_human(f"Refund {amount} EUR to <b>Ada</b>? The order is from March, the parcel came in June, and the card was charged twice.")
    return {"paid": decision.approved, "by": decision.by}

@hive.workflow("support-triage-of-a-long-name", variant="nearest-neighbours")
def triage(ticket: str) -> str:
    assert go.wait(300)
    return "billing"

client = hive.client()
paused = client.submit("refund", variant="v1", inputs={"amount": 120})
hive.wait_approval()
_ = paused.refresh()
running, queued = (client.submit("support-triage-of-a-long-name", variant="nearest-neighbours", inputs={"ticket": t}) for t in "ab")
"""
STOPPED = """
stopped = client.submit("support-triage-of-a-long-name", variant="nearest-neighbours", inputs={"ticket": "c"})
stopped.cancel_waiting()
stopped
"""
GO_ON = """
hive.decide(paused, approve=True, by="Kim")
go.set()
"""


@pytest.mark.long
def test_pending_runs_say_what_they_wait_for_and_change_when_the_outcome_comes(lab: Lab) -> None:
    """A paused one, a running one, a queued one and one that nobody waits for; narrow and wide, light and dark."""
    lab.open(SETUP, "paused", "running", "queued", STOPPED, GO_ON)
    lab.run(0)
    cards = [lab.run(number) for number in (1, 2, 3, 4)]
    for card, words in zip(cards, ("finance", "running", "queued", "fh.reattach"), strict=True):
        lab.expect_text(card, words)
    expect(cards[0]).to_contain_text("to <b>Ada</b>?")
    for look in lab.looks(height=1_000):
        for name, card in zip(("paused", "running", "queued", "stopped"), cards, strict=True):
            assert cut_off(card.locator(".fh-card").locator("visible=true"), "*") == [], (name, look)
        lab.screenshot(f"pending-page-{look}")
    lab.run(5)
    for card in cards[:3]:
        expect(card).to_contain_text(re.compile("completed"))
    expect(cards[0]).to_contain_text("Kim")
    lab.screenshot("pending-ended")
    assert lab.external == []
    assert lab.errors == []
