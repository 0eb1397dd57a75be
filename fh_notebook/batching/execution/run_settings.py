"""`RunSettings`: limits, rate and delivery of each start of a batch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from fh_notebook.batching.execution.stop_rules import StopLimits
from fh_notebook.batching.model import Event
from fh_notebook.batching.options import BatchOptions, Delivery, Reuse
from fh_notebook.core.concurrency.rate import Rate
from fh_notebook.core.config import settings
from fh_notebook.core.text.messages import PYTHON, Audience, Message, option
from fh_notebook.core.values import utc_now
from fh_notebook.errors import SettingsError

if TYPE_CHECKING:
    from fh_notebook.client.callbacks.receiver import CallbackReceiver

__all__ = ["RunSettings", "kept_settings"]


RESET_GRACE_S: Final = 2.0
"""After midnight UTC by this machine's clock: the service's may be behind."""
NAP_S: Final = 60.0
"""The longest sleep at once: a machine that was suspended must not sleep on."""


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """How a batch is started, each time that it is."""

    limits: StopLimits
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
    audience: Audience = PYTHON
    """Who reads its messages."""
    named: bool
    """Whether the user named it: then the answers of other names are not offered."""
    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    @classmethod
    def of(cls, options: BatchOptions, *, is_stream: bool = False, audience: Audience = PYTHON) -> RunSettings:
        """Return how a batch with these options is started.

        Parameters
        ----------
        options : BatchOptions
            What was asked.
        is_stream : bool
            Whether its rows are an iterator: then nobody knows how many there are.
        audience : Audience
            Who reads its messages.

        Raises
        ------
        SettingsError
            An option that cannot be used with such rows, or without the price of a call.
        """
        rule = options.fail_on_error
        if is_stream and not isinstance(rule, bool) and rule < 1:
            raise SettingsError(
                Message(
                    "{} as a fraction needs to know all rows, and an iterator does not; give a count",
                    (option("fail_on_error"),),
                )
            )
        bounds = [calls for calls in (options.max_calls, _calls_for(options.max_cost)) if calls is not None]
        return cls(
            limits=StopLimits(
                max_calls=min(bounds, default=None),
                max_seconds=options.max_seconds,
                fail_on_error=options.fail_on_error,
            ),
            max_concurrency=options.max_concurrency,
            rate=None if options.rate is None else Rate.of(options.rate),
            wait_for_reset=options.wait_for_reset,
            on_event=options.on_event,
            progress=options.progress,
            delivery=options.delivery,
            receiver=options.receiver,
            reuse=None if options.fresh else options.reuse,
            retry_unknown=options.retry_unknown,
            named=options.name is not None,
            audience=audience,
        )

    async def sleep_until(self, reset: datetime) -> None:
        """Sleep until the daily cap is renewed, and a little longer."""
        while (left_s := (reset - self.now()).total_seconds() + RESET_GRACE_S) > 0:
            await self.sleep(min(left_s, NAP_S))


def kept_settings(reuse: Reuse) -> RunSettings:
    """Return how a batch is resumed that was opened by its name."""
    return RunSettings(
        limits=StopLimits(),
        max_concurrency=None,
        rate=None,
        wait_for_reset=False,
        on_event=None,
        progress=True,
        reuse=reuse,
        retry_unknown=False,
        named=True,
    )


def _calls_for(max_cost: float | None) -> int | None:
    """How many calls an amount pays for."""
    if max_cost is None:
        return None
    price = settings.current().price_per_call
    if price is None:
        price_given = option("price_per_call", 0.02, call="fh.configure({})")
        raise SettingsError(Message("{} needs the price of a call: {}", (option("max_cost"), price_given)))
    return int(max_cost / price + 1e-9)
