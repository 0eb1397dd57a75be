"""The script of faults, and what they answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fh_notebook.errors import SettingsError
from fh_notebook.local import LocalHive
from fh_notebook.local.faults import Fault, FaultScript
from fh_notebook.local.requests import BY_CODE, CODES, Refusal, code_for_status
from tests.told import facts


def test_faults_are_met_in_the_order_in_which_they_were_asked_for() -> None:
    """Two 502, then one reset, then nothing."""
    script = FaultScript()
    script.add(Fault(status=502), 2)
    script.add(Fault(reset=True), 1)
    met = [script.take("invoke", "d", "v") for _ in range(4)]
    assert [(f.status, f.reset) if f else None for f in met] == [(502, False), (502, False), (None, True), None]


@pytest.mark.parametrize(
    ("fault", "met"),
    [
        ({}, ["a/x", "a/y", "b/x"]),
        ({"deployment": "a"}, ["a/x", "a/y"]),
        ({"variant": "x"}, ["a/x", "b/x"]),
        ({"deployment": "b", "variant": "x"}, ["b/x"]),
        ({"on": "retrieve"}, []),
    ],
)
def test_a_fault_is_met_only_by_the_calls_that_it_is_for(fault: dict[str, Any], met: list[str]) -> None:
    """By deployment, by variant, by what is asked."""
    script = FaultScript()
    script.add(Fault(**fault), 10)
    asked = ["a/x", "a/y", "b/x"]
    assert [a for a in asked if script.take("invoke", *a.split("/"))] == met


def test_a_fault_that_could_not_be_met_comes_next() -> None:
    """A call that was refused by a cap gives it back, before the others."""
    script = FaultScript()
    script.add(Fault(status=500), 1)
    script.add(Fault(status=503), 1)
    first = script.take("invoke", "d", "v")
    assert first is not None
    script.give_back(first)
    assert len(script) == 2
    assert script.take("invoke", "d", "v") is first


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({}, 500, "internal_server_error"),
        ({"status": 502}, 502, "provider_error"),
        ({"status": 503}, 503, "service_unavailable"),
        ({"status": 504}, 504, "gateway_timeout"),
        ({"status": 429}, 429, "too_many_requests"),
        ({"status": 401}, 401, "unauthorized"),
        ({"status": 402}, 402, "insufficient_hosted_llm_credits"),
        ({"status": 599}, 599, "internal_server_error"),
        ({"error_code": "api_rate_limit_exceeded"}, 429, "api_rate_limit_exceeded"),
        ({"error_code": "account_credit_cap_reached"}, 422, "account_credit_cap_reached"),
        ({"error_code": "brand_new_code"}, 500, "brand_new_code"),
        ({"status": 500, "error_code": "model_deprecated"}, 500, "model_deprecated"),
    ],
)
def test_status_and_code_follow_from_what_is_given(given: dict[str, Any], status: int, code: str) -> None:
    """One of the two is enough, and every body has all three fields."""
    fault = Fault(**given)
    body = json.loads(fault.answer_body({}))
    assert (fault.http_status, body["error_code"]) == (status, code)
    assert body["error"] == body["message"] != ""


def test_other_kinds_of_body() -> None:
    """A proxy's page, an older body, and any bytes at all."""
    page = Fault(html=True)
    assert page.http_status == 502
    assert page.headers["content-type"].startswith("text/html")
    assert b"<h1>" in page.answer_body({})
    assert json.loads(Fault(status=500, legacy=True, message="no").answer_body({})) == {"error": "no"}
    odd = Fault(body=b"\xff\x00", content_type="image/png", status=200)
    assert (odd.answer_body({}), odd.headers["content-type"], odd.http_status) == (b"\xff\x00", "image/png", 200)
    assert Fault(status=429, retry_after=2).headers["retry-after"] == "2"


@pytest.mark.parametrize(
    ("given", "runs"),
    [
        ({"status": 502}, False),
        ({"status": 502, "after_running": True}, True),
        ({"reset": True}, False),
        ({"reset": True, "after_running": True}, True),
        ({"slow_body_s": 1.0}, True),  # the run's own answer, only slow
        ({"cut_body": True}, True),
        ({"cut_body": True, "status": 500}, False),  # an error answer, cut
    ],
)
def test_whether_the_workflow_runs(given: dict[str, Any], runs: bool) -> None:
    """The default is what costs nothing; `after_running` is what may have run."""
    assert Fault(**given).runs is runs


CONTRADICTIONS = [
    ({"reset": True, "status": 500}, ("reset",)),
    ({"reset": True, "cut_body": True}, ("reset",)),
    ({"html": True, "body": b""}, ("body",)),
    ({"status": 99}, ("200", "599")),
    ({"slow_body_s": -1}, ("slow_body_s",)),
    ({"on": "models"}, ("'invoke'", "'retrieve'")),
    ({"n": 0}, ("1", "0")),
]


@pytest.mark.parametrize(("given", "words"), CONTRADICTIONS)
def test_a_contradiction_is_told_at_once(given: dict[str, Any], words: str) -> None:
    """Where it is asked for, not when a call meets it."""
    with pytest.raises(SettingsError, match=facts(*words)):
        LocalHive().fail_next(**given)


def test_faults_can_be_forgotten() -> None:
    """`clear_faults` says how many were left."""
    hive = LocalHive()
    hive.fail_next(3, status=502)
    assert hive.clear_faults() == 3
    assert hive.clear_faults() == 0


def test_the_table_of_codes_is_whole() -> None:
    """Every code of CONTRACT section 2, each once, and ours are marked."""
    service = {
        "api_rate_limit_exceeded": 429,
        "too_many_requests": 429,
        "insufficient_hosted_llm_credits": 402,
        "account_credit_cap_reached": 422,
        "workflow_step_limit_reached": 402,
        "workspace_limit_reached": 402,
        "asset_storage_limit_reached": 402,
        "log_range_limit_exceeded": 402,
        "model_deprecated": 422,
        "personal_model_missing_credentials": 422,
        "personal_model_invalid_credentials": 422,
        "vision_not_supported": 422,
        "iteration_limit_exceeded": 422,
        "validation_error": 422,
        "invalid_tool_approval": 400,
        "tool_approval_override_not_permitted": 403,
        "internal_server_error": 500,
    }
    assert {c.code: c.http_status for c in CODES if not c.ours} == service
    assert {"unauthorized", "not_found", "concurrency_limit_reached"} <= {c.code for c in CODES if c.ours}
    assert len(BY_CODE) == len(CODES)
    assert Refusal("not_found").status == 404
    assert code_for_status(451) == "validation_error"
