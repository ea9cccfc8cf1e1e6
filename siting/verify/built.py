"""Check that stations have valid offers, that no site has two, and that no station closes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from siting.tables import load_kw
from siting.verify.book import Book
from siting.verify.ledger import Ledger, above, differs, largest


def check_built(book: Book, ledger: Ledger) -> None:
    """Check the stations within each slice and over the years, and the figures stated for them."""
    offers, built = book.offer, book.built
    names = built["site_id"].astype(str) + book.when(built)
    bad = np.zeros(len(built), dtype=bool)

    def broken(column: str, what: str, mask: Any) -> None:
        ledger.broken(f"built, column {column}", what, names, mask)
        bad[np.asarray(mask, dtype=bool)] = True

    known = built["offer_id"].isin(offers.index)
    broken("offer_id", "not in the offers", ~known)
    broken("offer_id", "was ruled out", built["offer_id"].map(offers["reason"] != "").eq(True))
    moved = built["offer_id"].map(offers["site_id"]) != built["site_id"]
    broken("site_id", "not the site of the offer", known & moved)
    broken("site_id", "built twice", built.duplicated(["slice", "site_id"]))
    # A station that is in service in a year must be in service in every scenario of that year.
    all_ = built["year"].map(book.slices.groupby("year")["slice"].size())
    in_ = built.groupby(["year", "site_id", "offer_id"])["slice"].transform("nunique")
    broken("slice", "not the same in every scenario", in_ != all_)
    ledger.row("offers built, one per site and not ruled out", (~bad).sum(), len(built))
    _check_course(book, ledger)
    _check_built_year(book, ledger)
    _check_bids(book, ledger)
    _check_sites(book, ledger)
    _check_headroom(book, ledger)


def _check_course(book: Book, ledger: Ledger) -> None:
    """Check that no station, new or existing, closes or shrinks."""
    existing, extends = book.offer["existing"], book.offer["extends"]
    size = book.offer[book.capacity_columns].astype(float)
    if book.account.gap is None:
        size = size.assign(subsidy=book.offer["subsidy_pkr"].astype(float))
    what = "stations with less capacity or money" if book.account.upgrades else "stations replaced"
    before = dict(book.kept)
    ended: set[str] = set()
    less: set[str] = set()
    for year, now in book.by_year.items():
        closed, shrunk = set(), set()
        for site, was in before.items():
            offer = now.get(site)
            if offer is None or (existing[was] and offer != was and not extends[offer]):
                closed.add(site)
            elif offer != was and not existing[was]:
                smaller = above(size.loc[was], size.loc[offer]).any()
                if smaller or not book.account.upgrades:
                    shrunk.add(site)
        bare = {s for s, o in now.items() if extends[o] and s not in book.kept}
        when = f"year {year}" if len(book.years) > 1 else "built"
        kept = closed & set(book.kept)
        for words, sites in (
            ("existing stations closed by the plan", kept),
            ("stations closed", closed - kept),
            (what, shrunk),
            ("extend a station that does not exist", bare),
        ):
            ledger.named(when, words, sorted(sites))
        ended, less, before = ended | closed, less | shrunk, before | now
    lost = len(ended & set(book.kept))
    ledger.row("existing stations kept or extended", len(book.kept) - lost, len(book.kept))
    if len(book.years) > 1:
        wrong = len(ended) - lost + len(less)
        ledger.row("new stations that close or shrink over the years", wrong, 0)


def _check_bids(book: Book, ledger: Ledger) -> None:
    """Check that bundles are built in full or not at all, and that bids open when they must."""
    offers = book.offer
    if "bundle" in offers.columns:
        named = offers["bundle"].fillna("").astype(str)
        named = named[named != ""]
        there = named.index.isin(set(book.by_year[book.years[-1]].values()))
        whole = pd.Series(there, named.index).groupby(named).agg(["all", "any"])
        torn = whole["any"] & ~whole["all"]
        ledger.broken("built, column offer_id", "bundles only partly built", whole.index, torn)
        ledger.row("bundles built in full or not at all", (~torn).sum(), len(whole))
    if "opens_year" in offers.columns and len(book.years) > 1:
        begun: dict[str, Any] = {}
        for year, now in book.by_year.items():
            begun |= {o: year for o in now.values() if o not in begun}
        asked = offers["opens_year"].fillna(0).astype(int)
        late = [o for o, year in begun.items() if asked[o] not in (0, int(year))]
        ledger.named("built, column year", "opens in another year", late)
        ledger.row("stations that open in the required year", len(begun) - len(late), len(begun))


def _check_built_year(book: Book, ledger: Ledger) -> None:
    if "built_year" not in book.built.columns:
        return
    since: dict[str, object] = {}
    before = book.kept
    for year, now in book.by_year.items():
        since |= {s: year for s, o in now.items() if before.get(s) != o}
        rows = book.built[book.built["year"] == year]
        said = rows["built_year"].astype(object).where(rows["built_year"].notna(), None)
        late = [a != since.get(s) for a, s in zip(said, rows["site_id"], strict=True)]
        where = f"year {year}, column built_year"
        ledger.broken(where, "not the year built", rows["site_id"], late)
        before = now


def _check_sites(book: Book, ledger: Ledger) -> None:
    """Check the figures that the plan states for the stations of the last slice."""
    sites = book.account.sites
    if sites is None:
        return
    last = book.stands[book.stands["slice"] == book.last_slice]
    rows = book.service[book.service["slice"] == book.last_slice]
    served = last["site_id"].map(rows.groupby("site_id")["served_kwh_day"].sum()).fillna(0.0)
    drawn = last["site_id"].map(book.drawn[book.years[-1]])
    last = last.assign(subsidy_pkr=drawn, served_kwh_day=served.astype(float))
    pair = sites.merge(last, "outer", ["site_id", "offer_id"], suffixes=("", "_due"),
                       indicator="side")  # fmt: skip
    odd = pair["side"] != "both"
    ledger.broken("sites", "different from the stations of the last slice", pair["site_id"], odd)
    pair = pair[~odd]
    for column, what in (
        ("power_kw", "different from the offer"),
        ("cost_pkr", "different from the offer"),
        ("subsidy_pkr", "different from the money drawn"),
        ("served_kwh_day", "not the sum of its service"),
    ):
        if column in sites.columns and column in last.columns:
            due = pair[f"{column}_due"].astype(float)
            wrong = differs(pair[column], due, largest(due))
            ledger.broken(f"sites, column {column}", what, pair["site_id"], wrong)


def _check_headroom(book: Book, ledger: Ledger) -> None:
    spare = book.account.headroom_kw
    if spare is None:
        return
    new = book.stands[~book.stands["existing"] & book.stands["site_id"].isin(spare.index)]
    new = new.drop_duplicates("offer_id")
    # The headroom must cover the added load, minus the headroom that a paid grid upgrade adds.
    there = new["site_id"].map(book.kept).map(load_kw(book.offer)).where(new["extends"])
    drawn = load_kw(new) - there.astype(float).fillna(0.0)
    if "upgrade_kw" in new.columns:
        drawn -= new["upgrade_kw"].astype(float)
    limit = new["site_id"].map(spare).astype(float)
    over = above(drawn, limit, largest(drawn))
    ledger.broken("built, column load_kw", "more than the grid headroom", new["site_id"], over)
    check = "largest excess of power over grid headroom, kW"
    ledger.row(check, (drawn - limit).max() if len(new) else 0.0, 0.0)
