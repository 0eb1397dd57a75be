"""Shell words: a pasted text is read as bash would read it, in linear time."""

from __future__ import annotations

import contextlib
import gc
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.contract.snippet.parser import looks_like_snippet, parse_snippet
from fh_notebook.errors import SnippetError
from tests.contract.snippet.snippets import BODY, URL, bash_words, our_words, refusal
from tests.told import tells

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
# What a browser copies for cmd: JSON's quotes escaped for the C runtime, then all but plain characters for cmd.
CHROME_CMD = '^"' + re.sub(r"([^\w\s\-:=+~'/.,?;()*`])", r"^\1", CMD_BODY) + '^"'


@pytest.mark.parametrize(
    "text",
    [
        f'curl "{URL}" ^\n  -H "Content-Type: application/json" ^\n  -d "{CMD_BODY}"',
        f'curl.exe "{URL}" ^\r\n  -d "{CMD_BODY}" ^\r\n  --compressed\r\n',
        f'curl ^"{URL}^" ^\n  --data-raw {CHROME_CMD}',
        f'curl -X POST ^"{URL}^" --data-raw {CHROME_CMD}',
        f'curl "{URL}" ^   -d "{CMD_BODY}"',
    ],
)
def test_a_command_for_cmd_is_refused_in_one_line(text: str) -> None:
    """It says that a POSIX curl command is read, and that the JSON body alone is read as well."""
    assert tells(refusal(text), "cmd", "POSIX", "JSON", "cURL")


def test_a_body_in_double_quotes_is_read() -> None:
    """A command on one line with ``\\"`` in double quotes means the same to both kinds of shell."""
    assert parse_snippet(f'curl -d "{CMD_BODY}" "{URL}"').request.inputs == {"topic": "AI"}


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
def test_reading_takes_linear_time(unit: str) -> None:
    """100 kB of any piece of quoting are read or refused in some four times the time of a quarter of them."""

    def cpu_s(length: int) -> float:
        text = f"curl {URL} -d {unit * (length // len(unit))}"
        gc.disable()  # a collection goes through all that the tests have imported
        try:
            start = time.thread_time()
            refusal(text)
            return time.thread_time() - start
        finally:
            gc.enable()

    # A quadratic reader takes 16 times as long, each time; what is shorter than the clock can tell is linear.
    assert any(cpu_s(100_000) < 10 * cpu_s(25_000) + 0.1 for _ in range(3))
