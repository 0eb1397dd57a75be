"""The wording of messages, for each audience: the only tests that fail when a sentence is written anew.

``wording.txt`` has each message by a name, a line an audience; a command's and a cell's where they differ from
Python's. After a change of wording, ``python -m tests.golden.test_wording`` writes it anew, to be read in the diff.
"""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import ipywidgets
import numpy as np
import pandas as pd
import pytest
from IPython.core.error import UsageError
from traitlets import TraitError

import fh_notebook as fh
from fh_notebook.batching.batch_state import Resolution
from fh_notebook.batching.execution import stop_rules
from fh_notebook.batching.execution.engine_run import StartOptions
from fh_notebook.batching.model import BatchStopped, JobCounts
from fh_notebook.batching.options import BatchOptions
from fh_notebook.batching.planning import mapping
from fh_notebook.batching.planning.plan import OtherKey, Plan
from fh_notebook.batching.planning.stored_batch import refused_name
from fh_notebook.batching.progress.state import ProgressState
from fh_notebook.batching.rendering import progress_sentence
from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.cli.batch_compare import check_baseline
from fh_notebook.client.callbacks.receiver import check_public_url
from fh_notebook.client.http import exchange as edge
from fh_notebook.comparing.verdicts.verdict import notes_of, verdict_of
from fh_notebook.contract.catalog.deployments import Deployments, misspelling_error
from fh_notebook.contract.catalog.reader import read_catalog
from fh_notebook.contract.deployment import deployment_of
from fh_notebook.contract.output import IN_PROCESS, NO_ADDRESS
from fh_notebook.contract.schema.build import infer
from fh_notebook.contract.schema.validation import problems
from fh_notebook.contract.signing import sign
from fh_notebook.contract.snippet.parser import parse_snippet
from fh_notebook.core.rate import Rate
from fh_notebook.core.text.messages import CELL, COMMAND, PYTHON, Audience, text_for
from fh_notebook.errors import FetchHiveError
from fh_notebook.local import LocalHive
from fh_notebook.notebook.cell.options import parser as cell_parser
from fh_notebook.notebook.cell.options import read_line
from fh_notebook.notebook.cell.parser import read_inputs
from fh_notebook.notebook.cell.template import Template
from fh_notebook.notebook.commands import snippet as snippet_command
from fh_notebook.notebook.commands.connection import _ask as ask_key
from fh_notebook.notebook.forms.control.schema_editor import renamed, with_snippet, with_variable
from fh_notebook.notebook.magics.cell_magic import KEY_IN_CELL
from fh_notebook.notebook.results.answer_card import hint_for
from fh_notebook.racing.options import RaceOptions
from fh_notebook.racing.scores import ScoreScale
from fh_notebook.scaling.protocol import cluster_lost_stop, decode_stop, encode_stop
from fh_notebook.store.tables.batches import BatchRecord
from tests.batching.hives import Shouting
from tests.batching.planning.plans import make_plan
from tests.batching.planning.test_identity import Forgets, texts
from tests.batching.planning.test_identity import run as start
from tests.batching.planning.test_plan import PLANS
from tests.batching.progress.test_display import LINES
from tests.batching.tables.test_grid import GRIDS
from tests.batching.tables.test_rows import NO_TABLES
from tests.batching.test_rendering import SUMMARIES
from tests.comparing.frames import tall
from tests.comparing.scorers.test_json_scorers import SLOW
from tests.contract.snippet.snippets import SEED_SYNC
from tests.contract.snippet.test_parser import BROKEN, REFUSED
from tests.contract.snippet.test_sdk import CALLS
from tests.local.test_demo import EXAMPLES, NearestExample
from tests.local.test_faults import CONTRADICTIONS
from tests.notebook.cell.test_literals import FULL, SLIPS, inputs_of
from tests.notebook.commands.test_commands import NO_KEYS
from tests.notebook.commands.test_description import VARIABLES, line_of
from tests.notebook.forms.fields.test_fields import SentAs
from tests.notebook.forms.fields.test_fields import _parts as parts
from tests.notebook.forms.fields.test_fields import _view as field_view
from tests.notebook.results.test_column import NOT_FOUND
from tests.racing.quiz import Quiz
from tests.racing.test_race import CLEAR, run
from tests.session.drawn_service import CLOCK, Drawn, DrawnService
from tests.session.test_probe import BROKEN as ANSWERS
from tests.session.test_probe import DIRECT, learn
from tests.test_named import CASES as MISUSES
from tests.test_named import ROWS, misused

GOLDEN: Final = Path(__file__).with_name("wording.txt")

Says = Callable[[Audience], str]
"""What an audience reads."""

TRIAGE: Final = fh.Deployment(
    "triage",
    variants=["keywords", "nearest"],
    inputs={
        "ticket": fh.text(),
        "tone": fh.choice("calm", "brief", required=False),
        "words": fh.integer(minimum=1, required=False),
        "due": fh.date(required=False),
        "code": {"type": "string", "pattern": "^[A-Z]+$", "maxLength": 3, "default": "A"},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "default": []},
    },
)


def raised(call: Callable[[], Any]) -> Says:
    """Return what is read of the error that `call` raises."""

    def says(audience: Audience) -> str:
        try:
            call()
        except FetchHiveError as error:
            return error.text(audience)
        except (UsageError, ConnectionResetError, TypeError, ValueError) as error:
            return str(error)
        raise AssertionError("nothing was raised")

    return says


def of_inputs(**inputs: Any) -> Says:
    return lambda audience: "; ".join(problem.text(audience) for problem in problems(TRIAGE.inputs, inputs))


def of_table(rows: Any, **options: Any) -> Says:
    return lambda audience: raised(lambda: make_plan(rows, TRIAGE, audience=audience, **options))(audience)


def of_stop(stopped: BatchStopped | None) -> Says:
    assert stopped is not None
    return lambda audience: replace(stopped, audience=audience).message


def of_plan(**known: Any) -> Says:
    usual: dict[str, Any] = {
        "name": "b",
        "deployment": "triage",
        "variants": ("a",),
        "rows": 9,
        "jobs": 9,
        "repeats": 1,
    }
    plan = Plan(**(usual | {"calls": 9} | known))
    return lambda audience: str(replace(plan, audience=audience))


def of_line(state: dict[str, Any]) -> Says:
    line = str(ProgressState(**({"name": "b"} | state)))
    return lambda audience: line


def of_summary(counts: JobCounts) -> Says:
    return lambda audience: progress_sentence("b", counts, audience=audience)


def of_comparison(scores: dict[str, list[Any]], **options: Any) -> Says:
    lines = [
        {"row": row, "variant": name, "status": "failed" if score == "failed" else "completed",
         "score": None if score == "failed" else score}
        for name, of_variant in scores.items() for row, score in enumerate(of_variant)
    ]  # fmt: skip
    cmp = fh.compare(pd.DataFrame(lines), score="score", **options)
    return lambda audience: "\n".join([verdict_of(cmp.data), *notes_of(cmp.data, audience)])


def catalogue(text: str) -> Says:
    return raised(lambda: read_catalog(text))


def cell(body: str) -> Says:
    return raised(lambda: read_inputs(Template(body), TRIAGE))


def snippet(text: str) -> Says:
    """What is read of a snippet that is refused, without the words of Python's own parser."""
    says = raised(lambda: parse_snippet(text))
    return lambda audience: re.sub(r"(code is not valid) \(.*?\);", r"\1 (...);", says(audience))


def of_slip(body: str) -> Says:
    return raised(lambda: inputs_of(body, {}, FULL))


def of_source(rows: Any) -> Says:
    return raised(lambda: read_rows(rows))


def of_fault(given: dict[str, Any]) -> Says:
    return raised(lambda: LocalHive().fail_next(**given))


def line(text: str) -> Says:
    return raised(lambda: read_line(text))


def of_answer(reason: str) -> Says:
    run = fh.Run(status="failed", error="No more today.", origin="api.example.com")
    return of_stop(stop_rules.stop_of_answer(reason, run))


def at_limit(**limits: Any) -> Says:
    limited = stop_rules.StopLimits(**limits)
    return of_stop(limited.reached(calls=10, elapsed_s=60.0, errors=5, planned=10))


def of_approvals(status: int, *, decide: bool = False) -> Says:
    """What is read where the service answers the list, or the decision, with this status."""

    def answer(request: httpx.Request) -> httpx.Response:
        if decide and request.method == "GET":
            return httpx.Response(200, json={"data": [{"id": "a", "status": "pending"}]})
        return httpx.Response(status, json={"message": "not so"})

    def ask() -> None:
        client = fh.Client(
            base_url="https://api.example.com/v1", api_key="fhk_0123456789abcdef", transport=httpx.MockTransport(answer)
        )
        listed = client.approvals(workspace_id="ws_1")
        listed[0].decide("allow_once")

    return raised(ask)


def once(call: Callable[[], Any]) -> Says:
    """What is read of an error that is raised only the first time, or is slow to raise."""
    said = raised(call)(PYTHON)
    return lambda audience: said


def misuse(name: str) -> Says:
    """What is read of a wrong argument: its name, its value, and what it takes."""
    call, _ = MISUSES[name]
    with misused() as hive:
        batch = fh.batch(ROWS, "shout", client=hive.client(), progress=False, name="shouts")
        return once(lambda: call(hive, batch))


def of_race(rates: dict[str, float], rows: int, **options: Any) -> Says:
    """What a race says when it ends, and of what its numbers are."""
    race = run(Quiz(rates), rows, **options)
    said = "\n".join([race.verdict, *race.notes, race.plan_line.partition(": ")[2]])
    return lambda audience: said


def titles(kind: str, **options: Any) -> Says:
    """What is written over and beside the figures of a comparison."""
    frame = tall({"keywords": [0.0] * 16 + [1.0] * 8, "nearest": [1.0] * 24, "both": [1.0] * 12 + [0.0] * 12})
    frame["elapsed_s"] = [1 + n % 7 for n in range(len(frame))]
    frame["output"] = [("billing", "delivery", "billing", "other")[n % 4] for n in range(len(frame))]
    frame["expected_output"] = [("billing", "delivery", "delivery")[n % 3] for n in frame["row"]]
    figure = fh.compare(frame, score="s").plot(kind, **options)  # type: ignore[arg-type]
    said = "\n".join(part for panel in figure.panels for part in (panel.title, panel.alt))
    return lambda audience: said


def advice(at: int, name: str, **options: Any) -> Says:
    """What a probe notes of a service of which the requests from `at` on are answered so."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("fh_notebook.session.probe.LATER_S", 0.0)
        patched.setattr(edge, "exchange", partial(edge.exchange, clock=CLOCK))
        notes = learn(DrawnService(Drawn(3), broken_from=at, broken=ANSWERS[name]), callback=False, **options).notes
    return lambda audience: "\n".join(map(str, notes))


def unsent(schema: Any) -> Says:
    """What a form says in a text field of what is sent without a value, by each choice of its menu."""
    said = []
    field = field_view(schema).fields["v"]
    for choice in (SentAs.NOTHING, SentAs.DEFAULT, SentAs.EMPTY, SentAs.NULL):
        with contextlib.suppress(TraitError):  # a menu has what the schema allows
            field.menu.value = choice
            (control,) = parts(field, ipywidgets.Text)
            said.append(f"{choice.name}: {control.placeholder}")
    return lambda audience: "\n".join(said)


def no_key(typed: str) -> Says:
    """What is read where this is typed as a key."""

    def ask() -> None:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("fh_notebook.notebook.commands.connection.ask_hidden", lambda *_, **__: typed)
            ask_key("example.com")

    return raised(ask)


def saved_snippet(source: str) -> Says:
    """What is read when a snippet with a key is saved."""
    said: list[str] = []
    pasted = parse_snippet(SEED_SYNC.replace("YOUR_API_KEY", "fhk_0123456789abcdef"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(snippet_command, "notice", said.append)
        snippet_command._show_saved(pasted, None, deployment_of(pasted), "fetchhive.yaml", source)
    return lambda audience: "\n".join(said)


def hint(code: str) -> Says:
    """What to do about a run whose deployment, variant, or address was not found."""
    run = fh.Run(status="failed", error="Nicht da", error_code=code, status_code=NOT_FOUND[code])
    return lambda audience: hint_for(run)


def rotated_empty() -> None:
    with misused() as hive:
        hive.rotate_webhook_secret("shout", " ")


def forgotten_at_once() -> None:
    shouting = Shouting(name="lasting")
    start(shouting, texts("a"), progress=lambda: Forgets(shouting.hive.client()))


def resumed_without_rows() -> None:
    given = fh.Deployment("shout", variants="loud", inputs={"text": fh.text(secret=True)})
    client = Shouting(name="lasting").hive.client()
    fh.batch([{"text": "a"}, {"text": "b"}], given, client=client, name="mine", max_calls=1, progress=False)
    fh.open_batch("mine", client=client).resume()


UNTIMED: Final = pd.DataFrame({"row": [0, 1, 2, 3], "variant": "a", "s": 1.0})

EXPECTED: Final = pd.DataFrame({"row": [0, 1, 2, 3], "output": "x", "expected_output": ["x", "x", "y", "y"]})

RECORD: Final = BatchRecord(
    name="b", workspace="w", deployment="triage", variants=("a",), created_at=datetime(2026, 11, 28, tzinfo=UTC)
)
KNOWN: Final = Deployments([(TRIAGE, "fetchhive.yaml:3")])
BETTER: Final = {"keywords": [0.0] * 16 + [1.0] * 8, "nearest": [1.0] * 24}

PASTED: Final = [text for text, _ in (*REFUSED, *BROKEN, *CALLS) if len(text) < 1000 and "\0" not in text]
"""Without those that each version of Python finds too deep or too long in its own way."""

MESSAGES: Final[dict[str, Callable[[], Says]]] = {
    # checks of inputs
    "a wrong kind": lambda: of_inputs(ticket=3),
    "a missing variable": lambda: of_inputs(),
    "a slip in a name": lambda: of_inputs(ticket="a", ton="calm"),
    "none of the choices": lambda: of_inputs(ticket="a", tone="clam"),
    "below the least": lambda: of_inputs(ticket="a", words=0),
    "a moment in place of a day": lambda: of_inputs(ticket="a", due="2026-11-28T10:00:00"),
    "too long, and not of the pattern": lambda: of_inputs(ticket="a", code="abcd"),
    "an item twice": lambda: of_inputs(ticket="a", tags=["x", "x"]),
    # tables
    "no such column": lambda: of_table([{"text": "a"}], inputs={"ticket": "txet"}),
    "no column for a required variable": lambda: of_table([{"text": "a"}]),
    "no such variable": lambda: of_table([{"ticket": "a"}], inputs={"tickte": "ticket"}),
    "some rows do not fit": lambda: of_table([{"ticket": "a", "words": 0}, {"ticket": "b", "words": 3}]),
    "no row fits": lambda: of_table([{"ticket": "a", "words": 0}]),
    "another table of the name": lambda: lambda audience: refused_name(RECORD, "has other rows").text(audience),
    # options
    "too few repeats": lambda: raised(lambda: BatchOptions(repeats=0)),
    "a pilot of both kinds": lambda: raised(lambda: BatchOptions(first=1, sample=1)),
    "a ceiling below 0": lambda: raised(lambda: BatchOptions(max_calls=-1)),
    "a rate of nothing": lambda: raised(lambda: Rate.of("0/min")),
    "no such reuse": lambda: raised(lambda: BatchOptions(reuse="all")),
    "a fraction of a stream": lambda: raised(lambda: StartOptions.of(BatchOptions(fail_on_error=0.5), is_stream=True)),
    "a cost without a price": lambda: raised(lambda: StartOptions.of(BatchOptions(max_cost=1))),
    "an alpha beyond 1": lambda: raised(lambda: RaceOptions(score="exact", alpha=2)),
    "a difference beyond the scale": lambda: raised(lambda: ScoreScale().unit_of(3, "min_difference")),
    "a price of nothing": lambda: raised(lambda: fh.configure(price_per_call=0)),
    "no daily cap": lambda: raised(lambda: fh.configure(daily_cap=0)),
    "a public address without a scheme": lambda: raised(lambda: check_public_url("hooks.example.com")),
    "nearly a deployment": lambda: lambda audience: misspelling_error("traige", KNOWN).text(audience),  # type: ignore[union-attr]
    # stops
    "stopped by max_calls": lambda: at_limit(max_calls=10),
    "stopped by max_seconds": lambda: at_limit(max_seconds=60.0),
    "stopped by fail_on_error": lambda: at_limit(fail_on_error=True),
    "stopped by the configured cap": lambda: of_stop(stop_rules.StopLimits(left_today=0, daily_cap=50).used_up()),
    "stopped by the configured cap before an upload": lambda: of_stop(
        stop_rules.StopLimits(left_today=1, daily_cap=50).used_up(uploads=1)
    ),
    "the configured cap is less than a row needs": lambda: of_stop(
        stop_rules.StopLimits(left_today=2, daily_cap=2).used_up(uploads=2)
    ),
    "the service's daily cap": lambda: of_answer("daily_cap"),
    "no credits": lambda: of_answer("credits"),
    "the key is refused": lambda: of_answer("auth"),
    "the rows raised": lambda: of_stop(stop_rules.rows_broke(OSError("the disk is gone"))),
    "nobody is reached": lambda: of_stop(
        stop_rules.unreached(fh.Run(status="failed", error="refused", origin="10.0.0.7:80"), in_a_row=9, lasted_s=6.0)
    ),
    "cancelled": lambda: of_stop(stop_rules.cut_short("cancelled", 2)),
    "the scheduler is lost": lambda: of_stop(decode_stop(json.loads(json.dumps(encode_stop(cluster_lost_stop()))))),
    # plan and summary
    "approvals of a key that is refused": lambda: of_approvals(401),
    "approvals that the key may not list": lambda: of_approvals(403),
    "approvals of an unknown workspace": lambda: of_approvals(404),
    "approvals of wrong arguments": lambda: of_approvals(422),
    "approvals of a broken service": lambda: of_approvals(500),
    "a decision of an unknown approval": lambda: of_approvals(404, decide=True),
    "a second decision": lambda: of_approvals(409, decide=True),
    "a decision that is not accepted": lambda: of_approvals(422, decide=True),
    "a decision that may have arrived": lambda: of_approvals(502, decide=True),
    "a plan with unknown calls": lambda: of_plan(unknown=2),
    "a plan of rows that wait elsewhere": lambda: of_plan(waiting_elsewhere=2, waiting_in=("first",)),
    "a plan answered in the store": lambda: of_plan(elsewhere=3, elsewhere_in=("first",)),
    "a plan answered under another key": lambda: of_plan(other_key=OtherKey(workspace="h#a", rows=9, command="fh.store.join('a')")),
    "a summary": lambda: of_summary(JobCounts(planned=9, done=5, failed=1, unknown=2, pending=1, calls=9, refused=2)),
    "a summary with runs that may still run": lambda: of_summary(JobCounts(planned=9, done=5, unknown=4, not_ended=3, calls=9)),
    # the catalogue
    "a slip in a word of the catalogue": lambda: catalogue("deployments:\n  triage:\n    variant: [a]\n"),
    "no blank after a colon": lambda: catalogue("deployments:\n  triage:\n    inputs:\n      ticket:text\n"),
    'YAML: : {}': lambda: catalogue('deployments:\n  : {}'),
    'YAML: variants: [a]': lambda: catalogue('deployments:\n  triage\n    variants: [a]\n'),
    'YAML: description: it: sorts': lambda: catalogue('deployments:\n  triage\n    description: it: sorts\n'),
    'YAML: y:': lambda: catalogue('deployments:\n  d:\n    variants: [x]\n  triage\n  y:\n'),
    'YAML: ticket': lambda: catalogue('deployments:\n  d:\n    inputs:\n      x: text\n      ticket\n'),
    'YAML: ticket:{type: string}': lambda: catalogue('deployments:\n  d:\n    inputs:\n      ticket:{type: string}'),
    'YAML: tone: text': lambda: catalogue('deployments:\n  d:\n    inputs:\n      ticket:text\n      tone: text'),
    'YAML: ticket:text': lambda: catalogue('deployments:\n  d:\n    inputs:\n      ticket:text'),
    'YAML: t: {type:string, default: x}': lambda: catalogue('deployments:\n  d:\n    inputs:\n      t: {type:string, default: x}'),
    'YAML: variants:[a, b]': lambda: catalogue('deployments:\n  d:\n    variants:[a, b]'),
    'YAML: deployments:': lambda: catalogue('version:1\ndeployments:\n'),
    'YAML: and: more': lambda: catalogue('deployments:\n  d:\n    description: It sorts\n      tickets\n      and: more'),
    'YAML: d: {}': lambda: catalogue('deployments:\n\td: {}'),
    'YAML: deployments: {d: {}': lambda: catalogue('deployments: {d: {}'),
    'YAML: a: b: c': lambda: catalogue('a: b: c'),
    'YAML: b: *x': lambda: catalogue('a: &x [1]\nb: *x'),
    'YAML: a: &co partners': lambda: catalogue('a: &co partners'),
    'YAML: a: ! now': lambda: catalogue('a: ! now'),
    'YAML: description: "It sorts': lambda: catalogue('deployments:\n  d:\n    description: "It sorts'),
    'YAML: description: {name}, hi': lambda: catalogue('deployments:\n  d:\n    description: {name}, hi'),
    'YAML: description: *late*': lambda: catalogue('deployments:\n  d:\n    description: *late*'),
    'YAML: description: > 5': lambda: catalogue('deployments:\n  d:\n    description: > 5'),
    'YAML: description: - dash': lambda: catalogue('deployments:\n  d:\n    description: - dash'),
    'YAML: deployments: {: 1}': lambda: catalogue('deployments: {: 1}'),
    'YAML: e:': lambda: catalogue('deployments:\n   d:\n  e:\n'),
    'YAML: b: 1': lambda: catalogue('a: 1\n---\nb: 1'),
    'YAML: x: \x07': lambda: catalogue('version: 1\nx: \x07'),
    # cells
    "Python in a body": lambda: cell("ticket = 1\ntone = 2"),
    "a list in place of names": lambda: cell("- ticket: a"),
    "both kinds of variants": lambda: line("triage -v a --all-variants"),
    "a word too many": lambda: line("triage keywords"),
    **{f"an option of a cell: {text}": partial(line, f"triage {text}") for text in (
        "--out _1", "--out len", "--api-key fhk_0123456789abcdef", "--apitoken x", "--colour x", "\u2014all-variants", "\u2014\u2014zzz",
        "--metadata x", "--metadata a=1 --metadata a=2", "--repeats 0", "--show picture", "--score bleu --over rows",
    )},
    # comparisons
    "a winner, with failed runs": lambda: of_comparison({**BETTER, "keywords": ["failed", *BETTER["keywords"][1:]]}),
    "not clear yet": lambda: of_comparison({"keywords": [1.0, 0.0, 1.0, 0.0], "nearest": [0.0, 1.0, 1.0, 1.0]}),
    **{f"a plan, case {n}": partial(of_plan, **known) for n, (known, _) in enumerate(PLANS)},
    **{f"a summary, case {n}": partial(of_summary, counts) for n, (counts, _) in enumerate(SUMMARIES)},
    **{f"a line of progress, case {n}": partial(of_line, state) for n, (state, _) in enumerate(LINES)},
    **{f"a grid that is refused, case {n}": partial(raised, call) for n, (call, _) in enumerate(GRIDS)},
    **{f"a refused snippet, case {n}": partial(snippet, text) for n, text in enumerate(PASTED)},
    **{f"a body with a slip, case {n}": partial(of_slip, body) for n, (body, _) in enumerate(SLIPS)},
    **{f"no table, case {n}": partial(of_source, source) for n, (source, _) in enumerate(NO_TABLES)},
    **{f"a contradiction of faults, case {n}": partial(of_fault, given) for n, (given, _) in enumerate(CONTRADICTIONS)},
    **{f"a wrong argument: {name}": partial(misuse, name) for name in MISUSES},
    **{f"no key, case {n}": partial(no_key, typed) for n, typed in enumerate(NO_KEYS)},
    "what the options of a cell do": lambda: lambda audience: "\n".join(
        f"{', '.join(action.option_strings) or action.metavar}: {action.help}" for action in cell_parser().actions
        if action.dest not in ("help", "api_key")  # Python's own, and one that is not shown
    ),
    "the kinds of variables": lambda: lambda audience: "\n".join(line_of(variable).kind for variable, _, _ in VARIABLES),
    "a text that is not sent": lambda: unsent({"type": "string"}),
    "a text that has a default": lambda: unsent({"type": ["string", "null"], "default": "calm"}),
    # races
    "a winner of a race": lambda: of_race(CLEAR, 120, lookahead=1, max_concurrency=1),
    "a race whose budget is spent": lambda: of_race({"a": 0.5, "b": 0.5}, 120, max_calls=20),
    "a race without a difference": lambda: of_race({"a": 1.0, "b": 1.0}, 400, min_difference=0.2, lookahead=1, max_concurrency=1),
    "a race out of patience": lambda: of_race({"a": 0.5, "b": 0.5}, 120, patience=7, lookahead=1),
    "a race over all rows": lambda: of_race({"a": 0.5, "b": 0.6}, 12),
    "a race without rows": lambda: of_race(CLEAR, 0),
    "a race that is planned": lambda: of_race(CLEAR, 120, dry_run=True),
    "a race with failed runs": lambda: of_race({"shaky": -0.7, "steady": 1.0}, 20),
    "a race of which nothing can be drawn": lambda: raised(run(Quiz(CLEAR), dry_run=True).plot),
    # figures
    **{f"the figures of {kind}": partial(titles, kind) for kind in ("scores", "differences", "wins", "seconds", "confusion", "tradeoff")},
    # probes
    **{f"a probe, {name} from request {at} on": partial(advice, at, name, concurrency=False)
       for at, name in ((1, "401"), (1, "503"), (2, "404 JSON"), (2, "400 page"), (2, "500 JSON"), (2, "timeout"), (2, "503"), (2, "429 of a minute"))},
    **{f"a probe, {name} of the calls at once": partial(advice, DIRECT + 1, name)
       for name in ("500 JSON", "504", "timeout", "429 page")},
    # what has one error of its type only
    "times that nobody measured": lambda: raised(lambda: fh.compare(UNTIMED, score="s").best(value="seconds")),
    "times to trade that nobody measured": lambda: raised(lambda: fh.compare(UNTIMED, score="s").tradeoff()),
    "a score to trade that nobody gave": lambda: raised(lambda: fh.compare(UNTIMED.assign(output="x")).tradeoff()),
    "classes of failed runs alone": lambda: raised(lambda: fh.compare(UNTIMED.merge(EXPECTED).assign(status="failed")).classes()),
    "a canary of no rows": lambda: raised(lambda: fh.canary([], "quiz", variant="a", score=fh.score.exact(), client=LocalHive().client())),
    "no snippet in a form": lambda: raised(lambda: with_snippet(fh.Deployment("d"), "some words")),
    "nothing pasted in a form": lambda: raised(lambda: with_snippet(fh.Deployment("d"), " ")),
    "a variable without a name": lambda: raised(lambda: with_variable(fh.Deployment("d"), " ", "text")),
    "a variable that is there": lambda: raised(lambda: with_variable(TRIAGE, "ticket", "text")),
    "a deployment without a name": lambda: raised(lambda: renamed(fh.Deployment("d"), " ")),
    "a secret that signs nothing": lambda: raised(lambda: sign(b"", "")),
    "an empty secret of a receiver": lambda: raised(lambda: fh.CallbackReceiver(secrets=[" "])),
    "a secret that is no text": lambda: raised(lambda: fh.CallbackReceiver(secrets=None)),  # type: ignore[arg-type]
    "an empty secret of a trigger": lambda: raised(lambda: LocalHive().client().trigger("a", "b", secret="")),
    "an empty secret of a hive": lambda: raised(rotated_empty),
    "an output that is no JSON": lambda: raised(lambda: fh.Run(status="completed", output="no").json()),
    "no request id": lambda: raised(lambda: LocalHive().client().retrieve(None)),  # type: ignore[arg-type]
    "no sample of inputs": lambda: raised(lambda: infer([1, 2])),  # type: ignore[list-item]
    "no words to compare": lambda: raised(lambda: NearestExample(EXAMPLES).classify("?!")),
    "nobody is paused": lambda: raised(lambda: LocalHive().decide(approve=True)),
    "a batch that is forgotten before its first call": lambda: once(forgotten_at_once),
    "rows with a password that are not given": lambda: once(resumed_without_rows),
    # notices of a key, and hints
    "a key in the snippet of a cell": lambda: lambda audience: KEY_IN_CELL,
    "a key in a snippet of a cell that is saved": lambda: saved_snippet("this cell"),
    "a key in a snippet at a prompt": lambda: saved_snippet(""),
    **{f"what to check after {code}": partial(hint, code) for code in NOT_FOUND},
    "a pattern without an end": lambda: lambda audience: "; ".join(
        problem.text(audience) for problem in problems(fh.Deployment("d", inputs={"t": fh.text(pattern=SLOW)}).inputs, {"t": "a" * 90 + "b"})
    ),
    "a file of a local hive": lambda: lambda audience: "\n".join([IN_PROCESS, NO_ADDRESS]),
    "nothing is unknown": lambda: Resolution().text,
    "judged without labels": lambda: raised(lambda: fh.compare(UNTIMED, score="s").judge_errors()),
    "a name that is no string in a snippet": lambda: snippet("c.invoke_workflow(deployment='d', inputs={'a': {1: 2}})"),
    "columns of several levels": lambda: of_source({("a", "b"): [1], ("a", "c"): [2]}),
    "nothing to compare": lambda: raised(lambda: fh.compare([], score="s")),
    "a baseline that is not called": lambda: raised(lambda: check_baseline(Namespace(baseline="lvie", variant=["live", "new"]), ())),
    "a score is missing": lambda: of_comparison({"a": [1.0, np.nan, 0.5], "b": [0.5, 0.25, 0.5]}),
}  # fmt: skip


def texts_of(name: str) -> dict[str, str]:
    """Return what each audience reads of a message."""
    says = MESSAGES[name]()
    texts = {"python": says(PYTHON), "command": says(COMMAND), "cell": says(CELL)}
    return {k: v for k, v in texts.items() if k == "python" or v != texts["python"]}


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _unescaped(line: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], line)


def kept() -> dict[str, dict[str, str]]:
    """Return the texts as they are kept."""
    read: dict[str, dict[str, str]] = {}
    for block in GOLDEN.read_text(encoding="utf-8").strip().split("\n\n"):
        name, *lines = block.split("\n")
        read[name] = {}
        for each in lines:
            read[name][each[:8].strip()] = _unescaped(each[8:])
    return read


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_reads_as_it_is_kept(name: str) -> None:
    """Each audience reads what it can do: arguments, options, or what a cell has."""
    assert texts_of(name) == kept()[name]


def test_no_message_is_kept_that_is_not_made() -> None:
    """The file has what is tested, in the same order."""
    assert list(kept()) == list(MESSAGES)


def test_a_text_says_the_same_after_a_pickle() -> None:
    """Errors and problems come from worker processes."""
    import pickle

    told = BatchOptions.__dataclass_fields__["repeats"].metadata["takes"].takes
    with pytest.raises(fh.SettingsError) as caught:
        BatchOptions(repeats=0)
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.text(COMMAND) == caught.value.text(COMMAND) == f"--repeats is 0; give {told}"
    assert text_for(pickle.loads(pickle.dumps(mapping._map("x"))), COMMAND) == "--map x=COLUMN"


if __name__ == "__main__":
    blocks = []
    with tempfile.TemporaryDirectory() as folder:
        for n, name in enumerate(MESSAGES):
            fh.configure(store=f"{folder}/{n}.sqlite3")  # as each test has one of its own
            told = [f"{audience:8}{_escaped(text)}" for audience, text in texts_of(name).items()]
            blocks.append("\n".join([name, *told]))
        fh.configure(store=None)
    GOLDEN.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
