"""The recount of single promises of a plan, for callers that hold the tables apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from siting.errors import Fault
from siting.verify import check_counts as check_distances
from siting.verify.ledger import RELATIVE, Ledger, above
from siting.verify.shares import gini_of, shares_of

__all__ = [
    "check_distances",
    "check_fairness",
    "check_floors",
    "check_gaps",
    "check_money",
    "check_worth",
    "recount_zones",
]


def recount_zones(service: pd.DataFrame, demand: pd.DataFrame, zones: pd.Series) -> pd.DataFrame:
    """Return ``zone``, ``demand_kwh_day``, ``served_kwh_day``, ``served_share``, in order."""
    named = zones.fillna("").astype(str).str.strip()
    named = named[(named != "").to_numpy()]
    members = pd.DataFrame({"floor": named.to_numpy(), "demand_id": named.index})
    found = shares_of(service.assign(slice=""), demand.assign(slice=""), members)
    return found.drop(columns="slice").rename(columns={"floor": "zone"})


def check_floors(
    service: pd.DataFrame,
    demand: pd.DataFrame,
    zones: pd.Series | None = None,
    floors: Mapping[str, float] | None = None,
    city_floor: float = 0.0,
) -> None:
    """Raise `VerifyError` unless the share of each zone, and of all demand, is served."""
    ledger = Ledger()
    shares: dict[str, float] = {}
    if floors and zones is not None:
        table = recount_zones(service, demand, zones)
        shares = dict(zip(table["zone"], table["served_share"], strict=True))
    total = float(demand["demand_kwh_day"].sum())
    city = float(service["served_kwh_day"].sum()) / total if total else 0.0
    asked = [(f"floor, {k}", shares.get(k, 0.0), v) for k, v in sorted((floors or {}).items())]
    for where, have, need in [*asked, ("floor, city", city, city_floor)]:
        if above(need, have, 1.0):
            what = f"{have:.6f} of the demand served, {need:.6f} promised"
            ledger.faults.append(Fault(where, what))
    ledger.done()


def check_fairness(
    service: pd.DataFrame,
    demand: pd.DataFrame,
    zones: pd.Series,
    *,
    worst_zone: str,
    worst_share: float,
    gini: float,
    people: Mapping[str, float] | None = None,
) -> None:
    """Raise `VerifyError` unless the worst zone, its share and the Gini coefficient are true."""
    ledger = Ledger()
    found = recount_zones(service, demand, zones).rename(columns={"zone": "floor"})
    least = float(found["served_share"].min())
    ledger.equal("worst_share", worst_share, least, 1.0)
    own = found.loc[found["floor"] == worst_zone, "served_share"]
    if own.empty or above(float(own.iloc[0]), least, 1.0):
        ledger.faults.append(Fault("worst_zone", f"{worst_zone!r} is not the worst served"))
    ledger.equal("gini", gini, gini_of(found, people), 1.0)
    ledger.done()


def check_worth(
    service: pd.DataFrame,
    demand: pd.DataFrame,
    objective: float,
    worth: pd.Series | None = None,
    decay: Callable[[float], float] | None = None,
) -> None:
    """Raise `VerifyError` unless the worth of what is served is as claimed."""
    ledger = Ledger()
    wanted = demand.set_index("demand_id")["demand_kwh_day"].astype(float)
    whole = wanted if worth is None else worth.astype(float)
    part = service["demand_id"].map(whole) / service["demand_id"].map(wanted)
    factor = [1.0 if decay is None else decay(t) for t in service["travel_min"].tolist()]
    found = math.fsum((part * service["served_kwh_day"] * np.array(factor)).tolist())
    ledger.equal("objective", objective, found)
    ledger.done()


def check_money(
    chosen: Sequence[str],
    offers: pd.DataFrame,
    *,
    column: str,
    claimed_pkr: float | None = None,
    at_most_pkr: float | None = None,
) -> None:
    """Raise `VerifyError` unless the money of a plan is as claimed and within its limit."""
    ledger = Ledger()
    money = offers.set_index("offer_id")[column].astype(float)
    ids = list(chosen)
    ledger.broken("offers", "not in the table", ids, [name not in money.index for name in ids])
    spent = math.fsum(money[[name for name in ids if name in money.index]])
    if claimed_pkr is not None:
        ledger.equal(column, claimed_pkr, spent)
    if at_most_pkr is not None:
        ledger.at_most(column, spent, at_most_pkr)
    ledger.done()


def check_gaps(
    sites: pd.DataFrame,
    service: pd.DataFrame,
    offers: pd.DataFrame,
    *,
    margin_pkr: Mapping[str, float],
    cap_share: float,
    budget_pkr: float,
) -> None:
    """Raise `VerifyError` unless each subsidy is what the case lacks, within cap and budget."""
    ledger = Ledger()
    value = service["served_kwh_day"] * service["vehicle_class"].map(margin_pkr).astype(float)
    earned = value.groupby(service["site_id"]).sum()
    cost = sites["offer_id"].map(offers.set_index("offer_id")["cost_pkr"]).astype(float)
    lacks = (cost - sites["site_id"].map(earned).fillna(0.0).astype(float)).clip(lower=0.0)
    slack = RELATIVE * max(float(offers["cost_pkr"].max()), 1.0)
    where, ids = "sites, column subsidy_pkr", sites["site_id"]
    wrong = (sites["subsidy_pkr"] - lacks).abs() > slack
    ledger.broken(where, "not what the business case lacks", ids, wrong)
    over = lacks > cap_share * cost + slack
    ledger.broken(where, f"above {cap_share:.0%} of the cost", ids, over)
    ledger.at_most("subsidies needed, PKR", float(lacks.sum()), budget_pkr, slack / RELATIVE)
    ledger.done()
