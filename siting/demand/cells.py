"""Demand cells with their population: squares in metres, or H3 hexagons."""

from __future__ import annotations

import logging
from typing import Literal

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from siting.errors import Fault, InputError, needs_extra, refuse, require_kind
from siting.files import extent, not_numbers, require_layer, rows_fault
from siting.roads import Network, snap

log = logging.getLogger(__name__)

MOST_CELLS = 4_000_000
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Shapes = npt.NDArray[np.object_]


def make_cells(
    people: gpd.GeoDataFrame,
    network: Network,
    size_m: float = 500.0,
    shape: Literal["square", "h3"] = "square",
    max_snap_m: float = 1000.0,
    h3_resolution: int = 8,
    also: gpd.GeoDataFrame | None = None,
) -> gpd.GeoDataFrame:
    """Return demand cells with their population and the road node where their trips begin.

    The people at a point are assigned to the cell that contains the point. The people of a polygon
    are divided among cells by area. H3 hexagons (an ``h3`` column) are assigned by name to H3 cells
    of the same or a coarser resolution. The total population does not change.

    Parameters
    ----------
    people
        Points or polygons with a ``people`` column, in any coordinate reference system. With a
        ``zone_id`` column, a cell with people from several zones has one row per zone.
    network
        The roads.
    size_m
        Side of the squares (m). Their corners lie at multiples of the side in the network's UTM
        zone, so all layers and runs share the same squares.
    shape
        ``square`` or ``h3`` (needs the extra ``h3``).
    max_snap_m
        Maximum distance (m) from a cell's centre to a road. Cells farther away have no node.
    h3_resolution
        Resolution of the hexagons, from 0 to 15; at 8, edges are about 0.5 km long.
    also
        Places, such as markets, that need a cell even if nobody lives there. With zones, a cell
        without people belongs to the zone of the nearest populated cell.

    Returns
    -------
    GeoDataFrame
        ``cell_id`` (numbered from south to north, then from west to east), ``people``, ``node_id``,
        ``snap_m`` (m), ``zone_id`` if `people` has it, and the cell's polygon, in the network's
        coordinates. Cells with neither people nor a place in `also` are left out.

    Raises
    ------
    InputError
        If a setting is invalid, `people` has no counts or no coordinate reference system, or nobody
        lives within `max_snap_m` of a road.
    MissingExtraError
        If `shape` is ``h3`` and the package ``h3`` is not installed.
    """
    require_layer("people", people)
    require_kind("network", network, Network, "pass a siting.Network")
    faults = _faults(people, size_m, shape, max_snap_m, h3_resolution)
    if also is not None and len(also):
        faults += _place_faults("also", also)
    refuse(faults)
    local = people.to_crs(network.crs)
    if also is not None and len(also):
        local = _with_places(local, also)
    shapes, at = _hexagons(local, h3_resolution) if shape == "h3" else _squares(local, size_m)
    row, cell, part = _parts(local, shapes, at)
    lived_in = part > 0
    row, cell, part = row[lived_in], cell[lived_in], part[lived_in]
    empty = np.setdiff1d(at[len(people) :], cell)
    zone_of_row = people.get("zone_id", pd.Series("", index=people.index)).to_numpy()
    code, names = pd.factorize(zone_of_row, sort=True)
    key, at_key = np.unique(cell * len(names) + code[row], return_inverse=True)
    by_key = np.lexsort((part, at_key))  # the sums do not depend on the order of rows
    sums = np.bincount(at_key[by_key], weights=part[by_key], minlength=len(key))
    counts = np.concatenate([sums, np.zeros(len(empty))])
    which = np.concatenate([key // len(names), empty])
    zone = np.concatenate([key % len(names), _nearest_zone(shapes, key, empty, len(names))])
    order = np.lexsort((zone, which))
    cells = cells_on_roads(shapes[which[order]], counts[order], network, max_snap_m, extent(people))
    if "zone_id" in people.columns:
        cells.insert(2, "zone_id", names[zone[order]])
    return cells


def cells_on_roads(
    shapes: Shapes, people: Floats, network: Network, max_snap_m: float, people_extent: str
) -> gpd.GeoDataFrame:
    """Return cells with ids and road nodes, as `make_cells` does, given shapes and populations.

    If nobody lives near a road, the error states `people_extent`, the extent of the population.
    """
    cells = gpd.GeoDataFrame({"people": people}, geometry=shapes, crs=network.crs)
    snapped = snap(cells, network, max_snap_m)  # by centre
    cells["node_id"] = pd.array(snapped["node_id"].to_numpy(), dtype="Int64")
    cells["snap_m"] = snapped["snap_m"].to_numpy(dtype=float)
    far = cells["node_id"].isna().to_numpy()
    if far[people > 0].all():
        nearest_m = snapped["road_m"].to_numpy(dtype=float)[people > 0].min()
        what = f"nobody lives within {max_snap_m:,.0f} m of a road: the nearest cell is "
        what += f"{nearest_m / 1000:,.1f} km from a road; the population is at {people_extent}, "
        what += f"and the roads are at {extent(network.nodes)}"
        fix = "use a layer that covers this city, or check its coordinates"
        raise InputError("people", what, fix)
    if far.any():
        text = "%s of %s people live in cells more than %s m from a road and cannot be served"
        numbers = (people[far].sum(), people.sum(), max_snap_m)
        log.info(text, *(f"{number:,.0f}" for number in numbers))
    cells["cell_id"] = [f"c{i:05d}" for i in range(1, len(cells) + 1)]
    return cells[["cell_id", "people", "node_id", "snap_m", "geometry"]]


def _place_faults(where: str, layer: gpd.GeoDataFrame) -> list[Fault]:
    faults = []
    if layer.crs is None:
        faults.append(Fault(where, "has no coordinate reference system", "declare EPSG:4326"))
    lost = layer.geometry.isna() | layer.geometry.is_empty
    what = f"{lost.sum():,} of {len(layer):,} rows have no location"
    return faults + rows_fault(f"{where}, geometry", lost, layer.index, what)


def _faults(
    people: gpd.GeoDataFrame, size_m: float, shape: str, max_snap_m: float, h3_resolution: int
) -> list[Fault]:
    faults = []
    if shape not in ("square", "h3"):
        faults.append(Fault("shape", f"{shape} is not a cell shape", "use square or h3"))
    for name, value, what in (("size_m", size_m, "size"), ("max_snap_m", max_snap_m, "distance")):
        if not (np.isfinite(value) and value > 0):
            faults.append(Fault(name, f"{value} is not a {what}", "enter a distance above 0 m"))
    if h3_resolution not in range(16):
        faults.append(Fault("h3_resolution", f"{h3_resolution} is out of range", "enter 0 to 15"))
    faults += _place_faults("people", people)
    if "people" not in people.columns:
        return [*faults, Fault("people, column people", "missing")]
    if "zone_id" in people.columns:
        unnamed, fix = people["zone_id"].isna(), "name every row's zone"
        faults += rows_fault("people, column zone_id", unnamed, people.index, "missing", fix)
    bad = not_numbers(people["people"])
    what = f"{bad.sum():,} of {len(people):,} rows are missing or negative"
    faults += rows_fault("people, column people", bad, people.index, what)
    if not bad.any() and not people["people"].astype(float).sum() > 0:
        faults.append(Fault("people, column people", "no row has any people"))
    return faults


def _with_places(local: gpd.GeoDataFrame, also: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the population layer, followed by a point with 0 people for each place."""
    kept = [c for c in ("people", "zone_id", "h3") if c in local.columns]
    people = gpd.GeoDataFrame(local[kept], geometry=local.geometry.array)
    points = also.geometry.to_crs(local.crs).representative_point().array
    places = gpd.GeoDataFrame({"people": np.zeros(len(points))}, geometry=points)
    return gpd.GeoDataFrame(pd.concat([people, places], ignore_index=True), crs=local.crs)


def _nearest_zone(shapes: Shapes, key: Ints, empty: Ints, zones: int) -> Ints:
    """Return, for each cell without people, the zone of the nearest cell with people."""
    if not len(empty) or zones == 1:
        return np.zeros(len(empty), dtype=np.intp)
    lived_in = shapely.get_coordinates(shapely.centroid(shapes[key // zones]))
    alone = shapely.get_coordinates(shapely.centroid(shapes[empty]))
    from scipy.spatial import cKDTree

    _, nearest = cKDTree(lived_in).query(alone)
    return np.asarray(key[nearest] % zones, dtype=np.intp)


def _squares(local: gpd.GeoDataFrame, size_m: float) -> tuple[Shapes, Ints]:
    """Return the squares that cover a layer, and each point's square as an index (polygons: -1)."""
    is_point = (local.geom_type == "Point").to_numpy()
    points = shapely.get_coordinates(local.geometry.to_numpy()[is_point])
    keys = [np.floor(points[:, ::-1] / size_m).astype(np.int64)]
    bounds = local.geometry.bounds.to_numpy()[~is_point]
    if len(bounds):
        low = np.floor(bounds[:, :2] / size_m).astype(np.int64)
        high = np.floor(bounds[:, 2:] / size_m).astype(np.int64)
        total = float(np.prod((high - low + 1).astype(float), axis=1).sum())
        _require_few(total, f"squares of {size_m:g} m", "raise size_m")
        for (west, south), (east, north) in zip(low, high, strict=True):
            rows, columns = np.mgrid[south : north + 1, west : east + 1]
            keys.append(np.column_stack([rows.ravel(), columns.ravel()]))
    cells, inverse = np.unique(np.concatenate(keys), axis=0, return_inverse=True)
    at = np.full(len(local), -1, dtype=np.intp)
    at[is_point] = inverse.ravel()[: len(points)]
    return squares(cells, size_m), at


def squares(keys: npt.NDArray[np.int64], size_m: float) -> Shapes:
    """Return the squares at given grid positions: rows north of the origin, columns east of it."""
    y, x = keys.T * size_m
    return np.asarray(shapely.box(x, y, x + size_m, y + size_m), dtype=object)


def _hexagons(local: gpd.GeoDataFrame, resolution: int) -> tuple[Shapes, Ints]:
    """Return the H3 cells that cover a layer, and each point's cell as an index (polygons: -1).

    A row that names its hexagon counts as a point.
    """
    with needs_extra("h3", "h3", "is needed to make H3 cells"):
        import h3
    degrees = local.geometry.to_crs(4326)
    of_row = _named(local, resolution)
    is_point = (local.geom_type == "Point").to_numpy() & (of_row == "")
    points = shapely.get_coordinates(degrees.to_numpy()[is_point])
    of_row[is_point] = [h3.latlng_to_cell(lat, lon, resolution) for lon, lat in points]
    is_point = of_row != ""
    names = set(of_row[is_point])
    area_m2 = h3.average_hexagon_area(resolution, unit="m^2")
    covered = float(local.geometry.area[~is_point].sum()) / area_m2
    _require_few(covered, f"H3 cells of resolution {resolution}", "lower h3_resolution")
    edge_deg = float(h3.average_hexagon_edge_length(resolution, unit="m")) / 111_320
    for shape in degrees.to_numpy()[~is_point]:
        inside = set(h3.geo_to_cells(shape, resolution))
        corners = shapely.get_coordinates(shapely.segmentize(shape, edge_deg / 2))
        inside |= {h3.latlng_to_cell(lat, lon, resolution) for lon, lat in corners}
        # H3 returns only cells whose centre is in the shape, but the shape may touch neighbours.
        names.update(ring for name in inside for ring in h3.grid_disk(name, 1))
    order = sorted(names)
    rings = [np.array(h3.cell_to_boundary(name))[:, ::-1] for name in order]
    drawn = gpd.GeoSeries([shapely.Polygon(ring) for ring in rings], crs=4326).to_crs(local.crs)
    centre = drawn.centroid
    by_place = np.lexsort((centre.x.to_numpy(), centre.y.to_numpy()))
    place = {order[i]: at for at, i in enumerate(by_place)}
    at = np.full(len(local), -1, dtype=np.intp)
    at[is_point] = [place[name] for name in of_row[is_point]]
    return drawn.to_numpy()[by_place], at


def _named(local: gpd.GeoDataFrame, resolution: int) -> Shapes:
    """Return the cell of each row's hexagon; blank without a hexagon or if it exceeds a cell."""
    import h3

    names = np.full(len(local), "", dtype=object)
    for i, name in enumerate(local.get("h3", ())):
        if isinstance(name, str) and h3.get_resolution(name) >= resolution:
            names[i] = h3.cell_to_parent(name, resolution)
    return names


def _require_few(cells: float, what: str, fix: str) -> None:
    if cells > MOST_CELLS:
        raise InputError("people", f"would make about {cells:,.0f} {what}", fix)


def _parts(local: gpd.GeoDataFrame, shapes: Shapes, at: Ints) -> tuple[Ints, Ints, Floats]:
    """Divide rows among cells by area; return each part's row, cell and number of people."""
    counts = local["people"].to_numpy(dtype=float)
    is_point = at >= 0
    rows, cells, parts = [np.flatnonzero(is_point)], [at[is_point]], [counts[is_point]]
    polygons: Shapes = local.geometry.to_numpy()[~is_point]
    if len(polygons):
        which, cell, held = crossing(polygons, shapes)
        area = shapely.area(shapes[cell])
        cut = shapely.intersection(polygons[which[~held]], shapes[cell[~held]])
        area[~held] = shapely.area(cut)
        # Dividing by the summed area of the pieces preserves the population.
        whole = np.bincount(which, weights=area, minlength=len(polygons))
        ids = local.index[~is_point]
        refuse(rows_fault("people, geometry", ~(whole > 0), ids, "polygons without area"))
        rows.append(np.flatnonzero(~is_point)[which])
        cells.append(cell)
        parts.append(counts[~is_point][which] * area / whole[which])
    return np.concatenate(rows), np.concatenate(cells), np.concatenate(parts)


def crossing(areas: Shapes, shapes: Shapes) -> tuple[Ints, Ints, npt.NDArray[np.bool_]]:
    """Return pairs of areas and shapes that intersect, and whether the area contains the shape."""
    tree = shapely.STRtree(shapes)
    area, shape = tree.query(areas, predicate="intersects")
    held = tree.query(areas, predicate="contains")
    return area, shape, np.isin(area * len(shapes) + shape, held[0] * len(shapes) + held[1])
