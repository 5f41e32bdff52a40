"""What a caller or an author wants done with code, tables and addresses: checked, key by key."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum

from tts_tasks.errors import InputError
from tts_tasks.request import CodePolicy, Policies, TablePolicy, UrlPolicy

_CHOICES: Mapping[str, type[StrEnum]] = {
    "code": CodePolicy,
    "tables": TablePolicy,
    "urls": UrlPolicy,
}


def policies_of(given: object, base: Policies | None = None) -> Policies:
    """Return policies from a mapping such as ``{"code": "announce"}``.

    Args:
        given: the mapping, ``None`` for no wishes.
        base: what holds where nothing is wished; the defaults by default.

    Raises:
        InputError: for what is no mapping, an unknown key or an unknown value; names the field.
    """
    chosen = {each.name: getattr(base or Policies(), each.name) for each in fields(Policies)}
    if given is None:
        return Policies(**chosen)
    if not isinstance(given, Mapping):
        raise InputError(
            f"policies is not a mapping but {type(given).__name__}",
            field="policies",
            value=given,
            remedy='write it as "name: value" lines, e.g. "code: announce"',
        )
    for name, value in given.items():
        if name not in _CHOICES:
            near = difflib.get_close_matches(str(name), _CHOICES, n=1)
            raise InputError(
                f"there is no policy {str(name)!r}",
                field="policies",
                value=name,
                remedy=f"did you mean {near[0]}?" if near else f"use {', '.join(_CHOICES)}",
            )
        choices = _CHOICES[name]
        if not isinstance(value, str) or value not in list(choices):
            raise InputError(
                f"{value!r} is no policy for {name}",
                field=f"policies.{name}",
                value=value,
                remedy=f"use {', '.join(choices)}",
            )
        chosen[name] = choices(value)
    return Policies(**chosen)
