"""Fixtures for tests of batches: windows of few rows."""

from __future__ import annotations

import pytest


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> int:
    """So many rows of an iterator, and jobs of a kept batch, are read together: each row more is a call more.

    Jobs are read in windows of another size, so that the variants of a row lie in two of them.
    """
    rows = 100
    monkeypatch.setattr("fh_notebook.batching.planning.sources.WINDOW", rows)
    monkeypatch.setattr("fh_notebook.batching.planning.stored_jobs.WINDOW", rows - 1)
    return rows
