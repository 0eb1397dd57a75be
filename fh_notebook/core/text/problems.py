"""Problem: one thing wrong with a value, as data: path, keyword, message and hint."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fh_notebook.core.redaction import redact
from fh_notebook.core.text.formatting import path_text
from fh_notebook.core.text.messages import PYTHON, Audience, masked, text_for

Path = tuple[str | int, ...]

ROWS_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with inputs, a mapping, a catalogue or an option.

    Every check returns these. ``str(problem)`` is the sentence that Python's messages show; a form, a cell or a command
    reads the fields and never the sentence.

    Parameters
    ----------
    path : tuple of str and int, optional
        Where it is: names and indexes from the outside in. ``()`` is the whole value; ``None`` where there is no place.
    keyword : str
        The rule that is broken: a keyword of JSON Schema (``"type"``, ``"required"``, ``"additionalProperties"``,
        ...), or the name of another check. Empty where no rule has a name.
    value : str
        The value as a message shows it: shortened and printable; ``"the value"`` where it is a secret, empty where the
        message is not about a value. The value itself is not held: it may be huge, hostile or secret, and a problem is
        logged, stored and sent to other processes.
    message : str
        What is wrong, as the predicate of `value` where there is one.
    hint : str
        What to do about it. Both may be an `AudienceText`.
    rows : tuple
        The labels of the rows that have it, where it is of a table; equal problems of different rows are one.
    expected : str
        What would do, in words, where the rule asks for a kind of value: ``"a text"``, ``"a date"``.
    line : int, optional
        The line of a file or a cell's body, counted from 1.
    place : str
        How a message names the place, where that is not by the path alone: ``"fetchhive.yaml, line 4"``.

    Examples
    --------
    >>> problem = Problem(("tags", 1), "type", "3", "is not a text", "give '3'")
    >>> str(problem)
    "tags[1]: 3 is not a text; give '3'"
    >>> str(Problem(message="no key is set"))
    'no key is set'
    """

    path: Path | None = None
    keyword: str = ""
    value: str = ""
    message: str = ""
    hint: str = ""
    rows: tuple[Any, ...] = field(default=(), compare=False)
    expected: str = ""
    line: int | None = None
    place: str = ""

    def __str__(self) -> str:
        return self.text(PYTHON)

    def text(self, audience: Audience) -> str:
        """Return its sentence as `audience` reads it."""
        places = [_rows_text(self.rows)] if self.rows else []
        named = path_text(self.path) if self.path is not None else ""
        places += [self.place or named] if self.place or named else []
        return ": ".join([*places, self._sentence(audience)])

    @property
    def sentence(self) -> str:
        """What is wrong and what to do, without the place."""
        return self._sentence(PYTHON)

    def _sentence(self, audience: Audience) -> str:
        message, hint = text_for(self.message, audience), text_for(self.hint, audience)
        statement = " ".join(part for part in (self.value, message) if part)
        return f"{statement}; {hint}" if hint else statement

    def is_at(self, path: Path) -> bool:
        """Whether it is about the value at `path`, or about something inside of it."""
        return self.path is not None and self.path[: len(path)] == path

    def inside(self, path: Path) -> Problem:
        """Return the same problem of a value that lies at `path` of a larger one."""
        return replace(self, path=(*path, *(self.path or ())))

    def masked(self) -> Problem:
        """Return it with every secret that this process holds masked in its texts."""
        path = None if self.path is None else tuple(redact(p) if isinstance(p, str) else p for p in self.path)
        value, message, hint, location = map(masked, (self.value, self.message, self.hint, self.place))
        return replace(self, path=path, value=value, message=message, hint=hint, place=location)

    @classmethod
    def of(cls, problems: Problem | str | Iterable[Problem | str]) -> tuple[Problem, ...]:
        """Return one problem or several as a tuple; a text is the message of one without a place."""
        if isinstance(problems, Problem | str):
            problems = (problems,)
        items = (p if isinstance(p, Problem | str) else str(p) for p in problems)
        return tuple(cls(message=p) if isinstance(p, str) else p for p in items)


def _rows_text(labels: tuple[Any, ...]) -> str:
    shown = ", ".join(str(label) for label in labels[:ROWS_SHOWN])
    more = f" and {len(labels) - ROWS_SHOWN:,} more" if len(labels) > ROWS_SHOWN else ""
    return f"{'row' if len(labels) == 1 else 'rows'} {shown}{more}"
