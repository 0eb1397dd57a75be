"""A page that is reloaded while calls are out: what goes on is seen again, and can be ended."""

from __future__ import annotations

import re
import shutil

import pytest
from playwright.sync_api import expect

from tests.browser.form_page import wait_until_at_work
from tests.lab import LAB, Lab
from tests.notebook.paced_hive import PacedHive

pytestmark = [pytest.mark.browser, pytest.mark.long]

SETUP = (
    "%load_ext fh_notebook\nimport fh_notebook as fh\n"
    "fh.configure(base_url={url!r}, api_key='fhk_' + '0123456789abcdef')\n"
    "rows = [{{'text': str(i)}} for i in range(80)]"
)
BACKGROUND = "batch = fh.batch(rows, 'paced', variants='v', name='triage', wait=False, max_concurrency=4)"
FORM = "fh.form(fh.Deployment('paced', variants=['v'], inputs={'text': fh.text()}))"
BLOCKING = "batch = fh.batch(rows, 'paced', variants='v', name='triage', max_concurrency=4)"

STOP = re.compile(r"\bStop\b")
"""The toolbar's button, in the line for a page without the widgets."""


def _reload(lab: Lab) -> None:
    lab.save()
    lab.page.reload(wait_until="domcontentloaded")
    lab.page.locator(".jp-Notebook").wait_for()


def test_the_bar_of_a_batch_in_the_background_goes_on(lab: Lab, paced_hive: PacedHive) -> None:
    """Bar, numbers and buttons follow the batch, and so does how it ended; one bar is seen."""
    with paced_hive.serve() as server:
        lab.open(SETUP.format(url=server.url), BACKGROUND)
        lab.run(0)
        lab.start(1)
        here = lab.output(1)
        here.locator("button.fh-pause").wait_for()
        paced_hive.let_go(8)
        lab.expect_text(here, "8 of 80 completed")
        expect(here.locator("[role=progressbar]").locator("visible=true")).to_have_count(1)
        _reload(lab)
        here = lab.output(1)
        here.locator("button.fh-pause").wait_for()
        paced_hive.let_go(8)
        lab.expect_text(here.locator(".fh-live"), "16 of 80 completed")
        expect(here.locator("[role=progressbar]").locator("visible=true")).to_have_count(1)
        lab.screenshot("reloaded-background")
        here.locator("button.fh-pause").click()
        lab.expect_text(here.locator(".fh-live"), "paused")
        here.locator("button.fh-cancel").click()
        lab.expect_text(here.locator(".fh-live"), "cancelled;")
        expect(here.locator("button.fh-pause, button.fh-cancel")).to_have_count(0)
        here.get_by_role("button", name="Browse").click()
        expect(here.locator(".fh-browse")).to_be_visible()
        lab.screenshot("reloaded-background-ended")


@pytest.mark.parametrize(
    ("code", "ended"),
    [
        (BLOCKING, "interrupted;"),
        ("%%fetchhive paced -v v\ntext: hi", r"fh\.history\(\)"),
    ],
    ids=["batch", "cell"],
)
def test_a_cell_that_blocks_says_how_it_is_ended(lab: Lab, paced_hive: PacedHive, code: str, ended: str) -> None:
    """JupyterLab has no widgets before the kernel's first word; the line says to use Stop, which works, and the end."""
    with paced_hive.serve() as server:
        lab.open(SETUP.format(url=server.url), code)
        lab.run(0)
        lab.start(1)
        here = lab.output(1)
        here.locator("button.fh-cancel").wait_for()
        expect(here.get_by_text(STOP)).to_be_hidden()
        _reload(lab)
        here = lab.output(1)
        expect(here.get_by_text(STOP)).to_be_visible()
        expect(here.get_by_text(STOP)).to_contain_text("JupyterLab")
        expect(here.get_by_text("Loading widget")).to_be_hidden()
        lab.screenshot(f"reloaded-blocking-{code[:5]}")
        lab.page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel")
        lab.interrupt()
        lab.expect_text(here.locator(".fh-live"), ended)
        expect(here.get_by_text(STOP)).to_be_hidden()
        expect(here.get_by_text("model not found")).to_have_count(0)
        lab.screenshot(f"reloaded-blocking-ended-{code[:5]}")


def test_a_form_keeps_its_values_its_answers_and_what_runs(lab: Lab, paced_hive: PacedHive) -> None:
    """Fields, the last answer and the call that is out; its answer comes to the new page, and Run is for the next."""
    with paced_hive.serve() as server:
        lab.open(SETUP.format(url=server.url), FORM)
        lab.run(0)
        form = lab.run(1).locator(".fh-panel")
        text = form.get_by_label("text").first
        text.fill("first")
        paced_hive.let_go(1)
        text.press("Control+Enter")
        expect(form.locator(".fh-results")).to_contain_text("said first")
        text.fill("second")
        text.press("Control+Enter")
        expect(form.locator("button.fh-run")).to_be_disabled()
        _reload(lab)
        form = lab.output(1).locator(".fh-panel")
        expect(form.get_by_label("text").first).to_have_value("second")
        expect(form.locator("button.fh-run")).to_be_disabled()
        expect(form.locator("button.fh-cancel")).to_be_enabled()
        paced_hive.let_go(1)
        expect(form.locator(".fh-results")).to_contain_text("said second")
        expect(form.locator("button.fh-run")).to_be_enabled()
        _reload(lab)
        expect(lab.output(1).locator(".fh-panel .fh-results")).to_contain_text("said second")


OPENED = """%load_ext fh_notebook
import fh_notebook as fh
hive = fh.local.LocalHive()
hive.workflow("order", variant="v")(lambda text, n, **more: f"said {text}")
inputs = {"text": fh.text(), "n": fh.integer(), **{f"word{i}": fh.text(default="a") for i in range(7)}}
order = fh.Deployment("order", variants=["v"], inputs=inputs)
fh.form(order, values={"n": 3}, client=hive.client())"""


@pytest.mark.parametrize("place", [LAB, "notebooks"])
def test_what_is_open_in_a_form_stays(lab: Lab, place: str) -> None:
    """Values, also of folded fields; messages of a rejected run; an earlier call's answers; and all of it goes on."""
    lab.place = place
    lab.resize(1600, 1000)
    lab.open(OPENED)
    form = lab.run(0).locator(".fh-panel")
    wait_until_at_work(form)
    run, text = form.locator("button.fh-run"), form.get_by_label("text").first
    text.fill("first")
    run.click()
    expect(form.locator(".fh-results")).to_contain_text("said first")
    form.get_by_role("button", name="optional fields at their defaults").click()
    form.get_by_label("word3").first.fill("changed")
    form.get_by_label("word4").first.press("Shift+Tab")
    form.get_by_role("button", name="Earlier calls").click()
    form.get_by_role("button", name="Answers").click()
    form.get_by_role("button", name="Show request").click()
    text.fill("")
    form.get_by_label("n *").first.fill("x")
    run.click()
    expect(run).to_contain_text("2 to correct")
    _reload(lab)
    wait_until_at_work(form)
    expect(run).to_contain_text("2 to correct")
    expect(form.locator(".fh-status")).to_contain_text("Nothing was sent.")
    expect(form.get_by_role("alert").locator("visible=true")).to_have_count(2)
    expect(form.get_by_label("n *").first).to_have_value("x")
    expect(form.get_by_label("word3").first).to_have_value("changed")
    expect(form.get_by_label("word4").first).to_be_visible()
    expect(form.locator(".fh-results")).to_contain_text("said first")
    expect(form.locator(".fh-earlier tbody tr")).to_have_count(1)
    expect(form.locator(".fh-earlier-answers")).to_contain_text("said first")
    expect(form.locator(".fh-request")).to_be_visible()
    form.locator(".fh-status").get_by_role("link", name="text").click()
    expect(text).to_be_focused()
    text.fill("second")
    form.get_by_label("n *").first.fill("4")
    text.press("Control+Enter")
    expect(form.locator(".fh-results")).to_contain_text("said second")
    expect(form.locator(".fh-earlier tbody tr")).to_have_count(2)


PENDING = """import fh_notebook as fh
hive = fh.local.LocalHive()
@hive.workflow("refund", variant="v", human="finance")
def refund(amount: int) -> str:
    return "paid" if fh.local.ask_human(f"Refund {amount} EUR?").approved else "refused"
pending = hive.client().submit("refund", variant="v", inputs={"amount": 120})
hive.wait_approval()
_ = pending.refresh()"""


def test_the_card_of_a_pending_run_goes_on(lab: Lab) -> None:
    """Its outcome comes to the new page, and there is one card at any time."""
    lab.open(PENDING, "pending", "hive.decide(pending, approve=True)")
    lab.run(0)
    lab.expect_text(lab.run(1), "Refund 120 EUR?")
    card = lab.output(1).locator(".fh-card").locator("visible=true")
    expect(card).to_have_count(1)
    _reload(lab)
    lab.expect_text(card, "Refund 120 EUR?")
    lab.page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel")
    lab.run(2)
    lab.expect_text(card, "completed")
    expect(card).to_have_count(1)


HOLD_STATES = """() => {
    if (!sessionStorage.holdsStates || window.heldStates) return;  // the page may have the script of another test, too
    const held = window.heldStates = [];
    window.WebSocket = class extends WebSocket {
        set onmessage(hear) {
            super.onmessage = event => {
                const {data} = event, text = typeof data === 'string' ? data : new TextDecoder('latin1').decode(data);
                const isStates = text.includes('"_model_module"');
                if (isStates && sessionStorage.holdsStates) held.push(() => hear(event)); else hear(event);
            };
        }
    };
}"""
"""Holds the kernel's answer to a page that asks for the states of all widgets, which it makes them from."""
LET_GO = "() => { delete sessionStorage.holdsStates; window.heldStates.forEach(hear => hear()); }"


@pytest.mark.parametrize("place", [LAB, "notebooks"])
def test_what_comes_while_a_page_makes_its_widgets_anew_is_seen(lab: Lab, place: str) -> None:
    """The front end drops what the kernel sends of a widget that it has not made yet; the page is told once more."""
    lab.place = place
    lab.open(PENDING, "pending", "hive.decide(pending, approve=True)\npending.wait()")
    lab.run(0)
    lab.expect_text(lab.run(1), "Refund 120 EUR?")
    lab.save()
    lab.page.add_init_script(f"({HOLD_STATES})()")
    lab.page.evaluate("() => { sessionStorage.holdsStates = 'yes'; }")
    lab.page.reload(wait_until="domcontentloaded")
    lab.page.locator(".jp-Notebook").wait_for()
    lab.page.wait_for_function("() => window.heldStates?.length")
    lab.page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel")
    lab.run(2)
    card = lab.output(1).locator(".fh-card").locator("visible=true")
    lab.expect_text(card, "Refund 120 EUR?")
    lab.page.evaluate(LET_GO)
    lab.expect_text(lab.output(1).locator(".fh-live .fh-card"), "completed")
    expect(card).to_have_count(1)


def test_where_the_kernel_is_another_the_last_state_is_seen(lab: Lab, paced_hive: PacedHive) -> None:
    """A copy of the notebook has its own kernel, which knows no widgets: what stands in for them says of when it is."""
    with paced_hive.serve() as server:
        lab.open(SETUP.format(url=server.url), BACKGROUND, f"{SETUP.format(url=server.url)}\n{FORM}")
        lab.run(0)
        lab.start(1)
        lab.output(1).locator("button.fh-pause").wait_for()
        lab.run(2).locator("button.fh-run").wait_for()
        lab.save()
        shutil.copy(lab.server.root / lab.name, lab.server.root / "reload-copy.ipynb")
        lab.open(name="reload-copy.ipynb")
        expect(lab.output(1).get_by_text(re.compile(r"\b\d\d:\d\d:\d\d UTC"))).to_be_visible()
        expect(lab.output(2).locator(".fh-form-static")).to_be_visible()
        lab.page.wait_for_function("() => document.body.textContent.includes('model not found')")
        for index in (1, 2):
            expect(lab.output(index).get_by_text("model not found")).to_be_hidden()
        lab.screenshot("reloaded-elsewhere")


def test_a_form_whose_kernel_was_restarted_says_what_to_do(lab: Lab, paced_hive: PacedHive) -> None:
    """Once, above its fields, which stay where they are: the mark that ipywidgets gives each widget would move them."""
    with paced_hive.serve() as server:
        lab.open(SETUP.format(url=server.url), FORM)
        lab.run(0)
        panel = lab.run(1).locator(".fh-panel")
        panel.locator("button.fh-run").wait_for()
        lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
        panel.locator("button.fh-run.jupyter-widgets-disconnected").wait_for()
        said = "e => getComputedStyle(e, '::before').content"
        assert re.search(r'^".*\w', panel.evaluate(said))
        marks = "e => getComputedStyle(e.querySelector('.jupyter-widgets-disconnected'), '::before').display"
        assert panel.evaluate(marks) == "none"
