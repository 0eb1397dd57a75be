"""Layouts, styles and CSS of form fields; each widget object is created once for each form.

Rule of this file: one object a look, made at its first use and shared by all fields of a form, because every Layout and
Style of its own costs as much as the widget. They belong to one form, so that closing one leaves the others alone.
Colours are Jupyter's own variables; without the CSS everything is still there and works, only less neat.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any, Final

from fh_notebook.core.text import html

FORM_WIDTH: Final = "860px"
"""Longer lines are hard to read; a narrow page takes what it has."""

BETWEEN_FIELDS: Final = "12px 16px"
"""Of two lines of fields, and of two in a line; the fields themselves have no margin, which would add up in groups."""


class FieldTheme:
    """The layouts and styles of one form, and the plain widgets that are made of them."""

    def __init__(self) -> None:
        self._widgets: list[Any] = []

    def _layout(self, **traits: Any) -> Any:
        from ipywidgets import Layout

        layout = Layout(**traits)
        self._widgets.append(layout)
        return layout

    def _style(self, kind: str, **traits: Any) -> Any:
        from ipywidgets.widgets import widget_bool, widget_button, widget_description, widget_int, widget_string

        modules = (widget_description, widget_string, widget_bool, widget_button, widget_int)
        style_class = next(getattr(module, kind) for module in modules if hasattr(module, kind))
        style = style_class(**traits)
        self._widgets.append(style)
        return style

    def close(self) -> None:
        """Take all of them out of the page."""
        for widget in self._widgets:
            widget.close()

    # ------------------------------------------------------------------ layouts

    @cached_property
    def form(self) -> Any:
        """The whole column of fields."""
        return self._layout(width="100%", max_width=FORM_WIDTH, overflow="visible", grid_gap=BETWEEN_FIELDS)

    @cached_property
    def field(self) -> Any:
        """One field with its menu, its help and its problems."""
        return self._layout(
            width="100%",
            flex_flow="row wrap",
            align_items="flex-end",
            overflow="visible",
            margin="0",
            grid_gap="0 8px",
        )

    @cached_property
    def control(self) -> Any:
        """What is typed into, its label above it."""
        return self._layout(
            width="auto",
            height="auto",
            min_width="0",
            flex="1 1 160px",
            flex_flow="column",
            align_items="stretch",
            margin="0",
        )

    @cached_property
    def end(self) -> Any:
        """What stands at the end of a label's line: an x, a menu; the CSS puts it there."""
        return self._layout(width="24px", height="24px", flex="0 0 auto", margin="0", padding="0")

    @cached_property
    def small(self) -> Any:
        """A few words beside a control."""
        return self._layout(width="auto", flex="0 0 auto", margin="0")

    @cached_property
    def chips(self) -> Any:
        """The check boxes of a choice of several, as many in a line as there is room for."""
        return self._layout(
            width="auto", flex="1 1 160px", flex_flow="row wrap", align_items="center", overflow="visible",
            margin="0", grid_gap="4px",
        )  # fmt: skip

    @cached_property
    def chip(self) -> Any:
        """One of them."""
        return self._layout(width="auto", flex="0 0 auto", margin="0")

    @cached_property
    def whole(self) -> Any:
        """A line of its own."""
        return self._layout(width="100%", flex="1 1 100%", margin="0", height="auto", overflow="visible")

    @cached_property
    def hidden(self) -> Any:
        """What has its place and is not seen."""
        return self._layout(display="none")

    @cached_property
    def whole_control(self) -> Any:
        """A control that has a line of its own."""
        return self._layout(
            width="auto", height="auto", flex="1 1 100%", flex_flow="column", align_items="stretch", margin="0"
        )

    @cached_property
    def beside(self) -> Any:
        """A second control of a field: a slider."""
        return self._layout(width="200px", flex="0 1 200px", min_width="120px", margin="0")

    @cached_property
    def title(self) -> Any:
        """The name of a group."""
        return self._layout(
            width="auto", min_width="0", flex="1 1 160px", margin="0", height="auto", align_self="center"
        )

    @cached_property
    def row(self) -> Any:
        """Controls and buttons in a line, as far as there is room."""
        return self._layout(
            width="100%", flex="1 1 100%", flex_flow="row wrap", align_items="center", overflow="visible", margin="0"
        )

    @cached_property
    def inner(self) -> Any:
        """The fields of a group."""
        return self._layout(
            width="100%",
            flex="1 1 100%",
            overflow="visible",
            grid_gap=BETWEEN_FIELDS,
            margin="8px 0 0 0",
            padding="2px 0 2px 12px",
            border_left="2px solid var(--jp-border-color1, rgba(128,128,128,.5))",
        )

    @cached_property
    def button(self) -> Any:
        """A button as wide as its word."""
        return self._layout(width="auto", flex="0 0 auto", margin="2px 6px 2px 0")

    @cached_property
    def mark(self) -> Any:
        """A button at the end of a row: a sign, which the CSS draws over its name."""
        return self._layout(width="26px", flex="0 0 auto", margin="0", padding="0")

    @cached_property
    def cell(self) -> Any:
        """A cell of a table."""
        return self._layout(width="auto", min_width="0", margin="0")

    @cached_property
    def cells_end(self) -> Any:
        """The buttons at the end of a row."""
        return self._layout(width="auto", flex_flow="row nowrap", overflow="visible", margin="0")

    def table(self, tracks: Iterable[str]) -> Any:
        """Return the layout of a table with columns of these widths, between the rows' numbers and their buttons."""
        return self._layout(
            width="100%",
            flex="1 1 100%",
            overflow="auto",
            grid_gap="4px 6px",
            align_items="center",
            padding="2px",
            grid_template_columns=f"auto {' '.join(tracks)} auto",
        )

    # ------------------------------------------------------------------ widgets that several kinds of fields have

    def text_area(self, *, rows: int, more: tuple[str, ...] = (), **label: Any) -> Any:
        """Return a box for several lines; `label` are the traits of its label, `more` are classes for the CSS."""
        from ipywidgets import Textarea

        return Textarea(
            **label,
            continuous_update=False,
            rows=rows,
            layout=self.control,
            style=self.text_style,
            _dom_classes=("fh-control", *more),
        )

    def html(self, text: str, *, layout: Any = None) -> Any:
        """Return a piece of HTML; on a line of its own unless `layout` says otherwise."""
        from ipywidgets import HTML

        return HTML(text, layout=layout or self.whole, style=self.html_style)

    # ------------------------------------------------------------------ styles

    @cached_property
    def text_style(self) -> Any:
        """Of texts and text areas."""
        return self._style("TextStyle", description_width="auto")

    @cached_property
    def plain_style(self) -> Any:
        """Of choices and pickers."""
        return self._style("DescriptionStyle", description_width="auto")

    @cached_property
    def check_style(self) -> Any:
        """Of check boxes."""
        return self._style("CheckboxStyle", description_width="auto")

    @cached_property
    def html_style(self) -> Any:
        """Of help and problems."""
        return self._style("HTMLStyle")

    @cached_property
    def button_style(self) -> Any:
        return self._style("ButtonStyle")

    @cached_property
    def slider_style(self) -> Any:
        return self._style("SliderStyle", description_width="auto")


HEARD: Final = (
    "position:absolute;width:1px!important;height:1px;margin:0;padding:0;overflow:hidden;clip-path:inset(50%);"
    "white-space:nowrap"
)
"""A name that is heard and not seen."""


def handle_css(slider: str) -> str:
    """Return the rules for the sliders that a selector names, each of which writes the number in a box beside it.

    The box has a name, and ipywidgets gives the handle none; `own_keys` does. Where a page cannot load that script, the
    handle is for the pointer alone: out of the order of Tab and of what is read out, and drawn by what lies in it.
    """
    handle, area = f"{slider} .noUi-handle", f"{slider} .noUi-touch-area"
    return (
        f"{handle}:not([aria-label]){{visibility:hidden}}{handle}{{outline:none}}"
        f"{area}{{visibility:visible;box-sizing:border-box;border-radius:50%;"
        "border:1px solid var(--jp-widgets-slider-border-color,currentColor);"
        "background:var(--jp-widgets-slider-handle-background-color,currentColor)}"
        f"{area}:hover{{background:var(--jp-widgets-slider-active-handle-color,currentColor)}}"
        f"{handle}:focus-visible .noUi-touch-area{{outline:2px solid var(--jp-brand-color1,currentColor);"
        "outline-offset:1px}"
        f"{slider}{{position:relative}}{slider}>.widget-label{{{HEARD}}}"
    )


CSS: Final = html.Html(
    "<style>"
    # A name above its control and its help below, both of one label, which ipywidgets puts to the left: control and
    # label have no box of their own, so that what is in them lies in that of the field.
    ".fh-form .fh-field>.fh-control:not(.fh-heard),.fh-form .fh-field>.fh-control:not(.fh-heard)>.widget-label"
    "{display:contents}"
    ".fh-form .fh-field>.fh-control>.widget-label>.fh-name{order:-2}"
    ".fh-form .fh-field>.fh-control>:not(.widget-label),"
    ".fh-form .fh-field>:is(.fh-slider,.fh-type-it,.fh-upload,.fh-way,.fh-beside){order:-1}"
    ".fh-form .fh-control>.widget-label>:is(.fh-name,.fh-help){flex:1 1 100%}"
    ".fh-form .fh-name,.fh-form .fh-title{text-align:left;width:auto;"
    "max-width:100%;margin:0 0 4px;line-height:20px;min-height:20px;height:auto;white-space:normal;"
    "overflow-wrap:anywhere;font-weight:400;color:var(--jp-ui-font-color1,inherit);box-sizing:border-box}"
    ".fh-form .fh-label{font-weight:600}"
    ".fh-form .fh-variable{font-family:var(--jp-code-font-family,monospace);font-size:11px;"
    "color:var(--jp-ui-font-color2,inherit);background:none;padding:0 0 0 2px}"
    ".fh-form .fh-star{font-weight:600;color:var(--jp-error-color1,inherit)}"
    ".fh-form .fh-state{font-style:normal;font-size:12px;color:var(--jp-ui-font-color2,inherit);padding-left:4px}"
    # What stands at the end of a label's line: nothing moves when an x comes or goes.
    ".fh-form .fh-field{position:relative}"
    ".fh-form .fh-field:has(>.fh-menu,>.fh-remove)>.fh-control>.widget-label>.fh-name,"
    ".fh-form .fh-field:has(>.fh-menu,>.fh-remove)>:is(.fh-check,.fh-choices){padding-right:56px}"
    ".fh-form .fh-field>:is(.fh-menu,.fh-remove){position:absolute;right:0;top:-2px;width:24px;height:24px}"
    ".fh-form .fh-field>.fh-remove{right:26px}"  # at one place in all fields, also in those without a menu
    ".fh-form .fh-field>.fh-remove:focus-visible,.fh-form .fh-field>.fh-menu:has(select:focus-visible)"
    "{outline:2px solid var(--jp-brand-color1,currentColor);outline-offset:-1px;border-radius:4px}"
    ".fh-form .fh-remove{font-size:0;background:none;border:none;box-shadow:none;border-radius:4px;line-height:24px;"
    "color:var(--jp-ui-font-color2,inherit)}"
    ".fh-form .fh-remove::after{content:'\\2715';content:'\\2715' / '';font-size:13px}"
    ".fh-form .fh-field>.fh-menu select{appearance:none;width:24px;min-width:0;height:24px;padding:0;margin:0;"
    "border:none;border-radius:4px;background:none;cursor:pointer;text-indent:40px;overflow:hidden;"
    "color:var(--jp-ui-font-color1,inherit)}"
    ".fh-form .fh-menu option{text-indent:0;color:var(--jp-ui-font-color1,inherit);"
    "background:var(--jp-layout-color1,Canvas)}"
    ".fh-form .fh-menu::after{content:'\\22EF';content:'\\22EF' / '';position:absolute;inset:0;text-align:center;"
    "line-height:24px;font-size:16px;pointer-events:none;color:var(--jp-ui-font-color2,inherit)}"
    # A menu is made when a person comes to its field; its sign is there before, for hands without a pointer.
    ".fh-form .fh-offers:not(:has(>.fh-menu))::after{content:'\\22EF';content:'\\22EF' / '';position:absolute;right:0;"
    "top:-2px;width:24px;text-align:center;line-height:24px;font-size:16px;pointer-events:none;"
    "color:var(--jp-ui-font-color2,inherit)}"
    ".fh-form .fh-remove:hover,.fh-form .fh-menu:hover{background:var(--jp-layout-color2,rgba(128,128,128,.15));"
    "color:var(--jp-ui-font-color1,inherit);border-radius:4px}"
    ".fh-form .fh-control>input,.fh-form .fh-control>select,.fh-form .fh-control>textarea{width:100%;box-sizing:"
    "border-box;flex:0 0 auto;margin:0}"
    ".fh-form .fh-field>.fh-control>:is(input,select,textarea){flex:1 1 160px;width:auto;min-width:0}"
    ".fh-form .fh-control>select:not([multiple]),.fh-form .fh-control>input{height:32px}"
    ".fh-form .fh-control>textarea{padding:6px 8px}"
    # The arrow that ipywidgets draws is black in the dark theme too; the browser's own follows it.
    ".fh-form select:not([multiple]){appearance:auto;background-image:none;padding-right:4px}"
    ".fh-form .fh-control>select[multiple]{padding:4px 6px}"
    ".fh-form .fh-picker input{width:100%;min-width:0;margin:0;box-sizing:border-box;"
    "font-family:inherit;font-size:inherit;padding:2px 6px;"
    "border:1px solid var(--jp-widgets-input-border-color,currentColor);"
    "background:var(--jp-widgets-input-background-color,transparent);color:var(--jp-widgets-input-color,inherit)}"
    # The icon of a picker is black unless the page says that its scheme is dark.
    "[data-jp-theme-light=false] .fh-form .fh-picker input{color-scheme:dark}"
    ".fh-form .fh-zone{font-size:12px;line-height:32px;color:var(--jp-ui-font-color2,inherit);white-space:nowrap}"
    ".fh-form .fh-type-it{background:none;border:none;box-shadow:none;padding:0;font-size:12px;line-height:32px;"
    "height:32px;color:var(--jp-content-link-color,inherit);text-decoration:underline}"
    # Yes and no, and several out of a few: what is pressed is the whole chip.
    ".fh-form .fh-check>.widget-label-basic{display:flex;align-items:flex-start;gap:8px;line-height:20px;padding:6px 0;"
    "cursor:pointer}.fh-form .fh-check :is(.fh-name,.fh-help){display:block;margin-bottom:0}"
    ".fh-form .fh-check input{margin:2px 0;width:16px;height:16px;flex:0 0 auto;align-self:flex-start}"
    ".fh-form .fh-radio .widget-radio-box{display:flex;flex-direction:row;gap:16px;margin:0;height:32px;padding:0}"
    ".fh-form .fh-radio .widget-radio-box label{display:flex;align-items:center;gap:6px;margin:0;width:auto;"
    "height:32px;line-height:20px;cursor:pointer}"
    # ipywidgets writes the word first, and then it is open to which of two circles it belongs.
    ".fh-form .fh-radio .widget-radio-box input{margin:0;width:16px;height:16px;float:none;order:-1}"
    ".fh-form .fh-radio.fh-wrong .widget-radio-box input{border-radius:50%;"
    "box-shadow:0 0 0 1px var(--jp-error-color1,currentColor)}"
    ".fh-form .fh-choices>.fh-group-label,.fh-form .fh-group-label>.widget-html-content{display:contents}"
    ".fh-form .fh-choices .fh-name{order:-1}.fh-form .fh-choices .fh-help{order:1}"
    ".fh-form .fh-choices :is(.fh-name,.fh-help){flex:1 1 100%}"
    ".fh-form .fh-chip .widget-label-basic{display:flex;align-items:center;gap:6px;height:28px;line-height:20px;"
    "padding:0 12px 0 8px;border-radius:14px;border:1px solid var(--jp-border-color1,rgba(128,128,128,.5));"
    "cursor:pointer;box-sizing:border-box}"
    ".fh-form .fh-chip .widget-label-basic:has(input:checked){border-color:var(--jp-brand-color1,currentColor);"
    "background:var(--jp-layout-color2,rgba(128,128,128,.15))}"
    ".fh-form .fh-chip input{margin:0;width:14px;height:14px;flex:0 0 auto}"
    ".fh-form .fh-thumbnail{display:block;max-width:48px;max-height:48px;border-radius:4px;"
    "border:1px solid var(--jp-border-color2,rgba(128,128,128,.4))}"
    ".fh-form .fh-told>input:disabled{opacity:1;color:var(--jp-ui-font-color2,inherit);border-style:dashed}"
    f"{handle_css('.fh-form .fh-slider')}"
    # Of a slider's name its ends are seen, one on each side; the handle has all of it.
    ".fh-form .fh-slider{display:flex;align-items:center;height:32px;gap:8px}"
    ".fh-form .fh-slider>.widget-label{display:contents}"
    f".fh-form .fh-slider>.widget-label>i{{{HEARD}}}"
    ".fh-form .fh-slider>.widget-label>b{font-weight:400;font-size:12px;order:0;"
    "color:var(--jp-ui-font-color2,inherit)}"
    ".fh-form .fh-slider>.slider-container{order:1;flex:1 1 60px}"
    ".fh-form .fh-slider>.widget-label>b:last-child{order:2}"
    # ipywidgets writes how many files it holds at a button's end: always 0, since what was chosen leaves it at once.
    ".fh-form .fh-way{max-width:100%;min-width:0;height:32px}.fh-form .fh-way>select{width:auto;max-width:100%}"
    ".fh-form .fh-field .fh-upload.jupyter-button{font-size:0}.fh-form .fh-upload i{font-size:13px}"
    ".fh-form .fh-upload::after{content:' Choose a file';content:' Choose a file' / '';"
    "font-size:var(--jp-widgets-font-size,13px)}"
    # A name that is heard and not seen: what it belongs to is plain to see.
    ".fh-form .fh-heard{position:relative}"
    # Important: the width of a label is written at the label itself, by its style's description_width.
    f".fh-form .fh-heard>.widget-label{{{HEARD}}}"
    ".fh-form .fh-control>textarea{resize:vertical;min-height:3em;height:auto;font-family:inherit}"
    # It says what is sent for an empty field; the browser's own grey does not follow the dark theme.
    ".fh-form :is(input,textarea)::placeholder{color:var(--jp-ui-font-color2,inherit);opacity:1}"
    ".fh-form .fh-code textarea,.fh-form .fh-code input{font-family:var(--jp-code-font-family,monospace)}"
    ".fh-form :is(.fh-help,.fh-more){font-size:12px;line-height:1.4;color:var(--jp-ui-font-color2,inherit);"
    "overflow-wrap:anywhere;white-space:normal;text-align:left;margin-top:4px}"
    # What somebody wrote begins on the side where its language begins.
    ".fh-form .fh-help .fh-about{color:var(--jp-ui-font-color1,inherit);unicode-bidi:plaintext}"
    ".fh-form .fh-help .fh-about+.fh-hint::before{content:'· '}"
    ".fh-form .fh-more{margin-top:0}.fh-form .fh-more summary{cursor:pointer}"
    f".fh-form .fh-problem{{color:{html.legible('error-color1')}}}"
    ".fh-form .fh-problem{font-size:12px;line-height:1.4;"
    "overflow-wrap:anywhere;margin-top:4px}"
    ".fh-form .fh-wrong>input,.fh-form .fh-wrong>select,.fh-form .fh-wrong>textarea"
    "{border-color:var(--jp-error-color1,currentColor)!important}"
    ".fh-form .fh-note{font-size:12px;color:var(--jp-ui-font-color2,inherit);line-height:1.4;overflow-wrap:anywhere}"
    ".fh-form .fh-head-cell,.fh-form .fh-row-number{font-size:12px;font-weight:600;"
    "color:var(--jp-ui-font-color2,inherit);overflow-wrap:anywhere}"
    ".fh-form .fh-row-number{font-weight:400;text-align:right;padding-right:2px}"
    # Their names are heard, the signs are seen.
    ".fh-form :is(.fh-row-up,.fh-row-down,.fh-row-remove){font-size:0;background:none;border:none;box-shadow:none;"
    "border-radius:4px;color:var(--jp-ui-font-color2,inherit)}"
    ".fh-form :is(.fh-row-up,.fh-row-down,.fh-row-remove):hover:enabled{"
    "background:var(--jp-layout-color2,rgba(128,128,128,.15));color:var(--jp-ui-font-color1,inherit)}"
    ".fh-form :is(.fh-row-up,.fh-row-down):disabled{opacity:.35;cursor:default}"
    ".fh-form :is(.fh-row-up,.fh-row-down,.fh-row-remove)::after{font-size:13px;content:'\\2191';content:'\\2191' / ''}"
    ".fh-form .fh-row-down::after{content:'\\2193';content:'\\2193' / ''}"
    ".fh-form .fh-row-remove::after{content:'\\2715';content:'\\2715' / ''}"
    ".fh-form .fh-table-box input{text-overflow:ellipsis}"
    # How the rows are edited is no value of the field.
    ".fh-form .fh-field>.fh-control.fh-rows-way>select{flex:0 1 auto;width:auto;max-width:100%}"
    ".fh-form .fh-rows-body{padding-top:8px}"
    # Important: the margin of a button is written at the button itself. This one ends where the fields end.
    ".fh-form .fh-begin{margin-right:0!important}"
    ".fh-form .widget-checkbox{width:auto}.fh-form .widget-html-content{line-height:1.4}"
    ".fh-form .widget-html,.fh-form .jupyter-widget-html{line-height:1.4}"
    "</style>"
)
