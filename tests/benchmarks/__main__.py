"""``python -m tests.benchmarks [NAME ...]``: measure, print, assert nothing. Figures in the documentation come from here.

Every benchmark prints one table in Markdown under a line with the date, the machine and the command. Times of two
machines cannot be compared and those of one are noisy: read the ratios, which were taken in one run. Nothing but this
machine is called.

=========== ==========================================================================================================
efficiency  ideal makespan / makespan of a batch in a cell of a real kernel, over a socket, store and progress on
cpu         CPU of the client per call, beside the vendor's SDK in 32 threads and one shared ``httpx.AsyncClient``
warm        the same cell again over 10,000 answered jobs: seconds, and calls at the service
memory      peak memory over the import, for rows from an iterator (``--jobs 10000 100000``; a million with ``--full``)
rows        a Parquet file of 200,000 rows (a million with ``--full``) and its peak memory over the import (bar: 150 MB);
            100,000 rows of Polars beside those of pandas (bar: 1.2 times as long)
kill        SIGKILL at random instants, then the cell again: answers lost, calls repeated, rows unknown, at the service
peers       60 rows through a cap of 3 that nobody was told, by the vendor's SDK, promptfoo, MLflow and Inspect AI with
            their defaults (``--install`` gets them from PyPI and npm; ``--peers FOLDER`` is where they are)
transports  what each HTTP transport costs a call
limiter     the adaptive limit against services that admit 1, 3, 5 and 50 calls at once
callbacks   runs by callback beside direct ones, events verified a second, forged, lost and doubled ones
interrupt   how long after Stop a cell ends
forms       50 fields in the kernel beside 50 plain widgets; the kinds of field beside two other form libraries
compare     a comparison of 10,000 and of 100,000 rows x 4 variants: read, summary, pairs, display, report; and
            `fh.compare` of 100,000 kept answers (bar: 2 s)
scoring     100,000 runs through `exact`, `contains`, `json_valid` (bar: 5 s each) and the others
race        races on paper, by the evidence of real ones: wrong winners, rows and calls beside a fixed plan (``--races``)
coverage    how often intervals of yes/no differences hold the truth, beside other rules; copies of rows in tests and races
correction  judges corrected by 20 to 100 labels: coverage of the intervals, and their width beside that of the labels alone
canary      canaries on paper, by the evidence of real ones: false alarms in 100 days, rows until a fall is found
            (``--canaries``)
best        variants that cannot be told apart from the best: how often the set holds the best ones, and its size
imports     what importing the package and loading the extension cost
seeing      100,000 rows x 4 variants in Chromium: first page, what is sent, filters, an opened row, memory; diffs of
            10,000 words
form_page   how long after its cell is run a form of 50 fields is on the screen, and 20 results of 100 KB, in Chromium
scale       a batch on 1, 2 and 4 Dask workers beside the plain engine: CPU a row, memory (``--rows 80000 1000000``, ``--workers 1 2 4``;
            ``--compare 10000000``: `fh.compare` of so many rows on that cluster)
=========== ==========================================================================================================

``--repeats`` is how often each measurement is repeated (medians are shown), ``--kills`` how often `kill` kills.
"""

from __future__ import annotations

import argparse
import sys
import time
from multiprocessing import get_context

from tests.benchmarks.measuring import headline, run_benchmark

NAMES = (
    "efficiency", "cpu", "warm", "memory", "rows", "kill", "peers", "transports", "limiter", "callbacks", "interrupt",
    "forms",
    "compare", "scoring", "race", "coverage", "correction", "canary", "best", "imports", "form_page", "seeing", "scale",
)  # fmt: skip


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all unless named: {', '.join(NAMES)}")
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--kills", type=int)
    parser.add_argument("--jobs", type=int, nargs="+", help="sizes for `memory` and `rows`")
    parser.add_argument("--races", type=int, help="on paper, of each kind, for `race`; 4,000 by default")
    parser.add_argument("--canaries", type=int, help="on paper, of each kind, for `canary`; 2,000 by default")
    parser.add_argument("--rows", type=int, nargs="+", help="sizes for `scale`")
    parser.add_argument("--workers", type=int, nargs="+", help="of `scale`; 1, 2 and 4 by default")
    parser.add_argument("--compare", type=int, help="rows of the comparison that `scale` measures then")
    parser.add_argument("--peers", metavar="FOLDER", help="where the others of `peers` are installed")
    parser.add_argument("--install", action="store_const", const=True, help="`peers` installs the others there")
    parser.add_argument(
        "--full", action="store_const", const=True, help="`memory`, `rows` and `scale` with a million jobs"
    )
    options = vars(parser.parse_args(arguments))
    wanted = options.pop("names") or list(NAMES)
    if strange := [name for name in wanted if name not in NAMES]:
        parser.error(f"the benchmark {strange[0]!r} does not exist; the labels are {', '.join(NAMES)}")
    print(headline(arguments), flush=True)
    failed = []
    for name in wanted:
        print(f"\n### {name}\n", flush=True)
        began = time.monotonic()
        alone = get_context("spawn").Process(target=run_benchmark, args=(name, options))
        alone.start()
        alone.join()
        if alone.exitcode:  # the others are of the same run, and take hours
            failed.append(name)
        print(f"\nMeasured in {time.monotonic() - began:,.0f} s.", flush=True)
    if failed:
        sys.exit(f"not measured, for an error: {', '.join(failed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
