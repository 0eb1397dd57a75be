"""A user's function as a scorer: ``(run)`` or ``(run, row)``, sync or async.

Rule of this file: the function is called as it is; its signature says what it needs, its source what its version is.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, overload

from fh_notebook import arguments
from fh_notebook.comparing.scorer_base import Scorer, number_of
from fh_notebook.comparing.scorer_version import versioned
from fh_notebook.contract.run import Run
from fh_notebook.contract.spell import short
from fh_notebook.errors import InputError

__all__ = ["scorer"]

AT_ONCE: Final = 8
"""How many runs an async scorer scores at once, unless it says otherwise."""

_READY: Final = f"{__package__}.scorers"
"""Its functions make scorers, and are none. It imports this module, so it is looked up when asked."""


@overload
def scorer(
    function: Callable[..., Any],
    *,
    name: str | None = ...,
    version: str | int | None = ...,
    max_concurrency: int = ...,
    lower_is_better: bool = ...,
    bounds: tuple[float, float] | None = ...,
) -> Scorer: ...


@overload
def scorer(
    function: None = ...,
    *,
    name: str | None = ...,
    version: str | int | None = ...,
    max_concurrency: int = ...,
    lower_is_better: bool = ...,
    bounds: tuple[float, float] | None = ...,
) -> Callable[[Callable[..., Any]], Scorer]: ...


def scorer(
    function: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    version: str | int | None = None,
    max_concurrency: int = AT_ONCE,
    lower_is_better: bool = False,
    bounds: tuple[float, float] | None = None,
) -> Scorer | Callable[[Callable[..., Any]], Scorer]:
    """Return a function of your own as a scorer; also a decorator. ``compare(..., score=function)`` does it by itself.

    Parameters
    ----------
    function : function of a run, or of a run and its row
        Gives true, false, a number, an object of such parts (``score`` among them is the score, else their mean is), or
        ``None`` for no score. It may be async: it then runs on the background loop.
    name : str, optional
        What stands above the table; the function's own by default.
    version : str or int, optional
        Under which its scores are kept: it is scored anew when you give another one. By default a hash of its source,
        its default arguments, the constants that it reads, the versions of the libraries that it reads, and the same of
        the Python functions that it calls. A function that reads anything else, such as a list or a client, or has no
        source has no version: its scores are not kept, and one line says so.
    max_concurrency : int
        How many runs an async function scores at once.
    lower_is_better : bool
        As with seconds, or with errors.
    bounds : (lowest, highest), optional
        Between which its scores are, such as 1 and 5: no interval of a mean leaves them. By default what the scores
        show: 0 to 1, -1 to 1, from 0 on, or any number.

    Raises
    ------
    InputError
        It is no function, or the options cannot be meant.

    Examples
    --------
    >>> @scorer(version=2)
    ... def words(run):
    ...     return len(run.text.split())
    >>> words(Run(status="completed", output="one two")), words.version
    (2, 'words 2')
    """
    arguments.check(scorer, locals(), but={"bounds"})
    if function is None:
        return lambda given: _made(given, name, version, max_concurrency, lower_is_better, bounds)
    return _made(function, name, version, max_concurrency, lower_is_better, bounds)


def scorer_of(function: Any) -> Scorer:
    """Return the scorer of a function that was given as a score.

    Raises
    ------
    InputError
        It is no function, or cannot score.
    """
    return _made(function, None, None, AT_ONCE, False, None)


def _made(
    function: Callable[..., Any],
    name: str | None,
    version: str | int | None,
    max_concurrency: int,
    lower: bool,
    bounds: Any,
) -> Scorer:
    if not callable(function):
        raise InputError(f"score is {short(function)}; give a column's name, a function of a run, or None")
    called = getattr(function, "__name__", "")
    if inspect.isfunction(function) and getattr(sys.modules.get(_READY), called, None) is function:
        raise InputError(f"score is fh.score.{called} itself, which makes a scorer; call it: fh.score.{called}(...)")
    if isinstance(max_concurrency, bool) or not isinstance(max_concurrency, int) or max_concurrency < 1:
        raise InputError(f"max_concurrency is {short(max_concurrency)}; give a whole number from 1")
    if version is not None and (isinstance(version, bool) or not isinstance(version, str | int) or version == ""):
        raise InputError(f"version is {short(version)}; give a text or a number, another one when the function changes")
    ends = None if bounds is None else _ends(bounds)
    named = name or str(getattr(function, "name", "") or getattr(function, "__name__", "") or "score")
    reads_row = _takes_row(function)

    def score(run: Run, row: Mapping[str, Any]) -> Any:
        return function(run, dict(row)) if reads_row else function(run)

    return versioned(
        Scorer(
            named,
            score,
            version=None if version is None else f"{named} {version}",
            lower_is_better=lower,
            bounds=ends,
            reads_row=reads_row,
            is_async=_is_async(function),
            max_concurrency=max_concurrency,
            hashed=function if version is None else None,
        )
    )


def _ends(bounds: Any) -> tuple[float, float]:
    low, high = map(number_of, bounds) if isinstance(bounds, tuple | list) and len(bounds) == 2 else (None, None)
    if low is None or high is None or low >= high:
        raise InputError(f"bounds is {short(bounds)}; give (lowest, highest), two numbers")
    return low, high


def _is_async(function: Callable[..., Any]) -> bool:
    """Whether it is ``async def``, or an object whose class has an async ``__call__``."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _takes_row(score: Callable[..., Any]) -> bool:
    """Whether a scorer is ``(run, row)``: its second parameter has no default, or is called ``row``."""
    try:
        parameters = list(inspect.signature(score).parameters.values())
    except (TypeError, ValueError):  # some functions written in C have no signature
        return False
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return True
    return len(places) > 1 and (places[1].default is places[1].empty or places[1].name == "row")
