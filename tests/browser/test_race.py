"""A race in JupyterLab: its live display while a row is out, and the picture that stays, in both themes."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import Locator, expect

from fh_notebook.local import LocalHive
from fh_notebook.racing.schedule import seeded_order
from tests.lab import Lab

pytestmark = [pytest.mark.browser, pytest.mark.long]

KEY = "fhk_0123456789abcdef"
SETUP = (
    "%load_ext fh_notebook\nimport fh_notebook as fh\nfh.configure(base_url={url!r}, api_key='fhk_' + '0123456789abcdef')\n"
    "rows = [{{'number': number, 'expected_output': 'yes'}} for number in range(60)]"
)
NAMES = ("hopeless", "so so", "strong <b>in words</b>")
RACE = f"race = fh.race(rows, 'quiz', variants={NAMES!r}, score=fh.score.exact(), name='morning', lookahead=1)"
STUCK = seeded_order(range(60), 0)[14]
"""The row that is out until the test lets it go: by then somebody is dropped, and nobody has won."""


class Stuck:
    """A hive whose answers to one row wait."""

    def __init__(self) -> None:
        self.hive = LocalHive(api_key=KEY)
        self.go = threading.Event()
        for name, wrong in zip(NAMES, (1, 2, 61), strict=True):
            self._declare(name, wrong)

    def _declare(self, name: str, wrong: int) -> None:
        @self.hive.workflow("quiz", variant=name)
        def answer(number: int) -> str:
            if number == STUCK:
                assert self.go.wait(300)
            return "no" if (number + 1) % wrong == 0 else "yes"


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    """It is let go in any case."""
    stuck = Stuck()
    yield stuck
    stuck.go.set()


FITS = (
    "output => { const e = output.querySelector('.fh-race'); return e.scrollWidth <= e.parentElement.clientWidth + 1; }"
)
"""Asked at once: a race that runs is shown anew several times a second, and what was found before is gone."""


def _pictures(lab: Lab, name: str, of: Locator) -> None:
    """Save pictures, wide and narrow; what is too wide scrolls inside of the output."""
    for look in lab.looks(height=1300):
        of.scroll_into_view_if_needed()
        assert of.evaluate(FITS), (name, look)
        lab.screenshot(f"{name}-{look}")


def test_a_race_is_seen_while_it_runs_and_its_picture_stays(lab: Lab, stuck: Stuck) -> None:
    """While a row is out: calls spent and left, each one's evidence against its bar, sequences, who is out. At the end:
    the sentence and the figures, which stay in the file, also where nobody trusts it. A name is no markup."""
    with stuck.hive.serve() as server:
        lab.open(SETUP.format(url=server.url), RACE)
        lab.run(0)
        lab.start(1)
        here = lab.output(1)
        lab.expect_text(
            here,
            r"14 of 60 rows decided; \d+ calls made, at most \d+ more\s*variant\s*standing",
        )
        lab.expect_text(here, r"hopeless\s*dropped after \d+")
        lab.expect_text(
            here,
            "variant\\s*points behind strong <b>in words</b>, on the rows of both\\s*95 % interval",
        )
        expect(here.get_by_role("progressbar", name="Calls of morning")).to_be_visible()
        expect(here.locator("svg[role=img]")).to_have_count(0)
        _pictures(lab, "race-running", here)
        stuck.go.set()
        lab.expect_text(here, "wins after ")
        lab.wait_idle()
    expect(here.locator(".fh-plot svg")).to_have_count(2)
    expect(here.get_by_role("progressbar")).to_have_count(0)
    assert "strong <b>in words</b> wins after " in here.inner_text()
    _pictures(lab, "race-over", here)
    assert (lab.errors, lab.external) == ([], [])
    lab.save()
    saved = nbformat.read(lab.server.root / lab.name, as_version=4)
    [display] = [out for out in saved.cells[1].outputs if "text/html" in out.get("data", {})]
    assert display["data"]["text/html"].count('class="fh-plot"') == 2
    assert "wins after " in display["data"]["text/plain"]
    saved.cells = saved.cells[1:]  # as somebody else's, whom nobody trusts
    nbformat.write(saved, lab.server.root / "race-of-somebody.ipynb")
    lab.open(name="race-of-somebody.ipynb")
    lab.expect_text(lab.output(0), "wins after ")
    lab.expect_text(lab.output(0), "Evidence that another variant is better, of each one, dropped at 20")
