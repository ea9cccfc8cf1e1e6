"""Checks of an instance's tables and of the references between them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence

import pandas as pd

from siting import settings
from siting.errors import Fault, is_number, naming, refuse
from siting.program.limits import Limit
from siting.program.obligations import extension_faults, limit_faults, site_faults
from siting.tables import (
    COMPATIBILITY,
    DEMAND,
    OFFERS,
    REACH,
    capacity_groups,
    find_faults,
    reasons_of,
)
from siting.texts import counted


def check_tables(
    tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame], budget_pkr: float,
    cutoff_min: float | None, limits: Sequence[Limit], required: Collection[str],
    forbidden: Collection[str],
) -> None:  # fmt: skip
    """Raise `InputError` with every error in the tables (demand, offers, reach, compatibility)."""
    faults = []
    if not (is_number(budget_pkr) and 0 <= budget_pkr < math.inf):
        faults.append(Fault("budget_pkr", f"is {budget_pkr!r}", "enter an amount of PKR 0 or more"))
    if cutoff_min is not None and not (is_number(cutoff_min) and 0 < cutoff_min < math.inf):
        fix = "enter a number of minutes above 0"
        faults.append(Fault("cutoff_min", f"is {cutoff_min!r}", fix))
    demand, offers, reach, compatibility = tables
    pairs = zip(tables, (DEMAND, OFFERS, REACH, COMPATIBILITY), strict=True)
    table_faults = [fault for frame, table in pairs for fault in find_faults(frame, table)]
    faults += table_faults
    if not table_faults:
        faults += _reference_faults(demand, offers, reach, compatibility)
        faults += _existing_faults(offers)
        faults += _empty_faults(demand, offers)
        faults += limit_faults(limits, set(offers["offer_id"].astype(str)))
        faults += site_faults(offers, set(map(str, required)), set(map(str, forbidden)))
        faults += extension_faults(offers)
    refuse(faults)


def reach_fault(
    demand: pd.DataFrame, offers: pd.DataFrame, left: pd.DataFrame, reach: pd.DataFrame,
    cutoff_min: float | None,
) -> Fault:  # fmt: skip
    """Return a fault stating that no demand reaches a usable station, with cause and remedy."""
    rows = demand[demand["demand_kwh_day"] > 0]
    pairs = reach[
        reach["cell_id"].astype(str).isin(set(rows["cell_id"].astype(str)))
        & reach["site_id"].astype(str).isin(set(left["site_id"]))
    ]
    counts = (
        f"none of {counted(len(rows), 'demand row')} can reach any of "
        f"{counted(left['site_id'].nunique(), 'site')} with {counted(len(left), 'offer')}"
    )
    if pairs.empty:
        what = f"{counts}, because no row of the reach table joins a demand row to one of these "
        what += f"sites (rows of the table: {len(reach):,})"
        fix = (
            "raise the cutoff, add candidates nearer to the demand, or allow more offers "
            f"({len(offers) - len(left):,} of {len(offers):,} are ruled out)"
        )
        return Fault("reach", what, fix)
    nearest = float(pairs["travel_min"].min())
    if cutoff_min is not None and nearest > cutoff_min:
        what = f"{counts} within {cutoff_min:g} min, because the shortest drive takes "
        what += f"{nearest:.1f} min"
        return Fault("cutoff_min", what, f"raise the cutoff to {math.ceil(nearest):g} min or more")
    classes = ", ".join(sorted(set(rows["vehicle_class"].astype(str))))
    what = "no demand row can use the chargers of the sites within its reach "
    what += f"({counted(len(pairs), 'pair')})"
    fix = f"offer chargers for {classes}, or correct the compatibility table"
    return Fault("compatibility", what, fix)


def _reference_faults(
    demand: pd.DataFrame, offers: pd.DataFrame, reach: pd.DataFrame, compatibility: pd.DataFrame
) -> list[Fault]:
    unknown = _unknown(demand["vehicle_class"], compatibility["vehicle_class"])
    what = "some classes are not in the compatibility table"
    fix = "add a row for each charger group that the class can use"
    faults = naming("demand, column vehicle_class", what, unknown, fix)
    unknown, fix = _unknown(reach["site_id"], offers["site_id"]), "make offers for every site"
    what = "some sites have no offer, not even an offer that is ruled out"
    faults += naming("reach, column site_id", what, unknown, fix)
    groups = capacity_groups(map(str, offers.columns))
    used = [g for g in groups if (offers[f"capacity_{g}_kwh_day"] > 0).any()]
    unknown = _unknown(used, compatibility["charger_group"])
    what = "some charger groups fit no vehicle class"
    fix = "add these groups to the compatibility table"
    return faults + naming("offers, capacity columns", what, unknown, fix)


def _unknown(names: Iterable[object], known: Iterable[object]) -> list[str]:
    return sorted(set(map(str, names)) - set(map(str, known)))


def _existing_faults(offers: pd.DataFrame) -> list[Fault]:
    standing = offers[offers["existing"]]
    site = standing["site_id"].astype(str)
    ids = standing["offer_id"].astype(str)
    what = "some sites have more than one existing offer"
    fix = "keep one offer with the total capacity of the site"
    faults = naming("offers, column existing", what, site[site.duplicated()], fix)
    ruled_out = reasons_of(standing) != ""
    what = "some existing stations have a reason against building them"
    fix = "leave the reason blank or drop the row"
    faults += naming("offers, column reason", what, ids[ruled_out], fix)
    paid = (standing["cost_pkr"] > 0) | (standing["subsidy_pkr"] > 0)
    fix = "set cost_pkr and subsidy_pkr to 0, because existing stations are already paid for"
    where, what = "offers, column cost_pkr", "some existing stations have a cost or a subsidy"
    return faults + naming(where, what, ids[paid], fix)


def _empty_faults(demand: pd.DataFrame, offers: pd.DataFrame) -> list[Fault]:
    faults = []
    if not (demand["demand_kwh_day"] > 0).any():
        why = f"all {len(demand):,} rows are 0" if len(demand) else "there are no rows"
        what = f"there is nothing to serve, because {why}"
        fix = "check people, fleet and public share"
        faults.append(Fault("demand, column demand_kwh_day", what, fix))
    reasons = reasons_of(offers)
    if (reasons != "").all():
        listed = "; ".join(f"{n:,} x {why}" for why, n in reasons.value_counts().head(3).items())
        what = f"none of {counted(len(offers), 'offer')} can be built: {listed}"
        what = what if len(offers) else "there are no offers"
        fix = "allow some of these offers, or add candidates and configurations"
        faults.append(Fault("offers", what, fix))
    over = offers["cost_pkr"] < offers["subsidy_pkr"] * (1 - settings.EXACT)
    ids, fix = offers.loc[over, "offer_id"], "set each subsidy to at most the cost of its offer"
    what = "some subsidies are above cost_pkr"
    return faults + naming("offers, column subsidy_pkr", what, ids, fix)
