"""Scoring 100,000 runs: `exact`, `contains`, `json_valid`, and what of it is the scorer's own.

The bar is 5 seconds a scorer, for runs that are at hand (`score_runs`): computed without a store, computed and kept,
and found kept at the next time. Beside it: the whole of ``fh.compare`` over a DataFrame of these runs and over a batch
that is read back from its store, which also read, pair and sum up.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import pandas as pd

import fh_notebook as fh
from fh_notebook.comparing.scorers.observations import Observation, read_observations
from fh_notebook.comparing.scorers.runner import score_runs
from fh_notebook.session import session
from tests.benchmarks.measuring import table

RUNS: Final = 100_000
VARIANTS: Final = ("a", "b")
BAR_S: Final = 5.0


def main(*, runs: int = RUNS, repeats: int = 3) -> None:
    with _own_store():
        _at_hand(runs, repeats)
        _whole(runs, repeats)


def _at_hand(runs: int, repeats: int) -> None:
    found = read_observations(_frame(runs), pair_on="row")
    ready = (
        (fh.score.exact(), "bar: 5 s"),
        (fh.score.exact(path="label"), ""),
        (fh.score.contains(), "bar: 5 s"),
        (fh.score.json_valid(), "bar: 5 s"),
        (fh.score.json_fields("expected_object"), ""),
        (fh.score.number(expected="n"), ""),
        (fh.score.regex("bill.ng"), ""),
        (fh.score.similarity(), ""),
        (fh.score.rouge_l(), ""),
        (fh.score.weighted((fh.score.exact(), 2), fh.score.json_valid()), ""),
        (_own, "a user's function"),
    )
    lines = []
    for scorer, note in ready:
        alone = _median(partial(_timed, partial(_without_store, found, scorer)), repeats)
        kept = _median(partial(_timed, partial(score_runs, found, scorer, fresh=True)), repeats)
        again = _median(partial(_timed, partial(score_runs, found, scorer)), repeats)
        name = getattr(scorer, "name", "lambda run: len(run.text) > 20")
        lines.append((name, f"{alone:.2f} s", f"**{kept:.2f} s**", f"{again:.2f} s", note))
    table((f"{runs:,} runs at hand", "computed", "and kept", "again, found kept", ""), lines)
    print()


def _without_store(found: Sequence[Observation], scorer: Any) -> None:
    kept = os.environ["FH_NOTEBOOK_STORE"]
    fh.configure(store=None)
    try:
        score_runs(found, scorer)
    finally:
        fh.configure(store=kept)


def _whole(runs: int, repeats: int) -> None:
    frame = _frame(runs)
    batch = _batch(runs)
    lines = []
    for name, source, score in (
        ("fh.compare(frame, score=exact())", frame, fh.score.exact()),
        ("fh.compare(frame, score=json_valid())", frame, fh.score.json_valid()),
        ("fh.compare(batch, score=exact())", batch, fh.score.exact()),
        ("fh.compare(batch, score=contains())", batch, fh.score.contains()),
    ):
        first = _timed(partial(fh.compare, source, score=score))
        again = _median(partial(_timed, partial(fh.compare, source, score=score)), repeats)
        lines.append((name, f"{first:.2f} s", f"{again:.2f} s"))
    first = _timed(lambda: fh.compare(batch, score=_own))
    again = _median(lambda: _timed(lambda: fh.compare(batch, score=_own)), repeats)
    lines.append(("the same, a user's function", f"{first:.2f} s", f"{again:.2f} s"))
    table((f"{runs:,} runs, all of it", "first: computed and kept", "again: found kept"), lines)


def _own(run: fh.Run) -> bool:
    return len(run.text) > 20


def _frame(runs: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "row": [i // len(VARIANTS) for i in range(runs)],
            "variant": [VARIANTS[i % len(VARIANTS)] for i in range(runs)],
            "output": [json.dumps({"label": ("billing", "other")[i % 3 == 0], "n": i}) for i in range(runs)],
            "expected_output": ["billing"] * runs,
            "expected_object": ['{"label": "billing"}'] * runs,
            "n": list(range(runs)),
        }
    )


def _batch(runs: int) -> fh.Batch:
    hive = fh.local.LocalHive()
    for variant in VARIANTS:

        @hive.workflow("label", variant=variant)
        def label(ticket: str) -> str:
            return "billing"

    rows = [{"ticket": f"ticket {i}", "expected_output": "billing"} for i in range(runs // len(VARIANTS))]
    return fh.batch(rows, "label", client=hive.client(), progress=False, max_concurrency=50)


def _median(measure: Callable[[], float], repeats: int) -> float:
    return statistics.median(measure() for _ in range(repeats))


def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@contextmanager
def _own_store() -> Iterator[None]:
    before = os.environ.get("FH_NOTEBOOK_STORE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FH_NOTEBOOK_STORE"] = str(Path(folder) / "answers.sqlite3")
        session.reset()
        try:
            yield
        finally:
            session.reset()
            if before is None:
                del os.environ["FH_NOTEBOOK_STORE"]
            else:
                os.environ["FH_NOTEBOOK_STORE"] = before
