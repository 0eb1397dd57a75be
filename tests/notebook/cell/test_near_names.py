"""A misspelt name gets the nearest one that is there, whatever it names, before any call."""

from __future__ import annotations

import re

import pytest

from tests.notebook.magics.test_magic import Shell, shell  # noqa: F401 - the fixture

NAMES = """
import pandas as pd
tickets = pd.DataFrame({"ticket": ["late"], "want": ["delivery"]})
ticket_text = "late"
def broken():
    return ticket_texd
"""
OVER = "%%fetchhive support-triage -v keywords --over"


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        (f"{OVER} tickts\nticket: x", "--over.*'tickets'"),
        (f"{OVER} zebra\nticket: x", "--over"),
        (f"{OVER} tickets\nticket: '{{{{ row.tickt }}}}'", "'tickt'.*'ticket'"),
        (f"{OVER} tickets\nticket: '{{{{ ticket_txt }}}}'", "'ticket_txt'.*'ticket_text'"),
        (f"{OVER} tickets --varient a\nticket: x", r" --varient; .* --variant\?"),
        ("%%fetchhive support-triage --varient=a\nticket: x", r" --varient; .* --variant\?"),
        ("%%fetchhive support-triage -v a --dryrun\nticket: x", r" --dryrun; .* --dry-run\?"),
        ("%%fetchhive support-triage -v a --colour\nticket: x", r" --colour\. "),
        ("%%fetchhive support-triage -v a --kee x\nticket: x", r" --kee\. "),
        ("%%fetchhive support-triage -v a --show jsn\nticket: x", r"'jsn' .* text, markdown, json, table; .* 'json'\?"),
        ("%%fetchhive support-triage -v a --show picture\nticket: x", r"'picture' .* text, markdown, json, table\. "),
        ("%%fetchhive support-triage -v keywords\nticket: {{ tickts }}", "'tickts'.*'tickets'"),
        ("%%fetchhive support-triage -v keywords\nticket: {{ tickts }}", r" \{\{ '\{\{ tickts \}\}' \}\}"),
        ("%%fetchhive support-triage -v keywords\nticket: {{ zebra }}", "'zebra'"),
        ("%%fetchhive support-triage -v keywords\nticket: {{ broken() }}", "'ticket_texd'"),
    ],
)  # fmt: skip
def test_a_slip_gets_the_nearest_name(shell: Shell, cell: str, told: str) -> None:  # noqa: F811
    """Frames, columns, options, choices and names of the notebook; nothing where nothing is near."""
    shell.run(NAMES)
    result, said = shell.run(cell)
    assert result.error_in_exec is not None
    assert re.search(told, f"{said}\n")
    assert "--api-key" not in said
