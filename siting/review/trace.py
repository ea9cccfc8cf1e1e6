"""Trace the figures of a plan: a chain of calculation steps leads back to table rows.

For one vehicle class in one cell, the demand is computed as::

    kWh/day in the zone = vehicles in the country x the city's share x the area's share
                          x the zone's share x km/day x kWh/km / efficiency x public share
    kWh/day in the cell = kWh/day in the zone x (home weight x the cell's share of homes
                          + destination weight x the cell's share of places
                          + en-route weight x the cell's share of traffic)

The product is computed again from the files of the run folder and compared with the stored value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from siting.demand import FACTORS, depot_shares, place_depots, stock_of_figures
from siting.demand.surfaces import SURFACES
from siting.errors import InputError
from siting.review.trace_station import trace_station
from siting.review.traced import Chain, Factor, Slice, Step, Trace, Traced, factor_of

UNITS = {
    "country_vehicles": "vehicles",
    "km_day": "km/day",
    "kwh_km": "kWh/km",
    **dict.fromkeys(
        ("city_share", "area_share", "zone_share", "electric_km_share", "public_share"), "share"
    ),
}


def trace(
    folder: Path | str | Traced,
    wanted: str,
    *,
    vehicle_class: str | None = None,
    year: int | None = None,
    scenario: str | None = None,
) -> Trace:
    """Return the calculations behind a cell's demand or a station's figures.

    Parameters
    ----------
    folder
        A run folder, or a `Traced` made from a run folder.
    wanted
        The id of a cell, or the id or name of a station.
    vehicle_class
        The class of the demand in a cell, or of the energy that a station serves; by default, all.
    year, scenario
        A year of the plan (by default, the last) and a scenario. If no scenario is given, figures
        of the target year are for the configuration's own demand, and figures of any other year are
        for the scenario whose name sorts first.

    Raises
    ------
    InputError
        If the folder cannot be used, or has no such cell, station, class, year or scenario.

    Examples
    --------
    >>> traced = trace("runs/islamabad", "c00337", vehicle_class="car")  # doctest: +SKIP
    >>> traced.chains[0].value, traced.same  # doctest: +SKIP
    """
    run = folder if isinstance(folder, Traced) else Traced(folder)
    kind, name = run.find(wanted)
    at = run.slice(year, scenario)
    known = list(dict.fromkeys(run.table("energy_factors")["vehicle_class"]))
    if vehicle_class is not None and vehicle_class not in known:
        what = f"no vehicle class {vehicle_class!r} in this run"
        raise InputError("vehicle_class", what, "it has " + ", ".join(known))
    classes = known if vehicle_class is None else [vehicle_class]
    if kind == "station":
        return trace_station(run, name, at, classes)
    return _trace_cell(run, name, at, classes)


def cell_chain(run: Traced, cell: str, vehicle_class: str, at: Slice) -> Chain:
    """Return the calculation of a class's demand (kWh/day) in a cell, in year and scenario `at`."""
    table = run.config.demand.table
    if table is not None:
        own = f"its demand is a row of {table.name}, a table of your own"
        raise InputError(cell, f"{own}, so there is no calculation to trace")
    zone, inside = _zone(run, cell)
    factors = run.table("energy_factors")
    wanted_row = [at.year, at.fleet, at.case, vehicle_class]
    rows = factors[(factors[["year", "fleet", "case", "vehicle_class"]] == wanted_row).all(axis=1)]
    if zone:
        rows = rows[rows["zone_id"].astype(str) == zone]
    row = rows.iloc[0]
    steps: list[Step] = []
    if _depots(run, vehicle_class) is None:  # otherwise the depots replace the fleet model
        key = (vehicle_class, at)
        if key not in run.fleets:
            run.fleets[key] = _fleet(run, vehicle_class, at, float(row["country_vehicles"]))
        steps += run.fleets[key]
    names = [name for name in FACTORS if name != "zone_share" or zone]
    told = (*names[:-1], "charging_efficiency", names[-1])
    used = [_factor(run, name, vehicle_class, float(row[name]), zone) for name in told]
    efficiency = float(row["charging_efficiency"])
    wanted = float(np.prod([float(row[name]) for name in FACTORS])) / efficiency
    words = " x ".join(
        f"{float(row[name]):,.6g}" + (f" {UNITS[name]}" if UNITS[name] != "share" else "")
        for name in names
    )
    if efficiency != 1:
        words += f" / {efficiency:g}"
    where = f"zone {zone}" if zone else "the area"
    zone_kwh = float(row["demand_kwh_day"])
    steps.append(Step(f"demand in {where}", words, wanted, "kWh/day", zone_kwh, tuple(used)))
    ways, inner = _ways(run, cell, vehicle_class, inside)
    share = sum(way.value for way in ways)
    steps += ways
    words = f"{wanted:,.6g} x ({inner})" if len(ways) > 1 else f"{wanted:,.6g} x {share:.6g}"
    rows = run.rows_of("demand" if at.name is None else "outcome_demand", cell)
    if at.name is not None:
        rows = rows[rows["slice"].fillna("").astype(str) == at.name]
    stored = float(rows.loc[rows["vehicle_class"] == vehicle_class, "demand_kwh_day"].sum())
    steps.append(Step("demand in the cell", words, wanted * share, "kWh/day", stored))
    note = f"case {at.case}: each figure is at an end of its range"
    notes = () if at.case == "central" else (note,)
    return Chain(f"{vehicle_class} demand in cell {cell}", tuple(steps), notes)


def _trace_cell(run: Traced, cell: str, at: Slice, classes: Iterable[str]) -> Trace:
    chains = [cell_chain(run, cell, name, at) for name in classes]
    chains.sort(key=lambda chain: -(chain.stored or 0.0))
    row = run.rows_of("cells", cell).iloc[0]
    note = f"{row['people']:,.0f} people live in the cell; "
    note += (
        "it is more than reach.max_snap_m from a road, so it cannot be served"
        if pd.isna(row["node_id"])
        else f"its road junction is {row['snap_m']:,.0f} m away"
    )
    keys = ("demand.people", "demand.wealth", "demand.surfaces.places", "roads.source")
    inputs = pd.DataFrame([record for record in run.facts["inputs"] if record["key"] in keys])
    inputs = inputs.reindex(columns=["key", "kind", "file", "source", "sha256"]).fillna("")
    tables = {"places": _places(run, cell), "inputs": inputs}
    return Trace("cell", cell, "", at.year, at.scenario, tuple(chains), tables, (note,),
                 run.config.note)  # fmt: skip


def _zone(run: Traced, cell: str) -> tuple[str, np.ndarray]:
    """Return the zone of a cell (blank if it has none), and a mask of the cells in this zone."""
    cells = run.table("cells")
    zones = cells.get("zone_id", pd.Series("", index=cells.index)).astype(str)
    zone = str(zones[cells["cell_id"].astype(str) == cell].iloc[0])
    return zone, (zones == zone).to_numpy()


def _fleet(run: Traced, vehicle_class: str, at: Slice, vehicles: float) -> list[Step]:
    """Return the step that derives vehicles from sales; empty if it cannot be computed again."""
    figures = run.figures[run.figures["of"] == vehicle_class]
    sales = figures[(figures["used_for"] == "energy demand") & figures["table"].ne("vehicles.csv")]
    suffix = "" if at.fleet == run.config.demand.scenario else f" {at.fleet}"
    targets = sales[sales["figure"].str.fullmatch(r"share_\d{4}" + suffix)]
    named = ["sales_year", "growth", "life_years", "life_shape", "saturation"]
    named += ["opening_vehicles", "opening_age_years"]
    basis = sales[sales["figure"].isin(named)]
    if targets.empty or len(basis) < len(named) or at.case != "central":
        return []
    rows = pd.concat([basis, targets])
    used = rows.assign(figure=rows["figure"].str.removesuffix(suffix) if suffix else rows["figure"])
    words = "surviving electric vehicles: those of 2025 and those sold since 2026 "
    words += f"(scenario {at.fleet})"
    stock = stock_of_figures(used, at.year)
    factors = tuple(factor_of(row) for row in rows.to_dict("records"))
    return [Step("vehicles in the country", words, stock, "vehicles", vehicles, factors)]


def _factor(run: Traced, name: str, vehicle_class: str, value: float, zone: str) -> Factor:
    unit = UNITS.get(name, "")
    if name == "zone_share":
        return Factor(name, zone or "all", value, unit, "stages/energy_factors.parquet",
                      said="share of the area's people (cars: by ownership too)")  # fmt: skip
    if name != "public_share":
        return run.worked_out(name, vehicle_class, value, unit, "stages/energy_factors.parquet")
    home = run.figure("home_share", vehicle_class)
    said = f"1 - {1 - value:.6g} charged at home"
    if home is None:
        return Factor(name, vehicle_class, value, unit, said=said)
    if zone:
        effects = run.figures[run.figures["figure"].isin(["renting_effect", "high_rise_effect"])]
        moved = ", ".join(f"{r['figure']} {r['value']:g}" for r in effects.to_dict("records"))
        said += f": home_share {home.value:g} of the class, adjusted for housing ({moved})"
    low, high = (None if end is None else 1 - end for end in (home.high, home.low))
    return replace(home, figure=name, value=value, unit=unit, low=low, high=high, said=said)


def _ways(run: Traced, cell: str, vehicle_class: str, inside: np.ndarray) -> tuple[list[Step], str]:
    """Return a cell's share of a class's energy by demand surface, and the sum of these in words.

    Each step is the surface's weight times the cell's share of the surface.
    """

    def only(name: str, share: float, words: str) -> tuple[list[Step], str]:
        return [Step(f"the cell's share, {name}", words, share, "share")], ""

    cells = run.table("cells")
    if (depots := _depots(run, vehicle_class)) is not None:
        depots = depots[depots["cell_id"].isin(cells.loc[inside, "cell_id"])]
        here = depots["cell_id"].astype(str) == cell
        share = float(depot_shares(depots)[here].sum()) if len(depots) else 0.0
        words = f"{here.sum()} of {len(depots)} depots of the class are in the cell"
        return only("depots", share, words)
    at = int(np.flatnonzero((cells["cell_id"].astype(str) == cell).to_numpy())[0])
    people = cells["people"].to_numpy(dtype=float)
    # A home's weight is its relative wealth raised to the power of the class's ownership weight.
    wealth = cells.get("relative_wealth", pd.Series(1.0, index=cells.index)).to_numpy(dtype=float)
    times = wealth ** run.value("ownership_weight", vehicle_class)
    lived = f"{people[at]:,.6g}"
    lived += "" if times[at] == 1 else f" x {times[at]:.4g} (relative wealth)"
    surfaces = run.table("surfaces")
    if surfaces is None:
        total = (people * times)[inside].sum()
        share = people[at] * times[at] / total if total > 0 else 1 / inside.sum()
        words = f"{lived} of {total:,.6g} people live here"
        return only("people", float(share), words)
    given = surfaces.set_index("cell_id").loc[cells["cell_id"], list(SURFACES)].astype(float)
    given = given.assign(home=given["home"] * times).to_numpy()
    total = given[inside].sum(axis=0)
    weight = np.array([run.value(name, vehicle_class) for name in SURFACES])
    known = total > 0
    kept = np.where(known, weight, 0.0)
    if not kept.sum() > 0:
        kept = known.astype(float)
    if not known.any():
        return only("cells", 1 / inside.sum(), "no data, so all cells count equally")
    kept = kept / kept.sum()
    share = given[at] / np.where(known, total, 1.0)
    ways, parts = [], []
    for i, name in enumerate(SURFACES):
        whole = float(surfaces.attrs["whole"][name]) * float(total[i])
        words, weights = _drawn(run, cell, name, lived, whole)
        words = f"weight {kept[i]:.4g} x {share[i]:.6g}: {words}"
        if not np.isclose(kept[i], weight[i]):
            words += f" (weight {weight[i]:.4g} in the table; surfaces without data have weight 0)"
        factors = (*run.figures_of([name], vehicle_class), *weights)
        value = float(kept[i]) * float(share[i])
        ways.append(Step(f"the cell's share, {name}", words, value, "share", None, factors))
        parts.append(f"{kept[i]:.4g} x {share[i]:.6g}")
    return ways, " + ".join(parts)


def _depots(run: Traced, vehicle_class: str) -> pd.DataFrame | None:
    """Return the depots of a class with their cells and energy; None if it has no depots."""
    fleets = [one.model_dump() for one in run.config.demand.fleets or ()]
    mine = pd.DataFrame([one for one in fleets if one["vehicle_class"] == vehicle_class])
    if mine.empty:
        return None
    own = {name: run.figure(name, vehicle_class) for name in ("km_day", "home_share")}
    # Only shares of the energy are used, so figures that are equal at all depots are set to 1.
    use = pd.DataFrame({"vehicle_class": [vehicle_class], "kwh_km": 1.0, "electric_km_share": 1.0,
                        "charging_efficiency": 1.0,
                        **{k: 1.0 if f is None else f.value for k, f in own.items()}})  # fmt: skip
    return place_depots(mine, use, run.table("cells"), run.config.reach.max_snap_m)


def _drawn(run: Traced, cell: str, surface: str, lived: str, of: float) -> tuple[str, list[Factor]]:
    """Describe a cell's people, places or traffic (for a demand surface); return their weights too.

    `lived`: the people in the cell, as text; `of`: the surface's total weight in the zone or area.
    """
    if surface == "home":
        words, factors = f"{lived} of {of:,.6g} people live here", list[Factor]()
    elif surface == "destination":
        places = _places(run, cell)
        weight = float((places["weight"] * places["part"]).sum())
        words = f"{len(places):,} places here weigh {weight:,.6g} of {of:,.6g}"
        by_tag = places.groupby("tag", sort=False).agg({"weight": "first", "part": "sum"})
        factors = [
            run.worked_out("poi_weight", str(tag), float(weight), "", "poi_weights.csv",
                           f"{count:g} here")
            for tag, weight, count in by_tag.itertuples()
        ]  # fmt: skip
    else:
        row = run.rows_of("surfaces", cell).iloc[0]
        parts = row[[c for c in row.index if c.startswith("en_route_")]].astype(float)
        parts = parts[parts > 0].rename(lambda column: column.removeprefix("en_route_"))
        shares = parts.sort_values(ascending=False) / row["en_route"]
        on = ", ".join(f"{kind} {share:.0%}" for kind, share in shares.items())
        words = f"passing traffic, weighted by drivers' readiness to stop: {on or 'none'}"
        factors = [
            run.worked_out("road_weight", str(kind), known.value, "", "",
                           f"{part:.6g} of the area's traffic, weighted")
            for kind, part in parts.items()
            if (known := run.figure("road_weight", str(kind))) is not None
        ]  # fmt: skip
    return words if of > 0 else "the surface has no data here", factors


def _places(run: Traced, cell: str) -> pd.DataFrame:
    """Return the places that draw vehicles to a cell; an empty table if there are none."""
    if run.table("cell_places") is None:
        return pd.DataFrame(columns=["cell_id", "name", "tag", "weight", "part"])
    return run.rows_of("cell_places", cell).reset_index(drop=True)
