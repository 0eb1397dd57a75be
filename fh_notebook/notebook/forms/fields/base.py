"""`Field`: base class of the field widgets: label, control, menu of what is sent, help, problems, JSON editor.

- A widget shows the state and never holds it: input goes to the state, and the state is shown again. So a field may be
  set in a cell, by a click and from the history, and always shows what would be sent.
- Optional parts are created when they are needed; a menu, when the page's script tells that a person has come to the
  field: 50 fields have 30 of them. A page that cannot load the script has no menus.
- Handlers return at once and may be called on any thread. Changes made by a handler itself are ignored (`UpdateGuard`):
  those on its own thread, because a page may send input on another thread while a cell or a run updates the form.
- What is sent without a value to see (nothing, the default, null, an empty one) is told in the control itself, or where
  it has no text, beside its label. An x removes a value; the menu beside it has what else can be sent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Final, Literal, Protocol
from zlib import crc32

from fh_notebook.core.text import html
from fh_notebook.core.text.problems import Problem
from fh_notebook.notebook.forms.fields.help_text import (
    default_text,
    empty_text,
    formula_free,
    help_html,
    label_html,
    more_html,
    problem_html,
    shown_name,
    state_note,
    told,
    what_to_do,
)
from fh_notebook.notebook.forms.model.field import FieldState, SentAs
from fh_notebook.notebook.forms.model.kinds import Control
from fh_notebook.notebook.ui.theme import FieldTheme


def set_traits(widget: Any, **traits: Any) -> None:
    """Set the traits that have another value: each one that is set is a message to the page."""
    for name, value in traits.items():
        if getattr(widget, name) != value:
            setattr(widget, name, value)


def field_anchor(path: tuple[str | int, ...]) -> str:
    """Return the CSS class by which the page's script finds the field at a path: a name may have any sign."""
    return f"fh-at-{crc32(repr(path).encode('utf-8', 'surrogatepass')):08x}"


class UpdateGuard(threading.local):
    """True in a thread that is putting values into widgets, within its ``with``, which may lie in another one.

    Examples
    --------
    >>> showing = UpdateGuard()
    >>> with showing:
    ...     bool(showing)
    True
    >>> bool(showing)
    False
    """

    _depth = 0

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1

    def __bool__(self) -> bool:
        return self._depth > 0


FilesSentAs = Literal["content", "address"]


class FieldsViewProtocol(Protocol):
    """What a field needs of the form that shows it."""

    @property
    def look(self) -> FieldTheme:
        """The layouts and styles."""

    @property
    def files(self) -> FilesSentAs | None:
        """How chosen files are sent; ``None``: as a person chooses in each field."""

    @property
    def upload_problem(self) -> str:
        """Why Run could not upload a file now; empty where it could."""

    def changed(self, field: Field) -> None:
        """Show what a change of `field` has changed."""

    def field_of(self, state: FieldState, *, label: str = "") -> Field:
        """Return the field that shows a state."""

    def begin_at(self, anchor: str) -> None:
        """Have the page give the focus to what has this class, as soon as it is there; unless a person types."""


class Field:
    """One field of a form, as a person sees it.

    A kind of field says what its control is (:meth:`_make`), how it shows the state (:meth:`_show`), and,
    where it has more than a control, what stands beside it (:meth:`_controls`) or all that is shown (:meth:`_parts`).

    Parameters
    ----------
    view : FieldsViewProtocol
        The form it is part of.
    state : FieldState
        What it shows and sets.
    label : str, optional
        What it is called, where it is not its own name.
    """

    classes: ClassVar[dict[Control, type[Field]]] = {}
    """The class of each control: a subclass is entered here under the `control` of its class statement."""

    holds_others = False
    """Whether other fields stand behind its line of problems."""

    has_placeholder = False
    """Whether its control tells what is sent for it without a value; else its label does."""

    is_cleared = False
    """Whether a person removes a value by the keys of its control: then Tab does not stop at the x."""

    is_typed = False
    """Whether a person types into its control: then Tab leads on to the next field, and Alt+Down to the menu."""

    def __init_subclass__(cls, *, control: Control, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        Field.classes[control] = cls

    def __init__(self, view: FieldsViewProtocol, state: FieldState, *, label: str = "") -> None:
        self.view = view
        self.state = state
        self.shown_name = formula_free(label or shown_name(state))
        """What it is called, in the names of what stands beside its control too."""
        self.label = f"{self.shown_name} *" if state.required and not label else self.shown_name
        """What it is called, with a star where it must be given."""
        self._given_label = label
        self.control: Any = None
        """The widget of its kind; ``None`` until it is first needed, as are the next four."""
        self.json_box: Any = None
        """The box in which any value can be written as JSON."""
        self.remove_button: Any = None
        """What removes the value: then nothing is sent."""
        self._menu: Any = None
        self.more_line: Any = None
        """The rest of a long description, folded."""
        self._widget: Any = None
        self._problem: Any = None
        self.notice = ""
        """What went wrong with the last thing that was done here and left the value as it was."""
        self._problem_text = ""
        """The problems as they are shown."""
        self._showing = UpdateGuard()

    def __repr__(self) -> str:
        return f"<Field {repr(self.state)[1:]}"

    # ------------------------------------------------------------------ what a program uses

    @property
    def name(self) -> str:
        """The Start variable's name."""
        return self.state.name

    @property
    def value(self) -> Any:
        """What would be sent; ``fh.UNSET`` when it is left out. Set it to anything: what does not fit is told."""
        return self.state.value

    @value.setter
    def value(self, value: Any) -> None:
        self.state.set(value)
        self.view.changed(self)

    @property
    def problems(self) -> list[str]:
        """All problems of the present value."""
        return [str(problem) for problem in self.state.problems]

    @property
    def is_set(self) -> bool:
        """Whether its name is sent."""
        return self.state.is_set

    # ------------------------------------------------------------------ its widgets

    @property
    def widget(self) -> Any:
        """Its container; made at the first use."""
        if self._widget is None:
            with self._showing:
                self._widget = self._build(self._shown_parts())
        return self._widget

    def _build(self, parts: tuple[Any, ...]) -> Any:
        from ipywidgets import Box

        classes = ["fh-field", f"fh-field-{self.state.kind}", field_anchor(self.state.path)]
        classes += ["fh-needed"] if self.state.required else []
        classes += [OFFERS] if self.offers and self._menu is None else []
        return Box(parts, layout=self.view.look.field, _dom_classes=classes)

    def refresh(self) -> None:
        """Show the state again."""
        if self._widget is not None:
            with self._showing:
                set_traits(self._widget, children=self._shown_parts())
                if self._menu is None and self.offers:
                    self._widget.add_class(OFFERS)

    @property
    def menu(self) -> Any:
        """What else can be sent than what is typed: null, an empty text, the default; ``None`` where nothing can.

        Made at the first use.
        """
        if self._menu is None and self.offers:
            with self._showing:
                self._menu = _make_menu(self, _menu_items(self.state), self.state.sent_as)
        return self._menu

    def offer_menu(self) -> None:
        """Show its menu: a person has come to it."""
        if self._widget is not None and self._menu is None and self.menu is not None:
            self.refresh()

    def _shown_parts(self) -> tuple[Any, ...]:
        """Put the state into its parts, made when they are needed, and return those that are shown."""
        as_json = not self.state.can_show
        is_new = not as_json and self.control is None
        if as_json:
            self.show_json()
        else:
            if is_new:
                self.control = self._make()
            self._show()
        if not is_new:  # a new control has its label
            self._show_label()
        self._show_ends()
        self._show_more()
        self._show_problem()
        return self._there(self.json_box if as_json else self.control)

    def refresh_problems(self) -> None:
        """Show its problems again: another field may have made or mended them."""
        if self._widget is not None:
            with self._showing:
                self._show_problem()
                is_json = not self.state.can_show and self.json_box is not None
                set_traits(self._widget, children=self._there(self.json_box if is_json else self.control))

    def _there(self, control: Any) -> tuple[Any, ...]:
        return tuple(part for part in self._parts(control) if part is not None)

    def _parts(self, control: Any) -> tuple[Any, ...]:
        """Return all that is shown, in its order, ``None`` for what is not there."""
        # The menu is the last: what stands behind a part that comes is drawn anew.
        return (*self._controls(control), self._shown_remove_button(), self.more_line, self.problem_line(), self._menu)

    def ends(self) -> tuple[Any, Any]:
        """Return what stands at the end of its label's line: the x where there is a value to remove, and the menu."""
        return (self._shown_remove_button(), self.menu)

    def _shown_remove_button(self) -> Any:
        return self.remove_button if self.state.switchable and self.state.is_set else None

    def problem_line(self) -> Any:
        """Return the line of problems, where there is any.

        A field that holds others has it always: a page draws anew what stands behind a part that comes or goes, and
        what was typed there and not sent yet would be lost.
        """
        if not self.holds_others:
            return self._problem if self._problem_text else None
        if self._problem is None:
            self._problem = self.view.look.html("")
        look = self.view.look
        set_traits(self._problem, value=self._problem_text, layout=look.whole if self._problem_text else look.hidden)
        return self._problem

    def _controls(self, control: Any) -> tuple[Any, ...]:
        """Return what is in place of the control: it, and what stands beside it."""
        return (control,)

    def _make(self) -> Any:
        """Return the control: called once."""
        raise NotImplementedError

    def _show(self) -> None:
        """Put the state's value into the control."""
        raise NotImplementedError

    def children(self) -> Iterator[Field]:
        """Yield the fields inside of it that were made so far."""
        yield from ()

    # ------------------------------------------------------------------ hearing

    def on_input(self, widget: Any, handler: Callable[[Any], None], trait: str = "value") -> None:
        """Call `handler` with what a person has put into `widget`."""

        def heard(change: Any) -> None:
            if not self._showing:
                self.notice = ""
                handler(change["new"])
                self.view.changed(self)

        widget.observe(heard, trait)

    def _on_click(self, button: Any, handler: Callable[[], None]) -> None:
        def clicked(_: Any) -> None:
            self.notice = ""
            handler()
            self.view.changed(self)

        button.on_click(clicked)

    # ------------------------------------------------------------------ its parts

    def show_json(self) -> None:
        """Make the JSON box and put the value into it."""
        if self.json_box is None:
            self.json_box = self.view.look.text_area(rows=4, more=("fh-code",), **self.labelled())
            self.on_input(self.json_box, self.state.set_json)
        text = "" if self.state.secret else self.state.json_text
        set_traits(self.json_box, value=text, rows=_rows(text), description=self.label_html)

    @property
    def offers(self) -> bool:
        """Whether something else can be sent than nothing and what is typed: then it has a menu, made or not."""
        with self.state.model.lock:
            return not set(self.state.sendable_as) <= {SentAs.NOTHING, SentAs.VALUE}

    def labelled(self) -> dict[str, Any]:
        """Return the traits of a control that has the field's label."""
        return {"description": self.label_html, "description_allow_html": True}

    @property
    def label_html(self) -> str:
        """Its name, what is sent where its control cannot say so, and what its schema says of it.

        One text, and not two widgets: a page draws 50 lines of help in as much time as 30 fields.
        """
        described = help_html(self.state, has_default=self.state.is_set, is_described=True)
        return formula_free(f"{self.name_html()} {described}".strip())

    def name_html(self) -> html.Html:
        """Return its name, with what is sent where its control cannot say so."""
        note = "" if self.has_placeholder else state_note(self.state)
        return label_html(self.state, name=self._given_label, note=note)

    def help_html(self) -> html.Html:
        """Return what its schema says of it."""
        # Where nothing is sent, the control or its label tells the default.
        return help_html(self.state, has_default=self.state.is_set)

    def _show_label(self) -> None:
        """Show in the label what is sent."""
        if self.state.can_show:
            set_traits(self.control, description=self.label_html)

    def _show_ends(self) -> None:
        state = self.state
        with state.model.lock:
            sent = state.sent_as
            items = _menu_items(state) if self._menu is not None else ()
        if self._menu is not None:
            set_traits(self._menu, options=items, value=sent)
        if self.remove_button is None and state.switchable and sent is not SentAs.NOTHING:
            self.remove_button = _make_remove_button(self)

    def _show_more(self) -> None:
        if self.more_line is None and (rest := more_html(self.state)):
            self.more_line = self.view.look.html(rest)

    def _show_problem(self) -> None:
        messages = list(map(self.problem_text, self.state.shown_problems))
        if told := self.notice or self.forecast():
            messages = [told, *messages]
        self._problem_text = problem_html(messages) if messages else ""
        if self._problem is None and self._problem_text:
            self._problem = self.view.look.html(self._problem_text)
        elif self._problem_text:
            set_traits(self._problem, value=self._problem_text)
        self._mark(wrong=bool(messages))

    def reveal(self, anchor: str) -> bool:
        """Show what lies at this anchor inside it, such as a row of another page; return whether it was hidden."""
        return False

    def forecast(self) -> str:
        """Return why Run would not do what is chosen, whatever the value is; empty where it would."""
        return ""

    def problem_text(self, problem: Problem) -> str:
        """Return a problem as it is told beside the field: one of the field itself does not need its path."""
        if problem.path == self.state.path:
            return told(problem, self._what_to_do(problem.expected) if problem.expected else "")
        return str(problem)

    def _what_to_do(self, expected: str) -> str:
        """Return in words what a person does to give it a value; `expected` is what would do."""
        return what_to_do(self.state.kind, expected)

    def _mark(self, *, wrong: bool) -> None:
        for control in (self.control, self.json_box):
            if control is not None:
                (control.add_class if wrong else control.remove_class)("fh-wrong")

    def placeholder(self) -> str:
        """What an empty control says of itself."""
        return state_note(self.state) or "\u200b"


CHARS_IN_A_LINE: Final = 64
"""Of a text in a box of the width that fields have beside the answers."""


def lines_of(text: str) -> int:
    r"""Return how many lines a text has in a box that wraps it.

    Examples
    --------
    >>> lines_of(""), lines_of("a\nb"), lines_of("x" * 100)
    (1, 2, 2)
    """
    return sum(max(1, -(-len(line) // CHARS_IN_A_LINE)) for line in text.split("\n"))


def _rows(text: str) -> int:
    return min(max(lines_of(text), 3), 14)


# --- what stands at the end of a field's label: the x that removes a value, and the menu


def button_of(field: Field, text: str, tooltip: str, handler: Callable[[], None], **traits: Any) -> Any:
    """Return a button of a field that calls `handler`; `traits` are those in which it is another one."""
    from ipywidgets import Button

    look = field.view.look
    button = Button(**{
        "description": text, "tooltip": tooltip, "layout": look.button, "style": look.button_style, **traits
    })  # fmt: skip
    field._on_click(button, handler)
    return button


def _make_remove_button(field: Field) -> Any:
    # Named in full for who hears the page: the CSS shows an x.
    name, look = f"Remove the value of {field.shown_name}", field.view.look
    return button_of(
        field, name, f"{name}: nothing is sent", field.state.unset, layout=look.end,
        tabbable=False if field.is_cleared or field.offers else None, _dom_classes=("fh-remove",),
    )  # fmt: skip


_MenuItems = tuple[tuple[str, SentAs], ...]


def _make_menu(field: Field, items: _MenuItems, sent: SentAs) -> Any:
    from ipywidgets import Dropdown

    look = field.view.look
    menu = Dropdown(
        options=items,
        value=sent,
        description=(name := f"More for {field.shown_name}"),
        tooltip=f"{name}: send something else, such as null{' (Alt+Down in the field)' if field.is_typed else ''}",
        layout=look.end,
        style=look.plain_style,
        _dom_classes=("fh-menu", "fh-heard", *(("fh-by-key",) if field.is_typed else ())),
    )
    field.on_input(menu, field.state.send_as)
    return menu


def _menu_items(state: FieldState) -> _MenuItems:
    return tuple((_menu_text(state, sent), sent) for sent in state.sendable_as)


def _menu_text(state: FieldState, sent: SentAs) -> str:
    match sent:
        case SentAs.NOTHING:
            return "Do not send" if state.switchable else "Nothing yet"
        case SentAs.DEFAULT:
            return html.clip(f"Send the default: {default_text(state)}", MENU_CAP)
        case SentAs.NULL:
            return "Send null"
        case SentAs.EMPTY:
            return f"Send {empty_text(state)}"
        case SentAs.VALUE:
            return "Send the value" if state.sent_as is sent else "Send the previous value"


OFFERS: Final = "fh-offers"
"""The class of a field whose menu is made when the page's script tells that a person has come to it."""

MENU_CAP: Final = 60
