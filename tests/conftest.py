"""What tests share: a real kernel, the order of the files; and in CI no browser test is skipped."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from tests.kernel import Kernel

# Times on a machine that also runs a browser and three kernels say nothing about a property.
hypothesis_settings.register_profile("fh", deadline=None, print_blob=True)
hypothesis_settings.load_profile("fh")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file together, and those of the browser, which come first: one process has them, at once.

    They are the longest run of tests that share something (one JupyterLab), so whoever has them must begin early.
    """
    items.sort(key=lambda item: item.get_closest_marker("browser") is None)
    for item in items:
        group = "browser" if item.get_closest_marker("browser") else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))


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
