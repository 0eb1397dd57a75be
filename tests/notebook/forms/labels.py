"""Labels of fields: a name, and its help."""

from __future__ import annotations

import re
from html import unescape


def label_name(label: str) -> str:
    """Return a label's words without its help."""
    return _words(label.partition('<span class="fh-help"')[0])


def label_help(label: str) -> str:
    """Return a label's help."""
    return _words("".join(label.partition('<span class="fh-help"')[1:]))


def _words(markup: str) -> str:
    return unescape(re.sub("<[^>]*>", "", markup)).strip()
