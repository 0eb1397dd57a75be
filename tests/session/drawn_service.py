"""A service whose spelling, codes, headers and signature form are drawn at random, and which can break at any request.

It shares no code with the package: its signatures are made here, and so is the profile that is to be learned. Its
seconds are those of `CLOCK`, which it moves itself: each request takes exactly as long as was drawn, and no test waits.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import math
import random
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import httpx

SECRET = "whsec_" + base64.b64encode(b"a signing secret of the service").decode()
OUTPUT = {"label": "delivery", "sure": True}
INPUTS = {"ticket": "My parcel is late.", "tone": "calm"}
OTHER_CODES = ["plan_limit_reached", "slots_exhausted", "limit_reached"]
"""Codes of a 429 that may be of another limit than that of calls at once."""
Answer = tuple[int, dict[str, str], bytes]
ROUNDS = 100
"""Of the event loop without another call, after which all that were sent together have arrived or are answered."""


class Clock:
    """Seconds that pass only where the service says so, so that no stall of the machine is among them."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def reach(self, at_s: float) -> None:
        """Move to `at_s`, unless it has passed."""
        self.now_s = max(self.now_s, at_s)


CLOCK = Clock()
"""Every drawn time is a multiple of 0.25 s: sums and differences of it are exact."""


def _signed(form: str, body: bytes, secret: str) -> dict[str, str]:
    stamp = str(int(time.time()))
    if form == "Standard Webhooks":
        key = base64.b64decode(secret.removeprefix("whsec_"))
        mac = hmac.new(key, b"msg_1." + stamp.encode() + b"." + body, hashlib.sha256).digest()
        text = f"v1,{base64.b64encode(mac).decode()}"
        return {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": text}
    spelling, _, dated = form.partition(" of ")
    signed = f"{stamp}.".encode() + body if dated else body
    mac = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    spelt = {"hex": mac.hex(), "sha256=hex": f"sha256={mac.hex()}", "base64": base64.b64encode(mac).decode()}
    headers = {"x-fetch-hive-signature": spelt[spelling]}
    return headers | ({"x-fetch-hive-timestamp": stamp} if dated else {})


FORMS = (
    *("hex", "sha256=hex", "base64"),
    *("hex of timestamp.body", "sha256=hex of timestamp.body", "base64 of timestamp.body", "Standard Webhooks"),
)


class Drawn:
    """What is drawn for one service."""

    def __init__(self, seed: int) -> None:
        pick = random.Random(seed).choice
        self.status_field = pick(["run_status", "status"])
        self.ids = pick([("request_id",), ("run_id",), ("request_id", "run_id")])
        self.completed = pick(["completed", "succeeded", "finished"])
        self.extra: list[str] = pick([[], ["usage"], ["error"], ["usage", "trace_id"]])
        self.models = pick(["models", "data"])
        self.look_up_path = pick(
            ["/public/requests", "/workflow_runs"] if "run_id" in self.ids else ["/public/requests"]
        )
        self.wrapper = pick(["", "request", "workflow_run"])
        self.look_up_id = pick(["id", "request_id", "run_id"])
        self.look_up_word = pick(["completed", "success", "done"])
        self.has_output = pick([True, False])
        self.output_place = pick(["data.output", "output", "output_content"])
        self.counts = pick([None, True, False])
        self.remaining_header = pick(["X-RateLimit-Remaining", "RateLimit-Remaining"])
        self.errors = {
            "refused_input": self._error(pick, [400, 422], ["validation_error", "invalid_inputs", "bad_input"]),
            "unknown_variant": self._error(pick, [404, 422], ["variant_not_found", "not_found", "E404"]),
            "unknown_deployment": self._error(pick, [404, 422], ["deployment_not_found", "not_found", "no.such"]),
        }
        self.concurrency = pick([1, 2, 3, 4, 5])
        self.refusal = self._error(
            pick, [429], ["concurrency_limit_reached", "max_concurrency", "too_many_concurrent_runs"]
        )
        self.retry_after = pick(["seconds", "date", "absent"])
        self.accepted = pick(["running", "queued", "pending", "in_progress"])
        self.event = pick(["workflow.completed", "run.completed", None])
        self.callback_output = pick(["data.output", "output", "data.response"])
        self.signature = pick(FORMS)
        self.late = pick([None, None, "output", "status"])
        """What the first look-up of a run does not have yet."""
        self.others = pick([None, None, None, "direct", "look-up", "last look-up"])
        """The request beside which another call of the workspace lowers the number of calls left."""
        self.untold = pick([None, None, None, "before", "direct", "look-up", "last look-up"])
        """The request whose answer does not have the number."""
        status, code, place = self.refusal
        self.is_unnamed = pick([False, False, True]) and place is not None
        """Whether the refusal of one call too many has a code that does not name concurrency."""
        self.refusal = status, pick(OTHER_CODES) if self.is_unnamed else code, place
        self.limit_s: float | None = pick([None, None, None, None, 10.0, 40.25])
        """So many seconds over its longest run a slower one is ended."""
        self.ending: tuple[int | None, str | None, str | None] = pick(
            [
                (None, None, None),  # the connection is closed
                (504, None, None),
                self._error(pick, [408, 504], ["gateway_timeout", "request_timeout"]),
                (pick([422, 500, 503]), pick(["execution_timeout", "run_timed_out", "time_limit_exceeded"]), "code"),
            ]
        )
        self.quick_s: float = pick([0.25, 0.5, 1.0])
        """What a request takes that runs nothing."""
        self.run_s: float = pick([30.0, 47.5, 60.25])

    @staticmethod
    def _error(pick: Callable[[Any], Any], statuses: list[int], codes: list[str]) -> tuple[int, str | None, str | None]:
        place = pick(["error_code", "code", "error.code", "error.error_code", None])
        return pick(statuses), (pick(codes) if place else None), place

    def facts(self) -> dict[str, Any]:
        """Return the profile that is to be learned, as values."""
        return {
            "key_check": True,
            "response_fields": tuple(sorted([self.status_field, *self.ids, "output", *self.extra])),
            "status_field": self.status_field,
            "completed_status": self.completed,
            "look_up_path": self.look_up_path,
            "look_up_wrapper": self.wrapper,
            "look_up_status": self.look_up_word,
            # One look-up of a run that has ended, without its output, may only be early.
            "look_up_has_output": None if self.late == "status" and not self.has_output else self.has_output,
            "look_up_counts": None if self.others or self.untold else self.counts,
            "accepted_status": self.accepted,
            "callback_status": self.event or self.completed,
            "callback_fields": tuple(
                sorted(
                    {self.status_field, *self.ids, self.callback_output.partition(".")[0]}
                    | ({"event_type"} if self.event else set())
                )
            ),
            "callback_output": self.callback_output,
            "signature": self.signature,
            **self.errors,
            "concurrency": None if self.is_unnamed else self.concurrency,
            "concurrency_refusal": None if self.is_unnamed else self.refusal,
            "retry_after": None if self.is_unnamed else self.retry_after,
            "direct_s": self.run_s,
            "direct_ended": None,
        }


class DrawnService:
    """The service, as an ASGI application.

    Parameters
    ----------
    drawn : Drawn
        What was drawn.
    broken_from : int, optional
        The number of the request, from 1, from which on `broken` answers.
    broken_to : int, optional
        The number of the last request that it answers; by default it answers for good.
    scope : str
        How the method and the path of a request begin that `broken` answers: ``POST``, ``GET``; by default all.
    broken : function
        Returns what a broken service answers, or raises; ``None``: the service answers as ever.
    hangs_at : int, optional
        The number of the request that is never answered; `on_hang` is called when it comes.
    output_after_s : float
        So long after a direct call look-ups do not have its output.
    run_s : float, optional
        How long each run takes; by default as was drawn.
    """

    def __init__(
        self,
        drawn: Drawn,
        *,
        broken_from: int | None = None,
        broken_to: int | None = None,
        scope: str = "",
        broken: Callable[[], Answer | None] | None = None,
        hangs_at: int | None = None,
        on_hang: Callable[[], None] = lambda: None,
        output_after_s: float = 0.0,
        run_s: float | None = None,
    ) -> None:
        self.drawn = drawn
        self.broken_from, self.broken_to, self.scope, self.broken = broken_from, broken_to, scope, broken
        self.requests: list[str] = []
        self.left = 1000
        self.runs = 0
        self.look_ups = 0
        self.kind = ""
        """Of the present request."""
        self.out = 0
        self.held = 0
        """Slots of runs by callback. One is never free again: when such a run ends is not known to who called it."""
        self.group = 0
        self.output_after_s, self.ran_at = output_after_s, 0.0
        self.tasks: set[asyncio.Task[None]] = set()
        self.hangs_at, self.on_hang = hangs_at, on_hang
        self.run_s = drawn.run_s if run_s is None else run_s
        self.limit_s = math.inf
        """A direct call that runs longer is ended as was drawn."""

    @property
    def is_broken(self) -> bool:
        last = math.inf if self.broken_to is None else self.broken_to
        is_now = self.broken_from is not None and self.broken_from <= len(self.requests) <= last
        return is_now and self.requests[-1].startswith(self.scope)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        self.requests.append(f"{scope['method']} {scope['path']}")
        if len(self.requests) == self.hangs_at:
            self.on_hang()
            await asyncio.Event().wait()
        status, headers, body = await self._answer(scope["path"].removeprefix("/v1"), message.get("body", b""))
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, path: str, body: bytes) -> Answer:
        if self.is_broken and self.broken is not None and (answer := self.broken()) is not None:
            return answer
        self.kind = "" if self.runs else "before"
        if path == "/workflow/invoke":
            return await self._invoke(json.loads(body))
        CLOCK.reach(CLOCK() + self.drawn.quick_s)
        if path == "/public/models":
            return self._json(200, {self.drawn.models: []}, counted=True)
        if path.startswith(self.drawn.look_up_path):
            return self._look_up(path.removeprefix(f"{self.drawn.look_up_path}/"))
        return self._json(404, {"error": "Request not found"}, counted=self.drawn.counts is True)

    def _json(self, status: int, body: Any, *, counted: bool, headers: dict[str, str] | None = None) -> Answer:
        kind, self.kind = self.kind, ""
        self.left -= counted + (bool(kind) and kind == self.drawn.others)
        is_told = self.drawn.counts is not None and not (kind and kind == self.drawn.untold)
        told = {self.drawn.remaining_header: str(self.left)} if is_told else {}
        return status, {"Content-Type": "application/json", **told, **(headers or {})}, json.dumps(body).encode()

    def _error(self, form: tuple[int, str | None, str | None], headers: dict[str, str] | None = None) -> Answer:
        status, code, place = form
        body: dict[str, Any] = {"error": "It was refused.", "message": "It was refused."}
        if place and place.startswith("error."):
            body = {"error": {"message": "It was refused.", place.removeprefix("error."): code}}
        elif place:
            body[place] = code
        return self._json(status, body, counted=True, headers=headers)

    async def _invoke(self, call: dict[str, Any]) -> Answer:
        drawn = self.drawn
        if call["deployment"] != "triage":
            return self._error(drawn.errors["unknown_deployment"])
        if call["variant"] != "live":
            return self._error(drawn.errors["unknown_variant"])
        if call["inputs"] != INPUTS:
            return self._error(drawn.errors["refused_input"])
        if "async" in call:
            return self._by_callback(call["async"]["callback_url"])
        if not self.out:
            self.group = 0
        self.group += 1
        if self.out + self.held >= drawn.concurrency:
            waits = {"seconds": "2", "date": formatdate(time.time() + 2, usegmt=True), "absent": None}
            wait = waits[drawn.retry_after]
            return self._error(drawn.refusal, {"Retry-After": wait} if wait else {})
        self.out += 1
        began_s = CLOCK()
        try:
            await self._all_arrived()
        finally:
            self.out -= 1
        run_s = self.seconds_of_run()
        CLOCK.reach(began_s + min(run_s, self.limit_s))
        if run_s > self.limit_s:
            status, code, place = drawn.ending
            if status is None:
                raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
            return self._error((status, code, place))
        self.kind = "" if self.runs else "direct"
        self.ran_at = time.perf_counter()
        return self._json(200, self._run_body(drawn.completed), counted=True)

    async def _all_arrived(self) -> None:
        """Let all calls that were sent with this one arrive, and the refused ones be answered; no time passes."""
        arrived = 0
        while arrived < self.group:
            arrived = self.group
            for _ in range(ROUNDS):
                await asyncio.sleep(0)

    def seconds_of_run(self) -> float:
        """Return what the present run takes, when all that were sent with it have arrived."""
        return self.run_s

    def _run_body(self, word: str) -> dict[str, Any]:
        self.runs += 1
        values = {"usage": {"tokens": 3}, "trace_id": "t", "error": None}
        ids = {name: f"{name[:3]}_{self.runs}" for name in self.drawn.ids}
        extra = {name: values[name] for name in self.drawn.extra}
        return {**ids, self.drawn.status_field: word, "output": OUTPUT, **extra}

    def _look_up(self, identity: str) -> Answer:
        drawn, late = self.drawn, None if self.look_ups else self.drawn.late
        self.kind = "last look-up" if self.look_ups else "look-up"
        self.look_ups += 1
        word = drawn.accepted if late == "status" else drawn.look_up_word
        body: dict[str, Any] = {drawn.look_up_id: identity, "status": word, "data": {"steps": 2}}
        if drawn.has_output and late is None and time.perf_counter() >= self.ran_at + self.output_after_s:
            part = body["data"] if drawn.output_place == "data.output" else body
            part[drawn.output_place.rpartition(".")[2]] = OUTPUT
        return self._json(200, {drawn.wrapper: body} if drawn.wrapper else body, counted=drawn.counts is True)

    def _by_callback(self, url: str) -> Answer:
        drawn = self.drawn
        body = self._run_body(drawn.accepted)
        self.held += 1
        ids = {name: body[name] for name in drawn.ids}
        event: dict[str, Any] = {**ids, drawn.status_field: drawn.completed}
        outer, _, inner = drawn.callback_output.partition(".")
        event |= {outer: {inner: OUTPUT} if inner else OUTPUT}
        event |= {"event_type": drawn.event} if drawn.event else {}
        self.tasks.add(asyncio.get_running_loop().create_task(self._deliver(url, json.dumps(event).encode())))
        answer = {**ids, drawn.status_field: drawn.accepted, "webhook_secret": SECRET}
        return self._json(202, answer, counted=True)

    async def _deliver(self, url: str, body: bytes) -> None:
        headers = _signed(self.drawn.signature, body, SECRET)
        async with httpx.AsyncClient(trust_env=False, verify=False) as http:
            await http.post(url, content=body, headers={"Content-Type": "application/json", **headers})
