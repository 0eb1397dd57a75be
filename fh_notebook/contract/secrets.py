"""Secret values: which inputs are secret, and the mask in everything saved, shown or exported.

Two kinds of secrets exist. Keys and signing secrets are `Secret` objects of this process, which `redact` looks for in
every text. Passwords are Start variables whose schema says so (``format: password``, ``writeOnly``): `Secrets`
says which, `mask_inputs` leaves them out of what is saved, and a `Mask` finds them in whatever repeats them.

Rule of this file: where it cannot be told, it is hidden. A value that is hidden for nothing costs a clearer sentence; a
password in a saved notebook costs more. The key of a job is made of the real values, so masking never changes which
jobs are equal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fh_notebook.contract.run import Run
from fh_notebook.core.json_values import pretty
from fh_notebook.core.redaction import MASK, redact, redactor
from fh_notebook.core.values import is_number

SHORTEST: Final = 4
"""A password of fewer characters would mask half of every text."""
DEEP_SHOWN: Final = 10_000
"""Characters of a value that is nested too deep to be masked part by part."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Which values may not be spelt."""

    all: bool = False
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> Secrets:
        """Find the variables that hold a password somewhere; where that cannot be told, everything is hidden."""
        definitions = {n: schema[n] for n in ("$defs", "definitions") if n in schema}
        definitions_hold_secret = holds_secret(definitions, refs=False)
        properties = schema.get("properties")
        variables = properties if isinstance(properties, Mapping) else {}
        keywords = {n: v for n, v in schema.items() if n not in {"properties", *definitions}}
        names = frozenset(n for n, v in variables.items() if holds_secret(v, refs=definitions_hold_secret))
        return cls(holds_secret(keywords, refs=definitions_hold_secret or bool(names)), names)

    def cover(self, path: Sequence[str | int]) -> bool:
        """Whether a value at this path is, holds, or may hold a secret."""
        return self.all or (path[0] in self.names if path else bool(self.names))


def holds_secret(schema: Any, *, refs: bool) -> bool:
    """Whether `schema` mentions a password; with `refs`, a reference counts as one (what it leads to may hold one)."""
    pending = [schema]
    while pending:
        part = pending.pop()
        if isinstance(part, Mapping):
            if part.get("format") == "password" or part.get("writeOnly") is True:
                return True
            if refs and ("$ref" in part or "$dynamicRef" in part):
                return True
            pending += part.values()
        elif isinstance(part, list | tuple):
            pending += part
    return False


def mask_inputs(inputs: Mapping[str, Any], secrets: Secrets) -> Mapping[str, Any]:
    """Return `inputs` with ``***`` for every Start variable that is, holds or may hold a secret.

    Examples
    --------
    >>> mask_inputs({"text": "hi", "token": "s3cret"}, Secrets(names=frozenset({"token"})))
    {'text': 'hi', 'token': '***'}
    """
    if not (secrets.all or secrets.names):  # nearly always, and there may be a million
        return inputs
    if not any(secrets.cover([name]) for name in inputs):
        return inputs
    return {name: MASK if secrets.cover([name]) and value is not None else value for name, value in inputs.items()}


@dataclass(frozen=True, slots=True)
class Mask:
    """Masks the given passwords, and every key, in a text or a JSON value."""

    texts: frozenset[str] = field(default=frozenset(), repr=False)
    """The passwords as texts."""

    @classmethod
    def of(cls, *values: Any) -> Mask:
        """Look for every text and number in `values` that is long enough to be looked for."""
        return cls(frozenset(_texts(values)))

    def text(self, text: str) -> str:
        """Return a text as it may be shown."""
        return redact(text, self.texts)

    def value(self, value: Any) -> Any:
        """Return a text or a JSON value as it may be shown; of one that is nested too deep, the beginning of its text.

        Examples
        --------
        >>> mask = Mask.of({"pin": 4711, "codes": ["hunter2"]})
        >>> mask.value({"said": ["hunter2!", 4711, b"hunter2"], "hunter2": True})
        {'said': ['***!', '***', b'***'], '***': True}
        """
        try:
            return _masked(value, redactor(self.texts), self.texts)
        except RecursionError:  # nested deeper than anybody reads, or in itself
            return self._masked_beginning(value)

    def _masked_beginning(self, value: Any) -> str:
        """Return the beginning of a value's text, passwords masked as JSON spells them, half of one left out."""
        spellings = self.texts.union(json.dumps(secret, ensure_ascii=False)[1:-1] for secret in self.texts)
        text, is_whole = pretty(value, limit=DEEP_SHOWN)
        uncertain = 0 if is_whole else max(map(len, spellings), default=1) - 1
        masked_text = redact(text, spellings)
        return masked_text[: max(0, len(masked_text) - uncertain)]


def mask_run(run: Run, secrets: Secrets) -> Run:
    """Return a run whose output and error repeat none of its secret inputs: a page is saved and shown.

    Examples
    --------
    >>> run = Run(status="completed", output={"said": "token s3cret?"}, inputs={"token": "s3cret", "text": "hi"})
    >>> mask_run(run, Secrets(names=frozenset({"token"}))).output
    {'said': 'token ***?'}
    """
    mask = Mask.of(*(value for name, value in (run.inputs or {}).items() if secrets.cover([name])))
    if not mask.texts:
        return run
    error = None if run.error is None else mask.text(run.error)
    return replace(run, output=mask.value(run.output), error=error)


def mask_body(body: Any) -> Any:
    """Return the raw body of an answer without keys, wherever they stand: it is saved and shown.

    The signing secret lives in ``Run.webhook_secret`` only. An error that repeats the key back is somebody's debugging.
    """
    try:
        return _masked(body, redactor(), names=_SIGNING)
    except RecursionError:  # nested beyond what Python follows: the output itself is whole in ``Run.output``
        return "(nested too deeply to be saved unchanged)"


_SIGNING: Final = frozenset({"webhook_secret"})


# No function within a function that calls itself: that is a reference cycle, and of every answer the garbage collector
# would have seven objects to find.
def _masked(value: Any, mask: Callable[[str], str], texts: Collection[str] = (), names: Collection[str] = ()) -> Any:
    """Return a value with its texts masked by `mask`, which masks `texts` too, and whatever is under one of `names`."""
    if isinstance(value, str):
        return mask(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, dict):  # before Mapping: asking for that one takes as long as all the rest
        return {
            _masked(name, mask, texts, names): MASK if name in names and part else _masked(part, mask, texts, names)
            for name, part in value.items()
        }
    if isinstance(value, list | tuple):
        return [_masked(part, mask, texts, names) for part in value]
    if isinstance(value, bytes | bytearray):
        return mask(_text_of(value)).encode(errors="surrogateescape")
    if isinstance(value, Mapping):
        return _masked(dict(value), mask, texts, names)
    return MASK if texts and _text_of(value) in texts else value


def _texts(value: Any) -> Iterator[str]:
    """Yield every text and number in a value that is long enough to be looked for."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from _texts(part)
    elif value is not None and not isinstance(value, bool) and len(text := _text_of(value)) >= SHORTEST:
        yield text


def _text_of(value: Any) -> str:
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode(errors="surrogateescape")
    return json.dumps(value) if isinstance(value, int | float) else str(value)  # str() of a hidden number is the mask


class HiddenText(str):
    """A password as it is sent: a text in everything but its `repr`, so that a cell that shows it does not.

    Examples
    --------
    >>> {"token": HiddenText("correct-horse")}
    {'token': '***'}
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)


class HiddenInt(int):
    """A whole number that is a password: a number in everything but its `repr`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)


class HiddenFloat(float):
    """A number that is a password: a number in everything but its `repr`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)


class HiddenParts(dict[str, Any]):
    """Named values of which some are passwords that cannot hide themselves: true and false. Its `repr` hides them."""

    def __init__(self, values: Mapping[str, Any], names: Iterable[str]) -> None:
        super().__init__(values)
        self._names = frozenset(names)

    def __repr__(self) -> str:
        return repr({name: MASK if name in self._names else value for name, value in self.items()})


def with_hidden(values: dict[str, Any], secret: Iterable[str]) -> dict[str, Any]:
    """Return values by name that do not show, in a `repr`, a secret which is true or false.

    Examples
    --------
    >>> with_hidden({"agreed": True, "loud": False}, ["agreed"])
    {'agreed': '***', 'loud': False}
    """
    names = [name for name in secret if isinstance(values.get(name), bool)]
    return HiddenParts(values, names) if names else values


def hidden(value: Any) -> Any:
    """Return a value whose texts and numbers do not show in a `repr`; of true and false see :func:`with_hidden`.

    Examples
    --------
    >>> hidden({"pin": 1234, "rate": 0.5, "codes": ["a", 7]})
    {'pin': '***', 'rate': '***', 'codes': ['***', '***']}
    >>> hidden(1234) + 1
    1235
    """
    if isinstance(value, str):
        return HiddenText(value)
    if is_number(value):
        return HiddenInt(value) if isinstance(value, int) else HiddenFloat(value)
    if isinstance(value, Mapping):
        return with_hidden({name: hidden(item) for name, item in value.items()}, value)
    return [hidden(item) for item in value] if isinstance(value, list) else value
