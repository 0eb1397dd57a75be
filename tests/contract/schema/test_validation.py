"""The library beneath the checks: it fetches nothing, agrees with an independent one, and costs a
first call nothing.
"""

from __future__ import annotations

import contextlib
import json
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import regex
from hypothesis import assume, given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.contract.schema.validation import Checker, fits, problems, schema_problems
from tests import environment
from tests.told import facts, tells


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """Yield the address of a server and the paths that it was asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"type": "integer"}')

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef", "$schema", "$id"])
@pytest.mark.parametrize("at", ["part", "root"])
def test_no_reference_is_fetched(asked: tuple[str, list[str]], keyword: str, at: str, tmp_path: Path) -> None:
    """Neither from a server nor from a file, when a deployment is made, when it is checked, and by a scorer."""
    address, paths = asked
    file = tmp_path / "schema.json"
    file.write_text('{"type": "integer"}', "utf-8")
    for target in (f"{address}/schema.json", file.as_uri()):
        part = {keyword: target, "type": "object"}
        schema = part if at == "root" else {"type": "object", "properties": {"x": part}}
        for check in (
            lambda s=schema: schema_problems(s),
            lambda s=schema: problems(s, {"x": {}}),
            lambda s=schema: fits(s, {"x": 1}),
            lambda s=schema: fh.Deployment("d", inputs=s),
            lambda s=schema: fh.score.json_schema(s),
        ):
            with contextlib.suppress(fh.InputError):
                check()
    assert paths == []


NAMES = st.sampled_from(["", "a", "b", "0", "x/y"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, -1.5, 10**20]) | st.sampled_from(["", "a", "b", "ab", "é"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
COUNTS = st.integers(0, 3)
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null"])
PATTERNS = st.sampled_from(["^a", "b$", "^[a-z]+$", "^$", "(a|b)+", "^(?!a)"])


def _larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    parts = st.lists(inner, min_size=1, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, min_size=1, max_size=2, unique=True),
            "properties": st.dictionaries(NAMES, inner, max_size=3),
            "patternProperties": st.dictionaries(PATTERNS, inner, max_size=2),
            "additionalProperties": inner,
            "propertyNames": inner,
            "required": st.lists(NAMES, max_size=2, unique=True),
            "dependentRequired": st.dictionaries(st.just("a"), st.just(["b"]), max_size=1),
            "items": inner,
            "prefixItems": parts,
            "contains": inner,
            "minContains": COUNTS,
            "uniqueItems": st.booleans(),
            "allOf": parts,
            "anyOf": parts,
            "oneOf": parts,
            "not": inner,
            "if": inner,
            "then": inner,
            "else": inner,
            "unevaluatedProperties": inner,
            "unevaluatedItems": inner,
        },
    )


SMALL = st.booleans() | st.fixed_dictionaries(
    {},
    optional={
        "type": TYPES,
        "enum": st.lists(VALUES, max_size=3),
        "const": VALUES,
        "minimum": st.integers(-2, 2),
        "exclusiveMaximum": st.sampled_from([0, 1.5]),
        "multipleOf": st.sampled_from([1, 2, 0.5]),
        "minLength": COUNTS,
        "maxLength": COUNTS,
        "pattern": PATTERNS,
        "minItems": COUNTS,
        "maxItems": COUNTS,
        "minProperties": COUNTS,
        "maxProperties": COUNTS,
        "$ref": st.sampled_from(["#/$defs/one", "#/$defs/two"]),
    },
)
SCHEMAS = st.recursive(SMALL, _larger, max_leaves=6)


@given(SCHEMAS, SCHEMAS, st.dictionaries(NAMES, VALUES, max_size=3))
def test_its_verdict_is_that_of_an_independent_library(part: Any, one: Any, inputs: dict[str, Any]) -> None:
    """Whatever the schema and the value; and where something does not fit, a problem says what, at a place there is."""
    two = {"type": ["string", "null"], "maxLength": 1}
    schema = {"type": "object", "additionalProperties": part, "$defs": {"one": one, "two": two}}
    assume('"#/$defs/one"' not in json.dumps(one))
    wanted = jsonschema.Draft202012Validator(schema).is_valid(inputs)
    told = problems(schema, inputs)
    assert fits(schema, inputs) is wanted
    assert (told == []) is wanted
    for problem in told:
        assert problem.path is not None
        value: Any = inputs
        for step in problem.path[:-1]:
            value = value[step]
        assert isinstance(value, dict | list)


@pytest.mark.parametrize("name", ["", "0", "a/b", "~0", "%20", "\ue001", "x.y"])
def test_a_problem_of_any_name_is_at_that_name(name: str) -> None:
    """Also of an empty one and of one of digits, which the library's own paths leave out or make a number."""
    group = {
        "type": "object",
        "properties": {name: {"type": "integer"}},
        "required": [name],
        "additionalProperties": False,
    }
    schema = {"type": "object", "properties": {name: group}}
    assert problems(schema, {name: {name: 3}}) == []
    for inner, keyword, last in (
        ({name: "x"}, "type", name),
        ({}, "required", name),
        ({name: 3, "z": 1}, "additionalProperties", "z"),
    ):
        [problem] = problems(schema, {name: inner})
        assert (problem.path, problem.keyword) == ((name, last), keyword)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (r"^\d+$", "12", "1٢"),
        (r"^\w+$", "ab_1", "é"),
        (r"^a$", "a", "a\n"),
        (r"^\p{L}+$", "é", "1"),
        (r"(?<=a)b", "ab", "cb"),
        (r"^(?!no)", "yes", "no"),
        (r"^(a|b)\1$", "aa", "ab"),
    ],
)
def test_a_pattern_means_what_json_schema_says(pattern: str, yes: str, no: str) -> None:
    r"""As of ECMA 262: digits and letters of ``\d`` and ``\w`` are ASCII, ``$`` is the end; it may look around and
    back.
    """
    assert schema_problems({"pattern": pattern}) == []
    assert (fits({"pattern": pattern}, yes), fits({"pattern": pattern}, no)) == (True, False)


@pytest.mark.parametrize("pattern", [r"\Aab\Z", r"(?P<n>a)(?P=n)", r"(?>a)b", r"a{,3}", r"(?a)\d", r"(?#note)a"])
def test_a_catalogue_with_a_pattern_of_python_alone_opens_and_a_call_says_what_to_do(pattern: str) -> None:
    """Such a deployment is read, shown and saved; its inputs cannot be checked."""
    assert regex.compile(pattern)
    deployment = fh.Deployment("d", inputs={"t": {"type": "string", "pattern": pattern}})
    [problem] = deployment.problems({"t": "ab"})
    assert tells(problem, "inputs", "ECMA 262")
    with pytest.raises(fh.InputError, match=facts("ECMA 262")):
        fh.score.json_schema({"pattern": pattern})


def test_a_union_that_holds_itself_is_checked_as_deep_as_it_does_not_multiply() -> None:
    """Of two kinds that both lead back, each level doubles the looks; one kind is checked at every depth."""
    node = {"type": "object", "properties": {"args": {"items": {"$ref": "#/$defs/any"}}}}
    two = {"type": "object", "properties": {"x": {"$ref": "#/$defs/any"}}, "$defs": {"any": {"anyOf": [node, node]}}}
    one = {**two, "$defs": {"any": {"anyOf": [node, {"type": "integer"}]}}}

    def nested(levels: int) -> dict[str, Any]:
        value: Any = {}
        for _ in range(levels):
            value = {"args": [value]}
        return {"x": value}

    assert problems(two, nested(5)) == problems(one, nested(5)) == problems(one, nested(90)) == []
    assert len(problems(two, nested(90))) == 1


def test_a_checker_is_made_once_for_equal_schemas_and_travels_to_other_processes() -> None:
    """A mapping that holds one can be sent to a worker, which compiles the schema again."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    checker = Checker.of(schema)
    assert Checker.of(json.loads(json.dumps(schema))) is checker
    sent = pickle.loads(pickle.dumps(checker))
    assert [p.keyword for p in sent.problems({"n": "x"})] == ["type"]


def test_the_demos_deployments_need_no_large_library(tmp_path: Path) -> None:
    """The first Tab, which lists them, does not wait for an import."""
    code = (
        "import sys\nfrom fh_notebook.session import session\nprint(list(session.deployments()))\n"
        "print([m for m in ('jsonschema', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment.for_process(tmp_path), cwd=tmp_path, text=True,
        capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["['support-triage']", "[]"]


def test_the_first_call_of_a_process_waits_for_no_large_library(tmp_path: Path) -> None:
    """On a hive in process, its time counts in ``elapsed_s``: 2 to 6 s were the import of `jsonschema`.

    Nor for the reader of snippets, which is a seventh of all that it imports of ours.
    """
    code = (
        "import sys, fh_notebook as fh\n"
        "hive = fh.local.LocalHive()\n"
        "@hive.workflow('d', variant='v')\n"
        "def done(n: int, t: str = '') -> str:\n"
        "    return 'done'\n"
        "run = hive.client().invoke('d', variant='v', inputs={'n': 3})\n"
        "unused = ('jsonschema', 'referencing', 'rfc3987_syntax', 'lark', 'fh_notebook.contract.snippet')\n"
        "print(run.output, [m for m in unused if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment.for_process(tmp_path), cwd=tmp_path, text=True,
        capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["done []"]
