"""How a pending run shows itself: one line of text, one card of HTML; once its outcome is here, as that shows itself.

Rule of this file: it says what is waited for, of whom, since when, and why nothing is heard, if that is so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fh_notebook import html
from fh_notebook.contract.callbacks import asked_of
from fh_notebook.contract.run import one_line

if TYPE_CHECKING:
    from fh_notebook.client.pending import PendingRun

__all__ = ["card_of", "text_of"]


def text_of(pending: PendingRun) -> str:
    """Return a pending run in one line."""
    if pending.done:
        return f"PendingRun({pending.run!r})"
    where = "/".join(x for x in (pending.deployment, pending.variant) if x)
    parts = [one_line(pending.status), where, one_line(pending.request_id or pending.run_id or "")]
    parts += [f"waits for {pending.waits_for}"] if pending.waits_for else []
    parts += ["not waited for"] if not pending.waiting else []
    parts += [pending.trouble] if pending.trouble else []
    return f"PendingRun({', '.join(p for p in parts if p)})"


def card_of(pending: PendingRun) -> html.Html:
    """Return the card of a pending run."""
    if pending.done:
        return pending.run.html_card()
    where = " / ".join(x for x in (pending.deployment, pending.variant) if x)
    head = html.el("div", html.badge(pending.status), " ", html.el("strong", where), cls="fh-head")
    since = f" since {pending.started_at:%H:%M:%S} UTC" if pending.started_at else ""
    way = "its callback is waited for" if pending.by_callback else "the service is asked now and then"
    how = f"{way}{since}" if pending.waiting else "not waited for any more; fh.reattach() goes on"
    trouble = html.el("div", pending.trouble, cls="fh-dim") if pending.trouble else None
    foot = html.el("div", f"{how} · {pending.request_id or pending.run_id or ''}", cls="fh-dim fh-foot")
    return html.el("div", head, *_asked(pending), trouble, foot, cls="fh-card")


def _asked(pending: PendingRun) -> list[html.Html]:
    """Who decides, to be seen at a glance, and what they are asked, as long as it may be."""
    who, question = asked_of(pending.run)
    parts = [html.el("div", "Waits for ", html.el("strong", one_line(who)))] if who else []
    return parts + ([html.folded(question, whole="pending.run.raw has all")] if question else [])
