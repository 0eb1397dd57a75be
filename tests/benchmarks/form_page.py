"""Time from running a cell to a form of 50 fields on the screen, in Chromium; and of 20 results of 100 KB.

Rule of this file: the clock is the page's own. It starts when the cell is run and stops in the animation frame in which
the last field has a place on the screen (or the last result has its text), so the kernel, the server, the sockets and
the page are all in it.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Final

from tests.benchmarks.measuring import table
from tests.lab import Lab, find_chromium, run_browser, run_lab

FIELDS: Final = 50
FOLDED: Final = "form = fh.form(big)\nform"
"""Of the 50 fields 40 are optional: they are behind one line, and made when it is opened."""
CELL: Final = "form = fh.form(needed)\nform"
"""All 50 must be given, so each has its place in the page."""
PLAIN: Final = (
    "import ipywidgets\nipywidgets.VBox([ipywidgets.Text(description=f'v{i:02}', layout=ipywidgets.Layout(width='400px')) "
    f"for i in range({FIELDS})])"
)
"""The least that 50 fields can be: what ipywidgets and the page need for it, on this machine at this hour."""
SETUP: Final = f"""
%load_ext fh_notebook
import fh_notebook as fh
from dataclasses import replace
kinds = [
    lambda: fh.text(), lambda: fh.text(multiline=True, required=False), lambda: fh.integer(default=3, minimum=0),
    lambda: fh.number(required=False), lambda: fh.boolean(default=False), lambda: fh.choice("calm", "brief", required=False),
    lambda: fh.date(required=False), lambda: fh.array(fh.text(), required=False), lambda: fh.text(secret=True, required=False),
    lambda: fh.text(description="What the customer wrote.", examples=["Late."], max_length=500),
]
big = fh.Deployment("big", variants=["a", "b"], inputs={{f"v{{i:02}}": kinds[i % 10]() for i in range({FIELDS})}})
all_kinds = {{f"v{{i:02}}": replace(kinds[i % 10](), required=True) for i in range({FIELDS})}}
needed = fh.Deployment("needed", variants=["a", "b"], inputs=all_kinds)
hive = fh.local.LocalHive()
for name in range(20):
    hive.workflow("long", variant=f"v{{name:02}}")(lambda n: "0123456789 " * 9_100)
long = fh.Deployment("long", variants=[f"v{{i:02}}" for i in range(20)], inputs={{"n": fh.integer(default=1)}})
"""

# The last field is the last control of the last field's box.
_FIELD: Final = """async place => {
    const began = performance.now(), notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.deselectAll(); notebook.activeCellIndex = place;
    const cell = () => document.querySelectorAll('.jp-Notebook .jp-Cell')[place];
    await new Promise(requestAnimationFrame);
    window.jupyterapp.commands.execute('notebook:run-cell');
    for (;;) {
        await new Promise(requestAnimationFrame);
        const labels = [...(cell()?.querySelectorAll('label') ?? [])].filter(e => e.textContent.startsWith('v49'));
        if (labels.some(e => (e.firstElementChild ?? e).getBoundingClientRect().height)) return performance.now() - began;
        if (performance.now() - began > 60_000) return NaN;
    }
}"""

_RESULTS: Final = """async place => {
    const cell = document.querySelectorAll('.jp-Notebook .jp-Cell')[place], began = performance.now();
    let longest = 0, last = began;
    cell.querySelector('button.fh-run').click();
    for (;;) {
        await new Promise(requestAnimationFrame);
        const now = performance.now(); longest = Math.max(longest, now - last); last = now;
        if (/20 of 20 completed/.test(cell.querySelector('.fh-panel').textContent)) return [now - began, longest];
        if (now - began > 60_000) return [NaN, longest];
    }
}"""


def main(repeats: int = 5) -> None:
    """Measure the first form of a kernel, later ones, and 20 long results; medians of `repeats`."""
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("Chromium is missing: apt-get install -y --no-install-recommends chromium")
    first: list[float] = []
    later: list[float] = []
    folded: list[float] = []
    plain: list[float] = []
    results: list[list[float]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        run_lab(Path(folder), forks=False) as server,
        run_browser(chromium) as browser,
    ):
        for _ in range(repeats):
            page = browser.new_context(viewport={"width": 1200, "height": 900}).new_page()
            lab = Lab(page, server, Path(folder))
            lab.open(
                SETUP, CELL, CELL, PLAIN, "form = fh.form(long, values={'n': 1}, client=hive.client())\nform", FOLDED
            )
            lab.run(0)
            first.append(page.evaluate(_FIELD, 1))
            lab.wait_idle()
            later.append(page.evaluate(_FIELD, 2))
            lab.wait_idle()
            plain.append(page.evaluate(_FIELD, 3))
            folded.append(page.evaluate(_FIELD, 5))
            lab.wait_idle()
            lab.run(4).locator("button.fh-run").wait_for()
            results.append(page.evaluate(_RESULTS, 4))
            page.context.close()
    table(
        ["what", "median, ms", "worst, ms"],
        [
            [f"{FIELDS} fields, the first form of a kernel: cell run to last field visible", *_told(first)],
            [f"{FIELDS} fields, a later form", *_told(later)],
            [f"{FIELDS} fields of which 40 are folded", *_told(folded)],
            [f"{FIELDS} plain text widgets with a label, no form: the least there is", *_told(plain)],
            ["20 results of 100 KB: click to the last one shown", *_told([all_ms for all_ms, _ in results])],
            ["the longest time in which the page drew nothing meanwhile", *_told([worst for _, worst in results])],
        ],
    )


def _told(samples: list[float]) -> tuple[str, str]:
    return f"{statistics.median(samples):.0f}", f"{max(samples):.0f}"
