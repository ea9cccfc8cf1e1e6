"""Check the costs and subsidies of stations, the budgets, and the viability gaps."""

from __future__ import annotations

from typing import Any

import numpy as np

from siting.tables import COST_PARTS
from siting.verify.account import ViabilityGap
from siting.verify.book import Book
from siting.verify.ledger import RELATIVE, Ledger, above, differs, largest


def check_money(book: Book, ledger: Ledger) -> None:
    """Check the costs of stations, the payments of each year, and the stated sums."""
    standing = book.stands.drop_duplicates("offer_id")
    cost = standing["cost_pkr"].astype(float)
    parts = [part for part in COST_PARTS if part in standing.columns]
    ids, scale = standing["offer_id"], largest(cost)
    if parts:
        wrong = differs(standing[parts].sum(axis=1), cost, scale)
        ledger.broken("built, column cost_pkr", "not the sum of its parts", ids, wrong)
    if book.account.gap is None:
        wrong = above(standing["subsidy_pkr"], cost, scale)
        ledger.broken("built, column subsidy_pkr", "more than the cost", ids, wrong)
    else:
        _check_gap(book, book.account.gap, ledger)
    _check_budget(book, ledger)


def _check_budget(book: Book, ledger: Ledger) -> None:
    a, left, several = book.account, 0.0, len(book.years) > 1
    before: dict[str, float] = {}
    for year in book.years:
        label = f"{year}: " if several else ""
        drawn = book.drawn[year]
        paid = {site: max(0.0, pkr - before.get(site, 0.0)) for site, pkr in drawn.items()}
        spent, scale = sum(paid.values()), largest(list(drawn.values()))
        granted = book.granted_pkr(year)
        there = granted + (left if a.carry_over else 0.0)
        what = "subsidy within the money available" if several else "subsidy within the budget"
        ledger.at_most(f"{label}{what}, PKR", spent, there, scale)
        left, before = there - spent, before | drawn
        if "paid_pkr" in book.built.columns:
            rows = book.built[book.built["year"] == year]
            wrong = differs(rows["paid_pkr"], rows["site_id"].map(paid), scale)
            where = f"year {year}, column paid_pkr"
            ledger.broken(where, "not the subsidy due", rows["site_id"], wrong)
        if a.money is not None:
            rows = a.money[a.money["year"] == year] if several else a.money
            scale = granted if np.isfinite(granted) else spent
            recounted = {"granted": granted, "spent": spent, "left": left}
            for word in (w for w in recounted if f"{w}_pkr" in rows.columns):
                said = float(rows[f"{word}_pkr"].iloc[0]) if len(rows) else np.nan
                ledger.equal(f"{label}money {word}, PKR", said, recounted[word], scale)


def _check_gap(book: Book, gap: ViabilityGap, ledger: Ledger) -> None:
    """Check that each station is paid its shortfall in each year, up to its cap."""
    rows = book.service.merge(book.slices[["slice", "probability"]], on="slice")
    margin = rows["vehicle_class"].map(gap.counted_pkr).astype(float)
    rows = rows.assign(earned=rows["served_kwh_day"] * margin * rows["probability"])
    sites = sorted(set().union(*book.by_year.values(), *book.drawn.values()))
    scale = largest(book.stands["cost_pkr"])

    def at_sites(values: Any) -> Any:
        return np.array([float(values.get(site, 0.0)) for site in sites])

    shared = book.concession
    names = [(shared[site], shared[site]) if site in shared else (site, "") for site in sites]
    cases = sorted(set(names))
    case = np.array([cases.index(name) for name in names], dtype=np.int64)
    called = [name for name, _ in cases]

    def at_cases(values: Any) -> Any:
        return np.bincount(case, values, len(cases))

    costs, dues = [], [np.zeros(len(cases))]
    for year in book.years:
        now = book.by_year[year]
        costs.append(at_sites({s: book.offer["cost_pkr"][o] for s, o in now.items()}))
        earned = at_sites(rows[rows["year"] == year].groupby("site_id")["earned"].sum())
        # Stations pay nothing back, so the sum of payments never falls, even if the shortfall does.
        dues.append(np.maximum(at_cases(costs[-1] - earned), dues[-1]))
    # If unspent money lapses at the end of a year, a shortfall may be paid before it arises.
    paid, ahead = np.zeros(len(sites)), len(book.years) > 1 and not book.account.carry_over
    for year, cost, due in zip(book.years, costs, dues[1:], strict=True):
        now = book.by_year[year]
        before, paid = paid, at_sites(book.drawn[year])
        # The shortfall is computed from the cost, so it is only as exact as the cost.
        slack = RELATIVE * np.maximum(cost, scale)
        where = "subsidies" if len(book.years) == 1 else f"subsidies, {year}"
        drawn, able = at_cases(paid), at_cases(slack)
        most = dues[-1] if ahead else due
        wrong = ~(drawn >= due - able) | ~(drawn <= most + able)
        ledger.broken(where, "not equal to the shortfall", called, wrong)
        most = at_sites({s: gap.cap.get(o, 0.0) for s, o in now.items()})
        what = "above the maximum payment for the offer"
        ledger.broken(where, what, sites, ~(paid <= most + slack))
        ledger.broken(where, "fall from one year to the next", sites, ~(paid >= before - slack))
    ledger.row("subsidy equals the shortfall of each case, PKR", paid.sum(), due.sum())
