"""An independent recount of the variants of a plan, from plain tables alone.

Nothing here is shared with the models or the solver. `siting.verify` recounts what every plan must
hold: reach, compatibility, capacity, demand. Here is what the variants add: floors, the worst zone,
the Gini coefficient, weights and decay, money, viability gaps and the distance between plans.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from siting.errors import Fault, VerifyError

# Relative to the figure compared: a kilowatt-hour in a million, a rupee in a million.
TOLERANCE = 1e-6


def recount_zones(service: pd.DataFrame, demand: pd.DataFrame, zones: pd.Series) -> pd.DataFrame:
    """Return what each zone wants and is served, in kWh/day.

    Parameters
    ----------
    service
        Who is served by what: ``demand_id``, ``site_id``, ``served_kwh_day``.
    demand
        ``demand_id``, ``demand_kwh_day``.
    zones
        Zone by ``demand_id``; blank or absent: in none.

    Returns
    -------
    DataFrame
        ``zone``, ``demand_kwh_day``, ``served_kwh_day``, ``served_share``, zones in order.
    """
    served = service.groupby("demand_id")["served_kwh_day"].sum()
    table = pd.DataFrame(
        {
            "zone": demand["demand_id"].map(zones).fillna("").astype(str).str.strip(),
            "demand_kwh_day": demand["demand_kwh_day"].astype(float),
            "served_kwh_day": demand["demand_id"].map(served).fillna(0.0).astype(float),
        }
    )
    out = table[table["zone"] != ""].groupby("zone", as_index=False).sum()
    out["served_share"] = out["served_kwh_day"] / out["demand_kwh_day"]
    return out


def check_floors(
    service: pd.DataFrame,
    demand: pd.DataFrame,
    zones: pd.Series | None = None,
    floors: Mapping[str, float] | None = None,
    city_floor: float = 0.0,
) -> None:
    """Raise `VerifyError` unless all floors hold.

    Parameters
    ----------
    service, demand, zones
        As for `recount_zones`.
    floors
        Share of its demand that must be served, by zone.
    city_floor
        Share of all demand that must be served.
    """
    faults = []
    if floors:
        table = recount_zones(service, demand, pd.Series(dtype=str) if zones is None else zones)
        shares = dict(zip(table["zone"], table["served_share"], strict=True))
        for zone, share in sorted(floors.items()):
            faults += _below(f"floor, {zone}", shares.get(zone, 0.0), share)
    total = float(demand["demand_kwh_day"].sum())
    served = float(service["served_kwh_day"].sum()) / total if total else 0.0
    _raise(faults + _below("floor, city", served, city_floor))


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
    """Raise `VerifyError` unless the worst zone, its share and the Gini coefficient are as claimed.

    Parameters
    ----------
    service, demand, zones
        As for `recount_zones`.
    worst_zone, worst_share, gini
        What is claimed.
    people
        People by zone, the weight of the Gini coefficient; demand by default.
    """
    table = recount_zones(service, demand, zones)
    least = float(table["served_share"].min())
    faults = _differs("worst_share", worst_share, least)
    claimed = table.loc[table["zone"] == worst_zone, "served_share"]
    if claimed.empty or float(claimed.iloc[0]) > least + TOLERANCE:
        faults.append(Fault("worst_zone", f"{worst_zone!r} is not the worst served"))
    weight = table["demand_kwh_day"] if people is None else table["zone"].map(people)
    _raise(faults + _differs("gini", gini, _lorenz_gini(table["served_share"], weight)))


def check_worth(
    service: pd.DataFrame,
    demand: pd.DataFrame,
    objective: float,
    worth: pd.Series | None = None,
    decay: Callable[[float], float] | None = None,
) -> None:
    """Raise `VerifyError` unless the worth of what is served is as claimed.

    Parameters
    ----------
    service
        As for `recount_zones`, with ``travel_min``.
    demand
        ``demand_id``, ``demand_kwh_day``.
    objective
        What is claimed, in the unit of `worth`.
    worth
        Worth of each demand row served whole, by ``demand_id``; its energy by default.
    decay
        What counts of it after so many minutes, 0 to 1; all by default.
    """
    wanted = dict(zip(demand["demand_id"], demand["demand_kwh_day"].astype(float), strict=True))
    values = wanted if worth is None else worth.astype(float).to_dict()
    total = 0.0
    columns = ("demand_id", "served_kwh_day", "travel_min")
    for name, kwh, minutes in zip(*(service[c].tolist() for c in columns), strict=True):
        factor = 1.0 if decay is None else decay(minutes)
        total += values[name] * kwh / wanted[name] * factor
    _raise(_differs("objective", objective, total))


def check_money(
    chosen: Sequence[str],
    offers: pd.DataFrame,
    *,
    column: str,
    claimed_pkr: float | None = None,
    at_most_pkr: float | None = None,
) -> None:
    """Raise `VerifyError` unless the money of a plan is as claimed and within its limit.

    Parameters
    ----------
    chosen
        Ids of the offers.
    offers
        ``offer_id`` and the column of money.
    column
        Which money: ``subsidy_pkr`` or ``cost_pkr``.
    claimed_pkr, at_most_pkr
        What is claimed, and the budget (PKR).
    """
    money = offers.set_index("offer_id")[column].astype(float)
    unknown = tuple(name for name in chosen if name not in money.index)
    if unknown:
        raise VerifyError(Fault("offers", "not in the table", "", unknown))
    spent = math.fsum(money[list(chosen)])
    faults = [] if claimed_pkr is None else _differs(column, claimed_pkr, spent)
    if at_most_pkr is not None and spent > at_most_pkr * (1 + TOLERANCE):
        faults.append(Fault(column, f"PKR {spent:,.0f} spent, {at_most_pkr:,.0f} there"))
    _raise(faults)


def check_gaps(
    sites: pd.DataFrame,
    service: pd.DataFrame,
    offers: pd.DataFrame,
    *,
    margin_pkr: Mapping[str, float],
    cap_share: float,
    budget_pkr: float,
) -> None:
    """Raise `VerifyError` unless each subsidy is what the case lacks, within cap and budget.

    Parameters
    ----------
    sites
        What the plan claims: ``site_id``, ``offer_id``, ``subsidy_pkr``.
    service
        As for `recount_zones`, with ``vehicle_class``.
    offers
        ``offer_id``, ``cost_pkr``.
    margin_pkr
        Present value of the margin on a kWh/day over the life, by vehicle class (PKR).
    cap_share
        Largest share of the cost that public money may pay.
    budget_pkr
        Public money there is (PKR).
    """
    value = service["served_kwh_day"] * service["vehicle_class"].map(margin_pkr).astype(float)
    earned = value.groupby(service["site_id"]).sum()
    cost = sites["offer_id"].map(offers.set_index("offer_id")["cost_pkr"]).astype(float)
    lacks = (cost - sites["site_id"].map(earned).fillna(0.0).astype(float)).clip(lower=0.0)
    slack = TOLERANCE * max(float(offers["cost_pkr"].max()), 1.0)
    faults = []
    for what, wrong in (
        ("not what the business case lacks", (sites["subsidy_pkr"] - lacks).abs() > slack),
        (f"above {cap_share:.0%} of the cost", lacks > cap_share * cost + slack),
    ):
        if wrong.any():
            ids = tuple(map(str, sites.loc[wrong, "site_id"]))
            faults.append(Fault("sites, column subsidy_pkr", f"{len(ids):,} {what}", "", ids))
    total = float(lacks.sum())
    if total > budget_pkr * (1 + TOLERANCE) + slack:
        faults.append(Fault("subsidies", f"PKR {total:,.0f} needed, {budget_pkr:,.0f} there"))
    _raise(faults)


def check_distances(
    plans: Sequence[Sequence[str]], offers: pd.DataFrame, differ_by: int, sites: pd.DataFrame
) -> None:
    """Raise `VerifyError` unless plans differ as claimed and their sites are counted right.

    Parameters
    ----------
    plans
        Ids of the offers of each plan.
    offers
        ``offer_id``, ``site_id``, ``existing``.
    differ_by
        Number of sites that stand in one of two plans only, at least.
    sites
        What is claimed: ``site_id``, ``plans``.
    """
    new = offers[~offers["existing"]].set_index("offer_id")["site_id"]
    built = [{new[name] for name in plan if name in new.index} for plan in plans]
    faults = [
        Fault("alternatives", f"plans {a + 1} and {b + 1} differ by {len(built[a] ^ built[b])}")
        for a in range(len(built))
        for b in range(a)
        if len(built[a] ^ built[b]) < differ_by
    ]
    counts = {site: sum(site in plan for plan in built) for site in set().union(*built)}
    if counts != dict(zip(sites["site_id"], sites["plans"], strict=True)):
        faults.append(Fault("sites, column plans", "not the plans each site stands in"))
    _raise(faults)


def _lorenz_gini(share: pd.Series, weight: pd.Series) -> float:
    """Return the Gini coefficient as twice the area between the Lorenz curve and the diagonal."""
    rows = sorted(zip(share.astype(float), weight.astype(float), strict=True))
    people, total = sum(w for _, w in rows), sum(s * w for s, w in rows)
    if total <= 0:
        return 0.0
    below, area = 0.0, 0.0
    for s, w in rows:
        after = below + s * w / total
        area += w / people * (below + after) / 2
        below = after
    return 1 - 2 * area


def _below(where: str, have: float, need: float) -> list[Fault]:
    if have >= need * (1 - 2 * TOLERANCE):
        return []
    return [Fault(where, f"{have:.6f} of the demand served, {need:.6f} promised")]


def _differs(where: str, claimed: float, found: float) -> list[Fault]:
    if math.isclose(claimed, found, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
        return []
    return [Fault(where, f"{claimed:,.6f} claimed, {found:,.6f} recounted")]


def _raise(faults: list[Fault]) -> None:
    if faults:
        raise VerifyError(faults)
