"""Why here, and why not there: a stored plan asked about one place.

Every figure is worked out anew from the run folder's tables: what the plan would serve without the
station, with another offer at the place, or with the next best place instead, all else the same.
For a place that gets nothing, the program is solved once more with a station required there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from siting.errors import InfeasibleError
from siting.program.instance import Instance
from siting.review.opened import Explained
from siting.review.solving import near_optimal, without
from siting.solve import Solution

# Energy too small to be spoken of (kWh/day), and use at which a station counts as full.
LITTLE_KWH, FULL_SHARE = 0.5, 0.999
ENDING = "all else the same"
NO_CLASSES = pd.DataFrame(columns=["vehicle_class", "served_kwh_day", "lost_kwh_day"])


@dataclass(eq=False)
class SiteReasons:
    """Why a place gets what it gets.

    Parameters
    ----------
    site_id, name, state
        The place; ``built``, ``stands`` or ``not built``.
    offers
        One row an offer at the place: ``configuration``, ``chargers``, ``subsidy_pkr``,
        ``cost_pkr``, ``plan_kwh_day`` (what the plan would serve with it, all else the same;
        missing where it cannot be built) and ``said`` in words.
    classes
        One row a vehicle class that it serves: ``served_kwh_day`` here, ``lost_kwh_day`` without.
    reasons
        (what, in words), in the order a person asks.
    figures
        The same as numbers, for programs.
    """

    site_id: str
    name: str
    state: str
    offers: pd.DataFrame
    classes: pd.DataFrame = field(default_factory=lambda: NO_CLASSES)
    reasons: list[tuple[str, str]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def say(self, what: str, words: str, **figures: Any) -> None:
        """Add a reason, and figures."""
        self.reasons.append((what, words))
        self.figures.update(figures)


def explain_site(
    folder: Path | str | Explained,
    site: str,
    *,
    alternatives: int = 5,
    time_limit_s: float = 30.0,
) -> SiteReasons:
    """Return why a place gets its station, or none.

    Parameters
    ----------
    folder
        A run folder, or one opened already.
    site
        The place, by id or name.
    alternatives
        Near-optimal plans to compare with; 0 for none.
    time_limit_s
        Seconds for these plans together, and for the plan with a station required.

    Raises
    ------
    InputError
        If the folder cannot be used, or there is no such site.
    """
    run = folder if isinstance(folder, Explained) else Explained(folder)
    site_id = run.find(site)
    called = run.plan.candidates.set_index("site_id")["name"].get(site_id)
    name = called if isinstance(called, str) else ""
    stations = run.plan.sites.set_index("site_id")
    if site_id not in stations.index:
        found = SiteReasons(site_id, name, "not built", _offers(run, site_id, ""))
        if not _not_built(run, found, time_limit_s):
            return found
    else:
        row = stations.loc[site_id]
        state, offer = "stands" if row["existing"] else "built", str(row["offer_id"])
        offers, classes = _offers(run, site_id, offer), _classes(run, site_id, offer)
        found = SiteReasons(site_id, name, state, offers, classes)
        _built(run, found, row, time_limit_s)
    if alternatives > 0:
        _frequency(run, found, alternatives, time_limit_s)
    return found


# --- a station of the plan -----------------------------------------------------------------------


def _built(run: Explained, found: SiteReasons, row: pd.Series[Any], limit_s: float) -> None:
    site = found.site_id
    served, lost = float(row["served_kwh_day"]), float(run.losses[site])
    full = float(row["use_share"]) >= FULL_SHARE
    found.say(
        "What it serves",
        f"{served:,.0f} kWh/day from {int(row['cells_served']):,} cells, "
        f"{row['mean_travel_min']:.1f} min away on average, {row['use_share']:.0%} of what "
        f"its chargers ({row['chargers']}) deliver",
        served_kwh_day=served,
        marginal_kwh_day=lost,
        **{name: float(row[name]) for name in ("subsidy_pkr", "cost_pkr", "use_share")},
    )
    found.say(
        "Lost without it",
        f"{lost:,.0f} kWh/day; its neighbours would take over {max(served - lost, 0):,.0f}",
    )
    found.say("What it costs", _costs(row, served, lost))
    found.say("What holds it", _holds(*_in_reach(run, site), full=full))
    if found.state == "built" and run.energy_only:
        best = run.marginal.best_elsewhere([site], run.plan.solution.budget_pkr, count=1)
        said = _next_best(run, best, lost)
        found.say("Next best place", said, next_best=best.to_dict("records"))
        found.say("Planned without it", _without(run, site, limit_s, found.figures))


def _classes(run: Explained, site: str, offer: str) -> pd.DataFrame:
    others = [o for o in run.plan.solution.offers if o != offer]
    whole, here = run.plan.service, run.plan.service[run.plan.service["site_id"] == site]
    rest, all_, own = (
        table.groupby("vehicle_class")["served_kwh_day"].sum()
        for table in (run.asking.service(run.instance, others), whole, here)
    )
    table = own.to_frame()
    table["lost_kwh_day"] = (all_ - rest.reindex(all_.index).fillna(0.0)).reindex(table.index)
    table = table[table["served_kwh_day"] > LITTLE_KWH]
    return table.sort_values("served_kwh_day", ascending=False).reset_index()


def _costs(row: pd.Series[Any], served: float, lost: float) -> str:
    pkr = float(row["subsidy_pkr"])
    text = f"PKR {row['cost_pkr'] / 1e6:,.2f} m, {pkr / 1e6:,.2f} m of it public"
    if pkr > 0 and served > 0:
        text += f": {pkr / served:,.0f} rupees of subsidy a kWh/day served"
        text += f", {pkr / lost:,.0f} a kWh/day that would be lost" if lost > LITTLE_KWH else ""
    years = row.get("payback_years")
    if isinstance(years, float) and years == years:
        text += f"; it pays back in {years:,.1f} years"
    return text


def _in_reach(run: Explained, site: str) -> tuple[float, float]:
    """Return the energy wanted in reach of a site that it could serve, and its unserved part."""
    here = run.offers[run.offers["site_id"] == site]
    groups = run.compatibility["charger_group"].unique()
    columns = {g: f"capacity_{g}_kwh_day" for g in groups if f"capacity_{g}_kwh_day" in here}
    able = [group for group, column in columns.items() if (here[column] > 0).any()]
    pairs, demand = run.compatibility, run.plan.demand
    classes = pairs.loc[pairs["charger_group"].isin(able), "vehicle_class"]
    near = run.reach.loc[run.reach["site_id"] == site, "cell_id"]
    rows = demand[demand["cell_id"].isin(near) & demand["vehicle_class"].isin(classes)]
    wanted = float(rows["demand_kwh_day"].sum())
    return wanted, wanted - float(rows["served_kwh_day"].sum())


def _holds(wanted: float, unserved: float, *, full: bool) -> str:
    text = f"{wanted:,.0f} kWh/day wanted within reach, {unserved:,.0f} of it served nowhere"
    if full and unserved > LITTLE_KWH:
        return f"its own capacity: {text}"
    if unserved <= LITTLE_KWH:
        return f"reach: {text}, so more chargers here would serve nobody new"
    return f"the classes its chargers fit: {text}, and it has capacity left"


def _next_best(run: Explained, best: pd.DataFrame, lost: float) -> str:
    if best.empty:
        return "none: with its money no single station elsewhere would serve anybody new"
    top = best.iloc[0]
    more = float(top["gain_kwh_day"]) - lost
    verdict = f"{abs(more):,.0f} kWh/day {'more' if more > 0 else 'less'}"
    verdict = "as much" if abs(more) <= LITTLE_KWH else verdict
    where, kind = run.name_of(str(top["site_id"])), str(top["offer_id"]).partition(":")[2]
    pkr = float(top["subsidy_pkr"]) / 1e6
    return f"{where} with {kind} for PKR {pkr:,.2f} m: the plan would serve {verdict}, {ENDING}"


def _without(run: Explained, site: str, limit_s: float, figures: dict[str, Any]) -> str:
    """Return what the best plan without a station at a site serves, in words."""
    if site in run.required_sites:
        return "not asked: the configuration requires a station here (required_sites)"
    found, more, figures["planned_without"] = _again(run, without(run.instance, site), limit_s)
    proven = f"no plan without it serves more than {found.bound_kwh_day:,.0f}"
    if abs(more) <= LITTLE_KWH:
        return f"another plan, with nothing here, serves as much ({proven} kWh/day)"
    if more > 0:
        return f"a plan with nothing here serves {more:,.0f} kWh/day more ({proven})"
    return f"the best plan found with nothing here serves {-more:,.0f} kWh/day less ({proven})"


# --- a place that gets none ----------------------------------------------------------------------


def _not_built(run: Explained, found: SiteReasons, limit_s: float) -> bool:
    """Say why a place gets none; return whether other plans could give it one."""
    site = found.site_id
    wanted, unserved = _in_reach(run, site)
    found.say(
        "Demand there",
        f"{wanted:,.0f} kWh/day wanted within reach; {unserved:,.0f} of it is served nowhere",
        reach_kwh_day=wanted,
        unserved_kwh_day=unserved,
    )
    why = ""
    if site in run.forbidden_sites:
        why = "the configuration forbids a station here (forbidden_sites)"
    elif found.offers["plan_kwh_day"].isna().all():
        said = sorted({str(said) for said in found.offers["said"]}) or ["it has no offer"]
        why = "nothing can be built here: " + "; ".join(said)
    elif wanted <= LITTLE_KWH:
        why = "nobody whom its chargers could serve is within reach"
    if why:
        found.say("Why not", why)
        return False
    found.say("Money left", f"PKR {run.left_pkr / 1e6:,.2f} m of the budget")
    if run.energy_only:
        found.say("Why not", _required(run, site, limit_s, found.figures))
    return run.energy_only


def _required(run: Explained, site: str, limit_s: float, figures: dict[str, Any]) -> str:
    """Return what the best plan with a station at a site serves, in words."""
    at = np.flatnonzero(run.instance.site_ids == site)
    required = np.union1d(run.instance.required_sites, at)
    try:
        given = replace(run.instance, required_sites=required)
        found, more, figures["required"] = _again(run, given, limit_s)
    except InfeasibleError as err:
        return "with all else that is required it cannot stand: " + "; ".join(map(str, err.faults))
    standing = dict(offer.split(":", 1) for offer in found.offers)
    gone = sorted({o.partition(":")[0] for o in run.plan.solution.offers} - set(standing))
    figures["required"]["instead_of"] = gone
    where = f"with {standing[site]} here"
    where += f" and nothing at {', '.join(gone[:4])}" if gone else ""
    where += " …" if len(gone) > 4 else ""
    proven = f"no plan with it serves more than {found.bound_kwh_day:,.0f}"
    if abs(more) <= LITTLE_KWH:
        return f"it could as well: a plan {where} serves as much ({proven} kWh/day)"
    if more > 0:
        return (
            f"it was missed within the gap asked: a plan {where} serves {more:,.0f} kWh/day "
            f"more ({proven}); `siting replan` with --require {site} builds it"
        )
    return f"the best plan found {where} serves {-more:,.0f} kWh/day less ({proven})"


# --- for both ------------------------------------------------------------------------------------


def _again(
    run: Explained, given: Instance, limit_s: float
) -> tuple[Solution, float, dict[str, Any]]:
    """Return the plan for other wishes, what it serves more than the run's, and its figures."""
    found = run.asking.best(given, start=run.plan.solution.offers, time_limit_s=limit_s)
    figures = {
        "served_kwh_day": found.objective_kwh_day,
        "bound_kwh_day": found.bound_kwh_day,
        "gap": found.gap,
    }
    return found, found.objective_kwh_day - run.plan.solution.objective_kwh_day, figures


def _offers(run: Explained, site: str, chosen: str) -> pd.DataFrame:
    table = run.offers[run.offers["site_id"] == site]
    known: Mapping[str, float] = {}
    if site in set(run.instance.site_ids):
        worth = run.marginal.offers_at(site)
        known = dict(zip(worth["offer_id"], worth["value_kwh_day"], strict=True))
    left = {str(o) for o in run.instance.offer_ids}
    spent_here = float(table.loc[table["offer_id"] == chosen, "subsidy_pkr"].sum())
    rows = []
    for offer in table.to_dict("records"):
        id_, reason = str(offer["offer_id"]), str(offer["reason"] or "").strip()
        value = known.get(id_)
        if id_ == chosen:
            said, value = "stands" if offer["existing"] else "built", run.served_kwh_day
        elif reason and reason != "nan":
            said, value = f"ruled out: {reason}", None
        elif id_ not in left:
            said = "not open: the site is forbidden, or what stands here is kept"
        elif value is None:
            said = "another offer here costs no more and serves no less"
        else:
            pkr = float(offer["subsidy_pkr"]) - spent_here
            lacks = pkr - run.left_pkr
            said = f"{value - run.served_kwh_day:+,.0f} kWh/day for PKR {pkr / 1e6:+,.2f} m"
            said += f"; PKR {lacks / 1e6:,.2f} m too dear" if lacks > 0.5 else ""
        rows.append({**offer, "plan_kwh_day": value, "said": said})
    columns = ["configuration", "chargers", "subsidy_pkr", "cost_pkr", "plan_kwh_day", "said"]
    return pd.DataFrame(rows, columns=columns).astype({"plan_kwh_day": float})


def _frequency(run: Explained, reasons: SiteReasons, count: int, limit_s: float) -> None:
    """Say in how many near-optimal plans a site has a station."""
    found = run.other_plans(count, limit_s)
    what = "In other plans"
    if isinstance(found, str):
        reasons.say(what, f"not compared: {found}")
        return
    times = int(found.sites.set_index("site_id")["plans"].to_dict().get(reasons.site_id, 0))
    loss = max(plan.loss_share for plan in found.plans)
    reasons.figures["alternatives"] = {
        "plans": len(found.plans),
        "with_it": times,
        "within_share": near_optimal(run.asking.settings.gap),
        "largest_loss_share": loss,
        "complete": found.complete,
    }
    if len(found.plans) < 2:
        reasons.say(what, f"only one plan was found in the {limit_s:g} s given")
        return
    text = (
        f"a station stands here in {times} of {len(found.plans)} near-optimal plans, which differ "
        f"by two sites or more and serve at most {loss:.2%} less than the best of them"
    )
    text += "" if found.complete else f" (asked for {count}; the time ended first)"
    reasons.say(what, text)
