"""Local hive: a real service on this machine that implements the Fetch Hive contract and runs workflows in Python.

Rule of this package: it shares no codec with the client (neither ``contract.wire`` nor ``client``): both are pinned to
the golden exchanges in ``tests/contract/golden``, each by itself.

Start with `hive` (`LocalHive`). A request passes ``http/``, `service` and `workflows`; `responses` and
`callback_sender` send its answer.
"""

from __future__ import annotations

from fh_notebook.local.approvals import Approval, Choice, Decision, aask_human, ask_human
from fh_notebook.local.callback_sender import Delivery
from fh_notebook.local.demo import demo_hive, tickets, tickets_path
from fh_notebook.local.hive import LocalHive
from fh_notebook.local.records import Call, Counts
from fh_notebook.local.workflows import WebhookEndpoint

__all__ = [
    "Approval",
    "Call",
    "Choice",
    "Counts",
    "Decision",
    "Delivery",
    "LocalHive",
    "WebhookEndpoint",
    "aask_human",
    "ask_human",
    "demo_hive",
    "tickets",
    "tickets_path",
]
