"""A body in JSON, unfinished: what stands at its end."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Final

from fh_notebook.notebook.complete_place import Place
from fh_notebook.notebook.template import expressions

__all__ = ["json_place"]

_SIGN: Final = re.compile(r'\s+|[{}\[\]:,]|"(?:[^"\\]|\\.)*"|"(?:[^"\\]|\\.)*\\?\Z|[^\s{}\[\]:,"]+', re.DOTALL)
_NAME: Final = re.compile(r'"((?:[^"\\]|\\.)*)"\s*:')
_DEEPEST: Final = 100


@dataclass(slots=True)
class _Container:
    """An object or a list that is open."""

    is_object: bool
    names: list[str] = field(default_factory=list)
    name: str | None = None
    """In an object: whose value comes, once its colon is there."""
    wants_value: bool = False


def json_place(body: str, after: str) -> Place | None:
    """Return the place at the end of `body`, or ``None`` where neither a name nor a value can begin.

    Examples
    --------
    >>> place = json_place('{"ticket": "late", "to', "")
    >>> place.is_name, place.typed, sorted(place.given)
    (True, 'to', ['ticket'])
    >>> json_place('{"address": {"city": ', "").path
    ('address', 'city')
    """
    stack: list[_Container] = []
    masked = _masked(body)
    for found in _SIGN.finditer(masked):
        token = found[0]
        if found.end() == len(body) and token[0] not in "{}[]:," and not token.isspace():
            return _place(stack, body[found.start() :], after) if not _is_closed(token) else None
        if not _step(stack, token):
            return None
    return _place(stack, "", after)


def _masked(body: str) -> str:
    """Return `body` with its ``{{ expressions }}`` as numbers, in the same columns."""
    for start, end, _ in expressions(body):
        body = body[:start] + "0" * (end - start) + body[end:]
    return body


def _is_closed(token: str) -> bool:
    return len(token) > 1 and re.fullmatch(r'"(?:[^"\\]|\\.)*"', token, re.DOTALL) is not None


def _step(stack: list[_Container], sign: str) -> bool:
    """Take a sign or a value in; return whether anything can still be said of what follows."""
    top = stack[-1] if stack else None
    if sign in "{[":
        if len(stack) > _DEEPEST or (top is not None and top.is_object and not top.wants_value):
            return False
        stack.append(_Container(sign == "{", wants_value=sign == "["))
    elif sign in "}]":
        if top is None:
            return False
        stack.pop()
        return bool(stack)
    elif top is None or sign.isspace():
        return sign.isspace()
    elif sign == ":":
        top.wants_value = top.is_object and top.name is not None
    elif sign == ",":
        top.name, top.wants_value = None, not top.is_object
    elif top.is_object and not top.wants_value:
        top.name = _read(sign)
        top.names.append(top.name)
    return True


def _read(token: str) -> str:
    try:
        return str(json.loads(token))
    except ValueError:
        return token.strip('"')


def _place(stack: list[_Container], token: str, after: str) -> Place | None:
    if not stack:
        return None
    top = stack[-1]
    is_name = top.is_object and not top.wants_value
    if is_name and top.name is not None:
        return None  # behind a name comes its colon
    path = tuple(c.name if c.is_object else None for c in (stack[:-1] if is_name else stack))
    quote = '"' if token.startswith('"') else ""
    given = {*top.names, *_NAME.findall(after)} if len(stack) == 1 else set(top.names)
    return Place(
        path=path,
        is_name=is_name,
        fragment=token,
        typed=token.removeprefix('"'),
        quote=quote,
        given=frozenset(given),
        is_json=True,
        after=after.partition("\n")[0],
    )
