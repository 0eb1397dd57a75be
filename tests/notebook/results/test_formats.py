"""The forms in which an output is shown: which there are, which is the best, and that none of them does harm."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.comparing.diff.markup import mark_text
from fh_notebook.comparing.diff.text_diff import compare_texts
from fh_notebook.notebook.results.column import COPY_CAP, copy_area, error_element, run_head
from fh_notebook.notebook.results.files import file_host, file_line, is_picture
from fh_notebook.notebook.results.formats import FORMS, DisplayOptions, best_form, forms_of, output_element, tree_of
from fh_notebook.notebook.results.state import CallState
from tests.notebook.hostile import EVIL, INVISIBLE, OUTPUTS, Page, dangers

PLAIN = fh.Run(status="completed", output="plain words")


def _run(output: Any, **more: Any) -> fh.Run:
    return fh.Run(**{"status": "completed", "output": output, "variant": "v", **more})


def _page(output: Any, form: str, *, first: fh.Run | None = None, cap: int = 20_000) -> str:
    return output_element(_run(output), form, DisplayOptions(whole="there is all", cap=cap, first=first))


@pytest.mark.parametrize(
    ("output", "forms", "best"),
    [
        (None, (), None),
        ("plain words", ("text",), "text"),
        ("", ("text",), "text"),
        ("# Title\n\ntext", ("text", "markdown"), "markdown"),
        ("1. one\n2. two", ("text", "markdown"), "markdown"),
        ("see [the page](https://a.example)", ("text", "markdown"), "markdown"),
        ("2 * 3 * 4 and a_b_c", ("text",), "text"),
        ('{"label": "billing"}', ("text", "json", "table"), "json"),
        ('```json\n[{"a": 1}]\n```', ("text", "json", "table"), "table"),
        ("{broken", ("text",), "text"),
        ({"a": 1}, ("text", "json", "table"), "json"),
        ([{"a": 1}, {"a": 2}], ("text", "json", "table"), "table"),
        ([1, 2], ("text", "json"), "json"),
        ({}, ("text", "json"), "json"),
        (3, ("text",), "text"),
        ({"assets": [{"file_url": "https://a.example/a.png"}]}, ("text", "json", "table", "images"), "images"),
    ],
)
def test_an_output_has_its_forms_and_a_best_one(output: Any, forms: tuple[str, ...], best: str | None) -> None:
    """By what it is, not by what it claims to be."""
    assert forms_of(_run(output)) == forms
    if best is not None:
        assert best_form(_run(output), forms) == best


def test_differences_are_offered_where_there_are_some() -> None:
    """Not for the first variant, not for equal outputs, and not against a run without an output."""
    assert "differences" in forms_of(_run("other words"), PLAIN)
    for first in (None, _run("other words"), _run(None, status="failed")):
        assert "differences" not in forms_of(_run("other words"), first)


def test_the_reader_of_pages_sees_what_could_do_harm() -> None:
    """Else the tests below could not fail."""
    assert len(dangers(EVIL)) >= 6
    for page in ("<b onclick='x'>", "<a href='javascript:x'>", "a\u202eb", "<div style='background:url(x)'>"):
        assert dangers(page), page


@pytest.mark.parametrize("number", range(len(OUTPUTS)))
def test_a_hostile_output_is_inert_and_capped_in_every_form(number: int) -> None:
    """No element but plain ones, no attribute that runs or fetches, no link but safe ones, no invisible sign."""
    output = OUTPUTS[number]
    for form in FORMS:
        for first in (None, PLAIN, _run({"a": EVIL})):
            page = _page(output, form, first=first)
            assert dangers(page) == [], form
            assert len(page) < 700_000
    run = _run(output, status=EVIL, error=EVIL + INVISIBLE, error_code=EVIL, request_id=EVIL, variant=EVIL)
    for page in (copy_area(run), error_element(run), run_head(CallState(variant=EVIL + INVISIBLE, run=run), PLAIN)):
        assert dangers(page) == []
    for asset in run.assets:
        assert dangers(file_line(asset)) == []


@given(st.text(max_size=200) | st.dictionaries(st.text(max_size=9), st.text(max_size=20), max_size=3))
def test_any_output_is_inert_in_every_form(output: Any) -> None:
    """Whatever a model writes."""
    for form in FORMS:
        page = Page(_page(output, form, first=PLAIN))
        assert page.strange == []


def test_the_text_of_later_columns_is_marked_where_it_is_another() -> None:
    """Only what this one has; the other's words are under Differences."""
    page = _page("plain words, more", "text", first=PLAIN)
    assert '<ins title="only here">, more</ins>' in page
    assert "<del" not in page
    both = _page("other words", "differences", first=PLAIN)
    assert '<del title="only in the first">plain</del>' in both
    assert '<ins title="only here">other</ins>' in both
    assert "differs: 1 word only here, 1 word only there" in both


def test_where_only_differences_are_looked_at_long_equal_stretches_are_cut() -> None:
    """With how much is left out."""
    same = "word " * 1_000
    page = _page(f"{same}here {same}", "differences", first=_run(f"{same}there {same}"))
    assert page.count("characters are the same…]") == 2
    assert len(page) < 3_000
    assert ">here</ins>" in page


def test_a_long_marked_text_is_folded_and_says_where_all_is() -> None:
    """The open part, the fold, and what is beyond the cap."""
    found = compare_texts("x one " * 20_000, "y one " * 20_000)
    page = mark_text(found, cap=10_000, whole="there is all", both=False)
    assert "more characters</summary>" in page
    assert "more characters; there is all" in page
    assert len(page) < 200_000
    assert "<details" not in mark_text(compare_texts("a b", "a c"), cap=10_000, whole="", both=False)


def test_json_that_is_cut_as_text_counts_no_rest_that_nobody_has_counted() -> None:
    """A text's rest is a number; of JSON, which is not spelt out to its end, there is only said that there is more."""
    assert "more characters; there is all" in _page("words " * 10_000, "text")
    page = _page({"n": list(range(50_000))}, "text")
    assert "… the rest is not shown; there is all" in page
    assert "more characters" not in page
    assert "the rest is not shown" not in _page({"n": 1}, "text")


def test_a_tree_is_capped_in_every_direction() -> None:
    """Width, depth, names and texts; and says that there is more."""
    deep: Any = "end"
    for _ in range(500):
        deep = {"n": deep}
    for value in ([1] * 100_000, deep, {"n" * 100_000: 1}, ["x" * 1_000_000], {str(i): [i] for i in range(5_000)}):
        page = tree_of(value, whole="there is all")
        assert len(page) < 200_000
        assert dangers(page) == []
    assert "more is not shown; there is all" in tree_of([1] * 100_000, whole="there is all")
    assert "more is not shown" not in tree_of({"a": [1, {"b": None}]}, whole="there is all")


def test_a_tree_tells_a_text_from_a_number_and_keeps_what_was_there() -> None:
    """Quotes around texts; null, true and numbers as JSON has them."""
    page = Page(tree_of({"a": "1", "b": 1, "c": None, "d": True, "e": [], "f": {}}, whole="")).text
    for part in ('a: "1"', "b: 1", "c: null", "d: true", "e: []", "f: {}"):
        assert part in page


def test_copy_has_all_of_an_output_and_says_where_it_has_not() -> None:
    """Up to a cap; signs that cannot be seen are spelt, and that is said."""
    text = "line of the output\n" * 5_000
    page = copy_area(_run(text))
    assert Page(page).text.endswith(text)
    assert "the first" not in page
    long = copy_area(_run("x" * (COPY_CAP + 1)))
    assert f"the first {COPY_CAP:,} characters" in long
    assert len(long) < COPY_CAP + 2_000
    assert r"\x00" in copy_area(_run("a\x00b"))
    assert "cannot be seen" in copy_area(_run("a\x00b"))
    assert "cannot be seen" not in page


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://files.example/a.png", "files.example"),
        ("https://files.example:8443/a.png?sig=1", "files.example"),
        ("http://127.0.0.1:9999/v1/assets/a.png", "127.0.0.1"),
        ("http://localhost/a.png", "localhost"),
        ("http://files.example/a.png", None),
        ("http://local/v1/assets/a.png", None),
        ("javascript:alert(1)", None),
        ("data:image/png;base64,AA", None),
        ("//files.example/a.png", None),
        ("https://me:pw@files.example/a.png", None),
        ("https://[broken", None),
        ("https://files.example:port/", None),
        ("https://files.example/a\nb", None),
        ("file:///etc/passwd", None),
        ("", None),
        (None, None),
    ],
)
def test_only_https_and_this_machine_are_offered(url: str | None, host: str | None) -> None:
    """Who would be asked is known before anybody is."""
    asset = fh.Asset(file_url=url, file_name="a.png")
    assert file_host(asset) == host
    assert ("href" in file_line(asset)) is (host is not None)


def test_what_a_file_is_comes_from_its_type_and_else_from_its_name() -> None:
    """A picture is offered as one."""
    assert is_picture(fh.Asset(file_type="image/png"))
    assert is_picture(fh.Asset(file_name="A.JPG"))
    assert is_picture(fh.Asset(file_name="a.png", file_type="application/octet-stream"))
    assert is_picture(fh.Asset(file_url="https://a.example/x.webp?y=1"))
    assert not is_picture(fh.Asset(file_type="application/pdf", file_name="a.png"))
    assert not is_picture(fh.Asset())
    assert "2.5 MB" in file_line(fh.Asset(file_name="a", file_size=2_500_000))


def test_an_error_is_one_line_with_its_code_and_a_long_one_is_folded() -> None:
    """And a run without any says what it is."""
    line = error_element(_run(None, status="failed", error="no credits; buy more", error_code="insufficient_credits"))
    assert Page(line).text == "no credits; buy more (insufficient_credits)"
    assert "<details" in error_element(_run(None, status="failed", error="line\n" * 500))
    assert Page(error_element(_run(None, status="running"))).text == "it is running, and has no output"


def test_an_error_comes_with_its_cure_where_there_is_one() -> None:
    """By its code, in whatever language the service speaks; of what may have run, with a warning."""
    german = _run(None, status="failed", error="Kein Guthaben", error_code="insufficient_hosted_llm_credits")
    assert Page(error_element(german)).text.endswith("→ buy credits in Fetch Hive, then run again")
    late = Page(error_element(_run(None, status="unknown", error="late", error_code="read_timeout"))).text
    assert "look for it in the service's logs before you run it again" in late
    assert "fh.configure(timeout=...)" in late
    for code, cure in (("connect", "%fetchhive use"), ("not_found", "fh.deployments()")):
        assert cure in Page(error_element(_run(None, status="failed", error="no", error_code=code))).text


def test_every_cure_is_for_a_code_that_is_known() -> None:
    """Of the contract's table, or one of ours."""
    from fh_notebook.contract.wire import BROKEN_TEXTS
    from fh_notebook.local.requests import BY_CODE
    from fh_notebook.notebook.results.error_hints import HINTS

    known = {*BROKEN_TEXTS, *BY_CODE, "response_too_large"}
    assert set(HINTS) <= known
