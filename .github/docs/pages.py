"""Hooks of MkDocs: the README as first page, the guide, the reference of public names, and the navigation.

Rule of this file: public names are read from ``fh_notebook`` itself, so that a new name has its page and none is left.
The guide (``guide/``) is read in two places: on the repository's page its links lead to files, on the site to pages.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import fh_notebook

GUIDE: Final = (
    "cell", "form", "catalogue", "tables", "batch", "comparison", "trust", "race", "callbacks", "local_hive",
    "command_line", "benchmarks", "glossary",
)  # fmt: skip
"""The pages of the guide, in reading order."""

_HERE: Final = Path(__file__).parent
_ROOT: Final = _HERE.parents[1]
_GUIDE: Final = _HERE / "guide"
STYLE: Final = "style.css"

GROUPS: Final = {
    "calls": (
        "Single calls",
        "fh_notebook.session.api",
        "fh_notebook.session.probe",
        "fh_notebook.client.clients",
        "fh_notebook.client.profile",
        "fh_notebook.client.uploads",
    ),
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


def guide_page(name: str) -> str:
    """Return the Markdown of a page of the guide, with links to notebooks as the site has them."""
    return (_GUIDE / f"{name}.md").read_text(encoding="utf-8").replace("../../../notebooks/", "../")


def _title(markdown: str) -> str:
    return markdown.split("\n", 1)[0].lstrip("# ")


def glossary() -> dict[str, str]:
    """Return the words of the glossary and their meanings."""
    rows = [line.strip("| ").split(" | ", 1) for line in guide_page("glossary").splitlines() if line.startswith("| ")]
    return dict(rows[1:])  # without the heading of the table


def _notebooks(config: Any) -> list[Path]:
    """Return the notebooks in reading order: the numbered ones, then the how-tos."""
    return sorted(Path(config.docs_dir).glob("*.ipynb"))


def on_config(config: Any) -> Any:
    """Set the style, and the navigation: the guide, the notebooks, the reference."""
    config.extra_css = [STYLE]
    notebooks = {"Notebooks": [], "How to": []}
    for notebook in _notebooks(config):
        notebooks["How to" if notebook.stem.startswith("how_to") else "Notebooks"].append(notebook.name)
    reference = [{GROUPS[page][0]: f"reference/{page}.md"} for page in homes()]
    reference += [{title: f"reference/{page}.md"} for page, (title, _) in _modules().items()]
    config.nav = [
        {"Overview": "index.md"},
        {"Guide": [{_title(guide_page(name)): f"guide/{name}.md"} for name in GUIDE]},
        *({title: names} for title, names in notebooks.items()),
        {"Reference": reference},
    ]
    return config


def first_page() -> str:
    """Return the README with links to pages; of a link to a file that is no page, the text stays."""
    text = (_ROOT / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"\]\(https://[^\s)]+/(?:blob|raw)/v[^/)]+/", "](", text)  # of a release: see release.py
    text = re.sub(r"\]\(notebooks/", "](", text).replace("](.github/docs/guide/", "](guide/")
    text = text.replace(f"]({_PICTURE})", f"]({Path(_PICTURE).name})")
    return re.sub(r"(?<!!)\[([^\]]+)\]\((?!https?:|#|guide/|\w+\.ipynb)[^)]+\)", r"\1", text)


_PICTURE: Final = ".github/form_and_comparison.png"


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are not files of the documentation's folder."""
    files.append(File.generated(config, "index.md", content=first_page()))
    for file in (_ROOT / _PICTURE, _HERE / STYLE):
        files.append(File.generated(config, file.name, abs_src_path=str(file)))
    for name in GUIDE:
        files.append(File.generated(config, f"guide/{name}.md", content=guide_page(name)))
    for page, names in homes().items():
        body = "\n\n".join(f"::: {name}" for name in names)
        files.append(File.generated(config, f"reference/{page}.md", content=f"# {GROUPS[page][0]}\n\n{body}\n"))
    for page, (title, module) in _modules().items():
        files.append(File.generated(config, f"reference/{page}.md", content=f"# {title}\n\n::: {module}\n"))
    return files


_WORD: Final = re.compile(r"(?<![*\w])\*([\w% -]+)\*(?![*\w])")


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Turn ``*word*`` in the guide, where the glossary has the word, into a link with its meaning as tooltip."""
    if not page.file.src_uri.startswith("guide/") or page.file.src_uri.endswith("/glossary.md"):
        return markdown
    meanings = glossary()

    def explained(match: re.Match[str]) -> str:
        word = match[1]
        found = next((known for known in (word, f"{word}s", word.removesuffix("s")) if known in meanings), None)
        return f'[{word}](glossary.md "{meanings[found]}")' if found else match[0]

    return _WORD.sub(explained, markdown)


_ROLE: Final = re.compile(r":(?:func|class|meth|mod|attr|data|exc|obj):\s*<code>~?(?:[\w.]*\.)?([\w\[\]]+)</code>")


def on_page_content(html: str, **_: Any) -> str:
    """Show what a docstring refers to by its name: the roles of reStructuredText are none of Markdown."""
    return _ROLE.sub(r"<code>\1</code>", html)
