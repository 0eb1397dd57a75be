"""A batch written as a table that others open: what a user calls for it.

Rule of this file: it says what a file holds and what was changed for it; each format is written in `export*.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from os import PathLike

import pandas as pd

from fh_notebook import arguments
from fh_notebook.batching.export import Exported, to_csv, to_excel, to_parquet
from fh_notebook.batching.outcomes import Counts
from fh_notebook.values import Whole

__all__ = ["BatchFiles"]


class BatchFiles(ABC):
    """What can be written; whoever is written has a name, counts and lines."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Under which its answers are kept."""

    @property
    @abstractmethod
    def counts(self) -> Counts:
        """How far it is."""

    @property
    @abstractmethod
    def running(self) -> bool:
        """Whether calls are being made."""

    @property
    @abstractmethod
    def frame(self) -> pd.DataFrame:
        """Its lines."""

    @abstractmethod
    def iter_frames(self, n: int = 10_000) -> Iterator[pd.DataFrame]:
        """Yield its lines in parts."""

    def to_csv(self, path: str | PathLike[str], *, mark: bool = True, max_cell: Whole | None = None) -> Exported:
        """Write :attr:`frame` as CSV that is safe to open in a spreadsheet; return what was written and changed.

        A text that a spreadsheet would take for a formula gets an apostrophe; numbers stay numbers, lists and objects
        are JSON; the index is not written, the column ``row`` says the same. Written in parts, and there as a whole or
        not at all.

        Parameters
        ----------
        path : path
            Ends in ``.csv``, ``.csv.gz`` or ``.tsv``.
        mark : bool
            Begin with a byte order mark, without which Excel reads UTF-8 as something else.
        max_cell : int, optional
            Cut longer texts at this many characters; by default none is.

        Raises
        ------
        SettingsError
            It cannot be written there, or the batch is running.
        """
        arguments.check(BatchFiles.to_csv, locals())
        return to_csv(self, path, mark=mark, max_cell=None if max_cell is None else int(max_cell))

    def to_excel(self, path: str | PathLike[str]) -> Exported:
        """Write :attr:`frame` as an Excel workbook, safe as :meth:`to_csv`; return what was written and changed.

        Texts longer than a cell of Excel (32,767 characters) are cut and counted. Times are ISO 8601 texts, whole
        numbers of more than 15 digits are texts. A second sheet says where the answers are from.

        Raises
        ------
        SettingsError
            It cannot be written there, there are more rows or columns than a sheet holds (1,048,575 and 16,384),
            XlsxWriter is not installed, or the batch is running.
        """
        arguments.check(BatchFiles.to_excel, locals())
        return to_excel(self, path)

    def to_parquet(self, path: str | PathLike[str]) -> Exported:
        """Write :attr:`frame` as Parquet, with ``frame.attrs``; return what was written.

        ``pandas.read_parquet`` gives the same dtypes, except that values of several kinds are text: texts as they are,
        everything else as JSON. So is ``output``, always. The index is there, too, where it is the source's own.

        Raises
        ------
        SettingsError
            It cannot be written there, pyarrow is not installed, or the batch is running.
        """
        arguments.check(BatchFiles.to_parquet, locals())
        return to_parquet(self, path)
