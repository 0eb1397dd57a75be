"""The one logger of this package: no record leaves it with a secret in it.

Rule of this file: a filter sees only what is logged to its own logger, so every room logs to this one.
"""

from __future__ import annotations

import logging
from typing import Final

from fh_notebook.values import redact

__all__ = ["log"]


class _Redacting(logging.Filter):
    """The second net: no record leaves with a secret in it, whoever wrote it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


log: Final = logging.getLogger("fh_notebook")
log.addFilter(_Redacting())
log.addHandler(logging.NullHandler())
# Without a handler Python prints what a logger says: that calls were cut off when a server stopped would stand in the
# cell, or below a command's "Stopped.". Who configures logging gets it all the same.
logging.getLogger("uvicorn").addHandler(logging.NullHandler())
