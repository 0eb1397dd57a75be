"""The workflows of a hive: which function runs for which variant of which deployment, and who may trigger it.

Rule of this file: a name is looked up as it is written; nothing is guessed.
"""

from __future__ import annotations

import hmac
import inspect
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fh_notebook.contract import schema as _schema
from fh_notebook.contract.canonical import canonical_json
from fh_notebook.contract.deployment import Deployment
from fh_notebook.errors import SettingsError
from fh_notebook.local.codes import Refusal
from fh_notebook.values import Secret

__all__ = ["Registry", "WebhookEndpoint", "Workflow", "new_secret"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """One variant of a deployment, and the function that it is."""

    deployment: str
    variant: str
    func: Callable[..., Any]
    schema: Mapping[str, Any]
    """The Start variables, read off the function's signature."""
    is_async: bool
    human: str | None = None
    """Who is in the loop: it pauses for them, so it can be run by callback delivery only."""

    def check(self, inputs: Mapping[str, Any]) -> None:
        """Refuse inputs that do not fit the Start variables, all problems in one text.

        Raises
        ------
        Refusal
            ``validation_error``.
        """
        if found := _schema.problems(self.schema, inputs):
            raise Refusal("validation_error", "; ".join(map(str, found)))


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint:
    """An address at which a workflow is started without a workspace key, by a secret of its own."""

    endpoint_id: str
    variant_id: str
    deployment: str
    variant: str
    secret: Secret

    @property
    def path(self) -> str:
        """The path under the hive's URL (which ends in ``/v1``)."""
        return f"/workflow/webhooks/{self.endpoint_id}/variants/{self.variant_id}"


@dataclass(slots=True)
class Registry:
    """The workflows, signing secrets and webhook endpoints of one hive. Whoever holds it locks."""

    workflows: dict[str, dict[str, Workflow]] = field(default_factory=dict)
    signing_secrets: dict[str, Secret] = field(default_factory=dict)
    endpoints: dict[tuple[str, str], WebhookEndpoint] = field(default_factory=dict)

    def add(self, deployment: str, variant: str, func: Callable[..., Any], *, human: str | None = None) -> bool:
        """Let `func` run for a variant; the same name again replaces it, as re-running a cell does.

        Returns
        -------
        bool
            Whether another function ran for it before.

        Raises
        ------
        SettingsError
            A name is empty, or `func` cannot be called.
        """
        for what, name in (("deployment", deployment), ("variant", variant)):
            if not isinstance(name, str) or not name.strip():
                raise SettingsError(f"a workflow needs its {what} as a string, not {name!r}")
        if not callable(func):
            raise SettingsError(f"a workflow is a function, not {func!r}")
        if human is not None and (not isinstance(human, str) or not human.strip()):
            raise SettingsError(f"human is {human!r}; say who decides, such as 'finance'")
        schema = _schema.from_function(func)
        variants = self.workflows.setdefault(deployment, {})
        before = variants.get(variant)
        variants[variant] = Workflow(
            deployment=deployment,
            variant=variant,
            func=func,
            schema=schema,
            is_async=inspect.iscoroutinefunction(func) or inspect.iscoroutinefunction(type(func).__call__),
            human=human,
        )
        if deployment not in self.signing_secrets:
            self.signing_secrets[deployment] = new_secret()
        return before is not None and before.func is not func

    def find(self, deployment: str, variant: str) -> Workflow:
        """Return the workflow of that name.

        Raises
        ------
        Refusal
            ``not_found``: no such deployment, or no such variant of it.
        """
        variants = self.workflows.get(deployment)
        if variants is None:
            raise Refusal("not_found", "Deployment not found")
        workflow = variants.get(variant)
        if workflow is None:
            raise Refusal("not_found", "Variant not found")
        return workflow

    def add_endpoint(self, deployment: str, variant: str, secret: str | Secret | None) -> WebhookEndpoint:
        """Open a webhook endpoint for a variant and return it; every call opens another.

        Raises
        ------
        SettingsError
            There is no such workflow, or the secret is empty.
        """
        try:
            self.find(deployment, variant)
        except Refusal as no:
            raise SettingsError(f"{deployment}/{variant}: {no.message}; declare the workflow first") from None
        own = new_secret() if secret is None else Secret(secret)
        if not own:
            raise SettingsError("the secret of a webhook endpoint is empty; None makes one")
        endpoint = WebhookEndpoint(
            endpoint_id=f"whe_{secrets.token_hex(8)}",
            variant_id=f"var_{secrets.token_hex(8)}",
            deployment=deployment,
            variant=variant,
            secret=own,
        )
        self.endpoints[endpoint.endpoint_id, endpoint.variant_id] = endpoint
        return endpoint

    def find_endpoint(self, endpoint_id: str, variant_id: str, secret: str) -> WebhookEndpoint:
        """Return the endpoint of those ids when `secret` is its own.

        Raises
        ------
        Refusal
            ``not_found`` or ``unauthorized``.
        """
        endpoint = self.endpoints.get((endpoint_id, variant_id))
        if endpoint is None:
            raise Refusal("not_found", "Webhook endpoint not found")
        if not hmac.compare_digest(endpoint.secret.reveal().encode(), secret.encode(errors="surrogateescape")):
            raise Refusal("unauthorized")
        return endpoint

    def deployments(self) -> list[Deployment]:
        """Return every deployment with its variants, in the order in which they were declared."""
        return [
            Deployment(name, variants=list(variants), inputs=union(*(w.schema for w in variants.values())))
            for name, variants in self.workflows.items()
        ]


def new_secret() -> Secret:
    """Return a random secret of 32 bytes, in letters that a header and a URL can carry."""
    return Secret(f"whsec_{secrets.token_urlsafe(32)}")


def union(*schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return one schema for the Start variables of several variants: it accepts what at least one of them may accept.

    The variables of all; required is what every variant requires; where two variants declare one variable differently,
    either will do. A default is kept only of a variable that every variant has: a caller fills defaults in for any
    variant, and one that has no such variable would refuse the call. Each call is still checked against its variant.

    Examples
    --------
    >>> one = {"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a", "b"]}
    >>> two = {"type": "object", "properties": {"a": {}}, "required": ["a"]}
    >>> union(one, two)["required"], list(union(one, two)["properties"])
    (['a'], ['a', 'b'])
    >>> union({"properties": {"a": {"default": 1}}}, {"properties": {}})["properties"]
    {'a': {}}
    """
    first = dict(schemas[0])
    if all(s == first for s in schemas):
        return first
    variables = [schema.get("properties", {}) for schema in schemas]
    kinds: dict[str, dict[str, Any]] = {}
    for declared in variables:
        for name, kind in declared.items():
            taken = kind if all(name in v for v in variables) else {k: v for k, v in kind.items() if k != "default"}
            kinds.setdefault(name, {})[canonical_json(taken)] = taken
    joined: dict[str, Any] = {
        "type": "object",
        "properties": {
            name: next(iter(alike.values())) if len(alike) == 1 else {"anyOf": list(alike.values())}
            for name, alike in kinds.items()
        },
        "required": [n for n in kinds if all(n in s.get("required", ()) for s in schemas)],
    }
    if all(s.get("additionalProperties") is False for s in schemas):
        joined["additionalProperties"] = False
    return joined
