"""Runs that are waited for, in JupyterLab: their cards change by themselves, and say who a paused run waits for."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

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
    assert go.wait(60)
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


def _fits(card: Locator) -> None:
    """Nothing of a card reaches out of it."""
    outer = card.bounding_box()
    assert outer is not None
    for part in card.locator("*").all():
        if (box := part.bounding_box()) is not None:
            assert box["x"] >= outer["x"] - 1, part.inner_text()
            assert box["x"] + box["width"] <= outer["x"] + outer["width"] + 1, part.inner_text()


def test_pending_runs_say_what_they_wait_for_and_change_when_the_outcome_comes(lab: Lab) -> None:
    """A paused one, a running one, a queued one and one that nobody waits for; narrow and wide, light and dark."""
    lab.open(SETUP, "paused", "running", "queued", STOPPED, GO_ON)
    lab.run(0)
    cards = [lab.run(number) for number in (1, 2, 3, 4)]
    for card, words in zip(cards, ("finance", "running", "queued", "fh.reattach"), strict=True):
        lab.expect_text(card, words)
    expect(cards[0]).to_contain_text("to <b>Ada</b>?")
    for width in (1600, 400):
        lab.resize(width, 1_000)
        for theme in ("light", "dark"):
            lab.theme(theme)
            for name, card in zip(("paused", "running", "queued", "stopped"), cards, strict=True):
                _fits(card.locator(".fh-card"))
                if name in ("paused", "stopped"):
                    lab.screenshot(f"pending-{name}-{theme}-{width}", of=card)
            lab.screenshot(f"pending-page-{theme}-{width}")
    lab.resize(1_200)
    lab.theme("light")
    lab.run(5)
    for card in cards[:3]:
        expect(card).to_contain_text(re.compile("completed"))
    expect(cards[0]).to_contain_text("Kim")
    lab.screenshot("pending-ended")
    assert lab.external == []
    assert lab.errors == []
