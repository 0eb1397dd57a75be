"""Persistence in SQLite: one file, every answer committed before it counts; the only package with SQL.

Rule of this package: an answer counts after its commit, and nothing is overwritten: a new answer for the same job is a
new row, and readers take the newest that serves. The API key and signing secrets are never written. Inputs and
outputs are stored as plain text, in a file that only its owner can read.

Start with `store` (`Store`: the file and the repositories of its tables) and ``tables/`` (one repository each);
`database` opens and migrates the file, `writer` is the one thread that writes.
"""

from __future__ import annotations

from fh_notebook.store.api import export, join, rescue, workspaces

__all__ = ["export", "join", "rescue", "workspaces"]
