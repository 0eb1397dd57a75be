"""``%%fetchhive`` in a real IPython shell, against the local hive."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import fh_notebook as fh
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.core.config import settings
from fh_notebook.local import LocalHive
from fh_notebook.notebook.magics.cell_magic import LiveAnswers, send_all
from fh_notebook.session import session
from tests.ipython_shell import open_shell
from tests.notebook.cell.test_request import SEED
from tests.told import tells

KEY = "fhk_0123456789abcdef"


@pytest.fixture
def hive(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHive]:
    """A hive on a socket with the seed's workflow and two that differ, as the session's service."""
    hive = LocalHive(api_key=KEY)

    @hive.workflow("YOUR_DEPLOYMENT_NAME", variant="YOUR_VARIANT_NAME")
    def seed(topic: str) -> str:
        return f"{topic}: all is well."

    @hive.workflow("echo", variant="plain")
    def plain(text: str, times: int = 1) -> str:
        return text * times

    @hive.workflow("echo", variant="loud")
    def loud(text: str, times: int = 1) -> dict[str, Any]:
        return {"said": text.upper() * times}

    @hive.workflow("echo", variant="broken")
    def broken(text: str, times: int = 1) -> str:
        raise RuntimeError(f"cannot say {text!r}")

    with hive.serve() as server:
        fh.configure(base_url=server.url, api_key=KEY)
        monkeypatch.setenv("HIVE_URL", server.url)
        yield hive


class Shell:
    """A fresh interactive shell in which cells are run and read."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell

    def run(self, cell: str) -> tuple[Any, str]:
        """Run a cell; return its result object and everything that it showed."""
        with capture_output() as captured:
            result = self.shell.run_cell(cell, store_history=True)
        shown = [str(o.data.get("text/plain", "")) for o in captured.outputs]
        return result, captured.stdout + captured.stderr + "\n".join(shown)


@pytest.fixture
def shell() -> Iterator[Shell]:
    """A real shell with the extension loaded."""
    with open_shell() as instance:
        instance.colors = "nocolor"
        made = Shell(instance)
        _, said = made.run("%load_ext fh_notebook")
        assert said == ""
        yield made


def test_a_cell_runs_a_variant_and_gives_the_run(shell: Shell, hive: LocalHive) -> None:
    """The result is the cell's value, `_`, and the variable that --out names."""
    result, said = shell.run("%%fetchhive echo -v plain --out answer\ntext: hi\ntimes: 2")
    assert result.error_in_exec is None, said
    assert isinstance(result.result, fh.Run)
    assert (result.result.status, result.result.output) == ("completed", "hihi")
    assert shell.shell.user_ns["answer"] is result.result
    assert shell.shell.user_ns["_"] is result.result


def test_a_variable_may_have_its_deployments_name(shell: Shell, hive: LocalHive) -> None:
    """There is nothing else to write: the service, of whose deployments none is known yet, is asked."""
    shell.run("import fh_notebook as fh\necho = fh.Deployment('echo')")
    result, said = shell.run("%%fetchhive echo -v plain\ntext: hi")
    assert result.error_in_exec is None, said
    assert result.result.output == "hi"


def test_several_variants_are_shown_side_by_side_and_give_a_frame(shell: Shell, hive: LocalHive) -> None:
    """Each variant is called once, in order; the frame has one row a variant; `_` is the frame."""
    result, said = shell.run("%%fetchhive echo -v plain -v loud -v broken --out runs\ntext: hi")
    assert result.error_in_exec is None, said
    frame = shell.shell.user_ns["runs"]
    assert isinstance(frame, pd.DataFrame)
    assert list(frame["variant"]) == ["plain", "loud", "broken"]
    assert list(frame["status"]) == ["completed", "completed", "failed"]
    assert shell.shell.user_ns["_"] is frame
    assert "echo/plain: completed" in said
    assert "runs (a DataFrame)" in said.splitlines()[0]
    assert '"said": "HI"' in said
    assert "cannot say 'hi'" in said
    assert len(hive.calls) == 3


def test_the_seeds_two_requests_work_pasted_as_they_stand(shell: Shell, hive: LocalHive) -> None:
    """The sync one completes; the async one returns at once; both go to the configured service and not to the host in
    the text.
    """
    sync = re.sub(r'    "async": \{.*?\},\n', "", SEED, flags=re.DOTALL)
    result, said = shell.run("%%fetchhive\n" + sync)
    assert result.error_in_exec is None, said
    assert result.result.output == "State of enterprise AI in 2026: all is well."
    result, said = shell.run("%%fetchhive\n" + SEED)
    assert result.error_in_exec is None, said
    assert result.result.status in ("running", "queued")
    assert result.result.webhook_secret is not None
    assert result.result.webhook_secret.reveal() not in said + repr(result.result) + result.result._repr_html_()


def test_a_dry_run_shows_the_calls_and_makes_none(shell: Shell, hive: LocalHive) -> None:
    """The number of calls and each exact request, the key masked."""
    result, said = shell.run("%%fetchhive echo -v plain -v loud --dry-run\ntext: hi")
    assert result.error_in_exec is None
    assert "2 calls" in said
    bodies = [json.loads(b) for b in re.findall(r"^\{.*?^\}", said, flags=re.DOTALL | re.MULTILINE)]
    assert bodies[1] == {"deployment": "echo", "variant": "loud", "inputs": {"text": "hi"}}
    assert "Bearer ***" in said
    assert KEY not in said
    assert len(hive.calls) == 0


def test_a_file_in_a_cell_is_uploaded_and_its_address_is_sent(
    shell: Shell, hive: LocalHive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for all variants, also within a text; a dry run uploads nothing, and names the file."""
    monkeypatch.chdir(tmp_path)
    content = f"%PDF-1.7 of a cell in {tmp_path}".encode()
    Path("x.pdf").write_bytes(content)
    fh.configure(workspace_id=hive.workspace_id)
    shell.run("import fh_notebook as fh")
    cell = "%%fetchhive echo -v plain -v loud --out runs{}\ntext: 'Read {{{{ fh.file(\"x.pdf\") }}}}'"
    result, said = shell.run(cell.format(" --dry-run"))
    assert result.error_in_exec is None, said
    assert ("2 calls" in said, "Read <address of x.pdf>" in said, hive._service.assets.list(hive.workspace_id)) == (
        True,
        True,
        [],
    )
    result, said = shell.run(cell.format(""))
    assert result.error_in_exec is None, said
    (asset,) = hive._service.assets.list(hive.workspace_id)
    assert (asset["file_name"], asset["file_size"]) == ("x.pdf", len(content))
    outputs = list(shell.shell.user_ns["runs"]["output"])
    read, _, address = outputs[0].partition(" ")
    assert (read, outputs[1]) == ("Read", {"said": outputs[0].upper()})
    assert httpx.get(address, trust_env=False).content == content
    result, said = shell.run("%%fetchhive echo -v plain\ntext: \"{{ fh.file('x.pdf') }}\"")
    assert (result.result.output, len(hive._service.assets.list(hive.workspace_id))) == (address, 1)


def test_each_row_of_a_cell_has_the_file_of_its_column(
    shell: Shell, hive: LocalHive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also within a text; a column that is not there is told, and without rows what to do."""
    monkeypatch.chdir(tmp_path)
    contents = [f"letter {number} in {tmp_path}".encode() for number in (1, 2)]
    for number, content in enumerate(contents, 1):
        Path(f"{number}.txt").write_bytes(content)
    fh.configure(workspace_id=hive.workspace_id)
    shell.run("import fh_notebook as fh, pandas as pd; rows = pd.DataFrame({'path': ['1.txt', '2.txt']})")
    for before in ("", "Read "):
        body = f"text: \"{before}{{{{ fh.file(column='path') }}}}\""
        result, said = shell.run(f"%%fetchhive echo -v plain --over rows --out answers\n{body}")
        assert result.error_in_exec is None, said
        outputs = list(shell.shell.user_ns["answers"]["output"])
        assert [output.startswith(f"{before}http") for output in outputs] == [True, True]
        assert [httpx.get(o.removeprefix(before), trust_env=False).content for o in outputs] == contents
    assert len(hive._service.assets.list(hive.workspace_id)) == 2
    _, said = shell.run("%%fetchhive echo -v plain --over rows\ntext: \"{{ fh.file(column='paht') }}\"")
    assert "'paht'; " in said
    _, said = shell.run(f"%%fetchhive echo -v plain\n{body}".replace("Read ", ""))
    assert re.search(r"--over.*\bfh\.file\(path\)", said)


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("%%fetchhive echo -v plain\n- a list", "InputError: echo: .*`name: value`"),
        ("%%fetchhive\ntext: hi", "InputError: .*%%fetchhive NAME -v VARIANT"),
        ("%%fetchhive echo\ntext: hi", "InputError: echo: .* -v NAME"),
        (
            "%%fetchhive echo -v plain --out 3x\ntext: hi",
            "UsageError: %%fetchhive: argument --out: '3x' ",
        ),
        ("%%fetchhive echo -v plain --colour\ntext: hi", "UsageError: %%fetchhive: .* --colour\\b"),
        ("%%fetchhive echo -v 'plain\ntext: hi", "UsageError: %%fetchhive: .*No closing quotation"),
        ("%%fetchhive echo -v plain\nt: a: b", "InputError: echo: .*\\b1 of the"),
        ('%%fetchhive\ncurl https://api.fetchhive.com/v1/agent/invoke -d \'{"agent": "a"}\'', "SnippetError: "),
    ],
)
def test_a_wrong_cell_is_one_line_and_no_call(shell: Shell, hive: LocalHive, cell: str, told: str) -> None:
    """Misuse is an error of the cell (Run All stops), and what a person sees is one line with the cure."""
    result, said = shell.run(cell)
    assert result.error_in_exec is not None
    assert re.match(told, said.strip())
    assert len(said.strip().splitlines()) == 1, said
    assert len(hive.calls) == 0


def test_a_failed_run_is_a_value_and_not_an_error(shell: Shell, hive: LocalHive) -> None:
    """The cell succeeds; the run says what went wrong."""
    result, _ = shell.run("%%fetchhive echo -v broken\ntext: hi")
    assert result.error_in_exec is None
    assert (result.result.status, result.result.ok) == ("failed", False)
    result, _ = shell.run("%%fetchhive echo -v nobody\ntext: hi")
    assert (result.result.status, result.result.error_code) == ("failed", "not_found")


@pytest.mark.parametrize("xmode", ["Minimal", "Plain", "Context", "Verbose"])
def test_a_refused_key_is_one_line_that_does_not_show_it(shell: Shell, hive: LocalHive, xmode: str) -> None:
    """In every mode of tracebacks, also the one that prints variables."""
    wrong = "fhk_wrong_" + "w" * 20
    fh.configure(api_key=wrong)
    shell.run(f"%xmode {xmode}")
    result, said = shell.run("%%fetchhive echo -v plain\ntext: hi")
    assert isinstance(result.error_in_exec, fh.AuthError)
    assert said.startswith("AuthError: ")
    assert len(said.strip().splitlines()) == 1, said
    assert wrong not in said


@pytest.mark.parametrize(
    "call",
    [
        "fh.Client().invoke('echo', variant='plain', inputs={'text': 'hi'})",
        "fh.Client(api_key=ask(), base_url='ftp://x')",
        "fh.AsyncClient(api_key=ask(), timeout='soon')",
        "fh.configure(api_key=ask(), timeout=0)",
        "fh.configure(api_key=ask(), store=3)",
        "fh.Client(api_key=ask(), max_concurrency=0)",
    ],
)
def test_full_tracebacks_do_not_show_the_key_either(
    shell: Shell, hive: LocalHive, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks for frames and their variables gets them, with `***` where the key is."""
    wrong = "key-of-no-known-shape-" + "w" * 20
    monkeypatch.setenv("FETCH_HIVE_API_KEY", wrong)
    settings.reset()
    fh.configure(tracebacks="full", base_url=os.environ["HIVE_URL"])
    shell.run("%xmode Verbose")
    shell.run("import os, fh_notebook as fh\ndef ask(): return os.environ['FETCH_HIVE_API_KEY']")
    _, said = shell.run(call)
    assert "Error" in said
    assert re.search(r"^ +(self|api_key|changed|value|address) = |api_key=\*\*\*", said, re.MULTILINE), (
        said
    )  # variables show
    assert len(said.splitlines()) > 10
    assert wrong not in said


def test_a_key_in_a_pasted_snippet_is_dropped_and_told(shell: Shell, hive: LocalHive) -> None:
    """The call goes with the configured key; the other one is neither used nor shown nor kept."""
    real = "fhk_pasted_0123456789"
    result, said = shell.run("%%fetchhive\n" + SEED.replace("YOUR_API_KEY", real))
    assert result.error_in_exec is None
    assert tells(said, "%fetchhive login")
    assert real not in said
    session.reset()  # the store's file is whole once it is closed
    store = os.environ["FH_NOTEBOOK_STORE"]
    kept = b"".join(Path(store + end).read_bytes() for end in ("", "-wal") if Path(store + end).exists())
    assert kept
    assert real.encode() not in kept
    assert KEY.encode() not in kept


def test_braces_and_dollars_in_the_body_are_left_alone(shell: Shell, hive: LocalHive) -> None:
    """The body is the user's text: nothing of it is expanded, nor of the line."""
    shell.run("x = 'expanded'")
    result, said = shell.run("%%fetchhive echo -v plain\ntext: '{x} $x %x {{nor this}} {{}}'")
    assert result.error_in_exec is None, said
    assert result.result.output == "{x} $x %x {{nor this}} {{}}"


@pytest.mark.parametrize(
    "cell", ["%%fetchhive --help\ntext: hi", "%fetchhive help cell", "%fetchhive help %%fetchhive"]
)
def test_help_is_help(shell: Shell, hive: LocalHive, cell: str) -> None:
    """It prints the options of a cell with an example, also without a cell, and calls nothing."""
    result, said = shell.run(cell)
    assert result.error_in_exec is None
    assert "--dry-run" in said
    assert "%%fetchhive support-triage" in said
    assert len(hive.calls) == 0


@pytest.mark.parametrize(
    "cell", ["%%fetchhive echo -v plain --colour\ntext: hi", "%%fetchhive --show x\na", "%fetchhive"]
)
def test_every_help_that_is_named_is_one_that_can_be_had(shell: Shell, cell: str) -> None:
    """Alone in a cell, as a person types it: IPython refuses ``%%fetchhive --help`` without a body."""
    _, said = shell.run(cell)
    named = set(re.findall(r"%{1,2}fetchhive (?:help \w+|[\w ]*--help)", said)) - {"%fetchhive help COMMAND"}
    assert "%fetchhive help cell" in named
    for line in named:
        result, help_text = shell.run(line)
        assert result.error_in_exec is None, help_text
        assert "--dry-run" in help_text or line != "%fetchhive help cell"
    assert "body is empty" in shell.run("%%fetchhive --help")[1]  # so it is never the help to name


def test_without_a_key_a_cell_goes_to_the_local_hive_and_says_so(shell: Shell) -> None:
    """A newcomer's first cell works offline; one line says that this is not Fetch Hive, once."""
    fh.configure(store=None)
    cell = "%%fetchhive support-triage -v keywords\nticket: I was charged twice for one order."
    result, said = shell.run(cell)
    assert result.error_in_exec is None, said
    assert result.result.origin == "local"
    assert tells(said, "Fetch Hive", "FETCH_HIVE_API_KEY")
    _, said = shell.run(cell)
    assert "Fetch Hive" not in said
    result, said = shell.run("%%fetchhive support-triage -v keywords\ntickt: x")
    assert "ticket" in said
    assert said.startswith("InputError: support-triage: 2 problems")


def test_a_broken_store_does_not_cost_the_answer(shell: Shell, hive: LocalHive, tmp_path) -> None:
    """The answer is paid for: it is shown, and the store's trouble is told in a line."""
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(b"not a database" * 100)
    fh.configure(store=broken)
    result, said = shell.run("%%fetchhive echo -v plain\ntext: hi")
    assert result.error_in_exec is None
    assert result.result.output == "hi"
    assert tells(said, "broken.sqlite3")
    assert broken.read_bytes() == b"not a database" * 100


UNREADABLE = (
    "curl 'https://api.fetchhive.com/v1/workflow/invoke' -H 'Authorization: Token qwertzuiopasdfgh --data-raw '{"
)


KINDS = ("[ask()]", "ask().encode()", "{'key': ask()}")


@pytest.mark.parametrize(
    ("call", "kinds"),
    [
        ("fh.Client(api_key={})", KINDS),
        ("fh.AsyncClient(api_key={}, base_url='https://x.example/v1')", KINDS),
        ("fh.configure(api_key={})", KINDS),
        ("fh.local.LocalHive(api_key={})", KINDS),
        ("fh.local.demo_hive().configure(api_key={})", KINDS),
        ("fh.local.demo_hive().client().trigger('e', 'v', secret={})", KINDS),
        ("fh.local.demo_hive().webhook('support-triage', 'keywords', secret={})", KINDS),
        ("fh.local.demo_hive().rotate_webhook_secret('support-triage', {})", KINDS),
        ("fh.CallbackReceiver(secrets=[{}])", KINDS),
        ("fh.Secret({})", KINDS),
        ("fh.Deployment.from_snippet({})", ("unreadable()", "[unreadable()]")),
        ("fh.form({})", ("unreadable()",)),
    ],
)
def test_no_frame_shows_a_key_of_a_wrong_kind_or_a_snippet_that_cannot_be_read(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, call: str, kinds: tuple[str, ...]
) -> None:
    """Full tracebacks in %xmode Verbose have the variables of each of our frames: bytes, lists and dicts are masked
    too.
    """
    key = "qwertzuiopasdfgh"
    monkeypatch.setenv("THE_KEY", key)
    monkeypatch.setenv("THE_TEXT", UNREADABLE)
    shell.run("import os, fh_notebook as fh\ndef ask(): return os.environ['THE_KEY']")
    shell.run("def unreadable(): return os.environ['THE_TEXT']")
    fh.configure(tracebacks="full")
    shell.run("%xmode Verbose")
    for kind in kinds:
        result, said = shell.run(call.format(kind))
        assert isinstance(result.error_in_exec, fh.InputError | fh.SettingsError | TypeError), said
        assert "Traceback" in said
        assert key not in said
        assert key not in str(result.error_in_exec)


@pytest.mark.parametrize("line", ["%%fetchhive", "%%fetchhive echo -v plain", "%%fetchhive snippet"])
def test_no_frame_of_a_cell_shows_a_snippet_that_cannot_be_read(shell: Shell, hive: LocalHive, line: str) -> None:
    """Nobody knows where the key is in it: so neither the cell nor a variable is in the traceback."""
    fh.configure(tracebacks="full")
    shell.run("%xmode Verbose")
    result, said = shell.run(f"{line}\n{UNREADABLE}")
    assert result.error_in_exec is not None
    assert re.search(r"\bSnippetError", said)
    assert "qwertzuiop" not in said


@pytest.mark.parametrize(
    "rows", ["import polars as pl\nrows = pl.DataFrame({'text': ['a', 'b']})", "rows = {'text': ['a', 'b']}"]
)
def test_over_takes_rows_as_a_batch_does(shell: Shell, hive: LocalHive, rows: str) -> None:
    """A table of another library, a dict of columns."""
    shell.run(rows)
    result, said = shell.run('%%fetchhive echo -v plain --over rows --out answers\ntext: "{{ row.text }}"')
    assert result.error_in_exec is None, said
    assert shell.shell.user_ns["answers"]["output"].tolist() == ["a", "b"]
    assert "answers (a DataFrame)" in said


@pytest.mark.parametrize("is_app", [False, True])
def test_visitors_of_an_app_read_no_code_below_a_scored_cell(
    shell: Shell, hive: LocalHive, monkeypatch: pytest.MonkeyPatch, is_app: bool
) -> None:
    """In Voila nobody can call a function; elsewhere the comparison says how failed runs are counted."""
    if is_app:
        monkeypatch.setenv("VOILA_PREHEAT", "False")
    shell.run("rows = [{'text': 'a', 'expected_output': 'a'}]")
    cell = '%%fetchhive echo -v plain -v broken --over rows --score exact:expected_output\ntext: "{{ row.text }}"'
    _, said = shell.run(cell)
    assert len(re.findall(r"\b1 failed\b", said)) == 2  # in the line of the batch, and below the scores
    assert ("fh.compare" in said) == (not is_app)


def test_a_call_that_is_refused_is_failed_in_its_place_and_not_cancelled() -> None:
    """Nobody cancelled it, and it has not run; the error is raised below the answers."""

    def answer(request: httpx.Request) -> httpx.Response:
        if json.loads(request.content)["variant"] == "a":
            return httpx.Response(200, json={"run_status": "completed", "output": "hi"})
        return httpx.Response(401, json={"error": "Invalid API key"})

    requests = [InvokeRequest(deployment="echo", variant=name, inputs={"text": "a"}) for name in "abc"]
    with fh.Client(api_key=KEY, base_url="https://api.test/v1", transport=httpx.MockTransport(answer)) as client:
        result = send_all(client, requests)
    assert [call.status for call in result.live._submit.calls] == ["completed", "failed", "failed"]
    assert tells(result.live.line(), "1 of 3 completed", "2 failed")
    assert isinstance(result.error, fh.AuthError)
    assert [run.variant for run in result.runs] == ["a"]


def test_the_widgets_of_a_running_cell_go_on_with_the_time_of_its_calls() -> None:
    """They come a second after the calls began: a column that began anew would contradict the line above it."""
    request = InvokeRequest(deployment="echo", variant="plain", inputs={"text": "a"})
    live = LiveAnswers([request, replace(request, variant="loud")])
    live.started(0)
    live._began -= 61
    shown = live._state()
    assert str(shown).startswith("Running 61 s: 0 of 2 completed")
    assert "echo/plain: running, 61 s" in str(shown)
    live.make(lambda work: lambda _: None)
    assert "Running 61 s" in live._results.widget.children[1].value
    heads = [column.children[0].value for column in live._results.widget.children[2].children]
    assert ["61 s" in head for head in heads] == [True, False]
    live.end()
