"""``fh-notebook completion``: Tab completes commands, options, names and variants, in a real shell."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fh_notebook.cli.command_line import main
from tests import environment

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is missing")

CATALOGUE = "deployments:\n  triage-mine:\n    variants: [draft, live]\n  other:\n    variants: [only]\n"

ASK = """
eval "$(fh-notebook completion bash)"
COMP_TYPE=9 _ARGCOMPLETE_SHELL=bash
registered=$(complete -p fh-notebook)
function=${registered##*-F }; function=${function%% *}
for COMP_LINE; do
    COMP_POINT=${#COMP_LINE} COMPREPLY=()
    "$function" fh-notebook
    printf '%s\\n' "${COMPREPLY[@]}" --
done
"""
"""What bash does at Tab, for each of its arguments: it calls the registered function with the line in its variables."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with a catalogue and some files, and a folder of commands with fh-notebook in it."""
    commands = tmp_path / "bin"
    commands.mkdir()
    command = commands / "fh-notebook"
    command.write_text(f"#!{sys.executable}\nimport sys\nfrom fh_notebook.cli import main\nsys.exit(main())\n")
    command.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    (work / "fetchhive.yaml").write_text(CATALOGUE)
    (work / "tickets.csv").write_text("ticket\n")
    return work


def _env(folder: Path) -> dict[str, str]:
    path = os.pathsep.join([str(folder.parent / "bin"), os.environ["PATH"]])
    return environment.for_process(folder.parent, PATH=path, FETCH_HIVE_BASE_URL="http://127.0.0.1:9/v1")


def _offered(folder: Path, *lines: str) -> list[list[str]]:
    """What one bash would offer after each of `lines`."""
    done = subprocess.run(
        ["bash", "--norc", "-c", ASK, "bash", *lines],
        cwd=folder, env=_env(folder), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    answers = done.stdout.split("--\n")[:-1]
    assert len(answers) == len(lines)
    return [[word.strip() for word in answer.splitlines() if word.strip()] for answer in answers]


@pytest.mark.long
def test_bash_completes_what_is_known(folder: Path) -> None:
    """Commands, options with their choices, deployments of the catalogue, and the variants of the one on the line."""
    commands, *rest = _offered(
        folder,
        "fh-notebook ",
        "fh-notebook batch --max-ca",
        "fh-notebook batch --reuse ",
        "fh-notebook batch t.csv -d tri",
        "fh-notebook batch t.csv -d triage-mine -v ",
        "fh-notebook history ot",
    )
    assert set(commands) >= {"demo", "lab", "serve", "batch", "history", "doctor", "completion"}
    assert rest == [["--max-calls"], ["auto", "batch", "store", "none"], ["triage-mine"], ["draft", "live"], ["other"]]


def test_a_catalogue_that_cannot_be_read_offers_nothing_and_says_nothing(folder: Path) -> None:
    """A person in the middle of a line is not told of it."""
    (folder / "fetchhive.yaml").write_text("deployments: [\n")
    assert _offered(folder, "fh-notebook history ot") == [[]]


@pytest.fixture
def terminal(folder: Path) -> Iterator[int]:
    """A bash that somebody sits before, with the completion in its start-up file; its terminal."""
    start = folder.parent / "rc"
    start.write_text('PS1="ready> "\nbind "set enable-bracketed-paste off"\neval "$(fh-notebook completion bash)"\n')
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        ["bash", "--noprofile", "--rcfile", str(start), "-i"],
        stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env={**_env(folder), "TERM": "dumb"},
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    yield ours
    shell.kill()
    shell.wait()
    os.close(ours)


def _until(terminal: int, text: str) -> str:
    seen, end = "", time.monotonic() + 60
    while text not in seen and time.monotonic() < end:
        if select.select([terminal], [], [], 0.5)[0]:
            seen += os.read(terminal, 4096).decode(errors="replace")
    assert text in seen, seen
    return seen


def test_tab_in_a_terminal(terminal: int) -> None:
    """A person types half a word and presses Tab: the rest is there, files too."""
    _until(terminal, "ready> ")
    os.write(terminal, b"fh-notebook doc\t")
    _until(terminal, "doctor ")
    os.write(terminal, b"\x15fh-notebook batch tick\t")
    _until(terminal, "tickets.csv")


@pytest.mark.long
@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is missing")
def test_fish_completes(folder: Path) -> None:
    """What fish itself offers for a line: a command, and a variant of the deployment on it."""
    ask = "fh-notebook completion fish | source; complete -C 'fh-notebook doc'; echo ====; complete -C $argv[1]"
    done = subprocess.run(
        ["fish", "--no-config", "-c", ask, "fh-notebook batch t.csv -d triage-mine -v dr"],
        cwd=folder, env=_env(folder), capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    command, variant = done.stdout.split("====\n")
    assert command.split()[:1] == ["doctor"]
    assert variant.split()[:1] == ["draft"]


@pytest.mark.long
@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is missing")
def test_tab_in_zsh(folder: Path) -> None:
    """A person types half a word and presses Tab, in a zsh with the line of the help in its start-up file."""
    start = folder.parent / ".zshrc"
    lines = ["PS1='ready> '", "autoload -Uz compinit", "compinit -u -D", 'eval "$(fh-notebook completion zsh)"']
    start.write_text("\n".join(lines) + "\n")
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        ["zsh", "--no-globalrcs", "-i"],
        stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder,
        env={**_env(folder), "TERM": "dumb", "ZDOTDIR": str(folder.parent)}, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        _until(ours, "ready> ")
        os.write(ours, b"fh-notebook doc\t")
        _until(ours, "tor")
        os.write(ours, b"\x15fh-notebook batch t.csv -d triage-mine -v dr\t")
        _until(ours, "aft")
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_the_script_of_each_shell_is_one(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It names the command; the shell itself reads it without complaint, where it is installed."""
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "fh-notebook" in script
    assert "_ARGCOMPLETE" in script
    if shell != "powershell" and (found := shutil.which(shell)):
        done = subprocess.run([found, "-n"], input=script, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
