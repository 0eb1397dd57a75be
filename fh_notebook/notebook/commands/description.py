"""``%fetchhive deployments`` and ``describe``: the known deployments, and the variables and variants of one.

The default of a variable that is or contains a secret is never shown. Descriptions and choices come from outside: they
are made printable and cut.
"""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from fh_notebook.contract.catalog.deployments import Deployments
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.run import one_line
from fh_notebook.contract.schema.references import resolve_reference
from fh_notebook.contract.secrets import Secrets
from fh_notebook.core.redaction import MASK
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import kind_text, listed, path_text, short
from fh_notebook.core.text.markdown import plain_text
from fh_notebook.notebook.cell.request import option_of
from fh_notebook.session import session

__all__ = ["Description", "VariableLine", "deployment_bundle", "deployments", "describe", "variable_lines"]


COLUMNS: Final = ("name", "kind", "required", "default", "choices", "description")

DEPTH: Final = 3
"""Groups within groups that are spelt out; deeper ones are "an object with named values"."""

LINES_CAP: Final = 200
"""Lines of the table; where there are more, it says so."""

TEXT_CAP: Final = 300
"""Characters of a description on a page; in plain text it is a third of that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableLine:
    """One Start variable, or one field of a group, in words."""

    name: str
    kind: str
    required: str
    default: str
    choices: str
    description: str

    def cells(self) -> tuple[str, ...]:
        """Return it in the order of :data:`COLUMNS`."""
        return (self.name, self.kind, self.required, self.default, self.choices, self.description)


def variable_lines(schema: Mapping[str, Any]) -> list[VariableLine]:
    """Return the Start variables that a JSON Schema declares, each followed by the fields of its group.

    At most one line more than are shown, by which whoever shows them knows that there are more.

    Examples
    --------
    >>> from fh_notebook.contract.schema.variables import choice, integer
    >>> deployment = Deployment("d", inputs={"tone": choice("calm", "brief"), "n": integer(default=3, minimum=1)})
    >>> [line.cells()[:5] for line in variable_lines(deployment.inputs)]
    [('tone', 'a choice', 'yes', '', "'calm' or 'brief'"), ('n', 'a whole number, at least 1', '', '3', '')]
    """
    return list(islice(_lines(schema, schema, Secrets.of(schema), ()), LINES_CAP + 1))


def _lines(
    root: Mapping[str, Any], schema: Mapping[str, Any], secrets: Secrets, path: tuple[str, ...]
) -> Iterator[VariableLine]:
    properties = schema.get("properties")
    required = schema.get("required")
    for name, declared in properties.items() if isinstance(properties, Mapping) else ():
        variable_path = (*path, str(name))
        variable = resolve_reference(declared, root)
        yield VariableLine(
            name=path_text(variable_path),
            kind=_kind(variable),
            required="yes" if isinstance(required, list) and name in required else "",
            default=_default(variable, hidden=secrets.cover(variable_path)),
            choices=listed(variable["enum"]) if isinstance(variable.get("enum"), list) else "",
            description=one_line(plain_text(_described(variable) or str(variable.get("title") or "")), TEXT_CAP),
        )
        if len(variable_path) < DEPTH:
            yield from _lines(root, variable, secrets, variable_path)


_LIMITS: Final = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "like {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
}


def _kind(variable: Mapping[str, Any]) -> str:
    if isinstance(variable.get("enum"), list):
        return "a choice"
    kind = (
        kind_text(variable) if any(k in variable for k in ("type", "const", "format", "title", "$ref")) else "anything"
    )
    if variable.get("format") == "textarea":
        kind += " of several lines"
    if variable.get("format") == "password":
        kind = "a secret"
    # As in a form: what is described in words says more than a regular expression.
    told = {name: words for name, words in _LIMITS.items() if name != "pattern" or not _described(variable)}
    limits = (words.format(short(variable[name], 40)) for name, words in told.items() if name in variable)
    return ", ".join([kind, *limits])


def _described(variable: Mapping[str, Any]) -> str:
    return str(variable.get("description") or "").strip()


def _default(variable: Mapping[str, Any], *, hidden: bool) -> str:
    if "default" not in variable:
        return ""
    return MASK if hidden else _json(variable["default"])


def _json(value: Any) -> str:
    return one_line(value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False), 80)


class Description:
    """What is known of a deployment, to be read: the value of ``%fetchhive describe NAME``.

    Parameters
    ----------
    deployment : Deployment
        What is described.
    source : str
        Where it is from, such as ``"fetchhive.yaml:12"``.
    """

    def __init__(self, deployment: Deployment, source: str = "") -> None:
        self.deployment = deployment
        self.source = source
        self.lines = variable_lines(deployment.inputs)

    def example(self) -> str:
        """Return a cell that runs it, with something to fill in for each variable that must be given."""
        options = " ".join(map(option_of, self.deployment.variants)) or "-v VARIANT"
        needed = self.deployment.inputs.get("required") or self.deployment.variable_names[:1]
        kinds = {line.name: line.kind for line in self.lines}
        # Empty, so that the cell is refused until it is filled in: an unchanged copy must not be a paid call.
        body = "\n".join(
            f"{_yaml_name(name)}:  # {html.printable(one_line(kinds.get(path_text([name]), 'a value'), 80))}"
            for name in needed
            if isinstance(name, str)
        )
        body = body or ("{}" if self._takes_none() else "name: value")
        return f"%%fetchhive {shlex.quote(self.deployment.name)} {options}\n{body}"

    def _head(self) -> list[str]:
        about = self.deployment
        variants = f"variants: {', '.join(about.variants)}" if about.variants else "variants: not known"
        return [*([one_line(plain_text(about.description), TEXT_CAP)] if about.description else []), variants]

    def _takes_none(self) -> bool:
        return not self.lines and self.deployment.inputs.get("additionalProperties") is False

    def _note(self) -> str:
        if self._takes_none():
            return "It takes no Start variables."
        if not self.lines:
            return "Its Start variables are not known: inputs are sent unchecked."
        notes = ["There are more; Deployment.inputs has all of them."] if len(self.lines) > LINES_CAP else []
        if self.deployment.inputs.get("additionalProperties") is not False:
            notes.append("There may be others: what is not declared is sent unchecked.")
        return " ".join(notes)

    def _table(self) -> tuple[list[str], list[list[str]]]:
        """The columns that say anything, and their cells."""
        cells = [line.cells() for line in self.lines[:LINES_CAP]]
        columns = [i for i, name in enumerate(COLUMNS) if name in ("name", "kind") or any(line[i] for line in cells)]
        return [COLUMNS[i] for i in columns], [[line[i] for i in columns] for line in cells]

    def __repr__(self) -> str:
        columns, rows = self._table()
        title = f"{self.deployment.name}  ({self.source})" if self.source else self.deployment.name
        parts = ["\n".join(html.printable(text) for text in [title, *self._head()])]
        if rows:
            parts.append(_text_table(columns, rows))
        parts += [self._note()] if self._note() else []
        return "\n\n".join([*parts, html.printable(self.example())])

    def _repr_html_(self) -> str:
        columns, rows = self._table()
        source = html.el("span", self.source, cls="fh-dim") if self.source else None
        return html.el(
            "div",
            html.STYLE,
            html.el("div", html.el("strong", self.deployment.name), " ", source, cls="fh-head"),
            *(html.el("div", line) for line in self._head()),
            html.stacked(columns, rows) if rows else None,
            html.el("div", self._note(), cls="fh-dim") if self._note() else None,
            html.el("div", self.example(), cls="fh-out", style="white-space:pre-wrap"),
            cls="fh",
        )


def deployment_bundle(deployment: Deployment) -> dict[str, str]:
    """Return what the value of a cell shows of a deployment, by its media type.

    Examples
    --------
    >>> print(deployment_bundle(Deployment("greet", variants=["plain"]))["text/plain"].splitlines()[0])
    greet
    """
    description = Description(deployment)
    return {"text/plain": repr(description), "text/html": description._repr_html_()}


def _text_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [list(columns), *([one_line(cell, TEXT_CAP // 3) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells)


def _yaml_name(name: str) -> str:
    return name if name.isidentifier() and name.casefold() not in _YAML_WORDS else json.dumps(name, ensure_ascii=False)


_YAML_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def deployments(shell: Any, options: argparse.Namespace) -> Deployments:
    """Return the known deployments, displayed as a table."""
    return session.deployments()


def describe(shell: Any, options: argparse.Namespace) -> Description:
    """Return what is known of one deployment.

    Raises
    ------
    InputError
        There is none of this name; with the nearest one.
    """
    deployments = session.deployments()
    return Description(deployments[options.name], deployments.source_of(options.name))
