"""What a part tells of a partition: its lines as they are written, and its counts as they are read again.

Rule of this file: what is counted of a part is in it, so that whoever finds one needs to ask nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from fh_notebook.batching.frames import tidy_frame
from fh_notebook.batching.job import Job
from fh_notebook.batching.source import TableSource
from fh_notebook.contract.reuse import is_reusable
from fh_notebook.contract.run import Run
from fh_notebook.scaling import parts
from fh_notebook.scaling.spec import Done, Task
from fh_notebook.scaling.survey import keys_of

__all__ = ["done_of", "failure_of", "lines_of"]


def lines_of(pairs: Iterable[tuple[Job, Any]], source: TableSource) -> pd.DataFrame:
    """Return the lines of a part: the tidy table without what hangs on the answers."""
    listed = list(pairs)
    frame = tidy_frame(listed, source, about={})
    frame = frame[[name for name in frame.columns if not str(name).startswith("out.")]].reset_index(drop=True)
    codes = [outcome.run.status_code for _, outcome in listed]
    return frame.assign(**{parts.STATUS_CODE: pd.Series(codes, dtype="Int64")})


def failure_of(error_code: Any, status_code: Any) -> Run:
    """Return the failed run that a part has two columns of; what is missing there is ``NaN`` or ``NA``."""
    return Run(
        status="failed",
        error_code=error_code if isinstance(error_code, str) else None,
        status_code=None if pd.isna(status_code) else int(status_code),
    )


def done_of(path: str, task: Task) -> Done:
    """Return what a part says of itself."""
    facts, lines = parts.read_keys(path)
    status = lines["status"]
    codes = lines[parts.STATUS_CODE]
    failed = lines[status == "failed"]
    runs = [failure_of(*both) for both in zip(failed["error_code"], codes[failed.index], strict=True)]
    done, unfinished = int((status == "completed").sum()), int((~status.isin(["completed", "failed"])).sum())
    invalid = int(lines["key"].isna().sum())
    return Done(
        number=task.number, attempt="", path=path, jobs=int(facts.get("jobs", len(lines))), done=done,
        failed=len(failed), unknown=unfinished, again=max(0, sum(not is_reusable(run) for run in runs) - invalid),
        requests=int(facts.get("calls", 0)), keys=keys_of(lines["key"]), kept_at=datetime.now(UTC),
    )  # fmt: skip
