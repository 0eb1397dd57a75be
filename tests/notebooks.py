"""The shipped notebooks: run one from top to bottom, and keep what it shows as a reader on GitHub sees it.

    python -m tests.notebooks             run all of notebooks/, and write those that say something new
    python -m tests.notebooks 01 03       only these
    python -m tests.notebooks --check     write nothing; the exit code says whether one would be written

Rule of this file: what is committed is what came, but for what belongs to one machine or one moment: the folder, ports,
ids, widgets without their kernel. An output that says the same again, but for its times, stays as it is in the file: so
a difference between two versions of a notebook is a difference in what it says.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

import nbformat
from nbformat import NotebookNode

from tests.kernel import NO_OFFER, Kernel, Message

FOLDER: Final = Path(__file__).parents[1] / "notebooks"
PATIENCE_S: Final = 180.0

METADATA: Final = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python"},
}
SHOWN: Final = """
from fh_notebook.notebook.progress import batch_block
for block in tuple(batch_block._blocks):
    block.wait(60)
"""
"""A cell that waits until each batch shows what came of it: that is read after its cell has ended."""
WIDGET: Final = "application/vnd.jupyter.widget-view+json"


def shipped() -> list[Path]:
    """Return the notebooks of the repository."""
    return sorted(FOLDER.glob("*.ipynb"))


def code(notebook: NotebookNode) -> list[NotebookNode]:
    """Return its cells of code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


# --- running


def execute(notebook: NotebookNode, kernel: Kernel) -> NotebookNode:
    """Return `notebook` with the outputs of a Run All in `kernel`, made fit to be committed.

    Raises
    ------
    AssertionError
        A cell ended with an error, wrote to standard error, or did not end.
    """
    made = nbformat.from_dict(notebook)
    cells = code(made)
    kernel.run(NO_OFFER)  # what is shown must not hang on how fast the machine is
    requests = kernel.run_all(*(cell.source for cell in cells), person=True)
    kernel.wait(requests[-1], timeout=PATIENCE_S)
    assert kernel.run(SHOWN) == ""
    for number, (cell, request) in enumerate(zip(cells, requests, strict=True), 1):
        messages = kernel.outputs(request)
        assert kernel.reply(request)["status"] == "ok", f"{cell.source}\n{kernel.text(request)}"
        assert not [m for m in messages if m.content.get("name") == "stderr"], f"{cell.source}\n{kernel.text(request)}"
        cell.outputs, cell.execution_count = _outputs(kernel, messages, number), number
    fit(made, folder=kernel.folder)
    return made


def _outputs(kernel: Kernel, messages: Sequence[Message], number: int) -> list[NotebookNode]:
    """Return what a reader sees in the end: streams joined, updates of a display applied."""
    shown = iter(kernel.shown(messages[0].parent)) if messages else iter(())
    made: list[NotebookNode] = []
    for message in messages:
        if message.kind == "stream":
            if made and made[-1].output_type == "stream":
                made[-1].text += message.text
            else:
                made.append(nbformat.v4.new_output("stream", name=message.content["name"], text=message.text))
        elif message.kind in ("display_data", "execute_result"):
            own = {"execution_count": number} if message.kind == "execute_result" else {}
            made.append(nbformat.v4.new_output(message.kind, data=dict(next(shown)), metadata={}, **own))
        else:
            assert message.kind == "update_display_data", f"a notebook must not depend on {message.kind}"
    return made


# --- what is committed


def fit(notebook: NotebookNode, *, folder: Path | None = None) -> None:
    """Take out of `notebook` what belongs to one machine or one moment; doing it twice is doing it once."""
    notebook.metadata = nbformat.from_dict({**METADATA, **_kept_metadata(notebook)})
    seen: dict[str, str] = {}
    for place, cell in enumerate(notebook.cells):
        cell.id = f"cell-{place:02d}"
        if cell.cell_type == "code":
            cell.outputs = [fitting for output in cell.outputs if (fitting := _fit_output(output, folder, seen))]


def _kept_metadata(notebook: NotebookNode) -> dict[str, Any]:
    return {name: notebook.metadata[name] for name in ("title",) if name in notebook.metadata}


def _fit_output(output: NotebookNode, folder: Path | None, seen: dict[str, str]) -> NotebookNode | None:
    """Return `output` for somebody else; ``None`` when there is nothing to see without a kernel."""
    if output.output_type == "stream":
        return nbformat.from_dict({**output, "text": _fit_text(output.text, folder, seen)})
    data = {kind: value for kind, value in output.data.items() if kind != WIDGET}
    data = {kind: _fit_text(value, folder, seen) if isinstance(value, str) else value for kind, value in data.items()}
    if not data.get("text/html") and not data.get("text/plain"):
        return None
    return nbformat.from_dict({**output, "data": data})


def _fit_text(text: str, folder: Path | None, seen: dict[str, str]) -> str:
    for place, name in ((folder, "."), (Path.home(), "~")):
        if place is not None:
            text = text.replace(str(place), name)
    text = re.sub(r"\b(127\.0\.0\.1|localhost):\d{4,5}\b", r"\1:8000", text)
    # The last part of a receiver's address is a secret of 32 random bytes.
    text = re.sub(r"(?<=/)[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])", "a-random-path", text)
    return _ID.sub(lambda found: _numbered(found, seen), text)


_ID: Final = re.compile(r"\b(req|run|taa)_([0-9a-f]{32}|[0-9a-f]{16})\b")
"""Of a request, a run and an approval."""


def _numbered(found: re.Match[str], seen: dict[str, str]) -> str:
    """Return the number of an id among those of its kind, in its form; the same id keeps its number."""
    number = sum(name.startswith(found[1]) for name in seen) + 1
    return seen.setdefault(found[0], f"{found[1]}_{number:0{len(found[2])}x}")


# --- what is said


def said(cell: NotebookNode) -> list[tuple[str, str]]:
    """Return what a cell's outputs say, without their times: equal when a reader learns the same from them."""
    return [line for output in cell.outputs for line in _said(output)]


def _said(output: NotebookNode) -> Iterator[tuple[str, str]]:
    if output.output_type == "stream":
        yield "stream", timeless(output.text)
        return
    yield "text", timeless(output.data.get("text/plain", ""))
    yield "html", shape(output.data.get("text/html", ""))
    yield "kinds", " ".join(sorted(output.data))


_SECONDS: Final = re.compile(
    r"(?<!\S)(?:\S*\.)?\w*_s\b|(?<!\S)(?:median time \(s\)|95th percentile of time \(s\))(?!\S)"
)
_NUMBER: Final = re.compile(r"(?<!\S)\d+(?:\.\d+)?(?:e-\d+)?(?!\S)")
_MOMENT: Final = re.compile(
    r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:\+00:00| ?UTC|Z)?)?"
    r"|\b\d\d:\d\d(?::\d\d)? UTC"
)


def timeless(text: str) -> str:
    """Return `text` without what differs from run to run: moments, seconds (also in a table's columns), widths."""
    text = re.sub(r", about [\d.]+ (s|min|h)\b", "", text)  # a forecast, where such calls were made before
    text = re.sub(r"(?<=[\w-])-[0-9a-f]{12}\b", "-#", text)  # a batch's name, where a hive has none
    text = _ID.sub(r"\1_#", text)  # numbered as they come, which is not always the same
    text = re.sub(r"#demo-[\d.]+\b", "#demo-#", text)  # its version stands for its workflows
    lines = _MOMENT.sub("#", text).split("\n")
    spans: list[tuple[int, int]] = []
    for place, line in enumerate(lines):
        if found := [match.span() for match in _SECONDS.finditer(line)]:
            spans = found
        elif "  " not in line.strip():  # a sentence below a table, or nothing
            spans = []
        elif spans:
            lines[place] = _NUMBER.sub(lambda cell, spans=spans: "#" if _is_under(cell, spans) else cell[0], line)
    text = re.sub(r"\b\d+(?:\.\d+)?(?:e-\d+)? (?:µs|ms|s|min)\b(?!/)", "# s", "\n".join(lines))
    return re.sub(r"\s+", " ", text).strip()


def _is_under(cell: re.Match[str], heads: Sequence[tuple[int, int]]) -> bool:
    """Whether a number stands in the column of one of `heads`: on its left edge, or on its right one."""
    return any(cell.start() == start or cell.end() == end for start, end in heads)


def shape(page: str) -> str:
    """Return a page without its style, its pictures, and its numbers (the text twin has those that count)."""
    page = re.sub(r"<style.*?</style>|<svg.*?</svg>", "", page, flags=re.DOTALL)
    page = re.sub(r", about [\d.]+ (s|min|h)\b", "", page)
    page = re.sub(r"\b(fh-[a-z-]+)-[0-9a-f]{6,12}\b", r"\1-#", page)  # a class of one output alone
    page = re.sub(r'(?<=data-output=")[0-9a-f]{12}:', "#:", page)  # whose buttons one widget serves
    page = re.sub(r"(?<=[\w-])-[0-9a-f]{12}\b", "-#", _ID.sub(r"\1_#", page))
    page = re.sub(r"\d[\d.,]*(?:e-\d+)?", "#", _MOMENT.sub("#", page))
    return re.sub(r"\s+", " ", re.sub(r"# (?:µs|ms|s|min)\b", "# s", page))


def merge(old: NotebookNode, new: NotebookNode) -> NotebookNode:
    """Return `new` with the outputs of `old` where they say the same."""
    before = {cell.source: cell for cell in code(old)}
    for cell in code(new):
        known = before.get(cell.source)
        if known is not None and known.outputs and said(known) == said(cell):
            cell.outputs = [_counted(output, cell.execution_count) for output in known.outputs]
    return new


def _counted(output: Mapping[str, Any], number: int) -> NotebookNode:
    own = {"execution_count": number} if output["output_type"] == "execute_result" else {}
    return nbformat.from_dict({**output, **own})


# --- the command


def main(argv: Sequence[str] | None = None) -> int:
    """Run the notebooks that are named; return 1 when ``--check`` finds one that says something new."""
    parser = argparse.ArgumentParser(prog="python -m tests.notebooks", description="Run the shipped notebooks.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="the beginning of a file's name; all by default")
    parser.add_argument("--check", action="store_true", help="write nothing")
    args = parser.parse_args(argv)
    files = [file for file in shipped() if not args.names or file.name.startswith(tuple(args.names))]
    stale = 0
    # Each has a kernel, which is a process of its own; a thread here only waits for it.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for file, changed in zip(files, pool.map(partial(run, write=not args.check), files), strict=True):
            stale += changed
            print(f"{file.name}: {'says something new' if changed else 'says what it said'}", flush=True)
    return 1 if args.check and stale else 0


def run(file: Path, *, write: bool) -> bool:
    """Run one notebook in a kernel and a folder of its own, and return whether its file is another now."""
    before = file.read_text("utf-8")
    old = nbformat.reads(before, as_version=4)
    with tempfile.TemporaryDirectory() as folder, Kernel(Path(folder)) as kernel:
        new = execute(old, kernel)
    text = nbformat.writes(merge(nbformat.reads(before, as_version=4), new)) + "\n"
    if write and text != before:
        file.write_text(text, "utf-8")
    return text != before


if __name__ == "__main__":
    sys.exit(main())
