"""Every other address of the hive, and what it says to whoever asks wrongly."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.local.hives import ask, echo_hive, in_process, on_socket, post


def test_every_other_address_and_method_answers_in_three_fields() -> None:
    """404, 405 with `Allow`, 415; no redirect for a slash too many."""
    hive = echo_hive()
    with on_socket(hive) as http:
        answers = [
            http.get("/nothing"),
            http.post("/workflow/invoke/", json=ask()),
            http.get("/workflow/invoke"),
            http.delete("/public/requests/x"),
            http.post("/workflow/invoke", content=b"a=1", headers={"content-type": "text/plain"}),
            http.post("/workflow/invoke", data={"a": "1"}),
        ]
    assert [a.status_code for a in answers] == [404, 404, 405, 405, 415, 415]
    codes = [a.json()["error_code"] for a in answers]
    assert codes == ["not_found"] * 2 + ["method_not_allowed"] * 2 + ["unsupported_media_type"] * 2
    assert all(a.json()["error"] == a.json()["message"] != "" for a in answers)
    assert answers[2].headers["allow"] == "POST"


def test_head_has_the_head_of_an_answer_alone() -> None:
    """In process as over a socket."""
    hive = echo_hive()

    async def inside() -> httpx.Response:
        async with in_process(hive) as client:
            return await client.head("/error_codes")

    with on_socket(hive) as http:
        answers = [http.head("/error_codes"), asyncio.run(inside())]
        length = len(http.get("/error_codes").content)
    for answer in answers:
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-length"] == str(length)


def test_json_is_json_by_any_of_its_names() -> None:
    """With a charset, as a vendor's own type, or without any name."""
    hive = echo_hive()
    body = json.dumps(ask()).encode()
    with on_socket(hive) as http:
        for kind in ("application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json"):
            assert http.post("/workflow/invoke", content=body, headers={"content-type": kind}).status_code == 200
        assert http.post("/workflow/invoke", content=body).status_code == 200


def test_the_error_codes_need_no_key_and_the_models_do() -> None:
    """Each code says whose it is."""
    hive = echo_hive()
    with on_socket(hive) as http:
        listed = http.get("/error_codes", headers={"authorization": ""}).json()["codes"]
        assert http.get("/public/models", headers={"authorization": ""}).status_code == 401
        assert http.get("/public/models").json() == {"models": []}
    by_code = {c["code"]: c for c in listed}
    assert by_code["api_rate_limit_exceeded"]["source"] == "fetch_hive"
    assert by_code["concurrency_limit_reached"]["source"] == "local_hive"
    assert all(c["client_action"] and c["status"] >= 400 for c in listed)
    assert hive.counts.requests == 0  # looking is not calling


def test_a_defect_of_the_hive_itself_is_not_hidden() -> None:
    """A 500 in three fields over a socket; in process the exception itself."""

    def clock() -> Any:
        raise ZeroDivisionError("the clock broke")

    hive = echo_hive(clock=clock)
    with pytest.raises(ZeroDivisionError, match="the clock broke"):
        post(hive, ask())
    with on_socket(hive) as http:
        answer = http.post("/workflow/invoke", json=ask())
    assert (answer.status_code, answer.json()["error_code"]) == (500, "internal_server_error")
