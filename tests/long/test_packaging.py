"""Packaging: wheel and sdist hold what they should and nothing else, and each stands alone.

The last test runs where ``FH_PACKAGING`` names the interpreter of an environment that the README's command for the demo
has made, as in CI: it has the dependencies from the package index and nothing else.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
from email.parser import Parser
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.version import Version
from ruamel.yaml import YAML

import fh_notebook
from tests import environment
from tests.test_readme import README, relative

ROOT = Path(fh_notebook.__file__).parents[1]
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no clone: git says what is to be shipped"),
]
NEVER = re.compile(r"(^|/)(\.git|\.venv|\.cache|__pycache__|\.pytest_cache|\.hypothesis|\.ipynb_checkpoints)(/|$)")
UNWANTED = re.compile(r"\.(pyc|sqlite3|log|env|pem|key)$")


SHOWN = """
import fh_notebook as fh
batch = fh.batch(fh.local.tickets(), "support-triage", variants=["keywords", "nearest"], progress=False)
cmp = fh.compare(batch)
assert cmp.pairs()["p"].notna().all() and cmp.plot().alt and cmp.verdict and cmp.power() is not None
assert "<svg" in cmp.report("triage.html").read_text("utf-8") and cmp.report("triage.md").exists()
lengths = fh.compare(batch, score="elapsed_s")
assert lengths.pairs()["test"].notna().all()
"""
"""What the guide shows of a comparison, without an extra."""


def _project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the sdist, built by the backend that pyproject.toml names."""
    sdist_builder = pytest.importorskip("hatchling.builders.sdist")
    wheel_builder = pytest.importorskip("hatchling.builders.wheel")
    folder = str(tmp_path_factory.mktemp("dist"))
    (sdist,) = sdist_builder.SdistBuilder(str(ROOT)).build(directory=folder, versions=["standard"])
    (wheel,) = wheel_builder.WheelBuilder(str(ROOT)).build(directory=folder, versions=["standard"])
    return Path(wheel), Path(sdist)


def _tracked() -> set[str]:
    """Return the files that are in git, or would be."""
    asked = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {name for name in asked.stdout.splitlines() if (ROOT / name).is_file()}


def test_twine_finds_nothing_wrong(built: tuple[Path, Path]) -> None:
    """Its metadata and the README are what a package index takes, warnings included."""
    pytest.importorskip("twine")
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *map(str, built)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (checked.returncode, checked.stdout.count("PASSED")) == (0, 2), checked.stdout + checked.stderr


def test_the_wheel_holds_the_package_and_its_assets_and_nothing_else(built: tuple[Path, Path]) -> None:
    """Every file of the package that is kept in git, py.typed and assets too; the notebooks; the licence."""
    with ZipFile(built[0]) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
        info = {name.partition(".dist-info/")[2] for name in wheel.namelist() if ".dist-info/" in name}
    tracked = _tracked()
    package = {name for name in tracked if name.startswith("fh_notebook/")}
    notebooks = {f"fh_notebook/_{name}" for name in tracked if name.startswith("notebooks/")}
    assert package <= held
    assert notebooks <= held
    assert held == package | notebooks
    assert "fh_notebook/py.typed" in held
    assert {Path(name).suffix for name in held} >= {".py", ".js", ".css", ".ipynb", ".json", ".csv"}
    assert not [name for name in held if NEVER.search(name) or UNWANTED.search(name)]
    assert info >= {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}


def test_the_sdist_holds_what_is_kept_in_git_and_nothing_else(built: tuple[Path, Path]) -> None:
    """Source, tests, notebooks and documents: enough to test it; no environment, no cache, no store."""
    with tarfile.open(built[1]) as sdist:
        held = {member.name.partition("/")[2] for member in sdist.getmembers() if member.isfile()}
    tracked = _tracked()
    assert held - tracked == {"PKG-INFO"}
    assert tracked - held <= {".gitignore"}
    assert not [name for name in held if NEVER.search(name) or UNWANTED.search(name)]


def test_the_metadata_says_what_the_project_says(built: tuple[Path, Path]) -> None:
    """Version, licence, Python and every dependency, in wheel and citation alike."""
    with ZipFile(built[0]) as wheel:
        [name] = [n for n in wheel.namelist() if n.endswith(".dist-info/METADATA")]
        said = Parser().parsestr(wheel.read(name).decode("utf-8"))
    project = _project()
    assert said["Version"] == fh_notebook.__version__
    assert said["License-Expression"] == project["license"]
    assert said["Requires-Python"] == project["requires-python"]
    plain = [line for line in said.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert len(plain) == len(project["dependencies"])  # type: ignore[arg-type]
    cited = YAML(typ="safe").load(ROOT / "CITATION.cff")
    assert (cited["cff-version"], cited["type"], cited["license"]) == ("1.2.0", "software", project["license"])
    [released] = re.findall(r"^## \[(\d.*?)\] - (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)[:1]
    assert (cited["version"], str(cited["date-released"])) == released
    assert [author["name"] for author in cited["authors"]] == [a["name"] for a in project["authors"]]  # type: ignore[index]


def test_contributing_says_what_each_dependency_is_for() -> None:
    """A line of the table for each, and none for what is no dependency."""
    page = (ROOT / ".github" / "CONTRIBUTING.md").read_text("utf-8").partition("## What each dependency is for")[2]
    told = set(re.findall(r"^\| `([\w.-]+)` \| \S", page, re.MULTILINE))
    needed = {re.split(r"[<>=\[ ]", line)[0] for line in _project()["dependencies"]}  # type: ignore[attr-defined]
    assert told == needed


def test_the_workflows_check_by_ci_run_only() -> None:
    """What CI checks is decided in one file, which also runs on a bare machine."""
    for file in (ROOT / ".github" / "workflows").glob("*.yml"):
        steps = YAML(typ="safe").load(file)["jobs"]["check"]["steps"]
        commands = [s["run"].strip() for s in steps if "run" in s]
        assert commands[-1] == ".ci/run", file
        assert all(c.startswith("apt-get update") for c in commands[:-1]), file


def test_a_release_is_checked_built_and_published_without_a_token() -> None:
    """After all of CI, from a tag, with attestations, and to the default address."""
    workflow = YAML(typ="safe").load(ROOT / ".github" / "workflows" / "release.yml")
    assert workflow["on"] == {"push": {"tags": ["v*"]}}
    publish = workflow["jobs"]["publish"]
    assert publish["needs"] == ["check", "build"]
    assert publish["permissions"] == {"id-token": "write"}
    uploads = publish["steps"][-1]
    assert uploads["uses"].startswith("pypa/gh-action-pypi-publish@")
    assert uploads["with"] == {"attestations": True}, "no password, no address of one's own"
    commands = " ".join(step.get("run", "") for step in workflow["jobs"]["build"]["steps"])
    for needed in (".github/release.py", "-m build", "twine check --strict"):
        assert needed in commands
    installed = re.findall(r"pip install (.+?) &&", commands)[0].split()
    assert [re.fullmatch(r"(\w+)==\d[\d.]+", package)[1] for package in installed] == ["build", "twine"]  # type: ignore[index]
    used = [step["uses"] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step]
    assert [action for action in used if not re.search(r"@v\d+(\.\d+\.\d+)?$", action)] == []


def _release(root: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / ".github" / "release.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_version_is_a_development_one_while_something_is_unreleased() -> None:
    """It is the next one, with ``.dev0``; of a release it is the newest in the changelog."""
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    newest, version = (
        Version(re.findall(r"^## \[(\d.*?)\]", changelog, re.MULTILINE)[0]),
        Version(fh_notebook.__version__),
    )
    entries = re.findall(r"^- ", changelog.partition("## [Unreleased]")[2].partition("\n## [")[0], re.MULTILINE)
    assert version.is_devrelease or not entries
    assert version > newest if version.is_devrelease else version == newest


def test_a_release_names_one_version_its_date_and_its_repository(tmp_path: Path) -> None:
    """As the workflow asks before it builds; each thing that disagrees or is missing is a line."""
    files = {
        "fh_notebook/version.py": '__version__ = "1.0.0"\n',
        "CITATION.cff": "version: 1.0.0\ndate-released: 2027-01-31\nrepository-code: https://example.com/r\n",
        "CHANGELOG.md": "# Changelog\n\n## [Unreleased]\n\n## [1.0.0] - 2027-01-31\n\n- One.\n\n## [0.2.0] - 2026-11-30\n",
        "pyproject.toml": "[project]\n[project.urls]\nHomepage = 'https://example.com/r'\n",
        "README.md": "# R\n\n![A\npicture](.github/p.png) [a](LICENSE) [b](#r) [c](https://example.com)\n",
        ".github/release.py": (ROOT / ".github" / "release.py").read_text("utf-8"),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    relative = _release(tmp_path, "v1.0.0")
    assert [line.split(":")[0] for line in relative.stdout.splitlines()] == ["README.md"]
    assert _release(tmp_path, "v1.0.0", "--links").returncode == 0
    assert (tmp_path / "README.md").read_text() == (
        "# R\n\n![A\npicture](https://example.com/r/raw/v1.0.0/.github/p.png) "
        "[a](https://example.com/r/blob/v1.0.0/LICENSE) [b](#r) [c](https://example.com)\n"
    )
    whole = _release(tmp_path, "v1.0.0")
    assert whole.returncode == 0, whole.stdout + whole.stderr
    other = _release(tmp_path, "v99.0.0")
    assert [line.split(":")[0] for line in other.stdout.splitlines()] == [
        "fh_notebook/version.py", "CITATION.cff", "CHANGELOG.md",
    ]  # fmt: skip
    for name, old, new in [
        ("CHANGELOG.md", "## [Unreleased]\n", "## [Unreleased]\n\n### Added\n\n- Two.\n"),
        ("CITATION.cff", "2027-01-31", "2027-01-30"),
        ("CITATION.cff", "repository-code", "url"),
        ("pyproject.toml", "[project.urls]", "[project.scripts]"),
    ]:
        (tmp_path / name).write_text(files[name].replace(old, new, 1))
        refused = _release(tmp_path, "v1.0.0")
        assert (refused.returncode, [line.split(":")[0] for line in refused.stdout.splitlines()]) == (1, [name])
        (tmp_path / name).write_text(files[name])


def test_the_tests_and_the_site_read_the_readme_of_a_release(tmp_path: Path) -> None:
    """Its links as addresses of the tag, and back."""
    for name in (".github/release.py", "README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text("utf-8"), "utf-8")
    (tmp_path / "CITATION.cff").write_text("repository-code: https://example.com/r\n")
    assert _release(tmp_path, "v1.0.0", "--links").returncode == 0
    released = (tmp_path / "README.md").read_text("utf-8")
    assert not re.search(r"\]\((?!https?:|#)", released)
    assert relative(released) == README


def test_a_conda_forge_recipe_is_made_of_the_sdist(built: tuple[Path, Path]) -> None:
    """Its hash, version, homepage and maintainers, and each dependency with its bounds, by its name at conda-forge."""
    options = {"--url": "https://example.com/s.tar.gz", "--homepage": "https://example.com/r", "--maintainer": "anna"}
    for left_out in options:
        others = [part for option in options.items() if option[0] != left_out for part in option]
        refused = _release(ROOT, "--recipe", built[1], *others)
        assert (refused.returncode, f"--recipe needs {left_out}" in refused.stderr) == (2, True)
    made = _release(ROOT, "--recipe", built[1], *(part for option in options.items() for part in option))
    recipe = YAML(typ="safe").load(made.stdout)
    assert recipe["about"]["homepage"] == options["--homepage"]
    assert recipe["extra"] == {"recipe-maintainers": ["anna"]}
    assert recipe["package"] == {"name": "fh-notebook", "version": fh_notebook.__version__}
    assert recipe["source"]["sha256"] == sha256(built[1].read_bytes()).hexdigest()
    run = recipe["requirements"]["run"]
    assert run[0] == "python >=3.11"
    assert len(run) == 1 + len(_project()["dependencies"])  # type: ignore[arg-type]
    assert any(re.fullmatch(r"matplotlib-base >=[\d.]+", line) for line in run)
    assert any(re.fullmatch(r"lazy_loader >=[\d.]+", line) for line in run)
    assert any(re.fullmatch(r"ruamel\.yaml >=[\d.]+", line) for line in run)
    assert not [line for line in run if "extra" in line or ";" in line]


def test_an_installation_from_the_sdist_runs_the_demo(built: tuple[Path, Path], tmp_path: Path) -> None:
    """In a fresh environment that borrows the dependencies of this one, and not the package."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "fresh"], check=True, timeout=120)
    python = tmp_path / "fresh" / "bin" / "python"
    asking = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    own = Path(subprocess.run(asking, capture_output=True, text=True, check=True, timeout=60).stdout.strip())
    (own / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    env = {k: v for k, v in environment.for_process(tmp_path).items() if k not in ("PYTHONPATH", "FH_NOTEBOOK_STORE")}
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    subprocess.run([python, "-m", "pip", "install", "-q", *offline, built[1]], env=env, check=True, timeout=300)
    demo = subprocess.run(
        [python.with_name("fh-notebook"), "demo"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120
    )
    assert (demo.returncode, demo.stderr) == (0, "")
    assert "What to open next" in demo.stdout
    assert (own / "fh_notebook" / "_notebooks" / "01_quickstart.ipynb").exists()


@pytest.mark.skipif(not os.environ.get("FH_PACKAGING"), reason="FH_PACKAGING is not set: it names an environment")
def test_the_wheel_alone_runs_the_demo_from_another_folder(built: tuple[Path, Path], tmp_path: Path) -> None:
    """In an environment with nothing but its dependencies; its import time and installed size are printed."""
    python = Path(os.environ["FH_PACKAGING"])
    quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    installing = [python, "-m", "pip", "install", "-q", "--no-deps", "--force-reinstall", built[0]]
    subprocess.run(installing, env={**os.environ, **quiet}, check=True, timeout=600)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    env = {k: v for k, v in environment.for_process(tmp_path).items() if k not in ("PYTHONPATH", "FH_NOTEBOOK_STORE")}
    demo = subprocess.run(
        [python.with_name("fh-notebook"), "demo"], cwd=elsewhere, env=env, capture_output=True, text=True, timeout=120
    )
    assert (demo.returncode, demo.stderr) == (0, "")
    assert "What to open next" in demo.stdout
    assert list(elsewhere.iterdir()) == []
    shown = subprocess.run([python, "-c", SHOWN], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)
    assert shown.returncode == 0, shown.stderr
    sizes = subprocess.run(
        [python, "-I", ROOT / "tests" / "benchmarks" / "installed.py"], cwd=elsewhere, env=env, capture_output=True, text=True, timeout=120
    )  # fmt: skip
    assert sizes.returncode == 0, sizes.stderr
    print(sizes.stdout)
    assert re.search(r"^import fh_notebook: [\d.]+ ms", sizes.stdout, re.MULTILINE)
    assert re.search(r"^fh-notebook: [\d.]+ MB; with all dependencies: [\d.]+ MB$", sizes.stdout, re.MULTILINE)
