"""List the studies of a batch: every configuration with every combination of swept values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from siting import __version__
from siting.config import Config, as_overrides, combinations, input_files, load, to_yaml
from siting.errors import SitingError, listed
from siting.files import sha256

# Increase this number when the same configuration and inputs give a different result.
FORMAT = 1
# Keys for sweeps, folders, downloads and speed, which do not affect the result of a study.
_NOT_CONTENT: Mapping[str, Any] = {
    "output": True,
    "sweep": True,
    "solver": {"threads"},
    "download": {"cache_dir", "timeout_s", "retries"},
}


@dataclass(frozen=True)
class BatchStudy:
    """One study of a batch."""

    # The run folder's name: the study's name and 16 digits of `study_sha256`; blank if unreadable.
    key: str
    config: str  # the configuration file, as the user named it
    name: str  # the study's short name, or the file's name if the configuration cannot be read
    sweep: Mapping[str, Any] = field(default_factory=dict)  # the swept values, by key path
    text: str = ""  # the configuration as YAML, with every key and absolute paths
    fault: str = ""  # why the configuration cannot be read; blank if it can

    @property
    def label(self) -> str:
        """The swept values as text; they distinguish the studies of one configuration."""
        return sweep_words(self.sweep)


def list_studies(
    configs: Iterable[Path | str],
    overrides: Sequence[str] = (),
    sweep: Mapping[str, Sequence[Any]] | None = None,
    today: date | None = None,
) -> list[BatchStudy]:
    """Return the studies of a batch: each configuration with each combination of swept values.

    A configuration that cannot be read becomes a study with an error. Studies with the same
    configuration and inputs are listed once.

    Parameters
    ----------
    configs
        YAML files.
    overrides
        ``key.path=value`` strings that override values in every file.
    sweep
        Values to try, by key path. They are added to the ``sweep`` section of each file, and
        replace its values for the same keys.
    today
        Today's date. A target year in the past is an error.
    """
    studies: dict[tuple[str, ...], BatchStudy] = {}
    hashes: dict[Path, str] = {}
    for path in map(Path, listed("configs", configs)):
        try:
            own = load(path, overrides, check_files=False).sweep
        except SitingError:
            own = {}  # its errors are reported when the study itself is read
        chosen = list(combinations({**own, **(sweep or {})}))
        of_file = [_study(path, overrides, values, today, hashes) for values in chosen]
        if len({study.fault for study in of_file}) == 1 and of_file[0].fault:
            # An error in the file is listed once, not for each combination.
            of_file = [replace(of_file[0], sweep={})]
        for study in of_file:
            mark = (study.key,) if study.key else (study.config, study.label)
            studies.setdefault(mark, study)
    return list(studies.values())


def _study(
    path: Path, overrides: Sequence[str], chosen: Mapping[str, Any], today: date | None,
    hashes: dict[Path, str],
) -> BatchStudy:  # fmt: skip
    try:
        config = load(path, [*overrides, "sweep={}", *as_overrides(chosen)], today)
        if chosen:  # otherwise, all reports of a sweep would have the same title
            config = config.model_copy(update={"title": f"{config.title}: {sweep_words(chosen)}"})
        key = f"{config.name}-{study_sha256(config, hashes)[:16]}"
    except SitingError as err:
        return BatchStudy("", str(path), path.stem, chosen, fault=str(err))
    return BatchStudy(key, str(path), config.name, chosen, to_yaml(config))


def study_sha256(config: Config, hashes: dict[Path, str] | None = None) -> str:
    """Return the SHA-256 of everything on which a study's plan depends (64 hexadecimal digits).

    The hash covers the configuration (except keys in `_NOT_CONTENT`), the name and bytes of every
    input file, and the package's version. Hashes of further files are added to `hashes`.
    """
    hashes = {} if hashes is None else hashes
    data = config.model_dump(mode="json", exclude=_NOT_CONTENT)
    for dotted, path in input_files(config).items():
        if path not in hashes:
            hashes[path] = sha256(path)
        *sections, last = dotted.split(".")
        place: Any = data
        for word in sections:
            place = place[int(word) if isinstance(place, list) else word]
        place[int(last) if isinstance(place, list) else last] = [path.name, hashes[path]]
    text = json.dumps([FORMAT, __version__, data], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sweep_words(sweep: Mapping[str, Any]) -> str:
    """Return swept values as text, each with the last part of its key path.

    >>> sweep_words({"program.budget_pkr": 4e7, "demand.case": "low", "reach.cutoff_min": 7.5})
    'budget_pkr 40,000,000, case low, cutoff_min 7.5'
    """
    return ", ".join(f"{key.rpartition('.')[2]} {value_words(v)}" for key, v in sweep.items())


def value_words(value: Any) -> str:
    """Return a value as text, with thousands separators."""
    match value:
        case bool():
            return str(value).lower()
        case int():
            return f"{value:,}" if abs(value) >= 10_000 else str(value)
        case float() if value.is_integer() and abs(value) < 1e15:
            return value_words(int(value))
        case float():
            return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.2f}"
    return str(value)


def short_words(value: Any) -> str:
    """Return a value in short form, for an axis or a narrow column.

    >>> short_words(4e7), short_words(2030.0), short_words("low")
    ('40 m', '2030', 'low')
    """
    if not isinstance(value, bool | str):
        for size, sign in ((1e9, " bn"), (1e6, " m")):
            if abs(value) >= size:
                return f"{value / size:,.4g}{sign}"
    return value_words(value)
