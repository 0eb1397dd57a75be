"""Names in the places of secrets, in a call that is written out. Pure.

Rule of this file: where it cannot be told what of a value is secret, all of it is.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.jsonable import jsonable
from fh_notebook.contract.secrets import Secrets, holds_secret

__all__ = ["Hole", "Holes", "filled"]


class Hole:
    """The place of a secret, or of whatever else a name stands for."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


class Holes:
    """Puts names into the places of secrets, by what the schema says; where it cannot be told, into more of them.

    Parameters
    ----------
    deployment : Deployment
        Whose variables.
    taken : collection of str
        Names that stand for something else in what is written, beside those that the code itself uses.
    """

    def __init__(self, deployment: Deployment, *, taken: Collection[str] = ()) -> None:
        self._taken = _TAKEN.union(taken)
        self._schema = deployment.inputs
        self._secrets = Secrets.of(deployment.inputs)
        self._are_texts: dict[str, bool] = {}
        """The names, and of each whether a text is in its place."""

    def names_in(self, inputs: Mapping[str, Any]) -> list[str]:
        """Return the names that stand for secrets, in order.

        Examples
        --------
        >>> import fh_notebook as fh
        >>> login = fh.Deployment("login", inputs={"user": fh.text(), "pin": fh.text(secret=True)})
        >>> Holes(login).names_in({"user": "ada", "pin": "1234"})
        ['pin']
        """
        self.in_place(inputs)
        return list(self._are_texts)

    def asked_for(self, inputs: Mapping[str, Any]) -> list[str]:
        """Return the lines of Python that ask a person for each secret; what is no text is typed as JSON."""
        lines = []
        for name in self.names_in(inputs):
            is_text = self._are_texts[name]
            asked = f"getpass({name + (': ' if is_text else ', as JSON: ')!r})"
            lines.append(f"{name} = {asked if is_text else f'json.loads({asked})'}")
        imports = [*(["import json"] if not all(self._are_texts.values()) else []), "from getpass import getpass", ""]
        return [*imports, "import fh_notebook as fh", "", *lines] if lines else ["import fh_notebook as fh", ""]

    def in_place(self, inputs: Mapping[str, Any]) -> Any:
        """Return `inputs` with a hole for each secret."""
        self._are_texts = {}
        properties = self._schema.get("properties", {})
        held = {}
        for name, value in jsonable(inputs).items():
            covered = self._secrets.cover([name]) and value is not None
            held[name] = (
                self._held(value, {} if self._secrets.all else properties.get(name), name) if covered else value
            )
        return held

    def _held(self, value: Any, schema: Any, path: str) -> Any:
        """`value` with holes; as few as its schema lets be told."""
        if isinstance(schema, Mapping):
            if not holds_secret(schema, refs=True):
                return value if schema else self._hole(path, value)
            around = {k: v for k, v in schema.items() if k not in ("properties", "items")}
            if not holds_secret(around, refs=True):
                inner = schema.get("properties")
                if isinstance(value, dict) and isinstance(inner, Mapping) and set(value) <= set(inner):
                    return {name: self._held(part, inner[name], f"{path}_{name}") for name, part in value.items()}
                if isinstance(value, list) and isinstance(schema.get("items"), Mapping):
                    items = schema["items"]
                    return [self._held(part, items, f"{path}_{number}") for number, part in enumerate(value, 1)]
        return self._hole(path, value)

    def _hole(self, path: str, value: Any) -> Hole:
        name = re.sub(r"\W+", "_", path, flags=re.ASCII).strip("_")
        name = name if name.isidentifier() else f"secret_{name}".strip("_")
        while name in self._are_texts or name in self._taken:
            name += "_"
        self._are_texts[name] = isinstance(value, str)
        return Hole(name)


_TAKEN: Final = frozenset(
    {"fh", "hive", "row", "rows", "inputs", "run", "runs", "variant", "getpass", "json", *keyword.kwlist}
)
"""Names that the code itself uses."""


def filled(value: Any, fill: Any) -> Any:
    """Return a value with what `fill` makes of each hole in its place."""
    if isinstance(value, Hole):
        return fill(value)
    if isinstance(value, dict):
        return {name: filled(part, fill) for name, part in value.items()}
    return [filled(part, fill) for part in value] if isinstance(value, list) else value
