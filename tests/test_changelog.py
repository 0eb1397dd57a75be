"""``CHANGELOG.md``: one user-visible sentence per entry, each under a heading that Keep a Changelog has."""

from __future__ import annotations

import re
from pathlib import Path

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"
HEADINGS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def _entries() -> list[tuple[str, str | None, str]]:
    """Return version, heading and text of each entry; text that is no entry is an entry that begins with no dash."""
    entries, version, heading = [], "", None
    for line in CHANGELOG.read_text("utf-8").splitlines():
        if found := re.fullmatch(r"## \[(.+?)\].*", line):
            version, heading = found[1], None
        elif found := re.fullmatch(r"### (.+)", line):
            heading = found[1]
        elif version and line and (heading or line.startswith("-")):
            entries.append((version, heading, line))
    return entries


def test_every_entry_stands_under_a_heading_of_its_version() -> None:
    """No line below a heading is anything but an entry."""
    entries = _entries()
    assert {"Unreleased", "0.2.0"} <= {version for version, *_ in entries}
    assert [entry for entry in entries if entry[1] not in HEADINGS or not entry[2].startswith("- ")] == []


def test_every_entry_is_one_sentence() -> None:
    """It has one full stop, at its end; those in code and within words are not counted."""
    wrong = [text for *_, text in _entries() if not re.fullmatch(r"[^.!?]+\.", re.sub(r"`[^`]*`|\.(?=\w)", "", text))]
    assert wrong == []
