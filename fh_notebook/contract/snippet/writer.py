"""Writer of snippets: a call as curl for a POSIX shell, as a command of PowerShell, or as Python.

Rule of this file: never a real key. A command has a placeholder for it, and Python reads it from where it belongs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fh_notebook.contract.invoke_request import InvokeRequest

# What JSON may hold as it is and a terminal or a page would not show as it is.
_INVISIBLE: Final = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def to_curl(request: InvokeRequest, *, base_url: str) -> str:
    r"""Return the curl command of a call, for a POSIX shell.

    Examples
    --------
    >>> print(to_curl(InvokeRequest(deployment="brief", variant="a"), base_url="https://api.fetchhive.com/v1"))
    curl 'https://api.fetchhive.com/v1/workflow/invoke' \
      -H 'Authorization: Bearer YOUR_API_KEY' \
      -H 'Content-Type: application/json' \
      -H 'Accept: application/json' \
      --data-raw '{
        "deployment": "brief",
        "variant": "a",
        "inputs": {}
      }' \
      --compressed
    """
    body = json.dumps(request.body(), ensure_ascii=False, indent=2, allow_nan=False).replace("\n", "\n  ")
    body = _INVISIBLE.sub(lambda m: f"\\u{ord(m[0]):04x}", body)
    lines = [
        f"curl {_quoted(base_url.rstrip('/') + '/workflow/invoke')}",
        "-H 'Authorization: Bearer YOUR_API_KEY'",
        "-H 'Content-Type: application/json'",
        "-H 'Accept: application/json'",
        f"--data-raw {_quoted(body)}",
        "--compressed",
    ]
    return " \\\n  ".join(lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def to_powershell(request: InvokeRequest, *, base_url: str) -> str:
    """Return the command of a call for PowerShell 5.1 and later, with ``YOUR_API_KEY`` in place of a key.

    It is not curl: that name is an alias of another program in 5.1, and the versions differ in how they pass quotes to
    a program. The body is ASCII, as 5.1 sends no other encoding faithfully and each version takes curly quotes for
    straight ones.

    Examples
    --------
    >>> print(to_powershell(InvokeRequest(deployment="brief", variant="a"), base_url="https://api.fetchhive.com/v1"))
    Invoke-RestMethod 'https://api.fetchhive.com/v1/workflow/invoke' -Method Post `
      -Headers @{Authorization = 'Bearer YOUR_API_KEY'} `
      -ContentType 'application/json' `
      -Body '{"deployment": "brief", "variant": "a", "inputs": {}}' | ConvertTo-Json -Depth 9
    """
    body = _INVISIBLE.sub(lambda m: f"\\u{ord(m[0]):04x}", json.dumps(request.body(), allow_nan=False))
    url, body = (text.replace("'", "''") for text in (base_url.rstrip("/") + "/workflow/invoke", body))
    return (
        f"Invoke-RestMethod '{url}' -Method Post `\n  -Headers @{{Authorization = 'Bearer YOUR_API_KEY'}} `\n"
        f"  -ContentType 'application/json' `\n  -Body '{body}' | ConvertTo-Json -Depth 9"
    )


def to_python(request: InvokeRequest) -> str:
    """Return the Python code of a call.

    Examples
    --------
    >>> print(to_python(InvokeRequest(deployment="brief", variant="a", inputs={"topic": "AI"})))
    import fh_notebook as fh
    <BLANKLINE>
    run = fh.Client().invoke(
        'brief',
        variant='a',
        inputs={
            'topic': 'AI',
        },
    )
    """
    keywords = {
        "variant": request.variant,
        "inputs": request.inputs,
        "metadata": request.metadata,
        "callback_url": request.callback_url,
        "user": request.user,
        "tool_approval": request.tool_approval,
    }
    lines = [f"    {request.deployment!r},"]
    for name, value in keywords.items():
        if value is not None:
            lines.append(f"    {name}={python_literal(value, indent='    ')},")
    inside = "\n".join(lines)
    return f"import fh_notebook as fh\n\nrun = fh.Client().invoke(\n{inside}\n)"


def python_literal(value: Any, *, indent: str = "") -> str:
    """Return a JSON value as Python code, one entry a line; what is not JSON is its repr.

    Examples
    --------
    >>> print(python_literal({"n": 3, "none": None}))
    {
        'n': 3,
        'none': None,
    }
    """
    return "".join(_literal(value, indent))


def _literal(value: Any, indent: str) -> Iterator[str]:
    """Yield a JSON value as Python, one entry a line."""
    deeper = f"{indent}    "
    if isinstance(value, Mapping) and value:
        yield "{\n"
        for name, item in value.items():
            yield f"{deeper}{name!r}: "
            yield from _literal(item, deeper)
            yield ",\n"
        yield f"{indent}}}"
    elif isinstance(value, list | tuple) and value:
        yield "[\n"
        for item in value:
            yield deeper
            yield from _literal(item, deeper)
            yield ",\n"
        yield f"{indent}]"
    else:
        yield "{}" if isinstance(value, Mapping) else "[]" if isinstance(value, tuple) else repr(value)
