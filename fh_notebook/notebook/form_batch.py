"""A form over rows: which Start variable takes which column, and a batch in the background as its Run.

Rule of this file: nothing big happens in a handler. The plan is made, and the batch begun, on a thread of its own; the
batch itself runs, is shown and is ended as every batch in the background.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fh_notebook import session
from fh_notebook.batching.batch import Batch
from fh_notebook.batching.person import in_a_cell
from fh_notebook.batching.start import batch
from fh_notebook.batching.stopping import going_on_by
from fh_notebook.contract.models import Deployment
from fh_notebook.contract.run import Run
from fh_notebook.contract.spell import short
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.notebook.form import Form
from fh_notebook.notebook.form_by_name import ByName
from fh_notebook.notebook.form_choice import Choice
from fh_notebook.notebook.form_core import NAMELESS, FormCore
from fh_notebook.notebook.form_display import FormDisplay, bundle, is_closed
from fh_notebook.notebook.form_grow import is_placeholder
from fh_notebook.notebook.form_over import RowMapping, SourceField
from fh_notebook.notebook.form_over_static import over_page, over_text
from fh_notebook.notebook.form_running import Submission

if TYPE_CHECKING:
    import pandas as pd

    from fh_notebook.client.blocking import Client
    from fh_notebook.client.client import AsyncClient

__all__ = ["BatchCore", "BatchForm"]

GO_ON = "press Run again, or form.batch.resume()"


class BatchCore:
    """What a form over rows knows and does.

    Parameters
    ----------
    deployment : Deployment
        What is run.
    rows : DataFrame, iterable of mappings, or path
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
    ) -> None:
        if values is not None and not isinstance(values, Mapping):
            raise InputError(f"values is {short(values)}; give a mapping of Start variables to constants")
        self.deployment = deployment
        self.choice = Choice(deployment, variants)
        self.mapping = RowMapping(deployment, rows, values)
        self.batch: Batch | None = None
        self.lock = threading.Lock()
        self._client = client

    @property
    def problems(self) -> list[str]:
        """Everything that keeps Run from starting: of the mapping, and of the first rows."""
        nameless = [NAMELESS] if is_placeholder(self.deployment.name) else []
        return [*nameless, *self.mapping.preview().problems, *filter(None, [self.choice.problem])]

    @property
    def running(self) -> bool:
        """Whether the batch makes calls."""
        return self.batch is not None and self.batch.running

    def find_client(self) -> Client:
        """Return whom to ask; it may wait for a person."""
        return session.client_for(self._client)

    def start(self, *, progress: Any = True) -> Batch:
        """Begin the batch in the background; every row is checked before the first call.

        Raises
        ------
        InputError
            Something does not fit.
        SettingsError
            It is running already.
        """
        if problems := self.problems:
            raise InputError(problems)
        with self.lock:
            if self.running:
                raise SettingsError("the form's batch is running; wait for it, or cancel it first")
            with in_a_cell(), going_on_by(GO_ON):
                self.batch = batch(
                    self.mapping.rows,
                    self.deployment,
                    variants=list(self.choice.chosen),
                    inputs=self.mapping.inputs(),
                    repeats=self.choice.repeats,
                    client=self.find_client(),
                    wait=False,
                    progress=progress,
                    delivery=self.choice.delivery,  # type: ignore[arg-type]  # one of them: `Choice` has checked it
                )
            return self.batch


class BatchForm(Form):
    """A form over rows. Its ``batch`` is what Run began, its ``frame`` the tidy table of what has come so far."""

    def __init__(self, deployment: Deployment, rows: Any, **options: Any) -> None:
        self._over = BatchCore(deployment, rows, **options)
        super().__init__(FormCore(deployment, client=options.get("client")))
        self._display = FormDisplay(lambda: over_page(self._over), lambda: over_text(self._over))

    @property
    def mapping(self) -> RowMapping:
        """What each Start variable takes: ``form.mapping.take_column("ticket", "text")``."""
        return self._over.mapping

    @property
    def fields(self) -> Mapping[str, Any]:
        """A field for each Start variable, by its name: ``.column`` or ``.value``, a constant, can be assigned."""
        mapping = self._over.mapping
        return ByName({name: SourceField(mapping, name, self._changed) for name in mapping.sources})

    @property
    def batch(self) -> Batch | None:
        """The batch that Run began; ``None`` before."""
        return self._over.batch

    @property
    def value(self) -> dict[str, Any]:
        """What each Start variable takes, as :func:`fh_notebook.batch` takes it in ``inputs``."""
        return self._over.mapping.inputs()

    @property
    def problems(self) -> list[str]:
        """Everything that is wrong with the mapping and with the first rows."""
        return list(self._over.mapping.preview().problems)

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants that Run would run; names can be assigned."""
        return self._over.choice.chosen

    @variants.setter
    def variants(self, names: str | Iterable[str]) -> None:
        self._over.choice.choose(names)
        self._changed()

    @property
    def repeats(self) -> int:
        """How often Run would run each variant for each row; a whole number can be assigned."""
        return self._over.choice.repeats

    @repeats.setter
    def repeats(self, number: int) -> None:
        self._over.choice.repeats = number
        self._changed()

    @property
    def delivery(self) -> str:
        """How the batch's answers come, as :func:`fh_notebook.batch` takes it; can be assigned."""
        return self._over.choice.delivery

    @delivery.setter
    def delivery(self, delivery: str) -> None:
        self._over.choice.delivery = delivery
        self._changed()

    def submit(self) -> Any:
        """Begin the batch in the background and return it: ``form.submit().wait()``.

        Where something does not fit nothing is sent; what is returned says why, and raises when it is waited for.
        """
        if problems := self._over.problems:
            return Submission(problems=problems)
        if self._view is None:
            return self._started(True)
        self._view.starting()
        made = self._started(self._view.progress)
        if isinstance(made, Batch):
            self._view.started(made)
        return made

    def _started(self, progress: Any) -> Batch | Submission:
        try:
            return self._over.start(progress=progress)
        except InputError as told:  # of a row behind the first ones
            if self._view is not None:
                self._view.refused(told)
            return Submission(problems=told.problems)

    def cancel(self) -> None:
        """End the batch. What has come is kept."""
        if self.batch is not None:
            self.batch.cancel()

    def add_to_batch(self) -> None:
        """Refuse: the inputs of a form over rows are its rows, and :attr:`frame` has them beside what came of them.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError("a form over rows collects nothing: form.frame has its rows with what came of them")

    @property
    def runs(self) -> list[Run]:
        """Empty: a batch may have a million; :attr:`frame` has what came, ``batch.iter_frames(n)`` its parts."""
        return []

    @property
    def frame(self) -> pd.DataFrame:
        """One line for every job of the batch that has an outcome, as ``batch.frame``; empty before Run."""
        return self.batch.frame if self.batch is not None else super().frame

    def _changed(self) -> None:
        if self._view is not None:
            self._view.changed()
        self._display.update()

    def _widget(self) -> Any:
        if self._view is None or is_closed(self._view.widget):
            from fh_notebook.notebook.form_over_view import OverView

            self._view = OverView(self._over, self._display.update)
        return self._view.widget

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return bundle(over_page(self._over), repr(self), self._widget())

    def _repr_html_(self) -> str:
        return over_page(self._over)

    def __repr__(self) -> str:
        return over_text(self._over)
