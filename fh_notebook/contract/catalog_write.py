"""Deployments -> the text of ``fetchhive.yaml``. Pure.

Rule of this file: what is written reads back equal, whatever the names and texts hold, by this package and by any other
reader of YAML 1.1 or 1.2; and a secret is never written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fh_notebook.contract.catalog_variables import OF_SCHEMAS, WORDS, is_whole, schema_said
from fh_notebook.contract.catalog_yaml import one_line
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.secrets import holds_secret

__all__ = ["HEADER", "data_of", "hidden_defaults", "paste_of", "without_secret_defaults", "written"]

HEADER: Final = """\
# The catalogue of Fetch Hive deployments, for fh_notebook: their variants and Start variables.
# Read by %%fetchhive cells, fh.batch and fh.Client in this folder and below; written by Deployment.save().
"""


def paste_of(deployment: Deployment) -> str:
    """Return one line that may be pasted below ``deployments:``, into a block and between braces alike.

    A name of more than a thousand letters can stand between braces only.
    """
    return one_line({deployment.name: data_of(deployment)})[1:-1]


def data_of(deployment: Deployment) -> dict[str, Any]:
    """Return what the catalogue says of a deployment, without any secret.

    Examples
    --------
    >>> data_of(Deployment("triage", inputs={"key": {"type": "string", "format": "password", "default": "x"}}))
    {'inputs': {'key': {'type': 'string', 'format': 'password', 'required': False}}}
    """
    data: dict[str, Any] = {}
    if deployment.description is not None:
        data["description"] = str(deployment.description)
    if deployment.variants:
        data["variants"] = list(deployment.variants)
    if deployment.inputs != {"type": "object"}:
        inputs = without_secret_defaults(deployment.inputs)
        short = _short_form(inputs)
        data["inputs"] = _whole_form(inputs) if short is None else short
        if short is not None and "additionalProperties" not in inputs:
            data["open"] = True
    return data


def _whole_form(schema: Mapping[str, Any]) -> dict[str, Any]:
    # Only a function's or a class's schema can be without both: it is one of an object all the same.
    return dict(schema) if is_whole(schema) else {"type": "object", **schema}


def _short_form(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the variables one by one; ``None`` where only the whole schema says the same."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or not all(isinstance(v, Mapping) for v in properties.values()):
        return None
    needed = schema.get("required", [])
    said = {name: _variable(name, declared, name in needed) for name, declared in properties.items()}
    if is_whole(said) or schema_said(said, is_open="additionalProperties" not in schema) != schema:
        return None
    return said


def _variable(name: str, schema: Mapping[str, Any], required: bool) -> Any:
    if required == ("default" in schema):
        # A group's own `required` is a list of names; the two cannot both be said, and the caller finds that out.
        return {**schema, "required": required}
    word = next((word for word, meaning in WORDS.items() if word != "any" and meaning == schema), None)
    # `type: object` is a whole schema, and no variable of that name.
    return word if word and name not in ("type", "$schema") else dict(schema)


def written(deployment: Deployment) -> Deployment:
    """Return the deployment as the catalogue will give it back: without secrets."""
    data = data_of(deployment)
    inputs = schema_said(data["inputs"], is_open="open" in data) if "inputs" in data else None
    return Deployment(deployment.name, variants=deployment.variants, inputs=inputs, description=deployment.description)


def hidden_defaults(deployment: Deployment) -> list[str]:
    """Return the names of the variables that are written without their default or examples, since they are secret."""
    declared = deployment.inputs.get("properties", {})
    cleaned = without_secret_defaults(deployment.inputs).get("properties", {})
    return [name for name, schema in declared.items() if cleaned.get(name) != schema]


_DATA: Final = ("enum", "const", "required", "dependentRequired")


def without_secret_defaults(schema: Any) -> Any:
    """Return `schema` without the defaults and examples of what is, holds or may hold a password.

    Examples
    --------
    >>> without_secret_defaults({"properties": {"k": {"format": "password", "default": "x"}, "n": {"default": 3}}})
    {'properties': {'k': {'format': 'password'}, 'n': {'default': 3}}}
    """
    # Where there is a password somewhere, a reference may lead to it.
    return _cleaned(schema, refs=holds_secret(schema, refs=False))


def _cleaned(schema: Any, *, refs: bool) -> Any:
    if isinstance(schema, list):
        return [_cleaned(item, refs=refs) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    hides = ("default", "examples", "example") if holds_secret(schema, refs=refs) else ()
    cleaned: dict[str, Any] = {}
    for word, value in schema.items():
        if word in hides:
            continue
        if word in OF_SCHEMAS and isinstance(value, Mapping):
            cleaned[word] = {name: _cleaned(item, refs=refs) for name, item in value.items()}
        elif word in _DATA or word in ("default", "examples", "example"):
            cleaned[word] = value
        else:
            cleaned[word] = _cleaned(value, refs=refs)
    return cleaned
