"""Exchange with other tools: what is read from them and written for them, against the tools where they are installed.

``FH_PROMPTFOO`` is the path of promptfoo's command (``npm install promptfoo``), ``FH_INSPECT_PYTHON`` an interpreter of an environment
with ``inspect_ai`` and this package, ``FH_MLFLOW_PYTHON`` one with ``mlflow-skinny`` (or ``mlflow``) and this package: they want other
versions of what is installed here, or Node.js.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import fh_notebook as fh
from fh_notebook.contract.run import Run
from tests import environment
from tests.long import exchange_out
from tests.ports import free_port

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


# --- what is written for other tools


def _written_by(variable: str, tool: str, folder: Path) -> dict[str, Any]:
    """Return what `exchange_out` says in the environment of a tool."""
    quiet = {
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }
    done = subprocess.run(
        [os.environ[variable], "-m", "tests.long.exchange_out", tool, str(folder)],
        cwd=Path(__file__).parents[2], env={**environment.for_process(folder), **quiet}, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert exchange_out.PASSWORD not in done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _close(value: Any) -> Any:
    return pytest.approx(value, rel=1e-9, abs=1e-9)


@pytest.mark.skipif(not os.environ.get("FH_MLFLOW_PYTHON"), reason="FH_MLFLOW_PYTHON names no interpreter")
def test_mlflow_reads_what_a_comparison_says(tmp_path: Path) -> None:
    """Metrics are the summary and the pairs, tables the scores; a second call writes new runs; what breaks is failed."""
    found = _written_by("FH_MLFLOW_PYTHON", "mlflow", tmp_path)
    assert found["process"] == [True, True]
    assert found["broken"] == ["FAILED"] * 3
    assert len(found["errors"]) == 2
    for error in found["errors"]:
        assert re.match(r"\w.*\bMLflow: ", error)
        assert "\n" not in error
    for name, theirs in found["theirs"].items():
        ours, baseline = found["ours"][name], theirs["baseline"]
        assert not {*theirs["run_ids"].values()} & {*theirs["again"].values()}
        assert theirs["count"] == 1 + 2 * len(theirs["runs"])
        assert len({run["tags"]["fh_notebook.comparison"] for run in theirs["runs"].values()}) == 1
        for line in ours["summary"]:
            run = theirs["runs"][line.pop("variant")]
            numbers = {key: value for key, value in line.items() if value is not None}
            assert {key: run["metrics"][key] for key in numbers} == _close(numbers)
            assert not {key for key, value in line.items() if value is None} & {*run["metrics"]}
        for pair in ours["pairs"]:
            if baseline in (pair["a"], pair["b"]):
                other, sign = (pair["b"], 1) if pair["a"] == baseline else (pair["a"], -1)
                metrics = theirs["runs"][other]["metrics"]
                limits = sorted((sign * pair["ci_low"], sign * pair["ci_high"]))
                assert metrics["difference"] == _close(sign * pair["difference"])
                assert [metrics["difference_ci_low"], metrics["difference_ci_high"]] == _close(limits)
                assert [metrics.get("p"), metrics.get("p_holm")] == [pair["p"], pair["p_holm"]]
        assert "difference" not in theirs["runs"][baseline]["metrics"]
        for variant, run in theirs["runs"].items():
            assert (run["name"], run["status"], run["artifacts"]) == (variant, "FINISHED", ["report.html", "rows.json"])
            assert run["tags"]["mlflow.parentRunId"] == theirs["parent"]
            assert run["tags"]["fh_notebook.baseline_run"] == theirs["run_ids"][baseline]
            params = run["params"]
            assert [params["variant"], params["baseline"], params["fh_notebook"]] == [variant, baseline, fh.__version__]
            assert run["page"].startswith("<!DOCTYPE html>")
            long = [line for line in ours["long"] if line[1] == variant]
            scorers = list(dict.fromkeys(line[3] for line in long))
            rows = [[r["row"], variant, r["repeat"], scorer, r.get(scorer)] for scorer in scorers for r in run["rows"]]
            assert [line[:4] for line in rows] == [line[:4] for line in long]
            for row, line in zip(rows, long, strict=True):
                assert row[4] == (None if line[4] is None else _close(line[4]))
    plain = found["theirs"]["batch"]["runs"]["plain"]
    assert [plain["params"][key] for key in ("deployment", "batch", "scorer", "rows")] == [
        "exchange",
        "exchange",
        "exact()",
        "5",
    ]
    assert [row["output"] for row in plain["rows"]] == [
        None if text == "fails" else text for text in exchange_out.TEXTS for _ in range(2)
    ]
    assert [row["urgent"] for row in plain["rows"][:4]] == [True, True, False, False]
    as_json = found["theirs"]["batch"]["runs"]["json"]["rows"][0]
    assert json.loads(as_json["output"])["text"] == exchange_out.TEXTS[0]


@pytest.mark.skipif(not os.environ.get("FH_INSPECT_PYTHON"), reason="FH_INSPECT_PYTHON names no interpreter")
def test_inspect_reads_what_a_comparison_says(tmp_path: Path) -> None:
    """A log a variant: ids, epochs, inputs, targets, outputs, scores and errors of the runs; `inspect view` serves it."""
    found = _written_by("FH_INSPECT_PYTHON", "inspect", tmp_path)
    assert not found["patched"]  # the event loop of the process
    for name, logs in found["theirs"].items():
        ours = found["ours"][name]
        assert found["listed"][name] == len(logs)
        assert sorted(file.name for file in (tmp_path / name).iterdir()) == sorted(log["file"] for log in logs.values())
        for line in ours["summary"]:
            log = logs[line["variant"]]["log"]
            assert (log["status"], log["eval"]["model"]) == ("success", line["variant"])
            score = log["results"]["scores"][0]
            values = {metric: score["metrics"][metric]["value"] for metric in ("mean", "ci_low", "ci_high")}
            assert values == _close({metric: line[metric] for metric in values})
            assert (score["scored_samples"], score["unscored_samples"]) == (line["n"], line["missing"] + line["failed"])
        for variant, log in logs.items():
            samples = log["log"]["samples"]
            scores = {
                (sample["id"], sample["epoch"], scorer): score["value"]
                for sample in samples
                for scorer, score in sample["scores"].items()
            }
            long = [line for line in ours["long"] if line[1] == variant]
            assert {(s["id"], s["epoch"]) for s in samples} == {(line[0], line[2]) for line in long}
            known = {(line[0], line[2], line[3]): line[4] for line in long if line[4] is not None}
            assert scores == _close(known)
    batch = found["theirs"]["batch"]
    assert [(key, log["file"]) for key, log in batch.items()] == [("plain", "plain.eval"), ("json", "json.eval")]
    samples = {(s["id"], s["epoch"]): s for s in batch["plain"]["log"]["samples"]}
    for label, text, expected in zip(exchange_out.LABELS, exchange_out.TEXTS, exchange_out.EXPECTED, strict=True):
        sample = samples[label, 2]
        assert json.loads(sample["input"])["text"] == sample["metadata"]["text"] == text
        assert sample["target"] == (expected if isinstance(expected, str | list) else json.dumps(expected))
        if text == "fails":
            assert "no such user ***" in sample["error"]["message"]
            assert not sample["output"]["choices"]
        else:
            assert sample["error"] is None
            assert sample["output"]["choices"][0]["message"]["content"] == text
            assert sample["started_at"] <= sample["completed_at"]
    table = found["theirs"]["table"]["a/b"]["log"]["results"]["scores"][0]["metrics"]
    values = [line[4] for line in found["ours"]["table"]["long"] if line[1] == "a/b" and line[4] is not None]
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    assert table["stderr"]["value"] == _close(spread / math.sqrt(len(values)))
    every = {(name, variant): log for name, logs in found["theirs"].items() for variant, log in logs.items()}
    with _inspect_view(tmp_path) as address:
        listed = json.load(_get(f"{address}/api/logs"))["files"]
        served = [json.load(_get(f"{address}/api/logs/{quote(log['name'], safe='')}")) for log in listed]
    assert sorted((log["eval"]["model"], len(log["samples"])) for log in served) == sorted(
        (variant, len(log["log"]["samples"])) for (_, variant), log in every.items()
    )


def _get(address: str) -> Any:
    return urllib.request.urlopen(address, timeout=20)


@contextmanager
def _inspect_view(folder: Path) -> Iterator[str]:
    """Serve the logs of a folder on a loopback port."""
    port = free_port()
    command = [os.environ["FH_INSPECT_PYTHON"], "-c", "from inspect_ai._cli.main import main; main()", "view", "start"]
    server = subprocess.Popen(
        [*command, "--log-dir", str(folder), "--host", "127.0.0.1", "--port", str(port), "--display", "plain"],
        env={**environment.for_process(folder.parent), "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert server.stdout is not None
    try:
        begun = any("Running on" in line for line in server.stdout)
        assert begun, "it ended before it served"
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait(20)
        server.stdout.close()
