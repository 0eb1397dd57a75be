"""Partitions keep what they have in a folder of the machine: here each test has its own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def scratch_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the stores of partitions inside `tmp_path`: equal tables of other tests, at the same time or before, have
    stores of the same names."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
