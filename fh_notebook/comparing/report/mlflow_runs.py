"""A comparison as runs of MLflow, one for each variant (see ``Comparison.to_mlflow``).

Everything is computed before the first run is created, and all runs are created before the first is filled: they are
FINISHED together, or FAILED together. Only a client of its own is used, so that the active run and the tracking URI of
the process stay as they are.
"""

from __future__ import annotations

import math
import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pandas as pd

from fh_notebook.batching.tables.values import object_series
from fh_notebook.comparing import tables
from fh_notebook.comparing.data import ComparisonData, no_variant
from fh_notebook.comparing.report.report import provenance_of, settings_of, write_report
from fh_notebook.comparing.report.run_records import RunRecord, clean, json_text, run_records, source_names
from fh_notebook.comparing.verdicts.verdict import verdict_of
from fh_notebook.core.optional_deps import ensure_installed
from fh_notebook.core.redaction import redact
from fh_notebook.core.text.formatting import one_line, short
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.version import __version__

ROWS_TABLE: Final = "rows.json"
"""The artifact that MLflow shows as a table."""
VALUE_CAP: Final = 500
"""Characters of a parameter: older servers of MLflow take no more."""
TEXT_CAP: Final = 4_000
"""Characters of a run's description."""
MESSAGE_CAP: Final = 800
"""Characters of an error of MLflow: what to do about it comes at the end."""
MOST_DIGITS: Final = 2**53
"""Larger integers are written as texts: a reader of JSON rounds them, and pandas writes none from 2**63 on."""
_OTHER_CHARACTERS: Final = re.compile(r"[^\w.\- /]")
"""What the name of a parameter may not have."""
_CREDENTIALS: Final = re.compile(r"(://)\S*@")
"""In an address; a password may have a slash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantRun:
    """What is written to the run of a variant."""

    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    rows: pd.DataFrame


def write_mlflow_runs(
    data: ComparisonData,
    scored: Iterable[tuple[str, pd.DataFrame]],
    *,
    experiment: str,
    tracking_uri: str | os.PathLike[str] | None = None,
    baseline: str | None = None,
    parent_run: str | None = None,
) -> dict[str, str]:
    """Write the comparison to MLflow, and return the ids of the runs by variant (see ``Comparison.to_mlflow``)."""
    if not experiment.strip():
        raise InputError(f"experiment is {short(experiment)}; give the name of an experiment of MLflow")
    if tracking_uri is not None and not os.fspath(tracking_uri):
        raise InputError("tracking_uri is empty; leave it out to use the one that MLflow is configured with")
    if not data.variants:
        raise InputError("the comparison has no runs to write; compare a batch that has some")
    baseline = data.variants[0] if baseline is None else baseline
    if baseline not in data.variants:
        raise InputError(no_variant(baseline, data.variants))
    ensure_installed("mlflow", "cmp.to_mlflow needs")
    runs = _variant_runs(data, list(run_records(data, scored)), baseline)
    uri = None if tracking_uri is None else os.fspath(tracking_uri)
    if uri is not None and (isinstance(tracking_uri, os.PathLike) or uri.startswith("~")):
        uri = Path(uri).expanduser().absolute().as_uri()
    message = ""
    with tempfile.TemporaryDirectory(prefix="fh-notebook-") as folder:
        page = write_report(data, Path(folder) / "report.html")
        try:
            return _write(runs, page, _description(data), uri, experiment, baseline, parent_run)
        except Exception as exc:  # of MLflow, of the server, of its artifact store: each has classes of its own
            text = _CREDENTIALS.sub(r"\1***@", str(exc)) or type(exc).__name__
            message = one_line(data.runs.secret().masked(text), MESSAGE_CAP)
    # Outside of the block: IPython would show the context too.
    raise SettingsError(f"the comparison was not written to MLflow: {message}")


def _write(
    runs: Mapping[str, VariantRun],
    page: Path,
    description: str,
    tracking_uri: str | None,
    experiment: str,
    baseline: str,
    parent_run: str | None,
) -> dict[str, str]:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    client = MlflowClient(tracking_uri=tracking_uri)
    tags = {"fh_notebook.comparison": uuid4().hex, "mlflow.note.content": description}
    if parent_run is not None:
        tags["mlflow.parentRunId"] = client.get_run(parent_run).info.run_id
    known = client.get_experiment_by_name(experiment)
    experiment_id = client.create_experiment(experiment) if known is None else known.experiment_id
    run_ids: dict[str, str] = {}
    with _failed_together(client, run_ids):
        for variant in runs:
            run_ids[variant] = client.create_run(experiment_id, run_name=clean(variant), tags=tags).info.run_id
        for variant, run in runs.items():
            run_id, now = run_ids[variant], int(time.time() * 1000)
            client.log_batch(
                run_id,
                metrics=[Metric(name, value, now, 0) for name, value in run.metrics.items()],
                params=[Param(name, value) for name, value in run.parameters.items()],
            )
            client.set_tag(run_id, "fh_notebook.baseline_run", run_ids[baseline])
            client.log_table(run_id, run.rows, ROWS_TABLE)
            client.log_artifact(run_id, str(page))
        for run_id in run_ids.values():
            client.set_terminated(run_id)
    return run_ids


@contextmanager
def _failed_together(client: Any, run_ids: Mapping[str, str]) -> Iterator[None]:
    """Mark all runs as FAILED where one of them cannot be written, or the writing is interrupted."""
    try:
        yield
    except BaseException:
        for run_id in run_ids.values():
            with suppress(Exception):
                client.set_terminated(run_id, "FAILED")
        raise


def _description(data: ComparisonData) -> str:
    return one_line(data.runs.secret().masked(verdict_of(data)), TEXT_CAP)


# --- what is written


def _variant_runs(data: ComparisonData, records: Sequence[RunRecord], baseline: str) -> dict[str, VariantRun]:
    parameters = _parameters(data) | {"baseline": baseline}
    metrics = _metrics(data, baseline)
    return {
        variant: VariantRun(
            parameters={
                _OTHER_CHARACTERS.sub("_", name): clean(one_line(redact(value), VALUE_CAP))
                for name, value in {**parameters, "variant": variant}.items()
            },
            metrics=metrics[variant],
            rows=_rows_table(data, [record for record in records if record.variant == variant]),
        )
        for variant in data.variants
    }


def _metrics(data: ComparisonData, baseline: str) -> dict[str, dict[str, float]]:
    """Return the metrics of each variant: the numbers of its summary, and the difference from the baseline."""
    summary = tables.summary(data)
    rows = summary.attrs["rows"]
    metrics: dict[str, dict[str, float]] = {}
    for line in summary.to_dict("records"):
        variant = line.pop("variant")
        numbers: dict[Any, Any] = {**line, "distinct_rows": rows[variant]}
        numbers |= _difference(data, variant, baseline)
        metrics[variant] = {str(name): float(value) for name, value in numbers.items() if math.isfinite(value)}
    return metrics


def _parameters(data: ComparisonData) -> dict[str, str]:
    facts = {**provenance_of(data), **settings_of(data), **source_names(data)}
    return {name.replace(" ", "_"): str(value) for name, value in facts.items() if name != "report made"} | {
        "scorer": data.scorer or "none",
        "rows": str(data.row_count),
        "distinct_rows": str(data.distinct_count),
        "fh_notebook": __version__,
    }


def _difference(data: ComparisonData, variant: str, baseline: str) -> dict[str, float]:
    """Return by how much a variant differs from the baseline, where the two are compared."""
    for pair in data.pairs:
        if {pair.a, pair.b} == {baseline, variant}:
            found = pair if pair.b == variant else pair.turned()
            return {
                "difference": found.difference,
                "difference_ci_low": found.ci_low,
                "difference_ci_high": found.ci_high,
                "p": found.p,
                "p_holm": found.p_holm,
            }
    return {}


_FIELDS: Final = {"expected_output": "expected"}
"""The columns of a table of rows that are called otherwise than the field of a record."""


def _rows_table(data: ComparisonData, records: Sequence[RunRecord]) -> pd.DataFrame:
    """Return one line a run: its row, columns, output and scores."""
    row = [str(data.pair_on), "repeat"]
    action = ["client_action"] if any(record.client_action for record in records) else []
    found = ["expected_output", "output", "status", "error", *action, "seconds"]
    table: dict[str, list[Any]] = {
        row[0]: [record.pair for record in records],
        row[1]: [record.repeat for record in records],
    }
    for name in dict.fromkeys(name for record in records for name in record.columns):
        table[f"in.{name}" if name in (*row, *found) else name] = [record.columns.get(name) for record in records]
    table |= {name: [getattr(record, _FIELDS.get(name, name)) for record in records] for name in found}
    for name in dict.fromkeys(name for record in records for name in (*record.scores, *record.score_errors)):
        table[f"score.{name}" if name in table else name] = [record.scores.get(name) for record in records]
    return pd.DataFrame({name: object_series(map(_cell, cells)) for name, cells in table.items()})


def _cell(value: Any) -> Any:
    """Return what a table of MLflow holds: texts, numbers, true and false; objects and lists as JSON."""
    if isinstance(value, list | dict):
        return json_text(value)
    return str(value) if isinstance(value, int) and abs(value) > MOST_DIGITS else value
