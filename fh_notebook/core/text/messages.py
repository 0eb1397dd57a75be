"""Messages for an audience (Python, notebook cell, command line), rendered when shown, with plural forms.

Every sentence with a number takes its grammar from here.

A message says what its reader can do. Whoever wrote ``fh.batch(...)`` has its arguments; a cell and a form have not,
and a command has options of its own. What raises or stops does not know who will read of it: it gives a `Phrase` or a
`Message`, and whoever shows it gives the audience. No code changes or reads a finished text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from fh_notebook.core.redaction import redact
from fh_notebook.core.values import UNSET


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "row"), counted(2000, "more row"), counted(2, "batch", "batches")
    ('1 row', '2,000 more rows', '2 batches')
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def agreeing(number: int, verb: str) -> str:
    """Return a verb in the form that goes with so many: ``is`` or ``are``, and the like.

    Examples
    --------
    >>> agreeing(1, "are"), agreeing(3, "are"), agreeing(1, "were"), agreeing(1, "stay"), agreeing(0, "do")
    ('is', 'are', 'was', 'stays', 'do')
    """
    return verb if number != 1 else _SINGULAR.get(verb, f"{verb}s")


_SINGULAR = {"are": "is", "were": "was", "have": "has", "do": "does"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Who reads a message: in which medium, and how that person goes on with a batch that was stopped."""

    medium: Literal["python", "cell", "command"]
    resume: str
    """How to go on with a batch that was stopped."""


class Readable(Protocol):
    """What has a text for each audience: a `Phrase`, a `Message`, a `Problem`."""

    def text(self, audience: Audience) -> str:
        """Return the text for `audience`."""

    def masked(self) -> Any:
        """Return it with every secret that this process holds masked."""


class AudienceText(str):
    """A text as Python's users read it, which is known in the words of other audiences, too."""

    def text(self, audience: Audience) -> str:
        raise NotImplementedError

    def masked(self) -> AudienceText:
        """Return it with every secret that this process holds masked."""
        raise NotImplementedError


class Phrase(AudienceText):
    """Words that differ by audience; empty where that audience can do nothing.

    Parameters
    ----------
    python, command : str
        For whoever calls functions, and for whoever types a command.
    cell : str, optional
        For whoever runs a cell; as in Python by default.

    Examples
    --------
    >>> again = Phrase("retry_unknown=True calls again", "--retry-unknown calls again")
    >>> again, again.text(CELL), again.text(COMMAND)
    ('retry_unknown=True calls again', 'retry_unknown=True calls again', '--retry-unknown calls again')
    """

    command: str
    cell: str

    def __new__(cls, python: str, command: str, cell: str | None = None) -> Phrase:
        phrase = super().__new__(cls, python)
        phrase.command, phrase.cell = command, python if cell is None else cell
        return phrase

    def __reduce__(self) -> tuple[type[Phrase], tuple[str, str, str]]:
        return Phrase, (str(self), self.command, self.cell)

    def text(self, audience: Audience) -> str:
        """Return the words for `audience`."""
        return {"python": str(self), "cell": self.cell, "command": self.command}[audience.medium]

    def masked(self) -> Phrase:
        """Return it with every secret that this process holds masked."""
        return Phrase(redact(str(self)), redact(self.command), redact(self.cell))


class Message(AudienceText):
    """A text with phrases in it.

    Parameters
    ----------
    template : str
        As of ``str.format``: ``{}`` is the next one of `values`, ``{resume}`` how the audience goes on with a batch.
        It is written in the code: what a user, a model or a service wrote is a value.
    values : tuple
        What stands in the template: texts, and what has a text for each audience.

    Examples
    --------
    >>> message = Message("{} is {}; then {resume}", (option("max_calls"), "-1"))
    >>> message, message.text(COMMAND)
    ('max_calls is -1; then batch.resume()', '--max-calls is -1; then run the same command again')
    """

    template: str
    values: tuple[str | Readable, ...]

    def __new__(cls, template: str, values: tuple[str | Readable, ...] = ()) -> Message:
        message = super().__new__(cls, _filled(template, values, PYTHON))
        message.template, message.values = template, values
        return message

    def __reduce__(self) -> tuple[type[Message], tuple[str, tuple[str | Readable, ...]]]:
        return Message, (self.template, self.values)

    def text(self, audience: Audience) -> str:
        """Return the text for `audience`."""
        return _filled(self.template, self.values, audience)

    def masked(self) -> Message:
        """Return it with every secret that this process holds masked in its values."""
        return Message(self.template, tuple(masked(v) if isinstance(v, str) else v.masked() for v in self.values))


def _filled(template: str, values: tuple[str | Readable, ...], audience: Audience) -> str:
    return template.format(*(text_for(value, audience) for value in values), resume=audience.resume)


def text_for(message: str | Readable, audience: Audience) -> str:
    """Return a message as `audience` reads it; a plain text is the same for each audience."""
    if isinstance(message, str) and not isinstance(message, AudienceText):
        return str(message)
    return message.text(audience)


def masked(message: str) -> str:
    """Return a text with every secret that this process holds masked, for each audience."""
    return message.masked() if isinstance(message, AudienceText) else redact(message)


def flag(name: str) -> str:
    """Return the option of a command line, or of a cell's line, that an argument of Python is.

    Examples
    --------
    >>> flag("max_calls")
    '--max-calls'
    """
    return f"--{name.replace('_', '-')}"


def option(name: str, value: Any = UNSET, *, call: str = "{}", in_cell: bool = False) -> Phrase:
    """Return an option by its name, or as it is given.

    Examples
    --------
    >>> option("on_invalid", "skip", call="fh.batch(..., {})")
    "fh.batch(..., on_invalid='skip')"
    >>> [option(*given).command for given in [("rate",), ("name", ...), ("retry_unknown", True), ("reuse", "store")]]
    ['--rate', '--name', '--retry-unknown', '--reuse store']
    """
    in_python = name if value is UNSET else f"{name}=" if value is ... else f"{name}={value!r}"
    in_command = flag(name) if value is UNSET or value is ... or value is True else f"{flag(name)} {value}"
    return Phrase(call.format(in_python), in_command, cell=in_command if in_cell else None)


PYTHON: Final = Audience(medium="python", resume="batch.resume()")

CELL: Final = Audience(medium="cell", resume="run the cell again, or fh.last_batch().resume()")

COMMAND: Final = Audience(medium="command", resume="run the same command again")


RUN_AGAIN: Final = Phrase("run the cell again", "run the command again")
"""What to do once the cause is mended."""


WAITING_FOR_DECISION: Final = "waiting for a decision"
"""What a run or the approval of a tool is called that goes on when a person has decided, whatever the service calls it.
"""


# --- what the users of an app read in place of an error: what they can do, and nothing about the service

APP_BUSY: Final = "The service is busy. Try again in a minute."
APP_UNAVAILABLE: Final = "This did not work. Try again, or tell the person who gave you this page."
APP_MAY_HAVE_RUN: Final = "No answer arrived, but the work may be done. Ask the person who gave you this page."
APP_ERRORS: Final = {
    "failed": APP_UNAVAILABLE,
    "unknown": APP_MAY_HAVE_RUN,
    "awaiting_approval": "The answers arrive later.",
}
"""What is said of every row of a status; of one with invalid inputs, which its reader can mend, its own error."""
