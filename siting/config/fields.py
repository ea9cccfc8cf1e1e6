"""The base class of all sections, field types, units of numbers, and checks of file names.

Values are not converted: ``"12"`` is not 12, and ``yes`` is not true. The only exception is an
integer given for a decimal number. Relative paths are resolved against ``folder`` in the
validation context ``{"folder": Path, "check_files": bool}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from siting.errors import did_you_mean

# LAYER_SUFFIXES and PAKISTAN_WSEN are copied here, because importing siting/files.py would load
# GeoPandas.
LAYER_SUFFIXES = (".geojson", ".json", ".gpkg", ".parquet", ".csv", ".fgb", ".shp")
POLYGON_SUFFIXES = tuple(suffix for suffix in LAYER_SUFFIXES if suffix != ".csv")
PAKISTAN_WSEN = (60.0, 23.0, 78.0, 38.0)
OSM_SUFFIXES = (".osm", ".osm.gz", ".osm.bz2", ".osm.pbf")
GRAPHML_SUFFIXES = (".graphml", ".graphml.gz")
RASTER_SUFFIXES = (".tif", ".tiff")
YAML_SUFFIXES = (".yaml", ".yml")

RUN_NAME = r"^[a-z0-9][a-z0-9-]*$"
TABLE_NAME = r"^[a-z0-9][a-z0-9_]*$"
WEB_ADDRESS = r"^https?://\S+$"
NOT_BLANK = r"\S"
KEY_PATH = r"^[a-z_]+(\.[^.\s][^.]*)*$"

PATTERN_WORDS = {
    RUN_NAME: "lower-case letters, digits and hyphens, beginning with a letter or digit",
    TABLE_NAME: "lower-case letters, digits and underscores, beginning with a letter or digit",
    WEB_ADDRESS: "an address that starts with http:// or https://",
    NOT_BLANK: "text that is not blank",
    KEY_PATH: "a key path such as program.budget_pkr",
}

# Units of numbers in the schema and the reference, by the ending of the key (longest match).
UNITS = {
    "m": "m", "km": "km", "m2": "m2", "min": "min", "s": "s", "kmh": "km/h", "kw": "kW",
    "kw_per_ev": "kW", "km_day": "km/day", "kwh_km": "kWh/km", "kwh_day_a_head": "kWh/day a head",
    "deg": "degrees", "lon": "degrees", "lat": "degrees", "people": "people", "total": "people",
    "pkr": "PKR", "pkr_h": "PKR/h", "pkr_kw": "PKR/kW", "pkr_kwh": "PKR/kWh",
    "month_pkr": "PKR/month", "pkr_kw_month": "PKR/month",
    "per_million": "kWh/day, people, or sessions/day, for each PKR m",
    "gap": "share", "alpha": "share, between 0 and 1",
}  # fmt: skip

# Rupees per unit, by the unit's name or abbreviation.
RUPEES = {
    "": 1.0, "k": 1e3, "thousand": 1e3, "lakh": 1e5, "lac": 1e5, "m": 1e6, "mn": 1e6,
    "million": 1e6, "cr": 1e7, "crore": 1e7, "b": 1e9, "bn": 1e9, "billion": 1e9, "arab": 1e9,
}  # fmt: skip


def rupees(text: str) -> float:
    """Convert an amount, with or without a unit, to rupees.

    >>> rupees("5m"), rupees("2cr"), rupees("3 lakh"), rupees("1.2e7"), rupees("12,500,000")
    (5000000.0, 20000000.0, 300000.0, 12000000.0, 12500000.0)
    """
    found = re.fullmatch(r"([\d,_]*\.?\d+(?:e\+?\d+)?)\s*([a-z]*)", text.strip().lower())
    if found is None or found[2] not in RUPEES:
        raise ValueError(f"{text!r} is not a rupee amount; write 5000000, 5e6, 5m, 50 lakh or 2cr")
    return float(found[1].replace(",", "").replace("_", "")) * RUPEES[found[2]]


def rupees_of_word(value: Any) -> Any:
    """Convert strings with a rupee unit, alone or in a mapping, to rupees; keep other values.

    >>> rupees_of_word("2 crore"), rupees_of_word("low"), rupees_of_word("12")
    (20000000.0, 'low', '12')
    """
    if isinstance(value, Mapping):
        return {part: rupees_of_word(amount) for part, amount in value.items()}
    with suppress(ValueError):
        if isinstance(value, str) and value.strip()[-1:].isalpha():
            return rupees(value)
    return value


Refusal = tuple[tuple[str | int, ...], str, str]


def refuse(refusals: Iterable[Refusal]) -> None:
    """Raise one error that lists the refusals (key, error and fix), if there are any."""
    if listed := list(refusals):
        text = "; ".join(what for _, what, _ in listed)
        raise PydanticCustomError("refused", "{text}", {"text": text, "refusals": listed})


class Section(BaseModel):
    """Base class of every section: it is immutable and refuses unknown keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        # Default folders are resolved in the same way as folders named in the file.
        validate_default=True,
        revalidate_instances="always",
        field_title_generator=lambda name, _: name,
        # The docstring below a field describes its key.
        use_attribute_docstrings=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _money_in_words(cls, given: Any) -> Any:
        """Under keys that end in _pkr, convert amounts such as ``2 crore`` to rupees."""
        if not isinstance(given, Mapping):
            return given
        return {k: rupees_of_word(v) if str(k).endswith("_pkr") else v for k, v in given.items()}

    def _refusals(self) -> Iterable[Refusal]:
        """Return errors for keys that exclude each other; subclasses override this."""
        return ()

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        refuse(self._refusals())
        return self


def missing_file(path: Path) -> str:
    """Return the message for a missing file, suggesting a similar name in its folder."""
    if path.is_dir():
        return f"{path} is a folder, not a file"
    if not path.parent.is_dir():
        return f"no such file: {path} (no such folder: {path.parent})"
    try:
        hint = did_you_mean(path.name, (p.name for p in path.parent.iterdir() if p.is_file()), "")
    except OSError:  # listing the folder is not permitted
        hint = ""
    return f"no such file: {path}" + (f"; {hint}" if hint else "")


def _path(*suffixes: str) -> BeforeValidator:
    """Return a validator of file paths with one of the endings or, without endings, of folders."""

    def resolved(value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str | Path):
            return value
        if not str(value).strip():
            refuse([((), "the path is blank", "")])
        if "\0" in str(value):
            refuse([((), "the path contains a zero byte", "")])
        context = info.context or {}
        folder, must_exist = context.get("folder"), bool(context.get("check_files"))
        path = Path(value) if folder is None else (folder / value).resolve()
        if must_exist:
            # Path.is_file() raises if a name is too long or access to a folder is denied.
            try:
                with suppress(FileNotFoundError, NotADirectoryError):  # reported below
                    path.stat()
            except OSError as err:
                refuse([((), f"the path cannot be used: {err.strerror}", "name another path")])
        if suffixes and not path.name.lower().endswith(suffixes):
            what = f"the ending of {path.name} is not accepted"
            refuse([((), what, "use one of " + ", ".join(suffixes))])
        if suffixes and must_exist and not path.is_file():
            refuse([((), missing_file(path), "")])
        if not suffixes and must_exist:
            standing = next(p for p in (path, *path.parents) if p.exists())
            if not standing.is_dir():
                refuse([((), f"{standing} is a file, not a folder", "name another folder")])
        return path

    return BeforeValidator(resolved)


def _single(value: Any) -> Any:
    if not isinstance(value, bool | int | float | str):
        lists, sections = isinstance(value, list | tuple), isinstance(value, Mapping)
        words = "a list" if lists else "a section" if sections else "a blank"
        refuse([((), f"{words} is not a number, text, true or false", "list single values")])
    return value


def _changes_the_plan(key: str) -> str:
    first = key.partition(".")[0]
    if first in ("name", "title", "note", "output", "sweep", "report", "award"):
        refuse([((), f"{first} cannot be swept", "sweep a key that changes the plan")])
    return key


def no_repeat(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the values; raise an error that lists those that are repeated."""
    again = ((i, value) for i, value in enumerate(values) if value in values[:i])
    refuse(((i,), f"{value} is repeated", "list it once") for i, value in again)
    return values


LayerFile = Annotated[Path, _path(*LAYER_SUFFIXES)]
PolygonFile = Annotated[Path, _path(*POLYGON_SUFFIXES)]
OsmFile = Annotated[Path, _path(*OSM_SUFFIXES)]
RoadFile = Annotated[Path, _path(*OSM_SUFFIXES, *GRAPHML_SUFFIXES, ".parquet")]
RasterFile = Annotated[Path, _path(*RASTER_SUFFIXES)]
WealthFile = Annotated[Path, _path(*LAYER_SUFFIXES, *RASTER_SUFFIXES)]
SpreadFile = Annotated[Path, _path(*LAYER_SUFFIXES, *OSM_SUFFIXES)]
CsvFile = Annotated[Path, _path(".csv")]
YamlFile = Annotated[Path, _path(*YAML_SUFFIXES)]
Folder = Annotated[Path, _path()]

Share = Annotated[float, Field(ge=0, le=1, json_schema_extra={"unit": "share, 0 to 1"})]
PositiveShare = Annotated[
    float, Field(gt=0, le=1, json_schema_extra={"unit": "share, above 0 to 1"})
]

Text = Annotated[str, Field(pattern=NOT_BLANK)]
RunName = Annotated[str, Field(pattern=RUN_NAME, max_length=80)]
TableName = Annotated[str, Field(pattern=TABLE_NAME)]
Address = Annotated[str, Field(pattern=WEB_ADDRESS)]
SweepKey = Annotated[str, Field(pattern=KEY_PATH), AfterValidator(_changes_the_plan)]
SweepValue = Annotated[
    Any, BeforeValidator(_single), WithJsonSchema({"type": ["number", "string", "boolean"]})
]
SweepValues = Annotated[
    tuple[SweepValue, ...], Field(strict=False, min_length=1), AfterValidator(no_repeat)
]
# Lists in the YAML become tuples, which cannot be changed.
Tags = Mapping[Text, Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]]
