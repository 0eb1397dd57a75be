"""Every page that we make, made of the corpus: HTML by the name of its surface."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

import fh_notebook as fh
from fh_notebook.batching.progress.state import ProgressState
from fh_notebook.contract.catalog.deployments import Deployments
from fh_notebook.local import LocalHive
from fh_notebook.notebook.commands.description import Description
from fh_notebook.notebook.progress.display import ProgressView
from fh_notebook.notebook.results.cards import SideBySide
from fh_notebook.notebook.results.view import ResultsView
from tests.notebook.hostile import EVIL, dangers
from tests.security.corpus import NAMES, OUTPUTS, frame

_INERT = re.compile(
    r"\w+ (?:aria-[a-z]+|border|scoped|for|data-\w+)=|<(?:i|defs|use|clippath|svg|g|rect|line|text|circle|path|polyline|label|wbr)>$|svg |rect |line |text |circle |path |use |clippath |g "
)
"""Beside what `dangers` knows of runs: elements and attributes of batches and plots, none of which runs or fetches."""


def harms(page: str) -> list[str]:
    """Return what in a page could run or be fetched; our own styles, which say ``!important``, cannot."""
    found = [d for d in dangers(page) if not d.startswith(".fh") or any(sign in d for sign in ("@import", "url("))]
    return [
        d
        for d in found
        if not _INERT.match(d)
        or (
            "aria-" not in d.partition("=")[0]
            and re.search(r" on\w+=| (?:xlink:)?(?:href|src)=(?!#)| style=.*(?:url|expression)", d)
        )
    ]


VARIANTS = (f"<img src=x onerror={EVIL[:20]}", '" onclick="window.evil=1')
LIGHT = [entry for entry in OUTPUTS if "memory over a bound" not in entry.never]
SHORT = [entry.value for entry in OUTPUTS if isinstance(entry.value, str) and len(entry.value) < 5_000]


def hostile_deployment(name: str = EVIL) -> fh.Deployment:
    """Return a deployment whose every word is hostile."""
    names = [entry.value for entry in NAMES]
    wide: dict[str, Any] = {
        "type": "object", "title": EVIL, "description": EVIL, "required": [names[0]],
        "properties": {
            **{n: {"type": "string", "title": v, "description": v, "default": v, "examples": [v]} for n, v in zip(names, SHORT, strict=False)},
            "choice": {"enum": [EVIL, *VARIANTS], "default": EVIL},
            "group": {"type": "object", "title": EVIL, "properties": {EVIL: {"type": "string", "format": "textarea", "default": EVIL}}},
            "rows": {"type": "array", "items": {"type": "object", "properties": {EVIL: {"type": "string", "title": EVIL}}}, "default": [{EVIL: EVIL}]},
            "one": {"oneOf": [{"title": EVIL, "type": "object", "properties": {"a": {"const": EVIL}}}, {"title": "b", "type": "string"}]},
            "secret": {"type": "string", "format": "password", "title": EVIL},
            "patterned": {"type": "string", "pattern": "^<script>$", "default": EVIL},
        },
    }  # fmt: skip
    return fh.Deployment(name, variants=list(VARIANTS), inputs=wide, description=EVIL)


def run_of(value: Any, **more: Any) -> fh.Run:
    """Return a run with a hostile output, and hostile words around it."""
    known: dict[str, Any] = {
        "status": "completed", "output": value, "deployment": EVIL, "variant": VARIANTS[0], "request_id": EVIL, "origin": EVIL,
        "inputs": {EVIL: EVIL}, "metadata": {EVIL: EVIL},
    }  # fmt: skip
    return fh.Run(**{**known, **more})


def of_cells() -> Iterator[tuple[str, str]]:
    """Yield what cells show: a run each, several beside each other, and what is said of a deployment."""
    runs = [run_of(entry.value) for entry in OUTPUTS]
    for entry, run in zip(OUTPUTS, runs, strict=True):
        yield f"run: {entry}", run._repr_html_()
    failed = [run_of(None, status=text, error=text, error_code=text) for text in SHORT]
    yield "failed runs", SideBySide(failed)._repr_html_()
    yield "runs beside each other", SideBySide(runs)._repr_html_()
    yield "a description", Description(hostile_deployment(), EVIL)._repr_html_()
    yield "deployments", Deployments([(hostile_deployment(), EVIL)])._repr_html_()


def of_widgets() -> Iterator[tuple[str, str]]:
    """Yield the HTML that is in widgets, and the pages that stand in for them."""
    form = fh.form(hostile_deployment(), client=LocalHive().client())
    yield "a form without widgets", form._repr_html_()
    for place, text in _html_of(form.widget):
        yield f"a form's {place}", text
    view = ResultsView()
    view.begin([EVIL, *(f"{entry} {EVIL[:40]}" for entry in LIGHT)])
    view.show(0, run_of(None, status="failed", error=EVIL, error_code=EVIL))
    for index, entry in enumerate(LIGHT, 1):
        view.show(index, run_of(entry.value))
    view.stopped(EVIL)
    for place, text in _html_of(view.widget):  # each in all of its forms: text, JSON, Markdown, a table, the difference
        yield f"results {place}", text


def _html_of(widget: Any) -> Iterator[tuple[str, str]]:
    """Yield the HTML of a widget and of those in it. A label that would be HTML is one, too."""
    import ipywidgets

    if isinstance(widget, ipywidgets.HTML | ipywidgets.HTMLMath):
        yield f"{type(widget).__name__} {'.'.join(widget._dom_classes)}", str(widget.value)
    if getattr(widget, "description_allow_html", False):
        yield "label", str(widget.description)
    assert not isinstance(widget, ipywidgets.HTMLMath), "a formula may hold a link that runs"
    for child in getattr(widget, "children", ()):
        yield from _html_of(child)


def of_batches(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield what a batch and a comparison of it show."""
    batch = hostile_batch()
    yield "a batch", batch._repr_html_()
    state = ProgressState(name=EVIL, counts=batch.counts, refused=EVIL)
    yield "progress", ProgressView(EVIL, state)._repr_html_() + ProgressView(EVIL, state, summary=EVIL)._repr_html_()
    yield "failures", batch.failures._repr_html_()
    cmp = fh.compare(batch, score=fh.score.exact())
    yield "a comparison", cmp._repr_html_()
    yield "disagreements", cmp.disagreements()._repr_html_()
    yield "a plot", cmp.plot()._repr_html_()
    (folder / "reports").mkdir(exist_ok=True)
    cmp.report(folder / "reports" / "report.html")
    cmp.report(folder / "reports" / "report.md")


def hostile_batch() -> fh.Batch:
    """Return a batch of hostile rows, which a hostile hive answered with the rows' own texts."""
    hive = LocalHive()
    for variant in VARIANTS:

        @hive.workflow("evil", variant=variant)
        def echo(text: str) -> Any:
            if "iframe" in text:
                raise RuntimeError(text)
            return text if len(text) % 2 else {text: text}

    rows: pd.DataFrame = frame()
    return fh.batch(
        rows, "evil", variants=list(VARIANTS), inputs={"text": "text"}, client=hive.client(), progress=False, name=EVIL[:60]
    )  # fmt: skip
