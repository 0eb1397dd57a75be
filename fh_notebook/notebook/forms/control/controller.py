"""`FormController`: state and actions of a form of one call, without its run bar and panels.

It is created without a kernel, a key, a hive or a store; a client is looked up when a call is made. Displays of the
form are observers, called for each change on the thread on which it happened. `FieldMap` refuses misspelt names with a
hint, and assignments that a copy would lose.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NoReturn

from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.run import Run
from fh_notebook.contract.secrets import Secrets, mask_inputs
from fh_notebook.contract.snippet.parser import is_placeholder
from fh_notebook.core.text.formatting import nearest, short
from fh_notebook.core.text.problems import Problem
from fh_notebook.core.values import UNSET
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.notebook.forms.control.observers import FormObserver, Observers
from fh_notebook.notebook.forms.control.schema_editor import ExtendedDeployment
from fh_notebook.notebook.forms.control.selection import VariantSelection
from fh_notebook.notebook.forms.control.submission import Submission, SubmissionRunner, SubmitObserver
from fh_notebook.notebook.forms.fields.base import Field, FilesSentAs
from fh_notebook.notebook.forms.fields.view import FieldsView
from fh_notebook.notebook.forms.model.model import FormModel
from fh_notebook.session import session

if TYPE_CHECKING:
    import pandas as pd

    from fh_notebook.client.clients import AsyncClient, Client
    from fh_notebook.client.pending_run import PendingRun


class UnknownField(InputError, KeyError):
    """A form has no field of this name."""

    __str__ = Exception.__str__  # KeyError's own shows a repr of the sentence


class FieldMap(dict[str, Any]):
    """Fields by name; read only.

    Examples
    --------
    >>> FieldMap(ticket="a field")["tikcet"]
    Traceback (most recent call last):
    fh_notebook.notebook.forms.control.controller.UnknownField: no variable is named 'tikcet'; did you mean 'ticket'?
    """

    def __missing__(self, name: object) -> NoReturn:
        near = nearest(name, self)
        hint = f"; did you mean {short(near)}?" if near else ""
        raise UnknownField(f"no variable is named {short(name)}{hint}")

    def __setitem__(self, name: str, value: object) -> NoReturn:
        raise InputError(
            f"a field cannot be replaced; set its value: form.fields[{short(name)}].value = {short(value)}"
        )

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise InputError("fields cannot be added or removed; set their values: form.fields[NAME].value = ...")

    __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse


NAMELESS: Final = "replace the snippet's placeholder with the deployment's name"
"""A name that stands for another is never called by a form."""

NOWHERE_TO_UPLOAD: Final = (
    "workspace_id is not set, so Run cannot upload the file; set fh.configure(workspace_id=...) or "
    "FETCH_HIVE_WORKSPACE_ID, or send the content"
)
"""Said where a file's address is to be sent, before Run refuses it."""


class FormController:
    """What a form knows and does.

    Parameters
    ----------
    deployment : Deployment
        What is run.
    variants : str or iterable of str, optional
        Those to run; all that the deployment names by default.
    values : mapping, optional
        What the fields begin with.
    client : Client or AsyncClient, optional
        Whom to ask; the session's own by default.
    files : {"content", "address"}, optional
        How chosen files are sent; by default as a person chooses in each field.

    Raises
    ------
    InputError
        The deployment has no such variant, or `values` is no mapping.
    """

    def __init__(
        self,
        deployment: Deployment,
        *,
        variants: str | Iterable[str] | None = None,
        values: Mapping[str, Any] | None = None,
        client: Client | AsyncClient | None = None,
        files: FilesSentAs | None = None,
    ) -> None:
        if values is not None and not isinstance(values, Mapping):
            raise InputError(f"values is {short(values)}; give a mapping of Start variables to values")
        self.deployment = deployment
        self._files: FilesSentAs | None = files
        self.selection = VariantSelection(deployment, variants)
        self.fields = self._fields_of(FormModel(deployment.inputs, values))
        self.lock = threading.RLock()
        self._client = client
        self._collected: list[dict[str, Any]] = []
        self.observers: Observers[FormObserver] = Observers()
        """The observers of what is typed and chosen."""
        self._runner = SubmissionRunner(self.find_client)

    def _fields_of(self, model: FormModel) -> FieldsView:
        return FieldsView(
            model,
            on_change=lambda: self.observers.notify(lambda observer: observer.edited()),
            files=self._files,
            find_upload_problem=self._find_upload_problem,
        )

    def _find_upload_problem(self) -> str:
        with suppress(SettingsError):  # which Run tells: it is not of the file
            return NOWHERE_TO_UPLOAD if session.find_workspace_id(self._client) is None else ""
        return ""

    # --- what there is

    @property
    def model(self) -> FormModel:
        """What the fields hold."""
        return self.fields.model

    @property
    def fields_by_name(self) -> Mapping[str, Field]:
        """The fields, as a user asks for them."""
        return FieldMap(self.fields.fields)

    @property
    def value(self) -> dict[str, Any]:
        """What the fields hold now, as it would be sent."""
        return self.model.value

    @property
    def value_problems(self) -> list[Problem]:
        """What is wrong with it."""
        return self.model.problems

    @property
    def secrets(self) -> Secrets:
        """Which of the variables are never shown."""
        return Secrets.of(self.deployment.inputs)

    @property
    def problems(self) -> list[Problem]:
        """Everything that keeps Run from sending."""
        nameless = Problem.of([NAMELESS] if is_placeholder(self.deployment.name) else [])
        unchosen = Problem.of([self.selection.problem] if self.selection.problem else [])
        return [*nameless, *self.model.problems, *unchosen]

    @property
    def newest(self) -> Submission | None:
        """The last submit; ``None`` before the first."""
        return self._runner.newest

    @property
    def runs(self) -> tuple[Run, ...]:
        """What has come of the last submit, in the order of its calls."""
        return self.newest.runs if self.newest is not None else ()

    @property
    def batch(self) -> None:
        """No batch: a form of one call begins none."""
        return None

    @property
    def waited_for(self) -> tuple[PendingRun, ...]:
        """The runs that go on at the service and are waited for, of older submits too."""
        return self._runner.waited_for

    @property
    def busy(self) -> bool:
        """Whether calls of the last submit are out that the service has not taken yet."""
        return self.newest is not None and not self.newest.handed_over

    @property
    def origin(self) -> str:
        """Whom the last submit asked; empty before the first."""
        return self._runner.origin

    @property
    def frame(self) -> pd.DataFrame:
        """The runs as a tidy table, secret inputs masked."""
        from fh_notebook.batching.tables.frames import frame_of_runs

        secrets = self.secrets
        return frame_of_runs([replace(run, inputs=mask_inputs(run.inputs, secrets)) for run in self.runs])

    @property
    def dataset(self) -> pd.DataFrame:
        """The inputs that were collected, one line each; passwords are not collected."""
        from fh_notebook.batching.tables.rows import frame_of_records

        with self.lock:
            records = list(self._collected)
        names = dict.fromkeys([*self.model.fields, *(name for record in records for name in record)])
        secrets = self.secrets
        return frame_of_records(records, [name for name in names if not secrets.cover([name])])

    @property
    def collected(self) -> int:
        """How many inputs were collected."""
        return len(self._collected)

    @property
    def collected_line(self) -> int | None:
        """Which line of the dataset, from 1, has the present inputs already; ``None`` where none has."""
        inputs = self._inputs_to_collect()
        with self.lock:
            return self._collected.index(inputs) + 1 if inputs in self._collected else None

    def _inputs_to_collect(self) -> dict[str, Any]:
        secrets = self.secrets
        return {name: value for name, value in self.model.value.items() if not secrets.cover([name])}

    @property
    def has_client(self) -> bool:
        """Whether it was given a client of its own."""
        return self._client is not None

    def find_client(self) -> Client:
        """Return whom to ask. It may wait for a person: the session's own key may lie in a keyring."""
        return session.client_for(self._client)

    def requests(self) -> list[InvokeRequest]:
        """Return what Run would send now, whether it fits or not."""
        return self.selection.requests(self.model.value)

    # --- what is done

    def submit(self) -> Submission:
        """Send what the fields hold, and return at once; where it does not fit, send nothing and say why."""
        with self.lock:
            problems: Sequence[Problem] = self.problems
            if not problems:
                try:
                    return self._runner.submit(
                        self.requests(), inputs=self.model.value, delivery=self.selection.delivery
                    )
                except InputError as exc:
                    problems = exc.problems
            self.model.touch_all()
            self.observers.notify(lambda observer: observer.refused(problems))
            return Submission(problems=problems)

    def cancel(self) -> None:
        """End every call that is out."""
        self._runner.cancel()

    @property
    def copied_as(self) -> Sequence[str]:
        """In which ways the call can be written out."""
        from fh_notebook.notebook.forms import code_export

        return ("cell", "Python", *code_export.COMMANDS)

    def written(self, way: str, base_url: str = "") -> str:
        """Return what Run would send written out, for use elsewhere."""
        from fh_notebook.notebook.forms import code_export

        arguments = (self.deployment, self.selection.chosen, self.model.value)
        repeats, delivery = self.selection.repeats, self.selection.delivery
        if way in code_export.COMMANDS:
            return code_export.as_command(way, *arguments, base_url=base_url, delivery=delivery)
        write = code_export.as_cell if way == "cell" else code_export.as_python
        return write(*arguments, repeats=repeats, delivery=delivery)

    def set_values(self, values: Mapping[str, Any], *, exact: bool = False) -> None:
        """Set the named fields; `exact` leaves out all others, as a recorded run did."""
        self.model.set_values(values, exact=exact)
        self.observers.notify(lambda observer: observer.changed())

    def take_past(self, values: Mapping[str, Any], masked: Iterable[str]) -> list[str]:
        """Fill in exactly what an earlier call sent; a secret that a person has typed stays."""
        typed = {name: self.model.fields[name].value for name in masked if name in self.model.fields}
        secrets = {name: value for name, value in typed.items() if value is not UNSET}
        self.set_values({**values, **secrets}, exact=True)
        return [name for name in masked if name not in secrets]

    def collect(self) -> None:
        """Add the present inputs to the dataset."""
        if problems := self.model.problems:
            self.model.touch_all()
            self.observers.notify(lambda observer: observer.changed())
            raise InputError(problems, where="not added")
        with self.lock:
            self._collected.append(self._inputs_to_collect())
        self.observers.notify(lambda observer: observer.collected())

    def grow(self, grown: ExtendedDeployment) -> None:
        """Go on with a deployment that has grown; what was typed stays, and samples fill what is empty."""
        with self.lock:
            values = {**grown.values, **self.model.value}
            self.deployment = grown.deployment
            self.fields = self._fields_of(FormModel(grown.deployment.inputs, values))
            self.selection.moved_to(grown.deployment)
        self.observers.notify(lambda observer: observer.grown())

    def observe(self, observer: FormObserver, of_submits: Sequence[SubmitObserver]) -> None:
        """Add an observer of what is typed and chosen, and `of_submits`, those of what is sent and received."""
        self.observers.add(observer)
        for each in of_submits:
            self._runner.observe(each)

    def leave(self, observer: FormObserver, of_submits: Sequence[SubmitObserver]) -> None:
        """Remove these observers, if they are there."""
        for each in of_submits:
            self._runner.leave(each)
        self.observers.remove(observer)

    def renew(self) -> None:
        """Go on with other widgets, and what the fields hold: the widgets were closed."""
        with self.lock:
            self.fields = self._fields_of(self.model)
