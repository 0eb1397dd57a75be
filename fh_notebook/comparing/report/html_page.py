"""HTML report: one page that works offline and is safe to open and to send.

Its content security policy allows no address. Its only script and style sheet are ours, identified by their hashes, and
what a model wrote is JSON text in an element that runs nothing. So a defect of this module could not execute any of it.
Outputs that are more than plain text have their view (`OutputViews`), with the bytes of their files: they are fetched
when the report is written, as :meth:`Run.save_assets` fetches them, so the page asks nobody. A page opens quickly only
up to a size, so outputs behind it are text, and further files are their links.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.plots.panels import kinds_drawn, plot_data
from fh_notebook.comparing.report import display
from fh_notebook.comparing.report.row_filters import FILTERS, ONLY_RIGHT, SCORE_FILTERS, quick_filters
from fh_notebook.comparing.verdicts.verdict import verdict_of
from fh_notebook.contract.output import (
    CSS,
    FOLDED,
    SHOWN,
    OutputOptions,
    assets_of,
    best_form,
    file_host,
    output_view,
)
from fh_notebook.contract.run import Run, action_text
from fh_notebook.core import hooks
from fh_notebook.core.files import KEPT_FILES
from fh_notebook.core.redaction import redact
from fh_notebook.core.text import html
from fh_notebook.core.text.html import swatch_name
from fh_notebook.core.text.messages import COMMAND, counted
from fh_notebook.errors import FetchHiveError

FIRST_ROWS: Final = 25
"""Rows that are there also where scripts are off."""
SCORE_DIGITS: Final = 6
"""Digits behind the point that a score has in the page's data."""
LOW_SHARE: Final = 0.1
"""The share of rows that "low score" finds, where scores are numbers."""

ORDERS: Final = {"plan": "in order", "spread": "that differ most first"}
SIZES: Final = (25, 100, 500)


def page(
    data: ComparisonData, *, rows: Iterable[Mapping[str, Any]], about: Mapping[str, Mapping[str, str]], origin: str = ""
) -> str:
    """Return the whole page; `rows`, `about` and `origin` are of :mod:`fh_notebook.comparing.report.report`.

    The variants of a row are in the order of the summary above: best first.
    """
    variants = display.best_first(data)
    written = _Rows.of(data, variants, rows)
    style = f"{files('fh_notebook.comparing.report').joinpath('report.css').read_text('utf-8').strip()}"
    style += f"{display.NUMBERS_CSS}{CSS}"
    script = html.TEXT_SCRIPT + files("fh_notebook.comparing.report").joinpath("report.js").read_text("utf-8").strip()
    body = html.el("main", *_body_parts(data, variants, written, about, origin))
    title = html.el("title", redact(f"Comparison of {display.title(data)}"))
    return "\n".join([
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(script, style)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer"><meta name="robots" content="noindex">',
        title,
        f"<style>{style}</style></head><body>",
        body,
        f'<script type="application/json" id="data">{_data_json(data, variants, written)}</script>',
        f"<script>{script}</script>",
        "</body></html>\n",
    ])  # fmt: skip


def _policy(script: str, style: str) -> str:
    """Return the content policy: our own script and style, told by their hashes, and pictures that are in the page."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}"


@dataclass
class _Rows:
    """What the page has of its rows, gathered one by one: together, they would be held twice."""

    texts: list[str] = field(default_factory=list)
    """Each row as JSON, as the script shows it."""
    first: list[Mapping[str, Any]] = field(default_factory=list)
    """The rows that are there before the script takes over."""
    matching: Counter[str] = field(default_factory=Counter)
    """By filter, the number of rows that match it."""
    has_expected: bool = False

    def __len__(self) -> int:
        return len(self.texts)

    @classmethod
    def of(cls, data: ComparisonData, variants: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> _Rows:
        """Gather `rows`, with the variants and the inputs in the order of the page."""
        gathered = cls()
        places = [data.variants.index(name) for name in variants]
        inputs = [data.row_columns.index(name) for name in data.leading_columns]
        for row in rows:
            shown = {
                **row,
                "inputs": [row["inputs"][place] for place in inputs],
                "runs": [row["runs"][place] for place in places],
            }
            if len(gathered.first) < FIRST_ROWS:
                gathered.first.append(shown)
            gathered.matching.update(row["matches"])
            gathered.has_expected = gathered.has_expected or row["expected"] is not None
            gathered.texts.append(_row_json(shown))
        return gathered


def _row_json(row: Mapping[str, Any]) -> str:
    """Return what the script reads of a row: neither `differ` nor seconds, which `matches` and `facts` tell as well.

    A run without a status is a completed one.
    """
    runs = [run and dict(run) for run in row["runs"]]
    for run in runs:
        if run is not None:
            run.pop("seconds", None)
            if run["status"] == "completed":
                del run["status"]
    return _JSON.encode({name: row[name] for name in row if name != "differ"} | {"runs": runs})


_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _data_json(data: ComparisonData, variants: Sequence[str], rows: _Rows) -> str:
    """Return what the script shows, as JSON that cannot end its element."""
    about = {
        "pairOn": data.pair_on,
        "variants": [redact(variant) for variant in variants],
        "inputs": data.leading_columns,
        "places": [data.variants.index(variant) for variant in variants],
        "onlyRight": ONLY_RIGHT if data.is_right_or_wrong else "",
        "expected": rows.has_expected,
        "yesNo": data.is_right_or_wrong,
        "lower": data.lower,
        "low": _low_score(data),
    }
    text = f'{_JSON.encode(about).removesuffix("}")},"rows":[{",".join(rows.texts)}]}}'
    # As JSON escapes, which mean the same: no tag, no comment, and no line end that only JavaScript knows.
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text


def _low_score(data: ComparisonData) -> float:
    """Return the bound of the scores that are among the worst."""
    scores = data.lines["score"].dropna()
    if scores.empty or data.grid.yes_no:
        return float(data.lower)
    return round(float(scores.quantile(1 - LOW_SHARE if data.lower else LOW_SHARE)), SCORE_DIGITS)


# --- its parts


def _body_parts(
    data: ComparisonData,
    variants: Sequence[str],
    rows: _Rows,
    about: Mapping[str, Mapping[str, str]],
    origin: str,
) -> list[html.Html | None]:
    masked = data.runs.secret().masked
    tests, classes = display.tests_html(data), display.classes_html(data)
    return [
        html.sentence("h1", redact(masked(verdict_of(data))), data.variants, cls="say"),
        html.el("p", redact(display.about(data)), cls="dim"),
        html.el("p", html.ids_unbroken(origin), cls="dim") if origin else None,
        _scrolling(display.summary_html(display.SummaryData.of(data)), "Summary"),
        display.notes_html(data, COMMAND, cls="notes"),  # whoever reads it has no notebook
        _scrolling(tests, "Tests") if tests else None,
        _scrolling(classes, "Labels") if classes else None,
        *_plots_html(data),
        html.el("h2", f"All {counted(len(rows), 'row')}" if len(rows) != 1 else "The row"),
        _toolbar(data, variants, rows.matching),
        _rows_table(data, variants, rows),
        *(part for heading, facts in about.items() for part in (html.el("h2", heading), _facts_list(facts))),
    ]


def _scrolling(table: html.Html, name: str) -> html.Html:
    """Return a table that scrolls sideways where it is too wide, by keyboard too."""
    return html.el("div", table, cls="wide", role="region", aria_label=name, tabindex=0)


def _plots_html(data: ComparisonData) -> list[html.Html]:
    facts = plot_data(data)
    kinds = kinds_drawn(facts)
    if not kinds:
        return []
    from fh_notebook.comparing.plots.matplotlib_plots import PANELS, inline

    figures = [html.el("figure", inline(panel), tabindex=0) for kind in kinds for panel in PANELS[kind](facts)]
    return [html.el("h2", "Plots"), html.el("div", *figures, cls="plots")]


def _toolbar(data: ComparisonData, variants: Sequence[str], matching: Mapping[str, int]) -> html.Html:
    names = {data.variants.index(name): redact(name) for name in variants}
    filters = {"": "all"} | quick_filters(
        names, matching, is_scored=bool(data.scorer), is_right_or_wrong=data.is_right_or_wrong
    )
    low = "a wrong answer" if data.is_right_or_wrong else "high score" if data.lower else "low score"
    scores = {"": "any score"} | {name: FILTERS[name] for name in SCORE_FILTERS} | {"low": low}
    chips = (
        html.el("button", label, type="button", cls="chip", value=name, aria_pressed=str(not name).lower())
        for name, label in filters.items()
    )
    orders = ORDERS if data.scorer else {"plan": ORDERS["plan"]}
    sizes = {str(size): f"{size} a page" for size in SIZES}
    more = (
        _select("only", scores, "rows by their scores", is_hidden=not data.scorer),
        _select("order", orders, "order"),
        _select("size", sizes, "rows a page"),
    )
    return html.el(
        "div",
        html.el(
            "input",
            type="search",
            id="search",
            dir="auto",
            placeholder="Search inputs and outputs",
            aria_label="search",
        ),
        *chips,
        html.el("details", html.el("summary", "More filters"), *more, cls="others"),
        html.el("span", *map(_turning, PAGER), html.el("span", id="where", aria_live="polite"), cls="pager"),
        cls="tools",
        id="tools",
        hidden="hidden",
    )


PAGER: Final = {
    "first": ("«", "First page"),
    "back": ("‹", "Previous page"),
    "on": ("›", "Next page"),
    "last": ("»", "Last page"),
}
"""The buttons that turn pages, by their ids: those of the browser of rows."""


def _turning(name: str) -> html.Html:
    sign, label = PAGER[name]
    return html.el("button", sign, type="button", id=name, aria_label=label, title=label)


def _select(name: str, choices: Mapping[str, str], label: str, *, is_hidden: bool = False) -> html.Html:
    options = (html.el("option", words, value=value) for value, words in choices.items())
    return html.el("select", *options, id=name, aria_label=label, hidden="hidden" if is_hidden else None)


def _rows_table(data: ComparisonData, variants: Sequence[str], rows: _Rows) -> html.Html:
    """Return the first rows: what is there before the script takes over, or where there is none."""
    inputs, expected = data.leading_columns, rows.has_expected
    head = [
        html.el("th", data.pair_on, cls="key", scope="col"),
        *([html.el("th", "inputs", scope="col", cls="asked")] if inputs else []),
        *([html.el("th", "expected", scope="col")] if expected else []),
    ]
    head += [html.el("th", swatch_name(data.colours[name], redact(name)), scope="col") for name in variants]
    lines = []
    for row in rows.first:
        cells = [_said("td", str(row["pair"]), cls="key")]
        inputs_text = [f"{name}: {text}" for name, text in zip(inputs, row["inputs"], strict=True) if text is not None]
        cells += [_said("td", html.clip("\n".join(inputs_text), 600), cls="out")] if inputs else []
        correction = _said("div", row["correction"], cls="correction") if "correction" in row else None
        cells += [_said("td", row["expected"] or "", correction, cls="out")] if expected else []
        cells += [_said("td", html.clip(_run_text(run), 600), cls="out") for run in row["runs"]]
        lines.append(html.el("tr", *cells))
    more = f"Scripts are off: these are the first {FIRST_ROWS} of {len(rows):,} rows."
    table = html.el("table", html.el("thead", html.el("tr", *head)), html.el("tbody", *lines, id="body"))
    return html.el("div", html.el("noscript", html.el("p", more)) if len(rows) > FIRST_ROWS else None, table, id="rows")


def _said(tag: str, text: str, *more: html.Html | None, cls: str = "") -> html.Html:
    """Return what somebody else wrote, in its own direction."""
    return html.el(tag, html.ids_unbroken(text), *more, cls=cls, dir=html.direction(text))


def _run_text(run: Mapping[str, Any] | None) -> str:
    if run is None:
        return "no output"
    text = run.get("output") or run.get("error") or run["status"]
    action = action_text(run.get("client_action"))
    lines = [str(text), *([f"→ {action}"] if action else []), *([run["facts"]] if "facts" in run else [])]
    return "\n".join(lines)


def _facts_list(facts: Mapping[str, str]) -> html.Html:
    return html.el(
        "dl",
        *(
            html.join([html.el("dt", FACT_NAMES.get(name, name)), html.el("dd", value, dir=html.direction(value))])
            for name, value in facts.items()
        ),
    )


FACT_NAMES: Final = {
    "schema_sha256": "hash of the inputs' schema",
    "created": "batch created",
    "paired on": "answers matched by",
    "seed": "seed of random draws",
}
"""What a fact is called for a reader who has no table with its name."""


VIEWS_CAP: Final = 8_000_000
"""Characters of all views of a page; an output behind it is text."""
FILES_CAP: Final = 20_000_000
"""Bytes of all files in a page."""
OUTPUT_CAP: Final = 200_000
"""Characters of one output in a form of its view: a page of 25 rows draws that many at once."""


COPY_HAS_ALL: Final = "Copy copies everything"


class OutputViews:
    """The views of one page.

    Parameters
    ----------
    path : tuple of str or int
        The part of an output that is scored.
    """

    def __init__(self, path: tuple[str | int, ...] = ()) -> None:
        self._path = path
        self._chars_left, self._bytes_left = VIEWS_CAP, FILES_CAP

    def of(
        self, output: Any, find_run: Callable[[], Run | None] = lambda: None, *, whole: str = COPY_HAS_ALL
    ) -> str | None:
        """Return the view of an output; ``None`` where its text says the same, or where there are too many.

        `find_run` gives the run that has it: its saved files are shown, and only its service may be on a private
        network. `whole` is where all of it is.
        """
        if self._chars_left <= 0 or output is None or best_form(output) == "text":
            return None
        options = OutputOptions(
            whole=whole, cap=OUTPUT_CAP, path=self._path, is_styled=False, limits=FOLDED,
            contents=self._contents(output, find_run),  # and no run: a page for others names no path of this machine
        )  # fmt: skip
        view = output_view(output, options)
        files = 4 * sum(map(len, options.contents.values())) // 3  # as base64; they have a cap of their own
        self._chars_left -= len(view) - files
        return str(view)

    def _contents(self, output: Any, find_run: Callable[[], Run | None]) -> Mapping[str, bytes]:
        """Return the files of an output that are saved or can be fetched, by their addresses."""
        contents: dict[str, bytes] = {}
        assets = assets_of(output)[: SHOWN.files]
        lister = (find_run() if assets else None) or Run(status="completed")
        for asset in assets:
            url = asset.file_url
            if url is None or self._bytes_left <= 0 or url in contents:
                continue
            kept = KEPT_FILES.get(url, lister.identity)
            if kept is not None and (content := kept.content(self._bytes_left)) is not None:
                contents[url] = content
                self._bytes_left -= len(content)
                continue
            if file_host(asset) is None:
                continue
            listed = {"assets": [{"file_url": url, "file_name": "file"}]}
            run = Run(status="completed", output=listed, origin=lister.origin)
            with TemporaryDirectory() as folder:
                try:
                    [file] = hooks.assets().save_assets(run, Path(folder))
                except FetchHiveError:  # the page has its link
                    continue
                if file.stat().st_size <= self._bytes_left:
                    contents[url] = file.read_bytes()
                    self._bytes_left -= len(contents[url])
        return contents
