"""What is compared: each arm is a variant of a deployment, with the inputs that it takes of a row. Pure.

Rule of this file: an arm is told from the others by its label, which is the column ``variant`` of every table. Of one
deployment the label is the variant's name; of several it is ``deployment/variant``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fh_notebook import arguments
from fh_notebook.audience import Message, Phrase
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.spell import listed, nearest, short
from fh_notebook.errors import InputError

__all__ = ["Arm", "Target", "read_arms"]


@dataclass(frozen=True, slots=True)
class Target:
    """A deployment with what its Start variables take; arms of the same target are sent the same inputs."""

    deployment: Deployment
    inputs: Mapping[str, Any] | None
    """As ``batch(inputs=...)`` takes it."""
    own: bool = False
    """Whether the arm gave `inputs` itself, rather than the batch for all."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One way through the service that every row takes."""

    label: str
    variant: str
    target: Target

    @property
    def deployment(self) -> str:
        """The deployment's name."""
        return self.target.deployment.name


def read_arms(
    variants: Any,
    deployment: Deployment,
    inputs: Mapping[str, Any] | None,
    *,
    find: Callable[[str], Deployment],
) -> tuple[Arm, ...]:
    """Return the arms that ``batch(variants=...)`` means, each once.

    Parameters
    ----------
    variants : str, tuple, iterable of them, or None
        A variant of `deployment`; or ``(deployment, variant)``, or ``(deployment, variant, inputs)`` with a mapping of
        the arm's own. ``None`` is every variant that `deployment` names.
    deployment : Deployment
        Of the variants that are given by their name alone.
    inputs : mapping or None
        Of the arms that have no mapping of their own.
    find : function of a name
        The deployment of that name.

    Raises
    ------
    InputError
        None is known, or one cannot be meant; every problem is told.
    """
    arguments.check_one("variants", variants, "str | Iterable[Any] | None")
    given = deployment.variants if variants is None else [variants] if isinstance(variants, str) else list(variants)
    if isinstance(variants, tuple) and _is_pair(variants) and not _are_variants(variants, deployment):
        given = [variants]
    if not given:
        give = Phrase("variants=[...]", "--variant", cell="-v or --variant")
        raise InputError(Message("no variant is known; give {}", (give,)), where=deployment.name)
    targets: list[Target] = [Target(deployment, inputs)]
    found: list[tuple[Target, str]] = []
    problems: list[str] = []
    for one in given:
        target, variant, problem = _read_arm(one, targets, inputs, find)
        if problem:
            problems.append(problem)
        elif not any(t is target and v == variant for t, v in found):
            found.append((target, variant))
    if problems:
        raise InputError(list(dict.fromkeys(problems)), where=deployment.name)
    return _labelled(found)


def _is_pair(value: Sequence[Any]) -> bool:
    return len(value) in (2, 3) and isinstance(value[-1], Mapping if len(value) == 3 else str)


def _are_variants(names: Sequence[Any], deployment: Deployment) -> bool:
    """``variants=("a", "b")``: two variants, or a deployment with its variant? By what is known of them."""
    texts = all(isinstance(name, str) for name in names)
    return texts and (not deployment.variants or all(name in deployment.variants for name in names))


def _read_arm(
    one: Any, targets: list[Target], inputs: Mapping[str, Any] | None, find: Callable[[str], Deployment]
) -> tuple[Target, str, str]:
    """Return the target and variant of one arm, or a problem."""
    target, variant = targets[0], one
    if isinstance(one, tuple | list):
        if not (_is_pair(one) and isinstance(one[0], str | Deployment)):
            return target, "", f"{short(one)} is no arm; give a variant, (deployment, variant) or (..., inputs)"
        named, variant = one[0], one[1]
        meant = named if isinstance(named, Deployment) else find(named)
        target = Target(meant, one[2], own=True) if len(one) == 3 else Target(meant, inputs)
        known = next((t for t in targets if _same(t, target)), None)
        if known is None:
            targets.append(target)
        target = known or target
    if not isinstance(variant, str) or not variant.strip():
        return target, "", f"a variant is named by a string, not {short(variant)}"
    return target, variant, _no_such_variant(variant, target.deployment)


def _same(one: Target, other: Target) -> bool:
    """Mappings by identity: they may hold what cannot be compared, such as arrays."""
    return one.deployment == other.deployment and one.inputs is other.inputs


def _no_such_variant(variant: str, deployment: Deployment) -> str:
    if not deployment.variants or variant in deployment.variants:
        return ""
    close = nearest(variant, deployment.variants)
    meant = f"did you mean {close!r}?" if close else f"it has {listed(deployment.variants, 'and')}"
    return f"there is no variant {short(variant)}; {meant}"


def _labelled(found: Iterable[tuple[Target, str]]) -> tuple[Arm, ...]:
    found = list(found)
    several = len({target.deployment.name for target, _ in found}) > 1
    arms: list[Arm] = []
    for target, variant in found:
        label = plain = f"{target.deployment.name}/{variant}" if several else variant
        number = 1
        while any(arm.label == label for arm in arms):  # the same variant with another mapping
            number += 1
            label = f"{plain} #{number}"
        arms.append(Arm(label, variant, target))
    return tuple(arms)
