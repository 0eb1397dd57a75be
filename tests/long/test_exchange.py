"""Tests of promptfoo and datasets of Inspect, against the tools themselves, where they are installed.

``FH_PROMPTFOO`` is the path of promptfoo's command (``npm install promptfoo``), ``FH_INSPECT_PYTHON`` an interpreter of an environment
with ``inspect_ai``: both want other versions of what is installed here, or Node.js.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.batching.tables.values import is_missing
from fh_notebook.contract.run import Run

pytestmark = pytest.mark.long

OUTPUTS = ["late parcel", "Sorry, LATE", "12", "a12", '{"a": 1}', "{}", "Dear you", "a, b", "billing", " billing"]
ASSERTIONS: list[list[dict[str, Any]]] = [
    [{"type": "contains", "value": "parcel"}, {"type": "not-icontains", "value": "SORRY"}],
    [{"type": "icontains", "value": "late"}],
    [{"type": "regex", "value": "^[0-9]+$"}],
    [{"type": "is-json"}],
    [{"type": "is-json", "value": {"type": "object", "required": ["a"]}}],
    [{"type": "starts-with", "value": "Dear"}],
    [{"type": "contains-all", "value": ["a", "b"]}],
    [{"type": "contains-any", "value": "x, b"}],
    [{"type": "icontains-any", "value": ["LATE", "DEAR"]}],
    [{"type": "icontains-all", "value": ["A", "B"]}],
    [{"type": "equals", "value": "billing"}],
    [{"type": "not-equals", "value": "{{ other }}"}],
]
WEIGHTED = [{"type": "contains", "value": "a", "weight": 3}, {"type": "contains", "value": "b"}]
BLANKS = (" billing", "equals")
"""Blanks around a text do not count for `fh.score.exact`, and do for promptfoo."""


@pytest.mark.skipif(not os.environ.get("FH_PROMPTFOO"), reason="FH_PROMPTFOO names no command")
def test_an_output_passes_where_promptfoo_says_so(tmp_path: Path) -> None:
    """Every output under every kind of assertion; so do weights with a threshold, and the rows are promptfoo's tests."""
    tests: list[dict[str, Any]] = [{"vars": {"answer": OUTPUTS, "other": "12"}, "assert": of} for of in ASSERTIONS]
    tests.append({"vars": {"answer": OUTPUTS, "other": "12"}, "assert": WEIGHTED, "threshold": 0.5})
    config = tmp_path / "promptfooconfig.json"
    config.write_text(json.dumps({"prompts": ["{{answer | safe}}"], "providers": ["echo"], "tests": tests}))
    command = [
        os.environ["FH_PROMPTFOO"],
        "eval",
        "-c",
        str(config),
        "-o",
        str(tmp_path / "out.json"),
        "--no-cache",
        "--no-table",
    ]
    quiet = {
        "PROMPTFOO_DISABLE_TELEMETRY": "1",
        "PROMPTFOO_DISABLE_UPDATE": "1",
        "PROMPTFOO_CONFIG_DIR": str(tmp_path / "home"),
    }
    subprocess.run(
        command, env={**os.environ, **quiet}, capture_output=True, timeout=300, check=False
    )  # 100: a test failed
    theirs = json.loads((tmp_path / "out.json").read_text())["results"]["results"]
    ours = fh.read_promptfoo(config)
    assert len(ours.rows) == len(theirs) == len(OUTPUTS) * len(tests)
    by_test = sorted(theirs, key=lambda result: result["testIdx"])
    for row, result in zip(ours.rows.to_dict("records"), by_test, strict=True):
        assert row["answer"] == result["vars"]["answer"]
        kinds = [a["type"] for a in result["testCase"]["assert"]]
        if (row["answer"], kinds[0]) != BLANKS:
            passes = ours.score(Run(status="completed", output=row["answer"]), row)
            assert passes == result["success"], (row, result["gradingResult"]["reason"])


@pytest.mark.skipif(not os.environ.get("FH_INSPECT_PYTHON"), reason="FH_INSPECT_PYTHON names no interpreter")
def test_rows_are_what_inspect_reads(tmp_path: Path) -> None:
    """Of each kind of file: inputs, targets, choices, ids and metadata."""
    samples = [
        {"input": "1 + 1", "target": "2", "id": "sum", "metadata": {"level": 1}},
        {"input": [{"role": "user", "content": "hi"}], "target": ["a", "b"], "id": "chat", "choices": ["x", "y"]},
    ]
    (tmp_path / "a.json").write_text(json.dumps(samples))
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, samples)))
    (tmp_path / "a.csv").write_text('input,target,choices,id,metadata\nQ,A,"A, B",q,"{""level"": 2}"\n')
    code = (
        "import json, sys\n"
        "from inspect_ai.dataset import csv_dataset, json_dataset\n"
        "read = csv_dataset if sys.argv[1].endswith('.csv') else json_dataset\n"
        "print(json.dumps([s.model_dump(exclude_none=True) for s in read(sys.argv[1])]))"
    )
    for name in ("a.json", "a.jsonl", "a.csv"):
        command = [os.environ["FH_INSPECT_PYTHON"], "-c", code, str(tmp_path / name)]
        theirs = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout)
        ours = fh.read_inspect(tmp_path / name)
        assert ours.index.tolist() == [sample["id"] for sample in theirs]
        assert ours["expected_output"].tolist() == [sample["target"] for sample in theirs]
        for (_, row), sample in zip(ours.iterrows(), theirs, strict=True):
            given = sample["input"]
            assert row["input"] == (
                given if isinstance(given, str) else [{k: m[k] for k in ("role", "content")} for m in given]
            )
            for column, value in (
                ("choices", sample.get("choices")),
                ("metadata.level", sample.get("metadata", {}).get("level")),
            ):
                assert row[column] == value if value is not None else is_missing(row[column])
