"""Deployment: a name, its variants, and the Start variables as one JSON Schema.

Rule of this file: a deployment never changes after it is built, and one that cannot be meant cannot be built; what is
on disk or on the screen is reached through `hooks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any

from fh_notebook.contract.schema.build import fill_defaults, to_schema
from fh_notebook.contract.schema.from_python import docstring_summary
from fh_notebook.contract.schema.validation import problems as problems_of
from fh_notebook.core import arguments, hooks
from fh_notebook.core.json_values import canonical_json, jsonable
from fh_notebook.core.redaction import Hidden
from fh_notebook.core.text.formatting import listed, nearest, short, type_text, with_partial_repr
from fh_notebook.errors import InputError, SnippetError

if TYPE_CHECKING:
    from pathlib import Path

    from fh_notebook.contract.snippet.parser import Snippet


@arguments.public
@with_partial_repr
@dataclass(frozen=True, init=False)
class Deployment:
    """A workflow deployment: its name, its variants, and its Start variables as one JSON Schema.

    Parameters
    ----------
    name : str
        The deployment's name, as the service knows it.
    variants : str or iterable of str, optional
        The names of its variants, in the order in which they are shown and compared.
    inputs : mapping, function, class, DataFrame, bool or None, optional
        The Start variables: a JSON Schema (with ``$schema`` or ``"type": "object"``), a mapping of names to
        ``fh.text`` and its like, a function whose signature says them, a
        pydantic model, TypedDict or dataclass whose fields are they, or a DataFrame whose columns are.
        ``None`` says nothing: inputs are sent unchecked. ``True`` takes any JSON object, ``False`` takes no input.
    description : str, optional
        What the deployment does, in a sentence; without one, what the docstring of a function says first.

    Raises
    ------
    InputError
        The name is empty, a variant is not a string, or `inputs` is not a readable schema.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> dep = fh.Deployment("support-triage", variants=["keywords", "nearest"],
    ...                     inputs={"ticket": fh.text(multiline=True), "max_words": fh.integer(default=120)})
    >>> dep.inputs["required"]
    ['ticket']
    >>> dep.problems({"ticket": 3})
    ['ticket: 3 is not a text']
    """

    name: str
    variants: tuple[str, ...]
    inputs: dict[str, Any] = field(repr=False)
    description: str | None = field(repr=False)

    def __init__(
        self,
        name: str,
        *,
        variants: str | Iterable[str] | None = (),
        inputs: Any = None,
        description: str | None = None,
    ) -> None:
        arguments.check(Deployment.__init__, locals())
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"the name of a deployment must be a string, not {short(name)}")
        names = (variants,) if isinstance(variants, str) else tuple(() if variants is None else variants)
        for variant in names:
            if not isinstance(variant, str) or not variant.strip():
                raise InputError(f"the name of a variant must be a string, not {short(variant)}", where=name)
        object.__setattr__(self, "name", name.strip())
        object.__setattr__(self, "variants", tuple(dict.fromkeys(names)))
        object.__setattr__(self, "inputs", to_schema(inputs))
        object.__setattr__(self, "description", docstring_summary(inputs) if description is None else description)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Return what a notebook shows: its variants and Start variables, and a cell to begin with."""
        return hooks.frontend().deployment_page(self)

    def __hash__(self) -> int:
        return hash((self.name, self.variants, canonical_json(self.inputs)))

    @classmethod
    def from_snippet(cls, text: str) -> Deployment:
        """Return the deployment that a pasted Code Snippet calls; kinds of inputs are guessed from its values.

        Parameters
        ----------
        text : str
            A curl command, the JSON body of a call, or the call of an official SDK in Python, TypeScript, PHP or Ruby
            with literal arguments. Nothing is evaluated, and a key in it is dropped.

        Raises
        ------
        SnippetError
            The text is not a snippet of a workflow.
        """
        pasted, text = Hidden(text), ""  # a key may be in it, and a traceback's frame must not have that
        if not isinstance(pasted.reveal(), str):
            raise SnippetError(
                f"a Code Snippet must be a string, not {type_text(pasted.reveal())}; paste it as r'''...'''"
            )
        from fh_notebook.contract.snippet.parser import parse_snippet

        return deployment_of(parse_snippet(pasted))

    @classmethod
    def from_frame(cls, name: str, frame: Any, *, variants: str | Iterable[str] | None = ()) -> Deployment:
        """Return a deployment whose Start variables are the columns of a table, with the kinds that they hold.

        A column whose name begins or ends with a blank is a variable of just that name; that is said, with the cure.

        Parameters
        ----------
        name : str
            The deployment's name.
        frame : DataFrame or what else :func:`fh_notebook.batch` takes as rows
            The table. Cells of a CSV are text, so its columns are variables of text.
        variants : str or iterable of str, optional
            Its variants.

        Raises
        ------
        InputError
            A column cannot be a Start variable, or `frame` cannot be read.

        Examples
        --------
        >>> import pandas as pd
        >>> Deployment.from_frame("triage", pd.DataFrame({"ticket": ["Late.", "Lost."]})).variable_names
        ['ticket']
        """
        arguments.check(Deployment.from_frame, locals())
        deployment = cls(name, variants=variants, inputs=hooks.frame_schema().schema_of_frame(frame))
        if blanks := [column for column in deployment.variable_names if column != column.strip()]:
            hooks.frontend().notice(
                (
                    f"The names of the columns {listed(blanks, 'and')} begin or end with spaces, and so do the "
                    "Start variables; frame.rename(columns=str.strip) removes them."
                ),
            )
        return deployment

    @classmethod
    def from_history(cls, name: str, *, variants: str | Iterable[str] | None = None) -> Deployment:
        """Return the deployment that earlier runs in the store show: their variants, and the kinds of their inputs.

        Parameters
        ----------
        name : str
            The deployment's name.
        variants : str or iterable of str, optional
            Its variants; ``None`` takes those of the runs.

        Raises
        ------
        InputError
            No saved run is of this deployment.
        """
        arguments.check(Deployment.from_history, locals())
        deployment: Deployment = hooks.history().deployment_from_history(name, variants=variants)
        return deployment

    def save(self, path: str | PathLike[str] | None = None) -> Path:
        """Write the deployment into the catalogue, ``fetchhive.yaml``, and return the file.

        It takes the place of the one of its name, or comes after the others; everything else in the file stays as it
        is, and what is there already is not written again. The default of a password is left out. What an earlier one
        had and this one has not is removed, with its comments, and that is said; an earlier description stays where
        this one has none.

        Parameters
        ----------
        path : path, optional
            A file, or a folder for its ``fetchhive.yaml``; ``None`` is the catalogue that is found from the working
            folder upward, else a new one there.

        Raises
        ------
        InputError
            The file is broken, cannot be written, or cannot be edited without changing something else; it is as it
            was.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Deployment("triage", variants=["a"]).save(folder).name
        'fetchhive.yaml'
        """
        arguments.check(Deployment.save, locals())
        return hooks.catalog_file().save(self, path)

    @property
    def variable_names(self) -> list[str]:
        """The names of the Start variables, in their declared order."""
        return list(self.inputs.get("properties", {}))

    def variant_problem(self, variants: Iterable[str]) -> str | None:
        """Return the problems with the names of `variants`, where the deployment's own are known."""
        arguments.check(Deployment.variant_problem, locals())
        for variant in variants:
            if self.variants and variant not in self.variants:
                close = nearest(variant, self.variants)
                hint = f"did you mean {close!r}?" if close else f"the variants are {', '.join(self.variants)}"
                return f"the variant {short(variant)} does not exist; {hint}"
        return None

    def problems(self, inputs: Mapping[str, Any]) -> list[str]:
        """Return one sentence for each problem of `inputs`; an empty list when they fit."""
        return [str(problem) for problem in problems_of(self.inputs, jsonable(inputs))]

    def complete(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return `inputs` with the declared defaults of those that are missing, checked.

        A default is sent and not left to the service: whether the service knows it is unknown (CONTRACT section 5),
        and a run should say what it ran with.

        Raises
        ------
        InputError
            With every problem.
        """
        completed = fill_defaults(self.inputs, jsonable(inputs))
        if problems := problems_of(self.inputs, completed):
            raise InputError(problems, where=self.name)
        return completed


def deployment_of(snippet: Snippet) -> Deployment:
    """Return the deployment that a snippet calls."""
    request = snippet.request
    try:
        variants = [request.variant] if request.variant else []
        return Deployment(request.deployment, variants=variants, inputs=snippet.inputs)
    except InputError as exc:
        raise SnippetError(exc.problems) from None
