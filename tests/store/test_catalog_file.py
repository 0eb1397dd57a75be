"""``fetchhive.yaml`` on a real disk: found, read again when it changed, saved as a whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import fh_notebook as fh
from fh_notebook.contract.catalog.reader import read_catalog
from fh_notebook.store import catalog_file
from fh_notebook.store.catalog_file import catalogue, find, read
from tests import environment
from tests.told import facts, tells

A = fh.Deployment("a", variants=["x"], inputs={"t": fh.text()})
B = fh.Deployment("b", description="The other one.")
as_user = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read and write all")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    here = tmp_path / "project"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


def test_the_catalogue_is_found_in_the_working_folder_or_the_nearest_above(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`.yaml` wins over `.yml` of one folder, the nearer folder over the farther one; a folder of that name is none."""
    deep = folder / "one" / "two"
    deep.mkdir(parents=True)
    assert find() is None
    assert dict(catalogue()) == {}
    (folder / "fetchhive.yml").write_text("deployments: {yml: {}}")
    (deep / "fetchhive.yaml").mkdir()
    monkeypatch.chdir(deep)
    assert find() == folder / "fetchhive.yml"
    assert list(catalogue()) == ["yml"]
    (folder / "fetchhive.yaml").write_text("deployments: {yaml: {}}")
    assert list(catalogue()) == ["yaml"]
    (folder / "one" / "fetchhive.yml").write_text("deployments: {near: {}}")
    assert list(catalogue()) == ["near"]
    assert find(folder) == folder / "fetchhive.yaml"


@pytest.mark.skipif(sys.platform == "win32", reason="a working folder cannot be removed there")
def test_a_working_folder_that_is_gone_has_no_catalogue(folder: Path) -> None:
    """No traceback of the operating system's."""
    folder.rmdir()
    assert find() is None
    assert dict(catalogue()) == {}
    with pytest.raises(fh.InputError, match=facts("fetchhive.yaml")):
        A.save()


def test_a_file_is_read_once_and_again_when_it_changed(folder: Path) -> None:
    """The same object while nothing changed; an edit is seen, also one that keeps the size, and one that breaks it."""
    path = folder / "fetchhive.yaml"
    path.write_text("deployments: {a: {}}")
    first = catalogue()
    assert catalogue() is first
    path.write_text("deployments: {b: {}}")
    os.utime(path, ns=(1, 1))
    assert list(catalogue()) == ["b"]
    path.write_text("deployments: [b]")
    errors = []
    for _ in range(2):
        with pytest.raises(fh.InputError, match=r"fetchhive\.yaml, line 1: deployments is a list") as caught:
            catalogue()
        errors.append(caught.value)
    assert errors[0] is not errors[1]
    path.write_text("deployments: {a: {}}  # mended")
    assert catalogue() == first


def test_many_files_do_not_fill_the_memory(folder: Path) -> None:
    """A few are remembered; all are read right."""
    for number in range(40):
        path = folder / f"{number}.yaml"
        path.write_text(f"deployments: {{d{number}: {{}}}}")
        assert list(read(path)) == [f"d{number}"]
    assert len(catalog_file._cache) <= 16


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_utf_8_is_read_with_and_without_a_byte_order_mark_and_saved_as_it_was(folder: Path, mark: bytes) -> None:
    """Notepad writes the mark; it is no letter of the first name, and it stays."""
    path = folder / "fetchhive.yaml"
    path.write_bytes(mark + "deployments:\r\n  Übersicht:\r\n".encode())
    assert list(catalogue()) == ["Übersicht"]
    assert A.save() == path
    assert path.read_bytes() == mark + (
        "deployments:\r\n  Übersicht:\r\n  a:\r\n    variants: [x]\r\n    inputs:\r\n      t: text\r\n".encode()
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("deployments:\n  ä: {}".encode("latin-1"), ("fetchhive.yaml", "2", "UTF-8")),
        ("version: 1".encode("utf-16"), ("fetchhive.yaml", "1", "UTF-8")),
        (b"#" * 1_000_001, ("1,000,000",)),
        (b"#" * 1_100_000 + b"\xff", ("1,000,000",)),
    ],
)
def test_what_cannot_be_read_is_one_clear_error(folder: Path, content: bytes, told: str) -> None:
    """Reading, looking up and saving all tell the same, and the file stays as it is."""
    path = folder / "fetchhive.yaml"
    path.write_bytes(content)
    for act in (catalogue, A.save):
        with pytest.raises(fh.InputError) as caught:
            act()
        assert tells(str(caught.value), *told)
        assert caught.value.__context__ is None
    assert path.read_bytes() == content


@as_user
def test_a_file_without_permission_is_one_clear_error(folder: Path) -> None:
    """What the operating system says, in a sentence."""
    path = folder / "fetchhive.yaml"
    path.write_text("version: 1")
    path.chmod(0)
    with pytest.raises(fh.InputError, match=r"fetchhive\.yaml cannot be read: Permission denied"):
        catalogue()
    path.chmod(0o444)
    with pytest.raises(fh.InputError, match=r"fetchhive\.yaml cannot be written: it is read-only"):
        A.save()
    assert path.read_text() == "version: 1"


def test_a_file_that_vanishes_between_is_one_clear_error(folder: Path) -> None:
    """Found, and gone when it is read."""
    with pytest.raises(fh.InputError, match=facts("gone.yaml")):
        read(folder / "gone.yaml")


def test_saving_makes_a_new_file_that_says_what_it_is(folder: Path) -> None:
    """A comment first; the deployment comes back equal; saving again changes neither the file nor its time."""
    path = A.save()
    assert path == folder / "fetchhive.yaml"
    assert path.read_text("utf-8").startswith("# The catalogue of Fetch Hive deployments")
    assert read(path)["a"] == A
    before = path.stat()
    assert A.save() == path
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    B.save()
    assert dict(catalogue()) == {"a": A, "b": B}
    assert list(folder.iterdir()) == [path]


def test_saving_goes_to_the_file_that_is_found_upward_or_to_the_path_that_is_given(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file, or a folder for its `fetchhive.yaml`."""
    (folder / "fetchhive.yml").write_text("# ours\n")
    deep = folder / "deep"
    deep.mkdir()
    monkeypatch.chdir(deep)
    assert A.save() == folder / "fetchhive.yml"
    assert (folder / "fetchhive.yml").read_text().startswith("# ours\nversion: 1\n")
    assert A.save(deep) == deep / "fetchhive.yaml"
    assert A.save("other.yaml") == deep / "other.yaml"
    assert read(deep / "other.yaml")["a"] == A


def test_a_folder_that_is_not_there_is_one_clear_error(folder: Path) -> None:
    """Nothing is made on the way."""
    with pytest.raises(fh.InputError, match=facts("'nowhere'")):
        A.save(folder / "nowhere" / "fetchhive.yaml")
    assert list(folder.iterdir()) == []


def test_a_name_that_the_file_system_refuses_is_one_clear_error(folder: Path) -> None:
    """The system's words in a sentence, whatever it has against the file."""
    with pytest.raises(fh.InputError, match="x{300}.*: .*name too long"):
        A.save(folder / ("x" * 300 + ".yaml"))
    assert list(folder.iterdir()) == []


def test_a_refused_save_leaves_the_file_and_no_other(folder: Path) -> None:
    """An odd layout is told with what to paste."""
    path = folder / "fetchhive.yaml"
    path.write_text("{version: 1,\n deployments: {}}")
    with pytest.raises(fh.InputError, match=r": a: \{variants: \[x\], inputs: \{t: text\}\}"):
        A.save()
    assert path.read_text() == "{version: 1,\n deployments: {}}"
    assert list(folder.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="modes and links are POSIX")
def test_the_mode_is_kept_and_a_link_is_followed(folder: Path, tmp_path: Path) -> None:
    """The file behind the link is replaced, the link stays one; a new file has the mode of the umask."""
    real = tmp_path / "shared.yaml"
    real.write_text("deployments:\n")
    real.chmod(0o640)
    (folder / "fetchhive.yaml").symlink_to(real)
    assert A.save() == folder / "fetchhive.yaml"
    assert (folder / "fetchhive.yaml").is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert read(real)["a"] == A
    umask = os.umask(0o027)
    try:
        made = A.save(folder / "new.yaml")
    finally:
        os.umask(umask)
    assert stat.S_IMODE(made.stat().st_mode) == 0o640


def test_a_write_that_breaks_off_leaves_the_old_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is one clear error; neither half a file nor a file beside it is left."""
    path = folder / "fetchhive.yaml"
    path.write_text("# mine\n")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(fh.InputError, match=r"fetchhive\.yaml .*: No space left on device"):
        A.save()
    assert path.read_text() == "# mine\n"
    assert list(folder.iterdir()) == [path]


def test_the_default_of_a_password_is_left_out_and_that_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The secret is neither in the file nor in what is said; saving again says nothing."""
    deployment = fh.Deployment("d", inputs={"token": fh.text(secret=True, default="hunter2-hunter2"), "t": fh.text()})
    path = deployment.save()
    said = capsys.readouterr().err
    assert tells(said, "token")
    assert said.count("\n") == 1
    assert "hunter2" not in path.read_text()
    assert read(path)["d"].inputs["required"] == ["t"]
    deployment.save()
    assert capsys.readouterr().err == ""


def test_what_is_replaced_or_removed_is_said_in_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is gone and what is different; a description stays; what is only added is not told, nor what is the same."""
    old = fh.Deployment(
        "support-triage",
        description="Sorts tickets.",
        variants=["keywords", "nearest"],
        inputs={"ticket": fh.text(), "max_words": fh.integer(), "tone": fh.text()},
    )
    path = old.save()
    new = fh.Deployment("support-triage", variants=["keywords"], inputs={"ticket": fh.text(multiline=True)})
    assert capsys.readouterr().err == ""
    new.save()
    assert capsys.readouterr().err == (
        "Replaced support-triage in fetchhive.yaml: removed the variant nearest and the variables max_words and tone; "
        "changed the variable ticket.\n"
    )
    assert read(path)["support-triage"].description == "Sorts tickets."
    new.save()
    fh.Deployment("support-triage", variants=["keywords", "more"], inputs=new.inputs).save()
    assert capsys.readouterr().err == ""


SAVING = """
import sys
import fh_notebook as fh
for i in range(int(sys.argv[2])):
    fh.Deployment(f"{sys.argv[1]}-{i}", variants=["x"], inputs={"t": fh.text()}).save()
"""


def test_processes_and_threads_that_save_at_once_lose_nothing(folder: Path, tmp_path: Path) -> None:
    """Each waits for the other: every deployment is there, and the user's comment too."""
    (folder / "fetchhive.yaml").write_text("# mine\ndeployments:\n")
    others = [
        subprocess.Popen([sys.executable, "-c", SAVING, name, "8"], env=environment.for_process(tmp_path), cwd=folder)
        for name in ("left", "right")
    ]
    threads = [
        threading.Thread(target=lambda n=n: [fh.Deployment(f"t{n}-{i}").save() for i in range(8)]) for n in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [other.wait(60) for other in others] == [0, 0]
    text = (folder / "fetchhive.yaml").read_text()
    names = {f"{who}-{i}" for who in ("left", "right", "t0", "t1", "t2") for i in range(8)}
    assert set(read_catalog(text)) == names
    assert text.startswith("# mine\n")
    assert [p.name for p in folder.iterdir()] == ["fetchhive.yaml"]
