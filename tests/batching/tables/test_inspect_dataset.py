"""`fh.read_inspect`: a dataset of Inspect as rows."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

import fh_notebook as fh
from tests.told import facts

SAMPLES: list[dict[str, Any]] = [
    {"input": "1 + 1", "target": "2", "id": "sum", "metadata": {"level": 1, "tags": ["a"]}},
    {"input": "2 * 3", "target": ["6", "six"], "id": "product", "choices": ["5", "6"]},
    {"input": [{"role": "user", "content": "hi"}], "target": "", "id": "chat"},
]


@dataclass
class Message:
    """As those of `inspect_ai`: a model of pydantic with an id that is drawn."""

    role: str
    content: Any
    tool_calls: Any = None
    id: str = "drawn"
    source: str = "input"

    def model_dump(self, *, mode: str, exclude_none: bool, exclude: set[str]) -> dict[str, Any]:
        assert (mode, exclude_none) == ("json", True)
        return {k: v for k, v in asdict(self).items() if v is not None and k not in exclude}


@dataclass
class Sample:
    """As those of `inspect_ai`, which is no dependency."""

    input: Any
    target: Any = ""
    id: Any = None
    choices: Any = None
    metadata: Any = field(default=None)
    files: Any = None
    sandbox: Any = None


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
    path.write_text('input,target,choices,metadata\nQ,A,"A, B","{""level"": 2}"\nR,B,A B,\n')
    rows = fh.read_inspect(path)
    assert rows.to_dict("records") == [
        {"input": "Q", "choices": ["A", "B"], "expected_output": "A", "metadata.level": 2},
        {"input": "R", "choices": ["A", "B"], "expected_output": "B", "metadata.level": None},
    ]
    assert rows.index.tolist() == [0, 1]


LOOK = [{"type": "text", "text": "look"}, {"type": "image", "image": "data:image/png;base64,AAAA"}]
CALLS = [{"id": "c1", "function": "find", "arguments": {"x": 1}, "type": "function"}]


def test_messages_keep_images_and_tool_calls(tmp_path: Path) -> None:
    """Of samples as of a file: nothing of them is dropped, and an id that is drawn is no input."""
    messages = [{"role": "user", "content": LOOK}, {"role": "assistant", "content": "", "tool_calls": CALLS}]
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"input": messages}]))
    for given in (path, [Sample([Message(**m) for m in messages])], [{"input": [Message(**m) for m in messages]}]):
        assert fh.read_inspect(given)["input"].tolist() == [messages]


def test_what_is_left_out_of_samples_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With how many have it; a deployment has neither files nor a sandbox."""
    fh.read_inspect([Sample("a", files={"a.txt": "x"}, sandbox="docker"), {"input": "b", "files": {"b.txt": "y"}}])
    told = capsys.readouterr()
    assert "files of 2 samples and sandbox of 1 sample" in told.out + told.err
    assert (told.out + told.err).count("\n") == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (5, ("dataset", "int")), ([5], ("dataset", "0", "5")), ([{"target": "x"}], ("0", "'target'")),
        ([{"input": "x", "metadata": "y"}], ("0", "metadata", "'y'")), ("none.jsonl", ("none.jsonl",)),
        ([{"input": "x", "choices": 5}], ("0", "choices", "5")),
        ([{"input": ""}, {"input": "x"}, {"metadata": "y"}], ("dataset", "3", "0", "2")),
    ],
)  # fmt: skip
def test_what_is_no_dataset_is_one_line(given: Any, words: tuple[str, ...]) -> None:
    """Before anything is run."""
    with pytest.raises(fh.InputError, match=facts(*words)):
        fh.read_inspect(given)


def test_problems_of_a_file_name_it(tmp_path: Path) -> None:
    """All of them together."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"target": "x"}\n{"input": "y"}\n{"target": "z"}')
    with pytest.raises(fh.InputError, match="a.jsonl: 2 problems: sample 0: .*sample 2: "):
        fh.read_inspect(path)
