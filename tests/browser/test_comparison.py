"""A comparison as a person sees it: the report's page, and `cmp` and its plots in JupyterLab, in both themes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

import fh_notebook as fh
from fh_notebook.core.text import html
from tests.lab import Lab, expect_copied

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

HOSTILE = "</script><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
WIDTHS = (400, 1600)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that says what it asked for and what went wrong in it, as attributes."""
    opened = browser.new_page(viewport={"width": 1600, "height": 900})
    opened.asked, opened.wrong = [], []  # type: ignore[attr-defined]
    opened.on("request", lambda request: opened.asked.append(request.url))  # type: ignore[attr-defined]
    opened.on("pageerror", lambda error: opened.wrong.append(str(error)))  # type: ignore[attr-defined]
    opened.on("console", lambda message: opened.wrong.append(message.text))  # type: ignore[attr-defined]
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """The address of the report of so many rows; each is written once."""
    return cache(lambda n, b="b": _report(tmp_path_factory.mktemp("report"), n, b))


def _report(folder: Path, n: int, b: str) -> str:
    rng = np.random.default_rng(0)
    lines = [
        {
            "row": row, "variant": variant, "s": int(rng.random() < share), "ticket": f"ticket {row}: where is it?",
            "output": HOSTILE if row == 1 else f"answer {row} of {variant} " + "word " * (200 if row == 2 else 5),
            "status": "failed" if row == 3 and variant == b else "completed", "error": "boom" if row == 3 else None,
            "client_action": HOSTILE if row == 3 and variant == b else None,
        }
        for row in range(n)
        for variant, share in (("a", 0.5), (b, 0.7))
    ]  # fmt: skip
    return fh.compare(pd.DataFrame(lines), score="s").report(folder / "x.html").as_uri()


def _shown(page: Page) -> list[str]:
    return page.locator("#body tr td.key span:not(.label, .dim)").all_text_contents()


def test_the_page_is_offline_and_what_a_model_said_is_inert(page: Page, report: Callable[..., str]) -> None:
    """Nothing but the file is asked for, nothing is refused by the policy, and a script of an output is text."""
    address = report(60)
    page.goto(address)
    assert page.locator("#body tr").count() == 25
    assert HOSTILE in page.locator("#body tr").nth(1).inner_text()
    assert f"failed: boom\n→ Fetch Hive: {HOSTILE}" in page.locator("#body tr").nth(3).inner_text()
    assert page.title() == "Comparison of 2 variants on 60 rows by s"
    assert page.asked == [address]  # type: ignore[attr-defined]
    assert page.wrong == []  # type: ignore[attr-defined]
    # The policy holds for what somebody would add, too.
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title=1\">')")
    with page.expect_console_message(lambda message: "Content Security Policy" in message.text):
        page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), {textContent: 'document.title=1'}))"
        )
    assert page.title() == "Comparison of 2 variants on 60 rows by s"


def test_rows_are_paged_searched_and_filtered(page: Page, report: Callable[..., str]) -> None:
    """By mouse and by keyboard; a long output is folded and opens."""
    page.goto(report(60))
    assert _shown(page) == [str(i) for i in range(25)]
    page.keyboard.press("ArrowRight")
    assert _shown(page)[0] == "25"
    page.locator("#on").click()
    assert _shown(page) == [str(i) for i in range(50, 60)]
    expect(page.locator("#on")).to_be_disabled()
    page.keyboard.press("/")
    page.keyboard.type("ticket 42")
    assert _shown(page) == ["42"]
    page.locator("#search").fill("")
    failed = page.get_by_role("button", name="failed 1", exact=True)
    failed.click()
    assert _shown(page) == ["3"]
    expect(failed).to_have_attribute("aria-pressed", "true")
    assert "failed: boom" in page.locator("#body").inner_text()
    differ = page.get_by_role("button", name="outputs differ ")
    differ.click()
    expect(failed).to_have_attribute("aria-pressed", "false")
    differ.press("Enter")  # pressed again: all rows
    expect(page.locator("#only")).to_be_hidden()
    page.get_by_text("More filters").click()
    page.locator("#only").select_option(label="scores differ")
    page.locator("#order").select_option("spread")
    assert 0 < len(_shown(page)) <= 25
    count = int(re.findall(r"(\d+) of 60 rows", page.locator("#where").inner_text())[0])
    won = sum(int((chip.text_content() or "").split()[-1]) for chip in page.get_by_role("button", name="only ").all())
    assert count == won > 0
    page.locator("#only").select_option("")
    expect(page.get_by_role("button", name="all 60", exact=True)).to_have_attribute("aria-pressed", "true")
    page.locator("#search").fill("TICKET 2 word")
    assert {text.lower() for text in page.locator("#body mark").all_text_contents()} == {"ticket", "2", "word"}
    expect(page.locator("#body tr .out.fold")).to_have_count(0)  # what has a match is not folded
    page.locator("#search").fill("")
    expect(page.locator("#body mark")).to_have_count(0)
    page.locator("#order").select_option("plan")
    more = page.locator("#body tr").nth(2).locator(".more").first
    box = page.locator("#body tr").nth(2).locator(".out.fold").first
    folded = box.bounding_box()["height"]  # type: ignore[index]
    more.click()
    assert more.text_content() == "less"
    opened = more.locator("xpath=preceding-sibling::*[1]").bounding_box()["height"]  # type: ignore[index]
    assert opened > folded


def test_a_word_and_what_stands_for_it_are_apart(page: Page) -> None:
    """To the eye, in each view of a difference; copied they are the text as it is."""
    frame = pd.DataFrame({"row": [0, 0], "variant": ["a", "b"], "output": ["It is technical.", "It is delivery."]})
    cmp = fh.compare(frame)
    for shown in (cmp.diff(0), cmp.browse().show(row=0)):
        page.set_content(shown._repr_html_())
        removed, added = page.locator("del", has_text="technical").first, page.locator("ins", has_text="delivery").first
        left, right = removed.bounding_box(), added.bounding_box()
        assert left
        assert right
        assert right["x"] - left["x"] - left["width"] >= 3
        assert "It is technicaldelivery." in (removed.locator("xpath=..").text_content() or "")


def test_the_pieces_of_a_difference_stand_in_the_order_of_a_right_to_left_text(page: Page) -> None:
    """Numbers and Latin words in it keep their places, and the text that was replaced does not turn it."""
    texts = ("order A-4049 של דוד: 3 packages", "החבילה A-4049 הייתה אמורה להגיע ביום שני (15.3), ודף המעקב ריק.")
    cmp = fh.compare(pd.DataFrame({"row": [0, 0], "variant": ["a", "ב 2"], "output": texts}))
    page.set_viewport_size({"width": 1600, "height": 900})
    for shown in (cmp.diff(0), cmp.browse().show(row=0)):
        page.set_content(shown._repr_html_())
        marks = page.locator("ins", has_text="החבילה").first.locator("xpath=..")
        pieces = [
            piece.bounding_box() for piece in marks.locator("xpath=./*[self::ins or self::del or self::span]").all()
        ]
        places = [box["x"] for box in pieces if box and box["width"]]
        assert len(places) > 4
        assert places == sorted(places, reverse=True)


def test_chips_of_low_scores_and_wins_know_what_is_better(page: Page, tmp_path: Path) -> None:
    """Where less is better the worst are the highest; who won is decided by all digits of the scores."""
    lines = [
        {"row": row, "variant": variant, "elapsed_s": 1.0 + row + (variant == "b") * 1e-8}
        for row in range(20)
        for variant in "ab"
    ]
    page.goto(fh.compare(pd.DataFrame(lines), score="elapsed_s").report(tmp_path / "x.html").as_uri())
    expect(page.get_by_role("button", name="a wins 20")).to_be_visible()
    expect(page.get_by_role("button", name="b wins 0")).to_be_visible()
    page.get_by_text("More filters").click()
    page.get_by_label("rows by their scores").select_option("high score")
    assert _shown(page) == ["18", "19"]


@pytest.mark.long
def test_copy_puts_all_of_an_output_on_the_clipboard(page: Page, tmp_path: Path) -> None:
    """A text that is folded, a JSON value, and no button where a call has no output; by one click or key."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    long = "first line\n" * 700
    lines = [
        {"row": 0, "variant": "a", "output": long, "status": "completed"},
        {"row": 0, "variant": "b", "output": {"label": "late", "n": [1]}, "status": "completed"},
        {"row": 0, "variant": "c", "error": "boom", "status": "failed"},
    ]
    page.goto(fh.compare(pd.DataFrame(lines)).report(tmp_path / "x.html").as_uri())
    buttons = page.get_by_role("button", name="Copy")
    expect(buttons).to_have_count(2)
    copies = (long, json.dumps({"label": "late", "n": [1]}))
    for button, copied in zip(buttons.element_handles(), copies, strict=True):
        for press in (button.click, lambda button=button: button.press("Enter")):
            expect_copied(page, press, copied)
            page.wait_for_function("button => button.textContent === 'Copied'", arg=button)
    expect(buttons).to_have_count(2)  # which read "Copy" again
    assert page.wrong == []  # type: ignore[attr-defined]


@pytest.mark.long
def test_a_report_shows_and_copies_all_of_a_long_output(page: Page, tmp_path: Path) -> None:
    """Text and JSON, once opened; of what is too long for a page it says what Copy copies, what is missing, and where it is."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    long, huge = "word " * 20_000 + "the end", "x" * 1_200_000
    steps = [{"step": n, "said": f"sentence {n} of many"} for n in range(400)]
    outputs = {"a": long, "b": {"steps": steps}, "c": huge}
    lines = [{"row": 0, "variant": name, "output": output} for name, output in outputs.items()]
    page.goto(fh.compare(pd.DataFrame(lines)).report(tmp_path / "x.html").as_uri())
    text, view, cut = (page.locator("#body > tr > td:not(.key)").nth(n) for n in range(3))
    expect(text).not_to_contain_text("the end")
    text.get_by_role("button", name="more").click()
    expect(text.locator(".out")).to_have_text(long)
    text.get_by_role("button", name="less").click()
    expect(text).not_to_contain_text("the end")
    expect(view).to_contain_text("sentence 399 of many")
    expect(view).not_to_contain_text("has everything")
    expect(cut).to_contain_text("… (200,000 more characters; the comparison's frame has everything)")
    for cell, name, copied in (
        (text, "Copy", long),
        (view, "Copy", json.dumps({"steps": steps})),
        (cut, "Copy the first 1,000,000 characters", huge[:1_000_000]),
    ):
        expect_copied(page, cell.get_by_role("button", name=name, exact=True).click, copied)
    expect(cut.get_by_role("button", name="Copy the first 1,000,000 characters", exact=True)).to_be_visible()  # again
    page.locator("#search").fill("the end")
    expect(page.locator("#body .out mark")).to_have_text(["the", "end"])
    assert page.wrong == []  # type: ignore[attr-defined]


def test_a_script_breaks_the_same_ids_as_the_kernel(page: Page) -> None:
    """Of any length, also beside letters that are not ASCII."""
    ids = [f"{'a' * n}-1" for n in range(17, 30)]
    texts = [*ids, "on 2026-12-01.", "\u00e92-3", "2-3\u00e9", "_2-3", "\u4e2d2-3 4-5", "up-to-date", "-1-2"]
    page.add_script_tag(content=html.TEXT_SCRIPT)
    held = page.evaluate(
        "texts => texts.map(text => unbroken(text, part => [part]).filter(Array.isArray).flat())", texts
    )
    assert held == [re.findall(r'<bdi class="fh-unbroken">(.*?)</bdi>', html.ids_unbroken(text)) for text in texts]


@pytest.mark.long
def test_ten_thousand_rows_open_and_their_last_page_is_there(page: Page, report: Callable[..., str]) -> None:
    """All rows are in the file; only those of a page are in the page."""
    page.goto(report(10_000))
    page.get_by_text("More filters").click()
    page.locator("#size").select_option("500")
    assert page.locator("#body tr").count() == 500
    page.locator("#search").fill("ticket 9999:")
    assert _shown(page) == ["9999"]
    expect(page.locator("#where")).to_have_text("1 of 10,000 rows")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_and_reads_in_both_themes(page: Page, report: Callable[..., str], scheme: str) -> None:
    """It does not scroll sideways, whatever a variant is called, and plots have the colour of the text."""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(report(30, b="a-name-without-a-space-" * 8))
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), width
        assert page.locator("td:first-child").first.evaluate("e => e.offsetWidth") < width / 2
    ink = page.evaluate("getComputedStyle(document.body).color")
    assert ink == ("rgba(0, 0, 0, 0.87)" if scheme == "light" else "rgba(255, 255, 255, 0.87)")
    fills = page.evaluate("[...document.querySelectorAll('figure svg *')].map(e => getComputedStyle(e).fill)")
    assert ink in fills


def test_a_table_that_is_cut_says_so_and_scrolls_by_keyboard(page: Page, report: Callable[..., str]) -> None:
    """With a shade at its side, under what moves with it; its first column, the names, is in sight at first."""
    page.goto(report(30))
    page.set_viewport_size({"width": 400, "height": 900})
    page.get_by_text("Significance tests").click()
    table = page.get_by_role("region", name="Tests")
    assert table.evaluate("e => e.scrollWidth <= e.clientWidth")
    page.set_viewport_size({"width": 320, "height": 900})  # the least of WCAG 1.4.10
    assert table.evaluate("e => e.scrollWidth > e.clientWidth")
    assert table.evaluate("e => getComputedStyle(e).backgroundAttachment") == "local, local, scroll, scroll"
    table.focus()
    page.keyboard.press("ArrowRight")
    moved = (
        "e => new Promise(moved => e.scrollLeft > 0 ? moved(true) : e.addEventListener('scroll', () => moved(true)))"
    )
    assert table.evaluate(moved)


def test_rows_beside_each_other_are_blocks_where_it_is_narrow(page: Page) -> None:
    """Nothing of them is cut at 400 pixels, each cell is under its column's name; at 1,600 they are a table."""
    said = {"keywords": "a delivery that is late", "nearest": "billing, " * 12}
    lines = [{"row": 1, "variant": name, "s": name == "nearest", "output": said[name]} for name in said]
    page.set_content(f"<body>{fh.compare(pd.DataFrame(lines), score='s')._repr_html_()}</body>")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        cells, head = page.locator(".fh-cells tbody td"), page.locator(".fh-cells thead")
        assert cells.count() == 3
        boxes = cells.evaluate_all(
            "all => all.map(e => [e.getBoundingClientRect().right, e.getBoundingClientRect().y])"
        )
        assert max(right for right, _ in boxes) <= width
        assert len({y for _, y in boxes}) == (1 if width == 1600 else 3)
        assert head.is_visible() == (width == 1600)
        name = cells.nth(1).evaluate("e => getComputedStyle(e, '::before').content")
        assert name == ("none" if width == 1600 else '"nearest"')


def test_without_scripts_the_first_rows_are_there(browser: Browser, report: Callable[..., str]) -> None:
    """And it says that there are more."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report(60))
    assert page.locator("#body tr").count() == 25
    assert "these are the first 25 of 60 rows" in page.locator("#rows").inner_text()
    context.close()


CELLS = (
    "import numpy as np, pandas as pd, fh_notebook as fh\n"
    "rng = np.random.default_rng(0)\n"
    "n = 60\n"
    "frame = pd.DataFrame({'row': np.repeat(np.arange(n), 3), 'variant': ['keywords', 'nearest', 'a rather long name'] * n,\n"
    "    's': rng.normal(size=3 * n) + np.tile([0, 0.8, 0.3], n), 'elapsed_s': rng.exponential(size=3 * n),\n"
    "    'output': '</td><script>document.title=1</script>'})\n"
    "cmp = fh.compare(frame, score='s')\ncmp",
    "cmp.plot()",
)


@pytest.mark.long
def test_a_comparison_and_its_plots_in_jupyterlab(lab: Lab) -> None:
    """Readable in both themes, at 400 and at 1,600 pixels: what is too wide scrolls inside of the output."""
    lab.open(*CELLS)
    lab.expect_text(lab.run(0), "nearest is best: 0.876 on average over 60 rows")
    lab.expect_text(lab.output(0), "95 % intervals over rows: BCa bootstrap")
    lab.run(1)
    plots = lab.output(1).locator(".fh-plot svg")
    expect(plots).to_have_count(4)
    for theme in ("light", "dark"):
        lab.theme(theme)
        ink = lab.output(0).locator(".fh").first.evaluate("e => getComputedStyle(e).color")
        fills = plots.first.evaluate("svg => [...svg.querySelectorAll('*')].map(e => getComputedStyle(e).fill)")
        assert ink in fills, theme
        for width in WIDTHS:
            lab.resize(width)
            for cell in (0, 1):
                shown = lab.output(cell).locator(".fh").first
                assert shown.evaluate("e => e.scrollWidth <= e.parentElement.clientWidth + 1"), (theme, width, cell)
            lab.screenshot(f"comparison-{theme}-{width}")
    assert "script" in lab.output(0).inner_text()
    expect(lab.output(1).get_by_text("Mean score with 95 % interval")).to_be_hidden()
    assert lab.errors == []
    # Somebody else's notebook is not trusted: pictures are taken out of it, and the words stay.
    lab.save()
    notebook = nbformat.read(lab.server.root / lab.name, as_version=4)
    notebook.cells = notebook.cells[1:]
    nbformat.write(notebook, lab.server.root / "of-somebody.ipynb")
    lab.open(name="of-somebody.ipynb")
    expect(lab.output(0).get_by_text("Mean score with 95 % interval: nearest")).to_be_visible()
    expect(lab.output(0).locator("svg[role=img]")).to_have_count(0)


def test_heads_sort_and_look_sortable(page: Page, report: Callable[..., str]) -> None:
    """Up, down, and as before; numbers in the text of a row as numbers, what is missing last; by keyboard, too."""
    page.goto(report(60))
    heads = page.locator("#rows thead th")
    assert all("⇅" in text for text in heads.all_text_contents())
    key, last = heads.first, heads.last
    assert _shown(page)[:3] == ["0", "1", "2"]
    key.get_by_role("button").click()
    expect(key).to_have_attribute("aria-sort", "ascending")
    key.get_by_role("button").press("Enter")
    expect(key).to_have_attribute("aria-sort", "descending")
    assert _shown(page)[:3] == ["59", "58", "57"]
    key.get_by_role("button").click()
    expect(key).to_have_attribute("aria-sort", "none")
    assert _shown(page)[:3] == ["0", "1", "2"]
    last.get_by_role("button").click()
    scores = page.evaluate(
        "JSON.parse(document.getElementById('data').textContent).rows.map(row => row.runs.at(-1)?.score ?? 9)"
    )
    order = sorted(range(60), key=lambda row: scores[row])
    assert _shown(page) == [str(row) for row in order[:25]]
    page.get_by_text("More filters").click()
    page.locator("#order").select_option("spread")  # another order instead
    expect(last).to_have_attribute("aria-sort", "none")


@pytest.mark.parametrize(("width", "cards"), [(1600, False), (600, False), (420, False), (390, True)])
def test_rows_are_cards_only_where_a_table_has_no_room(
    page: Page, report: Callable[..., str], width: int, *, cards: bool
) -> None:
    """Below 400 px; else a table, which scrolls in its own place where it is wider, and says an input a line."""
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(report(60))
    assert page.locator("#rows thead").is_visible() is not cards
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    names = page.locator("#body tr").first.locator("dl.inputs dt")
    boxes = [box for box in (name.bounding_box() for name in names.all()) if box]
    assert len({round(box["y"]) for box in boxes}) == len(boxes) > 0


def test_a_report_marks_rows_as_the_browser_of_rows_does(page: Page, tmp_path: Path) -> None:
    """Outputs that differ, and the only right one; what is no longer than a line is copied without a button."""
    said = {"a": ("yes", "no"), "b": ("no", "no")}
    lines = [
        {"row": row, "variant": variant, "output": said[variant][row], "expected_output": ("yes", "no")[row]}
        | {"status": "completed", "elapsed_s": 0.0062}
        for row in range(2)
        for variant in "ab"
    ]
    page.goto(fh.compare(pd.DataFrame(lines)).report(tmp_path / "x.html").as_uri())
    differ, same = page.locator("#body tr").all()
    expect(differ.get_by_role("img", name="outputs differ")).to_have_count(1)
    expect(same.get_by_role("img")).to_have_count(0)
    expect(page.locator("#body .only")).to_have_count(1)
    expect(differ.locator(".only")).to_contain_text("0.006")
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)


@pytest.mark.long
def test_a_report_turns_pages_and_copies_as_the_notebook_does(page: Page, tmp_path: Path) -> None:
    """The buttons and the words of the browser of rows, Copy as a button; ids and dates stay in one line."""
    lines = [
        {"row": row, "variant": variant, "s": 1, "output": f"parcel A-{4000 + row} came on 2026-11-24 and is here " * 2}
        for row in range(60)
        for variant in ("a", "b", "c", "d", "e", "f")
    ]
    page.goto(fh.compare(pd.DataFrame(lines), score="s").report(tmp_path / "x.html").as_uri())
    turning = page.locator(".pager button")
    assert turning.all_text_contents() == ["«", "‹", "›", "»"]
    where = page.locator("#where")
    expect(where).to_have_text("page 1 of 3 · 60 rows")
    page.get_by_role("button", name="Last page").click()
    expect(where).to_have_text("page 3 of 3 · 60 rows")
    expect(page.get_by_role("button", name="Next page")).to_be_disabled()
    page.get_by_role("button", name="First page").click()
    expect(page.get_by_role("button", name="Previous page")).to_be_disabled()
    copy = page.get_by_role("button", name="Copy").first
    assert copy.evaluate("copy => getComputedStyle(copy).borderStyle") == "solid"
    unbroken = page.locator("#body .fh-unbroken")
    assert {"A-4000", "2026-11-24"} <= set(unbroken.all_text_contents())
    for width in (1600, 800):
        page.set_viewport_size({"width": width, "height": 900})
        assert unbroken.evaluate_all("all => all.every(one => one.getClientRects().length === 1)")
    page.locator("#search").fill("2026-11-24")
    assert page.locator("#body mark").first.inner_text() == "2026-11-24"
