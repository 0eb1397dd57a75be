"""Extension of Griffe: a function of `explicit_signature` is shown with every keyword, in place of ``**options``.

The signature is the one that Python shows; Griffe alone reads the source.
"""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from typing import Any

import griffe


class ExplicitSignatures(griffe.Extension):
    """Takes the parameters of such a function from the function itself; Griffe reads the source."""

    def on_function_instance(self, *, node: ast.AST, func: griffe.Function, **kwargs: Any) -> None:
        """Replace the parameters of `func`."""
        if not any("explicit_signature" in str(decorator.value) for decorator in func.decorators):
            return
        function: Any = import_module(func.module.path)
        for name in func.path.removeprefix(f"{func.module.path}.").split("."):
            function = getattr(function, name)
        func.parameters = griffe.Parameters(
            *(
                griffe.Parameter(
                    p.name,
                    annotation=_annotation(p, func),
                    kind=griffe.ParameterKind[p.kind.name.lower()],
                    default=None if p.default is p.empty else repr(p.default),
                )
                for p in inspect.signature(function).parameters.values()
            )
        )


def _annotation(parameter: inspect.Parameter, func: griffe.Function) -> griffe.Expr | str | None:
    """Return an annotation as Griffe reads one, so that its names are links; ``self`` has none."""
    if parameter.annotation is parameter.empty:
        return None
    written = ast.parse(parameter.annotation, mode="eval").body
    return griffe.safe_get_annotation(written, parent=func.module)
