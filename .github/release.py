"""Check that a release is whole, and make a conda-forge recipe of it.

python .github/release.py v0.3.0    # version.py, CITATION.cff, CHANGELOG.md and pyproject.toml are those of a release
python .github/release.py v0.3.0 --links    # write the README's relative links as addresses of files of this tag
python .github/release.py --recipe dist/fh_notebook-0.3.0.tar.gz --url ADDRESS --homepage ADDRESS --maintainer NAME

Between two releases, version.py has the next version with `.dev0`, and what has changed is under Unreleased: then every
tag is refused. The recipe is not in this repository: a conda-forge feedstock has it. The first ADDRESS is where the
sdist is downloaded from, as the package index shows it; NAME is a maintainer's name at GitHub.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tarfile
from email.message import Message
from email.parser import Parser
from hashlib import sha256
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]

CONDA_NAMES: Final = {
    "docstring-parser": "docstring_parser",
    "lazy-loader": "lazy_loader",
    "matplotlib": "matplotlib-base",  # without Qt
    "ruamel-yaml": "ruamel.yaml",
}
"""Packages whose name at conda-forge is another one."""


def disagreements(tag: str, root: Path = ROOT) -> list[str]:
    """Return what does not say that this is the release `tag`, and what a release lacks, a line each."""
    version = tag.removeprefix("v")
    said = {file: (root / file).read_text(encoding="utf-8") for file in (*_VERSION_IN, "pyproject.toml", "README.md")}
    wrong = []
    for file, pattern in _VERSION_IN.items():
        found = re.search(pattern, said[file], re.MULTILINE)
        if (it := found[1] if found else "no version") != version:
            wrong.append(f"{file}: {it}, not {version}")
    if re.search(r"^- ", unreleased(said["CHANGELOG.md"]), re.MULTILINE):
        wrong.append(f"CHANGELOG.md: entries are under Unreleased; move them under [{version}]")
    released = re.search(r"^## \[\d.*?\] - (.+)$", said["CHANGELOG.md"], re.MULTILINE)
    if released and f"date-released: {released[1]}\n" not in said["CITATION.cff"]:
        wrong.append(f"CITATION.cff: date-released is not {released[1]}, the date in CHANGELOG.md")
    if "repository-code:" not in said["CITATION.cff"]:
        wrong.append("CITATION.cff: no repository-code; give the address of the repository")
    if "[project.urls]" not in said["pyproject.toml"]:
        wrong.append("pyproject.toml: no [project.urls]; give the address of the repository")
    if with_addresses(said["README.md"], "", tag) != said["README.md"]:
        wrong.append(f"README.md: relative links, which no package index follows; run: release.py {tag} --links")
    return wrong


def with_addresses(markdown: str, repository: str, tag: str) -> str:
    """Return Markdown whose relative links are addresses of files of a tag, in the form of GitHub; pictures are raw."""

    def address(found: re.Match[str]) -> str:
        return f"{found[1]}({repository}/{'raw' if found[1][0] == '!' else 'blob'}/{tag}/{found[2]})"

    return re.sub(r"(!?\[[^\]]*\])\((?!https?:|#)([^)\s]+)\)", address, markdown)


def _write_links(tag: str) -> str:
    """Write the README's links as addresses; return what came of it."""
    found = re.search(r"^repository-code: (\S+?)/?$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        return ""
    readme = ROOT / "README.md"
    readme.write_text(with_addresses(readme.read_text(encoding="utf-8"), found[1].strip("\"'"), tag), encoding="utf-8")
    return f"README.md: its links lead to {found[1]}, {tag}"


def unreleased(changelog: str) -> str:
    """Return what a changelog has under Unreleased."""
    return changelog.partition("## [Unreleased]\n")[2].partition("\n## [")[0]


_VERSION_IN: Final = {
    "fh_notebook/version.py": r'^__version__ = "(.+)"$',
    "CITATION.cff": r"^version: (.+)$",
    "CHANGELOG.md": r"^## \[(\d.*?)\] - \d{4}-\d{2}-\d{2}$",  # the newest release stands first
}


def recipe(sdist: Path, url: str, *, homepage: str, maintainers: list[str]) -> str:
    """Return a recipe in conda-forge's YAML format, made of the metadata in an sdist.

    Parameters
    ----------
    sdist : Path
        The ``.tar.gz``, as it is published.
    url : str
        Where it is downloaded from.
    homepage : str
        The address of the project.
    maintainers : list of str
        Who maintains the recipe, by their names at GitHub.
    """
    metadata = _metadata(sdist)
    name, version = metadata["Name"], metadata["Version"]
    needed = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    python = metadata["Requires-Python"]
    lines = [
        "schema_version: 1",
        "package:",
        f"  name: {name}",
        f"  version: {json.dumps(version)}",
        "source:",
        f"  url: {json.dumps(url)}",
        f"  sha256: {sha256(sdist.read_bytes()).hexdigest()}",
        "build:",
        "  number: 0",
        "  noarch: python",
        "  script: python -m pip install . -vv --no-deps --no-build-isolation",
        "  python:",
        "    entry_points:",
        "      - fh-notebook = fh_notebook.cli:main",
        "requirements:",
        "  host:",
        f"    - {json.dumps(f'python {python}')}",
        "    - pip",
        "    - hatchling >=1.25",
        "  run:",
        f"    - {json.dumps(f'python {python}')}",
        *(f"    - {json.dumps(_conda(line))}" for line in needed),
        "tests:",
        "  - python:",
        "      imports: [fh_notebook]",
        "      pip_check: true",
        "  - script: [fh-notebook --version, fh-notebook demo]",
        "about:",
        f"  homepage: {json.dumps(homepage)}",
        f"  summary: {json.dumps(metadata['Summary'])}",
        f"  license: {metadata['License-Expression']}",
        "  license_file: LICENSE",
        "extra:",
        "  recipe-maintainers:",
        *(f"    - {json.dumps(name)}" for name in maintainers),
    ]
    return "\n".join([*lines, ""])


def _conda(requirement: str) -> str:
    """Return a requirement as conda writes it: name, blank, bounds."""
    [(name, bounds)] = re.findall(r"^([\w.-]+)\s*(.*)$", requirement)
    return f"{CONDA_NAMES.get(name, name)} {bounds}".strip()


def _metadata(sdist: Path) -> Message:
    with tarfile.open(sdist) as held:
        [file] = [member for member in held.getmembers() if re.fullmatch(r"[^/]+/PKG-INFO", member.name)]
        content = held.extractfile(file)
        assert content is not None
        return Parser().parsestr(content.read().decode("utf-8"))


def main(arguments: list[str] | None = None) -> int:
    """Print the recipe, or what is wrong with the release; return 1 where something is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tag", nargs="?", help="the tag of the release")
    parser.add_argument("--recipe", type=Path, metavar="SDIST", help="make a recipe of this file")
    parser.add_argument("--url", help="where the file of --recipe is downloaded from")
    parser.add_argument("--homepage", metavar="URL", help="the address of the project, for --recipe")
    parser.add_argument(
        "--maintainer", action="append", metavar="NAME", help="who maintains the recipe; can be repeated"
    )
    parser.add_argument("--links", action="store_true", help="write the README's links as addresses of this tag")
    args = parser.parse_args(arguments)
    if args.recipe:
        for option in ("url", "homepage", "maintainer"):
            if not getattr(args, option):
                parser.error(f"--recipe needs --{option}")
        print(recipe(args.recipe, args.url, homepage=args.homepage, maintainers=args.maintainer), end="")
        return 0
    if not args.tag:
        parser.error("give the tag of the release, or --recipe SDIST")
    if args.links:
        if not (done := _write_links(args.tag)):
            parser.error("CITATION.cff: no repository-code; give the address of the repository")
        print(done)
        return 0
    wrong = disagreements(args.tag)
    print("\n".join(wrong or [f"{args.tag}: version, citation and changelog agree, and nothing is missing"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
