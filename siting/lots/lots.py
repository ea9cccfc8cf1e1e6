"""A plan parted into lots for a tender, and the folder that says so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from siting import __version__
from siting.errors import Fault, InputError
from siting.export import noted, write_csv, write_geojson, write_json
from siting.lots.areas import with_areas
from siting.lots.neighbours import ground_of
from siting.lots.page import write_page
from siting.lots.parting import Values, least_spread, need, part, spread
from siting.sites.chargers_text import added_up
from siting.study.stored_run import Source, plan_of, study_of
from siting.writing import claimed_folder

# Largest radius of a search area by default (m): Germany's were 2 km, outside cities too.
MOST_M = 1000.0


@dataclass(frozen=True, eq=False)
class Lots:
    """A plan in lots.

    Parameters
    ----------
    title, note
        Of the study; the note with whose data it is.
    lots
        One row a lot, the ground of its stations in lon/lat: what it serves, costs and needs.
    areas
        One row a new station, the area to search in lon/lat: what must stand there at least.
    facts
        What ``lots.json`` says: how alike the lots are and the least that is possible.
    notes
        The same in sentences.
    """

    title: str
    note: str
    lots: gpd.GeoDataFrame
    areas: gpd.GeoDataFrame
    facts: dict[str, Any]
    notes: tuple[str, ...]


def part_into_lots(
    run: Source,
    lots: int,
    *,
    within: float = 0.10,
    loss: float = 0.05,
    most_m: float = MOST_M,
) -> Lots:
    """Return a plan's new stations in connected lots of like energy and public money.

    Stations are neighbours where their ground meets by road, and a lot is connected by them. The
    lots are as alike as were found in the energy they serve and in the public money that each
    needs as one business: the good stations of a lot carry its weak ones.

    Parameters
    ----------
    run
        A run folder, a study or a plan.
    lots
        How many.
    within
        By what share the largest lot may be above the smallest.
    loss
        Share of its energy that a station may lose wherever it stands in its search area.
    most_m
        The largest radius of a search area (m).

    Raises
    ------
    InputError
        If the run builds no station, or fewer than there are lots; if a share is none.

    Examples
    --------
    >>> lots = part_into_lots("runs/islamabad", 10)  # doctest: +SKIP
    >>> lots.lots[["lot", "energy_kwh_day", "ceiling_pkr"]]  # doctest: +SKIP
    """
    _require_sense(lots, within, loss, most_m)
    study = study_of(run)
    plan = study.plan if not isinstance(run, Path | str) else plan_of(study, Path(run))
    new = plan.new_sites.sort_values("site_id", ignore_index=True)
    if new.empty:
        what = "builds no new station, so that there is nothing to part"
        raise InputError(Fault(str(plan.title), what, "plan with more money, or allow more sites"))
    if lots > len(new):
        what = f"{lots} lots of {len(new)} new stations: a lot holds one at least"
        raise InputError(Fault("--lots", what, f"ask for {len(new)} or fewer"))
    sites = plan.candidates.set_index("site_id").loc[new["site_id"]]
    business = plan.tables["business"].set_index("site_id").loc[new["site_id"]]
    offers = plan.offers.set_index("offer_id").loc[new["offer_id"]]
    npv = business["npv_pkr"].to_numpy(dtype=float)
    xy = new.geometry.get_coordinates().to_numpy()
    ground = ground_of(study.network, sites["node_id"].astype("int64").tolist(), xy)
    values = Values(new["served_kwh_day"].to_numpy(dtype=float), npv, xy)
    lot = _by_size(part(values, ground.pairs, lots, within), values)
    built = plan.outcome.built
    opened = built.assign(year=built["year"].fillna(study.config.year)).groupby("site_id")["year"]
    stations = gpd.GeoDataFrame(
        {
            "lot": lot,
            **{name: new[name].to_numpy() for name in ("site_id", "name", "whereabouts")},
            "snap_m": sites["snap_m"].to_numpy(dtype=float),
            "least_chargers": new["chargers"].to_numpy(),
            "least_ports": offers["ports"].to_numpy(dtype=int),
            "least_power_kw": new["power_kw"].to_numpy(dtype=float),
            "bays_needed": offers["bays_needed"].to_numpy(dtype=float),
            "open_by": [f"{opened.min()[site]:.0f}-01-01" for site in new["site_id"]],
            "energy_kwh_day": values.energy_kwh_day,
            "cost_pkr": new["cost_pkr"].to_numpy(dtype=float),
            "npv_pkr": npv,
            "plan_subsidy_pkr": new["subsidy_pkr"].to_numpy(dtype=float),
        },
        geometry=new.geometry.to_numpy(),
        crs=new.crs,
    ).sort_values(["lot", "site_id"], ignore_index=True)
    reach = study.config.reach
    if reach.table_csv is not None:
        what = "the drives are a table of your own, which says nothing of other places"
        raise InputError(Fault("reach.table_csv", what, "plan on drives over the roads"))
    stations = with_areas(
        stations, plan.service, plan.cells, study.network,
        cutoff_min=reach.cutoff_min, access_kmh=reach.access_kmh, loss=loss, most_m=most_m,
    ).drop(columns="snap_m")  # fmt: skip
    table = _lots_of(stations, _ground(plan.cells, study.network, ground.of_node, lot))
    facts, notes = _alike(values, lot, within, stations)
    if ground.joined:
        notes.append(f"{ground.joined} pairs of neighbours are joined by no road of the data")
    written = plan.facts.get("written", "")
    facts = {"siting": __version__, "name": study.config.name, "run_written": written,
             "lots": lots, "within_share": within, "loss_share": loss, "most_radius_m": most_m,
             **facts, "notes": notes}  # fmt: skip
    centre = stations.geometry
    areas = stations.set_geometry(centre.buffer(stations["radius_m"].clip(lower=25.0)))
    at = centre.to_crs(4326)
    areas = areas.assign(lon=at.x.round(7), lat=at.y.round(7)).to_crs(4326)
    return Lots(plan.title, noted(plan), table, areas, facts, tuple(notes))


def lots_to_folder(
    folder: Path, lots: int, *, out: Path | None, now: datetime, **how: Any
) -> tuple[Lots, Path]:
    """Part a run into lots, write their folder and return both: see `part_into_lots`.

    Returns
    -------
    tuple
        The lots, and a folder with ``lots`` and ``areas`` as GeoJSON and CSV, ``lots.json`` and
        ``lots.html``, the page to print; by default ``RUN-lots-TIME``.
    """
    usual = folder.resolve().parent / f"{folder.resolve().name}-lots-{now:%Y%m%d-%H%M%S}"
    with claimed_folder(out, usual) as claim:
        parted = part_into_lots(folder, lots, **how)
        for name, layer in (("lots", parted.lots), ("areas", parted.areas)):
            key = "lot" if name == "lots" else "site_id"
            note = f"{parted.title}. {parted.note}"
            write_geojson(layer, claim.part / f"{name}.geojson", name=name, note=note, key=key)
            table = pd.DataFrame(layer.drop(columns="geometry"))
            write_csv(table, claim.part / f"{name}.csv", note=parted.note)
        write_json(parted.facts, claim.part / "lots.json")
        roads = study_of(folder).network.edges.to_crs(4326)
        write_page(parted, roads, claim.part / "lots.html")
    return parted, claim.place


def _require_sense(lots: int, within: float, loss: float, most_m: float) -> None:
    faults = []
    if lots < 1:
        faults.append(Fault("--lots", f"{lots} is no number of lots", "ask for 1 or more"))
    for name, value in (("--within", within), ("--loss", loss)):
        if not 0 <= value < 1:
            faults.append(Fault(name, f"{value:g} is no share", "give one from 0 to below 1"))
    if not 0 < most_m < math.inf:
        faults.append(Fault("--radius", f"{most_m:g} is no radius", "give metres above 0"))
    if faults:
        raise InputError(faults)


def _by_size(lot: np.ndarray, values: Values) -> np.ndarray:
    """Return lots numbered from 1, from north to south."""
    north = [values.xy[lot == n, 1].mean() for n in range(lot.max() + 1)]
    rank = np.empty(len(north), dtype=int)
    rank[np.argsort([-y for y in north], kind="stable")] = np.arange(1, len(north) + 1)
    return np.asarray(rank[lot])


def _ground(
    cells: gpd.GeoDataFrame, network: Any, of_node: np.ndarray, lot: np.ndarray
) -> gpd.GeoSeries:
    """Return the ground of each lot: the cells whose junction its stations are nearest to."""
    near = cells[cells["node_id"].notna()]
    station = of_node[network.nodes.index.get_indexer(near["node_id"].astype("int64"))]
    return gpd.GeoSeries(near[station >= 0].dissolve(lot[station[station >= 0]]).geometry)


def _lots_of(stations: gpd.GeoDataFrame, ground: gpd.GeoSeries) -> gpd.GeoDataFrame:
    rows = []
    for number, here in stations.groupby("lot"):
        largest = here.loc[here["energy_kwh_day"].idxmax()]
        rows.append(
            {
                "lot": number,
                "about": largest["whereabouts"] or largest["name"],
                "stations": len(here),
                "weak_stations": int((here["npv_pkr"] < 0).sum()),
                "least_chargers": added_up(here["least_chargers"]),
                "least_ports": int(here["least_ports"].sum()),
                "least_power_kw": here["least_power_kw"].sum(),
                "open_from": here["open_by"].min(),
                "open_by": here["open_by"].max(),
                "energy_kwh_day": here["energy_kwh_day"].sum(),
                "cost_pkr": here["cost_pkr"].sum(),
                "npv_pkr": here["npv_pkr"].sum(),
                "plan_subsidy_pkr": here["plan_subsidy_pkr"].sum(),
                "ceiling_pkr": need(here["npv_pkr"].sum()),
                "loss_kwh_day": float((here["loss_share"] * here["energy_kwh_day"]).sum()),
            }
        )
    table = pd.DataFrame(rows)
    shapes = ground.reindex(table["lot"]).to_numpy()
    return gpd.GeoDataFrame(table, geometry=shapes, crs=ground.crs).to_crs(4326)


def _alike(
    values: Values, lot: np.ndarray, within: float, stations: gpd.GeoDataFrame
) -> tuple[dict[str, Any], list[str]]:
    """Return how alike the lots are, and what no parting can better, as facts and in words."""
    count = int(lot.max())
    energy = np.array([values.energy_kwh_day[lot == n].sum() for n in range(1, count + 1)])
    money = np.array([need(values.npv_pkr[lot == n].sum()) for n in range(1, count + 1)])
    least = least_spread(values.energy_kwh_day, count)
    apart = spread(energy)
    text = f"energy: {energy.min():,.0f} to {energy.max():,.0f} kWh/day a lot, {apart:.1%} apart"
    if apart <= within + 1e-9:
        text += f"; {within:.0%} was asked"
    elif least > within:
        most = max(n for n in range(1, count) if least_spread(values.energy_kwh_day, n) <= within)
        largest = stations.loc[stations["energy_kwh_day"].idxmax()]
        text += (
            f", where {within:.0%} was asked and {least:.1%} is the least that any parting into "
            f"{count} has, connected or not: {largest['site_id']} alone serves "
            f"{largest['energy_kwh_day']:,.0f}, and an even share is {energy.mean():,.0f}; ask for "
            f"fewer lots ({most} at most), or plan smaller stations (offers.sizes)"
        )
    else:
        text += f", where {within:.0%} was asked; that no parting is more alike is not proven"
    alone = float(np.maximum(-values.npv_pkr, 0).sum())
    good = int((values.npv_pkr > 0).sum())
    # Where few stations earn more than they cost, lots without one need money and others none.
    must = count - good if (values.npv_pkr != 0).all() else 0
    said = f"public money: PKR {money.min() / 1e6:,.2f} to {money.max() / 1e6:,.2f} m a lot, "
    said += f"{money.sum() / 1e6:,.2f} m in all; {alone / 1e6:,.2f} m station by station"
    if spread(money) > within:
        said += f"; that is more than {within:.0%} apart"
        if must > 0 and values.npv_pkr.sum() >= 0:
            said += (
                f", as in any parting: {good} stations earn more than they cost, so that "
                f"{must} lots or more hold none of them"
            )
        else:
            said += ", and that no parting is more alike is not proven"
    facts = {
        "energy": {"least_kwh_day": energy.min(), "most_kwh_day": energy.max(),
                   "spread_share": apart, "least_possible_share": least,
                   "reached": bool(apart <= within + 1e-9)},
        "money": {"least_pkr": money.min(), "most_pkr": money.max(), "all_pkr": money.sum(),
                  "station_by_station_pkr": alone,
                  "spread_share": None if math.isinf(spread(money)) else spread(money),
                  "reached": bool(spread(money) <= within + 1e-9)},
    }  # fmt: skip
    return facts, [text, said]
