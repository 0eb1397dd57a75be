"""`AssetKeeper`: save the files that the runs of a batch made, before their addresses expire.

Rules of this file:

1. The files of a run are fetched beside the calls and never fail a batch: what went wrong is a line of the table.
2. A file's name is that of its answer and its place, so a second call knows what is there, and equal jobs share it.
   It is put whole under this name or not at all, and never over another file.
3. The type that the service tells is compared with the bytes; a difference is told, and the file is saved.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from fh_notebook.batching.model import Event, Finished, Job, OutputArrived
from fh_notebook.batching.tables.entry_table import Entry
from fh_notebook.contract.output import SIGNATURE_BYTES, Asset, type_of_content
from fh_notebook.contract.run import Run
from fh_notebook.core.config.urls import LOCAL
from fh_notebook.core.files import KEPT_FILES, ByteBudget, KeptFile, remove_dead
from fh_notebook.core.redaction import error_text, log
from fh_notebook.core.text.formatting import byte_size, one_line
from fh_notebook.core.text.messages import PYTHON, Audience, Phrase, counted
from fh_notebook.errors import CallError, SettingsError
from fh_notebook.store.archive import FILE_BYTES_MAX, FILES_BYTES_MAX, FILES_MAX
from fh_notebook.store.writer import IN_MEMORY

if TYPE_CHECKING:
    from fh_notebook.client.assets import AssetDownloads
    from fh_notebook.client.clients import Client

MAX_BYTES: Final = 256 * 2**20
MAX_TOTAL_BYTES: Final = 10 * 2**30
"""A day of pictures; a disk is seldom smaller."""

MAX_FILES_PER_RUN: Final = 200
"""A model may list any number; each is a request, and a file in the folder."""

WINDOW: Final = 200
"""Runs whose files are looked at together."""

COLUMNS: Final = (
    "row", "variant", "repeat", "file_name", "status", "reason", "path", "bytes", "file_type", "content_type"
)  # fmt: skip


NOT_KEPT: Final = Phrase(
    "batch.assets shows why; batch.save_assets() tries again",
    command="The same command tries again; fh.open_batch(NAME).save_assets() in Python shows why",
)
"""What to do about files that were not saved."""

EXPIRED: Final = Phrase(
    "batch.assets shows what to do", command="fh.open_batch(NAME).save_assets() in Python shows what to do"
)
"""The same, where the addresses of all have expired: none can be fetched again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedAsset:
    """What became of one file of one job."""

    status: str
    """``saved``, ``missing`` (not fetched yet), ``expired`` or ``failed``."""
    reason: str = ""
    """Why it is not there, and what to do; or how its content differs from its type."""
    path: Path | None = None
    size: int | None = None
    content_type: str = ""
    """What its first bytes say; empty where they say nothing."""


_being_fetched: Final[dict[Path, Future[SavedAsset]]] = {}
_fetch_lock: Final = threading.Lock()
"""What keepers of this process fetch just now: one may work behind the calls of a batch, another be asked for."""


class AssetKeeper:
    """Saves the files of one batch in a folder.

    Parameters
    ----------
    folder : Path
        Where; it is made when there is a file.
    max_bytes, max_total_bytes : int
        Of one file, and of all files of the batch.
    runs : function
        Returns the jobs that have completed, with their runs.
    hive : function, optional
        Makes what reaches the hive in this process.
    now : callable
        The time, UTC.
    """

    def __init__(
        self,
        folder: Path,
        runs: Callable[[], Iterator[tuple[Job, Run]]],
        *,
        max_bytes: int = MAX_BYTES,
        max_total_bytes: int = MAX_TOTAL_BYTES,
        hive: Callable[[], Any] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.folder = folder
        self._runs = runs
        self._max_bytes = max_bytes
        self._hive = hive
        self._now = now
        self._total = ByteBudget(max_total_bytes)
        self._counted: set[str] = set()
        self._failed: dict[str, SavedAsset] = {}
        self._tried: set[str] = set()
        """What was fetched in the present start, whatever came of it: it is tried once."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._counting: asyncio.Task[None] | None = None
        """Counts what is there before the first fetch of the present start."""
        self._downloads: tuple[asyncio.AbstractEventLoop, AssetDownloads] | None = None

    @classmethod
    def of(
        cls,
        entries: Callable[[], Iterator[Entry]],
        client: Client | None,
        folder: Path,
        *,
        max_bytes: int = MAX_BYTES,
        max_total_bytes: int = MAX_TOTAL_BYTES,
    ) -> AssetKeeper:
        """Return the keeper of a batch with these entries; without a client nothing of a hive in process is fetched."""

        def runs() -> Iterator[tuple[Job, Run]]:
            for job, outcome, _ in entries():
                if outcome is not None and outcome.run.ok and outcome.run.assets:
                    yield job, outcome.run

        hive = client.aclient.connection.open_transport if client is not None and client.origin == LOCAL else None
        return cls(folder, runs, max_bytes=max_bytes, max_total_bytes=max_total_bytes, hive=hive)

    @classmethod
    def reopened(
        cls,
        entries: Callable[[], Iterator[Entry]],
        client: Client | None,
        files: Mapping[str, Any],
        store: Path,
        batch_id: int,
    ) -> AssetKeeper | None:
        """Return the keeper of a batch by its record (`record_of_files`), and have displays show what it has.

        It is ``None`` where the record says nothing.
        """
        folder = folder_of(files, store)
        if folder is None:
            return None
        keeper = cls.of(entries, client, folder)

        def find() -> None:
            if store == IN_MEMORY or store.exists():  # else it would be made anew
                keeper.note_present()

        of = keeper if store == IN_MEMORY else (store, batch_id)  # numbers in memory are given more than once
        KEPT_FILES.note_later(of, find)
        return keeper

    # --- on the loop of the batch

    def note(self, event: Event) -> None:
        """Begin to fetch the files of a job that has ended, and return at once."""
        if isinstance(event, Finished | OutputArrived) and event.run.ok and event.run.assets:
            self._begin(event.run)

    def _begin(self, run: Run) -> None:
        for number, asset in enumerate(run.assets[: MAX_FILES_PER_RUN + 1]):  # of the rest one line here is enough
            name = _name_of(run, number, asset)
            if name in self._tried:
                continue
            found = self._find(run, name, asset)
            if found.path is not None:
                self._failed.pop(name, None)
                self._count(name, found.size or 0)
                continue
            if found.status not in ("saved", "missing"):  # something else has the name, and is left
                self._failed[name] = found
                continue
            unfetchable = self._unfetchable(run, number, asset) if found.status == "missing" else None
            if unfetchable is not None:
                self._failed[name] = unfetchable
                continue
            self._tried.add(name)
            task = asyncio.get_running_loop().create_task(self._keep(run, number, asset))
            self._tasks[name] = task
            task.add_done_callback(partial(self._ended, name))

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(name, None)

    async def _keep(self, run: Run, number: int, asset: Asset) -> None:
        """Fetch one file, or wait for whoever fetches it; whatever goes wrong is noted."""
        name = _name_of(run, number, asset)
        path = (self.folder / name).absolute()
        await self._count_present()
        while True:
            with _fetch_lock:
                other = _being_fetched.get(path)
                if other is None:
                    mine = _being_fetched[path] = Future()
                    mine.set_running_or_notify_cancel()  # who waits for it does not cancel it
                    break
            if (saved := await asyncio.wrap_future(other)).status != "missing":
                self._note(name, saved)
                return
        saved = SavedAsset(status="missing")
        try:
            saved = await self._fetched(run, name, asset)
            self._note(name, saved)
        finally:
            with _fetch_lock:
                del _being_fetched[path]
            mine.set_result(saved)

    async def _fetched(self, run: Run, name: str, asset: Asset) -> SavedAsset:
        if (saved := self._find(run, name, asset)).path is not None:  # somebody else fetched it meanwhile
            self._count(name, saved.size or 0)
            return saved
        try:
            if (archived := KEPT_FILES.archived(asset.file_url or "", run.identity)) is not None:
                await asyncio.to_thread(self._write, name, archived)
            else:
                await self._opened().keep(asset, run.origin, name)
            self._counted.add(name)
            saved = self._find(run, name, asset)
            if saved.status == "missing":
                saved = SavedAsset(status="failed", reason=f"the fetched file is empty; {_look_or_call(run)}")
        except CallError as exc:
            saved = SavedAsset(status="failed", reason=_with_cure(exc, run))
        except Exception as exc:  # a full disk, a defect: the batch goes on
            log.info("a file of a run was not saved", exc_info=True)
            saved = SavedAsset(status="failed", reason=one_line(f"it could not be saved ({error_text(exc)})", 300))
        return saved

    def _write(self, name: str, archived: KeptFile) -> None:
        """Put a file out of the archive into the folder."""
        from fh_notebook.client.assets import write_asset

        budget = ByteBudget(self._max_bytes, self._total)
        if (exceeded := budget.take(archived.size)) is not None:
            what = "it is" if exceeded is budget else "all files together would be"
            raise CallError(f"{what} larger than {byte_size(exceeded.most)}; the file was not saved")
        try:
            content = archived.content(self._max_bytes)
            if content is None:
                raise CallError("the batch of this file is no longer open; open the file again")
            write_asset(self.folder / name, content)
        except BaseException:
            budget.give_back()
            raise

    def _note(self, name: str, saved: SavedAsset) -> None:
        if saved.status == "saved":
            self._count(name, saved.size or 0)
            self._failed.pop(name, None)
        else:
            self._failed[name] = saved

    async def _count_present(self) -> None:
        """Count what is there of the whole batch: once in a start, before its first fetch."""
        if self._counting is None:
            self._counting = asyncio.get_running_loop().create_task(self._count_files())
        await asyncio.shield(self._counting)

    async def _count_files(self) -> None:
        for name, size in await asyncio.to_thread(lambda: list(self._present())):
            self._count(name, size)

    def _present(self) -> Iterator[tuple[str, int]]:
        """Yield the files of the batch that are in the folder, with their sizes."""
        if not self.folder.is_dir():
            return
        for _, run in self._runs():
            for number, asset in enumerate(run.assets[:MAX_FILES_PER_RUN]):
                name = _name_of(run, number, asset)
                with suppress(OSError, ValueError):
                    yield name, os.lstat(self.folder / name).st_size

    def _count(self, name: str, size: int) -> None:
        """Count a file that was there already, once."""
        if name not in self._counted:
            self._counted.add(name)
            self._total.used += size

    def _unfetchable(self, run: Run, number: int, asset: Asset) -> SavedAsset | None:
        if number >= MAX_FILES_PER_RUN:
            return SavedAsset(status="failed", reason=f"only the first {MAX_FILES_PER_RUN} files of a run are saved")
        if not asset.file_url:
            reason = asset.error_message or "the run gave no address for it"
            return SavedAsset(status="failed", reason=one_line(reason, 300))
        if asset.expires_at is not None and asset.expires_at <= self._now():
            ended = asset.expires_at.isoformat(timespec="seconds")
            where = f"it is not in {one_line(str(self.folder))}: batch.save_assets(folder) finds it in another folder"
            return SavedAsset(
                status="expired",
                reason=f"its address expired at {ended}, and {where}. Otherwise, {_look_or_call(run)}",
            )
        return None

    def _opened(self) -> AssetDownloads:
        loop = asyncio.get_running_loop()
        if self._downloads is None or self._downloads[0] is not loop:
            from fh_notebook.client.assets import AssetDownloads

            self.folder.mkdir(parents=True, exist_ok=True)
            remove_dead(self.folder)
            hive = None if self._hive is None else self._hive()
            downloads = AssetDownloads(self.folder, max_bytes=self._max_bytes, total=self._total, hive=hive)
            self._downloads = loop, downloads
        return self._downloads[1]

    async def end(self, *, cancelled: bool = False) -> None:
        """Wait for what is being fetched, then fetch what else the batch has and is not there; or end it."""
        try:
            if not cancelled:
                await self._all_ended()
                runs = self._runs()
                while window := await asyncio.to_thread(lambda: list(islice(runs, WINDOW))):
                    for _, run in window:
                        self._begin(run)
                    await self._all_ended()
        finally:
            self._tried.clear()
            await self._close()
            self._counting = None

    async def _close(self) -> None:
        tasks = [*self._tasks.values(), *([self._counting] if self._counting is not None else [])]
        for task in tasks:
            task.cancel()
        opened, self._downloads = self._downloads, None
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:  # a second cancel, too
            if opened is not None:
                await opened[1].aclose()

    async def _all_ended(self) -> None:
        while tasks := list(self._tasks.values()):
            await asyncio.gather(*tasks, return_exceptions=True)

    # --- what is there

    def note_present(self) -> None:
        """Have displays show the files that are in the folder."""
        try:
            names = {entry.name for entry in os.scandir(self.folder)}
            for _, run in self._runs() if names else ():
                for number, asset in enumerate(run.assets[:MAX_FILES_PER_RUN]):
                    if (name := _name_of(run, number, asset)) in names:
                        self._find(run, name, asset)
        except OSError:  # no such folder; what is asked of the batch says so
            return
        except Exception:  # the store was closed meanwhile: the display that asks has the address
            log.info("saved files were not looked for", exc_info=True)

    def check(self) -> None:
        """Raise unless files can be written to the folder, which is made if need be."""
        message = ""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except (OSError, ValueError) as exc:
            reason = (exc.strerror if isinstance(exc, OSError) else "") or type(exc).__name__
            message = f"no files can be saved in the folder {self.folder} ({reason}); give another one"
        if message:
            raise SettingsError(message)

    def take_failures(self, other: AssetKeeper) -> None:
        """Know what failed for another keeper of this folder, until it is tried again."""
        self._failed.update(other._failed)

    @property
    def failures(self) -> int:
        """How many files were not saved when they were last fetched."""
        return len(self._failed)

    def shortfall(self, audience: Audience = PYTHON) -> str:
        """Return how many files were not saved when they were last fetched, and what to do; empty for none."""
        if not self.failures:
            return ""
        what = EXPIRED if all(failed.status == "expired" for failed in self._failed.values()) else NOT_KEPT
        return f"{counted(self.failures, 'file')} not saved. {what.text(audience)}."

    def table(self) -> pd.DataFrame:
        """Return one line for every file that the batch lists; nothing is fetched."""
        lines: list[tuple[Any, ...]] = []
        for job, run in self._runs():
            for number, asset in enumerate(run.assets):
                saved = self._state(run, number, asset)
                of_job = (job.row, job.label, job.repeat, asset.file_name, saved.status, saved.reason)
                lines.append((*of_job, _shown(saved.path), saved.size, asset.file_type, saved.content_type))
        return pd.DataFrame(lines, columns=list(COLUMNS)).astype({"bytes": "Int64"})

    def _state(self, run: Run, number: int, asset: Asset) -> SavedAsset:
        name = _name_of(run, number, asset)
        found = self._find(run, name, asset)
        if found.path is not None:
            return found
        if (failed := self._failed.get(name)) is not None:
            return failed
        return found if found.status == "saved" else self._unfetchable(run, number, asset) or found

    def can_fetch(self, run: Run, number: int, asset: Asset) -> bool:
        """Whether a file of a run can be asked for: it has an address that has not ended, and is within the bound."""
        return self._unfetchable(run, number, asset) is None

    def kept(self, run: Run, number: int, asset: Asset) -> KeptFile | None:
        """Return a file of a run, where it is saved."""
        self._find(run, _name_of(run, number, asset), asset)
        return KEPT_FILES.get(asset.file_url or "", run.identity)

    def _find(self, run: Run, name: str, asset: Asset) -> SavedAsset:
        """Return the file under a name as it lies there, and have it shown in place of its address."""
        path = self.folder / name
        try:
            facts = os.lstat(path)
            if not stat.S_ISREG(facts.st_mode):
                return SavedAsset(status="failed", reason=f"{one_line(str(path))} is not a regular file; remove it")
            if not facts.st_size and asset.file_size != 0:  # of a process that was killed when only its name was there
                raise FileNotFoundError
            with path.open("rb") as file:
                content_type = type_of_content(file.read(SIGNATURE_BYTES))
        except FileNotFoundError:
            if (archived := KEPT_FILES.archived(asset.file_url or "", run.identity)) is not None:
                content_type = type_of_content(archived.content(MAX_BYTES) or b"")
                reason = f"it is {archived.where}; batch.save_assets(folder) writes it"
                return SavedAsset(status="saved", reason=reason, size=archived.size, content_type=content_type)
            where = one_line(str(self.folder))
            return SavedAsset(status="missing", reason=f"it is not in {where}; batch.save_assets() fetches it")
        except OSError as exc:
            return SavedAsset(status="failed", reason=f"it cannot be read ({exc.strerror or type(exc).__name__})")
        if asset.file_url:
            KEPT_FILES.note(asset.file_url, run.identity, path)
        reason = _difference(asset.file_type or "", content_type)
        return SavedAsset(status="saved", reason=reason, path=path, size=facts.st_size, content_type=content_type)


def record_of_files(folder: Path, store: Path, *, is_option: bool) -> dict[str, Any]:
    """Return what the record of a batch says of the folder of its files."""
    record = {"folder": str(folder), "path": str(folder.absolute()), "is_option": is_option}
    with suppress(ValueError):  # on another drive
        from_store = Path(os.path.relpath(folder.absolute(), store.parent))
        if store != IN_MEMORY and ".." not in from_store.parts[1:]:
            record["from_store"] = from_store.as_posix()
    return record


def folder_of(files: Mapping[str, Any], store: Path) -> Path | None:
    """Return the folder that a record of :func:`record_of_files` means here; ``None`` where it names none.

    It is the first of these that exists:

    1. the absolute one, which another working directory finds;
    2. the one at its place relative to the store, which was copied with it;
    3. the relative one that was given, in the working directory: it may have gone with its project.
    """
    given, path, from_store = files.get("folder"), files.get("path"), files.get("from_store")
    if not isinstance(given, str) or not isinstance(path, str):
        return None
    here, folder = Path(given), Path(path)
    with suppress(OSError, ValueError):
        copied = [Path(os.path.normpath(store.parent / from_store))] if isinstance(from_store, str) else []
        folder = next((place for place in (folder, *copied, here.absolute()) if place.is_dir()), folder)
        return here if here.absolute() == folder else folder
    return folder


class FilesToHandOver:
    """The saved files of a batch that go into its archive, and how many do not.

    Parameters
    ----------
    keeper : AssetKeeper
        Knows where they are.
    """

    def __init__(self, keeper: AssetKeeper) -> None:
        self._keeper = keeper
        self._budget = ByteBudget(FILES_BYTES_MAX)
        self.taken = 0
        self.bytes = 0
        self.too_large = 0
        """Files that are saved, and larger than an archive takes."""
        self.not_kept = 0
        self.lost = 0
        """Files that are not saved, and cannot be fetched either."""

    def of(self, run: Run) -> list[tuple[int, bytes]]:
        """Return the files of a run, by their places."""
        contents = []
        for number, asset in enumerate(run.assets if run.ok else ()):
            kept = self._keeper.kept(run, number, asset)
            if kept is None or number >= MAX_FILES_PER_RUN:
                if self._keeper.can_fetch(run, number, asset):
                    self.not_kept += 1
                else:
                    self.lost += 1
                continue
            content = kept.content(FILE_BYTES_MAX) if self.taken < FILES_MAX else None
            if content is None or self._budget.take(len(content)) is not None:
                self.too_large += 1
                continue
            contents.append((number, content))
            self.taken += 1
            self.bytes += len(content)
        return contents


def _look_or_call(run: Run) -> str:
    """Return how to get a file whose address leads to nothing: first what is not paid for."""
    look_up = ""
    if run.request_id:
        look_up = (
            f"look the run up once: client.retrieve({run.request_id!r}) may return a new address (not documented),"
            " and .save_assets(folder) of its result saves the file; otherwise "
        )
    return f"{look_up}look for the file in Fetch Hive, or call the row again (fresh=True)"


def _with_cure(exc: CallError, run: Run) -> str:
    message = one_line(str(exc), 300)
    if exc.status_code in (403, 404, 410):
        return f"{message}; its address may have expired: {_look_or_call(run)}"
    return message


def _shown(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _name_of(run: Run, number: int, asset: Asset) -> str:
    """Return the name of a file: its own, made safe, with a hash of what it is the file of."""
    from fh_notebook.client.assets import asset_name

    began = None if run.request_id or run.run_id else run.started_at  # what tells it from others without an id
    # Without its origin, which is another one where the batch is handed over: the folder may go with it.
    parts: tuple[Any, ...] = (run.request_id or run.run_id or began, number, asset.id, asset.file_url)
    digest = hashlib.sha256("\0".join(map(str, parts)).encode(errors="surrogatepass")).hexdigest()[:12]
    stem, suffix = os.path.splitext(asset_name(asset, fallback="file"))
    return f"{stem.rstrip(' .') or 'file'}-{digest}{suffix}"


_CONTAINERS: Final = {
    "application/zip": ("application/vnd.", "application/epub+zip", "application/java-archive", "application/x-zip"),
    "video/webm": ("video/", "audio/"),
    "video/mp4": ("video/", "audio/", "image/hei"),
    "audio/ogg": ("audio/", "video/ogg", "application/ogg"),
    "application/gzip": ("application/x-gzip", "application/x-tar"),
    "image/svg+xml": ("application/xml", "text/xml", "application/xhtml", "text/html"),
    "image/jpeg": ("image/jpg", "image/pjpeg"),
    "audio/mpeg": ("audio/mp3",),
    "audio/wav": ("audio/x-wav", "audio/wave", "audio/vnd.wave"),
    "image/bmp": ("image/x-ms-bmp", "text/"),
}
"""Other types that a file with this content may have."""

_TOLD_BY_BYTES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"})


def _difference(told: str, found: str) -> str:
    """Return how the type that was told differs from the content; empty where it does not, or where nothing is told.

    Examples
    --------
    >>> _difference("image/png", "text/html")
    'the service calls it image/png, but its content is text/html'
    >>> _difference("image/jpg", "image/jpeg"), _difference("", "text/html"), _difference("text/plain", "")
    ('', '', '')
    """
    told = one_line(told.partition(";")[0].strip().lower(), 60)
    if not told or told == "application/octet-stream" or told == found or told.startswith(_CONTAINERS.get(found, ())):
        return ""
    if found:
        return f"the service calls it {told}, but its content is {found}"
    return f"the service calls it {told}, but its content is something else" if told in _TOLD_BY_BYTES else ""
