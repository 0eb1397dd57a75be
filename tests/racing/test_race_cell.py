"""``%%fetchhive ... --over rows --race exact:COLUMN`` in a real shell, and ``fh-notebook batch --race``."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fh_notebook as fh
from fh_notebook.cli.command_line import main
from fh_notebook.local import LocalHive
from tests import environment
from tests.notebook.magics.test_magic import Shell, hive, shell  # noqa: F401 - fixtures

ROWS = "import pandas as pd\nrows = pd.DataFrame({'said': [f'w{i}' for i in range(40)], 'want': [f'w{i}' for i in range(40)]})"
CELL = '%%fetchhive echo -v plain -v loud --over rows --race exact:want{more}\ntext: "{{{{ row.said }}}}"'


def test_a_cell_races_variants_over_rows(shell: Shell, hive: LocalHive) -> None:  # noqa: F811
    """It stops when it is clear; the race is in the variable and in `Out`, its calls are the
    hive's, and it is shown.
    """
    shell.run(ROWS)
    result, said = shell.run(CELL.format(more=" --out race"))
    assert result.error_in_exec is None, said
    race = shell.shell.user_ns["race"]
    assert isinstance(race, fh.Race)
    assert race in shell.shell.user_ns["Out"].values()
    assert (race.winner, race.rows) == ("plain", 8)
    assert race.calls == len(hive.calls) < 40
    assert re.search(": plain .* 8 of ", said)
    shell.run(CELL.format(more=""))
    assert len(hive.calls) == race.calls


def test_a_cells_budget_holds_and_it_says_how_to_go_on(shell: Shell, hive: LocalHive) -> None:  # noqa: F811
    """--max-calls ends the race; the same cell goes on."""
    shell.run(ROWS)
    _, said = shell.run(CELL.format(more=" --max-calls 8 --out race"))
    assert len(hive.calls) == 8
    assert re.search(r": plain .* loud by 100\.0 points", said)
    assert "race.resume()" not in said
    shell.run(CELL.format(more=" --max-calls 8 --out race"))
    assert shell.shell.user_ns["race"].winner == "plain"
    assert len(hive.calls) <= 16


def test_a_cell_at_the_daily_cap_advises_to_go_on_with_the_race(shell: Shell, hive: LocalHive) -> None:  # noqa: F811
    """And not with its batch, which would call every row that is left."""
    shell.run(ROWS)
    hive.configure(daily_cap=8)
    _, said = shell.run(CELL.format(more=" --out race"))
    stopped = shell.shell.user_ns["race"].batch.stopped
    assert stopped.reason == "daily_cap"
    assert stopped.audience.medium == "cell"
    assert stopped.message.endswith(stopped.audience.resume)
    assert "last_batch" not in stopped.message + said


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("echo -v plain -v loud --race exact:want", "--over"),
        ("echo -v plain -v loud --over rows --race exact:want --score exact:want", "--score"),
        ("echo -v plain -v loud --over rows --race exact:wand", "--race: .*'wand'.* 'want'"),
        ("echo -v plain -v loud --over rows --race exakt", "'exakt'"),
        ("echo -v plain --over rows --race exact:want", "'plain'; .*: -v a -v b"),
    ],
)  # fmt: skip
def test_slips_on_the_line_are_told_before_a_call(
    shell: Shell,  # noqa: F811
    hive: LocalHive,  # noqa: F811
    line: str,
    told: str,
) -> None:
    """One line, and nothing was paid for."""
    shell.run(ROWS)
    _, said = shell.run(f'%%fetchhive {line}\ntext: "{{{{ row.said }}}}"')
    assert re.search(told, said)
    assert not hive.calls


def test_a_dry_run_plans_and_calls_nothing(shell: Shell, hive: LocalHive) -> None:  # noqa: F811
    """The plan is that of all rows: what a race would take at the most."""
    shell.run(ROWS)
    _, said = shell.run(CELL.format(more=" --dry-run"))
    assert "Dry run: " in said
    assert "80 calls" in said
    assert not hive.calls


# --- without a notebook

MAIN = [sys.executable, "-W", "error", "-c", "import sys; from fh_notebook.cli import main; sys.exit(main())", "batch"]
LOCAL = ["data.csv", "-d", "support-triage", "--local"]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped tickets, in the working folder."""
    monkeypatch.chdir(tmp_path)
    with fh.local.tickets_path().open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    with (tmp_path / "data.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["ticket", "label"])
        writer.writeheader()
        writer.writerows({"ticket": line["ticket"], "label": line["expected_output"]} for line in lines)
    return tmp_path


@pytest.mark.long
def test_a_command_races_and_the_same_command_goes_on(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two processes: the first one's budget is spent (exit code 3), the second reuses what it paid for, and decides."""
    words = ["--race", "exact:label", "--min-difference", "0.3"]
    first = subprocess.run(
        [*MAIN, *LOCAL, *words, "--max-calls", "30"],
        cwd=data, env=environment.for_process(data), capture_output=True, text=True, encoding="utf-8", timeout=60,
    )  # fmt: skip
    assert (first.returncode, "Traceback" in first.stderr) == (3, False), first.stderr
    assert "--max-calls" in first.stdout
    assert re.search(r"\(30 of \d+ calls\)", first.stdout)
    assert "race.resume()" not in first.stdout
    assert main(["batch", *LOCAL, *words]) == 0
    told = capsys.readouterr()
    assert "30 points" in told.out
    assert "30 reused" in told.out
    assert re.search(r" 93 rows, .* 156 calls", told.err)


def test_a_quiet_command_complains_of_the_race(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Undecided, `-q` prints the sentence of the race, not the line of a batch."""
    assert main(["batch", *LOCAL, "--race", "exact:label", "--max-calls", "4", "-q"]) == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert " 2 of 93 rows" in told.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--race", "exakt"], "--race 'exakt' .* exact"),
        (["--race", "exact"], "'expected_output'"),
        (["--race", "exact:label", "--first", "3"], "--first .*--race"),
        (["--race", "exact:label", "--dask", "tcp://127.0.0.1:9"], "--dask .*--race"),
        (["--race", "exact:label", "--alpha", "2"], "--alpha is 2"),
        (["--seed", "2"], "--seed .*--race SCORE"),
    ],
)
def test_what_is_wrong_with_a_command_is_told_before_a_call(
    data: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    """Exit code 2."""
    assert main(["batch", *LOCAL, *words]) == 2
    assert re.search(said, capsys.readouterr().err)
