"""Speed of a street: the posted limit if plausible, else the table's speed for the kind of road."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from siting.errors import Fault, InputError, refuse
from siting.files import ABOVE_0, missing_columns, not_numbers, rows_fault

# Range of plausible posted limits; others are typing errors ("2") or in another unit.
SANE_KMH = (5.0, 130.0)
KMH_PER_MPH = 1.609344
LINK_SHARE = 0.8  # speed of a ramp relative to the road it leaves; ASSUMPTION
FALLBACK = "unclassified"  # its speed applies to kinds of road without a row in the table

_LIMIT = re.compile(r"(\d+(?:\.\d+)?)\s*(km/?h|kph|kmph|mph)?", re.IGNORECASE)


@lru_cache(maxsize=4096)
def _parse(text: str) -> float:
    limits = []
    for match in filter(None, map(_LIMIT.fullmatch, map(str.strip, text.split(";")))):
        mph = (match[2] or "").lower() == "mph"
        kmh = float(match[1]) * (KMH_PER_MPH if mph else 1.0)
        if SANE_KMH[0] <= kmh <= SANE_KMH[1]:
            limits.append(kmh)
    return min(limits, default=np.nan)


def parse_maxspeed(value: Any) -> float:
    """Return a posted limit in km/h, or NaN if the tag has no plausible limit.

    `value` is an OSM ``maxspeed`` (``"50 km/h"``, ``"30 mph"``, ``"50;60"``, a number), or a list
    if streets were merged. The lowest of several plausible limits is taken. Words (``"PK:urban"``)
    and values outside 5 to 130 km/h are ignored.

    >>> parse_maxspeed("50"), parse_maxspeed(["60", "40 km/h", "2"])
    (50.0, 40.0)
    >>> parse_maxspeed("PK:urban")
    nan
    """
    merged = isinstance(value, list | tuple | set)
    return _parse(";".join(map(str, value)) if merged else str(value))


def class_speeds(speeds: pd.DataFrame, city_group: str) -> pd.DataFrame:
    """Return the free speed (km/h) and peak factor of each kind of road in a group of cities.

    `speeds` has the columns ``city_group``, ``highway``, ``free_kmh`` and ``peak_factor`` (ratio of
    peak to free driving time), as in ``siting.reference.table("speeds")``.

    The result has the index ``highway`` and the columns ``free_kmh`` and ``peak_factor``. A missing
    row for ``<kind>_link`` is added, with `LINK_SHARE` of the speed of ``<kind>``. Raises
    `InputError` if the group is unknown, a row is repeated, ``unclassified`` is missing, a speed is
    not above 0 or a factor is below 1.

    >>> from siting.reference import table
    >>> class_speeds(table("speeds"), "other").loc["primary_link"].to_dict()
    {'free_kmh': 36.0, 'peak_factor': 1.4}
    """
    refuse(missing_columns(speeds, ("city_group", "highway", "free_kmh", "peak_factor"), "speeds"))
    rows = speeds[speeds["city_group"] == city_group]
    if rows.empty:
        have = "it has: " + ", ".join(sorted(map(str, speeds["city_group"].dropna().unique())))
        raise InputError("speeds, column city_group", f"no rows for {city_group!r}", have)
    where = f"speeds of {city_group}, column"
    kinds = rows["highway"].astype(str)
    slow, quick = not_numbers(rows["free_kmh"], ABOVE_0), not_numbers(rows["peak_factor"], 1.0)
    twice = kinds.duplicated()
    faults = rows_fault(f"{where} highway", twice, kinds, "appears twice", "keep one row")
    if FALLBACK not in set(kinds):
        fix = "add it: its speed applies to every kind of road without a row"
        faults.append(Fault(f"{where} highway", f"no row {FALLBACK}", fix))
    faults += rows_fault(f"{where} free_kmh", slow, kinds, "must be above 0 km/h")
    faults += rows_fault(f"{where} peak_factor", quick, kinds, "must be at least 1")
    refuse(faults)
    table = rows.set_index("highway")[["free_kmh", "peak_factor"]].astype(float)
    links = table[~table.index.str.endswith("_link")].copy()
    links.index = links.index + "_link"
    links["free_kmh"] *= LINK_SHARE
    return pd.concat([table, links[~links.index.isin(table.index)]]).rename_axis("highway")


def edge_speeds(
    highway: Iterable[Any], maxspeed: Iterable[Any], classes: pd.DataFrame
) -> pd.DataFrame:
    """Return each street's free speed (km/h) and the peak factor of its driving time.

    A plausible posted limit is taken as the free speed, although it may be too high on narrow
    streets. The peak factor depends only on the kind of road. If merged streets have several kinds
    (a list), the slowest at the peak hour is used. `classes` is the result of `class_speeds`.
    Columns: ``highway`` (one kind), ``speed_kmh``, ``speed_source`` (``maxspeed`` or ``class``),
    ``peak_factor``, ``in_table`` (whether the kind has a row in `classes`).
    """
    pace: dict[Any, float] = (classes["peak_factor"] / classes["free_kmh"]).to_dict()

    def slowest(kinds: Any) -> str:
        if isinstance(kinds, list | tuple | set):
            return min(map(str, kinds), key=lambda kind: (-pace.get(kind, pace[FALLBACK]), kind))
        return str(kinds) if isinstance(kinds, str) else FALLBACK

    kinds = pd.Series([slowest(kind) for kind in highway], dtype="str")
    in_table = kinds.isin(classes.index)
    known = kinds.where(in_table, FALLBACK)
    posted = np.array([parse_maxspeed(value) for value in maxspeed], dtype=float)
    free = known.map(classes["free_kmh"]).to_numpy(dtype=float)
    columns = {
        "highway": kinds,
        "speed_kmh": np.where(np.isnan(posted), free, posted),
        "speed_source": pd.Series(np.where(np.isnan(posted), "class", "maxspeed"), dtype="str"),
        "peak_factor": known.map(classes["peak_factor"]).to_numpy(dtype=float),
        "in_table": in_table,
    }
    return pd.DataFrame(columns)
