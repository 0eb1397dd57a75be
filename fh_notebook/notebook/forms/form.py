"""Forms: `form()`, and the public objects `Form` and `BatchForm`: fields, values, submissions, runs.

A form is what a user holds, and has no logic of its own: what it knows and does is in its controller (`FormController`,
`BatchFormController`), what a page shows in its widgets (`FormView`, `BatchFormView`). Nothing here waits for a call.
pandas is imported for a form over rows only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol
from weakref import finalize

from fh_notebook.contract.catalog.deployments import misspelling_error
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.run import Run
from fh_notebook.contract.snippet.parser import looks_like_snippet
from fh_notebook.core.arguments import NotSettableError, public
from fh_notebook.core.redaction import MASK
from fh_notebook.core.text.formatting import short, with_partial_repr
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import InputError
from fh_notebook.notebook.forms.control.controller import FormController
from fh_notebook.notebook.forms.control.observers import BatchFormObserver, Observers
from fh_notebook.notebook.forms.control.selection import VariantSelection
from fh_notebook.notebook.forms.control.submission import Submission
from fh_notebook.notebook.forms.fields.base import FilesSentAs
from fh_notebook.notebook.forms.static import form_page, form_text
from fh_notebook.notebook.ui.buttons import is_app
from fh_notebook.notebook.ui.display import WidgetDisplay, bundle, hold_while_shown, is_closed
from fh_notebook.session import session

if TYPE_CHECKING:
    import pandas as pd

    from fh_notebook.batching.batch import Batch
    from fh_notebook.client.clients import AsyncClient, Client
    from fh_notebook.client.pending_run import PendingRun
    from fh_notebook.notebook.forms.control.batch_controller import BatchFormController
    from fh_notebook.notebook.forms.model.row_mapping import RowMapping


class FormProtocol(Protocol):
    """What a :class:`Form` needs of its core: of one call, or over rows."""

    deployment: Deployment
    selection: VariantSelection

    @property
    def observers(self) -> Observers[Any]:
        """Whoever is told of what is typed and chosen."""

    @property
    def fields_by_name(self) -> Mapping[str, Any]:
        """The fields, as a user asks for them."""

    @property
    def value(self) -> dict[str, Any]:
        """What would be sent."""

    @property
    def value_problems(self) -> list[Problem]:
        """What is wrong with it."""

    @property
    def runs(self) -> tuple[Run, ...]:
        """What has come of the last submit."""

    @property
    def waited_for(self) -> tuple[PendingRun, ...]:
        """The runs that go on at the service."""

    @property
    def frame(self) -> pd.DataFrame:
        """What has come, as a tidy table."""

    @property
    def dataset(self) -> pd.DataFrame:
        """The inputs that were collected."""

    @property
    def batch(self) -> Batch | None:
        """The batch that was begun."""

    def submit(self) -> Any:
        """Do what Run does; return a :class:`Submission`, or the batch."""

    def cancel(self) -> None:
        """End what is out."""

    def collect(self) -> None:
        """Add the present inputs to the dataset."""

    def renew(self) -> None:
        """Go on with other widgets: the old ones were closed."""


class Widgets(Protocol):
    """What a :class:`Form` needs of its widgets."""

    widget: Any
    """What is needed at first sight."""

    def complete(self) -> None:
        """Add to the widget what comes after that."""

    def leave(self) -> None:
        """Show nothing more of the form."""


@public
@with_partial_repr
class Form:
    """A form: its values, what it would send, and the outcome of the last submit. Returned by :func:`form`.

    As the value of a cell it shows its fields. All of it can be used by a program as well, without any page.

    Parameters
    ----------
    core : FormProtocol
        What it knows and does.
    display : WidgetDisplay
        Where it is shown without widgets.
    make_widgets : callable
        Makes its widgets, when they are first shown.
    """

    def __init__(self, core: FormProtocol, display: WidgetDisplay, make_widgets: Callable[[], Widgets]) -> None:
        self._core = core
        self._display = display
        self._make_widgets = make_widgets
        self._view: Widgets | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse what would be set to no effect."""
        attribute = getattr(type(self), name, None)
        if not name.startswith("_") and (not isinstance(attribute, property) or attribute.fset is None):
            raise NotSettableError(
                f"form.{name} cannot be set; set form.fields[NAME].value, form.variants, form.repeats, form.delivery"
            )
        super().__setattr__(name, value)

    # --- what it holds

    @property
    def deployment(self) -> Deployment:
        """The deployment of the form; replaced by a new value when fields are added."""
        return self._core.deployment

    @property
    def fields(self) -> Mapping[str, Any]:
        """A field for each Start variable, by its name: ``form.fields["ticket"].value = "Late."``.

        An object is a `GroupField` with ``fields`` of its own; everything else is one field. Of a form over rows,
        ``.column`` or ``.value``, a constant, can be assigned.
        """
        return self._core.fields_by_name

    @property
    def value(self) -> dict[str, Any]:
        """Exactly the inputs that Run would send now; what is not set is left out.

        Of a form over rows, what each Start variable takes, as :func:`fh_notebook.batch` takes it in ``inputs``.
        """
        return self._core.value

    @property
    def problems(self) -> list[str]:
        """All problems of the current value; while there are any, nothing is sent."""
        return [str(problem) for problem in self._core.value_problems]

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants that Run would run; names can be assigned."""
        return self._core.selection.chosen

    @variants.setter
    def variants(self, names: str | Iterable[str]) -> None:
        self._core.selection.choose(names)
        self._changed()

    @property
    def repeats(self) -> int:
        """How often Run would run each variant, for each row of a form over rows; a whole number can be assigned."""
        return self._core.selection.repeats

    @repeats.setter
    def repeats(self, number: int) -> None:
        self._core.selection.repeats = number
        self._changed()

    @property
    def delivery(self) -> str:
        """How answers are delivered, which can be assigned: ``"direct"``, ``"callback"`` or ``"poll"``.

        Direct answers come in the response. Those of the others come later, as with "Run in the background": by a
        callback, or by look-ups.
        """
        return self._core.selection.delivery

    @delivery.setter
    def delivery(self, delivery: str) -> None:
        self._core.selection.delivery = delivery
        self._changed()

    # --- what is done

    def submit(self) -> Submission:
        """Submit as Run does, and return at once: ``form.submit().wait()`` or ``await form.submit()`` returns the runs.

        Where the inputs do not fit nothing is sent; what is returned says why, and raises when it is waited for.
        """
        submission: Submission = self._core.submit()
        return submission

    def cancel(self) -> None:
        """Cancel every call in progress. Answers that arrived are saved, and the cancelled calls may have run."""
        self._core.cancel()

    def add_to_batch(self) -> None:
        """Add the current inputs to :attr:`dataset`.

        Raises
        ------
        InputError
            They do not fit, or it is a form over rows: :attr:`frame` has its rows with what came of them.
        """
        self._core.collect()

    # --- what came of it

    @property
    def runs(self) -> list[Run]:
        """The runs of the last submit that have arrived, by variant and repeat; runs of older submits are not included.

        A call that was refused, or never reached the service, is a failed run here. Of a form over rows it is empty:
        a batch may have a million; :attr:`frame` has what came, ``batch.iter_frames(n)`` its parts.
        """
        return list(self._core.runs)

    @property
    def pending(self) -> list[PendingRun]:
        """The runs that continue at the service and are waited for, of older submits too; ``fh.pending()`` has all."""
        return list(self._core.waited_for)

    @property
    def run(self) -> Run | None:
        """The first of :attr:`runs`; ``None`` while there is none."""
        runs = self.runs
        return runs[0] if runs else None

    @property
    def frame(self) -> pd.DataFrame:
        """The runs as a tidy table, one row each, as :func:`fh_notebook.compare` takes it; passwords masked.

        Of a form over rows, one line for every job of the batch that has an outcome, as ``batch.frame``.
        """
        return self._core.frame

    @property
    def dataset(self) -> pd.DataFrame:
        """The inputs that "Add as a row to form.dataset" has collected, for a batch, one row each; no passwords."""
        return self._core.dataset

    @property
    def batch(self) -> Batch | None:
        """The batch that Run began; ``None`` for a form that is not over rows, and before Run."""
        return self._core.batch

    @property
    def widget(self) -> Any:
        """The whole form as one widget, for use in a layout; created at first use, and valid until it is closed."""
        widget = self._complete_widget()
        widget.fh_form = self  # whoever holds the widget alone has a form that works
        return widget

    # --- how it shows

    def _changed(self) -> None:
        self._core.observers.notify(lambda observer: observer.changed())

    def _widget(self) -> Any:
        """The widgets, made when they are first shown."""
        view = self._view
        if view is not None and is_closed(view.widget):
            view.leave()
            self._core.renew()
            view = None
        if view is None:
            self._view = view = self._make_widgets()
            # When nobody holds the form, no page can use them.
            finalize(self, _close, view).atexit = False
        return view.widget

    def _complete_widget(self) -> Any:
        widget = self._widget()
        if self._view is not None:
            self._view.complete()
        return widget

    def _ipython_display_(self) -> None:
        self._display.show(self._widget)
        if self._view is not None:
            self._view.complete()  # after the page has what is to be seen first
        hold_while_shown(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return bundle(self._display.page(), repr(self), self._complete_widget())

    def _repr_html_(self) -> str:
        return self._display.page()

    def __repr__(self) -> str:
        return self._display.text()


def _close(view: Widgets) -> None:
    from fh_notebook.notebook.ui.widgets import close_whole

    view.leave()  # else what was clicked just before would make a column
    close_whole(view)


def form_of_call(core: FormController, *, is_app: bool = False) -> Form:
    """Return the form of one call, with where and how it shows."""

    def make_widgets() -> Widgets:
        from fh_notebook.notebook.forms.views.form_view import FormView

        return FormView(core, is_app=is_app)

    display = WidgetDisplay(lambda: form_page(core, is_app=is_app), lambda: form_text(core, is_app=is_app))
    redraw = Redraw(display)
    core.observe(redraw, [redraw])
    return Form(core, display, make_widgets)


class Redraw(BatchFormObserver):
    """Keeps the last state under a form up to date.

    Parameters
    ----------
    display : WidgetDisplay
        Where it is shown.
    """

    def __init__(self, display: WidgetDisplay) -> None:
        self._display = display

    def _update(self, *_: Any, **__: Any) -> None:
        self._display.update()

    changed = edited = refused = grown = began = accepted = ended = _update

    def came(self, *_: Any) -> None:
        """Leave it: the state of the end has every answer."""

    def waited(self) -> None:
        """Leave it: what is waited for was told by `accepted`."""


class BatchForm(Form):
    """A form over rows. Its ``batch`` is what Run began, its ``frame`` the tidy table of what has come so far."""

    def __init__(self, core: BatchFormController, display: WidgetDisplay, make_widgets: Callable[[], Widgets]) -> None:
        super().__init__(core, display, make_widgets)
        self._batch_core = core

    @property
    def mapping(self) -> RowMapping:
        """What each Start variable takes: ``form.mapping.take_column("ticket", "text")``."""
        return self._batch_core.mapping

    def submit(self) -> Any:
        """Begin the batch in the background and return it: ``form.submit().wait()``.

        Where something does not fit nothing is sent; what is returned says why, and raises when it is waited for.
        """
        return self._batch_core.submit()


def form_over_rows(core: BatchFormController, *, is_app: bool = False) -> BatchForm:
    """Return the form over rows, with where and how it shows."""
    from fh_notebook.notebook.forms.static import batch_form_page, batch_form_text

    def make_widgets() -> Widgets:
        from fh_notebook.notebook.forms.views.batch_view import BatchFormView

        return BatchFormView(core, is_app=is_app)

    display = WidgetDisplay(lambda: batch_form_page(core, is_app=is_app), lambda: batch_form_text(core, is_app=is_app))
    core.observers.add(Redraw(display))
    return BatchForm(core, display, make_widgets)


@public
def form(
    deployment: Deployment | str,
    *,
    variants: str | Iterable[str] | None = None,
    values: Mapping[str, Any] | None = None,
    over: Any = None,
    client: Client | AsyncClient | None = None,
    app: bool = False,
    files: FilesSentAs | None = None,
) -> Form:
    """Return a form for a deployment's Start variables; as the value of a cell it shows fields, Run and the results.

    It builds without a key, a kernel or a service. Everything in it is reached by Tab and used by Space and Enter;
    Ctrl+Enter (Cmd+Enter) runs it from every field. Enter alone sets the value of a text of one line, and runs nothing,
    because a call may cost money.

    Parameters
    ----------
    deployment : Deployment or str
        What to run; a name is looked up where deployments are known. Of one that is known by its name only, the form
        can grow: by a variable, a pasted Code Snippet, the columns of a DataFrame.
    variants : str or iterable of str, optional
        Those that are chosen at first; all that the deployment names by default.
    values : mapping, optional
        What the fields begin with. A value that does not fit is shown with its problem. Of an optional field that has a
        default and no value nothing is sent: the field shows the default.
    over : DataFrame, dict of columns, iterable of dicts or of texts, or path, optional
        Rows as :func:`fh_notebook.batch` takes them: the form then says which Start variable takes which column, shows
        the first rows and the number of calls, and its Run starts a batch in the background, ``form.batch``. `values`
        are constants then, or ``fh.file(column=...)``: the file that a column names in each row, which a variable for a
        file takes by itself from a column of paths.
    client : Client or AsyncClient, optional
        Whom to ask; the session's own by default.
    app : bool
        Whether the form is for the users of an app, as Voila serves it: without request, earlier calls, code, batch,
        repeats and delivery, and with errors that say nothing of keys and addresses. ``form.runs`` has all. A form over
        rows that Voila serves is one in any case, as the display of its batch is.
    files : {"content", "address"}, optional
        How files are sent that a person chooses in it: their content within the call, or the address of an upload that
        Run makes (see :func:`fh_notebook.file`; that a workflow reads it is inferred, not documented). By default each
        field has the choice, and begins with the content; in an app, the content. The files that a column of rows names
        are uploaded either way.

    Returns
    -------
    Form
        ``form.value`` is what Run would send, ``form.run`` and ``form.frame`` are what came of the last submit.

    Raises
    ------
    InputError
        There is no such variant, the name is nearly that of another deployment, or `over` cannot be read as rows.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> hive = fh.local.demo_hive().client()
    >>> made = fh.form("support-triage", variants="keywords", values={"ticket": "I was charged twice."}, client=hive)
    >>> made.value["ticket"], made.problems
    ('I was charged twice.', [])
    >>> _ = made.submit().wait()
    >>> made.run.output
    'billing'
    """
    if isinstance(deployment, str) and looks_like_snippet(deployment):
        deployment = MASK  # a key may be in it, and a traceback's frame must not have that
        raise InputError("this is a Code Snippet; give fh.form(fh.Deployment.from_snippet(r'''...'''))")
    if not isinstance(app, bool):
        raise InputError(f"app is {short(app)}; give True or False")
    if files is not None and (not isinstance(files, str) or files not in ("content", "address")):
        raise InputError(f"files is {short(files)}; give 'content' or 'address'")
    files = files or ("content" if app else None)
    resolved = _find_deployment(deployment, client)
    session.note_variants(resolved)
    if over is not None:
        from fh_notebook.notebook.forms.control.batch_controller import BatchFormController  # which loads pandas

        rows_core = BatchFormController(resolved, over, variants=variants, values=values, client=client, files=files)
        return form_over_rows(rows_core, is_app=app or is_app())  # in one language with its batch
    return form_of_call(
        FormController(resolved, variants=variants, values=values, client=client, files=files), is_app=app
    )


def _find_deployment(deployment: Any, client: Client | AsyncClient | None) -> Deployment:
    """Return the deployment itself, or the one of its name; one that nobody knows has a name alone."""
    if isinstance(deployment, Deployment):
        return deployment
    if not isinstance(deployment, str) or not deployment.strip():
        raise InputError(f"deployment is {short(deployment)}; give a Deployment or its name")
    deployments = session.deployments(client)
    if deployment in deployments:
        return deployments[deployment]
    if (slip := misspelling_error(deployment, deployments)) is not None:
        raise slip
    return Deployment(deployment)
