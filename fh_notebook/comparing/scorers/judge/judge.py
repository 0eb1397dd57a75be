"""`judge`: another deployment as a scorer, which grades an output or decides which of two is better.

A judge is called like any other deployment: through a batch, with its store, limiter and budget, and a stored answer is
not paid for twice. It is never told which variant an output is from. A judgement that did not arrive, or cannot be
read, is a missing score with its error.

**Pairwise.** Judges prefer a position, often the first (P. Wang et al., "Large Language Models are not Fair
Evaluators", ACL 2024), so each pair is asked twice with the order swapped. A verdict that changes with the order is a
tie, and the number of such changes is reported.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from statistics import fmean
from typing import Any, Final

import pandas as pd

from fh_notebook.batching.api import start_batch
from fh_notebook.batching.batch import Batch
from fh_notebook.batching.options import BatchOptions
from fh_notebook.batching.tables.rows import EXPECTED
from fh_notebook.comparing.scorers.base import NO_SCORE, ScoreResult, number_of, scorer_text
from fh_notebook.comparing.scorers.judge.replies import JudgeReply, JudgeScale, read_score, read_verdict
from fh_notebook.comparing.scorers.observations import Observation
from fh_notebook.comparing.scorers.output_values import parse_path
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.run import Run, with_action
from fh_notebook.core import arguments
from fh_notebook.core.text.formatting import one_line, short
from fh_notebook.core.text.messages import PYTHON, counted
from fh_notebook.core.text.problems import Problem
from fh_notebook.core.values import ColumnName
from fh_notebook.errors import InputError
from fh_notebook.session import session


@dataclass(frozen=True, kw_only=True)
class JudgeCalls:
    """The deployment that judges, and the options of its calls."""

    deployment: Deployment | str
    variant: str | None = None
    rubric: str | None = None
    expected: str = EXPECTED
    options: BatchOptions = field(default_factory=BatchOptions, repr=False)

    def ask(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, fresh: bool = False) -> Batch:
        """Run a batch over `rows`, and return it; a judge without declared inputs gets the columns `own`."""
        client = session.client_for(self.options.client)
        target = self._target(client)
        judge_rows = [dict(row) for row in rows]
        if not target.inputs.get("properties") and self.options.inputs is None:
            # It accepts any inputs, so it gets only the columns for a judge, and no other column of the row.
            judge_rows = [{name: row[name] for name in columns if name in row} for row in judge_rows]
        variants = [self.variant or target.variants[0]]
        return start_batch(
            judge_rows, target, replace(self.options, variants=variants, reuse=None if fresh else "store")
        )

    def _target(self, client: Any) -> Deployment:
        target = self.deployment
        if not isinstance(target, Deployment):
            target = client.aclient.connection.find_deployment(target) or Deployment(target)
        if self.variant is None and len(target.variants) != 1:
            variants_text = f"it has {', '.join(map(short, target.variants))}" if target.variants else "none is known"
            raise InputError(
                f"the variant of the judge {short(target.name)} is not set; give variant= ({variants_text})"
            )
        return target


@dataclass(frozen=True, kw_only=True)
class JudgeAnswer:
    """The judge's runs for one question, one a repeat; ``None`` for a repeat that was not called."""

    runs: tuple[Run | None, ...]
    stopped: str = ""
    """Why repeats were not called."""

    @property
    def request_id(self) -> str | None:
        """Of the first run that has one."""
        return next((run.request_id for run in self.runs if run is not None and run.request_id), None)


def answers_of(batch: Batch, number: int) -> list[JudgeAnswer]:
    """Return the answers of a batch to the `number` questions."""
    runs: list[list[Run | None]] = [[] for _ in range(number)]
    for job, outcome, _ in batch.entries():
        runs[job.position].append(outcome.run if outcome else None)
    stopped = "its batch has not ended"
    if batch.stopped is not None:
        stopped = replace(
            batch.stopped, audience=replace(PYTHON, resume="cmp.rescore()")
        ).message  # which asks the rest, and reads it
    return [JudgeAnswer(runs=tuple(repeats), stopped=stopped) for repeats in runs]


def question_columns(observation: Observation, calls: JudgeCalls) -> dict[str, Any]:
    """Return the columns for a judge without the output: those of the row, ``input``, ``expected`` and ``rubric``."""
    source = observation.source()
    expected = source.pop(calls.expected, observation.row.get(calls.expected))
    row: dict[str, Any] = {**source, "input": _input_text(observation, source)}
    if expected is not None:
        row["expected"] = expected if isinstance(expected, str) else json.dumps(expected, ensure_ascii=False)
    if calls.rubric is not None:
        row["rubric"] = calls.rubric
    return row


def _input_text(observation: Observation, source: Mapping[str, Any]) -> str:
    """Return the inputs of the variant as one text: its only input, or all of them as JSON."""
    run = observation.run
    inputs = dict(run.inputs) if run is not None and run.inputs else dict(source)
    if len(inputs) == 1:
        only = next(iter(inputs.values()))
        if isinstance(only, str):
            return only
    return json.dumps(inputs, ensure_ascii=False, default=str)


def missing_reason(run: Run | None, stopped: str) -> Problem | None:
    """Return the problem of a run without a usable answer; ``None`` for a completed run."""
    if run is None:
        return Problem(None, "not_asked", message=f"not judged: {one_line(stopped, 200)}")
    if run.ok:
        return None
    if run.status == "failed":
        why = with_action(one_line(run.error or run.error_code or "without a reason", 200), run.client_action)
        return Problem(None, "failed", message=f"the judge failed: {why}")
    message = f"the judge's call is {one_line(run.status)}: it may have run, and no answer arrived"
    return Problem(None, "unknown", message=message)


Points = dict[int, list[tuple[str, float | None, str]]]
"""By the index of a run: the other variant, the share of the point, and the error where there is no share."""


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """Two runs of two variants on one row, by their indices in the observations."""

    a: int
    b: int
    same: bool = False
    """Whether both outputs are the same text: a tie without a call."""


def pairs_of(observations: Sequence[Observation]) -> list[JudgedPair]:
    """Return every pair of variants on each row, repeat by repeat; only completed runs."""
    order = {name: position for position, name in enumerate(dict.fromkeys(o.variant for o in observations))}
    rows: dict[Any, dict[str, list[int]]] = {}
    for position, observation in enumerate(observations):
        if observation.completed:
            rows.setdefault(observation.pair, {}).setdefault(observation.variant, []).append(position)
    pairs = []
    for of_row in rows.values():
        for x, y in combinations(sorted(of_row, key=order.__getitem__), 2):
            pairs += [
                JudgedPair(a, b, _pairwise_text(observations[a]) == _pairwise_text(observations[b]))
                for a, b in zip(of_row[x], of_row[y], strict=False)
            ]
    return pairs


def _pairwise_text(observation: Observation) -> str:
    return observation.run.text.strip() if observation.run is not None else ""


def settle(straight: JudgeReply[str], swapped: JudgeReply[str]) -> tuple[float | None, str]:
    """Return the share of the point of the first of a pair, or ``None`` with the error.

    Examples
    --------
    >>> a, b, tie = map(JudgeReply, ("a", "b", "tie"))
    >>> settle(a, b), settle(a, a), settle(b, tie)
    ((1.0, ''), (0.5, ''), (0.25, ''))
    """
    if error := straight.error or swapped.error:
        return None, error
    points = {"a": 1.0, "tie": 0.5, "b": 0.0}
    return (points[str(straight.value)] + 1.0 - points[str(swapped.value)]) / 2, ""


FAVOURED_BELOW: Final = 0.05
"""The p of the sign test below which a position is said to be favoured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionBias:
    """How often a judge preferred a position, whatever output was there."""

    pairs: int
    """Pairs with a verdict in both orders."""
    first: int
    """Answers that preferred the output that was shown first."""
    second: int
    ties: int
    turned: int
    """Pairs whose verdict changed with the order."""
    to_first: int
    """Of these, the pairs whose first position was preferred both times."""
    to_second: int
    p: float
    """Two-sided sign test of `to_first` against `to_second`; NaN where none turned."""

    def __str__(self) -> str:
        if not self.pairs:
            return "Position bias: no pair has a verdict in both orders."
        chance = "" if math.isnan(self.p) else f" (sign test p = {self.p:.2g})"
        favoured = "first" if self.to_first > self.to_second else "second"
        head = f"The judge favours the {favoured} position" if self.p < FAVOURED_BELOW else "Position bias"
        return (
            f"{head}: {self.turned} of {self.pairs} pairs got another verdict in the other order and count as "
            f"ties, {self.to_first} towards the first position and {self.to_second} towards the second{chance}; of"
            f" {2 * self.pairs} answers {self.first} preferred the first, {self.second} the second, {self.ties} "
            "neither."
        )


def bias_of(verdicts: Iterable[tuple[JudgeReply[str], JudgeReply[str]]]) -> PositionBias:
    """Return how often a position was preferred, from the verdicts in both orders (``a`` is the first position).

    Examples
    --------
    >>> bias_of([(JudgeReply("a"), JudgeReply("a")), (JudgeReply("a"), JudgeReply("b"))]).to_first
    1
    """
    readable = [(str(x.value), str(y.value)) for x, y in verdicts if x.value is not None and y.value is not None]
    answers = [value for both in readable for value in both]
    to_first, to_second = readable.count(("a", "a")), readable.count(("b", "b"))
    return PositionBias(
        pairs=len(readable),
        first=answers.count("a"),
        second=answers.count("b"),
        ties=answers.count("tie"),
        turned=to_first + to_second,
        to_first=to_first,
        to_second=to_second,
        p=_sign_test(to_first, to_second),
    )


def _sign_test(x: int, y: int) -> float:
    """Return the exact two-sided p of a fair coin (W. J. Dixon and A. M. Mood, JASA 41 (1946), 557-566)."""
    n = x + y
    if not n:
        return float("nan")
    tail = sum(math.comb(n, k) for k in range(min(x, y) + 1))
    return min(1.0, float(2 * tail / (1 << n)))


def add_points(
    points: Points,
    observations: Sequence[Observation],
    pair: JudgedPair,
    share: float | None,
    error: str,
) -> None:
    """Add the points of both runs of a pair: `share` is that of the first, ``None`` without a verdict."""
    points.setdefault(pair.a, []).append((observations[pair.b].variant, share, error))
    points.setdefault(pair.b, []).append((observations[pair.a].variant, None if share is None else 1.0 - share, error))


def share_of_points(points: Sequence[tuple[str, float | None, str]]) -> ScoreResult:
    """Return a run's share of the points against the other variants; without another variant it has no score."""
    shares = [share for _, share, _ in points if share is not None]
    parts = {f"vs {name}": share for name, share, _ in points}
    if shares:
        return ScoreResult(fmean(shares), None, parts)
    return ScoreResult(float("nan"), next((error for _, _, error in points if error), None), parts or None)


POINTWISE: Final = ("output", "input", "expected", "rubric")

PAIRWISE: Final = ("output_a", "output_b", "input", "expected", "rubric")


@arguments.public
def judge(
    deployment: Deployment | str,
    *,
    variant: str | None = None,
    rubric: str | None = None,
    pairwise: bool = False,
    scale: tuple[float, float] | None = None,
    path: str | None = None,
    expected: ColumnName = EXPECTED,
    inputs: Mapping[str, Any] | None = None,
    repeats: int = 1,
    client: Any = None,
    max_calls: int | None = None,
    max_cost: float | None = None,
    max_concurrency: int | None = None,
    rate: float | str | None = None,
    progress: Any = True,
) -> Judge:
    """Return a scorer that asks another deployment how good an output is, or which of two is better.

    The judge's calls are a batch: its answers are saved and never paid for twice, limits and the daily cap hold, and
    ``judge.batch`` is it. It is not told which variant an answer is from.

    Its Start variables take what has their name: the row's columns, and ``output`` (or ``output_a`` and ``output_b``),
    ``input`` (what the variant was asked), ``expected``, ``rubric``. A judge that declares none gets these and no other
    column.

    Its answer may be a number, yes or no, an object (``score``, ``rating``, ...; ``winner``, ``verdict``, ...), or a
    text that has one of these, ``Score: 4``, ``[[B]]``, ``4/5``. What cannot be read, or lies outside of `scale`, is a
    missing score with its error, never 0.

    Parameters
    ----------
    deployment : Deployment or str
        The judge.
    variant : str, optional
        Of the judge; needed where it has several, or none is known.
    rubric : str, optional
        By what it is to judge.
    pairwise : bool
        Compare the variants of a row two by two, each pair in both orders. The score of a run is then its share of the
        points against the other variants: 1 a win, 0.5 a tie (also a verdict that turns with the order), 0 a loss.
        Equal answers are a tie without a call. ``judge.bias`` says how often the judge preferred a place.
    scale : (lowest, highest), optional
        What scores are possible, such as ``(1, 5)``.
    path : str, optional
        Where in the judge's output its score or verdict is.
    expected : str
        The column of the row that is given as ``expected``.
    inputs : mapping, optional
        As in :func:`fh_notebook.batch`, over the columns above.
    repeats : int
        How often each question is asked; the mean counts.
    client, max_calls, max_cost, max_concurrency, rate, progress
        As in :func:`fh_notebook.batch`.

    Raises
    ------
    InputError
        An option cannot be meant; when it is asked: the judge cannot be asked so.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> hive = fh.local.LocalHive()
    >>> @hive.workflow("polite", variant="v1")
    ... def polite(output: str) -> dict:
    ...     return {"score": 5 if "please" in output else 2, "reason": "manners"}
    >>> frame = pd.DataFrame({"row": [0, 0], "variant": ["a", "b"], "output": ["Wait.", "Wait, please."]})
    >>> manners = fh.score.judge("polite", scale=(1, 5), client=hive.client(), progress=False)
    >>> fh.compare(frame, score=manners).summary()["mean"].tolist()
    [2.0, 5.0]
    """
    arguments.check(judge, locals(), but={"path"})
    if not isinstance(deployment, Deployment | str):
        raise InputError(f"deployment is {short(deployment)}; give a Deployment or its name")
    expected = arguments.column_text(expected)
    if scale is not None and (pairwise or not _is_scale(scale)):
        wrong = (
            "a judge of pairs has no scale; leave out scale="
            if pairwise
            else f"scale is {short(scale)}; give (lowest, highest)"
        )
        raise InputError(wrong)
    calls = JudgeCalls(
        deployment=deployment,
        variant=variant,
        rubric=rubric,
        expected=expected,
        options=BatchOptions(
            inputs=inputs,
            repeats=repeats,
            client=client,
            max_calls=max_calls,
            max_cost=max_cost,
            max_concurrency=max_concurrency,
            rate=rate,
            progress=progress,
            on_invalid="skip",
            metadata={"fh_judge": True},
        ),
    )
    target = deployment.name if isinstance(deployment, Deployment) else deployment
    name = scorer_text("judge", target, variant=(variant, None), pairwise=(pairwise, False), rubric=(rubric, None))
    return Judge(name, calls, pairwise=pairwise, scale=scale, path=parse_path(path))


def _is_scale(scale: Any) -> bool:
    if not isinstance(scale, tuple | list) or len(scale) != 2:
        return False
    low, high = map(number_of, scale)
    return low is not None and high is not None and low < high


class Judge:
    """A deployment that scores. Made by :func:`judge`; what it said last can be read here.

    Attributes
    ----------
    batch : Batch or None
        Of its last calls.
    bias : PositionBias or None
        Of its last comparisons in pairs.
    notes : list of str
        Sentences to be shown with its scores.
    """

    is_async = True  # it cannot score a single run

    def __init__(
        self, name: str, calls: JudgeCalls, *, pairwise: bool, scale: JudgeScale, path: tuple[str | int, ...]
    ) -> None:
        self.name = name
        self.pairwise = pairwise
        self.batch: Batch | None = None
        self.bias: PositionBias | None = None
        self.notes: list[str] = []
        self._calls = calls
        self._scale = (float(scale[0]), float(scale[1])) if scale is not None else None
        self._path = path
        self._answers: list[dict[str, Any]] = []

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Between which its scores are: its scale."""
        return self._scale

    @property
    def answers(self) -> pd.DataFrame:
        """What it said last, one line a question.

        Columns: ``pair``, ``variant`` (in pairs: ``first`` and ``second``, as they were shown), ``said``, ``reason``,
        ``error``, ``request_id``. Of repeats: the mean, and the first reason and error.
        """
        return pd.DataFrame(self._answers)

    def score_all(self, observations: Sequence[Observation], *, fresh: bool) -> list[ScoreResult]:
        """Return the results of all runs; those that did not complete are not judged."""
        self._answers, self.notes, self.batch, self.bias = [], [], None, None
        return self._score_pairs(observations, fresh) if self.pairwise else self._score_single(observations, fresh)

    def _score_single(self, observations: Sequence[Observation], fresh: bool) -> list[ScoreResult]:
        places = [position for position, o in enumerate(observations) if o.completed]
        rows = [
            {**question_columns(observations[p], self._calls), "output": _output_text(observations[p])} for p in places
        ]
        results = [NO_SCORE] * len(observations)
        for position, question in zip(places, self._ask_judge(rows, POINTWISE, fresh), strict=True):
            replies = self._read_replies(question, lambda run: read_score(run, path=self._path, scale=self._scale))
            mean = _mean_result(replies)
            reason = next((h.reason for h in replies if h.reason), "")
            results[position] = ScoreResult(mean.score, mean.error, {"reason": reason}) if reason else mean
            self._note_score(
                observations[position].pair,
                {"variant": observations[position].variant},
                results[position],
                reason,
                question,
            )
        self._write_notes(len(places), sum(math.isnan(results[position].score) for position in places))
        return results

    def _score_pairs(self, observations: Sequence[Observation], fresh: bool) -> list[ScoreResult]:
        pairs = pairs_of(observations)
        open_pairs = [pair for pair in pairs if not pair.same]
        rows = []
        for pair in open_pairs:
            about = question_columns(observations[pair.a], self._calls)
            a, b = _output_text(observations[pair.a]), _output_text(observations[pair.b])
            rows += [{**about, "output_a": a, "output_b": b}, {**about, "output_a": b, "output_b": a}]
        questions = self._ask_judge(rows, PAIRWISE, fresh)
        points: Points = {}
        verdicts: list[tuple[JudgeReply[str], JudgeReply[str]]] = []
        for pair in (pair for pair in pairs if pair.same):
            add_points(points, observations, pair, 0.5, "")
        for number, pair in enumerate(open_pairs):
            both = questions[2 * number : 2 * number + 2]
            replies = [self._read_replies(q, lambda run: read_verdict(run, path=self._path)) for q in both]
            orders = list(zip(*replies, strict=True))
            verdicts += orders
            share, error = _mean_share([settle(x, y) for x, y in orders])
            add_points(points, observations, pair, share, error)
            for (x, y), order_replies, question in zip(
                ((pair.a, pair.b), (pair.b, pair.a)), replies, both, strict=True
            ):
                self._note_verdict(observations, x, y, order_replies, question)
        self.bias = bias_of(verdicts)
        unread = sum(share is None for points_of_run in points.values() for _, share, _ in points_of_run) // 2
        self._write_notes(len(rows), unread, same=len(pairs) - len(open_pairs))
        return [share_of_points(points.get(position, [])) for position in range(len(observations))]

    def _ask_judge(self, rows: list[dict[str, Any]], columns: Sequence[str], fresh: bool) -> list[JudgeAnswer]:
        if not rows:
            return []
        self.batch = self._calls.ask(rows, columns, fresh=fresh)
        return answers_of(self.batch, len(rows))

    def _read_replies(self, question: JudgeAnswer, read: Callable[[Any], JudgeReply[Any]]) -> list[JudgeReply[Any]]:
        lacking = [(run, missing_reason(run, question.stopped)) for run in question.runs]
        return [read(run) if problem is None else JudgeReply(problem=problem) for run, problem in lacking]

    def _note_score(
        self, pair: Any, who: Mapping[str, Any], result: ScoreResult, reason: str, question: JudgeAnswer
    ) -> None:
        facts = {"said": result.score, "reason": reason, "error": result.error, "request_id": question.request_id}
        self._answers.append({"pair": pair, **who, **facts})

    def _note_verdict(
        self,
        observations: Sequence[Observation],
        first: int,
        second: int,
        replies: Sequence[JudgeReply[str]],
        question: JudgeAnswer,
    ) -> None:
        names = {"a": observations[first].variant, "b": observations[second].variant, "tie": "tie"}
        preferred = [names[h.value] for h in replies if h.value is not None]
        error = next((h.error for h in replies if h.error), None)
        self._answers.append(
            {
                "pair": observations[first].pair,
                "first": observations[first].variant,
                "second": observations[second].variant,
                "said": ", ".join(preferred) or None,
                "reason": next((h.reason for h in replies if h.reason), ""),
                "error": error,
                "request_id": question.request_id,
            }
        )

    def _write_notes(self, questions: int, unread: int, same: int = 0) -> None:
        counts = self.batch.counts if self.batch is not None else None
        calls = f"{counted(counts.calls, 'call')}, {counts.reused} reused" if counts else "no call"
        self.notes = [f"{self.name}: {counted(questions, 'question')}, {calls}."]
        if same:
            self.notes.append(f"{counted(same, 'pair')} of equal outputs counted as ties without a call.")
        if unread:
            what = "comparison" if self.pairwise else "judgement"
            self.notes.append(f"{counted(unread, what)} did not arrive or could not be read: missing, not 0.")
        if self.bias is not None:
            self.notes.append(str(self.bias))

    def __repr__(self) -> str:
        return self.name


def _output_text(observation: Observation) -> str:
    return observation.run.text if observation.run is not None else ""


def _mean_result(replies: Sequence[JudgeReply[float]]) -> ScoreResult:
    values = [h.value for h in replies if h.value is not None]
    if values:
        return ScoreResult(fmean(values))
    return ScoreResult(float("nan"), next((h.error for h in replies if h.error), "not judged"))


def _mean_share(settled_once: Sequence[tuple[float | None, str]]) -> tuple[float | None, str]:
    """Return the mean over repeats."""
    shares = [share for share, _ in settled_once if share is not None]
    if shares:
        return fmean(shares), ""
    return None, next((error for _, error in settled_once if error), "not judged")
