"""``fh-notebook history``: what the store remembers, in a terminal and for programs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.batching.history.history import COLUMNS
from fh_notebook.cli.command_line import main
from fh_notebook.cli.terminal import width
from tests import environment
from tests.batching.hives import Shouting, rows
from tests.told import tells


@pytest.fixture
def ran() -> str:
    """A batch and two single runs, of which one answered with what a terminal must not see; the batch's name."""
    hive = fh.local.LocalHive(name="h")

    @hive.workflow("hostile", variant="v")
    def hostile() -> str:
        return "\x1b[2J\x07\u202egone\n" + "very long " * 50

    with hive.client() as client:
        client.invoke("hostile", variant="v", inputs={})
    with Shouting().hive.client() as client:
        client.invoke("shout", variant="soft", inputs={"text": "Hi"})
        return fh.batch([*rows(3), {"text": "bad"}], "shout", variants="loud", client=client, progress=False).name


def test_it_is_a_table_of_batches_and_runs_the_newest_first(ran: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line each that fits, and no control code of an answer."""
    assert main(["history"]) == 0
    told = capsys.readouterr()
    head, *lines = told.out.splitlines()
    assert head.split() == ["when", "(UTC)", "what", "variants", "outcome", "answer"]
    assert len(lines) == 3
    assert ran in lines[0]
    assert re.search(r" loud +3/4, 1 failed", lines[0])
    assert re.search(r" shout +soft +completed +hi$", lines[1])
    assert "hostile" in lines[2]
    assert not {"\x1b", "\x07", "\u202e"} & set(told.out)
    assert max(map(width, told.out.splitlines())) <= 80
    assert told.err == ""


def test_it_follows_the_width_that_it_is_told(ran: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """On a wider page more of each answer is shown."""
    monkeypatch.setenv("COLUMNS", "140")
    assert main(["history"]) == 0
    assert 120 < max(map(width, capsys.readouterr().out.splitlines())) <= 140


@pytest.mark.parametrize("columns", [80, 140])
def test_names_of_batches_are_shown_whole(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int) -> None:  # fmt: skip
    """One too long for its column has a line of its own, so that it can be typed again; no line is too wide."""
    monkeypatch.setenv("COLUMNS", str(columns))
    names = ["support triage of june", "support-triage-of-june-with-the-long-prompt-v2", "二重" * 40]
    with Shouting().hive.client() as client:
        for name in names:
            fh.batch(rows(2), "shout", variants="loud", client=client, progress=False, name=name)
    assert main(["history"]) == 0
    lines = capsys.readouterr().out.splitlines()
    told = "".join(line[16:].strip() for line in lines)
    assert all(f"{name} (shout)" in told for name in names)
    assert any(line.endswith(f"  {names[1]} (shout)") for line in lines)
    assert sum("2/2" in line for line in lines) == 3
    assert max(map(width, lines)) <= columns


@pytest.mark.parametrize(
    ("words", "kinds"), [([], ["batch", "run", "run"]), (["shout"], ["batch", "run"]), (["--limit", "1"], ["batch"])]
)
def test_as_json_it_has_every_column(ran: str, capsys: pytest.CaptureFixture[str], words: list[str], kinds: list[str]) -> None:  # fmt: skip
    """A list of objects with plain values, for one deployment and as many lines as wanted."""
    assert main(["history", "--json", *words]) == 0
    records: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert [record["kind"] for record in records] == kinds
    assert all(list(record) == list(COLUMNS) for record in records)
    assert (records[0]["name"], records[0]["planned"], records[0]["failed"]) == (ran, 4, 1)
    assert records[0]["output"] is None
    assert records[0]["at"].endswith("+00:00")


def test_where_nothing_was_run_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """And gives an empty list to a program; both are 0."""
    assert main(["history"]) == 0
    assert capsys.readouterr().out.count("\n") == 1
    assert main(["history", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_name_with_a_slip_is_told_the_nearest_one(ran: str, capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, so that the list stays one."""
    assert main(["history", "shuot", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out) == []
    assert tells(told.err, "'shout'")


@pytest.mark.parametrize("words", [["--limit", "0"], ["-n", "-3"]])
def test_a_limit_that_cannot_be_meant_is_one_line(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """2, with what can be meant."""
    assert main(["history", *words]) == 2
    assert tells(capsys.readouterr().err, words[1], "1")


def test_a_broken_store_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """2, and the file stays as it was."""
    (tmp_path / "broken.sqlite3").write_bytes(b"no database" * 1000)
    monkeypatch.setenv("FH_NOTEBOOK_STORE", str(tmp_path / "broken.sqlite3"))
    assert main(["history"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("fh-notebook history: ")
    assert err.count("\n") == 1
    assert (tmp_path / "broken.sqlite3").read_bytes() == b"no database" * 1000


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")
def test_a_reader_that_has_seen_enough_is_no_error(ran: str, tmp_path: Path) -> None:
    """``| true``."""
    code = "import sys; from fh_notebook.cli import main; sys.exit(main(['history', '--json']))"
    shell = f'set -o pipefail; "{sys.executable}" -c "{code}" | true'
    done = subprocess.run(["bash", "-c", shell], env=environment.for_process(tmp_path), capture_output=True, text=True, timeout=60)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
