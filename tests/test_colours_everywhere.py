"""One colour a variant, wherever it is shown: also where others of the deployment are left out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from IPython.utils.capture import capture_output

import fh_notebook as fh
from fh_notebook.core.text.html import PALETTE, colours_of
from fh_notebook.local import LocalHive
from fh_notebook.notebook.browser.page import table_head
from fh_notebook.notebook.browser.table import BrowserTable
from fh_notebook.notebook.results.cards import SideBySide
from fh_notebook.session import session
from tests.ipython_shell import open_shell

ALL = ["a", "b", "c"]
B, C = PALETTE[1], PALETTE[2]
ROWS = [
    {"text": text, "expected_output": text if number % 2 else text.upper()} for number, text in enumerate("klmnopqr")
]


@pytest.fixture
def client() -> fh.Client:
    hive = LocalHive()
    for variant in ALL:
        hive.workflow("shout", variant=variant)(lambda text, variant=variant: text.upper() if variant == "b" else text)
    return hive.client()


def fills(page: str) -> set[str]:
    """Return the colours of variants in a page."""
    return set(re.findall("#[0-9a-f]{6}", page)) & set(PALETTE)


def test_a_batch_of_some_variants_has_the_colours_of_all(client: fh.Client, tmp_path: Path) -> None:
    """In the table, the plots, the differences of a row, the browser and the report, in any order of the plan."""
    both = fh.batch(ROWS, "shout", variants=["c", "b"], client=client, progress=False)
    cmp = fh.compare(both)
    assert cmp.data.colours == {"c": C, "b": B}
    report = cmp.report(tmp_path / "report.html").read_text()
    for page in (cmp._repr_html_(), cmp.plot("scores")._repr_html_(), cmp.diff(0)._repr_html_(), report):
        assert fills(page) == {B, C}
    assert table_head(BrowserTable(cmp.data), [], live=False)["colours"] == [C, B]
    assert fh.compare(both.frame).data.colours == cmp.data.colours
    alone = fh.batch(ROWS, "shout", variants="c", client=client, name="alone", progress=False)
    assert fh.compare(alone).data.colours == {"c": C}


def test_a_cell_of_some_variants_has_the_colours_of_all() -> None:
    """Its answers, its frame as a comparison, and single runs beside each other."""
    hive = session.local_hive()
    for variant in ALL:
        hive.workflow("repeat", variant=variant)(lambda text: text)
    with open_shell() as shell, capture_output() as captured:
        shell.run_line_magic("load_ext", "fh_notebook")
        shell.run_cell("%%fetchhive repeat -v b -v c --out frame\ntext: hi")
        frame = shell.user_ns["frame"]
    assert fills(captured.outputs[-1].data["text/html"]) == {B, C}
    assert fh.compare(frame, score="elapsed_s").data.colours == {"b": B, "c": C}
    runs = [hive.client().invoke("repeat", variant=variant, inputs={"text": "k"}) for variant in ("b", "c")]
    assert fills(SideBySide(runs)._repr_html_()) == {B, C}


def test_a_race_and_a_trend_of_some_variants_have_the_colours_of_all(client: fh.Client) -> None:
    """As the comparison of the same batch."""
    race: Any = fh.race(ROWS, "shout", score=None, variants=["b", "c"], client=client, progress=False)
    assert fills(race._repr_html_()) == fills(race.plot("evidence")._repr_html_()) == {B, C}
    trend = fh.trend("shout", variants=["c"])
    assert fills(trend._repr_html_()) == fills(trend.plot()._repr_html_()) == {C}


def test_variants_of_several_deployments_have_the_colours_of_their_labels(client: fh.Client) -> None:
    """A label has its deployment in it there; the first deployment's variants come first."""
    session.note_variants(fh.Deployment("other", variants=["a"]))
    assert session.known_variants(["shout-2", "other"]) == ["other/a"]
    assert session.known_variants(["nobody-knows-it"]) == []


def test_more_variants_than_colours_share_them_only_where_all_are_shown() -> None:
    """Two that have the same colour by their places are told apart where they stand beside each other alone."""
    many = [f"v{number}" for number in range(len(PALETTE) + 2)]
    assert colours_of(many)["v8"] == colours_of(many)["v0"] == PALETTE[0]
    assert colours_of(["v8", "v0"], many) == {"v8": PALETTE[1], "v0": PALETTE[0]}
    assert colours_of(["new"], many[:2]) == {"new": PALETTE[2]}
