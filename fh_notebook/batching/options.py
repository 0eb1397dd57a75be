"""`BatchOptions`: the options of a batch as one value; each field has its default, help and limits.

Rule of this file: an option is defined here once, and typed a second time as a keyword, for type checkers (a test holds
both equal). The signature of `fh.batch`, the command ``fh-notebook batch``, the line of a ``%%fetchhive`` cell, and
races read the fields. It imports nothing of weight: ``%load_ext`` reads it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict

from fh_notebook.core.arguments import ArgumentKind, is_finite
from fh_notebook.core.text.formatting import short
from fh_notebook.core.text.messages import Message, option
from fh_notebook.core.values import plain_number
from fh_notebook.errors import SettingsError

if TYPE_CHECKING:
    from os import PathLike

    from fh_notebook.batching.model import Event
    from fh_notebook.client.callbacks.receiver import CallbackReceiver
    from fh_notebook.client.clients import AsyncClient, Client

DeliveryMode = Literal["direct", "callback", "poll"]
DELIVERIES: Final = ("direct", "callback", "poll")
Reuse = Literal["batch", "store"] | timedelta | None
ReuseOption = Literal["auto"] | Reuse
"""``"auto"`` is ``"batch"`` for a batch with a name of its own, and ``"store"`` for one without."""
MAX_REPEATS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionSyntax:
    """How an option is written on a line: of a command, or of a cell."""

    help: str
    reads: Literal["flag", "whole", "number", "text", "rate", "number_or_flag"]
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    group: Literal["what", "how", "delivery"] = "how"
    """Under which heading the command's help has it."""
    in_cell: bool = False
    """Whether the line of a cell takes it, too."""
    help_in_cell: str = ""
    """Of a cell, where `help` does not hold of it."""

    def for_parser(self) -> dict[str, Any]:
        """Return how a parser of `argparse` reads it: arguments of ``add_argument``."""
        if self.reads == "flag":
            return {"action": "store_true"}
        read = {"type": _READERS[self.reads], "metavar": self.metavar, "choices": self.choices or None}
        return read | ({"nargs": "?", "const": True} if self.reads == "number_or_flag" else {})


def _number(text: str) -> float | int:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a fraction nor a count; put --fail-on-error without a value after DATA"
        ) from None


def _rate(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text  # a number with its unit: `Rate` reads it


_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "whole": int,
    "number": float,
    "text": str,
    "rate": _rate,
    "number_or_flag": _number,
}
"""How the word after an option is read."""


def about(*, takes: ArgumentKind | None = None, written: OptionSyntax | None = None) -> dict[str, Any]:
    """Return the metadata of a field of options: its limits, and how it is written on a line."""
    return {"takes": takes, "written": written}


def whole(least: int | None, words: str, most: int | None = None) -> ArgumentKind:
    """Return the kind of whole numbers between two bounds."""

    def accepts(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return (least is None or value >= least) and (most is None or value <= most)

    return ArgumentKind(words, accepts)


def or_none(kind: ArgumentKind) -> ArgumentKind:
    """Return `kind`, or ``None``, which is the default and goes without saying."""
    return ArgumentKind(kind.takes, lambda value: value is None or kind.accepts(value))


def one_of(*choices: str) -> ArgumentKind:
    """Return the kind of one of some words."""
    takes = f"{', '.join(map(repr, choices[:-1]))} or {choices[-1]!r}"
    return ArgumentKind(takes, lambda value: isinstance(value, str) and value in choices)


def chance() -> ArgumentKind:
    """Return the kind of probabilities, without 0 and 1."""
    return ArgumentKind("a number between 0 and 1", lambda value: is_finite_number(value) and 0 < value < 1)


def is_finite_number(value: object) -> bool:
    """Whether it is a finite number; true and false are none."""
    return isinstance(value, int | float) and is_finite(value)


def _is_stop_rule(value: Any) -> bool:
    return isinstance(value, bool) or (is_finite_number(value) and value > 0 and (value < 1 or value == int(value)))


def _is_reuse(value: Any) -> bool:
    is_word = isinstance(value, str) and value in ("auto", "batch", "store")
    return value is None or is_word or (isinstance(value, timedelta) and value >= timedelta(0))


def kept_name() -> ArgumentKind:
    """Return the kind of names under which something is saved."""
    return ArgumentKind(
        "a string that is not empty, does not end in .fhb (a file's name), and has no lone surrogates", _is_name
    )


def _is_name(value: Any) -> bool:
    is_text = isinstance(value, str) and bool(value.strip()) and not value.lower().endswith(".fhb")
    return is_text and not any("\ud800" <= character <= "\udfff" for character in value)


_FROM_1: Final = whole(1, "a whole number, at least 1")


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """The options of :func:`fh_notebook.batch`, in its order; what each means is said there.

    Raises
    ------
    SettingsError
        An option is beyond its limits, or two exclude each other.

    Examples
    --------
    >>> BatchOptions(repeats=3).repeats
    3
    >>> BatchOptions(repeats=0)
    Traceback (most recent call last):
    ...
    fh_notebook.errors.SettingsError: repeats is 0; give a whole number from 1 to 1,000,000
    """

    variants: Any = None
    inputs: Mapping[str, Any] | None = None
    repeats: int = field(
        default=1,
        metadata=about(
            takes=whole(1, f"a whole number from 1 to {MAX_REPEATS:,}", MAX_REPEATS),
            written=OptionSyntax(
                help="how many times each row is run through each variant",
                reads="whole",
                metavar="N",
                group="what",
                in_cell=True,
            ),
        ),
    )
    metadata: Mapping[str, Any] | None = field(
        default=None,
        metadata=about(
            takes=ArgumentKind("a mapping of names to values", lambda value: isinstance(value, Mapping | None))
        ),
    )
    name: str | None = field(
        default=None,
        metadata=about(
            takes=or_none(kept_name()),
            written=OptionSyntax(
                help="name of the batch: one name for one table; more rows extend it", reads="text", group="what"
            ),
        ),
    )
    client: Client | AsyncClient | None = None
    first: int | None = field(
        default=None,
        metadata=about(
            takes=or_none(_FROM_1),
            written=OptionSyntax(
                help="a pilot of the first N rows; run without it to continue", reads="whole", metavar="N", group="what"
            ),
        ),
    )
    sample: int | None = field(
        default=None,
        metadata=about(
            takes=or_none(_FROM_1),
            written=OptionSyntax(help="a pilot of N rows taken at random", reads="whole", metavar="N", group="what"),
        ),
    )
    max_concurrency: int | None = field(
        default=None,
        metadata=about(
            takes=or_none(whole(1, "a whole number, at least 1, or None to adapt")),
            written=OptionSyntax(help="at most N calls at once; default: adaptive", reads="whole", metavar="N"),
        ),
    )
    max_calls: int | None = field(
        default=None,
        metadata=about(
            takes=or_none(whole(0, "a whole number, at least 0")),
            written=OptionSyntax(
                help="at most N requests now; the rest stays pending",
                reads="whole",
                metavar="N",
                in_cell=True,
                help_in_cell="at most N requests: more are refused; with --over, the rest stays pending",
            ),
        ),
    )
    max_seconds: float | None = field(
        default=None,
        metadata=about(
            takes=ArgumentKind(
                "a finite number above 0, or None for no limit",
                lambda value: value is None or (is_finite_number(value) and value > 0),
            ),
            written=OptionSyntax(help="start no calls after this time", reads="number", metavar="S"),
        ),
    )
    max_cost: float | None = field(
        default=None,
        metadata=about(
            takes=ArgumentKind(
                "an amount, at least 0, in the currency of price_per_call",
                lambda value: value is None or (is_finite_number(value) and value >= 0),
            ),
            written=OptionSyntax(help="spend at most this amount, by the price of a call", reads="number", metavar="X"),
        ),
    )
    rate: float | str | None = field(
        default=None,
        metadata=about(
            written=OptionSyntax(help="calls per second, or a string like 30/min", reads="rate", metavar="R")
        ),
    )
    fail_on_error: bool | float | int = field(
        default=False,
        metadata=about(
            takes=ArgumentKind("True, False, a fraction below 1, or a count", _is_stop_rule),
            written=OptionSyntax(
                help="stop at the first error, at a fraction of the calls (below 1), or at a number of errors",
                reads="number_or_flag",
                metavar="X",
            ),
        ),
    )
    on_invalid: Literal["raise", "skip"] = field(
        default="raise",
        metadata=about(
            takes=one_of("raise", "skip"),
            written=OptionSyntax(
                help="what to do with rows whose inputs do not fit (default: raise)",
                reads="text",
                choices=("raise", "skip"),
                group="what",
            ),
        ),
    )
    fresh: bool = field(default=False, metadata=about(written=OptionSyntax(help="call everything again", reads="flag")))
    reuse: ReuseOption = field(
        default="auto",
        metadata=about(
            takes=ArgumentKind("'auto', 'batch', 'store', a timedelta that is not negative, or None", _is_reuse),
            written=OptionSyntax(
                help="which saved answers are reused (default: auto, with --name those of that name, otherwise all)",
                reads="text",
                choices=("auto", "batch", "store", "none"),
            ),
        ),
    )
    retry_unknown: bool = field(
        default=False,
        metadata=about(
            written=OptionSyntax(
                help=("call jobs of unknown outcome again (they may have run), except those that wait for a decision"),
                reads="flag",
            )
        ),
    )
    replace: bool = field(
        default=False,
        metadata=about(
            written=OptionSyntax(
                help="if another table is saved under the name, rename that one to NAME@TIME and start over",
                reads="flag",
                group="what",
            ),
        ),
    )
    wait: bool = True
    wait_for_reset: bool = field(
        default=False,
        metadata=about(written=OptionSyntax(help="sleep until a used-up daily cap is renewed", reads="flag")),
    )
    dry_run: bool = field(
        default=False,
        metadata=about(
            written=OptionSyntax(help="show the calls that would be made, and make none", reads="flag", in_cell=True)
        ),
    )
    progress: Any = True
    on_event: Callable[[Event], object] | None = field(
        default=None,
        metadata=about(
            takes=ArgumentKind("a function that takes an event", lambda value: value is None or callable(value))
        ),
    )
    delivery: DeliveryMode = field(
        default="direct",
        metadata=about(
            takes=one_of(*DELIVERIES),
            written=OptionSyntax(
                help="how answers arrive: in the response (default), by callback, or by polling (poll)",
                reads="text",
                choices=DELIVERIES,
                group="delivery",
                in_cell=True,
                help_in_cell=(
                    "how answers arrive: direct; callback or poll: the cell ends at once and shows its answers "
                    "when they arrive"
                ),
            ),
        ),
    )
    receiver: CallbackReceiver | None = None
    dask: Any = None
    parts: str | PathLike[str] | None = None
    save_assets: str | PathLike[str] | None = field(
        default=None,
        metadata=about(
            written=OptionSyntax(
                help="save the files of the runs in this folder, before their addresses expire",
                reads="text",
                metavar="FOLDER",
            ),
        ),
    )

    def __post_init__(self) -> None:
        check_limits(self)
        if self.first is not None and self.sample is not None:
            raise SettingsError(Message("give {} or {}, not both", (option("first", ...), option("sample", ...))))
        if self.receiver is not None and self.delivery != "callback":
            raise SettingsError(f"a receiver is for delivery='callback', not for {self.delivery!r}")


class SharedKeywords(TypedDict, total=False):
    """The options of a batch that a race has, too, as keywords."""

    variants: Any
    inputs: Mapping[str, Any] | None
    repeats: int
    metadata: Mapping[str, Any] | None
    name: str | None
    client: Client | AsyncClient | None
    max_concurrency: int | None
    max_calls: int | None
    max_seconds: float | None
    max_cost: float | None
    rate: float | str | None
    fail_on_error: bool | float | int
    on_invalid: Literal["raise", "skip"]
    reuse: ReuseOption
    retry_unknown: bool
    dry_run: bool
    progress: Any
    on_event: Callable[[Event], object] | None
    delivery: DeliveryMode
    receiver: CallbackReceiver | None


class BatchKeywords(SharedKeywords, total=False):
    """The options of a batch, as keywords of :func:`fh_notebook.batch`."""

    first: int | None
    sample: int | None
    fresh: bool
    replace: bool
    wait: bool
    wait_for_reset: bool
    dask: Any
    parts: str | PathLike[str] | None
    save_assets: str | PathLike[str] | None


def defaults_of(options: type[Any]) -> dict[str, Any]:
    """Return what each field of `options` is when it is not given, in their order."""
    return {option.name: option.default for option in fields(options) if option.default is not MISSING}


def check_option(name: str, value: Any) -> Any:
    """Return `value` if it is within the limits of the batch option `name`; a number of numpy as Python's own."""
    return _checked(name, value, _limits(BatchOptions)[name])


def check_limits(options: Any) -> None:
    """Raise unless every field of `options` is within its limits; numbers of numpy become Python's own."""
    for name, kind in _limits(type(options)).items():
        object.__setattr__(options, name, _checked(name, getattr(options, name), kind))  # the dataclass is frozen


def _checked(name: str, value: Any, kind: ArgumentKind) -> Any:
    plain = plain_number(value)
    if not kind.accepts(plain):
        raise SettingsError(Message("{} is {}; give {}", (option(name), short(plain), kind.takes)))
    return plain


def _limits(options: type[Any]) -> dict[str, ArgumentKind]:
    return {option.name: takes for option in fields(options) if (takes := option.metadata.get("takes"))}


def bounded_options(options: type[Any]) -> frozenset[str]:
    """Return the names of the fields of `options` that have limits."""
    return frozenset(_limits(options))


def written_options(options: type[Any], *, in_cell: bool = False) -> dict[str, OptionSyntax]:
    """Return how the fields of `options` are written on the line of a command, or of a cell, by their names.

    Examples
    --------
    >>> list(written_options(BatchOptions, in_cell=True))
    ['repeats', 'max_calls', 'dry_run', 'delivery']
    """
    syntaxes = {option.name: option.metadata.get("written") for option in fields(options)}
    return {name: written for name, written in syntaxes.items() if written and (written.in_cell or not in_cell)}
