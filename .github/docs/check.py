"""Check a built site: every public name has its place, and no page loads anything from elsewhere.

python .github/docs/check.py SITE
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import FunctionType, ModuleType

import fh_notebook

LOADS = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed)[^>]*\ssrc=["']?((?:https?:)?//[^"'\s>]+)"""
    r"""|<link(?![^>]*rel=["']?canonical)[^>]*\shref=["']?((?:https?:)?//[^"'\s>]+)|@import[^;]*//"""
)

ROLE = re.compile(r":(?:func|class|meth|mod|attr|data|exc|obj):\s*<code>[^<]*")


def _members(name: str) -> list[str]:
    """Return the public methods and properties of a class that this package has written, wherever."""
    thing = getattr(fh_notebook, name.rsplit(".", 1)[1])
    if not isinstance(thing, type):
        return []
    ours = [cls for cls in thing.__mro__ if cls.__module__.split(".")[0] == fh_notebook.__name__]
    written = {member: value for cls in reversed(ours) for member, value in vars(cls).items()}
    return [member for member, value in written.items() if not member.startswith("_") and _is_told(value)]


def _is_told(value: object) -> bool:
    called = isinstance(value, FunctionType | classmethod | staticmethod | property)
    return called and bool(getattr(value, "__doc__", None))


def main(site: Path) -> int:
    """Print what is wrong, and return 1 when something is."""
    pages = {page: page.read_text(encoding="utf-8") for page in sorted(site.rglob("*.html"))}
    wrong: list[str] = []
    for page, text in pages.items():
        wrong += [f"{page.relative_to(site)} loads {found[0]}" for found in LOADS.finditer(text)]
        wrong += [f"{page.relative_to(site)} shows {found[0]}" for found in ROLE.finditer(text)]
    whole = "\n".join(pages.values())
    values = {name: getattr(fh_notebook, name) for name in fh_notebook.__all__}
    public = [f"{value.__module__}.{name}" for name, value in values.items() if not isinstance(value, ModuleType)]
    wrong += [f"{name} has no place" for name in public if f'id="{name}"' not in whole]
    members = [f"{name}.{member}" for name in public for member in _members(name)]
    wrong += [f"{name} has no place" for name in members if f'id="{name}"' not in whole]
    for notebook in Path("notebooks").glob("*.ipynb"):
        if not (site / notebook.stem / "index.html").exists():
            wrong.append(f"{notebook.name} has no page")
    sys.stdout.write("\n".join(wrong or [f"{len(pages)} pages, {len(public)} public names"]) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
