"""`VariantSelection`: the variants, repeats and delivery that are selected in a form.

Rule of this file: a call costs money, so the number of calls is always known here, and shown before Run is pressed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.secrets import Secrets
from fh_notebook.contract.snippet.parser import is_placeholder
from fh_notebook.core.text.formatting import short
from fh_notebook.core.values import is_iterable
from fh_notebook.errors import InputError, SettingsError

DELIVERIES: Final = ("direct", "callback", "poll")
"""In the response; later, by callback; later, by being asked for, where no callback can come."""
MOST_REPEATS: Final = 100
"""Of one form; more repeats are a batch's, which can be paused, and goes on after a stop."""


class VariantSelection:
    """The variants that a form offers, those that are chosen, and how often each is to run.

    Parameters
    ----------
    deployment : Deployment
        Whose variants are offered.
    variants : str or iterable of str, optional
        Those to choose; all that the deployment names by default, as in a batch.

    Raises
    ------
    InputError
        The deployment has no such variant, or one is no name.

    Examples
    --------
    >>> selection = VariantSelection(Deployment("triage", variants=["a", "b"]), None)
    >>> selection.chosen, selection.calls
    (('a', 'b'), 2)
    >>> selection.choose(["b"])
    >>> selection.repeats = 3
    >>> selection.calls, selection.offered
    (3, ('a', 'b'))
    """

    def __init__(self, deployment: Deployment, variants: str | Iterable[str] | None) -> None:
        self._deployment = deployment
        self._repeats = 1
        self._delivery = "direct"
        self._added: tuple[str, ...] = ()
        self._chosen: tuple[str, ...] = ()
        if variants is None:
            self._chosen = self.offered
        else:
            self.choose(variants)

    @property
    def offered(self) -> tuple[str, ...]:
        """Every variant that can be chosen; placeholders of a snippet are none."""
        declared = [variant for variant in self._deployment.variants if not is_placeholder(variant)]
        return tuple(dict.fromkeys([*declared, *self._added]))

    @property
    def chosen(self) -> tuple[str, ...]:
        """Those that run, in the order in which they are shown."""
        return tuple(variant for variant in self.offered if variant in self._chosen)

    @property
    def repeats(self) -> int:
        """How often each variant runs."""
        return self._repeats

    @repeats.setter
    def repeats(self, number: int) -> None:
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MOST_REPEATS:
            raise SettingsError(f"repeats is {short(number)}; give a whole number from 1 to {MOST_REPEATS}")
        self._repeats = number

    @property
    def delivery(self) -> str:
        """How the answers come: one of :data:`DELIVERIES`."""
        return self._delivery

    @delivery.setter
    def delivery(self, delivery: str) -> None:
        if not isinstance(delivery, str) or delivery not in DELIVERIES:
            raise SettingsError(f"delivery is {short(delivery)}; give one of {', '.join(map(repr, DELIVERIES))}")
        self._delivery = delivery

    @property
    def calls(self) -> int:
        """How many calls one Run makes."""
        return len(self.chosen) * self._repeats

    @property
    def problem(self) -> str:
        """Why nothing can be sent; empty when something can."""
        if self.chosen:
            return ""
        return "choose a variant" if self.offered else "which variant? Give the name that the deployment has for it"

    def choose(self, variants: str | Iterable[str]) -> None:
        """Choose exactly these; where the deployment's own are not known, any name is one."""
        if not is_iterable(variants):
            raise InputError(f"variants is {short(variants)}; give names", where=self._deployment.name)
        names = (variants,) if isinstance(variants, str) else tuple(variants)
        for name in names:
            if not isinstance(name, str) or not name.strip():
                raise InputError(
                    f"the name of a variant must be a string, not {short(name)}", where=self._deployment.name
                )
        declared = [variant for variant in self._deployment.variants if not is_placeholder(variant)]
        if declared and (problem := self._deployment.variant_problem(names)):
            raise InputError(problem, where=self._deployment.name)
        if not declared:
            self._added = tuple(dict.fromkeys([*self._added, *names]))
        self._chosen = names

    def name_them(self, typed: str) -> None:
        """Take the names that a person typed, separated by commas, as the variants that there are."""
        names = tuple(dict.fromkeys(name.strip() for name in typed.split(",") if name.strip()))
        self._added = self._chosen = names

    def moved_to(self, deployment: Deployment) -> None:
        """Go on with a deployment that has grown: a variant that is new with it is chosen, where none was."""
        self._deployment = deployment
        if not self.chosen:
            self._chosen = self.offered

    def requests(self, inputs: Mapping[str, Any]) -> list[InvokeRequest]:
        """Return what one Run sends: the calls of a variant, its repeats, lie next to each other."""
        secrets = Secrets.of(self._deployment.inputs)
        name = self._deployment.name
        return [
            InvokeRequest(deployment=name, variant=variant, inputs=inputs, secrets=secrets)
            for variant in self.chosen
            for _ in range(self._repeats)
        ]

    def __str__(self) -> str:
        return self.in_words(self.calls)

    def in_words(self, calls: int | None) -> str:
        """Return what is chosen, and how many calls that makes; ``None`` where that is not known."""
        if not self.chosen:
            return "no variant is chosen"
        times = f" x {self._repeats}" if self._repeats > 1 else ""
        calls_text = "" if calls is None else ": 1 call" if calls == 1 else f": {calls:,} calls"
        few = len(self.chosen) < 4
        return f"{', '.join(self.chosen) if few else f'{len(self.chosen)} variants'}{times}{calls_text}"
