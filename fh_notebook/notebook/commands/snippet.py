"""``%fetchhive snippet``: save a pasted Code Snippet as a deployment of the catalogue. No call is made.

Rule of this file: a key in a snippet is dropped, never saved and never shown, and that is said. What was declared is
worth more than what is guessed from one sample: a known schema stays, and only what is new is added, and said.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from fh_notebook.contract.catalog.deployments import merged, new_variables
from fh_notebook.contract.deployment import Deployment, deployment_of
from fh_notebook.contract.schema.validation import problems as validated
from fh_notebook.contract.snippet.parser import Snippet, is_open, is_placeholder, parse_snippet, unfolded
from fh_notebook.core.config import credentials
from fh_notebook.core.text.formatting import kind_text, nearest, path_text, short, type_text, types_of
from fh_notebook.errors import InputError
from fh_notebook.notebook.shell import ask_hidden, ask_lines, has_page, notice
from fh_notebook.session import session
from fh_notebook.store.catalog_file import display_path


def snippet(shell: Any, options: argparse.Namespace) -> Deployment:
    """Save the deployment of a snippet: the cell's body, the text of a variable, or what is pasted at a prompt."""
    if options.cell is not None:
        pasted, source = parse_snippet(options.cell), "this cell"
    elif options.variable is not None:
        pasted, source = parse_snippet(unfolded(_text_of(shell, options.variable))), f"the variable {options.variable}"
    else:
        pasted, source = _ask_for_snippet(shell), ""
    guessed = deployment_of(pasted)
    stored = session.deployments().get(guessed.name)
    saved = merged(stored, guessed)
    path = saved.save()
    _show_saved(pasted, stored, saved, display_path(path), source)
    return saved


def _text_of(shell: Any, name: str) -> str:
    names = shell.user_ns
    if name not in names:
        texts = [n for n, v in dict(names).items() if isinstance(v, str) and not n.startswith("_")]
        close = nearest(name, texts)
        hint = f"did you mean {close}?" if close else "assign the snippet's text to it, as r'''...'''"
        raise InputError(f"no variable is named {short(name)}; {hint}")
    value = names[name]
    if not isinstance(value, str):
        raise InputError(f"the variable {name} is {type_text(value)}, not the text of a snippet")
    return value


def _ask_for_snippet(shell: Any) -> Snippet:
    hint = "give the snippet as a cell: %%fetchhive snippet, or by a variable: %fetchhive snippet NAME"
    if has_page(shell):
        # Hidden, since a page saves what is typed at an open prompt with the notebook, and a key may be in it.
        text = ask_hidden("Paste the Code Snippet (not shown, as it may have a key in it): ", hint=hint)
    else:
        text = ask_lines("Paste the Code Snippet: ", is_open, hint=hint)
    if not text:
        raise InputError("nothing was pasted, and nothing was saved")
    return parse_snippet(unfolded(text.reveal()))


def _show_variables(stored: Deployment, pasted: Snippet) -> None:
    """Say what is new among the Start variables, and what the snippet has otherwise than it was declared."""
    guessed = deployment_of(pasted)
    new = new_variables(stored, guessed)
    for name, schema in new.items():
        notice(f"{path_text([name])} is new: added as {kind_text(schema) if schema else 'anything'}, not required.")
    for name, value in pasted.request.inputs.items():
        declared = stored.inputs["properties"].get(name)
        types = types_of(declared.get("type", [])) if isinstance(declared, Mapping) else []
        if types and validated({"properties": {name: {"type": types}}}, {name: value}):
            guess = guessed.inputs["properties"].get(name)
            kind = kind_text(guess) if guess else "null"
            notice(f"{path_text([name])} stays {kind_text({'type': types})}, as declared; in the snippet it is {kind}.")
    if not new:
        notice("Its Start variables were already known, and are unchanged.")


def _show_saved(pasted: Snippet, stored: Deployment | None, saved: Deployment, path: str, source: str) -> None:
    new = [v for v in saved.variants if stored is None or v not in stored.variants]
    variants = f" with the variant {', '.join(new)}" if new else ""
    notice(f"Saved {saved.name}{variants} in {path}. No call was made.")
    if stored is not None and "properties" in stored.inputs:
        _show_variables(stored, pasted)
    elif saved.variable_names:
        notice(f"Guessed from the snippet's values; correct them there: {_kinds(saved.inputs['properties'])}.")
    if placeholders := [n for n in (saved.name, *new) if is_placeholder(n)]:
        are = "is a placeholder: replace it" if len(placeholders) == 1 else "are placeholders: replace each"
        notice(f"{' and '.join(placeholders)} {are} there with your own name.")
    if pasted.key is not None:
        left = f", but {source} still has it: delete it there" if source else ""
        notice(f"The API key in the snippet was removed and is not saved{left}. {credentials.LOGIN_HINT}.")
    if pasted.ignored:
        notice(f"Left out, because no workflow call is known to take it: {', '.join(pasted.ignored)}.")


def _kinds(properties: Mapping[str, Any]) -> str:
    return ", ".join(f"{path_text([name])} ({kind_text(schema)})" for name, schema in properties.items())
