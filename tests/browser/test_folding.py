"""Long outputs as a person sees them: folded in JupyterLab, in a notebook that somebody else made, and in nbconvert's page."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import nbformat
import pytest

from fh_notebook.local import LocalHive
from tests import environment
from tests.lab import Lab

pytestmark = pytest.mark.browser

SETUP = "%load_ext fh_notebook\nimport fh_notebook as fh\nfh.configure(base_url={url!r}, api_key='fhk_' + '0123456789abcdef')"
CELLS = (
    "%%fetchhive long -v lines\ntext: x",
    "%%fetchhive long -v lines -v words -v json -v short\ntext: x",
    "%%fetchhive long -v markdown --show markdown\ntext: x",
    "%%fetchhive long -v rows --show table\ntext: x",
    "%%fetchhive long -v json --show json\ntext: x",
    "%%fetchhive long -v broken\ntext: x",
)
REASON = "The customer says that one order was paid twice and asks for one of the payments back. "


@pytest.fixture
def url() -> Iterator[str]:
    """A hive whose answers are long in every way."""
    hive = LocalHive(api_key="fhk_0123456789abcdef")
    section = (
        "## Step {}\n\nLook at the *order*, then at the payment.\n\n- first\n- second\n\n```python\nprint({})\n```\n\n"
    )
    answers: dict[str, object] = {
        "short": "billing",
        "lines": "\n".join(f"{i}: {REASON}" for i in range(1, 201)),
        "words": REASON * 60,
        "json": {"label": "billing", "steps": [{"step": i, "reason": REASON.strip()} for i in range(60)]},
        "markdown": "# Plan\n\n" + "".join(section.format(i, i) for i in range(1, 40)),
        "rows": [{"row": i, "label": "billing", "confidence": i / 150} for i in range(150)],
    }
    for variant, answer in answers.items():
        hive.workflow("long", variant=variant)(lambda text, answer=answer: answer)

    @hive.workflow("long", variant="broken")
    def broken(text: str) -> str:
        raise ValueError("\n".join(f"  line {i} of somebody's traceback" for i in range(90)))

    with hive.serve() as server:
        yield server.url


def _height(lab: Lab, cell: int) -> float:
    return lab.output(cell).bounding_box()["height"]  # type: ignore[index,no-any-return]


@pytest.mark.long
def test_long_outputs_are_folded_and_open_with_a_click(lab: Lab, url: str) -> None:
    """No output is taller than a screen, each fold says how much is in it and opens; nothing is wider than its place."""
    lab.resize(1200, 6000)
    lab.open(SETUP.format(url=url), *CELLS)
    for cell in range(len(CELLS) + 1):
        lab.run(cell)
    lab.expect_text(lab.output(1), r"… 180 more lines")
    lab.expect_text(lab.output(2), r"… 190 more lines[\s\S]*more characters[\s\S]*… \d+ more lines")
    lab.expect_text(lab.output(3), r"Step 1[\s\S]*… \d+ more lines")
    lab.expect_text(lab.output(4), r"… 80 more rows[\s\S]*50 more rows not shown; run\.text has everything")
    lab.expect_text(lab.output(5), r'"label": "billing"[\s\S]*more lines')
    for cell in range(1, 7):
        assert _height(lab, cell) < 900, cell
    assert lab.errors == []
    for look in lab.looks(height=6000):
        lab.screenshot(f"folding-{look}")
        for cell in range(1, 7):
            wide = lab.output(cell).locator(".fh").first
            assert wide.evaluate("e => e.scrollWidth <= e.clientWidth + 1"), (cell, look)
    lab.resize(1200, 6000)
    folded = lab.output(1).locator("details")
    assert not folded.locator(".fh-rest").is_visible()
    folded.locator("summary").click()
    lab.expect_text(folded.locator(".fh-rest"), r"^21: [\s\S]*200: ")
    assert folded.locator(".fh-rest").is_visible()
    lab.screenshot("folding-open", of=lab.output(1))
    lab.output(3).locator("summary:visible").first.click()
    lab.screenshot("folding-open-markdown", of=lab.output(3))
    lab.output(4).locator("summary:visible").first.click()
    lab.screenshot("folding-open-table", of=lab.output(4))
    assert lab.external == []


@pytest.mark.long
def test_folds_work_in_a_saved_notebook_and_in_nbconvert(lab: Lab, url: str, tmp_path) -> None:
    """Without a kernel and without trust, JupyterLab shows the fold; nbconvert's page has it too; the text twin is short."""
    lab.open(SETUP.format(url=url), *CELLS)
    for cell in (0, 1, 2):
        lab.run(cell)
    lab.save()
    saved = lab.server.root / lab.name
    notebook = nbformat.read(saved, as_version=4)
    # Behind it stands the widget that serves Copy.
    (twin,) = [one.data["text/plain"] for one in notebook.cells[2].outputs if "text/html" in one.data]
    assert "… 180 more lines; the result's column output" in twin
    assert len(twin) < 15_000
    foreign = lab.server.root / "foreign.ipynb"
    for cell in notebook.cells:
        cell.metadata.pop("trusted", None)
    notebook.metadata["somebody"] = "else"  # no signature of this machine's
    notebook.cells[0]["source"] = "# made elsewhere"
    nbformat.write(notebook, foreign)
    lab.open(name="foreign.ipynb")
    folded = lab.output(1).locator("details")
    assert not folded.locator("div").first.is_visible()
    folded.locator("summary").click()
    lab.expect_text(folded, r"200: ")
    lab.screenshot("folding-untrusted")
    env = environment.for_process(tmp_path)
    page = tmp_path / "page.html"
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "html", "--output", str(page), str(saved)],
        env=env, cwd=tmp_path, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    lab.page.route("**/*", lambda route: route.continue_() if route.request.url.startswith("file:") else route.abort())
    lab.page.goto(page.as_uri())
    folded = lab.page.locator("details").first
    assert not folded.locator(".fh-rest").is_visible()
    folded.locator("summary").click()
    assert folded.locator(".fh-rest").is_visible()
    lab.screenshot("folding-nbconvert")
