"""Retry policy: what to do after a response (429, 5xx, timeout), and whether the call may have run.

Rule of this file: it is the table of CONTRACT section 2, and the only place that judges a response. `client.invoke` and
the batch engine both call `decide`, and the limiter receives every decision. A call that may have run is never retried.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any, Final

from fh_notebook.contract.response import Meaning, Response, code_of, object_of
from fh_notebook.contract.run import CREDIT_CODES, DAILY_CODE


class RetryAction(Enum):
    """What to do after one response."""

    DONE = "done"
    """The service answered the call (2xx); the run itself may still have failed."""
    FAILED = "failed"
    """Refused or given up: it did not run, and calling again would not help."""
    RETRY = "retry"
    """It did not run; call again after `wait_s`."""
    THROTTLED = "throttled"
    """Refused for too many calls at once; call again after `wait_s`, with fewer in flight."""
    UNKNOWN = "unknown"
    """It may have run: never called again silently."""
    STOP = "stop"
    """It did not run, and no other call would: the key, the daily cap or the credits."""


class Absence(Enum):
    """What a response reports as not found."""

    NOTHING = "nothing"
    SOMETHING = "something"
    """The deployment, the variant, or something that the inputs name."""
    OF_THE_NAME = "of the name"
    """The deployment or the variant: every other call of it would fail, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDecision:
    """The action after one response, with its reason."""

    action: RetryAction
    reason: str = ""
    """``connect``, ``unavailable``, ``provider``, ``concurrency``, ``daily_cap``, ``credits``, ``auth``, ..."""
    wait_s: float = 0.0
    """For `RETRY` and `THROTTLED`."""

    @property
    def again(self) -> bool:
        """Whether to call again."""
        return self.action in (RetryAction.RETRY, RetryAction.THROTTLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how long. Units: seconds."""

    max_attempts: int = 3
    """For what did not run and is not throttling: connect errors, 503, 502 with a code (CONTRACT section 2)."""
    max_retry_s: float = 5.0
    """No such retry begins later than this after the first attempt: a person is waiting."""
    max_throttled_s: float = 120.0
    """How long one call puts up with being refused for concurrency: the official SDKs' timeout."""
    base_s: float = 0.5
    cap_s: float = 20.0
    """Backoff doubles from `base_s` to `cap_s`."""
    least_base_s: float = 0.02
    most_base_s: float = 2.0
    """Where it is known how long a call takes, a refused one waits so long at first, within these bounds: a place is
    free again when one of the calls before it has ended."""
    max_retry_after_s: float = 3600.0
    """A longer ``Retry-After`` is taken as this: a misconfigured proxy must not stop a notebook for a year."""

    def backoff(self, attempt: int, jitter: float, *, typical_s: float | None = None) -> float:
        """Return the wait before attempt `attempt` + 1, with full jitter; `jitter` is uniform in [0, 1].

        It begins with `base_s`, or with what a call takes (`typical_s`).

        Full jitter (uniform between nothing and the doubling bound) spreads a crowd of refused calls best:
        M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
        """
        base_s = self.base_s if typical_s is None else min(max(typical_s, self.least_base_s), self.most_base_s)
        return float(jitter * min(self.cap_s, base_s * 2.0 ** min(attempt - 1, 30)))


DEFAULT_POLICY: Final = RetryPolicy()

NOT_REACHED: Final = frozenset({"connect", "tls", "proxy"})
"""The reasons, and our codes, of attempts that did not reach the service: nothing was sent, so they do not count."""

UPLOAD_FAILED: Final = "upload_failed"
"""Our code of a call that was not made, since a file of its inputs could not be uploaded."""

CUT_OFF: Final = "cancelled while in progress; the workflow may have run"
"""The error of a call that was cancelled on this side before its response."""

_NO_SUCH_NAME: Final = re.compile(
    r"(workflow_)?(?P<noun>deployment|variant)(_name|_key|_slug)?_(not_found|unknown|does_not_exist)"
    r"|(unknown|no_such)_(workflow_)?(?P<other>deployment|variant)"
)

NOT_FOUND_STATUSES: Final = frozenset({404, 422})
"""The statuses of a look-up of something that the service does not know: a look-up has no inputs to be wrong."""

DOCUMENTED_CODES: Final = frozenset(
    {
        "api_rate_limit_exceeded", "too_many_requests", "insufficient_hosted_llm_credits", "account_credit_cap_reached",
        "workflow_step_limit_reached", "workspace_limit_reached", "asset_storage_limit_reached",
        "log_range_limit_exceeded", "model_deprecated", "personal_model_missing_credentials",
        "personal_model_invalid_credentials", "vision_not_supported", "iteration_limit_exceeded", "validation_error",
        "internal_server_error", "invalid_tool_approval", "tool_approval_override_not_permitted",
    }
)  # fmt: skip
"""The codes of CONTRACT section 2, whose meaning is not observed."""

_PROVIDER_CODE: Final = "too_many_requests"


def decide(
    response: Response,
    *,
    attempt: int = 1,
    jitter: float = 1.0,
    now: datetime | None = None,
    spent_s: float = 0.0,
    typical_s: float | None = None,
    policy: RetryPolicy = DEFAULT_POLICY,
) -> RetryDecision:
    """Return what to do after `response`.

    Examples
    --------
    >>> decide(Response(status_code=500)).action.value
    'unknown'
    >>> decide(Response(status_code=429, body=b'{"error_code":"api_rate_limit_exceeded"}')).reason
    'daily_cap'
    """
    action, reason = _action_for(response)
    if action not in (RetryAction.RETRY, RetryAction.THROTTLED):
        return RetryDecision(action=action, reason=reason)
    # What the subscription's cap refuses can go as soon as another call ends. A provider's limit is one of a minute,
    # whatever a call takes, and so is what made it unavailable.
    typical_s = typical_s if reason == "concurrency" else None
    wait_s = policy.backoff(attempt, jitter, typical_s=typical_s)
    requested_s = parse_retry_after(response.headers.get("retry-after"), date_of(response) or now)
    if requested_s is not None:
        # The jitter comes on top: everybody who was refused in this second was given the same number.
        wait_s = min(requested_s, policy.max_retry_after_s) + jitter * policy.base_s
    if action is RetryAction.THROTTLED:
        gives_up = spent_s + wait_s > policy.max_throttled_s and spent_s > 0
    else:
        gives_up = attempt >= policy.max_attempts or spent_s + wait_s > policy.max_retry_s
    return RetryDecision(
        action=RetryAction.FAILED if gives_up else action, reason=reason, wait_s=0.0 if gives_up else wait_s
    )


def may_have_run(response: Response) -> bool:
    """Whether the workflow may have run although the response is not a 2xx: by the same table."""
    return _action_for(response)[0] is RetryAction.UNKNOWN


def is_general(response: Response) -> bool:
    """Whether a refusal would meet any request now: it is of the key, of a limit, or of a service that is not there.

    Examples
    --------
    >>> [is_general(Response(status_code=status)) for status in (429, 503, 422, 500, 402)]
    [True, True, False, False, True]
    >>> is_general(Response(status_code=402, body=b'{"error_code": "workspace_limit_reached"}'))
    False
    """
    return _action_for(response)[0] in (RetryAction.RETRY, RetryAction.THROTTLED, RetryAction.STOP)


def absence_of(response: Response) -> Absence:
    """Return what a response reports as not found.

    Which code the service has for an unknown deployment or variant is UNKNOWN, and its status may be 404 or 422
    (CONTRACT sections 2 and 10). So a code that names the one or the other beside "not found" or "unknown" is believed;
    any other 404, any other "not found", and a refusal that a probe got for an unknown name, may be about what the
    inputs name.

    Examples
    --------
    >>> absence_of(Response(status_code=422, body=b'{"error_code": "variant_not_found"}'))
    <Absence.OF_THE_NAME: 'of the name'>
    >>> absence_of(Response(status_code=404)), absence_of(Response(status_code=422, body=b'{"error_code": "bad"}'))
    (<Absence.SOMETHING: 'something'>, <Absence.NOTHING: 'nothing'>)
    """
    if (
        response.status_code is None
        or response.status_code // 100 != 4
        or _action_for(response)[0] is not RetryAction.FAILED
    ):
        return Absence.NOTHING
    body = object_of(response.body)
    code = (code_of(body) or "").lower()
    if _NO_SUCH_NAME.fullmatch(code):
        return Absence.OF_THE_NAME
    is_absent = (
        response.status_code == 404
        or response.meaning == "unknown_name"
        or code.endswith("not_found")
        or (not code and _says_not_found(body))
    )
    return Absence.SOMETHING if is_absent else Absence.NOTHING


def absent_noun(code: str) -> str:
    """Return what an error code says is not there, "deployment" or "variant"; "" where it says neither.

    Examples
    --------
    >>> absent_noun("variant_not_found"), absent_noun("unknown_deployment"), absent_noun("record_not_found")
    ('variant', 'deployment', '')
    """
    match = _NO_SUCH_NAME.fullmatch(code.lower())
    return (match["noun"] or match["other"]) if match is not None else ""


def _says_not_found(body: Mapping[str, Any]) -> bool:
    """Whether the text of an error without a code says "not found": the 422s that are known to say so have no code.

    The text is localised: where it says so in another language, the row fails as any other, and nothing is stopped.
    """
    return "not found" in f"{body.get('error') or ''} {body.get('message') or ''}".lower()


def _action_for(response: Response) -> tuple[RetryAction, str]:
    """Return the action and the reason by the table, without attempts and waits."""
    status = response.status_code
    if status is None:
        return _action_for_broken(response)
    if 200 <= status < 300:
        return RetryAction.DONE, ""
    body = object_of(response.body)
    code = code_of(body)
    if status in (401, 403):
        return RetryAction.STOP, "auth"
    if status == 429:
        return _action_for_429(body, code, response.meaning)
    # A 402 with another code, such as `workspace_limit_reached`, is of a limit of what was asked for: its row fails.
    if code in CREDIT_CODES or (status == 402 and code is None):
        return RetryAction.STOP, "credits"
    if status == 503:
        return RetryAction.RETRY, "unavailable"
    if status == 502 and code:
        return RetryAction.RETRY, "provider"
    if status >= 500:
        return RetryAction.UNKNOWN, code or f"http_{status}"
    return RetryAction.FAILED, code or f"http_{status}"


def _action_for_broken(response: Response) -> tuple[RetryAction, str]:
    reason = response.broke or "broken"
    if response.broke == "too_large":
        return RetryAction.FAILED, "response_too_large"
    return (RetryAction.UNKNOWN if response.sent else RetryAction.RETRY), reason


def _action_for_429(body: Mapping[str, Any], code: str | None, meaning: Meaning | None) -> tuple[RetryAction, str]:
    if is_daily_cap(body):
        return RetryAction.STOP, "daily_cap"
    is_other = code == _PROVIDER_CODE or meaning == "other_limit"
    return RetryAction.THROTTLED, "provider" if is_other else "concurrency"


def is_daily_cap(body: Mapping[str, Any]) -> bool:
    """Whether the body of a 429 is about the daily cap, where a retry is useless, unlike after the other 429s.

    Recognized by its code; without one, by the fields `limit` and `current`.
    """
    code = code_of(body)
    return code == DAILY_CODE or (code is None and "limit" in body and "current" in body)


def parse_retry_after(value: str | None, now: datetime | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header, or ``None`` when it cannot be read.

    Examples
    --------
    >>> parse_retry_after("3", None)
    3.0
    >>> parse_retry_after("Wed, 25 Nov 2026 00:00:10 GMT", datetime(2026, 11, 25, tzinfo=UTC))
    10.0
    """
    text = (value or "").strip()[:64]
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        date = _instant(text)
        return None if date is None or now is None else max(0.0, (date - now).total_seconds())
    return seconds if 0 <= seconds < float("inf") else None


def date_of(response: Response) -> datetime | None:
    """Return when a response was made, by the service's clock; ``None`` where it does not say."""
    return _instant(response.headers.get("date", ""))


def _instant(date: str) -> datetime | None:
    """Return an HTTP date as a datetime; ``None`` when it is not a date."""
    try:
        moment = parsedate_to_datetime(date[:64])
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (
        moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    )  # "-0000": UTC without saying so (RFC 5322, section 3.3)


def next_reset(now: datetime) -> datetime:
    """Return when the daily cap is renewed: the next midnight in UTC (CONTRACT section 2).

    Examples
    --------
    >>> next_reset(datetime(2026, 11, 25, 22, 10, tzinfo=UTC)).isoformat()
    '2026-11-26T00:00:00+00:00'
    """
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=1)
