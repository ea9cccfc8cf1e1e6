"""Configuration errors in plain language, each with its file, line and key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from siting.config.fields import PATTERN_WORDS, Refusal
from siting.config.yaml_text import Key
from siting.errors import did_you_mean

# Keys that select one of several kinds of section, tried in this order.
SELECTORS = ("kind", "shape")
# Keys that are often set in the wrong place, and where they belong.
ELSEWHERE = {
    ("demand.people", "h3"): "for a table with an h3 column, write kind: points; for hexagonal "
    "cells, write demand.cells.shape: h3",
}


def dotted(key: Key) -> str:
    """Return a key path as users write it.

    >>> dotted(("candidates", "sources", 0, "path"))
    'candidates.sources.0.path'
    """
    return ".".join(map(str, key))


@dataclass
class Origins:
    """The place where each key was set: a line of the file, or an override."""

    file: str  # file name as the user wrote it
    lines: dict[Key, int] = field(default_factory=dict)  # line of each key and list item
    # Keys that an override set, with the key path as the user wrote it and the override's place.
    overrides: dict[Key, tuple[str, str]] = field(default_factory=dict)

    def _nearest(self, key: Key) -> Key:
        """Return the key or, if unset, the innermost section around it that was set; else ()."""
        parts = (key[:length] for length in range(len(key), 0, -1))
        return next((part for part in parts if part in self.overrides or part in self.lines), ())

    def where(self, key: Key) -> str:
        """Return where the key, or else the innermost section around it, was set."""
        part = self._nearest(key)
        if part in self.overrides:
            name, place = self.overrides[part]
            return place if name == dotted(key) else f"{place}, key {dotted(key)}"
        line = f", line {self.lines[part]}" if part in self.lines else ""
        return f"{self.file}{line}, key {dotted(key)}"

    def line(self, key: Key) -> int:
        """Return the line number for sorting errors; overrides come last."""
        part = self._nearest(key)
        return 10**9 if part in self.overrides else self.lines.get(part, 0)


@dataclass(frozen=True)
class Spot:
    """A position in the schema."""

    key: Key = ()
    model: type[BaseModel] | None = None  # the section that contains the key
    info: FieldInfo | None = None  # the key's field; None if the section has no such key
    annotation: Any = None  # the type of values allowed for the key

    @property
    def meaning(self) -> str:
        """The meaning of the key in a few words."""
        words = ((self.info and self.info.description) or "").split()
        return " ".join(words).split(";")[0]


def find_spot(location: tuple[str | int, ...], root: type[BaseModel]) -> Spot:
    """Return the position of a validation error in the schema.

    The parts that pydantic adds to the error's location are ignored.
    """
    spot = Spot(annotation=root)
    for part in (part for part in location if part != "[key]"):
        models = members(spot.annotation)
        if len(models) > 1:
            spot = replace(spot, annotation=models.get(part))
        elif models:
            (model,) = models.values()
            info = model.model_fields.get(str(part))
            spot = Spot((*spot.key, part), model, info, info.annotation if info else None)
        else:
            item = _item(spot.annotation)
            notes = (n for n in getattr(item, "__metadata__", ()) if isinstance(n, FieldInfo))
            # An item without a description takes the description of its list or mapping.
            info = next((note for note in notes if note.description), spot.info)
            spot = replace(spot, key=(*spot.key, part), info=info, annotation=item)
    return spot


def members(annotation: Any) -> dict[str | int, type[BaseModel]]:
    """Return the sections that a type annotation allows, by the word that selects each."""
    models = list(_models(annotation))
    if len(models) < 2:
        return {"": models[0]} if models else {}
    sections: dict[str | int, type[BaseModel]] = {}
    for model in models:
        selector = next(name for name in SELECTORS if name in model.model_fields)
        sections[get_args(model.model_fields[selector].annotation)[0]] = model
    return sections


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Annotated, Union, UnionType):
        for part in get_args(annotation):
            yield from _models(part)


def _item(annotation: Any) -> Any:
    """Return the type of the items of a list, or of the values of a mapping."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _item(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return next((i for part in get_args(annotation) if (i := _item(part)) is not None), None)
    if origin is tuple:
        return get_args(annotation)[0]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return get_args(annotation)[1]
    return None


def translate(error: ErrorDetails, root: type[BaseModel]) -> list[Refusal]:
    """Return each problem in one validation error: the key, what is wrong, and the fix."""
    spot = find_spot(error["loc"], root)
    given, limits, kind = error["input"], error.get("ctx", {}), error["type"]
    expected = f"expected: {spot.meaning}" if spot.meaning else ""
    match kind:
        case "default_factory_not_called":
            return []  # the title depends on the name, whose error is reported instead
        case "refused":
            return [((*spot.key, *key), what, fix) for key, what, fix in limits["refusals"]]
        case "missing":
            return [(spot.key, f"missing ({spot.meaning})", "")]
        case "extra_forbidden":
            return [_unknown_key(spot)]
        case "union_tag_invalid" | "union_tag_not_found":
            return [_unknown_member(spot, given, limits["discriminator"].strip("'"))]
        case _ if given is None:
            return [(spot.key, "no value; " + (expected or "expected one"), _default_fix(spot))]
        case "literal_error":
            choices = [word.strip("'") for word in re.split(", | or ", limits["expected"])]
            what, fix = _not_one_of(given, choices)
        case "string_pattern_mismatch":
            what = f"{shown(given)} does not fit; expected {PATTERN_WORDS[limits['pattern']]}"
            fix = ""
        case "string_too_long":
            what = f"has {len(given)} characters, more than {limits['max_length']}"
            fix = "shorten it"
        case "too_short" if len(given):
            return []  # all items are invalid, and each item's error is reported
        case "too_short":
            what, fix = "is empty; at least one item is needed", expected
        case "float_type" | "int_type" | "int_from_float":
            what, fix = _not_a_number(given, kind, expected)
        case _ if kind in _LIMITS:
            limit, words = _LIMITS[kind]
            what, fix = f"{shown(given)} is {words} {shown(limits[limit])}", expected
        case _ if kind in _TYPES:
            what, fix = f"{shown(given)} is not {_TYPES[kind]}", expected
            if kind == "tuple_type":
                fix = "write [a, b], or one item per line, each after a hyphen"
            elif kind in ("string_type", "is_instance_of") and isinstance(given, int | float):
                fix = "put it in quotes"
        case _:
            what, fix = f"{shown(given)}: {error['msg']}", expected
    return [(spot.key, what, fix)]


_LIMITS = {
    "greater_than": ("gt", "not greater than"),
    "greater_than_equal": ("ge", "less than"),
    "less_than": ("lt", "not less than"),
    "less_than_equal": ("le", "greater than"),
}

_TYPES = {
    "bool_type": "true or false",
    "finite_number": "a finite number",
    "string_type": "text",
    "is_instance_of": "the path of a file or folder",
    "tuple_type": "a list",
} | dict.fromkeys(
    ("dict_type", "model_type", "model_attributes_type"), "a section of keys and values"
)


def shown(value: Any) -> str:
    """Format a value for a message.

    >>> shown("12"), shown(True), shown(0.0), shown([1])
    ("'12'", 'true', '0', 'a list')
    """
    match value:
        case None:
            return "no value"
        case bool():
            return str(value).lower()
        case int():
            return str(value) if abs(value) < 10**30 else "a very long number"
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case str():
            return repr(value if len(value) <= 60 else value[:57] + "...")
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a section"
    return str(value)


def _not_a_number(given: Any, kind: str, expected: str) -> tuple[str, str]:
    words = "a number" if kind == "float_type" else "a whole number"
    if isinstance(given, int) and not isinstance(given, bool):
        return f"{shown(given)} is too large", expected
    if isinstance(given, str):
        plain = given.strip().replace(",", "")
        with suppress(ValueError):
            float(plain)
            what = f"{shown(given)} is text, not {words}"
            return what, f"write {plain}, without quotes or commas"
    if isinstance(given, float) and given.is_integer():
        return f"{given!r} is not {words}", f"write {given:.0f}"
    return f"{shown(given)} is not {words}", expected


def _default_fix(spot: Spot) -> str:
    known = spot.model is not None and spot.key[-1] in spot.model.model_fields
    if not known or spot.info is None or spot.info.is_required():
        return ""
    value = spot.info.default
    plain = isinstance(value, bool | int | float | str) and value != ""
    return "leave the key out to use the default" + (f", {shown(value)}" if plain else "")


# Keys of earlier versions and their replacements.
MOVED: Mapping[Key, str] = {("program", "method"): "solver.method"}


def keys_of(section: type[BaseModel], above: Key = ()) -> Iterator[Key]:
    """Yield the keys of a section and of its subsections, except subsections of several kinds."""
    for name, info in section.model_fields.items():
        yield (*above, name)
        inner = list(members(info.annotation).values())
        if len(inner) == 1:
            yield from keys_of(inner[0], (*above, name))


def _unknown_key(spot: Spot) -> Refusal:
    if spot.key in MOVED:
        return spot.key, f"has moved to {MOVED[spot.key]}", f"write {MOVED[spot.key]} instead"
    assert spot.model is not None  # only a section can have unknown keys
    known = list(spot.model.model_fields)
    *above, last = spot.key
    deeper = [dotted((*above, *key)) for key in keys_of(spot.model) if key[-1] == last]
    if deeper:
        return spot.key, "belongs in a section", f"write {' or '.join(deeper)}"
    hint = did_you_mean(str(last), known, "")
    what = f"unknown key; {hint}" if hint else "unknown key"
    return spot.key, what, f"keys here: {', '.join(known)}"


def _unknown_member(spot: Spot, given: Any, selector: str) -> Refusal:
    choices = [str(name) for name in members(spot.annotation)]
    key = (*spot.key, selector)
    if selector not in given:
        return key, f"missing; use one of {', '.join(choices)}", ""
    what, fix = _not_one_of(given[selector], choices)
    return key, what, ELSEWHERE.get((dotted(spot.key), str(given[selector])), fix)


def _not_one_of(given: Any, choices: list[str]) -> tuple[str, str]:
    hint = did_you_mean(given, choices, "") if isinstance(given, str) else ""
    return f"{shown(given)} is not one of {', '.join(choices)}", hint
