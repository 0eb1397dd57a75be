"""The browser harness itself, against a plain notebook: what it reports is what a person would see."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import WebSocket, expect

from tests.lab import Lab, LabServer, run_lab

pytestmark = pytest.mark.browser


def test_cells_run_and_the_page_is_offline(lab: Lab) -> None:
    """A cell shows its result, five queued cells all run, nothing outside this machine is asked for."""
    lab.open("1 + 1", *(f"print('cell {i}')" for i in range(5)))
    lab.expect_text(lab.run(0), r"2$")
    lab.run_all()
    lab.wait_idle()
    for i in range(5):
        lab.expect_text(lab.output(1 + i), rf"cell {i}")
    lab.save()
    saved = nbformat.read(lab.server.root / lab.name, as_version=4)
    assert saved.cells[1].outputs[0]["text"].strip() == "cell 0"
    assert (lab.external, lab.errors) == ([], [])


@pytest.mark.long
def test_a_cleared_page_is_the_next_tests(lab: Lab) -> None:
    """Another notebook is opened in it, also once its address names none: to load a page takes seconds."""
    lab.open("1 + 1")
    lab.page.evaluate("window.fhLoaded = 'once'")
    assert lab.clear()
    lab.page.wait_for_url(f"{lab.server.url}/doc")
    lab.open("2 + 2")
    assert lab.page.evaluate("window.fhLoaded") == "once"
    lab.expect_text(lab.run(0), r"4$")


@pytest.mark.long
def test_a_page_that_is_loaded_again_is_told_all_widgets_at_once(lab: Lab) -> None:
    """As by a user's kernel: one that was forked after ipywidgets was imported has not been told by it whom to ask."""
    lab.open("import ipywidgets\nipywidgets.VBox([ipywidgets.Text(value='here')])")
    lab.run(0)
    lab.save()
    sent: list[str] = []

    def listen(opened: WebSocket) -> None:
        opened.on("framesent", lambda frame: sent.append(str(frame)))

    lab.page.on("websocket", listen)
    lab.page.reload(wait_until="domcontentloaded")
    expect(lab.output(0).get_by_role("textbox")).to_have_value("here")
    asked = [word for frame in sent for word in re.findall("request_states?", frame)]
    assert asked == ["request_states"]


@pytest.mark.long
def test_stop_ends_an_endless_cell(lab: Lab) -> None:
    """The Stop button reaches a cell that would run for ever; the next cell works."""
    lab.open("print('started', flush=True)\nwhile True: pass", "print('still here')")
    lab.start(0)
    lab.expect_text(lab.output(0), "started")
    lab.interrupt()
    lab.expect_text(lab.output(0), "KeyboardInterrupt")
    lab.expect_text(lab.run(1), "still here")


@pytest.mark.long
def test_a_port_that_another_server_has_taken_is_not_taken_for_ones_own(
    lab_server: LabServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two may find the same port free: each is asked where it says itself that it listens."""
    monkeypatch.setattr("tests.lab.free_port", lambda: int(lab_server.url.rpartition(":")[2]))
    with run_lab(tmp_path) as second:
        assert second.url != lab_server.url


@pytest.mark.long
def test_widgets_themes_and_sizes(lab: Lab, tmp_path: Path) -> None:
    """A widget's click reaches the kernel; the theme and the size of the page change as told."""
    lab.open(
        "import ipywidgets\n"
        "button = ipywidgets.Button(description='clicked 0'); button.add_class('fh-test')\n"
        "button.on_click(lambda b: setattr(b, 'description', 'clicked 1'))\n"
        "button"
    )
    button = lab.run(0).locator(".fh-test")
    lab.expect_text(button, "clicked 0")
    button.click()
    lab.expect_text(button, "clicked 1")

    background = "() => getComputedStyle(document.body).getPropertyValue('--jp-layout-color0').trim()"
    colours = []
    for name in ("light", "dark"):
        lab.theme(name)
        colours.append(lab.page.evaluate(background))
    assert colours[0] != colours[1]

    lab.resize(480, 800)
    assert lab.page.evaluate("() => window.innerWidth") == 480
    lab.shots = tmp_path / "shots"
    lab.screenshot("harness-widget")
    assert (lab.shots / "harness-widget.png").read_bytes().startswith(b"\x89PNG")
    assert lab.errors == []


@pytest.mark.long
def test_an_external_request_is_noticed(lab: Lab) -> None:
    """A picture from elsewhere is on the list: so an empty list means offline."""
    lab.open("from IPython.display import HTML\nHTML('<img src=\"http://192.0.2.1/pixel.png\">')")
    lab.page.route("http://192.0.2.1/**", lambda route: route.abort())
    with lab.page.expect_request("http://192.0.2.1/pixel.png"):
        lab.run(0)
    assert lab.external == ["http://192.0.2.1/pixel.png"]
