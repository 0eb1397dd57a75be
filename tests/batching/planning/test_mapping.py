"""Mapping of the columns of a row to Start variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.batching.planning.mapping import InputMapper, const, read_mapping
from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import InputError
from fh_notebook.local import LocalHive
from tests.problems import rules
from tests.told import facts, tells

TRIAGE = fh.Deployment(
    "triage",
    variants=["a"],
    inputs={
        "ticket": fh.text(),
        "tone": fh.choice("calm", "brief", default="calm"),
        "n": fh.integer(required=False),
        "note": fh.any_(required=False),
    },
)
OPEN = fh.Deployment("open", variants=["a"])


def _made(source: Any, deployment: fh.Deployment, inputs: Any = None) -> list[Any]:
    rows = read_rows(source)
    mapper = read_mapping(inputs, rows, deployment)
    return [_inputs(mapper, record) for record in rows.records]


def _inputs(mapper: InputMapper, record: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    made, problems = mapper.inputs_of(record)
    return made, problems or mapper.problems_of(made)


def test_a_variable_takes_the_column_of_its_name_and_defaults_are_sent() -> None:
    """A column that no variable is named after stays out."""
    [(made, problems)] = _made([{"ticket": "late", "n": 3, "id": 7, "expected_output": "x"}], TRIAGE)
    assert made == {"ticket": "late", "n": 3, "tone": "calm"}
    assert problems == []


@pytest.mark.parametrize(
    ("inputs", "made"),
    [
        ({"ticket": "body"}, {"ticket": "B", "tone": "brief"}),
        ({"ticket": "body", "tone": const("calm")}, {"ticket": "B", "tone": "calm"}),
        ({"ticket": const("fixed")}, {"ticket": "fixed", "tone": "brief"}),
        ({"ticket": lambda row: row["body"] + row["tone"]}, {"ticket": "Bbrief", "tone": "brief"}),
        ({"ticket": "body", "n": 5}, {"ticket": "B", "tone": "brief", "n": 5}),
        ({"ticket": "body", "note": None}, {"ticket": "B", "tone": "brief", "note": None}),
        ({"ticket": "body", "n": lambda row: None}, {"ticket": "B", "tone": "brief"}),
    ],
)
def test_inputs_maps_to_columns_constants_and_functions(inputs: dict[str, Any], made: dict[str, Any]) -> None:
    """Variables that are not named still take the column of their name."""
    assert _made([{"body": "B", "tone": "brief"}], TRIAGE, inputs) == [(made, [])]


def test_a_text_that_names_no_column_is_an_error_with_the_cure() -> None:
    """Never a guess between a typing error and a constant: a guess would be paid for a hundred times."""
    with pytest.raises(InputError) as caught:
        _made([{"text": "B"}], TRIAGE, {"ticket": "txet", "tone": "calm"})
    assert rules(caught.value.problems) == ["ticket: column", "tone: column"]
    assert tells(caught.value.problems[0].hint, "'text'")
    assert "fh.const('calm')" in caught.value.problems[1].hint


def test_a_required_variable_that_nothing_is_given_for_lists_the_columns() -> None:
    """Before any call."""
    with pytest.raises(InputError) as caught:
        _made([{"body": "B", "id": 1}], TRIAGE)
    assert rules(caught.value.problems)[0] == "ticket: required"
    assert "'body' and 'id'" in caught.value.problems[0].hint


def test_a_deployment_that_declares_nothing_takes_every_plain_column() -> None:
    """The dataset convention: expected output and metadata are no inputs. With `inputs`, only what it says."""
    row = {"text": "T", "k": 1, "expected_output": "x", "metadata.lang": "en"}
    assert _made([row], OPEN) == [({"text": "T", "k": 1}, [])]
    assert _made([row], OPEN, {"t": "text"}) == [({"t": "T"}, [])]
    assert _made([row], OPEN, {"e": "expected_output"}) == [({"e": "x"}, [])]


def test_a_missing_cell_is_no_value_and_a_null_is_one_only_where_it_is_declared() -> None:
    """NaN of a table is left out; a given null goes to a variable that takes null, and to no other."""
    assert _made(pd.DataFrame({"ticket": ["t"], "n": [float("nan")]}), TRIAGE) == [
        ({"ticket": "t", "tone": "calm"}, [])
    ]
    [(made, problems)] = _made([{"ticket": "t", "n": None, "note": None}], TRIAGE)
    assert made == {"ticket": "t", "tone": "calm", "note": None}
    assert problems == []
    assert _made([{"x": None, "y": 1}], OPEN) == [({"y": 1}, [])]


def test_text_of_a_table_is_coerced_and_text_of_a_dict_is_not() -> None:
    """A CSV can hold nothing but text; a dict says what it means."""
    assert _made(pd.DataFrame({"ticket": ["t"], "n": ["7"]}), TRIAGE)[0][0]["n"] == 7
    [(_, problems)] = _made([{"ticket": "t", "n": "7"}], TRIAGE)
    assert rules(problems) == ["n: type"]


def test_a_problem_names_the_column_where_it_is_not_the_variables_own() -> None:
    """So that the cell is found in the table."""
    [(_, problems)] = _made([{"body": 3}], TRIAGE, {"ticket": "body"})
    assert rules(problems) == ["ticket: type"]
    assert "(column 'body')" in str(problems[0])


def test_a_function_that_raises_is_a_problem_of_the_row() -> None:
    """Not a traceback in the middle of the plan."""
    [(_, problems)] = _made([{"body": "B"}], TRIAGE, {"ticket": lambda row: row["nothing"]})
    [problem] = problems
    assert problem.path == ("ticket",)
    assert "KeyError: 'nothing'" in problem.message


def test_a_function_cannot_change_the_row() -> None:
    """It gets a copy."""
    source = [{"body": "B"}]
    rows = read_rows(source)
    read_mapping({"ticket": lambda row: row.pop("body")}, rows, TRIAGE).inputs_of(rows.records[0])
    assert rows.records == ({"body": "B"},)


def test_a_variable_that_is_not_declared_is_named_with_the_nearest() -> None:
    """Before a column is missed."""
    rows = read_rows([{"body": "B"}])
    with pytest.raises(InputError) as caught:
        read_mapping({"tickt": "body"}, rows, TRIAGE)
    assert rules(caught.value.problems)[0] == "tickt: additionalProperties"
    assert tells(caught.value.problems[0].hint, "'ticket'")


NESTED = fh.Deployment(
    "nested",
    variants="v",
    inputs={
        "type": "object",
        "properties": {"place": {"$ref": "#/$defs/place"}, "n": {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]}},
        "$defs": {"place": {"type": "object", "properties": {"floor": {"type": "integer"}}}, "n": {"type": "integer"}},
    },
)


def test_text_of_a_table_is_read_through_references_and_into_objects(tmp_path: Path) -> None:
    """A CSV has nothing but text."""
    (tmp_path / "rows.csv").write_text('place,n\n"{""floor"": ""2""}",3\n')
    rows = read_rows(tmp_path / "rows.csv")
    assert _inputs(read_mapping(None, rows, NESTED), rows.records[0]) == ({"place": {"floor": 2}, "n": 3}, [])


def test_a_missing_value_is_told_by_its_row_and_says_how_to_go_on_without() -> None:
    """``on_invalid`` is the cure where rows cannot be mended."""
    frame = pd.DataFrame({"ticket": ["a", None, "c", None]})
    with pytest.raises(InputError) as caught:
        fh.batch(frame, TRIAGE, variants=["a"], client=LocalHive().client(), progress=False)
    [problem] = caught.value.problems
    assert (caught.value.where, problem.rows, problem.path, problem.keyword) == (
        "triage",
        (1, 3),
        ("ticket",),
        "required",
    )
    assert "on_invalid='skip'" in problem.hint


@pytest.mark.parametrize("as_rows", [list, tuple, iter])
@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (
            {"ticket": fh.text(), "order": fh.text()},
            ["'ticket'", "'order'"],
        ),
        ({"case": fh.integer()}, ["'case'"]),
        ({"a": fh.text(required=False), "b": fh.text(required=False)}, ["'a'", "'b'"]),
        (None, ["[{'text': t} for t in texts]"]),
    ],
)
def test_texts_that_are_for_no_single_variable_are_one_sentence_with_the_cure(
    as_rows: Any, inputs: Any, said: list[str]
) -> None:
    """However they come."""
    deployment = fh.Deployment("triage", variants=["a"], inputs=inputs)
    with pytest.raises(InputError) as caught:
        fh.batch(as_rows(["Parcel late", "Card declined"]), deployment, client=LocalHive().client(), progress=False)
    assert tells(caught.value, "triage", *said)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("schema", [{"contentEncoding": "base64"}, {"format": "binary"}, {"format": "data-url"}])
def test_texts_in_place_of_files_are_told_before_a_call(schema: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """Only where they cannot be the content of a file or its address: one problem with its rows, and the cure."""
    called: list[str] = []
    hive = LocalHive()

    @hive.workflow("read", variant="v")
    def read(doc: str | None) -> str:
        called.append(str(doc))
        return "read"

    monkeypatch.chdir(tmp_path)
    (tmp_path / "abcd").write_text("a file whose name may be base64")
    kind = {"anyOf": [{"type": "string", **schema}, {"type": "null"}]}
    deployment = fh.Deployment("read", variants=["v"], inputs={"type": "object", "properties": {"doc": kind}})
    options: dict[str, Any] = {"client": hive.client(), "progress": False}
    with pytest.raises(InputError) as caught:
        fh.batch([{"doc": "a.pdf"}, {"doc": "AP8="}, {"doc": "abcd"}], deployment, **options)
    (problem,) = caught.value.problems
    assert (problem.path, problem.rows, called) == (("doc",), (0, 2), [])
    assert tells(problem, "'doc'", "fh.file(column='doc')")
    with pytest.raises(InputError, match=facts("'p'", "fh.file(column='p')")):
        fh.batch([{"p": "a.pdf"}], deployment, inputs={"doc": "p"}, **options)
    content = ["AP8=", "AP8", "_-8=", "AP8=\nAP8=\n", "", "data:a/b;base64,AP8=", "https://files.test/a.pdf", None]
    batch = fh.batch([{"doc": text} for text in content], deployment, **options)
    assert batch.counts.done == len(content)
