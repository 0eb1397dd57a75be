"""Forms: how long 50 variables take to build, and which kinds of JSON Schema property a form holds, beside its peers.

A kind is held when a form of one such property builds, takes a value that fits, and gives back the same value. The two
peers are installed into an environment of their own, each kind has 20 s, and what they print is dropped.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.measuring import notebook, table
from tests.notebook.forms.form_schemas import CASES, whole

PEERS: Final = {"ipywidgets-jsonschema": "ipywidgets_jsonschema", "ipyautoui": "ipyautoui"}
OURS: Final = "fh_notebook"
VERSION: Final = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"
BESIDE_THE_POINT: Final = {"password", "true", "false", "text file", "several types"}
"""Cases of our tests that are no kinds of their own in the issue."""

FIRST: Final = """
begun = time.perf_counter()
from fh_notebook.notebook.forms.fields.view import FieldsView
from fh_notebook.notebook.forms.model.model import FormModel
import ipywidgets
FieldsView(FormModel(schema)).widget
tell(first=time.perf_counter() - begun)
"""

# One form a cell: ipykernel drops messages, the end of the cell too, where more than 1,000 wait to be sent.
OURS_CELL: Final = """
begun = time.perf_counter()
FieldsView(FormModel(schema)).widget
tell(s=time.perf_counter() - begun)
"""

PLAIN_CELL: Final = """
begun = time.perf_counter()
ipywidgets.VBox([ipywidgets.Text(description=f"v{i}") for i in range(50)])
tell(s=time.perf_counter() - begun)
"""

MIXED: Final = (
    {"type": "string", "description": "What it is for.", "examples": ["Parcel late"]},
    {"type": "integer", "default": 120, "minimum": 1},
    {"type": "string", "enum": ["calm", "brief"], "default": "calm"},
    {"type": "boolean", "default": False},
    {"type": "string", "format": "textarea"},
    {"type": "array", "items": {"type": "string"}},
    {"type": "number", "minimum": 0, "maximum": 1},
    {"type": "string", "format": "date"},
)
SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "50 required texts": {f"v{i}": {"type": "string"} for i in range(50)},
    "50 of eight kinds, half optional": {f"v{i}": MIXED[i % len(MIXED)] for i in range(50)},
}

HOLDS: Final = """
import contextlib, io, json, signal, sys, warnings

warnings.simplefilter("ignore")

def peer(schema, name, value):
    if name == "ipywidgets_jsonschema":
        from ipywidgets_jsonschema import Form
        form = Form(schema)
        form.data = {"v": value}
        return form.data
    if name == "ipyautoui":
        from ipyautoui import AutoUi
        form = AutoUi(schema)
        form.value = {"v": value}
        return form.value
    from fh_notebook.notebook.forms.fields.view import FieldsView
    from fh_notebook.notebook.forms.model.model import FormModel
    view = FieldsView(FormModel(schema))
    view.widget
    view.fields["v"].value = value
    return view.model.value

def held(schema, name, value):
    signal.alarm(20)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            found = json.loads(json.dumps(peer(schema, name, value), default=str))
        return "yes" if found == {"v": value} else "another value"
    except BaseException as broken:
        return f"raises {type(broken).__name__}"
    finally:
        signal.alarm(0)

def stop(*_):
    raise TimeoutError

signal.signal(signal.SIGALRM, stop)
cases = json.load(sys.stdin)
print(json.dumps({kind: held(schema, sys.argv[1], value) for kind, (schema, value) in cases.items()}))
"""


def main(repeats: int = 5) -> None:
    """Print the two tables."""
    _build_times(repeats)
    print()
    _kinds()


def _build_times(repeats: int) -> None:
    lines = []
    for name, properties in SCHEMAS.items():
        with notebook() as run:
            needed = list(properties)[::2] if "optional" in name else list(properties)
            schema = {"type": "object", "properties": properties, "required": needed}
            first = _ms(run(FIRST, schema=schema)["first"])
            taken = [(run(OURS_CELL)["s"], run(PLAIN_CELL)["s"]) for _ in range(5 * repeats)]
            ours, plain = (statistics.median(side) for side in zip(*taken, strict=True))
            ratio = statistics.median(own / theirs for own, theirs in taken)
            lines.append((name, first, _ms(ours), _ms(plain), f"{ratio:.2f}"))
    table(("form", "the first, with imports", "then", "50 plain `Text` widgets", "ratio"), lines)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _kinds() -> None:
    cases = {name: case for name, case in CASES.items() if name not in BESIDE_THE_POINT}
    asked = json.dumps({n: (whole(c.schema, required=True), c.good) for n, c in cases.items()})
    found = {_named(sys.executable, OURS): _held(sys.executable, OURS, asked)}
    with tempfile.TemporaryDirectory() as folder:
        python = _environment(Path(folder))
        for package, module in PEERS.items():
            found[_named(python, package)] = _held(python, module, asked)
    counts = (f"{sum(a == 'yes' for a in answers.values())} of {len(cases)}" for answers in found.values())
    lines = [(kind, *(answers[kind] for answers in found.values())) for kind in cases]
    table(("kind", *found), [*lines, ("held", *counts)])


def _environment(folder: Path) -> str:
    """Install the peers, by pip's ordinary way, and return the interpreter that has them."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *PEERS], check=True)
    return python


def _named(python: str, package: str) -> str:
    """Return a package with its version, as its own environment has it."""
    asked = subprocess.run([python, "-c", VERSION, package], capture_output=True, text=True, check=True)
    return f"{package} {asked.stdout.strip()}"


def _held(python: str, module: str, asked: str) -> dict[str, Any]:
    done = subprocess.run([python, "-c", HOLDS, module], input=asked, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{module} could not be asked:\n{done.stderr[-2000:]}")
    answers: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answers
