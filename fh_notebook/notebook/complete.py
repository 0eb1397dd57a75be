"""What can stand at the cursor of a cell: its text, the cursor and what is known -> candidates. Pure.

Rule of these files (``complete`` and those beside it): what is offered would be accepted by the cell as it stands, a
text that makes no sense has no candidates, and nothing of the user's is called. Only plain dicts, lists and pandas'
frames are looked into, told by their type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fh_notebook.contract.deployment import Deployment
from fh_notebook.notebook.complete_body import complete_body
from fh_notebook.notebook.complete_command import Commands, complete_command
from fh_notebook.notebook.complete_line import CellLine, complete_line
from fh_notebook.notebook.complete_offer import NOTHING, Offer
from fh_notebook.notebook.line import MagicParser, parser

__all__ = ["Known", "complete"]

_CELL: Final = re.compile(r"\s*%%fetchhive(?=\s|$)")
# IPython also knows `name = %magic`; what is before is not ours to judge.
_COMMAND: Final = re.compile(r"\s*(?:[\w.,\s]+=\s*)?%fetchhive[ \t]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What candidates are taken from."""

    deployments: Callable[[], Mapping[str, Deployment]] = dict
    """Asked only where a deployment matters: the first answer may have to make the local hive."""
    names: Mapping[str, Any] = field(default_factory=dict)
    """The user's variables."""
    parser: MagicParser = field(default_factory=parser)
    """Of the cell's line."""
    commands: Commands = field(default_factory=Commands)
    """The words after ``%fetchhive``."""


def complete(text: str, cursor: int, known: Known) -> Offer:
    """Return what can stand at `cursor`, counted in characters of `text`, the whole cell.

    The fragment of the offer is the text right before the cursor that a candidate takes the place of. An offer in a
    line or a body of ours is closed: names of Python and of files have no place there.

    Examples
    --------
    >>> known = Known(deployments=lambda: {"triage": Deployment("triage", variants=["short", "long"])})
    >>> complete("%%fetchhive tri", 15, known).texts
    ('triage',)
    >>> complete("%%fetchhive triage -v sh", 24, known)
    Offer(candidates=(Candidate(text='short', type='variant'),), fragment='sh')
    """
    before, after = text[:cursor], text[cursor:]
    cell = _CELL.match(before)
    if cell is None:
        start = before.rfind("\n") + 1
        command = _COMMAND.match(before, start)
        # A line of another cell magic is that magic's own.
        if command is None or text.lstrip().startswith("%%"):
            return NOTHING
        rest = after.partition("\n")[0]
        offer = complete_command(before[command.end() :], rest, known.commands, known.deployments, known.names)
        return replace(offer, closed=True)
    first, newline, body = before[cell.end() :].partition("\n")
    if not newline:
        if not first:
            return NOTHING  # the cursor is in the magic's own name, which IPython completes
        on_line = CellLine(known.parser, first, after.partition("\n")[0])
        return replace(complete_line(on_line, known.deployments, known.names), closed=True)
    line = CellLine(known.parser, f"{first}\n")
    if _is_in_expression(body):
        return NOTHING  # Python, which IPython completes
    return replace(complete_body(body, after, line.deployment(known.deployments)), closed=True)


def _is_in_expression(body: str) -> bool:
    """Whether a ``{{`` is open at the end of `body`; an expression stands on one line."""
    line = body[body.rfind("\n") + 1 :]
    return line.rfind("{{") > line.rfind("}}")
