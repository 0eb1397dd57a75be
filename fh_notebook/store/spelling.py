"""JSON as it is kept. No SQL here.

Rule of this file: what a model or a row says is never refused: what UTF-8 cannot say is escaped, and what has no JSON
form is its text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["spelt"]


def spelt(value: Any) -> str:
    r"""Return a value as JSON, without blanks.

    Raises
    ------
    RecursionError
        It is nested deeper than Python writes.

    Examples
    --------
    >>> spelt({"a": [1, "ä"]}), spelt("half \ud800")
    ('{"a":[1,"ä"]}', '"half \\ud800"')
    """
    text = _spell(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        # A model may answer half a character (a lone surrogate): JSON can escape it, UTF-8 cannot say it.
        return json.dumps(value, separators=(",", ":"), default=_plain)
    return text


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


# Made once: `json.dumps` makes an encoder at each call that has options.
_spell: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode
