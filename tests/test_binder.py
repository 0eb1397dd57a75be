"""Files of ``binder/``, as far as they can be tried without Docker."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement

from tests import environment
from tests.lab import run_lab

ROOT = Path(__file__).parents[1]
BINDER = ROOT / "binder"


def _default_url() -> str:
    found = re.search(r"^first=(\S+)$", (BINDER / "start").read_text(), re.MULTILINE)
    assert found
    return found[1]


def test_requirements_name_this_project_and_extras_that_it_has() -> None:
    """Each line is an editable install of the repository with known extras: Binder builds from source."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [line for line in (BINDER / "requirements.txt").read_text().splitlines() if line.strip()]
    assert lines
    for line in lines:
        editable, place = line.split(maxsplit=1)
        assert (editable, place.partition("[")[0]) == ("-e", ".")
        extras = Requirement(project["name"] + place.removeprefix(".")).extras
        assert extras
        assert extras <= set(project["optional-dependencies"])


def test_runtime_is_a_python_that_the_project_supports() -> None:
    """``runtime.txt`` names one of the versions in the classifiers."""
    named = re.fullmatch(r"python-(\d+\.\d+)\s*", (BINDER / "runtime.txt").read_text())
    assert named
    assert f"Python :: {named[1]}" in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_scripts_are_executable_and_valid_bash(name: str) -> None:
    """repo2docker refuses a script that is not executable; bash reads each without complaint."""
    script = BINDER / name
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in script.read_text()
    done = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_default_url_names_a_notebook_of_the_repository() -> None:
    """What a visitor sees first exists and is a valid notebook."""
    file = ROOT / _default_url().removeprefix("/lab/tree/")
    nbformat.validate(nbformat.read(file, as_version=4))


@pytest.mark.long
def test_post_build_runs_in_a_repository(tmp_path: Path) -> None:
    """The script ends well where Jupyter is installed, and leaves the notebooks as they were."""
    for folder, name in (("notebooks", "01_quickstart.ipynb"), ("fh_notebook", "__init__.py")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes((ROOT / folder / name).read_bytes())
    before = (tmp_path / "notebooks" / "01_quickstart.ipynb").read_bytes()
    bin_folder = Path(sys.executable).parent
    # `jupyter labextension` writes beside the interpreter, which a test must not: it is passed over here.
    stub = tmp_path / "bin" / "jupyter"
    stub.parent.mkdir()
    stub.write_text(f'#!/bin/sh\n[ "$1" = labextension ] || exec "{bin_folder}/jupyter" "$@"\n')
    stub.chmod(0o755)
    here = {"PATH": os.pathsep.join([str(stub.parent), str(bin_folder), os.environ["PATH"]])}
    done = subprocess.run(
        ["bash", str(BINDER / "postBuild")], cwd=tmp_path, env={**os.environ, **here}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "notebooks" / "01_quickstart.ipynb").read_bytes() == before


def test_start_hands_on_the_command_with_the_notebook_as_first_page() -> None:
    """``start COMMAND...`` runs that very command, its words unchanged, and adds the first page."""
    shown = "import sys; print('|'.join(sys.argv[1:]))"
    done = subprocess.run(
        ["bash", str(BINDER / "start"), sys.executable, "-c", shown, "lab", "--ip=0.0.0.0", "two words"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    page = _default_url()
    expected = f"lab|--ip=0.0.0.0|two words|--ServerApp.default_url={page}|--LabApp.default_url={page}\n"
    assert done.stdout == expected


@pytest.mark.long
def test_jupyterlab_opens_the_quickstart(tmp_path: Path) -> None:
    """A JupyterLab that was started through ``start`` sends a visitor of ``/`` to the notebook."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *args: object) -> None:
            return None

    with run_lab(tmp_path, through=["bash", str(BINDER / "start")]) as server:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay)
        with pytest.raises(urllib.error.HTTPError) as redirect:
            opener.open(server.url + "/")
        with contextlib.closing(redirect.value) as answer:
            assert (answer.code, answer.headers["Location"].partition("?")[0]) == (302, _default_url())


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files of the repository, as Binder clones it."""
    copy = tmp_path_factory.mktemp("binder") / "repository"
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def commands(repository: Path) -> Path:
    """The commands of a fresh environment, in which Binder's line for pip was run in the repository."""
    place = repository.parent / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    _run([place / "bin" / "pip", "install", "-q", "-r", "binder/requirements.txt"], repository, place / "bin")
    return place / "bin"


def _run(command: Sequence[str | Path], folder: Path, commands: Path) -> str:
    env = environment.for_process(folder.parent, PATH=os.pathsep.join([str(commands), os.environ["PATH"]]))
    del env["PYTHONPATH"]  # it must find what was installed there, not what this test imports
    done = subprocess.run(list(map(str, command)), cwd=folder, env=env, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.long
def test_what_binder_does_without_docker(repository: Path, commands: Path) -> None:
    """In a fresh environment from source: the pip line, ``postBuild``, ``start``; then a notebook's imports are there."""
    _run(["bash", "binder/postBuild"], repository, commands)
    version = _run(["binder/start", "jupyter", "lab", "--version"], repository, commands)
    assert re.match(r"\d+\.\d+", version.splitlines()[-1])
    say = "import fh_notebook as fh, matplotlib, scipy; print(fh.__file__, len(fh.local.tickets()))"
    assert _run(["python", "-c", say], repository, commands).split() == [
        str(repository / "fh_notebook" / "__init__.py"), "93",
    ]  # fmt: skip


@pytest.mark.long
def test_repo2docker_reads_it(repository: Path, commands: Path) -> None:
    """``jupyter-repo2docker --no-build`` finds the pinned Python, the pip line, and both scripts."""
    _run(["pip", "install", "-q", "jupyter-repo2docker"], repository, commands)
    told = _run(["jupyter-repo2docker", "--no-build", "--debug", "."], repository, commands)
    pinned = (BINDER / "runtime.txt").read_text().strip().removeprefix("python-")
    assert f"python={pinned}" in told
    assert re.search(r'pip install .*-r "?binder/requirements\.txt', told)
    assert "./binder/postBuild" in told
    assert "binder/start" in told
