"""The fields of course.yaml and of front matter, checked: ids, titles, parameters, order.

YAML gives any type for any key; each function here returns the type that its field has, or an
error that says what is there instead.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tts_tasks.errors import CourseError, InputError
from tts_tasks.request import Markup, Policies, Preference, QualityChecks, preference_of
from tts_tasks.script import policies

Parameters = dict[str, int | float | str]

MAX_ID_CHARS = 100
"""Longest id: it becomes part of file names, which most file systems limit to 255 bytes."""

_ID = re.compile(r"[A-Za-z0-9]+(?:[_-]+[A-Za-z0-9]+)*")
_LEADING_NUMBER = re.compile(r"(?:aula|licao|lesson)?[\s_.-]*[0-9]+[\s_.-]+(?=\S)", re.IGNORECASE)


def slug(text: str) -> str:
    """Return the text as an identifier: ``"Ação & Reação"`` -> ``"acao-reacao"``."""
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "-".join(re.findall(r"[a-z0-9]+", folded.lower()))


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key in which numbers count as numbers: aula-2 comes before aula-10."""
    pieces = re.split(r"([0-9]+)", name.casefold())
    return tuple(
        # A run of digits longer than Python converts is compared by its length, then as text.
        (1, len(piece.lstrip("0")), piece.lstrip("0")) if piece.isdigit() else (2, 0, piece)
        for piece in pieces
        if piece
    )


def given_id(settings: Mapping[str, Any], where: str, suggestion: str) -> str | None:
    """Return the id that the author gave, if any; it becomes part of file names.

    Args:
        settings: the mapping that may hold ``id``.
        where: what the error calls it.
        suggestion: an id that would do.
    """
    value = settings.get("id")
    if value is None:
        return None
    given = str(value)
    if isinstance(value, bool) or not isinstance(value, str | int) or not _ID.fullmatch(given):
        raise CourseError(
            f"the id {given!r} of {where} has other characters than letters without accents, "
            "digits, '-' and '_'",
            field="id",
            value=given,
            remedy=f"write it as {slug(given) or suggestion}",
        )
    refuse_long_id(given, where)
    return given


def refuse_long_id(identifier: str, where: str) -> None:
    """Raise if an id is longer than ``MAX_ID_CHARS``."""
    if len(identifier) > MAX_ID_CHARS:
        raise CourseError(
            f"the id of {where} has {len(identifier)} characters; the limit is {MAX_ID_CHARS}",
            field="id",
            value=identifier,
            remedy='give it a shorter "id"',
        )


def hashed_id(prefix: str, name: str) -> str:
    """Return an id for a name without a Latin letter or digit; the same name, the same id."""
    return f"{prefix}-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def id_from_name(path: Path) -> str:
    """Return the file's stem without its leading number, so that renumbering keeps the id."""
    return slug(_LEADING_NUMBER.sub("", path.stem, count=1)) or slug(path.stem)


def prettify(name: str) -> str:
    """Return a file's stem as a title: ``02-lendo-as-vendas`` -> ``Lendo as vendas``."""
    words = re.sub(r"[\s_-]+", " ", _LEADING_NUMBER.sub("", name, count=1)).strip()
    return words[:1].upper() + words[1:] if words else name


def order_of(front: Mapping[str, Any], where: str) -> float | None:
    """Return the lesson's position that the front matter gives as ``order`` or ``number``."""
    key = "order" if "order" in front else "number"
    value = front.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CourseError(
            f"{key} in {where} is {kind(value)}, not a number",
            field=key,
            value=value,
            remedy="write the lesson's position as a number, e.g. 2",
        )
    return float(value)


def optional_text(settings: Mapping[str, Any], key: str, where: str) -> str | None:
    """Return the text of a key, ``None`` when it is absent or blank."""
    value = settings.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise CourseError(
            f"{key} in {where} is {kind(value)}, not text",
            field=key,
            value=value,
            remedy=f'write it as "{key}: text"',
        )
    return str(value).strip() or None


def parameters_of(settings: Mapping[str, Any], where: str) -> Parameters:
    """Return the engine parameters; whether the engine has them is for the engine to say."""
    value = settings.get("parameters")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise CourseError(
            f"parameters in {where} is {kind(value)}, not a mapping",
            field="parameters",
            value=value,
            remedy='write it as "name: value" lines, e.g. "rate: 150"',
        )
    for name, setting in value.items():
        if isinstance(setting, bool) or not isinstance(setting, int | float | str):
            raise CourseError(
                f"the parameter {name} in {where} is {kind(setting)}, not a number or text",
                field=f"parameters.{name}",
                value=setting,
                remedy='write a number or text, e.g. "rate: 150"',
            )
    return {str(name): setting for name, setting in value.items()}


def policies_of(given: object, where: str, base: Policies) -> Policies:
    """Return what is to be done with code, tables and addresses.

    Args:
        given: what the author wrote under ``policies``, None for nothing.
        where: what the error calls its place.
        base: what holds for the keys that are not given.

    Raises:
        CourseError: for what is no mapping, an unknown key or value; names field and choices.
    """
    try:
        return policies.policies_of(given, base)
    except InputError as problem:
        raise CourseError(
            f"{problem.message} in {where}",
            field=problem.field,
            value=problem.value,
            remedy=problem.remedy,
        ) from problem


def markup_of(settings: Mapping[str, Any], where: str, default: Markup) -> Markup:
    """Return the markup of a lesson's text that stands in a manifest."""
    value = settings.get("markup")
    if value is None:
        return default
    if value not in list(Markup):
        raise CourseError(
            f"there is no markup {value!r} in {where}",
            field="markup",
            value=value,
            remedy=f"use {', '.join(Markup)}",
        )
    return Markup(value)


def switch_of(settings: Mapping[str, Any], key: str, where: str) -> bool:
    """Return whether a key is switched on; it is off when absent."""
    value = settings.get(key)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise CourseError(
            f"{key} in {where} is {kind(value)}, not true or false",
            field=key,
            value=value,
            remedy=f'write it as "{key}: true"',
        )
    return value


def cover_of(settings: Mapping[str, Any], folder: Path, where: str) -> Path | None:
    """Return the course's cover, if it has one; whether it is a picture is not looked at here.

    Args:
        settings: the mapping that may hold ``cover``.
        folder: the course's folder.
        where: what the error calls the mapping's place.

    Raises:
        CourseError: if it is no text, or a file outside the folder.
    """
    named = optional_text(settings, "cover", where)
    if named is None:
        return None
    if "\0" in named or not (folder / named).resolve().is_relative_to(folder.resolve()):
        raise CourseError(
            f"the cover {named!r} in {where} is outside the course's folder",
            field="cover",
            value=named,
            remedy=f"copy it into {folder}",
        )
    return folder / named


def quality_of(settings: Mapping[str, Any], where: str) -> QualityChecks:
    """Return what every take must pass."""
    value = settings.get("quality")
    if value is None:
        return QualityChecks.SIGNAL
    if value not in list(QualityChecks):
        raise CourseError(
            f"there are no quality checks {value!r} ({where})",
            field="quality",
            value=value,
            remedy=f"use {' or '.join(QualityChecks)}",
        )
    return QualityChecks(value)


def preference_in(settings: Mapping[str, Any], where: str) -> Preference:
    """Return what matters when ``auto`` chooses: a policy, or providers in their order."""
    value = settings.get("policy")
    if value is None:
        return Preference()
    try:
        return preference_of(value if isinstance(value, str | list) else [value])
    except InputError as error:
        raise CourseError(
            f"{error.message} ({where})", field="policy", value=value, remedy=error.remedy
        ) from error


def refuse_unknown_keys(given: Mapping[Any, Any], known: tuple[str, ...], where: str) -> None:
    """Raise for the first key that is not known, and name the nearest that is."""
    for key in given:
        if key in known:
            continue
        near = difflib.get_close_matches(str(key), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(known)}"
        raise CourseError(
            f"unknown key {str(key)!r} in {where}", field=str(key), value=given[key], remedy=hint
        )


def kind(value: object) -> str:
    """Name a YAML value's type as an author knows it."""
    names = {
        type(None): "empty",
        bool: "true or false",
        dict: "a mapping",
        list: "a list",
        str: "text",
    }
    return names.get(type(value), f"a {type(value).__name__}")
