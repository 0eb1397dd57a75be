"""The README's picture: a form and a comparison in JupyterLab, as the browser tests see them.

    python -m tests.picture [FILE]        writes .github/form_and_comparison.png, or FILE

Rule of this file: it is a screenshot, and nothing is painted into it. What it shows is made by the cells below.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, FloatRect, Locator

from tests.demo_data import DemoHive, write_files
from tests.lab import Lab, LabServer, find_chromium, run_browser, run_lab

PICTURE: Final = Path(__file__).parents[1] / ".github" / "form_and_comparison.png"
MAX_BYTES: Final = 300_000
WIDTH: Final = 1120
HEIGHT: Final = 1280

BEFORE: Final = """import fh_notebook as fh, pandas as pd
claims, tickets = pd.read_csv("claims.csv"), pd.read_csv("tickets.csv")"""

FORM: Final = """form = fh.form("claim-letter", values={"claim": claims["claim"][1]})
form"""

COMPARISON: Final = """batch = fh.batch(tickets, "support-triage", progress=False)
fh.compare(batch)"""

TIDY: Final = """.jp-Toolbar, .jp-cell-toolbar, .jp-Collapser { display: none !important }
.jp-Notebook { padding-top: 4px !important; overflow: hidden !important }
.jp-Cell { border-color: transparent !important }"""
"""What a picture of a notebook does without: the bars of buttons, and the mark of the chosen cell."""


def take(browser: Browser, server: LabServer, file: Path) -> None:
    """Run the cells in JupyterLab and write the picture."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    try:
        lab = Lab(context.new_page(), server, file.parent)
        lab.open(BEFORE, FORM, COMPARISON)
        lab.theme("light")
        lab.run(0)
        lab.run(1)
        form = lab.page.locator(".fh-panel")
        form.locator("button.fh-run").click()
        lab.expect_text(form.locator(".fh-progress"), "2 of 2 completed")
        lab.expect_text(lab.run(2), "Comparison of 3 variants")
        assert lab.errors == []
        lab.page.add_style_tag(content=TIDY)
        lab.page.evaluate("document.querySelector('.jp-Notebook .jp-Cell').style.display = 'none'")  # the set-up
        lab.cell(1).scroll_into_view_if_needed()
        lab.page.screenshot(path=file, clip=_down_to(lab, lab.output(2).locator("details").first))
    finally:
        context.close()


def _down_to(lab: Lab, last: Locator) -> FloatRect:
    """Return the part of the page from the notebook's top to the end of `last`: what is below is for the reader's own."""
    frame, end = lab.page.locator(".jp-Notebook").first.bounding_box(), last.bounding_box()
    assert frame is not None
    assert end is not None
    return {
        "x": frame["x"],
        "y": frame["y"],
        "width": frame["width"],
        "height": end["y"] + end["height"] + 3 - frame["y"],  # the next line begins right below
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Write the picture; return 1 where there is no Chromium, or it became too large."""
    given = sys.argv[1:] if argv is None else list(argv)
    file = Path(given[0]) if given else PICTURE
    chromium = find_chromium()
    if chromium is None:
        print("Chromium is missing: apt-get install -y --no-install-recommends chromium fonts-dejavu-core")
        return 1
    with tempfile.TemporaryDirectory() as folder, DemoHive() as hive, hive.serve() as service:
        variables = {"FETCH_HIVE_BASE_URL": service.url, "FETCH_HIVE_API_KEY": "demo"}
        with run_lab(Path(folder), **variables) as server, run_browser(chromium) as browser:
            write_files(server.root)
            take(browser, server, file)
    size = file.stat().st_size
    print(f"{file.name}: {size / 1000:.0f} kB")
    return 0 if size < MAX_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
