"""`CellRequest`: deployment, variants and inputs of a ``%%fetchhive`` cell, and its requests as text. Pure.

Missing inputs are reported in one line before anything is sent, each problem with what to write in the cell instead. A
pasted snippet is parsed and never executed.
"""

from __future__ import annotations

import ast
import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fh_notebook.client.connection import Connection
from fh_notebook.client.uploads import with_file_names
from fh_notebook.contract.callbacks import NOWHERE
from fh_notebook.contract.catalog.deployments import UnknownDeployment, near_name
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.schema.coercion import coerce
from fh_notebook.contract.schema.validation import fits
from fh_notebook.contract.secrets import Secrets, mask_inputs
from fh_notebook.contract.snippet.parser import Snippet, looks_like_snippet, parse_snippet
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import FORMATS, KINDS, short
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import InputError
from fh_notebook.notebook.cell.parser import is_blank, read_inputs, remarks_in
from fh_notebook.notebook.cell.template import Evaluate, Template, braced, expressions

NO_VARIANTS: Final = "its variants are not known here; name each with -v"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRequest:
    """What one cell asks for: a deployment, one or several variants, and one set of inputs."""

    deployment: Deployment
    variants: tuple[str, ...]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] | None = None
    callback_url: str | None = None
    user: str | None = None
    tool_approval: str | None = None
    key_was_dropped: bool = False
    """Whether a pasted snippet carried a key, which is not used."""
    ignored: tuple[str, ...] = ()
    """Fields of a pasted snippet that a workflow's call does not have; they are not sent."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Variables that one ``{{ expression }}`` gives, each with its source."""
    warnings: tuple[str, ...] = ()
    """What of the body was perhaps meant otherwise, in sentences; it is sent as it stands."""

    def requests(self, repeats: int = 1) -> list[InvokeRequest]:
        """Return `repeats` checked requests a variant, those of a variant next to each other."""
        inputs = _with_defaults(self.deployment, self.inputs, self.sources)
        secrets = Secrets.of(self.deployment.inputs)
        requests = [
            InvokeRequest(
                deployment=self.deployment.name,
                variant=variant,
                inputs=inputs,
                metadata=self.metadata,
                callback_url=self.callback_url,
                user=self.user,
                tool_approval=self.tool_approval,
                secrets=secrets,
            )
            for variant in self.variants
        ]
        return [request for request in requests for _ in range(repeats)]


def _with_defaults(deployment: Deployment, inputs: Mapping[str, Any], sources: Mapping[str, str]) -> dict[str, Any]:
    """The inputs with their defaults, checked; what a person types in a cell has one more hint."""
    problems: tuple[Problem, ...] = ()
    try:
        return deployment.complete(inputs)
    except InputError as exc:
        problems = exc.problems
    raise InputError([with_hint(problem, sources, deployment) for problem in problems], where=deployment.name)


def _cannot_evaluate(source: str) -> Any:
    raise InputError(f"{{{{ {source} }}}} needs a notebook to be evaluated in")


def read_cell(
    body: str,
    *,
    name: str | None = None,
    variants: tuple[str, ...] = (),
    all_variants: bool = False,
    metadata: Mapping[str, Any] | None = None,
    find: Callable[[str], Deployment | None] = lambda name: None,
    evaluate: Evaluate = _cannot_evaluate,
) -> CellRequest:
    """Return what a cell with this `body` asks for."""
    if looks_like_snippet(body):
        call = _from_snippet(parse_snippet(body), name, variants, find, all_variants=all_variants)
        return replace(call, metadata={**(call.metadata or {}), **metadata}) if metadata else call
    if not name:
        raise InputError("which deployment? Name it: %%fetchhive NAME -v VARIANT, or paste its Code Snippet")
    deployment = find(name) or Deployment(name)
    variants_to_run = deployment.variants if all_variants else chosen_variants(deployment, variants)
    if not variants_to_run:
        raise InputError(NO_VARIANTS, where=name)
    template = Template(body)
    inputs, sources = _inputs(template, deployment, evaluate)
    return CellRequest(
        deployment=deployment,
        variants=variants_to_run,
        inputs=inputs,
        metadata=metadata or None,
        sources=sources,
        warnings=(*template.doubtful(), *remarks_in(template, deployment)),
    )


def _inputs(
    template: Template, deployment: Deployment, evaluate: Evaluate
) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """The inputs that a body is: text is read as declared, what an expression gives keeps its type; and its source."""
    if template.is_one_expression:
        value = template.fill(template.text, evaluate)
        if isinstance(value, Mapping):  # the inputs themselves
            return value, {}
    if is_blank(template.text) and deployment.inputs.get("additionalProperties") is not False:
        message = "the body has no inputs; write `name: value` lines, or {} when there are none"
        raise InputError(message, where=deployment.name)
    read = read_inputs(template, deployment)
    if slips := misspelt_names(read, deployment):
        raise InputError([template.untoken(str(slip)) for slip in slips], where=deployment.name)
    sources = {name: source for name, part in read.items() if (source := template.source_of(part)) is not None}
    if template.is_one_expression:  # it can only be the text of a deployment with one
        return dict.fromkeys(read, value), sources
    return template.fill(coerce(read, deployment.inputs), evaluate), sources


def _from_snippet(
    snippet: Snippet,
    name: str | None,
    variants: tuple[str, ...],
    find: Callable[[str], Deployment | None],
    *,
    all_variants: bool,
) -> CellRequest:
    request = snippet.request
    if name and name != request.deployment:
        raise InputError(f"the line names {name!r}, the snippet {request.deployment!r}: leave one of them out")
    # What is known is checked. A snippet shows one variant and one set of values: others may be as good.
    guessed = Deployment(request.deployment, inputs=snippet.inputs)
    try:
        deployment = find(request.deployment) or guessed
    except UnknownDeployment:  # the service itself wrote the name: near to a known one, it is no slip
        deployment = guessed
    if all_variants and not deployment.variants:
        raise InputError(NO_VARIANTS, where=request.deployment)
    variants_to_run = (
        deployment.variants if all_variants else variants or ((request.variant,) if request.variant else ())
    )
    return CellRequest(
        deployment=deployment,
        variants=chosen_variants(deployment, variants_to_run),
        inputs=coerce(request.inputs, deployment.inputs),
        metadata=request.metadata,
        callback_url=request.callback_url,
        user=request.user,
        tool_approval=request.tool_approval,
        key_was_dropped=snippet.key is not None,
        ignored=snippet.ignored,
        warnings=_not_evaluated(request.inputs),
    )


def _not_evaluated(inputs: Mapping[str, Any]) -> tuple[str, ...]:
    """Say which expressions are sent as text: what is pasted is never evaluated, whoever wrote it."""
    sources = [text[start:end] for text in _texts_in(inputs) for start, end, _ in expressions(text)]
    if not sources:
        return ()
    message = (
        f"{sources[0]} is sent as text, since nothing in a snippet is evaluated; to give a value of the notebook, "
    )
    return (message + "name the deployment on the line and write the inputs as `name: value`",)


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _texts_in(part)


def chosen_variants(deployment: Deployment, variants: tuple[str, ...]) -> tuple[str, ...]:
    """Return the variants to run; without any named, the only one there is."""
    if variants:
        if (several := next((v for v in variants if "," in v and v not in deployment.variants), None)) is not None:
            options = " ".join(f"-v {shlex.quote(name.strip())}" for name in several.split(",") if name.strip())
            raise InputError(f"-v takes one variant; give {options}", where=deployment.name)
        if problem := deployment.variant_problem(variants):
            raise InputError(problem, where=deployment.name)
        return tuple(dict.fromkeys(variants))
    if len(deployment.variants) == 1:
        return deployment.variants
    options_text = " or ".join(map(option_of, deployment.variants)) or "-v NAME"
    raise InputError(f"which variant? Give {options_text}", where=deployment.name)


def option_of(variant: str) -> str:
    """Return how a line names a variant; one that begins with a hyphen would be read as an option.

    Examples
    --------
    >>> option_of("a b"), option_of("-b")
    ("-v 'a b'", '--variant=-b')
    """
    return f"--variant={shlex.quote(variant)}" if variant.startswith("-") else f"-v {shlex.quote(variant)}"


TEXT_CAP: Final = 500
"""Characters of one text: enough to see that it is the right one."""


ITEMS_CAP: Final = 20
"""Items of one list: more are never read one by one."""


def shortened(value: Any) -> Any:
    """Return `value` with its long texts and lists cut, and said how long they are.

    Examples
    --------
    >>> shortened({"ticket": "x" * 12_345})["ticket"][-24:]
    'xxx… (12,345 characters)'
    >>> shortened(list(range(1_000)))[-2:]
    [19, '… (1,000 items)']
    """
    if isinstance(value, str):
        return value if len(value) <= TEXT_CAP else f"{value[:TEXT_CAP]}… ({len(value):,} characters)"
    if isinstance(value, dict):
        return {name: shortened(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        more = [f"… ({len(value):,} items)"] if len(value) > ITEMS_CAP else []
        return [shortened(item) for item in value[:ITEMS_CAP]] + more
    return value


MADE_LATER: Final = "(this kernel's receiver: its address is created with the call)"


def with_delivery(request: InvokeRequest, delivery: str, connection: Connection) -> InvokeRequest:
    """Return a request as ``--delivery`` has it sent."""
    if delivery == "direct":
        return request
    return request.delivered_to(MADE_LATER if delivery == "callback" and connection.is_near else NOWHERE)


def request_text(
    base_url: str, key: object, request: InvokeRequest, secrets: Secrets | None = None, *, whole: bool = False
) -> str:
    """Return one request as text, as it would be sent; the address of a file is named by the file.

    Examples
    --------
    >>> from fh_notebook.core.redaction import Secret
    >>> request = InvokeRequest(deployment="brief", variant="a", inputs={"topic": "AI"})
    >>> print(request_text("https://api.example.com/v1", Secret("fhk_1"), request))
    POST https://api.example.com/v1/workflow/invoke
    Authorization: Bearer ***
    {
      "deployment": "brief",
      "variant": "a",
      "inputs": {
        "topic": "AI"
      }
    }
    """
    body = request.body()
    body["inputs"] = dict(mask_inputs(request.inputs, secrets or Secrets()))
    body_text = with_file_names(json.dumps(body if whole else shortened(body), ensure_ascii=False, indent=2))
    if (
        html.printable(body_text) != body_text
    ):  # what a terminal obeys, or what turns a text around, as JSON can write it too
        body_text = "".join(sign if html.printable(sign) == sign else f"\\u{ord(sign):04x}" for sign in body_text)
    return f"POST {base_url}/workflow/invoke\nAuthorization: Bearer {key}\n{body_text}"


def with_hint(problem: Problem, sources: Mapping[str, str], deployment: Deployment) -> Problem:
    """Return a problem of one of a cell's inputs with what to write in the cell.

    Examples
    --------
    >>> problem = Problem(("ticket",), "type", "3", "is not a text", expected="a text")
    >>> print(with_hint(problem, {"ticket": "n"}, Deployment("triage")))
    ticket: 3 is not a text; write {{ str(n) }}
    >>> problem = Problem(("words",), "type", "None", "is not a number", expected="a number")
    >>> print(with_hint(problem, {}, Deployment("triage")))
    words: is empty; give a number, or leave its line out
    """
    path = problem.path or ()
    expected = problem.expected
    if problem.keyword == "type" and problem.value == short(None):
        needs_text = expected == KINDS["string"]
        is_optional = len(path) == 1 and path[0] not in deployment.inputs.get("required", [])
        hint = "write its text" if needs_text else f"give {expected}{', or leave its line out' if is_optional else ''}"
        return replace(problem, value="", message="is empty", hint=hint)
    source = sources.get(str(path[0])) if path else None
    if problem.keyword == "type" and expected == KINDS["string"] and not problem.hint:
        return replace(problem, hint="put it in quotes" if source is None else f"write {braced(f'str({source})')}")
    if source is not None and problem.keyword == "format" and problem.hint and expected == FORMATS["date"]:
        is_simple = isinstance(ast.parse(source, mode="eval").body, ast.Name | ast.Attribute | ast.Call | ast.Subscript)
        return replace(problem, hint=f"write {braced(f'{source}.date()' if is_simple else f'({source}).date()')}")
    return problem


def misspelt_names(names: Iterable[str], deployment: Deployment) -> list[Problem]:
    """Return a problem for each name that is nearly one of a deployment that takes other names too.

    What is guessed from a snippet is open: a slip would be sent, and paid for, beside the variable that was meant.

    Examples
    --------
    >>> guessed = Deployment("brief", inputs={"type": "object", "properties": {"topic": {"type": "string"}}})
    >>> print(*misspelt_names(["topc"], guessed))
    topc: no such variable is known; did you mean 'topic'? (to send it anyway, declare it in fetchhive.yaml)
    >>> misspelt_names(["topc", "topic"], guessed), misspelt_names(["tone"], guessed)
    ([], [])
    """
    if deployment.inputs.get("additionalProperties") is False:
        return []  # the check tells every name that is not declared
    input_names = list(names)
    declared = {"patternProperties": dict.fromkeys(deployment.inputs.get("patternProperties", {}), False)}
    left = [name for name in deployment.variable_names if name not in input_names]
    try:
        strange = [n for n in input_names if n not in deployment.variable_names and fits(declared, {n: None})]
    except InputError:
        return []  # the check of the inputs says so
    near = ((name, near_name(name, left)) for name in strange)
    declare = "(to send it anyway, declare it in fetchhive.yaml)"
    return [
        Problem(
            (name,), "additionalProperties", "", "no such variable is known", f"did you mean {short(close)}? {declare}"
        )
        for name, close in near
        if close is not None
    ]
