"""One deployment into the text of a catalogue: everything else stays byte for byte."""

from __future__ import annotations

import difflib
import re
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.contract.catalog.deployments import same
from fh_notebook.contract.catalog.editor import comments_of, edit, put, with_description
from fh_notebook.contract.catalog.reader import read_catalog
from fh_notebook.contract.catalog.writer import HEADER, KEY_CAP, as_stored
from tests.contract.catalog.catalogues import DEPLOYMENTS, SEVERAL, dump_catalog

THEIRS = """\
# top
version: 1   # the format

deployments:   # all of them
  # about a
  a:  # the first
    # why these
    variants: [x]   # only one
    inputs:  # vars
      # a text
      t: text   # tt
      "n": {type: integer}
      # last of a

  'b':
    description: |
      long
      text
    # trailing b

# the end
"""


def _changes(edited: str, before: str = THEIRS) -> list[str]:
    """The changed lines, each with its sign."""
    diff = list(difflib.unified_diff(before.splitlines(), edited.splitlines(), n=0, lineterm=""))
    return [line for line in diff[2:] if not line.startswith("@@")]


CHANGES = [
    (
        fh.Deployment("a", variants=["x", "z"], inputs={"t": fh.text(), "n": fh.integer()}),
        ["-    variants: [x]   # only one", "+    variants: [x, z] # only one"],
    ),
    (
        fh.Deployment("a", variants=["x"], inputs={"t": fh.text(), "n": fh.integer(default=3)}),
        ['-      "n": {type: integer}', '+      "n": {type: integer, default: 3}'],
    ),
    (
        fh.Deployment("a", variants=["x"], inputs={"t": fh.text(), "n": fh.integer(), "m": fh.boolean()}),
        ["+      m: boolean"],
    ),
    (
        fh.Deployment("a", variants=["x"], inputs={"n": fh.integer()}),
        ["-      t: text   # tt"],
    ),
    (
        fh.Deployment("a", variants=["x"], inputs={"t": fh.text(), "n": fh.integer()}, description="It sorts."),
        ["+    description: It sorts."],
    ),
    (
        fh.Deployment("a", inputs={"t": fh.text(), "n": fh.integer()}),
        ["-    variants: [x]   # only one"],
    ),
    (
        fh.Deployment("b", description="short"),
        ["-    description: |", "-      long", "-      text", "+    description: short"],
    ),
    (
        fh.Deployment("b", description="long\ntext\n", variants=["q"]),
        ["+    variants: [q]"],
    ),
    (
        fh.Deployment("c", variants=["q"], inputs={"t": fh.text()}),
        ["+  c:", "+    variants: [q]", "+    inputs:", "+      t: text", "+"],
    ),
]


@pytest.mark.parametrize(("deployment", "changed"), CHANGES)
def test_only_the_lines_that_say_something_else_are_changed(deployment: fh.Deployment, changed: list[str]) -> None:
    """Comments beside and between stay, quotes and blanks too; what is new comes after its like."""
    edited = put(THEIRS, deployment)
    assert _changes(edited) == changed
    assert same(read_catalog(edited)[deployment.name], deployment)
    lost, found = (comments_of("\n".join(x[1:] for x in changed if x[0] == sign)) for sign in "-+")
    gone = [comment for comment in lost if comment not in found]
    assert sorted([*comments_of(edited), *gone]) == sorted(comments_of(THEIRS))


def test_comments_inside_of_what_is_replaced_stand_above_it() -> None:
    """Variables in another order are written anew; not one of the comments between them is lost."""
    deployment = fh.Deployment("a", variants=["x"], inputs={"n": fh.integer(), "t": fh.text()})
    edited = put(THEIRS, deployment)
    assert read_catalog(edited)["a"].variable_names == ["n", "t"]
    assert sorted(comments_of(edited)) == sorted(comments_of(THEIRS))
    assert edited.startswith(THEIRS.partition("    inputs:")[0])


def test_what_is_there_already_is_not_written_again() -> None:
    """The text comes back as it is, whatever its style."""
    for deployment in read_catalog(THEIRS).values():
        assert put(THEIRS, deployment) is THEIRS


A = fh.Deployment("a", variants=["z"])

LAYOUTS = [
    ("", f"{HEADER}version: 1\ndeployments:\n  a:\n    variants: [z]\n"),
    ("# mine", "# mine\nversion: 1\ndeployments:\n  a:\n    variants: [z]"),
    ("version: 1\n", "version: 1\ndeployments:\n  a:\n    variants: [z]\n"),
    ("deployments:  # none\nversion: 1\n", "deployments:  # none\n  a:\n    variants: [z]\nversion: 1\n"),
    ("deployments: {}  # none\n# x\n", "deployments:     # none\n  a:\n    variants: [z]\n# x\n"),
    ("deployments: null", "deployments:\n  a:\n    variants: [z]"),
    ("deployments:\n  a:\n  b:\n", "deployments:\n  a:\n    variants: [z]\n  b:\n"),
    ("deployments:\n  b:", "deployments:\n  b:\n  a:\n    variants: [z]"),
    ("deployments:\n  a: {variants: [y]} # n\n", "deployments:\n  a: {variants: [z]} # n\n"),
    ("deployments:\n  a : {variants: [y]}\n", "deployments:\n  a: {variants: [z]}\n"),
    (
        "deployments:\n    b:\n        variants: [y]\n",
        "deployments:\n    b:\n        variants: [y]\n    a:\n        variants: [z]\n",
    ),
    ("deployments:\r\n  b:\r\n", "deployments:\r\n  b:\r\n  a:\r\n    variants: [z]\r\n"),
    (
        "deployments:\n  a:\n    variants:\n    - y  # why\n    - z  # stays\n",
        "deployments:\n  a:\n    variants:\n    - z  # stays\n",
    ),
    ("deployments:\n  a:\n    variants: {z: the last}\n", "deployments:\n  a:\n    variants: {z: the last}\n"),
    (
        "deployments:\n  a:\n    description: stays",
        "deployments:\n  a:\n    description: stays\n    variants: [z]",
    ),
    ("deployments:\n  a:\n    variants: [z]\n    inputs: {}", "deployments:\n  a:\n    variants: [z]"),
    (
        "deployments:\n  a:\n    variants: [z]\n    open: false\n    inputs: {}\n",
        "deployments:\n  a:\n    variants: [z]\n",
    ),
    (
        "deployments:\n  b:\n    # about b\n\n# end\n",
        "deployments:\n  b:\n    # about b\n  a:\n    variants: [z]\n\n# end\n",
    ),
    ("deployments: {b: {variants: [y]}}", "deployments: {b: {variants: [y]}, a: {variants: [z]}}"),
    ("deployments: {a: {variants: [y]}}", "deployments: {a: {variants: [z]}}"),
    ("deployments:\n  a:\n    variants: &here [y]\n", "deployments:\n  a:\n    variants: [z]\n"),
]


@pytest.mark.parametrize(("text", "edited"), LAYOUTS)
def test_every_layout_that_can_be_edited_keeps_its_own_style(text: str, edited: str) -> None:
    """Line ends, indentation, an open last line, comments and blanks are the user's."""
    assert put(text, A) == edited
    assert put(edited, A) is edited


@pytest.mark.parametrize(
    "text",
    [
        "{version: 1,\n deployments: {}}",
        "{version: 1}",
    ],
)
def test_an_odd_layout_is_left_as_it_is_with_a_line_to_paste(text: str) -> None:
    """The error says what to write, and where; pasted there, it says what was meant."""
    with pytest.raises(fh.InputError) as told:
        put(text, A)
    assert str(told.value).startswith("fetchhive.yaml ")
    assert str(told.value).endswith(": a: {variants: [z]}")
    assert read_catalog("deployments:\n  a: {variants: [z]}")["a"] == A


@pytest.mark.parametrize(
    "text", ["? deployments\n: b:\n", "--- # one\ndeployments:\n  b:\n...\n", "%YAML 1.2\n---\nversion: 1\n"]
)
def test_odd_layouts_that_can_be_edited_are(text: str) -> None:
    """What comes out says what was meant, and no line is gone."""
    edited = put(text, A)
    assert dict(read_catalog(edited)) == {**read_catalog(text), "a": A}
    assert set(text.splitlines()) <= set(edited.splitlines())


def test_a_broken_file_is_not_edited() -> None:
    """Its problems are told with their lines first."""
    with pytest.raises(fh.InputError, match="line 2: 'a' is a text"):
        put("deployments:\n  a: text\n", A)


def test_a_long_deployment_is_not_poured_into_the_message() -> None:
    """Beyond two thousand letters, the line to paste is cut."""
    huge = fh.Deployment("a", description="y" * 10_000)
    with pytest.raises(fh.InputError) as caught:
        put("{version: 1,\n deployments: {}}", huge)
    assert len(str(caught.value)) < 2_500


def _commented(text: str, places: list[int]) -> str:
    """A dumped catalogue with comment lines between its own; none inside of a block of text or a list."""
    lines = text.splitlines()
    free = [
        i
        for i, line in enumerate(lines)
        if re.match(r"(?:  ){0,2}\S", line) and not line.lstrip().startswith(("- ", "?", ":"))
    ]
    for number, place in enumerate(sorted({free[p % len(free)] for p in places}, reverse=True)):
        indent = len(lines[place]) - len(lines[place].lstrip())
        lines.insert(place, f"{' ' * indent}# comment {number}")
    return "\n".join(lines) + "\n"


EXAMPLES = pytest.mark.parametrize("examples", [20, pytest.param(150, marks=pytest.mark.long)])
"""Of deployments of every kind, which are large: each takes 50 ms."""
PLACES = st.lists(st.integers(0, 30), max_size=4)


@EXAMPLES
def test_any_deployment_goes_into_any_catalogue_and_nothing_else_changes(examples: int) -> None:
    """The others read back equal, every comment is there, and lines of other deployments are the same."""
    settings(max_examples=examples)(given(SEVERAL, DEPLOYMENTS, PLACES)(_put_into))()


@example([fh.Deployment("x" * 1_100)], fh.Deployment("x" * 1_100, variants=["v"]), [])
def _put_into(theirs: list[fh.Deployment], mine: fh.Deployment, places: list[int]) -> None:
    text = _commented(dump_catalog(theirs), places)
    before = read_catalog(text)
    wanted = with_description(before.get(mine.name), mine)
    is_changed = mine.name in before and not any(same(before[mine.name], new) for new in (wanted, as_stored(wanted)))
    if is_changed and len(mine.name) > KEY_CAP:
        with pytest.raises(fh.InputError, match=r"`deployments:`.* \? "):  # `? name` begins its line
            put(text, mine)
        return
    edited = put(text, mine)
    after = read_catalog(edited)
    assert same(after[mine.name], as_stored(wanted)) or same(after[mine.name], wanted)
    assert all(same(after[name], before[name]) for name in before if name != mine.name)
    if mine.name not in before:
        assert set(comments_of(text)) <= set(comments_of(edited))
    if mine.name not in before and before:
        assert edited.startswith(text.rstrip("\n"))


@EXAMPLES
def test_a_deployment_is_changed_into_any_other_in_its_place(examples: int) -> None:
    """Whatever it was before, it is the new one after; its neighbours are untouched, letter by letter."""
    settings(max_examples=examples)(given(DEPLOYMENTS, DEPLOYMENTS, PLACES)(_change_into))()


def _change_into(old: fh.Deployment, new: fh.Deployment, places: list[int]) -> None:
    named = fh.Deployment(old.name, variants=new.variants, inputs=new.inputs, description=new.description)
    first, last = fh.Deployment("first one", variants=["a"]), fh.Deployment("last one", inputs={"t": fh.text()})
    text = _commented(dump_catalog([first, old, last]), places)
    assume("  ? " not in text)
    edited = put(text, named)
    assert (
        same(read_catalog(edited)[old.name], as_stored(with_description(read_catalog(text)[old.name], named)))
        or edited == text
    )
    head, tail = text.partition("  first one:")[0], text.rpartition("  last one:")[2]
    assert edited.startswith(head)
    assert edited.endswith(tail)


@pytest.mark.parametrize(
    ("length", "is_edited"), [(100, True), (200, True), (1_200, False)], ids=["short", "long", "not on one line"]
)
def test_a_name_that_yaml_cannot_have_before_its_colon_is_not_edited(length: int, is_edited: bool) -> None:
    """YAML has names of up to 1,024 characters on the line of their value; a longer one (`? name`) is refused."""
    old = fh.Deployment("x" * length, variants=["a"])
    text = dump_catalog([old, fh.Deployment("last one", variants=["b"])])
    new = fh.Deployment(old.name, variants=["z"])
    if is_edited:
        assert read_catalog(put(text, new))[old.name].variants == ("z",)
    else:
        with pytest.raises(fh.InputError, match=r"`deployments:`.* \? x{50}"):
            put(text, new)


ORPHANS = """\
deployments:
  triage:
    description: Sorts.
    variants:
      - keywords
      # the slow one
      - nearest  # by example
    inputs:
      # what came in
      ticket: {type: string}
      # how long
      # it may be
      max_words:
        type: integer  # whole
        default: 120
      # how it sounds
      tone: text  # calm
      # --- about the customer
      vip: boolean
      name: text
  next: {variants: [a]}
"""


def test_the_comments_of_what_is_removed_go_with_it_and_are_told() -> None:
    """Those beside it, within it and right above it; a line that may be a heading of what follows stays."""
    new = fh.Deployment("triage", variants=["keywords"], inputs={"ticket": fh.text(), "name": fh.text()})
    made = edit(ORPHANS, new)
    assert comments_of(made.text) == ["# what came in", "# --- about the customer"]
    assert made.text.startswith("deployments:\n  triage:\n    description: Sorts.\n    variants:\n      - keywords\n")
    assert made.text.endswith("      # --- about the customer\n      name: text\n  next: {variants: [a]}\n")
    assert made.changes == (
        "removed the variant nearest, the variables max_words, tone and vip and the comments '# the slow one', "
        "'# by example', '# how long', '# it may be', '# whole', '# how it sounds' and '# calm'"
    )


def test_what_is_changed_is_told_and_what_is_only_new_is_not() -> None:
    """Kinds, what must be given, the description, the order of the variants, and whether others are taken."""
    text = "deployments:\n  a:\n    description: Old.\n    variants: [x, y]\n    inputs:\n      t: text\n      n: integer\n"
    known = read_catalog(text)["a"]
    other = r"^(?!.*\bt\b)."  # of no variable
    told: list[tuple[str, dict[str, Any]]] = [
        (r"\bt and n\b", {"inputs": {"t": fh.integer(), "n": fh.integer(required=False)}}),
        (other, {"description": "New."}),
        (other, {"variants": ["y", "x"]}),
        (other, {"inputs": {k: v for k, v in known.inputs.items() if k != "additionalProperties"}}),
        ("", {"variants": ["x", "y", "z"], "inputs": {"t": fh.text(), "n": fh.integer(), "more": fh.text()}}),
    ]
    said = set()
    for words, change in told:
        parts = {"variants": known.variants, "inputs": known.inputs, "description": None} | change
        made = edit(text, fh.Deployment("a", **parts))
        assert re.search(words, made.changes) if words else made.changes == ""
        said.add(made.changes)
        assert made.text != text
        assert read_catalog(made.text)["a"].description == (change.get("description") or "Old.")
    assert len(said) == len(told), "each change is told as another one"


HAND = """\
# Catalogue of the support team
deployments:

    # ------------------------------ support
    triage:                       # owner: Ana
        description:  "Sorts: by hand"
        variants:
        -   keywords              # cheap
        -   'nearest'             # costly
        inputs:
            # what came in
            ticket:     {type: string}   # body
            tone:       {enum: [calm, brief],
                         default: calm}  # two lines

    # ------------------------------ sales
    quote: {variants: [a, b], description: 'short'}   # one line
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_blank_within_a_text_is_a_change(end: str) -> None:
    """Blanks between words of the file's layout are not, and stay; those of a text are what it says."""
    theirs = f"deployments:{end}  a:{end}    description:   Sortsmail   # d{end}    variants:  [ x ]{end}"
    made = put(theirs, fh.Deployment("a", description="Sorts mail", variants=["x"]))
    assert made == theirs.replace("  Sortsmail  ", "Sorts mail   ")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_new_deployment_is_only_added_to_a_file_formatted_by_hand(end: str) -> None:
    """The difference is its own lines, in the file's indentation and with its line ends."""
    theirs = HAND.replace("\n", end)
    made = put(theirs, fh.Deployment("route", variants=["x"], inputs={"t": fh.text()}))
    added = ["    route:", "        variants: [x]", "        inputs:", "            t: text"]
    assert made == theirs + "".join(line + end for line in added)


def test_quotes_comments_and_order_of_a_changed_deployment_survive() -> None:
    """What is other now is changed in its place; the file's other deployments stay letter by letter."""
    known = read_catalog(HAND)["triage"]
    made = put(HAND, fh.Deployment("triage", variants=["llm", *known.variants[::-1]], inputs=known.inputs))
    assert _changes(made, HAND) == [
        "+        - llm",
        "+        -   'nearest'             # costly",
        "-        -   'nearest'             # costly",
        "-            tone:       {enum: [calm, brief],",
        "-                         default: calm}  # two lines",
        "+            tone: {enum: [calm, brief], default: calm} # two lines",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "{deployments: {a: {variants: [y]}}}  # all",
        "deployments: {a: {variants: [y]}}  # all\rversion: 1\n",
        "deployments:\n  a: {description: 'x\u2028 y'}\n",
    ],
)
def test_a_file_with_line_ends_of_another_kind_is_left_as_it_is(text: str) -> None:
    """Its lines are others for an editor than for YAML."""
    with pytest.raises(fh.InputError, match=r"`deployments:`.* a: \{.*variants: \[z\]\}"):
        put(text, A)


OPEN = "deployments:\n  a:\n    inputs:\n      t: {type: string, required: false}  # tt\n"


@pytest.mark.parametrize("form", ["    open: true  # o\n", "    open: false  # o\n", ""])
def test_open_is_edited_beside_the_variables_and_nothing_else_is(form: str) -> None:
    """It comes, goes and stays with what the inputs say; a whole schema in the file stays one."""
    closed = fh.Deployment("a", inputs={"t": fh.text(required=False)})
    is_open = fh.Deployment("a", inputs={"type": "object", "properties": {"t": {"type": "string"}}})
    for wanted in (closed, is_open):
        edited = put(OPEN + form, wanted)
        assert same(read_catalog(edited)["a"], wanted)
        assert edited.startswith(OPEN)
    whole = "deployments:\n  a:\n    inputs: {type: object, properties: {t: {type: string}}}\n"
    more = fh.Deployment("a", variants=["x"], inputs=is_open.inputs)
    assert put(whole, more) == f"{whole}    variants: [x]\n"
