"""``--dry-run`` of a cell: the number of calls and the exact requests, folded by what is the same."""

from __future__ import annotations

import fh_notebook as fh
from fh_notebook.contract.models import InvokeRequest
from fh_notebook.notebook.sending import dry_run_text

KEY = "fhk_0123456789abcdef"
DEPLOYMENT = fh.Deployment("brief", inputs={"text": fh.text(), "password": fh.text(secret=True)})


def _said(variants: list[str], repeats: int = 1, text: str = "hi") -> str:
    hive = fh.local.LocalHive(api_key=KEY)
    inputs = {"text": text, "password": "hunter22"}
    requests = [InvokeRequest(deployment="brief", variant=v, inputs=inputs) for v in variants for _ in range(repeats)]
    return dry_run_text(hive.client(), requests, DEPLOYMENT)


def test_it_says_how_many_calls_and_shows_the_request_once_for_all_repeats() -> None:
    """The same request is not printed a hundred times."""
    said = _said(["a"], repeats=100)
    assert said.startswith(
        "Dry run: 100 calls to local, none made.\n\n100 times:\nPOST http://local/v1/workflow/invoke"
    )
    assert said.count("POST") == 1
    assert '"text": "hi"' in said


def test_further_variants_are_named() -> None:
    """They differ by their name only."""
    said = _said([f"v{i}" for i in range(8)])
    assert said.startswith("Dry run: 8 calls")
    assert said.count("POST") == 5
    assert said.endswith("and the same for v5, v6, v7.")


def test_neither_key_nor_secret_inputs_are_shown_and_long_values_are_cut() -> None:
    """The rest is exact."""
    said = _said(["a"], text="x" * 50_000)
    assert "Authorization: Bearer ***" in said
    assert '"password": "***"' in said
    assert KEY not in said
    assert "hunter22" not in said
    assert "(50,000 characters)" in said
    assert len(said) < 2_000
