r"""What is wrong with a catalogue that is no YAML, or other YAML than was meant: a colon, or the blank after it. Pure.

Rule of this file: the parser notices a slip one line late, or not at all; the message names the line of the slip and
what is missing there, and where that is not certain it stays as the parser's.
"""

from __future__ import annotations

import re
from typing import Final

from ruamel.yaml.error import MarkedYAMLError, YAMLError

from fh_notebook.contract.plain_yaml import trouble_of
from fh_notebook.contract.spell import short

__all__ = ["NO_BLANK", "glued", "trouble_in", "write_apart"]

NO_BLANK: Final = "a blank is missing after the colon"

_BREAK: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#.*")
_VALUE: Final = re.compile(r":\s+\S")
# No blank after the colon; `http://` has none either, and is a text.
_GLUED: Final = re.compile(r"(?:- )?(?P<name>[^\s:\"'{}\[\],#-][^:\"'{}\[\],#]{0,60}):(?P<rest>[^\s:/].*)")
_BARE: Final = re.compile(r"[^\s:\"'{}\[\],#|>-][^:\"'{}\[\],#]{0,60}")


def trouble_in(broken: YAMLError, text: str) -> tuple[int, str]:
    r"""Return the line, counted from 1, and what is wrong there, in a sentence.

    Examples
    --------
    >>> from fh_notebook.contract.plain_yaml import compose
    >>> def told(text):
    ...     try:
    ...         compose(text)
    ...     except YAMLError as broken:
    ...         return trouble_in(broken, text)
    >>> told("deployments:\n  triage\n    variants: [a]\n")
    (2, "a colon is missing after 'triage'")
    >>> told("inputs:\n  ticket:text\n  tone: text\n")
    (2, "a blank is missing after the colon: write 'ticket: text'")
    """
    line, words = trouble_of(broken, text)
    if not isinstance(broken, MarkedYAMLError) or broken.problem_mark is None:
        return line, words
    lines = [_COMMENT.sub("", found).rstrip() for found in _BREAK.split(text)]
    said, mark = broken.problem or "", broken.problem_mark
    at: int | None = None
    if "could not find expected ':'" in said and broken.context_mark is not None:
        at = broken.context_mark.line
    elif "expected <block end>" in said or (
        "mapping values are not allowed" in said and not _VALUE.search(lines[mark.line][: mark.column] + " x")
    ):
        at = _above(lines, mark.line)
    told = None if at is None else _told(lines, at)
    return (at + 1, told) if at is not None and told else (line, words)


def _above(lines: list[str], at: int) -> int | None:
    """Return the nearest line above that says something."""
    return next((i for i in range(min(at, len(lines)) - 1, -1, -1) if lines[i].strip()), None)


def _told(lines: list[str], at: int) -> str | None:
    line = lines[at].strip()
    if found := glued(line):
        return write_apart(found)
    above = _above(lines, at)
    # A text of several lines, of which this is one.
    if above is not None and _indent(lines[above]) < _indent(lines[at]) and _VALUE.search(lines[above]):
        return None
    return f"a colon is missing after {short(line)}" if _BARE.fullmatch(line) else None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def glued(text: str) -> str | None:
    """Return what ``name:value`` was meant to be, which YAML reads as one word.

    Examples
    --------
    >>> glued("ticket:{type: string}"), glued("see https://example.com")
    ('ticket: {type: string}', None)
    """
    found = _GLUED.fullmatch(text)
    return f"{found['name']}: {found['rest']}" if found else None


def write_apart(meant: str) -> str:
    """Return what to tell of a blank that is missing in what was `meant`."""
    return f"{NO_BLANK}: write {short(meant)}"
