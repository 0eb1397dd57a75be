"""Promises of scorers: every one of ``fh.score``, own functions, judges, promptfoo's assertions, and what is an error."""

from __future__ import annotations

import asyncio
import json
import math
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import rapidfuzz
import sacrebleu

import fh_notebook as fh
from tests.promises.comparison_frames import answers, hive_of


def scores(scorer: Any, outputs: list[Any], expected: list[Any] | None = None, **columns: Any) -> list[float | None]:
    """Return the score of each output; None where there is none."""
    frame = answers(outputs, expected).assign(**columns)
    found = fh.compare(frame, score=scorer).wide()["a.score"].astype(float)
    return [None if math.isnan(score) else score for score in found]


# Each line: a scorer, and outputs with what is expected of them and their score.
TABLE: list[tuple[str, Callable[[], Any], list[tuple[Any, Any, float | None]]]] = [
    ("exact", lambda: fh.score.exact(), [
        (" billing\n", "billing", 1), ("Billing", "billing", 0), (12, 12.0, 1), ("x", None, None), (None, "x", None),
        ({"a": [1]}, '{"a": [1]}', 1), ({"a": [1]}, {"a": [2]}, 0), ("12", 12, 1), ("true", True, 1), ("1", True, 0),
    ]),
    ("exact path", lambda: fh.score.exact(path="items[0].label"), [
        ({"items": [{"label": "x"}]}, "x", 1), ('{"items": [{"label": "x"}]}', "x", 1), ({"items": []}, "x", 0),
    ]),
    ("contains", lambda: fh.score.contains(), [
        ("about billing.", "billing", 1), ("about Billing.", "billing", 0), ("x", None, None),
    ]),
    ("contains any case", lambda: fh.score.contains(ignore_case=True), [("about Billing.", "bILLING", 1)]),
    ("regex", lambda: fh.score.regex(r"order \d+"), [("Your order 47 is late", None, 1), ("Order 47", None, 0)]),
    ("regex whole", lambda: fh.score.regex(r"\w+", whole=True, ignore_case=True), [("late", None, 1), ("late!", None, 0)]),
    ("number", lambda: fh.score.number(0.5), [
        (12.5, 12, 1), (12.6, 12, 0), ("3 x 4 makes 12.", 12, 1), ("1,234.5 EUR", "1234.5", 1), ("none", 0, 0),
        (True, 1, 0), ("12", None, None), ("1e-3", 0.001, 1), ("-7", -7, 1),
    ]),
    ("number relative", lambda: fh.score.number(relative=0.1), [(110, 100, 1), (112, 100, 0)]),
    ("number first", lambda: fh.score.number(which="first"), [("3 x 4 = 12", 3, 1), ("3 x 4 = 12", 12, 0)]),
    ("number only", lambda: fh.score.number(which="only"), [("3 x 4 = 12", 12, 0), ("= 12", 12, 1)]),
    ("json_valid", lambda: fh.score.json_valid(), [
        ('{"a": 1}', None, 1), ("[1]", None, 1), ("{a", None, 0), ("NaN", None, 0), ({"a": 1}, None, 1),
    ]),
    ("json_schema", lambda: fh.score.json_schema({
        "type": "object", "required": ["label"], "properties": {"label": {"enum": ["x", "y"]}, "n": {"minimum": 0}},
    }), [
        ({"label": "x"}, None, 1), ('```json\n{"label": "y", "n": 0}\n```', None, 1), ({"label": "z"}, None, 0),
        ({"label": "x", "n": -1}, None, 0), ({}, None, 0), ("label: x", None, 0),
    ]),
    ("json_schema of variables", lambda: fh.score.json_schema({"n": fh.integer(minimum=1)}), [
        ({"n": 1}, None, 1), ({"n": 0}, None, 0), ({}, None, 0),
    ]),
    ("json_path", lambda: fh.score.json_path("$.items[*].name", equals="b"), [
        ({"items": [{"name": "a"}, {"name": "b"}]}, None, 1), ({"items": [{"name": "a"}]}, None, 0), ("x", None, 0),
    ]),
    ("json_path below", lambda: fh.score.json_path("$..price"), [
        ({"x": [{"price": 2}]}, None, 1), ({"x": [{"prize": 2}]}, None, 0), ({"price": None}, None, 0),
    ]),
    ("json_path column", lambda: fh.score.json_path("n", expected="expected_output"), [
        ({"n": 3}, 3, 1), ({"n": 3}, 4, 0), ({"n": 3}, None, None),
    ]),
    ("json_fields", lambda: fh.score.json_fields(), [
        ({"a": 1, "b": "x"}, {"a": 1.0, "b": "y"}, 0.5), ('{"a": 1}', '{"a": 1, "b": 2}', 0.5),
        ({"a": 1, "more": 2}, {"a": 1}, 1), ("none", {"a": 1}, 0), ({"a": 1}, None, None),
    ]),
    ("json_fields compare", lambda: fh.score.json_fields(fields=["n", "m"], compare={"n": fh.score.number(0.5)}), [
        ({"n": "12.3 EUR", "m": "x"}, {"n": 12, "m": "x"}, 1), ({"n": 13, "m": "x"}, {"n": 12, "m": "x"}, 0.5),
    ]),
    ("length", lambda: fh.score.length(), [(" Sorry for that. ", None, 15), ("", None, 0)]),
    ("length words", lambda: fh.score.length("words", at_least=2, at_most=3), [
        ("one", None, 0), ("one two", None, 1), ("one two three", None, 1), ("a b c d", None, 0),
    ]),
    ("all_of", lambda: fh.score.all_of(fh.score.contains(), fh.score.length(at_most=7)), [
        ("billing", "billing", 1), ("a billing", "billing", 0), ("other", "billing", 0),
    ]),
    ("any_of", lambda: fh.score.any_of(fh.score.exact(), fh.score.json_valid()), [
        ("[1]", "x", 1), ("x", "x", 1), ("y", "x", 0),
    ]),
    ("not_", lambda: fh.score.not_(fh.score.contains()), [("Sorry", "idiot", 1), ("idiot", "idiot", 0), ("x", None, None)]),
    ("weighted", lambda: fh.score.weighted(right=(fh.score.exact(), 3), short=fh.score.length(at_most=3)), [
        ("x", "x", 1), ("y", "x", 0.25), ("long", "long", 0.75), ("x", None, None),
    ]),
    ("rouge_l", lambda: fh.score.rouge_l(), [
        ("police kill the gunman", "police killed the gunman", 3 / 4),
        ("the gunman kill police", "police killed the gunman", 2 / 4),
        ("The quick brown dog jumps on the log.", "The quick brown fox jumps over the lazy dog", 10 / 17), ("x", None, None),
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("make", "lines"), [pytest.param(make, lines, id=name) for name, make, lines in TABLE])
def test_each_ready_scorer_scores_as_its_page_says(
    make: Callable[[], Any], lines: list[tuple[Any, Any, float | None]]
) -> None:
    """Right, wrong, a share, or no score where nothing is expected."""
    outputs, expected, wanted = map(list, zip(*lines, strict=True))
    found = scores(make(), outputs, expected)
    # Without an output there is no run to be scored, or a wrong one: what matters is that it is not right.
    for line, score, want in zip(lines, found, wanted, strict=True):
        if line[0] is not None:
            assert score == (None if want is None else pytest.approx(want)), line
        else:
            assert not score, line


SENTENCES = [
    ("The dog bit the man.", "The dog had bit the man."),
    ("It wasn't surprising.", "No one was surprised."),
    ("Sehr geehrte Damen und Herren,", "Sehr geehrter Herr Müller,"),
    ("It is a guide to action", "It is a guide to action"),
]


@pytest.mark.parametrize(
    ("make", "peer"),
    [
        (lambda: fh.score.bleu(), lambda a, b: sacrebleu.sentence_bleu(a, [b]).score / 100),
        (lambda: fh.score.bleu(tokenize="char", lowercase=True),
         lambda a, b: sacrebleu.sentence_bleu(a, [b], tokenize="char", lowercase=True).score / 100),
        (lambda: fh.score.chrf(), lambda a, b: sacrebleu.sentence_chrf(a, [b]).score / 100),
        (lambda: fh.score.chrf(word_order=2), lambda a, b: sacrebleu.sentence_chrf(a, [b], word_order=2).score / 100),
        (lambda: fh.score.similarity(), lambda a, b: rapidfuzz.fuzz.ratio(a, b) / 100),
        (lambda: fh.score.similarity(method="levenshtein"), rapidfuzz.distance.Levenshtein.normalized_similarity),
        (lambda: fh.score.similarity(method="jaro_winkler"), rapidfuzz.distance.JaroWinkler.normalized_similarity),
        (lambda: fh.score.similarity(method="token_sort_ratio"), lambda a, b: rapidfuzz.fuzz.token_sort_ratio(a, b) / 100),
    ],
)  # fmt: skip
def test_similarities_of_texts_are_those_of_sacrebleu_and_rapidfuzz(
    make: Callable[[], Any], peer: Callable[[str, str], float]
) -> None:
    """From 0 to 1, of every sentence."""
    outputs, expected = map(list, zip(*SENTENCES, strict=True))
    assert scores(make(), outputs, expected) == pytest.approx([peer(a, b) for a, b in SENTENCES])


def test_latency_is_the_seconds_of_a_run_of_which_less_is_better() -> None:
    """With a limit it is yes or no."""
    frame = pd.concat([answers(["x"] * 8, variant=name) for name in ("slow", "fast")])
    frame["elapsed_s"] = [0.5] * 8 + [0.2] * 8
    cmp = fh.compare(frame, score=fh.score.latency())
    assert cmp.summary()["mean"].tolist() == pytest.approx([0.5, 0.2])
    cmp.assert_better("fast", than="slow")
    assert fh.compare(frame, score=fh.score.latency(at_most=0.2)).summary()["mean"].tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    "make",
    [
        lambda: fh.score.regex("("), lambda: fh.score.json_path("a[?(@.x)]"), lambda: fh.score.number(-1),
        lambda: fh.score.length(at_least=3, at_most=2), lambda: fh.score.similarity(method="cosine"),
        lambda: fh.score.exact(path="a["), lambda: fh.score.all_of(), lambda: fh.score.weighted((fh.score.exact(), -1)),
        lambda: fh.score.judge("x", scale=(5, 1)), lambda: fh.score.latency(-1),
    ],
)  # fmt: skip
def test_a_scorer_that_cannot_be_meant_is_refused_when_it_is_made(make: Callable[[], Any]) -> None:
    """An `InputError`, before anything is scored."""
    with pytest.raises(fh.InputError):
        make()


@pytest.mark.parametrize(("pattern", "output"), [(r"(a+)+$", "a" * 90_000 + "!"), ("x", "a" * 100_001)])
def test_no_output_can_hang_a_pattern(pattern: str, output: str) -> None:
    """Its score is missing, with the reason; the next run is scored."""
    cmp = fh.compare(answers([output, "a"]), score=fh.score.regex(pattern))
    assert cmp.summary()[["n", "missing"]].values.tolist() == [[1, 1]]
    errors = cmp.score_errors()
    assert list(errors.columns) == ["row", "variant", "error"]
    assert errors["row"].tolist() == [0]


# --- own functions


def right(run: Any) -> bool:
    return bool(run.output == "x")


def long_enough(run: Any, row: Any) -> float | None:
    return None if row["least"] is None else len(run.output) / row["least"]


async def slowly(run: Any) -> float:
    await asyncio.sleep(0)
    return 2.0


def test_a_function_of_a_run_or_of_a_run_and_its_row_is_a_scorer() -> None:
    """Also an async one, or a lambda; None is no score, and an object has parts."""
    assert scores(right, ["x", "y"]) == [1, 0]
    assert scores(long_enough, ["x", "yy"], least=[2, None]) == [0.5, None]
    assert scores(slowly, ["x", "y"]) == [2, 2]
    assert scores(lambda run: len(run.output), ["x", "yyy"]) == [1, 3]
    cmp = fh.compare(answers(["x", "yy"]), score=lambda run: {"score": 0.5, "letters": len(run.output)})
    assert cmp.summary()["mean"].tolist() == [0.5]
    assert cmp.parts()["letters"].tolist() == [1, 2]


def test_an_async_scorer_works_in_a_running_loop() -> None:
    """As in a kernel, whose own loop is running."""

    async def cell() -> list[float | None]:
        return scores(slowly, ["x"])

    assert asyncio.run(cell()) == [2]


def test_a_score_that_raises_or_is_no_number_is_missing_with_its_error() -> None:
    """The other runs are scored, the error is listed, and an infinite or wordy score is none."""

    def moody(run: Any) -> Any:
        if run.output == "boom":
            raise ValueError("no idea")
        return {"inf": math.inf, "text": "good", "nan": math.nan}.get(run.output, 1)

    cmp = fh.compare(answers(["ok", "boom", "inf", "text", "nan"]), score=moody)
    line = cmp.summary().iloc[0]
    assert (line["n"], line["failed"], line["mean"]) == (1, 0, 1.0)
    assert line["missing"] == 4
    errors = cmp.score_errors().set_index("row")["error"]
    assert "no idea" in errors[1]
    assert {1, 2, 3} <= set(errors.index)
    with pytest.raises(fh.InputError):
        fh.compare(answers(["x"]), score=3)  # type: ignore[arg-type]


def test_a_failed_run_is_not_scored() -> None:
    """A scorer sees completed runs only."""
    seen: list[Any] = []
    frame = answers(["x", "y"]).assign(status=["completed", "failed"])
    table = fh.compare(frame, score=lambda run: seen.append(run.output) or 1).summary()  # type: ignore[func-returns-value]
    assert table[["n", "missing", "failed"]].values.tolist() == [[1, 0, 1]]
    assert seen == ["x"]


def test_scores_of_a_batch_are_saved_under_the_version_of_the_function() -> None:
    """The same version is not scored again, another one is, and ``fresh`` scores all."""
    batch = fh.batch(["x", "y"], "echo", client=hive_of("echo", {"a": str}).client(), progress=False)
    seen: list[str] = []

    def scorer(version: str) -> Any:
        return fh.score.scorer(lambda run: seen.append(run.output) or 1, name="own", version=version)  # type: ignore[func-returns-value]

    fh.compare(batch, score=scorer("1"))
    cmp = fh.compare(batch, score=scorer("1"))
    assert (sorted(seen), cmp.scorer) == (["x", "y"], "own")
    fh.compare(batch, score=scorer("2"))
    assert len(seen) == 4
    cmp.rescore(fresh=True)
    assert len(seen) == 6


def test_a_scorer_may_say_its_direction_and_its_bounds() -> None:
    """Fewer errors are better, and no interval leaves a scale of 1 to 5."""

    @fh.score.scorer(lower_is_better=True, bounds=(1, 5))
    def grade(run: Any) -> float:
        return float(run.output)

    frame = pd.concat([answers([1, 1, 1, 1, 1, 1, 2, 1], variant="good"), answers([5] * 7 + [4], variant="bad")])
    cmp = fh.compare(frame, score=grade)
    cmp.assert_better("good", than="bad")
    table = cmp.summary()
    assert table["ci_low"].min() >= 1
    assert table["ci_high"].max() <= 5


# --- judges


class Court:
    """A hive with judges, and how often each was asked what."""

    def __init__(self, say: Callable[[str], Any]) -> None:
        self.hive = fh.local.LocalHive(name="court")
        self.asked: Counter[str] = Counter()
        self.given: list[dict[str, Any]] = []
        lock = threading.Lock()

        @self.hive.workflow("manners", variant="v1")
        def manners(output: str, rubric: str = "", expected: str = "", input: str = "") -> Any:
            with lock:
                self.asked[output] += 1
                self.given.append({"output": output, "rubric": rubric, "expected": expected, "input": input})
            return say(output)

        @self.hive.workflow("versus", variant="v1")
        def versus(output_a: str, output_b: str) -> Any:
            with lock:
                self.asked[f"{output_a}|{output_b}"] += 1
            return say(f"{output_a}|{output_b}")

    def judge(self, name: str = "manners", **options: Any) -> Any:
        return fh.score.judge(name, client=self.hive.client(), progress=False, **options)


def polite(output: str) -> Any:
    return {"score": 5 if "please" in output else 2, "reason": f"read {output}"}


def test_a_judge_scores_each_answer_once_and_is_not_paid_again() -> None:
    """Its reasons are parts; equal answers are one question; the same comparison again makes no call."""
    court = Court(polite)
    frame = pd.concat([answers(["Wait.", "Go."], variant="larkspur"), answers(["Wait, please.", "Go."], variant="b")])
    judge = court.judge(scale=(1, 5), rubric="Is it polite?")
    cmp = fh.compare(frame, score=judge)
    assert cmp.summary()["mean"].tolist() == [2.0, 3.5]
    assert court.asked == {"Wait.": 1, "Wait, please.": 1, "Go.": 1}
    assert judge.batch.counts.calls == 3
    assert "read Wait." in cmp.parts()["reason"].tolist()
    assert cmp.summary()["ci_high"].max() <= 5
    fh.compare(frame, score=court.judge(scale=(1, 5), rubric="Is it polite?"))
    assert court.asked.total() == 3
    fh.compare(frame, score=court.judge(scale=(1, 5), rubric="Is it short?"))
    assert court.asked.total() == 6
    assert {given["rubric"] for given in court.given} == {"Is it polite?", "Is it short?"}
    assert "larkspur" not in repr(court.given)


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        (4, 4), ("4", 4), ("Score: 4", 4), ("4/5", 4), ({"rating": 4}, 4), ('{"score": 3}', 3), ("Hmm.", None),
        (9, None), ({"score": 0}, None), (None, None),
    ],
)  # fmt: skip
def test_a_judges_reply_is_read_or_missing_and_never_zero(reply: Any, score: float | None) -> None:
    """A number, an object or a text with one; what cannot be read or is outside of the scale has an error."""
    cmp = fh.compare(answers(["x"]), score=Court(lambda output: reply).judge(scale=(1, 5)))
    found = cmp.summary()
    assert found["n"].tolist() == [int(score is not None)]
    if score is not None:
        assert found["mean"].tolist() == [score]
    else:
        assert len(cmp.score_errors()) == 1


def test_a_judge_of_pairs_is_asked_in_both_orders() -> None:
    """A verdict that turns with the order is a tie; equal answers are a tie without a call."""
    frame = pd.concat([
        answers(["rude", "rude", "same"], variant="a"), answers(["please", "loud", "same"], variant="b"),
    ])  # fmt: skip

    def say(pair: str) -> str:
        first, _, second = pair.partition("|")
        return "[[A]]" if "please" in first else "[[B]]" if "please" in second else "[[A]]"

    court = Court(say)
    judge = court.judge("versus", pairwise=True)
    table = fh.compare(frame, score=judge).wide()
    assert table["a.score"].tolist() == [0, 0.5, 0.5]
    assert table["b.score"].tolist() == [1, 0.5, 0.5]
    assert court.asked == {"rude|please": 1, "please|rude": 1, "rude|loud": 1, "loud|rude": 1}


def test_a_judge_may_spend_no_more_than_it_is_allowed() -> None:
    """What is beyond ``max_calls`` is a missing score."""
    court = Court(lambda output: 4)
    cmp = fh.compare(answers(["x", "y", "z"]), score=court.judge(scale=(1, 5), max_calls=2))
    assert court.asked.total() == 2
    assert cmp.summary()[["n", "missing"]].values.tolist() == [[2, 1]]


# --- promptfoo


CONFIG = """
prompts: ["Answer {{ticket}}"]
providers: [echo]
defaultTest:
  vars: {team: support}
  assert:
    - {type: not-icontains, value: SORRY}
tests:
  - vars: {ticket: "Where is my parcel?"}
    assert:
      - {type: contains, value: "{{ team }}"}
      - {type: llm-rubric, value: is polite}
  - vars: {ticket: [late, lost], tone: [calm, brief]}
    assert:
      - {type: javascript, value: output.length < 10}
"""


def test_tests_of_promptfoo_are_rows_and_their_assertions_a_scorer(tmp_path: Path) -> None:
    """Lists of values are combined; assertions that run code or a model are left out, and listed."""
    path = tmp_path / "promptfooconfig.yaml"
    path.write_text(CONFIG)
    tests = fh.read_promptfoo(path)
    assert tests.rows[["ticket", "tone"]].values.tolist()[1:] == [
        ["late", "calm"], ["late", "brief"], ["lost", "calm"], ["lost", "brief"],
    ]  # fmt: skip
    assert tests.rows["team"].tolist() == ["support"] * 5
    assert tests.left_out == {"llm-rubric": 1, "javascript": 1}
    hive = fh.local.LocalHive()

    @hive.workflow("echo", variant="v")
    def echo(ticket: str, tone: str = "", team: str = "") -> str:
        return "Sorry" if ticket == "lost" else f"{ticket} {team}"

    batch = fh.batch(tests.rows, "echo", client=hive.client(), progress=False)
    cmp = fh.compare(batch, score=tests.score)
    assert cmp.wide()["v.score"].tolist() == [1, 1, 1, 0, 0]


@pytest.mark.parametrize(
    ("assertion", "passes", "fails"),
    [
        ({"type": "equals", "value": "late"}, "late", "later"),
        ({"type": "contains", "value": "Late"}, "is Late", "is late"),
        ({"type": "icontains", "value": "LATE"}, "is late", "is lost"),
        ({"type": "contains-any", "value": ["a", "b"]}, "xb", "xc"),
        ({"type": "contains-all", "value": "a, b"}, "ba", "a"),
        ({"type": "icontains-all", "value": ["A", "B"]}, "ba", "a"),
        ({"type": "starts-with", "value": "Dear"}, "Dear you", "My dear"),
        ({"type": "regex", "value": "^\\d+$"}, "12", "a12"),
        ({"type": "is-json", "value": {"type": "object", "required": ["a"]}}, '{"a": 1}', "{}"),
        ({"type": "not-contains", "value": "x"}, "y", "x"),
    ],
)
def test_each_assertion_of_promptfoo_holds_as_it_does_there(
    tmp_path: Path, assertion: dict[str, Any], passes: str, fails: str
) -> None:
    """For one output it passes, for another it fails, and none is left out."""
    (tmp_path / "tests.json").write_text(json.dumps([{"vars": {"x": "y"}, "assert": [assertion]}]))
    tests = fh.read_promptfoo(tmp_path / "tests.json")
    assert not tests.left_out
    row = tests.rows.iloc[[0, 0]].reset_index(drop=True).assign(row=[0, 1], variant="a", output=[passes, fails])
    assert fh.compare(row, score=tests.score).wide()["a.score"].tolist() == [1, 0]
