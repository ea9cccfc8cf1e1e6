"""Division of a study area's demand among cells, by homes, destinations and through traffic."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from siting.demand.cells import Floats
from siting.demand.depots import depot_shares
from siting.demand.housing import crossed
from siting.demand.surfaces import SURFACES, destination_shares
from siting.errors import Fault, InputError, refuse, require_kind
from siting.files import missing_columns, not_numbers, rows_fault
from siting.reference import table
from siting.tables import CELLS, validate

log = logging.getLogger(__name__)


def spread_demand(
    cells: gpd.GeoDataFrame,
    energy: pd.DataFrame,
    surfaces: pd.DataFrame | None = None,
    weights: pd.DataFrame | None = None,
    depots: pd.DataFrame | None = None,
    ownership: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return public charging demand by cell and vehicle class (kWh/day).

    Without `surfaces`, energy is proportional to population, which assumes charging near home. With
    `surfaces` (`siting.demand.surfaces`), the energy of a class is divided among home, destination
    and en-route charging.

    Parameters
    ----------
    cells
        Demand cells, as `make_cells` returns them. Demand in cells without a node cannot be served.
    energy
        ``vehicle_class`` and ``demand_kwh_day`` (kWh/day), as `city_energy` returns them. With a
        ``zone_id`` column, `energy` has one row per zone and class, and energy stays in its zone.
        If the cells have no zones, `energy` may have a single zone: the whole area.
    surfaces
        ``cell_id``, ``home``, ``destination``, ``en_route``: each cell's share of each surface.
    weights
        ``vehicle_class``, ``home``, ``destination``, ``en_route``: weights that divide a class's
        energy among surfaces (None means the package's table). The weights need not sum to 1. If a
        surface is 0 in all cells of a zone, its weight goes to the other surfaces.
    depots
        Fleets by depot, as `place_depots` returns them. Their classes have demand only at depots.
    ownership
        Exponent by class (default: 0). If the cells have ``relative_wealth``, energy near homes is
        proportional to population times wealth raised to this exponent.

    Returns
    -------
    DataFrame
        ``demand_id``, ``cell_id``, ``vehicle_class``, ``demand_kwh_day``, in the order of the
        cells, then of the classes. Rows without energy are left out. ``attrs["notes"]`` lists the
        weights that were moved to other surfaces.

    Raises
    ------
    InputError
        If a table is invalid, nobody lives in the cells, there is no demand, a class has no
        weights, or a zone with demand has no cell.

    Examples
    --------
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_id": ["c1", "c2"], "people": [30.0, 10.0], "node_id": [1, 2], "snap_m": 0.0},
    ...     geometry=gpd.points_from_xy([0, 500], [0, 0]), crs=32643)
    >>> energy = pd.DataFrame({"vehicle_class": ["car"], "demand_kwh_day": [8.0]})
    >>> spread_demand(cells, energy)["demand_kwh_day"].to_list()
    [6.0, 2.0]
    """
    validate(cells, CELLS)
    require_kind("energy", energy, pd.DataFrame, "pass a table like that of city_energy")
    refuse(missing_columns(energy, ("vehicle_class", "demand_kwh_day"), "energy"))
    if energy.empty:
        raise InputError("energy", "has no rows", "add a row for each vehicle class")
    by_zone = "zone_id" in energy and ("zone_id" in cells or len(energy["zone_id"].unique()) != 1)
    classes = list(dict.fromkeys(energy["vehicle_class"].astype(str)))
    faults = _energy_faults(energy, cells, by_zone)
    if not cells["people"].sum() > 0:
        faults.append(Fault("cells, column people", "nobody lives in any cell"))
    names: tuple[str, ...] = ("people",)
    division, by_cell = np.ones((len(classes), 1)), cells
    if surfaces is not None:
        names = SURFACES
        division, more = _division(weights, classes)
        refuse(faults + _surface_faults(surfaces, cells) + more)
        by_cell = surfaces.set_index("cell_id").loc[cells["cell_id"]]
    refuse(faults)
    shares = by_cell[list(names)].to_numpy(dtype=float)
    # Factor by which wealth changes ownership: one row per cell, one column per class.
    wealth = cells.get("relative_wealth", pd.Series(1.0, index=cells.index)).to_numpy(dtype=float)
    owned = wealth[:, None] ** np.array([(ownership or {}).get(name, 0.0) for name in classes])
    notes: dict[str, None] = {}
    fleets = {} if depots is None else dict(list(depots.groupby("vehicle_class", sort=False)))
    wanted = energy["demand_kwh_day"].to_numpy(dtype=float)
    column = pd.Index(classes).get_indexer(pd.Index(energy["vehicle_class"].astype(str)))
    zones = energy["zone_id"].astype(str).to_numpy() if by_zone else np.full(len(energy), "")
    of_cell = cells["zone_id"].astype(str).to_numpy() if by_zone else np.full(len(cells), "")
    spread = np.zeros((len(cells), len(classes)))
    for zone in dict.fromkeys(zones):
        at, rows_of = np.flatnonzero(of_cell == zone), np.flatnonzero(zones == zone)
        if not len(at):  # only a zone without demand can lack cells (checked above)
            continue
        for row in rows_of:
            mix, moved = _mix(shares[at], division[column[row]], owned[at, column[row]])
            spread[at, column[row]] += wanted[row] * mix
            if moved.any() and wanted[row] > 0 and classes[column[row]] not in fleets:
                where = f" in zone {zone}" if by_zone else ""
                lost = ", ".join(n for n, gone in zip(names, moved, strict=True) if gone)
                notes[f"{classes[column[row]]}: no data on {lost}{where}, so its weight goes to "
                      "the other surfaces"] = None  # fmt: skip
    for at_class, name in enumerate(classes):
        if name in fleets:
            depot_cells = pd.Index(cells["cell_id"]).get_indexer(pd.Index(fleets[name]["cell_id"]))
            parts = spread[:, at_class].sum() * depot_shares(fleets[name]).to_numpy()
            spread[:, at_class] = np.bincount(depot_cells, weights=parts, minlength=len(cells))
    for note in notes:
        log.info(note)
    demand = crossed(cell_id=cells["cell_id"], vehicle_class=classes)
    demand["demand_kwh_day"] = spread.ravel()
    demand = demand[demand["demand_kwh_day"] > 0].reset_index(drop=True)
    demand.insert(0, "demand_id", [f"d{i:05d}" for i in range(1, len(demand) + 1)])
    demand.attrs["notes"] = list(notes)
    return demand


def surface_weights(overrides: Mapping[str, Mapping[str, float]] | None = None) -> pd.DataFrame:
    """Return the shares by which each class's public charging is divided among surfaces.

    `overrides` replaces the package's weights of ``home``, ``destination`` and ``en_route`` for the
    given classes; they need not sum to 1. Columns: ``vehicle_class``; the three surfaces (sum 1),
    each with ``…_low`` and ``…_high`` (no range if overridden); ``unit``, ``source``,
    ``confidence``.

    >>> weights = surface_weights({"car": {"home": 1, "destination": 1, "en_route": 2}})
    >>> float(weights.set_index("vehicle_class").loc["car", "en_route"])
    0.5
    """
    rows = table("surface_weights").set_index("vehicle_class")
    unit = str(rows["unit"].iloc[0])
    for name, given in (overrides or {}).items():
        values = np.array([given[surface] for surface in SURFACES], dtype=float)
        for end in ("", "_low", "_high"):
            rows.loc[name, [f"{surface}{end}" for surface in SURFACES]] = values / values.sum()
        rows.loc[name, ["unit", "source", "confidence"]] = [unit, "set by the user", "ASSUMPTION"]
    return rows.reset_index()


def _mix(shares: Floats, weight: Floats, owned: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return a class's energy shares by cell (sum 1), and a mask of surfaces without data."""
    drawn = np.column_stack([shares[:, 0] * owned, shares[:, 1:]])
    whole = drawn.sum(axis=0)
    known = whole > 0
    each = drawn / np.where(known, whole, 1.0)
    kept = np.where(known, weight, 0.0)
    if kept.sum() > 0:
        mix = each @ (kept / kept.sum())
    elif known.any():  # no surface with a weight has data, so the others count equally
        mix = each @ (known / known.sum())
    else:
        mix = np.full(len(shares), 1 / len(shares))
    return mix / mix.sum(), (weight > 0) & ~known


def _energy_faults(energy: pd.DataFrame, cells: pd.DataFrame, by_zone: bool) -> list[Fault]:
    wanted = energy["demand_kwh_day"].to_numpy(dtype=float, na_value=np.nan)
    key = ["zone_id", "vehicle_class"] if by_zone else ["vehicle_class"]
    labels = energy[key].astype(str).agg(" ".join, axis=1).to_numpy()
    bad = not_numbers(energy["demand_kwh_day"])
    where = "energy, column demand_kwh_day"
    faults = rows_fault(where, bad, labels, "must be a number of at least 0")
    if not faults and not wanted.sum() > 0:
        faults.append(Fault(where, "no class has any demand"))
    twice = pd.Series(labels).duplicated()
    faults += rows_fault(f"energy, column {' + '.join(key)}", twice, labels, "given twice")
    if by_zone and "zone_id" not in cells.columns:
        fix = "make the cells from people with a `zone_id` column"
        faults.append(Fault("cells, column zone_id", "missing, but energy is given by zone", fix))
    elif by_zone:
        zones = energy["zone_id"].astype(str)
        lost = ~zones.isin(cells["zone_id"].astype(str)).to_numpy() & (wanted > 0)
        faults += rows_fault("energy, column zone_id", lost, zones, "zones without a cell")
    return faults


def _surface_faults(surfaces: pd.DataFrame, cells: pd.DataFrame) -> list[Fault]:
    faults = missing_columns(surfaces, ("cell_id", *SURFACES), "surfaces")
    if faults:
        return faults
    rows = surfaces["cell_id"]
    for name in SURFACES:
        bad = not_numbers(surfaces[name])
        faults += rows_fault(f"surfaces, column {name}", bad, rows, "missing or negative")
    where, ids = "surfaces, column cell_id", cells["cell_id"]
    faults += rows_fault(where, rows.duplicated(), rows, "given twice")
    return faults + rows_fault(where, ~ids.isin(rows), ids, "cells without a row")


def _division(weights: pd.DataFrame | None, classes: list[str]) -> tuple[Floats, list[Fault]]:
    """Return the shares of each class's energy by surface, and the errors in the weights."""
    figures = table("surface_weights") if weights is None else weights
    where = "surface weights, column vehicle_class"
    faults = missing_columns(figures, ("vehicle_class", *SURFACES), "surface weights")
    if not faults:
        name = figures["vehicle_class"].astype(str)
        faults = rows_fault(where, name.duplicated(), name, "given twice")
    if faults:
        return np.zeros((len(classes), len(SURFACES))), faults
    known = np.isin(classes, name)
    have = "add it; the table has: " + ", ".join(name)
    faults = rows_fault(where, ~known, classes, "no row for a class", have)
    division = figures.set_index(name)[list(SURFACES)].reindex(classes).to_numpy(dtype=float)
    good = np.isfinite(division).all(axis=1) & (division >= 0).all(axis=1)
    bad = known & ~(good & (division.sum(axis=1) > 0))
    what = "must be numbers of at least 0, with at least one above 0"
    return division, faults + rows_fault("surface weights", bad, classes, what)


def map_swings(
    cells: gpd.GeoDataFrame,
    energy: pd.DataFrame,
    surfaces: pd.DataFrame,
    weights: pd.DataFrame,
    pois: tuple[gpd.GeoDataFrame, pd.DataFrame] | None = None,
    ownership: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return how far each assumption about charging places moves demand, largest effect first.

    One weight at a time is set to each end of its range: the weight of a surface for a class, or
    the weight of a kind of place. The other surface weights of the class are scaled so that the sum
    stays 1. At each end, the share of energy that moves between cells is half the sum of the
    absolute changes in the cells' energy, divided by the total. The effect is the larger share.

    The arguments are as in `spread_demand`, but `energy` must exclude classes with depots, which
    surfaces do not affect. `pois` are places and their weights, as in `surfaces`. Columns:
    ``figure`` (``home``, ``destination``, ``en_route``, or ``poi_weight amenity=bank``),
    ``vehicle_class`` (blank for all), ``moved_cells_share``, ``source``, ``confidence``.
    """

    def by_cell(surfaces: pd.DataFrame, weights: pd.DataFrame) -> Floats:
        demand = spread_demand(cells, energy, surfaces, weights, ownership=ownership)
        sums = demand.groupby("cell_id")["demand_kwh_day"].sum()
        return sums.reindex(cells["cell_id"]).fillna(0.0).to_numpy(dtype=float)

    def moved(surfaces: pd.DataFrame, weights: pd.DataFrame) -> float:
        return float(np.abs(by_cell(surfaces, weights) - before).sum() / 2 / before.sum())

    before = by_cell(surfaces, weights)
    rows = []
    for at, row in weights[weights["vehicle_class"].isin(energy["vehicle_class"])].iterrows():
        for surface in SURFACES:
            others = [name for name in SURFACES if name != surface]
            rest = row[others].astype(float)
            ends = []
            for end in ("low", "high"):
                changed = weights.copy()
                changed.loc[at, surface] = at_end = float(row[f"{surface}_{end}"])
                if rest.sum() > 0:
                    changed.loc[at, others] = rest * (1.0 - at_end) / rest.sum()
                ends.append(moved(surfaces, changed))
            rows.append((surface, row["vehicle_class"], max(ends), *row[["source", "confidence"]]))
    if pois is not None:
        places, poi_weights = pois
        for at, row in poi_weights.iterrows():
            ends = []
            for end in ("low", "high"):
                changed = poi_weights.copy()
                changed.loc[at, "weight"] = row[end]
                share = destination_shares(cells, places, changed)
                there = surfaces.assign(destination=share.loc[surfaces["cell_id"]].to_numpy())
                ends.append(moved(there, weights))
            name = f"poi_weight {row['osm_key']}={row['osm_value']}"
            rows.append((name, "", max(ends), row["source"], row["confidence"]))
    columns = ["figure", "vehicle_class", "moved_cells_share", "source", "confidence"]
    swings = pd.DataFrame(rows, columns=columns)
    swings = swings[swings["moved_cells_share"] > 0]
    order = ["moved_cells_share", "figure", "vehicle_class"]
    return swings.sort_values(order, ascending=[False, True, True], ignore_index=True)
