"""The area each station serves: the cells that get most of their energy from it, made one shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import shapely

from siting.report.run_record import RunRecord
from siting.report.shapes import SCALE, polygons_of


def service_areas(run: RunRecord) -> list[list[dict[str, Any]]]:
    """Return the service areas of a run: one list a year of the plan, or one in all.

    ``site`` is the position in the layer of sites, ``shape`` polygons of rings, ``tint`` a number
    that no area beside it has. Empty where the cells are points.
    """
    cells = run.demand[run.demand.geom_type.isin(["Polygon", "MultiPolygon"]).to_numpy()]
    shapes = dict(zip(cells["cell_id"].astype(str), cells.geometry, strict=True))
    position = {str(name): i for i, name in enumerate(run.sites["site_id"])}
    return [_areas(part, shapes, position) for part in _served_parts(run)]


def _served_parts(run: RunRecord) -> list[pd.DataFrame]:
    """Return ``cell_id``, ``site_id`` and ``served_kwh_day``, one table a year."""
    columns = ["cell_id", "site_id", "served_kwh_day"]
    if run.years is None:
        return [pd.DataFrame(run.service[columns])]
    cells = run.years.cells
    return [cells.loc[(cells["year"] == year).to_numpy(), columns] for year in run.years.all]


def main_sites(service: pd.DataFrame) -> dict[str, str]:
    """Return the station that serves most of each cell; the first by id of equals.

    >>> main_sites(pd.DataFrame({"cell_id": ["a", "a", "a"], "site_id": ["s2", "s1", "s2"],
    ...     "served_kwh_day": [1.0, 1.5, 1.0]}))
    {'a': 's2'}
    """
    some = service[(service["served_kwh_day"] > 0) & service["site_id"].notna()]
    groups = some.groupby(["cell_id", "site_id"])["served_kwh_day"]
    summed = groups.sum().reset_index()
    ranked = summed.sort_values(
        ["cell_id", "served_kwh_day", "site_id"], ascending=[True, False, True]
    ).drop_duplicates("cell_id")
    return dict(zip(ranked["cell_id"].astype(str), ranked["site_id"].astype(str), strict=True))


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
    """Return a number of a colour for each area, such that none has that of a neighbour."""
    near: list[set[int]] = [set() for _ in areas]
    shapes = np.array(areas, dtype=object)
    for a, b in shapely.STRtree(shapes).query(shapes, predicate="intersects").T.tolist():
        if a != b:
            near[a].add(b)
    tints: list[int] = [-1] * len(areas)
    # The most crowded first: those need the fewest colours then.
    for at in sorted(range(len(areas)), key=lambda n: (-len(near[n]), n)):
        taken = {tints[other] for other in near[at]}
        tints[at] = next(n for n in range(len(areas)) if n not in taken)
    return tints


def dissolved(shapes: list[Any]) -> Any:
    """Return shapes as one, its corners on the grid of the page (about a metre)."""
    # Cells share corners; on one grid they do so to the last digit, and no sliver is left.
    on_grid = shapely.set_precision(np.array(shapes), 1 / SCALE, mode="pointwise")
    whole = shapely.union_all(shapely.make_valid(on_grid))
    return shapely.simplify(whole, 1 / SCALE)
