"""The tables of a batch over partitions, as lazy Dask frames over its parts.

Rule of this file: computing a table reads files and calls nothing. Columns and dtypes are known beforehand, so the
names inside of outputs (``out.<name>``) are none of them: they hang on the answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import pandas as pd

from fh_notebook.batching.frames import tidy_frame
from fh_notebook.batching.rows import read_rows
from fh_notebook.scaling import parts
from fh_notebook.scaling.spec import Spec
from fh_notebook.scaling.survey import planned, rows_of

__all__ = ["AS_IT_IS", "frame_of", "frames_of", "meta_of", "pending_of"]

AS_IT_IS: Final = {"dataframe.convert-string": False}
"""Dask would make a text of every object in a column: of lists, and of outputs that are objects."""


def meta_of(source: pd.DataFrame, label: Any) -> pd.DataFrame:
    """Return the tidy table of no line: the columns and dtypes of every part.

    Parameters
    ----------
    source : DataFrame
        The source's columns and dtypes, of no line.
    label : int or str
        The label of a row, for its kind.
    """
    source = source.iloc[:0].reset_index(drop=True)
    for name in source.columns:
        if not _categories_are_known(source[name]):  # they are known by partition only: values as they are
            source = source.assign(**{name: source[name].astype("object")})
    rows = read_rows(source)
    meta = tidy_frame([], rows, about={})
    meta["row"] = pd.Series([label]).iloc[:0].reset_index(drop=True)
    meta.attrs = {}
    return meta


def frame_of(paths: Sequence[tuple[str, bool]], meta: pd.DataFrame) -> Any:
    """Return the lines of parts as a ``dask.dataframe``, one partition a part.

    Parameters
    ----------
    paths : sequence of (str, bool)
        Each part, and whether the batch object took it over whole: then it paid for none of its answers.
    meta : DataFrame
        The columns and dtypes.
    """
    import dask
    import dask.dataframe as dd

    with dask.config.set(AS_IT_IS):
        if not paths:
            return dd.from_pandas(meta, npartitions=1)
        return dd.from_map(_read, [path for path, _ in paths], [taken for _, taken in paths], like=meta, meta=meta)


def _read(path: str, taken: bool, *, like: pd.DataFrame) -> pd.DataFrame:
    frame = parts.read_part(path, like)
    if taken:
        answered = frame["status"].isin(["completed", "failed"]) & frame["key"].notna()
        frame["reused"] = frame["reused"].mask(answered, other=True).astype(like["reused"].dtype)
    return frame


def frames_of(paths: Sequence[tuple[str, bool]], meta: pd.DataFrame, n: int) -> Iterator[pd.DataFrame]:
    """Yield the lines of parts, at most `n` at once."""
    for path, taken in paths:
        part = _read(path, taken, like=meta)
        for at in range(0, len(part), n):
            yield part.iloc[at : at + n].reset_index(drop=True)


def pending_of(partitions: Sequence[Any], starts: Sequence[int], paths: Sequence[str], spec: Spec, meta: Any) -> Any:
    """Return the jobs without an outcome as a ``dask.dataframe``; each partition is read and planned for it."""
    import dask
    import dask.dataframe as dd

    pending = dask.delayed(_pending, pure=False)
    made = [pending(p, start, path, spec, meta) for p, start, path in zip(partitions, starts, paths, strict=True)]
    with dask.config.set(AS_IT_IS):
        return dd.from_delayed(made, meta=meta, verify_meta=False)


def _categories_are_known(column: Any) -> bool:
    from dask.dataframe.utils import has_known_categories as known

    return not isinstance(column.dtype, pd.CategoricalDtype) or bool(known(column))


def _pending(frame: pd.DataFrame, start: int, path: str, spec: Spec, meta: pd.DataFrame) -> pd.DataFrame:
    known: set[str] = set()
    if path:
        _, lines = parts.read_keys(path)
        known = set(lines["key"].dropna())
    rows = rows_of(frame, spec, start)
    _, _, by_row = planned(rows, spec, start)
    pairs = [(job, None) for row in by_row for job in row if job.key and job.key not in known]
    tidy = tidy_frame(pairs, rows, about={})
    return tidy.reset_index(drop=True)[list(meta.columns)]
