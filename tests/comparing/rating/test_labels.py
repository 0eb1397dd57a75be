"""`cmp.label` and `cmp.corrected`: a judge's scores corrected by what people say of rows that were drawn by chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.comparing.verdicts.gates import margin_of
from fh_notebook.comparing.verdicts.verdict import winner_of
from fh_notebook.errors import InputError
from fh_notebook.notebook.rater import Rater
from tests.comparing.rating.page import Page
from tests.told import numbers_in, tells

TRUTH = np.random.default_rng(0).random((300, 2)) < 0.8


def judged(generous: float = 0.5, *, scale: bool = False) -> fh.Comparison:
    """Return 300 rows by a judge that calls wrong answers of the second variant right, so often."""
    rng = np.random.default_rng(1)
    lines = []
    for row in range(300):
        for n, name in enumerate(("live", "new")):
            right = bool(TRUTH[row, n])
            says = right if n == 0 else right or rng.random() < generous
            score: float = float(says)
            if scale:
                score = np.clip(4.0 * right + 0.5 * n + 0.5, 0.0, 5.0)
            lines.append({"row": row, "variant": name, "output": f"answer {row} of {n}", "s": score})
    return fh.compare(pd.DataFrame(lines), score="s")


def labelled(cmp: fh.Comparison, n: int = 60, **options: Any) -> Rater:
    """Have a person label what is drawn, who is always right."""
    shown = cmp.label(n, rater="anna", **options)
    place = {name: index for index, name in enumerate(cmp.variants)}
    keys = []
    for number, item in enumerate(shown.session.items):
        is_right = TRUTH[item.row, place[item.a]]
        keys.append((number, ("1" if is_right else "2") if options.get("scale") is None else "5" if is_right else "1"))
    Page(shown).press(*keys)
    return shown


def test_a_judge_that_favours_a_variant_is_corrected() -> None:
    """By the judge the new one is better; by the labels both are as good, and the notes say what the judge does."""
    cmp = judged()
    assert winner_of(cmp.data) == "new"
    shown = labelled(cmp, 120)
    assert len({item.row for item in shown.session.items}) == 120
    fixed = cmp.corrected()
    (line,) = fixed.pairs().to_dict("records")
    true_difference = TRUTH[:, 1].mean() - TRUTH[:, 0].mean()
    assert line["ci_low"] < true_difference < line["ci_high"]
    assert (line["n"], line["test"], line["interval"]) == (120, "corrected", "corrected, tango")
    assert "120" in numbers_in(fixed.verdict)
    assert any(0 <= note.find(" new ") < note.find(" live ") for note in fixed.notes), "whom the judge favours"
    assert any("120" in numbers_in(note) for note in fixed.notes)
    means = fixed.summary().set_index("variant")
    assert means["ci_low"]["new"] < TRUTH[:, 1].mean() < means["ci_high"]["new"]
    assert means["mean"]["new"] < cmp.summary().set_index("variant")["mean"]["new"]
    assert fixed.summary().attrs["interval"] == {"live": "corrected, blaker", "new": "corrected, blaker"}


def test_rows_are_drawn_by_chance_and_again_the_same() -> None:
    """Another seed draws others; the same rows for everybody who labels."""
    cmp = judged()
    rows = [{item.row for item in cmp.label(40, rater=who, seed=seed).session.items} for who, seed in (
        ("anna", 0), ("ben", 0), ("anna", 1)
    )]  # fmt: skip
    assert rows[0] == rows[1] != rows[2]
    assert all(len(drawn) == 40 for drawn in rows)
    spread = np.array(sorted(rows[0]))
    assert 90 < spread.mean() < 210, "from all of the table"


def test_errors_of_the_judge_are_counted() -> None:
    """Of live it makes none; of new it calls every second wrong answer right."""
    cmp = judged()
    labelled(cmp, 150)
    table = cmp.corrected().judge_errors().set_index("variant")
    assert table.loc["live", ["labels", "agreement", "sensitivity", "specificity", "bias"]].tolist() == [
        150,
        1,
        1,
        1,
        0,
    ]
    assert table["sensitivity"]["new"] == 1
    assert 0.3 < table["specificity"]["new"] < 0.7
    assert table["bias_low"]["new"] < table["bias"]["new"] < table["bias_high"]["new"]
    assert table["bias_low"]["new"] > 0


def test_labels_of_elsewhere_are_a_frame() -> None:
    """The same as those of the page; several of one run are averaged."""
    cmp = judged()
    labelled(cmp, 60)
    by_page = cmp.corrected()
    rows = sorted({item.row for item in cmp.label(60, rater="anna").session.items})
    frame = pd.DataFrame(
        [
            {"row": row, "variant": name, "label": bool(TRUTH[row, n])}
            for row in rows
            for n, name in enumerate(cmp.variants)
        ]
    )
    pd.testing.assert_frame_equal(by_page.pairs(), cmp.corrected(frame).pairs())
    twice = pd.concat([frame, frame.assign(label=frame["label"])])
    pd.testing.assert_frame_equal(by_page.summary(), cmp.corrected(twice).summary())


def test_a_scale_is_labelled_in_the_unit_of_the_scores() -> None:
    """Points lie evenly between the bounds that the scorer states, else they are the scores' own."""
    cmp = judged(scale=True)
    labelled(cmp, 60, scale=5)
    fixed = cmp.corrected(scale=5)
    (line,) = fixed.pairs().to_dict("records")
    assert line["ci_low"] < 0 < line["ci_high"]
    assert (cmp.pairs()["ci_low"] > 0).all()
    assert fixed.judge_errors()["sensitivity"].isna().all()
    assert (fixed.judge_errors()["agreement"] > 0.9).all()


def test_gates_and_numbers_of_labels_use_the_correction() -> None:
    """A gate that the judge's bias would pass does not."""
    cmp = judged(0.9)
    labelled(cmp, 60)
    fixed = cmp.corrected()
    cmp.assert_not_worse("new", than="live", by=0.0)
    with pytest.raises(AssertionError, match=r"\b60 labelled rows"):
        fixed.assert_not_worse("new", than="live", by=0.0)
    (line,) = fixed.pairs().to_dict("records")
    margin = margin_of(fixed.data, "new", than="live", by=0.0, alpha=0.05)
    assert (margin.lead_low, margin.lead_high) == (line["ci_low"], line["ci_high"])
    needed = fixed.labels_needed(width=0.1).set_index("variant")
    assert (needed["labels"] == 60).all()
    assert (needed["needed"] > 60).all()
    assert (fixed.labels_needed(width=0.2)["needed"] < needed["needed"].to_numpy()).all()


def test_it_is_shown_and_written_as_corrected(tmp_path: Path) -> None:
    """In a notebook, as text, in each report: no share of a number of rows, and the old score is no column."""
    cmp = judged()
    labelled(cmp, 60)
    fixed = cmp.corrected()
    for text in (repr(fixed), fixed._repr_html_(), fixed.report(tmp_path / "x.md").read_text("utf-8")):
        assert "right, corrected" in text
        assert "of 300)" not in text
    assert "s" not in fixed.wide().columns
    for name in ("x.html", "x.xlsx"):
        assert fixed.report(tmp_path / name).stat().st_size > 1_000
    assert fixed.plot().alt


def test_labels_that_all_tie_are_not_taken_for_all_rows() -> None:
    """The verdict has the interval: forty rows on which both are right leave a difference open."""
    cmp = judged()
    rows = [row for row in range(300) if TRUTH[row].all()][:40]
    frame = pd.DataFrame([{"row": row, "variant": name, "label": True} for row in rows for name in cmp.variants])
    fixed = cmp.corrected(frame)
    assert winner_of(fixed.data) is None
    assert "95 % interval -" in fixed.verdict
    assert tells(fixed.verdict, "40 labelled rows")


def test_a_failed_run_counts_as_it_does() -> None:
    """As 0 for the judge and for people, or not at all."""
    frame = pd.DataFrame(
        [{"row": row, "variant": name, "output": f"{row} {name}", "s": 1.0, "status": "completed"}
         for row in range(100) for name in ("live", "new")]
    )  # fmt: skip
    frame.loc[frame["row"].lt(50) & frame["variant"].eq("new"), ["output", "s", "status"]] = [None, None, "failed"]
    labels = frame[frame["row"].between(40, 69) & frame["output"].notna()][["row", "variant"]].assign(label=1.0)
    zero = fh.compare(frame, score="s", failed="zero").corrected(labels).summary().set_index("variant")["mean"]
    assert zero.to_dict() == pytest.approx({"live": 1.0, "new": 0.5}, abs=0.02)
    drop = fh.compare(frame, score="s").corrected(labels).summary().set_index("variant")["mean"]
    assert drop.to_dict() == {"live": 1.0, "new": 1.0}


LABELS = pd.DataFrame({"row": range(20), "variant": "live", "label": 1})


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda cmp: cmp.corrected(), r"\(right or wrong\): cmp\.rate\(\)"),
        (lambda cmp: cmp.corrected(LABELS), r"^new .*\b0 labels .*\b10\b.* cmp\.label\("),
        (lambda cmp: cmp.corrected(LABELS.rename(columns={"label": "l"})), "'label'"),
        (lambda cmp: cmp.corrected(LABELS.assign(variant="nwe")), "'nwe'.* 'new'"),
        (lambda cmp: cmp.corrected(LABELS.assign(row=4_000)), r" row 4000\b"),
        (lambda cmp: cmp.corrected(LABELS.assign(label="yes")), "'yes'"),
        (lambda cmp: cmp.corrected([1, 2]), "DataFrame .*'row', 'variant' and 'label'"),
        (lambda cmp: cmp.label(3), r"n is 3\b.* 10\b"),
        (lambda cmp: cmp.judge_errors(), r"cmp\.corrected\(\)"),
        (lambda cmp: cmp.labels_needed(), r"cmp\.corrected\(\)"),
        (lambda cmp: cmp.rated().corrected(), r"cmp\.rate\(\)"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_in_one_line(ask: Any, message: str) -> None:
    """With the cure."""
    with pytest.raises(InputError, match=message) as caught:
        ask(judged())
    assert "\n" not in str(caught.value)


def test_what_a_corrected_comparison_does_not_do() -> None:
    """It is not corrected twice, scored again or sliced; each says what to do."""
    cmp = judged()
    labelled(cmp)
    fixed = cmp.corrected()
    for ask, message in (
        (lambda: fixed.corrected(), r"cmp\.corrected\(\)"),
        (lambda: fixed.label(), r"cmp\.corrected\(\)"),
        (lambda: fixed.rescore(), r"cmp\.corrected\(\)"),
        (lambda: fixed.slice("output"), "slice"),
        (lambda: fixed.labels_needed(width=0), "width"),
    ):
        with pytest.raises(InputError, match=message):
            ask()


def test_a_judge_that_likes_length_is_told() -> None:
    """Where its errors grow with the output."""
    rng = np.random.default_rng(0)
    length = rng.integers(1, 100, 300)
    frame = pd.DataFrame(
        {"row": range(300), "variant": "live", "output": ["x" * n for n in length], "s": (length > 50) * 1}
    )
    labels = pd.DataFrame({"row": range(60), "variant": "live", "label": rng.integers(0, 2, 60)})
    even = frame.assign(output="x" * 50)
    notes, other = (fh.compare(lines, score="s").corrected(labels).notes for lines in (frame, even))
    assert len(notes) == len(other) + 1, "the note of the length"
