"""Commands that ask, in a real kernel: with a person behind the page, and without one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from fh_notebook.local import LocalHive
from tests import kernel_provisioner
from tests.kernel import Kernel

KEY = "fhk_0123456789abcdef"
BODY = json.dumps({"deployment": "brief", "variant": "live", "inputs": {"topic": "a \\ b", "words": 3}}, indent=2)
SNIPPET = (
    "curl 'https://api.fetchhive.com/v1/workflow/invoke' \\\n  -X POST \\\n"
    f"  -H 'Authorization: Bearer {KEY}' \\\n  --data-raw '{BODY}'"
)


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Kernel]:
    """A kernel with the extension, whose service is a hive on a socket that wants a key."""
    hive = LocalHive(api_key=KEY)

    @hive.workflow("echo", variant="plain")
    def plain(text: str) -> str:
        return text

    with hive.serve() as server, Kernel(tmp_path, FETCH_HIVE_BASE_URL=server.url) as kernel:
        assert kernel.run("%load_ext fh_notebook") == ""
        yield kernel


def _everything(kernel: Kernel) -> str:
    """All that the kernel published and wrote, and all that the user's names and history hold."""
    seen = kernel.run("%history -g\nprint(In, Out, {k: v for k, v in globals().items() if k not in ('In', 'Out')})")
    published = repr([(m.kind, m.content) for m in kernel.messages])
    files = "".join(p.read_bytes().decode("utf-8", "replace") for p in kernel.folder.rglob("*") if p.is_file())
    return seen + published + kernel.log + files


def test_a_login_asks_for_a_hidden_line_and_the_next_cell_uses_the_key(asking: Kernel) -> None:
    """As JupyterLab asks: a password box; the key is in no output, no file, not in In, Out or the history."""
    request = asking.send("%fetchhive login", person=True)
    asked = asking.asked()
    assert asked["password"] is True
    assert asked["password"] is True
    asking.answer(KEY)
    asking.wait(request)
    assert "fh.Client().check()" in asking.text(request)
    said = asking.run("%%fetchhive echo -v plain\ntext: hi there")
    assert "completed" in said
    assert "hi there" in said
    assert "*** from %fetchhive login" in asking.run("%fetchhive use")
    assert "good" in asking.run("import fh_notebook as fh; fh.Client().check()")
    assert KEY not in _everything(asking)
    assert "No key for" not in asking.run("%fetchhive logout")
    assert asking.run("%%fetchhive echo -v plain\ntext: hi there").startswith("AuthError: ")


def test_an_interrupt_at_the_prompt_is_one_line(asking: Kernel) -> None:
    """Stop while it asks: nothing was changed, and the kernel goes on."""
    request = asking.send("%fetchhive login", person=True)
    asking.asked()
    asking.interrupt()
    asking.wait(request)
    assert re.fullmatch("Stopped: .*", asking.text(request).strip())
    assert asking.reply(request)["status"] == "error"
    assert asking.run("1 + 1") == "2"


@pytest.mark.parametrize(
    ("command", "cure"),
    [
        ("login", r"\bFETCH_HIVE_API_KEY"),
        ("snippet", "%%fetchhive snippet"),
    ],
)
def test_where_nobody_can_be_asked_it_says_what_to_do(asking: Kernel, command: str, cure: str) -> None:
    """A run without a person (nbclient, papermill) stops at once, with one line."""
    request = asking.send(f"%fetchhive {command}")
    asking.wait(request)
    [line] = asking.text(request).strip().splitlines()
    assert re.search(r"\bSettingsError", line)
    assert re.search(cure, line)


@pytest.mark.long
def test_under_nbclient_a_login_is_one_line(tmp_path: Path) -> None:
    """The real runner: the cell fails with the cure, and does not hang."""
    file = tmp_path / "login.ipynb"
    cells = [nbformat.v4.new_code_cell(c) for c in ("%load_ext fh_notebook", "%fetchhive login")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), file)
    subprocess.run(
        [sys.executable, "-m", "jupyter", "execute", "--allow-errors", "--kernel_name=python3", "--inplace", str(file)],
        cwd=tmp_path, env=kernel_provisioner.for_program(tmp_path), check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    [output] = nbformat.read(file, as_version=4).cells[1].outputs
    assert output.output_type == "error"
    assert "FETCH_HIVE_API_KEY" in "".join(output.traceback)
    assert len(output.traceback) == 1


def test_a_pasted_snippet_is_hidden_and_read_without_its_line_breaks(asking: Kernel) -> None:
    """JupyterLab's box has one line and drops line breaks; what is typed at an open prompt would be saved with the key."""
    request = asking.send("%fetchhive snippet", person=True)
    assert asking.asked()["password"] is True
    asking.answer(SNIPPET.replace("\n", ""))
    asking.wait(request)
    said = asking.text(request)
    assert re.search(r"\bfetchhive\.yaml", said)
    assert re.search(r"topic \([^)]*\), words \(", said)
    assert "brief" in asking.run("%fetchhive deployments")
    assert KEY not in _everything(asking)


def test_last_without_anything_is_told(kernel: Kernel) -> None:
    """In a process that has run nothing; one line, and with store=None it says why."""
    kernel.run("%load_ext fh_notebook\nimport fh_notebook as fh\nfh.configure(base_url='local')")
    assert kernel.run("%fetchhive last").startswith("InputError: ")
    kernel.run("fh.configure(store=None)")
    assert "store=None" in kernel.run("%fetchhive last")
