"""Check an award by recomputing it from plain tables: winners, rules and payments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from siting.errors import Fault
from siting.verify.ledger import Ledger, above, differs


@dataclass(frozen=True, eq=False)
class Ceiling:
    """Limits on the stations and the public money (PKR) of bids with the same value in `column`."""

    name: str
    column: str
    value: str | None = None  # the only value that is limited; if None, all values are
    stations: float = math.inf
    pkr: float = math.inf


@dataclass(frozen=True, eq=False, kw_only=True)
class AwardAccount:
    """The results that an award states, and the inputs from which they are checked."""

    # One row per line of the bids file, in order. Columns: ``bid`` (a label if the file has no
    # name), ``bidder``, ``one_of``, ``ask_pkr``, ``rent_pkr``, and the columns to which caps refer.
    bids: pd.DataFrame
    # Every offer made from a line of a bid, with the columns ``offer_id``, ``cost_pkr``,
    # ``power_kw``, ``subsidy_pkr``, ``bid`` and ``line`` (the line's position in the bid, from 0).
    offers: pd.DataFrame
    stands: Sequence[str]  # the offers in service in the last year
    # The tables in the award's folder.
    winners: pd.DataFrame
    losers: pd.DataFrame
    payments: pd.DataFrame
    # The rules for bids.
    caps: Sequence[Ceiling]
    budget_pkr: float
    reserve_share: float = 1.0
    reserve_pkr_kw: float | None = None


def award_faults(account: AwardAccount) -> list[Fault]:
    """Return every error in an award, in words."""
    ledger = Ledger()
    bids = account.bids.assign(line=account.bids.groupby("bid").cumcount())
    standing = account.offers[account.offers["offer_id"].isin(set(account.stands))]
    won = bids.merge(standing, on=["bid", "line"], how="inner")
    _check_names(account, bids, won, ledger)
    _check_asks(account, bids, ledger)
    _check_rules(account, bids, won, ledger)
    _check_payments(account, ledger)
    return ledger.faults


def _check_names(
    account: AwardAccount, bids: pd.DataFrame, won: pd.DataFrame, ledger: Ledger
) -> None:
    """Check that each bid either wins or loses, and that exactly the winning bids are built."""
    told = pd.concat([account.winners["bid"], account.losers["bid"]]).astype(str)
    names = bids["bid"].drop_duplicates()
    where = "winners.csv, losers.csv"
    ledger.broken(where, "bids are listed twice", told, told.duplicated())
    ledger.broken(where, "bids are not in the file of bids", told, ~told.isin(set(names)))
    ledger.broken(where, "bids of the file are in neither table", names, ~names.isin(set(told)))
    stands = set(won["bid"])
    winners, losers = (t["bid"].astype(str) for t in (account.winners, account.losers))
    ledger.broken("winners.csv", "winning bids without a station", winners, ~winners.isin(stands))
    ledger.broken("losers.csv", "losing bids with a station", losers, losers.isin(stands))
    lines, there = bids.groupby("bid").size(), won.groupby("bid").size()
    torn = there != lines.reindex(there.index)
    ledger.broken("winners.csv", "bundles that are only partly built", there.index, torn)


def _check_asks(account: AwardAccount, bids: pd.DataFrame, ledger: Ledger) -> None:
    """Check asks, rents, critical asks, and the amounts by which losing asks were too high."""
    summed = bids.groupby("bid")[["ask_pkr", "rent_pkr"]].sum()
    for name, table in (("winners.csv", account.winners), ("losers.csv", account.losers)):
        known = table[table["bid"].astype(str).isin(set(summed.index))]
        for column in summed.columns:
            due = summed[column].reindex(known["bid"].astype(str)).to_numpy()
            what = "bids whose sum differs from the file of bids"
            wrong = differs(known[column], due)
            ledger.broken(f"{name}, column {column}", what, known["bid"], wrong)
        low, high = (table[f"critical_{end}_pkr"].to_numpy(float) for end in ("low", "high"))
        asked = np.isfinite(low)
        what = "bids whose upper critical ask is below the lower one"
        ledger.broken(f"{name}, column critical_high_pkr", what, table["bid"],
                      asked & above(low, high))  # fmt: skip
        apart = table["proven"].to_numpy(bool) != (asked & (high - low < 1))
        what = "bids whose mark contradicts their critical ask"
        ledger.broken(f"{name}, column proven", what, table["bid"], apart)
    lost = account.losers
    most = lost["critical_high_pkr"]  # below 0: no ask would win; blank: not computed
    over = (lost["ask_pkr"] - most).where(most >= 0, 0.0)
    untrue = differs(lost["over_pkr"].fillna(0.0), over, 1.0)
    what = "bids whose excess is not their ask minus their critical ask"
    ledger.broken("losers.csv, column over_pkr", what, lost["bid"], untrue)
    drawn = account.offers.groupby("bid")["subsidy_pkr"].sum()
    apart = differs(drawn, summed["ask_pkr"].reindex(drawn.index), 1.0)
    what = "bids whose offers draw another amount than the ask in the file of bids"
    ledger.broken("offers, column subsidy_pkr", what, drawn.index, apart)


def _check_rules(
    account: AwardAccount, bids: pd.DataFrame, won: pd.DataFrame, ledger: Ledger
) -> None:
    """Check alternatives, caps and reserve prices of the winning bids."""
    first = won[(won["line"] == 0) & (won["one_of"] != "")]
    for (bidder, group), rows in first.groupby(["bidder", "one_of"]):
        if len(rows) > 1:
            what = f"alternatives {group!r} of {bidder} win together, but only one may"
            ledger.named("winners.csv", what, rows["bid"])
    for cap in account.caps:
        for value, rows in won[won[cap.column] != ""].groupby(cap.column):
            if cap.value not in (None, value):
                continue
            where = f"award.caps.{cap.name}, {value}"
            for found, most, unit in (
                (float(len(rows)), cap.stations, "stations"),
                (float(rows["subsidy_pkr"].sum()), cap.pkr, "PKR"),
            ):
                what = f"wins {found:,.0f} {unit}, but at most {most:,.0f} may be won"
                ledger.wrong(above(found, most, 1.0), where, what)
    by_kw = math.inf if account.reserve_pkr_kw is None else account.reserve_pkr_kw
    reserve = np.fmin(account.reserve_share * won["cost_pkr"], by_kw * won["power_kw"])
    ends = won.assign(reserve=reserve).groupby("bid")["reserve"].sum()
    asks = bids.groupby("bid")["ask_pkr"].sum().reindex(ends.index)
    what = "bids that win above their reserve price"
    ledger.broken("winners.csv, column ask_pkr", what, ends.index, above(asks, ends))


def _check_payments(account: AwardAccount, ledger: Ledger) -> None:
    """Check the payments under each rule, and that the winners' asks are within the budget."""
    for rule, (low, high) in _paid(account.winners).items():
        rows = account.payments[account.payments["rule"] == rule]
        where = f"payments.csv, {rule}"
        ledger.wrong(len(rows) != 1, where, f"appears {len(rows)} times, not once")
        for column, due in (("low_pkr", low), ("high_pkr", high)) if len(rows) == 1 else ():
            said = float(rows[column].iloc[0])
            what = f"{said:,.0f} is stated, but winners.csv adds up to {due:,.0f}"
            ledger.wrong(differs(said, due, 1.0), f"{where}, column {column}", what)
    asked = float(account.winners["ask_pkr"].sum())
    what = f"winners ask for PKR {asked:,.0f}, but the budget is PKR {account.budget_pkr:,.0f}"
    ledger.wrong(above(asked, account.budget_pkr), "winners.csv, column ask_pkr", what)


def _paid(winners: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Return the smallest and largest total payment (PKR) under each payment rule."""
    asked, rent = float(winners["ask_pkr"].sum()), float(winners["rent_pkr"].sum())
    paid = winners[~(winners["rent_pkr"] > 0)]
    # If the critical ask was not computed (blank), it is known only that the ask is enough.
    low = np.fmax(paid["ask_pkr"], paid["critical_low_pkr"])
    high = paid["critical_high_pkr"].fillna(math.inf)
    return {
        "pay as bid": (asked, asked),
        "pay the critical ask": (float(low.sum()), float(high.sum())),
        "rents paid": (rent, rent),
    }
