"""200 ratings by key, as fast as a browser can press them: how many are kept, and how long a key takes.

Rule of this file: what is kept is counted in the store, by another cell, when the page says that all is saved; and the
keys there must be those that were pressed, in their order.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.benchmarks.measuring import table
from tests.browser.rate_page import KEPT, ratings_in, setup, wait_until_saved
from tests.lab import Lab, find_chromium, run_browser, run_lab

KEYS: Final = 200
RATE: Final = "rater = cmp.rate(rater='anna')\nrater"

# All keys in one go, with no time between them: no hand is so quick. How long each took until its page was drawn.
_PRESS: Final = """async keys => {
    const root = document.querySelector('.fh-rate'), took = [];
    for (const key of keys) {
        const began = performance.now();
        root.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
        took.push(performance.now() - began);
    }
    return took;
}"""


def measure() -> list[list[object]]:
    """Return the lines of the table: what, and how much of it.

    Raises
    ------
    SystemExit
        Chromium is missing.
    """
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("Chromium is missing: apt-get install -y --no-install-recommends chromium")
    keys = "".join(itertools.islice(itertools.cycle("1212t1"), KEYS))
    with tempfile.TemporaryDirectory() as folder, run_lab(Path(folder)) as server, run_browser(chromium) as browser:
        page = browser.new_context(viewport={"width": 1200, "height": 900}).new_page()
        lab = Lab(page, server, Path(folder))
        lab.open(setup(2 * KEYS + 10), RATE, KEPT)
        lab.run(0)
        rating = lab.run(1).locator(".fh-rate")
        rating.locator("button.fh-rate-1").wait_for()
        rating.click(position={"x": 5, "y": 5})
        began = time.perf_counter()
        for key in keys:
            page.keyboard.press(key)
        pressed_s = time.perf_counter() - began
        wait_until_saved(rating, KEYS)
        saved_s = time.perf_counter() - began
        kept = ratings_in(lab, 2)
        took = page.evaluate(_PRESS, list(keys))
        wait_until_saved(rating, 2 * KEYS)
        twice = ratings_in(lab, 2)
        page.context.close()
    return [
        [f"{KEYS} keys by the browser's keyboard: kept, dropped or doubled", f"{kept[0]}, {abs(KEYS - kept[0])}"],
        ["in the order in which they were pressed", "yes" if kept == (KEYS, KEYS, keys) else "NO"],
        ["they were pressed within, s", f"{pressed_s:.2f}"],
        ["all are in the store after, s", f"{saved_s:.2f}"],
        [f"{KEYS} more in one go: kept, in their order", f"{twice[0] - kept[0]}, {'yes' if twice[2] == keys * 2 else 'NO'}"],
        ["one key until the next outputs are in the page, the slowest, ms", f"{max(took):.1f}"],
    ]  # fmt: skip


def main(repeats: int = 1) -> None:
    """Measure so many times, at most three, and print a table with a column a run."""
    runs = [measure() for _ in range(min(max(repeats, 1), 3))]
    lines = [[what, *(run[place][1] for run in runs)] for place, (what, _) in enumerate(runs[0])]
    table(["what", *(f"run {number}" for number in range(1, len(runs) + 1))], lines)


if __name__ == "__main__":
    main()
