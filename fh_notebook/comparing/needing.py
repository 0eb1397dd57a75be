"""What the extra ``compare`` brings, and what to do where it is not installed.

Rule of this file: it is asked for when it is needed, never at import; without it, everything else works.
"""

from __future__ import annotations

from importlib.util import find_spec
from types import ModuleType
from typing import Final, cast

from fh_notebook.errors import SettingsError

__all__ = ["CURE", "ensure_altair", "ensure_matplotlib", "has_matplotlib", "has_scipy", "scipy_stats"]

CURE: Final = "pip install 'fh-notebook[compare]'"


def has_scipy() -> bool:
    """Whether scipy can be imported."""
    return find_spec("scipy") is not None


def scipy_stats(what: str) -> ModuleType:
    """Return ``scipy.stats``, for `what`.

    Raises
    ------
    SettingsError
        It is not installed, with the cure.
    """
    if not has_scipy():
        raise SettingsError(f"{what} needs scipy: {CURE}")
    from scipy import stats

    return cast(ModuleType, stats)


def has_matplotlib() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def ensure_matplotlib() -> None:
    """Raise where matplotlib is not installed.

    Raises
    ------
    SettingsError
        With the cure.
    """
    if not has_matplotlib():
        raise SettingsError(f"plots need matplotlib: {CURE}")


def ensure_altair() -> None:
    """Raise where Altair is not installed.

    Raises
    ------
    SettingsError
        With the cure.
    """
    if find_spec("altair") is None:
        raise SettingsError("backend='altair' needs Altair: pip install 'fh-notebook[altair]', or leave backend= away")
