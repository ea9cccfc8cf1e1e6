"""Change or build configurations in Python, with keys named as in the YAML file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from siting.config.forms import plain
from siting.config.key_faults import SELECTORS, dotted, keys_of
from siting.config.reading import checked
from siting.config.sections import Config
from siting.config.yaml_text import Key
from siting.errors import ConfigError, Fault, SitingError, did_you_mean

# A function that writes a table or graph to a file in a folder, and returns the file's path. Its
# arguments are the key, the table or graph, and the folder.
Place = Callable[[Key, Any, Path], Path]
# Sections that accept a file or table, each with a function that makes the section from it.
SOURCES: Mapping[Key, Callable[[Any], Any]] = {
    ("roads",): lambda one: {"source": {"kind": "file", "path": one}},
    ("demand",): lambda one: {"table": one},
    ("reach",): lambda one: {"table_csv": one},
    ("offers",): lambda one: {"table_csv": one},
    ("demand", "people"): lambda one: {"kind": _people(one), "path": one},
    ("candidates",): lambda one: {"sources": _layers(one, kind="layer")},
    ("candidates", "exclude"): lambda one: _layers(one),
    ("candidates", "existing"): lambda one: {"path": one},
}
# The initial keys of a study without a configuration file.
BEGIN: Mapping[str, Any] = {
    "name": "study",
    "download": {"cache_dir": "cache/osmnx"},
    "output": {"cache_dir": "cache", "runs_dir": "runs"},
}


def changed(config: Config | None, words: Mapping[str, Any], place: Place) -> Config:
    """Return a configuration with the given keys changed, checked as a whole.

    `words` maps keys to new values. A key is a full path (``"reach.cutoff_min"``) or, if only one
    section has it, a key without its path (``cutoff_min``). A dict changes only the keys that it
    names. A list, or a mapping with names that the user chooses, is replaced as a whole. For the
    sections in `SOURCES`, the value can also be a file or table. Relative paths are resolved
    against the working directory.

    If `config` is None, an empty configuration is changed. `place` writes a table or graph to a
    file. Raises `ConfigError` with every error and its key, or `InputError` with every invalid
    table.
    """
    faults: list[Fault] = []
    change: Any = {}
    for word, value in words.items():
        try:
            key = _key_of(word)
        except ConfigError as err:
            faults += err.faults
            continue
        if whole := _given_whole(change, key):
            what = f"is part of `{dotted(whole)}`, which is set as a whole"
            faults.append(Fault(word, what, "set only one of the two"))
            continue
        if key in SOURCES and value is not None and not isinstance(value, Mapping):
            value = SOURCES[key](value)
        for name in reversed(key):
            value = {str(name): value}
        change = _over(change, value)
    if faults:
        raise ConfigError(faults)
    data = _over(BEGIN, change) if config is None else _merged(config, change)
    cache_dir = _cache_dir(data)
    wrong: list[SitingError] = []
    data = _placed(data, (), lambda key, value: place(key, value, cache_dir), wrong)
    if wrong:
        raise type(wrong[0])([fault for err in wrong for fault in err.faults])
    return checked(data)


def python_value(value: Any) -> Any:
    """Return a NumPy number as a Python number, and a Series, Index or 1-D array as a list.

    >>> import pandas as pd
    >>> python_value(pd.Series([5]).max()), python_value(pd.Series(["s1", "s2"]))
    (5, ['s1', 's2'])
    """
    plain = getattr(value, "ndim", 2) < 2 and not hasattr(value, "crs")  # a GeoSeries has a crs
    return value.tolist() if plain else value


def _cache_dir(data: Mapping[str, Any]) -> Path:
    """Return the cache folder; raise `ConfigError` if the ``output`` section is invalid."""
    try:
        return Path(data["output"]["cache_dir"]).absolute()
    except (TypeError, ValueError, LookupError):
        try:
            checked({**BEGIN, "output": data["output"]})
        except ConfigError as err:
            faults = [fault for fault in err.faults if fault.where.startswith("output")]
            raise ConfigError(faults or err.faults) from None
        raise


@cache
def words() -> Mapping[str, Key]:
    """Return the path of each unambiguous key name; a top-level key wins over keys of sections.

    >>> words()["budget_pkr"], words()["people"], words()["year"]
    (('program', 'budget_pkr'), ('demand', 'people'), ('year',))
    """
    return {word: keys[0] for word, keys in _places().items() if len(keys) == 1}


@cache
def _places() -> Mapping[str, list[Key]]:
    keys_by_word: dict[str, list[Key]] = {}
    for key in keys_of(Config):
        keys_by_word.setdefault(str(key[-1]), []).append(key)
    return {word: [k for k in keys if len(k) == 1] or keys for word, keys in keys_by_word.items()}


def _key_of(word: str) -> Key:
    if "." in word:
        return tuple(word.split("."))
    if word in words():
        return words()[word]
    if word in _places():
        paths = ", ".join(map(dotted, _places()[word]))
        raise ConfigError(word, "is in several sections", f"write one of: {paths}")
    fix = did_you_mean(word, _places(), "use a key of the YAML file")
    raise ConfigError(word, "unknown key", fix)


def _given_whole(change: Any, key: Key) -> Key:
    """Return the path of the section above `key` that `change` sets as a whole; () if none."""
    for n, name in enumerate(key[:-1], 1):
        change = change.get(str(name), {})
        if not isinstance(change, Mapping):
            return key[:n]
    return ()


def _people(given: Any) -> str:
    shapes = set(getattr(given, "geom_type", ()))
    return "zones" if shapes and shapes <= {"Polygon", "MultiPolygon"} else "points"


def _layers(given: Any, **more: str) -> list[Any]:
    several = given if isinstance(given, list | tuple) else [given]
    return [one if isinstance(one, Mapping) else {**more, "path": one} for one in several]


def _over(under: Any, over: Any) -> Any:
    """Return the section `under`, with the values in `over` taking precedence."""
    if not (isinstance(under, Mapping) and isinstance(over, Mapping)):
        return over
    return {**under, **{name: _over(under.get(name), value) for name, value in over.items()}}


def _merged(standing: Any, change: Any) -> Any:
    """Return a section or list with `change` merged in; for any other value, return `change`."""
    if not isinstance(change, Mapping):
        return change
    if isinstance(standing, tuple) and set(change) <= set(map(str, range(len(standing)))):
        return [
            _merged(item, change[str(n)]) if str(n) in change else plain(item)
            for n, item in enumerate(standing)
        ]
    if not isinstance(standing, BaseModel):
        return change
    out = plain(standing)
    if any(name in change and change[name] != out.get(name) for name in SELECTORS):
        return dict(change)
    return out | {
        name: _merged(getattr(standing, str(name), None), new) for name, new in change.items()
    }


def _placed(
    value: Any, key: Key, place: Callable[[Key, Any], Path], wrong: list[SitingError]
) -> Any:
    """Return `value` with tables and graphs replaced by file paths; add errors to `wrong`."""
    value = python_value(value)
    if isinstance(value, bool | int | float | str | Path | None):
        return value
    if isinstance(value, Mapping):
        return {k: _placed(item, (*key, k), place, wrong) for k, item in value.items()}
    if isinstance(value, list | tuple):
        return [_placed(item, (*key, n), place, wrong) for n, item in enumerate(value)]
    try:
        return str(place(key, value))
    except SitingError as err:
        wrong.append(err)
        return None
