"""Parser of a pasted Code Snippet: the call that it makes; nothing is executed, fetched or opened.

Rules of this file:

1. A field that is nearly the name of a known one is a slip and refused; one that is not known at all is reported and
   left out, since the service may know fields that we do not.
2. A snippet that is not understood wholly is refused with a line that says what it is and what to do, and a workspace
   key in it leaves as a `Secret` or not at all: no error and no repr shows it.

The shapes are those of CONTRACT sections 9 and 10: curl for a POSIX shell, the JSON body alone, and a call of an
official SDK; each is a row of `DIALECTS`. The way back, :func:`to_curl` and :func:`to_python`, is in `writer`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.schema.build import infer
from fh_notebook.contract.snippet.curl import CurlCall, UnclosedError, Word, line_and_column, read_curl, split_posix
from fh_notebook.contract.snippet.sdk import SDK_DIALECTS, SdkDialect, key_candidates
from fh_notebook.core.redaction import MASK, Hidden, Secret, redact
from fh_notebook.core.text.formatting import nearest, short
from fh_notebook.core.text.html import printable
from fh_notebook.errors import InputError, SnippetError

# json's words for an error, in those of somebody who has not written the JSON by hand.
_IN_WORDS: Final = {
    "Expecting ',' delimiter": "a comma is missing, or a quote inside a string has no \\ before it",
    "Expecting ':' delimiter": "a colon is missing after a name",
    "Expecting property name enclosed in double quotes": "a name in double quotes is missing (a comma too many?)",
    "Illegal trailing comma before end of object": "there is an extra comma",
    "Illegal trailing comma before end of array": "there is an extra comma",
    "Expecting value": (
        "a value is missing or not JSON (strings need double quotes; true, false, null are lower case)"
    ),
    "Invalid control character at": "a text contains a line break or a tab; write it as \\n or \\t",
    "Extra data": "there is more text after the end of the JSON",
    "Unterminated string starting at": "the string that begins here is never closed",
    "Invalid \\escape": "a \\ inside a string must be written \\\\",
    "Invalid \\uXXXX escape": "after \\u there must be four hexadecimal digits",
}


SPOT: Final = 25
"""Characters that are shown on each side of a broken place."""


def read_body(word: Word, pasted: str) -> dict[str, Any]:
    """Return the JSON object that `word` holds."""
    duplicates: list[str] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            duplicates.extend(name for name, count in counts.items() if count > 1)
        return members

    try:
        body = json.loads(word.text, object_pairs_hook=unique)
    except json.JSONDecodeError as exc:
        raise SnippetError(_json_error_text(exc, word, pasted)) from None
    except RecursionError:
        raise SnippetError("the body is nested too deeply to be read") from None
    except ValueError:  # Python reads integers of at most 4300 digits
        raise SnippetError("the body has a number with too many digits; give it as a string") from None
    if duplicates:
        raise SnippetError([f"the body has the key {short(name)} twice in one object; keep one" for name in duplicates])
    if not isinstance(body, dict):
        raise SnippetError(f"the body is {short(body)} and not an object with deployment, variant and inputs")
    return body


_REST_OF_KEY: Final = re.compile(r"^(\s*)[\w-]+")


def _json_error_text(error: json.JSONDecodeError, word: Word, pasted: str) -> str:
    line, column = line_and_column(pasted, word.source(error.pos))
    character = word.text[error.pos : error.pos + 1]
    reason = _IN_WORDS.get(error.msg.partition(":")[0] if "escape" in error.msg else error.msg, error.msg)
    if not word.text.strip():
        return "the body is empty; paste the snippet with its --data-raw"
    if character and not character.isascii() and character.isspace():
        reason = f"JSON does not allow this space ({unicodedata.name(character, 'unnamed').lower()}); write a plain one"
    elif character and character in "‘’“”":
        reason = "this quote was changed to a typographic one; copy the snippet from the dialog itself"
    # Redacted before it is cut: the tail of a key alone does not look like one.
    head, remainder = redact(word.text[: error.pos]), redact(word.text[error.pos :])
    if head.endswith(MASK):  # the key goes on behind the spot
        remainder = _REST_OF_KEY.sub(rf"\1{MASK}", remainder)
    before, after = " ".join(head[-SPOT:].split()), " ".join(remainder[:SPOT].split())
    return (
        f"the body is not valid JSON in line {line}, column {column}: {reason}; at "
        f"{printable(f'{before} ▸ {after}').strip()}"
    )


_FIELDS: Final = ("deployment", "variant", "inputs", "async", "metadata", "user", "tool_approval")

_OF_A_PROMPT: Final = frozenset({"streaming", "stream", "prompt"})


def read_fields(body: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the fields of `InvokeRequest` that `body` says, and the names that are left out."""
    if refusal := _wrong_type(body):
        raise SnippetError(refusal)
    body = _with_deployment(body)
    fields = {name: body.get(name) for name in ("deployment", "variant", "metadata", "user", "tool_approval")}
    fields["inputs"] = body.get("inputs") if body.get("inputs") is not None else {}
    problems = [problem for name, value in fields.items() if (problem := _type_problem(name, value))]
    fields["callback_url"], callback_problems = _callback(body.get("async"))
    unknown = [name for name in body if name not in _FIELDS]
    slips = [(name, close) for name in unknown if (close := nearest(name, set(_FIELDS) - set(body)))]
    problems += callback_problems
    problems += [f"the body has {short(name)}; did you mean {short(close)}?" for name, close in slips]
    if problems:
        raise SnippetError(problems)
    return fields, tuple(unknown)


def _wrong_type(body: Mapping[str, Any]) -> str:
    if "agent" in body and "deployment" not in body:
        return "this is the body of an agent; open a workflow's deployment and copy its Code Snippet"
    if _OF_A_PROMPT & set(body):
        return "this is the body of a prompt; open a workflow's deployment and copy its Code Snippet"
    return ""


def _with_deployment(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the body with the name of the deployment in its field: older ones have it in ``endpoint``."""
    if body.get("endpoint") is None:
        return {name: value for name, value in body.items() if name != "endpoint"}
    if body.get("deployment") not in (None, body["endpoint"]):
        raise SnippetError("the body has deployment and endpoint, its older name, with two values; keep deployment")
    return {"deployment": body["endpoint"], **{name: value for name, value in body.items() if name not in _NAMES}}


_NAMES: Final = ("deployment", "endpoint")

_KINDS: Final[Mapping[str, tuple[type, str]]] = {
    "deployment": (str, "the name of the deployment as a string"),
    "variant": (str, "the name of the variant as a string"),
    "inputs": (dict, "an object of names and values"),
    "metadata": (dict, "an object of names and values"),
    "user": (str, "a text"),
    "tool_approval": (str, "'policy' or 'auto_approve'"),
}


def _type_problem(name: str, value: Any) -> str:
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


@dataclass(frozen=True, slots=True, repr=False)
class Snippet:
    """What a pasted Code Snippet says.

    The placeholders ``YOUR_DEPLOYMENT_NAME`` and ``YOUR_VARIANT_NAME`` are kept as they stand.
    """

    request: InvokeRequest
    """The call itself, with its sample inputs."""
    inputs: Mapping[str, Any]
    """The JSON Schema of the Start variables, guessed from the sample values."""
    key: Secret | None = field(default=None, repr=False)
    """The API key, where the snippet has a real one; ``YOUR_API_KEY`` and its like are none."""
    url: str = ""
    """The address called, without any query or login; empty for a body alone."""
    ignored: tuple[str, ...] = ()
    """Fields of the body that a workflow call is not known to take, and that are not in `request`."""

    def __repr__(self) -> str:
        # A key may have slipped to anywhere in what was pasted.
        return redact(f"Snippet({self.request!r}, {self.inputs!r}, url={self.url!r}, ignored={self.ignored!r})")


_CURL: Final = re.compile(r"^[ \t]*(?:[$%>][ \t]+)?(?=curl(?:\.exe)?[ \t\u00a0\\^])", re.MULTILINE)

_FENCE: Final = re.compile(r"^[ \t]*```[^\n]*$", re.MULTILINE)

_BODY_MARKS: Final = (('"deployment"', '"inputs"'), ('"endpoint"', '"inputs"'))

_CODE: Final = re.compile(
    r"\s*(?:<\?php\b|import [\w{*'\"]|from [\w.]+ import\b|use [\w\\]+;|require(?:_once|_relative)?[ (]*['\"]"
    r"|(?:const|let|var) \w+|(?:await )?fetch\("
    r"|(?:(?:await|return|print|puts|echo|console\.log|var_dump)\b[\s(]*)?[$\w.]+\s*(?:->|\.)\s*invoke"
    r"|\$?\w+(?:\s*:\s*[\w.\[\]]+)?\s*=[^=>])"
)
"""How program code begins."""


def looks_like_snippet(text: str) -> bool:
    """Return whether `text` is meant as a Code Snippet, so that :func:`parse_snippet` should read it or refuse it.

    Examples
    --------
    >>> looks_like_snippet("curl 'https://api.fetchhive.com/v1/workflow/invoke'"), looks_like_snippet("curl my hair")
    (True, False)
    >>> looks_like_snippet('{"ticket": "late"}'), looks_like_snippet('{"deployment": "d", "inputs": {}}')
    (False, True)
    >>> looks_like_snippet("run = client.invoke_workflow(deployment='d')")
    True
    """
    start = _without_comments(_unfenced(text.removeprefix("\ufeff"))).lstrip()
    return any(dialect.is_meant(start) for dialect in DIALECTS) or (_is_code(start) and "/invoke" in start)


def _is_code(text: str) -> bool:
    return bool(_CODE.match(text))


def _is_call(text: str, dialect: SdkDialect) -> bool:
    return _is_code(text) and dialect.call.search(text) is not None


def _is_curl(text: str) -> bool:
    marks = ("://", "/invoke", "--data", "--json", " -d", " -X", " -H")
    return bool(_CURL.match(text[:200])) and any(mark in text for mark in marks)


def _is_body(text: str) -> bool:
    if not text.startswith("{") or not any(all(mark in text for mark in marks) for marks in _BODY_MARKS):
        return False
    try:
        body = read_body(Word(text, [(0, 0)]), text)
    except SnippetError:
        return True  # its marks are those of a body: the error says where it is broken
    return isinstance(body.get("deployment", body.get("endpoint")), str) and isinstance(body.get("inputs"), Mapping)


def parse_snippet(text: str | Hidden) -> Snippet:
    r"""Return what a pasted Code Snippet says.

    Examples
    --------
    >>> snippet = parse_snippet('''curl 'https://api.fetchhive.com/v1/workflow/invoke' \\
    ...   -H 'Authorization: Bearer YOUR_API_KEY' \\
    ...   --data-raw '{"deployment": "brief", "variant": "a", "inputs": {"topic": "AI"}}' ''')
    >>> snippet.request.deployment, snippet.request.inputs, snippet.key
    ('brief', {'topic': 'AI'}, None)
    """
    text = text if isinstance(text, Hidden) else Hidden(text)
    try:
        return _read(text.reveal())
    except SnippetError as exc:
        problems = exc.problems
    # Outside of the block: a traceback would show the frames in which the text is.
    raise SnippetError(problems)


def _read(text: str) -> Snippet:
    text = _unfenced(text.replace("\r\n", "\n").removeprefix("\ufeff"))
    if (dialect := _dialect_of(text)) is None:
        raise SnippetError(_not_a_snippet_message(text))
    return dialect.read(text)


def _dialect_of(text: str) -> _Dialect | None:
    """Return the dialect of the first call; ``None`` without one.

    What stands in a string of one dialect may be a call in another, also in the same line.
    """
    found = [(match.span(), dialect) for dialect in DIALECTS if (match := dialect.begins.search(text))]
    return min(found, key=lambda place: place[0])[1] if found else None


def _parse_body(text: str) -> Snippet:
    return _snippet(read_body(Word(text, [(0, 0)]), text), None, "")


def _parse_call(text: str, dialect: SdkDialect) -> Snippet:
    key = _key(key_candidates(text, dialect))  # before anything is refused: what is redacted then knows it
    return _snippet(dialect.read(text), key, "")


def _parse_command(text: str) -> Snippet:
    start = _CURL.search(text)
    if start is None:
        raise SnippetError(_not_a_snippet_message(text))
    call = read_curl(_split_command(text, start.end()))
    key = _key(_curl_key_candidates(call))  # before anything is refused: what is redacted then knows it
    url = _address(call)
    if call.body is None:
        raise SnippetError("the command has no body; paste the snippet with its --data-raw")
    if call.body.filled_in:
        raise SnippetError(
            f"the body has {short(call.body.filled_in)}, which a shell would fill in and a notebook cannot;"
            " write its value, or put the body in single quotes"
        )
    return _snippet(read_body(call.body, text), key, url)


def _unfenced(text: str) -> str:
    """Blank out the fences of Markdown around a pasted block, keeping every line in its place."""
    return _FENCE.sub("", text) if "```" in text else text


def _without_comments(text: str) -> str:
    lines = text.split("\n", 20)
    while len(lines) > 1 and (not lines[0].strip() or lines[0].lstrip().startswith(("#", "//"))):
        lines.pop(0)
    return "\n".join(lines)


def _not_a_snippet_message(text: str) -> str:
    if _is_code(_without_comments(text)):
        return (
            "this is program code without a call of an official SDK, such as client.invoke_workflow(deployment=...);"
            " choose cURL in the Code Snippet dialog, or paste the JSON body alone"
        )
    if re.search(r"\bcurl\b", text):
        return "curl is not at the beginning of a line; paste the snippet as the dialog gives it"
    return (
        "this is not a Code Snippet; paste the curl command of the Code Snippet dialog, its JSON body alone,"
        " or the call of an official SDK"
    )


_POSIX_ONLY: Final = (
    "only a POSIX curl command can be read: copy the cURL snippet for macOS and Linux, or paste its JSON body alone"
)


def _split_command(text: str, at: int) -> list[Word]:
    first_line = text[at:].split("\n", 1)[0].rstrip()
    if re.search(r"[ \t]`$", first_line):
        raise SnippetError(f"this is written for PowerShell; {_POSIX_ONLY}")
    if first_line.endswith("^") or re.match(r"[^'\"]*\s\^\"", first_line):
        raise SnippetError(f"this is written for Windows' cmd; {_POSIX_ONLY}")
    words, end = split_posix(text, at)
    if any(word.text == "^" for word in words):  # a line's end that was lost on the way
        raise SnippetError(f"this is written for Windows' cmd; {_POSIX_ONLY}")
    if _CURL.search(text, end):
        raise SnippetError("there are two curl commands here; paste one at a time")
    if any(word.text[:1] in "‘’“”" and word.text for word in words):
        raise SnippetError("the quotes were changed to typographic ones; copy the snippet from the dialog itself")
    return words


_KEY_PLACEHOLDER: Final = re.compile(
    r"|\W*YOUR\W.*|YOUR_.*|<.*>|\[.*\]|\{.*\}|\$.*|%.*%|(?:fhk_)?(?:[*.…]+|[xX]+|(?:\.\.\.|…)\w*)", re.IGNORECASE
)


def _key(candidates: Sequence[str]) -> Secret | None:
    real = [key for k in candidates if not _KEY_PLACEHOLDER.fullmatch(key := k.strip())]
    return Secret(real[-1]) if real else None


def _curl_key_candidates(call: CurlCall) -> list[str]:
    candidates = [] if call.bearer is None else [call.bearer.text]
    for header in call.headers:
        name, _, value = header.text.partition(":")
        if name.strip().lower() == "authorization":
            scheme, _, token = value.strip().partition(" ")
            candidates.append(token if scheme.lower() == "bearer" else value)
    return candidates


_OTHER_ADDRESSES: Final = {
    "/prompt/invoke": "this is the snippet of a prompt; open a workflow's deployment and copy its Code Snippet",
    "/agent/invoke": "this is the snippet of an agent; open a workflow's deployment and copy its Code Snippet",
    "/workflow/webhooks/": "this is the snippet of a webhook trigger, which has no names in it;"
    " open the workflow's deployment and copy its Code Snippet",
    "/requests/": (
        "this request retrieves an earlier run and starts none; copy the Code Snippet of a workflow's deployment"
    ),
}


def _address(call: CurlCall) -> str:
    if len(call.urls) != 1:
        count = "more than one address" if call.urls else "no address"
        raise SnippetError(f"the command has {count}; paste the snippet as the dialog gives it")
    url = _without_credentials(call.urls[0].text)
    if redact(url) != url:
        raise SnippetError("the address contains a key; paste the snippet as the dialog gives it")
    for part, refusal in _OTHER_ADDRESSES.items():
        if part in f"{url}/":
            raise SnippetError(refusal)
    if not url.endswith("/workflow/invoke"):
        raise SnippetError(f"{short(url)} is not the address of a workflow call, which ends in /workflow/invoke")
    if call.method not in (None, "POST"):
        raise SnippetError(f"the command makes a {short(call.method)[1:-1]} request; a workflow is invoked by POST")
    return url


def _without_credentials(url: str) -> str:
    """Return the address without what may hold a secret: a login, a query, a fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise SnippetError("the address cannot be read; paste the snippet as the dialog gives it") from None
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def _snippet(body: dict[str, Any], key: Secret | None, url: str) -> Snippet:
    fields, ignored = read_fields(body)
    name = fields["deployment"]
    if not isinstance(name, str) or not name.strip():
        raise SnippetError(f"the name of a deployment must be a string, not {short(name)}")
    try:
        inputs = infer(fields["inputs"])
        request = InvokeRequest(**{**fields, "deployment": name.strip()})
    except InputError as exc:
        raise SnippetError(exc.problems) from None
    return Snippet(request, inputs, key, url, ignored)


def is_placeholder(name: str | None) -> bool:
    """Whether a snippet's name stands for one of the user's own: a form shows it empty.

    Examples
    --------
    >>> is_placeholder("YOUR_DEPLOYMENT_NAME"), is_placeholder("triage")
    (True, False)
    """
    return name is not None and name.upper().startswith("YOUR_")


# --- what was lost on the way

_TOKENS: Final = re.compile(r"""(\$'(?:\\.|[^'\\])*'|'[^']*'|"(?:\\.|[^"\\])*"|\\\S)|\\[ \t]+(?=\S)""", re.DOTALL)


def unfolded(text: str) -> str:
    r"""Return a snippet whose line breaks were lost on the way as it was: a browser's box of one line drops them.

    ``curl 'https://...' \  -H '...'`` would else be read as a word of one blank.

    Examples
    --------
    >>> print(unfolded("curl 'http://x/' \\  -d '{\"a\": \"b \\\\ c\"}'"))
    curl 'http://x/' \
    -d '{"a": "b \\ c"}'
    """
    if not text.lstrip().startswith("curl"):
        return text
    return _TOKENS.sub(lambda match: match[1] or "\\\n", text)


def is_open(text: str) -> bool:
    r"""Whether the next line still belongs to what was pasted so far.

    Examples
    --------
    >>> is_open("curl 'http://x/' \\"), is_open("curl 'http://x/' -d '{"), is_open("curl 'http://x/'")
    (True, True, False)
    >>> is_open("client = FetchHive()"), is_open("client.invoke_workflow(deployment='d')")
    (True, False)
    """
    found = _dialect_of(text)
    return _is_code(text) if found is None else found.is_open(text)


def _is_open_body(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return True
    return False


def _is_open_command(text: str) -> bool:
    remainder = _TOKENS.sub("", text).rstrip(" ")
    # A command for Windows' cmd is refused whole, so its lines (`^`) are read on, too.
    return remainder.endswith(("\\", "^")) or "'" in remainder or '"' in remainder


_STRINGS_AND_COMMENTS: Final = re.compile(
    r""""(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+'|`(?:[^`\\]|\\.)*+`|\#[^\n]*|//[^\n]*""", re.DOTALL
)


def _is_open_call(text: str, dialect: SdkDialect) -> bool:
    outside = text
    if match := dialect.call.search(text):
        try:
            _, end = dialect.arguments(text, match.end())
            outside = text[: match.end() - 1] + text[end:]
        except UnclosedError:
            return True
        except SnippetError:
            pass  # it is told when the whole of it is read
    remainder = _STRINGS_AND_COMMENTS.sub("", outside)
    return sum(remainder.count(char) for char in "([{") > sum(remainder.count(char) for char in ")]}")


# --- the dialects


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dialect:
    """One spelling of a call, and how its text is recognised and read."""

    begins: re.Pattern[str]
    """Where it begins in a pasted text."""
    is_meant: Callable[[str], bool]
    """Whether a text that begins so, without comments, hardly can be anything else."""
    read: Callable[[str], Snippet]
    is_open: Callable[[str], bool]
    """Whether a part of it goes on in the next line."""


DIALECTS: Final = (
    _Dialect(begins=re.compile(r"\A\s*\{"), is_meant=_is_body, read=_parse_body, is_open=_is_open_body),
    _Dialect(begins=_CURL, is_meant=_is_curl, read=_parse_command, is_open=_is_open_command),
    *(
        _Dialect(
            begins=dialect.call,
            is_meant=partial(_is_call, dialect=dialect),
            read=partial(_parse_call, dialect=dialect),
            is_open=partial(_is_open_call, dialect=dialect),
        )
        for dialect in SDK_DIALECTS
    ),
)
"""Every spelling that is read; of two that begin at the same place, the first."""
