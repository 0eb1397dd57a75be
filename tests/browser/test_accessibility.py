"""Accessibility: axe-core finds nothing in the things that a person uses, in Chromium.

The rules are axe's own (https://github.com/dequelabs/axe-core); they are run over our outputs alone, not over what
JupyterLab puts around them, and over a report as a whole page.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import axe_playwright_python
import nbformat
import pytest
from playwright.sync_api import Locator, expect

from fh_notebook.local import ask_human
from tests.browser.form_page import setup, wait_until_at_work
from tests.lab import PATIENCE_MS, Lab
from tests.notebook.forms.form_hive import FormHive
from tests.notebook.forms.form_schemas import CASES, DEFS
from tests.voila import run_voila

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.long]

AXE: Final = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
OF_A_PAGE: Final = ("region", "landmark-one-main", "page-has-heading-one", "document-title", "html-has-lang")
"""Rules about a whole page, which in a notebook is JupyterLab's."""

KINDS: Final = json.dumps({"type": "object", "properties": {n: c.schema for n, c in CASES.items()}, "$defs": DEFS})
COMPARED: Final = """
batch = fh.batch(frame.head(6), reply, variants=['plain', 'held'], inputs={'ticket': 'body', 'tone': fh.const('calm')}, progress=False)
cmp = fh.compare(batch, score=lambda run: len(run.output) % 2 == 0)
"""
RACE: Final = """
def long_ones(run): return float(len(run.output) > 10)
race = fh.race(frame, reply, variants=['plain', 'held'], inputs={'ticket': 'body', 'tone': fh.const('calm')},
               score=long_ones, name='race')
"""
JSON: Final = """
lines = [{'row': row, 'variant': variant, 'output': {'label': 'late', 'words': [row, place], 'text': 'a parcel'}, 's': place}
         for row in range(30) for place, variant in enumerate(('plain', 'held'))]
values = fh.compare(lines, score='s')
"""
EXPECTED: Final = """
questions = [{'ticket': f'Ticket {n}: where is it?', 'tone': 'calm', 'expected_output': 'late'} for n in range(12)]
fixed = fh.compare(fh.batch(questions, reply, variants=['plain', 'held'], progress=False))
"""
PENDING: Final = """
asked = fh.Client().submit('refund', variant='asks', inputs={'amount': 5})
asked
"""


WIDER: Final = """() => [...document.querySelectorAll('[data-fh-looked-at] table')]
    .filter(table => table.scrollWidth > table.clientWidth).length"""
"""How many tables are wider than their place."""
PARTS: Final = """
from fh_notebook.local import LocalHive
own = LocalHive()
@own.workflow('parts', variant='table')
def table(text: str) -> object: return [{'label': 'late', 'n': 1}, {'label': 'lost', 'n': 2}]
@own.workflow('parts', variant='json')
def tree(text: str) -> object: return {'label': 'late', 'parts': {'n': [1, 2]}}
@own.workflow('parts', variant='files')
def files(text: str) -> object: return {'assets': [{'file_url': 'https://a.example/b.png', 'file_name': 'b.png'}]}
@own.workflow('long', variant='markdown')
def markdown(text: str) -> object:
    rows = (' | '.join(20 * [cell]) for cell in ('column', '---', 'value'))
    return '\\n'.join(['# Title', *rows, '', *(100 * ['A line.\\n'])])
@own.workflow('long', variant='text')
def text(text: str) -> object: return 100 * 'A line.\\n'
"""


def _as_it_is(output: Locator) -> None:
    """Leave it as it comes."""


def _asked(output: Locator) -> None:
    """Wait for the first question, with which the page names its buttons or hides them."""
    expect(output.locator("button:empty").locator("visible=true")).to_have_count(0)


def _with_a_row_open(output: Locator) -> None:
    output.get_by_role("rowheader").nth(2).click()
    expect(output.locator(".fhb-detail h3")).to_be_visible()


def _searched(output: Locator) -> None:
    output.get_by_role("searchbox").fill("parcel")
    expect(output.locator(".fhb-detail mark").locator("visible=true").first).to_be_visible()


def _opened_and_searched(output: Locator) -> None:
    _with_a_row_open(output)
    _searched(output)
    output.get_by_text("More filters", exact=True).click()


def _decided(output: Locator) -> None:
    expect(output.get_by_text("95 % interval", exact=True).first).to_be_visible()


def _correcting(output: Locator) -> None:
    _with_a_row_open(output)
    output.get_by_role("button", name="Edit expected output").click()
    output.locator(".fh-correct").get_by_role("button", name="Save").click()
    expect(output.get_by_role("alert")).to_be_visible()


def _rejected(output: Locator) -> None:
    output.locator("button.fh-run").click()
    expect(output.locator(".fh-status")).to_contain_text("Nothing was sent")


def _answered(output: Locator) -> None:
    output.locator("button.fh-run").click()
    expect(output.locator(".fh-results .fh-o")).to_have_count(3)
    for tool in ("Show request", "Earlier calls", "Copy as code …"):
        output.get_by_role("button", name=tool).click()


def _long(output: Locator) -> None:
    output.locator("button.fh-run").click()
    expect(output.locator(".fh-results .fh-o")).to_have_count(2)
    _unfolded(output)
    wide = output.locator(".fh-md table").filter(visible=True).first
    assert wide.evaluate("table => table.scrollWidth > table.clientWidth")
    assert wide.locator("th").first.evaluate("head => head.clientHeight < 40"), "a word is broken"


def _finished(output: Locator) -> None:
    output.locator("button.fh-run").click()
    expect(output.get_by_text("6 completed").locator("visible=true").first).to_be_visible()


def _running(output: Locator) -> None:
    output.locator("button.fh-run").click()
    expect(output.locator("button.fh-cancel")).to_be_enabled()


def _pausable(output: Locator) -> None:
    output.locator("button.fh-pause").wait_for()


def _to_decide(output: Locator) -> None:
    output.get_by_role("button", name="Allow once: payments").wait_for()


def _cancellable(output: Locator) -> None:
    output.locator("button.fh-cancel").wait_for()


def _unfolded(output: Locator) -> None:
    output.evaluate("output => output.querySelectorAll('details').forEach(one => { one.open = true; })")


@dataclass(frozen=True, slots=True)
class Surface:
    """A cell, and what is done with what it shows before it is looked at."""

    code: str
    prepare: Callable[[Locator], None] = _as_it_is


SURFACES: Final = {
    "a form of every kind": Surface(
        f"import json\nfh.form(fh.Deployment('kinds', variants=['a'], inputs=json.loads({KINDS!r})))"
    ),
    "a form's tools, and answers that are a table, JSON and files": Surface(
        PARTS + "fh.form('parts', values={'text': 'a'}, client=own.client())", _answered
    ),
    "long answers": Surface("fh.form('long', values={'text': 'a'}, client=own.client())", _long),
    "a finished form over rows": Surface(
        "fh.form('parts', over=[{'text': 'a'}, {'text': 'b'}], client=own.client())", _finished
    ),
    "a form over rows": Surface("fh.form(reply, over=frame, variants='plain')"),
    "a cell's answers": Surface("%%fetchhive reply -v plain\nticket: My parcel is late.\ntone: calm"),
    "a comparison": Surface(COMPARED + "cmp", _unfolded),
    "a batch and its buttons": Surface("batch"),
    "its pairs": Surface("cmp.pairs()"),
    "its plots": Surface("cmp.plot()"),
    "a row's differences": Surface("cmp.diff(0)", _unfolded),
    "differences of JSON": Surface(JSON + "values.diff(0)", _unfolded),
    "the browser of rows": Surface("cmp.browse()"),
    "an opened row": Surface("values.browse()", _opened_and_searched),
    "rating": Surface("cmp.rate()", _asked),
    "a race": Surface(RACE + "race", _decided),
    "a run that waits for a person": Surface(PENDING),
    "pending runs": Surface("%fetchhive pending"),
    "history": Surface("%fetchhive history"),
    "a correction that is refused": Surface(EXPECTED + "fixed.browse()", _correcting),
    "a canary": Surface("fh.canary(questions, reply, variant='plain', score=fh.score.exact(), name='c')"),
    "a trend": Surface("trend = fh.trend('reply')\ntrend"),
    "its figure": Surface("trend.plot()"),
}


def violations(page: Page, selector: str, *, of_colour: bool = False) -> list[str]:
    """Return what axe finds in what `selector` finds, one line each; by its rules of colours alone, or by all."""
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(AXE)
    rules = {} if selector == "html" else {name: {"enabled": False} for name in OF_A_PAGE}
    options: dict[str, Any] = {"resultTypes": ["violations"], "rules": rules}
    options |= {"runOnly": ["cat.color"]} if of_colour else {}
    found = page.evaluate("([selector, options]) => axe.run({include: [[selector]]}, options)", [selector, options])
    looked = found["passes"] or found["inapplicable"] or (of_colour and found["incomplete"])
    assert looked, f"axe looked at nothing of {selector}"
    return [
        f"{one['impact']} {one['id']}: {node['html'][:160]} ({node.get('failureSummary', '').splitlines()[-1].strip()})"
        for one in found["violations"]
        for node in one["nodes"][:3]
    ]


def test_axe_finds_nothing_in_what_a_person_uses(lab: Lab) -> None:
    """Forms, answers, comparisons, rows, differences, ratings, races, pending runs and history, in both themes."""
    hive = FormHive()
    hive.hold.set()
    with hive.serve() as server:
        lab.resize(1600, 1000)
        lab.open(setup(server.url), *(surface.code for surface in SURFACES.values()))
        lab.run(0)
        parts = {name: f"part-{place}" for place, name in enumerate(SURFACES, 1)}
        wrong: list[str] = []

        def look(name: str, how: str, *, of_colour: bool = False) -> None:
            selector = f'[data-fh-looked-at="{parts[name]}"] .jp-OutputArea-child'
            found = violations(lab.page, selector, of_colour=of_colour)
            wrong.extend(f"{name}, {how}: {line}" for line in found)

        for place, (name, surface) in enumerate(SURFACES.items(), 1):
            output = lab.run(place)
            lab.wait_idle()
            output.evaluate("(output, name) => output.dataset.fhLookedAt = name", parts[name])
            surface.prepare(output)
            look(name, "light")
        lab.theme("dark")  # once: it takes a second
        for name in SURFACES:
            look(name, "dark", of_colour=True)
        lab.resize(390)
        assert lab.page.evaluate(WIDER) > 0
        for name in SURFACES:
            look(name, "390 px")
        assert not wrong, "\n".join(wrong)


RUNNING: Final = {
    "a rejected form": Surface("fh.form(reply, variants='plain')", _rejected),
    "a running form": Surface("fh.form(reply, variants='held', values={'ticket': 'Late.'})", _running),
    "a running batch": Surface(
        "_ = fh.batch(frame.head(3), reply, variants='held', inputs={'ticket': 'body'}, wait=False)", _pausable
    ),
    "approvals": Surface(
        "_ = fh.invoke('payout', variant='v', inputs={'amount': 5})\nfh.Client().approvals(workspace_id='ws_local')",
        _to_decide,
    ),
    "a running cell": Surface("%%fetchhive reply -v held -v plain\nticket: Late.\ntone: calm", _cancellable),
}
"""All on one page; the last one blocks."""


def test_axe_finds_nothing_in_what_runs_is_rejected_or_waits(lab: Lab) -> None:
    """A rejected and a running form, a running batch and cell, and a tool to be allowed, in both themes."""
    hive = FormHive()

    @hive.workflow("payout", variant="v", tools={"payments": "ask"})
    def payout(amount: int) -> str:
        return "paid" if ask_human(f"Pay {amount}?", tool="payments", tool_arguments={}).approved else "refused"

    wrong: list[str] = []
    with hive.serve() as server:
        try:
            lab.resize(1600, 1000)
            lab.open(setup(server.url), *(surface.code for surface in RUNNING.values()))
            lab.run(0)
            for place, surface in enumerate(RUNNING.values(), 1):
                lab.start(place)
                surface.prepare(lab.output(place))
            hive.wait_for(5)
            for theme in ("light", "dark"):
                lab.theme(theme)
                for place, name in enumerate(RUNNING, 1):
                    lab.output(place).evaluate("(output, name) => output.dataset.fhLookedAt = name", f"runs-{place}")
                    part = f'[data-fh-looked-at="runs-{place}"] .jp-OutputArea-child'
                    found = violations(lab.page, part, of_colour=theme == "dark")
                    wrong += (f"{name}, {theme}: {line}" for line in found)
        finally:
            hive.hold.set()
        lab.wait_idle()
        lab.theme("light")
    assert not wrong, "\n".join(wrong)


ELSEWHERE: Final = {
    "a form": "fh.form(reply, values={'ticket': 'Late.'})",
    "a form over rows": "fh.form(reply, over=frame, variants='plain')",
    "a comparison": COMPARED + "cmp",
    "a batch and its buttons": "batch",
    "its plots": "cmp.plot()",
    "the browser of rows": "cmp.browse()",
    "a row's differences": "cmp.diff(0)",
    "rating": "cmp.rate()",
    "history": "%fetchhive history",
}
"""What is looked at in Notebook 7 and in Voila, all on one page."""
GROUND: Final = "e => getComputedStyle(e).backgroundColor"
OUTPUTS: Final = ".jp-OutputArea-output:has(:is(.fh, .fhb, .fh-panel, .fh-rate))"


def _wait_until_drawn(page: Page) -> None:
    for part in (
        ".fh-cells td",
        ".fh-plot svg",
        ".fhb [role=treegrid]",
        ".fh-diff ins, .fh-diff td",
        ".fh-rate button",
    ):
        expect(page.locator(part).filter(visible=True).first).to_be_visible()
    wait_until_at_work(page.locator(".fh-panel").first)


def test_axe_finds_nothing_in_notebook_7_and_in_voila(browser: Browser, lab: Lab, tmp_path: Path) -> None:
    """The main displays on one page of each, in both themes: the pages' own styles differ from JupyterLab's."""
    hive = FormHive()
    hive.hold.set()
    wrong: list[str] = []
    with hive.serve() as server:
        cells = [setup(server.url), *ELSEWHERE.values()]
        lab.place = "notebooks"
        lab.open(*cells)
        for place in range(len(cells)):
            lab.run(place)
        lab.wait_idle()
        _wait_until_drawn(lab.page)
        for theme in ("light", "dark"):
            lab.theme(theme)
            found = violations(lab.page, OUTPUTS, of_colour=theme == "dark")
            wrong += (f"Notebook 7, {theme}: {line}" for line in found)

        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(made, tmp_path / "app.ipynb")
        with run_voila(tmp_path / "app.ipynb") as url:
            for theme in ("light", "dark"):
                context = browser.new_context(viewport={"width": 1600, "height": 1000})
                page = context.new_page()
                page.set_default_timeout(PATIENCE_MS)
                page.goto(f"{url}?theme={theme}")
                _wait_until_drawn(page)
                wrong += (f"Voila, {theme}: {line}" for line in violations(page, OUTPUTS))
                bar = page.locator(".fh-panes > .fh-pane > .fh-run-bar").first
                assert bar.evaluate(GROUND) == page.locator("#rendered_cells").evaluate(GROUND)  # fields go below it
                context.close()
    assert not wrong, "\n".join(wrong)


REPORTED: Final = COMPARED + "cmp.report('axe.html')"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_a_report(lab: Lab, scheme: Literal["light", "dark"]) -> None:
    """The whole page, its folds open, in both themes; it refuses scripts of others, so axe comes past its policy."""
    hive = FormHive()
    hive.hold.set()
    with hive.serve() as server:
        lab.open(setup(server.url), REPORTED)
        lab.run(0)
        lab.run(1)
    context = lab.page.context.browser.new_context(color_scheme=scheme, bypass_csp=True)  # type: ignore[union-attr]
    try:
        page = context.new_page()
        page.goto((lab.server.root / "axe.html").as_uri())
        expect(page.locator("#rows tbody tr").first).to_be_visible()
        page.evaluate("() => document.querySelectorAll('details').forEach(one => { one.open = true; })")
        wrong = violations(page, "html")
        assert not wrong, "\n".join(wrong)
    finally:
        context.close()
