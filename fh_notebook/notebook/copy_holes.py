"""Names in the places of secrets, in a call that is written out. Pure.

Rule of this file: a Start variable that holds a secret anywhere, or may hold one, is replaced as a whole by one name.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.jsonable import jsonable
from fh_notebook.contract.secrets import Secrets

__all__ = ["Hole", "asked_for", "filled", "with_holes"]


class Hole:
    """The place of a secret, or of whatever else a name stands for."""

    def __init__(self, name: str, *, is_text: bool = True) -> None:
        self.name = name
        self.is_text = is_text
        """Whether a text is in its place; a person types other values as JSON."""

    def __repr__(self) -> str:
        return self.name


def with_holes(deployment: Deployment, inputs: Mapping[str, Any], *, taken: Collection[str] = ()) -> dict[str, Any]:
    """Return `inputs` with a hole for each variable that may hold a secret.

    Parameters
    ----------
    deployment : Deployment
        Whose variables.
    inputs : mapping
        Their values.
    taken : collection of str
        Names that stand for something else in what is written, beside those that the code itself uses.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> login = fh.Deployment("login", inputs={"user": fh.text(), "class": fh.text(secret=True)})
    >>> with_holes(login, {"user": "ada", "class": "1234"})
    {'user': 'ada', 'class': class_}
    """
    secrets = Secrets.of(deployment.inputs)
    names = _TAKEN.union(taken)
    held: dict[str, Any] = {}
    for variable, value in jsonable(inputs).items():
        held[variable] = value
        if value is not None and secrets.cover([variable]):
            name = re.sub(r"\W+", "_", variable, flags=re.ASCII).strip("_")
            name = name if name.isidentifier() else f"secret_{name}".strip("_")
            while name in names:
                name += "_"
            names |= {name}
            held[variable] = Hole(name, is_text=isinstance(value, str))
    return held


_TAKEN: Final = frozenset(
    {"fh", "hive", "row", "rows", "inputs", "run", "runs", "variant", "getpass", "json", *keyword.kwlist}
)
"""Names that the code itself uses."""


def asked_for(held: Mapping[str, Any]) -> list[str]:
    """Return the first lines of Python code: its imports, and a question to a person for each hole."""
    holes = [value for value in held.values() if isinstance(value, Hole)]
    lines = []
    for hole in holes:
        asked = f"getpass({hole.name + (': ' if hole.is_text else ', as JSON: ')!r})"
        lines.append(f"{hole.name} = {asked if hole.is_text else f'json.loads({asked})'}")
    imports = [*(["import json"] if not all(hole.is_text for hole in holes) else []), "from getpass import getpass", ""]
    return [*(imports if holes else []), "import fh_notebook as fh", "", *lines]


def filled(held: Mapping[str, Any], fill: Callable[[Hole], Any]) -> dict[str, Any]:
    """Return inputs with what `fill` makes of each hole in its place."""
    return {name: fill(value) if isinstance(value, Hole) else value for name, value in held.items()}
