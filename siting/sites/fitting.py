"""Which chargers fit which sites, with a reason in words for each pair that does not fit.

Chargers fit a site if a grid connection and the headroom (or a bought upgrade) carry their load,
the bays suffice, and NEECA's parking rule allows their number of points. A site is paired with all
configurations that the user named, and with all sizes that fit or, if none fits, the smallest.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from siting.errors import InputError
from siting.sites.configurations import UPGRADED, Rules
from siting.sites.costs import points_required
from siting.texts import counted

type Flags = npt.NDArray[np.bool_]
type Places = npt.NDArray[np.intp]


def pairs(
    sites: pd.DataFrame, choices: pd.DataFrame, sized: Flags, rules: Rules
) -> tuple[Places, Places, bool]:
    """Return the pairs that become offers (site rows and choice rows), and whether any size fits.

    Pairs are sorted by site, then by choice. `sites` are new sites, or existing stations with their
    ``ports``, ``points`` and ``bays_needed``. `sized` marks the choices that are sizes.
    """
    fits = _fits(sites, choices, rules) & sized
    some = fits.any(axis=1)
    if sized.any():
        fits[~some, _smallest(choices, sized, rules.least_ports)] = True
    at_site, choice = np.nonzero(fits | ~sized)
    return at_site, choice, bool(some.any())


def paired(
    sites: pd.DataFrame, choices: pd.DataFrame, at_site: Places, choice: Places
) -> pd.DataFrame:
    """Return the columns of sites and choices side by side, one row per pair."""
    parts = (sites.iloc[at_site], choices.iloc[choice])
    return pd.concat([part.reset_index(drop=True) for part in parts], axis=1)


def _points_asked(sites: pd.DataFrame, rules: Rules) -> npt.NDArray[np.float64]:
    """Return the points that NEECA's rule sets for each site; 0 if the bays are unknown."""
    known = sites["site_bays"].where(sites["bays_known"].astype(bool))
    return points_required(known.to_numpy(dtype=float), rules.parking)


def _wrong_points(points: Any, asked: Any, rules: Rules) -> tuple[Any, Any]:
    """Return a mask of the rows with too few points, and a mask of the rows with too many."""
    few = (points < asked) & (rules.costs.neeca_points == "minimum")
    # At sites with fewer bays than the first step of NEECA's rule (`asked` is 0), any number of
    # points is allowed.
    return few, (points > asked) & (asked > 0) & (rules.costs.neeca_points == "maximum")


def _fits(sites: pd.DataFrame, choices: pd.DataFrame, rules: Rules) -> Flags:
    def both(column: str) -> npt.NDArray[Any]:
        added = choices[column].to_numpy()[None]
        return added + sites[column].to_numpy()[:, None] if column in sites.columns else added

    bays, headroom = (sites[c].to_numpy(float)[:, None] for c in ("site_bays", "headroom_kw"))
    few, many = _wrong_points(both("points"), _points_asked(sites, rules)[:, None], rules)
    fits: Flags = (choices["reason"] == "").to_numpy(bool)[None] & (both("bays_needed") <= bays)
    if not rules.upgrade:
        fits &= choices["load_kw"].to_numpy(float)[None] <= headroom
    fits &= ~few & ~many & (both("ports") >= rules.least_ports)
    return fits


def _smallest(choices: pd.DataFrame, sized: Flags, least_ports: int) -> int:
    """Return the row of the size with enough ports and fewest bays, then least load and cost."""
    large = sized & (choices["ports"].to_numpy() >= least_ports)
    rows = np.flatnonzero(large if large.any() else sized)
    order = choices.iloc[rows][["charger_cost_pkr", "load_kw", "bays_needed"]]
    return int(rows[np.lexsort(order.to_numpy(dtype=float).T)[0]])


def require_fit(sites: pd.DataFrame, choices: pd.DataFrame, sized: Flags, rules: Rules) -> None:
    """Raise an `InputError` with the needs of the smallest size, because no size fits any site."""
    least = rules.least_ports
    most = int(choices["ports"].to_numpy()[sized].max())
    if least > most and "ports" not in sites.columns:
        what = f"the largest size has only {most:,} ports, fewer than {least:,}"
        raise InputError("offers.least_ports", what, "lower it, or list larger numbers")
    smallest = choices.iloc[_smallest(choices, sized, least)]
    bays, kw = float(smallest["bays_needed"]), float(smallest["load_kw"])
    most_bays, most_kw = float(sites["site_bays"].max()), float(sites["headroom_kw"].max())
    what = (f"the smallest, {smallest['chargers']}, needs {_room(bays, kw)}; "
            f"the sites have at most {_room(most_bays, most_kw)}")  # fmt: skip
    fix = ""
    if bays > most_bays:
        fix += ", or give the sites more bays (their `bays` column, or offers.costs.site_bays)"
    if kw > most_kw and not rules.upgrade:
        fix += ", or allow extra power to be bought (offers.upgrade)"
    if least and pairs(sites, choices, sized, replace(rules, least_ports=0))[2]:
        what = f"no site can hold a station of {least:,} ports: {what}"
        raise InputError("offers.least_ports", what, f"lower it{fix}")
    what = f"no size fits any site: {what}"
    raise InputError("offers.sizes", what, f"list smaller numbers{fix}")


def _room(bays: float, kw: float) -> str:
    return f"{counted(bays, 'bay')} and {kw:,.4g} kW"


def with_upgrade(offers: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Return the offers, with a reason or an upgrade's price where the headroom is too small."""
    out = offers.assign(upgrade_kw=0.0, upgrade_cost_pkr=0.0)
    added = out["load_kw"] - out["standing_kw"]
    over = (out["reason"] == "") & (added > out["headroom_kw"])
    if rules.upgrade:
        items = rules.grid.set_index("item")["value"].astype(float)
        kw = out["upgrade_kw"] = (added - out["headroom_kw"]).where(over, 0.0)
        price = items["upgrade_fixed"] + kw * items["upgrade_kw"]
        out["upgrade_cost_pkr"] = price.where(over, 0.0)
        out.loc[over, "configuration"] += UPGRADED
        return out
    out.loc[over, "reason"] = [
        f"needs {power:,.0f} kW, more than the headroom of {spare:,.0f} kW"
        for power, spare in zip(added[over], out["headroom_kw"][over], strict=True)
    ]
    return out


def with_reasons(offers: pd.DataFrame, sized: Flags, rules: Rules) -> pd.DataFrame:
    """Return the offers, with a reason where the number of bays, points or ports is wrong."""
    asked = _points_asked(offers, rules)
    points, ports = (offers[c].to_numpy() for c in ("points", "ports"))
    bays, there = (offers[c].to_numpy(float) for c in ("bays_needed", "site_bays"))
    few, many = _wrong_points(points, asked, rules)
    small = (ports < rules.least_ports) & sized
    reason = offers["reason"].to_numpy(dtype=object, copy=True)
    for row in np.flatnonzero((bays > there) | few | many | small):
        said = [reason[row]] if reason[row] else []
        if bays[row] > there[row]:
            said.append(f"needs {bays[row]:,.0f} bays, but the site has {there[row]:g}")
        of = f"{asked[row]:g} {'for' if few[row] else 'at'} {there[row]:g} bays"
        if few[row] or many[row]:
            verb = "requires" if few[row] else "allows"
            said.append(f"has {counted(points[row], 'charging point')}, but NEECA {verb} {of}")
        if small[row]:
            said.append(f"has {counted(ports[row], 'port')}, fewer than {rules.least_ports}")
        reason[row] = "; ".join(said)
    return offers.assign(neeca_points=asked, reason=pd.Series(reason, offers.index, dtype="str"))
