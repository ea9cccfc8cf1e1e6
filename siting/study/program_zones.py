"""The zones of a program: the zone of each cell, demand row and site."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.config.program import Zones
from siting.errors import InputError, refuse
from siting.files import missing_columns, read_layer


def zone_of_cells(zones: Zones, cells: gpd.GeoDataFrame) -> pd.Series:
    """Return the zone of each cell, by ``cell_id``; blank if the cell is in no zone."""
    key, centres = "program.zones", cells.geometry.representative_point()
    names: np.ndarray
    if zones.kind == "people":
        if "zone_id" not in cells.columns:
            what, fix = "people are not counted by zone", "give `kind: grid` or `kind: layer`"
            raise InputError(key, what, fix)
        names = cells["zone_id"].astype(str).to_numpy()
    elif zones.kind == "grid":
        column = np.floor(centres.x / zones.size_m).astype(int)
        row = np.floor(centres.y / zones.size_m).astype(int)
        # Counting from the south-west corner of the cells keeps names short.
        column, row = column - column.min() + 1, row - row.min() + 1
        names = ("row " + row.astype(str) + " column " + column.astype(str)).to_numpy()
    else:
        names = area_of_points(centres, zones.path, zones.name_column, key)
    return pd.Series(names, index=pd.Index(cells["cell_id"].astype(str)))


def area_of_points(points: gpd.GeoSeries, path: Path, name_column: str, key: str) -> np.ndarray:
    """Return, for each point, the name of the first polygon that contains it; blank if none."""
    layer = read_layer(path)
    refuse(missing_columns(layer, [name_column], f"{key}, {path}"))
    point, area = layer.to_crs(points.crs).geometry.sindex.query(points, predicate="intersects")
    first = pd.Series(area).groupby(point).min()
    names = np.full(len(points), "", dtype=object)
    names[first.index.to_numpy()] = layer[name_column].astype(str).to_numpy()[first.to_numpy()]
    if not (names != "").any():
        raise InputError(f"{key}, {path}", "no area of this layer contains any of the points")
    return names


def zone_of_demand(demand: pd.DataFrame, zone_of_cell: pd.Series) -> pd.Series:
    """Return the zone of each demand row, by ``demand_id``; blank if its cell is in no zone."""
    zone = demand["cell_id"].astype(str).map(zone_of_cell).fillna("")
    return pd.Series(zone.to_numpy(), index=demand["demand_id"].astype(str))


def zone_table(
    zones: pd.Series, demand: pd.DataFrame, service: pd.DataFrame, floors: Mapping[str, float]
) -> pd.DataFrame:
    """Return the demand of each zone and the energy served there, one row per zone.

    `zones` has the zone of each demand row, by ``demand_id`` (blank if none). `floors` has the
    minimum share to be served, by zone. Columns: ``zone``, ``demand_kwh_day``, ``served_kwh_day``,
    ``served_share`` (1 without demand) and ``floor_share``.
    """
    of_row = demand["demand_id"].astype(str).map(zones)
    served = service.groupby("demand_id")["served_kwh_day"].sum()
    got = demand["demand_id"].map(served).fillna(0.0).astype(float)
    kwh = demand["demand_kwh_day"].astype(float)
    table = pd.DataFrame({"zone": of_row, "demand_kwh_day": kwh, "served_kwh_day": got})
    table = table[(of_row.fillna("") != "").to_numpy()].groupby("zone").sum().reset_index()
    wanted = table["demand_kwh_day"].where(table["demand_kwh_day"] > 0)
    return table.assign(
        served_share=(table["served_kwh_day"] / wanted).fillna(1.0),
        floor_share=table["zone"].map(dict(floors)).fillna(0.0).astype(float),
    )


def gini(share: np.ndarray, weight: np.ndarray) -> float:
    """Return the Gini coefficient of zones' served shares, from 0 (all equal) to 1.

    The coefficient is ``d / (2 m)`` (0 if ``m`` is 0), where ``m`` is the mean share and ``d`` is
    the mean difference between the shares of two people (or kWh of demand) chosen at random.
    `weight` is the population or the demand of each zone.

    >>> gini(np.array([0.0, 1.0]), np.array([1.0, 1.0]))
    0.5
    """
    part = weight / weight.sum()
    if (mean := float(part @ share)) <= 0:
        return 0.0
    differences = np.abs(share[:, None] - share[None, :])
    return float(part @ differences @ part) / (2 * mean)


def with_zones(cells: gpd.GeoDataFrame, zones: pd.Series | None) -> gpd.GeoDataFrame:
    """Return the cells, with the column ``zone`` if the program has zones."""
    if zones is None:
        return cells
    out = cells.assign(zone=cells["cell_id"].astype(str).map(zones).fillna("").astype(str))
    return out[[*(c for c in out.columns if c != "geometry"), "geometry"]]
