"""`Run`, `Deployment` and `InvokeRequest` as values."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.core.json_values import canonical_json, json_problems
from fh_notebook.core.redaction import Secret
from tests.problems import rules
from tests.told import facts, tells

RUN = fh.Run(
    status="completed",
    output={"label": "billing"},
    request_id="req_1",
    elapsed_s=0.25,
    started_at=datetime(2026, 11, 25, tzinfo=UTC),
    deployment="support-triage",
    variant="nearest",
    inputs={"ticket": "hi"},
    origin="local",
)


def test_a_run_is_frozen_and_says_what_it_is() -> None:
    """A value: it cannot be changed, and its repr is one line with what a person looks for."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        RUN.status = "failed"  # type: ignore[misc]
    assert repr(RUN) == 'Run(completed, support-triage/nearest, 0.250 s, req_1, output={"label": "billing"})'
    assert (RUN.ok, RUN.done, RUN.raise_for_status()) == (True, True, RUN)


@pytest.mark.parametrize(
    ("output", "text", "value"),
    [
        ("plain", "plain", ValueError),
        ('{"a": 1}', '{"a": 1}', {"a": 1}),
        ('```json\n{"a": 1}\n```', '```json\n{"a": 1}\n```', {"a": 1}),
        ({"a": "ü"}, '{\n  "a": "ü"\n}', {"a": "ü"}),
        ([1], "[\n  1\n]", [1]),
        (0, "0", 0),
        (None, "", ValueError),
    ],
)
def test_the_output_is_text_and_json(output: object, text: str, value: object) -> None:
    """`text` never fails; `json()` parses text, also out of a code fence, and says when it cannot."""
    run = dataclasses.replace(RUN, output=output)
    assert run.text == text
    if value is ValueError:
        with pytest.raises(ValueError, match="completed" if output is None else r"JSON \(Expecting value"):
            run.json()
    else:
        assert run.json() == value


def test_an_output_of_any_depth_is_shown_and_its_text_is_json_or_said_to_be_none() -> None:
    """Deeper than Python follows: nothing but `json()` raises, and that the error that it always raises."""
    deep: list[object] = []
    for _ in range(50_000):
        deep = [deep]
    run = dataclasses.replace(RUN, output=deep)
    assert "run.output" in run.text
    assert "run.output" in repr(run)
    assert run._repr_html_().count("[") < 1_000
    with pytest.raises(ValueError, match=facts("JSON", ".text")):
        dataclasses.replace(RUN, output="[" * 200_000).json()


@pytest.mark.parametrize(
    ("status", "status_code", "error_code", "kind", "may_have_run"),
    [
        ("failed", 401, "unauthorized", fh.AuthError, False),
        ("failed", 429, "api_rate_limit_exceeded", fh.LimitReached, False),
        ("failed", 402, "insufficient_hosted_llm_credits", fh.LimitReached, False),
        ("failed", 422, "validation_error", fh.RunFailed, False),
        ("failed", 200, None, fh.RunFailed, True),
        ("unknown", 500, None, fh.RunFailed, True),
        ("running", 200, None, fh.RunFailed, True),
    ],
)
def test_raise_for_status_raises_by_fault(
    status: str, status_code: int, error_code: str | None, kind: type[fh.CallError], may_have_run: bool
) -> None:
    """Each with its code, its request id and whether it may have run."""
    run = dataclasses.replace(RUN, status=status, status_code=status_code, error_code=error_code, error="so\nit is")
    with pytest.raises(kind, match="support-triage/nearest: .* so it is") as caught:
        run.raise_for_status()
    assert type(caught.value) is kind
    assert (caught.value.error_code, caught.value.request_id) == (error_code, "req_1")
    assert caught.value.may_have_run is may_have_run


@given(st.text(max_size=200))
def test_hostile_output_is_inert_in_html(text: str) -> None:
    """Whatever the model says, nothing of it becomes markup, a control character or a change of direction."""
    hostile = f"<script>alert(1)</script>{text}<img src=x onerror=y>\x00\u202e"
    page = dataclasses.replace(RUN, output=hostile, error=hostile, deployment=hostile)._repr_html_()
    inside = page.split("</style>", 1)[1]
    assert "<script" not in inside
    assert "<img" not in inside
    assert "\x00" not in inside
    assert "\u202e" not in inside


def test_a_huge_output_is_capped_in_html_and_whole_on_the_object() -> None:
    """5 MB of text: the page gets 20,000 characters and the number of the rest."""
    run = dataclasses.replace(RUN, output="x" * 5_000_000)
    page = run._repr_html_()
    assert 10_000 < page.rpartition("</style>")[2].count("x") < 20_500
    assert "more characters" in run._repr_html_()
    assert len(run.text) == 5_000_000


def test_a_run_survives_the_way_to_a_file_and_back_without_its_secret() -> None:
    """to_dict and from_dict are each other's inverse but for the signing secret; unknown names are left out."""
    run = dataclasses.replace(RUN, webhook_secret=Secret("whsec_0123456789"))
    kept = json.dumps(run.to_dict())
    assert "whsec" not in kept
    assert fh.Run.from_dict({**json.loads(kept), "from_the_future": 1}) == RUN


def test_assets_are_read_tolerantly() -> None:
    """The image result of the docs; entries of the wrong kind are left out."""
    output = {"settings": {}, "assets": [{"id": 7, "file_url": "https://x/a.png", "file_size": "big"}, "odd", None]}
    assets = dataclasses.replace(RUN, output=output).assets
    assert [(a.id, a.file_url, a.file_size) for a in assets] == [("7", "https://x/a.png", None)]
    assert dataclasses.replace(RUN, output={"assets": "x"}).assets == ()
    assert dataclasses.replace(RUN, output="x").assets == ()


def test_a_deployment_is_a_value() -> None:
    """Equal by what it says, usable as a key, variants in order and once."""
    one = fh.Deployment("d", variants=["b", "a", "b"], inputs={"t": fh.text()})
    two = fh.Deployment(" d ", variants=("b", "a"), inputs={"t": fh.text()})
    assert one == two
    assert hash(one) == hash(two)
    assert one.variants == ("b", "a")
    assert one.inputs["additionalProperties"] is False
    assert fh.Deployment("d").problems({"anything": 1}) == []
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.name = "x"  # type: ignore[misc]


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"name": 3}, {"name": "d", "variants": [3]}, {"name": "d", "variants": [""]}]
)
def test_a_deployment_without_a_name_cannot_be(wrong: dict[str, object]) -> None:
    """Misuse is told where it happens."""
    with pytest.raises(fh.InputError):
        fh.Deployment(**wrong)  # type: ignore[arg-type]


def test_defaults_are_filled_in_and_all_problems_come_at_once() -> None:
    """What is sent says its defaults; what does not fit is told in one error with every problem."""
    dep = fh.Deployment("d", inputs={"t": fh.text(), "n": fh.integer(default=3, minimum=1)})
    assert dep.complete({"t": "x"}) == {"t": "x", "n": 3}
    with pytest.raises(fh.InputError) as caught:
        dep.complete({"n": 0, "tt": 1})
    assert rules(caught.value.problems) == ["t: required", "n: minimum", "tt: additionalProperties"]
    assert str(caught.value).startswith("d: 3 problems: ")
    wrong: dict[str, Any] = {"variant": " ", "user": 3, "callback_url": "ftp://x", "tool_approval": "yes"}
    with pytest.raises(fh.InputError) as caught:
        fh.InvokeRequest(deployment="d", inputs=[], metadata={"a": {}, "": 1, "b": float("nan")}, **wrong)
    assert rules(caught.value.problems) == [
        "variant: minLength",
        "user: type",
        "inputs: type",
        "metadata.a: type",
        "metadata: propertyNames",
        "metadata.b: json",
        "callback_url: format",
        "tool_approval: enum",
    ]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"metadata": {"a": {"b": 1}}}, ("metadata.a",)),
        ({"metadata": {"": 1}}, ("metadata",)),
        ({"metadata": {"a": float("nan")}}, ("metadata.a",)),
        ({"inputs": {"a": float("inf")}}, ("a", "JSON")),
        ({"inputs": {"a": {1, 2}}}, ("a", "JSON")),
        ({"inputs": {"a": [b"x"]}}, ("a[0]", "a bytes")),
        ({"inputs": {3: "x"}}, ("3",)),
        ({"inputs": {"a": "\ud800"}}, ("a",)),
        ({"callback_url": "ftp://x"}, ("callback_url",)),
        ({"tool_approval": "yes"}, ("'policy'",)),
        ({"deployment": ""}, ("deployment",)),
    ],
)
def test_a_request_that_cannot_be_sent_cannot_be_made(wrong: dict[str, object], told: str) -> None:
    """What the service would refuse, or JSON cannot say, is refused before any call."""
    with pytest.raises(fh.InputError, match=facts(*told)):
        fh.InvokeRequest(**{"deployment": "d", "variant": "v", **wrong})  # type: ignore[arg-type]


def test_very_deep_inputs_are_a_problem_and_not_a_crash() -> None:
    """Nesting beyond what the encoder can say is told."""
    deep: object = "x"
    for _ in range(5000):
        deep = [deep]
    assert tells(json_problems({"a": deep})[0].message, "200")


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.booleans(), max_size=6))
def test_canonical_json_does_not_depend_on_the_order_of_names(value: dict[str, object]) -> None:
    """Equal mappings have equal texts: keys of kept answers stand on it."""
    turned = dict(reversed(list(value.items())))
    assert canonical_json(value) == canonical_json(turned)


def test_a_hostile_name_is_seen_and_not_obeyed() -> None:
    """As a pasted snippet may have it."""
    run = fh.Run(status="completed", deployment="a\x1b[2J", variant="b\u202e\nc", output="x")
    assert repr(run) == r"Run(completed, a\x1b[2J/b\u202e c, output=x)"
