"""Read configurations: convert YAML and overrides to a `Config`, or report every error."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from siting.config.fields import YAML_SUFFIXES, Refusal, missing_file
from siting.config.key_faults import Origins, dotted, shown, translate
from siting.config.sections import Config
from siting.config.yaml_text import BrokenYamlError, Key, read
from siting.errors import ConfigError, Fault, Override, listed
from siting.texts import counted

# A larger file is probably data passed by mistake.
MAX_BYTES = 1_000_000


def load(
    path: Path,
    overrides: Sequence[str] = (),
    today: date | None = None,
    *,
    check_files: bool = True,
) -> Config:
    r"""Return the configuration in a YAML file, checked and with absolute paths.

    Parameters
    ----------
    path
        The file. Relative paths in it and in overrides are resolved against its folder.
    overrides
        ``key.path=value`` strings, with YAML as the value. A number in the path is an item's
        position in a list, from 0. Errors in an `Override` state its place.
    today
        Today's date; an earlier target year is an error. ``None`` skips this check.
    check_files
        Whether the files that the configuration names must exist.

    Raises
    ------
    ConfigError
        With one entry per error, which states the file, line, key, and the values found and
        expected.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "town.yaml")
    ...     _ = file.write_text("name: town\nprogram: {budget_pkr: -1}", encoding="utf-8")
    ...     try:
    ...         load(file)
    ...     except ConfigError as err:
    ...         print(err.faults[-1].what)
    -1 is less than 0
    """

    def past(_: Config | None, data: Mapping[str, Any], faulty: set[Key]) -> list[Refusal]:
        year = data.get("year", Config.model_fields["year"].default)
        if today is None or ("year",) in faulty or year >= today.year:
            return []
        what = f"{year}{'' if 'year' in data else ' (the default)'} is before this year"
        return [(("year",), f"{what}, {today.year}", "choose this year or a later one")]

    return load_as(Config, path, overrides, also=past, check_files=check_files)


def load_as[T: BaseModel](
    model: type[T],
    path: Path,
    overrides: Sequence[str] = (),
    *,
    also: Callable[[T | None, Mapping[str, Any], set[Key]], list[Refusal]],
    check_files: bool = True,
) -> T:
    """Return the content of a YAML file as a checked instance of `model`; see `load`.

    `also` returns further errors, given the instance (None if invalid), the data and faulty keys.
    """
    path, overrides = Path(path), listed("overrides", overrides)
    data, origins, faults = _read_file(path, model)
    for override in overrides:
        faults += _override(data, override, origins)
    config, wrong = _validate(model, data, path.parent.resolve(), check_files)
    wrong += also(config, data, {key for key, _, _ in wrong})
    wrong.sort(key=lambda fault: origins.line(fault[0]))
    faults += [Fault(origins.where(key) if key else "", what, fix) for key, what, fix in wrong]
    if config is None or faults:
        raise ConfigError(faults)
    return config


def checked(data: Mapping[str, Any]) -> Config:
    """Return a configuration made from plain values, checked and with absolute paths.

    Relative paths are resolved against the working directory. Raises `ConfigError` with one entry
    per error.
    """
    config, wrong = _validate(Config, data, Path.cwd(), check_files=True)
    if config is None:
        raise ConfigError([Fault(dotted(key), what, fix) for key, what, fix in wrong])
    return config


def _read_file(path: Path, model: type[BaseModel]) -> tuple[dict[str, Any], Origins, list[Fault]]:
    try:
        if not path.is_file():
            raise ConfigError(str(path), missing_file(path).replace(f": {path}", "", 1))
        if path.suffix.lower() not in YAML_SUFFIXES:
            what = f"the ending {path.suffix or '(none)'} is not that of a configuration"
            raise ConfigError(str(path), what, f"use {' or '.join(YAML_SUFFIXES)}")
        if path.stat().st_size > MAX_BYTES:
            what = f"is larger than {MAX_BYTES:,} bytes, too large for a configuration"
            raise ConfigError(str(path), what)
        content = path.read_bytes()
    except OSError as err:  # the name is too long, or access to a folder is denied
        raise ConfigError(str(path), f"cannot be read: {err.strerror}") from err
    try:
        document = read(content.decode("utf-8-sig"))
    except UnicodeDecodeError as err:
        line = content.count(b"\n", 0, err.start) + 1
        what = f"is not UTF-8 (byte 0x{content[err.start]:02x})"
        raise ConfigError(f"{path}, line {line}", what, "save it as UTF-8") from err
    except BrokenYamlError as err:
        where = f"{path}, line {err.line}, column {err.column}"
        raise ConfigError(where, f"is not valid YAML: {err.what}") from err
    if not isinstance(document.value, dict):
        holds = f"contains {shown(document.value)}, not keys and values"
        required = (name for name, info in model.model_fields.items() if info.is_required())
        what = "is empty" if document.value is None else holds
        raise ConfigError(str(path), what, f"it needs at least the keys {', '.join(required)}")
    faults = [
        Fault(f"{path}, line {line}, key {dotted(key)}", what, fix)
        for key, line, what, fix in document.slips
    ]
    return document.value, Origins(str(path), document.lines), faults


def _override(data: dict[str, Any], override: str, origins: Origins) -> list[Fault]:
    """Apply an override to the data; return its errors."""
    stated = Override(override).place
    name, equals, text = override.partition("=")
    name = name.strip()
    words = name.split(".")
    if not equals or not all(words):
        what = "is not KEY=VALUE"
        return [Fault(stated.format(override), what, "e.g. reach.cutoff_min=8")]
    place = stated.format(name)
    try:
        document = read(text)
    except BrokenYamlError as err:
        return [Fault(place, f"the value is not valid YAML: {err.what}")]
    faults = [Fault(place, f"{dotted(k)}: {what}", fix) for k, _, what, fix in document.slips]
    current: Any = data
    key: Key = ()
    for n, word in enumerate(words, 1):
        step: str | int = word
        if isinstance(current, list):
            if not word.isdecimal() or int(word) >= len(current):
                count = counted(len(current), "item")
                what = f"{dotted(key)} has {count}, counted from 0; {word!r} is not a position"
                return [*faults, Fault(place, what)]
            step = int(word)
        elif not isinstance(current, dict):
            what = f"{dotted(key)} is {shown(current)}, which has no key {word!r}"
            return [*faults, Fault(place, what)]
        key = (*key, step)
        if n == len(words):
            current[step] = document.value
        elif isinstance(current, dict) and current.get(step) is None:
            current[step] = {}
            origins.overrides[key] = name, place
        current = current[step]
    for origin in (origins.lines, origins.overrides):
        for other in [k for k in origin if k[: len(key)] == key]:
            del origin[other]
    origins.overrides[key] = name, place
    return faults


def _validate[T: BaseModel](
    model: type[T], data: Mapping[str, Any], folder: Path, check_files: bool
) -> tuple[T | None, list[Refusal]]:
    context = {"folder": folder, "check_files": check_files}
    try:
        return model.model_validate(data, context=context), []
    except ValidationError as err:
        return None, [fault for error in err.errors() for fault in translate(error, model)]
