"""`CanaryOptions`: the options of a canary as one frozen value.

It imports nothing of weight: the command's parser reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fh_notebook.batching.options import OptionSyntax, about, chance, check_limits, kept_name, or_none, whole

if TYPE_CHECKING:
    from fh_notebook.batching.batch import Batch


@dataclass(frozen=True, kw_only=True)
class CanaryOptions:
    """The options of :func:`fh_notebook.canary`; what each means is said there.

    Raises
    ------
    SettingsError
        An option is beyond its limits.

    Examples
    --------
    >>> CanaryOptions(variant="live", score="exact").alpha
    0.05
    """

    variant: str
    score: Any
    baseline: Batch | str | None = None
    name: str | None = field(
        default=None,
        metadata=about(
            takes=or_none(kept_name()),
            written=OptionSyntax(
                help="name of the canary (default: a hash of what is called)", reads="text", metavar="NAME"
            ),
        ),
    )
    alpha: float = field(
        default=0.05,
        metadata=about(
            takes=chance(),
            written=OptionSyntax(
                help="the chance of a false alarm over all days together (default: 0.05)",
                reads="number",
                metavar="A",
            ),
        ),
    )
    rows_per_day: int | None = field(
        default=None,
        metadata=about(
            takes=or_none(whole(1, "a whole number, at least 1")),
            written=OptionSyntax(
                help="call at most this many rows a day, UTC (default: all)", reads="whole", metavar="N"
            ),
        ),
    )
    seed: int = field(
        default=0,
        metadata=about(
            takes=whole(None, "a whole number"),
            written=OptionSyntax(
                help="seed of the order of rows and of the test (default: 0)", reads="whole", metavar="N"
            ),
        ),
    )

    def __post_init__(self) -> None:
        check_limits(self)
