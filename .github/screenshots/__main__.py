"""Screenshots of every surface of the interface, and one page that shows them, before and after a change.

    .venv/bin/python .github/screenshots OUT [--before DIR] [--surfaces NAME ...] [--places NAME ...]

Each surface at three widths, light and dark, in JupyterLab, Notebook 7 and Voila: as a window of 1,000 px shows it
(``-window``), and whole where it is higher (``-whole``). OUT gets the PNG files and ``index.html``; with ``--before``,
the page has the files of an earlier OUT beside them.

Rule of this folder: every wait ends by itself, a surface that fails is reported and the others are taken, and what was
started is ended. Nothing that it writes belongs to the project.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # this checkout's package and tests, whatever is installed

from page import PLACES, THEMES, WIDTHS, Shot, write_page  # noqa: E402
from playwright.sync_api import Browser, Locator, expect  # noqa: E402
from surfaces import NOT_IN_VOILA, SURFACES, WINDOW, Stage  # noqa: E402

from tests.demo_data import DemoHive, write_files  # noqa: E402
from tests.lab import Lab, LabServer, find_chromium, run_browser, run_lab  # noqa: E402
from tests.voila import run_voila  # noqa: E402

HIGHEST: Final = 6000
"""Of a picture of the whole, in CSS pixels: a longer page is cut."""
WAIT_MS: Final = 60_000
MINUTES: Final = 60.0
SAID_MOST: Final = 600
"""Of what went wrong: Playwright adds all of the page's text."""

_DRAWN: Final = "() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))"

# The window in which all of a cell is seen: its own height, and that of the bars around the notebook.
_HEIGHT: Final = """cell => {
    const frame = cell.closest('.jp-WindowedPanel-outer');
    const bars = frame ? frame.getBoundingClientRect().top + innerHeight - frame.getBoundingClientRect().bottom : 0;
    return Math.ceil(cell.getBoundingClientRect().height + bars + 40);
}"""
_TO_TOP: Final = "cell => cell.scrollIntoView({block: 'start', behavior: 'instant'})"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be taken."""

    surfaces: Sequence[str]
    places: Sequence[str]
    themes: Sequence[str]
    widths: Sequence[int]
    out: Path
    until: float
    """On the monotonic clock: no surface begins later."""

    def themes_of(self, place: str) -> list[Sequence[str]]:
        """Return the themes of each page: Voila has a page for each; elsewhere the theme of a page is changed."""
        return [[theme] for theme in self.themes] if place == "voila" else [self.themes]

    def surfaces_of(self, place: str) -> list[str]:
        """Return the surfaces that the place can show."""
        return [name for name in self.surfaces if place != "voila" or name not in NOT_IN_VOILA]


def take(wanted: Wanted) -> list[str]:
    """Take the screenshots, and return the surfaces that could not be taken."""
    chromium = find_chromium()
    if chromium is None:
        return ["all: Chromium is missing: apt-get install -y --no-install-recommends chromium fonts-dejavu-core"]
    wanted.out.mkdir(parents=True, exist_ok=True)
    failed: list[str] = []
    with contextlib.ExitStack() as started:
        folder = Path(started.enter_context(tempfile.TemporaryDirectory(prefix="fh-screenshots-")))
        hive = started.enter_context(DemoHive())
        service = started.enter_context(hive.serve())
        variables = {"FETCH_HIVE_BASE_URL": service.url, "FETCH_HIVE_API_KEY": "demo"}
        lab = started.enter_context(run_lab(folder, **variables))
        write_files(lab.root)
        browser = started.enter_context(run_browser(chromium))
        expect.set_options(timeout=WAIT_MS)
        for place in wanted.places:
            with run_voila(lab.root, **variables) if place == "voila" else contextlib.nullcontext(lab.url) as url:
                camera = Camera(browser, LabServer(url, lab.root), hive, place, wanted)
                failed += camera.take_all()
    return failed


@dataclass(slots=True)
class Camera:
    """What takes the surfaces in one place; the page of one surface is used for the next, unless it failed."""

    browser: Browser
    server: LabServer
    hive: DemoHive
    place: str
    wanted: Wanted
    stage: Stage | None = None

    def take_all(self) -> list[str]:
        """Take what is wanted of this place, and return what could not be taken."""
        try:
            return [
                f"{name} in {PLACES[self.place]}"
                for name in self.wanted.surfaces_of(self.place)
                for themes in self.wanted.themes_of(self.place)
                if not self.take_one(name, themes)
            ]
        finally:
            self._end()

    def take_one(self, name: str, themes: Sequence[str]) -> bool:
        """Take one surface; a failure is reported with what the page shows then."""
        if time.monotonic() > self.wanted.until:
            return False
        began = time.monotonic()
        stage = self.stage = self.stage or self._begin()
        stage.theme = themes[0]
        try:
            with contextlib.contextmanager(SURFACES[name])(stage) as seen:
                self._take(stage, name, seen, themes)
            stage.rest()
        except Exception as exc:  # whatever one surface meets, the others are taken
            print(f"{name} in {PLACES[self.place]}: {type(exc).__name__}: {str(exc)[:SAID_MOST]}", flush=True)
            with contextlib.suppress(Exception):
                stage.lab.screenshot(f"failed-{name}-{self.place}")
            self._end()
            return False
        print(f"{name} in {PLACES[self.place]}: {time.monotonic() - began:.0f} s", flush=True)
        return True

    def _begin(self) -> Stage:
        context = self.browser.new_context(viewport={"width": WIDTHS[0], "height": WINDOW})
        context.set_default_timeout(WAIT_MS)
        lab = Lab(context.new_page(), self.server, self.wanted.out)
        lab.page.set_default_timeout(WAIT_MS)
        lab.place = "notebooks" if self.place == "notebook7" else lab.place
        return Stage(lab, self.hive, self.place, THEMES[0])

    def _end(self) -> None:
        if self.stage is not None:
            self.stage.end()
        self.stage = None

    def _take(self, stage: Stage, name: str, seen: Locator, themes: Sequence[str]) -> None:
        """Take a surface in every theme and width: from its top as far as a window shows it, and whole."""
        for theme in themes:
            stage.use_theme(theme)
            for width in self.wanted.widths:
                shot = Shot(surface=name, place=self.place, theme=theme, width=width, part="window")
                self._save(stage, seen, shot, WINDOW)
                height = min(int(seen.evaluate(_HEIGHT)), HIGHEST)
                if height > WINDOW:
                    self._save(stage, seen, shot.whole(), height)

    def _save(self, stage: Stage, seen: Locator, shot: Shot, height: int) -> None:
        stage.lab.resize(shot.width, height)
        stage.page.evaluate(_DRAWN)
        stage.page.mouse.move(0, 0)  # else what is below it is drawn as it is under a mouse
        seen.evaluate(_TO_TOP)
        stage.page.evaluate(_DRAWN)
        stage.page.screenshot(path=self.wanted.out / shot.file)


def main(argv: Sequence[str] | None = None) -> int:
    """Take the screenshots and write the page; return 1 where a surface could not be taken."""
    parser = argparse.ArgumentParser(prog="screenshots", description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("out", type=Path, help="the folder for the pictures and the page, outside of the project")
    add("--before", type=Path, metavar="DIR", help="the folder of an earlier run, shown beside")
    add(
        "--surfaces",
        nargs="+",
        choices=list(SURFACES),
        default=list(SURFACES),
        metavar="NAME",
        help=", ".join(SURFACES),
    )
    add("--places", nargs="+", choices=list(PLACES), default=list(PLACES), metavar="NAME", help=", ".join(PLACES))
    add("--themes", nargs="+", choices=THEMES, default=list(THEMES))
    add("--widths", nargs="+", type=int, choices=WIDTHS, default=list(WIDTHS))
    add("--minutes", type=float, default=MINUTES, help=f"begin no surface after so many minutes ({MINUTES:g})")
    add("--page-only", action="store_true", help="take nothing; write the page again")
    given = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # and so end what was started
    out = given.out.resolve()
    failed: list[str] = []
    if not given.page_only:
        until = time.monotonic() + 60 * given.minutes
        failed = take(Wanted(given.surfaces, given.places, given.themes, given.widths, out, until))
    said = {name: (function.__doc__ or "").strip() for name, function in SURFACES.items()}
    print(write_page(out, said, before=given.before.resolve() if given.before else None))
    for name in failed:
        print(f"not taken: {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
