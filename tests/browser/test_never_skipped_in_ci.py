"""A browser test may be skipped on a developer's machine, never in CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.long
@pytest.mark.parametrize(
    ("ci", "code", "ending"), [("", 0, "skipped"), ("true", 1, "errors")], ids=["at home", "in CI"]
)
def test_without_chromium_browser_tests_are_skipped_at_home_and_fail_in_ci(
    ci: str, code: int, ending: str, tmp_path: Path
) -> None:
    """Where there is no Chromium, `pytest` passes with skips; with CI=true the same tests fail and say why."""
    harness = Path(__file__).with_name("test_lab_harness.py")
    nowhere = {"PATH": str(tmp_path), "FH_CHROMIUM": "", "CI": ci}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "-q", "-m", "", str(harness)],
        env={**os.environ, **nowhere}, cwd=harness.parents[2], capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    summary = f"{harness.read_text('utf-8').count('def test_')} {ending}"
    assert (done.returncode, summary in done.stdout) == (code, True), done.stdout + done.stderr
    assert "Chromium is missing" in done.stdout
