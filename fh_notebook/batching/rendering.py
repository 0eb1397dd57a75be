"""Messages and tables of a batch as text and HTML. Pure.

Rule of this file: whatever came from a model or a service is text, and text is escaped; every table that is shown has a
plain twin.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Container, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from fh_notebook.batching.model import (
    AWAITS_DECISION,
    ERROR_SHOWN,
    INVALID_INPUT,
    NOT_ENDED,
    BatchStopped,
    JobCounts,
    error_line,
    error_template,
    open_reason,
)
from fh_notebook.batching.progress.state import NOT_SENT, admitting, outcome_parts
from fh_notebook.batching.progress.unknown_outcomes import ASK, DECIDE, RETRY_ANYWHERE, RETRY_CODE, UnknownOutcomes
from fh_notebook.batching.tables.frames import RUNS
from fh_notebook.contract.output import OutputOptions, excerpt, short_view
from fh_notebook.contract.run import Run, action_text, with_action
from fh_notebook.contract.wire import BROKEN_TEXTS
from fh_notebook.core.json_values import is_missing
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import figures_form, first_words, given_form, seconds_digits
from fh_notebook.core.text.formatting import one_line as line_of_text
from fh_notebook.core.text.messages import PYTHON, WAITING_FOR_DECISION, Audience, Phrase, counted

DIGEST_LINES: Final = 4
KEPT_IN_ROW: Final = 200_000
"""Bytes of a saved picture that is in a row."""
TEXT_SHOWN: Final = ERROR_SHOWN
"""Characters of a cell that are shown; the frame has all of it."""


def one_line(value: Any, limit: int = TEXT_SHOWN) -> str:
    r"""Return `value` as one printable line of at most `limit` characters.

    Examples
    --------
    >>> one_line("two\nlines"), one_line("x" * 9, 5), one_line({"label": "other"})
    ('two lines', 'xxxx…', '{"label": "other"}')
    """
    return line_of_text(_text_of(value)[: limit * 4], limit)


def _text_of(value: Any) -> str:
    """An output that is an object as the JSON that it came as, not as Python spells it."""
    if not isinstance(value, dict | list):
        return str(value)
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):  # keys of a user's own frame, a loop
        return str(value)


def progress_sentence(
    name: str,
    counts: JobCounts,
    *,
    doing: str = "",
    stopped: BatchStopped | None = None,
    admits: int | None = None,
    audience: Audience = PYTHON,
    decide: Phrase = DECIDE,
) -> str:
    """Return how far a batch is, in one line, and what it is `doing`, unless it has ended.

    Where it fell back under its ceiling, with what the service `admits`.

    Examples
    --------
    >>> print(progress_sentence("triage-1", JobCounts(planned=80, done=78, failed=2, reused=62, calls=18)))
    triage-1: 78 of 80 completed, 2 failed; 62 reused, 18 calls
    >>> print(progress_sentence("triage-2", JobCounts(planned=80, done=80, calls=87, refused=7)))
    triage-2: 80 of 80 completed; 87 calls (7 requests refused by a limit)
    """
    if_unknown = f" ({replace(UnknownOutcomes.of(counts), waiting=0).text(audience)})"
    if_waiting = f" ({decide.text(audience)})"
    parts = [*outcome_parts(counts, if_unknown=if_unknown, if_waiting=if_waiting).values()]
    text = f"{html.printable(name)}: {', '.join(parts)}; {_spent(counts)}"
    text += f"; {admitting(admits)}" if admits is not None else ""
    text += f"; {doing}" if doing else ""
    return f"{text}. Stopped: {stopped.message}" if stopped else text


def _spent(counts: JobCounts) -> str:
    """Return what the answers cost: calls, and what was reused in place of one."""
    parts = [f"{counts.reused:,} reused"] if counts.reused else []
    return ", ".join([*parts, _calls(counts)])


def _calls(counts: JobCounts) -> str:
    """Return how many calls were made, and why there may be more of them than jobs.

    A limit is the service's or that of a model's provider, and what it refused may be an upload. A refused call is sent
    again unless the batch is stopped before.
    """
    refused = f" ({counted(counts.refused, 'request')} refused by a limit)" if counts.refused else ""
    return f"{counted(counts.calls, 'call')}{refused}"


ROWS_OF_AN_ERROR: Final = 5
"""Rows of one error that are shown; ``batch.failures`` has all."""
ERROR_AT_LENGTH: Final = 400
"""Characters of an error where it has a line of its own: its end often says the most."""

STATUS_WORDS: Final = {
    "completed": "completed",
    "failed": "failed",
    "invalid": NOT_SENT,
    "unknown": "outcome unknown",
    "awaiting_approval": WAITING_FOR_DECISION,
    "pending": "pending",
}
"""What the jobs of a batch are called by their status, where they are counted in a page."""
UNKNOWN_MEANS: Final = "No answer arrived: the call may have run."
"""What ``unknown`` means, in a sentence."""
TAKEN: Final = "The service accepted {0}: calling {0} again may cost twice."
"""What it means where the outcome is still to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorGroup:
    """Jobs that ended with one error."""

    status: str
    """``failed``, ``invalid`` (not sent), ``unknown``, or ``awaiting_approval``, of whose outcome is unknown until
    somebody decides."""
    code: str
    """The error code; empty without one."""
    error: str
    """The error in one line, with "…" where its messages have values of their rows; empty where none was given."""
    goes_on: str = ""
    """Why the outcomes are still to come; see :func:`~fh_notebook.batching.model.open_reason`."""
    jobs: int
    calls: int = 0
    """How many calls it takes to call them all again: equal jobs share one."""
    first: tuple[tuple[Any, str | None, str], ...] = ()
    """The first of them: the row's label, the variant, and the error at full length."""
    others: int = 0
    """How many other messages it has."""
    said: str = ""
    """What a page says in place of all that; without a code it is said of all jobs of this status."""
    client_action: str | None = None
    """What the service's error catalogue says to do about the code."""

    @property
    def words(self) -> str:
        """What a page says of it: the first message at length, how many others there are, and the code.

        Of a connection that broke it is the sentence about that alone; its rows have the system's message.
        """
        if self.said:
            return self.said
        message = line_of_text(self.first[0][2], ERROR_AT_LENGTH) if self.first else self.error
        broke = BROKEN_TEXTS.get(self.code)
        if broke and message.startswith(broke):  # it says what the code says, and its detail is the system's
            return broke
        others = f"(and {counted(self.others, 'other message')})" if self.others else ""
        code = f"({self.code})" if message and self.code else self.code
        action = action_text(self.client_action)
        return " ".join(filter(None, (message, others, code, action and f"→ {action}"))) or "no reason given"

    def __str__(self) -> str:
        error = " ".join(part for part in (self.code, repr(self.error) if self.error else "") if part)
        return with_action(error, self.client_action) or "no reason given"


def status_of_error(run: Run) -> str:
    """Return which `ErrorGroup.status` a run without an output has."""
    if run.error_code == INVALID_INPUT:
        return "invalid"
    return run.status if run.status in ("failed", "awaiting_approval") else "unknown"


def error_groups(runs: Iterable[tuple[Any, str, Run]]) -> list[ErrorGroup]:
    """Return the errors of runs: failed ones first, and the most frequent before others.

    Messages that differ by a value of their row alone are one error.

    Examples
    --------
    >>> bad = Run(status="failed", error="tags is missing", error_code="validation_error", variant="v")
    >>> [group] = error_groups([(7, "k7", bad), (8, "k8", bad), (9, "k7", bad)])
    >>> group.jobs, group.calls, str(group), group.first[0]
    (3, 2, "validation_error 'tags is missing'", (7, 'v', 'tags is missing'))
    >>> lost = [Run(status="failed", error=f"id {row} not found") for row in (123, 124)]
    >>> [group] = error_groups([(row, str(row), run) for row, run in enumerate(lost)])
    >>> str(group), group.words
    ("'id … not found'", 'id 123 not found (and 1 other message)')
    """
    jobs: dict[tuple[str, str, str, str], int] = {}
    keys: dict[tuple[str, str, str, str], set[str]] = {}
    first: dict[tuple[str, str, str, str], list[tuple[Any, str | None, str]]] = {}
    actions: dict[tuple[str, str, str, str], str] = {}
    messages: dict[tuple[str, str, str, str], set[str]] = {}
    for row, job_key, run in runs:
        if run.status == "completed":
            continue
        line = error_line(run.error)
        kind = (status_of_error(run), run.error_code or "", error_template(line), open_reason(run))
        messages.setdefault(kind, set()).add(line)
        jobs[kind] = jobs.get(kind, 0) + 1
        keys.setdefault(kind, set()).update({job_key} - {""})
        if run.client_action:
            actions[kind] = run.client_action
        if len(shown := first.setdefault(kind, [])) < ROWS_OF_AN_ERROR:
            shown.append((row, run.variant, run.error or ""))
    groups = [
        ErrorGroup(
            status=kind[0],
            code=kind[1],
            error=kind[2] if len(messages[kind]) > 1 else next(iter(messages[kind])),
            goes_on=kind[3],
            jobs=jobs[kind],
            calls=len(keys[kind]),
            first=tuple(rows),
            others=len(messages[kind]) - 1,
            client_action=actions.get(kind),
        )
        for kind, rows in first.items()
    ]
    return sorted(groups, key=lambda group: (group.status != "failed", -group.jobs))


def digest(groups: Sequence[ErrorGroup]) -> str:
    """Return errors in one line, the most frequent first; empty when there are none.

    Examples
    --------
    >>> bad = Run(status="failed", error="tags is missing", error_code="validation_error")
    >>> lost = Run(status="unknown", error="no answer came in time", error_code="read_timeout")
    >>> digest(error_groups([(0, "a", bad), (1, "b", bad), (2, "c", lost)]))
    "2 failed: 2 x validation_error 'tags is missing'; 1 outcome unknown: 1 x read_timeout 'no answer came in time'"
    >>> digest(error_groups([(0, "a", Run(status="awaiting_approval", error="it waits for a decision"))]))
    '1 waiting for a decision'
    """
    by_status = {status: [g for g in groups if g.status == status] for status in ("failed", "invalid", "unknown")}
    parts = [
        f"{sum(g.jobs for g in of):,} {STATUS_WORDS[status]}: {_most_frequent(of)}"
        for status, of in by_status.items()
        if of
    ]
    waiting = sum(group.jobs for group in groups if group.status == AWAITS_DECISION)
    parts += [f"{waiting:,} {STATUS_WORDS[AWAITS_DECISION]}"] if waiting else []  # its error says nothing more
    return "; ".join(parts)


def _most_frequent(groups: Sequence[ErrorGroup]) -> str:
    parts = [f"{group.jobs:,} x {group}" for group in groups[:DIGEST_LINES]]
    left = sum(group.jobs for group in groups[DIGEST_LINES:])
    return ", ".join(parts + ([counted(left, "other")] if left else []))


RETRY: Final = ("batch.retry_failed()", "call the failed ones again")
NEXT: Final = (
    ("batch.browse()", "read and filter all answers"),
    ("fh.compare(batch)", "compare the variants"),
    ('batch.to_excel("answers.xlsx")', "save them"),
)
"""What is done with a batch that has ended, in code; `RETRY` where something failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """What can be done with a batch by a click, where there is a kernel that hears it."""

    retry: bool = False
    """Whether it can call failed rows again."""
    browse: bool = False
    compare: bool = False
    save: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOverview:
    """What is shown of a batch at one moment: its counts, its errors, its first rows, and what can be done next."""

    name: str
    summary: str
    """How far it is, in one line."""
    counts: JobCounts
    groups: Sequence[ErrorGroup]
    """Its errors, one for each code."""
    head: pd.DataFrame
    """Its first lines, failed ones first."""
    columns: Sequence[str]
    """Of `head`, those that are shown."""
    factors: str = ""
    """What its jobs are made of: ``300 rows x 3 variants``; empty where a row is one job."""
    doing: str = ""
    """What it is doing; empty when it has ended."""
    stopped: BatchStopped | None = None
    admits: int | None = None
    """How many calls at once the service admits, where it fell back under its ceiling."""
    is_forgotten: bool = False
    audience: Audience = PYTHON
    """Who reads it: what is typed to go on is not the same everywhere."""
    is_app: bool = False
    """Whether it is for the users of an app, who type no code, and to whom calls and limits are nothing."""
    is_saved: bool = False
    """Whether it can be opened by its name."""

    @property
    def opener(self) -> str:
        """The code that returns the batch wherever it is typed; of one that is not saved, its usual name."""
        return f"fh.open_batch({self.name!r})" if self.is_saved else "batch"

    @property
    def shown_groups(self) -> Sequence[ErrorGroup]:
        """The errors that are shown."""
        return self.groups[: 2 * DIGEST_LINES]

    def page_html(self) -> html.Html:
        """Return all of it as HTML, with code that says what can be done."""
        has_ended = not self.doing and self.counts.done + self.counts.failed + self.counts.unknown
        following = self._next() if has_ended and not self.is_app else None
        return html.el("div", self.head_html(), self.rows_html(), following, cls="fh")

    def head_html(self, offers: Offers | None = None) -> html.Html:
        """Return the counts and errors as HTML."""
        if self.is_forgotten:
            return html.el("div", html.STYLE, self.summary, cls="fh")
        counts, stopped = self.counts, self.stopped
        chips = [
            html.badge(status, f"{number:,} {STATUS_WORDS[status]}", title=_meaning(status, counts))
            for status, number in _outcomes(counts)
            if number
        ]
        admitted = [admitting(self.admits)] if self.admits is not None else []
        cost = filter(None, [_reused(counts) if self.is_app else _cost(counts)])
        facts = [*cost, *admitted, *([self.doing] if self.doing else [])]
        errors = [
            self._group_html(group) if offers is None else self._group_with_buttons(number, group, offers)
            for number, group in enumerate(self.shown_groups)
        ]
        kept = _not_repeated(counts, {group.status for group in self.shown_groups})
        more = len(self.groups) - len(errors)
        has_all = "" if self.is_app else f": {self.opener}.failures"
        facts_html = html.el("span", "; ".join(facts), cls="fh-dim")
        name_html = [html.el("strong", f"Batch '{self.name}'")] if self.name else []
        return html.el(
            "div",
            html.STYLE,
            # Blanks between: a page without styles, such as GitHub's of a notebook, shows them as one text.
            html.el("div", html.join([*name_html, *chips, facts_html], " "), cls="fh-head"),
            html.el("div", kept, cls="fh-dim") if kept and not (self.doing or self.is_app) else None,
            self._stopped_html(stopped) if stopped is not None else None,
            html.el("div", html.el("div", *errors), cls="fh-error-list") if errors else None,
            html.el("div", f"and {counted(more, 'more error')}{has_all}", cls="fh-dim") if more else None,
            _buttons(offers) if offers is not None and not self.doing else None,
            cls="fh",
        )

    def _group_html(self, group: ErrorGroup) -> html.Html:
        """Return one error: how often, what, and behind it the first rows and how to call them again."""
        rows = html.table(
            ["row", "variant", "error"], [[cell(row), variant or "", error] for row, variant, error in group.first]
        )
        shown = f"The first {len(group.first)} of {group.jobs:,}. " if group.jobs > len(group.first) else ""
        if self.is_app:
            return html.el("div", *_group_words(group), cls="fh-errors")
        note = html.el("div", shown, self._again(group), cls="fh-dim")
        return html.el("details", html.el("summary", *_group_words(group)), rows, note, cls="fh-fold fh-errors")

    def _group_with_buttons(self, number: int, group: ErrorGroup, offers: Offers) -> html.Html:
        """Return one error with buttons for its rows, and for a call of each of them that can be called."""
        what = group.words
        buttons = [_button(f"show:{number}", "Show", f"Show the rows: {what}")]
        if offers.retry and group.calls and retry_code(group):
            calls = f"Retry ({counted(group.calls, 'call')})"
            retry = f"Try the {counted(group.jobs, 'failed one')} again" if self.is_app else calls
            buttons.append(_button(f"retry:{number}", retry, f"{retry}: {what}"))
        has_note = offers.retry and not retry_code(group)
        note = self._again(group) if has_note and not self.is_app else None
        badge, _, words = _group_words(group)
        acts = html.el("span", *buttons, cls="fh-error-acts")
        note_html = html.el("div", note, cls="fh-dim") if note else None
        return html.el("div", badge, html.el("span", words), acts, note_html, cls="fh-errors")

    def _stopped_html(self, stopped: BatchStopped) -> html.Html:
        """Return why it stopped; in grey what a person did."""
        kind = "fh-dim" if stopped.reason == "cancelled" else "fh-unknown"
        return html.sentence("div", f"Stopped: {self._stop_message(stopped)}", cls=kind)

    def _stop_message(self, stopped: BatchStopped) -> str:
        """Return why it stopped and how to go on, in code that can be typed anywhere."""
        reader = stopped.audience
        resume = f"{self.opener}.resume()" if reader == PYTHON else reader.resume
        return replace(stopped, audience=replace(reader, resume=resume)).message

    def _again(self, group: ErrorGroup) -> html.Html:
        """Return what to do about the jobs of an error, in code that can be typed anywhere."""
        if retry := retry_code(group, self.opener):
            return html.el("span", f"To call {_them(group)} again: ", html.code(retry))
        if group.goes_on:  # what to do about the others their error says
            ask = f" {ASK.text(self.audience)}." if group.goes_on == NOT_ENDED else ""
            return html.el("span", f"{TAKEN.format(_them(group))}{ask}")
        if group.status == "invalid":
            rows = "this row" if group.jobs == 1 else "these rows"
            return html.el("span", f"Correct {rows}, and run the cell again: answered rows are not called again.")
        code = (
            RETRY_CODE.text(self.audience) if self.audience.medium == "command" else RETRY_ANYWHERE.format(self.opener)
        )
        what = f"{'It' if group.jobs == 1 else 'They'} may have run: calling {_them(group)} again may cost twice"
        return html.el("span", f"{what}. To call {_them(group)} again all the same, type: ", html.code(code))

    def _next(self) -> html.Html:
        """Return what can be done next, in code: first, what makes the name known that the rest uses."""
        has_failed = self.counts.failed > self.counts.invalid
        opens = [(f"batch = {self.opener}", "open it")] if self.is_saved else []
        steps = [*opens, *([RETRY] if has_failed else []), *NEXT]
        parts = [html.el("span", html.code(code), f" {what}") for code, what in steps]
        style = "display:flex;flex-wrap:wrap;gap:0 16px"
        heading = html.el("span", "To continue, type in a cell:")
        return html.el("div", html.join([heading, *parts], " "), cls="fh-dim fh-foot", style=style)

    def rows_html(self, prefix: str = "") -> html.Html:
        """Return the first rows as HTML, to be shown in one page with the head, which has the style.

        With a `prefix`, by which a script serves them, the files of an output are shown.
        """
        head = with_not_sent(self.head)
        table = frame_html(head, informative_columns(head, self.columns), prefix=prefix)
        return html.el("div", _caption(self.counts, self.head, self.factors), table, cls="fh")


def _meaning(status: str, counts: JobCounts) -> str:
    if status != "unknown":
        return ""
    parts = replace(UnknownOutcomes.of(counts), waiting=0, lost=0).parts()
    return " ".join([UNKNOWN_MEANS, *(f"{number:,} {what}." for number, what, _ in parts)])


def _outcomes(counts: JobCounts) -> tuple[tuple[str, int], ...]:
    return (
        ("completed", counts.done),
        ("failed", counts.failed - counts.invalid),
        ("invalid", counts.invalid),
        ("unknown", counts.unknown - counts.waiting),
        ("awaiting_approval", counts.waiting),
        ("pending", counts.pending),
    )


def groups_by_code(groups: Sequence[ErrorGroup]) -> list[ErrorGroup]:
    """Return one group for each error code: a message may name what is in its row, and then each is another one."""
    of_code: dict[tuple[str, str, str], list[ErrorGroup]] = {}
    for group in groups:
        of_code.setdefault((group.status, group.code or group.error, group.goes_on), []).append(group)
    merged = []
    for same in of_code.values():
        first = tuple(row for group in same for row in group.first)[:ROWS_OF_AN_ERROR]
        jobs, calls = sum(group.jobs for group in same), sum(group.calls for group in same)
        merged.append(
            replace(
                same[0],
                jobs=jobs,
                calls=calls,
                first=first,
                others=sum(group.others + 1 for group in same) - 1,
                client_action=next((group.client_action for group in same if group.client_action), None),
            )
        )
    return sorted(merged, key=lambda group: (group.status != "failed", -group.jobs))


def _them(group: ErrorGroup) -> str:
    return "it" if group.jobs == 1 else "them"


def _group_words(group: ErrorGroup) -> list[html.Html | str]:
    return [html.badge(group.status, f"{group.jobs:,} {STATUS_WORDS[group.status]}"), " ", group.words]


def _button(act: str, text: str, label: str = "") -> html.Html:
    return html.el("button", text, type="button", cls="fh-act", data_act=act, aria_label=label or None)


def _buttons(offers: Offers) -> html.Html | None:
    offered = {
        ("browse", "Browse answers"): offers.browse,
        ("compare", "Compare variants"): offers.compare,
        ("save", "Save to a file …"): offers.save,
    }
    buttons = [_button(*named) for named, is_offered in offered.items() if is_offered]
    return html.el("div", *buttons, cls="fh-acts") if buttons else None


def retry_code(group: ErrorGroup, opener: str = "batch") -> str:
    """Return the code that calls the jobs of an error again, and no others; empty where none does.

    `opener` is what returns the batch.

    Examples
    --------
    >>> retry_code(ErrorGroup(status="failed", code="overloaded", error="try later", jobs=1))
    'batch.retry_failed("overloaded")'
    >>> retry_code(ErrorGroup(status="failed", code="", error="RuntimeError: no label", jobs=1))
    'batch.retry_failed(error="RuntimeError: no label")'
    """
    if group.status != "failed":
        return ""
    which = _quoted(group.code) if group.code else f"error={_quoted(group.error)}"
    return f"{opener}.retry_failed({which})"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _cost(counts: JobCounts) -> str:
    """Return what the answers cost, in words that stand alone: where those come from that no call was made for."""
    has_no_call = counts.reused and not counts.calls
    calls = "no call was made" if has_no_call else _calls(counts)
    return "; ".join(filter(None, (_reused(counts), calls)))


def _reused(counts: JobCounts) -> str:
    return f"{counts.reused:,} of the answers are from earlier runs (reused)" if counts.reused else ""


def _not_repeated(counts: JobCounts, shown: Container[str]) -> str:
    """Return which of the jobs a start of the batch does not call again by itself; empty where there are none.

    Errors say it themselves of unknown outcomes; `shown` are the statuses of those that are shown.
    """
    unknown = 0 if "unknown" in shown else counts.unknown - counts.waiting
    kinds = {"failed before": counts.reused_failed, "ended with an unknown outcome": unknown}
    parts = [f"{number:,} that {kind}" for kind, number in kinds.items() if number]
    return f"Not called again: {' and '.join(parts)}." if parts else ""


def _caption(counts: JobCounts, head: pd.DataFrame, factors: str) -> html.Html | None:
    """Return what part of the answers is shown, and what they are of, where that is not all."""
    answered, shown = counts.done + counts.failed + counts.unknown, len(head)
    if shown >= answered:
        return None
    of_what = f" ({factors})" if factors and answered == counts.planned else ""
    without = counts.failed + counts.unknown
    has_answer: Sequence[bool] = head["status"].eq("completed").tolist() if "status" in head else []
    are_first = without > 0 and not any(has_answer[:without])  # not so where rows lie in files, as the plan orders them
    which = "failed ones" if counts.failed > counts.invalid else "those without an answer"
    order = f", {which} first" if are_first else ""
    ended = " that ended" if answered < counts.planned else ""
    return html.el("div", f"The first {shown} of {counted(answered, 'job')}{ended}{of_what}{order}", cls="fh-dim")


def informative_columns(frame: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Return those of `columns` that say something in a line of the frame: not missing, and not false.

    Examples
    --------
    >>> frame = pd.DataFrame({"row": [0, 1], "output": [None, None], "error": [None, "late"], "reused": False})
    >>> informative_columns(frame, ["row", "output", "error", "reused", "repeat"])
    ['row', 'error']
    """
    return [
        name
        for name in columns
        if name in frame.columns and any(not (is_missing(v) or v is False or v is np.False_) for v in frame[name])
    ]


def with_not_sent(frame: pd.DataFrame) -> pd.DataFrame:
    """Return lines with the status as people read it, as it is counted above them."""
    if not {"status", "error_code"} <= set(frame.columns):
        return frame
    is_invalid = frame["error_code"].eq(INVALID_INPUT).fillna(value=False).astype(bool)
    words = frame["status"].astype(object).replace("unknown", html.status_words("unknown"))
    return frame.assign(status=words.mask(is_invalid, "not sent"))


HEADINGS: Final = {"elapsed_s": "seconds", "client_action": "advice of Fetch Hive"}
"""What stands over a column in a page, where that is not its name."""


def frame_html(frame: pd.DataFrame, columns: Sequence[str], *, prefix: str = "") -> html.Html:
    """Return `columns` of a frame as an escaped table, long cells cut; nothing when there is no line.

    With a `prefix`, by which a script serves them, the files of an output are shown.
    """
    names, lines = _cells(frame, columns)
    runs = frame.attrs.get(RUNS) or [""] * len(frame)
    for number, line in enumerate(lines if prefix and "output" in names else ()):
        options = OutputOptions(
            whole="batch.frame has everything", key=f"{prefix}{number}", run=runs[number], kept_cap=KEPT_IN_ROW
        )
        line[names.index("output")] = short_view(frame["output"].iloc[number], TEXT_SHOWN, options)
    cells = [
        [html.unbroken(text) if name == "variant" and text else text for name, text in zip(names, line, strict=True)]
        for line in lines
    ]
    return html.table([HEADINGS.get(name, name) for name in names], cells) if cells else html.join([])


GIVEN: Final = ("row", "expected_output")
"""Columns of a batch and its tables whose values somebody gave."""


def frame_text(frame: pd.DataFrame, columns: Sequence[str], *, given: Collection[str] = GIVEN) -> str:
    """Return the plain twin of :func:`frame_html`.

    Examples
    --------
    >>> frame = pd.DataFrame({"row": [0, 1], "output": ["one", None], "elapsed_s": [0.10312, 12.0]})
    >>> print(frame_text(frame, ["row", "output", "elapsed_s"]))
    row  output  elapsed_s
    0    one     0.1
    1            12.0
    """
    names, lines = _cells(frame, columns, limit=40, given=given)
    if not lines:
        return ""
    widths = [max(len(x) for x in column) for column in zip(names, *lines, strict=True)]
    return "\n".join(
        "  ".join(x.ljust(w) for x, w in zip(line, widths, strict=True)).rstrip() for line in [names, *lines]
    )


def _cells(
    frame: pd.DataFrame, columns: Sequence[str], *, limit: int = TEXT_SHOWN, given: Collection[str] = GIVEN
) -> tuple[list[str], list[list[Any]]]:
    """Return those of the `columns` that the frame has, and its cells: the numbers of a column have one format."""
    names = [c for c in columns if c in frame.columns]
    texts = [_texts_of(column, limit, is_given=column[0] in given) for column in frame[names].items()]
    return names, [list(line) for line in zip(*texts, strict=True)]


def given_texts(values: Sequence[Any], limit: int = TEXT_SHOWN) -> list[str]:
    """Return the cells of a column whose values somebody gave: in one format, and not rounded.

    Examples
    --------
    >>> given_texts([12.25, 100.004, None, "n/a"])
    ['12.250', '100.004', '', 'n/a']
    """
    form = given_form(values)
    return [cell(value, limit, form) for value in values]


def _texts_of(column: tuple[Hashable, pd.Series[Any]], limit: int, *, is_given: bool) -> list[str]:
    """Return the cells of a column; of an output its words."""
    name = str(column[0])
    if is_given:
        return given_texts(column[1].tolist(), limit)
    if name == "output" or name.endswith(".output"):
        return ["" if is_missing(value) else excerpt(value, limit) for value in column[1].tolist()]
    values, form = _with_form(column)
    return [cell(value, limit, form) for value in values]


def _with_form(column: tuple[Hashable, pd.Series[Any]]) -> tuple[list[Any], str]:
    """Return the values of a column, and the format of its numbers: of seconds that of all tables."""
    name, values = str(column[0]), column[1].tolist()
    if name.endswith("_s"):
        digits = seconds_digits(value for value in values if isinstance(value, float))
        if name == "elapsed_s":  # as one alone: no call took no time
            values = [max(value, 0.001) if isinstance(value, float) and value > 0 else value for value in values]
        return values, f".{digits}f"
    return values, _form_of(values)


def _form_of(values: Sequence[Any]) -> str:
    numbers = [value for value in values if isinstance(value, float) and math.isfinite(value)]
    are_whole = all(number.is_integer() for number in numbers)
    form = figures_form(numbers, are_whole=are_whole)
    # Whole floats are mostly ints of a column with a gap, such as ids and years: read as in a column without one.
    return form.removeprefix(",") if are_whole else form


def cell(value: Any, limit: int = TEXT_SHOWN, form: str | None = None) -> str:
    """Return one cell as a short line; what is missing is an empty one. `form` is that of the numbers of its column.

    Examples
    --------
    >>> cell(0.123456), cell(None), cell(True), cell("the connection broke", 18)
    ('0.123', '', 'yes', 'the connection…')
    """
    if is_missing(value):
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:{form or _form_of([value])}}"
    return first_words(value[: limit * 4], limit) if isinstance(value, str) else one_line(value, limit)
