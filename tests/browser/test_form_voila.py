"""A form, and a batch, served as an app by Voila: no code, no cells, and each visitor has a kernel of their own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

import nbformat
import pytest
from playwright.sync_api import Browser, expect

from fh_notebook.local import LocalHive, ask_human
from tests import notebooks
from tests.browser.form_page import cut_off, setup
from tests.lab import PATIENCE_MS, picture_folder, save_picture
from tests.notebook.forms.form_hive import PASSWORD, FormHive
from tests.notebook.paced_hive import KEY, PacedHive
from tests.voila import run_voila

pytestmark = pytest.mark.browser


WAITING: Final = """
from fh_notebook.local import LocalHive, ask_human
hive = LocalHive()
@hive.workflow("refund", variant="v", human="finance@example.com")
def refund(amount: int) -> str:
    return "paid" if ask_human(f"Refund {amount}?").approved else "refused"
waiting = fh.form("refund", values={"amount": 120}, client=hive.client(), app=True)
waiting.delivery = "callback"
waiting
"""


@pytest.mark.long
def test_a_form_is_an_app(browser: Browser, tmp_path: Path) -> None:
    """It is typed into, run, and shows what came; the last state without widgets is not shown twice, no code is.

    Of a run that waits a visitor reads that its answer comes, and neither its id nor who decides.
    """
    hive = FormHive()
    with hive.serve() as server:
        notebook = tmp_path / "app.ipynb"
        cells = [setup(server.url), "form = fh.form(reply, variants='plain')\nform", WAITING]
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(made, notebook)
        with run_voila(notebook) as url:
            page = browser.new_context(viewport={"width": 1000, "height": 900}).new_page()
            page.set_default_timeout(PATIENCE_MS)
            page.goto(url)
            form, waiting = (page.locator(".fh-panel").nth(n) for n in (0, 1))
            waiting.locator("button.fh-run").click()
            expect(waiting.locator(".fh-pending .fh-badge")).to_have_count(1)
            expect(waiting.locator(".fh-pending-row bdi")).to_have_text(re.compile(r"\w"))
            for word in ("req_", "finance", "fh.", "form."):
                expect(waiting).not_to_contain_text(word)
            form.locator("textarea").first.fill("I was charged twice.")
            form.locator("input[type=password]").fill(PASSWORD)
            form.locator("button.fh-run").click()
            expect(form.locator(".fh-results")).to_contain_text("Dear customer, I was charged twice.")
            expect(page.locator(".fh-form-static").locator("visible=true")).to_have_count(0)
            assert "fh.form(" not in page.content()
            for width in (1600, 400):
                page.set_viewport_size({"width": width, "height": 900})
                save_picture(page, picture_folder(), f"form-voila-{width}", full_page=True)
                cut = cut_off(form)
                assert not cut, f"at {width} pixels: {cut}"
            page.context.close()
    assert hive.got[-1]["token"] == PASSWORD


@pytest.mark.long
def test_the_shipped_app_is_one(browser: Browser, tmp_path: Path) -> None:
    """The how-to's own notebook, served: its form runs against the local hive, its texts are there, its code is not."""
    [shipped] = [file for file in notebooks.shipped() if file.stem == "how_to_voila_app"]
    shutil.copy(shipped, tmp_path)
    with run_voila(tmp_path / shipped.name) as url:
        page = browser.new_context(viewport={"width": 1000, "height": 1000}).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(url)
        form = page.locator(".fh-panel")
        form.locator("button.fh-run").click()
        expect(form.locator(".fh-results")).to_contain_text("billing")
        expect(page.get_by_text("How to: a form as an app")).to_be_visible()
        assert "fh.form(" not in page.content()
        save_picture(page, picture_folder(), "how_to_voila_app-served", full_page=True)
        page.context.close()


@pytest.mark.long
def test_a_running_batch_is_live_in_an_app(browser: Browser, tmp_path: Path, paced_hive: PacedHive) -> None:
    """Voila makes its page when all cells have run: the batch goes on in it, can be paused, and shows what came of it.

    A visitor is not asked where on the server to save it.
    """
    with paced_hive.serve() as server:
        notebook = tmp_path / "app.ipynb"
        begun = "batch = fh.batch([{'text': str(i)} for i in range(12)], 'paced', variants='v', max_concurrency=2, wait=False)"
        cells = [
            f"import fh_notebook as fh\nfh.configure(base_url={server.url!r}, api_key='fhk_' + {KEY.removeprefix('fhk_')!r})",
            begun,
        ]
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(made, notebook)
        with run_voila(notebook) as url:
            page = browser.new_context(viewport={"width": 1000, "height": 900}).new_page()
            page.set_default_timeout(PATIENCE_MS)
            page.goto(url)
            paced_hive.wait_for(2)
            paced_hive.let_go(3)
            expect(page.locator(".fh-live")).to_contain_text("3 of 12 completed")
            page.locator("button.fh-pause").click()
            expect(page.locator(".fh-live")).to_contain_text("paused")
            save_picture(page, picture_folder(), "batch-voila-running")
            page.locator("button.fh-pause").click()
            paced_hive.ended.set()
            page.get_by_role("button", name="Browse").click()
            expect(page.locator(".fh-browse")).to_be_visible()
            expect(page.get_by_role("button", name="Save")).to_have_count(0)
            expect(page.get_by_text("12 completed").locator("visible=true")).to_have_count(1)
            page.context.close()


SUBMITTED: Final = """import fh_notebook as fh
fh.configure(base_url={url!r}, api_key='fhk_' + {key!r}, workspace_id="ws_local")
client = fh.Client()
pending = client.submit("refund", variant="v", inputs={{"amount": 120}})
_ = client.invoke("transfer", variant="v", inputs={{"amount": 35}})"""


@pytest.mark.long
def test_a_pending_run_and_an_approval_are_live_in_an_app(browser: Browser, tmp_path: Path) -> None:
    """The card shows the question and the outcome, though Voila updates no display; approvals have their buttons.

    Whoever makes an app that lists approvals means them to be decided there.
    """
    hive = LocalHive(api_key=KEY)

    @hive.workflow("refund", variant="v", human="finance")
    def refund(amount: int) -> str:
        return "paid" if ask_human(f"Refund {amount} EUR?").approved else "refused"

    @hive.workflow("transfer", variant="v", tools={"payments": "ask"})
    def transfer(amount: int) -> str:
        return "sent" if ask_human(f"Transfer {amount} EUR?", tool="payments").approved else "refused"

    with hive.serve() as server:
        notebook = tmp_path / "app.ipynb"
        cells = [SUBMITTED.format(url=server.url, key=KEY.removeprefix("fhk_")), "pending", "client.approvals()"]
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(made, notebook)
        with run_voila(notebook) as url:
            page = browser.new_context(viewport={"width": 1000, "height": 900}).new_page()
            page.set_default_timeout(PATIENCE_MS)
            page.goto(url)
            card = page.locator(".fh-card").locator("visible=true")
            expect(card).to_contain_text("Refund 120 EUR?")
            allow = page.get_by_role("button", name="Allow once: payments")
            expect(allow).to_have_count(1)
            save_picture(page, picture_folder(), "pending-voila", full_page=True)
            allow.click()
            expect(page.locator(".fh-decided-0")).to_have_text("Allowed once.")
            [asked] = [step for step in hive.approvals if step.tool is None]
            hive.decide(asked.request_id, approve=True)
            expect(card).to_contain_text("completed")
            expect(card).to_contain_text("paid")
            page.context.close()
        assert hive.wait_idle()
        assert sorted(str(call.output) for call in hive.calls) == ["paid", "sent"]


LAID_OVER: Final = """
import fh_notebook as fh
hive = fh.local.LocalHive()
for variant in "ab":
    hive.workflow("echo", variant=variant)(lambda text, variant=variant: variant)
echo = fh.Deployment("echo", variants=["a", "b"], inputs={"text": fh.text()})
rows = [{"text": str(n), "expected_output": "a"} for n in range(8)]
display(fh.compare(fh.batch(rows, echo, client=hive.client(), progress=False)).pairs())
display(fh.form(echo, client=hive.client()))
"""
GROUND_OF: Final = """e => {
    const painted = at => getComputedStyle(at).backgroundColor !== 'rgba(0, 0, 0, 0)';
    let behind = e.parentElement;
    while (behind && !painted(behind)) behind = behind.parentElement;
    return [getComputedStyle(e).backgroundColor, behind && getComputedStyle(behind).backgroundColor];
}"""


@pytest.mark.long
def test_what_lies_over_something_has_the_ground_of_the_page(browser: Browser, tmp_path: Path) -> None:
    """The first column of a table that scrolls, and a form's Run: in the dark theme, Voila's page is not black."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(LAID_OVER)])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, tmp_path / "app.ipynb")
    with run_voila(tmp_path / "app.ipynb") as url:
        for theme in ("dark", "light"):
            page = browser.new_context(viewport={"width": 1600, "height": 900}).new_page()
            page.set_default_timeout(PATIENCE_MS)
            page.goto(f"{url}/?theme={theme}")
            page.locator("button.fh-run").wait_for()
            for over in (page.locator(".fh-num th").first, page.locator(".fh-run-bar")):
                own, behind = over.evaluate(GROUND_OF)
                assert own == behind, theme
