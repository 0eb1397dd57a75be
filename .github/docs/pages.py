"""The pages of the reference that are made: the first one, and one for every group of public names.

Rule of this file: what is public is read from ``fh_notebook`` itself, so that a new name has its page and none is left.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from mkdocs.structure.files import File, Files

import fh_notebook

GROUPS: Final = {
    "calls": ("Single calls", "fh_notebook.session.api", "fh_notebook.client.clients"),
    "batches": ("Batches", "fh_notebook.batching."),
    "comparing": ("Comparing variants", "fh_notebook.comparing."),
    "racing": ("Racing", "fh_notebook.racing."),
    "monitoring": ("Over time", "fh_notebook.monitoring."),
    "callbacks": (
        "Callbacks",
        "fh_notebook.client.pending_run",
        "fh_notebook.client.callbacks.receiver",
        "fh_notebook.contract.signing",
        "fh_notebook.contract.wire",
    ),
    "forms": ("Forms", "fh_notebook.notebook."),
    "deployments": ("Deployments and Start variables", "fh_notebook.contract.", "fh_notebook.session.session"),
    "settings": (
        "Settings and errors",
        "fh_notebook.core.config.settings",
        "fh_notebook.core.redaction",
        "fh_notebook.core.values",
        "fh_notebook.errors",
    ),
}
"""Pages: their title, and how the modules begin whose names stand there. The first page that fits has a name."""


MODULES: Final = {
    "local": "fh_notebook.local",
    "score": "fh_notebook.comparing.scorers.registry",
    "store": "fh_notebook.store.api",
}
"""Public names that stand for a whole module, each with a page of its own."""


def homes() -> dict[str, list[str]]:
    """Return the public names by page, each as ``module.name``.

    Raises
    ------
    LookupError
        A name belongs to no page.
    """
    pages: dict[str, list[str]] = {page: [] for page in GROUPS}
    for name in fh_notebook.__all__:
        if name in MODULES:
            continue
        module = getattr(fh_notebook, name).__module__
        fits = [page for page, (_, *begins) in GROUPS.items() if any(module.startswith(b) for b in begins)]
        if not fits:
            raise LookupError(f"{module} belongs to no page of the reference; add it to GROUPS in {__file__}")
        pages[fits[0]].append(f"{module}.{name}")
    return {page: sorted(names, key=_last_word) for page, names in pages.items() if names}


def _last_word(name: str) -> str:
    return name.rsplit(".", 1)[1].lower()


def _modules() -> dict[str, tuple[str, str]]:
    return {f"module-{name}": (f"fh.{name}", module) for name, module in sorted(MODULES.items())}


def _titled(notebook: Path) -> str:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    first = next(("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"), "")
    return first.strip().splitlines()[0].lstrip("# ") if first.strip() else notebook.stem


def _first_page(notebooks: list[Path]) -> str:
    lines = ["# fh_notebook", "", (fh_notebook.__doc__ or "").split("Examples\n")[0].strip(), "", "## Notebooks", ""]
    lines += [f"- [{_titled(notebook)}]({notebook.name})" for notebook in notebooks]
    lines += ["", "## Reference", ""]
    lines += [f"- [{GROUPS[page][0]}](reference/{page}.md)" for page in homes()]
    lines += [f"- [{title}](reference/{page}.md)" for page, (title, _) in _modules().items()]
    return "\n".join([*lines, ""])


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made."""
    notebooks = sorted(Path(config.docs_dir).glob("*.ipynb"))
    files.append(File.generated(config, "index.md", content=_first_page(notebooks)))
    for page, names in homes().items():
        body = "\n\n".join(f"::: {name}" for name in names)
        files.append(File.generated(config, f"reference/{page}.md", content=f"# {GROUPS[page][0]}\n\n{body}\n"))
    for page, (title, module) in _modules().items():
        files.append(File.generated(config, f"reference/{page}.md", content=f"# {title}\n\n::: {module}\n"))
    return files


_ROLE: Final = re.compile(r":(?:func|class|meth|mod|attr|data|exc|obj):\s*<code>~?(?:[\w.]*\.)?([\w\[\]]+)</code>")


def on_page_content(html: str, **_: Any) -> str:
    """Show what a docstring refers to by its name: the roles of reStructuredText are none of Markdown."""
    return _ROLE.sub(r"<code>\1</code>", html)
