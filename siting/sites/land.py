"""Land: parcels for stations, and areas where none may be built."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely

from siting.demand.people import shape_faults
from siting.errors import Fault, InputError, refuse
from siting.files import missing_columns, read_layer
from siting.roads import Network
from siting.sites.merge import SMALL
from siting.sites.places import candidates_from_layer


def candidates_from_parcels(
    path: Path,
    network: Network,
    *,
    min_area_m2: float,
    kind: str = "parcel",
    **columns: str | None,
) -> gpd.GeoDataFrame:
    """Return the parcels of a layer as points where each is nearest to a road, lon/lat.

    `path`: a layer file with one polygon a parcel; `min_area_m2`: smaller parcels, m2, get a reason
    in the column ``unfit``; `kind`, `columns`: as for `siting.sites.candidates_from_layer`. Result:
    as that function, and ``unfit``: why a parcel is no candidate, missing where it is one. Raises
    `InputError` as that function; if rows are no polygons.
    """
    layer = _read_areas(path)
    places = candidates_from_layer(path, kind=kind, **columns)
    local = layer.geometry.to_crs(network.crs)
    roads = network.edges.geometry.to_numpy()
    shapes = local.to_numpy()
    at, nearest = shapely.STRtree(roads).query_nearest(shapes, all_matches=False)
    spots = shapely.get_point(shapely.shortest_line(shapes[at], roads[nearest]), 0)
    places = places.set_geometry(gpd.GeoSeries(spots, crs=network.crs).to_crs(places.crs))
    area_m2 = local.area.to_numpy()
    places["unfit"] = pd.array(
        [
            f"{SMALL}{area:,.0f} m2, at least {min_area_m2:,.0f} m2 are wanted"
            if area < min_area_m2
            else None
            for area in area_m2
        ],
        dtype="str",
    )
    return places


def excluded_areas(layers: Iterable[tuple[Path, str | None]]) -> gpd.GeoDataFrame:
    """Return the areas of some layers where no station may be built: ``name``, lon/lat.

    `layers`: each layer file of polygons, with the column that names them; none: ``name`` if it has
    it. Raises `InputError` with every fault of every layer.
    """
    faults: list[Fault] = []
    parts = []
    for path, name_column in layers:
        try:
            layer = _read_areas(path)
        except InputError as err:
            faults.extend(err.faults)
            continue
        if name_column is not None and name_column not in layer.columns:
            faults += missing_columns(layer, (name_column,), str(path))
            continue
        names = layer.get(name_column or "name", pd.Series(None, index=layer.index, dtype="str"))
        known = names.notna() & (names.astype(str).str.strip() != "")
        parts.append(layer[["geometry"]].assign(name=names.where(known, path.stem).astype("str")))
    refuse(faults)
    if not parts:
        return gpd.GeoDataFrame({"name": []}, geometry=[], crs=4326)
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=4326)


def _read_areas(path: Path) -> gpd.GeoDataFrame:
    """Return a layer's rows, all of them polygons."""
    layer = read_layer(path)
    refuse(shape_faults(layer, path, ("Polygon", "MultiPolygon"), "polygons"))
    return layer
