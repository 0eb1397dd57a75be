"""Help text of a field: description, limits, default, examples, problems. Pure.

Rule of this file: descriptions and examples are somebody else's text, printable and cut; those of a secret say nothing
of its value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fh_notebook.contract.schema.alternatives import same_json
from fh_notebook.contract.schema.kind_words import limit_words, pattern_words
from fh_notebook.core.redaction import MASK
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import FORMATS, one_line, path_text, short
from fh_notebook.core.text.markdown import plain_text
from fh_notebook.core.text.messages import counted
from fh_notebook.core.text.problems import Problem
from fh_notebook.core.values import UNSET
from fh_notebook.notebook.forms.model.field import FieldState
from fh_notebook.notebook.forms.model.kinds import Control, FieldKind, TextForm
from fh_notebook.notebook.forms.model.text_codec import json_text

LABEL_CAP: Final = 80
OPEN_CAP: Final = 200
"""Characters of a description that are open to the eye; the rest is folded."""
EXAMPLES_CAP: Final = 3


def shown_name(state: FieldState) -> str:
    """Return what a field is called on a page: its title, or its name where it has none."""
    return html.clip(_one_line_title(state) or _technical_name(state), LABEL_CAP)


def _one_line_title(state: FieldState) -> str:
    return html.printable(one_line(state.title, LABEL_CAP)).strip() if state.title.strip() else ""


def _technical_name(state: FieldState) -> str:
    return html.clip(path_text([str(state.path[-1] if state.path else state.name)]), LABEL_CAP)


def label_html(state: FieldState, *, name: str = "", note: str = "") -> html.Html:
    """Return a field's label: its title, its name where that differs, a star where it is required, and a note.

    Only elements that ipywidgets leaves in a description. The name stays in sight beside the title: it is what cells,
    tables and messages speak of.
    """
    title = name or shown_name(state)
    technical = "" if name else _technical_name(state)
    parts = [html.el("b", title, cls="fh-label")]
    if technical and technical != title:
        parts.append(html.el("code", technical, cls="fh-variable"))
    if state.required and not name:
        parts.append(html.el("b", "*", cls="fh-star"))
    if note:
        parts.append(html.el("em", html.printable(note), cls="fh-state"))
    return html.el("span", html.join(parts, " "), cls="fh-name")


def state_note(state: FieldState) -> str:
    """Return in words what is sent for a field where its control shows no value; empty where it does.

    Examples
    --------
    >>> from fh_notebook.notebook.forms.model.model import FormModel
    >>> properties = {"n": {"type": "integer", "default": 120}, "s": {"type": ["string", "null"]}}
    >>> fields = FormModel({"properties": properties}).fields
    >>> state_note(fields["n"]), state_note(fields["s"])
    ('default: 120 (not sent)', 'not sent')
    >>> fields["n"].set(120)
    >>> fields["s"].set("")
    >>> state_note(fields["n"]), state_note(fields["s"])
    ('', 'an empty text is sent')
    """
    if not state.is_set:
        if state.default is not UNSET:
            return f"default: {default_text(state)} (not sent)"
        return "not sent" if state.switchable else ""
    if state.is_null:
        return "null is sent"
    return f"{empty_text(state)} is sent" if state.empty is not UNSET and same_json(state.value, state.empty) else ""


def default_text(state: FieldState) -> str:
    """Return a field's default as its control shows it; of a secret only that there is one."""
    if state.secret:
        return MASK
    default = state.default
    if isinstance(default, bool) and state.kind is FieldKind.BOOLEAN:
        return YES_NO[default]
    for option in state.shape.options:
        if same_json(option.value, default):
            return option.label
    if isinstance(default, list) and default and all(isinstance(item, str) for item in default):
        return one_line(", ".join(default), 60)
    return html.printable(one_line(default, 60)) if isinstance(default, str) and default else _value_text(default)


def empty_text(state: FieldState) -> str:
    """Return what the empty value of a field is called."""
    return {"str": "an empty text", "list": "an empty list"}.get(type(state.empty).__name__, "an empty object")


YES_NO: Final[Mapping[bool, str]] = {True: "Yes", False: "No"}
"""The two truth values as a form shows them."""


_FORMULA: Final = re.compile(r"\$.*\$|\\[(\[]|\\begin", re.DOTALL)
_LOOKALIKES: Final = {ord("$"): "＄", ord("\\"): "＼"}


def formula_free(label: str) -> str:
    """Return a label in which no formula is found.

    ipywidgets sets formulas in labels, and a formula may hold a link. In JupyterLab a formula reaches over the edges of
    elements, and a backslash before a dollar is seen where nothing sets formulas: only other signs are safe everywhere.

    Examples
    --------
    >>> formula_free("price$ and cost$"), formula_free("price$")
    ('price＄ and cost＄', 'price$')
    """
    return label.translate(_LOOKALIKES) if _FORMULA.search(label) else label


def hints(state: FieldState, *, has_default: bool = True) -> list[str]:
    """Return in words what a field takes, its default unless that is told elsewhere, and examples.

    Examples
    --------
    >>> from fh_notebook.notebook.forms.model.model import FormModel
    >>> keywords = {"type": "integer", "minimum": 1, "maximum": 9, "default": 3, "examples": [5]}
    >>> hints(FormModel({"properties": {"n": keywords}}).fields["n"])
    ['whole number, 1 to 9', 'default 3', 'for example 5']
    >>> hints(FormModel({"properties": {"note": {"type": ["string", "null"]}}}).fields["note"])
    ["text, or null (in the field's menu)"]
    """
    takes = list(_constraints(state))
    if state.nullable:
        takes = [*(takes or [state.kind.rules.null_help]), "or null (in the field's menu)"]
    lines = [", ".join(takes)] if takes else []
    if has_default and state.default is not UNSET:
        lines.append(f"default {default_text(state)}")
    if state.examples:
        lines.append(f"for example {' or '.join(_value_text(x) for x in state.examples[:EXAMPLES_CAP])}")
    return lines


def _value_text(value: Any) -> str:
    if isinstance(value, str):
        return short(value, 60)
    return one_line(json_text(value, indent=None), 60)


def _constraints(state: FieldState) -> Iterator[str]:
    keywords, rules = state.keywords, state.kind.rules
    if rules.help:
        yield rules.help
    elif rules.format_help:
        yield FORMATS.get(str(keywords.get("format")), "an address")
    yield from limit_words(keywords)
    if isinstance(keywords.get("items"), Mapping) and rules.text_form is TextForm.NUMBERS:
        yield from limit_words(keywords["items"])
    if pattern := pattern_words({**keywords, "description": state.description}):
        yield pattern


def help_html(state: FieldState, *, has_default: bool = True, is_described: bool = False) -> html.Html:
    """Return what a field's label says below its name; empty when there is nothing to say.

    Only elements that ipywidgets leaves in a description. `has_default` is that of :func:`hints`. What `is_described`
    is no part of the control's name: the page's script has it read out after the name.
    """
    opened, rest = _opened(plain_text(state.description))
    parts: list[html.Html] = []
    if opened:
        parts.append(html.el("span", f"{opened} …" if rest else opened, cls="fh-about"))
    if hint_lines := hints(state, has_default=has_default):
        parts.append(html.el("span", " · ".join(hint_lines), cls="fh-hint"))
    hidden = "true" if is_described else None
    return html.el("span", html.join(parts, " "), cls="fh-help", aria_hidden=hidden) if parts else html.Html("")


def more_html(state: FieldState) -> str:
    """Return the rest of a long description, folded; empty where its label says all of it."""
    rest = _opened(plain_text(state.description))[1]
    if not rest:
        return ""
    more = html.fold("more", html.el("div", html.clip(rest, 4_000), dir=html.direction(rest)))
    return html.el("div", more, cls="fh-more")


def _opened(description: str) -> tuple[str, str]:
    """Return what of a description is open to the eye, and the rest."""
    if len(description) <= OPEN_CAP * 1.2:
        return one_line(description, OPEN_CAP * 2), ""
    cut = description.rfind(" ", OPEN_CAP // 2, OPEN_CAP)
    cut = cut if cut > 0 else OPEN_CAP
    return one_line(description[:cut], OPEN_CAP), description[cut:].strip()


def what_to_do(kind: FieldKind, expected: str) -> str:
    """Return what a person does to give a value of a kind; `expected` is what would do, in words.

    Examples
    --------
    >>> what_to_do(FieldKind.INTEGER, "a whole number"), what_to_do(FieldKind.BOOLEAN, "true or false")
    ('Enter a whole number', 'Choose Yes or No')
    """
    if kind is FieldKind.BOOLEAN:
        return f"Choose {YES_NO[True]} or {YES_NO[False]}"
    return _CHOOSE.get(kind.rules.control) or f"Enter {expected}"


_CHOOSE: Final = {Control.CHOICE: "Choose one", Control.CHOICES: "Choose at least one"}
"""What to do where the choices are there to be seen."""


def told(problem: Problem, to_do: str) -> str:
    """Return a problem as a form tells it, without its place: of what is missing, what a person does, if that is known.

    Examples
    --------
    >>> told(Problem(("n",), "required", expected="a text"), "Enter a text")
    'Required. Enter a text.'
    """
    return f"Required. {to_do}." if problem.keyword == "required" and to_do else problem.sentence


def problem_html(problems: list[str], *, most: int = 5) -> str:
    """Return the problems as one line each, read out where a screen reader listens."""
    lines = [html.el("div", f"⚠ {problem}") for problem in problems[:most]]
    if len(problems) > most:
        lines.append(html.el("div", f"… and {counted(len(problems) - most, 'more problem')}"))
    return html.el("div", *lines, cls="fh-problem", role="alert")
