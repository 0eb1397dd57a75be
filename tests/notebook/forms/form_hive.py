"""A hive for forms: deployment ``reply``, whose variants take whatever a form sends, and may be held."""

from __future__ import annotations

import threading
from typing import Any

from fh_notebook.local import LocalHive, ask_human

KEY = "fhk_0123456789abcdef"
PASSWORD = "correct-horse-battery"
PATIENCE_S = 90.0


class FormHive(LocalHive):
    """``plain`` and ``other`` answer at once, ``held`` when the test lets it; deployment ``refund``
    waits for a person; `got` has the inputs of every call."""

    def __init__(self, api_key: str | None = KEY) -> None:
        super().__init__(api_key=api_key)
        self.began = threading.Semaphore(0)
        self.hold = threading.Event()
        self.got: list[dict[str, Any]] = []

        @self.workflow("reply", variant="plain")
        def plain(**inputs: Any) -> str:
            self.got.append(inputs)
            return f"Dear customer, {inputs.get('ticket')}"

        @self.workflow("reply", variant="other")
        def other(**inputs: Any) -> dict[str, Any]:
            self.got.append(inputs)
            return {"label": "delivery", "words": inputs.get("max_words")}

        @self.workflow("refund", variant="asks", human="finance")
        def asks(amount: int) -> str:
            return "paid" if ask_human(f"Refund {amount}?").approved else "refused"

        @self.workflow("reply", variant="held")
        def held(**inputs: Any) -> str:
            self.got.append(inputs)
            self.began.release()
            self.hold.wait(300)
            return "at last"

    def wait_for(self, calls: int) -> None:
        """Wait until so many more held calls have begun."""
        for _ in range(calls):
            assert self.began.acquire(timeout=PATIENCE_S), "a held call did not begin"


DECLARED = """
reply = fh.Deployment(
    "reply", variants=["plain", "held"], description="Draft a reply to a ticket.",
    inputs={
        "ticket": fh.text(multiline=True, description="What the customer wrote."),
        "tone": fh.choice("calm", "brief", required=False),
        "max_words": fh.integer(default=120, minimum=1, description="The longest reply, in words."),
        "token": fh.text(secret=True, required=False),
    },
)
"""
"""The deployment, as a cell declares it."""
