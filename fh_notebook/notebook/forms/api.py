"""`form()`: create the form of a deployment, for one call or for the rows of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fh_notebook.contract.catalog.deployments import meant
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.snippet.parser import looks_like_snippet
from fh_notebook.core.text.formatting import short
from fh_notebook.core.values import MASK
from fh_notebook.errors import InputError
from fh_notebook.notebook.forms.control.controller import FormController
from fh_notebook.notebook.forms.form import Form, form_of_call
from fh_notebook.session import session

if TYPE_CHECKING:
    from fh_notebook.client.clients import AsyncClient, Client

__all__ = ["form"]


def form(
    deployment: Deployment | str,
    *,
    variants: str | Iterable[str] | None = None,
    values: Mapping[str, Any] | None = None,
    over: Any = None,
    client: Client | AsyncClient | None = None,
) -> Form:
    """Return a form for a deployment's Start variables; as the value of a cell it shows fields, Run and the results.

    It builds without a key, a kernel or a service. Everything in it is reached by Tab and used by Space and Enter. A
    plain widget hears no Ctrl+Enter: in a text of several lines, Tab leads on to Run; in a text of one line Enter sets
    the value, and runs nothing, because a call may cost money.

    Parameters
    ----------
    deployment : Deployment or str
        What to run; a name is looked up where deployments are known. Of one that is known by its name only, the form
        can grow: by a variable, a pasted Code Snippet, the columns of a DataFrame.
    variants : str or iterable of str, optional
        Those that are chosen at first; all that the deployment names by default.
    values : mapping, optional
        What the fields begin with, in place of the defaults. A value that does not fit is shown with its problem.
    over : DataFrame, iterable of mappings, or path, optional
        Rows as :func:`fh_notebook.batch` takes them: the form then says which Start variable takes which column, shows
        the first rows and the number of calls, and its Run starts a batch in the background, ``form.batch``. `values`
        are constants then.
    client : Client or AsyncClient, optional
        Whom to ask; the session's own by default.

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
    found = _found(deployment, client)
    if over is not None:
        from fh_notebook.notebook.forms.batch_form import form_over_rows  # which loads pandas
        from fh_notebook.notebook.forms.control.batch_controller import BatchFormController

        return form_over_rows(BatchFormController(found, over, variants=variants, values=values, client=client))
    return form_of_call(FormController(found, variants=variants, values=values, client=client))


def _found(deployment: Any, client: Client | AsyncClient | None) -> Deployment:
    """Return the deployment itself, or the one of its name; one that nobody knows has a name alone."""
    if isinstance(deployment, Deployment):
        return deployment
    if not isinstance(deployment, str) or not deployment.strip():
        raise InputError(f"deployment is {short(deployment)}; give a Deployment or its name")
    known = session.deployments(client)
    if deployment in known:
        return known[deployment]
    if (slip := meant(deployment, known)) is not None:
        raise slip
    return Deployment(deployment)
