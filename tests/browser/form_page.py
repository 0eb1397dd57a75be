"""Tools for browser tests of forms: a cell that connects, pictures of a state, and a look for what is cut off."""

from __future__ import annotations

from typing import Final

from playwright.sync_api import Locator, expect

from tests.lab import Lab
from tests.notebook.forms.form_hive import DECLARED

SETUP: Final = (
    "%load_ext fh_notebook\nimport fh_notebook as fh\nimport pandas as pd\n"
    "fh.configure(base_url={url!r}, api_key='fhk_' + '0123456789abcdef')\n"
    "frame = pd.DataFrame({{'body': [f'Parcel {{i}} is late.' for i in range(40)], 'words': range(10, 50)}})\n"
)

PARTS: Final = (
    "button, input, select, textarea, .fh-problems, .fh-status, .fh-column, .fh-mapping, .fh-head, .fh-plan, label"
)
"""What must be wholly on the page at every width."""


def setup(url: str) -> str:
    """Return the cell that connects to the hive at `url` and declares the deployment."""
    return SETUP.format(url=url) + DECLARED


def wait_until_at_work(shown: Locator) -> None:
    """Wait until the page has drawn all widgets in `shown`, and until the script that keeps its keys has begun there.

    Each widget comes by itself, whatever the order on the page: a button at the end does not say that all are there.
    """
    to_come = "[class=lm-Widget]:empty:not([style])"  # its place; the script's own widget has a style, to be hidden
    expect(shown.locator(to_come)).to_have_count(0)
    expect(shown.locator(":is(input, select, textarea):not([dir=auto])")).to_have_count(0)


def pictures(lab: Lab, name: str, form: Locator, *, height: int = 1400) -> None:
    """Save pictures of a form, and check that nothing of it is cut off."""
    for look in lab.looks(height=height):
        form.scroll_into_view_if_needed()
        lab.screenshot(f"form-{name}-{look}", of=form)
        cut = cut_off(form)
        assert not cut, f"{name}, {look}: {cut}"


def cut_off(form: Locator, parts: str = PARTS) -> list[str]:
    """Return what of a form reaches out of it to the right or to the left."""
    found: list[str] = form.evaluate(
        """(form, parts) => {
            const frame = form.closest('.jp-OutputArea-output, .jp-OutputArea') ?? form;
            const {left, right} = frame.getBoundingClientRect();
            return [...form.querySelectorAll(parts)].filter(part => {
                const box = part.getBoundingClientRect();
                return box.width && (box.left < left - 1 || box.right > right + 1);
            }).map(part => `${part.tagName} ${part.className} ${part.textContent.slice(0, 40)}`);
        }""",
        parts,
    )
    return found


USED: Final = {"textbox", "combobox", "listbox", "slider", "button", "checkbox", "spinbutton", "searchbox", "radio"}
"""Roles of what a person uses."""


def accessible(lab: Lab, form: Locator) -> list[tuple[str, str]]:
    """Return role and name of everything in a form that a person can use, by Chromium's accessibility tree."""
    session = lab.page.context.new_cdp_session(lab.page)
    marked = "fh-looked-at"
    form.evaluate("(form, marked) => form.classList.add(marked)", marked)
    found = session.send("Runtime.evaluate", {"expression": f"document.querySelector('.{marked}')"})
    tree = session.send("Accessibility.queryAXTree", {"objectId": found["result"]["objectId"]})
    form.evaluate("(form, marked) => form.classList.remove(marked)", marked)
    session.detach()
    nodes = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree["nodes"] if "role" in node]
    return [(role, name) for role, name in nodes if role in USED]
