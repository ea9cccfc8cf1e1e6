"""The figures of all tables as one list with a row per figure.

Every numeric column holds figures, except identifiers and the ends of ranges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

LISTED = (
    *("figure", "of", "value", "low", "high", "unit", "source", "confidence"),
    *("table", "used_for"),
)
ENERGY, WHERE = "energy demand", "location of demand"
DRIVES, STATIONS, MONEY = "driving times", "stations", "business case"
CONFIG = "config.yaml"
# If a configuration sets a figure, the figure's source starts with one of these.
_SET = ("set by the user", "set in the configuration", "configuration")
_UNITS = {
    "pkr": "PKR", "kw": "kW", "kva": "kVA", "kwh": "kWh", "kwh_km": "kWh/km", "pkr_kwh": "PKR/kWh",
    "years": "years", "min": "min", "kmh": "km/h", "factor": "factor", "share": "share",
}  # fmt: skip
_UNITLESS = {"people_2023": "people", "value": "1"}


@dataclass(frozen=True)
class Subject:
    """A table: which columns name its rows and hold its figures, and the use of the figures."""

    keys: tuple[str, ...]  # the columns that name a row
    used_for: str  # what the figures are used for
    # Name of the figures in a column ``value``, ``weight`` or ``share``; blank: the column's name.
    title: str = ""
    columns: tuple[str, ...] = ()  # the columns of figures; default: all numeric columns
    ratings: tuple[str, ...] = ()  # figures that define a row and have no range


# The tables of figures that a run reads.
SUBJECTS = {
    "sales": Subject(("vehicle_class",), ENERGY),
    "scenarios": Subject(("vehicle_class", "year"), ENERGY, columns=("share",)),
    "fleet": Subject(("vehicle_class", "year"), ENERGY, columns=("vehicles",)),
    "registrations": Subject(("city", "vehicle_class"), ENERGY, "registrations"),
    "country": Subject(("item",), ENERGY, "country"),
    "cities": Subject(("city",), ENERGY, columns=("people_2023", "share_of_fleet", "availability")),
    "vehicles": Subject(("vehicle_class",), ENERGY),
    "profiles": Subject(("vehicle_class",), STATIONS),
    "surface_weights": Subject(("vehicle_class",), WHERE),
    "poi_weights": Subject(("osm_key", "osm_value"), WHERE, "poi_weight"),
    "road_weights": Subject(("highway",), WHERE, "road_weight"),
    "speeds": Subject(("city_group", "highway"), DRIVES),
    "chargers": Subject(("charger_id",), STATIONS, ratings=("power_kw", "ports", "battery_kwh")),
    "compatibility": Subject(("charger_group", "vehicle_class"), STATIONS, "can charge"),
    "charging_limits": Subject(("charger_group", "vehicle_class"), STATIONS),
    "grid": Subject(("item",), STATIONS, "grid works", ratings=("kva",)),
    "fees": Subject(("item", "level"), STATIONS, "fee"),
    "works": Subject(("item",), STATIONS, "site costs"),
    "bays": Subject(("charger_group", "per"), STATIONS),
    "site_bays": Subject(("kind",), STATIONS, columns=("bays",)),
    "parking": Subject(("max_bays",), STATIONS),
    "time_utilisation": Subject(("charger_group",), STATIONS, columns=("use_share",)),
    "money": Subject(("item",), MONEY, "business case"),
    "time_values": Subject(("vehicle_class",), MONEY, "value of time"),
    "splits": Subject(("split", "envelope"), MONEY, columns=("amount",)),
}


def listed(name: str, rows: pd.DataFrame, table: str = "") -> pd.DataFrame:
    """Return a table's figures in long form: one row for each figure of each table row.

    `name` is the table, one of `SUBJECTS`. `rows` are its rows, or only the rows in use. `table` is
    the name of the file, by default the packaged file. The columns are `LISTED`; ``of`` names the
    table row. If a figure has no range, both ends equal the figure. Blank figures are left out.

    >>> from siting.reference import table
    >>> rows = listed("chargers", table("chargers")).set_index(["of", "figure"])
    >>> float(rows.loc[("dc_60", "capex_pkr"), "low"])
    2400000.0
    """
    subject = SUBJECTS[name]
    keys = [key for key in subject.keys if key in rows.columns]
    texts = rows[keys].astype(object).where(rows[keys].notna(), "").astype(str)
    of = texts[keys[0]]
    for key in keys[1:]:
        of = of + ("=" if key == "osm_value" else " ") + texts[key]
    of = of.str.strip()
    ends, main = _ranged(list(map(str, rows.columns)))
    numeric = rows.select_dtypes("number").columns.drop("prudent", errors="ignore")
    wanted = subject.columns or numeric
    columns = [str(c) for c in wanted if c in numeric and c not in (*keys, *ends.values())]
    if not columns:  # the presence of a row counts as the figure 1
        rows, columns = rows.assign(value=1.0), ["value"]
        ends, main = {("value", end): end for end in ("low", "high") if end in rows}, "value"
    parts = []
    for column in columns:
        value = rows[column].astype(float)
        called = subject.title if column in ("value", "weight", "share") else ""
        given = (rows[ends.get((column, end), column)] for end in ("low", "high"))
        low, high = (figure.astype(float).fillna(value) for figure in given)
        mark = rows.get(f"{column}_confidence", rows.get("confidence", ""))
        cells = {
            "figure": rows["figure"].astype(str) if "figure" in rows.columns else called or column,
            "of": of,
            "value": value,
            "low": low,
            "high": high,
            "unit": _unit(rows, column, main),
            "source": rows.get(f"{column}_source", rows.get("source", "")),
            "confidence": "definition" if column in subject.ratings else mark,
        }
        parts.append(pd.DataFrame(cells, index=rows.index)[value.notna()])
    return placed(pd.concat(parts, ignore_index=True), table or f"{name}.csv", subject.used_for)


def placed(figures: pd.DataFrame, table: str, used_for: str) -> pd.DataFrame:
    """Return a table of input values with two more columns, ``table`` and ``used_for``.

    `figures` has the first eight columns of `LISTED`. `table` is the name of the figures' file;
    for figures set by the user, it is replaced by ``config.yaml``. `used_for` is their use.
    """
    set_by_user = figures["source"].fillna("").astype(str).str.startswith(_SET)
    at = pd.Series(table, index=figures.index).mask(set_by_user, CONFIG)
    return figures.assign(table=at, used_for=used_for)[list(LISTED)]


def _ranged(columns: Sequence[str]) -> tuple[dict[tuple[str, str], str], str]:
    """Return the columns of each figure's two ends, and the column of the main figure."""
    end_columns = {}
    before = columns[columns.index("low") - 1] if "low" in columns else ""
    main = next((column for column in ("value", "weight") if column in columns), before)
    for column in columns:
        stem, _, unit = column.rpartition("_")
        for end in ("low", "high"):
            for name in (f"{column}_{end}", f"{stem}_{end}_{unit}" if stem else ""):
                if name in columns:
                    end_columns[column, end] = name
            if column == main and end in columns:
                end_columns[column, end] = end
    return end_columns, main


def _unit(rows: pd.DataFrame, column: str, main: str) -> pd.Series | str:
    words = column.split("_")
    tails = ("_".join(words[i:]) for i in range(len(words)))
    known = next((_UNITS[tail] for tail in tails if tail in _UNITS), "")
    if "unit" in rows.columns and (column == main or not known):
        return rows["unit"].astype(str)
    if column[:1] == "h" and column[1:].isdigit():
        return "share of the day"
    return known or _UNITLESS.get(column, column.replace("_", " "))
