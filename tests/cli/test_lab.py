"""``fh-notebook lab``: the notebooks are copied, never over the user's own work, and JupyterLab is started on them."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

import fh_notebook
from fh_notebook.cli import lab
from tests import environment
from tests.told import tells

OLD, NEW = b'{"cells": [], "version": 1}', b'{"cells": [], "version": 2}'
MINE = b'{"cells": ["mine"]}'


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder of shipped notebooks."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    (folder / lab.FIRST).write_bytes(OLD)
    (folder / "02_more.ipynb").write_bytes(OLD)
    return folder


@pytest.mark.parametrize(
    ("present", "shipped_later", "expected", "kept"),
    [
        (None, OLD, OLD, []),
        (OLD, OLD, OLD, []),
        (OLD, NEW, NEW, []),
        (MINE, OLD, MINE, [lab.FIRST]),
        (MINE, NEW, MINE, [lab.FIRST]),
        (NEW, NEW, NEW, []),
    ],
    ids=["removed", "unchanged", "unchanged, new version", "changed", "changed, new version", "already the new one"],
)
def test_a_second_copy_renews_what_is_unchanged_and_keeps_what_is_changed(
    source: Path, tmp_path: Path, present: bytes | None, shipped_later: bytes, expected: bytes, kept: list[str]
) -> None:
    """A notebook as it was copied follows the package; one that the user changed is left alone and named."""
    work = tmp_path / "deep" / "work"
    assert lab.copy_notebooks(source, work) == []
    if present is None:
        (work / lab.FIRST).unlink()
    else:
        (work / lab.FIRST).write_bytes(present)
    (source / lab.FIRST).write_bytes(shipped_later)
    assert lab.copy_notebooks(source, work) == kept
    assert (work / lab.FIRST).read_bytes() == expected
    assert (work / "02_more.ipynb").read_bytes() == OLD


@pytest.mark.parametrize("noted", ["", "{", "[1]", '{"01_quickstart.ipynb": 3}'])
def test_a_broken_note_overwrites_nothing(source: Path, tmp_path: Path, noted: str) -> None:
    """Where it cannot be told whether a notebook was changed, it is left alone."""
    work = tmp_path / "work"
    work.mkdir()
    (work / lab.FIRST).write_bytes(MINE)
    (work / lab.MANIFEST).write_text(noted)
    assert lab.copy_notebooks(source, work) == [lab.FIRST]
    assert (work / lab.FIRST).read_bytes() == MINE


def test_the_quickstart_is_shipped() -> None:
    """The installation has the notebook that the command opens, from the wheel or from the source."""
    found = lab.shipped_notebooks()
    assert found is not None
    assert json.loads((found / lab.FIRST).read_text(encoding="utf-8"))["cells"]


def test_a_folder_that_cannot_be_used_is_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file in the way of the folder is one line with the cure, and exit code 1."""
    (tmp_path / "file").touch()
    args = argparse.Namespace(dir=tmp_path / "file" / "work", no_browser=True, options=[])
    assert lab.run(args) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "--dir" in told


def _run(folder: Path, *words: str, before: str = "", path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``fh-notebook lab`` in a process of its own, after the statement `before`; imports look in `path` first."""
    env = environment.for_process(folder)
    if path is not None:
        env["PYTHONPATH"] = os.pathsep.join([str(path), env["PYTHONPATH"]])
    code = f"import sys; {before}\nfrom fh_notebook.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, "lab", *words], cwd=folder, env=env, capture_output=True, text=True, timeout=60
    )


def test_jupyterlab_is_started_on_the_quickstart_in_the_working_folder(tmp_path: Path) -> None:
    """The command becomes JupyterLab of its own interpreter, in the folder, with the notebook and the given options."""
    stand_in = tmp_path / "modules" / "jupyterlab"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").touch()
    (stand_in / "__main__.py").write_text("import os, sys; print(os.getcwd(), sys.argv[1:]); sys.exit(7)")
    done = _run(tmp_path, "--no-browser", "--dir", "work", "--", "--port", "9000", path=stand_in.parent)
    assert done.returncode == 7, done.stderr
    opened, became = done.stdout.splitlines()
    assert opened.endswith(str(Path("work") / lab.FIRST))
    assert became == f"{tmp_path / 'work'} ['01_quickstart.ipynb', '--no-browser', '--port', '9000']"
    assert (tmp_path / "work" / lab.FIRST).is_file()


def test_the_copies_are_trusted_and_what_the_user_changed_is_not(tmp_path: Path) -> None:
    """JupyterLab shows them with their styles; of a notebook that is not ours nobody knows what is in it."""
    stand_in = tmp_path / "modules" / "jupyterlab"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").touch()
    (stand_in / "__main__.py").write_text(
        "import glob, json, nbformat\nfrom nbformat.sign import NotebookNotary\n"
        "print(json.dumps({n: NotebookNotary().check_signature(nbformat.read(n, 4)) for n in glob.glob('*.ipynb')}))"
    )
    (tmp_path / "work").mkdir()
    cell = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "mine"}
    mine = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "work" / lab.FIRST).write_text(json.dumps(mine))
    done = _run(tmp_path, "--dir", "work", path=stand_in.parent)
    trusted = json.loads(done.stdout.splitlines()[-1])
    assert len(trusted) > 5
    assert [name for name, is_trusted in trusted.items() if not is_trusted] == [lab.FIRST], done.stderr


def test_without_jupyterlab_the_cure_is_told(tmp_path: Path) -> None:
    """Where the extra is missing: one line, exit code 1, and nothing is copied."""
    done = _run(tmp_path, before="sys.modules['jupyterlab'] = None")  # so that it is not found
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert tells(done.stderr, "JupyterLab", "'fh-notebook[lab]'")
    assert not (tmp_path / lab.FOLDER).exists()


def test_the_wheel_carries_the_notebooks(tmp_path: Path) -> None:
    """All of them, where `shipped_notebooks` looks first."""
    wheels = pytest.importorskip("hatchling.builders.wheel")
    root = Path(fh_notebook.__file__).parents[1]
    if not (root / "pyproject.toml").is_file():
        pytest.skip("this is an installation, not the source")
    (wheel,) = wheels.WheelBuilder(str(root)).build(directory=str(tmp_path), versions=["standard"])
    with ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.endswith(".ipynb")}
    assert f"fh_notebook/_notebooks/{lab.FIRST}" in held
    assert held >= {f"fh_notebook/_notebooks/{file.name}" for file in (root / "notebooks").glob("*.ipynb")}
