"""``fh-notebook autoload``: the file is written after a yes, loads the extension in real sessions, and can be removed."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from fh_notebook.cli.autoload import LINES, startup_file
from fh_notebook.cli.command_line import main
from tests import environment
from tests.kernel import Kernel

HAS_MAGIC = "print('magic:', 'fetchhive' in get_ipython().magics_manager.magics['cell'])"


def _session(folder: Path, *, without: bool = False) -> str:
    """Return what a session of IPython prints; `without`: where the package is not installed."""
    start = "import sys; from IPython import start_ipython; sys.exit(start_ipython(['--no-banner', '-c', sys.argv[1]]))"
    if without:  # as importlib answers where nothing has that name
        start = f"import importlib.util; importlib.util.find_spec = lambda name: None; {start}"
    env = environment.for_process(folder)
    done = subprocess.run(
        [sys.executable, "-c", start, HAS_MAGIC], env=env, cwd=folder, capture_output=True, text=True, timeout=60
    )
    return done.stdout + done.stderr


@pytest.mark.long
def test_sessions_have_the_magic_until_it_is_undone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Written, shown, effective in a new session, written once only, removed again."""
    assert main(["autoload", "--yes"]) == 0
    assert LINES in capsys.readouterr().out
    assert startup_file().read_text() == LINES
    assert startup_file().is_relative_to(tmp_path)
    assert "magic: True" in _session(tmp_path)
    assert main(["autoload"]) == 0, "there already: nothing to ask"
    capsys.readouterr()
    assert main(["autoload", "--undo", "--yes"]) == 0
    assert f"{startup_file()}:\n\n{LINES}" in capsys.readouterr().out.partition("Removed.")[0]
    assert not startup_file().exists()
    assert main(["autoload", "--undo"]) == 0
    assert "magic: False" in _session(tmp_path)


def test_a_file_changed_by_hand_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither written over nor removed."""
    assert main(["autoload", "--yes"]) == 0
    startup_file().write_text(mine := LINES + "print('mine')\n")
    assert main(["autoload", "--yes"]) == 1
    assert main(["autoload", "--undo", "--yes"]) == 1
    assert startup_file().read_text() == mine
    assert capsys.readouterr().err.count(str(startup_file())) >= 2


def test_without_a_terminal_it_changes_nothing(tmp_path: Path) -> None:
    """Exit code 2, and the option that answers the question."""
    done = _command(tmp_path, stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert not (tmp_path / "ipython" / "profile_default" / "startup").exists()


@pytest.mark.parametrize(("typed", "written"), [("y\n", True), ("\n", False), ("no\n", False)])
def test_a_person_is_asked_after_the_lines_are_shown(tmp_path: Path, typed: str, written: bool) -> None:
    """In a terminal; anything but yes changes nothing."""
    ours, theirs = pty.openpty()
    os.write(ours, typed.encode())
    done = _command(tmp_path, stdin=theirs)
    os.close(ours)
    os.close(theirs)
    assert LINES in done.stdout
    assert done.returncode == (0 if written else 1)
    assert (tmp_path / "ipython" / "profile_default" / "startup" / startup_file().name).exists() is written


def test_an_environment_without_the_package_ignores_the_file(tmp_path: Path) -> None:
    """One IPython folder serves all environments of a user."""
    assert main(["autoload", "--yes"]) == 0
    told = _session(tmp_path, without=True)
    assert "magic: False" in told
    assert "Error" not in told


def test_a_profile_has_a_file_of_its_own(tmp_path: Path) -> None:
    """`--profile work` leaves the default one alone."""
    assert main(["autoload", "--yes", "--profile", "work"]) == 0
    assert startup_file("work").exists()
    assert not startup_file().exists()


@pytest.mark.long
def test_kernels_have_the_magic(tmp_path: Path) -> None:
    """A kernel of Jupyter reads the same folder."""
    assert main(["autoload", "--yes"]) == 0
    with Kernel(tmp_path) as kernel:
        assert "magic: True" in kernel.run(HAS_MAGIC)


def _command(folder: Path, stdin: int) -> subprocess.CompletedProcess[str]:
    code = "import sys; from fh_notebook.cli import main; sys.exit(main(['autoload']))"
    return subprocess.run(
        [sys.executable, "-c", code], env=environment.for_process(folder), stdin=stdin, capture_output=True, text=True, timeout=60
    )  # fmt: skip
