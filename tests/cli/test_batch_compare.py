"""``fh-notebook batch --compare SCORE --report FILE``: which variant is better, without a notebook."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from fh_notebook.batching.tables import arrow_tables
from fh_notebook.cli.batch_compare import ready_scorers
from fh_notebook.cli.command_line import main
from tests import environment
from tests.told import tells

MAIN = [sys.executable, "-W", "error", "-c", "import sys; from fh_notebook.cli import main; sys.exit(main())", "batch"]
LOCAL = ["data.csv", "-d", "support-triage", "--local"]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight tickets with what is expected, in the working folder."""
    monkeypatch.chdir(tmp_path)
    tickets = ["I was charged twice,billing", "Where is my parcel?,delivery"] * 4
    (tmp_path / "data.csv").write_text(
        "\n".join(["ticket,expected_output", *(f"{i} {t}" for i, t in enumerate(tickets))])
    )
    return tmp_path


@pytest.mark.long
def test_a_batch_is_compared_and_reported_by_one_command(data: Path) -> None:
    """Summary and sentence on stdout, everything in the file, in a process that turns warnings into errors."""
    done = subprocess.run(
        [*MAIN, *LOCAL, "--compare", "exact", "--report", "x.html"], cwd=data,
        env=environment.for_process(data), capture_output=True, text=True, encoding="utf-8", timeout=60,
    )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    lines = done.stdout.splitlines()
    [about] = [place for place, line in enumerate(lines) if tells(line, "8 rows", "exact()", "expected_output")]
    assert tells(lines[about - 1], "keywords", "nearest")
    assert "95 % interval" in done.stdout
    assert tells(done.stdout, "'x.html'")
    assert "fh.compare(" not in done.stdout
    assert "Comparison of 2 variants on 8 rows by exact()" in (data / "x.html").read_text("utf-8")


@pytest.mark.parametrize("ending", ["html", "md", "xlsx"])
def test_a_report_alone_compares_by_what_is_expected(data: Path, capsys: pytest.CaptureFixture[str], ending: str) -> None:  # fmt: skip
    """As `fh.compare(batch)` does; the answers can be written beside it."""
    assert main(["batch", *LOCAL, "--report", f"x.{ending}", "-o", "out.csv"]) == 0
    told = capsys.readouterr().out
    assert "by exact()" in told
    assert (data / f"x.{ending}").stat().st_size > 1_000
    assert (data / "out.csv").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--compare", "exakt"], ("--compare", "'exakt'")),
        (["--compare", "exact:expected_outpt"], ("'expected_outpt'", "'expected_output'")),
        (["--compare", "exact:label"], ("'label'", "'ticket'", "'expected_output'")),
        (["--compare", "exact:expected", "--race", "exact"], ("'expected'",)),
        (["--compare", "0815"], ("out.score",)),
        (["--compare", "exact", "--report", "x.pdf"], ("'.html'", "'.md'", "'.xlsx'")),
        (["--report", "no/x.html"], ("no/x.html",)),
        (["--failed", "zero"], ("--failed", "--compare", "--report")),
        (["--compare", "latency", "--failed", "zero"], ("failed='zero'",)),
        (["--compare", "elapsed_s", "--failed", "zero"], ("failed='zero'",)),
        (["-o", "x.xlsx", "--report", "./x.xlsx"], ("x.xlsx", "--report")),
        (["--compare", "exact", "--require-not-worse", "0.1"], ("--require-not-worse", "--baseline VARIANT")),
        (["--compare", "exact", "--baseline", "nearest"], ("--require-not-worse", "--fail-if-worse")),
        (["--baseline", "nearest", "--fail-if-worse", "0.1"], ("--fail-if-worse", "--compare SCORE")),
        (["--compare", "exact", "--baseline", "nearst", "--fail-if-worse", "0"], ("'nearest'",)),
        (["-v", "nearest", "--compare", "exact", "--baseline", "nearest", "--fail-if-worse", "0"], ("nearest",)),
        (["--compare", "exact", "--baseline", "nearest", "--fail-if-worse", "-1"], ("--fail-if-worse", "0.02")),
        (["--race", "exact", "--baseline", "nearest", "--fail-if-worse", "0"], ("--race",)),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_before_a_call_is_paid_for(
    data: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: tuple[str, ...]
) -> None:
    """Exit code 2, and nothing was called."""
    assert main(["batch", *LOCAL, *words]) == 2
    told = capsys.readouterr()
    assert tells(told.err, *said)
    assert "call" not in told.out
    assert main(["history", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_parts_of_outputs_are_scores_by_their_column(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`out.confidence`; a column that is not there loses no answer."""
    words = ["batch", *LOCAL, "--const", "tone=brief", "--name", "toned"]
    assert main([*words, "--compare", "out.confidence"]) == 0
    assert "by out.confidence" in capsys.readouterr().out
    assert main([*words, "--compare", "out.confidenc", "-o", "out.csv"]) == 1
    told = capsys.readouterr()
    assert tells(told.err, "'out.confidence'")
    assert (data / "out.csv").exists()


@pytest.mark.parametrize("how", ["drop", "zero"])
def test_failed_runs_are_left_out_or_count_as_0(data: Path, capsys: pytest.CaptureFixture[str], how: str) -> None:
    """As ``fh.compare(..., failed=)``, and it is said; `nearest` fails on a ticket without a word."""
    with (data / "data.csv").open("a", encoding="utf-8") as file:
        file.write("\n\U0001f600,billing")
    main(["batch", *LOCAL, "--compare", "exact", "--failed", how, "--report", "x.md"])
    told = capsys.readouterr().out
    assert re.search(rf"^nearest +\S+ +% +\(8 of {8 if how == 'drop' else 9}\)", told, re.MULTILINE)
    assert "1 failed run " in told
    assert f"failed runs: {'count as 0' if how == 'zero' else 'left out'}" in (data / "x.md").read_text("utf-8")


def test_texts_are_for_the_one_text_variable(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a score as without one: the deployment says which column they are."""
    (data / "texts.json").write_text(json.dumps(["I was charged twice", "Where is my parcel?"]))
    assert main(["batch", "texts.json", *LOCAL[1:], "--compare", "length"]) == 0
    assert "Comparison of 2 variants on 2 rows by length()" in capsys.readouterr().out
    assert main(["batch", "texts.json", *LOCAL[1:], "--compare", "exact"]) == 2
    assert tells(capsys.readouterr().err, "'expected_output'", "'ticket'")


def test_a_large_file_is_looked_at_and_stays_a_stream(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first window has the columns; the batch reads it window by window."""
    monkeypatch.setattr(arrow_tables, "LARGE_ROWS", 5)
    pd.read_csv("data.csv").to_parquet("data.parquet")
    words = ["batch", "data.parquet", *LOCAL[1:], "--compare"]
    assert main([*words, "exact:label"]) == 2
    assert tells(capsys.readouterr().err, "'label'")
    assert main([*words, "exact", "--sample", "3"]) == 2
    assert tells(capsys.readouterr().err, "first=")
    assert main([*words, "exact"]) == 0
    assert "Comparison of 2 variants on 8 rows by exact()" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "report"),
    [
        ("rows.xlsx", "rows.xlsx"),
        ("rows.xlsx#Sheet2", "rows.xlsx"),
        ("rows.xlsx#Sheet2", "./ROWS/../rows.xlsx"),
    ],
)
def test_a_report_is_not_written_over_the_rows(
    data: Path, source: str, report: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A workbook can be both, also where the rows are one sheet of it; it is as it was."""
    rows = data / "rows.xlsx"
    (data / "ROWS").mkdir()
    with pd.ExcelWriter(rows, engine="xlsxwriter") as book:
        for sheet in ("Sheet1", "Sheet2"):
            pd.read_csv("data.csv").to_excel(book, sheet_name=sheet, index=False)
    before = rows.read_bytes()
    assert main(["batch", source, *LOCAL[1:], "--report", report]) == 2
    assert tells(capsys.readouterr().err, "--report")
    assert rows.read_bytes() == before


def test_ready_scorers_are_those_that_need_no_argument() -> None:
    """Of `fh.score`, whatever is added there."""
    assert {"exact", "contains", "json_valid"} <= set(ready_scorers())
    assert not {"Scorer", "scorer"} & set(ready_scorers())


# --- gates


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--require-not-worse", "0.5"], 0, ("--require-not-worse", "0.5")),
        (["--require-not-worse", "0.01"], 5, ("--require-not-worse", "0.01 failed")),
        (["--fail-if-worse", "0.01"], 0, ("--fail-if-worse", "0.01")),
        (["--fail-if-worse", "0.01", "--require-not-worse", "0.01"], 5, ("--require-not-worse", "0.01 failed")),
    ],
)
def test_too_few_rows_pass_the_second_gate_and_fail_the_first(
    data: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    """Eight rows that are all right: nothing is shown of a margin of a hundredth, and nothing is worse."""
    assert main(["batch", *LOCAL, "--compare", "exact", "--baseline", "keywords", *words]) == code
    assert tells(capsys.readouterr().out, *said)


def test_what_is_worse_has_an_exit_code_of_its_own(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both gates fail: worse is said; quietly the failed gates alone are told, as errors."""
    texts = [f"{i} {'I was charged twice' if i % 2 else 'what is this'}" for i in range(60)]
    (data / "data.csv").write_text("\n".join(["ticket,expected_output", *(f"{text},billing" for text in texts)]))
    words = ["batch", *LOCAL, "--compare", "length", "--baseline", "keywords"]
    gates = ["--fail-if-worse", "0", "--require-not-worse", "0"]
    assert main([*words, *gates]) in (5, 6)
    told = capsys.readouterr().out
    assert told.count("--fail-if-worse 0 ") == told.count("--require-not-worse 0 ") == 1
    code = main([*words, *gates, "-q"])
    quiet = capsys.readouterr()
    assert quiet.out == ""
    assert ("failed" in quiet.err) == (code in (5, 6))
