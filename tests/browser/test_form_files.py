"""A file in a form in JupyterLab: chosen, sent by its address, kept over a reload; a kept file of an answer."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Locator, expect

from fh_notebook.local import LocalHive
from tests.browser.form_page import cut_off
from tests.lab import Lab

pytestmark = [pytest.mark.browser, pytest.mark.long]

SETUP = (
    "%load_ext fh_notebook\nimport fh_notebook as fh\n"
    "fh.configure(base_url={url!r}, api_key='fhk_' + '0123456789abcdef', workspace_id='ws_local')\n"
    "photo = {{'type': 'string', 'contentEncoding': 'base64', 'title': 'Photo'}}\n"
    "dep = fh.Deployment('read', variants=['v'], inputs={{'photo': photo, 'note': fh.text(required=False)}})"
)
PAINT = (
    "batch = fh.batch([{'text': 'a'}], 'paint', variants=['v'], save_assets='kept', progress=False)\n"
    "batch.to_fhb('paint.fhb')\nimport shutil; shutil.rmtree('kept')\n"
    "opened = fh.open_batch('paint.fhb'); opened.frame; run = next(e[1].run for e in opened.entries())\nrun"
)


def _picture() -> bytes:
    written = io.BytesIO()
    Image.effect_noise((240, 160), 90).save(written, "PNG")
    return written.getvalue()


class PhotoHive(LocalHive):
    """Its workflow is given a photo; another one makes a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[str] = []

        @self.workflow("read", variant="v")
        def read(photo: str, note: str = "") -> str:
            self.got.append(photo)
            return "a bee"

        @self.workflow("paint", variant="v")
        def paint(text: str) -> Any:
            return {"settings": {}, "assets": [self.asset("bee.png", _picture(), "image/png")]}

    def uploads(self) -> list[str]:
        return [entry["file_name"] for entry in self._service.assets.list("ws_local")]


def _choose(lab: Lab, form: Locator, name: str, content: bytes) -> None:
    with lab.page.expect_file_chooser() as chooser:
        form.get_by_role("button", name="Choose a file").click()
    chooser.value.set_files({"name": name, "mimeType": "image/png", "buffer": content})


def test_a_photo_is_sent_by_its_address(lab: Lab) -> None:
    """By keyboard; the choice and the file stay over a reload, and Run uploads."""
    hive = PhotoHive()
    with hive.serve() as server:
        lab.open(SETUP.format(url=server.url), "form = fh.form(dep)\nform")
        lab.run(0)
        form = lab.run(1).locator(".fh-panel")
        told = form.get_by_role("textbox", name=re.compile("^Photo"))
        way = form.get_by_role("combobox", name="how to send Photo")
        _choose(lab, form, "bee.png", _picture())
        expect(way).to_be_visible()
        expect(told).to_have_value(re.compile("bee.png, "))
        expect(form.locator("img.fh-thumbnail")).to_be_visible()
        form.get_by_role("button", name="Choose a file").focus()
        lab.page.keyboard.press("Tab")
        expect(way).to_be_focused()
        lab.page.keyboard.press("ArrowDown")
        expect(way.locator("option:checked")).to_contain_text("address")
        expect(told).to_have_value(re.compile("bee.png, "))
        expect(form.locator("img.fh-thumbnail")).to_be_visible()
        for look in lab.looks(height=900, widths=(1600, 800, 400)):
            form.scroll_into_view_if_needed()
            lab.screenshot(f"form-file-{look}", of=form)
            assert not cut_off(form), look
        assert hive.uploads() == []
        lab.save()
        lab.page.reload(wait_until="domcontentloaded")
        form = lab.output(1).locator(".fh-panel")
        told = form.get_by_role("textbox", name=re.compile("^Photo"))
        expect(told).to_have_value(re.compile("bee.png, "))
        expect(form.get_by_role("combobox", name="how to send Photo").locator("option:checked")).to_contain_text(
            "address"
        )
        form.locator("button.fh-run").click()
        expect(form.locator(".fh-results")).to_contain_text("a bee")
    assert hive.uploads() == ["bee.png"]
    assert hive.got[0].endswith("/bee.png")


def test_the_files_of_a_column_are_sent_by_their_addresses(lab: Lab) -> None:
    """By mouse: the column's paths are the files by themselves, and the menu leads there from another choice."""
    hive = PhotoHive()
    rows = (
        "from pathlib import Path\nfor name in 'ab': Path(f'{name}.png').write_bytes(name.encode() * 40)\n"
        "form = fh.form(dep, over=[{'photo': 'a.png'}, {'photo': 'b.png'}])\nform"
    )
    with hive.serve() as server:
        lab.open(SETUP.format(url=server.url), rows)
        lab.run(0)
        form = lab.run(1).locator(".fh-panel")
        menu = form.get_by_role("combobox", name="photo")
        expect(menu.locator("option:checked")).to_have_text("files named in column photo")
        expect(form.locator(".fh-preview")).to_contain_text("a.png, 40 bytes")
        menu.select_option("not sent")
        expect(form.locator(".fh-preview")).not_to_contain_text("a.png")
        menu.select_option("from column photo")
        expect(menu.locator("option:checked")).to_have_text("files named in column photo")
        form.get_by_role("button", name="Run 2 calls").click()
        expect(form.locator(".fh-batch-result")).to_contain_text(re.compile("(?<!of )2 completed"))
        assert sorted(hive.uploads()) == ["a.png", "b.png"]
        assert sorted(address.rpartition("/")[2] for address in hive.got) == ["a.png", "b.png"]


def test_a_kept_picture_of_a_file_that_was_handed_over(lab: Lab) -> None:
    """Opened without the folder: the picture is in the page, and where it is from."""
    hive = PhotoHive()
    with hive.serve() as server:
        lab.open(SETUP.format(url=server.url), PAINT)
        lab.run(0)
        shown = lab.run(1)
        expect(shown.locator("img[src^='data:image/png']")).to_be_visible()
        lab.expect_text(shown, "in paint.fhb")
        for look in lab.looks(height=900, widths=(1600, 800)):
            lab.screenshot(f"kept-file-{look}", of=shown)
