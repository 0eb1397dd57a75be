"""Writes the parts of a batch as one Parquet file.

Rule of this file: `pandas.read_parquet` gives back the very dtypes of the parts, their index where it is one of their
own, and ``frame.attrs``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, Final

import pandas as pd

__all__ = ["Parquet", "open_parquet"]

ATTRS: Final = b"PANDAS_ATTRS"
"""Where pandas 2.1 and later keep ``frame.attrs`` in a file (``pandas/io/parquet.py``)."""


GROUP_BYTES: Final = 16 * 1024 * 1024
"""What is gathered for one row group: readers are slow where there are many small ones."""


class Parquet:
    """A Parquet file that is being written."""

    def __init__(self, writer: Any, schema: Any, *, with_index: bool) -> None:
        self._with_index = with_index
        self._writer = writer
        self._schema = schema
        self._gathered: list[Any] = []

    def write(self, part: pd.DataFrame) -> None:
        """Write lines of the schema's columns, as soon as there are enough of them."""
        import pyarrow as pa

        table = pa.Table.from_pandas(part, schema=self._schema, preserve_index=self._with_index)
        self._gathered.append(table)
        if sum(table.nbytes for table in self._gathered) >= GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered as one row group."""
        import pyarrow as pa

        if self._gathered:
            self._writer.write_table(pa.concat_tables(self._gathered))
        self._gathered = []


@contextmanager
def open_parquet(
    file: BinaryIO, template: pd.DataFrame, attrs: Mapping[Any, Any], *, with_index: bool = False
) -> Iterator[Parquet]:
    """Give a file of the columns and dtypes of `template`, which is whole when the block ends."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.Schema.from_pandas(template, preserve_index=with_index)
    schema = schema.with_metadata({**(schema.metadata or {}), ATTRS: json.dumps(dict(attrs)).encode()})
    with pq.ParquetWriter(file, schema) as writer:
        made = Parquet(writer, schema, with_index=with_index)
        yield made
        made.flush()
