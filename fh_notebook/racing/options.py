"""`RaceOptions`: what can be asked of a race, as one value: its own options, and those of its batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from fh_notebook.arguments import Kind
from fh_notebook.batching.options import (
    BatchOptions,
    Written,
    about,
    check_limits,
    is_finite_number,
    one_of,
    or_none,
    whole,
)

if TYPE_CHECKING:
    from fh_notebook.racing.scale import Bounds

__all__ = ["NOT_OF_A_RACE", "RaceOptions"]

NOT_OF_A_RACE: Final = ("first", "sample", "fresh", "replace", "wait", "wait_for_reset", "dask", "parts")
"""Options of a batch that a race has not: it takes rows until it is clear, from all of them, in this process."""

_FROM_1: Final = or_none(whole(1, "a whole number of rows from 1"))


@dataclass(frozen=True, kw_only=True)
class RaceOptions:
    """The options of :func:`fh_notebook.race`; what each means is said there.

    Raises
    ------
    SettingsError
        An option is beyond its limits.

    Examples
    --------
    >>> RaceOptions(score="exact").alpha
    0.05
    """

    score: Any
    alpha: float = field(
        default=0.05,
        metadata=about(
            takes=Kind("a number between 0 and 1", lambda value: is_finite_number(value) and 0 < value < 1),
            written=Written(help="the chance of a wrong claim (default: 0.05)", reads="number", metavar="A"),
        ),
    )
    min_difference: float | None = field(
        default=None,
        metadata=about(
            takes=or_none(
                Kind("a number above 0, in the unit of the score", lambda value: is_finite_number(value) and value > 0)
            ),
            written=Written(help="stop as well when no larger difference is left", reads="number", metavar="D"),
        ),
    )
    patience: int | None = field(default=None, metadata=about(takes=_FROM_1))
    lookahead: int | None = field(default=None, metadata=about(takes=_FROM_1))
    bounds: Bounds = None
    failed: Literal["drop", "zero"] = field(default="drop", metadata=about(takes=one_of("drop", "zero")))
    seed: int = field(
        default=0,
        metadata=about(
            takes=whole(None, "a whole number"),
            written=Written(help="of the order of rows (default: 0)", reads="whole", metavar="N"),
        ),
    )
    batch: BatchOptions = field(default_factory=lambda: BatchOptions(reuse="store"))

    def __post_init__(self) -> None:
        check_limits(self)
