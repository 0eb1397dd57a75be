"""The shipped notebooks: each runs offline from top to bottom, and each committed file is fit to be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tests.kernel import Kernel

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def _code(notebook: NotebookNode) -> Iterator[NotebookNode]:
    return (cell for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda f: f.stem)
def test_a_notebook_runs_all_its_cells_queued_at_once(file: Path, kernel: Kernel) -> None:
    """Run All in a fresh kernel: no error, nothing on standard error, and what the committed outputs say is said again."""
    cells = list(_code(nbformat.read(file, as_version=4)))
    requests = kernel.run_all(*(cell.source for cell in cells), person=True)
    kernel.wait(requests[-1], timeout=120)
    for cell, request in zip(cells, requests, strict=True):
        assert kernel.reply(request)["status"] == "ok", kernel.text(request)
        assert not [m for m in kernel.outputs(request) if m.content.get("name") == "stderr"], kernel.text(request)
        shown = [data.get("text/plain", "") for data in kernel.shown(request)]
        kept = [o["data"]["text/plain"] for o in cell.outputs if "data" in o]
        assert [_timeless(text) for text in shown] == [_timeless(text) for text in kept], cell.source


def _timeless(text: str) -> str:
    """Without what differs from run to run: seconds, ids, dates, rates, and the width of columns that hold them."""
    text = re.sub(r", about [\d.]+ (s|min|h)\b", "", text)  # a forecast, where such calls were made before
    text = re.sub(r"\b\d+\.\d+(e-\d+)?\b|\breq_\w+|\b\d\d? [A-Z][a-z]{2} \d\d:\d\d", "#", text)
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda f: f.stem)
def test_a_committed_notebook_is_fit_to_be_read(file: Path) -> None:
    """It has outputs, in order; no error, no key, no path of somebody's machine; it is under 1 MB."""
    text = file.read_text("utf-8")
    assert len(text) < 1_000_000
    assert not re.search(r"fhk_\w|/root/|/home/|/tmp/|/work/|C:\\\\Users", text)
    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    counts = [cell.execution_count for cell in _code(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    outputs = [output for cell in _code(notebook) for output in cell.outputs]
    assert outputs
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    for output in outputs:
        if "text/html" in output.get("data", {}):
            assert output["data"]["text/plain"].strip(), "HTML without a text twin"


def test_a_notebook_is_valid_json_with_stable_ids() -> None:
    """A cell's id says where it stands: a diff of two versions shows what changed and nothing else."""
    for file in NOTEBOOKS:
        cells = json.loads(file.read_text("utf-8"))["cells"]
        assert [cell["id"] for cell in cells] == [f"cell-{i:02d}" for i in range(len(cells))]
