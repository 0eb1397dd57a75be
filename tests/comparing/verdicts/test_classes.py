"""`cmp.classes()`: precision, recall and F1 of labels with intervals, and what is taken for what."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support

import fh_notebook as fh
from fh_notebook.comparing.stats.classes import MACRO, OTHER, ConfusionRows, class_lines
from fh_notebook.comparing.stats.intervals import blaker_interval
from fh_notebook.comparing.stats.number_format import percent
from fh_notebook.errors import InputError
from tests.told import numbers_in, tells

LABELS = ["billing", "delivery", "technical"]


def _runs(n: int = 120, *, right: float = 0.8, seed: int = 0, variants: tuple[str, ...] = ("a", "b")) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    expected = rng.choice(LABELS, n, p=[0.5, 0.3, 0.2])
    parts = []
    for index, variant in enumerate(variants):
        wrong = rng.random(n) > right - 0.1 * index
        said = np.where(wrong, rng.choice([*LABELS, "no idea"], n), expected)
        parts.append(pd.DataFrame({"row": range(n), "variant": variant, "output": said, "expected_output": expected}))
    return pd.concat(parts, ignore_index=True)


def test_it_is_what_scikit_learn_says() -> None:
    """Of each label, the macro averages, and the confusion table."""
    frame = _runs()
    classes = fh.compare(frame).classes()
    table = classes.frame.set_index(["variant", "label"])
    for variant, runs in frame.groupby("variant"):
        expected, said = runs["expected_output"], runs["output"]
        for average, labels in ((None, classes.labels), ("macro", [MACRO])):
            precision, recall, f1, _ = precision_recall_fscore_support(
                expected, said, labels=classes.labels, average=average, zero_division=0
            )
            mine = table.loc[[(variant, label) for label in labels]]
            assert mine["precision"].tolist() == pytest.approx(np.atleast_1d(precision).tolist())
            assert mine["recall"].tolist() == pytest.approx(np.atleast_1d(recall).tolist())
            assert mine["f1"].tolist() == pytest.approx(np.atleast_1d(f1).tolist())
        matrix = confusion_matrix(expected, said, labels=[*classes.labels, "no idea"])[:3]
        assert classes.confusion(variant).to_numpy().tolist() == matrix.tolist()
    assert list(classes.confusion("a").columns) == [*classes.labels, OTHER]
    difference = classes.confusion("b", minus="a")
    assert difference.to_numpy().sum() == 0
    assert difference.equals(classes.confusion("b") - classes.confusion("a"))


def test_intervals_are_those_of_shares() -> None:
    """Blaker's of precision and recall; F1 lies between its limits, and all lie within 0 and 1."""
    frame = _runs(60)
    table = fh.compare(frame).classes().frame
    for name in ("precision", "recall", "f1"):
        low, value, high = (table[column] for column in (f"{name}_low", name, f"{name}_high"))
        assert ((low >= 0) & (low < value) & (value <= high) & (high <= 1)).all()
    runs = frame[(frame["variant"] == "a") & (frame["expected_output"] == "billing")]
    right = int((runs["output"] == "billing").sum())
    line = table[(table["variant"] == "a") & (table["label"] == "billing")].iloc[0]
    assert (line["recall_low"], line["recall_high"]) == pytest.approx(blaker_interval(right, len(runs)))


def test_a_label_that_is_never_said_or_has_no_row() -> None:
    """It has no precision, and counts as 0 in the macro average; a label that is all right has a width."""
    said = ["a", "a", "b", "b", "a", "a"]
    frame = pd.DataFrame(
        {"row": range(6), "variant": "v", "output": said, "expected_output": ["a", "a", "b", "b", "c", "c"]}
    )
    table = fh.compare(frame).classes().frame.set_index("label")
    assert np.isnan(table.loc["c", "precision"])
    assert table.loc["c", ["recall", "f1"]].tolist() == [0, 0]
    assert table.loc[MACRO, "precision"] == pytest.approx((0.5 + 1 + 0) / 3)
    assert table.loc["b", "recall_low"] < 1 == table.loc["b", "recall"]


def test_repeats_of_a_row_are_shares_of_it() -> None:
    """Four runs of a row are one row; rows with equal inputs are one too."""
    frame = pd.DataFrame(
        [{"row": row, "variant": "v", "repeat": k, "output": "x" if k else "y", "expected_output": "xy"[row % 2]}
         for row in range(8) for k in range(4)]
    )  # fmt: skip
    classes = fh.compare(frame).classes()
    table = classes.frame.set_index("label")
    assert table.loc[["x", "y"], "expected"].tolist() == [4, 4]
    assert table.loc[["x", "y"], "recall"].tolist() == [0.75, 0.25]
    assert classes.confusion("v").to_numpy().tolist() == [[3, 1], [3, 1]]


def test_rows_with_equal_inputs_and_other_labels_are_rows_of_their_own() -> None:
    """Half of them are right, whatever order they come in."""
    frame = pd.DataFrame({"row": range(12), "variant": "a", "output": "yes", "ticket": [n // 2 for n in range(12)]})
    for labels in (["no", "yes"], ["yes", "no"]):
        classes = fh.compare(frame.assign(expected_output=labels * 6)).classes()
        table = classes.confusion("a")
        assert table.loc["yes", "yes"] == table.loc["no", "yes"] == 6
        assert fh.compare(frame.assign(expected_output=labels * 6)).summary()["macro_f1"].tolist() == [1 / 3]


def test_labels_that_are_numbers_are_read_as_the_score_reads_them() -> None:
    """A column with an empty cell is one of floats; an answer may be a text; true and false are no numbers."""
    expected = [1.0, 2.0, 3.0, np.nan] * 3
    for output in ([1, 2, 3, 3] * 3, ["1", "2", "3.0", "3"] * 3, [1.0, 2.0, 3.0, 3.0] * 3):
        cmp = fh.compare(
            pd.DataFrame({"row": range(12), "variant": "a", "output": output, "expected_output": expected})
        )
        assert cmp.classes().labels == ["1", "2", "3"]
        assert cmp.summary()["mean"].tolist() == cmp.summary()["macro_f1"].tolist() == [1]
    truth = pd.DataFrame({"row": range(8), "variant": "a", "output": ["True", "false"] * 4})
    assert fh.compare(truth.assign(expected_output=[True, False] * 4)).summary()["macro_f1"].tolist() == [1]


@pytest.mark.parametrize("label", [OTHER, MACRO])
def test_a_label_with_the_name_of_a_line_is_refused(label: str) -> None:
    """One of the table could not be told from the other; a comparison shows the rest."""
    cmp = fh.compare(_runs().replace({"billing": label}))
    with pytest.raises(InputError, match=re.escape(label)):
        cmp.classes()
    assert "macro_f1" not in cmp.summary()


def test_where_no_run_has_completed_it_says_so() -> None:
    """In one line."""
    with pytest.raises(InputError) as failed:
        fh.compare(_runs().assign(status="failed")).classes()
    with pytest.raises(InputError, match="expected_output") as unlabelled:
        fh.compare(_runs().drop(columns="expected_output")).classes()
    assert not tells(failed.value, "expected_output")
    assert str(failed.value) != str(unlabelled.value)
    assert fh.compare(
        pd.concat([_runs().assign(status="failed"), _runs().assign(row=lambda f: f["row"] + 10**6)])
    ).classes()


def test_a_macro_average_has_a_width_also_where_all_is_right() -> None:
    """Eight right answers of two labels do not show that all are."""
    frame = pd.DataFrame({"row": range(8), "variant": "a", "output": ["x", "y"] * 4})
    macro = fh.compare(frame.assign(expected_output=frame["output"])).classes().frame.iloc[-1]
    assert macro[["precision", "recall", "f1"]].tolist() == [1, 1, 1]
    assert (macro[["precision_low", "recall_low", "f1_low"]] < 0.8).all()


def test_failed_runs_count_as_they_do() -> None:
    """Left out, or as nothing that is expected."""
    frame = _runs(40, right=1.0, variants=("a",)).assign(status="completed")
    frame.loc[:9, "status"] = "failed"
    assert fh.compare(frame).classes().frame["recall"].eq(1).all()
    zero = fh.compare(frame, failed="zero").classes().confusion("a")
    assert zero[OTHER].sum() == 10


def test_labels_inside_of_an_output_are_found() -> None:
    """Where a scorer reads a part of it, as `json_path` does."""
    frame = _runs(60)
    inside = frame.assign(output=[{"label": label, "why": "x"} for label in frame["output"]])
    by_path = fh.compare(inside, score=fh.score.json_path("label")).classes()
    pd.testing.assert_frame_equal(
        pd.DataFrame(by_path.frame), pd.DataFrame(fh.compare(frame).classes().frame), check_like=True
    )


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"row": [0], "variant": "a", "output": "x"}), "expected_output"),
        (
            pd.DataFrame({"row": range(9), "variant": "a", "output": "x", "expected_output": list("abcdefghi")}),
            r"\b9 .* 9 ",
        ),
    ],
)
def test_what_has_no_labels_says_so(frame: pd.DataFrame, message: str) -> None:
    """In one line."""
    with pytest.raises(InputError, match=message):
        fh.compare(frame).classes()


def test_an_unknown_variant_is_told() -> None:
    """With the nearest name."""
    with pytest.raises(InputError, match=r"'aa'.* 'a'\?"):
        fh.compare(_runs()).classes().confusion("aa")


def test_it_shows_itself() -> None:
    """As text and as HTML; labels are escaped."""
    frame = _runs()
    frame = frame.replace({"billing": "<b>billing</b>"})
    classes: Any = fh.compare(frame).classes()
    assert "precision" in repr(classes)
    page = classes._repr_html_()
    assert "<b>billing</b>" not in page
    assert "&lt;b&gt;billing&lt;/b&gt;" in page


# --- where a comparison shows them


def test_the_summary_has_the_macro_f1() -> None:
    """As scikit-learn has it, where answers are labels; else there is no such column."""
    frame = _runs()
    summary = fh.compare(frame).summary().set_index("variant")
    for variant, runs in frame.groupby("variant"):
        f1 = f1_score(runs["expected_output"], runs["output"], labels=LABELS, average="macro", zero_division=0)
        assert summary.loc[variant, "macro_f1"] == pytest.approx(f1)
    letters = frame.assign(output=[f"Dear customer {n}, ..." for n in range(len(frame))])
    assert "macro_f1" not in fh.compare(letters).summary()
    assert "macro_f1" not in fh.compare(frame.drop(columns="expected_output"), score="row").summary()
    assert "macro_f1" not in fh.compare(frame.assign(expected_output="billing")).summary()


def test_a_slice_by_a_column_of_that_name_keeps_it() -> None:
    """The user's own column is told apart from the summary's."""
    frame = _runs().assign(macro_f1="x")
    assert "in.macro_f1" in fh.compare(frame).slice(by="macro_f1")


def test_a_comparison_and_its_reports_show_the_labels(tmp_path: Path) -> None:
    """The table of labels in each, the confusion tables where there is room for them; nothing without labels."""
    cmp = fh.compare(_runs())
    for shown in (repr(cmp), cmp.report(tmp_path / "r.md").read_text("utf-8")):
        assert shown.count(MACRO.strip("()")) == 2
    for page in (cmp._repr_html_(), cmp.report(tmp_path / "r.html").read_text("utf-8")):
        assert page.count('class="fh-table fh-num fh-confusion"') == 2
        assert page.count('class="fh-table fh-num fh-named"') == 1
    book = openpyxl.load_workbook(cmp.report(tmp_path / "r.xlsx"))
    assert [cell.value for cell in book["labels"][1]] == list(cmp.classes().frame.columns)
    letters = fh.compare(_runs().assign(output="Dear customer"))
    assert "fh-confusion" not in letters._repr_html_()
    assert MACRO.strip("()") not in repr(letters)


def test_the_plot_has_each_table_and_a_difference() -> None:
    """A panel a variant, best first, and what the best answers more often than the next, as the tables say."""
    cmp = fh.compare(_runs())
    classes = cmp.classes()
    first, second, change = cmp.plot("confusion").panels
    for panel, table in ((first, classes.confusion("a")), (second, classes.confusion("b"))):
        right = np.trace(table[classes.labels]) / table.to_numpy().sum()
        assert percent(right) in panel.title
        wrong = table.where(~np.eye(*table.shape, dtype=bool), 0)
        assert re.search(rf" {wrong.max().idxmax()} on {wrong.to_numpy().max()} rows", panel.title)
    assert change.title.startswith("a ")
    figure = cmp.plot("confusion")
    assert figure._repr_html_().count("<svg") == 3
    drawn = [text.get_text() for text in figure.axes[0].texts]
    assert drawn == [str(n) for n in classes.confusion("a").to_numpy().ravel()]
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == [*classes.labels, OTHER]
    assert len(cmp.plot().panels) == 3, "it is drawn only when it is asked for"


def test_many_labels_are_drawn_as_far_as_they_are_read() -> None:
    """Those with the most rows; what is answered beside them is another label."""
    rng = np.random.default_rng(2)
    labels = [f"label-{n:02}" for n in range(20)]
    expected = np.concatenate([np.repeat(labels, 4), rng.choice(labels[5:], 40)])
    frame = pd.DataFrame({"row": range(120), "variant": "a", "output": expected, "expected_output": expected})
    (panel,) = fh.compare(frame).plot("confusion").panels
    axes = fh.compare(frame).plot("confusion").axes[0]
    assert panel.rows == len(axes.get_yticklabels()) == 12
    assert "100" in numbers_in(panel.title)
    assert [n for n in numbers_in(axes.get_xlabel()) if n in ("12", "20")] == ["12", "20"]


def test_answers_that_are_no_labels_are_not_drawn() -> None:
    """It says why."""
    for frame, why in (
        (_runs().assign(output="Dear customer"), "expected_output"),
        (_runs().assign(expected_output="billing"), "'billing'"),
        (_runs(240).assign(expected_output=[f"label {n % 60}" for n in range(240)] * 2), r"\b60 "),
    ):
        with pytest.raises(InputError, match=f" confusion: .*{why}"):
            fh.compare(frame).plot("confusion")


def test_a_plot_of_equal_tables_says_so_and_names_are_as_they_are() -> None:
    """In words: no list of nothing, and no sign of matplotlib's."""
    frame = _runs(variants=("$a$",))
    figure = fh.compare(pd.concat([frame, frame.assign(variant="b")])).plot("confusion")
    assert len(figure.panels) == 3
    change = figure.alt.rpartition(": ")[2]
    assert (numbers_in(change), change.count(" "), change[-1]) == ([], 1, "."), "and not a list of nothing"
    assert "$a$" in figure.alt
    assert "\\$" not in figure.alt


@pytest.mark.long
def test_intervals_cover() -> None:
    """F1 of a label and the macro average of three, 100 rows: 95 %, less what chance leaves."""
    rng = np.random.default_rng(8)
    shares = np.array([[0.8, 0.1, 0.05, 0.05], [0.15, 0.75, 0.05, 0.05], [0.1, 0.1, 0.7, 0.1]])
    prior = np.array([0.5, 0.3, 0.2])
    truth = prior[:, None] * shares
    right, expected, said = np.diag(truth), truth.sum(axis=1), truth[:, :3].sum(axis=0)
    f1 = 2 * right / (expected + said)
    hits = np.zeros(4)
    for _ in range(600):
        labels = rng.choice(3, 100, p=prior)
        answers = np.array([rng.choice(4, p=shares[label]) for label in labels])
        rows = ConfusionRows(
            labels=LABELS, expected=labels, predicted=np.eye(4)[answers], lines=np.ones(100, dtype=np.int64)
        )
        found = class_lines(rows)
        hits += [line.f1_low <= value <= line.f1_high for line, value in zip(found, [*f1, f1.mean()], strict=True)]
    assert (hits >= 0.92 * 600).all(), hits
