"""A ``%%fetchhive`` cell as a person sees it: JupyterLab in Chromium, a hive on a socket."""

from __future__ import annotations

import re
from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import expect

from fh_notebook.local import LocalHive
from tests.lab import Lab

pytestmark = pytest.mark.browser

KEY = "fhk_0123456789abcdef"
HOSTILE = "<script>window.owned = 1</script><img src=x onerror='window.owned = 1'> \u202eright to left\x00 end"


@pytest.fixture
def hive_url() -> Iterator[str]:
    """A hive with two variants that answer differently, one that fails, and one whose output is hostile."""
    hive = LocalHive(api_key=KEY)

    @hive.workflow("triage", variant="short")
    def short(ticket: str) -> str:
        return "billing"

    @hive.workflow("triage", variant="long")
    def long(ticket: str) -> dict[str, object]:
        reason = "The customer says that one order was paid twice and asks for one of the payments back. " * 4
        return {"label": "billing", "confidence": 0.87, "reason": reason.strip(), "others": ["returns", "account"]}

    @hive.workflow("triage", variant="broken")
    def broken(ticket: str) -> str:
        raise ValueError("the knowledge base has no article in this language")

    @hive.workflow("triage", variant="hostile")
    def hostile(ticket: str) -> str:
        return HOSTILE

    with hive.serve() as server:
        yield server.url


def _setup(url: str) -> str:
    return f"%load_ext fh_notebook\nimport fh_notebook as fh\nfh.configure(base_url={url!r}, api_key='fhk_' + '0123456789abcdef')"


def test_a_cell_runs_and_shows_its_answers_side_by_side(lab: Lab, hive_url: str) -> None:
    """Load, run one variant and several, read the answers; errors are one line; the saved notebook has HTML and text."""
    lab.open(
        _setup(hive_url),
        "%%fetchhive triage -v short\nticket: I was charged twice.",
        "%%fetchhive triage -v short -v long -v broken --out runs\nticket: |\n  I was charged twice.\n  Please help.",
        "runs[['variant', 'status']]",
        "%%fetchhive triage -v short\nticket: [not closed",
        "%%fetchhive triage -v short -v long --dry-run\nticket: I was charged twice.",
    )
    lab.run(0)
    lab.expect_text(lab.run(1), r"completed.*triage, variant short.*billing")
    lab.expect_text(
        lab.run(2),
        r"2 of 3 completed, 1 failed[\s\S]*short[\s\S]*long[\s\S]*confidence[\s\S]*broken[\s\S]*no article",
    )
    lab.expect_text(lab.run(3), r"broken\s*failed")
    lab.expect_text(lab.run(4, fails=True), r"InputError: triage: line 1 of the body")
    lab.expect_text(lab.run(5), r"Dry run: 2 calls")
    assert lab.errors == []  # before pages are resized: JupyterLab's own windowing then raises now and then
    for look in lab.looks(height=900, widths=(1200, 480, 1600)):
        lab.screenshot(f"cell-{look}")
        cards = lab.output(2).locator(".fh-card")
        expect(cards).to_have_count(3)
        lefts = cards.evaluate_all("all => all.map(card => Math.round(card.getBoundingClientRect().x))")
        assert (len(set(lefts)) == 1) == look.endswith(
            "-480"
        )  # beside each other, or below each other on a narrow page
    lab.save()
    saved = nbformat.read(lab.server.root / lab.name, as_version=4)
    # Before it may stand what is left of Cancel, behind it the widget that serves Copy.
    (shown,) = [data for one in saved.cells[2].outputs if "fh-card" in (data := one["data"]).get("text/html", "")]
    assert "triage/long: completed" in shown["text/plain"]
    assert KEY not in (lab.server.root / lab.name).read_text()
    assert lab.external == []


@pytest.mark.long
def test_hostile_output_is_inert(lab: Lab, hive_url: str) -> None:
    """A model that answers with a script, a picture and control characters shows them as text, and runs nothing."""
    lab.open(
        _setup(hive_url),
        "%%fetchhive triage -v hostile -v short\nticket: x",
        "%%fetchhive triage -v hostile\nticket: x",
    )
    lab.run(0)
    for cell in (1, 2):
        output = lab.run(cell)
        lab.expect_text(output, re.escape("<script>window.owned = 1</script>"))
        assert output.locator("script, img").count() == 0
    assert lab.page.evaluate("() => window.owned") is None
    lab.screenshot("cell-hostile")
    assert (lab.external, lab.errors) == ([], [])
