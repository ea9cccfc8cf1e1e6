"""A plan as map layers: cells with demand and energy served, lines to stations, roads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely import MultiPolygon, Polygon

from siting.errors import naming, refuse
from siting.roads.network import utm_epsg
from siting.roads.strokes import strokes
from siting.tables import DEMAND, SERVICE

# Above this number, roads are joined into lines; without joining, Karachi's roads take 110 MB.
MOST_ROADS = 100_000
# Maximum distance between a joined line and its roads (m).
DRAWN_WITHIN_M = 2.0
# Roads are joined only if they agree in these attributes.
_ALIKE = ("name", "highway", "speed_kmh", "speed_source")


def demand_layer(cells: gpd.GeoDataFrame, demand: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return the cells as a layer, each with its demand and the energy served (kWh/day).

    `cells` and `demand` are `siting.tables.CELLS` and `siting.tables.DEMAND`, the latter with
    ``served_kwh_day``. The result keeps the order and the coordinate reference system of `cells`.
    Its columns are those of `cells` except ``node_id``, further demand columns (`one_each`),
    ``demand_kwh_day``, ``served_kwh_day``, ``unserved_kwh_day``, ``served_share`` (missing without
    demand), ``in_network`` (false if the cell is too far from a road) and, for each vehicle class,
    ``demand_<class>_kwh_day`` and ``served_<class>_kwh_day``. Raises `InputError` if a demand row
    names an unknown cell.

    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_id": ["c1"], "people": [90.0], "node_id": [7], "snap_m": [12.0]},
    ...     geometry=gpd.points_from_xy([320_000.0], [3_730_000.0], crs=32643))
    >>> demand = pd.DataFrame({"demand_id": ["d1"], "cell_id": ["c1"], "vehicle_class": ["car"],
    ...     "demand_kwh_day": [40.0], "served_kwh_day": [30.0]})
    >>> layer = demand_layer(cells, demand)
    >>> layer[["unserved_kwh_day", "served_share", "demand_car_kwh_day"]].to_dict("list")
    {'unserved_kwh_day': [10.0], 'served_share': [0.75], 'demand_car_kwh_day': [40.0]}
    """
    _require_known(demand, "demand", "cell_id", cells)
    wanted, served = (by_class(cells, demand, f"{what}_kwh_day") for what in ("demand", "served"))
    total, got = wanted.sum(axis=1).to_numpy(), served.sum(axis=1).to_numpy()
    columns: dict[str, object] = {
        "cell_id": cells["cell_id"].to_numpy(),
        "people": cells["people"].to_numpy(),
        "demand_kwh_day": total,
        "served_kwh_day": got,
        # Rounding errors must not make unserved energy negative.
        "unserved_kwh_day": np.maximum(total - got, 0.0),
        "served_share": np.divide(got, total, out=np.full(len(total), np.nan), where=total > 0),
    }
    for vehicle_class in wanted.columns:
        columns[f"demand_{vehicle_class}_kwh_day"] = wanted[vehicle_class].to_numpy()
        columns[f"served_{vehicle_class}_kwh_day"] = served[vehicle_class].to_numpy()
    columns["snap_m"] = cells["snap_m"].to_numpy()
    columns["in_network"] = cells["node_id"].notna().to_numpy()
    skipped = {*columns, "node_id", cells.geometry.name}
    columns |= {str(name): cells[name].array for name in cells.columns if name not in skipped}
    known = {column.name for column in DEMAND.columns} | {*columns, "served_kwh_day"}
    own = [c for c in demand.columns if c not in known]
    agreed = one_each(demand[own], demand["cell_id"], cells["cell_id"])
    columns |= {str(name): column.array for name, column in agreed.items()}
    return gpd.GeoDataFrame(columns, geometry=cells.geometry.array, crs=cells.crs)


def one_each(rows: pd.DataFrame, cell_id: Iterable[Any], cells: pd.Series) -> pd.DataFrame:
    """Return a row for each cell, in the order of `cells`, merged from all rows of that cell.

    A value is blank if the cell's rows have different values. A column without any value is left
    out.

    >>> rows = pd.DataFrame({"ward": ["a", "a", "b"], "row": [1, 2, 3]})
    >>> one_each(rows, ["c1", "c1", "c2"], pd.Series(["c1", "c2"])).to_dict("list")
    {'ward': ['a', 'b'], 'row': [nan, 3.0]}
    """
    by_cell = rows.groupby(np.array(list(cell_id), dtype=object))
    agreed = by_cell.first().mask(by_cell.nunique(dropna=False).gt(1))
    return agreed.dropna(axis="columns", how="all").reindex(cells.to_numpy()).reset_index(drop=True)


def wanted_layer(
    cells: gpd.GeoDataFrame, demand: pd.DataFrame, surfaces: pd.DataFrame | None = None
) -> gpd.GeoDataFrame:
    """Return the cells, each with its demand by vehicle class (kWh/day); no plan is needed.

    `cells`, `demand` and the result are as for `demand_layer`, but without energy served.
    `surfaces` adds each cell's ``home_share``, ``destination_share`` and ``en_route_share``.
    """
    layer = demand_layer(cells, demand.assign(served_kwh_day=0.0))
    layer = layer.loc[:, ~layer.columns.str.startswith(("served_", "unserved_"))]
    if surfaces is not None:
        shares = surfaces.set_index("cell_id").loc[layer["cell_id"]]
        for name in ("home", "destination", "en_route"):
            layer.insert(3, f"{name}_share", shares[name].to_numpy(dtype=float))
    return layer


def outside_layer(
    cells: gpd.GeoDataFrame, demand: pd.DataFrame, people_outside: gpd.GeoDataFrame
) -> gpd.GeoDataFrame:
    """Return the cells too far from a road, followed by people outside the study area, in lon/lat.

    `cells` and `demand` are `siting.tables.CELLS` and `siting.tables.DEMAND`. `people_outside` has
    the rows of the people layer that lie outside the study area. The columns are ``people``,
    ``demand_kwh_day`` (missing for people outside), ``reason`` and ``geometry``.
    """
    far = cells[cells["node_id"].isna()]
    wanted = demand.groupby("cell_id")["demand_kwh_day"].sum().reindex(far["cell_id"])
    unreached = "the cell is too far from a road, so its demand cannot be served"
    parts = []
    for layer, kwh_day, reason in (
        (far, wanted.fillna(0.0).to_numpy(dtype=float), unreached),
        (people_outside, np.nan, "outside the study area, so these people are not counted"),
    ):
        people = layer["people"].to_numpy(dtype=float)
        table = {"people": people, "demand_kwh_day": kwh_day, "reason": reason}
        part = gpd.GeoDataFrame(table, geometry=layer.geometry.to_numpy(), crs=layer.crs)
        parts.append(part.to_crs(4326))
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=4326)


def service_layer(
    service: pd.DataFrame, cells: gpd.GeoDataFrame, sites: gpd.GeoDataFrame
) -> gpd.GeoDataFrame:
    """Return the rows of `service`, each as a straight line from a cell to the site that serves it.

    The lines do not show routes. The result has the coordinate reference system of `cells`. Energy
    is in kWh/day and driving time in minutes.

    `service` and `cells` are `siting.tables.SERVICE` and `siting.tables.CELLS`. `sites` are points
    with ``site_id``. Raises `InputError` if a row names an unknown cell or site.
    """
    _require_known(service, "service", "cell_id", cells)
    _require_known(service, "service", "site_id", sites)
    centres = shapely.get_coordinates(shapely.centroid(np.asarray(cells.geometry.array)))
    points = shapely.get_coordinates(np.asarray(sites.geometry.to_crs(cells.crs).array))
    start = centres[pd.Index(cells["cell_id"]).get_indexer(service["cell_id"])]
    end = points[pd.Index(sites["site_id"]).get_indexer(service["site_id"])]
    lines = shapely.linestrings(np.stack([start, end], axis=1))
    table = service[[column.name for column in SERVICE.columns]].reset_index(drop=True)
    return gpd.GeoDataFrame(table, geometry=gpd.GeoSeries(lines, crs=cells.crs))


def road_layer(edges: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the roads of a network as a map layer, joined into lines if there are many.

    `edges` are roads indexed by (u, v, key), with ``length_m`` and ``travel_min``. If there are at
    most `MOST_ROADS` roads, each row is a road. Otherwise, consecutive roads with the same name,
    class and speed become one line for both directions, which deviates from the roads by at most
    two metres. Each line has its length, driving time and number of ``roads``; further columns are
    blank.
    """
    table = edges.reset_index()
    if len(table) <= MOST_ROADS:
        return table
    metres = table.to_crs(utm_epsg(table.total_bounds)) if table.crs.is_geographic else table
    facts = pd.DataFrame(table.drop(columns=table.geometry.name))
    alike = [name for name in _ALIKE if name in facts.columns]
    kind = facts.groupby(alike, sort=False, dropna=False).ngroup()
    lines, of = strokes(np.asarray(metres.geometry.array), np.asarray(kind, np.int64), 0.01)
    # Roads without length belong to no line and are kept unchanged.
    alone = np.flatnonzero(of < 0)
    of[alone] = len(lines) + np.arange(len(alone))
    whole, drawn = (
        shapely.transform(shape, lambda cm: cm / 100)
        for shape in (lines, shapely.simplify(lines, 100 * DRAWN_WITHIN_M))
    )
    of_alone = np.asarray(metres.geometry.array)[alone]
    groups = facts.groupby(of, sort=True)
    sums = groups[["length_m", "travel_min"]].sum()
    out = groups[alike].first()
    out["length_m"] = shapely.length(np.concatenate([whole, of_alone]))
    pace = (sums["travel_min"] / sums["length_m"]).where(sums["length_m"] > 0, 0.0)
    out["travel_min"] = pace * out["length_m"]
    for name in (n for n in facts.columns if n not in out.columns):
        whole_number = pd.api.types.is_integer_dtype(facts[name].dtype)
        out[name] = pd.Series(pd.NA, out.index, dtype="Int64" if whole_number else "str")
    out = out[facts.columns].assign(roads=groups.size()).reset_index(drop=True)
    return gpd.GeoDataFrame(out, geometry=np.concatenate([drawn, of_alone]), crs=metres.crs)


def site_table_layer(table: pd.DataFrame, sites: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a table with ``site_id`` as a layer in which each row is a point at its site.

    Raises `InputError` if a row names an unknown site.
    """
    _require_known(table, "table", "site_id", sites)
    points = sites.set_index("site_id").geometry.loc[table["site_id"]].array
    return gpd.GeoDataFrame(table.reset_index(drop=True), geometry=points, crs=sites.crs)


def zone_layer(
    zones: pd.DataFrame, cells: gpd.GeoDataFrame, zone_of_cells: pd.Series
) -> gpd.GeoDataFrame:
    """Return a program's zones as a layer; the shape of a zone is the union of its cells.

    `zones` has the column ``zone`` (names). `zone_of_cells` maps ``cell_id`` to a zone or a blank.
    """
    zone = zone_of_cells.reindex(cells["cell_id"].astype(str)).to_numpy()
    shapes = gpd.GeoDataFrame({"zone": zone}, geometry=cells.geometry.array, crs=cells.crs)
    joined = shapes.dissolve("zone").geometry.reindex(zones["zone"].astype(str))
    drawn = [MultiPolygon([shape]) if isinstance(shape, Polygon) else shape for shape in joined]
    return gpd.GeoDataFrame(zones.reset_index(drop=True), geometry=drawn, crs=cells.crs)


def by_class(cells: pd.DataFrame, demand: pd.DataFrame, value: str) -> pd.DataFrame:
    """Return `value` by cell (rows) and vehicle class (columns), with 0 if there is no demand."""
    classes = demand["vehicle_class"].drop_duplicates().tolist()
    wide = demand.pivot_table(
        index="cell_id", columns="vehicle_class", values=value, aggfunc="sum", observed=True
    )
    return wide.reindex(index=cells["cell_id"], columns=classes).fillna(0.0).astype(float)


def _require_known(rows: pd.DataFrame, where: str, key: str, known: gpd.GeoDataFrame) -> None:
    unknown = rows.loc[~rows[key].isin(known[key]), key]
    refuse(naming(f"{where}, column {key}", "not known", unknown, count=True))
