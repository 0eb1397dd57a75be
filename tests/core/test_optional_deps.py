"""A missing optional package is told in one way, with the extra that installs it."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from fh_notebook.core.optional_deps import OPTIONAL, ensure_installed
from fh_notebook.errors import SettingsError
from tests.told import tells

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]


def _of_extra(name: str) -> set[str]:
    """Return the packages of an extra, those of the extras in it too."""
    found = map(Requirement, PROJECT["optional-dependencies"][name])
    return {
        package
        for each in found
        for package in (
            set().union(*map(_of_extra, each.extras)) if each.name == PROJECT["name"] else {each.name.lower()}
        )
    }


@pytest.mark.parametrize("module", [name for name, package in OPTIONAL.items() if package.extra])
def test_the_extra_that_is_named_installs_the_package(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the project says; `all` installs it, too."""
    package = OPTIONAL[module]
    assert package.title.lower() in _of_extra(package.extra) & _of_extra("all")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SettingsError) as caught:
        ensure_installed(module, "this needs")
    assert tells(str(caught.value), package.title, f"'fh-notebook[{package.extra}]'")


def test_a_package_that_is_there_is_needed_in_silence() -> None:
    """Also one that is in no table."""
    ensure_installed("json", "this needs")
