"""Ready scorers, as ``fh.score``: the public name of :mod:`fh_notebook.comparing.scorers`."""

from fh_notebook.comparing.scorers.registry import *  # noqa: F403 - its __all__ is the list
from fh_notebook.comparing.scorers.registry import __all__ as __all__
from fh_notebook.comparing.scorers.registry import __dir__ as __dir__
