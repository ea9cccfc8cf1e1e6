"""The meaning and unit of every field of every layer and table."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import chain, count
from pathlib import Path

import pandas as pd

from siting import tables

# File with the meaning and unit of each field; the unit may be blank.
_FIELDS = Path(__file__).with_name("fields.csv")
_SPECIFIED = {
    "demand": (tables.CELLS, tables.DEMAND), "service": (tables.SERVICE,),
    "candidates": (tables.CANDIDATES,), "dropped": (tables.CANDIDATES,),
    "offers": (tables.OFFERS,),
}  # fmt: skip
# Endings of field names, and the units that labels show for them; the first match applies.
_UNITS = (
    ("_pkr_kwh", "PKR/kWh"), ("_pkr_year", "PKR/year"), ("_kwh_day", "kWh/day"), ("_kwh", "kWh"),
    ("_kmh", "km/h"), ("_pkr", "PKR"), ("_kw", "kW"), ("_km", "km"), ("_min", "min"),
    ("_years", "years"), ("_m", "m"),
)  # fmt: skip
_WORDS = {
    "npv": "NPV", "neeca": "NEECA", "om": "upkeep", "pv": "present value", "osm": "OSM",
    "lev": "light vehicle charger", "ac": "AC", "dc": "DC", "h3": "H3",
}  # fmt: skip
MOST_LETTERS = 10  # maximum length of a field name in a Shapefile
UNEXPLAINED = "column of an input, passed on unchanged"


def data_dictionary_of(layers: Mapping[str, Iterable[str]]) -> pd.DataFrame:
    """Return the meaning and unit of each field of each layer or table.

    `layers` maps each layer or table to its field names (`fields_of`). The result has one row per
    field, with ``layer``, ``field``, ``alias`` (a readable name), ``unit`` (may be blank) and
    ``meaning`` (`UNEXPLAINED` if the field is unknown).

    >>> data_dictionary_of({"sites": ["power_kw"]})[["alias", "unit"]].to_dict("records")
    [{'alias': 'Power, kW', 'unit': 'kW'}]
    """
    rows = [
        (layer, name, alias(name), *explain(layer, name))
        for layer, fields in layers.items()
        for name in fields
    ]
    return pd.DataFrame(rows, columns=["layer", "field", "alias", "unit", "meaning"], dtype="str")


def fields_of(
    layers: Mapping[str, pd.DataFrame], beside: Mapping[str, Iterable[str]] | None = None
) -> dict[str, list[str]]:
    """Return the field names of each layer or table, without the geometry.

    `beside` maps the name of a layer to further fields, or the name of another table to all its
    fields.
    """
    fields = {
        name: [str(c) for c in layer.columns[layer.dtypes != "geometry"]]
        for name, layer in layers.items()
    }
    for name, more in (beside or {}).items():
        fields[name] = list(dict.fromkeys([*fields.get(name, []), *more]))
    return fields


def explain(layer: str, field: str) -> tuple[str, str]:
    """Return the unit and the meaning of one field.

    >>> explain("roads", "travel_min")
    ('min', 'driving time along the road')
    >>> explain("demand", "sector")
    ('', 'column of an input, passed on unchanged')
    """
    for pattern, unit, meaning in (*_known().get(layer, []), *_known()["*"]):
        if pattern.fullmatch(field):
            return unit, meaning
    return "", UNEXPLAINED


def is_own(field: str, layers: Iterable[str] = ("candidates", "sites", "viability")) -> bool:
    """Return whether a field is unknown in all `layers`, which means that the user added the field.

    >>> [is_own(name) for name in ("plot_no", "user_cost_pkr", "cost_pkr")]
    [True, True, False]
    """
    return all(explain(layer, field)[1] == UNEXPLAINED for layer in layers)


def with_units[Frame: pd.DataFrame](table: Frame, layer: str = "*") -> Frame:
    """Return a table with the units of its columns in ``attrs["units"]``.

    The unit of a column comes from the data dictionary of `layer` or, if the dictionary has no
    unit, from the end of the column's name.

    >>> with_units(pd.DataFrame({"cost_pkr": [1.0], "served_share": [0.5]})).attrs
    {'units': {'cost_pkr': 'PKR', 'served_share': '0 to 1'}}
    """
    # In a name, ``_before`` or ``_after`` may follow the unit.
    units = {
        name: explain(layer, name)[0] or _parted(re.sub("_(before|after)$", "", name))[1]
        for name in map(str, table)
    }
    table = table.copy(deep=False)
    table.attrs = {**table.attrs, "units": {name: unit for name, unit in units.items() if unit}}
    return table


def _parted(field: str) -> tuple[str, str]:
    """Return a name without the unit at its end, and the unit as written in labels."""
    ending, unit = next((one for one in _UNITS if field.endswith(one[0])), ("", ""))
    return field.removesuffix(ending), unit


def alias(field: str) -> str:
    """Return a readable name for a field, with its unit if it has one.

    >>> [alias(f) for f in ("capacity_lev_kwh_day", "npv_pkr", "use_share", "in_network")]
    ['Capacity light vehicle charger, kWh/day', 'NPV, PKR', 'Use share', 'In network']
    """
    stem, unit = _parted(field)
    text = " ".join(_WORDS.get(word, word) for word in stem.split("_") if word) or field
    return text[:1].upper() + text[1:] + (f", {unit}" if unit else "")


def short_names(fields: Iterable[str]) -> dict[str, str]:
    """Return a unique name of at most ten characters for each field, as Shapefiles require.

    A longer name first loses the unit at its end, then letters of its longest words.

    >>> short_names(["site_id", "served_two_wheeler_kwh_day", "capacity_lev_kwh_day"]).values()
    dict_values(['site_id', 'se_two_whe', 'capaci_lev'])
    """
    short: dict[str, str] = {}
    for name in fields:
        base = name if len(name) <= MOST_LETTERS else _cut(_parted(name)[0] or name)
        numbered = (f"{base[: MOST_LETTERS - len(str(n))]}{n}" for n in count(2))
        taken = {one.lower() for one in short.values()}
        short[name] = next(one for one in chain([base], numbered) if one.lower() not in taken)
    return short


def _cut(text: str) -> str:
    """Return a name shortened to `MOST_LETTERS` by cutting letters off its longest words."""
    words = [word for word in text.split("_") if word]
    while len("_".join(words)) > MOST_LETTERS and max(map(len, words)) > 1:
        at = max(range(len(words)), key=lambda n: len(words[n]))
        words[at] = words[at][:-1]
    return "_".join(words)[:MOST_LETTERS]


@cache
def _known() -> dict[str, list[tuple[re.Pattern[str], str, str]]]:
    """Return a tuple (name pattern, unit, meaning) for each field, by layer; exact names first."""
    with _FIELDS.open(encoding="utf-8", newline="") as file:
        listed = sorted(csv.DictReader(file), key=lambda row: "<" in row["field"])
    rows = [(row["layer"], row["field"], row["unit"], row["meaning"]) for row in listed]
    rows += [
        (layer, column.name, column.unit, column.meaning)
        for layer, specified in _SPECIFIED.items()
        for table in specified
        for column in table.columns
    ]
    by_layer: dict[str, list[tuple[re.Pattern[str], str, str]]] = {}
    for layer, field, unit, meaning in rows:
        pattern = re.compile(re.sub(r"<\w+>", "[a-z0-9_]+", field))
        by_layer.setdefault(layer, []).append((pattern, unit, meaning))
    return by_layer
