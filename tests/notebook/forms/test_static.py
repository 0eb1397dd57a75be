"""A form in a saved notebook and in nbconvert's page: the last state without widgets, and no secret."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests import kernel_provisioner
from tests.notebook.forms.form_hive import DECLARED, KEY, PASSWORD, FormHive

SPELT = f"''.join({[PASSWORD[:9], PASSWORD[9:]]!r})"
"""The password as an expression: so that the cell's own source does not have it."""
CELLS = [
    f"import fh_notebook as fh\n{DECLARED}",
    f"form = fh.form(reply, variants='plain', values={{'ticket': 'Late <b>.', 'token': {SPELT}}})\nform",
    "form.fields['ticket'].value = 'Torn <i>.'\nruns = form.submit().wait()\nform.add_to_batch()\nform._view._tools._buttons",
    "for button in form._view._tools._buttons.values():\n    button.value = True",
    "form.fields, form.value, form.run, form.run.inputs, form.frame, form.dataset",
    f"over = fh.form(reply, over=[{{'ticket': 'a'}}], variants='plain', values={{'token': {SPELT}}})\nover",
    "batch = over.submit().wait()\nover.frame",
]

RUN_AND_EXPORT = """
import sys, nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, store_widget_state=True, timeout=180).execute()
nbformat.write(notebook, sys.argv[1])
for name in ("with", "without"):
    if name == "without":
        del notebook.metadata["widgets"]
    page, _ = HTMLExporter().from_notebook_node(notebook)
    open(sys.argv[1] + f".{name}.html", "w").write(page)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Has the executed notebook ``form.ipynb``, its pages, and the store."""
    folder = tmp_path_factory.mktemp("saved")
    file = folder / "form.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS]), file)
    with FormHive().serve() as server:
        done = subprocess.run(
            [sys.executable, "-c", RUN_AND_EXPORT, str(file)],
            env=kernel_provisioner.for_program(
                folder, JPY_PARENT_PID=str(os.getpid()), FETCH_HIVE_BASE_URL=server.url, FETCH_HIVE_API_KEY=KEY
            ),
            cwd=folder, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    return folder


@pytest.mark.long
def test_no_file_has_the_key_or_the_password(folder: Path) -> None:
    """Not the notebook with its widgets' state, not its pages, not the store, nor anything else that was written."""
    saved = nbformat.read(folder / "form.ipynb", as_version=4)
    assert "PasswordModel" in json.dumps(saved.metadata["widgets"])
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert {"form.ipynb", "form.ipynb.with.html", "store.sqlite3"} <= {file.name for file in files}
    assert [f.name for f in files for secret in (KEY, PASSWORD) if secret.encode() in f.read_bytes()] == []


@pytest.mark.long
@pytest.mark.parametrize("state", ["with", "without"])
def test_the_page_has_the_last_state(folder: Path, state: str) -> None:
    """Once: what was typed last and what came, escaped; also where the widgets' state was not saved."""
    page = (folder / f"form.ipynb.{state}.html").read_text()
    shown = page.split('class="fh fh-form-static"')
    assert len(shown) == 3  # of the form, and of the one over rows
    assert "Torn &lt;i&gt;." in shown[1]
    assert "Dear customer, Torn &lt;i&gt;." in shown[1]
    assert "Late" not in shown[1].partition("</table>")[0]
    assert "set, hidden" in shown[1]
    assert "1 of 1" in shown[2]
    assert "<i>." not in page.partition('<script type="application/vnd.jupyter.widget-state+json">')[0]


@pytest.mark.long
def test_the_notebook_has_the_last_state_as_text(folder: Path) -> None:
    """For GitHub, a terminal, a diff."""
    saved = nbformat.read(folder / "form.ipynb", as_version=4)
    widgets, last = saved.cells[1].outputs
    assert widgets.data["text/plain"] == ""
    assert last.data["text/plain"].splitlines()[:2] == ["Form of reply (plain: 1 call)", "  ticket*    Torn <i>."]
    assert "Dear customer, Torn <i>." in last.data["text/plain"]


def test_in_a_terminal_a_form_is_its_text(tmp_path: Path) -> None:
    """IPython without a kernel makes no widget of it."""
    script = (
        "from IPython.core.interactiveshell import InteractiveShell\nimport sys\n"
        "shell = InteractiveShell.instance()\n"
        'shell.run_cell(\'import fh_notebook as fh\\nfh.form(fh.Deployment("d", variants="v", inputs={"a": fh.text()}))\')\n'
        "assert 'ipywidgets' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=kernel_provisioner.for_program(tmp_path),
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert (done.returncode, done.stdout.removeprefix("Out[0]: ").splitlines()) == (
        0,
        ["Form of d (v: 1 call)", "  a*  not set"],
    ), done.stderr
