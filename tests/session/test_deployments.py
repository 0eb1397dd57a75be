"""The catalogue through the public API: `fh.deployments()`, names in calls, batches and cells, and what is refused."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import fh_notebook as fh
from fh_notebook.local import LocalHive
from fh_notebook.session import session
from tests.core.config.test_credentials import held_keyring
from tests.ipython_shell import open_shell

KEY = "fhk_0123456789abcdef"
CATALOGUE = """\
version: 1
deployments:
  support-triage:
    variants: [keywords, nearest]
    inputs:
      ticket: {type: string, maxLength: 40}
      tone: {enum: [calm, brief], default: calm}
  only-here: {variants: one}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a catalogue."""
    here = tmp_path / "project"
    here.mkdir()
    (here / "fetchhive.yaml").write_text(CATALOGUE)
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def hive() -> Iterator[LocalHive]:
    """A service on a socket, which says nothing of its deployments; the session's own."""
    hive = LocalHive(api_key=KEY)
    for variant in ("keywords", "nearest"):

        @hive.workflow("support-triage", variant=variant)
        def triage(ticket: str, tone: str = "none", **more: Any) -> str:
            return f"{ticket}|{tone}"

    with hive.serve() as server:
        fh.configure(base_url=server.url, api_key=KEY)
        yield hive


@pytest.fixture
def client(hive: LocalHive) -> Iterator[fh.Client]:
    """A client of the service on the socket."""
    with fh.Client() as client:
        yield client


@pytest.fixture
def cell() -> Iterator[Callable[[str], tuple[Any, str]]]:
    """Runs a cell in a real shell with the extension loaded; gives its result and what it showed."""
    with open_shell() as shell:
        shell.colors = "nocolor"

        def run(text: str) -> tuple[Any, str]:
            with capture_output() as captured:
                result = shell.run_cell(text, store_history=True)
            shown = [str(o.data.get("text/plain", "")) for o in captured.outputs]
            return result.result, captured.stdout + captured.stderr + "\n".join(shown)

        run("%load_ext fh_notebook")
        yield run


def test_a_call_by_name_is_checked_and_completed_by_the_catalogue(
    folder: Path, hive: LocalHive, client: fh.Client
) -> None:
    """The default is sent; a wrong input, a wrong variant and no variant are refused before any call."""
    run = client.invoke("support-triage", variant="nearest", inputs={"ticket": "Late"})
    assert run.output == "Late|calm"
    for options, told in (
        ({"variant": "nearest", "inputs": {"ticket": "Late", "tone": "loud"}}, "tone: 'loud' "),
        ({"variant": "nearest", "inputs": {"tiket": "Late"}}, " 'ticket'?"),
        ({"variant": "neerest", "inputs": {"ticket": "Late"}}, " 'nearest'?"),
        ({"inputs": {"ticket": "Late"}}, " variant="),
    ):
        with pytest.raises(fh.InputError, match="support-triage") as caught:
            client.invoke("support-triage", **options)
        assert told in str(caught.value)
    assert len(hive.calls) == 1


def test_a_batch_by_name_is_checked_and_completed_by_the_catalogue(folder: Path, hive: LocalHive) -> None:
    """Every row is checked before the first call, and all variants are known."""
    rows = pd.DataFrame({"ticket": ["Late", "Lost"]})
    batch = fh.batch(rows, "support-triage", variants=["keywords", "nearest"], progress=False)
    assert list(batch.frame["output"]) == ["Late|calm", "Late|calm", "Lost|calm", "Lost|calm"]
    calls = len(hive.calls)
    with pytest.raises(fh.InputError, match="ticket"):
        fh.batch(pd.DataFrame({"ticket": ["Late", "x" * 41]}), "support-triage", variants="nearest", progress=False)
    with pytest.raises(fh.InputError, match="'neerest'.* 'nearest'"):
        fh.batch(rows, "support-triage", variants="neerest", progress=False)
    assert len(hive.calls) == calls


def test_a_cell_by_name_uses_the_catalogue_and_sees_an_edit_at_once(
    folder: Path, hive: LocalHive, cell: Callable[[str], tuple[Any, str]]
) -> None:
    """Wrong inputs are refused before any call; the next cell reads the file that was edited meanwhile."""
    run, _ = cell("%%fetchhive support-triage -v nearest\nticket: Late")
    assert run.output == "Late|calm"
    _, said = cell("%%fetchhive support-triage -v nearest\nticket: Late\ntone: loud")
    assert "tone: 'loud' is not" in said
    _, said = cell("%%fetchhive suport-triage -v nearest\nticket: Late")
    assert re.search(r"'suport-triage' .* fetchhive\.yaml; .* 'support-triage'\?", said)
    assert len(hive.calls) == 1
    (folder / "fetchhive.yaml").write_text(CATALOGUE.replace("[calm, brief]", "[calm, brief, loud]"))
    run, said = cell("%%fetchhive support-triage -v nearest\nticket: Late\ntone: loud")
    assert run.output == "Late|loud", said
    (folder / "fetchhive.yaml").write_text(CATALOGUE.replace("enum:", "enums:"))
    _, said = cell("%%fetchhive support-triage -v nearest\nticket: Late")
    assert re.search(r"fetchhive\.yaml, line 7: 'support-triage': inputs\.tone: 'enums' .* 'enum'\?", said)
    assert said.count("\n") <= 1
    assert len(hive.calls) == 2


def test_the_catalogue_is_found_from_a_folder_below(
    folder: Path, hive: LocalHive, client: fh.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook in `analysis/` uses the project's catalogue."""
    (folder / "analysis").mkdir()
    monkeypatch.chdir(folder / "analysis")
    assert list(fh.deployments()) == ["support-triage", "only-here"]
    with pytest.raises(fh.InputError, match="tone"):
        client.invoke("support-triage", variant="nearest", inputs={"ticket": "a", "tone": "b"})
    assert not hive.calls


def test_an_unknown_name_is_sent_unchecked_unless_it_is_near_to_a_known_one(
    folder: Path, hive: LocalHive, client: fh.Client
) -> None:
    """A slip is told with the cure; another name, and a `Deployment`, go out as they are."""
    with pytest.raises(fh.InputError) as caught:
        client.invoke("suport-triage", variant="nearest")
    told = str(caught.value)
    assert re.search(
        r"'suport-triage' .* fetchhive\.yaml; .* 'support-triage'\? .*fh\.Deployment\('suport-triage'\)", told
    )
    with pytest.raises(fh.InputError, match="'Support_Triage'.* 'support-triage'"):
        fh.batch([{"ticket": "a"}], "Support_Triage", variants="nearest", progress=False)
    assert not hive.calls
    for sent in ("another", "support-triage-2", fh.Deployment("suport-triage")):
        assert client.invoke(sent, variant="x", inputs={}).status_code == 404


def test_a_broken_catalogue_stops_what_needs_it_and_nothing_else(
    folder: Path, hive: LocalHive, client: fh.Client
) -> None:
    """Nothing is sent unchecked because of a slip in the file; a hive's own names and a `Deployment` need no file."""
    (folder / "fetchhive.yaml").write_text("deployments:\n  a:\n\tb: 1\n")
    told = r"fetchhive\.yaml, line 3: "
    own = LocalHive()

    @own.workflow("echo", variant="plain")
    def echo(text: str) -> str:
        return text

    for name, asked in (("support-triage", client), ("ecco", own.client())):
        with pytest.raises(fh.InputError, match=told):
            asked.invoke(name, inputs={})
        with pytest.raises(fh.InputError, match=told):
            fh.batch([{"text": "a"}], name, client=asked, progress=False)
        with pytest.raises(fh.InputError, match=told):
            fh.deployments(asked)
    with pytest.raises(fh.InputError, match=told):
        fh.deployments()
    assert not hive.calls
    known = fh.Deployment("support-triage", variants=["nearest"])
    assert client.invoke(known, inputs={"ticket": "Late"}).output == "Late|none"
    assert own.client().invoke("echo", inputs={"text": "a"}).output == "a"
    batch = fh.batch([{"text": "b"}], "echo", client=own.client(), progress=False)
    assert list(batch.frame["output"]) == ["b"]


def test_a_catalogue_elsewhere_is_named_with_the_way_to_it(
    folder: Path, client: fh.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative to the working folder, or from the home folder where that is shorter; just its name where it is here."""
    deep = folder / "a" / "b" / "c"
    deep.mkdir(parents=True)
    for here, shown in ((folder, "fetchhive.yaml"), (folder / "a", os.path.join("..", "fetchhive.yaml"))):
        monkeypatch.chdir(here)
        assert fh.deployments(client).source_of("only-here") == f"{shown}:8"
        with pytest.raises(fh.InputError, match=f" in {re.escape(shown)}; .* 'support-triage'"):
            client.invoke("suport-triage", variant="nearest")
    (folder / "fetchhive.yaml").write_text("deployments: [a]\n")
    monkeypatch.chdir(deep)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    shown = os.path.join("~", "fetchhive.yaml")
    for act in (lambda: client.invoke("x", variant="y"), fh.Deployment("x").save):
        with pytest.raises(fh.InputError) as caught:
            act()
        assert str(caught.value).startswith(f"{shown}, line 1: "), caught.value


def test_a_hive_in_process_knows_its_own_first_then_the_catalogue(folder: Path) -> None:
    """Its own declaration counts for its own names; the table says where each is from."""
    hive = LocalHive()

    @hive.workflow("support-triage", variant="mine")
    def triage(text: str) -> str:
        return text

    client = hive.client()
    known = fh.deployments(client)
    assert list(known) == ["support-triage", "only-here"]
    assert known["support-triage"].variants == ("mine",)
    assert [known.source_of(name) for name in known] == ["local hive", "fetchhive.yaml:8"]
    assert client.invoke("support-triage", inputs={"text": "a"}).output == "a"
    with pytest.raises(fh.InputError, match=r" local .* 'support-triage'\?"):
        client.invoke("support-triag", inputs={"text": "a"})
    assert client.invoke("nothing-like-it", variant="x", inputs={}).status == "failed"


def test_without_a_key_the_session_knows_the_demo_hive_and_says_nothing_by_looking(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Looking at the table makes no client and prints no notice; both sources are in it."""
    known = fh.deployments()
    assert known.source_of("support-triage") == "local hive"
    assert known.source_of("only-here") == "fetchhive.yaml:8"
    assert "only-here" in repr(known)
    assert capsys.readouterr() == ("", "")


def test_a_look_at_what_is_known_asks_no_keyring(folder: Path, cell: Callable[[str], tuple[Any, str]]) -> None:
    """By `deployments()`, `describe` and Tab: before the first call nothing is asked, and after it nothing again."""

    def look() -> list[str]:
        assert "mail-writer" in cell("%fetchhive describe mail-writer")[1]
        shell = InteractiveShell.instance()
        with provisionalcompleter():
            found = [c.text for c in shell.Completer.completions("%%fetchhive ", 12)]
        known = list(fh.deployments())
        assert [name for name in found if not name.startswith("-")] == known
        return known

    (folder / "fetchhive.yaml").write_text("deployments: {mail-writer: {}}")
    with held_keyring() as held:
        assert look() == ["support-triage", "mail-writer"]
        assert held.asked == 0
        assert session.client_for(None).origin == "api.fetchhive.com"
        asked = held.asked
        assert look() == ["mail-writer"]
        assert held.asked == asked == 1


def test_with_an_address_only_the_catalogue_is_known(folder: Path, client: fh.Client) -> None:
    """What a service has cannot be asked; a client of the wrong kind is told."""
    assert [fh.deployments().source_of(n) for n in fh.deployments()] == ["fetchhive.yaml:3", "fetchhive.yaml:8"]
    assert fh.deployments(client) == fh.deployments(client.aclient) == fh.deployments()
    with pytest.raises(fh.SettingsError, match=r" is an int; .*fh\.Client\("):
        fh.deployments(3)  # type: ignore[arg-type]


def test_what_is_saved_is_known_by_name_and_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Deployment.save()` and a lookup are a round trip, for every constructor."""
    monkeypatch.chdir(tmp_path)
    variables = {
        "ticket": fh.text(multiline=True, description="The mail: as it came"),
        "tone": fh.choice("calm", "brief", default="calm"),
        "tags": fh.array(fh.text(), required=False),
        "who": fh.group({"name": fh.text(), "since": fh.date(required=False)}),
        "n": fh.integer(minimum=1, default=120),
        "x": fh.number(required=False),
        "on": fh.boolean(default=False),
        "at": fh.datetime_(),
        "any": fh.any_(required=False),
        "key": fh.text(secret=True),
    }
    saved = fh.Deployment("café: no", variants=["a", "b"], inputs=variables, description="Sorts.\nAnswers.")
    assert saved.save() == tmp_path / "fetchhive.yaml"
    assert fh.deployments()["café: no"] == saved
    assert fh.deployments()["café: no"].variable_names == list(variables)


def test_a_frame_becomes_a_deployment_that_can_be_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Deployment.from_frame` takes the columns as Start variables."""
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"ticket": ["Late", "Lost"], "n": [1, 2]})
    deployment = fh.Deployment.from_frame("triage", frame, variants=["a"])
    assert (deployment.variable_names, deployment.variants) == (["ticket", "n"], ("a",))
    deployment.save()
    assert fh.deployments()["triage"] == deployment


def test_a_name_is_looked_up_without_reading_the_file_again(
    folder: Path, client: fh.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is looked at for every call by name, and read again only when it changed."""
    read: list[str] = []
    really_open = open

    def counted(file: Any, *rest: Any, **more: Any) -> Any:
        read.append(Path(file).name) if isinstance(file, str | os.PathLike) else None
        return really_open(file, *rest, **more)

    monkeypatch.setattr("builtins.open", counted)
    file = folder / "fetchhive.yaml"
    file.write_text("version: 1\ndeployments:\n  triage: {variants: [a]}\n")
    find = client.aclient.connection.find_deployment
    for _ in range(200):
        find("triage")
    assert read.count(file.name) == 1
    file.write_text("version: 1\ndeployments:\n  triage: {variants: [a, b]}\n")
    changed = find("triage")
    assert changed is not None
    assert changed.variants == ("a", "b")
    assert read.count(file.name) == 2
    assert os.getcwd() == str(folder)
