"""``cmp.report(path)``: choose the writer by the suffix, and write the whole comparison to one file.

A report states its provenance and contains no secret: texts are masked as logs are, and values of password Start
variables are left out. A file is written as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from fh_notebook.batching.export.files import checked_target, replacing, suffix_of
from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.report.html_page import page
from fh_notebook.comparing.report.markdown import markdown
from fh_notebook.comparing.report.workbook import write_workbook
from fh_notebook.core.optional_deps import ensure_installed

__all__ = ["SUFFIXES", "check_report", "write_report"]


def _page(data: ComparisonData, target: Path) -> None:
    _text(target, page(data))


def _markdown(data: ComparisonData, target: Path) -> None:
    _text(target, markdown(data))


def _workbook(data: ComparisonData, target: Path) -> None:
    write_workbook(data, target)


def _text(target: Path, text: str) -> None:
    with replacing(target) as raw:
        raw.write(text.encode("utf-8", "replace"))  # half a character is a question mark


WRITERS: Final[dict[str, Callable[[Any, Path], None]]] = {".html": _page, ".md": _markdown, ".xlsx": _workbook}
SUFFIXES: Final = tuple(WRITERS)
_NEEDS: Final = {".xlsx": ("xlsxwriter", "Excel files need")}


def check_report(path: Any) -> Path:
    """Return where a report would be written, before anything is paid for.

    Raises
    ------
    SettingsError
        It cannot be written there, or what it needs is not installed.
    """
    target = checked_target(path, SUFFIXES)
    if need := _NEEDS.get(suffix_of(target)):
        ensure_installed(*need)
    with replacing(target, replace=lambda made, _: None):
        pass  # a file can be made beside it: the folder may be written
    return target


def write_report(data: ComparisonData, path: Any) -> Path:
    """Write the report and return its path (see ``Comparison.report``)."""
    target = check_report(path)
    WRITERS[suffix_of(target)](data, target)
    return target
