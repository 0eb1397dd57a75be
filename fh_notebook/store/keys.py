"""The key of a job: what makes two calls the same call.

Rule of this file: whatever can change an answer is in the key, and nothing else (no timeout, no metadata, no place in a
table). It is the only name under which an answer is found again, so its spelling never changes without a migration.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from fh_notebook.contract.canonical import canonical_json

__all__ = ["job_key"]


def job_key(workspace: str, deployment: str, variant: str | None, inputs: Mapping[str, Any], repeat: int = 1) -> str:
    """Return the key of one job: SHA-256, in hex, of the canonical JSON of what is asked.

    Parameters
    ----------
    workspace : str
        What tells one workspace of one service from another; never the API key.
    deployment, variant : str
        What runs.
    inputs : mapping
        The Start variables as they are sent, defaults filled in.
    repeat : int
        Which of several equal calls, from 1: each repeat is a job of its own.

    Raises
    ------
    ValueError, TypeError
        The inputs hold a value that JSON cannot say.

    Examples
    --------
    >>> a = job_key("local#demo", "triage", "live", {"x": 1, "y": 2})
    >>> a == job_key("local#demo", "triage", "live", {"y": 2, "x": 1}), len(a)
    (True, 64)
    """
    return sha256(canonical_json([workspace, deployment, variant, dict(inputs), repeat]).encode()).hexdigest()
