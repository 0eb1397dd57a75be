"""PublicEndpoint: the URL at which the service reaches a callback receiver on this machine.

Nothing is asked: environment and settings say it.

Rule of this file: it never promises more than it knows. A hub that asks every caller to log in is no public reach, and
a token in a URL, which would open it, stays out: the URL goes to the service, and into its logs.

Facts: under JupyterHub (Binder is one) the server lives at ``JUPYTERHUB_SERVICE_PREFIX``, and jupyter-server-proxy
serves a port of the machine at ``{prefix}proxy/{port}/``, to who is logged in (its documentation, "Accessing Arbitrary
Ports"). The host's public name is in no variable of a kernel before JupyterHub 5, which sets ``JUPYTERHUB_PUBLIC_URL``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final
from urllib.parse import urlsplit

from fh_notebook.core.config.urls import EVERYWHERE, host_here, is_loopback
from fh_notebook.core.text.messages import Message, option
from fh_notebook.errors import SettingsError

__all__ = ["PublicEndpoint", "check_path", "check_public_url", "endpoint_of"]

MIN_PATH: Final = 16
"""Characters of the last part of an address, when it is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicEndpoint:
    """Who reaches a receiver."""

    base: str
    """The address of the receiver's root, as callers are given it; without a slash at its end."""
    outside: bool
    """Whether callers beyond this machine are meant to reach it: somebody said so with a public URL."""
    browser: str = ""
    """The address at which the person's own browser reaches it, where a Jupyter proxy gives it one."""
    told: str
    """The same in words."""


def check_path(path: str) -> str:
    """Return the last part of a receiver's address.

    Raises
    ------
    SettingsError
        It can be guessed, or stands in an address otherwise than it is spelt.
    """
    if not isinstance(path, str) or len(path) < MIN_PATH or not path.replace("-", "").replace("_", "").isalnum():
        raise SettingsError(
            f"path is a text of at least {MIN_PATH} letters, digits, - and _, which nobody can guess; leave it out and "
            "keep receiver.path"
        )
    if not path.isascii():
        raise SettingsError("path has letters beyond ASCII; leave it out and keep receiver.path")
    return path


def check_public_url(url: str) -> str:
    """Return a public URL without a slash at its end.

    Raises
    ------
    SettingsError
        It is no http(s) address, or carries a password, a query or a fragment.

    Examples
    --------
    >>> check_public_url("https://hooks.example.com/fh/")
    'https://hooks.example.com/fh'
    """
    try:
        parts = urlsplit(str(url).strip())
        host, _ = parts.hostname, parts.port
    except ValueError as exc:
        raise SettingsError(Message("{} is not an address ({})", (option("public_url"), str(exc)))) from None
    if parts.scheme not in ("http", "https") or not host:
        raise SettingsError(
            Message("{} is not an http(s) address; give what the tunnel shows, https://...", (option("public_url"),))
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingsError(
            Message(
                "{} has a user, a query or a fragment; give the address alone: it goes to the service",
                (option("public_url"),),
            )
        )
    return parts.geturl().rstrip("/")


def endpoint_of(*, host: str, port: int, public_url: str | None, environment: Mapping[str, str]) -> PublicEndpoint:
    """Return who reaches a receiver that listens at `host` and `port`.

    Examples
    --------
    >>> print(endpoint_of(host="127.0.0.1", port=8787, public_url=None, environment={}).told)
    Only programs on this machine reach it. For Fetch Hive itself give public_url= (a tunnel, a reverse proxy); without it runs are waited for by polling.
    """  # noqa: E501 - what is printed is one line
    local = f"http://{host_here(host)}:{port}"
    if public_url is not None:
        to_itself = is_loopback(urlsplit(public_url).hostname or "")
        told = (
            f"{public_url} is this machine's own address: nobody else reaches it."
            if to_itself
            else f"Callers reach it at {public_url}, as you said; receiver.self_test() tries it."
        )
        return PublicEndpoint(base=public_url, outside=not to_itself, told=told)
    cure = "For Fetch Hive itself give public_url= (a tunnel, a reverse proxy)"
    if prefix := environment.get("JUPYTERHUB_SERVICE_PREFIX"):
        return _behind_a_hub(local, port, prefix, environment, cure)
    listening = "this machine" if host in EVERYWHERE else host
    who = "Only programs on this machine reach it." if is_loopback(host) else f"Whoever reaches {listening} reaches it."
    return PublicEndpoint(base=local, outside=False, told=f"{who} {cure}; without it runs are waited for by polling.")


def _behind_a_hub(local: str, port: int, prefix: str, environment: Mapping[str, str], cure: str) -> PublicEndpoint:
    named = environment.get("JUPYTERHUB_PUBLIC_URL", "").rstrip("/")
    where = named or f"(your notebook's address){prefix.rstrip('/')}"
    hub = "Binder" if environment.get("BINDER_SERVICE_HOST") or environment.get("BINDER_LAUNCH_HOST") else "JupyterHub"
    has_proxy = find_spec("jupyter_server_proxy") is not None
    browser = f"{where}/proxy/{port}" if has_proxy else ""
    seen = f"your own browser sees it at {browser}" if has_proxy else "jupyter-server-proxy is not installed here"
    told = (
        f"This notebook runs behind {hub}: {seen}, but {hub} asks every caller to log in, so Fetch Hive cannot reach "
        f"it. {cure}; without it runs are waited for by polling."
    )
    return PublicEndpoint(base=local, outside=False, browser=browser, told=told)
