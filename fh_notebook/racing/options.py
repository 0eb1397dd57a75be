"""`RaceOptions`: the options of a race and of its batch, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, Literal, Unpack

from fh_notebook.batching.options import (
    BatchKeywords,
    BatchOptions,
    OptionSyntax,
    SharedKeywords,
    about,
    chance,
    check_limits,
    defaults_of,
    is_finite_number,
    one_of,
    or_none,
    whole,
)
from fh_notebook.core.arguments import ArgumentKind

if TYPE_CHECKING:
    from fh_notebook.racing.scores import Bounds

NOT_OF_A_RACE: Final = tuple(
    name for name in BatchKeywords.__annotations__ if name not in SharedKeywords.__annotations__
)
"""Options of a batch that a race has not: it takes rows until it is clear, from all of them, in this process."""
_REUSE: Final = "store"
"""By default a race takes the answers of others, too."""

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
            takes=chance(),
            written=OptionSyntax(help="the chance of a wrong claim (default: 0.05)", reads="number", metavar="A"),
        ),
    )
    min_difference: float | None = field(
        default=None,
        metadata=about(
            takes=or_none(
                ArgumentKind(
                    "a number above 0, in the unit of the score", lambda value: is_finite_number(value) and value > 0
                )
            ),
            written=OptionSyntax(help="also stop when no larger difference is left", reads="number", metavar="D"),
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
            written=OptionSyntax(help="seed of the order of rows (default: 0)", reads="whole", metavar="N"),
        ),
    )
    batch: BatchOptions = field(default_factory=lambda: BatchOptions(reuse=_REUSE))

    def __post_init__(self) -> None:
        check_limits(self)

    @classmethod
    def of(cls, *, score: Any, **options: Unpack[RaceKeywords]) -> RaceOptions:
        """Return the options that the keywords of :func:`fh_notebook.race` mean."""
        names = {option.name for option in fields(cls)}
        of_race: dict[str, Any] = {name: value for name, value in options.items() if name in names}
        of_batch: dict[str, Any] = {name: value for name, value in options.items() if name not in names}
        return cls(score=score, batch=BatchOptions(**{"reuse": _REUSE, **of_batch}), **of_race)


class RaceKeywords(SharedKeywords, total=False):
    """The options of a race but for its score, as keywords of :func:`fh_notebook.race`."""

    alpha: float
    min_difference: float | None
    patience: int | None
    lookahead: int | None
    bounds: Bounds
    failed: Literal["drop", "zero"]
    seed: int


def race_defaults() -> dict[str, Any]:
    """Return what each keyword of a race is when it is not given, in their order."""
    of_batch = {name: value for name, value in defaults_of(BatchOptions).items() if name not in NOT_OF_A_RACE}
    return {**defaults_of(RaceOptions), **of_batch, "reuse": _REUSE}
