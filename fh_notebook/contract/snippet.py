"""A pasted Code Snippet of a workflow, read; nothing is ever executed, fetched or opened.

Rule of this file: a snippet that is not understood wholly is refused with a line that says what it is and what to do,
and a workspace key in it leaves as a `Secret` or not at all: no error and no repr shows it.

The shapes are those of CONTRACT section 9: curl for a POSIX shell, and the JSON body alone. The way
back, :func:`to_curl` and :func:`to_python`, is in `snippet_write`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from fh_notebook.contract.curl import CurlCall, read_curl
from fh_notebook.contract.infer import infer
from fh_notebook.contract.models import InvokeRequest
from fh_notebook.contract.shell_posix import split_posix
from fh_notebook.contract.shell_word import Word
from fh_notebook.contract.snippet_body import read_body, read_fields
from fh_notebook.contract.snippet_write import to_curl, to_python
from fh_notebook.contract.spell import short
from fh_notebook.errors import InputError, SnippetError
from fh_notebook.values import Hidden, Secret, redact

__all__ = [
    "Snippet",
    "is_open",
    "is_placeholder",
    "looks_like_snippet",
    "parse_snippet",
    "to_curl",
    "to_python",
    "unfolded",
]


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
    """The workspace key, where the snippet has a real one; ``YOUR_API_KEY`` and its like are none."""
    url: str = ""
    """The address called, without any query or login; empty for a body alone."""
    ignored: tuple[str, ...] = ()
    """Fields of the body that a workflow call is not known to take, and that are not in `request`."""

    def __repr__(self) -> str:
        # A key may have slipped to anywhere in what was pasted.
        return redact(f"Snippet({self.request!r}, {self.inputs!r}, url={self.url!r}, ignored={self.ignored!r})")


_CURL: Final = re.compile(r"^[ \t]*(?:[$%>][ \t]+)?(?=curl(?:\.exe)?[ \t\u00a0\\^])", re.MULTILINE)
_FENCE: Final = re.compile(r"^[ \t]*```[^\n]*$", re.MULTILINE)
_BODY_MARKS: Final = ('"deployment"', '"inputs"')
_CODE: Final = re.compile(
    r"^\s*(?:import (?:requests|httpx|json)\b|from \w+ import\b|(?:const|let|var) \w+|(?:await )?fetch\(|require\()"
)


def looks_like_snippet(text: str) -> bool:
    """Return whether `text` is meant as a Code Snippet, so that :func:`parse_snippet` should read it or refuse it.

    Examples
    --------
    >>> looks_like_snippet("curl 'https://api.fetchhive.com/v1/workflow/invoke'"), looks_like_snippet("curl my hair")
    (True, False)
    >>> looks_like_snippet('{"ticket": "late"}'), looks_like_snippet('{"deployment": "d", "inputs": {}}')
    (False, True)
    """
    start = _unfenced(text.removeprefix("\ufeff")).lstrip()
    head = _without_comments(start)[:200]
    if _CURL.match(head):
        return any(mark in start for mark in ("://", "/invoke", "--data", "--json", " -d", " -X", " -H"))
    if start.startswith("{"):
        return all(mark in start for mark in _BODY_MARKS) and _is_body(start)
    return bool(_CODE.match(start)) and "/invoke" in start


def _is_body(text: str) -> bool:
    try:
        body = read_body(Word(text, [(0, 0)]), text)
    except SnippetError:
        return True  # its marks are those of a body: the error says where it is broken
    return isinstance(body.get("deployment"), str) and isinstance(body.get("inputs"), Mapping)


def parse_snippet(text: str | Hidden) -> Snippet:
    r"""Return what a pasted Code Snippet says.

    Parameters
    ----------
    text : str or Hidden
        A curl command in POSIX quoting, or the JSON body of the call alone.

    Raises
    ------
    SnippetError
        With every problem: not a snippet of a workflow, a broken body (with line and column), a file to be read.

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
    except SnippetError as broken:
        problems = broken.problems
    # Outside of the block: a traceback would show the frames in which the text is.
    raise SnippetError(problems)


def _read(text: str) -> Snippet:
    text = _unfenced(text.replace("\r\n", "\n").removeprefix("\ufeff"))
    if text.lstrip().startswith("{"):
        return _snippet(read_body(Word(text, [(0, 0)]), text), None, "")
    return _of_command(text)


def _of_command(text: str) -> Snippet:
    start = _CURL.search(text)
    if start is None:
        raise SnippetError(_what_else(text))
    call = read_curl(_words(text, start.end()))
    key = _key(call)  # before anything is refused: what is redacted then knows it
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
    while len(lines) > 1 and (not lines[0].strip() or lines[0].lstrip().startswith("#")):
        lines.pop(0)
    return "\n".join(lines)


def _what_else(text: str) -> str:
    if _CODE.match(text):
        return "this is program code; choose cURL in the Code Snippet dialog, or paste the JSON body alone"
    if re.search(r"\bcurl\b", text):
        return "the line with curl is not at the beginning of a line; paste the snippet as the dialog gives it"
    return "this is not a Code Snippet; paste the curl command of the Code Snippet dialog, or its JSON body alone"


_POSIX_ONLY: Final = (
    "a POSIX curl command is read: copy the cURL snippet for macOS and Linux, or paste its JSON body alone"
)


def _words(text: str, at: int) -> list[Word]:
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
        raise SnippetError("the quotes were made typographic on the way; copy the snippet from the dialog itself")
    return words


_KEY_PLACEHOLDER: Final = re.compile(
    r"|\W*YOUR\W.*|YOUR_.*|<.*>|\[.*\]|\{.*\}|\$.*|%.*%|(?:fhk_)?(?:[*.…]+|[xX]+|(?:\.\.\.|…)\w*)", re.IGNORECASE
)


def _key(call: CurlCall) -> Secret | None:
    given = [] if call.bearer is None else [call.bearer.text]
    for header in call.headers:
        name, _, value = header.text.partition(":")
        if name.strip().lower() == "authorization":
            scheme, _, token = value.strip().partition(" ")
            given.append(token if scheme.lower() == "bearer" else value)
    real = [key for k in given if not _KEY_PLACEHOLDER.fullmatch(key := k.strip())]
    return Secret(real[-1]) if real else None


_OTHERS: Final = {
    "/prompt/invoke": "this is the snippet of a prompt; open a workflow's deployment and copy its Code Snippet",
    "/agent/invoke": "this is the snippet of an agent; open a workflow's deployment and copy its Code Snippet",
    "/workflow/webhooks/": "this is the snippet of a webhook trigger, which has no names in it;"
    " open the workflow's deployment and copy its Code Snippet",
    "/requests/": "this asks for an earlier run and starts none; copy the Code Snippet of a workflow's deployment",
}


def _address(call: CurlCall) -> str:
    if len(call.urls) != 1:
        many = "more than one address" if call.urls else "no address"
        raise SnippetError(f"the command has {many}; paste the snippet as the dialog gives it")
    url = _bare(call.urls[0].text)
    if redact(url) != url:
        raise SnippetError("a key stands in the address; paste the snippet as the dialog gives it")
    for part, refusal in _OTHERS.items():
        if part in f"{url}/":
            raise SnippetError(refusal)
    if not url.endswith("/workflow/invoke"):
        raise SnippetError(f"{short(url)} is not the address of a workflow call, which ends in /workflow/invoke")
    if call.method not in (None, "POST"):
        raise SnippetError(f"the command makes a {short(call.method)[1:-1]} request; a workflow is invoked by POST")
    return url


def _bare(url: str) -> str:
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
        raise SnippetError(f"a deployment needs its name as a string, not {short(name)}")
    try:
        inputs = infer(fields["inputs"])
        request = InvokeRequest(**{**fields, "deployment": name.strip()})
    except InputError as broken:
        raise SnippetError(broken.problems) from None
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
    return _TOKENS.sub(lambda found: found[1] or "\\\n", text)


def is_open(text: str) -> bool:
    r"""Whether the next line still belongs to what was pasted so far.

    Examples
    --------
    >>> is_open("curl 'http://x/' \\"), is_open("curl 'http://x/' -d '{"), is_open("curl 'http://x/'")
    (True, True, False)
    """
    if text.lstrip().startswith("{"):
        try:
            json.loads(text)
        except ValueError:
            return True
        return False
    rest = _TOKENS.sub("", text).rstrip(" ")
    # A command for Windows' cmd is refused whole, so its lines (`^`) are read on, too.
    return rest.endswith(("\\", "^")) or "'" in rest or '"' in rest
