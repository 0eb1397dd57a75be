"""Findings of fuzzing, by target: each value broke something once, and is asked about ever since."""

from __future__ import annotations

from typing import Any, Final

FOUND: Final[dict[str, tuple[Any, ...]]] = {
    "snippet": (
        # a key glued to the address came back in the snippet's repr
        "curl fhk_fuzzed0123456789abcdef'https://api.fetchhive.com/v1/workflow/invoke' --data-raw"
        """ '{"deployment": "d", "variant": "v", "inputs": {}}'""",
        # as did one that had slipped into the body
        "curl https://api.fetchhive.com/v1/workflow/invoke -d"
        """ '{"deployment": "d", "variant": "v", "inputs": {}, "metadata": {"fhk_fuzzed0123456789abcdefcase": 4}}'""",
    ),
    "wire": (
        (429, b"", {"retry-after": "1e9"}),  # thirty years: an hour at most is waited
    ),
    "signature": (),
    "cell": (
        "? >-\n? !!python/object/apply:os.system ['touch x']",  # a name that is a list ended in a TypeError
    ),
}
