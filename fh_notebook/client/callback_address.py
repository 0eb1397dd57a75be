"""Who receives the outcome of a run that is started by callback delivery, and the callback URL that it is sent with.

Rule of this file: where callbacks cannot come, the service is given an address that nobody has, and the run is asked
for.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from fh_notebook.addresses import is_loopback
from fh_notebook.client.connection import Connection
from fh_notebook.client.receiver import CallbackReceiver
from fh_notebook.contract.callbacks import NOWHERE
from fh_notebook.contract.spell import type_text
from fh_notebook.errors import SettingsError

__all__ = ["address_for"]


async def address_for(
    connection: Connection, callback: CallbackReceiver | str | None
) -> tuple[CallbackReceiver | None, str]:
    """Return who receives and the callback URL that the service is given.

    Raises
    ------
    SettingsError
        `callback` is something else, or the receiver cannot listen.
    """
    if isinstance(callback, str):
        return None, callback
    if callback is None:
        callback = connection.receiver() if connection.is_near else None
        if callback is None:
            return None, NOWHERE
    if not isinstance(callback, CallbackReceiver):
        raise SettingsError(
            f"callback is {type_text(callback)}; give fh.CallbackReceiver(), a URL, or None to be asked for"
        )
    await callback.astart()
    if not connection.is_near and is_loopback(urlsplit(callback.url_now).hostname or ""):
        connection.tell(f"Callbacks cannot come: {callback.reach_now.told} This run is waited for by polling.")
        return None, NOWHERE
    return callback, callback.url_now
