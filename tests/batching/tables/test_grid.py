"""`fh.grid`: the product of factors as rows, its labels, and how the plan of a batch spells it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.batching.tables.rows import factors_of
from tests.told import facts


def writing_hive() -> fh.local.LocalHive:
    """Return a hive whose workflow says what it was asked."""
    hive = fh.local.LocalHive()
    for variant in ("plain", "polite"):

        @hive.workflow("reply", variant=variant)
        def reply(ticket: str, tone: str = "calm", max_words: int = 60) -> str:
            return f"{ticket} {tone} {max_words}"

    return hive


TICKETS = pd.DataFrame({"ticket": ["late", "broken", "lost"]}, index=["T-1", "T-2", "T-3"])


def test_a_grid_is_the_product_and_its_last_factor_varies_fastest() -> None:
    """With a label a row, and each column of the dtype of its values."""
    grid = fh.grid(ticket=["late", "lost"], tone=("calm", "brief"), max_words=range(60, 121, 60))
    assert list(grid.itertuples(index=False, name=None)) == list(itertools.product(["late", "lost"], ["calm", "brief"], [60, 120]))  # fmt: skip
    assert grid.index.tolist()[:3] == ["late / calm / 60", "late / calm / 120", "late / brief / 60"]
    assert grid["max_words"].dtype == "int64"


def test_each_row_of_a_table_is_combined_with_the_values(tmp_path: Path) -> None:
    """Of whatever is read as rows: the table's columns come first, its label begins each row's."""
    grid = fh.grid(TICKETS, tone=["calm", "brief"])
    assert grid.columns.tolist() == ["ticket", "tone"]
    assert grid.loc["T-2 / brief"].tolist() == ["broken", "brief"]
    TICKETS.to_csv(tmp_path / "tickets.csv", index=False)
    for rows in (TICKETS.to_dict("records"), tmp_path / "tickets.csv"):
        assert fh.grid(rows, tone=["calm", "brief"])["ticket"].tolist() == grid["ticket"].tolist()
    assert fh.grid([], tone=["calm"]).columns.tolist() == ["tone"]


def test_labels_differ_where_their_texts_do_not() -> None:
    """A value may hold what is between two, or begin as another one does: then places tell rows apart."""
    assert fh.grid(a=["x / y", "x"], b=["z", "y / z"]).index.tolist() == ["0 / 0", "0 / 1", "1 / 0", "1 / 1"]
    assert fh.grid(a=["x" * 50 + end for end in "ab"], b=[1]).index.tolist() == ["0 / 1", "1 / 1"]


def test_values_come_as_any_list() -> None:
    """Arrow arrays, Series, arrays of numpy, dates; labels are texts that a person reads."""
    days = [date(2026, 5, 1), date(2026, 5, 2)]
    grid = fh.grid(day=days, word=pa.array(["a", "b"]), n=np.array([1, 2]), x=polars.Series([0.5]), y=pd.Series(["é"]))
    assert grid.index[0] == "2026-05-01 / a / 1 / 0.5 / é"
    assert grid.iloc[0].tolist() == [days[0], "a", 1, 0.5, "é"]


@given(st.lists(st.lists(st.none() | st.booleans() | st.integers() | st.text(max_size=50) | st.lists(st.integers(), max_size=2), min_size=1, max_size=4, unique_by=lambda v: (type(v), str(v))), min_size=1, max_size=3))  # fmt: skip
def test_whatever_the_values_each_row_has_its_own_label(values: list[list[Any]]) -> None:
    """Texts, numbers, lists, half characters: what is read as rows is the product, each combination once."""
    rows = read_rows(fh.grid(**{f"f{number}": of for number, of in enumerate(values)}))
    assert len(set(rows.labels)) == len(rows)
    assert not rows.note
    read = [tuple(record.get(name) for name in rows.columns) for record in rows.records]
    assert list(map(repr, read)) == list(map(repr, itertools.product(*values)))


GRIDS: list[tuple[Callable[[], Any], tuple[str, ...]]] = [
    (lambda: fh.grid(), ("grid",)),
    (lambda: fh.grid(TICKETS), ("grid",)),
    (lambda: fh.grid(TICKETS, ticket=["x"]), ("ticket",)),
    (lambda: fh.grid(tone="calm"), ("tone", "'calm'")),
    (lambda: fh.grid(tone={"calm": 1}), ("tone",)),
    (lambda: fh.grid(tone=5), ("tone", "5")),
    (lambda: fh.grid(tone=TICKETS), ("tone",)),
    (lambda: fh.grid(tone=[]), ("tone",)),
    (lambda: fh.grid(tone=iter(())), ("tone",)),
    (lambda: fh.grid(rows=[{"ticket": "late"}], tone=["calm"]), ("fh.grid(tickets, tone=[...])",)),
    (lambda: fh.grid(tone=["calm", "brief", "calm"]), ("tone", "'calm'", "repeats=2")),
    (lambda: fh.grid(a=range(2_000), b=range(2_000)), ("2,000", "4,000,000", "1,000,000")),
    (lambda: fh.grid(a=itertools.count()), ("1,000,000",)),
    (lambda: fh.grid(a=[], b="x"), ("2",)),
]


@pytest.mark.parametrize(("call", "words"), GRIDS)
def test_what_is_no_grid_is_told_in_one_line(call: Any, words: tuple[str, ...]) -> None:
    """All problems together."""
    with pytest.raises(fh.InputError, match=facts(*words)):
        call()


def test_the_plan_spells_the_product() -> None:
    """With variants and repeats; of a pilot, or of a part of the table, it is rows as of any other."""
    grid = fh.grid(TICKETS, tone=["calm", "brief"], max_words=[60, 120])
    asked: dict[str, Any] = {"client": writing_hive().client(), "progress": False, "dry_run": True}
    plan = fh.batch(grid, "reply", **asked, repeats=2).plan()
    assert str(plan).startswith("reply: 3 rows x 2 tone x 2 max_words x 2 variants x 2 repeats = 48 jobs; 48 calls")
    assert plan.row_factors == (("row", 3), ("tone", 2), ("max_words", 2))
    assert plan.factors == "3 rows x 2 tone x 2 max_words x 2 variants x 2 repeats"
    for rows, options in ((grid, {"first": 5}), (grid.iloc[:5], {}), (grid[grid["tone"] == "calm"], {})):
        assert fh.batch(rows, "reply", **asked, **options).plan().row_factors == ()


def test_the_factors_are_kept_with_the_batch(tmp_path: Path) -> None:
    """A batch that is opened again spells them, slices by them, and has the labels; so does a grid from Parquet."""
    grid = fh.grid(ticket=["late", "lost"], tone=["calm", "brief"])
    grid.to_parquet(tmp_path / "grid.parquet")
    with writing_hive().client() as client:
        done = fh.batch(tmp_path / "grid.parquet", "reply", client=client, progress=False, name="grid")
        opened = fh.open_batch("grid", client=client)
    assert opened.plan().row_factors == done.plan().row_factors == (("ticket", 2), ("tone", 2))
    assert opened.frame["row"].unique().tolist() == grid.index.tolist()
    sliced = fh.compare(opened, score=fh.score.length()).slice(by="tone")
    assert sliced[["tone", "variant", "n"]].values.tolist() == [
        ["calm", "plain", 2],
        ["calm", "polite", 2],
        ["brief", "plain", 2],
        ["brief", "polite", 2],
    ]


def test_a_race_and_a_form_run_a_grid() -> None:
    """Its columns are the Start variables of their names."""
    grid = fh.grid(ticket=[f"t{number}" for number in range(6)], tone=["calm", "brief"])
    with writing_hive().client() as client:
        race = fh.race(grid, "reply", score=lambda run: run.output.endswith("60"), client=client, progress=False)
        assert race.batch.frame["tone"].isin(["calm", "brief"]).all()
        assert fh.form("reply", over=grid, client=client).mapping.columns == {"ticket": "ticket", "tone": "tone"}


@pytest.mark.parametrize(
    "token",
    [
        "{}-s3cret",
        "{}-s3cret-" + "x" * 50,  # a label has its beginning
        "{}\n  s3cret \t" + "x" * 50,  # with one blank for several
        "{}" + "\N{GRINNING FACE}" * 28 + "s3cret",
    ],
    ids=["short", "cut", "blanks", "emoji"],
)
def test_no_label_repeats_a_password(token: str) -> None:
    """Nor what a label shows of it: its rows are named by their positions, in the frame, the store and what is sent."""
    tokens = [token.format(name) for name in ("qqq", "zzz")]
    assert len(set(fh.grid(user=["ann"], token=tokens).index)) == 2
    hive = fh.local.LocalHive()
    opening = fh.Deployment("open", variants=["v"], inputs={"user": fh.text(), "token": fh.text(secret=True)})

    @hive.workflow("open", variant="v")
    def enter(user: str, token: str) -> str:
        return f"hello {user}"

    with hive.client() as client:
        batch = fh.batch(fh.grid(user=["ann", "bo"], token=tokens), opening, client=client, progress=False, name="p")
        again = fh.open_batch("p", client=client)
    sent = [json.dumps(json.loads(call.body)["metadata"]) for call in hive.calls]
    assert [json.loads(metadata)["fh_row"] for metadata in sent] == [0, 1, 2, 3]
    assert batch.frame["row"].tolist() == again.frame["row"].tolist() == [0, 1, 2, 3]
    shown = batch.frame.to_string() + again.frame.to_string() + "".join(sent)
    assert not [part for part in ("s3cret", "qqq", "zzz", "xxx", "\N{GRINNING FACE}") if part in shown]


@pytest.mark.parametrize(
    "noted", [None, 3, "ab", [["a"]], [["a", "2"]], [["a", 2.0]], [[1, 2, 3]], {"a": 2}, [["a", 3]], []]
)
def test_a_note_that_is_none_of_ours_is_no_product(noted: Any) -> None:
    """It may be out of a stranger's file."""
    assert factors_of(noted, 2) == ()
