"""The results of a submit in JupyterLab: hostile outputs, files, copying, and many long ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from fh_notebook.local import LocalHive
from tests.browser.form_page import cut_off
from tests.lab import Lab, expect_copied

pytestmark = pytest.mark.browser

ROOT = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})"
"""The kernel finds the tests' own outputs."""

# The smallest picture that a page shows: one pixel.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)

SETUP = """
import fh_notebook as fh
from fh_notebook.notebook.results.view import ResultsView
from tests.notebook.hostile import EVIL, INVISIBLE, MARKDOWN, OUTPUTS

def run(variant, output=None, **more):
    known = dict(status="completed", deployment="support-triage", variant=variant, output=output, elapsed_s=1.234,
                 request_id="req_0123456789abcdef0123456789abcdef")
    return fh.Run(**{**known, **more})

view = ResultsView()
view.begin(["keywords", "nearest", "written", "labelled", "table", "broken", "out"])
view.widget
"""
ANSWERS = """
reply = '# Reply\\n\\nDear **Ada**, your parcel is late.\\n\\n- We asked the carrier\\n- You get `5 EUR`\\n\\n[more](https://a.example)'
view.show(0, run('keywords', 'Your parcel is late. We are sorry, and refund 5 EUR at once.'))
view.show(1, run('nearest', 'The parcel is late; we are sorry, and refund 10 EUR tomorrow.'))
view.show(2, run('written', reply))
view.show(3, run('labelled', {'label': 'billing', 'confidence': 0.93, 'tags': ['card', 'refund'], 'near': {'n': [1, 2]}}))
view.show(4, run('table', [{'label': 'billing', 'score': 0.9, 'why': 'charged twice'}, {'label': 'delivery', 'score': 0.1}]))
view.show(5, run('broken', None, status='failed', error='no credits are left; buy more, or wait until midnight UTC',
                 error_code='insufficient_hosted_llm_credits'))
"""
REPEATS = """
again = ResultsView()
again.begin(["keywords", "nearest"], 3)
for index, word in enumerate(["late", "late", "lost", "late", "lost"]):
    again.show(index, run(["keywords", "nearest"][index // 3], f"Your parcel is {word}, and we are sorry."))
again.stopped()
again.widget
"""
ALONE = r"""
from ipywidgets import VBox
table = '| name | n | sum |\n|---|:-:|--:|\n| parcel | 2 | 10.50 |\n| grinder | 1 | 9.00 |'
views = [ResultsView() for _ in range(3)]
for one, output in zip(views, ['late', 'It is late, and we are sorry. ' * 24, table]):
    one.begin(['a'])
    one.show(0, run('a', output))
VBox([one.widget for one in views])
"""
HOSTILE = """
evil = ResultsView()
evil.begin([EVIL, *(f"v{n}" for n in range(len(OUTPUTS))), INVISIBLE])
evil.show(0, run(EVIL, None, status=EVIL, error=EVIL, error_code=EVIL, request_id=EVIL))
for index, output in enumerate(OUTPUTS, 1):
    evil.show(index, run(f"v{index}", output))
evil.stopped(EVIL)
evil.widget
"""
MANY = """
import random
chance = random.Random(4)
names = [f'v{n:02}' for n in range(20)]
words = [f'word{n}' for n in range(4_000)]
outputs = [' '.join(chance.choices(words, k=11_000)) for _ in names]
outputs[3] = '# Title\\n\\n' + '- *item* with a [link](https://a.example/x)\\n' * 2_300
outputs[4] = [{'id': n, 'text': 'some words of it'} for n in range(2_500)]
outputs[5] = {'rows': outputs[4]}
many = ResultsView()
many.begin(names)
many.widget
"""
SHOW_FEW = """
for index, name in enumerate(names):
    many.show(index, run(name, f'short {index}'))
"""
SHOW_MANY = """
many.begin(names)
for index, name in enumerate(names):
    many.show(index, run(name, outputs[index]))
"""


@pytest.fixture
def hive() -> LocalHive:
    """A hive whose workflow makes a picture."""
    hive = LocalHive()

    @hive.workflow("painter", variant="a")
    def painter() -> dict[str, object]:
        return {"assets": [hive.asset("pixel.png", PIXEL), hive.asset("notes.txt", b"text")]}

    return hive


@pytest.mark.long
def test_results_beside_each_other_wide_and_narrow_light_and_dark(lab: Lab) -> None:
    """One column a variant; at 400 px they lie below each other, and nothing is cut off."""
    lab.open(ROOT, SETUP, ANSWERS, REPEATS)
    lab.run(0)
    shown = lab.run(1)
    expect(shown.locator(".fh-column")).to_have_count(7)
    lab.expect_text(shown, r"Running \d")
    lab.run(2)
    lab.expect_text(shown, r"5 of 7 completed, 1 failed")
    expect(shown.locator("ins").first).to_have_text("The")
    expect(shown.locator(".fh-column").nth(5)).to_contain_text("no credits are left; buy more")
    repeats = lab.run(3)
    lab.expect_text(repeats, r"5 of 6 completed, 1 not sent")
    expect(shown.locator(".fh-copy")).to_have_count(5)
    heights = "all => all.map(button => Math.round(button.getBoundingClientRect().top - button.closest('.fh-o').getBoundingClientRect().top))"
    assert len(set(shown.locator(".fh-copy").evaluate_all(heights))) == 1
    for look in lab.looks(height=1_400):
        for name, where in (("results", shown), ("repeats", repeats)):
            where.scroll_into_view_if_needed()
            lab.screenshot(f"{name}-{look}", of=where)
            assert cut_off(where, ".fh-column, .fh-out, button, .fh-head, table, select") == [], (name, look)
        if look.endswith("-400"):
            lefts = "all => all.map(column => Math.round(column.getBoundingClientRect().left))"
            assert len(set(shown.locator(".fh-column").evaluate_all(lefts))) == 1

    # Another repeat by the keyboard alone.
    chooser = repeats.locator(".fh-repeats select").first
    chooser.focus()
    chooser.press("End")
    expect(repeats.locator(".fh-column").first).to_contain_text("lost")
    expect(repeats.locator(".fh-column").nth(1)).to_contain_text("differs")
    assert lab.external == []
    assert lab.errors == []


COPYING = """
import fh_notebook as fh; from fh_notebook.notebook.results.view import ResultsView; view = ResultsView()
text = {begun!r} + '\\nmore of it' * {times}
view.begin(['a', 'b'])
view.show(0, fh.Run(status='completed', output=text)); view.show(1, fh.Run(status='completed', output={{'label': 'late', 'n': [1]}}))
view.widget
"""
BEGUN = '\nfirst line of it\n\n  an indented one, it\'s "quoted" </textarea><b>\nlast'


@pytest.mark.long
def test_a_short_answer_is_one_line_beside_copy_and_a_table_is_read_from_the_left(lab: Lab) -> None:
    """Copy alone has no bar of its own and covers no text; columns of Markdown keep their alignment."""
    lab.open(ROOT, SETUP, ALONE)
    lab.run(0)
    lab.run(1)
    shown = lab.run(2)
    cells = shown.locator(".fh-md :is(th, td)")
    expect(cells).to_have_count(9)
    for look in lab.looks(height=1_000, widths=(1600, 800)):
        lab.screenshot(f"short-{look}", of=shown)
        for place in (0, 1):
            assert shown.locator(".fh-o").nth(place).evaluate(_COVERED) == [], look
        assert shown.locator(".fh-o").first.evaluate("view => view.offsetHeight") < 40
        aligned = "all => all.map(cell => getComputedStyle(cell).textAlign)"
        assert cells.evaluate_all(aligned) == ["start", "center", "right"] * 3
        paddings = "all => all.map(cell => getComputedStyle(cell).padding)"
        assert set(cells.evaluate_all(paddings)) == {"2px 12px 2px 0px"}
        backgrounds = "all => all.map(row => getComputedStyle(row).backgroundColor)"
        assert set(shown.locator(".fh-md tr").evaluate_all(backgrounds)) == {"rgba(0, 0, 0, 0)"}
    shown.locator("[value=markdown]").focus()
    lab.page.keyboard.press("Shift+Tab")
    expect(shown.locator(".fh-copy").nth(1)).to_be_focused()


_COVERED = """view => {
  const copy = view.querySelector(".fh-copy").getBoundingClientRect(), range = document.createRange();
  range.selectNodeContents(view.querySelector(".fh-out"));
  return [...range.getClientRects()].filter(line => line.right > copy.left && line.left < copy.right && line.top < copy.bottom
    && line.bottom > copy.top && line.width > 6).map(line => line.toJSON());
}"""
"""The lines of a text that Copy covers; a blank at the end of a line hangs over its edge."""


LEVEL = """import fh_notebook as fh
hive = fh.local.LocalHive()
for name in ("baseline-of-a-long-name", "few-shot"):
    hive.workflow("order", variant=name)(lambda text, name=name: {"label": name, "rows": [{"line": n} for n in range(40)]})
names = ["baseline-of-a-long-name", "few-shot"]
order = fh.Deployment("order", variants=names, inputs={"text": fh.text(multiline=True)})
fh.form(order, values={"text": "Late."}, client=hive.client())"""

TOPS = "parts => parts.map(part => Math.round(part.getBoundingClientRect().top))"
EDGES = "parts => parts.map(part => part.getBoundingClientRect()).map(box => [box.top, box.bottom])"
_ON_TOP = """next => {
  const {left, right, top, bottom} = next.getBoundingClientRect(), cell = next.closest(".jp-Cell");
  const above = [0.1, 0.5, 0.9].map(share => document.elementFromPoint(left + share * (right - left), (top + bottom) / 2));
  return above.filter(one => !cell.contains(one)).map(one => one.className);
}"""
"""What lies over the output of a cell."""
LOST = "parts => parts.filter(part => part.scrollHeight > part.clientHeight + 1).map(part => part.className)"


FIVE_TO_NINE = """
import fh_notebook as fh
from fh_notebook.notebook.results.cards import SideBySide
runs = [fh.Run(status="completed", output="Late.", deployment="d", variant=f"v{n}") for n in range(9)]
for count in range(5, 10):
    display(SideBySide(runs[:count]))
"""
_RIGHT_OF_LINES = """sides => sides.map(side => {
  const ends = {};
  for (const card of side.children) {
    const {top, right} = card.getBoundingClientRect();
    ends[Math.round(top)] = Math.max(ends[Math.round(top)] ?? 0, Math.round(right));
  }
  return Object.values(ends);
})"""


@pytest.mark.long
def test_no_line_of_many_answers_has_a_hole(lab: Lab) -> None:
    """However many there are, the last line is as wide as the first; two to four are in a line."""
    lab.open(FIVE_TO_NINE)
    sides = lab.run(0).locator(".fh-side")
    lines = set()
    for width in (500, 850, 1150, 1700):
        lab.resize(width, 1000)
        for ends in sides.evaluate_all(_RIGHT_OF_LINES):
            assert max(ends) - min(ends) <= 1, width
            lines.add(len(ends))
    assert {2, 3, 5, 9} <= lines


@pytest.mark.long
@pytest.mark.parametrize("place", ["doc/tree", "notebooks"])
def test_answers_of_a_form_are_level_and_whole(lab: Lab, place: str) -> None:
    """Outputs side by side begin level under heads of other heights, and tabs are one line.

    How far a run is has a line of its own. Nothing is cut off when the answers of an earlier call are opened below, and
    nothing lies over the next cell: what is longer than the window scrolls in its pane.
    """
    lab.place = place
    lab.resize(800, 1000)
    lab.open(LEVEL, "'the next cell'")
    lab.run(1)
    form = lab.run(0).locator(".fh-panel")
    form.locator("button.fh-run").click()
    outputs = form.locator(".fh-results .fh-o")
    expect(outputs).to_have_count(2)
    tabs = outputs.nth(1).locator(".fh-o-tab")
    expect(tabs).to_have_text(["Text", "JSON", "Table", "Differences"])
    assert len(set(outputs.evaluate_all(TOPS))) == 1
    assert len(set(tabs.evaluate_all(TOPS))) == 1
    parts = form.locator(".fh-by-callback, .fh-progress, .fh-status")
    (_, ends), (line, line_ends), (status, _) = parts.evaluate_all(EDGES)
    assert ends <= line < line_ends <= status
    lab.resize(1600, 900)
    form.get_by_role("button", name="Earlier calls").click()
    form.get_by_role("button", name="Answers").click()
    expect(form.locator(".fh-earlier-answers .fh-o")).to_have_count(2)
    boxes = form.locator(".fh-results, .fh-results .fh-column, .fh-earlier-answers")
    assert boxes.evaluate_all(LOST) == []
    bar, heading = form.locator(".fh-run-bar"), form.locator(".fh-earlier-answers").get_by_role("heading")
    expect(heading).to_contain_text("Answers of the call of")
    (_, bar_ends), (top, ends) = bar.evaluate_all(EDGES)[0], heading.evaluate_all(EDGES)[0]
    assert bar_ends <= top < ends <= 900
    lab.output(1).scroll_into_view_if_needed()
    assert lab.output(1).evaluate(_ON_TOP) == []


@pytest.mark.long
def test_an_output_is_copied_and_its_form_is_switched_by_mouse_and_by_keys(lab: Lab) -> None:
    """In one click or key, what the page has itself and what it must ask for; the form without the kernel."""
    lab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    again = "view.begin(['a', 'b']); view.show(1, fh.Run(status='completed', output=[{'label': 'lost'}]))"
    lab.open(COPYING.format(begun=BEGUN, times=3), again, COPYING.format(begun=BEGUN, times=20_000))
    shown = lab.run(0)
    _copy(lab, shown, BEGUN + "\nmore of it" * 3)

    # The form that was chosen is kept for the next answer.
    view = shown.locator(".fh-column").nth(1)
    expect(view.locator(".fh-as:visible")).to_have_class("fh-as fh-as-json")
    view.get_by_role("radio", name="Table").click()
    expect(view.locator(".fh-as:visible")).to_have_class("fh-as fh-as-table")
    view.get_by_role("radio", name="Table").press("ArrowLeft")
    expect(view.locator(".fh-as:visible")).to_have_class("fh-as fh-as-json")
    lab.run(1)
    expect(view).to_contain_text("lost")
    expect(view.locator(".fh-as:visible")).to_have_class("fh-as fh-as-json")  # by itself it would be a table

    many = lab.run(2)
    _copy(lab, many, BEGUN + "\nmore of it" * 20_000)
    many.locator(".fh-fold summary").first.click()
    many.locator(".fh-show-all").first.click()
    expect(many.locator(".fh-whole-form")).to_be_focused()
    assert many.locator(".fh-whole-form").text_content() == BEGUN + "\nmore of it" * 20_000

    # Where the clipboard is refused the text is selected, so that one key is left to press, and the reason is said.
    shown = lab.run(0)
    lab.page.evaluate(
        "() => { navigator.clipboard.writeText = async () => { throw new DOMException('no', 'NotAllowedError'); }; }"
    )
    shown.locator(".fh-copy").first.click()
    expect(shown.locator(".fh-copied")).to_contain_text("The browser refused the clipboard (NotAllowedError)")
    expect(shown.locator(".fh-all")).to_be_focused()
    assert lab.page.evaluate("() => String(getSelection())").strip() == (BEGUN + "\nmore of it" * 3).strip()
    lab.page.evaluate("() => { delete navigator.clipboard.writeText; }")
    assert lab.errors == []


def _copy(lab: Lab, shown: Locator, text: str) -> None:
    button = shown.locator(".fh-copy").first
    for by_one in (button.click, lambda: button.press("Enter")):
        expect_copied(lab.page, by_one, text)
        expect(button).to_have_text("Copied")
    expect(button).to_have_text("Copy")


def test_hostile_outputs_neither_run_nor_fetch_anything(lab: Lab, hive: LocalHive) -> None:
    """In every form; a picture is fetched after a click on its button, and not before."""
    with hive.serve() as server:
        lab.open(
            ROOT, SETUP, HOSTILE,
            f"fh.configure(base_url={server.url!r})\npainted = ResultsView(); painted.begin(['a'])\n"
            "painted.show(0, fh.invoke('painter', variant='a')); painted.widget",
        )  # fmt: skip
        for index in range(3):
            lab.run(index)
        evil = lab.output(2)
        expect(evil.locator(".fh-column")).to_have_count(12)
        lab.expect_text(evil, "not sent")
        for radio in evil.locator(".fh-o-tab input").all():
            radio.check()
        assert lab.page.evaluate("() => window.evil") is None
        for selector in ("script", "iframe", "img", "[onerror]", "[onclick]"):
            expect(evil.locator(selector)).to_have_count(0)
        links = evil.locator("a").evaluate_all("links => links.map(link => [link.href, link.target, link.rel])")
        assert links
        for address, target, rel in links:
            assert address.startswith("https://"), address
            assert (target, rel) == ("_blank", "noopener noreferrer")
        evil.locator(".fh-column").first.scroll_into_view_if_needed()
        lab.screenshot("results-hostile")
        assert lab.external == []

        painted = lab.run(3)
        lab.expect_text(painted, "pixel.png")
        painted.locator(".fh-copy").first.wait_for()
        assert lab.external == []
        expect(painted.locator(".fh-show-file")).to_have_count(1)
        painted.locator(".fh-show-file").click()
        picture = painted.locator("img")
        picture.wait_for()
        lab.page.wait_for_function(
            "() => [...document.images].some(i => i.alt === 'pixel.png' && i.naturalWidth === 1)"
        )
        [asked] = lab.external
        assert asked.startswith(f"{server.url}/assets/")
        assert lab.errors == []


# Tasks below 50 ms are not told by a browser: nobody notices them.
UNNOTICED_MS = 50
LONGEST_TASK = """() => {
    window.fhLongest = 0;
    new PerformanceObserver(list => {
        for (const entry of list.getEntries()) window.fhLongest = Math.max(window.fhLongest, entry.duration);
    }).observe({entryTypes: ['longtask']});
}"""


@pytest.mark.long
def test_twenty_results_of_100_kb_do_not_freeze_the_page(lab: Lab) -> None:
    """No task of the page takes ten times as long as with short ones."""
    lab.open(ROOT, SETUP, MANY, SHOW_FEW, SHOW_MANY)
    for index in range(2):
        lab.run(index)
    many = lab.run(2)
    expect(many.locator(".fh-column")).to_have_count(20)
    lab.page.evaluate(LONGEST_TASK)
    lab.run(3)
    lab.expect_text(many, "20 of 20 completed")
    few = lab.page.evaluate("() => { const ms = window.fhLongest; window.fhLongest = 0; return ms; }")
    lab.run(4)
    lab.expect_text(many, "word1")
    lab.expect_text(many, "20 of 20 completed")
    many.locator(".fh-column").nth(19).scroll_into_view_if_needed()
    expect(many.locator(".fh-column").nth(19)).to_contain_text("differs")
    longest = lab.page.evaluate("() => window.fhLongest")
    print(f"longest task of the page: {longest:.0f} ms; with short results {few:.0f} ms")
    elements = many.locator("*").count()
    sent = many.evaluate("node => node.innerHTML.length")
    print(f"{elements:,} elements, {sent:,} characters")
    assert sent < 1_500_000
    assert elements < 40_000
    assert longest < 10 * max(few, UNNOTICED_MS)
    assert lab.external == []
