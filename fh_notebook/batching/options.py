"""How a batch is started: the options that were given, checked, each time the same.

Rule of this file: an option that cannot be used is refused before anything is read or called, with what can be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from fh_notebook import arguments, settings
from fh_notebook.batching.delivery import Delivery, checked_delivery
from fh_notebook.batching.events import Event
from fh_notebook.batching.lookup import Reuse
from fh_notebook.batching.stopping import Limits, checked_concurrency
from fh_notebook.clock import utc_now
from fh_notebook.contract.rate import Rate
from fh_notebook.contract.spell import short
from fh_notebook.errors import SettingsError

if TYPE_CHECKING:
    from fh_notebook.client.receiver import CallbackReceiver

__all__ = ["Options", "kept_options", "options_of"]


RESET_GRACE_S: Final = 2.0
"""After midnight UTC by this machine's clock: the service's may be behind."""
NAP_S: Final = 60.0
"""The longest sleep at once: a machine that was suspended must not sleep on."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a batch is started, each time that it is."""

    limits: Limits
    max_concurrency: int | None
    rate: Rate | None
    wait_for_reset: bool
    on_event: Callable[[Event], object] | None
    progress: Any
    reuse: Reuse
    retry_unknown: bool
    delivery: Delivery = "direct"
    receiver: CallbackReceiver | None = None
    """Who receives callbacks, where they come so."""
    named: bool
    """Whether the user named it: then the answers of other names are not offered."""
    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def sleep_until(self, reset: datetime) -> None:
        """Sleep until the daily cap is renewed, and a little longer."""
        while (left_s := (reset - self.now()).total_seconds() + RESET_GRACE_S) > 0:
            await self.sleep(min(left_s, NAP_S))


def options_of(
    *,
    max_concurrency: Any,
    max_calls: Any,
    max_seconds: Any,
    max_cost: Any,
    rate: Any,
    fail_on_error: Any,
    fresh: bool,
    reuse: Any,
    retry_unknown: bool,
    wait_for_reset: bool,
    progress: Any,
    on_event: Any,
    delivery: Any,
    receiver: Any,
    named: bool,
    is_stream: bool,
) -> Options:
    """Return how a batch is started, checked.

    Raises
    ------
    SettingsError
        An option that cannot be used.
    """
    limits = Limits(max_calls=max_calls, max_seconds=max_seconds, fail_on_error=fail_on_error)
    if is_stream and not isinstance(fail_on_error, bool) and fail_on_error < 1:
        raise SettingsError(
            "fail_on_error as a fraction needs to know all rows, and an iterator does not; give a count"
        )
    if on_event is not None and not callable(on_event):
        raise SettingsError(f"on_event is {short(on_event)}; give a function of an event")
    paid = _calls_for(max_cost)
    if paid is not None:
        limits = replace(limits, max_calls=paid if max_calls is None else min(paid, max_calls))
    return Options(
        limits=limits,
        max_concurrency=checked_concurrency(max_concurrency),
        rate=None if rate is None else Rate.of(rate),
        wait_for_reset=wait_for_reset,
        on_event=on_event,
        progress=progress,
        delivery=checked_delivery(delivery, receiver),
        receiver=receiver,
        reuse=_checked_reuse(None if fresh else reuse),
        retry_unknown=retry_unknown,
        named=named,
    )


def kept_options(reuse: Reuse) -> Options:
    """Return how a batch is resumed that was opened by its name."""
    return Options(
        limits=Limits(),
        max_concurrency=None,
        rate=None,
        wait_for_reset=False,
        on_event=None,
        progress=True,
        reuse=reuse,
        retry_unknown=False,
        named=True,
    )


def _calls_for(max_cost: Any) -> int | None:
    """How many calls an amount pays for."""
    if max_cost is None:
        return None
    if not isinstance(max_cost, int | float) or not arguments.is_finite(max_cost) or max_cost < 0:
        raise SettingsError(f"max_cost is {short(max_cost)}; give an amount from 0, in the currency of price_per_call")
    price = settings.current().price_per_call
    if price is None:
        raise SettingsError("max_cost needs the price of a call: fh.configure(price_per_call=0.02)")
    return int(max_cost / price + 1e-9)


def _checked_reuse(value: Any) -> Reuse:
    is_word = isinstance(value, str) and value in ("batch", "store")
    if value is None or is_word or (isinstance(value, timedelta) and value >= timedelta(0)):
        checked: Reuse = value
        return checked
    raise SettingsError(f"reuse is {short(value)}; give 'batch', 'store', a timedelta that is not negative, or None")
