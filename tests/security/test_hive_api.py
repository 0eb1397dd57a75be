"""The local hive against its own description: schemathesis asks what fits it and what does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from ruamel.yaml import YAML

import fh_notebook as fh
from fh_notebook.local import LocalHive, ask_human
from fh_notebook.local.requests import BY_CODE

pytestmark = pytest.mark.long

KEY = "fhk_0123456789abcdef"
DESCRIPTION = YAML(typ="safe").load(Path(__file__).parent / "hive.openapi.yaml")
OPERATIONS = [(path, method) for path, methods in DESCRIPTION["paths"].items() for method in methods]
EXAMPLES = 20
"""Of each operation and mode."""


@pytest.fixture(scope="module", params=["docs", "sdk"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A hive on a socket, in either spelling; one of its workflows raises, and one asks a person."""
    hive = LocalHive(api_key=KEY, spelling=request.param)

    @hive.workflow("echo", variant="plain")
    def plain(**inputs: Any) -> Any:
        return inputs

    @hive.workflow("echo", variant="broken")
    def broken(**inputs: Any) -> Any:
        raise RuntimeError(f"cannot say {inputs}")

    @hive.workflow("echo", variant="human", human="finance")
    def human(**inputs: Any) -> Any:
        return ask_human("so?").approved

    with hive.serve() as server:
        yield server.url


def _judge(response: Any, asked: str) -> None:
    """Whether an answer is one of the contract: never a 500 by accident, and every error in its words."""
    assert response.status_code < 500, asked
    assert response.headers["content-type"] == ["application/json"], asked
    said = json.loads(response.content)
    if response.status_code >= 400:
        assert {"error", "message", "error_code"} <= set(said), asked
        assert BY_CODE[said["error_code"]].http_status == response.status_code, asked
        assert "Traceback" not in response.text, asked


ALWAYS_FITS = {"/error_codes", "/assets/{id}/{name}"}
"""Nothing that is asked of them can be wrong by the description: they take no body, and any text is a name."""
ASKED = [
    (path, method, mode)
    for path, method in OPERATIONS
    for mode in ("positive", "negative")
    if mode == "positive" or path not in ALWAYS_FITS
]


@pytest.mark.parametrize(("path", "method", "mode"), ASKED, ids=[f"{path}-{mode}" for path, _, mode in ASKED])
def test_each_odd_request_has_an_answer_of_the_contract(url: str, path: str, method: str, mode: str) -> None:
    """What fits the description and what does not, with the key: a run, or an error with its code; never a 500."""
    schemathesis = pytest.importorskip("schemathesis", reason="pip install -e '.[fuzz]'")
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

    operation = schemathesis.openapi.from_dict(DESCRIPTION)[path][method.upper()]
    asked = 0

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=GenerationMode(mode)))
    def ask(case: Any) -> None:
        nonlocal asked
        asked += 1
        response = case.call(
            base_url=url, headers={"Authorization": f"Bearer {KEY}"}, allow_redirects=False, timeout=30
        )
        _judge(response, case.as_curl_command())
        checks = [not_a_server_error, status_code_conformance, response_schema_conformance]
        case.validate_response(response, checks=checks)

    ask()
    assert asked > 0
    # And it goes on to answer what is asked rightly.
    again = fh.Client(base_url=url, api_key=KEY).invoke("echo", variant="plain", inputs={"a": 1})
    assert again.output == {"a": 1}
