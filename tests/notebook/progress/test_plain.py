"""The progress of a batch in a notebook that a program runs: nbconvert, and nbclient beneath it, as people start them."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from tests import kernel_provisioner
from tests.notebook.paced_hive import KEY, PacedHive
from tests.told import numbers_in

SETUP = "%load_ext fh_notebook\nimport fh_notebook as fh\nrows = [{'text': str(i)} for i in range(8)]"
OPTIONS = "variants='v', max_concurrency=4, name='night'"

RUNNERS = {
    "nbconvert": ["nbconvert", "--to", "notebook", "--inplace", "--execute", "night.ipynb"],
    "nbclient": ["execute", "--inplace", "night.ipynb"],
}


@pytest.fixture
def hive() -> Iterator[PacedHive]:
    """It lets calls end when the test says so."""
    hive = PacedHive()
    yield hive
    hive.ended.set()


def _after_run(folder: Path, runner: str, hive: PacedHive, *cells: str) -> list[nbformat.NotebookNode]:
    """Run a notebook, and return the cells after the first as they were saved."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in (SETUP, *cells)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "night.ipynb")
    with hive.serve() as server:
        env = kernel_provisioner.for_program(folder, FETCH_HIVE_BASE_URL=server.url, FETCH_HIVE_API_KEY=KEY)
        subprocess.run(
            [sys.executable, "-m", "jupyter", *RUNNERS[runner]],
            cwd=folder, env=env, check=True, capture_output=True, timeout=300,
        )  # fmt: skip
    return list(nbformat.read(folder / "night.ipynb", as_version=4).cells[1:])


def _lines(cell: nbformat.NotebookNode) -> list[str]:
    """What a cell says on standard output, which must be all that it shows."""
    assert {(o.output_type, o.get("name")) for o in cell.outputs} <= {("stream", "stdout")}
    return [line for output in cell.outputs for line in output.text.splitlines()]


@pytest.mark.long
@pytest.mark.parametrize("runner", ["nbconvert", "nbclient"])
def test_a_cell_has_a_line_every_few_seconds_and_the_last_state(runner: str, hive: PacedHive, tmp_path: Path) -> None:
    """Plan, how far it is, end: text on standard output, and nothing of a widget or of a page in the saved notebook."""

    def let_go() -> None:
        hive.wait_for(4)
        hive.let_go(3)
        hive.wait_for(3)
        # More than the five seconds after which a line is due; nothing in this process could be waited for.
        hive.ended.wait(7)
        hive.ended.set()

    thread = threading.Thread(target=let_go)
    thread.start()
    [cell] = _after_run(tmp_path, runner, hive, f"b = fh.batch(rows, 'paced', {OPTIONS})")
    thread.join()
    plan, *updates, end = _lines(cell)
    assert plan == "paced: 8 rows x 1 variant = 8 jobs; 8 calls"
    assert 1 <= len(updates) <= 3
    assert updates[0].startswith("night: 3 of 8 ")
    assert numbers_in(updates[0])[2:4] == ["5", "4"]
    assert re.fullmatch(r"night: 8 of 8 \w+; 8 calls", end)


@pytest.mark.long
def test_a_batch_in_the_background_ends_in_the_cell_that_waits_for_it(hive: PacedHive, tmp_path: Path) -> None:
    """nbclient drops what is said for a cell that has ended: the last state is under the cell that runs then."""

    def let_go() -> None:
        hive.wait_for(4)
        hive.ended.set()

    thread = threading.Thread(target=let_go)
    begun = f"import time\nb = fh.batch(rows, 'paced', {OPTIONS}, wait=False)"
    # The cell that waits runs on a little: what is said on the way out must reach nbclient before the cell's end does.
    waits = "b.wait()\ntime.sleep(3)"
    thread.start()
    first, second = _after_run(tmp_path, "nbclient", hive, begun, waits)
    thread.join()
    assert "night: 8 of 8 " in "\n".join(_lines(first) + _lines(second))
