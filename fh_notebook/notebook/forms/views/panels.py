"""Panels below a form: request, earlier calls, code export, schema editor; and the row of buttons that opens them.

- A panel reads the form and calls it back; it knows neither its button nor the other panels. It is created when it is
  first opened, and updated only while it is open.
- The request panel shows the requests that Run would send. Only the key and secret inputs are masked, and long texts
  are folded, with their length.
- Earlier calls are filled in, not sent. A value that is masked in the store is not filled in, so a typed one stays.
- A pasted snippet may contain a key, so its box is emptied at once: a page saves the content of the box with the
  notebook.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from ipywidgets import Box, Checkbox, Dropdown, Layout, Text, Textarea, ToggleButton, ToggleButtons

from fh_notebook.client.connection import Connection
from fh_notebook.client.uploads import file_named, files_among
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.run import Run
from fh_notebook.contract.secrets import Secrets
from fh_notebook.contract.snippet.parser import is_placeholder
from fh_notebook.core.config.urls import DEFAULT_BASE_URL
from fh_notebook.core.redaction import Secret
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import moment_text, one_line, path_text
from fh_notebook.core.text.messages import counted
from fh_notebook.core.text.problems import Problem
from fh_notebook.core.values import UNSET
from fh_notebook.errors import FetchHiveError, InputError
from fh_notebook.notebook.cell.request import request_text, with_delivery
from fh_notebook.notebook.forms.code_export import COMMANDS, commented
from fh_notebook.notebook.forms.control.earlier_calls import EarlierCall, EarlierCalls
from fh_notebook.notebook.forms.control.schema_editor import (
    KINDS,
    ExtendedDeployment,
    can_extend,
    renamed,
    with_columns,
    with_snippet,
    with_variable,
)
from fh_notebook.notebook.forms.control.selection import VariantSelection
from fh_notebook.notebook.forms.fields.help_text import default_text
from fh_notebook.notebook.forms.model.containers import GroupState
from fh_notebook.notebook.forms.model.field import FieldState, SentAs
from fh_notebook.notebook.forms.model.model import FormModel
from fh_notebook.notebook.results.cards import SideBySide
from fh_notebook.notebook.results.served_outputs import ServedOutputs
from fh_notebook.notebook.shell import running_shell
from fh_notebook.notebook.ui.latest_task import LatestTask
from fh_notebook.notebook.ui.output_actions import COPY_STYLE
from fh_notebook.notebook.ui.widgets import LABELLED, FormTheme, enable_all_clicks, line, origin_text, without_echo
from fh_notebook.session import session
from fh_notebook.store import catalog_file

if TYPE_CHECKING:
    from fh_notebook.client.clients import Client


class PanelOwner(Protocol):
    """What these panels need of whose they are: of a form, or of a form over rows."""

    deployment: Deployment
    selection: VariantSelection

    @property
    def secrets(self) -> Secrets:
        """Which of the variables are never shown."""
        ...

    @property
    def problems(self) -> list[Problem]:
        """Everything that keeps Run from sending."""
        ...

    @property
    def has_client(self) -> bool:
        """Whether it was given a client of its own."""
        ...

    @property
    def runs(self) -> tuple[Run, ...]:
        """The answers that the form itself shows."""
        ...

    def requests(self) -> list[InvokeRequest]:
        """Return what Run would send first."""
        ...

    @property
    def copied_as(self) -> Sequence[str]:
        """In which ways its call can be written out."""
        ...

    def written(self, way: str, base_url: str) -> str:
        """Return the call written out in one of them; it raises `InputError` where that cannot be."""
        ...

    def take_past(self, values: Mapping[str, Any], masked: Iterable[str]) -> list[str]:
        """Fill in what an earlier call sent, and return the secrets that are missing now."""
        ...

    def grow(self, grown: ExtendedDeployment) -> None:
        """Go on with a deployment that has grown."""
        ...

    def find_client(self) -> Client:
        """Return whom to ask."""
        ...


class SidePanel(Protocol):
    """Something that can be opened below a form; made with the form's core and its layouts."""

    widget: Any
    """What is put into the page."""

    def follow(self) -> None:
        """Show the form as it is now; called while it is open."""


class RequestPanel:
    """Shows the request while it is open."""

    def __init__(self, core: PanelOwner, look: FormTheme) -> None:
        self._core = core
        self.widget = look.text(dom_class="fh-request")
        self._task = LatestTask(self._show_message)

    def follow(self) -> None:
        """Show what Run would send now. Whom to ask is found on a thread: a keyring may ask the person first."""
        self._task.do(lambda: self._core.find_client().aclient.connection, self._on_result)

    def _on_result(self, connection: Connection) -> None:
        try:
            delivery = self._core.selection.delivery
            requests = [with_delivery(request, delivery, connection) for request in self._core.requests()]
        except InputError as exc:
            self._show_message(str(exc))
            return
        sent = sent_lines(self._core.deployment, requests[0].inputs) if requests else []
        self.widget.value = str(request_page(connection, requests, self._core.secrets, self._core.problems, sent=sent))

    def _show_message(self, message: str) -> None:
        self.widget.value = line(message, kind="error")


_SENT_WORDS: Final = {
    SentAs.DEFAULT: "Sent as their default",
    SentAs.NULL: "Null",
    SentAs.EMPTY: "Empty",
    SentAs.NOTHING: "Not sent",
}
_AT_DEFAULT: Final = "At their default, not sent"


def sent_lines(deployment: Deployment, inputs: Mapping[str, Any]) -> list[str]:
    """Return in words which variables are sent at their default, as null, empty, and not at all.

    Examples
    --------
    >>> from fh_notebook.contract.schema.variables import integer, text
    >>> dep = Deployment("d", inputs={"topic": text(), "words": integer(default=120), "note": text(required=False)})
    >>> sent_lines(dep, {"topic": ""})
    ['Empty: topic', 'Not sent: note', 'At their default, not sent: words (120)']
    """
    lines = [f"{words}: {', '.join(names)}" for words, names in _names_by_words(deployment, inputs).items() if names]
    uploads = [f"{path_text(path)} ({file_named(text)})" for path, text in files_among(inputs)]
    return [*lines, f"Uploaded by Run, and sent as an address: {', '.join(uploads)}"] if uploads else lines


def _names_by_words(deployment: Deployment, inputs: Mapping[str, Any]) -> dict[str, list[str]]:
    model = FormModel(deployment.inputs)
    model.set_values(inputs, exact=True)
    names: dict[str, list[str]] = {words: [] for words in (*_SENT_WORDS.values(), _AT_DEFAULT)}
    for state in _parts(model.fields.values()):
        name, sent = path_text(state.path), state.sent_as
        if sent is SentAs.NOTHING and state.default is not UNSET:
            names[_AT_DEFAULT].append(f"{name} ({default_text(state)})")
        elif sent in _SENT_WORDS:
            names[_SENT_WORDS[sent]].append(name)
    return names


def _parts(states: Iterable[FieldState]) -> Iterator[FieldState]:
    for state in states:
        yield state
        if isinstance(state, GroupState) and isinstance(state.value, dict):
            yield from _parts(state.fields.values())


def request_page(
    connection: Connection,
    requests: Sequence[InvokeRequest],
    secrets: Secrets,
    problems: Sequence[Problem] = (),
    *,
    sent: Sequence[str] = (),
) -> html.Html:
    """Return the page: of the first variant all, of the others that they differ in its name alone.

    `sent` has in words what the request cannot show by itself (:func:`sent_lines`).
    """
    if not requests:
        return html.el("div", str(problems[0]) if problems else "nothing to send", cls="fh fh-error")
    text = request_text(connection.base_url, connection.key, requests[0], secrets, whole=True)
    variants = list(dict.fromkeys(request.variant for request in requests))
    notes = [f"{len(requests):,} calls" if len(requests) > 1 else "1 call"]
    if len(variants) > 1:
        others = "the other is" if len(requests) == 2 else "the others are"
        names = f"variant{'' if len(variants) == 2 else 's'} {', '.join(map(str, variants[1:]))}"
        notes.append(f"{others} the same with the {names}")
    refused = html.el("div", "Run would send nothing: there are problems.", cls="fh-error") if problems else None
    return html.el(
        "div",
        html.el("div", "; ".join(notes), cls="fh-dim"),
        refused,
        *(html.el("div", line_text, cls="fh-sent-as", dir="auto") for line_text in sent),
        html.folded(text, whole="form.value has all inputs", cap=4 * html.TEXT_CAP),
        cls="fh",
    )


EARLIER_SHOWN: Final = 8
"""Earlier calls that are shown at first, and more at each click."""


class HistoryPanel:
    """A table of earlier calls: one fills the fields with what it sent, and shows what came of it."""

    def __init__(self, core: PanelOwner, look: FormTheme) -> None:
        self._core, self._look = core, look
        self._calls: EarlierCalls | None = None
        self._options: list[tuple[str, EarlierCall]] = []
        self._shown = EARLIER_SHOWN
        self._table = look.text(line("Reading …"), dom_class="fh-history")
        self._message = look.text()
        self._answers = look.text(dom_class="fh-earlier-answers")
        self._served = ServedOutputs()
        self._task = LatestTask(self._show_message)
        self.widget = look.column(self._table, self._message, self._answers, self._served.widget())
        look.acts |= {"earlier-fill": self._fill, "earlier-show": self._show_answers, "earlier-more": self._show_more}

    def follow(self) -> None:
        """Nothing that is typed changes what was called before."""

    def read(self) -> None:
        """Read anew what was called before."""
        self._task.do(self._read_calls, self._show)

    def _read_calls(self) -> list[tuple[str, EarlierCall]]:
        client = self._core.find_client()
        name = self._core.deployment.name
        self._calls = EarlierCalls(name, workspace=client.workspace, store=session.store())
        return self._calls.options()

    def _show(self, options: list[tuple[str, EarlierCall]]) -> None:
        self._options = options
        rows = [_earlier_row(number, *option) for number, option in enumerate(options[: self._shown])]
        left = len(options) - len(rows)
        names = (html.el("th", name, scope="col") for name in ("Time", "Inputs", "Results"))
        head = html.el("tr", *names, html.el("td"))  # above the buttons: an empty <th> would be read as a heading
        table = html.el("table", html.el("thead", head), html.el("tbody", *rows), cls="fh-earlier")
        more = html.el("button", f"Show {left:,} more", type="button", cls="fh-code-act", data_act="earlier-more")
        empty = "No call of this deployment is saved yet."
        self._table.value = str(html.el("div", table, more if left else None, cls="fh")) if options else line(empty)

    def _show_more(self, _: str) -> None:
        self._shown = len(self._options)
        self._show(self._options)

    def _option(self, number: str) -> tuple[str, EarlierCall] | None:
        return self._options[int(number)] if number.isdecimal() and int(number) < len(self._options) else None

    def _fill(self, number: str) -> None:
        if (option := self._option(number)) is not None:
            self._look.safely(lambda: self._fill_in(option[1]), self._show_message)()

    def _fill_in(self, past: EarlierCall) -> None:
        left = self._core.take_past(past.again(), past.masked)
        self._show_message(
            f"Filled in, except {', '.join(left)}: secrets are not saved." if left else "Filled in.", "dim"
        )

    def _show_answers(self, number: str) -> None:
        option, calls = self._option(number), self._calls
        if option is None or calls is None:
            return
        _, past = option
        self._task.do(lambda: calls.answers(past), lambda runs: self._on_answers(past, runs))

    def _on_answers(self, past: EarlierCall, runs: list[Run]) -> None:
        shown = {run.request_id for run in self._core.runs} - {None}
        is_last = bool(runs) and shown.issuperset(run.request_id for run in runs)
        head = html.el(
            "div",
            html.el(
                "div", f"Answers of the call of {moment_text(past.at)}", cls="fh-title", role="heading", aria_level=4
            ),
            html.el("div", "The last call of this form: the same answers are below Run.", cls="fh-is-last")
            if is_last
            else None,
            html.el("div", past.facts_text() if runs else "They are no longer saved.", cls="fh-dim"),
            cls="fh-earlier-head",
            role="status",
        )
        self._answers.value = str(SideBySide(runs, whole="fh.history() has everything", served=self._served).page(head))
        self._look.keys.show("fh-earlier-answers")

    def _show_message(self, text: str, kind: str = "error") -> None:
        self._message.value = line(text, kind=kind)


def _earlier_row(number: int, label: str, past: EarlierCall) -> html.Html:
    inputs, variants = past.inputs_text(), one_line(", ".join(past.variants), 40)

    def act(name: str, word: str) -> html.Html:
        return html.el(
            "button", word, type="button", cls="fh-code-act", data_act=f"{name} {number}", aria_label=f"{word}: {label}"
        )

    return html.el(
        "tr",
        html.el("td", moment_text(past.at)),
        html.el("td", inputs, dir=html.direction(inputs)),
        html.el("td", f"{variants}: " if variants else "", past.results_text()),
        html.el("td", act("earlier-fill", "Fill in these inputs"), " ", act("earlier-show", "Show answers")),
    )


_WAYS: Final = {"cell": "%%fetchhive cell"}
"""What a way to write a call is called, where it is not its own name."""


class CopyPanel:
    """What Run would send, as a cell, as Python or as a command of a shell, to be copied, or put into the notebook."""

    def __init__(self, core: PanelOwner, look: FormTheme) -> None:
        self._core = core
        self._targets: _CopyTargets | None = None
        self._way = ToggleButtons(
            options=[(_WAYS.get(way, way), way) for way in core.copied_as],
            style={"button_width": "auto"},
            layout=look.input,
        )
        self._way.add_class("fh-copy-as")
        self._way.observe(lambda _: self.follow(), "value")
        self._text = look.text(dom_class="fh-copy-text")
        self._task = LatestTask(lambda message: self._show_page(line(message, kind="error")))
        self.widget = look.column(self._way, self._text)

    def follow(self) -> None:
        """Write out what the fields hold now."""
        way, places = self._way.value, self._targets
        if places is None and way in COMMANDS:
            self._task.do(self._find_targets, self._on_result)
            return
        base_url, note = (places.base_url, places.note(way)) if places is not None else ("", "")
        try:
            code = commented(self._core.written(way, base_url), note if way not in COMMANDS else "")
            self._show_page(f"{line(note)}{_copyable(code, is_cell=way not in COMMANDS)}")
        except FetchHiveError as exc:
            self._show_page(line(str(exc), kind="error"))
        if places is None and self._core.has_client:
            self._task.do(self._find_targets, self._on_result)

    def _find_targets(self) -> _CopyTargets:
        client = self._core.find_client()
        url, form = client.aclient.connection.base_url, origin_text(client.origin)
        if not self._core.has_client:
            return _CopyTargets(url, form)
        try:
            code = origin_text(session.client_for(None).origin)
            return _CopyTargets(url, form, f"This calls {code}", is_same=code == form)
        except FetchHiveError as exc:
            return _CopyTargets(url, form, f"This cannot call a service yet ({str(exc).rstrip('.')})")

    def _on_result(self, places: _CopyTargets) -> None:
        self._targets = places
        self.follow()

    def _show_page(self, page: str) -> None:
        self._text.value = page


@dataclass(frozen=True, slots=True)
class _CopyTargets:
    """Whom a form calls; and whom a cell and Python would, where the form has a client of its own."""

    form_url: str
    form: str
    code_calls: str = ""
    is_same: bool = False
    """Whether both call the same place, through clients that may have other settings."""

    @property
    def base_url(self) -> str:
        """What a command calls: a hive in process has no address."""
        return DEFAULT_BASE_URL if self.form_url == session.LOCAL_URL else self.form_url

    def note(self, way: str) -> str:
        """Say where the code calls, unless that is where the form does."""
        if way in COMMANDS:
            return (
                f"This calls {DEFAULT_BASE_URL}: {self.form} has no address." if self.base_url != self.form_url else ""
            )
        if not self.code_calls:
            return ""
        form = "the form uses its own client=" if self.is_same else f"the form calls {self.form} through its client="
        return f"{self.code_calls}, through the notebook's own client; {form}."


def _copyable(text: str, *, is_cell: bool) -> html.Html:
    """Return a code with the buttons for it; that for a cell shows where the page has the notebook's commands."""
    pieces = (text[at : at + html.TEXT_CAP] for at in range(0, len(text), html.TEXT_CAP))
    insert = html.el("button", "Insert as a cell below", type="button", cls="fh-code-act fh-insert-code", hidden="")
    bar = html.el(
        "div",
        html.el("button", "Copy", type="button", cls="fh-code-act fh-copy-code"),
        insert if is_cell else None,
        html.el("span", cls="fh-dim", role="status"),
        cls="fh-code-bar",
    )
    box = html.el("pre", *pieces, cls="fh-all", tabindex=0, aria_label="What Run would send")
    return html.el("div", html.Html(f"<style>{COPY_STYLE}</style>"), bar, box, cls="fh")


_PASTE: Final = (
    "Paste the Code Snippet of the deployment here (curl, or the call of an SDK), then click outside the box."
)


class SchemaPanel:
    """The widgets; the core is what grows."""

    def __init__(self, core: PanelOwner, look: FormTheme) -> None:
        self._core, self._look = core, look
        self._message = look.text(dom_class="fh-grow-said")
        self._rows = [self._naming(), self._adding(), self._pasting(), self._taking(), self._saving()]
        self.widget = look.column(*self._rows, self._message, dom_class="fh-grow")
        self.follow()

    def follow(self) -> None:
        """Show what can be done with the deployment as it is."""
        grows, nameless = can_extend(self._core.deployment), is_placeholder(self._core.deployment.name)
        naming, adding, pasting, taking, _ = self._rows
        frames = _frames()
        visibility = ((naming, nameless), (adding, grows), (pasting, grows), (taking, grows and bool(frames)))
        for row, is_shown in visibility:
            row.layout.display = None if is_shown else "none"
        if tuple(self._frame.options) != frames:
            self._frame.options = frames
            self._frame.value = frames[0] if frames else None

    # --- rows

    def _row(self, *children: Any) -> Any:
        # A layout of its own, since it is shown or not by itself.
        return Box(children, layout=Layout(flex_flow="row wrap", align_items="center", overflow="visible"))

    def _naming(self) -> Any:
        self._new_name = Text(
            description="Deployment", placeholder="its name", continuous_update=False, style=LABELLED,
            layout=self._look.input,
        )  # fmt: skip
        self._new_name.add_class("fh-deployment-name")
        return self._row(
            self._new_name, self._button("Use this name", "Run calls this deployment", "fh-rename", self._rename)
        )

    def _adding(self) -> Any:
        self._name = Text(
            description="New variable", placeholder="its name", continuous_update=False, style=LABELLED,
            layout=self._look.input,
        )  # fmt: skip
        self._name.add_class("fh-new-name")
        self._kind = Dropdown(options=KINDS, description="Kind", style=LABELLED, layout=self._look.input)
        self._kind.add_class("fh-new-kind")
        self._required = Checkbox(
            value=True, description="required", indent=False, style=LABELLED, layout=self._look.input
        )
        add = self._button("Add", "Add a field for this Start variable", "fh-add-variable", self._add)
        return self._row(self._name, self._kind, self._required, add)

    def _pasting(self) -> Any:
        self._paste = without_echo(Textarea)(
            placeholder=_PASTE, rows=2, continuous_update=False, description="Snippet", style=LABELLED,
            layout=Layout(width="100%", max_width="640px", height="auto"),
        )  # fmt: skip
        self._paste.add_class("fh-snippet")
        self._paste.observe(self._pasted, "value")
        return self._row(self._paste)

    def _taking(self) -> Any:
        self._frame = Dropdown(options=(), description="DataFrame", style=LABELLED, layout=self._look.input)
        self._frame.add_class("fh-frame")
        self._take = self._button("Take its columns", "A field for each column", "fh-take-columns", self._take_columns)
        return self._row(self._frame, self._take)

    def _saving(self) -> Any:
        save = self._button(
            "Save in fetchhive.yaml",
            "Write the deployment into this file, from which forms and cells read it",
            "fh-save",
            self._save,
        )
        return self._row(save)

    def _button(self, text: str, tooltip: str, dom_class: str, act: Callable[[], object]) -> Any:
        return self._look.button(text, tooltip, dom_class, self._look.safely(act, self._show_error))

    # --- what is done

    def _rename(self) -> None:
        self._core.grow(ExtendedDeployment(deployment=renamed(self._core.deployment, self._new_name.value)))
        self._show_message(f"Run calls {self._core.deployment.name}.")

    def _add(self) -> None:
        grown = with_variable(self._core.deployment, self._name.value, self._kind.value, required=self._required.value)
        self._grow(grown)
        self._name.value = ""

    def _pasted(self, change: Any) -> None:
        text = Secret(change["new"])
        if not text:
            return
        self._paste.value = ""
        self._look.safely(lambda: self._grow(with_snippet(self._core.deployment, text.reveal())), self._show_error)()

    def _take_columns(self) -> None:
        shell = running_shell()
        self._grow(with_columns(self._core.deployment, shell.user_ns[self._frame.value]))

    def _save(self) -> None:
        path = self._core.deployment.save()
        self._show_message(f"Saved {self._core.deployment.name} in {catalog_file.display_path(path)}.")

    def _grow(self, grown: ExtendedDeployment) -> None:
        self._core.grow(grown)
        self._show_message(grown.message)

    def _show_message(self, text: str) -> None:
        self._message.value = line(text, kind="plain")

    def _show_error(self, text: str) -> None:
        self._message.value = line(text, kind="error")


def _frames() -> tuple[str, ...]:
    """The names of the notebook's DataFrames; without pandas there is none."""
    names = getattr(running_shell(), "user_ns", {})
    return tuple(
        name
        for name, value in list(names.items())
        if not name.startswith("_") and type(value).__name__ == "DataFrame" and hasattr(value, "dtypes")
    )


_GROW: Final = ("Add fields …", "Add fields for Start variables, and save them in the file fetchhive.yaml")

_COLLECT: Final = "Add as a row to form.dataset"
_ADD: Final = "Add these inputs as a row to form.dataset, which fh.batch takes; nothing is called"

_SAVE: Final = (
    "Save fields in fetchhive.yaml …",
    "Write this deployment, with its fields, into the file fetchhive.yaml, from which forms and cells read it",
)


class PanelBar:
    """The row of buttons, and the panels that are open.

    Parameters
    ----------
    core : PanelOwner
        Whose: a form's, or a form's over rows.
    look : FormTheme
        The form's layouts.
    collect : callable, optional
        Adds the inputs to those for a batch; a form over rows has them already.
    is_empty : bool
        Whether there is nothing to fill in yet: then the panel to add variables is open.
    """

    def __init__(
        self,
        core: PanelOwner,
        look: FormTheme,
        *,
        collect: Callable[[], object] | None = None,
        is_empty: bool = False,
    ) -> None:
        self._core, self._look = core, look
        self._panels: dict[str, SidePanel] = {}
        self._open: list[str] = []
        self._buttons = {
            "request": self._toggle("request", "Show request", "Show exactly what Run would send; nothing is sent"),
            "history": self._toggle(
                "history", "Earlier calls", "Show earlier inputs and answers, and fill the fields with them"
            ),
            "copy": self._toggle(
                "copy",
                "Copy as code …",
                "What Run does, as a %%fetchhive cell, Python, curl or PowerShell",
            ),
            "grow": self._toggle("grow", *_GROW if can_extend(core.deployment) else _SAVE),
        }
        buttons = list(self._buttons.values())
        self._said = look.text(dom_class="fh-added")
        if collect is not None:
            add = look.safely(collect, lambda message: self.say(message, kind="error"))
            self._add = look.button(_COLLECT, _ADD, "fh-add", add)
            buttons += [self._add, self._said]
        self._row = look.row(*buttons, dom_class="fh-tools")
        self._area = look.column(dom_class="fh-tool-panels")
        self.widget = look.column(self._row, self._area)
        if is_placeholder(core.deployment.name) or (can_extend(core.deployment) and is_empty):
            self._buttons["grow"].value = True

    def follow(self) -> None:
        """Have what is open show the form as it is now."""
        for name in self._open:
            self._panels[name].follow()

    def say(self, text: str, kind: str = "dim") -> None:
        """Show one line beside the button that collects inputs."""
        self._said.value = line(text, kind=kind)

    def show_collected(self, number: int) -> None:
        """Say that the inputs were added, and how many there are."""
        self._add.description = f"{_COLLECT} ({number:,})"
        self.say(f"Added: {counted(number, 'row')} in form.dataset.")

    def ran(self) -> None:
        """Have the earlier calls, where they are open, show the last one too."""
        if "history" in self._open:
            self._read_history()

    def _toggle(self, name: str, text: str, tooltip: str) -> Any:
        classes = (f"fh-open-{name}",)
        button = ToggleButton(
            description=text, tooltip=tooltip, layout=self._look.button_layout, style=self._look.toggle_style,
            _dom_classes=classes,
        )  # fmt: skip
        button.observe(lambda change: self._turned(name, change["new"]), "value")
        return button

    def _turned(self, name: str, is_open: bool) -> None:
        if is_open:
            panel = self._panels.get(name) or self._make_panel(name)
            self._open.append(name)
            self._area.children = (*self._area.children, panel.widget)
            panel.follow()
            if name == "history":
                self._read_history()
            enable_all_clicks(panel.widget)
            self._look.keys.show("fh-tool-panels")
        else:
            self._open.remove(name)
            closed = self._panels[name].widget
            self._area.children = tuple(child for child in self._area.children if child is not closed)

    def _make_panel(self, name: str) -> SidePanel:
        kinds: dict[str, Callable[[PanelOwner, FormTheme], SidePanel]] = {
            "request": RequestPanel,
            "history": HistoryPanel,
            "copy": CopyPanel,
            "grow": SchemaPanel,
        }
        self._panels[name] = panel = kinds[name](self._core, self._look)
        return panel

    def _read_history(self) -> None:
        panel = self._panels["history"]
        if isinstance(panel, HistoryPanel):
            panel.read()
