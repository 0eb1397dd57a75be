"""``python -m tests.benchmarks.against COMMIT``: the present code beside an earlier commit, in turns, as ratios.

Make a worktree of COMMIT with an environment of its own, run the groups of `against_figures.py` with both interpreters
in turns (who begins alternates), and print one table in Markdown: the median of each side, and the median of the
ratios of neighbouring runs with their range. Below 1, the present code needs less. Only loopback is called.

``--only GROUP ...`` chooses groups, ``--repeats`` is how often the quick groups run (the groups ``rows`` and
``compare`` run ``--long-repeats`` times), ``--rows`` is the size of the large batch, ``--folder`` keeps the worktree
and the environment for the next run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.measuring import headline, table
from tests.benchmarks.service import service

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Case:
    """One group of figures with its arguments; the service answers after `delay_s` and admits `admits` calls."""

    label: str
    group: str
    arguments: dict[str, Any] = field(default_factory=dict)
    delay_s: float | None = None
    admits: int | None = None
    long: bool = False


def cases(rows: int) -> list[Case]:
    """Return what is measured; the batches at 200 and 50 ms have aiohttp as their peer."""
    return [
        Case("2,000 x 200 ms at 100", "batch", {"jobs": 2_000, "at_once": 100}, delay_s=0.2),
        Case("1,000 x 50 ms at 100", "batch", {"jobs": 1_000, "at_once": 100}, delay_s=0.05),
        Case("90 x 200 ms, cap 3 untold", "batch", {"jobs": 90, "at_once": None}, delay_s=0.2, admits=3),
        Case("form of 50 fields", "form"),
        Case("import", "imports"),
        Case("20,000 rows x 2 variants", "compare", {"rows": 20_000}, long=True),
        Case(f"{rows:,} rows", "rows", {"rows": rows}, long=True),
    ]


@contextmanager
def checkout(commit: str, folder: Path | None) -> Iterator[Path]:
    """Yield the interpreter of an environment with the package as it was at `commit`."""
    place = folder.resolve() if folder else Path(tempfile.mkdtemp())
    tree, environment = place / "tree", place / "venv"
    python = environment / "bin" / "python"
    try:
        if not tree.exists():
            subprocess.run(["git", "worktree", "add", "--detach", tree, commit], cwd=ROOT, check=True)
        else:
            subprocess.run(["git", "checkout", "--detach", "-q", commit], cwd=tree, check=True)
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        pins = ["-c", f"{ROOT}/constraints.txt"]
        subprocess.run([python, "-m", "pip", "install", "-q", *pins, "-e", f"{tree}[all]", "aiohttp"], check=True)
        yield python
    finally:
        if folder is None:
            subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=False)
            shutil.rmtree(place, ignore_errors=True)


def run(python: Path, case: Case, group: str) -> dict[str, float]:
    """Run a group of figures with this interpreter, in an empty folder with a store of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        script = shutil.copy(Path(__file__).with_name("against_figures.py"), scratch)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("FH_", "FETCH_HIVE"))}
        environment |= {"FH_NOTEBOOK_STORE": f"{scratch}/store.sqlite3", "HOME": scratch}

        def process(arguments: dict[str, Any]) -> dict[str, float]:
            command = [str(python), script, group, json.dumps(arguments)]
            done = subprocess.run(command, cwd=scratch, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"{group} failed with {python}:\n{done.stderr}")
            figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
            return figures

        if case.delay_s is None:
            return process(case.arguments)
        with service(delay_s=case.delay_s, admits=case.admits) as served:
            return process({**case.arguments, "url": served.url})


def measure(case: Case, then: Path, repeats: int) -> list[tuple[object, ...]]:
    """Return the lines of the table of one case."""
    sides: dict[str, list[dict[str, float]]] = {"then": [], "now": []}
    with_peer = case.group == "batch" and case.admits is None
    peers = []
    for turn in range(repeats):
        order = [("then", then), ("now", Path(sys.executable))]
        for side, python in order if turn % 2 else order[::-1]:
            sides[side].append(run(python, case, case.group))
        if with_peer:
            peers.append(run(Path(sys.executable), case, "aiohttp"))
    lines = [
        _line(f"{case.label}: {name}", [f[name] for f in sides["then"]], [f[name] for f in sides["now"]])
        for name in sides["now"][0]
    ]
    if with_peer:
        for name in peers[0]:
            label = f"{case.label}: {name}, beside aiohttp"
            lines.append(_line(label, [f[name] for f in peers], [f[name] for f in sides["now"]]))
    return lines


def _line(label: str, then: Sequence[float], now: Sequence[float]) -> tuple[object, ...]:
    ratios = sorted(b / a for a, b in zip(then, now, strict=True) if a)
    ratio = f"**{statistics.median(ratios):.2f}** ({ratios[0]:.2f} to {ratios[-1]:.2f})" if ratios else ""
    return label, f"{statistics.median(then):,.4g}", f"{statistics.median(now):,.4g}", ratio


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.against", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("commit", metavar="COMMIT")
    parser.add_argument("--only", nargs="+", metavar="GROUP", choices=sorted({case.group for case in cases(0)}))
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--long-repeats", type=int, default=1)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args(arguments)
    print(headline(arguments).replace("tests.benchmarks", "tests.benchmarks.against"), end="\n\n", flush=True)
    with checkout(options.commit, options.folder) as then:
        table(("", options.commit, "now", "**now / then**"), [])
        for case in cases(options.rows):
            if not options.only or case.group in options.only:
                for line in measure(case, then, options.long_repeats if case.long else options.repeats):
                    print("| " + " | ".join(map(str, line)) + " |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
