"""One colour a variant, wherever it is shown: also where others of the deployment are left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from IPython.utils.capture import capture_output
from jupyter_core.paths import jupyter_path
from numpy.typing import NDArray

import fh_notebook as fh
from fh_notebook.core.text.html import PALETTE, colours_of, legible
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


STATUS = ("success-color1", "error-color1", "warn-color0")


def themes() -> dict[str, dict[str, str]]:
    """Return the colours of JupyterLab's themes, by their names without ``--jp-``."""
    found = {}
    for theme in ("light", "dark"):
        file = f"@jupyterlab/theme-{theme}-extension/index.css"
        paths = [path for place in jupyter_path("lab", "themes") if (path := Path(place, file)).is_file()]
        if not paths:
            pytest.skip(f"JupyterLab's {theme} theme is not installed")
        css = paths[0].read_text()
        found[theme] = dict(re.findall(r"--jp-([\w-]+):\s*(?:var\([\w-]+, ?)?(#[0-9a-f]{3,6}|rgba\([^)]*\))", css))
    return found


def test_a_report_has_the_colours_of_the_notebook() -> None:
    """Of texts, of what is right, failed and unknown, of links, and of what has the focus: JupyterLab's, in either theme."""
    css = files("fh_notebook.comparing.report").joinpath("report.css").read_text()
    light, dark = css.split("@media(prefers-color-scheme:dark)")[:2]
    for rules, theme in zip((light, dark), themes().values(), strict=True):
        named = dict(re.findall(r"--jp-([\w-]+):([^;}]+)", rules))
        assert set(named) >= {*STATUS, "content-link-color", "brand-color1", "ui-font-color1"}
        assert named == {name: theme[name] for name in named}
    for name, variable in zip(("good", "bad", "warn"), STATUS, strict=True):
        assert f"--{name}:{legible(variable).replace(',currentColor', '')}" in css, "mixed as in a notebook"


# Of Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
VISION = {
    "all colours": np.eye(3),
    "no red cones": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green cones": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no blue cones": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def lab(colours: Sequence[str], vision: str) -> NDArray[np.float64]:
    """Return colours in CIELAB (D65) as they are seen."""
    rgb = np.array([[int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)] for colour in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = np.clip(linear @ np.transpose(VISION[vision]), 0, 1) @ XYZ.T / (XYZ @ np.ones(3))
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def distances(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.linalg.norm(first[:, None] - second[None], axis=2)


def least_within(colours: NDArray[np.float64]) -> float:
    return float(distances(colours, colours)[~np.eye(len(colours), dtype=bool)].min())


@pytest.mark.parametrize("vision", VISION)
def test_the_colours_of_variants_are_told_apart_by_everybody(vision: str) -> None:
    """Also by people with two kinds of cones; the first four, which most comparisons have, more clearly."""
    seen = lab(PALETTE, vision)
    assert least_within(seen) >= 11
    assert least_within(seen[:4]) >= 17


def test_no_colour_of_a_variant_looks_like_one_of_a_status() -> None:
    """Green, red and orange say that something is right, failed or unknown, in either theme."""
    status = [colour for theme in themes().values() for name, colour in theme.items() if name in STATUS]
    assert distances(lab(PALETTE, "all colours"), lab(status, "all colours")).min() >= 40
