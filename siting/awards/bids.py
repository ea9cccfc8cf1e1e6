"""Bids as a user writes them: a CSV read as a whole, with every fault by its line.

Each line is a place: ``bidder``, ``lon``, ``lat`` and its chargers (``chargers`` in words or
``configuration``), with ``ask_pkr`` or ``rent_pkr``. Lines with the same ``bid`` are a bundle, all
or none, whose money is the sum of its lines; bids with the same ``one_of`` are alternatives, of
which one wins at most. ``name`` and ``year`` (of opening) may be given, and any column that
``award.caps`` names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from siting import roads, sites
from siting.config import Config
from siting.errors import Fault, InputError
from siting.files import LONLAT_ALIASES, PAKISTAN_WSEN, read_csv, row_labels, texts_of
from siting.review.awarded import ZONE
from siting.review.outside_layer import Catalogue, counts_of
from siting.review.outside_plan import own_sites, road_faults
from siting.study.choices import configurations_of
from siting.study.pipeline import Study
from siting.study.program_inputs import money_of
from siting.study.sources import on_the_grid

NEEDED = ("bidder", "lon", "lat")
TEXTS = ("bid", "bidder", "name", "one_of")
PLACE = "p{:04d}"


class _Faults:
    """Faults by column, each with the lines it is at."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: list[Fault] = []

    def add(self, column: str, what: str, fix: str, rows: Iterable[int]) -> None:
        """Add a fault of some rows of a column, if there are any."""
        labels = row_labels(self.path, rows)
        if labels:
            where = f"{self.path}, column {column}" if column else str(self.path)
            self.found.append(Fault(where, what, fix, labels))


def read_bids(path: Path, config: Config, chargers: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return the places of the bids, a row each, as far as they can be read without a map.

    `chargers` is the catalogue. Columns: ``bid``, ``bidder``, ``name``, ``counts`` (chargers by
    type), ``year`` (0: any), ``ask_pkr``, ``rent_pkr``, ``one_of``, ``line``, those of the user's
    own as text, and points in lon/lat. An `InputError` names every fault.
    """
    table = read_csv(path, dtype=dict.fromkeys(TEXTS, "str"))
    if not {"lon", "lat"} & set(table.columns):
        table = table.rename(columns=LONLAT_ALIASES)
    faults = _Faults(path)
    have = ", ".join(map(str, table.columns))
    capped = [c.column for c in config.award.caps.values() if c.column != ZONE]
    lost = tuple(c for c in dict.fromkeys([*NEEDED, *capped]) if c not in table.columns)
    if {"ask_pkr", "rent_pkr"}.isdisjoint(table.columns):
        lost += ("ask_pkr",)
    if lost:
        raise InputError(Fault(str(path), "columns are missing", f"it has: {have}", lost))
    if table.empty:
        raise InputError(Fault(str(path), "has no bids", "write a line for each place"))
    labels = row_labels(path, range(len(table)))
    rows = np.arange(len(table))

    def number(name: str, least: float, what: str) -> pd.Series[float]:
        given = texts_of(table, name)
        read = pd.to_numeric(given.where(given != ""), errors="coerce").astype(float)
        bad = (given != "") & ~(np.isfinite(read) & (read >= least))
        faults.add(name, f"not {what}", "write a number, or leave it blank", rows[bad])
        return read.mask(bad)

    out = pd.DataFrame({name: texts_of(table, name) for name in [*TEXTS, *capped]})
    faults.add("bidder", "blank", "say who bids", rows[out["bidder"] == ""])
    out["bid"] = out["bid"].where(out["bid"] != "", pd.Series(labels, index=out.index))
    of_two = out.groupby("bid")["bidder"].transform("nunique") > 1
    faults.add("bid", "a bundle of two bidders", "give each its own", rows[of_two])
    out["ask_pkr"] = number("ask_pkr", 0.0, "PKR of 0 or more")
    out["rent_pkr"] = number("rent_pkr", 0.0, "PKR of 0 or more")
    priced = (
        out["ask_pkr"].notna()
        | out["rent_pkr"].notna()
        | (texts_of(table, "ask_pkr") + texts_of(table, "rent_pkr") != "")
    )
    faults.add(
        "ask_pkr",
        "bids without a price",
        "give ask_pkr, or rent_pkr where a rent is paid and no money is asked for",
        rows[~priced.groupby(out["bid"]).transform("any")],
    )
    out[["ask_pkr", "rent_pkr"]] = out[["ask_pkr", "rent_pkr"]].fillna(0.0)
    asks = out.groupby("bid")["ask_pkr"].transform("sum")
    faults.add(
        "ask_pkr",
        f"asks for more than all the money there is (PKR {money_of(config):,.0f})",
        "leave the bid out, or raise program.budget_pkr",
        rows[asks > money_of(config)],
    )
    both = (asks > 0) & (out.groupby("bid")["rent_pkr"].transform("sum") > 0)
    faults.add("rent_pkr", "asks for money and pays a rent", "bid the difference", rows[both])
    out["year"] = _years(config, number("year", 0.0, "a year"), faults, rows)
    lon, lat = number("lon", -180.0, "degrees"), number("lat", -90.0, "degrees")
    for name in ("lon", "lat"):
        faults.add(
            name, "blank", "give degrees with a decimal point", rows[texts_of(table, name) == ""]
        )
    west, south, east, north = PAKISTAN_WSEN
    far = (lon.notna() & lat.notna()) & ~(lon.between(west, east) & lat.between(south, north))
    faults.add("lon, lat", "outside Pakistan (60-78 E, 23-38 N)", "lon is east, lat north",
               rows[far])  # fmt: skip
    layer = gpd.GeoDataFrame(
        table, geometry=gpd.points_from_xy(lon.mask(far), lat.mask(far)), crs=4326
    )
    known = set(chargers["charger_id"].astype(str))
    unknown: dict[str, list[str]] = {}
    catalogue = Catalogue(configurations_of(config.offers), known, {})
    none = np.zeros(len(table), dtype=bool)
    out["counts"] = pd.Series(
        counts_of(layer, path, list(labels), none, catalogue, unknown, faults.found),
        index=out.index, dtype=object,
    )  # fmt: skip
    faults.found += [
        Fault(str(path), f"no charger or configuration {name!r}",
              f"there are: {', '.join(sorted(known))}", tuple(lines))
        for name, lines in unknown.items()
    ]  # fmt: skip
    out["line"] = labels
    made = gpd.GeoDataFrame(out, geometry=layer.geometry)
    made.attrs["faults"] = faults.found
    return made


def _years(
    config: Config, year: pd.Series[float], faults: _Faults, rows: np.ndarray
) -> pd.Series[int]:
    plan = config.program.years
    there = list(plan.budgets_pkr) if plan is not None else [config.year]
    odd = year.notna() & ~year.isin(there)
    what = f"opens in a year that the plan does not have ({', '.join(map(str, there))})"
    faults.add("year", what, "name one of them, or leave it blank", rows[odd])
    return (year if plan is not None else year * 0).fillna(0).astype(int)


def placed(
    study: Study, bids: gpd.GeoDataFrame, path: Path
) -> tuple[pd.DataFrame, gpd.GeoDataFrame]:
    """Return bids with the ``site_id`` of each place, and the sites that the study did not have.

    A place within ``candidates.merge_within_m`` of a site of the study is that site; any other
    joins the first of the bids' own sites as near, else is a site of its own. An `InputError` names
    every fault of the bids, those of `read_bids` among them.
    """
    faults = _Faults(path)
    faults.found = list(bids.attrs["faults"])
    settings, ours = study.config.candidates, study.candidates
    rows = np.flatnonzero(np.isfinite(bids.geometry.x) & np.isfinite(bids.geometry.y))
    points = bids.iloc[rows].to_crs(study.network.crs)
    xy = points.geometry.get_coordinates().to_numpy()
    there = ours["site_id"].astype(str).to_numpy(object)
    away, which = cKDTree(ours.geometry.get_coordinates().to_numpy()).query(xy)
    site = np.where(away <= settings.merge_within_m, there[which], "").astype(object)
    lone = points[site == ""].rename(columns={"line": "their_id"})
    snapped = roads.snap(lone, study.network, settings.max_snap_m)
    faults.found += road_faults(study.network, settings.max_snap_m, lone, snapped, str(path))
    own, ids = _joined(xy[site == ""], settings.merge_within_m)
    site[site == ""] = [PLACE.format(n + 1) for n in own]
    new = bids.assign(site_id="")
    new.loc[new.index[rows], "site_id"] = site
    known = new["site_id"] != ""
    twice = known & new.duplicated(["bid", "site_id"], keep=False)
    faults.add("bid", "a bundle with a place twice", "give its chargers on one line",
               np.flatnonzero(twice))  # fmt: skip
    said = new.assign(counts=new["counts"].map(lambda c: str(sorted(c.items()))))
    alone = said[known & (said["one_of"] == "") & ~said["bid"].duplicated(keep=False)]
    again = alone.duplicated(["bidder", "site_id", "counts", "year"], keep=False)
    faults.add(
        "",
        "bids of one bidder for the same place, chargers and year",
        "leave one out, or name them in one bundle or one_of",
        alone.index[again],
    )
    if faults.found:
        raise InputError(faults.found)
    first = lone.iloc[ids]
    places = pd.Series([PLACE.format(n + 1) for n in range(len(first))], dtype=object)
    added = own_sites(first, places, snapped.iloc[ids], "bid", "the bids")
    named = ours[ours["kind"].astype(str) != "street"]
    if len(added):
        added = sites.with_whereabouts(added, study.network.edges, study.neighbourhoods, named)
        added = on_the_grid(study.config, added, study.site_costs.line_detour)
    return pd.DataFrame(new.drop(columns="geometry")), added


def _joined(xy: np.ndarray, within_m: float) -> tuple[list[int], list[int]]:
    """Return the place of each point, numbered, and the representative point of each place."""
    own: list[int] = []
    first: list[int] = []
    for n, point in enumerate(xy):
        apart = np.hypot(*(xy[first] - point).T) if first else np.zeros(0)
        if len(apart) and apart.min() <= within_m:
            own.append(int(apart.argmin()))
        else:
            own.append(len(first))
            first.append(n)
    return own, first


def zone_of_sites(study: Study, site_ids: Iterable[str]) -> Mapping[str, str]:
    """Return the zone of sites: of the cell that is nearest."""
    if study.cell_zones is None:
        what = "there are no zones to cap"
        raise InputError(Fault("award.caps", what, "add program.zones, or a column zone"))
    zones: Any = study.cell_zones
    cells, known = study.cells, study.candidates.set_index("site_id").geometry
    wanted = list(dict.fromkeys(site_ids))
    centre = cells.geometry.representative_point().get_coordinates().to_numpy()
    _, near = cKDTree(centre).query(known.loc[wanted].get_coordinates().to_numpy())
    ids = cells["cell_id"].astype(str).to_numpy(object)[near]
    return dict(zip(wanted, zones.reindex(ids).astype(str), strict=True))
