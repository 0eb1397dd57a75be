"""Three of the contract's four nouns: `Deployment`, `InvokeRequest`, `Answer` (`Run` has a file of its own).

Rule of this file: a value never changes after it is built, and an impossible one cannot be built (an `InvokeRequest`
with nested metadata is refused here, before anything is sent).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any

from fh_notebook import views
from fh_notebook.contract.canonical import canonical_json, json_problems
from fh_notebook.contract.docstrings import described
from fh_notebook.contract.hidden import Secrets
from fh_notebook.contract.infer import frame_problem
from fh_notebook.contract.jsonable import jsonable
from fh_notebook.contract.schema import fill_defaults, to_schema
from fh_notebook.contract.schema import problems as problems_of
from fh_notebook.contract.spell import listed, nearest, short
from fh_notebook.errors import InputError, SnippetError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Answer", "Deployment", "InvokeRequest", "metadata_problems"]


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
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"a deployment needs its name as a string, not {name!r}")
        names = (variants,) if isinstance(variants, str) else tuple(variants or ())
        for variant in names:
            if not isinstance(variant, str) or not variant.strip():
                raise InputError(f"a variant is named by a string, not {variant!r}", where=name)
        object.__setattr__(self, "name", name.strip())
        object.__setattr__(self, "variants", tuple(dict.fromkeys(names)))
        object.__setattr__(self, "inputs", to_schema(inputs))
        object.__setattr__(self, "description", described(inputs) if description is None else description)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Return what a notebook shows: its variants and Start variables, and a cell to begin with."""
        shown: dict[str, Any] = views.knock("Deployment.page", self)
        return shown

    def __hash__(self) -> int:
        return hash((self.name, self.variants, canonical_json(self.inputs)))

    @classmethod
    def from_snippet(cls, text: str) -> Deployment:
        """Return the deployment that a pasted Code Snippet calls; kinds of inputs are guessed from its values.

        Raises
        ------
        SnippetError
            The text is not a snippet of a workflow.
        """
        from fh_notebook.contract.snippet import parse_snippet

        if not isinstance(text, str):
            raise SnippetError(f"a Code Snippet is a text, and this is {_kind_of(text)}; paste it as r'''...'''")
        return parse_snippet(text).deployment

    @classmethod
    def from_frame(cls, name: str, frame: Any, *, variants: str | Iterable[str] | None = ()) -> Deployment:
        """Return a deployment whose Start variables are the columns of a DataFrame, with the kinds that they hold.

        A column whose name begins or ends with a blank is a variable of just that name; that is said, with the cure.

        Raises
        ------
        InputError
            A column cannot be a Start variable, or `frame` is no DataFrame: a file's name, rows, ...

        Examples
        --------
        >>> import pandas as pd
        >>> Deployment.from_frame("triage", pd.DataFrame({"ticket": ["Late.", "Lost."]})).variable_names
        ['ticket']
        """
        if (problem := frame_problem(frame)) is not None:
            raise InputError(problem, where=name if isinstance(name, str) else "")
        made = cls(name, variants=variants, inputs=frame)
        if blanks := [column for column in made.variable_names if column != column.strip()]:
            views.knock(
                "notice",
                f"The names of the columns {listed(blanks, 'and')} have blanks at their ends, and so have the Start "
                "variables: frame.rename(columns=str.strip) takes them away.",
            )
        return made

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
            No kept run is of this deployment.
        """
        found: Deployment = views.knock("Deployment.from_history", name, variants=variants)
        return found

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
        written: Path = views.knock("Deployment.save", self, path)
        return written

    @property
    def variable_names(self) -> list[str]:
        """The names of the Start variables, in their declared order."""
        return list(self.inputs.get("properties", {}))

    def variant_problem(self, variants: Iterable[str]) -> str | None:
        """Return what is wrong with the names of `variants`, where the deployment's own are known."""
        for variant in variants:
            if self.variants and variant not in self.variants:
                close = nearest(variant, self.variants)
                meant = f"did you mean {close!r}?" if close else f"it has {', '.join(self.variants)}"
                return f"there is no variant {short(variant)}; {meant}"
        return None

    def problems(self, inputs: Mapping[str, Any]) -> list[str]:
        """Return one sentence for everything about `inputs` that does not fit; an empty list when they fit."""
        return problems_of(self.inputs, jsonable(inputs))

    def complete(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return `inputs` with the declared defaults of those that are missing, checked.

        A default is sent and not left to the service: whether the service knows it is unknown (CONTRACT section 5),
        and a run should say what it ran with.

        Raises
        ------
        InputError
            With every problem.
        """
        filled = fill_defaults(self.inputs, jsonable(inputs))
        if found := problems_of(self.inputs, filled):
            raise InputError(found, where=self.name)
        return filled


def _kind_of(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokeRequest:
    """What is asked of the service in one call (CONTRACT section 1).

    Raises
    ------
    InputError
        With every problem: a value that JSON cannot say, nested metadata, a callback URL that is not http(s), a tool
        approval that the service does not know.
    """

    deployment: str
    variant: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] | None = None
    """Flat: for the service's logs and filters, never an input."""
    callback_url: str | None = None
    """Given: callback delivery (``async``); the call returns at once."""
    user: str | None = None
    tool_approval: str | None = None
    secrets: Secrets = field(default=Secrets(), repr=False, compare=False)
    """Which inputs are never kept or shown; it is not sent."""

    def __post_init__(self) -> None:
        # A copy in JSON's own kinds: what is sent is what was checked, whatever happens to the caller's lists.
        for name in ("inputs", "metadata"):
            object.__setattr__(self, name, jsonable(getattr(self, name)))
        found = _name_problems(self)
        found += _mapping_problems("inputs", self.inputs) or json_problems(self.inputs)
        if self.metadata is not None:
            found += _mapping_problems("metadata", self.metadata) or metadata_problems(self.metadata)
        if isinstance(self.callback_url, str) and not self.callback_url.startswith(("http://", "https://")):
            found.append(f"callback_url: {self.callback_url!r} is not an http(s) address")
        if self.tool_approval not in (None, "policy", "auto_approve"):
            found.append(f"tool_approval: {self.tool_approval!r} is neither 'policy' nor 'auto_approve'")
        if found:
            raise InputError(found, where=self.deployment if isinstance(self.deployment, str) else "")

    @classmethod
    def of_checked(
        cls,
        *,
        deployment: str,
        variant: str | None,
        inputs: Mapping[str, Any],
        metadata: Mapping[str, Any],
        secrets: Secrets,
    ) -> InvokeRequest:
        """Return the request of parts that were checked before: nothing is looked at again, and nothing is copied.

        A batch checks every row when it is planned; once more at every call would cost as much as the call.
        """
        request = object.__new__(cls)
        given = {
            "deployment": deployment,
            "variant": variant,
            "inputs": inputs,
            "metadata": metadata,
            "secrets": secrets,
        }
        for name in ("deployment", "variant", "inputs", "metadata", "callback_url", "user", "tool_approval", "secrets"):
            object.__setattr__(request, name, given.get(name))
        return request

    def delivered_to(self, callback_url: str) -> InvokeRequest:
        """Return the same request, to be answered at `callback_url`; it was checked, so nothing is looked at again."""
        other = object.__new__(type(self))
        for name in self.__slots__:
            object.__setattr__(other, name, getattr(self, name))
        object.__setattr__(other, "callback_url", callback_url)
        return other

    def __hash__(self) -> int:
        return hash((self.deployment, self.variant, canonical_json(self.inputs), self.callback_url, self.user))

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the call: only what was given is in it (CONTRACT section 1)."""
        delivery = {"enabled": True, "callback_url": self.callback_url} if self.by_callback else None
        given = {
            "variant": self.variant,
            "async": delivery,
            "inputs": self.inputs,
            "metadata": self.metadata,
            "user": self.user,
            "tool_approval": self.tool_approval,
        }
        return {"deployment": self.deployment, **{name: value for name, value in given.items() if value is not None}}

    @property
    def by_callback(self) -> bool:
        """Whether the answer is delivered to a URL later, instead of in the response."""
        return self.callback_url is not None


def _name_problems(request: InvokeRequest) -> list[str]:
    found = []
    for name in ("deployment", "variant", "callback_url", "user"):
        value = getattr(request, name)
        if value is None and name != "deployment":
            continue
        if not isinstance(value, str):
            found.append(f"{name}: {value!r} is not a text")
        elif not value.strip() and name != "user":
            found.append(f"{name}: is empty")
        else:
            found += json_problems(value, name)
    return found


def _mapping_problems(name: str, value: object) -> list[str]:
    return [] if isinstance(value, Mapping) else [f"{name}: is a {type(value).__name__}; give names with values"]


def metadata_problems(metadata: Mapping[str, Any]) -> list[str]:
    """Return one sentence for everything in `metadata` that the service refuses (CONTRACT section 1: it is flat).

    Examples
    --------
    >>> metadata_problems({"case": 1, "who": {"name": "me"}})
    ['metadata.who: dict is nested; give text, a number, true, false or null']
    """
    found = []
    for key, value in metadata.items():
        if not isinstance(key, str) or not key:
            found.append(f"metadata: the key {key!r} is not a non-empty string")
        elif value is not None and not isinstance(value, str | bool | int | float):
            found.append(f"metadata.{key}: {type(value).__name__} is nested; give text, a number, true, false or null")
        else:
            found += json_problems({f"metadata.{key}": value})
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one exchange brought, before anybody judged it: a status, headers and a body, or how it broke off.

    Both kinds are data: :func:`fh_notebook.contract.retry.decide` judges them by one table.
    """

    status_code: int | None = None
    """The HTTP status; ``None`` when no whole answer came."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names."""
    body: bytes = b""
    elapsed_s: float = 0.0
    """From just before sending to the last byte; waiting for a slot is not in it."""
    broke: str | None = None
    """How it broke off: ``connect``, ``tls``, ``proxy``, ``read_timeout``, ``reset``, ``cut``, ``too_large``."""
    detail: str = ""
    """The transport's own words, redacted."""
    sent: bool = True
    """Whether any byte of the request may have reached the service."""
