"""Whether workers can reach the service at all: told before anything is looked at.

Rule of this file: it calls nothing, and each error has its cure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fh_notebook import session
from fh_notebook.addresses import hostname, is_loopback
from fh_notebook.errors import SettingsError
from fh_notebook.spelling import type_text

if TYPE_CHECKING:
    from fh_notebook.client.blocking import Client

__all__ = ["check_cluster"]


def check_cluster(dask: Any, client: Client) -> None:
    """Raise where workers cannot reach the service; say it once where the key would travel in the clear.

    Raises
    ------
    SettingsError
        With the cure.
    """
    if isinstance(dask, str):
        raise SettingsError(f"dask is a text; give distributed.Client({dask!r}), or None for threads here")
    if not hasattr(dask, "scheduler") or not hasattr(dask, "register_plugin"):
        raise SettingsError(f"dask is {type_text(dask)}; give a distributed.Client, or None for threads here")
    if dask.asynchronous:
        raise SettingsError("dask is an asynchronous client; give distributed.Client(address) as it is by default")
    if dask.status != "running":
        raise SettingsError("the Dask client is closed; make a new one, and run the cell again with dask=...")
    connection = client.aclient.connection
    if connection.open_transport is not None:
        raise SettingsError(
            "workers cannot reach a hive inside of this process; serve it (hive.serve()) and give a client of its url, "
            "or leave dask= out"
        )
    address = str(dask.scheduler.address if dask.scheduler is not None else "")
    if not address.startswith(("tls://", "wss://", "inproc://")) and not is_loopback(hostname(address)):
        session.tell_once(
            f"The cluster at {address} is not encrypted (TLS): a worker that has no key of its own is sent yours in "
            "the clear. Set FETCH_HIVE_API_KEY where the workers run, or use TLS."
        )
