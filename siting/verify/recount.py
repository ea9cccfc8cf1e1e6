"""Run all checks of a plan in order (a recount). This module itself checks the limits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from siting.verify.account import Account
from siting.verify.aim_values import check_aims
from siting.verify.book import Book
from siting.verify.built import check_built
from siting.verify.ledger import Ledger, above, shown
from siting.verify.money_recount import check_money
from siting.verify.service_recount import check_floors, check_service


def recount(account: Account) -> pd.DataFrame:
    """Return one row per check that a plan passed; raise an error if it fails any check.

    Columns: ``check`` (the name of the figure), ``found`` (its value) and ``limit`` (its limit or
    the stated value), in the unit of the check. A `VerifyError` lists every wrong figure. Raises
    `InputError` if the tables lack columns or their names do not match.
    """
    book, ledger = Book(account), Ledger()
    check_built(book, ledger)
    check_money(book, ledger)
    check_service(book, ledger)
    _check_limits(book, ledger)
    check_floors(book, ledger)
    check_aims(book, ledger)
    return ledger.done()


def _check_limits(book: Book, ledger: Ledger) -> None:
    """Check every limit on the stations, except the budget."""
    _check_resources(book, ledger)
    a = book.account
    ever: set[str] = set().union(*(set(now) for now in book.by_year.values()))
    end = set(book.by_year[book.years[-1]])
    required, forbidden = set(map(str, a.required_sites)), set(map(str, a.forbidden_sites))
    for check, what, asked, wrong in (
        ("required sites built", "required and not built", required, required - end),
        ("forbidden sites not built", "forbidden and built", forbidden, forbidden & ever),
    ):
        if asked:
            ledger.named("built, column site_id", what, sorted(wrong))
            ledger.row(check, len(asked) - len(wrong), len(asked))
    site = book.offer["site_id"]
    for other in a.others:
        unknown = [o for o in other.offer_ids if o not in site.index]
        ledger.named(other.name, "not in the offers", unknown)
        apart = len(end ^ {site[o] for o in other.offer_ids if o in site.index})
        ledger.row(f"sites only in this plan or only in {other.name}", apart, other.sites)
        what = f"differs at {apart:,} sites, but must differ at {other.sites:,} or more"
        ledger.wrong(apart < other.sites, other.name, what)


def _check_resources(book: Book, ledger: Ledger) -> None:
    there = book.resources
    now = book.stands.drop_duplicates(["year", "site_id"])[["year", "site_id", "offer_id"]]
    drawn = [book.drawn[y].get(s, 0.0) for y, s in zip(now["year"], now["site_id"], strict=True)]
    rows = book.use.merge(now.assign(drawn=drawn), on="offer_id")
    by_rupee = rows["resource"].isin(there.loc[there["per_rupee"], "resource"])
    rows["use"] = rows["use"] * rows["drawn"].where(by_rupee, 1.0)
    sums = rows.pivot_table(index="resource", columns="year", values="use", aggfunc="sum")
    sums = sums.reindex(index=there["resource"], columns=book.years).fillna(0.0)
    # The tolerance of a sum is relative to its largest part, as is the precision of solvers.
    part = rows.groupby("resource")["use"].max().reindex(there["resource"]).fillna(0.0)
    # The solver's unit for payments is the highest cost of an offer, so this sets their tolerance.
    rupees = there.loc[there["per_rupee"], "resource"]
    part[rupees] = np.maximum(part[rupees], float(book.offer["cost_pkr"].max()))
    for row in there.sort_values("resource").to_dict("records"):
        name, unit = row["resource"], row["unit"]
        most, least = float(row["at_most"]), float(row["at_least"])
        used, end = float(sums.loc[name].max()), float(sums.loc[name].iloc[-1])
        if np.isfinite(most):
            ledger.row(f"{name}, {unit}", used, most)
            what = f"{shown(used)} {unit} used, {shown(most)} {unit} available"
            ledger.wrong(above(used, most, part[name]), f"limit {name}", what)
        if least > 0:
            ledger.row(f"{name} at least, {unit}", end, least)
            what = f"{shown(end)} {unit} used, at least {shown(least)} {unit} required"
            ledger.wrong(above(least, end, part[name]), f"limit {name}", what)
