"""An output: its files, its view (Text, Markdown, JSON, Table or Files), and a switch between views. Pure.

Every place that shows an output embeds :func:`output_view`: the answers of a form and of a cell, a browsed row, a
rating, a difference, a report, a pending run.

- An output is hostile and of any size. Only what is shown of it is parsed; what is left out is stated, with where it
  is. Nothing of it runs, and nothing is fetched: HTML in Markdown is text, pictures in it are left as their links, and
  links other than http(s) and mailto are text. Names, texts, cells, rows, levels and nodes are capped.
- The switch is radio buttons and a style sheet: it needs no script and no kernel, so it works in a saved notebook and
  in a report. Where the style sheet is taken away (a notebook that is not trusted), the chosen form alone is shown.
- Files are at addresses of the service (CONTRACT section 1, image results); their names and addresses are the model's.
  An address is offered to a reader only where :func:`file_host` names a host, so whoever is asked for a file is known
  before anybody is.
- Copy, "Show all" and pictures in place need a script (``notebook/ui/output_actions.js``): their buttons are made
  where :attr:`OutputOptions.key` says that there is one. Elsewhere a picture is a link.
"""

from __future__ import annotations

import base64
import json
import mimetypes
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from itertools import accumulate, islice
from typing import Any, Final
from urllib.parse import urlsplit

from fh_notebook.core import arguments, hooks
from fh_notebook.core.config.urls import LOCAL, is_loopback
from fh_notebook.core.files import KEPT_FILES, KeptFile
from fh_notebook.core.json_values import for_reading, inside_fence, pretty
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import byte_size, first_words, one_line, with_partial_repr
from fh_notebook.core.text.markdown import is_cheap, plain_text
from fh_notebook.core.text.messages import counted
from fh_notebook.core.values import is_number

FORMS: Final = {
    "text": "Text",
    "markdown": "Markdown",
    "json": "JSON",
    "table": "Table",
    "files": "Files",
    "differences": "Differences",
}
"""The forms and their names on the switch, in its order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of an output each form shows; its characters have a cap of their own."""

    lines_open: int = html.LINES_OPEN
    """Lines of a text that are open to the eye; the others are folded."""
    rows_open: int = 20
    """The same for the rows of a table."""
    rows: int = 100
    columns: int = 20
    cell: int = 300
    """Characters of one cell."""
    nodes: int = 1_000
    levels: int = 20
    """Nodes and levels of a JSON tree."""
    text: int = 2_000
    """Characters of one text in a JSON tree."""
    name: int = 120
    """Characters of a name in a JSON tree."""
    files: int = 24
    has_more: bool = True
    """Whether what is left out is offered with "Show all"."""


SHOWN: Final = Limits()
"""What a view shows at first."""

ALL: Final = Limits(
    lines_open=1_000_000, rows_open=10_000, rows=10_000, columns=1_000, cell=1_000_000, nodes=20_000, levels=100,
    text=1_000_000, name=1_000_000, files=1_000, has_more=False,
)  # fmt: skip
"""What "Show all" shows: all there is, and of a huge output as much as a page can hold."""

FOLDED: Final = replace(ALL, lines_open=SHOWN.lines_open, rows_open=SHOWN.rows_open, files=SHOWN.files)
"""What a page shows that has nobody to ask: all there is, folded behind its beginning."""


IN_CELL: Final = Limits(files=4, has_more=False)
"""What a cell of a table shows."""


PAGE_END: Final = "a page shows no more"
"""Why the rest of a huge output is not there, for who has nothing but the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """How an output is shown."""

    whole: str
    """Where all of it is, in words."""
    cap: int = html.TEXT_CAP
    """Characters of it that are in each form at most."""
    open_chars: int = html.CHARS_OPEN
    """Characters of it that are open to the eye; the rest is folded."""
    form: str = ""
    """The form that is shown first; where the output has not this one, the best."""
    path: tuple[str | int, ...] = ()
    """Where a scorer reads: this part of a JSON value is first and bold."""
    wanted: str = ""
    """What was searched for: it is marked in texts and in JSON."""
    is_blind: bool = False
    """Whether names and addresses of files and links are left out, which may tell a rater whose they are."""
    is_app: bool = False
    """Whether a form for the users of an app shows it, to whom a path of this machine and a hive mean nothing."""
    key: str = ""
    """The name by which a script asks for all of the output; empty where there is no script. One with a colon is that
    of a display that may outlive its script: its buttons are hidden until the script shows them."""
    is_styled: bool = True
    """Whether an element may have a style of its own."""
    contents: Mapping[str, bytes] = field(default_factory=dict)
    """The bytes of files by their addresses, for a page that fetches nothing."""
    run: str = ""
    """Which run has the output (`Run.identity`): its saved files are shown in place of their addresses, which end."""
    kept_cap: int = 2 * 2**20
    """Bytes of a saved picture that is in the view at most; of a larger one the view has the path."""
    limits: Limits = SHOWN
    """Rows, nodes and files of it that are shown."""


@dataclass(frozen=True, slots=True)
class ShownOutput:
    """What a view is of, for a script that asks for all of it."""

    output: Any
    options: OutputOptions
    compared: Callable[[OutputOptions], Mapping[str, html.Html]] | None = None
    """Draws it beside another output: its ``text`` with marks, and the ``differences``."""


# --- which forms

PARSED_AT_MOST: Final = 1_000_000
"""Characters of a text that is tried as JSON: some 20 ms."""

_MARKDOWN: Final = re.compile(
    r"^ {0,3}(?:#{1,6} \S|[-*+] \S|\d{1,3}[.)] \S|> ?\S|```|\|.+\|\s*$)"
    # A link ends at the next bracket, and its address has a bound, so the search takes no square of the text's length.
    r"|\*\*\S[^*\n]*\*\*|\[[^\[\]\n]+\]\([^)\s]{1,2000}\)|`[^`\n]+`",
    re.MULTILINE,
)


def json_value(output: Any) -> Any:
    r"""Return the JSON value of an output; ``None`` for a text that is none. A fence around JSON is left out.

    Examples
    --------
    >>> json_value('```json\n{"a": 1}\n```'), json_value("plain")
    ({'a': 1}, None)
    """
    if not isinstance(output, str):
        return dict(output) if isinstance(output, Mapping) else output
    if len(output) > PARSED_AT_MOST or output.lstrip()[:1] not in ("{", "[", "`"):
        return None
    try:
        return json.loads(inside_fence(output))
    except (ValueError, RecursionError):
        return None


def forms_of(output: Any) -> tuple[str, ...]:
    """Return the forms in which an output can be shown, in the order of the switch.

    Examples
    --------
    >>> forms_of("plain"), forms_of({"a": [1]}), forms_of(None)
    (('text',), ('text', 'json', 'table'), ())
    """
    if output is None:
        return ()
    value = json_value(output)
    if isinstance(output, str) and value is None:
        return ("text", "markdown") if _MARKDOWN.search(output[:20_000]) else ("text",)
    can = {"text"}
    if isinstance(value, list | dict):
        can.add("json")
        if value and (isinstance(value, dict) or all(isinstance(row, dict) for row in value)):
            can.add("table")
    if assets_of(output):
        can.add("files")
    return tuple(form for form in FORMS if form in can)


# Of Markdown a picture, and a link to anywhere: a path in it tells as much as a host. An address has any scheme, or
# none. The bounds keep a hostile text from taking a square of its length.
_TARGET: Final = r"\((?:[^()\n]|\([^()\n]{0,200}\)){0,2000}\)"
_PICTURE: Final = re.compile(rf"!\[[^\[\]\n]{{0,1000}}\]{_TARGET}")
_INNER: Final = r"(?:[^\[\]\n]|\[[^\[\]\n]{0,200}\]){0,1000}"
_CALL: Final = rf"(?<=\w)\[{_INNER}\]\([^()\n/:#.]{{0,200}}\)"  # of an item, in code: no link
_LINK: Final = re.compile(rf"(?!{_CALL})\[({_INNER})\]{_TARGET}")
# The target of a link by reference, also in a quotation or a list.
_REFERENCE: Final = re.compile(
    r"^((?:[ \t]{0,3}(?:>|[-*+]|\d{1,9}[.)])[ \t]{0,3}){0,4} {0,3}\[[^\[\]\n]{1,1000}\]):"
    r"(?:[ \t]*\S.*|[ \t]*\n[ \t>]*+\S++[ \t]*+)$",
    re.MULTILINE,
)
# What HTML links or shows, each in its tag; a quotation mark begins a value only behind "=".
_TAG: Final = re.compile(r"""<[a-z](?>=\s{0,20}(?:"[^"]*"|'[^']*')|[^<>])*+""", re.IGNORECASE)
_TARGET_IN_TAG: Final = re.compile(
    r"\b((?:href|src|srcset|poster|data|action|formaction|background|cite)\s{0,20}=\s{0,20})"
    r"""("[^"]*"|'[^']*'|[^\s<>]+)""",
    re.IGNORECASE,
)
_REST: Final = r"[^\s\"'<>()\[\]{}\\]"
_ADDRESS: Final = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{1,20}://|\bwww\.|(?<![\w/])//(?=[\w-]{1,63}(?:\.\w|:\d|/)))"
    rf"(?:{_REST}+|\({_REST}{{0,200}}\))+",
    re.IGNORECASE,
)


def without_origin(output: Any) -> Any:
    """Return an output without names and addresses of files and links; ``None`` where it has nothing else.

    They may tell a rater which variant it is of.

    Examples
    --------
    >>> without_origin("See [the plan](https://a.example/b) at https://a.example."), without_origin({"assets": [{}]})
    ('See the plan at (link)', None)
    >>> without_origin({"parts": [{"n": 1, "assets": [{"file_name": "b.png"}]}]})
    {'parts': [{'n': 1, 'assets': '1 file'}]}
    >>> without_origin({"s3://b/x": "See [the plan](files/b.pdf)", "www.b.example": "or //b.example/x."})
    {'(link)': 'See the plan', '(link) 2': 'or (link)'}
    """
    if assets_of(output):
        output = {name: value for name, value in output.items() if name != "assets"} or None
    value = json_value(output)
    hidden = _hidden(value if isinstance(value, dict | list) else output, 0)
    return output if hidden == value else hidden


def _hidden(value: Any, level: int) -> Any:
    if isinstance(value, str):
        return "(file)" if level and _is_media(value) else _without_links(value)
    if level > ALL.levels:
        return "…"
    if isinstance(value, list):
        return [_hidden(item, level + 1) for item in value]
    if not isinstance(value, dict):
        return value
    files = len(assets_of(value))
    hidden: dict[Any, Any] = {}
    same: Counter[str] = Counter()
    for name, item in value.items():
        if name in ("file_url", "file_name"):
            continue
        shown = first = _without_links(name) if isinstance(name, str) else name
        while shown in hidden:  # two addresses are one text, and none of their values is to be lost
            same[first] += 1
            shown = f"{first} {same[first] + 1}"
        hidden[shown] = counted(files, "file") if files and name == "assets" else _hidden(item, level + 1)
    return hidden


def _is_media(text: str) -> bool:
    """Whether a value is nothing but the name or path of a picture, a recording or a film."""
    kind = mimetypes.guess_type(text)[0] if len(text) < 1000 and not re.search(r"\s", text) else None
    return kind is not None and kind.startswith(("image/", "audio/", "video/"))


def _without_links(text: str) -> str:
    text = _LINK.sub(r"\1", _PICTURE.sub("(picture)", text))
    text = _TAG.sub(lambda tag: _TARGET_IN_TAG.sub(r'\1"(link)"', tag[0]), _REFERENCE.sub(r"\1 (link)", text))
    return _ADDRESS.sub("(link)", text)


def best_form(output: Any) -> str:
    """Return the form in which an output is read most easily.

    Examples
    --------
    >>> best_form([{"a": 1}, {"a": 2}]), best_form("plain")
    ('table', 'text')
    """
    forms = forms_of(output)
    if "files" in forms:
        return "files"
    if "table" in forms and isinstance(json_value(output), list):
        return "table"
    return next((form for form in ("json", "markdown") if form in forms), "text")


# --- the view


def output_view(
    output: Any, options: OutputOptions, *, text: html.Html | None = None, differences: html.Html | None = None
) -> html.Html:
    """Return an output in a frame, in the form that fits it, with a switch to its other forms.

    Examples
    --------
    >>> page = output_view({"label": "billing"}, OutputOptions(whole="run.text has all"))
    >>> [name in page for name in ("<span>JSON</span>", "<span>Table</span>", "<span>Markdown</span>")]
    [True, True, False]
    """
    files = assets_of(output)
    if options.is_blind:
        output = without_origin(output)
    forms = [*forms_of(output), *(["files"] if files and options.is_blind else [])]
    forms += ["differences"] if differences is not None else []
    forms = forms or ["text"]  # of nothing: "(empty)"
    best = "files" if files else best_form(output)
    chosen = options.form if options.form in forms else best if best in forms else forms[0]

    def drawn(form: str) -> html.Html:
        if form == "text" and text is not None:
            return text
        if form == "differences" and differences is not None:
            return differences
        return _files(files, options) if form == "files" else _drawn(output, form, options)

    panels = [
        html.el("div", drawn(form), cls=f"fh-as fh-as-{form}", hidden="" if form != chosen else None) for form in forms
    ]
    if len(forms) < 2 and not options.key:
        return html.el("div", *panels, cls="fh-o")
    tabs = None  # where there is nothing to choose from: the name of one form says nothing
    if len(forms) > 1:
        shown = html.join([_tab(form, form == chosen) for form in forms], " ")  # a blank, for pages without styles
        tabs = html.el("span", shown, cls="fh-o-tabs", role="radiogroup", aria_label="Shown as")
    copy = _copy_button(output, options) if options.key else None
    bar = html.el("div", tabs, copy, cls="fh-o-bar" if tabs else "fh-o-bar fh-o-corner", hidden="")
    # A <form> keeps the radio buttons apart from those of other outputs, which have the same names; the method
    # "dialog" sends nothing, whatever key is pressed.
    return html.el("form", bar, *panels, cls="fh-o", method="dialog", data_output=options.key or None)


def code_view(code: str, *, key: str = "") -> html.Html:
    """Return code in a frame, with Copy in its corner where a script serves it (`OutputOptions.key`).

    Examples
    --------
    >>> "<button" in code_view("x = 1"), "<button" in code_view("x = 1", key="a:0")
    (False, True)
    """
    copy = _copy_button(code, OutputOptions(whole="", key=key), "Copy this code to the clipboard") if key else None
    bar = html.el("div", copy, cls="fh-o-bar fh-o-corner", hidden="") if copy else None
    text = html.el("div", code, cls="fh-out", style="white-space:pre-wrap")
    return html.el("div", bar, html.el("div", text, cls="fh-as"), cls="fh-o", data_output=key or None)


def copy_view(output: Any, options: OutputOptions) -> html.Html | None:
    """Return Copy alone, for an output that is shown elsewhere; ``None`` where no script serves it.

    Examples
    --------
    >>> copy_view("late", OutputOptions(whole="")) is None
    True
    >>> "<button" in copy_view("late", OutputOptions(whole="", key="a:0"))
    True
    """
    if not options.key:
        return None
    bar = html.el("span", _copy_button(output, options), cls="fh-o-bar", hidden="")
    return html.el("span", bar, cls="fh-o fh-o-short fh-o-copy", data_output=options.key)


def whole_form(shown: ShownOutput, form: str) -> html.Html:
    """Return all of an output in one form, as "Show all" puts it in place of the part that was there.

    Examples
    --------
    >>> rows = [{"n": n} for n in range(500)]
    >>> "499" in whole_form(ShownOutput(rows, OutputOptions(whole="run.text has all", cap=100_000)), "table")
    True
    """
    options = replace(shown.options, limits=ALL, open_chars=shown.options.cap)
    output = shown.output
    if form == "files":
        return _files(assets_of(output), options)
    compared = shown.compared(options) if shown.compared is not None and form in ("text", "differences") else {}
    if form in compared:
        return compared[form]
    return _drawn(without_origin(output) if options.is_blind else output, form, options)


def _tab(form: str, is_chosen: bool) -> html.Html:
    radio = html.el(
        "input", type="radio", name="form", value=form, checked="" if is_chosen else None,
        data_lm_suppress_shortcuts="true",
    )  # fmt: skip
    return html.el("label", radio, html.el("span", FORMS[form]), cls="fh-o-tab")


def _drawn(output: Any, form: str, options: OutputOptions) -> html.Html:
    if form == "json":
        return _json_tree(json_value(output), options)
    if form == "table" and (table := _table(json_value(output), options)) is not None:
        return table
    if form == "markdown":
        return _markdown(output, options)
    return _text(output, options)


# --- text

EMPTY: Final = "(empty)"


def output_text(output: Any, limit: int) -> tuple[str, bool]:
    """Return an output as text, at most about `limit` characters where it is JSON, and whether that is all."""
    if output is None or isinstance(output, str):
        return output or "", True
    return pretty(output, limit=limit)


def _text(output: Any, options: OutputOptions) -> html.Html:
    text, is_whole = output_text(output, options.cap)
    if not text:
        return html.el("div", EMPTY, cls="fh-out fh-dim")
    # Of JSON that is cut nobody has counted the rest: it is not spelt out for that.
    end = None if is_whole else html.el("div", f"… the rest is not shown; {options.whole}", cls="fh-dim")
    box = html.folded(
        text,
        whole=options.whole,
        cap=options.cap,
        open_chars=options.open_chars,
        open_lines=options.limits.lines_open,
        is_styled=options.is_styled,
        wanted=options.wanted,
    )
    button = all_button(options) if not is_whole or len(text) > options.cap else None
    return html.join([part for part in (box, end, button) if part is not None])


def _copy_button(
    output: Any, options: OutputOptions, title: str = "Copy all of the output to the clipboard"
) -> html.Html:
    text, is_whole = output_text(output, options.cap)
    # Only what an attribute keeps sign by sign; anything else, and a longer text, is asked for after the click.
    is_exact = is_whole and len(text) <= options.cap and html.printable(text) == text
    return html.el(
        "button", "Copy", type="button", cls="fh-copy", hidden="", data_text=text if is_exact else None,
        title=title,
    )  # fmt: skip


def all_button(options: OutputOptions) -> html.Html | None:
    """Return the button that a script answers; ``None`` where there is none, and in what it has answered."""
    if not (options.key and options.limits.has_more):
        return None
    return html.el("button", "Show all", type="button", cls="fh-show-all", hidden="")


# --- in one line

EXCERPT_READ: Final = 20_000
"""Characters of a text that an excerpt is made of: a table has an excerpt in each line."""


def excerpt(output: Any, limit: int) -> str:
    r"""Return the beginning of an output in one line of at most `limit` characters: its words, without any markup.

    Examples
    --------
    >>> excerpt("# Decision\n\nWe **pay**.", 40), excerpt('{"kind": "late", "paid": 640.0, "items": [1]}', 40)
    ('Decision: We pay.', 'kind: late, paid: 640, items: 1 item')
    >>> excerpt("We pay:\n\n| item | paid |\n|---|---|\n| window | 640 |", 40)
    'We pay…'
    """
    if isinstance(output, str):
        text = output[:EXCERPT_READ]
        value = json_value(text)
        if value is None:
            return _first_prose(text, limit) if _MARKDOWN.search(text) else first_words(text, limit)
        output = value
    if files := assets_of(output):
        return first_words(", ".join(asset.file_name or asset.id or "file" for asset in files[: SHOWN.files]), limit)
    if isinstance(output, Mapping) and output:
        return first_words(", ".join(words for _, words in islice(_fields_in_words(output), limit)), limit)
    if isinstance(output, list) and output:
        parts = (
            excerpt(value, limit) if isinstance(value, Mapping) else _in_a_few_words(value)
            for value in islice(output, limit)
        )
        return first_words("; ".join(parts), limit)
    return "" if output is None else first_words(_in_a_few_words(output), limit)


def fields_of_excerpt(output: Mapping[str, Any], text: str) -> Iterator[tuple[str, str]]:
    """Yield the fields of an object that its `excerpt` has, with their words there; of the last one perhaps a part.

    Examples
    --------
    >>> found = {"kind": "late", "items": [1, 2]}
    >>> [*fields_of_excerpt(found, excerpt(found, 20))]
    [('kind', 'kind: late'), ('items', 'items…')]
    """
    for name, words in _fields_in_words(output):
        if not text.startswith(f"{words}, "):
            yield name, text
            return
        yield name, words
        text = text[len(words) + len(", ") :]


def _fields_in_words(output: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the fields of an object, each with its words in one line."""
    return ((name, first_words(f"{name}: {_in_a_few_words(value)}", EXCERPT_READ)) for name, value in output.items())


_HEADING: Final = re.compile(r"^( {0,3}#{1,6} [^\n]*\w)[ \t]*$(?=\s*\S)", re.MULTILINE)
_TABLE_LINE: Final = re.compile(r"^ {0,3}\|.+\|[ \t]*$", re.MULTILINE)


def _first_prose(text: str, limit: int) -> str:
    """Return the first words of Markdown before its first table, whose cells in one line say nothing."""
    table = _TABLE_LINE.search(text)
    prose = text[: table.start()].strip() if table else ""
    words = first_words(plain_text(_HEADING.sub(r"\1:", prose or text)), limit - 1 if prose else limit)
    return f"{words.rstrip(' .,;:…')}…" if prose else words


def short_view(output: Any, limit: int, options: OutputOptions) -> html.Html | str:
    """Return an output for a cell of a table: its words, and where a script serves them the lines of its files.

    Examples
    --------
    >>> short_view({"assets": [{"file_name": "a.png"}]}, 40, OutputOptions(whole="the frame has all"))
    'a.png'
    """
    files = assets_of(output)
    if not (files and options.key):
        return excerpt(output, limit)
    lines = _files(files, replace(options, limits=IN_CELL))
    return html.el("div", lines, cls="fh-o fh-o-short", data_output=options.key)


def _in_a_few_words(value: Any) -> str:
    """Return a value inside of another one: of what has parts itself, how many."""
    if isinstance(value, str):
        return value[:EXCERPT_READ]
    if isinstance(value, Mapping) and value:
        return counted(len(value), "field")
    if isinstance(value, list) and value:
        return counted(len(value), "item")
    return pretty(for_reading(value), limit=EXCERPT_READ, indent=None)[0]


# --- Markdown

SLACK: Final = 1.2
"""So much more is not folded away."""

AS_TEXT: Final = "Shown as plain text, since showing so much of this output as Markdown takes too long."


def _markdown(text: str, options: OutputOptions) -> html.Html:
    """Return a model's Markdown as HTML; of what would take seconds, the plain text."""
    if not is_cheap(text[: options.cap]):
        return html.join([html.el("div", AS_TEXT, cls="fh-dim"), _text(text, options)])
    from markdown_it import MarkdownIt

    # The preset "js-default" has tables and no HTML; its links refuse javascript:, vbscript:, file: and data:.
    reader = MarkdownIt("js-default", {"html": False, "linkify": False}).disable("image")
    source = html.printable(text[: options.cap])
    env: dict[str, Any] = {}  # the definitions of links, which may stand at the end
    tokens = reader.parse(source, env)
    for token in tokens:
        if align := str(token.attrs.pop("style", "")).removeprefix(
            "text-align:"
        ):  # of a column; a report has no styles
            token.attrs["class"] = f"fh-{align}"
        if token.type == "table_open":  # it scrolls where it is wider than its place
            token.attrs["tabindex"] = "0"
        for part in token.children or ():
            if part.type == "link_open":  # a notebook is not left for it, nor is its address told
                part.attrs.update(target="_blank", rel="noopener noreferrer")
    _order_headings(tokens)
    cut = _fold_index(tokens, source, options.open_chars, options.limits.lines_open)

    def rendered(part: Sequence[Any], cls: str = "") -> html.Html:
        # The one place outside of `html` that makes one: with html=False the renderer escapes each text of the model's.
        page = html.Html(reader.renderer.render(part, reader.options, env))
        return html.el("div", page, cls=cls, dir=html.direction(source), tabindex=0 if cls else None)

    left = len(text) - len(text[: options.cap])
    end = html.el("div", f"… {counted(left, 'more character')}; {options.whole}", cls="fh-dim") if left else None
    button = all_button(options) if left else None
    if cut == len(tokens):
        return html.el("div", rendered(tokens), end, button, cls="fh-md")
    lines = source.count("\n") + 1 - (tokens[cut].map or [0])[0]
    more = (
        f"… {counted(lines, 'more line')}"
        if cut
        else f"{source.lstrip()[:80].splitlines()[0]} … {counted(lines, 'line')}"
    )
    opened, rest = _parted(tokens, cut)
    parts = (rendered(rest, "fh-rest"), end, button)
    folded = html.fold(more, *(part for part in parts if part is not None))
    return html.el("div", rendered(opened) if cut else None, folded, cls="fh-md")


_LISTS: Final = ("bullet_list_open", "ordered_list_open")


def _parted(tokens: Sequence[Any], cut: int) -> tuple[Sequence[Any], Sequence[Any]]:
    """Return what is open to the eye, and the rest; a list that is cut goes on there, with its numbers."""
    opened, rest = tokens[:cut], tokens[cut:]
    if rest[0].type != "list_item_open":
        return opened, rest
    start = max(number for number, token in enumerate(opened) if token.level == 0)
    before = sum(token.type == "list_item_open" and token.level == 1 for token in opened[start:])
    goes_on = opened[start].copy()
    if goes_on.type == "ordered_list_open":
        goes_on.attrs = {**goes_on.attrs, "start": int(goes_on.attrs.get("start", 1)) + before}
    end = next(token for token in rest if token.level == 0)
    return [*opened, end], [goes_on, *rest]


def _order_headings(tokens: Sequence[Any]) -> None:
    """Give headings the levels from 2 on, without a gap: an answer is a part of a page that has a title of its own."""
    headings = [token for token in tokens if token.type in ("heading_open", "heading_close")]
    ranks = {tag: 2 + rank for rank, tag in enumerate(sorted({token.tag for token in headings}))}
    level = 1
    for token in headings:
        level = min(ranks[token.tag], level + 1) if token.nesting > 0 else level
        token.tag = f"h{min(level, 6)}"


def _fold_index(tokens: Sequence[Any], text: str, chars: int, lines: int) -> int:
    """Return the index of the token with which the fold begins: a block, or an item of a list, on the top level."""
    starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]  # in characters, by line
    if len(starts) - 1 <= lines * SLACK and len(text) <= chars * SLACK:
        return len(tokens)
    for index, token in enumerate(tokens):
        is_item = token.level == 1 and token.type == "list_item_open"
        if (token.level == 0 or is_item) and token.nesting >= 0 and token.map:
            first, last = token.map
            if first >= lines or starts[first] >= chars:
                return index
            is_endless = last > 2 * lines or starts[last] > 2 * chars  # a code block; a list is cut between its items
            if is_endless and token.type not in _LISTS:
                return index - 1 if tokens[index - 1].type in _LISTS else index
    return len(tokens)


# --- table


def _table(value: Any, options: OutputOptions) -> html.Html | None:
    """Return a JSON value as a table; ``None`` for one that has no rows. The scored path is first."""
    limits = options.limits
    if isinstance(value, dict):
        names = _scored_first(value, options.path)
        cells = [(str(name), value[name]) for name in names[: limits.rows]]
        return _folded_table(("name", "value"), cells, len(value), 0, options, scored=options.path[:1])
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        path = options.path[1:] if options.path and isinstance(options.path[0], int) else ()
        names = _scored_first(_names_drawn(value, options), path)
        columns = names[: limits.columns]
        rows = ([row.get(name, "") for name in columns] for row in islice(value, limits.rows))
        return _folded_table(columns, rows, len(value), len(names) - len(columns), options)
    return None


A_CELL: Final = 10
"""Characters of a cap that a cell takes up with its own HTML."""


def _names_drawn(value: Sequence[Mapping[str, Any]], options: OutputOptions) -> Iterable[str]:
    """Return the names in those rows that there is room for, at most: of many wide rows few are drawn."""
    names: dict[str, None] = {}
    left_chars = options.cap
    for row in islice(value, options.limits.rows):
        if left_chars <= 0:
            break
        names |= dict.fromkeys(row)
        left_chars -= A_CELL * min(len(names), options.limits.columns)
    return names


def _folded_table(
    columns: Sequence[str],
    values: Iterable[Sequence[Any]],
    total: int,
    columns_left: int,
    options: OutputOptions,
    *,
    scored: Sequence[str | int] = (),
) -> html.Html:
    """Return rows as a table, as many as there is room for; a first cell that is `scored` is marked."""
    limits, left_chars, is_cut = options.limits, options.cap, False

    def cells_of(row: Sequence[Any]) -> list[html.Html]:
        nonlocal left_chars, is_cut
        cells = []
        for value in row:
            cell, is_whole = _cell(for_reading(value), min(limits.cell, max(left_chars, A_CELL)))
            left_chars -= max(len(cell), A_CELL)
            is_cut = is_cut or not is_whole
            cells.append(cell)
        return cells

    heads = cells_of(columns)
    left_chars = options.cap
    rows: list[list[object]] = []
    for row in values:
        if left_chars <= 0:
            break
        cells: list[object] = [*cells_of(row)]
        if scored and scored[0] == row[0]:
            cells[0] = html.el("span", cells[0], cls="fh-scored")
        rows.append(cells)
    parts = [html.table(heads, rows[: limits.rows_open])]
    if rest := rows[limits.rows_open :]:
        parts.append(html.fold(f"… {counted(len(rest), 'more row')}", html.table(heads, rest)))
    left = [counted(total - len(rows), "more row")] if total > len(rows) else []
    left += [counted(columns_left, "more column")] if columns_left else []
    note = html.el("div", f"{' and '.join(left)} not shown; {options.whole}", cls="fh-dim") if left else None
    return html.el("div", *parts, note, all_button(options) if left or is_cut else None)


def _cell(value: Any, cap: int) -> tuple[html.Html, bool]:
    """Return a value in a cell, and whether that is all of it."""
    text, is_whole = (value, True) if isinstance(value, str) else pretty(value, limit=cap, indent=None)
    cell = html.marked(text, "", cap)
    return cell if is_whole else html.join([cell, html.Html(" …")]), is_whole and len(text) <= cap


def _scored_first(names: Iterable[str], path: Sequence[str | int]) -> list[str]:
    """Return `names` with that of the scored part first."""
    return sorted(names, key=lambda name: path[:1] != (name,)) if path else list(names)


# --- JSON

A_NODE: Final = 20
"""Characters of a cap that a node takes up with its own HTML."""

OPEN_NODES: Final = 40

OPEN_LEVELS: Final = 2
"""What is open to the eye: the levels above, where there are not too many nodes."""


def _json_tree(value: Any, options: OutputOptions) -> html.Html:
    tree = _Tree(options)
    inside = tree.node(None, value, 0, options.path)
    end = html.el("div", f"… more is not shown; {options.whole}", cls="fh-dim") if tree.cut else None
    return html.el("div", inside, end, all_button(options) if tree.cut else None, cls="fh-out fh-tree")


class _Tree:
    def __init__(self, options: OutputOptions) -> None:
        self._nodes, self._left = min(options.limits.nodes, max(options.cap // A_NODE, 1)), options.cap
        self._limits = options.limits
        self._wanted = options.wanted
        self.cut = False

    def node(self, name: str | None, value: Any, level: int, path: Sequence[str | int] | None) -> html.Html:
        """Return a value with its name; `path` leads from here to the scored part, ``None`` where it is elsewhere."""
        self._nodes -= 1
        is_scored = path is not None and level > 0
        if isinstance(value, dict | list) and value:
            return self._branch(name, value, level, path)
        cls = "fh-leaf fh-scored" if is_scored and not path else "fh-leaf"
        return html.el("div", self._name_element(name), self._leaf(value), cls=cls)

    def _branch(
        self, name: str | None, value: dict[str, Any] | list[Any], level: int, path: Sequence[str | int] | None
    ) -> html.Html:
        step = path[0] if path else None
        items: list[tuple[Any, Any]] = []
        if step is not None and (isinstance(step, str) == isinstance(value, dict)):
            items = self._scored_item(value, step)
        others: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
        word = "field" if isinstance(value, dict) else "item"
        count = html.el("span", f"{len(value):,} {word}{'s' if len(value) > 1 else ''}", cls="fh-dim")
        inside = [self.node(str(key), item, level + 1, (path or ())[1:]) for key, item in items]
        for key, item in others:
            if items and key == items[0][0]:
                continue
            if self._nodes <= 0 or self._left <= 0 or level >= self._limits.levels:
                self.cut = True
                inside.append(html.el("div", "…", cls="fh-dim"))
                break
            inside.append(self.node(str(key), item, level + 1, None))
        is_open = level == 0 or bool(path) or (level < OPEN_LEVELS and len(value) <= OPEN_NODES)
        head = html.el("summary", self._name_element(name), count)
        is_scored = path is not None and not path and level > 0
        return html.el(
            "details", head, html.el("div", *inside), open="" if is_open else None, cls="fh-scored" if is_scored else ""
        )

    @staticmethod
    def _scored_item(value: dict[str, Any] | list[Any], step: str | int) -> list[tuple[Any, Any]]:
        try:
            return [(step, value[step])]  # type: ignore[index]  # the caller has compared their kinds
        except LookupError:
            return []

    def _name_element(self, name: str | None) -> html.Html | None:
        if name is None:
            return None
        most = min(self._limits.name, max(self._left, 0))
        self._left -= min(len(name), most)
        self.cut = self.cut or len(name) > most
        return html.el("span", html.marked(name, "", most), ": ", cls="fh-name", dir=html.direction(name))

    def _leaf(self, value: Any) -> html.Html:
        if isinstance(value, str):
            text = value[: min(self._limits.text, max(self._left, 0))]
            self._left -= len(text)
            more = f" … ({counted(len(value) - len(text), 'more character')})" if len(text) < len(value) else ""
            self.cut = self.cut or bool(more)
            # In its quotes, so that a text of digits is no number; its line breaks as they are.
            return html.join(
                [
                    html.el("span", html.marked(f'"{text}"', self._wanted, len(text) + 2), dir=html.direction(text)),
                    html.el("span", more, cls="fh-dim"),
                ]
            )
        json_text, is_whole = pretty(value, limit=self._limits.text, indent=None)
        self._left -= len(json_text)
        shown = json_text if is_whole else f"{json_text}…"
        return html.el("span", html.marked(shown, self._wanted, len(shown)), cls="fh-value")


# --- files

FILE_NAME_SHOWN: Final = 80

EMBEDDED_CAP: Final = 8 * 2**20
"""Characters of the saved pictures of one output that are in a view at most."""

IN_PROCESS: Final = "the local hive in this process has no address to fetch from; serve it on a socket to see its files"

NO_ADDRESS: Final = "it has no address to fetch from"
"""The same for who uses an app, or rates blindly."""

NOT_KNOWN: Final = "application/octet-stream"
"""The media type that says only that nothing is known."""

NOT_OFFERED: Final = "its address is not https, so it is not offered"

# What the first bytes of a file say that it is; the text forms are looked for without the blanks before them.
_SIGNATURES: Final = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
    b"<svg": "image/svg+xml",
    b"<?xml": "image/svg+xml",
    b"%PDF": "application/pdf",
    b"PK\x03\x04": "application/zip",
    b"\x1f\x8b": "application/gzip",
    b"ID3": "audio/mpeg",
    b"OggS": "audio/ogg",
    b"\x1aE\xdf\xa3": "video/webm",
    b"\x7fELF": "application/x-executable",
    b"<!doctype html": "text/html",
    b"<html": "text/html",
}

SIGNATURE_BYTES: Final = 512
"""How much of a file :func:`type_of_content` looks at."""


def type_of_content(content: bytes) -> str:
    r"""Return the media type that the first bytes of a file say; empty where they say none.

    Examples
    --------
    >>> type_of_content(b"\x89PNG\r\n"), type_of_content(b" <HTML>"), type_of_content(b"plain text")
    ('image/png', 'text/html', '')
    """
    begin = content[:SIGNATURE_BYTES].lstrip()
    if begin[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}.get(begin[8:12], "")
    if begin[4:8] == b"ftyp":
        return "image/avif" if begin[8:12] in (b"avif", b"avis") else "video/mp4"
    lowered = begin.lower()
    return next((kind for sign, kind in _SIGNATURES.items() if begin.startswith(sign) or lowered.startswith(sign)), "")


# What a browser draws without running anything of it; a script in an SVG does not run inside an <img>.
_DRAWN: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/svg+xml"})


def _files(assets: Sequence[Asset], options: OutputOptions) -> html.Html:
    left_chars, lines = options.cap + EMBEDDED_CAP, []
    for number, asset in enumerate(assets[: options.limits.files], 1):
        if left_chars <= 0:
            break
        kept_cap = min(options.kept_cap, left_chars // 4 * 3)  # in base64 three bytes are four characters
        lines.append(_file(number, asset, replace(options, kept_cap=kept_cap)))
        if asset.file_url not in options.contents:  # a page with contents has a cap of its own for them
            left_chars -= len(lines[-1])
    left = len(assets) - len(lines)
    more = html.el("div", f"… {counted(left, 'more file')}; {options.whole}", cls="fh-dim") if left else None
    return html.el("div", *lines, more, all_button(options) if left else None, cls="fh-files")


def _file(number: int, asset: Asset, options: OutputOptions) -> html.Html:
    """Return the line of a file: name, type and size, and the picture, or the way to it."""
    host = file_host(asset)
    is_image = is_picture(asset) if host is not None else False
    name = (
        f"{'Picture' if is_image else 'File'} {number}"
        if options.is_blind
        else one_line(asset.file_name or asset.id or "file", FILE_NAME_SHOWN)
    )
    facts = [one_line(asset.file_type, 40)] if asset.file_type and asset.file_type != NOT_KNOWN else []
    facts += [byte_size(asset.file_size)] if asset.file_size is not None and asset.file_size >= 0 else []
    content = options.contents.get(asset.file_url or "")
    if content is not None:
        return _line(html.el("bdi", name), facts, _embedded(name, content))
    kept = KEPT_FILES.get(asset.file_url or "", options.run)
    if kept is not None:
        return _kept(name, facts, kept, options)
    if host is None:
        local = (asset.file_url or "").startswith(f"http://{LOCAL}/")
        why = NOT_OFFERED if not local else NO_ADDRESS if _is_for_others(options) else IN_PROCESS
        return _line(html.el("bdi", name), [*facts, why])
    # A link would tell the name and the host where one must not see whose file it is.
    named = html.el("bdi", name)
    if not options.is_blind:
        named = html.el("a", named, href=asset.file_url, target="_blank", rel="noopener noreferrer")
    if not (is_image and options.key):
        return _line(named, facts)
    source = "" if options.is_blind else f" from {one_line(host, 40)}"
    asked = "the host of the file" if options.is_blind else one_line(host, 200)
    # To one who rates blindly it says nothing of where the file is: variants may have theirs in different places.
    seen = " (its host then sees your IP address)" if options.is_blind or not is_loopback(host) else ""
    button = html.el(
        "button", f"Show picture{source}{seen}", type="button", cls="fh-show-file", hidden="", data_src=asset.file_url,
        data_name=name, title=f"Your browser requests it from {asked} now",
    )  # fmt: skip
    return _line(named, facts, button)


def _kept(name: str, facts: list[str], kept: KeptFile, options: OutputOptions) -> html.Html:
    """Return the line of a file that is saved: the picture, and where it is."""
    where = "" if _is_for_others(options) else one_line(kept.where, 200)
    content = kept.content(options.kept_cap)
    drawn = content is not None and type_of_content(content) in _DRAWN
    return _line(html.el("bdi", name), [*facts, where], _embedded(name, content) if content and drawn else None)


def _is_for_others(options: OutputOptions) -> bool:
    """Whether who sees the view has nothing to do with this machine: one who rates blindly, or uses an app."""
    return options.is_blind or options.is_app or hooks.frontend().is_app()


def _line(name: html.Html, facts: Iterable[str], below: html.Html | None = None) -> html.Html:
    about = html.el("span", " · ".join(filter(None, facts)), cls="fh-dim")
    return html.el("div", html.el("div", name, " ", about), below, cls="fh-file")


def _embedded(name: str, content: bytes) -> html.Html:
    kind = type_of_content(content)
    encoded = base64.b64encode(content).decode()
    if kind in _DRAWN:
        return html.el("img", src=f"data:{kind};base64,{encoded}", alt=name)
    return html.el("a", "Save the file", href=f"data:application/octet-stream;base64,{encoded}", download=name)


# --- style

_SHOWN: Final = "".join(
    f".fh-o:has(>.fh-o-bar [value={form}]:checked)>.fh-as-{form}{{display:block}}"
    f".fh-o:has(>.fh-o-bar [value={form}]:not(:checked))>.fh-as-{form}{{display:none}}"
    for form in FORMS
)

CSS: Final = (
    ".fh .fh-o{display:block;margin:0;border:1px solid var(--jp-border-color2,rgba(128,128,128,.4));border-radius:4px;"
    "background:var(--jp-layout-color1,transparent);color:inherit;min-width:0;max-width:100%;text-align:start}"
    ".fh .fh-o-short{border:0;background:none}.fh .fh-o-copy{display:inline-block;vertical-align:middle}"
    ".fh-o.fh-o-copy>.fh-o-bar{padding:0;border:0}"
    ".fh-o>.fh-as{padding:8px 12px;overflow-wrap:anywhere}"
    ".fh .fh-o .fh-out{border:0;padding:0;background:none;border-radius:0}"
    ".fh-o>.fh-o-bar{display:flex;align-items:flex-start;justify-content:space-between;gap:4px;min-height:24px;"
    "padding:4px;border-bottom:1px solid var(--jp-border-color2,rgba(128,128,128,.4))}"
    # Copy alone is in the corner, and the text flows around it.
    ".fh .fh-o:has(>.fh-o-corner){display:flow-root}"
    ".fh-o>.fh-o-corner{float:right;min-height:0;padding:4px;border:0;margin-inline-start:8px}"
    ".fh-o-tabs{display:flex;flex-wrap:wrap;gap:2px;min-width:0}"
    ".fh-o-tab{position:relative;display:block;margin:0;padding:0 6px;line-height:24px;font-size:12px;"
    "white-space:nowrap;font-weight:400;border-radius:3px;color:var(--jp-ui-font-color2,inherit)}.fh-o-tab{cursor:pointer}"
    ".fh-o-tab>input{position:absolute;inset:0;width:100%;height:100%;margin:0;opacity:0;cursor:pointer}"
    ".fh-o-tab:hover{color:var(--jp-ui-font-color1,inherit)}"
    ".fh-o-tab:has(:checked){background:var(--jp-layout-color2,rgba(128,128,128,.2));"
    "color:var(--jp-ui-font-color1,inherit);font-weight:600}"
    ".fh-o-tab:has(:focus-visible),.fh-o button:focus-visible"
    "{outline:2px solid var(--jp-brand-color1,currentColor);outline-offset:1px}"
    ".fh-o button{display:inline-block;flex:none;font:inherit;font-size:12px;line-height:22px;height:24px;"
    "min-height:0;padding:0 8px;margin:0;cursor:pointer;border-radius:4px;"
    "border:1px solid var(--jp-border-color1,rgba(128,128,128,.6));background:var(--jp-layout-color1,transparent);"
    "color:var(--jp-ui-font-color1,inherit);max-width:100%}"
    ".fh-o button:hover{background:var(--jp-layout-color2,rgba(128,128,128,.15))}"
    ".fh-o .fh-copy{min-width:56px;padding:0 6px;margin-left:auto}"
    ".fh-o .fh-show-all,.fh-o .fh-show-file{margin-top:8px}"
    f"{_SHOWN}"
    # Buttons of a display that may outlive its script; outputs.js shows them where it serves them.
    ".fh-o[data-output*=':'] button,.fh-o[data-output*=':']>.fh-o-bar:not(:has(.fh-o-tab)){display:none}"
    ".fh-tree{font-family:var(--jp-code-font-family,monospace);font-size:var(--jp-code-font-size,13px)}"
    ".fh-tree details>div{margin-left:7px;padding-left:11px;border-left:1px solid var(--jp-border-color2,"
    "rgba(128,128,128,.4))}.fh-tree summary{cursor:pointer}.fh-tree summary:focus-visible{outline:2px solid "
    "currentColor}.fh-leaf{overflow-wrap:anywhere;white-space:pre-wrap;padding-left:13px;text-indent:-13px}"
    ".fh-tree details .fh-leaf{padding-left:13px}.fh-name{color:var(--jp-ui-font-color2,inherit)}"
    ".fh-o mark{background:color-mix(in srgb,#ffd33d 35%,transparent);color:inherit;border-radius:2px;padding:0}"
    ".fh-leaf>.fh-dim,.fh-tree summary>.fh-dim{font-size:.92em}"
    ".fh-leaf.fh-scored,.fh-scored>summary,.fh-scored>.fh-name,.fh-scored>summary>.fh-name,span.fh-scored"
    "{font-weight:700;color:var(--jp-ui-font-color1,inherit)}"
    ".fh .fh-md a,.fh .fh-files a{color:var(--jp-content-link-color,revert);text-decoration:underline}"
    ".fh .fh-md h2{font-size:1.25em;margin:12px 0 4px}.fh .fh-md h3{font-size:1.1em;margin:8px 0 4px}"
    ".fh .fh-md :is(h4,h5,h6){font-size:1em;margin:8px 0 4px}"
    ".fh-md pre{overflow-x:auto}.fh-md table{display:block;overflow-x:auto;border-collapse:collapse}"
    # With the wrapper, to win over the page's own style: an answer looks the same in a cell and among widgets.
    ".fh .fh-o .fh-md :is(h1,h2,h3,h4,h5,h6){font-weight:600;line-height:1.3;color:inherit}"
    ".fh .fh-o .fh-md :is(p,ul,ol,table,pre,blockquote){margin:0 0 8px}"
    ".fh .fh-o .fh-md :is(table,th,td){font-size:inherit;line-height:inherit}"
    ".fh .fh-o .fh-md li>:is(ul,ol){margin:0}.fh .fh-o .fh-md :is(ul,ol){padding-left:24px}"
    ".fh .fh-o .fh-md>div>:first-child{margin-top:0}.fh .fh-o .fh-md>div>:last-child{margin-bottom:0}"
    ".fh .fh-o .fh-md :is(th,td){text-align:start;vertical-align:top;padding:2px 12px 2px 0;border:0}"
    # A column is as wide as its longest word, within bounds: what is wider than its place scrolls.
    ".fh .fh-o .fh-as :is(th,td){overflow-wrap:break-word;max-width:36em}"
    ".fh .fh-o .fh-md :is(table,thead,tbody,tbody tr,tbody tr:hover){background:none;border:0}"
    ".fh .fh-o .fh-md thead th{border-bottom:1px solid var(--jp-border-color2,rgba(128,128,128,.4))}"
    ".fh .fh-o .fh-md .fh-center{text-align:center}.fh .fh-o .fh-md .fh-right{text-align:right}"
    ".fh .fh-o .fh-md .fh-left{text-align:left}"
    ".fh-file+.fh-file{margin-top:8px}.fh-file img{display:block;max-width:100%;height:auto;margin-top:8px;"
    "border-radius:4px}"
)

STYLE: Final = html.Html(f"<style>{CSS}</style>")
"""Beside ``html.STYLE``, in every page that has such a view."""


_PICTURES: Final = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".bmp", ".svg")


@arguments.public
@with_partial_repr
@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file that a run made, at an address of the service (CONTRACT section 1, image results)."""

    id: str | None = None
    file_url: str | None = None
    file_name: str | None = None
    file_size: int | None = None
    """Bytes."""
    file_type: str | None = None
    expires_at: datetime | None = None
    """UTC; when its address ends, where the service tells: who keeps the address alone then has no file any more."""
    asset_type: str | None = None
    error_message: str | None = None
    """Why there is no file, where making it failed."""

    def __post_init__(self) -> None:
        arguments.check(Asset.__init__, {each.name: getattr(self, each.name) for each in fields(self)})

    @classmethod
    def from_wire(cls, value: Mapping[str, Any]) -> Asset:
        """Return the asset of one entry of ``output.assets``; what is not of the right kind is left out."""
        arguments.check(Asset.from_wire, locals())
        size = value.get("file_size")
        texts = {name: str(value[name]) for name in _ASSET_TEXTS if value.get(name) is not None}
        expires_at = instant_of(value.get("file_url_expires_at"))
        return cls(file_size=size if isinstance(size, int) else None, expires_at=expires_at, **texts)


_ASSET_TEXTS: Final = ("id", "file_url", "file_name", "file_type", "asset_type", "error_message")


def instant_of(value: Any) -> datetime | None:
    """Return a time of the service in UTC, ISO 8601 or seconds since 1970 (UNKNOWN which); ``None``: it is neither."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return datetime.fromtimestamp(value, UTC) if is_number(value) else None
    except (ValueError, OverflowError, OSError):
        return None


def assets_of(output: Any) -> tuple[Asset, ...]:
    """Return the files that an output lists, if it lists any.

    Examples
    --------
    >>> [asset.file_name for asset in assets_of({"assets": [{"file_name": "a.png"}, 3]})], assets_of("text")
    (['a.png'], ())
    """
    listed = output.get("assets") if isinstance(output, Mapping) else None
    return tuple(Asset.from_wire(a) for a in listed if isinstance(a, Mapping)) if isinstance(listed, list) else ()


def saved_files(output: Any, run: str) -> str | None:
    """Return the paths of the files of an output that are saved, one a line; ``None`` without one.

    `run` is the identity of the run that has the output (`Run.identity`).
    """
    kept = (KEPT_FILES.get(asset.file_url or "", run) for asset in assets_of(output))
    return "\n".join(str(file.given) for file in kept if file is not None and file.given is not None) or None


def with_saved_files(output: Any, run: str) -> Any:
    """Return an output in which each file that is saved is a text that says where, for a text that others read.

    A path is as its folder was given; an absolute one is of this machine: of it, the folder and the file are named.
    `run` is as in :func:`saved_files`.
    """
    if not assets_of(output):
        return output
    return {**output, "assets": [_entry_or_place(entry, run) for entry in output["assets"]]}


def _entry_or_place(entry: Any, run: str) -> Any:
    asset = Asset.from_wire(entry) if isinstance(entry, Mapping) else Asset()
    if (kept := KEPT_FILES.get(asset.file_url or "", run)) is None:
        return entry
    if kept.given is None:
        return f"{asset.file_name or 'file'} {kept.where}"
    parts = kept.given.parts
    return "/".join(parts[-2:] if kept.given.is_absolute() else parts)


def file_host(asset: Asset) -> str | None:
    """Return who would be asked for a file; ``None`` for an address that is not to be fetched.

    Examples
    --------
    >>> file_host(Asset(file_url="https://files.example/a.png")), file_host(Asset(file_url="javascript:alert(1)"))
    ('files.example', None)
    """
    try:
        parts = urlsplit(asset.file_url or "")
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.username is not None or any(sign.isspace() or sign < " " for sign in asset.file_url or ""):
        return None
    fetched = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    return host if fetched else None


def is_picture(asset: Asset) -> bool:
    """Whether a file says that it is a picture."""
    kind = (asset.file_type or "").lower()
    if "/" in kind and kind != NOT_KNOWN:
        return kind.startswith("image/")
    name = asset.file_name or urlsplit(asset.file_url or "").path
    return name.lower().endswith(_PICTURES)
