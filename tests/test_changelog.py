"""``CHANGELOG.md``: one short user-visible sentence per entry, each under a heading that Keep a Changelog has."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"
MAX_LENGTH = 200
"""Of an entry, in characters: a sentence that is read at once."""
HEADINGS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def _versions(text: str) -> list[str]:
    """Return what has a heading of its own, with entries below it or without: between a release and the next change
    Unreleased has none.
    """
    return re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)


def _released(text: str) -> str:
    """Return a changelog as a release has it, and `release.py` demands it: all entries under the new version."""
    return text.replace("## [Unreleased]\n", "## [Unreleased]\n\n## [99.0.0] - 2099-01-31\n")


def _entries(text: str) -> list[tuple[str, str | None, str]]:
    """Return version, heading and text of each entry; text that is no entry is an entry that begins with no dash."""
    entries, version, heading = [], "", None
    for line in text.splitlines():
        if found := re.fullmatch(r"## \[(.+?)\].*", line):
            version, heading = found[1], None
        elif found := re.fullmatch(r"### (.+)", line):
            heading = found[1]
        elif version and line and (heading or line.startswith("-")):
            entries.append((version, heading, line))
    return entries


@pytest.mark.parametrize("tree", [str, _released])
def test_every_entry_stands_under_a_heading_of_its_version(tree: Callable[[str], str]) -> None:
    """No line below a heading is anything but an entry: now, and in the tree of a release."""
    text = tree(CHANGELOG.read_text("utf-8"))
    assert {"Unreleased", "0.2.0"} <= set(_versions(text))
    entries = _entries(text)
    assert {version for version, *_ in entries} >= set(_versions(text)) - {"Unreleased"}
    assert [entry for entry in entries if entry[1] not in HEADINGS or not entry[2].startswith("- ")] == []


def test_every_entry_is_one_sentence() -> None:
    """It has one full stop, at its end; those in code and within words are not counted."""
    entries = _entries(CHANGELOG.read_text("utf-8"))
    wrong = [text for *_, text in entries if not re.fullmatch(r"[^.!?]+\.", re.sub(r"`[^`]*`|\.(?=\w)", "", text))]
    assert wrong == []


def test_every_entry_is_short() -> None:
    """What needs more words is in the guide, and two changes are two entries."""
    assert [text for *_, text in _entries(CHANGELOG.read_text("utf-8")) if len(text) > MAX_LENGTH] == []
