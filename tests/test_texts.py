"""``.github/texts.py``: every text is dumped, and an edit changes that text and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def _texts(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / ".github" / "texts.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def _project(folder: Path, source: str) -> Path:
    """A package of one module, with the script beside it."""
    (folder / ".github").mkdir()
    shutil.copy(ROOT / ".github" / "texts.py", folder / ".github")
    (folder / "fh_notebook").mkdir()
    (folder / "fh_notebook" / "__init__.pyi").write_text("from fh_notebook.one import public as public\n")
    (folder / "fh_notebook" / "one.py").write_text(source)
    return folder


SOURCE = """\
\'\'\'What is in this module.\'\'\'


def public(name):
    \'\'\'Return a greeting.\'\'\'
    if not name:
        raise ValueError(
            f"there is no name {name!r}; "
            "give one"
        )
    return "SELECT name FROM people", f"hello to {name}", "word"
"""


def test_texts_are_edited_in_place(tmp_path: Path) -> None:
    """A module's docstring and a message of two literals; SQL and single words are no texts."""
    project = _project(tmp_path, SOURCE)
    lines = [line.split("\t") for line in _texts(project).stdout.splitlines()]
    assert [(kind, text) for _, kind, _, text in lines] == [
        ("doc", "What is in this module."),
        ("doc", "Return a greeting."),
        ("text", "there is no name {name!r}; give one"),
        ("text", "hello to {name}"),
    ]
    edits = tmp_path / "edits.tsv"
    edits.write_text(f'{lines[0][0]}\tGreetings.\n{lines[2][0]}\tno name {{name!r}}; say "a" name, don\'t guess\n')
    assert _texts(project, "--apply", str(edits)).returncode == 0
    changed = (project / "fh_notebook" / "one.py").read_text()
    names: dict[str, object] = {}
    exec(changed, names)
    assert names["__doc__"] == "Greetings."
    try:
        names["public"]("")  # type: ignore[operator]
    except ValueError as exc:
        assert str(exc) == "no name ''; say \"a\" name, don't guess"
    assert changed.splitlines()[-1] == SOURCE.splitlines()[-1]


def test_an_edit_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """A lost placeholder, and a text that is not there any more: nothing is written for them."""
    project = _project(tmp_path, SOURCE)
    [key] = [line.split("\t")[0] for line in _texts(project).stdout.splitlines() if "there is no name" in line]
    edits = tmp_path / "edits.tsv"
    edits.write_text(f"{key}\tno name; give one\nffffffffff\tsomething else here\n")
    done = _texts(project, "--apply", str(edits))
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 2
    assert (project / "fh_notebook" / "one.py").read_text() == SOURCE


def test_the_package_is_dumped() -> None:
    """Some thousands of texts, each with an id of its own within its file."""
    lines = [line.split("\t") for line in _texts(ROOT).stdout.splitlines()]
    assert len(lines) > 2_000
    assert all(len(line) == 4 for line in lines)
