"""Scalars of YAML -> the values of JSON: what PyYAML with our resolver gave before ruamel.yaml reads them."""

from __future__ import annotations

import pytest
from ruamel.yaml.nodes import SequenceNode

import fh_notebook as fh
from fh_notebook.contract.catalog.yaml_loader import compose, load
from fh_notebook.notebook.cell.parser import parse_mapping

# Written down by the reader over PyYAML 6.0 that this package had until version 0.1 (commit c3f2551).
VALUES: list[tuple[str, object]] = [
    ("no", "no"),
    ("No", "No"),
    ("NO", "NO"),
    ("yes", "yes"),
    ("on", "on"),
    ("off", "off"),
    ("y", "y"),
    ("n", "n"),
    ("true", True),
    ("True", True),
    ("TRUE", True),
    ("false", False),
    ("False", False),
    ("FALSE", False),
    ("tRUE", "tRUE"),
    ("null", None),
    ("Null", None),
    ("NULL", None),
    ("~", None),
    ("", None),
    ("nULL", "nULL"),
    ("none", "none"),
    ("0", 0),
    ("7", 7),
    ("-7", -7),
    ("+7", 7),
    ("-0", 0),
    ("12345678901234567890123", 12345678901234567890123),
    ("01234", "01234"),
    ("007", "007"),
    ("-012", "-012"),
    ("0o17", "0o17"),
    ("0x1F", "0x1F"),
    ("0b101", "0b101"),
    ("1_000", "1_000"),
    ("1,000", "1,000"),
    ("1.0", 1.0),
    ("1.50", 1.5),
    (".5", ".5"),
    ("5.", 5.0),
    ("-3.25", -3.25),
    ("+1.5", 1.5),
    ("01.5", "01.5"),
    ("1e3", 1000.0),
    ("1E3", 1000.0),
    ("1e+3", 1000.0),
    ("1.5e-3", 0.0015),
    ("1e400", float("inf")),
    (".inf", ".inf"),
    ("-.inf", "-.inf"),
    (".nan", ".nan"),
    ("NaN", "NaN"),
    ("Infinity", "Infinity"),
    ("1_000.5", "1_000.5"),
    ("12:30", "12:30"),
    ("1:2:3", "1:2:3"),
    ("190:20:30.15", "190:20:30.15"),
    ("2026-11-25", "2026-11-25"),
    ("2026-11-25T10:00:00Z", "2026-11-25T10:00:00Z"),
    ("2026-11-25 10:00:00.5 +01:00", "2026-11-25 10:00:00.5 +01:00"),
    ("=", "="),
    ("<<", "<<"),
    ("a=b", "a=b"),
    ("a#b", "a#b"),
    ("a:b", "a:b"),
    ("http://example.com/a?b=c", "http://example.com/a?b=c"),
    ("C:\\temp", "C:\\temp"),
    ("+49 30 1234", "+49 30 1234"),
    ("1.2.3", "1.2.3"),
    ("v1", "v1"),
    ("--", "--"),
    ("--- x", "--- x"),
    ("-x", "-x"),
    ("?x", "?x"),
    (":x", ":x"),
    ('"no"', "no"),
    ("'no'", "no"),
    ('"01234"', "01234"),
    ('"1.0"', "1.0"),
    ("'it''s'", "it's"),
    ('"caf\\u00e9"', "caf\u00e9"),
    ('"tab\\tnewline\\n"', "tab\tnewline\n"),
    ('"\\x41\\/\\_\\N\\L\\P\\e\\0"', "A/\u00a0\u0085\u2028\u2029\u001b\u0000"),
    ('"smile \\U0001F600"', "smile \U0001f600"),
    ('  here"', 'here"'),
    ("[]", []),
    ("{}", {}),
    ("[a, 1, 1.0, no, null, ~, true, 0x1F]", ["a", 1, 1.0, "no", None, None, True, "0x1F"]),
    ("{a: 1, b: [no, 2026-11-25], c: {d: }}", {"a": 1, "b": ["no", "2026-11-25"], "c": {"d": None}}),
    ("{a, b: 1}", {"a": None, "b": 1}),
    ('{"a":1}', {"a": 1}),
    ("[a,b ,c]", ["a", "b", "c"]),
    ("[http://x.y, a:b]", ["http://x.y", "a:b"]),
    ("!!str 3", "3"),
    ('!!int "3"', 3),
    ("!!float 3", 3.0),
    ('!!bool "true"', True),
    ('!!null ""', None),
    ("!!seq [1]", [1]),
    ("!!map {a: 1}", {"a": 1}),
    ("\u00e9", "\u00e9"),
    ("\u65e5\u672c", "\u65e5\u672c"),
    ("a\\u2028b", "a\\u2028b"),
    ("a\u00a0b", "a\u00a0b"),
    ("|\n  one\n  two\n", "one\ntwo\n"),
    ("|-\n  one\n\n  two\n", "one\n\ntwo"),
    (">\n  one\n  two\n\n  three\n   four\n", "one two\nthree\n four\n"),
    ("|+\n  one\n\n", "one\n\n"),
    ("|2\n    one\n", "  one\n"),
    ("one\n  two\n\n  three", "one two\nthree"),
    ("\n  - a\n  - 1\n  -\n  - b: no\n", ["a", 1, None, {"b": "no"}]),
    ('"one\n  two"', "one two"),
    ("'one\n\n  two'", "one\ntwo"),
    ("[a,\n  b]", ["a", "b"]),
    ("x # remark", "x"),
    ("x#no remark", "x#no remark"),
    ("a,b", "a,b"),
    ("a]b", "a]b"),
    ("a{b}", "a{b}"),
    ("it's", "it's"),
    ('say "hi"', 'say "hi"'),
    ('"\\ud83d\\ude00"', "\ud83d\ude00"),
    ('"\\u2028"', "\u2028"),
    ("'a\u2028b'", "a\u2028b"),
    ("\u00ff\u0100", "\u00ff\u0100"),
    ("\ufeffx", "\ufeffx"),
    ("[? a : b]", [{"a": "b"}]),
    ("[a: b]", [{"a": "b"}]),
    ("{? a : b}", {"a": "b"}),
    ("{a:b}", {"a:b": None}),
    ("{a::b: c}", {"a::b": "c"}),
    ("\n  ? a\n  : b\n", {"a": "b"}),
]

REFUSED = [
    '"cut \\',
    "[a?, b?c]",
    '!!int "0x1F"',
    "!!binary aGVsbG8=",
    "!!timestamp 2026-11-25",
    "!!set {a, b}",
    "!!omap [a: 1]",
    "!!python/name:os.system x",
    "!local x",
    "! x",
    "&anchor x",
    "*alias",
    "@x",
    "`x`",
    "%x",
    "a\u2028b",
    "a\u0085b",
    "[a?b, ?c]",
    "{a?: b}",
    "[::a]",
    "{a: b?, c}",
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_a_scalar_is_read_as_it_was_before(text: str, value: object) -> None:
    """Numbers with zeros before or signs within, dates, times, `no` and infinities are texts; types count, too."""
    found = parse_mapping(f"v: {text}")["v"]
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("text", "line"), [("a:\n\n\nb: 1", 1), ("- x:\n  y: 1", 1), ("a:  # c\n# d\nb: 1\n", 1), ("b: 1\na:\n", 2)]
)
def test_an_empty_value_is_at_its_own_colon(text: str, line: int) -> None:
    """A problem of a value that nobody wrote has the line of its name, not of what comes next."""
    root = compose(text)
    assert root is not None
    entries = root.value[0].value if isinstance(root, SequenceNode) else root.value
    [value] = [value for _, value in entries if not value.value]
    assert (value.start_mark.line + 1, value.end_mark.line + 1) == (line, line)


@pytest.mark.parametrize(
    ("text", "value"), [("{a:}", {"a": None}), ("[a:,b]", [{"a": None}, "b"]), ("{a:[1], b :}", {"a": [1], "b": None})]
)
def test_a_colon_before_a_bracket_ends_a_name(text: str, value: object) -> None:
    """Between brackets and braces, as before."""
    assert load(text) == value


def test_two_anchors_of_one_name_are_read_without_a_warning() -> None:
    """An alias is refused, so that they change nothing; a warning is an error here."""
    assert load("[&a [1], &a {b: 2}]") == [[1], {"b": 2}]


@pytest.mark.parametrize("text", REFUSED)
def test_a_scalar_that_was_refused_before_is_refused(text: str) -> None:
    """Tags, anchors and aliases, and words that begin or go on with signs of YAML."""
    with pytest.raises(fh.InputError):
        parse_mapping(f"v: {text}")
