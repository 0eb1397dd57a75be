"""``%fetchhive COMMAND`` in a real IPython shell, against the local hive."""

# ruff: noqa: F811 - fixtures of another file, used as arguments
from __future__ import annotations

import argparse
import builtins
import getpass
import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from keyring import get_keyring, set_keyring
from keyring.backend import KeyringBackend

import fh_notebook as fh
from fh_notebook.batching.batch import Batch
from fh_notebook.core.config import credentials, resolution, settings
from fh_notebook.core.config.urls import origin
from fh_notebook.core.redaction import Secret
from fh_notebook.local import LocalHive
from fh_notebook.notebook.cell.options import parser
from fh_notebook.notebook.commands.registry import COMMANDS
from fh_notebook.notebook.magics.extension import FetchHiveMagics
from fh_notebook.session import session
from tests.notebook.magics.test_magic import KEY, Shell, hive, shell  # noqa: F401 - fixtures
from tests.told import tells

OTHER = "fhk_another_key_0123"


class Held(KeyringBackend):
    """A keyring in memory."""

    priority = 9  # type: ignore[assignment]
    name = "memory"

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.held[service, username]


@pytest.fixture
def keyring() -> Iterator[Held]:
    """A keyring that keeps, as the system's."""
    before, held = get_keyring(), Held()
    set_keyring(held)
    yield held
    set_keyring(before)


class Terminal(io.StringIO):
    """A standard input that a person types at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """What the person types at the prompts of a terminal, in order; the list has the prompts that were shown."""

    def type_(*lines: str) -> list[str]:
        left, prompts = list(lines), []

        def answer(prompt: str = "") -> str:
            prompts.append(prompt)
            if not left:
                raise EOFError
            return left.pop(0)

        monkeypatch.setattr(getpass, "getpass", answer)
        monkeypatch.setattr(builtins, "input", answer)
        monkeypatch.setattr(sys, "stdin", Terminal())
        return prompts

    return type_


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without a catalogue."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def keyless(hive: LocalHive) -> LocalHive:
    """The hive as the service in use, without its key."""
    url = settings.current().base_url
    settings.reset()
    fh.configure(base_url=url)
    return hive


def _everywhere(shell: Shell) -> str:
    """Whatever the shell remembers, as text."""
    names = {k: v for k, v in shell.shell.user_ns.items() if k not in ("In",)}
    history = list(shell.shell.history_manager.get_tail(100, include_latest=True))
    return repr(names) + repr(shell.shell.user_ns["In"]) + repr(shell.shell.user_ns["Out"]) + repr(history)


# --- the line


def test_alone_it_shows_the_help_of_both_forms(shell: Shell) -> None:
    """Every command with its line, and a cell to begin with; help and --help are the same."""
    result, said = shell.run("%fetchhive")
    assert result.error_in_exec is None
    for name, command in COMMANDS.items():
        assert f"%fetchhive {name.ljust(11)}  {command.help}" in said
    assert re.search(r"%%fetchhive support-triage -v \w+", said)
    assert shell.run("%fetchhive help")[1] == shell.run("%fetchhive --help")[1] == said


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(shell: Shell, name: str) -> None:
    """By `help NAME` and by `--help`; and it is in the docstring that `%fetchhive?` shows."""
    result, said = shell.run(f"%fetchhive help {name}")
    assert result.error_in_exec is None
    assert f"usage: %fetchhive {name}" in said
    assert f"  %fetchhive {name}" in said.partition("examples:")[2]
    assert shell.run(f"%fetchhive {name} --help")[1] == said
    assert f"%fetchhive {name}" in (FetchHiveMagics.command.__doc__ or "")


def test_the_docstring_of_a_cell_names_every_option() -> None:
    """It is what `%%fetchhive?` shows, and has them in the words of the parser."""
    usage = (FetchHiveMagics.fetchhive.__doc__ or "").partition("The body is")[0]
    named = {*re.findall(r"--?[a-z][a-z-]*", usage), "-h"}
    known = [action for action in parser()._actions if action.option_strings and action.help != argparse.SUPPRESS]
    assert not [action.dest for action in known if not named & {*action.option_strings}]


@pytest.mark.parametrize(("asked", "shown"), [("%fetchhive?", "%fetchhive login"), ("%%fetchhive?", "--dry-run")])
def test_a_question_mark_shows_real_help(shell: Shell, asked: str, shown: str) -> None:
    """The docstring of the form that was asked for, with examples."""
    shell.run(asked)  # shown by a pager
    info = shell.shell.object_inspect(asked.rstrip("?"))
    assert info["found"]
    assert shown in info["docstring"]
    assert "Examples" in info["docstring"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("logn", "'logn'"),
        ("describ x", r" describe\?"),
        ("support-triage -v keywords", "%%fetchhive support-triage.*-v VARIANT"),
        ("zzz", "'zzz'.*%fetchhive help"),
        ("help logn", r" login\?"),
        ("describe", r"%fetchhive describe.*\bNAME"),
        ("history -n 0", r"'0'.*\b1\b"),
        ("deployments now", "unrecognized arguments: now"),
        ("describe 'x", r"\(No closing quotation\)"),
    ],
)
def test_a_line_that_is_wrong_is_one_line(shell: Shell, line: str, told: str) -> None:
    """IPython's UsageError, which stops Run All, with the nearest right word."""
    result, said = shell.run(f"%fetchhive {line}")
    assert type(result.error_in_exec).__name__ == "UsageError"
    assert said.startswith("UsageError: %fetchhive")
    assert re.search(told, said)
    assert said.strip().count("\n") == 0


@pytest.mark.parametrize(
    "cell",
    [
        f"%fetchhive login {KEY}",
        "%fetchhive login a-key-of-another-shape",
        "%fetchhive login --key=a-key-of-another-shape",
        "%fetchhive login --here=a-key-of-another-shape",
        "%fetchhive login --check=a-key-of-another-shape --here",
        "%fetchhive login --her a-key-of-another-shape",
        f"%fetchhive use {KEY}",
        f"%fetchhive {KEY}",
        f"%%fetchhive echo -v plain --metadata note={KEY}\ntext: hi",
        f"%%fetchhive echo -v plain --api-key {KEY}\ntext: hi",
    ],
)
def test_a_key_in_a_line_is_refused_and_not_repeated(shell: Shell, hive: LocalHive, cell: str) -> None:
    """It is in the cell and in the history: the person is told to make a new one. Nothing is called or changed."""
    before = settings.current()
    result, said = shell.run(cell)
    assert type(result.error_in_exec).__name__ == "UsageError"
    assert re.search(r"[^%]%fetchhive login\b", said)
    assert result.error_in_exec.__context__ is None  # argparse's own error repeats the text
    assert KEY not in said
    assert "another-shape" not in said
    assert settings.current() is before
    assert not hive.calls


def test_a_command_that_was_written_as_a_cell_is_told(shell: Shell, hive: LocalHive, work: Path) -> None:
    """It is no deployment whose variant is asked for; a key below ``%%fetchhive login`` is in the
    cell and is told so.
    """
    result, said = shell.run("%%fetchhive deployments\n{}")
    assert type(result.error_in_exec).__name__ == "UsageError"
    assert re.search("%fetchhive deployments", said)
    _, said = shell.run(f"%%fetchhive login\n{KEY}")
    assert re.search(r"[^%]%fetchhive login\b", said)
    assert KEY not in said
    fh.Deployment("history", variants=["plain"]).save()
    _, said = shell.run("%%fetchhive history --dry-run\ntext: x")
    assert "Dry run: 1 call" in said
    assert not hive.calls


def test_what_only_begins_like_a_key_is_left_alone(shell: Shell, hive: LocalHive) -> None:
    """The prefix by itself, and a placeholder, are no keys."""
    result, said = shell.run("%%fetchhive echo -v plain --metadata prefix=fhk_ --metadata like=fhk_...\ntext: hi")
    assert result.error_in_exec is None, said


# --- login and logout


def test_a_login_is_kept_in_the_keyring_of_the_service_in_use(
    shell: Shell,
    keyless: LocalHive,
    keyring: Held,
    typed: Callable[..., list[str]],
) -> None:
    """The next cell uses it, a new kernel finds it, nothing shows it, and the service was not called."""
    prompts = typed(f" {KEY} ")
    result, said = shell.run("%fetchhive login")
    assert result.error_in_exec is None, said
    place = origin(str(settings.current().base_url))
    (prompt,) = prompts
    assert place in prompt
    assert keyring.held == {("fh_notebook", place): KEY}
    assert tells(said, place, "(memory)")
    assert "fh.Client().check()" in said
    assert not keyless.calls
    result, more = shell.run("%%fetchhive echo -v plain\ntext: hi")
    assert result.result.output == "hi"
    assert shell.run("%fetchhive use")[1].count("*** from keyring") == 1
    assert KEY not in said + more + _everywhere(shell)
    settings.log_out(str(settings.current().base_url))  # what a new kernel knows
    assert resolution.find_key(base_url=str(settings.current().base_url))[1] == "keyring"


@pytest.mark.parametrize(("options", "why"), [("", r"(?!.*--here)\w"), ("--here", "--here")])
def test_a_login_says_when_it_is_for_this_kernel_only(
    shell: Shell,
    keyless: LocalHive,
    typed: Callable[..., list[str]],
    options: str,
    why: str,
) -> None:
    """Where the keyring keeps nothing, or as the person wishes; the session's client has the key all the same."""
    typed(KEY)
    _, said = shell.run(f"%fetchhive login {options}")
    assert re.search(rf"^The key for \S+ .*: {why}", said)
    assert session.client_for(None).check().status == "good"
    assert session.client_for(None).aclient.connection.key_source == "%fetchhive login"


def test_here_leaves_the_keyring_alone(
    shell: Shell,
    keyless: LocalHive,
    keyring: Held,
    typed: Callable[..., list[str]],
) -> None:
    """Also where there is one."""
    typed(KEY)
    shell.run("%fetchhive login --here")
    assert keyring.held == {}


def test_a_login_counts_before_what_was_there(
    shell: Shell,
    hive: LocalHive,
    typed: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Over configure() and the environment, in this kernel; logout gives the word back to the environment."""
    monkeypatch.setenv("FETCH_HIVE_API_KEY", "fhk_of_the_environment")
    fh.configure(api_key="fhk_of_configure")
    assert session.client_for(None).check().status == "bad"
    typed(KEY)
    shell.run("%fetchhive login")
    assert session.client_for(None).check().status == "good"
    _, said = shell.run("%fetchhive logout")
    first, still = said.strip().splitlines()
    assert re.search(r"\bFETCH_HIVE_API_KEY\b", still)
    assert "FETCH_HIVE_API_KEY" not in first
    assert first != shell.run("%fetchhive logout")[1].splitlines()[0], "there was a key, and there is none now"
    assert session.client_for(None).check().status == "bad"


NO_KEYS = {
    "": "nothing",
    "YOUR_API_KEY": "nothing",
    "fhk_...": "an example's",
    "fhk_xxxx": "an example's",
    "<your key>": "not of a key",
    "'fhk_0123456789'": "not of a key",
    "Bearer fhk_0123456789": "not of a key",
    "fhk_schlüssel0123": "not of a key",
}
"""What somebody may type, and what it is."""


def test_what_is_no_key_is_refused_and_changes_nothing(
    shell: Shell, keyless: LocalHive, typed: Callable[..., list[str]]
) -> None:
    """In one line, which does not repeat what was typed; nothing, a placeholder and a slip are told apart."""
    before = settings.current()
    told: dict[str, set[str]] = {}
    for given, what in NO_KEYS.items():
        typed(given)
        _, said = shell.run("%fetchhive login")
        assert said.startswith("SettingsError: ")
        assert said.strip().count("\n") == 0
        assert not given or given not in said
        assert settings.current() is before
        told.setdefault(what, set()).add(said)
    assert [len(said) for said in told.values()] == [1, 1, 1]
    assert len(set.union(*told.values())) == 3


def test_a_login_with_a_check_keeps_only_a_key_that_is_taken(
    shell: Shell,
    keyless: LocalHive,
    keyring: Held,
    typed: Callable[..., list[str]],
) -> None:
    """Refused: nothing is kept, and the key before it stays. Good: it says so."""
    typed(OTHER)
    _, said = shell.run("%fetchhive login --check")
    assert re.match(rf"AuthError: {re.escape(origin(str(settings.current().base_url)))} ", said)
    assert keyring.held == {}
    typed(KEY)
    _, said = shell.run("%fetchhive login --check")
    assert "good: " in said
    assert list(keyring.held.values()) == [KEY]


def test_a_login_needs_a_service_to_log_in_to(shell: Shell, typed: Callable[..., list[str]]) -> None:
    """The local hive in the kernel takes no key."""
    fh.configure(base_url="local")
    prompts = typed(KEY)
    _, said = shell.run("%fetchhive login")
    assert re.search(r"\bSettingsError", said)
    assert prompts == []


def test_an_interrupted_prompt_is_one_line(
    shell: Shell,
    keyless: LocalHive,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stop at the prompt: nothing was changed, and Run All stops."""

    def interrupt(prompt: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(getpass, "getpass", interrupt)
    result, said = shell.run("%fetchhive login")
    assert re.fullmatch(r"Stopped: .*\n*", said)
    assert isinstance(result.error_in_exec, KeyboardInterrupt)


def test_a_terminal_that_would_show_the_key_is_refused(
    shell: Shell, keyless: LocalHive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """getpass warns and goes on to show what is typed: here it stops before anything is read."""
    monkeypatch.setattr(getpass, "getpass", getpass.fallback_getpass)  # type: ignore[attr-defined]  # not in the stubs
    typed = io.StringIO(f"{KEY}\n")
    monkeypatch.setattr("sys.stdin", typed)
    _, said = shell.run("%fetchhive login")
    assert re.search(r"\bSettingsError", said)
    assert typed.tell() == 0


def test_a_logout_forgets_the_keyrings_key_too(
    shell: Shell,
    keyless: LocalHive,
    keyring: Held,
    typed: Callable[..., list[str]],
) -> None:
    """Of this service only; the session's client has no key any more; a second logout has nothing to do."""
    keyring.held["fh_notebook", "api.fetchhive.com"] = OTHER
    typed(KEY)
    shell.run("%fetchhive login")
    place = origin(str(settings.current().base_url))
    _, said = shell.run("%fetchhive logout")
    assert re.search(rf"keyring \({place}\)\.", said)
    assert keyring.held == {("fh_notebook", "api.fetchhive.com"): OTHER}
    assert session.client_for(None).check().status == "bad"
    assert f"No key for {place} " in shell.run("%fetchhive logout")[1]


def test_a_logout_is_about_the_service_in_use(
    shell: Shell, keyless: LocalHive, keyring: Held, typed: Callable[..., list[str]]
) -> None:
    """A login at another service stays, and that is said; from the local hive there is nothing to log out."""
    url, place = str(settings.current().base_url), origin(str(settings.current().base_url))
    typed(KEY)
    shell.run("%fetchhive login")
    shell.run("%fetchhive use live")
    _, said = shell.run("%fetchhive logout")
    assert re.search(rf"No key for api\.fetchhive\.com .*\n.* {place} .*%fetchhive use", said)
    shell.run("%fetchhive use local")
    _, said = shell.run("%fetchhive logout")
    assert re.search(rf"No key for the local .*\n.* {place} .*%fetchhive use", said)
    assert keyring.held == {("fh_notebook", place): KEY}
    shell.run(f"%fetchhive use {url}")
    assert session.client_for(None).check().status == "good"
    _, said = shell.run("%fetchhive logout")
    assert re.search(rf"keyring \({place}\)\.", said)
    assert "stays" not in said
    assert keyring.held == {}


def test_a_keyring_that_is_in_the_clear_is_not_used(keyring: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that everybody's backup has is no place for a key."""
    monkeypatch.setattr(Held, "name", "PlaintextKeyring")
    kept, why = credentials.store_in_keyring("x", Secret(KEY))
    assert not kept
    assert tells(why, "PlaintextKeyring")
    assert keyring.held == {}


# --- use


def test_use_says_what_is_in_use(shell: Shell, hive: LocalHive, work: Path) -> None:
    """Address, key by its source, workspace, store and catalogue; the key is nowhere."""
    (work / "fetchhive.yaml").write_text("deployments: {}\n")
    result, said = shell.run("%fetchhive use")
    assert result.error_in_exec is None, said
    facts = dict(result.result.facts)
    assert facts["calls go to"] == settings.current().base_url
    assert facts["key"] == "*** from configure()"
    assert facts["workspace"] == session.client_for(None).workspace
    assert facts["answers are saved in"] == str(resolution.store_path())
    assert facts["catalogue"] == "fetchhive.yaml"
    assert KEY not in said + result.result._repr_html_()


def test_use_names_the_way_to_the_catalogue_and_says_when_it_is_broken(
    shell: Shell, hive: LocalHive, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a folder below; the first problem with its line, and how many more there are."""
    (work / "fetchhive.yaml").write_text("deployments: [a]\n")
    (work / "deep").mkdir()
    monkeypatch.chdir(work / "deep")
    facts = dict(shell.run("%fetchhive use")[0].result.facts)
    assert re.search(r"\bfetchhive\.yaml.*\b1\b", facts["catalogue"])
    (work / "fetchhive.yaml").write_text("a: 1\nb: 2\nc: 3\n")
    assert tells(dict(shell.run("%fetchhive use")[0].result.facts)["catalogue"], "fetchhive.yaml", "2")


def test_use_sends_calls_elsewhere(shell: Shell, hive: LocalHive, work: Path) -> None:
    """The local hive, an address, the service itself; what cannot be an address changes nothing."""
    url = str(settings.current().base_url)
    result, _ = shell.run("%fetchhive use local")
    assert session.client_for(None).origin == "local"
    assert "http" not in dict(result.result.facts)["calls go to"]
    result, _ = shell.run(f"%fetchhive use {url}/")
    assert dict(result.result.facts)["calls go to"] == url
    result, _ = shell.run("%fetchhive use live")
    assert session.client_for(None).origin == "api.fetchhive.com"
    for word, told in (
        ("api.fetchhive.com", "https://api.fetchhive.com/v1"),
        ("127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("lcoal", "local?"),
        ("Live", "live?"),
        ("zebra", "https://"),
    ):
        _, said = shell.run(f"%fetchhive use {word}")
        assert said.startswith("SettingsError: ")
        assert f"'{word}'" in said
        assert re.search(rf"{re.escape(told)}(?!\S)", said) or told == "https://", said
        assert session.client_for(None).origin == "api.fetchhive.com"


def test_use_without_a_key_says_where_calls_go(shell: Shell, work: Path) -> None:
    """A newcomer's kernel: the local hive. Live without a key: nowhere, with the cure."""
    result, _ = shell.run("%fetchhive use")
    assert "no API key is set" in dict(result.result.facts)["calls go to"]
    assert dict(result.result.facts)["key"] == f"none: {credentials.LOGIN_HINT}"
    fh.configure(store=None)
    result, said = shell.run("%fetchhive use live")
    assert result.error_in_exec is None, said
    assert dict(result.result.facts)["workspace"].startswith("none: no API key is set for api.fetchhive.com")
    assert "fh.configure(" in dict(result.result.facts)["answers are saved in"]


# --- deployments and describe


CATALOGUE = """
deployments:
  support-triage-2:
    description: Sorts <b>tickets</b>.
    variants: [keywords, nearest]
    inputs:
      type: object
      properties:
        ticket: {type: string, format: textarea, description: What the **customer** wrote.}
        order: {type: string, pattern: '^A-[0-9]+$', description: Such as A-4000.}
        region: {type: string, pattern: '^[A-Z]+$'}
        tone: {enum: [calm, brief], default: calm}
      required: [ticket]
      additionalProperties: false
"""


def test_deployments_are_shown_as_a_table(shell: Shell, hive: LocalHive, work: Path) -> None:
    """The value is the mapping, and shows itself."""
    (work / "fetchhive.yaml").write_text(CATALOGUE)
    result, said = shell.run("%fetchhive deployments")
    assert result.error_in_exec is None, said
    assert list(result.result) == ["support-triage-2"]
    assert "keywords, nearest" in said


def test_describe_shows_variants_and_start_variables(shell: Shell, hive: LocalHive, work: Path) -> None:
    """With where it is from, and a cell to copy that names them all; text of others is escaped.

    Without its Markdown, and with a regular expression only where no words say the same.
    """
    (work / "fetchhive.yaml").write_text(CATALOGUE)
    result, said = shell.run("%fetchhive describe support-triage-2")
    assert result.error_in_exec is None, said
    assert re.search(r"fetchhive\.yaml, \w+ 3\b", said)
    assert "ariants: keywords, nearest" in said
    for words in ("ticket", "text of several lines", "What the customer wrote.", "one of: calm, brief"):
        assert words in said
    assert re.search(r"%%fetchhive support-triage-2\b", said)
    assert "<b>" not in result.result._repr_html_()
    assert "^[A-Z]+$" in said
    assert "^A-" not in said
    _, said = shell.run("%fetchhive describe suport-triage-2")
    assert re.search(r"^UnknownDeployment: .* 'support-triage-2'\?", said)
    assert said.strip().count("\n") == 0


# --- snippet


def _snippet(key: str = "YOUR_API_KEY", variant: str = "live", **inputs: Any) -> str:
    body = json.dumps(
        {"deployment": "brief", "variant": variant, "inputs": inputs or {"topic": "AI", "words": 100}}, indent=2
    )
    return (
        "curl 'https://api.fetchhive.com/v1/workflow/invoke' \\\n  -X POST \\\n"
        f"  -H 'Authorization: Bearer {key}' \\\n  -H 'Content-Type: application/json' \\\n  --data-raw '{body}'\n"
    )


def test_a_cell_with_a_snippet_is_saved_and_not_called(shell: Shell, hive: LocalHive, work: Path) -> None:
    """Where, what was guessed, and no call; the next cell finds it."""
    result, said = shell.run("%%fetchhive snippet\n" + _snippet())
    assert result.error_in_exec is None, said
    assert not hive.calls
    assert re.search(r"\bfetchhive\.yaml", said)
    assert re.search(r"topic \([^)]*\), words \(", said)
    assert isinstance(result.result, fh.Deployment)
    assert fh.deployments()["brief"].variants == ("live",)
    assert "key" not in said.replace("Guessed", "")


@pytest.mark.parametrize("by", ["cell", "variable", "prompt"])
def test_a_key_in_a_snippet_is_dropped_and_said(
    shell: Shell,
    hive: LocalHive,
    work: Path,
    typed: Callable[..., list[str]],
    by: str,
) -> None:
    """It is in no file and in no output; where it still is, the person is told."""
    text = _snippet(key=OTHER)
    if by == "cell":
        _, said = shell.run("%%fetchhive snippet\n" + text)
        assert re.search(r"^[^\n]*\bkey\b[^\n]*\bcell\b", said, re.MULTILINE)
    elif by == "variable":
        shell.shell.user_ns["pasted"] = text
        _, said = shell.run("%fetchhive snippet pasted")
        assert re.search(r"^[^\n]*\bkey\b[^\n]*\bpasted\b", said, re.MULTILINE)
    else:
        typed(*text.splitlines())
        _, said = shell.run("%fetchhive snippet")
        assert OTHER not in _everywhere(shell)
    told = [line for line in said.splitlines() if re.search(r"\bkey\b", line)]
    assert len(told) == 1, "that it is dropped"
    assert "Saved brief" in said
    assert OTHER not in said
    assert OTHER not in "".join(p.read_text() for p in work.rglob("*") if p.is_file())


def test_a_second_snippet_adds_what_is_new_and_keeps_what_was_declared(
    shell: Shell, hive: LocalHive, work: Path
) -> None:
    """A new variable need not be given, a known one keeps its kind, another name is refused as before; all is said."""
    declared = fh.Deployment("brief", variants=["live"], inputs={"topic": fh.text(description="What of.")})
    declared.save()
    result, said = shell.run("%%fetchhive snippet\n" + _snippet(variant="draft", topic=3, vip=True, odd=None))
    assert result.error_in_exec is None, said
    known = fh.deployments()["brief"]
    assert known.variants == ("live", "draft")
    assert known.inputs["properties"] == {**declared.inputs["properties"], "vip": {"type": "boolean"}, "odd": {}}
    assert known.inputs["required"] == ["topic"]
    assert known.problems({"topic": "AI", "vip": True}) == []
    (problem,) = known.problems({"topic": "AI", "wip": True})
    assert re.match("wip: .*'vip'", str(problem))
    assert " draft " in said
    assert all(re.search(rf"^{name} \S", said, re.MULTILINE) for name in ("vip", "odd", "topic")), said
    assert "Replaced" not in said
    _, said = shell.run("%%fetchhive snippet\n" + _snippet(variant="draft", topic="AI"))
    assert not re.search(r"^(vip|odd|topic) \S", said, re.MULTILINE)


def test_a_snippet_is_saved_as_a_person_would_write_it(shell: Shell, hive: LocalHive, work: Path) -> None:
    """In the short form, which is there to be corrected; others are taken still."""
    shell.run("%%fetchhive snippet\n" + _snippet())
    text = (work / "fetchhive.yaml").read_text()
    assert "      topic: {type: string, required: false}\n" in text
    assert text.endswith("    open: true\n")
    assert fh.deployments()["brief"].problems({"topic": "AI", "another": 3}) == []


def test_what_comes_through_a_pipe_is_no_snippet(
    shell: Shell, hive: LocalHive, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the rest of a script: nobody can be asked, as for a login, and not a line of it is read."""
    piped = io.StringIO(_snippet())
    monkeypatch.setattr(sys, "stdin", piped)
    _, said = shell.run("%fetchhive snippet")
    assert re.search(r"\bSettingsError", said)
    assert "%%fetchhive snippet" in said
    assert piped.tell() == 0
    assert not (work / "fetchhive.yaml").exists()


def test_a_snippet_whose_line_breaks_were_lost_is_read(
    shell: Shell,
    hive: LocalHive,
    work: Path,
    typed: Callable[..., list[str]],
) -> None:
    """A browser's box of one line drops them: a backslash before blanks is the end of a line; one in a text is not."""
    text = _snippet(topic="back\\slash \\ and 'quotes'".replace("'", "")).replace("\n", "")
    prompts = typed(text)
    _, said = shell.run("%fetchhive snippet")
    assert "Saved brief" in said, said
    assert len(prompts) == 1


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("%%fetchhive snippet\nticket: late", r"\bSnippetError"),
        ("%fetchhive snippet pastd", r"\bInputError.*'pastd'"),
        ("%fetchhive snippet number", r"\bInputError: .*\bnumber is an int\b"),
        ("%fetchhive snippet pasted", r"\bSnippetError"),
    ],
)
def test_what_is_no_snippet_is_told(shell: Shell, hive: LocalHive, work: Path, cell: str, told: str) -> None:
    """In one line, and nothing is saved or called."""
    shell.run("pasted = 'some text'; number = 3")
    _, said = shell.run(cell)
    assert re.search(told, said)
    assert not (work / "fetchhive.yaml").exists()
    assert not hive.calls


def test_a_deployment_called_snippet_can_still_be_called(shell: Shell, hive: LocalHive) -> None:
    """With a variant and inputs, it is a call as any other."""

    @hive.workflow("snippet", variant="plain")
    def plain(text: str) -> str:
        return text

    result, said = shell.run("%%fetchhive snippet -v plain\ntext: hi")
    assert result.error_in_exec is None, said
    assert result.result.output == "hi"


# --- history and last


def test_history_is_the_table(shell: Shell, hive: LocalHive) -> None:
    """Of all, of one deployment, of so many lines; the value is the frame."""
    for i in range(3):
        shell.run(f"%%fetchhive echo -v plain\ntext: t{i}")
    result, _ = shell.run("%fetchhive history")
    assert isinstance(result.result, pd.DataFrame)
    assert result.result["output"].tolist() == ["t2", "t1", "t0"]
    assert len(shell.run("%fetchhive history echo -n 2")[0].result) == 2
    assert len(shell.run("%fetchhive history -n 2")[0].result) == 2


def test_history_of_nothing_is_a_line_and_no_empty_table(shell: Shell, hive: LocalHive) -> None:
    """A number alone was meant as -n."""
    result, said = shell.run("%fetchhive history")
    assert result.result is None
    assert len(said.strip().splitlines()) == 1
    shell.run("%%fetchhive echo -v plain\ntext: t")
    result, said = shell.run("%fetchhive history ecko")
    assert result.result is None
    assert re.fullmatch(r".* 'ecko'; .* 'echo'\?\n*", said)
    result, said = shell.run("%fetchhive history 2")
    assert result.result is None
    assert re.search("'2'", said)
    assert "%fetchhive history -n 2" in said
    assert "DataFrame" not in said


def test_last_gives_the_newest_result_again(shell: Shell, hive: LocalHive) -> None:
    """A single run, then a batch, then a run: each is the value of the line and `_`."""
    shell.run("%%fetchhive echo -v plain\ntext: one")
    result, _ = shell.run("%fetchhive last")
    assert result.result.output == "one"
    assert shell.shell.user_ns["_"] is result.result
    batch = fh.batch([{"text": "many"}], "echo", variants="plain", inputs={"times": fh.const(1)}, progress=False)
    result, _ = shell.run("%fetchhive last")
    assert isinstance(result.result, Batch)
    assert result.result is batch
    shell.run("%%fetchhive echo -v plain\ntext: two")
    assert shell.run("%fetchhive last")[0].result.output == "two"


# --- secrets


@pytest.mark.parametrize("way", ["the keyring breaks", "the service refuses", "the key is broken"])
def test_no_frame_of_a_login_shows_the_key(
    shell: Shell,
    keyless: LocalHive,
    keyring: Held,
    typed: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    way: str,
) -> None:
    """IPython's %xmode Verbose prints the variables of every frame, and full tracebacks show all of ours."""

    def set_password(self: Held, service: str, username: str, password: str) -> None:
        raise RuntimeError(f"cannot keep {password}")

    monkeypatch.setattr(Held, "set_password", set_password)
    fh.configure(tracebacks="full")
    shell.run("%xmode Verbose")
    given = {"the keyring breaks": KEY, "the service refuses": OTHER, "the key is broken": f"{KEY} and more"}[way]
    typed(given)
    with caplog.at_level("DEBUG"):
        result, said = shell.run(f"%fetchhive login {'--check' if way == 'the service refuses' else ''}")
    assert (result.error_in_exec is None) == (way == "the keyring breaks")
    if way == "the keyring breaks":
        assert re.search(r"\bRuntimeError", said)
    else:
        assert "Traceback" in said
    assert given not in said + caplog.text + _everywhere(shell)
    assert KEY not in said + caplog.text


@pytest.mark.parametrize("by", ["cell", "variable", "prompt"])
@pytest.mark.parametrize("trouble", ["broken snippet", "defect"])
def test_no_frame_of_a_snippet_shows_its_key(
    shell: Shell,
    hive: LocalHive,
    work: Path,
    typed: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
    by: str,
    trouble: str,
) -> None:
    """Neither the cell's own source nor a variable of a frame, with full tracebacks in %xmode Verbose."""

    def replace(*names: object) -> None:
        raise RuntimeError("a defect")

    fh.configure(tracebacks="full")
    shell.run("%xmode Verbose")
    text = _snippet(key=OTHER)
    if trouble == "defect":
        monkeypatch.setattr("os.fsync", replace)
    else:
        text = text.replace("/workflow/invoke", "/agent/invoke")
    if by == "variable":
        shell.shell.user_ns["pasted"] = text
    typed(*text.splitlines())
    line = {"cell": "%%fetchhive snippet\n" + text, "variable": "%fetchhive snippet pasted"}.get(
        by, "%fetchhive snippet"
    )
    result, said = shell.run(line)
    assert result.error_in_exec is not None
    assert "Traceback" in said
    assert ("RuntimeError: a defect" if trouble == "defect" else "SnippetError: ") in said
    assert OTHER not in said
