"""Help text of a field: description, limits, default, examples, problems. Pure.

Rule of this file: descriptions and examples are somebody else's text, printable and cut; those of a secret say nothing
of its value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fh_notebook.contract.run import one_line
from fh_notebook.core.redaction import MASK
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import FORMATS, path_text, short
from fh_notebook.core.text.messages import counted
from fh_notebook.core.values import UNSET
from fh_notebook.notebook.forms.model.field import FieldState
from fh_notebook.notebook.forms.model.kinds import Shape, TextForm
from fh_notebook.notebook.forms.model.text_codec import json_text

__all__ = ["formula_free", "help_html", "hints", "problem_html", "shown_name"]

LABEL_CAP: Final = 80
OPEN_CAP: Final = 200
"""Characters of a description that are open to the eye; the rest is folded."""
EXAMPLES_CAP: Final = 3


def shown_name(state: FieldState) -> str:
    """Return a field's name as a page shows it.

    A title is shown beside the name, not in its place: the name is what cells, tables and messages speak of.
    """
    name = state.path[-1] if state.path else state.name
    label = html.clip(path_text([str(name)]), LABEL_CAP)
    if state.title and state.title != name:
        label += f" · {html.printable(one_line(state.title, LABEL_CAP))}"
    return label


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


def hints(state: FieldState) -> list[str]:
    """Return in words what a field takes, its default, and examples.

    Examples
    --------
    >>> from fh_notebook.notebook.forms.model.model import FormModel
    >>> keywords = {"type": "integer", "minimum": 1, "maximum": 9, "default": 3, "examples": [5]}
    >>> hints(FormModel({"properties": {"n": keywords}}).fields["n"])
    ['whole number, 1 to 9', 'default 3', 'for example 5']
    >>> hints(FormModel({"properties": {"note": {"type": ["string", "null"]}}}).fields["note"])
    ['text, or null']
    """
    takes = list(_constraints(state.shape))
    if state.nullable:
        takes = [*(takes or [state.kind.rules.null_help]), "or null"]
    lines = [", ".join(takes)] if takes else []
    if state.default is not UNSET:
        lines.append(f"default {MASK if state.secret else _value_text(state.default)}")
    if state.examples:
        lines.append(f"for example {' or '.join(_value_text(x) for x in state.examples[:EXAMPLES_CAP])}")
    return lines


def _value_text(value: Any) -> str:
    if isinstance(value, str):
        return short(value, 60)
    return one_line(json_text(value, indent=None), 60)


def _constraints(shape: Shape) -> Iterator[str]:
    keywords, rules = shape.keywords, shape.kind.rules
    if rules.help:
        yield rules.help
    elif rules.format_help:
        yield FORMATS.get(str(keywords.get("format")), "an address")
    yield from _limits(keywords)
    if isinstance(keywords.get("items"), Mapping) and rules.text_form is TextForm.NUMBERS:
        yield from _limits(keywords["items"])


def _limits(keywords: Mapping[str, Any]) -> Iterator[str]:
    yield from _between(keywords.get("minimum"), keywords.get("maximum"), "")
    if "exclusiveMinimum" in keywords:
        yield f"more than {short(keywords['exclusiveMinimum'])}"
    if "exclusiveMaximum" in keywords:
        yield f"less than {short(keywords['exclusiveMaximum'])}"
    if "multipleOf" in keywords:
        yield f"a multiple of {short(keywords['multipleOf'])}"
    yield from _between(keywords.get("minLength"), keywords.get("maxLength"), "character")
    yield from _between(keywords.get("minItems"), keywords.get("maxItems"), "item")
    if keywords.get("uniqueItems") is True:
        yield "each once"
    if isinstance(keywords.get("pattern"), str):
        yield f"matching {short(keywords['pattern'], 80)[1:-1]}".replace("\\\\", "\\")


def _between(least: Any, most: Any, unit: str) -> Iterator[str]:
    def counted(number: Any) -> str:
        formatted = (
            f"{number:,}" if isinstance(number, int) and not isinstance(number, bool) and unit else short(number)
        )
        return f"{formatted} {unit}{'' if number == 1 else 's'}" if unit else formatted

    if least is not None and most is not None:
        yield f"{short(least)} to {counted(most)}" if least != most else f"exactly {counted(most)}"
    elif least is not None:
        yield f"at least {counted(least)}"
    elif most is not None:
        yield f"at most {counted(most)}"


def help_html(state: FieldState) -> str:
    """Return what stands under a field; empty when there is nothing to say."""
    parts: list[html.Html] = []
    if description := state.description.strip():
        parts.append(_folded(description))
    if hint_lines := hints(state):
        parts.append(html.el("span", " · ".join(hint_lines), cls="fh-hint"))
    return html.el("div", html.join(parts, " "), cls="fh-help") if parts else ""


def _folded(description: str) -> html.Html:
    if len(description) <= OPEN_CAP * 1.2:
        return html.el("span", one_line(description, OPEN_CAP * 2), cls="fh-about")
    cut = description.rfind(" ", OPEN_CAP // 2, OPEN_CAP)
    cut = cut if cut > 0 else OPEN_CAP
    more = html.el("div", html.clip(description[cut:].strip(), 4_000))
    return html.el("span", f"{one_line(description[:cut], OPEN_CAP)} …", html.fold("more", more), cls="fh-about")


def problem_html(problems: list[str], *, most: int = 5) -> str:
    """Return the problems as one line each, read out where a screen reader listens."""
    lines = [html.el("div", f"⚠ {problem}") for problem in problems[:most]]
    if len(problems) > most:
        lines.append(html.el("div", f"… and {counted(len(problems) - most, 'more problem')}"))
    return html.el("div", *lines, cls="fh-problem", role="alert")
