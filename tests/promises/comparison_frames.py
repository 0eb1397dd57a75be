"""Frames, hives and clocks that the promises of comparisons share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

import fh_notebook as fh


def tall(columns: Mapping[str, Any], **more: Any) -> pd.DataFrame:
    """Return a line for each row and variant: ``row``, ``variant``, the score ``s``, and more columns of the rows."""
    wide = pd.DataFrame(dict(columns))
    wide["row"] = range(len(wide))
    lines = wide.melt(id_vars="row", var_name="variant", value_name="s")
    for name, values in more.items():
        lines[name] = [values[row] for row in lines["row"]]
    return lines.reset_index(drop=True)


def compared(columns: Mapping[str, Any], **options: Any) -> fh.Comparison:
    """Return the comparison of variants by their scores, one a row."""
    return fh.compare(tall(columns), score="s", **options)


def outcomes(n: int, wins: int, losses: int) -> dict[str, list[int]]:
    """Return yes/no scores of ``a`` and ``b``, of which ``b`` wins and loses so many rows."""
    first = [0] * wins + [1] * (n - wins)
    second = [1] * wins + [0] * losses + [1] * (n - wins - losses)
    return {"a": first, "b": second}


def pair_of(cmp: fh.Comparison) -> dict[str, Any]:
    """Return the only line of ``pairs()``."""
    (line,) = cmp.pairs().to_dict("records")
    return line


def numbers(seed: int, n: int, **shift: float) -> dict[str, np.ndarray]:
    """Return numbers for variants, each with its own shift: a row is hard or easy for all of them."""
    rng = np.random.default_rng(seed)
    hard = rng.normal(0.0, 1.0, n)
    return {name: hard + by + rng.normal(0.0, 1.0, n) for name, by in shift.items()}


def hive_of(deployment: str, variants: Mapping[str, Callable[[str], Any]], **options: Any) -> fh.local.LocalHive:
    """Return a hive with a deployment that takes one text."""
    hive = fh.local.LocalHive(**options)

    def declare(name: str, answer: Callable[[str], Any]) -> None:
        @hive.workflow(deployment, variant=name)
        def run(text: str) -> Any:
            return answer(text)

    for name, answer in variants.items():
        declare(name, answer)
    return hive


def answers(outputs: Sequence[Any], expected: Any = None, variant: str = "a") -> pd.DataFrame:
    """Return a frame with an output a row, and what is expected of it."""
    frame = pd.DataFrame({"row": range(len(outputs)), "variant": variant})
    frame["output"] = pd.Series(list(outputs), dtype=object)
    if expected is not None:
        frame["expected_output"] = pd.Series(list(expected), dtype=object)
    return frame
