"""Static display of a form over rows: mapping, first rows, and progress of the batch as HTML and text.

Rule of this file: pure of widgets; a constant of a password is only said to be there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import path_text
from fh_notebook.core.text.messages import counted
from fh_notebook.core.values import MASK
from fh_notebook.notebook.forms.model.row_mapping import Preview, RowMapping, SourceKind
from fh_notebook.notebook.forms.model.text_codec import json_line
from fh_notebook.notebook.kernel.shell import no_lost_widget

if TYPE_CHECKING:
    from fh_notebook.notebook.forms.control.batch_controller import BatchFormController

__all__ = ["batch_form_page", "batch_form_text", "preview_page", "source_text"]

CELL: Final = 80
"""Characters of one value in the preview."""


def source_text(mapping: RowMapping, name: str) -> str:
    """Return in words what a variable takes.

    Examples
    --------
    >>> from fh_notebook.contract.deployment import Deployment
    >>> mapping = RowMapping(Deployment("d"), [{"a": 1}], {"b": "calm"})
    >>> source_text(mapping, "a"), source_text(mapping, "b")
    ("column 'a'", "'calm' in every row")
    >>> pin = {"type": "string", "format": "password", "default": "1234"}
    >>> secret = Deployment("d", inputs={"type": "object", "properties": {"pin": pin}})
    >>> source_text(RowMapping(secret, [{"a": 1}]), "pin")
    'not taken from a row; the default *** is sent'
    """
    source, schema = mapping.sources[name], mapping.schema_of(name)
    if source.kind is SourceKind.COLUMN:
        return f"column {source.column!r}"
    if source.kind is SourceKind.CONSTANT:
        return f"{MASK if mapping.is_secret(name) else _cut(repr(source.value))} in every row"
    if not isinstance(schema, dict) or "default" not in schema:
        return "not sent"
    default = MASK if mapping.is_secret(name) else _cut(repr(schema["default"]))
    return f"not taken from a row; the default {default} is sent"


def preview_page(mapping: RowMapping, preview: Preview) -> html.Html:
    """Return the first rows as they would be sent, as a table; nothing where there is none."""
    if not preview.inputs:
        return html.el("span")
    names = list(dict.fromkeys(name for inputs in preview.inputs for name in inputs))
    rows = [
        [html.el("strong", str(label)), *(_cell(inputs, name) for name in names)]
        for label, inputs in zip(preview.labels, preview.inputs, strict=True)
    ]
    number = len(mapping.rows)
    head = f"The first {len(rows)} of {number:,} rows, as they would be sent:" if number > len(rows) else "As sent:"
    return html.el("div", html.el("div", head, cls="fh-dim"), html.table(["row", *names], rows), cls="fh")


def _cell(inputs: Any, name: str) -> object:
    if name not in inputs:
        return html.el("span", "not sent", cls="fh-dim")
    value = inputs[name]
    return _cut(value if isinstance(value, str) else json_line(value))


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= CELL else f"{line[: CELL - 1]}…"


def batch_form_page(core: BatchFormController) -> html.Html:
    """Return the form as HTML that needs neither a kernel nor a script."""
    mapping, preview = core.mapping, core.mapping.preview()
    rows = [
        html.el(
            "tr",
            html.el("th", path_text([name]), scope="row"),
            html.el("td", said := source_text(mapping, name), dir=html.direction(said)),
        )
        for name in mapping.sources
    ]
    return html.el(
        "div",
        html.STYLE,
        no_lost_widget("fh-form-static"),
        html.el("div", html.el("strong", core.deployment.name), html.el("span", f" {core.choice}", cls="fh-dim")),
        html.el("table", html.el("tbody", *rows), cls="fh-table"),
        preview_page(mapping, preview),
        *(html.el("div", problem, cls="fh-error") for problem in preview.problems),
        html.el("div", html.el("strong", core.batch.summary()), cls="fh-head") if core.batch is not None else None,
        cls="fh fh-form-static",
    )


def batch_form_text(core: BatchFormController) -> str:
    """Return the form as text."""
    mapping = core.mapping
    width = max((len(path_text([name])) for name in mapping.sources), default=0)
    lines = [f"Form of {core.deployment.name} over {counted(len(mapping.rows), 'row')} ({core.choice} a row)"]
    lines += [f"  {path_text([name]).ljust(width)}  {source_text(mapping, name)}" for name in mapping.sources]
    lines += [f"! {problem}" for problem in mapping.preview().problems]
    lines += [core.batch.summary()] if core.batch is not None else []
    return html.printable("\n".join(lines))
