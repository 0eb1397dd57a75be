"""Tab in JupyterLab: the popup, what it offers, and what it puts into the cell."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.lab import Lab

pytestmark = pytest.mark.browser

SETUP = "%load_ext fh_notebook\nimport pandas as pd\ntickets = pd.DataFrame({'ticket': ['late'], 'case no': [1]})"

# The cursor at the mark, as after a click there; the mark is taken out.
_PLACE = """([index, mark]) => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.deselectAll(); notebook.activeCellIndex = index; notebook.mode = 'edit';
    const source = notebook.activeCell.model.sharedModel;
    const text = source.getSource(), place = text.indexOf(mark);
    source.setSource(text.replace(mark, ''));
    const editor = notebook.activeCell.editor;
    editor.focus(); editor.setCursorPosition(editor.getPositionAt(place));
}"""

_SOURCE = "index => window.jupyterapp.shell.currentWidget.content.widgets[index].model.sharedModel.getSource()"


def press_tab(lab: Lab, index: int) -> Locator:
    """Put the cursor of cell `index` at its mark, ask for completion, and return the popup's items once they show."""
    lab.page.evaluate(_PLACE, [index, "▮"])
    lab.command("completer:invoke-notebook")
    items = lab.page.locator(".jp-Completer .jp-Completer-item")
    expect(items.first).to_be_visible()
    return items


def offered(items: Locator) -> list[tuple[str, str]]:
    """Return what the popup offers, with the types that it shows; words of the page itself have none."""
    rows = items.evaluate_all(
        "rows => rows.map(row => ['.jp-Completer-match', '.jp-Completer-typeExtended']"
        ".map(part => row.querySelector(part)?.textContent ?? ''))"
    )
    return [(text, kind) for text, kind in rows if kind]


def source(lab: Lab, index: int) -> str:
    """Return the text of cell `index`."""
    return str(lab.page.evaluate(_SOURCE, index))


def expect_source(lab: Lab, index: int, text: str) -> None:
    """Wait until cell `index` has this text."""
    lab.page.wait_for_function(f"([index, text]) => ({_SOURCE})(index) === text", arg=[index, text])


CELLS = [
    # cell, what is offered, the one that is taken, the cell then
    ("%%fetchhive sup▮", [("support-triage", "deployment")], "%%fetchhive support-triage"),
    (
        "%%fetchhive support-triage -v ▮\nticket: late",
        [("keywords", "variant"), ("nearest", "variant")],
        "%%fetchhive support-triage -v keywords\nticket: late",
    ),
    ("%%fetchhive support-triage --sh▮", [("--show", "option")], "%%fetchhive support-triage --show"),
    ("%%fetchhive support-triage --over ti▮", [("tickets", "frame")], "%%fetchhive support-triage --over tickets"),
    (
        "%%fetchhive support-triage\n# 🐝\nti▮",
        [("ticket: ", "variable")],
        "%%fetchhive support-triage\n# 🐝\nticket: ",
    ),
    (
        "%%fetchhive support-triage\nticket: late\ntone: ▮",
        [("calm", "value"), ("brief", "value"), ("null", "value")],
        "%%fetchhive support-triage\nticket: late\ntone: calm",
    ),
    ("x = 1\n%fetchhive desc▮", [("describe", "command")], "x = 1\n%fetchhive describe"),
]


@pytest.mark.long
def test_the_popup_offers_what_fits_and_puts_it_in(lab: Lab) -> None:
    """Deployments, variants, options, frames, variables, values and commands; Enter takes the first."""
    lab.open(SETUP, *(cell for cell, _, _ in CELLS))
    lab.run(0)
    for index, (_, expected, then) in enumerate(CELLS, start=1):
        items = press_tab(lab, index)
        assert offered(items) == expected
        lab.screenshot(f"completion-{index}")
        lab.command("completer:select-notebook")
        expect_source(lab, index, then)
        expect(items.first).to_be_hidden()
    assert (lab.errors, lab.external) == ([], [])


@pytest.mark.long
def test_several_candidates_are_narrowed_by_typing(lab: Lab) -> None:
    """The popup stays while a word is typed, and has the types beside the words."""
    lab.open(SETUP, "%%fetchhive support-triage --▮")
    lab.run(0)
    items = press_tab(lab, 1)
    assert {"--variant", "--over", "--show", "--dry-run"} <= {text for text, _ in offered(items)}
    lab.screenshot("completion-options")
    lab.page.keyboard.type("sh")
    expect(items).to_have_count(1)
    lab.command("completer:select-notebook")
    expect_source(lab, 1, "%%fetchhive support-triage --show")
