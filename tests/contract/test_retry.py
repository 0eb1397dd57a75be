"""The table of CONTRACT section 2, row by row."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.contract.response import Response
from fh_notebook.contract.retry import RetryAction, RetryPolicy, decide, next_reset, parse_retry_after

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def answer(status: int, /, retry_after: str | None = None, **body: object) -> Response:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return Response(status_code=status, body=json.dumps(body).encode(), headers=headers)


CONCURRENCY = "You've reached your concurrency limit. Try again later or use async mode."


@pytest.mark.parametrize(
    ("given_answer", "action", "reason"),
    [
        # what came, what follows, why
        (answer(200, run_status="completed"), RetryAction.DONE, ""),
        (answer(200, run_status="failed"), RetryAction.DONE, ""),
        (answer(202, status="queued"), RetryAction.DONE, ""),
        (Response(status_code=200, body=b"<html>"), RetryAction.DONE, ""),
        (Response(broke="connect", sent=False), RetryAction.RETRY, "connect"),
        (Response(broke="tls", sent=False), RetryAction.RETRY, "tls"),
        (Response(broke="proxy", sent=False), RetryAction.RETRY, "proxy"),
        (
            answer(429, error=CONCURRENCY, message=CONCURRENCY, error_code="concurrency_limit"),
            RetryAction.THROTTLED,
            "concurrency",
        ),
        (answer(429, error=CONCURRENCY), RetryAction.THROTTLED, "concurrency"),
        (Response(status_code=429, body=b""), RetryAction.THROTTLED, "concurrency"),
        (answer(429, error_code="too_many_requests"), RetryAction.THROTTLED, "provider"),
        (answer(429, error_code="api_rate_limit_exceeded", limit=50, current=50), RetryAction.STOP, "daily_cap"),
        (answer(429, code="api_rate_limit_exceeded"), RetryAction.STOP, "daily_cap"),
        (answer(429, error={"code": "api_rate_limit_exceeded"}), RetryAction.STOP, "daily_cap"),
        (answer(429, error="Daily API rate limit reached", limit=50, current=50), RetryAction.STOP, "daily_cap"),
        (answer(429, error_code="concurrency_limit", limit=5, current=5), RetryAction.THROTTLED, "concurrency"),
        (
            Response(
                status_code=429,
                body='{"error": "Tägliche Grenze", "code": "api_rate_limit_exceeded"}'.encode("latin-1"),
            ),
            RetryAction.STOP,
            "daily_cap",
        ),
        (answer(402, error_code="insufficient_hosted_llm_credits"), RetryAction.STOP, "credits"),
        (answer(422, error_code="account_credit_cap_reached"), RetryAction.STOP, "credits"),
        (answer(402, error="pay"), RetryAction.STOP, "credits"),
        (answer(402, error_code="workflow_step_limit_reached"), RetryAction.FAILED, "workflow_step_limit_reached"),
        (answer(402, error_code="workspace_limit_reached"), RetryAction.FAILED, "workspace_limit_reached"),
        (answer(402, error_code="asset_storage_limit_reached"), RetryAction.FAILED, "asset_storage_limit_reached"),
        (answer(402, error_code="log_range_limit_exceeded"), RetryAction.FAILED, "log_range_limit_exceeded"),
        (answer(402, error_code="of_a_kind_that_nobody_knows"), RetryAction.FAILED, "of_a_kind_that_nobody_knows"),
        (answer(422, error_code="model_deprecated"), RetryAction.FAILED, "model_deprecated"),
        (answer(422, error_code="validation_error"), RetryAction.FAILED, "validation_error"),
        (answer(400, error_code="validation_error"), RetryAction.FAILED, "validation_error"),
        (answer(404, error="Request not found"), RetryAction.FAILED, "http_404"),
        (answer(302), RetryAction.FAILED, "http_302"),
        (answer(401, error="Invalid access."), RetryAction.STOP, "auth"),
        (answer(403, error_code="tool_approval_override_not_permitted"), RetryAction.STOP, "auth"),
        (answer(503, error="busy"), RetryAction.RETRY, "unavailable"),
        (answer(502, error_code="provider_error"), RetryAction.RETRY, "provider"),
        (Response(status_code=502, body=b"<html>Bad Gateway</html>"), RetryAction.UNKNOWN, "http_502"),
        (answer(500, error_code="internal_server_error"), RetryAction.UNKNOWN, "internal_server_error"),
        (answer(504), RetryAction.UNKNOWN, "http_504"),
        (answer(524), RetryAction.UNKNOWN, "http_524"),
        (Response(broke="read_timeout"), RetryAction.UNKNOWN, "read_timeout"),
        (Response(broke="reset"), RetryAction.UNKNOWN, "reset"),
        (Response(broke="cut"), RetryAction.UNKNOWN, "cut"),
        (Response(broke="write"), RetryAction.UNKNOWN, "write"),
        (Response(broke="too_large"), RetryAction.FAILED, "response_too_large"),
    ],
)
def test_every_answer_has_its_action(given_answer: Response, action: RetryAction, reason: str) -> None:
    """Every row of the table: an answer decides what follows, by code and status and never by text."""
    decision = decide(given_answer, now=NOW)
    assert (decision.action, decision.reason) == (action, reason)
    assert (decision.wait_s > 0) == decision.again


def test_what_may_have_run_is_never_called_again_however_often_one_asks() -> None:
    """No attempt number, wait or policy turns an unknown into a retry."""
    for attempt in range(1, 10):
        policy = RetryPolicy(max_attempts=99, max_retry_s=1e9)
        assert decide(answer(500), attempt=attempt, policy=policy).action is RetryAction.UNKNOWN


@pytest.mark.parametrize(
    ("attempt", "spent_s", "action"),
    [
        (1, 0.0, RetryAction.RETRY),
        (2, 1.0, RetryAction.RETRY),
        (3, 2.0, RetryAction.FAILED),
        (1, 4.9, RetryAction.FAILED),
    ],
)
def test_a_person_waits_for_at_most_three_attempts_and_five_seconds(
    attempt: int, spent_s: float, action: RetryAction
) -> None:
    """What did not run is tried again until the third attempt or the fifth second, whichever is first."""
    broken = Response(broke="connect", sent=False)
    assert decide(broken, attempt=attempt, spent_s=spent_s, jitter=1.0).action is action


def test_a_throttled_call_waits_much_longer_than_a_broken_one() -> None:
    """Being refused for concurrency is not an error: patience is the client's timeout, and a batch
    (spent 0) has more.
    """
    refused = answer(429, error=CONCURRENCY)
    assert decide(refused, attempt=50, spent_s=90.0, jitter=1.0).action is RetryAction.THROTTLED
    assert decide(refused, attempt=50, spent_s=119.9, jitter=1.0).action is RetryAction.FAILED
    assert decide(refused, attempt=50, spent_s=0.0, jitter=1.0).action is RetryAction.THROTTLED


@given(attempt=st.integers(1, 5000), jitter=st.floats(0, 1))
def test_backoff_has_full_jitter_under_a_cap(attempt: int, jitter: float) -> None:
    """A wait is anything from nothing to the doubling bound, and never above the cap."""
    policy = RetryPolicy()
    assert 0 <= policy.backoff(attempt, jitter) <= min(policy.cap_s, policy.base_s * 2 ** min(attempt - 1, 40))


@pytest.mark.parametrize(
    ("typical_s", "attempt", "wait_s"),
    [
        # what a call takes, which attempt it was, the longest wait
        (None, 1, 0.5),
        (None, 3, 2.0),
        (0.2, 1, 0.2),
        (0.2, 2, 0.4),
        (0.2, 30, 20.0),
        (0.0, 1, 0.02),
        (60.0, 1, 2.0),
        (60.0, 3, 8.0),
    ],
)
def test_a_refused_call_waits_as_long_as_a_call_takes(typical_s: float | None, attempt: int, wait_s: float) -> None:
    """A place is free when a call ends: short calls are not held up for seconds, and long ones are asked again soon."""
    refused = answer(429, error=CONCURRENCY)
    assert decide(refused, attempt=attempt, jitter=1.0, typical_s=typical_s).wait_s == pytest.approx(wait_s)
    assert decide(refused, attempt=attempt, jitter=0.0, typical_s=typical_s).wait_s == 0.0


def test_what_a_call_takes_says_nothing_of_a_providers_limit_or_of_a_named_wait() -> None:
    """A provider counts by the minute, an unavailable service is back when it is, and ``Retry-
    After`` is the service's.
    """
    provider = answer(429, error_code="too_many_requests")
    assert decide(provider, jitter=1.0, typical_s=0.02).wait_s == 0.5
    assert decide(answer(503), jitter=1.0, typical_s=0.02).wait_s == 0.5
    assert decide(answer(429, "7", error=CONCURRENCY), jitter=0.0, typical_s=0.02).wait_s == 7.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        (" 1.5 ", 1.5),
        ("0", 0.0),
        ("Wed, 25 Nov 2026 12:00:30 GMT", 30.0),
        ("Wed, 25 Nov 2026 12:00:30 -0000", 30.0),
        ("Wed, 25 Nov 2026 11:00:00 GMT", 0.0),
        ("-1", None),
        ("inf", None),
        ("nan", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("Wed, 99 Nov 2026 12:00:30 GMT", None),
        ("9" * 5000, None),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str | None, seconds: float | None) -> None:
    """Seconds and HTTP dates are understood; what says nothing readable counts as absent."""
    got = parse_retry_after(header, NOW)
    assert got == seconds or (header == "9" * 5000 and got is not None)


@given(st.text(max_size=80))
def test_retry_after_never_raises(header: str) -> None:
    """Whatever a header says, the answer is a wait of 0 or more seconds, or nothing."""
    got = parse_retry_after(header, NOW)
    assert got is None or got >= 0


def test_retry_after_is_honoured_with_jitter_on_top_and_a_cap() -> None:
    """The service's own wait wins over ours; a crowd does not return at the same instant; a year is an hour."""
    refused = answer(429, "7", error=CONCURRENCY)
    assert decide(refused, jitter=0.0).wait_s == 7.0
    assert 7.0 < decide(refused, jitter=1.0).wait_s <= 8.0
    assert decide(answer(429, "31536000"), jitter=0.0).wait_s == 3600.0


def test_a_dated_retry_after_counts_from_the_answers_own_date_without_a_clock() -> None:
    """A service whose clock is wrong still means a duration: its Date header is what a date counts from."""
    headers = {"retry-after": "Wed, 25 Nov 2026 12:00:30 GMT", "date": "Wed, 25 Nov 2026 12:00:20 GMT"}
    assert (
        decide(Response(status_code=503, headers=headers), jitter=0.0, policy=RetryPolicy(max_retry_s=60)).wait_s
        == 10.0
    )


@given(
    status=st.one_of(st.none(), st.integers(100, 599)),
    body=st.binary(max_size=60),
    broke=st.sampled_from([None, "connect", "reset", "odd"]),
    sent=st.booleans(),
)
def test_deciding_never_raises(status: int | None, body: bytes, broke: str | None, sent: bool) -> None:
    """Any status with any body gets an action."""
    assert decide(Response(status_code=status, body=body, broke=broke, sent=sent)).action in RetryAction


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(2020, 1, 1), max_value=datetime(2099, 1, 1)))
def test_the_daily_cap_is_renewed_at_the_next_midnight_utc(now: datetime) -> None:
    """The reset is at 00:00 UTC, later than now, and at most a day away."""
    reset = next_reset(now)
    assert (reset.hour, reset.minute, reset.second, reset.microsecond) == (0, 0, 0, 0)
    assert timedelta(0) < reset - now <= timedelta(days=1)
