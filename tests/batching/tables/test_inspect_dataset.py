"""`fh.read_inspect`: a dataset of Inspect as rows."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import fh_notebook as fh

SAMPLES: list[dict[str, Any]] = [
    {"input": "1 + 1", "target": "2", "id": "sum", "metadata": {"level": 1, "tags": ["a"]}},
    {"input": "2 * 3", "target": ["6", "six"], "id": "product", "choices": ["5", "6"]},
    {"input": [{"role": "user", "content": "hi"}], "target": "", "id": "chat"},
]


@dataclass
class Message:
    role: str
    text: str


@dataclass
class Sample:
    """As those of `inspect_ai`, which is no dependency."""

    input: Any
    target: Any = ""
    id: Any = None
    choices: Any = None
    metadata: Any = field(default=None)


@pytest.mark.parametrize("ending", ["json", "jsonl", "samples"])
def test_samples_are_rows(tmp_path: Path, ending: str) -> None:
    """Of a file, and of samples; the ids are the index, lists stay lists, metadata is flat."""
    given: Any = tmp_path / f"a.{ending}"
    if ending == "samples":
        given = [Sample(**sample) for sample in SAMPLES]
        given[2].input = [Message("user", "hi")]
    else:
        lines = map(json.dumps, SAMPLES)
        given.write_text("\n".join(lines) if ending == "jsonl" else json.dumps(SAMPLES))
    rows = fh.read_inspect(given)
    assert rows.index.tolist() == ["sum", "product", "chat"]
    assert rows["input"].tolist() == ["1 + 1", "2 * 3", [{"role": "user", "content": "hi"}]]
    assert rows["expected_output"].tolist() == ["2", ["6", "six"], None]
    assert rows["choices"].tolist()[1] == ["5", "6"]
    assert rows["metadata.tags"].tolist()[0] == '["a"]'


def test_a_csv_has_lists_and_objects_as_texts(tmp_path: Path) -> None:
    """Without ids, rows count from 0."""
    path = tmp_path / "a.csv"
    path.write_text('input,target,choices,metadata\nQ,A,"A, B","{""level"": 2}"\n')
    rows = fh.read_inspect(path)
    assert rows.to_dict("records") == [
        {"input": "Q", "choices": ["A", "B"], "expected_output": "A", "metadata.level": 2}
    ]
    assert rows.index.tolist() == [0]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (5, "dataset is an int"), ([5], "dataset has 5 at 0"), ([{"target": "x"}], "the sample at 0 has no input"),
        ([{"input": "x", "metadata": "y"}], "the metadata of the sample at 0 is 'y'"), ("none.jsonl", "no such file"),
    ],
)  # fmt: skip
def test_what_is_no_dataset_is_one_line(given: Any, words: str) -> None:
    """Before anything is run."""
    with pytest.raises(fh.InputError, match=words):
        fh.read_inspect(given)
