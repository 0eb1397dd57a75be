"""`judge`: another deployment says how good an answer is, or which of two is better.

Rule of this file: a judgement that did not come, or cannot be read, is a missing score with its error kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any, Final

import pandas as pd

from fh_notebook import arguments
from fh_notebook.batching.batch import Batch
from fh_notebook.batching.options import BatchOptions
from fh_notebook.batching.plan import counted
from fh_notebook.batching.rows import EXPECTED
from fh_notebook.comparing.judge_answers import Said, Scale, read_score, read_verdict
from fh_notebook.comparing.judge_calls import Calls, Question, answers_of, asked_about, why_none
from fh_notebook.comparing.judge_pairs import Points, PositionBias, bias_of, give, of_points, pairs_of, settled
from fh_notebook.comparing.scorer_base import NO_SCORE, Result, number_of, spelt
from fh_notebook.comparing.scorer_paths import steps_of
from fh_notebook.comparing.scoring_source import Observation
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.spell import short
from fh_notebook.errors import InputError
from fh_notebook.values import ColumnName

__all__ = ["Judge", "judge"]

POINTWISE: Final = ("output", "input", "expected", "rubric")
PAIRWISE: Final = ("output_a", "output_b", "input", "expected", "rubric")


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
    """Return a scorer that asks another deployment: how good is this answer, or which of two is better.

    The judge's calls are a batch: its answers are kept and never paid for twice, limits and the daily cap hold, and
    ``judge.batch`` is it. It is not told which variant an answer is from.

    Its Start variables take what has their name: the row's columns, and ``output`` (or ``output_a`` and ``output_b``),
    ``input`` (what the variant was asked), ``expected``, ``rubric``. A judge that declares none gets these and no other
    column.

    Its answer may be a number, yes or no, an object (``score``, ``rating``, ...; ``winner``, ``verdict``, ...), or a
    text that has one of these, ``Score: 4``, ``[[B]]``, ``4/5``. What cannot be read, or lies outside of `scale`, is a
    missing score with its error kept, never 0.

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
        wrong = "a judge of pairs has no scale" if pairwise else f"scale is {short(scale)}; give (lowest, highest)"
        raise InputError(wrong)
    calls = Calls(
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
    name = spelt("judge", target, variant=(variant, None), pairwise=(pairwise, False), rubric=(rubric, None))
    return Judge(name, calls, pairwise=pairwise, scale=scale, path=steps_of(path))


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

    def __init__(self, name: str, calls: Calls, *, pairwise: bool, scale: Scale, path: tuple[str | int, ...]) -> None:
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

    def score_all(self, found: Sequence[Observation], *, fresh: bool) -> list[Result]:
        """Return the results of all runs; those that did not complete are not judged."""
        self._answers, self.notes, self.batch, self.bias = [], [], None, None
        return self._in_pairs(found, fresh) if self.pairwise else self._one_by_one(found, fresh)

    def _one_by_one(self, found: Sequence[Observation], fresh: bool) -> list[Result]:
        places = [place for place, o in enumerate(found) if o.completed]
        rows = [{**asked_about(found[p], self._calls), "output": _text(found[p])} for p in places]
        said = [NO_SCORE] * len(found)
        for place, question in zip(places, self._ask(rows, POINTWISE, fresh), strict=True):
            heard = self._heard(question, lambda run: read_score(run, path=self._path, scale=self._scale))
            mean = _mean(heard)
            reason = next((h.reason for h in heard if h.reason), "")
            said[place] = Result(mean.score, mean.error, {"reason": reason}) if reason else mean
            self._note(found[place].pair, {"variant": found[place].variant}, said[place], reason, question)
        self._report(len(places), sum(math.isnan(said[place].score) for place in places))
        return said

    def _in_pairs(self, found: Sequence[Observation], fresh: bool) -> list[Result]:
        pairs = pairs_of(found)
        open_pairs = [pair for pair in pairs if not pair.same]
        rows = []
        for pair in open_pairs:
            about = asked_about(found[pair.a], self._calls)
            a, b = _text(found[pair.a]), _text(found[pair.b])
            rows += [{**about, "output_a": a, "output_b": b}, {**about, "output_a": b, "output_b": a}]
        questions = self._ask(rows, PAIRWISE, fresh)
        points: Points = {}
        verdicts: list[tuple[Said[str], Said[str]]] = []
        for pair in (pair for pair in pairs if pair.same):
            give(points, found, pair, 0.5, "")
        for number, pair in enumerate(open_pairs):
            both = questions[2 * number : 2 * number + 2]
            heard = [self._heard(q, lambda run: read_verdict(run, path=self._path)) for q in both]
            orders = list(zip(*heard, strict=True))
            verdicts += orders
            share, error = _shared([settled(x, y) for x, y in orders])
            give(points, found, pair, share, error)
            for (x, y), said, question in zip(((pair.a, pair.b), (pair.b, pair.a)), heard, both, strict=True):
                self._note_verdict(found, x, y, said, question)
        self.bias = bias_of(verdicts)
        unread = sum(share is None for told in points.values() for _, share, _ in told) // 2
        self._report(len(rows), unread, same=len(pairs) - len(open_pairs))
        return [of_points(points.get(place, [])) for place in range(len(found))]

    def _ask(self, rows: list[dict[str, Any]], own: Sequence[str], fresh: bool) -> list[Question]:
        if not rows:
            return []
        self.batch = self._calls.ask(rows, own, fresh=fresh)
        return answers_of(self.batch, len(rows))

    def _heard(self, question: Question, read: Callable[[Any], Said[Any]]) -> list[Said[Any]]:
        lacking = [(run, why_none(run, question.stopped)) for run in question.runs]
        return [read(run) if problem is None else Said(problem=problem) for run, problem in lacking]

    def _note(self, pair: Any, who: Mapping[str, Any], result: Result, reason: str, question: Question) -> None:
        facts = {"said": result.score, "reason": reason, "error": result.error, "request_id": question.request_id}
        self._answers.append({"pair": pair, **who, **facts})

    def _note_verdict(
        self, found: Sequence[Observation], first: int, second: int, heard: Sequence[Said[str]], question: Question
    ) -> None:
        names = {"a": found[first].variant, "b": found[second].variant, "tie": "tie"}
        told = [names[h.value] for h in heard if h.value is not None]
        error = next((h.error for h in heard if h.error), None)
        self._answers.append(
            {
                "pair": found[first].pair,
                "first": found[first].variant,
                "second": found[second].variant,
                "said": ", ".join(told) or None,
                "reason": next((h.reason for h in heard if h.reason), ""),
                "error": error,
                "request_id": question.request_id,
            }
        )

    def _report(self, questions: int, unread: int, same: int = 0) -> None:
        counts = self.batch.counts if self.batch is not None else None
        calls = f"{counted(counts.calls, 'call')}, {counts.reused} reused" if counts else "no call"
        self.notes = [f"{self.name}: {counted(questions, 'question')}, {calls}."]
        if same:
            self.notes.append(f"{counted(same, 'pair')} of equal answers counted as ties without a call.")
        if unread:
            what = "comparison" if self.pairwise else "judgement"
            self.notes.append(f"{counted(unread, what)} did not come or could not be read: missing, not 0.")
        if self.bias is not None:
            self.notes.append(str(self.bias))

    def __repr__(self) -> str:
        return self.name


def _text(observation: Observation) -> str:
    return observation.run.text if observation.run is not None else ""


def _mean(heard: Sequence[Said[float]]) -> Result:
    values = [h.value for h in heard if h.value is not None]
    if values:
        return Result(fmean(values))
    return Result(float("nan"), next((h.error for h in heard if h.error), "not judged"))


def _shared(settled_once: Sequence[tuple[float | None, str]]) -> tuple[float | None, str]:
    """Return the mean over repeats."""
    shares = [share for share, _ in settled_once if share is not None]
    if shares:
        return fmean(shares), ""
    return None, next((error for _, error in settled_once if error), "not judged")
