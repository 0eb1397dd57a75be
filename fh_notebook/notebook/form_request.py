"""What Run would send, exactly: the address, the key as its mask, and the whole body of the call.

Rule of this file: it is made of the very requests that Run would send. Only the key and secret inputs are masked, and
what is longer than a page bears is folded, with its length.
"""

from __future__ import annotations

from collections.abc import Sequence

from fh_notebook import html
from fh_notebook.client.connection import Connection
from fh_notebook.contract.models import InvokeRequest
from fh_notebook.contract.secrets import Secrets
from fh_notebook.errors import InputError
from fh_notebook.notebook.dry_run import delivered, request_text
from fh_notebook.notebook.form_later import Later
from fh_notebook.notebook.form_panel import Reused
from fh_notebook.notebook.form_parts import Look, line
from fh_notebook.problems import Problem

__all__ = ["RequestPanel", "request_page"]


class RequestPanel:
    """Shows the request while it is open."""

    def __init__(self, core: Reused, look: Look) -> None:
        self._core = core
        self.widget = look.text(dom_class="fh-request")
        self._later = Later(self._tell)

    def follow(self) -> None:
        """Show what Run would send now. Whom to ask is found on a thread: a keyring may ask the person first."""
        self._later.do(lambda: self._core.find_client().aclient.connection, self._found)

    def _found(self, connection: Connection) -> None:
        try:
            delivery = self._core.choice.delivery
            requests = [delivered(request, delivery, connection) for request in self._core.requests()]
        except InputError as told:
            self._tell(str(told))
            return
        self.widget.value = str(request_page(connection, requests, self._core.secrets, self._core.problems))

    def _tell(self, trouble: str) -> None:
        self.widget.value = line(trouble, kind="error")


def request_page(
    connection: Connection, requests: Sequence[InvokeRequest], secrets: Secrets, problems: Sequence[Problem] = ()
) -> html.Html:
    """Return the page: of the first variant all, of the others that they differ in its name alone."""
    if not requests:
        return html.el("div", str(problems[0]) if problems else "nothing to send", cls="fh fh-error")
    said = request_text(connection.base_url, connection.key, requests[0], secrets, whole=True)
    variants = list(dict.fromkeys(request.variant for request in requests))
    notes = [f"{len(requests):,} calls" if len(requests) > 1 else "1 call"]
    if len(variants) > 1:
        others = "the other is" if len(requests) == 2 else "the others are"
        notes.append(f"{others} the same with the variant {', '.join(str(name) for name in variants[1:])}")
    refused = html.el("div", "Run would send nothing: there are problems.", cls="fh-error") if problems else None
    return html.el(
        "div",
        html.el("div", "; ".join(notes), cls="fh-dim"),
        refused,
        html.folded(said, whole="form.value has all inputs", cap=4 * html.TEXT_CAP),
        cls="fh",
    )
