"""Parts of a table, written once into a file without a name, and read back from there.

Rule of this file: it makes an export quicker and never fails it. A part out of the store is decoded in a hundred times
of what it takes to read it from here, so a table whose parts are looked at and then written waits here in between.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO
from weakref import finalize

import pandas as pd

from fh_notebook.log import log

__all__ = ["Spool"]


class Spool:
    """Where the parts wait; gone with the object, and at the end of the process.

    Parameters
    ----------
    folder : Path
        On which disk: that of the export itself, which will hold as much.
    """

    def __init__(self, folder: Path) -> None:
        self.whole = False
        """Whether all parts are in it."""
        self._held = 0
        self._file: IO[bytes] | None = None
        with suppress(OSError):
            self._file = TemporaryFile(dir=folder)  # noqa: SIM115 - closed with the object
            finalize(self, self._file.close)

    def through(self, parts: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """Yield `parts`, each once it is written here; where that cannot be, they go by all the same."""
        file = self._file
        self.whole = file is not None
        for part in parts:
            self.whole = self.whole and file is not None and self._put(part, file)
            yield part

    def _put(self, part: pd.DataFrame, file: IO[bytes]) -> bool:
        try:
            pickle.dump(part, file, protocol=5)
        except Exception:  # a full disk, or what somebody's own object raises: the table is read twice then
            log.debug("the parts of an export could not be held in a file", exc_info=True)
            return False
        self._held += 1
        return True

    def parts(self) -> Iterator[pd.DataFrame]:
        """Yield the parts again, in their order."""
        if self._file is None:
            return
        self._file.seek(0)
        for _ in range(self._held):
            part: pd.DataFrame = pickle.load(self._file)  # noqa: S301 - without a name: nobody else can have written it
            yield part
