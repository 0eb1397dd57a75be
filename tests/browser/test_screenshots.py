"""The script of the screenshots takes a surface, and its page shows it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from tests import environment

pytestmark = [pytest.mark.browser, pytest.mark.long]

SCRIPT = Path(__file__).parents[2] / ".github" / "screenshots"


def test_one_surface_is_taken(chromium: str, tmp_path: Path) -> None:
    """Its picture has the width that was asked for and shows more than an empty page; the HTML page names it."""
    options = ["--surfaces", "form_empty", "--places", "lab", "--themes", "light", "--widths", "800"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path / "out"), *options],
        env=environment.for_process(tmp_path, FH_CHROMIUM=chromium), cwd=tmp_path, capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {"index.html", *(f"form_empty-lab-light-800-{part}.png" for part in ("window", "whole"))}
    seen = imread(tmp_path / "out" / "form_empty-lab-light-800-window.png")[..., :3]
    assert seen.shape[:2] == (1000, 800)
    inside = seen[300:700, 100:700]
    assert len(np.unique(inside.reshape(-1, 3), axis=0)) > 20  # letters have many shades
    assert "form_empty-lab-light-800-window.png" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
