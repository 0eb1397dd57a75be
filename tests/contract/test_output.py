"""The view of an output: its forms, the best of them, what is left out, and that none of them does harm."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.comparing.diff.markup import mark_text
from fh_notebook.comparing.diff.text_diff import compare_texts
from fh_notebook.contract import output as output_module
from fh_notebook.contract.output import (
    FORMS,
    OutputOptions,
    ShownOutput,
    best_form,
    code_view,
    excerpt,
    fields_of_excerpt,
    file_host,
    forms_of,
    is_picture,
    output_view,
    short_view,
    whole_form,
    without_origin,
)
from fh_notebook.core.config.urls import LOCAL
from fh_notebook.core.files import KeptFiles
from fh_notebook.notebook.ui.output_actions import whole_output
from tests.notebook.hostile import EVIL, OUTPUTS, Page, dangers
from tests.told import numbers_in, tells

LINES = "\n".join(f"line {i}" for i in range(1, 201))
PNG = b"\x89PNG\r\n\x1a\n and more"


def _page(output: Any, form: str = "", **options: Any) -> str:
    return output_view(output, OutputOptions(**{"whole": "there is all", "form": form, **options}))


def _whole(output: Any, form: str, **options: Any) -> str:
    return whole_form(ShownOutput(output, OutputOptions(**{"whole": "there is all", **options})), form)


def _shown(output: Any, form: str = "", **options: Any) -> str:
    """Return the part of a view that is shown at first."""
    parts = _page(output, form, **options).split('<div class="fh-as ')[1:]
    [shown] = [part for part in parts if 'hidden=""' not in part.partition(">")[0]]
    return shown.partition(">")[2]


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
        ({"assets": [{"file_url": "https://a.example/a.png"}]}, ("text", "json", "table", "files"), "files"),
    ],
)
def test_an_output_has_its_forms_and_a_best_one(output: Any, forms: tuple[str, ...], best: str | None) -> None:
    """By what it is, not by what it claims to be."""
    assert forms_of(output) == forms
    if best is not None:
        assert best_form(output) == best


def test_the_reader_of_pages_sees_what_could_do_harm() -> None:
    """Else the tests below could not fail."""
    assert len(dangers(EVIL)) >= 6
    for page in ("<b onclick='x'>", "<a href='javascript:x'>", "a\u202eb", "<div style='background:url(x)'>"):
        assert dangers(page), page


@pytest.mark.parametrize("number", range(len(OUTPUTS)))
def test_a_hostile_output_is_inert_and_capped_in_every_form(number: int) -> None:
    """No element but plain ones, no attribute that runs or fetches, no link but safe ones, no invisible sign.

    A page has all forms of its output, whichever is shown.
    """
    given = ({"key": "1"}, {"is_blind": True, "key": "1"}, {"path": (EVIL, "list", 0)})
    for options in (*({"form": form} for form in FORMS), *given):
        page = _page(OUTPUTS[number], **options)
        assert dangers(page) == [], options
        assert len(page) < 700_000


@given(st.text(max_size=200) | st.dictionaries(st.text(max_size=9), st.text(max_size=20), max_size=3))
def test_any_output_is_inert_in_every_form(output: Any) -> None:
    """Whatever a model writes."""
    for form in FORMS:
        assert Page(_page(output, form, key="1")).strange == []


def test_every_form_is_there_and_one_is_shown() -> None:
    """The best one, or the one that is asked for; a single form needs no switch."""
    page = _page({"a": 1})
    assert [page.count(f'value="{form}"') for form in FORMS] == [1, 0, 1, 1, 0, 0]
    assert page.count('hidden=""') == 1 + 2  # the switch, where its style sheet is missing, and the other forms
    assert "fh-tree" in _shown({"a": 1})
    assert "<table" in _shown({"a": 1}, "table")
    assert "<input" not in _page("plain words")
    assert "<button" not in _page({"a": 1})
    assert "fh-tree" in _shown({"a": 1}, "markdown")  # which it has not


@pytest.mark.parametrize(
    ("text", "is_prose"),
    [
        ("Dear Ann,\n\nyour parcel is late.  Sorry!\n- It comes on Monday.", True),
        ("name    seconds\nalpha   1.5", False),
        ("if late:\n  refund()", False),
        ("a\tb", False),
        ("┌─┐", False),
        ('{"a": 1', False),
        ("```\nx\n```", False),
    ],
)
def test_prose_has_the_font_of_the_page_and_what_is_aligned_has_not(text: str, is_prose: bool) -> None:
    """In an output and where two outputs are compared alike."""
    compared = mark_text(compare_texts(text, f"{text}."), cap=999, whole="", both=False)
    for page in (_shown(text, "text"), compared):
        assert ("fh-prose" in page) is is_prose


def test_buttons_that_need_a_script_are_there_where_there_is_one() -> None:
    """Copy at the same place for every output; a long or an inexact text is asked for after the click."""
    for output in ("plain words", {"a": 1}, "# Title", "x" * 50_000, "a\x00b"):
        page = _page(output, key="7")
        assert page.count('class="fh-copy"') == 1
        assert 'data-output="7"' in page
        assert ("data-text" in page) is (output not in ("x" * 50_000, "a\x00b"))
    assert 'class="fh-show-all"' in _page("x" * 50_000, key="7")
    assert 'class="fh-show-all"' not in _page("x" * 10_000, key="7")
    assert 'class="fh-show-all"' not in _page("x" * 50_000)


LAST: str = "the last of all"


@pytest.mark.parametrize(
    ("output", "form"),
    [
        ("line\n" * 50_000 + LAST, "text"),
        ("# Title\n\n" + "word\n\n" * 9_000 + LAST, "markdown"),
        ([{"n": n} for n in range(2_000)] + [{"n": LAST}], "json"),
        ({"n": "x" * 30_000 + LAST}, "json"),
        ([{"n": n} for n in range(200)] + [{"n": LAST}], "table"),
        ({"n": "x" * 400 + LAST}, "table"),
        ({"assets": [{"file_url": "https://a.example/a.png", "file_name": f"{n}"} for n in range(30)] + [{"file_name": LAST}]}, "files"),
    ],
)  # fmt: skip
def test_show_all_shows_all_of_every_form(output: Any, form: str) -> None:
    """The button is there where something is left out, and what comes for it has the end, folded or not."""
    assert LAST not in Page(_shown(output, form, key="7")).text
    assert 'class="fh-show-all"' in _shown(output, form, key="7")
    whole = _whole(output, form, cap=1_000_000)
    assert LAST in Page(whole).text
    assert "fh-show-all" not in whole
    assert "there is all" not in whole
    assert dangers(whole) == []


def test_our_sentences_keep_their_direction_beside_a_text_from_right_to_left() -> None:
    """The text alone has a direction of its own."""
    for form, output in (
        ("text", "שלום " * 9_000),
        ("markdown", "# שלום\n\n" + "שלום\n\n" * 900),
        ("json", {"n": "שלום " * 900}),
    ):
        page = _shown(output, form)
        assert 'dir="rtl"' in page
        for part in page.split('dir="rtl"')[1:]:
            turned = part.partition(">")[2].partition("</div>" if form != "json" else "</span>")[0]
            assert "more character" not in turned


def test_the_scored_part_of_json_is_first_and_bold() -> None:
    """On every level of its path, in the tree and in the table."""
    value = {"near": [1, 2], "labels": [{"why": "x", "name": "late"}, {"name": "lost"}], "z": 1}
    text = Page(_shown(value, path=("labels", 1, "name"))).text
    assert [text.index(part) for part in ("labels", "lost", "late", "near")] == sorted(
        text.index(part) for part in ("labels", "lost", "late", "near")
    )
    assert _page(value, path=("labels", 1, "name")).count("fh-scored") == 2  # in the tree, and the name in the table
    assert "fh-scored" not in _page(value)
    assert "fh-scored" not in _shown(value, path=("missing", 0))
    rows = [{"why": "x", "name": "late"}]
    assert Page(_shown(rows, "table", path=(0, "name"))).text.startswith("namewhy")


def test_names_and_hosts_of_files_are_hidden_from_who_rates() -> None:
    """In every form: of a picture there is its number, its kind and its size."""
    picture = {
        "file_url": "https://beta.example/beta.png",
        "file_name": "beta.png",
        "file_type": "image/png",
        "file_size": 9,
    }
    page = _page({"assets": [picture], "label": "billing"}, is_blind=True, key="1")
    other = {"file_url": "https://beta.example/beta.pdf", "file_name": "beta.pdf", "file_type": "application/pdf"}
    of_file = _page({"assets": [other]}, is_blind=True, key="1")
    assert "File 1" in Page(of_file).text
    assert "beta" not in of_file
    visible = Page(page).text
    assert "Picture 1" in visible
    assert "image/png" in visible
    assert "billing" in visible
    assert "beta" not in visible
    assert "href" not in page
    assert "Show picture from beta.example" in Page(_page({"assets": [picture]}, key="1")).text


def test_a_picture_is_a_link_without_a_script_and_bytes_where_there_are_some() -> None:
    """Nothing is fetched by itself."""
    picture = {"file_url": "https://a.example/a.png", "file_name": "a.png", "file_type": "image/png"}
    page = _page({"assets": [picture]})
    assert "<img" not in page
    assert 'href="https://a.example/a.png"' in page
    page = _page({"assets": [picture]}, contents={"https://a.example/a.png": PNG})
    assert '<img src="data:image/png;base64,' in page
    assert "https://a.example" not in _shown({"assets": [picture]}, contents={"https://a.example/a.png": PNG})
    page = _page({"assets": [picture]}, contents={"https://a.example/a.png": b"<html><script>"})
    assert "<img" not in page
    assert "data:application/octet-stream;base64," in page


@pytest.mark.parametrize(
    ("address", "host"), [("https://a.example/a.png", "a.example"), ("http://127.0.0.1:8000/a.png", "")]
)
def test_a_picture_of_another_machine_names_who_sees_the_reader_before_the_click(address: str, host: str) -> None:
    """Its host; this machine is told nothing new by itself."""
    picture = {"file_url": address, "file_type": "image/png", "file_name": "a.png"}
    button = re.findall(r"<button[^>]*fh-show-file[^>]*>([^<]*)<", _page({"assets": [picture]}, key="7"))
    assert [(host in words, "IP" in words) for words in button] == [(True, bool(host))]


def test_a_picture_in_a_blind_rating_says_the_same_wherever_it_is() -> None:
    """Variants may have their files in different places."""
    pictures = [
        {"file_url": address, "file_type": "image/png", "file_name": "a.png"}
        for address in ("https://a.example/a.png", "http://127.0.0.1:8000/a.png")
    ]
    one, other = (Page(_page({"assets": [picture]}, key="7", is_blind=True)).text for picture in pictures)
    assert one == other


def test_more_files_than_can_be_looked_at_are_stated() -> None:
    """With where all are."""
    page = _page({"assets": [{"file_url": f"https://a.example/{n}.png"} for n in range(30)]}, key="1")
    assert page.count("fh-show-file") == 24
    assert "6 more files; there is all" in page


def test_json_that_is_cut_as_text_counts_no_rest_that_nobody_has_counted() -> None:
    """A text's rest is a number; of JSON, which is not spelt out to its end, there is only said that there is more."""
    notes = r"…[^<]*\bthere is all\b"
    [of_text] = re.findall(notes, _page("words " * 10_000))
    [of_json] = re.findall(notes, _shown({"n": list(range(50_000))}, "text"))
    assert (len(numbers_in(of_text)), numbers_in(of_json)) == (1, [])
    assert re.findall(notes, _page({"n": 1}, "text")) == []


def test_a_tree_is_capped_in_every_direction() -> None:
    """Width, depth, names and texts; and says that there is more."""
    deep: Any = "end"
    for _ in range(500):
        deep = {"n": deep}
    for value in ([1] * 100_000, deep, {"n" * 100_000: 1}, ["x" * 1_000_000], {str(i): [i] for i in range(5_000)}):
        page = _shown(value, "json")
        assert len(page) < 200_000
        assert dangers(page) == []
    assert "there is all" in _shown([1] * 100_000, "json")
    assert "there is all" not in _shown({"a": [1, {"b": None}]}, "json")


def test_a_tree_tells_a_text_from_a_number_and_keeps_what_was_there() -> None:
    """Quotes around texts; null, true and numbers as JSON has them."""
    page = Page(_shown({"a": "1", "b": 1, "c": None, "d": True, "e": [], "f": {}}, "json")).text
    for part in ('a: "1"', "b: 1", "c: null", "d: true", "e: []", "f: {}"):
        assert part in page


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
    assert ("href" in _page({"assets": [{"file_url": url, "file_name": "a.png"}]})) is (host is not None)


def test_what_a_file_is_comes_from_its_type_and_else_from_its_name() -> None:
    """A picture is offered as one."""
    assert is_picture(fh.Asset(file_type="image/png"))
    assert is_picture(fh.Asset(file_name="A.JPG"))
    assert is_picture(fh.Asset(file_name="a.png", file_type="application/octet-stream"))
    assert is_picture(fh.Asset(file_url="https://a.example/x.webp?y=1"))
    assert not is_picture(fh.Asset(file_type="application/pdf", file_name="a.png"))
    assert not is_picture(fh.Asset())
    assert "2.5 MB" in _page({"assets": [{"file_name": "a", "file_size": 2_500_000}]})


@pytest.mark.parametrize(
    ("told", "expires_at"),
    [
        ("2026-11-29T10:00:00.250Z", datetime(2026, 11, 29, 10, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-11-29T12:00:00+02:00", datetime(2026, 11, 29, 10, tzinfo=UTC)),
        ("2026-11-29T10:00:00", datetime(2026, 11, 29, 10, tzinfo=UTC)),
        (1_795_946_400, datetime(2026, 11, 29, 10, tzinfo=UTC)),
        *((value, None) for value in (None, "", "soon", "2026-13-99", True, [], {}, 1e300, float("nan"), -1e17)),
    ],
)
def test_when_the_address_of_a_file_ends_is_read_or_left_out(told: object, expires_at: datetime | None) -> None:
    """In UTC; how the service writes it for workflows is not known."""
    (asset,) = fh.Run(
        status="completed",
        output={
            "assets": [{"file_name": "a.png", "file_url_expires_at": told, "asset_type": "image", "error_message": 3}]
        },
    ).assets
    assert asset.expires_at == expires_at
    assert (asset.asset_type, asset.error_message) == ("image", "3")


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("# a\n\n## b\n\n# c\n\n###### d\n\ntext", ["h2", "h3", "h2", "h3"]),
        ("#### a\n\n# b\n\n## c", ["h2", "h2", "h3"]),
        ("a\n=\n\n### b\n\n#### c\n\n##### d\n\n###### e\n\n## f", ["h2", "h3", "h4", "h5", "h6", "h3"]),
    ],
)
def test_headings_of_an_answer_are_below_the_title_of_the_page(text: str, tags: list[str]) -> None:
    """Whatever levels a model has chosen: none is the first, and none is left out."""
    page = _shown(text, "markdown")
    assert re.findall(r"<(h\d)>", page) == tags
    assert re.findall(r"</(h\d)>", page) == tags
    assert "<h1" not in page


def test_markdown_is_cut_between_blocks() -> None:
    """No list, table or code is torn; a link's definition at the end still counts; what is too long is said."""
    text = "\n\n".join(f"# {i}\n\n- a\n- [b][link]" for i in range(100)) + "\n\n[link]: https://ok.example\n"
    page = _shown(text, "markdown")
    opened, _, folded = page.partition("<details")
    assert opened.count("<ul>") == opened.count("</ul>") > 2
    assert "more lines</summary>" in folded
    assert page.count('href="https://ok.example"') == 100
    assert "more characters; there is all" in _shown("a paragraph\n\n" * 10_000 + "# t", "markdown")
    assert len(_shown("a paragraph\n\n" * 100_000 + "# t", "markdown")) < 100_000


@pytest.mark.parametrize("text", ["# t\n\nword" + " word" * 60_000, "# t\n\n" + "[" * 15_000])
def test_markdown_that_takes_seconds_is_shown_as_text(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it, with the reason; neither "Show all" nor an excerpt parses it."""
    monkeypatch.setattr("markdown_it.MarkdownIt.parse", lambda *_: pytest.fail("it was parsed"))
    page = Page(_whole(text, "markdown", cap=1_000_000))
    assert tells(page.text, "Markdown")
    assert text[-10_000:] in page.text
    assert excerpt("[" * 20_000 + "[a](b)", 40).startswith("[[[")


def test_one_endless_block_of_markdown_is_folded_whole() -> None:
    """Its first line stands for it."""
    page = _shown("```\n" + LINES + "\n```", "markdown")
    assert page.startswith('<div class="fh-md"><details')
    assert "… 202 lines</summary>" in page


@pytest.mark.parametrize(("before", "mark"), [("", "1."), ("# Steps\n\n", "1."), ("", "-")])
def test_an_endless_list_of_markdown_is_cut_between_its_items(before: str, mark: str) -> None:
    """Its beginning is open to the eye, and the rest goes on with the next number."""
    page = _shown(before + "\n".join(f"{mark} Step {n}" for n in range(1, 160)), "markdown")
    opened, _, folded = page.partition("<details")
    begun, left = opened.count("<li>"), folded.count("<li>")
    assert begun + left == 159
    assert 15 <= begun <= 20
    assert f"… {left} more lines</summary>" in folded
    assert ('<ol start="' + str(begun + 1) + '">' in folded) == (mark == "1.")
    assert opened.count("<ol>") + opened.count("<ul>") == opened.count("</ol>") + opened.count("</ul>") == 1


def test_an_endless_item_of_markdown_is_folded_with_its_list() -> None:
    """There is no list without items."""
    page = _shown("- " + "word\n  " * 200, "markdown")
    assert page.startswith('<div class="fh-md"><details')
    assert page.count("<li>") == 1


def test_short_markdown_is_not_folded() -> None:
    """Nor is an empty one."""
    for text in ("", "# Title\n\ntext", "\n".join(["*a* `b`"] * 28)):
        assert "<details" not in _shown(text, "markdown")


def test_a_table_reads_only_the_rows_that_it_draws() -> None:
    """Of wide rows few, however many there are."""
    read: list[str] = []

    class Row(dict[str, int]):
        def get(self, name: str, default: Any = None) -> Any:
            read.append(name)
            return super().get(name, default)

        def __iter__(self) -> Any:
            read.extend(self.keys())
            return super().__iter__()

    page = _whole([Row({f"c{j}": j for j in range(1_000)})] * 2_000, "table", cap=100_000)
    assert tells(page, "1,990")
    assert len(read) < 25_000


def test_a_table_says_what_it_leaves_out() -> None:
    """Rows and columns, each with how many."""
    page = _shown([{f"c{j}": i for j in range(25)} for i in range(150)], "table")
    assert "<summary>… 80 more rows</summary>" in page
    assert tells(page, "there is all", "50", "5")
    assert "<details" not in _shown([{"a": 1}] * 20, "table")
    assert "not shown" not in _shown({"a": 1}, "table")


@pytest.mark.parametrize(
    ("output", "begins"),
    [
        ("It is late.\nSorry.", "It is late. Sorry."),
        ("## Decision\n\nWe **pay**.", "Decision: We pay."),
        ('```json\n{"kind": "late", "days": 3}\n```', "kind: late, days: 3"),
        ({"kind": "late", "items": [1, 2], "by": {"name": "Kim"}}, "kind: late, items: 2 items, by: 1 field"),
        ([{"a": 1}, {"a": 2}], "a: 1; a: 2"),
        ({"assets": [{"file_name": "a.png"}, {"file_name": "b.pdf"}]}, "a.png, b.pdf"),
        ({"paid": 640.0, "note": " late\n", "rest": ""}, "paid: 640, note: late, rest:"),
        (3, "3"),
        ({}, "{}"),
        ([], "[]"),
        (None, ""),
        ("", ""),
    ],
)
def test_an_excerpt_is_the_words_of_an_output(output: Any, begins: str) -> None:
    """In one line without markup, of text, Markdown, JSON, files and nothing."""
    assert excerpt(output, 80) == begins


@given(
    st.text(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=3))
    | st.dictionaries(st.text(max_size=9), st.text(max_size=20), max_size=3),
    st.integers(1, 60),
)
def test_an_excerpt_is_one_short_line_of_any_output(output: Any, limit: int) -> None:
    """Whatever the output is."""
    line = excerpt(output, limit)
    assert len(line) <= limit
    assert not {"\n", "\r", "\0"} & set(line)


@given(
    st.dictionaries(
        st.text(max_size=9), st.text(max_size=20) | st.floats() | st.lists(st.none(), max_size=2), min_size=1
    ),
    st.integers(1, 90),
)
@example({"paid": 640.0, "kind": "late"}, 80)
@example({"a": "foo ", "b": "x"}, 80)
def test_the_fields_of_an_excerpt_are_its_words(output: dict[str, Any], limit: int) -> None:
    """All of them, each with its field; the last one may be cut."""
    line = excerpt(output, limit)
    found = [*fields_of_excerpt(output, line)]
    assert ", ".join(words for _, words in found) == line
    assert [name for name, _ in found] == [*output][: len(found)]
    assert all(words == excerpt({name: output[name]}, 1_000) for name, words in found[:-1])


def test_an_excerpt_of_an_endless_output_is_made_at_once() -> None:
    """Of a text of megabytes and of a thousand levels."""
    deep: Any = "end"
    for _ in range(5_000):
        deep = [deep]
    assert excerpt(deep, 20) == "1 item"
    assert excerpt("word " * 1_000_000, 20).startswith("word word")


def test_copy_says_what_it_copies() -> None:
    """An output, or a cell of code."""
    shown = output_view("plain", OutputOptions(whole="run.text has all", key="0"))
    [title], [of_code] = (re.findall('title="([^"]*)"', page)[:1] for page in (shown, code_view("x = 1", key="0")))
    assert title != of_code


def test_an_output_of_one_form_has_nothing_to_choose() -> None:
    """No name of the only form stands where others have their tabs; Copy is there."""
    one = output_view("plain", OutputOptions(whole="run.text has all", key="0"))
    two = output_view({"a": 1}, OutputOptions(whole="run.text has all", key="0"))
    assert [name for name in FORMS.values() if f">{name}<" in one] == []
    assert ">JSON<" in two
    assert one.count("fh-copy") == two.count("fh-copy") == 1


def test_show_all_of_a_sparse_table_and_of_many_saved_pictures_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a cell costs counts, not its characters alone, and so do the bytes of pictures; the rest is named."""
    sparse = [{f"n{n}": "x"} for n in range(1_000)]
    one_row = [{f"n{n}": "x" * 50_000 for n in range(100)}]
    for rows in (sparse, one_row):
        page = _whole(rows, "table", cap=100_000)
        assert len(page) < 500_000
    assert "more rows" in _whole(sparse, "table", cap=100_000)
    picture = tmp_path / "a.png"
    picture.write_bytes(PNG + bytes(2**20))
    monkeypatch.setattr(output_module, "EMBEDDED_CAP", 4 * 2**20)
    kept = KeptFiles()
    monkeypatch.setattr(output_module, "KEPT_FILES", kept)
    files = [{"file_url": f"https://a.example/{n}.png", "file_name": f"{n}.png"} for n in range(30)]
    for file in files:
        kept.note(file["file_url"], "run 1", picture)
    page = _whole({"assets": files}, "files", cap=100_000, run="run 1")
    assert page.count("data:image") == 3
    assert len(page) < 5 * 2**20
    assert page.count("saved as") == 30


def test_show_all_of_files_keeps_the_buttons_of_pictures() -> None:
    """A script serves what it has put in place, too; only Show all is not offered again."""
    files = [{"file_url": f"https://a.example/{n}.png", "file_name": f"{n}.png"} for n in range(30)]
    whole = _whole({"assets": files}, "files", cap=1_000_000, key="7")
    assert whole.count("fh-show-file") == 30
    assert "fh-show-all" not in whole


def test_a_short_view_offers_no_show_all() -> None:
    """There is no place for more in a row: its pictures alone have buttons."""
    files = [{"file_url": f"https://a.example/{n}.png", "file_name": f"{n}.png"} for n in range(9)]
    view = short_view({"assets": files}, 60, OutputOptions(whole="batch.frame has all", key="7"))
    assert view.count("fh-show-file") == 4
    assert "5 more files; batch.frame has all" in view
    assert "fh-show-all" not in view


@pytest.mark.parametrize(
    ("output", "form"), [({"x" * 400 + LAST: 1}, "json"), ({"x" * 400 + LAST: 1}, "table"), ([{"x" * 400 + LAST: 1}], "table")]
)  # fmt: skip
def test_a_long_name_is_shown_by_show_all(output: Any, form: str) -> None:
    """In the tree, in the table of one object, and as the head of a column."""
    shown = _shown(output, form, key="7")
    assert LAST not in shown
    assert 'class="fh-show-all"' in shown
    assert LAST in Page(_whole(output, form, cap=1_000_000)).text


@pytest.mark.parametrize(
    "output",
    [
        {"parts": [{"n": 1, "assets": [{"file_url": "https://a.example/b.png", "file_name": "b.png"}]}]},
        '{"parts": [{"n": 1, "file": {"file_url": "https://a.example/b.png", "file_name": "b.png"}}]}',
        [{"n": 1, "page": "see HTTPS://a.example/b.png"}],
        "# One\n\nSee [this 1](https://a.example/b.png), ![b.png](b.png) and <https://a.example/b.png>.",
        "1 at https://a.example/b.png",
        "1 [x](//a.example/b.png) and [doc](files/a.example-b.png) and [two](files/b.png_(example).pdf)",
        "1 at ftp://b.example/x, at S3://example/x, at www.b.example/x_(example), at //example:80/b.png and //b.example",
        {"https://a.example/b.png": 1, "see www.b.example": {"[it](example/b.png)": 2}},
    ],
)
def test_who_rates_blindly_sees_no_name_of_a_file_and_no_address(output: Any) -> None:
    """Inside of JSON and in Markdown, in each form, in all of it and in what Copy copies; the rest is there."""
    shown = ShownOutput(output, OutputOptions(whole="-", is_blind=True, key="k"))
    pages = [str(output_view(output, shown.options)), *(str(whole_form(shown, form)) for form in forms_of(output))]
    pages.append(whole_output(shown, "", key="k")["text"])
    for page in pages:
        assert "1" in page
        assert "example" not in page
        assert "b.png" not in page


def test_a_name_that_is_an_address_is_hidden_with_its_value_kept() -> None:
    """Of two addresses, too; what only looks like an address stays as it is."""
    output = {"http://a.example": 1, "(link) 2": 2, "http://b.example": 3, "https://c.example": [4]}
    assert without_origin(output) == {"(link)": 1, "(link) 2": 2, "(link) 3": 3, "(link) 4": [4]}
    for kept in (
        "7 // 2 and a//b",
        "//TODO: this",
        "// note",
        "std::pair",
        "and/or",
        "wwww.",
        "a: b [1] (two)",
        "a[i](x)",
        "f[0](1, 2)",
        "src = 'a'",
        "[1] and [2]: two",
    ):
        assert without_origin(kept) == kept


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see [plan][1]\n\n[1]: files/b.pdf 'B'\nend", "see [plan][1]\n\n[1] (link)\nend"),
        ('<a class="x" href="files/b.pdf">plan</a>', '<a class="x" href="(link)">plan</a>'),
        ("<IMG SRC = b.png alt='1'>", "<IMG SRC = \"(link)\" alt='1'>"),
        ("see[plan](files/b.pdf)", "seeplan"),
        ("[a [b] c](b.png) and x = a[b[1]](y)", "a [b] c and x = a[b[1]](y)"),
        ("> [a]: b.html\n- [b]:\n  b.html\n[1]:\nThe text", "> [a] (link)\n- [b] (link)\n[1]:\nThe text"),
        ('<img srcset="b.png 1x"><video poster=b.png>', '<img srcset="(link)"><video poster="(link)">'),
        ("<a title=\"x>y\" href='b.html'>", '<a title="x>y" href="(link)">'),
        ("<a title=it's href='b.html'> <p id=don't>src = 1", "<a title=it's href=\"(link)\"> <p id=don't>src = 1"),
        ("<img src=a.png alt='<' srcset=b.png>", '<img src="(link)" alt=\'<\' srcset="(link)">'),
        ("<p>the data = 5 and src = 6</p>", "<p>the data = 5 and src = 6</p>"),
    ],
)
def test_who_rates_blindly_sees_no_target_of_a_link_by_reference_or_in_html(text: str, shown: str) -> None:
    """The words of the link stay."""
    assert without_origin(text) == shown


@pytest.mark.parametrize("text", ["[a]:\n" + ">" * 100_000 + "x y", "<a " + "'\"" * 100_000, "<a href='" * 20_000])
def test_links_of_a_hostile_text_are_looked_for_in_linear_time(text: str) -> None:
    """A pattern that takes the square of it takes a minute and more."""
    start = time.thread_time()
    without_origin(text)
    assert time.thread_time() - start < 6


def test_who_rates_blindly_sees_no_name_of_a_picture_among_the_values() -> None:
    """A text that is such a name, or says it, may be the answer itself."""
    output = {"image": "files/b.png", "sound": ["b.mp3", "see b.png"], "module": "b.py"}
    assert without_origin(output) == {"image": "(file)", "sound": ["(file)", "see b.png"], "module": "b.py"}
    assert without_origin("b.png") == "b.png"


def test_no_path_of_the_server_and_no_hive_is_named_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To visitors of an app, and to who rates blindly; the person at the notebook is told where a file is."""
    saved = tmp_path / "a.png"
    saved.write_bytes(PNG)
    kept = KeptFiles()
    kept.note("https://a.example/a.png", "run 1", saved)
    monkeypatch.setattr(output_module, "KEPT_FILES", kept)
    files = [{"file_url": f"https://a.example/{name}", "file_name": name} for name in ("a.png",)]
    output = {"assets": [*files, {"file_url": f"http://{LOCAL}/x/b.png", "file_name": "b.png"}]}
    mine = _page(output, run="run 1")
    assert str(saved) in mine
    blind = _page(output, run="run 1", is_blind=True)
    app = _page(output, run="run 1", is_app=True)
    monkeypatch.setenv("VOILA_PREHEAT", "False")
    for page in (blind, app, _page(output, run="run 1")):
        assert "data:image" in page
        assert str(saved) not in page
        assert "hive" not in page
