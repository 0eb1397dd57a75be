"""RetryLoop: one request, attempted until the retry policy ends it; and the error that is raised then.

Rules of this file:

1. An error is raised only where nothing has run, and says so, with the service's message in one line.
2. `contract.retry.decide` alone interprets an answer, and every attempt is inside the limiter. A call that ends without
   an exchange may have run, and is stored as such before the error is raised again.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final, NoReturn
from urllib.parse import urlencode

from fh_notebook.client.connection import Connection
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.response import Response, error_of, parse, text_in, text_of_page
from fh_notebook.contract.retry import (
    CUT_OFF,
    NOT_REACHED,
    RetryAction,
    RetryDecision,
    decide,
    may_have_run,
)
from fh_notebook.contract.run import Explain, Run, with_action
from fh_notebook.contract.wire import BROKEN_TEXTS, AttemptResult, decode_answer
from fh_notebook.core.event_loop import finish_despite_cancel, run_within, running_loop, show_as_one_line
from fh_notebook.core.redaction import log
from fh_notebook.core.text.formatting import one_line
from fh_notebook.errors import AuthError, CallError, ConnectFailed, LimitReached


def raise_for(run: Run, decision: RetryDecision) -> NoReturn:
    """Raise the error for an answer after which no further call makes sense."""
    facts: dict[str, Any] = {
        "status_code": run.status_code,
        "error_code": run.error_code,
        "request_id": run.request_id,
        "may_have_run": False,
    }
    message = with_action(one_line(run.error or "").rstrip("."), run.client_action)
    if decision.reason == "auth" and run.status_code == 401:  # the API key, or the secret of a webhook trigger
        raise AuthError(f"{run.origin} refused the key: {message}. Check it in your workspace's settings", **facts)
    if decision.reason == "auth":
        raise AuthError(f"{run.origin} does not allow this: {message}", **facts)
    if decision.reason == "daily_cap":
        raise LimitReached(f"the daily cap of calls is used up ({message}); it is renewed at 00:00 UTC", **facts)
    if decision.reason == "credits":
        raise LimitReached(f"the workspace's credits are used up: {message}", **facts)
    raise ConnectFailed(f"{run.origin} could not be reached in {run.attempts} attempts: {message}", **facts)


async def ask_once(
    connection: Connection,
    kind: str,
    send: Callable[[], Awaitable[Response]],
    *,
    explain: Explain,
    hint: Callable[[Response], str],
    changes: bool = False,
) -> Any:
    """Send one request that runs no workflow, and return the parsed body of its answer; it is never repeated."""
    running_loop()
    connection.count_sent(kind, 1)
    answer = await send()
    verdict = decide(answer)
    if verdict.action is RetryAction.DONE:
        return parse(answer.body)
    was_reached = verdict.reason not in NOT_REACHED
    if not was_reached:
        connection.count_sent(kind, -1)
    message, code = error_of(body := parse(answer.body))
    if message is None:
        broke = "the connection broke" if was_reached else BROKEN_TEXTS["connect"]
        message = text_of_page(answer, body) if answer.status_code else broke
    failed = Run(
        status="failed", origin=connection.origin, error=message, error_code=code, status_code=answer.status_code
    )
    failed = await explain(failed)
    if verdict.action is RetryAction.STOP or not was_reached:
        raise_for(failed, verdict)
    raise CallError(
        f"{connection.origin}: {with_action(one_line(message).rstrip('.'), failed.client_action)}; {hint(answer)}",
        status_code=answer.status_code,
        error_code=code,
        may_have_run=changes and may_have_run(answer),
    )


MAX_PAGES: Final = 1_000
"""A service whose pages never end must not hold a notebook for ever."""

CURSORS: Final = ("next_cursor", "cursor")

BeforePage = Callable[[], Awaitable[None]]
"""Awaited before each request of a list; what it raises ends the list."""


async def no_bound() -> None:
    """Let a list have all of its pages."""


async def ask_list(
    ask: Callable[[str], Awaitable[Any]],
    query: Mapping[str, str | None],
    *,
    holders: Sequence[str],
    nouns: str,
    ids: Sequence[str] = ("id",),
    limit: int | None = None,
    before_page: BeforePage = no_bound,
) -> list[Mapping[str, Any]]:
    """Return the entries of a list of the service, of all pages; UNKNOWN what holds them and the next page's cursor."""
    wanted = {name: value for name, value in query.items() if value is not None}
    entries: dict[str, Mapping[str, Any]] = {}
    cursors: set[str] = set()
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        await before_page()
        body = await ask(urlencode(wanted | ({"cursor": cursor} if cursor else {})))
        page, cursor = _page_of(body, holders, nouns)
        known = len(entries)
        for entry in page:
            entries.setdefault(text_in(entry, *ids) or f"entry {len(entries)}", entry)
        is_full = limit is not None and len(entries) >= limit
        if cursor is None or cursor in cursors or len(entries) == known or is_full:  # each page is a request
            return list(entries.values())[:limit]
        cursors.add(cursor)
    raise CallError(f"the service lists more than {MAX_PAGES} pages of {nouns}, and the list seems endless")


def _page_of(body: Any, holders: Sequence[str], nouns: str) -> tuple[list[Mapping[str, Any]], str | None]:
    """Return the entries of one page, and the cursor of the next one."""
    fields = body if isinstance(body, dict) else {}
    entries = (
        body if isinstance(body, list) else next((v for n in holders if isinstance(v := fields.get(n), list)), None)
    )
    if entries is None:  # that there are none is not said by it
        raise CallError(f"the service's answer has no list of {nouns}, so they are unknown")
    parts = [fields, *(fields[n] for n in ("meta", "pagination") if isinstance(fields.get(n), dict))]
    cursor = next((text_in(part, n) for n in CURSORS for part in parts if n in part), None)
    return [entry for entry in entries if isinstance(entry, dict)], cursor


KEEP_S: Final = 0.1
"""How long a cancelled call waits for the store, since a person waits for Stop; the store goes on after that."""


Attempt = Callable[[InvokeRequest], Awaitable[AttemptResult]]
"""One exchange, which never retries."""

Prepare = Callable[[InvokeRequest], Awaitable[AttemptResult | None]]
"""Makes a request ready, and returns the result of a call that cannot be made."""


class RetryLoop:
    """Sends the requests of one client.

    Parameters
    ----------
    connection : Connection
        Its limiter, counters and policy.
    sleep, clock, jitter : function
        For tests with virtual time: waits between attempts, a monotonic clock in seconds, and a uniform random number
        in [0, 1) that spreads the waits.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] | None = None,
    ) -> None:
        self._connection = connection
        self._sleep = sleep
        self._clock = clock
        # A generator of its own: the numbers of a user who has seeded the global one stay the same.
        self._jitter = jitter or random.Random().random  # noqa: S311 - spreads retries, guards nothing

    async def send(
        self,
        request: InvokeRequest,
        attempt_once: Attempt,
        prepare: Prepare | None = None,
        explain: Explain | None = None,
    ) -> Run:
        """Attempt a request until the policy ends it, and return the run of its last answer."""
        run, decision = await self._attempts(request, attempt_once, prepare)
        has_stopped = decision.action is RetryAction.STOP or decision.reason in NOT_REACHED
        if explain is not None:
            try:
                run = await explain(run)
            except asyncio.CancelledError:
                if not has_stopped:  # its answer is known
                    await finish_despite_cancel(run_within(self._connection.keep(run, request.secrets), KEEP_S))
                raise
        if has_stopped:
            raise_for(run, decision)
        return run

    async def _attempts(
        self, request: InvokeRequest, attempt_once: Attempt, prepare: Prepare | None
    ) -> tuple[Run, RetryDecision]:
        running_loop()  # before anything is counted as sent
        connection = self._connection
        begun: float | None = None
        for attempt in count(1):
            async with connection.limiter.slot():
                begun = self._clock() if begun is None else begun  # the queue before the first attempt is no retry
                call = None
                refused = None if prepare is None else await prepare(request)
                if refused is not None:
                    exchange = refused
                else:
                    counted_at = datetime.now(UTC)
                    connection.count("invoke", 1, counted_at)
                    with connection.limiter.call() as call:
                        exchange = await self._attempt_or_keep(request, attempt_once, attempt)
                    if exchange.run.error_code in NOT_REACHED:
                        connection.count("invoke", -1, counted_at)
                decision = decide(
                    exchange.response,
                    attempt=attempt,
                    jitter=self._jitter(),
                    now=datetime.now(UTC),
                    spent_s=self._clock() - begun,
                    typical_s=connection.limiter.typical_s,
                    policy=connection.policy,
                )
                connection.limiter.record_answer(decision, call=call)
            if not decision.again:
                break
            log.info("%s; retry in %.1f s", exchange.run.summary(), decision.wait_s)
            await self._sleep(decision.wait_s)
        return replace(exchange.run, attempts=attempt), decision

    async def _attempt_or_keep(self, request: InvokeRequest, attempt_once: Attempt, attempt: int) -> AttemptResult:
        """Attempt once. A call that ends without an exchange may have run, and is stored as such."""
        started_at, begun = datetime.now(UTC), time.perf_counter()

        def unknown(broke: str, why: str) -> Run:
            answer = Response(broke=broke, elapsed_s=time.perf_counter() - begun)
            run = decode_answer(
                answer, request, started_at=started_at, origin=self._connection.origin, attempts=attempt
            )
            return replace(run, error=why)

        try:
            return await attempt_once(request)
        except asyncio.CancelledError as exc:
            run = unknown("cancelled", CUT_OFF)
            await finish_despite_cancel(run_within(self._connection.keep(run, request.secrets), KEEP_S))
            show_as_one_line(exc, "the call was sent, and may have run at the service")
            raise
        except CallError as exc:
            await self._connection.keep(unknown("unforeseen", str(exc)), request.secrets)
            raise
