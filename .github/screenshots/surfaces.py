"""The surfaces of the interface: for each, the cells that show it and what is clicked.

Rule of this file: a surface is a generator with the code of its cells, which yields the cell that is to be seen once it
is as it is to be seen, and then ends what it holds. It uses what a user sees (roles, names of buttons, texts), so that
it works before and after the interface is redrawn.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import nbformat
from playwright.sync_api import Error, Locator, Page, expect

from tests.demo_data import DemoHive
from tests.lab import Lab

__all__ = ["NOT_IN_VOILA", "SURFACES", "WINDOW", "Stage", "Surface"]

WIDEST: Final = 1600
WINDOW: Final = 1000
"""Height of the window in CSS pixels."""

LOAD: Final = "%load_ext fh_notebook\n"
SETUP: Final = """import fh_notebook as fh
import json, pandas as pd
fh.configure(store={store!r}, workspace="demo")
tickets, claims = pd.read_csv("tickets.csv"), pd.read_csv("claims.csv")
claim = json.load(open("claim.json"))"""

BATCH: Final = """batch = fh.batch(tickets, "support-triage", name="triage", progress=False)
cmp = fh.compare(batch)"""

LETTERS: Final = """letters = fh.batch(claims, "claim-letter", name="letters", progress=False)
cmp = fh.compare(letters, score=fh.score.length("words", at_most=40))"""


_NEW_CELLS: Final = """code => {
    const model = window.jupyterapp.shell.currentWidget.context.model;
    const cells = code.map(source => ({cell_type: 'code', source, metadata: {}, outputs: [], execution_count: null}));
    model.fromJSON({...model.toJSON(), cells});
}"""
_IS_IDLE: Final = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'"
_END_KERNEL: Final = "() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()"


@dataclass
class Stage:
    """One notebook in one place, as a surface opens and uses it; in Voila all cells run when the page is loaded."""

    lab: Lab
    hive: DemoHive
    place: str
    theme: str
    """The one with which the page begins: Voila has its own page for each."""

    @property
    def page(self) -> Page:
        """The page."""
        return self.lab.page

    def open(self, *cells: str, store: str) -> None:
        """Open a notebook with `cells` after the setup; surfaces of one store share their answers."""
        is_loaded = self.place != "voila" and bool(self.lab.name)  # loaded again, it says so
        code = (("" if is_loaded else LOAD) + SETUP.format(store=f"{store}.sqlite3"), *cells)
        self.lab.resize(WIDEST, WINDOW)
        if self.place != "voila":
            if is_loaded:  # a page and a kernel for all surfaces: to start them takes longer than to use them
                self.page.evaluate(_NEW_CELLS, code)
            else:
                self.lab.open(*code)
            self.lab.run(0)
            return
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in code])
        made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(made, self.lab.server.root / "app.ipynb")
        self.page.goto(f"{self.lab.server.url}/voila/render/app.ipynb?theme={self.theme}")
        self.page.locator("#rendered_cells > div").first.wait_for()

    def own(self, store: str) -> str:
        """Return the name of a store in which nothing is answered yet: what runs must not have run elsewhere."""
        return f"{store}-{self.place}-{self.theme}"

    def cell(self, index: int) -> Locator:
        """Return a cell with its code; in Voila, which shows no code, the whole page."""
        return self.page.locator("#rendered_cells > div").first if self.place == "voila" else self.lab.cell(index)

    def output(self, index: int) -> Locator:
        """Return what a cell shows."""
        return self.page.locator(f'[cell-index="{index + 1}"]') if self.place == "voila" else self.lab.output(index)

    def run(self, index: int) -> Locator:
        """Run a cell to its end, and return what it shows."""
        return self.output(index) if self.place == "voila" else self.lab.run(index)

    def start(self, index: int) -> Locator:
        """Start a cell, and return what it shows."""
        if self.place != "voila":
            self.lab.start(index)
        return self.output(index)

    def show(self, *cells: str, store: str) -> Locator:
        """Open a notebook with `cells`, run them, and return what the last one shows."""
        self.open(*cells, store=store)
        for index in range(1, len(cells) + 1):
            shown = self.run(index)
        expect(shown).to_contain_text(re.compile(r"\S"))
        return shown

    def rest(self) -> None:
        """End what the kernel still does for a surface, so that the page can be used for the next one."""
        if self.place == "voila":
            self.page.goto("about:blank")  # Voila ends the kernel of a page that is left
            return
        if not self.page.evaluate(_IS_IDLE):
            self.lab.interrupt()
        self.lab.wait_idle()

    def end(self) -> None:
        """Close the page and end its kernel."""
        with contextlib.suppress(Error):
            if self.place == "voila":
                self.page.goto("about:blank")
            else:
                self.page.evaluate(_END_KERNEL)
        self.page.context.close()

    @contextlib.contextmanager
    def another_page(self, url: str) -> Iterator[None]:
        """Show a page of its own in place of the notebook's."""
        notebook = self.lab.page
        self.lab.page = notebook.context.new_page()
        try:
            self.page.goto(url)
            yield
        finally:
            self.lab.page.close()
            self.lab.page = notebook

    def use_theme(self, theme: str) -> None:
        """Show the page in a theme."""
        self.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        if self.page.evaluate("() => !!window.jupyterapp && !document.body.dataset.voila"):
            self.lab.theme(theme)


def press(where: Locator, name: str) -> None:
    """Click the button whose text begins with `name`."""
    where.get_by_role("button", name=re.compile(rf"^\W*{name}")).locator("visible=true").first.click()


Surface = Callable[[Stage], Iterator[Locator]]
SURFACES: Final[dict[str, Surface]] = {}
NOT_IN_VOILA: Final[set[str]] = set()
"""Those that show a cell at work or a file, as Voila shows a page when all cells have run, and what is off there."""


def surface(function: Surface) -> Surface:
    """Register a surface by its name."""
    SURFACES[function.__name__] = function
    return function


def not_in_voila(function: Surface) -> Surface:
    """Register a surface that Voila cannot show."""
    NOT_IN_VOILA.add(function.__name__)
    return surface(function)


FORM: Final = 'form = fh.form("claim-check")\nform'
FILLED: Final = 'form = fh.form("claim-check", values=claim)\nform'
RUN: Final = "Run"


def _form(stage: Stage, code: str, store: str) -> Locator:
    """Show a form, and return it once its last button is there."""
    shown = stage.show(code, store=store)
    shown.get_by_role("button", name=RUN).first.wait_for()
    return shown


@surface
def form_empty(stage: Stage) -> Iterator[Locator]:
    """A form of 17 fields as it comes."""
    _form(stage, FORM, "form-empty")
    yield stage.cell(1)


@surface
def form_filled(stage: Stage) -> Iterator[Locator]:
    """The same form with values: a table of two rows, a group, three scripts in one text."""
    _form(stage, FILLED, "form-filled")
    yield stage.cell(1)


@surface
def form_rejected(stage: Stage) -> Iterator[Locator]:
    """Run was pressed while required fields are empty."""
    shown = _form(stage, FORM, "form-rejected")
    press(shown, RUN)
    shown.get_by_role("alert").first.wait_for()
    yield stage.cell(1)


@surface
def form_running(stage: Stage) -> Iterator[Locator]:
    """Two variants have answered, one is running."""
    shown = _form(stage, FILLED, "form-running")
    with stage.hive.held_after(2):
        press(shown, RUN)
        stage.hive.wait_held(1)
        yield stage.cell(1)


@surface
def form_answers(stage: Stage) -> Iterator[Locator]:
    """All three variants have answered: a letter, JSON, Markdown with a table."""
    shown = _form(stage, FILLED, "form-answers")
    press(shown, RUN)
    expect(shown).to_contain_text("Yours sincerely")
    expect(shown).to_contain_text("Kitchen window")
    yield stage.cell(1)


@surface
def form_request(stage: Stage) -> Iterator[Locator]:
    """The request that Run would send."""
    shown = _form(stage, FILLED, "form-request")
    press(shown, "Show request")
    expect(shown).to_contain_text("max_words")
    yield stage.cell(1)


@surface
def form_earlier(stage: Stage) -> Iterator[Locator]:
    """The list of earlier calls, after one."""
    shown = _form(stage, FILLED, "form-earlier")
    press(shown, RUN)
    expect(shown).to_contain_text("Yours sincerely")
    press(shown, "Earlier calls")
    yield stage.cell(1)


@surface
def form_earlier_answers(stage: Stage) -> Iterator[Locator]:
    """The answers of an earlier call, below the list."""
    shown = _form(stage, FILLED, "form-earlier-answers")
    press(shown, RUN)
    expect(shown).to_contain_text("Yours sincerely")
    press(shown, "Earlier calls")
    shown.get_by_role("button", name="Answers").first.click()
    expect(shown.locator(".fh-earlier-answers")).to_contain_text("Yours sincerely")
    yield stage.cell(1)


KINDS: Final = """hive = fh.local.LocalHive()
outputs = {
    "long-text-of-a-long-name": "\\n".join(f"{n}. The parcel was sent, and came back." for n in range(1, 160)),
    "json": {"label": "billing", "confidence": 0.93, "facts": {"order": "A-4007", "days": 12}},
    "table": [{"item": f"Part {n}", "price": n * 12.5, "in stock": n % 2 == 0, "supplier": "Müller"} for n in range(9)],
    "files": {"settings": {}, "assets": [{"id": "a1", "file_url": "https://files.example.com/report.pdf",
              "file_name": "report.pdf", "file_size": 48213, "file_type": "application/pdf"}]}}
for variant, output in outputs.items():
    hive.workflow("kinds", variant=variant)(lambda ticket, output=output: output)
@hive.workflow("kinds", variant="failing")
def failing(ticket: str) -> str:
    raise RuntimeError("The model stopped at max_tokens: the answer has no label")
kinds = fh.Deployment("kinds", variants=[*outputs, "failing"], inputs={"ticket": fh.text(multiline=True)})
form = fh.form(kinds, values={"ticket": "The parcel is late."}, client=hive.client())
form"""


@surface
def form_kinds(stage: Stage) -> Iterator[Locator]:
    """Five variants: a long text, JSON, a table, a file, and one that failed."""
    shown = _form(stage, KINDS, "form-kinds")
    press(shown, RUN)
    expect(shown).to_contain_text("max_tokens")
    expect(shown).to_contain_text("report.pdf")
    yield stage.cell(1)


@surface
def form_cancelled(stage: Stage) -> Iterator[Locator]:
    """Cancelled after two variants had answered."""
    shown = _form(stage, FILLED, "form-cancelled")
    with stage.hive.held_after(2):
        press(shown, RUN)
        stage.hive.wait_held(1)
        press(shown, "Cancel")
        expect(shown).to_contain_text("ancelled")
        yield stage.cell(1)


@surface
def form_copy(stage: Stage) -> Iterator[Locator]:
    """The form as a cell, or as Python."""
    shown = _form(stage, FILLED, "form-copy")
    press(shown, "Copy as")
    expect(shown).to_contain_text(re.compile("curl", re.IGNORECASE))
    yield stage.cell(1)


@surface
def form_over(stage: Stage) -> Iterator[Locator]:
    """The form over a table: which column is which variable, and the number of calls."""
    code = 'form = fh.form("support-triage", over=tickets)\nform'
    _form(stage, code, "form-over")
    yield stage.cell(1)


@surface
def form_over_done(stage: Stage) -> Iterator[Locator]:
    """The same after Run: what came of the batch, with its buttons in the form."""
    shown = _form(stage, 'form = fh.form("support-triage", over=tickets)\nform', "form-over-done")
    press(shown, RUN)
    expect(shown.get_by_role("button", name="Browse")).to_be_visible()
    yield stage.cell(1)


@surface
def form_files(stage: Stage) -> Iterator[Locator]:
    """A form whose answer is a picture and a table as files."""
    shown = _form(stage, 'fh.form("damage-report", values={"claim_id": "C-2041"})', "form-files")
    press(shown, RUN)
    expect(shown).to_contain_text("annotated.png")
    yield stage.cell(1)


CELL: Final = """%%fetchhive claim-check --all-variants --out runs
claim_text: |
  A hailstorm broke two windows of the kitchen. The carpet is soaked.
claimant: {name: José García-Müller, email: jose.garcia@example.org}
kind: home
incident_at: "2026-11-20T18:40:00+01:00"
amount: 1029.9
payout: {iban: DE02120300000000202051}"""


@not_in_voila
def cell_running(stage: Stage) -> Iterator[Locator]:
    """A cell at work: two variants have answered, one is running."""
    stage.open(CELL, store=stage.own("cell-running"))
    with stage.hive.held_after(2):
        stage.start(1)
        stage.hive.wait_held(1)
        expect(stage.output(1)).to_contain_text(re.compile(r"\S"))
        yield stage.cell(1)


@surface
def cell_done(stage: Stage) -> Iterator[Locator]:
    """The answers of three variants below a cell."""
    expect(stage.show(CELL, store="cell-done")).to_contain_text("Yours sincerely")
    yield stage.cell(1)


@surface
def cell_scripts(stage: Stage) -> Iterator[Locator]:
    """Answers that are written from right to left, in Japanese, and with emoji."""
    shown = stage.show(
        "%%fetchhive translate --all-variants\ntext: Your parcel 4007 comes on Thursday.", store="scripts"
    )
    expect(shown).to_contain_text("4007")
    yield stage.cell(1)


@surface
def cell_files(stage: Stage) -> Iterator[Locator]:
    """An answer that is a picture and a table as files."""
    shown = stage.show("%%fetchhive damage-report -v annotated\nclaim_id: C-2041", store="cell-files")
    expect(shown).to_contain_text("annotated.png")
    yield stage.cell(1)


OVER: Final = """%%fetchhive support-triage --all-variants --over tickets --out answers --score exact:expected_output
ticket: "{{ row.ticket }}"
"""


@not_in_voila
def over_running(stage: Stage) -> Iterator[Locator]:
    """A cell over 300 rows and 3 variants, at work."""
    stage.open(OVER, store=stage.own("over-running"))
    with stage.hive.held_after(412):
        stage.start(1)
        stage.hive.wait_held(1)
        yield stage.cell(1)


@surface
def over_done(stage: Stage) -> Iterator[Locator]:
    """The same when it is done, with failed and unknown calls."""
    expect(stage.show(OVER, store=stage.own("over-done"))).to_contain_text("fine-tuned")
    yield stage.cell(1)


BACKGROUND: Final = 'batch = fh.batch(tickets, "support-triage", name="triage", wait=False)'


@surface
def batch_running(stage: Stage) -> Iterator[Locator]:
    """A batch in the background, at work."""
    with stage.hive.held_after(412):
        stage.open(BACKGROUND, store=stage.own("batch-running"))
        shown = stage.run(1)
        stage.hive.wait_held(1)
        shown.get_by_role("button", name="Pause").first.wait_for()
        yield stage.cell(1)
        press(shown, "Cancel")


@surface
def batch_paused(stage: Stage) -> Iterator[Locator]:
    """The same, paused."""
    with stage.hive.held_after(412):
        stage.open(BACKGROUND, store=stage.own("batch-paused"))
        shown = stage.run(1)
        stage.hive.wait_held(1)
        press(shown, "Pause")
        expect(shown).to_contain_text("paused")
        yield stage.cell(1)
        press(shown, "Cancel")


@surface
def batch_done(stage: Stage) -> Iterator[Locator]:
    """The batch as the value of a cell, with failed and unknown calls."""
    code = 'batch = fh.batch(tickets, "support-triage", name="triage")'
    shown = stage.show(code, "batch", store="triage")
    expect(shown).to_contain_text("fine-tuned")
    expect(shown.get_by_role("button", name="Browse")).to_be_visible()
    yield stage.cell(2)


def _comparison(stage: Stage, code: str, *, batch: str = BATCH) -> Locator:
    """Show a view of a comparison."""
    store = {BATCH: "triage", LETTERS: "letters"}.get(batch, "extracts")
    stage.open(batch, code, store=store)
    stage.run(1)
    shown = stage.run(2)
    expect(shown).to_contain_text(re.compile(r"\S"))
    return shown


@surface
def comparison(stage: Stage) -> Iterator[Locator]:
    """Three variants compared on 300 tickets: table, sentence, rows that differ."""
    expect(_comparison(stage, "cmp")).to_contain_text("fine-tuned")
    yield stage.cell(2)


@surface
def verdict(stage: Stage) -> Iterator[Locator]:
    """The verdict alone."""
    _comparison(stage, "cmp.verdict")
    yield stage.cell(2)


@surface
def pairs(stage: Stage) -> Iterator[Locator]:
    """The table of all pairs."""
    _comparison(stage, "cmp.pairs()")
    yield stage.cell(2)


@surface
def plots(stage: Stage) -> Iterator[Locator]:
    """The plots of a comparison."""
    _comparison(stage, "cmp.plot()").locator("svg, img").first.wait_for()
    yield stage.cell(2)


@surface
def browse(stage: Stage) -> Iterator[Locator]:
    """All rows, as they come."""
    expect(_comparison(stage, "cmp.browse()")).to_contain_text("A-4007")
    yield stage.cell(2)


@surface
def browse_open(stage: Stage) -> Iterator[Locator]:
    """All rows, one of them opened by a click."""
    shown = _comparison(stage, "cmp.browse()")
    shown.get_by_role("rowheader").nth(3).click()
    yield stage.cell(2)


@not_in_voila
def browse_correct(stage: Stage) -> Iterator[Locator]:
    """All rows, one of them opened, and its expected output being corrected by keys."""
    shown = _comparison(stage, "cmp.correct(1, expected='complaint', note='A broken lamp is a complaint.').browse()")
    shown.get_by_role("rowheader").nth(1).click()
    expect(shown.get_by_role("button", name="Change the correction")).to_be_visible()
    shown.get_by_role("treegrid").press("c")
    shown.get_by_label("Note").fill("They complain, and ask for a return.")
    yield stage.cell(2)


@surface
def diff_text(stage: Stage) -> Iterator[Locator]:
    """How two letters differ."""
    expect(_comparison(stage, "cmp.diff(1)", batch=LETTERS)).to_contain_text("policy")
    yield stage.cell(2)


EXTRACTS: Final = """extracts = fh.batch(claims, "claim-extract", name="extracts", progress=False)
cmp = fh.compare(extracts, score=fh.score.json_fields("expected_output"))"""


@surface
def diff_json(stage: Stage) -> Iterator[Locator]:
    """How two JSON outputs differ."""
    row = "cmp.diff(cmp.disagreements()['row'].iloc[0])"
    expect(_comparison(stage, row, batch=EXTRACTS)).to_contain_text("amount")
    yield stage.cell(2)


@surface
def comparison_json(stage: Stage) -> Iterator[Locator]:
    """Two variants compared by the fields of their JSON."""
    expect(_comparison(stage, "cmp", batch=EXTRACTS)).to_contain_text("large-model")
    yield stage.cell(2)


@surface
def rate(stage: Stage) -> Iterator[Locator]:
    """Blind rating of two letters, after one rating."""
    rater = f"{stage.place}-{stage.theme}"
    shown = _comparison(stage, f"cmp.rate(rater={rater!r})", batch=LETTERS)
    expect(shown).to_contain_text("policy")
    shown.get_by_role("button", name=re.compile("^1")).first.click()
    expect(shown).to_contain_text("1 of 24")
    yield stage.cell(2)


@not_in_voila  # visitors of an app do not correct: it would be for everybody
def rate_correct(stage: Stage) -> Iterator[Locator]:
    """Blind rating, and the reference of a pair that is being corrected by keys."""
    shown = _comparison(stage, f"cmp.rate(rater='c-{stage.place}-{stage.theme}')", batch=LETTERS)
    expect(shown).to_contain_text("policy")
    shown.locator(".fh-rate").press("c")
    shown.get_by_label("Note").fill("The amount is another one.")
    yield stage.cell(2)


@not_in_voila
def report(stage: Stage) -> Iterator[Locator]:
    """The report as a page of its own."""
    _comparison(stage, 'cmp.report("triage.html")')
    with stage.another_page((stage.lab.server.root / "triage.html").as_uri()):
        yield stage.page.locator("html")


@surface
def history(stage: Stage) -> Iterator[Locator]:
    """What was run, from the store."""
    code = "%%fetchhive translate --all-variants\ntext: Your parcel 4007 comes on Thursday."
    stage.open(code, CELL, "%fetchhive history", store="history")
    for index in (1, 2, 3):
        shown = stage.run(index)
    expect(shown).to_contain_text("translate")
    yield stage.cell(3)


@surface
def describe(stage: Stage) -> Iterator[Locator]:
    """A deployment's variables, and a cell to begin with."""
    expect(stage.show("%fetchhive describe claim-check", store="describe")).to_contain_text("claim_text")
    yield stage.cell(1)


SUBMIT: Final = """client = fh.Client()
asked = client.submit("refund", variant="v1", inputs={"order": "A-4007", "amount": 120.0})
paid = client.submit("refund", variant="v1", inputs={"order": "A-4021", "amount": 35.5})"""


@surface
def pending(stage: Stage) -> Iterator[Locator]:
    """A run that waits for a person, and one that has ended."""
    stage.open(SUBMIT, "asked", "paid", store=stage.own("pending"))
    stage.run(1)
    shown = stage.run(2)
    stage.run(3)
    expect(shown).to_contain_text("finance")
    expect(stage.output(3)).to_contain_text("completed")
    yield stage.cell(2)
    for asked in stage.hive.approvals:
        stage.hive.decide(asked.request_id, approve=False)


ASK: Final = """client = fh.Client()
for claim_id, amount in (("C-2041", 1029.9), ("C-2042", 389.9)):
    run = client.invoke("payout", variant="v1", inputs={"claim_id": claim_id, "amount": amount})"""


@surface
def approvals(stage: Stage) -> Iterator[Locator]:
    """Two tools that wait for a decision, with the buttons that allow or deny them."""
    listed = f"client.approvals(workspace_id={stage.hive.workspace_id!r})"
    shown = stage.show(ASK, listed, store=stage.own("approvals"))
    expect(shown.get_by_role("button", name="Allow once")).to_have_count(2)
    yield stage.cell(2)
    for asked in stage.hive.approvals:
        stage.hive.decide(asked.request_id, approve=False)


SUBMIT_TOOL: Final = """client = fh.Client()
fh.configure(workspace_id={workspace_id!r})
pending = client.submit("payout", variant="v1", inputs={{"claim_id": "C-2041", "amount": 1029.9}})"""

SUBMIT_ALL: Final = """fh.configure(workspace_id={workspace_id!r})
payouts = fh.batch([{{"claim_id": "C-2041", "amount": 1029.9}}, {{"claim_id": "C-2042", "amount": 389.9}}], "payout",
                   variants="v1", name="payouts", delivery="callback", wait=False)"""


@not_in_voila
def approvals_pending(stage: Stage) -> Iterator[Locator]:
    """The card of a run that waits for a decision about a tool, with the buttons below it."""
    setup = SUBMIT_TOOL.format(workspace_id=stage.hive.workspace_id)
    shown = stage.show(setup, "pending", store=stage.own("approvals-pending"))
    expect(shown.get_by_role("button", name="Allow once")).to_have_count(1)
    yield stage.cell(2)
    for asked in stage.hive.approvals:
        stage.hive.decide(asked.request_id, approve=False)


@not_in_voila
def approvals_batch(stage: Stage) -> Iterator[Locator]:
    """A batch at work whose runs wait for decisions about tools."""
    setup = SUBMIT_ALL.format(workspace_id=stage.hive.workspace_id)
    stage.open(setup, store=stage.own("approvals-batch"))
    stage.start(1)
    expect(stage.output(1).get_by_role("button", name="Allow once")).to_have_count(2)
    yield stage.cell(1)
    for asked in stage.hive.approvals:
        stage.hive.decide(asked.request_id, approve=False)


ASK_ALL: Final = """orders = [{"order": order, "amount": amount} for order, amount in
          (("A-4007", 120.0), ("A-4014", 189.9), ("A-4021", 35.5))]
refunds = fh.batch(orders, "refund", variants="v1", name="refunds", delivery="callback", wait=False)"""


@not_in_voila
def batch_waiting(stage: Stage) -> Iterator[Locator]:
    """A batch at work, of which one run has ended and the others wait for a person's answer."""
    stage.open(ASK_ALL, store=stage.own("batch-waiting"))
    stage.start(1)
    expect(stage.output(1)).to_contain_text("finance")
    expect(stage.output(1)).to_contain_text("1 of 3 completed")
    yield stage.cell(1)
    for asked in stage.hive.approvals:
        stage.hive.decide(asked.request_id, approve=False)


RACE: Final = """race = fh.race(tickets, "support-triage", score=fh.score.exact("expected_output"), name="race")"""


@not_in_voila
def race_running(stage: Stage) -> Iterator[Locator]:
    """A race of three variants at work."""
    stage.open(RACE, store=stage.own("race-running"))
    with stage.hive.held_after(60):
        stage.start(1)
        stage.hive.wait_held(1)
        expect(stage.output(1)).to_contain_text("fine-tuned")
        expect(stage.cell(1).get_by_role("button", name="Cancel")).to_be_visible()
        yield stage.cell(1)


@surface
def race_done(stage: Stage) -> Iterator[Locator]:
    """A race that has ended."""
    expect(stage.show(RACE, store=stage.own("race-done"))).to_contain_text("fine-tuned")
    yield stage.cell(1)


CANARY: Final = """old = fh.batch(tickets, "support-triage", variants="few-shot", name="old", progress=False)
fh.canary(tickets, "support-triage", variant="few-shot", baseline=old, score=fh.score.exact("expected_output"),
          name="watch", rows_per_day=20)"""


@surface
def canary(stage: Stage) -> Iterator[Locator]:
    """The first day of a canary."""
    expect(stage.show(CANARY, store=stage.own("canary"))).to_contain_text("No change found")
    yield stage.cell(1)


TREND: Final = f"""{BATCH}
trend = fh.trend("support-triage", score=fh.score.exact("expected_output"))"""


@surface
def trend_table(stage: Stage) -> Iterator[Locator]:
    """The figures of kept batches by date."""
    expect(stage.show(f"{TREND}\ntrend", store=stage.own("trend"))).to_contain_text("median time")
    yield stage.cell(1)


@surface
def trend_plot(stage: Stage) -> Iterator[Locator]:
    """The same as lines over the dates."""
    stage.open(f"{TREND}\ntrend.plot()", store=stage.own("trend"))
    stage.run(1)
    yield stage.cell(1)
