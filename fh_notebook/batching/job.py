"""`Job`: one call that a batch stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fh_notebook.contract.models import InvokeRequest
from fh_notebook.contract.secrets import Secrets, mask_inputs
from fh_notebook.problems import Problem

__all__ = ["Job"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One call that a batch stands for: one row, one arm, one repeat."""

    number: int = 0
    """Its place in the plan, from 0."""
    position: int
    """Of the row, from 0."""
    row: Any
    """The row's label."""
    deployment: str
    variant: str
    arm: str = ""
    """The arm's label: what the column ``variant`` says; the variant's name where it is empty."""
    repeat: int
    """From 1."""
    inputs: Mapping[str, Any] = field(repr=False)
    metadata: Mapping[str, Any] = field(repr=False)
    """The user's own, flat."""
    key: str = ""
    """SHA-256 of what is asked; equal jobs have equal keys and are called once. Empty when the inputs do not fit."""
    problems: tuple[Problem, ...] = ()
    """Why it cannot be called."""
    spelt: str = field(default="", repr=False, compare=False)
    """The inputs as canonical JSON, where the key was made of it: it is kept with the plan."""
    secrets: Secrets = field(default=Secrets(), repr=False)
    """Which of the inputs are never kept or shown."""
    sealed: bool = False
    """Whether its inputs are only known masked, so that it cannot be sent: it was read out of the store."""

    @property
    def label(self) -> str:
        """What tells its arm from the others."""
        return self.arm or self.variant

    @property
    def shown_inputs(self) -> Mapping[str, Any]:
        """The inputs as they are kept and shown: secrets masked. Only :meth:`request` has them as they are sent."""
        return mask_inputs(self.inputs, self.secrets)

    def request(self, batch: str) -> InvokeRequest:
        """Return what is sent: stamped with flat metadata, by which the run is found in the service's logs."""
        row = self.row if isinstance(self.row, str | int) else str(self.row)
        stamps = {
            "fh_batch": batch,
            "fh_row": row,
            "fh_variant": self.label,
            "fh_repeat": self.repeat,
            "fh_job": self.key,
        }
        return InvokeRequest.of_checked(
            deployment=self.deployment,
            variant=self.variant,
            inputs=self.inputs,
            metadata={**self.metadata, **stamps},
            secrets=self.secrets,
        )
