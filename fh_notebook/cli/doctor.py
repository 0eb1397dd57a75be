"""``fh-notebook doctor``: check the installation, one line a finding, with what to do.

Rules of this file:

1. It reads what is installed, starts no kernel, and opens no page. What only a page can tell (whether the front end
   shows widgets) it infers from the packages beside this Python.
2. It looks and changes nothing: no file is made, no key is shown, and nothing leaves this machine unless ``--check``
   asks the service, whose error catalogue is then saved beside the store. A check that breaks is a line, and the
   others go on.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final, NamedTuple

from fh_notebook.cli.terminal import Style, add_command, typed
from fh_notebook.core.optional_deps import OPTIONAL
from fh_notebook.core.redaction import MASK, error_text, redact
from fh_notebook.core.text.html import printable
from fh_notebook.errors import FetchHiveError
from fh_notebook.version import __version__

CLICKS_AT_ONCE: Final = (7, 4)
"""The first ipykernel with which a click on a busy kernel is heard at once (7.0 to 7.3 may keep it till the next)."""

SUBSHELLS: Final = (7, 0)

PAGE_PART: Final = 3
"""The major version of jupyterlab_widgets that ipywidgets 8 speaks with."""


class Report(NamedTuple):
    """A line: whether all is well, what it is about, and what to do."""

    well: bool
    what: str
    detail: str
    hint: str = ""


def version_of(package: str) -> str | None:
    """Return the installed version; ``None`` when there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version, to be compared.

    Examples
    --------
    >>> _numbers("7.4.0rc1") >= (7, 4), _numbers("6.31.0") >= (7, 0)
    (True, False)
    """
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def kernel() -> Iterator[Report]:
    """Say which kernel runs here, what its buttons can do, and whether a notebook gets this very Python."""
    version, shell = version_of("ipykernel"), version_of("ipython")
    if version is None:
        return  # told with the other packages
    versions = f"ipykernel {version}, IPython {shell}"
    newer = "pip install 'ipykernel>=7.4'"
    if _numbers(version) >= CLICKS_AT_ONCE:
        yield Report(True, "kernel", f"{versions}: buttons work while a cell runs")
    elif _numbers(version) >= SUBSHELLS:
        yield Report(False, "kernel", f"{versions}: a click may take effect only at the next click", newer)
    else:
        yield Report(True, "kernel", f"{versions}: buttons wait for the running cell; Stop always works", newer)
    yield from _python_of_kernel()


def _python_of_kernel() -> Iterator[Report]:
    """Whether ``python3`` is this Python: a kernelspec of the user's may stand before the environment's own.

    jupyter_client's manager would tell, and makes IPython's folder on the way.
    """
    try:
        from jupyter_core.paths import jupyter_path
    except ImportError:
        return
    specs = (Path(folder, "python3", "kernel.json") for folder in jupyter_path("kernels"))
    spec = next((file for file in specs if file.is_file()), None)
    if spec is None:
        return  # Jupyter then offers the Python that it runs in
    command = str(json.loads(spec.read_text("utf-8"))["argv"][0])
    if os.sep in command and os.path.abspath(command) != os.path.abspath(sys.executable):
        detail = f"Jupyter's kernel python3 is another Python ({command}), which may not have fh_notebook"
        command_text = f"{sys.executable} -m ipykernel install --user --name fetchhive"
        yield Report(False, "kernel", detail, f"{command_text}; then choose the kernel fetchhive in the notebook")


def widgets() -> Iterator[Report]:
    """Say whether forms and buttons show in the JupyterLab that is installed here."""
    core, page = version_of("ipywidgets"), version_of("jupyterlab_widgets")
    if core is None:
        return  # told with the needed packages
    if page is None:
        yield Report(False, "widgets", f"ipywidgets {core} without jupyterlab_widgets: forms show as a table", _AGAIN)
    elif _numbers(page)[:1] != (PAGE_PART,) or not _is_known_to_lab():
        detail = f"ipywidgets {core} and jupyterlab_widgets {page} do not work together: forms show as a table"
        yield Report(False, "widgets", detail, _AGAIN)
    else:
        yield Report(True, "widgets", f"ipywidgets {core} with jupyterlab_widgets {page}: forms show in JupyterLab")


_AGAIN: Final = "pip install --force-reinstall 'ipywidgets>=8.1', and reload the page"


def _is_known_to_lab() -> bool:
    """Whether the files of the page's part are where JupyterLab looks."""
    try:
        from jupyter_core.paths import jupyter_path
    except ImportError:
        return True  # no Jupyter here: whoever serves the page has its own
    return any(
        Path(folder, "@jupyter-widgets", "jupyterlab-manager").is_dir() for folder in jupyter_path("labextensions")
    )


def event_loop() -> Iterator[Report]:
    """Say where waiting calls run, and whether the other way would work here."""
    from fh_notebook.core import event_loop
    from fh_notebook.core.config import settings

    async def answer() -> str:
        return "it answers"

    mode = settings.current().loop
    thread_text = "a thread of its own" if mode == "thread" else "of the kernel"
    yield Report(True, "event loop", f"{mode} ({thread_text}); {event_loop.run(answer())}")
    if why := _nested_is_refused():
        hint = "pip install nest_asyncio2" + ("" if mode == "thread" else ", or stay with fh.configure(loop='thread')")
        yield Report(mode == "thread", "event loop", f"loop='nested' would be refused: {why}", hint)


def _nested_is_refused() -> str:
    """Why a kernel of this environment refuses the other mode (`core.event_loop`); empty when it does not."""
    if version_of("nest-asyncio2") is not None:
        return ""
    if _numbers(version_of("ipykernel") or "") >= SUBSHELLS:
        return "nest_asyncio drops queued cells on ipykernel 7"
    return "nest_asyncio breaks calls on Python 3.14" if sys.version_info >= (3, 14) else ""


OK: Final = "OK"

WARNING: Final = "warning"

PROBLEM: Final = "problem"


PYTHON: Final = (3, 11)

DAMAGED: Final = (
    "save what can still be read (fh-notebook history -n 100000 --json > saved.json), then move the file away and"
    " run again: a new one is created"
)

PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line."""

    level: str
    what: str
    detail: str
    hint: str = ""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser = add_command(
        commands,
        "doctor",
        help="check that everything is installed and works here",
        about=(
            "Check that everything is installed and works here: versions, kernel, widgets, event loop, store, "
            "catalogue, key. Each problem is shown with what to do about it. Exit code 1 when there is a "
            "problem."
        ),
        examples="""
            fh-notebook doctor
            fh-notebook doctor --check   # also asks the service whether it accepts the key
        """,
    )
    parser.add_argument(
        "--check", action="store_true", help="ask the service whether it accepts the key (runs nothing)"
    )
    parser.add_argument("--base-url", metavar="URL", help="the service's address, instead of the configured one")


def run(args: argparse.Namespace) -> int:
    """Print the findings and return 0, or 1 when one of them is a problem."""
    checks: dict[str, Callable[[], Iterable[Finding]]] = {
        "Python": _python,
        "packages": _packages,
        "optional packages": _optional,
        "kernel": lambda: _jupyter(kernel()),
        "widgets": lambda: _jupyter(widgets()),
        "event loop": lambda: _jupyter(event_loop()),
        "local hive": _hive,
        "store": _store,
        "catalogue": _catalogue,
        "calls go to": lambda: _service(args.base_url, checked=args.check),
        "profile": lambda: _profile(args.base_url),
    }
    if args.check:
        checks["service"] = lambda: _answer(args.base_url)
    style, levels = Style(sys.stdout), []
    for what, check in checks.items():
        for finding in _findings(what, check):
            levels.append(finding.level)
            print(_line(finding, style), flush=True)
    problems, warnings = levels.count(PROBLEM), levels.count(WARNING)
    counted = [f"{n} {word}{'s' if n > 1 else ''}" for n, word in ((problems, PROBLEM), (warnings, WARNING)) if n]
    print(f"\n{' and '.join(counted) or 'Everything works'}.")
    return 1 if problems else 0


def _findings(what: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except FetchHiveError as exc:
        yield Finding(PROBLEM, what, str(exc))
    except Exception as exc:
        yield Finding(PROBLEM, what, f"the check failed: {error_text(exc)}", "please report it")


def _line(finding: Finding, style: Style) -> str:
    level = finding.level.ljust(len(WARNING))
    hint = finding.hint
    if hint.startswith("pip "):  # not the system's, where this environment is not activated
        hint = typed("pip") + hint.removeprefix("pip")
    hint_line = f"\n{'':9}-> {hint}" if hint else ""
    level_text = level if finding.level == OK else style.bold(level)
    return f"{level_text}  {printable(redact(f'{finding.what}: {finding.detail}'))}{redact(hint_line)}"


# --- what is installed


def _python() -> Iterator[Finding]:
    version = f"{platform.python_version()} on {platform.system()} ({sys.executable})"
    if sys.version_info < PYTHON:
        yield Finding(PROBLEM, "Python", version, f"fh_notebook needs Python {'.'.join(map(str, PYTHON))} or later")
    else:
        yield Finding(OK, "Python", version)


def _packages() -> Iterator[Finding]:
    """What the package itself says that it needs."""
    try:
        needed = [line for line in metadata.requires("fh-notebook") or [] if "extra ==" not in line]
    except metadata.PackageNotFoundError:
        yield Finding(WARNING, "fh_notebook", f"{__version__}, run from its source", "pip install -e .")
        return
    names = [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in needed]
    versions = {name: version_of(name) for name in names}
    if missing := [name for name, version in versions.items() if version is None]:
        yield Finding(PROBLEM, "packages", f"missing: {', '.join(missing)}", f"pip install {' '.join(missing)}")
    there = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    yield Finding(OK, f"fh_notebook {__version__}", f"with {there}")


def _optional() -> Iterator[Finding]:
    packages = {package.title.lower(): package for package in OPTIONAL.values()}
    versions = {name: version_of(name) for name in packages}
    if there := ", ".join(f"{name} {version}" for name, version in versions.items() if version):
        yield Finding(OK, "optional packages", there)
    for name, version in versions.items():
        if version is None:
            package = packages[name]
            yield Finding(
                WARNING if name == "ipykernel" else OK, name, f"not installed; for {package.purpose}", package.command
            )


# --- what works


def _jupyter(lines: Iterable[Report]) -> Iterator[Finding]:
    """What Jupyter's side says, as findings."""
    for report in lines:
        yield Finding(OK if report.well else WARNING, report.what, report.detail, report.hint)


def _hive() -> Iterator[Finding]:
    from fh_notebook.contract.invoke_request import InvokeRequest
    from fh_notebook.core import event_loop
    from fh_notebook.local.demo import demo_hive

    request = InvokeRequest(deployment="support-triage", variant="keywords", inputs={"ticket": "I was charged twice."})
    with demo_hive().client() as client:
        # An attempt, which is not saved: a look at the machine is no run of the user's.
        run = event_loop.run(client.aclient.attempt(request)).run
    yield Finding(OK, "local hive", f"a run in this process returned {run.output!r}")


def _store() -> Iterator[Finding]:
    from fh_notebook.core.config import resolution
    from fh_notebook.session import session
    from fh_notebook.store.catalog_file import display_path

    path = resolution.store_path()
    if path is None:
        yield Finding(WARNING, "store", "nothing is saved", "fh.configure(store=...) or FH_NOTEBOOK_STORE names a file")
        return
    path = path.expanduser()
    if not path.exists():
        yield _store_to_come(path)
        return
    opened = session.store()
    if opened is not None:
        opened.database.put(lambda connection: None).result()
        if damage := opened.damage():
            yield Finding(PROBLEM, "store", f"{display_path(path)} is damaged ({damage})", DAMAGED)
            return
    size = sum(p.stat().st_size for p in path.parent.glob(f"{path.name}*") if p.is_file())
    yield Finding(OK, "store", f"{display_path(path)} can be read and written, {size / 1e6:,.1f} MB")
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield Finding(WARNING, "store", "other users of this machine can read it", f"chmod 600 {display_path(path)}")


def _store_to_come(path: Path) -> Finding:
    """Whether the store can be made, which happens with the first answer."""
    folder = next(p for p in path.parents if p.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):
            return Finding(OK, "store", f"{path} is created with the first answer")
    except OSError as exc:
        hint = "fh.configure(store=...) or FH_NOTEBOOK_STORE names another file"
        return Finding(PROBLEM, "store", f"{path} cannot be created ({exc.strerror})", hint)


def _catalogue() -> Iterator[Finding]:
    from fh_notebook.store.catalog_file import display_path, find, read

    path = find()
    if path is None:
        yield Finding(OK, "catalogue", "no fetchhive.yaml in this folder or above; names are sent as given")
        return
    deployments = read(path)
    yield Finding(
        OK, "catalogue", f"{display_path(path)}, {len(deployments)} deployment{'' if len(deployments) == 1 else 's'}"
    )


# --- whom calls go to


def _service(base_url: str | None, *, checked: bool) -> Iterator[Finding]:
    from fh_notebook.core.config import resolution
    from fh_notebook.core.config.urls import LOCAL

    address, chosen = resolution.find_base_url(base_url)
    resolved = resolution.find_key(base_url=address) if address != LOCAL else resolution.ResolvedKey()
    if address == LOCAL or (resolved.key is None and not chosen):
        target = "the local hive in this process" + ("" if address == LOCAL else ", since no API key is set")
    else:
        target = address
    yield Finding(OK, "calls go to", target)
    if resolved.key is not None:
        yield Finding(OK, "key", f"{MASK} from {resolved.source}")
        if not checked:
            yield Finding(
                OK,
                "service",
                "not asked",
                ("fh-notebook doctor --check shows whether it can be reached and accepts the key"),
            )
    else:
        yield from _no_key(resolved.hints, needed=chosen and address != LOCAL)
    if set_ := [name for name in PROXIES if os.environ.get(name) or os.environ.get(name.lower())]:
        yield Finding(OK, "proxy", f"{', '.join(set_)} is set")


def _profile(base_url: str | None) -> Iterator[Finding]:
    """What `fh.probe` has observed of the service."""
    from fh_notebook.client.profile import UNOBSERVED
    from fh_notebook.core.config import resolution
    from fh_notebook.core.config.urls import LOCAL
    from fh_notebook.session import session

    address, chosen = resolution.find_base_url(base_url)
    key = resolution.find_key(base_url=address).key if address != LOCAL else None
    is_local = address == LOCAL or (key is None and not chosen)
    profile = session.profile_of(session.workspace_at(LOCAL if is_local else address, key))
    if profile is None:
        hint = "fh-notebook probe DEPLOYMENT -v VARIANT --input NAME=VALUE learns it by a few calls"
        yield Finding(OK, "profile", "not probed: undocumented behaviour of the service is unknown", hint)
        return
    yield Finding(OK, "profile", profile.headline.removeprefix("Profile of "))
    for heading, value in profile.facts():
        if value != UNOBSERVED:
            yield Finding(OK, "profile", f"{heading}: {value}")


def _no_key(hints: Iterable[str], *, needed: bool) -> Iterator[Finding]:
    detail = "; ".join(["none", *hints])
    hint = "set FETCH_HIVE_API_KEY, or %fetchhive login in a notebook"
    yield Finding(WARNING, "key", detail, hint) if needed else Finding(OK, "key", detail, f"to connect: {hint}")


def _answer(base_url: str | None) -> Iterator[Finding]:
    import fh_notebook as fh
    from fh_notebook.core.event_loop import run as run_on_loop

    codes = 0
    with fh.Client(base_url=base_url) as client:
        check = client.check()
        with suppress(FetchHiveError, TimeoutError):  # it only adds words to errors
            codes = run_on_loop(client.aclient.known_error_codes()) if check else 0
    hints = {
        "bad": "correct the key where it comes from",
        "limited": "wait, or raise the limit of the subscription",
        "unreachable": "check the address, the network and the proxy",
    }
    level = OK if check else WARNING if check.status == "limited" else PROBLEM
    yield Finding(level, "service", check.detail, hints.get(check.status, ""))
    if codes:
        yield Finding(OK, "error codes", f"for {codes} of them the service describes what to do; errors show it")
