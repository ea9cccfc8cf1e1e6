"""JSON schema, resolved YAML and input files of a configuration, derived from its sections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from siting.config.fields import UNITS
from siting.config.key_faults import dotted
from siting.config.sections import Config
from siting.config.yaml_text import Key, write


def schema(model: type[BaseModel] = Config) -> dict[str, Any]:
    """Return the JSON schema of a study or nation, with each key's meaning and unit.

    >>> schema()["$defs"]["Reach"]["properties"]["cutoff_min"]["unit"]
    'min'
    """
    model_schema = model.model_json_schema()
    for part in _parts(model_schema):
        if "patternProperties" in part:  # unknown names are refused, not ignored
            part["additionalProperties"] = False
        if isinstance(said := part.get("description"), str) and "properties" not in part:
            part["description"] = " ".join(said.split())
        for name, value in part.get("properties", {}).items():
            for number in _parts(value):
                if number.get("type") in ("number", "integer") and (unit := _unit(name)):
                    number.setdefault("unit", unit)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model_schema}


def to_yaml(config: Config) -> str:
    """Return a configuration (with absolute paths) as YAML with every key; `load` restores it."""
    return write(plain(config))


def input_files(config: Config) -> dict[str, Path]:
    """Return every input file of a configuration by key path, e.g. ``candidates.sources.0.path``.

    Every path is an input file, except the folders under keys that end in ``_dir``.
    """
    paths = ((key, value) for key, value in _leaves(config, ()) if isinstance(value, Path))
    return {dotted(key): path for key, path in paths if not str(key[-1]).endswith("_dir")}


def with_files(config: Config, files: Mapping[Path, Path]) -> Config:
    """Return a configuration with paths replaced as in `files`, without checking it."""

    def moved(value: Any) -> Any:
        match value:
            case BaseModel():
                return value.model_copy(update={name: moved(item) for name, item in value})
            case Mapping():
                return {name: moved(item) for name, item in value.items()}
            case tuple():
                return tuple(moved(item) for item in value)
        return files.get(value, value) if isinstance(value, Path) else value

    changed: Config = moved(config)
    return changed


def with_keys[T: BaseModel](section: T, values: Mapping[str, Any]) -> T:
    """Return a section with the values of some keys replaced, without checking it.

    Keys of subsections are dotted, e.g. ``offers.subsidy.rule``.
    """
    for key, value in values.items():
        name, _, below = key.partition(".")
        new = with_keys(getattr(section, name), {below: value}) if below else value
        section = section.model_copy(update={name: new})
    return section


def _parts(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
        part = list(part.values())
    for below in part if isinstance(part, list) else ():
        yield from _parts(below)


def _unit(name: str) -> str:
    """Return the unit of the numbers under a key; blank if the key's name does not end in one."""
    words = name.split("_")
    ends = ("_".join(words[n:]) for n in range(len(words)))
    return next((UNITS[end] for end in ends if end in UNITS), "")


def plain(value: Any) -> Any:
    """Return a configuration, or a part of it, as dicts, lists, strings and numbers."""
    match value:
        case BaseModel() | Mapping():
            return {name: plain(item) for name, item in dict(value).items()}
        case tuple() | list():
            return [plain(item) for item in value]
        case Path():
            return str(value)
        case float() if value.is_integer() and abs(value) < 1e15:
            return int(value)
    return value


def _leaves(value: Any, key: Key) -> Iterator[tuple[Key, Any]]:
    if not isinstance(value, BaseModel | Mapping | tuple):
        yield key, value
        return
    for name, item in enumerate(value) if isinstance(value, tuple) else dict(value).items():
        yield from _leaves(item, (*key, name))
