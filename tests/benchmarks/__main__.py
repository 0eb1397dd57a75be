"""``python -m tests.benchmarks [NAME]``: measure, print, assert nothing. Figures in the README come from here."""

from __future__ import annotations

import importlib
import sys

NAMES = ("interrupt", "imports", "transports")


def main(wanted: list[str]) -> None:
    for name in wanted or list(NAMES):
        print(f"== {name}", flush=True)
        importlib.import_module(f"tests.benchmarks.{name}").main()


if __name__ == "__main__":
    main(sys.argv[1:])
