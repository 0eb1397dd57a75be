"""Hash that identifies rated outputs: of the row's label and each run's variant, key and output text.

Rule of this file: the order of the runs makes no difference, and what cannot be spelt as JSON has a hash all the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, Final

from fh_notebook.batching.tables.values import plain
from fh_notebook.core.json_values import is_missing

TOO_DEEP: Final = "(an output that is nested too deep to be shown)"


def stored_label(row: Any) -> str:
    """Return a row's label as it is saved."""
    return sorted_json(plain(row))


def item_of(row: Any, read: Sequence[tuple[str, str, Any]]) -> str:
    """Return the hash by which the outputs of runs with keys are known."""
    return hash_of(row, [digest_of([variant, key, text_of(output)]) for variant, key, output in read])


def hash_of(row: Any, read: Iterable[bytes]) -> str:
    """Return the hash of a row's label and the digests of its runs."""
    return sha256(stored_label(row).encode() + b"".join(sorted(read))).hexdigest()[:32]


def digest_of(read: list[str]) -> bytes:
    """Return the digest of one run: its variant, what it is known by, and its output's text."""
    return sha256(sorted_json(read).encode()).digest()


def sorted_json(value: Any) -> str:
    """Return a value as JSON with sorted keys; what is none, as Python spells it."""
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError):
        return ascii(value)


# Made once: `json.dumps` makes an encoder at each call that has options. ASCII, so that half a character has bytes.
_encode: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str).encode


def text_of(output: Any) -> str:
    """Return an output as a person reads it: a text as it is, anything else as JSON."""
    if isinstance(output, str) or is_missing(output):
        return output if isinstance(output, str) else ""
    try:
        return json.dumps(plain(output), ensure_ascii=False, indent=2, default=str)
    except RecursionError:
        return TOO_DEEP
