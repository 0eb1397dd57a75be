"""Hooks: late-bound functions of higher layers that objects of lower layers call.

Imports go down only, yet ``fh.Client()`` needs the composition root, ``run.save_assets(folder)`` needs HTTP, and
whoever has something to tell needs the notebook. Each hook is a module of a higher layer, typed by the protocol of the
functions that are called there. These are the only dynamic imports of the package; :data:`HOOKS` is complete, and a
test compares every module with its protocol. What can be given as an argument is no hook.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any, Final, Protocol, cast


class Session(Protocol):
    """The composition root: whom a client is connected to."""

    def connection(
        self,
        *,
        api_key: Any,
        base_url: Any,
        timeout: float | None,
        transport: Any,
        proxy: Any,
        verify: Any,
        max_concurrency: int | None,
        workspace_id: str | None,
    ) -> Any:
        """Return the `Connection` that the arguments of a `Client` mean."""
        ...

    def client_of_hive(self, hive: Any) -> Any:
        """Return a `Client` of a `LocalHive` in process."""
        ...


class Assets(Protocol):
    """Downloads."""

    def save_assets(self, run: Any, folder: Path) -> list[Path]:
        """Download the files of a `Run`, and return where they are."""
        ...


class CatalogFile(Protocol):
    """The user's ``fetchhive.yaml``."""

    def save(self, deployment: Any, path: str | PathLike[str] | None) -> Path:
        """Write a `Deployment` into the catalogue, and return the file."""
        ...


class FrameSchema(Protocol):
    """Start variables of a DataFrame; pandas is needed to read one."""

    def schema_of_frame(self, frame: Any) -> dict[str, Any]:
        """Return the JSON Schema of the inputs that the rows of a frame are, or of what else is read as rows."""
        ...


class History(Protocol):
    """What the store shows of earlier runs."""

    def deployment_from_history(self, name: str, *, variants: str | Iterable[str] | None) -> Any:
        """Return the `Deployment` that saved runs show."""
        ...


class StoreFunctions(Protocol):
    """The functions of ``fh.store``, on the session's store."""

    def export_store(self, path: str | PathLike[str]) -> Path:
        """Write all that is saved to a new file, and return it."""
        ...

    def rescue_store(self, path: str | PathLike[str]) -> Path:
        """Write all that this process holds to a new file, and return it."""
        ...

    def list_workspaces(self) -> Any:
        """Return what is saved of each workspace, as a DataFrame."""
        ...

    def join_workspaces(self, from_workspace: str, into_workspace: str) -> Any:
        """Copy what is saved of one workspace into another, and return what was copied."""
        ...


class Partitions(Protocol):
    """Batches over partitions, whose answers lie in Parquet files; Dask is imported only there."""

    def batch_over_partitions(
        self, rows: Any, deployment: Any, options: Any, *, client: Any, store: Any, audience: Any
    ) -> Any:
        """Return the `Batch` of rows that are a Dask frame, or are run by Dask, and its `BatchController`."""
        ...

    def open_batch(self, store: Any, record: Any, client: Any) -> Any:
        """Return the saved batch of a record."""
        ...

    def compare(self, source: Any, *, score: Any, pair_on: str, failed: str) -> Any:
        """Return the `Comparison` of a batch or a frame over partitions."""
        ...

    def seen_in_files(
        self, store: Any, workspace: str, jobs: Mapping[str, Any], batches: Sequence[int] | None
    ) -> list[Any]:
        """Return the answers in files to these jobs; of these batches, or (``None``) of all."""
        ...

    def forget_files(self, store: Any, which: Any) -> None:
        """Remove the files of what is to be forgotten."""
        ...


class Frontend(Protocol):
    """What a person sees: displays of the notebook, or lines of text where there is none."""

    def notice(self, text: str) -> None:
        """Show one line: in a notebook as a quiet display, elsewhere on standard error."""
        ...

    def deployment_page(self, deployment: Any) -> dict[str, Any]:
        """Return how a `Deployment` is displayed, by media type."""
        ...

    def show_pending(self, pending: Any) -> None:
        """Display a `PendingRun`, and follow it until its outcome is here."""
        ...

    def show_direct_run(self, run: Any) -> bool:
        """Show a `Run` of a direct call that ends later, and follow it; ``False`` where nobody could decide."""
        ...

    def batch_progress(self, shown: Any) -> Any:
        """Return a new display of a start of a `ShownBatch`; ``None`` where there is no notebook."""
        ...

    def show_batch(self, shown: Any) -> bool:
        """Show a `ShownBatch` under the running cell with what can be clicked; ``False`` where nobody could click."""
        ...

    def watch_batch(self, shown: Any) -> None:
        """Show a `ShownBatch` as :meth:`show_batch`, or where nobody could click, once, as it is now."""
        ...

    def show_history(self, frame: Any) -> bool:
        """Show the `ShownFrame` of ``fh.history()`` with what can be clicked; ``False`` where nobody could click."""
        ...

    def outputs_bundle(self, page: Callable[[str], Any], outputs: Sequence[Any]) -> dict[str, str]:
        """Return a page with views of `ShownOutput`s, by media type, and serve what can be clicked in it.

        It is empty where nobody could click.
        """
        ...

    def show_approvals(self, approvals: Any) -> bool:
        """Show `ToolApprovals` with what can be clicked; ``False`` where nobody could click, and in an app."""
        ...

    def race_progress(self, race: Any) -> Any:
        """Return a new display of a race; ``None`` where there is no notebook."""
        ...

    def is_app(self) -> bool:
        """Whether the kernel is that of an app, whose visitors see the pages (Voila)."""
        ...

    def browse(
        self,
        shown: Any,
        *,
        columns: Sequence[str] | None = None,
        page_size: int = 25,
        corrections: bool | None = None,
        for_app: bool = False,
    ) -> Any:
        """Return a live table of a `Comparison` or a `Batch`; `for_app`: for the users of an app."""
        ...

    def show_rater(
        self, session: Any, items: Any, *, store: Any, result: Callable[[], list[str]], question: str, corrections: Any
    ) -> Any:
        """Return what asks a person for ratings."""
        ...


HOOKS: Final[dict[type, str]] = {
    Session: "fh_notebook.session.session",
    Assets: "fh_notebook.client.assets",
    CatalogFile: "fh_notebook.store.catalog_file",
    FrameSchema: "fh_notebook.batching.tables.schema",
    History: "fh_notebook.batching.history.history",
    StoreFunctions: "fh_notebook.batching.history.store_functions",
    Partitions: "fh_notebook.scaling.api",
    Frontend: "fh_notebook.notebook.frontend",
}
"""Protocol -> the module of a higher layer that has its functions."""


def session() -> Session:
    """Return the composition root."""
    return cast(Session, import_module(HOOKS[Session]))


def assets() -> Assets:
    """Return what downloads files."""
    return cast(Assets, import_module(HOOKS[Assets]))


def catalog_file() -> CatalogFile:
    """Return what writes the user's catalogue."""
    return cast(CatalogFile, import_module(HOOKS[CatalogFile]))


def frame_schema() -> FrameSchema:
    """Return what reads DataFrames as Start variables."""
    return cast(FrameSchema, import_module(HOOKS[FrameSchema]))


def history() -> History:
    """Return the reader of earlier runs."""
    return cast(History, import_module(HOOKS[History]))


def store_functions() -> StoreFunctions:
    """Return the functions of ``fh.store``."""
    return cast(StoreFunctions, import_module(HOOKS[StoreFunctions]))


def partitions() -> Partitions:
    """Return what runs and reads batches over partitions."""
    return cast(Partitions, import_module(HOOKS[Partitions]))


def frontend() -> Frontend:
    """Return what shows things to a person."""
    return cast(Frontend, import_module(HOOKS[Frontend]))
