"""Where a deployment is found by its name: a hive's own, then those of ``fetchhive.yaml``.

Rule of this file: a name is looked up afresh at each call, since the file may have been edited; a broken file stops
nobody who needs none of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fh_notebook.contract.catalog.deployments import LOCAL_SOURCE, Deployments, meant
from fh_notebook.contract.deployment import Deployment
from fh_notebook.store.catalog_file import catalogue

if TYPE_CHECKING:
    from fh_notebook.local.hive import LocalHive

__all__ = ["finder", "in_catalogue", "known_to", "own_of"]


def in_catalogue() -> Deployments:
    """The deployments of the catalogue's file, of which there need be none."""
    return catalogue()


def own_of(hive: LocalHive) -> Deployments:
    """A hive's own deployments."""
    return Deployments((deployment, LOCAL_SOURCE) for deployment in hive.deployments())


def known_to(hive: LocalHive) -> Deployments:
    """A hive's own deployments, then those of the catalogue."""
    known = (own_of(hive), in_catalogue())
    return Deployments((places[name], places.source_of(name)) for places in known for name in places)


def finder(*places: Callable[[], Deployments]) -> Callable[[str], Deployment | None]:
    """Return what looks a name up in one place after the other, afresh at each call: the file may have been edited.

    A place is asked only for what those before it do not have: a broken file stops nobody who needs none of it.
    """

    def find(name: str) -> Deployment | None:
        there = Deployments()
        for ask in places:
            there = ask()
            if name in there:
                return there[name]
        if (slip := meant(name, there)) is not None:  # the last place has all that are known
            raise slip
        return None

    return find
