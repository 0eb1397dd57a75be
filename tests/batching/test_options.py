"""Options are values: one definition each, which the functions, the command and the cell share."""

from __future__ import annotations

import argparse
import ast
import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.batching.execution.stop_rules import checked_concurrency
from fh_notebook.batching.options import BatchKeywords, BatchOptions, OptionSyntax, written_options
from fh_notebook.cli import batch, history, probe, serve
from fh_notebook.core.text.messages import flag
from fh_notebook.errors import SettingsError
from fh_notebook.notebook.cell.options import parser, read_line
from fh_notebook.racing.options import NOT_OF_A_RACE, RaceKeywords, RaceOptions
from tests.told import facts


def _keywords(function: Callable[..., Any]) -> dict[str, tuple[str, Any]]:
    """Return the annotation and the default of each keyword."""
    return {
        name: (parameter.annotation, parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def _fields(options: type[Any]) -> dict[str, tuple[Any, Any]]:
    return {
        option.name: (option.type, inspect.Parameter.empty if option.default is MISSING else option.default)
        for option in fields(options)
        if option.name != "batch"
    }


@pytest.mark.parametrize("function", [fh.batch, fh.abatch])
def test_the_keywords_of_a_batch_are_the_fields(function: Callable[..., Any]) -> None:
    """In one order, of one type, with one default."""
    assert list(_keywords(function).items()) == list(_fields(BatchOptions).items())


@pytest.mark.parametrize("function", [fh.race, fh.arace])
def test_the_keywords_of_a_race_are_its_fields_and_those_of_its_batch(function: Callable[..., Any]) -> None:
    """But for what a race has not; it takes the answers of others unless it is told otherwise."""
    of_batch = {name: said for name, said in _fields(BatchOptions).items() if name not in NOT_OF_A_RACE}
    assert _keywords(function) == _fields(RaceOptions) | of_batch | {"reuse": ("ReuseOption", "store")}


@pytest.mark.parametrize(("keywords", "options"), [(BatchKeywords, BatchOptions), (RaceKeywords, RaceOptions)])
def test_the_types_of_keywords_are_those_of_the_fields(keywords: Any, options: type[Any]) -> None:
    """Type checkers read the keywords; what the fields say is what is checked."""
    told = {name: hint.__forward_arg__ for name, hint in keywords.__annotations__.items()}
    every = _fields(BatchOptions) | _fields(options)
    assert told == {name: every[name][0] for name in told}
    assert _fields(options).keys() - told.keys() <= {"score"}


def test_an_unknown_option_is_told_with_those_that_are_known() -> None:
    """In a sentence; the values, of which one may be a key, are in no frame of its traceback."""
    with pytest.raises(TypeError, match=facts("max_call", "max_calls=")) as told:
        fh.batch([], "shout", max_call=3, on_event=print)  # type: ignore[call-arg]
    assert isinstance(told.value, fh.SettingsError)
    assert all(entry.frame.f_locals.get("options") in ({}, None) for entry in told.traceback)
    with pytest.raises(TypeError, match=facts("wait", "score=", "alpha=")):
        fh.race([], "shout", score="exact", wait=True)  # type: ignore[call-arg]
    with pytest.raises(fh.SettingsError, match=facts("delivery", "3", "'direct'", "'callback'", "'poll'")):
        fh.batch([], "shout", delivery=3)  # type: ignore[arg-type]


def _written(made: argparse.ArgumentParser) -> dict[str, str | None]:
    return {action.dest: action.help for action in made._actions}


def test_the_command_and_the_cell_read_the_fields() -> None:
    """With their help; the cell has the defaults of a batch."""
    commands = argparse.ArgumentParser().add_subparsers()
    batch.add_parser(commands)
    command, cell = _written(commands.choices["batch"]), _written(parser())
    for name, written in written_options(BatchOptions).items():
        assert command[name] == written.help
        assert (cell.get(name) == (written.help_in_cell or written.help)) is written.in_cell
    for name, written in written_options(RaceOptions).items():
        assert command[name] == f"of --race: {written.help}"
    read = read_line("name")
    defaults = {option.name: option.default for option in fields(BatchOptions)}
    for name in written_options(BatchOptions, in_cell=True):
        assert read.of_batch[name] == defaults[name]


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        (BatchOptions, "repeats", 0),
        (BatchOptions, "repeats", 1_000_001),
        (BatchOptions, "repeats", None),
        (BatchOptions, "first", 0),
        (BatchOptions, "sample", True),
        (BatchOptions, "max_concurrency", 1.5),
        (BatchOptions, "max_calls", -1),
        (BatchOptions, "max_seconds", 0),
        (BatchOptions, "max_seconds", float("inf")),
        (BatchOptions, "max_cost", -0.1),
        (BatchOptions, "fail_on_error", 1.5),
        (BatchOptions, "on_invalid", "leave"),
        (BatchOptions, "reuse", "all"),
        (BatchOptions, "on_event", 3),
        (BatchOptions, "delivery", "post"),
        (BatchOptions, "name", "a.fhb"),
        (BatchOptions, "name", "\ud800"),
        (RaceOptions, "alpha", 1),
        (RaceOptions, "min_difference", 0),
        (RaceOptions, "patience", 0),
        (RaceOptions, "lookahead", True),
        (RaceOptions, "failed", "skip"),
        (RaceOptions, "seed", 1.5),
    ],
)
def test_what_is_beyond_the_limits_of_a_field_is_refused(options: type[Any], name: str, value: Any) -> None:
    """With the option's name, before anything is read."""
    own = {"score": "exact"} if options is RaceOptions else {}
    with pytest.raises(SettingsError, match=f"^{name} is "):
        options(**own, **{name: value})


def test_numbers_of_numpy_are_numbers() -> None:
    """A count that comes out of a column is as good as one that is typed; the options have Python's own."""
    numbers = pd.Series([3, 1]).max(), np.float32(0.5)
    whole, part = numbers
    made = BatchOptions(repeats=whole, max_calls=whole, max_cost=part, sample=whole, fail_on_error=part)  # type: ignore[arg-type]
    assert made == BatchOptions(repeats=3, max_calls=3, max_cost=0.5, sample=3, fail_on_error=0.5)
    assert {type(value) for value in (made.repeats, made.max_calls, made.sample)} == {int}
    assert type(RaceOptions(score="exact", seed=whole, alpha=part).alpha) is float  # type: ignore[arg-type]
    assert checked_concurrency(whole) == 3
    fh.configure(max_concurrency=whole)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="^repeats is 0;.* 1 to"):
        BatchOptions(repeats=np.int64(0))  # type: ignore[arg-type]


def test_options_that_exclude_each_other_are_refused() -> None:
    """A pilot of both kinds; a receiver for answers that do not come by callback."""
    with pytest.raises(SettingsError, match="first= or sample="):
        BatchOptions(first=1, sample=1)
    receiver: Any = object()
    with pytest.raises(SettingsError, match=facts("delivery='callback'")):
        BatchOptions(receiver=receiver)


def test_a_cell_hands_on_every_option_that_its_line_takes() -> None:
    """A new option of the fields needs no line of a cell's own: it is read, has its default, and comes to the batch."""
    defaults = {option.name: option.default for option in fields(BatchOptions)}
    written = written_options(BatchOptions, in_cell=True)
    assert dict(read_line("shout").of_batch) == {name: defaults[name] for name in written}
    assert BatchOptions(**read_line("shout --over rows --repeats 3 --max-calls 9").of_batch).repeats == 3


@pytest.mark.parametrize(
    ("reads", "word", "value"),
    [
        ("whole", "3", 3),
        ("number", "0.5", 0.5),
        ("text", "a", "a"),
        ("rate", "30/min", "30/min"),
        ("number_or_flag", "2", 2),
    ],
)
def test_an_option_is_read_by_what_its_field_says(reads: Any, word: str, value: Any) -> None:
    """Parsers of a command and of a cell ask the field."""
    reader = argparse.ArgumentParser()
    reader.add_argument("--new", **OptionSyntax(help="new", reads=reads).for_parser())
    assert reader.parse_args(["--new", word]).new == value
    flagged = OptionSyntax(help="new", reads="flag").for_parser()
    assert flagged == {"action": "store_true"}


MESSAGES_OF = {"session/probe.py": "probe", "batching/history/history.py": "history", "core/asgi.py": "serve"}
"""The command whose users read a file's messages, where it is not ``batch``."""


def test_an_option_that_a_message_names_is_an_option_of_the_command() -> None:
    """Every ``option("name", ...)`` in the code: a command is never advised to give one that it does not know."""
    package = Path(fh.__file__).parent
    named = {
        (MESSAGES_OF.get(path.relative_to(package).as_posix(), "batch"), flag(node.args[0].value))
        for path in package.rglob("*.py")
        if "option(" in (source := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "option"
        if node.args and isinstance(node.args[0], ast.Constant)
    }
    commands = argparse.ArgumentParser().add_subparsers()
    for add_parser in (batch.add_parser, history.add_parser, probe.add_parser, serve.add_parser):
        add_parser(commands)
    known = {
        (command, word) for command in commands.choices for word in commands.choices[command]._option_string_actions
    }
    assert len(named) >= 10
    assert named <= known


def test_a_judge_has_the_defaults_of_a_batch() -> None:
    """Its calls are a batch: what it takes of the options of one is called, and meant, as there."""
    of_batch = {option.name: option.default for option in fields(BatchOptions)}
    of_judge = {name: given.default for name, given in inspect.signature(fh.score.judge).parameters.items()}
    shared = of_judge.keys() & of_batch.keys() - {"inputs", "client", "variants"}
    assert {"repeats", "max_calls", "max_cost", "max_concurrency", "rate", "progress"} <= shared
    assert {name: of_judge[name] for name in shared} == {name: of_batch[name] for name in shared}
