"""What is in somebody's file, value by value: a STRICT table says what is a text, and not what is in the text.

Rule of this file: what does not fit raises ``ValueError`` or ``TypeError``; whoever opened the file says it in words.
"""

from __future__ import annotations

import json
import math
from typing import Any

from fh_notebook.contract.run import Run
from fh_notebook.errors import InputError
from fh_notebook.store import scores
from fh_notebook.store.answer_lines import Kept
from fh_notebook.store.batches import BatchRecord

__all__ = ["check_answer", "check_record", "check_score", "parsed"]


def check_record(record: BatchRecord) -> None:
    """Raise unless a record is of a batch that can be planned."""
    plan, arms = record.plan, record.plan.get("arms")
    parsed(json.dumps(dict(plan)), dict)
    if not isinstance(arms, list) or not arms or len(arms) > 10_000:
        raise ValueError("no arms")
    for arm in arms:
        if not isinstance(arm, list) or len(arm) != 3 or not all(isinstance(name, str) for name in arm):
            raise ValueError("an arm is a label, a deployment and a variant")
    for name in ("rows", "repeats"):
        value = plan.get(name)
        if value is not None and (type(value) is not int or not 0 <= value < 2**31):
            raise ValueError(f"{name} is no number")
    if plan.get("reuse", "batch") not in ("batch", "store", None):
        raise ValueError("answers are taken of nothing that is known")
    for name in plan.get("columns") or ():
        if not isinstance(name, str):
            raise TypeError("a column is named by a text")
    for name in plan.get("index") or ():
        if not isinstance(name, str | int | float | None):
            raise TypeError("a level of an index is named by a text or a number")


def check_answer(answer: Kept, record: BatchRecord) -> None:
    """Raise unless an answer is a run of the batch, and can be read."""
    told = parsed(answer.json, dict)
    try:
        run = Run.from_dict(told)
    except InputError as broken:  # which names a field, and not the file
        raise ValueError("a run of something else") from broken
    for value in (run.deployment, run.variant, run.error, run.error_code, run.request_id):
        if value is not None and not isinstance(value, str):
            raise TypeError("a run of something else")
    if answer.batch != record.id or run.status != answer.status or not isinstance(run.status, str):
        raise ValueError("an answer of another batch")
    if not math.isfinite(run.elapsed_s):
        raise ValueError("a run without end")
    # What everything later reads of it, read once here.
    _ = (run.text, run.summary(), run.may_have_run, run.attempts + 0, run.to_dict())


def check_score(line: scores.ScoreLine) -> None:
    """Raise unless a line is a score."""
    if line.score is not None and math.isinf(line.score):
        raise ValueError("a score without end")
    if line.parts is not None:
        parsed(line.parts, object)


def parsed(text: str, kind: type) -> Any:
    """Return the JSON value of a text, which must be of a kind."""
    value = json.loads(text)
    if not isinstance(value, kind):
        raise TypeError(f"no {kind.__name__}")
    if "\\ud" in text.lower():  # half a character, which no table takes, is a `ValueError` here
        json.dumps(value, ensure_ascii=False).encode()
    return value
