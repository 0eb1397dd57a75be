"""What every panel beside a form is, and what it needs of the form.

Rule of this file: a panel reads the form and hands back to it; it knows neither its buttons nor the other panels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.models import InvokeRequest
from fh_notebook.contract.secrets import Secrets
from fh_notebook.notebook.form_choice import Choice
from fh_notebook.notebook.form_grow import Grown
from fh_notebook.problems import Problem

if TYPE_CHECKING:
    from fh_notebook.client.blocking import Client

__all__ = ["Panel", "Reused"]


class Reused(Protocol):
    """What these panels need of whose they are: of a form, or of a form over rows."""

    deployment: Deployment
    choice: Choice

    @property
    def secrets(self) -> Secrets:
        """Which of the variables are never shown."""
        ...

    @property
    def problems(self) -> list[Problem]:
        """Everything that keeps Run from sending."""
        ...

    @property
    def has_client(self) -> bool:
        """Whether it was given a client of its own."""
        ...

    def requests(self) -> list[InvokeRequest]:
        """Return what Run would send first."""
        ...

    @property
    def copied_as(self) -> Sequence[str]:
        """In which ways its call can be written out."""
        ...

    def written(self, way: str, base_url: str) -> str:
        """Return the call written out in one of them; it raises `InputError` where that cannot be."""
        ...

    def take_past(self, values: Mapping[str, Any], masked: Iterable[str]) -> list[str]:
        """Fill in what an earlier call sent, and return the secrets that are missing now."""
        ...

    def grow(self, grown: Grown) -> None:
        """Go on with a deployment that has grown."""
        ...

    def find_client(self) -> Client:
        """Return whom to ask."""
        ...


class Panel(Protocol):
    """Something that can be opened below a form; made with the form's core and its layouts."""

    widget: Any
    """What is put into the page."""

    def follow(self) -> None:
        """Show the form as it is now; called while it is open."""
