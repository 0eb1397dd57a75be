"""Results of the buttons of a batch, shown below it: rows of an error, live table, comparison, saved file.

Rule of this file: each does what a public function does (`Batch.browse`, `compare`, `Batch.to_csv`), and returns a
widget. What is read or computed is done on the thread of whoever asks, never on that of a click.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ipywidgets import HTML, Box, Button, Dropdown, Layout, Text, VBox

from fh_notebook.batching.batch import Batch
from fh_notebook.batching.export.export import CSV, EXCEL, PARQUET, ExportFormat, check_export, export
from fh_notebook.batching.model import FailedSelection, open_reason
from fh_notebook.batching.rendering import STATUS_WORDS, ErrorGroup, given_texts, status_of_error
from fh_notebook.comparing.comparison import compare
from fh_notebook.comparing.report.display import comparison_html
from fh_notebook.core import hooks
from fh_notebook.core.optional_deps import is_installed
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import byte_size, moment_text
from fh_notebook.core.text.messages import COMMAND, counted
from fh_notebook.errors import FetchHiveError
from fh_notebook.store.catalog_file import display_path

ROWS_SHOWN: Final = 100
"""Rows of an error that are shown; the frame has all."""
ERROR_CAP: Final = 2_000
OWN_COLUMNS: Final = 2
"""Columns of the source beside the error: what tells one row from another."""


def page_widget(page: str) -> Any:
    """Return HTML as a widget that is as wide as its place."""
    return HTML(page, layout=Layout(width="100%", margin="0"))


def error_rows(batch: Batch, group: ErrorGroup) -> html.Html:
    """Return the first rows of an error as a table: label, variant, the row's first columns, and the whole error."""
    lines: list[list[Any]] = []
    names: list[str] = []
    for job, outcome, row in batch.entries():
        if outcome is None:
            continue
        run = job.shown(outcome.run)
        if not _belongs(run, group):
            continue
        names = names or [str(name) for name in row][:OWN_COLUMNS]
        if len(lines) < ROWS_SHOWN:
            lines.append([job.variant or "", html.clip(run.error or "", ERROR_CAP), job.row, *map(row.get, names)])
        else:
            break
    variants, errors, *given = zip(*lines, strict=True) if lines else ((), (), ())
    labels, *own = map(given_texts, given)
    columns = [labels, variants, *own, *([] if group.said else [errors])]
    cells = [list(line) for line in zip(*columns, strict=True)]
    table = html.stacked(["row", "variant", *names, *([] if group.said else ["error"])], cells)
    where = "batch.failures" if group.status in ("failed", "invalid") else "batch.frame"
    has_all = "" if group.said else f"; {where} has everything"
    of_all = f"The first {len(lines)} of {group.jobs:,}{has_all}." if group.jobs > len(lines) else ""
    return html.el("div", html.STYLE, table, html.el("div", of_all, cls="fh-dim") if of_all else None, cls="fh")


def _belongs(run: Any, group: ErrorGroup) -> bool:
    if run.status == "completed" or status_of_error(run) != group.status:
        return False
    if group.said and not group.code:
        return True
    if open_reason(run) != group.goes_on:
        return False
    if group.code:
        return FailedSelection(error_code=group.code).has(run)
    return FailedSelection(error=group.error).has(run)


def browse_table(batch: Batch, *, is_app: bool) -> Any:
    """Return the live table of all answers; `is_app`: for the users of an app."""
    return hooks.frontend().browse(batch, for_app=is_app).widget


def comparison_page(batch: Batch, *, is_app: bool) -> Any:
    """Return the comparison of the batch's variants; `is_app`: for the users of an app, who call no functions."""
    compared = compare(batch)
    return page_widget(comparison_html(compared.data, COMMAND) if is_app else compared._repr_html_())


FORMATS: Final = {"CSV": CSV, "Excel": EXCEL, "Parquet": PARQUET}


class SavePanel:
    """Saves a batch as a file: its name and kind, and a second click where that would replace one.

    Parameters
    ----------
    batch : Batch
        What is saved.
    do : callable
        Does what it is given on a thread, then calls the function with what came of it.
    """

    def __init__(self, batch: Batch, do: Callable[[Callable[[], str], Callable[[str], object]], object]) -> None:
        self._batch, self._do = batch, do
        self._replaces: Path | None = None
        """The file that the next click replaces: a person was told that it is there."""
        formats = [name for name, form in FORMATS.items() if not form.package or is_installed(form.package)]
        wide = Layout(width="auto", margin="2px 6px 2px 0")
        style = {"description_width": "initial"}
        self._format = Dropdown(options=formats, description="Format", style=style, layout=wide)
        self._name = Text(
            value=f"{_file_name(batch.name)}{CSV.suffixes[0]}", description="File", style=style,
            layout=Layout(width="320px", max_width="100%", margin="2px 6px 2px 0"),
        )  # fmt: skip
        self._button = Button(description="Save the file", layout=wide)
        self._said = HTML()
        self._name.add_class("fh-save")
        self._button.add_class("fh-run")
        self._format.observe(self._chosen, "value")
        self._name.observe(self._renamed, "value")
        self._name.on_msg(self._submitted)
        self._button.on_click(lambda _: self._save())
        line = Box(
            [self._name, self._format, self._button],
            layout=Layout(flex_flow="row wrap", align_items="center", overflow="visible"),
        )
        self.widget = VBox([line, self._said])

    def _chosen(self, change: Any) -> None:
        form: ExportFormat = FORMATS[change["new"]]
        self._name.value = f"{_without_suffix(self._name.value)}{form.suffixes[0]}"

    def _renamed(self, change: Any) -> None:
        self._replaces = None
        self._button.description = "Save the file"
        for name, form in FORMATS.items():
            if change["new"].lower().endswith(form.suffixes) and name in self._format.options:
                self._format.value = name

    def _submitted(self, _: Any, content: Any, __: Any) -> None:
        if content.get("event") == "submit":
            self._save()

    def _save(self) -> None:
        try:
            path = check_export(self._name.value.strip())
        except FetchHiveError as exc:
            self._say(str(exc), is_error=True)
            return
        if path.exists() and path != self._replaces:
            self._replaces = path
            self._button.description = "Replace the file"
            self._say(f"{display_path(path)} already exists ({_facts(path)}). Click again to replace it.")
            return
        self._say("Saving …")
        self._do(lambda: repr(export(self._batch, path)), self._saved)

    def _saved(self, written: str) -> None:
        self._replaces = None
        self._button.description = "Save the file"
        self._say(f"Saved {written}.")

    def _say(self, text: str, *, is_error: bool = False) -> None:
        said = html.el("div", text, cls="fh-error" if is_error else "fh-said", role="status")
        self._said.value = str(html.el("div", html.STYLE, said, cls="fh"))


def _without_suffix(name: str) -> str:
    for form in FORMATS.values():
        for suffix in form.suffixes:
            if name.lower().endswith(suffix):
                return name[: -len(suffix)]
    return name


def _file_name(name: str) -> str:
    """Return a batch's name as that of a file."""
    return "".join(c if c.isalnum() or c in "-_. " else "_" for c in name).strip(". ") or "batch"


def _facts(path: Path) -> str:
    facts = path.stat()
    return f"{byte_size(facts.st_size)}, of {moment_text(datetime.fromtimestamp(facts.st_mtime, UTC))}"


def head(title: str, close: Callable[[], object]) -> Any:
    """Return the line above a result: what it is, and a button that takes it away."""
    button = Button(description="Close", tooltip=f"Close: {title}", layout=Layout(flex="0 0 auto", width="auto"))
    button.on_click(lambda _: close())
    button.add_class("fh-close")
    text = HTML(str(html.el("div", html.STYLE, html.el("strong", title), cls="fh")), layout=Layout(margin="0 8px 0 0"))
    return Box([text, button], layout=Layout(flex_flow="row wrap", align_items="center", overflow="visible"))


def rows_text(group: ErrorGroup) -> str:
    """Return what the rows of an error are called."""
    return f"{counted(group.jobs, STATUS_WORDS[group.status] + ' row')}: {group.words}"
