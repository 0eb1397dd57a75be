"""Whether a number is a multiple of another one, in decimals as people write them. Pure.

Rule of this file: a float is the decimal that it is written as. 0.7 is a multiple of 0.1, though in binary the rest of
the division is 0.09999999999999995.
"""

from __future__ import annotations

import math
from fractions import Fraction

__all__ = ["exact", "is_multiple"]


def exact(number: float) -> Fraction:
    """Return the decimal that `number` is written as.

    Raises
    ------
    ValueError
        It is not finite.
    TypeError
        It is no number that JSON has.

    Examples
    --------
    >>> exact(0.1) + exact(0.2) == exact(0.3)
    True
    """
    # Python writes no more than 4,300 digits of an integer; the integer itself is exact.
    return Fraction(number) if isinstance(number, int) else Fraction(float.__repr__(number))


def is_multiple(number: float, of: float) -> bool:
    """Return whether `number` is a multiple of `of`; nan and infinity are none.

    Examples
    --------
    >>> is_multiple(0.7, 0.1), is_multiple(4232.53, 0.01), is_multiple(0.75, 0.1), is_multiple(1e308, 1e-300)
    (True, True, False, True)
    """
    return not (isinstance(number, float) and not math.isfinite(number)) and exact(number) % exact(of) == 0
