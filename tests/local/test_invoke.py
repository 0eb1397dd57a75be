"""Running a workflow by `POST /v1/workflow/invoke`, in process and over a socket."""

from __future__ import annotations

import asyncio
import functools
import json
from datetime import date
from typing import Annotated, Any, Literal

import httpx
import pytest

import fh_notebook as fh
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.local import LocalHive
from tests.local.hives import KEY, ask, echo_hive, in_process, on_socket, post
from tests.told import tells


def run(hive: LocalHive, *bodies: Any) -> list[dict[str, Any]]:
    return [r.json() for r in post(hive, *bodies)]


@pytest.fixture(params=["in process", "socket"])
def call(request: pytest.FixtureRequest) -> Any:
    """Send a body to a fresh hive, each way."""

    def send(body: Any, hive: LocalHive | None = None, **options: Any) -> httpx.Response:
        hive = hive or echo_hive()
        if request.param == "in process":
            return post(hive, body, **options)[0]
        with on_socket(hive) as http:
            return http.post("/workflow/invoke", json=body, **options)

    return send


@pytest.mark.parametrize("variant", ["plain", "async"])
def test_a_sync_call_brings_the_output(call: Any, variant: str) -> None:
    """Of a plain function and of an async one, in one answer."""
    answer = call(ask(variant, {"text": "hi", "times": 2}))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body.pop("request_id").startswith("req_")
    assert body == {"run_status": "completed", "output": "hihi"}


def test_an_exception_makes_a_failed_run(call: Any) -> None:
    """The call itself succeeded: 200, and the run says why it failed."""
    answer = call(ask("broken"))
    assert answer.status_code == 200
    assert answer.json()["run_status"] == "failed"
    assert answer.json()["output"] is None
    assert answer.json()["error"] == "RuntimeError: cannot say hi"


def test_the_sdks_spelling() -> None:
    """`status` in place of `run_status`, `run_id` too, and `error` always."""
    good, bad = run(echo_hive(spelling="sdk"), ask(), ask("broken"))
    assert set(good) == {"request_id", "run_id", "status", "output", "error"}
    assert (good["status"], good["output"], good["error"]) == ("completed", "hi", None)
    assert (bad["status"], bad["output"], bad["error"]) == ("failed", None, "RuntimeError: cannot say hi")


@pytest.mark.parametrize(
    ("sent", "status", "code", "text"),
    [
        (None, 401, "unauthorized", "Invalid access."),
        ("", 401, "unauthorized", "Invalid access."),
        ("Bearer", 401, "unauthorized", "Invalid access."),
        ("Bearer fhk_wrong", 401, "unauthorized", "Invalid access."),
        (f"Basic {KEY}", 401, "unauthorized", "Invalid access."),
        (f"Bearer {KEY}", 200, None, None),
    ],
)
def test_only_the_key_lets_in(sent: str | None, status: int, code: str | None, text: str | None) -> None:
    """Every refusal has all three fields."""
    hive = echo_hive()

    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=hive.transport(), base_url="http://local/v1") as http:
            named = {} if sent is None else {"authorization": sent}
            return await http.post("/workflow/invoke", json=ask(), headers=named)

    answer = asyncio.run(send())
    assert answer.status_code == status
    assert answer.json().get("error_code") == code
    assert answer.json().get("error") == answer.json().get("message") == text


def test_a_hive_without_a_key_takes_any_that_is_not_empty() -> None:
    """But not none."""
    hive = echo_hive(api_key=None)
    assert post(hive, ask(), key="whatever")[0].status_code == 200
    assert post(hive, ask(), headers={"authorization": "Bearer "})[0].status_code == 401


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (ask(deployment="nobody"), "Deployment not found"),
        (ask("nobody"), "Variant not found"),
        (ask(deployment="Echo"), "Deployment not found"),
    ],
)
def test_unknown_names_are_not_found(call: Any, body: Any, text: str) -> None:
    """As they are written; nothing is guessed."""
    answer = call(body)
    assert (answer.status_code, answer.json()["error_code"]) == (404, "not_found")
    assert answer.json()["message"] == text


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({}, ["text"]),
        ({"text": 3}, ["text: 3 is not a text"]),
        ({"text": "x", "times": "2"}, ["times"]),
        ({"text": "x", "txet": "y"}, ["txet"]),
        ({"text": None, "times": [], "a": 1}, ["text", "times", "a"]),
    ],
)
def test_inputs_are_checked_before_the_run(call: Any, inputs: dict[str, Any], told: list[str]) -> None:
    """All problems in one text, and nothing has run."""
    hive = echo_hive()
    answer = call(ask(inputs=inputs), hive)
    assert (answer.status_code, answer.json()["error_code"]) == (422, "validation_error")
    for words in told:
        assert words in answer.json()["message"]
    assert hive.calls == ()
    assert hive.counts.invalid == 1


def test_the_signature_gives_the_start_variables() -> None:
    """Annotations, defaults, choices, descriptions; `**kwargs` takes anything; what is not annotated, any value."""
    hive = LocalHive()

    @hive.workflow("triage", variant="strict")
    async def strict(
        ticket: Annotated[str, "What the customer wrote"],
        tone: Literal["calm", "brief"] = "calm",
        tags: list[str] | None = None,
    ) -> Any:
        return [ticket, tone, tags or []]

    @hive.workflow("triage", variant="open")
    async def open_(ticket, **more) -> Any:  # type: ignore[no-untyped-def]
        return [ticket, more]

    schema = hive.inputs_of("triage", "strict")
    assert schema["required"] == ["ticket"]
    assert schema["properties"]["ticket"]["description"] == "What the customer wrote"
    assert schema["properties"]["tone"]["enum"] == ["calm", "brief"]
    answers = post(
        hive,
        ask("strict", {"ticket": "x"}, "triage"),
        ask("strict", {"ticket": "x", "tone": "rude"}, "triage"),
        ask("strict", {"ticket": "x", "tags": '["a"]'}, "triage"),  # an array as JSON text is not an array
        ask("open", {"ticket": {"a": 1}, "b": 2}, "triage"),
    )
    assert [a.status_code for a in answers] == [200, 422, 422, 200]
    assert answers[0].json()["output"] == ["x", "calm", []]
    assert answers[3].json()["output"] == [{"a": 1}, {"b": 2}]


def test_a_default_of_one_variant_is_not_sent_to_another_that_has_no_such_variable() -> None:
    """Variants may take different variables; each is called with its own, by name and in a batch,
    and none is refused.
    """
    hive = LocalHive()

    @hive.workflow("greet", variant="loud")
    def loud(name: str, marks: int = 1) -> str:
        return name.upper() + "!" * marks

    @hive.workflow("greet", variant="polite")
    def polite(name: str, title: str = "Dr") -> str:
        return f"{title} {name}"

    with hive.client() as client:
        assert client.invoke("greet", variant="loud", inputs={"name": "Ada"}).output == "ADA!"
        assert client.invoke("greet", variant="polite", inputs={"name": "Ada", "title": "Ms"}).output == "Ms Ada"
        batch = fh.batch([{"name": "Ada"}], "greet", variants=["loud", "polite"], client=client, progress=False)
    assert batch.frame["output"].tolist() == ["ADA!", "Dr Ada"]


def test_the_decorator_returns_the_function_as_it_is() -> None:
    """It can still be called, and be declared for several variants."""
    hive = LocalHive()

    def double(n: int) -> int:
        return 2 * n

    assert hive.workflow("sum", variant="a")(hive.workflow("sum", variant="b")(double)) is double
    assert double(2) == 4
    assert [(d.name, d.variants) for d in hive.deployments()] == [("sum", ("b", "a"))]


def test_a_workflow_declared_again_is_the_new_one() -> None:
    """As when a cell is run twice; the order of variants stays."""
    hive = echo_hive()
    hive.workflow("echo", variant="plain")(lambda **_: "new")
    assert run(hive, ask("plain"))[0]["output"] == "new"
    assert hive.deployments()[0].variants == ("plain", "async", "broken")


def test_variants_with_other_variables_are_joined() -> None:
    """All variables; required is what every variant requires; either kind where they differ; checked by its own."""
    hive = LocalHive()

    @hive.workflow("d", variant="a")
    async def a(text: str, n: int) -> None: ...

    @hive.workflow("d", variant="b")
    async def b(text: str, n: str = "", more: bool = False) -> None: ...

    joined = hive.deployments()[0]
    assert joined.inputs["required"] == ["text"]
    assert joined.variable_names == ["text", "n", "more"]
    assert joined.problems({"text": "x", "n": 1}) == joined.problems({"text": "x", "n": "1"}) == []
    assert joined.problems({"text": "x", "z": 1})
    answers = post(hive, ask("a", {"text": "x", "n": "1"}, "d"), ask("b", {"text": "x", "n": "1"}, "d"))
    assert [r.status_code for r in answers] == [422, 200]


class _Callable:
    async def __call__(self, text: str) -> str:
        return text.upper()


async def _generic(text: str, mark: str) -> str:
    return text + mark


def _disguised(text: str) -> Any:
    return _generic(text, "?")


@pytest.mark.parametrize(
    ("func", "output"),
    [
        (_Callable(), "HI"),
        (functools.partial(_generic, mark="!"), "hi!"),
        (_disguised, "hi?"),
        (lambda text: text[::-1], "ih"),
    ],
)
def test_whatever_can_be_called_is_a_workflow(func: Any, output: str) -> None:
    """An object with an async `__call__`, a partial, a plain function that returns a coroutine, a lambda."""
    hive = LocalHive()
    hive.workflow("d", variant="v")(func)
    assert run(hive, ask("v", {"text": "hi"}, "d"))[0].get("output") == output


@pytest.mark.parametrize(
    ("deployment", "variant", "func"), [("", "v", id), ("d", " ", id), (3, "v", id), ("d", "v", 3)]
)
def test_what_is_no_workflow_is_told_at_its_declaration(deployment: Any, variant: Any, func: Any) -> None:
    """Names are strings that are not empty; a workflow can be called."""
    with pytest.raises((SettingsError, InputError)):
        LocalHive().workflow(deployment, variant=variant)(func)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), ("JSON",)),
        ({1, 2}, ("JSON",)),
        (date(2026, 1, 1), ("JSON",)),
        (b"x", ("JSON",)),
    ],
)
@pytest.mark.parametrize("is_async", [False, True])
def test_an_output_that_json_cannot_say_fails_the_run(value: Any, told: str, is_async: bool) -> None:
    """The hive lives, and the run says why."""
    hive = LocalHive()

    async def later() -> Any:
        return value

    hive.workflow("d", variant="v")(later if is_async else lambda: value)
    body = run(hive, ask("v", {}, "d"))[0]
    assert body["run_status"] == "failed"
    assert tells(body["error"], *told)


def _exit() -> None:
    raise SystemExit(3)


def _stop_iteration() -> None:
    raise StopIteration


async def _exit_later() -> None:
    raise SystemExit(3)


async def _cancelled() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize("func", [_exit, _stop_iteration, _exit_later, _cancelled])
def test_no_exception_gets_past_a_run(func: Any) -> None:
    """Not even those that would end a thread, or a server."""
    hive = LocalHive()
    hive.workflow("d", variant="v")(func)
    first, second = run(hive, ask("v", {}, "d"), ask("v", {}, "d"))
    assert first["run_status"] == second["run_status"] == "failed"


@pytest.mark.parametrize("output", ["Grüße, 日本", "half \ud83d", {"k\ud83d": ["\udc00"]}, None, 0, [], "x" * 300_000])
def test_any_json_value_comes_back_as_it_was(call: Any, output: Any) -> None:
    """Also text that UTF-8 cannot say, and long text."""
    hive = LocalHive(api_key=KEY)

    @hive.workflow("d", variant="v")
    async def give() -> Any:
        return output

    answer = call(ask("v", {}, "d"), hive)
    assert json.loads(answer.content)["output"] == output


def test_text_is_sent_as_utf_8() -> None:
    """Readable for whoever looks at the line."""
    assert "Grüße".encode() in post(echo_hive(), ask(inputs={"text": "Grüße"}))[0].content


def test_a_record_keeps_what_was_sent() -> None:
    """Whatever the workflow does to its inputs, and whatever it does to its output later."""
    hive = LocalHive()
    kept: list[Any] = []

    @hive.workflow("d", variant="v")
    async def change(items: list[int], note: str = "") -> Any:
        items.append(99)
        kept.append(items)
        return items

    body = ask("v", {"items": [1]}, "d", metadata={"case": 7, "ok": True}, user="ada")
    assert run(hive, body)[0]["output"] == [1, 99]
    kept[0].clear()
    call = hive.calls[0]
    assert (call.number, call.deployment, call.variant, call.status) == (1, "d", "v", "completed")
    assert (call.inputs, call.metadata, call.output) == ({"items": [1]}, {"case": 7, "ok": True}, [1, 99])
    assert call.created_at <= (call.started_at or call.created_at) <= (call.ended_at or call.created_at)
    assert json.loads(call.body) == body


def test_metadata_is_never_an_input() -> None:
    """A workflow gets its Start variables and nothing else."""
    hive = LocalHive()

    @hive.workflow("d", variant="v")
    async def see(**inputs: Any) -> Any:
        return sorted(inputs)

    assert run(hive, ask("v", {"a": 1}, "d", metadata={"b": 2}, user="u"))[0]["output"] == ["a"]


def test_counts_tell_refused_from_let_in() -> None:
    """`requests` are all, `calls` those that were let in."""
    hive = echo_hive(daily_cap=3)
    post(hive, ask(), ask("broken"), ask(inputs={}), {}, ask("nobody"), ask(), ask())
    counts = hive.counts
    assert (counts.requests, counts.calls, counts.refused, counts.invalid) == (7, 3, 1, 3)
    assert (counts.completed, counts.failed, counts.used_today) == (2, 1, 3)
    assert (hive.refused, hive.in_flight, hive.peak_in_flight) == (1, 0, 1)


def test_only_the_last_records_are_kept() -> None:
    """Counters count all, and a run that is forgotten is not found."""
    hive = echo_hive(keep=3)
    ids = [body["request_id"] for body in run(hive, *[ask()] * 10)]
    assert [c.number for c in hive.calls] == [8, 9, 10]
    assert (hive.counts.calls, hive.counts.completed) == (10, 10)

    async def look() -> list[int]:
        async with in_process(hive) as http:
            return [(await http.get(f"/public/requests/{i}")).status_code for i in ids]

    assert asyncio.run(look()) == [404] * 7 + [200] * 3
