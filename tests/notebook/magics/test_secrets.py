"""The key, in every way in which a person may give it, and a password among the inputs are in nothing that a notebook
shows, logs, keeps or saves.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fh_notebook.local.http.server import HiveServer
from tests import kernel_provisioner
from tests.kernel import Kernel
from tests.notebook.slow_hive import KEY, SlowHive

PASSWORD = "correct-horse-battery"
"""Of a Start variable, which the catalogue declares to be one."""
CATALOGUE = """\
version: 1
deployments:
  login:
    variants: [a, b]
    inputs:
      text: text
      token: {type: string, format: password}
"""
OWN_KEY = "fhk_the_sessions_own_key"
SPELT = f"''.join({[KEY[:4], KEY[4:]]!r})"
"""The key as an expression: so that the cell's own source does not have it. Not a sum: IPython 8
works that out itself.
"""
SPELT_PASSWORD = f"''.join({[PASSWORD[:9], PASSWORD[9:]]!r})"
LOGIN = f"text: hi\ntoken: {{{{ {SPELT_PASSWORD} }}}}"
SNIPPET = (
    "%%fetchhive\n"
    "curl https://api.fetchhive.com/v1/workflow/invoke \\\n"
    f"  -H 'Authorization: Bearer {KEY}' -H 'Content-Type: application/json' \\\n"
    """  -d '{"deployment": "echo", "variant": "plain", "inputs": {"text": "hi"}}'"""
)

EVERYTHING = """
import pickle, logging
logging.basicConfig(level=logging.DEBUG)
hive = fh.Client()
batch = fh.batch([{'text': 'a'}], 'echo', variants=['plain'], progress=False)
from fh_notebook.session import session; from fh_notebook.core.config import settings
shown = [hive, hive.aclient, vars(hive.aclient), hive.aclient.connection, hive.check(), hive.limiter, batch, batch.frame, fh.last_batch(),
         settings.current(), session.store(), fh.invoke('echo', variant='plain', inputs={'text': 'b'}), dir(fh)]
shown += [getattr(fh, name) for name in fh.__all__]
for thing in shown:
    print(repr(thing), str(thing), getattr(thing, '_repr_html_', str)() if not isinstance(thing, type) else '')
print(hive.invoke('echo', variant='plain', inputs={'text': 'c'}).to_dict())
"""
BUG = "from fh_notebook.notebook.magics import cell_magic as sending\nsending._result = None  # a defect, such as nobody foresaw"


def _cells(way: str) -> list[str]:
    """What a person types who has trouble."""
    call = SNIPPET if way == "snippet" else "%%fetchhive echo -v plain -v plain2\ntext: hi"
    return [
        "%load_ext fh_notebook\nimport fh_notebook as fh\n%xmode Verbose",
        f"fh.configure(api_key={SPELT})" if way == "configure" else "'no key is typed'",
        call,
        call.replace("%%fetchhive", "%%fetchhive --dry-run"),
        call.replace("%%fetchhive", "%%fetchhive --max-calls x"),
        call.replace("%%fetchhive", "%%fetchhive another -v b") if way == "snippet" else "%%fetchhive echo\ntext: hi",
        EVERYTHING,
        f"%%fetchhive login -v a -v b --out logins\n{LOGIN}",
        "logins",
        f"%%fetchhive login -v a\n{LOGIN}",
        f"%%fetchhive login -v a --dry-run\n{LOGIN}",
        f"fh.invoke('login', variant='b', inputs={{'text': 'hi', 'token': {SPELT_PASSWORD}}})",
        f"b = fh.batch([{{'text': 'hi', 'token': {SPELT_PASSWORD}}}], 'login', progress=False)\nb.frame",
        "fh.configure(tracebacks='full')",
        call.replace("%%fetchhive", "%%fetchhive another -v b") if way == "snippet" else "%%fetchhive echo\ntext: hi",
        "fh.Client(api_key=''.join(['fhk_not_', 'the_right_one'])).invoke('echo', variant='plain', inputs={'text': 'x'})",
        "fh.Client(base_url='http://127.0.0.1:9/v1', api_key=''.join(['fhk_not_', 'the_right_one'])).invoke('echo', variant='plain')",
        BUG,
        call.replace("%%fetchhive", "%%fetchhive --show text"),
        "%tb",
        "print(Out, _)",
        "%whos" if way == "snippet" else "%history\n%whos",
    ]


def _hive(way: str) -> SlowHive:
    """It takes the key and no other; with a snippet any, because the session has one of its own, which is used."""
    hive = SlowHive(None if way == "snippet" else KEY)

    @hive.workflow("login", variant="a")
    @hive.workflow("login", variant="b")
    def login(text: str, token: str) -> str:
        return f"{text}: {len(token)} characters"

    return hive


def _variables(way: str, server: HiveServer) -> dict[str, str]:
    key = {"environment": KEY, "snippet": OWN_KEY}.get(way)
    return {"FETCH_HIVE_BASE_URL": server.url, **({"FETCH_HIVE_API_KEY": key} if key else {})}


@pytest.mark.parametrize(
    "way", ["environment", *(pytest.param(w, marks=pytest.mark.long) for w in ("configure", "snippet"))]
)
def test_nothing_that_a_kernel_says_or_keeps_has_the_key_in_it(way: str, tmp_path: Path) -> None:
    """No output, reply, widget, log or file: of cells that work, of our errors and of a defect, in Verbose tracebacks
    too.
    """
    hive = _hive(way)
    (tmp_path / "fetchhive.yaml").write_text(CATALOGUE)
    with hive.serve() as server, Kernel(tmp_path, **_variables(way, server)) as kernel:
        cells = _cells(way)
        requests = []
        for cell in cells:
            requests.append(kernel.send(cell, person=True))
            kernel.wait(requests[-1])
        said = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(kernel.text(request) for request in requests))
        shown = json.dumps(
            [[m.kind, m.content] for m in kernel.messages if m.kind != "execute_input"]
            + [kernel.reply(request) for request in requests],
            default=str,
        )
        held = kernel.send("%%fetchhive echo -v slow\ntext: hi", person=True)
        hive.wait_for(1)
        if "kernel subshells" in kernel.features:
            kernel.widget("fh-cancel")
        hive.hold.set()
        kernel.wait(held)
        widgets = json.dumps([m.content for m in kernel.messages if m.kind.startswith("comm")], default=str)
        for key in (KEY, OWN_KEY, "fhk_not_the_right_one", PASSWORD):
            assert key not in shown + widgets + kernel.log
    assert "TypeError: 'NoneType' object is not callable" in said, said[-3000:]
    assert "UsageError: %%fetchhive: argument --max-calls" in said
    assert "said hi" in said
    assert f"hi: {len(PASSWORD)} characters" in said
    assert "***" in said
    if way == "snippet":
        assert "%fetchhive login" in said
    # IPython's history keeps what was typed: with a snippet, the key by nature; the notice says so.
    files = [f for f in tmp_path.rglob("*") if f.is_file() and not (way == "snippet" and "history.sqlite" in f.name)]
    assert any(f.name.startswith("store.sqlite3") for f in files)
    found = [f.name for f in files for key in (KEY, OWN_KEY, PASSWORD) if key.encode() in f.read_bytes()]
    assert found == []


RUN_AND_EXPORT = """
import sys, nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, allow_errors=True, store_widget_state=True, timeout=180).execute()
nbformat.write(notebook, sys.argv[1])
page, _ = HTMLExporter(exclude_input=sys.argv[2] == "snippet").from_notebook_node(notebook)
open(sys.argv[1] + ".html", "w").write(page)
"""


@pytest.mark.long
@pytest.mark.parametrize("way", ["environment", "configure", "snippet"])
def test_a_saved_notebook_and_its_page_have_no_key(way: str, tmp_path: Path) -> None:
    """Saved with its widgets' state, and exported; with a snippet, the cell's own source is the one place."""
    import nbformat

    cells = [
        *_cells(way),
        "import ipywidgets\nipywidgets.HBox([ipywidgets.HTML(repr(fh.Client())), ipywidgets.Label(str(vars(fh.Client().aclient)))])",
    ]
    file = tmp_path / ("snippet_with_a_key.ipynb" if way == "snippet" else "notebook.ipynb")
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells]), file)
    (tmp_path / "fetchhive.yaml").write_text(CATALOGUE)
    with _hive(way).serve() as server:
        done = subprocess.run(
            [sys.executable, "-c", RUN_AND_EXPORT, str(file), way],
            env=kernel_provisioner.for_program(tmp_path, JPY_PARENT_PID=str(os.getpid()), **_variables(way, server)),
            cwd=tmp_path, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    saved = nbformat.read(file, as_version=4)
    assert "Client(" in json.dumps(saved.metadata["widgets"])
    for cell in saved.cells:
        if way == "snippet":
            cell["source"] = ""
    for text in (json.dumps(saved), Path(f"{file}.html").read_text(), done.stdout + done.stderr):
        assert KEY not in text
        assert OWN_KEY not in text
        assert PASSWORD not in text
    assert "fh-card" in Path(f"{file}.html").read_text()
