"""Job key: the key under which the answer of a call is saved, and whether the run of a job may be reused under it.

Rules of this file:

1. Everything that can change an answer is in the key, and nothing else (no timeout, no metadata, no row number). Stored
   answers are looked up by it alone, so its format never changes without a migration.
2. Completed runs are reused, and those that the service itself failed (it would fail them again). A call that did not
   reach the service, or was refused for its key or for the moment, is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from fh_notebook.contract.run import Run
from fh_notebook.core.json_values import canonical_json


def job_key(workspace: str, deployment: str, variant: str | None, inputs: Mapping[str, Any], repeat: int = 1) -> str:
    """Return the key of one job: SHA-256, in hex, of the canonical JSON of what is asked.

    Examples
    --------
    >>> a = job_key("local#demo", "triage", "live", {"x": 1, "y": 2})
    >>> a == job_key("local#demo", "triage", "live", {"y": 2, "x": 1}), len(a)
    (True, 64)
    """
    return job_key_of_parts(canonical_json([workspace, deployment, variant])[:-1], canonical_json(dict(inputs)), repeat)


def job_key_of_parts(target: str, inputs: str, repeat: int) -> str:
    """Return the key of a job from its spelt parts, so that a row's inputs are spelt once for all its variants.

    Examples
    --------
    >>> job_key_of_parts('["w","d","v"', '{"x":1}', 2) == job_key("w", "d", "v", {"x": 1}, 2)
    True
    """
    return sha256(f"{target},{inputs},{repeat}]".encode()).hexdigest()


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
