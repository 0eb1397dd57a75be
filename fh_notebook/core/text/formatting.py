"""Formatting of values, names, kinds and paths as text: short and printable; and the repr of an incomplete object.

Rule of this file: the cost depends on the length of the text, not on the size of the value. A list of a million items
is never written out and then cut, and no foreign `__repr__` is called.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import wraps
from itertools import islice
from numbers import Integral
from typing import Any, Final, TypeVar, cast

from fh_notebook.core.text.html import printable
from fh_notebook.core.values import is_real

VALUE_CAP: Final = 60
"""Characters of one value in a sentence: a sentence should stay on a line or two."""

NAME_CAP: Final = 60

PATH_CAP: Final = 100
"""Characters of one name in a path, and of the path: a list that holds itself has one without end."""

CONSONANT_SOUNDS: Final = ("ufunc", "uint", "uni", "url", "use", "utc", "uuid")
"""Names that begin with a vowel by their letters, and by their sound do not."""


def one_line(text: str, limit: int = 120) -> str:
    """Return somebody's `text` as one printable line of at most `limit` characters: for errors, reprs and logs."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def first_words(text: str, limit: int = 120) -> str:
    """Return the beginning of somebody's `text` in one printable line of at most `limit` characters, cut between words.

    Examples
    --------
    >>> first_words("The carpet is soaked. It smells.", 24), first_words("It is late.", 24)
    ('The carpet is soaked…', 'It is late.')
    """
    line = printable(" ".join(text.split()))
    if len(line) <= limit:
        return line
    cut = line[:limit].rfind(" ", limit // 2)  # a text without blanks, such as Japanese, is cut where it is
    return f"{line[: cut if cut > 0 else limit - 1].rstrip(' .,;:…')}…"


def short(value: Any, limit: int = VALUE_CAP) -> str:
    """Return `value` in at most about `limit` characters, printable, in Python's spelling.

    A text that stands for something else has its own spelling, `message_text`, which is not cut.

    Examples
    --------
    >>> short("ab" * 100, 10)
    "'ababababa…'"
    >>> short([1, [2, 3], {"a": 1}, 4, 5])
    "[1, [2, 3], {'a': 1}, 4, … (5 items)]"
    """
    if isinstance(value, str):
        if isinstance(own := getattr(value, "message_text", None), str):
            return printable(own)
        cut = value if len(value) <= limit else value[: limit - 1] + "…"
        return printable(repr(str.__str__(cut)))  # also of an Enum of texts, whose own is its name
    text = printable(_format_value(value, 2))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _format_value(value: Any, depth: int) -> str:
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return short(value, 30)
    if is_real(value) and isinstance(value, Integral):  # also numpy's
        integer = int(value)
        # Python refuses to spell integers of more than 4300 digits (it costs quadratic time).
        return int.__repr__(integer) if integer.bit_length() < 200 else f"an integer of {integer.bit_length():,} bits"
    if isinstance(value, float):
        return float.__repr__(value)
    if isinstance(value, Mapping):
        return _format_mapping(value, depth)
    if isinstance(value, list | tuple):
        return _format_list(value, depth)
    return type_text(value)


def duration(seconds: float, *, exact: bool = False) -> str:
    """Return a time span as coarse as a forecast is: what changes with every look is not read.

    Examples
    --------
    >>> [duration(s) for s in (0.2, 7.4, 42, 100, 754, 9000, 200000)]
    ['1 s', '7 s', '40 s', '1 min 40 s', '13 min', '2 h 30 min', '2 days 8 h']
    >>> [duration(s, exact=True) for s in (0.24, 42.4, 119, 754)]
    ['0.2 s', '42 s', '119 s', '12 min 34 s']
    """
    if seconds < (120 if exact else 10):
        return f"{max(1, round(seconds))} s" if not exact else f"{seconds:.{1 if seconds < 10 else 0}f} s"
    step = 5 if seconds < 60 else 10 if seconds < 300 else 60 if seconds < 7200 else 600 if seconds < 86400 else 3600
    step = 1 if exact else step
    rounded = step * round(seconds / step)
    days, hours, minutes, left = rounded // 86400, rounded // 3600 % 24, rounded // 60 % 60, rounded % 60
    parts = [(days, "day" if days == 1 else "days"), (hours, "h"), (minutes, "min"), (left, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def moment_text(when: datetime) -> str:
    """Return a moment as people read it in every display, in UTC; data have ISO 8601.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> moment_text(datetime(2026, 11, 24, 22, 10, 5, tzinfo=UTC))
    '2026-11-24 22:10 UTC'
    """
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def seconds_text(seconds: float) -> str:
    """Return how long a call took: with at least three digits from a second on, in thousandths below, never as zero.

    Examples
    --------
    >>> [seconds_text(s) for s in (0.0002, 0.0062, 0.01, 2.0, 2.214, 9.999, 12.345, 123.4)]
    ['0.001 s', '0.006 s', '0.010 s', '2.00 s', '2.21 s', '10.0 s', '12.3 s', '123 s']
    >>> seconds_text(1234.5)
    '1,234 s'
    """
    digits = 0 if seconds >= 99.95 else 1 if seconds >= 9.995 else 2 if seconds >= 0.9995 else 3
    return f"{max(0.001, seconds):,.{digits}f} s"


def seconds_digits(values: Iterable[float]) -> int:
    """Return the digits behind the point of seconds that stand below each other: as many as the largest has alone.

    There are more where the smallest would be printed as 0, up to thousandths.

    Examples
    --------
    >>> seconds_digits([0.0062, 0.5]), seconds_digits([0.5, 2.2]), seconds_digits([12.0]), seconds_digits([])
    (3, 2, 1, 3)
    >>> seconds_digits([0.004, 12.0]), seconds_digits([0.04, 12.0]), seconds_digits([0.0, 12.0])
    (3, 2, 1)
    """
    sizes = [abs(value) for value in values if math.isfinite(value) and value]
    digits = 3 if max(sizes, default=0.0) < 1 else 2 if max(sizes) < 10 else 1
    return max(digits, min(3, -math.floor(math.log10(min(sizes, default=1.0)))))


DECIMALS: Final = 6
"""More are not read: then each number has three digits of its own."""

ROUNDING_ERROR: Final = 1e-9
"""The share of the largest number below which another one is what is left of a sum."""

WHOLE_BELOW: Final = 1e15
"""Whole numbers below keep all their digits, which a float has of no larger one."""


def figures_form(values: Iterable[float], *, are_whole: bool = False) -> str:
    """Return the format specification of numbers that stand below each other: three digits of the largest.

    There are more where else a small one would be printed as 0.

    Examples
    --------
    >>> [figures_form(values) for values in ([0.7512, 12.0], [0.0002, 0.0014], [250.0, 0.3], [0.75, 2e-8])]
    [',.1f', ',.5f', ',.1f', '.3g']
    """
    sizes = [abs(value) for value in values if math.isfinite(value)]
    largest = max(sizes, default=0.0)
    if are_whole and largest < WHOLE_BELOW:
        return ",.0f"
    if largest >= 1e6 or 0 < largest < 0.0005:
        return ".3g"
    if not largest:
        return ",.3f"
    decimals = 0 if largest >= 100 else 3 if largest < 10 else 1
    decimals = max(decimals, 2 - _magnitude(largest)) if largest < 0.01 else decimals
    smallest = min(size for size in sizes if size > largest * ROUNDING_ERROR)
    if float(f"{smallest:.{decimals}f}") == 0:
        decimals = -_magnitude(smallest)
    return f",.{decimals}f" if decimals <= DECIMALS else ".3g"


GIVEN_DECIMALS: Final = 4
"""Decimals to which the numbers of a column are filled up: of more it has measured or computed ones."""


def given_form(values: Iterable[Any]) -> str:
    """Return the format specification of numbers that somebody gave: one for all floats of a column of inputs.

    None is rounded, and none has commas, so a search for what is read finds what was given: all have the decimals of
    the one with the most. Where those are more than :data:`GIVEN_DECIMALS`, each has its own, in 15 digits at most.

    Examples
    --------
    >>> [given_form(values) for values in ([12.99, 3.5], [4.0, None], [52.520008, 12.0], ["a"])]
    ['.2f', '.0f', '.15g', '']
    """
    numbers = [float(value) for value in values if isinstance(value, float) and math.isfinite(value)]
    if not numbers:
        return ""
    decimals = max(map(_decimals, numbers))
    return f".{decimals}f" if decimals <= GIVEN_DECIMALS else ".15g"


def _decimals(value: float) -> int:
    """Return how many decimals a number is written with; one with an exponent has too many."""
    text = repr(value)
    return GIVEN_DECIMALS + 1 if "e" in text else len(text.partition(".")[2].rstrip("0"))


def _magnitude(value: float) -> int:
    """Return the power of ten of the first digit of a number, as one digit of it is printed."""
    return int(f"{value:.0e}".partition("e")[2])


def figures(values: Sequence[float]) -> Callable[[float], str]:
    """Return one format for numbers that stand below each other (`figures_form`), missing as nothing.

    Examples
    --------
    >>> list(map(figures([0.7512, 12.0]), [0.7512, 12.0, float("nan")]))
    ['0.8', '12.0', '']
    """
    form = figures_form(values)
    return lambda value: "" if value != value else f"{value:{form}}"


def type_text(value: object) -> str:
    """Return what a value of a wrong kind is, by its Python type: ``an int``, ``a list``; ``None`` as it is.

    Examples
    --------
    >>> type_text(3), type_text([]), type_text(None)
    ('an int', 'a list', 'None')
    """
    return "None" if value is None else with_article(type(value).__name__)


def with_article(name: str) -> str:
    """Return a name behind its article: ``an int``, ``a list``, ``a URL``, ``an ndarray``."""
    folded = name.lower()
    by_vowel = folded[:1] in tuple("aeiou") and not folded.startswith(CONSONANT_SOUNDS)
    return f"{'an' if by_vowel or folded == 'ndarray' else 'a'} {name}"


def _format_mapping(value: Mapping[Any, Any], depth: int) -> str:
    if not value or not depth:
        return "{…}" if value else "{}"
    entries = [f"{_format_value(k, 0)}: {_format_value(v, depth - 1)}" for k, v in islice(value.items(), 4)]
    more = [f"… ({len(value):,} names)"] if len(value) > 4 else []
    return f"{{{', '.join(entries + more)}}}"


def _format_list(value: Sequence[Any], depth: int) -> str:
    if not value or not depth:
        return "[…]" if value else "[]"
    more = [f"… ({len(value):,} items)"] if len(value) > 4 else []
    return f"[{', '.join([_format_value(v, depth - 1) for v in value[:4]] + more)}]"


# A name that would be read as two, or as none, is quoted.
_UNCLEAR_NAME = re.compile(r"[.\[\]:;\"'\\\x00-\x1f]|^\s|\s$|^$")


def path_text(parts: Iterable[str | int]) -> str:
    """Return a path into the inputs as text: ``tags[0]``, ``customer.name``, ``"a.b".c``.

    Examples
    --------
    >>> path_text(["customer", "tags", 0]), path_text(["a.b", ""]), path_text([])
    ('customer.tags[0]', '"a.b".""', 'inputs')
    """
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f"{'.' if text else ''}{_name_text(part)}"
    text = text or "inputs"
    return text if len(text) <= PATH_CAP else text[: PATH_CAP - 1] + "…"


def _name_text(name: str) -> str:
    cut = name if len(name) <= NAME_CAP else name[: NAME_CAP - 1] + "…"
    return printable(json.dumps(cut, ensure_ascii=False)) if _UNCLEAR_NAME.search(cut) else printable(cut)


KINDS: Final = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object with named values",
    "null": "null",
}
"""JSON Schema's types in the words of the messages."""


FORMATS: Final = {
    "date": "a date like '2026-01-31'",
    "date-time": "a date and time with offset, like '2026-01-31T09:30:00Z'",
    "email": "an e-mail address",
    "uri": "an address like 'https://example.com/page'",
    "regex": "a regular expression",
    "uuid": "a UUID",
    "ipv4": "an IPv4 address",
    "ipv6": "an IPv6 address",
}
"""The formats in the same words; a format that is not here is not checked, or has no better name."""


KIND_OF_TYPE: Final = {str: "string", bool: "boolean", int: "integer", float: "number"}


CHOICES_CAP: Final = 20
"""More choices than this are not read by anybody."""


NEAREST_CAP: Final = 500
"""Names among which the nearest is sought: `difflib` costs some 10 microseconds a pair."""


def listed(values: Sequence[Any], last: str = "or") -> str:
    """Return values as a list in words, at most :data:`CHOICES_CAP` of them.

    Examples
    --------
    >>> listed(["calm", "brief", "warm"])
    "'calm', 'brief' or 'warm'"
    """
    texts = [short(v, 40) for v in values[:CHOICES_CAP]]
    if len(values) > CHOICES_CAP:
        return f"{', '.join(texts)} and {len(values) - CHOICES_CAP:,} more"
    return in_words(texts, last)


def nearest(word: Any, words: Iterable[Any]) -> str | None:
    """Return the one of `words` that `word` was most likely meant to be, or ``None``.

    Examples
    --------
    >>> nearest("tiket", ["tone", "ticket"]), nearest("Tone", ["tone"]), nearest("x", ["tone"])
    ('ticket', 'tone', None)
    """
    if not isinstance(word, str) or len(word) > NAME_CAP:
        return None
    texts = [w for w in islice(words, NEAREST_CAP) if isinstance(w, str) and len(w) <= NAME_CAP]
    folded = {w.casefold().replace("-", "_").replace(" ", "_"): w for w in reversed(texts)}
    close = difflib.get_close_matches(word.casefold().replace("-", "_").replace(" ", "_"), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def kind_text(schema: Any) -> str:
    """Return in words what `schema` takes.

    Examples
    --------
    >>> kind_text({"type": ["string", "null"]}), kind_text({"enum": ["a", "b"]})
    ('a text or null', "one of 'a' or 'b'")
    >>> kind_text({"oneOf": [{"type": "string"}, {"required": ["iban"]}]})
    'a value of one of its kinds'
    """
    if not isinstance(schema, Mapping):
        return "anything" if schema else "nothing"
    if isinstance(schema.get("enum"), list):
        return f"one of {listed(schema['enum'])}"
    if "const" in schema:
        return short(schema["const"])
    if example := FORMATS.get(str(schema.get("format"))):
        return example
    types = types_of(schema.get("type", []))
    item = schema["items"].get("type") if isinstance(schema.get("items"), Mapping) else None
    if types == ["array"] and isinstance(item, str) and item in KINDS:
        return f"a list, each item {KINDS[item]}"
    if types:
        return in_words(list(dict.fromkeys(KINDS.get(t, t) for t in types)))
    named = schema.get("title") or str(schema.get("$ref", "")).rpartition("/")[2]
    if named:
        return short(named)
    return "a value of one of its kinds" if {"oneOf", "anyOf"} & schema.keys() else "a value of another kind"


def ordinal(number: int) -> str:
    """Return a place in an order.

    Examples
    --------
    >>> [ordinal(number) for number in (1, 2, 3, 4, 11, 12, 1_023)]
    ['1st', '2nd', '3rd', '4th', '11th', '12th', '1,023rd']
    """
    is_teen = 10 < number % 100 < 14
    return f"{number:,}{'th' if is_teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def in_words(words: Sequence[str], last: str = "or") -> str:
    """Return ``a, b or c``."""
    return f" {last} ".join(x for x in (", ".join(words[:-1]), *words[-1:]) if x)


def types_of(limit: Any) -> list[str]:
    """Return the value of the keyword ``type`` as a list."""
    return [limit] if isinstance(limit, str) else [t for t in limit if isinstance(t, str)]


def byte_size(size: int) -> str:
    """Return a number of bytes for a person.

    Examples
    --------
    >>> byte_size(12), byte_size(12_300), byte_size(5_000_000)
    ('12 bytes', '12.3 kB', '5.0 MB')
    """
    if size < 1_000:
        return f"{size} bytes"
    return f"{size / 1_000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:,.1f} MB"


C = TypeVar("C", bound=type[Any])


def with_partial_repr(cls: C) -> C:
    """Decorate a class: an object whose constructor failed or was interrupted has the repr ``Client(not made)``.

    A traceback that shows variables (``%xmode Verbose``, a debugger) calls the repr, and an error in it would hide the
    first error. An attribute that another object lacks is a defect, and raises.

    Examples
    --------
    >>> @with_partial_repr
    ... class Pair:
    ...     def __init__(self, one: int) -> None:
    ...         self.one = one
    ...
    ...     def __repr__(self) -> str:
    ...         return f"Pair({self.one})"
    >>> Pair(1), Pair.__new__(Pair)
    (Pair(1), Pair(not made))
    """
    full_repr = cast("Callable[[Any], str]", cls.__repr__)

    @wraps(full_repr)
    def partial_repr(self: Any) -> str:
        try:
            return full_repr(self)
        except AttributeError as exc:
            if exc.obj is not self:
                raise
        return f"{type(self).__name__}(not made)"

    setattr(cls, "__repr__", partial_repr)  # noqa: B010 - mypy takes no assignment to a method
    return cls
