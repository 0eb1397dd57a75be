"""Every place that takes a Code Snippet takes the code of each SDK, and a legacy body, as it takes curl."""

# ruff: noqa: F811 - fixtures of another file, used as arguments
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import fh_notebook as fh
from fh_notebook.local import LocalHive
from fh_notebook.notebook.forms.control.schema_editor import with_snippet
from tests.contract.snippet.snippets import SEED_SYNC
from tests.contract.snippet.test_sdk import PHP, PYTHON, RUBY, TYPESCRIPT
from tests.notebook.commands.test_commands import typed, work  # noqa: F401 - fixtures
from tests.notebook.magics.test_magic import Shell, hive, shell  # noqa: F401 - fixtures

TOPIC = "State of enterprise AI in 2026"
SNIPPETS = {
    name: text.replace("YOUR_DEPLOYMENT_NAME", "brief").replace("YOUR_VARIANT_NAME", "live")
    for name, text in {
        "curl": SEED_SYNC,
        "curl, legacy": SEED_SYNC.replace('"deployment"', '"endpoint"'),
        "Python": PYTHON,
        "TypeScript": TYPESCRIPT,
        "PHP": PHP,
        "Ruby": RUBY,
    }.items()
}


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
    _, said = shell.run("%%fetchhive --dry-run\n" + text)
    assert ('"deployment": "brief"' in said, TOPIC in said) == (True, True)
    assert "the line names 'other', the snippet 'brief'" in shell.run("%%fetchhive other -v live\n" + text)[1]
    shell.run("rows = [{'topic': 'x'}]")
    assert "not a snippet" in shell.run("%%fetchhive brief -v live --over rows\n" + text)[1]
    assert len(hive.calls) == 1


@pytest.mark.parametrize("place", ["cell", "variable", "prompt", "a prompt that loses line breaks"])
def test_each_snippet_is_saved_by_the_command(
    shell: Shell, hive: LocalHive, work: Path, typed: Callable[..., list[str]], text: str, place: str
) -> None:
    """As a cell, by a variable, and at the prompt of a terminal; no call is made."""
    shell.shell.user_ns["pasted"] = text
    if "prompt" in place:
        in_one_line = text.replace("  # reads FETCH_HIVE_API_KEY", "").replace("\n", "")  # a comment has no end there
        typed(in_one_line if "loses" in place else text)
    line = {"cell": "%%fetchhive snippet\n" + text, "variable": "%fetchhive snippet pasted"}
    result, said = shell.run(line.get(place, "%fetchhive snippet"))
    assert result.error_in_exec is None, said
    saved = (work / "fetchhive.yaml").read_text("utf-8")
    assert ("brief:" in saved, "live" in saved, "topic:" in saved) == (True, True, True)
    assert hive.calls == ()


def test_each_snippet_makes_a_deployment_and_grows_a_form(text: str) -> None:
    """`Deployment.from_snippet`, and the box of a form; `fh.form` of the text says what to write."""
    made = fh.Deployment.from_snippet(text)
    assert (made.name, made.variants, made.variable_names) == ("brief", ("live",), ["topic"])
    grown = with_snippet(fh.Deployment("brief"), text)
    assert (grown.deployment.variable_names, grown.deployment.variants) == (["topic"], ("live",))
    with pytest.raises(fh.InputError, match="from_snippet"):
        fh.form(text)
