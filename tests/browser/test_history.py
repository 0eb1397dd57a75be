"""The table of earlier calls in JupyterLab: opened by mouse, by keyboard, and as it stays in the file."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from fh_notebook.local import LocalHive
from tests.browser.form_page import cut_off
from tests.lab import Lab

pytestmark = pytest.mark.browser

KEY = "fhk_0123456789abcdef"
SETUP = """%load_ext fh_notebook
import fh_notebook as fh
fh.configure(base_url={url!r}, api_key='fhk_' + '0123456789abcdef')
client = fh.Client()
for text in ("Where is my parcel?", "The lamp is broken."):
    _ = client.invoke("echo-of-history", variant="plain", inputs={{"text": text}})
_ = fh.batch([{{"text": "in a batch"}}], "echo-of-history", variants="plain", name="many", progress=False)
"""


@pytest.mark.long
def test_a_line_is_opened_by_one_click_and_by_one_key(lab: Lab) -> None:
    """The stored answer stands below, in the view of a form's answers; wide and narrow, light and dark."""
    hive = LocalHive(api_key=KEY)

    @hive.workflow("echo-of-history", variant="plain")
    def plain(text: str) -> dict[str, Any]:
        return {"said": text, "why": "**none**"}

    with hive.serve() as server:
        lab.open(SETUP.format(url=server.url), "%fetchhive history echo-of-history")
        lab.run(0)
        here = lab.run(1)
        expect(here.get_by_role("row")).to_have_count(4)
        expect(here.locator("table").last).to_contain_text("said: Where is my parcel?")
        times = here.get_by_role("row").filter(has=lab.page.get_by_role("button")).get_by_role("cell").first
        expect(times).to_have_text(re.compile(r"^[-0-9]+ [0-9:]+$"))  # and no button in it
        here.get_by_role("button", name="Open: ").nth(2).click()
        below = here.locator(".fh-history-below")
        expect(below).to_contain_text("echo-of-history / plain")
        expect(below.locator(".fh-results .fh-tree")).to_contain_text("Where is my parcel?")
        below.locator(".fh-results").get_by_role("radio", name="Table").check()
        expect(below.locator(".fh-results .fh-as-table")).to_be_visible()
        for look in lab.looks(height=1_000):
            assert cut_off(here.locator(".fh-history"), "button") == [], look
            table = here.locator(".fh-history table").first
            assert table.evaluate("table => table.scrollWidth <= table.clientWidth"), look
            lab.screenshot(f"history-{look}")
        here.get_by_role("button", name="Open: ").first.focus()
        lab.page.keyboard.press("Enter")
        expect(below).to_contain_text("1 completed")
        below.get_by_role("button", name="Close: many").click()
        expect(below).not_to_contain_text("1 completed")
        lab.save()
    assert lab.errors == []
    assert lab.external == []
    saved = (lab.server.root / lab.name).read_text()
    assert "fh.open_batch('many')" in saved
