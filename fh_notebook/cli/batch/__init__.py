"""``fh-notebook batch``: a file of rows through the variants of a deployment, without a notebook.

Start with `command`; `options` has what can be given, `compare` what follows ``--compare`` and ``--race``.
"""

from __future__ import annotations

from fh_notebook.cli.batch.command import run
from fh_notebook.cli.batch.options import add_parser

__all__ = ["add_parser", "run"]
