"""The fields of a form by the names of their variables, as a user asks for them.

Rule of this file: a slip is told with its cure. Nothing that a user sets here may be lost in a copy.
"""

from __future__ import annotations

from typing import Any, NoReturn

from fh_notebook.contract.spell import nearest, short
from fh_notebook.errors import InputError

__all__ = ["ByName"]


class ByName(dict[str, Any]):
    """Fields by name; read only.

    Examples
    --------
    >>> ByName(ticket="a field")["tikcet"]
    Traceback (most recent call last):
    KeyError: "there is no variable 'tikcet'; did you mean 'ticket'?"
    """

    def __missing__(self, name: object) -> NoReturn:
        meant = nearest(name, self)
        cure = f"; did you mean {short(meant)}?" if meant else ""
        raise KeyError(f"there is no variable {short(name)}{cure}")

    def __setitem__(self, name: str, value: object) -> NoReturn:
        raise InputError(f"a field is not replaced; set its value: form.fields[{short(name)}].value = {short(value)}")

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise InputError("fields are not added or taken away; set their values: form.fields[NAME].value = ...")

    __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse
