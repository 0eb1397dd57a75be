"""The signing secrets that one receiver knows: given, told by the service with its answers, or found in the keyring.

Rule of this file: they are in memory only, unless the keyring is asked for; no repr, log or table has them.
"""

from __future__ import annotations

import base64
import secrets as random_secrets
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from fh_notebook import keys
from fh_notebook.contract.spell import type_text
from fh_notebook.errors import SettingsError
from fh_notebook.log import log
from fh_notebook.values import Secret, is_iterable

__all__ = ["MAX_SECRETS", "SecretsKnown"]

MAX_SECRETS: Final = 64
"""Learned ones; the oldest leave first. Each is tried on each delivery: a microsecond a piece."""


class SecretsKnown:
    """Signing secrets, the newest first.

    Parameters
    ----------
    given : str, Secret or iterable of them
        By the user.
    keyring : bool
        Whether learned ones are kept in the system's keyring.
    """

    def __init__(self, given: str | Secret | Iterable[str | Secret], *, keyring: bool) -> None:
        held: Any = given  # somebody gives what an environment variable is that is not there: None
        is_one = isinstance(held, str | bytes | Secret) or not is_iterable(held)
        listed = [held] if is_one else list(held)
        self._given = tuple(Secret(one) for one in listed if isinstance(one, str | Secret))
        self._odd = next((type_text(one) for one in listed if not isinstance(one, str | Secret)), "")
        self._keyring = keyring
        self._learned: OrderedDict[Secret, None] = OrderedDict()
        # As Standard Webhooks spell one: other schemes take any text.
        self._own = Secret("whsec_" + base64.b64encode(random_secrets.token_bytes(32)).decode())
        self._testing = 0
        self._lock = threading.Lock()

    def __call__(self) -> tuple[Secret, ...]:
        """Return those that are known now."""
        with self._lock:
            own = (self._own,) if self._testing else ()
            return (*reversed(self._learned), *self._given, *own)

    def check(self) -> None:
        """Look at the given ones; apart, so that whoever has them as texts can forget them first.

        Raises
        ------
        SettingsError
            One of them is no text, or an empty one.
        """
        if self._odd:
            raise SettingsError(f"secrets are texts, and {self._odd} is none; give signing secrets, or leave it out")
        if not all(self._given):
            raise SettingsError("one of the secrets is empty: such a signature would prove nothing")

    def learn(self, secret: Secret | None, name: str = "") -> None:
        """Take one that the service told; ``None``: it told none."""
        if secret is None or not secret:
            return
        if self._take(secret) and self._keyring and name:
            kept, why = keys.keep_in_keyring(f"{name}#signing", secret)
            if not kept:
                log.info("a signing secret was not kept: %s", why)

    def recall(self, name: str) -> bool:
        """Take the one that the keyring has under `name`, and say whether it has one."""
        found = keys.from_keyring(f"{name}#signing") if self._keyring else None
        if found is not None:
            self._take(found)
        return found is not None

    def _take(self, secret: Secret) -> bool:
        """Take a secret, and say whether it was not there yet."""
        with self._lock:
            if secret in self._learned:
                return False
            self._learned[secret] = None
            while len(self._learned) > MAX_SECRETS:
                self._learned.popitem(last=False)
            return True

    @contextmanager
    def testing(self) -> Iterator[Secret]:
        """Yield a secret of its own that is taken meanwhile: what a receiver signs when it tests itself."""
        self._testing += 1  # so that it is not tried on every delivery
        try:
            yield self._own
        finally:
            self._testing -= 1
