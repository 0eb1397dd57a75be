"""Start variables that take any text, and the choice of one for a text without a name.

Rule of this file: a text stands for the inputs only where nothing else must be given, so it is for one variable at the
most.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fh_notebook.contract.schema.references import effective_schema
from fh_notebook.core.text.formatting import types_of


def text_variables(schema: Mapping[str, Any]) -> list[str]:
    """Return the Start variables that take any text, and nothing else but null."""
    return [
        name
        for name, keywords in _effective_schemas(schema).items()
        if _is_free_text(keywords) and {*types_of(keywords["type"])} <= {"string", "null"}
    ]


def single_text(schema: Mapping[str, Any]) -> str | None:
    """Return the one text variable of `schema`, where nothing else must be given.

    Examples
    --------
    >>> text = {"type": "string"}
    >>> single_text({"properties": {"ticket": text, "tone": text}, "required": ["ticket"]})
    'ticket'
    >>> single_text({"properties": {"ticket": text, "tone": text}}) is None
    True
    """
    texts = [name for name, keywords in _effective_schemas(schema).items() if _is_free_text(keywords)]
    needed = schema.get("required", [])
    candidates = [name for name in texts if name in needed] or texts
    return candidates[0] if len(candidates) == 1 and set(needed) <= set(candidates) else None


def _effective_schemas(schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {name: effective_schema(part, schema) for name, part in schema.get("properties", {}).items()}


def _is_free_text(schema: Mapping[str, Any]) -> bool:
    return types_of(schema.get("type", []))[:1] == ["string"] and not {"enum", "const"} & set(schema)
