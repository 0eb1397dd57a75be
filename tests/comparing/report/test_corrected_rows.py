"""Marks at corrected rows: in the table of a comparison, the difference of a row, and the reports; escaped and masked."""

from __future__ import annotations

from pathlib import Path

import pytest

import fh_notebook as fh
from tests.comparing.test_corrections import Triage

HOSTILE = "<b>other</b>"
SECRET = "correct-horse-battery"


@pytest.fixture
def cmp() -> fh.Comparison:
    """Row 1 has a wrong value with a tag in it, and the note repeats the password of its inputs."""
    rows = [
        {"text": "Parcel late", "token": "another-password", "expected_output": "delivery"},
        {"text": "Refund", "token": SECRET, "expected_output": HOSTILE},
    ]
    made = fh.compare(Triage().run(rows))
    return made.correct(1, expected="billing", note=f"not {HOSTILE}, says {SECRET}", author="anna")


def test_tables_have_the_replaced_value_of_corrected_rows(cmp: fh.Comparison) -> None:
    """In a column that only a comparison with corrections has."""
    assert cmp.wide()["corrected_from"].tolist() == [None, HOSTILE]
    cmp.correct(1, expected=HOSTILE)
    assert "corrected_from" not in cmp.wide()


def test_a_difference_says_from_what_by_whom_and_why(cmp: fh.Comparison) -> None:
    """As text and as HTML; of a row without a correction, nothing."""
    diff = cmp.diff(1)
    assert diff.correction.startswith(f"from {HOSTILE} by anna, ")
    assert diff.correction.endswith(f": not {HOSTILE}, says ***")
    assert f"corrected: from {HOSTILE} by anna" in str(diff)
    assert "corrected: from &lt;b&gt;other&lt;/b&gt; by anna" in diff._repr_html_()
    assert (cmp.diff(0).correction, "corrected" in str(cmp.diff(0))) == ("", False)


def test_a_comparison_marks_its_corrected_rows(cmp: fh.Comparison) -> None:
    """In HTML beside the value, in text as a column."""
    page = cmp._repr_html_()
    assert '<span class="fh-score">corrected from &lt;b&gt;other&lt;/b&gt;</span>' in page
    assert "corrected_from" in repr(cmp)
    assert SECRET not in page + repr(cmp)


@pytest.mark.parametrize("suffix", [".html", ".md", ".xlsx"])
def test_a_report_marks_its_corrected_rows(cmp: fh.Comparison, tmp_path: Path, suffix: str) -> None:
    """Each in its own way, escaped, and without the password that a note repeats."""
    path = cmp.report(tmp_path / f"report{suffix}")
    if suffix == ".xlsx":
        openpyxl = pytest.importorskip("openpyxl")
        rows = [*openpyxl.load_workbook(path)["rows"].values]
        column = rows[0].index("correction")
        assert rows[1][column] is None
        assert rows[2][column].startswith("corrected from <b>other</b> by anna")
        text = str(rows)
    else:
        text = path.read_text()
        assert "corrected from" in text
    assert SECRET not in text
    assert ("<b>other</b>" in text) == (suffix == ".xlsx")


def test_a_report_without_corrections_has_no_such_column(tmp_path: Path) -> None:
    """Columns are only where there is something."""
    cmp = fh.compare(Triage().run())
    openpyxl = pytest.importorskip("openpyxl")
    rows = [*openpyxl.load_workbook(cmp.report(tmp_path / "r.xlsx"))["rows"].values]
    assert "correction" not in rows[0]
    assert '"correction":' not in cmp.report(tmp_path / "r.html").read_text()
