"""Markdown report: for a pull request, an issue, or a wiki.

What a model wrote is text in a table cell: none of its markup, HTML, links, images and mentions takes effect; and a
cell is one line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fh_notebook.batching.rendering import one_line
from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.report import display
from fh_notebook.comparing.stats.pairs import pairs_table
from fh_notebook.comparing.verdicts.classes import classes_shown
from fh_notebook.comparing.verdicts.verdict import notes_of, verdict_of
from fh_notebook.contract.output import with_saved_files
from fh_notebook.core.redaction import redact
from fh_notebook.core.text.messages import COMMAND, counted

ROWS: Final = 50
"""Of the rows that differ: more nobody reads in a comment. The page and the workbook have all."""
CELL: Final = 160

_MARKS: Final = re.compile(r"([\\`*_\[\]|~$#])")
_LINE_STARTS: Final = re.compile(r"^([-+]|\d+[.)])(?=\s)")
# What renders as itself by its number, and begins nothing: a tag, an entity, a mention, an e-mail or an address.
_NUMBERED: Final = {ord(mark): f"&#{ord(mark)};" for mark in "&<>@"}
_ADDRESS: Final = re.compile(r"://|(?<=www)\.", re.IGNORECASE)


def escaped(value: Any, limit: int = CELL) -> str:
    r"""Return a text as one line of Markdown that shows what it is, and does nothing.

    Examples
    --------
    >>> print(escaped("a | *b* <img src=x> @you, see https://x.example"))
    a \| \*b\* &#60;img src=x&#62; &#64;you, see https:&#47;&#47;x.example
    """
    text = one_line(redact("" if value is None else str(value)), limit)
    text = _LINE_STARTS.sub(lambda found: found[1][:-1] + "\\" + found[1][-1], _MARKS.sub(r"\\\1", text))
    return _ADDRESS.sub(
        lambda found: "".join(f"&#{ord(c)};" if c != ":" else c for c in found[0]), text.translate(_NUMBERED)
    )


def markdown(data: ComparisonData, *, about: Mapping[str, Mapping[str, str]], origin: str = "") -> str:
    """Return the whole report; `about` has the lists at its end, by their headings, `origin` where it is from."""
    sentence, table = display.differing(data, ROWS)
    masked = data.runs.secret().masked
    parts = [
        f"# {escaped(masked(verdict_of(data)), 2_000)}",
        escaped(display.about(data), 1_000),
        escaped(origin, 1_000),
        _summary_table(data),
        "\n".join(f"- {escaped(masked(note), 500)}" for note in notes_of(data, COMMAND)),
        *(_tests(data) if data.scorer and data.pairs else []),
        *_labels(data),
        *(["## Rows that differ", escaped(sentence, 300), _rows_table(data, table)] if sentence else []),
        *(part for heading, facts in about.items() for part in (f"## {heading}", _facts_list(facts))),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _tests(data: ComparisonData) -> list[str]:
    return ["## Significance tests", _pairs_table(data), escaped(display.rules_text(data), 1_000)]


def _labels(data: ComparisonData) -> list[str]:
    classes = classes_shown(data)
    if classes is None:
        return []
    heads, lines = classes.cells()
    cells = [[escaped(cell) for cell in line] for line in lines]
    return ["## Labels", _markdown_table(heads, cells, right=range(2, len(heads)))]


def _summary_table(data: ComparisonData) -> str:
    facts = display.SummaryData.of(data)
    head, lines = display.summary_cells(facts)
    cells = [[escaped(cell) for cell in line] for line in lines]
    table = _markdown_table(head, cells, right=range(1, len(head)))
    return f"{table}\n\n{escaped(facts.best_set, 2_000)}" if facts.best_set else table


def _pairs_table(data: ComparisonData) -> str:
    pairs = pairs_table(data.pairs)
    heads, lines = display.pairs_cells(pairs, data)
    cells = [[escaped(cell) for cell in line] for line in lines]
    notes = "\n".join(f"- {escaped(note, 500)}" for note in display.pairs_notes(pairs))
    return f"{_markdown_table(heads, cells, right=range(1, len(heads)))}\n\n{notes}"


def _rows_table(data: ComparisonData, table: Any) -> str:
    if not len(table):
        return ""
    variants = display.best_first(data)
    head = [data.pair_on, *(["expected"] if "expected_output" in table else []), *variants]
    lines, masks = [], data.runs.secret().masks()
    for line in table.to_dict("records"):
        mask = masks.of(line[data.pair_on])
        cells = [escaped(mask(str(line[data.pair_on])), 40)]
        cells += [_expected_text(data, line, mask)] if "expected_output" in table else []
        cells += [_answer_text(data, line, variant, mask) for variant in variants]
        lines.append(cells)
    more = f"\n\n({counted(len(lines), 'row')} shown.)" if len(lines) == ROWS else ""
    return _markdown_table([escaped(name) for name in head], lines) + more


def _expected_text(data: ComparisonData, line: Mapping[Any, Any], mask: Callable[[str], str]) -> str:
    text, mark = escaped(_masked_text(line["expected_output"], mask)), data.runs.correction_mark(line[data.pair_on])
    return f"{text} (*{escaped(mark)}*)" if mark else text


def _masked_text(value: Any, mask: Callable[[str], str]) -> str:
    return "" if value is None else mask(str(value))


def _answer_text(data: ComparisonData, line: Mapping[Any, Any], variant: str, mask: Callable[[str], str]) -> str:
    output, score = _shown_output(data, line, variant), line.get(f"{variant}.score", float("nan"))
    text = escaped(_masked_text(output, mask)) if output is not None else "*no output*" if score != score else ""
    return f"{text} ({data.score_text(score)})" if score == score else text


def _shown_output(data: ComparisonData, line: Mapping[Any, Any], variant: str) -> Any:
    """Return the output of a row, with the place of each saved file: its address ends."""
    output, position = line[f"{variant}.output"], data.answered_at.get((line[data.pair_on], variant))
    return output if position is None else with_saved_files(output, data.runs.lister_at(position, output))


def _facts_list(facts: Mapping[str, str]) -> str:
    return "\n".join(f"- {escaped(name)}: {escaped(value, 500)}" for name, value in facts.items())


def _markdown_table(head: Sequence[str], lines: Sequence[Sequence[str]], right: Sequence[int] | range = ()) -> str:
    rule = ["---:" if index in right else "---" for index in range(len(head))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *lines])
