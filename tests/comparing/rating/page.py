"""Tools for tests of rating: a comparison, and a page that presses keys without a browser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pandas as pd

import fh_notebook as fh
from fh_notebook.notebook.rater import Rater

PATIENCE_S = 30.0


def compared(rows: int = 12, variants: Sequence[str] = ("larkspur", "foxglove"), **columns: Any) -> fh.Comparison:
    """Return a comparison in which the variants after the first score more on every other row."""
    lines = [
        {"row": row, "variant": name, "ticket": f"Ticket {row}", "output": f"answer {row} no. {n}",
         "s": int(n == row % len(variants)), **{key: value(row, n) for key, value in columns.items()}}
        for row in range(rows) for n, name in enumerate(variants)
    ]  # fmt: skip
    return fh.compare(pd.DataFrame(lines), score="s")


class Page:
    """A page: it sends what a page sends, and has what it was told."""

    def __init__(self, rater: Rater, client: str | None = None) -> None:
        self.rater = rater
        self.client = client or uuid4().hex
        self.told: list[dict[str, Any]] = []
        self.seq = 0

    def send(self, **content: Any) -> list[dict[str, Any]]:
        """Send a message, and return what is said to it."""
        said: list[dict[str, Any]] = []
        job = self.rater.receive({"client": self.client, **content}, said.append)
        assert job.finished.wait(PATIENCE_S)
        job.result()
        self.told += said
        return said

    def event(self, n: int, choice: str, **rest: Any) -> dict[str, Any]:
        """Return the event of a key."""
        self.seq += 1
        return {"client": self.client, "seq": self.seq, "n": n, "choice": choice, "seconds": 1.5, **rest}

    def press(self, *keys: tuple[int, str]) -> list[dict[str, Any]]:
        """Press keys, in one message."""
        return self.send(kind="events", message=self.seq, events=[self.event(n, key) for n, key in keys])


def rate_by(cmp: fh.Comparison, rater: str, choose: Any, **options: Any) -> Rater:
    """Have somebody rate everything: `choose` has the item, and returns ``a``, ``b``, ``tie`` or ``skip``."""
    shown = cmp.rate(rater=rater, **options)
    session = shown.session
    keys = []
    for n, item in enumerate(session.items):
        choice = choose(item)
        if choice in ("a", "b"):
            choice = "21"[(choice == "a") ^ session.is_swapped(n)]
        keys.append((n, choice))
    Page(shown).press(*keys)
    return shown
