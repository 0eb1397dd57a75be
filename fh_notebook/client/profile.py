"""Profile of a service: the facts that `fh.probe` has observed of what the contract leaves UNKNOWN.

Rules of this file:

1. A fact is learned from one answer that only a working service gives: a run that completed with its id and output, a
   signature that verifies. What a proxy, or a service that fails once, may answer, too, is learned from two answers
   that agree: a refusal, the cap, a missing output, whether a look-up counts, how a slow call was ended. Else it stays
   ``None``. What a broken service answers (5xx, web pages, other JSON, 429 everywhere) shows nothing.
2. What is learned is used in one place each (`Profile` says where), and never in place of a reading that works without
   it: an old profile makes a decision as tolerant as none.
3. A profile has words of the service's protocol (names of fields, statuses, codes) and numbers. It has no key, no
   input, no output and no name of a deployment, so that it can be sent to the maintainers.
"""

from __future__ import annotations

import json
import math
import platform
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from itertools import combinations
from typing import Any, Final

from fh_notebook.contract.callbacks import is_outcome, with_final_status
from fh_notebook.contract.response import Response, code_of, error_of, object_of, output_of
from fh_notebook.contract.retry import DOCUMENTED_CODES, RetryAction, decide
from fh_notebook.contract.run import Run
from fh_notebook.core.arguments import public
from fh_notebook.core.redaction import redact
from fh_notebook.core.text import html
from fh_notebook.core.text.messages import PYTHON, Audience, text_for
from fh_notebook.version import __version__

UNOBSERVED: Final = "not observed"

OF_ONE_PROBE: Final = ("calls", "has_completed", "notes", "service_words")
"""Fields that are not stored."""

_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,59}")
"""A word of a protocol. Anything else may be data of the user."""
MOST_FIELDS: Final = 30

_STATUS_FIELDS: Final = ("run_status", "status")
_ID_FIELDS: Final = ("request_id", "run_id", "id")
_ENVELOPE: Final = frozenset({*_STATUS_FIELDS, *_ID_FIELDS, "output", "error", "message", "data", "event_type"})
"""Names that are the protocol's, also where an input or a part of an output has the same."""
_REMAINING_HEADERS: Final = ("x-ratelimit-remaining", "x-rate-limit-remaining", "ratelimit-remaining")

_GENERAL: Final = re.compile(r"input|valid|param|field|variable|schema|request|unprocessable")
"""In a code: it may be about any part of a request."""

_TIME: Final = re.compile(r"time_?d?_?out|time_?limit|deadline")
"""In a code: the call took too long."""

_REFUSED_WITH: Final[Mapping[str, frozenset[int]]] = {
    "refused_input": frozenset({400, 422}),
    "unknown_variant": frozenset({400, 404, 422}),
    "unknown_deployment": frozenset({400, 404, 422}),
}
"""The statuses with which a service refuses each of these requests (CONTRACT sections 2 and 10)."""

AGREE: Final = 2
"""Equal answers that make a fact of what one alone may show wrongly."""

ALIKE: Final = 1.05
"""Two calls that took up to so many times as long as each other took the same time."""

SLOWER: Final = 2.0
"""Calls at once are counted only where each admitted call took so many times as long as the slowest answer that ran
nothing: a shorter one may have made room for another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorForm:
    """How the service refuses one kind of request."""

    status_code: int
    code: str | None
    """The error code; ``None``: it sends none."""
    code_field: str | None
    """The field that has it: ``error_code``, ``code`` or ``error.code``, ..."""

    def __str__(self) -> str:
        return f"{self.status_code} {self.code} in {self.code_field}" if self.code else f"{self.status_code}, no code"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnding:
    """How the service ended a direct call that took long, without its outcome."""

    after_s: float
    """Seconds from sending the call."""
    status_code: int | None
    """``None``: the connection was closed without an answer."""
    code: str | None
    """The error code; ``None``: it sends none."""

    def __str__(self) -> str:
        how = "without an answer" if self.status_code is None else f"with {self.status_code}"
        return f"after {self.after_s:.1f} s {how}{f' {self.code}' if self.code else ''}"


HEADINGS: Final[Mapping[str, str]] = {
    "key_check": "GET /public/models answers with the key",
    "response_fields": "fields of a direct answer",
    "status_field": "field of the status",
    "completed_status": "status of a completed run",
    "look_up_path": "address of a look-up",
    "look_up_wrapper": "look-up is wrapped in",
    "look_up_status": "status of a completed run in a look-up",
    "look_up_has_output": "look-up has the output",
    "look_up_counts": "look-up lowers the number of calls left",
    "accepted_status": "status of a run by callback, at once",
    "callback_status": "event or status of a callback",
    "callback_fields": "fields of a callback",
    "callback_output": "output in a callback",
    "signature": "signature of a callback",
    "refused_input": "refusal of an input",
    "unknown_variant": "refusal of an unknown variant",
    "unknown_deployment": "refusal of an unknown deployment",
    "concurrency": "calls at once",
    "concurrency_refusal": "refusal of one call too many at once",
    "retry_after": "Retry-After of that refusal",
    "direct_s": "time limit of a direct call",
    "direct_ended": "a direct call was ended",
}
"""The facts, in the order in which they are shown: field -> what it is, in words."""

BOUNDED: Final = "direct_s"
"""The fact of which only a bound can be observed: it counts as unknown."""


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The observed behaviour of one workspace's service; ``None`` where nothing was observed.

    These facts are used, each in one place; the others are shown only:

    - ``concurrency``: the workspace's limiter begins there, and rises where more is admitted.
    - ``concurrency_refusal``: a 429 with another code, which does not name concurrency either, is of another limit
      (`with_meaning`): the limiter eases off and learns no cap from it.
    - ``unknown_variant``, ``unknown_deployment``: a batch keeps rows back that are refused with such a code, and stops
      where no row is answered otherwise. Not where ``refused_input`` has the same code or is not known, and not at a
      documented code; at one that may be of an input only where both names were refused with it.
    - ``signature``: a receiver that is given to a call (``callback=``) tries this form first from then on and tests
      itself with it; it takes every other known form, too.
    - ``look_up_path``: a run that has the id of each address is looked up there first.
    - ``look_up_counts``: look-ups that do not count are left out of the plan of a batch and the configured daily cap.
    - ``look_up_has_output``: where look-ups bring no output, you are warned before a run that is only looked up.

    Why not the others: statuses, fields, and ``Retry-After`` as seconds or as a date are read in each known form
    wherever they come, so that nothing hangs on which one was observed. ``direct_s`` is at most the time limit, and so
    no reason to end a call, and ``direct_ended`` is what became of two calls; ``timeout`` is yours.

    Examples
    --------
    >>> profile = Profile(origin="api.example.com", completed_status="completed", look_up_has_output=False)
    >>> profile.look_up_has_output, profile.concurrency
    (False, None)
    """

    origin: str = ""
    """The host that was asked."""
    probed_at: datetime | None = field(default=None, compare=False)
    """UTC; when the last answer was observed."""
    key_check: bool | None = None
    response_fields: tuple[str, ...] | None = None
    status_field: str | None = None
    completed_status: str | None = None
    look_up_path: str | None = None
    look_up_wrapper: str | None = None
    """Empty: it is not."""
    look_up_status: str | None = None
    look_up_has_output: bool | None = None
    look_up_counts: bool | None = None
    """By the service's header of calls left."""
    accepted_status: str | None = None
    callback_status: str | None = None
    callback_fields: tuple[str, ...] | None = None
    callback_output: str | None = None
    signature: str | None = None
    """A key of :data:`fh_notebook.contract.signing.SIGNATURE_FORMS`."""
    refused_input: ErrorForm | None = None
    unknown_variant: ErrorForm | None = None
    unknown_deployment: ErrorForm | None = None
    concurrency: int | None = None
    concurrency_refusal: ErrorForm | None = None
    retry_after: str | None = None
    """``seconds``, ``date`` or ``absent``."""
    direct_s: float | None = None
    """Seconds of the longest direct call that was answered. The time limit is at least that."""
    direct_ended: CallEnding | None = None
    """How two calls were ended alike that took longer than :attr:`direct_s`. It is what was seen of them: no answer,
    header or page of the service names the limit itself. An ending that may be an outage is in the notes only."""
    has_completed: bool = field(default=False, compare=False)
    """Whether the direct call of the last probe completed: without it, hardly anything can be learned."""
    calls: int = field(default=0, compare=False)
    """Requests of the last probe."""
    notes: tuple[str, ...] = field(default=(), compare=False)
    """What the last probe could not learn, and why."""
    service_words: str = field(default="", compare=False)
    """How the service put the refusal or failure that ended the last probe. They may repeat an input, and are shown on
    a terminal only: in no report, and in no display of a notebook."""

    def facts(self) -> list[tuple[str, str]]:
        """Return each fact as its heading and its value in words."""
        return [(heading, _value_text(name, getattr(self, name))) for name, heading in HEADINGS.items()]

    @property
    def observed(self) -> int:
        """The number of observed facts; a fact of which only a bound was observed does not count."""
        return sum(map(self._is_known, HEADINGS))

    def _is_known(self, name: str) -> bool:
        return name != BOUNDED and getattr(self, name) is not None

    def to_markdown(self) -> str:
        """Return the report as Markdown, without keys, inputs, outputs and names of deployments.

        Examples
        --------
        >>> print(Profile(origin="api.example.com", concurrency=3).to_markdown().splitlines()[0])
        # Profile of api.example.com
        """
        lines = [
            f"# Profile of {_cell(self.origin)}",
            "",
            f"{self.observed} of {len(HEADINGS)} facts were observed, the last one at {_moment(self.probed_at)}, by "
            f"fh_notebook {__version__} on Python {platform.python_version()}.",
            "",
            "| fact | observed |",
            "| --- | --- |",
            *(f"| {heading} | {_cell(value)} |" for heading, value in self.facts()),
        ]
        if self.notes:
            lines += ["", *(f"- {_cell(note)}" for note in self.notes)]
        return "\n".join(lines) + "\n"

    def __repr__(self) -> str:
        return self.text(PYTHON)

    def text(self, audience: Audience) -> str:
        """Return what is known, one line a fact, and the notes in the words of `audience`."""
        facts = self._known()
        width = max((len(heading) for heading, _ in facts), default=0)
        lines = [f"{heading:<{width}}  {value}" for heading, value in facts]
        return "\n".join([self.headline, *lines, *self._remarks(audience)])

    def _repr_html_(self) -> str:
        table = html.table(("fact", "observed"), self._known()) if self.observed else ""
        notes = [html.el("div", text, cls="fh-dim") for text in self._remarks(PYTHON)]
        return html.el(
            "div",
            html.STYLE,
            html.el("div", html.el("strong", self.headline), cls="fh-head"),
            table,
            *notes,
            cls="fh",
        )

    @property
    def headline(self) -> str:
        """The number of known facts, the service, and the time of the latest observation, in words."""
        when = f", the last one observed at {_moment(self.probed_at)}" if self.observed and self.probed_at else ""
        called = f"; this probe made {self.calls} call{'' if self.calls == 1 else 's'}" if self.calls else ""
        known = f"{self.observed} of {len(HEADINGS)} facts are known{when}"
        return f"Profile of {self.origin or 'a service'}: {known}{called}"

    def _known(self) -> list[tuple[str, str]]:
        facts = zip(HEADINGS, self.facts(), strict=True)
        return [(heading, html.printable(value)) for name, (heading, value) in facts if self._is_known(name)]

    def _remarks(self, audience: Audience) -> list[str]:
        """Return what is not known, and the notes, each as one line."""
        facts = zip(HEADINGS, self.facts(), strict=True)
        others = [fact for name, fact in facts if not self._is_known(name)]
        # A terminal is not saved and handed on, as a notebook is.
        shows_words = self.service_words and audience.medium == "command"
        unknown = [heading if value == UNOBSERVED else f"{heading} ({value})" for heading, value in others]
        return [
            *([f"Not observed: {'; '.join(unknown)}"] if unknown else []),
            *(html.printable(text_for(note, audience)) for note in self.notes),
            *([f"The service's words: {html.printable(self.service_words)}"] if shows_words else []),
        ]


def _value_text(name: str, value: Any) -> str:
    if value is None:
        return UNOBSERVED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(value)
    if name == "look_up_wrapper":
        return value or "nothing"
    if name == BOUNDED:
        parts = 10 if value >= 0.1 else 1000  # of a second; rounded up it would be too much
        return f"unknown, at least {math.floor(value * parts) / parts:g} s: no answered call took longer"
    return str(value)


def _cell(text: str) -> str:
    """Return a text as one cell of a table of Markdown."""
    return html.printable(" ".join(redact(text).split())).replace("|", "\\|").replace("<", "&lt;")


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "no time"


# --- stored

_KINDS: Final[Mapping[str, type]] = {
    "str": str,
    "bool | None": bool,
    "str | None": str,
    "int | None": int,
    "float | None": float,
    "tuple[str, ...] | None": tuple,
    "ErrorForm | None": ErrorForm,
    "CallEnding | None": CallEnding,
}
"""Annotation of a field of `Profile` -> the type of its value."""


def profile_to_json(profile: Profile) -> str:
    """Return the facts of a profile as JSON, for the store."""
    values = {name: value for name, value in asdict(profile).items() if name not in OF_ONE_PROBE}
    return json.dumps(values | {"probed_at": profile.probed_at.isoformat() if profile.probed_at else None})


def profile_from_json(text: str) -> Profile | None:
    """Return a stored profile; ``None`` where it cannot be read. Facts of a later release are left out.

    Examples
    --------
    >>> profile_from_json(profile_to_json(Profile(concurrency=3, response_fields=("status",)))).concurrency
    3
    """
    try:
        values = json.loads(text)
        kinds = {f.name: _KINDS.get(str(f.type)) for f in fields(Profile) if f.name not in OF_ONE_PROBE}
        known = {name: values.get(name) for name in kinds}
        for name, value in known.items():
            if isinstance(value, list):
                known[name] = tuple(value)
            elif isinstance(value, dict) and (kind := kinds[name]) is not None:
                known[name] = kind(**value)
        moment = known["probed_at"]
        known["probed_at"] = None if moment is None else datetime.fromisoformat(moment).astimezone(UTC)
        profile = Profile(**{**known, "origin": str(known["origin"] or "")})
        return profile if _is_whole(profile) else None
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None


def _is_whole(profile: Profile) -> bool:
    """Whether every fact has its type, and the number of calls is one."""
    for f in fields(profile):
        value, kind = getattr(profile, f.name), _KINDS.get(str(f.type))
        if value is None or kind is None:
            continue
        if type(value) is not kind or (isinstance(value, tuple) and not all(isinstance(part, str) for part in value)):
            return False
    forms = [value for name in HEADINGS if isinstance(value := getattr(profile, name), ErrorForm)]
    ended = profile.direct_ended
    is_ending = ended is None or (
        type(ended.after_s) is float
        and (ended.status_code is None or type(ended.status_code) is int)
        and (ended.code is None or isinstance(ended.code, str))
    )
    return (
        (profile.concurrency is None or profile.concurrency >= 1)
        and is_ending
        and all(
            type(form.status_code) is int
            and all(part is None or isinstance(part, str) for part in (form.code, form.code_field))
            for form in forms
        )
    )


# --- one answer, one fact


def with_key_check(profile: Profile, response: Response) -> Profile:
    """Learn from the answer to ``GET /public/models``: only a list of models in JSON shows that it takes the key."""
    if response.status_code != 200:
        return profile
    body = object_of(response.body)
    listed = any(isinstance(body.get(name), list) for name in ("models", "data"))
    return replace(profile, key_check=True) if listed else profile


def completed_body(response: Response) -> Mapping[str, Any] | None:
    """Return the body of a direct answer whose run has completed, with its id and its output; ``None``: it is none.

    Examples
    --------
    >>> body = b'{"request_id": "req_1", "run_status": "completed", "output": "hi"}'
    >>> completed_body(Response(status_code=200, body=body))["output"]
    'hi'
    >>> completed_body(Response(status_code=200, body=b'{"status": "ok"}')) is None
    True
    """
    if response.status_code is None or response.status_code // 100 != 2:
        return None
    body = object_of(response.body)
    if not ids_in(body) or output_of(body) is None or body.get("error") or code_of(body):
        return None
    return body if _final_status(_status_in(body)[1]) == "completed" else None


def ids_in(body: Mapping[str, Any]) -> set[str]:
    """Return the ids that a body has, at its top or in `data`."""
    data = body.get("data")
    parts = [body, data if isinstance(data, dict) else {}]
    values = (part.get(name) for part in parts for name in _ID_FIELDS)
    return {str(v) for v in values if isinstance(v, str | int) and not isinstance(v, bool) and v != ""}


def _status_in(body: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the field with the status, and the service's own word for it."""
    for name in _STATUS_FIELDS:
        word = body.get(name)
        if isinstance(word, str) and _WORD.fullmatch(word):
            return name, word
    return None, None


def _final_status(word: str | None) -> str | None:
    return None if word is None else with_final_status(Run(status=word, output="")).status


def _names(body: Mapping[str, Any], without: Collection[str]) -> tuple[str, ...]:
    """Return the field names of a body, without those that are the user's alone."""
    own = set(without) - _ENVELOPE
    names = (redact(name) for name in body if name not in own and _WORD.fullmatch(name))
    return tuple(sorted(names)[:MOST_FIELDS])


def _user_names(inputs: Mapping[str, Any], output: Any) -> set[str]:
    return {*inputs, *(output if isinstance(output, dict) else ())}


def with_direct_run(profile: Profile, response: Response, inputs: Mapping[str, Any]) -> Profile:
    """Learn from the answer to a direct call with `inputs`."""
    body = completed_body(response)
    if body is None:
        return profile
    name, word = _status_in(body)
    return replace(
        _with_answered(profile, [response]),
        response_fields=_names(body, _user_names(inputs, output_of(body))),
        status_field=name,
        completed_status=word,
    )


def _with_answered(profile: Profile, answered: Sequence[Response]) -> Profile:
    """Learn from calls that were answered how long one may take; one that was ended sooner met no time limit."""
    longest_s = max([profile.direct_s or 0.0, *(response.elapsed_s for response in answered)])
    ended = profile.direct_ended
    is_refuted = ended is not None and ended.after_s <= longest_s
    return replace(profile, direct_s=longest_s, direct_ended=None if is_refuted else ended)


def may_be_time_limit(response: Response, quick_s: float | None) -> bool:
    """Whether a call that could have completed was ended for the time that it took: by its status, code or end.

    Examples
    --------
    >>> [may_be_time_limit(Response(status_code=504, elapsed_s=s), 0.5) for s in (0.6, 60.0)]
    [False, True]
    >>> may_be_time_limit(Response(status_code=422, elapsed_s=60.0, body=b'{"error_code": "execution_timeout"}'), 0.5)
    True
    """
    if quick_s is None or response.elapsed_s < SLOWER * quick_s:
        return False
    if response.status_code is None:  # `read_timeout` is this side's
        return response.broke in ("reset", "cut")
    form = _error_form(response)
    is_of_time = form is not None and form.code is not None and _TIME.search(form.code.lower())
    return response.status_code in (408, 504) or (response.status_code >= 400 and bool(is_of_time))


def with_ending(profile: Profile, responses: Sequence[Response], quick_s: float | None) -> Profile:
    """Learn how calls were ended, after another call has shown that the service still answers calls.

    Only two calls that were ended in the same way after the same time show it: one alone may have met a failure.

    Examples
    --------
    >>> ended = [Response(status_code=504, elapsed_s=s) for s in (60.2, 60.0)]
    >>> [str(with_ending(Profile(), answers, 0.5).direct_ended) for answers in (ended, ended[:1])]
    ['after 60.0 s with 504', 'None']
    """
    least_s = profile.direct_s or 0.0
    ended = [r for r in responses if may_be_time_limit(r, quick_s) and r.elapsed_s > least_s]
    ended.sort(key=lambda response: response.elapsed_s)
    for first, second in combinations(ended, AGREE):
        ending, other = _ending_of(first), _ending_of(second)
        if second.elapsed_s <= ALIKE * first.elapsed_s and replace(other, after_s=ending.after_s) == ending:
            return replace(profile, direct_ended=ending)
    return profile


def _ending_of(response: Response) -> CallEnding:
    form = _error_form(response)
    code = None if form is None else form.code
    return CallEnding(after_s=response.elapsed_s, status_code=response.status_code, code=code)


def with_look_up(
    profile: Profile, response: Response, direct: Mapping[str, Any], path: str, *, earlier: Response | None = None
) -> Profile:
    """Learn from a look-up of a run: only an answer that names it and says that it has completed shows anything."""
    if (found := _completed_in(response, direct)) is None:
        return profile
    body, wrapper, word = found
    output = output_of(body)
    learned = replace(profile, look_up_path=path, look_up_wrapper=wrapper, look_up_status=word)
    if output == output_of(direct):
        return replace(learned, look_up_has_output=True)
    before = None if earlier is None else _completed_in(earlier, direct)
    is_missing = output is None and before is not None and output_of(before[0]) is None
    return replace(learned, look_up_has_output=False) if is_missing else learned


def may_say_more_later(response: Response, direct: Mapping[str, Any]) -> bool:
    """Whether the answer to a look-up of the run of `direct` has not its end, or not its output."""
    found = _completed_in(response, direct)
    return found is None or output_of(found[0]) is None


def _completed_in(response: Response, direct: Mapping[str, Any]) -> tuple[Mapping[str, Any], str, str] | None:
    """Return the run in a look-up, what wraps it, and its status; ``None`` where it is not that of `direct`, ended."""
    if response.status_code != 200:
        return None
    body, wrapper = object_of(response.body), ""
    for name in ("request", "workflow_run"):
        if isinstance(body.get(name), dict):
            body, wrapper = body[name], name
    _, word = _status_in(body)
    if word is None or not ids_in(body) & ids_in(direct) or _final_status(word) != "completed":
        return None
    return body, wrapper, word


def remaining_calls(response: Response) -> int | None:
    """Return the number of calls left that a header names; ``None`` where none does.

    Examples
    --------
    >>> remaining_calls(Response(status_code=200, headers={"x-ratelimit-remaining": "49"}))
    49
    """
    for name in _REMAINING_HEADERS:
        text = response.headers.get(name, "").strip()
        if text.isascii() and text.isdigit() and len(text) < 10:
            return int(text)
    return None


def with_look_up_count(profile: Profile, by_direct: int | None, by_look_ups: Sequence[int | None]) -> Profile:
    """Learn whether a look-up counts, from how much each request lowered the number of calls left.

    The direct call must have lowered it by one, else the header counts something else, or others call, too. Others
    would also have to call beside each look-up alone: therefore two of them, which agree.

    Examples
    --------
    >>> with_look_up_count(Profile(), 1, [1, 1]).look_up_counts
    True
    >>> [with_look_up_count(Profile(), 1, by).look_up_counts for by in ([1], [1, 0], [1, None])]
    [None, None, None]
    """
    lowered = set(by_look_ups)
    if by_direct != 1 or len(by_look_ups) < 2 or len(lowered) != 1 or not lowered <= {0, 1}:
        return profile
    return replace(profile, look_up_counts=lowered == {1})


def _error_form(response: Response) -> ErrorForm | None:
    """Return how an answer in JSON refuses; ``None`` where it is no such answer."""
    body = object_of(response.body)
    message, code = error_of(body)
    if response.status_code is None or (message is None and code is None):
        return None
    if code is None:
        return ErrorForm(status_code=response.status_code, code=None, code_field=None)
    if not _WORD.fullmatch(code):
        return None
    inner = body.get("error")
    places = (("", body), ("error.", inner if isinstance(inner, dict) else {}))
    found = [f"{prefix}{name}" for prefix, part in places for name in ("error_code", "code") if part.get(name) == code]
    return ErrorForm(status_code=response.status_code, code=code, code_field=next(iter(found), None))


def refusal_of(situation: str, response: Response) -> ErrorForm | None:
    """Return how a request with one thing wrong was refused; ``None`` where the answer is no such refusal.

    Examples
    --------
    >>> bodies = (b'{"error_code": "bad_input"}', b"<html>")
    >>> [str(refusal_of("refused_input", Response(status_code=422, body=body))) for body in bodies]
    ['422 bad_input in error_code', 'None']
    """
    if response.status_code not in _REFUSED_WITH[situation] or decide(response).action is not RetryAction.FAILED:
        return None
    return _error_form(response)


def with_refusal(profile: Profile, situation: str, responses: Sequence[Response]) -> Profile:
    """Learn from the answers to equal requests with one thing wrong: only two that agree show a refusal.

    Examples
    --------
    >>> first, second = (Response(status_code=422, body=b'{"code": "%b"}' % code) for code in (b"E1", b"E2"))
    >>> [with_refusal(Profile(), "refused_input", answers).refused_input is None
    ...  for answers in ([first], [first, second], [first, first])]
    [True, True, False]
    """
    forms = [refusal_of(situation, response) for response in responses]
    changed: dict[str, Any] = {situation: forms[0] if forms else None}
    return replace(profile, **changed) if _agree(forms) else profile


def _agree(values: Sequence[Any]) -> bool:
    """Whether there are enough values to make a fact, and all are the same and known."""
    return len(values) >= AGREE and None not in values and len(set(values)) == 1


def is_concurrency_refusal(response: Response) -> bool:
    """Whether the answer refuses one call too many at once, and says so in JSON.

    Its code names concurrency, or it has none; any other code is of another limit, such as one of a minute.
    """
    decision = decide(response)
    form = _error_form(response)
    return (
        response.status_code == 429
        and decision.action is RetryAction.THROTTLED
        and decision.reason == "concurrency"
        and form is not None
        and (form.code is None or _names_concurrency(form.code))
    )


def ending_in_words(response: Response) -> str:
    """Return how one of several calls ended: its status, and its code where it has the form of one.

    Examples
    --------
    >>> ending_in_words(Response(status_code=429, body=b'{"code": "plan_limit_reached", "error": "x"}'))
    'answered HTTP 429, code plan_limit_reached'
    >>> ending_in_words(Response(broke="read_timeout", elapsed_s=120.0))
    'not answered (read_timeout, after 120 s)'
    """
    if response.status_code is None:
        return f"not answered ({response.broke}{ended_after(response)})"
    if completed_body(response) is not None:
        return "completed"
    form = _error_form(response)
    code = f", code {form.code}" if form is not None and form.code else ""
    return f"answered HTTP {response.status_code}{code}{ended_after(response)}"


def ended_after(response: Response) -> str:
    """Return the seconds of an exchange that may have met a time limit, for the end of a phrase; else nothing.

    Examples
    --------
    >>> ended_after(Response(status_code=504, elapsed_s=60.04)), ended_after(Response(status_code=502, elapsed_s=60.0))
    (', after 60 s', '')
    """
    is_limit = response.status_code in (408, 504) or response.broke == "read_timeout"
    return f", after {response.elapsed_s:.0f} s" if is_limit else ""


def with_meaning(profile: Profile, response: Response) -> Response:
    """Return a refusal with what this service was observed to mean by it; what says nothing more as it is.

    Only a code tells. One that is documented has its own meaning, and one that the service sends for an input, too, is
    not taken for that of an unknown name; neither is a general one, unless both unknown names were refused with it.

    Examples
    --------
    >>> learned = Profile(
    ...     refused_input=ErrorForm(status_code=422, code="E422", code_field="code"),
    ...     unknown_variant=ErrorForm(status_code=422, code="E404", code_field="code"),
    ... )
    >>> [with_meaning(learned, Response(status_code=422, body=b'{"code": "%b"}' % code)).meaning
    ...  for code in (b"E404", b"E422")]
    ['unknown_name', None]
    """
    code = code_of(object_of(response.body))
    if code is None:
        return response
    if response.status_code == 429:
        cap = profile.concurrency_refusal
        is_other = cap is not None and code != cap.code and not _names_concurrency(code)
        return replace(response, meaning="other_limit") if is_other else response
    of_input, names = profile.refused_input, (profile.unknown_variant, profile.unknown_deployment)
    seen = [
        form for form in names if form is not None and (form.status_code, form.code) == (response.status_code, code)
    ]
    is_certain = len(seen) == len(names) or (seen and not _GENERAL.search(code.lower()))
    is_name = of_input is not None and code != of_input.code and code not in DOCUMENTED_CODES and is_certain
    return replace(response, meaning="unknown_name") if is_name else response


def _names_concurrency(code: str) -> bool:
    return "concurren" in code.lower()


def calls_admitted(responses: Sequence[Response]) -> int | None:
    """Return how many of a group of calls at once were admitted; ``None`` where it cannot be told."""
    refused, admitted = _refused_and_admitted(responses)
    is_one_form = len({_error_form(response) for response in refused}) == 1
    return len(admitted) if is_one_form and _were_at_once(responses, refused, admitted) else None


def _refused_and_admitted(responses: Sequence[Response]) -> tuple[list[Response], list[Response]]:
    """Return the calls that the cap refused, and those that completed; none where anything else is among them."""
    refused = [response for response in responses if is_concurrency_refusal(response)]
    admitted = [response for response in responses if completed_body(response) is not None]
    return (refused, admitted) if admitted and len(refused) + len(admitted) == len(responses) else ([], [])


def with_calls_at_once(profile: Profile, responses: Sequence[Response], *, arrived_s: float | None = None) -> Profile:
    """Learn the duration of a call and the cap from the answers to one group of calls."""
    # A call that completed shows how long one may take, whatever the others were answered.
    if completed := [response for response in responses if completed_body(response) is not None]:
        profile = _with_answered(profile, completed)
    _, admitted = _refused_and_admitted(responses)
    is_exceeded = profile.concurrency is not None and len(admitted) > profile.concurrency
    is_shown = arrived_s is not None and all(r.elapsed_s >= SLOWER * arrived_s for r in admitted)
    return replace(profile, concurrency=None) if is_exceeded and is_shown else profile


def with_cap(profile: Profile, groups: Sequence[Sequence[Response]]) -> Profile:
    """Learn the cap from groups of calls at once: only two that admit the same number, and refuse alike, show it.

    One group alone may have met a failure of a moment, which refuses some calls in the form of the cap.
    """
    numbers = [calls_admitted(group) for group in groups]
    refused = [response for group in groups for response in group if is_concurrency_refusal(response)]
    forms = [_error_form(response) for response in refused]
    if not (_agree(numbers) and _agree(forms)):
        return profile
    waits = [_retry_after_form(response.headers.get("retry-after")) for response in refused]
    return replace(
        profile,
        concurrency=numbers[0],
        concurrency_refusal=forms[0],
        retry_after=waits[0] if _agree(waits) else profile.retry_after,
    )


def _were_at_once(responses: Sequence[Response], refused: list[Response], admitted: list[Response]) -> bool:
    """Whether all admitted calls were out together: the first of them ended long after the last refusal."""
    refusals_first = all(first is second for first, second in zip(responses, refused, strict=False))
    fastest, slowest = min(r.elapsed_s for r in admitted), max(r.elapsed_s for r in refused)
    return refusals_first and fastest >= SLOWER * slowest


def _retry_after_form(value: str | None) -> str | None:
    if value is None:
        return "absent"
    text = value.strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
        return "seconds"
    return "date" if re.fullmatch(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", text) else None


def with_accepted(profile: Profile, response: Response) -> Profile:
    """Learn from the answer, at once, to the call of a run by callback."""
    body = object_of(response.body)
    _, word = _status_in(body)
    is_final = _final_status(word) in ("completed", "failed")
    if response.status_code not in (200, 201, 202) or word is None or is_final or not ids_in(body):
        return profile
    return replace(profile, accepted_status=word)


def with_callback(profile: Profile, delivered: Run, signature: str, inputs: Mapping[str, Any]) -> Profile:
    """Learn from the callback of a run, which was verified."""
    profile = replace(profile, signature=signature)
    event = delivered.raw
    if not isinstance(event, dict) or not is_outcome(delivered):
        return profile
    data = event["data"] if isinstance(event.get("data"), dict) else {}
    places = (("data.output", data, "output"), ("output", event, "output"), ("data.response", data, "response"))
    output = next((place for place, part, name in places if part.get(name) is not None), None)
    kind = event.get("event_type")
    status = kind if isinstance(kind, str) and _WORD.fullmatch(kind) else _status_in({**data, **event})[1]
    return replace(
        profile,
        callback_status=status or profile.callback_status,
        callback_fields=_names(event, _user_names(inputs, delivered.output)),
        callback_output=output or profile.callback_output,
    )
