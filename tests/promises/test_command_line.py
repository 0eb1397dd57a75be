"""``fh-notebook`` as a shell runs it: a process, its exit codes, what it prints and what it writes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

import fh_notebook as fh
from tests import environment
from tests.ports import free_port
from tests.promises.call_helpers import COMMAND, KEY, PATIENCE_S, Held, command

COMMANDS = {"demo", "lab", "serve", "batch", "canary", "history", "probe", "doctor", "completion"}


class Quiz:
    """A hive on a socket whose answers the test decides, and which counts them."""

    def __init__(self, **options: Any) -> None:
        self.hive = fh.local.LocalHive(**options)
        self.wrong: set[tuple[str, int]] = set()
        self.failing: set[int] = set()
        self.ran: Counter[tuple[str, int]] = Counter()
        self.url = ""
        lock = threading.Lock()

        for variant in ("a", "b"):

            @self.hive.workflow("quiz", variant=variant)
            def answer(number: int, variant: str = variant) -> str:
                with lock:
                    self.ran[variant, number] += 1
                if number in self.failing:
                    raise RuntimeError(f"no answer to {number}")
                return "no" if (variant, number) in self.wrong else "yes"

    @property
    def calls(self) -> int:
        return self.ran.total()


@pytest.fixture
def quiz() -> Iterator[Quiz]:
    """A hive that wants a key."""
    made = Quiz(api_key=KEY)
    with made.hive.serve() as server:
        made.url = server.url
        yield made


def _rows(folder: Path, count: int) -> None:
    rows = [{"number": number, "expected_output": "yes"} for number in range(count)]
    (folder / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file of four rows."""
    _rows(tmp_path, 4)
    return tmp_path


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """What runs the command by its entry point in this process: a process of its own takes a second."""
    (script,) = entry_points(group="console_scripts", name="fh-notebook")

    def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            patch.setattr(sys, "argv", ["fh-notebook", *words])
            for name, value in variables.items():
                patch.setenv(name, value)
            try:
                code = script.load()()
            except SystemExit as end:
                code = end.code
        return subprocess.CompletedProcess(words, code or 0, *capsys.readouterr())

    return run


@pytest.fixture
def run(here: Run, quiz: Quiz) -> Run:
    """What runs a command over the rows, with the key and the address in the environment."""

    def over(*words: str, name: str = "batch", **variables: str) -> subprocess.CompletedProcess[str]:
        return here(name, "data.jsonl", "-d", "quiz", *words, **{**_where(quiz), **variables})

    return over


def _where(quiz: Quiz) -> dict[str, str]:
    return {"FETCH_HIVE_API_KEY": KEY, "FETCH_HIVE_BASE_URL": quiz.url}


# --- help, and slips


def test_the_help_names_every_command(tmp_path: Path) -> None:
    """On stdout, with code 0; without a command it is misuse; and `--version` is the package's."""
    helped = command(tmp_path, "--help")
    assert helped.returncode == 0
    assert set(re.findall(r"^    ([a-z]+)\b", helped.stdout, re.MULTILINE)) >= COMMANDS
    assert command(tmp_path).returncode == 2
    told = command(tmp_path, "--version")
    assert (told.returncode, told.stdout.split()[-1]) == (0, fh.__version__)
    assert list(tmp_path.iterdir()) == []


def test_the_help_of_batch_has_its_options_and_exit_codes(tmp_path: Path) -> None:
    """And that the key is never an option."""
    helped = command(tmp_path, "batch", "--help")
    assert helped.returncode == 0
    for option in (
        "--dry-run",
        "--max-calls",
        "--max-cost",
        "--first",
        "--out",
        "--compare",
        "--retry-unknown",
        "--race",
    ):
        assert option in helped.stdout
    assert {"0", "1", "2", "3", "4", "5", "6", "130"} <= set(re.findall(r"^  (\d+) ", helped.stdout, re.MULTILINE))
    assert "FETCH_HIVE_API_KEY" in helped.stdout


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (["bacth"], "batch"),
        (["docotr"], "doctor"),
        (["batch", "tickets.csv", "-d", "support-triag", "-v", "keywords", "--local"], "support-triage"),
        (["batch", "tickets.csv", "-d", "support-triage", "-v", "keyword", "--local"], "keywords"),
        (["batch", "tickets.csv", "-d", "support-triage", "-v", "keywords", "--local", "--compare", "exakt"], "exact"),
        (
            ["batch", "tickets.csv", "-d", "support-triage", "-v", "keywords", "--local", "--map", "tickt=ticket"],
            "ticket",
        ),
    ],
)
def test_a_slip_is_code_2_with_the_nearest_name(folder: Path, here: Run, words: list[str], nearest: str) -> None:
    """Command, option, deployment, variant, scorer and variable; on stderr, and nothing was called or saved."""
    (folder / "tickets.csv").write_text("ticket,expected_output\nI was charged twice.,billing\n")
    done = here(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.search(rf"(?<![\w-]){re.escape(nearest)}(?![\w-])", done.stderr.replace(" ".join(words), ""))
    assert "Traceback" not in done.stderr
    assert not (folder / "store.sqlite3").exists()


# --- batch


def test_a_batch_runs_every_row_through_every_variant_into_a_file(folder: Path, quiz: Quiz, run: Run) -> None:
    """Code 0; the same command again makes no call and writes the same answers."""
    words = ["-v", "a", "-v", "b", "-o", "out.csv"]
    quiz.wrong = {("b", 2)}
    done = command(folder, "batch", "data.jsonl", "-d", "quiz", *words, **_where(quiz))
    assert (done.returncode, quiz.calls) == (0, 8), done.stderr
    assert "8" in re.findall(r"\d+", done.stderr)
    assert "out.csv" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    frame = pd.read_csv(folder / "out.csv")
    assert frame[["row", "variant"]].values.tolist() == [[row, variant] for row in range(4) for variant in "ab"]
    assert frame["output"].tolist() == ["yes"] * 5 + ["no"] + ["yes"] * 2
    again = run(*words)
    assert (again.returncode, quiz.calls) == (0, 8)
    assert pd.read_csv(folder / "out.csv")["output"].tolist() == frame["output"].tolist()


def test_the_answers_are_written_in_the_format_of_the_ending(folder: Path, quiz: Quiz, run: Run) -> None:
    """Each by an independent reader; an ending that is not known is refused before any call."""
    refused = run("-v", "a", "-o", "out.docx")
    assert (refused.returncode, quiz.calls) == (2, 0)
    readers = {
        "csv": pd.read_csv, "csv.gz": pd.read_csv, "tsv": lambda path: pd.read_csv(path, sep="\t"), "parquet": pd.read_parquet,
        "xlsx": lambda path: pd.read_excel(path, engine="calamine"), "jsonl": lambda path: pd.read_json(path, lines=True),
    }  # fmt: skip
    for ending, read in readers.items():
        done = run("-v", "a", "-o", f"out.{ending}")
        assert (done.returncode, quiz.calls) == (0, 4), done.stderr
        frame = read(folder / f"out.{ending}")
        assert (frame["output"].tolist(), frame["status"].tolist()) == (["yes"] * 4, ["completed"] * 4)
        assert frame["number"].tolist() == [0, 1, 2, 3]


def test_a_dry_run_shows_the_plan_and_calls_nothing(folder: Path, quiz: Quiz, run: Run) -> None:
    """Rows, variants, calls and their price; without a key, too, no call is made and nothing is written."""
    done = run("-v", "a", "-v", "b", "--dry-run", "--price-per-call", "0.5", "-o", "out.csv")
    assert (done.returncode, quiz.hive.counts.requests) == (0, 0), done.stderr
    numbers = re.findall(r"\d+(?:\.\d+)?", done.stdout + done.stderr)
    assert {"4", "2", "8"} <= set(numbers)
    assert any(float(number) == 4.0 for number in numbers)
    assert not (folder / "out.csv").exists()


def test_failed_rows_are_code_1_and_in_the_file(folder: Path, quiz: Quiz, run: Run) -> None:
    """With their error; what may have run is unknown, and the same command calls neither again."""
    quiz.failing = {1}
    done = run("-v", "a", "-o", "out.csv")
    assert done.returncode == 1
    assert "no answer to 1" in done.stdout + done.stderr
    assert pd.read_csv(folder / "out.csv")["status"].tolist() == ["completed", "failed", "completed", "completed"]
    quiz.hive.fail_next(1, status=500)
    _rows(folder, 5)
    lost = run("-v", "b", "--first", "1")
    assert lost.returncode == 1
    before = quiz.hive.counts.requests
    assert run("-v", "b", "--first", "1").returncode == 1
    assert quiz.hive.counts.requests == before
    assert run("-v", "b", "--first", "1", "--retry-unknown").returncode == 0
    assert quiz.ran["b", 0] == 1


def test_a_limit_is_code_3_and_the_same_command_goes_on(folder: Path, quiz: Quiz, run: Run) -> None:
    """--max-calls, and the service's daily cap: no row has failed, what came is written, no call is made twice."""
    words = ["-v", "a", "-o", "out.csv", "--max-calls", "3"]
    first = run(*words)
    assert (first.returncode, quiz.calls, len(pd.read_csv(folder / "out.csv"))) == (3, 3, 3), first.stderr
    assert (run(*words).returncode, quiz.calls) == (0, 4)
    assert len(pd.read_csv(folder / "out.csv")) == 4
    quiz.hive.configure(daily_cap=quiz.hive.counts.used_today + 1)
    capped = run("-v", "b", "--max-concurrency", "1")
    assert (capped.returncode, quiz.calls) == (3, 5)
    assert "00:00 UTC" in capped.stderr + capped.stdout
    assert set(quiz.ran.values()) == {1}


@pytest.mark.parametrize(
    ("words", "variables", "code"),
    [
        (["-v", "a"], {"FETCH_HIVE_API_KEY": "fhk_wrong_0123456789"}, 4),
        (["-v", "nobody"], {}, 4),
        (["-v", "a"], {"FETCH_HIVE_API_KEY": "", "FETCH_HIVE_BASE_URL": "https://hive.example/v1"}, 2),
        (["-v", "a", "--max-calls", "-1"], {}, 2),
        (["-v", "a", "--repaets", "2"], {}, 2),
        (["-v", "a", "--api-key", KEY], {}, 2),
        (["-v", "a", "--name", "n", "-o", "nowhere/out.csv"], {}, 2),
    ],
)
def test_a_refused_key_or_variant_is_code_4_and_misuse_code_2(
    folder: Path, quiz: Quiz, run: Run, words: list[str], variables: dict[str, str], code: int
) -> None:
    """In a line, without a traceback; nothing has run, and no key is printed."""
    done = run(*words, **variables)
    assert (done.returncode, quiz.calls) == (code, 0), done.stderr
    assert done.stderr
    assert "Traceback" not in done.stderr
    assert "fhk_wrong" not in done.stdout + done.stderr
    assert KEY not in done.stdout + done.stderr


def test_a_gate_is_code_5_or_6_and_writes_the_report(tmp_path: Path, quiz: Quiz, run: Run) -> None:
    """5: it is not shown that a variant is no worse; 6: it is shown that one is worse; 0: neither."""
    _rows(tmp_path, 40)
    gate = ["-v", "a", "-v", "b", "--compare", "exact", "--baseline", "a", "--report", "report.html"]
    quiz.wrong = {("b", number) for number in range(30)}
    assert run(*gate, "--fail-if-worse", "0.02").returncode == 6
    assert run(*gate, "--require-not-worse", "0.02").returncode == 5
    report = (tmp_path / "report.html").read_text()
    assert "<html" in report
    assert KEY not in report
    better = ["-v", "a", "-v", "b", "--compare", "exact", "--baseline", "b"]
    assert run(*better, "--fail-if-worse", "0.02", "--require-not-worse", "0.02").returncode == 0
    assert quiz.calls == 80


def test_a_terminated_batch_is_code_130_and_makes_no_call_twice(folder: Path) -> None:
    """What is finished is saved, what was out is unknown, and the same command calls only what was never sent."""
    held = Held()
    rows = [f"t{number}" for number in range(8)]
    (folder / "data.csv").write_text("text\n" + "\n".join(rows) + "\n")
    began: Counter[str] = Counter()
    words = ["batch", "data.csv", "-d", "held", "-v", "v", "--max-concurrency", "2", "-o", "out.csv"]
    with held.hive.serve() as server:
        where = {"FETCH_HIVE_API_KEY": KEY, "FETCH_HIVE_BASE_URL": server.url}
        process = subprocess.Popen(
            [*COMMAND, *words], cwd=folder, env=environment.for_process(folder, **where),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        for _ in range(2):
            began[held.wait_begun()] += 1
        held.let_go(3)
        for _ in range(3):
            began[held.wait_begun()] += 1
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, "Traceback" in err) == (130, False), err
        assert pd.read_csv(folder / "out.csv")["status"].value_counts().to_dict() == {"completed": 3, "unknown": 2}
        held.let_go(100)
        again = command(folder, *words, **where)
        assert again.returncode == 1, again.stderr
        while not held.began.empty():
            began[held.wait_begun()] += 1
        assert sorted(began) == rows
        assert set(began.values()) == {1}


# --- history, canary, doctor


def test_history_lists_what_was_run(folder: Path, here: Run, quiz: Quiz, run: Run) -> None:
    """Batches and single runs of the store, the newest first; `--json` has every column; no call is made."""
    assert run("-v", "a", "--name", "monday").returncode == 0
    assert run("-v", "b", "--name", "tuesday").returncode == 0
    plain = here("history")
    assert plain.returncode == 0
    assert plain.stdout.index("tuesday") < plain.stdout.index("monday")
    listed = json.loads(here("history", "quiz", "-n", "1", "--json").stdout)
    assert len(listed) == 1
    assert "tuesday" in json.dumps(listed)
    slip = here("history", "quizz")
    assert "quiz" in (slip.stdout + slip.stderr).replace("quizz", "")
    assert here("history", "-n", "0").returncode == 2
    assert quiz.calls == 8


def test_a_canary_is_0_then_7_when_the_answers_change(tmp_path: Path, quiz: Quiz, run: Run) -> None:
    """Against a saved batch; the same command on the same day makes no further call."""
    _rows(tmp_path, 40)
    assert run("-v", "a", "--name", "before").returncode == 0
    watch = ["-v", "a", "--score", "exact", "--baseline", "before"]
    quiet = run(*watch, "--name", "same", "-q", name="canary")
    assert (quiet.returncode, quiet.stdout, quiz.calls) == (0, "", 80), quiet.stderr
    assert run(*watch, "--name", "same", name="canary").returncode == 0
    assert quiz.calls == 80
    quiz.wrong = {("a", number) for number in range(40)}
    changed = run(*watch, "--name", "other", "-q", name="canary")
    assert changed.returncode == 7
    assert changed.stdout


def test_a_canary_that_learns_nothing_is_1_and_misuse_2_and_an_unknown_variant_4(
    folder: Path, quiz: Quiz, run: Run
) -> None:
    """A day whose calls all fail is no change; a used-up daily cap is 3."""
    quiz.failing = {0, 1, 2, 3}
    assert run("-v", "a", "--score", "exact", name="canary").returncode == 1
    assert run("-v", "zzz", "--score", "exact", name="canary").returncode == 4
    before = quiz.calls
    for more in (
        ["--score", "exakt"],
        ["--score", "exact", "--baseline", "nobody"],
        ["--score", "exact", "--alpha", "2"],
    ):
        assert run("-v", "b", *more, name="canary").returncode == 2
    quiz.hive.configure(daily_cap=quiz.hive.counts.used_today)
    assert run("-v", "b", "--score", "exact", name="canary").returncode == 3
    assert quiz.calls == before


def test_the_doctor_checks_the_installation_and_calls_nothing_unless_asked(folder: Path, here: Run, quiz: Quiz) -> None:
    """0 where all works, 1 with a problem; `--check` asks for the key; the key is not printed."""
    where = _where(quiz)
    well = command(folder, "doctor", **where)
    assert (well.returncode, quiz.hive.counts.used_today) == (0, 0), well.stdout
    assert fh.__version__ in well.stdout
    assert here("doctor", "--check", **where).returncode == 0
    assert quiz.hive.counts.used_today == 1
    wrong = here("doctor", "--check", **{**where, "FETCH_HIVE_API_KEY": "fhk_wrong_0123456789"})
    assert wrong.returncode == 1
    assert [text for text in (well.stdout, wrong.stdout) if KEY in text or "fhk_wrong" in text] == []
    (folder / "store.sqlite3").write_bytes(b"no database " * 1000)
    (folder / "fetchhive.yaml").write_text("deployments: [")
    ill = here("doctor", **where)
    assert ill.returncode == 1
    assert "store.sqlite3" in ill.stdout
    assert "fetchhive.yaml" in ill.stdout


# --- serve, demo, completion

OWN = """
import fh_notebook as fh

hive = fh.local.LocalHive()


@hive.workflow("shop", variant="loud")
def loud(name: str, times: int = 2) -> str:
    return name.upper() * times
"""


@contextmanager
def _serving(folder: Path, *words: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run ``fh-notebook serve``; yield the process and what it printed until it served."""
    process = subprocess.Popen(
        [*COMMAND, "serve", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
        env=environment.for_process(folder, **variables),
    )  # fmt: skip
    guard = threading.Timer(PATIENCE_S, process.kill)
    guard.start()
    try:
        assert process.stdout is not None
        printed = ""
        for line in process.stdout:
            printed += line
            if "Ctrl+C" in line:
                break
        yield process, printed
    finally:
        process.kill()
        process.communicate()
        guard.cancel()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_serves_the_demo_until_it_is_told_to_stop(tmp_path: Path, number: int) -> None:
    """It prints an address and a curl command, which works as it stands."""
    with _serving(tmp_path, "--port", "0") as (process, printed):
        line = printed[printed.index("curl ") :].partition("\n\n")[0]
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=PATIENCE_S)
        assert json.loads(done.stdout)["run_status"] == "completed", printed
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode in (0, 130)
    assert "Traceback" not in err


def test_serve_serves_a_hive_of_ones_own_under_its_key_and_limits(tmp_path: Path) -> None:
    """`--module`, `--api-key-env`, `--daily-cap`, `--spelling`, at the port that is named."""
    (tmp_path / "mine.py").write_text(OWN)
    port = free_port()
    words = [
        "--module",
        "mine.py",
        "--api-key-env",
        "MY_KEY",
        "--daily-cap",
        "1",
        "--spelling",
        "sdk",
        "--port",
        str(port),
    ]
    with (
        _serving(tmp_path, *words, MY_KEY=KEY) as (_, printed),
        httpx.Client(trust_env=False, timeout=PATIENCE_S) as http,
    ):
        assert "shop" in printed
        assert KEY not in printed
        body = {"deployment": "shop", "variant": "loud", "inputs": {"name": "ada"}}
        url = f"http://127.0.0.1:{port}/v1/workflow/invoke"
        told = [http.post(url, json=body, headers={"Authorization": f"Bearer {key}"}) for key in ("x", KEY, KEY)]
    assert [answer.status_code for answer in told] == [401, 200, 429]
    assert (told[1].json()["status"], told[1].json()["output"]) == ("completed", "ADAADA")
    assert command(tmp_path, "serve", "--module", "nobody.py").returncode != 0


def test_the_demo_runs_offline_and_leaves_nothing(tmp_path: Path) -> None:
    """Code 0: 93 tickets, both variants, plain lines of at most 80 columns where the output is no terminal."""
    done = command(tmp_path, "demo")
    assert done.returncode == 0, done.stderr
    assert "93" in re.findall(r"\d+", done.stdout)
    assert "keywords" in done.stdout
    assert "nearest" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "\x1b" not in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion_prints_the_code_of_each_shell(tmp_path: Path, shell: str) -> None:
    """Bash completes a command and an option by it."""
    done = command(tmp_path, "completion", shell)
    assert (done.returncode, "fh-notebook" in done.stdout) == (0, True)
    if shell == "bash":
        script = (
            'eval "$(fh-notebook completion bash)"; COMP_LINE="fh-notebook bat"; COMP_POINT=${#COMP_LINE}; '
            "COMP_WORDS=(fh-notebook bat); COMP_CWORD=1; COMP_TYPE=9; "
            "$(complete -p fh-notebook | sed 's/.*-F \\([^ ]*\\).*/\\1/') fh-notebook bat fh-notebook; "
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
        variables = environment.for_process(tmp_path)
        variables["PATH"] = f"{Path(COMMAND[0]).parent}{os.pathsep}{variables['PATH']}"
        told = subprocess.run(
            ["bash", "--norc", "-c", script],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            env=variables,
            cwd=tmp_path,
        )
        assert told.stdout.split() == ["batch"], told.stderr
