"""What ``fh-notebook batch`` says, in the words of whoever types commands. Pure.

Rule of this file: messages are written with Python's words (:mod:`fh_notebook.batching.person`); here each becomes the
option that does the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, TextIO

if TYPE_CHECKING:
    from fh_notebook.contract.run import Run

__all__ = ["AGAIN", "CODES", "Told", "as_options", "cures"]

AGAIN: Final = "run the same command again"
"""How one goes on after a stop."""

CODES: Final = """\
exit codes:
  0    every row is completed
  1    some rows failed or are unknown (also where --fail-on-error stopped it),
       or the file could not be written
  2    bad input or settings: nothing was called
  3    stopped by a limit: the rest is pending, run the same command again
  4    the service refused the key, or does not know the deployment or variant
  130  interrupted (Ctrl+C or SIGTERM): what is finished is kept,
       run the same command again
with --race: 0 when it is decided (a winner, or no difference that matters),
3 when it is not

The key comes from FETCH_HIVE_API_KEY, the system's keyring, or the file of
--env-file; it is never an option."""

_PATTERNS: Final = {
    re.compile(pattern): words
    for pattern, words in {
        r"\bretry_unknown=True\b": "--retry-unknown",
        r"\breplace=True\b": "--replace",
        r"\banother name=": "another --name",
        r"\breuse='store'": "--reuse store",
        r"\bgive receiver=fh\.CallbackReceiver\(public_url=\.\.\.\), an": "give --public-url, an",
        r"\bpublic_url=": "--public-url",
        r"\bpublic_url\b": "--public-url",
        r"\bdelivery='(\w+)'": r"--delivery \1",
        r"\bfh\.batch\(\.\.\., on_invalid='skip'\)": "--on-invalid skip",
        r"\binputs=\{'([^']*)': \.\.\.\}": r"--map \1=COLUMN",
        r"\bfh\.const\(([^)]*)\)": r"--const VARIABLE=\1",
        r"\bfh\.configure\((price)_per_call=([^)]*)\)": r"--\1-per-call \2",
        r"\bfh\.configure\(daily_cap=([^)]*)\)": r"--daily-cap \1",
        r"\bdaily_cap is ": "--daily-cap is ",
        r"\bprice_per_call is ": "--price-per-call is ",
        r"\bwait_for_reset=True\b": "--wait-for-reset",
        r"\b(max)_(calls|seconds|concurrency|cost)\b": r"--\1-\2",
        r"\bfail_on_error\b": "--fail-on-error",
        r"\bmin_difference\b": "--min-difference",
        r"\bon_invalid\b": "--on-invalid",
        r", or give fh\.Deployment\([^)]*\)": "",
        r"\brun the cell\b": "run the command",
        r"; failed='zero' counts (it|them) as 0\.": ".",
        r": cmp\.score_errors\(\)": "",
        r"^(rate|repeats|first|sample|name|reuse|alpha) is ": r"--\1 is ",
    }.items()
}


def as_options(text: str) -> str:
    """Return a message with the command's options in place of Python's arguments.

    Examples
    --------
    >>> as_options("2 unknown (may have run; retry_unknown=True calls again)")
    '2 unknown (may have run; --retry-unknown calls again)'
    >>> as_options("max_calls is -1; give a whole number from 0")
    '--max-calls is -1; give a whole number from 0'
    """
    for pattern, words in _PATTERNS.items():
        text = pattern.sub(words, text)
    return text


def cures(failed: Iterable[Run], again: str) -> Iterator[str]:
    """Yield what to do about runs that failed, a line for each kind of failure.

    Examples
    --------
    >>> from fh_notebook.contract.run import Run
    >>> print(*cures([Run(status="failed", error_code="connect")], "run it again"))
    1 reached nobody: look at the address, the network and the proxy (fh-notebook doctor --check), and run it again.
    """
    from fh_notebook.contract.retry import NOT_REACHED
    from fh_notebook.contract.reuse import is_reusable

    kinds: Counter[str] = Counter()
    for run in failed:
        if run.error_code in NOT_REACHED:
            kinds["nobody"] += 1
        elif not is_reusable(run):
            kinds["moment"] += 1
        else:
            kinds["row"] += 1
    if n := kinds["nobody"]:
        look = "look at the address, the network and the proxy (fh-notebook doctor --check)"
        yield f"{n:,} reached nobody: {look}, and {again}."
    if n := kinds["moment"]:
        yield f"{n:,} failed at the service and not by {'its row' if n == 1 else 'their rows'}: later, {again}."
    if kinds["row"]:
        yield f"What failed is kept as failed: correct its rows and {again}; no answer is paid for twice."


class Told:
    """A stream for text that speaks of options."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write `text` with options in place of arguments."""
        return self._stream.write(as_options(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
