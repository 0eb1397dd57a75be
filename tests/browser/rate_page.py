"""Tools for browser tests of blind rating: a comparison, keys that are pressed, and what is in the store then.

Rule of this file: the variants' names are in no cell and no output: so a page that has one of them was told it.
"""

from __future__ import annotations

import re
from typing import Final

from playwright.sync_api import Locator, expect

from tests.browser.form_page import cut_off
from tests.lab import Lab

NAMES: Final = ("larkspur-v1", "foxglove-v2")
HOSTILE: Final = "</script><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
PARTS: Final = "button, .fh-rate-pane, .fh-rate-head, .fh-rate-about, .fh-rate-foot, .fh-rate-bar"

SETUP: Final = """%load_ext fh_notebook
import fh_notebook as fh, pandas as pd
names = [name[::-1] for name in {reversed!r}]
said = [
    "Dear Ms Lind,\\n\\nthank you for writing. Your parcel left our depot on Monday and should reach you by Thursday. If it "
    "does not, reply to this message and we will send a new one at once.\\n\\nKind regards", "Parcel is late. Sorry. It comes."]
lines = [
    {{"row": row, "variant": name, "ticket": f"Ticket {{row}}: my parcel is late, and the tracking page is empty. Where is it?",
      "output": {hostile!r} + name[::-1] if row == 1 else f"{{said[(row + i) % 2]}} ({{row}})", "s": (row + i) % 2}}
    for row in range({rows}) for i, name in enumerate(names)]
cmp = fh.compare(pd.DataFrame(lines), score="s")
"""


def setup(rows: int) -> str:
    """Return the cell that makes a comparison of two variants, the first output of which is hostile."""
    return SETUP.format(reversed=[name[::-1] for name in NAMES], hostile=HOSTILE, rows=rows)


KEPT: Final = """
import json
items = [item.id for item in rater.session.items]
kept = [
    x for x in fh.session.session.store().ratings.of_items(items)
    if x.rater == rater.session.rater and x.undone_at is None]
json.dumps([len(kept), len({x.item for x in kept}), "".join(
    "t" if x.choice == "tie" else "s" if x.choice == "skip" else "12"[x.shown.index(x.choice)] for x in kept)])
"""
"""What is kept of the variable `rater`: how many ratings, of how many items, and the keys in their order.

Only of its own items: all tests of a session share one store, and another one may rate under the same name.
"""


def wait_until_saved(rating: Locator, done: int) -> None:
    """Wait until the page has rated so many, and every one of them is in the store."""
    expect(rating).to_have_attribute("data-done", str(done))
    expect(rating).to_have_attribute("data-saved", "yes")


def pictures(lab: Lab, name: str, rating: Locator) -> None:
    """Save pictures of a rating, wide and narrow, and check that nothing of it is cut off."""
    for look in lab.looks(height=1400):
        rating.scroll_into_view_if_needed()
        lab.screenshot(f"rate-{name}-{look}", of=rating)
        assert cut_off(rating, PARTS) == [], (name, look)


def ratings_in(lab: Lab, cell: int) -> tuple[int, int, str]:
    """Run the cell with `KEPT`, and return what it says."""
    said = r"\[(\d+), (\d+), \\?\"([12ts]*)"
    text = lab.read(lab.run(cell), said)
    found = re.search(said, text)
    assert found, text
    return int(found[1]), int(found[2]), found[3]
