"""The site of guide, notebooks and reference, as a reader sees it in Chromium on a telephone and on a wide screen.

``FH_SITE`` names a folder in which it is built, as in CI; without it the site is built here, which needs the extra `docs`.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, TimeoutError, expect

from tests.browser.contrast import faint
from tests.lab import picture_folder, save_picture

pytestmark = [pytest.mark.browser, pytest.mark.long]

ROOT = Path(__file__).parents[2]
WIDTHS = (400, 1_600)
SETTLED_MS = 20_000
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
MATERIAL = {"light": "default", "dark": "slate"}
"""The names of Material for them."""

CUT = """() => {
    const right = document.documentElement.clientWidth;
    const scrolls = style => ['auto', 'scroll'].includes(style.overflowX);
    const inside = element => {  // of what scrolls by itself, or of a menu that is closed
        for (let one = element.parentElement; one; one = one.parentElement) {
            const style = getComputedStyle(one);
            if (style.visibility === 'hidden' || style.position === 'fixed') return true;
            if (one !== document.body && scrolls(style) && one.getBoundingClientRect().right <= right + 1) return true;
        }
        return false;
    };
    const name = element => `${element.tagName}.${element.className}: ${element.textContent.trim().slice(0, 40)}`;
    const found = document.documentElement.scrollWidth > right ? ['the page scrolls sideways'] : [];
    for (const element of document.querySelectorAll('.md-header *, .md-main *, .md-footer *')) {
        const box = element.getBoundingClientRect();
        if (element.closest('.md-search')) continue;  // its results are below a box that is closed
        if (!box.width || !box.height || !element.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue;
        if (box.right > right + 1 && !inside(element)) found.push(`beyond the page: ${name(element)}`);
        const code = element.matches('.md-content pre > code, .md-content .highlight-ipynb pre');
        if (code && element.scrollWidth > element.clientWidth + 1) found.push(`code is cut: ${name(element)}`);
    }
    return found;
}"""
"""What is beyond the right edge of the page, and code that has to be scrolled. Wide tables and outputs may scroll."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Write nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[str]]]:
    """The address of the site on this machine, and the paths of its pages."""
    folder = Path(os.environ.get("FH_SITE") or tmp_path_factory.mktemp("site"))
    if not os.environ.get("FH_SITE"):
        if importlib.util.find_spec("mkdocs") is None:
            pytest.skip("FH_SITE names no built site, and mkdocs is not installed: pip install -e '.[docs]'")
        command = [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "-q",
            "-f",
            ".github/docs/mkdocs.yml",
            "-d",
            folder,
        ]
        subprocess.run(command, cwd=ROOT, check=True, timeout=300)
    pages = sorted(page.parent.relative_to(folder).as_posix() for page in folder.rglob("index.html"))
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", pages
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def _opened(browser: Browser, width: int) -> Iterator[Page]:
    """Yield a page. At the end nothing but this machine was asked, and nothing failed in it."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    page, asked, wrong = context.new_page(), set[str](), list[str]()
    page.on("request", lambda request: asked.add(urlsplit(request.url).hostname or request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    try:
        yield page
        assert asked == {"127.0.0.1"}
        assert wrong == []
    finally:
        context.close()


def test_nothing_is_cut_off_and_every_text_can_be_read(site: tuple[str, list[str]], browser: Browser) -> None:
    """The guide, the overview, notebooks and a page of the reference, in each width, light and dark."""
    url, pages = site
    looked = [
        p for p in pages if p.startswith("guide/") or p in (".", "01_quickstart", "03_compare_variants", "reference/batches")
    ]  # fmt: skip
    assert len(looked) == 17
    with _opened(browser, WIDTHS[0]) as page:
        for name, scheme in product(looked, SCHEMES):
            page.emulate_media(color_scheme=scheme)
            page.goto(f"{url}/{name}/", wait_until="load")
            expect(page.locator("body")).to_have_attribute("data-md-color-scheme", MATERIAL[scheme])
            if not name[0].isdigit():  # the outputs of notebooks have tests of their own
                assert faint(page.locator("article")) == [], (name, scheme)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                with contextlib.suppress(TimeoutError):  # the menus move for a moment where the width changes
                    page.wait_for_function(f"({CUT})().length === 0", timeout=SETTLED_MS)
                assert page.evaluate(CUT) == [], (name, width)
                save_picture(page, picture_folder(), f"site-{name.replace('/', '-')}-{width}-{scheme}")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_search_finds_a_page_by_a_word(site: tuple[str, list[str]], browser: Browser, width: int) -> None:
    """A word of its text is enough; the result leads to the page."""
    url, _ = site
    with _opened(browser, width) as page:
        page.goto(f"{url}/guide/cell/", wait_until="load")
        page.keyboard.press("/")  # opens it in each width; what is typed before it has its index is not searched for
        expect(page.locator(".md-search-result__meta")).to_have_text("Type to start searching")
        page.get_by_role("textbox", name="Search").press_sequentially("canaries")
        found = page.locator(".md-search-result__link", has_text="Races and canaries").first
        expect(found).to_be_visible()
        save_picture(page, picture_folder(), f"site-search-{width}")
        found.click()
        expect(page.locator("h1")).to_have_text("Races and canaries")


def test_a_word_of_the_glossary_shows_its_meaning(site: tuple[str, list[str]], browser: Browser) -> None:
    """Under the mouse, and at the keyboard's focus; a click leads to the glossary."""
    url, _ = site
    meaning = "A published workflow of Fetch Hive, which is called by its name."
    with _opened(browser, 1_600) as page:
        page.goto(f"{url}/guide/cell/", wait_until="load")
        word = page.locator("article a", has_text="deployment").first
        tooltip = page.locator(".md-tooltip2", has_text=meaning)
        for point in (word.hover, word.focus):
            page.mouse.move(0, 0)
            expect(tooltip).to_be_hidden()
            point()
            expect(tooltip).to_be_visible()
        save_picture(page, picture_folder(), "site-tooltip")
        word.click()
        expect(page.locator("h1")).to_have_text("Glossary")


COVERED = """() => {
    const found = [];
    for (const button of document.querySelectorAll('.md-content pre .md-clipboard, .md-content pre .md-code__button')) {
        const box = button.getBoundingClientRect();
        const range = document.createRange();
        range.selectNodeContents(button.closest('pre').querySelector('code'));
        const isBelow = text => text.right > box.left && text.left < box.right && text.bottom > box.top && text.top < box.bottom;
        found.push([...range.getClientRects()].some(isBelow));
    }
    return found;
}"""
"""Of each button that copies code, whether it lies on text."""


def test_no_button_that_copies_lies_on_text(site: tuple[str, list[str]], browser: Browser) -> None:
    """Neither on a narrow page, where each line of code is as long as its box."""
    url, _ = site
    with _opened(browser, WIDTHS[0]) as page:
        page.goto(f"{url}/guide/cell/", wait_until="load")
        expect(page.locator(".md-content pre button").first).to_be_attached()
        covered = page.evaluate(COVERED)
        assert covered
        assert not any(covered)
