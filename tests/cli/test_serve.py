"""`fh-notebook serve`: a real process, what it prints, pasted; and how it is told to stop."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from fh_notebook.cli import serve
from fh_notebook.contract.schema.validation import problems
from fh_notebook.errors import SettingsError
from fh_notebook.local import LocalHive
from tests import environment
from tests.told import tells

OWN = """
from fh_notebook.local import LocalHive
from beside import shout

hive = LocalHive()

@hive.workflow("shop", variant="loud")
async def loud(name: str, times: int = 2) -> str:
    return shout(name) * times
"""


@pytest.fixture(autouse=True)
def same_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command looks for modules beside itself; a test leaves no such place behind."""
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A file with a hive of one's own, which imports what lies beside it."""
    (tmp_path / "beside.py").write_text("def shout(text): return text.upper()\n")
    (tmp_path / "my_hive.py").write_text(OWN)
    return tmp_path / "my_hive.py"


@contextmanager
def serving(folder: Path, *options: str, **env: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command in a process; give it and what it printed up to its last line."""
    code = "import sys; from fh_notebook.cli import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, "serve", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environment.for_process(folder, **env),
    )
    guard = threading.Timer(30, process.kill)
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


def _url(printed: str) -> str:
    found = re.search(r"http://\S+/v1", printed)
    assert found is not None, printed
    return found[0]


def _stop(process: subprocess.Popen[str], number: int) -> tuple[int, str]:
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_the_demo_is_served_until_it_is_told_to_stop(tmp_path: Path, number: int) -> None:
    """It prints the address, the deployments with their variables, a curl line that works, and ends with 0."""
    with serving(tmp_path) as (process, printed):
        assert _url(printed).startswith("http://127.0.0.1:")
        assert "support-triage  (variants: keywords, nearest)" in printed
        assert re.search(r"ticket: a text\s", printed)
        assert "max_words: a whole number, default 120" in printed
        curl = printed[printed.index("curl ") : printed.index("\n\nStop")]
        answer = subprocess.run(["sh", "-c", curl], capture_output=True, text=True, check=True)
        assert json.loads(answer.stdout)["run_status"] == "completed"
        assert _stop(process, number) == (0, "")


def test_a_hive_of_ones_own_with_every_option(own: Path) -> None:
    """From a file; the options go before what the file says; the key comes from the environment and is not printed."""
    options = [
        "--module",
        "my_hive.py",
        "--concurrency",
        "3",
        "--daily-cap",
        "1",
        "--latency",
        "0:0.001",
        "--seed",
        "7",
    ]
    options += ["--spelling", "sdk", "--api-key-env", "HIVE_KEY", "--allow-callbacks", "hooks.test", "other.test"]
    with serving(own.parent, *options, HIVE_KEY="fhk_0123456789") as (process, printed):
        assert "fhk_0123456789" not in printed
        curl = printed[printed.index("curl ") : printed.index("\n\nStop")]
        shell = {**os.environ, "HIVE_KEY": "fhk_0123456789"}
        answer = subprocess.run(["sh", "-c", curl], capture_output=True, text=True, check=True, env=shell)
        assert json.loads(answer.stdout)["status"] == "completed"
        again = subprocess.run(["sh", "-c", curl], capture_output=True, text=True, check=True, env=shell)
        assert json.loads(again.stdout)["error_code"] == "api_rate_limit_exceeded"
        wrong = httpx.get(f"{_url(printed)}/public/models", headers={"authorization": "Bearer x"}, trust_env=False)
        assert wrong.status_code == 401
        assert _stop(process, signal.SIGINT) == (0, "")


@pytest.mark.long
def test_ctrl_c_ends_it_also_while_a_workflow_sleeps(tmp_path: Path) -> None:
    """After the second that calls get; without a traceback."""
    (tmp_path / "slow.py").write_text(
        textwrap.dedent(
            """
            import time
            from fh_notebook.local import LocalHive
            hive = LocalHive()

            @hive.workflow("d", variant="v")
            def slow():
                print("began", flush=True)
                time.sleep(60)
            """
        )
    )
    with serving(tmp_path, "--module", "slow") as (process, printed):

        def call() -> None:
            body = {"deployment": "d", "variant": "v"}
            headers = {"authorization": "Bearer x"}
            with pytest.raises(httpx.HTTPError):
                httpx.post(f"{_url(printed)}/workflow/invoke", json=body, headers=headers, timeout=30, trust_env=False)

        caller = threading.Thread(target=call)
        caller.start()
        assert process.stdout is not None
        while "began" not in process.stdout.readline():
            pass
        code, err = _stop(process, signal.SIGINT)
        caller.join(timeout=60)
    assert code == 0
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--module", "nowhere.py"], ("nowhere.py",)),
        (["--module", "no_such_module"], ("no_such_module", "ModuleNotFoundError")),
        (["--module", "my_hive.py:nothing"], ("my_hive.py", "LocalHive")),
        (["--module", "json"], ("json", "LocalHive")),
        (["--concurrency", "0"], ("concurrency", "1")),
        (["--api-key-env", "NO_SUCH_VARIABLE"], ("NO_SUCH_VARIABLE",)),
        (["--allow-callbacks", "hooks.test", "https://hooks.test:8443"], ("https://hooks.test:8443",)),
        (["--port", "99999"], ("99999",)),
    ],
)
def test_what_cannot_be_served_is_one_line(
    own: Path,
    options: list[str],
    words: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On the error stream, with an exit code that says so; the signals are as they were."""
    from fh_notebook.cli.command_line import main

    monkeypatch.chdir(own.parent)
    before = signal.getsignal(signal.SIGINT)
    assert main(["serve", "--port", "0", *options]) == 1
    told = capsys.readouterr().err
    assert tells(told, *words)
    assert told.count("\n") == 1
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("source", "where", "words"),
    [
        ("hive = LocalHive()\nsame = hive", "{}", None),
        ("a = LocalHive()\nb = LocalHive()", "{}:b", None),
        ("def make(): return LocalHive()", "{}:make", None),
        ("a = LocalHive()\nb = LocalHive()", "{}", "2 .*a, b.*--module"),
        ("def make(): return 3", "{}:make", "LocalHive"),
        ("def make(): raise KeyError('x')", "{}:make", "KeyError"),
        ("1/0", "{}", "ZeroDivisionError"),
        ("def", "{}", "SyntaxError"),
    ],
)
def test_where_the_hive_is_found(tmp_path: Path, source: str, where: str, words: str | None) -> None:
    """The only one, a named one, or what a function makes."""
    file = tmp_path / f"hive_{abs(hash(source + where))}.py"
    file.write_text(f"from fh_notebook.local import LocalHive\n{source}\n")
    if words is None:
        assert isinstance(serve.load_hive(where.format(file)), LocalHive)
    else:
        with pytest.raises(SettingsError, match=words):
            serve.load_hive(where.format(file))


@pytest.mark.parametrize(
    ("text", "latency"), [("0.2", 0.2), ("0.1:0.5", (0.1, 0.5)), ("0", 0.0), ("fast", None), ("1:", None), (":1", None)]
)
def test_a_latency_is_seconds_or_a_range(text: str, latency: Any) -> None:
    """Anything else is misuse of the command."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    serve.add_parser(parser.add_subparsers())
    if latency is None:
        with pytest.raises((argparse.ArgumentError, SystemExit)):
            parser.parse_args(["serve", "--latency", text])
    else:
        assert parser.parse_args(["serve", "--latency", text]).latency == latency


@pytest.mark.long
def test_other_than_this_machine_comes_with_a_warning(tmp_path: Path) -> None:
    """Whoever reaches it can run the workflows."""
    with serving(tmp_path, "--host", "0.0.0.0") as (process, printed):
        assert "http://127.0.0.1:" in printed
        code, told = _stop(process, signal.SIGTERM)
    assert code == 0
    assert tells(told, "LocalHive(api_key=...)", "127.0.0.1")


@pytest.mark.parametrize(
    "kind",
    [
        {"type": "string"},
        {"type": "string", "format": "date"},
        {"type": "string", "format": "date-time"},
        {"type": "string", "format": "email"},
        {"type": "integer", "minimum": 7},
        {"type": "number"},
        {"type": "boolean"},
        {"enum": ["calm", "brief"]},
        {"const": 3},
        {"type": "array", "items": {"type": "integer"}, "minItems": 2},
        {"type": "array"},
        {"type": ["null", "string"]},
        {"anyOf": [{"type": "boolean"}, {"type": "string"}]},
        {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]},
        {"type": "string", "examples": ["x"]},
        {},
    ],
)
def test_the_sample_in_the_curl_line_fits(kind: dict[str, Any]) -> None:
    """For every kind of variable that a signature can have; optional ones are left out."""
    schema = {"type": "object", "properties": {"v": kind, "w": kind}, "required": ["v"], "additionalProperties": False}
    sample = serve.sample_inputs(schema)
    assert list(sample) == ["v"]
    assert problems(schema, sample) == []


@pytest.mark.parametrize("env_name", [None, "HIVE_KEY"])
def test_on_windows_the_command_to_try_is_for_powershell(env_name: str | None) -> None:
    """Read by PowerShell's rules of quoting, it is a call that the hive answers; no text of a hive's ends its string.

    PowerShell has no `curl`, or one that is another program, and takes curly quotes for straight ones.
    """
    hive = LocalHive(api_key="fhk_0123456789abcdef")

    @hive.workflow("d", variant="v")
    def repeat(text: str) -> str:
        return text

    sample = "it's \u2018so\u2019 \u201cé\u201d $env:PATH `n"
    hive.inputs_of("d", "v")["properties"]["text"]["examples"] = [sample]
    with hive.serve() as server:
        [command, _] = serve._command_to_try(hive, server.url, env_name, "nt")
        assert command.isascii()
        assert all(line.endswith(" `") for line in command.splitlines()[:-1])
        strings = [text.replace("''", "'") for text in re.findall(r"'((?:[^']|'')*)'", command)]
        if env_name is None:
            [url, key, kind, body] = strings
            assert key == "Bearer YOUR_API_KEY"
        else:
            [url, kind, body] = strings
            assert '{Authorization = "Bearer $env:HIVE_KEY"}' in command
        headers = {"Authorization": "Bearer fhk_0123456789abcdef", "Content-Type": kind}
        answer = httpx.post(url, content=body, headers=headers, trust_env=False)
    assert answer.status_code == 200, answer.text
    assert sample in answer.json().values()


def test_options_of_approvals_reach_the_hive() -> None:
    """Rules of tools by their names, the wait, the workspace and what look-ups bring; a wrong rule is told."""
    commands = argparse.ArgumentParser().add_subparsers()
    serve.add_parser(commands)
    parser = commands.choices["serve"]
    words = "--tool payments=deny --tool mail=allow --wait-timeout 60 --workspace-id ws --scheduled-runs 2"
    flags = ["--no-output-in-look-ups", "--look-ups-do-not-count", "--no-auto-approve"]
    args = parser.parse_args([*words.split(), *flags])
    changes = serve._changes(args, LocalHive())
    assert changes == {
        "tools": {"payments": "deny", "mail": "allow"},
        "wait_timeout_s": 60.0,
        "workspace_id": "ws",
        "scheduled_runs": 2,
        "look_ups_count": False,
        "may_auto_approve": False,
        "retrieves_output": False,
    }
    LocalHive().configure(**changes)
    with pytest.raises(SystemExit):
        parser.parse_args(["--tool", "payments=perhaps"])
