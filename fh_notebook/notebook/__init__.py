"""What a person touches: magics, and what they show. IPython and ipywidgets only here.

Rule of this room: loading registers and does nothing else; what is shown is HTML that is escaped by construction, with
a plain text twin; an error of ours is one line.
"""

from __future__ import annotations

from typing import Any

__all__ = ["load", "unload"]

_MAGIC = "fetchhive"


def load(shell: Any) -> None:
    """Register the magics in `shell`, and what completes their lines; loading twice is loading once."""
    from fh_notebook.notebook import complete_matcher
    from fh_notebook.notebook.magic import FetchHiveMagics

    shell.register_magics(FetchHiveMagics)
    complete_matcher.register(shell)


def unload(shell: Any) -> None:
    """Take out of `shell` again what :func:`load` has put in."""
    from fh_notebook.notebook import complete_matcher

    complete_matcher.unregister(shell)
    for kind in shell.magics_manager.magics.values():
        kind.pop(_MAGIC, None)
    shell.magics_manager.registry.pop("FetchHiveMagics", None)
