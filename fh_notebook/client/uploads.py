"""Uploads of files to a workspace of the service, which gives them addresses (CONTRACT section 10, file inputs).

Rules of this file:

1. A file is looked at before anything is sent: a folder, a pipe or too large a file is one line.
2. It is sent once. A second upload would be a second file.
3. A file among inputs is a text that names its content (`FileInput`): the key of a job hangs on it, and not on the
   address, which changes. Only the bytes that are sent have the address, of an upload for each content and workspace.
   The name of a file is no part of it, so that a file that was renamed is paid for once: equal files are one upload,
   under the name that was given first in this process. Displays show the name that was given last.

That a workflow reads the file at an address which it is given as a text is inferred, not documented.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import mimetypes
import os
import re
import stat
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol, overload
from urllib.parse import quote
from weakref import WeakKeyDictionary

from fh_notebook.client.approvals import ToolExchange, checked_workspace_id
from fh_notebook.client.connection import Connection
from fh_notebook.client.retry_loop import ask_list, ask_once
from fh_notebook.contract.invoke_request import FILE_SCHEME
from fh_notebook.contract.output import Asset
from fh_notebook.contract.response import Response
from fh_notebook.contract.retry import date_of, is_general, may_have_run
from fh_notebook.contract.run import Explain
from fh_notebook.core import arguments
from fh_notebook.core.json_values import is_missing
from fh_notebook.core.redaction import error_text, log
from fh_notebook.core.text.formatting import byte_size, one_line, short, type_text
from fh_notebook.errors import CallError, FetchHiveError, InputError

MAX_UPLOAD_BYTES: Final = 100 * 2**20
"""The service's limit is UNKNOWN; a file is held in memory while it is sent."""


@dataclass(frozen=True)
class LocalFile:
    """A file of this machine, read."""

    name: str
    content: bytes = field(repr=False)
    file_type: str

    @cached_property
    def sha256(self) -> str:
        """The hash of its content."""
        return hashlib.sha256(self.content).hexdigest()


def read_local_file(path: str | os.PathLike[str], shown: str | None = None) -> LocalFile:
    """Return a file with its content, and its type by its ending."""
    with _opened(path, shown) as (file, _):
        content = file.read(MAX_UPLOAD_BYTES)
    name = Path(path).name
    return LocalFile(name, content, _type_by_ending(name))


@contextmanager
def _opened(path: str | os.PathLike[str], shown: str | None = None) -> Iterator[tuple[BufferedReader, os.stat_result]]:
    """Give a file that can be sent, with its facts; also an error of the block is told as one of the file."""
    shown = one_line(str(path) if shown is None else shown)
    message = ""
    try:
        # Not waiting: a pipe without a writer would hold the open for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise InputError(f"{shown} is not a file; give the path of one")
            if facts.st_size > MAX_UPLOAD_BYTES:
                raise InputError(f"{shown} is larger than {byte_size(MAX_UPLOAD_BYTES)}; give a smaller file")
            yield file, facts
    except InputError:  # a ValueError, too
        raise
    except FileNotFoundError:
        message = f"the file {shown} does not exist; check the path"
    except IsADirectoryError:
        message = f"{shown} is a folder; give the path of a file"
    except (OSError, ValueError) as exc:  # ValueError: a NUL in the path
        reason = (exc.strerror if isinstance(exc, OSError) else str(exc)) or type(exc).__name__
        is_folder = "\0" not in str(path) and os.path.isdir(path)
        message = f"{shown} is a folder; give the path of a file" if is_folder else f"{shown} cannot be read ({reason})"
    if message:
        raise InputError(message)


_hashes: Final[dict[tuple[str, int, int, int], str]] = {}
"""What was hashed, by path, inode, time of change and size: a batch asks for the same file in each of its rows."""


_SETTLED_NS: Final = 2 * 10**9
"""A file that changed less long ago may change again within the same tick of its file system's clock."""


def _hash_of(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's content, which is read in pieces, and once as long as it stays the same."""
    with _opened(path) as (file, facts):
        key = (os.path.abspath(path), facts.st_ino, facts.st_mtime_ns, facts.st_size)
        if (known := _hashes.get(key)) is not None:
            return known
        found = hashlib.file_digest(file, "sha256").hexdigest()
        if time.time_ns() - facts.st_mtime_ns > _SETTLED_NS:
            _hashes[key] = found
        return found


NO_TYPE: Final = "application/octet-stream"
"""The type of a file that nobody knows one of."""

_PACKED: Final = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}


def _type_by_ending(name: str) -> str:
    """Return the media type of a file by its name; of a packed one that of the packing, since its bytes are that.

    Examples
    --------
    >>> [_type_by_ending(name) for name in ("a.pdf", "a.csv.gz", "a")]
    ['application/pdf', 'application/gzip', 'application/octet-stream']
    """
    file_type, packing = mimetypes.guess_type(name)
    return (_PACKED.get(packing) if packing else file_type) or NO_TYPE


def _read_named(sha256: str) -> LocalFile:
    """Return the file with a content, from whichever of its paths still has it."""
    if (in_memory := _contents.get(sha256)) is not None:
        return _first_named(in_memory)
    error = None
    for path in _paths.get(sha256, ()):
        try:
            local = read_local_file(path, path.name)
        except InputError as exc:
            error = error or exc
            continue
        if local.sha256 == sha256:
            return _first_named(local)
        error = error or InputError(f"{one_line(path.name)} has changed since the call was planned; run the cell again")
    raise error or InputError("the file is unknown in this process; run the cell with its rows again")


def _first_named(file: LocalFile) -> LocalFile:
    """Return a file under the name that was given first for its content, with the type that it was given itself."""
    name = _first_names.get(file.sha256, file.name)
    if name == file.name:
        return file
    types = (file.file_type, _type_by_ending(file.name), _type_by_ending(name))
    named = replace(file, name=name, file_type=next((known for known in types if known != NO_TYPE), NO_TYPE))
    vars(named)["sha256"] = file.sha256  # the content is the same, and may be large
    return named


class UploadExchange(Protocol):
    """One exchange with the service."""

    def __call__(self, method: str, path: str, content: bytes, *, content_type: str) -> Awaitable[Response]:
        """Return the answer to one request."""
        ...


async def send_file(
    connection: Connection, exchange: UploadExchange, explain: Explain, file: LocalFile, workspace_id: str
) -> Asset:
    """Send a file, and return it as the service has it."""
    import httpx

    name = file.name.encode(errors="replace").decode()  # a file system's name need not be UTF-8
    form = httpx.Request("POST", "http://form", files={"file": (name, file.content, file.file_type)})
    content, content_type = form.read(), form.headers["content-type"]
    path = f"/public/workspaces/{quote(workspace_id, safe='')}/assets"
    body = await ask_once(
        connection,
        "upload",
        lambda: exchange("POST", path, content, content_type=content_type),
        explain=explain,
        hint=lambda answer: _hint(answer, file, workspace_id),
        changes=True,
    )
    asset = _asset_in(body)
    if not asset.file_url:
        why = asset.error_message or "it gave no address"
        raise CallError(
            (
                f"{connection.origin} accepted {one_line(file.name)}, but gave no address for it: {one_line(why)};"
                " look for the file in Fetch Hive"
            ),
            may_have_run=True,
        )
    return asset


_LISTS: Final = ("assets", "data", "items", "results")


async def list_files(
    connection: Connection, exchange: ToolExchange, explain: Explain, workspace_id: str
) -> list[Asset]:
    """Return the files of a workspace; UNKNOWN whether the list comes in pages."""
    path = f"/public/workspaces/{quote(workspace_id, safe='')}/assets"

    async def ask(words: str) -> Any:
        return await ask_once(
            connection,
            "lookup",
            lambda: exchange("GET", f"{path}?{words}" if words else path),
            explain=explain,
            hint=lambda answer: _no_access(workspace_id) if answer.status_code == 404 else "try again later",
        )

    return list(map(Asset.from_wire, await ask_list(ask, {}, holders=_LISTS, nouns="files")))


def _no_access(workspace_id: str) -> str:
    """Return what to do where the workspace is not found."""
    return f"the key has no access to workspace {workspace_id!r}: check workspace_id and the key"


def _hint(answer: Response, file: LocalFile, workspace_id: str) -> str:
    """Return what to do after a refusal."""
    name = one_line(file.name)
    if answer.status_code == 404:
        return _no_access(workspace_id)
    if answer.status_code == 413:
        return f"{name} ({byte_size(len(file.content))}) is too large for the service: send a smaller file"
    if answer.status_code in (400, 402, 409, 415, 422):
        return f"{name} was not accepted: check that the workspace accepts files of this type and has room for it"
    if may_have_run(answer):
        return f"{name} may have arrived; look for it in Fetch Hive before you send it again"
    return "try again later"


def _asset_in(body: Any) -> Asset:
    """Return the asset in an answer; UNKNOWN whether something else wraps it."""
    fields = body if isinstance(body, dict) else {}
    inner = next((fields[name] for name in ("asset", "data") if isinstance(fields.get(name), dict)), fields)
    return Asset.from_wire(inner)


# --- files among inputs

_TOKEN: Final = re.compile(rf"{FILE_SCHEME}([0-9a-f]{{64}})")
_WHOLE: Final = re.compile(f'"{_TOKEN.pattern}"')
"""A text in JSON that is a file and nothing else."""

PATHS_KEPT: Final = 8
"""Of equal files: a table may name one content by a path for each row."""

_paths: Final[dict[str, tuple[Path, ...]]] = {}
"""Where the files of this process's `FileInput`s are, by the hash of their content: the newest path first."""


_first_names: Final[dict[str, str]] = {}
"""The name under which each content is uploaded."""

CONTENTS_BYTES: Final = 256 * 2**20
"""Of files that came without a path, from a page: the newest stay in memory, since they may be sent at any time."""

_contents: Final[OrderedDict[str, LocalFile]] = OrderedDict()


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that a text among inputs names."""

    name: str
    """Empty where this process does not know the file."""
    size: int | None = None
    """Bytes; ``None`` where that is not known."""
    path: Path | None = None
    """``None`` for one out of a page."""

    def __str__(self) -> str:
        if not self.name:
            return "a file that is unknown in this kernel"
        return (
            f"{one_line(self.name, 80)}, {byte_size(self.size)}" if self.size is not None else one_line(self.name, 80)
        )


def file_named(text: Any) -> NamedFile | None:
    """Return the file that a text is the name of; ``None`` where it is another text.

    Examples
    --------
    >>> file_named("text"), file_named(f"{FILE_SCHEME}{'0' * 64}").name
    (None, '')
    """
    match = _TOKEN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    if (local := _contents.get(match[1])) is not None:
        return NamedFile(local.name, len(local.content))
    for path in _paths.get(match[1], ()):
        with suppress(OSError):
            return NamedFile(path.name, path.stat().st_size, path)
    return NamedFile("")


def file_content(text: str, most: int) -> bytes | None:
    """Return the content of the file that a text names; ``None`` where it is larger than `most`, or not there."""
    named, match = file_named(text), _TOKEN.fullmatch(text)
    if named is None or match is None or named.size is None or named.size > most:
        return None
    with suppress(InputError):
        return _read_named(match[1]).content
    return None


def files_among(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield where inputs name files, and the text that names each.

    Examples
    --------
    >>> name = f"{FILE_SCHEME}{'0' * 64}"
    >>> [path for path, _ in files_among({"a": [name, "text"], "b": f"see {name}"})]
    [('a', 0), ('b',)]
    """
    if isinstance(value, str):
        yield from ((path, match[0]) for match in _TOKEN.finditer(value))
        return
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    for name, item in items:
        yield from files_among(item, (*path, name))


def _address_of(name: str) -> str:
    return f"<address of {one_line(name, 80)}>"


def with_file_names(text: str) -> str:
    """Return a text in which each file that it names is called by its name, for a reader."""

    def words(match: re.Match[str]) -> str:
        named = file_named(match[0])
        return _address_of(named.name) if named is not None and named.name else match[0]

    return _TOKEN.sub(words, text) if FILE_SCHEME in text else text


class FileInput(str):
    """A file among inputs: a text that names its content; what is sent in its place is the address of an upload."""

    __slots__ = ("path",)
    path: Path

    @property
    def message_text(self) -> str:
        """What a message calls it."""
        return _address_of(self.path.name)

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> FileInput:
        """Return the input of a file.

        Raises
        ------
        InputError
            It cannot be read.
        """
        return cls._noted(_hash_of(path), Path(path).absolute())

    @classmethod
    def of_content(cls, name: str, content: bytes, file_type: str = "") -> FileInput:
        """Return the input of a file that has no path: one that a page sent, which stays in memory."""
        local = LocalFile(name, content, file_type or _type_by_ending(name))
        _contents[local.sha256] = local
        _first_names.setdefault(local.sha256, name)
        _contents.move_to_end(local.sha256)
        while len(_contents) > 1 and sum(len(other.content) for other in _contents.values()) > CONTENTS_BYTES:
            _contents.popitem(last=False)
        made = cls(f"{FILE_SCHEME}{local.sha256}")
        made.path = Path(name)
        return made

    @classmethod
    def _noted(cls, sha256: str, path: Path) -> FileInput:
        made = cls(f"{FILE_SCHEME}{sha256}")
        made.path = path
        others = (other for other in _paths.get(sha256, ()) if other != path)
        _first_names.setdefault(sha256, path.name)
        _paths[sha256] = (path, *islice(others, PATHS_KEPT - 1))
        return made

    def __reduce__(self) -> Any:  # a worker of a cluster reads it from there
        return FileInput._noted, (self.removeprefix(FILE_SCHEME), self.path)


@dataclass(frozen=True, slots=True)
class FileColumn:
    """Each row's file: a function of the row that returns the `FileInput` of the path in a column."""

    column: str
    json_hint: ClassVar[str] = (
        "it is the file of each row: give it alone as the value of an input, in fh.batch(inputs=...), in a form over"
        " rows or in a cell with --over; elsewhere give fh.file(path)"
    )

    @property
    def reads(self) -> frozenset[str]:
        """The columns that it takes."""
        return frozenset({self.column})

    def __call__(self, row: Mapping[str, Any]) -> FileInput | None:
        """Return the file of a row; ``None`` where the row has none.

        Raises
        ------
        InputError
            There is no such file.
        """
        path = row.get(self.column)  # a table's missing values are not in its rows; the batch knows its columns
        if is_missing(path) or path == "":
            return None
        if not isinstance(path, str | os.PathLike):
            raise InputError(f"the column {short(self.column)} holds {type_text(path)}; give the path of a file")
        return FileInput.of(path)


@overload
def file(path: str | os.PathLike[str]) -> FileInput: ...
@overload
def file(*, column: str) -> FileColumn: ...
@arguments.public
def file(path: str | os.PathLike[str] | None = None, *, column: str | None = None) -> FileInput | FileColumn:
    """Return a file as an input: this file, or each row's own in a batch.

    It is uploaded before the call that needs it, once for each content and workspace while its address is valid, and
    the Start variable gets the address as a text. Files with the same bytes are one upload, under the name that was
    given first; where a workflow reads the name, give ``client.upload(path).file_url`` for each of them. An upload
    counts as a request; the plan of a batch says how many there are. Answers are found by the file's content: the same
    file under another name is not called again, a changed one is. The workspace's id is needed:
    ``fh.configure(workspace_id=...)``. That a workflow reads the file at such an address is inferred, not documented.

    Parameters
    ----------
    path : path
        The file, of at most 100 MiB: in ``inputs=``, in a cell (``{{ fh.file("x.pdf") }}``), in a row.
    column : str
        Instead: the column that has each row's path, in ``fh.batch(inputs={"document": fh.file(column="path")})``,
        in ``fh.form(over=..., values=...)`` and in a cell with ``--over``.

    Raises
    ------
    InputError
        There is no such file, or it cannot be read; or not one of the two is given.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import fh_notebook as fh
    >>> hive = fh.local.LocalHive()
    >>> @hive.workflow("count", variant="v")
    ... def count(document: str) -> str:
    ...     return document.rpartition("/")[2]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "letter.txt"
    ...     _ = path.write_text("Dear bee")
    ...     hive.client().invoke("count", variant="v", inputs={"document": fh.file(path)}).output
    'letter.txt'
    """
    arguments.check(file, locals())
    if path is not None and column is None:
        return FileInput.of(path)
    if column is not None and path is None:
        return FileColumn(column)
    raise InputError("give fh.file either path or column")


def names_file(text: str) -> frozenset[str]:
    """Return the hashes of the files of this process that a text names: JSON of inputs, say."""
    if FILE_SCHEME not in text:
        return frozenset()
    return frozenset(sha256 for sha256 in _TOKEN.findall(text) if sha256 in _paths or sha256 in _contents)


def files_in(text: str) -> frozenset[str]:
    """Return the hashes of the files that JSON of inputs names: those of this process, and whole inputs of others."""
    return names_file(text) | frozenset(_WHOLE.findall(text)) if FILE_SCHEME in text else frozenset()


def files_of_body(content: bytes) -> frozenset[str]:
    """Return the hashes of the files that the inputs of a JSON body name: those that go up before it is sent."""
    return files_in(_inputs_in(content)) if FILE_SCHEME.encode() in content else frozenset()


def _inputs_in(content: bytes) -> str:
    """Return the inputs of a JSON body as JSON."""
    return json.dumps(json.loads(content).get("inputs"))


class UploadFailed(Exception):
    """A file of a request has no address; the call was not made."""

    def __init__(self, reason: str, *, named: str, answer: Response | None = None) -> None:
        super().__init__(f"its file {reason}")
        self.reason = reason
        """The sentence about the file, without its subject."""
        self.answer = answer
        """What came of the upload; ``None`` where none was sent."""
        self.named = named
        """The text among the inputs that names the file."""


_MARGIN: Final = timedelta(minutes=5)
"""An address that ends sooner is not given to a workflow, which fetches the file some time after the call begins."""


_LEAST: Final = timedelta(seconds=10)
"""An address is given so long at least: the call that its upload was made for follows at once, and uploads no more."""


@dataclass(frozen=True, slots=True)
class _Upload:
    """The address of a file, and until when it is given to calls; ``None`` for ever."""

    url: str
    until: datetime | None

    @classmethod
    def of(cls, asset: Asset, sent_at: datetime, date: datetime | None = None) -> _Upload:
        """Return the upload of an asset; a short address is given for half of its time, since every other call waits.

        Its time counts from the `date` of the answer where that has one, since this machine's clock may be wrong.

        Examples
        --------
        >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
        >>> for minutes in (60, 4):
        ...     asset = Asset(file_url="https://x.test/a", expires_at=noon + timedelta(minutes=minutes))
        ...     print(_Upload.of(asset, noon).until)
        2026-01-01 12:55:00+00:00
        2026-01-01 12:02:00+00:00
        """
        if asset.expires_at is None:
            return cls(asset.file_url or "", None)
        lasts = asset.expires_at - (date or sent_at)
        return cls(asset.file_url or "", sent_at + max(_LEAST, lasts - min(_MARGIN, lasts / 2)))


AT_ONCE: Final = 4
"""Files that are sent together: each is held in memory meanwhile."""

FAILED_S: Final = 30.0
"""How long a file that the service refused is not sent again: many rows may have the same file."""

_FileKey = tuple[str, str, str]
"""The workspace (ours and the service's id), and the hash of the content."""

_addresses: Final[dict[_FileKey, _Upload]] = {}
"""The uploads of this process."""


class FileUploads:
    """The uploads of the files that requests of one client name.

    Parameters
    ----------
    connection : Connection
        Where they go.
    exchange : UploadExchange
        Sends one request.
    explain : Explain
        Adds what can be done about an error.
    now : callable
        The time, UTC.
    """

    def __init__(
        self,
        connection: Connection,
        exchange: UploadExchange,
        explain: Explain,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._connection = connection
        self._exchange = exchange
        self._explain = explain
        self._now = now
        self._failed: dict[_FileKey, tuple[datetime | None, UploadFailed]] = {}
        """Until when each is not sent again: for ever what may have arrived."""
        self._tasks: dict[tuple[asyncio.AbstractEventLoop, _FileKey], asyncio.Task[str]] = {}
        self._slots = WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]()

    def check(self, content: bytes) -> None:
        """Raise where a body names files and no workspace id is known."""
        if FILE_SCHEME.encode() in content and names_file(_inputs_in(content)):
            checked_workspace_id(self._connection.find_workspace_id())

    def missing(self, hashes: Iterable[str]) -> int:
        """Return how many of these files have to be uploaded."""
        wanted = set(hashes)
        return len([sha256 for sha256 in wanted if self._known(sha256) is None]) if wanted else 0

    def _key(self, sha256: str) -> _FileKey:
        return self._connection.workspace, checked_workspace_id(self._connection.find_workspace_id()), sha256

    def _known(self, sha256: str) -> str | None:
        upload = _addresses.get(self._key(sha256))
        is_valid = upload is not None and (upload.until is None or upload.until > self._now())
        return upload.url if upload is not None and is_valid else None

    async def addressed(self, content: bytes) -> bytes:
        """Return a JSON body with the addresses of the files that its inputs name, each uploaded where need be.

        A text that only looks like one stays as it is, unless it is a whole input: of a file of another process.
        """
        hashes = files_of_body(content)
        if not hashes:
            return content
        addresses = {sha256: await self._address(sha256) for sha256 in sorted(hashes)}

        def address(match: re.Match[str]) -> str:
            return json.dumps(addresses[match[1]])[1:-1] if match[1] in addresses else match[0]

        body = {**json.loads(content), "inputs": json.loads(_TOKEN.sub(address, _inputs_in(content)))}
        return json.dumps(body, ensure_ascii=False).encode()

    async def _address(self, sha256: str) -> str:
        """Return the address of a file, uploaded where need be."""
        named = f"{FILE_SCHEME}{sha256}"
        try:
            return self._known(sha256) or await self._upload(sha256)
        except UploadFailed:
            raise
        except FetchHiveError as exc:
            raise UploadFailed(f"was not uploaded: {exc}", named=named) from None
        except Exception as exc:  # a defect, or a file of a kind that was not foreseen: the other rows go on
            log.warning("a file was not uploaded", exc_info=True)
            raise UploadFailed(f"was not uploaded ({error_text(exc)})", named=named) from None

    async def _upload(self, sha256: str) -> str:
        """Return the address of a new upload; whoever asks meanwhile, or soon after it failed, gets the same result."""
        loop, key = asyncio.get_running_loop(), self._key(sha256)
        until, error = self._failed.get(key, (None, None))
        if error is not None and (until is None or until > self._now()):
            raise error
        task = self._tasks.get((loop, key))
        if task is None:
            task = self._tasks[loop, key] = loop.create_task(self._send(key))
            task.add_done_callback(lambda done: self._forget(loop, key, done))
        return await asyncio.shield(task)

    def _forget(self, loop: asyncio.AbstractEventLoop, key: _FileKey, done: asyncio.Task[str]) -> None:
        self._tasks.pop((loop, key), None)
        if not done.cancelled():
            done.exception()  # whoever waited for it may have been cancelled: asyncio would report it as not retrieved

    async def _send(self, key: _FileKey) -> str:
        slots = self._slots.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))
        async with slots:
            return await self._send_now(key)

    async def _send_now(self, key: _FileKey) -> str:
        sha256, sent_at = key[2], self._now()
        local = await asyncio.to_thread(_read_named, sha256)
        answer: Response | None = None

        async def exchange(method: str, path: str, content: bytes, *, content_type: str) -> Response:
            nonlocal answer
            answer = await self._exchange(method, path, content, content_type=content_type)
            return answer

        try:
            asset = await send_file(self._connection, exchange, self._explain, local, key[1])
        except CallError as exc:
            message = f"was not uploaded: {exc}"
            if exc.may_have_run:
                message += "; to send it again, give client.upload(path).file_url instead of the file"
            failed = UploadFailed(message, named=f"{FILE_SCHEME}{sha256}", answer=answer)
            if exc.may_have_run:
                self._failed[key] = None, failed
            elif answer is not None and not is_general(answer):
                self._failed[key] = self._now() + timedelta(seconds=FAILED_S), failed
            raise failed from None
        upload = _addresses[key] = _Upload.of(asset, sent_at, None if answer is None else date_of(answer))
        return upload.url
