"""``fh-notebook demo`` as a newcomer runs it: a process of its own, no key, no network, nothing left behind."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from fh_notebook.cli.command_line import main
from fh_notebook.cli.terminal import width
from fh_notebook.local.demo import tickets
from tests import environment
from tests.told import tells

MAIN = "import sys; from fh_notebook.cli import main; sys.exit(main())"

# Every look-up and connection beyond this machine ends the process, as a missing network would.
OFFLINE = """
import os, sys
def guard(event, args):
    if event == "socket.connect" and args[1][0] not in ("127.0.0.1", "::1"):
        os._exit(97)
    if event == "socket.getaddrinfo" and args[0] not in ("127.0.0.1", "localhost", None):
        os._exit(98)
sys.addaudithook(guard)
"""


def _demo(
    folder: Path, *words: str, prelude: str = "", name_store: bool = True, **variables: str
) -> subprocess.CompletedProcess[str]:
    env = environment.for_process(folder, HOME=str(folder), XDG_DATA_HOME=str(folder / "data"), **variables)
    if not name_store:
        del env["FH_NOTEBOOK_STORE"]
    return subprocess.run(
        [sys.executable, "-c", prelude + MAIN, "demo", *words],
        cwd=folder, env=env, capture_output=True, text=True, encoding="utf-8", timeout=60,
    )  # fmt: skip


REAL = {
    "FETCH_HIVE_API_KEY": "fhk_0123456789abcdef",
    "FETCH_HIVE_BASE_URL": "https://example.com/v1",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
}
"""What a user of the service may have set: a key, an address, a proxy that is not there."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of who runs the demo."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def shown(folder: Path) -> str:
    """What the demo prints into a pipe, offline, whatever is set, with no store named: one run for several tests."""
    done = _demo(folder, prelude=OFFLINE, name_store=False, **REAL)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_it_runs_offline_without_a_key_and_says_what_it_ran(shown: str) -> None:
    """Exit code 0, nothing on stderr, nothing beyond this machine: every ticket through both variants."""
    assert tells(shown, len(tickets()))
    assert "http://127.0.0.1:" in shown
    calls = 2 * len(tickets())
    assert f"{calls}/{calls} calls" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize("variant", ["keywords", "nearest"])
def test_the_table_has_accuracy_seconds_and_failures_of_each_variant(shown: str, variant: str) -> None:
    """One line a variant: a plausible accuracy, the median below the 95th percentile, the failures."""
    assert re.search(
        r"^variant +right +rows +95 % interval +median time +95th percentile +failed$", shown, re.MULTILINE
    )
    line = re.search(
        rf"^{variant} +([\d.]+) % +(\d+) of (\d+) +\d+ to \d+ % +([\d.]+) s +([\d.]+) s +(\d+)$", shown, re.MULTILINE
    )
    assert line, shown
    accuracy, right, scored, median_s, p95_s, failures = map(float, line.groups())
    assert 60 <= accuracy <= 90
    assert accuracy == pytest.approx(100 * right / scored, abs=0.06)
    assert scored + failures == len(tickets())
    assert 0 < median_s < p95_s
    assert failures == {"keywords": 0, "nearest": 1}[variant]


def test_the_tickets_on_which_they_differ_are_listed(shown: str) -> None:
    """As many lines as it says, each with two different answers and the right one marked where there is one."""
    announced = re.search(rf"\b(\d+) of {len(tickets())} tickets", shown, re.MULTILINE)
    assert announced
    lines = re.findall(r"^ *(\d+)  (\w+) +([*!-]) (\w+) +([*!-]) (\w+)  +(\S.*)$", shown, re.MULTILINE)
    assert len(lines) == int(announced[1]) > 10
    for row, expected, mark_1, answer_1, mark_2, answer_2, text in lines:
        assert answer_1 != answer_2
        assert (mark_1 == "*", mark_2 == "*") == (answer_1 == expected, answer_2 == expected)
        assert tickets()[int(row)]["expected_output"] == expected
        assert " ".join(tickets()[int(row)]["ticket"].split()).startswith(text.rstrip("…"))


def test_a_failed_run_is_shown_with_its_reason(shown: str) -> None:
    """The row of emoji fails in one variant, and the table says why."""
    assert re.search(r"^ +\d+  nearest  👎👎👎 +ValueError: ", shown, re.MULTILINE)


def test_it_says_what_to_open_next(shown: str) -> None:
    """The notebook, the extension and a cell to begin with come last."""
    end = shown[shown.index("What to open next") :]
    assert all(word in end for word in ("fh-notebook lab", "%load_ext fh_notebook", "%%fetchhive support-triage"))


def test_a_pipe_gets_plain_lines_of_80_columns(shown: str) -> None:
    """No control codes, and nothing wider than a terminal of 80 columns."""
    assert "\x1b" not in shown
    assert "\r" not in shown
    assert max(width(line) for line in shown.splitlines()) <= 80


@pytest.mark.long
def test_it_follows_the_width_that_it_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a wider page more of each ticket is shown."""
    monkeypatch.setenv("COLUMNS", "140")
    assert main(["demo"]) == 0
    assert 120 < max(width(line) for line in capsys.readouterr().out.splitlines()) <= 140


def test_nothing_is_kept_in_the_users_folders(shown: str, folder: Path) -> None:
    """No store is made, neither where the environment says nor in the user's own data folder."""
    assert shown
    assert [f for f in folder.rglob("*") if f.is_file()] == []


def test_what_a_user_has_set_does_not_matter(shown: str) -> None:
    """The demo calls its own hive whatever key, address or proxy is set (by `REAL`), and shows no key."""
    assert re.search(r"^keywords +7\d\.\d % ", shown, re.MULTILINE), shown[-2000:]
    assert REAL["FETCH_HIVE_API_KEY"] not in shown


@pytest.mark.long
def test_a_terminal_without_japanese_is_no_obstacle(tmp_path: Path) -> None:
    """The demo survives any encoding."""
    done = _demo(tmp_path, prelude=OFFLINE, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^keywords +7\d\.\d % ", done.stdout, re.MULTILINE), done.stdout[-2000:]


@pytest.mark.long
def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    """``fh-notebook demo | head -1`` ends quietly."""
    demo = subprocess.Popen(
        [sys.executable, "-c", MAIN, "demo"], cwd=tmp_path, env=environment.for_process(tmp_path),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
    )  # fmt: skip
    assert demo.stdout is not None
    assert demo.stderr is not None
    first = demo.stdout.readline()
    demo.stdout.close()
    complaints = demo.stderr.read()
    demo.stderr.close()
    assert (demo.wait(60), complaints) == (0, "")
    assert tells(first, len(tickets()))


# Ctrl+C while calls are out: as soon as the first connects.
STOP_IT = """
import os, signal, sys, threading
calls = threading.Event()
def stop_it():
    calls.wait()
    os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored
threading.Thread(target=stop_it, daemon=True).start()
sys.addaudithook(lambda event, args: calls.set() if event == "socket.connect" else None)
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to send oneself")
def test_ctrl_c_stops_it_without_a_verdict(tmp_path: Path) -> None:
    """One word, the documented exit code, and no table of a part: what is pending has neither failed nor lost."""
    done = _demo(tmp_path, prelude=STOP_IT)
    assert (done.returncode, done.stderr) == (130, "\nStopped.\n")
    assert tells(done.stdout, len(tickets()))
    calls = re.search(r"(\d+)/\d+ calls", done.stdout)
    assert calls
    assert int(calls[1]) < 2 * len(tickets())
    assert not any(word in done.stdout for word in ("differ", "failed", "Which is better?", "What to open next"))
