"""The zones of a program: which zone each cell, demand row and site lies in."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.config.program import Zones
from siting.errors import Fault, InputError
from siting.files import read_layer


def zone_of_cells(zones: Zones | None, cells: gpd.GeoDataFrame) -> pd.Series | None:
    """Return the zone of each cell, by ``cell_id``; none where no zones are asked for.

    A cell lies where its centre does; it is blank where that is in no zone.
    """
    if zones is None:
        return None
    index = pd.Index(cells["cell_id"].astype(str))
    if zones.kind == "people":
        if "zone_id" not in cells.columns:
            raise InputError(
                Fault("program.zones", "people are not counted by zone", "give kind grid or layer")
            )
        return pd.Series(cells["zone_id"].astype(str).to_numpy(), index=index)
    centres = cells.geometry.representative_point()
    if zones.kind == "grid":
        column = np.floor(centres.x / zones.size_m).astype(int)
        row = np.floor(centres.y / zones.size_m).astype(int)
        # Counted from the south-west corner of the city, so that names stay short.
        column, row = column - column.min() + 1, row - row.min() + 1
        names = "row " + row.astype(str) + " column " + column.astype(str)
        return pd.Series(names.to_numpy(), index=index)
    names = area_of_points(
        gpd.GeoSeries(centres, crs=cells.crs), zones.path, zones.name_column, "program.zones"
    )
    return pd.Series(names, index=index)


def area_of_points(points: gpd.GeoSeries, path: Path, name_column: str, key: str) -> np.ndarray:
    """Return the name of the first polygon of a layer that each point lies in; blank: in none."""
    layer = read_layer(path)
    if name_column not in layer.columns:
        have = ", ".join(str(c) for c in layer.columns if c != layer.active_geometry_name)
        raise InputError(
            Fault(f"{key}, {path}, column {name_column}", "missing", f"it has: {have}")
        )
    shapes = layer.to_crs(points.crs).geometry
    point, area = shapes.sindex.query(points, predicate="intersects")
    first = pd.Series(area).groupby(point).min()
    names = np.full(len(points), "", dtype=object)
    names[first.index.to_numpy()] = layer[name_column].astype(str).to_numpy()[first.to_numpy()]
    if not (names != "").any():
        raise InputError(Fault(f"{key}, {path}", "none of its areas has any of the points in it"))
    return names


def zone_of_demand(demand: pd.DataFrame, zone_of_cell: pd.Series) -> pd.Series:
    """Return the zone of each demand row, by ``demand_id``; blank where its cell is in none."""
    zone = demand["cell_id"].astype(str).map(zone_of_cell).fillna("")
    return pd.Series(zone.to_numpy(), index=demand["demand_id"].astype(str))


def people_of_zones(
    cells: gpd.GeoDataFrame, zone_of_cell: pd.Series | None, zones: pd.Series
) -> dict[str, float]:
    """Return the people of each zone that wants energy."""
    assert zone_of_cell is not None  # who asks has zones
    people = cells["people"].groupby(zone_of_cell.to_numpy()).sum()
    wanted = {str(zone) for zone in zones.unique() if str(zone)}
    return {str(zone): float(count) for zone, count in people.items() if str(zone) in wanted}


def with_zones(cells: gpd.GeoDataFrame, zones: pd.Series | None) -> gpd.GeoDataFrame:
    """Return the cells with the ``zone`` of the program each lies in, where it has zones."""
    if zones is None:
        return cells
    out = cells.assign(zone=cells["cell_id"].astype(str).map(zones).fillna("").astype(str))
    return out[[*(c for c in out.columns if c != "geometry"), "geometry"]]
