"""An award, and its page for a committee: winners, payments, and why each losing bid lost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from siting.export.sheet import MapSheet, points_of, sheet, table_of
from siting.plan import Plan
from siting.shown import Block, Column, Display, Shown, block_of, labelled, sentences
from siting.texts import html_text

# Reasons why a bid lost: its ask was too high, or its critical ask was not computed in time.
TOO_MUCH = "asked "
NOT_IN_TIME = "other bids serve more for the money; its critical ask was not computed in time"
_MEANS = {
    "pay as bid": "each winner is paid what it asked for",
    "pay the critical ask": "each winner is paid the highest ask at which it would still have won: "
    "no bidder gains by asking for more than it needs",
    "rents paid": "what winners pay for their places",
}
# Hidden from screen readers, because the words beside it say the same.
_WON = '<svg viewBox="0 0 18 18" class="won" aria-hidden="true"><circle cx="9" cy="9" r="7"/></svg>'


@dataclass(frozen=True, eq=False, repr=False)
class Award(Shown):
    """The winners of an award, and the highest ask with which each bid would have won.

    Parameters
    ----------
    plan
        The plan made of the winning bids, which has passed the independent recount.
    winners, losers
        One row per bid: ``bid``, ``bidder``, ``name``, ``places``, ``ask_pkr``, ``rent_pkr``; the
        limits of the critical ask, ``critical_low_pkr`` and ``critical_high_pkr`` (below 0: no ask
        would win; blank: not computed); and ``proven`` (the limits are equal). Winners have
        ``adds``, the worth that the award would lose without the bid. Losers have ``why`` and
        ``over_pkr``, the least amount by which the ask was too high (blank if unknown or if no ask
        would win).
    places
        One row per place of each bid, with a point for the map.
    payments
        One row per payment rule (``pay as bid``, ``pay the critical ask``), with limits of the
        public money, ``low_pkr`` and ``high_pkr``, and a separate row for rents.
    notes
        Further notes for a reader.
    folder
        The run folder; None if nothing was written.
    """

    plan: Plan
    winners: pd.DataFrame
    losers: pd.DataFrame
    places: gpd.GeoDataFrame
    payments: pd.DataFrame
    notes: tuple[str, ...]
    folder: Path | None = None

    def _shown(self) -> Display:
        outcome, plan = self.plan.outcome, self.plan
        line = (
            f"{len(self.winners):,} of {len(self.winners) + len(self.losers):,} bids win; "
            f"{outcome.served_kwh_day:,.0f} kWh/day served ({plan.served_share:.1%}), proven to "
            f"within {outcome.gap:.2%}"
        )
        rows = [
            (row["rule"], [_millions(row["low_pkr"], row["high_pkr"])])
            for row in self.payments.to_dict("records")
            if row["rule"] != "rents paid" or row["high_pkr"]
        ]
        rows.append(("budget", [f"{outcome.budget_pkr / 1e6:,.3f}"]))
        blocks = [
            sentences([line]),
            _bids("Winners", self.winners, _figure(f"Adds, {outcome.proof.unit}", "adds", ",.0f")),
            _bids("Losers", self.losers, _figure("Lost by, PKR m", "over_pkr", ",.3f", per=1e6)),
            labelled(["Public money", "PKR m"], rows, "payments"),
        ]
        return Display(f"{plan.title}: award", plan.note, blocks, notes=self.notes)


def _bids(title: str, bids: pd.DataFrame, last: Column) -> Block:
    """Return bids with their asks; `last` is the column that only winners or losers have."""
    if bids.empty:
        return sentences([f"{title}: none."])
    columns = [
        Column(title, "bid", overflow="fold", min_width=6, max_width=14),
        Column("Bidder", "bidder", overflow="fold", min_width=6, max_width=14),
        Column("Place", "name", overflow="fold", min_width=8),
        _figure("Ask, PKR m", lambda r: _asked(r, 1e6, ",.3f")),
        _figure("Critical", lambda r: _millions(r["critical_low_pkr"], r["critical_high_pkr"])),
        last,
    ]
    below = (
        "Critical, PKR m: the largest ask at which a bid would have won. "
        f".{title.lower()} ({title.lower()}.csv) has all amounts in PKR"
        + (", and the reason why each bid lost." if "why" in bids else ".")
    )
    return block_of(bids, columns, title.lower(), f"{title.lower()}.csv", below=below)


def _figure(head: str, value: Any, form: str = ">", per: float = 1) -> Column:
    return Column(head, value, form, per=per, overflow="fold", min_width=7, max_width=15)


def _asked(row: Mapping[Any, Any], unit: float = 1.0, form: str = ",.0f") -> str:
    rent, ask = row["rent_pkr"] / unit, row["ask_pkr"] / unit
    return f"pays {rent:{form}}" if rent > 0 else f"{ask:{form}}"


def _millions(low: float, high: float) -> str:
    return between(low, high, 1e6, ",.3f")


# The columns of the page's tables.
_BID = (
    Column("No.", "mark"), Column("Bid", "bid"), Column("Bidder", "bidder"),
    Column("Place", "name"), Column("Chargers", "chargers"), Column("Ask (PKR)", _asked, ">"),
    Column("Critical ask (PKR)", "critical", ">"),
)  # fmt: skip
_LOST = (*_BID, Column("Lost by (PKR)", "over", ">"), Column("Why", "why"))
_PAID = (
    Column("Rule", "rule"), Column("Public money (PKR)", "paid", ">"),
    Column("Of the budget", "share", ">"), Column("Meaning", "means"),
)  # fmt: skip


def page_of(made: Award, roads: gpd.GeoDataFrame) -> str:
    """Return the page as self-contained HTML; only the larger `roads` (lon/lat) are drawn."""
    outcome, plan = made.plan.outcome, made.plan
    winners, losers = _told(made.winners, "W"), _told(made.losers, "L")
    by_mark = {row["bid"]: row["mark"] for row in (*winners, *losers)}
    adds = Column(f"Adds {outcome.proof.unit}", "adds", ",.0f")
    money = f" of a budget of PKR {outcome.budget_pkr:,.0f}" if outcome.budget_pkr < 1e15 else ""
    note = f'<p class="note">{html_text(plan.note)}</p>' if plan.note else ""
    body = f"""{note}
<p><b>{len(winners):,} of {len(winners) + len(losers):,} bids win</b> and receive
PKR {outcome.subsidy_pkr:,.0f}{money}. With these bids, the plan serves
{outcome.served_kwh_day:,.0f} kWh/day, {plan.served_share:.1%} of the demand. Proof:
{html_text(str(outcome.proof))}.</p>
<figure>{_map(made.places, by_mark, roads)}<figcaption class="legend">{_WON} winners,
{_WON.replace("won", "lost")} losers, numbered as in the tables. Places of a bundle share a
number.</figcaption></figure>
<section><h2>What is paid</h2>
{table_of(_PAID, _paid(made.payments, outcome.budget_pkr))}</section>
<h2>Winners</h2>
{_table((*_BID, adds), winners)}
<p class="quiet">What a winner adds is the worth that the award would lose if only this winner
were missing.</p>
<h2>Losers</h2>
{_table(_LOST, losers)}
<p class="quiet">The critical ask is the largest ask at which a bid would have won against the
same other bids; with a rupee more, it would have lost. If two figures are shown, the critical ask
is between them.</p>
<section><h2>How the award was decided</h2>
<ul>{points_of(made.notes)}</ul></section>"""
    return sheet(f"{plan.title}: award", body)


def _table(columns: Sequence[Column], bids: list[dict[Any, Any]]) -> str:
    return table_of(columns, bids) if bids else "<p>None.</p>"


def _told(bids: pd.DataFrame, letter: str) -> list[dict[Any, Any]]:
    """Return a mapping per bid, with the text that the page shows."""
    rows: list[dict[Any, Any]] = bids.to_dict("records")
    for n, row in enumerate(rows, 1):
        over, why = row.get("over_pkr", math.nan), str(row.get("why", ""))
        low, high = row["critical_low_pkr"], row["critical_high_pkr"]
        ruled_out = low != low and bool(why) and why != NOT_IN_TIME
        critical = "cannot win" if ruled_out else between(low, high)
        lost_by = f"{over:,.0f}" if high >= 0 and over > 0 else ""
        row |= {"mark": f"{letter}{n}", "critical": critical, "over": lost_by}
        row["why"] = "" if why.startswith(TOO_MUCH) else why  # `over` already has the amount
    return rows


def between(low: float, high: float, unit: float = 1.0, form: str = ",.0f") -> str:
    """Return a range of money as text in the given unit; one amount if both ends are equal.

    >>> between(1e6, 2e6), between(-1.0, -1.0), between(5.0, 5.0)
    ('1,000,000 to 2,000,000', 'none', '5')
    """
    if math.isnan(low):
        return "not computed"
    if high < 0:
        return "none"
    least, most = (format(max(pkr, 0.0) / unit, form) for pkr in (low, high))
    if not math.isfinite(high):
        return f"{least} or more"
    return most if high - low < 1 else f"{least} to {most}"


def _paid(payments: pd.DataFrame, budget_pkr: float) -> Sequence[dict[str, str]]:
    rows = []
    for row in payments.to_dict("records"):
        if row["rule"] == "rents paid" and not row["high_pkr"]:
            continue
        low, high = row["low_pkr"], row["high_pkr"]
        known = 0 < budget_pkr < 1e15 and row["rule"] != "rents paid"
        share = between(low, high, budget_pkr / 100, ".1f") + " %" if known else ""
        rows.append({"rule": row["rule"], "paid": between(low, high), "share": share,
                     "means": _MEANS[row["rule"]]})  # fmt: skip
    return rows


def _map(places: gpd.GeoDataFrame, mark_of: dict[str, str], roads: gpd.GeoDataFrame) -> str:
    """Return the map of roads and bids, with the winners drawn on top."""
    shown = places[~places.geometry.is_empty & places.geometry.notna()].to_crs(4326)
    drawing = MapSheet(shown.total_bounds, roads.total_bounds)
    marks = [
        drawing.mark(
            row.geometry.x, row.geometry.y, mark_of[row.bid][1:],
            f"{row.bid} of {row.bidder}: {row.called}", kind="won" if row.won else "lost",
        )
        for row in shown.rename(columns={"name": "called"}).sort_values("won").itertuples()
    ]  # fmt: skip
    won = int(shown["won"].sum())
    words = f"Map of {won} winning places and {len(shown) - won} others."
    return drawing.drawn(words, drawing.roads(roads), *marks)
