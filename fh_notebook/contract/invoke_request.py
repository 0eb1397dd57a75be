"""InvokeRequest: one call of a deployment, checked before anything is sent.

Rule of this file: a request never changes after it is built, and an invalid one (with nested metadata, for example)
cannot be built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fh_notebook.contract.secrets import Secrets
from fh_notebook.core.arguments import public
from fh_notebook.core.json_values import canonical_json, json_problems, jsonable
from fh_notebook.core.text.formatting import short, type_text, with_partial_repr
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import InputError

FILE_SCHEME: Final = "fh-file:sha256/"
"""Begins a text among inputs that names a file of this machine by its content: the address of an upload is sent."""

PROBE_METADATA: Final[Mapping[str, str]] = {"fh_notebook": "probe"}
"""Of the calls of `fh.probe`: it finds them in the service's logs, and among saved runs, as no samples of inputs."""


APPROVALS: Final = (None, "policy", "auto_approve")
"""What ``tool_approval`` may be (CONTRACT section 1)."""


@public
@with_partial_repr
@dataclass(frozen=True, slots=True, kw_only=True)
class InvokeRequest:
    """The parameters of one call (CONTRACT section 1).

    Raises
    ------
    InputError
        With every problem: a value that JSON cannot say, nested metadata, a callback URL that is not http(s), a tool
        approval that the service does not know.
    """

    deployment: str
    variant: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] | None = None
    """Flat: for the service's logs and filters, never an input."""
    callback_url: str | None = None
    """Given: callback delivery (``async``); the call returns at once."""
    user: str | None = None
    tool_approval: str | None = None
    secrets: Secrets = field(default=Secrets(), repr=False, compare=False)
    """Which inputs are never saved or shown; it is not sent."""

    def __post_init__(self) -> None:
        # A copy in JSON's own kinds: what is sent is what was checked, whatever happens to the caller's lists.
        for name in ("inputs", "metadata"):
            object.__setattr__(self, name, jsonable(getattr(self, name)))
        problems = _name_problems(self)
        problems += _mapping_problems("inputs", self.inputs) or json_problems(self.inputs)
        if self.metadata is not None:
            problems += _mapping_problems("metadata", self.metadata) or metadata_problems(self.metadata)
        if isinstance(self.callback_url, str) and not self.callback_url.startswith(("http://", "https://")):
            problems.append(Problem(("callback_url",), "format", short(self.callback_url), "is not an http(s) address"))
        if not isinstance(self.tool_approval, str | None) or self.tool_approval not in APPROVALS:
            message = "is neither 'policy' nor 'auto_approve'"
            problems.append(Problem(("tool_approval",), "enum", short(self.tool_approval), message))
        if problems:
            raise InputError(problems, where=self.deployment if isinstance(self.deployment, str) else "")

    @classmethod
    def of_checked(
        cls,
        *,
        deployment: str,
        variant: str | None,
        inputs: Mapping[str, Any],
        metadata: Mapping[str, Any],
        secrets: Secrets,
    ) -> InvokeRequest:
        """Return a request made of parts that were checked before; nothing is checked again or copied.

        A batch checks every row when it is planned; once more at every call would cost as much as the call.
        """
        request = object.__new__(cls)
        values = {
            "deployment": deployment,
            "variant": variant,
            "inputs": inputs,
            "metadata": metadata,
            "secrets": secrets,
        }
        for name in cls.__slots__:
            object.__setattr__(request, name, values.get(name))
        return request

    def delivered_to(self, callback_url: str) -> InvokeRequest:
        """Return the same request, to be answered at `callback_url`, without checking it again."""
        copy = object.__new__(type(self))
        for name in self.__slots__:
            object.__setattr__(copy, name, getattr(self, name))
        object.__setattr__(copy, "callback_url", callback_url)
        return copy

    def __hash__(self) -> int:
        return hash((self.deployment, self.variant, canonical_json(self.inputs), self.callback_url, self.user))

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the call: it contains only what was given (CONTRACT section 1)."""
        delivery = {"enabled": True, "callback_url": self.callback_url} if self.by_callback else None
        optional = {
            "variant": self.variant,
            "async": delivery,
            "inputs": self.inputs,
            "metadata": self.metadata,
            "user": self.user,
            "tool_approval": self.tool_approval,
        }
        return {"deployment": self.deployment, **{name: value for name, value in optional.items() if value is not None}}

    @property
    def by_callback(self) -> bool:
        """Whether the answer is delivered to a URL later, instead of in the response."""
        return self.callback_url is not None


def _name_problems(request: InvokeRequest) -> list[Problem]:
    problems: list[Problem] = []
    for name in ("deployment", "variant", "callback_url", "user"):
        value = getattr(request, name)
        if value is None and name != "deployment":
            continue
        if not isinstance(value, str):
            problems.append(Problem((name,), "type", short(value), "is not a string"))
        elif not value.strip() and name != "user":
            problems.append(Problem((name,), "minLength", message="is empty"))
        else:
            problems += json_problems(value, (name,))
    return problems


def _mapping_problems(name: str, value: object) -> list[Problem]:
    message, hint = f"is {type_text(value)}", "give names with values"
    return [] if isinstance(value, Mapping) else [Problem((name,), "type", message=message, hint=hint)]


def metadata_problems(metadata: Mapping[str, Any]) -> list[Problem]:
    """Return everything in `metadata` that the service refuses (CONTRACT section 1: it is flat).

    Examples
    --------
    >>> print(*metadata_problems({"case": 1, "who": {"name": "me"}}))
    metadata.who: dict is nested; give a string, a number, true, false or null
    """
    problems: list[Problem] = []
    for key, value in metadata.items():
        if not isinstance(key, str) or not key:
            problems.append(
                Problem(("metadata",), "propertyNames", f"the key {short(key)}", "is not a non-empty string")
            )
        elif value is not None and not isinstance(value, str | bool | int | float):
            hint = "give a string, a number, true, false or null"
            problems.append(Problem(("metadata", key), "type", type(value).__name__, "is nested", hint))
        else:
            problems += json_problems({key: value}, ("metadata",))
    return problems
