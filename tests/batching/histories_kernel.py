"""A kernel of the random histories (`histories.py`): it reads a command a line as JSON, and answers with one line."""

from __future__ import annotations

import json
import sys
from typing import Any

import pandas as pd

import fh_notebook as fh
from fh_notebook.session import session

LINE = ["row", "variant", "repeat", "status", "output", "error", "key", "text"]


class Kernel:
    """What a user's notebook has: clients of two workspaces, and the batch objects that its cells made."""

    def __init__(self) -> None:
        self.clients: dict[str, fh.Client] = {}
        self.batches: dict[int, fh.Batch] = {}

    def begin(self, store: str, url: str, keys: dict[str, str]) -> dict[str, Any]:
        """Begin another history: another store file, another hive, nothing in memory."""
        session.reset()
        fh.configure(store=store)
        self.batches.clear()
        self.clients = {name: fh.Client(base_url=url, api_key=key) for name, key in keys.items()}
        return {"workspaces": {name: client.workspace for name, client in self.clients.items()}}

    def run(
        self, number: int, at: str, kind: str, texts: list[str], labels: list[str], **options: Any
    ) -> dict[str, Any]:
        rows: Any = [{"text": text} for text in texts]
        if kind == "frame":
            rows = pd.DataFrame({"text": texts}, index=labels)
        elif kind == "iterator":
            rows = iter(rows)
        batch = fh.batch(rows, client=self.clients[at], progress=False, metadata={"cell": number}, **options)
        self.batches[number] = batch
        return told(batch)

    def resume(self, number: int, **options: Any) -> dict[str, Any]:
        return told(self.batches[number].resume(**options))

    def open(self, name: str, at: str) -> dict[str, Any]:
        return told(fh.open_batch(name, client=self.clients[at]))

    def forget(self, at: str, batch: str | None = None, deployment: str | None = None) -> dict[str, Any]:
        return {"removed": fh.forget(batch, deployment=deployment, client=self.clients[at])}


def told(batch: fh.Batch) -> dict[str, Any]:
    """Say what a user sees of a batch."""
    counts, frame = batch.counts, batch.frame.reindex(columns=LINE)
    pending = batch.pending.reindex(columns=LINE)
    return {
        "id": batch._control.work.stored.id,
        "name": batch.name,
        "counts": {name: getattr(counts, name) for name in counts.__slots__},
        "lines": [[str(label), *line] for label, line in zip(frame.index, frame.values.tolist(), strict=True)],
        "pending": pending[["key", "text", "variant", "repeat"]].values.tolist(),
        "stopped": batch.stopped.reason if batch.stopped else None,
    }


def main() -> None:
    """Serve until the input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr
    kernel = Kernel()
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        what = getattr(kernel, command.pop("what"))
        try:
            answer = what(**command)
        except (fh.InputError, fh.SettingsError) as refused:
            answer = {"refused": type(refused).__name__, "why": str(refused)}
        print(json.dumps(answer, default=str), file=answers, flush=True)


if __name__ == "__main__":
    main()
