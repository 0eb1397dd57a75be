"""Copy, "Show all" and pictures of every display that shows an output: one mechanism, wherever it is."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, Locator, expect

from fh_notebook.contract.output import OutputOptions, output_view
from fh_notebook.local import LocalHive
from fh_notebook.notebook.ui.page_widget import script
from tests.lab import Lab

pytestmark = [pytest.mark.browser, pytest.mark.long]

PIXEL: Final = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\rIDATx\x9cc"
    b"\xf8\xff\xff?\x00\x05\xfe\x02\xfe\xa7\x9a\xa0\xa0\x00\x00\x00\x00IEND\xaeB`\x82"
)
LAST: Final = "the last of 300 lines"
SETUP: Final = (
    "%load_ext fh_notebook\nimport fh_notebook as fh\n"
    "fh.configure(base_url={url!r}, api_key='fhk_' + '0123456789abcdef')"
)
CELLS: Final = {
    "cell": "%%fetchhive mixed -v lines -v picture\ntext: hi",
    "run": "fh.invoke('mixed', variant='lines', inputs={'text': 'hi'})",
    "value": "%%fetchhive mixed -v lines\ntext: hi",
    "pending": "%%fetchhive mixed -v lines --delivery poll\ntext: hi",
    "diff": (
        "import pandas as pd\nrows = [{'n': n} for n in range(299)] + [{'n': 'the last of 300 lines'}]\n"
        "fh.compare(pd.DataFrame([{'row': 0, 'variant': v, 'output': rows, 'status': 'completed'} for v in 'ab'])).diff(0)"
    ),
}


@pytest.fixture
def hive_url() -> Iterator[str]:
    """A hive whose answers are longer than a display shows, and pictures."""
    hive = LocalHive(api_key="fhk_0123456789abcdef")

    @hive.workflow("mixed", variant="lines")
    def lines(text: str) -> list[dict[str, object]]:
        return [{"n": n} for n in range(299)] + [{"n": LAST}]

    @hive.workflow("mixed", variant="picture")
    def picture(text: str) -> dict[str, object]:
        return {"assets": [hive.asset("pixel.png", PIXEL)]}

    with hive.serve() as server:
        yield server.url


def _act(lab: Lab, shown: Locator) -> None:
    """Copy the first output of a display, and have all of it shown."""
    view = shown.locator(".fh-o[data-output]:has(.fh-as)").first
    lab.page.evaluate("() => navigator.clipboard.writeText('')")
    shown.get_by_role("button", name="Copy").first.click()
    expect(shown.get_by_role("button", name="Copied").first).to_be_visible()
    assert LAST in lab.page.evaluate("() => navigator.clipboard.readText()")
    assert LAST not in view.locator(".fh-as-table").inner_text()
    view.locator(".fh-as-table").get_by_role("button", name="Show all").click()
    expect(view.locator(".fh-as-table tbody tr")).to_have_count(300)
    expect(view.locator(".fh-as-table")).to_contain_text(LAST)


def test_every_display_of_an_output_copies_and_shows_all_of_it(lab: Lab, hive_url: str) -> None:
    """A finished cell, a run, a cell's value, a pending run and a difference; a picture is shown after one click."""
    lab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    lab.open(SETUP.format(url=hive_url), *CELLS.values())
    lab.run(0)
    for index, name in enumerate(CELLS, 1):
        shown = lab.run(index)
        if name == "diff":  # beside the names, where its answers are folded away
            shown.get_by_role("button", name="Copy").first.click()
            expect(shown.get_by_role("button", name="Copied").first).to_be_visible()
            assert LAST in lab.page.evaluate("() => navigator.clipboard.readText()")
            shown.get_by_text("All answers in full").click()
        _act(lab, shown)
        lab.expect_no_gap(shown)
        lab.screenshot(f"acts-{name}")
    cell = lab.output(1)
    cell.get_by_role("button", name="Show picture").click()
    expect(cell.locator("img")).to_have_js_property("naturalWidth", 1)

    # Where another kernel answers nothing, nothing can be clicked in vain, and nothing is said of widgets.
    lab.save()
    shutil.copy(lab.server.root / lab.name, lab.server.root / "acts-copy.ipynb")
    lab.open(name="acts-copy.ipynb")
    lab.page.wait_for_function("() => document.body.textContent.includes('model not found')")
    for index in range(1, len(CELLS) + 1):
        expect(lab.output(index).get_by_role("button")).to_have_count(0)
        expect(lab.output(index).get_by_text("model not found")).to_be_hidden()
    assert lab.errors == []


BATCH: Final = "batch = fh.batch([{'text': 'hi'}], 'mixed', variants=['picture', 'lines'])\nbatch"
FORM: Final = "fh.form(fh.Deployment('mixed', variants=['lines'], inputs={'text': fh.text()}), values={'text': 'hi'})"


def test_rows_of_a_batch_browse_and_earlier_calls_have_the_same(lab: Lab, hive_url: str) -> None:
    """A picture in a batch's row and in an opened one; all of a long answer in browse and below a form."""
    lab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    lab.open(SETUP.format(url=hive_url), BATCH, "batch.browse()", FORM)
    lab.run(0)
    rows = lab.run(1).locator(".fh-block")
    expect(rows.get_by_text("n: 0; n: 1; n: 2")).to_be_visible()
    rows.get_by_role("button", name="Show picture").click()
    expect(rows.locator("img")).to_have_js_property("naturalWidth", 1)
    lab.screenshot("acts-batch")

    opened = lab.run(2).locator(".fhb")
    opened.get_by_role("rowheader").first.click()
    opened.get_by_role("button", name="Show picture").click()
    expect(opened.locator("img")).to_have_js_property("naturalWidth", 1)
    card = opened.get_by_role("group", name="lines", exact=True)
    for folded in card.locator(".fhb-whole > summary").all():
        folded.click()
    _act(lab, card)
    lab.screenshot("acts-browse")

    form = lab.run(3).locator(".fh-panel")
    form.locator("button.fh-run").click()
    lab.expect_text(form.locator(".fh-results"), "completed")
    form.get_by_role("button", name="Earlier calls").click()
    form.get_by_role("button", name="Answers").first.click()
    _act(lab, form.locator(".fh-earlier-answers .fh-card").filter(has=lab.page.get_by_text("lines", exact=True)))
    lab.screenshot("acts-earlier")
    assert lab.errors == []


LATE: Final = """async source => {
  const module = await import(URL.createObjectURL(new Blob([source], {type: "text/javascript"})));
  const asked = [], el = document.createElement("div");
  const model = {on() {}, off() {}, get: () => "late:", send: content => asked.push(content.ask)};
  module.default.render({model, el});
  for (let frames = 0; frames < 5; frames++) await new Promise(requestAnimationFrame);
  document.body.append(el);
  while (!document.querySelector("[data-served]")) await new Promise(requestAnimationFrame);
  document.querySelector("button").click();
  return asked;
}"""


def test_buttons_are_served_when_their_widget_comes_into_the_page_late(browser: Browser) -> None:
    """Some frames after it was drawn, as in a busy page."""
    page = browser.new_page()
    view = output_view([{"n": n} for n in range(300)], OutputOptions(whole="there is all", key="late:0"))
    page.set_content(f'<div class="fh">{view}</div>')
    page.evaluate("() => document.querySelector('.fh-o button:not(.fh-show-all)').remove()")
    assert page.evaluate(LATE, script("ui/output_actions.js", uses=["ui/outputs.js"])) == ["all"]
    page.close()
