"""Obligations besides the budget: limits, and required, forbidden and existing sites.

Let ``E`` be the sites with an existing station and ``R`` the sites that must have a station.
Besides the limits (`siting.program.limits`), the program has one constraint row for each of these
sites::

    sum of z_o over o in O_j      >=  1     for each site j in E or R    (existing or required)

At a site of ``E``, the only offers are the existing station and its extensions, and the plan
chooses one of these offers. Offers at forbidden sites are left out before the program is built.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence

import pandas as pd

from siting import settings
from siting.errors import Fault, naming
from siting.program.limits import Limit
from siting.tables import reasons_of


def tolerance(at_most: float) -> float:
    """Return the tolerance for comparing a sum with its bound `at_most`, in the bound's unit."""
    return settings.SIGNIFICANT + settings.ROUNDING * at_most


def extends(offers: pd.DataFrame) -> pd.Series[bool]:
    """Return whether each offer extends an existing station; False if the column is absent."""
    return offers.get("extends", pd.Series(False, index=offers.index)).eq(True)


def offers_left(offers: pd.DataFrame, forbidden: Collection[str] = ()) -> pd.DataFrame:
    """Return the offers that exist or can be built, with ids as strings, in order of ids.

    Offers are left out if their site is forbidden or if they have a ``reason``. At the site of an
    existing station, only the station and its extensions remain.
    """
    ids = {name: offers[name].astype(str) for name in ("offer_id", "site_id")}
    out = offers.assign(**ids)[reasons_of(offers) == ""]
    standing = set(out.loc[out["existing"], "site_id"])
    out = out[out["existing"] | extends(out) | ~out["site_id"].isin(standing)]
    out = out[~out["site_id"].isin(set(map(str, forbidden)))]
    return out.sort_values("offer_id", kind="stable", ignore_index=True)


def limit_faults(limits: Sequence[Limit], known: Collection[str] | None = None) -> list[Fault]:
    """Return the errors in the limits."""
    names = [limit.name for limit in limits]
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    what, fix = "two limits have the same name", "give each limit its own name"
    faults = naming("limits", what, twice, fix)
    for limit in limits:
        where = f"limit {limit.name}"
        if not limit.at_most >= 0 or (limit.at_most == math.inf and limit.at_least <= 0):
            what = f"at_most is {limit.at_most:g}"
            faults.append(Fault(where, what, f"enter an amount of 0 {limit.unit} or more"))
        if not 0 <= limit.at_least <= limit.at_most or limit.at_least == math.inf:
            what = f"at_least is {limit.at_least:g}, but at_most is {limit.at_most:g}"
            fix = f"enter an at_least from 0 {limit.unit} to at_most"
            faults.append(Fault(where, what, fix))
        bad = [o for o, amount in limit.use.items() if not 0 <= amount < math.inf]
        what = "some amounts are missing, negative or infinite"
        faults += naming(where, what, bad, f"enter amounts of 0 {limit.unit} or more")
        stray = [] if known is None else sorted(set(limit.use) - set(known))
        faults += naming(where, "some offers do not exist", stray, "check the ids")
    return faults


def site_faults(offers: pd.DataFrame, required: set[str], forbidden: set[str]) -> list[Fault]:
    """Return the errors in the required and forbidden sites."""
    site = offers["site_id"].astype(str)
    known, standing = set(site), set(site[offers["existing"]])
    left = set(offers_left(offers)["site_id"])
    without = (required & known) - left
    reasons = reasons_of(offers)[site.isin(without)]
    why = f", for example: {reasons.iloc[0]}" if len(reasons) else ""
    unknown, ruled_out = "some sites have no offer", f"every offer is ruled out at some sites{why}"
    both = "some required sites are also forbidden"
    kept = "some sites have an existing station, and no plan closes a station"
    out = "leave the site out of the list, or the station out of the offers"
    faults = []
    for where, ids, what, fix in (
        ("required", required - known, unknown, "check the names"),
        ("forbidden", forbidden - known, unknown, "check the names"),
        ("required", without, ruled_out, "allow some of the offers at these sites"),
        ("required", required & forbidden, both, "name each site in only one list"),
        ("forbidden", forbidden & standing, kept, out),
    ):
        faults += naming(f"{where} sites", what, sorted(ids), fix)
    return faults


def extension_faults(offers: pd.DataFrame) -> list[Fault]:
    """Return the errors in the offers that extend existing stations."""
    if "extends" not in offers.columns:
        return []
    column, where = offers["extends"], "offers, column extends"
    if not pd.api.types.is_bool_dtype(column):
        what = f"the values have type {column.dtype}, but must be true or false"
        return [Fault(where, what, "enter true or false for each offer")]
    site, ids = offers["site_id"].astype(str), offers["offer_id"].astype(str)
    alone = ids[column & ~site.isin(set(site[offers["existing"]]))]
    both = ids[column & offers["existing"]]
    what = "some offers extend a station, but their sites have no existing station"
    faults = naming(where, what, alone, "set extends to false for these offers")
    what = "some offers extend a station, but are existing stations themselves"
    return faults + naming(where, what, both, "set extends or existing to false for these offers")
