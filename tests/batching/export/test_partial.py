"""Exports that are killed in the middle, by SIGKILL at a real process: what they leave, who removes
it, and its modes.
"""

from __future__ import annotations

import os
import select
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fh_notebook.core.files import atomic_file, remove_dead
from tests import environment
from tests.batching.export.exporting import KINDS, PRIVATE, made_batch, write
from tests.batching.hives import PATIENCE_S

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGKILL and modes are POSIX")

HELD = """
import os, sys, threading
from tests.batching.export.exporting import made_batch, write

kind, name, folder = sys.argv[1:]
batch = made_batch()
go_on, held, inside = threading.Event(), threading.Lock(), threading.local()

def hold(event, _):
    # At the first step after the partial file is there, in whatever thread it is made.
    if go_on.is_set() or getattr(inside, "here", False):
        return
    inside.here = True
    if any(entry.startswith(f".{name}") and entry.endswith("-data") for entry in os.listdir(folder)):
        if held.acquire(blocking=False):
            print("held", flush=True)
            sys.stdin.readline()
            go_on.set()
        go_on.wait()
    inside.here = False

sys.addaudithook(hold)
write(kind, batch, os.path.join(folder, name))
print("written", flush=True)
"""


@contextmanager
def _held(kind: str, name: str, out: Path, own: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that writes an export, and is held where its partial file is there and not yet whole."""
    own.mkdir()
    root = str(Path(__file__).parents[3])
    process = subprocess.Popen(
        [sys.executable, "-c", HELD, kind, name, str(out)],
        env=environment.for_process(own, PYTHONPATH=root),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], PATIENCE_S)[0], "it says nothing"
    return process.stdout.readline().strip()


def _hidden(out: Path, name: str = "") -> list[Path]:
    return sorted(path for path in out.iterdir() if path.name.startswith(f".{name}"))


@pytest.mark.parametrize(
    "kind",
    [
        ".csv",
        *(
            pytest.param(kind, marks=pytest.mark.long)
            for kind in (".sqlite3", ".xlsx", ".parquet", ".fhb", ".jsonl.gz", ".report.html")
        ),
    ],
)
def test_what_a_killed_export_leaves_is_removed_by_the_next_and_a_live_ones_is_not(tmp_path: Path, kind: str) -> None:
    """Partial files are for their owner only; the dead one's go, the live one's stay, and its export is whole."""
    out = tmp_path / "out"
    out.mkdir()
    dead, live = f"dead{kind}", f"live{kind}"
    with _held(kind, dead, out, tmp_path / "1") as killed, _held(kind, live, out, tmp_path / "2") as writer:
        assert (_line(killed), _line(writer)) == ("held", "held")
        left = _hidden(out, dead)
        modes = {stat.S_IMODE(path.stat().st_mode) for path in _hidden(out) if path.is_file()}
        assert modes == {0o600}
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert _hidden(out, dead) == left != []
        write(".csv", made_batch(), out / "next.csv")
        assert _hidden(out, dead) == []
        assert _hidden(out, live) != []
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
        assert _line(writer) == "written"
    assert sorted(path.name for path in out.iterdir()) == sorted([live, "next.csv"])
    assert (out / live).stat().st_size > 0


@pytest.mark.parametrize("umask", [0o022, pytest.param(0o077, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_finished_export_has_the_mode_of_the_umask_and_a_store_is_for_its_owner(
    tmp_path: Path, kind: str, umask: int
) -> None:
    """Exports follow the umask; stores and ``.fhb`` have 0600."""
    path = tmp_path / f"a{kind}"
    before = os.umask(umask)
    try:
        write(kind, made_batch(), path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == (0o600 if kind in PRIVATE else 0o666 & ~umask)
    assert _hidden(tmp_path) == []


def test_a_batch_that_is_handed_over_is_private_whatever_it_replaces(tmp_path: Path) -> None:
    """A ``.fhb`` that replaces one which all could read is for its owner only."""
    path = tmp_path / "a.fhb"
    path.write_bytes(b"")
    path.chmod(0o644)
    write(".fhb", made_batch(), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_of_two_writers_in_one_process_none_removes_the_others_file(tmp_path: Path) -> None:
    """The lock is of the open file, not of the process; what has no mark any more has no writer."""
    with atomic_file(tmp_path / "a.csv") as first:
        os.close(first.create())
        first.beside("lines").mkdir()
        with atomic_file(tmp_path / "b.csv") as second:
            os.close(second.create())
            assert first.path.exists()
            assert first.beside("lines").is_dir()
            second.put(private=False)
        first.put(private=False)
    assert sorted(os.listdir(tmp_path)) == ["a.csv", "b.csv"]
    (tmp_path / ".a.csv.0badcafe.fh-part-data").write_bytes(b"")
    (tmp_path / ".mine.part").write_bytes(b"")
    remove_dead(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".mine.part", "a.csv", "b.csv"]


def test_a_link_is_neither_locked_nor_followed(tmp_path: Path) -> None:
    """In a folder that others may write to, a name like ours may be a link to a file of the user's."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "file").write_bytes(b"mine")
    out = tmp_path / "out"
    out.mkdir()
    (out / ".a.csv.0badcafe.fh-part").symlink_to(mine / "file")
    (out / ".b.csv.0badcafe.fh-part-lines").symlink_to(mine)
    remove_dead(out)
    assert (mine / "file").read_bytes() == b"mine"
    assert not (out / ".b.csv.0badcafe.fh-part-lines").is_symlink()


@pytest.mark.skipif(sys.platform != "linux", reason="the open files of a process are listed in /proc")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_does_not_keep_its_parents_partial_file_alive(tmp_path: Path) -> None:
    """A child that lives on holds no lock of the parent's."""
    reads, writes = os.pipe()
    lives, born = os.pipe()
    with atomic_file(tmp_path / "a.csv") as part:
        os.close(part.create())
        child = os.fork()
        if child == 0:
            os.close(writes)
            os.write(born, b"x")
            os.read(reads, 1)  # until the parent has looked
            os._exit(0)
        os.close(reads)
        os.read(lives, 1)
        mark = next(path for path in tmp_path.iterdir() if path.name.endswith(".fh-part"))
        for descriptor in [int(name) for name in os.listdir("/proc/self/fd")]:
            if os.path.realpath(f"/proc/self/fd/{descriptor}") == str(mark.resolve()):
                os.dup2(os.open(os.devnull, os.O_RDONLY), descriptor)  # as if the parent had ended
        remove_dead(tmp_path)
        left = os.listdir(tmp_path)
        os.close(writes)
        os.waitpid(child, 0)
    os.close(lives)
    os.close(born)
    assert left == []


def test_a_name_of_any_length_has_room_for_what_lies_beside_it(tmp_path: Path) -> None:
    """255 bytes are what file systems take; letters of four bytes are letters, too."""
    path = tmp_path / ("𝔸" * 60 + ".csv")
    write(".csv", made_batch(), path)
    assert [entry.name for entry in tmp_path.iterdir() if entry.suffix == ".csv"] == [path.name]
