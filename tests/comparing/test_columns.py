"""A comparison reads columns: objects are made for runs that somebody looks at."""

from __future__ import annotations

import gc
import inspect
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import fh_notebook as fh
from fh_notebook.batching.model import Job, Outcome
from fh_notebook.comparing.scorers.observations import Observation
from fh_notebook.store.tables.answers import RunFields
from fh_notebook.store.tables.batches import JobKeyRow, StoredRow

ROWS = 30
"""Each of two variants."""


def opened() -> fh.Batch:
    """Return a kept batch that was opened by its name; every third row is answered wrong by one variant."""
    hive = fh.local.LocalHive(name="columns")
    hive.workflow("shout", variant="a")(lambda text: text.upper())
    hive.workflow("shout", variant="b")(lambda text: text.upper() if int(text[1:]) % 3 else "?")
    rows = [{"text": f"t{number}", "expected_output": f"T{number}"} for number in range(ROWS)]
    fh.batch(rows, "shout", variants=["a", "b"], client=hive.client(), name="columns", progress=False)
    return fh.open_batch("columns", client=hive.client())


@contextmanager
def counted(*classes: type) -> Iterator[Counter[str]]:
    """Count the objects that are made of these classes."""
    names = {inspect.unwrap(cls.__init__).__code__: cls.__name__ for cls in classes}  # type: ignore[misc]
    made: Counter[str] = Counter()

    def see(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code in names:
            made[names[frame.f_code]] += 1

    sys.setprofile(see)
    try:
        yield made
    finally:
        sys.setprofile(None)


def test_a_comparison_of_kept_answers_makes_no_run_before_one_is_asked_for() -> None:
    """Neither where the scores are computed nor where they are kept; then one object for the one that is looked at."""
    batch = opened()
    for _ in ("computed", "kept"):
        with counted(fh.Run, Job, Outcome, Observation) as made:
            cmp = fh.compare(batch, score=fh.score.exact())
            assert cmp.summary()["mean"].tolist() == [1.0, 20 / ROWS]
        assert made["Observation"] == 0
        assert made["Run"] <= 1  # of the line that says where the answers are from
        assert made["Job"] < 5  # a first one says which columns are Start variables
    observations = cmp.data.runs.observations
    assert observations is not None
    with counted(fh.Run, Observation) as made:
        assert observations[9].answer.output == observations[9].answer.output == "T4"
    assert made == {"Run": 1, "Observation": 1}


def test_a_function_gets_whole_runs_and_rows() -> None:
    """What a user's function reads is not known, so it gets all of it, and scores as a ready scorer does."""
    batch = opened()

    def is_right(run: fh.Run, row: dict[str, Any]) -> bool:
        assert run.inputs == {"text": row["text"]}
        assert run.started_at is not None
        return bool(run.output == row["expected_output"])

    by_function, ready = fh.compare(batch, score=is_right), fh.compare(batch)
    assert by_function.score_errors().empty
    assert by_function.data.lines["score"].tolist() == ready.data.lines["score"].tolist()


def test_columns_of_a_batch_are_those_of_its_frame() -> None:
    """Each cell as the object of the run has it, whichever way it is read."""
    batch = opened()
    observations = fh.compare(batch).data.runs.observations
    assert observations is not None
    for name in observations.names:
        assert observations.cells(name, None) == [o.row[name] for o in observations], name
    assert [o.run and o.run.output for o in observations] == batch.frame["output"].tolist()


def test_a_comparison_holds_no_object_for_an_answer_that_the_garbage_collector_looks_at() -> None:
    """Nor for a job or a row: it has their texts and columns, of which there are a hundred thousand."""
    batch = opened()
    kinds = (RunFields, JobKeyRow, StoredRow)
    gc.collect()
    before = sum(isinstance(held, kinds) for held in gc.get_objects())
    cmp = fh.compare(batch, score=fh.score.exact())
    assert len(cmp.data.lines) == 2 * ROWS
    gc.collect()
    assert sum(isinstance(held, kinds) for held in gc.get_objects()) - before <= 2
