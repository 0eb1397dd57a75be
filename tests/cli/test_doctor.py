"""``fh-notebook doctor``: what works, with the cure where it does not; and nothing is changed,
shown or asked unasked.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import fh_notebook as fh
from fh_notebook.cli.command_line import main
from fh_notebook.session import session
from tests import environment
from tests.batching.hives import KEY, Shouting

# Every look-up and connection ends the process: also one to this machine.
OFFLINE = """
import os, sys
def guard(event, args):
    if event in ("socket.connect", "socket.getaddrinfo"):
        os._exit(97)
sys.addaudithook(guard)
from fh_notebook.cli import main
sys.exit(main(["doctor"]))
"""


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def _doctor(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(["doctor", *words])
    told = capsys.readouterr()
    assert told.err == ""
    return code, told.out


def test_where_all_is_well_every_line_is_ok(capsys: pytest.CaptureFixture[str]) -> None:
    """Python, packages, loop, local hive, store, catalogue, address and key: 0."""
    code, told = _doctor(capsys)
    assert code == 0, told
    for words in (
        r"OK +Python: 3\.\d+\.\d+ on ",
        rf"OK +fh_notebook {re.escape(fh.__version__)}: with .*pandas \d",
        r"OK +optional packages: .*pyarrow \d",
        r"OK +kernel: ipykernel \d\S+, IPython \d",
        r"OK +widgets: .*ipywidgets 8\S+ .*jupyterlab_widgets 3",
        r"OK +event loop: thread ",
        r"OK +local hive: .* 'billing'",
        r"OK +store: .*store\.sqlite3 ",
        r"OK +catalogue: .*fetchhive\.yaml",
        r"OK +calls go to: (?!.*https?:)\S",
        r"OK +key: none\n +-> .*FETCH_HIVE_API_KEY",
    ):
        assert re.search(f"^{words}", told, re.MULTILINE), words
    assert not re.search("^(?:warning|problem) ", told, re.MULTILINE)


def test_nothing_is_asked_and_nothing_is_made(tmp_path: Path) -> None:
    """No connection, not even to this machine, and no file: in a process of its own."""
    before = sorted(tmp_path.rglob("*"))
    done = subprocess.run([sys.executable, "-W", "error", "-c", OFFLINE], cwd=tmp_path / "work", env=environment.for_process(tmp_path), capture_output=True, text=True, timeout=60)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search("^OK +store: ", done.stdout, re.MULTILINE)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_store_that_is_there_is_opened_and_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is added to it: the look at the local hive is no run of the user's."""
    with Shouting().hive.client() as client:
        client.invoke("shout", variant="soft", inputs={"text": "x"})
    code, told = _doctor(capsys)
    assert code == 0
    assert re.search(r"^OK +store: \S+store\.sqlite3 .* [\d.]+ MB$", told, re.MULTILINE)
    assert len(fh.history()) == 1


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
def test_a_store_that_others_may_read_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the command that cures it; warnings alone are 0."""
    store = session.store()
    assert store is not None
    store.answers.newest_id()
    store.path.chmod(0o644)
    code, told = _doctor(capsys)
    assert code == 0
    assert re.search(r"^warning +store: .*\n +-> chmod 600 \S+$", told, re.MULTILINE)
    assert told.endswith("\n1 warning.\n")


@pytest.mark.parametrize("what", ["no database", "a folder", "another program's", "under a file"])
def test_a_store_that_cannot_be_used_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    """1, and the other checks go on; the file stays as it was."""
    path = tmp_path / "odd.sqlite3"
    if what == "a folder":
        path.mkdir()
    elif what == "another program's":
        import sqlite3

        other = sqlite3.connect(path)
        other.execute("CREATE TABLE theirs (x)")
        other.close()
    else:
        path.write_bytes(b"no database" * 1000)
    monkeypatch.setenv("FH_NOTEBOOK_STORE", str(path / "store" if what == "under a file" else path))
    code, told = _doctor(capsys)
    assert code == 1
    assert re.search(r"^problem +store: ", told, re.MULTILINE)
    assert re.search(r"^OK +calls go to: ", told, re.MULTILINE)
    assert "\n1 problem.\n" in told


def test_a_store_with_damaged_pages_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Though it opens, and a word of it can be read: every page is looked at. With the cure; the file stays."""
    store = session.store()
    assert store is not None
    for number in range(60):
        store.answers.keep(
            fh.parse_event(b'{"status": "completed", "output": "%b"}' % (b"x" * 3_000)), f"w{number}"
        ).result()
    path = store.path
    session.reset()
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = b"\xa5" * 4096
    path.write_bytes(data)
    code, told = _doctor(capsys)
    assert code == 1
    assert re.search(r"^problem +store: \S+store\.sqlite3 .*\n", told, re.MULTILINE), told
    assert path.read_bytes()[:4096] == bytes(data[:4096])


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("deployments:\n  a:\n    variants: [v]\n", 0, r"OK +catalogue: fetchhive\.yaml, 1 deployment$"),
        ("deployments: [\n", 1, r"problem +catalogue: .*fetchhive\.yaml"),
    ],
)
def test_the_catalogue_is_read(capsys: pytest.CaptureFixture[str], text: str, code: int, words: str) -> None:
    """And counted; one that cannot be read is a problem with its place."""
    Path("fetchhive.yaml").write_text(text)
    got, told = _doctor(capsys)
    assert got == code
    assert re.search(f"^{words}", told, re.MULTILINE), told


def test_the_key_is_masked_and_its_source_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """No letter of it is shown."""
    monkeypatch.setenv("FETCH_HIVE_API_KEY", KEY)
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy.test:3128")
    code, told = _doctor(capsys)
    assert code == 0
    assert re.search(r"^OK +calls go to: https://api\.fetchhive\.com/v1$", told, re.MULTILINE)
    assert re.search(r"^OK +key: \*\*\* from FETCH_HIVE_API_KEY$", told, re.MULTILINE)
    assert re.search(r"^OK +proxy: HTTPS_PROXY ", told, re.MULTILINE)
    assert re.search(r"^OK +service: .*\n +-> fh-notebook doctor --check ", told, re.MULTILINE)
    assert KEY[4:10] not in told
    assert "secret" not in told


def test_an_address_that_cannot_be_used_is_a_problem(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """With what it must be."""
    monkeypatch.setenv("FETCH_HIVE_BASE_URL", "ftp://nowhere")
    code, told = _doctor(capsys)
    assert code == 1
    assert re.search(r"^problem +calls go to: ", told, re.MULTILINE)


@pytest.mark.parametrize(
    ("key", "code", "words"),
    [
        (KEY, 0, r"OK +service: 127\.0\.0\.1:\d+ "),
        ("fhk_a_wrong_one_0000", 1, r"problem +service: .*127\.0\.0\.1:\d+.*\n +-> "),
    ],
)
def test_with_check_the_service_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], key: str, code: int, words: str
) -> None:
    """Whether it takes the key, by a look-up that runs nothing."""
    made = Shouting(api_key=KEY)
    monkeypatch.setenv("FETCH_HIVE_API_KEY", key)
    with made.hive.serve() as server:
        got, told = _doctor(capsys, "--check", "--base-url", server.url)
    assert got == code, told
    assert re.search(f"^{words}", told, re.MULTILINE), told
    assert made.calls == 0


def test_a_service_that_is_not_there_is_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    """With where to look."""
    with Shouting().hive.serve() as server:
        url = server.url
    code, told = _doctor(capsys, "--check", "--base-url", url)
    assert code == 1
    assert re.search(r"^problem +service: .*\n +-> ", told, re.MULTILINE), told


def test_a_missing_package_says_what_it_is_for(tmp_path: Path) -> None:
    """And how one gets it; only what is needed to work at all is more than a hint."""
    hide = (
        "import sys\nfrom importlib import metadata\nreal = metadata.version\n"
        "def version(name):\n"
        "    if name in ('xlsxwriter', 'ipykernel', 'pandas'):\n        raise metadata.PackageNotFoundError(name)\n"
        "    return real(name)\n"
        "metadata.version = version\n"
        "from fh_notebook.cli import main\nsys.exit(main(['doctor']))\n"
    )
    done = subprocess.run([sys.executable, "-c", hide], cwd=tmp_path / "work", env=environment.for_process(tmp_path), capture_output=True, text=True, timeout=60)  # fmt: skip
    assert done.returncode == 1
    for words in (
        r"problem +packages: .*pandas\n +-> \S*pip \w+ pandas",
        r"warning +ipykernel: .*\n +-> \S*pip \w+ ipykernel",
        r"OK +xlsxwriter: .*batch\.to_excel\n +-> \S*pip \w+ 'fh-notebook\[data\]'",
    ):
        assert re.search(f"^{words}", done.stdout, re.MULTILINE), done.stdout
    assert "\n1 problem and 1 warning.\n" in done.stdout


def _as_if(monkeypatch: pytest.MonkeyPatch, **versions: str | None) -> None:
    """Other versions of packages than those that are installed."""
    real = metadata.version

    def version(name: str) -> str:
        known = versions.get(name.replace("-", "_"), real(name) if name.replace("-", "_") not in versions else None)
        if known is None:
            raise metadata.PackageNotFoundError(name)
        return known

    monkeypatch.setattr(metadata, "version", version)


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("7.4.0", r"OK +kernel: ipykernel 7\.4\.0, IPython \S+: .*$"),
        (
            "7.2.1",
            r"warning +kernel: .*7\.2\.1.*\n +-> \S*pip \w+ 'ipykernel>=7\.4'$",
        ),
        ("6.31.0", r"OK +kernel: .*6\.31\.0.*\n +-> \S*pip "),
    ],
)
def test_what_the_kernels_buttons_can_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], version: str, words: str
) -> None:
    """By its version, with the cure where a newer one is better."""
    _as_if(monkeypatch, ipykernel=version)
    assert re.search(f"^{words}", _doctor(capsys)[1], re.MULTILINE)


def test_a_kernel_of_another_python_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A kernelspec of the user's stands before the environment's own: its notebooks would not find the package."""
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    spec = tmp_path / "jupyter-data" / "kernels" / "python3"
    spec.mkdir(parents=True)
    argv = ["/opt/other/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}))
    code, told = _doctor(capsys)
    assert code == 0
    assert re.search(
        r"^warning +kernel: .*/opt/other/bin/python\b.*\n +-> .*-m ipykernel .*--user --name fetchhive",
        told, re.MULTILINE,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (None, "jupyterlab_widgets"),
        ("1.1.0", r"jupyterlab_widgets 1\.1\.0"),
    ],
)
def test_widgets_that_no_page_can_show_are_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], version: str | None, words: str
) -> None:
    """The page's part is missing, or of another age; with the cure."""
    _as_if(monkeypatch, jupyterlab_widgets=version)
    told = _doctor(capsys)[1]
    assert re.search(rf"^warning +widgets: .*{words}.*\n +-> \S*pip \w+ --force-reinstall", told, re.MULTILINE), told


def test_widgets_whose_files_jupyterlab_does_not_find_are_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The package is there, its files are not where JupyterLab looks."""
    from jupyter_core import paths

    monkeypatch.setattr(paths, "jupyter_path", lambda *parts: [])
    assert re.search(r"^warning +widgets: ", _doctor(capsys)[1], re.MULTILINE)


@pytest.mark.parametrize(("mode", "level"), [("thread", "OK"), ("nested", "warning")])
def test_the_other_event_loop_mode_is_told_where_it_would_break(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], mode: str, level: str
) -> None:
    """nest_asyncio alone on ipykernel 7: a hint, and a warning for who has chosen it."""
    _as_if(monkeypatch, ipykernel="7.4.0", nest_asyncio2=None)
    fh.configure(loop=mode)  # type: ignore[arg-type]
    told = _doctor(capsys)[1]
    assert re.search(rf"^OK +event loop: {mode} \(", told, re.MULTILINE)
    words = rf"^{level} +event loop: .*loop='nested'.*\n +-> \S*pip \w+ nest_asyncio2"
    assert re.search(words, told, re.MULTILINE), told
