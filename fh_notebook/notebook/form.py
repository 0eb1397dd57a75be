"""`form`: fields for a deployment's Start variables, Run, and what came of it beside each other.

Rule of this file: it is what a user holds. It reads and hands on: what a form knows and does is in `form_core`, what a
page shows of it in `form_view`, and a form over rows in `form_batch`. Nothing here waits for a call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import finalize

from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.run import Run
from fh_notebook.half_made import shows_half_made
from fh_notebook.notebook.form_by_name import ByName
from fh_notebook.notebook.form_core import FormCore
from fh_notebook.notebook.form_display import FormDisplay, Redraw, bundle, hold_while_shown, is_closed
from fh_notebook.notebook.form_running import Submission
from fh_notebook.notebook.form_static import page_of, text_of

if TYPE_CHECKING:
    import pandas as pd

    from fh_notebook.batching.batch import Batch
    from fh_notebook.client.pending import PendingRun

__all__ = ["Form"]


@shows_half_made
class Form:
    """A form: what it holds, what it would send, and what came of the last submit. Made by :func:`form`.

    As the value of a cell it shows its fields. All of it can be used by a program as well, without any page.
    """

    def __init__(self, core: FormCore) -> None:
        self._core = core
        self._view: Any = None
        self._display = FormDisplay(lambda: page_of(core), lambda: text_of(core))
        redraw = Redraw(self._display)
        core.observe(redraw, [redraw])

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse what would be set to no effect."""
        known = getattr(type(self), name, None)
        if not name.startswith("_") and (not isinstance(known, property) or known.fset is None):
            raise AttributeError(
                f"form.{name} cannot be set; set form.fields[NAME].value, form.variants, form.repeats, form.delivery"
            )
        super().__setattr__(name, value)

    # --- what it holds

    @property
    def deployment(self) -> Deployment:
        """What it runs; another value after the form has grown."""
        return self._core.deployment

    @property
    def fields(self) -> Mapping[str, Any]:
        """A field for each Start variable, by its name: ``form.fields["ticket"].value = "Late."``.

        An object is a `GroupField` with ``fields`` of its own; everything else is one field.
        """
        return ByName(self._core.fields.fields)

    @property
    def value(self) -> dict[str, Any]:
        """The inputs that Run would send now, exactly; what is not set is not in them."""
        return self._core.model.value

    @property
    def problems(self) -> list[str]:
        """Everything that is wrong with the present value; while there is anything, nothing is sent."""
        return [str(problem) for problem in self._core.model.problems]

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants that Run would run; names can be assigned."""
        return self._core.choice.chosen

    @variants.setter
    def variants(self, names: str | Iterable[str]) -> None:
        self._core.choice.choose(names)
        self._changed()

    @property
    def repeats(self) -> int:
        """How often Run would run each variant; a whole number can be assigned."""
        return self._core.choice.repeats

    @repeats.setter
    def repeats(self, number: int) -> None:
        self._core.choice.repeats = number
        self._changed()

    @property
    def delivery(self) -> str:
        """How answers come: ``"direct"``, in the response; ``"callback"``, later, as "Deliver by callback" has it; or
        ``"poll"``, later too, by being asked for. One of them can be assigned.
        """
        return self._core.choice.delivery

    @delivery.setter
    def delivery(self, delivery: str) -> None:
        self._core.choice.delivery = delivery
        self._changed()

    # --- what is done

    def submit(self) -> Submission:
        """Do what Run does, and return at once: ``form.submit().wait()``, or ``await form.submit()``, has the runs.

        Where the inputs do not fit nothing is sent; what is returned says why, and raises when it is waited for.
        """
        return self._core.submit()

    def cancel(self) -> None:
        """End every call that is out. What has come is kept, and what was out may have run."""
        self._core.cancel()

    def add_to_batch(self) -> None:
        """Add the present inputs to :attr:`dataset`.

        Raises
        ------
        InputError
            They do not fit.
        """
        self._core.collect()

    # --- what came of it

    @property
    def runs(self) -> list[Run]:
        """What has come of the last submit, by variant and repeat; an answer to an older one is not among them.

        A call that was refused, or never reached the service, is a failed run here.
        """
        return list(self._core.runs)

    @property
    def pending(self) -> list[PendingRun]:
        """The runs that go on at the service and are waited for, of older submits too; ``fh.pending()`` has all."""
        return list(self._core.waited_for)

    @property
    def run(self) -> Run | None:
        """The first of :attr:`runs`; ``None`` while there is none."""
        runs = self.runs
        return runs[0] if runs else None

    @property
    def frame(self) -> pd.DataFrame:
        """The runs as a tidy table, one line each, as :func:`fh_notebook.compare` takes it; passwords masked."""
        return self._core.frame

    @property
    def dataset(self) -> pd.DataFrame:
        """The inputs that "Add to batch" has collected, one line each, as a batch takes it; without passwords."""
        return self._core.dataset

    @property
    def batch(self) -> Batch | None:
        """The batch that Run began; ``None`` for a form that is not over rows, and before Run."""
        return None

    @property
    def widget(self) -> Any:
        """All of the form as one widget, to be put among others; made at the first use, there until it is closed."""
        made = self._widget()
        made.fh_form = self  # whoever holds the widget alone has a form that works
        return made

    # --- how it shows

    def _changed(self) -> None:
        self._core.tell(lambda observer: observer.changed())

    def _widget(self) -> Any:
        """The widgets, made when they are first shown."""
        if self._view is not None and is_closed(self._view.widget):
            self._core.renew(self._view, self._view.of_submits)
            self._view = None
        if self._view is None:
            from fh_notebook.notebook.form_view import FormView

            view = FormView(self._core)
            # Else what was clicked just before would make a column.
            self._holds(view, partial(self._core.leave, view, view.of_submits))
        return self._view.widget

    def _holds(self, view: Any, before: Callable[[], object] | None = None) -> None:
        """Have the widgets closed with the form, after `before`: when nobody holds it, no page can use them."""
        self._view = view
        finalize(self, _close, view, before).atexit = False

    def _ipython_display_(self) -> None:
        self._display.show(self._widget)
        hold_while_shown(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return bundle(page_of(self._core), repr(self), self._widget())

    def _repr_html_(self) -> str:
        return page_of(self._core)

    def __repr__(self) -> str:
        return text_of(self._core)


def _close(view: Any, before: Callable[[], object] | None) -> None:
    from fh_notebook.notebook.form_parts import close_whole

    if before is not None:
        before()
    close_whole(view)
