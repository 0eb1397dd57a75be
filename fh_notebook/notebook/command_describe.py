"""``%fetchhive deployments`` and ``describe NAME``: what can be run, and what it takes."""

from __future__ import annotations

import argparse
from typing import Any

from fh_notebook import session
from fh_notebook.contract.catalog import Deployments
from fh_notebook.notebook.description import Description

__all__ = ["deployments", "describe"]


def deployments(shell: Any, options: argparse.Namespace) -> Deployments:
    """Return every deployment that is known, which shows itself as a table."""
    return session.deployments()


def describe(shell: Any, options: argparse.Namespace) -> Description:
    """Return what is known of one deployment.

    Raises
    ------
    InputError
        There is none of this name; with the nearest one.
    """
    known = session.deployments()
    return Description(known[options.name], known.source_of(options.name))
