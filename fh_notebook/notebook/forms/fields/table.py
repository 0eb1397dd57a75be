"""Field for a list of objects: an editable table that takes pasted cells, or JSON.

Rule of this file: cells are kept and shown again, whatever row is in them: adding, moving and taking away rows changes
what they show, and only a row more than ever before makes new ones. A long table is shown a page at a time. Rows are
counted from 1, in their problems too; a problem marks its cell.
"""

from __future__ import annotations

from typing import Any, Final

from fh_notebook.contract.schema.alternatives import Option, same_json
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import path_text
from fh_notebook.core.text.problems import Problem
from fh_notebook.core.values import UNSET
from fh_notebook.notebook.forms.fields.base import Field, button_of, field_anchor, set_traits
from fh_notebook.notebook.forms.fields.help_text import YES_NO, formula_free, state_note, told, what_to_do
from fh_notebook.notebook.forms.model.kinds import Control, FieldKind
from fh_notebook.notebook.forms.model.table import RowsState, TableColumn, TooManyRows

PAGE_ROWS: Final = 20
"""Rows at once: each cell is a widget, and a page of more than some hundreds is slow to come."""
SHORT: Final = 14
"""Characters that a narrow cell shows; of a longer text all is shown under the pointer."""
_NONE: Final = -1
_OTHER: Final = -2


class TableField(Field, control=Control.TABLE):
    """Rows of named cells."""

    state: RowsState
    has_placeholder = True
    _table: _Table | None = None
    _paste: Any = None
    _as_json = False
    _tools: Any = None
    _body: Any = None

    def _make(self) -> Any:
        from ipywidgets import Dropdown

        look = self.view.look
        control = Dropdown(
            **self.labelled(),
            options=self._ways(),
            value=self._as_json,
            layout=look.control,
            style=look.plain_style,
            _dom_classes=("fh-control", "fh-rows-way"),
        )
        self.on_input(control, self._show_as)
        return control

    def _ways(self) -> tuple[tuple[str, bool], ...]:
        """How the rows are edited, with their number: the control that the field's name is tied to."""
        state = self.state
        rows = f"{len(state.rows):,} row{'' if len(state.rows) == 1 else 's'}"
        count = rows if state.rows else f"no rows ({note})" if (note := state_note(state)) else "no rows"
        return ((f"{count}: edit in a table", False), (f"{count}: edit as JSON", True))

    def _show_as(self, as_json: bool) -> None:
        self._as_json = as_json

    def _show(self) -> None:
        if self.control.options != self._ways():
            self.control.options = self._ways()
        set_traits(self.control, value=self._as_json)
        if self._as_json:
            self.show_json()
        elif self.state.rows:
            if self._table is None:
                self._table = _Table(self)
            self._table.show()

    def _parts(self, control: Any) -> tuple[Any, ...]:
        is_table = control is self.control
        if self.json_box is not None:
            self.json_box.layout = self.view.look.whole_control
            # Its name stands above already, at the choice of how to edit.
            (self.json_box.add_class if is_table else self.json_box.remove_class)("fh-heard")
        if self._as_json or not is_table:
            body = self.json_box
        else:
            body = self._table.box if self._table is not None and self.state.rows else None
        title = control if is_table else None
        body_box, tools = self._place_of(body), (self._toolbar(), self._paste)
        return (title, *self.ends(), self.more_line, body_box, *tools, self.problem_line())

    def problem_text(self, problem: Problem) -> str:
        """Return a problem with its row as the table counts it."""
        inside = (problem.path or ())[len(self.state.path) :]
        if not inside or not isinstance(inside[0], int):
            return super().problem_text(problem)
        column = f", {path_text(inside[1:])}" if inside[1:] else ""
        kinds = {column.name: column.shape.kind for column in self.state.columns}
        to_do = what_to_do(kinds.get(str(problem.path[-1]), FieldKind.TEXT), problem.expected) if problem.path else ""
        return f"Row {inside[0] + 1:,}{column}: {told(problem, to_do)}"

    def _mark(self, *, wrong: bool) -> None:
        marked = self._table.mark() if self._table is not None and not self._as_json else set()
        cells = {self.cell_of(problem) for problem in self.state.shown_problems}
        # The choice of how to edit is wrong only of what no cell in sight shows.
        super()._mark(wrong=wrong and (bool(self.notice) or not cells or not cells <= marked))

    def cell_of(self, problem: Problem) -> tuple[int, str] | None:
        """Return the row and the column of the cell that a problem is about; ``None`` where there is no such cell."""
        match (problem.path or ())[len(self.state.path) :]:
            case [int(row), str(name), *_] if any(column.name == name for column in self.state.columns):
                return row, name
        return None

    def reveal(self, anchor: str) -> bool:
        """Show the page of rows with the cell of a problem at this anchor; return whether it was another one."""
        if self._table is None or self._as_json:
            return False
        for problem in self.state.shown_problems:
            cell = self.cell_of(problem)
            if cell is not None and field_anchor(problem.path or ()) == anchor and self._table.turn_to(cell[0]):
                self.refresh()
                return True
        return False

    def _place_of(self, body: Any) -> Any:
        """Return the box of the rows, there without any too: the first row leaves what stands behind it as it is."""
        from ipywidgets import Box

        if self._body is None:
            self._body = Box((), layout=self.view.look.whole, _dom_classes=("fh-rows-body",))
        set_traits(self._body, children=() if body is None else (body,))
        return self._body

    # ------------------------------------------------------------------ its tools

    def _toolbar(self) -> Any:
        if self._tools is None:
            self._tools = self._make_tools()
        pages = self._table is not None and self._table.pages > 1 and not self._as_json
        children = (*self._always, *(self._turning if pages else ()))
        if self._tools.children != children:
            self._tools.children = children
        return self._tools

    def _make_tools(self) -> Any:
        from ipywidgets import Box

        tools = (
            ("add", "Add a row", "add a row", self._add),
            ("paste", "Paste rows …", "paste rows from a spreadsheet", self._toggle_paste),
            ("back", "Previous rows", "the rows before", lambda: self._turn(-1)),
            ("next", "Next rows", "the rows after", lambda: self._turn(1)),
        )
        add, paste, back, on = (
            button_of(self, text, f"{self.shown_name}: {does}", handler, _dom_classes=(f"fh-rows-{word}",))
            for word, text, does, handler in tools
        )
        self._always = (add, paste)
        self._turning = (back, on)
        return Box(self._always, layout=self.view.look.row, _dom_classes=("fh-tools",))

    def _add(self) -> None:
        self.state.add()
        self._go_to_last_row()

    def _go_to_last_row(self) -> None:
        """Show the page of the last row, and have its first cell take the focus: there one types next."""
        self._as_json = False
        self._turn(10**9)
        if self._table is None:
            self._table = _Table(self)
        self._table.go_to_row(len(self.state.rows) - 1)

    def _turn(self, by: int) -> None:
        if self._table is not None:
            self._table.turn(by)

    def _toggle_paste(self) -> None:
        from ipywidgets import Box, Textarea

        if self._paste is not None:
            self._paste = None
            return
        look = self.view.look
        self._pasted = Textarea(
            description="Rows from a spreadsheet (with or without its header), then Add",
            rows=4,
            continuous_update=False,
            layout=look.whole_control,
            style=look.text_style,
            _dom_classes=("fh-control", "fh-code"),
        )
        anchor = field_anchor((*self.state.path, "pasted rows"))
        self._pasted.add_class(anchor)
        self.view.begin_at(anchor)
        add = button_of(self, "Add these rows", f"{self.shown_name}: add these rows", self._paste_rows)
        add.add_class("fh-rows-pasted")
        self._paste = Box([self._pasted, add], layout=look.row)

    def _paste_rows(self) -> None:
        try:
            added = self.state.paste(self._pasted.value)
        except TooManyRows as exc:
            self.notice = str(exc)
            return
        if not added:
            self.notice = "the pasted text has no rows"
            return
        self._paste = None
        self._go_to_last_row()


class _Table:
    """The cells of one page."""

    def __init__(self, field: TableField) -> None:
        from ipywidgets import GridBox

        self._field = field
        self._columns = field.state.columns
        self._cells: list[list[Any]] = []
        self._ends: list[Any] = []
        self._numbers: list[Any] = []
        names = ("", *map(_head, self._columns), "")
        self._head = [field.view.look.html(html.el("div", *name, cls="fh-head-cell") if name else "") for name in names]
        self.page = 0
        self.box = GridBox((), layout=field.view.look.table(map(_track, self._columns)), _dom_classes=("fh-table-box",))

    @property
    def pages(self) -> int:
        """How many pages the rows fill."""
        return -(-len(self._field.state.rows) // PAGE_ROWS)

    def show(self) -> None:
        """Put the page's rows into its cells."""
        rows = self._field.state.rows
        self.page = min(max(self.page, 0), max(self.pages - 1, 0))
        first = self.page * PAGE_ROWS
        page_rows = rows[first : first + PAGE_ROWS]
        while len(self._cells) < len(page_rows):
            self._make_row(len(self._cells))
        for index, row in enumerate(page_rows):
            set_traits(self._numbers[index], value=str(html.el("div", f"{first + index + 1:,}", cls="fh-row-number")))
            for column, cell in zip(self._columns, self._cells[index], strict=True):
                cell.show(row.get(column.name, UNSET))
            up, down, _ = self._ends[index].children
            set_traits(up, disabled=first + index == 0)
            set_traits(down, disabled=first + index == len(rows) - 1)
        row_widgets = [
            widget
            for index in range(len(page_rows))
            for widget in (self._numbers[index], *(c.widget for c in self._cells[index]), self._ends[index])
        ]
        children = (*self._head, *row_widgets)
        if children != self.box.children:
            self.box.children = children

    def turn(self, by: int) -> None:
        """Show another page."""
        self.page += by

    def turn_to(self, row: int) -> bool:
        """Show the page of a row; return whether it was another one."""
        before, self.page = self.page, row // PAGE_ROWS
        return self.page != before

    def go_to_row(self, row: int) -> None:
        """Have the first cell of a row take the focus when it is shown."""
        self._field.view.begin_at(self._row_anchor(row % PAGE_ROWS))

    def _row_anchor(self, index: int) -> str:
        return field_anchor((*self._field.state.path, "row of the page", index))

    def mark(self) -> set[tuple[int, str]]:
        """Mark the cells of which a problem is told; return those that are marked, by row and column."""
        state = self._field.state
        wrong = {cell for problem in state.shown_problems if (cell := self._field.cell_of(problem)) is not None}
        marked = set()
        for index, cells in enumerate(self._cells):
            for column, cell in zip(self._columns, cells, strict=True):
                place = (self.row(index), column.name)
                is_wrong = place in wrong and place[0] < len(state.rows)
                cell.mark(("fh-wrong", field_anchor((*state.path, *place))) if is_wrong else ())
                marked |= {place} if is_wrong else set()
        return marked

    def _make_row(self, index: int) -> None:
        self._numbers.append(self._field.view.look.html(""))
        self._cells.append([_TableCell(self, column, index) for column in self._columns])
        for cell in self._cells[index][:1]:
            cell.widget.add_class(self._row_anchor(index))
        self._ends.append(self._make_end(index))

    def _make_end(self, index: int) -> Any:
        from ipywidgets import HBox

        field = self._field
        state = field.state
        row_name = f"{field.shown_name}: row {index + 1} of the page"
        marks = (
            ("Up", "up", lambda: state.move(self.row(index), -1)),
            ("Down", "down", lambda: state.move(self.row(index), 1)),
            ("Remove", "remove", lambda: state.remove(self.row(index))),
        )
        buttons = []
        for label, word, handler in marks:
            layout, classes = field.view.look.mark, (f"fh-row-{word}",)
            buttons.append(button_of(field, label, f"{row_name}: {word}", handler, layout=layout, _dom_classes=classes))
        return HBox(buttons, layout=field.view.look.cells_end)

    def row(self, index: int) -> int:
        """Return which row is shown at a place of the page."""
        return self.page * PAGE_ROWS + index


class _TableCell:
    """One cell: a text, or a choice."""

    def __init__(self, table: _Table, column: TableColumn, index: int) -> None:
        self._table = table
        self._column = column
        self._index = index
        self._field = table._field
        self._options = _options(column)
        self.widget = self._make_control()
        self._marks: tuple[str, ...] = ()

    def mark(self, classes: tuple[str, ...]) -> None:
        """Have these classes, by which it is marked and found, instead of the last ones."""
        if classes == self._marks:
            return
        for name in self._marks:
            self.widget.remove_class(name)
        for name in classes:
            self.widget.add_class(name)
        self._marks = classes

    def _make_control(self) -> Any:
        from ipywidgets import Dropdown, Text

        look = self._field.view.look
        name = formula_free(f"{self._field.shown_name}, row {self._index + 1} of the page: {self._column.name}")
        traits = {"description": html.printable(name), "layout": look.cell, "_dom_classes": ("fh-heard",)}
        if self._options:
            control = Dropdown(options=self._listed(), style=look.plain_style, **traits)
            self._field.on_input(control, self._chosen)
        else:
            control = Text(continuous_update=False, style=look.text_style, **traits)
            self._field.on_input(control, self._typed)
        return control

    def _listed(self, strange: str | None = None) -> tuple[tuple[str, int], ...]:
        """Return what can be chosen; `strange` is a value that stands there and is no choice."""
        listed = (("", _NONE), *((option.label, i) for i, option in enumerate(self._options)))
        return listed if strange is None else (*listed, (f"{strange} (not a choice)", _OTHER))

    def _typed(self, text: str) -> None:
        self._field.state.set_cell(self._table.row(self._index), self._column.name, text)

    def _chosen(self, option: int) -> None:
        if option == _OTHER:  # it is what stands there already
            return
        value = self._options[option].value if option >= 0 else UNSET
        self._field.state.set_value(self._table.row(self._index), self._column.name, value)

    def show(self, value: Any) -> None:
        """Put a value into it."""
        if not self._options:
            text = self._column.text(value)
            set_traits(self.widget, value=text, tooltip=text if len(text) > SHORT else None)
            return
        otherwise = _NONE if value is UNSET else _OTHER
        number = next((i for i, option in enumerate(self._options) if same_json(option.value, value)), otherwise)
        set_traits(
            self.widget, options=self._listed(self._column.text(value) if number == _OTHER else None), value=number
        )


def _options(column: TableColumn) -> tuple[Option, ...]:
    if column.shape.kind is FieldKind.BOOLEAN:
        return tuple(Option(truth, name) for truth, name in YES_NO.items())
    return column.shape.options if column.shape.kind is FieldKind.CHOICE else ()


_NARROW: Final = (FieldKind.INTEGER, FieldKind.NUMBER, FieldKind.BOOLEAN)
_FIXED: Final = (FieldKind.DATE, FieldKind.TIME, FieldKind.CHOICE)


def _track(column: TableColumn) -> str:
    """Return the width of a column: a text has three times the room of a number, a date as much as it needs."""
    if column.shape.kind in _NARROW:
        return "minmax(72px, 1fr)"
    return "minmax(104px, 1fr)" if column.shape.kind in _FIXED else "minmax(120px, 3fr)"


def _head(column: TableColumn) -> tuple[object, ...]:
    return (column.name, " ", html.el("span", "*", cls="fh-star")) if column.required else (column.name,)
