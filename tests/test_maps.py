"""The maps of the rooms: the docstring of a room says what each of its files is for."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path

import pytest

import fh_notebook

HOUSE = Path(fh_notebook.__file__).parent
MAPPED = [
    room.parent.name
    for room in sorted(HOUSE.glob("*/__init__.py"))
    if "\n::\n" in (import_module(f"fh_notebook.{room.parent.name}").__doc__ or "")
]


@pytest.mark.parametrize("room", MAPPED)
def test_a_map_names_every_file_of_its_room_and_no_other(room: str) -> None:
    """A stranger finds each file there, and finds what stands there."""
    told = re.findall(
        r"(?<![/\w*])[a-z0-9_*]+\.py", (import_module(f"fh_notebook.{room}").__doc__ or "").partition("\n::\n")[2]
    )
    files = [file.name for file in (HOUSE / room).glob("*.py") if file.name != "__init__.py"]
    assert [name for name in files if not any(fnmatch(name, one) for one in told)] == []
    assert [one for one in told if not any(fnmatch(name, one) for name in files)] == []


def test_the_rooms_of_many_files_have_a_map() -> None:
    """Those of more than twenty."""
    many = [room.name for room in HOUSE.iterdir() if len(list(room.glob("*.py"))) > 20]
    assert sorted(set(many) - set(MAPPED)) == []
