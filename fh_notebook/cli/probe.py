"""``fh-notebook probe``: make a few calls, each step after confirmation, to learn what is undocumented of the service.

Rule of this file: it does what ``fh.probe`` does and decides nothing of its own. The profile goes to stdout, questions
to the terminal.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any, Final

import fh_notebook as fh
from fh_notebook.cli.batch import MISUSED, add_where, address_of, client_of, terminated_as_interrupted
from fh_notebook.cli.completion import names, variants
from fh_notebook.cli.terminal import add_command
from fh_notebook.core.text.messages import COMMAND
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.session.probe import BURST, MAX_CALLS, probe_for

EXAMPLES: Final = """
    # asks before each step, which names its number of requests, 8 at most in
    # all; choose a variant that is harmless to run
    fh-notebook probe support-triage -v live --input ticket="My parcel is late."
    # also: how many calls at once are admitted, and a callback through a tunnel;
    # without --callback-port, the question names a free port for the tunnel
    fh-notebook probe support-triage -v live --input ticket=Hello \\
      --concurrency --callback https://hooks.example.com --callback-port 8787 \\
      --max-calls 24 --report profile.md
    # a Start variable that is not a text: JSON after :=
    fh-notebook probe planner -v live --input 'days:=[3, 7]'
"""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser = add_command(
        commands,
        "probe",
        help="learn undocumented behaviour of the service by a few calls",
        about=(
            "Make a few calls, each step after confirmation, to learn undocumented behaviour of the service: the "
            "form of answers, look-ups, errors, callbacks and signatures, and the subscription's cap on calls at "
            "once. What was not observed stays unknown, as does a refusal or a cap that was not the same twice. "
            "The profile is saved for this workspace; doctor shows it. Exit code 1 when the direct call did not "
            "complete, 2 when nothing was called."
        ),
        examples=EXAMPLES,
    )
    name = parser.add_argument("deployment", metavar="DEPLOYMENT", help="the deployment to call; choose a harmless one")
    name.completer = names  # type: ignore[attr-defined]  # argcomplete looks for it there
    variant = parser.add_argument("-v", "--variant", metavar="VARIANT", help="its variant")
    variant.completer = variants  # type: ignore[attr-defined]  # as above
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        type=_input,
        metavar="NAME=VALUE",
        help="a Start variable; NAME:=JSON for one that is not a text",
    )
    parser.add_argument(
        "--max-calls",
        type=int,
        default=MAX_CALLS,
        metavar="N",
        help=(
            f"maximum number of requests, repeated ones included ({MAX_CALLS} by default: provokes each refusal, "
            "and confirms at most two of them; 11 confirms all, 23 with --concurrency, 24 with --callback as "
            "well)"
        ),
    )
    parser.add_argument(
        "--concurrency",
        action="store_true",
        help=(
            f"send up to {BURST} calls at once, and if some are refused, later one more than were admitted, to "
            "see the subscription's cap; --max-calls 7 shows a cap of 1, 11 one of up to 3, 15 one of up to 5"
        ),
    )
    parser.add_argument("--callback", metavar="URL", help="make one run by callback; the public URL of a tunnel")
    parser.add_argument(
        "--callback-port",
        type=int,
        default=0,
        metavar="N",
        help="the local end of the tunnel (default: a free port, which the question names; needed with --yes)",
    )
    parser.add_argument("--yes", action="store_true", help="make the calls without asking")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="write the profile as Markdown, for the maintainers"
    )
    add_where(parser)


def _input(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    is_json = name.endswith(":")
    name = name.removesuffix(":")
    if not name or not sign:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    if not is_json:
        return name, value
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        raise argparse.ArgumentTypeError(f"{name}: the value after := is not JSON") from None


def run(args: argparse.Namespace) -> int:
    """Make the calls, print the profile, and return 0; 1: the direct call did not complete; 2: nothing was called."""
    from fh_notebook.contract.schema.coercion import coerce
    from fh_notebook.session.session import find_deployment_at

    try:
        if args.env_file is not None:
            fh.configure(dotenv=args.env_file)
        if args.report is not None:
            _check_report(args.report)
        known = find_deployment_at(address_of(args), args.deployment)
        inputs = dict(args.input) if known is None else coerce(dict(args.input), known.inputs)
        with terminated_as_interrupted(), client_of(args) as client:
            profile = probe_for(
                COMMAND,
                args.deployment,
                variant=args.variant,
                inputs=inputs,
                max_calls=args.max_calls,
                client=client,
                confirm=not args.yes,
                concurrency=args.concurrency,
                callback=args.callback or False,
                callback_port=args.callback_port,
            )
    except (InputError, SettingsError) as exc:
        problems = [problem.text(COMMAND) for problem in getattr(exc, "problems", ())]
        for line in problems if len(problems) > 1 else [exc.text(COMMAND)]:
            print(f"fh-notebook probe: {line}", file=sys.stderr, flush=True)
        return MISUSED
    print(profile.text(COMMAND), flush=True)
    if args.report is not None:
        try:
            args.report.expanduser().write_text(profile.to_markdown(), "utf-8")
        except OSError as exc:
            why = exc.strerror or type(exc).__name__
            print(f"fh-notebook probe: --report {args.report} was not written: {why}", file=sys.stderr, flush=True)
            return 1
        print(f"\nThe report is {args.report}: read it, then send it to the maintainers.", flush=True)
    if not profile.calls:
        return MISUSED
    return 0 if profile.has_completed else 1


def _check_report(report: Path) -> None:
    """Check that a report can be written there."""
    file = report.expanduser()
    if not file.parent.is_dir():
        raise SettingsError(f"--report {report}: the folder {report.parent} does not exist; create it first")
    if file.is_dir():
        raise SettingsError(f"--report {report} is a folder; give the name of a file in it")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise SettingsError(f"--report {report} cannot be written; give another file")
