"""A request in full, for who wants to see it first: exact, but for the key, secret inputs, and what is long. Pure."""

from __future__ import annotations

import json
from typing import Any, Final

from fh_notebook import html
from fh_notebook.client.connection import Connection
from fh_notebook.contract.callbacks import NOWHERE
from fh_notebook.contract.models import InvokeRequest
from fh_notebook.contract.secrets import Secrets, mask_inputs

__all__ = ["delivered", "request_text", "shortened"]

TEXT_CAP: Final = 500
"""Characters of one text: enough to see that it is the right one."""

ITEMS_CAP: Final = 20
"""Items of one list: more are never read one by one."""


def shortened(value: Any) -> Any:
    """Return `value` with its long texts and lists cut, and said how long they are.

    Examples
    --------
    >>> shortened({"ticket": "x" * 12_345})["ticket"][-24:]
    'xxx… (12,345 characters)'
    >>> shortened(list(range(1_000)))[-2:]
    [19, '… (1,000 items)']
    """
    if isinstance(value, str):
        return value if len(value) <= TEXT_CAP else f"{value[:TEXT_CAP]}… ({len(value):,} characters)"
    if isinstance(value, dict):
        return {name: shortened(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        more = [f"… ({len(value):,} items)"] if len(value) > ITEMS_CAP else []
        return [shortened(item) for item in value[:ITEMS_CAP]] + more
    return value


MADE_LATER: Final = "(this kernel's receiver: its address is made when the call is)"


def delivered(request: InvokeRequest, delivery: str, here: Connection) -> InvokeRequest:
    """Return a request as ``--delivery`` has it sent; ``auto`` sends it directly first."""
    if delivery not in ("callback", "poll"):
        return request
    return request.delivered_to(MADE_LATER if delivery == "callback" and here.is_near else NOWHERE)


def request_text(
    base_url: str, key: object, request: InvokeRequest, secrets: Secrets | None = None, *, whole: bool = False
) -> str:
    """Return one request as text, as it would be sent.

    Parameters
    ----------
    base_url : str
        Where it would go.
    key : Secret
        Shown as its mask.
    request : InvokeRequest
        What would be sent.
    secrets : Secrets, optional
        Which inputs are shown as ``***``.
    whole : bool
        Whether long texts and lists are shown to their end.

    Examples
    --------
    >>> from fh_notebook.values import Secret
    >>> request = InvokeRequest(deployment="brief", variant="a", inputs={"topic": "AI"})
    >>> print(request_text("https://api.example.com/v1", Secret("fhk_1"), request))
    POST https://api.example.com/v1/workflow/invoke
    Authorization: Bearer ***
    {
      "deployment": "brief",
      "variant": "a",
      "inputs": {
        "topic": "AI"
      }
    }
    """
    body = request.body()
    body["inputs"] = dict(mask_inputs(request.inputs, secrets or Secrets()))
    spelt = json.dumps(body if whole else shortened(body), ensure_ascii=False, indent=2)
    if html.printable(spelt) != spelt:  # what a terminal obeys, or what turns a text around, as JSON can write it too
        spelt = "".join(sign if html.printable(sign) == sign else f"\\u{ord(sign):04x}" for sign in spelt)
    return f"POST {base_url}/workflow/invoke\nAuthorization: Bearer {key}\n{spelt}"
