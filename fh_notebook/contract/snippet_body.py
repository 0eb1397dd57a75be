"""The JSON body of a pasted snippet: from its text to the fields of a call, every problem with its place.

Rule of this file: a field that is nearly the name of a known one is a slip and refused; one that is not known at all is
reported and left out, since the service may know fields that we do not.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from fh_notebook.contract.shell_word import Word, line_and_column
from fh_notebook.contract.spell import nearest, short
from fh_notebook.errors import SnippetError
from fh_notebook.html import printable
from fh_notebook.values import MASK, redact

__all__ = ["read_body", "read_fields"]

# json's words for an error, in those of somebody who has not written the JSON by hand.
_IN_WORDS: Final = {
    "Expecting ',' delimiter": "a comma is missing, or a quote inside of a text has no \\ before it",
    "Expecting ':' delimiter": "a colon is missing after a name",
    "Expecting property name enclosed in double quotes": "a name in double quotes is missing (a comma too many?)",
    "Illegal trailing comma before end of object": "there is a comma too many",
    "Illegal trailing comma before end of array": "there is a comma too many",
    "Expecting value": "a value is missing or not JSON (texts need double quotes; true, false, null are lower case)",
    "Invalid control character at": "there is a line break or a tab inside of a text; write it as \\n or \\t",
    "Extra data": "there is something after the end of the JSON",
    "Unterminated string starting at": "the text that begins here is never closed",
    "Invalid \\escape": "a \\ inside of a text must be written \\\\",
    "Invalid \\uXXXX escape": "after \\u there must be four hexadecimal digits",
}

SPOT: Final = 25
"""Characters that are shown on each side of a broken place."""


def read_body(word: Word, pasted: str) -> dict[str, Any]:
    """Return the JSON object that `word` holds.

    Parameters
    ----------
    word : Word
        The body, which knows where in `pasted` it came from.
    pasted : str
        The whole text, in whose lines and columns an error is told.

    Raises
    ------
    SnippetError
        It is not JSON (with line, column and the spot), not an object, or names something twice.
    """
    twice: list[str] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            twice.extend(name for name, count in counts.items() if count > 1)
        return found

    try:
        body = json.loads(word.text, object_pairs_hook=unique)
    except json.JSONDecodeError as broken:
        raise SnippetError(_broken(broken, word, pasted)) from None
    except RecursionError:
        raise SnippetError("the body is nested too deep to be read") from None
    except ValueError:  # Python reads integers of at most 4300 digits
        raise SnippetError("the body has a number of too many digits; give it as a text") from None
    if twice:
        raise SnippetError([f"the body names {short(name)} twice in one object; keep one" for name in twice])
    if not isinstance(body, dict):
        raise SnippetError(f"the body is {short(body)} and not an object with deployment, variant and inputs")
    return body


_REST_OF_KEY: Final = re.compile(r"^(\s*)[\w-]+")


def _broken(error: json.JSONDecodeError, word: Word, pasted: str) -> str:
    line, column = line_and_column(pasted, word.source(error.pos))
    here = word.text[error.pos : error.pos + 1]
    why = _IN_WORDS.get(error.msg.partition(":")[0] if "escape" in error.msg else error.msg, error.msg)
    if not word.text.strip():
        return "the body is empty; paste the snippet with its --data-raw"
    if here and not here.isascii() and here.isspace():
        why = f"this blank is no blank of JSON's ({unicodedata.name(here, 'unnamed').lower()}); write a plain one"
    elif here and here in "‘’“”":
        why = "this quote was made typographic on the way; copy the snippet from the dialog itself"
    # Redacted before it is cut: the tail of a key alone does not look like one.
    head, rest = redact(word.text[: error.pos]), redact(word.text[error.pos :])
    if head.endswith(MASK):  # the key goes on behind the spot
        rest = _REST_OF_KEY.sub(rf"\1{MASK}", rest)
    before, after = " ".join(head[-SPOT:].split()), " ".join(rest[:SPOT].split())
    return f"the body is broken in line {line}, column {column}: {why}; at {printable(f'{before} ▸ {after}').strip()}"


_FIELDS: Final = ("deployment", "variant", "inputs", "async", "metadata", "user", "tool_approval")
_OF_A_PROMPT: Final = frozenset({"streaming", "stream", "prompt"})


def read_fields(body: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the fields of `InvokeRequest` that `body` says, and the names that are left out.

    Raises
    ------
    SnippetError
        With every problem.
    """
    if refusal := _another_kind(body):
        raise SnippetError(refusal)
    fields = {name: body.get(name) for name in ("deployment", "variant", "metadata", "user", "tool_approval")}
    fields["inputs"] = body.get("inputs") if body.get("inputs") is not None else {}
    found = [problem for name, value in fields.items() if (problem := _kind_problem(name, value))]
    fields["callback_url"], unread = _callback(body.get("async"))
    unknown = [name for name in body if name not in _FIELDS]
    slips = [(name, close) for name in unknown if (close := nearest(name, set(_FIELDS) - set(body)))]
    found += unread
    found += [f"the body has {short(name)}; did you mean {short(close)}?" for name, close in slips]
    if found:
        raise SnippetError(found)
    return fields, tuple(unknown)


def _another_kind(body: Mapping[str, Any]) -> str:
    if "agent" in body and "deployment" not in body:
        return "this is the body of an agent; open a workflow's deployment and copy its Code Snippet"
    if _OF_A_PROMPT & set(body):
        return "this is the body of a prompt; open a workflow's deployment and copy its Code Snippet"
    return ""


_KINDS: Final[Mapping[str, tuple[type, str]]] = {
    "deployment": (str, "the name of the deployment as a text"),
    "variant": (str, "the name of the variant as a text"),
    "inputs": (dict, "an object of names and values"),
    "metadata": (dict, "an object of names and values"),
    "user": (str, "a text"),
    "tool_approval": (str, "'policy' or 'auto_approve'"),
}


def _kind_problem(name: str, value: Any) -> str:
    kind, needed = _KINDS[name]
    if value is None:
        return f"{name}: is missing; give {needed}" if name == "deployment" else ""
    shown = "the value" if name == "inputs" else short(value)
    return "" if isinstance(value, kind) else f"{name}: {shown} is not {needed}"


def _callback(value: Any) -> tuple[str | None, list[str]]:
    """Return the callback URL of the body's ``async``, and what is wrong with it."""
    if value is None:
        return None, []
    if not isinstance(value, dict):
        return None, ["async: is not an object with enabled and callback_url"]
    enabled, url = value.get("enabled", False), value.get("callback_url")
    if not isinstance(enabled, bool):
        return None, [f"async.enabled: {short(enabled)} is neither true nor false"]
    if not enabled:
        return None, []
    if not isinstance(url, str) or not url:
        return None, ["async.callback_url: is missing; it is needed when async is enabled"]
    return url, []
