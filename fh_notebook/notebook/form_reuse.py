"""Earlier calls to fill the form with again, and the present inputs written out to be used elsewhere.

Rule of this file: nothing is sent. What was masked in the store is not filled in, so what a person has typed for it
stays; and what is written out has a name or a placeholder where a secret would stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ipywidgets import Dropdown, ToggleButtons

from fh_notebook import html, session
from fh_notebook.addresses import DEFAULT_BASE_URL
from fh_notebook.errors import FetchHiveError
from fh_notebook.notebook.form_history import FormHistory, Past
from fh_notebook.notebook.form_later import Later
from fh_notebook.notebook.form_panel import Reused
from fh_notebook.notebook.form_parts import LABELLED, Look, line, place_in_words
from fh_notebook.notebook.results_copy import COPY_STYLE

__all__ = ["CopyPanel", "HistoryPanel"]

_CHOOSE: Final = ("choose an earlier call …", "")


class HistoryPanel:
    """A dropdown of earlier calls; choosing one fills the fields with what it sent."""

    def __init__(self, core: Reused, look: Look) -> None:
        self._core, self._look = core, look
        self._drop = Dropdown(
            options=[("reading …", "")], description="Earlier calls", style=LABELLED, layout=look.input
        )
        self._drop.add_class("fh-history")
        self._drop.observe(self._picked, "value")
        self._said = look.text()
        self._later = Later(self._tell)
        self.widget = look.row(self._drop, self._said)

    def follow(self) -> None:
        """Nothing that is typed changes what was called before."""

    def read(self) -> None:
        """Read anew what was called before."""
        self._later.do(self._read, self._show)

    def _read(self) -> list[tuple[str, Past]]:
        client = self._core.find_client()
        name = self._core.deployment.name
        return FormHistory(name, workspace=client.workspace, store=session.store()).options()

    def _show(self, options: list[tuple[str, Past]]) -> None:
        self._drop.options = [_CHOOSE, *options] if options else [("no call of this deployment is kept", "")]

    def _picked(self, change: Any) -> None:
        past = change["new"]
        if isinstance(past, Past):  # and not one of the lines that say something else
            self._look.safely(lambda: self._fill(past), self._tell)()

    def _fill(self, past: Past) -> None:
        left = self._core.take_past(past.again(), past.masked)
        self._tell(f"Filled in, but for {', '.join(left)}: secrets are not kept." if left else "Filled in.", "dim")

    def _tell(self, text: str, kind: str = "error") -> None:
        self._said.value = line(text, kind=kind)


class CopyPanel:
    """What Run would send, as a cell, as Python or as curl, to be selected by one click."""

    def __init__(self, core: Reused, look: Look) -> None:
        self._core = core
        self._places: _Places | None = None
        self._way = ToggleButtons(options=core.copied_as, style={"button_width": "84px"}, layout=look.input)
        self._way.add_class("fh-copy-as")
        self._way.observe(lambda _: self.follow(), "value")
        self._text = look.text(dom_class="fh-copy-text")
        self._later = Later(lambda told: self._show_page(line(told, kind="error")))
        self.widget = look.column(self._way, self._text)

    def follow(self) -> None:
        """Write out what the fields hold now."""
        way, places = self._way.value, self._places
        if places is None and way == "curl":
            self._later.do(self._find_places, self._found)
            return
        base_url, note = (places.base_url, places.note(way)) if places is not None else ("", "")
        try:
            self._show_page(f"{line(note)}{_selectable(self._core.written(way, base_url))}")
        except FetchHiveError as told:
            self._show_page(line(str(told), kind="error"))
        if places is None and self._core.has_client:
            self._later.do(self._find_places, self._found)

    def _find_places(self) -> _Places:
        own = self._core.find_client()
        url, form = own.aclient.connection.base_url, place_in_words(own.origin)
        if not self._core.has_client:
            return _Places(url, form)
        try:
            return _Places(url, form, f"This calls {place_in_words(session.client_for(None).origin)}")
        except FetchHiveError as told:
            return _Places(url, form, f"This would call nobody yet ({str(told).rstrip('.')})")

    def _found(self, places: _Places) -> None:
        self._places = places
        self.follow()

    def _show_page(self, page: str) -> None:
        self._text.value = page


@dataclass(frozen=True, slots=True)
class _Places:
    """Whom a form calls; and whom a cell and Python would, where the form has a client of its own."""

    form_url: str
    form: str
    code_calls: str = ""

    @property
    def base_url(self) -> str:
        """What curl calls: a hive in process has no address."""
        return DEFAULT_BASE_URL if self.form_url == session.LOCAL_URL else self.form_url

    def note(self, way: str) -> str:
        """Say where the code calls, unless that is where the form does."""
        if way == "curl":
            return (
                f"This calls {DEFAULT_BASE_URL}: {self.form} has no address." if self.base_url != self.form_url else ""
            )
        if not self.code_calls:
            return ""
        return f"{self.code_calls}, by the notebook's own client; the form calls {self.form} by its client=."


def _selectable(text: str) -> html.Html:
    pieces = (text[at : at + html.TEXT_CAP] for at in range(0, len(text), html.TEXT_CAP))
    how = html.el("div", "Click the text to select all of it, then press Ctrl+C (⌘C).", cls="fh-dim")
    box = html.el("pre", *pieces, cls="fh-all", tabindex=0, aria_label="What Run would send")
    return html.el("div", html.Html(f"<style>{COPY_STYLE}</style>"), how, box, cls="fh")
