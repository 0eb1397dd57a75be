"""The text of a cell -> what it asks for."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.contract.catalog.deployments import Deployments, misspelling_error
from fh_notebook.errors import InputError, SnippetError
from fh_notebook.notebook.cell.parser import parse_mapping
from fh_notebook.notebook.cell.request import read_cell

SEED = """curl 'https://api.fetchhive.com/v1/workflow/invoke' \\
  -H 'Authorization: Bearer YOUR_API_KEY' \\
  -H 'Content-Type: application/json' \\
  -H 'Accept: application/json' \\
  --data-raw '{
    "deployment": "YOUR_DEPLOYMENT_NAME",
    "variant": "YOUR_VARIANT_NAME",
    "async": {
      "enabled": true,
      "callback_url": "https://example.com/callback"
    },
    "inputs": {
      "topic": "State of enterprise AI in 2026"
    }
  }' \\
  --compressed
"""

TRIAGE = fh.Deployment(
    "support-triage", variants=["keywords", "nearest"], inputs={"ticket": fh.text(), "n": fh.integer(default=1)}
)
BLANKS = fh.Deployment("my flow", variants=["in short", "-long"])


@pytest.mark.parametrize(
    ("body", "inputs"),
    [
        ("", {}),
        ("\n  \n", {}),
        ("# only a remark", {}),
        ("ticket: hi", {"ticket": "hi"}),
        ('{"ticket": "hi", "tags": ["a", 1, null, true]}', {"ticket": "hi", "tags": ["a", 1, None, True]}),
        ("ticket: |\n  two\n  lines\n", {"ticket": "two\nlines\n"}),
        ("ticket: >\n  one\n  line\n", {"ticket": "one line\n"}),
        ("country: no\nanswer: yes\nswitch: on", {"country": "no", "answer": "yes", "switch": "on"}),
        ("day: 2026-11-25\ntime: 12:30\nversion: 1.10.2", {"day": "2026-11-25", "time": "12:30", "version": "1.10.2"}),
        (
            "a: 12\nb: -3\nc: 1.5\nd: 1e3\ne: 007\nf: 0x1F",
            {"a": 12, "b": -3, "c": 1.5, "d": 1e3, "e": "007", "f": "0x1F"},
        ),
        ("a: true\nb: False\nc: null\nd: ~\ne:", {"a": True, "b": False, "c": None, "d": None, "e": None}),
        ("1: a\ntrue: b\nnull: c", {"1": "a", "true": "b", "null": "c"}),
        ("price: $5 {not a template} {{nor this}} %s", {"price": "$5 {not a template} {{nor this}} %s"}),
        ("a: .inf\nb: .nan", {"a": ".inf", "b": ".nan"}),
        ("a: <<\n<<: b", {"a": "<<", "<<": "b"}),
        ("url: https://example.com/?a=1&b=2#c", {"url": "https://example.com/?a=1&b=2#c"}),
    ],
)
def test_a_body_is_read_as_what_it_looks_like(body: str, inputs: dict[str, object]) -> None:
    """YAML and JSON; and nothing becomes a date, a boolean or a number that does not look like one to a person."""
    assert parse_mapping(body) == inputs


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("- a\n- b", "`name: value`"),
        ("just some words", "`name: value`"),
        ("42", "`name: value`"),
        (
            "ticket: Re: late",
            r"\b1 of the.*`name: \|`",
        ),
        ("a: 1\na: 2", r"\b2 of the.*'a'"),
        ('{"a": "x", "a": "y"}', r"\b1 of the.*'a'"),
        ("a: [1, 2", r"\b1 of the.* \["),
        ("a: &x [1]\nb: *x", r"\b2\b.*'\*'"),
        ("a: &x y", r"\b1 of the.*'&'"),
        ("a:\n- ! now", r"\b2 of the.*'!'"),
        ("%hello\n---\na: b", r"\b1 of the.*'%'"),
        ("a: 'x\nb: y'", r"\b1 of the"),
        ("a: !!python/object:os.system x", "'!' "),
        ("a: !thing x", "'!' "),
        ("? [a]\n: b", r"\b1 of the"),
        ("a: \x00", r"\b1 of the.*\b0000\b"),
        ("\ta: 1", r"\bline 1\b.*\btab\b"),
        ("[" * 5000, r"\b1 of the"),
    ],
)
def test_a_body_that_cannot_be_read_is_one_line_with_its_place(body: str, told: str) -> None:
    """The line, what is wrong there, and what to write in its place."""
    with pytest.raises(InputError) as caught:
        parse_mapping(body)
    assert re.search(told, str(caught.value))
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_short_text_cannot_become_a_huge_value() -> None:
    """The "billion laughs" needs aliases: there are none."""
    bomb = "a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]"
    with pytest.raises(InputError, match=r"'\*'"):
        parse_mapping(bomb)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(min_size=1, max_size=10), JSON, max_size=4))
def test_any_json_mapping_arrives_equal(inputs: dict[str, object]) -> None:
    """JSON is read by the same reader as YAML, and nothing of it changes."""
    assert parse_mapping(json.dumps(inputs)) == inputs


@given(st.text(max_size=200))
def test_any_text_is_a_mapping_or_one_line(body: str) -> None:
    """No text raises anything but our one line."""
    try:
        value = parse_mapping(body)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert json.loads(json.dumps(value)) == value or "!!" in body


def test_the_line_names_deployment_and_variants() -> None:
    """A name that is known brings its Start variables; one variant alone need not be named."""
    find = {"support-triage": TRIAGE}.get
    call = read_cell("ticket: hi", name="support-triage", variants=("nearest", "keywords"), find=find)
    assert [(r.variant, r.inputs) for r in call.requests()] == [
        ("nearest", {"ticket": "hi", "n": 1}),
        ("keywords", {"ticket": "hi", "n": 1}),
    ]
    single = fh.Deployment("one", variants="only")
    assert read_cell("a: 1", name="one", find={"one": single}.get).variants == ("only",)
    unknown = read_cell("a: 1", name="new", variants=("v",))
    assert unknown.requests()[0].inputs == {"a": 1}


@pytest.mark.parametrize(
    ("name", "variants", "body", "told"),
    [
        (None, (), "a: 1", "%%fetchhive NAME -v VARIANT"),
        ("support-triage", (), "ticket: x", " -v keywords or -v nearest"),
        ("new", (), "a: 1", "new: .* -v NAME"),
        ("my flow", (), "a: 1", " -v 'in short' or --variant=-long"),
        ("other", (), SEED, "'other'.*'YOUR_DEPLOYMENT_NAME'"),
    ],
)
def test_what_is_missing_is_asked_for(name: str | None, variants: tuple[str, ...], body: str, told: str) -> None:
    """One line, with what to write."""
    with pytest.raises(InputError) as caught:
        read_cell(body, name=name, variants=variants, find={"support-triage": TRIAGE, "my flow": BLANKS}.get)
    assert re.search(told, str(caught.value))


def test_inputs_that_do_not_fit_are_all_told_before_any_call() -> None:
    """Every problem in one error, with the nearest name."""
    call = read_cell("tickt: x\nn: many", name="support-triage", variants=("nearest",), find=lambda _: TRIAGE)
    with pytest.raises(InputError) as caught:
        call.requests()
    assert len(caught.value.problems) == 3
    assert "ticket" in str(caught.value)


def test_the_seeds_requests_are_read_as_they_stand() -> None:
    """The pasted snippet of the documentation: names, inputs and callback, and its key is not used."""
    [request] = read_cell(SEED).requests()
    assert (request.deployment, request.variant) == ("YOUR_DEPLOYMENT_NAME", "YOUR_VARIANT_NAME")
    assert request.inputs == {"topic": "State of enterprise AI in 2026"}
    assert request.callback_url == "https://example.com/callback"
    assert not read_cell(SEED).key_was_dropped
    with_key = read_cell(SEED.replace("YOUR_API_KEY", "fhk_real_0123456789"))
    assert with_key.key_was_dropped
    assert "fhk_real" not in repr(with_key)
    assert read_cell(SEED, variants=("a", "b")).variants == ("a", "b")


@pytest.mark.parametrize(
    "code",
    [
        "client = FetchHive(api_key='fhk_0123')\nrun = client.invoke_workflow(deployment='d', variant='v', inputs={'a': 1})",
        "const c = new FetchHive({ apiKey: 'fhk_0123' });\n"
        "await c.invokeWorkflow({ deployment: 'd', variant: 'v', inputs: { a: 1 } });",
    ],
)
def test_the_code_of_an_sdk_is_a_snippet_whose_key_is_dropped(code: str) -> None:
    """As curl is: the call is read, and nothing is evaluated."""
    call = read_cell(code)
    assert [request.body() for request in call.requests()] == [{"deployment": "d", "variant": "v", "inputs": {"a": 1}}]
    assert call.key_was_dropped


def test_a_snippet_of_something_else_is_refused() -> None:
    """A prompt's snippet is not a workflow's."""
    with pytest.raises(SnippetError):
        read_cell(SEED.replace("/workflow/invoke", "/prompt/invoke"))


def test_a_pasted_name_that_is_near_to_a_known_one_is_no_slip() -> None:
    """The service wrote it: the snippet's own values say its variables."""
    known = Deployments(
        [(fh.Deployment("support-triage", variants=["a"], inputs={"n": fh.integer()}), "fetchhive.yaml")]
    )

    def find(name: str) -> fh.Deployment | None:
        if (slip := misspelling_error(name, known)) is not None:
            raise slip
        return known.get(name)

    snippet = '{"deployment": "support-triages", "variant": "b", "inputs": {"ticket": "Late."}}'
    call = read_cell(snippet, find=find)
    assert (call.deployment.name, call.variants, call.inputs) == ("support-triages", ("b",), {"ticket": "Late."})
    with pytest.raises(fh.InputError, match=" 'support-triage'[?]"):
        read_cell("ticket: Late.", name="support-triages", variants=("b",), find=find)


def test_all_variants_of_a_snippets_deployment_are_those_that_are_known() -> None:
    """Not only the one that the snippet shows; where none is known, that is said and nothing is run."""
    known = fh.Deployment("triage", variants=["a", "b"])
    snippet = '{"deployment": "triage", "variant": "a", "inputs": {"ticket": "Late."}}'
    assert read_cell(snippet, all_variants=True, find=lambda name: known).variants == ("a", "b")
    with pytest.raises(fh.InputError, match="triage: .* -v$"):
        read_cell(snippet, all_variants=True)


def test_an_expression_in_a_snippet_is_sent_as_text_and_said() -> None:
    """What is pasted may be anybody's, so it is not evaluated; whoever put an expression into it is told."""
    snippet = '{"deployment": "triage", "variant": "a", "inputs": {"tags": [{"t": "is {{ ticket }}"}]}}'
    call = read_cell(snippet)
    assert call.inputs == {"tags": [{"t": "is {{ ticket }}"}]}
    (warning,) = call.warnings
    assert re.search(r"\{\{ ticket \}\}", warning)
    assert read_cell(snippet.replace("{{ ticket }}", "{{#if x}} {y}")).warnings == ()
