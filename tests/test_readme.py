"""The README: its commands and its code run, and what it says of options is true."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fh_notebook.notebook.line import parser
from tests import environment

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_every_block_of_python_runs(number: int, tmp_path: Path) -> None:
    """Each by itself, in a fresh process, offline; a placeholder key is taken out."""
    code = PYTHON[number].replace('fh.configure(api_key="fhk_...")', "fh.configure()")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True, text=True, timeout=120, env=environment.for_process(tmp_path), cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_every_option_of_the_cell_is_in_the_readme() -> None:
    """The line in the README has all options of the parser, and no other."""
    [usage] = re.findall(r"%%fetchhive \[NAME\].*?```", README, re.DOTALL)
    named = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", usage))
    known = {o for action in parser()._actions for o in action.option_strings}
    assert named == known - {"--variant", "-h", "--help", "--api-key", "--key"}


def test_the_two_commands_stand_in_it_as_ci_runs_them() -> None:
    """Each does all of its own set-up."""
    for end in ("fh-notebook demo", "pytest"):
        assert len(re.findall(rf"^python3 -m venv \.venv && .*{end}$", README, re.MULTILINE)) == 1


def test_links_to_files_lead_somewhere() -> None:
    """Relative links."""
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (Path(__file__).parents[1] / link).exists(), link


def test_the_catalogue_in_it_is_read_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its variants and its optional variables are what the text says."""
    import fh_notebook as fh

    [text] = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "fetchhive.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    triage = fh.deployments()["support-triage"]
    assert triage.variants == ("keywords", "nearest")
    assert triage.inputs["required"] == ["ticket"]


def test_the_path_of_the_catalogues_json_schema_is_printed() -> None:
    """The command in the README, run as it stands there."""
    [code] = re.findall(r"`python -c \"(.*?fetchhive\.schema\.json.*?)\"`", README)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[1],
    )
    assert json.loads(Path(done.stdout.strip()).read_text("utf-8"))["$schema"].startswith("https://json-schema.org/")
