"""``{{ expression }}`` in a cell body: parse expressions, evaluate them, convert the value to JSON.

The text between ``{{`` and its closing ``}}`` (brackets and quotes are counted) is an expression when Python can parse
it; otherwise it is text. To send the braces themselves, write an expression that is a string: ``{{ '{{ name }}' }}``.

- A value never becomes text that is parsed again. Each expression is replaced by a token of letters before the body is
  parsed, and the token by the value afterwards, so no value can break the YAML. All other braces are the user's text.
- A value keeps its kind. A missing value of a table is null, a column is a list, a number of numpy is a number
  (`core.json_values`). A value without a JSON form is refused, and the message names its expression.
- Braces that look like an expression and are none get a warning. A prompt may contain templates of another language, so
  a single call is made with it; ``--over`` refuses it, because each row would be paid for with the mistake in it.
"""

from __future__ import annotations

import ast
import json
import keyword
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from uuid import uuid4

from fh_notebook.core.json_values import json_problems, jsonable
from fh_notebook.core.redaction import error_text
from fh_notebook.core.text.formatting import nearest
from fh_notebook.errors import InputError

_BEGINS: Final = re.compile(r"""(?<!\{)\{\{(?=[-~]?[ \t]*(?!['"][^'"\n]*['"]\s*:)([\w(\[+.'"-][^\n]{0,2000}))""")
"""What begins as an expression does, as ``{{#if x}}``, ``{{/if}}`` and ``{{> part}}`` of other languages do not, and
nor does the ``{{"name": ...}}`` in which some of them double the braces of JSON."""


MAX_SHOWN: Final = 60
"""Characters of what is doubtful in a sentence about it."""


@dataclass(frozen=True, slots=True)
class TemplateWarning:
    """A ``{{`` that was perhaps meant as an expression, and is none."""

    line: int
    """Of the body, from 1."""
    shown: str
    """It, shortened."""
    inner: str
    """What stands between the braces, or after those that are not closed."""
    closed: bool

    @property
    def why(self) -> str:
        """What is wrong with it."""
        return "is not an expression" if self.closed else "is not closed by }}"

    def refusal(self, columns: Sequence[str]) -> str:
        """Say that it is refused, with the column of a row that was most likely meant."""
        begun = re.match(r"row\s*[.\[]\s*['\"]?((\w*).*?)['\"\]\s.]*$", self.inner)
        column = (nearest(begun[1], columns) or nearest(begun[2], columns)) if begun else None
        hint = f"; write {{{{ {row_of(column)} }}}}" if column else ""
        return f"line {self.line}: {self.shown} {self.why}{hint} (to send braces as they are: {{{{ '{{{{ x }}}}' }}}})"


def row_of(column: str) -> str:
    r"""Return how an expression takes a column.

    Examples
    --------
    >>> row_of("ticket"), row_of("Ticket Text"), row_of("class"), row_of("__doc__")
    ('row.ticket', "row['Ticket Text']", "row['class']", "row['__doc__']")
    >>> row_of("\u00b5")  # as a name it would be folded to another letter
    "row['µ']"
    """
    is_plain = column.isidentifier() and not keyword.iskeyword(column) and not column.startswith("_")
    is_plain = is_plain and unicodedata.normalize("NFKC", column) == column
    return f"row.{column}" if is_plain else f"row[{column!r}]"


def template_warnings(text: str, spans: Sequence[tuple[int, int]]) -> Iterator[TemplateWarning]:
    """Yield each ``{{`` that is in none of the `spans` of expressions, and looks like one."""
    expected = iter(spans)
    start, end = next(expected, (len(text), len(text)))
    for begun in _BEGINS.finditer(text):
        while end <= begun.start():
            start, end = next(expected, (len(text), len(text) + 1))
        inner, closing, _ = begun[1].partition("}}")
        word = re.match(r"\w*", inner)
        is_other = word is not None and keyword.iskeyword(word[0]) and "row" not in inner
        if start <= begun.start() or is_other:
            continue
        excerpt = text[begun.start() : begun.start(1)] + inner + closing
        excerpt = excerpt if len(excerpt) <= MAX_SHOWN else f"{excerpt[:MAX_SHOWN]}…"
        line = text.count("\n", 0, begun.start()) + 1
        yield TemplateWarning(line, excerpt.strip(), inner.strip(), bool(closing))


Evaluate = Callable[[str], Any]
"""Gives the value of a Python expression; what it raises is told with the expression."""


def expressions(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the place (start, end) and the source of every ``{{ expression }}`` in `text`.

    What stands between the braces must be one Python expression; anything else is text of the user's. So is the
    ``{{{ name }}}`` of other languages, which Python would read as a set: JSON has none.

    Examples
    --------
    >>> [source for _, _, source in expressions("{{ a }} {b} {{nor this}} {{ {'k': [1]} }} {{{'n': 1}}} {{{ c }}}")]
    ['a', "{'k': [1]}", "{'n': 1}"]
    """
    position = 0
    while (start := text.find("{{", position)) >= 0:
        inside = start + 2
        end = _closing(text, inside)
        source = text[inside:end].strip()
        if source and _is_expression(source, touches=text[inside] == "{"):
            position = end + 2
            yield start, position, source
        else:
            position = _OPENING.match(text, start).end()  # type: ignore[union-attr]  # it begins there


_OPENING: Final = re.compile(r"\{+")


MAX_LENGTH: Final = 2_000
"""Characters of one expression: longer ones belong in a variable."""


_SIGNS: Final = re.compile(
    r"""(?P<text>\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
    r"""|(?P<remark>\#(?:(?!\}\})[^\n])*)|(?P<opens>[(\[{])|(?P<closes>[)\]}])|(?P<broken>["'])""",
    re.DOTALL,
)


def _closing(text: str, start: int) -> int:
    """Return where the ``}}`` is that ends an expression begun at `start`; `start` itself when there is none.

    Brackets and quotes are counted, so that there is one place to try, however many braces there are:
    ``{{ {"a": {"b": 1}}}}``.
    """
    depth = 0
    for sign in _SIGNS.finditer(text, start, start + MAX_LENGTH):
        if sign["opens"]:
            if text.startswith("{{", sign.start()):  # the next one begins: no dict and no set has a set for a key
                return start
            depth += 1
        elif sign["closes"]:
            if depth == 0:
                return sign.start() if text.startswith("}}", sign.start()) else start
            depth -= 1
        elif sign["broken"]:
            return start
    return start


def _is_expression(source: str, *, touches: bool) -> bool:
    """Whether Python can parse it; and whether it is a dict where its brace `touches` those of the template."""
    try:
        parsed = ast.parse(source, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return not (touches and isinstance(parsed.body, ast.Set | ast.SetComp))


WARNINGS_SHOWN: Final = 3


class Template:
    r"""A body with its expressions taken out.

    Parameters
    ----------
    text : str
        The cell's body.

    Examples
    --------
    >>> template = Template("ticket: {{ t }}\ntags: [{{ t }}, 'is {{ n }} old']")
    >>> from fh_notebook.contract.catalog.yaml_loader import load
    >>> template.fill(load(template.text), {"t": "a: [b", "n": 3}.__getitem__)
    {'ticket': 'a: [b', 'tags': ['a: [b', 'is 3 old']}
    """

    def __init__(self, text: str) -> None:
        self.sources: dict[str, str] = {}
        self._body = text
        self._spans: list[tuple[int, int]] = []
        stamp = f"fhx{uuid4().hex}x"
        parts, position = [], 0
        for number, (start, end, source) in enumerate(expressions(text)):
            token = f"{stamp}{number}x"
            self.sources[token] = source
            self._spans.append((start, end))
            parts += [text[position:start], token]
            position = end
        self.text = "".join([*parts, text[position:]])
        self._token = re.compile(rf"{stamp}\d+x")

    def doubtful(self) -> list[str]:
        r"""Return one sentence for what was perhaps meant as an expression and is sent as text, with its line.

        A single call is not refused for it: a prompt may hold templates of another language.

        Examples
        --------
        >>> body = "ticket: {{ row.ticket }\ntone: {{ my tone }}\nhelp: {{#if x}} {{else}} {x}"
        >>> for sentence in Template(body).doubtful():
        ...     print(sentence)
        line 1 of the body: {{ row.ticket } is not closed by }}, so it is sent as text
        line 2 of the body: {{ my tone }} is not an expression, so it is sent as text
        """
        doubts = islice(template_warnings(self._body, self._spans), WARNINGS_SHOWN)
        return [f"line {d.line} of the body: {d.shown} {d.why}, so it is sent as text" for d in doubts]

    def refuse_doubtful(self, columns: Sequence[str]) -> None:
        """Refuse what was perhaps meant as an expression: of many rows each would be paid for with the slip in it."""
        doubts = islice(template_warnings(self._body, self._spans), WARNINGS_SHOWN)
        if refusals := [doubt.refusal(columns) for doubt in doubts]:
            raise InputError(refusals)

    @property
    def is_one_expression(self) -> bool:
        """Whether there is nothing in the body but one expression."""
        return self.text.strip() in self.sources

    def mentions(self, name: str, part: Any) -> bool:
        """Whether an expression in `part` of what was read speaks of `name`."""
        return any(re.search(rf"\b{name}\b", source) for source in self.sources_in(part))

    def sources_in(self, part: Any) -> list[str]:
        """Return the expressions in `part` of what was read."""
        return [self.sources[token] for token in self._token.findall(json.dumps(part))]

    def fill(self, read: Any, evaluate: Evaluate) -> Any:
        """Return what was `read` from :attr:`text`, with every token replaced by its expression's value.

        A text that is one expression takes its value with its type; an expression inside a text is written into it.
        """
        return self._fill_part(read, evaluate) if self.sources else read

    def _fill_part(self, read: Any, evaluate: Evaluate) -> Any:
        if isinstance(read, str):
            whole = self.source_of(read)
            if whole is not None:
                return _value(whole, evaluate)
            return self._token.sub(lambda match: _within(self.sources[match[0]], evaluate), read)
        if isinstance(read, list):
            return [self._fill_part(item, evaluate) for item in read]
        if isinstance(read, dict):
            return {str(self._fill_part(key, evaluate)): self._fill_part(item, evaluate) for key, item in read.items()}
        return read

    def source_of(self, read: Any) -> str | None:
        """Return the expression that something `read` is, and nothing besides; ``None`` when it is more, or none."""
        return self.sources.get(read.strip()) if isinstance(read, str) else None

    def untoken(self, text: str) -> str:
        """Return `text`, for example an error's, with the expressions in place of their tokens."""
        return self._token.sub(lambda match: braced(self.sources[match[0]]), text)


def braced(source: str) -> str:
    r"""Return an expression as it stands in a cell, in one line: for a message.

    Examples
    --------
    >>> braced("len(\n  tickets)")
    '{{ len( tickets) }}'
    """
    return "{{ " + " ".join(source.split()) + " }}"


def _within(source: str, evaluate: Evaluate) -> str:
    """The value of an expression inside a text. What is missing would be the word "null" there, and paid for."""
    value = _value(source, evaluate)
    if value is not None:
        return _text_of(value)
    if re.search(r"\brow\b", source) is None:
        raise InputError(f"{braced(source)} is missing (None or NaN) inside a text; give it a value first")
    whole = source if re.fullmatch(r"[\w.]+(\[[^\[\]]+\])?", source) else f"({source})"
    hint = braced(f"{whole} or ''")
    raise InputError(f"{braced(source)} is missing inside a text; drop such rows or write {hint}")


def _text_of(value: Any) -> str:
    """A value inside a text: text as it is, JSON's kinds as JSON, everything else as Python writes it."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return str(value)


def _value(source: str, evaluate: Evaluate) -> Any:
    message = ""
    try:
        return evaluate(source)
    except InputError:
        raise
    except Exception as exc:  # whatever the user's expression raises
        message = f"{braced(source)} cannot be evaluated: {' '.join(error_text(exc).split())}"
        if isinstance(exc, NameError) and exc.name == "row" and re.search(r"\brow\b", source):
            message = f"{braced(source)}: row exists only with --over FRAME (a table); add it to the line"
        elif isinstance(exc, NameError):  # another template language's, perhaps
            message += f"; to send the braces themselves, write {{{{ '{braced(source)}' }}}}"
    raise InputError(message)


def as_json(value: Any, source: str) -> Any:
    """Return `value` as JSON's kinds.

    Examples
    --------
    >>> import pandas as pd
    >>> as_json(pd.DataFrame({"n": [1, None]}), "df")
    [{'n': 1.0}, {'n': None}]
    """
    json_value = jsonable(value, missing_is_null=True)
    if problems := json_problems(json_value):
        raise InputError([f"{braced(source)}: {problem if problem.path else problem.sentence}" for problem in problems])
    return json_value


def value_of(source: str, names: dict[str, Any], of_row: Callable[[Any], Any] = lambda value: value) -> Any:
    """Return the value of a notebook expression as JSON's kinds: the user's own code, in the user's own `names`.

    `of_row` makes a row's own value of one that is another in each row.

    Examples
    --------
    >>> value_of("tickts[0]", {"tickets": ["late"]})
    Traceback (most recent call last):
    NameError: name 'tickts' is not defined; did you mean 'tickets'?
    """
    message = ""
    try:
        return as_json(of_row(eval(source, names)), source)  # noqa: S307 - it is the user's cell
    except NameError as exc:
        # A name that only the user's own function speaks of is none of the cell's.
        is_in_source = isinstance(exc.name, str) and re.search(rf"\b{re.escape(exc.name)}\b", source)
        close = nearest(exc.name, (n for n in names if not n.startswith("_"))) if is_in_source else None
        if close is None:
            raise
        message, name = f"{exc}; did you mean {close!r}?", exc.name
    raise NameError(message, name=name)
