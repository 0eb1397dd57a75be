"""``fh-notebook serve``: a local hive on a socket, with the demo workflows or the user's.

Rule of this file: what it prints can be pasted. The key is named by an environment variable, never given as an option:
command lines are seen by everybody on the machine.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, get_args

from fh_notebook.cli.terminal import add_command
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.snippet.writer import to_curl, to_powershell
from fh_notebook.core.config.urls import is_loopback
from fh_notebook.core.redaction import error_text
from fh_notebook.core.text.formatting import kind_text
from fh_notebook.errors import SettingsError
from fh_notebook.local.options import ToolRule

if TYPE_CHECKING:
    from fh_notebook.local import LocalHive

DEMO: Final = "fh_notebook.local.demo:demo_hive"
_WRITERS: Final = {
    "posix": (to_curl, "'Authorization: Bearer YOUR_API_KEY'", '"Authorization: Bearer ${}"'),
    "nt": (to_powershell, "'Bearer YOUR_API_KEY'", '"Bearer $env:{}"'),
}
"""By the name of the system: how a call is written, how the key stands in it, and how as a variable's value."""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser = add_command(
        commands,
        "serve",
        help="run a local hive on a socket",
        about=(
            "Run a local hive: the same HTTP contract as Fetch Hive's, on this machine, until Ctrl+C. It prints"
            " its address, its deployments, and a command to try it."
        ),
        examples="""
            fh-notebook serve                                 # the demo's workflows
            fh-notebook serve --module mine.py                # the LocalHive in your file
            fh-notebook serve --concurrency 1 --daily-cap 50  # a small subscription
            fh-notebook serve --module mine.py --tool payments=deny --wait-timeout 60
            FETCH_HIVE_BASE_URL=http://127.0.0.1:8787/v1 FETCH_HIVE_API_KEY=any jupyter lab
        """,
        more="The last one starts notebooks that call it.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8787, help="0 chooses a free one (default: %(default)s)")
    parser.add_argument(
        "--module",
        default=DEMO,
        metavar="FILE_OR_MODULE[:NAME]",
        help="the hive: a LocalHive, or a function that returns one (default: the demo)",
    )
    parser.add_argument("--concurrency", type=int, metavar="N", help="runs at once; more are refused or queued")
    parser.add_argument("--daily-cap", type=int, metavar="N", help="requests a day, renewed at 00:00 UTC")
    parser.add_argument(
        "--look-ups-do-not-count",
        action="store_true",
        help="only requests that run a workflow count against the daily cap",
    )
    parser.add_argument(
        "--latency", type=_latency, metavar="S[:S]", help="seconds before each run, or a range: 0.2 or 0.1:0.5"
    )
    parser.add_argument(
        "--tool",
        action="append",
        type=_tool_rule,
        metavar="NAME=RULE",
        help=(
            "the rule of a tool, which overrides those of the workflows: ask, destructive, deny or allow; may be"
            " repeated"
        ),
    )
    parser.add_argument(
        "--wait-timeout", type=float, metavar="S", help="seconds after which a step without a decision fails"
    )
    parser.add_argument(
        "--no-auto-approve", action="store_true", help='a call with tool_approval "auto_approve" is refused (403)'
    )
    parser.add_argument("--workspace-id", metavar="ID", help="the workspace id under which approvals are listed")
    parser.add_argument("--scheduled-runs", type=int, metavar="N", help="slots that scheduled runs hold")
    parser.add_argument(
        "--no-output-in-look-ups", action="store_true", help="look-ups return the status of a run, but not its output"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the latencies")
    parser.add_argument(
        "--spelling",
        choices=("docs", "sdk"),
        help="the format of answers: that of the documentation or that of the SDKs",
    )
    parser.add_argument(
        "--api-key-env", metavar="NAME", help="the environment variable with the key that callers must send"
    )
    parser.add_argument(
        "--allow-callbacks", nargs="+", metavar="HOST", help="hosts that get callbacks, besides this machine"
    )


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl+C or SIGTERM, and return 0."""
    with _stop_event() as stop:
        hive = load_hive(args.module)
        hive.configure(**_changes(args, hive))
        with hive, hive.serve(host=args.host, port=args.port) as server:
            print("\n".join(_greeting(hive, server.url, args)), flush=True)
            # A wait without end cannot be interrupted on Windows.
            while not stop.wait(0.5):
                pass
            print("\nStopped.", flush=True)
    return 0


def _changes(args: argparse.Namespace, hive: LocalHive) -> dict[str, Any]:
    options = {
        "concurrency": args.concurrency,
        "daily_cap": args.daily_cap,
        "latency_s": args.latency,
        "seed": args.seed,
        "spelling": args.spelling,
        "tools": dict(args.tool) if args.tool else None,
        "wait_timeout_s": args.wait_timeout,
        "workspace_id": args.workspace_id,
        "scheduled_runs": args.scheduled_runs,
        "look_ups_count": False if args.look_ups_do_not_count else None,
        "may_auto_approve": False if args.no_auto_approve else None,
        "retrieves_output": False if args.no_output_in_look_ups else None,
    }
    changes = {name: value for name, value in options.items() if value is not None}
    if args.allow_callbacks:
        changes["allow_callbacks"] = hive.allow_callbacks | set(args.allow_callbacks)
    if args.api_key_env is not None:
        key = os.environ.get(args.api_key_env, "").strip()
        if not key:
            raise SettingsError(f"--api-key-env: the environment variable {args.api_key_env} is not set, or empty")
        changes["api_key"] = key
    return changes


@contextmanager
def _stop_event() -> Iterator[threading.Event]:
    """Give an event that Ctrl+C and SIGTERM set, in place of what they do otherwise."""
    stop = threading.Event()
    before = {s: signal.signal(s, lambda *_: stop.set()) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _latency(text: str) -> float | tuple[float, float]:
    low, colon, high = text.partition(":")
    try:
        return (float(low), float(high)) if colon else float(low)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of seconds or a range; give 0.2 or 0.1:0.5"
        ) from None


def _tool_rule(text: str) -> tuple[str, str]:
    name, _, rule = text.rpartition("=")
    if not name or rule not in get_args(ToolRule):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=RULE; the rules are {', '.join(get_args(ToolRule))}")
    return name, rule


# Where the hive is ---------------------------------------------------------------


def load_hive(module_spec: str) -> LocalHive:
    """Return the hive of ``FILE.py``, ``FILE.py:NAME``, ``module`` or ``module:NAME``."""
    from fh_notebook.local import LocalHive

    module_name, _, name = module_spec.rpartition(":")
    if not module_name or not name.isidentifier():
        module_name, name = module_spec, ""
    module = _import(module_name)
    if name:
        hive = _resolve(getattr(module, name, None), module_spec)
        if not isinstance(hive, LocalHive):
            raise SettingsError(f"{module_spec} is neither a LocalHive nor a function that returns one")
        return hive
    hives = {n: v for n, v in vars(module).items() if isinstance(v, LocalHive)}
    if len(set(map(id, hives.values()))) != 1:
        count = (
            f"{len(hives)} hives ({', '.join(hives)}); choose one: --module {module_name}:NAME"
            if hives
            else "no LocalHive"
        )
        raise SettingsError(f"{module_name} has {count}")
    return next(iter(hives.values()))


def _resolve(value: Any, module_spec: str) -> Any:
    if isinstance(value, type) or not callable(value):
        return value
    try:
        return value()
    except Exception as exc:
        raise SettingsError(f"{module_spec} could not be called: {error_text(exc)}") from exc


def _import(name: str) -> ModuleType:
    path = Path(name)
    is_file = path.suffix == ".py"
    if is_file and not path.is_file():
        raise SettingsError(f"the file {name} does not exist")
    # As for `python FILE` and `python -m MODULE`: what lies beside it can be imported.
    beside = str(path.parent.absolute()) if is_file else str(Path.cwd())
    if beside not in sys.path:
        sys.path.insert(0, beside)
    try:
        return _import_file(path) if is_file else importlib.import_module(name)
    except Exception as exc:
        raise SettingsError(f"{name} could not be imported: {error_text(exc)}") from exc


def _import_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # annotations of the workflows are looked up there
    spec.loader.exec_module(module)
    return module


# What is printed -------------------------------------------------------------------


def _greeting(hive: LocalHive, url: str, args: argparse.Namespace) -> Iterator[str]:
    yield f"Local hive at {url}"
    if not is_loopback(args.host) and hive.api_key is not None:  # without a key the server itself says so
        yield (f"It listens on {args.host}: anyone who can reach this machine and has the key can run these workflows.")
    yield f"API key: {_key_words(hive, args.api_key_env)}"
    for deployment in hive.deployments():
        yield ""
        yield f"{deployment.name}  (variants: {', '.join(deployment.variants)})"
        required = deployment.inputs.get("required", [])
        for name, kind in deployment.inputs.get("properties", {}).items():
            yield f"  {_variable_words(name, kind, required=name in required)}"
    yield ""
    yield from _command_to_try(hive, url, args.api_key_env)
    yield "Stop it with Ctrl+C."


def _key_words(hive: LocalHive, env_name: str | None) -> str:
    if env_name is not None:
        return f"the value of ${env_name}"
    return "any" if hive.api_key is None else "the one that the module sets"


def _variable_words(name: str, kind: Mapping[str, Any], *, required: bool) -> str:
    words = [kind_text(kind)]
    if not required:
        default = kind.get("default")
        words.append("optional" if default is None else f"default {json.dumps(default, ensure_ascii=False)}")
    about = f"  {kind['description']}" if kind.get("description") else ""
    return f"{name}: {', '.join(words)}{about}"


def _command_to_try(hive: LocalHive, url: str, env_name: str | None, system: str = os.name) -> Iterator[str]:
    deployment = next(iter(hive.deployments()), None)
    if deployment is None:
        yield "It has no workflow yet: declare one with @hive.workflow(DEPLOYMENT, variant=VARIANT)."
        return
    variant = deployment.variants[0]
    inputs = sample_inputs(hive.inputs_of(deployment.name, variant))
    write, key, key_of_variable = _WRITERS[system]
    command = write(InvokeRequest(deployment=deployment.name, variant=variant, inputs=inputs), base_url=url)
    if env_name is not None:
        command = command.replace(key, key_of_variable.format(env_name), 1)
    yield command
    yield ""


def sample_inputs(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value for every variable that a call must have.

    Examples
    --------
    >>> sample_inputs({"properties": {"a": {"type": "integer", "minimum": 3}, "b": {}}, "required": ["a"]})
    {'a': 3}
    """
    properties = schema.get("properties", {})
    return {name: _sample(properties.get(name, {})) for name in schema.get("required", [])}


_SAMPLES: Final[Mapping[str, Any]] = {"boolean": True, "array": [], "null": None}
_SAMPLE_TEXTS: Final[Mapping[str, str]] = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "email": "ada@example.com",
    "uri": "https://example.com",
}


def _sample(kind: Mapping[str, Any]) -> Any:
    values = [kind[k] for k in ("default", "const") if k in kind]
    values += [kind[k][0] for k in ("examples", "enum") if kind.get(k)]
    if values:
        return values[0]
    for either in ("anyOf", "oneOf"):
        if kind.get(either):
            return _sample(kind[either][0])
    type_name = kind.get("type", "string")
    type_name = type_name[0] if isinstance(type_name, list) else type_name
    if type_name in ("integer", "number"):
        return kind.get("minimum", 1)
    if type_name == "object":
        return sample_inputs(kind)
    if type_name == "array" and kind.get("minItems"):
        return [_sample(kind.get("items", {}))] * kind["minItems"]
    return _SAMPLES.get(type_name, _SAMPLE_TEXTS.get(kind.get("format", ""), "My parcel is late."))
