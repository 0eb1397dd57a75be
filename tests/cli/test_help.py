"""The help of every command, as somebody reads it in a terminal of 80 columns."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from fh_notebook.cli.command_line import COMMANDS, _parser, main
from fh_notebook.cli.terminal import in_powershell
from tests import environment
from tests.told import tells


def _help(command: str, capsys: pytest.CaptureFixture[str], columns: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(SystemExit) as ended:
        main([*filter(None, [command]), "--help"])
    told = capsys.readouterr()
    assert (ended.value.code, told.err) == (0, "")
    return told.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_and_has_examples_that_work(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it does, no line over 80 columns in a wide terminal too, and examples that its parser takes as they stand."""
    text = _help(command, capsys, "200", monkeypatch)
    assert [line for line in text.splitlines() if len(line) > 81] == []
    head, examples = text.split("\nexamples:\n")
    assert re.search(rf"^usage: fh-notebook {command} .*\n\n[A-Z]", head, re.MULTILINE | re.DOTALL)
    joined = re.sub(r"\\\n\s+", "", examples)
    lines = re.findall(rf"^  (?:\S*\$\()?.*?(fh-notebook {command}\b[^|>)\n]*)", joined, re.MULTILINE)
    assert lines
    for line in lines:
        _parser().parse_args(shlex.split(line, comments=True)[1:])
    assert not re.search(r"\\$|^\w+=", in_powershell(textwrap.dedent(examples)), re.MULTILINE)


@pytest.mark.parametrize(
    ("typed", "in_its_words"),
    [
        ("KEY=any jupyter lab", "$env:KEY='any'\njupyter lab"),
        ("  A=1 B=2 run --x", "  $env:A='1'\n  $env:B='2'\n  run --x"),
        ("NAME='two words' run", "$env:NAME='two words'\nrun"),
        ('NAME="two words" run', "$env:NAME='two words'\nrun"),
        ('NAME="it\'s" run', "$env:NAME='it''s'\nrun"),
        ("NAME='$5' run", "$env:NAME='$5'\nrun"),
        ('NAME="$DATA/a b" run', '$env:NAME="${env:DATA}/a b"\nrun'),
        ("export KEY=any", "$env:KEY='any'"),
        ("export KEY='a b'\nrun", "$env:KEY='a b'\nrun"),
        ("KEY= run", "$env:KEY=''\nrun"),
        ("KEY=any  # a comment", "KEY=any  # a comment"),
        ("run --input name='a b'", "run --input name='a b'"),
        ("run NAME=VALUE", "run NAME=VALUE"),
        ("run \\\n  --x", "run `\n  --x"),
    ],
)
def test_examples_are_written_for_powershell(typed: str, in_its_words: str) -> None:
    """By its rules of quotation marks (about_Quoting_Rules) and of environment variables: ``$env:NAME='value'``."""
    assert in_powershell(typed) == in_its_words


def test_the_list_of_commands_says_what_each_is_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each in its line, and where more is to be read."""
    text = _help("", capsys, "80", monkeypatch)
    for command in COMMANDS:
        assert re.search(rf"^    {command}\s+[a-z]", text, re.MULTILINE)
    assert "COMMAND --help" in text


def test_a_reader_that_has_gone_is_no_error_of_a_command(tmp_path: Path) -> None:
    """As ``| head -1``: what a command still wanted to say is nobody's trouble."""
    read, write = os.pipe()
    os.close(read)
    code = "import sys; from fh_notebook.cli import main; sys.exit(main(['completion', 'bash']))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment.for_process(tmp_path), stdout=write, stderr=subprocess.PIPE, timeout=60
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_reader_of_complaints_that_has_gone_makes_no_misuse_a_success(tmp_path: Path) -> None:
    """As ``2>&1 | head -1``: the exit code says what nobody reads."""
    read, write = os.pipe()
    os.close(read)
    code = "import sys; from fh_notebook.cli import main; sys.exit(main(['batch', 'no_such.csv', '-d', 'x']))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment.for_process(tmp_path), stdout=subprocess.PIPE, stderr=write, timeout=60
    )  # fmt: skip
    os.close(write)
    assert done.returncode == 2


def test_without_a_command_the_commands_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """On the error stream, with the code of misuse."""
    assert main([]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert all(f"\n    {command}" in told.err for command in COMMANDS)


def test_a_slip_in_a_command_is_told_with_what_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    """Or with all that there are."""
    for typed, said in (("histroy", ["history"]), ("zzz", list(COMMANDS))):
        with pytest.raises(SystemExit) as ended:
            main([typed])
        assert ended.value.code == 2
        assert tells(capsys.readouterr().err, repr(typed), *said)


def test_a_misspelt_deployment_is_told_without_python(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever types commands has the catalogue, and no `fh.Deployment`."""
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("ticket\nlate\n")
    assert main(["batch", "t.csv", "-d", "support-triag", "-v", "keywords", "--local"]) == 2
    told = capsys.readouterr().err
    assert tells(told.strip(), "'support-triage'")
