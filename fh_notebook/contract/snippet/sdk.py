"""Parser of the calls of the official SDKs, in Python, TypeScript, PHP and Ruby: the body that they would send.

Rules of this file:

1. Only the call is read, by its literal arguments (:mod:`~fh_notebook.contract.snippet.literals`); the code around it
   is looked at for a key alone.
2. The spellings are those of the vendor's pages (CONTRACT section 10): ``async_mode`` and ``callback_url`` are the
   body's ``async``, and names in camel case are taken as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from fh_notebook.contract.snippet.literals import (
    PHP,
    TYPESCRIPT,
    read_arguments,
    read_python_arguments,
    read_ruby_arguments,
)
from fh_notebook.errors import SnippetError

_METHOD_NAME: Final = r"invoke_?(?P<kind>workflow|prompt|agent|hive_?agent)(?:_?stream)?"

_METHOD: Final = rf"{_METHOD_NAME}\s*\("

# A comment that shows a call makes none, also behind code.
_LINE: Final = r"(?im)^(?![ \t]*(?:#|//|\*))(?:(?![ \t](?:#|//))[^\n])*?"

_RUBY_ARGUMENTS: Final = (
    r"(?=(?:\s|\#[^\n]*+)*+(?:[^\W\d]\w*\s*:(?!:)|:\w|\{\s*(?:[^\W\d]\w*\s*:|:\w)"
    r"""|(?:\{\s*)?["'][^"'\n]*["']\s*=>))"""
)

_RUBY_PAIR: Final = r"""(?=\w++:(?!:)|:\w++\s*=>|["'][^"'\n]*["']\s*(?:=>|:))"""
"""What a call without brackets begins with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SdkDialect:
    """The spelling of one SDK."""

    name: str
    call: re.Pattern[str]
    """The beginning of a call, up to its opening bracket, or up to its arguments where it has none."""
    arguments: Callable[[str, int], tuple[dict[str, Any], int]]
    """Reads the arguments that begin at a position, and says where the call ends."""

    def read(self, text: str) -> dict[str, Any]:
        """Return the JSON body of the one call in `text`."""
        match = self.call.search(text)
        if match is None:
            raise SnippetError("this code has no call of the SDK; paste the snippet as the dialog gives it")
        if (kind := match["kind"].lower()) != "workflow":
            noun = "a prompt" if kind == "prompt" else "an agent"
            raise SnippetError(f"this is the snippet of {noun}; open a workflow's deployment and copy its Code Snippet")
        arguments, end = self.arguments(text, match.end())
        if self.call.search(text[end:]):  # also on the same line
            raise SnippetError("there are two calls of the SDK here; paste one at a time")
        return _body(arguments)


SDK_DIALECTS: Final = (
    SdkDialect(
        name="PHP",
        call=re.compile(rf"{_LINE}->\s*{_METHOD}"),
        arguments=partial(read_arguments, language=PHP),
    ),
    SdkDialect(
        name="TypeScript",
        call=re.compile(rf"{_LINE}\.\s*(?-i:(?=invoke[A-Z])){_METHOD}"),
        arguments=partial(read_arguments, language=TYPESCRIPT),
    ),
    SdkDialect(
        name="Ruby",
        call=re.compile(
            rf"{_LINE}\.\s*(?=invoke_){_METHOD_NAME}(?:\s*\({_RUBY_ARGUMENTS}|[^\S\n]++(?:\\\n\s*+)?{_RUBY_PAIR})"
        ),
        arguments=read_ruby_arguments,
    ),
    SdkDialect(
        name="Python",
        call=re.compile(rf"{_LINE}\.\s*(?=invoke_){_METHOD}"),
        arguments=read_python_arguments,
    ),
)
"""Each SDK; where two begin at the same place, the first has more to say for itself."""


def _body(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body that an SDK makes of its arguments."""
    body = {_SNAKE.get(name, name): value for name, value in arguments.items()}
    for name in ("inputs", "metadata"):
        if body.get(name) == []:  # PHP has one empty array for lists and objects
            body[name] = {}
    if isinstance(body.get("async"), dict):
        body["async"] = {_SNAKE.get(name, name): value for name, value in body["async"].items()}
    enabled, url = body.pop("async_mode", None), body.pop("callback_url", None)
    if enabled:
        body["async"] = {"enabled": enabled, "callback_url": url}
    if body.get("variant") == "":  # the default of the SDKs
        del body["variant"]
    return body


_SNAKE: Final = {"asyncMode": "async_mode", "callbackUrl": "callback_url", "toolApproval": "tool_approval"}

_KEY: Final = re.compile(r"""api_?key\b['"]?\s*(?::|=>|=)\s*(['"`])([^'"`\n]*)\1""", re.IGNORECASE)


def key_candidates(text: str, dialect: SdkDialect) -> list[str]:
    """Return every string that the code before the call's arguments calls an API key, such as of the constructor.

    Examples
    --------
    >>> key_candidates("new FetchHive({ apiKey: 'YOUR_API_KEY' })", SDK_DIALECTS[1])
    ['YOUR_API_KEY']
    """
    call = dialect.call.search(text)
    return [match[2] for match in _KEY.finditer(text, 0, call.end() if call else len(text))]
