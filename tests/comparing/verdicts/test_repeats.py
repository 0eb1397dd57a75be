"""`cmp.repeats()`: which different answers a row got and how often, and how a comparison, diff and browser show it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.errors import InputError

ANSWERS = {
    0: ["billing"] * 5,
    1: ["other", "billing", "billing", "billing ", "billing"],
    2: ["delivery", "delivery", "other", "other", "billing"],
}


def _runs() -> pd.DataFrame:
    lines = [
        {"row": row, "variant": variant, "repeat": k, "output": output, "expected_output": "billing"}
        for variant in ("a", "b")
        for row, outputs in ANSWERS.items()
        for k, output in enumerate(outputs[: 5 if variant == "a" else 2])
    ]
    return pd.DataFrame(lines)


def test_different_answers_are_counted_the_most_frequent_first() -> None:
    """Blanks around a text do not count; with the share of the row's answers and their score."""
    answers = fh.compare(_runs()).repeats().answers
    of_a = answers[answers["variant"] == "a"]
    assert of_a[["row", "answer", "count"]].values.tolist() == [
        [0, "billing", 5], [1, "billing", 4], [1, "other", 1], [2, "delivery", 2], [2, "other", 2], [2, "billing", 1],
    ]  # fmt: skip
    assert of_a["share"].tolist() == [1, 0.8, 0.2, 0.4, 0.4, 0.2]
    assert of_a["score"].tolist() == [1, 1, 0, 0, 0, 1]


def test_agreement_and_pass_rates_of_each_variant() -> None:
    """Over rows, with intervals around them."""
    repeats = fh.compare(_runs()).repeats()
    line = repeats.frame.set_index("variant").loc["a"]
    assert line["agreement"] == pytest.approx((1 + 6 / 10 + 2 / 10) / 3)
    assert line["agreement_low"] < line["agreement"] < line["agreement_high"]
    assert (line["rows"], line["answers"], line["distinct"]) == (3, 15, 2)
    assert line["icc_low"] <= line["icc"] <= line["icc_high"]
    passes = repeats.passes.set_index(["variant", "k"])
    assert passes.loc["a", "pass_any"].tolist() == pytest.approx(
        [2 / 3, (2 + 0.4) / 3, (2 + 0.6) / 3, (2 + 0.8) / 3, 1]
    )
    assert passes.loc["a", "pass_all"].tolist() == pytest.approx([2 / 3, 1.6 / 3, 1.4 / 3, 1.2 / 3, 1 / 3])
    assert passes.loc["b"].index.tolist() == [1, 2]
    assert passes.loc[("a", 1), "pass_any"] == fh.compare(_runs()).summary()["mean"][0]


def test_where_lower_is_better_a_score_that_is_false_passes() -> None:
    """As the same answers do by a scorer that says the contrary."""

    def good(run: Any, row: Any) -> bool:
        return bool(run.output.strip() == row["expected_output"])

    def bad(run: Any, row: Any) -> bool:
        return not good(run, row)

    passes = fh.compare(_runs(), score=fh.score.scorer(bad, version=1, lower_is_better=True)).repeats().passes
    pd.testing.assert_frame_equal(pd.DataFrame(passes), pd.DataFrame(fh.compare(_runs(), score=good).repeats().passes))
    assert re.search(r"@k: [^·;\n]*\bfalse\b", repr(passes))


def test_numbers_have_variances_and_no_pass_rate() -> None:
    """Without a score there are neither."""
    frame = _runs().assign(s=np.linspace(0, 3, len(_runs())))
    repeats = fh.compare(frame, score="s").repeats()
    assert len(repeats.passes) == 0
    assert (repeats.frame["variance_between"] >= 0).all()
    bare = fh.compare(frame.drop(columns=["expected_output", "s"])).repeats()
    assert "icc" not in bare.frame
    assert "score" not in bare.answers
    assert "4 x billing, 1 x other" in repr(bare)


def test_the_part_that_is_scored_is_what_is_compared() -> None:
    """A reason beside a label is another one each time."""
    frame = _runs()
    frame["output"] = [{"label": output.strip(), "why": str(at)} for at, output in enumerate(frame["output"])]
    whole = fh.compare(frame.drop(columns="expected_output")).repeats()
    assert whole.frame["agreement"].eq(0).all()
    part = fh.compare(frame, score=fh.score.json_path("label")).repeats()
    assert part.frame["agreement"].tolist() == fh.compare(_runs()).repeats().frame["agreement"].tolist()


def test_failed_runs_have_no_answer_and_count_as_they_do() -> None:
    """As wrong with failed="zero", else not at all."""
    frame = _runs().query("variant == 'a'").assign(status="completed")
    frame.loc[frame["repeat"] == 4, ["status", "output"]] = ["failed", None]
    left_out, zero = (fh.compare(frame, failed=failed).repeats() for failed in ("drop", "zero"))
    assert left_out.answers["count"].sum() == zero.answers["count"].sum() == 12
    assert left_out.passes["k"].max() == 4
    assert zero.passes["k"].max() == 5
    assert zero.passes.set_index("k")["pass_all"][5] == 0


def test_rows_with_equal_inputs_are_one_row() -> None:
    """They share their answers, so of two of them one counts."""
    frame = _runs().query("variant == 'a'")
    keys = [str(row) * 32 + str(k) * 32 for row, k in zip(frame["row"], frame["repeat"], strict=True)]
    once = frame.assign(key=keys)
    twice = pd.concat([once, once.assign(row=once["row"] + 10)], ignore_index=True)
    first, second = (fh.compare(part).repeats() for part in (once, twice))
    assert second.answers["count"].tolist() == first.answers["count"].tolist()
    assert second.frame["agreement_low"].tolist() == first.frame["agreement_low"].tolist()


def test_without_repeats_it_is_said() -> None:
    """With what makes some."""
    with pytest.raises(InputError, match="repeats=5"):
        fh.compare(_runs().query("repeat == 0")).repeats()


def test_it_shows_itself() -> None:
    """Escaped; a password that an answer repeats is masked by what the comparison knows of it."""
    frame = _runs().replace({"output": {"other": "<b>other</b>"}})
    repeats = fh.compare(frame).repeats()
    page, text = repeats._repr_html_(), repr(repeats)
    assert "<b>other" not in page
    assert "&lt;b&gt;other" in page
    for words in ("@k", "^k", "1, a: 4 x billing"):
        assert words in text


def test_a_diff_says_how_often_there_was_each_answer() -> None:
    """As text and in the page, beside the first one, which is compared."""
    diff = fh.compare(_runs()).diff(1)
    assert [(group.value, group.count) for group in diff.parts[0].a.groups] == [("billing", 4), ("other", 1)]
    for shown in (str(diff), diff._repr_html_()):
        assert re.search(r"\b5 \w+: 4 x billing, 1 x other", shown)
    once = fh.compare(_runs().query("repeat == 0")).diff(1)
    assert "answers" not in str(once)
    assert once.parts[0].a.groups == ()
