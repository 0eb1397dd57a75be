"""A form over rows: which Start variable takes which column, and a batch in the background as its Run.

Rule of this file: nothing big happens in a handler. The plan is made, and the batch begun, on a thread of its own; the
batch itself runs, is shown and is ended as every batch in the background.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakMethod

from fh_notebook.batching.batch import Batch
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.run import Run
from fh_notebook.errors import InputError
from fh_notebook.notebook.form import Form
from fh_notebook.notebook.form_batch_core import BatchCore
from fh_notebook.notebook.form_by_name import ByName
from fh_notebook.notebook.form_core import FormCore
from fh_notebook.notebook.form_display import FormDisplay, bundle, is_closed
from fh_notebook.notebook.form_over import RowMapping, SourceField
from fh_notebook.notebook.form_over_static import over_page, over_text
from fh_notebook.notebook.form_running import Submission

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["BatchForm"]


class BatchForm(Form):
    """A form over rows. Its ``batch`` is what Run began, its ``frame`` the tidy table of what has come so far."""

    def __init__(self, deployment: Deployment, rows: Any, **options: Any) -> None:
        self._over = over = BatchCore(deployment, rows, **options)
        super().__init__(FormCore(deployment, client=options.get("client")))
        self._display = FormDisplay(lambda: over_page(over), lambda: over_text(over))
        changed = WeakMethod(self._changed)  # what it holds does not hold it: so it can be dropped

        def tell() -> None:
            if (call := changed()) is not None:
                call()

        over.tell = tell

    @property
    def deployment(self) -> Deployment:
        """What it runs; another value after the form has grown."""
        return self._over.deployment

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
        return [str(problem) for problem in self._over.mapping.preview().problems]

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

            self._holds(OverView(self._over, self._display.update))
        return self._view.widget

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return bundle(over_page(self._over), repr(self), self._widget())

    def _repr_html_(self) -> str:
        return over_page(self._over)

    def __repr__(self) -> str:
        return over_text(self._over)
