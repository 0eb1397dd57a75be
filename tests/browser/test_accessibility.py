"""What axe-core finds in the things that a person uses, in Chromium: no serious or critical violation.

The rules are axe's own (https://github.com/dequelabs/axe-core); they are run over our outputs alone, not over what
JupyterLab puts around them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import axe_playwright_python
import pytest

from tests.browser.form_page import setup
from tests.lab import Lab
from tests.notebook.forms.form_hive import FormHive
from tests.notebook.forms.form_schemas import CASES, DEFS

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.long]

AXE: Final = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
GRAVE: Final = {"serious", "critical"}

KINDS: Final = json.dumps({"type": "object", "properties": {n: c.schema for n, c in CASES.items()}, "$defs": DEFS})
COMPARED: Final = """
batch = fh.batch(frame.head(6), reply, variants=['plain', 'held'], inputs={'ticket': 'body', 'tone': fh.const('calm')}, progress=False)
cmp = fh.compare(batch, score=lambda run: len(run.output) % 2 == 0)
"""
CELLS: Final = {
    "a form of every kind": f"import json\nfh.form(fh.Deployment('kinds', variants=['a'], inputs=json.loads({KINDS!r})))",
    "a form over rows": "fh.form(reply, over=frame, variants='plain')",
    "a cell's answers": "%%fetchhive reply -v plain\nticket: My parcel is late.\ntone: calm",
    "a comparison": COMPARED + "cmp",
    "a batch and its buttons": "batch",
    "a row's differences": "cmp.diff(0)",
    "the browser of rows": "browser = cmp.browse()\nbrowser",
    "rating": "cmp.rate()",
}


def violations(page: Page, selector: str) -> list[str]:
    """Return what axe finds that is serious or critical in what `selector` finds, one line each."""
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(AXE)
    found: dict[str, Any] = page.evaluate(
        "selector => axe.run({include: [[selector]]}, {resultTypes: ['violations']})", selector
    )
    assert found["passes"] or found["inapplicable"], f"axe looked at nothing of {selector}"
    return [
        f"{one['impact']} {one['id']}: {node['html'][:160]} ({node.get('failureSummary', '').splitlines()[-1].strip()})"
        for one in found["violations"]
        if one["impact"] in GRAVE
        for node in one["nodes"][:3]
    ]


def test_nothing_serious_in_what_a_person_uses(lab: Lab) -> None:
    """Forms, answers, comparisons, the browser of rows and rating, in both themes."""
    hive = FormHive()
    hive.hold.set()
    with hive.serve() as server:
        lab.open(setup(server.url), *CELLS.values())
        lab.run(0)
        wrong = []
        for place, name in enumerate(CELLS, 1):
            output = lab.run(place)
            lab.wait_idle()
            output.evaluate("(output, name) => output.dataset.fhLookedAt = name", f"part-{place}")
            for theme in ("light", "dark"):
                lab.theme(theme)
                found = violations(lab.page, f'[data-fh-looked-at="part-{place}"] .jp-OutputArea-child')
                wrong += [f"{name}, {theme}: {line}" for line in found]
            lab.theme("light")
        assert not wrong, "\n".join(wrong)
