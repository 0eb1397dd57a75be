"""`FieldsView`: all fields of a form as widgets.

The model is the source of truth: code that changes it (the history, a cell) calls `FieldsView.refresh`. The widgets are
plain ipywidgets, which work in every front end. Optional fields at their defaults are behind one line (`DefaultsFold`)
until a person opens it; a program that sets one brings it into sight. One script for the whole form (`own_keys`) keeps
keys, focus and text direction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from fh_notebook.core.text import html
from fh_notebook.core.text.messages import counted
from fh_notebook.core.text.problems import Problem
from fh_notebook.core.values import UNSET
from fh_notebook.notebook.forms.fields import choice, group, table, text  # noqa: F401 - importing them adds their classes to Field.classes
from fh_notebook.notebook.forms.fields.base import Field, FilesSentAs, UpdateGuard, field_anchor, set_traits
from fh_notebook.notebook.forms.fields.help_text import problem_html
from fh_notebook.notebook.forms.model.field import FieldState
from fh_notebook.notebook.forms.model.model import FormModel
from fh_notebook.notebook.ui.theme import CSS, FieldTheme

if TYPE_CHECKING:
    from fh_notebook.notebook.ui.page_widget import OwnKeys

ROWS: Final = 5


class UndeclaredInputs:
    """A box for a JSON object.

    Parameters
    ----------
    model : FormModel
        Whose values without a field are typed.
    look : FieldTheme
        The form's layouts.
    changed : callable
        Called after a person has typed.
    """

    def __init__(self, model: FormModel, look: FieldTheme, changed: Callable[[], object]) -> None:
        from ipywidgets import Box, Textarea

        self._model, self._changed = model, changed
        self._showing = UpdateGuard()
        self._box = Textarea(
            description="Other inputs, as JSON" if model.fields else "Inputs, as JSON",
            placeholder='{"name": "value"}',
            rows=ROWS,
            continuous_update=False,
            layout=look.control,
            style=look.text_style,
            _dom_classes=("fh-control", "fh-code", "fh-others"),
        )
        self._box.observe(self._typed, "value")
        self.widget = Box((self._box,), layout=look.field, _dom_classes=("fh-field",))
        self.refresh()

    def refresh(self) -> None:
        """Show what the model holds."""
        with self._showing:
            set_traits(self._box, value=self._model.others_text)

    def _typed(self, change: Any) -> None:
        if not self._showing:
            self._model.set_others_text(change["new"])
            self._changed()


FOLDED_LEAST: Final = 6
"""Optional fields at their defaults that are folded: fewer are read as quickly as the line that stands for them."""


def is_at_default(state: FieldState) -> bool:
    """Return whether a field may be out of sight: it is optional, fits, and nothing is sent for it."""
    return not (state.required or state.is_set or state.shown_problems)


def folded_names(states: Mapping[str, FieldState], *, least: int = FOLDED_LEAST) -> tuple[str, ...]:
    """Return the names of the fields to fold; none where they are few, or all there is.

    Examples
    --------
    >>> properties = {name: {"type": "string"} for name in "abcdefg"}
    >>> folded_names(FormModel({"properties": properties, "required": ["g"]}).fields)
    ('a', 'b', 'c', 'd', 'e', 'f')
    >>> folded_names(FormModel({"properties": properties}).fields)
    ()
    """
    names = tuple(name for name, state in states.items() if is_at_default(state))
    return names if least <= len(names) < len(states) else ()


def _is_at(problem: Problem, field: Field) -> bool:
    return (problem.path or ())[: len(field.state.path)] == field.state.path


class DefaultsFold:
    """The line that stands for the optional fields at their defaults, and which these are.

    Parameters
    ----------
    names : tuple of str
        The fields.
    toggled : callable
        Called after a person has opened or closed it.
    with_default : int
        How many of them have a default.
    """

    def __init__(self, names: tuple[str, ...], toggled: Callable[[], object], *, with_default: int) -> None:
        from ipywidgets import Layout, ToggleButton

        self.widget = ToggleButton(layout=Layout(width="auto", margin="0", height="32px"), _dom_classes=("fh-fold",))
        self.widget.observe(lambda _: toggled(), "value")
        self.hide(names, with_default=with_default)

    @property
    def is_open(self) -> bool:
        """Whether the fields are in sight."""
        return bool(self.widget.value)

    def hide(self, names: tuple[str, ...], *, with_default: int) -> None:
        """Have it stand for these fields."""
        self.names = names
        at_default = "at its default" if len(names) == 1 else "at their defaults"
        state = f"not filled in or {at_default}" if with_default else "not filled in"
        words = f" {at_default}" if with_default == len(names) else f", {state}"
        words = f"{counted(len(names), 'more optional field')}{words}"
        set_traits(self.widget, description=words, tooltip=f"Show or hide {', '.join(names)}"[:300])


class FieldsView:
    """All fields of a form.

    Parameters
    ----------
    model : FormModel
        What they show and set.
    on_change : callable, optional
        Called without arguments after a person or a program has changed a field, perhaps on another thread.
    files : {"content", "address"}, optional
        How chosen files are sent; ``None``: as a person chooses in each field.
    find_upload_problem : callable, optional
        Returns why Run could not upload a file now; empty where it could.

    Examples
    --------
    >>> view = FieldsView(FormModel({"type": "object", "properties": {"n": {"type": "integer"}}}))
    >>> view.fields["n"].value = 3
    >>> view.model.value
    {'n': 3}
    >>> view.widget.children[1].children[0].description.partition("</span>")[0]
    '<span class="fh-name"><b class="fh-label">n</b>'
    """

    def __init__(
        self,
        model: FormModel,
        *,
        on_change: Callable[[], object] | None = None,
        files: FilesSentAs | None = None,
        find_upload_problem: Callable[[], str] = str,
    ) -> None:
        self.model = model
        self.files = files
        self._find_upload_problem = find_upload_problem
        self.look = FieldTheme()
        self._on_change = on_change
        self._widget: Any = None
        self._problem: Any = None
        self._others: UndeclaredInputs | None = None
        self._fold: DefaultsFold | None = None
        self.keys: OwnKeys | None = None
        """The script of the page that shows them; set by who shows them."""
        self.fields: dict[str, Field] = {name: self.field_of(state) for name, state in model.fields.items()}

    def field_of(self, state: FieldState, *, label: str = "") -> Field:
        """Return a field for a state: what shows it is made later, when it is asked for."""
        return Field.classes[state.kind.rules.control](self, state, label=label)

    def show_notices(self, problems: Sequence[Problem]) -> str:
        """Show beside their fields what went wrong outside of the form, and nothing of before."""
        first = ""
        for field in self._all():
            own = [problem for problem in problems if _is_at(problem, field)]
            if any(_is_at(problem, inside) for inside in field.children() for problem in own):
                own = []  # the field inside shows it
            field.notice = "; ".join(problem.sentence for problem in own)
            first = first or (field_anchor(field.state.path) if field.notice else "")
        self.refresh_problems()
        return first

    def refresh_problems(self) -> None:
        """Show the problems again: what a field cannot know may have changed, such as settings."""
        for field in self._all():
            field.refresh_problems()

    @property
    def upload_problem(self) -> str:
        """Why Run could not upload a file now; empty where it could."""
        return self._find_upload_problem()

    def begin_at(self, anchor: str) -> None:
        """Have the page give the focus to what has this class, as soon as it is there; unless a person types."""
        if self.keys is not None:
            self.keys.go_to([anchor], unless_typing=True)

    def reveal(self, anchor: str) -> bool:
        """Show what lies at this anchor inside a field; return whether it was hidden."""
        return any(field.reveal(anchor) for field in self._all())

    def leave(self, anchor: str) -> None:
        """Show what is wrong with the fields of an anchor: a person has left them, without a value perhaps."""
        for field in self._all():
            if field_anchor(field.state.path) == anchor and not field.state.was_left:
                field.state.was_left = True
                field.refresh_problems()

    def offer_menu(self, anchor: str) -> None:
        """Show the menu of the fields of an anchor: a person has come to them."""
        from fh_notebook.notebook.ui.widgets import enable_all_clicks

        for field in self._all():
            if field_anchor(field.state.path) == anchor:
                field.offer_menu()
                enable_all_clicks(field.widget)

    @property
    def widget(self) -> Any:
        """The column of all fields; made at the first use."""
        if self._widget is None:
            self._widget = self._build()
        return self._widget

    def _build(self) -> Any:
        from ipywidgets import HTML, VBox

        self._style = HTML(CSS, layout=self.look.hidden, style=self.look.html_style)
        if self.model.takes_others:
            self._others = UndeclaredInputs(self.model, self.look, self._others_changed)
        column = VBox((), layout=self.look.form, _dom_classes=("fh-form",))
        if folded := folded_names(self.model.fields):
            self._fold = DefaultsFold(folded, self._toggle_fold, with_default=self._with_default(folded))
        self._arrange(column)
        return column

    def _toggle_fold(self) -> None:
        from fh_notebook.notebook.ui.widgets import enable_all_clicks

        if self._fold is not None and not self._fold.is_open:
            self._fold_away(folded_names(self.model.fields, least=1))
        self._arrange(self._widget)
        enable_all_clicks(self._widget)
        if self._fold is not None and self._fold.is_open and self.keys is not None:
            self.keys.show("fh-fold")

    def _fold_away(self, names: tuple[str, ...]) -> None:
        if self._fold is not None:
            self._fold.hide(names, with_default=self._with_default(names))

    def _with_default(self, names: Iterable[str]) -> int:
        return sum(self.model.fields[name].default is not UNSET for name in names)

    def _arrange(self, column: Any) -> None:
        """Show the fields in their order, those at their defaults behind one line, and what belongs to no field."""
        fold, others = self._fold, self._others
        folded = fold.names if fold is not None else ()
        parts = [self._style, *(field.widget for name, field in self.fields.items() if name not in folded)]
        if fold is not None and folded:
            parts += [fold.widget, *((self.fields[name].widget for name in folded) if fold.is_open else ())]
        if others is not None:
            parts.append(others.widget)
        children = (*parts, *self._shown_others())
        if column.children != children:
            column.children = children

    def refresh(self) -> None:
        """Show the model again: after it was set otherwise than by a field, and after Run has looked at everything."""
        if self._widget is not None:
            for field in self.fields.values():
                field.refresh()
            if self._others is not None:
                self._others.refresh()
            self._follow(self._widget)

    def _others_changed(self) -> None:
        self.refresh()
        if self._on_change is not None:
            self._on_change()

    def changed(self, field: Field) -> None:
        """Show what a change of `field` has changed."""
        if self._widget is not None:
            field.refresh()
            for other in self._all():
                if other is not field:
                    other.refresh_problems()
            self._refresh_around(field)
            self._follow(self._widget)
        if self._on_change is not None:
            self._on_change()

    def _refresh_around(self, field: Field) -> None:
        """Show again what `field` lies in: something in it was set, so it is."""
        for outer in self._all():
            if field in outer.children():
                outer.refresh()

    def _all(self) -> Iterator[Field]:
        for field in self.fields.values():
            yield field
            yield from field.children()

    def _follow(self, column: Any) -> None:
        """Show what follows from the values: a field that has another value than its default leaves the closed fold."""
        if self._fold is not None and not self._fold.is_open:
            self._fold_away(tuple(name for name in self._fold.names if is_at_default(self.model.fields[name])))
        self._arrange(column)

    def _shown_others(self) -> Iterator[Any]:
        """Yield what shows that which belongs to no field: what is sent without one, and problems."""
        problems, also = self.model.shown_other_problems, "" if self._others is not None else self.model.also_sent
        note = html.el("div", also, cls="fh-note") if also else ""
        content = f"{note}{problem_html(list(map(str, problems))) if problems else ''}"
        if self._problem is None and content:
            from ipywidgets import HTML

            self._problem = HTML(content, layout=self.look.whole, style=self.look.html_style)
        elif self._problem is not None and self._problem.value != content:
            self._problem.value = content
        if content:
            yield self._problem

    def close(self) -> None:
        """Take all widgets out of the page."""
        if self._widget is not None:
            from fh_notebook.notebook.ui.widgets import close_all

            close_all(self._widget)
            self.look.close()
