"""The README and the guide: their commands and their code run, and what they say of options is true."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from fh_notebook.cli.command_line import COMMANDS
from fh_notebook.local import LocalHive, demo
from fh_notebook.notebook.cell.options import parser
from tests import environment
from tests.kernel import Kernel
from tests.notebooks import shipped, timeless
from tests.picture import MAX_BYTES, PICTURE

ROOT = Path(__file__).parents[1]


def relative(text: str) -> str:
    """Return the README with relative links: in the tree of a release, they are addresses of its tag (release.py)."""
    return re.sub(r"\]\(https://[^\s)]+/(?:blob|raw)/v[^/)]+/", "](", text)


README = relative((ROOT / "README.md").read_text("utf-8"))
GUIDE = {page.stem: page.read_text("utf-8") for page in sorted((ROOT / ".github" / "docs" / "guide").glob("*.md"))}
PAGES = {"README": README, **GUIDE}
BLOCKS = {name: re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE) for name, text in PAGES.items()}
"""Of each page: the kind of each block, and its text."""
PYTHON = {
    name: code for name, blocks in BLOCKS.items() if (code := [text for kind, text in blocks if kind == "python"])
}
CELLS = [
    text
    for blocks in BLOCKS.values()
    for kind, text in blocks
    if not kind and text.startswith("%") and "[NAME]" not in text
]
SHELL = [line for kind, text in BLOCKS["README"] if kind in ("bash", "powershell") for line in text.splitlines()]


RUN_PAGES = """
import json, os, sys
from fh_notebook.core.config import settings
from fh_notebook.session import session

for name, page in json.load(sys.stdin).items():
    print(name, file=sys.stderr)
    os.chdir(page["folder"])
    os.environ.update(page["env"])
    for block in page["blocks"]:
        exec(block, {"__name__": "__main__"})
    session.reset()
    settings.reset()
"""


@pytest.mark.long
def test_every_block_of_python_runs(tmp_path: Path) -> None:
    """Each with names of its own, offline, each page with a folder and a store of its own; a placeholder key is taken out."""
    pages: dict[str, dict[str, object]] = {}
    for name, blocks in PYTHON.items():
        (tmp_path / name).mkdir()
        code = [text.replace('fh.configure(api_key="fhk_...")', "fh.configure()") for text in blocks]
        pages[name] = {"folder": str(tmp_path / name), "env": environment.settings(tmp_path / name), "blocks": code}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN_PAGES], input=json.dumps(pages),
        capture_output=True, text=True, timeout=300, env=environment.for_process(tmp_path), cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_every_option_of_the_cell_is_in_the_guide() -> None:
    """The line of usage has all options of the parser, and no other."""
    [usage] = re.findall(r"%%fetchhive \[NAME\].*?```", GUIDE["cell"], re.DOTALL)
    named = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", usage))
    known = {o for action in parser()._actions for o in action.option_strings}
    assert named == known - {"--variant", "-h", "--help", "--api-key", "--key"}


def test_the_two_commands_stand_in_it_as_ci_runs_them() -> None:
    """Each does all of its own set-up."""
    for end in ("fh-notebook demo", "pytest"):
        assert len(re.findall(rf"^python3 -m venv \.venv && .*{end}$", README, re.MULTILINE)) == 1


@pytest.mark.parametrize("page", PAGES)
def test_links_to_files_lead_somewhere(page: str) -> None:
    """Relative links, as the repository's page follows them."""
    folder = ROOT if page == "README" else ROOT / ".github" / "docs" / "guide"
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGES[page]):
        assert (folder / link).exists(), link


def test_the_catalogue_in_it_is_read_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its variants and its optional variables are what the text says."""
    import fh_notebook as fh

    [text] = re.findall(r"```yaml\n(.*?)```", GUIDE["catalogue"], re.DOTALL)
    (tmp_path / "fetchhive.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    triage = fh.deployments()["support-triage"]
    assert triage.variants == ("keywords", "nearest")
    assert triage.inputs["required"] == ["ticket"]


def test_the_path_of_the_catalogues_json_schema_is_printed() -> None:
    """The command in the guide, run as it stands there."""
    [code] = re.findall(r"`python -c \"(.*?fetchhive\.schema\.json.*?)\"`", GUIDE["catalogue"])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[1],
    )
    assert json.loads(Path(done.stdout.strip()).read_text("utf-8"))["$schema"].startswith("https://json-schema.org/")


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    """Python, cells and what they show, the catalogue, the cell's usage, and lines for a shell: nothing else."""
    blocks = [block for page in BLOCKS.values() for block in page]
    left = [text for kind, text in blocks if not kind and text not in CELLS and "[NAME]" not in text]
    assert left == [_shown()]
    assert {kind for kind, _ in blocks} == {"", "python", "yaml", "bash", "powershell"}


def _shown() -> str:
    """The block that is what the first cell shows."""
    [text] = re.findall(r"ticket: \|\n.*?```\n```\n(.*?)```", README, re.DOTALL)
    return str(text)


def test_the_cells_run_and_show_what_stands_below(kernel: Kernel) -> None:
    """In one kernel, as a reader goes through them; the first one's answers are those in the README."""
    kernel.run("import pandas as pd, fh_notebook as fh\ntickets = pd.DataFrame(fh.local.tickets()).head(4)")
    told = {}
    for cell in CELLS:
        request = kernel.send(cell)
        kernel.wait(request, timeout=120)
        assert kernel.reply(request)["status"] == "ok", kernel.text(request)
        told[cell] = kernel.text(request)
    assert [cell for cell in CELLS if "--over tickets" in cell]
    first = next(cell for cell in CELLS if "--out runs" in cell)
    assert timeless(_shown()) in timeless(told[first])


def test_the_lines_for_a_shell_are_right() -> None:
    """The extras in them are there, and stand in the table. CI runs the two commands of the first screen, and the tests
    of the long tier those that install.
    """
    import tomllib

    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    assert len(SHELL) >= 5
    for line in SHELL:
        assert set(re.findall(r"\w+", ",".join(re.findall(r"\.\[([\w,]+)\]", line)))) <= extras, line
    [table] = re.findall(r"\| extra \|.*?\n\n", README, re.DOTALL)
    assert set(re.findall(r"`(\w+)`(?=[^|]*\|[^|]*\|$)", table, re.MULTILINE)) == extras - {
        "test",
        "lint",
        "docs",
        "fuzz",
    }


def test_the_lines_for_windows_are_those_for_bash() -> None:
    """The same environment and extras; and each command is one that pip puts into ``Scripts``. None
    was run on Windows.
    """
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [windows] = [text for kind, text in BLOCKS["README"] if kind == "powershell"]
    first, *more = [part.strip() for line in windows.splitlines() for part in line.split(";")]
    assert first == "py -m venv .venv"
    for part in more:
        found = re.fullmatch(r"\.venv\\Scripts\\([\w-]+) (.*)", part)
        assert found
        assert found[1] in {"pip", *project["scripts"]}
        posix = f".venv/bin/{found[1]} {found[2]}"
        assert any(posix in line for line in SHELL), posix


def test_its_parts_stand_in_the_order_of_a_readers_questions() -> None:
    """The claim, a picture, a cell with its output, two commands and three points first; it is read in minutes."""
    first, *rest = re.split(r"^## ", README, flags=re.MULTILINE)
    places = [first.index(mark) for mark in ("**A Jupyter notebook as", "![", "%%fetchhive", "fh-notebook demo", "bin/pytest", "\n- **")]  # fmt: skip
    assert places == sorted(places)
    assert len(re.findall(r"^- \*\*", first, re.MULTILINE)) == 3
    assert [part.split("\n", 1)[0] for part in rest] == [
        "Install", "Connect", "Three journeys", "Compared with the alternatives", "Speed",
        "Limits and unknowns", "Security and privacy", "Read on",
    ]  # fmt: skip
    assert len(README.splitlines()) <= 250


def _label(ticket: str) -> str:
    return demo.by_keywords(ticket).label


@pytest.mark.long
def test_the_commands_of_the_guide_run(tmp_path: Path) -> None:
    """Each line for a shell, as it stands, through a local hive on a socket; every question is answered by yes."""
    blocks = [text for name, page in BLOCKS.items() if name != "README" for kind, text in page if kind == "bash"]
    lines = [line for text in blocks for line in text.splitlines()]
    assert len(lines) >= 4
    pd.DataFrame(demo.tickets()[:20]).to_csv(tmp_path / "tickets.csv", index=False)
    hive = LocalHive()
    for variant in ("keywords", "nearest", "live"):
        hive.workflow("support-triage", variant=variant)(_label)
    with hive.serve() as server:
        env = environment.for_process(
            tmp_path, FETCH_HIVE_BASE_URL=server.url, FETCH_HIVE_API_KEY="fhk_0123456789abcdef",
            PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        )  # fmt: skip
        for line in lines:
            done = subprocess.run(
                ["bash", "-c", line],
                cwd=tmp_path,
                env=env,
                input="y\n" * 20,
                capture_output=True,
                text=True,
                timeout=120,
            )
            failed = "--local" in line  # of the demo's tickets, one has no words
            assert done.returncode == failed, line + done.stdout + done.stderr
            assert "Traceback" not in done.stderr, line + done.stderr
    assert {"triage.html", "profile.md"} <= {file.name for file in tmp_path.iterdir()}


def test_the_glossary_is_short_and_every_word_is_explained() -> None:
    """At most 15 words, each with a sentence."""
    words = re.findall(r"^\| ([\w% ]+?) \| ([A-Z].*\.) \|$", GUIDE["glossary"], re.MULTILINE)
    rows = [line for line in GUIDE["glossary"].splitlines() if line.startswith("|")][2:]
    assert 10 <= len(words) == len(rows) <= 15


NOUNS = {"run": r"(?:a|an|the|each|one|its|earlier|pending|this) \*?(?=runs?\b)"}
"""Words of the glossary that are everyday verbs, too: what stands before the noun."""


def _prose(page: str) -> str:
    """Return a page of the guide as one line, without headings, code and links."""
    text = re.sub(r"^```.*?^```$|^#.*?$", "", page, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`]*`|\[[^\]]*\]\([^)]*\)", "", text).replace("\n", " ")


@pytest.mark.parametrize("page", sorted(PAGES.keys() - {"glossary"}))
def test_a_page_marks_the_first_use_of_each_word_of_the_glossary(page: str) -> None:
    """In italics, which the site turns into a link with the meaning as its tooltip; the README says it in words."""
    text = _prose(PAGES[page])
    for word in re.findall(r"^\| ([\w% ]+?) \| [A-Z]", GUIDE["glossary"], re.MULTILINE):
        before = NOUNS.get(word, r"(?<![\w-])\*?")
        found = re.search(rf"{before}(?P<word>{word.removesuffix('s')}s?)(?![\w-])", text, re.IGNORECASE)
        if found:
            marked = text[found.start("word") - 1], text[found.end()]
            assert marked == ("*", "*"), text[found.start() - 40 : found.end() + 20]


@pytest.mark.long
@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_the_lines_of_installation_make_an_environment_that_works(tmp_path: Path, tool: str) -> None:
    """As they stand, in a copy of the repository; activated, it has both commands, and an extra is added later, elsewhere."""
    copy = tmp_path / "repository"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".venv", ".git", ".*_cache", ".hypothesis", "site"))
    first = {"pip": "python3 ", "uv": "uv "}[tool]
    [line] = [line for line in SHELL if line.startswith(first) and line.endswith("'.[lab]'")]
    [later] = re.findall(rf"`({'uv ' * (tool == 'uv')}pip install '[^`]+)`", README)
    env = environment.for_process(tmp_path)
    del env["PYTHONPATH"]  # it must find what was installed there
    if tool == "uv":
        env |= _uv(tmp_path / "tool")
    activated = "source .venv/bin/activate; fh-notebook --version; jupyter lab --version"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{line}; {activated}; cd /; {later}; python -c 'import fh_notebook, sacrebleu'"],
        cwd=copy, env=env, capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.search(r"^fh-notebook \d.*\n\d+\.\d+", done.stdout, re.MULTILINE)


def _uv(folder: Path) -> dict[str, str]:
    """Install uv into a folder, and return the variables by which it is found, and finds what pip finds."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
    subprocess.run([folder / "bin" / "pip", "install", "-q", "uv>=0.8"], check=True, timeout=300)
    variables = {"PATH": os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])}
    # uv reads none of pip's settings: the index and the certificates that pip is told of are passed on.
    for option, variable in (("index-url", "UV_DEFAULT_INDEX"), ("cert", "SSL_CERT_FILE")):
        asked = [folder / "bin" / "pip", "config", "get", f"global.{option}"]
        told = subprocess.run(asked, capture_output=True, text=True, timeout=60).stdout.strip()
        if told := told or os.environ.get(f"PIP_{option.upper().replace('-', '_')}", ""):
            variables[variable] = os.environ.get(variable, told)
    return variables


def test_the_picture_is_there_and_light() -> None:
    """A PNG under 300 kB that `python -m tests.picture` makes."""
    [link] = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert ROOT / link == PICTURE
    assert PICTURE.read_bytes().startswith(b"\x89PNG\r\n")
    assert PICTURE.stat().st_size < MAX_BYTES


def test_every_command_and_notebook_is_named_in_it() -> None:
    """What a newcomer could look for: the commands of fh-notebook, each notebook and each page by a link."""
    for command in COMMANDS:
        assert f"fh-notebook {command}`" in GUIDE["command_line"], command
    for page in GUIDE:
        assert f"(.github/docs/guide/{page}.md)" in README, page
    for notebook in shipped():
        assert f"(notebooks/{notebook.name})" in README, notebook.name


def test_no_example_of_a_docstring_is_left_out() -> None:
    """pytest collects them all (``--doctest-modules`` over the package), and none says that it is to be passed over."""
    options = (ROOT / "pyproject.toml").read_text()
    assert '"--doctest-modules"' in options
    assert 'testpaths = ["tests", "fh_notebook"]' in options
    assert not [
        f for f in (ROOT / "fh_notebook").rglob("*.py") if re.search(r"doctest:\s*\+SKIP", f.read_text("utf-8"))
    ]
