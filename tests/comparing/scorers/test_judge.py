"""A deployment as judge: asked through a batch, pointwise or in pairs, and believed only as far as it can be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.comparing.scorers.judge.judge import bias_of, settle
from fh_notebook.comparing.scorers.judge.replies import JudgeReply
from fh_notebook.core.text.problems import Problem
from fh_notebook.local import LocalHive
from tests.told import numbers_in


class Court:
    """A hive with a workflow in three variants, and judges of it."""

    def __init__(self, say: Callable[..., Any] | None = None) -> None:
        self.hive = LocalHive(name="court")
        self.asked: Counter[str] = Counter()
        self.inputs: list[dict[str, Any]] = []
        for variant, ending in (("plain", ""), ("polite", ", please"), ("rude", "!")):

            @self.hive.workflow("reply", variant=variant)
            def reply(text: str, ending: str = ending) -> str:
                return text + ending

        @self.hive.workflow("manners", variant="v1")
        def manners(output: str, rubric: str = "") -> Any:
            self.asked[output] += 1
            self.inputs.append({"output": output, "rubric": rubric})
            return say(output) if say else {"score": 5 if "please" in output else 2, "reason": f"read {output}"}

        @self.hive.workflow("versus", variant="v1")
        def versus(output_a: str, output_b: str) -> Any:
            self.asked[f"{output_a} | {output_b}"] += 1
            if say:
                return say(output_a, output_b)
            return "[[A]]" if "please" in output_a else "[[B]]" if "please" in output_b else "[[C]]"

        self.client = self.hive.client()

    def batch(self, number: int = 3, **options: Any) -> fh.Batch:
        rows = [{"text": f"t{i}", "language": "en"} for i in range(number)]
        variants = options.pop("variants", ["plain", "polite"])
        return fh.batch(
            rows, "reply", variants=variants, inputs={"text": "text"}, client=self.client, progress=False, **options
        )

    def judge(self, name: str = "manners", **options: Any) -> Any:
        return fh.score.judge(name, client=self.client, progress=False, **options)


def test_a_judge_scores_each_answer_and_is_paid_once() -> None:
    """Its answers are kept like all others; its reasons are beside the scores."""
    court = Court()
    batch = court.batch()
    judge = court.judge(scale=(1, 5), rubric="Is it polite?")
    cmp = fh.compare(batch, score=judge)
    assert cmp.summary()[["variant", "n", "mean"]].values.tolist() == [["plain", 3, 2.0], ["polite", 3, 5.0]]
    assert court.asked.total() == 6
    assert cmp.parts()["reason"].tolist()[:2] == ["read t0", "read t0, please"]
    assert {one["rubric"] for one in court.inputs} == {"Is it polite?"}
    assert judge.batch.counts.calls == 6
    assert judge.answers.columns.tolist() == ["pair", "variant", "said", "reason", "error", "request_id"]
    fh.compare(batch, score=court.judge(scale=(1, 5), rubric="Is it polite?"))
    assert court.asked.total() == 6
    assert repr(cmp.rescore()).count("6 questions, 0 calls, 6 reused") == 1
    cmp.rescore(fresh=True)
    assert court.asked.total() == 12
    fh.compare(batch, score=court.judge(scale=(1, 5), rubric="Is it short?"))
    assert court.asked.total() == 18


def test_equal_answers_are_judged_once() -> None:
    """Equal questions are equal jobs."""
    court = Court()
    frame = pd.DataFrame({"row": [0, 1, 2], "variant": "a", "output": ["x", "x", "y, please"]})
    assert fh.compare(frame, score=court.judge()).summary()["mean"].tolist() == [3.0]
    assert court.asked == {"x": 1, "y, please": 1}


def test_what_a_judge_is_asked_says_nothing_of_the_variant() -> None:
    """A judge that declares nothing gets output, input, expected and rubric; one that does, the row's columns too."""
    court = Court()
    got: list[dict[str, Any]] = []

    @court.hive.workflow("open", variant="v1")
    def open_judge(**inputs: Any) -> int:
        got.append(inputs)
        return 1

    @court.hive.workflow("declared", variant="v1")
    def declared(output: str, language: str, expected: str = "none", input: str = "") -> int:
        got.append({"output": output, "language": language, "expected": expected, "input": input})
        return 1

    frame = pd.DataFrame(
        {"row": [0], "variant": ["secret-variant"], "output": [{"a": 1}], "expected_output": ["x"], "language": ["en"]}
    )
    bare = fh.Deployment("open", variants=["v1"])
    fh.compare(frame, score=fh.score.judge(bare, rubric="good?", client=court.client, progress=False))
    fh.compare(frame, score=court.judge("declared"))
    fh.compare(frame, score=court.judge("declared", inputs={"language": fh.const("de"), "output": "output"}))
    assert got[0] == {"output": '{\n  "a": 1\n}', "input": "en", "expected": "x", "rubric": "good?"}
    assert got[1] == {"output": '{\n  "a": 1\n}', "language": "en", "expected": "x", "input": "en"}
    assert got[2]["language"] == "de"
    assert "secret-variant" not in repr(got)


def test_an_answer_that_cannot_be_read_is_missing_and_not_zero() -> None:
    """So is a judge that fails; each with its reason, counted and shown."""

    def say(output: str) -> Any:
        if output == "t0":
            return "Hmm, hard to say."
        if output == "t1":
            raise RuntimeError("out of order")
        return 9 if output == "t2" else 4

    court = Court(say)
    cmp = fh.compare(court.batch(4, variants="plain"), score=court.judge(scale=(1, 5)))
    assert cmp.summary()[["n", "missing", "mean"]].values.tolist() == [[1, 3, 4.0]]
    hmm, failed, outside = cmp.score_errors()["error"]
    assert hmm.endswith(": 'Hmm, hard to say.'")
    assert "out of order" in failed
    assert outside.endswith(": 9")
    assert any(numbers_in(note) == ["3", "0"] for note in cmp.notes), "3 are missing, and do not count as 0"
    assert all(note in repr(cmp) for note in cmp.notes)


def test_a_limit_leaves_the_rest_unjudged_and_rescoring_goes_on() -> None:
    """`max_calls` holds as for every batch; what was not asked is missing, with why."""
    court = Court()
    batch = court.batch(4, variants="plain")
    cmp = fh.compare(batch, score=court.judge(max_calls=3, max_concurrency=1))
    assert cmp.summary()[["n", "missing"]].values.tolist() == [[3, 1]]
    assert "3" in numbers_in(cmp.score_errors()["error"][0])
    assert cmp.score_errors()["error"][0].endswith(": cmp.rescore()")
    cmp.rescore()
    assert cmp.summary()[["n", "missing"]].values.tolist() == [[4, 0]]
    assert court.asked.total() == 4


def test_repeats_are_averaged() -> None:
    """Each is asked; those that can be read count."""
    answers = iter([2, 4, "?", 5, 5, 5])
    court = Court(lambda output: next(answers))
    cmp = fh.compare(court.batch(2, variants="plain"), score=court.judge(repeats=3, max_concurrency=1))
    assert sorted(cmp.parts()["score"]) == [3.0, 5.0]
    assert court.asked.total() == 6


def test_pairs_are_asked_in_both_orders() -> None:
    """The score is the share of points against the other variants; the sum over a pair is one."""
    court = Court()
    judge = court.judge("versus", pairwise=True)
    cmp = fh.compare(court.batch(2, variants=["plain", "polite", "rude"]), score=judge)
    assert cmp.summary()["mean"].tolist() == [0.25, 1.0, 0.25]
    assert court.asked.total() == 12
    assert court.asked["t0 | t0, please"] == court.asked["t0, please | t0"] == 1
    assert cmp.parts()[["variant", "vs plain", "vs polite", "vs rude"]].fillna(-1).values.tolist()[:3] == [
        ["plain", -1, 0.0, 0.5],
        ["polite", 1.0, -1, 1.0],
        ["rude", 0.5, 0.0, -1],
    ]
    assert (judge.bias.pairs, judge.bias.turned) == (6, 0)
    assert judge.answers[["first", "second", "said"]].values.tolist()[:2] == [
        ["plain", "polite", "polite"],
        ["polite", "plain", "polite"],
    ]
    assert str(judge.bias) in repr(cmp)
    assert numbers_in(judge.bias)[:2] == ["0", "6"]


def test_a_judge_that_prefers_a_place_is_found_out() -> None:
    """Its verdicts are ties, and the sentence says how many turned."""
    court = Court(lambda a, b: "A")
    judge = court.judge("versus", pairwise=True)
    cmp = fh.compare(court.batch(6), score=judge)
    assert cmp.summary()["mean"].tolist() == [0.5, 0.5]
    bias = judge.bias
    assert (bias.pairs, bias.turned, bias.to_first, bias.to_second, bias.first) == (6, 6, 6, 0, 12)
    assert bias.p == pytest.approx(2 / 2**6)
    assert str(bias) in repr(cmp)
    assert numbers_in(bias)[:3] == ["6", "6", "6"]


def test_no_verdict_on_one_order_alone() -> None:
    """Where one of the two cannot be read, the comparison is missing for both; equal answers are a tie, unasked."""
    court = Court(lambda a, b: "?" if a.startswith("t0,") else "B" if "please" in b else "A")
    cmp = fh.compare(court.batch(2), score=court.judge("versus", pairwise=True))
    assert cmp.summary()[["n", "missing", "mean"]].values.tolist() == [[1, 1, 0.0], [1, 1, 1.0]]
    assert cmp.score_errors()["error"].str.endswith(": '?'").tolist() == [True] * 2
    assert any(numbers_in(note)[:1] == ["1"] for note in cmp.notes)
    same = pd.DataFrame({"row": [0, 0, 1], "variant": ["a", "b", "a"], "output": ["x", "x ", "y"]})
    before = court.asked.total()
    cmp = fh.compare(same, score=court.judge("versus", pairwise=True))
    assert court.asked.total() == before
    assert cmp.summary()[["n", "missing"]].values.tolist() == [[1, 1], [1, 0]]
    assert any(numbers_in(note) == ["1"] for note in cmp.notes), "how many pairs are equal answers"


def test_a_judge_can_be_a_part_of_another_scorer() -> None:
    """With its notes."""
    court = Court()
    both = fh.score.weighted((fh.score.length(at_most=3), 1), (court.judge(), 1))
    cmp = fh.compare(court.batch(2), score=both)
    assert cmp.summary()["mean"].tolist() == [1.5, 2.5]
    assert any("4 questions, 4 calls" in note for note in cmp.notes)
    with pytest.raises(fh.InputError, match=r"fh\.compare\("):
        both(fh.Run(status="completed", output="x"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scale": (5, 1)}, "scale is"),
        ({"scale": 5}, "scale is 5"),
        ({"scale": (1, 5), "pairwise": True}, "scale"),
        ({"path": "a["}, "path 'a\\['"),
    ],
)
def test_options_that_cannot_be_meant_raise_at_once(options: dict[str, Any], said: str) -> None:
    """Before anything is asked."""
    with pytest.raises(fh.InputError, match=said):
        fh.score.judge("manners", **options)


def test_a_judge_is_a_deployment_or_its_name() -> None:
    """What is neither is refused before anything is asked, with the argument's name."""
    with pytest.raises(fh.InputError, match="deployment is 5|is 5; .* Deployment"):
        fh.score.judge(5)  # type: ignore[arg-type]


def test_a_judge_of_several_variants_must_be_told_apart() -> None:
    """One that is not known needs its variant, too."""
    court = Court()
    batch = court.batch(1)
    with pytest.raises(fh.InputError, match=r"'reply'.* variant= .*'plain'"):
        fh.compare(batch, score=court.judge("reply"))
    with pytest.raises(fh.InputError, match="'nobody'"):
        fh.compare(batch, score=court.judge("nobody"))
    assert court.asked.total() == 0


def test_points_of_a_pair() -> None:
    """Both orders count half; a tie in one is half a point of half."""
    table = {
        ("a", "b"): 1.0,
        ("b", "a"): 0.0,
        ("a", "a"): 0.5,
        ("b", "b"): 0.5,
        ("tie", "tie"): 0.5,
        ("a", "tie"): 0.75,
    }
    for (straight, swapped), points in table.items():
        assert settle(JudgeReply(straight), JudgeReply(swapped)) == (points, "")
    assert settle(JudgeReply("a"), JudgeReply(problem=Problem(message="why"))) == (None, "why")
    first, second = JudgeReply("a"), JudgeReply("b")
    told = [str(bias_of(pairs)) for pairs in ([(first, first)] * 6, [(second, second)] * 6, [(first, first)] * 5, [])]
    assert [numbers_in(line)[:2] for line in told] == [["6", "6"], ["6", "6"], ["5", "5"], []]
    beginnings = [line.partition(":")[0] for line in told]
    assert len(set(beginnings[:3])) == 3, "the first one, the second one, no bias that was found"
