"""Frames that the tests of `cmp.browse()` look at."""

from __future__ import annotations

from typing import Any

import pandas as pd

NAN = float("nan")


def small() -> pd.DataFrame:
    """Six rows, three variants: differing, failed, pending, tied, JSON, a missing score."""
    outputs: list[list[Any]] = [
        ["late", "late", "late"],
        ["late", "lost", "late "],
        ["Refund", "refund soon", None],
        [{"label": "late", "n": 1}, {"n": 1, "label": "late"}, {"label": "lost", "n": 1}],
        ["x", "y", "z"],
        ["same", "same", None],
    ]
    scores = [[1, 1, 1], [0, 1, 0], [0.5, 0.25, NAN], [0.2, 0.4, 0.9], [NAN, NAN, NAN], [1, 0, NAN]]
    status = {(2, 2): "failed", (5, 2): "pending"}
    lines = [
        {
            "row": row * 10,
            "variant": variant,
            "output": outputs[row][place],
            "s": scores[row][place],
            "status": status.get((row, place), "completed"),
            "error": "502 from the Provider" if (row, place) == (2, 2) else None,
            "elapsed_s": 0.1 * (row + 1) if variant == "a" else 0.5,
            "ticket": f"Ticket {row}: where is it?",
            "language": ["en", "de"][row % 2],
        }
        for row in range(6)
        for place, variant in enumerate("abc")
    ]
    return pd.DataFrame(lines)
