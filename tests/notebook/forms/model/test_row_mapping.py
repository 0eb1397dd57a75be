"""The mapping of rows to Start variables, before any widget."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import polars as pl
import pytest

import fh_notebook as fh
from fh_notebook.errors import InputError
from fh_notebook.local import LocalHive
from fh_notebook.notebook.forms.model.row_mapping import RowMapping, SourceKind, batch_plan
from tests.problems import rules, sentences

DEPLOYMENT = fh.Deployment(
    "reply",
    variants=["a", "b"],
    inputs={
        "ticket": fh.text(),
        "words": fh.integer(default=120, minimum=1),
        "tone": fh.choice("calm", "brief", required=False),
        "token": fh.text(secret=True, required=False),
    },
)
FRAME = pd.DataFrame({"text": ["late", "lost", "torn", "left"], "words": [10, 20, 30, 40], "token": list("wxyz")})


@pytest.fixture
def mapping() -> RowMapping:
    """Of a frame whose columns fit but for one name."""
    return RowMapping(DEPLOYMENT, FRAME, {"tone": "calm"})


def test_columns_of_their_name_are_taken_and_constants_are_given(mapping: RowMapping) -> None:
    """What is left is said to be missing, with what to do."""
    kinds = {name: source.kind for name, source in mapping.sources.items()}
    assert kinds == {
        "ticket": SourceKind.NOTHING,
        "words": SourceKind.COLUMN,
        "tone": SourceKind.CONSTANT,
        "token": SourceKind.COLUMN,
    }
    assert rules(mapping.preview().problems) == ["ticket: required"]
    assert mapping.is_required("ticket")
    assert not mapping.is_required("words")


@pytest.mark.parametrize("rows", [pl.from_pandas(FRAME.rename(columns={"text": "ticket"})), FRAME["text"].rename("ticket"), FRAME["text"].rename(None), FRAME["text"].tolist()])  # fmt: skip
def test_rows_of_every_source_are_mapped(rows: Any) -> None:
    """Texts without a name are those of the one text variable."""
    preview = RowMapping(DEPLOYMENT, rows).preview()
    assert not preview.problems
    assert [inputs["ticket"] for inputs in preview.inputs] == ["late", "lost", "torn"]


def test_the_first_three_rows_are_as_they_would_be_sent(mapping: RowMapping) -> None:
    """Defaults filled in, a constant that was typed read as declared, a password masked."""
    mapping.take_column("ticket", "text")
    mapping.take_typed("words", "7")
    assert mapping.preview().inputs[0] == {"ticket": "late", "words": 7, "tone": "calm", "token": "***"}
    assert mapping.preview().labels == (0, 1, 2)
    mapping.take_nothing("words")
    mapping.take_nothing("tone")
    mapping.take_nothing("token")
    assert mapping.preview().inputs[2] == {"ticket": "torn", "words": 120}


def test_a_row_that_does_not_fit_is_named(mapping: RowMapping) -> None:
    """With its label, and the column where it is another than the variable."""
    mapping.take_column("ticket", "words")
    mapping.take_typed("words", "many")
    problems = sentences(mapping.preview().problems)
    assert any(re.match(r"row 0: ticket: 10 .*\(column 'words'\)", problem) for problem in problems)
    assert any(re.match("row 2: words: .*'many'", problem) for problem in problems)
    mapping.take_column("ticket", "nowhere")
    assert rules(mapping.preview().problems)[0] == "ticket: column"


def test_no_label_of_a_preview_shows_a_password() -> None:
    """Nor does a problem: such rows are named by their positions."""
    tokens = [f"{n}-s3cret-{'x' * 50}" for n in (1, 2)]
    grid = fh.grid(ticket=["late"], words=[0, 10], token=tokens)
    assert grid.index[0].startswith("late / 0 / 1-s3cret")
    preview = RowMapping(DEPLOYMENT, grid).preview()
    assert preview.labels == (0, 1, 2)
    assert "s3cret" not in repr(preview)
    assert sentences(preview.problems)[0].startswith("row 0: words: 0 is too small")


def test_what_is_not_declared_is_a_column_each() -> None:
    """The expected output and metadata are none."""
    rows = [{"topic": "AI", "expected_output": "x", "metadata.case": 1}]
    mapping = RowMapping(fh.Deployment("brief"), rows, {"more": [1]})
    assert list(mapping.sources) == ["topic", "more"]
    assert mapping.preview().inputs == ({"topic": "AI", "more": [1]},)


def test_no_rows_have_no_preview_and_no_problem() -> None:
    """And a thing that is no table is refused in one line."""
    mapping = RowMapping(fh.Deployment("brief"), pd.DataFrame({"topic": []}))
    assert (mapping.preview().inputs, mapping.preview().problems) == ((), ())
    with pytest.raises(InputError, match=" int; .*DataFrame"):
        RowMapping(fh.Deployment("brief"), 3)


def test_the_number_of_calls_is_that_of_the_batch(mapping: RowMapping) -> None:
    """Rows x variants x repeats, less what is answered; nothing is called, and the last batch stays what it was."""
    hive = LocalHive(name="counted")

    @hive.workflow("reply", variant="a")
    @hive.workflow("reply", variant="b")
    def reply(ticket: str, words: int = 120, tone: str | None = None, token: str | None = None) -> str:
        return ticket.upper()

    mapping.take_column("ticket", "text")
    client = hive.client()
    before = fh.last_batch()
    assert batch_plan(mapping, client, variants=["a", "b"], repeats=2).calls == 16
    assert fh.last_batch() is before
    done = fh.batch(
        mapping.rows, DEPLOYMENT, variants="a", inputs=mapping.inputs(), client=client, progress=False, name="first"
    )
    assert done.counts.done == 4
    assert batch_plan(mapping, client, variants=["a"]).calls == 0  # answered before, in the batch of that name
    assert batch_plan(mapping, client, variants=["a", "b"]).calls == 4
    same = fh.batch(mapping.rows, DEPLOYMENT, variants=["a"], inputs=mapping.inputs(), client=client, progress=False)
    assert batch_plan(mapping, client, variants=["a"]).calls == 0
    assert fh.last_batch() is same
    mapping.take_typed("words", "0")
    with pytest.raises(InputError) as caught:
        batch_plan(mapping, client, variants=["a"])
    assert [(problem.path, problem.keyword) for problem in caught.value.problems] == [(("words",), "minimum")]
