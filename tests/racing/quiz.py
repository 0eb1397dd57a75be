"""A hive with a quiz: variants that are right on so many of the questions, each always on the same ones."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from typing import Any

from fh_notebook.local import LocalHive


class Quiz:
    """A quiz of yes and no.

    Parameters
    ----------
    rates : mapping
        How often each variant is right.
    wait : dict
        Seconds that a question takes, by its number; others take none. Read at each call.
    """

    def __init__(self, rates: dict[str, float], *, wait: dict[int, float] | None = None, **options: Any) -> None:
        self.hive = LocalHive(**options)
        self.rates = rates
        self.ran: Counter[tuple[str, int]] = Counter()
        self._lock = threading.Lock()
        for name in rates:
            self._declare(name, {} if wait is None else wait)

    def _declare(self, name: str, wait: dict[int, float]) -> None:
        @self.hive.workflow("quiz", variant=name)
        async def answer(number: int) -> str:
            with self._lock:
                self.ran[name, number] += 1
            if number in wait:
                await asyncio.sleep(wait[number])
            if self.is_right(name, number) is None:
                raise RuntimeError(f"no answer to {number}")
            return "yes" if self.is_right(name, number) else "no"

    def is_right(self, name: str, number: int) -> bool | None:
        """Whether `name` is right; ``None`` where it fails: a negative rate is that of failing."""
        rate = self.rates[name]
        hit = random.Random(f"{name} {number}").random() < abs(rate)
        return hit if rate >= 0 else None if hit else True

    @property
    def calls(self) -> int:
        return self.ran.total()

    def calls_of(self, name: str) -> int:
        return sum(times for (variant, _), times in self.ran.items() if variant == name)


def questions(rows: int) -> list[dict[str, Any]]:
    """Rows whose right answer is always yes."""
    return [{"number": number, "expected_output": "yes"} for number in range(rows)]
