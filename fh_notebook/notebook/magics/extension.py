"""IPython extension: register ``%fetchhive``, ``%%fetchhive`` and their completion in a shell.

Rule of this file: loading the extension registers and does nothing else, so nothing heavier than IPython is imported
before the first cell.
"""

from __future__ import annotations

from typing import Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand


@magics_class
class FetchHiveMagics(Magics):
    """The magics of this package, for one shell."""

    @no_var_expand
    @line_magic("fetchhive")  # type: ignore[arg-type]  # typed for functions of a module, not for methods
    def command(self, line: str) -> Any:
        """Run a command about Fetch Hive deployments: ``%fetchhive COMMAND``. A cell makes calls: ``%%fetchhive NAME``.

        ::

            %fetchhive login [--here] [--check]     ask for the API key, without showing it
            %fetchhive logout                       delete the key from this kernel and from the keyring
            %fetchhive use [local | live | URL]     show where calls go, or change it
            %fetchhive deployments                  list the known deployments
            %fetchhive describe NAME                show its variants and Start variables
            %fetchhive snippet [VARIABLE]           read a pasted Code Snippet and save its deployment
            %fetchhive history [NAME] [-n N]        list saved runs and batches
            %fetchhive pending                      list the runs that have not ended
            %fetchhive last                         return the last result again
            %fetchhive help [COMMAND | cell]        explain a command or a cell

        Examples
        --------
        ::

            %fetchhive login
            %fetchhive describe support-triage
            %fetchhive history support-triage -n 20

            %%fetchhive snippet
            curl 'https://api.fetchhive.com/v1/workflow/invoke' ...
        """
        from fh_notebook.notebook.commands.registry import run_command

        return run_command(self.shell, line)

    @no_var_expand
    @cell_magic
    def fetchhive(self, line: str, cell: str) -> Any:
        """Run a Fetch Hive deployment with the inputs in the cell's body.

        ::

            %%fetchhive [NAME] [-v VARIANT]... [--all-variants] [--out VAR] [--metadata NAME=VALUE]... [--over FRAME]
                        [--repeats N] [--max-calls N] [--score exact:COLUMN | --race exact:COLUMN]
                        [--show text|markdown|json|table] [--delivery direct|callback|poll] [--dry-run]

        The body is a YAML or JSON mapping of inputs, or a pasted Code Snippet (its host and API key are not used: calls
        use the configured client). ``{{ expression }}`` inserts the value of a notebook expression with its type. With
        one text variable, a body that is not a mapping is that text. ``--over`` runs the body once for each row. The
        result is in VAR and in ``_``: a ``Run``, a DataFrame of several runs, a ``Race``, or the pending runs if
        answers come later. ``%fetchhive help cell`` explains each option. ``%fetchhive`` (with one %) has further
        commands: login, deployments, history, ...

        Examples
        --------
        ::

            %%fetchhive support-triage -v keywords -v nearest --out runs
            ticket: |
              Parcel is late and the tracking page is empty.

            %%fetchhive support-triage --all-variants --over tickets --score exact:expected_output
            ticket: "{{ row.ticket }}"
        """
        from fh_notebook.notebook.commands.registry import is_snippet_cell, refuse_key, run_command

        refuse_key(line, "%%fetchhive")
        if is_snippet_cell(line, cell):
            return run_command(self.shell, line, cell)
        from fh_notebook.notebook.magics.cell_magic import run_magic

        return run_magic(self.shell, line, cell)


_MAGIC = "fetchhive"


def load(shell: Any) -> None:
    """Register the magics in `shell`, and what completes their lines; loading twice is loading once."""
    from fh_notebook.notebook.completion import matcher

    shell.register_magics(FetchHiveMagics)
    matcher.register(shell)


def unload(shell: Any) -> None:
    """Take out of `shell` again what :func:`load` has put in."""
    from fh_notebook.notebook.completion import matcher

    matcher.unregister(shell)
    for kind in shell.magics_manager.magics.values():
        kind.pop(_MAGIC, None)
    shell.magics_manager.registry.pop("FetchHiveMagics", None)
