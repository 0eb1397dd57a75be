"""`FormModel`: a schema to a tree of field states, the value to send, and its problems. Pure.

Rules of this file:

- `FormModel.value` is exactly what is sent: nothing is filled in afterwards. A field that is not set is left out, also
  where it has a default, and it is the service's to decide what that means.
- Nothing is refused and nothing is dropped: a value that does not fit is shown with its problem, a name without a field
  is kept and, where the schema is closed, told.
- There is one judge, `contract.schema.validation.problems`, over the whole value; a field's problems are its sentences
  by path.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fh_notebook.contract.schema.alternatives import effective_keywords
from fh_notebook.contract.schema.validation import problems as problems_of
from fh_notebook.contract.schema.variables import plain
from fh_notebook.core.json_values import jsonable
from fh_notebook.core.text.formatting import listed, nearest, short
from fh_notebook.core.text.problems import Problem
from fh_notebook.core.values import UNSET
from fh_notebook.notebook.forms.model.containers import GroupState, OneOfState, properties_of, without_secrets_shown
from fh_notebook.notebook.forms.model.field import FieldLocation, FieldState
from fh_notebook.notebook.forms.model.kinds import FieldKind, shape_of
from fh_notebook.notebook.forms.model.table import RowsState
from fh_notebook.notebook.forms.model.text_codec import ParsedText, json_text, read_json, refuse_endless

_ELSEWHERE: Final = ("oneOf", "anyOf", "if", "dependentSchemas", "$ref")
"""Where the names of a schema may stand that has none of its own."""
_CLASSES: Final[Mapping[FieldKind, type[FieldState]]] = {
    FieldKind.GROUP: GroupState,
    FieldKind.ONE_OF: OneOfState,
    FieldKind.TABLE: RowsState,
}
"""The kinds whose state is more than one value."""
NO_OBJECT: Final = 'is not a JSON object; give names with values: {"name": "value"}'


class FormModel:
    """The fields of a deployment's Start variables, and their values.

    Parameters
    ----------
    schema : Mapping
        The JSON Schema of the inputs, as :func:`~fh_notebook.contract.schema.build.to_schema` returns it.
    values : Mapping, optional
        What to begin with. A name without a field is kept.

    Examples
    --------
    >>> model = FormModel({"type": "object", "properties": {"n": {"type": "integer", "default": 3}, "s": {}}})
    >>> model.value
    {}
    >>> model.fields["n"].set_text("12x")
    >>> model.value, [str(problem) for problem in model.problems]
    ({'n': '12x'}, ["n: the text '12x' is not a whole number"])
    >>> model.fields["n"].unset()
    >>> model.value, model.fields["n"].value
    ({}, UNSET)
    """

    def __init__(self, schema: Mapping[str, Any], values: Mapping[str, Any] | None = None) -> None:
        self.schema: Mapping[str, Any] = schema if isinstance(schema, Mapping) else {}
        self.root: Mapping[str, Any] = self.schema
        """Where references look."""
        self.lock = threading.RLock()
        """Clicks may come on one thread while a cell runs on another."""
        self.all_touched = False
        self.extras: dict[str, Any] = {}
        """What was given under names that have no field."""
        self.others_draft = ""
        """Why the text that was typed for them cannot be read; empty when it can."""
        self._others_typed = ""
        self._version = 0
        self._known: tuple[int, list[Problem]] | None = None
        self._keywords = effective_keywords(self.schema, self.root)[0]
        required = self._keywords.get("required")
        needed = required if isinstance(required, list) else []
        self.fields: dict[str, FieldState] = {
            name: self.state_of(FieldLocation(name, (name,), required=name in needed), property_schema)
            for name, property_schema in properties_of(self._keywords).items()
        }
        if values:
            self._begin_with(values)

    def state_of(self, location: FieldLocation, schema: Any) -> FieldState:
        """Return the state of a property; what lies inside of it is made when it is asked for."""
        shape = shape_of(schema, self.root)
        return _CLASSES.get(shape.kind, FieldState)(self, location, schema, shape)

    def _begin_with(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            refuse_endless(value, (name,))
        for name, value in jsonable(values).items():
            if name in self.fields:
                self.fields[name].load(value)
                for part in self.fields[name].walk():
                    if part.required and part.passed_over and part.begins_with_default:
                        part.begin()
            else:
                self.extras[name] = value

    def __repr__(self) -> str:
        return f"<FormModel: {len(self.fields)} fields, {sum(f.is_set for f in self.fields.values())} set>"

    @property
    def value(self) -> dict[str, Any]:
        """What Run would send now, as a copy; a password in it is itself and does not show in its `repr`."""
        with self.lock:
            return without_secrets_shown(self.fields, plain(self._now()))

    def _now(self) -> dict[str, Any]:
        values = {name: value for name, state in self.fields.items() if (value := state.current) is not UNSET}
        return {**values, **self.extras}

    @property
    def problems(self) -> list[Problem]:
        """All problems of the present value; nothing may be sent while there are any."""
        with self.lock:
            if self._known is None or self._known[0] != self._version:
                self._known = (self._version, self._find_problems())
            return list(self._known[1])

    def _find_problems(self) -> list[Problem]:
        drafts = {state.path: state.draft for state in self.walk() if state.draft and state.is_set}
        problems = _checked(self.schema, self._now())
        # What was typed there is no value yet; to judge its text as one would say it twice.
        separate = [problem for problem in problems if not any(problem.is_at(path) for path in drafts)]
        draft_problems = [Problem((), "json", message=self.others_draft)] if self.others_draft else []
        return [
            *draft_problems,
            *(Problem(path, "draft", message=reason) for path, reason in drafts.items()),
            *separate,
        ]

    def problems_at(self, path: tuple[str | int, ...]) -> list[Problem]:
        """Return the problems of one field, those of its parts among them."""
        return [problem for problem in self.problems if problem.is_at(path)]

    @property
    def other_problems(self) -> list[Problem]:
        """The problems that no field shows: of unknown names, and of values that do not go together."""
        paths = [state.path for state in self.fields.values()]
        return [problem for problem in self.problems if not any(problem.is_at(path) for path in paths)]

    @property
    def shown_other_problems(self) -> list[Problem]:
        """Those of them to show: after the first edit or Run, and of given names at once."""
        is_time = (
            self.all_touched or self.extras or self.others_draft or any(state.touched for state in self.fields.values())
        )
        return self.other_problems if is_time else []

    @property
    def also_sent(self) -> str:
        """What is sent under names that have no field, and fits: in a few words, with the field perhaps meant."""
        with self.lock:
            names = [name for name in self.extras if not self.problems_at((name,))] if self.extras else []
            slips = {name: field for name in names if (field := nearest(name, self.fields.keys() - self.extras.keys()))}
        hints = "".join(f"; for {short(name)}, did you mean {short(field)}?" for name, field in slips.items())
        return f"also sent, without a field: {listed(names, 'and')}{hints}" if names else ""

    def set_values(self, values: Mapping[str, Any], *, exact: bool = False) -> None:
        """Set the named fields; a name without a field is kept."""
        with self.lock:
            self.others_draft = ""
            if exact:
                self.extras = {}
                for name in self.fields.keys() - values.keys():
                    self.fields[name].unset()
            for name, value in values.items():
                self._set(name, value)
            self.changed()

    def _set(self, name: str, value: Any) -> None:
        if name in self.fields:
            self.fields[name].set(value)
        elif value is UNSET:
            self.extras.pop(name, None)
        else:
            self.extras[name] = plain(jsonable(value))

    # ------------------------------------------------------------------ what has no field

    @property
    def takes_others(self) -> bool:
        """Whether values without a field are typed as JSON: the schema says something of them, or asks for one."""
        keywords, others = self._keywords, self._keywords.get("additionalProperties")
        if keywords.get("patternProperties") or (isinstance(others, Mapping) and others):
            return True
        least, required = keywords.get("minProperties"), keywords.get("required")
        if isinstance(least, int) and least > len(self.fields):
            return True
        if isinstance(required, list) and any(name not in self.fields for name in required):
            return True
        if not self.fields and any(word in keywords for word in _ELSEWHERE):
            return True
        return others not in (None, False) and (not self.fields or bool(self.extras))

    @property
    def others_text(self) -> str:
        """What the editor of values without a field shows."""
        if self.others_draft:
            return self._others_typed
        return json_text(self.extras) if self.extras else ""

    def set_others_text(self, text: str) -> None:
        """Set the values without a field to the JSON object that a text says; what is none is kept, and told."""
        read = read_json(text) if text.strip() else ParsedText({})
        with self.lock:
            self._others_typed = text
            self.others_draft = read.error or ("" if isinstance(read.value, dict) else NO_OBJECT)
            self.extras = {} if self.others_draft else read.value
            self.changed()

    def touch_all(self) -> None:
        """Show every problem beside its field from now on, as Run does."""
        self.all_touched = True

    def changed(self) -> None:
        """Note that a value has changed."""
        self._version += 1

    def walk(self) -> Iterator[FieldState]:
        """Yield every field that was made so far, those inside of others too."""
        for state in self.fields.values():
            yield from state.walk()


def _checked(schema: Mapping[str, Any], value: Mapping[str, Any]) -> list[Problem]:
    try:
        return problems_of(schema, value)
    except Exception as exc:  # a schema that no Deployment would take: the form shows, and sends nothing
        message = f"could not be checked; the schema is not valid ({type(exc).__name__})"
        return [Problem((), "schema", message=message)]
