"""Whether a run stands for what was asked, so that it is not called again: the one rule of what is reused.

Rule of this file: completed answers are reused, and what the service itself answered with a failure (it would answer so
again). What never reached it, or was refused for the moment or for the way to it, is not.
"""

from __future__ import annotations

from typing import Final

from fh_notebook.contract.run import Run

__all__ = ["is_reusable"]

TOO_LARGE: Final = "response_too_large"
"""The error code of an answer that was larger than may be read: the workflow ran."""
NOT_OF_THE_JOB: Final = frozenset({401, 403, 408, 425, 429})
"""Refusals of the key, and of the moment: they say nothing of the job."""


def is_reusable(run: Run) -> bool:
    """Whether `run` stands for its job from now on, so that the job is not called again.

    Examples
    --------
    >>> is_reusable(Run(status="completed")), is_reusable(Run(status="failed", status_code=422))
    (True, True)
    >>> is_reusable(Run(status="failed", status_code=None)), is_reusable(Run(status="failed", status_code=503))
    (False, False)
    """
    if run.status == "completed":
        return True
    if run.status != "failed":
        return False
    if run.status_code is None:
        return run.error_code == TOO_LARGE  # it ran and was paid for: only `retry_failed` calls it again
    # A run that failed, or a refusal of what was asked. A redirect and a 5xx say nothing of the job.
    return run.status_code // 100 in (2, 4) and run.status_code not in NOT_OF_THE_JOB
