"""Rows in the notebook: how soon a page of 100,000 rows x 4 variants is there, what is sent for it, and a diff.

Rule of this file: the clock of a page is the page's own. It starts when the cell is run (or the filter is chosen) and
stops in the animation frame in which the rows have a place on the screen, so the kernel, the server, the sockets and
the page are all in it. What is sent is counted on the page's sockets, everything that came over them.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from fh_notebook.comparing.diff.json_diff import changes_of
from fh_notebook.comparing.diff.text_diff import compare_texts
from tests.benchmarks.measuring import table
from tests.lab import Lab, find_chromium, run_browser, run_lab

SETUP: Final = """
import numpy as np, pandas as pd, fh_notebook as fh
ROWS, VARIANTS = 100_000, 4
rng = np.random.default_rng(0)
said = [f"The parcel of order {i} is late; we are sorry and refund the shipping of {i % 7} items." for i in range(ROWS)]
frame = pd.DataFrame({
    "row": np.repeat(np.arange(ROWS), VARIANTS), "variant": [f"variant {i}" for i in range(VARIANTS)] * ROWS,
    "output": [said[(i // VARIANTS + (i % 5 == 0)) % ROWS] for i in range(ROWS * VARIANTS)],
    "elapsed_s": rng.exponential(size=ROWS * VARIANTS), "score": rng.random(ROWS * VARIANTS).round(2),
    "ticket": np.repeat([f"Ticket {i}: where is my parcel?" for i in range(ROWS)], VARIANTS),
    "language": np.repeat([("en", "de", "fr")[i % 3] for i in range(ROWS)], VARIANTS),
})
cmp = fh.compare(frame, score="score")
"""
BROWSE: Final = "browser = cmp.browse()\nbrowser"
RESIDENT: Final = """
print(int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1]) // 1024)
"""

_FIRST: Final = """async place => {
    const began = performance.now(), notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.deselectAll(); notebook.activeCellIndex = place;
    const cell = () => document.querySelectorAll('.jp-Notebook .jp-Cell')[place];
    window.jupyterapp.commands.execute('notebook:run-cell');
    let read = null;
    for (;;) {
        await new Promise(requestAnimationFrame);
        const seen = rows => rows.length === 25 && rows[0].getBoundingClientRect().height > 0;
        const plain = cell()?.querySelectorAll('.fh-browse-static tbody tr') ?? [];
        const live = cell()?.querySelectorAll('.fhb [role=treegrid] tbody tr') ?? [];
        if (read === null && (seen(plain) || seen(live))) read = performance.now() - began;
        if (seen(live)) return [read, performance.now() - began];
        if (performance.now() - began > 30_000) throw Error('no table within 30 s');
    }
}"""
# A filter is typed or chosen as a person does; a typed one waits 200 ms for the next letter, which is in the time.
_FILTER: Final = """async ([place, label, value, pattern]) => {
    const cell = document.querySelectorAll('.jp-Notebook .jp-Cell')[place];
    const control = cell.querySelector(`.fhb [aria-label="${label}"]`), began = performance.now();
    control.focus();  // what the kernel tells of the page replaces the text of a field in which nobody types
    control.value = value;
    control.dispatchEvent(new Event(control.tagName === 'SELECT' ? 'change' : 'input', {bubbles: true}));
    for (;;) {
        await new Promise(requestAnimationFrame);
        const said = cell.querySelector('[role=status]').textContent;
        if (new RegExp(pattern).test(said)) return performance.now() - began;
        if (performance.now() - began > 30_000) throw Error(`${label} ${value}: the page says ${said}`);
    }
}"""
# A row is opened by a click, and the next one by its button; it is there when its heading says so.
_OPEN: Final = """async ([place, selector, heading]) => {
    const cell = document.querySelectorAll('.jp-Notebook .jp-Cell')[place], began = performance.now();
    cell.querySelector(selector).click();
    for (;;) {
        await new Promise(requestAnimationFrame);
        const told = cell.querySelector('.fhb-detail h3');
        if (told?.textContent === heading && told.getBoundingClientRect().height > 0) return performance.now() - began;
        if (performance.now() - began > 30_000) throw Error(`no ${heading} within 30 s`);
    }
}"""
OPENED: Final = (
    ("a row is opened", ".fhb tr[data-row='3'] [role=rowheader]", "row 3"),
    ("the next one", ".fhb-detail [aria-label^='Next row']", "row 4"),
)
SEARCH: Final = "Search in columns, outputs and errors"
ALL: Final = r"(^|· )100,000 rows$"
SOME: Final = r"\d of 100,000 rows$"
FILTERS: Final = (
    ("a search in all outputs", SEARCH, "refund the shipping of 3 items", SOME),
    ("the search taken away", SEARCH, "", ALL),
    ("a search for one ticket", SEARCH, "ticket 77777", r"(^|· )1 of 100,000 rows$"),
    ("that taken away", SEARCH, "", ALL),
    ("outputs differ", "Which rows", "different", SOME),
    ("that taken away", "Which rows", "", ALL),
    ("won by", "Won by", "variant 1", SOME),
    ("that taken away", "Won by", "", ALL),
)
"""What is chosen, where, and what the page says then."""


def main(repeats: int = 3) -> None:
    """Measure the page, the filters and the diffs; medians and worst of `repeats`."""
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("Chromium is missing: apt-get install -y --no-install-recommends chromium")
    lines = [*_of_the_page(chromium, repeats), *_of_diffs(max(repeats, 5))]
    table(["what", "median", "worst"], lines)
    if find_spec("tests.benchmarks.seeing_rate") is not None:  # what ratings by key cost
        import_module("tests.benchmarks.seeing_rate").main(repeats=repeats)


def _of_the_page(chromium: str, repeats: int) -> list[list[str]]:
    first: list[tuple[float, float]] = []
    later: list[tuple[float, float]] = []
    sent: list[float] = []
    filters: dict[str, list[float]] = {what: [] for what, *_ in FILTERS if what != "that taken away"}
    opened: dict[str, list[float]] = {what: [] for what, *_ in OPENED}
    resident: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder, run_lab(Path(folder)) as server, run_browser(chromium) as browser:
        for _ in range(repeats):
            page = browser.new_context(viewport={"width": 1600, "height": 1000}).new_page()
            came = _Came(page)
            lab = Lab(page, server, Path(folder))
            lab.open(SETUP, BROWSE, BROWSE, RESIDENT)
            lab.run(0)
            lab.wait_idle()
            before = float(lab.run(3).inner_text())
            first.append(page.evaluate(_FIRST, 1))
            lab.wait_idle()
            came.bytes = 0
            later.append(page.evaluate(_FIRST, 2))
            lab.wait_idle()
            sent.append(came.bytes / 1000)
            for what, label, value, pattern in FILTERS:
                took = page.evaluate(_FILTER, [2, label, value, pattern])
                filters.get(what, []).append(took)
            for what, selector, heading in OPENED:
                opened[what].append(page.evaluate(_OPEN, [2, selector, heading]))
            resident.append((before, float(lab.run(3).inner_text()) - before))
            page.context.close()
    return [
        [
            "100,000 rows x 4: cell run to the first page read, first browser of a kernel",
            *_told([a for a, _ in first], "ms"),
        ],
        ["the same to the live table: ipywidgets and anywidget are imported", *_told([b for _, b in first], "ms")],
        ["a later browser, to the first page read", *_told([a for a, _ in later], "ms")],
        ["a later browser, to the live table", *_told([b for _, b in later], "ms")],
        ["all that was sent to the page for it", *_told(sent, "KB")],
        *([f"a filter: {what}", *_told(samples, "ms")] for what, samples in filters.items()),
        *([what, *_told(samples, "ms")] for what, samples in opened.items()),
        ["memory of the kernel with the table and its comparison", *_told([a for a, _ in resident], "MB")],
        ["what two browsers add to it, all filters used", *_told([b for _, b in resident], "MB")],
    ]


class _Came:
    """Counts what comes over the sockets of a page."""

    def __init__(self, page: Any) -> None:
        self.bytes = 0
        page.on("websocket", lambda opened: opened.on("framereceived", self._count))

    def _count(self, frame: str | bytes) -> None:
        self.bytes += len(frame)


def _of_diffs(repeats: int) -> list[list[str]]:
    rng = random.Random(0)
    words = [f"w{rng.randrange(3_000)}" for _ in range(10_000)]
    edited = [word if rng.random() > 0.1 else f"w{rng.randrange(3_000)}" for word in words]
    other = [f"w{rng.randrange(3_000)}" for _ in range(10_000)]
    shuffled = rng.sample(words, len(words))
    rows: list[dict[str, Any]] = [{"id": n, "label": f"l{n % 7}", "tags": ["a", str(n)]} for n in range(2_000)]
    changed = [row if row["id"] % 10 else {**row, "label": "other"} for row in rows[3:]]
    texts = {"a tenth of the words changed": edited, "unrelated": other, "shuffled": shuffled}
    here = " ".join(words)
    lines = []
    for what, there in texts.items():
        spelt = " ".join(there)
        lines.append(
            [f"diff of two texts of 10,000 words, {what}", *_took(lambda t=spelt: compare_texts(here, t), repeats)]
        )
    lines.append(["diff of JSON, two lists of 2,000 objects", *_took(lambda: changes_of(rows, changed), repeats)])
    return lines


def _took(call: Any, repeats: int) -> tuple[str, str]:
    samples = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        samples.append(1000 * (time.perf_counter() - began))
    return _told(samples, "ms")


def _told(samples: list[float], unit: str) -> tuple[str, str]:
    return f"{statistics.median(samples):.0f} {unit}", f"{max(samples):.0f} {unit}"
