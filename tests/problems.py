"""Problems in assertions: by their places and rules, and, where the wording is tested, by their sentences."""

from __future__ import annotations

from collections.abc import Iterable

from fh_notebook.core.text.formatting import path_text
from fh_notebook.core.text.problems import Problem

__all__ = ["rules", "sentences"]


def rules(problems: Iterable[Problem]) -> list[str]:
    """Return where each is and which rule it breaks: ``"tags[1]: type"``."""
    return [f"{path_text(p.path)}: {p.keyword}" if p.path is not None else p.keyword for p in problems]


def sentences(problems: Iterable[Problem]) -> list[str]:
    """Return their sentences, as Python's messages show them."""
    return [str(problem) for problem in problems]
