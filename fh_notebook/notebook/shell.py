"""The running IPython shell and kernel: notices, displays, tracebacks without keys, prompts, the user's variables.

- Importing this module does not import IPython: a program without it is not slowed down.
- IPython's own traceback begins with the source of the cell and, in ``%xmode Verbose``, prints variables. Both may
  contain the key of a pasted snippet, so an error in such a cell renders itself.
- What is typed at a hidden prompt goes into a `Secret` at once; it is in no variable, no ``In`` and no output.
  JupyterLab saves what is typed at an open prompt with the notebook's outputs, and only dots for a hidden one.
- The kind of a variable is its type alone, and only pandas' own frames and Python's own lists and dicts are inspected,
  by the methods of those types. ``isinstance`` would read a value's ``__class__``, a property that may run the user's
  code.
"""

from __future__ import annotations

import builtins
import getpass
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any, Final

from fh_notebook.core.redaction import Secret, error_text, redact
from fh_notebook.core.text import html
from fh_notebook.errors import SettingsError, SnippetError

WIDGET_VIEW: Final = "application/vnd.jupyter.widget-view+json"
"""The media type by which a page knows a widget."""


def widget_view(widget: Any) -> Any:
    """Return by what a page finds a widget: the value of :data:`WIDGET_VIEW` in a display."""
    return widget.get_view_spec()  # IPython would ask for its text as well, which is that of all in it


def enable_clicks(widget: Any) -> None:
    """Have the page's own subshell bring the clicks on `widget`. Call it after whatever was sent to it.

    From ipykernel 7.4 a comm notes over which shell it was used last, which is the busy one while a cell runs, and has
    clicks follow. That note is private: should it go, a click waits for the end of the cell, and Stop works as ever.
    """
    with suppress(AttributeError, TypeError):
        vars(widget.comm).pop("_reply_subshell_id", None)


def no_lost_widget(dom_class: str) -> html.Html:
    """Return a style by which a display of `dom_class`, which stands in for widgets, hides what a page says of them.

    Beside it stands "Loading widget...", or "Error displaying widget: model not found": a node without any element.
    """
    beside, lost = (
        f".jp-OutputArea-child:has(.{dom_class})",
        ".jp-OutputArea-output:not(:has(*)):not(.jp-RenderedHTMLCommon)",
    )
    before = f".jp-OutputArea-child:has(+.jp-OutputArea-child .{dom_class})"
    return html.el("style", f"{before} {lost},{beside}+.jp-OutputArea-child {lost}{{display:none}}")


class _Notice:
    """A line that shows as HTML where there is a page, and as text where there is none."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return html.el("div", html.STYLE, html.el("span", self._text, cls="fh-dim"), cls="fh")


def notice(text: str) -> None:
    """Show `text` to the user."""
    shell = running_shell()
    if shell is None:
        print(text, file=sys.stderr)  # noqa: T201 - a program without a notebook has no other place
        return
    from IPython.display import display

    display(_Notice(text))  # type: ignore[no-untyped-call]  # IPython's display has no types


class Stopped(KeyboardInterrupt):
    """An interrupt that a notebook shows as one line; the cell still counts as interrupted, so Run All stops."""

    def _render_traceback_(self) -> list[str]:
        return [f"Stopped: {self}"]


def running_shell() -> Any:
    """Return the running IPython shell; a program that never imported IPython has none, and does not import it now."""
    if "IPython" not in sys.modules:
        return None
    from IPython.core.getipython import get_ipython

    return get_ipython()


def running_kernel() -> Any:
    """Return the kernel that this runs in; ``None`` in a terminal, and in a program."""
    return getattr(running_shell(), "kernel", None)


def new_handle() -> Any:
    """Return the handle of a new display, which can be updated later."""
    from IPython.display import DisplayHandle

    return DisplayHandle()  # type: ignore[no-untyped-call]  # IPython's display has no types


class Masked(Exception):
    """Something unexpected in a cell that holds a key; what it was is its ``__cause__``.

    Parameters
    ----------
    error : BaseException
        What happened.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(error_text(error))
        self.__cause__ = error

    def _render_traceback_(self) -> list[str]:
        # The frames without variables: those of IPython above ours, which have the cell's text, are not among them.
        cause = self.__cause__
        parts = traceback.format_exception(cause) if cause is not None else [str(self)]
        return [redact(line) for part in parts for line in part.rstrip("\n").split("\n")]


def holds_key(cell: str) -> bool:
    """Whether a cell's text has something in it that looks like a key.

    Examples
    --------
    >>> holds_key("curl -H 'Authorization: Bearer abc'"), holds_key("ticket: late")
    (True, False)
    """
    return redact(cell) != cell


def masked_if_shown(error: BaseException, cell: str) -> BaseException:
    """Return `error` itself where it shows as one line, and masked where its traceback would repeat a key.

    In a snippet that cannot be read, nobody knows where the key is.
    """
    may_hold_key = isinstance(error, SnippetError) or holds_key(cell)
    return error if hasattr(error, "_render_traceback_") or not may_hold_key else Masked(error)


# --- the user's variables


_ROWS_LOOKED_AT: Final = 100
"""Rows of a list whose keys are offered: later rows seldom have others, and Tab must not wait."""


def _is(value: object, *kinds: type) -> bool:
    return issubclass(type(value), kinds)


def _is_frame(value: object) -> bool:
    pandas = sys.modules.get("pandas")  # not imported: then there is no frame
    return pandas is not None and _is(value, pandas.DataFrame)


_TABLES: Final = frozenset(
    {("polars", "DataFrame"), ("pyarrow", "Table"), ("pyarrow", "RecordBatch"), ("duckdb", "DuckDBPyRelation")}
)
"""Packages and classes of other libraries' tables, whose names of columns cost nothing to ask for."""


def _is_other_table(value: object) -> bool:
    kind = type(value)
    return (str(kind.__module__).partition(".")[0], kind.__name__) in _TABLES


def is_rows(value: object) -> bool:
    """Return whether ``--over`` takes `value` and its columns are known: a table, or a list of dicts."""
    if _is_frame(value) or _is_other_table(value):
        return True
    # Past whatever a class of the user's makes of its length: a person is typing.
    rows: Any = value
    return _is(rows, list) and list.__len__(rows) > 0 and all(_is(row, dict) for row in _first_rows(rows))


def _first_rows(rows: Any) -> Iterator[Any]:
    return islice(list.__iter__(rows), _ROWS_LOOKED_AT)


def columns(value: object) -> list[str]:
    """Return the names that one row of `value` has: a frame's columns, the keys of a list's dicts.

    Examples
    --------
    >>> columns([{"ticket": "a"}, {"ticket": "b", "case": 2}]), columns("ticket")
    (['ticket', 'case'], [])
    """
    if not is_rows(value):
        return []
    names: Iterable[Any]
    if _is_frame(value):
        names = _frame_columns(value)
    elif _is_other_table(value):
        table: Any = value
        names = table.column_names if hasattr(table, "column_names") else table.columns
    else:
        names = (key for row in _first_rows(value) for key in dict.keys(row))
    return list(dict.fromkeys(name for name in names if type(name) is str))


def _frame_columns(frame: Any) -> Iterator[Any]:
    # The property of pandas itself: a subclass may have put its own in its place.
    axis: Any = sys.modules["pandas"].DataFrame.__dict__["columns"]
    return iter(axis.__get__(frame, type(frame)))


def row_names(names: Mapping[str, Any]) -> list[str]:
    """Return the variables that ``--over`` can take; those that begin with ``_`` come last."""
    rows = [name for name, value in names.items() if name.isidentifier() and is_rows(value)]
    return sorted(rows, key=lambda name: (name.startswith("_"), name))


def text_names(names: Mapping[str, Any]) -> list[str]:
    """Return the variables that hold a text."""
    return sorted(n for n, v in names.items() if n.isidentifier() and not n.startswith("_") and _is(v, str))


# --- prompts


def has_page(shell: Any) -> bool:
    """Whether `shell` is a kernel, whose front end shows one box of one line, and not a terminal."""
    return getattr(shell, "kernel", None) is not None


def ask_hidden(prompt: str, *, hint: str) -> Secret:
    """Return what the person types, which is not shown."""

    def ask() -> Secret:
        with warnings.catch_warnings():
            # Raised before anything is read: without it, getpass goes on and shows what is typed.
            warnings.simplefilter("error", getpass.GetPassWarning)
            # By way of the module: ipykernel puts its own getpass there.
            return Secret(getpass.getpass(prompt))

    return _ask(ask, hint)


def ask_lines(prompt: str, is_open: Callable[[str], bool], *, hint: str) -> Secret:
    """Return the lines that the person types in a terminal, until they are whole or two are empty; they are shown.

    One empty line ends nothing: pasted code has some, and what is not read here would go to the shell.
    """

    def ask() -> Secret:
        if not _is_terminal():
            raise EOFError  # what comes through a pipe are the next lines of a script, and no answers
        lines = [builtins.input(prompt)]
        while is_open("\n".join(lines)) and "".join(lines[-2:]).strip():
            lines.append(builtins.input("... "))
        return Secret("\n".join(lines))

    return _ask(ask, hint)


def ask_yes(shell: Any, question: str) -> bool | None:
    """Return whether the person says yes; an empty line and an interrupt are no. ``None`` where nobody can be asked."""
    if not (has_page(shell) or _is_terminal()):
        return None  # what comes through a pipe are the next lines of a script, and no answers
    try:
        return builtins.input(f"{question} [y/N]: ").strip().lower() in ("y", "yes")
    except _no_stdin_errors():
        return None
    except KeyboardInterrupt:
        return False


def _no_stdin_errors(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """Return the errors of a prompt to which nobody can answer, and `others`."""
    from IPython.core.error import StdinNotImplementedError

    return (StdinNotImplementedError, EOFError, OSError, *others)


def _is_terminal() -> bool:
    try:
        return sys.stdin is not None and sys.stdin.isatty()
    except ValueError:  # it is closed
        return False


def _ask(ask: Callable[[], Secret], hint: str) -> Secret:
    try:
        return ask()
    except _no_stdin_errors(getpass.GetPassWarning):
        stopped = False
    except KeyboardInterrupt:
        stopped = True
    if stopped:
        raise Stopped("nothing was given, and nothing was changed")
    raise SettingsError(f"no input is possible here (no stdin: nbclient, papermill, a script); {hint}")
