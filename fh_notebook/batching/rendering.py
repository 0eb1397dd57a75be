"""Messages and tables of a batch as text and HTML. Pure.

Rule of this file: whatever came from a model or a service is text, and text is escaped; every table that is shown has a
plain twin.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from fh_notebook.batching.model import RETRY_UNKNOWN, Counts, Stopped
from fh_notebook.batching.progress.state import admitting, outcome_parts
from fh_notebook.batching.tables.values import is_missing
from fh_notebook.contract.run import Run
from fh_notebook.contract.run import one_line as line_of_text
from fh_notebook.core.text import html
from fh_notebook.core.text.messages import PYTHON, Audience, counted

__all__ = ["cell", "digest", "frame_html", "frame_text", "one_line", "progress_sentence"]

DIGEST_LINES: Final = 4
TEXT_SHOWN: Final = 80
"""Characters of an error or a cell that are shown; the frame has all of it."""


def one_line(value: Any, limit: int = TEXT_SHOWN) -> str:
    r"""Return `value` as one printable line of at most `limit` characters.

    Examples
    --------
    >>> one_line("two\nlines"), one_line("x" * 9, 5), one_line({"label": "other"})
    ('two lines', 'xxxx…', '{"label": "other"}')
    """
    return line_of_text(_text_of(value)[: limit * 4], limit)


def _text_of(value: Any) -> str:
    """An output that is an object as the JSON that it came as, not as Python spells it."""
    if not isinstance(value, dict | list):
        return str(value)
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):  # keys of a user's own frame, a loop
        return str(value)


def progress_sentence(
    name: str,
    counts: Counts,
    *,
    doing: str = "",
    stopped: Stopped | None = None,
    admits: int | None = None,
    audience: Audience = PYTHON,
) -> str:
    """Return how far a batch is, in one line, and what it is `doing`, unless it has ended.

    Where it fell back under its ceiling, with what the service `admits`.

    Examples
    --------
    >>> print(progress_sentence("triage-1", Counts(planned=80, done=78, failed=2, reused=62, calls=18)))
    triage-1: 78 of 80 done, 2 failed; 62 reused, 18 calls
    >>> print(progress_sentence("triage-2", Counts(planned=80, done=80, calls=87, refused=7), admits=3))
    triage-2: 80 of 80 done; 87 calls, 7 of them refused (429); the service admits 3 at a time
    """
    parts = outcome_parts(counts, if_unknown=f" (may have run; {RETRY_UNKNOWN.text(audience)})")
    parts += [f"{counts.pending:,} pending"] if counts.pending else []
    spent = [f"{counts.reused:,} reused"] if counts.reused else []
    spent += [counted(counts.calls, "call")]
    spent += [f"{counts.refused:,} of them refused (429)"] if counts.refused else []
    text = f"{html.printable(name)}: {', '.join(parts)}; {', '.join(spent)}"
    text += f"; {admitting(admits)}" if admits is not None else ""
    text += f"; {doing}" if doing else ""
    return f"{text}. Stopped: {stopped.message}" if stopped else text


def digest(runs: Iterable[Run]) -> str:
    """Return the errors of `runs` in one line, the most frequent first; empty when there are none.

    Examples
    --------
    >>> bad = Run(status="failed", error="tags is missing", error_code="validation_error")
    >>> digest([bad, bad, Run(status="unknown", error="no answer came in time", error_code="read_timeout")])
    "2 failed: 2 x validation_error 'tags is missing'; 1 unknown: 1 x read_timeout 'no answer came in time'"
    """
    kinds: dict[str, Counter[tuple[str, str]]] = {}
    for run in runs:
        if run.status != "completed":
            kind = kinds.setdefault("failed" if run.status == "failed" else "unknown", Counter())
            kind[run.error_code or "", one_line(run.error or "")] += 1
    return "; ".join(f"{sum(errors.values()):,} {kind}: {_most_frequent(errors)}" for kind, errors in kinds.items())


def _most_frequent(errors: Counter[tuple[str, str]]) -> str:
    parts = [
        f"{times:,} x {' '.join(p for p in (code, repr(error) if error else '') if p) or 'no reason given'}"
        for (code, error), times in errors.most_common(DIGEST_LINES)
    ]
    left = sum(errors.values()) - sum(times for _, times in errors.most_common(DIGEST_LINES))
    return ", ".join(parts + ([counted(left, "other")] if left else []))


def frame_html(frame: pd.DataFrame, columns: Sequence[str]) -> html.Html:
    """Return `columns` of a frame as an escaped table, long cells cut; nothing when there is no line."""
    names = [c for c in columns if c in frame.columns]
    lines = [[cell(value) for value in line] for line in frame[names].itertuples(index=False, name=None)]
    return html.table(names, lines) if lines else html.join([])


def frame_text(frame: pd.DataFrame, columns: Sequence[str]) -> str:
    """Return the plain twin of :func:`frame_html`.

    Examples
    --------
    >>> print(frame_text(pd.DataFrame({"row": [0, 1], "output": ["one", None]}), ["row", "output"]))
    row  output
    0    one
    1
    """
    names = [c for c in columns if c in frame.columns]
    lines = [[cell(value, 40) for value in line] for line in frame[names].itertuples(index=False, name=None)]
    if not lines:
        return ""
    widths = [max(len(x) for x in column) for column in zip(names, *lines, strict=True)]
    return "\n".join(
        "  ".join(x.ljust(w) for x, w in zip(line, widths, strict=True)).rstrip() for line in [names, *lines]
    )


def cell(value: Any, limit: int = TEXT_SHOWN) -> str:
    """Return one cell as a short line; what is missing is an empty one.

    Examples
    --------
    >>> cell(0.123456), cell(None), cell(True)
    ('0.123', '', 'yes')
    """
    if is_missing(value):
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}"
    return one_line(value, limit)
