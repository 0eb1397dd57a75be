"""`BatchFormController`: state and actions of a form over rows, whose Run starts a batch.

Rule of this file: it builds without a key or a service, as every form; a client is looked for when calls are counted or
made.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fh_notebook.batching.api import prepare
from fh_notebook.batching.batch import Batch, ShownBatch
from fh_notebook.batching.options import BatchOptions
from fh_notebook.batching.progress.display import ProgressDisplay
from fh_notebook.batching.tables.frames import frame_of_runs
from fh_notebook.batching.tables.rows import frame_of_records
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.run import Run
from fh_notebook.contract.secrets import Secrets
from fh_notebook.contract.snippet.parser import is_placeholder
from fh_notebook.core.text.formatting import short
from fh_notebook.core.text.messages import CELL
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.notebook.forms.control.controller import NAMELESS, FieldMap
from fh_notebook.notebook.forms.control.observers import BatchFormObserver, Observers
from fh_notebook.notebook.forms.control.schema_editor import ExtendedDeployment
from fh_notebook.notebook.forms.control.selection import VariantSelection
from fh_notebook.notebook.forms.control.submission import Submission
from fh_notebook.notebook.forms.fields.base import FilesSentAs
from fh_notebook.notebook.forms.model.row_mapping import RowMapping, SourceField, SourceKind
from fh_notebook.notebook.shell import running_shell
from fh_notebook.session import session

if TYPE_CHECKING:
    import pandas as pd

    from fh_notebook.client.clients import AsyncClient, Client
    from fh_notebook.client.pending_run import PendingRun

GO_ON: Final = "press Run again, or form.batch.resume()"


class BatchFormController:
    """What a form over rows knows and does.

    Parameters
    ----------
    deployment : Deployment
        What is run.
    rows : object
        As :func:`fh_notebook.batch` takes them.
    variants, values, client
        As :func:`fh_notebook.form`.

    Raises
    ------
    InputError
        The rows cannot be read, or there is no such variant.
    """

    def __init__(
        self,
        deployment: Deployment,
        rows: Any,
        *,
        variants: str | Iterable[str] | None = None,
        values: Mapping[str, Any] | None = None,
        client: Client | AsyncClient | None = None,
        files: FilesSentAs | None = None,
    ) -> None:
        if values is not None and not isinstance(values, Mapping):
            raise InputError(f"values is {short(values)}; give a mapping of Start variables to constants")
        self.deployment = deployment
        self.files: FilesSentAs | None = files
        """How files are sent that are chosen as constants; ``None``: as a person chooses in each field."""
        self.selection = VariantSelection(deployment, variants)
        self.mapping = RowMapping(deployment, rows, values)
        self.batch: Batch | None = None
        self.observers: Observers[BatchFormObserver] = Observers()
        """Whoever is told of what is chosen and begun."""
        self.display_of: Callable[[ShownBatch], ProgressDisplay] | None = None
        """Makes the display of a start in widgets; without it, a batch is shown under the running cell."""
        self.go_on = GO_ON
        """What a batch that was stopped says of how it goes on."""
        self._given = rows
        self.lock = threading.Lock()
        self._client = client

    @property
    def fields_by_name(self) -> Mapping[str, SourceField]:
        """What each variable takes, as a user asks for it."""
        mapping = self.mapping
        return FieldMap({name: SourceField(mapping, name, self.notify_changed) for name in mapping.sources})

    @property
    def value(self) -> dict[str, Any]:
        """The mapping as :func:`fh_notebook.batch` takes it."""
        return self.mapping.inputs()

    @property
    def value_problems(self) -> list[Problem]:
        """What is wrong with the mapping and with the first rows."""
        return list(self.mapping.preview().problems)

    @property
    def problems(self) -> list[Problem]:
        """Everything that keeps Run from starting: of the mapping, and of the first rows."""
        nameless = [NAMELESS] if is_placeholder(self.deployment.name) else []
        return [
            *Problem.of(nameless),
            *self.mapping.preview().problems,
            *Problem.of(filter(None, [self.selection.problem])),
        ]

    @property
    def running(self) -> bool:
        """Whether the batch makes calls."""
        return self.batch is not None and self.batch.running

    @property
    def runs(self) -> tuple[Run, ...]:
        """No run: a batch may have a million, and :attr:`frame` has them."""
        return ()

    @property
    def waited_for(self) -> tuple[PendingRun, ...]:
        """No run: the batch waits for its own."""
        return ()

    @property
    def frame(self) -> pd.DataFrame:
        """What has come of the batch; empty before."""
        return self.batch.frame if self.batch is not None else frame_of_runs([])

    @property
    def dataset(self) -> pd.DataFrame:
        """No line, and a column for each variable: nothing is collected."""
        return frame_of_records([], [name for name in self.deployment.variable_names if not self.secrets.cover([name])])

    @property
    def secrets(self) -> Secrets:
        """Which of the variables are never shown."""
        return Secrets.of(self.deployment.inputs)

    def requests(self) -> list[InvokeRequest]:
        """Return what is sent for the first row, its secrets masked."""
        first = self.mapping.preview().inputs[:1]
        return self.selection.requests(first[0]) if first else []

    @property
    def copied_as(self) -> Sequence[str]:
        """In which ways the batch can be written out: curl makes one call, and no batch."""
        return ("cell", "Python")

    def written(self, way: str, base_url: str = "") -> str:
        """Return the batch written out; the rows by the name that the notebook has for them, else ``rows``."""
        from fh_notebook.notebook.forms.code_export import as_cell_over, as_python_over

        write = as_cell_over if way == "cell" else as_python_over
        selection = self.selection
        rows = _name_of(self._given)
        return write(self.mapping, selection.chosen, rows=rows, repeats=selection.repeats, delivery=selection.delivery)

    def take_past(self, values: Mapping[str, Any], masked: Iterable[str]) -> list[str]:
        """Take as constants what an earlier call sent, where no column is taken."""
        self.mapping.take_past(values)
        self.notify_changed()
        sources = self.mapping.sources
        return [name for name in masked if name in sources and sources[name].kind is SourceKind.NOTHING]

    def grow(self, grown: ExtendedDeployment) -> None:
        """Go on with a deployment that has grown; what was chosen stays."""
        self.deployment = grown.deployment
        self.selection.moved_to(grown.deployment)
        self.mapping.moved_to(grown.deployment)
        self.notify_changed()

    @property
    def has_client(self) -> bool:
        """Whether it was given a client of its own."""
        return self._client is not None

    def find_client(self) -> Client:
        """Return whom to ask; it may wait for a person."""
        return session.client_for(self._client)

    def collect(self) -> None:
        """Refuse: its rows are there already."""
        raise InputError("a form over rows collects nothing: form.frame has its rows with their outcomes")

    def submit(self) -> Batch | Submission:
        """Begin the batch and return it; where something does not fit, send nothing and say why."""
        if problems := self.problems:
            return Submission(problems=problems)
        self._refuse_second()
        self.observers.notify(lambda observer: observer.starting())
        try:
            return self.start()
        except InputError as exc:  # of a row behind the first ones
            reason = str(exc)
            self.observers.notify(lambda observer: observer.failed(reason))
            return Submission(problems=exc.problems)

    def start(self) -> Batch:
        """Begin the batch in the background; every row is checked before the first call."""
        if problems := self.problems:
            raise InputError(problems)
        with self.lock:
            self._refuse_second()
            options = BatchOptions(
                variants=list(self.selection.chosen),
                inputs=self.mapping.inputs(),
                repeats=self.selection.repeats,
                client=self.find_client(),
                wait=False,
                delivery=self.selection.delivery,  # type: ignore[arg-type]  # one of them: `VariantSelection` has checked it
            )
            batch, control = prepare(self.mapping.rows, self.deployment, options, replace(CELL, resume=self.go_on))
            if (display_of := self.display_of) is not None:
                control.new_display = lambda: display_of(ShownBatch.of(batch))
            control.start(control.first_windows(), wait=False)
            self.batch = batch
        self.observers.notify(lambda observer: observer.started(batch))
        return batch

    def _refuse_second(self) -> None:
        if self.running:
            raise SettingsError("the form's batch is running; wait for it, or cancel it first")

    def cancel(self) -> None:
        """End the batch. What has come is saved."""
        if self.batch is not None:
            self.batch.cancel()

    def renew(self) -> None:
        """Go on with other widgets: nothing of the mapping is in the old ones."""

    def notify_changed(self) -> None:
        """Tell the observers that a program or a panel has changed the mapping, the selection or the deployment."""
        self.observers.notify(lambda observer: observer.changed())


def _name_of(rows: Any) -> str:
    """Return the name by which the notebook knows these rows."""
    names = getattr(running_shell(), "user_ns", {})
    candidates = (name for name, value in list(names.items()) if value is rows and not name.startswith("_"))
    return next((name for name in candidates if name.isidentifier()), "rows")
