"""Views of outputs for an HTML report: JSON, Markdown, tables and files as in a notebook, with the bytes of files.

A plain text needs none: the page's script shows it. Files are fetched when the report is written, as
:meth:`Run.save_assets` fetches them, so the page asks nobody. A page opens quickly only up to a size, so outputs behind
it are text, and further files are their links.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from fh_notebook.contract.output.assets import assets_of, file_host
from fh_notebook.contract.output.view import FILES_SHOWN, OutputOptions, best_form, output_view
from fh_notebook.contract.run import Run
from fh_notebook.core import hooks
from fh_notebook.errors import FetchHiveError

__all__ = ["OutputViews"]

VIEWS_CAP: Final = 4_000_000
"""Characters of all views of a page."""
FILES_CAP: Final = 20_000_000
"""Bytes of all files in a page."""
OUTPUT_CAP: Final = 5_000
"""Characters of one output in a view: a row of a table is looked at beside others."""


class OutputViews:
    """The views of one page.

    Parameters
    ----------
    path : tuple of str or int
        The part of an output that is scored.
    origin : str
        The host of the service, whose own addresses may be on a private network.
    """

    def __init__(self, path: tuple[str | int, ...] = (), *, origin: str = "") -> None:
        self._path, self._origin = path, origin
        self._chars_left, self._bytes_left = VIEWS_CAP, FILES_CAP

    def of(self, output: Any) -> str | None:
        """Return the view of an output; ``None`` where its text says the same, or where there are too many."""
        if self._chars_left <= 0 or output is None or best_form(output) == "text":
            return None
        options = OutputOptions(
            whole="the comparison's frame has all", cap=OUTPUT_CAP, path=self._path, is_styled=False,
            contents=self._contents(output),
        )  # fmt: skip
        view = output_view(output, options)
        files = 4 * sum(map(len, options.contents.values())) // 3  # as base64; they have a cap of their own
        self._chars_left -= len(view) - files
        return str(view)

    def _contents(self, output: Any) -> Mapping[str, bytes]:
        """Return the files of an output that can be fetched, by their addresses."""
        contents: dict[str, bytes] = {}
        for asset in assets_of(output)[:FILES_SHOWN]:
            url = asset.file_url
            if url is None or file_host(asset) is None or self._bytes_left <= 0 or url in contents:
                continue
            listed = {"assets": [{"file_url": url, "file_name": "file"}]}
            run = Run(status="completed", output=listed, origin=self._origin)
            with TemporaryDirectory() as folder:
                try:
                    [file] = hooks.assets().save_assets(run, Path(folder))
                except FetchHiveError:  # the page has its link
                    continue
                if file.stat().st_size <= self._bytes_left:
                    contents[url] = file.read_bytes()
                    self._bytes_left -= len(contents[url])
        return contents
