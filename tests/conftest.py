"""What holds for every test: its own store and folders, no key, no keyring; and in CI no browser test is skipped."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

# The helpers beside this file are imported as `tests.kernel`, whichever way pytest was started.
sys.path.insert(0, str(Path(__file__).parents[1]))

from tests import environment
from tests.kernel import Kernel

# Times on a machine that also runs a browser and three kernels say nothing about a property.
hypothesis_settings.register_profile("fh", deadline=None, print_blob=True)
hypothesis_settings.load_profile("fh")

# Read when jupyter_core is first imported; without it, it warns, and warnings are errors.
os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep the test inside `tmp_path`: its store, its IPython and Jupyter folders; no key, proxy or keyring."""
    for name in environment.unwanted(os.environ):
        monkeypatch.delenv(name)
    for name, value in environment.settings(tmp_path).items():
        monkeypatch.setenv(name, value)
    yield tmp_path
    if session := sys.modules.get("fh_notebook.session"):
        session.reset()
    if settings := sys.modules.get("fh_notebook.settings"):
        settings.reset()


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    """A real kernel of this interpreter, fresh for the test (half a second)."""
    with Kernel(tmp_path) as started:
        yield started


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a browser test that was skipped, for whatever reason, where CI=true: there it must have run."""
    report = yield
    expected = hasattr(report, "wasxfail")
    in_ci = os.environ.get("CI", "").lower() == "true"
    if report.skipped and not expected and in_ci and item.get_closest_marker("browser"):
        report.outcome = "failed"
        report.longrepr = f"a browser test was skipped although CI=true: {report.longrepr}"
    return report
