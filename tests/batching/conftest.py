"""What the tests of batches share: a window of few rows."""

from __future__ import annotations

import pytest


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> int:
    """So many rows of an iterator are read together: each row more is a call more, and a test of its own has all 1,000."""
    rows = 100
    monkeypatch.setattr("fh_notebook.batching.planning.sources.WINDOW", rows)
    return rows
