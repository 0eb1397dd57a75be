"""Options of a hive, checked once, and the latency that it draws."""

from __future__ import annotations

import ipaddress
import random
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, Literal, get_args

from fh_notebook.core.redaction import Secret, as_secret
from fh_notebook.core.text.formatting import short, with_article
from fh_notebook.core.values import is_number
from fh_notebook.errors import SettingsError

Spelling = Literal["docs", "sdk"]
SPELLINGS: Final = ("docs", "sdk")

NotFoundStatus = Literal[404, 422]
"""Which of the two the service has for an unknown deployment or variant is UNKNOWN (CONTRACT section 10)."""

ToolRule = Literal["allow", "ask", "destructive", "deny"]
"""What the policy says of a tool: it never asks; asks, unless the call approves by itself; always asks; or is blocked
without a question."""

QueueStatus = Literal["queued", "pending"]
"""The word for a run that waits for its slot: ``pending`` exists for one kind of runs (CONTRACT section 10)."""

CALLBACK_BACKOFF_S: Final = (1.0, 5.0, 25.0)
"""Whether and how the service tries again is not known (CONTRACT section 6): half a minute, then it gives up."""
CALLBACK_TIMEOUT_S: Final = 10.0
KEEP_ALIVE_S: Final = 75.0
"""As nginx. With uvicorn's 5 s a client's idle connections would mostly be gone when it needs them."""
MAX_BODY_BYTES: Final = 10 * 1024 * 1024
WORKSPACE_ID: Final = "ws_local"
ASSET_EXPIRY_S: Final = 86_400.0
"""How long an address of the service lasts is UNKNOWN; a day outlives the cells that use it."""
MAX_EXPIRY_S: Final = 10 * 365 * 86_400
KEEP: Final = 100_000
"""Some 1.5 kB each with small inputs and outputs."""

Latency = float | tuple[float, float] | Callable[[random.Random], float]
"""Seconds; or the two ends of a uniform distribution; or a function that draws them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The settings of a hive. A hive that lives is changed by replacing them whole.

    Raises
    ------
    SettingsError
        With every problem.
    """

    api_key: Secret | None = None
    """``None``: any key that is not empty."""
    seed: int | str | None = 0
    latency_s: Latency = 0.0
    """Seconds that a run waits before its workflow starts. It holds its slot meanwhile."""
    concurrency: int | None = None
    """Runs at once; ``None``: no cap."""
    daily_cap: int | None = None
    """Calls a day (UTC); ``None``: no cap."""
    look_ups_count: bool = True
    """Whether requests that run nothing count, too, as the documentation's "public API requests" do."""
    may_auto_approve: bool = True
    """Whether the key may have ``tool_approval: auto_approve`` (CONTRACT section 10)."""
    spelling: Spelling = "docs"
    allow_callbacks: frozenset[str] = frozenset()
    """Hosts to which callbacks may be delivered, beside this machine itself; lower case, without a port."""
    callback_backoff_s: tuple[float, ...] = CALLBACK_BACKOFF_S
    """Seconds before each further attempt: as many further attempts as there are numbers."""
    callback_timeout_s: float = CALLBACK_TIMEOUT_S
    """Seconds for one attempt, connecting included."""
    max_body_bytes: int = MAX_BODY_BYTES
    retry_after_s: float | None = None
    """What a refusal by the concurrency cap names in ``Retry-After``; ``None``: nothing, as the service."""
    not_found_status: NotFoundStatus = 404
    queue_status: QueueStatus = "queued"
    retrieves_output: bool = True
    """Whether a look-up of a run has its output: UNKNOWN of the service (CONTRACT section 10)."""
    keep: int = KEEP
    """Finished runs and deliveries that are remembered. Counters always count all."""
    scheduled_runs: int = 0
    """Slots that runs of schedules hold; they belong to the same cap (CONTRACT section 10)."""
    tools: Mapping[str, ToolRule] = field(default_factory=dict)
    """Rules of tools, over those of the workflows."""
    wait_timeout_s: float | None = None
    """Seconds after which nobody can decide about a step that names no timeout of its own; ``None``: never."""
    workspace_id: str = WORKSPACE_ID
    asset_expiry_s: float = ASSET_EXPIRY_S
    """Seconds for which the address of a file is answered."""

    def __post_init__(self) -> None:
        problems = [*self._limit_problems(), *self._other_problems()]
        if problems:
            raise SettingsError("; ".join(problems))

    def _limit_problems(self) -> list[str]:
        problems = []
        for name, minimum in (
            ("concurrency", 1),
            ("daily_cap", 0),
            ("max_body_bytes", 1),
            ("keep", 0),
            ("scheduled_runs", 0),
        ):
            value = getattr(self, name)
            if value is None and name in ("concurrency", "daily_cap"):
                continue
            if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= sys.maxsize:
                problems.append(f"{name} must be a whole number, at least {minimum}, not {short(value)}")
        return problems

    def _other_problems(self) -> list[str]:
        problems = []
        if not isinstance(self.spelling, str) or self.spelling not in SPELLINGS:
            problems.append(f"spelling must be 'docs' or 'sdk', not {short(self.spelling)}")
        if self.not_found_status not in (404, 422):
            problems.append(f"not_found_status must be 404 or 422, not {short(self.not_found_status)}")
        if self.queue_status not in ("queued", "pending"):
            problems.append(f"queue_status must be 'queued' or 'pending', not {short(self.queue_status)}")
        if not _is_latency(self.latency_s):
            problems.append(
                f"latency_s must be seconds, (low, high) or a function of a random.Random, not {short(self.latency_s)}"
            )
        if not isinstance(self.workspace_id, str) or not self.workspace_id.strip():
            problems.append(f"workspace_id must be a non-empty string, not {short(self.workspace_id)}")
        if not _is_seconds(self.asset_expiry_s) or self.asset_expiry_s > MAX_EXPIRY_S:
            problems.append(
                f"asset_expiry_s must be seconds, at most {MAX_EXPIRY_S:,}, not {short(self.asset_expiry_s)}"
            )
        for tool, rule in self.tools.items():
            if rule not in get_args(ToolRule):
                problems.append(
                    f"tools[{tool!r}] must be {' or '.join(map(repr, get_args(ToolRule)))}, not {short(rule)}"
                )
        if self.wait_timeout_s is not None and not _is_seconds(self.wait_timeout_s):
            problems.append(f"wait_timeout_s must be seconds, or None, not {short(self.wait_timeout_s)}")
        if self.api_key is not None and not self.api_key:
            problems.append("api_key is empty; give None to accept any key")
        if any(wait < 0 for wait in self.callback_backoff_s) or self.callback_timeout_s <= 0:
            problems.append("callback_backoff_s and callback_timeout_s must be seconds, not negative")
        if wrong := ", ".join(sorted(repr(host) for host in self.allow_callbacks if not _is_host(host))):
            problems.append(f"allow_callbacks takes bare hosts (hooks.test, without scheme, port or path), not {wrong}")
        return problems


def _is_host(host: str) -> bool:
    """Whether a callback's host can be `host`: anything else would be accepted and never match."""
    if re.fullmatch(r"[\w.-]*\w", host):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_latency(value: Any) -> bool:
    if callable(value):
        return True
    if isinstance(value, tuple):
        return len(value) == 2 and all(_is_seconds(v) for v in value) and value[0] <= value[1]
    return _is_seconds(value)


def _is_seconds(value: Any) -> bool:
    return is_number(value) and 0 <= value < float("inf")


def options_from(given: Mapping[str, Any], base: Options | None = None) -> Options:
    """Return the settings that a user gave, in the forms in which a user may give them, upon those of `base`."""
    names = {f.name for f in fields(Options)}
    if unknown := sorted(set(given) - names):
        raise SettingsError(f"{', '.join(unknown)}: unknown setting; the settings are {', '.join(sorted(names))}")
    values = dict(given)
    if (key := as_secret(values.get("api_key"))) is not None:
        if not isinstance(key, Secret):
            raise SettingsError(f"api_key is {with_article(key.type_name)}; give a string, or None to accept any key")
        values["api_key"] = key
    if "allow_callbacks" in values:
        values["allow_callbacks"] = _normalize_hosts(values["allow_callbacks"])
    for name in ("callback_backoff_s", "latency_s"):
        if isinstance(values.get(name), list):
            values[name] = tuple(values[name])
    return Options(**values) if base is None else replace(base, **values)


def _normalize_hosts(names: str | Iterable[str]) -> frozenset[str]:
    """Return host names as they are compared: lower case, without brackets or a last dot."""
    listed = [names] if isinstance(names, str) else names
    return frozenset(name.strip().strip("[]").rstrip(".").lower() for name in listed)


def draw_latency(latency: Latency, seed: int | str | None, number: int) -> float:
    """Return the seconds of latency of the `number`-th run of a hive: the same for the same seed.

    Examples
    --------
    >>> draw_latency((0.1, 0.2), 0, 7) == draw_latency((0.1, 0.2), 0, 7)
    True
    >>> draw_latency(0.05, 0, 7)
    0.05
    """
    if isinstance(latency, int | float):
        return latency
    rng = random.Random(f"{seed}:{number}")  # noqa: S311 - a simulated delay, nothing that must not be guessed
    if isinstance(latency, tuple):
        return rng.uniform(*latency)
    return max(0.0, latency(rng))
