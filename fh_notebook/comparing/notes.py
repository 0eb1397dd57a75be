"""Notes of a comparison: the sentences beside its numbers. Pure.

Rule of this file: whatever was left out, counted otherwise, or may have changed meanwhile is told, in one line each.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pandas as pd

from fh_notebook.audience import PYTHON, Audience, Phrase
from fh_notebook.batching.plan import counted
from fh_notebook.comparing.clusters import note_of
from fh_notebook.comparing.data import ComparisonData

__all__ = ["failed_note", "notes_of", "span_note"]

LONG: Final = timedelta(hours=24)
"""Of answers that were taken over more than a day, an editor may have worked on a variant in between."""


_LOOK: Final = Phrase(": cmp.score_errors()", command="")
"""Where the errors of a scorer are."""


def notes_of(data: ComparisonData, audience: Audience = PYTHON) -> tuple[str, ...]:
    """Return what must be said of a comparison, as `audience` reads it."""
    lines = data.lines
    told = [note_of(data.row_count, data.distinct_count), *data.runs.notes]
    told += lines.attrs.get("notes", ())  # by the scorer itself, such as a judge's bias
    if data.scorer and (broken := int((lines["status"] == "failed").sum())):
        told.append(failed_note(broken, data.failed, audience))
    told += [_missing(lines, data.scorer, audience), span_note(lines["started_at"])]
    return tuple(note for note in told if note)


def failed_note(broken: int, failed: str, audience: Audience = PYTHON) -> str:
    """Return what so many failed runs count as."""
    runs, one = counted(broken, "failed run"), broken == 1
    if failed == "zero":
        return f"{runs} {'counts' if one else 'count'} as 0 (failed='zero')."
    cure = Phrase(f"; failed='zero' counts {'it' if one else 'them'} as 0", command="")
    return f"{runs} {'is' if one else 'are'} left out{cure.text(audience)}."


def _missing(lines: pd.DataFrame, scorer: str, audience: Audience) -> str:
    if not scorer:
        return ""
    lacking = lines[lines["score"].isna() & (lines["status"] != "failed")]
    if lacking.empty:
        return ""
    errors = int(lacking["score_error"].notna().sum())
    others = lacking[lacking["score_error"].isna()]["status"].value_counts()
    why = [f"{errors:,} by an error of the scorer{_LOOK.text(audience)}"] if errors else []
    words = {"completed": "had nothing to be scored by"}
    why += [f"{number:,} {words.get(str(status), str(status))}" for status, number in others.items()]
    return f"{counted(len(lacking), 'score')} {'is' if len(lacking) == 1 else 'are'} missing ({'; '.join(why)})."


def span_note(moments: pd.Series[Any], of: str = "The answers") -> str:
    """Return a sentence where answers were taken over a long time; empty where they were not."""
    known = moments.dropna()
    if known.empty or (last := known.max()) - (first := known.min()) <= LONG:
        return ""
    days = (last - first) / timedelta(days=1)
    return (
        f"{of} were taken over {days:.1f} days ({first.day} {first:%b %H:%M} to {last.day} {last:%b %H:%M} UTC): "
        "a live variant may have changed meanwhile."
    )
