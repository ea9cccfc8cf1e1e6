"""The limits that bind a plan, and the number of places and ports that the plan uses."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from siting import economics
from siting.outcome import Line
from siting.plan import Plan
from siting.sites.chargers_text import ports_in_words, readable_counts
from siting.study.program_inputs import Asked, money_of
from siting.study.revalue import by_class, service_of
from siting.study.stages import Table, stage
from siting.study.to_program import MILLION
from siting.tables import capacity_columns, capacity_groups, may_be_built
from siting.texts import counted

PLACE_M = 300.0  # stations within this distance (m) of each other count as one place
# Shares of energy, sums of money (PKR) and sales (kWh/day) below these values are negligible.
LITTLE, LITTLE_PKR, IDLE_KWH = 0.005, 1.0, 0.05
GROUPS = {
    "lev": "sockets for two- and three-wheelers",
    "lev_dc": "12 kW points for two- and three-wheelers",
    "ac": "AC chargers",
    "dc": "fast chargers (DC)",
    "swap_2w": "swap cabinets for two-wheelers",
    "swap_3w": "swap cabinets for three-wheelers",
}


@stage()
def places_used(plan: Plan, chargers: Table) -> dict[str, Any]:
    """The number of places with stations, and the number of ports, in the last year.

    Keys: ``within_m`` (see `PLACE_M`); ``places``, ``new_places`` (with a new station) and
    ``dc_places`` (with a fast charger); ``ports`` and ``new_ports``, by charger group.
    """
    sites = plan.sites
    place = place_of(sites.geometry.get_coordinates().to_numpy())
    ports = ports_of(plan, chargers)
    new = ~sites["existing"].to_numpy(dtype=bool)
    dc = ports.get("dc", pd.Series(0, index=ports.index)).to_numpy() > 0
    return {
        "within_m": PLACE_M,
        "places": len(set(place)),
        "new_places": len(set(place[new])),
        "dc_places": len(set(place[dc])),
        "ports": {str(g): int(n) for g, n in ports.sum().items() if n},
        "new_ports": {str(g): int(n) for g, n in ports[new].sum().items() if n},
    }


def place_of(xy_m: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the index of each point's place, counted from 0.

    Two points are in the same place if a chain of points with steps of at most `PLACE_M` metres
    links them.

    >>> place_of(np.array([[0.0, 0.0], [200.0, 0.0], [400.0, 0.0], [900.0, 0.0]])).tolist()
    [0, 0, 0, 1]
    """
    if not len(xy_m):
        return np.zeros(0, dtype=int)
    # SciPy is imported here, because the import takes half a second and most commands do not
    # need SciPy.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    near = cKDTree(xy_m).query_pairs(PLACE_M, output_type="ndarray")
    links = coo_array((np.ones(len(near)), (near[:, 0], near[:, 1])), shape=(len(xy_m),) * 2)
    _, label = connected_components(links, directed=False)
    return np.asarray(label)


def ports_of(plan: Plan, chargers: pd.DataFrame) -> pd.DataFrame:
    """Return a table of ports: one row per site of the plan, one column per charger group.

    Some existing stations have ports that the ``chargers`` column does not list. These ports are
    added to the charger group with the most capacity at the station.
    """
    offers = plan.offers.set_index("offer_id").loc[plan.sites["offer_id"]]
    groups = capacity_groups(map(str, offers.columns))
    kinds = {str(c["charger_id"]): c for c in chargers.to_dict("records")}
    rows = []
    for offer in offers.to_dict("records"):
        row = dict.fromkeys(groups, 0)
        for name, number in readable_counts(str(offer["chargers"]))[0].items():
            if name in kinds:
                row[str(kinds[name]["charger_group"])] += number * int(kinds[name]["ports"])
        most = max(groups, key=lambda g: offer[f"capacity_{g}_kwh_day"])
        row[most] += max(int(offer["ports"] or 0) - sum(row.values()), 0)
        rows.append(row)
    return pd.DataFrame(rows, columns=groups, dtype=int)


@stage()
def binding(plan: Plan, asked: Asked, certificate: Table | None) -> list[str]:
    """The limits that keep the plan from serving more energy, in words; empty if none is known.

    If nearly all demand is served, the list says so instead of naming limits on places and money.
    """
    wanted = float(plan.classes["demand_kwh_day"].sum())
    if wanted <= 0 or plan.new_sites.empty:
        return _cannot_pass(asked)
    unserved = max(wanted - plan.served_kwh_day, 0.0)
    texts = [f"nearly all demand is served: more money can add at most {unserved:,.0f} kWh/day"]
    if unserved > LITTLE * wanted:
        texts = [*_sites(plan, asked), *_money(plan, certificate)]
    return [*texts, *_cannot_pass(asked), *_without_money(plan, asked)]


@stage()
def standing_sales(plan: Plan, asked: Asked) -> dict[str, Any]:
    """The sales of the existing stations, with and without the new stations.

    Keys: ``stations`` (number of existing stations); ``alone_kwh_day`` (sales in the last year if
    no station were built); ``kwh_day`` (sales under the plan, including extensions); ``idle``
    (existing stations without sales under the plan). Empty if the plan has no existing stations or
    no new stations.
    """
    standing = plan.offers[plan.offers["existing"].astype(bool)]
    here = plan.sites[plan.sites["site_id"].isin(standing["site_id"])]
    if here.empty or plan.new_sites.empty:
        return {}
    alone = by_class(asked.last_demand, service_of(asked, list(standing["offer_id"]))).iloc[-1]
    return {
        "stations": len(here),
        "alone_kwh_day": float(alone["served_kwh_day"]),
        "kwh_day": float(here["served_kwh_day"].sum()),
        "idle": int((here["served_kwh_day"] <= IDLE_KWH).sum()),
    }


def standing_line(sales: dict[str, Any]) -> list[Line]:
    """Return the headline figure on the existing stations' sales with and without the plan.

    >>> standing_line({"stations": 5, "alone_kwh_day": 1337.0, "kwh_day": 59.0, "idle": 3})[0].text
    'sell 59 kWh/day, 1,278 less than if nothing were built (1,337); 3 of 5 sell nothing'
    """
    if not sales:
        return []
    lost = sales["alone_kwh_day"] - sales["kwh_day"]
    text = f"sell {sales['kwh_day']:,.0f} kWh/day, "
    if abs(lost) < 1.0:
        text += "as much as if nothing were built"
    else:
        text += f"{abs(lost):,.0f} {'less' if lost > 0 else 'more'} than if nothing were built "
        text += f"({sales['alone_kwh_day']:,.0f})"
    if sales["idle"]:
        verb = "sell" if sales["idle"] > 1 else "sells"
        text += f"; {sales['idle']:,} of {sales['stations']:,} {verb} nothing"
    return [Line("standing_sales", "Existing stations", text)]


def lines_that_bind(used: dict[str, Any], texts: list[str]) -> Iterator[Line]:
    """Yield places, ports and binding limits as headline figures."""
    if used["places"]:
        text = f"{used['places']:,} (stations within {used['within_m']:g} m count as one), "
        text += f"{used['dc_places']:,} of them with fast chargers; {ports_in_words(used['ports'])}"
        yield Line("places", "Places", text)
    if texts:
        yield Line("binds", "Binding limits", "; ".join(texts))


def _sites(plan: Plan, asked: Asked) -> list[str]:
    """Return a message if every place has a station, or if no new station could be larger."""
    able = plan.offers[may_be_built(plan.offers) & ~plan.offers["site_id"].isin(asked.forbidden)]
    columns = capacity_columns(able)
    new = plan.new_sites
    chosen = plan.offers.set_index("offer_id").loc[new["offer_id"], ["site_id", *columns]]
    here = able.loc[able["site_id"].isin(new["site_id"]), ["site_id", *columns]]
    now = chosen.set_index("site_id").loc[here["site_id"], columns].to_numpy(dtype=float)
    could = here[columns].to_numpy(dtype=float)
    larger = (could >= now - 1e-9).all(axis=1) & (could.sum(axis=1) > now.sum(axis=1) + 1e-6)
    largest, count = not larger.any(), able["site_id"].nunique()
    if set(able["site_id"]) <= set(plan.sites["site_id"]):
        each = ", each at" if count > 1 else ", at"
        more = f"{each} the largest available size: more money cannot buy more"
        used = f"all {count:,} places are used" if count > 1 else "the only place is used"
        return [used + more if largest else used]
    return ["every new station has the largest size that its place allows"] if largest else []


def _money(plan: Plan, certificate: pd.DataFrame | None) -> list[str]:
    """Return a message if the budget's dual price proves that more money adds almost nothing."""
    bound, budget_pkr = plan.outcome.bound_kwh_day, plan.outcome.budget_pkr
    if bound is None or certificate is None or not math.isfinite(budget_pkr):
        return []
    price = certificate.loc[certificate["row"] == "money", "price"].astype(float)
    added_pkr = 10 * max(budget_pkr, MILLION)
    more = float(price.sum()) * added_pkr
    if more > LITTLE * plan.served_kwh_day:
        return []
    return [
        f"the budget is not binding: according to the dual prices, "
        f"PKR {added_pkr / MILLION:,.0f} m more would raise the bound by at most "
        f"{more:,.0f} kWh/day"
    ]


def _cannot_pass(asked: Asked) -> list[str]:
    """Return messages about charger groups that even the largest subsidy cannot make viable."""
    if (need := asked.need) is None:
        return []
    offers = need.offers[may_be_built(need.offers)]
    groups = capacity_groups(map(str, offers.columns))
    able = offers[[f"capacity_{g}_kwh_day" for g in groups]].to_numpy(dtype=float)
    lone = (able > 0).sum(axis=1) == 1
    needs, known = offers["cost_pkr"].to_numpy(dtype=float), need.rule.cap
    ids = offers["offer_id"].astype(str)
    cap = known * needs if isinstance(known, float) else np.array([known[o] for o in ids])
    texts = []
    for column, group in enumerate(groups):
        only = lone & (able[:, column] > 0)
        if not only.any() or group not in asked.rules.prices_pkr_kwh:
            continue
        worth = economics.worth_pkr_kwh_day(asked.rules, group)
        left = worth * able[only, column] + cap[only] - needs[only]
        if (left < -LITTLE_PKR).all():
            texts.append(
                f"no station with only {GROUPS.get(group, group)} can break even at these prices: "
                "even sold out and with the largest subsidy, the best of "
                f"{counted(int(only.sum()), 'offer')} falls short by "
                f"PKR {-float(left.max()) / MILLION:,.2f} m"
            )
    return texts


def _without_money(plan: Plan, asked: Asked) -> list[str]:
    """Return a message if unsubsidised stations alone would serve nearly as much as the plan."""
    drawn = plan.new_sites["subsidy_pkr"].astype(float) > LITTLE_PKR
    if not drawn.any() or drawn.all() or money_of(asked.config) <= 0:
        return []
    # If the capacity of the unsubsidised stations is too small anyway, no solve is needed.
    least = (1 - 4 * LITTLE) * plan.served_kwh_day
    kept = plan.sites.loc[~plan.sites["site_id"].isin(plan.new_sites.loc[drawn, "site_id"])]
    if not 0 < least <= float(kept["capacity_kwh_day"].sum()):
        return []
    service = service_of(asked, list(kept["offer_id"]))
    alone = float(by_class(asked.last_demand, service)["served_kwh_day"].iloc[-1])
    if alone < least:
        return []
    free = int((~drawn).sum())
    said = f"the {free:,} stations that draw" if free > 1 else "the station that draws"
    return [
        f"PKR 0 would serve nearly as much: {said} no public money would alone serve "
        f"{alone:,.0f} kWh/day"
    ]
