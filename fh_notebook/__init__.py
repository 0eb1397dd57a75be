"""A Jupyter workbench for Fetch Hive workflows.

Type Start variables into a ``%%fetchhive`` cell, invoke a deployment, run a whole DataFrame through several variants,
and decide which variant is better. It works offline against an embedded local hive.

Importing this package loads nothing heavy: every public name is fetched on first use.

Examples
--------
>>> import fh_notebook as fh
>>> with fh.local.demo_hive().client() as hive:
...     run = hive.invoke("support-triage", variant="keywords", inputs={"ticket": "I was charged twice."})
>>> run.output
'billing'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from fh_notebook.version import __version__ as __version__

if TYPE_CHECKING:
    from fh_notebook import local, store
    from fh_notebook.batching.batch import Batch
    from fh_notebook.batching.forgetting import forget
    from fh_notebook.batching.history import history
    from fh_notebook.batching.mapping import const
    from fh_notebook.batching.reopen import merge_ratings, open_batch
    from fh_notebook.batching.start import abatch, batch, last_batch
    from fh_notebook.calls import ainvoke, invoke
    from fh_notebook.client.blocking import Client
    from fh_notebook.client.client import AsyncClient
    from fh_notebook.client.pending import PendingRun
    from fh_notebook.client.receiver import CallbackReceiver
    from fh_notebook.comparing import scorers as score
    from fh_notebook.comparing.comparison import Comparison, compare
    from fh_notebook.contract.deployment import Deployment
    from fh_notebook.contract.models import InvokeRequest
    from fh_notebook.contract.run import Asset, Run
    from fh_notebook.contract.signing import verify_signature
    from fh_notebook.contract.variables import (
        Variable,
        any_,
        array,
        boolean,
        choice,
        date,
        datetime_,
        group,
        integer,
        number,
        text,
    )
    from fh_notebook.contract.wire import parse_event
    from fh_notebook.errors import (
        AuthError,
        CallError,
        ConnectFailed,
        FetchHiveError,
        InputError,
        LimitReached,
        RunFailed,
        SettingsError,
        SnippetError,
        StoreError,
    )
    from fh_notebook.notebook.form import Form
    from fh_notebook.notebook.form_api import form
    from fh_notebook.racing.power import power
    from fh_notebook.racing.race import Race
    from fh_notebook.racing.start import arace, race
    from fh_notebook.reattaching import areattach, pending, reattach
    from fh_notebook.session import deployments
    from fh_notebook.settings import configure
    from fh_notebook.values import UNSET, Secret

_HOMES: Final[dict[str, tuple[str, ...]]] = {
    "fh_notebook.batching.batch": ("Batch",),
    "fh_notebook.batching.forgetting": ("forget",),
    "fh_notebook.batching.history": ("history",),
    "fh_notebook.batching.mapping": ("const",),
    "fh_notebook.batching.reopen": ("merge_ratings", "open_batch"),
    "fh_notebook.batching.start": ("abatch", "batch", "last_batch"),
    "fh_notebook.calls": ("ainvoke", "invoke"),
    "fh_notebook.client.blocking": ("Client",),
    "fh_notebook.client.client": ("AsyncClient",),
    "fh_notebook.client.pending": ("PendingRun",),
    "fh_notebook.client.receiver": ("CallbackReceiver",),
    "fh_notebook.comparing.comparison": ("Comparison", "compare"),
    "fh_notebook.contract.deployment": ("Deployment",),
    "fh_notebook.contract.models": ("InvokeRequest",),
    "fh_notebook.contract.run": ("Asset", "Run"),
    "fh_notebook.contract.signing": ("verify_signature",),
    "fh_notebook.contract.variables": (
        "Variable",
        "any_",
        "array",
        "boolean",
        "choice",
        "date",
        "datetime_",
        "group",
        "integer",
        "number",
        "text",
    ),
    "fh_notebook.contract.wire": ("parse_event",),
    "fh_notebook.errors": (
        "AuthError",
        "CallError",
        "ConnectFailed",
        "FetchHiveError",
        "InputError",
        "LimitReached",
        "RunFailed",
        "SettingsError",
        "SnippetError",
        "StoreError",
    ),
    "fh_notebook.notebook.form": ("Form",),
    "fh_notebook.notebook.form_api": ("form",),
    "fh_notebook.racing.power": ("power",),
    "fh_notebook.racing.race": ("Race",),
    "fh_notebook.racing.start": ("arace", "race"),
    "fh_notebook.reattaching": ("areattach", "pending", "reattach"),
    "fh_notebook.session": ("deployments",),
    "fh_notebook.settings": ("configure",),
    "fh_notebook.values": ("UNSET", "Secret"),
}
_HOME_OF: Final = {name: module for module, names in _HOMES.items() for name in names}
_MODULES: Final = {
    "local": "fh_notebook.local",
    "score": "fh_notebook.comparing.scorers",
    "store": "fh_notebook.store",
}
"""Names that stand for a whole module."""

__all__ = [
    "UNSET",
    "Asset",
    "AsyncClient",
    "AuthError",
    "Batch",
    "CallError",
    "CallbackReceiver",
    "Client",
    "Comparison",
    "ConnectFailed",
    "Deployment",
    "FetchHiveError",
    "Form",
    "InputError",
    "InvokeRequest",
    "LimitReached",
    "PendingRun",
    "Race",
    "Run",
    "RunFailed",
    "Secret",
    "SettingsError",
    "SnippetError",
    "StoreError",
    "Variable",
    "abatch",
    "ainvoke",
    "any_",
    "arace",
    "areattach",
    "array",
    "batch",
    "boolean",
    "choice",
    "compare",
    "configure",
    "const",
    "date",
    "datetime_",
    "deployments",
    "forget",
    "form",
    "group",
    "history",
    "integer",
    "invoke",
    "last_batch",
    "local",
    "merge_ratings",
    "number",
    "open_batch",
    "parse_event",
    "pending",
    "power",
    "race",
    "reattach",
    "score",
    "store",
    "text",
    "verify_signature",
]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        value = getattr(import_module(_HOME_OF[name]), name)
    elif name in _MODULES:
        value = import_module(_MODULES[name])
    else:
        raise AttributeError(f"module 'fh_notebook' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: Any) -> None:
    """Register the magics: ``%load_ext fh_notebook``. Nothing is printed, patched or called."""
    from fh_notebook.notebook import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take the magics away again: ``%unload_ext fh_notebook``."""
    from fh_notebook.notebook import unload

    unload(shell)
