"""Inputs as they may be kept and shown: what the schema calls a password is in neither.

Rule of this file: the key of a job is made of the real values, so that masking never changes which jobs are equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fh_notebook.contract.hidden import Secrets
from fh_notebook.values import MASK

__all__ = ["masked"]


def masked(inputs: Mapping[str, Any], secrets: Secrets) -> Mapping[str, Any]:
    """Return `inputs` with ``***`` for every Start variable that is, holds or may hold a secret.

    Examples
    --------
    >>> masked({"text": "hi", "token": "s3cret"}, Secrets(names=frozenset({"token"})))
    {'text': 'hi', 'token': '***'}
    """
    if not (secrets.all or secrets.names):  # nearly always, and there may be a million
        return inputs
    if not any(secrets.cover([name]) for name in inputs):
        return inputs
    return {name: MASK if secrets.cover([name]) and value is not None else value for name, value in inputs.items()}
