"""Catalogues, snippets and cells that mean ill: read, or refused in a line, and nothing else happens."""

from __future__ import annotations

import json
import re
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.contract.catalog.reader import read_catalog
from fh_notebook.contract.schema.validation import fits
from fh_notebook.contract.snippet.parser import looks_like_snippet, parse_snippet
from fh_notebook.errors import FetchHiveError
from fh_notebook.notebook.cell.request import read_cell
from tests.security import fuzz
from tests.security.corpus import CATALOGUES, FORBIDDEN, KEY, NAMES, SNIPPETS, TOUCHED, Entry
from tests.security.found import FOUND
from tests.security.watching import watching

MAX_BYTES = 200 * 1024 * 1024
CPU_S = 10.0
"""Of processor time, which other processes do not lengthen: a reader takes milliseconds of it."""


def _tiered(entries: tuple[Entry, ...]) -> list[Any]:
    """The large ones, which are weighed, take the long tier."""
    return [
        pytest.param(e, id=str(e), marks=[pytest.mark.long] if "memory over a bound" in e.never else [])
        for e in entries
    ]


def _read(entry: Entry, read: Any) -> tuple[Any, str]:
    """Return what came of reading, and the words of a refusal; fail if anything happened that never may."""
    weighed = "memory over a bound" in entry.never
    if weighed:
        tracemalloc.start()  # which makes everything three times as slow
    begun = time.thread_time()
    made, words = None, ""
    try:
        with watching() as seen:
            try:
                made = read(entry.value)
            except FetchHiveError as refused:
                words = str(refused)
        spent, peak = time.thread_time() - begun, tracemalloc.get_traced_memory()[1] if weighed else 0
    finally:
        tracemalloc.stop()
    assert seen == []
    assert not Path("/tmp", TOUCHED).exists()
    assert peak < MAX_BYTES
    assert spent < CPU_S
    for text in (words, repr(made)):
        assert KEY not in text
    assert len(words) < 20_000
    return made, words


@pytest.fixture
def _forms() -> None:
    """Whatever a form imports is imported, and compiled, before anybody watches what is written."""
    fh.form(fh.Deployment("d", inputs={"text": fh.text()}), client=fh.local.LocalHive().client()).problems  # noqa: B018


@pytest.mark.usefixtures("_forms")
@pytest.mark.parametrize("entry", _tiered(CATALOGUES))
def test_a_hostile_catalogue_is_read_or_refused_and_nothing_else(entry: Entry) -> None:
    """No object is built, no program run, no memory and no time lost; a ``$ref`` fetches nothing."""
    known, words = _read(entry, read_catalog)
    assert words or known is not None
    if "YAML object built" in entry.never:
        assert words, "a tag that asks for an object is refused in words"
    for deployment in (known or {}).values():
        with watching() as seen:
            json.dumps(deployment.inputs, default=repr)
            fh.form(deployment, client=fh.local.LocalHive().client()).problems  # noqa: B018
        assert seen == []


@pytest.mark.parametrize("entry", _tiered(SNIPPETS))
def test_a_hostile_snippet_is_parsed_and_never_executed(entry: Entry) -> None:
    """Nothing is run, opened or asked for, and a key that stands in it is in no word of ours."""
    _read(entry, looks_like_snippet)
    _read(entry, parse_snippet)
    asked: list[str] = []

    def evaluate(source: str) -> Any:
        asked.append(source)

    _read(entry, lambda text: read_cell(text, name="d", variants=("v",), evaluate=evaluate))
    assert asked == [] or not looks_like_snippet(entry.value), "what is pasted is never evaluated"


@pytest.mark.parametrize("entry", NAMES, ids=str)
def test_a_hostile_name_stays_a_name(entry: Entry, tmp_path: Path) -> None:
    """Of a deployment, a variant and a Start variable: kept in a catalogue and read again, as it
    was, in its own file.
    """
    name = entry.value
    made = fh.Deployment(
        name, variants=[name], inputs={name: fh.text(description=name, default=name)}, description=name
    )
    with watching(inside=tmp_path) as seen:
        file = made.save(tmp_path / "fetchhive.yaml")
        again = read_catalog(file.read_text("utf-8"))
    assert [event for event in seen if "os." not in event] == []
    assert again[name].variants == (name,)
    assert again[name].inputs["properties"][name]["default"] == name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fetchhive.yaml"]


def test_a_runaway_pattern_ends_and_says_so() -> None:
    """Sixty characters would keep it busy for years; the check of a call says what to do about it."""
    slow = "(?!x)(a|aa)+$(?!y)"  # without looking around, any pattern takes linear time
    deployment = fh.Deployment("d", variants=["v"], inputs={"t": fh.text(pattern=slow)})
    with pytest.raises(fh.InputError, match="^d: inputs: ") as caught:
        deployment.complete({"t": "a" * 60 + "!"})
    assert [problem.keyword for problem in caught.value.problems] == ["pattern"]


@pytest.mark.parametrize("pattern", ["^(a+)+$", "(a|aa)+$", "(x+x+)+y", "^(a|a?)+$"])
def test_a_pattern_that_looks_neither_around_nor_back_takes_linear_time(pattern: str) -> None:
    """However its repeats are nested, of a value and of a name; it is answered, not given up."""
    text = "ax" * 5_000 + "!"
    of_values = fh.Deployment("d", variants=["v"], inputs={"t": fh.text(pattern=pattern)})
    of_names = {"type": "object", "patternProperties": {pattern: False}, "additionalProperties": {"type": "string"}}
    begun = time.thread_time()
    (problem,) = of_values.problems({"t": text})
    assert pattern in problem
    assert fh.Deployment("d", inputs=of_names).problems({text: "x"}) == []
    assert time.thread_time() - begun < CPU_S


@pytest.mark.parametrize(
    ("pattern", "text"), [("^a+$", "aa"), ("[A-Z]{2}-[0-9]+", "AB-1"), ("^(x|y)*$", "xyx"), ("(?i)AbC?", "xabx")]
)
def test_a_sane_pattern_is_found_as_python_finds_it(pattern: str, text: str) -> None:
    """The usual syntax means the same."""
    assert re.search(pattern, text)
    assert fits({"pattern": pattern}, text)
    assert not fits({"pattern": pattern}, "?")


@pytest.mark.parametrize(("target", "value"), [(t, value) for t, values in FOUND.items() for value in values])
def test_what_fuzzing_found_stays_mended(target: str, value: Any) -> None:
    """Each value broke something once."""
    fuzz.checked(target, value)


def test_every_entry_says_what_must_not_happen() -> None:
    """In the words of the list, and each word is said of something."""
    from tests.security import corpus

    entries = [
        e
        for name in dir(corpus)
        if name.isupper()
        for e in (getattr(corpus, name) if isinstance(getattr(corpus, name), tuple) else ())
        if isinstance(e, Entry)
    ]
    assert len(entries) > 120
    assert {word for entry in entries for word in entry.never} <= set(FORBIDDEN)
