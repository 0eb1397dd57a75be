"""A hive on this machine: a real service that speaks the Fetch Hive contract and runs workflows written in Python.

Rule of this room: it shares no codec with the client (neither ``contract.wire`` nor ``client``): both are pinned to the
golden exchanges in ``tests/contract/golden``, each by itself. In the order in which a call meets them:

::

    hive.py options.py                   `LocalHive`: what a user holds, sets and does to it while it lives
    server.py transport.py               the ways in: a socket, and none
    app.py bodies.py                     addresses and the key; what a caller sent, read
    service.py registry.py codes.py      `Service`: one request; which workflow runs; what it refuses
    faults.py broken.py                  what calls shall meet: errors, and answers that go wrong on the line
    limits.py run_queue.py book.py       a plan's limits; runs at work or waiting; what is remembered
    runs.py threads.py engine.py         a workflow is run: in a thread, on the hive's own loop
    approvals.py assets.py               workflows that wait for a person; files that they made
    wire_out.py callbacks.py             what is answered, and what is delivered later
    demo.py triage.py                    the demo and its workflows
"""

from __future__ import annotations

from fh_notebook.local.approvals import Approval, Decision, aask_human, ask_human
from fh_notebook.local.book import Call, Counts
from fh_notebook.local.callbacks import Delivery
from fh_notebook.local.demo import demo_hive, tickets, tickets_path
from fh_notebook.local.hive import LocalHive
from fh_notebook.local.registry import WebhookEndpoint

__all__ = [
    "Approval",
    "Call",
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
