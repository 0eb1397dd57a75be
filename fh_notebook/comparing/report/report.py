"""``cmp.report(path)``: the content of a report as plain JSON values, and its file in the format of the suffix.

The content (rows, provenance, settings) is computed here, and each format gets it as values. Every text is masked by
`redact`. A column that contains a password is left out, and the password is masked wherever else it occurs. A text for
which a page has no room is cut; it says how much is missing and where all of it is. A file is written as a whole or not
at all.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from fh_notebook.batching.export.export import checked_target, replacing, suffix_of
from fh_notebook.batching.tables.frames import SAVED_FILES
from fh_notebook.batching.tables.values import plain
from fh_notebook.comparing import tables
from fh_notebook.comparing.data import NOT_SENT, ComparisonData
from fh_notebook.comparing.report.html_page import COPY_HAS_ALL, SCORE_DIGITS, OutputViews, page
from fh_notebook.comparing.report.markdown import markdown
from fh_notebook.comparing.report.workbook import write_workbook
from fh_notebook.comparing.scorers.base import number_of
from fh_notebook.comparing.stats.hypothesis_tests import FLIPS
from fh_notebook.comparing.stats.intervals import FEW_ROWS, LEVEL, MANY_ROWS, RESAMPLES, SEED
from fh_notebook.comparing.stats.number_format import ScoreText
from fh_notebook.comparing.stats.pairs import ALPHA, tested_in
from fh_notebook.contract.output import best_form, saved_files
from fh_notebook.core.config import settings
from fh_notebook.core.json_values import is_missing
from fh_notebook.core.optional_deps import ensure_installed
from fh_notebook.core.redaction import redact
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import given_form, in_words, moment_text, seconds_text
from fh_notebook.core.text.messages import counted
from fh_notebook.version import __version__

SHEET_CAP: Final = 20_000
"""Characters of one text in a cell of a sheet, which has at most 32,767."""
TEXTS_CAP: Final = 30_000_000
"""Characters of all texts of a page: a browser opens it in a few seconds."""
TEXT_CAP: Final = 1_000_000
"""Characters of one text of a page at most, as a notebook copies them."""
LEAST_CAP: Final = 2_000
"""Characters that each text has even where the page is full."""

ELSEWHERE: Final = "the comparison's frame has everything"


class TextRoom:
    """Room for the texts of a report.

    Parameters
    ----------
    total : int, optional
        Characters of all texts together; without it, there is always room.
    most : int
        Characters of one text.
    """

    def __init__(self, total: int | None = None, most: int = SHEET_CAP) -> None:
        self._left, self._most = total, most

    def take(self, value: Any, mask: Callable[[str], str] = redact) -> tuple[str | None, int]:
        """Return a value as a text, and how many characters are missing: there was no room for them.

        A text is as it is, anything else JSON; masked and printable.
        """
        if is_missing(value):
            return None, 0
        if not isinstance(value, str):
            value = json.dumps(plain(value), ensure_ascii=False, default=str)
        text = mask(value)
        shown = text[: self._most if self._left is None else min(self._most, max(self._left, LEAST_CAP))]
        if self._left is not None:
            self._left -= len(shown)
        return html.printable(shown), len(text) - len(shown)

    def text(self, value: Any, mask: Callable[[str], str] = redact) -> str | None:
        """Return a value as a text that says itself what is missing."""
        shown, missing = self.take(value, mask)
        return f"{shown} {_left_out(missing)}" if missing else shown


def _left_out(missing: int) -> str:
    return f"… ({counted(missing, 'more character')}; {ELSEWHERE})"


def report_rows(
    data: ComparisonData,
    views: OutputViews | None = None,
    room: TextRoom | None = None,
    *,
    with_paths: bool = False,
) -> Iterator[dict[str, Any]]:
    """Yield one row after another; with `views`, each run has a ``view`` where a page shows one.

    ``pair`` (a number or a text), ``expected``, ``correction`` (of a corrected row only), ``inputs`` (texts, of
    `ComparisonData.row_columns`), ``differ``, ``matches`` (names of `row_filters`) and ``runs``: of every variant
    ``output, score, seconds, error, client_action, status`` and ``facts``: score, seconds and repeats in words.
    Of repeats: the first output, the means of scores and seconds. An output for which `room` has none has also
    ``left``, a sentence on what is missing. Where files of an output are saved, `with_paths` adds
    ``saved_files``, their paths: a page has the files themselves, and names no path of this machine.
    """
    room = room or TextRoom()
    columns = [column.tolist() for name in data.row_columns if (column := data.runs.column(name)) is not None]
    lines = data.lines.reset_index(drop=True)
    if views is not None:  # a page has the numbers of a column in one format, a sheet as they are
        columns = [_in_one_format(values) for values in columns]
    first: dict[Any, int] = {}
    states: dict[tuple[Any, str], _State] = {}
    lines["status"] = data.shown_status
    columns_of_state = (lines[name].tolist() for name in ("pair", "variant", "status", "error", "client_action"))
    for position, (pair, variant, *state) in enumerate(zip(*columns_of_state, strict=True)):
        first.setdefault(pair, position)
        before = states.get((pair, variant))
        states[pair, variant] = before.with_repeat(*state) if before else _State(*state)
    masks = data.runs.secret().masks()
    score_text = data.score_text if data.scorer else None
    table = tables.wide(data)
    names = table.columns.tolist()
    lines_of_cells = zip(*(table[name].tolist() for name in names), strict=True)
    for cells, winner in zip(lines_of_cells, data.winners.tolist(), strict=True):
        line = dict(zip(names, cells, strict=True))
        pair = line[data.pair_on]
        mask = masks.of(pair)
        runs = [
            _run_values(line, variant, states.get((pair, variant)), mask, score_text, room) for variant in data.variants
        ]
        for variant, run in zip(data.variants, runs, strict=True):
            if run is not None and "output" in run:
                output, place = line[f"{variant}.output"], data.answered_at.get((pair, variant))
                run |= _paths(data, output, place) if with_paths else {}
                # Nearly every output is plain text, and to mask it once more takes longer than to see that it is.
                if views is not None and not (isinstance(output, str) and best_form(output) == "text"):
                    whole = ELSEWHERE if "left" in run else COPY_HAS_ALL
                    view = views.of(masks.value(pair, output), partial(data.runs.run_at, place), whole=whole)
                    run |= {} if view is None else {"view": view}
        yield {
            "pair": plain(pair) if _is_number(pair) else room.text(pair, mask) or "",
            "expected": room.text(line.get("expected_output"), mask),
            **({"correction": f"corrected {story}"} if (story := data.runs.correction_story(pair)) else {}),
            "inputs": [room.text(values[first[pair]], mask) for values in columns],
            "differ": bool(line["scores_differ"] if data.scorer else line["outputs_differ"]),
            "matches": _matches(data, line, runs, winner),
            "runs": runs,
        }


def _matches(
    data: ComparisonData, line: Mapping[Any, Any], runs: Sequence[Mapping[str, Any] | None], winner: int
) -> list[str]:
    """Return the filters that a row matches, by the rules of the browser of rows."""
    statuses = {run["status"] if run else "pending" for run in runs}
    found = {
        "different": line["outputs_differ"],
        **{name: name in statuses for name in ("failed", "unknown", "pending")},
        "not_sent": NOT_SENT in statuses,
    }
    if data.scorer:
        scored = sum(run is not None and "score" in run for run in runs)
        found |= {"scores": line["scores_differ"], "tied": winner < 0 and scored > 1, "unscored": scored < len(runs)}
    return [*(name for name, is_true in found.items() if is_true), *([f"won:{winner}"] if winner >= 0 else [])]


def _in_one_format(values: list[Any]) -> list[Any]:
    form = given_form(values)
    return [f"{value:{form}}" if isinstance(value, float) and not is_missing(value) else value for value in values]


def _is_number(value: Any) -> bool:
    """Whether a label is a number that JSON has: any but infinity."""
    return number_of(value) is not None and not isinstance(value, bool | np.bool_)


class _State(NamedTuple):
    """How the runs of a variant on a row ended: the status of the first completed one, and the first error."""

    status: str
    error: Any
    client_action: Any
    repeats: int = 1

    def with_repeat(self, status: str, error: Any, client_action: Any) -> _State:
        if self.error:
            error, client_action = self.error, self.client_action
        return _State(
            self.status if self.status == "completed" or status != "completed" else status,
            error,
            client_action,
            self.repeats + 1,
        )


def _run_values(
    line: Mapping[Any, Any],
    variant: str,
    state: _State | None,
    mask: Callable[[str], str],
    score_text: ScoreText | None,
    room: TextRoom,
) -> dict[str, Any] | None:
    if state is None:
        return None
    score, seconds = line.get(f"{variant}.score", float("nan")), line[f"{variant}.seconds"]
    facts = [] if score_text is None else [score_text(score)]
    facts += [seconds_text(seconds)] if seconds == seconds else []
    facts += [f"mean of {state.repeats:,} repeats"] if state.repeats > 1 else []
    output, missing = room.take(line[f"{variant}.output"], mask)
    run = {
        "status": state.status,
        "output": output,
        "left": _left_out(missing) if missing else None,
        "error": room.text(state.error, mask),
        "client_action": room.text(state.client_action, mask),
        "score": None if score != score else round(score, SCORE_DIGITS),
        "seconds": None if seconds != seconds else round(seconds, 4),
        "facts": " · ".join(facts) or None,
    }
    return {name: value for name, value in run.items() if value is not None}


def _paths(data: ComparisonData, output: Any, place: int | None) -> dict[str, str]:
    paths = None if place is None else saved_files(output, data.runs.lister_at(place, output))
    return {} if paths is None else {SAVED_FILES: paths}


def provenance_of(data: ComparisonData) -> dict[str, str]:
    """Return where the answers are from, and when the report was made."""
    about = data.runs.about
    facts = {name: _fact_text(value) for name, value in _told(about).items()}
    moments = data.lines["started_at"].dropna()
    if len(moments):
        first, last = (f"{moment:%Y-%m-%d %H:%M}" for moment in (moments.min(), moments.max()))
        facts["answers taken"] = f"{first}{f' to {last}' if last != first else ''} UTC"
    versions = {"fh_notebook": __version__, "python": platform.python_version()}
    others = [f"{name} {version}" for name, version in versions.items() if facts.get(name) != version]
    facts["report made"] = moment_text(datetime.now(UTC)) + (f" by {', '.join(others)}" if others else "")
    return {name: redact(value) for name, value in facts.items()}


def origin_of(data: ComparisonData) -> str:
    """Return in a line which deployments answered, in which batches and when, and when the report was made."""
    about = data.runs.about
    sources = list(about.get("compared", {"": about}).values())
    deployments = dict.fromkeys(name for source in sources for name in source.get("deployments", ()))
    batches = dict.fromkeys(source["batch"] for source in sources if source.get("batch"))
    moments = data.lines["started_at"].dropna()
    named = {"deployment": deployments, "batch": batches}
    parts = [f"{what} {in_words(list(names), 'and')}" for what, names in named.items() if names]
    if len(moments):
        first, last = (f"{moment:%Y-%m-%d %H:%M}" for moment in (moments.min(), moments.max()))
        to = last.removeprefix(first[:11])  # the date is said once
        parts.append(f"answers taken {first}{f' to {to}' if last != first else ''} UTC")
    parts.append(f"report made {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    line = "; ".join(parts)
    return redact(f"{line[0].upper()}{line[1:]}.")


def _told(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told of a source: each fact once, and moments as everywhere."""
    facts = {name: value for name, value in about.items() if value not in (None, "", [], {})}
    if facts.get("deployments"):
        facts.pop("deployment", None)
    with suppress(TypeError, ValueError):  # of a table that somebody made, it may be anything
        facts["created"] = moment_text(datetime.fromisoformat(facts["created"])) if "created" in facts else None
    return {name: value for name, value in facts.items() if value is not None}


def _fact_text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_fact_text(part)}" for name, part in _told(value).items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def settings_of(data: ComparisonData) -> dict[str, str]:
    """Return by which settings the numbers were found: enough to find them again, and no secret."""
    price, tested = settings.current().price_per_call, tested_in(data.pairs)
    facts = {
        "scorer": ": ".join(filter(None, (data.scorer, data.runs.criterion))) or "none",
        "paired on": data.pair_on,
        "failed runs": {"drop": "left out", "zero": "count as 0"}[data.failed],
        "intervals": (
            f"{100 * LEVEL:.0f} %, cut at the ends of the range of scores. Shares of rows: Blaker's exact "
            f"interval. Means: BCa bootstrap of {RESAMPLES:,} resamples, widened below {FEW_ROWS} rows, without "
            f"resamples above {MANY_ROWS:,}. Differences of shares: Tango's score interval. Other differences: "
            f"Student's t below {FEW_ROWS} rows, BCa bootstrap up to {MANY_ROWS:,}, normal above."
        ),
        "tests": (
            f"McNemar's exact test of yes/no scores, otherwise Wilcoxon's; permutation test of up to {FLIPS:,} flips; "
            f"{f'Holm over {tested:,} pairs; ' if tested > 1 else ''}significant below p = {ALPHA:g}"
        ),
        "seed": str(SEED),
    }
    return facts | ({"price per call": f"{price:g}"} if price is not None else {})


# --- the file


def _write_page(data: ComparisonData, target: Path) -> None:
    views = OutputViews(data.runs.scored_path)
    rows = report_rows(data, views, TextRoom(TEXTS_CAP, TEXT_CAP))
    _write_text(target, page(data, rows=rows, about=_about(data), origin=origin_of(data)))


def _write_markdown(data: ComparisonData, target: Path) -> None:
    _write_text(target, markdown(data, about=_about(data), origin=origin_of(data)))


def _write_workbook(data: ComparisonData, target: Path) -> None:
    write_workbook(data, target, rows=report_rows(data, with_paths=True), about=_about(data))


def _about(data: ComparisonData) -> dict[str, dict[str, str]]:
    """Return the lists at the end of a report, by their headings."""
    return {"Provenance": provenance_of(data), "Settings": settings_of(data)}


def _write_text(target: Path, text: str) -> None:
    with replacing(target) as raw:
        raw.write(text.encode("utf-8", "replace"))  # half a character is a question mark


WRITERS: Final[dict[str, Callable[[ComparisonData, Path], None]]] = {
    ".html": _write_page,
    ".md": _write_markdown,
    ".xlsx": _write_workbook,
}
SUFFIXES: Final = tuple(WRITERS)
_NEEDS: Final = {".xlsx": ("xlsxwriter", "Excel files need")}


def check_report(path: Any) -> Path:
    """Return where a report would be written, before anything is paid for."""
    target = checked_target(path, SUFFIXES)
    if need := _NEEDS.get(suffix_of(target)):
        ensure_installed(*need)
    with replacing(target, replace=lambda written, _: None):
        pass  # a file can be made beside it: the folder may be written
    return target


def write_report(data: ComparisonData, path: Any) -> Path:
    """Write the report and return its path (see ``Comparison.report``)."""
    target = check_report(path)
    WRITERS[suffix_of(target)](data, target)
    return target
