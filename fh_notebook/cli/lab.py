"""``fh-notebook lab``: JupyterLab on a copy of the notebooks of the package.

Rule of this file: a notebook that the user has changed is the user's, and is left alone; the others are ours, and are
trusted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import fh_notebook
from fh_notebook.cli.terminal import add_command, typed
from fh_notebook.core.optional_deps import OPTIONAL, is_installed

FOLDER: Final = "fetchhive-notebooks"
FIRST: Final = "01_quickstart.ipynb"
MANIFEST: Final = ".fh-notebook.json"
"""In the working folder: the hash of each notebook as it was copied, so that a changed one is told from an old one."""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser = add_command(
        commands,
        "lab",
        help="open JupyterLab on a copy of the tutorial notebooks",
        about=(
            "Copy the notebooks to a folder and open JupyterLab on the quickstart. Notebooks that you have "
            "changed are not replaced. The command needs the extra `lab`."
        ),
        examples="""
            fh-notebook lab
            fh-notebook lab --dir ~/triage           # notebooks in a folder of their own
            fh-notebook lab --no-browser             # on a server: prints the address
            fh-notebook lab -- --port 9000           # what follows -- goes to JupyterLab
            fh-notebook lab -- --allow-root          # in a container, as root
        """,
    )
    parser.add_argument("--no-browser", action="store_true", help="print the address instead of opening a browser")
    parser.add_argument(
        "--dir", type=Path, default=Path(FOLDER), help="the working folder (default: %(default)s in this folder)"
    )
    parser.add_argument(
        "options", nargs="*", metavar="-- OPTION", help="options of JupyterLab itself, for example: -- --port 9000"
    )


def run(args: argparse.Namespace) -> int:
    """Copy the notebooks and become JupyterLab; return its exit code, or 1 when it cannot be started."""
    if not is_installed("jupyterlab"):
        command = typed("pip") + OPTIONAL["jupyterlab"].command.removeprefix("pip")
        print(f"JupyterLab is not installed: {command}", file=sys.stderr)
        return 1
    source = shipped_notebooks()
    if source is None:
        print("The notebooks are missing: install the package again from a copy of its repository", file=sys.stderr)
        return 1
    folder: Path = args.dir.expanduser().absolute()
    try:
        changed = copy_notebooks(source, folder)
        trust(folder / original.name for original in source.glob("*.ipynb") if original.name not in changed)
    except OSError as exc:
        print(f"{folder} cannot be used ({exc.strerror}): give another with --dir", file=sys.stderr)
        return 1
    for name in changed:
        print(f"{name}: left as you changed it (remove or rename it for a fresh copy)")
    print(f"Opening JupyterLab on {folder / FIRST}", flush=True)
    return _become(folder, [FIRST, *(["--no-browser"] if args.no_browser else []), *args.options])


def shipped_notebooks() -> Path | None:
    """Return the folder of the notebooks: in the wheel, else beside the source; ``None`` when there is none."""
    package = Path(fh_notebook.__file__).parent
    folders = (package / "_notebooks", package.parent / "notebooks")
    return next((folder for folder in folders if (folder / FIRST).is_file()), None)


def copy_notebooks(source: Path, folder: Path) -> list[str]:
    """Copy the notebooks of `source` to `folder`, and renew those that are as they were copied."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / MANIFEST
    copied = _read_manifest(manifest)
    changed = []
    for original in sorted(source.glob("*.ipynb")):
        fresh, target = original.read_bytes(), folder / original.name
        present = _digest(target.read_bytes()) if target.exists() else None
        if present not in (None, _digest(fresh), copied.get(original.name)):
            changed.append(original.name)
            continue
        if present != _digest(fresh):
            target.write_bytes(fresh)
        copied[original.name] = _digest(fresh)
    manifest.write_text(json.dumps(copied, indent=1) + "\n", encoding="utf-8")
    return changed


def trust(notebooks: Iterable[Path]) -> None:
    """Sign notebooks, so that JupyterLab shows the styles of their outputs."""
    import nbformat
    from nbformat.sign import NotebookNotary

    notary = NotebookNotary()
    for notebook in notebooks:
        read = nbformat.reads(notebook.read_text("utf-8"), as_version=4)
        notary.sign(read)


def _read_manifest(file: Path) -> dict[str, str]:
    """Return what was noted; a file that is missing or not ours says nothing, and nothing is overwritten then."""
    try:
        noted = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in noted.items()} if isinstance(noted, dict) else {}


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def _become(folder: Path, options: Sequence[str]) -> int:
    command = [sys.executable, "-m", "jupyterlab", *options]
    os.chdir(folder)
    if os.name == "posix":
        # Ctrl+C then goes to JupyterLab alone, which asks before it stops.
        os.execv(sys.executable, command)  # noqa: S606 - our own interpreter, no shell
    return subprocess.call(command)  # noqa: S603 - our own interpreter, no shell
