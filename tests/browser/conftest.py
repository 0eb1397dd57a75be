"""A JupyterLab server for the session, a browser for this folder, a page for a test after the other, as if it were new."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab import HEADLESS, Lab, LabServer, find_chromium, picture_folder, run_browser, run_lab

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FAILED = pytest.StashKey[bool]()
"""Set on a test that failed, for the fixture that takes the picture."""


@pytest.fixture(scope="session")
def chromium() -> str:
    """Chromium's path. Without it the test is skipped; where CI=true, the skip is a failure (tests/conftest.py)."""
    path = find_chromium(HEADLESS)
    if path is None:
        pytest.skip("Chromium is missing: apt-get install -y --no-install-recommends chromium fonts-dejavu-core")
    return path


@pytest.fixture(scope="session")
def lab_server(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """One JupyterLab for all browser tests; each test has a notebook, and so a kernel, of its own."""
    with run_lab(tmp_path_factory.mktemp("lab")) as server:
        yield server


# Not for the session: while Playwright is up, asyncio believes that a loop is running in this thread, and every later
# test that calls asyncio.run() would fail.
@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    """Chromium, for the tests of this folder."""
    with run_browser(chromium) as started:
        yield started


@pytest.fixture(scope="package")
def pages(browser: Browser, lab_server: LabServer) -> Iterator[list[Lab]]:
    """The page of JupyterLab that the last test left as a new one, if it did."""
    left: list[Lab] = []
    yield left
    for lab in left:
        lab.page.context.close()


@pytest.fixture
def lab(
    browser: Browser, lab_server: LabServer, pages: list[Lab], tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Lab]:
    """A page of JupyterLab; on failure, what it shows is saved as ``failed-<test>.png``, and the next test has another."""
    if not pages:
        context = browser.new_context(viewport={"width": 1200, "height": 900})
        pages.append(Lab(context.new_page(), lab_server, picture_folder()))
    opened = pages.pop()
    opened.shots = picture_folder()
    try:
        yield opened
        if request.node.stash.get(FAILED, False):
            opened.shots = opened.shots or tmp_path / "screenshots"
            opened.screenshot(f"failed-{request.node.name}")
            print(f"what the page shows: {opened.shots}")
        elif opened.clear():
            pages.append(opened)
    finally:
        if opened not in pages:
            opened.page.context.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember that a test failed, and add what its page shows."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
        lab = getattr(item, "funcargs", {}).get("lab")
        if isinstance(lab, Lab) and not lab.page.is_closed():
            report.sections.append(("the page", lab.told()))
    return report
