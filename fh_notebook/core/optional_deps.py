"""Optional packages: the purpose of each, and the error where one is missing.

Rule of this file: a package is looked for when it is needed, never at import; without it, everything else works. An
extra is installed by the name of this package, in any folder: pip and uv read its extras from the installed package, so
that it need be on no index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType
from typing import Final

from fh_notebook.errors import SettingsError


@dataclass(frozen=True, slots=True)
class OptionalPackage:
    """A package that an extra of this one installs."""

    title: str
    """As its authors write it."""
    purpose: str
    extra: str = ""
    """The extra of this package that installs it; empty: it is installed by its own name."""

    @property
    def command(self) -> str:
        """What installs it."""
        return f"pip install 'fh-notebook[{self.extra}]'" if self.extra else f"pip install {self.title}"


OPTIONAL: Final[Mapping[str, OptionalPackage]] = MappingProxyType(
    {
        "ipykernel": OptionalPackage("ipykernel", "kernel"),
        "jupyterlab": OptionalPackage("JupyterLab", "fh-notebook lab", "lab"),
        "pyarrow": OptionalPackage("pyarrow", "Parquet, Arrow, Polars, DuckDB", "data"),
        "python_calamine": OptionalPackage("python-calamine", "spreadsheets as rows", "data"),
        "xlsxwriter": OptionalPackage("XlsxWriter", "batch.to_excel", "data"),
        "rapidfuzz": OptionalPackage("rapidfuzz", "score.similarity", "score"),
        "sacrebleu": OptionalPackage("sacrebleu", "score.bleu and score.chrf", "score"),
        "keyring": OptionalPackage("keyring", "API key in the system's keyring", "keyring"),
        "dotenv": OptionalPackage("python-dotenv", "API key in a .env file", "keyring"),
        "dask": OptionalPackage("Dask", "batches on several machines", "dask"),
        "distributed": OptionalPackage("Dask", "batches on several machines", "dask"),
        "mlflow": OptionalPackage("MLflow", "cmp.to_mlflow"),
        "inspect_ai": OptionalPackage("inspect-ai", "cmp.to_inspect"),
    }
)
"""By the name under which each is imported."""


def is_installed(module: str) -> bool:
    """Whether a module can be imported; it is not imported for that."""
    return find_spec(module) is not None


def ensure_installed(module: str, needs: str) -> None:
    """Raise where an optional package is not installed."""
    if not is_installed(module):
        package = OPTIONAL[module]
        raise SettingsError(f"{needs} {package.title}: {package.command}")
