"""The runs of a form whose answers come later, as rows: what each is, how far, whom it waits for, since when.

Rule of this file: a row is there from when the service has taken its call until the answer has come, also when a newer
submit has the columns; nothing here waits, and closing the notebook loses none of them (``fh.reattach()``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from fh_notebook import html
from fh_notebook.contract.run import one_line
from fh_notebook.plural import agreeing, counted

if TYPE_CHECKING:
    from fh_notebook.client.pending import PendingRun

__all__ = ["pending_page", "waited_text"]

SHOWN: Final = 20
"""Rows at most; ``form.pending`` has all."""


def waited_text(pending: PendingRun) -> str:
    """Return in one line what a run waits for, or why nothing is heard of it."""
    who = f"It waits for {one_line(pending.waits_for, 300)}" if pending.waits_for else ""
    return "; ".join(filter(None, (who, one_line(pending.trouble, 300)))) or "The answer comes later"


def pending_page(runs: Sequence[PendingRun]) -> html.Html | str:
    """Return the runs that are waited for as rows; nothing where there is none."""
    if not runs:
        return ""
    number = f"{counted(len(runs), 'run')} {agreeing(len(runs), 'are')}"
    left = len(runs) - SHOWN
    return html.el(
        "div",
        html.STYLE,
        html.el("div", f"{number} waited for; the answer shows here when it comes", cls="fh-dim", role="status"),
        *map(_row, runs[:SHOWN]),
        html.el("div", f"and {left:,} more; form.pending has all", cls="fh-dim") if left > 0 else None,
        cls="fh",
    )


def _row(run: PendingRun) -> html.Html:
    """One run: how far, which variant, what it waits for, since when; it wraps where the page is narrow."""
    since = f"since {run.started_at:%H:%M:%S} UTC" if run.started_at else ""
    facts = " · ".join(filter(None, (since, one_line(run.request_id or run.run_id or "", 80))))
    return html.el(
        "div",
        html.el("div", html.badge(one_line(run.status, 40)), " ", html.el("strong", one_line(run.variant or "", 80))),
        html.el("div", html.el("bdi", waited_text(run))),
        html.el("div", facts, cls="fh-dim fh-foot"),
        cls="fh-pending-row",
        style="padding:4px 0;overflow-wrap:anywhere",
    )
