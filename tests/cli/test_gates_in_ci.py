"""Gates in CI: the composite action of ``.github/actions/gate``, and the plugin of pytest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests import environment
from tests.told import tells

pytestmark = pytest.mark.long  # each is several processes

ACTION = Path(__file__).parents[2] / ".github" / "actions" / "gate" / "action.yml"


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    """Rows that both variants of the demo answer right."""
    texts = ["I was charged twice,billing", "Where is my parcel?,delivery"] * 15
    (tmp_path / "tickets.csv").write_text(
        "\n".join(["ticket,expected_output", *(f"{i} {t}" for i, t in enumerate(texts))])
    )
    return tmp_path


def _run_action(folder: Path, **given: str) -> tuple[int, str, str]:
    """Run the step of the action as the runner does: bash, with its inputs in the environment."""
    action: Any = YAML(typ="safe").load(ACTION.read_text("utf-8"))
    defaults = {name: str(spec.get("default", "")) for name, spec in action["inputs"].items()}
    inputs = {**defaults, "data": "tickets.csv", "deployment": "support-triage", "options": "--local", **given}
    step = action["runs"]["steps"][-1]
    env = {name: inputs[text.removeprefix("${{ inputs.").removesuffix(" }}")] for name, text in step["env"].items()}
    bin_folder = folder / "bin"
    bin_folder.mkdir(exist_ok=True)
    command = bin_folder / "fh-notebook"
    command.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -c "import sys; from fh_notebook.cli import main; sys.exit(main())" "$@"\n'
    )
    command.chmod(0o755)
    summary = folder / "summary.md"
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]], cwd=folder, capture_output=True, text=True,
        env={**environment.for_process(folder), **env, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
             "RUNNER_TEMP": str(folder), "GITHUB_STEP_SUMMARY": str(summary)},
        timeout=120,
    )  # fmt: skip
    return done.returncode, summary.read_text("utf-8") if summary.exists() else "", done.stdout + done.stderr


@pytest.mark.parametrize(("margin", "code"), [("0.3", 0), ("0.01", 5)])
def test_the_action_writes_the_comparison_and_fails_where_it_is_not_shown(
    tickets: Path, margin: str, code: int
) -> None:
    """30 rows show a margin of 0.3, and not one of 0.01; the summary has the gate and the tables either way."""
    found, summary, told = _run_action(tickets, baseline="keywords", **{"require-not-worse": margin})
    assert found == code, told
    assert f"- `--require-not-worse {margin} {'failed' if code else 'passed'}`: " in summary
    result = summary.partition("# ")[2]
    assert re.match(r"keywords and nearest\b[^\n]*\b30 rows", result), result
    assert "Comparison of 2 variants on 30 rows by exact" in result


def test_nothing_that_an_input_contains_is_run(tickets: Path) -> None:
    """A name with a command in it is the name of a variant that is not known."""
    found, _, told = _run_action(
        tickets, baseline="$(touch owned)`touch owned`; touch owned", variants="keywords nearest",
        **{"fail-if-worse": "0"},
    )  # fmt: skip
    assert found == 2
    assert tells(told, "$(touch owned)`touch owned`; touch owned", "--baseline")
    assert not (tickets / "owned").exists()


PLUGIN = """
import fh_notebook as fh

def test_no_worse(fh_baseline):
    new = fh.batch("tickets.csv", "support-triage", variants="nearest", client=fh.Client(base_url="local"), progress=False)
    cmp = fh.compare({"before": fh_baseline, "now": new})
    cmp.assert_not_worse(cmp.variants[1], than=cmp.variants[0], by=0.3)
"""


def test_a_suite_is_given_a_baseline_by_an_option(tickets: Path) -> None:
    """A file of a batch, the name of a kept one; without the option the test is skipped, a wrong name is one line."""
    (tickets / "test_prompts.py").write_text(PLUGIN)
    make = (
        "import fh_notebook as fh\n"
        "batch = fh.batch('tickets.csv', 'support-triage', variants='keywords', client=fh.Client(base_url='local'), "
        "name='live', progress=False)\nbatch.to_fhb('live.fhb')\n"
    )
    env = environment.for_process(tickets)
    subprocess.run([sys.executable, "-c", make], cwd=tickets, env=env, check=True, timeout=60)

    def ended(*options: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-p", "no:xdist",
             *options, "test_prompts.py"],
            cwd=tickets, env=env, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        return done.stdout + done.stderr

    assert "1 passed" in (told := ended("--fh-baseline", "live.fhb")), told
    assert "1 passed" in (told := ended("--fh-baseline", "live")), told
    assert tells(ended(), "--fh-baseline", ".fhb")
    told = ended("--fh-baseline", "lvie")
    assert "--fh-baseline lvie: " in told
    assert "live" in told
    assert "Traceback" not in told
