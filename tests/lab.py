"""JupyterLab in a real browser: a server, a browser, and one notebook in a page.

Rule of this file: cells are run through the application's own commands, which are promises, never through key strokes,
which race with the page; and what is waited for is a pattern, never an exact state on the way.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import nbformat
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tests import environment, kernel_provisioner
from tests.ports import free_port

PATIENCE_MS: Final = 180_000
"""How long a wait may take before the test fails: it costs nothing where all is well, and a machine may be busy."""
TRIES: Final = 3
"""Of starting a server."""

# No sandbox: CI runs as root. The rest keeps Chromium from calling anybody by itself.
CHROMIUM_FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

THEMES: Final = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


def picture_folder() -> Path | None:
    """Return the folder for pictures that somebody wants to look at, ``FH_SCREENSHOTS``, or None where nobody does."""
    named = os.environ.get("FH_SCREENSHOTS")
    return Path(named) if named else None


def save_picture(of: Page | Locator, folder: Path | None, name: str, **options: Any) -> None:
    """Save a picture as ``name.png``. None is taken without a folder: one of a whole page takes a second."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        of.screenshot(path=folder / f"{name}.png", **options)


def expect_copied(page: Page, press: Callable[[], object], text: str) -> None:
    """Press a Copy button and wait until `text`, and nothing else, is on the clipboard, which is empty before."""
    page.evaluate("() => navigator.clipboard.writeText('')")
    press()
    page.wait_for_function("async text => await navigator.clipboard.readText() === text", arg=text)


CHROMIUM: Final = ("chromium", "chromium-browser", "google-chrome")
HEADLESS: Final = ("chromium-headless-shell", *CHROMIUM)
"""First Debian's build of the same Chromium without what windows need: the tests take 0.7 of the CPU with it."""


def find_chromium(names: Sequence[str] = CHROMIUM) -> str | None:
    """Return Chromium's path: ``FH_CHROMIUM``, else the first of `names` that is on the PATH, else None."""
    return os.environ.get("FH_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@contextlib.contextmanager
def run_browser(chromium: str) -> Iterator[Browser]:
    """Start Chromium without a window, by Debian's own binary: Playwright downloads none."""
    expect.set_options(timeout=PATIENCE_MS)  # Playwright's own 5 s are less than a busy machine takes
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=list(CHROMIUM_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


# ---------------------------------------------------------------------- server


@dataclass(frozen=True, slots=True)
class LabServer:
    """A running JupyterLab: its address, and the folder that it serves."""

    url: str
    root: Path


@contextlib.contextmanager
def run_lab(folder: Path, *, through: Sequence[str] = (), forks: bool = True, **variables: str) -> Iterator[LabServer]:
    """Start JupyterLab on a free port of this machine, with every file that it keeps inside `folder`.

    `through` is a command that is given JupyterLab's own to become. With `forks`, a kernel has imported before it begins
    what most cells need; without, it begins as a user's does.

    Raises
    ------
    AssertionError
        It did not answer in good time; with its log.
    """
    root = folder / "root"
    root.mkdir(parents=True, exist_ok=True)
    environment_of = kernel_provisioner.for_program if forks else environment.for_process
    env = environment_of(folder, **_lab_settings(folder), **variables)
    process, url = _start_lab(through, root, folder / "lab.log", env)
    try:
        yield LabServer(url, root)
    finally:
        end_process(process)


def _start_lab(
    through: Sequence[str], root: Path, log: Path, env: dict[str, str]
) -> tuple[subprocess.Popen[bytes], str]:
    """Return a JupyterLab that answers, and its address.

    A free port may be another's before it is listened on: JupyterLab looks whether it is free and then takes the next
    one, but ends where that changes in the moment between. So the port is what it says itself, and it is begun again.
    """
    for _ in range(TRIES):
        with log.open("ab") as file:
            command = [*through, *_lab_command(free_port(), root)]
            process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=env, cwd=root)
        if url := _wait_for_lab(process, Path(env["JUPYTER_RUNTIME_DIR"]) / f"jpserver-{process.pid}.json"):
            return process, url
        ended_by_itself = process.poll() is not None
        end_process(process)
        if not ended_by_itself:
            break
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-4000:]}")


def end_process(process: subprocess.Popen[bytes]) -> None:
    """End a server, at once if it does not do so itself."""
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


SETTINGS: Final = {
    # The first start asks whether to fetch news; a settings file answers before it does.
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # A popup does without the kernel's candidates when they take longer than a second, as on a busy machine.
    "completer-extension/manager": {"providerTimeout": PATIENCE_MS},
}


def _lab_settings(folder: Path) -> dict[str, str]:
    settings = folder / "settings"
    for name, values in SETTINGS.items():
        file = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    return {"JUPYTERLAB_SETTINGS_DIR": str(settings), "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces")}


def _lab_command(port: int, root: Path) -> list[str]:
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.root_dir": root,
        "ServerApp.password": "",
        "ServerApp.disable_check_xsrf": True,
        "ServerApp.terminals_enabled": False,
        "IdentityProvider.token": "",
        "LabApp.news_url": None,
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "LabApp.extension_manager": "readonly",
        "LabApp.expose_app_in_browser": True,
        "JupyterNotebookApp.expose_app_in_browser": True,  # the same server has Notebook 7 at /notebooks/NAME
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", *flags]


def _wait_for_lab(process: subprocess.Popen[bytes], said: Path) -> str:
    """Return the address of which the server says itself that it is its own; none when it has ended, or is too slow."""
    # Asked again and again: a foreign process has no event to wait for but its first answer.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + PATIENCE_MS / 1000
    while process.poll() is None and time.monotonic() < end:
        try:
            url = f"http://127.0.0.1:{json.loads(said.read_text())['port']}"
            with opener.open(f"{url}/api/status", timeout=60):
                return url
        except (OSError, ValueError):  # it has not said it yet, or half of it
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
    return ""


# ---------------------------------------------------------------------- page

LAB: Final = "doc/tree"
"""Where the server has JupyterLab with one notebook."""

_READY = """async () => {
    const app = window.jupyterapp; await app.restored;
    const panel = app.shell.currentWidget; await panel.context.ready; await panel.sessionContext.ready;
    const kernel = panel.sessionContext.session.kernel; await kernel.info; return kernel.status;
}"""

_OPEN = """async path => {
    const app = window.jupyterapp; await app.restored;
    [...app.shell.widgets('main')].forEach(panel => panel.dispose());
    await app.commands.execute('docmanager:open', {path, factory: 'Notebook'});
}"""

_CLOSE = """async () => {
    const app = window.jupyterapp;
    [...app.shell.widgets('main')].forEach(panel => panel.dispose());
    await app.serviceManager.sessions.shutdownAll();
    // A widget that was about to be drawn now finds that its model has gone: after its module, which comes before this one.
    await import(URL.createObjectURL(new Blob([''], {type: 'text/javascript'})));
    await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    return !document.querySelector('.jp-Dialog, .Toastify__toast, .jp-Completer, .lm-Menu');
}"""
"""Returns whether nothing is left of what was open."""

_START = """i => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.deselectAll(); notebook.activeCellIndex = i;
    window.fhRun = window.jupyterapp.commands.execute('notebook:run-cell');
}"""

_RUN_ENDED = """async i => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    await window.fhRun;
    return notebook.widgets[i].model.outputs.toJSON().filter(output => output.output_type === 'error')
        .map(output => `${output.ename}: ${output.evalue}`);
}"""
"""Returns the errors that the cell shows, once it has ended."""

_NO_GAP = """where => [...where.querySelectorAll('.jp-OutputArea-child')].every(
    output => output.innerText.trim() || output.getBoundingClientRect().height <= 12)"""

_IDLE = """() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'
    && ![...document.querySelectorAll('.jp-InputArea-prompt')].some(e => e.textContent.includes('*'))"""


_RESIZED = """async ([width, height]) => {
    const frame = () => new Promise(requestAnimationFrame);
    while (innerWidth !== width || innerHeight !== height) await frame();
    const size = () => {
        const shown = window.jupyterapp?.shell?.currentWidget?.node ?? document.body;
        return `${shown.offsetWidth} ${shown.offsetHeight}`;
    };
    let before;
    do { before = size(); for (let i = 0; i < 4; i++) await frame(); } while (size() !== before);
}"""
"""Returns when the notebook has the size that it keeps: JupyterLab lays its panels out in the frames after a resize."""

_BOUNDED = """async ([script, argument, most_ms]) => await Promise.race([
    (0, eval)(script)(argument),
    new Promise((_, give_up) => setTimeout(() => give_up(new Error(`no end within ${most_ms} ms: ${script}`)), most_ms)),
])"""
"""Playwright waits for a promise of the page without an end."""


_PATIENT_WIDGETS = f"""() => {{
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    AbortSignal.timeout = ms => timeout(Math.max(ms, {PATIENCE_MS}));
    const later = window.setTimeout.bind(window);
    window.setTimeout = (call, ms, ...more) =>
        later(call, String(call).includes('Control comm did not respond') ? {PATIENCE_MS} : ms, ...more);
}}"""
"""anywidget gives a model up that a busy page has not loaded within 2 s, and its messages with it. After a reload,
ipywidgets does so with all models of a kernel that has not told their states within 4 s."""


@dataclass
class Lab:
    """A page of JupyterLab with one notebook in it, and another one after that: a page takes 8 s of CPU, a notebook one."""

    page: Page
    server: LabServer
    shots: Path | None
    """The folder for pictures. Where there is none, nobody is to look at them: see `themes`."""
    external: list[str] = field(default_factory=list)
    """Addresses asked for that are not on this machine: an offline check for free."""
    errors: list[str] = field(default_factory=list)
    """Uncaught errors of the page's scripts."""
    console: list[str] = field(default_factory=list)
    """Warnings and errors that the page's scripts have written."""
    name: str = ""
    """The open notebook's file name."""
    place: str = LAB
    """Where the server has the page of one notebook; ``notebooks`` is Notebook 7."""

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.add_init_script(f"({_PATIENT_WIDGETS})()")
        self.page.on("request", lambda request: self._saw(request.url))
        self.page.on("websocket", lambda opened: self._saw(opened.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "console", lambda said: self.console.append(said.text) if said.type in ("warning", "error") else None
        )

    def _saw(self, url: str) -> None:
        here = self.server.url.removeprefix("http")
        if not url.startswith((f"http{here}", f"ws{here}", "data:", "blob:")):
            self.external.append(url)

    def open(self, *cells: str, name: str | None = None) -> Lab:
        """Open a new notebook with `cells`, or the notebook `name` that is already in the server's folder."""
        self.name = name or f"test-{uuid4().hex[:8]}.ipynb"
        if name is None:
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in cells])
            notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
            nbformat.write(notebook, self.server.root / self.name)
        if self.place == LAB and self._is_lab():
            self.settle(_OPEN, self.name)
        else:
            self.page.goto(f"{self.server.url}/{self.place}/{self.name}?reset", wait_until="domcontentloaded")
        self.page.locator(".jp-Notebook").wait_for()
        self.page.wait_for_function(
            "path => window.jupyterapp?.shell?.currentWidget?.sessionContext?.path === path", arg=self.name
        )
        self.settle(_READY)
        return self

    def _is_lab(self) -> bool:
        # Without a notebook, its address is /doc alone.
        is_there = self.page.url.startswith(f"{self.server.url}/{LAB.split('/')[0]}")
        return is_there and bool(self.page.evaluate("'jupyterapp' in window"))

    def settle(self, script: str, argument: Any = None) -> Any:
        """Call a function of the page, wait for its promise as for everything else, and return what it gives."""
        return self.page.evaluate(_BOUNDED, [script, argument, PATIENCE_MS])

    def clear(self) -> bool:
        """Close the notebook, end its kernel, and return whether the page is then as a new one, for another test."""
        if self.place != LAB or self.errors or self.page.is_closed() or not self._is_lab():
            return False
        for page in self.page.context.pages:
            if page is not self.page:
                page.close()
        self.page.context.clear_permissions()
        self.page.unroute_all()
        self.page.mouse.move(0, 0)
        is_empty = bool(self.settle(_CLOSE))
        self.theme("light")
        self.resize(1200)
        for seen in (self.external, self.errors):
            seen.clear()
        return is_empty

    def cell(self, index: int) -> Locator:
        """Return cell `index`, input and output."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def output(self, index: int) -> Locator:
        """Return what cell `index` shows; its text begins with the prompt (``[1]:``) when the cell has a value."""
        return self.cell(index).locator(".jp-Cell-outputArea")

    def start(self, index: int) -> None:
        """Run cell `index` and do not wait for it."""
        self.page.evaluate(_START, index)

    def run(self, index: int, *, fails: bool = False) -> Locator:
        """Run cell `index`, wait until the kernel is done with it, and return its output.

        Raises
        ------
        AssertionError
            It ended with an error, or, where `fails`, without one.
        """
        self.start(index)
        errors: list[str] = self.settle(_RUN_ENDED, index)
        assert bool(errors) is fails, f"cell {index} ended with {' and '.join(errors) or 'no error'}"
        return self.output(index)

    def run_all(self) -> None:
        """Queue every cell, as the menu's Run All does; see :meth:`wait_idle`."""
        self.command("notebook:run-all-cells", wait=False)

    def interrupt(self) -> None:
        """Press Stop."""
        self.command("notebook:interrupt-kernel")

    def save(self) -> None:
        """Save the notebook to the server's folder."""
        self.command("docmanager:save")

    def save_with(self, pattern: str) -> str:
        """Save until the file has `pattern`, and return its text: a display's last state may come after its widget's."""
        until = time.monotonic() + PATIENCE_MS / 1000
        while True:
            self.save()
            text = (self.server.root / self.name).read_text()
            if re.search(pattern, text):
                return text
            assert time.monotonic() < until, f"{pattern!r} never was in the saved file"
            self.page.wait_for_timeout(100)

    def command(self, name: str, *, wait: bool = True, **arguments: Any) -> None:
        """Execute a command of the application, and wait for its promise unless told not to."""
        call = "window.jupyterapp.commands.execute(name, arguments_)"
        script = f"([name, arguments_]) => {call}" if wait else f"([name, arguments_]) => {{ {call}; }}"
        self.settle(script, [name, arguments])

    def wait_idle(self) -> None:
        """Wait until no cell is running or queued."""
        self.page.wait_for_function(_IDLE, timeout=2 * PATIENCE_MS)

    def expect_text(self, where: Locator, pattern: str) -> None:
        """Wait until `where` shows something that the regular expression `pattern` finds."""
        expect(where).to_contain_text(re.compile(pattern))

    def read(self, where: Locator, pattern: str) -> str:
        """Return what `where` shows, once the regular expression `pattern` finds something in it."""
        self.expect_text(where, pattern)
        return where.inner_text()

    def expect_no_gap(self, where: Locator) -> None:
        """Wait until no output in `where` that shows no text is so high that one sees it."""
        self.page.wait_for_function(_NO_GAP, arg=where.element_handle())

    def theme(self, name: str) -> None:
        """Switch to the ``light`` or the ``dark`` theme by the application's own command."""
        self.command("apputils:change-theme", theme=THEMES[name])
        self.page.wait_for_function(
            # The splash lies over the page until the theme's style sheet has come.
            "light => document.body.dataset.jpThemeLight === light && !document.getElementById('jupyterlab-splash')",
            arg="true" if name == "light" else "false",
        )

    def themes(self) -> Iterator[str]:
        """Show the page in both themes, and yield the name of each; in the end the light one.

        Where nobody is to look at pictures, the light one alone, without a switch, which takes a second. What a test
        asks of a theme's colours, it asks in each by `theme`.
        """
        if self.shots is None:
            yield "light"
            return
        for theme in THEMES:
            self.theme(theme)
            yield theme
        self.theme("light")

    def looks(self, *, height: int, widths: Sequence[int] = (1600, 400)) -> Iterator[str]:
        """Show the page wide and narrow, and yield what that is called in a picture's name; then as it was."""
        for width in widths:
            self.resize(width, height)
            for theme in self.themes():
                yield f"{theme}-{width}"
        self.resize(1200, 1000)

    def resize(self, width: int, height: int = 900) -> None:
        """Give the page another size, in CSS pixels, and wait until it is laid out anew."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.settle(_RESIZED, [width, height])

    def told(self) -> str:
        """Return the errors of the page, and the end of what its notebook shows, for whoever looks for a cause."""
        try:
            shown = self.page.locator(".jp-Notebook").inner_text(timeout=10_000)
        except PlaywrightError as exc:
            shown = str(exc)
        return "\n".join([*self.errors, *self.console[-10:], shown[-6000:]])

    def screenshot(self, name: str, *, of: Locator | None = None) -> None:
        """Save a picture of the page, or of one element, as ``name.png``, if there is a folder for it."""
        save_picture(of or self.page, self.shots, name)
