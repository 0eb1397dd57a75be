"""Editor of a catalogue: put one deployment into its text and keep all other text.

Rules of this file:

1. What somebody wrote and will not find again is named; what is only new goes without saying.
2. An edit is one entry of the file, which ruamel.yaml reads, changes and writes with its quotes and the comments
   beside its lines; the lines around it are not touched, and comment lines within it go back above the names that
   they stood above. What comes out is read again; if it does not say exactly what was meant, or a comment of what
   stays is gone, nothing is edited and the user is told what to paste.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import pairwise
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.resolver import BaseResolver
from ruamel.yaml.scalarstring import PlainScalarString
from ruamel.yaml.tokens import ScalarToken

from fh_notebook.contract.catalog.deployments import Deployments, same
from fh_notebook.contract.catalog.inputs import fields_of, is_whole
from fh_notebook.contract.catalog.reader import VERSION, read_catalog
from fh_notebook.contract.catalog.writer import HEADER, as_stored, block, data_of, paste_of
from fh_notebook.contract.catalog.yaml_loader import compose, tokens
from fh_notebook.contract.deployment import Deployment
from fh_notebook.core.text.formatting import in_words, path_text, short
from fh_notebook.errors import InputError

SHOWN = 10
"""Names in a sentence; more are counted."""


def with_description(old: Deployment | None, new: Deployment) -> Deployment:
    """Return `new`, with the description of `old` where it has none itself."""
    if old is None or old.description is None or new.description is not None:
        return new
    return Deployment(new.name, variants=new.variants, inputs=new.inputs, description=old.description)


def changes_of(old: Deployment, new: Deployment, comments: Sequence[str] = ()) -> str:
    """Return in words what of `old` was removed or changed in `new`, and the removed comments; empty for nothing.

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
    removed = [
        *_names_text("variant", (v for v in old.variants if v not in new.variants)),
        *_names_text("variable", (path_text([n]) for n in before if n not in after)),
        *_names_text("comment", map(short, comments)),
    ]
    changed_names = [
        n for n, s in before.items() if n in after and (s != after[n] or (n in needed_before) != (n in needed))
    ]
    changed = _names_text("variable", (path_text([n]) for n in changed_names))
    if old.description not in (None, new.description):
        changed.append("the description")
    if old.variants != new.variants and set(old.variants) == set(new.variants):
        changed.append("the order of the variants")
    if not changed and _other_keywords(old) != _other_keywords(new):
        changed.append("which other variables are accepted")
    parts = [f"{did} {in_words(names, 'and')}" for did, names in (("removed", removed), ("changed", changed)) if names]
    return "; ".join(parts)


def _other_keywords(deployment: Deployment) -> dict[str, object]:
    return {keyword: value for keyword, value in deployment.inputs.items() if keyword not in ("properties", "required")}


def _names_text(noun: str, names: Iterable[str]) -> list[str]:
    listed = list(names)
    if not listed:
        return []
    limited = listed[:SHOWN] if len(listed) <= SHOWN else [*listed[:SHOWN], f"{len(listed) - SHOWN} more"]
    return [f"the {noun}{'s' if len(listed) > 1 else ''} {in_words(limited, 'and')}"]


PASTE_CAP: Final = 2_000
"""Characters of what is to be pasted; more is better written by hand than copied out of a message."""


_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#[^\r\n]*")

_ODD_BREAK: Final = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
"""What YAML counts as the end of a line, and editors do not."""


Path = tuple[str, ...]


class _NotEditableError(Exception):
    """The text cannot be edited here; raised at any depth of the file and caught in `edited`."""


@dataclass(frozen=True, slots=True)
class Edited:
    """A catalogue's text after an edit."""

    text: str
    changes: str = ""
    """What was removed or changed of the deployment, in words; empty for nothing."""


def put(text: str, deployment: Deployment, *, where: str = "fetchhive.yaml") -> str:
    r"""Return the catalogue's text with `deployment` in it, in place of the one of its name or after the others.

    Examples
    --------
    >>> text = "deployments:\n  a:  # the first\n    variants: [x]\n"
    >>> print(put(text, Deployment("a", variants=["x", "z"])), end="")
    deployments:
      a:  # the first
        variants: [x, z]
    """
    return edit(text, deployment, where=where).text


def edit(text: str, deployment: Deployment, *, where: str = "fetchhive.yaml") -> Edited:
    """Return the text of :func:`put` with the changes. An old description stays where there is no new one."""
    known = read_catalog(text, where=where)
    old = known.get(deployment.name)
    deployment = with_description(old, deployment)
    new = as_stored(deployment)
    if same(old, deployment) or same(old, new):
        return Edited(text)
    refusal = f"{where} was left as it is: it cannot be edited without changing something else"
    try:
        end = "" if text.endswith("\n") else "\r\n" if "\r\n" in text else "\n"  # of a last line that is open
        result, dropped = _put_deployment(text + end if text.strip() else HEADER, new, known)
        result = result.removesuffix(end) if text.strip() else result
        lost_comments = Counter(comments_of(text)) - Counter(comments_of(result)) - Counter(dropped)
        if _has_meaning(result, known, new, where) and not lost_comments:
            return Edited(result, changes_of(old, new, dropped) if old else "")
    except (_NotEditableError, YAMLError, RecursionError):
        refusal = f"{where} was left as it is: it contains {{…}} on one line, or another layout that is not edited"
    paste = paste_of(new)
    in_place = f"(in place of {short(new.name)}) " if old else ""
    excerpt = paste if len(paste) <= PASTE_CAP else f"{paste[:PASTE_CAP]} …"
    raise InputError(f"{refusal}; paste below `deployments:` {in_place}this line: {excerpt}")


def _has_meaning(text: str, before: Deployments, new: Deployment, where: str) -> bool:
    """Whether a text declares the deployments of `before`, and the new one."""
    try:
        after = read_catalog(text, where=where)
    except InputError:
        return False
    names = list(before) + [new.name] * (new.name not in before)
    return list(after) == names and all(same(after[n], new if n == new.name else before[n]) for n in names)


def comments_of(text: str) -> list[str]:
    r"""Return every comment of a text in YAML, without its blanks.

    Examples
    --------
    >>> comments_of("# one\na: 'x # no'  # two\n")
    ['# one', '# two']
    """
    return [comment for _, comment in _comments(text)]


def _comments(text: str) -> list[tuple[int, str]]:
    """Return the comments with their lines, counted from 0.

    They are between the tokens, and after the indicator of a block of text.
    """
    all_tokens = tokens(text)
    ends = [(0, 0), *((t.start_mark.index, t.end_mark.index) for t in all_tokens), (len(text), len(text))]
    gaps = [(end, start) for (_, end), (start, _) in pairwise(ends)]
    for token in all_tokens:
        if isinstance(token, ScalarToken) and token.style in ("|", ">"):
            start = token.start_mark.index
            gaps.append((start, start + len(re.split(r"[\r\n]", text[start : token.end_mark.index], maxsplit=1)[0])))
    matches = (
        (start + m.start(), m[0].rstrip()) for start, end in sorted(gaps) for m in _COMMENT.finditer(text[start:end])
    )
    return [(text.count("\n", 0, position), comment) for position, comment in matches]


def _put_deployment(text: str, new: Deployment, known: Deployments) -> tuple[str, list[str]]:
    """Return the text with a deployment put in, and the comments that were removed with old entries."""
    if _ODD_BREAK.search(text):
        raise _NotEditableError
    data = data_of(new)
    lines = text.split("\n")  # each with its carriage return, if it has one
    root = compose(text)
    entries = {key.value: (key, value) for key, value in root.value} if isinstance(root, MappingNode) else {}
    if "deployments" not in entries:
        column = root.start_mark.column if root is not None and entries else 0
        added = [] if entries else [f"version: {VERSION}"]
        added += block("deployments", {new.name: data}, column, open_levels=3)
        return "\n".join([*lines[:-1], *_with_line_ends(added, lines), ""]), []
    key, value = entries["deployments"]
    if not isinstance(value, MappingNode) or value.flow_style:
        return _change_entry(lines, key, value, lambda entry: _put_in(entry, new, known))
    at = next(((k, v) for k, v in value.value if k.value.strip() == new.name), None)
    if at is not None:
        return _change_entry(lines, *at, lambda entry: _change(entry, known[new.name], new), new)
    column = value.start_mark.column
    end = _last_line(lines, *value.value[-1]) + 1
    while end < len(lines) and re.match(rf" {{{column + 1},}}#", lines[end]):  # comments of the last one
        end += 1
    above = lines[value.value[-1][0].start_mark.line - 1].strip()
    spaced = [""] if len(value.value) > 1 and not above else []
    added = block(new.name, data, column, step=max(1, column - key.start_mark.column), open_levels=2)
    return "\n".join([*lines[:end], *_with_line_ends([*spaced, *added], lines), *lines[end:]]), []


def _with_line_ends(added: Iterable[str], lines: list[str]) -> list[str]:
    """Return new lines with the line ends of the file: a carriage return in a Windows file."""
    end = "\r" if lines[0].endswith("\r") else ""
    return [line + end for line in added]


def _last_line(lines: list[str], key: Node, value: Node) -> int:
    """Return the line in which the last word of an entry is; the parser ends a block where the next thing begins."""
    if isinstance(value, CollectionNode) and not value.flow_style and value.value:
        last = value.value[-1]
        return _last_line(lines, *last) if isinstance(last, tuple) else _last_line(lines, last, last)
    end = int(value.end_mark.line)
    if isinstance(value, ScalarNode) and value.style in ("|", ">"):
        end -= not value.end_mark.column
        while not lines[end].strip():
            end -= 1
    return end


class _TextResolver(BaseResolver):
    """Reads every plain word as a text, which is written unchanged; only an empty value is null."""

    def __init__(self, version: Any = None, loader: Any = None) -> None:
        super().__init__(loader)

    @property
    def processing_version(self) -> tuple[int, int]:
        """The grammar of `yaml_loader`."""
        return 1, 1


_TextResolver.add_implicit_resolver_base("tag:yaml.org,2002:null", re.compile("^$"), [""])


def _yaml(step: int = 2, dash: int = 2) -> YAML:
    yaml = YAML()
    yaml.Resolver, yaml.preserve_quotes, yaml.width = _TextResolver, True, 1 << 30
    yaml.indent(mapping=step, sequence=dash + 2, offset=dash)
    return yaml


def _change_entry(
    lines: list[str], key: Node, value: Node, change: Callable[[CommentedMap], None], new: Deployment | None = None
) -> tuple[str, list[str]]:
    """Return the text after a change of one entry of a mapping, and its comments that were removed."""
    first, last, column = key.start_mark.line, _last_line(lines, key, value), key.start_mark.column
    old_lines = [line.rstrip("\r") for line in lines[first : last + 1]]
    old_lines = [line[column:] if not line[:column].strip() else line.lstrip(" ") for line in old_lines]
    known = list(_paths_with_lines(compose("\n".join(old_lines)), ()))
    if not known or known[0][1] or lines[first][:column].strip():  # the entry does not begin its line (`? name`)
        raise _NotEditableError
    above, bare = _without_comment_lines(old_lines, known)
    has_step = isinstance(value, MappingNode) and not value.flow_style and value.value
    yaml = _yaml(max(1, value.start_mark.column - column) if has_step else 2, _dash(value))
    entry = yaml.load("\n".join(bare) + "\n")
    change(entry)
    out = StringIO()
    yaml.dump(entry, out)
    result = out.getvalue().rstrip("\n").split("\n")
    line_of = {(): 0, **dict(_paths_with_lines(compose("\n".join(result)), ()))}
    for path, line in known:  # a line that differs only in blanks stays
        if path in line_of and _content_of_line(old_lines[line]) == _content_of_line(result[line_of[path]]):
            result[line_of[path]] = old_lines[line]
    # ruamel.yaml does not keep comment lines, and comments beside changed lines.
    unmatched = Counter(comments_of("\n".join(bare))) - Counter(comments_of("\n".join(result)))
    beside: list[tuple[Path, list[str]]] = []
    for line, comment in _comments("\n".join(old_lines)):
        if unmatched[comment] > 0:
            unmatched[comment] -= 1
            beside.append((next(path for path, at in reversed(known) if at <= line), [comment]))
    paths = [path for path, _ in known]
    dropped: list[str] = []
    inserted: dict[int, list[str]] = {}
    for path, comments in [*above.items(), *beside]:
        target = path
        if new is not None and _is_gone(path, paths, new):
            follower = next((p for p in paths[paths.index(path) + 1 :] if p[:-1] == path[:-1]), None)
            # Lines above it go with it; but those above the first of several may be the heading of all.
            if comments is not above.get(path) or follower is None or follower in above or follower not in line_of:
                dropped += comments
                continue
            target = follower
        while target not in line_of:
            target = target[:-1]
        pad = re.match(" *", result[line_of[target]])
        inserted.setdefault(line_of[target], []).extend(
            f"{pad[0] if pad else ''}{line}" if line.startswith("#") else line for line in comments
        )
    for at in sorted(inserted, reverse=True):
        result[at:at] = inserted[at]
    removed = {line.strip() for line in dropped}
    lost_comments = [comment for comment in comments_of("\n".join(old_lines)) if comment in removed]
    changed = _with_line_ends((" " * column + line if line else "" for line in result), lines)
    return "\n".join([*lines[:first], *changed, *lines[last + 1 :]]), lost_comments


def _content_of_line(line: str) -> object:
    """Return the tokens and comments of a line, without the blanks between them; the line itself if it is not YAML."""
    try:
        content = [
            (type(token), getattr(token, "value", None), getattr(token, "style", None)) for token in tokens(line)
        ]
        return len(line) - len(line.lstrip()), content, comments_of(line)
    except YAMLError:
        return line


def _dash(value: Node) -> int:
    """Return the blanks before the dashes of the first list in lines, from the name above it; 2 where there is none."""
    for key, inner in value.value if isinstance(value, MappingNode) else ():
        if isinstance(inner, SequenceNode) and not inner.flow_style:
            return int(inner.start_mark.column - key.start_mark.column)
    return 2


def _paths_with_lines(node: Node | None, path: Path) -> Iterator[tuple[Path, int]]:
    """Yield the path of each name and item that has its own line, with that line, counted from 0."""
    if not isinstance(node, CollectionNode) or node.flow_style:
        return
    for number, part in enumerate(node.value):
        key, value = part if isinstance(part, tuple) else (part, part)
        inner_path = (*path, key.value if isinstance(key, ScalarNode) else str(number))
        yield inner_path, int(key.start_mark.line)
        yield from _paths_with_lines(value, inner_path)


def _without_comment_lines(lines: list[str], known: list[tuple[Path, int]]) -> tuple[dict[Path, list[str]], list[str]]:
    """Return the empty and comment-only lines, by the path that they stand above; and all other lines."""
    token_lines: set[int] = set()
    for token in tokens("\n".join(lines)):
        if token.end_mark.index > token.start_mark.index:
            token_lines.update(range(token.start_mark.line, token.end_mark.line + bool(token.end_mark.column)))
    names = {line: path for path, line in reversed(known)}
    above: dict[Path, list[str]] = {}
    pending: list[str] = []
    for number, line in enumerate(lines):
        if number not in token_lines:
            pending.append(line)
        elif number in names and pending:
            above[names[number]], pending = pending, []
    if pending:
        above.setdefault(names[0], []).extend(pending)
    return above, [line for number, line in enumerate(lines) if number in token_lines]


def _is_gone(path: Path, known: list[Path], new: Deployment) -> bool:
    """Whether a name in a deployment's entry is of something that the new deployment has not."""
    keyword, *names = path[1:] or ("",)
    if not names or keyword not in ("variants", "inputs"):
        return bool(keyword) and keyword not in data_of(new)
    is_schema = any(p[1:] in (("inputs", "type"), ("inputs", "$schema")) for p in known)
    has = new.variants if keyword == "variants" else new.variable_names
    return names[0] not in has and not (keyword == "inputs" and is_schema)


def _node(name: str, value: Any, open_levels: int = 0) -> Any:
    """Return a value as the catalogue writes it, to be put into an entry."""
    node = _yaml().load("\n".join([*block(name, value, open_levels=open_levels), ""]))[name]
    # In place of a text in quotes or lines, ruamel.yaml would write a bare `str` in the same way.
    return PlainScalarString(node) if type(node) is str else node


def _put_in(entry: CommentedMap, new: Deployment, known: Deployments) -> None:
    """Put a deployment below ``deployments:`` where that is empty, or a mapping between braces."""
    deployments = entry["deployments"]
    if not isinstance(deployments, CommentedMap) or not deployments:
        entry["deployments"] = _node("deployments", {new.name: data_of(new)}, open_levels=3)
        return
    name = next((name for name in deployments if str(name).strip() == new.name), None)
    if name is None:
        deployments[new.name] = _node(new.name, data_of(new))
    else:
        inner = CommentedMap({name: deployments[name]})
        _change(inner, known[new.name], new)
        deployments[name] = inner[name]


def _change(entry: CommentedMap, old: Deployment, new: Deployment) -> None:
    """Change only those keys of a deployment whose value differs."""
    data = data_of(new)
    [(name, fields)] = entry.items()
    if not isinstance(fields, CommentedMap) or not fields:
        entry[name] = _node(new.name, data, open_levels=2)
        return
    inputs_differ = _meaning(old, "inputs") != _meaning(new, "inputs")
    for keyword in list(fields):
        if keyword == "open":  # it belongs to the inputs, and stays as it is with them
            is_true = str(fields[keyword]).lower() == "true"
            if inputs_differ and "open" in data:
                fields[keyword] = fields[keyword] if is_true else "true"
            elif inputs_differ and (is_true or is_whole(data.get("inputs", {"type": "object"}))):
                del fields[keyword]
        elif keyword not in data:
            if _meaning(old, keyword) not in (None, ()):
                del fields[keyword]
        elif _meaning(old, keyword) != _meaning(new, keyword):
            _change_value(fields, keyword, old, new)
    for keyword in data:
        if keyword not in fields and (keyword != "open" or inputs_differ):
            fields.insert(
                0 if keyword == "description" else len(fields), keyword, _node(keyword, data[keyword], open_levels=1)
            )


def _meaning(deployment: Deployment, keyword: str) -> Any:
    if keyword == "inputs":
        return None if deployment.inputs == {"type": "object"} else (deployment.inputs, deployment.variable_names)
    return getattr(deployment, keyword)


def _change_value(fields: CommentedMap, keyword: str, old: Deployment, new: Deployment) -> None:
    """Change the parts of a list or mapping that differ; the others stay in their order."""
    value, data = fields[keyword], data_of(new)[keyword]
    if keyword == "variants" and isinstance(value, CommentedSeq):
        comments = {name: value.ca.items.get(index) for index, name in enumerate(value)}
        items = [next((item for item in value if item == name), None) or _node("a", [name])[0] for name in data]
        value.clear()
        value.extend(items)
        value.ca.items.clear()
        value.ca.items.update({i: comments[name] for i, name in enumerate(data) if comments.get(name)})
    elif isinstance(value, CommentedMap) and (keyword == "variants" or not (is_whole(value) or is_whole(data))):
        for name in [name for name in value if name not in data]:
            del value[name]
        before, after = (fields_of(d) if keyword == "inputs" else {} for d in (data_of(old)[keyword], data))
        for name in data:
            if name not in value or before.get(name) != after.get(name):
                value[name] = _node(name, data[name]) if keyword == "inputs" else None
            value.move_to_end(name)
    else:
        fields[keyword] = _node(keyword, data, open_levels=int(keyword == "inputs"))
