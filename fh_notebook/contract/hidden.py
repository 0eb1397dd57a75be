"""Which values of the inputs are never spelt in a sentence, since they are, hold or may hold a secret.

Rule of this file: where it cannot be told, it is hidden. A value that is hidden for nothing costs a clearer sentence; a
password in a saved notebook costs more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Secrets", "holds_secret"]


@dataclass(frozen=True, slots=True)
class Secrets:
    """Which values may not be spelt."""

    all: bool = False
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> Secrets:
        """Find the variables that hold a password somewhere; where that cannot be told, everything is hidden."""
        definitions = {n: schema[n] for n in ("$defs", "definitions") if n in schema}
        far = holds_secret(definitions, refs=False)
        properties = schema.get("properties")
        near = properties if isinstance(properties, Mapping) else {}
        rest = {n: v for n, v in schema.items() if n not in {"properties", *definitions}}
        names = frozenset(n for n, v in near.items() if holds_secret(v, refs=far))
        return cls(holds_secret(rest, refs=far or bool(names)), names)

    def cover(self, path: Sequence[str | int]) -> bool:
        """Whether a value at this path is, holds, or may hold a secret."""
        return self.all or (path[0] in self.names if path else bool(self.names))


def holds_secret(schema: Any, *, refs: bool) -> bool:
    """Whether `schema` mentions a password; with `refs`, a reference counts as one (what it leads to may hold one)."""
    pending = [schema]
    while pending:
        part = pending.pop()
        if isinstance(part, Mapping):
            if part.get("format") == "password" or part.get("writeOnly") is True:
                return True
            if refs and ("$ref" in part or "$dynamicRef" in part):
                return True
            pending += part.values()
        elif isinstance(part, list | tuple):
            pending += part
    return False
