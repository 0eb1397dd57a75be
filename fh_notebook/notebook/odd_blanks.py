"""Blanks of copied text beside a name: web pages, chats and office programs put them in, and nobody sees them. Pure.

Rule of this file: YAML takes such a blank for a letter of the name, or the name's line for a text. It is told with its
line; within a text it is the user's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from fh_notebook.contract.deployment import Deployment
from fh_notebook.notebook.text_variables import single_text

__all__ = ["odd_blank", "odd_name"]

_ODD: Final = "\u00a0\u2000-\u200b\u202f\u3000\ufeff"
_BESIDE: Final = re.compile(rf"""[ ]*(?:[{_ODD}][\s{_ODD}]*["']?([^\W\d]\w*)["']?\s*:|([^\W\d]\w*)[ ]*:[{_ODD}])""")


def odd_blank(lines: Iterable[tuple[int, str]]) -> str | None:
    r"""Say in which of the numbered `lines` of a body such a blank stands beside a name.

    Examples
    --------
    >>> odd_blank([(1, "ticket: late"), (2, "tone:\xa0calm")])
    'line 2 of the body: the blank beside tone is not that of the space bar, as in copied text; type it anew'
    """
    for number, line in lines:
        if found := _BESIDE.match(line):
            name = found[1] or found[2]
            told = f"the blank beside {name} is not that of the space bar, as in copied text; type it anew"
            return f"line {number} of the body: {told}"
    return None


def odd_name(names: Iterable[str], lines: Iterable[tuple[int, str]], deployment: Deployment) -> str | None:
    """Say where such a blank was read as a part of one of the `names`; a text that only reads as names is its own."""
    known, is_text = deployment.variable_names, single_text(deployment) is not None
    for name in names:
        bare = re.sub(rf"^[\s{_ODD}]+", "", name)
        if bare != name and name not in known and (bare.strip("\"'") in known or not is_text):
            return odd_blank(lines)
    return None
