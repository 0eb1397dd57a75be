"""Which Start variables take any text, and which of them a body of nothing but text is. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.refs import meant
from fh_notebook.contract.spell import types_of

__all__ = ["single_text", "text_variables"]


def text_variables(deployment: Deployment) -> list[str]:
    """Return the Start variables that take any text, and nothing else but null."""
    properties = deployment.inputs.get("properties", {})
    kinds = {name: meant(schema, deployment.inputs) for name, schema in properties.items()}
    return [n for n, says in kinds.items() if _is_free_text(says) and {*types_of(says["type"])} <= {"string", "null"}]


def single_text(deployment: Deployment) -> str | None:
    """Return the one text variable of a deployment, when nothing else must be given."""
    properties = deployment.inputs.get("properties", {})
    texts = [name for name, schema in properties.items() if _is_free_text(meant(schema, deployment.inputs))]
    needed = deployment.inputs.get("required", [])
    wanted = [name for name in texts if name in needed] or texts
    return wanted[0] if len(wanted) == 1 and set(needed) <= set(wanted) else None


def _is_free_text(schema: Mapping[str, Any]) -> bool:
    return types_of(schema.get("type", []))[:1] == ["string"] and not {"enum", "const"} & set(schema)
