"""Where people live: a layer with counts, or a zone's total spread along its streets."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.errors import Fault, InputError
from siting.files import read_layer, row_labels
from siting.roads import Network

ID_COLUMNS = ("id", "zone_id", "cell_id")
HOME_STREETS = ("residential", "living_street", "unclassified")
SHAPES = ("Point", "Polygon", "MultiPolygon")


def read_people(
    path: Path, column: str = "people", raster_deg: float | None = None
) -> gpd.GeoDataFrame:
    """Return where people live: points or polygons in lon/lat (EPSG:4326) with a head count.

    Parameters
    ----------
    path
        A layer file, or a CSV with ``lon`` and ``lat`` (or ``longitude`` and ``latitude``).
    column
        The column that holds the number of people.
    raster_deg
        Give it where points are the centres of raster cells this many degrees wide (WorldPop at
        about 1 km: 1/120). Each becomes a square, so that its people spread over all the demand
        cells it covers rather than fall into the one under its centre.

    Returns
    -------
    GeoDataFrame
        ``people`` (persons) and ``geometry``, one row a row of the file, in its order.

    Raises
    ------
    InputError
        With every fault of the file at once: no such column; counts that are missing, negative or
        not numbers; nobody at all; ids given twice; geometry that is missing, broken or of lines.
    """
    layer = read_layer(path)
    faults = _count_faults(layer, path, column) + _id_faults(layer, path)
    faults += _shape_faults(layer, path)
    if raster_deg is not None and not (np.isfinite(raster_deg) and raster_deg > 0):
        faults.append(Fault("raster_deg", f"{raster_deg} is not a width", "give degrees above 0"))
    elif raster_deg is not None and not (layer.geom_type == "Point").all():
        faults.append(Fault(f"{path}, geometry", "raster_deg needs points", "leave raster_deg out"))
    if faults:
        raise InputError(faults)
    geometry = layer.geometry
    if raster_deg is not None:
        x, y, half = geometry.x.to_numpy(), geometry.y.to_numpy(), raster_deg / 2
        geometry = gpd.GeoSeries(shapely.box(x - half, y - half, x + half, y + half), crs=4326)
    people = pd.to_numeric(layer[column]).to_numpy(dtype=float)
    return gpd.GeoDataFrame({"people": people}, geometry=geometry.to_numpy(), crs=4326)


def people_on_streets(
    network: Network, total: float, highway: Collection[str] = HOME_STREETS
) -> gpd.GeoDataFrame:
    """Return a zone's people spread along its streets: points in lon/lat (EPSG:4326) with counts.

    For places where only a total is known. That people live in proportion to the length of street
    is an assumption, and the caller has to say so.

    Parameters
    ----------
    network
        The zone's roads.
    total
        How many people live in the zone.
    highway
        The road classes along which people live.

    Returns
    -------
    GeoDataFrame
        One row a street: ``people`` and its midpoint. The two directions of a street count once.

    Raises
    ------
    InputError
        If the total is not a number above zero, or no street has one of the classes.
    """
    if not (np.isfinite(total) and total > 0):
        raise InputError(Fault("people", f"a total of {total} persons", "give a number above 0"))
    edges = network.edges
    streets = edges[edges["highway"].isin(list(highway))]
    if streets.empty or not streets["length_m"].sum() > 0:
        raise InputError(
            Fault(
                "network, column highway",
                f"no street is {', '.join(highway)}",
                "it has: " + ", ".join(sorted(set(edges["highway"].astype(str)))),
            )
        )
    # A normalised line runs the same way whichever end it was drawn from.
    lines = shapely.normalize(streets.geometry.to_numpy())
    drawn = pd.DataFrame({"line": shapely.to_wkb(lines)})
    once = ~drawn.duplicated().to_numpy()
    length_m = streets["length_m"].to_numpy(dtype=float)[once]
    middles = shapely.line_interpolate_point(lines[once], 0.5, normalized=True)
    return gpd.GeoDataFrame(
        {"people": total * length_m / length_m.sum()}, geometry=middles, crs=network.crs
    ).to_crs(4326)


def _count_faults(layer: gpd.GeoDataFrame, path: Path, column: str) -> list[Fault]:
    where = f"{path}, column {column}"
    if column not in layer.columns:
        have = ", ".join(str(c) for c in layer.columns if c != layer.active_geometry_name)
        return [Fault(where, "missing", f"it has: {have}")]
    values = layer[column]
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    blank = values.isna().to_numpy()
    if pd.api.types.is_bool_dtype(values):
        return [Fault(where, "true or false, not a number of people")]
    faults = []
    for mask, what, fix in (
        (blank, "no number", "give 0 where nobody lives, or leave the row out"),
        (~blank & ~np.isfinite(numbers), "not a number", "write plain digits"),
        (np.isfinite(numbers) & (numbers < 0), "negative", "correct them (some rasters mark no "
         "data by a negative number: leave those rows out)"),
    ):  # fmt: skip
        if mask.any():
            faults.append(
                Fault(
                    where,
                    f"{mask.sum():,} of {len(layer):,} rows {what}",
                    fix,
                    row_labels(path, np.flatnonzero(mask)),
                )
            )
    if not faults and not (numbers > 0).any():
        faults.append(Fault(where, "every row is 0: nobody lives there", "name another column"))
    return faults


def _id_faults(layer: gpd.GeoDataFrame, path: Path) -> list[Fault]:
    return [
        Fault(
            f"{path}, column {name}",
            "the same id in several rows",
            "give each row its own id",
            tuple(dict.fromkeys(layer[name][twice].astype(str))),
        )
        for name in ID_COLUMNS
        if name in layer.columns
        and (twice := layer[name].duplicated(keep=False) & layer[name].notna()).any()
    ]


def _shape_faults(layer: gpd.GeoDataFrame, path: Path) -> list[Fault]:
    shapes = layer.geometry
    missing = (shapes.isna() | shapes.is_empty).to_numpy()
    kinds = shapes.geom_type.to_numpy()
    wrong = ~missing & ~np.isin(kinds.astype(str), SHAPES)
    broken = ~missing & ~wrong & ~shapes.is_valid.to_numpy()
    reason = shapely.is_valid_reason(shapes.to_numpy()[broken][0]) if broken.any() else ""
    found = ", ".join(sorted({str(k) for k in kinds[wrong]}))
    return [
        Fault(
            f"{path}, geometry",
            f"{mask.sum():,} of {len(layer):,} rows {what}",
            fix,
            row_labels(path, np.flatnonzero(mask)),
        )
        for mask, what, fix in (
            (missing, "have none", "leave them out or draw them"),
            (wrong, f"are {found}", "give points or polygons"),
            (broken, f"are not valid polygons ({reason})", "repair them, e.g. with make_valid"),
        )
        if mask.any()
    ]
