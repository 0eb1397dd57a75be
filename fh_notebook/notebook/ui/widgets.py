"""Small widgets that forms are built of: rows, buttons, lines of text, style sheet; handlers that report errors.

- Colours are Jupyter's variables, which both themes define; narrow pages wrap the text, and nothing is cut.
- Widgets of one form share their Layout objects, because each is a message to the page.
- A handler never raises: an error of the user is shown in one line beside what was clicked, a defect goes to the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, Final

from ipywidgets import HTML, Box, Button, Layout, VBox, Widget
from ipywidgets.widgets.widget_bool import ToggleButtonStyle
from ipywidgets.widgets.widget_string import HTMLStyle
from traitlets import Unicode

from fh_notebook.contract.deployment import Deployment
from fh_notebook.core.config.urls import LOCAL, hostname, is_loopback
from fh_notebook.core.redaction import error_text, log
from fh_notebook.core.text import html
from fh_notebook.errors import FetchHiveError
from fh_notebook.notebook.shell import enable_clicks
from fh_notebook.notebook.ui.display import HIDE_STATIC
from fh_notebook.notebook.ui.page_widget import OwnKeys, own_keys

FRAME_PX: Final = 3 + 12 + 4
"""The line at the left of a form, and the room inside of it, which its container does not count."""
WIDE: Final = f"{1100 - FRAME_PX}px"
"""From 1,100 px of the output on, fields and answers are beside each other."""

SHORT_FIELDS: Final = ("integer", "number", "boolean", "choice", "date", "time", "date-time")
"""Kinds of fields of which two share a line."""

_SHORT: Final = ",".join(f".fh-field-{kind}" for kind in SHORT_FIELDS)
_SHORT_IN_GROUP: Final = f"{_SHORT},.fh-field-text,.fh-field-email"
"""The texts of an object are parts of one thing, such as an address: they are short as well."""

_MORE: Final = (
    "box-sizing:border-box;height:24px;line-height:22px;padding:0 10px;border-radius:12px;font-size:12px;"
    "pointer-events:none;border:1px solid var(--jp-border-color1,rgba(128,128,128,.6));"
    f"background:{html.GROUND};color:var(--jp-ui-font-color1,inherit)"
)

PANES_STYLE: Final = (
    # What scrolls a form is the notebook. An output that scrolls by itself would hold the right pane, and Notebook 7
    # makes one of every output of more than some 100 lines, 310 px high.
    ":is(.jp-OutputArea,.jp-OutputArea-child,.jp-OutputArea-output):has(.fh-panes){overflow:visible}"
    ".jp-CodeCell.jp-mod-outputsScrolled .jp-Cell-outputArea:has(.fh-panes){max-height:none;overflow:visible;"
    "resize:none;margin-left:0}"
    ".fh-panes,.fh-pane{overflow:visible;min-width:0}"
    ".fh-panes>.fh-pane{width:100%}"
    # A box in a pane that scrolls is as high as what is in it: ipywidgets lets it shrink, and what is below is cut off.
    ".fh-panes>.fh-pane>*{flex-shrink:0}"
    f"@container fh-panel (min-width:{WIDE}){{"
    ".fh-panes{display:grid;grid-template-columns:minmax(0,min(560px,46%)) minmax(0,1fr);column-gap:24px;"
    "align-items:start}"
    # The right pane stays in sight while the fields scroll; where the answers are longer than the window, it scrolls.
    ".fh-panes>.fh-pane:last-child{position:sticky;top:0;max-height:calc(100vh - 112px);overflow:hidden auto;"
    "box-sizing:border-box;padding:0 4px 4px}"
    ".fh-panes>.fh-pane:last-child>.fh-run-bar{position:sticky;top:0;z-index:2;margin:0 0 8px;padding:0 0 8px;"
    f"background:{html.GROUND};border-bottom:1px solid var(--jp-border-color2,rgba(128,128,128,.4))}}"
    # What is scrolled away has a sign, which lies over the rest: nothing moves when it comes or goes.
    f".fh-pane.fh-more-above>.fh-run-bar::after,.fh-pane.fh-more-below::after{{{_MORE}}}"
    ".fh-pane.fh-more-above>.fh-run-bar::after{content:'\\2191  more above';position:absolute;left:50%;"
    "transform:translateX(-50%);bottom:-12px}"
    ".fh-pane.fh-more-below::after{content:'\\2193  more below';position:sticky;bottom:0;align-self:center;"
    "flex:none;margin-top:-24px;z-index:2}"
    "}"
    ".fh-panel button.fh-fold{text-align:left;padding:0 8px;background:none;box-shadow:none;"
    "border:1px solid var(--jp-border-color2,rgba(128,128,128,.4));border-radius:4px;"
    "color:var(--jp-ui-font-color1,inherit)}"
    ".fh-panel button.fh-fold::before{content:'\\25B6\\FE0E ';content:'\\25B6\\FE0E ' / '';font-size:.8em;"
    "margin-right:6px}"
    ".fh-panel button.fh-fold.mod-active::before{content:'\\25BC\\FE0E ';content:'\\25BC\\FE0E ' / ''}"
    "@container fh-panel (min-width:460px){"
    ".fh-panes :is(.fh-form,.fh-group){display:grid;grid-template-columns:repeat(2,minmax(0,1fr));align-items:start}"
    f".fh-panes .fh-form>:not({_SHORT}),.fh-panes .fh-group>:not({_SHORT_IN_GROUP}){{grid-column:1/-1}}"
    "}"
)


NO_KERNEL: Final = "The kernel was restarted or has ended, so nothing here works any more. Run the cell again."
NO_PAGE: Final = "Nothing here works any more. Load the page again."
"""What a form says whose kernel has gone, in a notebook and in Voila; the page has it from the beginning."""

_PRESSED: Final = ".widget-toggle-button:not(.fh-fold),.fh-copy-as *"

_BORDER: Final = "var(--jp-border-color2,rgba(128,128,128,.4))"
_SCROLL_SHADOWS: Final = (
    f"linear-gradient({html.GROUND},{html.GROUND}) top/100% 10px no-repeat local,"
    f"linear-gradient({html.GROUND},{html.GROUND}) bottom/100% 10px no-repeat local,"
    f"linear-gradient({_BORDER},transparent) top/100% 8px no-repeat scroll,"
    f"linear-gradient(transparent,{_BORDER}) bottom/100% 8px no-repeat scroll"
)
"""A ground that scrolls with the text covers the shadow at an end that is in sight."""

STYLE: Final = html.Html(
    "<style>"
    ".fh-panel{border-left:3px solid var(--jp-border-color2,rgba(128,128,128,.4));padding:0 4px 0 12px;"  # FRAME_PX
    # The width of a form follows the room that it has, and not the window: a page may show it beside something.
    "overflow:visible;box-sizing:border-box;max-width:100%;width:100%;container:fh-panel/inline-size;"
    "--jp-widgets-inline-height:32px}"  # of buttons and of what is typed into alike
    f"{PANES_STYLE}"
    # ipywidgets marks each widget whose kernel has gone by a picture of its own, which would move the fields.
    ".fh-panel .jupyter-widgets-disconnected::before{display:none}"
    f".fh-panel.jupyter-widgets-disconnected::before{{content:'{NO_KERNEL}';background:none;display:block;flex:none;"
    "width:auto;height:auto;margin:4px 0;font-weight:600;color:inherit}"
    f"[data-voila] .fh-panel.jupyter-widgets-disconnected::before{{content:'{NO_PAGE}'}}"
    ".fh-panel .widget-html,.fh-panel .widget-html-content{line-height:1.45;height:auto;min-width:0;"
    "max-width:100%}"
    ".fh-panel .fh-batch-result>.widget-html-content{width:100%}"
    ".fh-panel :is(button,select,textarea,input:not([type=checkbox],[type=radio])){border-radius:4px}"
    # The border of what is typed into darkens under the pointer, as that of other forms does.
    ".fh-panel .fh-control:not(.fh-wrong)>:is(input,select,textarea):hover:not(:disabled,:focus)"
    "{border-color:var(--jp-ui-font-color2,currentColor)}"
    ".fh-panel .widget-checkbox{margin-right:14px}"
    ".fh-panel :is(.fh-run-bar,.fh-grow) .widget-checkbox label{display:flex;align-items:center;height:32px}"
    ".fh-panel :is(.fh-run-bar,.fh-grow) .widget-checkbox input{margin:0 6px 0 0}"
    # An empty box is white unless the page says that its scheme is dark: JupyterLab does, Voila does not.
    "[data-jp-theme-light=false] :is(.fh-panel,.fh-block) input:is([type=checkbox],[type=radio]){color-scheme:dark}"
    # The arrow that ipywidgets draws is black in the dark theme too; the browser's own follows it.
    ".fh-panel select:not([multiple]){appearance:auto;background-image:none;padding-right:4px}"
    ".fh-panel .fh-preview>.widget-html-content{overflow-x:auto}.fh-panel .fh-request .fh-out{margin-top:6px}"
    ".fh-panel .fh-deployment{font-size:16px}.fh-panel>.fh-panes{margin-top:6px}"
    ".fh-panel .fh-run-bar{margin:6px 0}"
    ".fh-panel .fh-tools{margin-top:8px}"
    ".fh-panel .fh-from>.widget-label{text-align:left;font-weight:600}"
    ".fh-panel .fh-starred>.widget-label::after{content:' *';color:var(--jp-error-color1,inherit)}"
    ".fh-panel .fh-from.fh-wrong>select{border-color:var(--jp-error-color1,currentColor)!important}"
    # Level with the label of the first field, which has no box around it either.
    ".fh-panel .fh-run-bar .fh-variants :is(.widget-checkbox,.widget-checkbox label){height:20px}"
    ".fh-panel .fh-run-bar>.fh-variants{padding-bottom:6px}"
    # While calls are out, Cancel is in the place of what the next run is chosen by.
    ".fh-panel .fh-cancel:disabled,.fh-panel .fh-run-bar.fh-busy :is(.fh-repeats,.fh-by-callback)"
    "{display:none}"
    ".fh-panel .fh-run-bar .fh-progress:not(:has(.fh-line)){display:none}"
    # How far it is, and below it where calls go, or what keeps Run from sending: each a line of its own.
    ".fh-panel .fh-run-bar .fh-line{color:var(--jp-ui-font-color1,inherit)}"
    ".fh-panel .jupyter-button.mod-primary{height:28px;line-height:28px;border-radius:4px;padding:0 12px}"
    ".fh-panel .jupyter-button[class*=fh-row-]{border-radius:4px}"
    # What is chosen, or open: the colour of the selection, and a frame of two pixels; grey is what cannot be pressed.
    f".fh-panel .jupyter-button.mod-active:is({_PRESSED}){{border-color:var(--jp-brand-color1,currentColor);"
    "background:color-mix(in srgb,var(--jp-brand-color1,Highlight) 18%,transparent);font-weight:600;"
    "box-shadow:inset 0 0 0 1px var(--jp-brand-color1,currentColor);color:var(--jp-ui-font-color1,inherit)}"
    ".fh-panel .fh-busy .fh-run:disabled{opacity:1}"
    # Code is read whole: a long one scrolls, and a shadow at an end says that more follows.
    f".fh-panel .fh-copy-text .fh-all{{max-height:814px;border:1px solid {_BORDER};background:{_SCROLL_SHADOWS}}}"
    ".fh-panel .fh-copy-as .widget-toggle-button{margin:4px 6px 0 0;min-width:72px}"
    ".fh-panel .fh-code-bar{display:flex;align-items:center;gap:8px;margin:4px 0}"
    ".fh-panel .fh-earlier{width:100%;border-collapse:collapse;font-size:12px}"
    ".fh-panel .fh-earlier :is(th,td){text-align:left;vertical-align:top;padding:4px 8px 4px 0;"
    "border-bottom:1px solid var(--jp-border-color2,rgba(128,128,128,.4));overflow-wrap:anywhere}"
    ".fh-panel .fh-earlier td:first-child{overflow-wrap:normal}"  # a moment breaks between its words alone
    ".fh-panel .fh-earlier td:last-child{white-space:nowrap;width:1%}"
    "@container fh-panel (max-width:600px){.fh-panel .fh-earlier td:last-child{white-space:normal}"
    ".fh-panel .fh-earlier .fh-code-act{margin-bottom:4px}}"
    ".fh-panel :is(.fh-history,.fh-earlier-answers){width:100%}"
    # What is below is of another call than the answers above.
    ".fh-panel .fh-earlier-answers{scroll-margin-top:4px}"
    ".fh-panel .fh-earlier-head{margin:10px 0 8px;padding:8px 0 0;border-top:2px solid var(--jp-border-color1,"
    "rgba(128,128,128,.6))}.fh-panel .fh-earlier-head>.fh-title{font-size:14px;font-weight:600}"
    ".fh-panel .fh-go{color:var(--jp-content-link-color,revert);text-decoration:underline;cursor:pointer}"
    "</style>"
)


def form_head(deployment: Deployment) -> str:
    """Return the form's head as HTML."""
    description = deployment.description
    about = html.el("div", description, cls="fh-dim", dir=html.direction(description)) if description else None
    name = html.el("div", html.el("strong", deployment.name, dir=html.direction(deployment.name)), cls="fh-deployment")
    return str(html.el("div", html.STYLE, STYLE, HIDE_STATIC, name, about, cls="fh"))


LABELLED: Final = {"description_width": "initial"}
"""A style under which a label has the room that it needs: a cut label names nothing."""


class FormTheme:
    """The layouts of one form, made once, and its small widgets."""

    def __init__(self) -> None:
        self.button_layout = Layout(width="auto", min_width="72px", margin="2px 6px 2px 0")
        self._row = Layout(flex_flow="row wrap", align_items="center", overflow="visible", grid_gap="2px 6px")
        self._column = Layout(overflow="visible", max_width="100%")
        self._pane = Layout(max_width="100%")
        """Without overflow, which would be written at the widget itself: a wide form decides by its style sheet."""
        self._text_style = HTMLStyle()
        self.toggle_style = ToggleButtonStyle()
        self._text = Layout(margin="2px 0", max_width="100%", min_width="0", flex="0 1 auto")
        self.hidden = Layout(display="none")
        self.acts: dict[str, Callable[[str], object]] = {}
        """What is done when a part of the form's HTML is clicked whose ``data-act`` begins with that word."""
        self.keys = OwnKeys(self._act, layout=self.hidden, _dom_classes=("fh-keys",))
        """The script of the form's page."""
        self.input = Layout(width="auto", max_width="100%", margin="2px 6px 2px 0")

    def button(self, text: str, tooltip: str, dom_class: str, clicked: Callable[[], object], **more: Any) -> Any:
        """Return a button; what it does is told nothing of the widget."""
        button = Button(
            description=text, tooltip=tooltip, layout=self.button_layout, _dom_classes=_classes(dom_class), **more
        )
        button.on_click(lambda _: clicked())
        return button

    def row(self, *children: Any, dom_class: str = "") -> Any:
        """Return widgets beside each other, on several lines where the page is narrow."""
        return Box(children, layout=self._row, _dom_classes=_classes(dom_class))

    def column(self, *children: Any, dom_class: str = "") -> Any:
        """Return widgets below each other."""
        return VBox(children, layout=self._column, _dom_classes=_classes(dom_class))

    def panes(self, left: Sequence[Any], right: Sequence[Any]) -> Any:
        """Return two columns that are beside each other where the form has room for both, else below each other."""
        panes = (VBox(children, layout=self._pane, _dom_classes=_classes("fh-pane")) for children in (left, right))
        return self.column(*panes, dom_class="fh-panes")

    def panel(self, *children: Any) -> Any:
        """Return the whole of a form."""
        return own_keys(self.column(*children, dom_class="fh-panel"), self.keys)

    def _act(self, name: str) -> None:
        word, _, rest = name.partition(" ")
        if word in self.acts:
            self.acts[word](rest)
        enable_clicks(self.keys)

    def text(self, value: str = "", dom_class: str = "") -> Any:
        """Return a widget of HTML that is escaped already."""
        return HTML(value, layout=self._text, style=self._text_style, _dom_classes=_classes(dom_class))

    def safely(self, call: Callable[[], object], show_error: Callable[[str], None]) -> Callable[[], None]:
        """Return a handler that does `call`, and tells what of it is a person's to put right."""

        def handle() -> None:
            try:
                call()
            except FetchHiveError as exc:
                show_error(str(exc))
            except Exception as exc:
                log.warning("a form could not process a click", exc_info=True)
                show_error(error_text(exc))

        return handle


def _classes(dom_class: str) -> tuple[str, ...]:
    """Return what a widget is made with: a class that is added later is one more message to the page."""
    return tuple(dom_class.split())


def line(text: str | html.Html, *, kind: str = "dim") -> str:
    """Return one line as HTML that is read out when it appears; `kind` is ``dim``, ``error`` or ``plain``."""
    return str(html.el("div", text, cls=f"fh fh-{kind}", role="status")) if text else ""


def problems_list(problems: Iterable[object], *, most: int = 8) -> str:
    """Return problems as a list that a page reads out when it appears; empty for none."""
    listed_problems = list(problems)
    if not listed_problems:
        return ""
    items = [html.el("li", problem) for problem in listed_problems[:most]]
    if left := len(listed_problems) - most:
        items += [html.el("li", f"and {left:,} more")] if left > 0 else []
    listed = html.el("ul", *items, style="margin:2px 0;padding-left:20px")  # a list that is an alert would be no list
    return str(html.el("div", listed, cls="fh fh-error", role="alert"))


def origin_text(origin: str) -> str:
    """Say where calls go.

    Examples
    --------
    >>> origin_text("api.fetchhive.com"), origin_text("127.0.0.1:8080")
    ('api.fetchhive.com', 'a server on this computer (127.0.0.1:8080)')
    """
    if origin == LOCAL:
        return "the local hive in this process"
    return f"a server on this computer ({origin})" if is_loopback(hostname(f"//{origin}")) else origin


@cache
def without_echo(kind: type[Any]) -> type[Any]:
    """Return a class of widgets whose value, once typed, is not told to the other pages that are open: it is secret."""

    class Unheard(kind):  # type: ignore[misc]  # ipywidgets ships no types
        value = Unicode("").tag(sync=True, echo_update=False)

    return Unheard


def close_all(widget: Any) -> None:
    """Take a widget and all in it off the page; the layouts and styles that it shares with others stay."""
    for child in getattr(widget, "children", ()):
        close_all(child)
    widget.close()


OURS: Final = "fh_notebook.notebook."
"""The modules whose objects hold the widgets of a form."""


def close_whole(view: Any) -> None:
    """Close every widget that a view holds in any of its parts: also those out of sight, and their layouts and styles.

    ipywidgets keeps every widget until it is closed, whether or not a page shows it.
    """
    pending, seen, widgets = [view], set[int](), list[Widget]()
    while pending:
        part = pending.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, Widget):
            widgets.append(part)
            pending += [getattr(part, name, None) for name in ("children", "layout", "style")]
        elif isinstance(part, dict):
            pending += part.values()
        elif isinstance(part, list | tuple):
            pending += part
        elif type(part).__module__.startswith(OURS):
            pending += getattr(part, "__dict__", {}).values()
    for widget in widgets:
        widget.close()


def enable_all_clicks(widget: Any) -> None:
    """Have the page's own subshell bring what is done to a widget and to all in it, also while a cell runs."""
    enable_clicks(widget)
    for child in getattr(widget, "children", ()):
        enable_all_clicks(child)
