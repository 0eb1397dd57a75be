"""``%fetchhive use``: where calls go, with which key, and where answers and deployments are kept."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from fh_notebook import html, keys, precedence, session, settings
from fh_notebook.addresses import DEFAULT_BASE_URL, LOCAL, origin
from fh_notebook.client.connection import Connection
from fh_notebook.contract.spell import nearest, short
from fh_notebook.errors import FetchHiveError, InputError, SettingsError
from fh_notebook.problems import Problem
from fh_notebook.store import catalog_file
from fh_notebook.values import MASK

__all__ = ["Facts", "use"]

_LIVE: Final = "live"


class Facts:
    """Names with values, as a small table.

    Examples
    --------
    >>> Facts([("calls go to", "the local hive"), ("key", "none is needed")])
    calls go to  the local hive
    key          none is needed
    """

    def __init__(self, facts: Sequence[tuple[str, str]]) -> None:
        self.facts = tuple(facts)

    def __repr__(self) -> str:
        width = max(len(name) for name, _ in self.facts)
        return "\n".join(f"{name.ljust(width)}  {html.printable(value)}" for name, value in self.facts)

    def _repr_html_(self) -> str:
        wrapped = "overflow-wrap:anywhere"  # a path is one long word
        rows = (
            html.el("tr", html.el("th", name, scope="row"), html.el("td", value, style=wrapped))
            for name, value in self.facts
        )
        return html.el("div", html.STYLE, html.el("table", html.el("tbody", *rows), cls="fh-table"), cls="fh")


def use(shell: Any, options: argparse.Namespace) -> Facts:
    """Send calls to `options.address` from now on, if there is one, and return what is in use.

    Raises
    ------
    SettingsError
        The address cannot be used; nothing is changed then.
    """
    if options.address:
        if close := _slip(options.address):
            raise SettingsError(f"{short(options.address)} is not an address; did you mean {close}?")
        settings.configure(base_url=DEFAULT_BASE_URL if options.address == _LIVE else options.address)
    address, chosen = precedence.find_base_url()
    here, trouble = _connection()
    store = precedence.store_path()
    return Facts(
        [
            ("calls go to", _place(address, chosen, here)),
            ("key", _key(address, here)),
            ("workspace", here.workspace if here else f"none: {trouble}"),
            ("answers are kept in", str(store) if store else "nothing: fh.configure(store=None) says so"),
            ("catalogue", _catalogue()),
        ]
    )


def _slip(word: str) -> str | None:
    """Return which of the two words one that cannot be an address was most likely meant to be."""
    known = (LOCAL, _LIVE)
    return None if word in known or set(word) & set(":/.") else nearest(word, known)


def _connection() -> tuple[Connection | None, str]:
    try:
        return session.client_for(None).aclient.connection, ""
    except SettingsError as missing:
        return None, str(missing)


def _place(address: str, chosen: bool, here: Connection | None) -> str:
    if address == LOCAL:
        return "the local hive in this kernel"
    if here is not None and here.origin == LOCAL:
        return f"the local hive in this kernel, as there is no key for {origin(address)}"
    return address if chosen else f"{address} (the service's own)"


def _key(address: str, here: Connection | None) -> str:
    if here is not None and here.origin != LOCAL:
        needed = here.key.reveal() != session.NO_KEY_NEEDED
        return f"{MASK} from {here.key_source}" if needed else here.key_source
    if address == LOCAL:
        return "none is needed"
    return "; ".join([f"none: {keys.LOGIN_CURE}", *precedence.find_key(base_url=address).hints])


def _catalogue() -> str:
    found = catalog_file.find()
    if found is None:
        return "none yet; %fetchhive snippet and Deployment.save() make fetchhive.yaml"
    place = catalog_file.shown(found)
    try:
        catalog_file.read(found)
    except FetchHiveError as broken:
        problems = broken.problems if isinstance(broken, InputError) else Problem.of(str(broken))
        more = f" (and {len(problems) - 1:,} more)" if len(problems) > 1 else ""
        # The file's name stands there already.
        told = replace(problems[0], place=problems[0].place.removeprefix(place).lstrip(", :"))
        return f"{place}, which cannot be used: {told}{more}"
    return place
