"""Parser of a judge's answers: a score, or which of two outputs is better. Pure.

It is tolerant of the form and strict about the meaning. JSON, JSON in a fence or in prose, ``Score: 4``, ``[[4]]``,
``4/5`` and ``yes`` are read. A reply that is ambiguous, empty or outside of the scale is unreadable, with the reason:
never zero, and never a guess.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from fh_notebook.comparing.scorers.base import MAX_CHARS
from fh_notebook.comparing.scorers.output_values import NOTHING, part_of
from fh_notebook.contract.run import Run
from fh_notebook.core.text.formatting import short
from fh_notebook.core.text.problems import Problem

T = TypeVar("T", float, str)
JudgeScale = tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class JudgeReply(Generic[T]):
    """The judgement in one answer."""

    value: T | None = None
    """A score; or ``a``, ``b`` or ``tie``; ``None`` for an unreadable answer."""
    reason: str = ""
    """The reason that the judge gave in an object."""
    problem: Problem | None = None
    """Why the answer is unreadable."""

    @property
    def error(self) -> str:
        """The sentence of :attr:`problem`; empty without one."""
        return "" if self.problem is None else str(self.problem)


SCORE_KEYS: Final = ("score", "rating", "grade", "verdict", "points", "result", "value")
VERDICT_KEYS: Final = ("winner", "verdict", "preferred", "preference", "choice", "better", "best", "answer", "result")
REASON_KEYS: Final = ("reason", "reasoning", "rationale", "explanation", "justification", "comment", "feedback")
REASON_CHARS: Final = 1_000

YES: Final = frozenset({"yes", "true", "pass", "passed", "correct"})
NO: Final = frozenset({"no", "false", "fail", "failed", "incorrect", "wrong"})

_VALUE: Final = re.compile(
    r"([-+]?\d{1,20}(?:\.\d{1,20})?)(?:\s*(%)|\s*(?:/|out of)\s*(\d{1,20}(?:\.\d{1,20})?))?", re.I
)
_END: Final = r"(?!\w|[.,]\d|\s*[-–]\s*\d)"
_MARKED_SCORE: Final = re.compile(
    r"\b(?:score|rating|grade|verdict|result)\b[\"'*_`\s]{0,9}(?:[:=]|\bis\b)[\"'*_`\s\[]{0,9}"
    rf"((?:[-+]?\d{{1,20}}(?:\.\d{{1,20}})?(?:\s?%|\s*(?:/|out of)\s*\d{{1,20}})?|{'|'.join(YES | NO)}){_END})",
    re.I,
)
_BRACKETED: Final = re.compile(r"\[\[\s*([^\[\]]{1,40}?)\s*\]\]")
"""As in L. Zheng et al., "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena", NeurIPS 2023, appendix A."""
_FRACTION: Final = re.compile(r"(?<![\w.,/])(\d{1,20}(?:\.\d{1,20})?\s*(?:/|out of)\s*\d{1,20})(?![\w/]|[.,]\d)", re.I)
_NAME: Final = r"(?:(?:output|answer|response|assistant|model|option|text|candidate)[\s_-]?)?"
_MARKED_VERDICT: Final = re.compile(
    r"\b(?:winner|verdict|preferred|preference|choice|better|best|result)\b[\"'*_`\s]{0,9}(?:[:=]|\bis\b)"
    rf"[\"'*_`\s\[]{{0,9}}({_NAME}(?:a|b|first|second|tie|draw|equal|neither|both)\b)",
    re.I,
)
WORDS: Final = {
    **dict.fromkeys(("a", "1", "first"), "a"),
    **dict.fromkeys(("b", "2", "second"), "b"),
    **dict.fromkeys(("tie", "tied", "draw", "equal", "equally", "same", "neither", "both", "none"), "tie"),
}
MAX_OBJECTS: Final = 50
"""Number of braces in a text from which an object is parsed."""


def read_score(run: Run, *, path: tuple[str | int, ...] = (), scale: JudgeScale = None) -> JudgeReply[float]:
    """Return the score in a judge's answer.

    Examples
    --------
    >>> said = [read_score(Run(status="completed", output=text), scale=(1, 5))
    ...         for text in ("Score: 4", '{"rating": 5, "reason": "polite"}', "4/5", "Between 3 and 4.", "7")]
    >>> [s.value for s in said]
    [4.0, 5.0, 4.0, None, None]
    """
    return _read_reply(run, path, SCORE_KEYS, lambda value: _score_of(value, scale), _scores_in)


def read_verdict(run: Run, *, path: tuple[str | int, ...] = ()) -> JudgeReply[str]:
    """Return the verdict in a judge's answer: ``a``, ``b`` or ``tie``.

    Examples
    --------
    >>> [read_verdict(Run(status="completed", output=text)).value for text in ("[[B]]", "Winner: A", "tie", "Hmm.")]
    ['b', 'a', 'tie', None]
    """
    return _read_reply(run, path, VERDICT_KEYS, _verdict_of, _verdicts_in)


def _read_reply(
    run: Run,
    path: tuple[str | int, ...],
    keys: tuple[str, ...],
    of_value: Callable[[Any], T | None],
    in_text: Callable[[str], Iterator[list[str]]],
) -> JudgeReply[T]:
    if path:
        value = part_of(run.output, path)
        parsed = None if value is NOTHING else of_value(value)
        return JudgeReply(
            parsed, _reason_in(run.output), None if parsed is not None else _unreadable_problem(run.output)
        )
    if not isinstance(run.output, str):
        return _reply_of_objects([run.output], keys, of_value, run.output)
    text = run.output.strip()
    if len(text) > MAX_CHARS:
        longer = f"has {len(text):,} characters"
        return JudgeReply(problem=Problem(None, "maxLength", "the judge's answer", longer, f"{MAX_CHARS:,} are read"))
    objects = _find_objects(text)
    if any(_value_under(o, keys) is not NOTHING for o in objects):
        return _reply_of_objects(objects, keys, of_value, text)
    for places in in_text(text):
        values = {value for candidate in places if (value := of_value(candidate)) is not None}
        if len(values) == 1:
            return JudgeReply(values.pop())
        if places:
            break  # two different values, or an invalid one: a weaker form does not decide
    return JudgeReply(problem=_unreadable_problem(text))


def _reply_of_objects(
    objects: list[Any], keys: tuple[str, ...], of_value: Callable[[Any], T | None], output: Any
) -> JudgeReply[T]:
    values_under_keys = [value for o in objects if (value := _value_under(o, keys)) is not NOTHING]
    values = {of_value(value) for value in values_under_keys}
    reason = next((r for o in objects if (r := _reason_in(o))), "")
    if len(values) == 1 and None not in values:
        return JudgeReply(values.pop(), reason)
    return JudgeReply(problem=_unreadable_problem(output), reason=reason)


def _value_under(output: Any, keys: tuple[str, ...], depth: int = 0) -> Any:
    """Return the value of an object under one of `keys`, or its only value; another JSON value as it is."""
    if not isinstance(output, Mapping):
        return NOTHING if depth == 0 and isinstance(output, str | list) else output
    lower = {str(name).casefold(): value for name, value in output.items()}
    for key in keys:
        if key in lower:
            value = lower[key]
            return _value_under(value, keys, depth + 1) if isinstance(value, Mapping) and depth < 3 else value
    return next(iter(lower.values())) if len(lower) == 1 and depth == 0 else NOTHING


def _find_objects(text: str) -> list[Any]:
    try:
        document = Run(status="completed", output=text).json()
        return [document] if isinstance(document, Mapping) else []
    except (ValueError, RecursionError):
        pass
    objects: list[Any] = []
    decoder, at = json.JSONDecoder(), 0
    for _ in range(MAX_OBJECTS):
        at = text.find("{", at)
        if at < 0:
            break
        try:
            value, at = decoder.raw_decode(text, at)
            objects.append(value)
        except (ValueError, RecursionError):
            at += 1
    return objects


def _score_of(value: Any, scale: JudgeScale) -> float | None:
    if isinstance(value, bool):
        value = "yes" if value else "no"
    if isinstance(value, str):
        return _within(_score_of_text(value.strip(" \t\r\n*_`\"'.!"), scale), scale)
    if isinstance(value, int | float):
        try:
            return _within(float(value), scale)
        except OverflowError:
            return None
    return None


def _score_of_text(text: str, scale: JudgeScale) -> float | None:
    word = text.casefold()
    if word in YES or word in NO:
        return float(word in YES) if scale in (None, (0, 1)) else None
    match = _VALUE.fullmatch(text)
    if match is None:
        return None
    number, percent, of = float(match[1]), match[2], match[3]
    if percent:
        return number if scale == (0, 100) else number / 100 if scale in (None, (0, 1)) else None
    if of is not None:  # four of five: without a scale it may mean 4 or 0.8
        return number if scale is not None and float(of) == scale[1] else None
    return number


def _within(number: float | None, scale: JudgeScale) -> float | None:
    if number is None or not math.isfinite(number):
        return None
    return number if scale is None or scale[0] <= number <= scale[1] else None


def _scores_in(text: str) -> Iterator[list[str]]:
    """Yield the parts of a text that may contain a score, the most reliable form first."""
    yield [text] if len(text) <= 40 and "\n" not in text and _looks_like_score(text) else []
    yield _BRACKETED.findall(text)
    yield _MARKED_SCORE.findall(text)
    yield [line for line in _outer_lines(text) if _looks_like_score(line)]
    yield _FRACTION.findall(text)


def _looks_like_score(line: str) -> bool:
    word = line.strip(" \t*_`\"'.!")
    return bool(_VALUE.fullmatch(word)) or word.casefold() in YES | NO


def _verdict_of(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    word = re.sub(r"[^\w\s-]", "", value).strip().casefold()
    if re.fullmatch(r"\[\[\s*c\s*\]\]|c", value.strip().casefold()):
        return "tie"  # MT-Bench's letter for it
    return WORDS.get(re.sub(rf"^{_NAME}", "", word))


def _verdicts_in(text: str) -> Iterator[list[str]]:
    yield [text] if len(text) <= 40 and _verdict_of(text) else []
    yield _BRACKETED.findall(text)
    yield _MARKED_VERDICT.findall(text)
    yield [line for line in _outer_lines(text) if len(line) <= 40 and _verdict_of(line)]


def _outer_lines(text: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [lines[0], lines[-1]] if lines else []


def _reason_in(output: Any) -> str:
    if not isinstance(output, Mapping):
        return ""
    lower = {str(name).casefold(): value for name, value in output.items()}
    return next((str(lower[key])[:REASON_CHARS] for key in REASON_KEYS if isinstance(lower.get(key), str)), "")


def _unreadable_problem(output: Any) -> Problem:
    return Problem(None, "unreadable", "the judge's answer", f"could not be read: {short(output)}")
