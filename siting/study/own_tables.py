"""Read a user's own tables, which replace the results of stages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.errors import Fault, InputError, naming, refuse
from siting.export.dictionary import is_own
from siting.files import plain_column, read_csv, read_layer
from siting.tables import COST_PARTS, DEMAND, OFFERS, REACH, Table, find_faults
from siting.texts import counted

PLACE = "#{}"  # pattern of the row and column names of a matrix without ids
# Standard columns of a demand table; all other columns are the user's own.
_TOLD = {*(column.name for column in DEMAND.columns), "lon", "lat", "geometry"}


def own_demand(
    path: Path, cells: gpd.GeoDataFrame, classes: Sequence[str], most_m: float
) -> pd.DataFrame:
    """Return the user's own demand (`siting.tables.DEMAND`), summed by cell and class.

    `path` is a CSV with ``cell_id``, or a layer, whose rows are assigned to the nearest cell within
    `most_m` metres. The file needs ``demand_kwh_day`` and, for several `classes`,
    ``vehicle_class``. Other columns are kept if no two rows share a cell and class. An `InputError`
    lists every problem, such as unknown cells or rows too far from any cell.
    """
    if path.suffix == ".csv" and "cell_id" in read_csv(path, nrows=0).columns:
        given = _read(path, DEMAND)
    else:
        given = read_layer(path)
    if "vehicle_class" not in given.columns and len(classes) == 1:
        given = given.assign(vehicle_class=classes[0])
    faults = []
    if "cell_id" not in given.columns and isinstance(given, gpd.GeoDataFrame):
        places = given.set_geometry(given.to_crs(cells.crs).representative_point())
        nearest = places.sjoin_nearest(cells[["cell_id", cells.geometry.name]], how="left",
                                       max_distance=most_m)  # fmt: skip
        nearest = nearest[~nearest.index.duplicated()]
        given = given.assign(cell_id=nearest["cell_id"])
        far = given["cell_id"].isna()
        ids = [f"row {n + 1}" for n in np.flatnonzero(far)]
        what = f"no cell of the study is within {most_m:g} m of {counted(len(ids), 'row')}"
        faults += naming(f"{path}, geometry", what, ids, "leave out rows outside the study")
        given = given[~far]
    given = given.reset_index(drop=True)
    rows = given.assign(demand_id=[f"row {n + 1}" for n in range(len(given))])
    known = {"cell_id": cells["cell_id"], "vehicle_class": pd.Series(classes)}
    faults += [*find_faults(rows, DEMAND, str(path)), *_strays(rows, known, path)]
    if not faults and not rows["demand_kwh_day"].sum() > 0:
        faults.append(Fault(f"{path}, column demand_kwh_day", "no row has any demand"))
    refuse(faults)
    order = {name: n for n, name in enumerate([*map(str, cells["cell_id"]), *classes])}
    pair = ["cell_id", "vehicle_class"]
    summed = rows.groupby(pair)["demand_kwh_day"].sum()
    demand = summed.reset_index()
    demand = demand[demand["demand_kwh_day"] > 0].astype({"demand_kwh_day": float})
    demand = demand.sort_values(pair, key=lambda ids: ids.map(order), ignore_index=True)
    labels, alone = [f"d{n:05d}" for n in range(1, len(demand) + 1)], len(summed) == len(given)
    if "demand_id" in given.columns and alone:
        own = given.set_index(pair)["demand_id"].loc[pd.MultiIndex.from_frame(demand[pair])]
        if own.notna().all() and own.is_unique:
            labels = own.astype(str).to_list()
    demand.insert(0, "demand_id", labels)
    others = [c for c in given.columns if is_own(str(c), ("demand",)) and c not in _TOLD]
    if others and alone:
        told = pd.DataFrame({str(c): plain_column(given[c]) for c in others})
        demand = demand.join(told.set_index(pd.MultiIndex.from_frame(given[pair])), on=pair)
    demand.attrs["notes"] = []
    return demand


def own_reach(
    path: Path, cells: pd.DataFrame, sites: pd.DataFrame, most_min: float
) -> pd.DataFrame:
    """Return the user's own drive times within the cutoff (`siting.tables.REACH`).

    `path` is a CSV with ``cell_id``, ``site_id`` and ``travel_min`` (including access to the road),
    or a matrix of minutes with ``cell_id`` and a column per site. A blank or ``inf`` means that
    there is no route. A matrix may number cells and sites ``#1``, ``#2`` … in the study's order.
    `most_min` is the cutoff (min). An `InputError` lists every problem, such as unknown cells.
    """
    known = {"cell_id": cells["cell_id"], "site_id": sites["site_id"]}
    drives = _as_rows(_read(path, REACH), known, path)
    refuse([*find_faults(drives, REACH, str(path)), *_strays(drives, known, path)])
    drives = drives[["cell_id", "site_id", "travel_min"]]
    near = drives[drives["travel_min"] <= most_min].astype({"travel_min": float})
    return near.sort_values(["cell_id", "site_id"], ignore_index=True)


def own_offers(path: Path, made: pd.DataFrame, sites: pd.DataFrame) -> pd.DataFrame:
    """Return the user's own offers, with the columns of the study's offers.

    `path` is a CSV with the columns of `made`, which is the study's own table, ``Study.offers``.
    Rows may be changed, left out or added. An `InputError` lists every problem, such as
    unknown sites.
    """
    given = _read(path, OFFERS)
    faults = find_faults(given, OFFERS, str(path))
    named = {column.name for column in OFFERS.columns}
    lost = [name for name in made.columns if name not in given.columns and name not in named]
    fix = "start from the study's own table, Study.offers"
    faults += naming(str(path), "columns are missing", lost, fix)
    refuse([*faults, *_strays(given, {"site_id": sites["site_id"]}, path)])
    apart = (given[list(COST_PARTS)].sum(axis=1) - given["cost_pkr"]).abs() > 1.0
    offers = counted(int(apart.sum()), "offer")
    what = f"the cost of {offers} differs from the sum of {', '.join(COST_PARTS)}"
    fix = "change one of these parts as well"
    refuse(naming(f"{path}, column cost_pkr", what, given.loc[apart, "offer_id"], fix))
    # A CSV cannot distinguish an empty string from a missing value.
    for name in made.select_dtypes(["object", "str"]).columns:
        if not made[name].isna().any():
            given[name] = given[name].astype(object).where(given[name].notna(), "")
    return given[made.columns].astype(made.dtypes.to_dict()).reset_index(drop=True)


def _as_rows(given: pd.DataFrame, known: Mapping[str, pd.Series], path: Path) -> pd.DataFrame:
    """Return a matrix of minutes as one row per pair, and other tables unchanged."""
    if "cell_id" not in given.columns or not {"site_id", "travel_min"}.isdisjoint(given.columns):
        return given
    wide = given.set_index("cell_id")
    if list(wide.columns[:1]) == [PLACE.format(1)]:
        there = tuple(len(ids) for ids in known.values())
        if wide.shape != there:
            cells, sites = map(counted, there, ("cell", "site"))
            what = "is a matrix of {:,} x {:,}, but the study has {} and {}"
            fix = "order rows like Study.cells and columns like Study.candidates, or use ids"
            raise InputError(str(path), what.format(*wide.shape, cells, sites), fix)
        wide = wide.set_axis(known["cell_id"].astype(str))
        wide = wide.set_axis(known["site_id"].astype(str), axis=1)
    rows = wide.rename_axis("cell_id").reset_index().melt("cell_id", None, "site_id", "travel_min")
    return rows[rows["travel_min"].notna() & (rows["travel_min"] != math.inf)]


def _read(path: Path, spec: Table) -> pd.DataFrame:
    """Return the table of a CSV file, with ids read as text."""
    texts = dict.fromkeys((column.name for column in spec.columns if column.kind == "id"), "str")
    return read_csv(path, dtype=texts)


def _strays(given: pd.DataFrame, known: Mapping[str, pd.Series], path: Path) -> Iterator[Fault]:
    """Yield one fault per column, which lists the ids that the study does not have."""
    for name, ids in known.items():
        if name in given.columns:
            stray = given.loc[~given[name].isin(set(ids.astype(str))), name]
            what = f"the study lacks {counted(stray.nunique(dropna=False), 'id')}"
            yield from naming(f"{path}, column {name}", what, stray)
