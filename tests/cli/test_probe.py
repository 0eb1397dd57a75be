"""``fh-notebook probe``: what `fh.probe` does, from a terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import fh_notebook as fh
from fh_notebook.cli.command_line import main
from fh_notebook.core.redaction import Secret
from fh_notebook.local import LocalHive, demo_hive
from fh_notebook.session import session
from tests.ports import free_port
from tests.told import tells

TRIAGE = ["probe", "support-triage", "-v", "keywords", "--input", "ticket=My parcel is late.", "--local"]


def test_it_prints_the_profile_and_doctor_shows_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without questions with --yes; the report has no input and no name of the deployment."""
    report = tmp_path / "profile.md"
    assert main([*TRIAGE, "--yes", "--report", str(report)]) == 0
    assert "completed" in capsys.readouterr().out
    text = report.read_text("utf-8")
    assert "| status of a completed run | completed |" in text
    assert not [word for word in ("parcel", "ticket", "support-triage", "keywords") if word in text]
    main(["doctor", "--base-url", "local"])
    assert re.search(r"look-up\b.*: yes", capsys.readouterr().out)


def test_it_asks_before_each_call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The question has the request and its cost; after q nothing more is sent."""
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "q" if "\nDirect call\n" in prompt else "y"

    monkeypatch.setattr("builtins.input", answer)
    assert main(TRIAGE) == 1
    assert "public/models" in asked[0]
    assert "My parcel is late." in asked[-1]
    assert tells(capsys.readouterr().out, "4")


def test_a_direct_call_that_fails_now_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    """Also where an earlier probe has learned the status of a completed run; the notes name options of the command."""
    hive = LocalHive()

    @hive.workflow("flaky", variant="live")
    def flaky(text: str) -> str:
        if text == "fail":
            raise ValueError("as asked")
        return text

    with hive.serve() as server:
        words = ["probe", "flaky", "-v", "live", "--base-url", server.url, "--yes", "--max-calls", "3", "--input"]
        assert main([*words, "text=works"]) == 0
        assert tells(capsys.readouterr().out, "--max-calls", "3")
        assert main([*words, "text=fail"]) == 1
        assert "Direct call: " in capsys.readouterr().out


def test_the_words_of_the_service_are_on_the_terminal_and_in_no_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They may repeat an input; a key in them is masked, what controls a terminal is escaped, and a long text is cut."""
    report = tmp_path / "profile.md"
    key = "fhk_0123456789abcdef"
    hive = LocalHive(api_key=key)

    @hive.workflow("flaky", variant="live")
    def flaky(text: str) -> str:
        raise ValueError(f"no parcel \x1b[31m{text} Bearer {key} {'x' * 5_000}")

    with hive.serve() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("FETCH_HIVE_API_KEY", key)
        words = ["probe", "flaky", "-v", "live", "--base-url", server.url, "--yes", "--report", str(report)]
        assert main([*words, "--input", "text=my street"]) == 1
    said = capsys.readouterr().out
    (line,) = [line for line in said.splitlines() if "no parcel" in line]
    assert "my street" in line
    assert key not in said
    assert "\x1b" not in said
    assert len(line) < 700
    assert "street" not in report.read_text("utf-8")
    fh.configure(base_url=server.url, api_key=key)
    assert "street" not in repr(session.profile_of(session.workspace_at(server.url, Secret(key))))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--max-calls", "0"], ("--max-calls", "0", "1")),
        ([], ("support-triage", "--variant", "'keywords'", "'nearest'")),
        (["-v", "keywords", "--callback", "x"], ("--callback", "'x'", "https://...")),
        (["-v", "keywords", "--callback-port", "70000"], ("--callback-port", "70000", "65535")),
    ],
)
def test_misuse_is_told_in_the_words_of_the_command(
    words: list[str], told: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Not with the arguments of Python: nothing is called."""
    assert main(["probe", "support-triage", "--local", "--yes", *words]) == 2
    assert tells(capsys.readouterr().err, "fh-notebook probe", *told)


def test_callback_alone_takes_the_port_of_a_url_of_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    """Also without a question; a tunnel needs a port then."""
    with demo_hive(pace=0).serve() as server:
        words = ["probe", "support-triage", "-v", "keywords", "--input", "ticket=Late.", "--base-url", server.url]
        words += ["--yes", "--max-calls", "4", "--callback"]
        assert main([*words, "https://hooks.example.com"]) == 2
        assert tells(capsys.readouterr().err, "--callback-port")
        assert main([*words, f"http://127.0.0.1:{free_port()}"]) == 0
        assert re.search(r"signature of a callback +hex\n", capsys.readouterr().out)


def test_what_the_calls_at_once_need_is_told_before_the_first_call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For the cap of each subscription; the question names the most that max_calls allows."""
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        if len(asked) == 1:
            assert tells(capsys.readouterr().err, "--max-calls 8", "--max-calls 11", "--max-calls 15", "1", "3", "5")
        return "y"

    monkeypatch.setattr("builtins.input", answer)
    assert main([*TRIAGE, "--concurrency"]) == 0
    assert tells(asked[2].partition("number")[2], "2 requests", "2", "8")
    assert tells(capsys.readouterr().out, "8", "--max-calls 23")
    assert main([*TRIAGE, "--concurrency", "--max-calls", "15"]) == 0
    assert "only shows" not in capsys.readouterr().err
    assert main([*TRIAGE, "--concurrency", "--max-calls", "6"]) == 0
    needed = re.findall(r"--max-calls (\d+)[^-\d]*(\d*)", capsys.readouterr().err)
    assert needed == [("6", ""), ("7", "1"), ("11", "3"), ("15", "5")]  # calls, and the cap that they show


@pytest.mark.parametrize("answer", ["n", "q"])
def test_without_any_call_the_exit_code_is_2(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """No to each question, or to the first one."""
    monkeypatch.setattr("builtins.input", lambda prompt: answer)
    assert main(TRIAGE) == 2


def test_without_a_terminal_it_names_the_option(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And no code: nobody can answer."""

    def ended(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", ended)
    assert main(TRIAGE) == 2
    assert tells(capsys.readouterr().err, "--yes")


def test_a_report_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After the calls: the disk may have become full; the profile is shown."""

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    assert main([*TRIAGE, "--yes", "--report", str(tmp_path / "profile.md")]) == 1
    shown = capsys.readouterr()
    assert "completed" in shown.out
    assert shown.err.strip().splitlines()[-1].startswith("fh-notebook probe: --report")


@pytest.mark.parametrize(
    "words",
    [
        ["--input", "ticket"],
        ["--input", "ticket:={"],
        ["--max-calls", "0", "--yes"],
        ["--input", "tone=loud", "--yes"],
        ["--report", "no/such/folder/profile.md", "--yes"],
        ["--report", ".", "--yes"],
    ],
)
def test_wrong_words_are_told_in_one_line_before_any_call(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With exit code 2."""
    try:
        code = main([*TRIAGE, *words])
    except SystemExit as exc:
        code = int(str(exc.code))
    assert code == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("fh-notebook probe:")


def test_a_value_after_colon_equals_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """An Array variable takes a list; one of another type is refused before any call."""
    assert main([*TRIAGE, "--input", 'ticket:=["a"]', "--yes"]) == 2
    assert "ticket" in capsys.readouterr().err
