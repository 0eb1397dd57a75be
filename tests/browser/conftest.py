"""A JupyterLab server for the session, a browser for a file of tests, a page for a test."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab import Lab, LabServer, find_chromium, run_browser, run_lab

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FAILED = pytest.StashKey[bool]()
"""Set on a test that failed, for the fixture that takes the picture."""


@pytest.fixture(scope="session")
def chromium() -> str:
    """Chromium's path. Without it the test is skipped; where CI=true, the skip is a failure (tests/conftest.py)."""
    path = find_chromium()
    if path is None:
        pytest.skip("Chromium is missing: apt-get install -y --no-install-recommends chromium fonts-dejavu-core")
    return path


@pytest.fixture(scope="session")
def lab_server(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """One JupyterLab for all browser tests; each test has a notebook, and so a kernel, of its own."""
    with run_lab(tmp_path_factory.mktemp("lab")) as server:
        yield server


# Not for the session: while Playwright is up, asyncio believes that a loop is running in this thread, and every later
# test that calls asyncio.run() would fail. Starting Chromium again takes half a second.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Chromium, for the tests of one file."""
    with run_browser(chromium) as started:
        yield started


@pytest.fixture
def lab(browser: Browser, lab_server: LabServer, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A page of JupyterLab; on failure, what it shows is saved as ``failed-<test>.png``."""
    shots = Path(os.environ.get("FH_SCREENSHOTS") or tmp_path / "screenshots")
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    opened = Lab(context.new_page(), lab_server, shots)
    try:
        yield opened
        if request.node.stash.get(FAILED, False):
            print(f"what the page shows: {opened.screenshot(f'failed-{request.node.name}')}")
    finally:
        context.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember that a test failed."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report
