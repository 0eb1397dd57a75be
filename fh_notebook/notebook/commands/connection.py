"""``%fetchhive use``, ``login`` and ``logout``: the address of the service, the API key, and the store.

The key is never shown, and the messages say where it is stored. No command calls the service unless asked to, and
answers under another key are copied only after a confirmation.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fh_notebook.client.clients import Client
from fh_notebook.client.connection import Connection
from fh_notebook.core.config import credentials, resolution, settings
from fh_notebook.core.config.urls import DEFAULT_BASE_URL, LOCAL, origin
from fh_notebook.core.redaction import MASK, Secret
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import nearest, short
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import AuthError, FetchHiveError, InputError, SettingsError, StoreError
from fh_notebook.notebook.shell import ask_hidden, ask_yes, notice
from fh_notebook.session import session
from fh_notebook.store import catalog_file, join

if TYPE_CHECKING:
    from fh_notebook.store.store import Store

_LIVE: Final = "live"


class SettingsTable:
    """Names with values, as a small table.

    Examples
    --------
    >>> SettingsTable([("calls go to", "the local hive"), ("key", "none is needed")])
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


def use(shell: Any, options: argparse.Namespace) -> SettingsTable:
    """Send calls to `options.address` from now on, if there is one, and return what is in use."""
    if options.address:
        if close := _slip(options.address):
            raise SettingsError(f"{short(options.address)} is not an address; did you mean {close}?")
        settings.configure(base_url=DEFAULT_BASE_URL if options.address == _LIVE else options.address)
    address, chosen = resolution.find_base_url()
    connection, error = _connection()
    store = resolution.store_path()
    return SettingsTable(
        [
            ("calls go to", _target(address, chosen, connection)),
            ("key", _key(address, connection)),
            ("workspace", connection.workspace if connection else f"none: {error}"),
            ("answers are saved in", str(store) if store else "no file, as fh.configure(store=None) is set"),
            ("catalogue", _catalogue()),
        ]
    )


def _slip(word: str) -> str | None:
    """Return which of the two words one that cannot be an address was most likely meant to be."""
    targets = (LOCAL, _LIVE)
    return None if word in targets or set(word) & set(":/.") else nearest(word, targets)


def _connection() -> tuple[Connection | None, str]:
    try:
        return session.client_for(None).aclient.connection, ""
    except SettingsError as exc:
        return None, str(exc)


def _target(address: str, chosen: bool, connection: Connection | None) -> str:
    if address == LOCAL:
        return "the local hive in this process"
    if connection is not None and connection.origin == LOCAL:
        return f"the local hive in this process, as no API key is set for {origin(address)}"
    return address if chosen else f"{address} (the service's own)"


def _key(address: str, connection: Connection | None) -> str:
    if connection is not None and connection.origin != LOCAL:
        needed = connection.key.reveal() != session.NO_KEY_NEEDED
        return f"{MASK} from {connection.key_source}" if needed else connection.key_source
    if address == LOCAL:
        return "none is needed"
    return "; ".join([f"none: {credentials.LOGIN_HINT}", *resolution.find_key(base_url=address).hints])


def _catalogue() -> str:
    path = catalog_file.find()
    if path is None:
        return "none yet; %fetchhive snippet and Deployment.save() create fetchhive.yaml"
    shown_path = catalog_file.display_path(path)
    try:
        catalog_file.read(path)
    except FetchHiveError as exc:
        problems = exc.problems if isinstance(exc, InputError) else Problem.of(str(exc))
        more = f" (and {len(problems) - 1:,} more)" if len(problems) > 1 else ""
        # The file's name stands there already.
        problem = replace(problems[0], place=problems[0].place.removeprefix(shown_path).lstrip(", :"))
        return f"{shown_path}, which cannot be used: {problem}{more}"
    return shown_path


_PLACEHOLDER: Final = re.compile(r"(?:fhk_)?[*.…•·xX]+|YOUR_.*|<.*>|\[.*\]|\{.*\}|\$.*|%.*%", re.IGNORECASE)
"""What documentation writes in place of a key."""

KEYS_ASKED: Final = 3
"""Other workspaces of one host that a login asks about, the newest first."""


def login(shell: Any, options: argparse.Namespace) -> None:
    """Ask for the key of the service in use, and use it from now on.

    Where the store has answers under another key of this host, it is asked whether they are to be copied.
    """
    address, _ = resolution.find_base_url()
    if address == LOCAL:
        raise SettingsError(
            "calls go to the local hive in this process, which needs no API key; run %fetchhive use live first"
        )
    host = origin(address)
    key = _ask(host)
    checked = _check(key, address) if options.check else ""
    is_stored, detail = (False, "--here was given") if options.here else credentials.store_in_keyring(host, key)
    settings.log_in(key, base_url=address, source="keyring" if is_stored else "%fetchhive login")
    if is_stored:
        notice(f"The key for {host} is in the system's keyring ({detail}), and is used from now on.")
        if credentials.from_environment():
            notice(f"A new kernel will use {credentials.KEY_NAME} instead, as long as that is set.")
    else:
        notice(f"The key for {host} stays in this kernel only, until it ends: {detail}.")
    notice(checked or "It was not checked: fh.Client().check() checks it, and runs nothing.")
    with suppress(StoreError):  # the key is saved all the same, and the first call that needs the store says it
        _offer_join(shell, host)


def _offer_join(shell: Any, host: str) -> None:
    """Ask whether answers under other keys of this host are to be copied: two keys may be of two workspaces."""
    store = session.store()
    if store is None:
        return
    workspace = session.client_for(None).workspace
    for other, answers in _other_keys(store, host, workspace):
        from fh_notebook.batching.batch_state import join_command

        count = f"{answers:,} answer{'s' if answers != 1 else ''}"
        notice(f"The store has {count} of {host} under another key ({other}). Calls under this key pay for them again.")
        answer = ask_yes(shell, f"If both keys belong to the same workspace: copy {count} to {workspace}?")
        if answer:
            join(other, workspace)
        else:
            notice(f"Nothing was copied. If both keys belong to one workspace: {join_command(other, workspace)}")
        if answer is None:
            return


def _other_keys(store: Store, host: str, workspace: str) -> list[tuple[str, int]]:
    """Return the workspaces of a host that have answers which `workspace` has not, with how many; the newest first."""
    others = [
        line.name for line in store.workspaces.every() if line.name.startswith(f"{host}#") and line.name != workspace
    ]
    counts = [(name, store.workspaces.count_not_copied(name, workspace)) for name in others[:KEYS_ASKED]]
    return [(name, answers) for name, answers in counts if answers]


def _ask(host: str) -> Secret:
    entered = ask_hidden(
        f"Key for {host} (not shown): ", hint=f"set {credentials.KEY_NAME} in the environment before the kernel starts"
    )
    key = credentials.usable_key(entered, "the prompt")
    if key is None:
        raise SettingsError("no key was given; nothing was changed")
    if _PLACEHOLDER.fullmatch(key.reveal()):
        raise SettingsError("this is the placeholder of an example, not a key; nothing was changed")
    return key


def _check(key: Secret, address: str) -> str:
    with Client(api_key=key, base_url=address) as client:
        check = client.check()
    if check.status == "bad":
        raise AuthError(f"{origin(address)} refused the key; nothing was saved")
    return f"good: {origin(address)} accepts the key." if check.status == "good" else f"{check}."


def logout(shell: Any, options: argparse.Namespace) -> None:
    """Forget the key of the service in use, here and in the keyring, and say what calls do now.

    A login at another service is left as it is.
    """
    address, _ = resolution.find_base_url()
    host = origin(address)
    had = settings.log_out(address)
    deleted = address != LOCAL and credentials.delete_from_keyring(host)
    sources = [*(["this kernel"] if had else []), *([f"the keyring ({host})"] if deleted else [])]
    service = "the local hive" if address == LOCAL else host
    notice(f"The key was deleted from {' and '.join(sources)}." if sources else f"No key for {service} was found.")
    if (other_login := settings.current().login) is not None:
        notice(
            f"The login for {other_login.origin} stays; to delete it, run %fetchhive use with its address, then "
            "%fetchhive logout."
        )
    if address == LOCAL:
        return
    left = next((look for look in resolution.look_for_key(base_url=address) if look.key), None)
    if left is not None:
        notice(f"Calls still have a key, from {left.source}: {_HINTS.get(left.source, 'remove it there too')}.")
    elif not resolution.find_base_url()[1]:
        notice("Calls now go to the local hive in this process, not to Fetch Hive.")


_HINTS: Final = {
    credentials.KEY_NAME: "unset that variable before the kernel starts",
    "keyring": "the keyring did not delete it; remove it there",
}
