"""Help text of a field: description, limits, default, examples, problems. Pure.

Rule of this file: descriptions and examples are somebody else's text, printable and cut; those of a secret say nothing
of its value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fh_notebook.contract.run import one_line
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import FORMATS, path_text, short
from fh_notebook.core.text.messages import counted
from fh_notebook.core.values import MASK, UNSET
from fh_notebook.notebook.forms.model.field import FieldState
from fh_notebook.notebook.forms.model.kinds import Shape, TextForm
from fh_notebook.notebook.forms.model.text_codec import json_text

__all__ = ["formula_free", "help_html", "hints", "name_of", "problem_html"]

LABEL_CAP: Final = 80
OPEN_CAP: Final = 200
"""Characters of a description that are open to the eye; the rest is folded."""
EXAMPLES_CAP: Final = 3


def name_of(state: FieldState) -> str:
    """Return a field's name as a page shows it.

    A title is shown beside the name, not in its place: the name is what cells, tables and messages speak of.
    """
    name = state.path[-1] if state.path else state.name
    shown = html.clip(path_text([str(name)]), LABEL_CAP)
    if state.title and state.title != name:
        shown += f" · {html.printable(one_line(state.title, LABEL_CAP))}"
    return shown


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
    >>> says = {"type": "integer", "minimum": 1, "maximum": 9, "default": 3, "examples": [5]}
    >>> hints(FormModel({"properties": {"n": says}}).fields["n"])
    ['whole number, 1 to 9', 'default 3', 'for example 5']
    >>> hints(FormModel({"properties": {"note": {"type": ["string", "null"]}}}).fields["note"])
    ['text, or null']
    """
    takes = list(_takes(state.shape))
    if state.nullable:
        takes = [*(takes or [state.kind.rules.null_help]), "or null"]
    told = [", ".join(takes)] if takes else []
    if state.default is not UNSET:
        told.append(f"default {MASK if state.secret else _spelt(state.default)}")
    if state.examples:
        told.append(f"for example {' or '.join(_spelt(x) for x in state.examples[:EXAMPLES_CAP])}")
    return told


def _spelt(value: Any) -> str:
    if isinstance(value, str):
        return short(value, 60)
    return one_line(json_text(value, indent=None), 60)


def _takes(shape: Shape) -> Iterator[str]:
    says, rules = shape.says, shape.kind.rules
    if rules.help:
        yield rules.help
    elif rules.format_help:
        yield FORMATS.get(str(says.get("format")), "an address")
    yield from _limits(says)
    if isinstance(says.get("items"), Mapping) and rules.text_form is TextForm.NUMBERS:
        yield from _limits(says["items"])


def _limits(says: Mapping[str, Any]) -> Iterator[str]:
    yield from _between(says.get("minimum"), says.get("maximum"), "")
    if "exclusiveMinimum" in says:
        yield f"more than {short(says['exclusiveMinimum'])}"
    if "exclusiveMaximum" in says:
        yield f"less than {short(says['exclusiveMaximum'])}"
    if "multipleOf" in says:
        yield f"a multiple of {short(says['multipleOf'])}"
    yield from _between(says.get("minLength"), says.get("maxLength"), "character")
    yield from _between(says.get("minItems"), says.get("maxItems"), "item")
    if says.get("uniqueItems") is True:
        yield "each once"
    if isinstance(says.get("pattern"), str):
        yield f"matching {short(says['pattern'], 80)[1:-1]}".replace("\\\\", "\\")


def _between(least: Any, most: Any, unit: str) -> Iterator[str]:
    def counted(number: Any) -> str:
        spelt = f"{number:,}" if isinstance(number, int) and not isinstance(number, bool) and unit else short(number)
        return f"{spelt} {unit}{'' if number == 1 else 's'}" if unit else spelt

    if least is not None and most is not None:
        yield f"{short(least)} to {counted(most)}" if least != most else f"exactly {counted(most)}"
    elif least is not None:
        yield f"at least {counted(least)}"
    elif most is not None:
        yield f"at most {counted(most)}"


def help_html(state: FieldState) -> str:
    """Return what stands under a field; empty when there is nothing to say."""
    parts: list[html.Html] = []
    if said := state.description.strip():
        parts.append(_folded(said))
    if told := hints(state):
        parts.append(html.el("span", " · ".join(told), cls="fh-hint"))
    return html.el("div", html.join(parts, " "), cls="fh-help") if parts else ""


def _folded(said: str) -> html.Html:
    if len(said) <= OPEN_CAP * 1.2:
        return html.el("span", one_line(said, OPEN_CAP * 2), cls="fh-about")
    cut = said.rfind(" ", OPEN_CAP // 2, OPEN_CAP)
    cut = cut if cut > 0 else OPEN_CAP
    more = html.el("div", html.clip(said[cut:].strip(), 4_000))
    return html.el("span", f"{one_line(said[:cut], OPEN_CAP)} …", html.fold("more", more), cls="fh-about")


def problem_html(problems: list[str], *, most: int = 5) -> str:
    """Return the problems as one line each, read out where a screen reader listens."""
    shown = [html.el("div", f"⚠ {problem}") for problem in problems[:most]]
    if len(problems) > most:
        shown.append(html.el("div", f"… and {counted(len(problems) - most, 'more problem')}"))
    return html.el("div", *shown, cls="fh-problem", role="alert")
