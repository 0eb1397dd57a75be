"""Public names, options and their values: what was there in the last release is there, or is told to be removed.

``golden/public_names.txt`` has those of the last release. ``python -m tests.test_public_names`` writes those of today, at a release.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

import fh_notebook as fh
from fh_notebook.cli import command_line
from fh_notebook.core.arguments import RemovedName
from fh_notebook.local import LocalHive
from fh_notebook.notebook.cell.options import parser
from fh_notebook.notebook.commands.registry import COMMANDS, command_parser

GOLDEN: Final = Path(__file__).parent / "golden" / "public_names.txt"
MADE_BY_FUNCTIONS: Final = {"Batch", "Canary", "Comparison", "Form", "PendingRun", "Profile", "Race", "Trend"}
"""What their classes take is nobody's business."""


def public_names() -> set[str]:
    """Return each public name, ``function(parameter)``, ``function(parameter='value')``, and the options of commands."""
    modules = {"fh": fh, "fh.local": fh.local, "fh.score": fh.score, "fh.store": fh.store}
    found = {name for path, module in modules.items() for name in _of_module(path, module)}
    return found | set(_of_command("fh-notebook", command_line._parser()))


def _of_module(path: str, module: ModuleType) -> Iterator[str]:
    for name in module.__all__:
        value = getattr(module, name)
        yield f"{path}.{name}"
        if inspect.isclass(value):
            yield from _of_class(f"{path}.{name}", value)
        elif inspect.isroutine(value):
            yield from _of_function(f"{path}.{name}", value)


def _of_class(path: str, cls: type) -> Iterator[str]:
    if cls.__name__ not in MADE_BY_FUNCTIONS and not issubclass(cls, BaseException):
        yield from _of_function(path, cls)
    ours = {name for base in cls.__mro__ if base.__module__.startswith("fh_notebook") for name in vars(base)}
    for name in ours:
        if not name.startswith("_") and not isinstance(getattr(cls, name), RemovedName):
            yield f"{path}.{name}"
            if inspect.isfunction(getattr(cls, name)) or inspect.ismethod(getattr(cls, name)):
                yield from _of_function(f"{path}.{name}", getattr(cls, name))


def _of_function(path: str, function: Callable[..., Any]) -> Iterator[str]:
    for name, parameter in inspect.signature(function).parameters.items():
        if name == "self":
            continue
        yield f"{path}({name})"
        for choices in re.findall(r"Literal\[([^\]]*)\]", str(parameter.annotation)):
            yield from (f"{path}({name}={choice})" for choice in choices.split(", "))


def _of_command(path: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                yield f"{path} {name}"
                yield from _of_command(f"{path} {name}", command)
        else:
            for option in action.option_strings or [action.dest]:
                yield f"{path} {option}"
                yield from (f"{path} {option}={choice}" for choice in action.choices or ())


def _batch() -> fh.Batch:
    hive = LocalHive()
    hive.workflow("echo", variant="a")(lambda text: text)
    return fh.batch([{"text": "x"}], "echo", client=hive.client(), progress=False)


def test_every_public_name_and_method_has_a_docstring() -> None:
    """Functions, classes, their public methods and properties."""
    bare = []
    for path, module in {"fh": fh, "fh.local": fh.local, "fh.score": fh.score, "fh.store": fh.store}.items():
        for name in module.__all__:
            value = getattr(module, name)
            members = {f"{path}.{name}": value}
            if inspect.isclass(value) and value.__module__.startswith("fh_notebook"):
                members |= {
                    f"{path}.{name}.{key}": member
                    for key, member in vars(value).items()
                    if not key.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))
                }
            bare += [
                key
                for key, member in members.items()
                if callable(member) or isinstance(member, property)
                if not member.__doc__
            ]
    assert bare == []


OWN_LABELS: Final = {
    *(
        "fh.configure(workspace)",
        "fh.store.join(from_workspace)",
        "fh.store.join(into_workspace)",
        "fh.store.workspaces",
    ),
    *("fh.AsyncClient.workspace", "fh.Batch.workspace", "fh.Client.workspace"),
}
"""Public names with the word that mean our label of saved answers."""


def test_the_services_workspace_is_workspace_id_everywhere() -> None:
    """Whoever asks for approvals or sends a file takes `workspace_id=`, by name only; `workspace` alone is our own label,
    in functions, commands and magics."""
    magics = {name for command in COMMANDS for name in _of_command(f"%fetchhive {command}", command_parser(command))}
    names = public_names() | magics | set(_of_command("%%fetchhive", parser()))
    assert {name for name in names if "workspace" in name and not re.search(r"workspace[-_]id\b", name)} == OWN_LABELS
    asking = {name for name in names if re.fullmatch(r"fh\.\w+\.(a?approvals?|list_approvals|a?upload)", name)}
    assert len(asking) == 13
    assert {"fh.configure(workspace_id)", "fh.Client(workspace_id)", "fh.AsyncClient(workspace_id)"} <= names
    for name in asking:
        owner, method = name.split(".")[1:]
        assert f"{name}(workspace_id)" in names
        parameter = inspect.signature(getattr(getattr(fh, owner), method)).parameters["workspace_id"]
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY


REMOVED: Final[dict[str, Callable[[], object]]] = {
    "fh.AsyncClient.drive": lambda: LocalHive().client().aclient.drive,
    "fh.Batch.plot": lambda: _batch().plot,
    "fh.Comparison.plot(backend='altair')": lambda: fh.compare(_batch()).plot(backend="altair"),  # type: ignore[arg-type]
}
"""Of the last release; how each is used."""


def test_every_public_name_of_the_last_release_is_there_or_is_told_to_be_removed() -> None:
    """Names of functions, classes and methods, of parameters and their values, and the options of commands."""
    gone = set(GOLDEN.read_text("utf-8").splitlines()) - public_names()
    assert {name for name in gone if name.partition("(")[0] not in REMOVED} == {
        name for name in REMOVED if name.endswith(")")
    }
    assert REMOVED.keys() <= gone


@pytest.mark.parametrize("name", REMOVED)
def test_what_was_removed_is_told_in_one_line_with_what_to_use(name: str) -> None:
    """The name that was asked for, then what to use; it is a SettingsError or an InputError."""
    short = name.rpartition("(")[2].strip(")") if name.endswith(")") else name.removeprefix("fh.")
    with pytest.raises((fh.SettingsError, fh.InputError)) as raised:
        REMOVED[name]()
    assert re.match(rf"{re.escape(short)} [^;]*; .{{20}}", str(raised.value), re.IGNORECASE)
    assert "\n" not in str(raised.value)


RENAMED: Final[dict[str, tuple[str, Callable[[], object]]]] = {
    "fh.AsyncClient.gate": ("limiter", lambda: LocalHive().client().aclient),
    "fh.Client.gate": ("limiter", lambda: LocalHive().client()),
}
"""Of the last release; the name that each has now, and an object that has both."""


@pytest.mark.parametrize("name", RENAMED)
def test_what_was_renamed_has_its_value_with_a_warning_that_names_the_new_one(name: str) -> None:
    """It is a DeprecationWarning at the caller's line; `dir` lists the new name only."""
    new, make = RENAMED[name]
    owner, old = make(), name.rpartition(".")[2]
    with pytest.warns(DeprecationWarning, match=rf"\.{old} [^;]*; \w+ .*\.{new}$") as caught:
        assert getattr(owner, old) is getattr(owner, new)
    assert caught[0].filename == __file__
    assert {old, new} & set(dir(owner)) == {new}


if __name__ == "__main__":
    GOLDEN.write_text("".join(f"{name}\n" for name in sorted(public_names())), "utf-8")
