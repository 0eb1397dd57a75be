"""Writer of ``fetchhive.yaml``: deployments as YAML, in blocks or on one line.

Rules of this file:

1. What could be read as anything but itself is quoted as JSON quotes it, with escapes; so every text survives, in
   `yaml_loader` as in a reader of YAML 1.1.
2. What is written reads back equal, whatever the names and texts hold, by this package and by any other reader of
   YAML 1.1 or 1.2; and a secret is never written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from fh_notebook.contract.catalog.inputs import OF_SCHEMAS, WORDS, is_whole, schema_of_inputs
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.secrets import holds_secret

WIDTH: Final = 110

KEY_CAP: Final = 1_000
"""YAML reads a name of more than 1,024 characters only after a question mark."""


# Letters, then letters, digits and a few harmless signs between them; nothing that begins or ends a token.
_PLAIN: Final = re.compile(r"[^\W\d_](?:[\w./()'-]|(?<! ) (?! ))*(?<!\s)", re.UNICODE)

_PLAIN_IN_BLOCK: Final = re.compile(r"[^\W\d_](?:[\w./()'!?;,%&+*=<>-]|(?<! ) (?! ))*(?<!\s)", re.UNICODE)

# Words that YAML 1.1 or 1.2 takes for something else.
_TAKEN: Final = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf"])

_ESCAPED: Final = re.compile('[^ -\\[\\]-~\xa1-\u2027\u202f-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|"')

_NAMED: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def scalar(value: Any, *, in_block: bool = False) -> str:
    r"""Return a text, number, truth value or ``None`` on one line.

    Examples
    --------
    >>> [scalar(v) for v in ("calm", "no", "3", "a: b", "é\n", 1.5, True, None)]
    ['calm', '"no"', '"3"', '"a: b"', '"é\\n"', '1.5', 'true', 'null']
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return repr(value).replace("e", ".0e") if "." not in repr(value) else repr(value)  # as YAML 1.1 wants it
    if not isinstance(value, str):
        return repr(value)
    plain = (_PLAIN_IN_BLOCK if in_block else _PLAIN).fullmatch(value)
    if plain and value.casefold() not in _TAKEN and not _ESCAPED.search(value):
        return value
    return f'"{_ESCAPED.sub(_escape, value)}"'


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return _NAMED.get(match[0]) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def _key(name: str) -> str:
    key = scalar(name)
    return key if len(key) < KEY_CAP else f"? {key} "


def one_line(value: Any) -> str:
    """Return a JSON value on one line.

    Examples
    --------
    >>> one_line({"type": "string", "enum": ["a", "b, c"]})
    '{type: string, enum: [a, "b, c"]}'
    """
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(name)}: {one_line(item)}' for name, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(one_line, value))}]"
    return scalar(value)


def block(name: str, value: Any, indent: int = 0, *, step: int = 2, open_levels: int = 0) -> list[str]:
    r"""Return the lines of one entry of a mapping.

    Examples
    --------
    >>> block("a", {"b": {"c": [1, 2]}, "d": "two\nlines"}, open_levels=1)
    ['a:', '  b: {c: [1, 2]}', '  d: |-', '    two', '    lines']
    """
    pad = " " * indent
    key = scalar(name)
    head = f"{pad}{key}:" if len(key) < KEY_CAP else f"{pad}? {key}\n{pad}:"
    return head.split("\n")[:-1] + _joined(head.rpartition("\n")[2], value, indent, step, open_levels)


def _joined(head: str, value: Any, indent: int, step: int, open_levels: int) -> list[str]:
    """Return the lines of `value` after `head`."""
    if not value or not isinstance(value, Mapping | list | tuple):
        if isinstance(value, Mapping) and open_levels > 1:
            return [head]  # an empty entry: `name:`
        return _scalar_lines(head, value, indent + step)
    line = f"{head} {one_line(value)}"
    if len(line) <= WIDTH and not (open_levels and isinstance(value, Mapping)):
        return [line]
    if isinstance(value, Mapping):
        below = (
            block(str(n), v, indent + step, step=step, open_levels=max(0, open_levels - 1)) for n, v in value.items()
        )
        return [head, *(line for lines in below for line in lines)]
    dash = " " * (indent + step) + "-"
    items = (_joined(dash, item, indent + step, step, 0) for item in value)
    return [head, *(line for lines in items for line in lines)]


def _scalar_lines(head: str, value: Any, indent: int) -> list[str]:
    if not isinstance(value, str) or not _is_literal(value):
        return [
            f"{head} {one_line(value) if isinstance(value, Mapping | list | tuple) else scalar(value, in_block=True)}"
        ]
    lines = value.removesuffix("\n").split("\n")
    indicator = "|" if value.endswith("\n") else "|-"
    return [f"{head} {indicator}", *(" " * indent + line if line else "" for line in lines)]


def _is_literal(text: str) -> bool:
    """Whether a text of several lines can stand as it is, indented."""
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < 2 or not lines[-1] or text[0].isspace():
        return False
    unfit = (line != line.rstrip() or _ESCAPED.search(line.replace('"', "").replace("\\", "")) for line in lines)
    return not any(unfit)


HEADER: Final = """\
# The catalogue of Fetch Hive deployments, for fh_notebook: their variants and Start variables.
# Read by %%fetchhive cells, fh.batch and fh.Client in this folder and below; written by Deployment.save().
"""


def paste_of(deployment: Deployment) -> str:
    """Return one line that may be pasted below ``deployments:``, into a block and between braces alike.

    A name of more than a thousand letters can stand between braces only.
    """
    return one_line({deployment.name: data_of(deployment)})[1:-1]


def data_of(deployment: Deployment) -> dict[str, Any]:
    """Return a deployment as the data of its catalogue entry, without any secret.

    Examples
    --------
    >>> data_of(Deployment("triage", inputs={"key": {"type": "string", "format": "password", "default": "x"}}))
    {'inputs': {'key': {'type': 'string', 'format': 'password', 'required': False}}}
    """
    data: dict[str, Any] = {}
    if deployment.description is not None:
        data["description"] = str(deployment.description)
    if deployment.variants:
        data["variants"] = list(deployment.variants)
    if deployment.inputs != {"type": "object"}:
        inputs = without_secret_defaults(deployment.inputs)
        short = _short_form(inputs)
        data["inputs"] = _whole_form(inputs) if short is None else short
        if short is not None and "additionalProperties" not in inputs:
            data["open"] = True
    return data


def _whole_form(schema: Mapping[str, Any]) -> dict[str, Any]:
    # Only a function's or a class's schema can be without both: it is one of an object all the same.
    return dict(schema) if is_whole(schema) else {"type": "object", **schema}


def _short_form(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the variables one by one; ``None`` where only the whole schema says the same."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or not all(isinstance(v, Mapping) for v in properties.values()):
        return None
    needed = schema.get("required", [])
    variables = {name: _variable(name, declared, name in needed) for name, declared in properties.items()}
    if is_whole(variables) or schema_of_inputs(variables, is_open="additionalProperties" not in schema) != schema:
        return None
    return variables


def _variable(name: str, schema: Mapping[str, Any], required: bool) -> Any:
    if required == ("default" in schema):
        # A group's own `required` is a list of names; the two cannot both be said, and the caller finds that out.
        return {**schema, "required": required}
    word = next((word for word, meaning in WORDS.items() if word != "any" and meaning == schema), None)
    # `type: object` is a whole schema, and no variable of that name.
    return word if word and name not in ("type", "$schema") else dict(schema)


def as_stored(deployment: Deployment) -> Deployment:
    """Return the deployment as it reads back from the catalogue: without secrets."""
    data = data_of(deployment)
    inputs = schema_of_inputs(data["inputs"], is_open="open" in data) if "inputs" in data else None
    return Deployment(deployment.name, variants=deployment.variants, inputs=inputs, description=deployment.description)


def hidden_defaults(deployment: Deployment) -> list[str]:
    """Return the names of the variables that are written without their default or examples, since they are secret."""
    declared = deployment.inputs.get("properties", {})
    cleaned = without_secret_defaults(deployment.inputs).get("properties", {})
    return [name for name, schema in declared.items() if cleaned.get(name) != schema]


_DATA: Final = ("enum", "const", "required", "dependentRequired")


def without_secret_defaults(schema: Any) -> Any:
    """Return `schema` without the defaults and examples of what is, holds or may hold a password.

    Examples
    --------
    >>> without_secret_defaults({"properties": {"k": {"format": "password", "default": "x"}, "n": {"default": 3}}})
    {'properties': {'k': {'format': 'password'}, 'n': {'default': 3}}}
    """
    # Where there is a password somewhere, a reference may lead to it.
    return _cleaned(schema, refs=holds_secret(schema, refs=False))


def _cleaned(schema: Any, *, refs: bool) -> Any:
    if isinstance(schema, list):
        return [_cleaned(item, refs=refs) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    hides = ("default", "examples", "example") if holds_secret(schema, refs=refs) else ()
    cleaned: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in hides:
            continue
        if keyword in OF_SCHEMAS and isinstance(value, Mapping):
            cleaned[keyword] = {name: _cleaned(item, refs=refs) for name, item in value.items()}
        elif keyword in _DATA or keyword in ("default", "examples", "example"):
            cleaned[keyword] = value
        else:
            cleaned[keyword] = _cleaned(value, refs=refs)
    return cleaned
