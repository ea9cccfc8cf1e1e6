"""Overlapping areas, whose demand would count twice."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd

from siting.errors import Fault

# Share of a cell below which two cells touch but do not overlap, as where areas meet.
SLIVER = 0.02


def overlaps(cells: Mapping[str, Mapping[str, bytes]]) -> list[Fault]:
    """Return a fault for every two cities whose cells with demand overlap, with the cells.

    `cells` gives, by city, the id of each cell and its outline, WKB in lon/lat.
    """
    areas = {
        name: gpd.GeoDataFrame(
            {"cell_id": list(shapes)}, geometry=gpd.GeoSeries.from_wkb(list(shapes.values()))
        )
        for name, shapes in cells.items()
        if shapes
    }
    faults = []
    names = list(areas)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            met = gpd.sjoin(areas[one], areas[other], predicate="intersects")
            if met.empty:
                continue
            there = areas[other].geometry.loc[met["index_right"]]
            common = met.geometry.intersection(there, align=False).area / met.geometry.area
            ids = sorted(set(met.loc[(common > SLIVER).to_numpy(), "cell_id_left"].astype(str)))
            if ids:
                what = f"{one} and {other} overlap: {len(ids):,} cells would count twice"
                fix = "leave one out, or cut its area, by demand.clip_to_roads or its layers"
                faults.append(Fault("cities", what, fix, tuple(f"{one}: {c}" for c in ids)))
    return faults
