"""Runs beside each other: folded, capped, and with a text twin."""

from __future__ import annotations

import json

import pytest

import fh_notebook as fh
from fh_notebook.notebook.results.cards import OutputsSideBySide, SideBySide
from fh_notebook.notebook.results.formats import html_table, markdown

LINES = "\n".join(f"line {i}" for i in range(1, 201))


def _run(output: object = LINES, **more: object) -> fh.Run:
    return fh.Run(**{"status": "completed", "deployment": "d", "variant": "v", "output": output, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("show", [None, "text", "markdown", "json", "table"])
def test_every_form_folds_a_long_output_in_html_and_in_text(show: str | None) -> None:
    """And says where all of it is."""
    shown = SideBySide([_run()]) if show is None else OutputsSideBySide([_run()], show)
    assert "<summary>… 1" in shown._repr_html_() or show == "markdown"
    assert "<details" in shown._repr_html_()
    assert "… 180 more lines; run.text has all" in repr(shown)
    assert len(repr(shown).splitlines()) <= 23


def test_several_runs_say_that_the_frame_has_all() -> None:
    """Because the result of several is a frame."""
    assert "… 180 more lines; the result's column output has all" in repr(SideBySide([_run(), _run()]))


def test_a_long_error_is_folded_too() -> None:
    """A service's traceback is as long as an output."""
    failed = _run(None, status="failed", error=LINES, error_code="internal")
    for shown in (SideBySide([failed]), OutputsSideBySide([failed], "text"), failed):
        assert "<summary>… 180 more lines</summary>" in shown._repr_html_()
    assert "… 180 more lines; run.error has all" in repr(SideBySide([failed]))
    assert len(repr(failed)) < 300


def test_json_is_indented_in_html_and_in_text_and_a_fence_is_no_hindrance() -> None:
    """``--show json`` of a text that is JSON."""
    shown = OutputsSideBySide([_run('```json\n{"a": [1, 2]}\n```')], "json")
    pretty = json.dumps({"a": [1, 2]}, indent=2)
    assert pretty.replace('"', "&quot;") in shown._repr_html_()
    assert [line.strip() for line in pretty.splitlines()] == [line.strip() for line in repr(shown).splitlines()[1:]]


def test_many_runs_are_folded_and_capped() -> None:
    """Twelve are open, a hundred are there, and the page stays light."""
    shown = SideBySide([_run("x" * 50_000) for _ in range(1_000)])
    page = shown._repr_html_()
    assert "<summary>… 988 more runs</summary>" in page
    assert "900 runs are not shown; the result has all" in page
    assert page.count("fh-card") == 100 + 1  # the style names it once
    assert len(page) < 700_000
    assert repr(shown).endswith("… 988 more runs; the result has all")
    assert len(repr(shown)) < 30_000


def test_markdown_is_cut_between_blocks() -> None:
    """No list, table or code is torn; a link's definition at the end still counts; what is too long is said."""
    text = "\n\n".join(f"# {i}\n\n- a\n- [b][link]" for i in range(100)) + "\n\n[link]: https://ok.example\n"
    page = markdown(text)
    opened, _, folded = page.partition("<details")
    assert opened.count("<ul>") == opened.count("</ul>") > 2
    assert "more lines</summary>" in folded
    assert page.count('href="https://ok.example"') == 100
    assert "more characters; run.text has all" in markdown("a paragraph\n\n" * 10_000)
    assert len(markdown("a paragraph\n\n" * 100_000)) < 100_000


def test_one_endless_block_of_markdown_is_folded_whole() -> None:
    """Its first line stands for it."""
    page = markdown("```\n" + LINES + "\n```")
    assert page.startswith('<div class="fh-md"><details')
    assert "… 202 lines</summary>" in page


def test_short_markdown_is_not_folded() -> None:
    """Nor is an empty one."""
    for text in ("", "# Title\n\ntext", "\n".join(["a"] * 28)):
        assert "<details" not in markdown(text)


def test_a_table_says_what_it_leaves_out() -> None:
    """Rows and columns, each with how many."""
    page = html_table([{f"c{j}": i for j in range(25)} for i in range(150)])
    assert page is not None
    assert "<summary>… 130 more rows</summary>" in page
    assert "50 more rows and 5 more columns not shown; run.text has all" in page
    assert "<details" not in (html_table([{"a": 1}] * 20) or "<details")
    assert "not shown" not in (html_table({"a": 1}) or "not shown")
