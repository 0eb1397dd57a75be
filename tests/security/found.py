"""What fuzzing found, by target: each value broke something once, and is asked about ever since."""

from __future__ import annotations

from typing import Any, Final

FOUND: Final[dict[str, tuple[Any, ...]]] = {
    "snippet": (),
    "wire": (),
    "signature": (),
    "cell": (),
}
