"""``fh-notebook canary`` as cron runs it: a process of its own against a hive on a socket, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.cli.command_line import main
from fh_notebook.core.text.messages import COMMAND
from tests import environment
from tests.monitoring.kept_days import Answering, rows
from tests.told import tells

MAIN = [sys.executable, "-W", "error", "-c", "import sys; from fh_notebook.cli import main; sys.exit(main())", "canary"]


@pytest.fixture
def answering() -> Iterator[Answering]:
    made = Answering()
    with made.hive.serve() as server:
        made.url = server.url  # type: ignore[attr-defined]
        yield made


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of 40 rows in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.jsonl").write_text("\n".join(map(json.dumps, rows(40))))
    return tmp_path / "data.jsonl"


def words(answering: Any, *more: str) -> list[str]:
    return ["data.jsonl", "-d", "quiz", "-v", "a", "--score", "exact", "--base-url", answering.url, *more]


@pytest.mark.long
def test_today_is_called_once_and_the_code_is_0(data: Path, answering: Any) -> None:
    """A process of its own; the same command again makes no call, and its last words are the same."""
    for _ in range(2):
        done = subprocess.run(
            [*MAIN, *words(answering, "--name", "w", "--rows-per-day", "10")], cwd=data.parent, text=True,
            env=environment.for_process(data.parent), capture_output=True, encoding="utf-8", timeout=60,
        )  # fmt: skip
        assert (done.returncode, answering.calls) == (0, 10), done.stderr
        assert tells(done.stdout, "10 of 40 rows")


def test_a_change_has_a_code_of_its_own(data: Path, answering: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """7, with the sentence, also where it is asked to be quiet; while nothing is shown, quiet says nothing."""
    with fh.Client(base_url=answering.url) as client:
        fh.batch("data.jsonl", "quiz", variants="a", client=client, name="before", progress=False)
        capsys.readouterr()
        assert main(["canary", *words(answering, "--baseline", "before", "--name", "same", "-q")]) == 0
        assert capsys.readouterr() == ("", "")
        answering.wrong |= {("a", number) for number in range(40)}
        assert main(["canary", *words(answering, "--baseline", "before", "--name", "other", "-q")]) == 7
    assert tells(capsys.readouterr().out, "Changed", "exact()")


def test_a_day_on_which_every_call_fails_is_1(data: Path, answering: Any) -> None:
    """Nothing was learned, and that is no change."""
    answering.failing |= {("a", number) for number in range(40)}
    assert main(["canary", *words(answering)]) == 1


def test_a_day_whose_calls_the_service_refused_is_3_and_is_gone_on_with_by_a_command(
    data: Path, answering: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """What to do next is said as a command: whoever types one has no call of Python to repeat."""
    answering.hive.fail_next(3, status=503)
    assert main(["canary", *words(answering, "--rows-per-day", "10")]) == 3
    said = capsys.readouterr().out
    assert tells(said, "7 of 10 rows", COMMAND.resume)
    assert "fh." not in said


@pytest.mark.parametrize(
    "more",
    [["--baseline", "none of this name"], ["--score", "exakt"], ["--alpha", "2"], ["--rows-per-day", "0"]],
)
def test_misuse_is_2_and_calls_nothing(
    data: Path, answering: Any, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A baseline that is not kept, an unknown score, options beyond their limits: in the words of the command."""
    assert main(["canary", *words(answering, *more)]) == 2
    assert answering.calls == 0
    assert capsys.readouterr().err.startswith("fh-notebook canary: ")


def test_an_unknown_variant_is_4(data: Path, answering: Any) -> None:
    """The service says so: the day stays open."""
    assert main(["canary", *words(answering), "-v", "zzz"]) == 4


def test_texts_are_for_the_one_text_variable(data: Path, answering: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the deployment in the catalogue or the local hive; nobody else says which column they are."""
    (data.parent / "texts.json").write_text(json.dumps(["I was charged twice", "Where is my parcel?"]))
    texts = ["canary", "texts.json", "-v", "keywords", "--score", "length"]
    assert main([*texts, "-d", "support-triage", "--local"]) == 0
    assert tells(capsys.readouterr().out, "2 of 2 rows")
    assert main([*texts, "-d", "quiz", "--base-url", answering.url]) == 2
    said = capsys.readouterr().err
    assert tells(said, "fh-notebook canary", "[{'text': t} for t in texts]")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("given", "said"), [(["missing.csv"], "missing.csv"), (["data.jsonl", "--score", "exact:foo"], "'foo'")]
)
def test_a_file_and_its_columns_are_looked_at_before_a_key(
    data: Path, given: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a key, too, a missing file or column is what is wrong."""
    monkeypatch.delenv("FETCH_HIVE_API_KEY", raising=False)
    where = ["-d", "quiz", "-v", "a", "--score", "exact", "--base-url", "https://hive.example/v1"]
    assert main(["canary", given[0], *where, *given[1:]]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "key" not in error
