"""Read a user's bids from a CSV file; an exception lists every invalid line.

Each line describes a place: ``bidder``, ``lon``, ``lat``, the chargers (``chargers`` as text, or
``configuration``), and ``ask_pkr`` or ``rent_pkr``. Lines with the same ``bid`` form a bundle,
which wins or loses as a whole, and whose ask or rent is the sum over its lines. Among bids of one
bidder with the same ``one_of``, at most one wins. Optional columns: ``name``, ``year`` (of opening)
and the columns that ``award.caps`` names.
"""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from siting.config import Config
from siting.errors import Fault, refuse
from siting.files import LONLAT_ALIASES, PAKISTAN_WSEN, UserTable
from siting.review.added_places import located
from siting.review.awarded import ZONE
from siting.review.outside_plan import Catalogue, counts_of, on_roads, own_sites
from siting.sites.merge import joined
from siting.study.pipeline import Study
from siting.study.program_inputs import money_of
from siting.study.read_sources import configurations_of

TEXTS = ("bid", "bidder", "name", "one_of")
PLACE = "p{:04d}"
PRICE = "PKR of 0 or more"


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
        ("bid", "a bundle of two bidders", "give each a bundle of its own",
         by["bidder"].transform("nunique") > 1),
        ("ask_pkr", "bids without a price",
         "give ask_pkr, or rent_pkr if the bid pays a rent and asks for no money",
         ~priced.groupby(out["bid"]).transform("any")),
        ("ask_pkr", f"asks for more than the whole budget (PKR {money:,.0f})",
         "leave the bid out, or raise program.budget_pkr", asks > money),
        ("rent_pkr", "asks for money and pays a rent", "bid the difference",
         (asks > 0) & (rents > 0)),
        ("year", f"opens in a year outside the plan ({', '.join(map(str, there))})",
         "name one of them, or leave it blank", year.notna() & ~year.isin(there)),
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
              f"there are: {', '.join(sorted(known))}", tuple(lines))
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
    into = joined(xy[site == ""], settings.merge_within_m)
    ids, own = np.unique(into, return_inverse=True)
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
