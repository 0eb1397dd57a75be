"""`cmp.diff(row)`: what the variants said to one row."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.comparing.diff.row_diff import diff_html, value_text
from fh_notebook.comparing.diff.text_diff import compare_texts
from fh_notebook.core.json_values import pretty
from fh_notebook.core.text.formatting import ordinal
from fh_notebook.errors import InputError
from fh_notebook.local.hive import LocalHive
from tests.notebook.hostile import OUTPUTS, Page, dangers
from tests.told import numbers_in

ANSWERS: dict[str, list[Any]] = {
    "keywords": ["It is late.", {"label": "late", "tags": ["b"]}, "one"],
    "nearest": ["It is lost.", '```json\n{"tags": ["a", "b"], "label": "late"}\n```', "one"],
    "third": ["It is late.", None, "two"],
}


def _frame() -> pd.DataFrame:
    lines = [
        {
            "row": row, "variant": variant, "output": outputs[row], "s": float(row), "elapsed_s": 0.25,
            "status": "failed" if outputs[row] is None else "completed",
            "error": "502 from <the provider>" if outputs[row] is None else None,
            "ticket": f"Where is parcel {row}?", "expected_output": "It is late." if row == 0 else None,
        }
        for row in range(3)
        for variant, outputs in ANSWERS.items()
    ]  # fmt: skip
    return pd.DataFrame(lines)


@pytest.fixture
def cmp() -> fh.Comparison:
    return fh.compare(_frame(), score="s")


def test_texts_are_compared_by_words(cmp: fh.Comparison) -> None:
    """Each variant against the first, in values and as text."""
    found = cmp.diff(row=0)
    assert [(p.a.variant, p.b.variant, p.same) for p in found.parts] == [
        ("keywords", "nearest", False),
        ("keywords", "third", True),
    ]
    assert found.parts[0].words is not None
    assert found.parts[0].changes is None
    assert numbers_in(found.parts[0]) == ["1", "1"], "a word added, one removed"
    title, *lines = str(found).splitlines()
    assert "keywords" in title
    assert lines.pop(4) == f"  {found.parts[0]}"
    assert lines == [
        "ticket: Where is parcel 0? · expected_output: It is late.",
        "keywords (score 0 · 0.250 s):",
        "  It is late.",
        "nearest (score 0 · 0.250 s):",
        "  It is [-late-]{+lost+}.",
        "third (score 0 · 0.250 s):",
        "  same",
    ]
    assert repr(found) == str(found)
    assert not found.same
    assert cmp.diff(row=2, b="nearest").same


def test_json_is_compared_by_paths(cmp: fh.Comparison) -> None:
    """However it came; what did not complete is not compared, and says why."""
    found = cmp.diff(1)
    changes = found.parts[0].changes
    assert changes is not None
    assert [(c.kind, c.path, c.after) for c in changes.listed] == [("added", "tags[0]", "a")]
    assert '  + tags[0]: "a"' in str(found)
    assert (found.parts[1].changes, found.parts[1].words) == (None, None)
    assert "third" in str(found.parts[1])
    assert "  502 from <the provider>" in str(found).splitlines()
    frame = found.frame
    assert list(frame.columns) == ["a", "b", "kind", "path", "before", "after"]
    assert frame.values.tolist() == [["keywords", "nearest", "added", "tags[0]", None, "a"]]


def test_a_difference_of_json_says_what_is_expected_there() -> None:
    """A column of its own, by the path of each change; where nothing is expected, there is none."""
    outputs = {"small": {"kind": "other", "a.b": [{"n": 1}], "more": [1]}, "large": {"kind": "home", "a.b": [{"n": 2}]}}
    lines = [{"row": 0, "variant": name, "output": output} for name, output in outputs.items()]
    expected = [{**line, "expected_output": '{"kind": "travel", "a.b": [{"n": 3}]}'} for line in lines]
    page = str(fh.compare(pd.DataFrame(expected)).diff(0)._repr_html_())
    assert re.findall(r'data-name="expected"[^>]*>([^<]*)<', page) == ["&quot;travel&quot;", "3", ""]
    assert 'data-name="expected"' not in str(fh.compare(pd.DataFrame(lines)).diff(0)._repr_html_())


def test_the_baseline_is_chosen(cmp: fh.Comparison) -> None:
    """A variant, or what was expected; and one, some or all are compared to it."""
    assert [(p.a.variant, p.b.variant) for p in cmp.diff(0, a="third").parts] == [
        ("third", "keywords"),
        ("third", "nearest"),
    ]
    assert [(p.a.variant, p.b.variant) for p in cmp.diff(0, b="keywords").parts] == [("nearest", "keywords")]
    to_expected = cmp.diff(0, a="expected_output", b=["nearest", "third"])
    assert [(p.b.variant, p.same) for p in to_expected.parts] == [("nearest", False), ("third", True)]
    assert to_expected.frame[["kind", "before", "after"]].values.tolist() == [["changed", "late", "lost"]]
    assert "expected_output" in str(cmp.diff(1, a="expected_output").parts[0])


def test_a_text_has_a_legend_of_its_marks_and_both_scores(cmp: fh.Comparison) -> None:
    """A person who sees it for the first time reads whose words are which, and which answer scored better."""
    frame = _frame()
    frame["s"] = frame["variant"].eq("nearest").astype(float)
    page = Page(fh.compare(frame, score="s").diff(0, b="nearest")._repr_html_())
    assert re.search(r"\bkeywords · [^·]*\bnearestAll", page.text)
    assert "✗ wrong → ✓ right" in page.text


def test_copy_stands_beside_the_names_where_differences_are_shown(cmp: fh.Comparison) -> None:
    """Each answer, also the folded one, is copied by one click; nothing where no script serves it."""
    page = str(diff_html(cmp.diff(0, b="nearest"), "key:"))
    assert page.split("All answers in full")[0].count('class="fh-copy"') == 2
    assert "<button" not in diff_html(cmp.diff(0, b="nearest"))


def test_words_are_counted_as_a_person_counts_them() -> None:
    """A date is one word, each sign of Chinese is one, and punctuation alone is none."""
    assert compare_texts("Sent on 2026-11-02.", "Sent on.").words == (1, 0)
    assert compare_texts("明天到", "今天到").words == (1, 1)
    assert compare_texts("Sent!", "Sent.").words == (0, 0)
    assert not compare_texts("Sent!", "Sent.").same


def test_of_two_dates_each_variant_is_compared_to_itself() -> None:
    """As the pairs of such a comparison are."""
    monday, today = _frame(), _frame()
    today["output"] = "It is lost."
    cmp = fh.compare({"monday": monday, "today": today}, score="s")
    pairs = [(p.a.variant, p.b.variant) for p in cmp.diff(0).parts]
    assert len(pairs) == 3
    assert all("monday" in a and "today" in b for a, b in pairs)


def test_of_three_dates_the_last_is_shown_against_both_before_it() -> None:
    """One difference under the other, each with what it is to; in the page and in its text twin."""
    dates = {name: pd.DataFrame({"row": [0], "variant": "live", "output": name}) for name in ("one", "two", "three")}
    found = fh.compare(dates).diff(0)
    assert len(found.parts) == 3
    assert [line.strip() for line in str(found).splitlines()[-4:]] == [
        f"to one: {found.parts[1]}",
        "[-one-]{+three+}",
        f"to two: {found.parts[2]}",
        "[-two-]{+three+}",
    ]
    page = found._repr_html_()
    text = Page(page).text
    assert all(f"{a} → {b} {found.parts[0]}" in text for a, b in (("one", "two"), ("one", "three"), ("two", "three")))


def test_a_value_that_holds_itself_is_cut_and_breaks_nothing() -> None:
    """JSON cannot say it; what it begins with can be read."""
    ring: list[Any] = ["x"]
    ring.append(ring)
    told, is_whole = pretty(ring, limit=1_000, sort=True)
    assert told.startswith('[\n  "x"')
    assert not is_whole
    assert value_text(ring).startswith('["x"')
    assert value_text(ring).endswith("…")


def test_of_repeats_the_first_completed_one_is_taken_and_it_is_said() -> None:
    """A failed one only where none completed."""
    frame = pd.DataFrame({
        "row": "x", "variant": ["a", "a", "b"], "status": ["failed", "completed", "completed"],
        "output": [None, "yes", "no"], "error": ["boom", None, None], "s": [0, 1, 0],
    })  # fmt: skip
    found = fh.compare(frame, score="s").diff("x")
    assert found.parts[0].a.output == "yes"
    for shown in (str(found), found._repr_html_()):
        assert re.search(r"\b2 \w+: 1 x yes", shown)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"row": 7}, " 0, 1 and 2"),
        ({"row": "1"}, " 1?"),
        ({"row": 0, "a": "nearst"}, " 'nearest'?"),
        ({"row": 0, "b": ["keywords", "x"]}, "'keywords', 'nearest', 'third'"),
        ({"row": 0, "b": ["keywords", "nearest", "third"]}, "cmp.diff(row, a=...)"),
    ],
)
def test_a_slip_is_one_line_with_the_cure(cmp: fh.Comparison, asked: dict[str, Any], told: str) -> None:
    """What there is, and the nearest of it."""
    with pytest.raises(fh.InputError) as raised:
        cmp.diff(**asked)
    assert told in str(raised.value)


def test_a_batch_is_compared_and_a_password_is_not_shown() -> None:
    """The row's columns stand above, but for those that a secret Start variable was taken from."""
    hive = fh.local.LocalHive()
    dep = fh.Deployment("x", variants=["a", "b"], inputs={"ticket": fh.text(), "pin": fh.text(secret=True)})
    for name in dep.variants:
        hive.workflow("x", variant=name)(lambda ticket, pin, name=name: f"{name} says {ticket}")
    rows = [{"ticket": "Late.", "pin": "swordfish"}]
    found = fh.compare(fh.batch(rows, dep, client=hive.client(), progress=False)).diff(0)
    assert "[-a-] {+b+} says Late." in str(found)
    for shown in (str(found), found._repr_html_()):
        assert "ticket: Late." in shown
        assert "swordfish" not in shown


@pytest.mark.parametrize("place", range(len(OUTPUTS)))
def test_hostile_outputs_are_text(place: int) -> None:
    """Beside each other, in marks, as paths and values; and a page of them has a bound."""
    one = OUTPUTS[place]
    outputs = [one, OUTPUTS[place - 1], {"<script>": one}, [one, "<img src=x onerror=evil()>"]]
    frame = pd.DataFrame({"row": ["<b>"] * 4, "variant": ["a", "<script>x", "c", "d"], "output": outputs})
    for a in ("a", "c"):
        found = fh.compare(frame).diff("<b>", a=a)
        page = found._repr_html_()
        assert dangers(page) == []
        assert len(page) < 900_000
        assert len(str(found)) < 100_000
        assert not set("\x00\x07\x1b\u202e") & set(str(found))


def test_what_the_page_says_the_text_says_too(cmp: fh.Comparison) -> None:
    """Titles, scores, sentences and paths."""
    for row in range(3):
        found = cmp.diff(row)
        page = Page(found._repr_html_()).text
        for part in found.parts:
            assert str(part) in page
            assert str(part) in str(found)
        assert f"row {row} ({ordinal(row + 1)} of 3), compared to keywords" in page


def test_what_is_written_from_right_to_left_goes_so_beside_its_name() -> None:
    """A value of the row has a direction of its own: its name does not say in which order its words go."""
    hebrew = "החבילה (ABC-12) לא הגיעה"
    lines = [
        {"row": 0, "variant": variant, "output": None, "status": "failed", "error": hebrew, "ticket": hebrew}
        for variant in ("a", "b")
    ]
    page = fh.compare(lines).diff(0)._repr_html_()
    assert f"ticket: <bdi>{hebrew}</bdi>" in page
    assert f'<div class="fh-error" dir="rtl">{hebrew}' in page


def test_what_is_empty_or_no_text_is_no_bare_python() -> None:
    """An answer without a text says so, a missing cell is left out, and an object of the row is JSON."""
    lines = [
        {"row": 0, "variant": variant, "output": output, "note": None, "given": {"urgent": True}}
        for variant, output in (("a", None), ("b", ""), ("c", "late"))
    ]
    diff = fh.compare(lines).diff(0)
    for said in (str(diff), diff._repr_html_().replace("&quot;", '"')):
        assert "(empty)" in said
        assert 'given: {"urgent": true}' in said
        assert not any(raw in said for raw in ("None", "null", "True"))


def test_a_path_is_broken_between_its_names() -> None:
    """And copied as it is: in the page, no character marks where."""
    one, two = ({"customer": {"postalCode": code}} for code in ("75000", "75001"))
    page = fh.compare([{"row": 0, "variant": "a", "output": one}, {"row": 0, "variant": "b", "output": two}]).diff(0)
    pieces = '<td><span class="fh-piece">customer</span><span class="fh-piece">.postal</span><span class="fh-piece">Code</span></td>'
    assert pieces in page._repr_html_()
    assert '~ customer.postalCode: "75000" → "75001"' in str(page)


def test_one_variant_is_shown_and_said_to_be_alone() -> None:
    """There is nothing to compare it to, and its answer is there all the same."""
    diff = fh.compare(pd.DataFrame({"row": [0, 1], "variant": "a", "output": ["late", "lost"]})).diff(1)
    assert str(diff).splitlines()[1:] == ["a:", "  lost"]
    assert "lost" in diff._repr_html_()
    assert (diff.parts, diff.same) == ((), True)


@pytest.mark.parametrize(
    "index",
    [pd.date_range("2026-11-25", periods=2), pd.MultiIndex.from_tuples([("b", 1), ("b", 2)]), pd.Index(["x", "y"])],
    ids=["moments", "two levels", "texts"],
)
def test_a_row_is_named_by_what_the_frames_index_has(index: pd.Index) -> None:
    """As the batch's own table hands it out."""
    hive = LocalHive()
    hive.workflow("say", variant="a")(lambda text: text)
    hive.workflow("say", variant="b")(lambda text: text.upper())
    rows = pd.DataFrame({"text": ["one", "two"]}, index=index)
    batch = fh.batch(rows, "say", variants=["a", "b"], client=hive.client(), progress=False)
    cmp = fh.compare(batch)
    assert batch.frame.index[-1] == index[-1]
    assert "TWO" in str(cmp.diff(index[-1]))
    with pytest.raises(InputError, match="^the row a Timestamp "):
        cmp.diff(pd.Timestamp("1999-01-01"))


def test_a_comparison_of_nothing_has_no_blank_line() -> None:
    """What there is nothing to say of takes no room."""
    hive = LocalHive()
    hive.workflow("say", variant="a")(lambda text: text)
    empty = fh.batch(pd.DataFrame({"text": []}), "say", variants="a", client=hive.client(), progress=False)
    assert all(line.strip() for line in repr(fh.compare(empty)).splitlines())
