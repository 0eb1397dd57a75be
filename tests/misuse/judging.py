"""Criteria of a clear message.

A call with a wrong value ends well when

- it works (the value is valid there), and what it returned can be shown; or it ends just as the call with valid
  arguments does (there is nothing to rate, say);
- or an error of this package (`FetchHiveError`) says which argument is wrong;
- or a `TypeError`, `ValueError` or `OSError` does that was raised by a ``raise`` statement of this package: an error
  that an operation on a wrong value happened to end in is not one that was meant.

It names the argument when its name is in the message; of some, one of the terms that stand for it, or the value.
"""

from __future__ import annotations

import dis
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import fh_notebook as fh
from fh_notebook.errors import FetchHiveError
from tests.misuse.targets import Target

PACKAGE: Final = str(Path(fh.__file__).parent)
RAISE: Final = dis.opmap["RAISE_VARARGS"]

SYNONYMS: Final[dict[str, tuple[str, ...]]] = {
    "a": ("variant",),
    "b": ("variant",),
    "baseline": ("variant",),
    "batch_or_frame": ("column", "row", "rows", "'before'"),
    "deployment": ("Deployment", "name"),
    "fields": (),
    "folder": (),
    "frame": ("DataFrame", "row", "column"),
    "from_workspace": ("workspace",),
    "inputs": ("Start variables", "variable", "variables", "ticket"),
    "into_workspace": ("workspace",),
    "key": (),
    "n": (),
    "over": ("row", "rows"),
    "pair": ("variant",),
    "path": (),
    "paths": (),
    "rater": (),
    "rates": ("rate",),
    "request_id": ("request id", "req"),
    "pilot": ("column", "row", "rows", "'before'"),
    "rows": ("row", "column"),
    "scorer": (),
    "scorers": (),
    "secret": ("key",),
    "text": ("Code Snippet",),
    "timeout_s": ("within",),
    "values": ("choice",),
    "variant": (),
    "variants": ("variant",),
    "Comparison.assert_better(than)": ("variant",),
    "Comparison.assert_not_worse(than)": ("variant",),
    "Comparison.is_equivalent(a)": ("variant",),
    "Comparison.is_equivalent(b)": ("variant",),
    "Comparison.by(name)": (),
    "Deployment.from_history(name)": (),
    "Deployments.source_of(name)": (),
    "Field.value =(value)": ("ticket",),
    "LocalHive.configure(changes)": ("concurrency",),
    "LocalHive.webhook(variant)": ("Variant",),
    "LocalHive.inputs_of(variant)": ("Variant",),
    "fh.local.demo_hive(options)": ("concurrency",),
    "fh.grid(factors)": ("named",),
    "fh.read_promptfoo(path)": (),
    "fh.read_inspect(dataset)": ("rows",),
    "fh.open_batch(name)": (),
    "fh.score.weighted(named)": (),
}
"""Terms that stand for a parameter, by its name or by function and name; of each of these, the value does, too.

A value of the right kind may be no name that is known, or a part of it is wrong: ``the variant 'text' does not exist``.
"""


OWN_FAULTS: Final = ("nothing() takes", "Anything() takes", "Anything.__init__() takes")
"""A function was taken and called: that it does not take what it was given is its own error."""


@dataclass(frozen=True)
class Ending:
    """How a call ended: ``works``, ``told``, ``unnamed`` (told, but not which argument) or ``crashed``."""

    what: str
    message: str = ""


def ending_of(target: Target, parameter: str, value: Any) -> Ending:
    """Call it, and judge."""
    try:
        result = target.given(parameter, value)
    except Exception as exc:
        return judged(exc, target, parameter, value)
    try:
        repr(result)
        if hasattr(result, "_repr_html_"):
            result._repr_html_()
        if hasattr(result, "stop") and hasattr(result, "port"):
            result.stop()
    except Exception as exc:
        return Ending("crashed", f"repr: {type(exc).__name__}: {exc}"[:200])
    return Ending("works")


def judged(exc: BaseException, target: Target, parameter: str, value: Any) -> Ending:
    """Return how an error is judged."""
    try:
        message = f"{type(exc).__name__}: {exc}"
    except Exception as broken:
        return Ending("crashed", f"the message of {type(exc).__name__} cannot be spelt: {broken}")
    if message == target.ends or any(fault in message for fault in OWN_FAULTS):
        return Ending("works")
    if not is_ours(exc):
        return Ending("crashed", message)
    words = [parameter]
    for name in (f"{target.name}({parameter})", parameter):
        words += (*SYNONYMS[name], *_spellings(value)) if name in SYNONYMS else ()
    if any(re.search(rf"(?<![A-Za-z]){re.escape(word)}(?![A-Za-z])", message) for word in words):
        return Ending("told", message)
    return Ending("unnamed", message)


def _spellings(value: Any) -> Iterator[str]:
    """Yield how a message may show a value: as it is, by its type, or a part of it; a long number by its length."""
    yield type(value).__name__
    for part in (value, *(islice(value, 3) if isinstance(value, list | tuple | set | dict) else ())):
        if isinstance(part, int) and part.bit_length() > 1_000:
            yield f"{part.bit_length():,}"
        elif isinstance(part, str | bytes | int | float | list | None):
            yield ascii(part)[:60]
            yield ascii(part).strip("'")[:60] or repr(part)


def is_ours(exc: BaseException) -> bool:
    """Whether this package meant to raise it."""
    if isinstance(exc, FetchHiveError):
        return True
    if not isinstance(exc, TypeError | ValueError | AttributeError | OSError | AssertionError):
        return False
    last = exc.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None or not last.tb_frame.f_code.co_filename.startswith(PACKAGE):
        return False
    return code_at(last) == RAISE


def code_at(where: types.TracebackType) -> int:
    """Return the instruction at which a frame was left."""
    return where.tb_frame.f_code.co_code[where.tb_lasti]
