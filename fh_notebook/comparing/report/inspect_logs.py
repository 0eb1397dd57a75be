"""A comparison as logs of Inspect, one file for each variant (see ``Comparison.to_inspect``).

Inspect's own library writes them: its format changes with its releases. A log has one model, which is the variant; its
samples are the runs, and its epochs the repeats. The files take their places when all of them are written.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import numpy as np
import pandas as pd

from fh_notebook.batching.export.export import replacing_partly
from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.report.report import provenance_of, settings_of
from fh_notebook.comparing.report.run_records import RunRecord, clean, json_text, run_records, source_names
from fh_notebook.comparing.stats.grid import Grid
from fh_notebook.comparing.stats.summary import SummaryLine, summary_lines
from fh_notebook.comparing.verdicts.verdict import verdict_of
from fh_notebook.contract.run import with_action
from fh_notebook.core.files import safe_name
from fh_notebook.core.optional_deps import ensure_installed
from fh_notebook.core.text.formatting import one_line
from fh_notebook.errors import FetchHiveError, InputError, SettingsError
from fh_notebook.version import __version__

SUFFIX: Final = ".eval"
MESSAGE_CAP: Final = 400
COMPLETED: Final = "completed"
PENDING: Final = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreFigures:
    """The figures of one score of one variant."""

    line: SummaryLine
    stderr: float
    """Of the mean over distinct rows; NaN where there are fewer than two, or labels correct the mean."""

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics of a log by their names; those that are not known are not there."""
        known = {
            "mean": self.line.mean, "stderr": self.stderr, "ci_low": self.line.ci_low, "ci_high": self.line.ci_high
        }  # fmt: skip
        return {name: value for name, value in known.items() if math.isfinite(value)}


def write_inspect_logs(
    data: ComparisonData, scored: Iterable[tuple[str, pd.DataFrame]], path: str | os.PathLike[str]
) -> dict[str, Path]:
    """Write a log for each variant, and return the files by variant (see ``Comparison.to_inspect``)."""
    folder = _checked_folder(path)
    if not data.variants:
        raise InputError("the comparison has no runs to write; compare a batch that has some")
    ensure_installed("inspect_ai", "cmp.to_inspect needs")
    scored = list(scored)
    records = list(run_records(data, scored))
    figures = _figures(data, scored)
    ids = _sample_ids(records)
    facts = {
        **provenance_of(data), **settings_of(data), **source_names(data),
        "verdict": data.runs.secret().masked(verdict_of(data)),
    }  # fmt: skip
    task, run_id = clean(facts.get("deployment", "comparison")), uuid4().hex
    targets = {variant: folder / name for variant, name in _file_names(data.variants).items()}
    message = ""
    try:
        logs = {
            variant: _log(
                task, variant, [r for r in records if r.variant == variant], figures[variant], ids, facts, run_id=run_id
            )
            for variant in data.variants
        }
        folder.mkdir(exist_ok=True)
        with ExitStack() as stack:
            parts = {variant: stack.enter_context(replacing_partly(file))[1] for variant, file in targets.items()}
            _write({parts[variant].path: log for variant, log in logs.items()})
    except FetchHiveError:
        raise
    except Exception as exc:  # of Inspect, or of the folder
        message = one_line(data.runs.secret().masked(str(exc) or type(exc).__name__), MESSAGE_CAP)
    # Outside of the block: IPython would show the context too.
    if message:
        raise SettingsError(f"{folder}: the logs were not written: {message}")
    return targets


def _checked_folder(path: Any) -> Path:
    folder = Path(os.fsdecode(os.fspath(path))).expanduser()
    if folder.suffix == SUFFIX and not os.path.isdir(folder):
        raise SettingsError(f"{folder.name} is the name of one log, and each variant has its own; give a folder")
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise SettingsError(f"{folder} is a file; give a folder, in which each variant has a log")
    if not os.path.isdir(folder.parent):
        raise SettingsError(f"{folder}: the folder {folder.parent} does not exist; create it first")
    return folder.absolute()


def _file_names(variants: Sequence[str]) -> dict[str, str]:
    """Return the name of the file of each variant, no two alike, also where capitals do not count.

    Examples
    --------
    >>> _file_names(["nearest", "a/b", "A_B", ".."])
    {'nearest': 'nearest.eval', 'a/b': 'a_b.eval', 'A_B': 'A_B-2.eval', '..': 'variant.eval'}
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for variant in variants:
        stem = safe_name(re.sub(r"[/\\]", "_", variant), fallback="variant")
        number = 1
        while (name := stem if number == 1 else f"{stem}-{number}").casefold() in taken:
            number += 1
        taken.add(name.casefold())
        names[variant] = f"{name}{SUFFIX}"
    return names


def _sample_ids(records: Iterable[RunRecord]) -> dict[int, int | str]:
    """Return the id of the sample of each row: its label. Inspect takes the number 1 and the text "1" for the same."""
    ids: dict[int, int | str] = {}
    taken: set[str] = set()
    for number, pair in {record.row_number: record.pair for record in records}.items():
        own: int | str = pair if isinstance(pair, str) or type(pair) is int else str(pair)
        while str(own) in taken:
            own = f"{own} ({type(pair).__name__})"
        taken.add(str(own))
        ids[number] = own
    return ids


def _figures(data: ComparisonData, scored: Iterable[tuple[str, pd.DataFrame]]) -> dict[str, dict[str, ScoreFigures]]:
    """Return the figures by variant and scorer."""
    figures: dict[str, dict[str, ScoreFigures]] = {variant: {} for variant in data.variants}
    for name, frame in scored:
        if not name:
            continue
        is_own = name == data.scorer
        lines = data.summary_lines if is_own else summary_lines(frame, data.variants)
        means = Grid.of(frame, data.variants, by="cluster").means
        for index, line in enumerate(lines):
            values = means[:, index][~np.isnan(means[:, index])]
            is_known = len(values) > 1 and not (is_own and data.label_grid is not None)
            stderr = float(values.std(ddof=1) / math.sqrt(len(values))) if is_known else math.nan
            figures[line.variant][name] = ScoreFigures(line=line, stderr=stderr)
    return figures


# --- the log of a variant, in the terms of Inspect


def _log(
    task: str,
    variant: str,
    records: Sequence[RunRecord],
    figures: Mapping[str, ScoreFigures],
    ids: Mapping[int, int | str],
    facts: Mapping[str, str],
    *,
    run_id: str,
) -> Any:
    from inspect_ai import log

    done = [record for record in records if record.status != PENDING]
    starts = [record.started_at for record in done if record.started_at is not None]
    ends = [end for record in done if (end := _end(record)) is not None]
    epochs = max((record.epoch for record in records), default=1)
    reducer = "mean" if epochs > 1 else None
    own_ids = list(dict.fromkeys(ids[record.row_number] for record in records))
    spec = log.EvalSpec(
        run_id=run_id,
        created=(min(starts) if starts else datetime.now(UTC)).isoformat(),
        task=task,
        task_id=uuid4().hex,
        model=clean(variant),
        dataset=log.EvalDataset(name=clean(facts.get("batch")), samples=len(own_ids), sample_ids=own_ids),
        config=log.EvalConfig(epochs=epochs, epochs_reducer=[reducer] if reducer else None),
        packages={"fh_notebook": __version__},
        metadata=clean(dict(facts)),
        scorers=[{"name": name} for name in figures],
        viewer={"trust_content": False},  # model output is hostile: it is shown as plain text
    )
    scores = [
        log.EvalScore(
            name=name,
            scorer=name,
            reducer=reducer,
            scored_samples=found.line.n,
            unscored_samples=len(records) - found.line.n,
            metrics={metric: log.EvalMetric(name=metric, value=value) for metric, value in found.metrics.items()},
        )
        for name, found in figures.items()
    ]
    return log.EvalLog(
        # A batch that was stopped has runs that are not there yet.
        status="success" if len(done) == len(records) else "cancelled",
        eval=spec,
        plan=log.EvalPlan(steps=[log.EvalPlanStep(solver=task, params={"variant": clean(variant)})]),
        results=log.EvalResults(
            total_samples=len(records),
            completed_samples=sum(record.status == COMPLETED for record in records),
            scores=scores,
        ),
        stats=log.EvalStats(
            started_at=min(starts).isoformat() if starts else "", completed_at=max(ends).isoformat() if ends else ""
        ),
        samples=[_sample(record, ids[record.row_number]) for record in done],
    )


def _end(record: RunRecord) -> datetime | None:
    if record.started_at is None:
        return None
    return record.started_at + timedelta(seconds=record.seconds or 0)


def _sample(record: RunRecord, sample_id: int | str) -> Any:
    from inspect_ai.log import EvalError, EvalSample
    from inspect_ai.model import ChatMessageUser, ModelOutput
    from inspect_ai.scorer import Score

    is_completed, end = record.status == COMPLETED, _end(record)
    error = with_action(record.error or f"the run is {record.status}", record.client_action)
    problem = None if is_completed else error
    asked, answer = _input_text(record.inputs), json_text(record.output)
    output = (
        ModelOutput.from_content(clean(record.variant), answer)
        if is_completed
        else ModelOutput(model=clean(record.variant), error=problem)
    )
    output.time = record.seconds
    facts = {"status": record.status, "request_id": record.request_id, "score_errors": dict(record.score_errors)}
    return EvalSample(
        id=sample_id,
        epoch=record.epoch,
        input=asked,
        target=_target(record.expected),
        messages=[ChatMessageUser(content=asked), *([output.message] if is_completed else [])],
        output=output,
        scores={
            name: Score(value=value, answer=answer if is_completed else None, explanation=record.reasons.get(name))
            for name, value in record.scores.items()
        },
        metadata={**{name: fact for name, fact in facts.items() if fact}, **record.columns},
        started_at=record.started_at.isoformat() if record.started_at else None,
        completed_at=end.isoformat() if end else None,
        total_time=record.seconds,
        error=None if problem is None else EvalError(message=problem, traceback="", traceback_ansi=""),
    )


def _input_text(inputs: Mapping[str, Any]) -> str:
    """Return the one text variable, or all variables as JSON."""
    values = list(inputs.values())
    return values[0] if len(values) == 1 and isinstance(values[0], str) else json_text(dict(inputs))


def _target(expected: Any) -> str | list[str]:
    if isinstance(expected, list) and all(isinstance(text, str) for text in expected):
        return expected
    return json_text(expected)


def _write(logs: Mapping[Path, Any]) -> None:
    """Write logs on a thread of their own: Inspect's blocking function patches the event loop of a kernel."""
    from inspect_ai.log import write_eval_log_async

    async def write_all() -> None:
        for path, log in logs.items():
            await write_eval_log_async(log, path, format="eval")

    with ThreadPoolExecutor(1, thread_name_prefix="fh-inspect") as executor:
        executor.submit(lambda: asyncio.run(write_all())).result()
