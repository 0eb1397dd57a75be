"""``%%fetchhive`` as IPython knows it: a name, its help, and the way to what does the work.

Rule of this file: loading the extension registers and does nothing else, so nothing heavier than IPython is imported
before the first cell.
"""

from __future__ import annotations

from typing import Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand

__all__ = ["FetchHiveMagics"]


@magics_class
class FetchHiveMagics(Magics):
    """The magics of this package, for one shell."""

    @no_var_expand
    @line_magic("fetchhive")  # type: ignore[arg-type]  # typed for functions of a module, not for methods
    def help(self, line: str) -> None:
        """Show the help of ``%%fetchhive``: a cell of one line has no body to run."""
        from fh_notebook.notebook.line import parser

        parser().print_help()

    @no_var_expand
    @cell_magic
    def fetchhive(self, line: str, cell: str) -> Any:
        """Run a Fetch Hive deployment with the inputs in the cell's body.

        ::

            %%fetchhive [NAME] [-v VARIANT]... [--all-variants] [--out VAR] [--metadata NAME=VALUE]... [--over FRAME]
                        [--repeats N] [--max-calls N] [--score exact:COLUMN] [--show text|markdown|json|table]
                        [--dry-run]

        The body is a YAML or JSON mapping of inputs, or a pasted Code Snippet (its host and key are not used: calls go
        where the client is configured). ``{{ expression }}`` takes the value of a notebook expression with its type.
        With one text variable, a body that is not a mapping is that text. ``--over`` runs the body once for each row.
        The result is in VAR and in ``_``: a ``Run``, or a DataFrame when there are several.

        Examples
        --------
        ::

            %%fetchhive support-triage -v keywords -v nearest --out runs
            ticket: |
              Parcel is late and the tracking page is empty.

            %%fetchhive support-triage --all-variants --over tickets --score exact:expected_output
            ticket: "{{ row.ticket }}"
        """
        from fh_notebook.notebook.running import run_magic

        return run_magic(self.shell, line, cell)
