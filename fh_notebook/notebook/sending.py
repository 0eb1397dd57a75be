"""The calls of one cell: made at once within the gate, shown, and kept whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from IPython.display import display

from fh_notebook import loop
from fh_notebook.client.blocking import Client
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.models import InvokeRequest
from fh_notebook.contract.run import Run
from fh_notebook.contract.secrets import Secrets, mask_inputs
from fh_notebook.notebook.cancel import CancelButton, Offer
from fh_notebook.notebook.dry_run import delivered, request_text
from fh_notebook.notebook.notices import Stopped, notice
from fh_notebook.notebook.panel import Shown, SideBySide

__all__ = ["Sent", "dry_run_text", "send_all"]


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a cell's calls."""

    runs: tuple[Run, ...]
    asked: int
    result: Any
    """The `Run` of a cell with one call, else the frame of all; ``None`` when nothing came."""
    trouble: BaseException | None = None

    def shows_itself(self, show: str | None) -> bool:
        """Whether the result's own display is the one that is wanted."""
        return self.asked == 1 and show is None

    def show(self, show: str | None) -> None:
        """Show the runs, unless the cell's value does it or there are none."""
        if not self.runs or (self.trouble is None and self.shows_itself(show)):
            return
        shown = SideBySide(self.runs) if show is None else Shown(self.runs, show)
        display(shown)  # type: ignore[no-untyped-call]  # IPython's display has no types

    def raise_trouble(self) -> None:
        """Raise what ended the calls early, if anything did."""
        if self.trouble is not None:
            raise self.trouble


def send_all(client: Client, requests: Sequence[InvokeRequest]) -> Sent:
    """Send every request, all at once within the gate, and return what came, also when Stop or Cancel ended it."""
    came: dict[int, Run] = {}
    trouble: BaseException | None = None
    interrupted = False
    try:
        errors = loop.run(_send_all(client, requests, came))
        trouble = errors[0] if errors else None
        for more in {str(error) for error in errors[1:]} - {str(trouble)}:
            notice(f"Also: {more}")
    except (KeyboardInterrupt, asyncio.CancelledError):
        interrupted = True
    if interrupted:
        trouble = Stopped(_stopped_text(len(requests), len(came)))
    runs = tuple(came[i] for i in sorted(came))
    return Sent(runs, len(requests), _result(requests, came), trouble)


async def _send_all(client: Client, requests: Sequence[InvokeRequest], came: dict[int, Run]) -> list[BaseException]:
    """Send every request; put the runs into `came` as they come, and return the errors."""

    async def send(index: int, request: InvokeRequest) -> None:
        came[index] = await client.aclient.send(request)

    this = asyncio.current_task()
    offer = Offer(CancelButton(this.cancel if this is not None else lambda: None))
    offer.begin()
    try:
        done = await asyncio.gather(*(send(i, r) for i, r in enumerate(requests)), return_exceptions=True)
    finally:
        offer.end()
    return [error for error in done if error is not None]


def _result(requests: Sequence[InvokeRequest], came: Mapping[int, Run]) -> Any:
    """The run, or the frame of several, which shows their inputs: secrets masked."""
    if not came or len(requests) == 1:
        return came.get(0)
    from fh_notebook.batching.frames import frame_of_runs

    return frame_of_runs(
        [replace(came[i], inputs=mask_inputs(came[i].inputs, requests[i].secrets)) for i in sorted(came)]
    )


def _stopped_text(asked: int, came: int) -> str:
    """Return what became of the calls of a cell that was stopped.

    Examples
    --------
    >>> _stopped_text(2, 1)
    'the call in flight may have run at the service all the same; 1 of 2 answers came before and are kept'
    >>> _stopped_text(2, 2)
    'every answer had come, and is kept'
    """
    left = asked - came
    if not left:
        return "every answer had come, and is kept"
    calls = "the call" if left == 1 else f"{left} calls"
    kept = f"; {came} of {asked} answers came before and are kept" if came else ""
    return f"{calls} in flight may have run at the service all the same{kept}"


def dry_run_text(
    client: Client, requests: Sequence[InvokeRequest], deployment: Deployment, delivery: str = "direct"
) -> str:
    """Say how many calls a cell would make, and show each one: the key and secret inputs masked, long values cut."""
    here = client.aclient.connection
    calls = "1 call" if len(requests) == 1 else f"{len(requests):,} calls"
    parts = [f"Dry run: {calls} to {client.origin}, none made."]
    secrets = Secrets.of(deployment.inputs)
    of_variant = Counter(request.variant for request in requests)  # the repeats of a variant are the same request
    different = list({request.variant: request for request in requests}.values())
    for request in different[:REQUESTS_SHOWN]:
        times = f"{of_variant[request.variant]} times:\n" if of_variant[request.variant] > 1 else ""
        parts.append(times + request_text(here.base_url, here.key, delivered(request, delivery, here), secrets))
    if left := [str(request.variant) for request in different[REQUESTS_SHOWN:]]:
        parts.append(f"and the same for {', '.join(left)}.")
    return "\n\n".join(parts)


REQUESTS_SHOWN: Final = 5
"""Requests that a dry run shows: those of further variants differ in the variant's name only."""
