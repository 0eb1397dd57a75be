"""HTML that is escaped by construction, and what is long is folded."""

from __future__ import annotations

import re
import time
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.core.text import html

WHOLE = "run.text has all"
LINES = "\n".join(f"line {i}" for i in range(1, 201))


def _text_of(page: str) -> str:
    """What a reader of the opened page reads."""
    import html as stdlib

    summary = re.sub(r"<summary>.*?</summary>", "\n", page, flags=re.DOTALL)
    return stdlib.unescape(re.sub(r"<[^>]*>", "", summary))


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ("short", None),
        ("", None),
        ("\n".join("x" * 20), None),
        ("\n".join("x" * 24), None),  # a fold for four lines is worth none
        ("\n".join("x" * 25), "… 5 more lines"),
        (LINES, "… 180 more lines"),
        (LINES + "\n\n\n", "… 180 more lines"),
        (LINES.replace("\n", "\r\n"), "… 180 more lines"),
        ("x" * 2_400, None),
        ("x" * 2_401, "… 401 more characters"),
        ("word " * 1_000, "… 3,000 more characters"),
        ("x" * 1_500 + "\n" + "y" * 1_000, "… 1,000 more characters"),  # at the end of a line, not within the next
    ],
)
def test_what_is_longer_than_twenty_lines_or_2000_characters_is_folded(text: str, summary: str | None) -> None:
    """The beginning is open, the fold says how much is in it, and the text twin says the same."""
    page = html.folded(text, whole=WHOLE)
    twin = html.folded_text(text, whole=WHOLE)
    assert re.findall("<summary>(.*?)</summary>", page) == ([summary] if summary else [])
    if summary is None:
        assert "<details" not in page
        assert twin == text.rstrip("\n")
    else:
        assert twin.endswith(f"\n{summary}; {WHOLE}")
        assert len(twin.splitlines()) <= 25
        assert len(twin) <= 2_500


@given(st.text(alphabet="ab <&\n", max_size=6_000))
def test_nothing_is_lost_in_a_fold(text: str) -> None:
    """What is open and what is folded are the text, but for the blanks where it was cut."""
    assert "".join(_text_of(html.folded(text, whole=WHOLE)).split()) == "".join(text.split())


@pytest.mark.parametrize("cap", [1_000, 4_000, html.TEXT_CAP])
@pytest.mark.parametrize(
    "text", ["x" * 10_000_000, "x\n" * 5_000_000, "two words " * 1_000_000], ids=["x", "lines", "words"]
)
def test_a_fold_is_capped_and_says_where_all_is(text: str, cap: int) -> None:
    """Ten million characters do not freeze a page."""
    page = html.folded(text, whole=WHOLE, cap=cap)
    assert len(page) < cap + 500
    assert re.search(rf"… [\d,]+ more characters; {WHOLE}</div>", page)


@pytest.mark.parametrize(
    "page",
    [
        html.folded("שלום 3", whole=WHOLE),
        html.folded("שלום 3\n" * 100, whole=WHOLE),
        html.table(["a"], [["שלום 3"]]),
        html.stacked(["a"], [["שלום 3"]]),
    ],
)
def test_what_is_written_from_right_to_left_goes_so(page: str) -> None:
    """Most of its letters say in which direction, and what is plain ASCII carries nothing for it."""
    assert re.search(r'<(td|div)[^>]* dir="rtl"[^>]*>שלום 3', page)
    assert "dir=" not in html.folded("late", whole=WHOLE) + html.table(["a"], [["late", 3]])


def test_an_interval_is_not_broken_in_a_sentence() -> None:
    """Nor a number from its unit; a date that is followed by "to" is a date."""
    said = html.sentence("p", "0.23 ahead (95 % interval 0.15 to 0.30; -2 to 71 %), from 2026-12-01 to 4 rows.")
    together = re.findall("<bdi[^>]*>(.*?)</bdi>", said)
    assert together == ["95 % interval", "0.15 to 0.30", "-2 to 71 %", "2026-12-01"]


def test_code_in_a_sentence_is_never_broken_inside_a_string() -> None:
    """It breaks before a dot and behind a bracket that opens; what is no call with a dot before it is no code."""
    said = html.sentence("p", "By exact(): fh.open_batch('watch 2026-12-01').resume(retry=\"a (b\") calls it (again).")
    code = re.findall(r"<code[^>]*>(.*?)</code>", said)
    assert len(code) == 1
    pieces = unescape(code[0]).split("<wbr>")
    assert pieces == ["fh", ".open_batch(", "'watch 2026-12-01')", ".resume(", 'retry="a (b")']


@pytest.mark.parametrize(("name", "scrolls"), [("short", False), ("w" * 60, True)])
def test_code_with_a_long_name_scrolls_and_has_the_focus(name: str, scrolls: bool) -> None:
    """A part of it that no line has room for is reached by keys."""
    assert ('tabindex="0"' in html.code(f"fh.open_batch('{name}')")) == scrolls


@pytest.mark.parametrize("letters", ["a", "1", "1,", "-", "a-", "a1-", "א", "א ", "1 to ", "-1 to"])
def test_a_sentence_with_a_word_of_any_length_takes_linear_time(letters: str) -> None:
    """Names and messages of a service stand in it; 20,000 letters once took 8 s."""
    took = []
    for length in (html.TEXT_CAP // 10, html.TEXT_CAP):
        text = (letters * length)[: length - 1] + "_"  # all of it is read: what does not fit stands at its very end
        begun = time.thread_time()
        html.sentence("p", text)
        html.ids_unbroken(text)
        took.append(time.thread_time() - begun)
    assert took[1] < 40 * took[0] + 0.1


def test_a_name_from_right_to_left_does_not_turn_a_sentence() -> None:
    """Of the user, as a cell; of ours, which says where the name begins and ends."""
    cell = html.table(["a"], [["ליאת writes about a lamp."]])
    assert '<td dir="ltr">' in cell
    assert '<td dir="rtl">' in html.table(["a"], [[html.el("b", "שלום", title="a tag's own letters")]])
    assert "<td><bdi" in html.table(["a"], [[html.unbroken("שלום")]])  # a column of names has one side
    said = html.sentence("p", "מודל 2 is better than few-shot: 94 % (3 rows).", ["מודל 2", "few-shot"])
    assert said.startswith('<p dir="ltr"><bdi class="fh-unbroken">מודל 2</bdi> is better')
    assert '<bdi class="fh-unbroken">few-shot</bdi>' in said
    assert '<bdi class="fh-unbroken">94 %</bdi>' in said
    assert "<bdi" in html.sentence("p", "מודל is better.")
    assert "<i>" not in html.sentence("p", "<i>", ["<i>"])


def test_the_digits_of_a_column_stand_below_each_other() -> None:
    """Also where a cell is empty or an element; a column of texts keeps its side."""
    page = html.table(["row", "name", "s"], [["7", "a1", html.el("b", "0.01")], ["12", "3", ""]])
    assert page.count('<td class="fh-number">') == 4
    assert re.findall(r'<th class="fh-number" scope="col">(\w+)', page) == ["row", "s"]


def test_a_fold_escapes_what_it_holds() -> None:
    """Open and folded."""
    hostile = "<script>x</script>\u202e\n"
    page = html.folded(hostile * 100, whole=WHOLE)
    assert page.count("&lt;script&gt;") == 100
    assert "<script" not in page
    assert "\u202e" not in page + html.folded_text(hostile * 100, whole=WHOLE)


def _style_of(selector: str, name: str) -> list[str]:
    """Return the values of a property in the rules of a class."""
    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", html.CSS)
    return [
        value
        for names, body in rules
        if selector in names.split(",")
        for key, _, value in (declared.partition(":") for declared in body.split(";"))
        if key == name
    ]


def test_each_status_has_one_hue_and_no_two_that_differ_look_the_same() -> None:
    """Grey is what nothing happens to; what nobody knows and what waits for a person have a sign each, and stripes."""
    kinds = {status: html.badge(status).partition("fh-badge ")[2].partition('"')[0] for status in (
        "completed", "failed", "running", "unknown", "awaiting_approval", "paused", "cancelled", "queued",
    )}  # fmt: skip
    assert kinds["paused"] == kinds["cancelled"] == kinds["queued"]
    looks = {
        (*_style_of(f".{kind}", "color"), *_style_of(f".fh-badge.{kind}::before", "content")) for kind in kinds.values()
    }
    assert len(looks) == len(set(kinds.values())) == 6
    assert _style_of(".fh-unknown", "color") == _style_of(".fh-waiting", "color")
    assert html.BAR_FILLS["waiting"].startswith(f"{html.BAR_FILLS['unknown']};")
    assert len(set(html.BAR_FILLS.values())) == len(html.BAR_FILLS)
