"""Layout of a form, a comparison and a report at the widths at which it changes, in one notebook.

Rule of this file: a width is that of the output area, which is found by giving the window the difference.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd
import pytest
from playwright.sync_api import Locator, expect

import fh_notebook as fh
from tests.browser.contrast import faint
from tests.browser.form_page import wait_until_at_work
from tests.lab import Lab

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.long]

ROWS: Final = """
import fh_notebook as fh
long = "It is late, and nobody knows where the parcel is. " * 3
names = ("keywords", "fine-tuned", "few-shot", "nearest")
lines = [
    {"row": row, "variant": name, "s": (row + place) % 3 != 0, "expected_output": "late", "output": long + name,
     "ticket": f"Ticket {row}: where is my parcel?", "elapsed_s": 0.5}
    for row in range(40) for place, name in enumerate(names)]
cmp = fh.compare(lines, score="s")
"""
FORM: Final = """
order = fh.Deployment('order', variants=['a'], inputs={'message': fh.text(multiline=True), 'customer': fh.text(),
    'quantity': fh.integer(), 'size': fh.choice('small', 'large')})
fh.form(order)
"""
PROMPT_MS: Final = 20_000
"""What a style sheet changes is there with the next frame."""
AREA: Final = "output => output.querySelector('.jp-OutputArea-output').getBoundingClientRect().width"
INK: Final = "e => getComputedStyle(e).color.match(/[\\d.]+/g).map(Number).slice(0, 3)"


def _give(lab: Lab, output: Locator, width: int) -> None:
    """Give the window the size at which the output area has so many pixels, and wait until it has them.

    JupyterLab lays out some frames after the window, more on a busy machine, and a scroll bar may come or go.
    """
    frames = "async () => { for (let n = 4; n; n--) await new Promise(requestAnimationFrame); }"
    has_been = False
    for _ in range(PROMPT_MS // 50):
        missing = round(width - output.evaluate(AREA))
        if missing == 0 and has_been:
            return
        has_been = missing == 0
        if missing:
            size = lab.page.viewport_size
            assert size is not None
            lab.resize(size["width"] + missing, 1000)
        lab.page.evaluate(frames)
    raise AssertionError(f"the output area never has {width} pixels")


def _box(part: Locator) -> tuple[float, float, float, float]:
    box = part.bounding_box()
    assert box is not None
    return box["x"], box["y"], box["width"], box["height"]


def _comes_true(lab: Lab, layout: Callable[[], dict[str, bool]], width: object) -> None:
    """Wait until all of a layout is so: JupyterLab lays out, and a script measures, some frames after the window."""
    for _ in range(PROMPT_MS // 50):
        if all(layout().values()):
            return
        lab.page.wait_for_timeout(50)
    assert [what for what, is_so in layout().items() if not is_so] == [], width


def _is_green_and_red(yes: Locator, no: Locator) -> bool:
    """Whether a tick is green and a cross is red, whatever the theme makes of these."""
    (red, green, _), (red_too, green_too, _) = yes.evaluate(INK), no.evaluate(INK)
    return bool(green > red and red_too > green_too)


ORDER: Final = """
import fh_notebook as fh
item = fh.group({'name': fh.text(), 'price': fh.number()})
order = fh.Deployment('order', variants=['a'], inputs={
    'message': fh.text(multiline=True, description='What was written.'), 'customer': fh.text(),
    'quantity': fh.integer(minimum=1), 'size': fh.choice('small', 'large'), 'day': fh.date(),
    'items': {'type': 'array', 'items': {'type': 'object', 'properties': {'name': {'type': 'string'}}}},
    'to': fh.group({'street': fh.text(), 'city': fh.text()}, required=False)})
fh.form(order, values={'items': [{'name': 'Lamp'}]})
"""
SMALLEST: Final = """form => Math.min(...[...form.querySelectorAll('*')]
    .filter(e => e.checkVisibility() && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
    .filter(e => getComputedStyle(e).fontSize !== '0px').map(e => parseFloat(getComputedStyle(e).fontSize)))"""
"""The size of the smallest text; a sign that stands for a button's name has no size itself."""


def test_the_controls_of_a_form_are_aligned(lab: Lab) -> None:
    """Ends and heights, gaps of 4 or 8 pixels, corners alike, and no text below 11 pixels."""
    lab.resize(1600, 1000)
    lab.open(ORDER)
    form = lab.run(0).locator(".fh-panel")
    wait_until_at_work(form)
    assert form.evaluate(SMALLEST) >= 11
    for theme in ("dark", "light"):
        lab.theme(theme)
        assert faint(form) == [], theme  # the signs of menus and of what takes a value away, too
    fields = {name: form.get_by_label(name).first for name in ("message", "customer", "quantity", "size")}
    fields["day"] = form.locator(".fh-picker input").first
    left, _, width, _ = _box(fields["message"])
    assert _box(fields["customer"])[0] == left
    x, _, add_width, _ = _box(form.locator("button.fh-begin"))
    assert x + add_width == pytest.approx(left + width, abs=1)
    assert {_box(fields[name])[3] for name in ("customer", "quantity", "size", "day")} == {32}
    radius = "part => getComputedStyle(part).borderRadius"
    assert {part.evaluate(radius) for part in (*fields.values(), form.locator("button.fh-run"))} == {"4px"}
    way, head = form.locator(".fh-rows-way select"), form.locator(".fh-head-cell").first
    assert _box(way)[2] < width / 2
    _, top, _, height = _box(way)
    assert _box(head)[1] - (top + height) >= 8
    quantity, size = _box(fields["quantity"]), _box(fields["size"])
    assert quantity[1] == size[1]
    assert size[0] - (quantity[0] + quantity[2]) == pytest.approx(16, abs=1)


def test_a_form_and_a_comparison_are_laid_out_by_the_width_of_the_output(lab: Lab) -> None:
    """Panes, sticky columns, signs of sorting, ticks and crosses, the ends of an axis, cards, names in one line."""
    lab.resize(1600, 1000)
    lab.open(ROWS, FORM, "cmp.browse()", "cmp", "cmp.pairs()")
    lab.run(0)
    outputs = [lab.run(place) for place in (1, 2, 3, 4)]
    _form_has_two_panes_from_1100_pixels_on(lab, outputs[0])
    _the_variants_are_level_with_the_first_label(lab, outputs[0])
    _two_short_fields_share_a_row(lab, outputs[0])
    _columns_that_matter_stay_in_sight(lab, outputs[1])
    _chips_flow(lab, outputs[1])
    _headers_look_sortable(outputs[1])
    _an_axis_has_labelled_ends(lab, outputs[2])
    for theme in ("dark", "light"):
        lab.theme(theme)
        assert _is_green_and_red(*(outputs[1].locator(f".fhb-{word}").first for word in ("yes", "no"))), theme
        assert _is_green_and_red(*(outputs[2].locator(f".fh-cells .fh-{word}").first for word in ("yes", "no"))), theme
    _names_stay_in_one_line(lab, outputs[2])
    _a_table_that_is_cut_has_a_shade_and_keeps_its_names(lab, outputs[3])
    _rows_are_cards_below_400_pixels_only(lab, outputs[1], outputs[1].locator(".fhb-grid thead"))
    _rows_are_cards_below_400_pixels_only(lab, outputs[2], outputs[2].locator(".fh-stack thead").last)
    lab.resize(1200, 1000)


def _form_has_two_panes_from_1100_pixels_on(lab: Lab, output: Locator) -> None:
    fields, answers = (output.locator(".fh-panes > .fh-pane").nth(n) for n in (0, 1))
    widths = {}
    for width, are_beside in ((1_102, True), (1_099, False), (1_500, True)):
        _give(lab, output, width)
        if are_beside:
            expect(output.locator(".fh-panes")).to_have_css("display", "grid", timeout=PROMPT_MS)
        else:
            expect(output.locator(".fh-panes")).not_to_have_css("display", "grid", timeout=PROMPT_MS)
        (left, top, wide, high), (left_too, top_too, _, _) = _box(fields), _box(answers)
        assert (left_too >= left + wide, top_too >= top + high) == (are_beside, not are_beside), width
        widths[width] = wide
    assert 480 <= widths[1_102] <= 560
    assert widths[1_500] == 560
    message = output.get_by_label("message")
    assert _box(message)[2] <= 560


def _the_variants_are_level_with_the_first_label(lab: Lab, output: Locator) -> None:
    _give(lab, output, 1_500)
    output.locator(".fh-panes").evaluate("e => e.scrollIntoView()")
    middles = [
        box[1] + box[3] / 2
        for box in (
            _box(output.locator(".fh-form .fh-name").first),
            _box(output.locator(".fh-variants .widget-html-content").first),
        )
    ]
    assert abs(middles[0] - middles[1]) <= 3, middles


def _chips_flow(lab: Lab, output: Locator) -> None:
    """The first one, of all rows, has no line of its own."""
    _give(lab, output, 640)
    first, second = (output.locator(".fhb-views .fhb-chip").nth(n) for n in (0, 1))
    assert _box(first)[1] == _box(second)[1]
    assert _box(output.locator(".fhb-views .fhb-chip").last)[1] > _box(first)[1]  # they need several lines
    _give(lab, output, 1_500)


def _two_short_fields_share_a_row(lab: Lab, output: Locator) -> None:
    """Number and choice are beside each other, in one pane and in two; a text has a row of its own."""
    short, other, long = (output.locator(f".fh-form > .fh-field-{kind}").last for kind in ("integer", "choice", "text"))

    def layout() -> dict[str, bool]:
        (left, top, wide, _), (left_too, top_too, wide_too, _) = _box(short), _box(other)
        _, text_top, text_wide, text_high = _box(long)
        return {
            "in one row": top == top_too and left_too >= left + wide,
            "of one width": wide == pytest.approx(wide_too, abs=1),
            "below the text": text_top + text_high <= top and text_wide >= wide + wide_too,
        }

    for window in (1600, 800):
        lab.resize(window, 1000)
        _comes_true(lab, layout, window)


def _columns_that_matter_stay_in_sight(lab: Lab, output: Locator) -> None:
    """The row and what is expected of it stay, at the narrowest with half of the width for the others."""
    scroller, row = output.locator(".fhb-scroll:has(.fhb-grid)"), output.locator(".fhb-grid tbody tr").first
    label, expected = row.get_by_role("rowheader"), row.locator("[data-name=expected]")
    is_seen = (
        "e => { const b = e.getBoundingClientRect(); return e.contains(document.elementFromPoint(b.x + 8, b.y + 8)); }"
    )

    def layout() -> dict[str, bool]:
        row.scroll_into_view_if_needed()
        scrolled = scroller.evaluate("e => { e.scrollLeft = e.scrollWidth; return e.scrollLeft; }")
        (left, _, label_wide, _), (start, _, wide, _) = _box(label), _box(expected)
        return {
            "scrolled": scrolled > 100,
            "the row's label is seen": label.evaluate(is_seen),
            "the expected output is seen": expected.evaluate(is_seen),
            "neither covers the other": start >= left + label_wide - 1,
            "half is left": label_wide + wide <= width / 2,
        }

    for width in (660, 600, 420):
        _give(lab, output, width)
        _comes_true(lab, layout, width)
        scroller.evaluate("e => { e.scrollLeft = 0; }")


def _headers_look_sortable(output: Locator) -> None:
    heads = output.locator(".fhb-grid thead th")
    assert heads.count() >= 6
    assert len({round(sum(_box(head.locator("button"))[1::2])) for head in heads.all()}) == 1, "they end on one line"
    for head in heads.all():
        name, sign = (_box(head.locator(one)) for one in (".fhb-head", ".fhb-sign"))
        assert sign[1] < name[1] + name[3], "the sign stands beside its name"
    assert all("⇅" in text or "↓" in text or "↑" in text for text in heads.all_text_contents())
    head = heads.filter(has_text="fine-tuned")
    expect(head).to_have_attribute("aria-sort", "none")
    head.locator("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(head).to_contain_text("↓")
    assert "⇅" in (heads.filter(has_text="nearest").text_content() or "")


def _an_axis_has_labelled_ends(lab: Lab, output: Locator) -> None:
    """At every width; from the output of a window of 800 pixels on, all columns are seen without scrolling."""
    axis, table = output.locator(".fh-axis"), output.locator(".fh-summary table")
    assert axis.locator("span").all_text_contents() == ["0 %", "100 %"]
    line, name = output.locator(".fh-interval").first, table.locator("tbody td").first

    def layout() -> dict[str, bool]:
        (left, _, wide, _), (first, last) = _box(line), (_box(axis.locator("span").nth(n)) for n in (0, 1))
        hidden = int(table.evaluate("e => e.scrollWidth - e.clientWidth"))
        return {
            "the axis begins with its line": abs(first[0] - left) <= 2,
            "and ends with it": abs(last[0] + last[2] - left - wide) <= 2,
            "its labels are apart": first[0] + first[2] + 8 <= last[0],
            "nothing is hidden": hidden <= 1 or width < 612,
        }

    for width in (1_100, 880, 612, 360):
        _give(lab, output, width)
        _comes_true(lab, layout, width)
        expect(axis).to_be_visible()
    (left, *_), scrolled = _box(name), table.evaluate("e => { e.scrollLeft = 60; return e.scrollLeft; }")
    assert scrolled == 60
    assert abs(_box(name)[0] - left) <= 1  # while the others are scrolled, the variant's name is seen


def _a_table_that_is_cut_has_a_shade_and_keeps_its_names(lab: Lab, output: Locator) -> None:
    """Its cells break where it is narrow; what is beyond is scrolled to, and every line shows that it is there."""
    table, name = output.locator(".fh-pairs table"), output.locator("tbody td").first
    for width in (990, 612):  # of Notebook 7 in a window of 1,600 pixels, and of JupyterLab in one of 800
        _give(lab, output, width)
        assert table.evaluate("e => e.scrollWidth - e.clientWidth") <= 1, width
    (high,) = {_box(line)[3] for line in table.locator("tbody tr").all()}
    assert high < 60, "a cell of two words takes no more than two lines"
    _give(lab, output, 360)
    assert table.evaluate("e => e.scrollWidth - e.clientWidth") > 20
    for line in table.locator("tbody tr").all():
        ground = line.evaluate("e => getComputedStyle(e).backgroundColor")
        assert ground in ("rgba(0, 0, 0, 0)", "rgba(128, 128, 128, 0.08)"), "it would hide the shade"
    assert "linear-gradient" in table.evaluate("e => getComputedStyle(e).backgroundImage")
    (left, *_), scrolled = _box(name), table.evaluate("e => { e.scrollLeft = 30; return e.scrollLeft; }")
    assert scrolled > 0
    assert abs(_box(name)[0] - left) <= 1
    assert name.evaluate("e => getComputedStyle(e).backgroundColor") != "rgba(0, 0, 0, 0)", "others would shine through"


def _names_stay_in_one_line(lab: Lab, output: Locator) -> None:
    """Also where a column is narrow: a hyphen is no place to break a name."""
    for width in (800, 560):
        _give(lab, output, width)
        names = output.locator(".fh-unbroken", has_text="fine-tuned")
        assert names.count() >= 2
        for name in names.all():
            assert name.evaluate("e => e.getClientRects().length") == 1, width


def _rows_are_cards_below_400_pixels_only(lab: Lab, output: Locator, head: Locator) -> None:
    _give(lab, output, 425)  # of which JupyterLab leaves 20 px free
    expect(head).to_be_visible(timeout=PROMPT_MS)
    _give(lab, output, 395)
    expect(head).to_be_hidden(timeout=PROMPT_MS)


WIDTHS: Final = (400, 800, 1_100, 1_600)


def test_texts_of_a_plot_are_11_pixels_at_least_and_the_heads_of_a_report_stay(
    browser: Browser, tmp_path: Path
) -> None:
    """At every width of a page: a plot that is too wide scrolls. The heads of the rows stay below the toolbar."""
    lines = [
        {"row": row, "variant": name, "s": (row + place) % 3 != 0, "output": f"{name} " * 30, "elapsed_s": 0.5}
        for row in range(60)
        for place, name in enumerate(("a", "b"))
    ]
    cmp = fh.compare(pd.DataFrame(lines), score="s")
    page = browser.new_page(viewport={"width": 1600, "height": 900})
    try:
        for place in ("a notebook", "a report"):
            if place == "a notebook":
                page.set_content(cmp.plot()._repr_html_())
            else:
                page.goto(cmp.report(tmp_path / "x.html").as_uri())
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                plots = page.locator("svg[viewBox][role=img]:not(.fh-interval)")
                assert plots.count() == 4
                scales = plots.evaluate_all(
                    "all => all.map(e => e.getBoundingClientRect().width / e.viewBox.baseVal.width)"
                )
                assert min(scales) >= 1, (place, width, scales)
                assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), (place, width)
        head = page.locator("#rows thead th").first
        page.locator("#rows tbody tr").nth(12).scroll_into_view_if_needed()
        page.mouse.wheel(0, 300)
        page.wait_for_function("() => document.querySelector('#rows').getBoundingClientRect().top < 0")
        tools = page.locator("#tools")
        assert _box(tools)[1] == 0
        assert abs(_box(head)[1] - _box(tools)[3]) <= 1
        assert _is_green_and_red(page.locator(".score.yes").first, page.locator(".score.no").first)
    finally:
        page.close()


ENDS: Final = """
import fh_notebook as fh
schema = {'type': 'object', 'properties': {
    'note': {'type': 'string'}, 'phone': {'type': 'string', 'pattern': '^[+]', 'minLength': 1}}}
fh.form(fh.Deployment('call', variants=['a'], inputs=schema), values={'note': 'late', 'phone': '+49'})
"""


@pytest.mark.long
def test_what_removes_a_value_stands_at_one_place_and_says_what_it_does(lab: Lab) -> None:
    """Beside the menu of a field, and in a field without one; the focus on each is seen."""
    lab.open(ENDS)
    form = lab.run(0).locator(".fh-panel")
    wait_until_at_work(form)
    places = []
    for name in ("note", "phone"):
        remove = form.get_by_role("button", name=f"Remove the value of {name}", exact=True)
        expect(remove).to_have_attribute("title", f"Remove the value of {name}: nothing is sent", timeout=20_000)
        left, _, width, _ = _box(form.locator(f".fh-field:has(input):has-text('{name}')").first)
        places.append(left + width - _box(remove)[0])
    assert abs(places[0] - places[1]) < 1
    form.get_by_label("note", exact=True).focus()
    expect(form.get_by_label("More for note", exact=True)).to_have_count(1)
    expect(form.locator(".fh-menu select")).to_have_attribute("title", re.compile("note"), timeout=20_000)
    lab.page.keyboard.press("Alt+ArrowDown")
    expect(form.locator(".fh-menu")).to_have_css("outline-style", "solid", timeout=20_000)
    remove = form.get_by_role("button", name="Remove the value of phone", exact=True)
    remove.focus()
    expect(remove).to_have_css("outline-style", "solid", timeout=20_000)


ANSWERS: Final = """
import fh_notebook as fh
hive = fh.local.LocalHive()
for variant in 'abc':
    hive.workflow('long', variant=variant)(lambda text: '\\n\\n'.join(f'{n}. {text}' for n in range(12)))
fh.form(fh.Deployment('long', variants=[*'abc'], inputs={'text': fh.text()}), values={'text': 'late'}, client=hive.client())
"""
TOP: Final = "pane => pane.scrollTop"


def _scrolls(pane: Locator, act: Callable[[], None]) -> None:
    """Do what scrolls a pane, and wait for its end: a key that is pressed while a scroll ends may be dropped."""
    pane.evaluate(
        """(e, most) => {
            const ended = new Promise(done => e.addEventListener('scrollend', () => done(true), {once: true}));
            e.scrolled = Promise.race([ended, new Promise(done => setTimeout(() => done(false), most))]);
        }""",
        PROMPT_MS,
    )
    act()
    assert pane.evaluate("e => e.scrolled"), "nothing was scrolled"


def test_answers_that_are_scrolled_away_have_a_sign_and_a_new_run_is_in_sight(lab: Lab) -> None:
    """By the wheel and by keys; the signs name their side, and move nothing."""
    lab.resize(1600, 700)
    lab.open(ANSWERS)
    form = lab.run(0).locator(".fh-panel")
    wait_until_at_work(form)
    pane, run, cards = form.locator(".fh-pane").last, form.locator("button.fh-run"), form.locator(".fh-column")
    run.click()
    expect(cards.last).to_contain_text("completed")
    above, below = ("e => e.classList.contains('fh-more-above')", "e => e.classList.contains('fh-more-below')")
    _comes_true(lab, lambda: {"below": pane.evaluate(below), "none above": not pane.evaluate(above)}, "at the top")
    assert "more below" in pane.evaluate("e => getComputedStyle(e, '::after').content")
    height = pane.evaluate("e => e.scrollHeight")
    cards.first.hover()
    _scrolls(pane, lambda: lab.page.mouse.wheel(0, 5_000))
    _comes_true(lab, lambda: {"above": pane.evaluate(above), "none below": not pane.evaluate(below)}, "at the end")
    bar = "e => getComputedStyle(e.querySelector('.fh-run-bar'), '::after').content"
    assert "more above" in pane.evaluate(bar)
    assert pane.evaluate("e => e.scrollHeight") == height
    cards.last.get_by_role("button", name="Copy").evaluate("e => e.focus({preventScroll: true})")
    for key, is_top in (("Home", True), ("PageDown", False)):
        _scrolls(pane, partial(lab.page.keyboard.press, key))
        _comes_true(lab, lambda is_top=is_top: {"scrolled": (pane.evaluate(TOP) == 0) is is_top}, key)
    # In one step: emptied cards would put it to the top by themselves.
    assert run.evaluate("e => { e.click(); return e.closest('.fh-pane').scrollTop; }") == 0
    lab.screenshot("form-more-below", of=form)
    lab.resize(1200, 1000)
