"""Workflows of a hive: the registry of functions, one run of a function, and the files of the hive.

Rules of this file:

1. A name is looked up as it is written; nothing is guessed.
2. Whatever a workflow does, an `WorkflowOutcome` comes back. Only being cancelled from outside passes through.
"""

from __future__ import annotations

import asyncio
import hmac
import inspect
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, get_args
from urllib.parse import quote

from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.schema import from_python as _from_python
from fh_notebook.contract.schema import validation as _validation
from fh_notebook.core.arguments import public
from fh_notebook.core.json_values import canonical_json
from fh_notebook.core.redaction import Secret, log
from fh_notebook.errors import SettingsError
from fh_notebook.local.executors import ThreadExecutor
from fh_notebook.local.options import ToolRule
from fh_notebook.local.requests import Refusal


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
    tools: Mapping[str, ToolRule] = field(default_factory=dict)
    """The rule of each tool that it may ask for: such a pause does not need callback delivery."""

    def check(self, inputs: Mapping[str, Any]) -> None:
        """Refuse inputs that do not fit the Start variables, all problems in one text."""
        if problems := _validation.problems(self.schema, inputs):
            raise Refusal("validation_error", "; ".join(map(str, problems)))


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint:
    """An address that starts a workflow with its own secret instead of an API key."""

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

    def add(
        self,
        deployment: str,
        variant: str,
        func: Callable[..., Any],
        *,
        human: str | None = None,
        tools: Mapping[str, ToolRule] | None = None,
    ) -> bool:
        """Let `func` run for a variant; the same name again replaces it, as re-running a cell does."""
        for noun, name in (("deployment", deployment), ("variant", variant)):
            if not isinstance(name, str) or not name.strip():
                raise SettingsError(f"the {noun} of a workflow must be a string, not {name!r}")
        if not callable(func):
            raise SettingsError(f"a workflow must be a function, not {func!r}")
        if human is not None and (not isinstance(human, str) or not human.strip()):
            raise SettingsError(f"human is {human!r}; give a name for who decides, such as 'finance'")
        for tool, rule in (tools or {}).items():
            if rule not in get_args(ToolRule):
                raise SettingsError(f"tools[{tool!r}] is {rule!r}; give {' or '.join(map(repr, get_args(ToolRule)))}")
        schema = _from_python.from_function(func)
        variants = self.workflows.setdefault(deployment, {})
        previous = variants.get(variant)
        variants[variant] = Workflow(
            deployment=deployment,
            variant=variant,
            func=func,
            schema=schema,
            is_async=inspect.iscoroutinefunction(func) or inspect.iscoroutinefunction(type(func).__call__),
            human=human,
            tools=dict(tools or {}),
        )
        if deployment not in self.signing_secrets:
            self.signing_secrets[deployment] = new_secret()
        return previous is not None and previous.func is not func

    def find(self, deployment: str, variant: str, not_found_status: int | None = None) -> Workflow:
        """Return the workflow of that name."""
        variants = self.workflows.get(deployment)
        if variants is None:
            raise Refusal("not_found", "Deployment not found", status=not_found_status)
        workflow = variants.get(variant)
        if workflow is None:
            raise Refusal("not_found", "Variant not found", status=not_found_status)
        return workflow

    def add_endpoint(self, deployment: str, variant: str, secret: str | Secret | None) -> WebhookEndpoint:
        """Open a webhook endpoint for a variant and return it; every call opens another."""
        try:
            self.find(deployment, variant)
        except Refusal as exc:
            raise SettingsError(f"{deployment}/{variant}: {exc.message}; declare the workflow first") from None
        secret_of_endpoint = new_secret() if secret is None else Secret(secret)
        if not secret_of_endpoint:
            raise SettingsError("the secret of a webhook endpoint is empty; give None to generate one")
        endpoint = WebhookEndpoint(
            endpoint_id=f"whe_{secrets.token_hex(8)}",
            variant_id=f"var_{secrets.token_hex(8)}",
            deployment=deployment,
            variant=variant,
            secret=secret_of_endpoint,
        )
        self.endpoints[endpoint.endpoint_id, endpoint.variant_id] = endpoint
        return endpoint

    def find_endpoint(self, endpoint_id: str, variant_id: str, secret: str) -> WebhookEndpoint:
        """Return the endpoint of those ids when `secret` is its own."""
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
            variable = kind if all(name in v for v in variables) else {k: v for k, v in kind.items() if k != "default"}
            kinds.setdefault(name, {})[canonical_json(variable)] = variable
    merged: dict[str, Any] = {
        "type": "object",
        "properties": {
            name: next(iter(alike.values())) if len(alike) == 1 else {"anyOf": list(alike.values())}
            for name, alike in kinds.items()
        },
        "required": [n for n in kinds if all(n in s.get("required", ()) for s in schemas)],
    }
    if all(s.get("additionalProperties") is False for s in schemas):
        merged["additionalProperties"] = False
    return merged


ASSETS_PATH: Final = "/v1/assets/"


@dataclass(frozen=True, slots=True)
class StoredAsset:
    """A file in memory."""

    id: str
    name: str
    content: bytes
    file_type: str
    uploaded_at: datetime


class AssetStore:
    """The files of one hive: those of workflows and those that were uploaded, kept until it ends.

    An address cannot be guessed: knowing it is all that fetching needs. It ends at its time; a list of the files gives
    each a new one.

    Parameters
    ----------
    now : callable
        Returns the hive's time.
    expiry_s : callable
        Returns how long a new address lasts, in seconds.
    """

    def __init__(self, now: Callable[[], datetime], expiry_s: Callable[[], float]) -> None:
        self._now = now
        self._expiry_s = expiry_s
        self._by_id: dict[str, StoredAsset] = {}
        self._addresses: dict[str, tuple[StoredAsset, datetime]] = {}

    def add(self, name: str, content: bytes, file_type: str) -> dict[str, Any]:
        """Keep a file; return its entry for ``output.assets`` (CONTRACT section 1), its address still a path."""
        return self._with_new_address(self._keep(name, content, file_type))

    def upload(self, name: str, content: bytes, file_type: str, workspace_id: str) -> dict[str, Any]:
        """Keep a file that a caller sent; return all that the service tells of it (CONTRACT section 10)."""
        return self._listed(self._keep(name, content, file_type), workspace_id)

    def list(self, workspace_id: str) -> list[dict[str, Any]]:
        """Return all files, the latest first, each with a new address."""
        return [self._listed(asset, workspace_id) for asset in reversed(self._by_id.values())]

    def get(self, token: str) -> StoredAsset | None:
        """Return the file at an address."""
        asset, expires_at = self._addresses.get(token, (None, None))
        if expires_at is not None and self._now() >= expires_at:
            raise Refusal("address_expired")
        return asset

    def _keep(self, name: str, content: bytes, file_type: str) -> StoredAsset:
        asset = StoredAsset(f"ast_{secrets.token_hex(16)}", name, bytes(content), file_type, self._now())
        self._by_id[asset.id] = asset
        return asset

    def _with_new_address(self, asset: StoredAsset) -> dict[str, Any]:
        token = secrets.token_hex(16)
        expires_at = self._now() + timedelta(seconds=self._expiry_s())
        self._addresses[token] = asset, expires_at
        return {
            "id": asset.id,
            "file_url": f"{ASSETS_PATH}{token}/{quote(asset.name, safe='')}",
            "file_url_expires_at": _time(expires_at),
            "file_name": asset.name,
            "file_size": len(asset.content),
            "file_type": asset.file_type,
        }

    def _listed(self, asset: StoredAsset, workspace_id: str) -> dict[str, Any]:
        return {
            **self._with_new_address(asset),
            "object_key": f"{workspace_id}/{asset.id}",
            "asset_type": "image" if asset.file_type.startswith("image/") else "file",  # UNKNOWN which words there are
            "workspace_id": workspace_id,
            "uploaded_at": _time(asset.uploaded_at),
            "error_message": None,
        }


def _time(when: datetime) -> str:
    return when.isoformat().replace("+00:00", "Z")


def with_addresses(output: Any, base_url: str) -> Any:
    """Return an image output whose files of this hive have whole addresses; any other output as it is.

    Examples
    --------
    >>> with_addresses({"assets": [{"file_url": "/v1/assets/0badcafe/a.png"}]}, "http://127.0.0.1:8000")
    {'assets': [{'file_url': 'http://127.0.0.1:8000/v1/assets/0badcafe/a.png'}]}
    """
    assets = output.get("assets") if isinstance(output, dict) else None
    if not isinstance(assets, list):
        return output
    return {**output, "assets": [with_address(a, base_url) for a in assets]}


def with_address(asset: Any, base_url: str) -> Any:
    """Return the entry of one file of this hive with its whole address."""
    url = asset.get("file_url") if isinstance(asset, dict) else None
    if not isinstance(url, str) or not url.startswith(ASSETS_PATH):
        return asset
    return {**asset, "file_url": base_url + url}


@dataclass(frozen=True, slots=True)
class WorkflowOutcome:
    """How a run ended."""

    status: str
    """``completed`` or ``failed``."""
    output_json: str | None = None
    """The output as JSON text: a snapshot, written the moment the workflow returned."""
    error: str | None = None


INTERRUPTED = WorkflowOutcome("failed", error="The hive was stopped while the workflow ran.")


async def perform(
    workflow: Workflow, inputs: Mapping[str, Any], threads: ThreadExecutor, base_url: str
) -> WorkflowOutcome:
    """Run a workflow: an async one here, a plain one in a thread, so that it never blocks the event loop."""
    if workflow.is_async:
        return await _await(workflow.func, inputs, base_url)
    result = await threads.run(lambda: _call(workflow.func, inputs, base_url))
    if isinstance(result, WorkflowOutcome):
        return result
    # A plain function that returned a coroutine: a decorator around an async one, say.
    return await _await(lambda: result, {}, base_url)


def _call(func: Any, inputs: Mapping[str, Any], base_url: str) -> Any:
    try:
        value = func(**inputs)
        return value if inspect.isawaitable(value) else _completed(value, base_url)
    except BaseException as exc:  # SystemExit too: in a thread it would end the thread and nobody would answer
        return _failed(exc)


async def _await(func: Any, inputs: Mapping[str, Any], base_url: str) -> WorkflowOutcome:
    try:
        return _completed(await func(**inputs), base_url)
    except asyncio.CancelledError as exc:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return _failed(exc)  # the workflow awaited something of its own that was cancelled
    except (Exception, SystemExit) as exc:
        return _failed(exc)


def _completed(value: Any, base_url: str) -> WorkflowOutcome:
    try:
        text = json.dumps(with_addresses(value, base_url), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as exc:
        return WorkflowOutcome("failed", error=f"The workflow's output has no JSON form: {exc}")
    return WorkflowOutcome("completed", output_json=text)


def _failed(exc: BaseException) -> WorkflowOutcome:
    log.info("a workflow failed", exc_info=exc)
    message = str(exc)
    name = type(exc).__name__
    return WorkflowOutcome("failed", error=f"{name}: {message}" if message else name)
