"""One exchange as two values: the InvokeRequest, and the Answer before it is judged.

Rule of this file: a value never changes after it is built, and an impossible one cannot be built (an `InvokeRequest`
with nested metadata is refused here, before anything is sent).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fh_notebook.contract.json_values import canonical_json, json_problems, jsonable
from fh_notebook.contract.secrets import Secrets
from fh_notebook.core.partial_repr import with_partial_repr
from fh_notebook.core.text.formatting import short, type_text
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import InputError

__all__ = ["Answer", "InvokeRequest", "metadata_problems"]


APPROVALS: Final = (None, "policy", "auto_approve")
"""What ``tool_approval`` may be (CONTRACT section 1)."""


@with_partial_repr
@dataclass(frozen=True, slots=True, kw_only=True)
class InvokeRequest:
    """What is asked of the service in one call (CONTRACT section 1).

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
    """Which inputs are never kept or shown; it is not sent."""

    def __post_init__(self) -> None:
        # A copy in JSON's own kinds: what is sent is what was checked, whatever happens to the caller's lists.
        for name in ("inputs", "metadata"):
            object.__setattr__(self, name, jsonable(getattr(self, name)))
        found = _name_problems(self)
        found += _mapping_problems("inputs", self.inputs) or json_problems(self.inputs)
        if self.metadata is not None:
            found += _mapping_problems("metadata", self.metadata) or metadata_problems(self.metadata)
        if isinstance(self.callback_url, str) and not self.callback_url.startswith(("http://", "https://")):
            found.append(Problem(("callback_url",), "format", short(self.callback_url), "is not an http(s) address"))
        if not isinstance(self.tool_approval, str | None) or self.tool_approval not in APPROVALS:
            message = "is neither 'policy' nor 'auto_approve'"
            found.append(Problem(("tool_approval",), "enum", short(self.tool_approval), message))
        if found:
            raise InputError(found, where=self.deployment if isinstance(self.deployment, str) else "")

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
        """Return the request of parts that were checked before: nothing is looked at again, and nothing is copied.

        A batch checks every row when it is planned; once more at every call would cost as much as the call.
        """
        request = object.__new__(cls)
        given = {
            "deployment": deployment,
            "variant": variant,
            "inputs": inputs,
            "metadata": metadata,
            "secrets": secrets,
        }
        for name in cls.__slots__:
            object.__setattr__(request, name, given.get(name))
        return request

    def delivered_to(self, callback_url: str) -> InvokeRequest:
        """Return the same request, to be answered at `callback_url`; it was checked, so nothing is looked at again."""
        other = object.__new__(type(self))
        for name in self.__slots__:
            object.__setattr__(other, name, getattr(self, name))
        object.__setattr__(other, "callback_url", callback_url)
        return other

    def __hash__(self) -> int:
        return hash((self.deployment, self.variant, canonical_json(self.inputs), self.callback_url, self.user))

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the call: only what was given is in it (CONTRACT section 1)."""
        delivery = {"enabled": True, "callback_url": self.callback_url} if self.by_callback else None
        given = {
            "variant": self.variant,
            "async": delivery,
            "inputs": self.inputs,
            "metadata": self.metadata,
            "user": self.user,
            "tool_approval": self.tool_approval,
        }
        return {"deployment": self.deployment, **{name: value for name, value in given.items() if value is not None}}

    @property
    def by_callback(self) -> bool:
        """Whether the answer is delivered to a URL later, instead of in the response."""
        return self.callback_url is not None


def _name_problems(request: InvokeRequest) -> list[Problem]:
    found: list[Problem] = []
    for name in ("deployment", "variant", "callback_url", "user"):
        value = getattr(request, name)
        if value is None and name != "deployment":
            continue
        if not isinstance(value, str):
            found.append(Problem((name,), "type", short(value), "is not a text"))
        elif not value.strip() and name != "user":
            found.append(Problem((name,), "minLength", message="is empty"))
        else:
            found += json_problems(value, (name,))
    return found


def _mapping_problems(name: str, value: object) -> list[Problem]:
    message, hint = f"is {type_text(value)}", "give names with values"
    return [] if isinstance(value, Mapping) else [Problem((name,), "type", message=message, hint=hint)]


def metadata_problems(metadata: Mapping[str, Any]) -> list[Problem]:
    """Return everything in `metadata` that the service refuses (CONTRACT section 1: it is flat).

    Examples
    --------
    >>> print(*metadata_problems({"case": 1, "who": {"name": "me"}}))
    metadata.who: dict is nested; give text, a number, true, false or null
    """
    found: list[Problem] = []
    for key, value in metadata.items():
        if not isinstance(key, str) or not key:
            found.append(Problem(("metadata",), "propertyNames", f"the key {short(key)}", "is not a non-empty string"))
        elif value is not None and not isinstance(value, str | bool | int | float):
            hint = "give text, a number, true, false or null"
            found.append(Problem(("metadata", key), "type", type(value).__name__, "is nested", hint))
        else:
            found += json_problems({key: value}, ("metadata",))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one exchange brought, before anybody judged it: a status, headers and a body, or how it broke off.

    Both kinds are data: :func:`fh_notebook.contract.retry.decide` judges them by one table.
    """

    status_code: int | None = None
    """The HTTP status; ``None`` when no whole answer came."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names."""
    body: bytes = b""
    elapsed_s: float = 0.0
    """From just before sending to the last byte; waiting for a slot is not in it."""
    broke: str | None = None
    """How it broke off: one of the keys of ``wire.BROKEN_TEXTS``, or ``cancelled`` or ``unforeseen``, here."""
    detail: str = ""
    """The transport's own words, redacted."""
    sent: bool = True
    """Whether any byte of the request may have reached the service."""
