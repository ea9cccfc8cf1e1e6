"""Service areas, and shapes in integer coordinates for the page.

A station's service area is the union of the cells that it serves more than any other station does.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import shapely

from siting.report.run_record import RunRecord

SCALE = 100_000


def flat_lines(lines: np.ndarray) -> list[list[int]]:
    """Return lines on the page's grid as flat lists: the first point, then the steps.

    >>> flat_lines(shapely.linestrings([[[7300000, 3300000], [7300000, 3300001]]]))
    [[7300000, 3300000, 0, 1]]
    """
    points, of = shapely.get_coordinates(lines, return_index=True)
    on_grid = np.rint(points).astype(np.int64)
    begins = np.diff(of, prepend=-1) != 0
    steps = np.where(begins[:, None], on_grid, np.diff(on_grid, axis=0, prepend=0))
    moves = begins | (steps != 0).any(axis=1)
    values, first = steps[moves].ravel().tolist(), np.flatnonzero(begins[moves]) * 2
    return [values[i:j] for i, j in pairwise([*first.tolist(), len(values)])]


def polygons_of(shape: Any) -> list[list[list[int]]]:
    """Return the polygons of a shape, each as its outer ring and holes; empty for a point."""
    return polygons_of_all([shape])[0]


def polygons_of_all(shapes: Sequence[Any]) -> list[list[list[list[int]]]]:
    """Return the result of `polygons_of` for each shape.

    >>> polygons_of_all([shapely.box(0, 0, 1e-5, 2e-5), shapely.Point(0, 0)])
    [[[[1, 0, 0, 2, -1, 0, 0, -2]]], []]
    """
    parts, of_shape = shapely.get_parts(np.asarray(shapes, dtype=object), return_index=True)
    areas = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    parts, of_shape = parts[areas], of_shape[areas]
    rings, of_part = shapely.get_rings(parts, return_index=True)
    points, of_ring = shapely.get_coordinates(rings, return_index=True)
    # The last point of a ring repeats the first and is left out.
    open_ = np.diff(of_ring, append=-1) == 0
    lines = flat_lines(shapely.linestrings(points[open_] * SCALE, indices=of_ring[open_]))
    out: list[list[list[list[int]]]] = [[] for _ in shapes]
    polygons: list[list[list[int]]] = [[] for _ in parts]
    for part, line in zip(of_part.tolist(), lines, strict=True):
        polygons[part].append(line)
    for shape, polygon in zip(of_shape.tolist(), polygons, strict=True):
        out[shape].append(polygon)
    return out


def service_areas(run: RunRecord) -> list[list[dict[str, Any]]]:
    """Return lists of service areas: one list per year, or one list if the plan has no years.

    Each area has ``site`` (position in the layer of sites), ``shape`` (polygons of rings) and
    ``tint`` (a number that differs between adjacent areas). The lists are empty if the cells are
    points.
    """
    cells = run.demand[run.demand.geom_type.isin(["Polygon", "MultiPolygon"]).to_numpy()]
    shapes = dict(zip(cells["cell_id"].astype(str), cells.geometry, strict=True))
    position = {str(name): i for i, name in enumerate(run.sites["site_id"])}
    served = [run.service]
    if run.years is not None:
        rows = run.years.cells
        served = [rows[rows["year"] == year] for year in run.years.all]
    return [_areas(part, shapes, position) for part in served]


def main_sites(service: pd.DataFrame) -> dict[str, str]:
    """Return the station that serves the most energy of each cell; in a tie, the first by id.

    >>> main_sites(pd.DataFrame({"cell_id": ["a", "a", "a"], "site_id": ["s2", "s1", "s2"],
    ...     "served_kwh_day": [1.0, 1.5, 1.0]}))
    {'a': 's2'}
    """
    some = service[(service["served_kwh_day"] > 0) & service["site_id"].notna()]
    summed = some.groupby(["cell_id", "site_id"])["served_kwh_day"].sum()
    return {str(cell): str(site) for cell, site in summed.groupby("cell_id").idxmax()}


def _areas(
    service: pd.DataFrame, shapes: dict[str, Any], position: dict[str, int]
) -> list[dict[str, Any]]:
    by_site: dict[str, list[Any]] = {}
    for cell, site in main_sites(service).items():
        if cell in shapes and site in position:
            by_site.setdefault(site, []).append(shapes[cell])
    names = sorted(by_site)
    areas = [dissolved(by_site[name]) for name in names]
    tints = _tints(areas)
    return [
        {"site": position[name], "shape": polygons_of(area), "tint": tint}
        for name, area, tint in zip(names, areas, tints, strict=True)
        if not area.is_empty
    ]


def _tints(areas: list[Any]) -> list[int]:
    """Return a colour number for each area; neighbours have different numbers."""
    import networkx as nx

    graph = nx.empty_graph(len(areas))
    shapes = np.array(areas, dtype=object)
    pairs = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    graph.add_edges_from((a, b) for a, b in pairs.T.tolist() if a != b)
    # Colouring the areas with the most neighbours first needs fewer colours.
    tints = nx.greedy_color(graph, "largest_first")
    return [tints[n] for n in range(len(areas))]


def dissolved(shapes: list[Any]) -> Any:
    """Return the union of shapes, with corners rounded to the grid of the page (about a metre)."""
    # On the grid, shared corners of cells are equal and leave no slivers.
    on_grid = shapely.set_precision(np.array(shapes), 1 / SCALE, mode="pointwise")
    return shapely.simplify(shapely.union_all(shapely.make_valid(on_grid)), 1 / SCALE)
