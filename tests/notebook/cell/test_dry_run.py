"""``--dry-run`` of a cell: the number of calls and the exact requests, folded by what is the same."""

from __future__ import annotations

import json
import re

import pytest

import fh_notebook as fh
from fh_notebook.contract.callbacks import NOWHERE
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.local import LocalHive
from fh_notebook.notebook.cell.request import MADE_LATER
from fh_notebook.notebook.magics.cell_magic import dry_run_text
from tests.notebook.magics.test_magic import Shell, hive, shell  # noqa: F401 - fixtures

KEY = "fhk_0123456789abcdef"
DEPLOYMENT = fh.Deployment("brief", inputs={"text": fh.text(), "password": fh.text(secret=True)})


def _said(variants: list[str], repeats: int = 1, text: str = "hi") -> str:
    inputs = {"text": text, "password": "hunter22"}
    requests = [InvokeRequest(deployment="brief", variant=v, inputs=inputs) for v in variants for _ in range(repeats)]
    return dry_run_text(LocalHive(api_key=KEY).client(), requests, DEPLOYMENT)


def test_it_says_how_many_calls_and_shows_the_request_once_for_all_repeats() -> None:
    """The same request is not printed a hundred times."""
    said = _said(["a"], repeats=100)
    assert re.match(r"Dry run: 100 calls .*\n\n100 times:\nPOST http://local/v1/workflow/invoke", said)
    assert said.count("POST") == 1
    assert '"text": "hi"' in said


def test_further_variants_are_named() -> None:
    """They differ by their name only."""
    said = _said([f"v{i}" for i in range(8)])
    assert said.startswith("Dry run: 8 calls")
    assert said.count("POST") == 5
    assert said.endswith(" v5, v6, v7.")


def test_neither_key_nor_secret_inputs_are_shown_and_long_values_are_cut() -> None:
    """The rest is exact."""
    said = _said(["a"], text="x" * 50_000)
    assert "Authorization: Bearer ***" in said
    assert '"password": "***"' in said
    assert KEY not in said
    assert "hunter22" not in said
    assert "(50,000 characters)" in said
    assert len(said) < 2_000


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize(
    ("delivery", "address"),
    [("direct", None), ("poll", NOWHERE), ("callback", MADE_LATER)],
)
def test_how_the_answer_comes_is_a_part_of_the_request(
    shell: Shell,  # noqa: F811
    hive: LocalHive,  # noqa: F811
    delivery: str,
    address: str | None,
    rows: bool,
) -> None:
    """As the service would get it, but for the address of a receiver that is not there yet."""
    shell.run("rows = [{'said': 'hi'}]")
    over = "--over rows" if rows else ""
    _, said = shell.run(f"%%fetchhive echo -v plain --delivery {delivery} --dry-run {over}\ntext: hi")
    body = json.loads(said[said.index("{") :])
    assert body.get("async") == (address and {"enabled": True, "callback_url": address})
    assert body["inputs"] == {"text": "hi"}
    assert not hive.calls


def test_what_a_terminal_would_obey_is_spelt_as_json_can() -> None:
    """Controls and marks that turn a text around are seen, and the request still is what is sent."""
    hostile = "\x1b[2J\x9b2J\x7f \u202e ü 🐝\n"
    said = _said(["a"], text=hostile)
    assert not {"\x1b", "\x9b", "\x7f", "\u202e"} & set(said)
    assert "ü 🐝" in said
    assert json.loads(said[said.index("{") :])["inputs"]["text"] == hostile
