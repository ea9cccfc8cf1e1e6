"""Demand surfaces of public charging: near home, at a destination, or on the way.

Each surface gives every cell a share (0 to 1; the sum is 1), in proportion to:

- home: the cell's population;
- destination: the weights of the cell's markets, offices, hospitals …, by OSM tag;
- en route: the cell's vehicle-km in `traffic`, times the weight of the road class.
"""

from __future__ import annotations

import logging
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.sparse.csgraph import dijkstra

from siting.demand.cells import Floats, Ints
from siting.demand.people import along, streets_once
from siting.errors import InputError, refuse
from siting.files import not_numbers, rows_fault
from siting.reference import table
from siting.roads import Network
from siting.roads.travel import drive_matrix
from siting.tables import CELLS, validate

log = logging.getLogger(__name__)

SURFACES = ("home", "destination", "en_route")
MAIN_ROADS = ("motorway", "trunk", "primary", "secondary")
FALLBACK = "unclassified"  # its weight applies to road classes without a row in the table
STEP_M = 200.0
BATCH = 16  # number of origins searched at once; in a large city, memory limits it


def surfaces(
    cells: gpd.GeoDataFrame,
    network: Network,
    pois: gpd.GeoDataFrame | None = None,
    poi_weights: pd.DataFrame | None = None,
    road_weights: pd.DataFrame | None = None,
    **trips: Any,
) -> pd.DataFrame:
    """Return each cell's share of homes, destinations and passing traffic (0 to 1).

    `pois` (None means no destinations) and `poi_weights` are as in `poi_points`. `road_weights` and
    `trips` (``trips``, ``trip_min``, ``seed``) are as in `traffic`.

    Columns: ``cell_id``, ``home``, ``destination``, ``en_route``, and ``en_route_<class>``: the
    part of ``en_route`` on each class of road. ``attrs["whole"]`` has the total of each surface
    (people, weight of places, weighted vehicle-metres). A surface without data has shares of 0 and
    a note in ``attrs["notes"]``. Raises `InputError` as `poi_points` and `traffic` do.
    """
    validate(cells, CELLS)
    notes: list[str] = []
    by_surface = {"home": cells["people"].to_numpy(dtype=float)}
    by_surface["destination"] = _destinations(cells, pois, poi_weights, notes)
    flow = traffic(network, cells, road_weights, **trips)
    by_surface["en_route"] = _into_cells(cells, flow, "en_route", notes)
    frame = pd.DataFrame({"cell_id": cells["cell_id"].to_numpy()})
    wholes = {name: float(by_surface[name].sum()) for name in SURFACES}
    for name, whole in wholes.items():
        frame[name] = by_surface[name] / whole if whole > 0 else 0.0
        if not whole > 0 and not any(note.startswith(name) for note in notes):
            notes.append(f"{name}: none of its weight lies in a cell")
    for kind in dict.fromkeys(flow["highway"]) if wholes["en_route"] > 0 else ():
        of_kind = _into_cells(cells, flow[flow["highway"] == kind], "", [])
        if of_kind.any():
            frame[f"en_route_{kind}"] = of_kind / wholes["en_route"]
    for note in notes:
        log.info(note)
    frame.attrs |= {"notes": notes, "whole": wholes}
    return frame


def destination_shares(
    cells: gpd.GeoDataFrame, pois: gpd.GeoDataFrame, poi_weights: pd.DataFrame | None = None
) -> pd.Series[float]:
    """Return each cell's share of the destinations (0 to 1), by ``cell_id``.

    The arguments are as in `surfaces`.
    """
    weight = _destinations(cells, pois, poi_weights, [])
    share = weight / weight.sum() if weight.sum() > 0 else weight
    return pd.Series(share, index=pd.Index(cells["cell_id"], name="cell_id"), name="destination")


def _destinations(
    cells: gpd.GeoDataFrame,
    pois: gpd.GeoDataFrame | None,
    poi_weights: pd.DataFrame | None,
    notes: list[str],
) -> Floats:
    if pois is None:
        notes.append("destination: no places were given")
    elif (destinations := poi_points(pois, poi_weights)).empty:
        notes.append(f"destination: none of {len(pois):,} places has a tag with a weight")
    else:
        return _into_cells(cells, destinations, "destination", notes)
    return np.zeros(len(cells))


def poi_points(pois: gpd.GeoDataFrame, weights: pd.DataFrame | None = None) -> gpd.GeoDataFrame:
    """Return the places that attract vehicles, as points with a relative weight.

    `pois` are OSM features with their keys as columns (``amenity``, ``shop`` …). `weights` has
    the columns ``osm_key``, ``osm_value`` (``*`` stands for any value not listed, except ``no``)
    and ``weight``; None means the package's table. A place with several tags counts once, with its
    heaviest tag.

    Columns: ``weight`` (above 0), ``tag`` (the table's row with this weight, such as ``shop=*``),
    ``name`` (may be blank) and a point, in the coordinates of `pois`. Raises `InputError` if a
    weight is missing or negative, or a row of `weights` is repeated.

    >>> pois = gpd.GeoDataFrame({"amenity": ["bank", "bench"]},
    ...     geometry=gpd.points_from_xy([73, 73], [33, 33]), crs=4326)
    >>> poi_points(pois)["weight"].to_list()
    [1.0]
    """
    figures = _weights(weights, "poi_weights", ("osm_key", "osm_value"))
    weight = np.zeros(len(pois))
    tag = np.full(len(pois), "", dtype=object)
    for key, rows in figures.groupby("osm_key", sort=False):
        if key not in pois.columns:
            continue
        by_value = rows.set_index(rows["osm_value"].astype(str))["weight"].astype(float).to_dict()
        any_value = by_value.pop("*", 0.0)
        value = pois[key].astype(str)
        tagged = pois[key].notna() & (value != "no")
        of_key = value.map(by_value).fillna(any_value).where(tagged, 0.0).to_numpy(dtype=float)
        heavier = of_key > weight
        named = value.where(value.isin(list(by_value)), "*")
        tag[heavier] = (f"{key}=" + named).to_numpy()[heavier]
        weight = np.maximum(weight, of_key)
    kept = (weight > 0) & ~(pois.geometry.isna() | pois.geometry.is_empty).to_numpy()
    points = shapely.point_on_surface(pois.geometry.to_numpy()[kept])
    name = pois.get("name", pd.Series("", index=pois.index)).astype(object)
    name = name.where(name.notna(), "").astype("str").to_numpy()[kept]
    columns = {
        "weight": weight[kept],
        "tag": pd.array(tag[kept], dtype="str"),
        "name": pd.array(name, dtype="str"),
    }
    return gpd.GeoDataFrame(columns, geometry=points, crs=pois.crs)


def cell_places(
    cells: gpd.GeoDataFrame, pois: gpd.GeoDataFrame, poi_weights: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the places that attract vehicles to each cell, with their weights.

    Arguments are as in `surfaces`. Columns: ``cell_id``; ``name``, ``tag`` and ``weight`` as in
    `poi_points`; ``part``, the share of the place in this cell (below 1 if it lies on a border). A
    cell's ``destination`` is proportional to its sum of ``weight * part``.
    """
    places = poi_points(pois, poi_weights)
    point, cell, shared = _touching(cells, places)
    frame = pd.DataFrame({"cell_id": cells["cell_id"].to_numpy()[cell]})
    for column in ("name", "tag", "weight"):
        frame[column] = places[column].array[point]
    frame["part"] = 1 / shared
    return frame.sort_values(["cell_id", "weight"], ascending=[True, False], ignore_index=True)


def road_points(network: Network) -> gpd.GeoDataFrame:
    """Return points at most 200 m apart along `MAIN_ROADS`, in the network's coordinates.

    With these points, ``make_cells(also=…)`` makes cells on main roads even where nobody lives.
    """
    _, lines = streets_once(network, MAIN_ROADS)
    points, _, _ = along(lines, STEP_M)
    return gpd.GeoDataFrame(geometry=points, crs=network.crs)


def traffic(
    network: Network,
    cells: pd.DataFrame | None = None,
    road_weights: pd.DataFrame | None = None,
    *,
    trips: int = 256,
    trip_min: float = 30.0,
    seed: int = 1,
) -> gpd.GeoDataFrame:
    """Return traffic along roads as points with a relative weight.

    This is a proxy, not a traffic count. Vehicles take the quickest paths from sampled nodes to all
    other nodes. The weight of a piece of road is its number of vehicles times its length (m) times
    the weight of its class. The method is sampled edge betweenness (Brandes 2001, A faster
    algorithm for betweenness centrality), with one path for each pair of nodes.

    Trips start and end in proportion to the ``people`` of `cells` at a ``node_id``. Without cells,
    or if no node has people, all nodes count equally. `trips` is the maximum number of origins, and
    `trip_min` the longest trip in minutes (``inf`` means no limit). `road_weights` has the columns
    ``highway`` and ``weight``; None means the package's table. A class without a row has the weight
    of its parent class if it is a link, and otherwise the weight of ``unclassified``.

    There is one row per piece of road of at most 200 m. Columns: ``weight``, ``highway`` (the row
    of `road_weights`) and a point in the network's coordinates. Raises `InputError` if a weight is
    invalid, or the table lacks ``unclassified``.
    """
    figures = _weights(road_weights, "road_weights", ("highway",))
    of_class = figures.set_index("highway")["weight"].astype(float)
    if FALLBACK not in of_class.index:
        raise InputError("road_weights, column highway", f"no row {FALLBACK}", "add it")
    flow = _flows(network, _at_nodes(network, cells), trips, trip_min, seed)
    kinds = network.edges["highway"].astype(str)
    kinds = kinds.where(kinds.isin(of_class.index), kinds.str.removesuffix("_link"))
    kinds = kinds.where(kinds.isin(of_class.index), FALLBACK)
    weight = kinds.map(of_class).to_numpy(dtype=float)
    driven = np.flatnonzero(flow * weight > 0)
    points, line, length_m = along(network.edges.geometry.to_numpy()[driven], STEP_M)
    columns = {
        "weight": (flow * weight)[driven][line] * length_m,
        "highway": kinds.to_numpy(dtype=object)[driven][line],
    }
    return gpd.GeoDataFrame(columns, geometry=points, crs=network.crs)


def _weights(given: pd.DataFrame | None, name: str, key: tuple[str, ...]) -> pd.DataFrame:
    figures = table(name) if given is None else given
    rows = figures[list(key)].astype(str).agg(" ".join, axis=1)
    bad = not_numbers(figures["weight"])
    faults = rows_fault(f"{name}, column weight", bad, rows, "missing or negative")
    refuse(faults + rows_fault(name, rows.duplicated(), rows, "the same row twice", "keep one"))
    return figures


def _into_cells(
    cells: gpd.GeoDataFrame, points: gpd.GeoDataFrame, name: str, notes: list[str]
) -> Floats:
    """Return the weight of the points in each cell, with points on borders split among cells."""
    weight = points["weight"].to_numpy(dtype=float)
    point, cell, shared = _touching(cells, points)
    outside = np.bincount(point, minlength=len(points)) == 0
    if outside.any() and weight.sum() > 0:
        lost = weight[outside].sum() / weight.sum()
        notes.append(f"{name}: {lost:.1%} of its weight lies outside every cell and is left out")
    return np.bincount(cell, weights=weight[point] / shared, minlength=len(cells))


def _touching(cells: gpd.GeoDataFrame, points: gpd.GeoDataFrame) -> tuple[Ints, Ints, Ints]:
    """Return each pair of a point and a cell that touches it, with the point's number of cells."""
    spots = points.geometry.to_crs(cells.crs).to_numpy()
    point, cell = shapely.STRtree(cells.geometry.to_numpy()).query(spots, predicate="intersects")
    return point, cell, np.bincount(point, minlength=len(points))[point]


def _at_nodes(network: Network, cells: pd.DataFrame | None) -> Floats:
    size = len(network.nodes)
    if cells is None:
        return np.ones(size)
    placed = cells[cells["node_id"].notna()]
    at = network.nodes.index.get_indexer(placed["node_id"].astype("int64"))
    people = np.bincount(at, weights=placed["people"].to_numpy(dtype=float), minlength=size)
    return people if people.sum() > 0 else np.ones(size)


def _flows(network: Network, people: Floats, trips: int, trip_min: float, seed: int) -> Floats:
    """Return the relative number of vehicles on each edge."""
    streets, order = drive_matrix(network)
    size = streets.shape[0]
    u = np.repeat(np.arange(size), np.diff(streets.indptr))
    pair = u * np.int64(size) + streets.indices
    share = people / people.sum()
    sources = np.flatnonzero(share > 0)
    count = share[sources]
    if len(sources) > trips:
        drawn = np.random.default_rng(seed).choice(size, size=trips, p=share)
        sources, times = np.unique(drawn, return_counts=True)
        count = times / trips
    through = np.zeros(len(order))
    for at in range(0, len(sources), BATCH):
        batch = sources[at : at + BATCH]
        far_min, before = dijkstra(streets, indices=batch, limit=trip_min, return_predecessors=True)
        for row, source in enumerate(batch):
            reached = np.isfinite(far_min[row])
            into = _subtrees(before[row], np.where(reached, share, 0.0), int(source))
            driven = np.flatnonzero((before[row] >= 0) & (into > 0))
            edge = np.searchsorted(pair, before[row][driven] * np.int64(size) + driven)
            through[edge] += count[at + row] * into[driven]
    flow = np.zeros(len(network.edges))
    flow[order] = through
    return flow


def _subtrees(before: npt.NDArray[np.int32], weight: Floats, root: int) -> Floats:
    """Return each node's weight plus its descendants' weights, in a tree of quickest paths."""
    # The search for depths doubles its step up the tree. Levels are summed from the deepest up.
    parent = np.where(before >= 0, before, root).astype(np.intp)
    up, depth = parent.copy(), (np.arange(len(parent)) != root).astype(np.intp)
    depth[before < 0] = 0
    while (more := depth[up]).any():
        depth += more
        up = up[up]
    total = weight.copy()
    order = np.argsort(-depth, kind="stable")
    ends = np.cumsum(np.bincount(depth)[::-1])
    start = 0
    for end in ends[:-1]:  # the last level is the root and the unreached nodes
        level = order[start:end]
        np.add.at(total, parent[level], total[level])
        start = end
    return total
