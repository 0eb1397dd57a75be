"""What saving a deployment over another one takes away or changes, in one sentence. Pure.

Rule of this file: what somebody wrote and will not find again is named; what is only new goes without saying.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.spell import in_words, path_text, short

__all__ = ["changes_of", "kept"]

SHOWN = 10
"""Names in a sentence; more are counted."""


def kept(old: Deployment | None, new: Deployment) -> Deployment:
    """Return what is written in place of `old`: `new`, with the description of `old` where it has none itself."""
    if old is None or old.description is None or new.description is not None:
        return new
    return Deployment(new.name, variants=new.variants, inputs=new.inputs, description=old.description)


def changes_of(old: Deployment, new: Deployment, comments: Sequence[str] = ()) -> str:
    """Return what of `old` is gone or different in `new`, and the comments that went with it; empty for nothing.

    Examples
    --------
    >>> old = Deployment("a", variants=["x", "y"], inputs={"t": {"type": "string"}, "n": {"type": "integer"}})
    >>> changes_of(old, Deployment("a", variants=["x"], inputs={"t": {"type": "number"}}), ["# how many"])
    "removed the variant y, the variable n and the comment '# how many'; changed the variable t"
    >>> changes_of(old, Deployment("a", variants=["x", "y", "z"], inputs=old.inputs))
    ''
    """
    before, after = old.inputs.get("properties", {}), new.inputs.get("properties", {})
    needed_before, needed = old.inputs.get("required", []), new.inputs.get("required", [])
    gone = [
        *_named("variant", (v for v in old.variants if v not in new.variants)),
        *_named("variable", (path_text([n]) for n in before if n not in after)),
        *_named("comment", map(short, comments)),
    ]
    other = [n for n, s in before.items() if n in after and (s != after[n] or (n in needed_before) != (n in needed))]
    changed = _named("variable", (path_text([n]) for n in other))
    if old.description not in (None, new.description):
        changed.append("the description")
    if old.variants != new.variants and set(old.variants) == set(new.variants):
        changed.append("the order of the variants")
    if not changed and _rest(old) != _rest(new):
        changed.append("which other variables are taken")
    parts = [f"{did} {in_words(words, 'and')}" for did, words in (("removed", gone), ("changed", changed)) if words]
    return "; ".join(parts)


def _rest(deployment: Deployment) -> dict[str, object]:
    return {word: said for word, said in deployment.inputs.items() if word not in ("properties", "required")}


def _named(noun: str, names: Iterable[str]) -> list[str]:
    given = list(names)
    if not given:
        return []
    shown = given[:SHOWN] if len(given) <= SHOWN else [*given[:SHOWN], f"{len(given) - SHOWN} more"]
    return [f"the {noun}{'s' if len(given) > 1 else ''} {in_words(shown, 'and')}"]
