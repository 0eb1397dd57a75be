"""Every page of ours, made of hostile words: nothing in it runs, and nothing of it is asked for elsewhere."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fh_notebook.session import session
from tests import environment
from tests.lab import HEADLESS, find_chromium, run_browser
from tests.security.surfaces import harms, of_batches, of_cells, of_widgets

if TYPE_CHECKING:
    from playwright.sync_api import Page

MAX_PAGE = 3_000_000
"""Characters of one display: outputs are capped, and a notebook stays one that opens."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], Path]:
    """All pages by their surface, and the folder in which the reports lie."""
    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:  # a test's own isolation begins after this
        for name, value in environment.settings(folder).items():
            patch.setenv(name, value)
        try:
            return {
                name: page for pages in (of_cells(), of_widgets(), of_batches(folder)) for name, page in pages
            }, folder
        finally:
            session.reset()


def test_nothing_in_any_page_can_run_or_be_fetched(made: tuple[dict[str, str], Path]) -> None:
    """Cells, forms, results in every form, batches, progress, comparisons and plots; and each is bounded."""
    pages, folder = made
    assert len(pages) > 40
    assert {name: found for name, page in pages.items() if (found := harms(page))} == {}
    assert {name: len(page) for name, page in pages.items() if len(page) > MAX_PAGE} == {}
    markdown = (folder / "reports" / "report.md").read_text("utf-8")
    assert "](javascript:" not in markdown
    assert "<script" not in markdown
    assert "<img" not in markdown


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page in Chromium; skipped without it, but never in CI."""
    path = find_chromium(HEADLESS)
    if path is None:
        pytest.skip("Chromium is missing: apt-get install -y --no-install-recommends chromium fonts-dejavu-core")
    with run_browser(path) as browser:
        yield browser.new_page()


OPEN_ALL = """() => {
    for (const it of document.querySelectorAll('details')) it.open = true;
    for (const it of document.querySelectorAll('*')) {
        for (const kind of ['mouseover', 'focus', 'click', 'toggle', 'animationend', 'beforeinput'])
            if (!(kind === 'click' && it.closest('a'))) it.dispatchEvent(new Event(kind, {bubbles: false}));
    }
    return [window.evil === undefined, document.querySelectorAll('script:not([data-ours]), iframe, object, embed, base, meta[http-equiv=refresh]').length];
}"""


@pytest.mark.long
@pytest.mark.browser
def test_a_browser_runs_no_script_of_them_and_asks_for_nothing(made: tuple[dict[str, str], Path], page: Page) -> None:
    """All of them in one page, opened, hovered and clicked; then the report, with everything in it unfolded."""
    pages, folder = made
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    body = "".join(f"<section title='{html.escape(name)[:60]}'>{text}</section>" for name, text in pages.items())
    file = folder / "all.html"
    file.write_text(f"<!doctype html><meta charset=utf-8><title>fine</title>{body}", "utf-8", errors="replace")
    page.goto(file.as_uri())
    assert page.evaluate(OPEN_ALL) == [True, 0]
    report = folder / "reports" / "report.html"
    page.goto(report.as_uri())
    assert page.evaluate(OPEN_ALL)[0]
    assert page.evaluate("document.querySelectorAll('iframe, object, embed, base, img, #body script').length") == 0
    assert [url for url in asked if url not in (file.as_uri(), report.as_uri())] == []
