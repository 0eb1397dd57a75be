"""Texts of ``fh-notebook batch``: its exit codes, and what to do about failed rows. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fh_notebook.contract.run import Run

__all__ = ["CODES", "cures"]

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
