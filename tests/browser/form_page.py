"""What the browser tests of forms share: a cell that connects, pictures of a state, and a look for what is cut off."""

from __future__ import annotations

import os
from typing import Final

from playwright.sync_api import Locator

from tests.lab import Lab
from tests.notebook.form_hive import DECLARED

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


def pictures(lab: Lab, name: str, form: Locator) -> None:
    """Save pictures of a form, wide and narrow, and check that nothing of it is cut off.

    In both themes where somebody is to look at them (``FH_SCREENSHOTS`` names a folder): a theme takes a second.
    """
    themes = ("light", "dark") if os.environ.get("FH_SCREENSHOTS") else ("light",)
    for width in (1600, 400):
        lab.resize(width, 1400)
        for theme in themes:
            lab.theme(theme)
            form.scroll_into_view_if_needed()
            lab.screenshot(f"form-{name}-{theme}-{width}", of=form)
        assert cut_off(form) == [], (name, width)
    lab.resize(1200, 1000)
    lab.theme("light")


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
