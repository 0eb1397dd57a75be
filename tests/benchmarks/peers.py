"""Peers at a cap that nobody was told: the same rows by fh_notebook and by five others, each with its default settings.

Rule of this file: every contestant is a fresh process against the same service (`service.py`), which admits `CAP` calls
at once and answers 429 above it, as CONTRACT section 2 says: it gives no ``Retry-After``, which is not documented of it.
None is told the cap. Refused calls are counted at the service; the rows that got an answer are read from what the tool
itself returns. The makespan goes from the first request to the last answer, at the service, so imports and what a tool
writes afterwards are not in it. The contestants alternate; the medians of the repeats are shown.

Inspect AI asks a model's class which errors are worth a retry, and this one says 429, as those of its own providers do.

The others are installed into a folder of their own, never beside fh_notebook: ``--install`` makes it where it is missing
(some 2 GB, from PyPI and npm), and ``--peers FOLDER`` names it. One that is not there is left out, and named. Nothing
but this machine is called: updates and telemetry are off.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.measuring import KEY, medians, table
from tests.benchmarks.service import Service, service

ROWS: Final = 60
DELAY_S: Final = 0.5
CAP: Final = 3
LIMIT_S: Final = 600.0
"""How long one contestant may take; one that gives every refused call an hour would not end."""

PYTHON_PEERS: Final = ("mlflow", "inspect-ai")
NODE_PEERS: Final = ("promptfoo",)

QUIET: Final = {
    "PROMPTFOO_DISABLE_TELEMETRY": "1",
    "PROMPTFOO_DISABLE_UPDATE": "1",
    "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
    "PROMPTFOO_DISABLE_SHARING": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "INSPECT_DISPLAY": "none",
    "NO_PROXY": "127.0.0.1",
}
"""What keeps them on this machine."""

PRELUDE: Final = """
import json, os, time
url, key, rows = os.environ["URL"], os.environ["KEY"], int(os.environ["ROWS"])
texts = [f"ticket {i}: the parcel is late" for i in range(rows)]

def tell(version, answered):
    print("told: " + json.dumps({"version": version, "answered": answered}), flush=True)
"""

OURS: Final = """
import fh_notebook as fh
fh.configure(store="answers.sqlite3")
batch = fh.batch([{"ticket": text} for text in texts], "triage", variants="v", progress=False,
                 client=fh.Client(base_url=url, api_key=key))
tell(fh.__version__, batch.counts.done)
"""

SDK: Final = """
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from fetch_hive_sdk import FetchHive

sdk = FetchHive(api_key=key, base_url=url)

def call(text):
    try:
        return bool(sdk.invoke_workflow(deployment="triage", variant="v", inputs={"ticket": text})["output"])
    except Exception:
        return False

with ThreadPoolExecutor(int(os.environ["THREADS"])) as threads:
    tell(version("fetch-hive-sdk"), sum(threads.map(call, texts)))
"""

CALL: Final = """
import urllib.request

def call(ticket):
    asked = {"deployment": "triage", "variant": "v", "inputs": {"ticket": ticket}}
    request = urllib.request.Request(
        f"{url}/workflow/invoke", json.dumps(asked).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.loads(answer.read())["output"]
"""

MLFLOW: Final = f"""{CALL}
import mlflow
from mlflow.genai import scorer

mlflow.set_tracking_uri("sqlite:///mlflow.db")

@scorer
def answered(outputs):
    return bool(outputs)

data = [{{"inputs": {{"ticket": text}}}} for text in texts]
result = mlflow.genai.evaluate(data=data, predict_fn=call, scorers=[answered])
table = result.result_df
tell(mlflow.__version__, int((table["answered/value"] == True).sum()) if "answered/value" in table else 0)
"""

INSPECT: Final = """
import httpx, inspect_ai
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageUser, GenerateConfig, ModelAPI, ModelOutput, get_model, modelapi
from inspect_ai.scorer import includes
from inspect_ai.solver import generate

@modelapi(name="hive")
class Hive(ModelAPI):
    def __init__(self, model_name, base_url=None, api_key=None, config=GenerateConfig(), **args):
        super().__init__(model_name, base_url, api_key, [], config)
        self.http = httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=120)

    async def generate(self, input, tools, tool_choice, config):
        asked = {"deployment": "triage", "variant": "v", "inputs": {"ticket": input[-1].text}}
        answer = await self.http.post(f"{url}/workflow/invoke", json=asked)
        answer.raise_for_status()
        return ModelOutput.from_content(self.model_name, str(answer.json()["output"]))

    def should_retry(self, ex):
        return isinstance(ex, httpx.HTTPStatusError) and ex.response.status_code == 429

samples = [Sample(input=text, target="x") for text in texts]
[log] = eval(Task(dataset=samples, solver=generate(), scorer=includes()), model=get_model("hive/triage"), display="none")
tell(inspect_ai.__version__, sum(bool(s.output and s.output.completion) for s in log.samples or ()))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a contestant says of itself."""

    version: str
    answered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One tool, with its default settings."""

    name: str
    run: Callable[[Path, Mapping[str, str]], Told]
    """Evaluates all rows, in a folder of its own, with these variables of the environment."""
    needs: Path | None = None
    """What must be there."""


def _python(program: str, *, interpreter: Path | str = sys.executable, **variables: str) -> Callable[..., Told]:
    def run(folder: Path, environment: Mapping[str, str]) -> Told:
        script = folder / "evaluate.py"
        script.write_text(f"{PRELUDE}\n{program}", "utf-8")
        done = _finished([str(interpreter), str(script)], folder, {**environment, **variables})
        told = [line.removeprefix("told: ") for line in done.stdout.splitlines() if line.startswith("told: ")]
        if not told:
            raise RuntimeError(f"a contestant failed:\n{done.stdout[-2_000:]}\n{done.stderr[-4_000:]}")
        return Told(**json.loads(told[-1]))

    return run


def _promptfoo(folder_of_npm: Path) -> Callable[..., Told]:
    program = str(folder_of_npm / "node_modules" / ".bin" / "promptfoo")

    def run(folder: Path, environment: Mapping[str, str]) -> Told:
        body = {"deployment": "triage", "variant": "v", "inputs": {"ticket": "{{prompt}}"}}
        provider = {
            "id": f"{environment['URL']}/workflow/invoke",
            "config": {
                "method": "POST",
                "headers": {"Content-Type": "application/json", "Authorization": f"Bearer {environment['KEY']}"},
                "body": body,
                "transformResponse": "json.output",
            },
        }
        tests = [{"vars": {"ticket": f"ticket {row}: the parcel is late"}} for row in range(ROWS)]
        config = {"prompts": ["{{ticket}}"], "providers": [provider], "tests": tests}
        (folder / "promptfooconfig.json").write_text(json.dumps(config), "utf-8")
        own = {**environment, "PROMPTFOO_CONFIG_DIR": str(folder / "state")}
        command = [program, "eval", "-c", "promptfooconfig.json", "-o", "out.json", "--no-progress-bar", "--no-table"]
        _finished(command, folder, own)
        results = json.loads((folder / "out.json").read_text("utf-8"))["results"]["results"]
        answered = sum(bool((result.get("response") or {}).get("output")) for result in results)
        version = json.loads((folder_of_npm / "node_modules/promptfoo/package.json").read_text("utf-8"))["version"]
        return Told(version=version, answered=answered)

    return run


def _finished(command: list[str], folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=dict(environment), capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


def contestants(folder: Path) -> list[Contestant]:
    """Return the contestants, whether they are installed in this folder or not."""
    python = folder / "venv" / "bin" / "python"
    return [
        Contestant(name="**fh_notebook**", run=_python(OURS, PYTHONPATH=str(Path(__file__).parents[2]))),
        Contestant(name="the vendor's SDK, 3 threads", run=_python(SDK, THREADS="3")),
        Contestant(name="the vendor's SDK, 10 threads", run=_python(SDK, THREADS="10")),
        Contestant(name="promptfoo", run=_promptfoo(folder / "npm"), needs=folder / "npm/node_modules/promptfoo"),
        Contestant(name="MLflow", run=_python(MLFLOW, interpreter=python), needs=python),
        Contestant(name="Inspect AI", run=_python(INSPECT, interpreter=python), needs=python),
    ]


def install_peers(folder: Path) -> None:
    """Install the others into a folder, from PyPI and npm."""
    npm = folder / "npm"
    npm.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    subprocess.run([str(folder / "venv/bin/python"), "-m", "pip", "install", "-q", *PYTHON_PEERS], check=True)
    subprocess.run(["npm", "install", "--no-fund", "--no-audit", *NODE_PEERS], cwd=npm, check=True)


def measured(contestant: Contestant, server: Service) -> dict[str, Any]:
    """Return the makespan, the refused calls, the answered rows and the version of one run."""
    server.reset()
    with tempfile.TemporaryDirectory() as temporary:
        home = {"HOME": temporary, "XDG_DATA_HOME": temporary}
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        own = {"URL": server.url, "KEY": KEY, "ROWS": str(ROWS)}
        told = contestant.run(Path(temporary), {**kept, **home, **QUIET, **own})
    figures = server.figures()
    return {
        "makespan": figures["last_s"] - figures["first_s"],
        "refused": figures["refused"],
        "answered": told.answered,
        "version": told.version,
    }


def main(repeats: int = 3, peers: str = "", install: bool = False) -> None:
    folder = Path(peers or Path(tempfile.gettempdir()) / "fh_notebook_peers").resolve()
    if install:
        install_peers(folder)
    there = [one for one in contestants(folder) if one.needs is None or one.needs.exists()]
    names = {one.name for one in there}
    for missing in (one.name for one in contestants(folder) if one.name not in names):
        print(f"{missing} is not installed in {folder.name}; --install does it\n")
    samples: dict[str, list[dict[str, Any]]] = {one.name: [] for one in there}
    with service(delay_s=DELAY_S, admits=CAP) as server:
        for _ in range(repeats):
            for one in there:
                samples[one.name].append(measured(one, server))
    ideal = ROWS * DELAY_S / CAP
    print(
        f"{ROWS} rows of {DELAY_S:g} s, a cap of {CAP} that nobody was told; ideal {ideal:g} s; medians of {repeats}; "
        f"load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}\n"
    )
    lines = []
    for name, runs in samples.items():
        version = runs[-1]["version"]
        took = medians([{k: v for k, v in run.items() if k != "version"} for run in runs])
        cells = [f"{took['makespan']:.1f}", f"{took['refused']:.0f}", f"{took['answered']:.0f} of {ROWS}"]
        lines.append([name, version, *cells])
    table(["", "version", "makespan s", "refused calls", "rows with an answer"], lines)
