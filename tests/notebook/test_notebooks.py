"""The shipped notebooks: each runs offline from top to bottom, and each committed file is fit to be read."""

from __future__ import annotations

import copy
import json
import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests import notebooks
from tests.kernel import Kernel
from tests.notebooks import code, execute, fit, merge, said, shape, timeless

NOTEBOOKS = notebooks.shipped()
FIRST = "01_quickstart"
STALE = "its committed outputs say something else: python -m tests.notebooks {} writes them anew"


def _all() -> list[Any]:
    """The first one always; the others, some two seconds each, in the long tier."""
    return [pytest.param(f, id=f.stem, marks=() if f.stem == FIRST else pytest.mark.long) for f in NOTEBOOKS]


@pytest.mark.long
@pytest.mark.parametrize("file", _all())
def test_a_notebook_runs_all_its_cells_queued_at_once(file: Path, kernel: Kernel) -> None:
    """Run All in a fresh kernel: no error, nothing on standard error, and what the committed outputs say is said again."""
    committed = nbformat.read(file, as_version=4)
    ran = execute(copy.deepcopy(committed), kernel)
    for before, now in zip(code(committed), code(ran), strict=True):
        assert said(now) == said(before), f"{before.source}\n{STALE.format(file.stem)}"


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda f: f.stem)
def test_a_committed_notebook_is_fit_to_be_read(file: Path) -> None:
    """Outputs, in order; no error, key, path of somebody's machine, raw repr or widget without a kernel; < 1 MB."""
    text = file.read_text("utf-8")
    assert len(text.encode()) < 1_000_000
    assert not re.search(r"/root/|/home/|/tmp/|/work/|C:\\\\Users|Traceback|\\u001b\[", text)
    # Keys that a cell spells on purpose, to show what comes of a wrong one, say so in their letters.
    assert set(re.findall(r"fhk_\w+", text)) <= {"fhk_the_right_one_0001", "fhk_a_wrong_one_00000"}
    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    assert [cell.execution_count for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    assert outputs
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    for output in outputs:
        if "text/html" in output.get("data", {}):
            assert output["data"]["text/plain"].strip(), "HTML without a text twin"
    plain = [o.data["text/plain"] for o in outputs if o.output_type == "execute_result" and "text/html" not in o.data]
    assert not [text for text in plain if re.match(r"[\[({'\"]|<|\w+\(", text)], "a raw repr: print what it says"
    fitted = copy.deepcopy(notebook)
    fit(fitted)
    assert fitted == notebook


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda f: f.stem)
def test_what_a_notebook_refers_to_is_there(file: Path) -> None:
    """Links to files beside it."""
    linked = set(re.findall(r"\]\(((?!https?:)[^)#]+\.ipynb)\)", file.read_text("utf-8")))
    assert not [link for link in linked if not (file.parent / link).exists()]


def test_a_notebook_is_valid_json_with_stable_ids() -> None:
    """A cell's id says where it stands: a diff of two versions shows what changed and nothing else."""
    for file in NOTEBOOKS:
        cells = json.loads(file.read_text("utf-8"))["cells"]
        assert [cell["id"] for cell in cells] == [f"cell-{i:02d}" for i in range(len(cells))]


# --- the tool


def _notebook(*outputs: dict[str, Any]) -> nbformat.NotebookNode:
    made = [nbformat.v4.new_output(**output) for output in outputs]
    cell = nbformat.v4.new_code_cell("x", outputs=made, execution_count=1)
    return nbformat.v4.new_notebook(cells=[cell])


def test_what_belongs_to_one_machine_is_taken_out() -> None:
    """The folder, the home, ports, ids (the same id stays the same), random paths; a widget without its kernel."""
    ids = [f"req_{letter * 32}" for letter in "ab"]
    text = f"{Path.cwd()}/a {Path.home()}/b 127.0.0.1:45123/{'x' * 43} {ids[1]} {ids[0]} {ids[1]} x{ids[0]}"
    text += f" run_{'c' * 32} taa_{'d' * 16}"
    shown = {"text/plain": "A form", "text/html": "<p>A form</p>", notebooks.WIDGET: {"model_id": "1"}}
    bare = {"text/plain": "", notebooks.WIDGET: {"model_id": "2"}}
    notebook = _notebook(
        {"output_type": "stream", "text": text},
        {"output_type": "display_data", "data": bare},
        {"output_type": "display_data", "data": shown},
    )
    fit(notebook, folder=Path.cwd())
    stream, display = notebook.cells[0].outputs
    one, two = f"req_{1:032x}", f"req_{2:032x}"
    assert stream.text == f"./a ~/b 127.0.0.1:8000/a-random-path {one} {two} {one} x{ids[0]} run_{1:032x} taa_{1:016x}"
    assert sorted(display.data) == ["text/html", "text/plain"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("completed, 0.0147 s", "completed, 1.2 s"),
        ("answered on 2026-11-25 03:00 UTC; 0 calls", "answered on 2026-12-01 23:59 UTC; 0 calls"),
        ("186 calls, about 2 s", "186 calls"),
        ("   output  elapsed_s\n0  billing     0.014", "   output  elapsed_s\n0  billing       0.1"),
        ("mean  p50_s   p95_s\n0.75  0.0169  0.162\n", "mean  p50_s  p95_s\n0.75  1      2\n"),
        (
            "right  median time (s)  95th percentile of time (s)\n75 %   0.016            0.162\n",
            "right  median time (s)  95th percentile of time (s)\n75 %   1.2              2.3\n",
        ),
        ("at 2026-11-25 16:00:01.123+00:00", "at 2027-01-01 00:00:00+00:00"),
        (f"Run(req_{'a' * 32})", f"Run(req_{'b' * 32})"),
        (f"ToolApproval(taa_{'a' * 16}, run_{'a' * 32})", f"ToolApproval(taa_{'b' * 16}, run_{'b' * 32})"),
        ("triage-573c4c210f16: 1 of 1 completed", "triage-0bff412f177a: 1 of 1 completed"),
    ],
)
def test_times_and_ids_make_no_difference(one: str, other: str) -> None:
    """What comes at another moment, or takes longer, says the same."""
    assert timeless(one) == timeless(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mean  p50_s   p95_s\n0.75  0.0169  0.162\n", "mean  p50_s   p95_s\n0.76  0.0169  0.162\n"),
        ("93 rows x 2 variants = 186 jobs; 186 calls", "93 rows x 2 variants = 186 jobs; 185 calls"),
        ("p = 0.46 after Holm", "p = 0.47 after Holm"),
        ("row  mean\n0    0.1", "row  mean\n0    0.2"),
        ("mean  p50_s\n0.75    0.1\nahead, p = 0.46 of", "mean  p50_s\n0.75    0.1\nahead, p = 0.47 of"),
    ],
)
def test_another_number_is_another_word(one: str, other: str) -> None:
    """Only seconds are left out: means, counts and chances are compared."""
    assert timeless(one) != timeless(other)


def test_a_page_is_compared_without_style_pictures_and_numbers() -> None:
    """Its text twin has the numbers; an element more is a difference."""
    page = "<style>a{}</style><p>took 0.1 s</p><svg><path d='M1 2'/></svg>"
    assert shape(page) == shape("<p>took 12 s</p>")
    assert shape(page) != shape("<p>took 12 s <b>!</b></p>")
    assert shape("<p class='fh-browse-c1a2bb'>") == shape("<p class='fh-browse-0a1b2c'>")


def test_outputs_that_say_the_same_stay_as_they_are() -> None:
    """So a diff shows what a notebook says otherwise, and no times."""
    old, new = (_notebook({"output_type": "stream", "text": f"done in {n} s"}) for n in (1, 2))
    assert merge(old, new).cells[0].outputs[0].text == "done in 1 s"
    other = _notebook({"output_type": "stream", "text": "done at last"})
    assert merge(old, other).cells[0].outputs[0].text == "done at last"


# --- what is off by default


@contextmanager
def _chat_endpoint() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server with OpenAI's chat endpoint, on this machine; it answers with what it was asked."""
    asked: list[dict[str, Any]] = []

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append({**body, "path": self.path, "key": self.headers["Authorization"]})
            told = {
                "choices": [{"message": {"role": "assistant", "content": f"Re: {body['messages'][-1]['content']}"}}]
            }
            answer = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            pass

    socketserver.TCPServer.allow_reuse_address = True
    with ThreadingHTTPServer(("127.0.0.1", 0), Chat) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.long
def test_the_workflow_of_a_language_model_runs_where_there_is_one(tmp_path: Path) -> None:
    """With OPENAI_BASE_URL set, the notebook's last call goes there, with the key of the environment in no output."""
    [file] = [f for f in NOTEBOOKS if f.stem.startswith("06_")]
    with _chat_endpoint() as (url, asked):
        variables = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "sk-of-the-environment", "OPENAI_MODEL": "tiny"}
        with Kernel(tmp_path, **variables) as kernel:
            ran = execute(nbformat.read(file, as_version=4), kernel)
    assert code(ran)[-1].outputs[0].text == "Re: Where is my parcel?\n"
    [got] = asked
    assert (got["path"], got["model"], got["key"]) == ("/v1/chat/completions", "tiny", "Bearer sk-of-the-environment")
    assert "sk-of-the-environment" not in nbformat.writes(ran)


@pytest.mark.long
def test_papermill_parameters_are_where_papermill_looks(tmp_path: Path) -> None:
    """The cell with the defaults is tagged; others put below it are used."""
    [file] = [f for f in NOTEBOOKS if f.stem == "how_to_papermill"]
    notebook = nbformat.read(file, as_version=4)
    [place] = [i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])]
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell("variant = 'keywords'\nrows = 4"))
    with Kernel(tmp_path) as kernel:
        execute(notebook, kernel)
        assert "'variant': ['keywords']" in kernel.run("print(cmp.summary()[['variant', 'n']].to_dict('list'))")
    assert (tmp_path / "keywords.html").is_file()
