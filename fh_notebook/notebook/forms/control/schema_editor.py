"""Schema editor: add variables to a deployment by name, from a Code Snippet, or from the columns of a DataFrame.

Rule of this file: pure, and nothing is ever taken away: what was declared stays as it is, and what is new is added. A
key in a snippet is dropped, never saved and never shown, and that is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fh_notebook.contract.catalog.deployments import merged
from fh_notebook.contract.deployment import Deployment, deployment_of
from fh_notebook.contract.schema import variables
from fh_notebook.contract.schema.variables import Variable
from fh_notebook.contract.snippet.parser import is_placeholder, parse_snippet, unfolded
from fh_notebook.core.config import credentials
from fh_notebook.core.text.formatting import listed, short
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import InputError

_MAKERS: Final[Mapping[str, Callable[..., Variable]]] = {
    "text": variables.text,
    "text of several lines": lambda **more: variables.text(multiline=True, **more),
    "password": lambda **more: variables.text(secret=True, **more),
    "whole number": variables.integer,
    "number": variables.number,
    "yes or no": variables.boolean,
    "date": variables.date,
    "date and time": variables.datetime_,
    "list of texts": lambda **more: variables.array(variables.text(), **more),
    "any JSON": variables.any_,
}

KINDS: Final = tuple(_MAKERS)
"""The kinds of variable that a form can add, in the words that it shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedDeployment:
    """A deployment after it has grown."""

    deployment: Deployment
    values: Mapping[str, Any] = field(default_factory=dict)
    """Sample values of a snippet: shown where nothing was typed."""
    message: str = ""
    """What was done, for the person."""


def can_extend(deployment: Deployment) -> bool:
    """Whether a form may add variables: what is declared says that there may be others, or nothing is declared.

    Examples
    --------
    >>> can_extend(Deployment("brief")), can_extend(Deployment("brief", inputs={"topic": variables.text()}))
    (True, False)
    """
    return deployment.inputs.get("additionalProperties") is not False or not deployment.variable_names


def with_variable(deployment: Deployment, name: str, kind: str, *, required: bool = True) -> ExtendedDeployment:
    """Return the deployment with one variable more.

    Examples
    --------
    >>> grown = with_variable(Deployment("brief"), "topic", "text")
    >>> grown.deployment.inputs["properties"], grown.message
    ({'topic': {'type': 'string'}}, "'topic' was added: text, required.")
    """
    if not name.strip():
        raise InputError("give the new variable a name: the one in the workflow's Start step")
    name = name.strip()
    if name in deployment.variable_names:
        raise InputError(f"the variable {short(name)} already exists; give the new one another name")
    variable = _MAKERS[kind](required=required)
    inputs = {
        **deployment.inputs,
        "properties": {**deployment.inputs.get("properties", {}), name: dict(variable.schema)},
    }
    if required:
        inputs["required"] = [*deployment.inputs.get("required", ()), name]
    needed = "required" if required else "may be left out"
    return ExtendedDeployment(
        deployment=_copy(deployment, inputs=inputs), message=f"{short(name)} was added: {kind}, {needed}."
    )


def with_snippet(deployment: Deployment, text: str) -> ExtendedDeployment:
    """Return the deployment with the variables of a pasted Code Snippet, whose sample values come along."""
    if not text.strip():
        raise InputError("nothing was pasted; copy the Code Snippet of the deployment, and paste it here")
    pasted = parse_snippet(unfolded(text))
    guessed = deployment_of(pasted)
    if is_placeholder(guessed.name):
        guessed = _copy(guessed, name=deployment.name)
    elif is_placeholder(deployment.name):
        deployment = _copy(deployment, name=guessed.name)
    elif guessed.name != deployment.name:
        raise InputError(
            f"this snippet calls {short(guessed.name)}, but the form calls {short(deployment.name)}; give it a "
            "form of its own: fh.form(fh.Deployment.from_snippet(...))"
        )
    message = _change_text(deployment, guessed, "the snippet")
    if pasted.key is not None:
        message += f" The API key in it was removed and is not saved; {credentials.LOGIN_HINT}."
    if pasted.ignored:
        message += f" Left out: {', '.join(pasted.ignored)}."
    return ExtendedDeployment(deployment=merged(deployment, guessed), values=pasted.request.inputs, message=message)


def with_columns(deployment: Deployment, frame: Any) -> ExtendedDeployment:
    """Return the deployment with a variable for each column of a DataFrame, with the kind that it holds."""
    guessed = Deployment.from_frame(deployment.name, frame)
    return ExtendedDeployment(
        deployment=merged(deployment, guessed), message=_change_text(deployment, guessed, "the frame")
    )


def renamed(deployment: Deployment, name: str) -> Deployment:
    """Return the deployment under the name that a person gave in place of a placeholder."""
    if not name.strip():
        raise InputError(Problem(keyword="required", message="give the deployment's name in the service"))
    return _copy(deployment, name=name.strip())


def _change_text(before: Deployment, guessed: Deployment, source: str) -> str:
    new = [name for name in guessed.variable_names if name not in before.variable_names]
    if not new:
        return f"Every variable of {source} was already known, and is unchanged."
    return f"Added from {source}: {listed(new, 'and')}."


def _copy(of: Deployment, *, name: str = "", inputs: Mapping[str, Any] | None = None) -> Deployment:
    return Deployment(
        name or of.name,
        variants=of.variants,
        inputs=of.inputs if inputs is None else inputs,
        description=of.description,
    )
