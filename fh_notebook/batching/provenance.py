"""Where a table is from, as a small value that goes with it: ``frame.attrs["fh_notebook"]``. Pure.

Rule of this file: JSON values only (pandas writes ``attrs`` into Parquet as JSON), never a key, and the same value for
every part of one batch: pandas keeps ``attrs`` through ``concat`` only where they are all equal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import pandas as pd

from fh_notebook.contract.canonical import canonical_json
from fh_notebook.contract.deployment import Deployment
from fh_notebook.values import redact
from fh_notebook.version import __version__

__all__ = ["ATTRS", "provenance", "schema_hash", "schema_hashes"]

ATTRS: Final = "fh_notebook"
"""The name in ``frame.attrs``."""


def schema_hash(schema: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a JSON Schema, the same for equal ones, however they are ordered.

    Examples
    --------
    >>> schema_hash({"type": "object"})[:12]
    'a2c799262a3c'
    """
    return sha256(canonical_json(dict(schema)).encode("utf-8", "surrogatepass")).hexdigest()


def schema_hashes(deployments: Iterable[Deployment | str]) -> dict[str, str]:
    """Return the hash of each deployment's inputs, by its name; of one that is only named, nothing is known."""
    return {d.name: schema_hash(d.inputs) for d in deployments if not isinstance(d, str)}


def provenance(
    deployments: Deployment | str | Iterable[Deployment | str],
    *,
    variants: str | Iterable[str] = (),
    batch: str = "",
    workspace: str | None = None,
    created: datetime | None = None,
    hashes: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return where a table is from.

    Parameters
    ----------
    deployments : Deployment, str, or several
        What ran. Of one that is only named, nothing is known of its inputs.
    variants : str or iterable of str
        Which variants ran.
    batch : str
        The batch's name.
    workspace : str, optional
        Where it ran: the address and the key's fingerprint, never a key.
    created : datetime, optional
        When, with its offset; the same for all tables of one batch. Now by default.
    hashes : mapping, optional
        What :func:`schema_hashes` said when it ran; by default it is asked now.

    Returns
    -------
    dict
        ``deployment`` (the first one), ``deployments``, ``variants``, ``schema_sha256`` (by deployment: of the
        canonical JSON of its inputs), ``batch``, ``workspace``, the versions ``fh_notebook``, ``python`` and
        ``pandas``, and ``created`` in UTC.

    Examples
    --------
    >>> from fh_notebook.contract.deployment import Deployment
    >>> about = provenance(Deployment("triage", variants=["a"]), variants="a", batch="triage-1")
    >>> about["deployments"], about["variants"], about["batch"], sorted(about["schema_sha256"])
    (['triage'], ['a'], 'triage-1', ['triage'])
    """
    given = [deployments] if isinstance(deployments, Deployment | str) else list(deployments)
    names = list(dict.fromkeys(d if isinstance(d, str) else d.name for d in given))
    moment = datetime.now(UTC) if created is None else created.astimezone(UTC)
    return {
        "deployment": names[0] if names else "",
        "deployments": names,
        "variants": [variants] if isinstance(variants, str) else list(dict.fromkeys(variants)),
        "schema_sha256": schema_hashes(given) if hashes is None else dict(hashes),
        "batch": batch,
        "workspace": None if workspace is None else redact(workspace),
        "fh_notebook": __version__,
        "python": ".".join(map(str, sys.version_info[:3])),
        "pandas": pd.__version__,
        "created": moment.isoformat(timespec="seconds"),
    }
