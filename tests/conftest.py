"""Fixtures of all tests: a real kernel, a paced hive, the order of the files; and in CI no browser test is skipped."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis.strategies import none
from xdist.scheduler import LoadFileScheduling

from tests.kernel import Kernel
from tests.notebook.paced_hive import PacedHive

EXAMPLES = int(os.environ.get("FH_EXAMPLES", "25"))
"""How many a property is tried with. They are the same each time, so that a run says whether a change broke something;
where somebody names the number, to look for what nobody has found, they are new ones."""

# Times on a machine that also runs a browser and three kernels say nothing about a property.
hypothesis_settings.register_profile(
    "fh", max_examples=EXAMPLES, derandomize="FH_EXAMPLES" not in os.environ, deadline=None, print_blob=True
)
hypothesis_settings.load_profile("fh")
if "FH_EXAMPLES" not in os.environ:
    # Constants of the modules that are imported just then would be among the examples: of the same test others in each
    # process, which also reads all modules for them (4 s).
    with suppress(ImportError):  # the lowest version has no such examples
        from hypothesis.internal.conjecture import providers

        vars(providers)["is_local_module_file"] = lambda path: False


@pytest.hookimpl(wrapper=True)
def pytest_collect_file() -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Look for examples in the package only: in 500 modules of tests there are none, and helpers need not be imported."""
    return [found for found in (yield) if type(found) is pytest.Module]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out, in the long tier, files without a long test: to import all others takes each process 20 s."""
    if config.option.markexpr != "long" or collection_path.suffix != ".py":
        return None
    return True if "mark.long" not in collection_path.read_text(encoding="utf-8") else None


IN_MEMORY = Path("/dev/shm")
ROOM = 4 * 1024**3
"""As much as the default tier leaves there several times."""


def _has_room() -> bool:
    """Whether files can be written in memory; in many containers no program in them can be started, as tests do."""
    if not IN_MEMORY.is_dir() or shutil.disk_usage(IN_MEMORY).free <= ROOM:
        return False
    return not os.statvfs(IN_MEMORY).f_flag & os.ST_NOEXEC


def pytest_configure(config: pytest.Config) -> None:
    """Have the default tier write its files in memory, where there is room, and tests hear an interrupt.

    To open, fill and close a store takes 2 ms there and 50 ms on a disk, which is waited for at each step. The long tier
    makes whole environments, and stays on the disk.
    """
    if config.option.markexpr == "not long" and _has_room():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))
    # A shell starts what runs in its background without interrupts, which tests send to themselves and to kernels.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


BROWSER = "tests/browser/"
LONGEST = (
    BROWSER,
    "tests/scaling/cluster/test_failures.py",
    "tests/test_binder.py",
    "tests/test_readme.py",
    "tests/notebook/kernel/test_legs.py",
    "tests/session/test_probe.py",
    "tests/notebook/test_notebooks.py",
    "tests/long/test_packaging.py",
    "tests/long/test_soak.py",
    "tests/long/test_fuzz.py",
    "tests/notebook/progress/test_plain.py",
    "tests/comparing/stats/test_coverage.py",
)
"""What one process has alone for a quarter of a minute and more (see `_ByFile`), the longest first."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """Collect no garbage while tests are collected: each time, all that was collected so far would be looked through."""
    gc.disable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest: begun last, one would keep one process at work while the others have nothing to do."""
    items.sort(
        key=lambda item: next((i for i, name in enumerate(LONGEST) if item.nodeid.startswith(name)), len(LONGEST))
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Keep the garbage collector from what was collected: nine thousand tests and their modules stay to the end.

    A full collection would go through all of it, and many a test causes one.
    """
    # At its first example hypothesis asks the collector who holds its generator of random numbers, and warns where nobody
    # does; what is frozen is not among those.
    given(none())(lambda value: None)()
    gc.collect()
    gc.freeze()
    gc.enable()


class _ByFile(LoadFileScheduling):
    """The tests of a file go to one process, and all of the browser's to one: they share a JupyterLab.

    xdist's own groups do nothing with pytest 9.2: it gave up the attribute in which xdist 3.8 notes them.
    """

    def _split_scope(self, nodeid: str) -> str:
        return BROWSER if nodeid.startswith(BROWSER) else str(super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """Give the files of tests to the processes."""
    return _ByFile(config, log)


MIDNIGHT = timedelta(seconds=20)
"""How long before midnight UTC no test begins: longer than nearly all of them take."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Begin a test on the day on which it ends: a cap of calls a day is renewed at midnight UTC, and counted calls with it."""
    now = datetime.now(UTC)
    left = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1) - now
    if left < MIDNIGHT:
        time.sleep(left.total_seconds() + 0.1)


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    """A real kernel of this interpreter, fresh for the test (half a second)."""
    with Kernel(tmp_path) as started:
        yield started


@pytest.fixture
def paced_hive() -> Iterator[PacedHive]:
    """A hive that lets calls end when the test says so; those that are out at the end of the test end."""
    hive = PacedHive()
    yield hive
    hive.ended.set()


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
