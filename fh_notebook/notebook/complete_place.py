"""A place in a body: the name of a variable, or the value of one."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from fh_notebook.notebook.template import expressions

__all__ = ["Place"]

# Texts that YAML reads as they stand. Its own words (true, null) and numbers are none of them.
_PLAIN: Final = re.compile(r"(?!(?:true|false|null)\Z)[^\W\d][\w.-]*(?: [\w.-]+)*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the cursor is.

    Examples
    --------
    >>> place = Place(path=("address",), is_name=True, fragment="ci", typed="ci")
    >>> place.spell_name("city"), place.spell_text("true"), place.spell_text("well done")
    ('city: ', '"true"', 'well done')
    """

    path: tuple[str | None, ...]
    """The names of the objects around it, and for a value its own; ``None`` is an item of a list."""
    is_name: bool
    fragment: str
    """What stands there before the cursor."""
    typed: str
    """How that reads without its quote."""
    quote: str = ""
    """The quote that is open."""
    given: frozenset[str] = frozenset()
    """The names that the object has already."""
    after: str = ""
    """What follows on the line."""

    def spell_name(self, name: str) -> str:
        """Return `name` as it is written here, with its colon unless that is there, or cannot follow directly."""
        written = self.spell_text(name)
        is_closed = self.quote and self.after.startswith(self.quote)
        return written if is_closed or self.after.lstrip().startswith(":") else f"{written}: "

    def can_say(self, text: str) -> bool:
        """Whether `text` can be written here: single quotes have no escape for what would be evaluated."""
        return self.quote != "'" or next(expressions(self.spell_text(text)), None) is None

    def spell_text(self, text: str) -> str:
        """Return `text` in the quotes that were opened, or in those that it needs."""
        if self.quote == "'":
            written = "'" + text.replace("'", "''") + "'"
        elif self.quote or not _PLAIN.fullmatch(text):
            written = json.dumps(text, ensure_ascii=False)
            if next(expressions(text), None):  # as it stands, it would be evaluated
                written = written.replace("{{", "{\\u007b")
        else:
            return text
        # An editor that closes quotes by itself has put one behind the cursor.
        return written[:-1] if self.quote and self.after.startswith(self.quote) else written
