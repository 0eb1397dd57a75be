"""Every place that takes a Code Snippet takes the code of each SDK, and a legacy body, as it takes curl."""

# ruff: noqa: F811 - fixtures of another file, used as arguments
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import fh_notebook as fh
from fh_notebook.local import LocalHive
from tests.contract.snippet.snippets import SEED_SYNC
from tests.contract.snippet.test_sdk import PHP, PYTHON, RUBY, TYPESCRIPT
from tests.notebook.commands.test_commands import OTHER, typed, work  # noqa: F401 - fixtures
from tests.notebook.forms.views.test_views import _of
from tests.notebook.magics.test_magic import Shell, hive, shell  # noqa: F401 - fixtures

TOPIC = "State of enterprise AI in 2026"
CURL = SEED_SYNC.replace("YOUR_API_KEY", OTHER)
SNIPPETS = {
    name: text.replace("YOUR_DEPLOYMENT_NAME", "brief").replace("YOUR_VARIANT_NAME", "live")
    for name, text in {
        "curl": CURL,
        "curl, legacy": CURL.replace('"deployment"', '"endpoint"'),
        "Python": PYTHON.replace("FetchHive()", f'FetchHive(api_key="{OTHER}")'),
        "TypeScript": TYPESCRIPT.replace("process.env.FETCH_HIVE_API_KEY!", f"'{OTHER}'"),
        "PHP": PHP.replace("new FetchHive()", f"new FetchHive(apiKey: '{OTHER}')"),
        "Ruby": RUBY.replace("Client.new", f'Client.new(api_key: "{OTHER}")'),
    }.items()
}
"""Each with a key, which is dropped, and said."""


@pytest.fixture(params=SNIPPETS)
def text(request: pytest.FixtureRequest, hive: LocalHive) -> str:
    """A snippet of a deployment that the hive has."""

    @hive.workflow("brief", variant="live")
    def brief(topic: str) -> str:
        return f"{topic}: all is well."

    snippet: str = SNIPPETS[request.param]
    return snippet


def test_each_snippet_is_a_cell(shell: Shell, hive: LocalHive, text: str) -> None:
    """It is called, with --dry-run it is shown; --over and another name are refused."""
    result, said = shell.run("%%fetchhive\n" + text)
    assert result.error_in_exec is None, said
    assert result.result.output == f"{TOPIC}: all is well."
    assert ("%fetchhive login" in said, OTHER in said) == (True, False)
    _, said = shell.run("%%fetchhive --dry-run\n" + text)
    assert ('"deployment": "brief"' in said, TOPIC in said) == (True, True)
    assert "names 'other'" in shell.run("%%fetchhive other -v live\n" + text)[1]
    shell.run("rows = [{'topic': 'x'}]")
    assert "not a snippet" in shell.run("%%fetchhive brief -v live --over rows\n" + text)[1]
    assert len(hive.calls) == 1


def test_each_snippet_is_saved_by_the_command(
    shell: Shell, hive: LocalHive, work: Path, typed: Callable[..., list[str]], text: str
) -> None:
    """As a cell, by a variable, and at the prompt of a terminal, also where line breaks are lost; no call is made."""
    shell.shell.user_ns["pasted"] = text
    in_one_line = text.replace("  # reads FETCH_HIVE_API_KEY", "").replace("\n", "")  # a comment has no end there
    for line, answers in (
        ("%%fetchhive snippet\n" + text, []),
        ("%fetchhive snippet pasted", []),
        ("%fetchhive snippet", text.splitlines()),
        ("%fetchhive snippet", [in_one_line]),
    ):
        typed(*answers)
        result, said = shell.run(line)
        assert result.error_in_exec is None, said
        saved = (work / "fetchhive.yaml").read_text("utf-8")
        assert ("brief:" in saved, "live" in saved, "topic:" in saved) == (True, True, True)
        assert ("API key" in said, OTHER in said + saved) == (True, False)
        (work / "fetchhive.yaml").unlink()
    assert hive.calls == ()


def test_two_empty_lines_end_what_is_not_whole(shell: Shell, work: Path, typed: Callable[..., list[str]]) -> None:
    """One does not: pasted code has some."""
    prompts = typed("client = FetchHive()", "", "", "not read")
    assert "SnippetError" in shell.run("%fetchhive snippet")[1]
    assert len(prompts) == 3


def test_each_snippet_makes_a_deployment_and_grows_a_form(text: str) -> None:
    """`Deployment.from_snippet`, and the box of a form; `fh.form` of the text says what to write."""
    made = fh.Deployment.from_snippet(text)
    assert (made.name, made.variants, made.variable_names) == ("brief", ("live",), ["topic"])
    with pytest.raises(fh.InputError, match="from_snippet"):
        fh.form(text)
    form = fh.form("brief")
    box = _of(form, "fh-snippet")
    box.value = text
    assert (box.value, form.deployment.variable_names) == ("", ["topic"])
