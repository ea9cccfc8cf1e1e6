"""Checks of an instance's tables and of the references between them."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import pandas as pd

from siting import settings
from siting.errors import Fault, naming, refuse
from siting.program.limits import Limit
from siting.program.obligations import find_obligation_faults
from siting.tables import COMPATIBILITY, DEMAND, OFFERS, REACH, capacity_groups, find_faults


def check_tables(
    tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame],
    budget_pkr: float,
    cutoff_min: float | None,
    limits: Sequence[Limit] = (),
    required: Collection[str] = (),
    forbidden: Collection[str] = (),
) -> None:
    """Raise `InputError` with every fault of the tables, their references and the limits.

    `tables` are demand, offers, reach and compatibility.
    """
    faults = []
    if not math.isfinite(budget_pkr):
        faults.append(Fault("budget_pkr", f"is {budget_pkr}", "give PKR, 0 or more"))
    elif budget_pkr < 0:
        faults.append(Fault("budget_pkr", f"is negative ({budget_pkr:,.0f})", "give PKR 0 or more"))
    if cutoff_min is not None and not 0 < cutoff_min < math.inf:
        faults.append(Fault("cutoff_min", f"is {cutoff_min}", "give minutes above 0"))
    demand, offers, reach, compatibility = tables
    pairs = zip(tables, (DEMAND, OFFERS, REACH, COMPATIBILITY), strict=True)
    table_faults = [fault for frame, table in pairs for fault in find_faults(frame, table)]
    faults += table_faults
    if not table_faults:
        faults += _reference_faults(demand, offers, reach, compatibility)
        faults += _existing_faults(offers)
        faults += _empty_faults(demand, offers)
        faults += find_obligation_faults(offers, limits, required, forbidden)
    refuse(faults)


def reach_fault(
    demand: pd.DataFrame,
    offers: pd.DataFrame,
    left: pd.DataFrame,
    reach: pd.DataFrame,
    cutoff_min: float | None,
) -> Fault:
    """Return the reason why no demand reaches a usable station, and a remedy."""
    rows = demand[demand["demand_kwh_day"] > 0]
    pairs = reach[
        reach["cell_id"].astype(str).isin(set(rows["cell_id"].astype(str)))
        & reach["site_id"].astype(str).isin(set(left["site_id"]))
    ]
    counts = (
        f"none of {len(rows):,} demand rows can reach any of {left['site_id'].nunique():,} sites "
        f"with {len(left):,} offers"
    )
    if pairs.empty:
        return Fault(
            "reach",
            f"{counts}: the table has {len(reach):,} rows and none joins the two",
            "raise the cutoff, add candidates nearer to the demand, or lift what rules offers "
            f"out ({len(offers) - len(left):,} of {len(offers):,} are left out)",
        )
    nearest = float(pairs["travel_min"].min())
    if cutoff_min is not None and nearest > cutoff_min:
        return Fault(
            "cutoff_min",
            f"{counts} within {cutoff_min:g} min: the nearest is {nearest:.1f} min away",
            f"raise the cutoff to {math.ceil(nearest):g} min or more",
        )
    classes = ", ".join(sorted(set(rows["vehicle_class"].astype(str))))
    return Fault(
        "compatibility",
        f"{counts} whose chargers it can use, though {len(pairs):,} pairs are within reach",
        f"offer chargers for {classes}, or correct the compatibility table",
    )


def _reference_faults(
    demand: pd.DataFrame, offers: pd.DataFrame, reach: pd.DataFrame, compatibility: pd.DataFrame
) -> list[Fault]:
    groups = capacity_groups(map(str, offers.columns))
    used = {g for g in groups if (offers[f"capacity_{g}_kwh_day"] > 0).any()}
    checks = (
        (
            "demand, column vehicle_class",
            _unknown(demand["vehicle_class"], compatibility["vehicle_class"]),
            "not in the compatibility table",
            "add a row for each charger group the class can use",
        ),
        (
            "reach, column site_id",
            _unknown(reach["site_id"], offers["site_id"]),
            "without any offer, not even one that is ruled out",
            "make offers for every site",
        ),
        (
            "offers, capacity columns",
            sorted(used - set(compatibility["charger_group"].astype(str))),
            "charger groups no vehicle class can use",
            "add them to the compatibility table",
        ),
    )
    return [
        fault
        for where, ids, what, fix in checks
        for fault in naming(where, what, ids, fix, count=True)
    ]


def _unknown(names: pd.Series, known: pd.Series) -> list[str]:
    return sorted(set(names.astype(str)) - set(known.astype(str)))


def _existing_faults(offers: pd.DataFrame) -> list[Fault]:
    standing = offers[offers["existing"]]
    site = standing["site_id"].astype(str)
    ids = standing["offer_id"].astype(str)
    ruled_out = standing["reason"].fillna("").astype(str).str.strip() != ""
    paid = (standing["cost_pkr"] > 0) | (standing["subsidy_pkr"] > 0)
    checks = (
        (
            site[site.duplicated()],
            "offers, column existing",
            "more than one existing offer at a site",
            "keep one, with the capacity of all",
        ),
        (
            ids[ruled_out],
            "offers, column reason",
            "existing stations with a reason against building them",
            "leave the reason blank or drop the row",
        ),
        (
            ids[paid],
            "offers, column cost_pkr",
            "existing stations that cost money",
            "set cost_pkr and subsidy_pkr to 0: existing stations are paid for",
        ),
    )
    return [fault for bad, where, what, fix in checks for fault in naming(where, what, bad, fix)]


def _empty_faults(demand: pd.DataFrame, offers: pd.DataFrame) -> list[Fault]:
    faults = []
    if not (demand["demand_kwh_day"] > 0).any():
        rows = f"all {len(demand):,} rows are 0" if len(demand) else "no rows"
        what, fix = f"nothing to serve: {rows}", "check people, fleet and public share"
        faults.append(Fault("demand, column demand_kwh_day", what, fix))
    reasons = offers["reason"].fillna("").astype(str).str.strip()
    if (reasons != "").all():
        listed = "; ".join(f"{n:,} x {why}" for why, n in reasons.value_counts().head(3).items())
        what = f"none of {len(offers):,} can be built"
        what += f": {listed}" if listed else "; there are none"
        fix = "lift what rules them out, or add candidates and configurations"
        faults.append(Fault("offers", what, fix))
    over = offers["cost_pkr"] < offers["subsidy_pkr"] * (1 - settings.EXACT)
    ids, fix = offers.loc[over, "offer_id"], "a subsidy cannot be more than the cost"
    return faults + naming("offers, column subsidy_pkr", "above cost_pkr", ids, fix, count=True)
