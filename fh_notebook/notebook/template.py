"""``{{ expression }}`` in a cell's body -> the value of a notebook expression, with its type. Pure but for `evaluate`.

A body is searched for ``{{``; what stands between it and the next ``}}`` is an expression when Python can parse it, and
text when not. The braces themselves are sent by an expression that is a text: ``{{ '{{ name }}' }}``.

Rule of this file: a value never becomes text that is parsed again. Each expression is replaced by a token of letters
before the body is read, and the token by the value afterwards, so no value can break the YAML, whatever is in it. All
other braces are the user's text.
"""

from __future__ import annotations

import ast
import json
import keyword
import re
from collections.abc import Callable, Iterator
from typing import Any, Final
from uuid import uuid4

from fh_notebook.errors import InputError

__all__ = ["Evaluate", "Template", "doubtful", "expressions"]

Evaluate = Callable[[str], Any]
"""Gives the value of a Python expression; what it raises is told with the expression."""


def expressions(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the place (start, end) and the source of every ``{{ expression }}`` in `text`.

    What stands between the braces must be one Python expression; anything else is text of the user's.

    Examples
    --------
    >>> [source for _, _, source in expressions("{{ a }} {b} {{nor this}} {{ {'k': [1]} }} }}")]
    ['a', "{'k': [1]}"]
    """
    position = 0
    while (start := text.find("{{", position)) >= 0:
        for found in re.finditer(r"\}\}", text[start + 2 : start + 2 + MAX_LENGTH]):
            source = text[start + 2 : start + 2 + found.start()]
            # The first "}}" may end a dict of the expression: `{{ {"a": {}} }}`. The shortest that parses is taken.
            if source.strip() and _is_expression(source.strip()):
                end = start + 2 + found.end()
                yield start, end, source.strip()
                position = end
                break
        else:
            position = start + 2


MAX_LENGTH = 2_000
"""Characters of one expression: longer ones belong in a variable."""


def _is_expression(source: str) -> bool:
    try:
        ast.parse(source, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True


WARNINGS_SHOWN: Final = 3

_BEGINS: Final = re.compile(r"(?<!\{)\{\{[-~]?\s*([^\W\d]\w*)[^\n]*")
"""What begins as an expression does, as ``{{#if x}}``, ``{{/if}}`` and ``{{> part}}`` of other languages do not."""


def doubtful(text: str) -> list[str]:
    r"""Return one sentence for what was perhaps meant as an expression and is sent as text, with its line.

    It is never refused: a prompt may hold templates of another language.

    Examples
    --------
    >>> for sentence in doubtful("ticket: {{ row.ticket }\ntone: {{ my tone }}\nhelp: {{#if x}} {{else}} {x}"):
    ...     print(sentence)
    line 1 of the body: {{ row.ticket } is not closed by }}, so it is sent as text
    line 2 of the body: {{ my tone }} is not a Python expression, so it is sent as text
    """
    found: list[str] = []
    spans = [(start, end) for start, end, _ in expressions(text)]
    for begun in _BEGINS.finditer(text):
        is_known = any(start <= begun.start() < end for start, end in spans)
        if is_known or keyword.iskeyword(begun[1]):
            continue
        inner, closing, _ = begun[0].partition("}}")
        said = "is not a Python expression" if closing else "is not closed by }}"
        shown = f"{inner}{closing}" if len(inner) <= MAX_SHOWN else f"{inner[:MAX_SHOWN]}…"
        line = text.count("\n", 0, begun.start()) + 1
        found.append(f"line {line} of the body: {shown.strip()} {said}, so it is sent as text")
    return found[:WARNINGS_SHOWN]


MAX_SHOWN: Final = 60
"""Characters of what is doubtful in a sentence about it."""


class Template:
    r"""A body with its expressions taken out.

    Parameters
    ----------
    text : str
        The cell's body.

    Examples
    --------
    >>> template = Template("ticket: {{ t }}\ntags: [{{ t }}, 'is {{ n }} old']")
    >>> import yaml
    >>> template.fill(yaml.safe_load(template.text), {"t": "a: [b", "n": 3}.__getitem__)
    {'ticket': 'a: [b', 'tags': ['a: [b', 'is 3 old']}
    """

    def __init__(self, text: str) -> None:
        self.sources: dict[str, str] = {}
        stamp = f"fhx{uuid4().hex}x"
        parts, position = [], 0
        for number, (start, end, source) in enumerate(expressions(text)):
            token = f"{stamp}{number}x"
            self.sources[token] = source
            parts += [text[position:start], token]
            position = end
        self.text = "".join([*parts, text[position:]])
        self._token = re.compile(rf"{stamp}\d+x")

    def __bool__(self) -> bool:
        return bool(self.sources)

    @property
    def is_one_expression(self) -> bool:
        """Whether there is nothing in the body but one expression."""
        return self.text.strip() in self.sources

    def mentions(self, name: str, part: Any) -> bool:
        """Whether an expression in `part` of what was read speaks of `name`."""
        tokens = self._token.findall(json.dumps(part))
        return any(re.search(rf"\b{name}\b", self.sources[token]) for token in tokens)

    def fill(self, read: Any, evaluate: Evaluate) -> Any:
        """Return what was `read` from :attr:`text`, with every token replaced by its expression's value.

        A text that is one expression takes its value with its type; an expression inside a text is written into it.

        Raises
        ------
        InputError
            An expression cannot be evaluated.
        """
        return self._filled(read, evaluate) if self.sources else read

    def _filled(self, read: Any, evaluate: Evaluate) -> Any:
        if isinstance(read, str):
            whole = self.sources.get(read.strip())
            if whole is not None:
                return _value(whole, evaluate)
            return self._token.sub(lambda found: _written(_value(self.sources[found[0]], evaluate)), read)
        if isinstance(read, list):
            return [self._filled(item, evaluate) for item in read]
        if isinstance(read, dict):
            return {str(self._filled(key, evaluate)): self._filled(item, evaluate) for key, item in read.items()}
        return read

    def untoken(self, text: str) -> str:
        """Return `text`, for example an error's, with the expressions in place of their tokens."""
        return self._token.sub(lambda found: "{{ " + self.sources[found[0]] + " }}", text)


def _written(value: Any) -> str:
    """A value inside a text: text as it is, JSON's kinds as JSON, everything else as Python writes it."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return str(value)


def _value(source: str, evaluate: Evaluate) -> Any:
    trouble = ""
    try:
        return evaluate(source)
    except InputError:
        raise
    except Exception as broken:  # whatever the user's expression raises
        trouble = f"{{{{ {source} }}}} cannot be evaluated: {type(broken).__name__}: {broken}"
        if isinstance(broken, NameError):  # another template language's, perhaps
            trouble += f"; to send the braces themselves, write {{{{ '{{{{ {source} }}}}' }}}}"
    raise InputError(trouble)
