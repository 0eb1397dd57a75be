"""Targets of wrong values: every public function, and the methods of what they return.

The list of functions is read from ``__all__`` and from the classes, so that a new one is in it; a required argument
that has no valid value here fails the test of completeness.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pandas as pd

import fh_notebook as fh
from fh_notebook.core import event_loop

PLUMBING: Final = {
    "AsyncClient": {
        "attempt",
        "exchange",
        "explained",
        "list_approvals",
        "look_up",
        "over",
        "prepare",
        "send",
        "submit_request",
        "upload_files",
        "uploads_of",
    },
    "Client": {"over"},
    "CallbackReceiver": {"claim", "disclaim", "learn", "recall"},
    "InvokeRequest": {"of_checked", "delivered_to"},
    "Judge": {"score_all"},
    "PendingRun": {"begin", "html_card", "outcome", "settled", "take", "take_looked_up"},
    "Race": {"show_by"},
    "Field": {"help_html", "on_input", "problem_text", "reveal"},
    "Run": {"html_card"},
}
"""Methods that the package calls itself, on values that it has made: no user has their arguments."""

MADE_BY_US: Final = {
    "Batch",
    "Canary",
    "Comparison",
    "Form",
    "PendingRun",
    "Profile",
    "PromptfooTests",
    "Race",
    "Trend",
    "local.Approval",
    "local.Call",
    "local.Counts",
    "local.Decision",
    "local.Delivery",
    "local.WebhookEndpoint",
}
"""Classes that a function makes (`fh.batch`, `fh.compare`, ...): their constructors take the package's own parts."""


@dataclass(frozen=True)
class Target:
    """A callable, and the arguments with which it works."""

    name: str
    call: Callable[..., Any]
    valid: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def ends(self) -> str:
        """How the call with valid arguments ends, where it ends in an error."""
        try:
            self.with_arguments(self.valid)
        except Exception as exc:
            return f"{type(exc).__name__}: {exc}"
        return ""

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """Return what can be given."""
        return dict(inspect.signature(self.call).parameters)

    def given(self, parameter: str, value: Any) -> Any:
        """Call it with one wrong value, and return what came of it; a coroutine is awaited."""
        return self.with_arguments({**self.valid, parameter: value})

    def with_arguments(self, arguments: Mapping[str, Any]) -> Any:
        """Call it, and return what came of it."""
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            if name not in arguments:
                continue
            if parameter.kind is parameter.POSITIONAL_ONLY:
                positional.append(arguments[name])
            elif parameter.kind is parameter.VAR_POSITIONAL:
                positional.extend(arguments[name] if isinstance(arguments[name], Several) else [arguments[name]])
            elif parameter.kind is parameter.VAR_KEYWORD:
                named[_OPTION.get(self.name, "named")] = arguments[name]
            else:
                named[name] = arguments[name]
        result = self.call(*positional, **named)
        return event_loop.run(result) if inspect.iscoroutine(result) else result


_OPTION: Final = {"fh.local.demo_hive": "concurrency", "LocalHive.configure": "concurrency"}
"""The name under which a value of ``**options`` is given."""


class Several(tuple[Any, ...]):
    """Valid values of ``*arguments``."""


TICKETS: Final = [
    {"ticket": "Two invoices, one wrong price.", "expected_output": "billing"},
    {"ticket": "My parcel is late.", "expected_output": "delivery"},
    {"ticket": "I cannot sign in.", "expected_output": "delivery"},
]


class World:
    """What valid arguments and methods need: a hive with a client, and one of everything that functions return."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hive = fh.local.demo_hive(pace=0)
        self.client = self.hive.client()
        self.deployment = next(iter(self.hive.deployments()))
        self.rows = [dict(row) for row in TICKETS]
        self.batch = fh.batch(
            self.rows,
            "support-triage",
            variants=["keywords", "nearest"],
            client=self.client,
            progress=False,
            name="done",
        )
        self.compared = fh.compare(self.batch)
        self.race = fh.race(
            self.rows,
            "support-triage",
            variants=["keywords", "nearest"],
            score=fh.score.exact(),
            client=self.client,
            progress=False,
        )
        self.canary = fh.canary(
            self.rows,
            "support-triage",
            variant="keywords",
            score=fh.score.exact(),
            client=self.client,
            name="watched",
        )
        self.frame = pd.DataFrame({"row": [0, 0, 1, 1], "variant": ["a", "b"] * 2, "score": [1, 0, 1, 1]})
        self.tests_file = folder / "tests.yaml"
        self.tests_file.write_text("- vars: {ticket: late}\n  assert: [{type: contains, value: late}]\n")
        self.run = fh.invoke(
            "support-triage", variant="keywords", inputs={"ticket": "My parcel is late."}, client=self.client
        )
        self.pending = self.client.submit("support-triage", variant="keywords", inputs={"ticket": "late"})
        self.pending.wait(10)
        self.tool_approval = self._tool_approval()
        self.asking = fh.local.LocalHive()

        @self.asking.workflow("asks", variant="v", human="the boss")
        def asks(text: str) -> str:
            return str(fh.local.ask_human("May it?"))

        for text in ("x", "y"):  # of two, none is meant by decide(None)
            self.asking.client().submit("asks", variant="v", inputs={"text": text}, poll=False)
        while len(self.asking.approvals) < 2:
            self.asking.wait_approval(10)
        self.form = fh.form(self.deployment, client=self.client)
        self.batch.wait()
        self.file = folder / "handed_over.fhb"
        self.batch.to_fhb(self.file)

    def _tool_approval(self) -> fh.client.approvals.ToolApproval:
        """Return one that is decided: its run holds no place."""

        @self.hive.workflow("refund", variant="v", tools={"payments": "ask"})
        def refund(amount: int) -> str:
            return str(fh.local.ask_human("May it?", tool="payments", tool_arguments={"amount": amount}).approved)

        pending = self.client.submit("refund", variant="v", inputs={"amount": 1}, poll=False)
        self.hive.wait_approval(10)
        (approval,) = self.client.approvals()
        approval.decide("allow_once")
        pending.wait(10)
        return approval

    def close(self) -> None:
        """Close what is open."""
        self.client.close()
        self.hive.close()
        self.asking.close()

    def fresh(self, suffix: str) -> Path:
        """Return the path of a file that may be written over."""
        return self.folder / f"out{suffix}"

    def valid(self) -> dict[str, dict[str, Any]]:
        """Return the arguments with which each function works, where the defaults alone do not do it."""
        # poll=False: a run that is asked for later would outlive the test.
        ask = {"deployment": "support-triage", "variant": "keywords", "inputs": {"ticket": "My parcel is late."}}
        over = {"rows": self.rows, "deployment": "support-triage", "variants": ["keywords", "nearest"]}
        quiet = {"client": self.client, "progress": False}
        trigger = {"secret": "s3cret-of-trigger", "poll": False, **self.hook()}
        return {
            "fh.AuthError": {"message": "no"},
            "fh.CallError": {"message": "no"},
            "fh.ConnectFailed": {"message": "no"},
            "fh.LimitReached": {"message": "no"},
            "fh.RunFailed": {"message": "no"},
            "fh.InputError": {"problems": "no"},
            "fh.SnippetError": {"problems": "no"},
            "fh.AsyncClient": {"api_key": "fhk_test_0123456789"},
            "fh.Client": {"api_key": "fhk_test_0123456789"},
            "fh.CallbackReceiver": {},
            "fh.Deployment": {"name": "d"},
            "fh.InvokeRequest": {"deployment": "d"},
            "fh.Run": {"status": "completed"},
            "fh.Secret": {"value": "secret-value"},
            "fh.Variable": {"schema": {"type": "string"}},
            "fh.abatch": {**over, **quiet},
            "fh.batch": {**over, **quiet},
            "fh.ainvoke": {**ask, "client": self.client},
            "fh.invoke": {**ask, "client": self.client},
            "fh.arace": {**over, **quiet, "score": fh.score.exact()},
            "fh.race": {**over, **quiet, "score": fh.score.exact()},
            "fh.areattach": {"client": self.client},
            "fh.reattach": {"client": self.client},
            "fh.canary": {
                "rows": self.rows,
                "deployment": "support-triage",
                "variant": "keywords",
                "score": fh.score.exact(),
                "client": self.client,
            },
            "fh.trend": {"deployment": "support-triage"},
            "fh.probe": {**ask, "client": self.client, "confirm": False},
            "fh.choice": {"values": Several(["a", "b"])},
            "fh.compare": {"batch_or_frame": self.batch},
            "fh.const": {"value": 1},
            "fh.file": {"path": self.tests_file},
            "fh.deployments": {"client": self.client},
            "fh.forget": {"batch": "no such batch", "client": self.client},
            "fh.form": {"deployment": self.deployment, "client": self.client},
            "fh.group": {"fields": {"a": fh.text()}},
            "fh.merge_ratings": {"paths": Several([self.file])},
            "fh.read_inspect": {"dataset": [{"input": "1 + 1", "target": "2"}]},
            "fh.read_promptfoo": {"path": self.tests_file},
            "fh.grid": {"factors": ["calm", "brief"]},
            "fh.open_batch": {"name": "done", "client": self.client},
            "fh.parse_event": {"body": b'{"request_id": "r", "status": "completed", "output": "x"}'},
            "fh.power": {"rates": [0.6, 0.9], "races": 2},
            "fh.verify_signature": {"body": b"x", "header": "00", "secret": "secret-value"},
            "fh.local.Choice": {"value": "a"},
            "fh.local.LocalHive": {},
            "fh.local.aask_human": {"question": "?"},
            "fh.local.ask_human": {"question": "?"},
            "fh.local.demo_hive": {},
            "fh.score.Scorer": {"name": "s", "function": lambda run: 1},
            "fh.score.all_of": {"scorers": Several([fh.score.exact(), fh.score.contains()])},
            "fh.score.any_of": {"scorers": Several([fh.score.exact(), fh.score.contains()])},
            "fh.score.weighted": {"scorers": Several([fh.score.exact(), (fh.score.contains(), 2)])},
            "fh.score.not_": {"scorer": fh.score.exact()},
            "fh.score.json_path": {"path": "label", "equals": 1},
            "fh.score.json_schema": {"schema": {"type": "object"}},
            "fh.score.judge": {"deployment": "support-triage", "variant": "keywords", "client": self.client},
            "fh.score.regex": {"pattern": "a"},
            "fh.score.scorer": {"function": lambda run: 1},
            "fh.store.export": {"path": self.fresh(".sqlite3")},
            "fh.store.rescue": {"path": self.fresh(".rescued.sqlite3")},
            "fh.store.join": {"from_workspace": "nowhere", "into_workspace": "elsewhere"},
            "AsyncClient.invoke": ask,
            "AsyncClient.request": ask,
            "AsyncClient.submit": {**ask, "poll": False},
            "AsyncClient.retrieve": {"request_id": self.run.request_id},
            "AsyncClient.approval": {"approval_id": self.tool_approval.id},
            "Client.approval": {"approval_id": self.tool_approval.id},
            "Client.aapproval": {"approval_id": self.tool_approval.id},
            "AsyncClient.trigger": trigger,
            "AsyncClient.upload": {"path": self.tests_file},
            "Client.ainvoke": ask,
            "Client.asubmit": {**ask, "poll": False},
            "Client.invoke": ask,
            "Client.submit": {**ask, "poll": False},
            "Client.aretrieve": {"request_id": self.run.request_id},
            "Client.retrieve": {"request_id": self.run.request_id},
            "Client.trigger": trigger,
            "Client.aupload": {"path": self.tests_file},
            "Client.upload": {"path": self.tests_file},
            "Client.atrigger": trigger,
            "Batch.approvals": {"workspace_id": self.hive.workspace_id},
            "Batch.to_csv": {"path": self.fresh(".csv")},
            "Batch.to_excel": {"path": self.fresh(".xlsx")},
            "Batch.to_jsonl": {"path": self.fresh(".jsonl")},
            "Batch.to_parquet": {"path": self.fresh(".parquet")},
            "Batch.to_fhb": {"path": self.fresh(".fhb")},
            "Ratings.to_csv": {"path": self.fresh(".csv")},
            "Ratings.to_parquet": {"path": self.fresh(".parquet")},
            "Comparison.add_score": {"score": fh.score.contains(), "name": "another"},
            "Comparison.assert_better": {"variant": "keywords", "than": "nearest"},
            "Comparison.assert_not_worse": {"variant": "keywords", "than": "nearest", "by": 1.0},
            "Comparison.label": {"n": 10},
            "Comparison.is_equivalent": {"a": "keywords", "b": "nearest", "by": 1.0},
            "Comparison.by": {"name": "exact"},
            "Comparison.correct": {"row": 0, "expected": "other"},
            "Comparison.write_corrected": {"path": self.fresh(".csv")},
            "Comparison.diff": {"row": 0},
            "Comparison.report": {"path": self.fresh(".html")},
            "Comparison.slice": {"by": "ticket"},
            "Comparison.to_inspect": {"path": self.folder / "logs"},
            "Comparison.to_mlflow": {"experiment": "triage", "tracking_uri": self.folder / "runs"},
            "Deployment.complete": {"inputs": {"ticket": "a"}},
            "Deployment.problems": {"inputs": {"ticket": "a"}},
            "Deployment.variant_problem": {"variants": ["keywords"]},
            "Deployment.save": {"path": self.fresh(".yaml")},
            "Deployment.from_frame": {"name": "d", "frame": self.frame},
            "Deployment.from_history": {"name": "support-triage"},
            "Deployment.from_snippet": {
                "text": "curl 'https://api.fetchhive.com/v1/workflow/invoke' -d '{\"deployment\": \"d\"}'"
            },
            "Deployments.get": {"key": "support-triage"},
            "Deployments.source_of": {"name": "support-triage"},
            "Asset.from_wire": {"value": {"id": "1"}},
            "Run.from_dict": {"values": {"status": "completed"}},
            "Batch.asave_assets": {"folder": self.folder / "assets"},
            "Batch.save_assets": {"folder": self.folder / "assets"},
            "Run.save_assets": {"folder": self.folder},
            "PendingRun.on_change": {"call": lambda pending: None},
            "PendingRun.on_look": {"call": lambda pending: None},
            "LocalHive.decide": {"request_id": "no such run"},
            "LocalHive.wait_idle": {"timeout_s": 0.0},
            "LocalHive.asset": {"name": "a.txt", "content": b"a"},
            "LocalHive.configure": {"changes": 0},
            "LocalHive.inputs_of": {"deployment": "support-triage", "variant": "keywords"},
            "LocalHive.rotate_webhook_secret": {"deployment": "support-triage"},
            "LocalHive.webhook": {"deployment": "support-triage", "variant": "keywords"},
            "LocalHive.webhook_secret": {"deployment": "support-triage"},
            "LocalHive.workflow": {"deployment": "another", "variant": "v"},
            "Combined.__call__": {},
        }

    def hook(self) -> dict[str, Any]:
        """Return the ids of an open webhook endpoint."""
        opened = self.hive.webhook("support-triage", "keywords", secret="s3cret-of-trigger")
        return {"endpoint_id": opened.endpoint_id, "variant_id": opened.variant_id, "inputs": {"ticket": "a"}}

    def returned(self) -> dict[str, Any]:
        """Return one of everything that functions return, by its class's name."""
        return {
            "AsyncClient": self.client.aclient,
            "Asset": fh.Asset,
            "Batch": self.batch,
            "CallbackReceiver": fh.CallbackReceiver(),
            "Canary": self.canary,
            "Client": self.client,
            "Comparison": self.compared,
            "Deployment": self.deployment,
            "Deployments": fh.deployments(self.client),
            "Field": self.form.fields["ticket"],
            "Form": self.form,
            "InvokeRequest": self.client.aclient.request("support-triage", variant="keywords", inputs={"ticket": "a"}),
            "LocalHive": self.hive,
            "PendingRun": self.pending,
            "Race": self.race,
            "Ratings": self.compared.ratings(),
            "Run": self.run,
            "Trend": fh.trend("support-triage"),
            "Judge": fh.score.judge("support-triage", variant="keywords", client=self.client),
        }


SETTERS: Final = {
    "Form": ["value", "variants", "delivery", "repeats", "dataset"],
    "Field": ["value"],
    "Batch": ["max_concurrency"],
}
"""Properties that a user sets."""

ANY_MESSAGE = ("FetchHiveError", "GateFailed", "SettingsError", "StoreError")
"""Errors that take any message, as Python's own do: one that is no text is shown by its ``repr``, whatever that does."""


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield every public function and class, by its public name."""
    for name in fh.__all__:
        public = getattr(fh, name)
        if isinstance(public, types.ModuleType):
            for inner in public.__all__:
                if callable(getattr(public, inner)) and f"{name}.{inner}" not in MADE_BY_US:
                    yield f"fh.{name}.{inner}", getattr(public, inner)
        elif callable(public) and name not in MADE_BY_US and name not in ANY_MESSAGE:
            yield f"fh.{name}", public


def methods(made: Any, name: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the public methods of an object that take arguments, and its setters."""
    for attribute in dir(type(made)):
        if attribute.startswith("_") or attribute in PLUMBING.get(name, ()):
            continue
        kind = inspect.getattr_static(type(made), attribute)
        if not isinstance(kind, types.FunctionType | classmethod | staticmethod):
            continue
        method = getattr(made, attribute)
        if inspect.signature(method).parameters:
            yield f"{name}.{attribute}", method
    for attribute in SETTERS.get(name, ()):

        def put(value: Any, attribute: str = attribute) -> None:
            setattr(made, attribute, value)

        put.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(attribute, inspect.Parameter.POSITIONAL_ONLY)]
        )
        yield f"{name}.{attribute} =", put


def targets(world: World) -> list[Target]:
    """Return everything that is called."""
    valid = world.valid()
    found = [
        Target(name, call, valid.get(name, {})) for name, call in functions() if inspect.signature(call).parameters
    ]
    for name, made in world.returned().items():
        if isinstance(made, type):  # only its alternative constructors
            found += [
                Target(f"{name}.{k}", getattr(made, k), valid.get(f"{name}.{k}", {}))
                for k in dir(made)
                if not k.startswith("_") and isinstance(inspect.getattr_static(made, k), classmethod)
            ]
            continue
        found += [Target(called, call, valid.get(called, {})) for called, call in methods(made, name)]
    # Of the hive in which runs are paused: elsewhere they would be waited for.
    asking = {f"LocalHive.{name}": getattr(world.asking, name) for name in ("decide", "wait_approval")}
    return [Target(each.name, asking.get(each.name, each.call), each.valid) for each in found]
