"""A Jupyter workbench for Fetch Hive workflows.

Type Start variables into a ``%%fetchhive`` cell, invoke a deployment, run a whole DataFrame through several variants,
and decide which variant is better. It works offline against an embedded local hive.

Importing this package loads nothing heavy: every public name is fetched on first use. ``__init__.pyi`` is the one
list of them.

Examples
--------
>>> import fh_notebook as fh
>>> with fh.local.demo_hive().client() as hive:
...     run = hive.invoke("support-triage", variant="keywords", inputs={"ticket": "I was charged twice."})
>>> run.output
'billing'
"""

from __future__ import annotations

import lazy_loader

from fh_notebook.version import __version__ as __version__

_load, _, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    if name not in __all__ and not name.startswith("_"):
        from fh_notebook.core.arguments import UnknownNameError

        raise UnknownNameError(name, __all__)
    return _load(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__} - {"annotations", "lazy_loader"})


def load_ipython_extension(shell: object) -> None:
    """Register the magics: ``%load_ext fh_notebook``. Nothing is printed, patched or called."""
    from fh_notebook.notebook.magics.extension import load

    load(shell)


def unload_ipython_extension(shell: object) -> None:
    """Take the magics away again: ``%unload_ext fh_notebook``."""
    from fh_notebook.notebook.magics.extension import unload

    unload(shell)
