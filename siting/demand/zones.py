"""Read, check and clip zones, and spread their people over streets, buildings or places."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely import MultiPolygon, Polygon

from siting.demand.cells import Floats, Ints, Shapes, crossing
from siting.demand.people import (
    HOME_STREETS,
    along,
    count_faults,
    id_faults,
    require_commas,
    shape_faults,
    streets_once,
)
from siting.errors import Fault, InputError, refuse
from siting.files import missing_columns, not_numbers, read_layer, rows_fault
from siting.roads import Network
from siting.roads.network import utm_epsg
from siting.texts import counted

log = logging.getLogger(__name__)

MOST_OVERLAP = 0.001  # largest overlap, as a share of the smaller zone, that counts as a sliver
LEAST_GAP_KM2 = 0.0001  # minimum area of a hole that counts as a gap, not as a sliver
STEP_M = 100.0
# Column names used for zones; a user's column with one of these names is renamed.
RESERVED = (
    *("zone_id", "name", "people"),
    *("renting_share", "high_rise_share", "ownership", "area_share"),
)


def read_zones(
    path: Path,
    people_column: str | None = "people",
    id_column: str | None = None,
    name_column: str | None = None,
    renting_column: str | None = None,
    high_rise_column: str | None = None,
    ownership_column: str | None = None,
) -> gpd.GeoDataFrame:
    """Return zones and their populations, as polygons in lon/lat (EPSG:4326) without overlaps.

    `path` is a layer file of polygons, such as tehsils or union councils. The other arguments are
    names of columns: the number of people (None means 0 in each zone), the id (default: ``zone_id``
    or ``id`` if the layer has it, else ``z001`` …), the display name (default: ``name`` if the
    layer has it, else the id), the shares (0 to 1) of households that rent and that live in
    high-rise buildings, and vehicles per head or a proxy.

    Columns: ``zone_id``, ``name``, ``people`` (persons), ``renting_share`` and ``high_rise_share``
    (0 to 1, blank if unknown), ``ownership`` if its column is given, the layer's other columns
    (prefixed ``user_`` if the name is used here), ``geometry``. Rows are in the file's order.
    ``attrs["warnings"]`` describes gaps between the zones. Raises one `InputError` that lists all
    errors in the file: missing columns; invalid counts, as in `read_people`; shares outside 0 to 1;
    missing or repeated ids; geometry that is missing, invalid or not a polygon; overlaps of more
    than 0.1 % of the smaller zone.
    """
    require_commas(path)
    layer = read_layer(path)
    id_column = id_column or next((c for c in ("zone_id", "id") if c in layer.columns), None)
    if name_column is None and "name" in layer.columns:
        name_column = "name"
    shares = {"renting_share": renting_column, "high_rise_share": high_rise_column}
    faults = [] if people_column is None else count_faults(layer, path, people_column)
    named = (id_column, name_column, ownership_column, *shares.values())
    faults += missing_columns(layer, [column for column in named if column], str(path))
    faults += shape_faults(layer, path, ("Polygon", "MultiPolygon"), "polygons")
    if id_column in layer.columns:
        faults += id_faults(layer, path, (str(id_column),))
        faults += _mask_fault(layer[id_column].isna(), path, str(id_column), "have no id")
    for column, most, what in (
        *((column, 1.0, "between 0 and 1") for column in shares.values()),
        (ownership_column, np.inf, "a number of at least 0"),
    ):
        if column in layer.columns:
            bad = layer[column].notna() & not_numbers(layer[column], most=most)
            faults += _mask_fault(bad, path, str(column), f"are not {what}")
    refuse(faults)
    ids = [f"z{i:03d}" for i in range(1, len(layer) + 1)]
    if id_column is not None:
        ids = layer[id_column].astype(str).to_list()
    names = ids if name_column is None else layer[name_column].astype("str")
    columns: dict[str, Any] = {
        "zone_id": pd.array(ids, dtype="str"),
        "name": pd.array(names, dtype="str"),
        "people": 0.0,
    }
    numbers = {"people": people_column, **shares, "ownership": ownership_column}
    for name, column in numbers.items():
        if column is not None:
            columns[name] = pd.to_numeric(layer[column]).to_numpy(dtype=float, na_value=np.nan)
    taken = (id_column, name_column, *numbers.values())
    for column in layer.columns[layer.dtypes != "geometry"]:
        if column not in taken:
            own = f"user_{column}" if column in RESERVED else str(column)
            columns[own] = layer[column].array
    zones = gpd.GeoDataFrame(columns, geometry=layer.geometry.to_numpy(), crs=4326)
    utm = utm_epsg(zones.total_bounds)
    shapes = zones.geometry.to_crs(utm).to_numpy()
    refuse(_overlap_faults(ids, shapes, f"{path}, geometry"))
    zones.attrs["warnings"] = _gap_warnings(shapes, utm)
    for warning in zones.attrs["warnings"]:
        log.warning("%s: %s", path, warning)
    return zones


def _overlap_faults(ids: Sequence[str], shapes: Shapes, where: str) -> list[Fault]:
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    one, other = one[one < other], other[one < other]
    area_km2 = shapely.area(shapes) / 1e6
    shared_km2 = shapely.area(shapely.intersection(shapes[one], shapes[other])) / 1e6
    share = shared_km2 / np.minimum(area_km2[one], area_km2[other])
    what = "zones overlap by {:.3f} km2, {:.1%} of the smaller zone".format
    fix = "draw their border once, because people in the overlap would count twice"
    return [
        Fault(where, what(km2, part), fix, (ids[a], ids[b]))
        for a, b, km2, part in zip(one, other, shared_km2, share, strict=True)
        if part > MOST_OVERLAP
    ]


def _gap_warnings(shapes: Shapes, crs: int) -> list[str]:
    parts = shapely.get_parts(shapely.union_all(shapes))
    rings = [ring for part in parts if part.geom_type == "Polygon" for ring in part.interiors]
    holes = gpd.GeoSeries([shapely.Polygon(ring) for ring in rings], crs=crs)
    gap_km2 = holes.area / 1e6
    gap_km2 = gap_km2[gap_km2 >= LEAST_GAP_KM2]
    if gap_km2.empty:
        return []
    largest = holes[[gap_km2.idxmax()]].representative_point().to_crs(4326).iloc[0]
    return [
        f"{counted(len(gap_km2), 'gap')} between the zones, {gap_km2.sum():.3f} km2 in total: "
        f"nobody is counted there (the largest gap is at {largest.x:.4f} E, {largest.y:.4f} N)"
    ]


def spread_zones(
    zones: gpd.GeoDataFrame,
    network: Network | None = None,
    buildings: gpd.GeoDataFrame | None = None,
    pois: gpd.GeoDataFrame | None = None,
) -> gpd.GeoDataFrame:
    """Divide the people of each zone among points inside the zone, in lon/lat.

    `zones` are polygons with ``zone_id`` and ``people``, as `read_zones` returns them. Exactly one
    of the other arguments must be given. People are assumed to be proportional to the length of
    residential streets (`network`), the footprint of buildings (`buildings`), or the number or the
    ``weight`` of places (`pois`). The caller must state this assumption.

    Columns: ``zone_id``, ``people``, ``basis`` (``streets``, ``buildings`` or ``pois``) and
    ``geometry``. If a zone has no street, building or place, all its people are placed at one point
    inside the zone, and ``basis`` is ``zone``. These zones are listed in the log and in
    ``attrs["without"]``. Raises `InputError` if a weight is missing or negative.
    """
    utm = utm_epsg(zones.to_crs(4326).total_bounds) if network is None else network.crs
    shapes = zones.geometry.to_crs(utm).to_numpy()
    if network is not None:
        basis = "streets"
        points, zone, weight = _on_streets(shapes, network)
    else:
        basis, layer = ("pois", pois) if buildings is None else ("buildings", buildings)
        assert layer is not None
        points, zone, weight = _on_places(shapes, layer, utm, basis)
    people = zones["people"].to_numpy(dtype=float)
    whole = np.bincount(zone, weights=weight, minlength=len(zones))
    without = (whole <= 0) & (people > 0)
    share = people[zone] * weight / np.where(whole > 0, whole, 1.0)[zone]
    kept = share > 0
    zone = np.concatenate([zone[kept], np.flatnonzero(without)])
    order = np.argsort(zone, kind="stable")
    ids = zones["zone_id"].to_numpy()
    spread = gpd.GeoDataFrame(
        {
            "zone_id": ids[zone[order]],
            "people": np.concatenate([share[kept], people[without]])[order],
            "basis": np.repeat([basis, "zone"], [kept.sum(), without.sum()])[order],
        },
        geometry=np.concatenate([points[kept], shapely.point_on_surface(shapes[without])])[order],
        crs=utm,
    ).to_crs(4326)
    named = ids[without].astype(str).tolist()
    if named:
        text = "the %s people of %s without %s are at one point per zone (%s)"
        some = ", ".join(named[:5]) + (" …" if len(named) > 5 else "")
        lacking = counted(len(named), "zone")
        log.warning(text, f"{people[without].sum():,.0f}", lacking, basis, some)
    spread.attrs["without"] = named
    return spread


def _on_streets(shapes: Shapes, network: Network) -> tuple[Shapes, Ints, Floats]:
    _, lines = streets_once(network, HOME_STREETS)
    zone, line, within = crossing(shapes, lines)
    cut = shapely.intersection(shapes[zone[~within]], lines[line[~within]])
    parts, of = shapely.get_parts(cut, return_index=True)
    parts, more = shapely.get_parts(parts, return_index=True)  # splits mixed collections
    of, is_line = of[more], shapely.get_type_id(parts) == 1
    zone = np.concatenate([zone[within], zone[~within][of[is_line]]])
    points, piece, length_m = along(np.concatenate([lines[line[within]], parts[is_line]]), STEP_M)
    return points, zone[piece], length_m


def _on_places(
    shapes: Shapes, layer: gpd.GeoDataFrame, utm: Any, basis: str
) -> tuple[Shapes, Ints, Floats]:
    weighted = basis == "pois" and "weight" in layer.columns
    if weighted:
        bad = not_numbers(layer["weight"])
        refuse(rows_fault("pois, column weight", bad, layer.index, "missing or negative"))
    layer = layer[~(layer.geometry.isna() | layer.geometry.is_empty)]
    local = layer.geometry.to_crs(utm).to_numpy()
    if basis == "buildings":
        weight = shapely.area(local)
    elif weighted:
        weight = layer["weight"].to_numpy(dtype=float)
    else:
        weight = np.ones(len(local))
    points = shapely.point_on_surface(local)
    place, zone = shapely.STRtree(shapes).query(points, predicate="intersects")
    return points[place], zone, weight[place]


def _mask_fault(mask: pd.Series, path: Path, column: str, what: str) -> list[Fault]:
    text = f"{mask.sum():,} of {len(mask):,} rows {what}"
    return rows_fault(f"{path}, column {column}", mask, path, text)


def clip_zones(zones: gpd.GeoDataFrame, area: Polygon | MultiPolygon) -> gpd.GeoDataFrame:
    """Clip zones to an area, and return the parts with their people (persons).

    People are assumed to be spread evenly over a zone. The caller must state this assumption.

    `zones` are as `read_zones` returns them, and `area` is a polygon in lon/lat. The added column
    ``area_share`` is the share of the zone's surface inside `area` (0 to 1). ``people`` is
    multiplied by this share. Raises `InputError` if no zone overlaps the area.

    >>> zones = gpd.GeoDataFrame({"zone_id": ["a"], "people": [100.0]},
    ...     geometry=[shapely.box(73, 33, 73.2, 33.1)], crs=4326)
    >>> clip_zones(zones, shapely.box(73, 33, 73.1, 33.1))["people"].round(1).to_list()
    [50.0]
    """
    utm = utm_epsg(area.bounds)
    # In degrees, the edges of zones and area remain straight, so clipped neighbours have no gaps.
    inside = zones.geometry.intersection(area)
    share = (inside.to_crs(utm).area / zones.geometry.to_crs(utm).area).clip(0.0, 1.0)
    if not (share > 0).any():
        what = "none overlaps the area of the roads"
        raise InputError("zones", what, "use the zones of this city")
    clipped = zones.assign(people=zones["people"] * share, area_share=share)
    return clipped.set_geometry(inside)[share > 0].reset_index(drop=True)
