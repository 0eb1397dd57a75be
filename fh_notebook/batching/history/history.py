"""`fh.history`: table of earlier runs and batches, and a deployment inferred from them.

Rule of this file: it reads. Nothing is called, and nothing in the store is changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from functools import partial
from itertools import islice
from typing import Any, Final

import pandas as pd

from fh_notebook.batching.model import JobCounts
from fh_notebook.batching.progress.state import outcome_parts
from fh_notebook.batching.tables.frames import INSTANT, TEXT, series_of
from fh_notebook.batching.tables.values import plain
from fh_notebook.contract.catalog.deployments import near_name
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.invoke_request import PROBE_METADATA
from fh_notebook.contract.output import excerpt
from fh_notebook.contract.run import with_action
from fh_notebook.contract.schema.build import infer
from fh_notebook.core import arguments, hooks
from fh_notebook.core.json_values import inputs_text, is_missing
from fh_notebook.core.redaction import MASK
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import listed, nearest, one_line, short
from fh_notebook.core.text.messages import Message, counted, option
from fh_notebook.core.text.shown_frame import ShownFrame
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.session import session
from fh_notebook.store.store import Store
from fh_notebook.store.tables.answers import StoredAnswer
from fh_notebook.store.tables.batches import BatchRecord

COLUMNS: Final = {
    "kind": TEXT,
    "name": TEXT,
    "deployment": TEXT,
    "variants": TEXT,
    "status": TEXT,
    "planned": "Int64",
    "done": "Int64",
    "failed": "Int64",
    "unknown": "Int64",
    "at": INSTANT,
    "elapsed_s": "float64",
    "inputs": TEXT,
    "output": TEXT,
    "error": TEXT,
    "client_action": TEXT,
    "request_id": TEXT,
    "workspace": TEXT,
    "answer_id": "Int64",
}
"""The columns of :func:`history` with their dtypes, which are the same whatever there is."""

TEXT_SHOWN: Final = 100
"""Characters of inputs, an output or an error in the table; the run itself has all of it."""

SAMPLES: Final = 1_000
"""Answers that a deployment is guessed from: more of them say nothing new, and a store may hold a million."""


MOST: Final = 2**31
"""Runs and batches that are asked for at once; SQLite's integers end somewhere above."""


@arguments.public
def history(deployment: str | Deployment | None = None, *, limit: int = 100) -> pd.DataFrame:
    """Return the saved batches and single runs as a table: one row for each, the newest first.

    Parameters
    ----------
    deployment : str or Deployment, optional
        Only what was run of this one.
    limit : int
        At most this many lines.

    Returns
    -------
    DataFrame
        ``kind`` is ``batch`` or ``run``. A batch has its ``name`` and how many jobs were ``planned``, are ``done``,
        ``failed`` or ``unknown``: jobs, as in ``batch.counts``, of which equal ones share an answer; a run has its
        ``status``, ``elapsed_s`` in seconds, ``inputs``, ``output``, ``error`` and ``client_action``, the first words
        of each in one line without markup, ``request_id``, and ``answer_id``, its number in the store. ``at`` is when
        the last answer was saved, UTC. Without a store, or with nothing in it, the table is empty and has the same
        columns.

    Raises
    ------
    SettingsError
        `limit` is not a whole number of at least 1.
    InputError
        `deployment` is neither a `Deployment` nor a name.
    StoreError
        The file of saved answers cannot be read.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> hive = fh.local.demo_hive().client()
    >>> _ = hive.invoke("support-triage", variant="keywords", inputs={"ticket": "I was charged twice."})
    >>> fh.history(limit=1)[["kind", "deployment", "variants", "status", "output"]].values.tolist()
    [['run', 'support-triage', 'keywords', 'completed', 'billing']]
    """
    arguments.check(history, locals())
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise SettingsError(Message("{} is {}; give a whole number, at least 1", (option("limit"), short(limit))))
    limit = min(limit, MOST)
    if not isinstance(deployment, Deployment | str | None):
        raise InputError(f"deployment is {short(deployment)}; give a Deployment or its name")
    if isinstance(deployment, str):
        arguments.check_one("deployment", deployment, "str")
    name = deployment.name if isinstance(deployment, Deployment) else deployment
    store = _store()
    if store is None:
        return _frame([])
    # One more than is returned: whether there are others is said.
    lines = [_line_of_run(answer) for answer in store.answers.single_runs(limit + 1, deployment=name)]
    lines += [_line_of_batch(store, *newest) for newest in store.batches.newest(limit + 1, deployment=name)]
    lines.sort(key=lambda line: line["at"], reverse=True)
    if name is not None and not lines:
        _tell_nearest(store, name)
    return _frame(lines[:limit], has_more=len(lines) > limit)


def _store() -> Store | None:
    store = session.store()
    if store is None:
        hooks.frontend().notice("Nothing is saved; set a file for answers with fh.configure(store=...).")
    return store


def _line_of_run(answer: StoredAnswer) -> dict[str, Any]:
    run = answer.run
    return {
        "kind": "run",
        "deployment": run.deployment,
        "variants": run.variant,
        "status": answer.status,
        "planned": 1,
        "done": int(answer.status == "completed"),
        "failed": int(answer.status == "failed"),
        "unknown": int(answer.status not in ("completed", "failed")),
        "at": answer.kept_at,
        "elapsed_s": run.elapsed_s or None,
        "inputs": inputs_text(run.inputs or {}, TEXT_SHOWN) or None,
        "output": None if run.output is None else excerpt(run.output, TEXT_SHOWN),
        "error": one_line(run.error or run.error_code or "", TEXT_SHOWN) or None,
        "client_action": one_line(run.client_action or "", TEXT_SHOWN) or None,
        "request_id": run.request_id,
        "workspace": answer.workspace,
        "answer_id": answer.id,
    }


def _line_of_batch(store: Store, record: BatchRecord, last_at: Any) -> dict[str, Any]:
    counts = store.answers.counts_of(record)
    done, failed = counts.pop("completed", 0), counts.pop("failed", 0)
    return {
        "kind": "batch",
        "name": record.name,
        "deployment": record.deployment,
        "variants": ", ".join(record.variants),
        "planned": _count_planned(store, record),
        "done": done,
        "failed": failed,
        "unknown": sum(counts.values()),
        "at": last_at,
        "workspace": record.workspace,
    }


def _count_planned(store: Store, record: BatchRecord) -> int:
    over_partitions = record.plan.get("parts")
    return (
        sum(jobs for _, _, jobs, _ in over_partitions["partitions"]) if over_partitions else store.jobs.count(record.id)
    )


def _frame(lines: list[dict[str, Any]], *, has_more: bool = False) -> pd.DataFrame:
    columns = {name: [line.get(name) for line in lines] for name in COLUMNS}
    frame = pd.DataFrame({name: series_of(columns[name], dtype) for name, dtype in COLUMNS.items()})
    batches = sum(line["kind"] == "batch" for line in lines)
    calls = len(lines) - batches
    counts = [counted(calls, "call")] if calls or not batches else []
    count = " and ".join([*counts, *([counted(batches, "batch", "batches")] if batches else [])])
    words = "; inputs and answers by their first words" if calls else ""
    caption = (
        f"The newest {count}{words}; limit= (-n) lists more." if has_more else f"{count}, the newest first{words}."
    )
    return ShownFrame.of(
        frame,
        shown_cells,
        drawn=partial(shown_cells, drawn=True),
        style=STYLE,
        table_cls=TABLE,
        caption=caption,
        note=_note(lines),
        show=_show_live,
    )


TABLE: Final = "fh-table fh-runs"
STYLE: Final = html.Html(
    f"{html.STYLE}<style>"
    ".fh table.fh-runs td{vertical-align:baseline}"
    "@media (min-width:1000px){.fh .fh-runs td:is(:first-child,:nth-child(5)){white-space:nowrap}}"
    ".fh .fh-runs td:is(:nth-child(2),:nth-child(3),:nth-child(6),:nth-child(7)){overflow-wrap:anywhere}"
    ".fh .fh-runs td:nth-child(2){max-width:12em}.fh .fh-runs td:nth-child(3){min-width:7em}"
    "@media (max-width:1000px){.fh table.fh-runs :is(td,th){padding-right:8px}"
    ".fh .fh-runs td:first-child{max-width:5.5em}.fh .fh-runs td:nth-child(2){max-width:6em}"
    ".fh .fh-runs td:nth-child(3){min-width:5.8em;max-width:8em}.fh .fh-runs .fh-badge{font-size:11px;padding:0 5px}"
    ".fh .fh-runs td:is(:nth-child(4),:nth-child(5)){max-width:7em;overflow-wrap:break-word}"
    ".fh .fh-runs td:is(:nth-child(6),:nth-child(7)){min-width:6.5em}}"
    "@media (max-width:600px){.fh .fh-runs :is(td,th):nth-child(n){min-width:0;"
    "white-space:normal;overflow-wrap:anywhere}"
    ".fh .fh-runs .fh-badge{white-space:normal;border:0;padding:0}}</style>"
)
"""Of the table: a wide page cuts no time in two; in a narrow one, names leave the room to inputs and answers."""


def _show_live(frame: ShownFrame) -> bool:
    return hooks.frontend().show_history(frame)


def _note(lines: Sequence[Mapping[str, Any]]) -> str:
    """Say how to open what is listed: by code, which works wherever the table is read."""
    newest = {line["kind"]: line for line in reversed(lines)}
    said = {"run": "To see all of a call: {}.", "batch": "To open a batch: {}."}
    return " ".join(text.format(opens_with(newest[kind])) for kind, text in said.items() if kind in newest)


# --- as it is read


def record_of(line: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a line of the table with ``None`` for what is missing."""
    return {str(name): None if is_missing(value) else plain(value) for name, value in line.items()}


def what_of(record: Mapping[str, Any]) -> str:
    """Return the batch's name, with its deployment where that is not in it; of a single run the deployment."""
    name, deployment = record["name"], record["deployment"] or ""
    return str(deployment if not name else name if deployment in name else f"{name} ({deployment})")


def outcome_of(record: Mapping[str, Any], *, is_short: bool = False) -> str:
    """Return the status of a run, or what came of the jobs of a batch, in a few words; `is_short`: in fewer."""
    return ", ".join(_outcomes(record, is_short=is_short).values())


def _outcomes(record: Mapping[str, Any], *, is_short: bool = False) -> dict[str, str]:
    """Return the words of `outcome_of` by the status that each is of."""
    if record["kind"] == "run":
        return {str(record["status"]): html.status_words(str(record["status"]))}
    kinds = ("planned", "done", "failed", "unknown")
    counts = JobCounts(**{kind: record[kind] or 0 for kind in kinds})
    left = counts.planned - counts.done - counts.failed - counts.unknown
    parts = outcome_parts(replace(counts, pending=max(left, 0)))
    return parts | {"completed": f"{counts.done:,}/{counts.planned:,}{'' if is_short else ' completed'}"}


def answer_of(record: Mapping[str, Any]) -> str:
    """Return the output of a run, or its error with what to do about it; of a batch nothing."""
    output: str | None = record["output"]
    return with_action(record["error"] or "", record["client_action"]) if output is None else output


def opens_with(record: Mapping[str, Any]) -> str:
    """Return the call that opens a batch, or the form whose earlier calls have a run."""
    if record["kind"] == "batch":
        return f"fh.open_batch({record['name']!r})"
    return f"fh.form({record['deployment']!r}), then press Earlier calls"


def shown_cells(
    frame: pd.DataFrame, *, zone: tzinfo | None = None, drawn: bool = False
) -> tuple[Sequence[str], list[list[str]]]:
    """Return the heads and the cells of the table as it is read."""
    times = [at.to_pydatetime(warn=False).astimezone(zone) for at in frame["at"]]
    zones = dict.fromkeys(time.tzname() or "" for time in times)
    lines = []
    for time, line in zip(times, frame.to_dict("records"), strict=True):
        record = record_of(line)
        labels = [html.badge(status, words) for status, words in _outcomes(record).items()]
        lines.append(
            [
                f"{time:%Y-%m-%d %H:%M:%S}{f' {time.tzname()}' if len(zones) > 1 else ''}",
                "call" if record["kind"] == "run" else f"batch {one_line(record['name'], 60)}",
                one_line(record["deployment"] or "", 60),
                one_line(record["variants"] or "", 40),
                html.join(labels, " ") if drawn else outcome_of(record),
                record["inputs"] or "",
                answer_of(record),
            ]
        )
    head = f"time ({next(iter(zones))})" if len(zones) == 1 else "time"
    return (head, "kind", "workflow", "variant", "status", "inputs", "answer"), lines


def _tell_nearest(store: Store, name: str) -> None:
    if batches := store.batches.named(name):
        of, opens = batches[0].deployment, f"fh.open_batch({short(name)}) opens it"
        message = f"{short(name)} is a batch of {short(of)}, and history lists deployments: {opens}"
        hooks.frontend().notice(f"{message}, and the history of {short(of)} lists it")
        return
    close = nearest(name, dict.fromkeys(stored for stored, _ in store.answers.deployment_names()))
    suggestion = f"; did you mean {close!r}?" if close else ""
    hooks.frontend().notice(f"Nothing is saved for {short(name)}{suggestion}")


def deployment_from_history(name: str, *, variants: str | Iterable[str] | None = None) -> Deployment:
    """Return the deployment that saved runs of this workspace show (the hook of ``Deployment.from_history``).

    Examples
    --------
    >>> import fh_notebook as fh
    >>> fh.configure(base_url="local")
    >>> _ = fh.Client().invoke("support-triage", variant="keywords", inputs={"ticket": "I was charged twice."})
    >>> deployment_from_history("support-triage", variants="keywords").inputs["properties"]["ticket"]
    {'type': 'string'}
    """
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"the name of a deployment must be a string, not {name!r}")
    store = session.store()
    if store is None:
        raise InputError("nothing is saved, because of fh.configure(store=None)", where=name)
    workspace = session.client_for(None).workspace
    runs = [
        run
        for answer in store.answers.of_deployment(workspace, name, SAMPLES)
        if dict((run := answer.run).metadata) != PROBE_METADATA  # it sends a wrong input on purpose
    ]
    ran = [run for run in reversed(runs) if run.may_have_run]  # the oldest first
    if not ran:
        raise InputError(_no_answers(store, name, workspace, refused=len(runs)))
    variants_run = tuple(dict.fromkeys(run.variant for run in ran if run.variant))
    chosen = variants_run if variants is None else _chosen_variants(name, variants, variants_run)
    samples = [run.inputs for run in ran if run.variant in chosen] or [run.inputs for run in ran]
    return Deployment(name, variants=chosen, inputs=_with_passwords(infer(samples), samples))


def _chosen_variants(name: str, variants: str | Iterable[str], variants_run: tuple[str, ...]) -> tuple[str, ...]:
    """The named variants. One that did not run may be new; where it is nearly one that did, that is said."""
    chosen = (variants,) if isinstance(variants, str) else tuple(variants)
    for variant in chosen:
        if variant not in variants_run and (close := near_name(variant, variants_run)):
            hooks.frontend().notice(
                f"No run of the variant {short(variant)} of {short(name)} is saved, but a run of {short(close)} is."
            )
    return chosen


def _no_answers(store: Store, name: str, workspace: str, *, refused: int) -> str:
    if refused:
        return f"the service refused every saved call of {short(name)}: none shows which inputs it accepts"
    stored = store.answers.deployment_names()
    names = [deployment for deployment, origin in stored if origin == workspace and deployment]
    if name not in names and (elsewhere := [origin for deployment, origin in stored if deployment == name]):
        places = " and ".join(islice(elsewhere, 3))
        return (
            f"no run of {short(name)} is saved for {workspace}, only for {places}: call "
            "fh.configure(base_url=...) first"
        )
    close = nearest(name, names)
    suggestion = (
        f"did you mean {close!r}?"
        if close
        else f"saved deployments: {listed(names, 'and')}"
        if names
        else "run it once"
    )
    return f"no run of {short(name)} is saved for {workspace}; {suggestion}"


def _with_passwords(schema: dict[str, Any], samples: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Mark what was last saved masked: before, it may have been declared otherwise, and saved in clear.

    Not even its kind is known: a list or an object may hold a secret.
    """
    last = {name: value for sample in samples for name, value in sample.items() if value is not None}
    for name in (name for name, value in last.items() if value == MASK):
        schema["properties"][name] = {"format": "password"}
    return schema


def last_run(workspace: str) -> StoredAnswer | None:
    """Return the newest single run of a workspace as it was saved, if there is one."""
    store = session.store()
    return next(iter(store.answers.single_runs(1, workspace=workspace)), None) if store else None
