"""A missing optional package is told in one way, with the extra that installs it."""

from __future__ import annotations

import sys
from importlib import metadata

import pytest
from packaging.requirements import Requirement

from fh_notebook.errors import SettingsError
from fh_notebook.optional_deps import OPTIONAL, ensure_installed


@pytest.mark.parametrize("module", [name for name, package in OPTIONAL.items() if package.extra])
def test_the_extra_that_is_named_installs_the_package(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the metadata of this package say."""
    package = OPTIONAL[module]
    needed = map(Requirement, metadata.requires("fh-notebook") or [])
    extra = {
        wanted.name.lower() for wanted in needed if wanted.marker and wanted.marker.evaluate({"extra": package.extra})
    }
    assert package.title.lower() in extra
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SettingsError) as caught:
        ensure_installed(module, "this needs", otherwise=", or do without")
    assert str(caught.value) == (
        f"this needs {package.title}: pip install 'fh-notebook[{package.extra}]', or do without"
    )


def test_a_package_that_is_there_is_needed_in_silence() -> None:
    """Also one that is in no table."""
    ensure_installed("json", "this needs")
