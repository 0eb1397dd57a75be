"""`regex`: a pattern with a time limit.

Rule of this file: Python's own ``re`` cannot be stopped, and a hostile output of 40 characters can keep some patterns
busy for years. So matching is done by the package ``regex``, which understands the same patterns and takes a time
limit, on texts of bounded length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fh_notebook import arguments
from fh_notebook.comparing.scorer_base import MAX_CHARS, Scorer, ready, spelt
from fh_notebook.comparing.scorer_paths import part_of, steps_of, text_of
from fh_notebook.contract.run import Run
from fh_notebook.contract.spell import short
from fh_notebook.errors import InputError

__all__ = ["TIMEOUT_S", "bounded_search", "regex"]

TIMEOUT_S: Final = 0.25
"""For one output: a sane pattern takes microseconds."""


def bounded_search(pattern: str, *, ignore_case: bool = False, whole: bool = False) -> Callable[[str], bool]:
    """Return a function that asks whether `pattern` is found in a text, within `MAX_CHARS` and `TIMEOUT_S`.

    Raises
    ------
    InputError
        The pattern cannot be read; by the function: the text is too long, or matching takes too long.
    """
    import regex as bounded

    try:
        compiled = bounded.compile(pattern, bounded.IGNORECASE if ignore_case else 0)
    except (bounded.error, TypeError, ValueError, OverflowError, RecursionError) as broken:
        raise InputError(f"the pattern {short(pattern)} cannot be read: {broken}") from None
    match = compiled.fullmatch if whole else compiled.search

    def search(text: str) -> bool:
        if len(text) > MAX_CHARS:
            raise InputError(f"the text has {len(text):,} characters, and a pattern reads {MAX_CHARS:,} at most")
        try:
            return match(text, timeout=TIMEOUT_S) is not None
        except TimeoutError:
            raise InputError(f"the pattern {short(pattern)} took longer than {TIMEOUT_S} s on this text") from None

    return search


def regex(pattern: str, *, path: str | None = None, ignore_case: bool = False, whole: bool = False) -> Scorer:
    r"""Return a scorer that asks whether a pattern is found in the output.

    An output of more than 100,000 characters, and one on which the pattern takes longer than a quarter of a second, has
    a missing score that says so: no output can hang the notebook.

    Parameters
    ----------
    pattern : str
        As for Python's ``re``.
    path : str, optional
        A path into the output, such as ``label``.
    ignore_case : bool
        Whether ``late`` finds ``Late``.
    whole : bool
        Whether all of the text must match.

    Raises
    ------
    InputError
        The pattern or the path cannot be read.

    Examples
    --------
    >>> regex(r"order \d+")(Run(status="completed", output="Your order 4711 is late."))
    True
    """
    arguments.check(regex, locals(), but={"path"})
    steps = steps_of(path)
    search = bounded_search(pattern, ignore_case=ignore_case, whole=whole)

    def score(run: Run, row: Mapping[str, Any]) -> bool:
        return search(text_of(part_of(run, steps)))

    name = spelt("regex", pattern, path=(path, None), ignore_case=(ignore_case, False), whole=(whole, False))
    return ready(name, score, reads=None, pattern=pattern, path=path, ignore_case=ignore_case, whole=whole)
