"""Frames of scores for tests of comparisons, and a deployment that takes a password."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import fh_notebook as fh

TELL = fh.Deployment(
    "tell",
    variants=["a", "b"],
    inputs={"text": fh.text(), "token": fh.Variable({"type": "string", "format": "password"}, True)},
)
"""It takes a password beside its text, which a test's hive repeats in answers and errors."""


def scores(seed: int = 0, n: int = 60, **shift: float) -> pd.DataFrame:
    """Return numbers for variants, each with its own shift: a row is hard or easy for all of them."""
    rng = np.random.default_rng(seed)
    hard = rng.normal(0.0, 1.0, n)
    columns = {name: hard + by + rng.normal(0.0, 1.0, n) for name, by in shift.items()}
    return tall(columns)


def tall(columns: dict[str, Any]) -> pd.DataFrame:
    """Return one line a row and variant: ``row``, ``variant``, ``s``."""
    wide = pd.DataFrame(columns)
    wide["row"] = range(len(wide))
    return wide.melt(id_vars="row", var_name="variant", value_name="s").dropna(subset=["s"]).reset_index(drop=True)
