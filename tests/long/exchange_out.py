"""A comparison written for another tool and read back by it; run in an environment that has the tool.

``python -m tests.long.exchange_out TOOL FOLDER`` prints, as JSON, what fh_notebook says and what the tool has read.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd

import fh_notebook as fh

PASSWORD = "hunter2-of-a-row"
TEXTS = [
    "</script><script>document.title='owned'</script>",
    '<img src=x onerror=alert(1)> & "quoted"',
    "荷物が届きません 🎉🦊",
    "=cmd|' /C calc'!A0",
    "fails",
]
LABELS = ["../../up", "a/b?c#d%41", "行 🎉", "1", "last"]
EXPECTED = ["</script><script>document.title='owned'</script>", "12", ["a", "b"], True, "x"]
DEPLOYMENT = fh.Deployment(
    "exchange",
    variants=["plain", "json"],
    inputs={
        "text": fh.text(),
        "urgent": fh.boolean(),
        "amount": fh.number(),
        "token": fh.Variable({"type": "string", "format": "password"}, True),
    },
)


def batch() -> fh.Comparison:
    """Rows of hostile texts in two variants, twice each: some fail, some have no score, and a password is repeated."""
    hive = fh.local.LocalHive()

    def plain(text: str, urgent: bool, amount: float, token: str) -> Any:
        if text == "fails":
            raise RuntimeError(f"no such user {token}")
        return text

    hive.workflow("exchange", variant="plain")(plain)
    hive.workflow("exchange", variant="json")(
        lambda text, urgent, amount, token: {"text": text, "for": token, "amount": amount, "urgent": urgent}
    )
    rows = pd.DataFrame(
        {
            "text": TEXTS, "urgent": [True, False] * 2 + [True], "amount": [1, 2.5, -3, 1e9, 0.1], "token": PASSWORD,
            "note": [f"{PASSWORD} 🎉", None, "<b>", "x", "y"], "expected_output": EXPECTED,
        },
        index=LABELS,
    )  # fmt: skip
    done = fh.batch(rows, DEPLOYMENT, repeats=2, client=hive.client(), progress=False, name="exchange")
    return fh.compare(done).add_score(fh.score.scorer(letters, name="letters", version=1))


def letters(run: fh.Run) -> int | None:
    """The length of a text; an object has none."""
    return len(run.output) if isinstance(run.output, str) else None


def table() -> fh.Comparison:
    """A table of numbers under names that no file can have; one score is missing."""
    names = ["<b>日本🎉/x</b>", "a/b", "A_B"]
    lines = [
        {
            "row": row, "variant": name, "s": None if (row, place) == (2, 1) else row * 0.1 + place,
            "output": "half \ud83d" if row == 1 else row == 0, "ticket": f"t{row}", "expected_output": row,
        }
        for row in range(12)
        for place, name in enumerate(names)
    ]  # fmt: skip
    return fh.compare(pd.DataFrame(lines), score="s")


def ours(comparison: fh.Comparison) -> dict[str, Any]:
    """What fh_notebook says of it."""
    return {
        "summary": json.loads(comparison.summary().to_json(orient="records", double_precision=15)),
        "pairs": json.loads(comparison.pairs().to_json(orient="records", double_precision=15)),
        "long": json.loads(comparison.long().to_json(orient="values", double_precision=15)),
    }


def mlflow(folder: Path) -> dict[str, Any]:
    """Both comparisons in a file store, each twice; then one whose artifacts cannot be written."""
    import mlflow as tool

    before = tool.get_tracking_uri()
    store = folder / "store"
    client = tool.MlflowClient(tracking_uri=store.as_uri())
    found: dict[str, Any] = {"ours": {}, "theirs": {}}
    for name, comparison in {"batch": batch(), "table": table()}.items():
        parent = client.create_run(client.create_experiment(name)).info.run_id
        baseline = comparison.variants[1]
        run_ids = comparison.to_mlflow(name, tracking_uri=store, baseline=baseline, parent_run=parent)
        again = comparison.to_mlflow(name, tracking_uri=str(store))
        found["ours"][name] = ours(comparison)
        found["theirs"][name] = {"parent": parent, "baseline": baseline, "run_ids": run_ids, "again": again}
    (folder / "file").write_text("no folder")
    broken = client.create_experiment("broken", artifact_location=(folder / "file" / "x").as_uri())
    found["errors"] = []
    for uri in (store, f"http://me:{PASSWORD}@127.0.0.1:1"):
        try:
            table().to_mlflow("broken", tracking_uri=uri)
        except fh.SettingsError as exc:
            found["errors"].append(str(exc))
    found["process"] = [tool.active_run() is None, tool.get_tracking_uri() == before]
    tool.set_tracking_uri(store.as_uri())  # what reads a table knows no other one
    found["broken"] = [run.info.status for run in client.search_runs([broken])]
    for name, theirs in found["theirs"].items():
        experiment = client.get_experiment_by_name(name).experiment_id
        theirs["count"] = len(client.search_runs([experiment]))
        theirs["runs"] = {variant: run_of(client, experiment, run_id) for variant, run_id in theirs["run_ids"].items()}
    return found


def run_of(client: Any, experiment: str, run_id: str) -> dict[str, Any]:
    """What MLflow has read of a run."""
    run = client.get_run(run_id)
    rows = client.load_table(experiment, "rows.json", run_ids=[run_id])
    return {
        "name": run.info.run_name,
        "status": run.info.status,
        "metrics": dict(run.data.metrics),
        "params": dict(run.data.params),
        "tags": dict(run.data.tags),
        "artifacts": sorted(artifact.path for artifact in client.list_artifacts(run_id)),
        "rows": json.loads(rows.to_json(orient="records", double_precision=15)),
        "page": Path(client.download_artifacts(run_id, "report.html")).read_text("utf-8"),
    }


def inspect(folder: Path) -> dict[str, Any]:
    """Both comparisons as logs, each twice in the same place, written where an event loop runs, as in a kernel."""
    comparisons = {"batch": batch(), "table": table()}

    async def write() -> dict[str, dict[str, Path]]:
        files = {name: comparison.to_inspect(folder / name) for name, comparison in comparisons.items()}
        assert files == {name: comparison.to_inspect(folder / name) for name, comparison in comparisons.items()}
        return files

    files = asyncio.run(write())
    patched = hasattr(asyncio, "_nest_patched")
    from inspect_ai.log import list_eval_logs, read_eval_log

    return {
        "patched": patched,
        "ours": {name: ours(comparison) for name, comparison in comparisons.items()},
        "listed": {name: len(list_eval_logs(str(folder / name))) for name in files},
        "theirs": {
            name: {
                variant: {"file": file.name, "log": json.loads(read_eval_log(str(file)).model_dump_json())}
                for variant, file in of.items()
            }
            for name, of in files.items()
        },
    }


if __name__ == "__main__":
    print(json.dumps({"mlflow": mlflow, "inspect": inspect}[sys.argv[1]](Path(sys.argv[2]))))
