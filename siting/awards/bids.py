"""Read a user's bids from a CSV file, and turn them into a study's offers and limits.

Each line describes a place: ``bidder``, ``lon``, ``lat``, the chargers (``chargers`` as text, or
``configuration``), and ``ask_pkr`` or ``rent_pkr``. Lines with the same ``bid`` form a bundle,
which wins or loses as a whole, and whose ask or rent is the sum over its lines. Among bids of one
bidder with the same ``one_of``, at most one wins. Optional columns: ``name``, ``year`` (of opening)
and the columns that ``award.caps`` names. The ask of a bid is the subsidy of the bid's offers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from siting.awards.asks import Bid
from siting.config import Config, with_keys
from siting.errors import ConfigError, Fault, refuse
from siting.files import LONLAT_ALIASES, PAKISTAN_WSEN, UserTable, texts_of
from siting.program.limits import Limit
from siting.program.program import Program
from siting.review.added_places import located, study_of_sites, study_with_sites
from siting.review.awarded import ZONE, zone_of_sites
from siting.review.outside_plan import Catalogue, counts_of, on_roads, own_sites
from siting.sites import charger_catalogue
from siting.sites.chargers_text import size_name
from siting.sites.merge import joined
from siting.study.pipeline import Study
from siting.study.program_inputs import money_of
from siting.study.read_sources import configurations_of
from siting.study.stages import Report
from siting.study.to_limits import bare_names

TEXTS = ("bid", "bidder", "name", "one_of")
PLACE = "p{:04d}"
PRICE = "an amount of PKR 0 or more"
NO_BID = "nobody bids for this place"
KEPT = "a station exists there, and offers.existing_policy: keep leaves it unchanged"


@dataclass(frozen=True, eq=False)
class Bidding:
    """Bids turned into offers of a study; its program chooses the winners."""

    study: Study  # the study whose offers are the bids and the existing stations
    # The study's program. Bids above their reserve price are included, but cannot win.
    program: Program
    # The bids of the program, by name; `above`: bids above their reserve price.
    bids: dict[str, Bid]
    above: frozenset[str]
    # One row per place: ``bid``, ``bidder``, ``site_id``, ``offer_id``, ``configuration``,
    # ``ask_pkr``, ``rent_pkr``, ``cost_pkr``, ``power_kw``, ``year``, ``one_of``, ``why_not`` (why
    # the bid cannot win), ``reserve_pkr`` and the columns to which caps refer.
    places: pd.DataFrame


def bidding_of(
    study: Study, path: Path, *, gap: float, time_limit_s: float | None, progress: Report | None
) -> Bidding:
    """Return the bids in a file as offers of a study.

    An exception lists all errors in the configuration or, if there are none, those in the file.
    """
    _require_answerable(study.config)
    bids, file = read_bids(path, study.config, charger_catalogue(study.config.offers.chargers_csv))
    there = configurations_of(study.config.offers)
    spelled = {tuple(sorted(c.items())): name for name, c in there.items()}
    bids["configuration"] = [
        spelled.get(tuple(sorted(c.items())), size_name(c)) for c in bids["counts"]
    ]
    wanted = dict(zip(bids["configuration"], bids["counts"], strict=True))
    config = _config_of(study.config, wanted, gap, time_limit_s)
    asked = study.with_stages({}, config, progress=progress)
    places, added = placed(asked, bids, file)
    offers = study_of_sites(asked, added).offers if len(added) else asked.offers.iloc[:0]
    whole = study_with_sites(asked, added, offers)
    places = _priced(whole, places)
    offers = _offers(whole.offers, places)
    made = whole.with_stages({"offers": offers})
    ready = places[(places["why_not"] == "") | places["over_reserve"]]
    named = {}
    for bid, rows in ready.groupby("bid", sort=False):
        ask, reserve = (float(rows[name].sum()) for name in ("ask_pkr", "reserve_pkr"))
        offer_ids, shares = tuple(rows["offer_id"]), tuple(rows["share"])
        named[str(bid)] = Bid(str(bid), offer_ids, ask, shares, reserve)
    limits = (*made.limits, *_limits(made, ready))
    made = made.with_stages({"limits": limits})
    over, open_ = ready[ready["over_reserve"]], made
    if len(over):
        mine = offers["offer_id"].isin(over["offer_id"])
        offers = offers.assign(reason=offers["reason"].mask(mine, ""))
        open_ = made.with_stages({"offers": offers, "limits": limits})
    return Bidding(made, open_.program, named, frozenset(over["bid"].astype(str)), places)


def _require_answerable(config: Config) -> None:
    """Reject keys that are invalid for an award, which maximises worth within the budget."""
    keys, fix = config.program, "leave it out, or override it"
    what = "cannot be used in an award, which maximises the worth within the budget"
    unfit = {
        "scenarios": keys.scenarios is not None,
        "fairness": keys.fairness != "none",
        "least_cost": keys.least_cost is not None,
        "least_gain.rule": keys.least_gain.always,
        "years.upgrades": keys.years is not None and keys.years.upgrades,
        "alternatives": keys.alternatives is not None,
    }
    faults = [Fault(f"program.{key}", what, fix) for key, on in unfit.items() if on]
    if config.solver.method == "greedy":
        what = "greedy gives no proof that a losing bid had to lose"
        faults.append(Fault("solver.method", what, "use exact or milp"))
    if faults:
        raise ConfigError(faults)


def _config_of(
    config: Config, wanted: dict[str, dict[str, int]], gap: float, time_limit_s: float | None
) -> Config:
    """Return the award's configuration, in which a bid's subsidy is what its bidder asks for."""
    keys: dict[str, object] = {
        "offers.configurations": wanted,
        "offers.sizes": None,
        "offers.table_csv": None,
        "offers.subsidy.rule": "share",
        "program.then": ("least_money",),
        "solver.gap": gap,
    }
    if time_limit_s is not None:
        keys["solver.time_limit_s"] = time_limit_s
    return with_keys(config, keys)


def _priced(study: Study, places: pd.DataFrame) -> pd.DataFrame:
    """Return a row per site of each bid: offer, cost, power, and why the bid cannot win, if so."""
    offers, reserve = study.offers, study.config.award
    new = offers[~offers["existing"].to_numpy(bool)]
    key = pd.MultiIndex.from_arrays([new["site_id"].astype(str), bare_names(new)])
    at = key.get_indexer(pd.MultiIndex.from_arrays([places["site_id"], places["configuration"]]))
    picked = new.iloc[np.maximum(at, 0)].reset_index(drop=True)
    out = places.reset_index(drop=True)
    out["row"] = new.index.to_numpy()[np.maximum(at, 0)]
    out["why_not"] = np.where(at < 0, KEPT, texts_of(picked, "reason"))
    out[["cost_pkr", "power_kw"]] = picked[["cost_pkr", "power_kw"]].to_numpy(float)
    out["reserve_pkr"] = reserve.reserve_share * out["cost_pkr"]
    if reserve.reserve_pkr_kw is not None:
        out["reserve_pkr"] = out["reserve_pkr"].clip(upper=reserve.reserve_pkr_kw * out["power_kw"])
    named = study.candidates.set_index("site_id")["name"]
    known = [str(named.get(site) or "") for site in out["site_id"]]
    out["name"] = out["name"].where(out["name"] != "", known)
    for column in {cap.column for cap in reserve.caps.values()}:
        if column == ZONE and ZONE not in out.columns:
            out[ZONE] = out["site_id"].map(zone_of_sites(study, out["site_id"]))
    by = out.groupby("bid", sort=False)
    cost = by["cost_pkr"].transform("sum")
    asks, reserved = by["ask_pkr"].transform("sum"), by["reserve_pkr"].transform("sum")
    out["share"] = (out["cost_pkr"] / cost).where(cost > 0, 1 / by["bid"].transform("size"))
    out["ask_pkr"] = asks * out["share"]
    why = by["why_not"].transform(lambda lines: next((t for t in lines if t), ""))
    over = np.array([f"asks for more than the reserve price of PKR {pkr:,.0f}" for pkr in reserved])
    out["over_reserve"] = (why == "") & (asks > reserved * (1 + 1e-12))
    out["why_not"] = np.where(out["over_reserve"], over, why)
    # The lowest id wins a tie, so bids are numbered by preference: first by rent, then by line.
    rents = by["rent_pkr"].sum().sort_values(ascending=False, kind="stable")
    rank = {bid: n for n, bid in enumerate(rents.index, 1)}
    part = by.cumcount() + 1
    out["offer_id"] = [
        f"bid{rank[b]:04d}:{b}" + (f"/{n}" if size > 1 else "")
        for b, n, size in zip(out["bid"], part, by["bid"].transform("size"), strict=True)
    ]
    return out


def _offers(offers: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """Return the offers: existing stations, bids, and an unbuildable offer at each other site."""
    stands = offers["existing"].to_numpy(bool)
    bid = offers.loc[places["row"]].copy()
    bid["offer_id"] = places["offer_id"].to_numpy(object)
    bid["reason"] = places["why_not"].to_numpy(object)
    bid["subsidy_pkr"] = np.minimum(*places[["ask_pkr", "cost_pkr"]].to_numpy(float).T)
    bid["bundle"] = places["bid"].to_numpy(object)
    bid["opens_year"] = places["year"].to_numpy(int)
    bid = bid[(places["why_not"] != KEPT).to_numpy()]
    taken = {*offers.loc[stands, "site_id"], *bid["site_id"]}
    others = offers[~offers["site_id"].isin(taken)].drop_duplicates("site_id")
    parts = [offers[stands], bid, others.assign(reason=NO_BID)]
    out = pd.concat([part for part in parts if len(part)], ignore_index=True)
    out["bundle"] = texts_of(out, "bundle")
    out["opens_year"] = out["opens_year"].fillna(0).astype(int)
    return out


def _limits(study: Study, places: pd.DataFrame) -> list[Limit]:
    out = []
    for (bidder, group), rows in places[places["one_of"] != ""].groupby(["bidder", "one_of"]):
        first = rows.drop_duplicates("bid")["offer_id"]
        label = f"one of {group} of {bidder}"
        out.append(Limit(label, "alternatives", "bids", 1.0, dict.fromkeys(first, 1.0)))
    budget = money_of(study.config)
    faults = []
    for name, cap in study.config.award.caps.items():
        groups = dict(iter(places.groupby(texts_of(places, cap.column))["offer_id"]))
        groups.pop("", None)
        if cap.value is not None and cap.value not in groups:
            fix = f"known names: {', '.join(sorted(groups))}"
            faults.append(Fault(f"award.caps.{name}.value", f"no bid has {cap.value!r}", fix))
        share_pkr = (cap.budget_share or math.inf) * budget
        most_pkr = share_pkr if cap.pkr is None else min(cap.pkr, share_pkr)
        for value, ids in groups.items():
            if cap.value not in (None, value):
                continue
            use = dict.fromkeys(ids, 1.0)
            if cap.stations is not None:
                called = f"{name}, {value}: stations"
                out.append(Limit(called, "cap", "stations", cap.stations, use))
            if math.isfinite(most_pkr):
                called = f"{name}, {value}: money"
                out.append(Limit(called, "cap", "PKR", most_pkr, use, per_rupee=True))
    if faults:
        raise ConfigError(faults)
    return out


def read_bids(
    path: Path, config: Config, chargers: pd.DataFrame
) -> tuple[gpd.GeoDataFrame, UserTable]:
    """Return the places of the bids, not yet matched to sites, and the file that was read.

    `chargers` is the catalogue. The table has one row per place: ``bid``, ``bidder``, ``name``,
    ``counts`` (chargers by type), ``year`` (0: any), ``ask_pkr``, ``rent_pkr``, ``one_of``,
    ``line``, the columns of ``award.caps`` as text, and points in lon/lat. The errors found are in
    the file's ``faults``.
    """
    file = UserTable(path, TEXTS)
    table = file.table
    if not {"lon", "lat"} & set(table.columns):
        table = file.table = table.rename(columns=LONLAT_ALIASES)
    capped = [c.column for c in config.award.caps.values() if c.column != ZONE]
    needed = [[name] for name in dict.fromkeys(["bidder", "lon", "lat", *capped])]
    file.require(*needed, ["ask_pkr", "rent_pkr"])
    labels = pd.Series(file.labels, index=table.index, dtype=object)
    out = pd.DataFrame({name: file.text(name) for name in [*TEXTS, *capped]})
    out["bid"] = out["bid"].where(out["bid"] != "", labels)
    by, money = out.groupby("bid"), money_of(config)
    ask, rent = file.number("ask_pkr", PRICE), file.number("rent_pkr", PRICE)
    out["ask_pkr"], out["rent_pkr"] = ask.fillna(0.0), rent.fillna(0.0)
    priced = file.text("ask_pkr") + file.text("rent_pkr") != ""
    asks, rents = by["ask_pkr"].transform("sum"), by["rent_pkr"].transform("sum")
    years, year = config.program.years, file.number("year", "a year")
    there = [config.year] if years is None else list(years.budgets_pkr)
    out["year"] = (year if years is not None else year * 0).fillna(0).astype(int)
    lon, lat = file.number("lon", "degrees", -180.0), file.number("lat", "degrees", -90.0)
    west, south, east, north = PAKISTAN_WSEN
    far = lon.notna() & lat.notna() & ~(lon.between(west, east) & lat.between(south, north))
    degrees = "give degrees with a decimal point"
    for column, what, fix, bad in (
        ("bidder", "blank", "name the bidder", out["bidder"] == ""),
        ("bid", "a bundle of two bidders", "give each bidder a bundle of its own",
         by["bidder"].transform("nunique") > 1),
        ("ask_pkr", "bids without a price",
         "give ask_pkr, or rent_pkr if the bid pays a rent and asks for no money",
         ~priced.groupby(out["bid"]).transform("any")),
        ("ask_pkr", f"asks for more than the whole budget (PKR {money:,.0f})",
         "leave the bid out, or raise program.budget_pkr", asks > money),
        ("rent_pkr", "asks for money and pays a rent", "bid the difference",
         (asks > 0) & (rents > 0)),
        ("year", f"opens in a year outside the plan ({', '.join(map(str, there))})",
         "enter a year of the plan, or leave it blank", year.notna() & ~year.isin(there)),
        ("lon", "blank", degrees, file.text("lon") == ""),
        ("lat", "blank", degrees, file.text("lat") == ""),
        ("lon, lat", "outside Pakistan (60-78 E, 23-38 N)", "lon is east, lat north", far),
    ):  # fmt: skip
        file.fault(column, what, fix, bad)
    points = gpd.points_from_xy(lon.mask(far), lat.mask(far))
    layer = gpd.GeoDataFrame(table, geometry=points, crs=4326)
    known = set(chargers["charger_id"].astype(str))
    catalogue = Catalogue(configurations_of(config.offers), known, {})
    none = np.zeros(len(table), dtype=bool)
    counts = counts_of(layer, path, list(file.labels), none, catalogue, file.faults)
    file.faults += [
        Fault(str(path), f"no charger or configuration {name!r}",
              f"known names: {', '.join(sorted(known))}", tuple(lines))
        for name, lines in catalogue.unknown.items()
    ]  # fmt: skip
    out = out.assign(counts=pd.Series(counts, index=out.index, dtype=object), line=labels)
    return gpd.GeoDataFrame(out, geometry=layer.geometry), file


def placed(
    study: Study, bids: gpd.GeoDataFrame, file: UserTable
) -> tuple[pd.DataFrame, gpd.GeoDataFrame]:
    """Return bids with the ``site_id`` of each place, and the sites to add to the study.

    A place takes the nearest site of the study within ``candidates.merge_within_m``. Each other
    place takes an earlier new site within that distance or, failing that, becomes a new site. An
    `InputError` lists every error in the bids, including those found by `read_bids`.
    """
    settings, ours = study.config.candidates, study.candidates
    rows = np.flatnonzero(np.isfinite(bids.geometry.x) & np.isfinite(bids.geometry.y))
    points = bids.iloc[rows].to_crs(study.network.crs)
    xy = points.geometry.get_coordinates().to_numpy()
    there = ours["site_id"].astype(str).to_numpy(object)
    away, which = cKDTree(ours.geometry.get_coordinates().to_numpy()).query(xy)
    site = np.where(away <= settings.merge_within_m, there[which], "").astype(object)
    lone = points[site == ""].rename(columns={"line": "their_id"})
    snapped, off_road = on_roads(study, lone, str(file.path))
    file.faults += off_road
    ids, own = np.unique(joined(xy[site == ""], settings.merge_within_m), return_inverse=True)
    site[site == ""] = [PLACE.format(n + 1) for n in own]
    new = bids.assign(site_id="", said=[str(sorted(c.items())) for c in bids["counts"]])
    new.loc[new.index[rows], "site_id"] = site
    known = new["site_id"] != ""
    file.fault("bid", "a bundle that lists a place twice", "give its chargers on one line",
               known & new.duplicated(["bid", "site_id"], keep=False))  # fmt: skip
    alone = known & (new["one_of"] == "") & ~new["bid"].duplicated(keep=False)
    again = new[alone].duplicated(["bidder", "site_id", "said", "year"], keep=False)
    file.fault("", "bids of one bidder for the same place, chargers and year",
               "leave one out, or name them in one bundle or one_of",
               again.reindex(new.index, fill_value=False))  # fmt: skip
    refuse(file.faults)
    first = lone.iloc[ids]
    places = pd.Series([PLACE.format(n + 1) for n in range(len(first))], dtype=object)
    added = own_sites(first, places, snapped.iloc[ids], "bid", "the bids")
    return pd.DataFrame(new.drop(columns=["geometry", "said"])), located(study, added)
