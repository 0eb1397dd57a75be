"""`cmp.browse()` and `cmp.diff()` as a person sees them: by keyboard, in both themes, wide and narrow, in three pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import nbformat
import pytest
from playwright.sync_api import Locator, expect

from tests.browser.contrast import faint, grounds
from tests.lab import PATIENCE_MS, Lab, expect_copied, picture_folder, save_picture
from tests.voila import run_voila

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

ROWS: Final = """
import threading, pandas as pd, fh_notebook as fh
evil = "<img src=x onerror='window.evil=1'><script>window.evil=2</script>"
texts = ["Please restart the router; if it is still down, we call you back.", "Your parcel is late. We are sorry."]
lines = []
for row in range(60):
    for place, variant in enumerate(("keywords", "nearest", "a rather long name")):
        status = {(4, 1): "failed", (6, 2): "pending", (8, 2): "unknown"}.get((row, place), "completed")
        failed = status != "completed"
        said = {"label": "late", "tags": ["a", "b"][: 1 + place % 2]} if row % 5 == 2 else texts[(row + (place and row % 3 == 0)) % 2]
        lines.append({"row": row, "variant": variant, "output": None if failed else evil + str(place) if row == 1 else said,
            "s": (row * 7 + place * 3) % 5 / 4, "status": status, "elapsed_s": 0.5 + place,
            "error": "502 from the provider" if failed else None, "language": ["en", "de"][row % 2],
            "ticket": evil if row == 1 else f"Ticket {row}: where is my parcel? It was to be here on Monday."})
cmp = fh.compare(pd.DataFrame(lines), score="s")
"""
LIVE: Final = """
hive, go = fh.local.LocalHive(), threading.Semaphore(0)
@hive.workflow("slow", variant="main")
def slow(text):
    go.acquire(timeout=300)
    return f"said {text}"
batch = fh.batch([{"text": f"t{i}"} for i in range(4)], "slow", client=hive.client(), wait=False, progress=False, max_concurrency=4)
fh.compare(batch).browse()
"""


def _shown(table: Locator) -> list[str]:
    return [text.removesuffix("≠").strip() for text in table.locator("[role=rowheader]").all_text_contents()]


def _expect_rows(table: Locator, pattern: str) -> None:
    expect(table.get_by_role("status")).to_have_text(re.compile(pattern))


def _pictures(lab: Lab, name: str, shown: Locator) -> None:
    """Save pictures, wide and narrow, and check that nothing reaches out of the page."""
    for look in lab.looks(height=1300, widths=(400, 1600)):
        shown.scroll_into_view_if_needed()
        lab.screenshot(f"{name}-{look}", of=shown)
        assert shown.evaluate("e => e.scrollWidth <= e.parentElement.clientWidth + 1"), (name, look)


FITS: Final = """width => {
    const scroll = document.querySelector(".fhb-pane .fhb-edge > .fhb-scroll");
    return innerWidth === width && scroll.clientWidth > 400 && scroll.scrollWidth <= scroll.clientWidth + 1;
}"""


@pytest.mark.long
def test_outcomes_are_counted_and_an_opened_row_stands_where_there_is_room(lab: Lab) -> None:
    """Beside the table or in it, with the focus where it was; a view is one click or key, and what was found is marked."""
    lab.resize(1600, 1000)
    lab.open(ROWS, "cmp.browse()")
    lab.run(0)
    table = lab.run(1).locator(".fhb")
    grid, detail, keys = table.get_by_role("treegrid"), table.locator(".fhb-detail"), lab.page.keyboard
    failed = table.get_by_role("button", name="failed 1", exact=True)
    failed.click()
    _expect_rows(table, r"^1 of 60 rows$")
    expect(failed).to_have_attribute("aria-pressed", "true")
    expect(failed).to_be_focused()
    keys.press("Space")
    _expect_rows(table, "^page 1 of 3 · 60 rows$")
    expect(failed).to_have_attribute("aria-pressed", "false")
    expect(table.get_by_role("button", name=re.compile("^nearest wins [0-9]+$"))).to_be_visible()

    grid.focus()
    keys.press("Enter")
    expect(detail).to_be_focused()
    expect(table.locator(".fhb-pane > .fhb-detail")).to_be_visible()
    for width in (1300, 1600):  # the pane has the row's own columns: those of the table give way to the answers
        lab.resize(width, 1000)
        lab.page.wait_for_function(FITS, arg=width)  # the class of the edge follows, and is right for a moment before
        expect(table.locator(".fhb-edge")).to_have_class(re.compile(r"^((?!fhb-goes-on).)*$"))
        expect(table.get_by_role("columnheader").last).to_be_in_viewport(ratio=1)
    lab.resize(900, 1000)
    expect(table.get_by_role("columnheader", name="ticket")).to_be_visible()
    expect(table.locator("tr[data-row='4'] + .fhb-in-row .fhb-detail")).to_be_visible()
    expect(detail).to_be_focused()
    keys.press("n")
    expect(table.locator("tr[data-row='5'] + .fhb-in-row .fhb-detail")).to_be_visible()
    expect(detail).to_be_focused()
    keys.press("Escape")
    expect(table.locator(".fhb-in-row")).to_have_count(0)
    keys.press("/")
    keys.type("PARCEL? it")
    _expect_rows(table, "^page 1 of 3 · 59 of 60 rows$")
    assert set(table.locator("mark").all_text_contents()) == {"parcel? It"}

    # Below a table that is as high as the page, what was opened would not be seen; the focus stays in the table.
    lab.resize(1200, 500)
    lab.run(1)
    for row in ("0", "1"):
        table.locator(f"[role=row][data-row='{row}'] [role=rowheader]").click()
        expect(detail).to_have_attribute("aria-label", f"row {row}")
        expect(detail.locator("h3")).to_be_in_viewport()
    lab.resize(1200, 1000)


WIDE: Final = """
import pandas as pd, fh_notebook as fh
def compared(texts):
    return fh.compare(pd.DataFrame([
        {"row": row, "variant": variant, "output": text, "status": "completed", "s": 1.0, "expected_output": "billing",
         "ticket": f"Ticket {row}: where is my parcel? It was to be here on Monday."}
        for row in range(12) for variant, text in texts.items()
    ]), score="s")
few = compared({"short": "late", "long": "The customer writes about a parcel. " * 6, "japanese": "お荷物は木曜日に届く予定です。" * 6})
labels = compared({"baseline": "technical", "few-shot": "billing", "fine-tuned": "delivery"})
many = compared({f"variant {number}": "billing" for number in range(12)})
"""


@pytest.mark.long
def test_all_variants_have_columns_of_one_width_and_what_does_not_fit_is_announced(lab: Lab) -> None:
    """However long the answers of one of them are; row and expected output stay in sight at the other end."""
    lab.resize(1600, 1000)
    lab.open(WIDE, "few.browse()", "many.browse()", "labels.browse()")
    lab.run(0)
    few, many, labels = (lab.run(cell).locator(".fhb") for cell in (1, 2, 3))
    for table, fits in (
        (labels, dict.fromkeys((1600, 1366, 800), True)),
        (few, {1600: True, 1366: True, 800: False}),
        (many, dict.fromkeys((1600, 1366, 800), False)),
    ):
        edge, scroll = table.locator(".fhb-edge"), table.locator(".fhb-edge > .fhb-scroll")
        for width, is_whole in fits.items():
            lab.resize(width, 1000)
            expect(edge).to_have_class(re.compile(r"^((?!fhb-goes-on).)*$" if is_whole else r"\bfhb-goes-on\b"))
            widths = table.locator("thead .fhb-answer").evaluate_all("all => all.map(one => one.offsetWidth)")
            assert max(widths) - min(widths) <= 1, (width, widths)
            if is_whole:
                continue
            assert edge.evaluate("edge => getComputedStyle(edge, '::after').backgroundImage") != "none"
            right = "getBoundingClientRect().right"
            sign = "edge => edge.{0} - parseFloat(getComputedStyle(edge, '::after').width) + 1 >= edge.firstElementChild.{0}"
            assert width > 800 or edge.evaluate(sign.format(right)), "the sign lies on text"
            scroll.evaluate("scroll => scroll.scrollLeft = scroll.scrollWidth")
            expect(edge).to_have_class(re.compile(r"^(?!.*fhb-goes-on).*\bfhb-went-on\b"))
            left = scroll.bounding_box()["x"]  # type: ignore[index]  # it is shown
            for stays in (table.get_by_role("rowheader").first, table.locator("tbody .fhb-expected").first):
                assert left - 1 <= stays.bounding_box()["x"] < left + 150, width  # type: ignore[index]
            scroll.evaluate("scroll => scroll.scrollLeft = 0")
            expect(edge).to_have_class(re.compile(r"\bfhb-goes-on\b"))


MANY_ROWS: Final = """
import pandas as pd, fh_notebook as fh
said = "\N{HEBREW LETTER SHIN}\N{HEBREW LETTER LAMED}\N{HEBREW LETTER VAV}\N{HEBREW LETTER FINAL MEM} " * 30
lines = [{"row": row, "variant": "a", "said": said, "output": "yes", "status": "completed"} for row in range(25)]
fh.compare(pd.DataFrame(lines)).browse()
"""


@pytest.mark.long
def test_a_table_that_goes_on_below_says_so_until_its_end(lab: Lab) -> None:
    """No row that is cut reads as the last one; and a cell from right to left begins at its right."""
    lab.open(MANY_ROWS)
    table = lab.run(0).locator(".fhb")
    edge, scroll = table.locator(".fhb-edge"), table.locator(".fhb-edge > .fhb-scroll")
    expect(edge).to_have_class(re.compile(r"\bfhb-more-below\b"))
    scroll.evaluate("scroll => scroll.scrollTop = scroll.scrollHeight")
    expect(edge).to_have_class(re.compile(r"^((?!fhb-more-below).)*$"))
    leftwards = table.locator("tbody .fhb-text[dir=rtl]").first
    assert leftwards.evaluate("text => getComputedStyle(text).textAlign") in ("start", "right")


COPIED: Final = """
import pandas as pd, fh_notebook as fh
lines = [
    {"row": 0, "variant": "text", "output": "late", "status": "completed"},
    {"row": 0, "variant": "long", "output": "more of it\\n" * 20_000, "status": "completed"},
    {"row": 0, "variant": "json", "output": {"label": "late", "n": [1]}, "status": "completed"},
    {"row": 0, "variant": "failed", "error": "502 from the provider", "status": "failed"},
]
fh.compare(pd.DataFrame(lines)).browse()
"""


@pytest.mark.long
def test_copy_puts_all_of_an_opened_output_on_the_clipboard(lab: Lab) -> None:
    """Of a text, of a longer one than the page has, of JSON, and of an error: by one click, or one key."""
    lab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    lab.open(COPIED)
    table = lab.run(0).locator(".fhb")
    table.get_by_role("rowheader").first.click()
    for variant, copied in {
        "text": "late",
        "long": "more of it\n" * 20_000,
        "json": '{\n  "label": "late",\n  "n": [\n    1\n  ]\n}',
        "failed": "502 from the provider",
    }.items():
        card = table.get_by_role("group", name=variant, exact=True)
        button = card.locator(".fh-copy")
        expect(button).to_be_visible()  # also where the answer is folded away below its differences
        for press in (button.click, lambda button=button: button.press("Enter")):
            expect_copied(lab.page, press, copied)
            expect(button).to_have_text("Copied")
            expect(button).to_be_focused()
    expect(button).to_have_text("Copy")
    expect(button).to_be_focused()
    assert lab.errors == []


LABELLED: Final = """
import pandas as pd, fh_notebook as fh
labels = ["billing", "delivery", "<b>returns</b>"]
lines = [
    {"row": row, "variant": variant, "expected_output": labels[row % 3], "ticket": f"Ticket {row}",
     "output": labels[row % 3] if (row + place) % 4 else labels[(row + 1) % 3] if row % 8 else "no idea"}
    for row in range(60) for place, variant in enumerate(("keywords", "nearest"))
]
cmp = fh.compare(pd.DataFrame(lines))
"""
REPEATS: Final = """
import pandas as pd, fh_notebook as fh
said = ["other", "billing", "billing", "billing", "billing"]
cmp = fh.compare(pd.DataFrame([
    {"row": row, "variant": variant, "output": said[(k + row) % 5] if variant == "a" else "billing", "s": k % 2}
    for row in range(3) for variant in "ab" for k in range(5)
]), score="s")
"""


@pytest.mark.long
def test_a_number_of_a_confusion_table_shows_its_rows_and_repeats_are_grouped(lab: Lab) -> None:
    """By mouse and by keyboard; as many rows as it says; the filter can be removed, and another variant chosen.

    Repeats are in each cell with their counts, the most frequent first, and beside an opened answer, the first one.
    """
    lab.open(LABELLED, "cmp.browse()", REPEATS, "cmp.browse()")
    lab.run(0)
    table = lab.run(1).locator(".fhb")
    table.locator("summary", has_text="Labels: ").click()
    number = table.get_by_role("button", name=re.compile("rows?: billing answered as delivery$"))
    count = number.inner_text()
    number.click()
    _expect_rows(table, rf"^{count} of 60 rows$")
    expect(number).to_have_attribute("aria-pressed", "true")
    expect(number).to_be_focused()
    answers = table.locator("tbody [data-name=keywords] .fhb-text").all_text_contents()
    assert answers == ["delivery"] * int(count)
    _pictures(lab, "browse-confusion", table)

    table.get_by_label("Remove the filter keywords: billing answered as delivery").click()
    _expect_rows(table, "^page 1 of 3 · 60 rows$")
    table.get_by_label("Variant of the answers").select_option("nearest")
    number = table.locator("button[aria-label$='<b>returns</b> answered as billing']").first
    number.focus()
    lab.page.keyboard.press("Enter")
    expect(table.get_by_label("Remove the filter nearest: <b>returns</b> answered as billing")).to_be_visible()
    _expect_rows(table, rf"{number.inner_text()} of 60 rows$")
    table.get_by_text("Clear filters").click()
    _expect_rows(table, "^page 1 of 3 · 60 rows$")

    lab.run(2)
    table = lab.run(3).locator(".fhb")
    row = table.locator("[role=row][data-row='0']")
    expect(row).to_contain_text("4 x billing, 1 x other")
    expect(row).to_contain_text("5 x billing")
    row.locator("[role=rowheader]").click()
    card = table.locator(".fhb-detail").get_by_role("group", name="a", exact=True)
    expect(card).to_contain_text("the first of 5 answers: 4 x billing, 1 x other")
    _pictures(lab, "repeats", table)


@pytest.mark.long
def test_keys_work_after_every_click(lab: Lab) -> None:
    """Where a click has its own button drawn anew, disabled or taken away, the table has the focus; else it stays."""
    lab.open(ROWS, "cmp.browse()")
    lab.run(0)
    table = lab.run(1).locator(".fhb")
    grid, detail, keys = table.get_by_role("treegrid"), table.locator(".fhb-detail"), lab.page.keyboard
    table.get_by_title("Sort by ticket").click()
    expect(table.locator("[aria-sort=ascending]")).to_contain_text("ticket")
    expect(grid).to_be_focused()
    table.get_by_label("Last page").click()
    _expect_rows(table, "^page 3 of 3 · 60 rows$")
    expect(grid).to_be_focused()
    table.get_by_text("More filters", exact=True).click()
    table.get_by_label("Which rows").select_option(index=1)
    clear = table.get_by_text("Clear filters")
    expect(clear).to_be_visible()  # what is hidden takes no focus
    clear.focus()
    keys.press("Space")
    expect(clear).to_be_hidden()
    expect(grid).to_be_focused()

    keys.press("Enter")
    expect(detail).to_be_focused()
    for name, pressed in (("Next row (n)", "Space"), ("Compare with", "ArrowDown")):
        said = detail.inner_text()
        detail.get_by_label(name).focus()
        keys.press(pressed)
        expect(detail).not_to_have_text(said, use_inner_text=True)
        expect(detail.get_by_label(name)).to_be_focused()


@pytest.mark.long
def test_rows_are_looked_through_by_keyboard(lab: Lab) -> None:
    """Walked, opened, compared, searched and filtered; what a model said is text; the last page stays in the file."""
    lab.open(ROWS, "cmp.browse()", LIVE, "go.release(4)", "cmp.diff(2)")
    lab.run(0)
    lab.run(1)
    table = lab.output(1).locator(".fhb")
    grid, detail = table.get_by_role("treegrid"), table.locator(".fhb-detail")
    keys = lab.page.keyboard
    _expect_rows(table, "^page 1 of 3 · 60 rows$")
    expect(lab.output(1).locator(".fh-browse-static")).to_be_hidden()
    assert "<script>window.evil=2</script>" in table.locator("[role=row][data-row='1']").inner_text()
    expect(grid).to_have_attribute("aria-rowcount", "61")

    grid.focus()
    for key in ("ArrowDown", "j", "k", "ArrowDown"):
        keys.press(key)
    expect(table.locator("[role=row][aria-selected=true]")).to_have_attribute("data-row", "2")
    expect(grid).to_have_attribute("aria-activedescendant", re.compile("-2$"))
    keys.press("Enter")
    expect(detail).to_be_visible()
    expect(detail).to_be_focused()
    expect(detail).to_have_attribute("aria-label", "row 2")
    expect(detail).to_contain_text("Compared to keywords: differs: 1 added")
    keys.press("b")
    expect(detail).to_contain_text("Compared to nearest: differs: 1 removed")
    keys.press("n")
    expect(detail).to_have_attribute("aria-label", "row 3")
    expect(detail.locator("ins").first).to_be_visible()
    keys.press("p")
    keys.press("p")
    expect(detail).to_have_attribute("aria-label", "row 1")
    expect(detail.locator(".fh-out").first).to_contain_text("<img src=x")
    _pictures(lab, "browse-open", table)
    detail.focus()
    keys.press("Escape")
    expect(detail).to_be_hidden()
    expect(grid).to_be_focused()
    for _ in range(4):
        keys.down(" ")  # held down: it opens, and does not close again
    keys.up(" ")
    expect(detail).to_be_visible()
    keys.press("Escape")
    expect(detail).to_be_hidden()

    # Faster than pages come: no key is taken by the page that is left.
    keys.press("Home")
    for _ in range(52):
        keys.press("ArrowDown")
    expect(table.locator("[role=row][aria-selected=true]")).to_have_attribute("data-row", "52")
    _expect_rows(table, "^page 3 of 3 · 60 rows$")
    keys.press("Home")
    _expect_rows(table, "^page 1 of 3 · 60 rows$")

    keys.press("ArrowRight")
    _expect_rows(table, "^page 2 of 3 · 60 rows$")
    keys.press("ArrowUp")  # from the first row of a page to the last of the one before
    _expect_rows(table, "^page 1 of 3 · 60 rows$")
    expect(table.locator("[role=row][aria-selected=true]")).to_have_attribute("data-row", "24")
    keys.press("End")
    _expect_rows(table, "^page 3 of 3 · 60 rows$")
    keys.press("/")
    keys.type("ticket 1")
    _expect_rows(table, r"^10 of 60 rows$")
    keys.press("Enter")
    expect(grid).to_be_focused()
    assert _shown(table) == [str(row) for row in range(10, 20)]
    table.get_by_role("button", name="Clear filters").click()
    keys.press("f")
    table.get_by_label("Which rows").select_option("failed")
    _expect_rows(table, r"^1 of 60 rows$")
    expect(table.locator(".fhb-failed")).to_have_text("failed")
    table.get_by_label("Which rows").select_option("")
    _expect_rows(table, "^page 1 of 3 · 60 rows$")
    table.get_by_label("Won by").select_option("nearest")
    _expect_rows(table, "^24 of 60 rows$")
    expect(table.locator("tbody [data-name=nearest]").filter(has_not_text="best")).to_have_count(0)
    table.get_by_label("Won by").select_option("")
    table.get_by_label("Score bound").fill("0")
    table.get_by_label("Variant of the score").select_option("keywords")
    _expect_rows(table, r"^12 of 60 rows$")
    table.get_by_role("button", name="Clear filters").click()
    table.get_by_label("Column to filter by").select_option("language")
    table.get_by_label("Value of the column").select_option(label="de (30)")
    _expect_rows(table, r"^page 1 of 2 · 30 of 60 rows$")
    table.get_by_role("button", name="keywords", exact=True).click()
    expect(table.locator("th[aria-sort=descending]")).to_have_text("keywords ↓")
    table.get_by_role("button", name="Remove the filter language: de").click()
    _expect_rows(table, "^page 1 of 3 · 60 rows$")
    _pictures(lab, "browse", table)

    live = lab.run(2).locator(".fhb")
    _expect_rows(live, "running: 0 of 4 completed$")
    lab.run(3)
    _expect_rows(live, "^4 rows$")
    expect(live).to_contain_text("said t3")
    diff = lab.run(4).locator(".fh-diff")
    expect(diff).to_contain_text(re.compile(r"keywords\b.* → nearest"))
    expect(diff).to_contain_text("differs: 1 added")
    _pictures(lab, "diff", diff)

    assert lab.page.evaluate("window.evil") is None
    assert (lab.errors, lab.external) == ([], [])
    for theme in ("dark", "light"):
        lab.theme(theme)
        for shown in (table, live, diff):
            assert faint(shown) == [], theme
    # Somebody else's notebook, without a kernel that knows the widgets: the page that was shown last.
    lab.save()
    notebook = nbformat.read(lab.server.root / lab.name, as_version=4)
    assert "sorted" not in str(notebook.metadata.get("widgets", ""))
    nbformat.write(notebook, lab.server.root / "rows-of-somebody.ipynb")
    lab.open(name="rows-of-somebody.ipynb")
    expect(lab.output(1).get_by_text("page 1 of 3 · 60 rows")).to_be_visible()
    expect(lab.output(2).get_by_text("said t3")).to_be_visible()
    assert lab.page.evaluate("window.evil") is None


@pytest.mark.long
def test_rows_in_notebook_7(lab: Lab) -> None:
    """The keys of the page's own command mode do not get in between."""
    lab.place = "notebooks"
    lab.open(ROWS, "cmp.browse()", "")
    lab.run(0)
    of_its_own = list(lab.errors)  # Notebook 7.6 has one, on an empty page too
    table = lab.run(1).locator(".fhb")
    _walk(table)
    _pictures(lab, "browse-notebook7", table)
    expect(lab.page.locator(".jp-Notebook .jp-Cell")).to_have_count(3)
    assert lab.page.evaluate("window.evil") is None
    assert (lab.errors, lab.external) == (of_its_own, [])


def _walk(table: Locator) -> None:
    keys, detail = table.page.keyboard, table.locator(".fhb-detail")
    table.get_by_role("treegrid").focus()
    expect(table.get_by_role("treegrid")).to_be_focused()
    for key in ("ArrowDown", "j", "Enter"):
        keys.press(key)
    expect(detail).to_contain_text("Compared to keywords: differs: 1 added")
    for key in ("n", "b", "b", "p", "p"):
        keys.press(key)
    expect(detail).to_have_attribute("aria-label", "row 1")
    expect(detail).to_contain_text("<script>window.evil=2</script>")
    keys.press("Escape")
    keys.press("/")
    keys.type("ticket 59")
    _expect_rows(table, r"^1 of 60 rows$")
    keys.press("Escape")
    expect(table.get_by_role("treegrid")).to_be_focused()


APP: Final = {
    "fh-diff": ("cmp.diff(2)", "cmp.diff(0)", "cmp.diff(1)", "cmp.diff(4)"),
    "fhb": (
        "cmp.browse()",
        "cmp.browse(page_size=3).show(row=2)",
        "cmp.browse(page_size=3).show(search='parcel', low=0.5)",
    ),
    "fh-rate": (
        "cmp.rate(rater='a')",
        "cmp.rate(rater='b', scale=5)",
        "cmp.rate(rater='c', labels=['helpful', 'rude'])",
    ),
}
"""By the class of what is shown: cells that show it."""
GROUNDS: Final = {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 17, 17)"}
"""Of Voila's page."""


@pytest.mark.long
def test_rows_differences_and_ratings_as_an_app(browser: Browser, tmp_path: Path) -> None:
    """Voila serves the same, readable in its light and its dark theme, wide and narrow; nothing twice, and no code."""
    cells = [ROWS, *(cell for shown in APP.values() for cell in shown)]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, tmp_path / "app.ipynb")
    asked: list[str] = []
    with run_voila(tmp_path / "app.ipynb") as url:
        for theme in ("light", "dark"):
            page = browser.new_context(viewport={"width": 1600, "height": 1200}).new_page()
            page.set_default_timeout(PATIENCE_MS)
            page.on("request", lambda request: asked.append(request.url))
            page.goto(f"{url}/?theme={theme}")
            for name, shown in APP.items():
                expect(page.locator(f".{name}")).to_have_count(len(shown))
            table = page.locator(".fhb").first
            expect(table.get_by_role("treegrid")).to_be_visible()
            expect(page.locator(".fh-rate-name").last).to_be_visible()
            _walk(table)
            table.get_by_role("button", name="Clear filters").click()
            expect(table.locator(".fhb-failed")).to_be_visible()
            for static in ("browse", "rate"):
                expect(page.locator(f".fh-{static}-static:visible")).to_have_count(0)
            assert "cmp.browse" not in page.content()
            assert page.evaluate("window.evil") is None
            for width in (400, 1600):
                page.set_viewport_size({"width": width, "height": 1200})
                for name in APP:
                    for number, one in enumerate(page.locator(f".{name}").all()):
                        save_picture(one, picture_folder(), f"voila-{name}-{number}-{theme}-{width}")
                        assert grounds(one) == GROUNDS[theme]
                        assert faint(one) == [], (name, number, theme, width)
                assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (theme, width)
            page.context.close()
    # Voila's own page asks for the icons of Font Awesome; nothing else leaves this machine.
    outside = [address for address in asked if not address.startswith(("http://127.0.0.1", "data:", "blob:"))]
    assert [address for address in outside if "fontawesome" not in address] == []
