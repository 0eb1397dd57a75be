"""Promises of the security pass, line by line, and which tests look for them: none can be lost unseen."""

from __future__ import annotations

import ast
import tracemalloc
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.security import corpus
from tests.security.corpus import FORBIDDEN, OUTPUTS, Entry
from tests.security.surfaces import run_of

NEVER: Final[dict[str, tuple[str, ...]]] = {
    "script run": (
        "test_pages.py::test_a_browser_runs_no_script_of_them_and_asks_for_nothing",
        "test_pages.py::test_nothing_in_any_page_can_run_or_be_fetched",
    ),
    "remote request": (
        "test_pages.py::test_a_browser_runs_no_script_of_them_and_asks_for_nothing",
        "test_texts.py::test_a_hostile_catalogue_is_read_or_refused_and_nothing_else",
        "test_texts.py::test_a_hostile_snippet_is_parsed_and_never_executed",
        "test_files.py::test_no_redirect_is_followed_with_the_key",
    ),
    "key shown": (
        "test_key.py::test_the_key_is_in_nothing_that_a_day_of_work_leaves_behind",
        "test_texts.py::test_a_hostile_snippet_is_parsed_and_never_executed",
        "test_left_behind.py::test_a_key_is_found_in_each_spelling",
    ),
    "file written elsewhere": (
        "test_files.py::test_assets_with_hostile_names_stay_in_their_folder",
        "test_files.py::test_a_store_that_is_a_link_writes_where_it_points_and_nowhere_else",
        "test_texts.py::test_a_hostile_name_stays_a_name",
    ),
    "formula executed": ("test_files.py::test_no_export_of_hostile_answers_is_worked_out",),
    "YAML object built": ("test_texts.py::test_a_hostile_catalogue_is_read_or_refused_and_nothing_else",),
    "pickle loaded": (
        "test_callbacks.py::test_a_hostile_callback_does_nothing_but_end_a_run",
        "test_files.py::test_a_hostile_store_is_read_or_refused_in_words",
        "test_files.py::test_a_hostile_handed_over_batch_is_opened_or_refused_in_words",
    ),
    "memory over a bound": (
        "test_ticks.py::test_a_large_output_is_shown_in_bounded_memory",
        "test_callbacks.py::test_a_packed_callback_is_not_unpacked",
        "test_files.py::test_a_packed_table_that_grows_past_the_bound_is_refused",
        "test_texts.py::test_a_hostile_catalogue_is_read_or_refused_and_nothing_else",
    ),
    "program started": ("test_texts.py::test_a_hostile_snippet_is_parsed_and_never_executed",),
    "hang": (
        "test_texts.py::test_a_runaway_pattern_ends_and_says_so",
        "test_fuzz.py::test_any_text_is_read_or_refused",
    ),
}
"""What must not happen, and the tests that would see it."""
HOSTILE: Final[dict[str, tuple[str, ...]]] = {
    "outputs": ("test_pages.py::test_nothing_in_any_page_can_run_or_be_fetched",),
    "names": ("test_texts.py::test_a_hostile_name_stays_a_name", "test_files.py::test_assets_with_hostile_names_stay_in_their_folder"),
    "descriptions": ("test_texts.py::test_a_hostile_name_stays_a_name", "test_pages.py::test_nothing_in_any_page_can_run_or_be_fetched"),
    "DataFrames": ("test_files.py::test_no_export_of_hostile_answers_is_worked_out", "test_pages.py::test_nothing_in_any_page_can_run_or_be_fetched"),
    "catalogue files": ("test_texts.py::test_a_hostile_catalogue_is_read_or_refused_and_nothing_else",),
    "snippets": ("test_texts.py::test_a_hostile_snippet_is_parsed_and_never_executed",),
    "stores": ("test_files.py::test_a_hostile_store_is_read_or_refused_in_words",),
    ".fhb files": ("test_files.py::test_a_hostile_handed_over_batch_is_opened_or_refused_in_words",),
    "callback bodies": ("test_callbacks.py::test_a_hostile_callback_does_nothing_but_end_a_run",),
}  # fmt: skip
"""What may be hostile, and the tests that hand it to a real surface."""
PEAK: Final = 64 * 1024 * 1024


@cache
def _tests(file: str) -> frozenset[str]:
    tree = ast.parse(Path(__file__).with_name(file).read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("promise", [*NEVER, *HOSTILE])
def test_each_promise_has_tests_that_are_there(promise: str) -> None:
    """By name, so that one that is renamed or removed is missed here."""
    named = [test.split("::") for test in (*NEVER.get(promise, ()), *HOSTILE.get(promise, ()))]
    assert named
    assert [test for file, test in named if test not in _tests(file)] == []


def test_the_list_is_that_of_the_corpus() -> None:
    """Each word of what must not happen is said of something hostile, and each that is said is looked for."""
    values = [value for name, value in vars(corpus).items() if name.isupper() and isinstance(value, tuple)]
    said = {word for value in values for entry in value if isinstance(entry, Entry) for word in entry.never}
    assert said | {"formula executed"} == set(FORBIDDEN) == set(NEVER)  # formulas are texts of their own, in every row
    assert len(corpus.FORMULAS) > 15


@pytest.mark.parametrize("entry", [e for e in OUTPUTS if "memory over a bound" in e.never], ids=str)
def test_a_large_output_is_shown_in_bounded_memory(entry: Entry) -> None:
    """Its page and its text, beside the output itself."""
    run = run_of(entry.value)
    tracemalloc.start()
    try:
        assert len(run._repr_html_()) + len(repr(run)) < 3_000_000
        assert tracemalloc.get_traced_memory()[1] < PEAK
    finally:
        tracemalloc.stop()
