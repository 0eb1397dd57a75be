"""Whether what a server packed may be unpacked at all.

Rule of this file: an answer is packed once, in one of the two ways that were asked for. httpx unpacks whatever is
named, also several times over; packed twice, ten kilobytes are ten gigabytes, and no limit that counts what comes out
can stop that within one piece.
"""

from __future__ import annotations

from typing import Final

import httpx

__all__ = ["ACCEPTED", "is_packed"]

ACCEPTED: Final = "gzip, deflate"
"""A piece of either becomes a thousand times as large at most."""
_ONCE: Final = frozenset({"gzip", "deflate"})
_NOT_ASKED_FOR: Final = frozenset({"br", "zstd"})
"""What httpx unpacks besides, where the packages for it are installed."""


def is_packed(encoding: str) -> bool:
    """Whether a body with this ``Content-Encoding`` must be unpacked.

    Raises
    ------
    httpx.DecodingError
        In another way than asked for, or more than once.

    Examples
    --------
    >>> is_packed("gzip"), is_packed(""), is_packed("Identity")
    (True, False, False)
    >>> is_packed("gzip, gzip")
    Traceback (most recent call last):
    ...
    httpx.DecodingError: the answer is packed as 'gzip, gzip', and only gzip, deflate was asked for
    """
    spelt = encoding.strip().lower()
    if spelt in _ONCE:
        return True
    if "," not in spelt and spelt not in _NOT_ASKED_FOR:
        return False  # not packed, whatever a proxy calls it: the answer is paid, and is read as it stands
    raise httpx.DecodingError(f"the answer is packed as {spelt[:40]!r}, and only {ACCEPTED} was asked for")
