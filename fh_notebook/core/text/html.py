"""HTML escaped by construction: a child that is not `Html` is text, and text is escaped.

Rule of this file: model output is hostile. It comes in as `str`, so it can only come out escaped; nothing here builds
`Html` from a string of somebody else's, and everything that can be long is folded, then capped.
What may be written from right to left is laid out in its own direction: texts and cells (:func:`direction`), and the
names in a sentence of ours (:func:`sentence`).
Folds are ``<details>``: they need no JavaScript, so they work in a saved notebook and in nbconvert's page too.
Colours are Jupyter's own CSS variables, with `currentColor`-based values where there are none (nbconvert, GitHub). What
is compared has the colours of `PALETTE`, by its place in the plan: the same in every table, plot and page. A colour is
never the only sign: the name stands beside it.
"""

from __future__ import annotations

import html as _html
import re
from collections.abc import Iterable, Sequence
from importlib.resources import files
from itertools import chain, islice, repeat
from typing import Final

from fh_notebook.core.text.messages import WAITING_FOR_DECISION, counted

HEADLINE: Final = (
    "font-size:16px;line-height:1.4;font-weight:600;margin:4px 0 2px;max-width:75em;overflow-wrap:anywhere;"
    "text-wrap:pretty"
)
"""The style of the sentence with the result, above a comparison, a race, a canary or a trend."""

TEXT_CAP: Final = 20_000
"""Characters of one output that are shown. More would freeze a page; the value itself stays whole on the object."""
LINES_OPEN: Final = 20
CHARS_OPEN: Final = 2_000
"""What of one output is open to the eye; the rest is folded."""
_KEEP_LINES: Final = "white-space:pre-wrap"
"""In place, because JupyterLab takes style sheets out of a notebook that it does not trust, and leaves this."""
_ALIGNED: Final = re.compile(r"\A\s*[\[{<]|\t|^ {2,}\S|^```|[^\s.!?:;] {2,}\S|[\u2500-\u259f]", re.MULTILINE)
"""What is code or is read in columns: it begins with a bracket (JSON, HTML), has a fence, an indented line, a tab, two
spaces that do not end a sentence, or a drawn box."""
_LOOKED_AT: Final = 20_000
"""Characters of a text that are looked at for its font."""
_SLACK: Final = 1.2
"""A rest of less than a fifth more is not folded away: the fold's own line would take as much room."""


class Html(str):
    """A string that is already safe HTML. Only :func:`el` and :func:`join` make one.

    With one exception: ``contract.output`` takes the page of its Markdown renderer, which is set to escape all
    text itself (no HTML, no pictures, no links that run); built up again from tokens, it would be a second renderer.
    """

    __slots__ = ()


# C0 and C1 controls (but tab and newline), and the marks that reverse or hide text (bidi overrides, isolates, BOM).
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Return `text` with control characters and direction marks shown as ``\x..`` or ``\u....``.

    Examples
    --------
    >>> printable("a\x00b\u202ec")
    'a\\x00b\\u202ec'
    """
    text = text.replace("\r\n", "\n")
    return _INVISIBLE.sub(lambda m: f"\\x{ord(m[0]):02x}" if ord(m[0]) < 0x100 else f"\\u{ord(m[0]):04x}", text)


def clip(text: str, limit: int = TEXT_CAP) -> str:
    """Return at most `limit` characters of `text`, and say how many were left out."""
    return text if len(text) <= limit else f"{text[:limit]} … ({counted(len(text) - limit, 'more character')})"


_LETTERS_LEFTWARDS: Final = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
"""The blocks of Unicode whose letters are written from right to left, for a class of a regular expression."""
_LEFTWARDS: Final = re.compile(f"[{_LETTERS_LEFTWARDS}]")
_MARKUP: Final = re.compile(r"<bdi.*?</bdi>|<[^>]*>", re.DOTALL)
"""What of HTML is no text of its element: tags, and names, which have their own direction."""


def direction(text: object) -> str | None:
    """Return the attribute ``dir`` of what shows `text`: that of most of its letters; none for ASCII, which needs none.

    ``auto`` takes the first letter, so that a name at the start turns a whole sentence. Scripts have `directionOf`.
    `Html` that says a direction itself needs none around it.

    Examples
    --------
    >>> [direction(text) for text in ("שלום, 3", "ליאת writes about a lamp", "late")]
    ['rtl', 'ltr', None]
    """
    said = (_MARKUP.sub("", text) if isinstance(text, Html) else str(text))[:_LOOKED_AT]
    if said.isascii() or (isinstance(text, Html) and ' dir="' in text):
        return None
    return "rtl" if 2 * len(_LEFTWARDS.findall(said)) > sum(map(str.isalpha, said)) else "ltr"


TEXT_SCRIPT: Final = files("fh_notebook.core.text").joinpath("text.js").read_text("utf-8")
"""What scripts have of the layout of texts: `directionOf`, and dates and ids that stay in one line."""


def is_prose(text: str) -> bool:
    r"""Return whether `text` is shown in the page's font; code, JSON and aligned columns need a monospaced one.

    Examples
    --------
    >>> is_prose("Dear Ann,\n\nyour parcel is late.  Sorry!")
    True
    >>> is_prose('{"a": 1}'), is_prose("name    seconds\nalpha   1.5"), is_prose("if late:\n  refund()")
    (False, False, False)
    """
    return _ALIGNED.search(text, 0, _LOOKED_AT) is None


def text_class(text: str) -> str:
    """Return the CSS classes of a box of `text`, with its font."""
    return "fh-out fh-prose" if is_prose(text) else "fh-out"


def opened(text: str, lines: int = LINES_OPEN, chars: int = CHARS_OPEN) -> tuple[str, str]:
    r"""Return what of a long `text` is open to the eye, and the rest, without the sign at which it is cut.

    Examples
    --------
    >>> opened("one\ntwo\nthree", lines=1)
    ('one', 'two\nthree')
    """
    ends = _ends_of_lines(text, int(lines * _SLACK) + 1)
    if len(ends) <= lines * _SLACK and len(text) <= chars * _SLACK:
        return text, ""
    cut = ends[lines - 1] if len(ends) > lines else len(text)
    if cut > chars * _SLACK:
        cut = _cut_position(text, chars)
    return text[:cut], text[cut + (text[cut : cut + 1] in ("\n", " ")) :]


def _cut_position(text: str, chars: int) -> int:
    """Return where to cut before `chars`: at the end of a line or else of a word, unless that is far away."""
    return next((at for mark in "\n " if (at := text.rfind(mark, chars // 2, chars)) > 0), chars)


def _ends_of_lines(text: str, most: int) -> list[int]:
    """Where the first `most` lines end. A text of many megabytes is not split for it."""
    ends: list[int] = []
    at = -1
    while len(ends) < most and (at := text.find("\n", at + 1)) >= 0:
        ends.append(at)
    return ends if len(ends) == most else [*ends, len(text)]


def _rest_text(text: str) -> str:
    lines = text.rstrip("\n").count("\n") + 1
    return counted(lines, "more line") if lines > 1 else counted(len(text), "more character")


def folded(
    text: str,
    *,
    whole: str,
    cap: int = TEXT_CAP,
    open_chars: int = CHARS_OPEN,
    open_lines: int = LINES_OPEN,
    cls: str | None = None,
    is_styled: bool = True,
    wanted: str = "",
) -> Html:
    r"""Return a box with the beginning of `text`, and a fold with the rest of it if it is long.

    Examples
    --------
    >>> folded("short", whole="run.text has all")
    '<div class="fh-out fh-prose" style="white-space:pre-wrap">short</div>'
    >>> "<summary>… 180 more lines</summary>" in folded("line\n" * 200, whole="run.text has all")
    True
    """
    text = text.replace("\r\n", "\n").rstrip("\n")
    cls = text_class(text) if cls is None else cls
    head, rest = opened(text, open_lines, min(open_chars, cap))
    style = _KEEP_LINES if is_styled else None
    if not rest:
        return el("div", marked(head, wanted, cap), cls=cls, dir=direction(text), style=style)
    visible, end = rest, ""
    if len(text) > cap:
        visible = rest[: max(cap - len(head) - 100, 0)]  # the last line is within the cap, too
        end = f"… {counted(len(rest) - len(visible), 'more character')}; {whole}"
    # Each part has the direction of the text; the sentences beside them are ours, and go from left to right.
    turned = direction(text)
    note = el("div", end, cls="fh-dim") if end else None
    more = fold(
        f"… {_rest_text(rest)}",
        el("div", el("div", marked(visible, wanted, cap), dir=turned), note, cls="fh-rest", tabindex=0),
    )
    return el("div", el("div", marked(head, wanted, cap), dir=turned), more, cls=cls, style=style)


MARKS_MOST: Final = 200
"""Places of a search that are marked in one text."""


def marked(text: str, wanted: str, cap: int = TEXT_CAP) -> Html:
    """Return `text` with the places of `wanted` marked, in any case; all of it as it is where nothing is wanted.

    Of a text that is longer than `cap` characters the beginning is returned, as :func:`clip` has it.

    Where letters are longer in the other case, nothing is marked: the places would be shifted.

    Examples
    --------
    >>> marked("Late, <later>", "late")
    '<mark>Late</mark>, &lt;<mark>late</mark>r&gt;'
    """
    text, wanted = clip(text, cap), wanted.lower()
    lowered = text.lower()
    if not wanted or len(lowered) != len(text):
        return Html(_escaped(text))
    pieces, begin = [], 0
    for place in islice(re.finditer(re.escape(wanted), lowered), MARKS_MOST):
        pieces += [Html(_escaped(text[begin : place.start()])), el("mark", text[place.start() : place.end()])]
        begin = place.end()
    return join([*pieces, Html(_escaped(text[begin:]))])


def folded_text(text: str, *, whole: str, lines: int = LINES_OPEN, chars: int = CHARS_OPEN) -> str:
    r"""Return the plain twin of :func:`folded`: the beginning, and how much more there is.

    Examples
    --------
    >>> print(folded_text("one\ntwo\nthree\nfour", whole="run.text has all", lines=2))
    one
    two
    … 2 more lines; run.text has all
    """
    text = text.replace("\r\n", "\n").rstrip("\n")
    head, rest = opened(text, lines, chars)
    return printable(f"{head}\n… {_rest_text(rest)}; {whole}" if rest else head)


def fold(summary: str, *inside: Html) -> Html:
    """Return `inside` folded away behind one line that opens it."""
    return el("details", el("summary", summary), *inside, cls="fh-fold")


def _child(child: object) -> str:
    if isinstance(child, Html):
        return str.__str__(child)
    return _escaped(clip(str(child)))


def _escaped(text: str) -> str:
    return _html.escape(printable(text), quote=True)


def el(tag: str, *children: object, cls: str = "", **attributes: object) -> Html:
    """Return an element. Children that are not `Html` are escaped; attribute values always are.

    Examples
    --------
    >>> el("b", "1 < 2", title='say "hi"')
    '<b title="say &quot;hi&quot;">1 &lt; 2</b>'
    """
    named = {"class": cls or None, **attributes}
    attrs = "".join(
        f' {name.strip("_").replace("_", "-")}="{_html.escape(printable(str(value)), quote=True)}"'
        for name, value in named.items()
        if value is not None and value is not False
    )
    inner = "".join(_child(c) for c in children if c is not None)
    return Html(f"<{tag}{attrs}>{inner}</{tag}>")


def join(parts: Iterable[Html], between: str = "") -> Html:
    """Join the `parts`, with `between` as escaped text between them."""
    return Html(_html.escape(between).join(parts))


def table(
    columns: Sequence[object],
    rows: Iterable[Sequence[object]],
    *,
    cls: str = "fh-table",
    row_classes: Iterable[str] = (),
) -> Html:
    """Return a plain table; every cell that is not `Html` is escaped."""
    lines = [list(row) for row in rows]
    # Digits stand below each other: in a column of numbers, also behind nothing or a blank.
    width = max([len(columns), *map(len, lines)])
    sides = ["fh-number" if _are_numbers(line[n] for line in lines if n < len(line)) else "" for n in range(width)]
    head = el("tr", *(el("th", c, scope="col", cls=side) for c, side in zip(columns, sides, strict=False)))
    classes = chain(row_classes, repeat(""))
    body = (
        el("tr", *(el("td", c, dir=direction(c), cls=side) for c, side in zip(row, sides, strict=False)), cls=of_row)
        for row, of_row in zip(lines, classes, strict=False)
    )
    # It scrolls where it is wider than its place: no style gives it the focus there alone, and not every browser does.
    return el("table", el("thead", head), el("tbody", *body), cls=cls, tabindex=0)


_NUMBER: Final = re.compile(r"[+-]?\d[\d,]*(?:\.\d+)?(?: %| s)?")


def _are_numbers(cells: Iterable[object]) -> bool:
    """Return whether the cells of a column that are not empty are numbers, and there is one."""
    texts = [_MARKUP.sub("", cell) if isinstance(cell, Html) else str(cell) for cell in cells]
    known = [text for text in texts if text.strip()]
    return bool(known) and all(_NUMBER.fullmatch(text) for text in known)


def stacked(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    heads: Sequence[object] | None = None,
    cls: str = "fh-table",
) -> Html:
    """Return a table of long cells: where it is narrow a row is a block, each cell under its column's name.

    Examples
    --------
    >>> '<td class="fh-number" title="row">1</td><td title="said">late</td>' in stacked(["row", "said"], [[1, "late"]])
    True
    """
    lines = [list(row) for row in rows]
    sides = ["fh-number" if not n and _are_numbers(line[0] for line in lines) else "" for n in range(len(columns))]
    head = el("tr", *(el("th", v, scope="col", cls=side) for v, side in zip(heads or columns, sides, strict=True)))
    body = (
        el("tr", *(el("td", v, title=n, dir=direction(v), cls=s) for n, v, s in zip(columns, row, sides, strict=True)))
        for row in lines
    )
    element = el("table", el("thead", head), el("tbody", *body), cls=f"{cls} fh-stack")
    return el("div", _STACKED, element, cls="fh-narrow")


def status_words(status: str) -> str:
    """Return a status as people read it, everywhere.

    Examples
    --------
    >>> status_words("unknown"), status_words("completed")
    ('outcome unknown', 'completed')
    """
    words = {"unknown": "outcome unknown", "awaiting_approval": WAITING_FOR_DECISION}
    return words.get(status, status.replace("_", " "))


_KINDS: Final = {name: name for name in ("completed", "failed", "unknown", "running")} | {
    "awaiting_approval": "waiting"
}
"""Which statuses have a colour of their own; the others, such as queued, paused and cancelled, are grey."""

BAR_FILLS: Final = {
    "completed": "#388e3c", "reused": "#0097a7", "failed": "#e53935", "invalid": "#757575", "unknown": "#ef6c00",
    "waiting": "#ef6c00;background-image:repeating-linear-gradient(135deg,transparent 0 3px,#ffffff80 3px 5px)",
}  # fmt: skip
"""The colour of each status in a bar, and its stripes; the hue is that of :func:`badge`.

They are numbers, not Jupyter's variables, which are taken out of a notebook that is not trusted. Each stands out from
white and black by 3 to 1 at least, but for the light part of the stripes, which are no wider than what is between them.
"""


def badge(status: str, text: str = "", *, title: str = "") -> Html:
    """Return a run's status as a small label, or `text` in its colour; the words say what the colour says.

    What nobody knows and what waits for a person have one colour, and a sign each. `title` is what it means, for who
    points at it.
    """
    kind = _KINDS.get(status, "other")
    return el("span", text or status_words(status), cls=f"fh-badge fh-{kind}", title=title or None)


def legible(name: str) -> str:
    """Return a colour of the theme as a text's, of which a contrast of 4.5 is asked: its own is 3.8 on some grounds."""
    return f"color-mix(in srgb,var(--jp-{name},currentColor) 70%,var(--jp-ui-font-color1,currentColor))"


_BUTTONS: Final = (
    ":is(.fh .fh-act,.fh .fh-in-line,.fh-panel .fh-code-act,:is(.fh-block,.fh-below) .jupyter-button,"
    ".fh-panel .jupyter-button:not(.mod-primary,.fh-remove,.fh-type-it,.fh-fold,[class*=fh-row-]))"
)
_BUTTON_CSS: Final = (
    "body[data-voila]{--fh-ground:var(--jp-layout-color1)}"
    f"{_BUTTONS}{{font:inherit;font-size:13px;line-height:26px;height:28px;padding:0 12px;border-radius:4px;"
    "box-sizing:border-box;cursor:pointer;white-space:nowrap;box-shadow:none;color:var(--jp-ui-font-color1,inherit);"
    "background:var(--jp-layout-color1,transparent);border:1px solid var(--jp-border-color1,rgba(128,128,128,.6))}"
    # What ends something looks the same everywhere.
    f"{_BUTTONS}.fh-ends{{border-color:{legible('error-color1')};color:{legible('error-color1')}}}"
    f"{_BUTTONS}:hover:enabled{{background:var(--jp-layout-color2,rgba(128,128,128,.15));box-shadow:none}}"
    f"{_BUTTONS}:disabled{{opacity:.45;cursor:default}}"
    f"{_BUTTONS}:focus-visible{{outline:2px solid var(--jp-brand-color1,currentColor);outline-offset:1px}}"
)
"""One height, corner, font and ground of the buttons of batches, cells, tables and forms; browser.css has the same."""

SIDE_GAP: Final = "12px"


def _side_tracks(least: str) -> str:
    return f"grid-template-columns:repeat(auto-fit,minmax(min({least},100%),1fr))"


def _where_narrower(cards: int, width: str) -> str:
    """Return a least width of a card: 290 px where so many have room in one line, else `width`."""
    return f"max(290px,min({width},({290 * cards + 12 * (cards - 1)}px - 100%)*999))"


def _last_lines(least: int) -> str:
    """Return the rules by which the last line of `least` cards and more has no hole: its last cards are wider."""
    rules = []
    for columns in (2, 3, 4):
        begins, ends = (290 * n + 12 * (n - 1) for n in (columns, columns + 1))
        query = f"(min-width:{begins}px)" + (f" and (max-width:{ends - 0.02}px)" if columns < 4 else "")
        last = f".fh-side>:nth-child(n+{least}):nth-child({columns}n+"
        wide = [f"{last}1):last-child{{grid-column:1/-1}}"]
        wide += [f"{last}{columns - 1}):last-child{{grid-column-end:span 2}}"] if columns > 2 else []
        if columns == 4:
            wide.append(f":is({last}2):last-child,{last}1):nth-last-child(2)){{grid-column-end:span 2}}")
        rules.append(f"@container {query}{{{''.join(wide)}}}")
    return "".join(rules)


SIDE: Final = (
    f".fh-side{{gap:{SIDE_GAP};{_side_tracks('290px')}}}"
    # Three are in one line or each in its own, four in one or two: a hole looks like a card that is missing.
    f".fh-side:has(>:nth-child(3):last-child){{{_side_tracks(_where_narrower(3, '100%'))}}}"
    f".fh-side:has(>:nth-child(4):last-child){{{_side_tracks(_where_narrower(4, '50% - 6px'))}}}"
    f".fh-side:has(>:nth-child(5)){{container-type:inline-size;{_side_tracks('max(290px,25% - 9px)')}}}{_last_lines(5)}"
)
"""Cards beside each other: all have one width, also those of a second line; one alone takes all of it."""

GROUND: Final = "var(--fh-ground,var(--jp-layout-color0,Canvas))"
"""The colour of the page behind an output, for what lies over something; Voila's page has another one."""

# One style for every object, scoped by class; a notebook holds it once an output, so it is kept short.
# --jp-* are JupyterLab's and Notebook 7's variables in both themes; elsewhere the text's own colour serves.
CSS: Final = (
    ".fh{font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;line-height:1.45;"
    "color:var(--jp-ui-font-color1,inherit);max-width:100%}"
    ".fh-head{display:flex;flex-wrap:wrap;gap:4px 10px;align-items:baseline;margin:2px 0 6px}"
    ".fh-dim{color:var(--jp-ui-font-color2,inherit)}"
    ".fh-badge{border:1px solid currentColor;border-radius:9px;padding:0 8px;font-weight:600;white-space:nowrap}"
    f".fh-error{{color:{legible('error-color1')};overflow-wrap:anywhere;margin-bottom:6px}}"
    ".fh-foot{font-size:11px;margin-top:4px;overflow-wrap:anywhere}"
    ".fh code.fh-typed{display:inline-block;max-width:100%;overflow-x:auto;vertical-align:bottom;padding:0;"
    "white-space:nowrap;line-height:inherit;background:none;color:inherit}.fh-typed wbr{white-space:normal}"
    f".fh-completed{{color:{legible('success-color1')}}}.fh-failed{{color:{legible('error-color1')}}}"
    f".fh-unknown,.fh-waiting{{color:{legible('warn-color0')}}}.fh-running{{color:{legible('brand-color1')}}}"
    ".fh-other{color:var(--jp-ui-font-color2,inherit)}"
    ".fh-badge.fh-unknown::before{content:'? ';content:'? ' / ''}"
    ".fh-badge.fh-waiting::before{content:'! ';content:'! ' / ''}"
    f"{_BUTTON_CSS}"
    ".fh-out{overflow-wrap:anywhere;font-family:var(--jp-code-font-family,monospace);"
    "font-size:var(--jp-code-font-size,13px);margin:0;padding:8px 10px;border-radius:4px;"
    "border:1px solid var(--jp-border-color2,rgba(128,128,128,.4));background:var(--jp-layout-color1,transparent);"
    "color:inherit}.fh-prose{font-family:inherit;font-size:inherit}"
    ".fh-fold>summary{cursor:pointer;color:var(--jp-ui-font-color2,inherit);padding:2px 0}"
    ".fh-fold>summary:focus-visible{outline:2px solid currentColor}"
    ".fh-rest{max-height:40em;overflow:auto}"
    f".fh-side{{display:grid}}{SIDE}"
    # Cards in a line have heads of one height, as the columns of widgets have.
    ".fh-answers>*{grid-row:span 2;min-width:0}"
    ".fh-answers>.fh-card{display:grid;grid-template:subgrid/minmax(0,1fr);row-gap:0}"
    ".fh-card{min-width:0}.fh-line{margin:2px 0 6px}.fh-cure{margin:-4px 0 6px}"
    ".fh-unbroken{white-space:nowrap}"
    ".fh .fh-swatch{max-width:none}"  # a page's limit of 100 % would count it as nothing in the width of its column
    ".fh table.fh-table{border-collapse:collapse;margin:4px 0;color:inherit;font-size:13px;display:block;"
    "overflow-x:auto;max-width:100%}"
    # Lines part the rows; the stripes of JupyterLab, which other pages have not, do not.
    ".fh table.fh-table tbody tr{background:none}"
    ".fh table.fh-table th{text-align:left;font-weight:600;white-space:nowrap}"
    ".fh table.fh-table th,.fh table.fh-table td{padding:4px 12px 4px 0;vertical-align:top;text-align:start;"
    "border-bottom:1px solid var(--jp-border-color2,rgba(128,128,128,.4));background:transparent}"
    ".fh table.fh-table .fh-number.fh-number{text-align:right;font-variant-numeric:tabular-nums}"
)

STYLE: Final = Html(f"<style>{CSS}</style>")

_STACK: Final = ".fh .fh-narrow table.fh-stack"
"""Weighs more than STYLE and a table's own style, which other outputs of the page have again, behind this one."""
_STACKED: Final = Html(
    "<style>.fh .fh-narrow{container-type:inline-size}"
    f"@container (max-width:400px){{{_STACK} thead{{display:none}}"
    f"{_STACK} tbody,{_STACK} tr,{_STACK} td{{display:block;min-width:0;max-width:none;overflow-wrap:anywhere}}"
    f"{_STACK} tr{{border-bottom:1px solid var(--jp-border-color1,rgba(128,128,128,.5));padding:6px 0}}"
    f"{_STACK} td{{border:0;padding:2px 0}}{_STACK} td:empty{{display:none}}"
    f"{_STACK} td:first-child{{font-weight:600}}{_STACK} td.fh-number.fh-number{{text-align:start}}"
    f"{_STACK} td::before{{content:attr(title);display:block;font-weight:400;font-size:12px;"
    "color:var(--jp-ui-font-color2,color-mix(in srgb,currentColor 72%,transparent))}}</style>"
)


PALETTE: Final = ("#2864e6", "#d83f9b", "#0098b6", "#826e46", "#9682e6", "#b48278", "#9650b4", "#287878")
"""Each is 3 to 1 and more on white, on JupyterLab's black and on its grey (WCAG 2.2 asks it of graphics).

None is a green, a red or an orange: those are of what is right, failed and unknown. They were chosen for the distance
of any two in CIELAB as people without red, green or blue cones see them (Machado, Oliveira and Fernandes, "A
physiologically-based model for simulation of color vision deficiency", 2009); `tests/test_colours_everywhere.py` says
how large it is.
"""


def colours_of(variants: Sequence[str], known: Sequence[str] = ()) -> dict[str, str]:
    """Return the colour of each variant, by its name.

    Examples
    --------
    >>> colours_of(["baseline", "few-shot"])["few-shot"], colours_of(["few-shot"], ["baseline", "few-shot"])
    ('#d83f9b', {'few-shot': '#d83f9b'})
    """
    places = {variant: place for place, variant in enumerate(dict.fromkeys([*known, *variants]))}
    colours: dict[str, str] = {}
    for variant in sorted(places.keys() & set(variants), key=places.__getitem__):
        begin = places[variant] % len(PALETTE)
        rest = (*PALETTE[begin:], *PALETTE[:begin])
        colours[variant] = next((colour for colour in rest if colour not in colours.values()), rest[0])
    return {variant: colours[variant] for variant in variants}


def swatch(colour: str) -> Html:
    """Return a small square in a colour, with the gap behind it, to stand before the name of its variant.

    It is drawn by attributes: the policy of a report refuses styles in place.
    """
    square = el("rect", width=10, height=10, rx=2, fill=colour)
    return el("svg", square, cls="fh-swatch", width=16, height=10, aria_hidden="true")


NAME_UNBROKEN: Final = 24
"""Characters of a name that stays in one line, however narrow its column."""
ID_UNBROKEN: Final = 40
"""Of an id: a UUID has 36."""


def unbroken(name: str, before: Html | None = None, *, most: int = NAME_UNBROKEN) -> Html:
    """Return a name in one line with what is before it, at its left; one of more than `most` characters may break.

    Examples
    --------
    >>> unbroken("fine-tuned")
    '<bdi class="fh-unbroken">fine-tuned</bdi>'
    """
    cls = "fh-unbroken" if len(name) <= most else ""
    return el("bdi", name, cls=cls) if before is None else el("span", before, el("bdi", name), cls=cls, dir="ltr")


_IDS: Final = re.compile(r"(?<![\w-])(?=[A-Za-z-]*\d)[A-Za-z0-9]+(?:-[A-Za-z0-9]+)+(?![\w-])")


def ids_unbroken(text: str) -> Html:
    """Return a text in which a date, or an id that is not long, stays in one line: a browser breaks behind a hyphen.

    Examples
    --------
    >>> ids_unbroken("up-to-date on 2026-12-01")
    'up-to-date on <bdi class="fh-unbroken">2026-12-01</bdi>'
    """
    return _held_together(text, _IDS)


_STRING: Final = r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\""""
_CODE_PIECE: Final = re.compile(
    rf"""(?:(?:{_STRING}|[^\s'"(\[.]|\.(?![A-Za-z_]))+[(\[]*|\.[A-Za-z_]\w*[(\[]*|[(\[]+|.)[)\]]*\s*""", re.DOTALL
)


def code(text: str) -> Html:
    """Return code to be typed, in a sentence: in one line where one is wide enough, and never broken inside a string.

    Else it breaks before a dot, behind an opening bracket and at a blank, and scrolls where that is not enough: copied
    by eye, a name in two lines is wrong.

    Examples
    --------
    >>> code("fh.open('a b')")
    '<code class="fh-typed">fh<wbr>.open(<wbr>&#x27;a b&#x27;)</code>'
    """
    pieces = _CODE_PIECE.findall(printable(text))
    scrolls = any(len(piece) > ID_UNBROKEN for piece in pieces)
    return el("code", Html("<wbr>".join(map(_escaped, pieces))), cls="fh-typed", tabindex=0 if scrolls else None)


def _held_together(text: str, pattern: re.Pattern[str]) -> Html:
    """Return an escaped text in which what `pattern` finds breaks as a name does (:func:`unbroken`) or as code."""
    text = clip(text)
    parts: list[Html] = []
    end = 0
    for found in pattern.finditer(text):
        held = code(found[0]) if found.lastgroup == "code" else unbroken(found[0])
        parts += [Html(_escaped(text[end : found.start()])), held]
        end = found.end()
    return join([*parts, Html(_escaped(text[end:]))])


_TOGETHER: Final = (
    rf"(?P<code>(?<![\w.])\w+\.\w+\((?:{_STRING}|[^()'\"])*\)(?:\.\w+\((?:{_STRING}|[^()'\"])*\))*)",
    f"[{_LETTERS_LEFTWARDS}]+(?:[ _-]+[{_LETTERS_LEFTWARDS}]+)*",  # a name that is written from right to left
    r"(?<!\w)\w+(?:-\w+)+",
    r"(?<![\d.,])-?\d[\d.,]* to -?\d[\d.,]*\d(?: (?:%|points?|s)(?!\w))?",
    r"(?<![\d.,])\d[\d.,]* (?:% interval|%|points?|s)(?!\w)",
)
"""What of a sentence stays together, beside the names in it. None is looked for inside a word or a number again, which
would take the square of their length."""


def sentence(tag: str, text: str, names: Iterable[str] = (), *, cls: str = "", **attributes: object) -> Html:
    """Return an element with a sentence of ours, from left to right: each name in it has its own direction.

    A name of up to :data:`NAME_UNBROKEN` characters and a number with its unit each stay in one line.

    Examples
    --------
    >>> sentence("p", "few-shot is best: 94 %.")
    '<p dir="ltr"><bdi class="fh-unbroken">few-shot</bdi> is best: <bdi class="fh-unbroken">94 %</bdi>.</p>'
    """
    turned = sorted({name for name in names if not name.isascii()}, key=len, reverse=True)
    known = (rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name in turned)
    return el(tag, _held_together(text, re.compile("|".join((*known, *_TOGETHER)))), cls=cls, dir="ltr", **attributes)


class Sentence(str):
    """A text that a notebook shows as a sentence, without the quotation marks of a value.

    Parameters
    ----------
    text : str
        The sentence.
    names : iterable of str
        Those in it that somebody else gave.

    Examples
    --------
    >>> Sentence("a beats b."), Sentence("a beats b.") == "a beats b."
    (a beats b., True)
    """

    def __new__(cls, text: str, names: Iterable[str] = ()) -> Sentence:
        made = super().__new__(cls, text)
        made._names = tuple(names)
        return made

    _names: tuple[str, ...]

    def __repr__(self) -> str:
        return printable(str(self))

    def _repr_html_(self) -> str:
        return el("div", STYLE, sentence("div", str(self), self._names, style=HEADLINE), cls="fh")


def in_two(text: str) -> Html:
    """Return a text that breaks before its bracket alone.

    Examples
    --------
    >>> in_two("0")
    '<bdi class="fh-unbroken">0</bdi>'
    """
    number, bracket, rest = text.partition(" (")
    return join([unbroken(part, most=len(part)) for part in (number, f"{bracket}{rest}".strip()) if part], " ")


def swatch_name(colour: str | None, name: str, *, tag: str = "span", title: str = "") -> Html:
    """Return a variant's name behind its colour, if it has one; a short text of it with the whole name as `title`."""
    return el(tag, unbroken(name, swatch(colour) if colour else None), title=title or None)


BEST_CSS: Final = (
    ".fh-best{margin-left:6px;padding:0 6px;border-radius:8px;font-size:11px;font-weight:600;white-space:nowrap;"
    f"border:1px solid currentColor}}.fh .fh-best{{color:{legible('success-color1')}}}"
)


def best_name(colour: str | None, name: str, *, is_best: bool) -> Html:
    """Return a variant's name behind its colour, marked where it is the best (`BEST_CSS`)."""
    mark = el("span", "best", cls="fh-best") if is_best else None
    return el("span", swatch_name(colour, name, tag="strong" if is_best else "span"), " ", mark)
