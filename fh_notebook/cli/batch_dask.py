"""``fh-notebook batch --dask``: the cluster that it runs on, and the rows as its workers read them.

Rule of this file: Parquet is read by the workers, partition by partition; other files are read here, and cut.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from fh_notebook.errors import SettingsError
from fh_notebook.optional_deps import ensure_installed

__all__ = ["connected", "rows_for"]

WAIT_S: Final = 10.0
"""How long a scheduler may take to answer."""


@contextmanager
def connected(args: argparse.Namespace) -> Iterator[Any]:
    """Give the client of the cluster that ``--dask`` names, or ``None``.

    Raises
    ------
    SettingsError
        Nobody answers there, or Dask is not installed.
    """
    if args.dask is None:
        yield None
        return
    ensure_installed("distributed", "--dask needs")
    from distributed import Client

    try:
        client = Client(args.dask, timeout=WAIT_S)
    except (OSError, TimeoutError, ValueError) as broken:
        raise SettingsError(
            f"no Dask scheduler answers at {args.dask} ({type(broken).__name__}): look at the address and the network, "
            "or leave --dask out to call from here"
        ) from None
    try:
        yield client
    finally:
        client.close()


def rows_for(args: argparse.Namespace, dask: Any) -> Any:
    """Return the rows: the path, or what workers read of it."""
    if dask is None or args.data.suffix != ".parquet":
        return args.data
    import dask.dataframe as dd

    return dd.read_parquet(str(args.data))
