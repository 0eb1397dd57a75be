"""`invoke` and `ainvoke`: one call by the session's own client, without naming one.

Rule of this file: no logic of its own. Whom to ask is found in `session`, and how a call is made is in `client/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from fh_notebook import arguments, session
from fh_notebook.client.clients import InvokeOptions

if TYPE_CHECKING:
    from fh_notebook.client.clients import AsyncClient, Client
    from fh_notebook.contract.deployment import Deployment
    from fh_notebook.contract.run import Run

__all__ = ["ainvoke", "invoke"]


@arguments.explicit_signature(InvokeOptions)
def invoke(
    deployment: Deployment | str, *, client: Client | AsyncClient | None = None, **options: Unpack[InvokeOptions]
) -> Run:
    """Run a deployment's variant and return what came of it, whatever came: a failed run is a `Run` too.

    Parameters
    ----------
    deployment : Deployment or str
        What to run; a name is looked up where deployments are known, else its inputs are sent unchecked.
    variant : str, optional
        Which variant; the only one by default.
    inputs : mapping, optional
        The Start variables; those with a default may be left out.
    metadata : mapping, optional
        Flat values for the service's logs.
    user, callback_url, tool_approval : str, optional
        As the service's call takes them.
    client : Client or AsyncClient, optional
        Whom to ask; the session's own by default.

    Returns
    -------
    Run
        Its ``elapsed_s`` is in seconds.

    Raises
    ------
    InputError
        The inputs or the variant do not fit. No call was made.
    SettingsError
        The settings name no usable key or address. No call was made.
    AuthError
        The service refused the key.
    ConnectFailed
        The service was not reached: nothing was sent.
    LimitReached
        The daily cap or the credits are used up.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> hive = fh.local.demo_hive().client()
    >>> fh.invoke("support-triage", variant="keywords", inputs={"ticket": "Charged twice."}, client=hive).output
    'billing'
    """
    arguments.check_names(invoke, options)
    return session.client_for(client).invoke(deployment, **options)


@arguments.explicit_signature(InvokeOptions)
async def ainvoke(
    deployment: Deployment | str, *, client: Client | AsyncClient | None = None, **options: Unpack[InvokeOptions]
) -> Run:
    """Await :func:`invoke`: the same arguments, results and errors, from any running loop, in a notebook's cell too.

    Examples
    --------
    >>> import asyncio
    >>> import fh_notebook as fh
    >>> hive = fh.local.demo_hive().client()
    >>> call = fh.ainvoke("support-triage", variant="keywords", inputs={"ticket": "My parcel is late."}, client=hive)
    >>> asyncio.run(call).output
    'delivery'
    """
    arguments.check_names(ainvoke, options)
    return await session.client_for(client).ainvoke(deployment, **options)
