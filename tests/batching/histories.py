"""Random histories of batches by two kernels that share a store, and the rules that must hold after each step.

The kernels are processes (`histories_kernel.py`) that call one hive over a socket. The hive gives every answer only
once, so each output says which call it is of. The rules are written here a second time, over what the kernels told,
what the hive counted, and which lines lie in the store; of the package only the store is used, to read those lines.
"""

from __future__ import annotations

import itertools
import json
import math
import queue
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from fh_notebook.contract.job_key import job_key
from fh_notebook.local import LocalHive
from fh_notebook.store.store import Store
from tests import environment

PATIENCE_S = 60.0
KEYS = {"one": "fhk_0123456789abcdef", "two": "fhk_fedcba9876543210"}
NAMES = ("red", "green", "blue")
TEXTS = ("a", "b", "c", "d", "e", "bad")
"""``bad`` fails in the variant ``loud``: a failure that stands."""
VARIANTS = ("loud", "soft")


class Hive:
    """Gives each answer once, counts, and can hold its calls from a number on."""

    def __init__(self) -> None:
        self.hive = LocalHive(latency_s=(0.0, 0.004))
        self.begun = 0
        self.texts: set[str] = set()
        """Of the calls that have begun."""
        self.holds_after = math.inf
        self.go = threading.Event()
        self._changed = threading.Condition()
        for deployment, variant in itertools.product(("shout", "echo"), VARIANTS):
            self.hive.workflow(deployment, variant=variant)(self._workflow(deployment, variant))

    def _workflow(self, deployment: str, variant: str) -> Callable[[str], str]:
        def answer(text: str) -> str:
            with self._changed:
                self.begun += 1
                number = self.begun
                self.texts.add(text)
                self._changed.notify_all()
            if number > self.holds_after:
                self.go.wait(PATIENCE_S)
            output = f"{deployment} {variant} {text} #{number}"
            if text == "bad" and variant == "loud":
                raise RuntimeError(output)
            return output

        return answer

    def wait_for(self, begun: int, unless: Callable[[], bool], text: str | None = None) -> None:
        """Wait until so many calls have begun, and one of `text`, or something else came about."""
        with self._changed:
            while not unless() and (self.begun < begun or (text is not None and text not in self.texts)):
                self._changed.wait(0.005)


class Kernel:
    """One process; commands go in and answers come out, a line each."""

    def __init__(self, folder: Path) -> None:
        self._errors = (folder / f"kernel-{time.monotonic_ns()}.txt").open("w+")
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("histories_kernel.py"))],
            env=environment.for_process(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.batches: dict[int, Made] = {}
        """The batch objects that it has."""

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def ready(self) -> None:
        assert self._next() == "ready\n"

    def send(self, what: str, **command: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"what": what, **command}) + "\n")
        self._process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        line = self._next()
        assert line is not None, f"a kernel ended by itself:\n{self.told()}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _next(self) -> str | None:
        try:
            return self._lines.get(timeout=PATIENCE_S)
        except queue.Empty:
            raise AssertionError(f"a kernel did not answer in {PATIENCE_S:.0f} s:\n{self.told()}") from None

    @property
    def has_answered(self) -> bool:
        return not self._lines.empty()

    def kill(self) -> dict[str, Any] | None:
        """SIGKILL; return what it had answered before."""
        self._process.kill()
        self.end()
        line = self._lines.get(timeout=PATIENCE_S)
        return None if line is None else json.loads(line)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._errors.close()

    def told(self) -> str:
        self._errors.flush()
        return Path(self._errors.name).read_text()[-3000:]


class Kernels:
    """Two kernels, and a third one that is being started for when one is killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._spare = Kernel(folder)
        self.both = [Kernel(folder) for _ in range(2)]
        for kernel in self.both:
            kernel.ready()

    def replace(self, place: int) -> Kernel:
        """Put another one into the place of one that was killed."""
        kernel, self._spare = self._spare, Kernel(self._folder)
        kernel.ready()
        self.both[place] = kernel
        return kernel

    def end(self) -> None:
        for kernel in (*self.both, self._spare):
            kernel.end()


@contextmanager
def kernels(folder: Path) -> Iterator[Kernels]:
    """Two kernels for as many histories as are wanted."""
    both = Kernels(folder)
    try:
        yield both
    finally:
        both.end()


# --- what is known


@dataclass(eq=False)
class Answer:
    """One line of answers in the store, or the claim that a dead kernel left."""

    key: str
    batch: int
    """Whose it is: the number of the batch that paid for it, or that inherited it."""
    status: str
    output: str | None
    """Of a completed or failed one: what tells the call."""
    line: float
    """Its number; infinite for what a dead kernel had out and nobody has found yet."""
    users: set[int] = field(default_factory=set)


@dataclass
class Batch:
    """One batch that is kept."""

    id: int
    name: str
    at: str
    deployment: str
    keys: set[str]
    texts: set[str]
    reuse: str
    replaced: tuple[int, ...] = ()
    """The batches that had its name before: their answers are its own where it has none."""
    later: tuple[int, ...] = ()
    """The batches that have had its name since: likewise."""

    @property
    def ids(self) -> tuple[int, ...]:
        """Whose answers are its own: first itself."""
        return (self.id, *self.replaced, *self.later)


@dataclass
class Made:
    """A batch object of a kernel: what it asked, and what it shows."""

    number: int
    kernel: int
    ids: tuple[int, ...]
    """Its batch, and the one that it replaced."""
    keys: list[str]
    texts: dict[str, str]
    anywhere: bool
    fresh: bool
    after: float
    max_calls: float
    shown: dict[str, tuple[str, str | None]]
    calls: int


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell that runs a batch."""

    number: int
    at: str
    kind: str
    texts: list[str]
    labels: list[str]
    options: dict[str, Any]
    keys: list[str]
    """Of its jobs, in order, with doubles."""
    text_of: dict[str, str]

    @property
    def name(self) -> str | None:
        name: str | None = self.options["name"]
        return name

    @property
    def replaces(self) -> bool:
        return bool(self.options.get("replace"))

    @property
    def anywhere(self) -> bool:
        return self.options.get("reuse") == "store" and not self.fresh

    @property
    def fresh(self) -> bool:
        return bool(self.options.get("fresh"))

    @property
    def calls_lost(self) -> bool:
        return self.fresh or bool(self.options.get("retry_unknown"))

    @property
    def max_calls(self) -> float:
        most: int | None = self.options.get("max_calls")
        return math.inf if most is None else most

    @property
    def unnamed_as(self) -> tuple[Any, ...]:
        return (self.at, self.options["deployment"], tuple(self.options["variants"]), frozenset(self.keys))


@dataclass(frozen=True)
class Called:
    """One call at the hive."""

    key: str
    cell: int
    status: str
    output: str
    began: datetime
    ended: datetime

    @property
    def number(self) -> int:
        """The how-manieth call it was."""
        return int(self.output.split("#")[1])

    def overlaps(self, other: Called) -> bool:
        """Whether both were out at once."""
        return self.began < other.ended and other.began < self.ended


@dataclass
class Tally:
    """What happened in histories."""

    histories: int = 0
    steps: int = 0
    at_once: int = 0
    calls: int = 0
    kills: int = 0
    kills_with_calls_out: int = 0
    unknown: int = 0
    forgets: int = 0
    replaces: int = 0
    refused: int = 0
    reused: int = 0
    resumed: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in vars(self).items())


class Model:
    """What must be in the store, by the rules."""

    def __init__(self) -> None:
        self.batches: dict[int, Batch] = {}
        self.answers: list[Answer] = []
        self.named: dict[tuple[Any, ...], str] = {}
        """The names of unnamed batches."""
        self.last = 0.0

    def find(self, name: str | None, at: str) -> Batch | None:
        return next((b for b in self.batches.values() if (b.name, b.at) == (name, at)), None)

    def of_cell(self, cell: Cell) -> Batch | None:
        return self.find(cell.name or self.named.get(cell.unnamed_as), cell.at)

    def look_up(
        self, key: str, ids: Sequence[int], *, anywhere: bool, call_lost: bool, after: float = 0.0
    ) -> Answer | None:
        """Return what stands for a job of the first of the batches `ids`, which has the answers of the others, too."""
        first, *others = ids or (0,)
        mine = {first, *others}
        of_key = sorted((a for a in self.answers if a.key == key), key=lambda a: -a.line)
        lines = [a for a in of_key if a.line < math.inf]
        own = [a for a in lines if (a.batch in mine or a.users & mine) and a.line > after]
        of_itself = [a for a in own if a.batch == first or first in a.users]
        found = _reusable(of_itself) or _reusable(own) or (_reusable(lines) if anywhere else None)
        if found is not None or call_lost:
            return found
        unknown = [a for a in (*own, *(lines if anywhere else ())) if a.status == "unknown"]
        lost = [a for a in of_key if a.line == math.inf and (a.batch in mine or anywhere)]
        return unknown[0] if unknown else max(lost, key=lambda a: a.batch, default=None)

    def earlier(self, batch: Batch) -> tuple[int, ...]:
        """Return the batches that had its name before."""
        name = batch.name.split("@")[0]
        return tuple(
            b.id for b in self.batches.values() if (b.at, b.name.split("@")[0]) == (batch.at, name) and b.id < batch.id
        )

    def forget_batch(self, batch: Batch) -> None:
        for answer in list(self.answers):
            answer.users.discard(batch.id)
            if answer.batch == batch.id and answer.users:
                answer.batch = min(answer.users)
                answer.users.discard(answer.batch)
            elif answer.batch == batch.id:
                self.answers.remove(answer)
        del self.batches[batch.id]


def _reusable(lines: list[Answer]) -> Answer | None:
    may_have_run = False
    for answer in lines:
        if answer.status == "completed" or (answer.status == "failed" and not may_have_run):
            return answer
        may_have_run = may_have_run or answer.status == "unknown"
    return None


# --- one history


class History:
    """One random history.

    Parameters
    ----------
    seed : int
        What is drawn, though not when kernels do it.
    kernels : Kernels
        Who acts.
    folder : Path
        Where its store lies.
    tally : Tally
        Counts what happened.
    """

    def __init__(self, seed: int, kernels: Kernels, folder: Path, tally: Tally) -> None:
        self.seed = seed
        self.told: list[str] = []
        """The steps, for whoever reads a failure."""
        self._rng = random.Random(seed)
        self._kernels = kernels
        self._path = folder / f"history-{seed}.sqlite3"
        self._tally = tally
        self._model = Model()
        self._numbers = itertools.count(1)
        self._cells: dict[int, Cell] = {}
        self._made: dict[int, Made] = {}
        self._pool = self._rng.sample(TEXTS, 5)
        self._seen = 0

    def run(self) -> None:
        """Go through it.

        Raises
        ------
        AssertionError
            A rule was broken; with the seed and the steps.
        """
        self._hive = Hive()
        with self._hive.hive.serve() as server, Store(self._path).closing() as store:
            self._url, self._store = server.url, store
            try:
                for place in range(2):
                    self._begin(self._kernels.both[place])
                for _ in range(self._rng.randint(5, 9)):
                    self._step()
                self._look_at_all()
            except AssertionError as broken:
                told = "\n".join([f"seed {self.seed}: {broken}", *self.told, *self._spell_store()])
                raise AssertionError(told) from broken
            finally:
                self._hive.go.set()
        self._tally.histories += 1

    def _begin(self, kernel: Kernel) -> None:
        kernel.send("begin", store=str(self._path), url=self._url, keys=KEYS)
        self._workspaces = kernel.receive()["workspaces"]

    def _step(self) -> None:
        self._tally.steps += 1
        rng = self._rng
        what = rng.random()
        mine = list(self._made.values())
        if what < 0.12 and self._model.batches:
            self._forget()
        elif what < 0.22 and mine:
            self._resume(rng.choice(mine))
        elif what < 0.26 and self._model.batches:
            self._open(rng.randrange(2), rng.choice(list(self._model.batches.values())))
        elif what < 0.31:
            self._kill_one([self._draw()])
        elif what < 0.35 and self._model.batches:
            self._forget_at_once(self._draw())
        elif what < 0.39:
            self._replace_at_once(self._draw())
        elif what < 0.55:
            cell = self._draw()
            self._at_once([cell, self._draw(like=cell)])
        elif what < 0.59:
            cell = self._draw()
            self._kill_one([cell, self._draw(like=cell)])
        else:
            again = rng.random() < 0.25 and self._cells
            cell = self._again(rng.choice(list(self._cells.values()))) if again else self._draw()
            self._run(rng.randrange(2), cell)

    # --- drawing

    def _draw(self, like: Cell | None = None) -> Cell:
        rng = self._rng
        alike = like is not None and rng.random() < 0.75
        at = like.at if alike and like is not None else rng.choices(list(KEYS), [4, 1])[0]
        name = like.name if alike and like is not None and rng.random() < 0.8 else rng.choice([*NAMES, None])
        known = self._model.find(name, at)
        texts = [rng.choice(self._pool) for _ in range(rng.randint(1, 5))]
        if alike and like is not None and rng.random() < 0.8:
            texts = list(like.texts)
            if rng.random() < 0.4:
                texts += [rng.choice(self._pool)]
        elif known is not None and rng.random() < 0.6:
            texts = sorted(known.texts)
            texts = rng.choice([texts, texts[:2], [*texts, rng.choice(self._pool)]])
        if rng.random() < 0.5:
            rng.shuffle(texts)
        variants = (
            like.options["variants"]
            if alike and like is not None
            else rng.choice([["loud"], ["soft"], ["loud", "soft"], ["soft", "loud"]])
        )
        deployment = (
            known.deployment if known is not None and rng.random() < 0.9 else rng.choices(["shout", "echo"], [5, 1])[0]
        )
        if alike and like is not None:
            deployment = like.options["deployment"]
        options: dict[str, Any] = {
            "name": name, "deployment": deployment, "variants": variants, "max_concurrency": rng.randint(1, 4),
            "repeats": rng.choice([1, 1, 2]), "reuse": rng.choice(["batch", "batch", "store"]),
        }  # fmt: skip
        if rng.random() < 0.25:
            options["replace"] = True
            texts = texts if rng.random() < 0.4 else [rng.choice(self._pool) for _ in range(rng.randint(1, 5))]
        if rng.random() < 0.2:
            options["max_calls"] = rng.randint(1, 4)
        if rng.random() < 0.1 and like is None:
            options["fresh"] = True
        elif rng.random() < 0.2:
            options["retry_unknown"] = True
        return self._cell(at, rng.choice(["list", "frame", "iterator"]), texts, options)

    def _again(self, cell: Cell) -> Cell:
        """The same cell once more; without what makes it call anew."""
        options = {name: value for name, value in cell.options.items() if name != "fresh"}
        return self._cell(cell.at, cell.kind, cell.texts, options)

    def _cell(self, at: str, kind: str, texts: list[str], options: dict[str, Any]) -> Cell:
        number = next(self._numbers)
        labels = [f"r{number}.{i}" for i in range(len(texts))]
        jobs = [
            (self._key(at, options["deployment"], variant, text, repeat), text)
            for text in texts
            for repeat in range(1, options["repeats"] + 1)
            for variant in options["variants"]
        ]
        cell = Cell(
            number=number, at=at, kind=kind, texts=texts, labels=labels, options=options,
            keys=[key for key, _ in jobs], text_of=dict(jobs),
        )  # fmt: skip
        self._cells[number] = cell
        return cell

    def _key(self, at: str, deployment: str, variant: str, text: str, repeat: int) -> str:
        return job_key(self._workspaces[at], deployment, variant, {"text": text}, repeat)

    # --- doing

    def _send(self, place: int, cell: Cell) -> None:
        self._kernels.both[place].send(
            "run", number=cell.number, at=cell.at, kind=cell.kind, texts=cell.texts, labels=cell.labels, **cell.options
        )

    def _say(self, text: str) -> None:
        self.told.append(f"  {len(self.told) + 1}. {text}")

    def _spell(self, place: int, cell: Cell) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in cell.options.items())
        return f"kernel {place} runs cell {cell.number} in {cell.at}: {cell.kind} {'/'.join(cell.texts)}, {options}"

    def _spell_store(self) -> Iterator[str]:
        """What lies there, for whoever reads a failure."""
        yield "in the store, beside what the rules say:"
        uses = self._store.database.read(lambda c: c.execute("SELECT batch, answer FROM uses").fetchall())
        rules = {answer.line: answer for answer in self._model.answers}
        for record in sorted(self._store.batches.every(), key=lambda record: record.id):
            yield f"  batch {record.id}: {record.name} in {record.workspace}, {record.plan.get('replaced')}"
        for line in self._store.answers.every():
            told, users = line.run.output or line.run.error, sorted(b for b, answer in uses if answer == line.id)
            yield f"  answer {line.id}: {line.key[:6]} of batch {line.batch}, used by {users}: {told}; {rules.get(line.id)}"

    def _run(self, place: int, cell: Cell) -> None:
        self._say(self._spell(place, cell))
        self._send(place, cell)
        reply = self._kernels.both[place].receive()
        self._say_reply(reply)
        self._check_run(place, cell, reply, self._new_calls())

    def _say_reply(self, reply: dict[str, Any] | None) -> None:
        if reply is None:
            self.told[-1] += " -> killed"
        elif "refused" in reply:
            self.told[-1] += f" -> {reply['refused']}: {reply['why'][:90]}"
        elif "counts" in reply:
            counts = {name: value for name, value in reply["counts"].items() if value}
            self.told[-1] += f" -> batch {reply['id']} {counts}"

    def _new_calls(self) -> list[Called]:
        """Return the calls of this step, once all have ended at the hive."""
        assert self._hive.hive.wait_idle(PATIENCE_S)
        calls, self._seen = self._hive.hive.calls[self._seen :], len(self._hive.hive.calls)
        self._tally.calls += len(calls)
        told = []
        for call in calls:
            output = call.output if call.status == "completed" else str(call.error).split(": ")[-1]
            assert call.ended_at is not None
            key, cell = call.metadata["fh_job"], call.metadata["cell"]
            told.append(Called(key, cell, call.status, output, call.created_at, call.ended_at))
        return told

    # --- one cell by itself: what comes of it is known beforehand

    def _check_run(self, place: int, cell: Cell, reply: dict[str, Any], calls: list[Called]) -> None:
        model, known = self._model, self._model.of_cell(cell)
        verdict = self._verdict(cell, known)
        if "refused" in reply:
            assert verdict in ("refused", "perhaps"), f"{verdict}, and it was refused: {reply['why']}"
            assert "nothing was called" in reply["why"], reply
            assert not calls, f"a refused table made {len(calls)} calls"
            self._tally.refused += 1
            self._sync(calls, [])
            return
        assert verdict != "refused", "another table was not refused"
        number = reply["id"]
        ids: tuple[int, ...]
        if known is None or verdict == "replaces":
            assert number not in model.batches, f"{number} is another batch"
            ids = (number,) if known is None else (number, known.id, *model.earlier(known))
        else:
            assert number == known.id, f"it goes on as batch {number}, not {known.id}"
            ids = known.ids
        self._tally.replaces += verdict == "replaces"
        after = model.last if cell.fresh else 0.0
        found = self._found(dict.fromkeys(cell.keys), ids[:1] if cell.fresh else ids, cell, after)
        shown = self._check_calls(found, calls, most=cell.max_calls)
        if cell.name is None:
            model.named[cell.unnamed_as] = reply["name"]
        self._sync(calls, [], expected={number: (cell, verdict == "replaces")})
        self._use(number, found)
        assert reply["counts"]["planned"] == len(cell.keys)
        assert reply["counts"]["calls"] == len(calls), reply["counts"]
        self._check_shown(reply, shown, cell.keys)
        self._check_labels(cell, reply)
        self._tally.reused += reply["counts"]["reused"]
        self._keep_made(place, cell, ids, after, shown, len(calls))

    def _keep_made(
        self, place: int, cell: Cell, ids: tuple[int, ...], after: float, shown: dict[str, Any], calls: int
    ) -> None:
        self._made[cell.number] = Made(
            cell.number, place, ids[:1] if cell.fresh else ids, cell.keys, cell.text_of, cell.anywhere, cell.fresh,
            after, cell.max_calls, shown, calls,
        )  # fmt: skip

    def _verdict(self, cell: Cell, known: Batch | None) -> str:
        """Whether a cell begins, goes on, replaces or is refused; of an iterator that depends on the order, too."""
        if known is None:
            return "begins"
        if cell.kind == "iterator" and cell.replaces:
            return "replaces"
        if cell.name is None:
            return "goes on"
        texts = set(cell.texts)
        same = known.deployment == cell.options["deployment"] and (texts <= known.texts or known.texts <= texts)
        if same:
            return "perhaps" if cell.kind == "iterator" else "goes on"
        if cell.kind == "iterator" and known.deployment == cell.options["deployment"]:
            return "perhaps"  # it is compared with the rows at its places only
        return "replaces" if cell.replaces else "refused"

    def _found(self, keys: Iterable[str], ids: Sequence[int], how: Cell, after: float) -> dict[str, Answer | None]:
        return {
            key: self._model.look_up(key, ids, anywhere=how.anywhere, call_lost=how.calls_lost, after=after)
            for key in keys
        }

    def _check_calls(
        self, found: dict[str, Answer | None], calls: list[Called], *, most: float
    ) -> dict[str, tuple[str, str | None]]:
        """Check which calls were made; return what each job shows now."""
        wanted = {key for key, answer in found.items() if answer is None}
        times = Counter(call.key for call in calls)
        assert not times or max(times.values()) == 1, f"a job was called {max(times.values())} times"
        paid = [call for call in calls if call.key not in wanted]
        assert not paid, f"paid for twice: {paid[0]}, which had {found.get(paid[0].key)}"
        assert len(times) == min(most, len(wanted)), (
            f"{len(times)} calls of {len(wanted)} that are open, at most {most}"
        )
        shown = {key: (a.status, a.output) for key, a in found.items() if a is not None}
        return shown | {call.key: (call.status, call.output) for call in calls}

    def _check_shown(self, reply: dict[str, Any], shown: dict[str, tuple[str, str | None]], keys: list[str]) -> None:
        """Check a frame: each line has the output of its own text, and that output which it must have."""
        self._check_lines(reply)
        lines = {line[7]: line for line in reply["lines"]}
        assert set(lines) == set(shown) & set(keys), f"shown {len(lines)} jobs, not {len(set(shown) & set(keys))}"
        for key, line in lines.items():
            status, output = shown[key]
            assert line[4] == status, f"{line} shows {line[4]}, not {status}"
            told = line[5] if status == "completed" else line[6]
            assert status == "unknown" or str(told).endswith(str(output)), f"{line} shows not {output}"
        assert {line[0] for line in reply["pending"]} == set(keys) - set(shown)

    def _check_lines(self, reply: dict[str, Any]) -> None:
        """Check what must hold of any frame, without knowing what is in the store."""
        counts, lines = reply["counts"], reply["lines"]
        assert counts["planned"] == counts["done"] + counts["failed"] + counts["unknown"] + counts["pending"], counts
        kinds = Counter(line[4] for line in lines)
        assert (kinds["completed"], kinds["failed"], kinds["unknown"], len(reply["pending"])) == (
            counts["done"], counts["failed"], counts["unknown"], counts["pending"],
        ), f"{counts}, and the frame has {dict(kinds)}"  # fmt: skip
        for _, _, variant, repeat, status, output, error, key, text in lines:
            deployment = str(output if status == "completed" else error).split(": ")[-1].split(" ")[0]
            if status == "completed":
                assert str(output).startswith(f"{deployment} {variant} {text} #"), f"{text}/{variant} shows {output}"
            if status != "unknown":
                keys = {self._key(at, deployment, variant, text, int(repeat)) for at in KEYS}
                assert key in keys, f"a line of {text} has another job's key"

    def _check_labels(self, cell: Cell, reply: dict[str, Any]) -> None:
        """Check that a label has the text that the cell gave it; an iterator shows those that are kept."""
        if cell.kind == "iterator":
            return
        labels = cell.labels if cell.kind == "frame" else [str(i) for i in range(len(cell.texts))]
        by_label = dict(zip(labels, cell.texts, strict=True))
        for index, row, *_, text in reply["lines"]:
            assert by_label[str(row)] == text, f"row {row} is {by_label[str(row)]}, and shows {text}"
            assert cell.kind != "frame" or index == str(row)

    def _use(self, number: int, found: dict[str, Answer | None]) -> None:
        for answer in found.values():
            if answer is not None and answer.batch != number:
                answer.users.add(number)

    # --- what lies in the store, against what the hive was asked

    def _sync(
        self, calls: list[Called], killed: list[Cell], *, expected: dict[int, tuple[Cell, bool]] | None = None
    ) -> None:
        """Read what the step added to the store: every answer is of a call, and nothing that was there is gone.

        `expected` names the one batch that may have changed, with the cell that changed it; ``None``: any.
        """
        model = self._model
        lines = list(self._store.answers.every())
        ids = {line.id for line in lines}
        gone = [a for a in model.answers if a.line < math.inf and a.line not in ids]
        assert not gone, f"answers were lost: {gone}"
        known = {a.line for a in model.answers}
        back = [line for line in lines if line.id <= model.last and line.id not in known]
        assert not back, f"answers that were forgotten are there: {back}"
        self._sync_batches(expected)
        unkept = Counter((call.key, call.output) for call in calls)
        for line in lines:
            if line.id <= model.last:
                continue
            assert line.batch in model.batches, f"an answer is kept for batch {line.batch}, which is not there"
            told = line.run.output if line.status == "completed" else str(line.run.error).split(": ")[-1]
            if line.status == "unknown":
                lost = [a for a in model.answers if (a.key, a.batch, a.line) == (line.key, line.batch, math.inf)]
                if lost:
                    lost[0].line = line.id
                else:  # out in a kernel that was killed in this very step
                    assert any(line.key in cell.keys for cell in killed), f"nothing was out of {line.key}"
                    model.answers.append(Answer(line.key, line.batch, "unknown", None, line.id))
                continue
            assert unkept[line.key, told], f"line {line.id} is of no call of this step: {told}"
            unkept[line.key, told] -= 1
            model.answers.append(Answer(line.key, line.batch, line.status, told, line.id))
        self._sync_claims(killed, lines)
        self._sync_uses(killed)
        model.last = max([model.last, *ids])
        unknown = {a.key for a in model.answers if a.status == "unknown"}
        said_so = {call.key for call in calls if self._cells[call.cell].calls_lost}  # its claim was taken over then
        for (key, output), times in unkept.items():
            if times:
                assert any(key in cell.keys for cell in killed), f"an answer was not kept: {output}"
                assert key in unknown | said_so, f"a call that may have run left nothing behind: {output}"

    def _sync_claims(self, killed: list[Cell], lines: list[Any]) -> None:
        """Note what killed kernels left claimed, and check that what was noted before is there still."""
        model = self._model
        keys = {key for cell in self._cells.values() for key in cell.keys}
        claimed = {(batch, key) for batch, key, *_ in self._store.claims.on_keys(keys)}
        for answer in [a for a in model.answers if a.line == math.inf]:
            if (answer.batch, answer.key) in claimed:
                continue
            # Called again by somebody who said so, and answered.
            newer = [x for x in lines if x.id > model.last and (x.batch, x.key) == (answer.batch, answer.key)]
            assert newer, f"that {answer.key} of batch {answer.batch} may have run was lost"
            model.answers.remove(answer)
        noted = {(a.batch, a.key) for a in model.answers if a.line == math.inf}
        for batch, key in claimed - noted:
            assert any(key in cell.keys for cell in killed), f"{key} of batch {batch} is claimed, and nobody runs"
            self._tally.unknown += 1
            model.answers.append(Answer(key, batch, "unknown", None, math.inf))

    def _sync_uses(self, killed: list[Cell]) -> None:
        """Note which answers of others the batches of killed kernels had taken: nobody has told."""
        keys = {key for cell in killed for key in cell.keys}
        taken = (
            self._store.database.read(lambda c: c.execute("SELECT batch, answer FROM uses").fetchall()) if keys else []
        )
        for answer in self._model.answers:
            if answer.key in keys:
                answer.users |= {batch for batch, line in taken if line == answer.line}

    def _sync_batches(self, expected: dict[int, tuple[Cell, bool]] | None) -> None:
        """Read the batches: names are unique, jobs are only added, and all of a cell's or none."""
        model = self._model
        of_workspace = {workspace: at for at, workspace in self._workspaces.items()}
        records = {record.id: record for record in self._store.batches.every()}
        assert set(model.batches) <= set(records), f"batches were lost: {set(model.batches) - set(records)}"
        new, renamed = set(records) - set(model.batches), set[int]()
        for number, record in records.items():
            at = of_workspace[record.workspace]
            jobs = [line for window in self._store.jobs.windows(number) for line in window]
            keys, texts = {line.key for line in jobs}, {json.loads(line.inputs)["text"] for line in jobs}
            before = model.batches.get(number)
            if before is not None and before.keys == keys and before.name == record.name:
                before.reuse = record.plan["reuse"]
                before.later = tuple(record.plan.get("replaced_by", ()))
                continue
            old = before.keys if before is not None else set()
            assert old <= keys, f"batch {number} lost jobs"
            if before is not None and before.name != record.name:
                assert record.name.startswith(f"{before.name}@20"), f"{before.name} became {record.name}"
            if expected is None:
                cells = [set(cell.keys) for cell in self._cells.values()]
                parts = [part for part in cells if part <= keys]
                assert old | set().union(*parts) == keys, f"batch {number} has a part of a cell's jobs"
            elif number in expected:
                assert keys == old | set(expected[number][0].keys), f"batch {number} has other jobs"
            else:
                assert keys == old, f"batch {number} was changed by a cell of another batch"
            renamed |= {number} if "@" in record.name else set()
            model.batches[number] = Batch(
                number, record.name, at, record.deployment, keys, texts, str(record.plan["reuse"]),
                before.replaced if before is not None else (), tuple(record.plan.get("replaced_by", ())),
            )  # fmt: skip
        for number in new:
            earlier = model.earlier(model.batches[number])
            model.batches[number].replaced = earlier if renamed.intersection(earlier) else ()

    # --- other single steps

    def _open(self, place: int, batch: Batch) -> None:
        self._say(f"kernel {place} opens {batch.name} of {batch.at}")
        kernel = self._kernels.both[place]
        kernel.send("open", name=batch.name, at=batch.at)
        reply = kernel.receive()
        self._say_reply(reply)
        calls = self._new_calls()
        assert not calls, "opening a batch made calls"
        assert reply["id"] == batch.id
        anywhere = batch.reuse == "store"
        found = {key: self._model.look_up(key, batch.ids, anywhere=anywhere, call_lost=False) for key in batch.keys}
        shown = {key: (a.status, a.output) for key, a in found.items() if a is not None}
        self._check_shown(reply, shown, list(batch.keys))
        self._sync([], [], expected={})
        self._use(batch.id, found)  # what was shown once stays

    def _resume(self, made: Made) -> None:
        options = {"retry_unknown": True} if self._rng.random() < 0.3 else {}
        self._say(f"kernel {made.kernel} resumes the object of cell {made.number} {options or ''}")
        kernel = self._kernels.both[made.kernel]
        kernel.send("resume", number=made.number, **options)
        reply = kernel.receive()
        self._say_reply(reply)
        calls = self._new_calls()
        if made.ids[0] not in self._model.batches:
            assert "was forgotten" in reply.get("why", ""), f"a forgotten batch goes on: {reply}"
            assert not calls
            return
        lost = bool(options)
        ids = made.ids if made.fresh else (*made.ids, *self._model.batches[made.ids[0]].later)
        open_keys = [
            key for key in dict.fromkeys(made.keys)
            if key not in made.shown or (lost and made.shown[key][0] == "unknown")
        ]  # fmt: skip
        found = {
            key: self._model.look_up(key, ids, anywhere=made.anywhere, call_lost=lost, after=made.after)
            for key in open_keys
        }
        shown = self._check_calls(found, calls, most=made.max_calls)
        self._sync(calls, [], expected={})
        self._use(made.ids[0], found)
        made.shown = made.shown | shown
        made.calls += len(calls)
        assert reply["counts"]["calls"] == made.calls
        self._check_shown(reply, made.shown, made.keys)
        self._tally.resumed += 1

    def _forget(self) -> None:
        rng, model = self._rng, self._model
        batch = rng.choice(list(model.batches.values()))
        at = batch.at if rng.random() < 0.8 else rng.choice(list(KEYS))
        place = rng.randrange(2)
        kernel = self._kernels.both[place]
        if rng.random() < 0.8:
            self._say(f"kernel {place} forgets {batch.name} in {at}")
            kernel.send("forget", at=at, batch=batch.name)
            gone = model.find(batch.name, at)
            reply = kernel.receive()
            assert ("refused" in reply) == (gone is None), reply
            if gone is not None:
                model.forget_batch(gone)
        else:
            self._say(f"kernel {place} forgets the deployment {batch.deployment} in {at}")
            kernel.send("forget", at=at, deployment=batch.deployment)
            reply = kernel.receive()
            assert "refused" not in reply, reply
            there = [b for b in model.batches.values() if (b.at, b.deployment) == (at, batch.deployment)]
            numbers = {b.id for b in there}
            model.answers = [a for a in model.answers if a.batch not in numbers]
            for b in there:
                del model.batches[b.id]
        self._tally.forgets += "refused" not in reply
        kept = {record.id for record in self._store.batches.every()}
        assert kept == set(model.batches), f"batches {kept} are there, not {set(model.batches)}"
        self._sync(self._new_calls(), [], expected={})

    def _look_at_all(self) -> None:
        for batch in list(self._model.batches.values()):
            self._open(self._rng.randrange(2), batch)

    # --- several at once, or killed: what may come of it is bounded, and then read

    def _at_once(self, cells: list[Cell]) -> None:
        self._tally.at_once += 1
        self._say("at once:")
        for place, cell in enumerate(cells):
            self._send(place, cell)
        replies: list[dict[str, Any] | None] = []
        for place, cell in enumerate(cells):
            self._say(self._spell(place, cell))
            replies.append(self._kernels.both[place].receive())
            self._say_reply(replies[-1])
        self._check_together(list(zip(range(2), cells, replies, strict=True)))

    def _forget_at_once(self, cell: Cell) -> None:
        """One kernel runs a batch while the other forgets that name: one comes first, and the other
        is refused or not.
        """
        model, rng, before = self._model, self._rng, self._model.of_cell(cell)
        name = cell.name or (before.name if before is not None else "none yet")
        places = rng.sample(range(2), 2)
        begun = self._hive.begun + rng.randint(0, 2)
        self._tally.at_once += 1
        self._say(self._spell(places[0], cell))
        running, forgetting = (self._kernels.both[place] for place in places)
        self._send(places[0], cell)
        self._hive.wait_for(begun, lambda: running.has_answered)
        forgetting.send("forget", at=cell.at, batch=name)
        reply, gone = running.receive(), forgetting.receive()
        self._say_reply(reply)
        self._say(f"kernel {places[1]} forgets {name} in {cell.at} at the same time -> {gone}")
        if "refused" in gone:
            self._check_together([(places[0], cell, reply)])
            return
        self._tally.forgets += 1
        there = {record.id for record in self._store.batches.every()}
        for batch in list(model.batches.values()):
            if batch.id not in there:
                assert (batch.name, batch.at) == (name, cell.at), f"batch {batch.id} was forgotten with another one"
                model.forget_batch(batch)
        is_there = reply.get("id") in there
        calls = self._new_calls()
        self._sync(calls if is_there else [], [])
        if "refused" not in reply:
            if cell.name is None:
                model.named[cell.unnamed_as] = reply["name"]
            assert reply["counts"]["calls"] == len(calls) <= cell.max_calls
        if is_there:
            self._use_shown(reply)
            self._check_lines(reply)

    def _use_shown(self, reply: dict[str, Any]) -> None:
        """Note which answers a batch shows that are of others."""
        lines = {(a.key, a.output): a for a in self._model.answers if a.status != "unknown"}
        for _, _, _, _, status, output, error, key, _ in reply["lines"]:
            told = str(output if status == "completed" else error).split(": ")[-1]
            if status != "unknown":
                assert (key, told) in lines, f"{told} is shown, and not kept"
                lines[key, told].users |= {reply["id"]} - {lines[key, told].batch}

    def _replace_at_once(self, one: Cell) -> None:
        """One kernel has calls of a batch out while the other replaces it: what is out is waited for."""
        hive, rng = self._hive, self._rng
        new = f"new {one.number}"
        options = {**one.options, "replace": True, "max_concurrency": 4, "name": one.name or rng.choice(NAMES)}
        for anew in ("fresh", "max_calls"):
            options.pop(anew, None)
        texts = [new, *one.texts[:2]]  # the new one first: calls that are held may take all slots
        two = self._cell(one.at, rng.choice(["list", "frame", "iterator"]), texts, options)
        self._tally.at_once += 1
        self._say("at once, while calls of the first one are out:")
        hive.go.clear()
        hive.holds_after = hive.begun + rng.randint(0, 2)
        kernels = self._kernels.both
        self._send(0, one)
        hive.wait_for(int(hive.holds_after) + 1, lambda: kernels[0].has_answered)
        out = hive.begun
        self._send(1, two)
        hive.wait_for(0, lambda: kernels[1].has_answered, new)
        hive.holds_after = math.inf
        hive.go.set()
        self._say(self._spell(0, one))
        replies: list[dict[str, Any] | None] = [kernels[0].receive()]
        self._say_reply(replies[0])
        self._say(self._spell(1, two))
        replies.append(kernels[1].receive())
        self._say_reply(replies[1])
        calls = self._check_together([(0, one, replies[0]), (1, two, replies[1])])
        first = {call.key for call in calls if call.cell == one.number and call.number <= out}
        again = [call for call in calls if call.cell == two.number and call.key in first]
        assert not again or one.name is None, f"paid for twice: {again[0]} was out under the name"

    def _kill_one(self, cells: list[Cell]) -> None:
        rng, hive = self._rng, self._hive
        self._tally.at_once += len(cells) > 1
        self._tally.kills += 1
        places = rng.sample(range(2), len(cells))
        doomed = self._kernels.both[places[0]]
        hive.go.clear()
        target = rng.randint(1, 5)
        if rng.random() < 0.6:
            hive.holds_after = hive.begun + rng.randint(0, target - 1)
        begun = hive.begun + target
        for place, cell in zip(places, cells, strict=True):
            self._send(place, cell)
        if hive.holds_after < math.inf:
            begun = int(hive.holds_after) + 1
        hive.wait_for(begun, lambda: doomed.has_answered)
        came = doomed.kill()
        self._tally.kills_with_calls_out += came is None
        hive.holds_after = math.inf
        hive.go.set()
        self._say(f"kernel {places[0]} is killed in:")
        replies: list[dict[str, Any] | None] = [came]
        self._say(self._spell(places[0], cells[0]))
        self._say_reply(came)
        for place, cell in list(zip(places, cells, strict=True))[1:]:
            self._say(self._spell(place, cell))
            replies.append(self._kernels.both[place].receive())
            self._say_reply(replies[-1])
        self._made = {number: made for number, made in self._made.items() if made.kernel != places[0]}
        self._check_together(list(zip(places, cells, replies, strict=True)), dead=places[0])
        self._begin(self._kernels.replace(places[0]))

    def _check_together(
        self, ran: list[tuple[int, Cell, dict[str, Any] | None]], dead: int | None = None
    ) -> list[Called]:
        model, calls = self._model, self._new_calls()
        before = {cell.number: model.of_cell(cell) for _, cell, _ in ran}
        old = dict(model.batches)
        of_cell = {cell.number: [call for call in calls if call.cell == cell.number] for _, cell, _ in ran}
        assert sum(map(len, of_cell.values())) == len(calls)
        known: dict[tuple[int, str], Answer | None] = {}
        for _, cell, reply in ran:
            then = before[cell.number]
            if reply is not None and "refused" in reply:
                self._tally.refused += 1
                assert not of_cell[cell.number], "a refused table made calls"
                assert "nothing was called" in reply["why"], reply
            ids = () if then is None else then.ids
            if any(x.replaces and x.name == cell.name and x.at == cell.at for _, x, _ in ran if x is not cell):
                ids = ()  # that one may have come first: then this one goes on with it, or replaces it
            if cell.fresh:
                continue
            for key in dict.fromkeys(cell.keys):
                known[cell.number, key] = model.look_up(key, ids, anywhere=cell.anywhere, call_lost=cell.calls_lost)
        self._sync(calls, [cell for _, cell, reply in ran if reply is None])
        for _, cell, reply in ran:
            if cell.name is None:
                self._note_name(cell, reply)
        kept = {(a.key, a.output) for a in model.answers if a.status != "unknown"}
        self._check_paid_once(ran, of_cell, known, kept)
        self._tally.replaces += sum(b.name != model.batches[b.id].name for b in old.values())
        lines = {(a.key, a.output): a for a in model.answers}
        for place, cell, reply in ran:
            if reply is None or "refused" in reply:
                continue
            self._check_lines(reply)
            self._check_labels(cell, reply)
            counts = reply["counts"]
            assert counts["planned"] == len(cell.keys)
            assert counts["calls"] == len(of_cell[cell.number]) <= cell.max_calls
            assert not reply["pending"] or cell.max_calls < math.inf, f"{len(reply['pending'])} jobs are pending"
            shown: dict[str, tuple[str, str | None]] = {}
            for line in reply["lines"]:
                status, key = line[4], line[7]
                output = (
                    None if status == "unknown" else str(line[5] if status == "completed" else line[6]).split(": ")[-1]
                )
                shown[key] = (status, output)
                told = known.get((cell.number, key))
                assert told is None or told.status != "completed" or status == "completed", f"{told} is not shown"
                if status == "unknown":
                    there = [a for a in model.answers if a.key == key and a.status == "unknown"]
                    mine = [a for a in there if a.batch == reply["id"] or reply["id"] in a.users]
                    assert there, f"{line} may have run, and nothing says so"
                    if not mine:
                        max(there, key=lambda a: a.line).users.add(reply["id"])
                    continue
                assert (key, output) in lines, f"{line} shows an answer that is not kept"
                answer = lines[key, output]
                if answer.batch != reply["id"]:
                    answer.users.add(reply["id"])
            if place == dead:
                continue
            self._keep_made(
                place, cell, (reply["id"], *model.batches[reply["id"]].replaced), 0.0, shown, counts["calls"]
            )
        return calls

    def _note_name(self, cell: Cell, reply: dict[str, Any] | None) -> None:
        """Learn how an unnamed batch is called; of a killed kernel, from the batch that has its jobs."""
        if reply is not None:
            self._model.named[cell.unnamed_as] = reply["name"]
            return
        for batch in self._model.batches.values():
            hashed = batch.name.startswith(f"{cell.options['deployment']}-") and "@" not in batch.name
            if not hashed or batch.at != cell.at or batch.keys != set(cell.keys):
                continue
            record = self._store.batches.by_id(batch.id)
            if record is not None and [label for label, *_ in record.plan["arms"]] == cell.options["variants"]:
                self._model.named[cell.unnamed_as] = batch.name

    def _check_paid_once(
        self,
        ran: list[tuple[int, Cell, dict[str, Any] | None]],
        of_cell: dict[int, list[Called]],
        known: dict[tuple[int, str], Answer | None],
        kept: set[tuple[str, str | None]],
    ) -> None:
        dead = {cell.number for _, cell, reply in ran if reply is None}
        for _, cell, _ in ran:
            times = Counter(call.key for call in of_cell[cell.number])
            assert not times or max(times.values()) == 1, "a cell called a job twice"
            for call in of_cell[cell.number]:
                told = known.get((cell.number, call.key))
                assert told is None, f"paid for twice: {call}, which had {told}"
        if len(ran) < 2:
            return
        (_, one, _), (_, two, _) = ran
        both = {call.key: call for call in of_cell[one.number]}
        for call in of_cell[two.number]:
            other = both.get(call.key)
            if other is None or one.fresh or two.fresh:
                continue
            named = one.name is not None and (one.name, one.at) == (two.name, two.at)
            same = named or (one.name is two.name and one.unnamed_as == two.unnamed_as)
            # A batch that is replaced while it runs, and the one that replaces it, wait for what the other has out. The
            # answer that a killed kernel did not keep is lost, and is called again where that is asked for.
            first, last = sorted((other, call), key=lambda c: c.began)
            is_lost = first.cell in dead and (first.key, first.output) not in kept
            if is_lost and (one if one.number == last.cell else two).calls_lost:
                continue
            assert not same, f"paid for twice at once, under one name: {other}, {call}"
            assert not (one.anywhere and two.anywhere), f"paid for twice at once: {other}, {call}"
