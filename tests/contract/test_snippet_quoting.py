"""What bash or cmd would make of a pasted text is what we make of it, in linear time."""

from __future__ import annotations

import contextlib
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fh_notebook.contract.shell_cmd import split_cmd
from fh_notebook.contract.snippet import looks_like_snippet, parse_snippet
from fh_notebook.errors import SnippetError
from tests.contract.snippets import BODY, URL, bash_words, our_words, refusal

QUOTINGS = [
    "curl -d '{\"a\": 1}' x",
    "curl -d '{\"a\": \"it'\\''s\"}' x",
    'curl -d \'{"a": "it\'"\'"\'s"}\' x',
    'curl -d "{\\"a\\": \\"b\\\\\\"c\\"}" x',
    'curl -d "a\\nb \\x \\! \\\\ \\$ \\` \\" end" x',
    'curl -d "a\\\nb" x',
    "curl -d 'a\\\nb' x",
    "curl -d $'a\\nb\\tc\\\\d\\'e\\\"f\\?' x",
    "curl -d $'\\x41\\101\\u0041\\U00000041\\e\\a\\b\\f\\v\\r\\E' x",
    "curl -d $'\\xc3\\xa9 \\303\\251 \\u00e9 \\u20ac \\U0001f600' x",
    "curl -d $'\\z\\8' x",
    "curl -d $'\\cA\\cz' x",
    "curl -d 'a'\"b\"c$'d'\\e x",
    "curl -d '' \"\" $'' x",
    "curl -H'Accept: x' -d'{}' x",
    "curl \\\n  -d x \\\n  y",
    "curl   \t-d\tx   y  ",
    "curl a\\ b 'c d' e\\'f \\\\",
    "curl x # -d comment",
    "curl x#y 'a # b' \\#z",
    "curl x; echo -d",
    "curl x | cat",
    "curl x && true",
    "curl x 2>/dev/null y",
    "curl 'x?a=1&b=2' \"y?a=1&b=2\" z\\&w",
    "curl '$HOME' '`x`' '$(x)' \"5$\" $ a$",
    'curl $"a b" "$" "a$ b"',
    "curl 'zwölf Äpfel – “typographic” 日本語 😀' x",
    "curl -d 'a\n\nb' x\n",
    'curl -d "a\n\n  b" x\n',
    'curl --data-raw=$\'{\\n  "a": "\\u0021"\\n}\' x',
]


@pytest.mark.parametrize("command", QUOTINGS)
def test_words_are_cut_as_a_real_bash_cuts_them(command: str) -> None:
    """For every quoting that snippets use, bash and we hand curl the same words."""
    command = command.replace(" | cat", " | :").replace("2>/dev/null ", "2>&1 ")  # what a restricted bash may do
    if " | :" in command:
        assert our_words(command) == ["curl", "x"]
    else:
        assert our_words(command) == bash_words(command.replace("; echo -d", ";"))


pieces = st.text("'\"\\\n $a{}:#\té😀!*~^n")


@given(st.lists(st.tuples(st.sampled_from(["single", "double", "ansi", "plain"]), pieces), min_size=1, max_size=4))
@settings(max_examples=60)
def test_any_text_in_any_quotes_is_read_as_bash_reads_it(parts: list[tuple[str, str]]) -> None:
    """Whatever stands inside of any of the four quotings arrives as it arrives in bash."""
    spell = {
        "single": lambda t: "'" + t.replace("'", "'\\''") + "'",
        "double": lambda t: '"' + re.sub(r'(["$`\\])', r"\\\1", t) + '"',
        "ansi": lambda t: "$'" + t.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'",
        "plain": lambda t: re.sub(r"(\W)", r"\\\1", t.replace("\n", "")),
    }
    command = "curl -d " + "".join(spell[kind](text) for kind, text in parts)
    assert our_words(command) == bash_words(command)


CMD_BODY = BODY.replace('"', '\\"')
CHROME = '{"deployment": "d", "variant": "v", "inputs": {"topic": "a ^ b & c \\"d\\" 100%"}}'
# What a browser copies for cmd: JSON's quotes escaped for the C runtime, then all but plain characters for cmd.
ESCAPED = CHROME.replace("\\", "\\\\").replace('"', '\\"')
CHROME_CMD = '^"' + re.sub(r"([^\w\s\-:=+~'/.,?;()*`])", r"^\1", ESCAPED) + '^"'


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        (f'curl "{URL}" ^\n  -H "Content-Type: application/json" ^\n  -d "{CMD_BODY}"', "AI"),
        (f'curl.exe "{URL}" ^\r\n  -d "{CMD_BODY}" ^\r\n  --compressed\r\n', "AI"),
        (f'curl ^"{URL}^" ^\n  --data-raw {CHROME_CMD}', 'a ^ b & c "d" 100%'),
        (f'curl -X POST ^"{URL}^" --data-raw {CHROME_CMD}', 'a ^ b & c "d" 100%'),
        (f'curl "{URL}" ^\n -d "{{ ^\n {CMD_BODY[1:]}"', "AI"),
        (f'curl "{URL}" ^\n -d "{{\n {CMD_BODY[1:]}"', "AI"),
        (f'curl -d "{CMD_BODY}" "{URL}"', "AI"),
    ],
)
def test_windows_quoting_is_read(text: str, topic: str) -> None:
    """Carets at the end of lines, carets before every quote (what browsers copy), and a quoted body over lines."""
    assert parse_snippet(text).request.inputs == {"topic": topic}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ('curl ^"a b^" c', ["curl", "a b", "c"]),
        ('curl "a^b" c^d', ["curl", "a^b", "cd"]),
        ('curl "a\\\\" b\\c "d\\\\\\"e"', ["curl", "a\\", "b\\c", 'd\\"e']),
        ('curl "a""b" "" c', ["curl", 'a"b', "", "c"]),
        ("curl a ^\n\nb", ["curl", "a", "\nb"]),
        ('curl "a & b" c & d', ["curl", "a & b", "c"]),
        ('curl ^"100^%^" x', ["curl", "100%", "x"]),
    ],
)
def test_words_of_cmd(command: str, words: list[str]) -> None:
    """cmd's carets and the C runtime's backslashes and doubled quotes."""
    assert [word.text for word in split_cmd(command)[0]] == words


@given(st.text() | st.text("curl -d'\"\\$`{}:^\n #@https/workflow/invoke"))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever is pasted, the answer is a snippet or a SnippetError."""
    looks_like_snippet(text)
    for pasted in (text, f"curl {text}", f"curl {URL} -d {text}", f'curl ^"{URL}^" -d {text}'):
        with contextlib.suppress(SnippetError):
            parse_snippet(pasted)


@pytest.mark.parametrize(
    "unit", ["'a'", '"a"', "\\a", "$'\\n'", "$'\\ud83d\\ude00'", "${", "x", '\\"', "a=b ", "$a", "'"]
)
@pytest.mark.parametrize("lead", ["", pytest.param("^\n", marks=pytest.mark.long)])
def test_reading_takes_linear_time(unit: str, lead: str) -> None:
    """Half a megabyte of any piece of quoting is read or refused at once."""
    text = f"curl {URL} {lead} -d {unit * (500_000 // len(unit))}"
    start = time.process_time()
    refusal(text)
    assert time.process_time() - start < 5
