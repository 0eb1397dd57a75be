"""Reading and matching the golden exchanges; `golden/README.md` has the format. Used for the hive and the client."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent / "golden"
PLACEHOLDER: Final = re.compile(r"<[a-z_]+>")


def load(name: str) -> dict[str, Any]:
    """Return one exchange."""
    read: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return read


def names() -> list[str]:
    """Return the names of all exchanges."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def filled(value: Any, bound: dict[str, str]) -> Any:
    """Return `value` with the placeholders in `bound` replaced, wherever they stand in a text."""
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda m: bound.get(m[0], m[0]), value)
    if isinstance(value, list):
        return [filled(item, bound) for item in value]
    if isinstance(value, dict):
        return {key: filled(item, bound) for key, item in value.items()}
    return value


def body_bytes(body: Any) -> bytes | None:
    """Return the bytes of a request's body: a text as it stands (a form), anything else as JSON."""
    if body is None or isinstance(body, str):
        return None if body is None else body.encode()
    return json.dumps(body, ensure_ascii=False).encode()


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and value.endswith("Z") and datetime.fromisoformat(value).tzinfo is not None


# What a placeholder may stand for. Those that are not listed are bound at their first place, and equal from then on.
KINDS: Final[dict[str, Callable[[Any], bool]]] = {
    "<time>": _is_time,
    "<seconds>": lambda v: isinstance(v, int | float) and v >= 0,
    "<text>": lambda v: isinstance(v, str) and bool(v.strip()),
}
SHAPES: Final = {
    "<request_id>": r"req_[0-9a-f]{32}",
    "<run_id>": r"run_[0-9a-f]{32}",
    "<webhook_secret>": r"\S{20,}",
    "<asset_id>": r"\S+",
    **dict.fromkeys(("<asset_url>", "<new_url>", "<bee_url>"), r"http://\S+/v1/assets/\S+"),
    "<signature>": r"[0-9a-f]{64}",
}


def differences(expected: Any, actual: Any, bound: dict[str, str], path: str = "body") -> list[str]:
    """Return a sentence for every place where `actual` is not what the golden file says; new placeholders are bound."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        found = [f"{path}.{k}: missing" for k in expected.keys() - actual.keys()]
        found += [f"{path}.{k}: not in the golden file" for k in actual.keys() - expected.keys()]
        for key in expected.keys() & actual.keys():
            found += differences(expected[key], actual[key], bound, f"{path}.{key}")
        return found
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        return [
            d
            for i, (e, a) in enumerate(zip(expected, actual, strict=True))
            for d in differences(e, a, bound, f"{path}[{i}]")
        ]
    if isinstance(expected, str) and PLACEHOLDER.fullmatch(expected):
        return [] if _stands_for(expected, actual, bound) else [f"{path}: {actual!r} is no {expected}"]
    same = expected == actual and isinstance(expected, bool) == isinstance(actual, bool)
    return [] if same else [f"{path}: {actual!r} in place of {expected!r}"]


def _stands_for(name: str, actual: Any, bound: dict[str, str]) -> bool:
    if name in KINDS:
        return KINDS[name](actual)
    if name in bound:
        return bool(actual == bound[name])
    if not isinstance(actual, str) or not re.fullmatch(SHAPES.get(name, r".+"), actual):
        return False
    bound[name] = actual
    return True
