"""What ``fh-notebook doctor`` says of Jupyter: the kernel, its widgets, and where waiting calls run.

Rule of this file: it reads what is installed, starts no kernel, and opens no page. What only a page can tell (whether
the front end shows widgets) it infers from the packages beside this Python.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["Said", "event_loop", "kernel", "version_of", "widgets"]

CLICKS_AT_ONCE: Final = (7, 4)
"""The first ipykernel with which a click on a busy kernel is heard at once (7.0 to 7.3 may keep it till the next)."""
SUBSHELLS: Final = (7, 0)
PAGE_PART: Final = 3
"""The major version of jupyterlab_widgets that ipywidgets 8 speaks with."""


class Said(NamedTuple):
    """A line: whether all is well, what it is about, and the cure."""

    well: bool
    what: str
    detail: str
    cure: str = ""


def version_of(package: str) -> str | None:
    """Return the installed version; ``None`` when there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version, to be compared.

    Examples
    --------
    >>> _numbers("7.4.0rc1") >= (7, 4), _numbers("6.31.0") >= (7, 0)
    (True, False)
    """
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def kernel() -> Iterator[Said]:
    """Say which kernel runs here, what its buttons can do, and whether a notebook gets this very Python."""
    version, shell = version_of("ipykernel"), version_of("ipython")
    if version is None:
        return  # told with the other packages
    here = f"ipykernel {version}, IPython {shell}"
    newer = "pip install 'ipykernel>=7.4'"
    if _numbers(version) >= CLICKS_AT_ONCE:
        yield Said(True, "kernel", f"{here}: buttons are heard while a cell runs")
    elif _numbers(version) >= SUBSHELLS:
        yield Said(False, "kernel", f"{here}: a click may wait for the next one", newer)
    else:
        yield Said(True, "kernel", f"{here}: buttons wait for the running cell; Stop always works", newer)
    yield from _python_of_kernel()


def _python_of_kernel() -> Iterator[Said]:
    """Whether ``python3`` is this Python: a kernelspec of the user's may stand before the environment's own.

    jupyter_client's manager would tell, and makes IPython's folder on the way.
    """
    try:
        from jupyter_core.paths import jupyter_path
    except ImportError:
        return
    specs = (Path(place, "python3", "kernel.json") for place in jupyter_path("kernels"))
    spec = next((file for file in specs if file.is_file()), None)
    if spec is None:
        return  # Jupyter then offers the Python that it runs in
    command = str(json.loads(spec.read_text("utf-8"))["argv"][0])
    if os.sep in command and os.path.abspath(command) != os.path.abspath(sys.executable):
        detail = f"Jupyter's kernel python3 is another Python ({command}), which may not have fh_notebook"
        own = f"{sys.executable} -m ipykernel install --user --name fetchhive"
        yield Said(False, "kernel", detail, f"{own}; then choose the kernel fetchhive in the notebook")


def widgets() -> Iterator[Said]:
    """Say whether forms and buttons show in the JupyterLab that is installed here."""
    core, page = version_of("ipywidgets"), version_of("jupyterlab_widgets")
    if core is None:
        return  # told with the needed packages
    if page is None:
        yield Said(False, "widgets", f"ipywidgets {core} without its part for pages: forms show as a table", _AGAIN)
    elif _numbers(page)[:1] != (PAGE_PART,) or not _is_known_to_lab():
        detail = f"ipywidgets {core} beside jupyterlab_widgets {page}, which do not fit: forms show as a table"
        yield Said(False, "widgets", detail, _AGAIN)
    else:
        yield Said(True, "widgets", f"ipywidgets {core} with jupyterlab_widgets {page}: forms show in JupyterLab")


_AGAIN: Final = "pip install --force-reinstall 'ipywidgets>=8.1', and reload the page"


def _is_known_to_lab() -> bool:
    """Whether the files of the page's part are where JupyterLab looks."""
    try:
        from jupyter_core.paths import jupyter_path
    except ImportError:
        return True  # no Jupyter here: whoever serves the page has its own
    return any(
        Path(place, "@jupyter-widgets", "jupyterlab-manager").is_dir() for place in jupyter_path("labextensions")
    )


def event_loop() -> Iterator[Said]:
    """Say where waiting calls run, and whether the other way would work here."""
    from fh_notebook import loop, settings

    async def answer() -> str:
        return "it answers"

    mode = settings.current().loop
    where = "a thread of its own" if mode == "thread" else "of the kernel"
    yield Said(True, "event loop", f"{mode} ({where}); {loop.run(answer())}")
    if why := _nested_is_refused():
        cure = "pip install nest_asyncio2" + ("" if mode == "thread" else ", or stay with fh.configure(loop='thread')")
        yield Said(mode == "thread", "event loop", f"loop='nested' would be refused: {why}", cure)


def _nested_is_refused() -> str:
    """Why a kernel of this environment refuses the other mode (``fh_notebook/loop.py``); empty when it does not."""
    if version_of("nest-asyncio2") is not None:
        return ""
    if _numbers(version_of("ipykernel") or "") >= SUBSHELLS:
        return "nest_asyncio drops queued cells on ipykernel 7"
    return "nest_asyncio breaks calls on Python 3.14" if sys.version_info >= (3, 14) else ""
