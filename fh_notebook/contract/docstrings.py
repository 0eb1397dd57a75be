"""What a function's or a class's docstring says: of itself in its first paragraph, and of each argument.

Rule of this file: a docstring is prose, and never a reason to refuse anything. numpydoc, Google's and reST's styles are
read by the library `docstring_parser`, imported when a docstring has more than one line.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

__all__ = ["argument_words", "described"]


def described(func: Any) -> str | None:
    """Return what a function's docstring says first, for a deployment that is declared by it; ``None`` for all else.

    A class says what its values are, and not what a deployment does.

    Examples
    --------
    >>> def triage(ticket):
    ...     '''Sort a ticket
    ...     into a queue.
    ...
    ...     More of it.
    ...     '''
    >>> described(triage), described({"ticket": {}}), described(dict)
    ('Sort a ticket into a queue.', None, None)
    """
    if isinstance(func, type) or not callable(func) or hasattr(func, "model_json_schema"):
        return None
    first = next(iter(_docstrings(func)), "")
    if "\n" not in first:
        return first or None
    read = _read(first)
    parts = [read.short_description] if read and read.short_description else []
    if read and parts and not read.blank_after_short_description and read.long_description:
        parts.append(read.long_description.partition("\n\n")[0])  # a summary over two lines
    return _one_line(" ".join(parts)) or None


def argument_words(func: Any) -> dict[str, str]:
    """Return what docstrings say of each argument; a class's own and its constructor's are read.

    Examples
    --------
    >>> def triage(ticket, tags, words):
    ...     '''Sort a ticket.
    ...
    ...     Args:
    ...         ticket (str): What the customer
    ...             wrote.
    ...         tags, words: Whatever helps.
    ...     '''
    >>> argument_words(triage)
    {'ticket': 'What the customer wrote.', 'tags': 'Whatever helps.', 'words': 'Whatever helps.'}
    """
    found: dict[str, str] = {}
    for text in _docstrings(func):
        read = _read(text) if "\n" in text else None
        for argument in read.params if read else ():
            words = _one_line(argument.description or "")
            for name in argument.arg_name.split(","):
                if words:
                    found.setdefault(name.strip().lstrip("*"), words)
    return found


def _docstrings(func: Any) -> list[str]:
    while isinstance(func, functools.partial):
        func = func.func  # a partial's own docstring is about partials
    if isinstance(func, type):
        sources = [vars(func).get("__doc__"), getattr(vars(func).get("__init__"), "__doc__", None)]
    elif inspect.isroutine(func) or hasattr(func, "__wrapped__"):
        sources = [func.__doc__]
    else:  # an object that can be called
        sources = [type(func).__call__.__doc__, type(func).__doc__]
    cleaned = [inspect.cleandoc(text) for text in sources if isinstance(text, str)]
    # A dataclass or a named tuple without a docstring gets its signature as one.
    name = getattr(func, "__name__", "")
    return [text for text in cleaned if text and not (isinstance(func, type) and text.startswith(f"{name}("))]


def _read(text: str) -> Any:
    from docstring_parser import ParseError, parse

    try:
        return parse(text)
    except (ParseError, ValueError, IndexError):  # prose that looks like a section of some style
        return None


def _one_line(text: str) -> str:
    return " ".join(text.split())
