"""The key of a job: what makes two calls the same call.

Rule of this file: whatever can change an answer is in the key, and nothing else (no timeout, no metadata, no place in a
table). It is the only name under which an answer is found again, so its spelling never changes without a migration.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from fh_notebook.contract.canonical import canonical_json

__all__ = ["job_key", "key_of"]


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
    return key_of(canonical_json([workspace, deployment, variant])[:-1], canonical_json(dict(inputs)), repeat)


def key_of(asked: str, inputs: str, repeat: int) -> str:
    """Return the key of a job from its spelt parts, so that a row's inputs are spelt once for all its variants.

    Parameters
    ----------
    asked : str
        Canonical JSON of ``[workspace, deployment, variant]`` without its last bracket.
    inputs : str
        Canonical JSON of the inputs.
    repeat : int
        As in :func:`job_key`.

    Examples
    --------
    >>> key_of('["w","d","v"', '{"x":1}', 2) == job_key("w", "d", "v", {"x": 1}, 2)
    True
    """
    return sha256(f"{asked},{inputs},{repeat}]".encode()).hexdigest()
