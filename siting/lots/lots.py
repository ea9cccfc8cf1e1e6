"""Divide a plan into lots for a tender, with search areas, and write the lots to a folder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.sparse.csgraph import dijkstra

from siting import __version__
from siting.economics import at_hurdle
from siting.errors import Fault, InputError, refuse
from siting.export import noted, write_csv, write_geojson, write_json
from siting.export.values import plain
from siting.lots.annex import Lots, page_of
from siting.lots.parting import least_spread, need, part, spread
from siting.roads import Network
from siting.roads.travel import drive_matrix
from siting.sites import Hurdle
from siting.sites.chargers_text import added_up
from siting.study.program_inputs import subsidy_of
from siting.study.recounted import business_of
from siting.study.stored_run import Source, plan_from_run, plan_of, study_of
from siting.texts import counted
from siting.writing import claimed_folder, write_text

# Default maximum radius of a search area (m). German tenders used 2 km, in and outside cities.
MOST_M = 1000.0
# Minimum drawn radius of a search area (m), about the size of a station's plot.
LEAST_M = 25.0
STEP_M = 10.0  # radii are rounded down to multiples of this
METRES_A_MINUTE = 1000.0 / 60.0
# Stations are split at most this many times to make the lots similar.
MOST_SPLIT = 6
OPEN = "; it is not proven whether more similar lots exist"


def part_into_lots(
    run: Source, lots: int, *, within: float = 0.10, loss: float = 0.05, most_m: float = MOST_M
) -> Lots:
    """Divide a plan's new stations into connected lots; return the lots and search areas.

    The lots are similar in energy and public money. Each lot is one business, in which profitable
    stations help to pay for weak ones. The catchment of a station is the part of the road network
    that is nearer to it than to any other station. Two stations are neighbours if a street joins
    their catchments. In a connected lot, one can go from any station to any other by steps between
    neighbours.

    Parameters
    ----------
    run
        A run folder, a study or a plan.
    lots
        Number of lots.
    within
        Share by which the largest lot may exceed the smallest, in energy and in public money.
    loss
        Share of a station's energy that may be lost if it moves within its search area.
    most_m
        The maximum radius of a search area (m).

    Raises
    ------
    InputError
        If the run builds no station or fewer stations than lots, or if a share is invalid.

    Examples
    --------
    >>> lots = part_into_lots("runs/islamabad", 10)  # doctest: +SKIP
    >>> lots.lots[["lot", "energy_kwh_day", "ceiling_pkr"]]  # doctest: +SKIP
    """
    _require_sense(lots, within, loss, most_m)
    study = study_of(run)
    plan = plan_of(study, run)
    new = plan.new_sites.sort_values("site_id", ignore_index=True)
    if new.empty:
        what = "builds no new station, so there is nothing to divide"
        raise InputError(str(plan.title), what, "set a larger budget, or allow more sites")
    if lots > len(new):
        what = f"{lots} lots cannot be made from {counted(len(new), 'new station')}"
        raise InputError("lots", what, f"request {len(new)} lots or fewer")
    reach = study.config.reach
    if reach.table_csv is not None:
        what = "the drives come from a user table, which has no drives to other places"
        raise InputError("reach.table_csv", what, "compute the drives over the roads")
    sites = plan.candidates.set_index("site_id").loc[new["site_id"]]
    offers = plan.offers.set_index("offer_id").loc[new["offer_id"]]
    npv = plan.tables["business"].set_index("site_id")["npv_pkr"].loc[new["site_id"]]
    energy = new["served_kwh_day"].to_numpy(dtype=float)
    whole = _New(study.network, sites["node_id"].to_numpy("int64"), energy,
                 npv.to_numpy(dtype=float), new.get_coordinates().to_numpy(),
                 np.ones(len(new), dtype=int))  # fmt: skip
    lot, least, ground = whole.parted(lots, within)
    drawn = plan.sites.set_index("offer_id")["subsidy_pkr"]
    rules = at_hurdle(study.asked.rules, subsidy_of(study.config).held_to)
    at_rules = replace(study.asked, rules=rules)
    held = business_of(at_rules, plan.offers, drawn, plan.service, Hurdle())
    years = plan.outcome.built.groupby("site_id")["year"].min().fillna(study.config.year)
    stations = new[["site_id", "name", "whereabouts", "geometry"]].assign(
        lot=lot,
        least_chargers=new["chargers"],
        least_ports=offers["ports"].to_numpy(dtype=int),
        least_power_kw=new["power_kw"],
        bays_needed=offers["bays_needed"].to_numpy(dtype=float),
        open_by=[f"{years[site]:.0f}-01-01" for site in new["site_id"]],
        energy_kwh_day=energy,
        cost_pkr=new["cost_pkr"],
        npv_pkr=whole.npv,
        at_hurdle_pkr=held.set_index("site_id")["npv_pkr"].loc[new["site_id"]].to_numpy(),
        plan_subsidy_pkr=new["subsidy_pkr"],
        snap_m=sites["snap_m"].to_numpy(dtype=float),
    )
    stations = with_areas(
        stations, plan.service, plan.cells, study.network,
        cutoff_min=reach.cutoff_min, access_kmh=reach.access_kmh, loss=loss, most_m=most_m,
    ).drop(columns="snap_m").sort_values(["lot", "site_id"], ignore_index=True)  # fmt: skip
    # The catchment of a lot consists of the cells whose junction is nearest to one of its stations.
    cells = plan.cells[plan.cells["node_id"].notna()]
    at = study.network.nodes.index.get_indexer(cells["node_id"].astype("int64"))
    table = _lots_of(stations, cells.dissolve(lot[ground[at]]))
    stations = stations.drop(columns="at_hurdle_pkr")
    facts, notes = _alike(whole, new["site_id"].to_numpy(), lot, within, least)
    lacking = table["lacking_pkr"] / 1e6
    if lacking.max() > table["ceiling_pkr"].max() / 1e6:
        notes.insert(2, f"shortfall at the plan's hurdle (offers.subsidy): PKR "
                        f"{lacking.min():,.2f} to {lacking.max():,.2f} m per lot; PKR "
                        f"{lacking.sum():,.2f} m in total; the plan pays PKR "
                        f"{table['plan_subsidy_pkr'].sum() / 1e6:,.2f} m station by "
                        "station")  # fmt: skip
    facts = {"siting": __version__, "name": study.config.name,
             "run_written": plan.facts.get("written", ""), "lots": lots, "within_share": within,
             "loss_share": loss, "most_radius_m": most_m, **facts, "notes": notes}  # fmt: skip
    centres = stations.geometry.to_crs(4326)
    areas = stations.set_geometry(stations.buffer(stations["radius_m"].clip(lower=LEAST_M)))
    areas = areas.assign(lon=centres.x.round(7), lat=centres.y.round(7)).to_crs(4326)
    return Lots(plan.title, noted(plan), table, areas, facts, tuple(notes))


def lots_to_folder(
    folder: Path, lots: int, *, out: Path | None, now: datetime, **how: Any
) -> tuple[Lots, Path]:
    """Divide a run into lots (`part_into_lots`); return the lots and their folder.

    The folder, by default ``RUN-lots-TIME``, contains ``lots`` and ``areas`` as GeoJSON and CSV,
    ``lots.json``, and ``lots.html``, a page for printing.
    """
    usual = folder.resolve().parent / f"{folder.resolve().name}-lots-{now:%Y%m%d-%H%M%S}"
    with claimed_folder(out, usual) as (part, place):
        plan = plan_from_run(folder)
        parted = part_into_lots(plan, lots, **how)
        note = f"{parted.title}. {parted.note}"
        for name, layer, key in (("lots", parted.lots, "lot"), ("areas", parted.areas, "site_id")):
            write_geojson(layer, part / f"{name}.geojson", name=name, note=note, key=key)
            table = pd.DataFrame(layer.drop(columns="geometry"))
            write_csv(table, part / f"{name}.csv", note=parted.note)
        write_json(parted.facts, part / "lots.json")
        write_text(part / "lots.html", page_of(parted, plan.edges.to_crs(4326)))
    return parted, place


def ground_of(network: Network, nodes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest station of each junction (a Voronoi diagram) and all neighbours.

    Each junction belongs to the station with the shortest driving time, as if all streets were open
    in both directions. Two stations are neighbours if a street joins their catchments, or if they
    are at the same junction. Because the roads are connected, the graph of neighbours is connected
    too.

    The first result gives each junction's station, as a position in `nodes`. The second result has
    one row per pair of neighbours: their positions in `nodes`, the smaller one first.
    """
    streets, _ = drive_matrix(network)
    heads, head_of = np.unique(network.nodes.index.get_indexer(list(nodes)), return_inverse=True)
    _, _, source = dijkstra(
        streets, directed=False, indices=heads, min_only=True, return_predecessors=True
    )
    head = np.searchsorted(heads, source)
    at_head = [np.flatnonzero(head_of == h).tolist() for h in range(len(heads))]
    links = {*map(tuple, np.column_stack([head[end] for end in streets.nonzero()]).tolist())}
    links |= {(h, h) for h in range(len(heads))}
    met = ((i, j) for a, b in links for i in at_head[a] for j in at_head[b] if i != j)
    pairs = sorted({(min(ends), max(ends)) for ends in met})
    first_at = np.array([here[0] for here in at_head])
    return first_at[head], np.array(pairs, dtype=int).reshape(-1, 2)


def with_areas(
    stations: gpd.GeoDataFrame, service: pd.DataFrame, cells: pd.DataFrame, network: Network, *,
    cutoff_min: float, access_kmh: float, loss: float, most_m: float,
) -> gpd.GeoDataFrame:  # fmt: skip
    """Return the stations, each with its search radius and the maximum loss within that radius.

    A moved station keeps the drivers who reach its new place within the cutoff, and loses the
    energy of all others. The new places that are tried are the network's junctions. A new place is
    assumed to be as far from its junction as the old place is from the road. No driver is served by
    two stations, so all stations may move at once, and the losses add up.

    `stations` has the columns ``site_id`` and ``snap_m``, and points in metres. `service`, `cells`
    and `network` come from the plan. `cutoff_min` and `access_kmh` are as for `siting.roads.reach`.
    `loss` is the share of a station's energy that may be lost, and `most_m` the maximum radius (m).
    Two columns are added: ``radius_m``, rounded down to a multiple of 10 m, and ``loss_share``, the
    largest share lost at any place in the circle.
    """
    streets, _ = drive_matrix(network)
    junctions = network.nodes.get_coordinates().to_numpy()
    homes = cells[cells["node_id"].notna()].set_index("cell_id")
    homes["at"] = network.nodes.index.get_indexer(homes["node_id"].astype("int64"))
    kwh_of = {
        str(site): rows.groupby("cell_id")["served_kwh_day"].sum()
        for site, rows in service.groupby("site_id")
    }
    radii, losses = [], []
    columns = (stations["site_id"], stations["snap_m"], stations.geometry)
    for site, snap_m, point in zip(*columns, strict=True):
        kwh = kwh_of.get(str(site), pd.Series(dtype=float))
        home = homes.loc[kwh.index]
        access_min = (home["snap_m"].astype(float) + snap_m) / (access_kmh * METRES_A_MINUTE)
        metres = np.hypot(*(junctions - (point.x, point.y)).T)
        near = np.flatnonzero(metres <= most_m)
        near = near[np.argsort(metres[near], kind="stable")]
        kept = np.zeros(len(near))
        for at, access, amount in zip(home["at"], access_min, kwh, strict=True):
            minutes = access + dijkstra(streets, indices=at, limit=cutoff_min)[near]
            kept[minutes <= cutoff_min + 1e-9] += amount
        share = np.maximum(kwh.sum() - kept, 0.0) / (kwh.sum() or 1.0)
        bad = np.flatnonzero(share > loss + 1e-9)
        end = metres[near[bad[0]]] if len(bad) else most_m
        # A place with too much loss must be outside the circle, not on its edge.
        radius = np.floor(end / STEP_M) * STEP_M
        radii.append(float(radius - STEP_M if len(bad) and radius == end else radius))
        inside = metres[near] <= max(radii[-1], 0.0)
        losses.append(float(share[inside].max(initial=0.0)))
    return stations.assign(radius_m=np.maximum(radii, 0.0), loss_share=losses)


def _require_sense(lots: int, within: float, loss: float, most_m: float) -> None:
    faults = []
    if lots < 1:
        faults.append(Fault("lots", f"{lots} is not a number of lots", "enter 1 or more"))
    for name, value in (("within", within), ("loss", loss)):
        if not 0 <= value < 1:
            fix = "enter a share of at least 0 and less than 1"
            faults.append(Fault(name, f"{value:g} is not a share", fix))
    if not 0 < most_m < math.inf:
        faults.append(Fault("most_m", f"{most_m:g} is not a radius", "enter a distance above 0 m"))
    refuse(faults)


def _lots_of(stations: gpd.GeoDataFrame, ground: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    lost = stations["loss_share"] * stations["energy_kwh_day"]
    weak = stations["npv_pkr"] < 0
    by_lot = stations.assign(loss_kwh_day=lost, weak_stations=weak).groupby("lot")
    largest = stations.loc[by_lot["energy_kwh_day"].idxmax()].set_index("lot")
    where = largest["whereabouts"].where(largest["whereabouts"] != "", largest["name"])
    summed = ["weak_stations", "least_ports", "least_power_kw", "energy_kwh_day", "cost_pkr",
              "npv_pkr", "at_hurdle_pkr", "plan_subsidy_pkr", "loss_kwh_day"]  # fmt: skip
    table = by_lot[summed].sum()
    table.insert(0, "about", where)
    table.insert(1, "stations", by_lot.size())
    table.insert(3, "least_chargers", by_lot["least_chargers"].agg(added_up))
    table["ceiling_pkr"] = table["npv_pkr"].map(need)
    table["lacking_pkr"] = table.pop("at_hurdle_pkr").map(need)
    table["open_from"], table["open_by"] = by_lot["open_by"].min(), by_lot["open_by"].max()
    shapes = ground.geometry.reindex(table.index)
    return gpd.GeoDataFrame(table.reset_index(), geometry=shapes.array, crs=ground.crs).to_crs(4326)


@dataclass(frozen=True, eq=False)
class _New:
    """New stations, each tendered whole or in equal parts."""

    network: Network
    node: np.ndarray
    kwh: np.ndarray
    npv: np.ndarray
    xy: np.ndarray
    parts: np.ndarray

    @property
    def at(self) -> np.ndarray:
        """The position of the station to which each part belongs."""
        return np.repeat(np.arange(len(self.parts)), self.parts)

    def parted(self, lots: int, within: float) -> tuple[np.ndarray, float, np.ndarray]:
        """Return the lot of each part, a lower bound on the spread, and each junction's station."""
        at = self.at
        ground, pairs = ground_of(self.network, self.node[at].tolist())
        kwh, npv = (self.kwh / self.parts)[at], (self.npv / self.parts)[at]
        made = part(kwh, npv, self.xy[at], pairs, lots, within)
        # The lots are numbered from 1, from north to south.
        north = [-self.xy[at][made.lot == n, 1].mean() for n in range(made.lot.max() + 1)]
        rank = 1 + np.argsort(np.argsort(north, kind="stable"))
        return rank[made.lot], made.least, at[ground]

    def sums(self, lot: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the energy of each lot, and the public money that it needs."""
        kwh, npv = (np.bincount(lot, (v / self.parts)[self.at])[1:] for v in (self.kwh, self.npv))
        return kwh, np.maximum(-npv, 0.0)

    def alike(self, lots: int, within: float) -> tuple[float, bool]:
        """Return a spread of `lots` lots, and whether `within` is proven to be impossible.

        The spread is the lower bound if that exceeds `within`, and otherwise the spread of the lots
        found.
        """
        least = least_spread((self.kwh / self.parts)[self.at], lots)
        if least > within:
            return least, True
        lot, least, _ = self.parted(lots, within)
        return max(map(spread, self.sums(lot))), least >= within

    def fewer(self, lots: int, within: float) -> tuple[int, float, bool]:
        """Return the largest lot count below `lots` with a spread up to `within`, and that spread.

        The number is 1 if no other is found. The third value is true if all numbers in between are
        proven to be impossible.
        """
        proven = True
        for count in range(lots - 1, 1, -1):
            apart, none = self.alike(count, within)
            if apart <= within:
                return count, apart, proven
            proven &= none
        return 1, 0.0, proven

    def split(self, lots: int, within: float) -> tuple[_New, float] | None:
        """Split large stations until the spread is at most `within`; None if that does not help."""
        made = self
        for _ in range(MOST_SPLIT):
            parts = made.parts.copy()
            parts[(made.kwh / parts).argmax()] += 1
            made = replace(made, parts=parts)
            apart, _ = made.alike(lots, within)
            if apart <= within:
                return made, apart
        return None


def _alike(
    new: _New, ids: np.ndarray, lot: np.ndarray, within: float, least: float
) -> tuple[dict[str, Any], list[str]]:
    """Return facts and notes on the spread of the lots, its lower bound, and alternatives."""
    (kwh, pkr), count, npv = new.sums(lot), int(lot.max()), new.npv
    apart, paid_apart = spread(kwh), spread(pkr)
    good, alone = int((npv > 0).sum()), float(np.maximum(-npv, 0).sum())
    notes = [
        f"energy: {kwh.min():,.0f} to {kwh.max():,.0f} kWh/day per lot, {apart:.1%} apart",
        f"public money: PKR {pkr.min() / 1e6:,.2f} to {pkr.max() / 1e6:,.2f} m per lot; PKR "
        f"{pkr.sum() / 1e6:,.2f} m in total; PKR {alone / 1e6:,.2f} m if paid station by station",
    ]
    if apart > within:
        notes[0] += f", although at most {within:.0%} was requested"
        notes[0] += _why(new.kwh, ids, count, within, least) if least >= within else OPEN
    if paid_apart > within:
        notes[1] += f"; the lots are more than {within:.0%} apart"
        # If there are fewer profitable stations than lots, some lots have none and need money.
        if good < count and (npv != 0).all() and npv.sum() >= 0:
            notes[1] += f", as in any division: at least {counted(count - good, 'lot')} would have "
            notes[1] += "no station that earns more than it costs"
        else:
            notes[1] += OPEN
    can: dict[str, Any] = {}
    if max(apart, paid_apart) > within:
        fewer, theirs, proven = new.fewer(count, within)
        can["fewer"] = {"lots": fewer, "spread_share": theirs}
        found = f"{'is possible' if proven else 'was found'} within {within:.0%}"
        if fewer > 1:
            notes.append(f"{fewer} lots would be {theirs:.1%} apart (--lots {fewer})")
            if fewer + 1 < count:
                notes[-1] += f"; no number of lots between {fewer} and {count} {found}"
        elif count > 2:
            notes.append(f"no smaller number of lots {found} either")
        if new.kwh.max() > kwh.mean() and (split := new.split(count, within)):
            parts = {str(i): int(n) for i, n in zip(ids, split[0].parts, strict=True) if n > 1}
            can["split"] = {"parts": parts, "spread_share": split[1]}
            told = " and ".join(f"{i} in {n} equal parts" for i, n in parts.items())
            notes.append(f"{count} lots would be {split[1]:.1%} apart if you tender {told}")
        if apart > within:
            notes.append("more stations of smaller sizes (offers.sizes) allow a more even division")
    facts = {
        "energy": {"least_kwh_day": kwh.min(), "most_kwh_day": kwh.max(),
                   "spread_share": apart, "least_possible_share": least,
                   "reached": apart <= within},
        "money": {"least_pkr": pkr.min(), "most_pkr": pkr.max(), "all_pkr": pkr.sum(),
                  "station_by_station_pkr": alone, "reached": paid_apart <= within,
                  "spread_share": paid_apart},
        **can,
    }  # fmt: skip
    return plain(facts), notes


def _why(kwh: np.ndarray, ids: np.ndarray, count: int, within: float, least: float) -> str:
    """Return the reason why no connected lots have a spread of at most `within`."""
    even = kwh.sum() / count
    said = f". {count} lots cannot be within {within:.0%} of each other: in every division into "
    said += f"connected lots, the largest and smallest differ by at least {least:.1%}. An even "
    said += f"share is {even:,.0f} kWh/day"
    order = np.argsort(-kwh, kind="stable")
    large = order[kwh[order] > even][:3]
    for i in large:
        said += f"; {ids[i]} alone serves {kwh[i] / even:.0%} of this share ({kwh[i]:,.0f} kWh/day)"
    if not len(large):
        said += f"; {len(kwh)} stations, each with {kwh.min() / even:.0%} to "
        said += f"{kwh.max() / even:.0%} of this share, do not add up to {count} similar lots"
    return said
