"""Sources of rows, the same everywhere: frames of other libraries, sheets of workbooks, packed files."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from IPython.utils.capture import capture_output

import fh_notebook as fh
from fh_notebook.cli.command_line import main
from fh_notebook.local import LocalHive
from tests.ipython_shell import open_shell

TICKETS = [{"ticket": ticket, "expected_output": ticket.upper()} for ticket in ("late", "lost", "broken")]
SCORED = [
    {"row": row, "variant": variant, "s": float(variant == "loud")} for row in (0, 1) for variant in ("loud", "soft")
]


def write_sheet(records: list[dict[str, Any]], folder: Path) -> str:
    """Write them to the second sheet of a workbook."""
    import xlsxwriter

    with xlsxwriter.Workbook(folder / "rows.xlsx") as workbook:
        workbook.add_worksheet("Other").write(0, 0, "nothing")
        sheet = workbook.add_worksheet("Rows")
        for place, line in enumerate([list(records[0]), *(record.values() for record in records)]):
            sheet.write_row(place, 0, line)
    return f"{folder / 'rows.xlsx'}#Rows"


def write_packed(records: list[dict[str, Any]], folder: Path) -> str:
    """Write them as packed JSON lines."""
    (folder / "rows.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, records)).encode()))
    return str(folder / "rows.jsonl.gz")


def write_parquet(records: list[dict[str, Any]], folder: Path) -> str:
    """Write them to a folder of Parquet: to a command, a frame is a file."""
    pl.DataFrame(records).write_parquet(folder / "rows.parquet")
    return str(folder)


SOURCES: dict[str, Callable[[list[dict[str, Any]], Path], Any]] = {
    "Polars": lambda records, _: pl.DataFrame(records),
    ".xlsx#Sheet": write_sheet,
    ".jsonl.gz": write_packed,
}


@pytest.fixture
def hive() -> Iterator[LocalHive]:
    """A hive on a socket, as the session's service."""
    hive = LocalHive()

    @hive.workflow("say", variant="loud")
    def loud(ticket: str) -> str:
        return ticket.upper()

    @hive.workflow("say", variant="soft")
    def soft(ticket: str) -> str:
        return ticket.lower()

    with hive.serve() as server:
        fh.configure(base_url=server.url)
        yield hive


@pytest.mark.parametrize("kind", SOURCES)
def test_python_takes_the_rows(hive: LocalHive, kind: str, tmp_path: Path) -> None:
    """A batch, a race, a form, a grid, a deployment and a comparison."""
    rows = SOURCES[kind](TICKETS, tmp_path)
    assert fh.batch(rows, "say", variants="loud", progress=False).frame["output"].tolist() == ["LATE", "LOST", "BROKEN"]
    assert fh.race(rows, "say", variants=["loud", "soft"], score=fh.score.exact(), progress=False).calls
    assert fh.form("say", over=rows).mapping.columns == {"ticket": "ticket"}
    assert len(fh.grid(rows, tone=["calm", "brief"])) == 6
    assert list(fh.Deployment.from_frame("say", rows).inputs["properties"]) == ["ticket"]
    compared = fh.compare(SOURCES[kind](SCORED, tmp_path), score="s").summary()
    assert compared[["variant", "mean"]].values.tolist() == [["loud", 1.0], ["soft", 0.0]]


@pytest.mark.parametrize("kind", SOURCES)
def test_a_cell_takes_the_rows(hive: LocalHive, kind: str, tmp_path: Path) -> None:
    """By the name of a variable: a frame, or a path."""
    with open_shell() as shell, capture_output() as captured:
        shell.run_line_magic("load_ext", "fh_notebook")
        shell.user_ns["rows"] = SOURCES[kind](TICKETS, tmp_path)
        result = shell.run_cell('%%fetchhive say -v loud --over rows --out answers\nticket: "{{ row.ticket }}"')
        answers = shell.user_ns.get("answers")
    assert result.success, captured.stdout + captured.stderr
    assert answers["output"].tolist() == ["LATE", "LOST", "BROKEN"]


@pytest.mark.parametrize("kind", SOURCES)
def test_the_command_takes_the_rows(
    hive: LocalHive, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a comparison, too; a frame is a file to it."""
    source = {**SOURCES, "Polars": write_parquet}[kind](TICKETS, tmp_path)
    out = tmp_path / "answers.csv"
    assert main(["batch", source, "-d", "say", "-v", "loud", "--compare", "exact", "-o", str(out)]) == 0
    assert "on 3 rows by exact()" in capsys.readouterr().out
    assert pd.read_csv(out)["output"].tolist() == ["LATE", "LOST", "BROKEN"]
